//! A batch of payouts: accepted whole or not at all, approved as one, and closed once its last payout has ended.
//!
//! Its payouts live by [`super::payout::step()`], each for itself. The batch adds what they have in common: the totals
//! that its merchant named, which must be those of its payouts; one word of a second person for all of them; and its
//! end, which comes once. A payout may still be returned after that: the batch stays closed, and its payout says so.

use serde::{Deserialize, Serialize};

use super::payout::{Approval, PayoutRules};
use crate::id::{MerchantId, PayoutBatchId};
use crate::money::Money;
use crate::time::Timestamp;

/// How many payouts one batch may have, as WeChat Pay has it: they are accepted in one commit.
pub const MAX_ITEMS: usize = 1_000;

/// The terms on which a batch was accepted; never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayoutBatchTerms {
    /// The batch.
    pub id: PayoutBatchId,
    /// Whose it is.
    pub merchant: MerchantId,
    /// The merchant's own number, unique among its batches.
    pub merchant_payout_batch_id: String,
    /// The sum of the amounts of its payouts.
    pub total: Money,
    /// The sum of their fees.
    pub fee: Money,
    /// How many they are.
    pub count: u32,
    /// Whether they wait for a second person's word.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub needs_approval: bool,
    /// The contract that fees and limits come from; 0 is the standard.
    pub contract: u32,
    /// When it was accepted.
    pub created_at: Timestamp,
}

/// A batch of payouts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayoutBatch {
    /// The terms on which it was accepted.
    pub terms: PayoutBatchTerms,
    /// The second person's decision, if one was needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// When the last of its payouts ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// Rises by one with each change.
    pub version: u64,
}

/// The part of a batch that is in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The state of its payouts, as the API names it.
    pub status: &'static str,
    /// How many they are.
    pub count: u32,
    /// The sum of their amounts.
    pub amount: Money,
}

/// The totals that a merchant names for a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// The sum of the amounts.
    pub amount: Money,
    /// How many payouts there are.
    pub count: u32,
}

/// Why a batch is not accepted, or cannot be decided on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchRefusal {
    /// It has no payout, or more than [`MAX_ITEMS`].
    #[error("a batch has 1 to {MAX_ITEMS} payouts")]
    Size,
    /// The payouts are others than its totals say.
    #[error("its payouts are {count}, of {minor} together")]
    Totals {
        /// How many there are.
        count: usize,
        /// Their sum, in minor units.
        minor: i128,
    },
    /// A payout of another currency than the batch's, or a sum that is more than a number holds.
    #[error("a batch is of one currency, and its sum is one that can be paid")]
    Sum,
    /// Nobody has to decide on it.
    #[error("the batch waits for nobody's decision")]
    NotWaiting,
    /// A second person decided otherwise.
    #[error("the batch was {} before", if *approved { "approved" } else { "refused" })]
    Decided {
        /// How.
        approved: bool,
    },
}

impl Totals {
    /// Checks that payouts of these amounts and fees come to the totals, and gives the sum of the fees.
    ///
    /// # Errors
    ///
    /// [`BatchRefusal`].
    pub fn fee_of(&self, payouts: &[(Money, Money)]) -> Result<Money, BatchRefusal> {
        if payouts.is_empty() || payouts.len() > MAX_ITEMS {
            return Err(BatchRefusal::Size);
        }
        let minor = payouts.iter().map(|(amount, _)| i128::from(amount.minor())).sum();
        let right = minor == i128::from(self.amount.minor())
            && u32::try_from(payouts.len()).is_ok_and(|it| it == self.count);
        if !right {
            return Err(BatchRefusal::Totals { count: payouts.len(), minor });
        }
        let (mut sum, mut fees) =
            (Money::zero(self.amount.currency()), Money::zero(self.amount.currency()));
        for (amount, fee) in payouts {
            sum = sum.checked_add(*amount).ok_or(BatchRefusal::Sum)?;
            fees = fees.checked_add(*fee).ok_or(BatchRefusal::Sum)?;
        }
        Ok(fees)
    }
}

impl PayoutRules {
    /// The rules for the payouts of a batch of this sum: they need a second person's word if a single payout of the
    /// whole sum would, so that nobody gets around it by many small ones.
    #[must_use]
    pub fn in_batch(self, total: Money) -> Self {
        let approval_above =
            if total.minor() > self.approval_above { 0 } else { self.approval_above };
        Self { approval_above, ..self }
    }
}

impl PayoutBatch {
    /// A batch that is accepted with these terms.
    pub fn accept(terms: PayoutBatchTerms) -> Self {
        Self { terms, approval: None, closed_at: None, version: 1 }
    }

    /// Whether a second person has to decide.
    pub fn waits(&self) -> bool {
        self.terms.needs_approval && self.approval.is_none() && self.closed_at.is_none()
    }

    /// A second person decides on all of its payouts that wait. Told the same thing twice, it changes nothing the
    /// second time: it has the version that it came with.
    ///
    /// # Errors
    ///
    /// [`BatchRefusal::Decided`], [`BatchRefusal::NotWaiting`].
    pub fn decide(self, approval: Approval) -> Result<Self, BatchRefusal> {
        match &self.approval {
            Some(before) if before.approved == approval.approved => Ok(self),
            Some(before) => Err(BatchRefusal::Decided { approved: before.approved }),
            None if self.waits() => {
                Ok(Self { approval: Some(approval), version: self.version + 1, ..self })
            }
            None => Err(BatchRefusal::NotWaiting),
        }
    }

    /// The batch after one of its payouts ended, if that closes it: nothing of it is open any more, for the first time.
    pub fn closed(&self, is_open: bool, now: Timestamp) -> Option<Self> {
        if is_open || self.closed_at.is_some() {
            return None;
        }
        Some(Self { closed_at: Some(now), version: self.version + 1, ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

    fn cny(minor: i64) -> Money {
        Money::new(minor, Currency::from_code("CNY").unwrap()).unwrap()
    }

    fn approval(approved: bool) -> Approval {
        Approval { approved, reason: "Salaries".to_owned(), by: "operator".to_owned(), at: NOW }
    }

    fn batch(needs_approval: bool) -> PayoutBatch {
        PayoutBatch::accept(PayoutBatchTerms {
            id: PayoutBatchId::new(NOW, [1; 10]),
            merchant: MerchantId::parse("m_tea").unwrap(),
            merchant_payout_batch_id: "B-1".to_owned(),
            total: cny(300),
            fee: cny(2),
            count: 2,
            needs_approval,
            contract: 0,
            created_at: NOW,
        })
    }

    #[test]
    fn totals_are_those_of_the_payouts() {
        let jpy = Money::new(100, Currency::from_code("JPY").unwrap()).unwrap();
        let two = [(cny(100), cny(1)), (cny(200), cny(1))];
        for (amount, count, payouts, expected) in [
            (300, 2, &two[..], Ok(cny(2))),
            (300, 3, &two[..], Err(BatchRefusal::Totals { count: 2, minor: 300 })),
            (301, 2, &two[..], Err(BatchRefusal::Totals { count: 2, minor: 300 })),
            (0, 0, &[], Err(BatchRefusal::Size)),
            (300, 2, &[(cny(200), cny(0)), (jpy, cny(0))], Err(BatchRefusal::Sum)),
            (300, 2, &[(cny(200), cny(i64::MAX)), (cny(100), cny(1))], Err(BatchRefusal::Sum)),
        ] {
            let totals = Totals { amount: cny(amount), count };
            assert_eq!(totals.fee_of(payouts), expected, "{amount} {count} {payouts:?}");
        }
        for (count, fits) in [(MAX_ITEMS, true), (MAX_ITEMS + 1, false)] {
            let payouts = vec![(cny(1), cny(0)); count];
            let minor = i64::try_from(count).unwrap();
            let totals = Totals { amount: cny(minor), count: u32::try_from(count).unwrap() };
            assert_eq!(totals.fee_of(&payouts).is_ok(), fits);
        }
    }

    #[test]
    fn many_small_payouts_need_the_word_that_one_large_one_would() {
        let rules = PayoutRules { min: 1, max: 100, day_max: 1000, approval_above: 99 };
        for (total, above) in [(99, 99), (100, 0), (1000, 0)] {
            assert_eq!(rules.in_batch(cny(total)).approval_above, above, "{total}");
        }
    }

    #[test]
    fn a_batch_is_decided_on_once_and_closed_once() {
        assert_eq!(batch(false).decide(approval(true)), Err(BatchRefusal::NotWaiting));
        let waiting = batch(true);
        assert!(waiting.waits());
        for approved in [true, false] {
            let decided = waiting.clone().decide(approval(approved)).unwrap();
            assert!(!decided.waits() && decided.version == 2);
            assert_eq!(decided.clone().decide(approval(approved)), Ok(decided.clone()));
            let otherwise = decided.decide(approval(!approved));
            assert_eq!(otherwise, Err(BatchRefusal::Decided { approved }));
        }
        assert_eq!(waiting.closed(true, NOW), None);
        // Its merchant called every payout off before anybody decided.
        let closed = waiting.closed(false, NOW).unwrap();
        assert_eq!((closed.closed_at, closed.version, closed.waits()), (Some(NOW), 2, false));
        assert_eq!(closed.closed(false, NOW.plus_secs(1)), None);
        assert_eq!(closed.decide(approval(true)), Err(BatchRefusal::NotWaiting));
    }
}
