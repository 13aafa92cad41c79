//! Batches of payouts in PostgreSQL.

use lezai_core::funds::payout::{Payout, PayoutState};
use lezai_core::funds::payout_batch::{PayoutBatch, Tally};
use lezai_core::id::{MerchantId, PayoutBatchId, PayoutId};
use lezai_store::payout_batches::{PayoutBatchReads, PayoutBatchWrites, tallied};
use lezai_store::{Page, StoreError, id_range};

use super::funds::PAYOUT;
use super::tables::{Postgres, count, get, json, number, params, to_json};

const BATCH: &str = "SELECT data FROM payout_batches";

impl PayoutBatchReads for Postgres<'_> {
    fn payout_batch(&self, batch: &PayoutBatchId) -> Result<Option<PayoutBatch>, StoreError> {
        self.by(BATCH, "id", batch.as_str(), |row| json(row, 0))
    }

    fn payout_batch_by_number(
        &self,
        merchant: &MerchantId,
        number: &str,
    ) -> Result<Option<PayoutBatch>, StoreError> {
        let sql = format!("{BATCH} WHERE merchant = $1 AND merchant_payout_batch_id = $2");
        self.one(&sql, params![merchant.as_str(), number], |row| json(row, 0))
    }

    fn payout_batches(
        &self,
        merchant: &MerchantId,
        page: &Page<PayoutBatchId>,
    ) -> Result<Vec<PayoutBatch>, StoreError> {
        let (from, before) = id_range(page, "pob_", PayoutBatchId::to_string);
        let sql = format!(
            "{BATCH} WHERE merchant = $1 AND id >= $2 AND id < $3 ORDER BY id DESC LIMIT $4"
        );
        let params = params![merchant.as_str(), from, before, i64::from(page.limit) + 1];
        self.all(&sql, params, |row| json(row, 0))
    }

    fn payout_batches_that_wait(
        &self,
        page: &Page<PayoutBatchId>,
    ) -> Result<Vec<PayoutBatch>, StoreError> {
        let (from, before) = id_range(page, "pob_", PayoutBatchId::to_string);
        let sql = format!("{BATCH} WHERE waits AND id >= $1 AND id < $2 ORDER BY id DESC LIMIT $3");
        let params = params![from, before, i64::from(page.limit) + 1];
        self.all(&sql, params, |row| json(row, 0))
    }

    fn payouts_of_batch(
        &self,
        batch: &PayoutBatch,
        status: Option<&str>,
        page: &Page<PayoutId>,
    ) -> Result<Vec<Payout>, StoreError> {
        let (from, before) = id_range(page, "po_", PayoutId::to_string);
        let (merchant, batch) = (batch.terms.merchant.as_str(), batch.terms.id.as_str());
        let limit = i64::from(page.limit) + 1;
        match status {
            Some(status) => self.all(
                &format!(
                    "{PAYOUT} WHERE merchant = $1 AND batch = $2 AND status = $3 AND id >= $4 AND id < $5
                     ORDER BY id DESC LIMIT $6"
                ),
                params![merchant, batch, status, from, before, limit],
                |row| self.payout_record(row),
            ),
            None => self.all(
                &format!(
                    "{PAYOUT} WHERE merchant = $1 AND batch = $2 AND id >= $3 AND id < $4
                     ORDER BY id DESC LIMIT $5"
                ),
                params![merchant, batch, from, before, limit],
                |row| self.payout_record(row),
            ),
        }
    }

    fn tally(&self, batch: &PayoutBatch) -> Result<Vec<Tally>, StoreError> {
        let sql = "SELECT status, count(*), sum(minor)::BIGINT FROM payouts WHERE merchant = $1 AND batch = $2
                   GROUP BY status ORDER BY status";
        let params = params![batch.terms.merchant.as_str(), batch.terms.id.as_str()];
        self.all(sql, params, |row| tallied(batch, get(row, 0)?, count(row, 1)?, get(row, 2)?))
    }

    fn is_open(&self, batch: &PayoutBatch) -> Result<bool, StoreError> {
        let sql = format!(
            "SELECT 1 FROM payouts WHERE merchant = $1 AND batch = $2 AND status IN ('{}') LIMIT 1",
            PayoutState::OPEN.join("', '")
        );
        let params = params![batch.terms.merchant.as_str(), batch.terms.id.as_str()];
        Ok(self.one(&sql, params, |_| Ok(()))?.is_some())
    }
}

impl PayoutBatchWrites for Postgres<'_> {
    fn insert_payout_batch(&self, batch: &PayoutBatch) -> Result<bool, StoreError> {
        let terms = &batch.terms;
        let merchant = self.admit(&terms.merchant)?;
        let inserted = self.change(
            "INSERT INTO payout_batches (merchant, id, merchant_payout_batch_id, version, waits, data)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (merchant, merchant_payout_batch_id) DO NOTHING",
            params![
                merchant,
                terms.id.as_str(),
                terms.merchant_payout_batch_id,
                number(batch.version),
                batch.waits(),
                to_json(batch)?,
            ],
        )?;
        Ok(inserted == 1)
    }

    fn update_payout_batch(&self, batch: &PayoutBatch) -> Result<(), StoreError> {
        let merchant = self.admit(&batch.terms.merchant)?;
        let (id, version) = (&batch.terms.id, batch.version);
        let sql = "UPDATE payout_batches SET version = $3, waits = $4, data = $5
                   WHERE merchant = $1 AND id = $2 AND version < $3";
        let params =
            params![merchant, id.as_str(), number(version), batch.waits(), to_json(batch)?];
        if self.change(sql, params)? == 1 {
            return Ok(());
        }
        Err(StoreError::Damaged(format!("{id} has no version before {version}")))
    }
}
