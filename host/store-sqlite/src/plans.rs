//! How statements find their rows. In tests every statement of the store is looked at before it
//! runs: one that walks a whole table, or sorts what it found, takes longer with each order, and
//! all merchants share the threads that it runs on.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::{LazyLock, Mutex};

use lezai_core::id::{EventId, MerchantId, OrderId};
use lezai_core::time::Timestamp;
use rusqlite::{Connection, Statement, StatementStatus};

use super::schema::prepare;
use super::tables::Sqlite;
use lezai_store::View as _;
use lezai_store::events::{
    DeliveryStatus, EventQuery, EventReads as _, EventRecord, EventWrites as _, Failing,
};
use lezai_store::{Brand, MerchantRecord, Tx as _};

/// Statements that walk a table, and why they may.
const WALKS: &[(&str, &str)] = &[
    ("FROM merchants", "all are loaded at the start and after the operator changed one"),
    ("FROM merchant_keys", "likewise"),
    ("FROM merchant_accounts ORDER BY", "likewise"),
    ("FROM releases WHERE stage IN", "likewise, those that stand"),
    ("UPDATE tasks SET due_ms = leased_from", "once, at the start"),
    ("SELECT count(*) FROM tasks", "a metric, on a reader, when old rows are forgotten"),
    ("FROM bill_layouts AS it", "those that the operator wrote, before a bill is read"),
    ("FROM fx_rates ORDER BY", "one row for each direction, for the operator"),
    ("SELECT count(*) FROM balances", "for `lezai ledger check`"),
    ("SELECT (SELECT count(*) FROM attempts)", "likewise"),
    ("WITH RECURSIVE each(currency)", "its own short list of currencies"),
    ("FROM entries ORDER BY number DESC LIMIT 1", "one step, from the end"),
    ("FROM orders WHERE id >= ?1 ORDER BY id DESC", "once, at the start"),
];

thread_local! {
    static STEPS: Cell<i64> = const { Cell::new(0) };
}

/// Looks at a statement's plan, once in a process.
pub(super) fn look(connection: &Connection, sql: &str) {
    static SEEN: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);
    if !SEEN.lock().unwrap().insert(sql.to_owned()) {
        return;
    }
    if WALKS.iter().any(|(known, _)| sql.contains(known)) {
        return;
    }
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let parameters = vec![rusqlite::types::Null; statement.parameter_count()];
    let lines = statement.query_map(rusqlite::params_from_iter(parameters), |row| row.get(3));
    let lines: Vec<String> = lines.unwrap().map(Result::unwrap).collect();
    for line in &lines {
        let walks = line.starts_with("SCAN") && !line.contains("CONSTANT ROW");
        assert!(!walks && !line.contains("TEMP B-TREE"), "{sql}\n{lines:#?}");
    }
}

/// Counts the steps of SQLite's virtual machine that a statement took.
pub(super) fn spent(statement: &Statement<'_>) {
    let steps = statement.reset_status(StatementStatus::VmStep);
    STEPS.set(STEPS.get() + i64::from(steps));
}

fn steps_of<T>(work: impl FnOnce() -> T) -> (i64, T) {
    STEPS.set(0);
    let done = work();
    (STEPS.get(), done)
}

const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

fn event_id(n: u32) -> EventId {
    let mut entropy = [0; 10];
    entropy[..4].copy_from_slice(&n.to_be_bytes());
    EventId::new(NOW, entropy)
}

/// A merchant with so many events, a second apart.
fn merchant_with(events: u32) -> (Connection, MerchantId) {
    let connection = Connection::open_in_memory().unwrap();
    prepare(&connection, &lezai_seal::Vault::none()).unwrap();
    let merchant = MerchantId::parse("m_many").unwrap();
    let tx = Sqlite { connection: &connection };
    tx.put_merchant(&MerchantRecord {
        id: merchant.clone(),
        name: "Many".to_owned(),
        notify_url: None,
        webhook_secret: String::new(),
        policy: "{}".to_owned(),
        notify_hosts: Vec::new(),
        frame_origins: Vec::new(),
        brand: Brand::default(),
        former_secret: None,
    })
    .unwrap();
    for n in 0..events {
        let event = EventRecord {
            id: event_id(n),
            order: None,
            merchant: merchant.clone(),
            sequence: 0,
            event_type: if n % 1_000 == 7 { "order.closed" } else { "order.paid" }.to_owned(),
            created_at: NOW.plus_secs(n.into()),
            body: b"{}".to_vec(),
        };
        tx.insert_event(&event, DeliveryStatus::Waiting).unwrap();
        let host = format!("host-{n}.example");
        let failing = Failing { host, failures: 1, since: NOW };
        tx.set_failing(&merchant, &failing).unwrap();
    }
    (connection, merchant)
}

#[test]
fn what_a_question_costs_does_not_grow_with_the_history() {
    let asked = |events: u32| {
        let (connection, merchant) = merchant_with(events);
        let view = Sqlite { connection: &connection };
        let all = EventQuery {
            merchant: merchant.clone(),
            after: None,
            event_type: None,
            order: None,
            from: None,
            to: None,
            limit: 5,
        };
        let kind = |kind: &str| EventQuery { event_type: Some(kind.to_owned()), ..all.clone() };
        let (middle, end) = (NOW.plus_secs(i64::from(events) / 2), NOW.plus_secs(events.into()));
        let queries = [
            all.clone(),
            kind("nope"),
            kind("order.closed"),
            EventQuery { after: Some(event_id(events - 3)), ..all.clone() },
            EventQuery { from: Some(middle), ..all.clone() },
            EventQuery { from: Some(end), ..all.clone() },
            EventQuery { to: Some(NOW), ..all.clone() },
            EventQuery { from: Some(middle), to: Some(middle.plus_secs(2)), ..all.clone() },
            EventQuery { from: Some(middle), ..kind("nope") },
            EventQuery { order: Some(OrderId::new(NOW, [1; 10])), ..all },
        ];
        let mut costs: Vec<(i64, usize)> = queries
            .iter()
            .map(|query| {
                let (steps, found) = steps_of(|| view.events(query).unwrap());
                (steps, found.len())
            })
            .collect();
        costs.push((steps_of(|| view.latest_event_at(&merchant).unwrap()).0, 1));
        costs.push((steps_of(|| view.failing_host(&merchant, "host-9.example").unwrap()).0, 1));
        costs.push((steps_of(|| view.failing(&merchant, 5).unwrap()).0, 5));
        costs.push((steps_of(|| view.merchant(&merchant).unwrap()).0, 1));
        costs
    };
    let (short, long) = (asked(5_008), asked(9_008));
    for ((few, _), (many, found)) in short.iter().zip(&long) {
        assert!(many <= &(few + 40), "{short:?}\n{long:?}");
        assert!(*many < 1_000 && *found <= 5, "{long:?}");
    }
    assert_eq!(
        long.iter().map(|it| it.1).take(10).collect::<Vec<_>>(),
        [5, 0, 5, 2, 5, 0, 0, 2, 0, 0]
    );
}
