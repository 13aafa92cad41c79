//! All memory that outlives a request, in one place: what several nodes over one store would have to share. It is
//! local to this process. Each part says its bound, and here stands what a second node would not see of it:
//!
//! | part | without it a second node would |
//! |---|---|
//! | [`nonces`] | take a replayed request that only reads; what writes takes its nonce in the commit |
//! | [`in_progress`] | answer a repeat late instead of at once with `request_in_progress`; the commit decides |
//! | [`rate`] | let a caller send as many requests again |
//! | [`velocity`] | count half of a shopper's orders |
//! | [`watchers`] | not tell pages that watch there |
//! | [`turns`] | read as many lists again for a merchant |
//! | [`wake`] | look for tasks seconds later |

pub mod in_progress;
pub mod nonces;
pub mod rate;
pub mod turns;
pub mod velocity;
pub mod wake;
pub mod watchers;

use std::sync::Arc;

/// What this process remembers between requests.
#[derive(Default)]
pub struct Cluster {
    /// The nonces used of late.
    pub nonces: nonces::Nonces,
    /// The idempotency keys that are being worked on.
    pub in_progress: Arc<in_progress::InProgress>,
    /// How often each caller may ask; unlimited if not configured.
    pub rates: rate::Rates,
    /// How much was ordered of late.
    pub velocity: velocity::Counters,
    /// Pages that watch an order.
    pub watchers: watchers::OrderWatchers,
    /// Whose turn it is to read a list, or to have something long done.
    pub turns: turns::Turns,
    /// Wakes the worker.
    pub wake: wake::Wake,
}
