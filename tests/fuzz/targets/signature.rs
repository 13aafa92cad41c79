//! The two fields of a signature as a stranger sends them, over a message that it sends as well:
//! nothing panics, and nothing verifies, for nobody here has the key.

#![no_main]

use std::sync::LazyLock;

use lezai_core::key::{SigningKey, VerifyingKey};
use lezai_core::signature::{Answer, Input, Message, Params, Request, Tag, sign_base};
use lezai_core::time::Timestamp;
use libfuzzer_sys::fuzz_target;

const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);
const TAGS: [Tag; 4] = [Tag::Merchant, Tag::Checkout, Tag::Gateway, Tag::Callback];
static OURS: LazyLock<SigningKey> = LazyLock::new(|| {
    SigningKey::from_entropy(&std::array::from_fn(|it| u8::try_from(it).unwrap() + 1)).unwrap()
});
static NOBODY_S: LazyLock<VerifyingKey> = LazyLock::new(|| {
    let key = SigningKey::from_entropy(&std::array::from_fn(|it| u8::try_from(it).unwrap() + 9));
    key.unwrap().verifying_key()
});

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // Signature-Input, Signature, Content-Digest, path, query, and the body, line by line.
    let mut lines = text.splitn(6, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (input, signature, digest, path, query, body) =
        (line(), line(), line(), line(), line(), line());
    let fields = [
        ("content-type", "application/json"),
        ("idempotency-key", "\"k\""),
        ("content-digest", digest),
        ("signature-input", input),
        ("signature", signature),
    ];
    let request = Request {
        method: "POST",
        scheme: "https",
        authority: "pay.example",
        path,
        query,
        fields: &fields,
    };
    let answer = Answer { status: 200, fields: &fields, request: Some(request) };
    for message in [Message::Request(request), Message::Answer(answer)] {
        for tag in TAGS {
            let Ok(input) = Input::by_tag(&fields, tag) else { continue };
            let _ = (input.keyid(), input.nonce(), input.created(), input.base(&message));
            assert!(input.verify(&message, body.as_bytes(), tag, &*NOBODY_S, NOW).is_err());
        }
    }
    let _ = Input::by_label(&fields, query);

    // A message that can be signed at all verifies, and over these bytes alone.
    let params = Params { created: NOW, keyid: input, nonce: signature, tag: Tag::Merchant };
    let digest = lezai_core::digest::content_digest(body.as_bytes());
    let fields = [
        ("content-type", "application/json"),
        ("idempotency-key", "\"k\""),
        ("content-digest", digest.as_str()),
    ];
    let request = Request { fields: &fields, ..request };
    let has_body = !body.is_empty();
    let Ok(base) = sign_base(&Message::Request(request), has_body, &params) else { return };
    let signed = base.fields(&OURS.sign(base.text.as_bytes()));
    let all: Vec<(&str, &str)> = fields
        .iter()
        .copied()
        .chain(signed.iter().map(|(name, value)| (*name, value.as_str())))
        .collect();
    let message = Message::Request(Request { fields: &all, ..request });
    let read = Input::by_tag(&all, Tag::Merchant).expect("what we wrote is read");
    assert_eq!(read.keyid(), Ok(params.keyid));
    let verified =
        read.verify(&message, body.as_bytes(), Tag::Merchant, &OURS.verifying_key(), NOW);
    // A nonce may be written, and be too short to be taken.
    assert_eq!(verified.is_ok(), read.nonce().is_ok(), "{base:?}");
    let changed = [body.as_bytes(), b"x"].concat();
    assert!(read.verify(&message, &changed, Tag::Merchant, &OURS.verifying_key(), NOW).is_err());
});
