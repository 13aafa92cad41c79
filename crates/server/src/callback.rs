//! The gateway's callbacks, by either of the two signatures that they carry.

use lezai_core::signature::{Input, Message, Request, SignatureError, Tag};
use lezai_core::time::Timestamp;
use lezai_core::webhook::Secret;
use wasm_bindgen::prelude::*;

use crate::keys::OtherKey;
use crate::{KeyRing, borrow, pairs, timestamp};

/// Verifies a callback by RFC 9421: the signature with one of `keys`, and the digest of `body`, the
/// bytes as they arrived. `authority`, `path` and `query` are those of the address that the gateway
/// was given. Returns the nonce, which no other callback has.
///
/// # Errors
///
/// If it is not to be believed; the message says why.
#[wasm_bindgen]
#[expect(clippy::too_many_arguments, reason = "they are the request")]
pub fn verify_callback(
    method: &str,
    authority: &str,
    path: &str,
    query: &str,
    fields: Vec<String>,
    body: &[u8],
    keys: &KeyRing,
    now_ms: f64,
) -> Result<String, JsError> {
    let fields = pairs(fields);
    let fields = borrow(&fields);
    let request = Request { method, scheme: "https", authority, path, query, fields: &fields };
    Ok(verified(request, body, keys, timestamp(now_ms))?)
}

/// Verifies a callback by Standard Webhooks, with the merchant's own secret, `whsec_…`.
///
/// # Errors
///
/// If it is not to be believed, or the secret is none; the message says why.
#[wasm_bindgen]
pub fn verify_webhook(
    secret: &str,
    id: &str,
    timestamp_field: &str,
    signatures: &str,
    body: &[u8],
    now_ms: f64,
) -> Result<(), JsError> {
    let secret = Secret::parse(secret)?;
    Ok(secret.verify(id, timestamp_field, signatures, body, timestamp(now_ms))?)
}

/// Why a callback is not believed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Forged {
    #[error(transparent)]
    OtherKey(#[from] OtherKey),
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

fn verified(
    request: Request<'_>,
    body: &[u8],
    keys: &KeyRing,
    now: Timestamp,
) -> Result<String, Forged> {
    let input = Input::by_tag(request.fields, Tag::Callback)?;
    let key = keys.named(input.keyid()?)?;
    let verified = input.verify(&Message::Request(request), body, Tag::Callback, key, now)?;
    Ok(verified.nonce().to_owned())
}

#[cfg(test)]
mod tests {
    use lezai_core::digest::content_digest;
    use lezai_core::signature::{Params, sign_base};

    use super::*;
    use crate::keys::tests::{key, ring};

    const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);
    const BODY: &[u8] = br#"{"id":"evt_1"}"#;
    const TARGET: [&str; 3] = ["shop.example", "/callbacks", "shop=3"];

    fn request<'a>(
        [authority, path, query]: [&'a str; 3],
        fields: &'a [(&'a str, &'a str)],
    ) -> Request<'a> {
        Request { method: "POST", scheme: "https", authority, path, query, fields }
    }

    fn delivery(tag: Tag) -> Vec<(String, String)> {
        let digest = content_digest(BODY);
        // A signature for another use covers it; a callback's does not.
        let fields = [
            ("content-type", "application/json"),
            ("content-digest", digest.as_str()),
            ("idempotency-key", "\"1\""),
        ];
        let keyid = key(9).verifying_key().thumbprint();
        let params = Params { created: NOW, keyid: &keyid, nonce: "nonce-0001", tag };
        let base = sign_base(&Message::Request(request(TARGET, &fields)), true, &params).unwrap();
        let signed = base.fields(&key(9).sign(base.text.as_bytes()));
        let fields = fields.map(|(name, value)| (name, value.to_owned()));
        fields.into_iter().chain(signed).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    #[test]
    fn a_callback_of_the_gateway_gives_its_nonce() {
        let fields = delivery(Tag::Callback);
        let nonce = verified(request(TARGET, &borrow(&fields)), BODY, &ring(&[9]), NOW);
        assert_eq!(nonce.as_deref(), Ok("nonce-0001"));
    }

    #[test]
    fn anything_else_is_refused() {
        let (good, of_another_use) = (delivery(Tag::Callback), delivery(Tag::Gateway));
        let [authority, path, query] = TARGET;
        for (target, fields, body, trusted, now) in [
            (["other.example", path, query], &good, BODY, 9, NOW),
            ([authority, "/other", query], &good, BODY, 9, NOW),
            ([authority, path, "shop=4"], &good, BODY, 9, NOW),
            (TARGET, &of_another_use, BODY, 9, NOW),
            (TARGET, &good, b"{}".as_slice(), 9, NOW),
            (TARGET, &good, BODY, 8, NOW),
            (TARGET, &good, BODY, 9, NOW.plus_secs(301)),
        ] {
            let refused = verified(request(target, &borrow(fields)), body, &ring(&[trusted]), now);
            assert!(refused.is_err(), "{target:?}");
        }
    }
}
