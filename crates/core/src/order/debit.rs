//! A debit: an order that is charged under a mandate, without the shopper, and that the payer's bank may take back
//! afterwards, whenever it likes.
//!
//! Nobody can refuse such a return. It is of the whole payment, whatever was refunded meanwhile, and the merchant bears
//! all of it: its mandate brought it. The money is taken from what there is of the payment, and the rest from what is
//! available to the merchant; [`Entry::with_debts`] makes a debt of what is not.
//!
//! ```text
//!  merchant_pending, _held or _frozen   what lies there ─┐
//!  merchant_reserve   what is kept back of this payment ─┼──▶ channel_receivable   all
//!  merchant_available                          the rest ─┘
//! ```
//!
//! The fee of the payment stays ours, and the shares of others stay theirs. From then on nothing of the order is
//! settled, split, kept back or refunded, and a refund that fails afterwards is available to the merchant at once.

use serde::{Deserialize, Serialize};

use super::converting::Exchange;
use super::{
    Attention, BadBooks, Captured, CloseReason, Decline, Effect, Notice, Order, Refusal, State,
    Step,
};
use crate::ledger::{Account, Entry, Kind};
use crate::money::Money;
use crate::time::Timestamp;

/// The return of a debit by the payer's bank.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DebitReturn {
    /// How much, in the order's currency: all that was captured.
    pub amount: Money,
    /// Why, as a stable word.
    pub code: String,
    /// When the channel said so.
    pub at: Timestamp,
    /// The account where the merchant's part of the order lay.
    pub from: Account,
    /// As much lay there, and was taken. In the settled currency.
    pub taken: Money,
    /// As much was kept back of the payment, and was taken.
    pub reserve: Money,
}

/// The payer's bank took the debit back.
pub(super) fn returned(
    mut order: Order,
    captured: Captured,
    amount: Money,
    code: String,
    now: Timestamp,
) -> Result<Step, Refusal> {
    let refuse = Refusal::State { status: order.state.status() };
    if order.terms.mandate.is_none() {
        return Err(refuse);
    }
    if order.debit_return.is_some() {
        return Ok(order.step());
    }
    if amount != captured.amount {
        // Banks take back the whole. Of anything else a person must say whose it is.
        let attempt = order.state.payment().map(|it| it.attempt.clone()).ok_or(refuse)?;
        return Ok(order.unresolved(Attention::Amount { attempt, received: amount }));
    }
    let (from, taken) = order.lies(captured.amount).ok_or_else(|| refuse.clone())?;
    let reserve = order.still_reserved();
    let back = DebitReturn { amount, code, at: now, from, taken, reserve };
    // Never absent: what lies there and what is kept back are parts of what came.
    let entry = order.debit_return_entry(&back).ok_or(refuse)?;
    order.debit_return = Some(back);
    Ok(Step { entry: Some(entry), ..order.changed().notified(Notice::DebitReturned) })
}

/// The channel declined the debit, or called it off: another one is another order.
pub(super) fn declined(order: Order, code: String, now: Timestamp) -> Step {
    let declined = Some(Decline { code, at: now });
    let closed = State::Closed { reason: CloseReason::Declined, closed_at: now, declined };
    let mut step = order.moved(closed).notified(Notice::Declined);
    step.order.notices += 1;
    step.effects.push(Effect::Notify(Notice::Closed));
    step
}

impl Order {
    /// The question that follows a debit: whether it came back.
    pub(super) fn watches(&self) -> Option<Effect> {
        let payment = self.state.payment().filter(|_| self.terms.mandate.is_some())?;
        Some(Effect::WatchDebit(payment.attempt.clone()))
    }

    /// The account where the merchant's part of the payment lies, and how much of it is there. Once it is settled it is
    /// among all that is available, and none of that is this order's.
    fn lies(&self, captured: Money) -> Option<(Account, Money)> {
        let lies = match self.settled() {
            Some(_) => self.unsplit(),
            None => self.net(captured)?,
        };
        Some((self.owed(), lies))
    }

    /// The entry for a return.
    pub(super) fn debit_return_entry(&self, back: &DebitReturn) -> Option<Entry> {
        let value = self.terms.value(back.amount)?;
        let rest = value.checked_sub(back.taken)?.checked_sub(back.reserve)?;
        let available = Account::MerchantAvailable(self.terms.merchant.clone());
        let Exchange { given, taken } = self.exchange_of(back.amount)?;
        let debits = [
            (back.from.clone(), back.taken),
            (self.reserve_account(), back.reserve),
            (available, rest),
        ];
        let all = (self.receivable_of_payment()?, back.amount);
        Entry::transfer(
            Kind::DebitReturn,
            debits.into_iter().chain(taken),
            given.into_iter().chain([all]),
        )
    }

    /// Whether the return took all that there was of the payment, and no more: nothing is left of it that waits.
    pub(super) fn check_debit_return(&self) -> Result<(), BadBooks> {
        let Some(back) = &self.debit_return else { return Ok(()) };
        let bad = |what| Err(BadBooks(what));
        let State::Paid { captured, .. } = &self.state else {
            return bad("a return of what was never debited");
        };
        if self.terms.mandate.is_none() || self.direct().is_some() {
            return bad("a return of what is no debit");
        }
        if back.amount != captured.amount {
            return bad("another amount came back than was debited");
        }
        let waits = |it: &Account| {
            matches!(
                it,
                Account::MerchantPending(_)
                    | Account::MerchantHeld(_)
                    | Account::MerchantFrozen(_)
                    | Account::MerchantReserve(_)
            )
        };
        let mut left = 0_i128;
        let own = self.entries_of_payment()?;
        for it in own.iter().flat_map(Entry::postings).filter(|it| waits(&it.account)) {
            left += i128::from(it.minor);
        }
        match left {
            0 => Ok(()),
            _ => bad("a return left something of the payment behind, or took more of it"),
        }
    }
}
