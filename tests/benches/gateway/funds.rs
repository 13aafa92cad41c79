//! Money out: payouts accepted in a second, beside refunds, and what one merchant reads of its funds.

use std::time::{Duration, Instant};

use lezai_tests::{Gateway, Merchant, Request, random_hex};
use serde_json::{Value, json};

use super::load::{self, Run};
use super::{CONNECTIONS_MAX, HEAD, ORDERS, keep_alive, row};

/// The goal of payouts, in percent of refunds.
const PAYOUTS_PERCENT: u32 = 60;
/// The most that reading may take, 99 of 100 times.
const READ_MS: f64 = 10.0;
/// How long what is due may take to be settled.
const SETTLED: Duration = Duration::from_secs(600);

/// Once the merchant's orders are settled: payouts of what became available, and reading.
pub(super) fn rows(gateway: &Gateway, merchant: &Merchant, refunds: &Run) {
    let token = std::fs::read_to_string(gateway.data.join("admin-token")).unwrap();
    let operator = |method: &str, target: &str, body: Value| {
        let request = Request::new(method, target, body.to_string())
            .with("authorization", &format!("Bearer {}", token.trim()))
            .with("content-type", "application/json");
        let response = request.send(&gateway.authority).unwrap();
        assert_eq!(response.status, 200, "{}", response.json());
        response.json()
    };
    let contract = json!({ "contract": {
        "cycle": { "kind": "after", "seconds": 0 }, "day": { "zone": "UTC", "cut_off": "24:00" },
    } });
    operator("PUT", "/admin/v1/merchants/m_demo/contracts/1", contract);
    operator("POST", "/sandbox/clock", json!({ "advance_secs": 2 * 86_400 }));
    settled(merchant);
    println!(
        "\n`POST /v1/payouts`: taken from what is available, while the channel pays and callbacks are delivered\n\n{HEAD}"
    );
    let payouts: Vec<Vec<u8>> = (0..ORDERS / 2).map(|_| payout(gateway, merchant)).collect();
    let run = load::closed(&gateway.authority, CONNECTIONS_MAX, &payouts, 201);
    row(&format!("{CONNECTIONS_MAX} connections"), &run);
    println!(
        "\nof refunds: {:.0} % (goal: {PAYOUTS_PERCENT})",
        run.rate() * 100.0 / refunds.rate()
    );
    let closed = operator("POST", "/admin/v1/merchants/m_demo/settlements/close", json!({}));
    let batch = closed["data"][0]["id"].as_str().unwrap_or_else(|| panic!("{closed}")).to_owned();
    println!(
        "\nreading one merchant's funds, one connection (goal: 99 % in {READ_MS} ms)\n\n{HEAD}"
    );
    for target in [
        "/v1/balances".to_owned(),
        "/v1/settlements/open".to_owned(),
        format!("/v1/settlements/{batch}/lines?limit=100"),
    ] {
        let ask =
            || keep_alive(&merchant.sign(Request::new("GET", &target, "")), &gateway.authority);
        let asked: Vec<Vec<u8>> = (0..500).map(|_| ask()).collect();
        let name = target.replace(&batch, "{id}");
        row(&format!("`GET {name}`"), &load::closed(&gateway.authority, 1, &asked, 200));
    }
}

fn payout(gateway: &Gateway, merchant: &Merchant) -> Vec<u8> {
    let number = random_hex();
    let body = json!({
        "merchant_payout_id": number, "amount": 100, "currency": "CNY",
        "destination": { "kind": "bank_account", "account": "6222020200112233445" },
    });
    keep_alive(&merchant.post("/v1/payouts", &number, body.to_string()), &gateway.authority)
}

/// Waits until nothing is pending any more.
fn settled(merchant: &Merchant) {
    let begun = Instant::now();
    loop {
        let balances = merchant.get("/v1/balances").json();
        let mut all = balances["data"].as_array().unwrap().iter();
        if all.find(|it| it["account"] == "pending").is_some_and(|it| it["amount"] == 0) {
            return;
        }
        assert!(begun.elapsed() < SETTLED, "{balances}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
