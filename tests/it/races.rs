//! Two who want different things of one order at the same moment: one wins, the other is told so,
//! and the money is counted once.

use std::collections::BTreeSet;
use std::time::Duration;

use lezai_tests::{
    Answer, Gateway, Merchant, Receiver, Request, TempDir, at_once, eventually, lezai, random_hex,
    refund_race,
};
use serde_json::{Value, json};

const ORDERS: usize = 25;

type Work<'w> = &'w (dyn Fn() -> Answer + Sync);

#[test]
fn an_order_ends_one_way_and_is_paid_once() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let merchant = Merchant::demo(&gateway);
    let receiver = Receiver::start();
    let mut ends = BTreeSet::new();
    for n in 0..ORDERS {
        let mut order = Merchant::order(&format!("R-{n}"));
        order["notify_url"] = json!(receiver.url);
        let created = merchant.create(&random_hex(), order.to_string()).unwrap().json();
        let id = created["id"].as_str().unwrap();
        let pay = || {
            Request::new("POST", &format!("/sandbox/orders/{id}/pay"), "")
                .send(&gateway.authority)
                .unwrap()
        };
        let close = || {
            merchant
                .send(&merchant.post(&format!("/v1/orders/{id}/close"), &random_hex(), "{}"))
                .unwrap()
        };
        let answers = at_once::<Work<'_>>(&[&pay, &close, &pay, &close]);
        for answer in &answers {
            assert!([200, 409].contains(&answer.status), "{}", answer.json());
        }
        let end =
            merchant.get(&format!("/v1/orders/{id}")).json()["status"].as_str().unwrap().to_owned();
        // A caller that was told that it won, won.
        for answer in answers.iter().filter(|it| it.status == 200) {
            assert_eq!(answer.json()["status"], end.as_str(), "{id}");
        }
        assert!(end == "paid" || end == "closed", "{id} is {end}");
        ends.insert(end);
    }
    let ended = |events: &[Value]| {
        let ends = events.iter().filter(|it| is_end(it));
        ends.filter_map(|it| it["data"]["order"]["id"].as_str()).collect::<BTreeSet<_>>().len()
    };
    assert!(
        receiver.wait(Duration::from_secs(30), |events| ended(events) == ORDERS),
        "{}",
        gateway.log()
    );
    // One event an order says how it ended, delivered once or more.
    let events = receiver.events();
    let ids: BTreeSet<_> =
        events.iter().filter(|it| is_end(it)).map(|it| it["id"].to_string()).collect();
    assert_eq!(ids.len(), ORDERS, "{ends:?}");
    let check = lezai(&["ledger", "check", "--data", &gateway.data.display().to_string()]);
    assert!(check.status.success(), "{check:?}");
    assert!(!gateway.log().contains("internal failure"), "{}", gateway.log());
}

/// Besides, it may be told of a try that failed, or of money that came too late and went back.
fn is_end(event: &Value) -> bool {
    event["type"] == "order.paid" || event["type"] == "order.closed"
}

#[test]
fn two_hundred_refund_one_order_at_once_and_the_sums_are_exact() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let merchant = Merchant::demo(&gateway);
    let created = merchant.create(&random_hex(), Merchant::order("W-1").to_string()).unwrap();
    let id = created.json()["id"].as_str().unwrap().to_owned();
    let pay = Request::new("POST", &format!("/sandbox/orders/{id}/pay"), "");
    assert_eq!(pay.send(&gateway.authority).unwrap().status, 200);

    let target = format!("/v1/orders/{id}/refunds");
    let answers = refund_race::run("W-1", |key, refund| {
        merchant.send(&merchant.post(&target, key, refund.to_owned())).unwrap()
    });
    let mut accepted = std::collections::BTreeMap::new();
    let mut refused = Vec::new();
    for (caller, answer) in answers.iter().enumerate() {
        let body = answer.json();
        match (answer.status, answer.code().as_str()) {
            (201, _) => {
                accepted.insert(body["id"].to_string(), body["amount"].as_i64().unwrap());
            }
            (409, "refund_exceeds_available") => {
                assert_eq!(body["field"], "amount", "{body}");
                assert!(
                    body["available"].as_i64().unwrap() < refund_race::amount(caller),
                    "{body}"
                );
                refused.push(caller);
            }
            (409, "merchant_refund_id_taken") if refund_race::is_contested(caller) => {}
            (409, "request_in_progress") if refund_race::is_repeated(caller) => {}
            other => panic!("{caller}: {other:?} {body}"),
        }
    }
    let given: i64 = accepted.values().sum();
    let left = 12_800 - given;
    assert!(left >= 0 && !refused.is_empty(), "{given} of 12800, {} refused", refused.len());
    assert!(left < 400, "{left} is left though some were refused who wanted less");

    // The API, the ledger and the wallet agree, to the last fen.
    let order = eventually(|| {
        let order = merchant.get(&format!("/v1/orders/{id}")).json();
        if order["refunding_amount"] == 0 { Ok(order) } else { Err(gateway.log()) }
    });
    assert_eq!(
        (&order["refunded_amount"], &order["refundable_amount"]),
        (&json!(given), &json!(left))
    );
    let refunds = merchant.get(&target).json()["data"].as_array().unwrap().clone();
    let listed = refunds.iter().map(|it| (it["id"].to_string(), it["amount"].as_i64().unwrap()));
    assert_eq!(listed.collect::<std::collections::BTreeMap<_, _>>(), accepted);

    let data = gateway.data.display().to_string();
    let show =
        lezai(&["ledger", "show", "--order", &id, "--json", "--limit", "1000", "--data", &data]);
    let mut sums = std::collections::BTreeMap::<String, i64>::new();
    for line in String::from_utf8(show.stdout).unwrap().lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        for it in entry["postings"].as_array().unwrap() {
            let account = it["account"].as_str().unwrap().to_owned();
            *sums.entry(account).or_default() += it["minor"].as_i64().unwrap();
        }
    }
    assert_eq!(sums["channel_receivable:sandbox"], left);
    assert_eq!(sums["refunds_in_flight"], 0);
    // Its share and our fee are what is left, split as at first.
    assert_eq!(sums["merchant_pending:m_demo"] + sums["fee_income"], -left, "{sums:?}");
    let own = merchant.get("/v1/balances").json();
    assert_eq!(own["data"][0]["amount"], -sums["merchant_pending:m_demo"], "{own}");

    let wallet = rusqlite::Connection::open(gateway.data.join("sandbox.db")).unwrap();
    let books = "SELECT (SELECT sum(taken) FROM payments WHERE status = 'paid'),
                        (SELECT sum(minor) FROM refunds WHERE status = 'succeeded'), (SELECT count(*) FROM refunds)";
    let books = wallet.query_row(books, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    assert_eq!(books.unwrap(), (12_800_i64, given, i64::try_from(accepted.len()).unwrap()));
    let check = lezai(&["ledger", "check", "--data", &data]);
    assert!(check.status.success(), "{check:?}");
    assert!(!gateway.log().contains("internal failure"), "{}", gateway.log());
}

#[test]
fn a_number_and_a_key_are_taken_once() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let merchant = Merchant::demo(&gateway);
    for n in 0..ORDERS {
        let number = format!("N-{n}");
        let body = Merchant::order(&number).to_string();
        let create = |key: &str| merchant.create(key, body.as_bytes()).unwrap();
        let (same, other) = (random_hex(), random_hex());
        let same = || create(&same);
        let other = || create(&other);
        let answers = at_once::<Work<'_>>(&[&same, &other, &same, &other]);
        let made: BTreeSet<_> =
            answers.iter().filter(|it| it.status == 201).map(|it| it.body.clone()).collect();
        assert_eq!(made.len(), 1, "{number}: {answers:?}");
        for answer in answers.iter().filter(|it| it.status != 201) {
            let told = ["merchant_order_id_taken", "request_in_progress"];
            assert!(
                answer.status == 409 && told.contains(&answer.code().as_str()),
                "{number}: {}",
                answer.json()
            );
        }
        assert_eq!(merchant.find(&number).len(), 1);
    }
    // One nonce, many times at once: one request is let in.
    let request = merchant.sign(Request::new("GET", "/v1/orders?merchant_order_id=N-0", ""));
    let replay = || merchant.send(&request).unwrap();
    let answers =
        at_once(&[&replay, &replay, &replay, &replay, &replay, &replay, &replay, &replay]);
    assert_eq!(answers.iter().filter(|it| it.status == 200).count(), 1);
    assert_eq!(answers.iter().filter(|it| it.code() == "nonce_reused").count(), 7);
}
