//! What a page is about to show, held against the grant that came with it.

use lezai_core::grant::{Grant, GrantError};
use lezai_core::key::VerifyingKey;
use lezai_core::time::Timestamp;
use serde::Deserialize;
use wasm_bindgen::prelude::*;

use crate::PublicKey;

/// The parts of a session's view that its grant must agree with.
#[derive(Deserialize)]
struct View {
    session: String,
    merchant: Merchant,
    amount: i64,
    currency: String,
    methods: Vec<Method>,
    grant: String,
}

#[derive(Deserialize)]
struct Merchant {
    id: String,
}

#[derive(Deserialize)]
struct Method {
    id: String,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Mismatch {
    #[error("the answer is no checkout session")]
    NoView,
    #[error(transparent)]
    Grant(#[from] GrantError),
    #[error("the grant is for another {0}")]
    Other(&'static str),
}

/// Checks that the grant inside a view binds what the view shows to this page: session, merchant,
/// amount, currency, methods, the page's key (its thumbprint is `jkt`) and its origin. `body` is
/// the verified answer, `session` the one the page was given, `now_ms` the gateway's clock.
///
/// # Errors
///
/// If the grant is missing, forged, over, or for something else; the message says what.
#[wasm_bindgen]
pub fn check_grant(
    body: &[u8],
    key: &PublicKey,
    session: &str,
    jkt: &str,
    origin: &str,
    now_ms: f64,
) -> Result<(), JsError> {
    #[expect(clippy::cast_possible_truncation, reason = "saturation at the ends of time is meant")]
    let now = Timestamp::from_ms(now_ms as i64);
    Ok(granted(body, &key.0, session, jkt, origin, now)?)
}

fn granted(
    body: &[u8],
    key: &VerifyingKey,
    session: &str,
    jkt: &str,
    origin: &str,
    now: Timestamp,
) -> Result<(), Mismatch> {
    let view: View = serde_json::from_slice(body).map_err(|_| Mismatch::NoView)?;
    let grant = Grant::verify(&view.grant, key, now)?;
    let methods = view.methods.iter().all(|method| grant.methods.contains(&method.id));
    // An origin is absent where the browser names none, such as in a sandboxed frame.
    let here = grant.origin.is_empty() || grant.origin == origin;
    for (same, what) in [
        (view.session == session && grant.session.as_str() == session, "session"),
        (grant.merchant.as_str() == view.merchant.id, "merchant"),
        (grant.amount == view.amount, "amount"),
        (grant.currency.code() == view.currency, "currency"),
        (methods, "list of methods"),
        (grant.cnf.jkt == jkt, "page's key"),
        (here, "website"),
    ] {
        if !same {
            return Err(Mismatch::Other(what));
        }
    }
    Ok(())
}
