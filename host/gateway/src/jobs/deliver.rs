//! Delivers an event to its merchant.

use lezai_core::id::EventId;

use super::{Done, Job, Running, Turn};
use crate::callbacks::sender::Delivery;

/// Which event, and which round of its delivery.
pub(super) struct Deliver {
    pub(super) event: EventId,
    pub(super) round: u32,
}

impl Job for Deliver {
    fn run<'j>(&'j self, turn: &'j Turn<'_>) -> Running<'j> {
        Box::pin(async {
            let delivered = turn.gateway.callbacks.deliver(self.event.clone(), self.round).await?;
            Ok(match delivered {
                Delivery::Finished => Done::Finished,
                Delivery::Again { due, why } => Done::Again { due, why },
                Delivery::PutOff { due } => Done::PutOff { due },
            })
        })
    }
}
