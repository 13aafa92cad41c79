//! The hosted payment page and the files of the checkout element.

use lezai_base::url;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::{Value, json};

use super::Reply;
use super::extract::{Segment, segment};
use lezai_assets as assets;
use lezai_gateway::gateway::Gateway;
use lezai_gateway::orders::checkout;
use lezai_store::brand::Logo;
use lezai_wire::problem::{Code, Problem};

/// The page runs our own scripts and the core's wasm, and talks to us. Who may frame it is added.
pub const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; base-uri 'none'; form-action 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// The element's script, with its hash after the name.
const SCRIPT: &str = "lezai-checkout-";

/// The page's other header fields; `lezai page check` wants all of them. A script without a hash is not
/// run, no other window holds on to this one, and the device's abilities but the clipboard stay off.
pub const FIELDS: [(&str, &str); 4] = [
    ("integrity-policy", "blocked-destinations=(script)"),
    ("cross-origin-opener-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), microphone=(), geolocation=(), payment=(), usb=(), clipboard-write=(self)",
    ),
    ("x-content-type-options", "nosniff"),
];

/// The hosted page. It is the same for every session: what it shows it asks for itself. Only who may
/// frame it is the merchant's, and a session that nobody knows is framed by nobody.
pub(super) async fn hosted(
    State(gateway): State<Arc<Gateway>>,
    session: Segment,
    headers: HeaderMap,
) -> Result<Response, Reply> {
    let page = assets::find("checkout", "pay.html")
        .ok_or_else(|| Problem::internal("the payment page is not built in"))?;
    let framers = checkout::frame_origins(&gateway, &segment(session)?).await?;
    // Made anew from what is read in them: nothing in them can end the directive.
    let framers: Vec<String> = framers.iter().filter_map(|it| url::origin(it).ok()).collect();
    let framers = if framers.is_empty() { "'none'".to_owned() } else { framers.join(" ") };
    let policy = HeaderValue::try_from(format!("{POLICY}; frame-ancestors {framers}"));
    let mut response = assets::serve(page, &headers);
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_SECURITY_POLICY, policy.map_err(Problem::internal)?);
    for (name, value) in FIELDS {
        fields.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    Ok(response)
}

/// The element that this gateway serves, and the tag by which a shop's page embeds exactly
/// that: its file is named by its content, and the browser holds it against its hash.
pub(super) async fn release(State(gateway): State<Arc<Gateway>>) -> Result<Json<Value>, Reply> {
    let (name, script) = assets::all("checkout")
        .find(|(name, asset)| name.starts_with(SCRIPT) && name.ends_with(".js") && asset.immutable)
        .ok_or_else(|| Problem::internal("the checkout's script is not built in"))?;
    let src = format!("{}/checkout/v1/{name}", gateway.public_url);
    let integrity = script.integrity;
    Ok(Json(json!({
        "object": "checkout_release",
        "version": env!("CARGO_PKG_VERSION"),
        "tag": format!(
            r#"<script type="module" src="{src}" integrity="{integrity}" crossorigin="anonymous"></script>"#
        ),
        "script": { "src": src, "integrity": integrity },
        "inventory": format!("{}/checkout/v1/inventory.json", gateway.public_url),
    })))
}

/// A file of the element, for any website.
pub(super) async fn checkout_file(
    State(gateway): State<Arc<Gateway>>,
    file: Segment,
    headers: HeaderMap,
) -> Result<Response, Reply> {
    let name = segment(file)?;
    let mut response = match assets::find("checkout", &name) {
        Some(file) => assets::serve(file, &headers),
        None => logo(&gateway, &name)
            .ok_or_else(|| Problem::new(Code::NotFound, "there is no such file"))?,
    };
    let policy = HeaderName::from_static("cross-origin-resource-policy");
    response.headers_mut().insert(policy, HeaderValue::from_static("cross-origin"));
    Ok(response)
}

/// A logo by the name of its file, if it is the merchant's present one.
fn logo(gateway: &Gateway, name: &str) -> Option<Response> {
    let id = Logo::merchant_of(name)?;
    let merchants = gateway.merchants.current();
    let logo = merchants.get(&id)?.record.brand.logo.as_ref();
    let logo = logo.filter(|logo| logo.file_name(&id) == name)?;
    let mut response = Response::new(logo.bytes().to_vec().into());
    let fields = response.headers_mut();
    let fixed = HeaderValue::from_static;
    fields.insert(header::CONTENT_TYPE, fixed("image/png"));
    fields.insert(header::CACHE_CONTROL, fixed("public, max-age=31536000, immutable"));
    // Opened by itself it is a picture and nothing else, whatever its bytes say.
    fields.insert(header::CONTENT_SECURITY_POLICY, fixed("default-src 'none'; sandbox"));
    Some(response)
}
