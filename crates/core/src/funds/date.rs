//! A day of the calendar, without a zone and without a time.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A day of the Gregorian calendar, such as `2026-02-14`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date {
    /// Days since 1970-01-01.
    days: i32,
}

/// A text that is not a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a day such as 2026-02-14, from 1970-01-01 to 9999-12-31")]
pub struct BadDate;

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weekday {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl Weekday {
    /// All of them, from Monday.
    pub const ALL: [Self; 7] =
        [Self::Mon, Self::Tue, Self::Wed, Self::Thu, Self::Fri, Self::Sat, Self::Sun];

    /// Three lowercase letters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mon => "mon",
            Self::Tue => "tue",
            Self::Wed => "wed",
            Self::Thu => "thu",
            Self::Fri => "fri",
            Self::Sat => "sat",
            Self::Sun => "sun",
        }
    }
}

/// 9999-12-31, the last day that has four digits.
const LAST_DAY: i32 = 2_932_896;

impl Date {
    /// The day of this year, month and day of the month.
    ///
    /// # Errors
    ///
    /// [`BadDate`].
    pub fn new(year: i32, month: i32, day: i32) -> Result<Self, BadDate> {
        if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day)
        {
            return Err(BadDate);
        }
        // Days from civil: https://howardhinnant.github.io/date_algorithms.html
        let from_march = year - i32::from(month <= 2);
        let (era, of_era) = (from_march / 400, from_march % 400);
        let month_from_march = (month + 9) % 12;
        let of_year = (153 * month_from_march + 2) / 5 + day - 1;
        let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
        let date = Self { days };
        // The 31st of a month with thirty days comes out as the first of the next.
        if date.parts() == (year, month, day) { Ok(date) } else { Err(BadDate) }
    }

    /// Reads `YYYY-MM-DD`.
    ///
    /// # Errors
    ///
    /// [`BadDate`].
    pub fn parse(text: &str) -> Result<Self, BadDate> {
        let number = |part: Option<&str>| match part {
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().map_err(|_| BadDate)
            }
            _ => Err(BadDate),
        };
        if text.len() != 10 || text.get(4..5) != Some("-") || text.get(7..8) != Some("-") {
            return Err(BadDate);
        }
        Self::new(number(text.get(..4))?, number(text.get(5..7))?, number(text.get(8..))?)
    }

    /// Year, month and day of the month.
    pub fn parts(self) -> (i32, i32, i32) {
        let days = self.days + 719_468;
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        (year_of_era + era * 400 + i32::from(month <= 2), month, day)
    }

    /// The year.
    pub fn year(self) -> i32 {
        self.parts().0
    }

    /// The day of the week.
    pub fn weekday(self) -> Weekday {
        // 1970-01-01 was a Thursday.
        let from_monday = usize::try_from((self.days + 3).rem_euclid(7)).unwrap_or_default();
        Weekday::ALL[from_monday]
    }

    /// The day after so many days, or before; saturates at both ends.
    #[must_use]
    pub fn plus_days(self, days: i32) -> Self {
        Self { days: self.days.saturating_add(days).clamp(0, LAST_DAY) }
    }

    /// How many days lie from `other` to this one.
    pub fn days_since(self, other: Self) -> i32 {
        self.days - other.days
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.parts();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl From<Date> for String {
    fn from(date: Date) -> Self {
        date.to_string()
    }
}

impl TryFrom<String> for Date {
    type Error = BadDate;

    fn try_from(text: String) -> Result<Self, BadDate> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_reads_back_and_follows_the_one_before() {
        let mut before = Date::parse("1970-01-01").unwrap();
        assert_eq!((before.days, before.weekday()), (0, Weekday::Thu));
        let mut count = 1;
        loop {
            let next = before.plus_days(1);
            if next == before {
                break;
            }
            let (year, month, day) = next.parts();
            assert_eq!(Date::new(year, month, day), Ok(next));
            let (last_year, last_month, last_day) = before.parts();
            let follows = if day > 1 {
                (year, month, day - 1) == (last_year, last_month, last_day)
            } else if month > 1 {
                (year, month - 1) == (last_year, last_month)
            } else {
                (year - 1, 12, 31) == (last_year, last_month, last_day)
            };
            assert!(follows, "{before} {next}");
            (before, count) = (next, count + 1);
        }
        assert_eq!((before.to_string().as_str(), count), ("9999-12-31", LAST_DAY + 1));
    }

    #[test]
    fn only_a_day_that_exists_is_read() {
        for (text, day) in [
            ("2026-02-14", Some(Weekday::Sat)),
            ("2024-02-29", Some(Weekday::Thu)),
            ("2000-02-29", Some(Weekday::Tue)),
            ("2025-02-29", None),
            ("2100-02-29", None),
            ("2026-04-31", None),
            ("2026-00-10", None),
            ("2026-13-01", None),
            ("1969-12-31", None),
            ("2026-2-14", None),
            ("2026/02/14", None),
            ("+026-02-14", None),
            ("2026-02-14 ", None),
            ("２026-02-14", None),
            ("", None),
        ] {
            assert_eq!(Date::parse(text).ok().map(Date::weekday), day, "{text}");
        }
    }
}
