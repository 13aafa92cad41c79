//! The core's face for web pages: what a checkout page needs to ask the gateway and to believe
//! its answers.
//!
//! Owns the crossing between JavaScript and the core, and decides nothing: signatures, digests
//! and grants are judged by `lezai-core`. Does no I/O, and takes time and randomness as
//! arguments. A request's signature is made outside, by a WebCrypto key that nobody can read;
//! [`PageKey`] signs where WebCrypto is missing.
//!
//! Errors reach the page as exceptions whose message says what is wrong.

mod exchange;
mod terms;

use lezai_core::digest;
use lezai_core::instalments::{Parts, Plan};
use lezai_core::key::{Jwk, SigningKey, VerifyingKey};
use wasm_bindgen::prelude::*;

pub use exchange::Exchange;
pub use terms::{Terms, signed_grant};

/// 2 KB less to download than the usual allocator (dlmalloc).
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static MEMORY: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

/// A P-256 public key: the gateway's.
#[wasm_bindgen]
pub struct PublicKey(VerifyingKey);

#[wasm_bindgen]
impl PublicKey {
    /// From the coordinates of its JWK, in base64url.
    ///
    /// # Errors
    ///
    /// If they are no point on the curve.
    #[wasm_bindgen(constructor)]
    pub fn new(x: String, y: String) -> Result<PublicKey, JsError> {
        let jwk = Jwk { kty: "EC".to_owned(), crv: "P-256".to_owned(), x, y };
        Ok(Self(VerifyingKey::from_jwk(&jwk)?))
    }

    /// The key's name (RFC 7638).
    pub fn thumbprint(&self) -> String {
        self.0.thumbprint()
    }

    /// Whether `signature`, r and s of 32 bytes each, is the key's over `message`.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify(message, signature).is_ok()
    }
}

/// A page's own private key, for pages where WebCrypto is missing.
#[wasm_bindgen]
pub struct PageKey(SigningKey);

#[wasm_bindgen]
impl PageKey {
    /// From 32 bytes of `crypto.getRandomValues`.
    ///
    /// # Errors
    ///
    /// If they are not 32 random bytes.
    #[wasm_bindgen(constructor)]
    pub fn new(entropy: &[u8]) -> Result<PageKey, JsError> {
        let entropy = entropy.try_into().map_err(|_| JsError::new("entropy must be 32 bytes"))?;
        Ok(Self(SigningKey::from_entropy(entropy)?))
    }

    /// The coordinates x and y of the public half, as in its JWK.
    pub fn coordinates(&self) -> Vec<String> {
        let Jwk { x, y, .. } = self.0.verifying_key().to_jwk();
        vec![x, y]
    }

    /// Signs a message; the signature is r and s, 32 bytes each (RFC 6979).
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).to_vec()
    }
}

/// What an amount in minor units comes to in so many monthly parts, for a fee in parts per million: the fee,
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
