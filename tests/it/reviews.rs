//! Reviews on a running gateway: an order that is held is listed, decided on once by the operator, and
//! what comes of it is what the merchant is told and what the ledger says.

use std::time::Duration;

use lezai_tests::{
    Answer, Gateway, Merchant, Receiver, Request, TempDir, crowd, lezai, random_hex,
};
use serde_json::{Value, json};

/// The demo merchant's plugin holds a gift card of more than 500 yuan that is bought on a new device.
const LARGE: i64 = 60_800;
/// Far above what a slow machine with neighbours needs.
const TIMEOUT: Duration = Duration::from_secs(120);

struct Shop<'g> {
    gateway: &'g Gateway,
    merchant: Merchant,
    receiver: Receiver,
    token: String,
}

impl<'g> Shop<'g> {
    fn new(gateway: &'g Gateway) -> Self {
        let token = std::fs::read_to_string(gateway.data.join("admin-token")).unwrap();
        Self {
            gateway,
            merchant: Merchant::demo(gateway),
            receiver: Receiver::start(),
            token: format!("Bearer {}", token.trim()),
        }
    }

    /// A large order that is paid, or authorised.
    fn paid(&self, capture: &str) -> String {
        let mut order = Merchant::order(&random_hex());
        order["amount"] = json!(LARGE);
        order["metadata"] = json!({ "goods": "gift_card" });
        order["capture"] = json!(capture);
        order["notify_url"] = json!(self.receiver.url);
        let created = self.merchant.create(&random_hex(), order.to_string()).unwrap().json();
        assert_eq!(created["decision"]["verdict"], "review", "{created}");
        assert_eq!(created["review"], Value::Null);
        let id = created["id"].as_str().unwrap().to_owned();
        let pay = Request::new("POST", &format!("/sandbox/orders/{id}/pay"), "");
        assert_eq!(pay.send(&self.gateway.authority).unwrap().status, 200);
        assert_eq!(self.order(&id)["review"], json!({ "status": "open" }));
        id
    }

    fn order(&self, id: &str) -> Value {
        self.merchant.get(&format!("/v1/orders/{id}")).json()
    }

    fn decide(&self, id: &str, key: &str, verdict: &str) -> Answer {
        let body = json!({ "verdict": verdict, "reason": "Looked at" }).to_string();
        Request::new("POST", &format!("/admin/v1/orders/{id}/review"), body)
            .with("authorization", &self.token)
            .with("content-type", "application/json")
            .with("idempotency-key", &format!("\"{key}\""))
            .send(&self.gateway.authority)
            .unwrap()
    }

    /// The orders that wait for a review.
    fn open(&self) -> Vec<String> {
        let answer = Request::new("GET", "/admin/v1/reviews?limit=100", "")
            .with("authorization", &self.token)
            .send(&self.gateway.authority)
            .unwrap();
        assert_eq!(answer.status, 200, "{}", answer.json());
        let list = answer.json();
        let ids = list["data"].as_array().unwrap().iter();
        ids.map(|it| it["order_id"].as_str().unwrap().to_owned()).collect()
    }

    fn a_day_later(&self) {
        let clock = Request::new("POST", "/sandbox/clock", r#"{"advance_secs":86400}"#)
            .with("content-type", "application/json");
        assert_eq!(clock.send(&self.gateway.authority).unwrap().status, 200);
    }

    /// The order once it is as it should be.
    fn until(&self, id: &str, is: impl Fn(&Value) -> bool) -> Value {
        let begun = std::time::Instant::now();
        loop {
            let order = self.order(id);
            if is(&order) {
                return order;
            }
            assert!(begun.elapsed() < TIMEOUT, "{order}\n{}", self.gateway.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn balance(&self, account: &str) -> i64 {
        let balances = self.merchant.get("/v1/balances").json();
        let data = balances["data"].as_array().unwrap().iter();
        let found = data.filter(|it| it["account"] == account);
        found.map(|it| it["amount"].as_i64().unwrap()).sum()
    }
}

#[test]
fn a_held_order_is_decided_once_and_its_money_moves_on() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    let [approved, refused, late, authorized] =
        ["automatic", "automatic", "automatic", "manual"].map(|capture| shop.paid(capture));
    let mut newest_first = [&approved, &refused, &late, &authorized].map(|id| id.clone()).to_vec();
    newest_first.reverse();
    assert_eq!(shop.open(), newest_first);

    // Refused in time: voided, whether it was captured or not.
    for id in [&refused, &authorized] {
        let answer = shop.decide(id, &random_hex(), "refuse");
        assert_eq!(answer.status, 200, "{}", answer.json());
        assert_eq!(answer.json()["decisions"][0]["by"], "operator", "{}", answer.json());
        let order = shop.until(id, |it| it["status"] == "voided");
        let review = &order["review"];
        assert_eq!(
            (&review["status"], &review["verdict"], &review["reason"]),
            (&json!("closed"), &json!("refused"), &json!("Looked at")),
            "{order}"
        );
    }
    // A day later nothing of what is held is settled, and a refusal is a refund.
    shop.a_day_later();
    let answer = shop.decide(&late, "late", "refuse");
    assert_eq!(answer.status, 200, "{}", answer.json());
    let order = shop.until(&late, |it| it["refunded_amount"] == LARGE);
    assert_eq!(order["status"], "paid");
    let refunds = shop.merchant.get(&format!("/v1/orders/{late}/refunds")).json();
    let refund = &refunds["data"][0];
    assert_eq!(refund["merchant_refund_id"], format!("review:{}", refund["id"].as_str().unwrap()));
    let fee = order["fee"].as_i64().unwrap();
    assert_eq!((shop.balance("held"), shop.balance("available")), (LARGE - fee, 0));

    // Approved, and its time is over: it settles at once, by the ordinary task.
    let first = shop.decide(&approved, "approve-1", "approve");
    assert_eq!(first.status, 200, "{}", first.json());
    shop.until(&approved, |it| it["settled_amount"] == LARGE - fee);
    assert_eq!((shop.balance("held"), shop.balance("available")), (0, LARGE - fee));
    assert!(shop.open().is_empty());

    // Once: the same request is answered as the first time, the same verdict changes nothing.
    let again = shop.decide(&approved, "approve-1", "approve");
    assert_eq!((again.status, &again.body), (200, &first.body));
    assert_eq!(again.field("idempotency-hit"), Some("true"));
    let version = shop.order(&approved);
    assert_eq!(shop.decide(&approved, "approve-2", "approve").status, 200);
    assert_eq!(shop.order(&approved), version);
    for (id, key, verdict, status, code) in [
        (&approved, "other", "refuse", 409, "review_closed"),
        (&refused, "other-2", "approve", 409, "review_closed"),
        (&approved, "approve-1", "refuse", 422, "idempotency_key_reused"),
        (&approved, "bad", "approved", 400, "invalid_field"),
        (&"ord_nothing".to_owned(), "none", "approve", 404, "order_not_found"),
    ] {
        let answer = shop.decide(id, key, verdict);
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{}", answer.json());
    }
    let keyless = Request::new("POST", &format!("/admin/v1/orders/{approved}/review"), "{}")
        .with("authorization", &shop.token);
    assert_eq!(keyless.send(&gateway.authority).unwrap().code(), "idempotency_key_missing");
    let stranger = Request::new("GET", "/admin/v1/reviews", "");
    assert_eq!(stranger.send(&gateway.authority).unwrap().code(), "token_invalid");

    // The merchant is told of both ends of each.
    let told = |events: &[Value]| {
        let reviews =
            events.iter().filter(|it| it["type"].as_str().unwrap().starts_with("review."));
        reviews.map(|it| it["id"].to_string()).collect::<std::collections::BTreeSet<_>>().len()
    };
    assert!(shop.receiver.wait(TIMEOUT, |events| told(events) == 8), "{}", gateway.log());
    let check = lezai(&["ledger", "check", "--data", gateway.data.to_str().unwrap()]);
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
    assert!(!gateway.log().contains("internal failure"), "{}", gateway.log());
}

/// Two hundred decide on one order at once, half of them each way: one verdict holds, whoever hears.
#[test]
fn of_many_who_decide_at_once_one_verdict_holds() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    let id = shop.paid("automatic");
    let verdicts = ["approve", "refuse"];
    let heard = crowd(200, |n| {
        let verdict = verdicts[n % 2];
        (verdict, shop.decide(&id, &format!("d-{n}"), verdict))
    });
    let held = shop.order(&id)["review"]["verdict"].as_str().unwrap().to_owned();
    for (verdict, answer) in &heard {
        let won = held.starts_with(verdict);
        let expected = if won { (200, "") } else { (409, "review_closed") };
        assert_eq!((answer.status, answer.code().as_str()), expected, "{}", answer.json());
    }
    let show =
        ["ledger", "show", "--order", &id, "--json", "--data", gateway.data.to_str().unwrap()];
    let entries = String::from_utf8(lezai(&show).stdout).unwrap();
    let booked = |kind: &str| entries.matches(&format!("\"kind\":\"{kind}\"")).count();
    assert_eq!(booked("hold_release") + booked("void_request"), 1, "{entries}");
    let check = lezai(&["ledger", "check", "--data", gateway.data.to_str().unwrap()]);
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
}

#[test]
fn the_operator_s_command_lists_and_decides() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    let id = shop.paid("automatic");
    let (url, token) = (format!("http://{}", gateway.authority), gateway.data.join("admin-token"));
    let review = |arguments: &[&str]| {
        let at = ["--gateway", &url, "--admin-token-file", token.to_str().unwrap()];
        let output = lezai(&[&["review"], arguments, &at].concat());
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, listed) = review(&["list"]);
    let line = format!("{id}  m_demo  {LARGE} CNY  paid, open  gift_card_new_device\n");
    assert_eq!((code, listed), (Some(0), line));
    let (code, said) = review(&["approve", &id, "--reason", "Known"]);
    assert_eq!((code, said.contains("paid, approved")), (Some(0), true), "{said}");
    assert_eq!(review(&["refuse", &id, "--reason", "No"]).0, Some(1));
    assert_eq!(review(&["list"]).1, "no order waits for a review\n");
}
