//! Rows of facts about policies. One helper builds a policy, one builds an order.

mod answers;
mod plans;
mod properties;
mod refused;
mod routes;

use serde_json::{Value, json};

use super::*;
use crate::id::{MerchantId, OrderId};
use crate::money::MAX_MINOR;

/// A policy that uses every part of the format.
const FULL: &str = r#"{
    "version": 1,
    "limits": [{"currency": "CNY", "min": 100, "max": 5000000}, {"currency": "JPY", "min": 1, "max": 1000000}],
    "risk": {
        "review_at": 300,
        "deny_at": 700,
        "rules": [
            {"code": "large", "message": "A large amount", "score": 300, "when": [{"amount_over": [{"minor": 1000000, "currency": "CNY"}]}]},
            {"code": "abroad", "message": "From abroad", "score": 250, "when": [{"country_not_in": ["CN", "HK"]}, "ip_missing"]},
            {"code": "listed", "message": "A listed network", "score": 700, "when": [{"ip_in": ["203.0.113.0/24", "2001:db8::/32"]}]}
        ]
    },
    "fees": [
        {"currency": "CNY", "rate_ppm": 6000, "fixed": 0, "min": 1, "cap": 5000, "rounding": "half_up"},
        {"currency": "JPY", "rate_ppm": 36000, "rounding": "down"}
    ],
    "routes": [
        {"channel": "sandbox", "methods": ["wallet_qr", "wallet_redirect"]},
        {"channel": "backup", "currencies": ["CNY"], "amounts": [{"currency": "CNY", "min": 0, "max": 100000}]}
    ]
}"#;

fn full() -> Value {
    serde_json::from_str(FULL).unwrap()
}

fn read(policy: &Value) -> Result<Policy, PolicyError> {
    Policy::from_json(policy.to_string().as_bytes())
}

fn money(text: &str) -> Money {
    let (minor, code) = text.split_once(' ').unwrap();
    Money::new(minor.parse().unwrap(), Currency::from_code(code).unwrap()).unwrap()
}

/// An order over `amount`, such as `12800 CNY`, that says nothing else.
fn order(amount: &str) -> OrderFacts {
    OrderFacts {
        id: OrderId::parse("ord_00000000000000000000000000000001").unwrap(),
        merchant: MerchantId::parse("m_demo").unwrap(),
        merchant_order_id: "A-1001".to_owned(),
        amount: money(amount),
        scene: Scene::Ecommerce,
        methods: vec!["wallet_qr".to_owned()],
        customer: Customer::default(),
        device: Device::default(),
        metadata: [].into(),
        profile: Profile::default(),
        velocity: Velocity::default(),
        at_ms: 1_767_225_600_000,
    }
}

#[test]
fn limits_allow_both_ends() {
    let policy = read(&full()).unwrap();
    for (amount, expected) in [
        ("99 CNY", Err(LimitExceeded::Below(money("100 CNY")))),
        ("100 CNY", Ok(())),
        ("5000000 CNY", Ok(())),
        ("5000001 CNY", Err(LimitExceeded::Above(money("5000000 CNY")))),
        ("0 JPY", Err(LimitExceeded::Below(money("1 JPY")))),
        ("1 JPY", Ok(())),
        ("100 USD", Err(LimitExceeded::Currency(Currency::from_code("USD").unwrap()))),
    ] {
        assert_eq!(policy.check_limits(&order(amount)), expected, "{amount}");
    }
}

/// Whether a rule with this one condition applies to the order.
fn applies(condition: &Value, order: &OrderFacts) -> bool {
    let mut policy = full();
    policy["risk"]["rules"] =
        json!([{"code": "row", "message": "Row", "score": 1, "when": [condition]}]);
    let policy = read(&policy).unwrap_or_else(|error| panic!("{condition}: {error}"));
    policy.risk(order).score == 1
}

#[test]
fn each_condition_holds_when_it_says() {
    let mut rich = order("12800 CNY");
    rich.customer = Customer {
        reference: Some("c-1".to_owned()),
        ip: Some("203.0.113.7".parse().unwrap()),
        ip_class: Some(IpClass::Special),
        country: Some("CN".to_owned()),
    };
    let hour = Tally { count: 3, sum: 40_000 };
    let customer = Windows { hour, day: Tally { count: 9, sum: 40_000 }, ..Windows::default() };
    rich.velocity = Velocity { customer: Some(customer), ..Velocity::default() };
    rich.device = Device {
        id: Some("d-1".to_owned()),
        kind: Some(DeviceKind::Phone),
        os: None,
        user_agent: None,
    };
    rich.metadata.insert("kind".to_owned(), "gift_card".to_owned());
    let mut mapped = rich.clone();
    mapped.customer.ip = Some("::ffff:203.0.113.7".parse().unwrap());
    let bare = order("12800 CNY");
    let yen = order("12800 JPY");

    let cny = |minor: i64| json!([{"minor": minor, "currency": "CNY"}]);
    let count = |of, within, count: u32| json!({"count_over": {"of": of, "within": within, "count": count}});
    let sum = |minor: i64, currency: &str| {
        let sums = json!([{"minor": minor, "currency": currency}]);
        json!({"sum_over": {"of": "customer", "within": "hour", "sums": sums}})
    };
    for (condition, order, expected) in [
        (json!({"amount_over": cny(12799)}), &bare, true),
        (json!({"amount_over": cny(12800)}), &bare, false),
        (json!({"amount_over": cny(12799)}), &yen, false),
        (json!({"amount_under": cny(12801)}), &bare, true),
        (json!({"amount_under": cny(12800)}), &bare, false),
        (json!({"amount_under": cny(12801)}), &yen, false),
        (json!({"country_in": ["HK", "CN"]}), &rich, true),
        (json!({"country_in": ["HK"]}), &rich, false),
        (json!({"country_in": ["CN"]}), &bare, false),
        (json!({"country_not_in": ["HK"]}), &rich, true),
        (json!({"country_not_in": ["CN"]}), &rich, false),
        (json!({"country_not_in": ["CN"]}), &bare, true),
        (json!("country_missing"), &rich, false),
        (json!("country_missing"), &bare, true),
        (json!({"ip_in": ["203.0.113.0/24"]}), &rich, true),
        (json!({"ip_in": ["203.0.113.0/24"]}), &mapped, true),
        (json!({"ip_in": ["203.0.112.0/24", "2001:db8::/32"]}), &rich, false),
        (json!({"ip_in": ["0.0.0.0/0"]}), &bare, false),
        (json!("ip_missing"), &rich, false),
        (json!("ip_missing"), &bare, true),
        (json!({"device_kind_in": ["tablet", "phone"]}), &rich, true),
        (json!({"device_kind_in": ["pos"]}), &rich, false),
        (json!({"device_kind_in": ["phone"]}), &bare, false),
        (json!("device_kind_missing"), &rich, false),
        (json!("device_kind_missing"), &bare, true),
        (json!({"device_id_in": ["d-1"]}), &rich, true),
        (json!({"device_id_in": ["d-2"]}), &rich, false),
        (json!({"device_id_in": ["d-1"]}), &bare, false),
        (json!("device_id_missing"), &rich, false),
        (json!("device_id_missing"), &bare, true),
        (json!({"metadata_equals": {"key": "kind", "value": "gift_card"}}), &rich, true),
        (json!({"metadata_equals": {"key": "kind", "value": "tea"}}), &rich, false),
        (json!({"metadata_equals": {"key": "kind", "value": ""}}), &bare, false),
        (json!({"metadata_in": {"key": "kind", "values": ["tea", "gift_card"]}}), &rich, true),
        (json!({"metadata_in": {"key": "kind", "values": ["tea"]}}), &rich, false),
        (json!({"metadata_in": {"key": "kind", "values": ["tea"]}}), &bare, false),
        (json!({"metadata_present": {"key": "kind"}}), &rich, true),
        (json!({"metadata_present": {"key": "kind"}}), &bare, false),
        (json!({"metadata_missing": {"key": "kind"}}), &rich, false),
        (json!({"metadata_missing": {"key": "kind"}}), &bare, true),
        (json!({"ip_class_in": ["private", "special"]}), &rich, true),
        (json!({"ip_class_in": ["public"]}), &rich, false),
        (json!({"ip_class_in": ["public"]}), &bare, false),
        (count("customer", "hour", 2), &rich, true),
        (count("customer", "hour", 3), &rich, false),
        (count("customer", "day", 8), &rich, true),
        (count("customer", "minute", 0), &rich, false),
        (count("device", "hour", 0), &rich, false),
        (count("customer", "hour", 0), &bare, false),
        // The order itself has 12800.
        (sum(52_799, "CNY"), &rich, true),
        (sum(52_800, "CNY"), &rich, false),
        (sum(1, "JPY"), &rich, false),
        (sum(12_799, "CNY"), &bare, true),
    ] {
        assert_eq!(applies(&condition, order), expected, "{condition}");
    }
}

#[test]
fn a_rule_applies_when_all_its_conditions_hold() {
    let mut policy = full();
    policy["risk"]["rules"] = json!([
        {"code": "both", "message": "Both", "score": 1, "when": ["ip_missing", "country_missing"]}
    ]);
    let policy = read(&policy).unwrap();
    let mut with_country = order("100 CNY");
    with_country.customer.country = Some("CN".to_owned());
    assert_eq!(policy.risk(&order("100 CNY")).score, 1);
    assert_eq!(policy.risk(&with_country).score, 0);
}

#[test]
fn scores_add_up_to_a_verdict() {
    let cases: [(&[u16], u16, Verdict); 8] = [
        (&[], 0, Verdict::Accept),
        (&[299], 299, Verdict::Accept),
        (&[300], 300, Verdict::Review),
        (&[150, 150], 300, Verdict::Review),
        (&[300, 399], 699, Verdict::Review),
        (&[300, 400], 700, Verdict::Deny),
        (&[1000, 1000], 1000, Verdict::Deny),
        (&[1000; 64], 1000, Verdict::Deny),
    ];
    for (scores, score, verdict) in cases {
        let mut policy = full();
        let rule = |score| json!({"code": "row", "message": "Row", "score": score, "when": ["ip_missing"]});
        policy["risk"]["rules"] = scores.iter().map(rule).collect();
        let risk = read(&policy).unwrap().risk(&order("100 CNY"));
        assert_eq!((risk.score, risk.verdict), (score, verdict), "{scores:?}");
        assert_eq!(risk.reasons.len(), scores.len().min(answer::MAX_REASONS));
        assert_eq!(answer::check_risk(&risk), Ok(()));
    }
}

#[test]
fn reasons_stand_in_the_policys_order() {
    let policy = read(&full()).unwrap();
    let mut order = order("1000001 CNY");
    order.customer.country = Some("US".to_owned());
    let risk = policy.risk(&order);
    let codes: Vec<&str> = risk.reasons.iter().map(|it| it.code.as_str()).collect();
    assert_eq!((codes.as_slice(), risk.score), (["large", "abroad"].as_slice(), 550));
}

#[test]
fn fees_round_as_stated() {
    // (rate in ppm, fixed, min, cap, rounding, amount, fee)
    for (rate_ppm, fixed, min, cap, rounding, amount, fee) in [
        // 0.6 % of 12800 is 76.8
        (6000, 0, 0, None, "half_up", "12800 CNY", 77),
        (6000, 0, 0, None, "half_even", "12800 CNY", 77),
        (6000, 0, 0, None, "up", "12800 CNY", 77),
        (6000, 0, 0, None, "down", "12800 CNY", 76),
        // 0.5 % of 100, 300 and 500: halves
        (5000, 0, 0, None, "half_up", "100 CNY", 1),
        (5000, 0, 0, None, "half_even", "100 CNY", 0),
        (5000, 0, 0, None, "half_even", "300 CNY", 2),
        (5000, 0, 0, None, "half_even", "500 CNY", 2),
        (5000, 0, 0, None, "up", "100 CNY", 1),
        (5000, 0, 0, None, "down", "500 CNY", 2),
        // A whole number stays one in every mode
        (10_000, 0, 0, None, "half_up", "300 CNY", 3),
        (10_000, 0, 0, None, "half_even", "300 CNY", 3),
        (10_000, 0, 0, None, "up", "300 CNY", 3),
        (10_000, 0, 0, None, "down", "300 CNY", 3),
        // The least bit above nothing
        (1, 0, 0, None, "up", "1 CNY", 1),
        (1, 0, 0, None, "half_up", "499999 CNY", 0),
        (1, 0, 0, None, "half_up", "500000 CNY", 1),
        // Fixed part, minimum, cap, in this order
        (6000, 30, 0, None, "half_up", "12800 CNY", 107),
        (6000, 30, 200, None, "half_up", "12800 CNY", 200),
        (6000, 30, 0, Some(100), "half_up", "12800 CNY", 100),
        (0, 30, 0, Some(0), "half_up", "12800 CNY", 0),
        // Never more than the amount
        (0, 30, 0, None, "half_up", "10 CNY", 10),
        (0, 0, 50, None, "half_up", "10 CNY", 10),
        (1_000_000, 1, 0, None, "up", "10 CNY", 10),
        // Currencies without and with three decimals: minor units all the same
        (36_000, 0, 0, None, "down", "999 JPY", 35),
        (36_000, 0, 0, None, "up", "999 JPY", 36),
        (36_000, 40, 0, None, "down", "999 JPY", 75),
        (2500, 0, 0, None, "half_even", "1000 KWD", 2),
        (2500, 0, 0, None, "half_up", "1000 KWD", 3),
        // No overflow at the ends
        (1_000_000, MAX_MINOR, 0, None, "up", "9007199254740991 CNY", MAX_MINOR),
        (999_999, 0, 0, None, "down", "9007199254740991 CNY", 9_007_190_247_541_736),
    ] {
        let currency = amount.split_once(' ').unwrap().1;
        let mut policy = full();
        policy["limits"] = json!([{"currency": currency, "min": 0, "max": MAX_MINOR}]);
        policy["fees"] = json!([{"currency": currency, "rate_ppm": rate_ppm, "fixed": fixed, "min": min, "cap": cap, "rounding": rounding}]);
        let found = read(&policy).unwrap().fee(&order(amount)).unwrap();
        let row = format!("{rate_ppm} ppm + {fixed}, {min} to {cap:?}, {rounding}, of {amount}");
        assert_eq!(found, money(&format!("{fee} {currency}")), "{row}");
    }
}

#[test]
fn no_amount_is_more_than_every_reader_of_json_can_read() {
    for (path, member) in [
        ("limits[0].max", "/limits/0/max"),
        ("fees[0].fixed", "/fees/0/fixed"),
        ("fees[0].cap", "/fees/0/cap"),
    ] {
        let mut policy = full();
        policy["fees"][0]["cap"] = json!(MAX_MINOR);
        policy["fees"][0]["fixed"] = json!(1);
        for (amount, taken) in [(MAX_MINOR, true), (MAX_MINOR + 1, false), (i64::MAX, false)] {
            *policy.pointer_mut(member).unwrap() = json!(amount);
            let found = read(&policy).map(drop).map_err(|error| error.path);
            assert_eq!(found, if taken { Ok(()) } else { Err(path.to_owned()) }, "{amount}");
        }
    }
}

#[test]
fn a_currency_without_a_schedule_has_no_fee() {
    let usd = Currency::from_code("USD").unwrap();
    assert_eq!(read(&full()).unwrap().fee(&order("100 USD")), Err(FeeError(usd)));
}

#[test]
fn methods_that_are_not_open_are_closed_and_no_plugin_is_told() {
    let open = |methods: &str| {
        let json = format!(
            r#"{{"version":1,"limits":[{{"currency":"CNY","min":1,"max":5}}],"risk":{{"review_at":1,"deny_at":2}},
                "fees":[{{"currency":"CNY","rate_ppm":0,"rounding":"down"}}],"routes":[{{"channel":"a"}}]{methods}}}"#
        );
        Policy::from_json(json.as_bytes())
    };
    for all in ["", r#","methods":[]"#] {
        assert!(open(all).unwrap().opens("wallet_qr"), "{all}");
    }
    let some = open(r#","methods":["wallet_qr"]"#).unwrap();
    assert!(some.opens("wallet_qr") && !some.opens("wallet_redirect"));
    assert_eq!(some.to_compact(), open("").unwrap().to_compact());
    assert_eq!(open(r#","methods":["wallet_qr",""]"#).unwrap_err().path, "methods[1]");
    // Nor are plugins told whether the operator's strategy may arrange the channels.
    let order = |word: &str| open(&format!(r#","channel_order":"{word}""#));
    assert!(order("fixed").unwrap().fixes_order());
    assert!(!order("free").unwrap().fixes_order() && !open("").unwrap().fixes_order());
    assert_eq!(order("fixed").unwrap().to_compact(), open("").unwrap().to_compact());
    assert_eq!(order("cheap").unwrap_err().path, "channel_order");
}

#[test]
fn the_channel_that_is_drawn_is_the_first_of_those_with_a_share() {
    let mut policy = full();
    policy["routes"] = json!([
        {"channel": "c"}, {"channel": "a", "share": 60}, {"channel": "b", "share": 40}
    ]);
    let shared = read(&policy).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for number in 0..100_u32 {
        let mut order = order("100 CNY");
        order.id = OrderId::parse(&format!("ord_0193710e2f4a1b2c3d4e5f60{number:08x}")).unwrap();
        let drawn = shared.drawn(&order).map(str::to_owned);
        assert_eq!(shared.route(&order).get(1), drawn.as_ref());
        seen.extend(drawn);
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["a", "b"]);
    policy["routes"] = json!([{"channel": "a"}]);
    assert_eq!(read(&policy).unwrap().drawn(&order("100 CNY")), None);
}
