//! Where a contract is not as the one before it, judged part by part.

use serde::{Deserialize, Serialize};

use super::Contract;
use crate::funds::cycle::Cycle;
use crate::funds::payout::{Destination, PayoutRules};
use crate::funds::pricing::PaymentFee;
use crate::funds::pricing::judged::{Judged, judge};
use crate::money::Currency;
use crate::policy::{FeeSchedule, Rounding};
use crate::time::Timestamp;

/// Where a contract is not as the one before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Where, such as `fees.payout.CNY.rate_ppm`.
    pub path: String,
    /// The old value; absent if there was none.
    pub old: Option<String>,
    /// The new value; absent if there is none.
    pub new: Option<String>,
    /// Whether it may be worse for the merchant in some case.
    pub worse: bool,
}

impl Contract {
    /// Where `new` is not as this one. It is judged part by part: a part that is not surely as good
    /// for the merchant in every case counts as worse, so that what needs no notice never costs more. A promotion that
    /// is over at the moment `at` counts no more.
    pub fn differences(&self, new: &Self, at: Timestamp) -> Vec<Difference> {
        let mut found = Differences(Vec::new());
        found.payment_fees(&self.fees.payment, &new.fees.payment, at);
        for (path, old, new) in [
            ("fees.payout", &self.fees.payout, &new.fees.payout),
            ("fees.refund", &self.fees.refund, &new.fees.refund),
            ("fees.split", &self.fees.split, &new.fees.split),
        ] {
            found.fees(path, old, new);
        }
        let part = |of: &Self| of.reserve.map_or((0, 0), |it| (it.rate_ppm, it.days));
        let ((old_rate, old_days), (rate, days)) = (part(self), part(new));
        for (path, old, new) in
            [("reserve.rate_ppm", old_rate, rate), ("reserve.days", old_days.into(), days.into())]
        {
            found.add(path, Some(old.to_string()), Some(new.to_string()), new > old);
        }
        let (old, kept) = (self.fees.refund_keeps_payment_fee, new.fees.refund_keeps_payment_fee);
        let (old_text, new_text) = (Some(old.to_string()), Some(kept.to_string()));
        found.add("fees.refund_keeps_payment_fee", old_text, new_text, kept);
        let slower = match (self.cycle, new.cycle) {
            (Cycle::After { seconds: old }, Cycle::After { seconds: new }) => new > old,
            (Cycle::Days { days: old }, Cycle::Days { days: new })
            | (Cycle::BusinessDays { days: old }, Cycle::BusinessDays { days: new })
            | (Cycle::BusinessDays { days: old }, Cycle::Days { days: new }) => new > old,
            // Real time is as soon as can be.
            (_, Cycle::After { seconds: 0 }) => false,
            _ => true,
        };
        found.add("cycle", Some(words(&self.cycle)), Some(words(&new.cycle)), slower);
        let (old_day, new_day) = (&self.day, &new.day);
        found.add("day.zone", Some(old_day.zone.clone()), Some(new_day.zone.clone()), true);
        let (old_end, new_end) = (old_day.cut_off.to_string(), new_day.cut_off.to_string());
        found.add("day.cut_off", Some(old_end), Some(new_end), true);
        found.add("day.calendar", old_day.calendar.clone(), new_day.calendar.clone(), true);
        found.pay_to(self.pay_to(), new.pay_to());
        for currency in currencies(
            self.settlement.minimums.iter().chain(&new.settlement.minimums).map(|it| it.currency()),
        ) {
            let (old, new) = (self.minimum(currency).minor(), new.minimum(currency).minor());
            let path = format!("settlement.minimums.{currency}");
            found.add(&path, Some(old.to_string()), Some(new.to_string()), new > old);
        }
        found.limits(self, new);
        let (old, new) = (&self.payouts, &new.payouts);
        let (old_wait, new_wait) = (old.new_destination_wait_secs, new.new_destination_wait_secs);
        found.add(
            "payouts.new_destination_wait_secs",
            Some(old_wait.to_string()),
            Some(new_wait.to_string()),
            new_wait > old_wait,
        );
        let (old, new) = (old.fee_returned, new.fee_returned);
        found.add("payouts.fee_returned", Some(old.to_string()), Some(new.to_string()), old);
        found.0
    }
}

struct Differences(Vec<Difference>);

impl Differences {
    fn add(&mut self, path: &str, old: Option<String>, new: Option<String>, worse: bool) {
        if old != new {
            self.0.push(Difference { path: path.to_owned(), old, new, worse });
        }
    }

    /// Where settlement batches are paid to, masked. Both may be the same then: that they differ is said nevertheless.
    fn pay_to(&mut self, old: Option<&Destination>, new: Option<&Destination>) {
        if old != new {
            let [old, new] = [old, new].map(|it| it.map(|it| words(&it.masked())));
            self.0.push(Difference { path: "settlement.pay_to".to_owned(), old, new, worse: true });
        }
    }

    fn fees(&mut self, path: &str, old: &[FeeSchedule], new: &[FeeSchedule]) {
        for currency in currencies(old.iter().chain(new).map(|it| it.currency)) {
            let of = |list: &[FeeSchedule]| list.iter().find(|it| it.currency == currency).cloned();
            let path = format!("{path}.{currency}");
            match (of(old), of(new)) {
                (Some(old), Some(new)) => {
                    let rate_worse = new.rate_ppm > old.rate_ppm;
                    self.schedule(&path, &old, &new, rate_worse);
                }
                // A fee that is new is worse; where one is gone nothing is charged.
                (old, new) => {
                    let worse = new.is_some();
                    self.add(&path, old.as_ref().map(words), new.as_ref().map(words), worse);
                }
            }
        }
    }

    fn payment_fees(&mut self, old: &[PaymentFee], new: &[PaymentFee], at: Timestamp) {
        for currency in currencies(old.iter().chain(new).map(|it| it.currency)) {
            let of = |list: &[PaymentFee]| list.iter().find(|it| it.currency == currency).cloned();
            let path = format!("fees.payment.{currency}");
            let (Some(old), Some(new)) = (of(old), of(new)) else {
                // Without a schedule a payment costs whatever the policy says.
                self.add(&path, of(old).as_ref().map(words), of(new).as_ref().map(words), true);
                continue;
            };
            let Judged { rates_worse, promotion_worse } = judge(&old, &new, at);
            self.schedule(&path, &old.plain(), &new.plain(), rates_worse);
            let tiers = [&old, &new].map(|it| it.tiers.as_ref().map(words));
            let discounts =
                [&old, &new].map(|it| (!it.discounts.is_empty()).then(|| words(&it.discounts)));
            let promotion = [&old, &new].map(|it| it.promotion.as_ref().map(words));
            for (name, [old, new], worse) in [
                ("tiers", tiers, rates_worse),
                ("discounts", discounts, rates_worse),
                ("promotion", promotion, promotion_worse),
            ] {
                self.add(&format!("{path}.{name}"), old, new, worse);
            }
        }
    }

    fn schedule(&mut self, path: &str, old: &FeeSchedule, new: &FeeSchedule, rate_worse: bool) {
        let FeeSchedule { currency: _, rate_ppm, fixed, min, cap, rounding } = old;
        let [old_rate, new_rate] = [rate_ppm, &new.rate_ppm].map(|it| Some(it.to_string()));
        self.add(&format!("{path}.rate_ppm"), old_rate, new_rate, rate_worse);
        for (name, old, new) in [("fixed", *fixed, new.fixed), ("min", *min, new.min)] {
            let path = format!("{path}.{name}");
            self.add(&path, Some(old.to_string()), Some(new.to_string()), new > old);
        }
        let (old_cap, new_cap) = (*cap, new.cap);
        let worse = new_cap.unwrap_or(i64::MAX) > old_cap.unwrap_or(i64::MAX);
        let text = |it: Option<i64>| it.map(|it| it.to_string());
        self.add(&format!("{path}.cap"), text(old_cap), text(new_cap), worse);
        let worse = rank(new.rounding) > rank(*rounding);
        let (old, new) = (words(rounding), words(&new.rounding));
        self.add(&format!("{path}.rounding"), Some(old), Some(new), worse);
    }

    fn limits(&mut self, old: &Contract, new: &Contract) {
        let named = old.payouts.limits.iter().chain(&new.payouts.limits);
        for currency in currencies(named.map(|it| it.currency)) {
            let path = format!("payouts.limits.{currency}");
            let (before, after) = (old.payout_rules(currency), new.payout_rules(currency));
            let (Some(before), Some(after)) = (before, after) else {
                let text =
                    |it: Option<PayoutRules>| it.map(|it| format!("{} to {}", it.min, it.max));
                self.add(&path, text(before), text(after), after.is_none());
                continue;
            };
            for (name, old, new, worse) in [
                ("min", before.min, after.min, after.min > before.min),
                ("max", before.max, after.max, after.max < before.max),
                ("day_max", before.day_max, after.day_max, after.day_max < before.day_max),
                (
                    "approval_above",
                    before.approval_above,
                    after.approval_above,
                    after.approval_above < before.approval_above,
                ),
            ] {
                let (old, new) = (Some(old.to_string()), Some(new.to_string()));
                self.add(&format!("{path}.{name}"), old, new, worse);
            }
        }
        // Where limits are named, a currency that is not among them is not paid out.
        if old.payouts.limits.is_empty() && !new.payouts.limits.is_empty() {
            self.add("payouts.limits", None, Some("other currencies end".to_owned()), true);
        }
        if !old.payouts.limits.is_empty() && new.payouts.limits.is_empty() {
            self.add("payouts.limits", Some("some currencies".to_owned()), None, false);
        }
    }
}

/// How much a rounding may take: of two, the one with the higher rank never takes less.
fn rank(rounding: Rounding) -> u8 {
    match rounding {
        Rounding::Down => 0,
        Rounding::HalfEven => 1,
        Rounding::HalfUp => 2,
        Rounding::Up => 3,
    }
}

fn words<T: Serialize>(it: &T) -> String {
    serde_json::to_string(it).unwrap_or_default().trim_matches('"').to_owned()
}

fn currencies(all: impl Iterator<Item = Currency>) -> Vec<Currency> {
    let mut each: Vec<Currency> = all.collect();
    each.sort_by_key(|it| it.code());
    each.dedup();
    each
}
