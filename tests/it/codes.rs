//! A code has an end of its own: past it the page asks for another, which is another try, and what comes by
//! the old one is taken once or given back.

use std::time::{Duration, Instant};

use lezai_tests::page::Page;
use lezai_tests::{Gateway, Merchant, Request, TempDir, lezai, random_hex};
use serde_json::{Value, json};

const TIMEOUT: Duration = Duration::from_secs(30);
/// As in host/channels/src/sandbox/magic.rs.
const CODE_SECS: i64 = 120;

fn order(merchant: &Merchant, expires_in: i64) -> Value {
    let mut order = Merchant::order(&random_hex());
    order["expires_in"] = json!(expires_in);
    merchant.create(&random_hex(), order.to_string()).unwrap().json()
}

/// Moves business time forward.
fn advance(gateway: &Gateway, secs: i64) {
    let request =
        Request::new("POST", "/sandbox/clock", json!({ "advance_secs": secs }).to_string());
    let answer = request.with("content-type", "application/json").send(&gateway.authority).unwrap();
    assert_eq!(answer.status, 200);
}

/// The shopper agrees in the wallet that a code leads to.
fn approve(gateway: &Gateway, session: &Value) -> u16 {
    let code = session["payment"]["qr"].as_str().unwrap();
    let path = code.split_once("/sandbox/").unwrap().1;
    let request = Request::new("POST", &format!("/sandbox/{path}/approve"), "");
    request.send(&gateway.authority).unwrap().status
}

fn wallet(gateway: &Gateway, session: &Value) -> String {
    let code = session["payment"]["qr"].as_str().unwrap();
    let path = code.split_once("/sandbox/").unwrap().1;
    let page =
        Request::new("GET", &format!("/sandbox/{path}"), "").send(&gateway.authority).unwrap();
    String::from_utf8(page.body).unwrap()
}

fn secs_between(from: &Value, to: &Value) -> i64 {
    let at = |it: &Value| it.as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second();
    at(to) - at(from)
}

fn wait(what: &str, done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < TIMEOUT, "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_code_is_renewed_and_its_order_is_paid_once() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let merchant = Merchant::demo(&gateway);
    let created = order(&merchant, 900);
    let page = Page::of(&gateway.authority, &created);
    page.claim();

    let first = page.pay("first");
    let life = secs_between(&created["created_at"], &first["payment"]["expires_at"]);
    assert!((CODE_SECS..CODE_SECS + 30).contains(&life), "{life}");
    // A tap while it lives is no other payment.
    assert_eq!(page.pay("second")["payment"], first["payment"]);

    advance(&gateway, CODE_SECS);
    assert!(wallet(&gateway, &first).contains("This code has expired"));
    assert_eq!(page.view()["payment"], first["payment"], "nobody asked for another");
    let renewed = page.pay("third");
    assert_ne!(renewed["payment"]["qr"], first["payment"]["qr"]);
    let more = secs_between(&first["payment"]["expires_at"], &renewed["payment"]["expires_at"]);
    assert!(more >= CODE_SECS, "{more}");
    // The request that made the first code, sent again, is answered as it was then.
    assert_eq!(page.pay("first")["payment"], first["payment"]);

    assert_eq!(approve(&gateway, &renewed), 303);
    assert_eq!(page.view()["status"], "paid");
    wait("the first code is called off", || wallet(&gateway, &first).contains("called off"));
    let paid = merchant.get(&format!("/v1/orders/{}", created["id"].as_str().unwrap())).json();
    assert_eq!(paid["captured_amount"], 12800);

    // A shopper who had begun with the old code finishes before it is called off: it counts.
    let slow = order(&merchant, 900);
    let page = Page::of(&gateway.authority, &slow);
    page.claim();
    let first = page.pay("first");
    advance(&gateway, CODE_SECS + 1);
    assert_eq!(approve(&gateway, &first), 303);
    assert_eq!(page.view()["status"], "paid");

    let check = lezai(&["ledger", "check", "--data", &gateway.data.display().to_string()]);
    assert!(check.status.success(), "{check:?}");
}

#[test]
fn no_code_outlives_its_order() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let merchant = Merchant::demo(&gateway);
    let created = order(&merchant, 60);
    let page = Page::of(&gateway.authority, &created);
    page.claim();
    let session = page.pay("first");
    assert_eq!(session["payment"]["expires_at"], session["expires_at"]);
    // Too late for the order: what comes goes back.
    advance(&gateway, 61);
    wait("the order expires", || page.view()["status"] == "closed");
    approve(&gateway, &session);
    let id = created["id"].as_str().unwrap();
    let read = || merchant.get(&format!("/v1/orders/{id}")).json();
    assert_eq!(read()["status"], "closed");
    assert_eq!(read()["captured_amount"], 0);
    let check = lezai(&["ledger", "check", "--data", &gateway.data.display().to_string()]);
    assert!(check.status.success(), "{check:?}");
}
