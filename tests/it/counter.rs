//! A till charges the code that the shopper shows: once for a request, whatever is sent again, and what is not
//! decided when the order ends is undone.

use lezai_tests::{Answer, Gateway, Merchant, Request, TempDir, at_once, lezai, random_hex, until};
use serde_json::{Value, json};

struct Till<'g> {
    gateway: &'g Gateway,
    merchant: Merchant,
}

impl<'g> Till<'g> {
    fn new(gateway: &'g Gateway) -> Self {
        Self { gateway, merchant: Merchant::demo(gateway) }
    }

    fn order(&self, methods: &[&str]) -> String {
        let mut order = Merchant::order(&random_hex());
        order["methods"] = json!(methods);
        order["scene"] = json!("counter");
        order["expires_in"] = json!(60);
        let created = self.merchant.create(&random_hex(), order.to_string()).unwrap().json();
        created["id"].as_str().unwrap_or_else(|| panic!("{created}")).to_owned()
    }

    fn charge(&self, order: &str, key: &str, code: &str) -> Answer {
        let body = json!({ "code": code }).to_string();
        let request = self.merchant.post(&format!("/v1/orders/{order}/charge"), key, body);
        self.merchant.send(&request).unwrap()
    }

    fn read(&self, order: &str) -> Value {
        self.merchant.get(&format!("/v1/orders/{order}")).json()
    }

    fn later(&self, secs: u32) {
        let clock = Request::new("POST", "/sandbox/clock", format!(r#"{{"advance_secs":{secs}}}"#))
            .with("content-type", "application/json");
        assert_eq!(clock.send(&self.gateway.authority).unwrap().status, 200);
    }
}

fn refused(answer: &Answer, code: &str) -> Value {
    let problem = answer.json();
    assert_eq!((answer.status, &problem["code"]), (422, &json!(code)), "{problem}");
    problem
}

#[test]
fn a_code_is_charged_once_for_its_request() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let till = Till::new(&gateway);
    let order = till.order(&["wallet_code"]);
    let key = random_hex();
    let charge = || till.charge(&order, &key, "990000000000000001");
    let answers = at_once(&[&charge, &charge, &charge, &charge]);
    for answer in &answers {
        let busy = answer.status == 409 && answer.json()["code"] == "request_in_progress";
        assert!(busy || answer.json()["status"] == "paid", "{} {}", answer.status, answer.json());
    }
    let first = charge();
    assert_eq!((first.status, &first.json()["payment"]["method"]), (200, &json!("wallet_code")));
    assert_eq!(charge().body, first.body, "the same request gets the same answer");
    let another = till.charge(&order, &random_hex(), "990000000000000001");
    assert_eq!((another.status, &another.json()["code"]), (409, &json!("order_state")));
    assert_eq!(till.read(&order)["captured_amount"], first.json()["amount"]);
    let check = lezai(&["ledger", "check", "--data", gateway.data.to_str().unwrap()]);
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
    for file in std::fs::read_dir(&gateway.data).unwrap().map(|it| it.unwrap().path()) {
        let bytes = if file.is_file() { std::fs::read(&file).unwrap() } else { Vec::new() };
        let found = bytes.windows(18).any(|it| it == b"990000000000000001");
        assert!(!found, "the code is stored in {}", file.display());
    }
}

#[test]
fn a_refused_code_says_why_and_another_one_pays() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let till = Till::new(&gateway);
    let order = till.order(&["wallet_code"]);
    let key = random_hex();
    let problem = refused(&till.charge(&order, &key, "990000000000000003"), "code_refused");
    assert_eq!(problem["reason"], "insufficient_funds");
    refused(&till.charge(&order, &key, "990000000000000003"), "code_refused");
    let problem =
        refused(&till.charge(&order, &random_hex(), "990000000000000004"), "code_refused");
    assert_eq!(problem["reason"], "code_expired");
    refused(&till.charge(&order, &random_hex(), "130000000000000001"), "method_unavailable");
    let short = till.charge(&order, &random_hex(), "99");
    assert_eq!((short.status, &short.json()["field"]), (400, &json!("code")));
    assert_eq!(till.charge(&order, &random_hex(), "990000000000000001").json()["status"], "paid");
    // The order names no method of a till.
    let page = till.order(&["wallet_qr"]);
    refused(&till.charge(&page, &random_hex(), "990000000000000001"), "method_unavailable");
}

#[test]
fn a_shopper_who_must_do_something_is_waited_for_until_the_order_ends() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let till = Till::new(&gateway);
    let (pays, leaves) = (till.order(&["wallet_code"]), till.order(&["wallet_code"]));
    let key = random_hex();
    let waits = till.charge(&pays, &key, "990000000000000002");
    assert_eq!(
        (waits.status, &waits.json()["status"]),
        (202, &json!("paying")),
        "{}",
        waits.json()
    );
    let pay = Request::new("POST", &format!("/sandbox/orders/{pays}/pay"), "");
    assert_eq!(pay.send(&gateway.authority).unwrap().status, 200);
    let paid = till.charge(&pays, &key, "990000000000000002");
    assert_eq!((paid.status, &paid.json()["status"]), (200, &json!("paid")), "{}", paid.json());

    let left = random_hex();
    let waits = till.charge(&leaves, &left, "990000000000000002");
    assert_eq!(waits.status, 202, "{}", waits.json());
    till.later(61);
    until("the order is closed", || till.read(&leaves)["status"] == "closed");
    // Too late for the shopper: nothing is charged.
    let pay = Request::new("POST", &format!("/sandbox/orders/{leaves}/pay"), "");
    assert!(pay.send(&gateway.authority).unwrap().status >= 400);
    assert_eq!(till.read(&leaves)["captured_amount"], 0);
    // The till that asks once more is not told 200, which it would take for paid.
    let late = till.charge(&leaves, &left, "990000000000000002");
    assert_eq!((late.status, &late.json()["code"]), (409, &json!("order_state")));
}

#[test]
fn a_code_that_gave_place_to_another_never_pays() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let till = Till::new(&gateway);
    let order = till.order(&["wallet_code"]);
    let (first, second) = (random_hex(), random_hex());
    assert_eq!(till.charge(&order, &first, "990000000000000002").status, 202);
    assert_eq!(till.charge(&order, &second, "990000000000000102").status, 202);
    // Whatever the channel finds of the first goes back.
    let asked = till.charge(&order, &first, "990000000000000002");
    let refused = (asked.status, asked.json()["code"].clone(), asked.json()["reason"].clone());
    assert_eq!(refused, (422, json!("code_refused"), json!("replaced")), "{}", asked.json());
    let pay = Request::new("POST", &format!("/sandbox/orders/{order}/pay"), "");
    assert_eq!(pay.send(&gateway.authority).unwrap().status, 200);
    let paid = till.charge(&order, &second, "990000000000000102");
    assert_eq!((paid.status, &paid.json()["status"]), (200, &json!("paid")), "{}", paid.json());
    // Goods are handed over for one of them.
    let other = till.charge(&order, &first, "990000000000000002");
    assert_eq!((other.status, &other.json()["code"]), (409, &json!("order_state")));
}
