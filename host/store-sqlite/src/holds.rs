//! Records that a whole store has beside orders and entries: `lezai ledger check` asks.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use lezai_core::id::EventId;
use lezai_core::order::Order;
use rusqlite::{Connection, params};

use super::tables::{Sqlite, id, json};
use lezai_store::events::DeliveryStatus;
use lezai_store::{StoreError, Task};

/// The first thing that SQLite finds wrong with its file, if there is any.
///
/// # Errors
///
/// [`StoreError`].
pub fn integrity(connection: &Connection) -> Result<Option<String>, StoreError> {
    let found = Sqlite { connection }
        .one("PRAGMA integrity_check(1)", [], |row| Ok(row.get::<_, String>(0)?))?;
    Ok(found.filter(|what| what != "ok"))
}

/// The first row that names another which is not there, in words.
///
/// # Errors
///
/// [`StoreError`].
pub fn dangling_row(connection: &Connection) -> Result<Option<String>, StoreError> {
    Sqlite { connection }.one("PRAGMA foreign_key_check", [], |row| {
        let (table, parent) = (row.get::<_, String>(0)?, row.get::<_, String>(2)?);
        Ok(format!("a row of {table} names one of {parent} that is not there"))
    })
}

/// How many rows orders are found by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Attempts.
    pub attempts: u64,
    /// Refunds.
    pub refunds: u64,
    /// Splits.
    pub splits: u64,
    /// Returns of splits.
    pub returns: u64,
}

/// The rows that there are.
///
/// # Errors
///
/// [`StoreError`].
pub fn rows(connection: &Connection) -> Result<Rows, StoreError> {
    let sql = "SELECT (SELECT count(*) FROM attempts), (SELECT count(*) FROM refunds),
                 (SELECT count(*) FROM splits), (SELECT count(*) FROM split_returns)";
    let found = Sqlite { connection }.one(sql, [], |row| {
        Ok(Rows {
            attempts: row.get(0)?,
            refunds: row.get(1)?,
            splits: row.get(2)?,
            returns: row.get(3)?,
        })
    })?;
    Ok(found.unwrap_or_default())
}

/// The first row that is missing of those that an order is found by, and of its events, in words.
///
/// # Errors
///
/// [`StoreError`].
pub fn missing_row(connection: &Connection, order: &Order) -> Result<Option<String>, StoreError> {
    let tables = Sqlite { connection };
    let (order_id, merchant) = (order.terms.id.as_str(), order.terms.merchant.as_str());
    let sql = "SELECT 1 FROM sessions WHERE id = (SELECT session FROM orders WHERE id = ?1) AND order_id = ?1";
    if tables.one(sql, [order_id], |_| Ok(()))?.is_none() {
        return Ok(Some("its session is missing".to_owned()));
    }
    for attempt in &order.attempts {
        let sql = "SELECT 1 FROM attempts WHERE id = ?1 AND order_id = ?2";
        if tables.one(sql, [attempt.id.as_str(), order_id], |_| Ok(()))?.is_none() {
            return Ok(Some(format!("its attempt {} is missing", attempt.id)));
        }
    }
    for refund in &order.refunds {
        let sql = "SELECT 1 FROM refunds WHERE id = ?1 AND order_id = ?2 AND merchant = ?3 AND merchant_refund_id = ?4";
        let params = [refund.id.as_str(), order_id, merchant, &refund.merchant_refund_id];
        if tables.one(sql, params, |_| Ok(()))?.is_none() {
            return Ok(Some(format!("its refund {} is missing", refund.id)));
        }
    }
    if let Some(missing) = tables.missing_split(order)? {
        return Ok(Some(missing));
    }
    if let Some(bad) = tables.bad_quote(order)? {
        return Ok(Some(bad));
    }
    let sql = "SELECT count(*), coalesce(max(sequence), 0) FROM events WHERE order_id = ?1";
    let events = tables.one(sql, [order_id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (count, last): (u32, u32) = events.unwrap_or_default();
    if (count, last) != (order.notices, order.notices) {
        let told = order.notices;
        return Ok(Some(format!(
            "it has {count} events up to number {last}, and called for {told}"
        )));
    }
    Ok(None)
}

/// The tasks that wait, each as a number: of many millions, one is mistaken for another once in a
/// thousand years.
pub struct Tasks {
    numbers: HashSet<u64>,
    hasher: RandomState,
}

impl Tasks {
    /// Whether this one waits.
    pub fn contains(&self, task: &Task) -> bool {
        self.numbers.contains(&number(&self.hasher, task))
    }
}

fn number(hasher: &RandomState, task: &Task) -> u64 {
    // The form that it is kept in; what cannot be written is no task that could wait.
    hasher.hash_one(serde_json::to_string(task).unwrap_or_default())
}

/// Every task that waits.
///
/// # Errors
///
/// [`StoreError`]; [`StoreError::Damaged`] for a task that cannot be read.
pub fn tasks(connection: &Connection) -> Result<Tasks, StoreError> {
    let mut tasks = Tasks { numbers: HashSet::new(), hasher: RandomState::new() };
    let mut statement = connection.prepare("SELECT task FROM tasks")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        tasks.numbers.insert(number(&tasks.hasher, &json::<Task>(row, 0)?));
    }
    Ok(tasks)
}

/// The first event that waits to be delivered, and whose task does not.
///
/// # Errors
///
/// [`StoreError`].
pub fn untold_event(
    connection: &Connection,
    waits: impl Fn(&Task) -> bool,
) -> Result<Option<EventId>, StoreError> {
    let mut statement =
        connection.prepare("SELECT id, round FROM events WHERE delivery_status = ?1")?;
    let mut rows = statement.query(params![DeliveryStatus::Waiting.as_str()])?;
    while let Some(row) = rows.next()? {
        let task = Task::Deliver { event: id(row, 0, EventId::parse)?, round: row.get(1)? };
        if let Task::Deliver { event, .. } = &task
            && !waits(&task)
        {
            return Ok(Some(event.clone()));
        }
    }
    Ok(None)
}
