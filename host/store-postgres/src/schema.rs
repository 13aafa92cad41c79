//! The version of the tables, and how a database is brought up to it: by `lezai migrate`, never by a node that starts.
//!
//! A migration only adds, so that nodes of the version before go on beside those of the next: the rule is in
//! `docs/upgrade.md`.

use std::sync::Arc;

use lezai_store::{Fault, StoreError};

use super::address::Address;
use super::ledger::{FIRST, GATEWAY_BOOK};
use super::session::{Session, apart};
use super::tables::{count, params};

/// The chains that a new schema has.
pub const BOOKS: u32 = 16;

/// The tables at version 1.
const TABLES: &str = include_str!("schema-1.sql");

/// A change of the tables: the version that it leads to, and the SQL that leads there from the one before.
type Migration = (i64, &'static str);

/// Every migration since version 1, without a gap.
const MIGRATIONS: &[Migration] = &[];

/// The version that this program writes.
pub const SCHEMA_VERSION: i64 = latest(MIGRATIONS);

/// The lock that a migration holds: `lezai`, in ASCII.
const LOCK: i64 = 0x6c_65_7a_61_69;

const fn latest(migrations: &[Migration]) -> i64 {
    match migrations {
        [.., (version, _)] => *version,
        [] => 1,
    }
}

/// The schema's versions that [`migrate`] or [`check`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The version before; 0 if there were no tables.
    pub before: i64,
    /// The version now.
    pub now: i64,
    /// How many books it has.
    pub books: u32,
}

/// Makes the tables, with so many books, or brings them to this program's version, in one transaction. Several at
/// once do it once.
///
/// # Errors
///
/// [`StoreError::Database`]; nothing is changed.
pub fn migrate(address: &Arc<Address>, books: u32) -> Result<Found, StoreError> {
    apart(address, |session| bring_up(session, books))
}

fn bring_up(session: &Session, books: u32) -> Result<Found, StoreError> {
    session.batch("BEGIN")?;
    session.query("SELECT pg_advisory_xact_lock($1)", params![LOCK])?;
    let before = version(session)?;
    let books = match before {
        Some((_, books)) => books,
        None => books.clamp(1, 1024),
    };
    match before {
        Some((version, _)) => {
            known(version)?;
            for (next, sql) in MIGRATIONS.iter().filter(|(next, _)| *next > version) {
                session.batch(sql)?;
                session.execute("UPDATE lezai_schema SET version = $1", params![*next])?;
            }
        }
        None => make(session, books)?,
    }
    session.batch("COMMIT")?;
    let before = before.map_or(0, |(version, _)| version);
    Ok(Found { before, now: before.max(SCHEMA_VERSION), books })
}

fn make(session: &Session, books: u32) -> Result<(), StoreError> {
    session.batch(TABLES)?;
    session.batch(
        "CREATE TABLE lezai_schema (one BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (one), version BIGINT NOT NULL, books BIGINT NOT NULL)",
    )?;
    let sql = "INSERT INTO lezai_schema (version, books) VALUES ($1, $2)";
    session.execute(sql, params![SCHEMA_VERSION, i64::from(books)])?;
    let sql = "INSERT INTO books (book, hash) SELECT book, $3 FROM generate_series($1::BIGINT, $2::BIGINT) AS book";
    session.execute(sql, params![GATEWAY_BOOK, i64::from(books) - 1, FIRST])?;
    Ok(())
}

/// The state of a database, without changing it.
///
/// # Errors
///
/// [`StoreError::Database`] if it cannot be reached, or no node of this program could use it.
pub fn check(address: &Arc<Address>) -> Result<Found, StoreError> {
    let found = apart(address, version)?;
    let Some((version, books)) = found else {
        return Ok(Found { before: 0, now: 0, books: 0 });
    };
    known(version)?;
    Ok(Found { before: version, now: version, books })
}

/// How many books a database has, if a node can use it: its tables are this program's, or those of the next version,
/// which has only added to them.
pub(super) fn usable(session: &Session) -> Result<u32, StoreError> {
    let (version, books) = version(session)?.ok_or_else(|| {
        StoreError::database(Fault::Foreign, "it has no tables yet: run lezai migrate")
    })?;
    known(version)?;
    if version < SCHEMA_VERSION {
        let why = format!(
            "it has schema {version}, and this program needs {SCHEMA_VERSION}: run lezai migrate"
        );
        return Err(StoreError::database(Fault::Foreign, why));
    }
    Ok(books)
}

/// A program knows every version up to its own, and works on the next.
fn known(version: i64) -> Result<(), StoreError> {
    if version <= SCHEMA_VERSION + 1 {
        return Ok(());
    }
    let why = format!("it has schema {version}, and this program knows {SCHEMA_VERSION}");
    Err(StoreError::database(Fault::Newer, why))
}

/// The version and the number of books; none if there are no tables.
fn version(session: &Session) -> Result<Option<(i64, u32)>, StoreError> {
    let sql = "SELECT to_regclass('lezai_schema') IS NOT NULL";
    let rows = session.query(sql, &[])?;
    let is_there: bool = match rows.first() {
        Some(row) => super::tables::get(row, 0)?,
        None => false,
    };
    if !is_there {
        return Ok(None);
    }
    let rows = session.query("SELECT version, books FROM lezai_schema", &[])?;
    rows.first().map(|row| Ok((count(row, 0)?, count(row, 1)?))).transpose()
}
