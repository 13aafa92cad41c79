//! Bounds of a plugin's answers. Every number that comes out of a sandbox passes here before the
//! gateway acts on it, the standard plugin's too.
//!
//! Owns the shape of a verdict and the bounds of all answers; knows nothing of sandboxes.

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

/// The most shares of one order.
pub const MAX_SHARES: usize = 16;

/// The longest name of a share's receiver, in bytes.
pub const MAX_RECEIVER: usize = 64;

/// The most extra columns of one order. Their names are codes, their values as long as a message.
pub const MAX_COLUMNS: usize = 8;

/// The risk hook's answer about an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Risk {
    /// The verdict on the order.
    pub verdict: Verdict,
    /// How bad it looks, at most [`MAX_SCORE`].
    pub score: u16,
    /// Why, at most [`MAX_REASONS`]; at least one unless the verdict is to accept.
    pub reasons: Vec<Reason>,
}

/// The risk verdict on an order.
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

/// A part of an order's money that is somebody else's than the merchant's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// The merchant's own name for who gets it: 1 to [`MAX_RECEIVER`] of letters, digits and
    /// `_ . : -`.
    pub receiver: String,
    /// How much; more than zero.
    pub amount: Money,
}

/// A value that stands beside an order in the merchant's books.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// 1 to [`MAX_CODE`] of `a-z`, `0-9` and `_`.
    pub name: String,
    /// At most [`MAX_MESSAGE`] characters, no control characters.
    pub value: String,
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
    /// More shares than [`MAX_SHARES`].
    #[error("{0} shares, at most {MAX_SHARES} are taken")]
    Shares(usize),
    /// A receiver's name that is not of its form.
    #[error("share {0} has a malformed receiver")]
    Receiver(usize),
    /// A receiver that has a share already.
    #[error("the receiver of share {0} has one already")]
    RepeatedReceiver(usize),
    /// A share of nothing.
    #[error("share {0} is of nothing")]
    EmptyShare(usize),
    /// Shares and fee together are more than the order's amount.
    #[error("share {0}, those before it and the fee are more than the order's amount")]
    ShareAmount(usize),
    /// More columns than [`MAX_COLUMNS`].
    #[error("{0} columns, at most {MAX_COLUMNS} are taken")]
    Columns(usize),
    /// A column whose name or value is not of its form.
    #[error("column {0} has a malformed name or value")]
    Column(usize),
    /// A column that is there already.
    #[error("column {0} has a name that another one has")]
    RepeatedColumn(usize),
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

/// The shares that a split hook answered, as receivers and minor units of the order's currency. What
/// they and the fee leave is the merchant's.
///
/// # Errors
///
/// The first bound that they break.
pub fn check_shares(
    shares: impl ExactSizeIterator<Item = (String, u64)>,
    fee: Money,
    order: &OrderFacts,
) -> Result<Vec<Share>, Nonsense> {
    if shares.len() > MAX_SHARES {
        return Err(Nonsense::Shares(shares.len()));
    }
    // The remainder: the fee is one of this order's, so it is at most the amount.
    let mut left = order.amount.checked_sub(fee).ok_or(Nonsense::ShareAmount(0))?;
    let mut taken: Vec<Share> = Vec::with_capacity(shares.len());
    for (index, (receiver, minor)) in shares.enumerate() {
        if !is_receiver(&receiver) {
            return Err(Nonsense::Receiver(index));
        }
        if taken.iter().any(|it| it.receiver == receiver) {
            return Err(Nonsense::RepeatedReceiver(index));
        }
        if minor == 0 {
            return Err(Nonsense::EmptyShare(index));
        }
        let amount = i64::try_from(minor)
            .ok()
            .and_then(|minor| Money::new(minor, order.amount.currency()).ok());
        let amount = amount.ok_or(Nonsense::ShareAmount(index))?;
        left = left.checked_sub(amount).ok_or(Nonsense::ShareAmount(index))?;
        taken.push(Share { receiver, amount });
    }
    Ok(taken)
}

/// Whether a statement hook's answer is within its bounds.
///
/// # Errors
///
/// The first bound that it breaks.
pub fn check_columns(columns: &[Column]) -> Result<(), Nonsense> {
    if columns.len() > MAX_COLUMNS {
        return Err(Nonsense::Columns(columns.len()));
    }
    for (index, Column { name, value }) in columns.iter().enumerate() {
        if !is_code(name) || !(value.is_empty() || is_message(value)) {
            return Err(Nonsense::Column(index));
        }
        if columns[..index].iter().any(|it| it.name == *name) {
            return Err(Nonsense::RepeatedColumn(index));
        }
    }
    Ok(())
}

/// 1 to [`MAX_RECEIVER`] of letters, digits and `_ . : -`, as in the merchant's own numbers.
pub fn is_receiver(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_.:-".contains(&b);
    (1..=MAX_RECEIVER).contains(&text.len()) && text.bytes().all(allowed)
}

/// 1 to [`MAX_CODE`] of `a-z`, `0-9` and `_`.
pub(crate) fn is_code(text: &str) -> bool {
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
