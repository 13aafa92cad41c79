//! The sandbox gives what the core gives, at a known price.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use lezai_core::id::OrderId;
use lezai_core::money::MAX_MINOR;
use lezai_core::policy::{
    Customer, Device, DeviceKind, IpClass, OrderFacts, Policy, PolicyError, Profile, Scene, Tally,
    Velocity, Windows,
};
use lezai_core::time::Timestamp;
use lezai_engine::{Hook, Limits, ask, decide};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{money, order, policy, stage};

/// Fuel is wasmtime's count of what the guest executed, so it moves with the code alone: a change
/// of more than 2 % either way is a change of the plugin that somebody should know of, and then
/// write down here. The numbers are of rustc 1.95; what another compiler makes of the same source
/// may be off by a quarter.
#[track_caller]
fn burns_as_recorded(
    component: &str,
    asked: &[Hook],
    recorded: &[u64],
    fuel: impl Fn() -> Vec<u64>,
) {
    /// Where panics in the standard library say that they were, by rustc 1.95.0.
    const RUSTC: &[u8] = b"/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/";
    let found = fuel();
    assert_eq!(found, fuel(), "fuel is the same each time");
    let bytes = support::artifact(component);
    let by_recorded_compiler = bytes.windows(RUSTC.len()).any(|bytes| bytes == RUSTC);
    let percent = if by_recorded_compiler { 2 } else { 25 };
    assert_eq!(found.len(), recorded.len());
    for ((hook, fuel), recorded) in asked.iter().zip(&found).zip(recorded) {
        let off = fuel.abs_diff(*recorded) * 100;
        assert!(off <= recorded * percent, "{component}, {hook}: {found:?}, recorded {recorded}");
    }
}

#[test]
fn a_decision_burns_as_much_as_it_did() {
    let stage = stage();
    let compact = policy().to_compact();
    burns_as_recorded("policy.wasm", &Hook::STANDARD, &[28_130, 9_589, 10_517], || {
        let decision = decide(&stage.engine, &stage.standard, &compact, None, &order()).unwrap();
        decision.hooks.map(|run| run.fuel).into()
    });
}

/// Merchants' plugins, on an order that they have something to say about.
#[test]
fn merchants_plugins_burn_as_much_as_they_did() {
    let stage = stage();
    let metadata =
        [("basket", "b-9"), ("goods", "gift_card"), ("seller:cup", "101"), ("seller:tea", "9000")];
    let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let order = OrderFacts { amount: money(60_000, "CNY"), metadata, ..order() };
    let marketplace = [Hook::Risk, Hook::Split, Hook::Statement];
    for (component, hooks, settings, recorded) in [
        ("plugins/demo_rules.wasm", &[Hook::Risk][..], &b"JPY 5000\nCNY 50000\n"[..], &[9_841][..]),
        ("plugins/marketplace.wasm", &marketplace, b"50000", &[8_099, 9_521, 9_299]),
    ] {
        let plugin = stage.engine.load(&support::artifact(component)).unwrap();
        burns_as_recorded(component, hooks, recorded, || {
            let fuel = hooks.iter().map(|hook| {
                let fee = money(77, "CNY");
                let asked = ask(&stage.engine, &plugin, settings, &order, *hook, fee);
                assert!(asked.answer.is_ok(), "{asked:?}");
                asked.fuel
            });
            fuel.collect()
        });
    }
}

/// A policy that has `rules`, and otherwise takes everything.
fn policy_with(rules: &Value, routes: &Value) -> Result<Policy, PolicyError> {
    let policy = json!({
        "version": 1,
        "limits": [{"currency": "CNY", "min": 0, "max": MAX_MINOR}],
        "risk": {"review_at": 1000, "deny_at": 1001, "rules": rules},
        "fees": [{"currency": "CNY", "rate_ppm": 6000, "rounding": "half_up"}],
        "routes": routes
    });
    Policy::from_json(policy.to_string().as_bytes())
}

/// The order that costs most to take in and to look up in: each text as long as the API takes it,
/// keys and values that differ in their last bytes alone.
fn longest_order() -> OrderFacts {
    let text = |len: usize| Some("茶".repeat(len));
    let metadata = (10..30).map(|it| (format!("{}{it}", "k".repeat(38)), "茶".repeat(200)));
    OrderFacts {
        merchant_order_id: "A".repeat(64),
        customer: Customer {
            reference: text(64),
            ip: Some("2001:db8::1".parse().unwrap()),
            ip_class: Some(IpClass::Special),
            country: Some("CN".to_owned()),
        },
        device: Device {
            id: text(64),
            kind: Some(DeviceKind::Other),
            os: text(64),
            user_agent: text(256),
        },
        metadata: metadata.collect(),
        ..order()
    }
}

/// The standard plugin must answer whatever policy was accepted: without its answer no order is
/// taken. Each row fills what a policy may have with what costs most of one kind.
#[test]
fn the_worst_policy_is_within_the_fuel() {
    let order = longest_order();
    let key = |tail: &str| format!("{}{tail}", "k".repeat(40 - tail.len()));
    let rules = |rules: usize, when: Value| {
        let rule = json!({"code": "c", "message": "m", "score": 0, "when": when});
        Value::from(vec![rule; rules])
    };
    let missing = |key: &str| json!({"metadata_missing": {"key": key}});
    let absent = vec![missing(&key("99")); 8];
    let absent_short = vec![missing(&"k".repeat(39)); 8];
    let value = "茶".repeat(199);
    let listed =
        json!({"metadata_in": {"key": key("29"), "values": vec![format!("{value}abc"); 17]}});
    let short_values = json!({"metadata_in": {"key": key("29"), "values": vec![""; 256]}});
    let devices = json!({"device_id_in": vec![format!("{}abc", "茶".repeat(63)); 55]});
    let nets = json!({"ip_in": vec!["2001:db8:1::/48"; 256]});
    let nets_of_4 = json!({"ip_in": vec!["192.0.2.0/24"; 256]});
    let countries = json!({"country_not_in": vec!["CM"; 256]});
    let kinds = json!({"device_kind_in": vec!["pos"; 256]});
    let amounts = json!({"amount_over": [
        {"minor": 1, "currency": "JPY"}, {"minor": 1, "currency": "KWD"},
        {"minor": 1, "currency": "USD"}, {"minor": 1, "currency": "EUR"},
        {"minor": 1, "currency": "CNY"}
    ]});
    let sums = json!({"sum_over": {"of": "ip", "within": "day", "sums": amounts["amount_over"]}});
    let counts = json!({"count_over": {"of": "ip", "within": "day", "count": u32::MAX}});
    let classes = json!({"ip_class_in": vec!["public"; 256]});
    let one = json!([{"channel": "c"}]);
    let route =
        |methods: usize, name: &str| json!({"channel": "c", "methods": vec![name; methods]});
    let routes = |routes: usize, route: Value| Value::from(vec![route; routes]);
    let currencies = vec!["CNY"; 32];
    let with = |more: &[&Value]| {
        let mut all = rules(11, json!(absent));
        let last = more.iter().map(|it| rules(1, json!([it]))[0].clone());
        all.as_array_mut().unwrap().extend(last);
        all
    };
    let few_values =
        json!({"metadata_in": {"key": key("29"), "values": vec![format!("{value}abc"); 11]}});
    let few_short = json!({"metadata_in": {"key": key("29"), "values": vec![""; 250]}});
    let rows = [
        ("absent keys", rules(12, json!(absent)), one.clone()),
        ("absent keys that are a beginning", rules(12, json!(absent_short)), one.clone()),
        ("values", rules(1, json!([listed])), one.clone()),
        ("short values", rules(4, json!([short_values])), one.clone()),
        ("devices", rules(1, json!([devices])), one.clone()),
        ("networks", rules(2, json!([nets])), one.clone()),
        ("networks of IPv4", rules(4, json!([nets_of_4])), one.clone()),
        ("countries", rules(4, json!([countries])), one.clone()),
        ("kinds", rules(4, json!([kinds])), one.clone()),
        ("amounts", rules(38, json!([amounts])), one.clone()),
        ("sums", rules(38, json!([sums])), one.clone()),
        ("counts", rules(12, json!(vec![counts; 8])), one.clone()),
        ("kinds of networks", rules(4, json!([classes])), one.clone()),
        ("methods", json!([]), routes(32, route(22, "wallet_redirecs"))),
        ("short methods", json!([]), routes(32, route(32, "w"))),
        ("currencies", json!([]), routes(5, json!({"channel": "c", "currencies": currencies}))),
        (
            "keys and amounts",
            with(&[&amounts; 8]),
            routes(4, json!({"channel": "c", "currencies": currencies})),
        ),
        (
            "keys and everything",
            with(&[&few_short, &short_values, &nets_of_4, &nets, &amounts, &amounts]),
            routes(4, json!({"channel": "c", "currencies": currencies})),
        ),
        ("keys and values", with(&[&few_values]), one.clone()),
        ("keys and short values", with(&[&short_values; 4]), one.clone()),
        ("keys and networks", with(&[&nets]), one.clone()),
        ("keys and networks of IPv4", with(&[&nets_of_4; 3]), one.clone()),
        ("keys and short methods", with(&[]), routes(32, route(32, "w"))),
    ];
    let stage = stage();
    for (name, rules, routes) in rows {
        let policy = policy_with(&rules, &routes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let compact = policy.to_compact();
        let decision = decide(&stage.engine, &stage.standard, &compact, None, &order)
            .unwrap_or_else(|error| panic!("{name}, {} bytes: {error}", compact.len()));
        let fuel = decision.hooks.map(|run| run.fuel);
        // A compiler of another version may make it dearer by a quarter.
        let most = Limits::default().fuel * 4 / 5;
        assert!(fuel.into_iter().all(|it| it <= most), "{name}: {fuel:?}");
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

fn ip_class() -> impl Strategy<Value = IpClass> {
    prop_oneof![
        Just(IpClass::Public),
        Just(IpClass::Private),
        Just(IpClass::Loopback),
        Just(IpClass::LinkLocal),
        Just(IpClass::Special)
    ]
}

fn windows() -> impl Strategy<Value = Windows> {
    let tally = || {
        let sum = prop_oneof![0..400_u64, any::<u64>()];
        (0..5_u32, sum).prop_map(|(count, sum)| Tally { count, sum })
    };
    (tally(), tally(), tally()).prop_map(|(minute, hour, day)| Windows { minute, hour, day })
}

fn party() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("merchant"), Just("customer"), Just("device"), Just("ip")]
}

fn span() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("minute"), Just("hour"), Just("day")]
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
        ip_class in proptest::option::of(ip_class()),
        (category, tier) in (proptest::option::of(any::<u16>()), proptest::option::of(any::<u8>())),
        (merchant, party) in (windows(), proptest::option::of(windows())),
    ) -> OrderFacts {
        let metadata: BTreeMap<String, String> = metadata;
        OrderFacts {
            id: OrderId::new(Timestamp::from_ms(at_ms), id),
            amount: money(minor, currency),
            scene,
            methods,
            customer: Customer { reference, ip, ip_class, country },
            device: Device { id: device, kind, os, user_agent },
            metadata,
            profile: Profile { country: None, category, tier },
            velocity: Velocity { merchant, customer: party, device: None, ip: party },
            at_ms,
            ..order()
        }
    }
}

fn condition() -> impl Strategy<Value = Value> {
    let key = prop_oneof![Just("a"), Just("b"), Just("茶")];
    let amounts = || {
        (0..600_i64, currency())
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
        ip_class().prop_map(|it| json!({"ip_class_in": [it]})),
        (party(), span(), 0..5_u32)
            .prop_map(|(of, within, count)| json!({"count_over": {"of": of, "within": within, "count": count}})),
        (party(), span(), amounts())
            .prop_map(|(of, within, sums)| json!({"sum_over": {"of": of, "within": within, "sums": sums}})),
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
            let limit = |currency| json!({"currency": currency, "min": 0, "max": MAX_MINOR});
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
