//! Shared by the engine's tests and measurements: artifacts, one engine for each process, orders.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    reason = "each test takes what it needs"
)]

pub mod attacks;
pub mod clock;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use lezai_core::id::{MerchantId, OrderId};
use lezai_core::money::{Currency, Money};
use lezai_core::policy::{
    Customer, Device, DeviceKind, IpClass, OrderFacts, Policy, Profile, Scene, Tally, Velocity,
    Windows,
};
use lezai_engine::{Config, Engine, Plugin};
use tempfile::TempDir;

/// A policy as a shop would have it.
pub const POLICY: &str = r#"{
    "version": 1,
    "limits": [{"currency": "CNY", "min": 100, "max": 5000000}, {"currency": "JPY", "min": 1, "max": 1000000}],
    "risk": {
        "review_at": 300,
        "deny_at": 700,
        "rules": [
            {"code": "large", "message": "A large amount", "score": 300, "when": [{"amount_over": [{"minor": 1000000, "currency": "CNY"}]}]},
            {"code": "abroad", "message": "From abroad, on an unknown device", "score": 250, "when": [{"country_not_in": ["CN", "HK", "MO"]}, "device_id_missing"]},
            {"code": "listed", "message": "A listed network", "score": 700, "when": [{"ip_in": ["198.51.100.0/24", "2001:db8::/32"]}]},
            {"code": "gift_card", "message": "A gift card", "score": 150, "when": [{"metadata_equals": {"key": "goods", "value": "gift_card"}}]}
        ]
    },
    "fees": [
        {"currency": "CNY", "rate_ppm": 6000, "fixed": 0, "min": 1, "cap": 5000, "rounding": "half_up"},
        {"currency": "JPY", "rate_ppm": 36000, "rounding": "down"}
    ],
    "routes": [{"channel": "sandbox", "methods": ["wallet_qr", "wallet_redirect"]}, {"channel": "backup"}]
}"#;

/// The bytes of a component that `cargo run --release -p xtask -- artifacts` makes.
pub fn artifact(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/artifacts").join(name);
    std::fs::read(&path).unwrap_or_else(|error| {
        panic!("{}: {error}; cargo run --release -p xtask -- artifacts makes it", path.display())
    })
}

/// An engine with its plugins, over a cache of its own.
pub struct Stage {
    pub engine: Engine,
    pub standard: Arc<Plugin>,
    pub hostile: Arc<Plugin>,
    pub demo: Arc<Plugin>,
    _cache: TempDir,
}

/// The process's one stage.
pub fn stage() -> &'static Stage {
    static STAGE: OnceLock<Stage> = OnceLock::new();
    STAGE.get_or_init(|| {
        let cache = tempfile::tempdir().unwrap();
        let engine = Engine::new(Config::new(cache.path())).unwrap();
        let load = |name| engine.load(&artifact(name)).unwrap();
        Stage {
            standard: load("policy.wasm"),
            hostile: load("plugins/hostile.wasm"),
            demo: load("plugins/demo_rules.wasm"),
            engine,
            _cache: cache,
        }
    })
}

pub fn policy() -> Policy {
    Policy::from_json(POLICY.as_bytes()).unwrap()
}

pub fn money(minor: i64, code: &str) -> Money {
    Money::new(minor, Currency::from_code(code).unwrap()).unwrap()
}

/// As many orders in a minute, and more in an hour and a day.
fn windows(count: u32) -> Windows {
    let tally = |times: u32| Tally { count: count * times, sum: u64::from(count * times) * 9_900 };
    Windows { minute: tally(1), hour: tally(20), day: tally(300) }
}

/// An order with every field, as a shop would send it.
pub fn order() -> OrderFacts {
    let text = |text: &str| Some(text.to_owned());
    OrderFacts {
        id: OrderId::parse("ord_019b76da4a801f2e3d4c5b6a79880716").unwrap(),
        merchant: MerchantId::parse("m_demo").unwrap(),
        merchant_order_id: "A-1001".to_owned(),
        amount: money(12_800, "CNY"),
        scene: Scene::Ecommerce,
        methods: vec!["wallet_qr".to_owned(), "wallet_redirect".to_owned()],
        customer: Customer {
            reference: text("c-77"),
            ip: Some("203.0.113.7".parse().unwrap()),
            ip_class: Some(IpClass::Public),
            country: text("CN"),
        },
        device: Device {
            id: text("d-5f1c"),
            kind: Some(DeviceKind::Phone),
            os: text("iOS 26"),
            user_agent: text(
                "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15",
            ),
        },
        metadata: [("goods", "tea"), ("cart", "3"), ("coupon", "SPRING")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        profile: Profile { country: text("CN"), category: Some(5499), tier: Some(3) },
        velocity: Velocity {
            merchant: windows(12),
            customer: Some(windows(1)),
            device: Some(windows(1)),
            ip: Some(windows(2)),
        },
        at_ms: 1_767_225_600_000,
    }
}
