//! A merchant's server: it signs what it sends and verifies what comes back.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use lezai_core::digest::content_digest;
use lezai_core::key::{SigningKey, VerifyingKey};
use lezai_core::signature::{self, Input, Message, Params, Tag, sign_base};
use lezai_core::time::Timestamp;
use serde_json::{Value, json};

use crate::client::{Answer, Request};
use crate::gateway::Gateway;
use crate::live::{Live, Tls};

/// The demo merchant, or another.
#[derive(Clone)]
pub struct Merchant {
    authority: String,
    key: SigningKey,
    keyid: String,
    gateway_key: VerifyingKey,
    /// For a gateway that speaks it.
    tls: Option<Tls>,
}

impl Merchant {
    /// The demo merchant of a gateway, with the key in its folder.
    pub fn demo(gateway: &Gateway) -> Self {
        Self::demo_at(&gateway.authority, &gateway.data)
    }

    /// The same, of a gateway that answers at this address and has its keys in this folder.
    pub fn demo_at(authority: &str, data: &Path) -> Self {
        let pem = std::fs::read_to_string(data.join("demo-merchant.pem")).unwrap();
        Self {
            authority: authority.to_owned(),
            key: SigningKey::from_pkcs8_pem(&pem).unwrap(),
            keyid: "demo-1".to_owned(),
            gateway_key: gateway_key(data),
            tls: None,
        }
    }

    /// Someone with a key of its own.
    pub fn new(gateway: &Gateway, key: SigningKey, keyid: &str) -> Self {
        Self {
            authority: gateway.authority.clone(),
            key,
            keyid: keyid.to_owned(),
            gateway_key: gateway_key(&gateway.data),
            tls: None,
        }
    }

    /// A merchant of a live gateway.
    pub fn live(live: &Live, key: SigningKey, keyid: &str) -> Self {
        Self {
            authority: live.authority.clone(),
            key,
            keyid: keyid.to_owned(),
            gateway_key: gateway_key(&live.data),
            tls: Some(live.tls.clone()),
        }
    }

    /// The least that makes an order.
    pub fn order(merchant_order_id: &str) -> Value {
        json!({"merchant_order_id": merchant_order_id, "amount": 12800, "currency": "CNY", "description": "Jasmine tea"})
    }

    /// Creates an order under an idempotency key.
    ///
    /// # Errors
    ///
    /// The socket's.
    pub fn create(&self, key: &str, body: impl Into<Vec<u8>>) -> std::io::Result<Answer> {
        self.send(&self.post("/v1/orders", key, body))
    }

    /// The order with the merchant's own number, or none.
    pub fn find(&self, merchant_order_id: &str) -> Vec<Value> {
        let answer = self.get(&format!("/v1/orders?merchant_order_id={merchant_order_id}"));
        assert_eq!(answer.status, 200, "{}", answer.json());
        answer.json()["data"].as_array().unwrap().clone()
    }

    /// Asks.
    pub fn get(&self, target: &str) -> Answer {
        self.send(&self.sign(Request::new("GET", target, ""))).unwrap()
    }

    /// A signed POST of JSON, ready to be sent.
    pub fn post(&self, target: &str, key: &str, body: impl Into<Vec<u8>>) -> Request {
        let request = Request::new("POST", target, body)
            .with("content-type", "application/json")
            .with("idempotency-key", &format!("\"{key}\""));
        self.sign(request)
    }

    /// Signs a request as it stands; with a body, it gets its digest.
    pub fn sign(&self, mut request: Request) -> Request {
        if !request.body.is_empty() {
            let digest = content_digest(&request.body);
            request = request.with("content-digest", &digest);
        }
        let nonce = random_hex();
        let created = Timestamp::from_ms(now_ms());
        let params = Params { created, keyid: &self.keyid, nonce: &nonce, tag: Tag::Merchant };
        let has_body = !request.body.is_empty();
        let base = self.as_message(&request, |it| sign_base(&it, has_body, &params)).unwrap();
        for (name, value) in base.fields(&self.key.sign(base.text.as_bytes())) {
            request = request.with(name, &value);
        }
        request
    }

    /// Sends a request and checks that the answer is signed for it: a merchant believes no other.
    ///
    /// # Errors
    ///
    /// The socket's.
    pub fn send(&self, request: &Request) -> std::io::Result<Answer> {
        let answer = match &self.tls {
            Some(tls) => tls.send(request, &self.authority)?,
            None => request.send(&self.authority)?,
        };
        self.check(request, &answer)
            .unwrap_or_else(|error| panic!("{request:?}\n{answer:?}\n{error}"));
        Ok(answer)
    }

    /// Whether the answer is signed by the gateway, for this request.
    ///
    /// # Errors
    ///
    /// Why not, in words.
    pub fn check(&self, request: &Request, answer: &Answer) -> Result<(), String> {
        let fields: Vec<_> =
            answer.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let result = self.as_message(request, |message| {
            let Message::Request(request) = message else { unreachable!() };
            let input = Input::by_tag(&fields, Tag::Gateway)?;
            let message = Message::Answer(signature::Answer {
                status: answer.status,
                fields: &fields,
                request: Some(request),
            });
            let now = Timestamp::from_ms(now_ms());
            input
                .verify(&message, &answer.body, Tag::Gateway, &self.gateway_key, now)
                .map(|it| it.keyid().to_owned())
        });
        match result {
            Ok(keyid) if keyid == self.gateway_key.thumbprint() => Ok(()),
            Ok(keyid) => Err(format!("the answer's keyid is {keyid}")),
            Err(error) => Err(error.to_string()),
        }
    }

    fn as_message<T>(&self, request: &Request, run: impl FnOnce(Message<'_>) -> T) -> T {
        let fields: Vec<_> =
            request.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        run(Message::Request(signature::Request {
            method: &request.method,
            scheme: if self.tls.is_some() { "https" } else { "http" },
            authority: &self.authority,
            path,
            query,
            fields: &fields,
        }))
    }
}

/// Milliseconds since the epoch.
pub fn now_ms() -> i64 {
    let age = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(age.as_millis()).unwrap()
}

/// 32 random hex digits: a nonce, an idempotency key, a folder's name.
pub fn random_hex() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).unwrap();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn gateway_key(data: &Path) -> VerifyingKey {
    let pem = std::fs::read_to_string(data.join("gateway-public.pem")).unwrap();
    VerifyingKey::from_spki_pem(&pem).unwrap()
}
