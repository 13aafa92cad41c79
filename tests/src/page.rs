//! A checkout page as the gateway meets it: it signs with a key of its own, and believes what the pinned
//! key signed.

use lezai_core::digest::content_digest;
use lezai_core::key::{Jwk, SigningKey, VerifyingKey};
use lezai_core::signature::{self, Input, Message, Params, Tag, sign_base};
use lezai_core::time::Timestamp;
use serde_json::{Value, json};

use crate::{Answer, Request, Tls, now_ms, random_hex};

/// A page with a key of its own, on a session.
pub struct Page<'g> {
    gateway: &'g str,
    /// For a gateway that speaks it.
    tls: Option<&'g Tls>,
    /// The session's id.
    pub session: String,
    secret: String,
    key: SigningKey,
}

impl<'g> Page<'g> {
    /// The page that an order's `checkout` is given to.
    pub fn of(gateway: &'g str, order: &Value) -> Self {
        Self::nth(gateway, order, 0)
    }

    /// One of several pages that it is given to, each with a key of its own.
    pub fn nth(gateway: &'g str, order: &Value, nth: u8) -> Self {
        let checkout = &order["checkout"];
        let text = |name: &str| checkout[name].as_str().unwrap().to_owned();
        let entropy = std::array::from_fn(|it| u8::try_from(it).unwrap() * 3 + 5 + nth);
        let key = SigningKey::from_entropy(&entropy).unwrap();
        Self { gateway, tls: None, session: text("session"), secret: text("client_secret"), key }
    }

    /// The page of an order of a live gateway.
    pub fn live(tls: &'g Tls, gateway: &'g str, order: &Value) -> Self {
        Self { tls: Some(tls), ..Self::of(gateway, order) }
    }

    /// The thumbprint that its secret pins.
    pub fn pinned(&self) -> &str {
        self.secret.split_once('.').unwrap().1
    }

    /// Claims the session.
    pub fn claim(&self) -> Value {
        self.claims().json()
    }

    /// Claims the session, and may be refused.
    pub fn claims(&self) -> Answer {
        self.call("POST", "/claim", &self.proof().to_string(), &random_hex())
    }

    /// Sees the session without claiming it.
    pub fn opens(&self) -> Answer {
        self.call("POST", "/open", &self.proof().to_string(), &random_hex())
    }

    /// Chooses the QR code, and claims the session by that.
    pub fn pays_first(&self, key: &str) -> Answer {
        let body = json!({ "method": "wallet_qr", "claim": self.proof() });
        self.call("POST", "/pay", &body.to_string(), key)
    }

    /// The proof of the secret that it knows, and its key.
    pub fn proof(&self) -> Value {
        json!({ "client_secret": self.secret, "key": self.key.verifying_key().to_jwk() })
    }

    /// Looks at it.
    pub fn view(&self) -> Value {
        self.call("GET", "", "", "").json()
    }

    /// Chooses the QR code.
    pub fn pay(&self, key: &str) -> Value {
        self.choose(r#"{"method":"wallet_qr"}"#, key)
    }

    /// Chooses what the body says.
    pub fn choose(&self, body: &str, key: &str) -> Value {
        let answer = self.call("POST", "/pay", body, key);
        assert_eq!(answer.status, 200, "{}", answer.json());
        answer.json()
    }

    /// A request that the page signed.
    pub fn request(&self, method: &str, what: &str, body: &str, key: &str) -> Request {
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
        request
    }

    /// Believes the answer only if the pinned key signed it for this request, as a page does.
    pub fn call(&self, method: &str, what: &str, body: &str, key: &str) -> Answer {
        let request = self.request(method, what, body, key);
        let answer = self.send(&request).unwrap();
        let fields = pairs(&answer.fields);
        let input = Input::by_tag(&fields, Tag::Gateway).unwrap();
        assert_eq!(input.keyid(), Ok(self.pinned()), "{}", request.target);
        let gateway_key = self.published();
        self.message(&request, |it| {
            let message = Message::Answer(signature::Answer {
                status: answer.status,
                fields: &fields,
                request: Some(it),
            });
            let now = Timestamp::from_ms(now_ms());
            input.verify(&message, &answer.body, Tag::Gateway, &gateway_key, now).unwrap();
        });
        answer
    }

    fn published(&self) -> VerifyingKey {
        let name = self.pinned();
        let set = self.send(&Request::new("GET", "/.well-known/jwks.json", "")).unwrap().json();
        let key = set["keys"].as_array().unwrap().iter().find(|it| it["kid"] == name).unwrap();
        let member = |it: &str| key[it].as_str().unwrap().to_owned();
        let jwk = Jwk { kty: member("kty"), crv: member("crv"), x: member("x"), y: member("y") };
        let key = VerifyingKey::from_jwk(&jwk).unwrap();
        assert_eq!(key.thumbprint(), name);
        key
    }

    fn send(&self, request: &Request) -> std::io::Result<Answer> {
        match self.tls {
            Some(tls) => tls.send(request, self.gateway),
            None => request.send(self.gateway),
        }
    }

    fn message<T>(&self, request: &Request, run: impl FnOnce(signature::Request<'_>) -> T) -> T {
        let fields = pairs(&request.fields);
        run(signature::Request {
            method: &request.method,
            scheme: if self.tls.is_some() { "https" } else { "http" },
            authority: self.gateway,
            path: &request.target,
            query: "",
            fields: &fields,
        })
    }
}

/// Names and values, borrowed.
pub fn pairs(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}
