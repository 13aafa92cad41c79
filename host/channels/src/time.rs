//! Times as the providers write them: with Beijing's offset, whatever zone the gateway runs in.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

const BEIJING: Offset = Offset::constant(8);

/// `2026-11-29T20:00:00+08:00`, for WeChat Pay.
pub fn rfc3339(at: i64) -> String {
    format!("{}+08:00", civil(at).strftime("%Y-%m-%dT%H:%M:%S"))
}

/// `2026-11-29 20:00:00`, for Alipay.
pub fn beijing(at: i64) -> String {
    civil(at).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// `2026-11-29 20:00:00` in Beijing as seconds since the epoch.
pub fn parse_beijing(text: &str) -> Option<i64> {
    let at = DateTime::strptime("%Y-%m-%d %H:%M:%S", text).ok()?;
    BEIJING.to_timestamp(at).ok().map(|at| at.as_second())
}

/// A time with its offset as seconds since the epoch.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(|at| at.as_second())
}

fn civil(at: i64) -> DateTime {
    // Outside the years of the calendar nothing of ours happens.
    let at = Timestamp::from_second(at).unwrap_or(Timestamp::UNIX_EPOCH);
    BEIJING.to_datetime(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_beijings() {
        assert_eq!(rfc3339(1_795_000_000), "2026-11-18T19:06:40+08:00");
        assert_eq!(beijing(1_795_000_000), "2026-11-18 19:06:40");
        assert_eq!(parse_beijing("2026-11-18 19:06:40"), Some(1_795_000_000));
        assert_eq!(parse_rfc3339("2026-11-18T19:06:40+08:00"), Some(1_795_000_000));
        // A day begins in Beijing while it is still yesterday in Greenwich.
        assert_eq!(beijing(1_794_931_200), "2026-11-18 00:00:00");
        assert_eq!(beijing(1_794_931_199), "2026-11-17 23:59:59");
        assert_eq!(parse_beijing("2026-11-18T19:06:40"), None);
    }
}
