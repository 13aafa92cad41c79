//! The services of this process that every use case shares.

use std::sync::Arc;

use lezai_base::clock::Clock;
use lezai_base::entropy::Entropy;
use lezai_store::Store;

use crate::cluster::Cluster;
use crate::metrics::Metrics;

/// One running gateway: its store, its time, and what it remembers and counts.
pub struct Node {
    /// The state.
    pub store: Arc<dyn Store>,
    /// Business time.
    pub clock: Arc<Clock>,
    /// Randomness.
    pub entropy: Entropy,
    /// The memory between requests.
    pub cluster: Cluster,
    /// The metrics of this process.
    pub metrics: Metrics,
}
