//! A contract's charges for refunds and splits, and its reserve, on a running gateway.

use lezai_tests::{Gateway, TempDir, eventually, random_hex};
use serde_json::{Value, json};

use super::payouts::{DAY, Shop};

fn agree(shop: &Shop<'_>, more: &Value) {
    let mut contract = json!({
        "cycle": { "kind": "after", "seconds": 0 }, "day": { "zone": "Asia/Shanghai", "cut_off": "16:00" },
    });
    for (name, value) in more.as_object().unwrap() {
        contract[name] = value.clone();
    }
    let target = "/admin/v1/merchants/m_demo/contracts/1";
    let put = shop.operator("PUT", target, None, &json!({ "contract": contract }));
    assert_eq!(put.status, 200, "{}", put.json());
}

fn refund(shop: &Shop<'_>, order: &str, number: &str, amount: i64) -> Value {
    let body = json!({ "merchant_refund_id": number, "amount": amount, "currency": "CNY" });
    let target = format!("/v1/orders/{order}/refunds");
    let request = shop.merchant.post(&target, &random_hex(), body.to_string());
    let answer = shop.merchant.send(&request).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.json());
    answer.json()
}

/// Waits until an account has this balance.
fn stands(shop: &Shop<'_>, account: &str, expected: i64) {
    eventually(|| {
        let found = shop.balance(account);
        (found == expected).then_some(()).ok_or(format!("{account}: {found}, not {expected}"))
    });
}

#[test]
fn refunds_and_splits_cost_what_the_contract_takes() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    let schedule = |rate: u32, fixed: i64| json!([{ "currency": "CNY", "rate_ppm": rate, "fixed": fixed, "rounding": "half_up" }]);
    agree(
        &shop,
        &json!({ "fees": {
        "payment": schedule(6_000, 0), "refund": schedule(10_000, 5), "split": schedule(20_000, 0),
        "refund_keeps_payment_fee": true,
    } }),
    );
    let first = shop.paid(100_000);
    stands(&shop, "available", 99_400);
    let refunded = refund(&shop, &first, "R-1", 10_000);
    assert_eq!((refunded["fee"].as_i64(), refunded["refund_fee"].as_i64()), (Some(0), Some(105)));
    // 10000 less 60 of the fee came from the payment; the 60 are kept, and 105 are the refund's own.
    stands(&shop, "available", 99_400 - 9_940 - 60 - 105);
    let reserved = json!({ "merchant_refund_id": "review:1", "amount": 1, "currency": "CNY" });
    let target = format!("/v1/orders/{first}/refunds");
    let taken = shop.merchant.post(&target, "k", reserved.to_string());
    assert_eq!(shop.merchant.send(&taken).unwrap().code(), "invalid_field");

    let body = {
        let mut order = lezai_tests::Merchant::order(&random_hex());
        order["amount"] = json!(50_000);
        order["shares"] = json!([{ "receiver": "courier", "amount": 10_000 }]);
        order
    };
    let made = shop.merchant.create(&random_hex(), body.to_string()).unwrap().json();
    let id = made["id"].as_str().unwrap();
    let pay = lezai_tests::Request::new("POST", &format!("/sandbox/orders/{id}/pay"), "");
    assert_eq!(pay.send(&gateway.authority).unwrap().status, 200);
    stands(&shop, "available", 89_295 + 49_700 - 10_000 - 200);
    let view = shop.merchant.get(&format!("/v1/orders/{id}")).json();
    assert_eq!((view["split_fee"].as_i64(), view["fee"].as_i64()), (Some(200), Some(300)));

    let simulated = shop.operator("POST", "/admin/v1/merchants/m_demo/fees/simulate", None, &json!({
        "contract": { "fees": { "payment": schedule(6_000, 0), "refund": schedule(0, 1) },
                      "cycle": { "kind": "after", "seconds": 0 }, "day": { "zone": "UTC", "cut_off": "24:00" } },
    })).json();
    assert_eq!(
        simulated["totals"][0]["parts"],
        json!([
            { "kind": "payment", "old": "900", "new": "900" },
            { "kind": "refund", "old": "105", "new": "-59" },
            { "kind": "split", "old": "200", "new": "0" },
        ])
    );
    assert_eq!(
        (&simulated["totals"][0]["old"], &simulated["totals"][0]["new"]),
        (&json!("1205"), &json!("841"))
    );
    shop.check();
}

#[test]
fn a_reserve_is_kept_back_used_by_refunds_and_released() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    agree(&shop, &json!({ "reserve": { "rate_ppm": 100_000, "days": 30 } }));
    let order = shop.paid(12_800);
    // The fee of the demo merchant's policy is 77.
    stands(&shop, "reserve", 1_272);
    assert_eq!(shop.balance("available"), 11_451);
    assert_eq!(shop.pay_out("P-1", 11_452).code(), "insufficient_funds", "not of the reserve");
    refund(&shop, &order, "R-1", 1_000);
    assert_eq!((shop.balance("reserve"), shop.balance("available")), (278, 11_451));
    assert_eq!(shop.pay_out("P-2", 11_451).status, 201);
    refund(&shop, &order, "R-2", 1_000);
    // 994 of which 278 were kept back: the rest is owed, and repaid at the end of another reserve.
    assert_eq!((shop.balance("reserve"), shop.balance("owes")), (0, 716));
    shop.paid(10_000);
    stands(&shop, "reserve", 994);
    assert_eq!(shop.balance("available"), 9_940 - 994 - 716);
    shop.advance(30 * DAY);
    stands(&shop, "reserve", 0);
    stands(&shop, "available", 9_940 - 716);
    shop.check();
}
