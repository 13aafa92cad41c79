//! The hosted payment page and the files of the checkout element.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::{Value, json};

use super::orders::segment;
use crate::assets;
use crate::gateway::Gateway;
use crate::problem::{Code, Problem};

/// The page runs our own scripts and the core's wasm, talks to us, and can be framed by nobody.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// The element's script, with its hash after the name.
const SCRIPT: &str = "lezai-checkout-";

/// The hosted page. It is the same for every session: what it shows it asks for itself.
pub(super) async fn hosted(headers: HeaderMap) -> Result<Response, Problem> {
    let page = assets::find("checkout", "pay.html")
        .ok_or_else(|| Problem::internal("the payment page is not built in"))?;
    let mut response = assets::serve(page, &headers);
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    Ok(response)
}

/// What this gateway serves of the element, and the tag by which a shop's page embeds exactly
/// that: its file is named by its content, and the browser holds it against its hash.
pub(super) async fn release(State(gateway): State<Arc<Gateway>>) -> Result<Json<Value>, Problem> {
    let (name, script) = assets::all("checkout")
        .find(|(name, asset)| name.starts_with(SCRIPT) && name.ends_with(".js") && asset.immutable)
        .ok_or_else(|| Problem::internal("the checkout's script is not built in"))?;
    let src = format!("{}/checkout/v1/{name}", gateway.public_url);
    let integrity = script.integrity;
    let files: Vec<Value> = assets::all("checkout")
        .map(|(file, asset)| {
            json!({ "file": file, "bytes": asset.bytes.len(), "integrity": asset.integrity })
        })
        .collect();
    Ok(Json(json!({
        "object": "checkout_release",
        "version": env!("CARGO_PKG_VERSION"),
        "tag": format!(
            r#"<script type="module" src="{src}" integrity="{integrity}" crossorigin="anonymous"></script>"#
        ),
        "script": { "src": src, "integrity": integrity },
        "files": files,
    })))
}

/// A file of the element, for any website.
pub(super) async fn checkout_file(
    file: Result<Path<String>, axum::extract::rejection::PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let file = assets::find("checkout", &segment(file)?)
        .ok_or_else(|| Problem::new(Code::NotFound, "there is no such file"))?;
    let mut response = assets::serve(file, &headers).into_response();
    let policy = HeaderName::from_static("cross-origin-resource-policy");
    response.headers_mut().insert(policy, HeaderValue::from_static("cross-origin"));
    Ok(response)
}
