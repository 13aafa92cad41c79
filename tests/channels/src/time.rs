//! The providers' clock.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

const BEIJING: Offset = Offset::constant(8);

/// Seconds since the epoch.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn civil(at: i64) -> DateTime {
    BEIJING.to_datetime(Timestamp::from_second(at).unwrap_or(Timestamp::UNIX_EPOCH))
}

/// With Beijing's offset.
pub fn rfc3339(at: i64) -> String {
    format!("{}+08:00", civil(at).strftime("%Y-%m-%dT%H:%M:%S"))
}

/// Beijing's time.
pub fn beijing(at: i64) -> String {
    civil(at).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Beijing's day.
pub fn day(at: i64) -> String {
    civil(at).strftime("%Y-%m-%d").to_string()
}

/// `yyyyMMdd` in Beijing.
pub fn compact(at: i64) -> String {
    civil(at).strftime("%Y%m%d").to_string()
}

/// `yyMMddHHmmss` in Beijing.
pub fn short(at: i64) -> String {
    civil(at).strftime("%y%m%d%H%M%S").to_string()
}

/// Reads `yyyyMMddHHmmss`, Beijing's time.
pub fn parse_compact(text: &str) -> Option<i64> {
    let at = DateTime::strptime("%Y%m%d%H%M%S", text).ok()?;
    BEIJING.to_timestamp(at).ok().map(|at| at.as_second())
}

/// Reads a time with its zone.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(|at| at.as_second())
}

/// Reads Beijing's time.
pub fn parse_beijing(text: &str) -> Option<i64> {
    let at = DateTime::strptime("%Y-%m-%d %H:%M:%S", text).ok()?;
    BEIJING.to_timestamp(at).ok().map(|at| at.as_second())
}
