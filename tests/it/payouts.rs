//! Money out on a running gateway: payouts of every ending, contracts, cut-offs and settlement batches,
//! and 200 callers at one balance.

use lezai_tests::{
    Answer, Gateway, Merchant, Receiver, Request, TempDir, crowd, eventually, lezai, random_hex,
};
use serde_json::{Value, json};

/// The last digits of the sandbox's amounts that are paid out here.
pub(crate) const AMOUNTS: [&str; 7] = ["971", "972", "973", "974", "975", "977", "978"];

pub(crate) const DAY: i64 = 86_400;

pub(crate) struct Shop<'g> {
    pub(crate) gateway: &'g Gateway,
    pub(crate) merchant: Merchant,
    token: String,
}

impl<'g> Shop<'g> {
    pub(crate) fn new(gateway: &'g Gateway) -> Self {
        let token = std::fs::read_to_string(gateway.data.join("admin-token")).unwrap();
        let token = format!("Bearer {}", token.trim());
        Self { gateway, merchant: Merchant::demo(gateway), token }
    }

    /// An order of this amount that is paid.
    pub(crate) fn paid(&self, minor: i64) -> String {
        let mut order = Merchant::order(&random_hex());
        order["amount"] = json!(minor);
        let created = self.merchant.create(&random_hex(), order.to_string()).unwrap().json();
        let id = created["id"].as_str().unwrap().to_owned();
        let pay = Request::new("POST", &format!("/sandbox/orders/{id}/pay"), "");
        let paid = pay.send(&self.gateway.authority).unwrap();
        assert_eq!(paid.status, 200, "{}", paid.json());
        id
    }

    pub(crate) fn advance(&self, secs: i64) {
        let clock =
            Request::new("POST", "/sandbox/clock", json!({ "advance_secs": secs }).to_string())
                .with("content-type", "application/json");
        assert_eq!(clock.send(&self.gateway.authority).unwrap().status, 200);
    }

    /// The balance of one of the merchant's accounts.
    pub(crate) fn balance(&self, account: &str) -> i64 {
        let balances = self.merchant.get("/v1/balances").json();
        let mut all = balances["data"].as_array().unwrap().iter();
        let found = all.find(|it| it["account"] == account && it["currency"] == "CNY");
        found.map_or(0, |it| it["amount"].as_i64().unwrap())
    }

    pub(crate) fn available(&self, expected: i64) {
        eventually(|| {
            let found = self.balance("available");
            (found == expected).then_some(()).ok_or(format!("{found} instead of {expected}"))
        });
    }

    pub(crate) fn pay_out(&self, number: &str, minor: i64) -> Answer {
        self.pay_out_with(number, json!({ "amount": minor }))
    }

    pub(crate) fn pay_out_with(&self, number: &str, with: Value) -> Answer {
        let mut body = json!({
            "merchant_payout_id": number, "currency": "CNY",
            "destination": { "kind": "bank_account", "account": "6222020200112233445", "holder": "Tea House" },
        });
        for (name, value) in with.as_object().unwrap() {
            body[name] = value.clone();
        }
        let request = self.merchant.post("/v1/payouts", &format!("key-{number}"), body.to_string());
        self.merchant.send(&request).unwrap()
    }

    /// The payout once it has this status.
    pub(crate) fn ends(&self, id: &str, status: &str) -> Value {
        eventually(|| {
            let payout = self.merchant.get(&format!("/v1/payouts/{id}")).json();
            if payout["status"] == status { Ok(payout) } else { Err(payout.to_string()) }
        })
    }

    pub(crate) fn operator(
        &self,
        method: &str,
        target: &str,
        key: Option<&str>,
        body: &Value,
    ) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut request = Request::new(method, target, body).with("authorization", &self.token);
        if method != "GET" {
            request = request.with("content-type", "application/json");
        }
        if let Some(key) = key {
            request = request.with("idempotency-key", &format!("\"{key}\""));
        }
        request.send(&self.gateway.authority).unwrap()
    }

    pub(crate) fn check(&self) -> String {
        let check = lezai(&["ledger", "check", "--data", self.gateway.data.to_str().unwrap()]);
        let text = String::from_utf8_lossy(&check.stdout).into_owned();
        assert!(check.status.success(), "{text}");
        text
    }
}

pub(crate) fn id(answer: &Answer) -> String {
    answer.json()["id"].as_str().unwrap_or_else(|| panic!("{}", answer.json())).to_owned()
}

#[test]
fn a_payout_takes_what_is_available_once_and_ends_as_its_amount_says() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    assert_eq!(shop.pay_out("early", 100).code(), "insufficient_funds");
    shop.paid(100_000);
    shop.paid(100_000);
    shop.advance(DAY + 1);
    // The demo merchant's policy takes 0.6 %.
    shop.available(198_800);
    let mut left = 198_800;
    for (digits, ends, kept) in [
        (100, "paid", false),
        (972, "failed", true),
        (973, "failed", true),
        (974, "paid", false),
        (975, "paid", false),
    ] {
        let minor = 10_000 + digits;
        let number = format!("P-{digits}");
        let answer = shop.pay_out(&number, minor);
        assert_eq!(answer.status, 201, "{}", answer.json());
        // Sent once more it is answered as before, and takes nothing more.
        let again = shop.pay_out(&number, minor);
        assert_eq!(again.body, answer.body);
        let payout = shop.ends(&id(&answer), ends);
        assert_eq!(payout["destination"], json!({ "kind": "bank_account", "account": "****3445" }));
        left -= if kept { 0 } else { minor };
        shop.available(left);
    }
    let late = id(&shop.pay_out("P-971", 10_971));
    shop.ends(&late, "sent");
    let cannot = shop.merchant.post(&format!("/v1/payouts/{late}/cancel"), &random_hex(), "{}");
    assert_eq!(shop.merchant.send(&cannot).unwrap().code(), "payout_state");
    shop.advance(60);
    shop.ends(&late, "paid");
    left -= 10_971;
    // Paid, and back half a minute later: its owner's again.
    let back = id(&shop.pay_out("P-977", 10_977));
    shop.ends(&back, "paid");
    shop.available(left - 10_977);
    shop.advance(120);
    let returned = shop.ends(&back, "returned");
    assert_eq!(returned["failure"]["code"], "account_closed");
    shop.available(left);
    // Another amount than was asked for is nobody's to decide but a person's.
    let less = id(&shop.pay_out("P-978", 10_978));
    let attended = eventually(|| {
        let payout = shop.merchant.get(&format!("/v1/payouts/{less}")).json();
        if payout["attention"] == json!(["amount"]) { Ok(payout) } else { Err(payout.to_string()) }
    });
    assert_eq!(attended["status"], "sent");
    // One for later can be called off.
    let later = crate_time(30 * DAY);
    let planned = id(&shop.pay_out_with("P-later", json!({ "amount": 500, "not_before": later })));
    assert_eq!(shop.ends(&planned, "accepted")["not_before"], later);
    let cancel = shop.merchant.post(&format!("/v1/payouts/{planned}/cancel"), "c-1", "{}");
    assert_eq!(shop.merchant.send(&cancel).unwrap().json()["status"], "cancelled");
    // A number is one payout.
    let taken = shop.pay_out_with("P-other", json!({ "amount": 1, "merchant_payout_id": "P-100" }));
    assert_eq!(taken.code(), "merchant_payout_id_taken");
    let listed = shop.merchant.get("/v1/payouts?status=failed").json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 2, "{listed}");
    let found = shop.merchant.get("/v1/payouts?merchant_payout_id=P-977").json();
    assert_eq!(found["data"][0]["id"], back, "{found}");
    assert!(shop.check().contains("payouts  "));
}

/// So many seconds from now, as the API has it.
fn crate_time(secs: i64) -> String {
    let at = lezai_core::time::Timestamp::from_ms(lezai_tests::now_ms()).plus_secs(secs);
    lezai_wire::time::rfc3339(at)
}

#[test]
fn a_contract_says_what_a_payout_costs_and_who_has_to_approve() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    let contract = |max: i64| {
        json!({ "contract": {
            "fees": { "payment": [{ "currency": "CNY", "rate_ppm": 10_000, "rounding": "half_up" }],
                      "payout": [{ "currency": "CNY", "rate_ppm": 0, "fixed": 100, "rounding": "down" }] },
            "cycle": { "kind": "after", "seconds": 0 },
            "day": { "zone": "Asia/Shanghai", "cut_off": "16:00" },
            "payouts": { "fee_returned": true,
                "limits": [{ "currency": "CNY", "min": 1000, "max": max, "day_max": 30_000, "approval_above": 9_999 }] },
        }})
    };
    let target = "/admin/v1/merchants/m_demo/contracts";
    let put =
        |number: u32, body: &Value| shop.operator("PUT", &format!("{target}/{number}"), None, body);
    assert_eq!(put(2, &contract(20_000)).code(), "contract_number");
    let first = put(1, &contract(20_000));
    assert_eq!(first.status, 200, "{}", first.json());
    assert_eq!(put(1, &contract(20_000)).body, first.body, "the same once more");
    assert_eq!(put(1, &contract(20_001)).code(), "contract_number", "never edited");
    // Smaller payouts are worse for the merchant: not at once.
    let mut worse = contract(19_999);
    worse["in_force_from"] = json!(crate_time(60));
    let early = put(2, &worse);
    assert_eq!((early.code().as_str(), early.status), ("contract_notice", 409));
    assert_eq!(early.json()["field"], "payouts.limits.CNY.max");
    let announced = put(2, &contract(19_999)).json();
    assert_eq!(
        (announced["status"].as_str(), announced["number"].as_u64()),
        (Some("announced"), Some(2))
    );
    assert_eq!(shop.merchant.get("/v1/contracts").json()["data"][1]["status"], "in_force");

    // In real time what is captured is available, and can no longer be voided.
    let order = shop.paid(100_000);
    shop.available(99_000);
    let view = shop.merchant.get(&format!("/v1/orders/{order}")).json();
    assert_eq!(view["fee"], 1_000, "the contract's fee, and not the policy's");
    let void = shop.merchant.post(&format!("/v1/orders/{order}/void"), "v-1", "{}");
    assert_eq!(shop.merchant.send(&void).unwrap().code(), "order_settled");

    for (minor, code) in [(999, "payout_limit_exceeded"), (20_001, "payout_limit_exceeded")] {
        assert_eq!(shop.pay_out(&format!("L-{minor}"), minor).code(), code);
    }
    let small = id(&shop.pay_out("S", 9_977));
    assert_eq!(shop.ends(&small, "paid")["fee"], 100);
    shop.available(99_000 - 10_077);
    // Back after it was paid, with its fee as agreed.
    shop.advance(120);
    shop.ends(&small, "returned");
    shop.available(99_000);
    let approved = id(&shop.pay_out("A", 10_000));
    let refused = id(&shop.pay_out("R", 10_001));
    assert_eq!(shop.ends(&approved, "needs_approval")["amount"], 10_000);
    shop.available(99_000 - 10_100 - 10_101);
    assert_eq!(shop.pay_out("D", 9_000).code(), "payout_limit_exceeded", "the day's limit");
    let waiting = shop.operator("GET", "/admin/v1/payouts", None, &Value::Null).json();
    assert_eq!(waiting["data"].as_array().unwrap().len(), 2, "{waiting}");
    let decide = |id: &str, key: &str, verdict: &str| {
        let body = json!({ "verdict": verdict, "reason": "Known supplier" });
        shop.operator("POST", &format!("/admin/v1/payouts/{id}/decision"), Some(key), &body)
    };
    let once = decide(&approved, "a-1", "approve");
    assert_eq!(once.status, 200, "{}", once.json());
    assert_eq!(decide(&approved, "a-1", "approve").body, once.body);
    assert_eq!(decide(&approved, "a-2", "refuse").code(), "payout_decided");
    assert_eq!(decide(&refused, "r-1", "refuse").json()["payout"]["status"], "cancelled");
    shop.ends(&approved, "paid");
    shop.available(99_000 - 10_100);
    assert_eq!(decide(&small, "s-1", "approve").code(), "payout_state");

    let simulated = shop.operator("POST", "/admin/v1/merchants/m_demo/fees/simulate", None, &json!({
        "contract": { "fees": { "payment": [{ "currency": "CNY", "rate_ppm": 12_000, "rounding": "half_up" }] },
                      "cycle": { "kind": "after", "seconds": 0 }, "day": { "zone": "UTC", "cut_off": "24:00" } },
    })).json();
    assert_eq!(
        simulated["totals"],
        json!([{ "currency": "CNY", "orders": 1, "captured": "100000", "old": "1000", "new": "1200",
                 "parts": [{ "kind": "payment", "old": "1000", "new": "1200" }] }])
    );
    assert_eq!(simulated["hardest"][0]["order_id"], order, "{simulated}");
    shop.check();
}

#[test]
fn a_cut_off_closes_what_became_available_and_pays_it_out() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    let contract = json!({ "contract": {
        "fees": { "payout": [{ "currency": "CNY", "rate_ppm": 0, "fixed": 50, "rounding": "down" }] },
        "cycle": { "kind": "days", "days": 0 },
        "day": { "zone": "Asia/Shanghai", "cut_off": "16:00" },
        "settlement": { "pay_to": { "kind": "bank_account", "account": "6222020200112233445" },
                        "minimums": [{ "minor": 50_000, "currency": "CNY" }] },
    }});
    let put = shop.operator("PUT", "/admin/v1/merchants/m_demo/contracts/1", None, &contract);
    assert_eq!(put.status, 200, "{}", put.json());
    let receiver = Receiver::start();
    let first = shop.paid(20_000);
    shop.available(0);
    assert_eq!(shop.balance("pending"), 19_880);
    // A day on, a cut-off has passed: too little to be paid, so it is carried.
    shop.advance(DAY);
    let batches = |count: usize| {
        eventually(|| {
            let list = shop.merchant.get("/v1/settlements").json();
            let found = list["data"].as_array().unwrap().clone();
            if found.len() == count { Ok(found) } else { Err(list.to_string()) }
        })
    };
    let carried = &batches(1)[0];
    assert_eq!(carried["status"], "carried", "{carried}");
    assert_eq!(carried["carried_because"], "below_minimum");
    assert_eq!(
        (carried["net"].as_i64(), carried["carried"].as_i64()),
        (Some(19_880), Some(19_880))
    );
    // A refund of the old order is a line of the new batch.
    let refund = json!({ "merchant_refund_id": "R-1", "amount": 10_000, "currency": "CNY" });
    let request =
        shop.merchant.post(&format!("/v1/orders/{first}/refunds"), "r-1", refund.to_string());
    assert_eq!(shop.merchant.send(&request).unwrap().status, 201);
    shop.paid(100_000);
    shop.advance(DAY);
    let found = batches(2);
    let batch = &found[0];
    assert_eq!(batch["status"], "paid", "{batch}");
    assert_eq!(batch["opening"], 19_880);
    assert_eq!(batch["net"], 99_400 - 9_940);
    assert_eq!(batch["closing"], 109_340);
    assert_eq!(
        (batch["paid"].as_i64(), batch["fee"].as_i64(), batch["carried"].as_i64()),
        (Some(109_290), Some(50), Some(0))
    );
    shop.ends(batch["payout_id"].as_str().unwrap(), "paid");
    shop.available(0);
    // Its lines are its sum; the payout itself lies in the next.
    let target = format!("/v1/settlements/{}/lines", batch["id"].as_str().unwrap());
    let lines = shop.merchant.get(&format!("{target}?limit=1")).json();
    assert_eq!(lines["has_more"], true, "{lines}");
    let rest =
        shop.merchant.get(&format!("{target}?after={}", lines["next"].as_str().unwrap())).json();
    let sum = |it: &Value| -> i64 {
        it["data"].as_array().unwrap().iter().map(|it| it["amount"].as_i64().unwrap()).sum()
    };
    assert_eq!(sum(&lines) + sum(&rest), 99_400 - 9_940, "{lines} {rest}");
    let open = shop.merchant.get("/v1/settlements/open").json();
    assert_eq!(open["data"][0]["opening"], 109_340, "{open}");
    assert_eq!(open["data"][0]["closing"], 0);
    let text = shop.check();
    assert!(text.contains("batches  2"), "{text}");
    drop(receiver);
    // Closed by hand, it is the same batch.
    let close = "/admin/v1/merchants/m_demo/settlements/close";
    let closed = shop.operator("POST", close, None, &json!({}));
    assert_eq!(closed.json()["data"][0]["id"], batch["id"], "{}", closed.json());
}

#[test]
fn two_hundred_callers_take_exactly_what_is_there() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    let orders: Vec<String> = (0..10).map(|_| shop.paid(100_000)).collect();
    shop.advance(DAY + 1);
    shop.available(994_000);
    // Half of them pay out 10,000 each, half refund 10,000 of an order (9,940 of it the merchant's): of 200
    // wishes for 1,994,000 together no more than 994,000 is there, and refunds never fail for it: they
    // leave a debt. No payout may take what a refund took.
    let answers: Vec<(bool, Answer)> = crowd(200, |n| {
        if n % 2 == 0 {
            return (true, shop.pay_out(&format!("C-{n}"), 10_000));
        }
        let refund =
            json!({ "merchant_refund_id": format!("R-{n}"), "amount": 10_000, "currency": "CNY" });
        let target = format!("/v1/orders/{}/refunds", orders[n / 2 % orders.len()]);
        let request = shop.merchant.post(&target, &format!("k-{n}"), refund.to_string());
        (false, shop.merchant.send(&request).unwrap())
    });
    let count = |payout: bool, status: u16| {
        i64::try_from(answers.iter().filter(|it| (it.0, it.1.status) == (payout, status)).count())
            .unwrap()
    };
    let (paid, refunded) = (count(true, 201), count(false, 201));
    for (payout, answer) in answers.iter().filter(|it| it.1.status != 201) {
        let code = answer.code();
        let expected = if *payout { "insufficient_funds" } else { "refund_exceeds_available" };
        assert_eq!(code, expected, "{}", answer.json());
    }
    assert_eq!(refunded, 100, "each order has ten times 10,000");
    let left = 994_000 - paid * 10_000 - refunded * 9_940;
    eventually(|| {
        let found = shop.balance("available") - shop.balance("owes");
        (found == left).then_some(()).ok_or(format!("{found} instead of {left}"))
    });
    // A refused request's money was gone at its moment: one that came before took it.
    assert!(paid <= 99 && (paid == 99 || left < 10_000), "{paid} {left}");
    shop.check();
}
