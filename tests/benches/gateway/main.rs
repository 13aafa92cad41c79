//! The gateway's throughput in a second, measured from outside: `make bench`.
//!
//! Load and gateway share this machine's processors, so requests are signed before the clock
//! starts. Each table has its peers in the same run: the same server without a signature and a
//! commit, and the same disk with a commit for each row.

#![allow(
    clippy::unwrap_used,
    clippy::float_arithmetic,
    reason = "a measurement that fails says so"
)]

mod floor;
mod funds;
mod load;

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use floor::Floor;
use lezai_tests::{Gateway, Merchant, Request, TempDir, binary, random_hex};
use load::Run;
use rusqlite::Connection;

const ORDERS: usize = 8_000;
const ROUNDS: usize = 3;
const MEMORY_ORDERS: usize = 1_000_000;
const MEMORY_PART: usize = 200_000;
const CONNECTIONS_MAX: usize = 64;
const CONNECTIONS: [usize; 3] = [1, 16, CONNECTIONS_MAX];
const HEAD: &str = "| what | requests | a second | median | 99 % |\n|---|---|---|---|---|";
const STARTS: usize = 7;
/// The goal of the gateway, in percent of the floor.
const FLOOR_PERCENT: u32 = 55;

fn main() {
    // `cargo test --benches` runs this too; measuring then would only make it slow.
    if std::env::args().any(|it| it == "--test") {
        return;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((floor::FLAG, rest)) = arguments.split_first().map(|(it, rest)| (it.as_str(), rest))
    {
        return floor::run(rest);
    }
    let folder = TempDir::new();
    if std::env::var_os("BENCH_MEMORY").is_some() {
        return memory(folder.path());
    }
    starts(folder.path());
    let gateway = Gateway::start(folder.path());
    let idle_kb = memory_kb(gateway.pid());
    throughput(&gateway, folder.path());
    sizes(&gateway, idle_kb);
}

fn starts(folder: &Path) {
    let mut first = Vec::new();
    let mut later = Vec::new();
    for n in 0..STARTS {
        let own = folder.join(format!("start-{n}"));
        std::fs::create_dir_all(&own).unwrap();
        for times in [&mut first, &mut later] {
            let begun = Instant::now();
            let mut gateway = Gateway::start(&own);
            times.push(begun.elapsed());
            gateway.interrupt();
            assert!(gateway.ended_well());
        }
    }
    println!("\nstart of `lezai dev`, from the command to `ready` (median of {STARTS})\n");
    println!("| start | time |\n|---|---|");
    println!(
        "| first: makes keys and stores, compiles the plugins | {} ms |",
        median(&mut first).as_millis()
    );
    println!("| any later | {} ms |", median(&mut later).as_millis());
}

fn throughput(gateway: &Gateway, folder: &Path) {
    let merchant = Merchant::demo(gateway);
    println!(
        "\n`POST /v1/orders`: signature checked, plugins run in fresh sandboxes, commit on disk, answer signed\n"
    );
    println!("{HEAD}");
    let mut most = 0_f64;
    let mut least_us = f64::INFINITY;
    for connections in CONNECTIONS {
        let orders = if connections == 1 { ORDERS / 4 } else { ORDERS };
        // The best of some, for others may use the machine.
        let rounds = if connections == 1 { 1 } else { ROUNDS };
        let runs = (0..rounds).map(|_| {
            let requests = orders_of(&merchant, &gateway.authority, orders);
            let before = processor_us(gateway.pid());
            let run = load::closed(&gateway.authority, connections, &requests, 201);
            least_us = least_us.min((processor_us(gateway.pid()) - before) / orders as f64);
            run
        });
        let best = runs.max_by(|a, b| a.rate().total_cmp(&b.rate())).unwrap();
        most = most.max(best.rate());
        row(&format!("{connections} connections"), &best);
    }
    let half = most / 2.0;
    let requests = orders_of(&merchant, &gateway.authority, ORDERS);
    let at_half = load::open(&gateway.authority, half, &requests, 201);
    row(&format!("half of that: {half:.0} a second, answered or not"), &at_half);
    let (floor, floor_us) = against_the_floor(gateway, &merchant, folder);
    let fsync_ms = fsync_ms(folder);
    println!("\nof the floor: {:.0} % (goal: {FLOOR_PERCENT})", most * 100.0 / floor);
    println!(
        "processor time of one order, whatever else the machine does: {least_us:.0} µs, the floor's {floor_us:.0} µs"
    );
    println!(
        "99 % at half load: {:.1} ms (goal: three times the median and one fsync of {fsync_ms:.1} ms: {:.1} ms)",
        at_half.at_ms(99),
        3.0 * at_half.at_ms(50) + fsync_ms
    );
    let refunded = refunds(gateway, &merchant);
    funds::rows(gateway, &merchant, &refunded);
    println!("\npeers, 64 connections (the disk: one)\n\n{HEAD}");
    let alive = vec![keep_alive(&Request::new("GET", "/healthz", ""), &gateway.authority); ORDERS];
    row(
        "`GET /healthz`: the server alone",
        &load::closed(&gateway.authority, CONNECTIONS_MAX, &alive, 200),
    );
    let queries: Vec<Vec<u8>> = (0..ORDERS)
        .map(|_| {
            let query = Request::new("GET", "/v1/orders?merchant_order_id=none", "");
            keep_alive(&merchant.sign(query), &gateway.authority)
        })
        .collect();
    row(
        "`GET /v1/orders`: signatures both ways, no commit",
        &load::closed(&gateway.authority, CONNECTIONS_MAX, &queries, 200),
    );
    disk(folder);
}

/// The same load on the least that such a gateway can do: how many a second that is, and the processor time of one.
fn against_the_floor(gateway: &Gateway, merchant: &Merchant, folder: &Path) -> (f64, f64) {
    let kept = || {
        let database = Connection::open(gateway.data.join("lezai.db")).unwrap();
        let size = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
        database.query_row(size, [], |row| row.get::<_, usize>(0)).unwrap()
    };
    let before = kept();
    let requests = orders_of(merchant, &gateway.authority, ORDERS);
    let run = load::closed(&gateway.authority, CONNECTIONS_MAX, &requests, 201);
    let kept = (kept() - before) / ORDERS;
    let answered = run.bodies[0].len();
    let key = gateway.data.join("demo-merchant.pem");
    let floor = Floor::start(folder, &key, kept, answered);
    let mut least_us = f64::INFINITY;
    // Signed for the gateway, which the floor believes to be.
    let runs = (0..ROUNDS).map(|_| {
        let requests = orders_of(merchant, &gateway.authority, ORDERS);
        let before = processor_us(floor.pid());
        let run = load::closed(&floor.authority, CONNECTIONS_MAX, &requests, 201);
        least_us = least_us.min((processor_us(floor.pid()) - before) / ORDERS as f64);
        run
    });
    let best = runs.max_by(|a, b| a.rate().total_cmp(&b.rate())).unwrap();
    row(
        &format!(
            "the floor, {CONNECTIONS_MAX} connections: the same server and signatures, {kept} bytes appended with a shared fsync, {answered} answered"
        ),
        &best,
    );
    (best.rate(), least_us)
}

/// The median time to have a few pages on this disk.
fn fsync_ms(folder: &Path) -> f64 {
    let mut file = File::create(folder.join("fsync")).unwrap();
    let mut times: Vec<Duration> = (0..200)
        .map(|_| {
            file.write_all(&[b'x'; 32 * 1024]).unwrap();
            let begun = Instant::now();
            file.sync_data().unwrap();
            begun.elapsed()
        })
        .collect();
    median(&mut times).as_secs_f64() * 1e3
}

/// Resident memory as orders come: `BENCH_MEMORY=1 make bench`.
fn memory(folder: &Path) {
    let gateway = Gateway::start(folder);
    let merchant = Merchant::demo(&gateway);
    println!("| orders | resident memory | the last a second |\n|---|---|---|");
    println!("| 0 | {:.0} MiB | |", memory_kb(gateway.pid()) as f64 / 1024.0);
    for part in 1..=MEMORY_ORDERS / MEMORY_PART {
        let mut rate = 0.0;
        for _ in 0..MEMORY_PART / ORDERS {
            let requests = orders_of(&merchant, &gateway.authority, ORDERS);
            rate = load::closed(&gateway.authority, CONNECTIONS_MAX, &requests, 201).rate();
        }
        let resident = memory_kb(gateway.pid()) as f64 / 1024.0;
        println!("| {} | {resident:.0} MiB | {rate:.0} |", part * MEMORY_PART);
    }
}

/// One refund of each of so many paid orders, while the worker carries them out.
fn refunds(gateway: &Gateway, merchant: &Merchant) -> Run {
    println!(
        "\n`POST /v1/orders/{{id}}/refunds`: the same, while the channel is asked and callbacks are delivered\n\n{HEAD}"
    );
    let authority = &gateway.authority;
    let paid = |count| {
        let requests = orders_of(merchant, authority, count);
        let created = load::closed(authority, CONNECTIONS_MAX, &requests, 201).bodies;
        let ids: Vec<String> = created
            .iter()
            .map(|it| {
                let order: serde_json::Value = serde_json::from_slice(it).unwrap();
                order["id"].as_str().unwrap().to_owned()
            })
            .collect();
        let pay = |id: &String| {
            keep_alive(&Request::new("POST", &format!("/sandbox/orders/{id}/pay"), ""), authority)
        };
        let payments: Vec<_> = ids.iter().map(pay).collect();
        load::closed(authority, CONNECTIONS_MAX, &payments, 200);
        ids.iter()
            .map(|id| {
                let number = random_hex();
                let body = serde_json::json!({
                    "merchant_refund_id": number, "amount": 100, "currency": "CNY", "reason": "Broken cup"
                });
                let target = format!("/v1/orders/{id}/refunds");
                keep_alive(&merchant.post(&target, &number, body.to_string()), authority)
            })
            .collect::<Vec<_>>()
    };
    let all = load::closed(authority, CONNECTIONS_MAX, &paid(ORDERS / 2), 201);
    row(&format!("{CONNECTIONS_MAX} connections"), &all);
    let half = all.rate() / 2.0;
    let at_half = load::open(authority, half, &paid(ORDERS / 2), 201);
    row(&format!("half of that: {half:.0} a second, answered or not"), &at_half);
    all
}

fn row(name: &str, run: &Run) {
    println!(
        "| {name} | {} | {:.0} | {:.2} ms | {:.2} ms |",
        run.times.len(),
        run.rate(),
        run.at_ms(50),
        run.at_ms(99)
    );
}

fn orders_of(merchant: &Merchant, authority: &str, count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|_| order(merchant, authority)).collect()
}

fn order(merchant: &Merchant, authority: &str) -> Vec<u8> {
    let number = random_hex();
    let body = Merchant::order(&number).to_string();
    keep_alive(&merchant.post("/v1/orders", &number, body), authority)
}

fn keep_alive(request: &Request, authority: &str) -> Vec<u8> {
    String::from_utf8(request.bytes(authority))
        .unwrap()
        .replacen("connection: close\r\n", "", 1)
        .into_bytes()
}

/// The same disk and durability, a commit for each row: what a gateway without group commit gets.
fn disk(folder: &Path) {
    let connection = Connection::open(folder.join("peer.db")).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (k TEXT, v TEXT)",
        )
        .unwrap();
    let row = "x".repeat(2_000);
    let mut times = Vec::new();
    let begun = Instant::now();
    for n in 0..ORDERS / 4 {
        let begun = Instant::now();
        connection.execute("INSERT INTO t VALUES (?1, ?2)", (n.to_string(), &row)).unwrap();
        times.push(begun.elapsed());
    }
    let rate = times.len() as f64 / begun.elapsed().as_secs_f64();
    times.sort_unstable();
    let at = |share: usize| times[times.len() * share / 100].as_secs_f64() * 1e3;
    println!(
        "| SQLite alone: a durable commit for each row of 2 KB | {} | {rate:.0} | {:.2} ms | {:.2} ms |",
        times.len(),
        at(50),
        at(99)
    );
}

fn sizes(gateway: &Gateway, idle_kb: u64) {
    let program = binary();
    let megabytes = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
    let whole = std::fs::metadata(&program).unwrap().len();
    println!("\nsizes\n\n| what | size |\n|---|---|");
    println!("| the binary, with its line tables | {} |", megabytes(whole));
    let stripped = std::env::temp_dir().join(format!("lezai-stripped-{}", random_hex()));
    if Command::new("strip")
        .arg(&program)
        .arg("-o")
        .arg(&stripped)
        .status()
        .is_ok_and(|it| it.success())
    {
        println!(
            "| the binary, stripped | {} |",
            megabytes(std::fs::metadata(&stripped).unwrap().len())
        );
        let _ = std::fs::remove_file(&stripped);
    }
    println!("| resident memory, just started | {} |", megabytes(idle_kb * 1024));
    println!(
        "| resident memory, after the load above | {} |",
        megabytes(memory_kb(gateway.pid()) * 1024)
    );
}

/// The processor time that a process has taken since it began.
fn processor_us(pid: u32) -> f64 {
    // Linux counts it in hundredths of a second, whatever its own clock is (proc_pid_stat(5)).
    const TICK_US: f64 = 10_000.0;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after_name = stat.rsplit(") ").next().unwrap();
    let fields = after_name.split(' ').skip(11).take(2);
    fields.map(|it| it.parse::<f64>().unwrap()).sum::<f64>() * TICK_US
}

fn memory_kb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
