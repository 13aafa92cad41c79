//! Has a channel capture what is set aside; a repeat is no second capture.

use lezai_channels::channel::{AttemptStatus, CaptureRequest};
use lezai_core::id::{AttemptId, OrderId};
use lezai_core::order::{Attention, Event, State};
use lezai_wire::problem::Problem;

use super::{Done, Job, Running, Turn};
use crate::gateway::{asked, attempt_ref};

/// Which attempt of which order.
pub(super) struct Capture {
    pub(super) order: OrderId,
    pub(super) attempt: AttemptId,
}

impl Job for Capture {
    fn run<'j>(&'j self, turn: &'j Turn<'_>) -> Running<'j> {
        Box::pin(self.perform(turn))
    }

    fn on_exhausted(&self) -> Option<Attention> {
        Some(Attention::Capture { attempt: self.attempt.clone() })
    }
}

impl Capture {
    async fn perform(&self, turn: &Turn<'_>) -> Result<Done, Problem> {
        let Self { order, attempt } = self;
        let record = turn.gateway.record(order.clone()).await?;
        let State::Capturing { amount, .. } = &record.order.state else {
            return Ok(Done::Finished);
        };
        let number = record.order.channel_requests;
        let channel = turn.gateway.channel_of(&record, attempt)?;
        let channel = &*channel;
        let standing = match turn.status_before(channel, &attempt_ref(&record, attempt)?).await? {
            // A capture that was not answered did happen.
            Some(paid @ AttemptStatus::Paid { .. }) => paid,
            _ => {
                let request = CaptureRequest { attempt: attempt.clone(), number, amount: *amount };
                asked(channel, "capture", channel.capture(request)).await?
            }
        };
        match standing {
            AttemptStatus::Refused { code } => {
                turn.apply(order, Event::CaptureFailed { request: number, code }).await
            }
            AttemptStatus::Unknown | AttemptStatus::Pending | AttemptStatus::Authorized { .. } => {
                Ok(turn.later())
            }
            known => turn.apply_final_status(order, attempt, known).await,
        }
    }
}
