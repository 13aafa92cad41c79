//! The fee of a payment: a rate by the volume of the month before, less a discount for the merchant's industry, or a
//! promotion's rate until it ends or its quota is used.
//!
//! ```text
//!  fee = round(covered × promotion's rate + the rest × ordinary rate) + fixed, at least min, at most cap and amount
//! ```
//!
//! The ordinary rate is one fraction of whole numbers: of the tier that the volume reached (`volume`), or what all of
//! that volume would cost on average with each slice at its tier's rate (`graduated`); then less the discount, never
//! below zero. It is rounded once, at the end, as the schedule says. What was looked up for it (volume, industry, what
//! a promotion covers) is the fee's [`FeeBasis`], kept with the order: the same schedule and basis give the same fee.

pub(super) mod judged;

use serde::{Deserialize, Serialize};

use super::date::Date;
use super::month::Month;
use crate::money::{Currency, MAX_MINOR};
use crate::policy::answer::is_code;
use crate::policy::validate::{fee_schedules, length, require};
use crate::policy::{FeeSchedule, PPM, PolicyError, Profile, Rounding};
use crate::time::Timestamp;

/// How many tiers a schedule may have above the first.
pub const MAX_TIERS: usize = 20;
/// How many industries a schedule may name.
pub const MAX_DISCOUNTS: usize = 50;
/// The longest name of a promotion.
pub const MAX_PROMOTION: usize = 32;

/// The fee of payments in one currency. All but the rates in minor units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PaymentFee {
    pub(super) currency: Currency,
    /// Parts per million of the amount; of the first tier, if there are tiers.
    pub(super) rate_ppm: u32,
    #[serde(default)]
    pub(super) fixed: i64,
    #[serde(default)]
    pub(super) min: i64,
    #[serde(default)]
    pub(super) cap: Option<i64>,
    pub(super) rounding: Rounding,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tiers: Option<Tiers>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) discounts: Vec<Discount>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) promotion: Option<Promotion>,
}

/// Rates by the volume of the month before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tiers {
    pub(super) mode: TierMode,
    /// The tiers above the first, rising.
    pub(super) steps: Vec<Tier>,
}

/// How tiers make a rate. There is no default: which one is meant has to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TierMode {
    /// Each slice of the volume has its tier's rate, and a payment the average of them.
    Graduated,
    /// The whole has the rate of the tier that the volume reached.
    Volume,
}

/// A tier: the rate from this volume on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tier {
    pub(super) from: i64,
    pub(super) rate_ppm: u32,
}

/// A discount for an industry: so much is taken off the rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Discount {
    /// The merchant category code, ISO 18245.
    pub(super) category: u16,
    pub(super) off_ppm: u32,
}

/// Another rate until an end, for a quota, or both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Promotion {
    /// Its uses are counted under this name, whatever contract carries it on.
    pub(super) name: String,
    pub(super) rate_ppm: u32,
    /// It holds for orders that are made before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<Instant>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) quota: Option<Quota>,
}

/// How much of a promotion there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Quota {
    /// For so many payments.
    Payments(u64),
    /// For so many minor units of payments. Of one that goes beyond, the part within is covered.
    Minor(i64),
}

/// A second in UTC, written as `2027-01-31T16:00:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Instant(Timestamp);

/// The basis of a fee, besides the amount and the contract.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FeeBasis {
    /// The volume of the month before, where there are tiers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<Volume>,
    /// The merchant's industry, where there are discounts: its category code, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<u16>,
    /// The part of the payment that a promotion covers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promotion: Option<Promoted>,
}

/// The volume of a month: what was captured in it less what was refunded and voided, in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// The month, in the zone of the contract.
    pub month: Month,
    /// From 0 to [`MAX_MINOR`].
    pub minor: i64,
    /// As the ledger had it after this entry.
    pub as_of: u64,
}

/// The part of a payment that a promotion covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promoted {
    /// The promotion.
    pub name: String,
    /// In minor units; more than zero.
    pub minor: i64,
}

/// How much of a promotion is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// How many payments it covers a part of.
    pub payments: u64,
    /// Their covered parts, in minor units.
    pub minor: i64,
}

/// Facts to be looked up before a payment has its fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeNeeds<'c> {
    /// The volume of the month before.
    pub volume: bool,
    /// How much is used of the promotion of this name.
    pub promotion: Option<&'c str>,
}

/// A fee that cannot be of the schedule that it is said to be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its fee was worked out from {0}")]
pub struct BadBasis(pub(super) &'static str);

impl FeeBasis {
    /// Whether nothing was looked up.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// A rate as a fraction of whole numbers, in parts per million. Neither is below zero, and the lower one is above it.
#[derive(Clone, Copy, Debug)]
struct Rate {
    dividend: i128,
    divisor: i128,
}

impl PaymentFee {
    /// The facts to look up for an order that is made then.
    pub(super) fn needs(&self, at: Timestamp) -> FeeNeeds<'_> {
        let promotion = self.promotion.as_ref().filter(|it| it.is_on(at));
        FeeNeeds { volume: self.tiers.is_some(), promotion: promotion.map(|it| it.name.as_str()) }
    }

    /// The basis of the fee of an order that is made then.
    pub(super) fn basis(
        &self,
        amount: i64,
        at: Timestamp,
        volume: Option<Volume>,
        category: Option<u16>,
        used: Used,
    ) -> FeeBasis {
        let volume = volume.filter(|_| self.tiers.is_some());
        let category = category.filter(|_| !self.discounts.is_empty());
        let ordinary = self.rate(volume.map_or(0, |it| it.minor), category);
        let promotion = self.promotion.as_ref().filter(|it| it.is_on(at));
        // It is used where its rate is lower, whatever min and cap make of that: so what one contract uses of a quota
        // and another does not can be told from their rates.
        let promotion = promotion.filter(|it| ordinary.is_above(it.rate_ppm)).and_then(|it| {
            let minor = it.covers(amount, used);
            (minor > 0).then(|| Promoted { name: it.name.clone(), minor })
        });
        FeeBasis { volume, category, promotion }
    }

    /// The fee of an amount, in minor units.
    ///
    /// # Errors
    ///
    /// [`BadBasis`] if no basis of this schedule's could be that one.
    pub(super) fn fee(&self, amount: i64, basis: &FeeBasis) -> Result<i64, BadBasis> {
        let FeeBasis { volume, category, promotion } = basis;
        if !(0..=MAX_MINOR).contains(&amount) {
            return Err(BadBasis("an amount that is none"));
        }
        if volume.is_some() != self.tiers.is_some() {
            return Err(BadBasis("a volume that it does not depend on, or without one"));
        }
        if volume.is_some_and(|it| !(0..=MAX_MINOR).contains(&it.minor)) {
            return Err(BadBasis("a volume that is none"));
        }
        if category.is_some() && self.discounts.is_empty() {
            return Err(BadBasis("an industry that it does not depend on"));
        }
        let Rate { dividend, divisor } = self.rate(volume.map_or(0, |it| it.minor), *category);
        let amount = i128::from(amount);
        let (covered, promoted) = match promotion {
            None => (0, 0),
            Some(Promoted { name, minor }) => {
                let own = self.promotion.as_ref().filter(|it| it.name == *name);
                let own = own.ok_or(BadBasis("a promotion that it does not have"))?;
                let covered = i128::from(*minor);
                let lower = i128::from(own.rate_ppm) * divisor < dividend;
                if !(1..=amount).contains(&covered) || !lower {
                    return Err(BadBasis("a promotion that does not cover it"));
                }
                (covered, i128::from(own.rate_ppm))
            }
        };
        // Amounts and volumes have 53 bits and a rate 20, so that a product of the three has 126.
        let sum = covered * promoted * divisor + (amount - covered) * dividend;
        let rated = self.rounding.divide(sum, divisor * PPM);
        let cap = i128::from(self.cap.unwrap_or(i64::MAX));
        let fee = (rated + i128::from(self.fixed)).max(self.min.into()).min(cap).min(amount);
        i64::try_from(fee).map_err(|_| BadBasis("more than a number holds"))
    }

    /// The ordinary rate.
    fn rate(&self, volume: i64, category: Option<u16>) -> Rate {
        let off = self.discounts.iter().find(|it| Some(it.category) == category);
        self.by_volume(volume).less(off.map_or(0, |it| it.off_ppm))
    }

    fn by_volume(&self, volume: i64) -> Rate {
        let Some(Tiers { mode, steps }) = &self.tiers else { return Rate::whole(self.rate_ppm) };
        let reached = || steps.iter().take_while(|it| it.from <= volume);
        match mode {
            TierMode::Volume => {
                Rate::whole(reached().last().map_or(self.rate_ppm, |it| it.rate_ppm))
            }
            TierMode::Graduated if volume <= 0 => Rate::whole(self.rate_ppm),
            TierMode::Graduated => {
                let (mut dividend, mut from, mut rate) = (0, 0, self.rate_ppm);
                for step in reached() {
                    dividend += i128::from(step.from - from) * i128::from(rate);
                    (from, rate) = (step.from, step.rate_ppm);
                }
                dividend += i128::from(volume - from) * i128::from(rate);
                Rate { dividend, divisor: volume.into() }
            }
        }
    }

    /// Without tiers, discounts and promotion.
    pub(super) fn plain(&self) -> FeeSchedule {
        let Self { currency, rate_ppm, fixed, min, cap, rounding, .. } = *self;
        FeeSchedule { currency, rate_ppm, fixed, min, cap, rounding }
    }
}

impl Rate {
    fn whole(ppm: u32) -> Self {
        Self { dividend: ppm.into(), divisor: 1 }
    }

    fn less(self, ppm: u32) -> Self {
        let dividend = self.dividend - i128::from(ppm) * self.divisor;
        Self { dividend: dividend.max(0), ..self }
    }

    fn is_above(self, ppm: u32) -> bool {
        self.dividend > i128::from(ppm) * self.divisor
    }
}

impl Promotion {
    fn is_on(&self, at: Timestamp) -> bool {
        self.until.is_none_or(|until| at < until.0)
    }

    /// As much of an amount as is covered.
    fn covers(&self, amount: i64, used: Used) -> i64 {
        match self.quota {
            None => amount,
            Some(Quota::Payments(most)) => {
                if used.payments < most {
                    amount
                } else {
                    0
                }
            }
            Some(Quota::Minor(most)) => most.saturating_sub(used.minor).clamp(0, amount),
        }
    }

    /// Whether so much is no more than there is.
    fn holds(&self, used: Used) -> bool {
        match self.quota {
            None => true,
            Some(Quota::Payments(most)) => used.payments <= most,
            Some(Quota::Minor(most)) => used.minor <= most,
        }
    }
}

impl PaymentFee {
    /// Whether a promotion of the name holds then, and so much of it may be used.
    ///
    /// # Errors
    ///
    /// [`BadBasis`].
    pub(super) fn check_promoted(&self, it: &Promoted, at: Timestamp) -> Result<(), BadBasis> {
        let own = self.promotion.as_ref().filter(|own| own.name == it.name);
        match own {
            Some(own) if own.is_on(at) => Ok(()),
            _ => Err(BadBasis("a promotion that was over")),
        }
    }

    /// Whether so much of its promotion is no more than there is.
    pub(super) fn holds(&self, name: &str, used: Used) -> Option<bool> {
        let own = self.promotion.as_ref().filter(|own| own.name == name)?;
        Some(own.holds(used))
    }
}

/// Checks the fees of payments, which stand at `list`.
///
/// # Errors
///
/// [`PolicyError`].
pub(super) fn check(list: &str, fees: &[PaymentFee]) -> Result<(), PolicyError> {
    let plain: Vec<FeeSchedule> = fees.iter().map(PaymentFee::plain).collect();
    fee_schedules(list, &plain, 0)?;
    for (index, fee) in fees.iter().enumerate() {
        let path = |field: &str| format!("{list}[{index}].{field}");
        let is_rate = |ppm: u32| i128::from(ppm) <= PPM;
        let no_rate = || format!("must be 0 to {PPM}");
        if let Some(Tiers { mode: _, steps }) = &fee.tiers {
            length(&path("tiers.steps"), steps.len(), 1, MAX_TIERS)?;
            let mut before = 0;
            for (step, Tier { from, rate_ppm }) in steps.iter().enumerate() {
                let path = |field: &str| path(&format!("tiers.steps[{step}].{field}"));
                let rises = (before + 1..=MAX_MINOR).contains(from);
                require(rises, &path("from"), || format!("must be above {before}"))?;
                require(is_rate(*rate_ppm), &path("rate_ppm"), no_rate)?;
                before = *from;
            }
        }
        length(&path("discounts"), fee.discounts.len(), 0, MAX_DISCOUNTS)?;
        for (number, Discount { category, off_ppm }) in fee.discounts.iter().enumerate() {
            let path = |field: &str| path(&format!("discounts[{number}].{field}"));
            let first = fee.discounts[..number].iter().all(|it| it.category != *category);
            require(first && *category <= Profile::MAX_CATEGORY, &path("category"), || {
                format!("must be 0 to {}, a code of ISO 18245, each once", Profile::MAX_CATEGORY)
            })?;
            require(*off_ppm > 0 && is_rate(*off_ppm), &path("off_ppm"), || {
                format!("must be 1 to {PPM}")
            })?;
        }
        if let Some(Promotion { name, rate_ppm, until, quota }) = &fee.promotion {
            let path = |field: &str| path(&format!("promotion.{field}"));
            require(is_code(name) && name.len() <= MAX_PROMOTION, &path("name"), || {
                format!("must be 1 to {MAX_PROMOTION} of a-z, 0-9 and _")
            })?;
            require(is_rate(*rate_ppm), &path("rate_ppm"), no_rate)?;
            require(until.is_some() || quota.is_some(), &path("until"), || {
                "is required of a promotion without a quota".to_owned()
            })?;
            let some = match quota {
                None => true,
                Some(Quota::Payments(most)) => (1..=MAX_MINOR.unsigned_abs()).contains(most),
                Some(Quota::Minor(most)) => (1..=MAX_MINOR).contains(most),
            };
            require(some, &path("quota"), || format!("must be 1 to {MAX_MINOR}"))?;
        }
    }
    Ok(())
}

impl From<Instant> for String {
    fn from(Instant(at): Instant) -> Self {
        let (days, secs) = (at.as_secs().div_euclid(86_400), at.as_secs().rem_euclid(86_400));
        let epoch =
            Date::parse("1970-01-01").map(|it| it.plus_days(i32::try_from(days).unwrap_or(0)));
        let day = epoch.map(|it| it.to_string()).unwrap_or_default();
        format!("{day}T{:02}:{:02}:{:02}Z", secs / 3600, secs / 60 % 60, secs % 60)
    }
}

impl TryFrom<String> for Instant {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        const WRONG: &str = "must be a second in UTC, such as 2027-01-31T16:00:00Z";
        let parts =
            text.split_once('T').and_then(|(day, time)| Some((day, time.strip_suffix('Z')?)));
        let (day, time) = parts.ok_or(WRONG)?;
        let (day, epoch) = (Date::parse(day), Date::parse("1970-01-01"));
        let days = day.map_err(|_| WRONG)?.days_since(epoch.map_err(|_| WRONG)?);
        let mut of_day = 0;
        let mut parts = time.split(':');
        for (size, most) in [(3600, 23), (60, 59), (1, 59)] {
            let part =
                parts.next().filter(|it| it.len() == 2 && it.bytes().all(|b| b.is_ascii_digit()));
            let number: i64 = part.and_then(|it| it.parse().ok()).ok_or(WRONG)?;
            if number > most {
                return Err(WRONG);
            }
            of_day += number * size;
        }
        match parts.next() {
            None => Ok(Self(Timestamp::from_secs(i64::from(days) * 86_400 + of_day))),
            Some(_) => Err(WRONG),
        }
    }
}

#[cfg(test)]
mod tests;
