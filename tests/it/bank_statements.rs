//! The bank as a further side: its statement, read by the operator's layout, is held against the withdrawals of the
//! channel's bill of funds. What is late pairs, and what does not come is open once it is due.

use lezai_core::funds::date::Date;
use lezai_tests::{Gateway, Request, TempDir, eventually, lezai, random_hex};
use serde_json::{Value, json};

use crate::bills::{DAY, Desk};

const NO_BILL: &str = r#"{"code":"NO_STATEMENT_EXIST"}"#;
const HEADER: &str = "at,kind,reference,minor,currency\n";

/// A bank that tells days alone, and has the number somewhere in a remark. Other rows are of other business.
fn layout() -> String {
    json!({
        "name": "icbc", "needs": ["Day", "From", "Remark"], "offset": "+08:00", "currency": "CNY",
        "rows": [
            { "when": { "From": ["Wallet Ltd"], "Out": [""] }, "kind": "withdrawal", "key": ["Remark"],
              "key_behind": "No.", "amount": ["In"], "sign": "in", "at": ["Day"] },
            { "skip": true },
        ],
    })
    .to_string()
}

impl Desk<'_> {
    fn at(&self, days: i32) -> String {
        Date::parse(&self.day).unwrap().plus_days(days).to_string()
    }

    fn put_kind(&self, days: i32, kind: &str, bytes: impl Into<String>) {
        let target = format!("/admin/v1/bills/sandbox/{}?kind={kind}", self.at(days));
        let put = self.operator("PUT", &target, bytes);
        assert_eq!((put.status, &put.json()["kind"]), (200, &json!(kind)), "{}", put.json());
    }

    /// A day without trades: what was withdrawn, and the bank's rows.
    fn put_day(&self, days: i32, withdrawn: &[(&str, i64)], bank: &[(&str, &str)]) {
        let day = self.at(days);
        let funds = withdrawn.iter().map(|(number, minor)| {
            format!("{day}T10:00:00+08:00,withdrawal,{number},-{minor},CNY\n")
        });
        let bank = bank
            .iter()
            .map(|(number, major)| format!("{day},Wallet Ltd,paid No.{number},{major},\n"));
        self.put_kind(days, "trades", NO_BILL);
        self.put_kind(days, "funds", HEADER.to_owned() + &funds.collect::<String>());
        let rows = format!("{day},Landlord,rent,,900.00\n") + &bank.collect::<String>();
        self.put_kind(days, "bank", "Day,From,Remark,In,Out\n".to_owned() + &rows);
    }

    fn run_day(&self, days: i32) -> Value {
        let body = json!({ "channel": "sandbox", "date": self.at(days) }).to_string();
        let run = self.operator("POST", "/admin/v1/reconciliations", body);
        assert_eq!(run.status, 200, "{}", run.json());
        run.json()
    }

    /// The references, classes and states of what a run found.
    fn found(&self, run: &Value) -> Vec<(String, String, String)> {
        let id = run["id"].as_str().unwrap();
        let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
        let told = |it: &Value| {
            assert_eq!(it["between"], "bank_and_funds", "{it}");
            let found = &it["found"];
            let side = if found["theirs"].is_object() { &found["theirs"] } else { &found["ours"] };
            (text(&side["reference"]), text(&it["class"]), text(&it["status"]))
        };
        let mut all: Vec<_> =
            self.differences(&format!("&reconciliation={id}")).iter().map(told).collect();
        all.sort();
        all
    }
}

fn rows(rows: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    rows.iter().map(|it| (it.0.to_owned(), it.1.to_owned(), it.2.to_owned())).collect()
}

#[test]
fn what_was_withdrawn_is_looked_for_at_the_bank_until_it_is_due() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let desk = Desk::new(&gateway);
    desk.advance(4 * DAY);
    let put = desk.operator("PUT", "/admin/v1/bill_layouts/icbc", layout());
    assert_eq!(put.status, 200, "{}", put.json());

    desk.put_day(
        0,
        &[("W1", 500), ("W2", 70), ("W3", 8)],
        &[("W1", "5.00"), ("W3", "0.07"), ("W4", "0.01")],
    );
    let first = desk.run_day(0);
    assert_eq!(first["bank"]["layout"]["name"], "icbc", "{first}");
    assert_eq!((&first["status"], &first["open"]), (&json!("open"), &json!(2)), "{first}");
    let expected = [
        ("W2", "missing_there", "expected"),
        ("W3", "amount", "open"),
        ("W4", "missing_here", "open"),
    ];
    assert_eq!(desk.found(&first), rows(&expected));
    // The sums of both sides, as the bank sees them; between the other two bills there is nothing left.
    let bank = &first["summary"]["bank"];
    assert_eq!(
        (&bank["sum_theirs"]["CNY"], &bank["sum_ours"]["CNY"]),
        (&json!(500 + 7 + 1), &json!(500 + 70 + 8)),
        "{first}"
    );
    assert_eq!(first["summary"]["funds"]["lines"], 0, "{first}");
    assert_eq!(desk.run_day(0), first);

    // The next day the bank has the one that was late. Another is not there yet.
    desk.put_day(1, &[("W5", 9)], &[("W2", "0.70")]);
    let next = desk.run_day(1);
    assert_eq!((&next["carried"], &next["open"]), (&json!(2), &json!(0)), "{next}");
    let expected = [("W2", "timing", "cleared"), ("W5", "missing_there", "expected")];
    assert_eq!(desk.found(&next), rows(&expected));
    assert_eq!(desk.found(&first)[0].2, "paired");

    // What a person resolves is open no more, in the run that found it as well.
    let open = desk.differences("");
    let short =
        open.iter().find(|it| it["class"] == "amount").unwrap_or_else(|| panic!("{open:?}"));
    assert_eq!(short["surplus"], -1, "{short}");
    let target = format!("/admin/v1/differences/{}/resolution", short["id"].as_str().unwrap());
    let body = json!({ "act": "write_off", "reason": "The bank's fee", "by": "li" });
    let resolved = Request::new("POST", &target, body.to_string())
        .with("authorization", &desk.token)
        .with("content-type", "application/json")
        .with("idempotency-key", &format!("\"{}\"", random_hex()))
        .send(&gateway.authority)
        .unwrap();
    assert_eq!(resolved.json()["status"], "resolved", "{}", resolved.json());
    let target = format!("/admin/v1/reconciliations/{}", first["id"].as_str().unwrap());
    let now = desk.operator("GET", &target, "").json();
    assert_eq!((&now["open"], &now["summary"]["bank"]["open"]), (&json!(1), &json!(2)), "{now}");
    let listed = desk.operator("GET", "/admin/v1/reconciliations?limit=100", "").json();
    let same = listed["data"].as_array().unwrap().iter().find(|it| it["id"] == first["id"]);
    assert_eq!(same, Some(&now));

    // Nobody puts further statements: what was waited for is open once it is due.
    desk.advance(20 * DAY);
    eventually(|| {
        let open = desk.differences("");
        let is_due = open.iter().any(|it| it["found"]["ours"]["reference"] == "W5");
        if is_due { Ok(()) } else { Err(format!("{open:?}\n{}", gateway.log())) }
    });
    let data = gateway.data.display().to_string();
    let check = lezai(&["ledger", "check", "--data", &data]);
    let text = String::from_utf8(check.stdout).unwrap();
    assert!(check.status.success(), "{text}");
    assert!(!gateway.log().contains("internal failure"), "{}", gateway.log());
}

#[test]
fn without_a_bank_s_statement_a_withdrawal_is_what_only_the_bill_of_funds_has() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let desk = Desk::new(&gateway);
    desk.advance(2 * DAY);
    desk.put_kind(0, "trades", NO_BILL);
    let day = desk.at(0);
    let funds = format!("{HEADER}{day}T10:00:00+08:00,withdrawal,W1,-500,CNY\n");
    desk.put_kind(0, "funds", funds);
    let run = desk.run_day(0);
    assert_eq!(run["open"], 1, "{run}");
    let open = desk.differences("");
    assert_eq!(
        (&open[0]["between"], &open[0]["class"], &open[0]["surplus"]),
        (&json!("funds_and_trades"), &json!("missing_here"), &json!(-500))
    );
    // Once there is one, the withdrawal is compared with it, and with nothing else.
    let file = folder.path().join("bank.csv");
    std::fs::write(&file, format!("{HEADER}{day},withdrawal,W1,500,CNY\n")).unwrap();
    let url = format!("http://{}", gateway.authority);
    let data = gateway.data.display().to_string();
    let at = ["--gateway", &url, "--data-dir", &data, "--channel", "sandbox", "--date", &day];
    let put = ["bill", "put", file.to_str().unwrap(), "--kind", "bank"];
    let done = lezai(&[&put, &at[..]].concat());
    assert!(done.status.success(), "{done:?}");
    assert!(String::from_utf8(done.stdout).unwrap().contains("  bank    edition 1  1 rows"));
    let done = lezai(&[&["reconcile"], &at[..]].concat());
    let text = String::from_utf8(done.stdout).unwrap();
    assert_eq!(done.status.code(), Some(0), "{text}");
    assert!(text.contains("\nby edition 1 of the bank's statement, sha-256 "), "{text}");
    assert!(desk.differences("").is_empty());
    assert_eq!(desk.differences("&status=superseded").len(), 1);
}
