//! Has a channel reverse a payment, or let go of what is set aside; a repeat is no second void.

use lezai_channels::channel::{AttemptStatus, ReversalRequest};
use lezai_core::id::{AttemptId, OrderId};
use lezai_core::order::{Attention, Event, State};
use lezai_wire::problem::Problem;

use super::{Done, Job, Running, Turn};
use crate::gateway::{asked, attempt_ref};

/// Which attempt of which order.
pub(super) struct Void {
    pub(super) order: OrderId,
    pub(super) attempt: AttemptId,
}

impl Job for Void {
    fn run<'j>(&'j self, turn: &'j Turn<'_>) -> Running<'j> {
        Box::pin(self.perform(turn))
    }

    fn on_exhausted(&self) -> Option<Attention> {
        Some(Attention::Void { attempt: self.attempt.clone() })
    }
}

impl Void {
    async fn perform(&self, turn: &Turn<'_>) -> Result<Done, Problem> {
        let Self { order, attempt } = self;
        let record = turn.gateway.record(order.clone()).await?;
        if !matches!(record.order.state, State::Voiding { .. }) {
            return Ok(Done::Finished);
        }
        let number = record.order.channel_requests;
        let channel = turn.gateway.channel_of(&record, attempt)?;
        let channel = &*channel;
        let reference = attempt_ref(&record, attempt)?;
        let standing = match turn.status_before(channel, &reference).await? {
            Some(gone @ (AttemptStatus::Returned | AttemptStatus::Cancelled)) => gone,
            _ => {
                let begun_at = reference.begun_at;
                let requested_at = record.order.void_requested_at.unwrap_or(begun_at);
                let request = ReversalRequest {
                    attempt: attempt.clone(),
                    method: reference.method.clone(),
                    number,
                    begun_at,
                    requested_at,
                };
                asked(channel, "reverse", channel.reverse(request)).await?
            }
        };
        match standing {
            AttemptStatus::Refused { code } => {
                turn.apply(order, Event::VoidFailed { request: number, code }).await
            }
            // A channel that undid it before it was asked to says that nothing was paid.
            AttemptStatus::Returned | AttemptStatus::Cancelled => {
                turn.apply_final_status(order, attempt, AttemptStatus::Returned).await
            }
            declined @ AttemptStatus::Declined { .. } => {
                turn.apply_final_status(order, attempt, declined).await
            }
            AttemptStatus::Unknown
            | AttemptStatus::Pending
            | AttemptStatus::Authorized { .. }
            | AttemptStatus::Paid { .. }
            // Of no payment that can be voided.
            | AttemptStatus::DebitReturned { .. } => Ok(turn.later()),
        }
    }
}
