//! Statements on a running gateway: the bytes of `lezai statement`, whole, in parts and compressed, the same for ever;
//! made again by `kill -9`; by plans across a change of the clocks.

use std::io::Read as _;
use std::path::Path;

use flate2::read::MultiGzDecoder;
use lezai_core::id::OrderId;
use lezai_core::key::SigningKey;
use lezai_core::ledger::{Account, Entry, Kind, Posting};
use lezai_core::money::Currency;
use lezai_core::time::Timestamp;
use lezai_store_sqlite::{book, last_entry};
use lezai_tests::{Answer, Gateway, Merchant, Request, TempDir, eventually, lezai, random_hex};
use lezai_wire::time::{parse_rfc3339, rfc3339};
use rusqlite::Connection;
use serde_json::{Value, json};

struct Shop<'g> {
    gateway: &'g Gateway,
    merchant: Merchant,
}

impl<'g> Shop<'g> {
    fn new(gateway: &'g Gateway) -> Self {
        Self { gateway, merchant: Merchant::demo(gateway) }
    }

    fn paid(&self, minor: i64) -> String {
        let mut order = Merchant::order(&random_hex());
        order["amount"] = json!(minor);
        let created = self.merchant.create(&random_hex(), order.to_string()).unwrap().json();
        let id = created["id"].as_str().unwrap().to_owned();
        let pay = Request::new("POST", &format!("/sandbox/orders/{id}/pay"), "");
        assert_eq!(pay.send(&self.gateway.authority).unwrap().status, 200);
        id
    }

    fn refunded(&self, order: &str, minor: i64) {
        let body =
            json!({ "merchant_refund_id": random_hex(), "amount": minor, "currency": "CNY" });
        let target = format!("/v1/orders/{order}/refunds");
        let refund = self.merchant.post(&target, &random_hex(), body.to_string());
        assert_eq!(self.merchant.send(&refund).unwrap().status, 201);
    }

    fn operator(&self, method: &str, target: &str, body: &Value) -> Answer {
        let token = std::fs::read_to_string(self.gateway.data.join("admin-token")).unwrap();
        let request = Request::new(method, target, body.to_string())
            .with("content-type", "application/json")
            .with("authorization", &format!("Bearer {}", token.trim()));
        request.send(&self.gateway.authority).unwrap()
    }

    /// Moves the test clock, and gives what it says then.
    fn clock(&self, change: &Value) -> Timestamp {
        let clock = Request::new("POST", "/sandbox/clock", change.to_string())
            .with("content-type", "application/json");
        let clock = clock.send(&self.gateway.authority).unwrap();
        assert_eq!(clock.status, 200, "{}", clock.json());
        parse_rfc3339(clock.json()["now"].as_str().unwrap()).unwrap()
    }

    fn ask(&self, key: &str, body: &Value) -> Answer {
        self.merchant.send(&self.merchant.post("/v1/statements", key, body.to_string())).unwrap()
    }

    /// A statement that is asked for and made.
    fn made(&self, body: &Value) -> Value {
        let asked = self.ask(&random_hex(), body);
        assert_eq!(asked.status, 201, "{}", asked.json());
        assert_eq!(asked.json()["state"], "making");
        self.ready(asked.json()["id"].as_str().unwrap())
    }

    fn ready(&self, id: &str) -> Value {
        eventually(|| {
            let found = self.merchant.get(&format!("/v1/statements/{id}")).json();
            if found["state"] == "ready" { Ok(found) } else { Err(found.to_string()) }
        })
    }

    /// Its bytes, which the merchant's client checks against the signature.
    fn content(&self, statement: &Value) -> Vec<u8> {
        let answer = self.download(statement, &[]);
        assert_eq!(answer.status, 200, "{}", answer.json());
        let digest = answer.field("content-digest").unwrap();
        assert_eq!(statement["content"]["digest"], digest);
        assert_eq!(statement["content"]["bytes"], answer.body.len());
        answer.body
    }

    fn download(&self, statement: &Value, fields: &[(&str, &str)]) -> Answer {
        let id = statement["id"].as_str().unwrap();
        let request = Request::new("GET", &format!("/v1/statements/{id}/content"), "");
        let request = fields.iter().fold(request, |it, (name, value)| it.with(name, value));
        self.merchant.send(&self.merchant.sign(request)).unwrap()
    }

    fn put_plan(&self, name: &str, body: &Value) -> Value {
        let request = Request::new("PUT", &format!("/v1/statement_plans/{name}"), body.to_string())
            .with("content-type", "application/json");
        let put = self.merchant.send(&self.merchant.sign(request)).unwrap();
        assert_eq!(put.status, 200, "{}", put.json());
        put.json()
    }

    /// The statements of a plan, oldest first, once there are so many and all are made.
    fn planned(&self, plan: &str, count: usize) -> Vec<Value> {
        eventually(|| {
            let list = self.merchant.get("/v1/statements?limit=100").json();
            let mut found = list["data"].as_array().unwrap().clone();
            found.retain(|it| it["plan"] == plan);
            found.reverse();
            match found.len() == count && found.iter().all(|it| it["state"] == "ready") {
                true => Ok(found),
                false => Err(list.to_string()),
            }
        })
    }
}

/// The bytes that the command writes of the same entries.
fn command(data: &Path, statement: &Value) -> Vec<u8> {
    let entries = ["after_entry", "until_entry"].map(|it| statement[it].to_string());
    let text = |name: &str| statement[name].as_str().unwrap();
    let out = data.join(random_hex());
    let done = lezai(&[
        "statement",
        "--data",
        data.to_str().unwrap(),
        "--merchant",
        "m_demo",
        "--type",
        text("type"),
        "--format",
        text("format"),
        "--after",
        &entries[0],
        "--until",
        &entries[1],
        "--offset",
        "+00:00",
        "--out",
        out.to_str().unwrap(),
    ]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    std::fs::read(out).unwrap()
}

fn gunzipped(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    MultiGzDecoder::new(bytes).read_to_end(&mut plain).unwrap();
    plain
}

#[test]
fn a_statement_is_made_downloaded_and_stays_the_same() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    let begin = shop.clock(&json!({ "advance_secs": 0 }));
    for minor in [12_800, 500, 77_700] {
        let order = shop.paid(minor);
        shop.refunded(&order, 100);
    }
    let end = shop.clock(&json!({ "advance_secs": 60 }));
    let asked = |kind: &str, format: &str| json!({ "type": kind, "format": format, "from": rfc3339(begin), "to": rfc3339(end) });
    let early = shop.ask("early", &asked("orders.1", "csv"));
    assert_eq!(
        (early.code().as_str(), early.json()["field"].as_str()),
        ("invalid_field", Some("to"))
    );
    shop.clock(&json!({ "advance_secs": 60 }));
    let mut all = Vec::new();
    for kind in ["orders.1", "account.1"] {
        for format in ["csv", "jsonl"] {
            let statement = shop.made(&asked(kind, format));
            let bytes = shop.content(&statement);
            assert_eq!(bytes, command(&gateway.data, &statement), "{kind} {format}");
            all.push((asked(kind, format), statement, bytes));
        }
    }
    let (request, statement, bytes) = &all[0];
    assert_eq!(statement["content"]["lines"], 6);
    assert_eq!(statement["content"]["totals"][0]["gross_minor"], "90700");

    // Repeated with its key it is the same statement, and with another an equal one.
    let first = shop.ask("twice", request);
    assert_eq!(shop.ask("twice", request).body, first.body);
    assert_eq!(shop.ask("twice", &asked("account.1", "csv")).code(), "idempotency_key_reused");

    // Compressed, in parts, and what is beyond the end.
    let gzip = shop.download(statement, &[("accept-encoding", "gzip")]);
    assert_eq!(gzip.field("content-encoding"), Some("gzip"));
    assert!(gzip.body.len() < bytes.len());
    assert_eq!(&gunzipped(&gzip.body), bytes);
    let middle = bytes.len() / 2;
    let mut joined = Vec::new();
    for (range, from, to) in [
        (format!("bytes=0-{}", middle - 1), 0, middle - 1),
        (format!("bytes={middle}-"), middle, bytes.len() - 1),
    ] {
        let part = shop.download(statement, &[("range", &range), ("accept-encoding", "gzip")]);
        assert_eq!((part.status, part.field("content-encoding")), (206, None));
        let said = format!("bytes {from}-{to}/{}", bytes.len());
        assert_eq!(part.field("content-range"), Some(said.as_str()));
        let covered = part.field("signature-input").unwrap();
        assert!(covered.contains("\"content-range\""), "{covered}");
        joined.extend(part.body);
    }
    assert_eq!(&joined, bytes);
    let beyond = shop.download(statement, &[("range", &format!("bytes={}-", bytes.len()))]);
    assert_eq!((beyond.status, beyond.code().as_str()), (416, "range_not_satisfiable"));
    let said = format!("bytes */{}", bytes.len());
    assert_eq!(beyond.field("content-range"), Some(said.as_str()));
    let stale = shop.download(statement, &[("range", "bytes=0-1"), ("if-range", "\"other\"")]);
    assert_eq!((stale.status, &stale.body), (200, bytes));

    // A month later, with more in the books.
    shop.paid(4_200);
    shop.clock(&json!({ "advance_secs": 31 * 86_400 }));
    for (request, _, bytes) in &all {
        assert_eq!(&shop.content(&shop.made(request)), bytes);
    }
    // After its time its bytes are gone, and asked for again they are the same.
    shop.clock(&json!({ "advance_secs": 90 * 86_400 }));
    let expired = shop.download(statement, &[]);
    assert_eq!((expired.status, expired.code().as_str()), (410, "statement_expired"));
    assert_eq!(&shop.content(&shop.made(request)), bytes);
}

#[test]
fn a_statement_is_its_merchant_s_alone() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    let key = SigningKey::from_entropy(&std::array::from_fn(|i| u8::try_from(i).unwrap() + 7));
    let key = key.unwrap();
    let pem = key.verifying_key().to_spki_pem().unwrap();
    let policy = shop.operator("GET", "/admin/v1/merchants/m_demo/policy", &Value::Null).json();
    let put = json!({ "name": "Other", "policy": policy });
    assert!(shop.operator("PUT", "/admin/v1/merchants/m_demo2", &put).status < 300);
    let put = json!({ "public_key": pem });
    let target = "/admin/v1/merchants/m_demo2/keys/other-1";
    assert!(shop.operator("PUT", target, &put).status < 300);
    // A merchant whose id begins with another's has its own entries alone.
    let other = Shop { gateway: &gateway, merchant: Merchant::new(&gateway, key, "other-1") };
    let begin = shop.clock(&json!({ "advance_secs": 0 }));
    for one in [&shop, &other, &shop] {
        one.paid(12_800);
    }
    let end = shop.clock(&json!({ "advance_secs": 60 }));
    shop.clock(&json!({ "advance_secs": 60 }));
    let asked =
        json!({ "type": "orders.1", "format": "csv", "from": rfc3339(begin), "to": rfc3339(end) });
    let (first, second) = (shop.made(&asked), other.made(&asked));
    assert_eq!((&first["content"]["lines"], &second["content"]["lines"]), (&json!(2), &json!(1)));
    let id = first["id"].as_str().unwrap();
    let found = other.merchant.get(&format!("/v1/statements/{id}"));
    assert_eq!((found.status, found.code().as_str()), (404, "statement_not_found"));
    let found = other.download(&first, &[]);
    assert_eq!((found.status, found.code().as_str()), (404, "statement_not_found"));
    assert_eq!(other.merchant.get("/v1/statements").json()["data"].as_array().unwrap().len(), 1);
    shop.put_plan("daily", &json!({ "type": "orders.1", "format": "csv", "period": "day" }));
    assert_eq!(other.merchant.get("/v1/statement_plans/daily").code(), "statement_plan_not_found");
    assert_eq!(other.merchant.get("/v1/statement_plans").json()["data"], json!([]));
}

/// So many entries of an order, booked while no gateway runs: a statement of them has some dozens of pieces.
fn fill(data: &Path, order: &str, entries: u32) {
    let connection = Connection::open(data.join("lezai.db")).unwrap();
    let subject = OrderId::parse(order).unwrap().into();
    let merchant = lezai_core::id::MerchantId::parse("m_demo").unwrap();
    let currency = Currency::from_code("CNY").unwrap();
    let (_, at, _) = last_entry(&connection).unwrap().unwrap();
    let transaction = connection.unchecked_transaction().unwrap();
    for n in 0..entries {
        let minor = if n % 2 == 0 { 7 } else { -7 };
        let sides = [
            (Account::MerchantPending(merchant.clone()), minor),
            (Account::MerchantHeld(merchant.clone()), -minor),
        ];
        let sides = sides.map(|(account, minor)| Posting { account, minor, currency });
        let entry = Entry::new(Kind::HoldRelease, sides.to_vec()).unwrap();
        book(&transaction, &subject, &entry, at).unwrap();
    }
    transaction.commit().unwrap();
}

#[test]
fn a_statement_is_made_through_kill_9() {
    let folder = TempDir::new();
    let mut gateway = Gateway::start(folder.path());
    let order = Shop::new(&gateway).paid(12_800);
    gateway.terminate();
    gateway.ended_well();
    fill(&gateway.data, &order, 40_000);
    gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    let end = shop.clock(&json!({ "advance_secs": 60 }));
    shop.clock(&json!({ "advance_secs": 60 }));
    let asked = json!({
        "type": "account.1", "format": "csv", "from": "2026-01-01", "to": rfc3339(end),
    });
    // Until a kill falls into its making, which takes some seconds.
    let mut cut = None;
    for _ in 0..20 {
        let shop = Shop::new(&gateway);
        let id = shop.ask(&random_hex(), &asked).json()["id"].as_str().unwrap().to_owned();
        let store = Connection::open(gateway.data.join("lezai.db")).unwrap();
        let pieces = || -> u32 {
            let sql = "SELECT count(*) FROM statement_chunks WHERE statement = ?1";
            store.query_row(sql, [&id], |row| row.get(0)).unwrap()
        };
        eventually(|| if pieces() > 2 { Ok(()) } else { Err("it is not begun".to_owned()) });
        gateway.kill();
        let kept = pieces();
        let sql = "SELECT state FROM statements WHERE id = ?1";
        let state: String = store.query_row(sql, [&id], |row| row.get(0)).unwrap();
        drop(store);
        gateway = Gateway::start(folder.path());
        if state == "making" {
            cut = Some((id, kept));
            break;
        }
    }
    let (id, kept) = cut.expect("it was made faster than it could be killed, twenty times");
    let shop = Shop::new(&gateway);
    let statement = shop.ready(&id);
    let bytes = shop.content(&statement);
    assert_eq!(statement["content"]["lines"], 80_001);
    assert_eq!(bytes, command(&gateway.data, &statement));
    assert_eq!(gunzipped(&shop.download(&statement, &[("accept-encoding", "gzip")]).body), bytes);
    // It was gone on with, and not begun anew.
    let store = Connection::open(gateway.data.join("lezai.db")).unwrap();
    let sql = "SELECT count(*) FROM statement_chunks WHERE statement = ?1";
    let all: u32 = store.query_row(sql, [&id], |row| row.get(0)).unwrap();
    assert!(kept > 2 && all > kept, "{kept} of {all}");
    // Parts of it across pieces, cut at a mebibyte.
    let part = shop.download(&statement, &[("range", "bytes=200000-9000000")]);
    assert_eq!((part.status, part.body.len()), (206, 1 << 20));
    assert_eq!(part.body, bytes[200_000..200_000 + (1 << 20)]);
    let last = shop.download(&statement, &[("range", "bytes=-300000")]);
    assert_eq!(last.body, bytes[bytes.len() - 300_000..]);
}

#[test]
fn a_plan_s_statements_join_across_a_change_of_the_clocks() {
    let folder = TempDir::new();
    let mut gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    // The sandbox's clock goes no way but forward: to the day before New York's clocks do so, too.
    shop.clock(&json!({ "now": "2027-03-13T20:00:00Z" }));
    let plan = json!({
        "type": "orders.1", "format": "csv", "period": "day", "zone": "America/New_York",
        "columns": ["at", "reference", "net_minor"],
    });
    let first = shop.put_plan("daily", &plan);
    assert_eq!(
        (&first["status"], &first["next_end"]),
        (&json!("on"), &json!("2027-03-14T05:00:00.000Z"))
    );
    assert_eq!(shop.put_plan("daily", &plan), first, "the same once more");
    shop.paid(100);
    for (now, minor) in [
        ("2027-03-14T06:59:59Z", 200),
        ("2027-03-14T07:00:00Z", 300),
        ("2027-03-15T03:59:00Z", 400),
        ("2027-03-15T04:00:00Z", 500),
    ] {
        shop.clock(&json!({ "now": now }));
        shop.paid(minor);
    }
    shop.clock(&json!({ "now": "2027-03-15T12:00:00Z" }));
    assert_eq!(shop.planned("daily", 2).len(), 2);
    // Down for some days; then each has its statement, and only one.
    gateway.terminate();
    gateway.ended_well();
    gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    shop.clock(&json!({ "now": "2027-03-18T12:00:00Z" }));
    let made = shop.planned("daily", 5);
    let text = |it: &Value, name: &str| it[name].as_str().unwrap().to_owned();
    let periods: Vec<_> = made.iter().map(|it| (text(it, "from"), text(it, "to"))).collect();
    let ends = ["13T05", "14T05", "15T04", "16T04", "17T04", "18T04"];
    let ends = ends.map(|it| format!("2027-03-{it}:00:00.000Z"));
    let expected: Vec<_> = ends.windows(2).map(|it| (it[0].clone(), it[1].clone())).collect();
    assert_eq!(periods, expected);
    for pair in made.windows(2) {
        assert_eq!(pair[0]["until_entry"], pair[1]["after_entry"]);
    }
    let net = |it: &Value| {
        let text = String::from_utf8(shop.content(it)).unwrap();
        let rows = text.lines().filter(|it| it.ends_with(",order,"));
        rows.map(|it| it.split(',').map(str::to_owned).collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    // The demo merchant's policy takes a fee of 0.6 %, and at least one minor unit.
    let nets: Vec<Vec<String>> =
        made.iter().map(|it| net(it).into_iter().map(|row| row[2].clone()).collect()).collect();
    assert_eq!(nets, [vec!["99"], vec!["199", "298", "398"], vec!["497"], vec![], vec![]]);
    let times: Vec<String> = net(&made[1]).into_iter().map(|row| row[0].clone()).collect();
    assert!(
        times[0].starts_with("2027-03-14T01:59:59") && times[0].ends_with("-05:00"),
        "{times:?}"
    );
    assert!(
        times[1].starts_with("2027-03-14T03:00:0") && times[1].ends_with("-04:00"),
        "{times:?}"
    );
    let ids: Vec<String> = made.iter().map(|it| text(it, "id")).collect();
    let told = shop.merchant.get("/v1/events?type=statement.ready&limit=100").json();
    let told = told["data"].as_array().unwrap().iter();
    let mut told: Vec<_> = told.map(|it| text(&it["data"]["statement"], "id")).collect();
    told.sort();
    assert_eq!(told, ids, "each is told of once");
    let mut off = plan.clone();
    off["status"] = json!("off");
    assert_eq!(shop.put_plan("daily", &off)["next_end"], Value::Null);
    shop.clock(&json!({ "now": "2027-03-20T12:00:00Z" }));
    shop.put_plan("daily", &plan);
    shop.clock(&json!({ "now": "2027-03-21T12:00:00Z" }));
    let made = shop.planned("daily", 6);
    assert_eq!(text(&made[5], "from"), "2027-03-20T04:00:00.000Z", "what was off has none");
}

#[test]
fn a_batch_is_listed_line_by_line() {
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
    let put = shop.operator("PUT", "/admin/v1/merchants/m_demo/contracts/1", &contract);
    assert_eq!(put.status, 200, "{}", put.json());
    let begin = shop.clock(&json!({ "advance_secs": 0 }));
    let batches = |count: usize| {
        eventually(|| {
            let list = shop.merchant.get("/v1/settlements").json();
            let found = list["data"].as_array().unwrap().clone();
            if found.len() == count { Ok(found) } else { Err(list.to_string()) }
        })
    };
    for (minor, count) in [(20_000, 1), (100_000, 2), (300, 3)] {
        let order = shop.paid(minor);
        if minor == 100_000 {
            shop.refunded(&order, 10_000);
        }
        shop.clock(&json!({ "advance_secs": 86_400 }));
        batches(count);
    }
    let end = shop.clock(&json!({ "advance_secs": 60 }));
    shop.clock(&json!({ "advance_secs": 60 }));
    let all = json!({
        "type": "settlement.1", "format": "jsonl", "from": rfc3339(begin), "to": rfc3339(end),
    });
    let statement = shop.made(&all);
    let rows = |statement: &Value| -> Vec<Value> {
        let text = String::from_utf8(shop.content(statement)).unwrap();
        text.lines().map(|it| serde_json::from_str(it).unwrap()).collect()
    };
    let found = rows(&statement);
    let mut batches = batches(3);
    batches.reverse();
    for batch in &batches {
        let of: Vec<&Value> = found.iter().filter(|it| it["settlement"] == batch["id"]).collect();
        let balance = |record: &str| {
            let row = of.iter().find(|it| it["record"] == record).unwrap();
            row["balance_minor"].clone()
        };
        assert_eq!(balance("opening"), batch["opening"], "{batch} {found:#?}");
        assert_eq!(balance("closing"), batch["closing"]);
        let lines: Vec<_> = of.iter().filter(|it| it["record"] == "line").collect();
        let sum: i64 = lines.iter().map(|it| it["movement_minor"].as_i64().unwrap()).sum();
        assert_eq!(
            (json!(sum), json!(lines.len())),
            (batch["net"].clone(), batch["lines"].clone())
        );
        match batch["payout_id"].as_str() {
            Some(payout) => {
                let paid = of.iter().find(|it| it["record"] == "paid").unwrap();
                assert_eq!(paid["order"], payout);
                let taken = batch["paid"].as_i64().unwrap() + batch["fee"].as_i64().unwrap();
                assert_eq!(paid["movement_minor"], -taken);
            }
            None => assert_eq!(balance("carried"), batch["carried"]),
        }
    }
    assert!(batches.iter().any(|it| it["payout_id"].is_string()), "{batches:#?}");
    let end = found.last().unwrap();
    assert_eq!(end["record"], "end", "{end}");
    assert!(end["note"].as_str().unwrap().contains(" lines in 3 batches, entries after "), "{end}");
    // One batch by its id is the same rows.
    let one = json!({ "type": "settlement.1", "format": "jsonl", "settlement": batches[1]["id"] });
    let one = shop.made(&one);
    assert_eq!(one["settlement_id"], batches[1]["id"]);
    let expected: Vec<_> =
        found.iter().filter(|it| it["settlement"] == batches[1]["id"]).cloned().collect();
    let mut found = rows(&one);
    found.pop();
    assert_eq!(found, expected);
    let unknown = format!("stl_{}", "0".repeat(32));
    let unknown = json!({ "type": "settlement.1", "format": "csv", "settlement": unknown });
    assert_eq!(shop.ask("unknown", &unknown).code(), "settlement_not_found");
}

#[test]
fn what_a_plugin_wants_beside_an_order_can_be_columns() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let shop = Shop::new(&gateway);
    let begin = shop.clock(&json!({ "advance_secs": 0 }));
    shop.paid(500);
    crate::marketplace::publish(&gateway, "50000");
    let mut order = Merchant::order("S-1");
    order["metadata"] = json!({ "basket": "=b-9", "seller:tea": "9000" });
    let created = shop.merchant.create("s-1", order.to_string()).unwrap().json();
    let pay = format!("/sandbox/orders/{}/pay", created["id"].as_str().unwrap());
    assert_eq!(Request::new("POST", &pay, "").send(&gateway.authority).unwrap().status, 200);
    let end = shop.clock(&json!({ "advance_secs": 60 }));
    shop.clock(&json!({ "advance_secs": 60 }));
    let statement = shop.made(&json!({
        "type": "orders.1", "format": "csv", "from": rfc3339(begin), "to": rfc3339(end),
        "columns": ["record", "gross", "plugin.basket", "plugin.sellers", "plugin.none", "note"],
    }));
    let text = String::from_utf8(shop.content(&statement)).unwrap();
    let rows: Vec<&str> = text.lines().collect();
    assert_eq!(rows[0], "record,gross,plugin.basket,plugin.sellers,plugin.none,note");
    assert_eq!(rows[1], "order,5.00,,,,", "decided without the plugin");
    assert_eq!(rows[2], "order,128.00,'=b-9,1,,");
    assert_eq!(rows[3], "total,133.00,,,,2 lines");
    assert!(rows[4].starts_with("end,,,,,\"orders.1 of m_demo: 2 lines, entries after "));
}
