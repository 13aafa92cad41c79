//! One request of the page and its answer: signed, sent by the page, and verified.

use lezai_core::key::Signature;
use lezai_core::signature::{
    Answer, Base, Input, Message, Params, Request, SignatureError, Tag, sign_base,
};
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
        let params = Params { created: timestamp(created_ms), keyid, nonce, tag: Tag::Checkout };
        Ok(Self::signed_by(method, authority, path, fields, &params)?)
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
        let fields = self.attach(signature);
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
        let created = self.verified_at(status, &pairs(fields), body, key)?;
        #[expect(clippy::cast_precision_loss, reason = "a time in milliseconds is far below 2^53")]
        Ok(created.as_ms() as f64)
    }
}

impl Exchange {
    fn signed_by(
        method: String,
        authority: String,
        path: String,
        fields: Vec<(String, String)>,
        params: &Params<'_>,
    ) -> Result<Self, SignatureError> {
        let has_body = fields.iter().any(|(name, _)| name == "content-digest");
        let borrowed = borrow(&fields);
        let base = sign_base(
            &Message::Request(request(&method, &authority, &path, &borrowed)),
            has_body,
            params,
        )?;
        Ok(Self { method, authority, path, fields, base })
    }

    fn attach(&mut self, signature: &Signature) -> [(&'static str, String); 2] {
        let fields = self.base.fields(signature);
        self.fields.extend(fields.clone().map(|(name, value)| (name.to_owned(), value)));
        fields
    }

    /// A shopper's clock may be hours off, so it is not asked how old the answer is. It need not
    /// be: the answer covers the signature of this request, which is new.
    fn verified_at(
        &self,
        status: u16,
        fields: &[(String, String)],
        body: &[u8],
        key: &PublicKey,
    ) -> Result<Timestamp, SignatureError> {
        let (asked, answered) = (borrow(&self.fields), borrow(fields));
        let request = request(&self.method, &self.authority, &self.path, &asked);
        let answer = Answer { status, fields: &answered, request: Some(request) };
        let input = Input::by_tag(&answered, Tag::Gateway)?;
        let created = input.created()?;
        input.verify(&Message::Answer(answer), body, Tag::Gateway, &key.0, created)?;
        Ok(created)
    }
}

/// None of the page's calls has a query, and no signature of ours covers the scheme alone.
fn request<'a>(
    method: &'a str,
    authority: &'a str,
    path: &'a str,
    fields: &'a [(&'a str, &'a str)],
) -> Request<'a> {
    Request { method, scheme: "https", authority, path, query: "", fields }
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

#[cfg(test)]
mod tests {
    use super::*;
    use lezai_core::digest::content_digest;
    use lezai_core::key::SigningKey;

    const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);
    const BODY: &[u8] = br#"{"amount":12800}"#;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_entropy(&std::array::from_fn(|i| seed ^ [0, 85][i % 2])).unwrap()
    }

    fn exchange(nonce: &str) -> Exchange {
        let params = Params { created: NOW, keyid: "page", nonce, tag: Tag::Checkout };
        let (method, authority, path) =
            ("GET".to_owned(), "pay.example".to_owned(), "/v1/checkout/sessions/cs_1".to_owned());
        let mut exchange =
            Exchange::signed_by(method, authority, path, Vec::new(), &params).unwrap();
        exchange.attach(&key(1).sign(&exchange.to_sign()));
        exchange
    }

    /// The gateway's answer to `exchange`, signed at `created` with the key of `seed`.
    fn answer(exchange: &Exchange, created: Timestamp, seed: u8) -> Vec<(String, String)> {
        let mut fields = vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("content-digest".to_owned(), content_digest(BODY)),
        ];
        let (asked, answered) = (borrow(&exchange.fields), borrow(&fields));
        let request = request(&exchange.method, &exchange.authority, &exchange.path, &asked);
        let answer = Answer { status: 200, fields: &answered, request: Some(request) };
        let params =
            Params { created, keyid: "gateway", nonce: "nonce-gateway", tag: Tag::Gateway };
        let base = sign_base(&Message::Answer(answer), true, &params).unwrap();
        let signed = base.fields(&key(seed).sign(base.text.as_bytes()));
        fields.extend(signed.map(|(name, value)| (name.to_owned(), value)));
        fields
    }

    fn gateway(seed: u8) -> PublicKey {
        PublicKey(key(seed).verifying_key())
    }

    #[test]
    fn the_answer_to_this_request_is_believed_whatever_the_clocks_say() {
        let exchange = exchange("nonce-0001");
        for created in [NOW, NOW.plus_secs(-86_400), NOW.plus_secs(86_400)] {
            let fields = answer(&exchange, created, 9);
            assert_eq!(exchange.verified_at(200, &fields, BODY, &gateway(9)), Ok(created));
        }
    }

    #[test]
    fn any_other_answer_is_not() {
        let asked = exchange("nonce-0001");
        let good = answer(&asked, NOW, 9);
        let to_another = answer(&exchange("nonce-0002"), NOW, 9);
        let bare: Vec<_> =
            good.iter().filter(|(name, _)| name != "content-digest").cloned().collect();
        let by_another = answer(&asked, NOW, 8);
        for (status, fields, body) in [
            (200, &to_another, BODY),
            (200, &by_another, BODY),
            (409, &good, BODY),
            (200, &good, br#"{"amount":1}"#.as_slice()),
            (200, &bare, BODY),
            (200, &Vec::new(), BODY),
        ] {
            assert!(
                asked.verified_at(status, fields, body, &gateway(9)).is_err(),
                "{status} {fields:?}"
            );
        }
    }
}
