//! Settlement batches: what happened to a merchant's balance from one cut-off to the next.
//!
//! A batch is a range of the ledger's entry numbers, from the one after the last of the batch before
//! to its own last. So its lines are the entries in the range that touch what the merchant can take
//! out, its sum is the difference of two balances, and every such entry lies in exactly one batch.
//! A batch that is closed never changes: what comes later, a refund of an old order too, is a line of
//! the next one.

use serde::{Deserialize, Serialize};

use super::date::Date;
use crate::id::{MerchantId, PayoutId, SettlementId};
use crate::money::{Currency, Money};
use crate::time::Timestamp;

/// How long after its cut-off a batch that is closed counts as late: an hour.
pub const LATE_SECS: i64 = 3600;

/// A batch that is closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Its id.
    pub id: SettlementId,
    /// Whose it is.
    pub merchant: MerchantId,
    /// The currency: each has batches of its own.
    pub currency: Currency,
    /// The day that its cut-off ends.
    pub day: Date,
    /// The cut-off.
    pub cut_off: Timestamp,
    /// The last entry of the batch before; 0 for the first.
    pub after_entry: u64,
    /// Its last entry.
    pub to_entry: u64,
    /// The merchant's balance before, in minor units: less than zero if it owed.
    pub opening: i64,
    /// The merchant's balance after.
    pub closing: i64,
    /// How many entries touch it.
    pub lines: u64,
    /// Whether it is paid out or carried over.
    pub outcome: Outcome,
    /// The contract by which it was closed.
    pub contract: u32,
    /// The calendar's digest, if one was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<String>,
    /// When it was closed.
    pub closed_at: Timestamp,
    /// It was closed more than [`LATE_SECS`] after its cut-off.
    pub late: bool,
}

/// The outcome of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// All or some of what is the merchant's is paid out.
    Paid {
        /// The payout; its own state says whether it arrived.
        payout: PayoutId,
        /// Its amount.
        amount: Money,
        /// Its fee.
        fee: Money,
    },
    /// All of it stays, and is the next batch's opening.
    Carried {
        /// Why.
        why: Carry,
    },
}

/// Why nothing of a batch is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Carry {
    /// Payouts are the merchant's to ask for.
    Manual,
    /// The merchant owes, or nothing is there.
    NothingAvailable,
    /// It is less than the contract's minimum.
    BelowMinimum,
    /// The contract's limits allow no payout of it.
    Limits,
}

impl Carry {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::NothingAvailable => "nothing_available",
            Self::BelowMinimum => "below_minimum",
            Self::Limits => "limits",
        }
    }
}

/// The balance that is checked against the contract when a batch is closed, in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The merchant's balance: less than zero if it owes.
    pub position: i64,
    /// The least that is paid.
    pub minimum: Money,
}

/// How much of a batch is paid out, fee included: all that is there, or why nothing is.
pub fn payable(standing: Position, automatic: bool) -> Result<Money, Carry> {
    if !automatic {
        return Err(Carry::Manual);
    }
    let there = Money::new(standing.position, standing.minimum.currency());
    let there = there.ok().filter(|it| it.minor() > 0).ok_or(Carry::NothingAvailable)?;
    if there.checked_sub(standing.minimum).is_none() {
        return Err(Carry::BelowMinimum);
    }
    Ok(there)
}

/// The amount that leaves of `whole`, of which `fee_of` an amount is taken besides: the largest whose
/// fee still fits, with its fee. `None` if nothing does.
///
/// `fee_of` must not fall as amounts rise.
pub fn net_of_fee(whole: Money, fee_of: impl Fn(Money) -> Money) -> Option<(Money, Money)> {
    let currency = whole.currency();
    let taken = |minor: i64| {
        let amount = Money::new(minor, currency).ok()?;
        let fee = fee_of(amount);
        amount.checked_add(fee).map(|taken| (amount, fee, taken))
    };
    let fits = |minor: i64| taken(minor).is_some_and(|(_, _, it)| whole.checked_sub(it).is_some());
    // By halves: `least` fits, `most` may not.
    let (mut least, mut most) = (0, whole.minor());
    while least < most {
        let middle = least + (most - least + 1) / 2;
        if fits(middle) { least = middle } else { most = middle - 1 }
    }
    taken(least).filter(|_| least > 0).map(|(amount, fee, _)| (amount, fee))
}

impl Batch {
    /// The sum of the batch's lines.
    pub fn net(&self) -> i64 {
        self.closing.saturating_sub(self.opening)
    }

    /// The balance carried into the next batch: the closing one less the payout and its fee.
    pub fn carried(&self) -> i64 {
        let paid = match &self.outcome {
            Outcome::Paid { amount, fee, .. } => amount.minor().saturating_add(fee.minor()),
            Outcome::Carried { .. } => 0,
        };
        self.closing.saturating_sub(paid)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cny(minor: i64) -> Money {
        Money::new(minor, Currency::from_code("CNY").unwrap()).unwrap()
    }

    #[test]
    fn what_is_paid_of_a_batch_follows_its_contract() {
        for (position, minimum, automatic, expected) in [
            (10_000, 0, true, Ok(10_000)),
            (10_000, 10_000, true, Ok(10_000)),
            (9_999, 10_000, true, Err(Carry::BelowMinimum)),
            (0, 0, true, Err(Carry::NothingAvailable)),
            (-1, 0, true, Err(Carry::NothingAvailable)),
            (10_000, 0, false, Err(Carry::Manual)),
        ] {
            let standing = Position { position, minimum: cny(minimum) };
            let paid = payable(standing, automatic).map(Money::minor);
            assert_eq!(paid, expected, "{position} {minimum} {automatic}");
        }
    }

    #[test]
    fn what_leaves_is_what_is_there_less_its_fee() {
        let half_percent = |it: Money| cny((it.minor() + 199) / 200);
        for (whole, expected) in [
            (0, None),
            (1, None),
            (2, Some((1, 1))),
            (201, Some((200, 1))),
            (10_000, Some((9950, 50))),
        ] {
            let net = net_of_fee(cny(whole), half_percent);
            assert_eq!(net.map(|it| (it.0.minor(), it.1.minor())), expected, "{whole}");
        }
        assert_eq!(net_of_fee(cny(100), |_| cny(100)), None);
        assert_eq!(net_of_fee(cny(100), |_| cny(0)), Some((cny(100), cny(0))));
    }

    proptest! {
        #[test]
        fn nothing_more_would_fit(whole in 0..5_000_i64, ppm in 0..500_000_i64, fixed in 0..50_i64) {
            let fee = |it: Money| cny(it.minor() * ppm / 1_000_000 + fixed);
            let best = (1..=whole).rev().find(|it| it + fee(cny(*it)).minor() <= whole);
            prop_assert_eq!(net_of_fee(cny(whole), fee).map(|it| it.0.minor()), best);
        }
    }
}
