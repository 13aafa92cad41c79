//! Columns whose values are sealed at rest, and how they are sealed anew under another root key.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use lezai_seal::Vault;
use lezai_store::{Fault, StoreError};
use tokio_postgres::types::ToSql;

use super::address::Address;
use super::session::{Session, apart};
use super::tables::{damaged, get, params};

/// The setting that names the root key that everything is sealed under.
const SETTING: &str = "sealed_under";
/// Rows that are looked at in one commit.
const AT_ONCE: i64 = 200;
/// Pages that are asked in one statement whether something is left, which takes far less than an answer may.
const ASKED_AT_ONCE: i64 = 8192;
/// How often a column is walked over at most: rows move while nodes write.
const ROUNDS: usize = 20;

/// A column that is sealed: its table, its name, what it is for, in SQL, and whether it is bytes.
type Column = (&'static str, &'static str, &'static str, bool);

/// Each of them.
const COLUMNS: [Column; 13] = [
    ("merchants", "webhook_secret", "'merchant/' || id || '/webhook_secret'", false),
    ("merchants", "former_secret", "'merchant/' || id || '/former_secret'", false),
    ("orders", "details", "'order/' || id || '/details'", false),
    ("events", "body", "'event/' || id || '/body'", true),
    ("stored_responses", "body", "'answer/' || scope || '/' || key", true),
    ("statement_chunks", "bytes", "'statement/' || statement || '/' || begins", true),
    ("denials", "facts", "'denial/' || order_id || '/facts'", false),
    ("bills", "bytes", "'bill/' || channel || '/' || kind || '/' || day || '/' || edition", true),
    ("receivers", "data", "'receiver/' || id || '/data'", false),
    ("payouts", "details", "'payout/' || id || '/details'", false),
    ("contracts", "pay_to", "'contract/' || merchant || '/' || number || '/pay_to'", false),
    ("digest_keys", "value", "'digest_key/' || name", false),
    (
        "merchant_accounts",
        "credentials",
        "'account/' || merchant || '/' || channel || '/' || version",
        false,
    ),
];

/// The root key that everything in a store is sealed under; none if that is not so. The note alone does not say it:
/// another node may have written under a former root key since.
///
/// # Errors
///
/// [`StoreError`].
pub fn sealed_under(address: &Arc<Address>) -> Result<Option<String>, StoreError> {
    apart(address, |session| {
        let Some(root) = noted(session)? else { return Ok(None) };
        Ok(left(session, &root)?.is_empty().then_some(root))
    })
}

fn noted(session: &Session) -> Result<Option<String>, StoreError> {
    let rows = session.query("SELECT value FROM settings WHERE name = $1", params![SETTING])?;
    rows.first().map(|row| get(row, 0)).transpose()
}

/// Seals everything anew that is plain, or sealed under a former root key, beside nodes that are at work: some rows at
/// a time. Whether there was anything to do.
///
/// # Errors
///
/// [`StoreError`], also if something is sealed under a root key that is not at hand.
pub fn reseal(address: &Arc<Address>, vault: &Arc<Vault>) -> Result<bool, StoreError> {
    // Other root keys that come meanwhile are another call's.
    let Some(roots) = vault.roots() else { return Ok(false) };
    apart(address, |session| {
        let current = roots.current();
        let mut was_needed = noted(session)?.as_deref() != Some(current);
        for _ in 0..ROUNDS {
            let columns = left(session, current)?;
            if columns.is_empty() {
                let note = "INSERT INTO settings VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2";
                session.execute(note, params![SETTING, current])?;
                return Ok(was_needed);
            }
            was_needed = true;
            for column in columns {
                renew(session, vault, column)?;
            }
        }
        let why = "another node still seals under a former root key: reload every node";
        Err(StoreError::database(Fault::Other, why))
    })
}

/// The columns that have a value which is not sealed under this root key, as of one moment each.
fn left(session: &Session, root: &str) -> Result<Vec<Column>, StoreError> {
    let mut found = Vec::new();
    for column in COLUMNS {
        session.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
        let has = has_other(session, column, root);
        if has.is_err() {
            session.hang_up();
        }
        if has? {
            found.push(column);
        }
        session.batch("COMMIT")?;
    }
    Ok(found)
}

/// Whether a column has a value that is not sealed under this root key, as the transaction sees it.
fn has_other(
    session: &Session,
    (table, column, _, is_bytes): Column,
    root: &str,
) -> Result<bool, StoreError> {
    let begins = format!("sealed:v1:{root}:");
    let length = begins.len();
    let other = match is_bytes {
        true => format!("substring({column} FROM 1 FOR {length}) <> convert_to($1, 'UTF8')"),
        false => format!("NOT starts_with({column}, $1)"),
    };
    let select = format!(
        "SELECT EXISTS (SELECT FROM {table} WHERE {column} IS NOT NULL AND {other}
         AND ctid >= ('(' || $2::BIGINT || ',0)')::TID AND ctid < ('(' || $2 + $3::BIGINT || ',0)')::TID)"
    );
    let (pages, mut page) = (pages(session, table)?, 0);
    while page < pages {
        let rows = session.query(&select, params![begins.as_str(), page, ASKED_AT_ONCE])?;
        if rows.first().map(|row| get(row, 0)).transpose()?.unwrap_or_default() {
            return Ok(true);
        }
        page += ASKED_AT_ONCE;
    }
    Ok(false)
}

fn pages(session: &Session, table: &str) -> Result<i64, StoreError> {
    let sql = format!("SELECT pg_relation_size('{table}') / current_setting('block_size')::BIGINT");
    let rows = session.query(&sql, &[])?;
    Ok(rows.first().map(|row| get(row, 0)).transpose()?.unwrap_or_default())
}

/// Walks over a table's pages from the first to the last. A row that a writer moves meanwhile to a page that was
/// passed is missed: whoever calls asks whether something is left.
fn renew(
    session: &Session,
    vault: &Arc<Vault>,
    (table, column, context, is_bytes): Column,
) -> Result<(), StoreError> {
    let pages = pages(session, table)?;
    let select = format!(
        "SELECT ctid::TEXT, {context}, {column} FROM {table}
         WHERE ctid >= ('(' || $1::BIGINT || ',0)')::TID AND ctid < ('(' || $1 + $2::BIGINT || ',0)')::TID
           AND {column} IS NOT NULL FOR UPDATE"
    );
    let update = format!("UPDATE {table} SET {column} = $2 WHERE ctid = ($1::TEXT)::TID");
    let mut page = 0;
    while page < pages {
        session.batch("BEGIN")?;
        let changed = || {
            for row in session.query(&select, params![page, AT_ONCE / 10])? {
                let (place, context): (String, String) = (get(&row, 0)?, get(&row, 1)?);
                let kept: Vec<u8> = match is_bytes {
                    true => get(&row, 2)?,
                    false => get::<String>(&row, 2)?.into_bytes(),
                };
                let Some(renewed) = vault
                    .renew(&context, &kept)
                    .map_err(|error| damaged(format!("{context}: {error}")))?
                else {
                    continue;
                };
                let renewed: Box<dyn ToSql + Sync + Send> = match is_bytes {
                    true => Box::new(renewed.into_bytes()),
                    false => Box::new(renewed),
                };
                session.send(&update, vec![Box::new(place), renewed])?;
            }
            session.flush()
        };
        if let Err(error) = changed() {
            session.hang_up();
            return Err(error);
        }
        session.batch("COMMIT")?;
        page += AT_ONCE / 10;
        // A writer that waits has its turn.
        thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}
