//! The core's vectors through the sandbox: what tests/plugins/vectors answers inside is what
//! crates/core/tests/vectors.rs demands outside.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use lezai_core::digest::sha256_hex;
use lezai_core::id::{MerchantId, OrderId};
use lezai_core::money::{Currency, Money};
use lezai_core::policy::{Customer, Device, OrderFacts, Policy, Profile, Scene, Velocity};
use lezai_core::time::Timestamp;
use lezai_engine::{Config, Engine, Limits, Outcome, Plugin, decide};
use lezai_tests::TempDir;
use serde_json::{Value, json};

/// The plugin behind the engine, with fuel and time for a signature: verifying one burns more
/// than a question about an order may.
struct Sandbox {
    engine: Engine,
    standard: Arc<Plugin>,
    vectors: Arc<Plugin>,
    policy: Vec<u8>,
    _cache: TempDir,
}

impl Sandbox {
    fn new() -> Self {
        let cache = TempDir::new();
        let limits = Limits {
            fuel: 200_000_000,
            deadline_ms: 600_000,
            input: 64 * 1024,
            ..Limits::default()
        };
        let engine = Engine::new(Config { slots: 1, limits, ..Config::new(cache.path()) }).unwrap();
        let policy = json!({
            "version": 1,
            "limits": [{"currency": "CNY", "min": 1, "max": 5_000_000}],
            "risk": {"review_at": 60, "deny_at": 100, "rules": []},
            "fees": [{"currency": "CNY", "rate_ppm": 6000, "rounding": "half_up"}],
            "routes": [{"channel": "sandbox"}],
        });
        Self {
            standard: engine.load(&artifact("policy.wasm")).unwrap(),
            vectors: engine.load(&artifact("plugins/vectors.wasm")).unwrap(),
            policy: Policy::from_json(policy.to_string().as_bytes()).unwrap().to_compact(),
            engine,
            _cache: cache,
        }
    }

    fn check(&self, question: &[u8], expected: &str, row: &Value) {
        let own = Some((&*self.vectors, question));
        let decision = decide(&self.engine, &self.standard, &self.policy, own, &order()).unwrap();
        assert_eq!(decision.hooks[0].outcome, Outcome::Answered, "{row}");
        assert_eq!(
            decision.risk.reasons[0].message,
            sha256_hex(expected.as_bytes()),
            "{expected}: {row}"
        );
    }
}

#[test]
fn signatures_are_judged_inside_as_outside() {
    let sandbox = Sandbox::new();
    let cases = vectors("p256.json")["cases"].as_array().unwrap().clone();
    assert_eq!(cases.len(), 512);
    for case in &cases {
        let text = |name: &str| case[name].as_str().unwrap().to_owned();
        let coordinate = |name: &str| Base64UrlUnpadded::decode_vec(&text(name)).unwrap();
        // Uncompressed, as SEC 1, section 2.3.3, writes a point.
        let question = [
            b"k\x04",
            &*coordinate("x"),
            &coordinate("y"),
            &with_length(&bytes(&text("sig"))),
            &bytes(&text("msg")),
        ]
        .concat();
        let expected = if case["valid"] == true { "good" } else { "bad" };
        sandbox.check(&question, expected, case);
    }
}

#[test]
fn structured_fields_are_read_inside_as_outside() {
    let sandbox = Sandbox::new();
    let file = vectors("structured-fields.json");
    let rows = |kind: &str| file[kind].as_array().unwrap().clone();
    let field = |row: &Value| row["field"].as_str().unwrap().as_bytes().to_vec();
    for row in rows("signature-input") {
        let question = [&b"i"[..], &field(&row)].concat();
        sandbox.check(&question, row["serialized"].as_str().unwrap_or("refused"), &row);
    }
    for row in rows("signature") {
        let question = [&b"s"[..], &field(&row)].concat();
        sandbox.check(&question, row["bytes"].as_str().unwrap_or("refused"), &row);
    }
    for row in rows("content-digest") {
        let body = row["body"].as_str().unwrap().as_bytes();
        let question = [&b"d"[..], &with_length(body), &field(&row)].concat();
        sandbox.check(&question, row["result"].as_str().unwrap(), &row);
    }
}

fn order() -> OrderFacts {
    let at = Timestamp::from_secs(1_795_000_000);
    OrderFacts {
        id: OrderId::new(at, [1; 10]),
        merchant: MerchantId::parse("m_demo").unwrap(),
        merchant_order_id: "A-1001".to_owned(),
        amount: Money::new(12_800, Currency::from_code("CNY").unwrap()).unwrap(),
        scene: Scene::Ecommerce,
        methods: vec!["wallet_qr".to_owned()],
        customer: Customer::default(),
        device: Device::default(),
        metadata: BTreeMap::new(),
        profile: Profile::default(),
        velocity: Velocity::default(),
        at_ms: at.as_ms(),
    }
}

fn artifact(name: &str) -> Vec<u8> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../target/artifacts", name].iter().collect();
    std::fs::read(&path)
        .unwrap_or_else(|_| panic!("{} is not there: run `make artifacts` first", path.display()))
}

fn vectors(name: &str) -> Value {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "vectors", name].iter().collect();
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn with_length(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap().to_le_bytes();
    [&length[..], bytes].concat()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}
