//! Instalments: an amount that the shopper pays in monthly parts, and what that costs them.
//!
//! The channel finances them. The merchant is paid the whole amount at once as ever, and the shopper owes the
//! channel that amount and its fee, in parts: nothing here is booked. What a page shows before they agree,
//! and what the gateway tells the channel, come from these lines, in whole minor units.

use serde::{Deserialize, Serialize};

use crate::money::{MAX_MINOR, Money};

/// The fewest parts: one is no instalment.
pub const MIN_COUNT: u8 = 2;
/// The most parts: three years, the longest that card issuers offer.
pub const MAX_COUNT: u8 = 36;
/// The highest fee, in parts per million of the amount: the whole of it again.
pub const MAX_RATE_PPM: u32 = 1_000_000;
/// The most that all parts come to, so that a page reads what was signed.
pub const MAX_TOTAL: i64 = MAX_MINOR;

const PPM: i64 = 1_000_000;

/// So many monthly parts, for such a fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Plan {
    count: u8,
    rate_ppm: u32,
}

/// A plan's sums, in the minor units of the amount: `first` and `count - 1` times `each` are `total`,
/// which is the amount and the fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// The shopper's fee, on top of the amount.
    pub fee: i64,
    /// All that they pay.
    pub total: i64,
    /// The first part. What cannot be parted evenly is in it, less than one unit for each part.
    pub first: i64,
    /// Every other part.
    pub each: i64,
}

/// A plan's sums, as money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// The shopper's fee, on top of the amount.
    pub fee: Money,
    /// All that they pay.
    pub total: Money,
    /// The first part.
    pub first: Money,
    /// Every other part.
    pub each: Money,
}

/// There is no such plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "instalments are {MIN_COUNT} to {MAX_COUNT} parts for a fee of 0 to {MAX_RATE_PPM} parts per million"
)]
pub struct NoPlan;

impl Plan {
    /// `count` monthly parts, for a fee of `rate_ppm` parts per million of the amount: 23000 is 2.3 %.
    ///
    /// # Errors
    ///
    /// If either is out of its bounds.
    pub fn new(count: u8, rate_ppm: u32) -> Result<Self, NoPlan> {
        if !(MIN_COUNT..=MAX_COUNT).contains(&count) || rate_ppm > MAX_RATE_PPM {
            return Err(NoPlan);
        }
        Ok(Self { count, rate_ppm })
    }

    /// How many parts.
    pub fn count(self) -> u8 {
        self.count
    }

    /// The fee, in parts per million of the amount.
    pub fn rate_ppm(self) -> u32 {
        self.rate_ppm
    }

    /// The plan's sums for an amount in minor units. The fee is rounded to the nearest unit, a half
    /// up; the parts are as even as whole units allow, and the first has what is left over.
    ///
    /// `None` for what cannot be paid so: an amount of which not every part would be a unit, or whose total
    /// is above [`MAX_TOTAL`].
    pub fn parts(self, minor: i64) -> Option<Parts> {
        if !(1..=MAX_TOTAL).contains(&minor) {
            return None;
        }
        // In two steps, since 128 bits cost a page's module a kilobyte. Below 2^53, nothing here overflows.
        let rate = i64::from(self.rate_ppm);
        let fee = minor / PPM * rate + (minor % PPM * rate + PPM / 2) / PPM;
        let total = Some(minor + fee).filter(|total| *total <= MAX_TOTAL)?;
        let count = i64::from(self.count);
        let each = total / count;
        (each > 0).then(|| Parts { fee, total, first: total - each * (count - 1), each })
    }

    /// As [`Plan::parts`], as money.
    pub fn quote(self, amount: Money) -> Option<Quote> {
        let Parts { fee, total, first, each } = self.parts(amount.minor())?;
        let money = |minor| Money::new(minor, amount.currency()).ok();
        Some(Quote {
            fee: money(fee)?,
            total: money(total)?,
            first: money(first)?,
            each: money(each)?,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    count: u8,
    rate_ppm: u32,
}

impl TryFrom<Unchecked> for Plan {
    type Error = NoPlan;

    fn try_from(it: Unchecked) -> Result<Self, NoPlan> {
        Self::new(it.count, it.rate_ppm)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::money::Currency;

    fn plan(count: u8, rate_ppm: u32) -> Plan {
        Plan::new(count, rate_ppm).unwrap()
    }

    #[test]
    fn a_plan_is_two_to_thirty_six_parts() {
        for (count, rate_ppm, is_one) in [
            (0, 0, false),
            (1, 0, false),
            (2, 0, true),
            (36, 1_000_000, true),
            (37, 0, false),
            (12, 1_000_001, false),
        ] {
            assert_eq!(Plan::new(count, rate_ppm).is_ok(), is_one, "{count} {rate_ppm}");
            let json = format!(r#"{{"count":{count},"rate_ppm":{rate_ppm}}}"#);
            let read = serde_json::from_str::<Plan>(&json).ok();
            assert_eq!(read, Plan::new(count, rate_ppm).ok());
            if let Some(plan) = read {
                assert_eq!(serde_json::to_string(&plan).unwrap(), json);
                assert_eq!((plan.count(), plan.rate_ppm()), (count, rate_ppm));
            }
        }
    }

    #[test]
    fn what_a_plan_comes_to() {
        for (amount, count, rate_ppm, expected) in [
            // 1.25 % of 128.00 is 1.60, and 129.60 in three parts is 43.20.
            (12800, 3, 12_500, Some((160, 12960, 4320, 4320))),
            (12800, 3, 0, Some((0, 12800, 4268, 4266))),
            (100, 3, 0, Some((0, 100, 34, 33))),
            // Half a unit goes up, less than half is dropped.
            (100, 2, 5_000, Some((1, 101, 51, 50))),
            (100, 2, 4_999, Some((0, 100, 50, 50))),
            (2, 2, 0, Some((0, 2, 1, 1))),
            (1, 2, 0, None),
            (1, 2, 1_000_000, Some((1, 2, 1, 1))),
            (35, 36, 0, None),
            (36, 36, 0, Some((0, 36, 1, 1))),
            (0, 2, 0, None),
            (-1, 2, 0, None),
            (MAX_TOTAL, 2, 0, Some((0, MAX_TOTAL, MAX_TOTAL / 2 + 1, MAX_TOTAL / 2))),
            (MAX_TOTAL + 1, 2, 0, None),
            (MAX_TOTAL, 2, 1, None),
            (i64::MAX, 36, 1_000_000, None),
        ] {
            let found = plan(count, rate_ppm).parts(amount);
            let found = found.map(|it| (it.fee, it.total, it.first, it.each));
            assert_eq!(found, expected, "{amount} in {count} for {rate_ppm}");
        }
    }

    proptest! {
        /// In every currency, of no decimals or four, the parts are the total to the unit.
        #[test]
        fn parts_sum_to_the_total(
            amount in 0..=i64::MAX,
            short in 0..2_000_000_i64,
            is_short in any::<bool>(),
            count in MIN_COUNT..=MAX_COUNT,
            rate_ppm in 0..=MAX_RATE_PPM,
            code in prop_oneof![Just("JPY"), Just("CNY"), Just("KWD"), Just("CLF"), Just("HUF")],
        ) {
            let amount = if is_short { short } else { amount };
            let currency = Currency::from_code(code).unwrap();
            let money = Money::new(amount, currency).unwrap();
            let Some(quote) = plan(count, rate_ppm).quote(money) else {
                let most = i128::from(amount) * (1_000_000 + i128::from(rate_ppm)) / 1_000_000;
                prop_assert!(most + 1 > i128::from(MAX_TOTAL) || most < i128::from(count));
                return Ok(());
            };
            let Quote { fee, total, first, each } = quote;
            prop_assert_eq!(money.checked_add(fee), Some(total));
            let others = i128::from(each.minor()) * i128::from(count - 1);
            prop_assert_eq!(i128::from(first.minor()) + others, i128::from(total.minor()));
            // As even as units allow.
            prop_assert!(each.minor() >= 1);
            prop_assert!((0..i64::from(count)).contains(&(first.minor() - each.minor())));
            // The fee is off by half a unit at most.
            let exact = i128::from(amount) * i128::from(rate_ppm);
            let off = i128::from(fee.minor()) * 1_000_000 - exact;
            prop_assert!(-500_000 < off && off <= 500_000, "{off}");
            for it in [fee, total, first, each] {
                prop_assert_eq!(it.currency(), currency);
                prop_assert!(it.minor() <= MAX_TOTAL);
            }
        }
    }
}
