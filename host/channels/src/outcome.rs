//! The outcome of a call to a provider, and the shape of the tables of providers' errors.

use std::fmt;

use crate::http::NoAnswer;

/// The action to take on an error of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Query the payment or refund: the provider may have done it, now or earlier.
    Query,
    /// Send the same call with the same number again after a pause: it was not done.
    Repeat,
    /// It was not done, and a repeat changes nothing.
    GiveUp,
}

impl Advice {
    /// The advice as the tables in docs/channel-errors.md name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Repeat => "repeat",
            Self::GiveUp => "give up",
        }
    }
}

/// One code of a provider.
#[derive(Clone, Copy, Debug)]
pub struct ErrorRow {
    /// The code as the provider sends it.
    pub code: &'static str,
    /// Our stable word for it, in orders and refunds.
    pub word: &'static str,
    /// The action to take.
    pub advice: Advice,
    /// The meaning, in English.
    pub english: &'static str,
    /// The meaning, in Chinese.
    pub chinese: &'static str,
}

/// A provider's word that it did not do what it was asked.
#[derive(Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The provider's code.
    pub code: String,
    /// Our stable word for it.
    pub word: &'static str,
    /// The provider's message, for logs. It may name the shopper, so it is not part of `Debug`.
    pub message: String,
    /// The action to take.
    pub advice: Advice,
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal")
            .field("code", &self.code)
            .field("word", &self.word)
            .field("advice", &self.advice)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.word, self.code)
    }
}

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The request was not sent: nothing can have happened.
    #[error("not sent: {0}")]
    NotSent(String),
    /// The provider answered that it did not do it.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// Nobody knows whether it was done: query, or send the same again.
    #[error("unknown: {0}")]
    Unknown(String),
    /// The provider's answer is about something else than what was asked. A person must look.
    #[error("the answer's {field} is not the one that was asked about")]
    Mismatch {
        /// The member that differs.
        field: &'static str,
    },
}

impl From<NoAnswer> for CallError {
    fn from(error: NoAnswer) -> Self {
        match error {
            NoAnswer::NotSent(reason) => Self::NotSent(reason),
            NoAnswer::Unknown(reason) => Self::Unknown(reason),
        }
    }
}

impl CallError {
    /// Whether the provider certainly did not do what it was asked: another channel may be tried.
    pub fn is_certain(&self) -> bool {
        match self {
            Self::NotSent(_) => true,
            Self::Refused(refusal) => refusal.advice != Advice::Query,
            Self::Unknown(_) | Self::Mismatch { .. } => false,
        }
    }

    /// Our word for the refusal; none for anything else.
    pub fn word(&self) -> &'static str {
        self.refusal().map_or("", |refusal| refusal.word)
    }

    /// A call that the provider would refuse: it was not sent, and never will be.
    pub fn unsendable(why: &dyn fmt::Display) -> Self {
        Self::Refused(Refusal {
            code: why.to_string(),
            word: "invalid_request",
            message: String::new(),
            advice: Advice::GiveUp,
        })
    }

    /// The refusal, if it is one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}

/// Finds a code in a table. What is not in it is unknown: [`Advice::Query`].
pub fn refusal(table: &[ErrorRow], code: &str, message: &str) -> Refusal {
    let row = table.iter().find(|row| row.code == code);
    Refusal {
        code: code.chars().take(64).collect(),
        word: row.map_or("channel_error", |row| row.word),
        message: message.chars().take(256).collect(),
        advice: row.map_or(Advice::Query, |row| row.advice),
    }
}
