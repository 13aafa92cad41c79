//! Instalment plans of a policy.

use super::*;

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
