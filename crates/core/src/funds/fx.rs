//! Orders that are priced in one currency and settled in another: rates, quotes, and what they make of an amount.
//!
//! A rate is an exact decimal, and of one direction: how many whole units of the currency that is settled there are
//! for one of the currency that is paid. None is turned round, for what a bank buys at is not what it sells at.
//! A quote fixes a rate for a merchant until a time, and is used once. Nothing here knows the time or a market.
//!
//! ```text
//!              used by an order
//!  active ──────────────────────▶ used
//!     │
//!     └── its time is over ─────▶ expired
//! ```
//!
//! Whatever is converted is rounded down to a minor unit of the settled currency: an order once, when its parts are
//! agreed, and a capture once. Refunds take their part of what that capture brought, see [`crate::order`].

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{FxQuoteId, MerchantId, OrderId};
use crate::money::{Currency, MAX_MINOR, Money};
use crate::time::Timestamp;

/// The most digits of a rate, and the most of them after the point: six more than the rates that banks print, and so
/// few that an amount times a rate, less its spread, is a whole number of 128 bits.
pub const MAX_RATE_DIGITS: u32 = 12;

/// The largest spread: a tenth. A larger one is a slip of the operator's.
pub const MAX_SPREAD_PPM: u32 = 100_000;

/// The longest that a rate stays good after it was put: a week, which has every holiday of a market in it.
pub const MAX_RATE_SECS: i64 = 7 * 86_400;

const PPM: u64 = 1_000_000;

/// How many units of one currency there are for one unit of another: an exact decimal of more than nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Rate {
    /// The digits, without the zeros that end them after the point.
    mantissa: u64,
    /// How many of them stand after the point.
    scale: u32,
}

/// The text is no rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be a decimal of more than zero such as 7.1234, of at most 12 digits, without sign and exponent"
)]
pub struct BadRate;

impl Rate {
    /// Reads a decimal such as `7.1234`.
    ///
    /// # Errors
    ///
    /// [`BadRate`] for anything else, such as `7,1`, `.5`, `1e3`, `07` or `0`.
    pub fn parse(text: &str) -> Result<Self, BadRate> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let is_plain = |it: &str| !it.is_empty() && it.bytes().all(|b| b.is_ascii_digit());
        let is_canonical = whole == "0" || !whole.starts_with('0');
        if !is_plain(whole) || !is_plain(decimals) || !is_canonical {
            return Err(BadRate);
        }
        let decimals = decimals.trim_end_matches('0');
        let scale = u32::try_from(decimals.len()).map_err(|_| BadRate)?;
        let digits = whole.trim_start_matches('0').len() + decimals.len();
        if digits > MAX_RATE_DIGITS as usize {
            return Err(BadRate);
        }
        match format!("{whole}{decimals}").parse() {
            Ok(mantissa) if mantissa > 0 => Ok(Self { mantissa, scale }),
            _ => Err(BadRate),
        }
    }

    /// The rate less a spread, exactly: it has up to six digits more.
    fn less(self, spread_ppm: u32) -> Self {
        let left = PPM - u64::from(spread_ppm.min(MAX_SPREAD_PPM));
        // At most 10^12 times 10^6, which 64 bits hold.
        let (mut mantissa, mut scale) = (self.mantissa * left, self.scale + 6);
        while scale > 0 && mantissa.is_multiple_of(10) {
            (mantissa, scale) = (mantissa / 10, scale - 1);
        }
        Self { mantissa, scale }
    }

    /// The value of an amount in the other currency, rounded down to a minor unit of it; the number of decimals of both
    /// is the standard's.
    ///
    /// `None` if it is more than a number holds.
    pub fn convert(self, amount: Money, to: Currency) -> Option<Money> {
        let power = |exponent: u32| 10_u128.checked_pow(exponent);
        let minor = u128::from(amount.minor().unsigned_abs());
        let up =
            minor.checked_mul(self.mantissa.into())?.checked_mul(power(to.exponent().into())?)?;
        let down = power(self.scale + u32::from(amount.currency().exponent()))?;
        Money::new(i64::try_from(up / down).ok()?, to).ok()
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = self.scale as usize;
        let digits = format!("{:0>width$}", self.mantissa, width = scale + 1);
        let (whole, decimals) = digits.split_at(digits.len() - scale);
        f.write_str(whole)?;
        if scale > 0 { write!(f, ".{decimals}") } else { Ok(()) }
    }
}

impl From<Rate> for String {
    fn from(rate: Rate) -> Self {
        rate.to_string()
    }
}

impl TryFrom<String> for Rate {
    type Error = BadRate;

    fn try_from(text: String) -> Result<Self, BadRate> {
        Self::parse(&text)
    }
}

/// How long a quote fixes its rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lock {
    /// Five minutes.
    FiveMinutes,
    /// An hour.
    Hour,
    /// A day.
    Day,
}

impl Lock {
    /// Each by its word of the API.
    pub const ALL: [(&'static str, Self); 3] =
        [("five_minutes", Self::FiveMinutes), ("hour", Self::Hour), ("day", Self::Day)];

    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FiveMinutes => "five_minutes",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    fn secs(self) -> i64 {
        match self {
            Self::FiveMinutes => 300,
            Self::Hour => 3_600,
            Self::Day => 86_400,
        }
    }
}

/// A rate of the market, as the operator or a source put it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketRate {
    /// The currency that is paid.
    pub from: Currency,
    /// The currency that is settled.
    pub to: Currency,
    /// As many of `to` for one of `from`.
    pub rate: Rate,
    /// The spread of each lock that is offered, in parts per million of the rate; at most [`MAX_SPREAD_PPM`].
    pub spreads: Spreads,
    /// Where it is from.
    pub source: String,
    /// When it was put.
    pub at: Timestamp,
    /// From when on it is stale.
    pub valid_until: Timestamp,
}

/// The spread of each lock, in parts per million; a lock without one is not offered. The longer the lock the more it
/// costs to keep it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spreads {
    /// Of five minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub five_minutes: Option<u32>,
    /// Of an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hour: Option<u32>,
    /// Of a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<u32>,
}

impl Spreads {
    /// The spread of a lock, if it is offered.
    pub fn of(&self, lock: Lock) -> Option<u32> {
        match lock {
            Lock::FiveMinutes => self.five_minutes,
            Lock::Hour => self.hour,
            Lock::Day => self.day,
        }
    }
}

impl MarketRate {
    /// Checks what was put.
    ///
    /// # Errors
    ///
    /// [`BadMarketRate`].
    pub fn check(&self) -> Result<(), BadMarketRate> {
        let spreads = Lock::ALL.map(|(_, lock)| self.spreads.of(lock));
        let life = self.valid_until.as_ms() - self.at.as_ms();
        let is_over = |it: u32| it > MAX_SPREAD_PPM;
        match () {
            () if self.from == self.to => Err(BadMarketRate::SameCurrency),
            () if spreads.iter().all(Option::is_none) => Err(BadMarketRate::NoLock),
            () if spreads.into_iter().flatten().any(is_over) => Err(BadMarketRate::Spread),
            () if !(1..=MAX_RATE_SECS * 1000).contains(&life) => Err(BadMarketRate::Life),
            () => Ok(()),
        }
    }
}

/// The fault of a rate that is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadMarketRate {
    /// From a currency to itself.
    #[error("a rate is of two currencies")]
    SameCurrency,
    /// No lock has a spread.
    #[error("at least one lock needs a spread: five_minutes, hour or day")]
    NoLock,
    /// A spread is over [`MAX_SPREAD_PPM`].
    #[error("a spread is at most 100000 parts per million")]
    Spread,
    /// It is good for no time, or for more than [`MAX_RATE_SECS`].
    #[error("a rate is good for at least a moment and at most a week")]
    Life,
}

/// A rate that is fixed for a merchant until a time, for one order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Its id.
    pub id: FxQuoteId,
    /// Whose it is.
    pub merchant: MerchantId,
    /// The currency that is paid.
    pub from: Currency,
    /// The currency that is settled.
    pub to: Currency,
    /// The market's rate.
    pub base_rate: Rate,
    /// The part of that which is ours, in parts per million.
    pub spread_ppm: u32,
    /// How long it is fixed.
    pub lock: Lock,
    /// Where the market's rate is from.
    pub source: String,
    /// When that was put.
    pub rate_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is good for nothing.
    pub expires_at: Timestamp,
    /// The order that used it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<QuoteUse>,
}

/// By what a quote was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuoteUse {
    /// The order.
    pub order: OrderId,
    /// When.
    pub at: Timestamp,
}

/// Why there is no quote, or why it cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FxRefusal {
    /// Nobody put a rate of these currencies in this direction.
    #[error("there is no rate from {from} to {to}")]
    NoRate {
        /// The currency that is paid.
        from: Currency,
        /// The currency that is settled.
        to: Currency,
    },
    /// The last one that was put is too old.
    #[error("the rate that was put last is too old")]
    Stale {
        /// Since when.
        since: Timestamp,
    },
    /// The rate has no spread for this lock.
    #[error("the rate is not offered with this lock")]
    LockNotOffered,
    /// The quote was used.
    #[error("the quote was used by {order}")]
    Used {
        /// The order.
        order: OrderId,
    },
    /// The quote's time is over.
    #[error("the quote has expired")]
    Expired,
    /// The order is in another currency than the quote.
    #[error("the quote is for orders in {expected}")]
    Currency {
        /// The currency that the quote is for.
        expected: Currency,
    },
    /// The amount is less than a minor unit of the settled currency, or more than anybody asks for.
    #[error("the amount is nothing, or too much, in {to}")]
    Amount {
        /// The currency that is settled.
        to: Currency,
    },
}

impl Quote {
    /// A quote by the rate as it was put last.
    ///
    /// # Errors
    ///
    /// [`FxRefusal::Stale`], [`FxRefusal::LockNotOffered`].
    pub fn offer(
        id: FxQuoteId,
        merchant: MerchantId,
        market: &MarketRate,
        lock: Lock,
        now: Timestamp,
    ) -> Result<Self, FxRefusal> {
        if now >= market.valid_until {
            return Err(FxRefusal::Stale { since: market.valid_until });
        }
        let spread_ppm = market.spreads.of(lock).ok_or(FxRefusal::LockNotOffered)?;
        Ok(Self {
            id,
            merchant,
            from: market.from,
            to: market.to,
            base_rate: market.rate,
            spread_ppm,
            lock,
            source: market.source.clone(),
            rate_at: market.at,
            created_at: now,
            expires_at: now.plus_secs(lock.secs()),
            used: None,
        })
    }

    /// The status as the API names it.
    pub fn status(&self, now: Timestamp) -> &'static str {
        match &self.used {
            Some(_) => "used",
            None if now >= self.expires_at => "expired",
            None => "active",
        }
    }

    /// The rate that the merchant gets.
    pub fn rate(&self) -> Rate {
        self.base_rate.less(self.spread_ppm)
    }

    /// The conversion of an order of an amount by it, if it can be used for one now.
    ///
    /// # Errors
    ///
    /// [`FxRefusal::Used`], [`FxRefusal::Expired`], [`FxRefusal::Currency`], [`FxRefusal::Amount`].
    pub fn check(&self, amount: Money, now: Timestamp) -> Result<Conversion, FxRefusal> {
        if let Some(used) = &self.used {
            return Err(FxRefusal::Used { order: used.order.clone() });
        }
        if now >= self.expires_at {
            return Err(FxRefusal::Expired);
        }
        if amount.currency() != self.from {
            return Err(FxRefusal::Currency { expected: self.from });
        }
        let conversion = self.conversion();
        let bounds = 1..=MAX_MINOR;
        // The market's rate is the larger one.
        let fits = conversion.whole(amount).is_some_and(|it| bounds.contains(&it.minor()))
            && conversion.value(amount).is_some_and(|it| bounds.contains(&it.minor()));
        if fits { Ok(conversion) } else { Err(FxRefusal::Amount { to: self.to }) }
    }

    /// The quote, used by an order.
    ///
    /// # Errors
    ///
    /// [`FxRefusal::Used`] if it was used by another.
    pub fn used_by(self, order: OrderId, at: Timestamp) -> Result<Self, FxRefusal> {
        match self.used {
            Some(used) if used.order != order => Err(FxRefusal::Used { order: used.order }),
            _ => Ok(Self { used: Some(QuoteUse { order, at }), ..self }),
        }
    }

    /// The part of it that the terms of an order keep.
    pub fn conversion(&self) -> Conversion {
        Conversion {
            quote: self.id.clone(),
            currency: self.to,
            base_rate: self.base_rate,
            spread_ppm: self.spread_ppm,
        }
    }
}

/// How an order is settled in another currency than its own: as the quote said that it used. What follows from it
/// follows from the order alone, so the ledger is proved without the quote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversion {
    /// The quote.
    pub quote: FxQuoteId,
    /// The currency that is settled.
    pub currency: Currency,
    /// The market's rate.
    pub base_rate: Rate,
    /// The part of that which is ours, in parts per million.
    pub spread_ppm: u32,
}

impl Conversion {
    /// The rate that the merchant gets.
    pub fn rate(&self) -> Rate {
        self.base_rate.less(self.spread_ppm)
    }

    /// The value of an amount to the merchant, rounded down.
    ///
    /// `None` if it is more than a number holds.
    pub fn value(&self, amount: Money) -> Option<Money> {
        self.rate().convert(amount, self.currency)
    }

    /// The value of an amount by the market's rate, rounded down.
    ///
    /// `None` if it is more than a number holds.
    pub fn whole(&self, amount: Money) -> Option<Money> {
        self.base_rate.convert(amount, self.currency)
    }

    /// Our part of that: what the merchant does not get.
    ///
    /// `None` if it is more than a number holds.
    pub fn spread(&self, amount: Money) -> Option<Money> {
        self.whole(amount)?.checked_sub(self.value(amount)?)
    }
}

/// The part of a conversion that a refund takes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConvertedBack {
    /// The merchant's side of it, less nothing: with the part of the fee that comes back.
    pub value: Money,
    /// The part of our spread.
    pub spread: Money,
}

#[cfg(test)]
mod tests;
