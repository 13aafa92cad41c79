//! Answers test vectors from within the sandbox, so that tests/it/vectors_engine.rs can hold the
//! core's answers there against those outside.
//!
//! A plugin hears an order and settings and says how risky the order is. Here the settings are the
//! question, a letter and what follows it, and the one reason's message is the answer's SHA-256:
//!
//! | question | answer |
//! |---|---|
//! | `k`, a point of 65 bytes, a signature with its length before it, a message | `good` or `bad` |
//! | `i`, a field `Signature-Input` | what a signature base says of it, or `refused` |
//! | `s`, a field `Signature` | the signature's bytes in hex, or `refused` |
//! | `d`, a body with its length before it, a field `Content-Digest` | `fits`, `mismatch`, … |
//!
//! Lengths are two bytes, little-endian.

use lezai_core::digest::{DigestError, sha256_hex, verify_content_digest};
use lezai_core::key::VerifyingKey;
use lezai_core::signature::{Input, Message, Request};
use lezai_plugin::{Assessment, Order, Reason, Risk, Verdict};

/// The plugin.
pub struct Vectors;

lezai_plugin::export!(Vectors: Risk);

impl Risk for Vectors {
    fn assess(_: Order, settings: &[u8]) -> Result<Assessment, String> {
        let answer = answer(settings).ok_or("the settings are no question")?;
        let reason = Reason { code: "answer".to_owned(), message: sha256_hex(answer.as_bytes()) };
        Ok(Assessment { verdict: Verdict::Accept, score: 0, reasons: vec![reason] })
    }
}

/// The answer to a question; none if it is no question.
pub fn answer(question: &[u8]) -> Option<String> {
    let (kind, rest) = question.split_first()?;
    match kind {
        b'k' => {
            let (point, rest) = rest.split_at_checked(65)?;
            let (signature, message) = with_length(rest)?;
            let key = VerifyingKey::from_sec1_bytes(point).ok()?;
            let good = key.verify(message, signature).is_ok();
            Some(if good { "good" } else { "bad" }.to_owned())
        }
        b'i' => Some(signature_params(text(rest)?).unwrap_or_else(refused)),
        b's' => Some(signature(text(rest)?).unwrap_or_else(refused)),
        b'd' => {
            let (body, field) = with_length(rest)?;
            let said = match verify_content_digest(text(field)?, body) {
                Ok(()) => "fits",
                Err(DigestError::Mismatch) => "mismatch",
                Err(DigestError::NoKnownAlgorithm) => "no known algorithm",
                Err(DigestError::Malformed) => "malformed",
            };
            Some(said.to_owned())
        }
        _ => None,
    }
}

fn signature_params(field: &str) -> Option<String> {
    let fields = [("signature-input", field), ("signature", "sig1=:AAAA:")];
    let request = Request {
        method: "GET",
        scheme: "https",
        authority: "pay.example",
        path: "/",
        query: "",
        fields: &fields,
    };
    let base = Input::by_label(&fields, "sig1").ok()?.base(&Message::Request(request)).ok()?;
    base.rsplit('\n').next()?.strip_prefix("\"@signature-params\": ").map(str::to_owned)
}

fn signature(field: &str) -> Option<String> {
    let fields = [("signature-input", "sig1=(\"@method\")"), ("signature", field)];
    let input = Input::by_label(&fields, "sig1").ok()?;
    Some(input.signature().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn refused() -> String {
    "refused".to_owned()
}

fn with_length(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(u16::from_le_bytes(*length).into())
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}
