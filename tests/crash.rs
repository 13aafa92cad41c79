//! `kill -9`, again and again, on one folder: what was answered is kept, what was not can be sent
//! again, nothing is done twice, and the ledger adds up every time.

#![allow(clippy::unwrap_used, reason = "a gateway that does not answer fails its test")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use lezai_tests::{Answer, Gateway, Merchant, Receiver, Request, TempDir, lezai, random_hex};
use serde_json::{Value, json};

const ROUNDS: usize = 20;
/// At once, so that a kill falls into commits of several.
const SHOPPERS: usize = 4;
/// What the worker had claimed when it was killed is given back at the next start, long before its
/// lease of a minute ends. A callback that the receiver was cut off from comes again after 5 s.
const CALLBACKS: Duration = Duration::from_secs(30);

/// An order as its merchant's server knows it.
#[derive(Clone)]
struct Sent {
    key: String,
    body: String,
    /// The body of the 201, if it came.
    created: Option<Vec<u8>>,
    /// The answer to the payment said so.
    paid: bool,
}

#[test]
fn what_was_answered_survives_kill_9() {
    let folder = TempDir::new();
    let receiver = Receiver::start();
    let mut all: BTreeMap<String, Sent> = BTreeMap::new();
    let mut gateway = Gateway::start(folder.path());
    for round in 0..ROUNDS {
        let fresh = shop_until_killed(&mut gateway, round, &receiver.url);
        ledger_adds_up(folder.path());
        gateway = Gateway::start(folder.path());
        let merchant = Merchant::demo(&gateway);
        for (number, sent) in fresh {
            let sent = stands(&merchant, &number, sent);
            all.insert(number, sent);
        }
    }
    let paid: Vec<&str> =
        all.iter().filter(|(_, it)| it.paid).map(|(number, _)| number.as_str()).collect();
    assert!(
        all.len() >= ROUNDS && !paid.is_empty(),
        "{} orders, {} paid: too few to tell",
        all.len(),
        paid.len()
    );

    // What was true before a kill is true after all later ones.
    let merchant = Merchant::demo(&gateway);
    for (number, sent) in &all {
        stands(&merchant, number, sent.clone());
    }
    let told = |events: &[Value], number: &str| {
        events.iter().any(|it| {
            it["type"] == "order.paid" && it["data"]["order"]["merchant_order_id"] == number
        })
    };
    let complete =
        receiver.wait(CALLBACKS, |events| paid.iter().all(|number| told(events, number)));
    let events = receiver.events();
    let untold: Vec<_> = paid.iter().filter(|number| !told(&events, number)).collect();
    assert!(complete, "no callback for {untold:?}\n{}", gateway.log());
    // Delivered again, an event has the same id, so that the receiver can tell.
    let mut ids: BTreeMap<&str, &str> = BTreeMap::new();
    for event in events.iter().filter(|it| it["type"] == "order.paid") {
        let (number, id) = (
            event["data"]["order"]["merchant_order_id"].as_str().unwrap(),
            event["id"].as_str().unwrap(),
        );
        assert_eq!(*ids.entry(number).or_insert(id), id, "two events say that {number} is paid");
    }
    ledger_adds_up(folder.path());
    gateway.interrupt();
    assert!(gateway.ended_well(), "{}", gateway.log());
    ledger_adds_up(folder.path());
    assert!(!gateway.log().contains("panicked"), "{}", gateway.log());
}

/// Shoppers create and pay, until the gateway is killed in the midst of it.
fn shop_until_killed(gateway: &mut Gateway, round: usize, notify_url: &str) -> Vec<(String, Sent)> {
    let merchant = Merchant::demo(gateway);
    let authority = gateway.authority.clone();
    let ended = AtomicBool::new(false);
    let sent = Mutex::new(Vec::new());
    let (created, watch) = channel();
    std::thread::scope(|scope| {
        for shopper in 0..SHOPPERS {
            let (merchant, authority, ended, sent, created) =
                (&merchant, &authority, &ended, &sent, created.clone());
            scope.spawn(move || {
                for n in 0.. {
                    let number = format!("C-{round}-{shopper}-{n}");
                    let order = shop(merchant, authority, &number, notify_url, &created);
                    sent.lock().unwrap().push((number, order));
                    if ended.load(Ordering::SeqCst) {
                        return;
                    }
                }
            });
        }
        // Right after a 201: in the first rounds after the very first, later in the midst of payments.
        for _ in 0..=round {
            watch.recv_timeout(Duration::from_secs(30)).expect("no order was created");
        }
        gateway.kill();
        ended.store(true, Ordering::SeqCst);
    });
    sent.into_inner().unwrap()
}

fn shop(
    merchant: &Merchant,
    authority: &str,
    number: &str,
    notify_url: &str,
    created: &Sender<()>,
) -> Sent {
    let mut order = Merchant::order(number);
    order["notify_url"] = json!(notify_url);
    let mut sent = Sent { key: random_hex(), body: order.to_string(), created: None, paid: false };
    let Ok(answer) = merchant.create(&sent.key, sent.body.as_bytes()) else { return sent };
    assert_eq!(answer.status, 201, "{}", answer.json());
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    sent.created = Some(answer.body);
    // Nobody listens once the gateway is dead.
    let _ = created.send(());
    let paid = Request::new("POST", &format!("/sandbox/orders/{id}/pay"), "").send(authority);
    if let Ok(Answer { status, body, .. }) = paid {
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        sent.paid = true;
    }
    sent
}

/// Sends the order again, as a merchant does who does not know how far it came; returns what it
/// knows now.
fn stands(merchant: &Merchant, number: &str, mut sent: Sent) -> Sent {
    let before = merchant.find(number);
    let answer = merchant.create(&sent.key, sent.body.as_bytes()).unwrap();
    assert_eq!(answer.status, 201, "{number}: {}", answer.json());
    match &sent.created {
        Some(first) => {
            assert_eq!(before.len(), 1, "{number} was answered 201, and is gone");
            assert_eq!(answer.body, *first, "{number} has another first answer");
            assert_eq!(answer.field("idempotency-hit"), Some("true"), "{number}");
        }
        // It was made or it was not; if it was, this is its first answer.
        None => {
            let hit = answer.field("idempotency-hit") == Some("true");
            assert_eq!(hit, before.len() == 1, "{number}");
            sent.created = Some(answer.body.clone());
        }
    }
    let after = merchant.find(number);
    assert_eq!(after.len(), 1, "{number} is there {} times", after.len());
    assert_eq!(after[0]["id"], answer.json()["id"], "{number}");
    if sent.paid {
        assert_eq!(after[0]["status"], "paid", "{number} was paid: {}", after[0]);
    }
    // A payment whose answer was lost may have been made, and then stays made.
    sent.paid = after[0]["status"] == "paid";
    sent
}

fn ledger_adds_up(folder: &Path) {
    let check = lezai(&["ledger", "check", "--data", &folder.join("data").display().to_string()]);
    assert!(check.status.success(), "the ledger does not add up: {check:?}");
}
