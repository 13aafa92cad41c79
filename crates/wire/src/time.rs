//! Times as the API writes them.

use jiff::Timestamp as Instant;
use lezai_core::time::Timestamp;

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
}
