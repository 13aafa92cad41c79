//! Has a channel give back a payment that belongs to no order; the difference's own number keeps a repeat from being a
//! second refund.

use lezai_channels::channel::{RefundStatus, UnknownPayment};
use lezai_channels::number;
use lezai_core::funds::difference::{DifferenceEvent, DifferenceState};
use lezai_core::id::DifferenceId;
use lezai_store as store;
use lezai_store::Scope;
use lezai_store::bills::DifferenceRecord;
use lezai_wire::problem::Problem;

use super::{Done, Job, Running, Turn};
use crate::gateway::asked;
use crate::reconciliation::resolving;

/// Which difference.
pub(super) struct PaymentReturn {
    pub(super) difference: DifferenceId,
}

impl Job for PaymentReturn {
    fn run<'j>(&'j self, turn: &'j Turn<'_>) -> Running<'j> {
        Box::pin(self.perform(turn))
    }
}

impl PaymentReturn {
    async fn perform(&self, turn: &Turn<'_>) -> Result<Done, Problem> {
        let (node, id) = (&turn.gateway.node, self.difference.clone());
        let record = store::read(&node.store, move |view| view.difference(&id)).await?;
        let Some(record) = record.filter(is_returning) else { return Ok(Done::Finished) };
        let difference = &record.difference;
        let channel = turn.gateway.channels.get(&difference.channel);
        let channel = channel.ok_or_else(|| Problem::internal("the channel is gone"))?;
        let request = UnknownPayment {
            number: difference.payment.clone().unwrap_or_default(),
            refund: number::of_return(&difference.id).map_err(Problem::internal)?,
            amount: resolving::amount(&record)?,
        };
        // One that was refused before is a repeat, too, by the same number.
        let is_repeat = turn.tries > 0 || difference.return_failed.is_some();
        let known = match is_repeat {
            false => RefundStatus::Unknown,
            true => asked(channel, "query_return", channel.query_return(&request)).await?,
        };
        let standing = match known {
            RefundStatus::Unknown => {
                asked(channel, "return_payment", channel.return_payment(request)).await?
            }
            known => known,
        };
        let event = match standing {
            RefundStatus::Unknown | RefundStatus::Pending => return Ok(turn.later()),
            RefundStatus::Succeeded => DifferenceEvent::Returned,
            RefundStatus::Failed { code } => DifferenceEvent::ReturnFailed { code },
        };
        let (id, now) = (self.difference.clone(), node.clock.now());
        let ended = store::write(&node.store, Scope::Gateway, move |tx| {
            match tx.difference(&id)?.filter(is_returning) {
                Some(record) => resolving::happen(tx, record, event.clone(), now).map(Some),
                None => Ok::<_, Problem>(None),
            }
        });
        if let Some(ended) = ended.await? {
            let (difference, status) = (ended.difference.id, ended.difference.state.status());
            tracing::info!(%difference, status, "reconciliation.difference.returned");
        }
        Ok(Done::Finished)
    }
}

fn is_returning(record: &DifferenceRecord) -> bool {
    matches!(record.difference.state, DifferenceState::Returning { .. })
}
