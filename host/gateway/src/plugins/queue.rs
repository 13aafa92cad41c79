//! The queue of background work for plugins. Orders never wait for it: a job that finds the queue full is
//! dropped and counted.

use std::sync::{Arc, Mutex};

use lezai_core::policy::OrderFacts;
use lezai_engine::Decision;
use lezai_store::plugins::{Denial, Side};
use tokio::sync::mpsc;

use crate::metrics::Metrics;
use crate::releases::health::RollbackReason;
use crate::releases::rollout::Version;

/// Jobs that wait: a tenth of a second's worth of comparisons at the busiest.
const QUEUE: usize = 4_096;
/// Something to be done.
pub(super) enum Job {
    /// Ask the other side.
    Compare(Box<Compare>),
    /// Write down an order that was denied.
    Denied(Box<Denial>),
    /// A release that is to be asked has no code.
    Recompile(Arc<Version>),
    /// A release does badly.
    RollBack(Arc<Version>, RollbackReason),
}

/// An order that one side decided.
pub(super) struct Compare {
    /// The merchant's policy at that moment.
    pub policy: Arc<[u8]>,
    /// The order.
    pub facts: OrderFacts,
    /// The decision that was made and applied.
    pub decision: Decision,
    /// By whom.
    pub applied: Side,
    /// The candidate.
    pub candidate: Arc<Version>,
    /// The live one.
    pub live: Option<Arc<Version>>,
}

/// The queue.
pub(super) struct BackgroundQueue {
    jobs: mpsc::Sender<Job>,
    pub(super) waiting: Mutex<Option<mpsc::Receiver<Job>>>,
}

impl Default for BackgroundQueue {
    fn default() -> Self {
        let (jobs, waiting) = mpsc::channel(QUEUE);
        Self { jobs, waiting: Mutex::new(Some(waiting)) }
    }
}

impl BackgroundQueue {
    /// Has a job done later, or not at all, and says which. It is made only if there is room.
    pub(super) fn try_enqueue(&self, metrics: &Metrics, job: impl FnOnce() -> Job) -> bool {
        match self.jobs.try_reserve() {
            Ok(place) => {
                place.send(job());
                true
            }
            Err(_) => {
                metrics.plugins.dropped.inc();
                false
            }
        }
    }
}
