//! One book of a database as of one moment, entry by entry: for commands that print the ledger. What is sealed they do
//! not read.

use std::ops::ControlFlow;

use lezai_core::funds::payout::Payout;
use lezai_core::id::{OrderId, PayoutId};
use lezai_core::ledger::{Account, Subject};
use lezai_core::money::Currency;
use lezai_core::time::Timestamp;
use lezai_store::{BookedEntry, FundsReads as _, StatementReads as _, StoreError, Wanted};

use super::ledger::{ENTRY, booked, every_book};
use super::snapshot::Snapshot;
use super::tables::{Postgres, count, get, number, params};

/// Rows that are fetched first; each time twice as many, for a walk may end soon.
const FETCHED_FIRST: u32 = 64;
const FETCHED_MOST: u32 = 4_096;

impl Snapshot<'_> {
    /// Every chain that there is, the gateway's own first.
    pub fn every_book(&self) -> impl Iterator<Item = i64> + use<> {
        every_book(self.books)
    }

    /// The entries of a book that are wanted, one at a time, until `each` has seen enough. Another walk begins when
    /// this one is over.
    ///
    /// # Errors
    ///
    /// [`StoreError`], or what `each` gives.
    pub fn walk_entries<E: From<StoreError>>(
        &self,
        book: i64,
        wanted: Wanted<'_>,
        mut each: impl FnMut(BookedEntry) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E> {
        let mut sql = format!("{ENTRY} WHERE book = {book} AND number > {}", number(wanted.after));
        // An id is letters, digits and lines, so it stands in SQL as it is.
        if let Some(subject) = wanted.subject.map(Subject::as_str) {
            sql += &format!(" AND subject = '{subject}'");
        }
        if let Some(from) = wanted.from {
            sql += &format!(" AND at_ms >= {}", from.as_ms());
        }
        if let Some(to) = wanted.to {
            sql += &format!(" AND at_ms < {}", to.as_ms());
        }
        let direction = if wanted.newest_first { "DESC" } else { "ASC" };
        self.session.batch(&format!(
            "DECLARE walk NO SCROLL CURSOR FOR {sql} ORDER BY number {direction}"
        ))?;
        let mut fetched = FETCHED_FIRST;
        'walk: loop {
            let found = self.session.query_once(&format!("FETCH {fetched} FROM walk"))?;
            fetched = (fetched * 2).min(FETCHED_MOST);
            if found.is_empty() {
                break;
            }
            for row in &found {
                if each(booked(row)?)?.is_break() {
                    break 'walk;
                }
            }
        }
        Ok(self.session.batch("CLOSE walk")?)
    }

    /// The last entry's number, time and hash, if the book has one.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn last_entry(&self, book: i64) -> Result<Option<(u64, Timestamp, String)>, StoreError> {
        let sql =
            "SELECT number, at_ms, hash FROM entries WHERE book = $1 ORDER BY number DESC LIMIT 1";
        self.tables().one(sql, params![book], |row| {
            Ok((count(row, 0)?, Timestamp::from_ms(get(row, 1)?), get(row, 2)?))
        })
    }

    /// The number of the book's last entry before a moment; 0 if there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn last_before(&self, book: i64, at: Timestamp) -> Result<u64, StoreError> {
        self.tables().last_before(book, at)
    }

    /// The hash of an entry; none if there is no such.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn entry_hash(&self, book: i64, entry: u64) -> Result<Option<String>, StoreError> {
        self.tables().hash_of(book, entry)
    }

    /// The balances of an account of a merchant's after an entry, debits positive.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn balances_after(
        &self,
        account: &Account,
        entry: u64,
    ) -> Result<Vec<(Currency, i64)>, StoreError> {
        self.tables().balances_after(account, entry)
    }

    /// The merchant's own number of an order, and of the refund that one of its entries asked for.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn reference(
        &self,
        order: &OrderId,
        refund_entry: Option<u64>,
    ) -> Result<String, StoreError> {
        let found: Option<Option<String>> = match refund_entry {
            None => {
                let sql = "SELECT merchant_order_id FROM orders WHERE id = $1";
                self.tables().one(sql, params![order.as_str()], |row| get(row, 0))?
            }
            Some(entry) => {
                // An order's refunds are kept in the order in which they were asked for, and so are its entries.
                let sql = "SELECT data::JSON -> 'refunds' -> (SELECT count(*) FROM entries
                             WHERE subject = $1 AND kind = 'refund_request' AND number < $2)::INT ->> 'merchant_refund_id'
                           FROM orders WHERE id = $1";
                let params = params![order.as_str(), number(entry)];
                self.tables().one(sql, params, |row| get(row, 0))?
            }
        };
        Ok(found.flatten().unwrap_or_default())
    }

    /// A payout.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn payout(&self, payout: &PayoutId) -> Result<Option<Payout>, StoreError> {
        self.tables().payout(payout)
    }

    /// The tables, for what has a statement there.
    fn tables(&self) -> Postgres<'_> {
        Postgres::view(self.session, &self.vault, self.books, None)
    }
}
