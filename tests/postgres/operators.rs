//! The operator's commands over a database: what they say of a data folder they say of it, beside a node that runs.

use std::path::Path;
use std::process::Output;

use lezai_core::time::Timestamp;
use lezai_tests::nodes::Setup;
use lezai_tests::{Merchant, Request, TempDir, eventually, lezai, random_hex};
use lezai_wire::time::rfc3339;
use serde_json::{Value, json};

use super::{database, paid, provider};

fn text(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The bytes of a statement of the hour before `to` that a node made, and its description.
fn made(merchant: &Merchant, kind: &str, to: Timestamp) -> (Vec<u8>, Value) {
    let (from, to) = (rfc3339(to.plus_secs(-3600)), rfc3339(to));
    let body = json!({ "type": kind, "format": "jsonl", "from": from, "to": to }).to_string();
    // Its end must have been over for some seconds.
    let asked = eventually(|| {
        let post = merchant.post("/v1/statements", &random_hex(), body.clone());
        let asked = merchant.send(&post).unwrap();
        if asked.status == 201 { Ok(asked.json()) } else { Err(asked.json().to_string()) }
    });
    let target = format!("/v1/statements/{}", asked["id"].as_str().unwrap());
    let made = eventually(|| {
        let found = merchant.get(&target).json();
        if found["state"] == "ready" { Ok(found) } else { Err(found.to_string()) }
    });
    let request = merchant.sign(Request::new("GET", &format!("{target}/content"), ""));
    (merchant.send(&request).unwrap().body, made)
}

#[test]
fn the_ledger_is_shown_and_written_out() {
    let store = database();
    let folder = TempDir::new();
    let (simulators, runtime, section) = provider(folder.path());
    let nodes = Setup::of(&store, 1).start(&section);
    let merchants: Vec<Merchant> = (0..2)
        .map(|n| nodes.merchant(&format!("m_live_shown{n}"), &format!("shown-{n}"), "wechat"))
        .collect();
    let orders: Vec<String> = merchants
        .iter()
        .map(|it| paid(&nodes, it, (&simulators, &runtime), "S-1"))
        .map(|target| target.rsplit_once('/').unwrap().1.to_owned())
        .collect();
    let config = nodes.node(0).config.display().to_string();

    // One line for each entry, whichever way the database is named.
    let shown = lines(&said(&nodes.lezai(&["ledger", "show", "--json"])));
    let configured = lezai(&["ledger", "show", "--json", "--config", &config]);
    assert_eq!(lines(&said(&configured)), shown);
    let mut exported = lines(&said(&nodes.lezai(&["ledger", "export"])));
    exported.sort_by_key(|it| (it["at_ms"].as_i64(), it["book"].as_i64(), it["number"].as_i64()));
    assert!(exported == shown && shown.len() >= 2, "{exported:?}\n{shown:?}");
    let one = lines(&said(&nodes.lezai(&["ledger", "show", "--json", "--order", &orders[0]])));
    assert!(!one.is_empty() && one.iter().all(|it| it["subject"] == orders[0].as_str()), "{one:?}");
    let last = lines(&said(&nodes.lezai(&["ledger", "show", "--json", "--limit", "1"])));
    assert_eq!(last, shown[shown.len() - 1..]);
    assert!(said(&nodes.lezai(&["ledger", "show"])).starts_with("book/number"));
    let csv = said(&nodes.lezai(&["ledger", "export", "--format", "csv"]));
    assert!(csv.starts_with("book,number,at,"), "{csv}");

    // The balances are the sums of the entries, and those of the check.
    let balances: Value =
        serde_json::from_str(&said(&nodes.lezai(&["ledger", "balances", "--json"]))).unwrap();
    assert_eq!(
        (&balances["entries"], balances["books"].as_array().unwrap().len()),
        (&json!(shown.len()), 17)
    );
    let sides = shown.iter().flat_map(|it| it["postings"].as_array().unwrap());
    let receivable = sides.filter(|it| it["account"] == "channel_receivable:wechat");
    let receivable: i64 = receivable.map(|it| it["minor"].as_i64().unwrap()).sum();
    let stands = balances["balances"].as_array().unwrap().iter();
    let stands = stands.clone().find(|it| it["account"] == "channel_receivable:wechat").unwrap();
    assert_eq!((&stands["minor"], receivable), (&json!(receivable), 2 * 12_800));
    let check = said(&nodes.lezai(&["ledger", "check"]));
    assert!(check.contains(&receivable.to_string()), "{check}");

    // A statement has the bytes that a node makes of the same entries.
    let end = Timestamp::from_ms(shown[shown.len() - 1]["at_ms"].as_i64().unwrap() + 1);
    for kind in ["account.1", "orders.1"] {
        let (bytes, made) = made(&merchants[0], kind, end);
        let entries = ["after_entry", "until_entry"].map(|it| made[it].to_string());
        let arguments = [
            "statement",
            "--merchant",
            "m_live_shown0",
            "--type",
            kind,
            "--format",
            "jsonl",
            "--after",
            &entries[0],
            "--until",
            &entries[1],
            "--offset",
            "+00:00",
        ];
        let written = nodes.lezai(&arguments);
        assert_eq!(said(&written), String::from_utf8(bytes).unwrap(), "{kind}");
    }
    for wrong in [
        &["ledger", "export", "--after", "1"][..],
        &["statement", "--merchant", "m_live_shown0", "--until", "999999"],
    ] {
        assert_eq!(nodes.lezai(wrong).status.code(), Some(2), "{wrong:?}");
    }
}

/// The findings of `lezai doctor`, by subject.
fn doctor(arguments: &[&str]) -> (Option<i32>, Vec<Value>) {
    let output = lezai(&[&["doctor", "--json"], arguments].concat());
    let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code(), told["findings"].as_array().cloned().unwrap_or_default())
}

fn found<'f>(findings: &'f [Value], subject: &str) -> &'f Value {
    let found = findings.iter().find(|it| it["subject"] == subject);
    found.unwrap_or_else(|| panic!("{subject}: {findings:?}"))
}

#[test]
fn the_doctor_looks_at_the_database() {
    let store = database();
    let folder = TempDir::new();
    let (simulators, runtime, section) = provider(folder.path());
    let nodes = Setup::of(&store, 1).start(&section);
    let merchant = nodes.merchant("m_live_doctor", "doctor", "wechat");
    paid(&nodes, &merchant, (&simulators, &runtime), "D-1");
    let config = nodes.node(0).config.display().to_string();
    let (code, findings) = doctor(&["--config", &config]);
    // The tests' server does not wait for the disk, which nobody should have in production.
    assert_eq!(
        (code, found(&findings, "durability")["status"].as_str()),
        (Some(1), Some("failed"))
    );
    assert!(found(&findings, "durability")["found"].as_str().unwrap().contains("fsync = off"));
    for subject in ["configuration", "data folder", "signing key", "database", "schema", "ledger"] {
        assert_eq!(found(&findings, subject)["status"], "ok", "{findings:?}");
    }
    assert!(found(&findings, "ledger")["found"].as_str().unwrap().contains("1 orders"));
    let (_, findings) = doctor(&["--store", &store, "--quick"]);
    assert_eq!(found(&findings, "store")["status"], "ok", "{findings:?}");
    let away = store.replace(&super::address(&store).to_string(), "127.0.0.1:1");
    let (code, findings) = doctor(&["--store", &away]);
    assert_eq!((code, found(&findings, "database")["status"].as_str()), (Some(1), Some("failed")));

    // Somebody changes an entry by hand, past the trigger.
    let change = "SET session_replication_role = replica; UPDATE entries SET at_ms = at_ms + 1";
    super::psql(&store, change);
    let (_, findings) = doctor(&["--store", &store]);
    let ledger = found(&findings, "ledger");
    let told = ledger["found"].as_str().unwrap();
    assert!(ledger["status"] == "failed" && told.starts_with("broken: book "), "{ledger}");
}

#[test]
fn a_database_is_backed_up_by_its_own_tools() {
    let store = database();
    let folder = TempDir::new();
    let nodes = Setup::of(&store, 1).start("");
    let copy = folder.path().join("copy").display().to_string();
    let (config, data) = {
        let node = nodes.node(0);
        (node.config.display().to_string(), node.data.display().to_string())
    };
    for arguments in [["--store", &store], ["--config", &config], ["--data-dir", &data]] {
        let output = lezai(&[&["backup", &copy], &arguments[..]].concat());
        let told = text(&output);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains("pg_basebackup") && told.contains("pg_dump"), "{told}");
        assert!(!Path::new(&copy).exists());
    }
}
