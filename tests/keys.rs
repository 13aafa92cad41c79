//! The gateway's signing key is changed while orders live on: whoever goes by the name of a key can
//! verify everything at any time, and a page that pinned the former key sees nothing of it.

#![allow(clippy::unwrap_used, reason = "a gateway that does not answer fails its test")]

use std::time::Duration;

use lezai_core::digest::content_digest;
use lezai_core::key::{Jwk, SigningKey, VerifyingKey};
use lezai_core::signature::{self, Input, Message, Params, Tag, sign_base};
use lezai_core::time::Timestamp;
use lezai_tests::{
    Answer, Gateway, Merchant, Receiver, Request, TempDir, lezai, now_ms, random_hex,
};
use serde_json::{Value, json};

/// A page with a key of its own, on a session.
struct Page<'g> {
    gateway: &'g str,
    session: String,
    secret: String,
    key: SigningKey,
}

impl<'g> Page<'g> {
    fn of(gateway: &'g str, order: &Value) -> Self {
        let checkout = &order["checkout"];
        let text = |name: &str| checkout[name].as_str().unwrap().to_owned();
        let entropy = std::array::from_fn(|it| u8::try_from(it).unwrap() * 3 + 5);
        let key = SigningKey::from_entropy(&entropy).unwrap();
        Self { gateway, session: text("session"), secret: text("client_secret"), key }
    }

    /// The thumbprint that its secret pins.
    fn pinned(&self) -> &str {
        self.secret.split_once('.').unwrap().1
    }

    fn claim(&self) -> Value {
        let body =
            json!({ "client_secret": self.secret, "key": self.key.verifying_key().to_jwk() });
        self.call("POST", "/claim", &body.to_string(), "claim")
    }

    fn view(&self) -> Value {
        self.call("GET", "", "", "")
    }

    fn pay(&self, key: &str) -> Value {
        self.call("POST", "/pay", r#"{"method":"wallet_qr"}"#, key)
    }

    /// Believes the answer only if the pinned key signed it for this request, as a page does.
    fn call(&self, method: &str, what: &str, body: &str, key: &str) -> Value {
        let target = format!("/v1/checkout/sessions/{}{what}", self.session);
        let mut request = Request::new(method, &target, body);
        if method == "POST" {
            request = request
                .with("content-type", "application/json")
                .with("idempotency-key", &format!("\"{key}\""))
                .with("content-digest", &content_digest(body.as_bytes()));
        }
        let (keyid, nonce) = (self.key.verifying_key().thumbprint(), random_hex());
        let created = Timestamp::from_ms(now_ms());
        let params = Params { created, keyid: &keyid, nonce: &nonce, tag: Tag::Checkout };
        let base = self.message(&request, |it| {
            sign_base(&Message::Request(it), !body.is_empty(), &params).unwrap()
        });
        for (name, value) in base.fields(&self.key.sign(base.text.as_bytes())) {
            request = request.with(name, &value);
        }
        let answer = request.send(self.gateway).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.json());
        let fields = pairs(&answer.fields);
        let input = Input::by_tag(&fields, Tag::Gateway).unwrap();
        assert_eq!(input.keyid(), Ok(self.pinned()), "{target}");
        let gateway_key = published(self.gateway, self.pinned());
        self.message(&request, |it| {
            let message = Message::Answer(signature::Answer {
                status: answer.status,
                fields: &fields,
                request: Some(it),
            });
            let now = Timestamp::from_ms(now_ms());
            input.verify(&message, &answer.body, Tag::Gateway, &gateway_key, now).unwrap();
        });
        answer.json()
    }

    fn message<T>(&self, request: &Request, run: impl FnOnce(signature::Request<'_>) -> T) -> T {
        let fields = pairs(&request.fields);
        run(signature::Request {
            method: &request.method,
            scheme: "http",
            authority: self.gateway,
            path: &request.target,
            query: "",
            fields: &fields,
        })
    }
}

fn pairs(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// The names of the keys that the gateway publishes.
fn names(authority: &str) -> Vec<String> {
    let set = Request::new("GET", "/.well-known/jwks.json", "").send(authority).unwrap().json();
    let keys = set["keys"].as_array().unwrap().iter();
    keys.map(|it| it["kid"].as_str().unwrap().to_owned()).collect()
}

fn published(authority: &str, name: &str) -> VerifyingKey {
    let set = Request::new("GET", "/.well-known/jwks.json", "").send(authority).unwrap().json();
    let key = set["keys"].as_array().unwrap().iter().find(|it| it["kid"] == name).unwrap().clone();
    let member = |it: &str| key[it].as_str().unwrap().to_owned();
    let jwk = Jwk { kty: member("kty"), crv: member("crv"), x: member("x"), y: member("y") };
    let key = VerifyingKey::from_jwk(&jwk).unwrap();
    assert_eq!(key.thumbprint(), name);
    key
}

fn keyid(answer: &Answer) -> String {
    let fields = pairs(&answer.fields);
    Input::by_tag(&fields, Tag::Gateway).unwrap().keyid().unwrap().to_owned()
}

fn order(merchant: &Merchant, notify_url: &str) -> Value {
    let mut order = Merchant::order(&random_hex());
    order["notify_url"] = json!(notify_url);
    merchant.create(&random_hex(), order.to_string()).unwrap().json()
}

#[test]
fn the_gateway_s_key_is_changed_without_a_gap() {
    let folder = TempDir::new();
    let receiver = Receiver::start();
    let mut gateway = Gateway::start(folder.path());
    let authority = gateway.authority.clone();
    let key = |gateway: &Gateway, what: &[&str]| {
        let data = gateway.data.display().to_string();
        let done = lezai(&[&["key"], what, &["--data", &data]].concat());
        let text = String::from_utf8(done.stdout).unwrap();
        (done.status.code(), text + &String::from_utf8(done.stderr).unwrap())
    };
    let restart = |gateway: &mut Gateway| {
        gateway.interrupt();
        assert!(gateway.ended_well(), "{}", gateway.log());
        *gateway = Gateway::start_at(folder.path(), &authority);
    };
    let [old] = names(&authority).try_into().unwrap();
    let merchant = Merchant::demo(&gateway);
    let (early, other) = (order(&merchant, &receiver.url), order(&merchant, &receiver.url));
    let (page, watcher) = (Page::of(&authority, &early), Page::of(&authority, &other));
    assert_eq!(page.pinned(), old);
    page.claim();

    // The next one is there for all to learn, and signs nothing.
    assert_eq!(key(&gateway, &["rotate"]).0, Some(2));
    let (code, told) = key(&gateway, &["prepare"]);
    assert_eq!(code, Some(0), "{told}");
    restart(&mut gateway);
    let [_, new] = names(&authority).try_into().unwrap();
    assert!(names(&authority).contains(&old) && old != new);
    let asked = Merchant::demo(&gateway).get("/v1/orders?limit=1");
    assert_eq!(keyid(&asked), old);
    let chosen = page.pay("p");

    assert_eq!(key(&gateway, &["rotate"]).0, Some(0));
    restart(&mut gateway);
    let mut both = names(&authority);
    assert_eq!(both[0], new);
    both.sort();
    let mut expected = [old.clone(), new.clone()];
    expected.sort();
    assert_eq!(both, expected);
    // The merchant's server, which has the new public key by now.
    let merchant = Merchant::demo(&gateway);
    assert_eq!(keyid(&merchant.get("/v1/orders?limit=1")), new);
    // Pages of the time before see nothing of it: one that claimed its session then, and one that
    // does so now. What was begun is the same payment still.
    assert_eq!(page.view()["session"], page.session.as_str());
    assert_eq!(page.pay("p")["payment"], chosen["payment"]);
    watcher.claim();
    let refused = Request::new("GET", &format!("/v1/checkout/sessions/{}", page.session), "");
    assert_eq!(keyid(&refused.send(&authority).unwrap()), old);
    let late = order(&merchant, &receiver.url);
    let late = Page::of(&authority, &late);
    assert_eq!(late.pinned(), new);
    late.claim();
    late.pay("p");

    // The demo shop's and everybody's callbacks are signed by the new one.
    let pay = format!("/sandbox/orders/{}/pay", early["id"].as_str().unwrap());
    assert_eq!(Request::new("POST", &pay, "").send(&authority).unwrap().status, 200);
    assert!(receiver.wait(Duration::from_secs(20), |it| !it.is_empty()), "{}", gateway.log());
    let status = page.view()["status"].clone();
    assert_eq!(status, "paid");

    let (code, told) = key(&gateway, &["retire"]);
    assert_eq!((code, told.contains("48 h")), (Some(2), true), "{told}");
    assert_eq!(key(&gateway, &["retire", "--now"]).0, Some(0));
    restart(&mut gateway);
    assert_eq!(names(&authority), std::slice::from_ref(&new));
    assert_eq!(keyid(&refused.send(&authority).unwrap()), new);
    late.view();
}
