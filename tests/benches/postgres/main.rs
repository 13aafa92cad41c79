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
use lezai_tests::nodes::Nodes;
use lezai_tests::{Merchant, Request, TempDir, binary, random_hex};

const ORDERS: usize = 6_000;
const MERCHANTS: usize = 32;
const CLIENTS: [usize; 2] = [16, 64];
const PGBENCH_SECS: &str = "8";

fn main() {
    if std::env::args().any(|it| it == "--test") {
        return;
    }
    let base = std::env::var("LEZAI_TEST_POSTGRES").expect("run make bench-postgres");
    let at = |name: &str| format!("{}/{name}", base.rsplit_once('/').unwrap().0);
    run("psql", &[&base, "-q", "-c", "CREATE DATABASE bench"]);
    run("pgbench", &["-i", "-q", "-s", "20", &at("bench")]);
    println!("| what | clients | a second | median | 99 % |\n|---|---|---|---|---|");
    for clients in CLIENTS {
        tpc_b(&at("bench"), clients);
    }
    for nodes in [1, 2] {
        let name = format!("nodes_{nodes}");
        run("psql", &[&base, "-q", "-c", &format!("CREATE DATABASE {name}")]);
        run(binary().to_str().unwrap(), &["migrate", "--store", &at(&name)]);
        orders(&at(&name), nodes);
    }
    for clients in CLIENTS {
        tpc_b(&at("bench"), clients);
    }
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn tpc_b(database: &str, clients: usize) {
    let clients = clients.to_string();
    let said = run(
        "pgbench",
        &["-M", "prepared", "-n", "-c", &clients, "-j", "2", "-T", PGBENCH_SECS, database],
    );
    let tps = said.lines().find(|line| line.starts_with("tps")).unwrap_or_default();
    println!("| `pgbench -M prepared`, {tps} | {clients} | | | |");
}

fn orders(store: &str, count: usize) {
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
    let nodes = Nodes::start_with(count, store, |_| store.to_owned(), &section, false);
    let merchants: Vec<Merchant> = (0..MERCHANTS)
        .map(|n| nodes.merchant(&format!("m_live_{n}"), &format!("key-{n}"), "wechat"))
        .collect();
    for clients in CLIENTS {
        // The best of some, for others may use the machine.
        let best = (0..3)
            .map(|_| {
                let all: Vec<Vec<u8>> = (0..ORDERS)
                    .map(|n| order(&merchants[n % MERCHANTS], &nodes.authority))
                    .collect();
                let shares: Vec<&[Vec<u8>]> = all.chunks(ORDERS / count).collect();
                std::thread::scope(|scope| {
                    let running: Vec<_> = shares
                        .iter()
                        .enumerate()
                        .map(|(n, share)| {
                            let to = nodes.node(n).public.to_string();
                            scope.spawn(move || load::closed(&to, clients / count, share, 201))
                        })
                        .collect();
                    let runs: Vec<_> = running.into_iter().map(|it| it.join().unwrap()).collect();
                    let slowest = runs.iter().map(|it| it.elapsed).max().unwrap();
                    (ORDERS as f64 / slowest.as_secs_f64(), runs)
                })
            })
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .unwrap();
        let (rate, runs) = best;
        println!(
            "| `POST /v1/orders`, {count} node(s) | {clients} | {rate:.0} | {:.1} ms | {:.1} ms |",
            runs[0].at_ms(50),
            runs[0].at_ms(99)
        );
    }
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
