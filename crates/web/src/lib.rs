//! The core's face for web pages: what a checkout page needs to ask the gateway and to believe
//! its answers.
//!
//! Owns the crossing between JavaScript and the core, and decides nothing: requests, answers, digests
//! and grants are composed, read and judged by `lezai-core`. Does no I/O, and takes time and randomness as
//! arguments. The two steps that take a key, signing and verifying, are made outside, by WebCrypto, or where
//! that is missing by `lezai-mini`: what is to be signed or verified comes out as bytes, and the rest of the
//! core's checks goes on with what came of it. So this module has no P-256 in it, which would be more than
//! half of what a shopper downloads.
//!
//! A list crosses as one text with a line for each of its members: arrays of texts would make the crossing
//! twice as large. Errors reach the page as exceptions whose message says what is wrong.

mod exchange;
mod grant;
mod outside;

use lezai_core::digest;
use lezai_core::instalments::{Parts, Plan};
use lezai_core::key::Jwk;
use wasm_bindgen::prelude::*;

pub use exchange::{Answer, Exchange};
pub use grant::{SignedGrant, allow};

/// 2 KB less to download than the usual allocator (dlmalloc).
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static MEMORY: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

/// The name (RFC 7638) of the P-256 key with these coordinates, in base64url as in its JWK. Whether they are
/// a point on the curve is asked of whoever verifies with the key.
///
/// # Errors
///
/// If they are not 32 bytes each, in the one way to write them.
#[wasm_bindgen]
pub fn thumbprint(x: String, y: String) -> Result<String, JsError> {
    Ok(Jwk { kty: "EC".to_owned(), crv: "P-256".to_owned(), x, y }.thumbprint()?)
}

/// The sums of an amount in minor units paid in monthly parts, for a fee in parts per million: the fee,
/// the total, the first part, and each other part. All are below 2^53, so a page's numbers hold them.
///
/// # Errors
///
/// If there is no such plan, or the amount cannot be paid by it.
#[wasm_bindgen]
pub fn instalments(minor: f64, count: u8, rate_ppm: u32) -> Result<Vec<f64>, JsError> {
    #[expect(clippy::cast_possible_truncation, reason = "the page passes whole numbers below 2^53")]
    let parts = Plan::new(count, rate_ppm).ok().and_then(|plan| plan.parts(minor as i64));
    // Said here rather than by the core's error, whose numbers would have to be written out.
    let none = || JsError::new("the amount cannot be paid by such instalments");
    let Parts { fee, total, first, each } = parts.ok_or_else(none)?;
    #[expect(clippy::cast_precision_loss, reason = "the core gives none above 2^53")]
    Ok([fee, total, first, each].map(|it| it as f64).to_vec())
}

/// The value of `Content-Digest` for a body (RFC 9530).
#[wasm_bindgen]
pub fn content_digest(body: &[u8]) -> String {
    digest::content_digest(body)
}
