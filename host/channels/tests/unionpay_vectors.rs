//! Published messages of UnionPay's test gateway, and a published request: the signature over the hash of a hash, and
//! the certificate that each message brings, up to the test authority's root. Each has its source in
//! tests/vectors/unionpay.json.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails where the surprise is")]

use std::collections::BTreeMap;

use lezai_channels::rsa::{PrivateKey, PublicKey};
use lezai_channels::unionpay::account::Account;
use lezai_channels::unionpay::chain::{Authority, Untrusted};
use lezai_channels::unionpay::message::{BadMessage, Message, twice_hashed};
use serde::Deserialize;

/// A key of ours, made by `openssl genrsa 2048` for these tests alone.
const KEY: &str = include_str!("keys/merchant.pem");
const MERCHANT: &str = "777290058167151";

#[derive(Deserialize)]
struct Vectors {
    authority: Certificates,
    messages: Vec<Signed>,
    requests: Vec<Request>,
}

#[derive(Deserialize)]
struct Certificates {
    middle: String,
    root: String,
}

#[derive(Deserialize)]
struct Signed {
    name: String,
    now: i64,
    fields: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Request {
    certificate: String,
    fields: BTreeMap<String, String>,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("vectors/unionpay.json")).unwrap()
}

fn account(merchant: &str) -> Account {
    let Certificates { middle, root } = vectors().authority;
    Account {
        merchant: merchant.to_owned(),
        certificate_id: "69903319369".to_owned(),
        key: PrivateKey::parse(KEY).unwrap(),
        authority: Authority::new(Authority::root(&root).unwrap(), &[middle]).unwrap(),
        base_url: "https://gateway.test.95516.com".to_owned(),
        file_url: "https://filedownload.test.95516.com".to_owned(),
    }
}

/// As an answer, which is not encoded, and as a callback, which is.
fn both(fields: &BTreeMap<String, String>) -> [Message; 2] {
    let raw: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut form = form_urlencoded::Serializer::new(String::new());
    let encoded = form.extend_pairs(fields).finish();
    [
        Message::from_answer(raw.join("&").as_bytes()).unwrap(),
        Message::from_callback(encoded.as_bytes()).unwrap(),
    ]
}

#[test]
fn messages_of_the_test_gateway_verify() {
    let (ours, other) = (account(MERCHANT), account("777290058110048"));
    for vector in vectors().messages {
        for read in both(&vector.fields) {
            assert_eq!(read.verify(&ours, vector.now), Ok(()), "{}", vector.name);
            assert_eq!(read.verify(&other, vector.now), Err(BadMessage::ForAnother));
            // The certificate ended in July 2025.
            let late = read.verify(&ours, 1_760_000_000).unwrap_err();
            assert_eq!(late, BadMessage::Untrusted(Untrusted::Time));
            // A member without a value is signed by some and by others not: it verifies either way.
            let mut more = vector.fields.clone();
            more.insert("reserved".to_owned(), String::new());
            for read in both(&more) {
                assert_eq!(read.verify(&ours, vector.now), Ok(()));
            }
        }
        for name in vector.fields.keys().filter(|name| *name != "signature") {
            let mut changed = vector.fields.clone();
            changed.get_mut(name).unwrap().push('1');
            assert!(both(&changed).iter().all(|it| it.verify(&ours, vector.now).is_err()));
            changed.remove(name);
            assert!(
                both(&changed).iter().all(|it| it.verify(&ours, vector.now).is_err()),
                "{name}"
            );
        }
        let mut unsigned = vector.fields.clone();
        unsigned.remove("signature");
        let told = both(&unsigned).map(|it| it.verify(&ours, vector.now));
        assert_eq!(told, [Err(BadMessage::Unverified), Err(BadMessage::Unverified)]);
        // The line ends of the certificate are signed as they are.
        let mut lines = vector.fields.clone();
        let certificate = lines.get_mut("signPubKeyCert").unwrap();
        *certificate = certificate.replace("\r\n", "\n");
        assert!(both(&lines).iter().all(|it| it.verify(&ours, vector.now).is_err()));
    }
}

#[test]
fn a_certificate_is_followed_to_its_root() {
    let ours = account(MERCHANT);
    let Vectors { authority, messages, requests } = vectors();
    let now = messages.first().unwrap().now;
    let unionpay = &messages.first().unwrap().fields["signPubKeyCert"];
    assert!(ours.authority.key_of(unionpay, now).is_ok());
    // The merchant's certificate is of the same authority, and not UnionPay's.
    let merchant = &requests.first().unwrap().certificate;
    assert_eq!(ours.authority.key_of(merchant, now), Err(Untrusted::Owner));
    // A root that did not sign itself, and a middle certificate of another root.
    assert_eq!(Authority::root(&authority.middle).unwrap_err(), Untrusted::Issuer);
    assert_eq!(Authority::root(unionpay).unwrap_err(), Untrusted::NoAuthority);
    let root = || Authority::root(&authority.root).unwrap();
    let not = Authority::new(root(), std::slice::from_ref(merchant)).unwrap_err();
    assert_eq!(not, Untrusted::NoAuthority);
    // Without the middle certificate nothing leads to the root.
    let bare = Authority::new(root(), std::slice::from_ref(&authority.root)).unwrap();
    assert_eq!(bare.key_of(unionpay, now), Err(Untrusted::Issuer));
    // Another's certificate with UnionPay's name in it.
    let forged = include_str!("keys/unionpay_forged.crt");
    assert_eq!(ours.authority.key_of(forged, now), Err(Untrusted::Issuer));
    assert!(matches!(ours.authority.key_of("x", now), Err(Untrusted::Unreadable(_))));
}

/// A middle certificate that ended in December 2026, and its renewal with the same name and key.
#[test]
fn any_middle_certificate_in_time_is_enough() {
    const LEAF: &str = include_str!("keys/unionpay_of_renewed.crt");
    let [ended, renewed] = [
        include_str!("keys/unionpay_middle_ended.crt"),
        include_str!("keys/unionpay_middle_renewed.crt"),
    ];
    let key_of = |middle: &[&str], now| {
        let root = Authority::root(include_str!("keys/unionpay_renewed_root.crt")).unwrap();
        let middle: Vec<String> = middle.iter().map(|text| (*text).to_owned()).collect();
        Authority::new(root, &middle).unwrap().key_of(LEAF, now).map(drop)
    };
    let late = 1_797_724_800;
    for (middle, now, told) in [
        (&[ended, renewed][..], late, Ok(())),
        (&[renewed, ended], late, Ok(())),
        (&[ended], late, Err(Untrusted::Time)),
        (&[ended, renewed], 1_700_000_000, Err(Untrusted::Time)),
        (&[], late, Err(Untrusted::Issuer)),
    ] {
        assert_eq!(key_of(middle, now), told, "{} at {now}", middle.len());
    }
}

#[test]
fn a_request_is_hashed_twice() {
    for Request { certificate, fields } in vectors().requests {
        let key = PublicKey::parse(&certificate).unwrap();
        let mut message = Message::default();
        fields.iter().for_each(|(name, value)| message.set(name, value.clone()));
        let signature = &fields["signature"];
        assert_eq!(key.verify(twice_hashed(&message.text()).as_bytes(), signature), Ok(()));
        assert!(key.verify(message.text().as_bytes(), signature).is_err(), "not hashed once");
    }
}
