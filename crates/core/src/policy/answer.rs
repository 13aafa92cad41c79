//! What a plugin may answer. Every number that comes out of a sandbox passes here before the
//! gateway acts on it, the standard plugin's too.
//!
//! Owns the shape of a verdict and the bounds of all three answers; knows nothing of sandboxes.

use serde::{Deserialize, Serialize};

use super::OrderFacts;
use crate::money::Money;

/// The highest score. Scores are whole, from 0.
pub const MAX_SCORE: u16 = 1000;

/// The most reasons of one verdict. With [`MAX_CODE`] and [`MAX_MESSAGE`] the longest verdict is
/// below the 8 KiB that a plugin may answer.
pub const MAX_REASONS: usize = 8;

/// The longest code of a reason, in bytes.
pub const MAX_CODE: usize = 40;

/// The longest message of a reason, in characters.
pub const MAX_MESSAGE: usize = 200;

/// The most channels that one order can be routed to.
pub const MAX_CHANNELS: usize = 16;

/// What the risk hook says about an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Risk {
    /// What is to be done.
    pub verdict: Verdict,
    /// How bad it looks, at most [`MAX_SCORE`].
    pub score: u16,
    /// Why, at most [`MAX_REASONS`]; at least one unless the verdict is to accept.
    pub reasons: Vec<Reason>,
}

/// What is to be done with an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Take it.
    Accept,
    /// Take it, and have a person look at it before the goods leave.
    Review,
    /// Refuse it.
    Deny,
}

/// Why a verdict is what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// For programs: 1 to [`MAX_CODE`] of `a-z`, `0-9` and `_`.
    pub code: String,
    /// For people: 1 to [`MAX_MESSAGE`] characters, no control characters.
    pub message: String,
}

/// An answer that no order can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Nonsense {
    /// A score above [`MAX_SCORE`].
    #[error("a score of {0}, at most {MAX_SCORE} is possible")]
    Score(u16),
    /// More reasons than [`MAX_REASONS`].
    #[error("{0} reasons, at most {MAX_REASONS} are taken")]
    Reasons(usize),
    /// A code or message that is not of its form.
    #[error("reason {0} has a malformed code or message")]
    Reason(usize),
    /// A verdict to review or deny without a reason.
    #[error("a verdict other than accept needs a reason")]
    Unexplained,
    /// A fee in another currency than the order's.
    #[error("the fee is not in the order's currency")]
    FeeCurrency,
    /// A fee above the order's amount.
    #[error("the fee is more than the order's amount")]
    FeeAmount,
    /// More channels than [`MAX_CHANNELS`].
    #[error("{0} channels, at most {MAX_CHANNELS} are taken")]
    Channels(usize),
    /// A channel that the merchant's policy does not name.
    #[error("channel {0} is not in the merchant's policy")]
    UnknownChannel(usize),
    /// A channel that is listed twice.
    #[error("channel {0} is listed twice")]
    RepeatedChannel(usize),
}

/// Whether a risk hook's answer is within its bounds.
///
/// # Errors
///
/// The first bound that it breaks.
pub fn check_risk(risk: &Risk) -> Result<(), Nonsense> {
    let Risk { verdict, score, reasons } = risk;
    if *score > MAX_SCORE {
        return Err(Nonsense::Score(*score));
    }
    if reasons.len() > MAX_REASONS {
        return Err(Nonsense::Reasons(reasons.len()));
    }
    if let Some(index) =
        reasons.iter().position(|it| !is_code(&it.code) || !is_message(&it.message))
    {
        return Err(Nonsense::Reason(index));
    }
    if *verdict != Verdict::Accept && reasons.is_empty() {
        return Err(Nonsense::Unexplained);
    }
    Ok(())
}

/// The fee that a pricing hook answered, as money.
///
/// # Errors
///
/// If it is in another currency than the order or more than its amount.
pub fn check_fee(minor: u64, currency: &str, order: &OrderFacts) -> Result<Money, Nonsense> {
    if currency != order.amount.currency().code() {
        return Err(Nonsense::FeeCurrency);
    }
    i64::try_from(minor)
        .ok()
        .filter(|minor| *minor <= order.amount.minor())
        .and_then(|minor| Money::new(minor, order.amount.currency()).ok())
        .ok_or(Nonsense::FeeAmount)
}

/// Whether a routing hook's answer is a choice among the channels that are known. No channel at
/// all is an answer: nobody takes the order.
///
/// # Errors
///
/// The first bound that it breaks.
pub fn check_channels<'a>(
    channels: &[String],
    known: impl Iterator<Item = &'a str> + Clone,
) -> Result<(), Nonsense> {
    if channels.len() > MAX_CHANNELS {
        return Err(Nonsense::Channels(channels.len()));
    }
    for (index, channel) in channels.iter().enumerate() {
        if !known.clone().any(|it| it == channel) {
            return Err(Nonsense::UnknownChannel(index));
        }
        if channels[..index].contains(channel) {
            return Err(Nonsense::RepeatedChannel(index));
        }
    }
    Ok(())
}

/// 1 to [`MAX_CODE`] of `a-z`, `0-9` and `_`.
pub(super) fn is_code(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    (1..=MAX_CODE).contains(&text.len()) && text.bytes().all(allowed)
}

/// 1 to [`MAX_MESSAGE`] characters, no control characters.
pub(super) fn is_message(text: &str) -> bool {
    // A character has at most four bytes, so an over-long text is not counted to its end.
    text.len() <= MAX_MESSAGE * 4
        && (1..=MAX_MESSAGE).contains(&text.chars().count())
        && !text.chars().any(char::is_control)
}
