//! Columns whose values are sealed at rest, and how they are sealed anew under another root key.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use lezai_seal::Vault;
use lezai_store::StoreError;
use tokio_postgres::types::ToSql;

use super::address::Address;
use super::session::{Session, apart};
use super::tables::{damaged, get, params};

/// The setting that names the root key that everything is sealed under.
const SETTING: &str = "sealed_under";
/// Rows that are looked at in one commit.
const AT_ONCE: i64 = 200;

/// Each column that is sealed: its table, its name, what it is for, in SQL, and whether it is bytes.
const COLUMNS: [(&str, &str, &str, bool); 12] = [
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
];

/// The root key that everything in a store is sealed under; none if that is not so.
///
/// # Errors
///
/// [`StoreError`].
pub fn sealed_under(address: &Arc<Address>) -> Result<Option<String>, StoreError> {
    apart(address, noted)
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
        if noted(session)?.as_deref() == Some(roots.current()) {
            return Ok(false);
        }
        for column in COLUMNS {
            renew(session, vault, column)?;
        }
        let note =
            "INSERT INTO settings VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2";
        session.execute(note, params![SETTING, roots.current()])?;
        Ok(true)
    })
}

/// Walks over a table's pages from the first to the last. What is written meanwhile is sealed under the current root
/// key already, wherever it lands.
fn renew(
    session: &Session,
    vault: &Arc<Vault>,
    (table, column, context, is_bytes): (&str, &str, &str, bool),
) -> Result<(), StoreError> {
    let sql = format!("SELECT pg_relation_size('{table}') / current_setting('block_size')::BIGINT");
    let rows = session.query(&sql, &[])?;
    let pages: i64 = rows.first().map(|row| get(row, 0)).transpose()?.unwrap_or_default();
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
                let kept: String = match is_bytes {
                    true => match String::from_utf8(get(&row, 2)?) {
                        Ok(text) => text,
                        Err(_) => continue,
                    },
                    false => get(&row, 2)?,
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
