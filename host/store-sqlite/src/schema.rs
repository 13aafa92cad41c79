//! The version of the tables, how a file of an older one is brought up to it, and what a connection is
//! told before it is used. Each module beside owns the tables that it reads and writes.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::{
    STATEMENTS, accounts, bills, events, fees, funds, fx, ledger, mandates, payout_batches,
    plugins, records, sealed, splits, statements,
};
use lezai_seal::Vault;
use lezai_store::{Fault, StoreError};

/// The writer's cache: the inner pages of every tree of some million orders. In KiB, and so negative.
const WRITER_CACHE: i64 = -32_768;

/// The tables of a new file, at the latest version.
const TABLES: [&str; 13] = [
    records::TABLES,
    accounts::TABLES,
    ledger::TABLES,
    events::TABLES,
    plugins::TABLES,
    payout_batches::TABLES,
    mandates::TABLES,
    funds::TABLES,
    fx::TABLES,
    bills::TABLES,
    fees::TABLES,
    splits::TABLES,
    statements::TABLES,
];

/// A change of the tables: the version that it leads to, and the SQL that leads there from the one
/// before.
type Migration = (i64, &'static str);

/// Every migration since version 1, without a gap. What one does, [`TABLES`] says too: a new file is
/// made without them.
const MIGRATIONS: &[Migration] = &[];

/// The version of [`TABLES`], kept in `user_version`.
pub(super) const SCHEMA_VERSION: i64 = latest(MIGRATIONS);

const fn latest(migrations: &[Migration]) -> i64 {
    match migrations {
        [.., (version, _)] => *version,
        [] => 1,
    }
}

pub(super) fn prepare(connection: &Connection, vault: &Arc<Vault>) -> Result<(), StoreError> {
    sealed::teach(connection, vault)?;
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
    match version(connection)? {
        0 => change(connection, SCHEMA_VERSION, &TABLES.concat()),
        _ => migrate(connection, MIGRATIONS),
    }
}

/// Brings the tables to the latest version that the migrations lead to. One that fails leaves them at
/// the version before it.
fn migrate(connection: &Connection, migrations: &[Migration]) -> Result<(), StoreError> {
    let (found, known) = (version(connection)?, latest(migrations));
    if found > known {
        return Err(StoreError::database(
            Fault::Newer,
            format!("the file has schema {found}, this program knows {known}"),
        ));
    }
    for (version, sql) in migrations.iter().filter(|(version, _)| *version > found) {
        change(connection, *version, sql)?;
        tracing::info!(version, "the store has a new schema");
    }
    Ok(())
}

/// Changes the tables and their version in one transaction.
fn change(connection: &Connection, version: i64, sql: &str) -> Result<(), StoreError> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    transaction.execute_batch(sql)?;
    transaction.pragma_update(None, "user_version", version)?;
    Ok(transaction.commit()?)
}

/// That of the tables in a file; 0 if it has none yet.
pub(super) fn version(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SQLite's record of every table, index and trigger.
    fn schema(connection: &Connection) -> Vec<String> {
        let sql =
            "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_schema ORDER BY 1";
        let mut statement = connection.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn migrations_are_numbered_without_a_gap() {
        let numbers = MIGRATIONS.iter().map(|(version, _)| *version);
        assert!(numbers.eq((2..).take(MIGRATIONS.len())));
        assert_eq!(usize::try_from(SCHEMA_VERSION).unwrap(), 1 + MIGRATIONS.len());
    }

    #[test]
    fn a_file_is_made_once_and_then_opened_as_it_is() {
        let connection = Connection::open_in_memory().unwrap();
        prepare(&connection, &Vault::none()).unwrap();
        let made = schema(&connection);
        assert!(!made.is_empty());
        prepare(&connection, &Vault::none()).unwrap();
        assert_eq!(schema(&connection), made);
        assert_eq!(version(&connection).unwrap(), SCHEMA_VERSION);
    }

    #[test]
    fn each_migration_is_applied_once_and_in_its_turn() {
        let connection = Connection::open_in_memory().unwrap();
        let first: &[Migration] = &[];
        let second: &[Migration] = &[(2, "CREATE TABLE tea (name TEXT NOT NULL) STRICT;")];
        let fourth: &[Migration] = &[
            second[0],
            (3, "INSERT INTO tea VALUES ('longjing'); ALTER TABLE tea ADD COLUMN grade INTEGER;"),
            (4, "UPDATE tea SET grade = coalesce(grade, 0) + 1;"),
        ];
        change(&connection, latest(first), "").unwrap();
        for (migrations, version_after) in [(first, 1), (second, 2), (fourth, 4), (fourth, 4)] {
            migrate(&connection, migrations).unwrap();
            assert_eq!(version(&connection).unwrap(), version_after);
        }
        let tea = connection.query_row("SELECT name, grade FROM tea", [], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
        });
        assert_eq!(tea.unwrap(), ("longjing".to_owned(), 1));
        // A program that knows fewer of them leaves the file alone.
        let Err(StoreError::Database(error)) = migrate(&connection, second) else { panic!() };
        assert_eq!(error.fault, Fault::Newer);
        assert_eq!(version(&connection).unwrap(), 4);
    }

    #[test]
    fn a_migration_that_fails_changes_nothing() {
        let connection = Connection::open_in_memory().unwrap();
        change(&connection, 1, "CREATE TABLE tea (name TEXT NOT NULL) STRICT;").unwrap();
        let half = "INSERT INTO tea VALUES ('oolong'); INSERT INTO coffee VALUES ('mocha');";
        let failing = [(2, "INSERT INTO tea VALUES ('longjing');"), (3, half)];
        for _ in 0..2 {
            assert!(migrate(&connection, &failing).is_err());
            assert!(connection.is_autocommit());
            assert_eq!(version(&connection).unwrap(), 2);
        }
        let mended = [failing[0], (3, "INSERT INTO tea VALUES ('oolong');")];
        migrate(&connection, &mended).unwrap();
        let sql = "SELECT group_concat(name) FROM (SELECT name FROM tea ORDER BY rowid)";
        let names = connection.query_row(sql, [], |row| row.get::<_, String>(0));
        assert_eq!(names.unwrap(), "longjing,oolong");
    }
}
