//! A time of the day that ends it.

use serde::{Deserialize, Serialize};

/// A time of the day that ends it, such as `16:00`, or `24:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LocalTime {
    pub(super) minutes: u16,
}

/// A text that is not a time of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a time of the day such as 16:00, from 00:01 to 24:00")]
pub struct BadTime;

impl LocalTime {
    /// Reads `HH:MM`.
    ///
    /// # Errors
    ///
    /// [`BadTime`].
    pub fn parse(text: &str) -> Result<Self, BadTime> {
        let number = |part: &str| match part.len() {
            2 if part.bytes().all(|b| b.is_ascii_digit()) => part.parse::<u16>().ok(),
            _ => None,
        };
        let (hour, minute) = text.split_once(':').ok_or(BadTime)?;
        match (number(hour), number(minute)) {
            (Some(24), Some(0)) => Ok(Self { minutes: 24 * 60 }),
            (Some(0), Some(0)) => Err(BadTime),
            (Some(hour @ 0..=23), Some(minute @ 0..=59)) => {
                Ok(Self { minutes: hour * 60 + minute })
            }
            _ => Err(BadTime),
        }
    }

    /// The hour, 0 to 24.
    pub fn hour(self) -> u16 {
        self.minutes / 60
    }

    /// The minute of the hour.
    pub fn minute(self) -> u16 {
        self.minutes % 60
    }
}

impl std::fmt::Display for LocalTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02}:{:02}", self.hour(), self.minute())
    }
}

impl From<LocalTime> for String {
    fn from(time: LocalTime) -> Self {
        time.to_string()
    }
}

impl TryFrom<String> for LocalTime {
    type Error = BadTime;

    fn try_from(text: String) -> Result<Self, BadTime> {
        Self::parse(&text)
    }
}
