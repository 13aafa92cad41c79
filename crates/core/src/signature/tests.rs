//! Messages that are signed and verified, and what is refused of others.

use super::*;
use crate::digest;
use crate::key::{SigningKey, Verify};

const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);
const BODY: &[u8] = br#"{"amount":12800}"#;

fn signer() -> SigningKey {
    SigningKey::from_entropy(&std::array::from_fn(|i| u8::try_from(i).unwrap() + 1)).unwrap()
}

/// A signed order, with `change` applied after signing.
fn tampered(
    change: impl FnOnce(&mut Vec<(&'static str, String)>, &mut Vec<u8>, &mut &'static str),
) -> Result<String, SignatureError> {
    at(NOW, change)
}

fn at(
    now: Timestamp,
    change: impl FnOnce(&mut Vec<(&'static str, String)>, &mut Vec<u8>, &mut &'static str),
) -> Result<String, SignatureError> {
    let mut fields: Vec<(&'static str, String)> = vec![
        ("content-type", "application/json".to_owned()),
        ("content-digest", digest::content_digest(BODY)),
        ("idempotency-key", "\"k-1\"".to_owned()),
    ];
    let (mut body, mut path) = (BODY.to_vec(), "/v1/orders");
    let params = Params { created: NOW, keyid: "demo-1", nonce: "nonce-0001", tag: Tag::Merchant };
    let base = with(&fields, path, |message| sign_base(message, true, &params)).unwrap();
    fields.extend(base.fields(&signer().sign(base.text.as_bytes())));
    change(&mut fields, &mut body, &mut path);
    with(&fields, path, |message| {
        let Message::Request(request) = message else { unreachable!() };
        let input = Input::by_tag(request.fields, Tag::Merchant)?;
        let verified =
            input.verify(message, &body, Tag::Merchant, &signer().verifying_key(), now)?;
        Ok(format!("{} {}", verified.keyid(), verified.nonce()))
    })
}

fn with<T>(
    fields: &[(&'static str, String)],
    path: &str,
    run: impl FnOnce(&Message<'_>) -> T,
) -> T {
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    run(&Message::Request(Request {
        method: "POST",
        scheme: "https",
        authority: "pay.example",
        path,
        query: "",
        fields: &fields,
    }))
}

#[test]
fn what_was_signed_verifies() {
    assert_eq!(tampered(|_, _, _| {}), Ok("demo-1 nonce-0001".to_owned()));
}

#[test]
fn the_base_is_as_the_rfc_writes_it() {
    let Err(SignatureError::Invalid { base }) = tampered(|_, _, path| *path = "/v1/refunds") else {
        panic!()
    };
    assert_eq!(
        base,
        "\"@method\": POST\n\"@authority\": pay.example\n\"@path\": /v1/refunds\n\"@query\": ?\n\
         \"idempotency-key\": \"k-1\"\n\
         \"content-digest\": sha-256=:opME7GJ1R4Gk+jdmczytuBY68+2/cSrob3kXtWRJKt8=:\n\
         \"content-type\": application/json\n\
         \"@signature-params\": (\"@method\" \"@authority\" \"@path\" \"@query\" \"idempotency-key\" \"content-digest\" \"content-type\")\
         ;created=1795000000;nonce=\"nonce-0001\";keyid=\"demo-1\";alg=\"ecdsa-p256-sha256\";tag=\"lezai-merchant\""
    );
}

#[test]
fn a_changed_message_is_refused() {
    type Change = fn(&mut Vec<(&'static str, String)>, &mut Vec<u8>, &mut &'static str);
    let rows: [(Change, &str); 9] = [
        (|_, body, _| body[0] = b' ', "content-digest does not match the body that arrived"),
        (|_, body, _| body.clear(), "content-digest does not match the body that arrived"),
        (|fields, _, _| fields[0].1 = "text/plain".to_owned(), "does not verify"),
        (|fields, _, _| fields[2].1 = "\"k-2\"".to_owned(), "does not verify"),
        (
            |fields, _, _| fields.retain(|(name, _)| *name != "idempotency-key"),
            "\"idempotency-key\" is not in the message",
        ),
        (|fields, _, _| fields.retain(|(name, _)| *name != "signature"), "no Signature field"),
        (
            |fields, _, _| fields.retain(|(name, _)| *name != "signature-input"),
            "carries no signature with the tag lezai-merchant",
        ),
        (
            |fields, _, _| fields[3].1 = fields[3].1.replace("merchant", "checkout"),
            "carries no signature with the tag",
        ),
        (
            |fields, _, _| fields[3].1 = fields[3].1.replace("\"@path\" ", ""),
            "does not cover \"@path\"",
        ),
    ];
    for (change, expected) in rows {
        let error = tampered(change).unwrap_err().to_string();
        assert!(error.contains(expected), "{error} / {expected}");
    }
}

#[test]
fn parameters_are_demanded() {
    for (from, to, expected) in [
        (";alg=\"ecdsa-p256-sha256\"", "", "alg is missing"),
        ("ecdsa-p256-sha256", "hmac-sha256", "alg must be"),
        (";nonce=\"nonce-0001\"", "", "nonce is missing"),
        ("nonce-0001", "short", "nonce must be 8 to 128"),
        (";created=1795000000", "", "created is missing"),
        (";keyid=\"demo-1\"", "", "keyid is missing"),
        (" \"content-digest\"", "", "Content-Digest (RFC 9530) is needed"),
        ("\"@query\"", "\"@query\" \"@query\"", "\"@query\" is listed twice"),
        (
            "\"@query\"",
            "\"@query\" \"@query-param\";name=\"a\"",
            "name of the component @query-param is not taken",
        ),
        ("\"@query\"", "\"@query\" \"@status\"", "\"@status\" is not taken"),
        ("\"@query\"", "\"@query\" \"@method\";req", "\"@method\";req is not in the message"),
        ("sig1=(", "sig1=((", "no structured dictionary"),
    ] {
        let error = tampered(|fields, _, _| fields[3].1 = fields[3].1.replace(from, to))
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{to}: {error} / {expected}");
    }
}

#[test]
fn a_signature_has_its_time() {
    for (seconds, good) in [(-31, false), (-30, true), (0, true), (300, true), (301, false)] {
        let result = at(NOW.plus_secs(seconds), |_, _, _| {});
        assert_eq!(result.is_ok(), good, "{seconds}");
        assert!(good || result == Err(SignatureError::Expired));
    }
    let expired = tampered(|fields, _, _| fields[3].1.push_str(";expires=1794999999"));
    assert_eq!(expired, Err(SignatureError::Over));
    for odd in [";expires=1.5", ";expires=\"1794999999\"", ";expires"] {
        let result = tampered(|fields, _, _| fields[3].1.push_str(odd));
        assert!(matches!(result, Err(SignatureError::Malformed(_))), "{odd}");
    }
}

#[test]
fn a_signature_in_der_is_named() {
    // Two integers of 32 bytes each, whose first bit is not set.
    let integer = [&[2, 32][..], &[1; 32]].concat();
    let der = [&[0x30, 68][..], &integer, &integer].concat();
    let (mut short, mut open) = (der.clone(), der.clone());
    short.pop();
    open[1] = 67;
    for (signature, is_der) in [(der, true), (short, false), (open, false), (vec![1; 64], false)] {
        let refused = tampered(|fields, _, _| {
            let mut dictionary = DictSerializer::new();
            dictionary.bare_item(LABEL, signature.as_slice());
            fields[4].1 = dictionary.finish().unwrap_or_default();
        });
        match refused.unwrap_err() {
            SignatureError::Der { .. } => assert!(is_der, "{signature:02x?}"),
            SignatureError::Invalid { .. } => assert!(!is_der, "{signature:02x?}"),
            other => panic!("{other}"),
        }
    }
}

/// Says that it is of another algorithm, and believes everything.
struct OfAnother;

impl Verify for OfAnother {
    fn algorithm(&self) -> Algorithm {
        Algorithm::Sm2Sm3
    }

    fn verify(&self, _: &[u8], _: &[u8]) -> Result<(), crate::key::KeyError> {
        Ok(())
    }
}

#[test]
fn the_key_says_which_algorithm_and_not_the_message() {
    let fields = [("idempotency-key", "\"k-1\"".to_owned())];
    let params = Params { created: NOW, keyid: "k", nonce: "nonce-0001", tag: Tag::Merchant };
    for algorithm in [Algorithm::EcdsaP256Sha256, Algorithm::Sm2Sm3] {
        let base = with(&fields, "/", |message| {
            sign_base_with(algorithm, message, false, &params).unwrap()
        });
        assert!(base.text.contains(&format!(";alg=\"{}\"", algorithm.as_str())));
        let mut signed = fields.to_vec();
        signed.extend(base.fields(&signer().sign(base.text.as_bytes())));
        with(&signed, "/", |message| {
            let Message::Request(request) = message else { unreachable!() };
            let input = Input::by_tag(request.fields, Tag::Merchant).unwrap();
            let p256 = algorithm == Algorithm::EcdsaP256Sha256;
            let keys: [(&dyn Verify, bool); 2] =
                [(&signer().verifying_key(), p256), (&OfAnother, !p256)];
            for (key, good) in keys {
                let verified = input.verify(message, b"", Tag::Merchant, key, NOW).map(drop);
                assert_eq!(verified.is_ok(), good, "{algorithm:?}");
                let named = verified.err().is_none_or(|it| it.to_string().contains("alg must be"));
                assert!(named, "{algorithm:?}");
            }
            // Whoever checks without the key checks for P-256's.
            let checked = input.check(message, b"", Tag::Merchant, NOW);
            assert_eq!(checked.is_ok(), p256);
            if let Ok(unverified) = checked {
                assert!(unverified.verify(&OfAnother).is_err());
            }
        });
    }
}

#[test]
fn an_answer_is_tied_to_its_request() {
    let request_fields = [("signature", "sig1=:AAAA:")];
    let other_fields = [("signature", "sig1=:BBBB:")];
    let request = |fields| Request {
        method: "GET",
        scheme: "https",
        authority: "a",
        path: "/v1/orders/x",
        query: "",
        fields,
    };
    let digest = digest::content_digest(BODY);
    let unsigned = [("content-type", "application/json"), ("content-digest", digest.as_str())];
    let params = Params { created: NOW, keyid: "gateway", nonce: "nonce-0002", tag: Tag::Gateway };
    let answer =
        |fields, request| Message::Answer(Answer { status: 200, fields, request: Some(request) });
    let base = sign_base(&answer(&unsigned, request(&request_fields)), true, &params).unwrap();
    let [(input_name, input), (signature_name, signature)] =
        base.fields(&signer().sign(base.text.as_bytes()));
    let fields = [
        unsigned[0],
        unsigned[1],
        (input_name, input.as_str()),
        (signature_name, signature.as_str()),
    ];
    let verify = |request| {
        let input = Input::by_tag(&fields, Tag::Gateway).unwrap();
        input
            .verify(&answer(&fields, request), BODY, Tag::Gateway, &signer().verifying_key(), NOW)
            .map(drop)
    };
    assert_eq!(verify(request(&request_fields)), Ok(()));
    assert!(matches!(verify(request(&other_fields)), Err(SignatureError::Invalid { .. })));
}

#[test]
fn a_part_is_tied_to_its_place() {
    let digest = digest::content_digest(BODY);
    let fields_at = |range: &'static str| {
        [
            ("content-type", "text/csv"),
            ("content-digest", digest.as_str()),
            ("content-range", range),
        ]
    };
    let params = Params { created: NOW, keyid: "gateway", nonce: "nonce-0003", tag: Tag::Gateway };
    fn part<'a>(status: u16, fields: Fields<'a>) -> Message<'a> {
        Message::Answer(Answer { status, fields, request: None })
    }
    let unsigned = fields_at("bytes 0-4/20");
    let signed = |message: &Message<'_>| {
        let base = sign_base(message, true, &params).unwrap();
        base.fields(&signer().sign(base.text.as_bytes()))
    };
    let [input, signature] = signed(&part(206, &unsigned));
    assert!(input.1.contains("\"content-range\""), "{}", input.1);
    let verify = |range, input: &(&str, String), signature: &(&str, String)| {
        let [a, b, c] = fields_at(range);
        let fields = [a, b, c, (input.0, input.1.as_str()), (signature.0, signature.1.as_str())];
        let found = Input::by_tag(&fields, Tag::Gateway).unwrap();
        let key = signer().verifying_key();
        found.verify(&part(206, &fields), BODY, Tag::Gateway, &key, NOW).map(drop)
    };
    assert_eq!(verify("bytes 0-4/20", &input, &signature), Ok(()));
    let moved = verify("bytes 5-9/20", &input, &signature);
    assert!(matches!(moved, Err(SignatureError::Invalid { .. })), "{moved:?}");
    // One that does not cover its place is refused, and one without a place is not signed.
    let [input, signature] = signed(&part(200, &unsigned));
    let open = verify("bytes 0-4/20", &input, &signature);
    assert!(matches!(open, Err(SignatureError::NotCovered(_))), "{open:?}");
    assert!(sign_base(&part(206, &unsigned[..2]), true, &params).is_err());
}
