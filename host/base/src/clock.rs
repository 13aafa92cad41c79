//! The clocks. The core never asks for the time; the host does, here alone.
//!
//! There are two times. Wall time, [`now`], is what signatures, nonces and log lines live by, for
//! others compare it with their own clocks. Business time, [`Clock::now`], is what orders, tasks
//! and retries live by; it is wall time unless a sandbox was moved forward, so that a day of
//! expiries and retries can be walked through in a test.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use lezai_core::time::Timestamp;

/// The wall time now.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The business clock of a gateway. It never goes back.
#[derive(Debug)]
pub enum Clock {
    /// Wall time, and what the sandbox was moved ahead of it.
    System {
        /// By how much.
        ahead_ms: AtomicI64,
    },
    /// A time that stands still until it is moved: business and wall time are one.
    Simulated {
        /// The time.
        at_ms: AtomicI64,
    },
}

impl Default for Clock {
    fn default() -> Self {
        Self::System { ahead_ms: AtomicI64::new(0) }
    }
}

impl Clock {
    /// A clock that goes with the machine's.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that only goes when it is moved.
    pub fn simulated(at: Timestamp) -> Self {
        Self::Simulated { at_ms: AtomicI64::new(at.as_ms()) }
    }

    /// The business time.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System { ahead_ms } => now().plus_ms(ahead_ms.load(Ordering::SeqCst)),
            Self::Simulated { at_ms } => Timestamp::from_ms(at_ms.load(Ordering::SeqCst)),
        }
    }

    /// The time that nonces live by.
    pub fn wall(&self) -> Timestamp {
        match self {
            Self::System { .. } => now(),
            Self::Simulated { .. } => self.now(),
        }
    }

    /// Moves business time forward, and says by how much it is ahead of the wall's. What would
    /// move it back does nothing.
    pub fn advance_ms(&self, ms: i64) -> i64 {
        let add =
            |at: &AtomicI64| at.fetch_add(ms.max(0), Ordering::SeqCst).saturating_add(ms.max(0));
        match self {
            Self::System { ahead_ms } => add(ahead_ms),
            Self::Simulated { at_ms } => {
                add(at_ms);
                0
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_goes_forward_alone() {
        let clock = Clock::simulated(Timestamp::from_secs(10));
        clock.advance_ms(-1);
        assert_eq!(clock.now(), Timestamp::from_secs(10));
        clock.advance_ms(5_000);
        assert_eq!(
            (clock.now(), clock.wall()),
            (Timestamp::from_secs(15), Timestamp::from_secs(15))
        );
        let clock = Clock::system();
        assert_eq!(clock.advance_ms(60_000), 60_000);
        let ahead = clock.now().as_ms() - clock.wall().as_ms();
        assert!((59_000..=60_000).contains(&ahead), "{ahead}");
    }
}
