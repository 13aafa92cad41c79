//! The entries for the events of a payout: the one place that knows which accounts move.
//!
//! | entry | debit | credit |
//! |---|---|---|
//! | `payout_request` | the owner's available account, amount and fee | `payouts_in_flight` amount, `fee_income` fee |
//! | `payout` | `payouts_in_flight` amount | `prefund` the same |
//! | `payout_failure`, `payout_release` | `payouts_in_flight` amount, `fee_income` fee | the owner's available account, both |
//! | `payout_return` | `prefund` amount, and `fee_income` fee if that was agreed | the owner's available account, the same |

use super::{Payout, PayoutState};
use crate::ledger::{Account, Entry, Kind};

/// A payout that cannot have come about by [`super::step()`]: its record was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the payout contradicts itself: amount and fee are more than a number holds")]
pub struct BadPayout;

impl Payout {
    /// Every entry that the ledger must have for the payout as it is, in this order, and no other.
    ///
    /// # Errors
    ///
    /// [`BadPayout`].
    pub fn entries(&self) -> Result<Vec<Entry>, BadPayout> {
        let then: Vec<Option<Entry>> = match &self.state {
            PayoutState::NeedsApproval
            | PayoutState::Accepted
            | PayoutState::Queued
            | PayoutState::Sent { .. }
            | PayoutState::Unknown { .. } => vec![],
            PayoutState::Paid { .. } => vec![self.paid()],
            PayoutState::Failed { .. } => vec![self.failed()],
            PayoutState::Returned { .. } => vec![self.paid(), self.returned()],
            PayoutState::Cancelled { .. } => vec![self.released()],
        };
        std::iter::once(self.request()).chain(then).map(|it| it.ok_or(BadPayout)).collect()
    }

    pub(super) fn request(&self) -> Option<Entry> {
        let taken = self.terms.amount.checked_add(self.terms.fee)?;
        Entry::transfer(
            Kind::PayoutRequest,
            [(self.owner(), taken)],
            [(self.in_flight(), self.terms.amount), (Account::FeeIncome, self.terms.fee)],
        )
    }

    pub(super) fn paid(&self) -> Option<Entry> {
        let amount = self.terms.amount;
        Entry::transfer(Kind::Payout, [(self.in_flight(), amount)], [(self.prefund(), amount)])
    }

    pub(super) fn failed(&self) -> Option<Entry> {
        self.undone(Kind::PayoutFailure)
    }

    pub(super) fn released(&self) -> Option<Entry> {
        self.undone(Kind::PayoutRelease)
    }

    pub(super) fn returned(&self) -> Option<Entry> {
        let amount = self.terms.amount;
        let fee = Some(self.terms.fee).filter(|_| self.terms.fee_returned);
        let whole = fee.map_or(Some(amount), |fee| amount.checked_add(fee))?;
        let fee = fee.map(|fee| (Account::FeeIncome, fee));
        let debits = std::iter::once((self.prefund(), amount)).chain(fee);
        Entry::transfer(Kind::PayoutReturn, debits, [(self.owner(), whole)])
    }

    /// The entry that returns amount and fee whole.
    fn undone(&self, kind: Kind) -> Option<Entry> {
        let taken = self.terms.amount.checked_add(self.terms.fee)?;
        Entry::transfer(
            kind,
            [(self.in_flight(), self.terms.amount), (Account::FeeIncome, self.terms.fee)],
            [(self.owner(), taken)],
        )
    }

    fn in_flight(&self) -> Account {
        Account::PayoutsInFlight(self.terms.channel.clone())
    }

    fn prefund(&self) -> Account {
        Account::Prefund(self.terms.channel.clone())
    }
}
