//! A page's request and the gateway's answer to it: what the page signs, and what it believes.
//!
//! None of a page's calls has a query. The scheme is not covered by any signature of ours.

use crate::key::Verify;
use crate::signature::{
    Answer, Base, Fields, Input, Message, Params, Request, SignatureError, Tag, Unverified,
    sign_base,
};
use crate::time::Timestamp;

/// A request of a page. It has a body if `content-digest` is among its fields.
#[derive(Clone, Copy, Debug)]
pub struct PageRequest<'a> {
    /// In capitals.
    pub method: &'a str,
    /// Lowercase host, and the port unless it is the scheme's own.
    pub authority: &'a str,
    /// The path as sent.
    pub path: &'a str,
    /// All header fields; to verify an answer, with those that carried the signature.
    pub fields: Fields<'a>,
}

impl<'a> PageRequest<'a> {
    /// The signature base that the page's key `keyid` signs.
    ///
    /// # Errors
    ///
    /// [`SignatureError::Malformed`] if a field that the signature covers is missing.
    pub fn to_sign(
        &self,
        created: Timestamp,
        nonce: &str,
        keyid: &str,
    ) -> Result<Base, SignatureError> {
        let has_body = self.fields.iter().any(|(name, _)| *name == "content-digest");
        let params = Params { created, keyid, nonce, tag: Tag::Checkout };
        sign_base(&Message::Request(self.request()), has_body, &params)
    }

    /// Verifies that the gateway gave this answer to this request, and when by its own clock.
    ///
    /// A shopper's clock may be hours off, so it is not asked how old the answer is. It need not
    /// be: the answer covers the signature of this request, which is new.
    ///
    /// # Errors
    ///
    /// See [`SignatureError`].
    pub fn verify_answer(
        &self,
        status: u16,
        fields: Fields<'_>,
        body: &[u8],
        key: &dyn Verify,
    ) -> Result<Timestamp, SignatureError> {
        Ok(self.check_answer(status, fields, body)?.verify(key)?.created())
    }

    /// All of [`PageRequest::verify_answer`] but the signature itself, for a page that lets its
    /// browser verify it.
    ///
    /// # Errors
    ///
    /// See [`SignatureError`].
    pub fn check_answer<T: AsRef<[u8]>>(
        &self,
        status: u16,
        fields: Fields<'_>,
        body: T,
    ) -> Result<Unverified<T>, SignatureError> {
        let answer = Answer { status, fields, request: Some(self.request()) };
        let input = Input::by_tag(fields, Tag::Gateway)?;
        let created = input.created()?;
        input.check(&Message::Answer(answer), body, Tag::Gateway, created)
    }

    fn request(&self) -> Request<'a> {
        let Self { method, authority, path, fields } = *self;
        Request { method, scheme: "https", authority, path, query: "", fields }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::content_digest;
    use crate::key::{SigningKey, VerifyingKey};

    const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);
    const BODY: &[u8] = br#"{"amount":12800}"#;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_entropy(&std::array::from_fn(|i| seed ^ [0, 85][i % 2])).unwrap()
    }

    fn gateway(seed: u8) -> VerifyingKey {
        key(seed).verifying_key()
    }

    fn request<'a>(fields: Fields<'a>) -> PageRequest<'a> {
        let path = "/v1/checkout/sessions/cs_1";
        PageRequest { method: "GET", authority: "pay.example", path, fields }
    }

    /// The fields of a request that the page signed.
    fn asked(nonce: &str) -> Vec<(&'static str, String)> {
        let base = request(&[]).to_sign(NOW, nonce, "page").unwrap();
        base.fields(&key(1).sign(base.text.as_bytes())).to_vec()
    }

    /// The gateway's answer to it, signed at `created` with the key of `seed`.
    fn answer(
        asked: &[(&'static str, String)],
        created: Timestamp,
        seed: u8,
    ) -> Vec<(&'static str, String)> {
        let mut fields = vec![
            ("content-type", "application/json".to_owned()),
            ("content-digest", content_digest(BODY)),
        ];
        let (asked, answered) = (borrow(asked), borrow(&fields));
        let request = Some(request(&asked).request());
        let answer = Answer { status: 200, fields: &answered, request };
        let params =
            Params { created, keyid: "gateway", nonce: "nonce-gateway", tag: Tag::Gateway };
        let base = sign_base(&Message::Answer(answer), true, &params).unwrap();
        let signed = base.fields(&key(seed).sign(base.text.as_bytes()));
        fields.extend(signed);
        fields
    }

    fn borrow<'a>(fields: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
        fields.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }

    #[test]
    fn the_answer_to_this_request_is_believed_whatever_the_clocks_say() {
        let asked = asked("nonce-0001");
        for created in [NOW, NOW.plus_secs(-86_400), NOW.plus_secs(86_400)] {
            let fields = answer(&asked, created, 9);
            let (asked, fields) = (borrow(&asked), borrow(&fields));
            let verified = request(&asked).verify_answer(200, &fields, BODY, &gateway(9));
            assert_eq!(verified, Ok(created));
        }
    }

    #[test]
    fn any_other_answer_is_not() {
        let mine = asked("nonce-0001");
        let good = answer(&mine, NOW, 9);
        let to_another = answer(&asked("nonce-0002"), NOW, 9);
        let bare: Vec<_> =
            good.iter().filter(|(name, _)| *name != "content-digest").cloned().collect();
        let by_another = answer(&mine, NOW, 8);
        for (status, fields, body) in [
            (200, &to_another, BODY),
            (200, &by_another, BODY),
            (409, &good, BODY),
            (200, &good, br#"{"amount":1}"#.as_slice()),
            (200, &bare, BODY),
            (200, &Vec::new(), BODY),
        ] {
            let (mine, fields) = (borrow(&mine), borrow(fields));
            let verified = request(&mine).verify_answer(status, &fields, body, &gateway(9));
            assert!(verified.is_err(), "{status} {fields:?}");
        }
    }
}
