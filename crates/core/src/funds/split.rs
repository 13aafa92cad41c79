//! Parting an amount among receivers: to the unit, and the same in whichever order they are named.

use crate::money::Money;
use crate::policy::Share;

/// A receiver and how much it weighs among the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weight {
    /// The receiver.
    pub receiver: String,
    /// Parts of the sum of all weights.
    pub parts: u64,
}

/// Why an amount cannot be parted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsplit {
    /// A receiver that is named twice would get two shares.
    #[error("a receiver is named twice")]
    Twice,
    /// Nobody weighs anything.
    #[error("the weights are all zero")]
    Nobody,
    /// The weights are more than a number holds.
    #[error("the weights are too large")]
    TooLarge,
}

/// `amount` in shares that are in proportion to the weights: each rounded down, and what is left over a
/// unit each to the largest remainders, of those that are alike to the receiver whose id is first. The
/// shares stand in the order of the weights, and together are the amount.
///
/// # Errors
///
/// [`Unsplit`].
pub fn split(amount: Money, weights: &[Weight]) -> Result<Vec<Share>, Unsplit> {
    let mut by_receiver: Vec<usize> = (0..weights.len()).collect();
    by_receiver.sort_by(|one, other| weights[*one].receiver.cmp(&weights[*other].receiver));
    if by_receiver.windows(2).any(|it| weights[it[0]].receiver == weights[it[1]].receiver) {
        return Err(Unsplit::Twice);
    }
    let weigh = |at: &usize| {
        let parts = i64::try_from(weights[*at].parts).map_err(|_| Unsplit::TooLarge)?;
        Money::new(parts, amount.currency()).map_err(|_| Unsplit::TooLarge)
    };
    let weighed: Vec<Money> = by_receiver.iter().map(weigh).collect::<Result<_, _>>()?;
    let zero = Money::zero(amount.currency());
    let whole = weighed.iter().try_fold(zero, |sum, it| sum.checked_add(*it));
    if whole.ok_or(Unsplit::TooLarge)?.minor() == 0 {
        return Err(Unsplit::Nobody);
    }
    let parts = amount.apportioned(&weighed).ok_or(Unsplit::TooLarge)?;
    let mut shares: Vec<Share> =
        weights.iter().map(|it| Share { receiver: it.receiver.clone(), amount: zero }).collect();
    for (at, part) in by_receiver.into_iter().zip(parts) {
        shares[at].amount = part;
    }
    Ok(shares)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    fn cny(minor: i64) -> Money {
        Money::new(minor, Currency::from_code("CNY").unwrap()).unwrap()
    }

    fn weight(receiver: &str, parts: u64) -> Weight {
        Weight { receiver: receiver.to_owned(), parts }
    }

    #[test]
    fn what_is_left_over_goes_to_the_largest_remainders() {
        for (minor, weights, expected) in [
            // moneyphp/money#492: 99.99 at 75 to 25.
            (9999, vec![("a", 75), ("b", 25)], vec![7499, 2500]),
            (100, vec![("c", 1), ("a", 1), ("b", 1)], vec![33, 34, 33]),
            (101, vec![("c", 1), ("a", 1), ("b", 1)], vec![33, 34, 34]),
            (0, vec![("a", 1), ("b", 2)], vec![0, 0]),
            (1, vec![("a", 1), ("b", 2)], vec![0, 1]),
            (7, vec![("a", 0), ("b", 5)], vec![0, 7]),
        ] {
            let weights: Vec<Weight> =
                weights.into_iter().map(|(receiver, parts)| weight(receiver, parts)).collect();
            let shares = split(cny(minor), &weights).unwrap();
            assert_eq!(shares.iter().map(|it| it.amount.minor()).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn what_cannot_be_parted_is_refused() {
        for (weights, why) in [
            (vec![], Unsplit::Nobody),
            (vec![weight("a", 0), weight("b", 0)], Unsplit::Nobody),
            (vec![weight("a", 1), weight("b", 1), weight("a", 2)], Unsplit::Twice),
            (vec![weight("a", u64::MAX)], Unsplit::TooLarge),
            (vec![weight("a", 1 << 62), weight("b", 1 << 62)], Unsplit::TooLarge),
        ] {
            assert_eq!(split(cny(100), &weights), Err(why), "{weights:?}");
        }
    }

    /// SplitMix64, so that a million cases are the same on every machine.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (mixed ^ (mixed >> 31)) % bound
        }
    }

    #[test]
    fn a_million_splits_lose_no_unit_and_know_no_order() {
        let mut random = Random(14);
        for case in 0..1_000_000_u32 {
            let minor = match case % 3 {
                0 => random.below(1_000),
                1 => random.below(10_000_000),
                _ => random.below(1 << 53),
            };
            let amount = cny(i64::try_from(minor).unwrap());
            let count = 1 + random.below(6);
            let mut weights: Vec<Weight> = (0..count)
                .map(|it| {
                    weight(
                        &format!("r{it}"),
                        random.below(if case % 2 == 0 { 5 } else { 1_000_000 }),
                    )
                })
                .collect();
            if weights.iter().all(|it| it.parts == 0) {
                weights[0].parts = 1;
            }
            let shares = split(amount, &weights).unwrap();
            assert_eq!(shares.iter().map(|it| it.amount.minor()).sum::<i64>(), amount.minor());
            let whole: u64 = weights.iter().map(|it| it.parts).sum();
            for (share, weight) in shares.iter().zip(&weights) {
                // Never a unit or more away from what is exactly right.
                let exact = u128::from(minor) * u128::from(weight.parts);
                let given = u128::try_from(share.amount.minor()).unwrap() * u128::from(whole);
                assert!(given.abs_diff(exact) < u128::from(whole), "{weights:?} {shares:?}");
            }
            // Fisher and Yates.
            for at in (1..weights.len()).rev() {
                let other = usize::try_from(random.below(u64::try_from(at + 1).unwrap())).unwrap();
                weights.swap(at, other);
            }
            for share in split(amount, &weights).unwrap() {
                assert!(shares.contains(&share), "{weights:?}");
            }
        }
    }
}
