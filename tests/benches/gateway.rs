//! What the gateway does in a second, measured from outside: `make bench`.
//!
//! Load and gateway share this machine's processors, so requests are signed before the clock
//! starts. Each table has its peers in the same run: the same server without a signature and a
//! commit, and the same disk with a commit for each row.

#![allow(
    clippy::unwrap_used,
    clippy::float_arithmetic,
    reason = "a measurement that fails says so"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use lezai_tests::{Gateway, Merchant, Request, TempDir, binary, random_hex};
use rusqlite::Connection;

const ORDERS: usize = 4_000;
const CONNECTIONS: [usize; 3] = [1, 16, 64];
const STARTS: usize = 7;

fn main() {
    // `cargo test --benches` runs this too; measuring then would only make it slow.
    if std::env::args().any(|it| it == "--test") {
        return;
    }
    let folder = TempDir::new();
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
    println!(
        "\n`POST /v1/orders`: signature checked, plugin run in a fresh sandbox, commit on disk, answer signed\n"
    );
    println!("| connections | requests | a second | median | 99 % |\n|---|---|---|---|---|");
    let merchant = Merchant::demo(gateway);
    for connections in CONNECTIONS {
        let orders = if connections == 1 { ORDERS / 4 } else { ORDERS };
        let requests: Vec<Vec<u8>> =
            (0..orders).map(|_| order(&merchant, &gateway.authority)).collect();
        row(&connections.to_string(), &gateway.authority, connections, &requests, 201);
    }
    println!("\npeers, 64 connections (the disk: one)\n");
    println!("| what | requests | a second | median | 99 % |\n|---|---|---|---|---|");
    let alive = vec![keep_alive(&Request::new("GET", "/healthz", ""), &gateway.authority); ORDERS];
    row("`GET /healthz`: the server alone", &gateway.authority, 64, &alive, 200);
    let query = merchant.get("/v1/orders?merchant_order_id=none");
    assert_eq!(query.status, 200);
    let queries: Vec<Vec<u8>> = (0..ORDERS)
        .map(|_| {
            keep_alive(
                &merchant.sign(Request::new("GET", "/v1/orders?merchant_order_id=none", "")),
                &gateway.authority,
            )
        })
        .collect();
    row("`GET /v1/orders`: signatures both ways, no commit", &gateway.authority, 64, &queries, 200);
    disk(folder);
}

fn row(name: &str, authority: &str, connections: usize, requests: &[Vec<u8>], status: u16) {
    let (elapsed, mut times) = send_all(authority, connections, requests, status);
    let rate = requests.len() as f64 / elapsed.as_secs_f64();
    times.sort_unstable();
    let at =
        |share: usize| times[(times.len() * share / 100).min(times.len() - 1)].as_secs_f64() * 1e3;
    println!("| {name} | {} | {rate:.0} | {:.2} ms | {:.2} ms |", requests.len(), at(50), at(99));
}

/// Sends all requests over so many connections, each as soon as the one before was answered.
fn send_all(
    authority: &str,
    connections: usize,
    requests: &[Vec<u8>],
    status: u16,
) -> (Duration, Vec<Duration>) {
    let next = AtomicUsize::new(0);
    let begun = Instant::now();
    let times = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..connections)
            .map(|_| {
                scope.spawn(|| {
                    let stream = TcpStream::connect(authority).unwrap();
                    stream.set_nodelay(true).unwrap();
                    let mut answers = BufReader::new(stream.try_clone().unwrap());
                    let mut stream = stream;
                    let mut times = Vec::new();
                    while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let begun = Instant::now();
                        stream.write_all(request).unwrap();
                        assert_eq!(read_answer(&mut answers), status);
                        times.push(begun.elapsed());
                    }
                    times
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    (begun.elapsed(), times)
}

fn read_answer(stream: &mut BufReader<TcpStream>) -> u16 {
    let (mut line, mut status, mut length) = (String::new(), 0, 0);
    loop {
        line.clear();
        stream.read_line(&mut line).unwrap();
        if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
            status = rest[..3].parse().unwrap();
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    status
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

fn memory_kb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
