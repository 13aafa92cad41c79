//! One request of the merchant's server and its answer: signed, sent by JavaScript, and verified.

use lezai_core::digest::{ContentDigester, content_digest};
use lezai_core::signature::{
    Answer, Input, Message, Params, Request, SignatureError, Tag, sign_base,
};
use lezai_core::time::Timestamp;
use wasm_bindgen::prelude::*;

use crate::keys::OtherKey;
use crate::{KeyRing, MerchantKey, borrow, pairs, timestamp};

/// A signed request, kept until its answer is verified: the answer's signature covers the
/// request's, so no answer can stand in for another.
#[wasm_bindgen]
pub struct Exchange(Signed);

#[wasm_bindgen]
impl Exchange {
    /// Signs a request. `query` is as sent, without its question mark; an empty `body` is none;
    /// `idempotency_key` is bare, and absent on a GET. The nonce is 8 to 128 visible ASCII
    /// characters, new for every request.
    ///
    /// # Errors
    ///
    /// If a parameter is not ASCII.
    #[wasm_bindgen(constructor)]
    #[expect(
        clippy::too_many_arguments,
        reason = "they are the request; a struct would cross as an object"
    )]
    pub fn new(
        key: &MerchantKey,
        keyid: &str,
        method: String,
        authority: String,
        path: String,
        query: String,
        idempotency_key: Option<String>,
        body: &[u8],
        created_ms: f64,
        nonce: &str,
    ) -> Result<Exchange, JsError> {
        let target = Target { method, authority, path, query };
        let created = timestamp(created_ms);
        let params = Params { created, keyid, nonce, tag: Tag::Merchant };
        Ok(Self(Signed::new(key, target, idempotency_key, body, &params)?))
    }

    /// The header fields to send, names and values in turn.
    pub fn fields(&self) -> Vec<String> {
        let fields = self.0.fields.iter();
        fields.flat_map(|(name, value)| [name.clone(), value.clone()]).collect()
    }

    /// Verifies that the gateway gave this answer to this request, just now: its signature with
    /// one of `keys`, and the digest of `body`, the bytes as they arrived.
    ///
    /// # Errors
    ///
    /// If the answer is not to be believed; the message says why.
    pub fn verify(
        &self,
        status: u16,
        fields: Vec<String>,
        body: &[u8],
        keys: &KeyRing,
        now_ms: f64,
    ) -> Result<(), JsError> {
        Ok(self.0.verify(status, &pairs(fields), body, keys, timestamp(now_ms))?)
    }

    /// Verifies the same of an answer whose body is still to come. Nothing of that may be believed before
    /// `BodyDigest.verify`.
    ///
    /// # Errors
    ///
    /// If the answer is not to be believed; the message says why.
    pub fn verify_head(
        &self,
        status: u16,
        fields: Vec<String>,
        keys: &KeyRing,
        now_ms: f64,
    ) -> Result<BodyDigest, JsError> {
        let digester = self.0.verify_head(status, &pairs(fields), keys, timestamp(now_ms))?;
        Ok(BodyDigest(digester))
    }
}

/// The digest of a body that comes in pieces, beside the one that was signed.
#[wasm_bindgen]
pub struct BodyDigest(ContentDigester);

#[wasm_bindgen]
impl BodyDigest {
    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// That was all of the body.
    ///
    /// # Errors
    ///
    /// If it is not the one that was signed.
    pub fn verify(self) -> Result<(), JsError> {
        Ok(self.0.verify()?)
    }
}

struct Signed {
    target: Target,
    fields: Vec<(String, String)>,
}

struct Target {
    method: String,
    authority: String,
    path: String,
    query: String,
}

/// Why an answer is not believed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Distrust {
    #[error(transparent)]
    OtherKey(#[from] OtherKey),
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

impl Signed {
    fn new(
        key: &MerchantKey,
        target: Target,
        idempotency_key: Option<String>,
        body: &[u8],
        params: &Params<'_>,
    ) -> Result<Self, SignatureError> {
        let mut fields = Vec::new();
        if let Some(key) = idempotency_key {
            fields.push(("idempotency-key".to_owned(), format!("\"{key}\"")));
        }
        if !body.is_empty() {
            fields.push(("content-type".to_owned(), "application/json".to_owned()));
            fields.push(("content-digest".to_owned(), content_digest(body)));
        }
        let base = {
            let borrowed = borrow(&fields);
            sign_base(&Message::Request(target.request(&borrowed)), !body.is_empty(), params)?
        };
        let signature = key.0.sign(base.text.as_bytes());
        fields.extend(base.fields(&signature).map(|(name, value)| (name.to_owned(), value)));
        Ok(Self { target, fields })
    }

    fn verify_head(
        &self,
        status: u16,
        fields: &[(String, String)],
        keys: &KeyRing,
        now: Timestamp,
    ) -> Result<ContentDigester, Distrust> {
        let (asked, answered) = (borrow(&self.fields), borrow(fields));
        let request = Some(self.target.request(&asked));
        let answer = Message::Answer(Answer { status, fields: &answered, request });
        let input = Input::by_tag(&answered, Tag::Gateway)?;
        let key = keys.named(input.keyid()?)?;
        Ok(input.verify_head(&answer, Tag::Gateway, key, now)?)
    }

    fn verify(
        &self,
        status: u16,
        fields: &[(String, String)],
        body: &[u8],
        keys: &KeyRing,
        now: Timestamp,
    ) -> Result<(), Distrust> {
        let (asked, answered) = (borrow(&self.fields), borrow(fields));
        let request = Some(self.target.request(&asked));
        let answer = Message::Answer(Answer { status, fields: &answered, request });
        let input = Input::by_tag(&answered, Tag::Gateway)?;
        let key = keys.named(input.keyid()?)?;
        input.verify(&answer, body, Tag::Gateway, key, now)?;
        Ok(())
    }
}

impl Target {
    /// No signature of ours covers the scheme alone.
    fn request<'a>(&'a self, fields: &'a [(&'a str, &'a str)]) -> Request<'a> {
        let Self { method, authority, path, query } = self;
        Request { method, scheme: "https", authority, path, query, fields }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::tests::{key, ring};

    const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);
    const BODY: &[u8] = br#"{"amount":12800}"#;

    fn asked(nonce: &str) -> Signed {
        let target = Target {
            method: "POST".to_owned(),
            authority: "pay.example".to_owned(),
            path: "/v1/orders".to_owned(),
            query: String::new(),
        };
        let params = Params { created: NOW, keyid: "shop-1", nonce, tag: Tag::Merchant };
        Signed::new(&MerchantKey(key(1)), target, Some("create-1".to_owned()), BODY, &params)
            .unwrap()
    }

    /// The gateway's answer to a request, signed at `created` with the key of `seed`.
    fn answer(to: &Signed, created: Timestamp, seed: u8) -> Vec<(String, String)> {
        let mut fields = vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("content-digest".to_owned(), content_digest(BODY)),
        ];
        let (asked, answered) = (borrow(&to.fields), borrow(&fields));
        let request = Some(to.target.request(&asked));
        let answer = Answer { status: 201, fields: &answered, request };
        let keyid = key(seed).verifying_key().thumbprint();
        let params = Params { created, keyid: &keyid, nonce: "nonce-gateway", tag: Tag::Gateway };
        let base = sign_base(&Message::Answer(answer), true, &params).unwrap();
        let signed = base.fields(&key(seed).sign(base.text.as_bytes()));
        fields.extend(signed.map(|(name, value)| (name.to_owned(), value)));
        fields
    }

    #[test]
    fn a_request_is_signed_as_the_gateway_demands() {
        let signed = asked("nonce-0001");
        let fields = borrow(&signed.fields);
        let input = Input::by_tag(&fields, Tag::Merchant).unwrap();
        let message = Message::Request(signed.target.request(&fields));
        let key = key(1).verifying_key();
        let verified = input.verify(&message, BODY, Tag::Merchant, &key, NOW).unwrap();
        assert_eq!((verified.keyid(), verified.nonce()), ("shop-1", "nonce-0001"));
        assert!(fields.contains(&("idempotency-key", "\"create-1\"")));
    }

    #[test]
    fn the_answer_to_this_request_is_believed() {
        let asked = asked("nonce-0001");
        for (trusted, by) in [(&[9][..], 9), (&[8, 9], 9), (&[8, 9], 8)] {
            let fields = answer(&asked, NOW, by);
            assert_eq!(asked.verify(201, &fields, BODY, &ring(trusted), NOW), Ok(()));
        }
    }

    #[test]
    fn a_head_is_believed_before_its_body_and_the_body_by_its_digest() {
        let asked_now = asked("nonce-0001");
        let fields = answer(&asked_now, NOW, 9);
        let head = || asked_now.verify_head(201, &fields, &ring(&[9]), NOW).unwrap();
        for (body, is_it) in [(BODY, true), (&BODY[1..], false), (b"", false)] {
            let mut digest = head();
            body.chunks(3).for_each(|it| digest.update(it));
            assert_eq!(digest.verify().is_ok(), is_it);
        }
        let to_another = answer(&asked("nonce-0002"), NOW, 9);
        let bare: Vec<_> =
            fields.iter().filter(|(name, _)| name != "content-digest").cloned().collect();
        for (status, fields, by) in
            [(200, &fields, 9), (201, &to_another, 9), (201, &fields, 8), (201, &bare, 9)]
        {
            assert!(asked_now.verify_head(status, fields, &ring(&[by]), NOW).is_err());
        }
    }

    #[test]
    fn any_other_answer_is_not() {
        let asked_now = asked("nonce-0001");
        let good = answer(&asked_now, NOW, 9);
        let to_another = answer(&asked("nonce-0002"), NOW, 9);
        let by_another = answer(&asked_now, NOW, 8);
        let old = answer(&asked_now, NOW.plus_secs(-301), 9);
        for (status, fields, body) in [
            (201, &to_another, BODY),
            (201, &by_another, BODY),
            (201, &old, BODY),
            (409, &good, BODY),
            (201, &good, br#"{"amount":1}"#.as_slice()),
            (201, &Vec::new(), BODY),
        ] {
            let refused = asked_now.verify(status, fields, body, &ring(&[9]), NOW);
            assert!(refused.is_err(), "{status} {fields:?}");
        }
        assert!(asked_now.verify(201, &good, BODY, &KeyRing::new(), NOW).is_err());
    }
}
