//! Channels' bills and reconciliation on a running gateway: the wallet's own bill is fetched, each fault in
//! it is found, a run can be repeated, and another edition takes the place of the first.

use lezai_core::funds::date::Date;
use lezai_tests::{Answer, Gateway, Merchant, Request, TempDir, eventually, lezai, random_hex};
use serde_json::{Value, json};

/// The last digits of the amounts that put a fault into the bill.
pub(crate) const AMOUNTS: [&str; 3] = ["981", "982", "983"];
const DAY: i64 = 86_400;
const SHANGHAI: i64 = 8 * 3600;

struct Desk<'g> {
    gateway: &'g Gateway,
    merchant: Merchant,
    token: String,
    day: String,
}

impl<'g> Desk<'g> {
    /// At one o'clock in Shanghai, so that no day ends meanwhile.
    fn new(gateway: &'g Gateway) -> Self {
        let token = std::fs::read_to_string(gateway.data.join("admin-token")).unwrap();
        let token = format!("Bearer {}", token.trim());
        let desk = Self { gateway, merchant: Merchant::demo(gateway), token, day: String::new() };
        let local = lezai_tests::now_ms() / 1000 + SHANGHAI;
        let tomorrow = local.div_euclid(DAY) + 1;
        desk.advance(tomorrow * DAY + 3600 - local);
        let day = Date::parse("1970-01-01").unwrap().plus_days(i32::try_from(tomorrow).unwrap());
        Self { day: day.to_string(), ..desk }
    }

    fn advance(&self, secs: i64) {
        let body = json!({ "advance_secs": secs }).to_string();
        let clock = Request::new("POST", "/sandbox/clock", body)
            .with("content-type", "application/json")
            .send(&self.gateway.authority)
            .unwrap();
        assert_eq!(clock.status, 200, "{}", clock.json());
    }

    /// An order of this amount that is paid.
    fn paid(&self, minor: i64) -> String {
        let mut order = Merchant::order(&random_hex());
        order["amount"] = json!(minor);
        let created = self.merchant.create(&random_hex(), order.to_string()).unwrap().json();
        let id = created["id"].as_str().unwrap().to_owned();
        let pay = Request::new("POST", &format!("/sandbox/orders/{id}/pay"), "");
        assert_eq!(pay.send(&self.gateway.authority).unwrap().json()["status"], "paid");
        id
    }

    fn operator(&self, method: &str, target: &str, body: impl Into<String>) -> Answer {
        let mut request =
            Request::new(method, target, body.into()).with("authorization", &self.token);
        if method != "GET" {
            request = request.with("content-type", "application/json");
        }
        request.send(&self.gateway.authority).unwrap()
    }

    fn reconcile(&self) -> Value {
        let body = json!({ "channel": "sandbox", "date": self.day }).to_string();
        let run = self.operator("POST", "/admin/v1/reconciliations", body);
        assert_eq!(run.status, 200, "{}", run.json());
        run.json()
    }

    fn differences(&self, query: &str) -> Vec<Value> {
        let page = self.operator("GET", &format!("/admin/v1/differences?limit=100{query}"), "");
        page.json()["data"].as_array().unwrap_or_else(|| panic!("{}", page.json())).clone()
    }

    /// The exit code of `lezai reconcile`, and what it printed.
    fn command(&self, flags: &[&str]) -> (Option<i32>, String) {
        let (url, data) =
            (format!("http://{}", self.gateway.authority), self.gateway.data.display().to_string());
        let at = ["--gateway", &url, "--data-dir", &data, "--date", &self.day];
        let done = lezai(&[&["reconcile", "--channel", "sandbox"], &at[..], flags].concat());
        let text = String::from_utf8(done.stdout).unwrap();
        (done.status.code(), text + &String::from_utf8(done.stderr).unwrap())
    }
}

/// The classes of some differences, sorted.
fn classes(differences: &[Value]) -> Vec<&str> {
    let mut classes: Vec<_> = differences.iter().map(|it| it["class"].as_str().unwrap()).collect();
    classes.sort_unstable();
    classes
}

#[test]
fn the_wallets_bill_is_fetched_and_each_of_its_faults_is_found() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let desk = Desk::new(&gateway);
    let order = desk.paid(10_000);
    let refund = json!({ "merchant_refund_id": "R-1", "amount": 5_000, "currency": "CNY" });
    let target = format!("/v1/orders/{order}/refunds");
    let refund = desk.merchant.post(&target, "r-1", refund.to_string());
    assert_eq!(desk.merchant.send(&refund).unwrap().status, 201);
    eventually(|| {
        let refunds = desk.merchant.get("/v1/refunds").json();
        let done = refunds["data"][0]["status"] == "succeeded";
        done.then_some(()).ok_or_else(|| refunds.to_string())
    });
    for digits in AMOUNTS {
        desk.paid(10_000 + digits.parse::<i64>().unwrap());
    }
    // Its day is not over: there is nothing to reconcile yet.
    let early = json!({ "channel": "sandbox", "date": desk.day }).to_string();
    assert_eq!(desk.operator("POST", "/admin/v1/reconciliations", early).code(), "invalid_field");

    desk.advance(DAY);
    let run = eventually(|| {
        let runs = desk.operator("GET", "/admin/v1/reconciliations", "").json();
        let found =
            runs["data"].as_array().unwrap().iter().find(|it| it["date"] == desk.day.as_str());
        found.cloned().ok_or_else(|| format!("{runs}\n{}", gateway.log()))
    });
    assert_eq!((run["status"].as_str(), run["open"].as_u64()), (Some("open"), Some(3)), "{run}");
    assert_eq!(run["summary"]["sum_ours"]["CNY"], 10_000 - 5_000 + 10_981 + 10_982 + 10_983);
    let open = desk.differences("");
    assert_eq!(classes(&open), ["amount", "duplicate", "missing_there"], "{open:?}");
    let amount = open.iter().find(|it| it["class"] == "amount").unwrap();
    assert_eq!(amount["found"]["reason"], "amount: 109.84 CNY there, 109.83 CNY here");
    assert_eq!(amount["age_days"], 0);
    let metric = r#"lezai_differences_open{channel="sandbox",class="amount",age="day"} 1"#;
    eventually(|| {
        let metrics = desk.operator("GET", "/metrics", "").body;
        let metrics = String::from_utf8(metrics).unwrap();
        metrics.contains(metric).then_some(()).ok_or(metrics)
    });

    // Once more it is the same run, bit for bit.
    assert_eq!(desk.reconcile(), run);
    let (code, text) = desk.command(&[]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("\n3 open:\ndif_"), "{text}");
    assert!(text.contains("matched                            3          3\n"), "{text}");
    let (code, text) = desk.command(&["--json"]);
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!((code, last), (Some(1), run.clone()));

    // A bill that is damaged changes nothing; another edition takes the place of the first.
    let target = format!("/admin/v1/bills/sandbox/{}", desk.day);
    let refused = desk.operator("PUT", &target, "at,kind,reference,minor,currency,currency\n");
    assert_eq!((refused.code().as_str(), refused.status), ("bill_refused", 422));
    assert_eq!(
        (refused.json()["line"].as_u64(), &refused.json()["column"]),
        (Some(1), &json!("currency"))
    );
    let other = format!(
        "at,kind,reference,minor,currency\n{}",
        "2020-01-01T09:30:00+08:00,payment,x,5,CNY\n"
    );
    assert_eq!(desk.operator("PUT", &target, other).json()["field"], "date");
    assert_eq!(desk.operator("PUT", "/admin/v1/bills/cash/2026-01-01", "x").code(), "not_found");
    let none = r#"{"code":"NO_STATEMENT_EXIST"}"#;
    for _ in 0..2 {
        let put = desk.operator("PUT", &target, none).json();
        assert_eq!((put["edition"].as_u64(), put["rows"].as_u64()), (Some(2), Some(0)), "{put}");
    }
    let second = desk.reconcile();
    assert_eq!(second["summary"]["sum_theirs"], json!({}), "{second}");
    assert_eq!(classes(&desk.differences("")), ["missing_there"; 5]);
    let first = run["id"].as_str().unwrap();
    let before = desk.differences(&format!("&reconciliation={first}"));
    assert!(before.iter().all(|it| it["status"] == "superseded"), "{before:?}");
    let bills = desk.operator("GET", "/admin/v1/bills", "").json();
    let editions: Vec<_> =
        bills["data"].as_array().unwrap().iter().map(|it| &it["source"]).collect();
    assert_eq!(editions, ["put", "fetched"]);
    assert!(!gateway.log().contains("internal failure"), "{}", gateway.log());
}
