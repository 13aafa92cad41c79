//! A moment has come for an order: it expires, what was set aside is released, or what was paid is settled.

use lezai_core::id::OrderId;
use lezai_core::order::Event;

use super::{Job, Running, Turn};

/// What happens to which order.
pub(super) struct Due {
    pub(super) order: OrderId,
    pub(super) event: Event,
}

impl Job for Due {
    fn run<'j>(&'j self, turn: &'j Turn<'_>) -> Running<'j> {
        Box::pin(turn.apply(&self.order, self.event.clone()))
    }
}
