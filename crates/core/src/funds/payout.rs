//! The life of a payout: [`step()`] is the only place where a decision about it is made.
//!
//! ```text
//!  needs_approval ──▶ accepted ──▶ queued ──▶ sent ──▶ paid ──▶ returned
//!        │               │           │        │  ▲
//!        └───────────────┴───────────┘        │  └──▶ unknown ──▶ paid, failed, returned
//!                        ▼                    ▼
//!                    cancelled             failed
//! ```
//!
//! The amount and the fee are taken from what is available in the commit that accepts the payout. From
//! when the channel is asked on, only the channel's definite word frees or spends them: silence is
//! `unknown`, and its number never changes, so asking again is never a second payout. `paid` is not
//! the end: a bank may return the money days later, and then it is its owner's again, once.
//!
//! Every state and event stand in one table: `payout/table.txt`, which the tests hold row by row.

mod books;
#[cfg(test)]
mod tests;

pub use books::BadPayout;
use serde::{Deserialize, Serialize};

use crate::id::{MerchantId, PayoutBatchId, PayoutId, SettlementId};
use crate::ledger::{Account, Entry};
use crate::mask;
use crate::money::Money;
use crate::time::Timestamp;

/// The terms on which the payout was accepted; never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayoutTerms {
    /// The payout.
    pub id: PayoutId,
    /// Whose it is.
    pub merchant: MerchantId,
    /// The merchant's own number, unique for the merchant.
    pub merchant_payout_id: String,
    /// Whose available account it is taken from, if not the merchant's own: one that it shares with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receiver: Option<String>,
    /// The amount that arrives; more than zero.
    pub amount: Money,
    /// The fee on top of the amount, in its currency.
    pub fee: Money,
    /// Whether the fee goes back, too, if the amount comes back after it was paid.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fee_returned: bool,
    /// The channel that pays.
    pub channel: String,
    /// Where to: as it was when the payout was accepted.
    pub destination: Destination,
    /// The text that the recipient reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The contract that fee and limits come from; 0 is the one that everybody begins with.
    pub contract: u32,
    /// The settlement batch that it pays, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settlement: Option<SettlementId>,
    /// The batch that it was accepted with, if one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<PayoutBatchId>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// It is not sent before: its destination is new, or it is for later.
    pub not_before: Timestamp,
}

/// Where a payout goes to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Destination {
    /// A kind of account that the channel pays to, such as `wallet` or `bank_account`.
    pub kind: String,
    /// The account's number or name there.
    pub account: String,
    /// Whose it is, for the channel to check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
}

impl Destination {
    /// The kind, and the end of the account's number or name: enough to tell two apart.
    pub fn masked(&self) -> Self {
        Self { kind: self.kind.clone(), account: mask::account(&self.account), holder: None }
    }
}

/// A payout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payout {
    /// The terms on which it was accepted.
    pub terms: PayoutTerms,
    /// Where it stands.
    pub state: PayoutState,
    /// The second person's decision, if one was needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// The items that a person must look at; empty but for rare trouble.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attention: Vec<PayoutAttention>,
    /// Rises by one with each change.
    pub version: u64,
    /// How many events its merchant was told of, or will be.
    pub notices: u32,
}

/// Where a payout stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum PayoutState {
    /// Waits for a second person's word.
    NeedsApproval,
    /// Waits for its time.
    Accepted,
    /// Is to be sent, and can still be called off.
    Queued,
    /// The channel is being asked, or has been.
    Sent {
        /// Since when.
        at: Timestamp,
    },
    /// The channel could not say in time what became of it. It is asked again once a person looked;
    /// should it say so by itself, that counts.
    Unknown {
        /// Since when it is sent.
        at: Timestamp,
    },
    /// The channel says that the money arrived.
    Paid {
        /// The channel's own number for it.
        channel_ref: String,
        /// When the channel said so.
        at: Timestamp,
    },
    /// The channel refused, and the money is its owner's again.
    Failed {
        /// Why, as a stable word.
        code: String,
        /// Since when.
        at: Timestamp,
    },
    /// The money came back after it had been paid, and is its owner's again.
    Returned {
        /// Why, as a stable word.
        code: String,
        /// When the channel had said that it arrived; absent if it said both at once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        paid_at: Option<Timestamp>,
        /// Since when.
        at: Timestamp,
    },
    /// Called off before the channel was asked.
    Cancelled {
        /// By whom.
        by: CancelledBy,
        /// Since when.
        at: Timestamp,
    },
}

/// The party that cancelled a payout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelledBy {
    /// The merchant.
    Merchant,
    /// The person whose approval it needed.
    Approver,
}

impl CancelledBy {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Merchant => "merchant",
            Self::Approver => "approver",
        }
    }
}

impl PayoutState {
    /// Every status.
    pub const STATUSES: [&'static str; 9] = [
        "needs_approval",
        "accepted",
        "queued",
        "sent",
        "unknown",
        "paid",
        "failed",
        "returned",
        "cancelled",
    ];

    /// The statuses of one that has not ended.
    pub const OPEN: [&'static str; 5] = ["needs_approval", "accepted", "queued", "sent", "unknown"];

    /// Whether it came to something. One that was paid may still be returned.
    pub fn has_ended(&self) -> bool {
        !Self::OPEN.contains(&self.status())
    }

    /// The status as the API names it.
    pub fn status(&self) -> &'static str {
        match self {
            Self::NeedsApproval => "needs_approval",
            Self::Accepted => "accepted",
            Self::Queued => "queued",
            Self::Sent { .. } => "sent",
            Self::Unknown { .. } => "unknown",
            Self::Paid { .. } => "paid",
            Self::Failed { .. } => "failed",
            Self::Returned { .. } => "returned",
            Self::Cancelled { .. } => "cancelled",
        }
    }
}

/// A second person's decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Whether it may be sent.
    pub approved: bool,
    /// Why.
    pub reason: String,
    /// The person who decided.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// An item that a person must look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum PayoutAttention {
    /// The channel could not say in time what became of it.
    Silence,
    /// The channel says that another amount arrived.
    Amount {
        /// The amount that the channel reported.
        paid: Money,
    },
    /// The channel says that it paid what it had refused to pay.
    Contradiction,
}

/// An event of a payout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PayoutEvent {
    /// A second person decided.
    Decided {
        /// Whether it may be sent.
        approved: bool,
        /// Why.
        reason: String,
        /// The person who decided.
        by: String,
    },
    /// Its time has come.
    Due,
    /// The channel is about to be asked.
    SendBegun,
    /// The channel says that the money arrived.
    Paid {
        /// How much.
        amount: Money,
        /// The channel's own number.
        channel_ref: String,
    },
    /// The channel says that it did not pay and will not.
    Failed {
        /// Why, as a stable word.
        code: String,
    },
    /// The channel says that the money came back.
    Returned {
        /// Why, as a stable word.
        code: String,
    },
    /// The merchant calls it off.
    CancelRequested,
    /// The channel had its time to say, and did not.
    Unresolved,
    /// A person looked, and the channel is asked again.
    Resumed,
}

/// An action to take once the step is committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayoutEffect {
    /// Queue it at its time.
    Wake,
    /// Have the channel pay, and ask it until it knows.
    Send,
    /// Ask the channel for some days whether the money came back.
    Watch,
    /// Tell the merchant.
    Notify(PayoutNotice),
}

/// An event that a merchant is notified of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayoutNotice {
    /// The money arrived.
    Paid,
    /// The channel refused.
    Failed,
    /// The money came back.
    Returned,
    /// It was called off.
    Cancelled,
    /// A person must look.
    NeedsAttention,
}

impl PayoutNotice {
    /// Every event's type.
    pub const EVENT_TYPES: [&'static str; 5] = [
        "payout.paid",
        "payout.failed",
        "payout.returned",
        "payout.cancelled",
        "payout.needs_attention",
    ];

    /// The event's type in a callback.
    pub fn event_type(self) -> &'static str {
        match self {
            Self::Paid => "payout.paid",
            Self::Failed => "payout.failed",
            Self::Returned => "payout.returned",
            Self::Cancelled => "payout.cancelled",
            Self::NeedsAttention => "payout.needs_attention",
        }
    }
}

/// The result of a step: all of it is committed, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayoutStep {
    /// The payout as it is now.
    pub payout: Payout,
    /// The entries to book, in this order.
    pub entries: Vec<Entry>,
    /// The actions to take after the commit.
    pub effects: Vec<PayoutEffect>,
}

/// The limits of payouts in one currency, in its minor units, as a contract sets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayoutRules {
    /// The least that one payout may be.
    pub min: i64,
    /// The most.
    pub max: i64,
    /// The most of all payouts of a day together.
    pub day_max: i64,
    /// More than this needs a second person's word.
    pub approval_above: i64,
}

/// The sums that a payout is checked against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Funds {
    /// The owner's available balance, with all that this very commit books.
    pub available: Money,
    /// The sum of the merchant's other payouts that were accepted on the same day.
    pub today: Money,
}

/// Why a payout is not accepted, or an event cannot happen to it. It stays as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayoutRefusal {
    /// The payout is in a state that does not allow it.
    #[error("the payout is {status}, so this is not possible")]
    State {
        /// Its status.
        status: &'static str,
    },
    /// Its time has not come.
    #[error("it is too early for this")]
    TooEarly,
    /// The channel speaks of a payout that it was never asked for.
    #[error("the channel was not asked for this payout")]
    NotAsked,
    /// A second person decided otherwise.
    #[error("the payout was {} before", if *approved { "approved" } else { "refused" })]
    Decided {
        /// How.
        approved: bool,
    },
    /// Nothing is to be paid, or in two currencies.
    #[error("a payout is more than nothing, in one currency")]
    Nothing,
    /// Less than the contract allows.
    #[error("a payout is at least {min}")]
    BelowMinimum {
        /// The least.
        min: Money,
    },
    /// More than the contract allows.
    #[error("a payout is at most {max}")]
    AboveMaximum {
        /// The most.
        max: Money,
    },
    /// More than the contract allows of all payouts of a day.
    #[error("only {left} more can be paid out today")]
    DayLimit {
        /// The amount left.
        left: Money,
    },
    /// More than is available, with the fee.
    #[error("only {available} is available, fee included")]
    InsufficientFunds {
        /// The amount available.
        available: Money,
    },
}

impl Payout {
    /// Accepts a payout: what it takes is set aside in the same commit.
    ///
    /// # Errors
    ///
    /// [`PayoutRefusal`].
    pub fn accept(
        terms: PayoutTerms,
        rules: PayoutRules,
        funds: Funds,
    ) -> Result<PayoutStep, PayoutRefusal> {
        let amount = terms.amount;
        let of = |minor| Money::new(minor, amount.currency()).map_err(|_| PayoutRefusal::Nothing);
        let taken = amount.checked_add(terms.fee).filter(|_| amount.minor() > 0);
        let taken = taken.ok_or(PayoutRefusal::Nothing)?;
        let (min, max) = (of(rules.min)?, of(rules.max)?);
        if amount.checked_sub(min).is_none() {
            return Err(PayoutRefusal::BelowMinimum { min });
        }
        if max.checked_sub(amount).is_none() {
            return Err(PayoutRefusal::AboveMaximum { max });
        }
        let left = of(rules.day_max)?.checked_sub(funds.today).unwrap_or(of(0)?);
        if left.checked_sub(amount).is_none() {
            return Err(PayoutRefusal::DayLimit { left });
        }
        if funds.available.checked_sub(taken).is_none() {
            return Err(PayoutRefusal::InsufficientFunds { available: funds.available });
        }
        let now = terms.created_at;
        let needs_approval = amount.minor() > rules.approval_above;
        let payout = Self {
            terms,
            state: PayoutState::NeedsApproval,
            approval: None,
            attention: Vec::new(),
            version: 1,
            notices: 0,
        };
        let entry = payout.request().ok_or(PayoutRefusal::Nothing)?;
        let mut step = if needs_approval { payout.step() } else { payout.waiting(now) };
        step.payout.version = 1;
        step.entries.push(entry);
        Ok(step)
    }

    /// The account that it is taken from.
    pub fn owner(&self) -> Account {
        self.terms.owner()
    }

    /// Whether the channel may have been asked and has not said for good what became of it.
    pub fn is_open_at_channel(&self) -> bool {
        matches!(self.state, PayoutState::Sent { .. } | PayoutState::Unknown { .. })
    }

    /// Whether it takes part in what a day's payouts are together: its money is gone or on its way.
    pub fn counts_today(&self) -> bool {
        !matches!(self.state, PayoutState::Failed { .. } | PayoutState::Cancelled { .. })
    }

    /// Allowed to go: now, or at its time.
    fn waiting(self, now: Timestamp) -> PayoutStep {
        let (state, effect) = if now >= self.terms.not_before {
            (PayoutState::Queued, PayoutEffect::Send)
        } else {
            (PayoutState::Accepted, PayoutEffect::Wake)
        };
        let mut step = self.moved(state).step();
        step.effects.push(effect);
        step
    }

    fn changed(mut self) -> Self {
        self.version += 1;
        self
    }

    fn moved(self, state: PayoutState) -> Self {
        Self { state, ..self.changed() }
    }

    fn step(self) -> PayoutStep {
        PayoutStep { payout: self, entries: Vec::new(), effects: Vec::new() }
    }

    fn notified(mut self, notice: PayoutNotice) -> PayoutStep {
        self.notices += 1;
        let mut step = self.step();
        step.effects.push(PayoutEffect::Notify(notice));
        step
    }

    /// Something that a person must look at, once.
    fn attended(mut self, what: PayoutAttention) -> PayoutStep {
        if self.attention.contains(&what) {
            return self.step();
        }
        self.attention.push(what);
        self.changed().notified(PayoutNotice::NeedsAttention)
    }
}

impl PayoutTerms {
    /// The account that it is taken from.
    pub fn owner(&self) -> Account {
        match &self.receiver {
            Some(receiver) => Account::ReceiverAvailable(self.merchant.clone(), receiver.clone()),
            None => Account::MerchantAvailable(self.merchant.clone()),
        }
    }
}

/// Applies what happened to a payout. Told the same thing twice, it changes nothing the second time:
/// such a step has the version it came with.
///
/// # Errors
///
/// See [`PayoutRefusal`].
pub fn step(
    payout: Payout,
    event: PayoutEvent,
    now: Timestamp,
) -> Result<PayoutStep, PayoutRefusal> {
    use PayoutEvent as Event;
    use PayoutState as State;
    let state = payout.state.clone();
    let refuse = Err(PayoutRefusal::State { status: state.status() });
    match (state, event) {
        // People, before it is sent.
        (State::NeedsApproval, Event::Decided { approved, reason, by }) => {
            Ok(decide(payout, Approval { approved, reason, by, at: now }, now))
        }
        (_, Event::Decided { approved, .. }) => match &payout.approval {
            Some(before) if before.approved == approved => Ok(payout.step()),
            Some(before) => Err(PayoutRefusal::Decided { approved: before.approved }),
            None => refuse,
        },
        (State::NeedsApproval | State::Accepted | State::Queued, Event::CancelRequested) => {
            Ok(cancel(payout, CancelledBy::Merchant, now))
        }
        (State::Cancelled { by: CancelledBy::Merchant, .. }, Event::CancelRequested) => {
            Ok(payout.step())
        }
        (_, Event::CancelRequested) => refuse,

        // Its time.
        (State::Accepted, Event::Due) => {
            if now < payout.terms.not_before {
                return Err(PayoutRefusal::TooEarly);
            }
            Ok(payout.waiting(now))
        }
        (_, Event::Due) => Ok(payout.step()),
        (State::Queued, Event::SendBegun) => Ok(payout.moved(State::Sent { at: now }).step()),
        (State::NeedsApproval | State::Accepted, Event::SendBegun) => refuse,
        // Begun before, or called off.
        (_, Event::SendBegun) => Ok(payout.step()),

        // The channel.
        (State::Sent { .. } | State::Unknown { .. }, Event::Paid { amount, channel_ref }) => {
            if amount != payout.terms.amount {
                return Ok(payout.attended(PayoutAttention::Amount { paid: amount }));
            }
            Ok(pay(payout, channel_ref, now))
        }
        (State::Paid { .. } | State::Returned { .. }, Event::Paid { .. }) => Ok(payout.step()),
        (State::Failed { .. }, Event::Paid { .. }) => {
            Ok(payout.attended(PayoutAttention::Contradiction))
        }
        (State::Sent { .. } | State::Unknown { .. }, Event::Failed { code }) => {
            Ok(fail(payout, code, now))
        }
        // Some that fail were called paid at first: what had gone is back.
        (State::Paid { at, .. }, Event::Failed { code } | Event::Returned { code }) => {
            Ok(return_money(payout, code, Some(at), now))
        }
        (State::Failed { .. } | State::Returned { .. }, Event::Failed { .. }) => Ok(payout.step()),
        // Paid and returned before anybody heard of either.
        (State::Sent { .. } | State::Unknown { .. }, Event::Returned { code }) => {
            Ok(return_money(payout, code, None, now))
        }
        (State::Failed { .. } | State::Returned { .. }, Event::Returned { .. }) => {
            Ok(payout.step())
        }
        (
            State::NeedsApproval | State::Accepted | State::Queued | State::Cancelled { .. },
            Event::Paid { .. } | Event::Failed { .. } | Event::Returned { .. },
        ) => Err(PayoutRefusal::NotAsked),

        // Silence, and people.
        (State::Sent { at }, Event::Unresolved) => {
            let payout = Payout { state: State::Unknown { at }, ..payout };
            Ok(payout.attended(PayoutAttention::Silence))
        }
        (_, Event::Unresolved) => Ok(payout.step()),
        (State::Unknown { at }, Event::Resumed) => {
            let mut payout = payout.moved(State::Sent { at });
            payout.attention.retain(|it| *it != PayoutAttention::Silence);
            let mut step = payout.step();
            step.effects.push(PayoutEffect::Send);
            Ok(step)
        }
        (_, Event::Resumed) => Ok(payout.step()),
    }
}

fn decide(mut payout: Payout, approval: Approval, now: Timestamp) -> PayoutStep {
    let approved = approval.approved;
    payout.approval = Some(approval);
    if approved { payout.waiting(now) } else { cancel(payout, CancelledBy::Approver, now) }
}

fn cancel(payout: Payout, by: CancelledBy, now: Timestamp) -> PayoutStep {
    let payout = payout.moved(PayoutState::Cancelled { by, at: now });
    let entries = payout.released().into_iter().collect();
    PayoutStep { entries, ..payout.notified(PayoutNotice::Cancelled) }
}

fn pay(payout: Payout, channel_ref: String, now: Timestamp) -> PayoutStep {
    let mut payout = payout.moved(PayoutState::Paid { channel_ref, at: now });
    payout.attention.clear();
    let entries = payout.paid().into_iter().collect();
    let mut step = PayoutStep { entries, ..payout.notified(PayoutNotice::Paid) };
    step.effects.push(PayoutEffect::Watch);
    step
}

fn fail(payout: Payout, code: String, now: Timestamp) -> PayoutStep {
    let mut payout = payout.moved(PayoutState::Failed { code, at: now });
    payout.attention.clear();
    let entries = payout.failed().into_iter().collect();
    PayoutStep { entries, ..payout.notified(PayoutNotice::Failed) }
}

/// The money is its owner's again, whatever had been heard of it before.
fn return_money(
    payout: Payout,
    code: String,
    paid_at: Option<Timestamp>,
    now: Timestamp,
) -> PayoutStep {
    let mut payout = payout.moved(PayoutState::Returned { code, paid_at, at: now });
    payout.attention.clear();
    let paid = payout.paid().filter(|_| paid_at.is_none());
    let entries = paid.into_iter().chain(payout.returned()).collect();
    PayoutStep { entries, ..payout.notified(PayoutNotice::Returned) }
}
