//! The entries for the events of an order: the one place that knows which accounts move.
//!
//! | entry | debit | credit |
//! |---|---|---|
//! | `payment` | `channel_receivable` all | `merchant_pending` (or `_held`) net, `fee_income` fee |
//! | `hold_release` | `merchant_held` what is left | `merchant_pending` the same |
//! | `settlement` | `merchant_pending` what is left | `receiver_available` the shares, `merchant_available` the rest |
//! | what a refund, a settlement with shares or a split costs, in the same entry | `merchant_available` | `fee_income` |
//! | `settlement` of one that is split later | `merchant_pending` what is left | `merchant_frozen` the same |
//! | what is kept back at a `settlement`, in the same entry | | `merchant_reserve`, and that much less `merchant_available` or `_frozen` |
//! | `reserve_release` | `merchant_reserve` what is left | `merchant_available` the same |
//! | `split` | `merchant_frozen` the shares | `receiver_available` each its share |
//! | `split_finish` | `merchant_frozen` what is left | `merchant_available` the same |
//! | `split_return` | `receiver_available` | `merchant_frozen` until the finish, then `merchant_available` |
//! | `refund_request`, `void_request` | the merchant's account net (or whoever bears it), `fee_income` fee | `refunds_in_flight` all |
//! | `refund`, `void` | `refunds_in_flight` all | `channel_receivable` all |
//! | `refund_failure`, `void_failure` | `refunds_in_flight` all | the merchant's account net (or whoever bore it), `fee_income` fee |
//! | of an order that is settled in another currency, in the entry of its `payment` | `fx_position` the value with our spread | `fx_position` all, `fx_income` our spread |
//! | the same part of a refund or a void, in the entry that asks for it; turned round if it fails | `fx_position` all, `fx_income` our spread | `fx_position` the value with our spread |
//! | what a `refund_failure` gives back to a reserve that is not released | | `merchant_reserve`, and that much less elsewhere |
//! | `debit_return` | the merchant's account what lies there, `merchant_reserve` what is kept back, `merchant_available` the rest | `channel_receivable` all |
//! | `unexpected_payment` | `channel_receivable` all | `payment_returns` all |
//! | `payment_return` | `payment_returns` all | `channel_receivable` all |
//!
//! The fee of a capture is its share of the agreed fee, rounded down. A refund gives back its share
//! of that: not of its own amount, but as much as makes the sum right for all refunds so far, so
//! that a payment refunded in any number of parts gives back the whole fee and not a unit more.
//!
//! Shares were agreed of what amount and fee leave. If less is left when the payment is settled, for
//! less was captured or some was refunded, each is as much smaller, rounded down. A refund that is asked
//! for later is borne as the terms say: by the merchant alone, by a receiver alone, or by all in
//! proportion to what each still has of the payment, so that a payment refunded in any number of parts
//! takes exactly each share. What comes back when one fails goes to whoever bore it; one that was asked
//! for before the settlement was borne by the merchant.
//!
//! The merchant's part of a refund of one that is split later comes out of what waits to be split, and out
//! of what is available to it as far as that is too little. A receiver that is to bear such refunds alone
//! bears them up to what it has of the payment, for nobody knew its share when that was agreed.
//!
//! A payment to the merchant's own account has entries of its own: `order/direct.rs`.
//!
//! Nothing here knows what is available to anybody: an entry debits available accounts as if they
//! could be overdrawn, and [`Entry::with_debts`] makes of it what is booked.

use super::converting::Exchange;
use super::{BadBooks, Captured, Order, Refund, RefundBearer, RefundState, Return, Settled, State};
use crate::id::AttemptId;
use crate::ledger::{Account, Entry, Kind};
use crate::money::Money;
use crate::policy::Share;

impl Order {
    /// Every entry that the ledger must have for the order as it is, and no other.
    ///
    /// # Errors
    ///
    /// [`BadBooks`].
    pub fn entries(&self) -> Result<Vec<Entry>, BadBooks> {
        let bad = || BadBooks("an amount is more than what it is a part of");
        self.check_charges()?;
        self.check_reserve()?;
        self.check_conversion()?;
        self.check_debit_return()?;
        let mut entries = match self.direct() {
            Some(_) => self.direct_entries()?,
            None => self.entries_of_payment()?,
        };
        for it in &self.returns {
            entries.push(self.unexpected(it).ok_or_else(bad)?);
            if it.done {
                entries.push(self.returned(it).ok_or_else(bad)?);
            }
        }
        Ok(entries)
    }

    /// Those of the payment that came to us.
    pub(super) fn entries_of_payment(&self) -> Result<Vec<Entry>, BadBooks> {
        let bad = || BadBooks("an amount is more than what it is a part of");
        let mut entries = Vec::new();
        let captured = match &self.state {
            State::Paid { captured, .. } => Some(captured),
            State::Voiding { captured, .. } | State::Voided { captured, .. } => captured.as_ref(),
            _ => None,
        };
        if let Some(captured) = captured {
            entries.push(self.payment(captured).ok_or_else(bad)?);
            entries.extend(self.released().and_then(|it| self.hold_release(it.amount)));
            for nth in 0..self.failed_voids {
                entries.push(self.void(Kind::VoidRequest, captured, nth).ok_or_else(bad)?);
                entries.push(self.void(Kind::VoidFailure, captured, nth).ok_or_else(bad)?);
            }
            let nth = self.failed_voids;
            if !matches!(self.state, State::Paid { .. }) {
                entries.push(self.void(Kind::VoidRequest, captured, nth).ok_or_else(bad)?);
            }
            if matches!(self.state, State::Voided { .. }) {
                entries.push(self.void(Kind::Void, captured, nth).ok_or_else(bad)?);
            }
        } else if !self.refunds.is_empty() {
            return Err(BadBooks("refunds of what was never paid"));
        } else if self.released().is_some() {
            return Err(BadBooks("a release of what was never held"));
        }
        if let State::Paid { settled: Some(settled), .. } = &self.state {
            entries.extend(self.settlement(settled));
            entries.extend(self.split_entries());
            entries.extend(self.reserve_release());
        } else if !self.splits.is_empty() || self.split_finish.is_some() {
            return Err(BadBooks("splits of what was never settled"));
        }
        for refund in &self.refunds {
            entries.push(self.refund_entry(Kind::RefundRequest, refund).ok_or_else(bad)?);
            match &refund.state {
                RefundState::Pending => {}
                RefundState::Succeeded { .. } => {
                    entries.push(self.refund_entry(Kind::Refund, refund).ok_or_else(bad)?);
                }
                RefundState::Failed { .. } => {
                    entries.push(self.refund_entry(Kind::RefundFailure, refund).ok_or_else(bad)?);
                }
            }
        }
        if let Some(back) = &self.debit_return {
            entries.push(self.debit_return_entry(back).ok_or_else(bad)?);
        }
        Ok(entries)
    }

    /// The account where the merchant's part of this order lies now.
    pub(super) fn owed(&self) -> Account {
        let merchant = self.terms.merchant.clone();
        match &self.state {
            _ if self.direct().is_some() => self.merchant_direct(),
            // Nothing of it is settled or split any more: whatever still comes is the merchant's.
            _ if self.debit_return.is_some() => Account::MerchantAvailable(merchant),
            State::Paid { settled: Some(_), .. } if self.waits_for_splits() => {
                Account::MerchantFrozen(merchant)
            }
            State::Paid { settled: Some(_), .. } => Account::MerchantAvailable(merchant),
            _ => self.owed_after(self.failed_voids),
        }
    }

    /// The account where it lay, before it was settled, when so many voids had failed.
    fn owed_after(&self, failed_voids: u32) -> Account {
        let merchant = self.terms.merchant.clone();
        let released = self.approved().is_some()
            && self.released().is_none_or(|it| failed_voids >= it.failed_voids);
        if self.terms.held && !released {
            Account::MerchantHeld(merchant)
        } else {
            Account::MerchantPending(merchant)
        }
    }

    /// The fee of what was captured.
    pub(super) fn fee(&self, captured: Money) -> Option<Money> {
        let (value, whole) = (self.terms.value(captured)?, self.terms.value(self.terms.amount)?);
        self.terms.fee.share(value, whole)
    }

    /// The part of the fee that a refund gives back, after the refunds before it.
    pub(super) fn fee_given_back(&self, captured: Money, refund: &Refund) -> Option<Money> {
        let fee = self.fee(captured)?;
        let counts = |refund: &&Refund| !matches!(refund.state, RefundState::Failed { .. });
        let (mut refunded, mut given) = (refund.amount, Money::zero(fee.currency()));
        for before in self.refunds.iter().filter(counts) {
            refunded = refunded.checked_add(before.amount)?;
            given = given.checked_add(before.fee)?;
        }
        let due = fee.in_ratio(refunded, captured)?;
        // Refunds that failed since may have had the smaller parts of units, or the larger ones. Then
        // this one gives back nothing of the fee, or nothing else; the last of a payment, which leaves
        // the merchant nothing, comes out right either way, for what it lost so far never is more
        // than its share.
        let back = due.checked_sub(given).unwrap_or(Money::zero(fee.currency()));
        let value = refund.value();
        Some(if back.minor() > value.minor() { value } else { back })
    }

    /// The payment less its fee and its refunds.
    pub(super) fn net(&self, captured: Money) -> Option<Money> {
        let counts = |refund: &&Refund| !matches!(refund.state, RefundState::Failed { .. });
        let net = self.terms.value(captured)?.checked_sub(self.fee(captured)?)?;
        self.refunds
            .iter()
            .filter(counts)
            .try_fold(net, |net, it| net.checked_sub(it.value().checked_sub(it.fee)?))
    }

    pub(super) fn payment(&self, captured: &Captured) -> Option<Entry> {
        if self.direct().is_some() {
            return self.direct_payment(captured);
        }
        let fee = self.fee(captured.amount)?;
        let Exchange { given, taken } = self.exchange_of(captured.amount)?;
        let net = self.terms.value(captured.amount)?.checked_sub(fee)?;
        Entry::transfer(
            Kind::Payment,
            std::iter::once((self.receivable_of_payment()?, captured.amount)).chain(given),
            [(self.owed_at_first(), net), (Account::FeeIncome, fee)].into_iter().chain(taken),
        )
    }

    /// The entry for a void after so many failed ones; `None` for one that is asked for or failed of a payment to
    /// the merchant's own account.
    pub(super) fn void(&self, kind: Kind, captured: &Captured, failed_voids: u32) -> Option<Entry> {
        if self.direct().is_some() {
            return (kind == Kind::Void).then(|| self.direct_void(captured))?;
        }
        let fee = self.fee(captured.amount)?;
        let owed = self.owed_after(failed_voids);
        let net = self.terms.value(captured.amount)?.checked_sub(fee)?;
        let Exchange { given, taken } = self.exchange_of(captured.amount)?;
        let parts = [(owed, net), (Account::FeeIncome, fee)].into_iter().chain(taken);
        let whole = (Account::RefundsInFlight, captured.amount);
        match kind {
            Kind::VoidRequest => Entry::transfer(kind, parts, given.into_iter().chain([whole])),
            Kind::VoidFailure => Entry::transfer(kind, given.into_iter().chain([whole]), parts),
            _ => Entry::transfer(kind, [whole], [(self.receivable_of_payment()?, captured.amount)]),
        }
    }

    /// The entry for a refund; `None` for one that is asked for or failed of a payment to the merchant's own account.
    pub(super) fn refund_entry(&self, kind: Kind, refund: &Refund) -> Option<Entry> {
        if self.direct().is_some() {
            return (kind == Kind::Refund).then(|| self.direct_refund(refund))?;
        }
        let charged = refund.charged()?;
        let whole = (Account::RefundsInFlight, refund.amount);
        let merchant = &self.terms.merchant;
        let parts = |own| {
            let beyond = refund.beyond.map(|it| (Account::MerchantAvailable(merchant.clone()), it));
            let others = refund.shares.iter().map(|it| {
                (Account::ReceiverAvailable(merchant.clone(), it.receiver.clone()), it.amount)
            });
            let charged = (self.payer_of_charges(), charged);
            let own = [own, (Account::FeeIncome, refund.fee), charged];
            own.into_iter().chain(beyond).chain(others).collect::<Vec<_>>()
        };
        let Exchange { given, taken } = refund.exchange()?;
        let back = given.into_iter().chain([whole.clone(), (Account::FeeIncome, charged)]);
        match (kind, &refund.state) {
            (Kind::RefundRequest, _) => {
                let own = parts((refund.from.clone(), refund.taken_where_it_lay()?));
                let reserve = refund.reserve.map(|it| (self.reserve_account(), it));
                Entry::transfer(kind, own.into_iter().chain(reserve).chain(taken), back)
            }
            (Kind::RefundFailure, RefundState::Failed { to, kept, .. }) => {
                let own = parts((to.clone(), refund.gave_back_where_it_lay()?));
                let kept = kept.map(|it| (self.reserve_account(), it));
                let available = Account::MerchantAvailable(merchant.clone());
                let released = refund.gave_back_of_reserve().map(|it| (available, it));
                let own = own.into_iter().chain(kept).chain(released);
                Entry::transfer(kind, back, own.chain(taken))
            }
            _ => Entry::transfer(kind, [whole], [(self.receivable_of_payment()?, refund.amount)]),
        }
    }

    /// The others' parts of a refund that takes `net` from those whom the payment was settled to.
    pub(super) fn borne_by_others(&self, net: Money) -> Option<Vec<Share>> {
        let State::Paid { captured, settled: Some(_), .. } = &self.state else {
            return Some(Vec::new());
        };
        let mut shares = match &self.terms.refund_bearer {
            RefundBearer::Merchant => Vec::new(),
            RefundBearer::Receiver(receiver) if self.is_split_later() => {
                let mut has = self.still_had()?;
                has.retain(|it| it.receiver == *receiver);
                for it in &mut has {
                    it.amount = if net.checked_sub(it.amount).is_some() { it.amount } else { net };
                }
                has
            }
            RefundBearer::Receiver(receiver) => {
                vec![Share { receiver: receiver.clone(), amount: net }]
            }
            RefundBearer::ProRata => self.in_proportion(net, captured.amount)?,
        };
        shares.retain(|it| it.amount.minor() > 0);
        Some(shares)
    }

    /// Of `net` as much for each as it still has of the payment, by largest remainders: the merchant
    /// before others where they are alike, and those by their names, so that their order is nothing.
    fn in_proportion(&self, net: Money, captured: Money) -> Option<Vec<Share>> {
        let left = self.still_had()?;
        let whole = self.net(captured)?;
        let own = left.iter().try_fold(whole, |left, it| left.checked_sub(it.amount))?;
        let weights: Vec<Money> =
            std::iter::once(own).chain(left.iter().map(|it| it.amount)).collect();
        let parts = net.apportioned(&weights)?;
        let parts = parts.into_iter().skip(1).zip(left);
        Some(parts.map(|(amount, it)| Share { amount, ..it }).collect())
    }

    /// `None` if there is nothing to move: of what was paid to the merchant's own account nothing is held.
    pub(super) fn hold_release(&self, amount: Money) -> Option<Entry> {
        if self.direct().is_some() {
            return None;
        }
        let merchant = &self.terms.merchant;
        Entry::transfer(
            Kind::HoldRelease,
            [(Account::MerchantHeld(merchant.clone()), amount)],
            [(Account::MerchantPending(merchant.clone()), amount)],
        )
        .filter(|entry| !entry.postings().is_empty())
    }

    /// Whose what is left of the payment is, the merchant's part first.
    pub(super) fn divided(&self, net: Money) -> Option<(Money, Vec<Share>)> {
        let agreed = self.terms.value(self.terms.amount)?.checked_sub(self.terms.fee)?;
        let mut left = net;
        let mut shares = Vec::with_capacity(self.terms.shares.len());
        for share in &self.terms.shares {
            let amount = share.amount.share(net, agreed)?;
            left = left.checked_sub(amount)?;
            if amount.minor() > 0 {
                shares.push(Share { receiver: share.receiver.clone(), amount });
            }
        }
        Some((left, shares))
    }

    /// `None` if there is nothing to move.
    pub(super) fn settlement(&self, settled: &Settled) -> Option<Entry> {
        let merchant = &self.terms.merchant;
        let whole =
            settled.shares.iter().try_fold(settled.amount, |sum, it| sum.checked_add(it.amount));
        let shares = settled.shares.iter().map(|it| {
            (Account::ReceiverAvailable(merchant.clone(), it.receiver.clone()), it.amount)
        });
        let own = match self.is_split_later() {
            true => self.less_reserve(Account::MerchantFrozen(merchant.clone()), settled.amount)?,
            false => {
                self.less_reserve(Account::MerchantAvailable(merchant.clone()), settled.amount)?
            }
        };
        let charge = settled.charge.unwrap_or(Money::zero(settled.amount.currency()));
        Entry::transfer(
            Kind::Settlement,
            [
                (Account::MerchantPending(merchant.clone()), whole?),
                (self.payer_of_charges(), charge),
            ],
            own.into_iter().chain(shares).chain([(Account::FeeIncome, charge)]),
        )
        .filter(|entry| !entry.postings().is_empty())
    }

    pub(super) fn unexpected(&self, it: &Return) -> Option<Entry> {
        if self.direct_of(&it.attempt).is_some() {
            return self.direct_unexpected(it);
        }
        let receivable = (self.receivable(&it.attempt)?, it.amount);
        Entry::transfer(
            Kind::UnexpectedPayment,
            [receivable],
            [(Account::PaymentReturns, it.amount)],
        )
    }

    pub(super) fn returned(&self, it: &Return) -> Option<Entry> {
        if self.direct_of(&it.attempt).is_some() {
            return self.direct_returned(it);
        }
        let receivable = (self.receivable(&it.attempt)?, it.amount);
        Entry::transfer(Kind::PaymentReturn, [(Account::PaymentReturns, it.amount)], [receivable])
    }

    fn owed_at_first(&self) -> Account {
        let merchant = self.terms.merchant.clone();
        // A payment that was approved before the money came was never held.
        let held = self.approved().is_none() || self.released().is_some();
        if self.terms.held && held {
            Account::MerchantHeld(merchant)
        } else {
            Account::MerchantPending(merchant)
        }
    }

    pub(super) fn receivable_of_payment(&self) -> Option<Account> {
        self.receivable(&self.state.payment()?.attempt)
    }

    pub(super) fn receivable(&self, attempt: &AttemptId) -> Option<Account> {
        Some(Account::ChannelReceivable(self.attempt(attempt)?.channel.clone()))
    }
}
