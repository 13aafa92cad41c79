//! A ledger that is whole, and what is found once somebody changed it.

mod debts;

use std::path::PathBuf;

use lezai_core::id::{AttemptId, EventId, MerchantId, OrderId, RefundId, SplitId, SplitReturnId};
use lezai_core::ledger::{Account, Entry, Kind, Posting};
use lezai_core::money::{Currency, Money};
use lezai_core::order::{
    Attempt, Charges, Effect, Event, NewSplit, NewSplitReturn, Order, RefundBearer, SplitMode,
    SplitTime, Step, Terms, step,
};
use lezai_core::policy::Share;
use lezai_core::time::Timestamp;
use rusqlite::params;

use super::*;
use lezai_base::entropy;
use lezai_store::{StoreError, Task};
use lezai_store_sqlite::{SqliteStore, book, for_each_entry, last_entry};

const START: Timestamp = Timestamp::from_secs(1_795_000_000);

/// A store in a folder of its own, gone at the end.
pub(in crate::ledger) struct Fixture {
    pub(in crate::ledger) data: PathBuf,
    connection: Connection,
    booked: (u64, String),
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

pub(in crate::ledger) fn cny(minor: i64) -> Money {
    Money::new(minor, Currency::from_code("CNY").unwrap()).unwrap()
}

fn attempt(n: u8) -> AttemptId {
    AttemptId::new(START, [n; 10])
}

impl Fixture {
    /// Orders 1 to 5: unpaid; paid; paid and held, with a second payment that went back; closed,
    /// with a payment that came late; paid, and a refund under way.
    pub(in crate::ledger) fn new() -> Self {
        let name: String = entropy::bytes::<8>().map(|byte| format!("{byte:02x}")).concat();
        let data = std::env::temp_dir().join(format!("lezai-ledger-{name}"));
        std::fs::create_dir(&data).unwrap();
        drop(SqliteStore::open(&file(&data)).unwrap());
        let connection = Connection::open(file(&data)).unwrap();
        connection
            .execute(
                "INSERT INTO merchants (id, name, webhook_secret, policy, notify_hosts, frame_origins, brand)
                 VALUES ('m_demo', 'Demo', '', '', '[]', '[]', '{}')",
                [],
            )
            .unwrap();
        let mut fixture = Self { data, connection, booked: (0, GENESIS.to_owned()) };
        fixture.order(1, false, &[]);
        fixture.order(2, false, &["choose 1", "paid 1"]);
        fixture.order(3, true, &["choose 1", "choose 2", "paid 1", "paid 2", "returned 2"]);
        fixture.order(4, false, &["choose 1", "close", "paid 1"]);
        fixture.order(5, false, &["choose 1", "paid 1", "refund 1"]);
        fixture
    }

    pub(in crate::ledger) fn terms(n: u8, held: bool) -> Terms {
        Terms {
            id: OrderId::new(START, [n; 10]),
            merchant: MerchantId::parse("m_demo").unwrap(),
            merchant_order_id: format!("A-{n}"),
            amount: cny(1000 * i64::from(n)),
            fee: cny(if n == 3 { 0 } else { 6 }),
            fee_basis: lezai_core::funds::pricing::FeeBasis::default(),
            shares: Vec::new(),
            split: SplitTime::Agreed,
            refund_bearer: RefundBearer::Merchant,
            charges: Charges::default(),
            reserve: None,
            fx: None,
            mandate: None,
            held,
            capture: lezai_core::order::Capture::Automatic,
            contract: 0,
            description: "Tea".to_owned(),
            methods: vec!["wallet_qr".to_owned()],
            instalments: Vec::new(),
            created_at: START,
            expires_at: START.plus_secs(900),
        }
    }

    fn order(&mut self, n: u8, held: bool, events: &[&str]) {
        let terms = Self::terms(n, held);
        let amount = terms.amount;
        let Step { mut order, mut effects, .. } = Order::create(terms).unwrap();
        let mut entries = Vec::new();
        for event in events {
            let (word, number) = event.split_once(' ').unwrap_or((event, "0"));
            let attempt = attempt(n * 16 + number.parse::<u8>().unwrap());
            let event = match word {
                "choose" => Event::MethodChosen(Attempt {
                    id: attempt,
                    method: "wallet_qr".to_owned(),
                    channel: "sandbox".to_owned(),
                    instalments: None,
                    account: None,
                    begun_at: None,
                    by_code: false,
                    routed: None,
                }),
                "paid" => Event::Paid { attempt, amount, channel_ref: "c".to_owned() },
                "returned" => Event::Returned(attempt),
                "refund" => Event::RefundRequested {
                    id: RefundId::new(START, [n; 10]),
                    merchant_refund_id: format!("R-{n}"),
                    amount: cny(500),
                    reason: None,
                },
                _ => Event::CloseRequested,
            };
            let after = step(order, event, START).unwrap();
            order = after.order;
            entries.extend(after.entry);
            effects.extend(after.effects);
        }
        self.keep(&order, &entries, effects);
    }

    pub(in crate::ledger) fn keep(
        &mut self,
        order: &Order,
        entries: &[Entry],
        effects: Vec<Effect>,
    ) {
        let id = order.terms.id.clone();
        let known = "SELECT count(*) FROM events";
        let mut events: u8 = self.connection.query_row(known, [], |row| row.get(0)).unwrap();
        self.run(
            "INSERT INTO orders VALUES (?1, 'm_demo', ?2, ?3, ?5, 0, ?4, '{}', 'cs_' || ?2)",
            params![
                id.as_str(),
                order.terms.merchant_order_id,
                order.state.status(),
                serde_json::to_string(order).unwrap(),
                order.version,
            ],
        );
        let session = format!("cs_{}", order.terms.merchant_order_id);
        self.run(
            "INSERT INTO sessions VALUES (?1, ?2, '', '', NULL, NULL, NULL)",
            params![session, id.as_str()],
        );
        for attempt in &order.attempts {
            let attempt = format!("{}", attempt.id);
            self.run("INSERT INTO attempts VALUES (?1, ?2)", params![attempt, id.as_str()]);
        }
        for refund in &order.refunds {
            let row = params![refund.id.as_str(), id.as_str(), refund.merchant_refund_id];
            self.run("INSERT INTO refunds VALUES (?1, ?2, 'm_demo', ?3)", row);
        }
        for split in &order.splits {
            let row = params![split.id.as_str(), id.as_str(), split.merchant_split_id];
            self.run("INSERT INTO splits VALUES (?1, ?2, 'm_demo', ?3)", row);
            for it in &split.returns {
                let row = params![it.id.as_str(), split.id.as_str(), it.merchant_return_id];
                self.run("INSERT INTO split_returns VALUES (?1, ?2, 'm_demo', ?3)", row);
            }
        }
        let mut sequence = 0;
        for effect in effects {
            let task = match effect {
                Effect::Notify(_) => {
                    sequence += 1;
                    events += 1;
                    let event = EventId::new(START, [events; 10]);
                    self.run(
                        "INSERT INTO events (id, order_id, merchant, sequence, event_type, created_ms, body, delivery_status)
                         VALUES (?1, ?2, 'm_demo', ?3, 'order.paid', 0, x'7b7d', 'waiting')",
                        params![event.as_str(), id.as_str(), sequence],
                    );
                    Task::Deliver { event, round: 0 }
                }
                what => Task::Order { order: id.clone(), what },
            };
            let lane = task.lane().as_str();
            let task = serde_json::to_string(&task).unwrap();
            self.run(
                "INSERT INTO tasks (lane, task, due_ms) VALUES (?1, ?2, 0)",
                params![lane, task],
            );
        }
        for entry in entries {
            self.book(&id, entry);
        }
        self.run(
            "INSERT INTO volumes VALUES ('m_demo', 'CNY', '2026-11', ?1)
             ON CONFLICT DO UPDATE SET minor = minor + excluded.minor",
            params![order.volume().minor()],
        );
    }

    fn book(&mut self, order: &OrderId, entry: &Entry) {
        book(&self.connection, &order.clone().into(), entry, START).unwrap();
        let (number, _, hash) = last_entry(&self.connection).unwrap().unwrap();
        self.booked = (number, hash);
    }

    pub(in crate::ledger) fn run(&self, sql: &str, params: impl rusqlite::Params) {
        self.connection.execute(sql, params).unwrap();
    }

    /// Changes what the store's own triggers would not let anyone change.
    pub(in crate::ledger) fn tamper(&self, sql: &str) {
        self.connection
            .execute_batch(&format!(
                "PRAGMA foreign_keys = OFF; DROP TRIGGER entries_stay; DROP TRIGGER entries_remain; {sql};"
            ))
            .unwrap();
    }

    pub(in crate::ledger) fn fault(&self) -> String {
        check(&self.data).unwrap_err().to_string()
    }
}

#[test]
fn a_whole_ledger_is_reported() {
    let fixture = Fixture::new();
    let report = check(&fixture.data).unwrap();
    assert_eq!(
        (report.entries, report.orders, report.paid, &report.head),
        (7, 5, 3, &fixture.booked.1)
    );
    let balances: Vec<String> = report
        .balances
        .iter()
        .map(|((account, currency), minor)| format!("{account} {minor} {currency}"))
        .collect();
    assert_eq!(
        balances,
        [
            "channel_receivable:sandbox 14000 CNY",
            "fee_income -12 CNY",
            "merchant_held:m_demo -3000 CNY",
            "merchant_pending:m_demo -6488 CNY",
            "payment_returns -4000 CNY",
            "refunds_in_flight -500 CNY",
        ]
    );
    assert_eq!(report.balances.values().sum::<i128>(), 0);
    assert!(
        report.text().contains("\n  fee_income                  CNY               -12\n"),
        "{}",
        report.text()
    );
}

#[test]
fn what_was_changed_is_found_and_the_first_of_it_is_named() {
    let order = |n: u8| OrderId::new(START, [n; 10]);
    let (second, third) = (order(2), order(3));
    for (sql, expected) in [
        ("UPDATE entries SET postings = replace(postings, '2000', '2001') WHERE number = 1".to_owned(), "entry 1: the postings in CNY do not sum to zero"),
        ("UPDATE entries SET postings = replace(replace(postings, '2000', '9000'), '1994', '8994') WHERE number = 1".to_owned(), "entry 1: its hash is not the one"),
        ("UPDATE entries SET at_ms = at_ms + 1 WHERE number IN (2, 4)".to_owned(), "entry 2: its hash is not the one"),
        (format!("UPDATE entries SET subject = '{third}' WHERE number = 1"), "entry 1: its hash is not the one"),
        ("UPDATE entries SET kind = 'payment_return' WHERE number = 1".to_owned(), "entry 1: its hash is not the one"),
        ("UPDATE entries SET previous = hash WHERE number = 3".to_owned(), "entry 3: it does not carry the hash"),
        ("DELETE FROM entries WHERE number = 2".to_owned(), "entry 2: it is missing; the next one is 3"),
        ("DELETE FROM entries WHERE number = 7".to_owned(), "entry 7: it is missing, and a balance is kept"),
        ("DELETE FROM entries WHERE number = 7; DELETE FROM balances WHERE number = 7".to_owned(), "has no entry for its refund_request"),
        ("UPDATE entries SET postings = '[{}]' WHERE number = 4".to_owned(), "entry 4: "),
        ("UPDATE entries SET owner = NULL WHERE number = 1".to_owned(), "entry 1: the merchant that it is found by"),
        ("UPDATE entries SET owner = 'm_other' WHERE number = 2".to_owned(), "entry 2: the merchant that it is found by"),
        ("UPDATE entries SET kind = 'gift' WHERE number = 3".to_owned(), "entry 3: unknown kind"),
        ("UPDATE balances SET minor = minor + 1 WHERE account = 'fee_income'".to_owned(), "entry 1: the balance kept of fee_income"),
        ("DELETE FROM balances WHERE number = 4".to_owned(), "entry 4: the balance kept of"),
        ("INSERT INTO balances VALUES ('fee_income', 'CNY', 1, 1, 1)".to_owned(), "entry 8: it is missing, and a balance is kept"),
        (format!("DELETE FROM orders WHERE id = '{second}'"), "entry 1: its order ord_"),
        (format!("UPDATE orders SET data = replace(data, '2000', '2001') WHERE id = '{second}'"), "entry 1: order ord_"),
        (format!("UPDATE orders SET data = replace(data, '\"held\":true', '\"held\":false') WHERE id = '{third}'"), "does not call for this payment"),
        (format!("UPDATE orders SET data = replace(data, '\"done\":true', '\"done\":false') WHERE id = '{third}'"), "entry 4: order ord_"),
        (format!("UPDATE orders SET status = 'created' WHERE id = '{second}'"), "says otherwise"),
        (format!("UPDATE orders SET merchant_order_id = 'X' WHERE id = '{}'", order(1)), "says otherwise"),
        (format!("UPDATE orders SET id = '{}' WHERE id = '{}'", order(9), order(1)), "says otherwise"),
        (format!("UPDATE orders SET data = '{{}}' WHERE id = '{}'", order(1)), "missing field"),
        ("DELETE FROM refunds".to_owned(), "its refund rfd_"),
        ("UPDATE refunds SET merchant_refund_id = 'X'".to_owned(), "its refund rfd_"),
        (format!("DELETE FROM attempts WHERE order_id = '{second}'"), "its attempt att_"),
        (format!("INSERT INTO attempts VALUES ('att_x', '{second}')"), "5 attempts, 1 refunds, 0 splits and 0 returns belong to orders, and the file has 6 attempts, 1 refunds"),
        (format!("DELETE FROM sessions WHERE order_id = '{second}'"), "its session is missing"),
        (format!("DELETE FROM events WHERE order_id = '{second}'"), "it has 0 events up to number 0, and called for 1"),
        (format!("DELETE FROM tasks WHERE task LIKE '%{}%expire%'", order(1)), "nothing waits to close it"),
        (format!("DELETE FROM tasks WHERE task LIKE '%{second}%settle%'"), "nothing waits to settle it"),
        (format!("DELETE FROM tasks WHERE task LIKE '%{}%return%'", order(4)), "nothing waits to return"),
        (format!("DELETE FROM tasks WHERE task LIKE '%{}%refund%'", order(5)), "nothing waits to refund it"),
        ("DELETE FROM tasks WHERE lane = 'callbacks'".to_owned(), "waits to be delivered, and no task"),
        ("UPDATE tasks SET task = '{}' WHERE number = 1".to_owned(), "the file: missing field"),
        ("INSERT INTO merchant_keys VALUES ('k', 'm_nobody', '')".to_owned(), "the file: a row of merchant_keys names one of merchants"),
        ("INSERT INTO stored_responses VALUES ('s', 'k', '', 200, x'', 5); PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'at_ms)', 'status)') WHERE name = 'stored_responses_by_age'".to_owned(), "the file: "),
    ] {
        let fixture = Fixture::new();
        fixture.tamper(&sql);
        let fault = check(&fixture.data).expect_err(&sql).to_string();
        assert!(fault.contains(expected), "{sql}: {fault} / {expected}");
    }
}

#[test]
fn a_time_that_goes_back_is_found_though_the_chain_holds() {
    let fixture = Fixture::new();
    let mut entries = Vec::new();
    for_each_entry(&fixture.connection, |entry| {
        entries.push(entry);
        Ok::<_, StoreError>(())
    })
    .unwrap();
    let last = entries.pop().unwrap();
    let early = Timestamp::from_ms(START.as_ms() - 1);
    let entry = Entry::new(last.kind, last.postings.clone()).unwrap();
    let hash = entry.hash(&last.previous, last.number, early, &last.subject);
    let (number, early) = (last.number, early.as_ms());
    fixture.tamper(&format!(
        "UPDATE entries SET at_ms = {early}, hash = '{hash}' WHERE number = {number};
         UPDATE balances SET at_ms = {early} WHERE number = {number}"
    ));
    let fault = fixture.fault();
    assert_eq!(fault, "entry 7: its time is before that of the entry before");
}

#[test]
fn an_entry_that_no_order_calls_for_is_found_though_the_chain_holds() {
    let mut fixture = Fixture::new();
    let (unpaid, paid) = (OrderId::new(START, [1; 10]), OrderId::new(START, [2; 10]));
    let payment = |minor: i64, fee: i64| {
        let receivable = Account::ChannelReceivable("sandbox".to_owned());
        let pending = Account::MerchantPending(MerchantId::parse("m_demo").unwrap());
        let side = |account, minor| Posting { account, minor, currency: cny(0).currency() };
        let sides = vec![
            side(receivable, minor),
            side(pending, fee - minor),
            side(Account::FeeIncome, -fee),
        ];
        Entry::new(Kind::Payment, sides).unwrap()
    };
    fixture.book(&paid, &payment(2000, 6));
    assert!(
        fixture.fault().starts_with("entry 8: order ord_")
            && fixture.fault().ends_with("has this payment already")
    );

    let mut fixture = Fixture::new();
    fixture.book(&unpaid, &payment(1000, 6));
    assert!(
        fixture.fault().ends_with("created, does not call for this payment"),
        "{}",
        fixture.fault()
    );
}

#[test]
fn what_is_no_store_cannot_be_read() {
    let nowhere = check(Path::new("/nonexistent"));
    assert!(matches!(nowhere, Err(Failed::Unreadable(_))));
}
