//! The grant that came with an answer, and what a page is about to show.

use lezai_core::grant;
use lezai_core::terms::Terms;
use lezai_core::time::Timestamp;
use wasm_bindgen::prelude::*;

use crate::outside::Outside;

/// A grant whose signature is not verified yet.
#[wasm_bindgen]
pub struct SignedGrant(grant::Unverified);

#[wasm_bindgen]
impl SignedGrant {
    /// # Errors
    ///
    /// If it is malformed.
    #[wasm_bindgen(constructor)]
    pub fn new(jws: &str) -> Result<SignedGrant, JsError> {
        Ok(Self(grant::Unverified::parse(jws)?))
    }

    /// The bytes that the gateway's key must have signed.
    pub fn to_verify(&self) -> Vec<u8> {
        self.0.message().to_vec()
    }

    /// The signature over them.
    pub fn signature(&self) -> Vec<u8> {
        self.0.signature().to_vec()
    }

    /// The grant's contents, as JSON: page and core read it with one parser, the browser's. `holds` tells
    /// whether the signature is the gateway's.
    ///
    /// # Errors
    ///
    /// If it is not.
    pub fn verified(self, holds: bool) -> Result<String, JsError> {
        Ok(self.0.verify(&Outside { holds })?)
    }
}

/// Checks that a grant with the terms `granted`, made at `iat` and ending at `exp` (seconds), lets a page show
/// `shown` at `now_ms`, by the gateway's clock. Terms are lines: session, merchant, amount, currency, the
/// thumbprint of the page's key, where the page is, and a line for each method.
///
/// # Errors
///
/// If it is over, or for something else; the message says what.
#[wasm_bindgen]
pub fn allow(granted: &str, shown: &str, iat: f64, exp: f64, now_ms: f64) -> Result<(), JsError> {
    #[expect(clippy::cast_possible_truncation, reason = "saturation at the ends of time is meant")]
    let [iat, exp, now] = [iat, exp, now_ms].map(|it| it as i64);
    Ok(terms(granted).allow(&terms(shown), iat, exp, Timestamp::from_ms(now))?)
}

/// A missing line is empty, and is for nothing then.
fn terms(lines: &str) -> Terms {
    let mut lines = lines.split('\n').map(str::to_owned);
    let mut next = || lines.next().unwrap_or_default();
    let [session, merchant, amount, currency, jkt, origin] = std::array::from_fn(|_| next());
    Terms { session, merchant, amount, currency, jkt, origin, methods: lines.collect() }
}
