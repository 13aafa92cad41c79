//! The reserve: a part of what a payment leaves after its fee, kept back for some days after it is settled.
//!
//! ```text
//!  settlement, before anybody has a share     its time is over
//!  ──────────▶ merchant_reserve ─────────────────────────────▶ merchant_available
//!               ▲     │                                         (debts first)
//!               │     └──▶ refunds of the same payment, before anything else of the merchant's is touched
//!               └───────── those of them that fail before its time is over
//! ```
//!
//! The terms of an order have the rate and the days of the contract that it was made under, so that what is reserved
//! follows from the order alone. It is a part of the whole and not of what shares leave: else a merchant would have none
//! that shares its payments with itself. So the shares of an order may not be more than the reserve leaves, and of one
//! that is split later no more than that waits to be split. A reserve is for its own payment: the merchant's part of a
//! refund comes out of it first. A refund that fails gives it back, and one that was asked for before the settlement
//! leaves the reserve that there would have been without it: a merchant whose refunds fail has no less withheld for it.
//! Once it is released, what fails is available. Debts of other payments wait until it is released; released, it repays
//! them before anything of it is available, as every credit does.

use serde::{Deserialize, Serialize};

use super::{BadBooks, Effect, Order, Refund, RefundState, Refusal, Settled, Step};
use crate::ledger::{Account, Entry, Kind};
use crate::money::Money;
use crate::policy::PPM;
use crate::time::Timestamp;

/// The longest that a reserve is kept: half a year, as long as card schemes let payments come back.
pub const MAX_RESERVE_DAYS: u16 = 180;

/// How much is kept back, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReserveTerms {
    /// Parts per million of what becomes available.
    pub(crate) rate_ppm: u32,
    /// Days, 1 to [`MAX_RESERVE_DAYS`].
    pub(crate) days: u16,
}

impl ReserveTerms {
    /// Parts per million of what becomes available.
    pub fn rate_ppm(&self) -> u32 {
        self.rate_ppm
    }

    /// For so many days.
    pub fn days(&self) -> u16 {
        self.days
    }

    /// The part of an amount that is kept back, rounded down.
    pub fn of(&self, amount: Money) -> Money {
        let minor = i128::from(amount.minor()) * i128::from(self.rate_ppm) / PPM;
        let zero = Money::zero(amount.currency());
        let part = i64::try_from(minor).ok().and_then(|it| Money::new(it, amount.currency()).ok());
        part.unwrap_or(zero)
    }
}

/// The reserve of a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserved {
    /// The amount that was kept back at the settlement.
    pub amount: Money,
    /// From when on it is released.
    pub until: Timestamp,
    /// Its end, once it has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<ReserveRelease>,
}

/// The end of a reserve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReserveRelease {
    /// The amount that refunds had left of it.
    pub amount: Money,
    /// When.
    pub at: Timestamp,
}

/// Lets the merchant have what is left of the reserve.
pub(super) fn release(mut order: Order, now: Timestamp) -> Result<Step, Refusal> {
    if order.debit_return.is_some() {
        // The return took all of it.
        return Ok(order.step());
    }
    let left = order.still_reserved();
    let Some(reserved) = order.reserved.as_mut().filter(|it| it.released.is_none()) else {
        return Ok(order.step());
    };
    if now < reserved.until {
        return Err(Refusal::TooEarly);
    }
    reserved.released = Some(ReserveRelease { amount: left, at: now });
    let entry = order.reserve_release();
    Ok(Step { entry, ..order.changed().step() })
}

impl Order {
    /// Keeps back a part of what is settled.
    pub(super) fn keep_back(&mut self, settled: &Settled) -> Vec<Effect> {
        self.reserved = self.reserve_of(settled);
        self.reserved.iter().map(|_| Effect::ReleaseReserve).collect()
    }

    fn reserve_of(&self, settled: &Settled) -> Option<Reserved> {
        let terms = self.terms.reserve?;
        let shares = settled.shares.iter().map(|it| it.amount);
        let whole = shares.into_iter().try_fold(settled.amount, Money::checked_add)?;
        // What shares leave is never less: they are held against it when the order is made, and are rounded down.
        let part = terms.of(whole);
        let amount = if settled.amount.checked_sub(part).is_some() { part } else { settled.amount };
        let until = settled.at.plus_secs(i64::from(terms.days) * 86_400);
        Some(Reserved { amount, until, released: None })
    }

    /// The part of a refund that is kept back if it fails before the reserve is released: what it took from it, or what
    /// the settlement would have kept of it.
    pub(super) fn kept_of(&self, refund: &Refund) -> Option<Money> {
        self.settled()?;
        let taken_before =
            !matches!(refund.from, Account::MerchantAvailable(_) | Account::MerchantFrozen(_));
        let kept = match taken_before {
            true => self.terms.reserve?.of(refund.own()?),
            false => refund.reserve?,
        };
        Some(kept).filter(|it| it.minor() > 0)
    }

    /// The part of the payment that is kept back now.
    pub fn still_reserved(&self) -> Money {
        let zero = self.terms.nothing();
        let kept = self.reserved.as_ref().filter(|it| it.released.is_none());
        kept.map_or(zero, |it| self.unused(it).unwrap_or(zero))
    }

    /// Whether a reserve waits for its time.
    pub fn waits_for_reserve(&self) -> bool {
        let waits = self.reserved.as_ref().is_some_and(|it| it.released.is_none());
        // A debit that came back took all of it.
        waits && self.debit_return.is_none()
    }

    /// The part of a reserve that refunds left.
    fn unused(&self, reserved: &Reserved) -> Option<Money> {
        // Failed refunds take and give back again and again: only the difference is an amount.
        let sum = |parts: &mut dyn Iterator<Item = Money>| -> i128 {
            parts.map(|it| i128::from(it.minor())).sum()
        };
        let kept = sum(&mut self.refunds.iter().filter_map(Refund::kept_again));
        let taken = sum(&mut self.refunds.iter().filter_map(|it| it.reserve));
        let back = self.debit_return.as_ref().map_or(0, |it| i128::from(it.reserve.minor()));
        let left = i128::from(reserved.amount.minor()) + kept - taken - back;
        Money::new(i64::try_from(left).ok()?, reserved.amount.currency()).ok()
    }

    /// As much of the merchant's part of a refund as comes out of the reserve.
    pub(super) fn reserve_for(&self, refund: &Refund) -> Option<Money> {
        self.settled()?;
        let (own, kept) = (refund.own()?, self.still_reserved());
        let part = if kept.checked_sub(own).is_some() { own } else { kept };
        Some(part).filter(|it| it.minor() > 0)
    }

    pub(super) fn reserve_account(&self) -> Account {
        Account::MerchantReserve(self.terms.merchant.clone())
    }

    /// The merchant's part of a settlement, which goes to an account, with what is kept back of it apart.
    pub(super) fn less_reserve(&self, to: Account, amount: Money) -> Option<[(Account, Money); 2]> {
        let zero = Money::zero(amount.currency());
        let kept = self.reserved.as_ref().map_or(zero, |it| it.amount);
        Some([(to, amount.checked_sub(kept)?), (self.reserve_account(), kept)])
    }

    /// `None` if there is nothing to move.
    pub(super) fn reserve_release(&self) -> Option<Entry> {
        let released = self.reserved.as_ref()?.released.as_ref()?;
        let available = Account::MerchantAvailable(self.terms.merchant.clone());
        Entry::transfer(
            Kind::ReserveRelease,
            [(self.reserve_account(), released.amount)],
            [(available, released.amount)],
        )
        .filter(|entry| !entry.postings().is_empty())
    }

    /// Whether as much was kept back, and released, as was agreed.
    pub(super) fn check_reserve(&self) -> Result<(), BadBooks> {
        let bad = || BadBooks("what is reserved is not what was agreed");
        let agreed = self.settled().and_then(|it| self.reserve_of(it));
        let kept = self.reserved.as_ref().map(|it| (it.amount, it.until));
        if kept != agreed.as_ref().map(|it| (it.amount, it.until)) {
            return Err(bad());
        }
        let Some(reserved) = &self.reserved else {
            let none =
                self.refunds.iter().all(|it| it.reserve.is_none() && it.kept_again().is_none());
            return if none { Ok(()) } else { Err(bad()) };
        };
        if !self.refunds.iter().all(|it| self.is_kept_again(it, reserved)) {
            return Err(bad());
        }
        let unused = self.unused(reserved).ok_or_else(bad)?;
        match &reserved.released {
            Some(released) if released.amount != unused || released.at < reserved.until => {
                Err(bad())
            }
            _ => Ok(()),
        }
    }

    /// This moment, or the last one at which something was kept back, released or taken with a debit's return, if that
    /// is later by its clock.
    pub(super) fn not_before_reserve(&self, now: Timestamp) -> Timestamp {
        let released = self.reserved.as_ref().and_then(|it| it.released.as_ref());
        let returned = self.debit_return.as_ref().map(|it| it.at);
        let known = [self.settled().map(|it| it.at), released.map(|it| it.at), returned];
        known.into_iter().flatten().fold(now, Timestamp::max)
    }

    /// Whether as much of a refund that failed is kept back as is due.
    fn is_kept_again(&self, refund: &Refund, reserved: &Reserved) -> bool {
        let RefundState::Failed { at, kept, .. } = &refund.state else { return true };
        let due = self.kept_of(refund);
        let settled_at = self.settled().map(|it| it.at);
        // What happened in one millisecond may have happened in either order.
        let may_be_after = settled_at.is_some_and(|it| *at >= it);
        let may_be_before = settled_at.is_none_or(|it| *at <= it);
        let may_be_released = reserved.released.as_ref().is_some_and(|it| *at >= it.at);
        let may_wait = reserved.released.as_ref().is_none_or(|it| *at <= it.at);
        let may_be_back = self.debit_return.as_ref().is_some_and(|it| *at >= it.at);
        match kept {
            Some(kept) => may_be_after && may_wait && Some(*kept) == due,
            None => due.is_none() || may_be_released || may_be_before || may_be_back,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{START, cny, event, terms};
    use super::super::{Capture, Event, SETTLEMENT_SECS, SplitTime, Terms, step};
    use super::*;
    use crate::id::RefundId;

    const DAY: i64 = 86_400;

    /// An order of 12800 with a fee of 77, settled, of whose 12723 a tenth is kept back for 30 days.
    fn settled(with: impl Fn(Terms) -> Terms) -> (Order, Vec<Effect>) {
        let reserve = Some(ReserveTerms { rate_ppm: 100_000, days: 30 });
        let terms = with(Terms { reserve, ..terms(false, Capture::Automatic) });
        let order = Order::create(terms).unwrap().order;
        let order = step(order, event("choose1"), START).unwrap().order;
        let order = step(order, event("paid1"), START).unwrap().order;
        let step = step(order, event("settle"), START.plus_secs(SETTLEMENT_SECS)).unwrap();
        (step.order, step.effects)
    }

    fn ask(n: u8, minor: i64) -> Event {
        let id = RefundId::new(START, [n; 10]);
        let merchant_refund_id = format!("R-{n}");
        Event::RefundRequested { id, merchant_refund_id, amount: cny(minor), reason: None }
    }

    /// The balance of an account after all that the order calls for.
    fn stands(order: &Order, name: &str) -> i64 {
        let entries = order.entries().unwrap();
        let postings = entries.iter().flat_map(Entry::postings);
        postings.filter(|it| it.account.to_string().starts_with(name)).map(|it| it.minor).sum()
    }

    #[test]
    fn a_part_is_kept_back_and_released_once_at_its_time() {
        let (order, effects) = settled(|it| it);
        assert_eq!(effects, [Effect::ReleaseReserve]);
        assert_eq!(stands(&order, "merchant_reserve"), -1272);
        assert_eq!(stands(&order, "merchant_available"), -11451);
        let until = START.plus_secs(SETTLEMENT_SECS + 30 * DAY);
        let early = step(order.clone(), Event::ReserveDue, until.plus_ms(-1));
        assert_eq!(early, Err(Refusal::TooEarly));
        let released = step(order, Event::ReserveDue, until).unwrap();
        assert_eq!(released.entry.as_ref().map(Entry::kind), Some(Kind::ReserveRelease));
        assert_eq!(stands(&released.order, "merchant_reserve"), 0);
        assert_eq!(stands(&released.order, "merchant_available"), -12723);
        let again = step(released.order.clone(), Event::ReserveDue, until.plus_secs(1)).unwrap();
        assert_eq!((again.order, again.entry), (released.order, None));
    }

    fn fails(order: Order, n: usize, now: Timestamp) -> Order {
        let refund = order.refunds[n].id.clone();
        let failed = Event::RefundFailed { refund, code: "no".to_owned() };
        step(order, failed, now).unwrap().order
    }

    #[test]
    fn a_refund_takes_from_it_first_and_gives_it_back_if_it_fails() {
        let (order, _) = settled(|it| it);
        let now = START.plus_secs(SETTLEMENT_SECS);
        // 1000 give back 6 of the fee; then as much as is left, and the rest out of what is available.
        let order = step(order, ask(1, 1000), now).unwrap().order;
        assert_eq!(order.still_reserved(), cny(1272 - 994));
        assert_eq!(stands(&order, "merchant_available"), -11451);
        let order = step(order, ask(2, 2000), now).unwrap().order;
        assert_eq!(order.refunds[1].reserve, Some(cny(278)));
        assert_eq!((order.still_reserved(), stands(&order, "merchant_reserve")), (cny(0), 0));
        let third = step(order, ask(3, 500), now).unwrap().order;
        assert_eq!(third.refunds[2].reserve, None);
        let available = stands(&third, "merchant_available");
        let order = fails(third, 0, now);
        assert_eq!(stands(&order, "merchant_available"), available, "it was not taken from there");
        assert_eq!((stands(&order, "merchant_reserve"), order.still_reserved()), (-994, cny(994)));
        let end = step(order, Event::ReserveDue, now.plus_secs(30 * DAY)).unwrap();
        assert_eq!(stands(&end.order, "merchant_reserve"), 0);
        // What fails after that is available.
        let order = fails(end.order, 1, now.plus_secs(30 * DAY));
        assert_eq!(stands(&order, "merchant_reserve"), 0);
        assert!(order.entries().is_ok() && !order.waits_for_reserve());
        assert_eq!(order.still_reserved(), cny(0));
    }

    #[test]
    fn a_refund_of_before_the_settlement_that_fails_leaves_the_reserve_of_one_that_never_was() {
        let reserve = Some(ReserveTerms { rate_ppm: 100_000, days: 30 });
        for (split, account) in
            [(SplitTime::Agreed, "merchant_available"), (SplitTime::Later, "merchant_frozen")]
        {
            let terms = Terms { reserve, split, ..terms(false, Capture::Automatic) };
            let order = Order::create(terms).unwrap().order;
            let order = step(order, event("choose1"), START).unwrap().order;
            let order = step(order, event("paid1"), START).unwrap().order;
            // All of it: nothing is left to be settled, or kept back.
            let order = step(order, ask(1, 12_800), START).unwrap().order;
            let now = START.plus_secs(SETTLEMENT_SECS);
            let settled = step(order, event("settle"), now).unwrap();
            assert!(settled.effects.contains(&Effect::ReleaseReserve));
            assert_eq!(stands(&settled.order, "merchant_reserve"), 0);
            let order = fails(settled.order, 0, now);
            assert_eq!(order.still_reserved(), cny(1272));
            assert_eq!(stands(&order, "merchant_reserve"), -1272);
            assert_eq!(stands(&order, account), -11451);
            let end = step(order, Event::ReserveDue, now.plus_secs(30 * DAY)).unwrap().order;
            assert_eq!((stands(&end, "merchant_reserve"), end.entries().is_ok()), (0, true));
        }
    }

    #[test]
    fn shares_leave_the_reserve_where_it_is() {
        use crate::policy::Share;
        let reserve = Some(ReserveTerms { rate_ppm: 100_000, days: 30 });
        let share = |minor| vec![Share { receiver: "cup".to_owned(), amount: cny(minor) }];
        let with =
            |minor| Terms { reserve, shares: share(minor), ..terms(false, Capture::Automatic) };
        // Of 12723 a tenth is 1272.
        assert!(Order::create(with(12_723 - 1271)).is_none(), "a share of the reserve");
        let (order, _) = settled(|it| Terms { shares: share(12_723 - 1272), ..it });
        assert_eq!(stands(&order, "merchant_reserve"), -1272);
        assert_eq!(stands(&order, "merchant_available"), 0);
        assert_eq!(stands(&order, "receiver_available"), -11_451);
    }

    #[test]
    fn of_one_that_is_split_later_it_is_kept_back_before_anybody_has_a_share() {
        let (order, effects) = settled(|it| Terms { split: SplitTime::Later, ..it });
        assert_eq!(effects, [Effect::FinishSplits, Effect::ReleaseReserve]);
        assert_eq!(stands(&order, "merchant_frozen"), -11_451);
        assert_eq!((order.still_reserved(), order.unsplit()), (cny(1272), cny(11_451)));
        let now = START.plus_secs(SETTLEMENT_SECS + DAY);
        let too_much = step(order.clone(), event("split1:11452"), now);
        assert_eq!(too_much, Err(Refusal::SplitTooLarge { available: cny(11_451) }));
        let order = step(order, event("split1:6000"), now).unwrap().order;
        // The merchant's part of a refund: the reserve, then what waits to be split, then what is available.
        let order = step(order, ask(1, 12_800), now).unwrap().order;
        let refund = &order.refunds[0];
        assert_eq!((refund.reserve, refund.beyond), (Some(cny(1272)), Some(cny(6000))));
        assert_eq!((stands(&order, "merchant_reserve"), stands(&order, "merchant_frozen")), (0, 0));
        let order = fails(order, 0, now);
        assert_eq!((order.still_reserved(), order.unsplit()), (cny(1272), cny(5451)));
        let finished = step(order, event("finish"), now).unwrap();
        assert_eq!(stands(&finished.order, "merchant_reserve"), -1272);
        assert_eq!(stands(&finished.order, "merchant_available"), -5451);
    }

    #[test]
    fn what_was_not_agreed_is_found() {
        let (order, _) = settled(|it| it);
        for change in [
            |it: &mut Order| it.reserved = None,
            |it: &mut Order| it.reserved.as_mut().unwrap().amount = cny(1271),
            |it: &mut Order| it.reserved.as_mut().unwrap().until = START,
            |it: &mut Order| {
                let reserved = it.reserved.as_mut().unwrap();
                reserved.released = Some(ReserveRelease { amount: cny(1272), at: START });
            },
        ] {
            let mut changed = order.clone();
            change(&mut changed);
            assert!(changed.entries().is_err(), "{changed:?}");
        }
        assert!(order.entries().is_ok());
        let now = START.plus_secs(SETTLEMENT_SECS + 1);
        let asked = step(order, ask(1, 1000), now).unwrap().order;
        let failed = fails(asked, 0, now.plus_secs(1));
        let with = |it: Option<Money>| {
            let mut changed = failed.clone();
            if let RefundState::Failed { kept, .. } = &mut changed.refunds[0].state {
                *kept = it;
            }
            changed.entries().is_ok()
        };
        assert_eq!([None, Some(cny(993)), Some(cny(994))].map(with), [false, false, true]);
    }
}
