//! Rows that wait for the bills of later days: none is left out, however many there are, and each is due by its day,
//! whether there was a run of that day or not.

use lezai_core::funds::date::Date;
use lezai_tests::{Gateway, TempDir, eventually};
use serde_json::{Value, json};

use crate::bills::{DAY, Desk, LATE};

const NO_BILL: &str = r#"{"code":"NO_STATEMENT_EXIST"}"#;

impl Desk<'_> {
    fn day(&self, days: i32) -> String {
        Date::parse(&self.day).unwrap().plus_days(days).to_string()
    }

    fn put(&self, day: &str, bytes: impl Into<String>) -> Value {
        let put = self.operator("PUT", &format!("/admin/v1/bills/sandbox/{day}"), bytes);
        assert_eq!(put.status, 200, "{}", put.json());
        put.json()
    }

    fn run(&self, day: &str) -> Value {
        let body = json!({ "channel": "sandbox", "date": day }).to_string();
        let run = self.operator("POST", "/admin/v1/reconciliations", body);
        assert_eq!(run.status, 200, "{}", run.json());
        run.json()
    }
}

#[test]
fn what_nobody_looked_for_is_due_by_its_day() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let desk = Desk::new(&gateway);
    // Near the end of the day, and in the next day's bill.
    desk.advance(DAY - 280 - desk.second_of_day());
    let minor = 10_000 + LATE.parse::<i64>().unwrap();
    desk.paid(minor);
    desk.advance(DAY);
    desk.run_of(0, |_| true);
    let [expected] = &desk.differences("&status=expected")[..] else { panic!("{}", gateway.log()) };
    assert_eq!(expected["cleared_by"], "cut_off", "{expected}");
    assert!(desk.differences("").is_empty());
    // The gateway fetches the bills of the last seven days, and nobody puts that of the next one.
    desk.advance(20 * DAY);
    let open = eventually(|| {
        let open = desk.differences("");
        if open.len() == 1 { Ok(open) } else { Err(format!("{open:?}\n{}", gateway.log())) }
    });
    assert_eq!((&open[0]["id"], &open[0]["surplus"]), (&expected["id"], &json!(-minor)));
    let runs = desk.operator("GET", "/admin/v1/reconciliations?limit=100", "").json();
    let next = desk.day(1);
    assert!(
        runs["data"].as_array().unwrap().iter().all(|it| it["date"] != next.as_str()),
        "{runs}"
    );
    let metric = r#"lezai_differences_open{channel="sandbox",class="timing",age="older"} 1"#;
    eventually(|| {
        let metrics = String::from_utf8(desk.operator("GET", "/metrics", "").body).unwrap();
        if metrics.contains(metric) { Ok(()) } else { Err(metrics) }
    });
    assert!(gateway.log().contains("reconciliation.difference.opened"), "{}", gateway.log());
    // Its bill comes at last, and has it.
    let row = &open[0]["found"]["ours"];
    let bill = format!(
        "at,kind,reference,minor,currency\n{next}T00:01:00+08:00,payment,{},{minor},CNY\n",
        row["reference"].as_str().unwrap()
    );
    desk.put(&next, bill);
    let run = desk.run(&next);
    assert_eq!((&run["carried"], &run["open"]), (&json!(1), &json!(0)), "{run}");
    assert_eq!(desk.differences("&status=paired")[0]["id"], expected["id"]);
    assert!(desk.differences("").is_empty());
}

#[test]
fn every_row_that_waits_is_carried_however_many_there_are() {
    const ROWS: usize = 6_000;
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let desk = Desk::new(&gateway);
    desk.advance(4 * DAY);
    for days in 0..2 {
        let day = desk.day(days);
        let rows = (0..ROWS).map(|n| format!("{day}T12:00:00+08:00,payment,{days}-{n},5,CNY\n"));
        let bill = "at,kind,reference,minor,currency\n".to_owned() + &rows.collect::<String>();
        desk.put(&format!("{day}?kind=funds"), bill.clone());
        desk.put(&day, bill);
        let run = desk.run(&day);
        assert_eq!(run["open"], ROWS, "{run}");
    }
    // Each ends in a class of the third day's run, and its sums have all of them.
    let day = desk.day(2);
    desk.put(&format!("{day}?kind=funds"), NO_BILL);
    desk.put(&day, NO_BILL);
    let run = desk.run(&day);
    assert_eq!(run["carried"], 2 * ROWS, "{run}");
    assert_eq!(run["summary"]["carried_open"], 2 * ROWS, "{run}");
    assert_eq!(run["summary"]["sum_theirs"]["CNY"], 2 * ROWS * 5, "{run}");
}
