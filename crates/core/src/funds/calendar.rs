//! Which days are business days: versioned data with a digest, and never a guess.
//!
//! A calendar is a text. `weekend` names the days of the week on which nobody works, `year` a year
//! that is known, and then follow its exceptions: `off` and `work`. A day of a year that is not there
//! is neither, and whoever asks is told so.
//!
//! ```text
//! calendar cn 1
//! weekend sat sun
//! year 2026
//! 2026-01-01 off 元旦
//! 2026-01-04 work 元旦
//! ```

use std::collections::{BTreeMap, BTreeSet};

use super::date::{Date, Weekday};
use crate::digest::sha256_hex;

/// The longest text of a calendar, in bytes: a century of exceptions.
pub const MAX_TEXT: usize = 256 * 1024;

/// China's days off and working weekends, as far as the State Council published them.
pub const CHINA: &str = include_str!("calendar/cn.txt");

/// The days on which money moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    name: String,
    edition: u32,
    digest: String,
    weekend: BTreeSet<Weekday>,
    years: BTreeSet<i32>,
    exceptions: BTreeMap<Date, bool>,
}

/// A text that is not a calendar.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct BadCalendar {
    /// Which line, from 1.
    pub line: usize,
    /// The error at that place.
    pub problem: &'static str,
}

/// The calendar does not say what days that year has off.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the calendar {calendar} has no data for {year}")]
pub struct YearUnknown {
    /// Which calendar.
    pub calendar: String,
    /// Which year.
    pub year: i32,
}

impl Calendar {
    /// Reads a calendar.
    ///
    /// # Errors
    ///
    /// [`BadCalendar`].
    pub fn parse(text: &str) -> Result<Self, BadCalendar> {
        let bad = |line: usize, problem| BadCalendar { line: line + 1, problem };
        if text.len() > MAX_TEXT {
            return Err(bad(0, "the calendar is too long"));
        }
        let mut named = None;
        let mut weekend = None;
        let mut years = BTreeSet::new();
        let mut exceptions = BTreeMap::new();
        let mut last_year = None;
        for (at, line) in text.lines().enumerate() {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            match words.as_slice() {
                [] => {}
                [comment, ..] if comment.starts_with('#') => {}
                ["calendar", name, edition] if named.is_none() => {
                    let fits = (1..=16).contains(&name.len())
                        && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
                    let edition = edition.parse().ok().filter(|it: &u32| *it > 0);
                    let Some(edition) = edition.filter(|_| fits) else {
                        return Err(bad(at, "must be calendar, a name of a-z and _, and a number"));
                    };
                    named = Some(((*name).to_owned(), edition));
                }
                ["weekend", days @ ..] if weekend.is_none() => {
                    let day =
                        |word: &&str| Weekday::ALL.into_iter().find(|it| it.as_str() == *word);
                    let days: Option<BTreeSet<Weekday>> = days.iter().map(day).collect();
                    let days = days.filter(|it| it.len() < Weekday::ALL.len());
                    weekend = Some(
                        days.ok_or(bad(at, "must be days such as sat sun, and not all seven"))?,
                    );
                }
                ["year", year] => {
                    let year = year.parse().ok().filter(|it| (1970..=9999).contains(it));
                    let year = year.ok_or(bad(at, "must be a year"))?;
                    if !years.insert(year) {
                        return Err(bad(at, "the year comes twice"));
                    }
                    last_year = Some(year);
                }
                [day, kind @ ("off" | "work"), ..] => {
                    let day = Date::parse(day).map_err(|_| bad(at, "must be a day"))?;
                    if last_year != Some(day.year()) {
                        return Err(bad(at, "must stand under its year"));
                    }
                    if exceptions.insert(day, *kind == "work").is_some() {
                        return Err(bad(at, "the day comes twice"));
                    }
                }
                _ => return Err(bad(at, "must be calendar, weekend, year, or a day off or work")),
            }
        }
        let (name, edition) = named.ok_or(bad(0, "the calendar has no name"))?;
        let weekend = weekend.ok_or(bad(0, "the calendar names no weekend"))?;
        let digest = sha256_hex(text.as_bytes());
        Ok(Self { name, edition, digest, weekend, years, exceptions })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its number: one that knows more, or knows better, has a higher one.
    pub fn edition(&self) -> u32 {
        self.edition
    }

    /// SHA-256 of its text, in hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The years it knows.
    pub fn years(&self) -> impl Iterator<Item = i32> + '_ {
        self.years.iter().copied()
    }

    /// Whether it is a business day.
    ///
    /// # Errors
    ///
    /// [`YearUnknown`]: it does not guess.
    pub fn is_business_day(&self, day: Date) -> Result<bool, YearUnknown> {
        let year = day.year();
        if !self.years.contains(&year) {
            return Err(YearUnknown { calendar: self.name.clone(), year });
        }
        let weekday = || !self.weekend.contains(&day.weekday());
        Ok(self.exceptions.get(&day).copied().unwrap_or_else(weekday))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        Date::parse(text).unwrap()
    }

    #[test]
    fn china_s_days_are_as_the_state_council_published_them() {
        let china = Calendar::parse(CHINA).unwrap();
        assert_eq!((china.name(), china.edition()), ("cn", 1));
        assert_eq!(china.years().collect::<Vec<_>>(), [2024, 2025, 2026]);
        for (text, business) in [
            ("2024-02-09", true),  // New Year's Eve of the year of the dragon
            ("2024-02-10", false), // Saturday, and the Spring Festival
            ("2024-02-18", true),  // Sunday, worked
            ("2025-01-26", true),  // Sunday, worked
            ("2025-09-28", true),  // Sunday, worked
            ("2025-10-08", false),
            ("2026-01-02", false),
            ("2026-01-04", true),  // Sunday, worked
            ("2026-02-14", true),  // Saturday, worked
            ("2026-02-15", false), // Sunday
            ("2026-02-23", false), // Monday, Spring Festival
            ("2026-02-24", true),
            ("2026-11-28", false), // an ordinary Saturday
            ("2026-11-30", true),
        ] {
            assert_eq!(china.is_business_day(day(text)), Ok(business), "{text}");
        }
    }

    /// As `chinesecalendar` 1.11.0 and `holidays` 0.109 of PyPI count them, which agree.
    #[test]
    fn a_year_has_as_many_business_days_as_others_count() {
        let china = Calendar::parse(CHINA).unwrap();
        for (year, expected) in [(2024, 251), (2025, 248), (2026, 248)] {
            let first = Date::new(year, 1, 1).unwrap();
            let days = (0..366).map(|it| first.plus_days(it)).filter(|it| it.year() == year);
            let business = days.filter(|it| china.is_business_day(*it).unwrap()).count();
            assert_eq!(business, expected, "{year}");
        }
    }

    #[test]
    fn a_year_that_is_not_there_is_not_guessed() {
        let china = Calendar::parse(CHINA).unwrap();
        for text in ["2027-01-01", "2027-06-09", "2023-12-29"] {
            let year = day(text).year();
            let unknown = YearUnknown { calendar: "cn".to_owned(), year };
            assert_eq!(china.is_business_day(day(text)), Err(unknown));
        }
    }

    #[test]
    fn the_digest_is_the_text_s() {
        let amended = format!("{CHINA}# by notice\n");
        let (one, other) = (Calendar::parse(CHINA).unwrap(), Calendar::parse(&amended).unwrap());
        assert_eq!(one.digest(), sha256_hex(CHINA.as_bytes()));
        assert_ne!(one.digest(), other.digest());
    }

    #[test]
    fn a_text_that_is_not_a_calendar_is_refused_with_its_line() {
        let head = "calendar xx 1\nweekend fri sat\n";
        for (text, line) in [
            (String::new(), 1),
            ("weekend sat sun\n".to_owned(), 1),
            ("calendar xx 1\n".to_owned(), 1),
            ("calendar XX 1\nweekend sat\n".to_owned(), 1),
            ("calendar xx 0\nweekend sat\n".to_owned(), 1),
            ("calendar xx 1\nweekend sat caturday\n".to_owned(), 2),
            ("calendar xx 1\nweekend mon tue wed thu fri sat sun\n".to_owned(), 2),
            (format!("{head}weekend sat\n"), 3),
            (format!("{head}year 26\n"), 3),
            (format!("{head}year 2026\nyear 2026\n"), 4),
            (format!("{head}2026-01-01 off\n"), 3),
            (format!("{head}year 2026\n2027-01-01 off\n"), 4),
            (format!("{head}year 2026\n2026-02-30 off\n"), 4),
            (format!("{head}year 2026\n2026-01-01 off\n2026-01-01 work\n"), 5),
            (format!("{head}year 2026\n2026-01-01 open\n"), 4),
        ] {
            assert_eq!(Calendar::parse(&text).unwrap_err().line, line, "{text}");
        }
        assert!(Calendar::parse(&format!("{head}year 2026\n2026-01-01 off\n")).is_ok());
        // Nobody's weekend, as for a market that never closes.
        assert!(Calendar::parse("calendar xx 1\nweekend\n").is_ok());
    }
}
