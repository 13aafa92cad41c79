//! Payments that the wallet's bill has and the books do not: booked late on their order, or given back if they are of
//! none. What is booked by it pairs in the runs of the next day.

use lezai_tests::{Answer, Gateway, Merchant, Request, TempDir, eventually, lezai, random_hex};
use rusqlite::{Connection, params};
use serde_json::{Value, json};

use crate::bills::{DAY, Desk};

/// From one o'clock in Shanghai to the next day's bill, before an order of a day is over.
const TO_THE_BILL: i64 = 84_000;

/// The wallet's own file: what happens there, and the gateway does not hear of.
struct Wallet(Connection);

impl Wallet {
    fn of(gateway: &Gateway) -> Self {
        let file = Connection::open(gateway.data.join("sandbox.db")).unwrap();
        file.busy_timeout(std::time::Duration::from_secs(60)).unwrap();
        Self(file)
    }

    /// The attempt with this amount: its number at the wallet.
    fn number(&self, minor: i64) -> String {
        let sql = "SELECT substr(attempt, 5) FROM payments WHERE minor = ?1";
        self.0.query_row(sql, [minor], |row| row.get(0)).unwrap()
    }

    /// A declined payment is paid after all.
    fn paid(&self, minor: i64) {
        let sql =
            "UPDATE payments SET status = 'paid', taken = minor, code = NULL WHERE minor = ?1";
        assert_eq!(self.0.execute(sql, [minor]).unwrap(), 1);
    }

    fn moved(&self, number: &str, minor: i64, at_ms: i64) {
        let sql = "INSERT INTO movements (number, kind, minor, currency, at_ms) VALUES (?1, 'payment', ?2, 'CNY', ?3)";
        self.0.execute(sql, params![number, minor, at_ms]).unwrap();
    }
}

impl Desk<'_> {
    /// An order of this amount whose shopper declined, as far as anybody was told.
    fn declined(&self, minor: i64) -> String {
        let mut order = Merchant::order(&random_hex());
        (order["amount"], order["expires_in"]) = (json!(minor), json!(DAY));
        let created = self.merchant.create(&random_hex(), order.to_string()).unwrap().json();
        let id = created["id"].as_str().unwrap_or_else(|| panic!("{created}")).to_owned();
        let decline = Request::new("POST", &format!("/sandbox/orders/{id}/decline"), "");
        assert_eq!(decline.send(&self.gateway.authority).unwrap().status, 200);
        id
    }

    fn order(&self, id: &str) -> Value {
        self.merchant.get(&format!("/v1/orders/{id}")).json()
    }

    /// The difference of this surplus, whatever became of it.
    fn of(&self, run: &Value, surplus: i64) -> Value {
        let run = run["id"].as_str().unwrap();
        let all = ["open", "returning", "resolved", "proposed"]
            .map(|status| self.differences(&format!("&reconciliation={run}&status={status}")));
        let all = all.concat();
        let found = all.iter().find(|it| it["surplus"] == surplus);
        found.unwrap_or_else(|| panic!("{surplus}: {all:?}")).clone()
    }

    fn act(&self, difference: &Value, name: &str, key: &str, body: &Value) -> Answer {
        let id = difference["id"].as_str().unwrap();
        Request::new("POST", &format!("/admin/v1/differences/{id}/{name}"), body.to_string())
            .with("authorization", &self.token)
            .with("content-type", "application/json")
            .with("idempotency-key", &format!("\"{key}\""))
            .send(&self.gateway.authority)
            .unwrap()
    }

    fn resolve(&self, difference: &Value, act: &str) -> Answer {
        let body = json!({ "act": act, "reason": "The wallet's bill has it", "by": "li" });
        self.act(difference, "resolution", &random_hex(), &body)
    }

    fn approve(&self, difference: &Value, by: &str) -> Answer {
        let body = json!({ "verdict": "approve", "by": by });
        self.act(difference, "approval", &random_hex(), &body)
    }

    /// The difference, once it has this status.
    fn becomes(&self, difference: &Value, is: impl Fn(&Value) -> bool) -> Value {
        let target = format!("/admin/v1/differences/{}", difference["id"].as_str().unwrap());
        eventually(|| {
            let now = self.operator("GET", &target, "").json();
            if is(&now) { Ok(now) } else { Err(format!("{now}\n{}", self.gateway.log())) }
        })
    }

    fn check(&self) -> (bool, String) {
        let check = lezai(&["ledger", "check", "--data", &self.gateway.data.display().to_string()]);
        (check.status.success(), String::from_utf8(check.stdout).unwrap())
    }

    fn books_late(&self, run: &Value, small: &str, large: &str) {
        let late = self.of(run, 10_000);
        assert_eq!(late["class"], "missing_here", "{late}");
        let body = json!({ "act": "book_late", "reason": "The wallet's bill has it", "by": "li" });
        let first = self.act(&late, "resolution", "late-1", &body);
        assert_eq!(first.json()["status"], "resolved", "{}", first.json());
        assert_eq!(self.order(small)["status"], "paid");
        // Sent once more it is the first answer; another is refused.
        assert_eq!(self.act(&late, "resolution", "late-1", &body).body, first.body);
        assert_eq!(self.resolve(&late, "book_late").code(), "difference_state");

        let late = self.of(run, 20_000);
        assert_eq!(self.resolve(&late, "book_late").json()["status"], "proposed");
        assert_eq!(self.approve(&late, "li").code(), "approver_is_resolver");
        // Nothing is booked before the second person says so.
        assert_ne!(self.order(large)["status"], "paid");
        let approved = self.approve(&late, "wang").json();
        assert_eq!(approved["status"], "resolved", "{approved}");
        assert_eq!(self.order(large)["status"], "paid");
        assert_eq!(self.order(large)["amount"], 20_000);
    }

    fn returns(&self, run: &Value) {
        let stray = self.of(run, 700);
        assert_eq!(self.resolve(&stray, "book_late").code(), "order_not_found");
        let returning = self.resolve(&stray, "return").json();
        assert_eq!(returning["status"], "returning", "{returning}");
        let back = self.becomes(&stray, |it| it["status"] == "resolved");
        assert_eq!(back["resolution"]["act"], "return", "{back}");
        assert_eq!(self.resolve(&stray, "return").code(), "difference_state");

        let large = self.of(run, 30_000);
        assert_eq!(self.resolve(&large, "return").json()["status"], "proposed");
        assert_eq!(self.approve(&large, "wang").json()["status"], "returning");
        self.becomes(&large, |it| it["status"] == "resolved");

        // The wallet does not give this one back, and says why.
        let refused = self.of(run, 962);
        assert_eq!(self.resolve(&refused, "return").json()["status"], "returning");
        let open = self.becomes(&refused, |it| it["status"] == "open");
        assert_eq!(open["return_failed"], "account_closed", "{open}");
        // Asked for once more it has the same number, and so the same answer: never a second refund.
        let refunds = || -> u32 {
            let sql = "SELECT count(*) FROM refunds";
            Wallet::of(self.gateway).0.query_row(sql, [], |row| row.get(0)).unwrap()
        };
        let before = refunds();
        assert_eq!(self.resolve(&refused, "return").json()["status"], "returning");
        let open = self.becomes(&refused, |it| it["status"] == "open");
        assert_eq!(open["return_failed"], "account_closed", "{open}");
        assert_eq!(refunds(), before);
    }
}

#[test]
fn what_the_bill_alone_has_is_booked_late_or_goes_back() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let desk = Desk::new(&gateway);
    let wallet = Wallet::of(&gateway);
    // A payment that the wallet's bill lost: it is about nothing that could be booked or go back.
    desk.paid(10_981);
    let [small, large, denied] = [10_000, 20_000, 5_000].map(|minor| desk.declined(minor));
    let now_ms = desk.now_ms();
    for minor in [10_000, 20_000] {
        wallet.moved(&wallet.number(minor), minor, now_ms);
    }
    // The wallet's bill has one that the wallet itself, asked, still says was declined.
    wallet.moved(&wallet.number(5_000), 5_000, now_ms);
    for (number, minor) in [("stray-1", 700), ("stray-2", 962), ("stray-3", 30_000)] {
        wallet.moved(number, minor, now_ms);
    }
    desk.advance(TO_THE_BILL);
    let run = desk.run_of(0, |_| true);
    assert_eq!(run["open"], 7, "{run}");
    // Nobody asks the wallet any more, which says only now that they were paid.
    let store = Connection::open(gateway.data.join("lezai.db")).unwrap();
    eventually(|| {
        let sql = "SELECT count(*) FROM tasks WHERE task LIKE '%query%'";
        let left: u32 = store.query_row(sql, [], |row| row.get(0)).unwrap();
        if left == 0 { Ok(()) } else { Err(format!("{left} tasks\n{}", gateway.log())) }
    });
    drop(store);
    for minor in [10_000, 20_000] {
        wallet.paid(minor);
    }

    desk.books_late(&run, &small, &large);
    let unsaid = desk.of(&run, 5_000);
    assert_eq!(desk.resolve(&unsaid, "book_late").code(), "channel_disagrees");
    let refused = desk.resolve(&unsaid, "return");
    assert_eq!(
        (refused.code().as_str(), &refused.json()["field"]),
        ("invalid_field", &json!("act"))
    );
    assert_ne!(desk.order(&denied)["status"], "paid");
    let lost = desk.of(&run, -10_981);
    for act in ["book_late", "return"] {
        let refused = desk.resolve(&lost, act);
        assert_eq!(
            (refused.code().as_str(), &refused.json()["field"]),
            ("invalid_field", &json!("act"))
        );
    }
    desk.returns(&run);
    let (ok, text) = desk.check();
    assert!(ok, "{text}");
    let returns = text.lines().find(|it| it.trim_start().starts_with("payment_returns"));
    assert!(returns.is_none_or(|it| it.trim_end().ends_with(" 0")), "{text}");

    // A day later the books have two payments that no bill of that day has, and the bill two refunds.
    desk.advance(DAY);
    let next = desk.run_of(1, |_| true);
    // What is open is what is open now. What the run found stays in its summary, and what clears it stands beside it.
    assert_eq!((&next["open"], &next["status"]), (&json!(0), &json!("balanced")), "{next}");
    let found = |name: &str| next["summary"][name].as_u64().unwrap();
    assert_eq!((found("open") - found("carried_open"), &next["carried"]), (2, &json!(3)), "{next}");
    assert_eq!(
        next["summary"]["sum_ours"]["CNY"],
        10_000 + 20_000 - 700 - 30_000 + 10_981,
        "{next}"
    );
    let id = next["id"].as_str().unwrap();
    assert!(desk.differences(&format!("&reconciliation={id}&status=open")).is_empty());
    let cleared = desk.differences(&format!("&reconciliation={id}&status=cleared"));
    let mut rules: Vec<_> = cleared.iter().map(|it| it["cleared_by"].as_str().unwrap()).collect();
    rules.sort_unstable();
    let mut expected = [10_000, 20_000]
        .map(|minor| format!("booked late by {}", desk.of(&run, minor)["id"].as_str().unwrap()));
    expected.sort_unstable();
    assert_eq!(rules, expected, "{cleared:?}");
    let (ok, text) = desk.check();
    assert!(ok, "{text}");
    assert!(!gateway.log().contains("internal failure"), "{}", gateway.log());

    // The order and the difference must name each other.
    drop(wallet);
    let data = gateway.data.clone();
    drop(desk);
    drop(gateway);
    let store = Connection::open(data.join("lezai.db")).unwrap();
    for (from, to, said) in [
        ("\"evidence\"", "\"evidenz\"", "is booked late, and no order has its payment"),
        ("\"evidenz\"", "\"evidence\"", ""),
        ("\"line\":\"", "\"line\":\"0", "which is not of it"),
    ] {
        let sql =
            "UPDATE orders SET data = replace(data, ?1, ?2) WHERE data LIKE '%\"channel_ref\"%'";
        assert!(store.execute(sql, params![from, to]).unwrap() > 0);
        let check = lezai(&["ledger", "check", "--data", data.to_str().unwrap()]);
        let text = String::from_utf8(check.stdout).unwrap();
        assert_eq!(check.status.success(), said.is_empty(), "{text}");
        assert!(text.contains(said), "{text}");
    }
}
