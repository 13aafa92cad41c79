//! A request that was sent once and is sent again: by somebody who listened, byte for byte, it is
//! refused, whether the gateway was restarted meanwhile or not; by the merchant, who signs each try
//! anew under the same idempotency key, it gets its first answer.

use std::time::Duration;

use lezai_core::digest::content_digest;
use lezai_core::key::SigningKey;
use lezai_core::signature::{self, Message, Params, Tag, sign_base};
use lezai_core::time::Timestamp;
use lezai_tests::{
    Answer, Gateway, Merchant, Request, TempDir, lezai, now_ms, random_hex, send_raw,
};
use serde_json::{Value, json};

/// The fate of the gateway between a request and its repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Between {
    Nothing,
    Stop,
    Kill,
}

struct Scene {
    gateway: Gateway,
    merchant: Merchant,
    folder: TempDir,
}

impl Scene {
    fn new() -> Self {
        let folder = TempDir::new();
        let gateway = Gateway::start(folder.path());
        Self { merchant: Merchant::demo(&gateway), gateway, folder }
    }

    /// Puts bytes on the wire, and checks that the answer is signed for the request they are.
    fn send(&self, request: &Request, bytes: &[u8]) -> Answer {
        let answer = send_raw(&self.gateway.authority, &[bytes], Duration::ZERO).unwrap();
        self.merchant.check(request, &answer).unwrap();
        answer
    }

    fn pass(&mut self, between: Between) {
        match between {
            Between::Nothing => return,
            Between::Stop => {
                self.gateway.interrupt();
                assert!(self.gateway.ended_well(), "{}", self.gateway.log());
            }
            Between::Kill => self.gateway.kill(),
        }
        let authority = self.gateway.authority.clone();
        self.gateway = Gateway::start_at(self.folder.path(), &authority);
        assert_eq!(self.gateway.authority, authority, "the signatures are for this address");
    }

    /// Sends a request that `sign` signs anew each time, and then again in every way there is.
    /// Returns the first answer.
    fn replays(&mut self, sign: impl Fn(&str) -> Request, status: u16, between: Between) -> Answer {
        let key = random_hex();
        let request = sign(&key);
        let what = format!("{}, then {between:?}", request.target);
        let bytes = request.bytes(&self.gateway.authority);
        let first = self.send(&request, &bytes);
        assert_eq!(first.status, status, "{what}: {}", first.json());
        assert_eq!(first.field("idempotency-hit"), None, "{what}");

        self.pass(between);
        assert_reused(&self.send(&request, &bytes), &what);
        // Twice, and the refusal takes nothing from the one who may repeat.
        assert_reused(&self.send(&request, &bytes), &what);

        let again = sign(&key);
        let again_bytes = again.bytes(&self.gateway.authority);
        let second = self.send(&again, &again_bytes);
        assert_eq!(second.status, status, "{what}: {}", second.json());
        assert_eq!(second.body, first.body, "{what}: not the first answer");
        assert_eq!(second.field("idempotency-hit"), Some("true"), "{what}");
        assert_eq!(second.field("content-type"), first.field("content-type"), "{what}");

        // The repeat did nothing, and still its nonce is used up.
        self.pass(between);
        assert_reused(&self.send(&again, &again_bytes), &what);

        // Under another key the bytes are no longer what was signed.
        let text = String::from_utf8(bytes).unwrap().replace(&key, &random_hex());
        let answer = send_raw(&self.gateway.authority, &[text.as_bytes()], Duration::ZERO).unwrap();
        assert_eq!((answer.status, answer.code().as_str()), (401, "signature_invalid"), "{what}");
        first
    }

    /// A merchant's POST.
    fn replays_post(&mut self, target: &str, body: &str, status: u16, between: Between) -> Answer {
        let merchant = self.merchant.clone();
        self.replays(|key| merchant.post(target, key, body), status, between)
    }
}

/// A page with a key of its own (docs/checkout.md).
struct Page {
    authority: String,
    key: SigningKey,
}

impl Page {
    fn post(&self, target: &str, key: &str, body: &Value) -> Request {
        let body = body.to_string();
        let request = Request::new("POST", target, body.as_str())
            .with("content-type", "application/json")
            .with("idempotency-key", &format!("\"{key}\""))
            .with("content-digest", &content_digest(body.as_bytes()));
        let fields: Vec<_> =
            request.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let message = Message::Request(signature::Request {
            method: "POST",
            scheme: "http",
            authority: &self.authority,
            path: target,
            query: "",
            fields: &fields,
        });
        let (keyid, nonce) = (self.key.verifying_key().thumbprint(), random_hex());
        let created = Timestamp::from_ms(now_ms());
        let params = Params { created, keyid: &keyid, nonce: &nonce, tag: Tag::Checkout };
        let base = sign_base(&message, true, &params).unwrap();
        let signature = base.fields(&self.key.sign(base.text.as_bytes()));
        signature.into_iter().fold(request.clone(), |it, (name, value)| it.with(name, &value))
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let check = lezai(&["ledger", "check", "--data", &self.gateway.data.display().to_string()]);
        assert!(check.status.success(), "the ledger does not add up: {check:?}");
        let log = self.gateway.log();
        assert!(!log.contains("panicked") && !log.contains("internal failure"), "{log}");
    }
}

fn assert_reused(answer: &Answer, what: &str) {
    let text = String::from_utf8_lossy(&answer.body);
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (401, "nonce_reused"),
        "{what}: {} {text}",
        answer.status
    );
    // A replay is told nothing of what it repeats.
    assert_eq!(answer.field("idempotency-hit"), None, "{what}");
    assert!(!text.contains("client_secret") && !text.contains("ord_"), "{what}: {text}");
}

#[test]
fn an_order_is_not_created_by_who_listened() {
    let mut scene = Scene::new();
    for (n, between) in [Between::Nothing, Between::Stop, Between::Kill].into_iter().enumerate() {
        let number = format!("P-{n}");
        let body = Merchant::order(&number).to_string();
        let first = scene.replays_post("/v1/orders", &body, 201, between).json();
        let found = scene.merchant.find(&number);
        assert_eq!(found.len(), 1, "{number}");
        assert_eq!(found[0]["id"], first["id"], "{number}");
    }
}

#[test]
fn an_order_is_not_closed_by_who_listened() {
    let mut scene = Scene::new();
    for (n, between) in [Between::Nothing, Between::Stop, Between::Kill].into_iter().enumerate() {
        let order = Merchant::order(&format!("Q-{n}")).to_string();
        let order = scene.merchant.create(&random_hex(), order).unwrap().json();
        let target = format!("/v1/orders/{}/close", order["id"].as_str().unwrap());
        // A close takes no fields: an empty object, or no body at all.
        let body = if n == 0 { "" } else { "{}" };
        let first = scene.replays_post(&target, body, 200, between).json();
        assert_eq!((&first["id"], &first["status"]), (&order["id"], &"closed".into()));
        let now = scene.merchant.get(target.trim_end_matches("/close")).json();
        assert_eq!(now["closed_at"], first["closed_at"]);
    }
}

#[test]
fn a_page_s_choice_is_not_made_by_who_listened() {
    let mut scene = Scene::new();
    let key =
        SigningKey::from_entropy(&std::array::from_fn(|i| u8::try_from(i).unwrap() + 5)).unwrap();
    let jwk = serde_json::to_value(key.verifying_key().to_jwk()).unwrap();
    let page = Page { authority: scene.gateway.authority.clone(), key };
    for (n, between) in [Between::Nothing, Between::Stop, Between::Kill].into_iter().enumerate() {
        let order = Merchant::order(&format!("S-{n}")).to_string();
        let order = scene.merchant.create(&random_hex(), order).unwrap().json();
        let session = order["checkout"]["session"].as_str().unwrap();

        // A claim has no first answer to be given again, as each has a grant of its own.
        let target = format!("/v1/checkout/sessions/{session}/claim");
        let secret = &order["checkout"]["client_secret"];
        let claim =
            page.post(&target, &random_hex(), &json!({"client_secret": secret, "key": jwk}));
        let bytes = claim.bytes(&scene.gateway.authority);
        let answer = scene.send(&claim, &bytes);
        assert_eq!(answer.status, 200, "{}", answer.json());
        scene.pass(between);
        assert_reused(&scene.send(&claim, &bytes), &format!("a claim, then {between:?}"));

        let target = format!("/v1/checkout/sessions/{session}/pay");
        let sign = |key: &str| page.post(&target, key, &json!({"method": "wallet_qr"}));
        let first = scene.replays(sign, 200, between).json();
        assert_eq!(first["status"], "paying", "{first}");
        // One try, however often it was sent.
        let target = format!("/v1/orders/{}", order["id"].as_str().unwrap());
        let now = scene.merchant.get(&target).json();
        assert_eq!(now["status"], "paying", "{now}");
        let qr = first["payment"]["qr"].as_str().unwrap();
        assert!(qr.contains(now["payment"]["attempt"].as_str().unwrap()), "{qr}: {now}");
    }
}

/// The key stands for what it was first used for, by the same merchant, for as long as it is kept.
#[test]
fn a_key_is_good_for_one_request() {
    let mut scene = Scene::new();
    let (key, body) = (random_hex(), Merchant::order("P-first").to_string());
    let first = scene.merchant.create(&key, body.as_str()).unwrap();
    let close = format!("/v1/orders/{}/close", first.json()["id"].as_str().unwrap());
    for between in [Between::Nothing, Between::Kill] {
        scene.pass(between);
        let other = Merchant::order("P-other").to_string();
        let spaced = format!("{body} ");
        for (target, body) in [("/v1/orders", &*other), ("/v1/orders", &spaced), (&close, "{}")] {
            let answer = scene.merchant.send(&scene.merchant.post(target, &key, body)).unwrap();
            let told = (answer.status, answer.code());
            assert_eq!(told, (422, "idempotency_key_reused".to_owned()), "{target} {body}");
        }
        assert!(scene.merchant.find("P-other").is_empty());
        assert_eq!(scene.merchant.find("P-first")[0]["status"], "created");
        let again = scene.merchant.create(&key, body.as_str()).unwrap();
        assert_eq!((again.status, &again.body), (201, &first.body), "{between:?}");
    }
}

/// A repeat is answered by what was done, and not by how things stand: the first answer, though
/// the order was paid since.
#[test]
fn a_first_answer_outlives_what_it_said() {
    let mut scene = Scene::new();
    let (key, body) = (random_hex(), Merchant::order("P-paid").to_string());
    let first = scene.merchant.create(&key, body.as_str()).unwrap();
    let id = first.json()["id"].as_str().unwrap().to_owned();
    let pay = Request::new("POST", &format!("/sandbox/orders/{id}/pay"), "");
    assert_eq!(pay.send(&scene.gateway.authority).unwrap().status, 200);
    for between in [Between::Nothing, Between::Kill] {
        scene.pass(between);
        let again = scene.merchant.create(&key, body.as_str()).unwrap();
        assert_eq!((again.status, &again.body), (201, &first.body), "{between:?}");
        assert_eq!(again.field("idempotency-hit"), Some("true"), "{between:?}");
        assert_eq!(scene.merchant.find("P-paid")[0]["status"], "paid", "{between:?}");
    }
}

/// A query is not kept on disk, as it changes nothing; while the gateway runs, its nonce is
/// good once like any other.
#[test]
fn a_question_is_answered_once() {
    let scene = Scene::new();
    let request =
        scene.merchant.sign(Request::new("GET", "/v1/orders?merchant_order_id=P-none", ""));
    let bytes = request.bytes(&scene.gateway.authority);
    assert_eq!(scene.send(&request, &bytes).status, 200);
    assert_reused(&scene.send(&request, &bytes), "a question");
}
