//! Several gateways over one PostgreSQL, as real processes: killed, stopped, rolled and cut off under load. `make
//! test-postgres` starts the database.

#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

mod failover;
mod operators;
mod patroni;
mod pooled;
mod simulated;
mod upgrade;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lezai_channel_simulators::{Simulators, keys};
use lezai_tests::nodes::{Cuttable, Nodes, Setup};
use lezai_tests::page::Page;
use lezai_tests::{Answer, Merchant, binary, crowd, random_hex, refund_race, until};
use serde_json::json;

/// For a test that hangs, on a machine that is slow.
const TIMEOUT: Duration = Duration::from_secs(180);

/// A database of its own, with tables.
fn database() -> String {
    let url = blank();
    migrate(&url);
    url
}

fn migrate(url: &str) {
    let migrated = Command::new(binary()).args(["migrate", "--store", url]).output().unwrap();
    assert!(migrated.status.success(), "{migrated:?}");
}

/// A database of its own, without tables.
fn blank() -> String {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    let base = std::env::var("LEZAI_TEST_POSTGRES").expect("run make test-postgres");
    let name = format!("nodes_{}", MADE.fetch_add(1, Ordering::SeqCst));
    psql(&base, &format!("CREATE DATABASE {name}"));
    format!("{}/{name}", base.rsplit_once('/').unwrap().0)
}

fn psql(url: &str, sql: &str) {
    assert!(Command::new("psql").args([url, "-q", "-c", sql]).status().unwrap().success());
}

/// Sends a request until it is answered for good, as a merchant's server does: the same bytes and the same key, signed
/// anew each time. Whatever is between 500 and 599, and every broken connection, leaves open what happened.
fn insist(merchant: &Merchant, target: &str, key: &str, body: &str) -> Answer {
    insist_despite(merchant, target, key, body, |_| {})
}

/// As [`insist`]; tells of each failure.
fn insist_despite(
    merchant: &Merchant,
    target: &str,
    key: &str,
    body: &str,
    failed: impl Fn(&str),
) -> Answer {
    let begun = Instant::now();
    loop {
        let request = merchant.post(target, key, body.to_owned());
        let why = match merchant.send(&request) {
            Ok(answer) if answer.status < 500 && answer.json()["code"] != "request_in_progress" => {
                return answer;
            }
            Ok(answer) => answer.json().to_string(),
            Err(error) => error.to_string(),
        };
        failed(&why);
        assert!(begun.elapsed() < TIMEOUT, "{why}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Orders that are made while something happens.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    acknowledged: AtomicUsize,
    /// Why requests had to be repeated.
    failed: Mutex<Vec<String>>,
}

impl Load {
    /// Waits until so many more are acknowledged: whatever just happened, orders go on.
    fn goes_on(&self, more: usize) {
        let before = self.acknowledged.load(Ordering::SeqCst);
        until("orders go on", || self.acknowledged.load(Ordering::SeqCst) >= before + more);
    }

    fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

/// Makes orders from several threads until it is told to stop; what was acknowledged, by the merchant's number.
fn order_until(
    load: &Load,
    merchants: &[Merchant],
    threads: usize,
) -> BTreeMap<(usize, String), String> {
    let made = Mutex::new(BTreeMap::new());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !load.stop.load(Ordering::SeqCst) {
                    let n = next.fetch_add(1, Ordering::SeqCst);
                    let (whose, number) = (n % merchants.len(), format!("L-{n}"));
                    let body = Merchant::order(&number).to_string();
                    let key = format!("k-{n}");
                    let failed = |why: &str| load.failed.lock().unwrap().push(why.to_owned());
                    let answer =
                        insist_despite(&merchants[whose], "/v1/orders", &key, &body, failed);
                    assert_eq!(answer.status, 201, "{}", answer.json());
                    let id = answer.json()["id"].as_str().unwrap().to_owned();
                    made.lock().unwrap().insert((whose, number), id);
                    load.acknowledged.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    made.into_inner().unwrap()
}

fn all_are_there_once(merchants: &[Merchant], made: &BTreeMap<(usize, String), String>) {
    let ids: BTreeSet<&String> = made.values().collect();
    assert_eq!(ids.len(), made.len());
    for ((whose, number), id) in made {
        let found = merchants[*whose].find(number);
        assert_eq!(found.len(), 1, "{number}");
        assert_eq!(found[0]["id"], id.as_str(), "{number}");
    }
}

fn ledger_is_whole(nodes: &Nodes) {
    let check = nodes.lezai(&["ledger", "check"]);
    assert!(check.status.success(), "{check:?}\n{}", nodes.logs());
}

fn address(url: &str) -> SocketAddr {
    url.rsplit_once('@').unwrap().1.split_once('/').unwrap().0.parse().unwrap()
}

/// WeChat Pay, simulated, with the section that names it.
fn provider(folder: &std::path::Path) -> (Arc<Simulators>, tokio::runtime::Runtime, String) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let simulators = Arc::new(Simulators::new());
    let address = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        simulators.serve(listener).unwrap()
    });
    for (name, content) in keys::FILES {
        std::fs::write(folder.join(name), content).unwrap();
    }
    let section = format!(
        "[channels.wechat]\nmerchant = \"1900000001\"\napp_id = \"wx8888888888888888\"\n\
         certificate_serial = \"{}\"\nprivate_key_file = {:?}\napi_v3_key_file = {:?}\n\
         download_certificates = true\nbase_url = \"http://{address}\"\n",
        keys::MERCHANT_SERIAL,
        folder.join("wechat_merchant.pem"),
        folder.join("wechat_api_v3_key"),
    );
    (simulators, runtime, section)
}

/// An order that is paid; its path.
fn paid(
    nodes: &Nodes,
    merchant: &Merchant,
    (simulators, runtime): (&Arc<Simulators>, &tokio::runtime::Runtime),
    number: &str,
) -> String {
    let mut order = Merchant::order(number);
    order["methods"] = json!(["wechat_native"]);
    let order = insist(merchant, "/v1/orders", number, &order.to_string()).json();
    let page = Page::live(&nodes.tls, &nodes.authority, &order);
    page.claim();
    page.choose(r#"{"method":"wechat_native"}"#, &random_hex());
    let target = format!("/v1/orders/{}", order["id"].as_str().unwrap());
    let shown = merchant.get(&target).json().to_string();
    let at = shown.rfind("att_").unwrap();
    {
        let _inside = runtime.enter();
        simulators.wechat.pay(simulators, &shown[at + 4..at + 36]).unwrap();
    }
    // No callback reaches a test's own authority: the worker of some node asks after twenty seconds.
    until("paid", || merchant.get(&target).json()["status"] == "paid");
    target
}

#[test]
fn nodes_are_killed_stopped_and_rolled_under_load_and_every_answer_stands() {
    let store = database();
    let folder = lezai_tests::TempDir::new();
    let (_simulators, _runtime, section) = provider(folder.path());
    let nodes = Setup::of(&store, 3).start(&section);
    let merchants: Vec<Merchant> = (0..4)
        .map(|n| nodes.merchant(&format!("m_live_tea{n}"), &format!("key-{n}"), "wechat"))
        .collect();
    let load = Load::default();
    let made = std::thread::scope(|scope| {
        let orders = scope.spawn(|| order_until(&load, &merchants, 6));
        for _ in 0..2 {
            // The power fails.
            nodes.node(0).kill();
            load.goes_on(30);
            nodes.node(0).start();
            // It stands still, perhaps in the middle of a commit, for longer than the database waits for it.
            nodes.node(1).signal("STOP");
            load.goes_on(60);
            nodes.node(1).signal("CONT");
            // A new version is rolled out.
            for n in 0..3 {
                let ended_well = nodes.node(n).stop();
                assert!(ended_well, "{}", nodes.logs());
                nodes.node(n).start();
                load.goes_on(10);
            }
        }
        load.stop();
        orders.join().unwrap()
    });
    assert!(made.len() > 100, "{} orders\n{}", made.len(), nodes.logs());
    eprintln!("{} orders", made.len());
    all_are_there_once(&merchants, &made);
    ledger_is_whole(&nodes);
}

#[test]
fn of_a_rolling_restart_no_request_fails() {
    let store = database();
    let folder = lezai_tests::TempDir::new();
    let (_simulators, _runtime, section) = provider(folder.path());
    let nodes = Setup::of(&store, 3).draining().start(&section);
    let merchants: Vec<Merchant> = (0..4)
        .map(|n| nodes.merchant(&format!("m_live_cup{n}"), &format!("cup-{n}"), "wechat"))
        .collect();
    let load = Load::default();
    let made = std::thread::scope(|scope| {
        let orders = scope.spawn(|| order_until(&load, &merchants, 6));
        for n in [0, 1, 2, 0, 1, 2] {
            nodes.replace(n);
            load.goes_on(20);
        }
        load.stop();
        orders.join().unwrap()
    });
    assert_eq!(*load.failed.lock().unwrap(), [""; 0], "{}", nodes.logs());
    all_are_there_once(&merchants, &made);
    ledger_is_whole(&nodes);
}

#[test]
fn a_connection_to_the_database_that_is_cut_loses_nothing() {
    let store = database();
    let folder = lezai_tests::TempDir::new();
    let (_simulators, _runtime, section) = provider(folder.path());
    let way = Cuttable::to(address(&store));
    let through = store.replace(&address(&store).to_string(), &way.address.to_string());
    let nodes = Setup::of(&store, 2).through(|_| through.clone()).start(&section);
    let merchants = [nodes.merchant("m_live_cut", "cut", "wechat")];
    let load = Load::default();
    let made = std::thread::scope(|scope| {
        let orders = scope.spawn(|| order_until(&load, &merchants, 6));
        for _ in 0..20 {
            way.cut();
            load.goes_on(5);
        }
        load.stop();
        orders.join().unwrap()
    });
    eprintln!("{} orders", made.len());
    all_are_there_once(&merchants, &made);
    until("ready again", || {
        nodes.node(0).operate("GET", "/readyz", "").is_ok_and(|it| it.status == 200)
    });
    // A change on one node holds on the other, by whatever connection it hears of it.
    let removed =
        nodes.node(0).operate("DELETE", "/admin/v1/merchants/m_live_cut/keys/cut", "").unwrap();
    assert_eq!(removed.status, 204, "{}", removed.json());
    let mut refused = 0;
    until("the key is refused by both", || {
        let request = merchants[0].sign(lezai_tests::Request::new("GET", "/v1/orders?limit=1", ""));
        let answer = nodes.tls.send(&request, &nodes.authority);
        refused = if answer.is_ok_and(|it| it.status == 401) { refused + 1 } else { 0 };
        refused == 4
    });
    ledger_is_whole(&nodes);
}

#[test]
fn a_day_is_reconciled_once_however_many_nodes_are_asked_to() {
    let store = database();
    let folder = lezai_tests::TempDir::new();
    let (_simulators, _runtime, section) = provider(folder.path());
    let nodes = Setup::of(&store, 2).start(&section);
    // Of a day that is over: the channel has a payment that the books do not know.
    let bill = "at,kind,reference,minor,currency,fee,status\n\
                2026-01-05T12:00:00+08:00,payment,0193a0,700,CNY,,done\n";
    let put = nodes.node(0).operate("PUT", "/admin/v1/bills/wechat/2026-01-05", bill).unwrap();
    assert!(put.status < 300, "{}", put.json());
    let day = json!({ "channel": "wechat", "date": "2026-01-05" }).to_string();
    let runs = crowd(8, |n| {
        let run = nodes.node(n % 2).operate("POST", "/admin/v1/reconciliations", &day).unwrap();
        assert_eq!(run.status, 200, "{}", run.json());
        run.json()["id"].to_string()
    });
    assert_eq!(runs.into_iter().collect::<BTreeSet<_>>().len(), 1);
    let open = nodes.node(1).operate("GET", "/admin/v1/differences", "").unwrap().json();
    let open = open["data"].as_array().unwrap();
    assert_eq!((open.len(), &open[0]["class"]), (1, &json!("missing_here")), "{open:?}");
    // Its resolution is booked in nobody's name, in the gateway's own chain.
    let target = format!("/admin/v1/differences/{}/resolution", open[0]["id"].as_str().unwrap());
    let act = json!({ "act": "suspense", "reason": "Asked the channel", "by": "li" }).to_string();
    let resolved = crowd(4, |n| nodes.node(n % 2).operate("POST", &target, &act).unwrap());
    let won: Vec<_> = resolved.iter().filter(|it| it.status == 200).collect();
    assert_eq!((won.len(), &won[0].json()["status"]), (1, &json!("resolved")), "{}", nodes.logs());
    let check = nodes.lezai(&["ledger", "check"]);
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(check.status.success() && said.contains("1 differences"), "{said}");
    assert!(said.contains("suspense:wechat"), "{said}");
    let chain = nodes.lezai(&["ledger", "export", "--book", "-1"]);
    let chain = String::from_utf8(chain.stdout).unwrap();
    assert_eq!((chain.lines().count(), chain.contains("\"dif_")), (1, true), "{chain}");
}

/// A job that reads says whose rows it reads. One that does not finds nothing at all here, where a file finds it.
#[test]
fn every_reading_call_is_answered() {
    let store = database();
    let folder = lezai_tests::TempDir::new();
    let (_simulators, _runtime, section) = provider(folder.path());
    let nodes = Setup::of(&store, 1).start(&section);
    let merchant = nodes.merchant("m_live_tea", "tea-1", "wechat");
    let document = nodes.node(0).operate("GET", "/openapi.json", "").unwrap().json();
    let mut asked = 0;
    for (path, calls) in document["paths"].as_object().unwrap() {
        if calls.get("get").is_none() {
            continue;
        }
        // Ids of nothing that there is: such a call reads, too.
        let target = path.split('/').map(|part| match part {
            "{merchant}" => "m_live_tea".to_owned(),
            "{channel}" => "wechat".to_owned(),
            "{date}" | "{day}" => "2026-01-05".to_owned(),
            part if part.starts_with('{') => format!("{}_0", part.trim_matches(['{', '}'])),
            part => part.to_owned(),
        });
        let target = target.collect::<Vec<_>>().join("/");
        let answer = match path {
            path if path.starts_with("/admin/") => {
                nodes.node(0).operate("GET", &target, "").unwrap()
            }
            path if path.starts_with("/v1/") => merchant.get(&target),
            _ => continue,
        };
        assert!(answer.status < 500, "{path}: {} {}", answer.status, nodes.logs());
        asked += 1;
    }
    assert!(asked > 25, "{asked}");
    let open = merchant.get("/v1/settlements/open");
    assert_eq!(open.status, 200, "{}", open.json());
}

#[test]
fn two_hundred_refund_one_order_at_once_on_three_nodes() {
    let store = database();
    let folder = lezai_tests::TempDir::new();
    let (simulators, runtime, section) = provider(folder.path());
    let nodes = Setup::of(&store, 3).start(&section);
    let merchant = nodes.merchant("m_live_refunds", "refunds", "wechat");
    let target = paid(&nodes, &merchant, (&simulators, &runtime), "W-1");

    let refunds = format!("{target}/refunds");
    let answers = refund_race::run("W-1", |key, refund| insist(&merchant, &refunds, key, refund));
    let mut accepted: BTreeMap<String, i64> = BTreeMap::new();
    for (caller, answer) in answers.iter().enumerate() {
        if answer.status < 300 {
            let id = answer.json()["id"].as_str().unwrap().to_owned();
            accepted.insert(id, refund_race::amount(caller));
        } else {
            let code = answer.json()["code"].as_str().unwrap().to_owned();
            let expected =
                ["refund_exceeds_available", "merchant_refund_id_taken", "too_many_refunds"];
            assert!(expected.contains(&code.as_str()), "{}", answer.json());
        }
    }
    let sum: i64 = accepted.values().sum();
    assert!(sum <= 12_800 && 12_800 - sum < 500, "{sum} in {} refunds", accepted.len());
    until("all of it is refunded", || merchant.get(&target).json()["refunded_amount"] == sum);
    ledger_is_whole(&nodes);
}
