//! Fees by last month's volume, promotions and their quotas, on a running gateway.

use std::thread;

use lezai_tests::{Gateway, Merchant, Request, TempDir, random_hex};
use serde_json::{Value, json};

use super::payouts::{DAY, Shop};

fn contract(payment: &Value) -> Value {
    json!({ "fees": { "payment": [payment] }, "cycle": { "kind": "after", "seconds": 0 },
            "day": { "zone": "Asia/Shanghai", "cut_off": "16:00" } })
}

fn put(shop: &Shop<'_>, number: u32, payment: &Value) -> lezai_tests::Answer {
    let target = format!("/admin/v1/merchants/m_demo/contracts/{number}");
    shop.operator("PUT", &target, None, &json!({ "contract": contract(payment) }))
}

fn simulate(shop: &Shop<'_>, payment: &Value) -> Value {
    let body = json!({ "contract": contract(payment), "days": 92 });
    shop.operator("POST", "/admin/v1/merchants/m_demo/fees/simulate", None, &body).json()
}

/// An order that waits to be paid.
fn order(shop: &Shop<'_>, amount: i64) -> Value {
    let mut body = Merchant::order(&random_hex());
    body["amount"] = json!(amount);
    let made = shop.merchant.create(&random_hex(), body.to_string()).unwrap();
    assert_eq!(made.status, 201, "{}", made.json());
    made.json()
}

fn fee(order: &Value) -> i64 {
    order["fee"].as_i64().unwrap()
}

fn pay(gateway: &Gateway, order: &Value) {
    let target = format!("/sandbox/orders/{}/pay", order["id"].as_str().unwrap());
    assert_eq!(Request::new("POST", &target, "").send(&gateway.authority).unwrap().status, 200);
}

/// Moves the clock to the tenth day of the next month.
fn next_month(shop: &Shop<'_>) {
    let now = order(shop, 100)["created_at"].as_str().unwrap().to_owned();
    let number = |part: std::ops::Range<usize>| now[part].parse::<i64>().unwrap();
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    shop.advance(DAY * (days - day + 10));
}

#[test]
fn a_tier_is_that_of_the_month_before() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    next_month(&shop);
    let tiers = |mode: &str| {
        json!({ "currency": "CNY", "rate_ppm": 10_000, "rounding": "half_up",
            "tiers": { "mode": mode, "steps": [{ "from": 100_000, "rate_ppm": 5_000 }] } })
    };
    let agreed = put(&shop, 1, &tiers("volume"));
    assert_eq!(agreed.status, 200, "{}", agreed.json());
    let first = order(&shop, 150_000);
    assert_eq!(fee(&first), 1_500, "there was no month before");
    pay(&gateway, &first);
    assert_eq!(fee(&order(&shop, 10_000)), 100, "this month does not count");
    // A third goes back: 100000 are left, and that is the very volume of the tier.
    let body = json!({ "merchant_refund_id": "R-1", "amount": 50_000, "currency": "CNY" });
    let target = format!("/v1/orders/{}/refunds", first["id"].as_str().unwrap());
    let refund = shop.merchant.post(&target, &random_hex(), body.to_string());
    assert_eq!(shop.merchant.send(&refund).unwrap().status, 201);
    let before = simulate(&shop, &tiers("graduated"));
    assert_eq!(before["totals"][0]["new"], before["totals"][0]["old"], "{before}");

    next_month(&shop);
    let second = order(&shop, 10_000);
    assert_eq!(fee(&second), 50);
    assert_eq!(second["fee_basis"]["volume"]["amount"], 100_000);
    pay(&gateway, &second);
    // Slice by slice 100000 at 1 % are still 1 %: that is worse, and needs notice.
    assert_eq!(put(&shop, 2, &tiers("graduated")).json()["status"], "announced");
    let simulated = simulate(&shop, &tiers("graduated"));
    let payments = &simulated["totals"][0];
    // Of the first order 1000 are left of the fee, and the second's 50 would be 100.
    assert_eq!(
        (&payments["old"], &payments["new"]),
        (&json!("1050"), &json!("1100")),
        "{simulated}"
    );
    assert_eq!(simulated["hardest"][0]["order_id"], second["id"]);
    // The same contract costs what was booked.
    let same = simulate(&shop, &tiers("volume"));
    assert_eq!(
        (&same["totals"][0]["old"], &same["totals"][0]["new"]),
        (&json!("1050"), &json!("1050"))
    );

    next_month(&shop);
    assert_eq!(fee(&order(&shop, 10_000)), 100, "the month before had 10000");
    shop.check();
}

#[test]
fn parallel_orders_never_use_more_of_a_promotion_than_there_is() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    let schedule = |promotion: &Value| json!({ "currency": "CNY", "rate_ppm": 10_000, "rounding": "half_up", "promotion": promotion });
    let promotion = |quota: &Value| json!({ "name": "opening", "rate_ppm": 2_000, "quota": quota });
    let agreed = put(&shop, 1, &schedule(&promotion(&json!({ "payments": 5 }))));
    assert_eq!(agreed.status, 200, "{}", agreed.json());
    let made: Vec<Value> = thread::scope(|scope| {
        let asked: Vec<_> = (0..20).map(|_| scope.spawn(|| order(&shop, 10_000))).collect();
        asked.into_iter().map(|it| it.join().unwrap()).collect()
    });
    let covered: Vec<&Value> = made.iter().filter(|it| fee(it) == 20).collect();
    assert_eq!(covered.len(), 5);
    assert!(made.iter().all(|it| [20, 100].contains(&fee(it))));
    assert_eq!(
        covered[0]["fee_basis"]["promotion"],
        json!({ "name": "opening", "amount": 10_000 })
    );
    // What comes to nothing is given back, and what is refunded is not.
    let close = format!("/v1/orders/{}/close", covered[0]["id"].as_str().unwrap());
    let close = shop.merchant.post(&close, &random_hex(), "{}");
    assert_eq!(shop.merchant.send(&close).unwrap().status, 200);
    pay(&gateway, covered[1]);
    let body = json!({ "merchant_refund_id": "R-1", "amount": 10_000, "currency": "CNY" });
    let target = format!("/v1/orders/{}/refunds", covered[1]["id"].as_str().unwrap());
    let refund = shop.merchant.post(&target, &random_hex(), body.to_string());
    assert_eq!(shop.merchant.send(&refund).unwrap().status, 201);
    assert_eq!(fee(&order(&shop, 10_000)), 20);
    assert_eq!(fee(&order(&shop, 10_000)), 100);

    // A contract that carries it on goes on counting; less of it, or none, needs notice.
    let more = schedule(&promotion(&json!({ "payments": 6 })));
    assert_eq!(put(&shop, 2, &more).json()["status"], "in_force");
    assert_eq!((fee(&order(&shop, 10_000)), fee(&order(&shop, 10_000))), (20, 100));
    let plain = json!({ "currency": "CNY", "rate_ppm": 10_000, "rounding": "half_up" });
    let announced = put(&shop, 3, &plain).json();
    assert_eq!(announced["status"], "announced", "{announced}");
    assert_eq!(announced["differences"][0]["path"], "fees.payment.CNY.promotion");
    assert_eq!(announced["differences"][0]["worse"], true);
    shop.check();
}

#[test]
fn an_industry_has_its_discount_and_a_promotion_ends() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    let now = order(&shop, 100)["created_at"].as_str().unwrap().to_owned();
    let year: i32 = now[..4].parse().unwrap();
    let payment = json!({ "currency": "CNY", "rate_ppm": 10_000, "rounding": "half_up",
        "discounts": [{ "category": 5814, "off_ppm": 4_000 }],
        "promotion": { "name": "year", "rate_ppm": 1_000, "until": format!("{}-01-01T00:00:00Z", year + 2) } });
    let agreed = put(&shop, 1, &payment);
    assert_eq!(agreed.status, 200, "{}", agreed.json());
    assert_eq!(fee(&order(&shop, 10_000)), 10);
    for _ in 0..2 {
        shop.advance(366 * DAY);
    }
    // The demo merchant names no industry.
    assert_eq!(fee(&order(&shop, 10_000)), 100);
    shop.check();
}
