//! A marketplace's plugin on a running gateway: what sellers get and what the books say stands with
//! the order, and who orders again and again is seen, after a restart too.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use lezai_tests::{Gateway, Merchant, Request, TempDir, crowd, lezai, random_hex};
use serde_json::{Value, json};

pub(crate) fn publish(gateway: &Gateway, settings: &str) {
    let file: PathBuf =
        [env!("CARGO_MANIFEST_DIR"), "../target/artifacts/plugins/marketplace.wasm"]
            .iter()
            .collect();
    let settings_file = gateway.data.join("commission.txt");
    std::fs::write(&settings_file, settings).unwrap();
    let output = lezai(&[
        "plugin",
        "publish",
        file.to_str().unwrap(),
        "--live",
        "--key",
        gateway.data.join("demo-plugins.pem").to_str().unwrap(),
        "--settings",
        settings_file.to_str().unwrap(),
        "--merchant",
        "m_demo",
        "--gateway",
        &format!("http://{}", gateway.authority),
        "--admin-token-file",
        gateway.data.join("admin-token").to_str().unwrap(),
    ]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A new order of 128 yuan, with a change.
fn order(merchant: &Merchant, change: impl FnOnce(&mut Value)) -> Value {
    let mut body = Merchant::order(&random_hex());
    change(&mut body);
    let answer = merchant.create(&random_hex(), body.to_string()).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.json());
    answer.json()
}

/// Asks again until there is an answer: the worker settles by itself.
fn until(asked: impl Fn() -> Option<Value>) -> Value {
    let begun = Instant::now();
    loop {
        if let Some(answer) = asked() {
            return answer;
        }
        assert!(begun.elapsed() < Duration::from_secs(180), "it did not come");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn shares_and_columns_stand_with_the_order() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let merchant = Merchant::demo(&gateway);
    publish(&gateway, "50000");
    let made = order(&merchant, |it| {
        it["metadata"] = json!({"basket": "b-9", "seller:tea": "9000", "seller:cup": "101"});
    });
    let found = merchant.get(&format!("/v1/orders/{}", made["id"].as_str().unwrap())).json();
    for decision in [&made["decision"], &found["decision"]] {
        let shares = json!([
            {"receiver": "cup", "amount": 96}, {"receiver": "tea", "amount": 8550}
        ]);
        let columns = json!([
            {"name": "sellers", "value": "2"}, {"name": "basket", "value": "b-9"}
        ]);
        assert_eq!((&decision["shares"], &decision["columns"]), (&shares, &columns));
        assert_eq!(decision["hooks"]["split"]["outcome"], "ok", "{decision}");
        assert_eq!(decision["hooks"]["statement"]["outcome"], "ok", "{decision}");
    }
    // The agreed shares are booked a day after the payment; a part of them, for a part was refunded.
    let id = made["id"].as_str().unwrap();
    let pay = Request::new("POST", &format!("/sandbox/orders/{id}/pay"), "");
    assert_eq!(pay.send(&gateway.authority).unwrap().status, 200);
    let refund = json!({"merchant_refund_id": "R-1", "amount": 6400, "currency": "CNY"});
    let refund = merchant.post(&format!("/v1/orders/{id}/refunds"), "refund-1", refund.to_string());
    assert_eq!(refund.send(&gateway.authority).unwrap().status, 201);
    let clock = Request::new("POST", "/sandbox/clock", r#"{"advance_secs":86400}"#)
        .with("content-type", "application/json");
    assert_eq!(clock.send(&gateway.authority).unwrap().status, 200);
    let settled = until(|| {
        let order = merchant.get(&format!("/v1/orders/{id}")).json();
        (!order["settled_at"].is_null()).then_some(order)
    });
    // Of 12,723 there are 12,800 - 77 - (6,400 - 38) = 6,361 left.
    let shares = json!([{"receiver": "cup", "amount": 47}, {"receiver": "tea", "amount": 4274}]);
    assert_eq!((&settled["settled_amount"], &settled["settled_shares"]), (&json!(2040), &shares));
    for (query, expected) in [
        (
            "",
            json!([{"account": "available", "currency": "CNY", "amount": 2040, "exact": "2040"},
                    {"account": "pending", "currency": "CNY", "amount": 0, "exact": "0"}]),
        ),
        (
            "?receiver=tea",
            json!([{"account": "available", "currency": "CNY", "amount": 4274, "exact": "4274"}]),
        ),
        ("?receiver=nobody", json!([])),
    ] {
        let balances = merchant.get(&format!("/v1/balances{query}")).json();
        assert_eq!(balances["data"], expected, "{query}: {balances}");
    }
    assert_eq!(merchant.get("/v1/balances?receiver=no%20body").status, 400);
    let check = lezai(&["ledger", "check", "--data", gateway.data.to_str().unwrap()]);
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
    // 12,800 less the fee of 77 is what there is to share.
    for (cost, outcome, shares) in [("12723", "ok", 1), ("12724", "nonsense", 0)] {
        publish(&gateway, "0");
        let made = order(&merchant, |it| it["metadata"] = json!({"seller:tea": cost}));
        let decision = &made["decision"];
        assert_eq!(decision["hooks"]["split"]["outcome"], outcome, "{decision}");
        assert_eq!(decision["shares"].as_array().map_or(0, Vec::len), shares, "{decision}");
    }
}

#[test]
fn orders_are_counted_over_a_restart_and_decided_again() {
    let folder = TempDir::new();
    let mut gateway = Gateway::start(folder.path());
    let mut merchant = Merchant::demo(&gateway);
    publish(&gateway, "");
    let by = |merchant: &Merchant, customer: &str| {
        order(merchant, |it| it["customer"] = json!({"ref": customer, "ip": "203.0.113.7"}))
    };
    let message = |order: &Value| order["decision"]["reasons"][0]["message"].clone();
    for _ in 0..5 {
        assert_eq!(message(&by(&merchant, "c-1")), Value::Null);
    }
    // A repeat is no order.
    let (key, mut body) = (random_hex(), Merchant::order(&random_hex()));
    body["customer"] = json!({"ref": "c-2"});
    for _ in 0..6 {
        assert_eq!(merchant.create(&key, body.to_string()).unwrap().status, 201);
    }
    assert_eq!(message(&by(&merchant, "c-2")), Value::Null);
    let sixth = by(&merchant, "c-1");
    assert_eq!(message(&sixth), "The customer ordered 5 times within an hour");
    assert_eq!(sixth["decision"]["verdict"], "review");

    gateway.interrupt();
    assert!(gateway.ended_well(), "{}", gateway.log());
    gateway = Gateway::start(folder.path());
    merchant = Merchant::demo(&gateway);
    let seventh = by(&merchant, "c-1");
    assert_eq!(message(&seventh), "The customer ordered 6 times within an hour");
    assert_eq!(message(&by(&merchant, "c-2")), Value::Null, "two so far");
}

/// Orders that are refunded by many at once: one for each way to bear a refund.
const BEARERS: [&str; 4] = ["merchant", "pro_rata", "receiver:tea", "merchant"];

#[test]
fn two_hundred_refund_settled_split_orders_at_once_and_nobody_is_overdrawn() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let merchant = Merchant::demo(&gateway);
    publish(&gateway, "50000");
    let stranger = {
        let mut body = Merchant::order(&random_hex());
        body["refund_bearer"] = json!("receiver:tea");
        merchant.create(&random_hex(), body.to_string()).unwrap()
    };
    assert_eq!((stranger.status, stranger.json()["field"].clone()), (400, json!("refund_bearer")));
    let orders = BEARERS.map(|bearer| {
        let made = order(&merchant, |it| {
            it["refund_bearer"] = json!(bearer);
            it["metadata"] = json!({"seller:tea": "9000", "seller:cup": "101"});
        });
        assert_eq!(made["refund_bearer"], bearer);
        let id = made["id"].as_str().unwrap().to_owned();
        let pay = Request::new("POST", &format!("/sandbox/orders/{id}/pay"), "");
        assert_eq!(pay.send(&gateway.authority).unwrap().status, 200);
        id
    });
    let clock = Request::new("POST", "/sandbox/clock", r#"{"advance_secs":86400}"#)
        .with("content-type", "application/json");
    assert_eq!(clock.send(&gateway.authority).unwrap().status, 200);
    let of = |id: &str| merchant.get(&format!("/v1/orders/{id}")).json();
    for id in &orders {
        until(|| (!of(id)["settled_at"].is_null()).then_some(Value::Null));
    }

    // No two alike, of 300 and some: of each order some forty fit, and the others are told so.
    let statuses = crowd(200, |caller| {
        let refund = json!({
            "merchant_refund_id": format!("S-{caller}"), "amount": 300 + caller % 90, "currency": "CNY",
        });
        let path = format!("/v1/orders/{}/refunds", orders[caller % orders.len()]);
        let request = merchant.post(&path, &random_hex(), refund.to_string());
        let answer = merchant.send(&request).unwrap();
        let code = answer.code();
        assert!(["", "refund_exceeds_available"].contains(&code.as_str()), "{code}");
        answer.status
    });
    assert!(statuses.contains(&201) && statuses.contains(&409), "{statuses:?}");
    for id in &orders {
        until(|| (of(id)["refunding_amount"] == 0).then_some(Value::Null));
    }

    // The rest of each is what it got less what it bore; it is available or owed, and never both.
    let mut left = std::collections::BTreeMap::<&str, i64>::new();
    let minor = |value: &Value| value.as_i64().unwrap();
    for id in &orders {
        let settled = of(id);
        *left.entry("").or_default() += minor(&settled["settled_amount"]);
        for share in settled["settled_shares"].as_array().unwrap() {
            let name = if share["receiver"] == "tea" { "tea" } else { "cup" };
            *left.entry(name).or_default() += minor(&share["amount"]);
        }
        let refunds = merchant.get(&format!("/v1/orders/{id}/refunds")).json();
        for refund in refunds["data"].as_array().unwrap() {
            assert_eq!(refund["status"], "succeeded", "{refund}");
            let mut own = minor(&refund["amount"]) - minor(&refund["fee"]);
            for share in refund["shares"].as_array().into_iter().flatten() {
                let name = if share["receiver"] == "tea" { "tea" } else { "cup" };
                *left.entry(name).or_default() -= minor(&share["amount"]);
                own -= minor(&share["amount"]);
            }
            *left.entry("").or_default() -= own;
        }
    }
    for (receiver, left) in left {
        let query =
            if receiver.is_empty() { String::new() } else { format!("?receiver={receiver}") };
        let balances = merchant.get(&format!("/v1/balances{query}")).json();
        let of = |account: &str| {
            let data = balances["data"].as_array().unwrap().iter();
            data.filter(|it| it["account"] == account).map(|it| minor(&it["amount"])).sum::<i64>()
        };
        let expected = (left.max(0), (-left).max(0));
        assert_eq!((of("available"), of("owes")), expected, "{receiver}: {balances}");
        // The merchant of four orders gave two of them back alone.
        assert!(!receiver.is_empty() || of("owes") > 0, "{balances}");
    }
    let check = lezai(&["ledger", "check", "--data", gateway.data.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(check.status.success(), "{said}");
    assert!(said.contains("merchant_owes:m_demo"), "{said}");
    assert!(!gateway.log().contains("internal failure"), "{}", gateway.log());
}
