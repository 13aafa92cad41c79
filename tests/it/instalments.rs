//! Monthly parts over HTTP: what is offered, what is refused, and that the merchant's money is as ever.

use lezai_tests::page::Page;
use lezai_tests::{Answer, Gateway, Merchant, Request, TempDir, lezai, random_hex};
use serde_json::{Value, json};

/// In the demo merchant's policy: three parts for nothing, six for 2.3 %, twelve for 4.5 %, from CNY 200 on.
const AMOUNT: i64 = 26_000;

fn create(merchant: &Merchant, change: Value) -> Answer {
    let mut order = Merchant::order(&random_hex());
    order["amount"] = json!(AMOUNT);
    order["methods"] = json!(["wallet_qr", "wallet_instalments"]);
    for (name, value) in change.as_object().unwrap() {
        order[name] = value.clone();
    }
    merchant.create(&random_hex(), order.to_string()).unwrap()
}

fn pay(gateway: &Gateway, order: &Value) -> Value {
    let path = format!("/sandbox/orders/{}/pay", order["id"].as_str().unwrap());
    let answer = Request::new("POST", &path, "").send(&gateway.authority).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()
}

/// The counts that a session's method offers.
fn counts(session: &Value) -> Vec<i64> {
    let methods = session["methods"].as_array().unwrap().iter();
    let plans = methods.filter_map(|it| it["instalments"].as_array()).flatten();
    plans.map(|it| it["count"].as_i64().unwrap()).collect()
}

#[test]
fn the_shopper_pays_in_parts_and_the_merchant_is_paid_at_once() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let merchant = Merchant::demo(&gateway);
    let order = create(&merchant, json!({})).json();
    let page = Page::of(&gateway.authority, &order);
    assert_eq!(counts(&page.claim()), [3, 6, 12]);

    let refused = |body: Value| {
        let answer = page.call("POST", "/pay", &body.to_string(), &random_hex());
        let problem = answer.json();
        (answer.status, problem["code"].as_str().unwrap().to_owned(), problem["field"].clone())
    };
    for (count, status, code) in [
        (json!(null), 400, "missing_field"),
        (json!(1), 400, "invalid_field"),
        (json!(37), 400, "invalid_field"),
        (json!("3"), 400, "invalid_field"),
        (json!(4), 422, "method_unavailable"),
    ] {
        let body = json!({ "method": "wallet_instalments", "instalments": count });
        assert_eq!(refused(body), (status, code.to_owned(), json!("instalments")), "{count}");
    }
    let at_once = json!({ "method": "wallet_qr", "instalments": 3 });
    assert_eq!(refused(at_once).1, "method_unavailable");

    // One key is one plan; a second plan is another attempt with another code.
    let three = r#"{"method":"wallet_instalments","instalments":3}"#;
    let six = r#"{"method":"wallet_instalments","instalments":6}"#;
    let first = page.choose(three, "first");
    let plan =
        json!({ "count": 3, "rate_ppm": 0, "fee": 0, "total": 26000, "first": 8668, "each": 8666 });
    assert_eq!(first["payment"]["instalments"], plan);
    let reused = page.call("POST", "/pay", six, "first");
    assert_eq!((reused.status, &reused.json()["code"]), (422, &json!("idempotency_key_reused")));
    assert_eq!(page.choose(three, "again")["payment"], first["payment"], "a second tap");
    let second = page.choose(six, "second");
    assert_ne!(second["payment"]["qr"], first["payment"]["qr"]);

    let paid = pay(&gateway, &order);
    let plan = json!({ "count": 6, "rate_ppm": 23000, "fee": 598, "total": 26598, "first": 4433, "each": 4433 });
    assert_eq!(paid["payment"]["instalments"], plan);
    assert_eq!((&paid["captured_amount"], &paid["fee"]), (&json!(AMOUNT), &json!(156)));
    let path = format!("/v1/orders/{}/refunds", order["id"].as_str().unwrap());
    let whole = json!({ "merchant_refund_id": "R-1", "amount": AMOUNT, "currency": "CNY" });
    let refund = merchant.send(&merchant.post(&path, &random_hex(), whole.to_string())).unwrap();
    assert_eq!(refund.status, 201, "{}", refund.json());
    let check = lezai(&["ledger", "check", "--data", &gateway.data.display().to_string()]);
    assert!(check.status.success(), "{check:?}");
}

#[test]
fn plans_are_offered_by_policy_and_settled_when_the_order_is_created() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let merchant = Merchant::demo(&gateway);
    let methods = |change: Value| create(&merchant, change).json()["methods"].clone();
    let both = json!(["wallet_qr", "wallet_instalments"]);
    let at_once = json!(["wallet_qr"]);
    assert_eq!(methods(json!({})), both);
    assert_eq!(methods(json!({ "amount": 20_000 })), both);
    assert_eq!(methods(json!({ "amount": 19_999 })), at_once);
    assert_eq!(
        methods(json!({ "capture": "manual" })),
        at_once,
        "a channel finances what it pays at once"
    );
    assert_eq!(methods(json!({ "currency": "USD" })), at_once);
    let alone = create(&merchant, json!({ "amount": 19_999, "methods": ["wallet_instalments"] }));
    assert_eq!((alone.status, &alone.json()["code"]), (422, &json!("method_unavailable")));

    // A policy that changes later changes no order.
    let order = create(&merchant, json!({})).json();
    let token = std::fs::read_to_string(gateway.data.join("admin-token")).unwrap();
    let bearer = format!("Bearer {}", token.trim());
    let target = "/admin/v1/merchants/m_demo/policy";
    let read = Request::new("GET", target, "").with("authorization", &bearer);
    let mut policy = read.send(&gateway.authority).unwrap().json();
    policy["instalments"] =
        json!([{ "currency": "CNY", "min": 1, "max": 50000, "count": 24, "rate_ppm": 1 }]);
    let write = Request::new("PUT", target, policy.to_string())
        .with("authorization", &bearer)
        .with("content-type", "application/json");
    let written = write.send(&gateway.authority).unwrap();
    assert!(written.status < 300, "{}", written.json());
    assert_eq!(counts(&Page::of(&gateway.authority, &order).claim()), [3, 6, 12]);
    let next = create(&merchant, json!({})).json();
    assert_eq!(counts(&Page::of(&gateway.authority, &next).claim()), [24]);
}
