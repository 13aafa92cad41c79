//! Callbacks as a gateway sends them, for tests of whoever receives some; the demo shop's include this file.

use lezai_core::digest::content_digest;
use lezai_core::key::SigningKey;
use lezai_core::signature::{Message, Params, Request, Tag, sign_base};
use lezai_core::time::Timestamp;
use lezai_core::webhook::Secret;

use super::Receiver;

/// The time of [`delivery`].
pub(super) const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);
/// A key, another for each number.
pub(super) fn key(first: u8) -> SigningKey {
    SigningKey::from_entropy(&std::array::from_fn(|i| first + u8::try_from(i).unwrap())).unwrap()
}

/// A receiver that checks [`delivery`]'s callbacks.
pub(super) fn receiver() -> Receiver {
    Receiver {
        gateway_key: key(1).verifying_key(),
        secret: Secret::from_bytes((0..32).collect()).unwrap(),
    }
}

/// A callback as the gateway sends it to `http://shop.example/callbacks`, signed at `at` with a
/// key and a secret.
pub(super) fn delivery(
    id: &str,
    body: &str,
    key: &SigningKey,
    secret: &Secret,
    at: Timestamp,
) -> http::Request<Vec<u8>> {
    let digest = content_digest(body.as_bytes());
    let fields = [("content-type", "application/json"), ("content-digest", digest.as_str())];
    let message = Message::Request(Request {
        method: "POST",
        scheme: "http",
        authority: "shop.example",
        path: "/callbacks",
        query: "",
        fields: &fields,
    });
    let keyid = key.verifying_key().thumbprint();
    let params = Params { created: at, keyid: &keyid, nonce: "nonce-0001", tag: Tag::Callback };
    let base = sign_base(&message, true, &params).unwrap();
    let mut request = http::Request::post("/callbacks").header("host", "shop.example");
    for (name, value) in fields {
        request = request.header(name, value);
    }
    for (name, value) in base.fields(&key.sign(base.text.as_bytes())) {
        request = request.header(name, value);
    }
    request
        .header("webhook-id", id)
        .header("webhook-timestamp", at.as_secs().to_string())
        .header("webhook-signature", secret.sign(id, at, body.as_bytes()))
        .body(body.as_bytes().to_vec())
        .unwrap()
}
