//! Queries of the ledger's tables for statements: where a time parts the chain, an account's balances after an
//! entry, and the merchant's own numbers.

use lezai_core::id::OrderId;
use lezai_core::ledger::Account;
use lezai_core::time::Timestamp;
use lezai_store::StoreError;
use rusqlite::{Connection, OptionalExtension as _, params};

/// The number of the last entry before a moment; 0 if there is none. Entries are in the order of time.
///
/// # Errors
///
/// [`StoreError`].
pub fn last_before(connection: &Connection, at: Timestamp) -> Result<u64, StoreError> {
    // Times rise with the numbers, so the largest of the earlier ones is found by halving.
    let (mut low, mut high) = (0_u64, last_number(connection)?);
    let mut time_of = connection.prepare_cached("SELECT at_ms FROM entries WHERE number = ?1")?;
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        let found: Option<i64> = time_of.query_row([middle], |row| row.get(0)).optional()?;
        if found.is_some_and(|it| it < at.as_ms()) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    Ok(low)
}

fn last_number(connection: &Connection) -> Result<u64, StoreError> {
    let sql = "SELECT coalesce(max(number), 0) FROM entries";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

/// The time and the hash of an entry; `None` if there is no such.
///
/// # Errors
///
/// [`StoreError`].
pub fn entry_head(
    connection: &Connection,
    number: u64,
) -> Result<Option<(Timestamp, String)>, StoreError> {
    let sql = "SELECT at_ms, hash FROM entries WHERE number = ?1";
    let row = connection
        .query_row(sql, [number], |row| Ok((Timestamp::from_ms(row.get(0)?), row.get(1)?)))
        .optional()?;
    Ok(row)
}

/// The balances of an account after an entry, each currency that ever moved on it, debits positive.
///
/// # Errors
///
/// [`StoreError`].
pub fn balances_after(
    connection: &Connection,
    account: &Account,
    number: u64,
) -> Result<Vec<(String, i64)>, StoreError> {
    // The table is in the order of time, and so are the numbers: the last row that is not later is the balance.
    let account = account.to_string();
    let mut currencies =
        connection.prepare_cached("SELECT DISTINCT currency FROM balances WHERE account = ?1")?;
    let currencies: Vec<String> =
        currencies.query_map([&account], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let at = entry_head(connection, number)?.map_or(i64::MIN, |(at, _)| at.as_ms());
    let mut last = connection.prepare_cached(
        "SELECT minor FROM balances WHERE account = ?1 AND currency = ?2 AND (at_ms, number) <= (?3, ?4)
         ORDER BY at_ms DESC, number DESC LIMIT 1",
    )?;
    let mut balances = Vec::new();
    for currency in currencies {
        let minor =
            last.query_row(params![account, currency, at, number], |row| row.get(0)).optional()?;
        balances.extend(minor.map(|minor| (currency, minor)));
    }
    Ok(balances)
}

/// The merchant's own number of an order, and of the refund that one of its entries asked for.
///
/// # Errors
///
/// [`StoreError`].
pub fn reference(
    connection: &Connection,
    order: &OrderId,
    refund_entry: Option<u64>,
) -> Result<String, StoreError> {
    let found: Option<String> = match refund_entry {
        None => {
            let mut sql =
                connection.prepare_cached("SELECT merchant_order_id FROM orders WHERE id = ?1")?;
            sql.query_row([order.as_str()], |row| row.get(0)).optional()?
        }
        Some(number) => {
            // An order's refunds are kept in the order in which they were asked for, and so are its entries.
            let mut sql = connection.prepare_cached(
                "SELECT json_extract(data, '$.refunds[' || (SELECT count(*) FROM entries
                   WHERE subject = ?1 AND kind = 'refund_request' AND number < ?2) || '].merchant_refund_id')
                 FROM orders WHERE id = ?1",
            )?;
            sql.query_row(params![order.as_str(), number], |row| row.get(0)).optional()?.flatten()
        }
    };
    Ok(found.unwrap_or_default())
}
