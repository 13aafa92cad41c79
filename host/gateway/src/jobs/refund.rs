//! Has a channel refund; the refund's id keeps a repeat from being a second refund.

use lezai_channels::channel::{RefundRequest, RefundStatus};
use lezai_core::id::{OrderId, RefundId};
use lezai_core::order::{Attention, Event, RefundState};
use lezai_wire::problem::Problem;

use super::{Done, Job, Running, Turn};
use crate::gateway::{asked, attempt_ref};

/// Which refund of which order.
pub(super) struct Refund {
    pub(super) order: OrderId,
    pub(super) refund: RefundId,
}

impl Job for Refund {
    fn run<'j>(&'j self, turn: &'j Turn<'_>) -> Running<'j> {
        Box::pin(self.perform(turn))
    }

    fn on_exhausted(&self) -> Option<Attention> {
        Some(Attention::Refund { refund: self.refund.clone() })
    }
}

impl Refund {
    async fn perform(&self, turn: &Turn<'_>) -> Result<Done, Problem> {
        let id = &self.refund;
        let record = turn.gateway.record(self.order.clone()).await?;
        let (Some(refund), Some(payment)) = (record.order.refund(id), record.order.state.payment())
        else {
            return Err(Problem::internal("a refund without a payment"));
        };
        if refund.state != RefundState::Pending {
            return Ok(Done::Finished);
        }
        let channel = turn.gateway.channel_of(&record, &payment.attempt)?;
        let channel = &*channel;
        let paid = attempt_ref(&record, &payment.attempt)?;
        let request = RefundRequest {
            refund: id.clone(),
            attempt: paid.attempt,
            method: paid.method,
            amount: refund.amount,
            payment: record.order.terms.amount,
            begun_at: paid.begun_at,
            requested_at: refund.requested_at,
        };
        let known = match turn.tries {
            0 => RefundStatus::Unknown,
            _ => asked(channel, "query_refund", channel.query_refund(&request)).await?,
        };
        let standing = match known {
            RefundStatus::Unknown => asked(channel, "refund", channel.refund(request)).await?,
            known => known,
        };
        let event = match standing {
            RefundStatus::Unknown | RefundStatus::Pending => return Ok(turn.later()),
            RefundStatus::Succeeded => Event::RefundSucceeded(id.clone()),
            RefundStatus::Failed { code } => Event::RefundFailed { refund: id.clone(), code },
        };
        turn.apply(&self.order, event).await
    }
}
