//! Charges of a contract besides the fee of the payment: for a refund, and for a split.
//!
//! The terms of an order have these parts of the contract that it was made under, so that what each costs follows from
//! the order alone. A charge is the merchant's and is taken from what is available to it, wherever the payment lies:
//! of a payment that is refunded whole before it is settled nothing is left that could pay for it. What is not
//! available is owed. A refund that fails costs nothing; a share that is given back does not take its charge back.

use serde::{Deserialize, Serialize};

use super::{BadBooks, Order, Refund, RefundCharge, RefundState, Settled, Split, State};
use crate::ledger::Account;
use crate::money::Money;
use crate::policy::FeeSchedule;

/// The prefix of the numbers of refunds that a review makes; a merchant's may not have it.
pub const OF_REVIEW: &str = "review:";

/// The charges agreed for an order, in its currency.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Charges {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refund: Option<FeeSchedule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) split: Option<FeeSchedule>,
    /// Whether a refund gives nothing back of the payment's fee.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) keeps_payment_fee: bool,
}

impl Charges {
    /// Whether nothing is charged.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The charge of a refund of an amount that gives back so much of the payment's fee, and how much of that is kept.
    ///
    /// `None` if they are more than a number holds.
    pub fn of_refund(&self, amount: Money, fee: Money) -> Option<RefundCharge> {
        let charge = self.refund.as_ref().map_or(Some(Money::zero(amount.currency())), |it| {
            Money::new(it.fee(amount.minor()), amount.currency()).ok()
        })?;
        let kept = if self.keeps_payment_fee { fee } else { Money::zero(fee.currency()) };
        charge.checked_add(kept)?;
        Some(RefundCharge { charge, kept })
    }

    /// The charge of splitting a sum.
    pub fn of_split(&self, sum: Money) -> Money {
        let zero = Money::zero(sum.currency());
        let charge = self.split.as_ref().filter(|_| sum.minor() > 0);
        charge.and_then(|it| Money::new(it.fee(sum.minor()), sum.currency()).ok()).unwrap_or(zero)
    }
}

/// The cost of an order to its merchant so far, in minor units. Refunds cost less than nothing where they give back more of the
/// payment's fee than they are charged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Costs {
    /// The fee of the payment.
    pub payment: i128,
    /// The charges of refunds that did not fail, less what they gave back of the payment's fee.
    pub refunds: i128,
    /// The charges of what was split.
    pub splits: i128,
}

impl Costs {
    /// All of it.
    pub fn whole(&self) -> i128 {
        self.payment + self.refunds + self.splits
    }
}

impl Order {
    /// The cost of a paid order; `None` of one that is not paid.
    pub fn costs(&self) -> Option<Costs> {
        let State::Paid { captured, settled, .. } = &self.state else { return None };
        let mut costs =
            Costs { payment: self.fee(captured.amount)?.minor().into(), ..Costs::default() };
        for refund in self.refunds.iter().filter(|it| counts(it)) {
            costs.refunds += i128::from(refund.charged()?.minor()) - i128::from(refund.fee.minor());
        }
        let settled = settled.iter().filter_map(|it| it.charge);
        let splits = self.splits.iter().filter_map(|it| it.charge).chain(settled);
        costs.splits = splits.map(|it| i128::from(it.minor())).sum();
        Some(costs)
    }

    /// The cost that it would have had with another fee and other charges, by the functions that book.
    pub fn costs_under(&self, fee: Money, charges: Charges) -> Option<Costs> {
        let State::Paid { captured, .. } = &self.state else { return None };
        let mut order = self.clone();
        (order.terms.fee, order.terms.charges) = (fee, charges);
        order.refunds.clear();
        for refund in self.refunds.iter().filter(|it| counts(it)) {
            let fee = order.fee_given_back(captured.amount, refund)?;
            let mut refund = Refund { fee, charge: None, ..refund.clone() };
            refund.charge = order.refund_charge(&refund);
            order.refunds.push(refund);
        }
        let splits: Vec<_> = order.splits.iter().map(|it| order.charge_of_split(it)).collect();
        for (split, charge) in order.splits.iter_mut().zip(splits) {
            split.charge = charge;
        }
        let charge = order.settled().and_then(|it| order.charge_of_settlement(it));
        if let State::Paid { settled: Some(settled), .. } = &mut order.state {
            settled.charge = charge;
        }
        order.costs()
    }

    /// The account that charges are taken from.
    pub(super) fn payer_of_charges(&self) -> Account {
        Account::MerchantAvailable(self.terms.merchant.clone())
    }

    /// The charge of a refund that gives back so much of the fee; none of one that a review made, which its merchant
    /// did not ask for.
    pub(super) fn refund_charge(&self, refund: &Refund) -> Option<RefundCharge> {
        let charges = Some(&self.terms.charges).filter(|it| !it.is_none());
        let asked = charges.filter(|_| !refund.merchant_refund_id.starts_with(OF_REVIEW));
        let charge = asked?.of_refund(refund.value(), refund.fee)?;
        charge.whole().filter(|it| it.minor() > 0).map(|_| charge)
    }

    /// The charge of the shares that a settlement or a split books; none if nothing is charged.
    pub(super) fn split_charge<'s>(
        &self,
        shares: impl Iterator<Item = &'s Money>,
    ) -> Option<Money> {
        let zero = self.terms.nothing();
        let sum = shares.into_iter().try_fold(zero, |sum, it| sum.checked_add(*it))?;
        Some(self.terms.charges.of_split(sum)).filter(|it| it.minor() > 0)
    }

    /// Whether everything was charged as it was agreed.
    pub(super) fn check_charges(&self) -> Result<(), BadBooks> {
        let refunds = self.refunds.iter().all(|it| it.charge == self.refund_charge(it));
        let splits = self.splits.iter().all(|it| it.charge == self.charge_of_split(it));
        let settled = self.settled().is_none_or(|it| it.charge == self.charge_of_settlement(it));
        match refunds && splits && settled {
            true => Ok(()),
            false => Err(BadBooks("a charge is not what was agreed")),
        }
    }

    pub(super) fn charge_of_split(&self, split: &Split) -> Option<Money> {
        self.split_charge(split.booked().map(|it| &it.amount))
    }

    pub(super) fn charge_of_settlement(&self, settled: &Settled) -> Option<Money> {
        self.split_charge(settled.shares.iter().map(|it| &it.amount))
    }
}

fn counts(refund: &Refund) -> bool {
    !matches!(refund.state, RefundState::Failed { .. })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{START, cny, event, terms};
    use super::super::{Capture, Event, Terms, step};
    use super::*;
    use crate::id::{RefundId, SplitId};
    use crate::ledger::{Entry, Kind};
    use crate::order::{NewSplit, SETTLEMENT_SECS, SplitMode, SplitTime};
    use crate::policy::{Rounding, Share};

    fn schedule(rate_ppm: u32, fixed: i64) -> FeeSchedule {
        let currency = cny(0).currency();
        FeeSchedule { currency, rate_ppm, fixed, min: 0, cap: None, rounding: Rounding::HalfUp }
    }

    /// An order of 12800 with a fee of 77 that is paid.
    fn paid(charges: Charges, with: impl Fn(Terms) -> Terms) -> Order {
        let terms = with(Terms { charges, ..terms(false, Capture::Automatic) });
        let order = Order::create(terms).unwrap().order;
        let order = step(order, event("choose1"), START).unwrap().order;
        step(order, event("paid1"), START).unwrap().order
    }

    fn ask(n: u8, minor: i64) -> Event {
        let id = RefundId::new(START, [n; 10]);
        let merchant_refund_id = format!("R-{n}");
        Event::RefundRequested { id, merchant_refund_id, amount: cny(minor), reason: None }
    }

    fn moved(entry: &Entry, name: &str) -> i64 {
        let postings = entry.postings().iter();
        postings.filter(|it| it.account.to_string().starts_with(name)).map(|it| it.minor).sum()
    }

    #[test]
    fn a_refund_costs_its_own_fee_and_what_is_kept_and_a_failed_one_nothing() {
        // The refund of the whole before the settlement: 12723 lie at the order, and 77 were the fee.
        for (rate_ppm, fixed, keeps_payment_fee, available, fee_income) in [
            (0, 0, false, 0, 77),
            (0, 100, false, 100, -23),
            (10_000, 5, false, 133, -56),
            (0, 0, true, 77, 0),
            (10_000, 5, true, 210, -133),
        ] {
            let refund = Some(schedule(rate_ppm, fixed));
            let charges = Charges { refund, split: None, keeps_payment_fee };
            let order = paid(charges, |it| it);
            let asked = step(order, ask(1, 12800), START).unwrap();
            let entry = asked.entry.unwrap();
            assert_eq!(moved(&entry, "merchant_pending"), 12723);
            assert_eq!(moved(&entry, "merchant_available"), available);
            assert_eq!(moved(&entry, "fee_income"), fee_income);
            let refund = &asked.order.refunds[0];
            assert_eq!(refund.fee_returned(), cny(if keeps_payment_fee { 0 } else { 77 }));
            let id = refund.id.clone();
            let failed = Event::RefundFailed { refund: id, code: "no".to_owned() };
            let back = step(asked.order, failed, START).unwrap();
            let entry = back.entry.unwrap();
            assert_eq!(moved(&entry, "merchant_available"), -available);
            assert_eq!(moved(&entry, "fee_income"), -fee_income);
            assert_eq!(back.order.costs().unwrap().whole(), 77);
        }
    }

    #[test]
    fn a_review_that_refuses_costs_its_merchant_nothing() {
        let charges =
            Charges { refund: Some(schedule(0, 100)), split: None, keeps_payment_fee: true };
        let order = paid(charges, |it| Terms { held: true, ..it });
        // So late that it is refunded and not voided.
        let late = START.plus_secs(SETTLEMENT_SECS);
        let refused = step(order, event("refuse9"), late).unwrap().order;
        assert_eq!(refused.refunds[0].charge, None);
        assert_eq!(refused.costs().unwrap().whole(), 0);
        assert!(refused.entries().is_ok());
    }

    #[test]
    fn a_split_costs_its_fee_when_it_is_booked() {
        let charges =
            || Charges { refund: None, split: Some(schedule(10_000, 1)), keeps_payment_fee: false };
        let share = || Share { receiver: "cup".to_owned(), amount: cny(9000) };
        let late = START.plus_secs(SETTLEMENT_SECS);
        let agreed = paid(charges(), |it| Terms { shares: vec![share()], ..it });
        let settled = step(agreed, event("settle"), late).unwrap();
        let entry = settled.entry.unwrap();
        // 12723 less the share, less 1 % of it and 1.
        assert_eq!(moved(&entry, "merchant_available"), -(12723 - 9000 - 91));
        assert_eq!(moved(&entry, "fee_income"), -91);

        let later = paid(charges(), |it| Terms { split: SplitTime::Later, ..it });
        let settled = step(later, event("settle"), late).unwrap();
        assert_eq!(moved(&settled.entry.unwrap(), "fee_income"), 0);
        let split = step(
            settled.order,
            Event::SplitRequested(NewSplit {
                id: SplitId::new(START, [1; 10]),
                merchant_split_id: "S-1".to_owned(),
                mode: SplitMode::AllOrNothing,
                shares: vec![share()],
                removed: Vec::new(),
            }),
            late,
        )
        .unwrap();
        let entry = split.entry.unwrap();
        assert_eq!(entry.kind(), Kind::Split);
        assert_eq!((moved(&entry, "fee_income"), moved(&entry, "merchant_available")), (-91, 91));
        assert_eq!(split.order.unsplit(), cny(12723 - 9000));
        let costs = split.order.costs().unwrap();
        assert_eq!((costs.payment, costs.refunds, costs.splits), (77, 0, 91));
        // By another contract it costs as much as that contract would have taken.
        let free = split.order.costs_under(cny(100), Charges::default()).unwrap();
        assert_eq!((free.payment, free.refunds, free.splits), (100, 0, 0));
    }

    #[test]
    fn an_order_costs_what_its_own_terms_take() {
        let charges =
            Charges { refund: Some(schedule(5_000, 3)), split: None, keeps_payment_fee: true };
        let mut order = paid(charges, |it| it);
        for (n, minor) in [(1, 100), (2, 7777), (3, 1)] {
            order = step(order, ask(n, minor), START).unwrap().order;
        }
        let terms = order.terms.clone();
        assert_eq!(order.costs(), order.costs_under(terms.fee, terms.charges));
        // A charge that was not agreed is found.
        let mut changed = order.clone();
        changed.refunds[1].charge = None;
        assert!(order.entries().is_ok() && changed.entries().is_err());
    }
}
