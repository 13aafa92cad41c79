//! Orders beside a large statement: how long it takes and how much memory, and what the slowest of a hundred orders take
//! with and without it: `make bench-statement`.
//!
//! The books are filled through the store. Then orders come at half of the rate that the gateway takes, in turns alone
//! and beside statements that are made one after another; the turns alternate, so that what else the machine does
//! falls on both.

#![allow(
    clippy::unwrap_used,
    clippy::float_arithmetic,
    dead_code,
    reason = "a measurement that fails says so, and uses a part of what the other one does"
)]

#[path = "../gateway/load.rs"]
mod load;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lezai_core::id::{OrderId, SessionId};
use lezai_core::ledger::{Account, Entry, Kind, Posting};
use lezai_core::money::Currency;
use lezai_core::time::Timestamp;
use lezai_store::{OrderRecord, Scope, SessionRecord, Store, StoreError, Tx, read, write};
use lezai_store_sqlite::{SqliteStore, file};
use lezai_tests::{Gateway, Merchant, Request, TempDir, now_ms, random_hex};
use lezai_wire::time::rfc3339;
use serde_json::{Value, json};

/// The most that one statement has, with its opening and closing balances.
const LINES: u32 = 999_900;
/// Postings of an order on the merchant's accounts: each is a line.
const LINES_OF_ORDER: u32 = 3;
/// Orders that are booked in one commit.
const AT_ONCE: u32 = 500;
/// How long a statement may take, in seconds.
const GOAL_SECS: f64 = 5.0;
/// How much memory it may take.
const GOAL_MIB: f64 = 32.0;
/// By how much the slowest of a hundred orders may be slower beside it, in percent.
const GOAL_PERCENT: f64 = 10.0;
const CONNECTIONS: usize = 16;
const ROUNDS: usize = 4;
/// Orders of a turn.
const ORDERS: u32 = 8_000;
/// Orders before the first measurement.
const WARM_UP: usize = 500;
/// It takes no longer, or something is wrong.
const END: Duration = Duration::from_secs(600);

fn main() {
    // `cargo test --benches` runs this too; measuring then would only make it slow.
    if std::env::args().any(|it| it == "--test") {
        return;
    }
    let number =
        |name: &str, usual: u32| std::env::var(name).ok().map_or(usual, |it| it.parse().unwrap());
    let (lines, orders) = (number("LINES", LINES), number("ORDERS", ORDERS) as usize);
    let folder = TempDir::new();
    // It makes the data folder, the demo merchant and its key, and one order that the others are made like.
    let mut first = Gateway::start(folder.path());
    let order = Merchant::demo(&first).create(&random_hex(), Merchant::order("A-0").to_string());
    let order = OrderId::parse(order.unwrap().json()["id"].as_str().unwrap()).unwrap();
    first.terminate();
    assert!(first.ended_well());
    fill(&file(&first.data), &order, lines.div_ceil(LINES_OF_ORDER));
    let gateway = Gateway::start(folder.path());
    alone(&gateway);
    beside(&gateway, orders);
}

/// A statement that nothing else goes on beside.
fn alone(gateway: &Gateway) {
    let merchant = Merchant::demo(gateway);
    // What it takes to start and to take orders is no part of it.
    load::closed(
        &gateway.authority,
        CONNECTIONS,
        &orders_of(&merchant, &gateway.authority, WARM_UP),
        201,
    );
    // Linux forgets the peak so far (proc_pid_clear_refs(5)).
    std::fs::write(format!("/proc/{}/clear_refs", gateway.pid()), "5").unwrap();
    let before = memory_mib(gateway.pid(), "VmRSS:");
    let (seconds, lines) = statement(&merchant);
    let more = memory_mib(gateway.pid(), "VmHWM:") - before;
    println!("\na statement `account.1` in CSV, asked for over HTTP until it is ready\n");
    println!(
        "| lines | seconds (goal: {GOAL_SECS}) | memory (goal: {GOAL_MIB} MiB) |\n|---|---|---|"
    );
    println!("| {lines} | {seconds:.1} | {more:.0} MiB |");
}

/// Orders alone, and orders beside statements, in turns.
fn beside(gateway: &Gateway, orders: usize) {
    let merchant = Merchant::demo(gateway);
    let authority = &gateway.authority;
    let rate = load::closed(authority, CONNECTIONS, &orders_of(&merchant, authority, orders), 201)
        .rate()
        / 2.0;
    println!(
        "\n`POST /v1/orders`, {rate:.0} a second, half of what the gateway takes, {orders} in each turn\n"
    );
    println!("| turn | 99 % alone | 99 % beside statements | ratio | statements |");
    println!("|---|---|---|---|---|");
    let (mut all_alone, mut all_beside) = (Vec::new(), Vec::new());
    for turn in 1..=ROUNDS {
        let requests = [0, 1].map(|_| orders_of(&merchant, authority, orders));
        let [first, second] = requests;
        // The order alternates, too: what a turn leaves behind falls on both.
        let (quiet, (busy, made)) = if turn % 2 == 1 {
            let quiet = load::open(authority, rate, &first, 201);
            (quiet, with_statements(gateway, rate, &second))
        } else {
            let busy = with_statements(gateway, rate, &first);
            (load::open(authority, rate, &second, 201), busy)
        };
        let (alone, beside) = (quiet.at_ms(99), busy.at_ms(99));
        println!("| {turn} | {alone:.2} ms | {beside:.2} ms | {:.2} | {made} |", beside / alone);
        all_alone.extend(quiet.times);
        all_beside.extend(busy.times);
    }
    let [alone, beside] = [all_alone, all_beside].map(|times| at_ms(times, 99));
    println!("| all | {alone:.2} ms | {beside:.2} ms | {:.2} | |", beside / alone);
    println!(
        "\n99 % of orders beside statements: {:+.0} % (goal: {GOAL_PERCENT})",
        (beside / alone - 1.0) * 100.0
    );
}

/// Orders, while another thread has one statement after the other made; how many of those were begun, too.
fn with_statements(gateway: &Gateway, rate: f64, requests: &[Vec<u8>]) -> (load::Run, u32) {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let making = scope.spawn(|| {
            let (merchant, mut made) = (Merchant::demo(gateway), 0);
            while !over.load(Ordering::Relaxed) {
                statement(&merchant);
                made += 1;
            }
            made
        });
        let run = load::open(&gateway.authority, rate, requests, 201);
        over.store(true, Ordering::Relaxed);
        (run, making.join().unwrap())
    })
}

/// Has a statement made: in how many seconds, and of how many lines.
fn statement(merchant: &Merchant) -> (f64, u64) {
    let now = Timestamp::from_ms(now_ms());
    let body = json!({
        "type": "account.1", "format": "csv", "from": rfc3339(now.plus_secs(-86_400)),
        "to": rfc3339(now.plus_secs(-15)),
    });
    let begun = Instant::now();
    let asked = merchant.post("/v1/statements", &random_hex(), body.to_string());
    let asked = merchant.send(&asked).unwrap();
    assert_eq!(asked.status, 201, "{}", asked.json());
    let id = asked.json()["id"].as_str().unwrap().to_owned();
    loop {
        let found: Value = merchant.get(&format!("/v1/statements/{id}")).json();
        match found["state"].as_str() {
            Some("ready") => {
                let lines = found["content"]["lines"].as_u64().unwrap();
                return (begun.elapsed().as_secs_f64(), lines);
            }
            Some("making") => {}
            _ => panic!("{found}"),
        }
        assert!(begun.elapsed() < END, "{found}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// So many orders like one, each with its session, and their payments and settlements as they are booked.
fn fill(path: &Path, like: &OrderId, orders: u32) {
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(path).unwrap());
    let begin = Timestamp::from_ms(now_ms()).plus_secs(-3_600);
    let work = async {
        let like = like.clone();
        let like = read(&store, move |view| {
            let order = view.order(&like)?.expect("it was made");
            let session = view.session(&order.session)?.expect("it was made");
            Ok::<_, StoreError>((order, session))
        });
        let like = Arc::new(like.await.unwrap());
        for from in (0..orders).step_by(AT_ONCE as usize) {
            let (like, part) = (Arc::clone(&like), from..orders.min(from + AT_ONCE));
            let at = begin.plus_ms(i64::from(from / AT_ONCE));
            let work = move |tx: &dyn Tx| part.clone().try_for_each(|n| book(tx, &like, n, at));
            write(&store, Scope::Gateway, work).await.unwrap();
        }
    };
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work);
}

/// An order with its payment and its settlement.
fn book(
    tx: &dyn Tx,
    (record, session): &(OrderRecord, SessionRecord),
    n: u32,
    at: Timestamp,
) -> Result<(), StoreError> {
    let mut entropy = [0; 10];
    entropy[..4].copy_from_slice(&n.to_be_bytes());
    let (id, session_id) = (OrderId::new(at, entropy), SessionId::new(at, entropy));
    let mut record = OrderRecord { session: session_id.clone(), ..record.clone() };
    record.order.terms.id = id.clone();
    record.order.terms.merchant_order_id = format!("B-{n}");
    let session = SessionRecord { id: session_id, order: id.clone(), ..session.clone() };
    assert!(tx.insert_order(&record, &session)?, "there was such an order");
    let (merchant, order) = (&record.order.terms.merchant, id.into());
    let currency = Currency::from_code("CNY").unwrap();
    let pending = Account::MerchantPending(merchant.clone());
    let sides = |kind, sides: Vec<(Account, i64)>| {
        let posting = |(account, minor)| Posting { account, minor, currency };
        Entry::new(kind, sides.into_iter().map(posting).collect()).unwrap()
    };
    let receivable = Account::ChannelReceivable("sandbox".to_owned());
    let paid = vec![(receivable, 12_800), (pending.clone(), -12_723), (Account::FeeIncome, -77)];
    tx.book(&order, &sides(Kind::Payment, paid), at)?;
    let settled = vec![(pending, 12_723), (Account::MerchantAvailable(merchant.clone()), -12_723)];
    tx.book(&order, &sides(Kind::Settlement, settled), at).map(drop)
}

fn orders_of(merchant: &Merchant, authority: &str, count: usize) -> Vec<Vec<u8>> {
    let order = || {
        let number = random_hex();
        let body = Merchant::order(&number).to_string();
        keep_alive(&merchant.post("/v1/orders", &number, body), authority)
    };
    (0..count).map(|_| order()).collect()
}

fn keep_alive(request: &Request, authority: &str) -> Vec<u8> {
    String::from_utf8(request.bytes(authority))
        .unwrap()
        .replacen("connection: close\r\n", "", 1)
        .into_bytes()
}

/// Milliseconds that this share of some times is at most.
fn at_ms(mut times: Vec<Duration>, percent: usize) -> f64 {
    times.sort_unstable();
    times[(times.len() * percent / 100).min(times.len() - 1)].as_secs_f64() * 1e3
}

/// A figure of a process's memory.
fn memory_mib(pid: u32, name: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|it| it.starts_with(name)).unwrap();
    let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib / 1024.0
}
