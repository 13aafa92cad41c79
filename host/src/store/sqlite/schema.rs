//! The tables and their versions, and what a connection is told before it is used.

use std::time::Duration;

use lezai_core::order::Order;
use rusqlite::Connection;

use super::super::{Fault, StoreError};
use super::records::json;
use super::{STATEMENTS, events, ledger, plugins};

/// The writer's cache: the inner pages of every tree of some million orders. In KiB, and so negative.
const WRITER_CACHE: i64 = -32_768;

/// The version of the schema below, kept in `user_version`.
pub(super) const SCHEMA_VERSION: i64 = 2;

const SCHEMA: &str = "
CREATE TABLE merchants (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, notify_url TEXT, webhook_secret TEXT NOT NULL, policy TEXT NOT NULL,
  notify_hosts TEXT NOT NULL DEFAULT '[]', former_secret TEXT, former_secret_until_ms INTEGER,
  frame_origins TEXT NOT NULL DEFAULT '[]'
) STRICT;
CREATE TABLE policies (digest TEXT PRIMARY KEY, policy TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE merchant_keys (keyid TEXT PRIMARY KEY, merchant TEXT NOT NULL REFERENCES merchants, pem TEXT NOT NULL) STRICT;
CREATE TABLE orders (
  id TEXT PRIMARY KEY, merchant TEXT NOT NULL REFERENCES merchants, merchant_order_id TEXT NOT NULL,
  status TEXT NOT NULL, version INTEGER NOT NULL, created_ms INTEGER NOT NULL,
  data TEXT NOT NULL, details TEXT NOT NULL, session TEXT NOT NULL,
  UNIQUE (merchant, merchant_order_id)
) STRICT;
CREATE TABLE refunds (
  id TEXT PRIMARY KEY, order_id TEXT NOT NULL REFERENCES orders, merchant TEXT NOT NULL, merchant_refund_id TEXT NOT NULL,
  UNIQUE (merchant, merchant_refund_id)
) STRICT;
CREATE TABLE attempts (id TEXT PRIMARY KEY, order_id TEXT NOT NULL REFERENCES orders) STRICT;
CREATE TABLE sessions (
  id TEXT PRIMARY KEY, order_id TEXT NOT NULL REFERENCES orders, secret_hash TEXT NOT NULL, gateway_key TEXT NOT NULL,
  claim_key TEXT, claim_origin TEXT, claim_ms INTEGER
) STRICT;
CREATE TABLE entries (
  number INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, order_id TEXT NOT NULL REFERENCES orders, kind TEXT NOT NULL,
  postings TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL
) STRICT;
CREATE INDEX entries_by_order ON entries (order_id);
CREATE TRIGGER entries_stay BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'a ledger entry is never changed'); END;
CREATE TRIGGER entries_remain BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'a ledger entry is never removed'); END;
CREATE TABLE tasks (
  number INTEGER PRIMARY KEY AUTOINCREMENT, lane TEXT NOT NULL, task TEXT NOT NULL, due_ms INTEGER NOT NULL, leased_from INTEGER, tries INTEGER NOT NULL DEFAULT 0, last_error TEXT
) STRICT;
CREATE INDEX tasks_by_due ON tasks (lane, due_ms);
CREATE TABLE first_answers (
  scope TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, status INTEGER NOT NULL, body BLOB NOT NULL, at_ms INTEGER NOT NULL,
  PRIMARY KEY (scope, key)
) STRICT;
CREATE INDEX first_answers_by_age ON first_answers (at_ms);
CREATE TABLE nonces (keyid TEXT NOT NULL, nonce TEXT NOT NULL, expires_ms INTEGER NOT NULL, PRIMARY KEY (keyid, nonce)) STRICT, WITHOUT ROWID;
CREATE INDEX nonces_by_age ON nonces (expires_ms);
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
";

/// From version 1, which knew no refunds, voids and captures, and settled nothing.
const FROM_1: &str = r#"
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE policies (digest TEXT PRIMARY KEY, policy TEXT NOT NULL) STRICT, WITHOUT ROWID;
ALTER TABLE merchants ADD COLUMN notify_hosts TEXT NOT NULL DEFAULT '[]';
ALTER TABLE merchants ADD COLUMN former_secret TEXT;
ALTER TABLE merchants ADD COLUMN former_secret_until_ms INTEGER;
ALTER TABLE merchants ADD COLUMN frame_origins TEXT NOT NULL DEFAULT '[]';
ALTER TABLE events RENAME TO events_1;
CREATE TABLE refunds (
  id TEXT PRIMARY KEY, order_id TEXT NOT NULL REFERENCES orders, merchant TEXT NOT NULL, merchant_refund_id TEXT NOT NULL,
  UNIQUE (merchant, merchant_refund_id)
) STRICT;
UPDATE orders SET data = json_set(data,
  '$.terms.capture', 'automatic', '$.refunds', json('[]'), '$.attention', json('[]'), '$.failed_voids', 0,
  '$.returns', json((SELECT json_group_array(json_set(value, '$.amount', json(data -> '$.terms.amount'))) FROM json_each(data, '$.returns'))));
UPDATE orders SET data = json_set(data, '$.state', json_object(
  'status', 'paid',
  'payment', json_object('attempt', data ->> '$.state.attempt', 'channel_ref', data ->> '$.state.channel_ref', 'at', data -> '$.state.paid_at'),
  'captured', json_object('amount', data -> '$.terms.amount', 'at', data -> '$.state.paid_at'),
  'settled', NULL)) WHERE status = 'paid';
INSERT INTO tasks (lane, task, due_ms)
  SELECT 'orders', json_object('task', 'order', 'order', id, 'what', 'settle'), (data ->> '$.state.captured.at') + 86400000
  FROM orders WHERE status = 'paid';
"#;

/// What only makes reading faster changes nothing that is kept, so it needs no version: a file that
/// lacks it is given it. Neither do tables that an older program can do without, such as what became of a
/// session before the page, or the session, that there is now; nor the number of the last entry that
/// named no debts.
const WITHOUT_VERSION: &str = "
CREATE INDEX IF NOT EXISTS orders_by_status ON orders (merchant, status, id);
CREATE INDEX IF NOT EXISTS events_by_type ON events (merchant, event_type);
CREATE INDEX IF NOT EXISTS events_by_time ON events (merchant, created_ms);
CREATE TABLE IF NOT EXISTS former_claims (
  session TEXT NOT NULL REFERENCES sessions, number INTEGER NOT NULL,
  claim_key TEXT NOT NULL, claim_origin TEXT NOT NULL, claim_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL,
  PRIMARY KEY (session, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS former_sessions (
  order_id TEXT NOT NULL REFERENCES orders, session TEXT NOT NULL REFERENCES sessions, ended_ms INTEGER NOT NULL,
  PRIMARY KEY (order_id, session)
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO settings (name, value)
  SELECT 'last_entry_without_debts', CAST(coalesce(max(number), 0) AS TEXT) FROM entries;
";

/// Merchants' looks came later. Whoever does not know of them reads and writes the table as before, so they need no
/// version either.
const BRANDS: &str = "ALTER TABLE merchants ADD COLUMN brand TEXT NOT NULL DEFAULT '{}';";

pub(super) fn prepare(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;",
    )?;
    connection.pragma_update(None, "cache_size", WRITER_CACHE)?;
    // A job is a savepoint, and what it changed is kept until it ends: in memory, where it is some
    // pages, for the file that SQLite would write cost a tenth of all processor time.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // The thread beside does it.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    match connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))? {
        SCHEMA_VERSION => {}
        0 => connection.execute_batch(&format!(
            "BEGIN; {SCHEMA} {} {} {} {} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;",
            events::TABLES,
            ledger::TABLES,
            plugins::TABLES,
            plugins::UNSIGNED,
        ))?,
        1 => connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; {FROM_1} {} {} {} {} {} {} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;",
            events::TABLES,
            events::FROM_1,
            ledger::TABLES,
            ledger::FROM_1,
            plugins::FROM_1,
            plugins::TABLES,
        ))?,
        newer => {
            return Err(StoreError::database(
                Fault::Newer,
                format!("the file has schema {newer}, this program knows {SCHEMA_VERSION}"),
            ));
        }
    }
    let has_brands = connection.prepare("SELECT brand FROM merchants").is_ok();
    if !has_brands {
        connection.execute_batch(BRANDS)?;
    }
    connection.execute_batch(WITHOUT_VERSION)?;
    add_reviews(connection)?;
    add_facts_of_denials(connection)
}

/// The orders that wait for a review, found anew from the orders themselves in a file that has no such
/// table yet.
fn add_reviews(connection: &Connection) -> Result<(), StoreError> {
    if has(connection, "SELECT count(*) FROM sqlite_schema WHERE name = 'open_reviews'")? {
        return Ok(());
    }
    connection.execute_batch(
        "BEGIN IMMEDIATE;
         CREATE TABLE open_reviews (order_id TEXT PRIMARY KEY REFERENCES orders) STRICT, WITHOUT ROWID;",
    )?;
    let added =
        list_open_reviews(connection).and_then(|()| Ok(connection.execute_batch("COMMIT")?));
    if added.is_err() {
        connection.execute_batch("ROLLBACK")?;
    }
    added
}

fn list_open_reviews(connection: &Connection) -> Result<(), StoreError> {
    let sql = "SELECT id, data FROM orders WHERE status IN ('authorized', 'capturing', 'paid')";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        match json::<Order>(row, 1) {
            Ok(order) if order.under_review() => {
                let sql = "INSERT INTO open_reviews (order_id) VALUES (?1)";
                connection.execute(sql, [&id])?;
            }
            Ok(_) => {}
            // One that cannot be read is for a person; the gateway starts all the same.
            Err(error) => tracing::error!(id, %error, "an order cannot be read"),
        }
    }
    Ok(())
}

/// What denied orders were decided on is kept since later than that they were denied.
fn add_facts_of_denials(connection: &Connection) -> Result<(), StoreError> {
    let known = "SELECT count(*) FROM pragma_table_info('denials') WHERE name = 'facts'";
    if !has(connection, known)? {
        connection.execute_batch("ALTER TABLE denials ADD COLUMN facts TEXT")?;
    }
    Ok(connection.execute_batch(
        "CREATE INDEX IF NOT EXISTS denials_by_order ON denials (order_id);
         CREATE INDEX IF NOT EXISTS denials_by_age ON denials (at_ms);",
    )?)
}

fn has(connection: &Connection, sql: &str) -> Result<bool, StoreError> {
    Ok(connection.query_row(sql, [], |row| row.get::<_, i64>(0))? > 0)
}
