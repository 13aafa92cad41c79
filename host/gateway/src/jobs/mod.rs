//! Performs what was committed: asks channels, closes what expired, delivers callbacks.
//!
//! A task is claimed by moving its time to the end of a lease, so that a crash gives it back. It
//! may then be done twice; every receiver knows ours apart by attempt or event id.
//!
//! Each kind of task is a [`Job`] in a file of its own, and `registry` has a row for each; `runner` claims
//! and performs them, whatever they are.

mod cancel;
mod capture;
mod channel;
mod debit;
mod deliver;
mod due;
mod mandate;
mod payment_return;
mod payout;
mod prune;
mod query;
mod refund;
mod registry;
mod reverse;
mod runner;
mod statement;
mod void;

use std::pin::Pin;

use lezai_core::id::{OrderId, PayoutId};
use lezai_core::order::Attention;
use lezai_core::time::Timestamp;
use lezai_wire::problem::Problem;

use crate::callbacks::sender::backoff_secs;
use crate::gateway::Gateway;

pub use prune::prune;
pub use runner::{claim, perform, run};

/// How a task ended.
enum Done {
    /// For good.
    Finished,
    /// To be tried again then.
    Again {
        /// When.
        due: Timestamp,
        /// Why, for the record.
        why: String,
    },
    /// Not begun: its merchant has enough under way.
    PutOff {
        /// To when.
        due: Timestamp,
    },
}

/// The future of a job's result.
type Running<'j> = Pin<Box<dyn Future<Output = Result<Done, Problem>> + Send + 'j>>;

/// One kind of task, with what it is about.
trait Job: Send + Sync {
    /// Does it. An error is tried again.
    fn run<'j>(&'j self, turn: &'j Turn<'_>) -> Running<'j>;

    /// The item for a person to look at once a channel had its time to answer and did not; none for a job
    /// that is tried for ever.
    fn on_exhausted(&self) -> Option<Attention> {
        None
    }

    /// The payout that a person must look at then.
    fn payout_exhausted(&self) -> Option<&PayoutId> {
        None
    }

    /// Whether the channel may still be silent for a good reason: while the shopper may pay.
    fn waits_for_shopper(&self) -> bool {
        false
    }
}

/// A job's turn: the gateway, and how often it was tried before.
struct Turn<'t> {
    gateway: &'t Gateway,
    tries: u32,
}

impl Turn<'_> {
    /// Lets an event happen to an order, and the job be finished.
    async fn apply(
        &self,
        order: &OrderId,
        event: lezai_core::order::Event,
    ) -> Result<Done, Problem> {
        self.gateway.apply(order.clone(), event).await.map(|_| Done::Finished)
    }

    /// Asks once more, later and later.
    fn later(&self) -> Done {
        let due = self.gateway.node.clock.now().plus_secs(backoff_secs(self.tries));
        Done::Again { due, why: "the channel does not know yet".to_owned() }
    }
}
