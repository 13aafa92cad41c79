//! Published vectors: messages that providers and their SDKs signed and encrypted, each with its source
//! in tests/vectors/*.json. Private keys are not among them: we check what others made.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails where the surprise is")]

use std::collections::BTreeMap;

use lezai_channels::alipay::{self, names};
use lezai_channels::http::{Headers, Method, Response};
use lezai_channels::rsa::{Certificate, PrivateKey, PublicKey};
use lezai_channels::wechat::account::{Account, PlatformKey};
use lezai_channels::wechat::resource::{ApiV3Key, Encrypted, Undecryptable};
use lezai_channels::wechat::verify::{PlatformKeys, Unverified};
use lezai_channels::wechat::{client, sign};
use serde::Deserialize;

/// A key of ours, made by `openssl genrsa 2048` for these tests alone.
const KEY: &str = include_str!("keys/merchant.pem");

#[derive(Deserialize)]
struct Wechat {
    signatures: Vec<Signed>,
    raw: Vec<Raw>,
    requests: Vec<SignedRequest>,
    aead: Vec<Sealed>,
    certificates: Vec<Certificates>,
}

#[derive(Deserialize)]
struct Signed {
    name: String,
    certificate: String,
    serial: String,
    timestamp: String,
    nonce: String,
    body: String,
    signature: String,
}

#[derive(Deserialize)]
struct Raw {
    certificate: String,
    other_public_key: Option<String>,
    message: String,
    signature: String,
}

#[derive(Deserialize)]
struct SignedRequest {
    certificate: String,
    method: String,
    path: String,
    timestamp: i64,
    nonce: String,
    body: String,
    signature: String,
}

#[derive(Deserialize)]
struct Sealed {
    key: String,
    associated_data: String,
    nonce: String,
    ciphertext: String,
    plaintext: String,
}

#[derive(Deserialize)]
struct Certificates {
    key: String,
    body: String,
    serial: String,
}

#[derive(Deserialize)]
struct Alipay {
    notifies: Vec<Notify>,
    responses: Vec<Answered>,
    certificate_names: Vec<Name>,
    root_names: Vec<RootName>,
}

#[derive(Deserialize)]
struct Notify {
    name: String,
    public_key: String,
    fields: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Answered {
    certificate: String,
    node: String,
    body: String,
}

#[derive(Deserialize)]
struct Name {
    certificate: String,
    sn: String,
}

#[derive(Deserialize)]
struct RootName {
    certificates: String,
    sn: String,
}

fn wechat() -> Wechat {
    serde_json::from_str(include_str!("vectors/wechat.json")).unwrap()
}

fn alipay_vectors() -> Alipay {
    serde_json::from_str(include_str!("vectors/alipay.json")).unwrap()
}

fn headers(vector: &Signed, change: (&str, &str)) -> Headers {
    let fields = [
        ("Wechatpay-Timestamp", vector.timestamp.as_str()),
        ("Wechatpay-Nonce", &vector.nonce),
        ("Wechatpay-Serial", &vector.serial),
        ("Wechatpay-Signature", &vector.signature),
    ];
    let fields =
        fields.map(|(name, value)| if name == change.0 { (name, change.1) } else { (name, value) });
    Headers(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

#[test]
fn wechat_answers_and_callbacks_verify() {
    for vector in wechat().signatures {
        let certificate = Certificate::parse(&vector.certificate).unwrap();
        assert_eq!(certificate.serial, vector.serial, "{}", vector.name);
        let now: i64 = vector.timestamp.parse().unwrap();
        let keys = PlatformKeys::new(vec![certificate.into()]);
        let verify =
            |change, body: &str, now| keys.verify(&headers(&vector, change), body.as_bytes(), now);
        let body = vector.body.as_str();
        assert_eq!(verify(("", ""), body, now), Ok(()), "{}", vector.name);
        assert_eq!(verify(("", ""), body, now + 299), Ok(()));
        assert_eq!(verify(("", ""), body, now - 299), Ok(()));
        assert_eq!(verify(("", ""), body, now + 300), Err(Unverified::Stale));
        assert_eq!(verify(("", ""), body, now - 300), Err(Unverified::Stale));

        // One byte of the body, and each field of the text, changed or in another's place.
        assert_eq!(verify(("", ""), &body.replacen('"', " \"", 1), now), Err(Unverified::Wrong));
        assert_eq!(verify(("", ""), &format!("{body}\n"), now), Err(Unverified::Wrong));
        let reserialised: serde_json::Value = serde_json::from_str(body).unwrap();
        let reserialised = reserialised.to_string();
        if reserialised != body {
            assert_eq!(verify(("", ""), &reserialised, now), Err(Unverified::Wrong));
        }
        assert_eq!(
            verify(("Wechatpay-Nonce", &vector.timestamp), body, now),
            Err(Unverified::Wrong)
        );
        let later = (now + 1).to_string();
        assert_eq!(verify(("Wechatpay-Timestamp", &later), body, now), Err(Unverified::Wrong));
        let probe = format!("WECHATPAY/SIGNTEST/{}", vector.signature);
        for signature in ["", "AAAA", &probe, &vector.signature[..340], "====", "\u{e9}"] {
            let changed = ("Wechatpay-Signature", signature);
            assert_eq!(verify(changed, body, now), Err(Unverified::Wrong), "{signature}");
        }
        let other = ("Wechatpay-Serial", "PUB_KEY_ID_0000000000000024101100397200000006");
        assert!(matches!(verify(other, body, now), Err(Unverified::UnknownKey(_))));
        let long = "9".repeat(65);
        for serial in ["", "../..", &long] {
            let told = verify(("Wechatpay-Serial", serial), body, now);
            assert!(
                matches!(told, Err(Unverified::Malformed(_) | Unverified::UnknownKey(_))),
                "{serial}"
            );
        }
        for timestamp in ["", "-1", "+1626444144", "1626444144.0", "99999999999999999999"] {
            let told = verify(("Wechatpay-Timestamp", timestamp), body, now);
            assert!(
                matches!(told, Err(Unverified::Malformed(_) | Unverified::Stale)),
                "{timestamp}"
            );
        }
        assert_eq!(
            keys.verify(&Headers::default(), body.as_bytes(), now),
            Err(Unverified::Unsigned)
        );
    }
}

#[test]
fn a_certificate_counts_in_its_time_alone() {
    let vectors = wechat().signatures;
    let vector = vectors.first().unwrap();
    let key: PlatformKey = Certificate::parse(&vector.certificate).unwrap().into();
    let now: i64 = vector.timestamp.parse().unwrap();
    for (valid, told) in [
        (Some((now, now)), Ok(())),
        (Some((now + 1, now + 2)), Err(Unverified::Expired(key.serial.clone()))),
        (Some((now - 2, now - 1)), Err(Unverified::Expired(key.serial.clone()))),
        (None, Ok(())),
    ] {
        let keys = PlatformKeys::new(vec![PlatformKey { valid, ..key.clone() }]);
        assert_eq!(keys.verify(&headers(vector, ("", "")), vector.body.as_bytes(), now), told);
    }
}

#[test]
fn raw_signatures_verify_by_their_key_alone() {
    for vector in wechat().raw {
        let key = PublicKey::parse(&vector.certificate).unwrap();
        assert!(key.verify(vector.message.as_bytes(), &vector.signature).is_ok());
        assert!(key.verify(b"wrong", &vector.signature).is_err());
        if let Some(other) = vector.other_public_key {
            let other = PublicKey::parse(&other).unwrap();
            assert!(other.verify(vector.message.as_bytes(), &vector.signature).is_err());
        }
    }
}

#[test]
fn the_text_of_a_request_is_what_others_sign() {
    for vector in wechat().requests {
        assert_eq!(vector.method, "POST");
        let body = vector.body.as_bytes();
        let text = |target: &str, at, nonce: &str| {
            sign::request_text(Method::Post, target, at, nonce, body)
        };
        let key = PublicKey::parse(&vector.certificate).unwrap();
        let right = text(&vector.path, vector.timestamp, &vector.nonce);
        assert!(key.verify(&right, &vector.signature).is_ok());
        for wrong in [
            text("/v3/pay/transactions/h5?", vector.timestamp, &vector.nonce),
            text(&vector.path, vector.timestamp + 1, &vector.nonce),
            text(&vector.path, vector.timestamp, ""),
        ] {
            assert!(key.verify(&wrong, &vector.signature).is_err());
        }
    }
}

#[test]
fn resources_decrypt_with_their_associated_data() {
    for vector in wechat().aead {
        let key = ApiV3Key::new(&vector.key).unwrap();
        let sealed = |beside: Option<&str>, nonce: &str, ciphertext: &str| Encrypted {
            algorithm: "AEAD_AES_256_GCM".to_owned(),
            nonce: nonce.to_owned(),
            associated_data: beside.map(str::to_owned),
            ciphertext: ciphertext.to_owned(),
        };
        let beside = Some(vector.associated_data.as_str());
        let plain = sealed(beside, &vector.nonce, &vector.ciphertext).decrypt(&key);
        assert_eq!(plain.unwrap(), vector.plaintext.as_bytes());
        for (beside, nonce, ciphertext, error) in [
            (
                Some("bad-associatedData"),
                vector.nonce.as_str(),
                vector.ciphertext.as_str(),
                Undecryptable::Key,
            ),
            (None, &vector.nonce, &vector.ciphertext, Undecryptable::Key),
            (beside, "bad-4a9R25RW", &vector.ciphertext, Undecryptable::Key),
            (beside, "short", &vector.ciphertext, Undecryptable::Nonce),
            (beside, "", &vector.ciphertext, Undecryptable::Nonce),
            (beside, &vector.nonce, "", Undecryptable::Key),
            (beside, &vector.nonce, "?", Undecryptable::Ciphertext),
        ] {
            assert_eq!(sealed(beside, nonce, ciphertext).decrypt(&key).unwrap_err(), error);
        }
        for length in [0, 16, 31, 33, 64] {
            assert!(ApiV3Key::new(&"k".repeat(length)).is_err(), "{length}");
        }
    }
}

#[test]
fn downloaded_certificates_are_read() {
    for vector in wechat().certificates {
        let account = account(&vector.key);
        let keys = client::certificates(&account, vector.body.as_bytes()).unwrap();
        assert_eq!(
            keys.iter().map(|key| key.serial.as_str()).collect::<Vec<_>>(),
            [vector.serial.as_str()]
        );
        // Another APIv3 key decrypts none.
        let other = self::account(&"x".repeat(32));
        assert!(client::certificates(&other, vector.body.as_bytes()).is_err());
    }
}

fn account(api_v3_key: &str) -> Account {
    Account {
        merchant: "1900000001".to_owned(),
        app_id: "wx8888888888888888".to_owned(),
        serial: "5F1C72E2A8931B72".to_owned(),
        key: PrivateKey::parse(KEY).unwrap(),
        api_v3_key: ApiV3Key::new(api_v3_key).unwrap(),
        sub: None,
        platform_keys: Vec::new(),
        download_certificates: true,
        base_url: "https://api.mch.weixin.qq.com".to_owned(),
    }
}

fn alipay_account(proof: alipay::account::Proof, app_id: &str) -> alipay::account::Account {
    alipay::account::Account {
        app_id: app_id.to_owned(),
        seller_id: "2088531891668739".to_owned(),
        key: PrivateKey::parse(KEY).unwrap(),
        proof,
        app_auth_token: None,
        gateway_url: "https://openapi.alipay.com/gateway.do".to_owned(),
    }
}

fn form(fields: &BTreeMap<String, String>) -> Vec<u8> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    form.finish().into_bytes()
}

#[test]
fn alipay_callbacks_verify() {
    use alipay::notice::BadNotice;
    for vector in alipay_vectors().notifies {
        let key = PublicKey::parse(&vector.public_key).unwrap();
        let proof = alipay::account::Proof::Key(key);
        let account = alipay_account(proof, vector.fields.get("app_id").unwrap());
        let read =
            |fields: &BTreeMap<String, String>| alipay::notice::read(&account, &form(fields), 0);
        let notice = read(&vector.fields).unwrap();
        assert_eq!(notice.id, vector.fields["notify_id"], "{}", vector.name);

        // Each member changed, left out, or one more: the signature no longer fits.
        for name in
            vector.fields.keys().filter(|name| !["sign", "sign_type"].contains(&name.as_str()))
        {
            let mut changed = vector.fields.clone();
            changed.get_mut(name).unwrap().push('1');
            assert_eq!(read(&changed).unwrap_err(), BadNotice::Unverified, "{name}");
            changed.remove(name);
            assert_eq!(read(&changed).unwrap_err(), BadNotice::Unverified, "{name}");
        }
        let mut more = vector.fields.clone();
        more.insert("extra".to_owned(), "1".to_owned());
        assert_eq!(read(&more).unwrap_err(), BadNotice::Unverified);
        let mut unsigned = vector.fields.clone();
        unsigned.remove("sign");
        assert_eq!(read(&unsigned).unwrap_err(), BadNotice::Unverified);

        let other = alipay_account(account.proof.clone(), "2014072300007148");
        let told = alipay::notice::read(&other, &form(&vector.fields), 0);
        assert_eq!(told.unwrap_err(), BadNotice::ForAnother("app_id"));
    }
}

#[test]
fn a_trade_callback_says_what_it_is_about() {
    let vectors = alipay_vectors().notifies;
    let vector = vectors.first().unwrap();
    let key = PublicKey::parse(&vector.public_key).unwrap();
    let account = alipay_account(alipay::account::Proof::Key(key), "2019073166072302");
    let notice = alipay::notice::read(&account, &form(&vector.fields), 0).unwrap();
    assert_eq!(notice.number, "20190815155618536-564-57");
    assert_eq!(notice.total, Some(10));
    assert_eq!(notice.status, Some(alipay::answer::TradeStatus::TradeSuccess));
    assert_eq!(notice.refund, None);
    let other = alipay::account::Account { seller_id: "2088000000000000".to_owned(), ..account };
    let told = alipay::notice::read(&other, &form(&vector.fields), 0).unwrap_err();
    assert_eq!(told, alipay::notice::BadNotice::ForAnother("seller_id"));
}

#[test]
fn alipay_answers_verify_over_the_text_as_it_came() {
    for vector in alipay_vectors().responses {
        let key = PublicKey::parse(&vector.certificate).unwrap();
        let account = alipay_account(alipay::account::Proof::Key(key), "2014072300007148");
        let read = |body: &str| {
            let response = Response {
                status: 200,
                headers: Headers::default(),
                body: body.as_bytes().to_vec(),
            };
            let told =
                alipay::answer::read::<serde_json::Value>(&account, &response, &vector.node, 0);
            told.map(|accepted| accepted.result)
        };
        let told = read(&vector.body).unwrap();
        assert_eq!(told["order_id"], "20231220110070000002150000657610");
        // Space around the member is not signed; space in it is.
        let spaced = vector.body.replacen("response\":{", "response\" :\r\n {", 1);
        assert!(read(&spaced).is_ok());
        for wrong in [
            vector.body.replacen(",\"msg\"", ", \"msg\"", 1),
            vector.body.replacen("0.01", "0.02", 1),
            vector.body.replacen("\"sign\":\"", "\"sign\":\"A", 1),
            vector.body.replacen("\"sign\"", "\"sing\"", 1),
            vector.body.replacen('{', "{\"error_response\":{\"code\":\"10000\"},", 1),
            vector.body.replacen(
                "\"sign\"",
                "\"alipay_fund_trans_uni_transfer_response\":{\"code\":\"10000\"},\"sign\"",
                1,
            ),
            String::new(),
            "[]".to_owned(),
        ] {
            assert!(read(&wrong).is_err(), "{wrong}");
        }
    }
}

#[test]
fn alipays_bills_are_downloaded_from_alipay_alone() {
    let key = alipay_vectors().notifies.first().unwrap().public_key.clone();
    let proof = alipay::account::Proof::Key(PublicKey::parse(&key).unwrap());
    let account = alipay_account(proof, "2014072300007148");
    let asked = |address: &str| alipay::sign::download(&account, address).map(|it| it.url);
    for (address, url) in [
        ("http://dwbillcenter.alipay.com/a?b=c", "https://dwbillcenter.alipay.com/a?b=c"),
        ("HTTPS://dwbillcenter.AlipayDev.com/a", "https://dwbillcenter.AlipayDev.com/a"),
        ("https://openapi.alipay.com/a", "https://openapi.alipay.com/a"),
    ] {
        assert_eq!(asked(address).unwrap(), url);
    }
    for address in [
        "",
        "ftp://dwbillcenter.alipay.com/a",
        "https://alipay.com.example/a",
        "https://notalipay.com/a",
        "https://shop.example?.alipay.com/a",
        // What an address's parser takes for another host.
        r"https://shop.example\.alipay.com/a",
        "https://dwbillcenter.alipay.com@shop.example/a",
        "https://shop.example@dwbillcenter.alipay.com/a",
        "https://shop.example\t/.alipay.com/a",
        "https://shop.example\n.alipay.com/a",
        "https://shop.example .alipay.com/a",
        " https://dwbillcenter.alipay.com/a",
        "https://shop.example／.alipay.com/a",
    ] {
        assert_eq!(asked(address).unwrap_err().field, "bill_download_url", "{address:?}");
    }
}

#[test]
fn certificates_have_alipays_names() {
    let vectors = alipay_vectors();
    for vector in vectors.certificate_names {
        assert_eq!(names::certificate(&vector.certificate).unwrap(), vector.sn);
    }
    for vector in vectors.root_names {
        assert_eq!(names::roots(&vector.certificates).unwrap(), vector.sn);
    }
    assert!(names::certificate("").is_err());
    assert!(names::roots("").is_err());
}
