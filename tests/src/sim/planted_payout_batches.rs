//! Batches of payouts through the layer that has the planted bugs.

use lezai_core::funds::payout::Payout;
use lezai_core::funds::payout_batch::{PayoutBatch, Tally};
use lezai_core::id::{MerchantId, PayoutBatchId, PayoutId};
use lezai_store::{Page, PayoutBatchReads, PayoutBatchWrites, StoreError};

use super::planted::{Layer, Planted};

impl PayoutBatchReads for Layer<'_> {
    fn payout_batch(&self, id: &PayoutBatchId) -> Result<Option<PayoutBatch>, StoreError> {
        self.tx.payout_batch(id)
    }
    fn payout_batch_by_number(
        &self,
        merchant: &MerchantId,
        number: &str,
    ) -> Result<Option<PayoutBatch>, StoreError> {
        self.tx.payout_batch_by_number(merchant, number)
    }
    fn payout_batches(
        &self,
        merchant: &MerchantId,
        page: &Page<PayoutBatchId>,
    ) -> Result<Vec<PayoutBatch>, StoreError> {
        self.tx.payout_batches(merchant, page)
    }
    fn payout_batches_that_wait(
        &self,
        page: &Page<PayoutBatchId>,
    ) -> Result<Vec<PayoutBatch>, StoreError> {
        self.tx.payout_batches_that_wait(page)
    }
    fn payouts_of_batch(
        &self,
        batch: &PayoutBatch,
        status: Option<&str>,
        page: &Page<PayoutId>,
    ) -> Result<Vec<Payout>, StoreError> {
        self.tx.payouts_of_batch(batch, status, page)
    }
    fn tally(&self, batch: &PayoutBatch) -> Result<Vec<Tally>, StoreError> {
        self.tx.tally(batch)
    }
    fn is_open(&self, batch: &PayoutBatch) -> Result<bool, StoreError> {
        match self.planted {
            Planted::BatchClosedEarly => Ok(false),
            Planted::BatchNeverClosed => Ok(true),
            _ => self.tx.is_open(batch),
        }
    }
}

impl PayoutBatchWrites for Layer<'_> {
    fn insert_payout_batch(&self, batch: &PayoutBatch) -> Result<bool, StoreError> {
        self.scope.admit(&batch.terms.merchant)?;
        self.tx.insert_payout_batch(batch)
    }
    fn update_payout_batch(&self, batch: &PayoutBatch) -> Result<(), StoreError> {
        self.scope.admit(&batch.terms.merchant)?;
        self.tx.update_payout_batch(batch)
    }
}
