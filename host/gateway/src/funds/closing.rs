//! The end of a batch of payouts, in the commit in which its last payout ends.

use lezai_core::funds::payout::Payout;
use lezai_core::funds::payout_batch::PayoutBatch;
use lezai_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::views::{self, PayoutBatchView};
use crate::events::record::{self, Happened, Subject};
use lezai_store::{StoreError, Tx};

/// The type of the event that tells of a batch's end.
pub const CLOSED: &str = "payout_batch.closed";

/// The object that the event is about.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PayoutBatchEventData {
    /// The batch right after the event.
    pub payout_batch: PayoutBatchView,
}

/// Closes the batch of a payout that has just changed, if nothing of it is open any more.
///
/// # Errors
///
/// [`StoreError`].
pub fn close_if_ended(tx: &dyn Tx, payout: &Payout, now: Timestamp) -> Result<(), StoreError> {
    let Some(id) = payout.terms.batch.as_ref().filter(|_| payout.state.has_ended()) else {
        return Ok(());
    };
    let batch = tx
        .payout_batch(id)?
        .ok_or_else(|| StoreError::Damaged(format!("{id} of a payout is not there")))?;
    let is_open = batch.closed_at.is_some() || tx.is_open(&batch)?;
    match batch.closed(is_open, now) {
        Some(closed) => close(tx, &closed, now),
        None => Ok(()),
    }
}

fn close(tx: &dyn Tx, closed: &PayoutBatch, now: Timestamp) -> Result<(), StoreError> {
    tx.update_payout_batch(closed)?;
    let view = views::payout_batch(closed, &tx.tally(closed)?);
    let happened = Happened {
        merchant: &closed.terms.merchant,
        subject: Subject::Named(closed.terms.id.as_str()),
        event_type: CLOSED,
        data: PayoutBatchEventData { payout_batch: view },
    };
    record::deliver(tx, happened, now)
}
