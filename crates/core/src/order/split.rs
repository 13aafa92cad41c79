//! A payment that is split later: what is settled waits, frozen, until its merchant has shared it out.
//!
//! ```text
//!                 settlement        splits            finish, or 30 days
//!  merchant_pending ──▶ merchant_frozen ──▶ receiver_available
//!                          ▲      │               │
//!                          └──────│── returns ────┘
//!                                 └──▶ merchant_available, and so do returns from then on
//! ```
//!
//! The part that waits is counted from what happened to the order, so that it can be no other number than what
//! its entries say. No split takes more than that, whatever came between.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Effect, MAX_RETURNS, MAX_SPLITS, Notice, Order, Refund, RefundState, Refusal, SPLIT_SECS,
    Settled, State, Step,
};
use crate::id::{SplitId, SplitReturnId};
use crate::ledger::{Account, Entry, Kind};
use crate::money::Money;
use crate::policy::Share;
use crate::time::Timestamp;

/// When it is said who shares a payment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitTime {
    /// When the order is created, and booked when it is settled.
    #[default]
    Agreed,
    /// Once it is settled, by as many splits as the merchant needs.
    Later,
}

impl SplitTime {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agreed => "agreed",
            Self::Later => "later",
        }
    }

    /// As it is unless something else is asked for.
    pub fn is_agreed(&self) -> bool {
        *self == Self::Agreed
    }
}

/// How a split ends of which some shares cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitMode {
    /// It is refused.
    AllOrNothing,
    /// Those that can be are booked, in their order; the others are kept as failed.
    Partial,
}

impl SplitMode {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AllOrNothing => "all_or_nothing",
            Self::Partial => "partial",
        }
    }
}

/// A split of a settled payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Our id of it.
    pub id: SplitId,
    /// The merchant's own number, unique for the merchant.
    pub merchant_split_id: String,
    /// How it was to end if some shares could not be.
    pub mode: SplitMode,
    /// Its shares, as they were asked for.
    pub items: Vec<SplitItem>,
    /// What it cost the merchant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge: Option<Money>,
    /// The returns of it, failed ones included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub returns: Vec<SplitReturn>,
    /// When.
    pub at: Timestamp,
}

impl Split {
    /// The shares that were booked.
    pub fn booked(&self) -> impl Iterator<Item = &Share> {
        self.items.iter().filter(|it| it.failure.is_none()).map(|it| &it.share)
    }

    /// Whether every share was.
    pub fn is_whole(&self) -> bool {
        self.items.iter().all(|it| it.failure.is_none())
    }

    /// The returns of it that succeeded.
    pub fn returned(&self) -> impl Iterator<Item = &SplitReturn> {
        self.returns.iter().filter(|it| matches!(it.state, SplitReturnState::Succeeded { .. }))
    }
}

/// One share of a split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitItem {
    /// The receiver, and how much.
    pub share: Share,
    /// Why it was not booked, if it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<SplitFailure>,
}

/// Why a share was not booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitFailure {
    /// It is more than what those before it left to be split.
    ExceedsUnsplit,
    /// Its receiver was removed.
    ReceiverRemoved,
}

impl SplitFailure {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ExceedsUnsplit => "exceeds_unsplit",
            Self::ReceiverRemoved => "receiver_removed",
        }
    }
}

/// A share that is given back, whole or in part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitReturn {
    /// Our id of it.
    pub id: SplitReturnId,
    /// The merchant's own number, unique for the merchant.
    pub merchant_return_id: String,
    /// The receiver.
    pub receiver: String,
    /// How much.
    pub amount: Money,
    /// How it ended.
    pub state: SplitReturnState,
    /// When.
    pub at: Timestamp,
}

/// How a return ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum SplitReturnState {
    /// It is the merchant's again.
    Succeeded {
        /// The account that it went to: frozen until the splitting was finished, available from then on.
        to: Account,
    },
    /// The receiver has not as much available; nothing was booked.
    BalanceShort,
}

/// The end of splitting: what was left became the merchant's to take out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitFinish {
    /// The amount that was left.
    pub amount: Money,
    /// When.
    pub at: Timestamp,
    /// Whether the merchant asked for it; it ends by itself after [`SPLIT_SECS`].
    pub asked: bool,
}

/// A merchant's wish for a split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSplit {
    /// Our id of it.
    pub id: SplitId,
    /// The merchant's own number.
    pub merchant_split_id: String,
    /// How it is to end if some shares cannot be.
    pub mode: SplitMode,
    /// The shares, of different receivers, each of more than nothing.
    pub shares: Vec<Share>,
    /// Those of the receivers that were removed.
    pub removed: Vec<String>,
}

/// A merchant's wish for a return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSplitReturn {
    /// Our id of it.
    pub id: SplitReturnId,
    /// The split that it is of.
    pub split: SplitId,
    /// The merchant's own number.
    pub merchant_return_id: String,
    /// The receiver.
    pub receiver: String,
    /// How much.
    pub amount: Money,
    /// As much is available to the receiver now.
    pub available: Money,
}

/// Shares out what is frozen.
pub(super) fn split(mut order: Order, new: NewSplit, now: Timestamp) -> Result<Step, Refusal> {
    if order.split(&new.id).is_some() {
        return Ok(order.step());
    }
    order.check_splits()?;
    if order.splits.len() == MAX_SPLITS {
        return Err(Refusal::TooManySplits);
    }
    let NewSplit { id, merchant_split_id, mode, shares, removed } = new;
    let unsplit = order.unsplit();
    let mut left = unsplit;
    let mut items = Vec::with_capacity(shares.len());
    for share in shares {
        if share.amount.currency() != unsplit.currency() {
            return Err(Refusal::Currency { expected: unsplit.currency().code() });
        }
        if share.amount.minor() == 0 {
            return Err(Refusal::Nothing);
        }
        let failure = if removed.contains(&share.receiver) {
            Some(SplitFailure::ReceiverRemoved)
        } else if let Some(rest) = left.checked_sub(share.amount) {
            left = rest;
            None
        } else {
            Some(SplitFailure::ExceedsUnsplit)
        };
        match (mode, failure) {
            (SplitMode::AllOrNothing, Some(SplitFailure::ReceiverRemoved)) => {
                return Err(Refusal::ReceiverRemoved { receiver: share.receiver });
            }
            (SplitMode::AllOrNothing, Some(SplitFailure::ExceedsUnsplit)) => {
                return Err(Refusal::SplitTooLarge { available: unsplit });
            }
            _ => items.push(SplitItem { share, failure }),
        }
    }
    if items.is_empty() {
        return Err(Refusal::Nothing);
    }
    let returns = Vec::new();
    let mut split = Split { id, merchant_split_id, mode, items, charge: None, returns, at: now };
    split.charge = order.charge_of_split(&split);
    let entry = order.split_entry(&split);
    order.splits.push(split);
    Ok(Step { entry, ..order.changed().step() })
}

/// Lets the merchant have what is left. `after` names a split that it is to follow: should one of that
/// split's shares have failed, nothing happens.
pub(super) fn finish(
    mut order: Order,
    after: Option<&SplitId>,
    asked: bool,
    now: Timestamp,
) -> Result<Step, Refusal> {
    if order.split_finish.is_some() {
        return Ok(order.step());
    }
    let settled = order.check_splits()?;
    if !asked && now < settled.at.plus_secs(SPLIT_SECS) {
        return Err(Refusal::TooEarly);
    }
    if after.is_some_and(|id| !order.split(id).is_some_and(Split::is_whole)) {
        return Ok(order.step());
    }
    let finish = SplitFinish { amount: order.unsplit(), at: now, asked };
    let kept = order.keep_back(finish.amount, now);
    let entry = order.finish_entry(&finish);
    order.split_finish = Some(finish);
    let mut step = Step { entry, ..order.changed().notified(Notice::SplitFinished) };
    step.effects.extend(kept);
    Ok(step)
}

/// Takes a share back, or a part of it, from who has it available.
pub(super) fn give_back(
    mut order: Order,
    new: NewSplitReturn,
    now: Timestamp,
) -> Result<Step, Refusal> {
    let NewSplitReturn { id, split, merchant_return_id, receiver, amount, available } = new;
    if order.splits.iter().flat_map(|it| &it.returns).any(|it| it.id == id) {
        return Ok(order.step());
    }
    let left = order.returnable(&split, &receiver).ok_or(Refusal::UnknownSplit)?;
    if amount.currency() != left.currency() {
        return Err(Refusal::Currency { expected: left.currency().code() });
    }
    if amount.minor() == 0 {
        return Err(Refusal::Nothing);
    }
    if left.checked_sub(amount).is_none() {
        return Err(Refusal::SplitReturnTooLarge { available: left });
    }
    if order.splits.iter().map(|it| it.returns.len()).sum::<usize>() == MAX_RETURNS {
        return Err(Refusal::TooManySplitReturns);
    }
    let state = match available.checked_sub(amount) {
        Some(_) => SplitReturnState::Succeeded { to: order.owed() },
        None => SplitReturnState::BalanceShort,
    };
    let it = SplitReturn { id, merchant_return_id, receiver, amount, state, at: now };
    let (entry, id) = (order.return_entry(&it), it.id.clone());
    if let Some(found) = order.splits.iter_mut().find(|it| it.id == split) {
        found.returns.push(it);
    }
    let order = order.changed();
    match entry {
        Some(_) => Ok(Step { entry, ..order.notified(Notice::SplitReturned(id)) }),
        None => Ok(order.step()),
    }
}

impl Order {
    /// The split with this id.
    pub fn split(&self, id: &SplitId) -> Option<&Split> {
        self.splits.iter().find(|split| split.id == *id)
    }

    /// The return with this id, and the split that it is of.
    pub fn split_return(&self, id: &SplitReturnId) -> Option<(&Split, &SplitReturn)> {
        let all =
            self.splits.iter().flat_map(|split| split.returns.iter().map(move |it| (split, it)));
        all.into_iter().find(|(_, it)| it.id == *id)
    }

    /// The part that is settled and waits to be split: neither shared out, nor taken by a refund, nor the merchant's
    /// to take out. Nothing of an order that is not split later.
    pub fn unsplit(&self) -> Money {
        let zero = Money::zero(self.terms.amount.currency());
        let Some(settled) = self.settled().filter(|_| self.is_split_later()) else { return zero };
        let frozen = |account: &Account| matches!(account, Account::MerchantFrozen(_));
        let returned = self.splits.iter().flat_map(Split::returned);
        let returned = returned
            .filter(|it| matches!(&it.state, SplitReturnState::Succeeded { to } if frozen(to)));
        let came_back = self
            .refunds
            .iter()
            .filter(|it| matches!(&it.state, RefundState::Failed { to, .. } if frozen(to)));
        let taken = self.refunds.iter().filter(|it| frozen(&it.from));
        let shared = self.splits.iter().flat_map(Split::booked).map(|it| it.amount);
        let come = std::iter::once(settled.amount)
            .chain(returned.map(|it| it.amount))
            .chain(came_back.filter_map(Refund::taken_where_it_lay));
        let gone = shared
            .chain(taken.filter_map(Refund::taken_where_it_lay))
            .chain(self.split_finish.iter().map(|it| it.amount));
        let sum = come.into_iter().try_fold(zero, Money::checked_add);
        // An amount that goes was there, as `later.rs` holds.
        sum.and_then(|sum| gone.into_iter().try_fold(sum, Money::checked_sub)).unwrap_or(zero)
    }

    /// How much of its share of a split a receiver can still give back: what it has not, and what no refund
    /// took of it. `None` if it has no share of such a split.
    pub fn returnable(&self, split: &SplitId, receiver: &str) -> Option<Money> {
        let split = self.split(split)?;
        let share = split.booked().find(|it| it.receiver == receiver)?;
        let returned = split.returned().filter(|it| it.receiver == receiver);
        let left = returned.map(|it| it.amount).try_fold(share.amount, Money::checked_sub)?;
        let zero = Money::zero(left.currency());
        let still_has = self.still_had()?.into_iter().find(|it| it.receiver == receiver);
        let still_has = still_has.map_or(zero, |it| it.amount);
        Some(if still_has.minor() < left.minor() { still_has } else { left })
    }

    /// Each receiver's part of the payment: what was settled to it or split, less what it gave back and
    /// what it bore of refunds. By name, so that the order in which they are named is nothing.
    pub(super) fn still_had(&self) -> Option<Vec<Share>> {
        let zero = Money::zero(self.terms.amount.currency());
        let mut shares: BTreeMap<&str, Money> = BTreeMap::new();
        let settled = self.settled().into_iter().flat_map(|it| &it.shares);
        for it in settled.chain(self.splits.iter().flat_map(Split::booked)) {
            let share = shares.entry(&it.receiver).or_insert(zero);
            *share = share.checked_add(it.amount)?;
        }
        let counts = |it: &&Refund| !matches!(it.state, RefundState::Failed { .. });
        let borne = self.refunds.iter().filter(counts).flat_map(|it| &it.shares);
        let borne = borne.map(|it| (&it.receiver, it.amount));
        let returned = self.splits.iter().flat_map(Split::returned);
        for (receiver, amount) in borne.chain(returned.map(|it| (&it.receiver, it.amount))) {
            let share = shares.get_mut(receiver.as_str())?;
            *share = share.checked_sub(amount)?;
        }
        let shares = shares.into_iter();
        Some(
            shares
                .map(|(receiver, amount)| Share { receiver: receiver.to_owned(), amount })
                .collect(),
        )
    }

    /// Whether what is settled waits to be split.
    pub(super) fn is_split_later(&self) -> bool {
        self.terms.split == SplitTime::Later
    }

    /// Whether something may still be split of it.
    pub fn waits_for_splits(&self) -> bool {
        self.is_split_later() && self.settled().is_some() && self.split_finish.is_none()
    }

    pub(super) fn settled(&self) -> Option<&Settled> {
        match &self.state {
            State::Paid { settled, .. } => settled.as_ref(),
            _ => None,
        }
    }

    fn check_splits(&self) -> Result<&Settled, Refusal> {
        if !self.is_split_later() {
            return Err(Refusal::NotSplitLater);
        }
        if self.split_finish.is_some() {
            return Err(Refusal::SplitFinished);
        }
        self.settled().ok_or(Refusal::NotSettled)
    }

    /// Every entry of its splits, their returns and their end.
    pub(super) fn split_entries(&self) -> impl Iterator<Item = Entry> {
        let splits = self.splits.iter().filter_map(|it| self.split_entry(it));
        let returns = self.splits.iter().flat_map(|it| &it.returns);
        splits
            .chain(returns.filter_map(|it| self.return_entry(it)))
            .chain(self.split_finish.iter().filter_map(|it| self.finish_entry(it)))
    }

    /// `None` if there is nothing to move.
    fn split_entry(&self, split: &Split) -> Option<Entry> {
        let merchant = &self.terms.merchant;
        let zero = Money::zero(self.terms.amount.currency());
        let whole = split.booked().try_fold(zero, |sum, it| sum.checked_add(it.amount))?;
        let shares = split.booked().map(|it| {
            (Account::ReceiverAvailable(merchant.clone(), it.receiver.clone()), it.amount)
        });
        let charge = split.charge.unwrap_or(zero);
        let debits =
            [(Account::MerchantFrozen(merchant.clone()), whole), (self.payer_of_charges(), charge)];
        Entry::transfer(Kind::Split, debits, shares.chain([(Account::FeeIncome, charge)]))
            .filter(|entry| !entry.postings().is_empty())
    }

    /// `None` if there is nothing to move.
    fn finish_entry(&self, finish: &SplitFinish) -> Option<Entry> {
        let merchant = &self.terms.merchant;
        Entry::transfer(
            Kind::SplitFinish,
            [(Account::MerchantFrozen(merchant.clone()), finish.amount)],
            self.less_reserve(finish.amount)?,
        )
        .filter(|entry| !entry.postings().is_empty())
    }

    /// `None` if nothing was moved.
    fn return_entry(&self, it: &SplitReturn) -> Option<Entry> {
        let SplitReturnState::Succeeded { to } = &it.state else { return None };
        let from = Account::ReceiverAvailable(self.terms.merchant.clone(), it.receiver.clone());
        Entry::transfer(Kind::SplitReturn, [(from, it.amount)], [(to.clone(), it.amount)])
    }
}

/// The effects of a settlement: a payment that is split later is not so for ever.
pub(super) fn effects_of_settlement(order: &Order) -> Vec<Effect> {
    if order.waits_for_splits() { vec![Effect::FinishSplits] } else { Vec::new() }
}
