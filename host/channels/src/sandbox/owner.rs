//! Whose account a payment at the simulated wallet is of.

use lezai_core::id::AttemptId;
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::Broken;

/// Notes whose payment it is, unless somebody asked for it before. The platform's are not noted.
pub(super) fn claim(
    wallet: &Transaction<'_>,
    attempt: &AttemptId,
    account: &str,
) -> Result<(), Broken> {
    if account.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO owners (attempt, account) SELECT ?1, ?2
               WHERE NOT EXISTS (SELECT 1 FROM payments WHERE attempt = ?1) ON CONFLICT DO NOTHING";
    wallet.prepare_cached(sql)?.execute(params![attempt.as_str(), account])?;
    Ok(())
}

/// Whether a payment is of an account; the empty one is the platform's.
pub(super) fn is_of(
    wallet: &Transaction<'_>,
    attempt: &str,
    account: &str,
) -> Result<bool, Broken> {
    let sql = "SELECT account FROM owners WHERE attempt = ?1";
    let owner = wallet.prepare_cached(sql)?.query_row([attempt], |row| row.get::<_, String>(0));
    Ok(owner.optional()?.unwrap_or_default() == account)
}
