//! A merchant that signs with SM2: its key is registered, what it signs is believed, and nothing else is. Its
//! answers are signed by the gateway's P-256 key, as everybody's.

use lezai_base::merchant_key::MerchantKey;
use lezai_core::key::{Algorithm, SigningKey};
use lezai_core::signature::{self, Message, Params, Tag, sign_base_with};
use lezai_core::time::Timestamp;
use lezai_tests::{Answer, Gateway, Merchant, Request, TempDir, lezai, now_ms, random_hex};
use serde_json::{Value, json};

/// `openssl genpkey -algorithm SM2`, and its public half.
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqBHM9VAYItBG0wawIBAQQgEe++AWgSJanKgB+0
oYGQGljfj4IaTnIhTzAw0YyiejehRANCAAQXn+IfkxLU4kDyfJIlrxfWDYsOmzG7
8oAhTM5txABIo6wFJXaij0arQnPw7jX9Mbx6LIPHHRivQTEd6npCAkGf
-----END PRIVATE KEY-----
";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoEcz1UBgi0DQgAEF5/iH5MS1OJA8nySJa8X1g2LDpsx
u/KAIUzObcQASKOsBSV2oo9Gq0Jz8O41/TG8eiyDxx0Yr0ExHep6QgJBnw==
-----END PUBLIC KEY-----
";
/// The same name of a curve with a point that does not lie on it: the last digit is another.
const OFF_CURVE: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoEcz1UBgi0DQgAEF5/iH5MS1OJA8nySJa8X1g2LDpsx
u/KAIUzObcQASKOsBSV2oo9Gq0Jz8O41/TG8eiyDxx0Yr0ExHep6QgJBng==
-----END PUBLIC KEY-----
";

struct Scene {
    folder: TempDir,
    gateway: Gateway,
}

impl Scene {
    /// A gateway where the demo merchant has an SM2 key beside its own.
    fn new() -> Self {
        let folder = TempDir::new();
        let gateway = Gateway::start(folder.path());
        let scene = Self { folder, gateway };
        assert_eq!(scene.register("merchants/m_demo/keys/sm2-1", PUBLIC).status, 204);
        scene
    }

    fn register(&self, of: &str, public_key: &str) -> Answer {
        let token = std::fs::read_to_string(self.gateway.data.join("admin-token")).unwrap();
        let body = json!({"public_key": public_key}).to_string();
        let request = Request::new("PUT", &format!("/admin/v1/{of}"), body)
            .with("content-type", "application/json")
            .with("authorization", &format!("Bearer {}", token.trim()));
        request.send(&self.gateway.authority).unwrap()
    }

    /// Asks for the orders, with a signature that says it is of `algorithm`, made by `sign`.
    fn ask(
        &self,
        keyid: &str,
        algorithm: Algorithm,
        sign: impl FnOnce(&[u8]) -> [u8; 64],
    ) -> Answer {
        let nonce = random_hex();
        let created = Timestamp::from_ms(now_ms());
        let params = Params { created, keyid, nonce: &nonce, tag: Tag::Merchant };
        let message = Message::Request(signature::Request {
            method: "GET",
            scheme: "http",
            authority: &self.gateway.authority,
            path: "/v1/orders",
            query: "",
            fields: &[],
        });
        let base = sign_base_with(algorithm, &message, false, &params).unwrap();
        let mut request = Request::new("GET", "/v1/orders", "");
        for (name, value) in base.fields(&sign(base.text.as_bytes())) {
            request = request.with(name, &value);
        }
        request.send(&self.gateway.authority).unwrap()
    }
}

fn sm2() -> MerchantKey {
    MerchantKey::from_pkcs8_pem(PRIVATE).unwrap()
}

#[test]
fn a_merchant_signs_with_sm2_from_order_to_refusal() {
    let scene = Scene::new();
    let file = scene.folder.path().join("sm2.pem");
    std::fs::write(&file, PRIVATE).unwrap();
    let call = |arguments: &[&str]| {
        let gateway = format!("http://{}", scene.gateway.authority);
        let verifier = scene.gateway.data.join("gateway-public.pem").display().to_string();
        let key = file.display().to_string();
        let common =
            ["--gateway", &gateway, "--key", &key, "--keyid", "sm2-1", "--gateway-key", &verifier];
        let done = lezai(&[&["call"], arguments, &common].concat());
        let said = String::from_utf8(done.stderr).unwrap();
        (done.status.code(), String::from_utf8(done.stdout).unwrap(), said)
    };
    let number = random_hex();
    let order = Merchant::order(&number).to_string();
    let (code, body, said) = call(&["POST", "/v1/orders", "--data", &order, "--show-base"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(";alg=\"lezai-sm2-sm3\";") && said.contains("verifies"), "{said}");
    let created: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(created["merchant_order_id"], number.as_str());
    // The order is the merchant's, whichever of its keys signs.
    let found = Merchant::demo(&scene.gateway).find(&number);
    assert_eq!(found[0]["id"], created["id"]);
    let (code, body, said) = call(&["GET", &format!("/v1/orders?merchant_order_id={number}")]);
    assert_eq!(code, Some(0), "{said}");
    assert!(body.contains(created["id"].as_str().unwrap()));
}

#[test]
fn the_registered_key_says_what_a_signature_must_be() {
    let scene = Scene::new();
    let p256 =
        SigningKey::from_entropy(&std::array::from_fn(|i| u8::try_from(i).unwrap() + 9)).unwrap();
    let public = p256.verifying_key().to_spki_pem().unwrap();
    assert_eq!(scene.register("merchants/m_demo/keys/p256-1", &public).status, 204);
    let (ecdsa, shangmi) = (Algorithm::EcdsaP256Sha256, Algorithm::Sm2Sm3);
    let by_sm2 = |base: &[u8]| sm2().sign(base).unwrap();
    let by_p256 = |base: &[u8]| p256.sign(base);
    assert_eq!(scene.ask("sm2-1", shangmi, by_sm2).status, 200);
    assert_eq!(scene.ask("p256-1", ecdsa, by_p256).status, 200);
    let code = |answer: Answer| {
        assert_eq!(answer.status, 401);
        answer.json()["code"].as_str().unwrap().to_owned()
    };
    assert_eq!(code(scene.ask("sm2-1", ecdsa, by_sm2)), "signature_malformed");
    assert_eq!(code(scene.ask("sm2-1", ecdsa, by_p256)), "signature_malformed");
    assert_eq!(code(scene.ask("p256-1", shangmi, by_p256)), "signature_malformed");
    assert_eq!(code(scene.ask("p256-1", shangmi, by_sm2)), "signature_malformed");
    assert_eq!(code(scene.ask("sm2-1", shangmi, by_p256)), "signature_invalid");
    assert_eq!(code(scene.ask("p256-1", ecdsa, by_sm2)), "signature_invalid");
    for signature in [[0; 64], [255; 64]] {
        assert_eq!(code(scene.ask("sm2-1", shangmi, |_| signature)), "signature_invalid");
    }
    let twice = |base: &[u8]| {
        let first = by_sm2(base);
        by_sm2(&first)
    };
    assert_eq!(code(scene.ask("sm2-1", shangmi, twice)), "signature_invalid");
}

#[test]
fn only_a_point_of_the_curve_is_registered_and_only_for_requests() {
    let scene = Scene::new();
    for (of, key) in [
        ("merchants/m_demo/keys/sm2-2", OFF_CURVE),
        ("merchants/m_demo/keys/sm2-2", PRIVATE),
        // Releases of plugins are signed with P-256.
        ("merchants/m_demo/plugin-keys/sm2-2", PUBLIC),
    ] {
        let refused = scene.register(of, key);
        assert_eq!(refused.status, 400, "{of}");
        assert_eq!(refused.json()["code"], "invalid_field");
    }
    let unknown = scene.ask("sm2-2", Algorithm::Sm2Sm3, |base| sm2().sign(base).unwrap());
    assert_eq!(unknown.json()["code"], "key_unknown");
}
