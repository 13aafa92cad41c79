//! The reserve: a part of what a payment brings its merchant, kept back for some days after it is the merchant's.
//!
//! ```text
//!  settlement, or the end of splitting        its time is over
//!  ──────────▶ merchant_reserve ─────────────────────────────▶ merchant_available
//!                     │                                         (debts first)
//!                     └──▶ refunds of the same payment, before what is available is touched
//! ```
//!
//! The terms of an order have the rate and the days of the contract that it was made under, so that what is reserved
//! follows from the order alone. A reserve is for its own payment: the merchant's part of a refund comes out of it
//! first, and out of what is available as far as that is too little. What a refund took of it and failed is available
//! and not withheld again. Debts of other payments wait until it is released; released, it repays them before anything
//! of it is available, as every credit does.

use serde::{Deserialize, Serialize};

use super::{BadBooks, Effect, Order, Refund, Refusal, Step};
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
    /// The amount that was kept back; more than zero.
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
    /// Keeps back a part of what becomes the merchant's now.
    pub(super) fn keep_back(&mut self, amount: Money, now: Timestamp) -> Vec<Effect> {
        self.reserved = self.reserve_of(amount, now);
        self.reserved.iter().map(|_| Effect::ReleaseReserve).collect()
    }

    fn reserve_of(&self, amount: Money, now: Timestamp) -> Option<Reserved> {
        let terms = self.terms.reserve?;
        let part = Some(terms.of(amount)).filter(|it| it.minor() > 0)?;
        let until = now.plus_secs(i64::from(terms.days) * 86_400);
        Some(Reserved { amount: part, until, released: None })
    }

    /// The part of the payment that is kept back now.
    pub fn still_reserved(&self) -> Money {
        let zero = self.terms.nothing();
        let kept = self.reserved.as_ref().filter(|it| it.released.is_none());
        kept.map_or(zero, |it| self.unused(it).unwrap_or(zero))
    }

    /// Whether a reserve waits for its time.
    pub fn waits_for_reserve(&self) -> bool {
        self.reserved.as_ref().is_some_and(|it| it.released.is_none())
    }

    /// The part of a reserve that refunds left.
    fn unused(&self, reserved: &Reserved) -> Option<Money> {
        let taken = self.refunds.iter().filter_map(|it| it.reserve);
        taken.into_iter().try_fold(reserved.amount, Money::checked_sub)
    }

    /// As much of the merchant's part of a refund as comes out of the reserve.
    pub(super) fn reserve_for(&self, refund: &Refund) -> Option<Money> {
        if !matches!(refund.from, Account::MerchantAvailable(_)) {
            return None;
        }
        let (own, kept) = (refund.own()?, self.still_reserved());
        let part = if kept.checked_sub(own).is_some() { own } else { kept };
        Some(part).filter(|it| it.minor() > 0)
    }

    pub(super) fn reserve_account(&self) -> Account {
        Account::MerchantReserve(self.terms.merchant.clone())
    }

    /// An amount that becomes available, with what is kept back of it apart.
    pub(super) fn less_reserve(&self, amount: Money) -> Option<[(Account, Money); 2]> {
        let zero = Money::zero(amount.currency());
        let kept = self.reserved.as_ref().map_or(zero, |it| it.amount);
        let available = Account::MerchantAvailable(self.terms.merchant.clone());
        Some([(available, amount.checked_sub(kept)?), (self.reserve_account(), kept)])
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
        let finish = self.split_finish.as_ref().map(|it| (it.amount, it.at));
        let settled = self.settled().map(|it| (it.amount, it.at));
        let came = if self.is_split_later() { finish } else { settled };
        let agreed = came.and_then(|(amount, at)| self.reserve_of(amount, at));
        let kept = self.reserved.as_ref().map(|it| (it.amount, it.until));
        if kept != agreed.as_ref().map(|it| (it.amount, it.until)) {
            return Err(bad());
        }
        let Some(reserved) = &self.reserved else {
            let none = self.refunds.iter().all(|it| it.reserve.is_none());
            return if none { Ok(()) } else { Err(bad()) };
        };
        let unused = self.unused(reserved).ok_or_else(bad)?;
        match &reserved.released {
            Some(released) if released.amount != unused || released.at < reserved.until => {
                Err(bad())
            }
            _ => Ok(()),
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

    #[test]
    fn a_refund_takes_from_it_first_and_what_failed_is_available() {
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
        let id = third.refunds[0].id.clone();
        let failed = Event::RefundFailed { refund: id, code: "no".to_owned() };
        let order = step(third, failed, now).unwrap().order;
        assert_eq!(stands(&order, "merchant_available"), available - 994);
        assert_eq!(stands(&order, "merchant_reserve"), 0, "not withheld again");
        // Nothing is left of it: its end books nothing.
        let end = step(order, Event::ReserveDue, now.plus_secs(30 * DAY)).unwrap();
        assert_eq!(end.entry, None);
        assert!(end.order.entries().is_ok() && !end.order.waits_for_reserve());
    }

    #[test]
    fn of_one_that_is_split_later_it_is_kept_back_at_the_end_of_splitting() {
        let (order, effects) = settled(|it| Terms { split: SplitTime::Later, ..it });
        assert_eq!(effects, [Effect::FinishSplits]);
        assert_eq!((order.reserved.clone(), stands(&order, "merchant_frozen")), (None, -12723));
        let now = START.plus_secs(SETTLEMENT_SECS + DAY);
        let order = step(order, event("split1:6000"), now).unwrap().order;
        let finished = step(order, event("finish"), now).unwrap();
        assert!(finished.effects.contains(&Effect::ReleaseReserve));
        assert_eq!(stands(&finished.order, "merchant_reserve"), -672);
        assert_eq!(stands(&finished.order, "merchant_available"), -6051);
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
    }
}
