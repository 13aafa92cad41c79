//! The shop's pages and pictures, as they were built into this program.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, header};

use lezai_assets as assets;

use super::ShopError;

/// Where the pages' build wants the gateway's address.
const PLACE: &str = "{{gateway}}";

/// The pages of one shop.
pub(super) struct Pages {
    /// The page with the checkout, which loads its element from the gateway.
    pay: String,
}

impl Pages {
    /// Fills the gateway's address in.
    pub(super) fn load(gateway_url: &str) -> Result<Self, ShopError> {
        let pay = assets::find("shop", "pay.html")
            .and_then(|asset| std::str::from_utf8(asset.bytes).ok());
        let pay = pay
            .filter(|page| page.contains(PLACE))
            .ok_or(ShopError::Pages("pay.html has no place for the gateway's address"))?;
        Ok(Self { pay: pay.replace(PLACE, gateway_url) })
    }

    /// The file at a path.
    pub(super) fn find(&self, path: &str, headers: &HeaderMap) -> Option<Response> {
        let name = match path {
            "/" => "shop.html",
            "/orders" => "orders.html",
            "/pay" | "/pay.html" => {
                let html =
                    (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
                return Some(([html], self.pay.clone()).into_response());
            }
            other => other.strip_prefix('/')?,
        };
        Some(assets::serve(assets::find("shop", name)?, headers))
    }
}

/// The pages' permissions: run their own scripts and the gateway's element, and talk to both
/// servers. No inline script, no `eval`, no frame, no form, no text turned into markup.
pub(super) fn content_security_policy(gateway_url: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self' {gateway_url} 'wasm-unsafe-eval'; connect-src 'self' {gateway_url}; \
         style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'"
    )
}
