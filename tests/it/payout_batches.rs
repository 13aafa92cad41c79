//! Batches of payouts on a running gateway: whole or not at all, one approval, one end.

use lezai_tests::{Answer, Gateway, Receiver, TempDir, eventually, lezai};
use serde_json::{Value, json};

use super::payouts::{DAY, Shop, id};

/// How many payouts a batch may have.
const MOST: usize = 1_000;

fn item(number: &str, amount: i64) -> Value {
    json!({
        "merchant_payout_id": number, "amount": amount,
        "destination": { "kind": "bank_account", "account": "6222020200112233445", "holder": "Tea House" },
    })
}

fn batch(number: &str, items: &[Value]) -> Value {
    let total: i64 = items.iter().map(|it| it["amount"].as_i64().unwrap()).sum();
    json!({
        "merchant_payout_batch_id": number, "currency": "CNY", "total_amount": total, "total_count": items.len(),
        "items": items,
    })
}

fn send(shop: &Shop<'_>, key: &str, body: &Value) -> Answer {
    let request = shop.merchant.post("/v1/payout_batches", key, body.to_string());
    shop.merchant.send(&request).unwrap()
}

/// The batch once it has this status.
fn stands(shop: &Shop<'_>, id: &str, status: &str) -> Value {
    eventually(|| {
        let found = shop.merchant.get(&format!("/v1/payout_batches/{id}")).json();
        if found["status"] == status { Ok(found) } else { Err(found.to_string()) }
    })
}

#[test]
fn a_batch_is_taken_whole_or_not_at_all_and_closed_once_all_have_ended() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    shop.paid(100_000);
    shop.advance(DAY + 1);
    shop.available(99_400);
    // One of them is refused by the bank, one comes back, one is heard of later.
    let amounts = [("P-1", 10_000), ("P-2", 10_972), ("P-3", 10_977), ("P-4", 10_971)];
    let items: Vec<Value> = amounts.iter().map(|(number, amount)| item(number, *amount)).collect();
    let good = batch("B-1", &items);
    let total = 42_920;

    // Nothing of it is accepted if anything is wrong.
    let wrong = |change: &dyn Fn(&mut Value)| {
        let mut body = good.clone();
        change(&mut body);
        let answer = send(&shop, &lezai_tests::random_hex(), &body);
        let problem = answer.json();
        (answer.code(), problem["field"].as_str().unwrap_or_default().to_owned())
    };
    let is = |code: &str, field: &str| (code.to_owned(), field.to_owned());
    assert_eq!(
        wrong(&|it| it["total_amount"] = json!(total - 1)),
        is("payout_batch_totals", "total_amount")
    );
    assert_eq!(
        wrong(&|it| it["total_count"] = json!(5)),
        is("payout_batch_totals", "total_amount")
    );
    assert_eq!(
        wrong(&|it| it["items"][2]["merchant_payout_id"] = json!("P-1")),
        is("invalid_field", "items[2].merchant_payout_id")
    );
    assert_eq!(
        wrong(&|it| it["items"][3]["destination"]["kind"] = json!("cash")),
        is("invalid_field", "items[3].destination.kind")
    );
    assert_eq!(
        wrong(&|it| {
            it["items"][3]["amount"] = json!(100_000);
            it["total_amount"] = json!(total - 10_971 + 100_000);
        }),
        is("insufficient_funds", "items[3].amount")
    );
    shop.available(99_400);
    assert_eq!(shop.merchant.get("/v1/payouts").json()["data"], json!([]));
    assert_eq!(shop.merchant.get("/v1/payout_batches").json()["data"], json!([]));

    let made = send(&shop, "b-1", &good);
    assert_eq!(made.status, 201, "{}", made.json());
    assert_eq!(send(&shop, "b-1", &good).body, made.body, "the same once more");
    let mut other = good.clone();
    other["items"] = json!([item("P-9", 1)]);
    (other["total_amount"], other["total_count"]) = (json!(1), json!(1));
    assert_eq!(send(&shop, "b-2", &other).code(), "merchant_payout_batch_id_taken");
    other["merchant_payout_batch_id"] = json!("B-2");
    other["items"][0]["merchant_payout_id"] = json!("P-4");
    let taken = send(&shop, "b-3", &other);
    assert_eq!(taken.code(), "merchant_payout_id_taken");
    assert_eq!(taken.json()["field"], "items[0].merchant_payout_id");

    let batch = id(&made);
    // It is refused: amount and fee are back. What the channel is slow with keeps the batch open.
    shop.available(99_400 - total + 10_972);
    assert_eq!(stands(&shop, &batch, "open")["total_count"], 4);
    shop.advance(60);
    let closed = stands(&shop, &batch, "closed");
    let listed = shop.merchant.get(&format!("/v1/payout_batches/{batch}/payouts?limit=3")).json();
    let numbers: Vec<&str> = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["merchant_payout_id"].as_str().unwrap())
        .collect();
    assert_eq!((numbers, listed["has_more"].as_bool()), (vec!["P-4", "P-3", "P-2"], Some(true)));
    assert!(listed["data"][0]["payout_batch_id"] == batch.as_str(), "{listed}");
    let failed = format!("/v1/payout_batches/{batch}/payouts?status=failed");
    assert_eq!(shop.merchant.get(&failed).json()["data"].as_array().unwrap().len(), 1);
    assert!(closed["closed_at"].is_string());
    // One comes back after that: the batch stays closed, and says so.
    shop.advance(120);
    let returned = json!([
        { "status": "paid", "count": 2, "amount": 20_971 },
        { "status": "failed", "count": 1, "amount": 10_972 },
        { "status": "returned", "count": 1, "amount": 10_977 },
    ]);
    eventually(|| {
        let found = stands(&shop, &batch, "closed");
        if found["by_status"] == returned { Ok(()) } else { Err(found.to_string()) }
    });
    let events = shop.merchant.get("/v1/events?type=payout_batch.closed").json();
    let events = events["data"].as_array().unwrap();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["data"]["payout_batch"]["id"], batch.as_str());
    let found = shop.merchant.get("/v1/payout_batches?merchant_payout_batch_id=B-1").json();
    assert_eq!(found["data"][0]["id"], batch.as_str());
    let nobody = format!("/v1/payout_batches/pob_{}", "0".repeat(32));
    assert_eq!(shop.merchant.get(&nobody).code(), "payout_batch_not_found");
    shop.check();
}

#[test]
fn a_batch_that_needs_a_second_person_is_decided_on_as_one() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let receiver = Receiver::start();
    let shop = Shop::new(&gateway);
    let contract = json!({ "contract": {
        "fees": { "payout": [{ "currency": "CNY", "rate_ppm": 0, "fixed": 100, "rounding": "down" }] },
        "cycle": { "kind": "after", "seconds": 0 }, "day": { "zone": "Asia/Shanghai", "cut_off": "16:00" },
        "payouts": { "limits": [{ "currency": "CNY", "max": 20_000, "day_max": 60_000, "approval_above": 9_999 }] },
    }});
    let put = shop.operator("PUT", "/admin/v1/merchants/m_demo/contracts/1", None, &contract);
    assert_eq!(put.status, 200, "{}", put.json());
    shop.paid(100_000);
    shop.available(99_400);
    // Each alone is below the sum, and all together are not.
    let three = |number: &str| {
        let item = |at: &str| item(&format!("{number}-{at}"), 5_000);
        batch(number, &[item("1"), item("2"), item("3")])
    };
    let (approved, refused) =
        (id(&send(&shop, "a", &three("A"))), id(&send(&shop, "r", &three("R"))));
    let waiting = stands(&shop, &approved, "needs_approval");
    assert_eq!(waiting["by_status"][0]["count"], 3, "{waiting}");
    shop.available(99_400 - 6 * 5_100);
    let list = shop.operator("GET", "/admin/v1/payout_batches", None, &Value::Null).json();
    assert_eq!(list["data"].as_array().unwrap().len(), 2, "{list}");
    // Its payouts are read by it, and are not among those that are decided on one by one.
    let read = |target: &str| shop.operator("GET", target, None, &Value::Null);
    let of_batch = format!("/admin/v1/payout_batches/{approved}/payouts");
    let first = read(&format!("{of_batch}?limit=2")).json();
    assert_eq!(first["has_more"], true, "{first}");
    assert_eq!(first["data"][0]["merchant"], "m_demo");
    let after = first["data"][1]["payout"]["id"].as_str().unwrap();
    let rest = read(&format!("{of_batch}?limit=2&after={after}")).json();
    assert_eq!(rest["data"].as_array().unwrap().len(), 1, "{rest}");
    assert_eq!(rest["data"][0]["payout"]["merchant_payout_id"], "A-1");
    assert_eq!(read(&format!("{of_batch}?status=paid")).json()["data"], json!([]));
    let nobody = format!("/admin/v1/payout_batches/pob_{}/payouts", "0".repeat(32));
    assert_eq!(read(&nobody).code(), "payout_batch_not_found");
    let alone = shop.pay_out("ALONE", 10_000);
    assert_eq!(alone.json()["status"], "needs_approval", "{}", alone.json());
    for target in ["/admin/v1/payouts", "/admin/v1/payouts?status=needs_approval"] {
        let list = read(target).json();
        let numbers: Vec<_> = list["data"].as_array().unwrap().iter().collect();
        assert_eq!(numbers.len(), 1, "{list}");
        assert_eq!(numbers[0]["payout"]["merchant_payout_id"], "ALONE");
    }
    let alone = alone.json()["id"].as_str().unwrap().to_owned();
    let cancel = shop.merchant.post(&format!("/v1/payouts/{alone}/cancel"), "alone", "{}");
    assert_eq!(shop.merchant.send(&cancel).unwrap().status, 200);
    // None of it is decided on alone; its merchant may call one off.
    let target = format!("/v1/payout_batches/{approved}/payouts");
    let one = shop.merchant.get(&target).json()["data"][0]["id"].as_str().unwrap().to_owned();
    let decide = |of: &str, key: &str, verdict: &str| {
        let body = json!({ "verdict": verdict, "reason": "Salaries" });
        shop.operator("POST", &format!("/admin/v1/{of}/decision"), Some(key), &body)
    };
    assert_eq!(decide(&format!("payouts/{one}"), "1", "approve").code(), "payout_state");
    let cancel = shop.merchant.post(&format!("/v1/payouts/{one}/cancel"), "c", "{}");
    assert_eq!(shop.merchant.send(&cancel).unwrap().status, 200);

    let (yes, no) = (format!("payout_batches/{approved}"), format!("payout_batches/{refused}"));
    let once = decide(&yes, "2", "approve");
    assert_eq!(once.status, 200, "{}", once.json());
    assert_eq!(decide(&yes, "2", "approve").body, once.body);
    assert_eq!(decide(&yes, "3", "approve").status, 200, "said once more");
    assert_eq!(decide(&yes, "4", "refuse").code(), "payout_decided");
    let none = decide(&no, "5", "refuse").json();
    assert_eq!(none["payout_batch"]["status"], "closed", "{none}");
    let closed = stands(&shop, &approved, "closed");
    assert_eq!(
        closed["by_status"],
        json!([
            { "status": "paid", "count": 2, "amount": 10_000 },
            { "status": "cancelled", "count": 1, "amount": 5_000 },
        ])
    );
    assert_eq!(closed["approval"]["verdict"], "approved");
    shop.available(99_400 - 2 * 5_100);
    // The day's limit is for all of a batch together, with what went before.
    let day: Vec<Value> = (0..6).map(|at| item(&format!("D-{at}"), 9_000)).collect();
    let beyond = send(&shop, "d", &batch("D", &day));
    assert_eq!(beyond.code(), "payout_limit_exceeded", "{}", beyond.json());
    assert_eq!(beyond.json()["field"], "items[5].amount");
    let open = send(&shop, "s", &batch("S", &day[..1]));
    assert_eq!(open.json()["status"], "open");
    assert_eq!(
        decide(&format!("payout_batches/{}", id(&open)), "6", "approve").code(),
        "payout_state"
    );
    drop(receiver);
    shop.check();
}

#[test]
fn a_thousand_payouts_are_one_batch_and_one_more_is_none() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    shop.paid(1_000_000);
    shop.advance(DAY + 1);
    shop.available(994_000);
    // As long as texts may be: 64 characters of an account, 70 of a name, 80 of a description.
    let long = |at: usize| {
        json!({
            "merchant_payout_id": format!("{at:0>64}"), "amount": 100 + i64::try_from(at % 7).unwrap(),
            "description": "茶".repeat(80),
            "destination": { "kind": "bank_account", "account": "6".repeat(64), "holder": "茶".repeat(70) },
        })
    };
    let items: Vec<Value> = (0..=MOST).map(long).collect();
    let too_many = send(&shop, "more", &batch("B-2", &items));
    assert_eq!(too_many.code(), "invalid_field", "{}", too_many.json());
    let whole = batch("B-1", &items[..MOST]);
    let made = send(&shop, "b", &whole);
    assert_eq!(made.status, 201, "{}", made.json());
    assert_eq!(send(&shop, "b", &whole).body, made.body);
    let closed = stands(&shop, &id(&made), "closed");
    assert_eq!(closed["by_status"][0]["count"], MOST, "{closed}");
    assert_eq!(closed["by_status"][0]["amount"], whole["total_amount"]);
    let large = json!({ "text": "x".repeat(1024 * 1024) });
    assert_eq!(send(&shop, "large", &large).code(), "body_too_large");
    // So large a body is read for a merchant's key alone: without one the bound is that of any request.
    let mut unsigned = shop.merchant.post("/v1/payout_batches", "unsigned", whole.to_string());
    assert!(unsigned.body.len() > 64 * 1024);
    unsigned.fields.retain(|(name, _)| !name.starts_with("signature"));
    assert_eq!(shop.merchant.send(&unsigned).unwrap().code(), "body_too_large");
    shop.check();
}

#[test]
fn a_batch_is_made_and_approved_on_the_command_line() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    shop.paid(100_000);
    shop.advance(DAY + 1);
    shop.available(99_400);
    let file = folder.path().join("batch.json");
    std::fs::write(&file, batch("B-1", &[item("P-1", 100), item("P-2", 200)]).to_string()).unwrap();
    let at = format!("http://{}", gateway.authority);
    let run = |arguments: &[&str]| {
        let data = gateway.data.to_str().unwrap();
        let output =
            lezai(&[&["payout"], arguments, &["--gateway", &at, "--data-dir", data]].concat());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), text + &String::from_utf8_lossy(&output.stderr))
    };
    let (code, made) = run(&["create-batch", file.to_str().unwrap()]);
    assert!(code == Some(0) && made.contains("2 payouts of 300 CNY"), "{made}");
    let id = made.split_whitespace().find(|it| it.starts_with("pob_")).unwrap().to_owned();
    stands(&shop, &id, "closed");
    let (_, shown) = run(&["show", &id]);
    assert!(shown.contains("paid") && shown.contains("2 of 300"), "{shown}");
    let (_, listed) = run(&["list", "--batch", &id, "--status", "paid"]);
    assert!(listed.contains("P-1") && listed.contains("P-2"), "{listed}");
    let (_, all) = run(&["batches"]);
    assert!(all.contains(&id), "{all}");
    let (code, text) = run(&["create-batch", "/nowhere.json"]);
    assert!(code == Some(2) && text.contains("/nowhere.json"), "{text}");
}
