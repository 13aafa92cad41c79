//! What time it is. The core never asks; the host does, here alone.
//!
//! There are two times. Wall time, [`now`], is what signatures, nonces and log lines live by, for
//! others compare it with their own clocks. Business time, [`Clock::now`], is what orders, tasks
//! and retries live by; it is wall time unless a sandbox was moved forward, so that a day of
//! expiries and retries can be walked through in a test.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp as Instant;
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

/// The time as RFC 3339 has it, in UTC with milliseconds.
pub fn rfc3339(at: Timestamp) -> String {
    // Outside the years that the format knows nothing of ours happens.
    let instant = Instant::from_millisecond(at.as_ms()).unwrap_or(Instant::UNIX_EPOCH);
    format!("{instant:.3}")
}

/// A time as RFC 3339 has it, with its offset, to the millisecond.
pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    // The parser also takes other forms of ISO 8601, of which none is asked for.
    let bytes = text.as_bytes();
    if !(20..=40).contains(&bytes.len()) || bytes.get(10) != Some(&b'T') {
        return None;
    }
    let parse = |text: &str| Some(text.parse::<Instant>().ok()?.as_millisecond());
    // The library's times end some hours before the last of RFC 3339, which is a usual way to say
    // that there is no end.
    let near_the_end = |days: i64| {
        let (day, rest) = (text.get(..10)?, text.get(10..)?);
        (day == format!("9999-12-{}", 29 + days))
            .then(|| parse(&format!("9999-12-29{rest}")))?
            .map(|ms| ms + days * 86_400_000)
    };
    let ms = parse(text).or_else(|| near_the_end(1)).or_else(|| near_the_end(2));
    ms.map(Timestamp::from_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_rfc_3339() {
        assert_eq!(rfc3339(Timestamp::from_ms(1_795_000_000_042)), "2026-11-18T11:06:40.042Z");
        assert_eq!(rfc3339(Timestamp::from_ms(0)), "1970-01-01T00:00:00.000Z");
        for text in ["2026-11-18T11:06:40.042Z", "2026-11-18T19:06:40.042+08:00"] {
            assert_eq!(parse_rfc3339(text), Some(Timestamp::from_ms(1_795_000_000_042)));
        }
        assert_eq!(parse_rfc3339("2026-11-18"), None);
        for (text, ms) in [
            ("9999-12-31T23:59:59Z", Some(253_402_300_799_000)),
            ("9999-12-31T23:59:59.999Z", Some(253_402_300_799_999)),
            ("9999-12-30T23:59:59Z", Some(253_402_300_799_000 - 86_400_000)),
            ("9999-12-31T24:59:59Z", None),
            ("9999-12-32T00:00:00Z", None),
        ] {
            assert_eq!(parse_rfc3339(text).map(Timestamp::as_ms), ms, "{text}");
        }
    }

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
