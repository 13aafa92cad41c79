//! The end of a book's chain, as long as a transaction holds it.

use lezai_core::time::Timestamp;
use lezai_store::StoreError;

use super::rows::{count, get, params};
use super::session::Session;

/// The end of a book's chain, while its row is locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) book: i64,
    pub(super) entries: u64,
    pub(super) at: Timestamp,
    pub(super) hash: String,
    pub(super) is_changed: bool,
}

impl Head {
    /// Waits until no other transaction has the book, and locks it until the end of this one.
    pub(super) fn lock(session: &Session, book: i64) -> Result<Self, StoreError> {
        let sql = "SELECT entries, at_ms, hash FROM books WHERE book = $1 FOR UPDATE";
        let rows = session.query(sql, params![book])?;
        let row = rows.first().ok_or_else(|| {
            StoreError::Damaged(format!("book {book} is not there: the schema is not whole"))
        })?;
        Ok(Self {
            book,
            entries: count(row, 0)?,
            at: Timestamp::from_ms(get(row, 1)?),
            hash: get(row, 2)?,
            is_changed: false,
        })
    }

    /// How many entries the book has.
    pub(super) fn entries(&self) -> u64 {
        self.entries
    }
}
