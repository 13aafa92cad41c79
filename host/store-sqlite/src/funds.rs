//! Payouts, contracts, calendars and settlement batches in SQLite.

use lezai_core::funds::contract::Agreed;
use lezai_core::funds::payout::{Destination, Payout, PayoutState};
use lezai_core::funds::settlement::Batch;
use lezai_core::id::{EventId, MerchantId, PayoutBatchId, PayoutId, SettlementId};
use lezai_core::ledger::{Account, Kind, Subject};
use lezai_core::money::{Currency, Money};
use lezai_core::time::Timestamp;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, ToSql, params};

use super::tables::{Sqlite, id, json, to_json};
use lezai_seal::{digest_under, new_digest_key};
use lezai_store::funds::{
    FundsReads, FundsWrites, Movement, PayoutDetails, Statement, by_entry, from_balances,
    pay_to_apart, with_pay_to,
};
use lezai_store::{Page, StoreError, Task, id_range};

pub(super) const TABLES: &str = "
CREATE TABLE payouts (
  id TEXT PRIMARY KEY, merchant TEXT NOT NULL REFERENCES merchants, merchant_payout_id TEXT NOT NULL, status TEXT NOT NULL,
  version INTEGER NOT NULL, created_ms INTEGER NOT NULL, currency TEXT NOT NULL, minor INTEGER NOT NULL,
  counts INTEGER NOT NULL, data TEXT NOT NULL, details TEXT NOT NULL, batch TEXT REFERENCES payout_batches,
  UNIQUE (merchant, merchant_payout_id)
) STRICT;
CREATE INDEX payouts_by_merchant ON payouts (merchant, id);
CREATE INDEX payouts_by_status ON payouts (merchant, status, id);
CREATE INDEX payouts_of_all_by_status ON payouts (status, id);
CREATE INDEX payouts_that_wait ON payouts (id) WHERE status = 'needs_approval' AND batch IS NULL;
CREATE INDEX payouts_by_day ON payouts (merchant, currency, created_ms, counts, minor);
CREATE INDEX payouts_by_batch ON payouts (batch, id) WHERE batch IS NOT NULL;
CREATE INDEX payouts_of_batch_by_status ON payouts (batch, status, id, minor) WHERE batch IS NOT NULL;
CREATE TABLE payout_events (
  payout TEXT NOT NULL REFERENCES payouts, sequence INTEGER NOT NULL, event TEXT NOT NULL REFERENCES events,
  PRIMARY KEY (payout, sequence)
) STRICT, WITHOUT ROWID;
CREATE TABLE destinations (
  merchant TEXT NOT NULL REFERENCES merchants, digest TEXT NOT NULL, since_ms INTEGER NOT NULL, PRIMARY KEY (merchant, digest)
) STRICT, WITHOUT ROWID;
CREATE TABLE digest_keys (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE contracts (
  merchant TEXT NOT NULL REFERENCES merchants, number INTEGER NOT NULL, data TEXT NOT NULL, pay_to TEXT, PRIMARY KEY (merchant, number)
) STRICT;
CREATE TRIGGER contracts_stay BEFORE UPDATE OF merchant, number, data ON contracts BEGIN SELECT RAISE(ABORT, 'a contract is never changed'); END;
CREATE TABLE calendars (name TEXT NOT NULL, edition INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY (name, edition)) STRICT, WITHOUT ROWID;
CREATE TABLE batches (
  id TEXT PRIMARY KEY, merchant TEXT NOT NULL REFERENCES merchants, currency TEXT NOT NULL, to_entry INTEGER NOT NULL,
  data TEXT NOT NULL, UNIQUE (merchant, currency, to_entry)
) STRICT;
CREATE INDEX batches_by_merchant ON batches (merchant, id);
CREATE TRIGGER batches_stay BEFORE UPDATE ON batches BEGIN SELECT RAISE(ABORT, 'a batch that is closed never changes'); END;
";

pub(super) const PAYOUT: &str =
    "SELECT data, opened('payout/' || id || '/details', details) FROM payouts";

pub(super) fn whole(row: &Row<'_>) -> Result<Payout, StoreError> {
    Ok(json::<PayoutDetails>(row, 1)?.with(json(row, 0)?))
}

impl Sqlite<'_> {
    /// The digest that a destination is found by; none if no payout was ever made.
    fn digest(&self, destination: &Destination) -> Result<Option<String>, StoreError> {
        let sql = "SELECT opened('digest_key/' || name, value) FROM digest_keys WHERE name = 'destination'";
        let key = self.one(sql, [], |row| Ok(row.get::<_, String>(0)?))?;
        let value = to_json(destination)?;
        Ok(key.map(|key| digest_under(&key, value.as_bytes())))
    }

    /// The same, with a key that is made for the first payout.
    fn digest_to_keep(&self, destination: &Destination) -> Result<String, StoreError> {
        if let Some(digest) = self.digest(destination)? {
            return Ok(digest);
        }
        let key = new_digest_key().map_err(|error| StoreError::Damaged(error.to_string()))?;
        let sql = "INSERT INTO digest_keys (name, value)
                   VALUES ('destination', sealed('digest_key/destination', ?1))";
        self.change(sql, [&key])?;
        Ok(digest_under(&key, to_json(destination)?.as_bytes()))
    }
}

impl FundsReads for Sqlite<'_> {
    fn payout(&self, payout: &PayoutId) -> Result<Option<Payout>, StoreError> {
        let sql = format!("{PAYOUT} WHERE id = ?1");
        self.one(&sql, [payout.as_str()], whole)
    }

    fn payout_by_merchant_payout_id(
        &self,
        merchant: &MerchantId,
        number: &str,
    ) -> Result<Option<Payout>, StoreError> {
        let sql = format!("{PAYOUT} WHERE merchant = ?1 AND merchant_payout_id = ?2");
        self.one(&sql, [merchant.as_str(), number], whole)
    }

    fn payouts(
        &self,
        merchant: &MerchantId,
        status: Option<&str>,
        page: &Page<PayoutId>,
    ) -> Result<Vec<Payout>, StoreError> {
        let (from, before) = id_range(page, "po_", PayoutId::to_string);
        let limit = page.limit.saturating_add(1);
        match status {
            Some(status) => self.all(
                &format!(
                    "{PAYOUT} WHERE merchant = ?1 AND status = ?2 AND id >= ?3 AND id < ?4
                     ORDER BY id DESC LIMIT ?5"
                ),
                params![merchant.as_str(), status, from, before, limit],
                whole,
            ),
            None => self.all(
                &format!(
                    "{PAYOUT} WHERE merchant = ?1 AND id >= ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4"
                ),
                params![merchant.as_str(), from, before, limit],
                whole,
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
                "{PAYOUT} WHERE status = ?1 AND id >= ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4"
            ),
            params![status, from, before, page.limit.saturating_add(1)],
            whole,
        )
    }

    fn payouts_that_wait(&self, page: &Page<PayoutId>) -> Result<Vec<Payout>, StoreError> {
        let (from, before) = id_range(page, "po_", PayoutId::to_string);
        let sql = format!(
            "{PAYOUT} WHERE status = 'needs_approval' AND batch IS NULL AND id >= ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3"
        );
        self.all(&sql, params![from, before, page.limit.saturating_add(1)], whole)
    }

    fn paid_out_since(
        &self,
        merchant: &MerchantId,
        currency: Currency,
        since: Timestamp,
    ) -> Result<Money, StoreError> {
        let sql = "SELECT coalesce(sum(minor), 0) FROM payouts
                   WHERE merchant = ?1 AND currency = ?2 AND created_ms >= ?3 AND counts = 1";
        let params = params![merchant.as_str(), currency.code(), since.as_ms()];
        let minor = self.one(sql, params, |row| Ok(row.get(0)?))?.unwrap_or_default();
        Money::new(minor, currency).map_err(|error| StoreError::Damaged(error.to_string()))
    }

    fn destination_since(
        &self,
        merchant: &MerchantId,
        destination: &Destination,
    ) -> Result<Option<Timestamp>, StoreError> {
        let Some(digest) = self.digest(destination)? else { return Ok(None) };
        let sql = "SELECT since_ms FROM destinations WHERE merchant = ?1 AND digest = ?2";
        let params = params![merchant.as_str(), digest];
        self.one(sql, params, |row| Ok(Timestamp::from_ms(row.get(0)?)))
    }

    fn contracts(&self, merchant: &MerchantId) -> Result<Vec<Agreed>, StoreError> {
        let sql = "SELECT data, opened('contract/' || merchant || '/' || number || '/pay_to', pay_to) FROM contracts
                   WHERE merchant = ?1 ORDER BY number";
        self.all(sql, [merchant.as_str()], |row| {
            let pay_to = match row.get_ref(1)? {
                ValueRef::Null => None,
                _ => Some(json(row, 1)?),
            };
            Ok(with_pay_to(json(row, 0)?, pay_to))
        })
    }

    fn calendar(&self, name: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT text FROM calendars WHERE name = ?1 ORDER BY edition DESC LIMIT 1";
        self.one(sql, [name], |row| Ok(row.get(0)?))
    }

    fn batch(&self, batch: &SettlementId) -> Result<Option<Batch>, StoreError> {
        let sql = "SELECT data FROM batches WHERE id = ?1";
        self.one(sql, [batch.as_str()], |row| json(row, 0))
    }

    fn last_batch(
        &self,
        merchant: &MerchantId,
        currency: Currency,
    ) -> Result<Option<Batch>, StoreError> {
        let sql = "SELECT data FROM batches WHERE merchant = ?1 AND currency = ?2
                   ORDER BY to_entry DESC LIMIT 1";
        self.one(sql, [merchant.as_str(), currency.code()], |row| json(row, 0))
    }

    fn batches(
        &self,
        merchant: &MerchantId,
        page: &Page<SettlementId>,
    ) -> Result<Vec<Batch>, StoreError> {
        let (from, before) = id_range(page, "stl_", SettlementId::to_string);
        self.all(
            "SELECT data FROM batches WHERE merchant = ?1 AND id >= ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4",
            params![merchant.as_str(), from, before, page.limit.saturating_add(1)],
            |row| json(row, 0),
        )
    }

    fn settlements_wait(&self, cut_off: Timestamp) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM tasks WHERE lane = 'orders' AND due_ms <= ?1 AND task LIKE '%\"settle\"%' LIMIT 1";
        if self.one(sql, params![cut_off.as_ms()], |_| Ok(()))?.is_some() {
            return Ok(true);
        }
        // One that is being done is due at the end of its lease, a minute after it was claimed.
        let sql = "SELECT 1 FROM tasks WHERE lane = 'orders' AND leased_from <= ?1 AND leased_from IS NOT NULL
                   AND task LIKE '%\"settle\"%' LIMIT 1";
        Ok(self.one(sql, params![cut_off.as_ms()], |_| Ok(()))?.is_some())
    }

    fn last_entry_number(&self) -> Result<u64, StoreError> {
        Ok(super::ledger::last_entry(self.connection)?.map_or(0, |(number, ..)| number))
    }

    fn movements(&self, of: &Statement<'_>) -> Result<Vec<Movement>, StoreError> {
        let mut found: Vec<Movement> = Vec::new();
        for account in of.accounts {
            found.extend(self.movements_on(account, of)?);
        }
        let mut merged = by_entry(found);
        merged.truncate(usize::try_from(of.limit).unwrap_or(usize::MAX));
        Ok(merged)
    }

    fn count_movements(&self, of: &Statement<'_>) -> Result<u64, StoreError> {
        let Some(to_ms) = self.booked_at(of.to)? else { return Ok(0) };
        let after_ms = self.booked_at(of.after)?.unwrap_or(i64::MIN);
        let mut count = 0;
        for (nth, account) in of.accounts.iter().enumerate() {
            // An entry that touches several accounts is counted with the first of them.
            let mut sql = "SELECT count(*) FROM balances WHERE account = ?1 AND currency = ?2
                 AND (at_ms, number) > (?3, ?4) AND (at_ms, number) <= (?5, ?6)"
                .to_owned();
            for before in 0..nth {
                let place = 7 + before;
                sql += &format!(
                    " AND NOT EXISTS (SELECT 1 FROM balances AS other WHERE other.account = ?{place}
                     AND other.currency = ?2 AND other.at_ms = balances.at_ms AND other.number = balances.number)"
                );
            }
            let (account, currency) = (account.to_string(), of.currency.code());
            let mut params: Vec<&dyn ToSql> =
                vec![&account, &currency, &after_ms, &of.after, &to_ms, &of.to];
            let before: Vec<String> =
                of.accounts.iter().take(nth).map(ToString::to_string).collect();
            params.extend(before.iter().map(|it| it as &dyn ToSql));
            let found = self.one(&sql, params.as_slice(), |row| Ok(row.get::<_, u64>(0)?))?;
            count += found.unwrap_or_default();
        }
        Ok(count)
    }

    fn balance_at(
        &self,
        account: &Account,
        currency: Currency,
        entry: u64,
    ) -> Result<i64, StoreError> {
        let Some(at) = self.booked_at(entry)? else { return Ok(0) };
        let sql = "SELECT minor FROM balances WHERE account = ?1 AND currency = ?2 AND (at_ms, number) <= (?3, ?4)
                   ORDER BY at_ms DESC, number DESC LIMIT 1";
        let params = params![account.to_string(), currency.code(), at, entry];
        Ok(self.one(sql, params, |row| Ok(row.get(0)?))?.unwrap_or_default())
    }

    fn currencies(&self, account: &Account) -> Result<Vec<Currency>, StoreError> {
        let now = Timestamp::from_ms(i64::MAX);
        Ok(super::ledger::balances(self, account, now)?.into_iter().map(|(it, _)| it).collect())
    }
}

impl Sqlite<'_> {
    /// When an entry was booked. Times rise with numbers, so both together are a place in the order.
    fn booked_at(&self, entry: u64) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT at_ms FROM entries WHERE number = ?1";
        self.one(sql, params![entry], |row| Ok(row.get(0)?))
    }

    fn movements_on(
        &self,
        account: &Account,
        of: &Statement<'_>,
    ) -> Result<Vec<Movement>, StoreError> {
        let Some(to_ms) = self.booked_at(of.to)? else { return Ok(Vec::new()) };
        let after_ms = self.booked_at(of.after)?.unwrap_or(i64::MIN);
        let sql = "SELECT balances.number, balances.at_ms, balances.minor, entries.subject, entries.kind
                   FROM balances JOIN entries ON entries.number = balances.number
                   WHERE account = ?1 AND currency = ?2
                   AND (balances.at_ms, balances.number) > (?3, ?4) AND (balances.at_ms, balances.number) <= (?5, ?6)
                   ORDER BY balances.at_ms, balances.number LIMIT ?7";
        let params = params![
            account.to_string(),
            of.currency.code(),
            after_ms,
            of.after,
            to_ms,
            of.to,
            of.limit
        ];
        let rows = self.all(sql, params, |row: &Row<'_>| {
            let kind: String = row.get(4)?;
            let kind = Kind::ALL.into_iter().find(|it| it.as_str() == kind);
            Ok(Movement {
                number: row.get(0)?,
                at: Timestamp::from_ms(row.get(1)?),
                minor: row.get(2)?,
                subject: id(row, 3, Subject::parse)?,
                kind: kind
                    .ok_or_else(|| StoreError::Damaged("unknown kind of entry".to_owned()))?,
            })
        })?;
        Ok(from_balances(self.balance_at(account, of.currency, of.after)?, rows))
    }
}

impl FundsWrites for Sqlite<'_> {
    fn insert_payout(&self, payout: &Payout) -> Result<bool, StoreError> {
        let terms = &payout.terms;
        let (details, masked) = PayoutDetails::apart(payout);
        let inserted = self.change(
            "INSERT INTO payouts (id, merchant, merchant_payout_id, status, version, created_ms, currency, minor, counts, data, details, batch)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, sealed('payout/' || ?1 || '/details', ?11), ?12) ON CONFLICT (merchant, merchant_payout_id) DO NOTHING",
            params![
                terms.id.as_str(),
                terms.merchant.as_str(),
                terms.merchant_payout_id,
                payout.state.status(),
                payout.version,
                terms.created_at.as_ms(),
                terms.amount.currency().code(),
                terms.amount.minor(),
                payout.counts_today(),
                to_json(&masked)?,
                to_json(&details)?,
                terms.batch.as_ref().map(PayoutBatchId::as_str),
            ],
        )?;
        Ok(inserted == 1)
    }

    fn update_payout(&self, payout: &Payout) -> Result<(), StoreError> {
        let changed = self.change(
            "UPDATE payouts SET status = ?2, version = ?3, counts = ?4, data = ?5 WHERE id = ?1 AND version < ?3",
            params![
                payout.terms.id.as_str(),
                payout.state.status(),
                payout.version,
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
        let terms = &payout.terms;
        self.change(
            "INSERT INTO destinations (merchant, digest, since_ms) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            params![terms.merchant.as_str(), self.digest_to_keep(&terms.destination)?, terms.created_at.as_ms()],
        )
        .map(drop)
    }

    fn note_payout_event(
        &self,
        payout: &PayoutId,
        sequence: u32,
        event: &EventId,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO payout_events (payout, sequence, event) VALUES (?1, ?2, ?3)";
        self.change(sql, params![payout.as_str(), sequence, event.as_str()]).map(drop)
    }

    fn insert_contract(&self, merchant: &MerchantId, agreed: &Agreed) -> Result<(), StoreError> {
        let sql = "INSERT INTO contracts (merchant, number, data, pay_to)
                   VALUES (?1, ?2, ?3, sealed('contract/' || ?1 || '/' || ?2 || '/pay_to', ?4))";
        let (agreed, pay_to) = pay_to_apart(agreed);
        let pay_to = pay_to.as_ref().map(to_json).transpose()?;
        let params = params![merchant.as_str(), agreed.number, to_json(&agreed)?, pay_to];
        self.change(sql, params).map(drop)
    }

    fn insert_calendar(&self, name: &str, edition: u32, text: &str) -> Result<bool, StoreError> {
        let sql = "INSERT INTO calendars (name, edition, text) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        Ok(self.change(sql, params![name, edition, text])? == 1)
    }

    fn insert_batch(&self, batch: &Batch) -> Result<(), StoreError> {
        let sql = "INSERT INTO batches (id, merchant, currency, to_entry, data) VALUES (?1, ?2, ?3, ?4, ?5)";
        let params = params![
            batch.id.as_str(),
            batch.merchant.as_str(),
            batch.currency.code(),
            batch.to_entry,
            to_json(batch)?,
        ];
        self.change(sql, params).map(drop)
    }
}

/// Every payout as it is kept in clear, one at a time.
///
/// # Errors
///
/// [`StoreError`], or what `each` gives.
pub fn for_each_payout<E: From<StoreError>>(
    connection: &Connection,
    mut each: impl FnMut(Payout) -> Result<(), E>,
) -> Result<(), E> {
    let sql = "SELECT data, id, merchant, merchant_payout_id, status, version, counts, minor, currency, batch FROM payouts";
    let mut statement = connection.prepare(sql).map_err(StoreError::from)?;
    let mut rows = statement.query([]).map_err(StoreError::from)?;
    while let Some(row) = rows.next().map_err(StoreError::from)? {
        let payout: Payout = json(row, 0)?;
        columns_fit(row, &payout)?;
        each(payout)?;
    }
    Ok(())
}

/// Whether the columns that payouts are found and added up by say what the payout itself says.
fn columns_fit(row: &Row<'_>, payout: &Payout) -> Result<(), StoreError> {
    let terms = &payout.terms;
    let column = |column| row.get::<_, String>(column);
    let same = column(1)? == terms.id.as_str()
        && column(2)? == terms.merchant.as_str()
        && column(3)? == terms.merchant_payout_id
        && column(4)? == payout.state.status()
        && row.get::<_, u64>(5)? == payout.version
        && row.get::<_, bool>(6)? == payout.counts_today()
        && row.get::<_, i64>(7)? == terms.amount.minor()
        && column(8)? == terms.amount.currency().code()
        && row.get::<_, Option<String>>(9)?.as_deref()
            == terms.batch.as_ref().map(PayoutBatchId::as_str);
    if same {
        return Ok(());
    }
    Err(StoreError::Damaged(format!("the row of {} says otherwise than the payout", terms.id)))
}

/// How many events of a payout there are, and the number of the last.
///
/// # Errors
///
/// [`StoreError`].
pub fn payout_events(connection: &Connection, payout: &PayoutId) -> Result<(u32, u32), StoreError> {
    let sql = "SELECT count(*), coalesce(max(sequence), 0) FROM payout_events WHERE payout = ?1";
    let found =
        Sqlite { connection }.one(sql, [payout.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(found.unwrap_or_default())
}

/// Every batch of a merchant's in a currency after the one before it, one at a time.
///
/// # Errors
///
/// [`StoreError`], or what `each` gives.
pub fn for_each_batch<E: From<StoreError>>(
    connection: &Connection,
    mut each: impl FnMut(Batch) -> Result<(), E>,
) -> Result<(), E> {
    let sql = "SELECT data FROM batches ORDER BY merchant, currency, to_entry";
    let mut statement = connection.prepare(sql).map_err(StoreError::from)?;
    let mut rows = statement.query([]).map_err(StoreError::from)?;
    while let Some(row) = rows.next().map_err(StoreError::from)? {
        each(json(row, 0)?)?;
    }
    Ok(())
}

/// A merchant's last contract whose next batches nothing waits to close, if there is one.
///
/// # Errors
///
/// [`StoreError`].
pub fn unplanned_contract(
    connection: &Connection,
) -> Result<Option<(MerchantId, u32)>, StoreError> {
    let waiting: Vec<Task> = {
        let mut statement = connection
            .prepare("SELECT task FROM tasks WHERE task LIKE '%\\_batches%' ESCAPE '\\'")?;
        let rows = statement.query_map([], |row| Ok(json(row, 0)))?;
        rows.map(|row| row?).collect::<Result<_, StoreError>>()?
    };
    let mut statement =
        connection.prepare("SELECT merchant, max(number) FROM contracts GROUP BY merchant")?;
    let rows = statement.query_map([], |row| Ok((id(row, 0, MerchantId::parse), row.get(1)?)))?;
    for row in rows {
        let (merchant, number): (Result<MerchantId, StoreError>, u32) = row?;
        let merchant = merchant?;
        let planned = waiting.iter().any(|it| {
            matches!(
                it,
                Task::CloseBatches { merchant: of, contract, .. }
                | Task::PlanBatches { merchant: of, contract, .. } if *of == merchant && *contract == number
            )
        });
        if !planned {
            return Ok(Some((merchant, number)));
        }
    }
    Ok(None)
}

/// Every contract as it is kept in clear, a merchant's one after the other.
///
/// # Errors
///
/// [`StoreError`].
pub fn contracts(connection: &Connection) -> Result<Vec<(MerchantId, Agreed)>, StoreError> {
    let sql = "SELECT merchant, data FROM contracts ORDER BY merchant, number";
    Sqlite { connection }.all(sql, [], |row| Ok((id(row, 0, MerchantId::parse)?, json(row, 1)?)))
}

/// The sums of a batch's range on some accounts: their balance together before and after, and how
/// many entries of it touch them.
///
/// # Errors
///
/// [`StoreError`].
pub fn batch_sums(
    connection: &Connection,
    batch: &Batch,
    accounts: &[Account],
) -> Result<(i64, i64, u64), StoreError> {
    let view = Sqlite { connection };
    let sum = |entry| {
        let minors = accounts.iter().map(|it| view.balance_at(it, batch.currency, entry));
        minors.sum::<Result<i64, StoreError>>()
    };
    let statement = Statement {
        accounts,
        currency: batch.currency,
        after: batch.after_entry,
        to: batch.to_entry,
        limit: u32::MAX,
    };
    let lines = view.count_movements(&statement)?;
    Ok((sum(batch.after_entry)?, sum(batch.to_entry)?, lines))
}
