//! Batches of payouts in SQLite.

use lezai_core::funds::payout::{Payout, PayoutState};
use lezai_core::funds::payout_batch::{PayoutBatch, Tally};
use lezai_core::id::{MerchantId, PayoutBatchId, PayoutId};
use rusqlite::{Connection, params};

use super::funds::{PAYOUT, whole};
use super::tables::{Sqlite, json, to_json};
use lezai_store::payout_batches::{PayoutBatchReads, PayoutBatchWrites, tallied};
use lezai_store::{Page, StoreError, id_range};

pub(super) const TABLES: &str = "
CREATE TABLE payout_batches (
  id TEXT PRIMARY KEY, merchant TEXT NOT NULL REFERENCES merchants, merchant_payout_batch_id TEXT NOT NULL, version INTEGER NOT NULL,
  waits INTEGER NOT NULL, data TEXT NOT NULL, UNIQUE (merchant, merchant_payout_batch_id)
) STRICT;
CREATE INDEX payout_batches_by_merchant ON payout_batches (merchant, id);
CREATE INDEX payout_batches_that_wait ON payout_batches (id) WHERE waits = 1;
";

const BATCH: &str = "SELECT data FROM payout_batches";

impl PayoutBatchReads for Sqlite<'_> {
    fn payout_batch(&self, batch: &PayoutBatchId) -> Result<Option<PayoutBatch>, StoreError> {
        self.one(&format!("{BATCH} WHERE id = ?1"), [batch.as_str()], |row| json(row, 0))
    }

    fn payout_batch_by_number(
        &self,
        merchant: &MerchantId,
        number: &str,
    ) -> Result<Option<PayoutBatch>, StoreError> {
        let sql = format!("{BATCH} WHERE merchant = ?1 AND merchant_payout_batch_id = ?2");
        self.one(&sql, [merchant.as_str(), number], |row| json(row, 0))
    }

    fn payout_batches(
        &self,
        merchant: &MerchantId,
        page: &Page<PayoutBatchId>,
    ) -> Result<Vec<PayoutBatch>, StoreError> {
        let (from, before) = id_range(page, "pob_", PayoutBatchId::to_string);
        let sql = format!(
            "{BATCH} WHERE merchant = ?1 AND id >= ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4"
        );
        let params = params![merchant.as_str(), from, before, page.limit.saturating_add(1)];
        self.all(&sql, params, |row| json(row, 0))
    }

    fn payout_batches_that_wait(
        &self,
        page: &Page<PayoutBatchId>,
    ) -> Result<Vec<PayoutBatch>, StoreError> {
        let (from, before) = id_range(page, "pob_", PayoutBatchId::to_string);
        let sql =
            format!("{BATCH} WHERE waits = 1 AND id >= ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3");
        let params = params![from, before, page.limit.saturating_add(1)];
        self.all(&sql, params, |row| json(row, 0))
    }

    fn payouts_of_batch(
        &self,
        batch: &PayoutBatch,
        status: Option<&str>,
        page: &Page<PayoutId>,
    ) -> Result<Vec<Payout>, StoreError> {
        let (from, before) = id_range(page, "po_", PayoutId::to_string);
        let (batch, limit) = (batch.terms.id.as_str(), page.limit.saturating_add(1));
        match status {
            Some(status) => self.all(
                &format!(
                    "{PAYOUT} WHERE batch = ?1 AND status = ?2 AND id >= ?3 AND id < ?4
                     ORDER BY id DESC LIMIT ?5"
                ),
                params![batch, status, from, before, limit],
                whole,
            ),
            None => self.all(
                &format!(
                    "{PAYOUT} WHERE batch = ?1 AND id >= ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4"
                ),
                params![batch, from, before, limit],
                whole,
            ),
        }
    }

    fn tally(&self, batch: &PayoutBatch) -> Result<Vec<Tally>, StoreError> {
        let sql =
            "SELECT status, count(*), sum(minor) FROM payouts WHERE batch = ?1 GROUP BY status";
        self.all(sql, [batch.terms.id.as_str()], |row| {
            tallied(batch, &row.get::<_, String>(0)?, row.get(1)?, row.get(2)?)
        })
    }

    fn is_open(&self, batch: &PayoutBatch) -> Result<bool, StoreError> {
        let sql = format!(
            "SELECT 1 FROM payouts WHERE batch = ?1 AND status IN ('{}') LIMIT 1",
            PayoutState::OPEN.join("', '")
        );
        Ok(self.one(&sql, [batch.terms.id.as_str()], |_| Ok(()))?.is_some())
    }
}

impl PayoutBatchWrites for Sqlite<'_> {
    fn insert_payout_batch(&self, batch: &PayoutBatch) -> Result<bool, StoreError> {
        let terms = &batch.terms;
        let inserted = self.change(
            "INSERT INTO payout_batches (id, merchant, merchant_payout_batch_id, version, waits, data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (merchant, merchant_payout_batch_id) DO NOTHING",
            params![
                terms.id.as_str(),
                terms.merchant.as_str(),
                terms.merchant_payout_batch_id,
                batch.version,
                batch.waits(),
                to_json(batch)?,
            ],
        )?;
        Ok(inserted == 1)
    }

    fn update_payout_batch(&self, batch: &PayoutBatch) -> Result<(), StoreError> {
        let (id, version) = (&batch.terms.id, batch.version);
        let sql = "UPDATE payout_batches SET version = ?2, waits = ?3, data = ?4 WHERE id = ?1 AND version < ?2";
        let params = params![id.as_str(), version, batch.waits(), to_json(batch)?];
        if self.change(sql, params)? == 1 {
            return Ok(());
        }
        Err(StoreError::Damaged(format!("{id} has no version before {version}")))
    }
}

/// Every batch of payouts, one at a time.
///
/// # Errors
///
/// [`StoreError`], or what `each` gives.
pub fn for_each_payout_batch<E: From<StoreError>>(
    connection: &Connection,
    mut each: impl FnMut(PayoutBatch) -> Result<(), E>,
) -> Result<(), E> {
    let sql =
        "SELECT data, id, merchant, merchant_payout_batch_id, version, waits FROM payout_batches";
    let mut statement = connection.prepare(sql).map_err(StoreError::from)?;
    let mut rows = statement.query([]).map_err(StoreError::from)?;
    while let Some(row) = rows.next().map_err(StoreError::from)? {
        let batch: PayoutBatch = json(row, 0)?;
        let terms = &batch.terms;
        let column = |column| row.get::<_, String>(column).map_err(StoreError::from);
        let same = column(1)? == terms.id.as_str()
            && column(2)? == terms.merchant.as_str()
            && column(3)? == terms.merchant_payout_batch_id
            && row.get::<_, u64>(4).map_err(StoreError::from)? == batch.version
            && row.get::<_, bool>(5).map_err(StoreError::from)? == batch.waits();
        if !same {
            let what = format!("the row of {} says otherwise than the batch", terms.id);
            return Err(StoreError::Damaged(what).into());
        }
        each(batch)?;
    }
    Ok(())
}
