//! A merchant's contract: fees, the settlement cycle, and the limits of payouts.
//!
//! A contract has a number and a day from which on it is in force, and is never edited: what changes is
//! a new contract. One that is worse for the merchant in any case is announced [`NOTICE_SECS`] before;
//! one that is nowhere worse may be in force at once.

mod agreed;
mod differences;
mod local_time;
#[cfg(test)]
mod tests;

pub use agreed::{Agreed, NotAgreed};
pub use differences::Difference;
pub use local_time::{BadTime, LocalTime};
use serde::{Deserialize, Serialize};

use super::cycle::Cycle;
use super::payout::{Destination, PayoutRules};
use super::pricing::{self, BadBasis, FeeBasis, FeeNeeds, PaymentFee, Promoted, Used, Volume};
use crate::money::{Currency, MAX_MINOR, Money};
use crate::order::{Charges, MAX_RESERVE_DAYS, ReserveTerms};
use crate::policy::validate::{distinct, fee_schedules, length, non_negative, require};
use crate::policy::{FeeSchedule, PolicyError};
use crate::time::Timestamp;

/// The longest JSON form of a contract, in bytes.
pub const MAX_JSON: usize = 64 * 1024;
/// How long before it is in force a contract is announced that is worse in any case: thirty days.
pub const NOTICE_SECS: i64 = 30 * 86_400;
/// How far ahead a contract may be agreed: two years.
pub const AHEAD_SECS: i64 = 2 * 366 * 86_400;
/// The longest cycle, in days: as far as cut-offs are compiled, with room for holidays.
pub const MAX_CYCLE_DAYS: u16 = 90;
/// The longest wait, in seconds: a year for a cycle.
pub const MAX_AFTER_SECS: u32 = 366 * 86_400;
/// The longest that a new destination has to wait: thirty days.
pub const MAX_WAIT_SECS: u32 = 30 * 86_400;

/// A contract. One that exists is valid: it was read by [`Contract::from_json`], or it is the standard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    #[serde(default)]
    fees: Fees,
    cycle: Cycle,
    day: Day,
    #[serde(default)]
    settlement: Settlement,
    #[serde(default)]
    payouts: Payouts,
    /// The part that is kept back of settled payments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reserve: Option<ReserveTerms>,
}

/// One schedule for each currency; a currency without one costs nothing, or, of a payment, what the
/// merchant's policy says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Fees {
    payment: Vec<PaymentFee>,
    payout: Vec<FeeSchedule>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refund: Vec<FeeSchedule>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    split: Vec<FeeSchedule>,
    /// Whether a refund gives nothing back of the payment's fee.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    refund_keeps_payment_fee: bool,
}

/// When a day ends, and which days count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Day {
    zone: String,
    cut_off: LocalTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    calendar: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settlement {
    #[serde(skip_serializing_if = "Option::is_none")]
    pay_to: Option<Destination>,
    minimums: Vec<Money>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Payouts {
    limits: Vec<PayoutLimit>,
    new_destination_wait_secs: u32,
    fee_returned: bool,
}

/// The limits of payouts in one currency, in its minor units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PayoutLimit {
    currency: Currency,
    #[serde(default = "one")]
    min: i64,
    max: i64,
    day_max: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    approval_above: Option<i64>,
}

fn one() -> i64 {
    1
}

impl Contract {
    /// The standard terms: payments cost what the merchant's policy says and are settled a day
    /// after their capture; payouts cost nothing, go as far as the balance does, and are asked for.
    pub fn standard() -> Self {
        Self {
            fees: Fees::default(),
            cycle: Cycle::After { seconds: 86_400 },
            day: Day {
                zone: "UTC".to_owned(),
                cut_off: LocalTime { minutes: 24 * 60 },
                calendar: None,
            },
            settlement: Settlement::default(),
            payouts: Payouts::default(),
            reserve: None,
        }
    }

    /// Reads a contract; a field that is not known is an error.
    ///
    /// # Errors
    ///
    /// [`PolicyError`], with the path of what is wrong.
    pub fn from_json(json: &[u8]) -> Result<Self, PolicyError> {
        require(json.len() <= MAX_JSON, ".", || {
            format!("{} bytes of JSON, at most {MAX_JSON} are taken", json.len())
        })?;
        let mut reader = serde_json::Deserializer::from_slice(json);
        let contract: Self = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            PolicyError { path: error.path().to_string(), problem: error.inner().to_string() }
        })?;
        reader
            .end()
            .map_err(|error| PolicyError { path: ".".to_owned(), problem: error.to_string() })?;
        contract.check()?;
        Ok(contract)
    }

    fn check(&self) -> Result<(), PolicyError> {
        let Self { fees, cycle, day, settlement, payouts, reserve } = self;
        pricing::check("fees.payment", &fees.payment)?;
        fee_schedules("fees.payout", &fees.payout, 0)?;
        fee_schedules("fees.refund", &fees.refund, 0)?;
        fee_schedules("fees.split", &fees.split, 0)?;
        let (in_bounds, bound) = match cycle {
            Cycle::After { seconds } => (*seconds <= MAX_AFTER_SECS, u64::from(MAX_AFTER_SECS)),
            Cycle::Days { days } | Cycle::BusinessDays { days } => {
                (*days <= MAX_CYCLE_DAYS, u64::from(MAX_CYCLE_DAYS))
            }
        };
        require(in_bounds, "cycle", || format!("must be at most {bound}"))?;
        let zone =
            (1..=64).contains(&day.zone.len()) && day.zone.bytes().all(|b| b.is_ascii_graphic());
        require(zone, "day.zone", || "must be a zone such as Asia/Shanghai".to_owned())?;
        let counted = !matches!(cycle, Cycle::BusinessDays { .. }) || day.calendar.is_some();
        require(counted, "day.calendar", || "is required to count business days".to_owned())?;
        for (index, it) in settlement.minimums.iter().enumerate() {
            non_negative(&format!("settlement.minimums[{index}].minor"), it.minor())?;
        }
        distinct("settlement.minimums", settlement.minimums.iter().map(|it| it.currency()))?;
        if let Some(destination) = &settlement.pay_to {
            destination.check("settlement.pay_to")?;
        }
        if let Some(ReserveTerms { rate_ppm, days }) = reserve {
            require((1..=1_000_000).contains(rate_ppm), "reserve.rate_ppm", || {
                "must be 1 to 1000000".to_owned()
            })?;
            require((1..=MAX_RESERVE_DAYS).contains(days), "reserve.days", || {
                format!("must be 1 to {MAX_RESERVE_DAYS}")
            })?;
        }
        distinct("payouts.limits", payouts.limits.iter().map(|it| it.currency))?;
        length("payouts.limits", payouts.limits.len(), 0, crate::policy::validate::MAX_CURRENCIES)?;
        for (index, it) in payouts.limits.iter().enumerate() {
            let path = |field| format!("payouts.limits[{index}].{field}");
            let PayoutLimit { currency: _, min, max, day_max, approval_above } = it;
            for (field, minor) in [
                ("min", *min),
                ("max", *max),
                ("day_max", *day_max),
                ("approval_above", approval_above.unwrap_or(0)),
            ] {
                non_negative(&path(field), minor)?;
            }
            require(*min >= 1, &path("min"), || "must be at least 1".to_owned())?;
            require(max >= min, &path("max"), || "must not be below min".to_owned())?;
            require(day_max >= max, &path("day_max"), || "must not be below max".to_owned())?;
        }
        require(
            payouts.new_destination_wait_secs <= MAX_WAIT_SECS,
            "payouts.new_destination_wait_secs",
            || format!("must be at most {MAX_WAIT_SECS}"),
        )
    }

    /// The facts to look up for the fee of an order that is made then; `None` if the policy's holds.
    pub fn fee_needs(&self, currency: Currency, at: Timestamp) -> Option<FeeNeeds<'_>> {
        self.payment_fee(currency).map(|it| it.needs(at))
    }

    /// The fee of a payment whose order is made then, and what it was worked out from, if the contract names one for
    /// its currency; else the policy's holds.
    pub fn price(
        &self,
        amount: Money,
        at: Timestamp,
        volume: Option<Volume>,
        category: Option<u16>,
        used: Used,
    ) -> Option<(Money, FeeBasis)> {
        let schedule = self.payment_fee(amount.currency())?;
        let basis = schedule.basis(amount.minor(), at, volume, category, used);
        let minor = schedule.fee(amount.minor(), &basis).ok()?;
        Some((Money::new(minor, amount.currency()).ok()?, basis))
    }

    /// The fee that a basis leads to; `None` if the policy's holds.
    ///
    /// # Errors
    ///
    /// [`BadBasis`] if the contract cannot have led to that basis.
    pub fn fee_by(&self, amount: Money, basis: &FeeBasis) -> Result<Option<Money>, BadBasis> {
        let Some(schedule) = self.payment_fee(amount.currency()) else {
            return match basis.is_plain() {
                true => Ok(None),
                false => Err(BadBasis("something that the contract does not name")),
            };
        };
        let minor = schedule.fee(amount.minor(), basis)?;
        Money::new(minor, amount.currency()).map(Some).map_err(|_| BadBasis("no amount"))
    }

    /// Checks that a promotion held for orders that were made then.
    ///
    /// # Errors
    ///
    /// [`BadBasis`].
    pub fn check_promoted(
        &self,
        currency: Currency,
        promoted: &Promoted,
        at: Timestamp,
    ) -> Result<(), BadBasis> {
        let schedule = self.payment_fee(currency);
        let schedule = schedule.ok_or(BadBasis("a promotion that it does not have"))?;
        schedule.check_promoted(promoted, at)
    }

    /// Whether so much of a promotion is no more than there is; `None` if the contract does not have it.
    pub fn promotion_holds(&self, currency: Currency, name: &str, used: Used) -> Option<bool> {
        self.payment_fee(currency)?.holds(name, used)
    }

    fn payment_fee(&self, currency: Currency) -> Option<&PaymentFee> {
        self.fees.payment.iter().find(|it| it.currency == currency)
    }

    /// The fee of a payout, in its currency.
    pub fn payout_fee(&self, amount: Money) -> Money {
        fee_of(&self.fees.payout, amount).unwrap_or(Money::zero(amount.currency()))
    }

    /// The cost of refunds and splits of an order in the currency.
    pub fn charges(&self, currency: Currency) -> Charges {
        let of = |list: &[FeeSchedule]| list.iter().find(|it| it.currency == currency).cloned();
        Charges {
            refund: of(&self.fees.refund),
            split: of(&self.fees.split),
            keeps_payment_fee: self.fees.refund_keeps_payment_fee,
        }
    }

    /// The part that is kept back of a settled payment, and for how long.
    pub fn reserve(&self) -> Option<ReserveTerms> {
        self.reserve
    }

    /// How long a captured payment waits.
    pub fn cycle(&self) -> Cycle {
        self.cycle
    }

    /// The zone that days end in, such as `Asia/Shanghai`.
    pub fn zone(&self) -> &str {
        &self.day.zone
    }

    /// When a day ends there.
    pub fn cut_off(&self) -> LocalTime {
        self.day.cut_off
    }

    /// The calendar of its business days, if they count.
    pub fn calendar(&self) -> Option<&str> {
        self.day.calendar.as_deref()
    }

    /// Whether batches close on business days alone, and on every day otherwise.
    pub fn closes_on_business_days(&self) -> bool {
        matches!(self.cycle, Cycle::BusinessDays { .. })
    }

    /// Where a settlement batch is paid to; without it payouts are the merchant's to ask for.
    pub fn pay_to(&self) -> Option<&Destination> {
        self.settlement.pay_to.as_ref()
    }

    /// The same contract with another destination, or none: it is kept apart from the rest of the terms.
    #[must_use]
    pub fn with_pay_to(mut self, pay_to: Option<Destination>) -> Self {
        self.settlement.pay_to = pay_to;
        self
    }

    /// The least that a settlement batch pays.
    pub fn minimum(&self, currency: Currency) -> Money {
        let minimum = self.settlement.minimums.iter().find(|it| it.currency() == currency);
        minimum.copied().unwrap_or(Money::zero(currency))
    }

    /// The rules of payouts; `None` if payouts in the currency are not agreed.
    pub fn payout_rules(&self, currency: Currency) -> Option<PayoutRules> {
        if self.payouts.limits.is_empty() {
            let max = MAX_MINOR;
            return Some(PayoutRules { min: 1, max, day_max: i64::MAX, approval_above: max });
        }
        let limit = self.payouts.limits.iter().find(|it| it.currency == currency)?;
        let PayoutLimit { currency: _, min, max, day_max, approval_above } = *limit;
        Some(PayoutRules { min, max, day_max, approval_above: approval_above.unwrap_or(MAX_MINOR) })
    }

    /// How long a destination waits that the merchant never paid to.
    pub fn new_destination_wait_secs(&self) -> i64 {
        self.payouts.new_destination_wait_secs.into()
    }

    /// Whether the fee of a payout goes back, too, when it comes back after it was paid.
    pub fn payout_fee_returned(&self) -> bool {
        self.payouts.fee_returned
    }
}

fn fee_of(schedules: &[FeeSchedule], amount: Money) -> Option<Money> {
    let schedule = schedules.iter().find(|it| it.currency == amount.currency())?;
    Money::new(schedule.fee(amount.minor()), amount.currency()).ok()
}

impl Destination {
    /// Checks the form of a destination that stands at `path`.
    ///
    /// # Errors
    ///
    /// [`PolicyError`].
    pub fn check(&self, path: &str) -> Result<(), PolicyError> {
        let code = crate::policy::answer::is_code(&self.kind);
        require(code, &format!("{path}.kind"), || "must contain only a-z, 0-9 and _".to_owned())?;
        let shown = |text: &str, most: usize| {
            (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control)
        };
        require(shown(&self.account, 64), &format!("{path}.account"), || {
            "must be 1 to 64 characters that can be shown".to_owned()
        })?;
        let holder = self.holder.as_deref().is_none_or(|it| shown(it, 70));
        require(holder, &format!("{path}.holder"), || {
            "must be 1 to 70 characters that can be shown".to_owned()
        })
    }
}
