//! Has a channel cancel an attempt that is given up.

use lezai_core::id::{AttemptId, OrderId};
use lezai_core::order::Attention;
use lezai_wire::problem::Problem;

use super::{Done, Job, Running, Turn};

/// Which attempt of which order.
pub(super) struct Cancel {
    pub(super) order: OrderId,
    pub(super) attempt: AttemptId,
}

impl Job for Cancel {
    fn run<'j>(&'j self, turn: &'j Turn<'_>) -> Running<'j> {
        Box::pin(self.perform(turn))
    }

    fn on_exhausted(&self) -> Option<Attention> {
        Some(Attention::Payment { attempt: self.attempt.clone() })
    }
}

impl Cancel {
    async fn perform(&self, turn: &Turn<'_>) -> Result<Done, Problem> {
        turn.cancel(&self.order, &self.attempt).await
    }
}
