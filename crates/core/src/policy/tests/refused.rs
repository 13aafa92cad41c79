//! Policies that are refused, with the place of the fault, and the bounds on all of it.

use super::*;

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
