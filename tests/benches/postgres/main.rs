//! The throughput of gateways over PostgreSQL, beside what `pgbench` does with the same database in the same run:
//! `make bench-postgres`. Load, gateways and database share this machine's processors.

#![allow(
    clippy::unwrap_used,
    clippy::float_arithmetic,
    dead_code,
    reason = "a measurement that fails says so, and uses a part of what the other one does"
)]

#[path = "../gateway/load.rs"]
mod load;

use std::process::Command;

use lezai_channel_simulators::keys;
use lezai_tests::nodes::{Nodes, Setup};
use lezai_tests::{Merchant, Request, TempDir, binary, random_hex};

const ORDERS: usize = 6_000;
const MERCHANTS: usize = 32;
const CLIENTS: [usize; 2] = [16, 64];
const PGBENCH_SECS: &str = "8";
const SLOW_MS: u32 = 10;
/// Of each node.
const SLOW_CLIENTS: usize = 2;
const SLOW_ORDERS: usize = 1_200;

fn main() {
    if std::env::args().any(|it| it == "--test") {
        return;
    }
    let base = std::env::var("LEZAI_TEST_POSTGRES").expect("run make bench-postgres");
    let at = |name: &str| format!("{}/{name}", base.rsplit_once('/').unwrap().0);
    run("psql", &[&base, "-q", "-c", "CREATE DATABASE bench"]);
    run("pgbench", &["-i", "-q", "-s", "20", &at("bench")]);
    let prepared = |name: String, books: &str| {
        run("psql", &[&base, "-q", "-c", &format!("CREATE DATABASE {name}")]);
        run(binary().to_str().unwrap(), &["migrate", "--store", &at(&name), "--books", books]);
        at(&name)
    };
    println!(
        "| what | clients | a second | of pgbench's | median | 99 % |\n|---|---|---|---|---|---|"
    );
    let before = CLIENTS.map(|clients| tpc_b(&at("bench"), clients));
    let ours = [1, 2].map(|nodes| fastest(&prepared(format!("nodes_{nodes}"), "16"), nodes));
    let after = CLIENTS.map(|clients| tpc_b(&at("bench"), clients));
    // Before and after, for others may use the machine.
    let peers: Vec<f64> = before.iter().zip(&after).map(|(a, b)| a.max(*b)).collect();
    for (nodes, runs) in [1, 2].iter().zip(&ours) {
        for ((clients, (rate, run)), peer) in CLIENTS.iter().zip(runs).zip(&peers) {
            let (ratio, median, worst) = (rate / peer, run.at_ms(50), run.at_ms(99));
            println!(
                "| `POST /v1/orders`, {nodes} node(s) | {clients} | {rate:.0} | {ratio:.2} | {median:.1} ms | {worst:.1} ms |"
            );
        }
    }
    let url = at("nodes_1");
    let size = "SELECT pg_database_size(current_database()) / (SELECT count(*) FROM orders)";
    println!("\nThe database has {} bytes an order.", run("psql", &[&url, "-qAtc", size]).trim());
    // What holds a node up is then the disk alone, and not these processors: nodes add up unless they share a lock.
    println!("\nEach commit made {SLOW_MS} ms slower, {SLOW_CLIENTS} clients a node:\n");
    println!("| nodes | orders a second | of one node's | median | 99 % |\n|---|---|---|---|---|");
    let mut one = None;
    for nodes in [1, 2, 4] {
        let store = prepared(format!("slow_{nodes}"), "64");
        for setting in [format!("commit_delay = {}", SLOW_MS * 1_000), "commit_siblings = 0".into()]
        {
            let name = store.rsplit_once('/').unwrap().1;
            run("psql", &[&base, "-q", "-c", &format!("ALTER DATABASE {name} SET {setting}")]);
        }
        let gateways = gateways(&store, nodes);
        let (rate, run) = measure(&gateways, SLOW_CLIENTS * nodes, SLOW_ORDERS * nodes);
        let ratio = rate / *one.get_or_insert(rate);
        let (median, worst) = (run.at_ms(50), run.at_ms(99));
        println!("| {nodes} | {rate:.0} | {ratio:.2} | {median:.1} ms | {worst:.1} ms |");
    }
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn tpc_b(database: &str, clients: usize) -> f64 {
    let number = clients.to_string();
    let said = run(
        "pgbench",
        &["-M", "prepared", "-n", "-c", &number, "-j", "2", "-T", PGBENCH_SECS, database],
    );
    let line = said.lines().find_map(|line| line.strip_prefix("tps = ")).unwrap();
    let tps = line.split(' ').next().unwrap().parse().unwrap();
    println!("| `pgbench -M prepared` | {clients} | {tps:.0} | 1 | | |");
    tps
}

/// Gateways with the merchants that send them orders.
struct Gateways {
    nodes: Nodes,
    merchants: Vec<Merchant>,
    count: usize,
    _folder: TempDir,
}

fn gateways(store: &str, count: usize) -> Gateways {
    let folder = TempDir::new();
    for (name, content) in keys::FILES {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    // Nobody is asked: an order that is made meets no channel.
    let section = format!(
        "[log]\nfilter = \"warn\"\n[channels.wechat]\nmerchant = \"1900000001\"\napp_id = \"wx8888888888888888\"\n\
         certificate_serial = \"{}\"\nprivate_key_file = {:?}\napi_v3_key_file = {:?}\n\
         base_url = \"http://127.0.0.1:9\"\ndownload_certificates = true\n",
        keys::MERCHANT_SERIAL,
        folder.path().join("wechat_merchant.pem"),
        folder.path().join("wechat_api_v3_key"),
    );
    let nodes = Setup::of(store, count).without_tls().start(&section);
    let merchants: Vec<Merchant> = (0..MERCHANTS)
        .map(|n| nodes.merchant(&format!("m_live_{n}"), &format!("key-{n}"), "wechat"))
        .collect();
    Gateways { nodes, merchants, count, _folder: folder }
}

/// Orders a second, and what one of the nodes' clients saw.
fn measure(gateways: &Gateways, clients: usize, orders: usize) -> (f64, load::Run) {
    let Gateways { nodes, merchants, count, .. } = gateways;
    let all: Vec<Vec<u8>> =
        (0..orders).map(|n| order(&merchants[n % MERCHANTS], &nodes.authority)).collect();
    let shares: Vec<&[Vec<u8>]> = all.chunks(orders / count).collect();
    std::thread::scope(|scope| {
        let running: Vec<_> = shares
            .iter()
            .enumerate()
            .map(|(n, share)| {
                let to = nodes.node(n).public().to_string();
                scope.spawn(move || load::closed(&to, clients / count, share, 201))
            })
            .collect();
        let runs = running.into_iter().map(|it| it.join().unwrap());
        let slowest = runs.max_by_key(|it| it.elapsed).unwrap();
        (orders as f64 / slowest.elapsed.as_secs_f64(), slowest)
    })
}

fn fastest(store: &str, count: usize) -> Vec<(f64, load::Run)> {
    let gateways = gateways(store, count);
    // The best of some, for others may use the machine.
    let best = |clients| {
        (0..3).map(|_| measure(&gateways, clients, ORDERS)).max_by(|a, b| a.0.total_cmp(&b.0))
    };
    CLIENTS.iter().map(|clients| best(*clients).unwrap()).collect()
}

fn order(merchant: &Merchant, authority: &str) -> Vec<u8> {
    let body = Merchant::order(&random_hex()).to_string();
    let request: Request = merchant
        .post("/v1/orders", &random_hex(), body)
        .with("x-forwarded-proto", "https")
        .with("x-forwarded-for", "192.0.2.1");
    keep_alive(&request, authority)
}

fn keep_alive(request: &Request, authority: &str) -> Vec<u8> {
    let bytes = request.bytes(authority);
    let text = String::from_utf8(bytes).unwrap();
    text.replacen("connection: close\r\n", "", 1).into_bytes()
}
