//! Every magic amount of docs/sandbox.md on the real binary, from the order to its end: what the
//! merchant reads, what it is told, and that the ledger adds up.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use lezai_tests::{Gateway, Merchant, Receiver, Request, TempDir, lezai, random_hex};
use serde_json::{Value, json};

/// The wallet is asked again within half a minute of business time, whatever it did, and that is
/// moved forward here; the rest is for a busy machine.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The wallet's late acts come after 30 s (host/channels/src/sandbox/magic.rs).
const LATER_SECS: u32 = 31;
/// A channel that stays silent is asked this long and a little more (host/gateway/src/jobs/mod.rs).
const DAY_SECS: u32 = 86_400;

/// An order of an amount, what is done with it (and what each call answers), how it ends, and
/// what its merchant is told.
struct Row {
    amount: i64,
    acts: &'static str,
    end: &'static str,
    told: &'static [&'static str],
}

const ROWS: &[Row] = &[
    Row {
        amount: 10901,
        acts: "pay=200",
        end: "created captured 0, declined insufficient_funds",
        told: &["payment.declined"],
    },
    Row {
        amount: 10902,
        acts: "pay=200 pay=200",
        end: "created captured 0, declined limit_exceeded",
        told: &["payment.declined", "payment.declined"],
    },
    Row {
        amount: 10903,
        acts: "pay=200 close=200",
        end: "closed captured 0",
        told: &["payment.declined", "order.closed"],
    },
    Row { amount: 10911, acts: "pay=503", end: "paid captured 10911", told: &["order.paid"] },
    // A shopper who asks again hears it at once.
    Row {
        amount: 10911,
        acts: "pay=503 pay=200",
        end: "paid captured 10911",
        told: &["order.paid"],
    },
    Row {
        amount: 10912,
        acts: "pay=503",
        end: "created captured 0, declined network_failure",
        told: &["payment.declined"],
    },
    Row {
        amount: 10913,
        acts: "pay=200 later pay=200",
        end: "paid captured 10913",
        told: &["order.paid"],
    },
    Row {
        amount: 10914,
        acts: "pay=200 pay=200",
        end: "paid captured 10914",
        told: &["order.paid"],
    },
    Row {
        amount: 10915,
        acts: "pay=200 close=200",
        end: "closed captured 0",
        told: &["order.closed", "payment.returned"],
    },
    // An amount set aside too late is released, and the merchant need not know.
    Row {
        amount: 10915,
        acts: "manual pay=200 close=200",
        end: "closed captured 0",
        told: &["order.closed"],
    },
    Row { amount: 10917, acts: "pay=200", end: "paid captured 10917", told: &["order.paid"] },
    Row {
        amount: 10921,
        acts: "pay=200",
        end: "created captured 0, declined amount_mismatch, attention amount",
        told: &["payment.declined", "order.needs_attention", "payment.returned"],
    },
    Row {
        amount: 10922,
        acts: "pay=200",
        end: "created captured 0, declined amount_mismatch, attention amount",
        told: &["payment.declined", "order.needs_attention", "payment.returned"],
    },
    Row {
        amount: 10922,
        acts: "manual pay=200",
        end: "created captured 0, declined amount_mismatch, attention amount",
        told: &["order.needs_attention", "payment.declined"],
    },
    Row {
        amount: 10931,
        acts: "manual pay=200 capture:10931=200",
        end: "authorized captured 0",
        told: &["order.authorized", "order.capture_failed"],
    },
    Row {
        amount: 10932,
        acts: "manual pay=200 capture:5000=200",
        end: "paid captured 5000",
        told: &["order.authorized", "order.paid"],
    },
    Row {
        amount: 10941,
        acts: "pay=200 void=200 rest refund:10941=201",
        end: "paid captured 10941, refund succeeded",
        told: &["order.paid", "order.void_failed", "refund.succeeded"],
    },
    Row {
        amount: 10941,
        acts: "manual pay=200 void=200",
        end: "authorized captured 0",
        told: &["order.authorized", "order.void_failed"],
    },
    Row {
        amount: 10942,
        acts: "pay=200 void=200",
        end: "voided captured 0",
        told: &["order.paid", "order.voided"],
    },
    Row {
        amount: 10951,
        acts: "pay=200 refund:500=201 rest refund:10951=201",
        end: "paid captured 10951, refund failed partial_refund_not_supported, refund succeeded",
        told: &["order.paid", "refund.failed", "refund.succeeded"],
    },
    Row {
        amount: 12800,
        acts: "pay=200 refund:6961=201 refund:5840=409",
        end: "paid captured 12800, refund succeeded",
        told: &["order.paid", "refund.succeeded"],
    },
    Row {
        amount: 12800,
        acts: "pay=200 refund:2962=201 rest refund:12800=201",
        end: "paid captured 12800, refund failed account_closed, refund succeeded",
        told: &["order.paid", "refund.failed", "refund.succeeded"],
    },
    Row {
        amount: 12800,
        acts: "pay=200 refund:2963=201",
        end: "paid captured 12800, refund succeeded",
        told: &["order.paid", "refund.succeeded"],
    },
    Row {
        amount: 12800,
        acts: "pay=200 refund:2964=201 refund:9836=201",
        end: "paid captured 12800, refund succeeded, refund succeeded",
        told: &["order.paid", "refund.succeeded", "refund.succeeded"],
    },
];

#[test]
fn every_magic_amount_comes_to_its_end() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let receiver = Receiver::start();
    let merchant = Merchant::demo(&gateway);
    std::thread::scope(|scope| {
        let rows: Vec<_> = ROWS
            .iter()
            .map(|row| {
                let (gateway, merchant, receiver) = (&gateway, merchant.clone(), &receiver);
                scope.spawn(move || Scene { gateway, merchant, receiver }.check(row))
            })
            .collect();
        // Until the wallet was asked again; no order here may live to expire.
        for _ in 0..40 {
            if rows.iter().all(|row| row.is_finished()) {
                break;
            }
            advance(&gateway, 5);
            std::thread::sleep(Duration::from_millis(250));
        }
    });
    let same_books = || {
        advance(&gateway, 5);
        let (ours, wallets) = (receivable(&gateway), wallets(&gateway));
        if ours == wallets { Ok(()) } else { Err(format!("{ours:?}\nthe wallet has {wallets:?}")) }
    };
    wait(same_books, ToOwned::to_owned);
    ends_well(&gateway);
}

#[test]
fn who_stays_silent_for_a_day_is_a_person_s_to_look_at() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let receiver = Receiver::start();
    let merchant = Merchant::demo(&gateway);
    let scene = Scene { gateway: &gateway, merchant, receiver: &receiver };
    let silent = ["10916: pay=503", "12800: pay=200 refund:2965=201"].map(|what| {
        let (amount, acts) = what.split_once(": ").unwrap();
        let id = scene.create(amount.parse().unwrap(), "automatic", what);
        acts.split_whitespace().for_each(|act| scene.act(&id, act, what));
        id
    });
    let [unpaid, unrefunded] = &silent;
    // Within the day, it is asked and asked.
    let mut passed = 0;
    while passed < DAY_SECS * 9 / 10 {
        advance(&gateway, 610);
        passed += 610;
        std::thread::sleep(Duration::from_millis(40));
    }
    assert_eq!(scene.end(unpaid), "closed captured 0");
    assert_eq!(scene.end(unrefunded), "paid captured 12800, refund pending");
    let done = || {
        advance(&gateway, 610);
        same(&scene.end(unpaid), "closed captured 0, attention payment")?;
        same(&scene.end(unrefunded), "paid captured 12800, attention refund, refund pending")
    };
    wait(done, |seen| format!("{seen}\n{}", gateway.log()));
    let told = || same(&scene.told(unrefunded).join(" "), "order.paid order.needs_attention");
    wait(told, |seen| format!("told {seen}"));
    ends_well(&gateway);
}

/// The wallet's debt to us, by our books, and the amounts that may stay set aside.
fn receivable(gateway: &Gateway) -> (i64, Vec<i64>) {
    let show = lezai(&["ledger", "check", "--data", &gateway.data.display().to_string()]);
    let text = String::from_utf8(show.stdout).unwrap();
    let line = text.lines().find(|line| line.contains("channel_receivable:sandbox")).unwrap();
    let minor = line.split_whitespace().last().unwrap();
    // Those that a capture or a void was refused for.
    (minor.parse().unwrap(), vec![10931, 10941])
}

/// The wallet's debt to us by its own books, and the amounts that it has set aside.
fn wallets(gateway: &Gateway) -> (i64, Vec<i64>) {
    let wallet = rusqlite::Connection::open(gateway.data.join("sandbox.db")).unwrap();
    let owes = "SELECT (SELECT coalesce(sum(taken), 0) FROM payments WHERE status = 'paid')
                     - (SELECT coalesce(sum(minor), 0) FROM refunds WHERE status = 'succeeded')";
    let owes = wallet.query_row(owes, [], |row| row.get(0)).unwrap();
    let aside = "SELECT minor FROM payments WHERE status = 'authorized' ORDER BY minor";
    let mut aside = wallet.prepare(aside).unwrap();
    let aside = aside.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    (owes, aside)
}

/// Moves business time forward.
fn advance(gateway: &Gateway, secs: u32) {
    let body = json!({"advance_secs": secs}).to_string();
    let request = Request::new("POST", "/sandbox/clock", body);
    let request = request.with("content-type", "application/json");
    let answer = request.send(&gateway.authority).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.json());
}

fn ends_well(gateway: &Gateway) {
    let check = lezai(&["ledger", "check", "--data", &gateway.data.display().to_string()]);
    assert!(check.status.success(), "the ledger does not add up: {check:?}");
    let log = gateway.log();
    assert!(!log.contains("panicked") && !log.contains("internal failure"), "{log}");
}

#[test]
fn every_documented_amount_is_tried() {
    let docs = include_str!("../../docs/sandbox.md");
    let documented: BTreeSet<&str> =
        docs.lines().filter_map(|line| line.strip_prefix("| …")?.get(..3)).collect();
    for digits in documented {
        let is_tried = ROWS.iter().any(|row| {
            let refund = format!("{digits}=201");
            // Amounts silent for ever have a test of their own, for payouts in the simulator.
            ["916", "965", "976"].contains(&digits)
                || crate::payouts::AMOUNTS.contains(&digits)
                || crate::mandates::AMOUNTS.contains(&digits)
                || crate::bills::AMOUNTS.contains(&digits)
                || crate::bills::OF_FUNDS.contains(&digits)
                || digits == crate::bills::LATE
                || row.amount.to_string().ends_with(digits)
                || row.acts.contains(&refund)
        });
        assert!(is_tried, "…{digits}");
    }
}

struct Scene<'g> {
    gateway: &'g Gateway,
    merchant: Merchant,
    receiver: &'g Receiver,
}

impl Scene<'_> {
    fn check(&self, row: &Row) {
        let what = format!("{}: {}", row.amount, row.acts);
        let acts = row.acts.strip_prefix("manual ");
        let capture = if acts.is_some() { "manual" } else { "automatic" };
        let id = self.create(row.amount, capture, &what);
        for act in acts.unwrap_or(row.acts).split_whitespace() {
            self.act(&id, act, &what);
        }
        wait(|| same(&self.end(&id), row.end), |seen| format!("{what}: {seen}"));
        let told = || self.told(&id);
        wait(
            || same(&told().join(" "), &row.told.join(" ")),
            |seen| format!("{what}: told {seen}\n{}", self.gateway.log()),
        );
        // Nothing more comes of it.
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!((self.end(&id).as_str(), told()), (row.end, owned(row.told)), "{what}");
    }

    fn create(&self, amount: i64, capture: &str, what: &str) -> String {
        let mut order = Merchant::order(&random_hex());
        order["amount"] = json!(amount);
        order["capture"] = json!(capture);
        order["notify_url"] = json!(self.receiver.url);
        let created = self.merchant.create(&random_hex(), order.to_string()).unwrap();
        assert_eq!(created.status, 201, "{what}: {}", created.json());
        created.json()["id"].as_str().unwrap().to_owned()
    }

    fn act(&self, id: &str, act: &str, what: &str) {
        let Some((call, status)) = act.split_once('=') else {
            return match act {
                "later" => advance(self.gateway, LATER_SECS),
                "rest" => wait(|| self.is_at_rest(id), |seen| format!("{what}: {seen}")),
                _ => panic!("{act}"),
            };
        };
        let (verb, minor) = call.split_once(':').unwrap_or((call, "0"));
        let amount: i64 = minor.parse().unwrap();
        let body = match verb {
            "capture" => json!({"amount": amount, "currency": "CNY"}).to_string(),
            "refund" => {
                json!({"amount": amount, "currency": "CNY", "merchant_refund_id": random_hex()})
                    .to_string()
            }
            _ => String::new(),
        };
        let answer = match verb {
            "pay" => Request::new("POST", &format!("/sandbox/orders/{id}/pay"), "")
                .send(&self.gateway.authority),
            verb => {
                let path = if verb == "refund" { "refunds" } else { verb };
                let target = format!("/v1/orders/{id}/{path}");
                self.merchant.send(&self.merchant.post(&target, &random_hex(), body))
            }
        };
        let answer = answer.unwrap();
        assert_eq!(answer.status.to_string(), status, "{what}: {act}: {}", answer.json());
    }

    /// Whether no call to the wallet is under way.
    fn is_at_rest(&self, id: &str) -> Result<(), String> {
        let order = self.order(id);
        let rests = order["refunding_amount"] == 0
            && !["voiding", "capturing"].contains(&order["status"].as_str().unwrap());
        if rests { Ok(()) } else { Err(order.to_string()) }
    }

    fn order(&self, id: &str) -> Value {
        self.merchant.get(&format!("/v1/orders/{id}")).json()
    }

    /// How an order stands, in words.
    fn end(&self, id: &str) -> String {
        let order = self.order(id);
        let mut words =
            format!("{} captured {}", order["status"].as_str().unwrap(), order["captured_amount"]);
        if let Some(code) = order["last_decline"]["code"].as_str() {
            words.push_str(&format!(", declined {code}"));
        }
        for attention in order["needs_attention"].as_array().into_iter().flatten() {
            words.push_str(&format!(", attention {}", attention["what"].as_str().unwrap()));
        }
        let refunds = self.merchant.get(&format!("/v1/orders/{id}/refunds")).json();
        for refund in refunds["data"].as_array().unwrap() {
            words.push_str(&format!(", refund {}", refund["status"].as_str().unwrap()));
            if let Some(failure) = refund["failure"].as_str() {
                words.push_str(&format!(" {failure}"));
            }
        }
        words
    }

    /// The types of an order's events, in its own sequence, however they came.
    fn told(&self, id: &str) -> Vec<String> {
        let events = self.receiver.events();
        let of_order = events.iter().filter(|it| it["data"]["order"]["id"] == id);
        let mut told: Vec<(u64, String)> = of_order
            .map(|it| (it["sequence"].as_u64().unwrap(), it["type"].as_str().unwrap().to_owned()))
            .collect();
        told.sort();
        told.dedup();
        told.into_iter().map(|(_, event_type)| event_type).collect()
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn same(seen: &str, expected: &str) -> Result<(), String> {
    if seen == expected { Ok(()) } else { Err(format!("{seen}\nexpected {expected}")) }
}

fn wait(done: impl Fn() -> Result<(), String>, complaint: impl Fn(&str) -> String) {
    let start = Instant::now();
    loop {
        match done() {
            Ok(()) => return,
            Err(seen) if start.elapsed() > TIMEOUT => panic!("{}", complaint(&seen)),
            Err(_) => std::thread::sleep(Duration::from_millis(200)),
        }
    }
}
