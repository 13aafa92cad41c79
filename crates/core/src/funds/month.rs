//! A month of the calendar, without a zone.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A month of the Gregorian calendar, such as `2026-11`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Month {
    /// Months since January 1970.
    months: u32,
}

/// A text that is not a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a month such as 2026-11, from 1970-01 to 9999-12")]
pub struct BadMonth;

impl Month {
    /// The month of this year, 1 to 12.
    ///
    /// # Errors
    ///
    /// [`BadMonth`].
    pub fn new(year: u32, month: u32) -> Result<Self, BadMonth> {
        match (year, month) {
            (1970..=9999, 1..=12) => Ok(Self { months: (year - 1970) * 12 + month - 1 }),
            _ => Err(BadMonth),
        }
    }

    /// Reads `YYYY-MM`.
    ///
    /// # Errors
    ///
    /// [`BadMonth`].
    pub fn parse(text: &str) -> Result<Self, BadMonth> {
        let number = |part: &str, digits: usize| match part.len() == digits
            && part.bytes().all(|b| b.is_ascii_digit())
        {
            true => part.parse::<u32>().map_err(|_| BadMonth),
            false => Err(BadMonth),
        };
        let (year, month) = text.split_once('-').ok_or(BadMonth)?;
        Self::new(number(year, 4)?, number(month, 2)?)
    }

    /// The one after; the last is after itself.
    #[must_use]
    pub fn after(self) -> Self {
        const LAST: u32 = (9999 - 1970) * 12 + 11;
        Self { months: (self.months + 1).min(LAST) }
    }

    /// The one before; the first is before itself.
    #[must_use]
    pub fn before(self) -> Self {
        Self { months: self.months.saturating_sub(1) }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", 1970 + self.months / 12, self.months % 12 + 1)
    }
}

impl From<Month> for String {
    fn from(month: Month) -> Self {
        month.to_string()
    }
}

impl TryFrom<String> for Month {
    type Error = BadMonth;

    fn try_from(text: String) -> Result<Self, BadMonth> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_reads_back_and_has_one_before() {
        for (text, before) in [
            ("2026-11", "2026-10"),
            ("2027-01", "2026-12"),
            ("1970-01", "1970-01"),
            ("9999-12", "9999-11"),
        ] {
            // Both ends stay where they are.
            let month = Month::parse(text).unwrap();
            assert_eq!(
                (month.to_string(), month.before().to_string()),
                (text.into(), before.into())
            );
            assert!(month.before() == month || month.before().after() == month);
        }
        for text in
            ["2026-13", "2026-00", "1969-12", "2026-1", "+026-01", "2026/01", "2026-011", ""]
        {
            assert_eq!(Month::parse(text), Err(BadMonth), "{text}");
        }
    }
}
