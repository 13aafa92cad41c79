//! A merchant's contract: fees, the settlement cycle, and the limits of payouts.
//!
//! A contract has a number and a day from which on it is in force, and is never edited: what changes is
//! a new contract. One that is worse for the merchant in any case is announced [`NOTICE_SECS`] before;
//! one that is nowhere worse may be in force at once.

use serde::{Deserialize, Serialize};

use super::cycle::Cycle;
use super::payout::{Destination, PayoutRules};
use super::pricing::judged::{Judged, judge};
use super::pricing::{self, BadBasis, FeeBasis, FeeNeeds, PaymentFee, Promoted, Used, Volume};
use crate::money::{Currency, MAX_MINOR, Money};
use crate::order::{Charges, MAX_RESERVE_DAYS, ReserveTerms};
use crate::policy::validate::{distinct, fee_schedules, length, non_negative, require};
use crate::policy::{FeeSchedule, PolicyError, Rounding};
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

/// A time of the day that ends it, such as `16:00`, or `24:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LocalTime {
    minutes: u16,
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

/// A contract with its number, and since when it is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreed {
    /// 1 for a merchant's first; 0 is the standard, which everybody begins with.
    pub number: u32,
    /// The terms agreed.
    pub contract: Contract,
    /// Since when, or from when on.
    pub in_force_from: Timestamp,
    /// When it was put, and the merchant told.
    pub announced_at: Timestamp,
}

/// Where a contract is not as the one before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Where, such as `fees.payout.CNY.rate_ppm`.
    pub path: String,
    /// The old value; absent if there was none.
    pub old: Option<String>,
    /// The new value; absent if there is none.
    pub new: Option<String>,
    /// Whether it may be worse for the merchant in some case.
    pub worse: bool,
}

/// Why a contract cannot be agreed as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAgreed {
    /// Numbers follow one another.
    #[error("the next contract is number {next}")]
    Number {
        /// The one that is free.
        next: u32,
    },
    /// It would have been in force before it was put.
    #[error("a contract is never in force before it is put")]
    Backdated,
    /// It would be in force before the one that it takes the place of.
    #[error("contract {number} is in force later than that")]
    BeforeLast {
        /// The one before.
        number: u32,
    },
    /// It is in force more than [`AHEAD_SECS`] from now.
    #[error("a contract is in force two years from now at the latest")]
    TooFar,
    /// It is worse in some case, so it needs notice.
    #[error("{path} is worse for the merchant in some case, so it needs thirty days' notice")]
    Notice {
        /// The first place where it is worse.
        path: String,
        /// From when on it may be in force.
        earliest: Timestamp,
    },
}

impl Agreed {
    /// The standard contract, for a merchant without one of its own.
    pub fn standard() -> Self {
        let zero = Timestamp::from_ms(0);
        Self { number: 0, contract: Contract::standard(), in_force_from: zero, announced_at: zero }
    }

    /// The one that is in force: of those that are since `at` or earlier the last.
    pub fn in_force(agreed: &[Self], at: Timestamp) -> Option<&Self> {
        agreed.iter().filter(|it| it.in_force_from <= at).max_by_key(|it| it.number)
    }

    /// Agrees on a contract that follows `self`: in force from then on, or as soon as it may be.
    ///
    /// # Errors
    ///
    /// [`NotAgreed`].
    pub fn followed_by(
        &self,
        number: u32,
        contract: Contract,
        from: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Self, NotAgreed> {
        let next = self.number.saturating_add(1);
        if number != next {
            return Err(NotAgreed::Number { next });
        }
        // The standard was agreed by nobody: a merchant's first contract needs no notice.
        let judged = self.number > 0;
        let differences = self.contract.differences(&contract, now);
        let worse = differences.into_iter().find(|it| it.worse && judged);
        let notice = if worse.is_some() { now.plus_secs(NOTICE_SECS) } else { now };
        let earliest = notice.max(self.in_force_from);
        let from = from.unwrap_or(earliest);
        if from < now {
            return Err(NotAgreed::Backdated);
        }
        if from < self.in_force_from {
            return Err(NotAgreed::BeforeLast { number: self.number });
        }
        if from > now.plus_secs(AHEAD_SECS) {
            return Err(NotAgreed::TooFar);
        }
        match worse {
            Some(Difference { path, .. }) if from < notice => {
                Err(NotAgreed::Notice { path, earliest })
            }
            _ => Ok(Self { number, contract, in_force_from: from, announced_at: now }),
        }
    }
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

    /// What has to be looked up for the fee of an order that is made then; `None` if the policy's holds.
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

    /// Where `new` is not as this one. It is judged part by part: a part that is not surely as good
    /// for the merchant in every case counts as worse, so that what needs no notice never costs more. A promotion that
    /// is over at the moment `at` counts no more.
    pub fn differences(&self, new: &Self, at: Timestamp) -> Vec<Difference> {
        let mut found = Differences(Vec::new());
        found.payment_fees(&self.fees.payment, &new.fees.payment, at);
        for (path, old, new) in [
            ("fees.payout", &self.fees.payout, &new.fees.payout),
            ("fees.refund", &self.fees.refund, &new.fees.refund),
            ("fees.split", &self.fees.split, &new.fees.split),
        ] {
            found.fees(path, old, new);
        }
        let part = |of: &Self| of.reserve.map_or((0, 0), |it| (it.rate_ppm, it.days));
        let ((old_rate, old_days), (rate, days)) = (part(self), part(new));
        for (path, old, new) in
            [("reserve.rate_ppm", old_rate, rate), ("reserve.days", old_days.into(), days.into())]
        {
            found.add(path, Some(old.to_string()), Some(new.to_string()), new > old);
        }
        let (old, kept) = (self.fees.refund_keeps_payment_fee, new.fees.refund_keeps_payment_fee);
        let (old_text, new_text) = (Some(old.to_string()), Some(kept.to_string()));
        found.add("fees.refund_keeps_payment_fee", old_text, new_text, kept);
        let slower = match (self.cycle, new.cycle) {
            (Cycle::After { seconds: old }, Cycle::After { seconds: new }) => new > old,
            (Cycle::Days { days: old }, Cycle::Days { days: new })
            | (Cycle::BusinessDays { days: old }, Cycle::BusinessDays { days: new })
            | (Cycle::BusinessDays { days: old }, Cycle::Days { days: new }) => new > old,
            // Real time is as soon as can be.
            (_, Cycle::After { seconds: 0 }) => false,
            _ => true,
        };
        found.add("cycle", Some(words(&self.cycle)), Some(words(&new.cycle)), slower);
        let (old_day, new_day) = (&self.day, &new.day);
        found.add("day.zone", Some(old_day.zone.clone()), Some(new_day.zone.clone()), true);
        let (old_end, new_end) = (old_day.cut_off.to_string(), new_day.cut_off.to_string());
        found.add("day.cut_off", Some(old_end), Some(new_end), true);
        found.add("day.calendar", old_day.calendar.clone(), new_day.calendar.clone(), true);
        found.pay_to(self.pay_to(), new.pay_to());
        for currency in currencies(
            self.settlement.minimums.iter().chain(&new.settlement.minimums).map(|it| it.currency()),
        ) {
            let (old, new) = (self.minimum(currency).minor(), new.minimum(currency).minor());
            let path = format!("settlement.minimums.{currency}");
            found.add(&path, Some(old.to_string()), Some(new.to_string()), new > old);
        }
        found.limits(self, new);
        let (old, new) = (&self.payouts, &new.payouts);
        let (old_wait, new_wait) = (old.new_destination_wait_secs, new.new_destination_wait_secs);
        found.add(
            "payouts.new_destination_wait_secs",
            Some(old_wait.to_string()),
            Some(new_wait.to_string()),
            new_wait > old_wait,
        );
        let (old, new) = (old.fee_returned, new.fee_returned);
        found.add("payouts.fee_returned", Some(old.to_string()), Some(new.to_string()), old);
        found.0
    }
}

struct Differences(Vec<Difference>);

impl Differences {
    fn add(&mut self, path: &str, old: Option<String>, new: Option<String>, worse: bool) {
        if old != new {
            self.0.push(Difference { path: path.to_owned(), old, new, worse });
        }
    }

    /// Where settlement batches are paid to, masked. Both may be the same then: that they differ is said nevertheless.
    fn pay_to(&mut self, old: Option<&Destination>, new: Option<&Destination>) {
        if old != new {
            let [old, new] = [old, new].map(|it| it.map(|it| words(&it.masked())));
            self.0.push(Difference { path: "settlement.pay_to".to_owned(), old, new, worse: true });
        }
    }

    fn fees(&mut self, path: &str, old: &[FeeSchedule], new: &[FeeSchedule]) {
        for currency in currencies(old.iter().chain(new).map(|it| it.currency)) {
            let of = |list: &[FeeSchedule]| list.iter().find(|it| it.currency == currency).cloned();
            let path = format!("{path}.{currency}");
            match (of(old), of(new)) {
                (Some(old), Some(new)) => {
                    let rate_worse = new.rate_ppm > old.rate_ppm;
                    self.schedule(&path, &old, &new, rate_worse);
                }
                // A fee that is new is worse; where one is gone nothing is charged.
                (old, new) => {
                    let worse = new.is_some();
                    self.add(&path, old.as_ref().map(words), new.as_ref().map(words), worse);
                }
            }
        }
    }

    fn payment_fees(&mut self, old: &[PaymentFee], new: &[PaymentFee], at: Timestamp) {
        for currency in currencies(old.iter().chain(new).map(|it| it.currency)) {
            let of = |list: &[PaymentFee]| list.iter().find(|it| it.currency == currency).cloned();
            let path = format!("fees.payment.{currency}");
            let (Some(old), Some(new)) = (of(old), of(new)) else {
                // Without a schedule a payment costs whatever the policy says.
                self.add(&path, of(old).as_ref().map(words), of(new).as_ref().map(words), true);
                continue;
            };
            let Judged { rates_worse, promotion_worse } = judge(&old, &new, at);
            self.schedule(&path, &old.plain(), &new.plain(), rates_worse);
            let tiers = [&old, &new].map(|it| it.tiers.as_ref().map(words));
            let discounts =
                [&old, &new].map(|it| (!it.discounts.is_empty()).then(|| words(&it.discounts)));
            let promotion = [&old, &new].map(|it| it.promotion.as_ref().map(words));
            for (name, [old, new], worse) in [
                ("tiers", tiers, rates_worse),
                ("discounts", discounts, rates_worse),
                ("promotion", promotion, promotion_worse),
            ] {
                self.add(&format!("{path}.{name}"), old, new, worse);
            }
        }
    }

    fn schedule(&mut self, path: &str, old: &FeeSchedule, new: &FeeSchedule, rate_worse: bool) {
        let FeeSchedule { currency: _, rate_ppm, fixed, min, cap, rounding } = old;
        let [old_rate, new_rate] = [rate_ppm, &new.rate_ppm].map(|it| Some(it.to_string()));
        self.add(&format!("{path}.rate_ppm"), old_rate, new_rate, rate_worse);
        for (name, old, new) in [("fixed", *fixed, new.fixed), ("min", *min, new.min)] {
            let path = format!("{path}.{name}");
            self.add(&path, Some(old.to_string()), Some(new.to_string()), new > old);
        }
        let (old_cap, new_cap) = (*cap, new.cap);
        let worse = new_cap.unwrap_or(i64::MAX) > old_cap.unwrap_or(i64::MAX);
        let text = |it: Option<i64>| it.map(|it| it.to_string());
        self.add(&format!("{path}.cap"), text(old_cap), text(new_cap), worse);
        let worse = rank(new.rounding) > rank(*rounding);
        let (old, new) = (words(rounding), words(&new.rounding));
        self.add(&format!("{path}.rounding"), Some(old), Some(new), worse);
    }

    fn limits(&mut self, old: &Contract, new: &Contract) {
        let named = old.payouts.limits.iter().chain(&new.payouts.limits);
        for currency in currencies(named.map(|it| it.currency)) {
            let path = format!("payouts.limits.{currency}");
            let (before, after) = (old.payout_rules(currency), new.payout_rules(currency));
            let (Some(before), Some(after)) = (before, after) else {
                let text =
                    |it: Option<PayoutRules>| it.map(|it| format!("{} to {}", it.min, it.max));
                self.add(&path, text(before), text(after), after.is_none());
                continue;
            };
            for (name, old, new, worse) in [
                ("min", before.min, after.min, after.min > before.min),
                ("max", before.max, after.max, after.max < before.max),
                ("day_max", before.day_max, after.day_max, after.day_max < before.day_max),
                (
                    "approval_above",
                    before.approval_above,
                    after.approval_above,
                    after.approval_above < before.approval_above,
                ),
            ] {
                let (old, new) = (Some(old.to_string()), Some(new.to_string()));
                self.add(&format!("{path}.{name}"), old, new, worse);
            }
        }
        // Where limits are named, a currency that is not among them is not paid out.
        if old.payouts.limits.is_empty() && !new.payouts.limits.is_empty() {
            self.add("payouts.limits", None, Some("other currencies end".to_owned()), true);
        }
        if !old.payouts.limits.is_empty() && new.payouts.limits.is_empty() {
            self.add("payouts.limits", Some("some currencies".to_owned()), None, false);
        }
    }
}

/// How much a rounding may take: of two, the one with the higher rank never takes less.
fn rank(rounding: Rounding) -> u8 {
    match rounding {
        Rounding::Down => 0,
        Rounding::HalfEven => 1,
        Rounding::HalfUp => 2,
        Rounding::Up => 3,
    }
}

fn words<T: Serialize>(it: &T) -> String {
    serde_json::to_string(it).unwrap_or_default().trim_matches('"').to_owned()
}

fn currencies(all: impl Iterator<Item = Currency>) -> Vec<Currency> {
    let mut each: Vec<Currency> = all.collect();
    each.sort_by_key(|it| it.code());
    each.dedup();
    each
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

#[cfg(test)]
mod tests;
