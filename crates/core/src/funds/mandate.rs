//! A mandate: a shopper's agreement that a merchant may debit them without them, up to a bound.
//!
//! ```text
//!            Activated            RevokeRequested, RevokedByPayer
//!  Pending ───────────▶ Active ──────────────────────────────────▶ Revoked
//!   │  │  │                │                                          ▲
//!   │  │  └────────────────│──────────────────────────────────────────┘
//!   │  │ Due               │ Due
//!   │  └───────────────────┴──────▶ Expired
//!   └─▶ Declined
//! ```
//!
//! Only an active mandate is debited, never for more than its bound, and in one of its periods never for more than the
//! period's. Both are held by [`Mandate::debited`], in the commit that makes the debit's order. How a mandate ended
//! stays: a channel that says later that it was agreed to is told that it is over.

use serde::{Deserialize, Serialize};

use crate::id::{MandateId, MerchantId};
use crate::money::Money;
use crate::time::Timestamp;

/// The longest period of a bound: a year, and a day for a leap year.
pub const MAX_PERIOD_DAYS: u16 = 366;

/// How long a shopper has to agree: a day.
pub const AGREE_SECS: i64 = 86_400;

const DAY_MS: i64 = 86_400_000;

/// The terms of a mandate; never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MandateTerms {
    /// The mandate. It is our id of it at the channel, too.
    pub id: MandateId,
    /// Whose it is.
    pub merchant: MerchantId,
    /// The merchant's own number, unique for the merchant.
    pub merchant_mandate_id: String,
    /// The channel that it is agreed at, and that its debits are charged by.
    pub channel: String,
    /// The method of its debits there.
    pub method: String,
    /// The text that the shopper agrees to.
    pub description: String,
    /// The bound of each debit.
    pub max_amount: Money,
    /// The bound of all debits of a period, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<PeriodBound>,
    /// Where the shopper goes afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_url: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when the shopper may agree.
    pub agree_by: Timestamp,
    /// From when on it is debited no more.
    pub expires_at: Timestamp,
}

/// A bound of the sum of a period's debits. The first period begins when the shopper agrees, and each of the others
/// where the one before it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeriodBound {
    /// The length of each period: 1 to [`MAX_PERIOD_DAYS`] days of 24 hours.
    pub days: u16,
    /// The most that is debited in each.
    pub amount: Money,
}

/// A mandate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mandate {
    /// Its terms.
    pub terms: MandateTerms,
    /// Where it stands.
    pub state: MandateState,
    /// When the shopper agreed, and the channel's own number of that; kept when it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreed: Option<MandateAgreed>,
    /// The debits of its last period that had some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debited: Option<PeriodDebits>,
    /// How many debits were made.
    pub debits: u32,
    /// Rises by one with each change.
    pub version: u64,
}

/// A shopper's agreement, as the channel told it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MandateAgreed {
    /// The channel's own number.
    pub channel_ref: String,
    /// When it said so: the first period begins.
    pub at: Timestamp,
}

/// The debits of a period that were paid or may still be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeriodDebits {
    /// Which period, from 0.
    pub period: i64,
    /// The sum of them.
    pub amount: Money,
}

/// Where a mandate stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum MandateState {
    /// The shopper has not decided.
    Pending {
        /// Where they decide, once the channel said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        authorize_url: Option<String>,
    },
    /// The shopper agreed: it can be debited.
    Active,
    /// The shopper did not agree, or the channel did not take it.
    Declined {
        /// Why, as a stable word.
        code: String,
        /// When.
        at: Timestamp,
    },
    /// It was taken back.
    Revoked {
        /// The one who did.
        by: Revoker,
        /// When.
        at: Timestamp,
    },
    /// Its time was over, or the time to agree.
    Expired {
        /// When.
        at: Timestamp,
    },
}

/// The one who takes a mandate back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revoker {
    /// The merchant.
    Merchant,
    /// The shopper, or their bank.
    Payer,
}

impl Revoker {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Merchant => "merchant",
            Self::Payer => "payer",
        }
    }
}

impl MandateState {
    /// Every status.
    pub const STATUSES: [&'static str; 5] = ["pending", "active", "declined", "revoked", "expired"];

    /// The status as the API names it.
    pub fn status(&self) -> &'static str {
        match self {
            Self::Pending { .. } => "pending",
            Self::Active => "active",
            Self::Declined { .. } => "declined",
            Self::Revoked { .. } => "revoked",
            Self::Expired { .. } => "expired",
        }
    }
}

/// An event of a mandate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MandateEvent {
    /// The channel said where the shopper decides.
    Offered {
        /// The address.
        authorize_url: String,
    },
    /// The channel says that the shopper agreed.
    Activated {
        /// The channel's own number.
        channel_ref: String,
    },
    /// The channel says that they did not, or that it does not take it.
    Declined {
        /// Why, as a stable word.
        code: String,
    },
    /// The merchant takes it back.
    RevokeRequested,
    /// The channel says that the shopper took it back.
    RevokedByPayer,
    /// A moment has come at which its time may be over.
    Due,
}

/// An action to take once the step is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MandateEffect {
    /// Ask the channel how it stands, for as long as it may change.
    Ask,
    /// Tell the channel that it is over.
    Withdraw,
    /// Tell the merchant.
    Notify(MandateNotice),
}

/// An event that a merchant is notified of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MandateNotice {
    /// The shopper agreed.
    Activated,
    /// They did not.
    Declined,
    /// It was taken back.
    Revoked,
    /// Its time was over.
    Expired,
}

impl MandateNotice {
    /// Every event's type.
    pub const EVENT_TYPES: [&'static str; 4] =
        ["mandate.activated", "mandate.declined", "mandate.revoked", "mandate.expired"];

    /// The event's type in a callback.
    pub fn event_type(self) -> &'static str {
        match self {
            Self::Activated => "mandate.activated",
            Self::Declined => "mandate.declined",
            Self::Revoked => "mandate.revoked",
            Self::Expired => "mandate.expired",
        }
    }
}

/// The result of a step: all of it is committed, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MandateStep {
    /// The mandate as it is now.
    pub mandate: Mandate,
    /// The actions to take after the commit.
    pub effects: Vec<MandateEffect>,
}

/// Why an event cannot happen to a mandate, or why it cannot be debited.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MandateRefusal {
    /// It is in a state that does not allow it.
    #[error("the mandate is {status}, so this is not possible")]
    State {
        /// Its status.
        status: &'static str,
    },
    /// The debit is in another currency.
    #[error("the mandate is in {expected}")]
    Currency {
        /// The mandate's currency.
        expected: &'static str,
    },
    /// Nothing is asked for.
    #[error("an amount of nothing")]
    Nothing,
    /// The debit is more than the bound.
    #[error("a debit under this mandate is at most {available}")]
    AboveBound {
        /// The bound.
        available: Money,
    },
    /// The debits of the period would be more than its bound.
    #[error("only {available} can still be debited in this period")]
    AbovePeriod {
        /// The amount that is left of it.
        available: Money,
        /// When the next period begins.
        until: Timestamp,
    },
}

impl Mandate {
    /// A new mandate.
    ///
    /// `None` if a bound is nothing, the period's is in another currency or its length out of bounds, or it would be
    /// over before the shopper could agree.
    pub fn create(terms: MandateTerms) -> Option<MandateStep> {
        let MandateTerms { max_amount, period, agree_by, expires_at, created_at, .. } = &terms;
        let is_bound = |it: Money| it.minor() > 0 && it.currency() == max_amount.currency();
        let period_is_bound =
            period.is_none_or(|it| is_bound(it.amount) && (1..=MAX_PERIOD_DAYS).contains(&it.days));
        if !is_bound(*max_amount) || !period_is_bound {
            return None;
        }
        if created_at >= agree_by || agree_by > expires_at {
            return None;
        }
        let state = MandateState::Pending { authorize_url: None };
        let mandate = Self { terms, state, agreed: None, debited: None, debits: 0, version: 1 };
        Some(MandateStep { mandate, effects: vec![MandateEffect::Ask] })
    }

    /// When its time is over, as it stands; `None` once it has ended.
    pub fn ends_at(&self) -> Option<Timestamp> {
        match self.state {
            MandateState::Pending { .. } => Some(self.terms.agree_by),
            MandateState::Active => Some(self.terms.expires_at),
            MandateState::Declined { .. }
            | MandateState::Revoked { .. }
            | MandateState::Expired { .. } => None,
        }
    }

    /// The mandate with a debit of an amount asked for now, counted in its period.
    ///
    /// # Errors
    ///
    /// [`MandateRefusal`]: it is not active, its time is over, or the amount is above a bound.
    pub fn debit(&self, amount: Money, now: Timestamp) -> Result<Self, MandateRefusal> {
        let status = self.state.status();
        if self.state != MandateState::Active {
            return Err(MandateRefusal::State { status });
        }
        if now >= self.terms.expires_at {
            // Its task has not come yet.
            return Err(MandateRefusal::State { status: "expired" });
        }
        let bound = self.terms.max_amount;
        if amount.currency() != bound.currency() {
            return Err(MandateRefusal::Currency { expected: bound.currency().code() });
        }
        if amount.minor() == 0 {
            return Err(MandateRefusal::Nothing);
        }
        if bound.checked_sub(amount).is_none() {
            return Err(MandateRefusal::AboveBound { available: bound });
        }
        let mut mandate = self.clone();
        if let (Some(bound), Some(period)) = (self.terms.period, self.period_at(now)) {
            // Another node's clock, or a turn that was waited for: what was counted of a period stays counted.
            if let Some(later) = self.debited.filter(|it| it.period > period) {
                let until = self.period_begins(later.period).unwrap_or(self.terms.expires_at);
                let available = Money::zero(amount.currency());
                return Err(MandateRefusal::AbovePeriod { available, until });
            }
            let before = self.debited_in(period);
            let left = bound.amount.checked_sub(before).unwrap_or(Money::zero(amount.currency()));
            if left.checked_sub(amount).is_none() {
                let until = self.period_begins(period + 1).unwrap_or(self.terms.expires_at);
                return Err(MandateRefusal::AbovePeriod { available: left, until });
            }
            let sum = before.checked_add(amount).ok_or(MandateRefusal::Nothing)?;
            mandate.debited = Some(PeriodDebits { period, amount: sum });
        }
        mandate.debits += 1;
        mandate.version += 1;
        Ok(mandate)
    }

    /// The mandate once a debit of an amount, asked for then, came to nothing: it counts in its period no more.
    #[must_use]
    pub fn given_back(&self, amount: Money, asked_at: Timestamp) -> Self {
        let mut mandate = self.clone();
        if let (Some(debited), Some(period)) = (self.debited, self.period_at(asked_at))
            && debited.period == period
            && let Some(left) = debited.amount.checked_sub(amount)
        {
            mandate.debited = Some(PeriodDebits { amount: left, ..debited });
            mandate.version += 1;
        }
        mandate
    }

    /// The amount that can still be debited at once, if it can be debited at all.
    pub fn available(&self, now: Timestamp) -> Money {
        let bound = self.terms.max_amount;
        let nothing = Money::zero(bound.currency());
        if self.state != MandateState::Active || now >= self.terms.expires_at {
            return nothing;
        }
        let (Some(of), Some(period)) = (self.terms.period, self.period_at(now)) else {
            return bound;
        };
        let left = of.amount.checked_sub(self.debited_in(period)).unwrap_or(nothing);
        if left.checked_sub(bound).is_some() { bound } else { left }
    }

    fn debited_in(&self, period: i64) -> Money {
        let debited = self.debited.filter(|it| it.period == period);
        debited.map_or(Money::zero(self.terms.max_amount.currency()), |it| it.amount)
    }

    /// Which period a moment is in; `None` before the shopper agreed, and of a mandate without periods.
    pub fn period_at(&self, at: Timestamp) -> Option<i64> {
        let (agreed, bound) = (self.agreed.as_ref()?, self.terms.period?);
        let since = at.as_ms().checked_sub(agreed.at.as_ms())?;
        // A clock that was set back does not begin a period anew.
        Some(since.div_euclid(i64::from(bound.days) * DAY_MS).max(0))
    }

    fn period_begins(&self, period: i64) -> Option<Timestamp> {
        let (agreed, bound) = (self.agreed.as_ref()?, self.terms.period?);
        let after = period.checked_mul(i64::from(bound.days) * DAY_MS)?;
        agreed.at.as_ms().checked_add(after).map(Timestamp::from_ms)
    }

    fn ended(
        mut self,
        state: MandateState,
        notice: MandateNotice,
        at_channel: bool,
    ) -> MandateStep {
        self.state = state;
        self.version += 1;
        let mut effects = vec![MandateEffect::Notify(notice)];
        effects.extend(at_channel.then_some(MandateEffect::Withdraw));
        MandateStep { mandate: self, effects }
    }

    fn unchanged(self) -> MandateStep {
        MandateStep { mandate: self, effects: Vec::new() }
    }
}

/// Applies what happened to a mandate. Told the same thing twice, it changes nothing the second time.
///
/// # Errors
///
/// [`MandateRefusal::State`].
pub fn step(
    mandate: Mandate,
    event: MandateEvent,
    now: Timestamp,
) -> Result<MandateStep, MandateRefusal> {
    use MandateEvent::{Activated, Declined, Due, Offered, RevokeRequested, RevokedByPayer};
    use MandateState::{Active, Pending, Revoked};
    let status = mandate.state.status();
    match (mandate.state.clone(), event) {
        (Pending { authorize_url: None }, Offered { authorize_url }) => {
            let state = Pending { authorize_url: Some(authorize_url) };
            let version = mandate.version + 1;
            Ok(Mandate { state, version, ..mandate }.unchanged())
        }
        (_, Offered { .. }) => Ok(mandate.unchanged()),
        (Pending { .. }, Activated { channel_ref }) => {
            let agreed = Some(MandateAgreed { channel_ref, at: now });
            let mandate =
                Mandate { state: Active, agreed, version: mandate.version + 1, ..mandate };
            let effects = vec![MandateEffect::Notify(MandateNotice::Activated)];
            Ok(MandateStep { mandate, effects })
        }
        // Heard before; or agreed to when it was over here, of which the channel is told.
        (_, Activated { .. }) => Ok(mandate.unchanged()),
        (Pending { .. }, Declined { code }) => {
            let state = MandateState::Declined { code, at: now };
            Ok(mandate.ended(state, MandateNotice::Declined, false))
        }
        (_, Declined { .. }) => Ok(mandate.unchanged()),
        (Pending { .. } | Active, RevokeRequested) => {
            let state = Revoked { by: Revoker::Merchant, at: now };
            Ok(mandate.ended(state, MandateNotice::Revoked, true))
        }
        (Revoked { .. }, RevokeRequested) => Ok(mandate.unchanged()),
        (_, RevokeRequested) => Err(MandateRefusal::State { status }),
        (Pending { .. } | Active, RevokedByPayer) => {
            let state = Revoked { by: Revoker::Payer, at: now };
            Ok(mandate.ended(state, MandateNotice::Revoked, false))
        }
        (_, RevokedByPayer) => Ok(mandate.unchanged()),
        (Pending { .. } | Active, Due) if mandate.ends_at().is_some_and(|end| now >= end) => {
            let state = MandateState::Expired { at: now };
            Ok(mandate.ended(state, MandateNotice::Expired, true))
        }
        (_, Due) => Ok(mandate.unchanged()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::money::Currency;

    const START: Timestamp = Timestamp::from_secs(1_795_000_000);
    const DAY: i64 = 86_400;

    fn money(minor: i64, code: &str) -> Money {
        Money::new(minor, Currency::from_code(code).unwrap()).unwrap()
    }

    fn cny(minor: i64) -> Money {
        money(minor, "CNY")
    }

    fn terms(period: Option<PeriodBound>) -> MandateTerms {
        MandateTerms {
            id: MandateId::new(START, [1; 10]),
            merchant: MerchantId::parse("m_demo").unwrap(),
            merchant_mandate_id: "M-1".to_owned(),
            channel: "sandbox".to_owned(),
            method: "wallet_debit".to_owned(),
            description: "Tea, each month".to_owned(),
            max_amount: cny(5000),
            period,
            return_url: None,
            created_at: START,
            agree_by: START.plus_secs(AGREE_SECS),
            expires_at: START.plus_secs(100 * DAY),
        }
    }

    fn event(word: &str) -> MandateEvent {
        match word {
            "offered" => MandateEvent::Offered { authorize_url: "https://w.example/1".to_owned() },
            "activated" => MandateEvent::Activated { channel_ref: "w-1".to_owned() },
            "declined" => MandateEvent::Declined { code: "payer_declined".to_owned() },
            "revoke" => MandateEvent::RevokeRequested,
            "revoked" => MandateEvent::RevokedByPayer,
            "due" => MandateEvent::Due,
            _ => panic!("{word}"),
        }
    }

    const WORDS: [&str; 6] = ["offered", "activated", "declined", "revoke", "revoked", "due"];

    fn made(period: Option<PeriodBound>) -> Mandate {
        Mandate::create(terms(period)).unwrap().mandate
    }

    fn active(period: Option<PeriodBound>) -> Mandate {
        step(made(period), event("activated"), START).unwrap().mandate
    }

    /// Each state, each event at the end of the time to agree, and what comes of it.
    #[test]
    fn every_state_and_event() {
        let later = START.plus_secs(AGREE_SECS);
        let table = [
            ("", ["noted", "active", "declined", "revoked", "revoked", "expired"]),
            ("offered", [".", "active", "declined", "revoked", "revoked", "expired"]),
            ("activated", [".", ".", ".", "revoked", "revoked", "."]),
            ("declined", [".", ".", ".", "!declined", ".", "."]),
            ("revoke", [".", ".", ".", ".", ".", "."]),
            ("due", [".", ".", ".", "!expired", ".", "."]),
        ];
        for (way, cells) in table {
            let mut mandate = made(None);
            if !way.is_empty() {
                mandate = step(mandate, event(way), later).unwrap().mandate;
            }
            for (word, expected) in WORDS.into_iter().zip(cells) {
                let found = match step(mandate.clone(), event(word), later) {
                    Ok(step) if step.mandate == mandate => {
                        assert!(step.effects.is_empty());
                        ".".to_owned()
                    }
                    Ok(step) if step.mandate.state.status() == mandate.state.status() => {
                        assert!(step.effects.is_empty());
                        "noted".to_owned()
                    }
                    Ok(step) => {
                        assert_eq!(step.mandate.version, mandate.version + 1);
                        // The merchant is told of each change, and the channel of those that it did not make.
                        let ours = ["revoke", "due"].contains(&word);
                        assert_eq!(step.effects.contains(&MandateEffect::Withdraw), ours);
                        assert_eq!(step.effects.len(), 1 + usize::from(ours));
                        step.mandate.state.status().to_owned()
                    }
                    Err(MandateRefusal::State { status }) => format!("!{status}"),
                    Err(other) => panic!("{other}"),
                };
                assert_eq!(found, expected, "{way}, {word}");
            }
        }
        let early = step(made(None), event("due"), later.plus_ms(-1)).unwrap().mandate;
        assert_eq!(early, made(None));
    }

    #[test]
    fn a_debit_keeps_within_the_bound_of_an_active_mandate() {
        let end = START.plus_secs(100 * DAY);
        for (mandate, amount, at, expected) in [
            (made(None), cny(1), START, Err(MandateRefusal::State { status: "pending" })),
            (active(None), cny(1), START, Ok(1)),
            (active(None), cny(5000), end.plus_ms(-1), Ok(1)),
            (active(None), cny(1), end, Err(MandateRefusal::State { status: "expired" })),
            (
                active(None),
                cny(5001),
                START,
                Err(MandateRefusal::AboveBound { available: cny(5000) }),
            ),
            (active(None), cny(0), START, Err(MandateRefusal::Nothing)),
            (
                active(None),
                money(1, "USD"),
                START,
                Err(MandateRefusal::Currency { expected: "CNY" }),
            ),
        ] {
            let debited = mandate.debit(amount, at);
            assert_eq!(debited.map(|it| it.debits), expected, "{amount} {at:?}");
        }
    }

    #[test]
    fn a_period_has_a_sum_of_its_own() {
        let bound = PeriodBound { days: 30, amount: cny(8000) };
        let mandate = active(Some(bound));
        let first = mandate.debit(cny(5000), START).unwrap();
        let end = START.plus_secs(30 * DAY);
        let above = MandateRefusal::AbovePeriod { available: cny(3000), until: end };
        assert_eq!(first.debit(cny(3001), end.plus_ms(-1)), Err(above));
        assert_eq!(first.available(START), cny(3000));
        assert_eq!(first.available(end), cny(5000));
        let second = first.debit(cny(3000), end.plus_ms(-1)).unwrap();
        assert_eq!(second.available(START), cny(0));
        // The next one begins anew, and what comes to nothing in the one before changes nothing there.
        let third = second.debit(cny(5000), end).unwrap();
        assert_eq!(third.given_back(cny(5000), START), third);
        assert_eq!(third.given_back(cny(5000), end).available(end), cny(5000));
        // A request that read the time before it waited for its turn counts in neither.
        let late = MandateRefusal::AbovePeriod { available: cny(0), until: end };
        assert_eq!(third.debit(cny(1), end.plus_ms(-1)), Err(late));
        // Of the same one it can be debited again.
        assert_eq!(first.given_back(cny(5000), START).available(START), cny(5000));
    }

    #[test]
    fn terms_that_bound_nothing_are_none() {
        let period = |days, amount| Some(PeriodBound { days, amount });
        for (terms, good) in [
            (terms(None), true),
            (terms(period(1, cny(1))), true),
            (terms(period(MAX_PERIOD_DAYS, cny(1))), true),
            (terms(period(0, cny(1))), false),
            (terms(period(MAX_PERIOD_DAYS + 1, cny(1))), false),
            (terms(period(1, cny(0))), false),
            (terms(period(1, money(1, "USD"))), false),
            (MandateTerms { max_amount: cny(0), ..terms(None) }, false),
            (MandateTerms { expires_at: START, ..terms(None) }, false),
            (MandateTerms { agree_by: START, ..terms(None) }, false),
        ] {
            assert_eq!(Mandate::create(terms).is_some(), good);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        /// Debits at any time, some of which come to nothing: those that count are never above a bound.
        #[test]
        fn the_debits_of_a_period_are_never_above_its_bound(
            days in 1..40_u16,
            bound in 1..20_000_i64,
            debits in proptest::collection::vec((1..6000_i64, 0..20_i64, any::<bool>()), 0..60),
        ) {
            let mut mandate = active(Some(PeriodBound { days, amount: cny(bound) }));
            let mut sums = std::collections::BTreeMap::<i64, i64>::new();
            let mut now = START;
            for (minor, hours, fails) in debits {
                now = now.plus_secs(hours * 3600);
                let period = now.as_ms().saturating_sub(START.as_ms()) / (i64::from(days) * DAY_MS);
                let available = mandate.available(now).minor();
                match mandate.debit(cny(minor), now) {
                    Ok(after) => {
                        prop_assert!(minor <= available);
                        mandate = after;
                        if fails {
                            mandate = mandate.given_back(cny(minor), now);
                        } else {
                            *sums.entry(period).or_default() += minor;
                        }
                    }
                    Err(refusal) => {
                        prop_assert!(minor > available, "{}", refusal);
                    }
                }
                prop_assert!(sums.get(&period).copied().unwrap_or_default() <= bound);
            }
        }

        #[test]
        fn a_mandate_ends_once(words in proptest::collection::vec((0..WORDS.len(), 0..3_i64), 0..20)) {
            let (mut mandate, mut now, mut ends) = (made(None), START, 0);
            for (at, days) in words {
                now = now.plus_secs(days * 40 * DAY);
                let Ok(after) = step(mandate.clone(), event(WORDS[at]), now) else { continue };
                let told = after.effects.iter().filter(|it| matches!(it, MandateEffect::Notify(_))).count();
                let moved = after.mandate.state.status() != mandate.state.status();
                prop_assert_eq!(told, usize::from(moved));
                ends += usize::from(moved && after.mandate.ends_at().is_none());
                mandate = after.mandate;
            }
            prop_assert_eq!(ends, usize::from(mandate.ends_at().is_none()));
        }
    }
}
