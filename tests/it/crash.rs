//! `kill -9`, again and again, on one folder under load: what was answered is kept, what was not can
//! be sent again, nothing is done twice, and the ledger adds up every time. This process keeps the
//! record of every answer, and is not killed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use lezai_tests::{Answer, Gateway, Merchant, Receiver, Request, TempDir, lezai, random_hex};
use serde_json::{Value, json};

const ROUNDS: usize = 50;
/// At once, so that a kill falls into commits of several.
const SHOPPERS: usize = 6;
/// A round is killed after so many answers at most: early ones in the midst of orders, late ones
/// among payments and refunds.
const ANSWERS_MAX: usize = 24;
/// A task claimed by the worker when it was killed is given back at the next start, long before its
/// lease of a minute ends. A callback that the receiver was cut off from comes again after 5 s.
const SETTLED: Duration = Duration::from_secs(60);
/// Of each order; two of them together are less than it, three are more.
const REFUND: i64 = 5000;
const REFUNDS: usize = 3;

/// A request that changes something, and the body of its first answer, if that came.
#[derive(Clone)]
struct Sent {
    target: String,
    key: String,
    body: String,
    answered: Option<Vec<u8>>,
}

/// An order as its merchant's server knows it.
#[derive(Clone)]
struct Known {
    create: Sent,
    /// The answer to the payment said so.
    paid: bool,
    refunds: Vec<Sent>,
}

#[test]
fn what_was_answered_survives_kill_9() {
    let folder = TempDir::new();
    let receiver = Receiver::start();
    let mut all: BTreeMap<String, Known> = BTreeMap::new();
    let mut gateway = Gateway::start(folder.path());
    for round in 0..ROUNDS {
        let fresh = shop_until_killed(&mut gateway, round, &receiver.url);
        ledger_adds_up(folder.path());
        gateway = Gateway::start(folder.path());
        let merchant = Merchant::demo(&gateway);
        for (number, known) in fresh {
            let known = stands(&merchant, &number, known);
            all.insert(number, known);
        }
    }
    let paid: BTreeSet<&str> =
        all.iter().filter(|(_, it)| it.paid).map(|(number, _)| number.as_str()).collect();
    let refunds = all.values().flat_map(|it| &it.refunds).filter(|it| it.answered.is_some());
    let refunds = refunds.count();
    assert!(
        all.len() >= ROUNDS && paid.len() >= ROUNDS / 2 && refunds >= ROUNDS / 2,
        "{} orders, {} paid, {refunds} refunds: too few to tell",
        all.len(),
        paid.len()
    );

    // A fact from before a kill holds after all later ones.
    let merchant = Merchant::demo(&gateway);
    for (number, known) in &all {
        stands(&merchant, number, known.clone());
    }
    let begun = Instant::now();
    while all.keys().any(|number| merchant.find(number)[0]["refunding_amount"] != 0) {
        assert!(begun.elapsed() < SETTLED, "a refund hangs\n{}", gateway.log());
        std::thread::sleep(Duration::from_millis(200));
    }
    // To the minor unit: what the API says, what was acknowledged, and what the wallet did.
    let mut given_back = 0;
    for (number, known) in &all {
        let order = &merchant.find(number)[0];
        let acknowledged = known.refunds.iter().filter(|it| it.answered.is_some()).count();
        let refunded = REFUND * i64::try_from(acknowledged).unwrap();
        assert_eq!(order["refunded_amount"], refunded, "{number}: {order}");
        given_back += refunded;
    }
    let wallet = rusqlite::Connection::open(gateway.data.join("sandbox.db")).unwrap();
    let books = "SELECT coalesce(sum(minor), 0), count(*) FROM refunds WHERE status = 'succeeded'";
    let books = wallet.query_row(books, [], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)));
    assert_eq!(books.unwrap(), (given_back, refunds));
    let taken = "SELECT coalesce(sum(taken), 0) FROM payments WHERE status = 'paid'";
    let taken: i64 = wallet.query_row(taken, [], |row| row.get(0)).unwrap();
    assert_eq!(receivable(&gateway), taken - given_back);

    let told = |events: &[Value]| {
        let paid = events.iter().filter(|it| it["type"] == "order.paid");
        let numbers = paid.filter_map(|it| it["data"]["order"]["merchant_order_id"].as_str());
        numbers.map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let all_told = |events: &[Value]| {
        let told = told(events);
        paid.iter().all(|it| told.contains(*it))
    };
    let complete = receiver.wait(SETTLED, all_told);
    let events = receiver.events();
    let untold: Vec<_> = paid.iter().filter(|it| !told(&events).contains(**it)).collect();
    assert!(complete, "no callback for {untold:?}\n{}", gateway.log());
    // Delivered again, an event has the same id, so that the receiver can tell.
    let mut ids: BTreeMap<String, &str> = BTreeMap::new();
    for event in &events {
        let about = match event["type"].as_str().unwrap() {
            "order.paid" => event["data"]["order"]["merchant_order_id"].to_string(),
            "refund.succeeded" => event["data"]["refund"]["id"].to_string(),
            _ => continue,
        };
        let id = event["id"].as_str().unwrap();
        assert_eq!(*ids.entry(about.clone()).or_insert(id), id, "two events tell of {about}");
    }
    ledger_adds_up(folder.path());
    gateway.interrupt();
    assert!(gateway.ended_well(), "{}", gateway.log());
    ledger_adds_up(folder.path());
    assert!(!gateway.log().contains("panicked"), "{}", gateway.log());
}

/// Shoppers create, pay and ask for their money back, until the gateway is killed in the midst of it.
fn shop_until_killed(
    gateway: &mut Gateway,
    round: usize,
    notify_url: &str,
) -> Vec<(String, Known)> {
    let merchant = Merchant::demo(gateway);
    let authority = gateway.authority.clone();
    let ended = AtomicBool::new(false);
    let known = Mutex::new(Vec::new());
    let (answered, watch) = channel();
    std::thread::scope(|scope| {
        for shopper in 0..SHOPPERS {
            let (merchant, authority, ended, known, answered) =
                (&merchant, &authority, &ended, &known, answered.clone());
            scope.spawn(move || {
                for n in 0.. {
                    let number = format!("C-{round}-{shopper}-{n}");
                    let order = shop(merchant, authority, &number, notify_url, &answered);
                    known.lock().unwrap().push((number, order));
                    if ended.load(Ordering::SeqCst) {
                        return;
                    }
                }
            });
        }
        for _ in 0..=round * 7 % ANSWERS_MAX {
            watch.recv_timeout(Duration::from_secs(30)).expect("nothing was answered");
        }
        gateway.kill();
        ended.store(true, Ordering::SeqCst);
    });
    known.into_inner().unwrap()
}

fn shop(
    merchant: &Merchant,
    authority: &str,
    number: &str,
    notify_url: &str,
    answered: &Sender<()>,
) -> Known {
    let mut order = Merchant::order(number);
    order["notify_url"] = json!(notify_url);
    let create = Sent::new("/v1/orders", order.to_string());
    let mut known = Known { create, paid: false, refunds: Vec::new() };
    // Nobody listens once the gateway is dead.
    let told = || answered.send(()).unwrap_or_default();
    let Some(answer) = known.create.send(merchant, 201) else { return known };
    told();
    let id = answer["id"].as_str().unwrap().to_owned();
    let paid = Request::new("POST", &format!("/sandbox/orders/{id}/pay"), "").send(authority);
    let Ok(Answer { status, body, .. }) = paid else { return known };
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    known.paid = true;
    told();
    for n in 0..REFUNDS {
        let refund = json!({
            "merchant_refund_id": format!("{number}-{n}"), "amount": REFUND, "currency": "CNY",
        });
        let mut sent = Sent::new(&format!("/v1/orders/{id}/refunds"), refund.to_string());
        let fits = (i64::try_from(n).unwrap() + 1) * REFUND <= 12_800;
        let answer = sent.send(merchant, if fits { 201 } else { 409 });
        known.refunds.push(sent);
        if answer.is_none() {
            return known;
        }
        told();
    }
    known
}

impl Sent {
    fn new(target: &str, body: String) -> Self {
        Self { target: target.to_owned(), key: random_hex(), body, answered: None }
    }

    /// Sends it for the first time; what came, if anything did. A refusal is no answer to keep.
    fn send(&mut self, merchant: &Merchant, expected: u16) -> Option<Value> {
        let request = merchant.post(&self.target, &self.key, self.body.as_bytes());
        let answer = merchant.send(&request).ok()?;
        assert_eq!(answer.status, expected, "{}: {}", self.target, answer.json());
        let json = answer.json();
        if expected == 201 {
            self.answered = Some(answer.body);
        }
        Some(json)
    }

    /// Sends it again, as a merchant does who does not know how far it came. `there` says whether
    /// it was done before.
    fn again(&mut self, merchant: &Merchant, there: bool) -> Answer {
        let request = merchant.post(&self.target, &self.key, self.body.as_bytes());
        let answer = merchant.send(&request).unwrap();
        let hit = answer.field("idempotency-hit") == Some("true");
        match &self.answered {
            Some(first) => {
                assert!(there, "{} was answered, and is gone: {}", self.target, self.body);
                assert_eq!(answer.body, *first, "another first answer to {}", self.body);
                assert!(hit, "{}", self.body);
            }
            // It was made or it was not; if it was, this is its first answer.
            None => assert_eq!(hit, there, "{}: {}", self.body, answer.json()),
        }
        if answer.status == 201 {
            self.answered = Some(answer.body.clone());
        }
        answer
    }
}

/// Sends all of an order again; returns what is known now.
fn stands(merchant: &Merchant, number: &str, mut known: Known) -> Known {
    let before = merchant.find(number);
    let answer = known.create.again(merchant, before.len() == 1);
    assert_eq!(answer.status, 201, "{number}: {}", answer.json());
    let after = merchant.find(number);
    assert_eq!(after.len(), 1, "{number} is there {} times", after.len());
    assert_eq!(after[0]["id"], answer.json()["id"], "{number}");
    if known.paid {
        assert_eq!(after[0]["status"], "paid", "{number} was paid: {}", after[0]);
    }
    // A payment whose answer was lost may have been made, and then stays made.
    known.paid = after[0]["status"] == "paid";
    for (n, refund) in known.refunds.iter_mut().enumerate() {
        let target = format!("/v1/refunds?merchant_refund_id={number}-{n}");
        let find = || merchant.get(&target).json()["data"].as_array().unwrap().clone();
        let there = find();
        let answer = refund.again(merchant, there.len() == 1);
        match answer.status {
            201 => assert_eq!(find()[0]["id"], answer.json()["id"], "{number}"),
            409 => assert_eq!(
                (answer.code().as_str(), find().len()),
                ("refund_exceeds_available", 0),
                "{number}"
            ),
            _ => panic!("{number}: {}", answer.json()),
        }
    }
    known
}

/// The wallet's debt to us, by our books.
fn receivable(gateway: &Gateway) -> i64 {
    let data = gateway.data.display().to_string();
    let balances = lezai(&["ledger", "balances", "--json", "--data", &data]);
    let balances: Value = serde_json::from_slice(&balances.stdout).unwrap();
    let mut all = balances["balances"].as_array().unwrap().iter();
    all.find(|it| it["account"] == "channel_receivable:sandbox").unwrap()["minor"].as_i64().unwrap()
}

fn ledger_adds_up(folder: &Path) {
    let check = lezai(&["ledger", "check", "--data", &folder.join("data").display().to_string()]);
    assert!(check.status.success(), "the ledger does not add up: {check:?}");
}
