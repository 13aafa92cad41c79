//! What every use case of this process stands on.

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
    /// What is remembered between requests.
    pub cluster: Cluster,
    /// What is counted.
    pub metrics: Metrics,
}
