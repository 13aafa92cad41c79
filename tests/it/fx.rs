//! Orders that are settled in another currency, on a running gateway: rates, quotes, what each part of a payment and
//! of its refunds is in the books, and a hundred callers at one quote.

use lezai_tests::{
    Answer, Gateway, Merchant, Request, TempDir, crowd, eventually, lezai, random_hex,
};
use serde_json::{Value, json};

use super::payouts::{DAY, Shop, id};

/// Puts the rate of docs/fx.md.
fn put_rate(shop: &Shop<'_>, from: &str, to: &str, rate: &str) -> Answer {
    let body = json!({
        "rate": rate, "spread_ppm": { "five_minutes": 3_000, "day": 9_000 }, "valid_for": 3_600, "source": "desk",
    });
    shop.operator("PUT", &format!("/admin/v1/fx_rates/{from}/{to}"), None, &body)
}

fn ask(shop: &Shop<'_>, from: &str, to: &str, lock: &str) -> Answer {
    let body = json!({ "from_currency": from, "to_currency": to, "lock_duration": lock });
    let request = shop.merchant.post("/v1/fx_quotes", &random_hex(), body.to_string());
    shop.merchant.send(&request).unwrap()
}

fn order(minor: i64, currency: &str, quote: &str) -> Value {
    let mut order = Merchant::order(&random_hex());
    order["amount"] = json!(minor);
    order["currency"] = json!(currency);
    order["fx_quote"] = json!(quote);
    order
}

fn create(shop: &Shop<'_>, order: &Value) -> Answer {
    shop.merchant.create(&random_hex(), order.to_string()).unwrap()
}

/// An order that is paid.
fn paid(shop: &Shop<'_>, minor: i64, currency: &str, quote: &str) -> String {
    let made = create(shop, &order(minor, currency, quote));
    assert_eq!(made.status, 201, "{}", made.json());
    let order = id(&made);
    let pay = Request::new("POST", &format!("/sandbox/orders/{order}/pay"), "");
    assert_eq!(pay.send(&shop.gateway.authority).unwrap().status, 200);
    order
}

fn refund(shop: &Shop<'_>, order: &str, minor: i64, currency: &str) -> Answer {
    let body = json!({ "merchant_refund_id": random_hex(), "amount": minor, "currency": currency });
    let target = format!("/v1/orders/{order}/refunds");
    shop.merchant.send(&shop.merchant.post(&target, &random_hex(), body.to_string())).unwrap()
}

/// The balances of `lezai ledger check`, as it prints them.
fn stands(shop: &Shop<'_>, account: &str, currency: &str) -> i64 {
    let text = shop.check();
    let line = text.lines().find(|it| {
        let words: Vec<_> = it.split_whitespace().collect();
        words.contains(&account) && words.contains(&currency)
    });
    let Some(line) = line else { return 0 };
    let minor = line.split_whitespace().find_map(|it| it.parse().ok());
    minor.unwrap_or_else(|| panic!("{line}"))
}

#[test]
fn an_order_in_dollars_is_settled_in_yuan_and_goes_back_by_its_rate() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    assert_eq!(put_rate(&shop, "USD", "CNY", "7.1234").status, 200);
    let quote = ask(&shop, "USD", "CNY", "five_minutes").json();
    assert_eq!(
        (&quote["exchange_rate"], &quote["base_rate"], &quote["status"]),
        (&json!("7.1020298"), &json!("7.1234"), &json!("active"))
    );
    let quote = quote["id"].as_str().unwrap();
    // The demo merchant's policy takes 3.20 of 100.00 dollars: 22.72 yuan.
    let order = paid(&shop, 10_000, "USD", quote);
    let used = shop.merchant.get(&format!("/v1/fx_quotes/{quote}")).json();
    assert_eq!((&used["status"], &used["order_id"]), (&json!("used"), &json!(order)));
    eventually(|| match shop.balance("pending") {
        68_748 => Ok(()),
        other => Err(other.to_string()),
    });
    let view = shop.merchant.get(&format!("/v1/orders/{order}")).json();
    assert_eq!((view["currency"].as_str(), view["fee"].as_i64()), (Some("USD"), Some(2_272)));
    assert_eq!(
        view["fx"],
        json!({
            "quote": quote, "currency": "CNY", "exchange_rate": "7.1020298", "base_rate": "7.1234", "spread_ppm": 3000,
            "value": 71020, "captured_value": 71020, "refunded_value": 0,
        })
    );
    // The rate of the day is another one by now; refunds go by that of their payment.
    assert_eq!(put_rate(&shop, "USD", "CNY", "6.5").status, 200);
    shop.advance(DAY + 1);
    shop.available(68_748);
    let view = shop.merchant.get(&format!("/v1/orders/{order}")).json();
    assert_eq!(view["settled_amount"], 68_748);
    // A refund of 710.20 would be another sum of dollars: one in the settled currency is refused.
    assert_eq!(refund(&shop, &order, 10_000, "CNY").code(), "currency_mismatch");
    let mut left = 68_748;
    for (minor, value, fee) in [(3_333, 23_670, 757), (3_333, 23_671, 757), (3_334, 23_679, 758)] {
        let refund = refund(&shop, &order, minor, "USD").json();
        assert_eq!(refund["fx"], json!({ "currency": "CNY", "value": value }), "{refund}");
        assert_eq!((refund["fee"].as_i64(), &refund["currency"]), (Some(fee), &json!("USD")));
        left -= value - fee;
        assert_eq!(shop.balance("available"), left);
    }
    assert_eq!(left, 0);
    eventually(|| {
        let view = shop.merchant.get(&format!("/v1/orders/{order}")).json();
        let back = (&view["refunded_amount"], &view["fx"]["refunded_value"]);
        if back == (&json!(10_000), &json!(71_020)) { Ok(()) } else { Err(view.to_string()) }
    });
    for currency in ["USD", "CNY"] {
        assert_eq!(stands(&shop, "fx_position", currency), 0);
        assert_eq!(stands(&shop, "fx_income", currency), 0);
    }
    shop.check();
}

#[test]
fn currencies_of_other_decimals_are_paid_out_in_the_settled_one() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    // The sandbox has rates of its own: one yen is 0.04767 yuan, less the spread of 0.3 %.
    let quote = ask(&shop, "JPY", "CNY", "five_minutes").json();
    assert_eq!(
        (&quote["rate_source"], &quote["exchange_rate"]),
        (&json!("sandbox"), &json!("0.04752699"))
    );
    let order = paid(&shop, 12_345, "JPY", quote["id"].as_str().unwrap());
    // 12345 yen are 586.72 yuan, and the fee of 401 yen is 19.05.
    shop.advance(DAY + 1);
    shop.available(58_672 - 1_905);
    let payout = shop.pay_out("P-1", 56_767);
    assert_eq!(payout.status, 201, "{}", payout.json());
    shop.ends(&id(&payout), "paid");
    // What goes back after the money was paid out is owed, in yuan.
    assert_eq!(refund(&shop, &order, 12_345, "JPY").status, 201);
    assert_eq!((shop.balance("available"), shop.balance("owes")), (0, 56_767));
    assert_eq!(stands(&shop, "fx_position", "JPY"), 0);
    assert_eq!(stands(&shop, "fx_position", "CNY"), 0);
}

#[test]
fn a_hundred_callers_use_a_quote_once() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    put_rate(&shop, "USD", "CNY", "7.1234");
    let quote = id(&ask(&shop, "USD", "CNY", "day"));
    let answers: Vec<Answer> =
        crowd(100, |n| create(&shop, &order(1_000 + n as i64, "USD", &quote)));
    let made: Vec<_> = answers.iter().filter(|it| it.status == 201).collect();
    assert_eq!(made.len(), 1);
    for refused in answers.iter().filter(|it| it.status != 201) {
        assert_eq!(refused.code(), "fx_quote_used", "{}", refused.json());
        assert_eq!(refused.json()["order_id"], id(made[0]));
    }
    // The one that was made is answered as before to who repeats it, though the quote is used by now.
    let key = random_hex();
    let body = order(1_000, "USD", &id(&ask(&shop, "USD", "CNY", "day"))).to_string();
    let first = shop.merchant.create(&key, body.clone()).unwrap();
    let again = shop.merchant.create(&key, body).unwrap();
    assert_eq!((first.status, again.body), (201, first.body));
    let listed = shop.merchant.get("/v1/fx_quotes").json();
    let of: Vec<_> = listed["data"].as_array().unwrap().iter().map(|it| &it["status"]).collect();
    assert_eq!(of, ["used", "used"]);
    shop.check();
}

#[test]
fn what_cannot_be_quoted_or_used_says_why() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    assert_eq!(ask(&shop, "USD", "GBP", "day").code(), "fx_rate_missing");
    assert_eq!(put_rate(&shop, "USD", "GBP", "0.75").status, 200);
    assert_eq!(ask(&shop, "GBP", "USD", "day").code(), "fx_rate_missing", "none is turned round");
    assert_eq!(ask(&shop, "USD", "GBP", "hour").code(), "fx_lock_not_offered");
    let quote = id(&ask(&shop, "USD", "GBP", "five_minutes"));
    let other = create(&shop, &order(1_000, "CNY", &quote));
    assert_eq!(
        (other.code(), other.json()["field"].clone()),
        ("currency_mismatch".into(), json!("currency"))
    );
    assert_eq!(create(&shop, &order(1, "USD", &quote)).code(), "fx_amount_out_of_range");
    let unknown = format!("fxq_{}", "0".repeat(32));
    assert_eq!(create(&shop, &order(1_000, "USD", &unknown)).code(), "fx_quote_not_found");
    assert_eq!(create(&shop, &order(1_000, "USD", "fxq_1")).code(), "invalid_field");
    // It can be paid for as long as the rate is fixed, however long it wishes.
    let mut long = order(1_000, "USD", &id(&ask(&shop, "USD", "GBP", "five_minutes")));
    long["expires_in"] = json!(7_200);
    let long = create(&shop, &long).json();
    let quoted = shop
        .merchant
        .get(&format!("/v1/fx_quotes/{}", long["fx"]["quote"].as_str().unwrap()))
        .json();
    assert_eq!(long["expires_at"], quoted["expires_at"]);
    shop.advance(301);
    let late = create(&shop, &order(1_000, "USD", &quote));
    assert_eq!(
        (late.code(), late.json()["field"].clone()),
        ("fx_quote_expired".into(), json!("fx_quote"))
    );
    shop.advance(3_600);
    let stale = ask(&shop, "USD", "GBP", "day");
    assert_eq!(stale.code(), "fx_rate_stale");
    assert!(stale.json()["stale_since"].is_string());
    shop.check();
}

#[test]
fn the_operator_puts_and_lists_rates() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let at = [
        "--gateway",
        &format!("http://{}", gateway.authority),
        "--data-dir",
        gateway.data.to_str().unwrap(),
    ]
    .map(str::to_owned);
    let run = |words: &str| {
        let words: Vec<String> = words.split(' ').map(str::to_owned).chain(at.clone()).collect();
        let out = lezai(&words.iter().map(String::as_str).collect::<Vec<_>>());
        (out.status.code(), String::from_utf8_lossy(&out.stdout).trim().to_owned())
    };
    assert_eq!(run("fx list"), (Some(0), "no rate was put".to_owned()));
    let (code, line) =
        run("fx put USD CNY 7.1200 --five-minutes 3000 --day 9000 --valid-for 3600 --source desk");
    assert_eq!(code, Some(0), "{line}");
    assert!(
        line.starts_with("USD -> CNY  7.12  day 9000 ppm, five_minutes 3000 ppm  until "),
        "{line}"
    );
    assert_eq!(run("fx list"), (Some(0), line));
    for wrong in [
        "USD CNY 7,1 --day 1",
        "USD CNY 7.1",
        "USD USD 1 --day 1",
        "USD XXX 1 --day 1",
        "USD CNY 7.1 --day 100001",
    ] {
        assert_eq!(run(&format!("fx put {wrong}")).0, Some(1), "{wrong}");
    }
}
