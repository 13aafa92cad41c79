//! Rows of facts about policies. One helper builds a policy, one builds an order.

use std::collections::BTreeMap;

use proptest::prelude::*;
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
fn routes_are_tried_in_order_each_channel_once() {
    for (routes, methods, expected) in [
        (json!([{"channel": "a"}, {"channel": "b"}]), ["qr"], vec!["a", "b"]),
        (json!([{"channel": "b"}, {"channel": "a"}, {"channel": "b"}]), ["qr"], vec!["b", "a"]),
        (
            json!([{"channel": "a", "methods": ["card"]}, {"channel": "b", "methods": ["card", "qr"]}]),
            ["qr"],
            vec!["b"],
        ),
        (
            json!([{"channel": "a", "currencies": ["JPY"]}, {"channel": "b", "currencies": ["JPY", "CNY"]}]),
            ["qr"],
            vec!["b"],
        ),
        (
            json!([{"channel": "a", "amounts": [{"currency": "CNY", "min": 0, "max": 99}]}]),
            ["qr"],
            vec![],
        ),
        (
            json!([{"channel": "a", "amounts": [{"currency": "CNY", "min": 100, "max": 100}]}]),
            ["qr"],
            vec!["a"],
        ),
        (
            json!([{"channel": "a", "amounts": [{"currency": "JPY", "min": 0, "max": 1}]}]),
            ["qr"],
            vec!["a"],
        ),
    ] {
        let mut policy = full();
        policy["routes"] = routes.clone();
        let mut order = order("100 CNY");
        order.methods = methods.map(str::to_owned).to_vec();
        assert_eq!(read(&policy).unwrap().route(&order), expected, "{routes}");
    }
}

/// How often each of some routes comes first, of a thousand orders whose ids end in all numbers.
fn firsts(routes: &Value, currency: &str) -> BTreeMap<String, u32> {
    let mut policy = full();
    policy["routes"] = routes.clone();
    let policy = read(&policy).unwrap();
    let compact = Policy::from_compact(&policy.to_compact()).unwrap();
    assert_eq!(compact, policy);
    assert_eq!(
        channels_in_compact(&policy.to_compact()).unwrap(),
        policy.channels().collect::<Vec<_>>()
    );
    let mut firsts = BTreeMap::new();
    for number in 0..1_000_u32 {
        let mut order = order(&format!("100 {currency}"));
        order.id = OrderId::parse(&format!("ord_0193710e2f4a1b2c3d4e5f60{number:08x}")).unwrap();
        let channels = policy.route(&order);
        assert_eq!(policy.route(&order), channels, "the same for whoever asks");
        let mut once = channels.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), channels.len());
        *firsts.entry(channels.join(" ")).or_default() += 1;
    }
    firsts
}

#[test]
fn shares_say_how_often_a_channel_comes_first() {
    let shared = json!([
        {"channel": "a", "share": 70}, {"channel": "b", "share": 30}, {"channel": "c"}
    ]);
    let expected = |rows: &[(&str, u32)]| {
        rows.iter().map(|(row, times)| ((*row).to_owned(), *times)).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(firsts(&shared, "CNY"), expected(&[("a b c", 700), ("b a c", 300)]));
    // What has none keeps its place, before them or between.
    let before = json!([
        {"channel": "c"}, {"channel": "a", "share": 99}, {"channel": "d"}, {"channel": "b", "share": 1}
    ]);
    assert_eq!(firsts(&before, "CNY"), expected(&[("c a d b", 990), ("c b a d", 10)]));
    // Of those that take the order, in proportion: b and c are a half each of what a leaves.
    let some = json!([
        {"channel": "a", "currencies": ["JPY"], "share": 50},
        {"channel": "b", "share": 25},
        {"channel": "c", "share": 25},
    ]);
    assert_eq!(firsts(&some, "CNY"), expected(&[("b c", 500), ("c b", 500)]));
    // None takes it, or the only one does.
    let none = json!([{"channel": "a", "currencies": ["JPY"], "share": 100}, {"channel": "b"}]);
    assert_eq!(firsts(&none, "CNY"), expected(&[("b", 1_000)]));
}

#[test]
fn shares_make_a_hundred() {
    let refused = |routes: Value| {
        let mut policy = full();
        policy["routes"] = routes;
        read(&policy).unwrap_err()
    };
    for routes in [
        json!([{"channel": "a", "share": 0}]),
        json!([{"channel": "a", "share": 60}, {"channel": "b", "share": 39}]),
        json!([{"channel": "a", "share": 60}, {"channel": "b", "share": 41}]),
        json!([{"channel": "a", "share": 200}, {"channel": "b"}]),
    ] {
        assert_eq!(refused(routes).path, "routes");
    }
    for share in [json!(-1), json!(256), json!("50"), json!(0.5)] {
        assert_eq!(refused(json!([{"channel": "a", "share": share}])).path, "routes[0].share");
    }
}

/// A policy without shares is carried as it was before they were known.
#[test]
fn shares_follow_the_compact_form_of_the_rest() {
    let bytes = read(&full()).unwrap().to_compact();
    assert_eq!(bytes[0], 1);
    let mut policy = full();
    policy["routes"] = json!([{"channel": "a", "share": 100}]);
    let with = read(&policy).unwrap().to_compact();
    assert_eq!(with[0], 3);
    for cut in 1..=3 {
        assert!(Policy::from_compact(&with[..with.len() - cut]).is_err(), "{cut}");
    }
    let mut longer = with.clone();
    longer.push(0);
    assert!(Policy::from_compact(&longer).is_err());
    // As many shares as there are routes.
    let mut fewer = with;
    let at = fewer.len() - 2;
    fewer[at] = 0;
    fewer.pop();
    assert!(Policy::from_compact(&fewer).is_err());
}

/// The problem after `path` was set to `value`.
fn problem_with(path: &str, value: Value) -> PolicyError {
    let mut policy = full();
    let (parent, last) = path.rsplit_once('/').unwrap();
    let parent = policy.pointer_mut(parent).unwrap();
    match parent {
        Value::Array(list) => list[last.parse::<usize>().unwrap()] = value,
        _ => parent[last] = value,
    }
    read(&policy).expect_err(path)
}

#[test]
fn what_is_unknown_is_refused_where_it_stands() {
    let rule = "/risk/rules/0";
    for (path, value, found) in [
        ("/colour".to_owned(), json!(1), "colour"),
        ("/risk/colour".to_owned(), json!(1), "risk.colour"),
        (format!("{rule}/colour"), json!(1), "risk.rules[0].colour"),
        (format!("{rule}/when/0"), json!({"colour_in": []}), "risk.rules[0].when[0]"),
        (format!("{rule}/when/0"), json!("colour_missing"), "risk.rules[0].when[0]"),
        (
            format!("{rule}/when/0"),
            json!({"metadata_present": {"key": "a", "value": "b"}}),
            "risk.rules[0].when[0].metadata_present.value",
        ),
        ("/limits/0/colour".to_owned(), json!(1), "limits[0].colour"),
        ("/fees/1/colour".to_owned(), json!(1), "fees[1].colour"),
        ("/routes/1/colour".to_owned(), json!(1), "routes[1].colour"),
        ("/fees/0/rounding".to_owned(), json!("bankers"), "fees[0].rounding"),
        ("/fees/0/currency".to_owned(), json!("RMB"), "fees[0].currency"),
        ("/fees/0/rate_ppm".to_owned(), json!(0.6), "fees[0].rate_ppm"),
        ("/fees/0/rate_ppm".to_owned(), json!("6000"), "fees[0].rate_ppm"),
        ("/fees/0/rate_ppm".to_owned(), json!(-1), "fees[0].rate_ppm"),
    ] {
        let error = problem_with(&path, value.clone());
        assert!(error.path.starts_with(found), "{path} = {value}: {error}");
    }
}

#[test]
fn what_is_out_of_bounds_is_refused_where_it_stands() {
    let many = |n: usize, it: &Value| Value::from(vec![it.clone(); n]);
    let rule = json!({"code": "row", "message": "Row", "score": 1, "when": ["ip_missing"]});
    for (path, value, found) in [
        ("/version", json!(2), "version"),
        ("/limits", json!([]), "limits"),
        ("/limits/0/min", json!(-1), "limits[0].min"),
        ("/limits/0/max", json!(99), "limits[0].max"),
        ("/limits/1/currency", json!("CNY"), "limits[1].currency"),
        ("/limits/1/currency", json!("USD"), "limits[1].currency"),
        ("/risk/review_at", json!(0), "risk.review_at"),
        ("/risk/deny_at", json!(299), "risk.deny_at"),
        ("/risk/rules", many(65, &rule), "risk.rules"),
        ("/risk/rules/0/code", json!("Large"), "risk.rules[0].code"),
        ("/risk/rules/0/code", json!("x".repeat(41)), "risk.rules[0].code"),
        ("/risk/rules/0/message", json!(""), "risk.rules[0].message"),
        ("/risk/rules/0/message", json!("a\nb"), "risk.rules[0].message"),
        ("/risk/rules/0/message", json!("茶".repeat(201)), "risk.rules[0].message"),
        ("/risk/rules/0/score", json!(1001), "risk.rules[0].score"),
        ("/risk/rules/0/when", json!([]), "risk.rules[0].when"),
        ("/risk/rules/0/when", many(9, &json!("ip_missing")), "risk.rules[0].when"),
        ("/risk/rules/0/when/0", json!({"amount_over": []}), "risk.rules[0].when[0].amount_over"),
        (
            "/risk/rules/1/when/0",
            json!({"country_in": ["CN", "cn"]}),
            "risk.rules[1].when[0].country_in[1]",
        ),
        ("/risk/rules/2/when/0", json!({"ip_in": []}), "risk.rules[2].when[0].ip_in"),
        (
            "/risk/rules/2/when/0",
            json!({"ip_in": ["203.0.113.0/33"]}),
            "risk.rules[2].when[0].ip_in[0]",
        ),
        (
            "/risk/rules/2/when/0",
            json!({"metadata_present": {"key": ""}}),
            "risk.rules[2].when[0].metadata_present.key",
        ),
        ("/fees", json!([]), "fees"),
        ("/fees/1/currency", json!("CNY"), "fees[1].currency"),
        ("/fees/0/rate_ppm", json!(1_000_001), "fees[0].rate_ppm"),
        ("/fees/0/fixed", json!(-1), "fees[0].fixed"),
        ("/fees/0/min", json!(-1), "fees[0].min"),
        ("/fees/0/cap", json!(0), "fees[0].cap"),
        ("/routes", json!([]), "routes"),
        ("/routes", many(33, &json!({"channel": "a"})), "routes"),
        ("/routes/0/channel", json!("Sandbox"), "routes[0].channel"),
        ("/routes/0/methods/1", json!("wallet qr"), "routes[0].methods[1]"),
        ("/routes/1/amounts/0/max", json!(-1), "routes[1].amounts[0].max"),
    ] {
        let error = problem_with(path, value.clone());
        assert_eq!(error.path, found, "{path} = {value}: {error}");
    }
}

#[test]
fn a_policy_is_bounded_in_both_forms() {
    let padded = format!("{FULL}{}", " ".repeat(MAX_JSON));
    assert_eq!(Policy::from_json(padded.as_bytes()).unwrap_err().path, ".");
    let mut policy = full();
    let device = "d".repeat(64);
    let condition = json!({"device_id_in": vec![device; 256]});
    policy["risk"]["rules"][0]["when"] = json!([condition]);
    let error = read(&policy).unwrap_err();
    assert_eq!(error.path, ".", "{error}");
    assert!(error.problem.contains("compact"), "{error}");
}

#[test]
fn what_costs_fuel_is_bounded_over_the_whole() {
    let rules = |rules: usize, when: Value| {
        let rule = json!({"code": "row", "message": "Row", "score": 1, "when": when});
        Value::from(vec![rule; rules])
    };
    let refused = |rules: Value| {
        let mut policy = full();
        policy["risk"]["rules"] = rules;
        read(&policy).err().map(|error| error.path)
    };
    let countries = |n: usize| json!([{"country_in": vec!["CN"; n]}]);
    let amounts = json!([{"amount_over": [{"minor": 1, "currency": "CNY"}, {"minor": 1, "currency": "JPY"}]}]);
    let path = |path: &str| Some(path.to_owned());
    assert_eq!(refused(rules(12, json!(vec!["ip_missing"; 8]))), None);
    assert_eq!(refused(rules(13, json!(vec!["ip_missing"; 8]))), path("risk.rules"));
    assert_eq!(refused(rules(3, countries(256))), None);
    assert_eq!(refused(rules(5, countries(256))), path("."));
    assert_eq!(refused(rules(60, amounts)), None);
    let three = json!([{"amount_over": [{"minor": 1, "currency": "CNY"}, {"minor": 1, "currency": "JPY"}, {"minor": 1, "currency": "USD"}]}]);
    assert_eq!(refused(rules(64, three)), path("."));
}

#[test]
fn what_is_no_json_is_refused() {
    for text in
        ["", "{", "[]", "null", "{}", "\u{feff}{}", &format!("{FULL}x"), &"[".repeat(10_000)]
    {
        assert!(Policy::from_json(text.as_bytes()).is_err());
    }
    assert!(Policy::from_json(b"\xff").is_err());
}

#[test]
fn the_compact_form_is_read_whole_or_not_at_all() {
    let compact = read(&full()).unwrap().to_compact();
    assert_eq!(compact.first(), Some(&VERSION));
    assert_eq!(channels_in_compact(&compact).unwrap(), ["sandbox", "backup"]);
    for end in 0..compact.len() {
        assert_eq!(Policy::from_compact(&compact[..end]), Err(NotCompact), "{end}");
    }
    assert_eq!(Policy::from_compact(&[&compact[..], &[0]].concat()), Err(NotCompact));
    assert_eq!(Policy::from_compact(&[&[2], &compact[1..]].concat()), Err(NotCompact));
}

/// A policy that offers what each row says: `CNY 100..=5000 3 12500`.
fn offering(rows: &[&str]) -> Value {
    let row = |text: &&str| {
        let words: Vec<&str> = text.split(' ').collect();
        let [currency, amounts, count, rate] = words[..] else { panic!("{text}") };
        let (min, max) = amounts.split_once("..=").unwrap();
        let number = |text: &str| text.parse::<i64>().unwrap();
        json!({
            "currency": currency, "min": number(min), "max": number(max), "count": number(count),
            "rate_ppm": number(rate),
        })
    };
    let mut policy = full();
    policy["instalments"] = rows.iter().map(row).collect();
    policy
}

#[test]
fn plans_are_offered_by_amount_and_currency() {
    let policy = read(&offering(&[
        "CNY 30000..=5000000 12 45000",
        "CNY 30000..=99999 3 12500",
        "CNY 100000..=5000000 3 0",
        "JPY 20..=1000000 24 60000",
    ]))
    .unwrap();
    for (amount, plans) in [
        ("29999 CNY", vec![]),
        ("30000 CNY", vec![(3, 12_500), (12, 45_000)]),
        ("99999 CNY", vec![(3, 12_500), (12, 45_000)]),
        ("100000 CNY", vec![(3, 0), (12, 45_000)]),
        ("5000000 CNY", vec![(3, 0), (12, 45_000)]),
        ("5000001 CNY", vec![]),
        ("30000 USD", vec![]),
        // Not every part would be a yen.
        ("22 JPY", vec![]),
        ("23 JPY", vec![(24, 60_000)]),
    ] {
        let found = policy.instalments(money(amount));
        let found: Vec<_> = found.iter().map(|it| (it.count(), it.rate_ppm())).collect();
        assert_eq!(found, plans, "{amount}");
    }
    assert_eq!(read(&full()).unwrap().instalments(money("30000 CNY")), []);
}

#[test]
fn plans_that_contradict_each_other_are_refused() {
    let refused = |rows: &[&str]| read(&offering(rows)).err().map(|error| error.path);
    let row = |count: usize| format!("CNY 1..=2 {count} 0");
    let many = |counts: std::ops::Range<usize>| counts.map(row).collect::<Vec<_>>();
    let refused_all = |rows: Vec<String>| {
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        refused(&rows)
    };
    let at = |path: &str| Some(path.to_owned());
    assert_eq!(refused(&["CNY 1..=2 2 0", "CNY 3..=4 2 1"]), None);
    assert_eq!(refused(&["CNY 1..=3 2 0", "CNY 3..=4 2 1"]), at("instalments[1]"));
    assert_eq!(refused(&["CNY 3..=9 2 0", "CNY 1..=3 2 0"]), at("instalments[1]"));
    assert_eq!(refused(&["CNY 1..=9 2 0", "JPY 1..=9 2 0"]), None);
    assert_eq!(refused(&["USD 1..=2 2 0"]), at("instalments[0].currency"));
    assert_eq!(refused(&["CNY -1..=2 2 0"]), at("instalments[0].min"));
    assert_eq!(refused(&["CNY 2..=1 2 0"]), at("instalments[0].max"));
    assert_eq!(refused(&["CNY 1..=2 1 0"]), at("instalments[0]"));
    assert_eq!(refused(&["CNY 1..=2 36 1000000"]), None);
    assert_eq!(refused(&["CNY 1..=2 37 0"]), at("instalments[0]"));
    assert_eq!(refused(&["CNY 1..=2 2 1000001"]), at("instalments[0]"));
    assert_eq!(refused_all(many(2..14)), None);
    assert_eq!(refused_all(many(2..15)), at("instalments"));
    let rows = |n: i64| (0..n).map(|it| format!("CNY {}..={} 2 0", 2 * it, 2 * it + 1)).collect();
    assert_eq!(refused_all(rows(64)), None);
    assert_eq!(refused_all(rows(65)), at("instalments"));
    let mut unknown = offering(&["CNY 1..=2 2 0"]);
    unknown["instalments"][0]["rate"] = json!(1);
    assert_eq!(read(&unknown).unwrap_err().path, "instalments[0].rate");
}

/// A policy made before instalments were known is read, and one without them is made as it was.
#[test]
fn instalments_follow_the_compact_form_of_the_rest() {
    let without = read(&full()).unwrap().to_compact();
    let policy = read(&offering(&["CNY 1..=200 2 0", "CNY 1..=2 36 1000000"])).unwrap();
    let with = policy.to_compact();
    assert_eq!(with.first(), Some(&WITH_INSTALMENTS));
    assert_eq!(with[1..without.len()], without[1..]);
    assert_eq!(Policy::from_compact(&with), Ok(policy));
    assert_eq!(channels_in_compact(&with).unwrap(), ["sandbox", "backup"]);
    for end in 0..with.len() {
        assert_eq!(Policy::from_compact(&with[..end]), Err(NotCompact), "{end}");
    }
    for wrong in [
        [&with[..], &[0]].concat(),
        [&[VERSION], &with[1..]].concat(),
        [&[WITH_INSTALMENTS], &without[1..], &[0]].concat(),
        [&[3], &with[1..]].concat(),
    ] {
        assert_eq!(Policy::from_compact(&wrong), Err(NotCompact));
    }
}

#[test]
fn answers_are_bounded() {
    let reason =
        |code: &str, message: &str| Reason { code: code.to_owned(), message: message.to_owned() };
    let risk = |verdict, score, reasons: Vec<Reason>| Risk { verdict, score, reasons };
    let good = reason("large", "A large amount");
    for (answer, expected) in [
        (risk(Verdict::Accept, 0, vec![]), Ok(())),
        (risk(Verdict::Deny, 1000, vec![good.clone(); 8]), Ok(())),
        (risk(Verdict::Accept, 1001, vec![]), Err(Nonsense::Score(1001))),
        (risk(Verdict::Accept, 0, vec![good.clone(); 9]), Err(Nonsense::Reasons(9))),
        (risk(Verdict::Review, 0, vec![]), Err(Nonsense::Unexplained)),
        (risk(Verdict::Review, 0, vec![good.clone(), reason("", "x")]), Err(Nonsense::Reason(1))),
        (risk(Verdict::Review, 0, vec![reason("a-b", "x")]), Err(Nonsense::Reason(0))),
        (risk(Verdict::Review, 0, vec![reason("a", "")]), Err(Nonsense::Reason(0))),
        (risk(Verdict::Review, 0, vec![reason("a", "x\u{7f}")]), Err(Nonsense::Reason(0))),
        (risk(Verdict::Review, 0, vec![reason("a", &"茶".repeat(200))]), Ok(())),
        (risk(Verdict::Review, 0, vec![reason("a", &"茶".repeat(201))]), Err(Nonsense::Reason(0))),
    ] {
        assert_eq!(answer::check_risk(&answer), expected, "{answer:?}");
    }

    let of = order("100 CNY");
    for (minor, currency, expected) in [
        (0, "CNY", Ok(money("0 CNY"))),
        (100, "CNY", Ok(money("100 CNY"))),
        (101, "CNY", Err(Nonsense::FeeAmount)),
        (u64::MAX, "CNY", Err(Nonsense::FeeAmount)),
        (0, "USD", Err(Nonsense::FeeCurrency)),
        (0, "", Err(Nonsense::FeeCurrency)),
    ] {
        assert_eq!(answer::check_fee(minor, currency, &of), expected, "{minor} {currency}");
    }

    let known = ["a", "b"];
    for (channels, expected) in [
        (vec![], Ok(())),
        (vec!["b", "a"], Ok(())),
        (vec!["a", "c"], Err(Nonsense::UnknownChannel(1))),
        (vec!["a", "b", "a"], Err(Nonsense::RepeatedChannel(2))),
        (vec!["a"; 17], Err(Nonsense::Channels(17))),
    ] {
        let channels: Vec<String> = channels.into_iter().map(str::to_owned).collect();
        assert_eq!(answer::check_channels(&channels, known.into_iter()), expected, "{channels:?}");
    }
}

#[test]
fn shares_and_fee_are_at_most_the_amount() {
    let order = order("1000 CNY");
    let most = "r".repeat(64);
    let long = "r".repeat(65);
    let many: Vec<String> = (0..17).map(|it| format!("r{it}")).collect();
    let all = |len: usize| many[..len].iter().map(|it| (it.as_str(), 1)).collect::<Vec<_>>();
    type Row<'r> = (Vec<(&'r str, u64)>, Result<u64, Nonsense>);
    let rows: [Row<'_>; 17] = [
        (vec![], Ok(0)),
        (vec![("a", 994)], Ok(994)),
        (vec![("a", 995)], Err(Nonsense::ShareAmount(0))),
        (vec![("a", 500), ("b", 494)], Ok(994)),
        (vec![("a", 500), ("b", 495)], Err(Nonsense::ShareAmount(1))),
        (vec![("a", 1), ("b", u64::MAX)], Err(Nonsense::ShareAmount(1))),
        (vec![("a", i64::MAX.unsigned_abs())], Err(Nonsense::ShareAmount(0))),
        (vec![("a", i64::MAX.unsigned_abs() + 1)], Err(Nonsense::ShareAmount(0))),
        (vec![("a", 0)], Err(Nonsense::EmptyShare(0))),
        (vec![("a", 1), ("b", 1), ("a", 1)], Err(Nonsense::RepeatedReceiver(2))),
        (vec![("", 1)], Err(Nonsense::Receiver(0))),
        (vec![("A.b:c-d_9", 1)], Ok(1)),
        (vec![("a b", 1)], Err(Nonsense::Receiver(0))),
        (vec![(&most, 1)], Ok(1)),
        (vec![(&long, 1)], Err(Nonsense::Receiver(0))),
        (all(16), Ok(16)),
        (all(17), Err(Nonsense::Shares(17))),
    ];
    for (shares, expected) in rows {
        let given: Vec<_> = shares.iter().map(|(it, minor)| ((*it).to_owned(), *minor)).collect();
        let found = answer::check_shares(given.into_iter(), money("6 CNY"), &order);
        let sum = found.map(|it| it.iter().map(|it| it.amount.minor().unsigned_abs()).sum());
        assert_eq!(sum, expected, "{shares:?}");
    }
    // A fee that is not this order's leaves nothing to share.
    for fee in ["1001 CNY", "0 JPY"] {
        let found = answer::check_shares(std::iter::empty(), money(fee), &order);
        assert_eq!(found, Err(Nonsense::ShareAmount(0)), "{fee}");
    }
}

#[test]
fn columns_are_few_named_once_and_short() {
    let column =
        |name: &str, value: &str| Column { name: name.to_owned(), value: value.to_owned() };
    let many: Vec<Column> = (0..9).map(|it| column(&format!("c{it}"), "")).collect();
    let rows: [(Vec<Column>, Result<(), Nonsense>); 9] = [
        (vec![], Ok(())),
        (vec![column("store", &"茶".repeat(200)), column("till", "")], Ok(())),
        (vec![column("store", &"茶".repeat(201))], Err(Nonsense::Column(0))),
        (vec![column("store", "a\u{7}")], Err(Nonsense::Column(0))),
        (vec![column("a", ""), column("Store", "")], Err(Nonsense::Column(1))),
        (vec![column(&"a".repeat(41), "")], Err(Nonsense::Column(0))),
        (vec![column("a", "1"), column("a", "2")], Err(Nonsense::RepeatedColumn(1))),
        (many[..8].to_vec(), Ok(())),
        (many, Err(Nonsense::Columns(9))),
    ];
    for (columns, expected) in rows {
        assert_eq!(answer::check_columns(&columns), expected, "{columns:?}");
    }
}

proptest! {
    /// For any shares taken, the merchant is left with no negative amount.
    #[test]
    fn shares_that_are_taken_fit(
        amount in 0..2_000_i64,
        fee in 0..2_000_i64,
        shares in proptest::collection::vec(prop_oneof![0..500_u64, any::<u64>()], 0..20),
    ) {
        let order = order(&format!("{amount} CNY"));
        let given: Vec<_> =
            shares.iter().enumerate().map(|(index, it)| (format!("r{index}"), *it)).collect();
        let fee = money(&format!("{fee} CNY"));
        if let Ok(taken) = answer::check_shares(given.into_iter(), fee, &order) {
            let sum: i128 = taken.iter().map(|it| i128::from(it.amount.minor())).sum();
            prop_assert!(sum + i128::from(fee.minor()) <= i128::from(amount));
            prop_assert!(taken.iter().all(|it| it.amount.minor() > 0));
            prop_assert_eq!(taken.len(), shares.len());
        }
    }
}

fn rounding() -> impl Strategy<Value = Rounding> {
    prop_oneof![
        Just(Rounding::HalfUp),
        Just(Rounding::HalfEven),
        Just(Rounding::Up),
        Just(Rounding::Down)
    ]
}

proptest! {
    #[test]
    fn a_fee_is_never_negative_nor_more_than_the_amount(
        rate_ppm in 0..=1_000_000_u32,
        fixed in 0..=i64::MAX,
        min in 0..=i64::MAX,
        room in proptest::option::of(0..=i64::MAX),
        rounding in rounding(),
        amount in 0..=i64::MAX,
    ) {
        let currency = Currency::from_code("CNY").unwrap();
        let cap = room.map(|room| min.saturating_add(room));
        let fee = FeeSchedule { currency, rate_ppm, fixed, min, cap, rounding }.fee(amount);
        prop_assert!((0..=amount).contains(&fee));
        prop_assert!(cap.is_none_or(|cap| fee <= cap));
    }

    /// Rounding is off by less than one, and to the side that it names.
    #[test]
    fn rounding_is_off_by_less_than_one(amount in 0..=i64::MAX, rate in 0..=1_000_000_i128, mode in rounding()) {
        let exact = i128::from(amount) * rate;
        let off = mode.divide(exact, PPM) * PPM - exact;
        let holds = match mode {
            Rounding::Down => -PPM < off && off <= 0,
            Rounding::Up => (0..PPM).contains(&off),
            Rounding::HalfUp => -PPM < off * 2 && off * 2 <= PPM,
            Rounding::HalfEven => -PPM <= off * 2 && off * 2 <= PPM,
        };
        prop_assert!(holds, "{off}");
    }

    #[test]
    fn the_compact_form_loses_nothing(
        min in 0..1000_i64,
        score in 0..=1000_u16,
        values in proptest::collection::vec(".{0,20}", 1..4),
        nets in proptest::collection::vec(any::<(u32, bool)>(), 1..4),
        mode in rounding(),
    ) {
        let mut policy = full();
        policy["limits"][0]["min"] = min.into();
        policy["fees"][0]["rounding"] = serde_json::to_value(mode).unwrap();
        let nets: Vec<String> = nets.iter().map(|(bits, short)| {
            format!("{}/{}", std::net::Ipv4Addr::from_bits(*bits), if *short { 8 } else { 32 })
        }).collect();
        policy["risk"]["rules"][0] = json!({"code": "row", "message": "Row", "score": score, "when": [
            {"metadata_in": {"key": "k", "values": values}}, {"ip_in": nets}, "device_id_missing",
        ]});
        let policy = read(&policy).unwrap();
        let compact = policy.to_compact();
        prop_assert!(compact.len() <= MAX_COMPACT);
        let channels = channels_in_compact(&compact).unwrap();
        prop_assert!(channels.iter().eq(policy.channels()));
        prop_assert_eq!(Policy::from_compact(&compact), Ok(policy));
    }

    /// Foreign bytes are an error, or a policy that judges any order without a panic.
    #[test]
    fn foreign_bytes_never_panic(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..200),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        amount in 0..=i64::MAX,
    ) {
        let order = order(&format!("{amount} CNY"));
        let mut bent = read(&full()).unwrap().to_compact();
        let index = at.index(bent.len());
        bent[index] = byte;
        if let Some(first) = bytes.first_mut() {
            *first = VERSION;
        }
        let _ = channels_in_compact(&bytes);
        for policy in [bytes, bent].iter().filter_map(|it| Policy::from_compact(it).ok()) {
            let _ = (policy.check_limits(&order), policy.risk(&order), policy.fee(&order), policy.route(&order));
        }
    }
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
