//! The gateway's signing key is changed while orders live on: whoever goes by the name of a key can
//! verify everything at any time, and a page that pinned the former key sees nothing of it.

use std::time::Duration;

use lezai_core::signature::{Input, Tag};
use lezai_tests::page::{Page, pairs};
use lezai_tests::{Answer, Gateway, Merchant, Receiver, Request, TempDir, lezai, random_hex};
use serde_json::{Value, json};

/// The names of the keys that the gateway publishes.
fn names(authority: &str) -> Vec<String> {
    let set = Request::new("GET", "/.well-known/jwks.json", "").send(authority).unwrap().json();
    let keys = set["keys"].as_array().unwrap().iter();
    keys.map(|it| it["kid"].as_str().unwrap().to_owned()).collect()
}

fn keyid(answer: &Answer) -> String {
    let fields = pairs(&answer.fields);
    Input::by_tag(&fields, Tag::Gateway).unwrap().keyid().unwrap().to_owned()
}

fn order(merchant: &Merchant, notify_url: &str) -> Value {
    let mut order = Merchant::order(&random_hex());
    order["notify_url"] = json!(notify_url);
    merchant.create(&random_hex(), order.to_string()).unwrap().json()
}

#[test]
fn the_gateway_s_key_is_changed_without_a_gap() {
    let folder = TempDir::new();
    let receiver = Receiver::start();
    let mut gateway = Gateway::start(folder.path());
    let authority = gateway.authority.clone();
    let key = |gateway: &Gateway, what: &[&str]| {
        let data = gateway.data.display().to_string();
        let done = lezai(&[&["key"], what, &["--data", &data]].concat());
        let text = String::from_utf8(done.stdout).unwrap();
        (done.status.code(), text + &String::from_utf8(done.stderr).unwrap())
    };
    let restart = |gateway: &mut Gateway| {
        gateway.interrupt();
        assert!(gateway.ended_well(), "{}", gateway.log());
        *gateway = Gateway::start_at(folder.path(), &authority);
    };
    let [old] = names(&authority).try_into().unwrap();
    let merchant = Merchant::demo(&gateway);
    let (early, other) = (order(&merchant, &receiver.url), order(&merchant, &receiver.url));
    let (page, watcher) = (Page::of(&authority, &early), Page::of(&authority, &other));
    assert_eq!(page.pinned(), old);
    page.claim();

    // The next one is there for all to learn, and signs nothing.
    assert_eq!(key(&gateway, &["rotate"]).0, Some(2));
    let (code, told) = key(&gateway, &["prepare"]);
    assert_eq!(code, Some(0), "{told}");
    // Nobody could learn it yet.
    let (code, told) = key(&gateway, &["rotate"]);
    assert_eq!((code, told.contains("start the gateway anew")), (Some(2), true), "{told}");
    restart(&mut gateway);
    let [_, new] = names(&authority).try_into().unwrap();
    assert!(names(&authority).contains(&old) && old != new);
    let asked = Merchant::demo(&gateway).get("/v1/orders?limit=1");
    assert_eq!(keyid(&asked), old);
    let chosen = page.pay("p");

    assert_eq!(key(&gateway, &["rotate"]).0, Some(0));
    restart(&mut gateway);
    let mut both = names(&authority);
    assert_eq!(both[0], new);
    both.sort();
    let mut expected = [old.clone(), new.clone()];
    expected.sort();
    assert_eq!(both, expected);
    // The merchant's server, which has the new public key by now.
    let merchant = Merchant::demo(&gateway);
    assert_eq!(keyid(&merchant.get("/v1/orders?limit=1")), new);
    // Pages of the time before see nothing of it: one that claimed its session then, and one that
    // does so now. What was begun is the same payment still.
    assert_eq!(page.view()["session"], page.session.as_str());
    assert_eq!(page.pay("p")["payment"], chosen["payment"]);
    watcher.claim();
    let refused = Request::new("GET", &format!("/v1/checkout/sessions/{}", page.session), "");
    assert_eq!(keyid(&refused.send(&authority).unwrap()), old);
    let late = order(&merchant, &receiver.url);
    let late = Page::of(&authority, &late);
    assert_eq!(late.pinned(), new);
    late.claim();
    late.pay("p");

    // The demo shop's and everybody's callbacks are signed by the new one.
    let pay = format!("/sandbox/orders/{}/pay", early["id"].as_str().unwrap());
    assert_eq!(Request::new("POST", &pay, "").send(&authority).unwrap().status, 200);
    assert!(receiver.wait(Duration::from_secs(20), |it| !it.is_empty()), "{}", gateway.log());
    let status = page.view()["status"].clone();
    assert_eq!(status, "paid");

    let (code, told) = key(&gateway, &["retire"]);
    assert_eq!((code, told.contains("48 h")), (Some(2), true), "{told}");
    assert_eq!(key(&gateway, &["retire", "--now"]).0, Some(0));
    restart(&mut gateway);
    assert_eq!(names(&authority), std::slice::from_ref(&new));
    assert_eq!(keyid(&refused.send(&authority).unwrap()), new);
    late.view();
}
