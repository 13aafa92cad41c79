//! Asks the channel of an attempt until it knows, for as long as it may still change its mind.

use lezai_channels::channel::AttemptStatus;
use lezai_core::id::{AttemptId, OrderId};
use lezai_core::order::{Attention, CloseReason, State};
use lezai_wire::problem::Problem;

use super::{Done, Job, Running, Turn};
use crate::gateway::{asked, attempt_ref};

/// Which attempt of which order.
pub(super) struct Query {
    pub(super) order: OrderId,
    pub(super) attempt: AttemptId,
}

impl Job for Query {
    fn run<'j>(&'j self, turn: &'j Turn<'_>) -> Running<'j> {
        Box::pin(self.perform(turn))
    }

    fn on_exhausted(&self) -> Option<Attention> {
        Some(Attention::Payment { attempt: self.attempt.clone() })
    }

    fn waits_for_shopper(&self) -> bool {
        true
    }
}

impl Query {
    async fn perform(&self, turn: &Turn<'_>) -> Result<Done, Problem> {
        let Self { order, attempt } = self;
        let record = turn.gateway.record(order.clone()).await?;
        let channel = turn.gateway.channel_of(&record, attempt)?;
        let channel = &*channel;
        let reference = attempt_ref(&record, attempt)?;
        let standing = asked(channel, "query", channel.query(&reference)).await?;
        match standing {
            // The channel refused the debit, and knows of nothing that it did not take.
            AttemptStatus::Unknown if is_refused(&record.order.state) => Ok(Done::Finished),
            AttemptStatus::Unknown | AttemptStatus::Pending => Ok(turn.later()),
            AttemptStatus::Authorized { .. } => {
                turn.gateway.apply_channel_status(order.clone(), attempt.clone(), standing).await?;
                let record = turn.gateway.record(order.clone()).await?;
                match &record.order.state {
                    // The channel does in two steps what was asked of it in one.
                    State::Paying { attempt: current, .. } if current == attempt => {
                        Ok(turn.later())
                    }
                    state if state.payment().is_some_and(|it| it.attempt == *attempt) => {
                        Ok(Done::Finished)
                    }
                    // Set aside for nothing: too late, or for a try that was given up.
                    _ => turn.cancel(order, attempt).await,
                }
            }
            known => turn.apply_final_status(order, attempt, known).await,
        }
    }
}

fn is_refused(state: &State) -> bool {
    matches!(state, State::Closed { reason: CloseReason::Declined, .. })
}
