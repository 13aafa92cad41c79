//! All memory that outlives a request, in one place: what several nodes over one store would have to share. It is
//! local to this process. Each part says its bound, and here stands what a second node would not see of it:
//!
//! | part | what a second node does |
//! |---|---|
//! | [`nonces`] | takes a replayed request that only reads; what writes takes its nonce in the commit |
//! | [`in_progress`] | answers a repeat late instead of at once with `request_in_progress`; the commit decides |
//! | [`rate`] | lets a caller send as many requests again |
//! | [`velocity`] | counts what is told of here, by [`peers`](crate::peers) |
//! | [`channel_health`] | finds out for itself that a channel is silent, and sends a probe of its own; arranges channels by what it measured itself |
//! | [`watchers`] | tells pages that watch there, by [`peers`](crate::peers) |
//! | [`turns`] | reads as many lists again for a merchant |
//! | [`wake`] | looks for tasks seconds later |

pub mod channel_health;
mod channel_window;
pub mod in_progress;
pub mod nonces;
pub mod rate;
pub mod turns;
pub mod velocity;
pub mod wake;
pub mod watchers;

use std::sync::Arc;

/// The memory of this process between requests.
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
    /// Which channels answer, for each method.
    pub channels: channel_health::ChannelHealth,
    /// Wakes the worker.
    pub wake: wake::Wake,
}
