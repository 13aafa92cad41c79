//! A row that is carried pairs, is waited for, or is open.

use lezai_core::funds::difference::Difference;
use lezai_core::time::Timestamp;
use lezai_reconcile::whole;
use serde_json::json;

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

fn record(n: u8, between: Between, found: Value) -> DifferenceRecord {
    DifferenceRecord {
        difference: Difference {
            id: DifferenceId::new(NOW, [n; 10]),
            channel: "a".to_owned(),
            surplus: None,
            of_fee: false,
            payment: None,
            return_failed: None,
            asked: None,
            state: DifferenceState::Open,
            owner: None,
            opened_at: NOW,
        },
        run: ReconciliationId::new(NOW, [n; 10]),
        day: Date::parse("2026-03-01").unwrap(),
        between: between.as_str().to_owned(),
        class: found["class"].as_str().unwrap().to_owned(),
        found,
        evidence: String::new(),
    }
}

/// The rows that a day leaves alone, as a run finds them.
fn left(theirs: &str, ours: &str, day: &str) -> Vec<Value> {
    let file = |rows: &str| format!("{HEADER}{rows}");
    let options = options(day);
    let found = whole::reconcile(&[file(theirs).as_bytes()], &[file(ours).as_bytes()], &options);
    found.unwrap()["differences"].as_array().unwrap().clone()
}

fn options(day: &str) -> Vec<u8> {
    let next = Date::parse(day).unwrap().plus_days(1);
    let rules = lezai_reconcile::rules::Rules::default().and_late();
    json!({ "from": format!("{day}T00:00:00+08:00"), "to": format!("{next}T00:00:00+08:00"), "offset": "+08:00", "rules": rules.list() })
        .to_string()
        .into_bytes()
}

#[test]
fn what_is_late_pairs_and_what_does_not_come_is_open() {
    let first = left(
        "2026-03-01T12:00:00+08:00,refund,r1,-5,CNY,,pending\n",
        "2026-03-01T09:00:00+08:00,payment,\"a,\"\"1\",500,CNY,3.25,done\n\
         2026-03-01T23:58:00+08:00,payment,b,700,CNY,,done\n\
         2026-03-01T23:59:00+08:00,payment,c,900,CNY,,done\n",
        "2026-03-01",
    );
    let told: Vec<_> = first.iter().map(|it| (&it["class"], &it["cleared_by"])).collect();
    let (late, due) = (json!("missing_there"), json!("timing"));
    let (flight, cut) = (json!("cut_off"), json!("cut_off"));
    assert_eq!(told, [(&due, &flight), (&late, &Value::Null), (&due, &cut), (&due, &cut)]);
    let records = (1..).zip(first).map(|(n, it)| record(n, Between::TradesAndBooks, it));
    let carried = Carried::new(records.collect());
    let [theirs, ours] = carried.files(Between::TradesAndBooks).unwrap();
    assert_eq!(carried.files(Between::FundsAndTrades), None);
    // The next day's bill has two of the three payments, and the books have the refund now.
    let bill = format!(
        "{HEADER}2026-03-01T09:00:00+08:00,payment,\"a,\"\"1\",500,CNY,3.25,done\n\
         2026-03-02T00:01:00+08:00,payment,b,700,CNY,,done\n"
    );
    let books = format!("{HEADER}2026-03-02T08:00:00+08:00,refund,r1,-5,CNY,,done\n");
    let hold = || {
        let sides = ([bill.as_bytes(), theirs.as_bytes()], [books.as_bytes(), ours.as_bytes()]);
        let mut found = whole::reconcile(&sides.0, &sides.1, &options("2026-03-02")).unwrap();
        let became = carried.settle(&mut found, Date::parse("2026-03-02").unwrap());
        (found, became)
    };
    let (found, became) = hold();
    let became: Vec<_> = became.into_iter().map(|(_, it)| it).collect();
    assert_eq!(became, [Became::Paired, Became::Paired, Became::Paired, Became::Open]);
    // A cut-off clears it in the sums, and the bills on both sides of it were looked at.
    assert_eq!(found["summary"]["carried_open"], 0);
    assert_eq!(found["summary"]["open"], 0);
    // All that was held against each other is in the sums.
    assert_eq!(found["summary"]["sum_theirs"]["CNY"], 500 + 700 - 5);
    assert_eq!(found["summary"]["sum_ours"]["CNY"], 500 + 700 + 900 - 5);
    assert_eq!(found["differences"].as_array().unwrap().len(), 2, "{found}");
    assert_eq!(hold().0.to_string(), found.to_string());
}

#[test]
fn what_is_in_flight_is_open_after_the_last_run_that_looks_for_it() {
    let refund = "2026-03-01T12:00:00+08:00,refund,r1,-5,CNY,,pending\n";
    let first = left(refund, "", "2026-03-01");
    let record = record(1, Between::TradesAndBooks, first[0].clone());
    let carried = Carried::new(vec![record]);
    let [theirs, _] = carried.files(Between::TradesAndBooks).unwrap();
    for (day, became) in [
        ("2026-03-02", Became::Expected),
        ("2026-03-03", Became::Expected),
        ("2026-03-04", Became::Open),
    ] {
        let sides = ([HEADER.as_bytes(), theirs.as_bytes()], [HEADER.as_bytes()]);
        let mut found = whole::reconcile(&sides.0, &sides.1, &options(day)).unwrap();
        let settled = carried.settle(&mut found, Date::parse(day).unwrap());
        assert_eq!(settled[0].1, became, "{day}");
        assert_eq!(found["summary"]["carried_open"], u64::from(became == Became::Open));
    }
}

#[test]
fn a_withdrawal_is_carried_to_the_bank_as_the_bill_of_funds_had_it() {
    let options = |day: &str| {
        let mut options: Value = serde_json::from_slice(&options(day)).unwrap();
        options["rules"] = json!(rules::Rules::at_bank().list());
        options.to_string().into_bytes()
    };
    let between = (Between::BankAndFunds, true);
    let funds = format!("{HEADER}2026-03-01T12:00:00+08:00,withdrawal,w1,-500,CNY,,done\n");
    let first =
        whole::compare(between, &[HEADER.as_bytes()], &[funds.as_bytes()], &options("2026-03-01"));
    let first = first.unwrap()["differences"][0].clone();
    assert_eq!(
        (&first["cleared_by"], &first["ours"]["minor"]),
        (&json!("on_its_way"), &json!(500))
    );
    let carried = Carried::new(vec![record(1, Between::BankAndFunds, first)]);
    assert_eq!(carried.files(Between::FundsAndTrades), None);
    let [theirs, ours] = carried.files(Between::BankAndFunds).unwrap();
    let arrived = format!("{HEADER}2026-03-04,withdrawal,w1,500,CNY,,done\n");
    for (day, bank, became) in [
        ("2026-03-04", HEADER, Became::Expected),
        ("2026-03-04", &arrived, Became::Paired),
        ("2026-03-10", HEADER, Became::Expected),
        ("2026-03-11", HEADER, Became::Open),
    ] {
        let sides = ([bank.as_bytes(), theirs.as_bytes()], [HEADER.as_bytes(), ours.as_bytes()]);
        let mut found = whole::compare(between, &sides.0, &sides.1, &options(day)).unwrap();
        assert_eq!(found["summary"]["sum_ours"]["CNY"], 500);
        let settled = carried.settle(&mut found, Date::parse(day).unwrap());
        assert_eq!(settled[0].1, became, "{day} {bank}");
        assert_eq!(found["summary"]["open"], 0, "{found}");
        assert_eq!(found["summary"]["carried_open"], u64::from(became == Became::Open));
    }
}

#[test]
fn a_withdrawal_is_looked_for_where_it_is_compared() {
    let found =
        |kind: &str| json!({ "class": "missing_here", "theirs": { "kind": kind }, "ours": null });
    let holds = |between, kind: &str, funds, bank| {
        Has { funds, bank }.holds(&record(1, between, found(kind)))
    };
    use Between::{BankAndFunds as Bank, FundsAndTrades as Funds, TradesAndBooks as Trades};
    for (between, kind, funds, bank, expected) in [
        (Trades, "payment", false, false, true),
        (Funds, "payment", false, false, false),
        (Funds, "payment", true, true, true),
        (Funds, "withdrawal", true, false, true),
        (Funds, "withdrawal", true, true, false),
        (Bank, "withdrawal", true, false, false),
        (Bank, "withdrawal_return", true, true, true),
    ] {
        assert_eq!(
            holds(between, kind, funds, bank),
            expected,
            "{between:?} {kind} {funds} {bank}"
        );
    }
}

#[test]
fn what_became_of_one_is_an_event_or_a_reason_to_run_again() {
    let run = ReconciliationId::new(NOW, [7; 10]);
    let expected = DifferenceState::Expected { rule: "cut_off".to_owned() };
    let paired = DifferenceState::Paired { run: run.clone() };
    let cleared = DifferenceState::Cleared { rule: "x".to_owned() };
    let pair = || Ok(Some(DifferenceEvent::Paired(run.clone())));
    for (became, state, event) in [
        (Became::Paired, &expected, pair()),
        (Became::Paired, &DifferenceState::Open, pair()),
        (Became::Paired, &paired, pair()),
        (Became::Paired, &cleared, Err(())),
        (Became::Paired, &DifferenceState::Superseded, Err(())),
        (Became::Open, &expected, Ok(Some(DifferenceEvent::Due))),
        (Became::Open, &paired, Ok(Some(DifferenceEvent::Due))),
        (Became::Open, &DifferenceState::Open, Ok(None)),
        (Became::Expected, &expected, Ok(None)),
        (Became::Expected, &paired, Ok(Some(DifferenceEvent::Due))),
        (Became::Open, &DifferenceState::Superseded, Err(())),
    ] {
        assert_eq!(became.event(state, &run), event, "{became:?} {state:?}");
    }
}
