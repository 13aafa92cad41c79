//! Payouts, contracts, calendars and settlement batches in PostgreSQL.

use lezai_core::funds::contract::Agreed;
use lezai_core::funds::payout::{Destination, Payout, PayoutState};
use lezai_core::funds::settlement::Batch;
use lezai_core::id::{EventId, MerchantId, PayoutBatchId, PayoutId, SettlementId};
use lezai_core::ledger::{Account, Kind, Subject};
use lezai_core::money::{Currency, Money};
use lezai_core::time::Timestamp;
use lezai_seal::{digest_under, new_digest_key};
use lezai_store::funds::{
    FundsReads, FundsWrites, Movement, PayoutDetails, Statement, by_entry, from_balances,
    pay_to_apart, with_pay_to,
};
use lezai_store::{Page, StoreError, book_of, id_range};
use tokio_postgres::Row;

use super::tables::{Postgres, count, damaged, get, id, json, number, owned, params, to_json};

/// The name of the key that destinations are found under.
const DIGEST_KEY: &str = "destination";
pub(super) const PAYOUT: &str = "SELECT id, data, details FROM payouts";

impl Postgres<'_> {
    pub(super) fn payout_record(&self, row: &Row) -> Result<Payout, StoreError> {
        let id: &str = get(row, 0)?;
        let text = self.open(&format!("payout/{id}/details"), get(row, 2)?)?;
        let details: PayoutDetails = serde_json::from_str(&text).map_err(damaged)?;
        Ok(details.with(json(row, 1)?))
    }

    /// The digest that a destination is found by; none if no payout was ever made.
    fn digest(&self, destination: &Destination) -> Result<Option<String>, StoreError> {
        let sql = "SELECT value FROM digest_keys WHERE name = $1";
        let kept = self.one(sql, params![DIGEST_KEY], |row| get::<String>(row, 0))?;
        let Some(kept) = kept else { return Ok(None) };
        let key = self.open(&format!("digest_key/{DIGEST_KEY}"), kept)?;
        Ok(Some(digest_under(&key, to_json(destination)?.as_bytes())))
    }

    /// The same, with a key that is made for the first payout. Of two nodes that make one at once the second waits for
    /// the first, and takes its key.
    fn digest_to_keep(&self, destination: &Destination) -> Result<String, StoreError> {
        if let Some(digest) = self.digest(destination)? {
            return Ok(digest);
        }
        let key = new_digest_key().map_err(damaged)?;
        let value = self.seal(&format!("digest_key/{DIGEST_KEY}"), key)?;
        let sql = "INSERT INTO digest_keys (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        self.change(sql, params![DIGEST_KEY, value])?;
        let digest = self.digest(destination)?;
        digest.ok_or_else(|| StoreError::Damaged("the key of digests is gone".to_owned()))
    }
}

impl FundsReads for Postgres<'_> {
    fn payout(&self, payout: &PayoutId) -> Result<Option<Payout>, StoreError> {
        self.by(PAYOUT, "id", payout.as_str(), |row| self.payout_record(row))
    }

    fn payout_by_merchant_payout_id(
        &self,
        merchant: &MerchantId,
        number: &str,
    ) -> Result<Option<Payout>, StoreError> {
        let sql = format!("{PAYOUT} WHERE merchant = $1 AND merchant_payout_id = $2");
        self.one(&sql, params![merchant.as_str(), number], |row| self.payout_record(row))
    }

    fn payouts(
        &self,
        merchant: &MerchantId,
        status: Option<&str>,
        page: &Page<PayoutId>,
    ) -> Result<Vec<Payout>, StoreError> {
        let (from, before) = id_range(page, "po_", PayoutId::to_string);
        let limit = i64::from(page.limit) + 1;
        match status {
            Some(status) => self.all(
                &format!(
                    "{PAYOUT} WHERE merchant = $1 AND status = $2 AND id >= $3 AND id < $4
                     ORDER BY id DESC LIMIT $5"
                ),
                params![merchant.as_str(), status, from, before, limit],
                |row| self.payout_record(row),
            ),
            None => self.all(
                &format!(
                    "{PAYOUT} WHERE merchant = $1 AND id >= $2 AND id < $3 ORDER BY id DESC LIMIT $4"
                ),
                params![merchant.as_str(), from, before, limit],
                |row| self.payout_record(row),
            ),
        }
    }

    fn payouts_of_status(
        &self,
        status: &str,
        page: &Page<PayoutId>,
    ) -> Result<Vec<Payout>, StoreError> {
        let (from, before) = id_range(page, "po_", PayoutId::to_string);
        self.all(
            &format!(
                "{PAYOUT} WHERE status = $1 AND id >= $2 AND id < $3 ORDER BY id DESC LIMIT $4"
            ),
            params![status, from, before, i64::from(page.limit) + 1],
            |row| self.payout_record(row),
        )
    }

    fn payouts_that_wait(&self, page: &Page<PayoutId>) -> Result<Vec<Payout>, StoreError> {
        let (from, before) = id_range(page, "po_", PayoutId::to_string);
        let sql = format!(
            "{PAYOUT} WHERE status = 'needs_approval' AND batch IS NULL AND id >= $1 AND id < $2 ORDER BY id DESC LIMIT $3"
        );
        let params = params![from, before, i64::from(page.limit) + 1];
        self.all(&sql, params, |row| self.payout_record(row))
    }

    fn paid_out_since(
        &self,
        merchant: &MerchantId,
        currency: Currency,
        since: Timestamp,
    ) -> Result<Money, StoreError> {
        let sql = "SELECT coalesce(sum(minor), 0)::BIGINT FROM payouts
                   WHERE merchant = $1 AND currency = $2 AND created_ms >= $3 AND counts";
        let params = params![merchant.as_str(), currency.code(), since.as_ms()];
        let minor = self.one(sql, params, |row| get(row, 0))?.unwrap_or_default();
        Money::new(minor, currency).map_err(damaged)
    }

    fn destination_since(
        &self,
        merchant: &MerchantId,
        destination: &Destination,
    ) -> Result<Option<Timestamp>, StoreError> {
        let Some(digest) = self.digest(destination)? else { return Ok(None) };
        let sql = "SELECT since_ms FROM destinations WHERE merchant = $1 AND digest = $2";
        let params = params![merchant.as_str(), digest];
        self.one(sql, params, |row| Ok(Timestamp::from_ms(get(row, 0)?)))
    }

    fn contracts(&self, merchant: &MerchantId) -> Result<Vec<Agreed>, StoreError> {
        let sql = "SELECT data, pay_to, number FROM contracts WHERE merchant = $1 ORDER BY number";
        self.all(sql, params![merchant.as_str()], |row| {
            let number: i64 = get(row, 2)?;
            let pay_to = get::<Option<String>>(row, 1)?.map(|kept| {
                let text = self.open(&format!("contract/{merchant}/{number}/pay_to"), kept)?;
                serde_json::from_str(&text).map_err(damaged)
            });
            Ok(with_pay_to(json(row, 0)?, pay_to.transpose()?))
        })
    }

    fn calendar(&self, name: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT text FROM calendars WHERE name = $1 ORDER BY edition DESC LIMIT 1";
        self.one(sql, params![name], |row| get(row, 0))
    }

    fn batch(&self, batch: &SettlementId) -> Result<Option<Batch>, StoreError> {
        self.by("SELECT data FROM batches", "id", batch.as_str(), |row| json(row, 0))
    }

    fn last_batch(
        &self,
        merchant: &MerchantId,
        currency: Currency,
    ) -> Result<Option<Batch>, StoreError> {
        let sql = "SELECT data FROM batches WHERE merchant = $1 AND currency = $2
                   ORDER BY to_entry DESC LIMIT 1";
        self.one(sql, params![merchant.as_str(), currency.code()], |row| json(row, 0))
    }

    fn batches(
        &self,
        merchant: &MerchantId,
        page: &Page<SettlementId>,
    ) -> Result<Vec<Batch>, StoreError> {
        let (from, before) = id_range(page, "stl_", SettlementId::to_string);
        self.all(
            "SELECT data FROM batches WHERE merchant = $1 AND id >= $2 AND id < $3 ORDER BY id DESC LIMIT $4",
            params![merchant.as_str(), from, before, i64::from(page.limit) + 1],
            |row| json(row, 0),
        )
    }

    fn settlements_wait(&self, cut_off: Timestamp) -> Result<bool, StoreError> {
        // Of the merchant's own book alone: another's payments settle in another chain. A task that is being done
        // waits at the end of its lease, a minute after it was claimed.
        let sql = "SELECT 1 FROM tasks WHERE merchant = $1 AND task LIKE '%\"settle\"%'
                   AND (due_ms <= $2 OR leased_from <= $2) LIMIT 1";
        let params = params![self.owner(), cut_off.as_ms()];
        Ok(self.one(sql, params, |_| Ok(()))?.is_some())
    }

    fn last_entry_number(&self) -> Result<u64, StoreError> {
        if let Some(head) = self.head() {
            return Ok(head.entries());
        }
        let sql = "SELECT entries FROM books WHERE book = $1";
        let book = self.own_book()?;
        Ok(self.one(sql, params![book], |row| count(row, 0))?.unwrap_or_default())
    }

    fn movements(&self, of: &Statement<'_>) -> Result<Vec<Movement>, StoreError> {
        let mut found: Vec<Movement> = Vec::new();
        for account in of.accounts {
            found.extend(self.movements_on(account, self.book_of_account(account)?, of)?);
        }
        let mut merged = by_entry(found);
        merged.truncate(usize::try_from(of.limit).unwrap_or(usize::MAX));
        Ok(merged)
    }

    fn count_movements(&self, of: &Statement<'_>) -> Result<u64, StoreError> {
        let Some(first) = of.accounts.first() else { return Ok(0) };
        let book = self.book_of_account(first)?;
        let Some(to_ms) = self.booked_at(book, of.to)? else { return Ok(0) };
        let after_ms = self.booked_at(book, of.after)?.unwrap_or(i64::MIN);
        let mut found = 0;
        for (nth, account) in of.accounts.iter().enumerate() {
            // An entry that touches several accounts is counted with the first of them.
            let sql = "SELECT count(*) FROM balances WHERE account = $1 AND currency = $2 AND book = $3
                       AND (at_ms, number) > ($4, $5) AND (at_ms, number) <= ($6, $7)
                       AND NOT EXISTS (SELECT 1 FROM balances AS other WHERE other.account = ANY ($8)
                         AND other.currency = $2 AND other.book = $3
                         AND other.at_ms = balances.at_ms AND other.number = balances.number)";
            let before: Vec<String> =
                of.accounts.iter().take(nth).map(ToString::to_string).collect();
            let params = params![
                account.to_string(),
                of.currency.code(),
                book,
                after_ms,
                number(of.after),
                to_ms,
                number(of.to),
                before
            ];
            let counted: Option<u64> = self.one(sql, params, |row| count(row, 0))?;
            found += counted.unwrap_or_default();
        }
        Ok(found)
    }

    fn balance_at(
        &self,
        account: &Account,
        currency: Currency,
        entry: u64,
    ) -> Result<i64, StoreError> {
        self.balance_in(self.book_of_account(account)?, account, currency, entry)
    }

    fn currencies(&self, account: &Account) -> Result<Vec<Currency>, StoreError> {
        let now = Timestamp::from_ms(i64::MAX);
        Ok(self.balances_at(account, now)?.into_iter().map(|(it, _)| it).collect())
    }
}

impl Postgres<'_> {
    /// The book of the merchant that the job named.
    fn own_book(&self) -> Result<i64, StoreError> {
        let merchant = MerchantId::parse(&self.writer()?).map_err(damaged)?;
        Ok(book_of(&merchant, self.books).into())
    }

    /// The book that a merchant's account is in. A number of an entry says nothing of an account that all books share.
    pub(super) fn book_of_account(&self, account: &Account) -> Result<i64, StoreError> {
        let merchant = account
            .owner()
            .ok_or_else(|| StoreError::Damaged(format!("{account} is in every book")))?;
        Ok(book_of(merchant, self.books).into())
    }

    /// When an entry was booked. Times rise with numbers, so both together are a place in the order.
    pub(super) fn booked_at(&self, book: i64, entry: u64) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT at_ms FROM entries WHERE book = $1 AND number = $2";
        self.one(sql, params![book, number(entry)], |row| get(row, 0))
    }

    /// The balance of an account after an entry of a book, as far as that book goes.
    fn balance_in(
        &self,
        book: i64,
        account: &Account,
        currency: Currency,
        entry: u64,
    ) -> Result<i64, StoreError> {
        let Some(at) = self.booked_at(book, entry)? else { return Ok(0) };
        let sql = "SELECT minor FROM balances WHERE account = $1 AND currency = $2 AND book = $3 AND (at_ms, number) <= ($4, $5)
                   ORDER BY at_ms DESC, number DESC LIMIT 1";
        let params = params![account.to_string(), currency.code(), book, at, number(entry)];
        Ok(self.one(sql, params, |row| get(row, 0))?.unwrap_or_default())
    }

    /// The movements of one book, in the order of its entries.
    pub(super) fn movements_on(
        &self,
        account: &Account,
        book: i64,
        of: &Statement<'_>,
    ) -> Result<Vec<Movement>, StoreError> {
        let Some(to_ms) = self.booked_at(book, of.to)? else { return Ok(Vec::new()) };
        let after_ms = self.booked_at(book, of.after)?.unwrap_or(i64::MIN);
        let sql = "SELECT balances.number, balances.at_ms, balances.minor, entries.subject, entries.kind
                   FROM balances JOIN entries ON entries.book = balances.book AND entries.number = balances.number
                   WHERE account = $1 AND currency = $2 AND balances.book = $3
                   AND (balances.at_ms, balances.number) > ($4, $5) AND (balances.at_ms, balances.number) <= ($6, $7)
                   ORDER BY balances.at_ms, balances.number LIMIT $8";
        let params = params![
            account.to_string(),
            of.currency.code(),
            book,
            after_ms,
            number(of.after),
            to_ms,
            number(of.to),
            i64::from(of.limit)
        ];
        let rows = self.all(sql, params, |row| {
            let kind: &str = get(row, 4)?;
            let kind = Kind::ALL.into_iter().find(|it| it.as_str() == kind);
            Ok(Movement {
                number: count(row, 0)?,
                at: Timestamp::from_ms(get(row, 1)?),
                minor: get(row, 2)?,
                subject: id(row, 3, Subject::parse)?,
                kind: kind
                    .ok_or_else(|| StoreError::Damaged("unknown kind of entry".to_owned()))?,
            })
        })?;
        Ok(from_balances(self.balance_in(book, account, of.currency, of.after)?, rows))
    }
}

impl FundsWrites for Postgres<'_> {
    fn insert_payout(&self, payout: &Payout) -> Result<bool, StoreError> {
        let terms = &payout.terms;
        let merchant = self.admit(&terms.merchant)?;
        let (details, masked) = PayoutDetails::apart(payout);
        let details = self.seal(&format!("payout/{}/details", terms.id), to_json(&details)?)?;
        let inserted = self.change(
            "INSERT INTO payouts (merchant, id, merchant_payout_id, status, version, created_ms, currency, minor, counts, data, details, batch)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (merchant, merchant_payout_id) DO NOTHING",
            params![
                merchant,
                terms.id.as_str(),
                terms.merchant_payout_id,
                payout.state.status(),
                number(payout.version),
                terms.created_at.as_ms(),
                terms.amount.currency().code(),
                terms.amount.minor(),
                payout.counts_today(),
                to_json(&masked)?,
                details,
                terms.batch.as_ref().map(PayoutBatchId::as_str),
            ],
        )?;
        Ok(inserted == 1)
    }

    fn update_payout(&self, payout: &Payout) -> Result<(), StoreError> {
        let merchant = self.admit(&payout.terms.merchant)?;
        let changed = self.change(
            "UPDATE payouts SET status = $3, version = $4, counts = $5, data = $6 WHERE merchant = $1 AND id = $2 AND version < $4",
            params![
                merchant,
                payout.terms.id.as_str(),
                payout.state.status(),
                number(payout.version),
                payout.counts_today(),
                to_json(&PayoutDetails::masked(payout))?,
            ],
        )?;
        if changed == 0 {
            let (id, version) = (&payout.terms.id, payout.version);
            return Err(StoreError::Damaged(format!("{id} has no version before {version}")));
        }
        if !matches!(payout.state, PayoutState::Paid { .. }) {
            return Ok(());
        }
        // Money arrived there: a payout that was refused or called off says nothing about its destination.
        let digest = self.digest_to_keep(&payout.terms.destination)?;
        self.later(
            "INSERT INTO destinations (merchant, digest, since_ms) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            owned![merchant, digest, payout.terms.created_at.as_ms()],
        )
    }

    fn note_payout_event(
        &self,
        payout: &PayoutId,
        sequence: u32,
        event: &EventId,
    ) -> Result<(), StoreError> {
        let sql =
            "INSERT INTO payout_events (merchant, payout, sequence, event) VALUES ($1, $2, $3, $4)";
        self.later(
            sql,
            owned![self.writer()?, payout.to_string(), i64::from(sequence), event.to_string()],
        )
    }

    fn insert_contract(&self, merchant: &MerchantId, agreed: &Agreed) -> Result<(), StoreError> {
        let merchant = self.admit(merchant)?;
        self.configured();
        let sql = "INSERT INTO contracts (merchant, number, data, pay_to) VALUES ($1, $2, $3, $4)";
        let (agreed, pay_to) = pay_to_apart(agreed);
        let context = format!("contract/{merchant}/{}/pay_to", agreed.number);
        let pay_to = pay_to.map(|it| self.seal(&context, to_json(&it)?)).transpose()?;
        self.later(sql, owned![merchant, i64::from(agreed.number), to_json(&agreed)?, pay_to])
    }

    fn insert_calendar(&self, name: &str, edition: u32, text: &str) -> Result<bool, StoreError> {
        self.configured();
        let sql = "INSERT INTO calendars (name, edition, text) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        Ok(self.change(sql, params![name, i64::from(edition), text])? == 1)
    }

    fn insert_batch(&self, batch: &Batch) -> Result<(), StoreError> {
        let merchant = self.admit(&batch.merchant)?;
        let sql = "INSERT INTO batches (merchant, id, currency, to_entry, data) VALUES ($1, $2, $3, $4, $5)";
        self.later(
            sql,
            owned![
                merchant,
                batch.id.to_string(),
                batch.currency.code(),
                number(batch.to_entry),
                to_json(batch)?,
            ],
        )
    }
}
