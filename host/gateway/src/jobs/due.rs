//! A moment has come for an order: it expires, what was set aside is released, what was paid is settled,
//! its splitting ends, or its reserve becomes available.

use lezai_core::id::OrderId;
use lezai_core::order::{Event, State};

use super::{Done, Job, Running, Turn};
use crate::gateway::NOT_KNOWN_SECS;

/// An event that is due for an order.
pub(super) struct Due {
    pub(super) order: OrderId,
    pub(super) event: Event,
}

impl Job for Due {
    fn run<'j>(&'j self, turn: &'j Turn<'_>) -> Running<'j> {
        Box::pin(async {
            let record = turn.gateway.apply(self.order.clone(), self.event.clone()).await?;
            match &record.order.state {
                // Nobody can say yet when it settles.
                State::Paid { captured, settled: None, .. }
                    if self.event == Event::SettlementDue && captured.settles_at().is_none() =>
                {
                    let due = turn.gateway.node.clock.now().plus_secs(NOT_KNOWN_SECS);
                    Ok(Done::Again { due, why: "the calendar does not know the days".to_owned() })
                }
                _ => Ok(Done::Finished),
            }
        })
    }
}
