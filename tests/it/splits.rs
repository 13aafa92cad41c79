//! Payments that are shared on a running gateway: by the order itself, or later by splits, their returns and
//! their end; receivers and their way out; and 200 callers at one order.

use lezai_tests::{
    Answer, Gateway, Merchant, Request, TempDir, at_once, eventually, lezai, random_hex,
};
use serde_json::{Value, json};

const DAY: i64 = 86_400;

struct Shop<'g> {
    gateway: &'g Gateway,
    merchant: Merchant,
}

impl<'g> Shop<'g> {
    fn new(gateway: &'g Gateway) -> Self {
        Self { gateway, merchant: Merchant::demo(gateway) }
    }

    fn order(&self, with: &Value) -> Answer {
        let mut body = Merchant::order(&random_hex());
        for (name, value) in with.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.merchant.create(&random_hex(), body.to_string()).unwrap()
    }

    /// An order of 12,800 with a fee of 77 that was paid.
    fn paid(&self, with: &Value) -> String {
        let id = id(&self.order(with));
        let pay = Request::new("POST", &format!("/sandbox/orders/{id}/pay"), "");
        assert_eq!(pay.send(&self.gateway.authority).unwrap().status, 200);
        id
    }

    /// The same, settled a day later.
    fn settled(&self, with: &Value) -> String {
        let id = self.paid(with);
        self.advance(DAY);
        self.comes(&id, "settled_at");
        id
    }

    /// Waits until an order has something.
    fn comes(&self, order: &str, what: &str) {
        eventually(|| {
            let order = self.find(order);
            if order[what].is_null() { Err(order.to_string()) } else { Ok(()) }
        });
    }

    fn advance(&self, secs: i64) {
        let body = json!({ "advance_secs": secs }).to_string();
        let clock = Request::new("POST", "/sandbox/clock", body);
        let clock = clock.with("content-type", "application/json");
        assert_eq!(clock.send(&self.gateway.authority).unwrap().status, 200);
    }

    fn find(&self, order: &str) -> Value {
        self.merchant.get(&format!("/v1/orders/{order}")).json()
    }

    fn post(&self, path: &str, key: &str, body: &Value) -> Answer {
        self.merchant.send(&self.merchant.post(path, key, body.to_string())).unwrap()
    }

    fn split(&self, order: &str, number: &str, rest: &Value) -> Answer {
        let mut body = json!({ "merchant_split_id": number });
        for (name, value) in rest.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.post(&format!("/v1/orders/{order}/splits"), &format!("key-{number}"), &body)
    }

    fn give_back(&self, split: &str, number: &str, receiver: &str, amount: i64) -> Answer {
        let body = json!({ "merchant_return_id": number, "receiver": receiver, "amount": amount });
        self.post(&format!("/v1/splits/{split}/returns"), &format!("key-{number}"), &body)
    }

    /// The balance of an account of the merchant's, or of a receiver's.
    fn balance(&self, receiver: Option<&str>, account: &str) -> i64 {
        let query = receiver.map(|it| format!("?receiver={it}")).unwrap_or_default();
        let balances = self.merchant.get(&format!("/v1/balances{query}")).json();
        let mut all = balances["data"].as_array().unwrap().iter();
        let found = all.find(|it| it["account"] == account && it["currency"] == "CNY");
        found.map_or(0, |it| it["amount"].as_i64().unwrap())
    }

    fn check(&self) {
        let check = lezai(&["ledger", "check", "--data", self.gateway.data.to_str().unwrap()]);
        assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
    }
}

fn id(answer: &Answer) -> String {
    answer.json()["id"].as_str().unwrap_or_else(|| panic!("{}", answer.json())).to_owned()
}

fn shares(of: &[(&str, i64)]) -> Value {
    let share =
        |(receiver, amount): &(&str, i64)| json!({ "receiver": receiver, "amount": amount });
    of.iter().map(share).collect()
}

#[test]
fn a_payment_is_split_later_given_back_refunded_and_finished() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    let later = json!({ "split": "later", "refund_bearer": "pro_rata" });
    let paid = shop.paid(&later);
    let tea = json!({ "shares": shares(&[("courier", 9000), ("guide", 700)]) });
    assert_eq!(shop.split(&paid, "early", &tea).code(), "split_state");
    let order = shop.settled(&later);
    shop.comes(&paid, "settled_at");
    let found = shop.find(&order);
    assert_eq!((&found["split"], &found["unsplit_amount"]), (&json!("later"), &json!(12_723)));
    assert_eq!((shop.balance(None, "frozen"), shop.balance(None, "available")), (25_446, 0));

    let answer = shop.split(&order, "S-1", &tea);
    assert_eq!(answer.status, 201, "{}", answer.json());
    assert_eq!(answer.json()["unsplit_amount"], 3023);
    assert_eq!(shop.split(&order, "S-1", &tea).body, answer.body);
    let split = id(&answer);
    let again = shop.post(
        &format!("/v1/orders/{order}/splits"),
        &random_hex(),
        &json!({ "merchant_split_id": "S-1", "shares": shares(&[("guide", 1)]) }),
    );
    assert_eq!(
        (again.code().as_str(), &again.json()["split_id"]),
        ("merchant_split_id_taken", &json!(split))
    );
    let too_much = shop.split(&order, "S-2", &json!({ "shares": shares(&[("guide", 3024)]) }));
    assert_eq!(
        (too_much.code().as_str(), &too_much.json()["available"]),
        ("split_exceeds_available", &json!(3023))
    );
    let part = json!({ "shares": shares(&[("guide", 3024), ("cook", 23)]), "mode": "partial", "finish": true });
    let part = shop.split(&order, "S-3", &part).json();
    assert_eq!(part["items"][0]["failure"], "exceeds_unsplit", "{part}");
    // Of which a share failed, so nothing is finished.
    assert_eq!(
        (&part["items"][1]["status"], &part["unsplit_amount"]),
        (&json!("succeeded"), &json!(3000))
    );

    let back = shop.give_back(&split, "T-1", "guide", 200);
    assert_eq!(
        (back.status, &back.json()["status"]),
        (201, &json!("succeeded")),
        "{}",
        back.json()
    );
    assert_eq!(shop.give_back(&split, "T-1", "guide", 200).body, back.body);
    let more = shop.give_back(&split, "T-2", "guide", 501);
    assert_eq!(
        (more.code().as_str(), &more.json()["available"]),
        ("return_exceeds_split", &json!(500))
    );
    assert_eq!(shop.give_back(&split, "T-2", "nobody", 1).code(), "invalid_field");
    assert_eq!(shop.give_back("spl_0", "T-2", "guide", 1).code(), "split_not_found");
    assert_eq!(shop.find(&order)["unsplit_amount"], 3200);

    // 6,400 with 38 of the fee: 6,362 are borne by 3,200 + 9,000 + 500 + 23, in proportion.
    let refund = json!({ "merchant_refund_id": "R-1", "amount": 6400, "currency": "CNY" });
    let refund = shop.post(&format!("/v1/orders/{order}/refunds"), "refund-1", &refund);
    let borne = shares(&[("cook", 12), ("courier", 4500), ("guide", 250)]);
    assert_eq!(refund.json()["shares"], borne, "{}", refund.json());
    assert_eq!(shop.find(&order)["unsplit_amount"], 1600);

    let finished = shop.post(&format!("/v1/orders/{order}/splits/finish"), "finish", &json!({}));
    assert_eq!((finished.status, &finished.json()["unsplit_amount"]), (200, &json!(0)));
    assert!(finished.json()["split_finished_at"].is_string());
    let once_more = shop.post(&format!("/v1/orders/{order}/splits/finish"), "finish-2", &json!({}));
    assert_eq!(once_more.status, 200);
    assert_eq!(shop.split(&order, "S-4", &tea).code(), "split_state");
    // From now on what is given back is the merchant's.
    let back = shop.give_back(&split, "T-3", "courier", 100);
    assert_eq!(back.json()["status"], "succeeded", "{}", back.json());
    assert_eq!((shop.balance(None, "frozen"), shop.balance(None, "available")), (12_723, 1700));
    assert_eq!(shop.balance(Some("courier"), "available"), 4400);

    let splits = shop.merchant.get(&format!("/v1/orders/{order}/splits")).json();
    let returns = splits["data"][0]["returns"].as_array().unwrap();
    assert_eq!((splits["data"].as_array().unwrap().len(), returns.len()), (2, 2), "{splits}");
    let events = shop.merchant.get(&format!("/v1/events?order_id={order}")).json();
    let types: Vec<&str> =
        events["data"].as_array().unwrap().iter().filter_map(|it| it["type"].as_str()).collect();
    for wanted in ["split.finished", "split.returned"] {
        assert!(types.contains(&wanted), "{types:?}");
    }

    // What nobody finishes ends by itself.
    shop.advance(30 * DAY);
    shop.comes(&paid, "split_finished_at");
    assert_eq!((shop.balance(None, "frozen"), shop.balance(None, "available")), (0, 14_423));
    shop.check();
}

#[test]
fn two_hundred_split_one_order_at_once_to_the_unit() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    let order = shop.settled(&json!({ "split": "later" }));
    let callers: Vec<_> = (0..200)
        .map(|caller| {
            let (shop, order) = (&shop, &order);
            let receiver = format!("r{}", caller % 7);
            move || {
                let body = json!({ "shares": shares(&[(receiver.as_str(), 300)]) });
                shop.split(order, &format!("S-{caller}"), &body)
            }
        })
        .collect();
    let answers = at_once(&callers);
    let booked = answers.iter().filter(|it| it.status == 201).count();
    let refused = answers.iter().filter(|it| it.code() == "split_exceeds_available").count();
    // 42 times 300 of 12,723.
    assert_eq!((booked, refused), (42, 158));
    let found = shop.find(&order);
    assert_eq!((&found["unsplit_amount"], shop.balance(None, "frozen")), (&json!(123), 123));
    let sum: i64 = (0..7).map(|n| shop.balance(Some(&format!("r{n}")), "available")).sum();
    assert_eq!(sum, 12_600);
    shop.check();
}

#[test]
fn a_receiver_is_registered_paid_out_to_and_removed() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    let account = "6222020200112233445";
    let courier = json!({
        "name": "courier", "kind": "company",
        "destination": { "kind": "bank_account", "account": account, "holder": "Swift Ltd" },
    });
    let made = shop.post("/v1/receivers", "receiver-1", &courier);
    assert_eq!(made.status, 201, "{}", made.json());
    let receiver = id(&made);
    assert_eq!(
        made.json()["destination"],
        json!({ "kind": "bank_account", "account": "****3445" })
    );
    assert_eq!(shop.post("/v1/receivers", "receiver-1", &courier).body, made.body);
    let taken = shop.post("/v1/receivers", "receiver-2", &courier);
    assert_eq!(
        (taken.code().as_str(), &taken.json()["receiver_id"]),
        ("receiver_name_taken", &json!(receiver))
    );
    let nowhere = json!({ "name": "guide", "kind": "person", "destination": { "kind": "cash", "account": "1" } });
    assert_eq!(shop.post("/v1/receivers", "receiver-3", &nowhere).code(), "invalid_field");
    let guide = json!({ "name": "guide", "kind": "person" });
    let guide = id(&shop.post("/v1/receivers", "receiver-4", &guide));

    // By the order itself, without a plugin; the balance is found by name and by id.
    let shared = json!({ "shares": shares(&[("courier", 9000), ("guide", 100)]) });
    let order = shop.settled(&shared);
    let found = shop.find(&order);
    assert_eq!((&found["settled_amount"], &found["shares"]), (&json!(3623), &shared["shares"]));
    let found = shop.merchant.get(&format!("/v1/receivers/{receiver}")).json();
    let balances =
        json!([{ "account": "available", "currency": "CNY", "amount": 9000, "exact": "9000" }]);
    assert_eq!(found["balances"], balances);
    let listed = shop.merchant.get("/v1/receivers").json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 2, "{listed}");
    assert_eq!(shop.merchant.get("/v1/receivers?name=courier").json()["data"][0]["id"], receiver);

    // It gets no new share, keeps what it has, and can be paid out.
    let removed = shop.post(&format!("/v1/receivers/{receiver}/remove"), "remove", &json!({}));
    assert_eq!((removed.status, &removed.json()["status"]), (200, &json!("removed")));
    let refused = shop.order(&shared);
    assert_eq!(
        (refused.code().as_str(), &refused.json()["receiver"]),
        ("receiver_removed", &json!("courier"))
    );
    let later = shop.settled(&json!({ "split": "later" }));
    let asked = json!({ "shares": shares(&[("guide", 1), ("courier", 1)]) });
    assert_eq!(shop.split(&later, "S-1", &asked).code(), "receiver_removed");
    let pay_out = |number: &str, with: Value| {
        let mut body = json!({ "merchant_payout_id": number, "amount": 4000, "currency": "CNY" });
        for (name, value) in with.as_object().unwrap() {
            body[name] = value.clone();
        }
        shop.post("/v1/payouts", &format!("key-{number}"), &body)
    };
    let from = json!({ "from": { "receiver": receiver } });
    let payout = pay_out("P-1", from.clone());
    assert_eq!(payout.status, 201, "{}", payout.json());
    let payout = payout.json();
    assert_eq!(
        (&payout["receiver"], &payout["destination"]["account"]),
        (&json!("courier"), &json!("****3445"))
    );
    assert_eq!(shop.balance(Some("courier"), "available"), 5000);
    assert_eq!(pay_out("P-2", from.clone()).status, 201);
    assert_eq!(pay_out("P-3", from).code(), "insufficient_funds");
    assert_eq!(pay_out("P-4", json!({ "from": { "receiver": guide } })).code(), "invalid_field");
    let nobody = format!("rcv_{}", "0".repeat(32));
    assert_eq!(
        pay_out("P-5", json!({ "from": { "receiver": nobody } })).code(),
        "receiver_not_found"
    );
    let both = json!({ "from": { "receiver": receiver }, "receiver": "courier" });
    assert_eq!(pay_out("P-6", both).code(), "invalid_field");

    // Registered anew it is the same one; nothing comes back of what went out.
    let anew =
        shop.post("/v1/receivers", "receiver-5", &json!({ "name": "courier", "kind": "person" }));
    assert_eq!((id(&anew), &anew.json()["status"]), (receiver, &json!("active")));
    let asked = json!({ "shares": shares(&[("courier", 1)]) });
    assert_eq!(shop.split(&later, "S-2", &asked).status, 201);
    assert!(!gateway.log().contains(account), "a destination in the log");
    shop.check();
}

#[test]
fn who_has_not_enough_gives_nothing_back() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    let order = shop.settled(&json!({ "split": "later" }));
    let split = id(&shop.split(&order, "S-1", &json!({ "shares": shares(&[("courier", 5000)]) })));
    let out = json!({
        "merchant_payout_id": "P-1", "amount": 4600, "currency": "CNY", "receiver": "courier",
        "destination": { "kind": "bank_account", "account": "6222020200112233445" },
    });
    assert_eq!(shop.post("/v1/payouts", "payout", &out).status, 201);
    let short = shop.give_back(&split, "T-1", "courier", 401).json();
    assert_eq!((&short["status"], &short["failure"]), (&json!("failed"), &json!("balance_short")));
    assert_eq!(shop.balance(Some("courier"), "available"), 400);
    assert_eq!(shop.give_back(&split, "T-2", "courier", 400).json()["status"], "succeeded");
    assert_eq!(shop.find(&order)["unsplit_amount"], 8123);
    shop.check();
}

#[test]
fn who_says_who_shares_an_order_says_it_once() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    let both = json!({ "split": "later", "shares": shares(&[("tea", 1)]) });
    assert_eq!(shop.order(&both).json()["field"], "shares");
    let too_much = |minor| shop.order(&json!({ "shares": shares(&[("tea", minor)]) }));
    assert_eq!(
        (too_much(12_723).status, too_much(12_724).code().as_str()),
        (201, "limit_exceeded")
    );
    let bearer = json!({ "shares": shares(&[("tea", 1)]), "refund_bearer": "receiver:cup" });
    assert_eq!(shop.order(&bearer).json()["field"], "refund_bearer");

    crate::marketplace::publish(&gateway, "0");
    let with = |more: Value| {
        let mut order = json!({ "metadata": { "seller:tea": "9000", "seller:cup": "101" } });
        for (name, value) in more.as_object().unwrap() {
            order[name] = value.clone();
        }
        shop.order(&order)
    };
    let same = with(json!({ "shares": shares(&[("tea", 9000), ("cup", 101)]) }));
    assert_eq!(same.status, 201, "{}", same.json());
    let other = with(json!({ "shares": shares(&[("tea", 9001), ("cup", 101)]) }));
    assert_eq!(
        (other.code().as_str(), &other.json()["field"]),
        ("split_ambiguous", &json!("shares"))
    );
    let later = with(json!({ "split": "later" }));
    assert_eq!(
        (later.code().as_str(), &later.json()["field"]),
        ("split_ambiguous", &json!("split"))
    );
    // A plugin that names nobody leaves it to the order.
    let own = shop.order(&json!({ "shares": shares(&[("tea", 5)]) }));
    assert_eq!((own.status, &own.json()["shares"]), (201, &shares(&[("tea", 5)])));
}
