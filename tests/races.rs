//! Two who want different things of one order at the same moment: one wins, the other is told so,
//! and the money is counted once.

#![allow(clippy::unwrap_used, reason = "a gateway that does not answer fails its test")]

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::time::Duration;

use lezai_tests::{Answer, Gateway, Merchant, Receiver, Request, TempDir, lezai, random_hex};
use serde_json::{Value, json};

const ORDERS: usize = 25;

/// Runs them all from the same moment on.
fn at_once(works: &[&(dyn Fn() -> Answer + Sync)]) -> Vec<Answer> {
    let start = Barrier::new(works.len());
    std::thread::scope(|scope| {
        let handles: Vec<_> = works
            .iter()
            .map(|work| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    work()
                })
            })
            .collect();
        handles.into_iter().map(|it| it.join().unwrap()).collect()
    })
}

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
        let answers = at_once(&[&pay, &close, &pay, &close]);
        for answer in &answers {
            assert!([200, 409].contains(&answer.status), "{}", answer.json());
        }
        let end =
            merchant.get(&format!("/v1/orders/{id}")).json()["status"].as_str().unwrap().to_owned();
        // Whoever was told that she won, won.
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

/// Besides, she may be told of a try that failed, or of money that came too late and went back.
fn is_end(event: &Value) -> bool {
    event["type"] == "order.paid" || event["type"] == "order.closed"
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
        let answers = at_once(&[&same, &other, &same, &other]);
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
