//! Amounts of money: whole minor units of an ISO 4217 currency, and nothing else.
//!
//! Never a float, never a guess at the number of decimals, never a silent overflow.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A currency of ISO 4217 that has a minor unit.
///
/// Codes without one (gold, tests, units of account such as `XAU`, `XXX`, `XDR`) are refused: an
/// amount in them has no defined unit. So are currencies that another one took the place of, such
/// as `HRK`: nobody can pay in them any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
pub struct Currency(iso_currency::Currency);

/// The code is not an active ISO 4217 currency with a minor unit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown currency: an ISO 4217 code of three capitals with a minor unit is needed, such as CNY"
)]
pub struct UnknownCurrency;

impl Currency {
    /// The currency of a code of three capitals, such as `CNY`.
    ///
    /// # Errors
    ///
    /// An unknown code is an error and never "two decimals".
    pub fn from_code(code: &str) -> Result<Self, UnknownCurrency> {
        if !code.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(UnknownCurrency);
        }
        iso_currency::Currency::from_code(code)
            .filter(|currency| currency.exponent().is_some() && !is_withdrawn(*currency))
            .map(Self)
            .ok_or(UnknownCurrency)
    }

    /// The code of three capitals.
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// How many decimals the minor unit has: 2 for CNY, 0 for JPY, 3 for KWD.
    pub fn exponent(self) -> u16 {
        self.0.exponent().unwrap_or_default()
    }
}

/// The crate counts `VES` as superseded by `VED`, which stands beside it: ISO 4217 lists both.
fn is_withdrawn(currency: iso_currency::Currency) -> bool {
    currency != iso_currency::Currency::VES && currency.is_superseded().is_some()
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl From<Currency> for &'static str {
    fn from(currency: Currency) -> Self {
        currency.code()
    }
}

impl TryFrom<String> for Currency {
    type Error = UnknownCurrency;

    fn try_from(code: String) -> Result<Self, Self::Error> {
        Self::from_code(&code)
    }
}

/// A non-negative amount in minor units of its currency: 12800 CNY is 128 yuan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Money {
    minor: i64,
    currency: Currency,
}

/// The amount is below zero.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an amount is a non-negative whole number of minor units")]
pub struct NegativeAmount;

/// The largest amount that anybody asks for: the last whole number that every reader of JSON reads as
/// it was written, 2^53 - 1 (RFC 8259, section 6).
pub const MAX_MINOR: i64 = (1 << 53) - 1;

impl Money {
    /// `minor` units of `currency`.
    ///
    /// # Errors
    ///
    /// A negative amount is an error: direction is the ledger's word, not the amount's sign.
    pub fn new(minor: i64, currency: Currency) -> Result<Self, NegativeAmount> {
        if minor < 0 {
            return Err(NegativeAmount);
        }
        Ok(Self { minor, currency })
    }

    /// Nothing, in `currency`.
    pub fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// The number of minor units, zero or more.
    pub fn minor(self) -> i64 {
        self.minor
    }

    /// The currency of the units.
    pub fn currency(self) -> Currency {
        self.currency
    }

    /// `None` if the currencies differ or the sum overflows.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        if self.currency != other.currency {
            return None;
        }
        Some(Self { minor: self.minor.checked_add(other.minor)?, ..self })
    }

    /// `None` if the currencies differ or `other` is more than `self`.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        if self.currency != other.currency {
            return None;
        }
        Self::new(self.minor.checked_sub(other.minor)?, self.currency).ok()
    }

    /// `part` of `whole` of this amount, rounded down: the share of a fee of 77 that belongs to
    /// 6000 of 12800 is 36.
    ///
    /// `None` if a currency differs, or `part` is more than `whole`. Of nothing it is all.
    pub fn share(self, part: Self, whole: Self) -> Option<Self> {
        if self.currency != whole.currency {
            return None;
        }
        self.in_ratio(part, whole)
    }

    /// As [`Money::share`] of parts in a currency of their own: as much of what a payment in dollars brought in
    /// yuan as a part of these dollars is of them all.
    ///
    /// `None` if the currencies of part and whole differ, or `part` is more than `whole`.
    pub fn in_ratio(self, part: Self, whole: Self) -> Option<Self> {
        whole.checked_sub(part)?;
        if whole.minor == 0 {
            return Some(self);
        }
        let minor = i128::from(self.minor) * i128::from(part.minor) / i128::from(whole.minor);
        Self::new(i64::try_from(minor).ok()?, self.currency).ok()
    }

    /// This amount in parts that are in proportion to `weights`, to the unit: each rounded down, and
    /// what is left over a unit each to the largest remainders, of those that are alike to the first.
    /// No part is more than its weight unless the amount is more than all of them.
    ///
    /// `None` if a currency differs, or something is to be parted by weights of nothing.
    pub fn apportioned(self, weights: &[Self]) -> Option<Vec<Self>> {
        let whole =
            weights.iter().try_fold(Self::zero(self.currency), |sum, it| sum.checked_add(*it))?;
        if whole.minor == 0 {
            return (self.minor == 0).then(|| vec![self; weights.len()]);
        }
        let whole = i128::from(whole.minor);
        let scaled = |it: &Self| i128::from(self.minor) * i128::from(it.minor);
        let mut parts: Vec<i128> = weights.iter().map(|it| scaled(it) / whole).collect();
        let left = i128::from(self.minor) - parts.iter().sum::<i128>();
        let mut by_remainder: Vec<usize> = (0..weights.len()).collect();
        by_remainder.sort_by_key(|at| std::cmp::Reverse(scaled(&weights[*at]) % whole));
        for at in by_remainder.into_iter().take(usize::try_from(left).ok()?) {
            parts[at] += 1;
        }
        let part = |minor: i128| Self::new(i64::try_from(minor).ok()?, self.currency).ok();
        parts.into_iter().map(part).collect()
    }
}

impl fmt::Display for Money {
    /// For logs and messages, such as `12800 CNY`: minor units, so that nobody reads it as yuan.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.minor, self.currency)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    minor: i64,
    currency: Currency,
}

impl TryFrom<Unchecked> for Money {
    type Error = NegativeAmount;

    fn try_from(it: Unchecked) -> Result<Self, Self::Error> {
        Self::new(it.minor, it.currency)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn currencies_have_the_exponent_of_the_standard() {
        for (code, exponent) in [
            ("CNY", 2),
            ("USD", 2),
            ("EUR", 2),
            ("JPY", 0),
            ("KRW", 0),
            ("VND", 0),
            ("ISK", 0),
            ("CLP", 0),
            ("UGX", 0),
            ("XOF", 0),
            ("XAF", 0),
            ("PYG", 0),
            ("KWD", 3),
            ("BHD", 3),
            ("JOD", 3),
            ("OMR", 3),
            ("TND", 3),
            ("IQD", 3),
            ("LYD", 3),
            ("CLF", 4),
            ("UYW", 4),
            ("IDR", 2),
            ("HUF", 2),
            ("TWD", 2),
            ("MRU", 2),
            ("MGA", 2),
        ] {
            let currency = Currency::from_code(code).unwrap();
            assert_eq!((currency.code(), currency.exponent()), (code, exponent));
        }
    }

    #[test]
    fn what_is_no_currency_with_a_minor_unit_is_refused() {
        for code in ["", "cny", "CN", "CNYY", "RMB", "XXX", "XAU", "XTS", "¥¥¥", "C Y", "BTC"] {
            assert_eq!(Currency::from_code(code), Err(UnknownCurrency), "{code}");
        }
    }

    #[test]
    fn arithmetic_is_checked() {
        let cny = |minor| Money::new(minor, Currency::from_code("CNY").unwrap()).unwrap();
        let jpy = Money::new(1, Currency::from_code("JPY").unwrap()).unwrap();
        assert_eq!(cny(1).checked_add(cny(2)), Some(cny(3)));
        assert_eq!(cny(i64::MAX).checked_add(cny(1)), None);
        assert_eq!(cny(1).checked_add(jpy), None);
        assert_eq!(cny(3).checked_sub(cny(3)), Some(cny(0)));
        assert_eq!(cny(3).checked_sub(cny(4)), None);
        assert_eq!(Money::new(-1, cny(0).currency()), Err(NegativeAmount));
        for (of, part, whole, share) in [
            (77, 6000, 12800, Some(36)),
            (77, 12800, 12800, Some(77)),
            (77, 0, 12800, Some(0)),
            (i64::MAX, i64::MAX - 1, i64::MAX, Some(i64::MAX - 1)),
            (77, 2, 1, None),
            (77, 0, 0, Some(77)),
        ] {
            assert_eq!(cny(of).share(cny(part), cny(whole)), share.map(cny), "{of} {part}/{whole}");
        }
        assert_eq!(cny(1).share(jpy, jpy), None);
    }

    proptest! {
        /// Checked sums are those of whole numbers without a bound, or none.
        #[test]
        fn sums_and_differences_are_exact(one in 0..=i64::MAX, other in 0..=i64::MAX) {
            let cny = |minor| Money::new(minor, Currency::from_code("CNY").unwrap()).unwrap();
            let exact = |minor: i128| i64::try_from(minor).ok().filter(|it| *it >= 0);
            let minor = |money: Option<Money>| money.map(Money::minor);
            let (a, b) = (i128::from(one), i128::from(other));
            prop_assert_eq!(minor(cny(one).checked_add(cny(other))), exact(a + b));
            prop_assert_eq!(minor(cny(one).checked_sub(cny(other))), exact(a - b));
        }

        /// A share is off by less than a unit, never more than its whole, and the shares of two parts
        /// lack at most a unit of that of both.
        #[test]
        fn a_share_is_rounded_down_and_loses_less_than_a_unit(
            of in 0..=i64::MAX, whole in 1..=i64::MAX, cuts in any::<[prop::sample::Index; 2]>(),
        ) {
            let cny = |minor| Money::new(minor, Currency::from_code("CNY").unwrap()).unwrap();
            let cut = |index: prop::sample::Index, most: i64| {
                let share = u64::try_from(index.index(1 << 30)).unwrap();
                i64::try_from((i128::from(most) * i128::from(share)) >> 30).unwrap()
            };
            let first = cut(cuts[0], whole);
            let second = cut(cuts[1], whole - first);
            let share = |part: i64| i128::from(cny(of).share(cny(part), cny(whole)).unwrap().minor());
            let exact = i128::from(of) * i128::from(first);
            let lost = exact - share(first) * i128::from(whole);
            prop_assert!((0..i128::from(whole)).contains(&lost));
            prop_assert!(share(first) <= i128::from(of));
            let both = share(first + second) - share(first) - share(second);
            prop_assert!((0..=1).contains(&both), "{both}");
            prop_assert_eq!(share(whole), i128::from(of));
        }
    }
}
