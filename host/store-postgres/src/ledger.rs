//! The ledger in PostgreSQL: a chain of entries for each book, and beside it what stands on each account after each
//! of them. An account of a merchant's is in one book; one that all share stands in each, and is their sum.

use lezai_core::id::MerchantId;
use lezai_core::ledger::{Account, Entry, GENESIS, Kind, Posting, Subject};
use lezai_core::money::Currency;
use lezai_core::time::Timestamp;
use lezai_store::{BookedEntry, StoreError, book_of};
use tokio_postgres::Row;

use super::head::Head;
use super::tables::{Postgres, count, damaged, get, id, json, number, owned, params, to_json};

/// The columns of an entry, as [`booked`] reads them.
pub(super) const ENTRY: &str =
    "SELECT number, at_ms, subject, kind, postings, previous, hash FROM entries";

/// An entry as it is kept.
pub(super) fn booked(row: &Row) -> Result<BookedEntry, StoreError> {
    let kind: &str = get(row, 3)?;
    let kind = Kind::ALL.into_iter().find(|it| it.as_str() == kind);
    Ok(BookedEntry {
        number: count(row, 0)?,
        at: Timestamp::from_ms(get(row, 1)?),
        subject: id(row, 2, Subject::parse)?,
        kind: kind.ok_or_else(|| damaged("unknown kind of ledger entry"))?,
        postings: json(row, 4)?,
        previous: get(row, 5)?,
        hash: get(row, 6)?,
    })
}

/// The book of the gateway's own settings, and of what it books in nobody's name: the resolutions of differences.
pub const GATEWAY_BOOK: i64 = -1;

impl Postgres<'_> {
    /// Writes where the chain ends, and that configuration changed, once for all jobs of a transaction.
    pub(super) fn write_head(&self) -> Result<(), StoreError> {
        let Some(head) = self.head() else { return Ok(()) };
        let changes = self.changes.get();
        if !head.is_changed && changes == 0 {
            return Ok(());
        }
        self.later(
            "UPDATE books SET entries = $2, at_ms = $3, hash = $4, revision = revision + $5 WHERE book = $1",
            owned![head.book, number(head.entries), head.at.as_ms(), head.hash, changes],
        )
    }

    /// Puts an entry at the end of the book's chain. Its time is not before that of the one before, so that a moment
    /// parts the chain in two.
    pub(super) fn book_entry(
        &self,
        subject: &Subject,
        entry: &Entry,
        at: Timestamp,
    ) -> Result<Timestamp, StoreError> {
        let merchant = self.owner();
        let head = self.head();
        let head = head.ok_or_else(|| StoreError::Damaged("no book is locked".to_owned()))?;
        let next = head.entries + 1;
        let at = if head.entries == 0 { at } else { at.max(head.at) };
        for Posting { account, .. } in entry.postings() {
            if account.owner().is_some_and(|owner| owner.as_str() != merchant) {
                return Err(StoreError::Damaged(format!(
                    "a job of '{merchant}' books on {account}"
                )));
            }
        }
        let hash = entry.hash(&head.hash, next, at, subject);
        self.later(
            "INSERT INTO entries (book, number, at_ms, subject, kind, postings, previous, hash, owner)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            owned![
                head.book,
                number(next),
                at.as_ms(),
                subject.as_str().to_owned(),
                entry.kind().as_str(),
                to_json(&entry.postings())?,
                head.hash.clone(),
                hash.clone(),
                Account::owner_of(entry.postings()).map(MerchantId::to_string),
            ],
        )?;
        let moved = moved(entry.postings())?;
        let accounts: Vec<String> = moved.iter().map(|it| it.0.to_string()).collect();
        let currencies: Vec<&str> = moved.iter().map(|it| it.1.code()).collect();
        let before = self.standing(head.book, &accounts, &currencies)?;
        let after = moved
            .iter()
            .zip(before)
            .map(|(moved, before)| before.checked_add(moved.2).ok_or_else(too_much))
            .collect::<Result<Vec<i64>, StoreError>>()?;
        let currencies: Vec<String> = currencies.into_iter().map(str::to_owned).collect();
        self.later(
            "INSERT INTO balances (account, currency, book, at_ms, number, minor)
             SELECT account, currency, $4, $5, $6, minor
             FROM unnest($1::TEXT[], $2::TEXT[], $3::BIGINT[]) AS moved (account, currency, minor)",
            owned![accounts, currencies, after, head.book, at.as_ms(), number(next)],
        )?;
        self.set_head(Some(Head { entries: next, at, hash, is_changed: true, ..head }));
        Ok(at)
    }

    /// The balances of accounts now, in one book.
    fn standing(
        &self,
        book: i64,
        accounts: &[String],
        currencies: &[&str],
    ) -> Result<Vec<i64>, StoreError> {
        let sql = "SELECT coalesce((SELECT minor FROM balances
                     WHERE balances.account = wanted.account AND balances.currency = wanted.currency AND book = $3
                     ORDER BY at_ms DESC, number DESC LIMIT 1), 0)
                   FROM unnest($1::TEXT[], $2::TEXT[]) WITH ORDINALITY AS wanted (account, currency, place)
                   ORDER BY place";
        self.all(sql, params![accounts, currencies, book], |row| get(row, 0))
    }

    /// The books that an account can stand in.
    fn books_of(&self, account: &Account) -> Vec<i64> {
        match account.owner() {
            Some(merchant) => vec![book_of(merchant, self.books).into()],
            None => every_book(self.books).collect(),
        }
    }

    /// The balance of an account now, of all books together.
    pub(super) fn balance_now(
        &self,
        account: &Account,
        currency: Currency,
    ) -> Result<i64, StoreError> {
        let sql =
            "SELECT coalesce(sum(last.minor), 0)::BIGINT FROM unnest($3::BIGINT[]) AS each (number)
                   CROSS JOIN LATERAL (SELECT minor FROM balances
                     WHERE account = $1 AND currency = $2 AND book = each.number
                     ORDER BY at_ms DESC, number DESC LIMIT 1) AS last";
        let params = params![account.to_string(), currency.code(), self.books_of(account)];
        Ok(self.one(sql, params, |row| get(row, 0))?.unwrap_or_default())
    }

    /// The balances of an account at a moment, in each currency that it has ever seen until today.
    pub(super) fn balances_at(
        &self,
        account: &Account,
        at: Timestamp,
    ) -> Result<Vec<(Currency, i64)>, StoreError> {
        // From currency to currency along the index, however many rows lie between.
        let sql = "WITH RECURSIVE known (currency) AS (
                     (SELECT currency FROM balances WHERE account = $1 ORDER BY currency LIMIT 1)
                     UNION ALL
                     SELECT (SELECT balances.currency FROM balances
                             WHERE account = $1 AND balances.currency > known.currency ORDER BY balances.currency LIMIT 1)
                     FROM known WHERE known.currency IS NOT NULL)
                   SELECT currency, coalesce((SELECT sum(last.minor) FROM unnest($3::BIGINT[]) AS each (number)
                     CROSS JOIN LATERAL (SELECT minor FROM balances
                       WHERE account = $1 AND balances.currency = known.currency AND book = each.number AND at_ms <= $2
                       ORDER BY at_ms DESC, balances.number DESC LIMIT 1) AS last), 0)::BIGINT
                   FROM known WHERE currency IS NOT NULL";
        let params = params![account.to_string(), at.as_ms(), self.books_of(account)];
        self.all(sql, params, |row| {
            let currency = Currency::from_code(get(row, 0)?).map_err(damaged)?;
            Ok((currency, get(row, 1)?))
        })
    }
}

/// Every chain that there is, the gateway's own first.
pub(super) fn every_book(books: u32) -> impl Iterator<Item = i64> {
    GATEWAY_BOOK..i64::from(books)
}

/// The net amounts of an entry, an account and currency once each.
fn moved(postings: &[Posting]) -> Result<Vec<(&Account, Currency, i64)>, StoreError> {
    let mut moved: Vec<(&Account, Currency, i64)> = Vec::with_capacity(postings.len());
    for Posting { account, minor, currency } in postings {
        match moved.iter_mut().find(|it| (it.0, it.1) == (account, *currency)) {
            Some(same) => same.2 = same.2.checked_add(*minor).ok_or_else(too_much)?,
            None => moved.push((account, *currency, *minor)),
        }
    }
    Ok(moved)
}

fn too_much() -> StoreError {
    StoreError::Damaged("a balance is more than a number holds".to_owned())
}

/// The hash before the first entry of each book.
pub(super) const FIRST: &str = GENESIS;
