//! Closing the settlement batches of many merchants at one cut-off, and what one of them reads of its funds beside the
//! others: `make bench-settlement`.
//!
//! The books are filled with two entries for each order, as its payment and its settlement book them, through the store;
//! the gateway is then started over them, and its worker closes the batches, which are due.

#![allow(
    clippy::unwrap_used,
    clippy::float_arithmetic,
    reason = "a measurement that fails says so"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use lezai_core::funds::contract::{Agreed, Contract};
use lezai_core::id::{MerchantId, OrderId};
use lezai_core::ledger::{Account, Entry, Kind, Posting};
use lezai_core::money::Currency;
use lezai_core::time::Timestamp;
use lezai_store::{MerchantRecord, Scope, Store, StoreError, Task, Tx, read, write};
use lezai_store_sqlite::{SqliteStore, file, open_to_read};
use lezai_tests::{Gateway, Merchant, TempDir, now_ms};

const MERCHANTS: u32 = 10_000;
const ORDERS: u32 = 1_000_000;
/// Orders that are booked in one commit.
const AT_ONCE: u32 = 500;
/// The goal for all batches, in seconds.
const GOAL_SECS: f64 = 120.0;
/// The goal for reading, in milliseconds.
const READ_MS: f64 = 10.0;
const READS: usize = 200;
/// The batches take no longer, or something is wrong.
const END: Duration = Duration::from_secs(1_800);
const DAY_MS: i64 = 86_400_000;

const CONTRACT: &str = r#"{
    "fees": { "payout": [{ "currency": "CNY", "rate_ppm": 0, "fixed": 100, "rounding": "down" }] },
    "cycle": { "kind": "days", "days": 0 }, "day": { "zone": "UTC", "cut_off": "24:00" },
    "settlement": { "pay_to": { "kind": "bank_account", "account": "6222020200112233445" }, "minimums": [] }
}"#;

fn main() {
    // `cargo test --benches` runs this too; measuring then would only make it slow.
    if std::env::args().any(|it| it == "--test") {
        return;
    }
    let number =
        |name: &str, usual: u32| std::env::var(name).ok().map_or(usual, |it| it.parse().unwrap());
    let (merchants, orders) = (number("MERCHANTS", MERCHANTS), number("ORDERS", ORDERS));
    let folder = TempDir::new();
    // It makes the data folder, the demo merchant and its key.
    let mut first = Gateway::start(folder.path());
    first.terminate();
    assert!(first.ended_well());
    let path = file(&first.data);
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(fill(
        Arc::new(SqliteStore::open(&path).unwrap()),
        merchants,
        orders,
    ));

    let begun = Instant::now();
    let gateway = Gateway::start(folder.path());
    let reader = open_to_read(&path).unwrap();
    let closed = || -> u32 {
        reader.query_row("SELECT count(*) FROM batches", [], |row| row.get(0)).unwrap()
    };
    while closed() < merchants {
        assert!(begun.elapsed() < END, "{} of {merchants} are closed", closed());
        std::thread::sleep(Duration::from_millis(100));
    }
    let seconds = begun.elapsed().as_secs_f64();
    let peak = peak_mib(gateway.pid());
    println!(
        "\n`CloseBatches` of {merchants} merchants with {orders} orders, each batch paid out\n"
    );
    println!(
        "| batches | seconds (goal: {GOAL_SECS}) | a second | peak memory |\n|---|---|---|---|"
    );
    let rate = f64::from(merchants) / seconds;
    println!("| {merchants} | {seconds:.1} | {rate:.0} | {peak:.0} MiB |");
    reads(&gateway);
}

/// The requests of one merchant that reads, one request after the other.
fn reads(gateway: &Gateway) {
    let merchant = Merchant::demo(gateway);
    let batch =
        merchant.get("/v1/settlements").json()["data"][0]["id"].as_str().unwrap().to_owned();
    println!(
        "\none merchant's funds, with a connection for each request (goal: 99 % in {READ_MS} ms)\n"
    );
    println!("| what | median | 99 % |\n|---|---|---|");
    for target in [
        "/v1/balances".to_owned(),
        "/v1/settlements/open".to_owned(),
        format!("/v1/settlements/{batch}/lines?limit=100"),
    ] {
        let mut times: Vec<f64> = (0..READS)
            .map(|_| {
                let begun = Instant::now();
                assert_eq!(merchant.get(&target).status, 200);
                begun.elapsed().as_secs_f64() * 1000.0
            })
            .collect();
        times.sort_by(f64::total_cmp);
        let name = target.replace(&batch, "{id}");
        println!(
            "| `GET {name}` | {:.2} ms | {:.2} ms |",
            times[READS / 2],
            times[READS * 99 / 100]
        );
    }
}

/// Merchants whose batches are due since the last midnight, and what each of their orders booked before it.
async fn fill(store: Arc<dyn Store>, merchants: u32, orders: u32) {
    let midnight = Timestamp::from_ms(now_ms() / DAY_MS * DAY_MS);
    let demo = MerchantId::parse("m_demo").unwrap();
    let of = demo.clone();
    let record = read(&store, move |view| view.merchant(&of)).await.unwrap().unwrap();
    let contract = Contract::from_json(CONTRACT.as_bytes()).unwrap();
    let before = midnight.plus_secs(-86_400);
    let agreed = Agreed { number: 1, contract, in_force_from: before, announced_at: before };
    let ids: Vec<MerchantId> = std::iter::once(demo)
        .chain((1..merchants).map(|n| MerchantId::parse(&format!("m_{n}")).unwrap()))
        .collect();
    for id in &ids {
        let (id, agreed, record) = (id.clone(), agreed.clone(), record.clone());
        write(&store, Scope::Merchant(id.clone()), move |tx| {
            if record.id != id {
                tx.put_merchant(&MerchantRecord { id: id.clone(), ..record })?;
            }
            tx.insert_contract(&id, &agreed)?;
            let close = Task::CloseBatches { merchant: id, contract: 1, cut_off: midnight };
            tx.schedule(&close, midnight)
        })
        .await
        .unwrap();
    }
    let mut n = 0;
    while n < orders {
        let (ids, part) = (ids.clone(), n..orders.min(n + AT_ONCE));
        let at = midnight.plus_ms(-3_600_000 + i64::from(n / AT_ONCE));
        n = part.end;
        let work = move |tx: &dyn Tx| {
            part.into_iter().try_for_each(|n| book(tx, &ids[n as usize % ids.len()], n, at))
        };
        write(&store, Scope::Gateway, work).await.unwrap();
    }
}

/// The payment and the settlement of an order.
fn book(tx: &dyn Tx, merchant: &MerchantId, n: u32, at: Timestamp) -> Result<(), StoreError> {
    let mut entropy = [0; 10];
    entropy[..4].copy_from_slice(&n.to_be_bytes());
    let order = OrderId::new(at, entropy).into();
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

/// The most memory that a process had.
fn peak_mib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|it| it.starts_with("VmHWM:")).unwrap();
    let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib / 1024.0
}
