//! What time it is. The core never asks; the host does, here alone.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp as Instant;
use lezai_core::time::Timestamp;

/// The time now.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The time as RFC 3339 has it, in UTC with milliseconds.
pub fn rfc3339(at: Timestamp) -> String {
    // Outside the years that the format knows nothing of ours happens.
    let instant = Instant::from_millisecond(at.as_ms()).unwrap_or(Instant::UNIX_EPOCH);
    format!("{instant:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_rfc_3339() {
        assert_eq!(rfc3339(Timestamp::from_ms(1_795_000_000_042)), "2026-11-18T11:06:40.042Z");
        assert_eq!(rfc3339(Timestamp::from_ms(0)), "1970-01-01T00:00:00.000Z");
    }
}
