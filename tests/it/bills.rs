//! Channels' bills and reconciliation on a running gateway: the wallet's own bill is fetched, each fault in
//! it is found, a run can be repeated, and another edition takes the place of the first.

use lezai_core::funds::date::Date;
use lezai_tests::{Answer, Gateway, Merchant, Request, TempDir, eventually, lezai, random_hex};
use serde_json::{Value, json};

/// The last digits of the amounts that put a fault into the bills.
pub(crate) const AMOUNTS: [&str; 3] = ["981", "982", "983"];
/// Those that put one into the bill of funds alone.
pub(crate) const OF_FUNDS: [&str; 3] = ["984", "985", "986"];
/// That which puts a payment into the bills of the next day.
pub(crate) const LATE: &str = "987";
pub(crate) const DAY: i64 = 86_400;
const SHANGHAI: i64 = 8 * 3600;

pub(crate) struct Desk<'g> {
    pub(crate) gateway: &'g Gateway,
    /// By how much the gateway's clock is ahead of this machine's, in seconds.
    ahead: std::cell::Cell<i64>,
    pub(crate) merchant: Merchant,
    pub(crate) token: String,
    pub(crate) day: String,
}

impl<'g> Desk<'g> {
    /// At one o'clock in Shanghai, so that no day ends meanwhile.
    pub(crate) fn new(gateway: &'g Gateway) -> Self {
        let token = std::fs::read_to_string(gateway.data.join("admin-token")).unwrap();
        let token = format!("Bearer {}", token.trim());
        let (merchant, day, ahead) = (Merchant::demo(gateway), String::new(), Default::default());
        let desk = Self { gateway, ahead, merchant, token, day };
        let local = lezai_tests::now_ms() / 1000 + SHANGHAI;
        let tomorrow = local.div_euclid(DAY) + 1;
        desk.advance(tomorrow * DAY + 3600 - local);
        let day = Date::parse("1970-01-01").unwrap().plus_days(i32::try_from(tomorrow).unwrap());
        Self { day: day.to_string(), ..desk }
    }

    /// The gateway's time.
    pub(crate) fn now_ms(&self) -> i64 {
        lezai_tests::now_ms() + self.ahead.get() * 1000
    }

    /// The gateway's time of day in Shanghai.
    pub(crate) fn second_of_day(&self) -> i64 {
        (self.now_ms() / 1000 + SHANGHAI).rem_euclid(DAY)
    }

    pub(crate) fn advance(&self, secs: i64) {
        self.ahead.set(self.ahead.get() + secs);
        let body = json!({ "advance_secs": secs }).to_string();
        let clock = Request::new("POST", "/sandbox/clock", body)
            .with("content-type", "application/json")
            .send(&self.gateway.authority)
            .unwrap();
        assert_eq!(clock.status, 200, "{}", clock.json());
    }

    /// An order of this amount that is paid.
    pub(crate) fn paid(&self, minor: i64) -> String {
        let mut order = Merchant::order(&random_hex());
        order["amount"] = json!(minor);
        let created = self.merchant.create(&random_hex(), order.to_string()).unwrap().json();
        let id = created["id"].as_str().unwrap().to_owned();
        let pay = Request::new("POST", &format!("/sandbox/orders/{id}/pay"), "");
        assert_eq!(pay.send(&self.gateway.authority).unwrap().json()["status"], "paid");
        id
    }

    pub(crate) fn operator(&self, method: &str, target: &str, body: impl Into<String>) -> Answer {
        let mut request =
            Request::new(method, target, body.into()).with("authorization", &self.token);
        if method != "GET" {
            request = request.with("content-type", "application/json");
        }
        request.send(&self.gateway.authority).unwrap()
    }

    pub(crate) fn reconcile(&self) -> Value {
        let body = json!({ "channel": "sandbox", "date": self.day }).to_string();
        let run = self.operator("POST", "/admin/v1/reconciliations", body);
        assert_eq!(run.status, 200, "{}", run.json());
        run.json()
    }

    pub(crate) fn differences(&self, query: &str) -> Vec<Value> {
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

impl Desk<'_> {
    /// Resolves what is open after the bill turned out to be empty: -10000, +5000 (a refund) and three
    /// others, each in another way.
    fn resolves_each(&self) {
        let post = |id: &str, name: &str, body: Value| {
            let target = format!("/admin/v1/differences/{id}/{name}");
            let request = Request::new("POST", &target, body.to_string())
                .with("authorization", &self.token)
                .with("content-type", "application/json")
                .with("idempotency-key", &format!("\"{}\"", random_hex()));
            request.send(&self.gateway.authority).unwrap()
        };
        let resolve = |id: &str, act: &str| {
            post(id, "resolution", json!({ "act": act, "reason": "Asked the channel", "by": "li" }))
        };
        let approve =
            |id: &str, by: &str| post(id, "approval", json!({ "verdict": "approve", "by": by }));
        let open = self.differences("");
        let id_of = |surplus: i64| {
            let found = open.iter().find(|it| it["surplus"] == surplus);
            found.unwrap_or_else(|| panic!("{open:?}"))["id"].as_str().unwrap().to_owned()
        };
        // Up to 10000 one person resolves it alone.
        let refund = id_of(5_000);
        assert_eq!(post(&refund, "owner", json!({ "owner": "li" })).json()["owner"], "li");
        let resolved = resolve(&refund, "suspense").json();
        assert_eq!(resolved["status"], "resolved", "{resolved}");
        assert_eq!(resolved["resolution"]["by"], "li");
        assert_eq!(resolve(&refund, "explain").code(), "difference_state");
        assert_eq!(resolve(&id_of(-10_000), "write_off").json()["status"], "resolved");
        // Above it two do.
        let large = id_of(-10_983);
        assert_eq!(resolve(&large, "write_off").json()["status"], "proposed");
        assert_eq!(approve(&large, "li").code(), "approver_is_resolver");
        let approved = approve(&large, "wang").json();
        assert_eq!(approved["status"], "resolved", "{approved}");
        assert_eq!(approved["resolution"]["approved_by"], "wang");
        // By the command, too.
        let (url, data) =
            (format!("http://{}", self.gateway.authority), self.gateway.data.display().to_string());
        let command = |arguments: &[&str]| {
            let at = ["--gateway", &url, "--data-dir", &data];
            let done = lezai(&[&["difference"], arguments, &at[..]].concat());
            assert!(done.status.success(), "{done:?}");
            String::from_utf8(done.stdout).unwrap()
        };
        let explained = id_of(-10_981);
        let flags = ["--act", "explain", "--reason", "Their next bill has it", "--by", "li"];
        let said = command(&[&["resolve", &explained], &flags[..]].concat());
        assert!(said.contains("-10981 CNY  proposed, 0 days"), "{said}");
        let said = command(&["refuse", &explained, "--by", "wang"]);
        assert!(said.contains("  open, "), "{said}");
        assert_eq!(command(&["list"]).lines().count(), 2);
        let shown = command(&["show", &explained]);
        assert!(shown.contains("\"evidence\": \""), "{shown}");
        // A resolution is booked, and nothing else.
        let check = lezai(&["ledger", "check", "--data", &data]);
        let text = String::from_utf8(check.stdout).unwrap();
        assert!(check.status.success(), "{text}");
        // 3 open and none cleared of the first run, 5 of the second.
        assert!(text.contains("bills    8 differences"), "{text}");
        let balance = |account: &str, minor: i64| {
            let found = text.lines().find(|it| it.trim_start().starts_with(account));
            let found = found.unwrap_or_else(|| panic!("{text}"));
            assert!(found.contains(&minor.to_string()), "{found}");
        };
        balance("suspense:sandbox", -5_000);
        balance("write_off", 10_000 + 10_983);
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
        let refunds = desk.merchant.get(&target).json();
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
    let put = desk.operator("PUT", &format!("{target}?kind=funds"), none).json();
    assert_eq!((put["kind"].as_str(), put["edition"].as_u64()), (Some("funds"), Some(2)), "{put}");
    let unknown = desk.operator("PUT", &format!("{target}?kind=cash"), none);
    assert_eq!(
        (unknown.code().as_str(), &unknown.json()["field"]),
        ("invalid_field", &json!("kind"))
    );
    let trades =
        "交易时间,商户订单号,交易状态,货币种类,手续费,订单金额\n总交易单数,手续费总金额\n`0,`0\n";
    let wrong = desk.operator("PUT", &format!("{target}?kind=funds"), trades);
    assert_eq!((wrong.code().as_str(), &wrong.json()["field"]), ("bill_refused", &json!("kind")));
    for _ in 0..2 {
        let put = desk.operator("PUT", &target, none).json();
        assert_eq!((put["edition"].as_u64(), put["rows"].as_u64()), (Some(2), Some(0)), "{put}");
    }
    let second = desk.reconcile();
    assert_eq!(second["summary"]["sum_theirs"], json!({}), "{second}");
    assert_eq!(classes(&desk.differences("")), ["missing_there"; 5]);
    desk.resolves_each();
    let first = run["id"].as_str().unwrap();
    let before = desk.differences(&format!("&reconciliation={first}"));
    assert!(before.iter().all(|it| it["status"] == "superseded"), "{before:?}");
    let bills = desk.operator("GET", "/admin/v1/bills", "").json();
    let editions: Vec<_> =
        bills["data"].as_array().unwrap().iter().map(|it| &it["source"]).collect();
    assert_eq!(editions, ["put", "fetched", "put", "fetched"]);
    assert!(!gateway.log().contains("internal failure"), "{}", gateway.log());
    // A resolution that was changed afterwards no longer fits its entry.
    let data = gateway.data.clone();
    drop(gateway);
    let store = rusqlite::Connection::open(data.join("lezai.db")).unwrap();
    let changed = store
        .execute(
            "UPDATE bill_differences SET data = replace(data, '\"suspense\"', '\"explain\"')",
            [],
        )
        .unwrap();
    assert!(changed > 0);
    drop(store);
    let check = lezai(&["ledger", "check", "--data", data.to_str().unwrap()]);
    let text = String::from_utf8(check.stdout).unwrap();
    assert_eq!(check.status.code(), Some(1), "{text}");
    assert!(text.contains("resolved, does not call for this suspense"), "{text}");
}

#[test]
fn the_bill_of_funds_is_the_third_side() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let desk = Desk::new(&gateway);
    desk.paid(10_000);
    for digits in OF_FUNDS {
        desk.paid(10_000 + digits.parse::<i64>().unwrap());
    }
    desk.advance(DAY);
    let run = eventually(|| {
        let runs = desk.operator("GET", "/admin/v1/reconciliations", "").json();
        let found =
            runs["data"].as_array().unwrap().iter().find(|it| it["date"] == desk.day.as_str());
        found.cloned().ok_or_else(|| format!("{runs}\n{}", gateway.log()))
    });
    // Order and bill of trades agree: what differs is between the two bills.
    assert_eq!(
        (run["summary"]["open"].as_u64(), run["open"].as_u64()),
        (Some(0), Some(3)),
        "{run}"
    );
    assert_eq!(run["funds"]["edition"], 1, "{run}");
    let sums = ["sum_ours", "sum_theirs"].map(|name| run["summary"]["funds"][name]["CNY"].as_i64());
    let trades = 10_000 + 10_984 + 10_985 + 10_986;
    assert_eq!(sums, [Some(trades), Some(trades - 10_984 + 1 - 1)], "{run}");
    let open = desk.differences("");
    assert_eq!(classes(&open), ["amount", "missing_here", "missing_there"], "{open:?}");
    assert!(open.iter().all(|it| it["between"] == "funds_and_trades"), "{open:?}");
    let of = |class: &str| open.iter().find(|it| it["class"] == class).unwrap();
    assert_eq!(
        of("amount")["found"]["reason"],
        "amount: 109.86 CNY in the bill of funds, 109.85 CNY in the bill of trades"
    );
    assert_eq!(
        (&of("missing_there")["surplus"], &of("missing_here")["surplus"]),
        (&json!(-10_984), &json!(-1))
    );
    assert_eq!(of("missing_here")["found"]["theirs"]["kind"], "fee");
    let (code, text) = desk.command(&[]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("\nby edition 1 of its bill of funds, sha-256 "), "{text}");
    assert!(
        text.contains(
            "cleared by      lines     trades\nmatched                            2          2\n"
        ),
        "{text}"
    );

    // What a person resolved stays so in the run by another edition: it is booked once.
    let fee = of("missing_here")["id"].as_str().unwrap();
    let target = format!("/admin/v1/differences/{fee}/resolution");
    let resolve = |target: &str, act: &str| {
        let body = json!({ "act": act, "reason": "Known", "by": "li" });
        Request::new("POST", target, body.to_string())
            .with("authorization", &desk.token)
            .with("content-type", "application/json")
            .with("idempotency-key", &format!("\"{}\"", random_hex()))
            .send(&gateway.authority)
            .unwrap()
    };
    // A payment is asked for at the channel, which changes nothing here: both know of it.
    let lost = of("missing_there")["id"].as_str().unwrap();
    let of_lost = format!("/admin/v1/differences/{lost}/resolution");
    let asked = resolve(&of_lost, "ask_channel").json();
    assert_eq!(
        (&asked["status"], &asked["asked"]["by"]),
        (&json!("open"), &json!("li")),
        "{asked}"
    );
    assert_eq!(resolve(&target, "ask_channel").code(), "order_not_found");
    let no_fee = resolve(&of_lost, "accept_fee");
    assert_eq!((no_fee.code().as_str(), &no_fee.json()["field"]), ("invalid_field", &json!("act")));
    let resolved = resolve(&target, "accept_fee").json();
    assert_eq!(resolved["status"], "resolved", "{resolved}");
    let bills = desk.operator("GET", "/admin/v1/bills", "").json();
    assert_eq!(bills["data"].as_array().unwrap().len(), 2, "{bills}");
    // The fee stands in the same line as before, which belongs to its evidence; the others are gone.
    let row = &of("missing_here")["found"]["theirs"];
    let (at, key) = (row["at"].as_str().unwrap(), row["reference"].as_str().unwrap());
    let mut bytes = "at,kind,reference,minor,currency\n".to_owned();
    for line in 2..row["line"].as_u64().unwrap() {
        bytes.push_str(&format!("{at},payment,other-{line},5,CNY\n"));
    }
    bytes.push_str(&format!("{at},fee,{key},-1,CNY\n"));
    let target = format!("/admin/v1/bills/sandbox/{}?kind=funds", desk.day);
    let put = desk.operator("PUT", &target, bytes);
    assert_eq!(put.json()["edition"], 2, "{}", put.json());
    let second = desk.reconcile();
    assert_eq!(second["funds"]["edition"], 2, "{second}");
    let cleared = desk
        .differences(&format!("&status=cleared&reconciliation={}", second["id"].as_str().unwrap()));
    assert_eq!(cleared[0]["cleared_by"], format!("resolved as {fee}").as_str(), "{cleared:?}");
    let data = gateway.data.display().to_string();
    let check = lezai(&["ledger", "check", "--data", &data]);
    let text = String::from_utf8(check.stdout).unwrap();
    assert!(check.status.success(), "{text}");
    let costs = text.lines().find(|it| it.trim_start().starts_with("channel_costs:sandbox"));
    assert!(costs.is_some_and(|it| it.contains('1')), "{text}");
}

impl Desk<'_> {
    /// The last run of a day, counted from the desk's own, once there is one that is as it is to be.
    pub(crate) fn run_of(&self, days: i32, is: impl Fn(&Value) -> bool) -> Value {
        let day = Date::parse(&self.day).unwrap().plus_days(days).to_string();
        eventually(|| {
            let runs = self.operator("GET", "/admin/v1/reconciliations?limit=100", "").json();
            let mut all = runs["data"].as_array().unwrap().iter();
            let found = all.find(|it| it["date"] == day.as_str()).filter(|it| is(it));
            found.cloned().ok_or_else(|| format!("{runs}\n{}", self.gateway.log()))
        })
    }
}

#[test]
fn what_comes_late_pairs_with_the_next_days_bill() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let desk = Desk::new(&gateway);
    desk.paid(10_000);
    let late = 10_000 + LATE.parse::<i64>().unwrap();
    desk.paid(late);
    // Lost for good: it never pairs.
    desk.paid(10_981);
    desk.advance(DAY);
    let first = desk.run_of(0, |_| true);
    assert_eq!((first["open"].as_u64(), first["carried"].as_u64()), (Some(2), Some(0)), "{first}");
    let open = desk.differences("");
    assert_eq!(classes(&open), ["missing_there"; 2], "{open:?}");
    desk.paid(12_000);
    // Less than five minutes before the end of the day, and in the next day's bill: expected.
    desk.advance(DAY - 280 - desk.second_of_day());
    desk.paid(late + 1_000);
    desk.advance(DAY);
    desk.paid(13_000);
    let second = desk.run_of(1, |_| true);
    assert_eq!(
        (second["open"].as_u64(), second["carried"].as_u64()),
        (Some(0), Some(2)),
        "{second}"
    );
    assert_eq!(second["status"], "balanced");
    // Sums have what was carried: 10987 in this day's bill, and 10981 that no bill has.
    assert_eq!(second["summary"]["carried_open"], 1, "{second}");
    let of = |days: i32, status: &str| -> Vec<i64> {
        let run = desk.run_of(days, |_| true);
        let target = format!("&reconciliation={}&status={status}", run["id"].as_str().unwrap());
        let all = desk.differences(&target);
        let minor = |it: &Value| it["found"]["ours"]["minor"].as_i64().unwrap();
        all.iter().map(minor).collect()
    };
    assert_eq!((of(0, "open"), of(0, "paired")), (vec![10_981], vec![late]));
    assert_eq!(of(1, "expected"), [late + 1_000]);
    let paired = desk.differences("&status=paired");
    assert_eq!(paired[0]["paired_in"], second["id"], "{paired:?}");
    // The next day has the one that was expected.
    desk.advance(DAY);
    let third = desk.run_of(2, |_| true);
    assert_eq!((third["open"].as_u64(), third["carried"].as_u64()), (Some(0), Some(2)), "{third}");
    assert_eq!((of(1, "expected"), of(1, "paired")), (vec![], vec![late + 1_000]));
    // Made again, each is the same, bit for bit, although what it carried is paired by now. Only what of the first is
    // open is less: the late one is paired.
    assert_eq!(first["open"], 2, "{first}");
    let first = Value::Object(
        first
            .as_object()
            .unwrap()
            .clone()
            .into_iter()
            .chain([("open".to_owned(), json!(1))])
            .collect(),
    );
    for (days, run) in [(0, &first), (1, &second), (2, &third)] {
        let day = Date::parse(&desk.day).unwrap().plus_days(days).to_string();
        let body = json!({ "channel": "sandbox", "date": day }).to_string();
        assert_eq!(desk.operator("POST", "/admin/v1/reconciliations", body).json(), *run);
    }
    // Another edition of the second day's bill does not have the late one: it is open again, and the third day
    // looks for it anew.
    let day = Date::parse(&desk.day).unwrap().plus_days(1).to_string();
    let none = r#"{"code":"NO_STATEMENT_EXIST"}"#;
    for kind in ["trades", "funds"] {
        let target = format!("/admin/v1/bills/sandbox/{day}?kind={kind}");
        assert_eq!(desk.operator("PUT", &target, none).json()["edition"], 2);
    }
    let body = json!({ "channel": "sandbox", "date": day }).to_string();
    let anew = desk.operator("POST", "/admin/v1/reconciliations", body).json();
    assert_eq!((anew["edition"].as_u64(), anew["open"].as_u64()), (Some(2), Some(1)), "{anew}");
    let mut both = of(0, "open");
    both.sort_unstable();
    assert_eq!(both, [10_981, late]);
    let last = desk.run_of(2, |it| it["id"] != third["id"]);
    assert_eq!(last["carried"].as_u64(), Some(4), "{last}");
    let check = lezai(&["ledger", "check", "--data", &gateway.data.display().to_string()]);
    assert!(check.status.success(), "{}", String::from_utf8(check.stdout).unwrap());
    assert!(!gateway.log().contains("internal failure"), "{}", gateway.log());
}
