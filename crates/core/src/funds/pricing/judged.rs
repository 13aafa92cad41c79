//! Whether the fees of payments of a new contract may be worse for the merchant than the old ones in any case: any
//! amount, volume, industry and order of payments. What is not proven is worse.
//!
//! Between two volumes at which a tier of either begins, a rate is `a + b / volume`, or a constant; so is the
//! difference of two. Such a curve only rises or only falls, so what holds at both ends of a piece holds within.
//! With that the ordinary rate is proven never higher. A promotion then adds: by induction over the payments, as long
//! as the new contract uses a quota only where the old one does, it never has less of it left.

use super::{PaymentFee, Promotion, Quota, Rate};
use crate::money::MAX_MINOR;
use crate::time::Timestamp;

/// The parts of a fee that are judged together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::funds) struct Judged {
    /// Rate, tiers and discounts.
    pub(in crate::funds) rates_worse: bool,
    /// The promotion.
    pub(in crate::funds) promotion_worse: bool,
}

/// Judges the fees of a contract that takes the place of another at a moment. Fixed part, least, cap and rounding are
/// judged one by one, elsewhere.
pub(in crate::funds) fn judge(old: &PaymentFee, new: &PaymentFee, at: Timestamp) -> Judged {
    let rates_worse = industries(old, new)
        .into_iter()
        .any(|it| pieces(old, new).into_iter().any(|ends| is_worse(old, new, it, ends)));
    Judged { rates_worse, promotion_worse: promotion_is_worse(old, new, at) }
}

/// Whether a rate may be higher somewhere in a piece.
fn is_worse(old: &PaymentFee, new: &PaymentFee, industry: Option<u16>, ends: [i64; 2]) -> bool {
    let never_higher = ends.iter().all(|it| {
        let (old, new) = (raw(old, *it, industry), raw(new, *it, industry));
        new.dividend * old.divisor <= old.dividend * new.divisor
    });
    // Below zero is zero, which is never higher.
    let free = ends.iter().all(|it| raw(new, *it, industry).dividend <= 0);
    !never_higher && !free
}

/// The rate, less than zero where the discount is more than all of it.
fn raw(fee: &PaymentFee, volume: i64, industry: Option<u16>) -> Rate {
    let off = fee.discounts.iter().find(|it| Some(it.category) == industry);
    let Rate { dividend, divisor } = fee.by_volume(volume);
    Rate { dividend: dividend - i128::from(off.map_or(0, |it| it.off_ppm)) * divisor, divisor }
}

/// The industries that either names, and one that neither does.
fn industries(old: &PaymentFee, new: &PaymentFee) -> Vec<Option<u16>> {
    let named = old.discounts.iter().chain(&new.discounts).map(|it| Some(it.category));
    named.chain(std::iter::once(None)).collect()
}

/// The first and last volume of each piece on which both are one curve.
fn pieces(old: &PaymentFee, new: &PaymentFee) -> Vec<[i64; 2]> {
    let steps = [old, new].into_iter().filter_map(|it| it.tiers.as_ref()).flat_map(|it| &it.steps);
    // Of no volume a graduated rate is that of the first tier, as of the least volume.
    let mut begins: Vec<i64> = steps.map(|it| it.from).chain([0, 1]).collect();
    begins.sort_unstable();
    begins.dedup();
    let ends = begins.iter().skip(1).map(|it| it - 1).chain([MAX_MINOR]);
    begins.iter().copied().zip(ends).map(|(begin, end)| [begin, end]).collect()
}

fn promotion_is_worse(old: &PaymentFee, new: &PaymentFee, at: Timestamp) -> bool {
    let Some(before) = old.promotion.as_ref().filter(|it| it.is_on(at)) else { return false };
    // Whatever is ordinary now is as low as what was promoted.
    let ends = || pieces(new, new).into_iter().flatten();
    if ends().all(|it| !raw(new, it, None).is_above(before.rate_ppm)) {
        return false;
    }
    let Some(after) = &new.promotion else { return true };
    let Promotion { name, rate_ppm, until, quota } = after;
    let as_long = match (before.until, until) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(before), Some(after)) => *after >= before,
    };
    let as_much = match (before.quota, quota) {
        (_, None) => true,
        (Some(Quota::Payments(before)), Some(Quota::Payments(after))) => *after >= before,
        (Some(Quota::Minor(before)), Some(Quota::Minor(after))) => *after >= before,
        _ => false,
    };
    // A lower rate may be used, and the quota with it, where the old one was not, unless that one always was.
    let always = || {
        let mut ends = pieces(old, old).into_iter().flatten();
        ends.all(|it| {
            industries(old, old).into_iter().all(|of| raw(old, it, of).is_above(before.rate_ppm))
        })
    };
    let used_alike = *rate_ppm == before.rate_ppm || quota.is_none() || always();
    !(*name == before.name && *rate_ppm <= before.rate_ppm && as_long && as_much && used_alike)
}
