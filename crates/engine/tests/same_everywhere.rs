//! The sandbox gives what the core gives, at a known price.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use lezai_core::id::OrderId;
use lezai_core::policy::{Customer, Device, DeviceKind, OrderFacts, Policy, Scene};
use lezai_core::time::Timestamp;
use lezai_engine::decide;
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{money, order, policy, stage};

/// Fuel is wasmtime's count of what the guest executed, so it moves with the code alone: a change
/// of more than 2 % either way is a change of the standard plugin that somebody should know of,
/// and then write down here. The numbers are of rustc 1.95; what another compiler makes of the
/// same source may be off by a quarter.
#[test]
fn a_decision_burns_as_much_as_it_did() {
    const RECORDED: [(&str, u64); 3] = [("risk", 26_783), ("pricing", 8_547), ("routing", 9_035)];
    /// Where panics in the standard library say that they were, by rustc 1.95.0.
    const RUSTC: &[u8] = b"/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/";
    let stage = stage();
    let compact = policy().to_compact();
    let fuel = || {
        let decision = decide(&stage.engine, &stage.standard, &compact, None, &order()).unwrap();
        decision.hooks.map(|run| run.fuel)
    };
    let found = fuel();
    assert_eq!(found, fuel(), "fuel is the same each time");
    let component = support::artifact("policy.wasm");
    let by_recorded_compiler = component.windows(RUSTC.len()).any(|bytes| bytes == RUSTC);
    let percent = if by_recorded_compiler { 2 } else { 25 };
    for (found, (hook, recorded)) in found.into_iter().zip(RECORDED) {
        let off = found.abs_diff(recorded) * 100;
        assert!(off <= recorded * percent, "{hook}: {found}, recorded {recorded}");
    }
}

fn currency() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("CNY"), Just("JPY"), Just("KWD")]
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![Just("a"), Just("b"), Just("qr"), Just("茶"), Just("")].prop_map(str::to_owned)
}

fn country() -> impl Strategy<Value = String> {
    prop_oneof![Just("CN"), Just("HK"), Just("US")].prop_map(str::to_owned)
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| Ipv4Addr::from_bits(bits & 0x0300_0003).into()),
        any::<u128>().prop_map(|bits| Ipv6Addr::from_bits(bits & 0x3).into()),
        any::<u32>().prop_map(|bits| Ipv4Addr::from_bits(bits & 3).to_ipv6_mapped().into()),
    ]
}

fn kind() -> impl Strategy<Value = DeviceKind> {
    prop_oneof![
        Just(DeviceKind::Phone),
        Just(DeviceKind::Tablet),
        Just(DeviceKind::Desktop),
        Just(DeviceKind::Pos),
        Just(DeviceKind::Other)
    ]
}

fn scene() -> impl Strategy<Value = Scene> {
    prop_oneof![
        Just(Scene::Ecommerce),
        Just(Scene::O2o),
        Just(Scene::Counter),
        Just(Scene::MiniProgram),
        Just(Scene::CrossBorder)
    ]
}

prop_compose! {
    fn orders()(
        (id, at_ms) in (any::<[u8; 10]>(), 0..i64::MAX),
        minor in prop_oneof![0..200_i64, 0..=i64::MAX],
        currency in currency(),
        scene in scene(),
        methods in proptest::collection::vec(word(), 1..4),
        (reference, ip, country) in (
            proptest::option::of(word()), proptest::option::of(address()), proptest::option::of(country()),
        ),
        (device, kind, os, user_agent) in (
            proptest::option::of(word()), proptest::option::of(kind()),
            proptest::option::of(word()), proptest::option::of(".{0,40}"),
        ),
        metadata in proptest::collection::btree_map(word(), word(), 0..4),
    ) -> OrderFacts {
        let metadata: BTreeMap<String, String> = metadata;
        OrderFacts {
            id: OrderId::new(Timestamp::from_ms(at_ms), id),
            amount: money(minor, currency),
            scene,
            methods,
            customer: Customer { reference, ip, country },
            device: Device { id: device, kind, os, user_agent },
            metadata,
            at_ms,
            ..order()
        }
    }
}

fn condition() -> impl Strategy<Value = Value> {
    let key = prop_oneof![Just("a"), Just("b"), Just("茶")];
    let amounts = || {
        (0..200_i64, currency())
            .prop_map(|(minor, currency)| json!([{"minor": minor, "currency": currency}]))
    };
    let net = (address(), 0..=32_u8).prop_map(|(ip, bits)| format!("{ip}/{bits}"));
    prop_oneof![
        amounts().prop_map(|it| json!({"amount_over": it})),
        amounts().prop_map(|it| json!({"amount_under": it})),
        country().prop_map(|it| json!({"country_in": [it]})),
        country().prop_map(|it| json!({"country_not_in": [it, "DE"]})),
        Just(json!("country_missing")),
        proptest::collection::vec(net, 1..3).prop_map(|it| json!({"ip_in": it})),
        Just(json!("ip_missing")),
        kind().prop_map(|it| json!({"device_kind_in": [it]})),
        Just(json!("device_kind_missing")),
        word().prop_map(|it| json!({"device_id_in": [it, "x"]})),
        Just(json!("device_id_missing")),
        (key.clone(), word())
            .prop_map(|(key, value)| json!({"metadata_equals": {"key": key, "value": value}})),
        (key.clone(), word())
            .prop_map(|(key, value)| json!({"metadata_in": {"key": key, "values": [value, "x"]}})),
        key.clone().prop_map(|key| json!({"metadata_present": {"key": key}})),
        key.prop_map(|key| json!({"metadata_missing": {"key": key}})),
    ]
}

fn rule() -> impl Strategy<Value = Value> {
    (0..=400_u16, proptest::collection::vec(condition(), 1..3), ".{1,30}").prop_map(
        |(score, when, message)| {
            let message: String =
                message.chars().map(|it| if it.is_control() { '.' } else { it }).collect();
            json!({"code": "rule", "message": message, "score": score, "when": when})
        },
    )
}

fn schedule(currency: &'static str) -> impl Strategy<Value = Value> {
    let rounding = prop_oneof![Just("half_up"), Just("half_even"), Just("up"), Just("down")];
    let room = proptest::option::of(0..100_i64);
    (0..=1_000_000_u32, 0..50_i64, 0..50_i64, room, rounding).prop_map(move |(rate, fixed, min, room, rounding)| {
        let cap = room.map(|room| min + room);
        json!({"currency": currency, "rate_ppm": rate, "fixed": fixed, "min": min, "cap": cap, "rounding": rounding})
    })
}

fn route() -> impl Strategy<Value = Value> {
    let channel = prop_oneof![Just("one"), Just("two"), Just("three")];
    let methods = proptest::collection::vec(prop_oneof![Just("a"), Just("b"), Just("qr")], 0..2);
    (channel, proptest::collection::vec(currency(), 0..2), methods, 0..200_i64).prop_map(|(channel, currencies, methods, max)| {
        let amounts = json!([{"currency": "CNY", "min": 0, "max": max}]);
        json!({"channel": channel, "currencies": currencies, "methods": methods, "amounts": amounts})
    })
}

fn policies() -> impl Strategy<Value = Policy> {
    (
        (1..500_u16, 0..500_u16),
        proptest::collection::vec(rule(), 0..12),
        (schedule("CNY"), schedule("JPY"), schedule("KWD")),
        proptest::collection::vec(route(), 1..5),
    )
        .prop_map(|((review_at, more), rules, fees, routes)| {
            let limit = |currency| json!({"currency": currency, "min": 0, "max": i64::MAX});
            let json = json!({
                "version": 1,
                "limits": [limit("CNY"), limit("JPY"), limit("KWD")],
                "risk": {"review_at": review_at, "deny_at": review_at + more, "rules": rules},
                "fees": [fees.0, fees.1, fees.2],
                "routes": routes,
            });
            Policy::from_json(json.to_string().as_bytes())
                .unwrap_or_else(|error| panic!("{error}: {json}"))
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_sandbox_gives_what_the_core_gives(policy in policies(), order in orders()) {
        let stage = stage();
        let decision = decide(&stage.engine, &stage.standard, &policy.to_compact(), None, &order).unwrap();
        prop_assert_eq!(decision.risk, policy.risk(&order));
        prop_assert_eq!(decision.fee, policy.fee(&order).unwrap());
        prop_assert_eq!(decision.channels, policy.route(&order));
    }
}
