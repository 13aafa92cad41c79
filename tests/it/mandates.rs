//! Mandates and debits on a running gateway: agreed to, debited within their bounds, returned by the payer's bank
//! after they were settled and refunded, and 100 callers at one mandate.

use lezai_tests::{Answer, Gateway, Request, TempDir, crowd, eventually, lezai, random_hex};
use serde_json::{Value, json};

use crate::payouts::{DAY, Shop, id};

/// The last digits of the sandbox's amounts that are tried here.
pub(crate) const AMOUNTS: [&str; 5] = ["952", "953", "991", "992", "993"];

/// A mandate of at most 20,000 at once, and 30,000 in ten days.
fn wish(number: &str, with: &Value) -> Value {
    let mut body = json!({
        "merchant_mandate_id": number, "description": "Tea of the month", "max_amount": 20_000, "currency": "CNY",
        "period": { "days": 10, "max_amount": 30_000 }, "expires_at": "2036-01-01T00:00:00Z",
    });
    for (name, value) in with.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

impl Shop<'_> {
    fn post(&self, path: &str, key: &str, body: &Value) -> Answer {
        self.merchant.send(&self.merchant.post(path, key, body.to_string())).unwrap()
    }

    fn mandate(&self, number: &str, with: &Value) -> Answer {
        self.post("/v1/mandates", &format!("key-{number}"), &wish(number, with))
    }

    /// The payer's act, without a page.
    fn acts(&self, mandate: &str, act: &str) -> Value {
        let request = Request::new("POST", &format!("/sandbox/mandates/{mandate}/{act}"), "");
        let answer = request.send(&self.gateway.authority).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.json());
        answer.json()
    }

    fn agreed(&self, number: &str) -> String {
        let mandate = id(&self.mandate(number, &json!({})));
        assert_eq!(self.acts(&mandate, "agree")["status"], "active");
        mandate
    }

    fn debit(&self, mandate: &str, number: &str, minor: i64) -> Answer {
        let body = json!({
            "merchant_order_id": number, "amount": minor, "currency": "CNY", "description": "Tea of May",
        });
        self.post(&format!("/v1/mandates/{mandate}/debits"), &format!("key-{number}"), &body)
    }

    fn order_once(&self, order: &str, is: impl Fn(&Value) -> bool) -> Value {
        eventually(|| {
            let order = self.merchant.get(&format!("/v1/orders/{order}")).json();
            if is(&order) { Ok(order) } else { Err(order.to_string()) }
        })
    }

    fn comes_back(&self, order: &str) -> Answer {
        let path = format!("/sandbox/orders/{order}/return_debit");
        let request = Request::new("POST", &path, json!({ "code": "account_closed" }).to_string());
        let request = request.with("content-type", "application/json");
        request.send(&self.gateway.authority).unwrap()
    }

    fn events(&self, query: &str) -> Vec<String> {
        let found = self.merchant.get(&format!("/v1/events?limit=100&{query}")).json();
        let all = found["data"].as_array().unwrap().iter();
        all.map(|it| it["type"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn a_mandate_is_agreed_to_debited_within_its_bounds_and_taken_back() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    let made = shop.mandate("M-1", &json!({}));
    assert_eq!((made.status, &made.json()["status"]), (201, &json!("pending")), "{}", made.json());
    assert_eq!(shop.mandate("M-1", &json!({})).body, made.body);
    let again = shop.post("/v1/mandates", &random_hex(), &wish("M-1", &json!({})));
    assert_eq!(again.code(), "merchant_mandate_id_taken");
    assert_eq!(again.json()["mandate_id"], made.json()["id"]);
    let mandate = id(&made);
    assert_eq!(shop.debit(&mandate, "D-0", 100).code(), "mandate_state");
    // The shopper agrees on the wallet's page.
    let page = made.json()["authorize_url"].as_str().unwrap().to_owned();
    let path = page[page.find("/sandbox").unwrap()..].to_owned();
    let look = || Request::new("GET", &path, "").send(&gateway.authority).unwrap();
    assert!(String::from_utf8_lossy(&look().body).contains("Agree</button>"));
    let pressed = Request::new("POST", &format!("{path}/page/agree"), "");
    let pressed = pressed.with("origin", &format!("http://{}", gateway.authority));
    assert_eq!(pressed.send(&gateway.authority).unwrap().status, 303);
    assert!(String::from_utf8_lossy(&look().body).contains("You agreed"));
    let found = shop.merchant.get(&format!("/v1/mandates/{mandate}")).json();
    assert_eq!((&found["status"], &found["available_amount"]), (&json!("active"), &json!(20_000)));

    let above = shop.debit(&mandate, "D-1", 20_001);
    assert_eq!(
        (above.code().as_str(), &above.json()["available"]),
        ("debit_above_mandate", &json!(20_000))
    );
    let debit = shop.debit(&mandate, "D-2", 20_000);
    assert_eq!(
        (debit.status, &debit.json()["scene"]),
        (201, &json!("agreement")),
        "{}",
        debit.json()
    );
    assert_eq!(shop.debit(&mandate, "D-2", 20_000).body, debit.body);
    let order = id(&debit);
    let paid = shop.order_once(&order, |it| it["status"] == "paid");
    assert_eq!(
        (&paid["mandate"], &paid["payment"]["method"]),
        (&json!(mandate), &json!("wallet_debit"))
    );
    // 10,000 are left of the period; one that is declined is left of it again.
    let period = shop.debit(&mandate, "D-3", 10_001);
    assert_eq!(
        (period.code().as_str(), &period.json()["available"]),
        ("debit_above_mandate", &json!(10_000))
    );
    assert!(period.json()["until"].is_string(), "{}", period.json());
    let declined = id(&shop.debit(&mandate, "D-4", 9_901));
    let closed = shop.order_once(&declined, |it| it["status"] == "closed");
    assert_eq!(
        (&closed["close_reason"], &closed["last_decline"]["code"]),
        (&json!("declined"), &json!("insufficient_funds"))
    );
    let rest = id(&shop.debit(&mandate, "D-5", 10_000));
    shop.order_once(&rest, |it| it["status"] == "paid");
    // It is refunded as any order, and not voided.
    let void = shop.post(&format!("/v1/orders/{rest}/void"), "void", &json!({}));
    assert_eq!(void.code(), "order_state");
    let refund = json!({ "merchant_refund_id": "R-1", "amount": 10_000, "currency": "CNY" });
    let refund = shop.post(&format!("/v1/orders/{rest}/refunds"), "refund", &refund);
    assert_eq!(refund.status, 201, "{}", refund.json());
    shop.order_once(&rest, |it| it["refunded_amount"] == 10_000);

    let revoked = shop.post(&format!("/v1/mandates/{mandate}/revoke"), "revoke", &json!({}));
    assert_eq!((revoked.status, &revoked.json()["revoked_by"]), (200, &json!("merchant")));
    assert_eq!(shop.debit(&mandate, "D-6", 1).code(), "mandate_state");
    // The next one nobody agrees to, and another is taken back by its payer.
    let other = id(&shop.mandate("M-2", &json!({})));
    assert_eq!(shop.acts(&other, "decline")["decline_code"], "shopper_declined");
    let third = shop.agreed("M-3");
    assert_eq!(shop.acts(&third, "revoke")["revoked_by"], "payer");
    let listed = shop.merchant.get("/v1/mandates?status=revoked").json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 2, "{listed}");
    let types = shop.events("");
    for (event, count) in
        [("mandate.activated", 2), ("mandate.declined", 1), ("mandate.revoked", 2)]
    {
        assert_eq!(types.iter().filter(|it| *it == event).count(), count, "{types:?}");
    }
    assert!(shop.check().contains("mandates 3"));
}

#[test]
fn a_debit_comes_back_after_it_was_settled_and_after_it_was_refunded() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    let mandate = shop.agreed("M-1");
    let is_paid = |it: &Value| it["status"] == "paid";
    let [early, settled, refunded] = [("D-1", 10_000), ("D-2", 8000), ("D-3", 5000)]
        .map(|(number, minor)| id(&shop.debit(&mandate, number, minor)));
    for order in [&early, &settled, &refunded] {
        shop.order_once(order, is_paid);
    }
    // Before it is settled: 60 of fee stay ours, and are taken from what is available.
    let back = shop.comes_back(&early);
    assert_eq!(back.json()["debit_return"]["code"], "account_closed", "{}", back.json());
    assert_eq!((shop.balance("available"), shop.balance("owes")), (0, 60));
    assert_eq!(shop.balance("pending"), 7952 + 4970);
    // Told again it is the same.
    assert_eq!(shop.comes_back(&early).json()["debit_return"], back.json()["debit_return"]);
    shop.advance(DAY + 1);
    // What becomes available repays the debt first.
    shop.available(7952 + 4970 - 60);
    assert_eq!(shop.balance("owes"), 0);
    assert_eq!(shop.comes_back(&settled).status, 200);
    shop.available(4970 - 60 - 48);
    let refund = json!({ "merchant_refund_id": "R-1", "amount": 5000, "currency": "CNY" });
    let refunds = format!("/v1/orders/{refunded}/refunds");
    assert_eq!(shop.post(&refunds, "refund-1", &refund).status, 201);
    shop.order_once(&refunded, |it| it["refunded_amount"] == 5000);
    // The payer has the money twice, and the merchant is out of it.
    assert_eq!(shop.comes_back(&refunded).status, 200);
    assert_eq!((shop.balance("available"), shop.balance("owes")), (0, 5000 + 60 + 48));
    let again = json!({ "merchant_refund_id": "R-2", "amount": 1, "currency": "CNY" });
    let settled_refunds = format!("/v1/orders/{settled}/refunds");
    assert_eq!(shop.post(&settled_refunds, "refund-2", &again).code(), "debit_returned");
    // By its amount: the gateway asks, and nobody tells it.
    let by_amount = [("D-4", 952, "payer_objected"), ("D-5", 953, "account_closed")];
    let orders = by_amount.map(|(number, minor, _)| id(&shop.debit(&mandate, number, minor)));
    orders.iter().for_each(|order| drop(shop.order_once(order, is_paid)));
    shop.advance(31);
    shop.advance(60);
    for (order, (.., code)) in orders.iter().zip(by_amount) {
        let back = shop.order_once(order, |it| it["debit_return"].is_object());
        assert_eq!(back["debit_return"]["code"], code);
    }
    let types = shop.events("type=debit.returned");
    assert_eq!(types.len(), 5, "{types:?}");
    // An ordinary order with these digits is paid, and does not come back.
    let usual = shop.paid(10_952);
    assert_eq!(shop.comes_back(&usual).code(), "order_state");
    let text = shop.check();
    assert!(text.contains("channel_receivable:sandbox"), "{text}");
    let shown = lezai(&["ledger", "show", "--data", gateway.data.to_str().unwrap()]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert_eq!(shown.matches("debit_return ").count().min(1), 1, "{shown}");
}

#[test]
fn a_mandate_that_nobody_agrees_to_expires() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    let mandate = id(&shop.mandate("M-1", &json!({})));
    let late = id(&shop.mandate("M-2", &json!({ "max_amount": 19_993 })));
    assert_eq!(shop.acts(&late, "agree")["status"], "active");
    shop.advance(DAY + 1);
    let ends = |mandate: &str, status: &str| {
        eventually(|| {
            let found = shop.merchant.get(&format!("/v1/mandates/{mandate}")).json();
            if found["status"] == status { Ok(()) } else { Err(found.to_string()) }
        });
    };
    ends(&mandate, "expired");
    // Its payer took it back half a minute after they agreed, and the gateway asks once a day.
    shop.advance(DAY + 1);
    ends(&late, "revoked");
    // The call that was to make it was not answered; the same one gives it.
    let silent = shop.mandate("M-3", &json!({ "max_amount": 19_992 }));
    assert_eq!(silent.code(), "channel_unavailable");
    let made = shop.mandate("M-3", &json!({ "max_amount": 19_992 }));
    assert_eq!(made.status, 201, "{}", made.json());
    assert!(made.json()["authorize_url"].is_string(), "{}", made.json());
    let refused = id(&shop.mandate("M-4", &json!({ "max_amount": 19_991 })));
    assert_eq!(shop.acts(&refused, "agree")["decline_code"], "account_not_eligible");
    shop.check();
}

#[test]
fn a_hundred_debits_at_once_are_no_more_than_was_agreed_to() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    let mandate = shop.agreed("M-1");
    // Of 30,000 in a period there are ten times 3,000.
    let path = format!("/v1/mandates/{mandate}/debits");
    let answers = crowd(100, |nth| {
        let body = json!({
            "merchant_order_id": format!("D-{nth}"), "amount": 3000, "currency": "CNY", "description": "Tea",
        });
        shop.post(&path, &format!("key-{nth}"), &body)
    });
    let made: Vec<&Answer> = answers.iter().filter(|it| it.status == 201).collect();
    assert_eq!(made.len(), 10);
    for answer in answers.iter().filter(|it| it.status != 201) {
        assert_eq!(answer.code(), "debit_above_mandate");
    }
    for answer in made {
        shop.order_once(&id(answer), |it| it["status"] == "paid");
    }
    shop.check();
}
