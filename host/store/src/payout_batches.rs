//! Batches of payouts as they are kept. What of one is in which state its payouts say, and no second record of that
//! is kept.

use lezai_core::funds::payout::Payout;
use lezai_core::funds::payout_batch::{PayoutBatch, Tally};
use lezai_core::id::{MerchantId, PayoutBatchId, PayoutId};
use lezai_wire::page::Page;

use super::StoreError;

/// Reads of batches of payouts.
pub trait PayoutBatchReads {
    /// A batch.
    fn payout_batch(&self, id: &PayoutBatchId) -> Result<Option<PayoutBatch>, StoreError>;
    /// The batch with a merchant's own number.
    fn payout_batch_by_number(
        &self,
        merchant: &MerchantId,
        number: &str,
    ) -> Result<Option<PayoutBatch>, StoreError>;
    /// The merchant's batches of a page, newest first, and one more if there are more.
    fn payout_batches(
        &self,
        merchant: &MerchantId,
        page: &Page<PayoutBatchId>,
    ) -> Result<Vec<PayoutBatch>, StoreError>;
    /// Every merchant's batches that a second person has to decide on, as [`PayoutBatchReads::payout_batches`].
    fn payout_batches_that_wait(
        &self,
        page: &Page<PayoutBatchId>,
    ) -> Result<Vec<PayoutBatch>, StoreError>;
    /// The payouts of a batch of a page, newest first, and one more if there are more; of one status or of all.
    fn payouts_of_batch(
        &self,
        batch: &PayoutBatch,
        status: Option<&str>,
        page: &Page<PayoutId>,
    ) -> Result<Vec<Payout>, StoreError>;
    /// Count and sum of each state of a batch.
    fn tally(&self, batch: &PayoutBatch) -> Result<Vec<Tally>, StoreError>;
    /// Whether a payout of a batch has not ended.
    fn is_open(&self, batch: &PayoutBatch) -> Result<bool, StoreError>;
}

/// Writes of batches of payouts.
pub trait PayoutBatchWrites: PayoutBatchReads {
    /// A new batch. `false`, and nothing written, if the merchant's number is taken.
    fn insert_payout_batch(&self, batch: &PayoutBatch) -> Result<bool, StoreError>;
    /// The batch as it is now.
    fn update_payout_batch(&self, batch: &PayoutBatch) -> Result<(), StoreError>;
}

/// A row of a tally, from what a store counted.
///
/// # Errors
///
/// [`StoreError::Damaged`] for a status that payouts do not have, or a sum that is no amount.
pub fn tallied(
    batch: &PayoutBatch,
    status: &str,
    count: u32,
    minor: i64,
) -> Result<Tally, StoreError> {
    use lezai_core::funds::payout::PayoutState;
    use lezai_core::money::Money;
    let known = PayoutState::STATUSES.into_iter().find(|it| *it == status);
    let status =
        known.ok_or_else(|| StoreError::Damaged(format!("{status} is no status of a payout")))?;
    let amount = Money::new(minor, batch.terms.total.currency());
    let amount = amount.map_err(|error| StoreError::Damaged(error.to_string()))?;
    Ok(Tally { status, count, amount })
}
