//! Has a channel give back money that its order cannot take.

use lezai_channels::channel::{AttemptRef, AttemptStatus, ReversalRequest};
use lezai_core::id::{AttemptId, OrderId};
use lezai_core::order::Attention;
use lezai_wire::problem::{Code, Problem};

use super::{Done, Job, Running, Turn};
use crate::gateway::{asked, attempt_ref};

/// Which attempt of which order.
pub(super) struct Reverse {
    pub(super) order: OrderId,
    pub(super) attempt: AttemptId,
}

impl Job for Reverse {
    fn run<'j>(&'j self, turn: &'j Turn<'_>) -> Running<'j> {
        Box::pin(self.perform(turn))
    }

    fn on_exhausted(&self) -> Option<Attention> {
        Some(Attention::Return { attempt: self.attempt.clone() })
    }
}

impl Reverse {
    async fn perform(&self, turn: &Turn<'_>) -> Result<Done, Problem> {
        let Self { order, attempt } = self;
        let record = turn.gateway.record(order.clone()).await?;
        let AttemptRef { method, begun_at, .. } = attempt_ref(&record, attempt)?;
        let since =
            record.order.returns.iter().find(|it| it.attempt == *attempt).and_then(|it| it.since);
        let request = ReversalRequest {
            attempt: attempt.clone(),
            method,
            number: 0,
            begun_at,
            requested_at: since.unwrap_or(begun_at),
        };
        let channel = turn.gateway.channel_of(&record, attempt)?;
        let channel = &*channel;
        match asked(channel, "reverse", channel.reverse(request)).await? {
            // A channel that undid it before it was asked to return it says that nothing was paid.
            AttemptStatus::Returned | AttemptStatus::Cancelled => {
                turn.apply_final_status(order, attempt, AttemptStatus::Returned).await
            }
            // The payer's bank was faster.
            back @ AttemptStatus::DebitReturned { .. } => {
                turn.apply_final_status(order, attempt, back).await
            }
            _ => Err(Problem::new(
                Code::ChannelUnavailable,
                "the channel has not given the money back yet",
            )),
        }
    }
}
