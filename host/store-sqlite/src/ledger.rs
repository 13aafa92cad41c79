//! The ledger in SQLite: the chain of entries, and beside it what stands on each account after each
//! of them, so that a balance at any past moment is one step down an index.

use std::ops::ControlFlow;

use lezai_core::funds::difference::Difference;
use lezai_core::funds::payout::Payout;
use lezai_core::id::{DifferenceId, MerchantId, OrderId, PayoutId};
use lezai_core::ledger::{Account, Entry, GENESIS, Kind, Posting, Subject};
use lezai_core::money::Currency;
use lezai_core::order::{Order, Terms};
use lezai_core::time::Timestamp;
use rusqlite::{Connection, Row, params};

use super::tables::{Sqlite, id, json, to_json};
use lezai_store::bills::DifferenceRecord;
use lezai_store::{BookedEntry, StoreError, Wanted};

pub(super) const TABLES: &str = "
CREATE TABLE entries (
  number INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, subject TEXT NOT NULL, kind TEXT NOT NULL,
  postings TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL, owner TEXT
) STRICT;
CREATE INDEX entries_by_subject ON entries (subject);
CREATE INDEX entries_by_owner ON entries (owner, number) WHERE owner IS NOT NULL;
CREATE TRIGGER entries_stay BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'a ledger entry is never changed'); END;
CREATE TRIGGER entries_remain BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'a ledger entry is never removed'); END;
CREATE TABLE balances (
  account TEXT NOT NULL, currency TEXT NOT NULL, at_ms INTEGER NOT NULL, number INTEGER NOT NULL, minor INTEGER NOT NULL,
  PRIMARY KEY (account, currency, at_ms, number)
) STRICT, WITHOUT ROWID;
";

pub(super) const ENTRY: &str =
    "SELECT number, at_ms, subject, kind, postings, previous, hash FROM entries";

/// The entries that are wanted, one at a time, until `each` has seen enough.
///
/// # Errors
///
/// [`StoreError`], or what `each` gives.
pub fn walk_entries<E: From<StoreError>>(
    connection: &Connection,
    wanted: Wanted<'_>,
    mut each: impl FnMut(BookedEntry) -> Result<ControlFlow<()>, E>,
) -> Result<(), E> {
    // By subject there are a few; the optimizer would rather sort them than look at all others.
    let by_subject = if wanted.subject.is_some() { "AND subject = ?2" } else { "AND ?2 IS NULL" };
    let direction = if wanted.newest_first { "DESC" } else { "ASC" };
    let sql = format!(
        "{ENTRY} WHERE number > ?1 {by_subject} AND (?3 IS NULL OR at_ms >= ?3) AND (?4 IS NULL OR at_ms < ?4)
         ORDER BY number {direction}"
    );
    let mut statement = connection.prepare_cached(&sql).map_err(StoreError::from)?;
    let params = params![
        i64::try_from(wanted.after).unwrap_or(i64::MAX),
        wanted.subject.map(Subject::as_str),
        wanted.from.map(Timestamp::as_ms),
        wanted.to.map(Timestamp::as_ms),
    ];
    let mut rows = statement.query(params).map_err(StoreError::from)?;
    while let Some(row) = rows.next().map_err(StoreError::from)? {
        if each(booked(row)?)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// Every entry of the ledger in order, one at a time.
///
/// # Errors
///
/// [`StoreError`], or what `each` gives.
pub fn for_each_entry<E: From<StoreError>>(
    connection: &Connection,
    mut each: impl FnMut(BookedEntry) -> Result<(), E>,
) -> Result<(), E> {
    walk_entries(connection, Wanted::default(), |entry| each(entry).map(ControlFlow::Continue))
}

/// The last entry's number, time and hash, if there is one.
///
/// # Errors
///
/// [`StoreError`].
pub fn last_entry(connection: &Connection) -> Result<Option<(u64, Timestamp, String)>, StoreError> {
    let sql = "SELECT number, at_ms, hash FROM entries ORDER BY number DESC LIMIT 1";
    Sqlite { connection }
        .one(sql, [], |row| Ok((row.get(0)?, Timestamp::from_ms(row.get(1)?), row.get(2)?)))
}

/// The balance of an account after an entry that changed it.
///
/// # Errors
///
/// [`StoreError`].
pub fn balance_after(
    connection: &Connection,
    account: &Account,
    currency: Currency,
    number: u64,
    at: Timestamp,
) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT minor FROM balances WHERE account = ?1 AND currency = ?2 AND at_ms = ?3 AND number = ?4";
    let params = params![account.to_string(), currency.code(), at.as_ms(), number];
    Sqlite { connection }.one(sql, params, |row| Ok(row.get(0)?))
}

/// The merchant by whom an entry is found, as it is kept beside the entry.
///
/// # Errors
///
/// [`StoreError`].
pub fn owner_kept(connection: &Connection, number: u64) -> Result<Option<String>, StoreError> {
    let sql = "SELECT owner FROM entries WHERE number = ?1";
    Ok(Sqlite { connection }.one(sql, [number], |row| Ok(row.get(0)?))?.flatten())
}

/// How many balances are kept.
///
/// # Errors
///
/// [`StoreError`].
pub fn balances_kept(connection: &Connection) -> Result<u64, StoreError> {
    let found =
        Sqlite { connection }.one("SELECT count(*) FROM balances", [], |row| Ok(row.get(0)?))?;
    Ok(found.unwrap_or_default())
}

/// Puts an entry at the end of the chain. Its time, which is given back, is not before that of the one before, so that a
/// moment parts the chain in two.
///
/// # Errors
///
/// [`StoreError`].
pub fn book(
    connection: &Connection,
    subject: &Subject,
    entry: &Entry,
    at: Timestamp,
) -> Result<Timestamp, StoreError> {
    let tables = Sqlite { connection };
    let (number, at, previous) = match last_entry(connection)? {
        Some((number, last, hash)) => (number + 1, at.max(last), hash),
        None => (1, at, GENESIS.to_owned()),
    };
    tables.change(
        "INSERT INTO entries (number, at_ms, subject, kind, postings, previous, hash, owner)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            number,
            at.as_ms(),
            subject.as_str(),
            entry.kind().as_str(),
            to_json(&entry.postings())?,
            previous,
            entry.hash(&previous, number, at, subject),
            Account::owner_of(entry.postings()).map(MerchantId::as_str),
        ],
    )?;
    for (account, currency, minor) in moved(entry.postings())? {
        let account = account.to_string();
        let before = balance(&tables, &account, currency)?;
        let after = before.checked_add(minor).ok_or_else(too_much)?;
        tables.change(
            "INSERT INTO balances (account, currency, at_ms, number, minor) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![account, currency.code(), at.as_ms(), number, after],
        )?;
    }
    Ok(at)
}

/// The net amounts of an entry, an account and currency once each.
///
/// # Errors
///
/// [`StoreError::Damaged`] for more than there is.
pub fn moved(postings: &[Posting]) -> Result<Vec<(&Account, Currency, i64)>, StoreError> {
    let mut moved: Vec<(&Account, Currency, i64)> = Vec::with_capacity(postings.len());
    for Posting { account, minor, currency } in postings {
        match moved.iter_mut().find(|it| (it.0, it.1) == (account, *currency)) {
            Some(same) => same.2 = same.2.checked_add(*minor).ok_or_else(too_much)?,
            None => moved.push((account, *currency, *minor)),
        }
    }
    Ok(moved)
}

/// More than all the money in the world.
fn too_much() -> StoreError {
    StoreError::Damaged("a balance is more than a number holds".to_owned())
}

/// The balance of an account now.
pub(super) fn balance(
    tables: &Sqlite<'_>,
    account: &str,
    currency: Currency,
) -> Result<i64, StoreError> {
    let sql = "SELECT minor FROM balances WHERE account = ?1 AND currency = ?2
               ORDER BY at_ms DESC, number DESC LIMIT 1";
    let found = tables.one(sql, [account, currency.code()], |row| Ok(row.get(0)?))?;
    Ok(found.unwrap_or_default())
}

/// The balances of an account at a moment, in each currency that it has ever seen until today.
pub(super) fn balances(
    tables: &Sqlite<'_>,
    account: &Account,
    at: Timestamp,
) -> Result<Vec<(Currency, i64)>, StoreError> {
    // From currency to currency along the index, however many rows lie between.
    let sql = "WITH RECURSIVE each(currency) AS (
                 SELECT min(currency) FROM balances WHERE account = ?1
                 UNION ALL
                 SELECT (SELECT min(currency) FROM balances WHERE account = ?1 AND currency > each.currency)
                 FROM each WHERE each.currency IS NOT NULL)
               SELECT currency, (SELECT minor FROM balances
                                 WHERE account = ?1 AND balances.currency = each.currency AND at_ms <= ?2
                                 ORDER BY at_ms DESC, number DESC LIMIT 1)
               FROM each WHERE currency IS NOT NULL";
    tables.all(sql, params![account.to_string(), at.as_ms()], |row| {
        let code: String = row.get(0)?;
        let currency =
            Currency::from_code(&code).map_err(|error| StoreError::Damaged(error.to_string()))?;
        Ok((currency, row.get::<_, Option<i64>>(1)?.unwrap_or_default()))
    })
}

/// Every order, one at a time.
///
/// # Errors
///
/// [`StoreError`], or what `each` gives.
pub fn for_each_order<E: From<StoreError>>(
    connection: &Connection,
    mut each: impl FnMut(Order) -> Result<(), E>,
) -> Result<(), E> {
    let sql = "SELECT data, id, merchant, merchant_order_id, status, version FROM orders";
    let mut statement = connection.prepare(sql).map_err(StoreError::from)?;
    let mut rows = statement.query([]).map_err(StoreError::from)?;
    while let Some(row) = rows.next().map_err(StoreError::from)? {
        let order: Order = json(row, 0)?;
        columns_fit(row, &order)?;
        each(order)?;
    }
    Ok(())
}

/// Whether the columns that orders are found by say what the order itself says.
fn columns_fit(row: &Row<'_>, order: &Order) -> Result<(), StoreError> {
    let Terms { id, merchant, merchant_order_id, .. } = &order.terms;
    let column = |column| row.get::<_, String>(column);
    let same = column(1)? == id.as_str()
        && column(2)? == merchant.as_str()
        && column(3)? == *merchant_order_id
        && column(4)? == order.state.status()
        && row.get::<_, u64>(5)? == order.version;
    if same {
        Ok(())
    } else {
        Err(StoreError::Damaged(format!("the row of {id} says otherwise than the order")))
    }
}

/// An order, and its entries up to the one numbered `last`, in the order in which they were booked.
///
/// # Errors
///
/// [`StoreError`].
pub fn order_with_entries(
    connection: &Connection,
    order: &OrderId,
    last: u64,
) -> Result<(Option<Order>, Vec<BookedEntry>), StoreError> {
    let entries = entries_of(connection, order.as_str(), last)?;
    let sql = "SELECT data FROM orders WHERE id = ?1";
    let order = Sqlite { connection }.one(sql, [order.as_str()], |row| json(row, 0))?;
    Ok((order, entries))
}

/// A payout as it is kept in clear, and its entries up to the one numbered `last`, in the order in which they were booked.
///
/// # Errors
///
/// [`StoreError`].
pub fn payout_with_entries(
    connection: &Connection,
    payout: &PayoutId,
    last: u64,
) -> Result<(Option<Payout>, Vec<BookedEntry>), StoreError> {
    let entries = entries_of(connection, payout.as_str(), last)?;
    let sql = "SELECT data FROM payouts WHERE id = ?1";
    let payout = Sqlite { connection }.one(sql, [payout.as_str()], |row| json(row, 0))?;
    Ok((payout, entries))
}

/// A difference, and its entries up to the one numbered `last`.
///
/// # Errors
///
/// [`StoreError`].
pub fn difference_with_entries(
    connection: &Connection,
    difference: &DifferenceId,
    last: u64,
) -> Result<(Option<Difference>, Vec<BookedEntry>), StoreError> {
    let entries = entries_of(connection, difference.as_str(), last)?;
    let sql = "SELECT data FROM bill_differences WHERE id = ?1";
    let found = Sqlite { connection }
        .one(sql, [difference.as_str()], |row| json::<DifferenceRecord>(row, 0))?;
    Ok((found.map(|it| it.difference), entries))
}

fn entries_of(
    connection: &Connection,
    subject: &str,
    last: u64,
) -> Result<Vec<BookedEntry>, StoreError> {
    Sqlite { connection }.all(
        &format!("{ENTRY} WHERE subject = ?1 AND number <= ?2 ORDER BY number"),
        params![subject, i64::try_from(last).unwrap_or(i64::MAX)],
        booked,
    )
}

pub(super) fn booked(row: &Row<'_>) -> Result<BookedEntry, StoreError> {
    let kind: String = row.get(3)?;
    let kind = Kind::ALL.into_iter().find(|it| it.as_str() == kind);
    Ok(BookedEntry {
        number: row.get(0)?,
        at: Timestamp::from_ms(row.get(1)?),
        subject: id(row, 2, Subject::parse)?,
        kind: kind.ok_or_else(|| StoreError::Damaged("unknown kind of ledger entry".to_owned()))?,
        postings: json(row, 4)?,
        previous: row.get(5)?,
        hash: row.get(6)?,
    })
}
