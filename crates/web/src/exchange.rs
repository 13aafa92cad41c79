//! One request of the page and its answer: signed, sent by the page, and verified.

use lezai_core::exchange::PageRequest;
use lezai_core::signature::{Base, Unverified};
use lezai_core::time::Timestamp;
use wasm_bindgen::prelude::*;

use crate::outside::Outside;

/// A request with its signature, kept until its answer is verified: the answer's signature covers
/// the request's, so no answer can stand in for another.
#[wasm_bindgen]
pub struct Exchange {
    method: String,
    authority: String,
    path: String,
    fields: String,
    base: Base,
}

#[wasm_bindgen]
impl Exchange {
    /// A request to be signed by the page's key `keyid`. `fields` are its header fields, a line for each
    /// lowercase name and one for its value; it has a body if `content-digest` is among them.
    /// `created_ms` is the time by the gateway's clock, as near as the page knows it.
    ///
    /// # Errors
    ///
    /// If a field that the signature covers is missing.
    #[wasm_bindgen(constructor)]
    pub fn new(
        method: String,
        authority: String,
        path: String,
        fields: String,
        created_ms: f64,
        nonce: &str,
        keyid: &str,
    ) -> Result<Exchange, JsError> {
        let pairs = pairs(&fields);
        let request =
            PageRequest { method: &method, authority: &authority, path: &path, fields: &pairs };
        let base = request.to_sign(timestamp(created_ms), nonce, keyid)?;
        Ok(Self { method, authority, path, fields, base })
    }

    /// The bytes to sign with ECDSA and SHA-256.
    pub fn to_sign(&self) -> Vec<u8> {
        self.base.text.as_bytes().to_vec()
    }

    /// All header fields, with those that carry the signature (r and s, 32 bytes each): a line for each name
    /// and one for its value.
    ///
    /// # Errors
    ///
    /// If the signature has another length.
    pub fn sign(&mut self, signature: &[u8]) -> Result<String, JsError> {
        let signature =
            signature.try_into().map_err(|_| JsError::new("a signature is 64 bytes"))?;
        for (name, value) in self.base.fields(signature) {
            for line in [name, &value] {
                if !self.fields.is_empty() {
                    self.fields.push('\n');
                }
                self.fields.push_str(line);
            }
        }
        Ok(self.fields.clone())
    }

    /// Checks all of an answer to this request but its signature. `fields` are its header fields, written as
    /// the request's, `body` the bytes as they arrived.
    ///
    /// # Errors
    ///
    /// If the answer is not to be believed; the message says why.
    pub fn answer(&self, status: u16, fields: &str, body: Vec<u8>) -> Result<Answer, JsError> {
        let Self { method, authority, path, .. } = self;
        let asked = pairs(&self.fields);
        let request = PageRequest { method, authority, path, fields: &asked };
        Ok(Answer(request.check_answer(status, &pairs(fields), body)?))
    }
}

/// An answer whose signature is not verified yet.
#[wasm_bindgen]
pub struct Answer(Unverified<Vec<u8>>);

#[wasm_bindgen]
impl Answer {
    /// The bytes that the gateway's key must have signed.
    pub fn to_verify(&self) -> Vec<u8> {
        self.0.base().as_bytes().to_vec()
    }

    /// The signature over them.
    pub fn signature(&self) -> Vec<u8> {
        self.0.signature().to_vec()
    }

    /// Whether the gateway gave this answer: `holds` tells whether the signature is its key's, and the digest
    /// that it covers is compared with the body. Returns the gateway's clock at signing in milliseconds,
    /// to the second.
    ///
    /// # Errors
    ///
    /// If the answer is not to be believed; the message says why.
    pub fn verified(self, holds: bool) -> Result<f64, JsError> {
        let created = self.0.verify(&Outside { holds })?.created();
        #[expect(clippy::cast_precision_loss, reason = "a time in milliseconds is far below 2^53")]
        Ok(created.as_ms() as f64)
    }
}

/// Names and values out of their lines. Neither can hold the end of a line: browsers refuse to send such a
/// field, and none arrives.
fn pairs(lines: &str) -> Vec<(&str, &str)> {
    let mut lines = lines.split('\n');
    let mut pairs = Vec::new();
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        pairs.push((name, value));
    }
    pairs
}

/// The page's clock counts in whole milliseconds; the cast saturates at the ends of time.
#[expect(clippy::cast_possible_truncation, reason = "saturation is meant")]
fn timestamp(ms: f64) -> Timestamp {
    Timestamp::from_ms(ms as i64)
}
