//! One request of the page and its answer: signed, sent by the page, and verified.

use lezai_core::exchange::PageRequest;
use lezai_core::signature::Base;
use lezai_core::time::Timestamp;
use wasm_bindgen::prelude::*;

use crate::PublicKey;

/// A request with its signature, kept until its answer is verified: the answer's signature covers
/// the request's, so no answer can stand in for another.
#[wasm_bindgen]
pub struct Exchange {
    method: String,
    authority: String,
    path: String,
    fields: Vec<(String, String)>,
    base: Base,
}

#[wasm_bindgen]
impl Exchange {
    /// A request to be signed by the page's key `keyid`. `fields` are its header fields, each a
    /// lowercase name followed by its value; it has a body if `content-digest` is among them.
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
        fields: Vec<String>,
        created_ms: f64,
        nonce: &str,
        keyid: &str,
    ) -> Result<Exchange, JsError> {
        let fields = pairs(fields);
        let borrowed = borrow(&fields);
        let request =
            PageRequest { method: &method, authority: &authority, path: &path, fields: &borrowed };
        let base = request.to_sign(timestamp(created_ms), nonce, keyid)?;
        Ok(Self { method, authority, path, fields, base })
    }

    /// The bytes to sign with ECDSA and SHA-256.
    pub fn to_sign(&self) -> Vec<u8> {
        self.base.text.as_bytes().to_vec()
    }

    /// The header fields that carry the signature (r and s, 32 bytes each), names and values in
    /// turn.
    ///
    /// # Errors
    ///
    /// If the signature has another length.
    pub fn sign(&mut self, signature: &[u8]) -> Result<Vec<String>, JsError> {
        let signature =
            signature.try_into().map_err(|_| JsError::new("a signature is 64 bytes"))?;
        let fields = self.base.fields(signature);
        self.fields.extend(fields.clone().map(|(name, value)| (name.to_owned(), value)));
        Ok(fields.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect())
    }

    /// Verifies that the gateway gave this answer to this request: its signature with `key`, and
    /// the digest of `body`, the bytes as they arrived. Returns the gateway's clock at signing in
    /// milliseconds, to the second.
    ///
    /// # Errors
    ///
    /// If the answer is not to be believed; the message says why.
    pub fn verify(
        &self,
        status: u16,
        fields: Vec<String>,
        body: &[u8],
        key: &PublicKey,
    ) -> Result<f64, JsError> {
        let (asked, answered) = (borrow(&self.fields), pairs(fields));
        let answered = borrow(&answered);
        let created = self.request(&asked).verify_answer(status, &answered, body, &key.0)?;
        #[expect(clippy::cast_precision_loss, reason = "a time in milliseconds is far below 2^53")]
        Ok(created.as_ms() as f64)
    }
}

impl Exchange {
    fn request<'a>(&'a self, fields: &'a [(&'a str, &'a str)]) -> PageRequest<'a> {
        let Self { method, authority, path, .. } = self;
        PageRequest { method, authority, path, fields }
    }
}

fn borrow(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn pairs(flat: Vec<String>) -> Vec<(String, String)> {
    let mut flat = flat.into_iter();
    std::iter::from_fn(|| Some((flat.next()?, flat.next()?))).collect()
}

/// The page's clock counts in whole milliseconds; the cast saturates at the ends of time.
#[expect(clippy::cast_possible_truncation, reason = "saturation is meant")]
fn timestamp(ms: f64) -> Timestamp {
    Timestamp::from_ms(ms as i64)
}
