//! A book of a database of PostgreSQL's as the tables that a store in one file has: what proves that one proves each
//! book, too. It is kept in memory, and without what nobody checks: secrets, decisions, the bodies of events.

use lezai_store::StoreError;
use lezai_store_postgres::{Rows, Snapshot, Value};
use lezai_store_sqlite::Stepped;
use rusqlite::types::Value as Kept;

/// The tables to copy: the name, its columns here, the same in PostgreSQL, and the column that names the merchant.
const TABLES: &[(&str, &str, &str, &str)] = &[
    (
        "merchants",
        "id, name, webhook_secret, policy, notify_hosts, frame_origins, brand",
        "id, name, '', '{}', '[]', '[]', '{}'",
        "id",
    ),
    (
        "orders",
        "id, merchant, merchant_order_id, status, version, created_ms, data, details, session",
        "id, merchant, merchant_order_id, status, version, created_ms, data, '{}', session",
        "merchant",
    ),
    ("open_reviews", "order_id", "order_id", "merchant"),
    (
        "refunds",
        "id, order_id, merchant, merchant_refund_id",
        "id, order_id, merchant, merchant_refund_id",
        "merchant",
    ),
    (
        "splits",
        "id, order_id, merchant, merchant_split_id",
        "id, order_id, merchant, merchant_split_id",
        "merchant",
    ),
    (
        "split_returns",
        "id, split, merchant, merchant_return_id",
        "id, split, merchant, merchant_return_id",
        "merchant",
    ),
    (
        "fx_quotes",
        "id, merchant, order_id, expires_ms, data",
        "id, merchant, order_id, expires_ms, data",
        "merchant",
    ),
    (
        "mandates",
        "id, merchant, merchant_mandate_id, status, version, data",
        "id, merchant, merchant_mandate_id, status, version, data",
        "merchant",
    ),
    ("receivers", "id, merchant, name, data", "id, merchant, name, '{}'", "merchant"),
    ("attempts", "id, order_id", "id, order_id", "merchant"),
    (
        "sessions",
        "id, order_id, secret_hash, gateway_key",
        "id, order_id, '', gateway_key",
        "merchant",
    ),
    (
        "tasks",
        "number, lane, task, due_ms, leased_from, tries",
        "number, lane, task, due_ms, leased_from, tries",
        "merchant",
    ),
    (
        "events",
        "id, order_id, merchant, sequence, event_type, created_ms, body, delivery_status, round, first_try_ms, delivered_ms",
        "id, order_id, merchant, sequence, event_type, created_ms, ''::BYTEA, delivery_status, round, first_try_ms, delivered_ms",
        "merchant",
    ),
    (
        "payout_batches",
        "id, merchant, merchant_payout_batch_id, version, waits, data",
        "id, merchant, merchant_payout_batch_id, version, waits, data",
        "merchant",
    ),
    (
        "payouts",
        "id, merchant, merchant_payout_id, status, version, created_ms, currency, minor, counts, data, details, batch",
        "id, merchant, merchant_payout_id, status, version, created_ms, currency, minor, counts, data, '', batch",
        "merchant",
    ),
    ("payout_events", "payout, sequence, event", "payout, sequence, event", "merchant"),
    ("contracts", "merchant, number, data", "merchant, number, data", "merchant"),
    ("volumes", "merchant, currency, month, minor", "merchant, currency, month, minor", "merchant"),
    (
        "promotions",
        "merchant, currency, name, payments, minor",
        "merchant, currency, name, payments, minor",
        "merchant",
    ),
    (
        "batches",
        "id, merchant, currency, to_entry, data",
        "id, merchant, currency, to_entry, data",
        "merchant",
    ),
];

const ENTRIES: &str = "number, at_ms, subject, kind, postings, previous, hash, owner";

/// The tables to copy for the gateway's own book.
const GATEWAY_TABLES: [(&str, &str); 2] = [
    ("reconciliations", "id, channel, day, data"),
    ("bill_differences", "id, run, channel, day, class, status, waits, opened_ms, data"),
];

/// The tables of one book.
///
/// # Errors
///
/// [`StoreError`].
pub fn tables_of_book(snapshot: &Snapshot<'_>, book: i64) -> Result<Stepped, StoreError> {
    let store = Stepped::new()?;
    // A row that names another which is not there is for the check to find.
    store.connection().execute_batch("PRAGMA foreign_keys = OFF; BEGIN")?;
    if let Ok(number) = u32::try_from(book) {
        for (table, here, there, merchant) in TABLES {
            copy(snapshot, &store, table, here, there, merchant, Rows::OfMerchantsOf(number))?;
        }
        const CALENDARS: &str = "name, edition, text";
        copy(snapshot, &store, "calendars", CALENDARS, CALENDARS, "", Rows::All)?;
    } else {
        for (table, columns) in GATEWAY_TABLES {
            copy(snapshot, &store, table, columns, columns, "", Rows::All)?;
        }
        // What waits for no merchant: of the gateway's own work only the return of payments is checked.
        let is_tasks = |it: &&(_, _, _, _)| it.0 == "tasks";
        if let Some((table, here, there, merchant)) = TABLES.iter().find(is_tasks) {
            copy(snapshot, &store, table, here, there, merchant, Rows::OfNobody)?;
        }
    }
    copy(snapshot, &store, "entries", ENTRIES, ENTRIES, "", Rows::OfBook(book))?;
    const BALANCES: &str = "account, currency, at_ms, number, minor";
    copy(snapshot, &store, "balances", BALANCES, BALANCES, "", Rows::OfBook(book))?;
    store.connection().execute_batch("COMMIT")?;
    Ok(store)
}

/// The first table that has a row of a merchant who is not there.
pub(super) fn of_nobody(snapshot: &Snapshot<'_>) -> Result<Option<String>, StoreError> {
    for (table, _, _, merchant) in TABLES.iter().filter(|it| it.0 != "merchants") {
        let mut found = None;
        // The operator's own tasks and rows are nobody's, and have no name.
        snapshot.each(table, merchant, merchant, Rows::OfNobody, |values| {
            if let Some(Value::Text(name)) = values.into_iter().next()
                && !name.is_empty()
            {
                found.get_or_insert(name);
            }
            Ok(())
        })?;
        if let Some(name) = found {
            return Ok(Some(format!(
                "a row of {table} is of {name}, a merchant that is not there"
            )));
        }
    }
    Ok(None)
}

fn copy(
    snapshot: &Snapshot<'_>,
    store: &Stepped,
    table: &str,
    here: &str,
    there: &str,
    merchant: &str,
    rows: Rows,
) -> Result<(), StoreError> {
    let marks = vec!["?"; here.split(", ").count()].join(", ");
    let insert = format!("INSERT INTO {table} ({here}) VALUES ({marks})");
    let mut statement = store.connection().prepare(&insert)?;
    snapshot.each(table, there, merchant, rows, |values| {
        let values = values.into_iter().map(|value| match value {
            Value::Null => Kept::Null,
            Value::Integer(number) => Kept::Integer(number),
            Value::Text(text) => Kept::Text(text),
            Value::Blob(bytes) => Kept::Blob(bytes),
        });
        statement.execute(rusqlite::params_from_iter(values))?;
        Ok(())
    })
}
