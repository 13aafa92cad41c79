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

use super::{
    Effect, MAX_RETURNS, MAX_SPLITS, NewSplit, NewSplitReturn, Notice, Order, Refund, RefundState,
    Refusal, SPLIT_SECS, Settled, Split, SplitFailure, SplitFinish, SplitItem, SplitMode,
    SplitReturn, SplitReturnState, SplitTime, State, Step,
};
use crate::id::{SplitId, SplitReturnId};
use crate::ledger::{Account, Entry, Kind};
use crate::money::Money;
use crate::policy::Share;
use crate::time::Timestamp;

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
    // Of a debit that came back nothing is left that the clock could end.
    if order.split_finish.is_some() || (!asked && order.debit_return.is_some()) {
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
    let entry = order.finish_entry(&finish);
    order.split_finish = Some(finish);
    Ok(Step { entry, ..order.changed().notified(Notice::SplitFinished) })
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

    /// The part that is settled and waits to be split: neither kept back, nor shared out, nor taken by a refund, nor the
    /// merchant's to take out. Nothing of an order that is not split later.
    pub fn unsplit(&self) -> Money {
        let zero = self.terms.nothing();
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
            .chain(came_back.filter_map(Refund::gave_back_where_it_lay));
        let gone = shared
            .chain(self.reserved.iter().map(|it| it.amount))
            .chain(taken.filter_map(Refund::taken_where_it_lay))
            .chain(self.split_finish.iter().map(|it| it.amount))
            .chain(self.debit_return.iter().filter(|it| frozen(&it.from)).map(|it| it.taken));
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
        let zero = self.terms.nothing();
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
        self.is_split_later()
            && self.settled().is_some()
            && self.split_finish.is_none()
            && self.debit_return.is_none()
    }

    pub(super) fn settled(&self) -> Option<&Settled> {
        match &self.state {
            State::Paid { settled, .. } => settled.as_ref(),
            _ => None,
        }
    }

    fn check_splits(&self) -> Result<&Settled, Refusal> {
        if self.direct().is_some() {
            return Err(Refusal::PaidDirectly);
        }
        if !self.is_split_later() {
            return Err(Refusal::NotSplitLater);
        }
        if self.debit_return.is_some() {
            return Err(Refusal::DebitReturned);
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
        let zero = self.terms.nothing();
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
            [(Account::MerchantAvailable(merchant.clone()), finish.amount)],
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
