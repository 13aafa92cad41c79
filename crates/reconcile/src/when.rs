//! Local times as bills write them. The offset is the bill's, for no bill names one: WeChat Pay's and
//! Alipay's are in Beijing time, which has had no daylight saving since 1991.

/// Milliseconds in a day.
pub const DAY_MS: i64 = 86_400_000;

/// A local time, `2026-03-01 09:30:00`, at `offset_minutes` east of Greenwich, in milliseconds since the epoch.
/// A `T`, slashes and fractions of a second are read, and so are more blanks than one. A `Z` or an offset of
/// its own takes the place of the bill's. So is `260301093000` of this century, which UnionPay writes. `None` if it is none of
/// these, or a day that does not exist.
pub fn parse(text: &[u8], offset_minutes: i32) -> Option<i64> {
    if let [y0, y1, m0, m1, d0, d1, h0, h1, n0, n1, s0, s1] = text
        && text.iter().all(u8::is_ascii_digit)
    {
        let date = [b'2', b'0', *y0, *y1, b'-', *m0, *m1, b'-', *d0, *d1];
        let clock = [b' ', *h0, *h1, b':', *n0, *n1, b':', *s0, *s1];
        return parse(&[&date[..], &clock].concat(), offset_minutes);
    }
    let (date, rest) = text.split_at_checked(10)?;
    let [y0, y1, y2, y3, b'-' | b'/', m0, m1, b'-' | b'/', d0, d1] = date else { return None };
    let year = number(&[*y0, *y1, *y2, *y3])?;
    let (month, day) = (number(&[*m0, *m1])?, number(&[*d0, *d1])?);
    let days = days_since_epoch(year, month, day)?;
    let (clock, offset) = zone(rest, offset_minutes)?;
    Some(days * DAY_MS + time_of_day(clock)? - i64::from(offset) * 60_000)
}

/// The local day that a moment lies in, in days since the epoch.
pub fn local_day(at_ms: i64, offset_minutes: i32) -> i64 {
    (at_ms + i64::from(offset_minutes) * 60_000).div_euclid(DAY_MS)
}

/// `2026-03-01` for a number of days since the epoch.
pub fn date(days: i64) -> String {
    // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": civil_from_days.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `2026-03-01 09:30:00.000` at an offset, without the offset.
pub fn date_time(at_ms: i64, offset_minutes: i32) -> String {
    let day = local_day(at_ms, offset_minutes);
    let clock = at_ms + i64::from(offset_minutes) * 60_000 - day * DAY_MS;
    let (hours, minutes) = (clock / 3_600_000, clock / 60_000 % 60);
    let (seconds, ms) = (clock / 1000 % 60, clock % 1000);
    format!("{} {hours:02}:{minutes:02}:{seconds:02}.{ms:03}", date(day))
}

/// `+08:00` for 480.
pub fn offset(minutes: i32) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    let minutes = minutes.unsigned_abs();
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// 480 for `+08:00`, 0 for `Z`.
pub fn parse_offset(text: &str) -> Option<i32> {
    if text == "Z" {
        return Some(0);
    }
    match text.as_bytes() {
        [sign @ (b'+' | b'-'), h0, h1, b':', m0, m1] => {
            let (hours, minutes) = (number(&[*h0, *h1])?, number(&[*m0, *m1])?);
            if hours > 18 || minutes > 59 {
                return None;
            }
            let total = i32::try_from(hours * 60 + minutes).ok()?;
            Some(if *sign == b'-' { -total } else { total })
        }
        _ => None,
    }
}

/// The clock's part of a time and the offset that holds for it.
fn zone(rest: &[u8], bill_s: i32) -> Option<(&[u8], i32)> {
    if let Some(clock) = rest.strip_suffix(b"Z") {
        return Some((clock, 0));
    }
    if let Some(at) = rest.len().checked_sub(6).filter(|at| matches!(rest[*at], b'+' | b'-')) {
        let own = std::str::from_utf8(&rest[at..]).ok().and_then(parse_offset)?;
        return Some((&rest[..at], own));
    }
    Some((rest, bill_s))
}

/// Milliseconds since midnight of ` 09:30:00.5`; nothing at all is midnight.
fn time_of_day(text: &[u8]) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    let text = match text {
        [b'T', clock @ ..] => clock,
        [b' ', clock @ ..] => clock.trim_ascii_start(),
        _ => return None,
    };
    let (clock, fraction) = text.split_at_checked(8)?;
    let [h0, h1, b':', m0, m1, b':', s0, s1] = clock else { return None };
    let (hours, minutes, seconds) =
        (number(&[*h0, *h1])?, number(&[*m0, *m1])?, number(&[*s0, *s1])?);
    if hours > 23 || minutes > 59 || seconds > 60 {
        return None;
    }
    let ms = match fraction {
        [] => 0,
        [b'.', digits @ ..] if (1..=9).contains(&digits.len()) => {
            let mut ms = 0;
            for place in 0..digits.len().max(3) {
                let digit = digits.get(place).copied().unwrap_or(b'0');
                let digit = number(&[digit])?;
                if place < 3 {
                    ms = ms * 10 + digit;
                }
            }
            ms
        }
        _ => return None,
    };
    // A leap second is the first of the next minute, as in POSIX.
    Some(((hours * 60 + minutes) * 60 + seconds) * 1000 + ms)
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |value, byte| {
        byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0'))
    })
}

fn days_since_epoch(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    // The inverse of `date`, by the same source: days_from_civil.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted = (month + 9) % 12;
    let day_of_year = (153 * shifted + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_times_are_read_or_refused() {
        for (text, offset, at) in [
            ("1970-01-01 00:00:00", 0, Some(0)),
            ("1970-01-01 08:00:00", 480, Some(0)),
            ("2026-03-01 09:30:00", 480, Some(1_772_328_600_000)),
            ("2026-03-01  09:30:00", 480, Some(1_772_328_600_000)),
            ("2026/03/01 09:30:00", 480, Some(1_772_328_600_000)),
            ("2026-03-01T01:30:00Z", 480, Some(1_772_328_600_000)),
            ("2026-03-01T01:30:00.000Z", 480, Some(1_772_328_600_000)),
            ("2026-02-28T20:30:00.25-05:00", 480, Some(1_772_328_600_250)),
            ("2026-03-01", 480, Some(1_772_294_400_000)),
            ("2024-02-29 00:00:00", 0, Some(1_709_164_800_000)),
            ("2026-02-29 00:00:00", 0, None),
            ("2026-13-01 00:00:00", 0, None),
            ("2026-03-01 24:00:00", 0, None),
            ("2026-03-01 09:30", 0, None),
            ("2026-03-01 09:30:0x", 0, None),
            ("2026-03-01 09:30:00 ", 0, None),
            ("2026-3-1 09:30:00", 0, None),
            ("", 0, None),
            ("+08:00", 0, None),
        ] {
            assert_eq!(parse(text.as_bytes(), offset), at, "{text}");
        }
    }

    #[test]
    fn days_are_what_they_were_made_from() {
        for days in (-200_000..200_000).step_by(37) {
            let text = date(days);
            assert_eq!(parse(text.as_bytes(), 0), Some(days * DAY_MS), "{text}");
        }
        assert_eq!(date_time(1_772_328_600_250, 480), "2026-03-01 09:30:00.250");
        assert_eq!(date_time(-1, 0), "1969-12-31 23:59:59.999");
        for minutes in [-570, -5, 0, 480, 765] {
            assert_eq!(parse_offset(&offset(minutes)), Some(minutes));
        }
        assert_eq!(parse_offset("8:00"), None);
    }
}
