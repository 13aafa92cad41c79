//! Routes: which channels an order is offered, in which order.

use std::collections::BTreeMap;

use super::*;

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
