//! Money that a shopper pays to the merchant's own account at a channel. It never is in our hands, so nothing of it is
//! owed to the merchant, settled, split, kept back or paid out.
//!
//! The ledger remembers what came there and what went back, on two accounts that stand against each other, and books
//! what is ours: the fee, which the merchant owes, for there is nothing to take it from.
//!
//! | entry | debit | credit |
//! |---|---|---|
//! | `direct_payment` | `direct_at_channel` all, `merchant_available` fee | `merchant_direct` all, `fee_income` fee |
//! | `direct_refund`, `direct_void` | `merchant_direct` what went back, `fee_income` the fee that it gives back | `direct_at_channel` what went back, `merchant_available` that fee |
//! | what a refund costs, in the same entry | `merchant_available` | `fee_income` |
//! | `direct_unexpected_payment` | `direct_at_channel` all | `merchant_direct` all |
//! | `direct_payment_return` | `merchant_direct` all | `direct_at_channel` all |
//!
//! A refund or a void is booked once it went through, and not when it is asked for: it is the merchant's own account
//! that it is taken from, so there is nothing here to set aside. [`Entry::with_debts`] takes the fee from what is
//! available to the merchant, and what is not available is owed.
//!
//! The attempt says to whose account the money goes, so an order is direct by the attempt that pays it, whichever
//! others were begun before or after.

use super::{
    BadBooks, Captured, DirectAccount, Order, Refund, RefundState, Return, SplitTime, State,
};
use crate::id::AttemptId;
use crate::ledger::{Account, Entry, Kind};
use crate::money::Money;

impl Order {
    /// The merchant's own account that the payment came to; none if it came to ours, or nothing came.
    pub fn direct(&self) -> Option<&DirectAccount> {
        self.direct_of(&self.state.payment()?.attempt)
    }

    /// The merchant's own account that an attempt is made to; none if it is made to ours.
    pub fn direct_of(&self, attempt: &AttemptId) -> Option<&DirectAccount> {
        self.attempt(attempt)?.account.as_ref()
    }

    /// Whether it may be paid to the merchant's own account: nobody else is to have a part of it, and it is not to be
    /// converted, for we would have to hold it. A debit is charged in our name.
    pub fn may_be_direct(&self) -> bool {
        self.terms.shares.is_empty()
            && self.terms.split == SplitTime::Agreed
            && self.terms.fx.is_none()
            && self.terms.mandate.is_none()
    }

    /// Every entry of a payment to the merchant's own account, without those of other attempts.
    pub(super) fn direct_entries(&self) -> Result<Vec<Entry>, BadBooks> {
        let bad = || BadBooks("an amount is more than what it is a part of");
        let captured = match &self.state {
            State::Paid { captured, settled: None, .. } => Some(captured),
            State::Paid { .. } => return Err(BadBooks("a settlement of what was paid directly")),
            State::Voiding { captured, .. } | State::Voided { captured, .. } => captured.as_ref(),
            _ => None,
        };
        let Some(captured) = captured else {
            return match self.refunds.is_empty() {
                true => Ok(Vec::new()),
                false => Err(BadBooks("refunds of what was never paid")),
            };
        };
        if !self.may_be_direct() || !self.splits.is_empty() || self.split_finish.is_some() {
            return Err(BadBooks("shares of what was paid directly"));
        }
        let mut entries = vec![self.direct_payment(captured).ok_or_else(bad)?];
        if matches!(self.state, State::Voided { .. }) {
            entries.push(self.direct_void(captured).ok_or_else(bad)?);
        }
        for refund in &self.refunds {
            if !matches!(refund.from, Account::MerchantDirect(_)) || refund.is_taken_elsewhere() {
                return Err(BadBooks("a refund of what was paid directly is taken from elsewhere"));
            }
            if matches!(refund.state, RefundState::Succeeded { .. }) {
                entries.push(self.direct_refund(refund).ok_or_else(bad)?);
            }
        }
        Ok(entries)
    }

    pub(super) fn direct_payment(&self, captured: &Captured) -> Option<Entry> {
        let attempt = &self.state.payment()?.attempt;
        let fee = self.fee(captured.amount)?;
        Entry::transfer(
            Kind::DirectPayment,
            [(self.at_channel(attempt)?, captured.amount), (self.payer_of_charges(), fee)],
            [(self.merchant_direct(), captured.amount), (Account::FeeIncome, fee)],
        )
    }

    pub(super) fn direct_void(&self, captured: &Captured) -> Option<Entry> {
        self.went_back(Kind::DirectVoid, captured.amount, self.fee(captured.amount)?, None)
    }

    pub(super) fn direct_refund(&self, refund: &Refund) -> Option<Entry> {
        self.went_back(Kind::DirectRefund, refund.amount, refund.fee, refund.charged())
    }

    pub(super) fn direct_unexpected(&self, it: &Return) -> Option<Entry> {
        let at_channel = (self.at_channel(&it.attempt)?, it.amount);
        let own = (self.merchant_direct(), it.amount);
        Entry::transfer(Kind::DirectUnexpectedPayment, [at_channel], [own])
    }

    pub(super) fn direct_returned(&self, it: &Return) -> Option<Entry> {
        let at_channel = (self.at_channel(&it.attempt)?, it.amount);
        let own = (self.merchant_direct(), it.amount);
        Entry::transfer(Kind::DirectPaymentReturn, [own], [at_channel])
    }

    pub(super) fn merchant_direct(&self) -> Account {
        Account::MerchantDirect(self.terms.merchant.clone())
    }

    fn went_back(
        &self,
        kind: Kind,
        amount: Money,
        fee: Money,
        charged: Option<Money>,
    ) -> Option<Entry> {
        let at_channel = self.at_channel(&self.state.payment()?.attempt)?;
        let charged = charged.unwrap_or(Money::zero(amount.currency()));
        let merchant = self.payer_of_charges();
        Entry::transfer(
            kind,
            [
                (self.merchant_direct(), amount),
                (Account::FeeIncome, fee),
                (merchant.clone(), charged),
            ],
            [(at_channel, amount), (merchant, fee), (Account::FeeIncome, charged)],
        )
    }

    fn at_channel(&self, attempt: &AttemptId) -> Option<Account> {
        let channel = self.attempt(attempt)?.channel.clone();
        Some(Account::DirectAtChannel(self.terms.merchant.clone(), channel))
    }
}
