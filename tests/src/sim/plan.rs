//! The plan of a run, by the seed: what merchants, shoppers and the clock do, in which order.

use super::counter::sell_at_the_counter;
use super::fx::price_elsewhere;
use super::mandates::debit_now_and_then;
use super::random::Random;

/// An act of somebody. The numbers choose among what there is by then.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Create {
        minor: i64,
        fee: i64,
        manual: bool,
        held: bool,
        expires: i64,
        bearer: usize,
        later: bool,
        /// The quote by which it is settled in another currency.
        fx: Option<usize>,
    },
    CreateAgain(usize),
    Sell {
        minor: i64,
        fee: i64,
        expires: i64,
    },
    Charge(usize),
    Choose(usize),
    Approve(usize, bool),
    Refuse(usize),
    Hint(usize, usize),
    Close(usize),
    Capture(usize, i64),
    Void(usize),
    Refund(usize, i64, bool),
    OtherBody(usize),
    Redeliver(usize),
    Payout(usize, i64, bool),
    CancelPayout(usize),
    PayoutBatch(usize, i64),
    Split(usize, i64, bool),
    GiveBack(usize, i64),
    FinishSplits(usize),
    Review(usize, bool),
    Mandate {
        n: usize,
        days: i64,
    },
    Agree(usize, bool),
    Debit {
        n: usize,
        percent: i64,
    },
    TakeBack(usize),
    RevokeMandate(usize),
    Quote(usize),
    Advance(i64),
}

/// The plan of a run, by the seed.
pub(super) fn plan(seed: u64) -> Vec<Op> {
    let mut random = Random::new(seed ^ 0x0070_6c61_6e00);
    let create = |random: &mut Random| Op::Create {
        minor: if random.once_in(3) { random.between(2, 40) } else { random.between(100, 99_999) },
        fee: random.between(0, 70_000),
        manual: random.once_in(3),
        held: random.once_in(4),
        expires: random.between(300, 7_200),
        bearer: random.below(3),
        later: false,
        fx: None,
    };
    let mut ops = vec![create(&mut random)];
    for _ in 0..random.between(10, 34) {
        let n = random.below(64);
        ops.push(match random.below(64) {
            0..4 => create(&mut random),
            4 => Op::CreateAgain(n),
            5..13 => Op::Choose(n),
            13..25 => Op::Approve(n, random.once_in(12)),
            25 => Op::Refuse(n),
            26 => Op::Hint(n, random.below(3)),
            27 => Op::Close(n),
            28..33 => Op::Capture(n, random.between(0, 120)),
            33..37 => Op::Void(n),
            37..53 => Op::Refund(n, random.between(1, 130), random.once_in(8)),
            53 => Op::OtherBody(n),
            54 => Op::Redeliver(n),
            55..58 => Op::Review(n, random.once_in(2)),
            58..60 => Op::Advance(random.between(1, 120)),
            60 => Op::Advance(random.between(600, 7_200)),
            _ => Op::Advance(random.between(43_200, 8 * 86_400)),
        });
    }
    // Money goes out once some came in, and sometimes before.
    for _ in 0..random.below(9) {
        let at = random.below(ops.len() + 1);
        let n = random.below(64);
        ops.insert(
            at,
            match random.below(8) {
                0 => Op::CancelPayout(n),
                1..3 => Op::Advance(random.between(43_200, 3 * 86_400)),
                _ => Op::Payout(n, random.between(1, 130), random.once_in(3)),
            },
        );
    }
    // Somebody decides once more on what was decided on.
    let reviews: Vec<usize> =
        (0..ops.len()).filter(|nth| matches!(ops[*nth], Op::Review(..))).collect();
    for nth in reviews.into_iter().rev() {
        let again = Op::Review(4, random.once_in(2));
        ops.insert(ops.len().min(nth + 4), again);
    }
    // Left to chance alone most orders would never be paid.
    let mut nth = 0;
    while nth < ops.len() {
        if matches!(ops[nth], Op::Create { .. }) && !random.once_in(4) {
            let choose = nth + 1 + random.below(3).min(ops.len() - nth - 1);
            ops.insert(choose, Op::Choose(8 * random.below(8) + 1));
            let approve = choose + 1 + random.below(4).min(ops.len() - choose - 1);
            ops.insert(approve, Op::Approve(random.below(64), false));
        }
        nth += 1;
    }
    split_later(seed, &mut ops);
    pay_in_batches(seed, &mut ops);
    price_elsewhere(seed, &mut ops);
    sell_at_the_counter(seed, &mut ops);
    debit_now_and_then(seed, &mut ops);
    ops
}

/// Some orders are split later, and are split once they are settled. By a dice of its own: what else happens is
/// what happens without.
fn split_later(seed: u64, ops: &mut Vec<Op>) {
    let mut random = Random::new(seed ^ 0x73_706c_6974_7300);
    let mut some = false;
    for op in ops.iter_mut() {
        if let Op::Create { later, .. } = op {
            *later = random.once_in(3);
            some |= *later;
        }
    }
    if !some {
        return;
    }
    for _ in 0..random.between(2, 9) {
        let (at, n) = (ops.len() / 2 + random.below(ops.len() / 2 + 1), random.below(64));
        let op = match random.below(13) {
            0..5 => Op::Split(n, random.between(1, 110), random.once_in(8)),
            5..9 => Op::GiveBack(n, random.between(1, 110)),
            9 => Op::FinishSplits(n),
            // The seller takes out nearly all that it has, and can give nothing back.
            10..12 => Op::Payout(4 << random.below(3), random.between(70, 100), false),
            _ => Op::Advance(random.between(43_200, 3 * 86_400)),
        };
        ops.insert(at, op);
    }
}

/// Now and then several are paid out to at once, by a dice of its own, once something may have been settled.
fn pay_in_batches(seed: u64, ops: &mut Vec<Op>) {
    let mut random = Random::new(seed ^ 0x0062_6174_6368);
    if random.once_in(2) {
        return;
    }
    for _ in 0..random.between(1, 4) {
        let at = ops.len() / 2 + random.below(ops.len() / 2 + 1);
        ops.insert(at, Op::PayoutBatch(random.below(64), random.between(1, 120)));
        ops.insert(at, Op::Advance(random.between(43_200, 2 * 86_400)));
    }
}

impl Op {
    /// Its name in the counts.
    pub(super) fn name(self) -> &'static str {
        match self {
            Op::Create { .. } => "create",
            Op::CreateAgain(_) => "create_again",
            Op::Sell { .. } => "sell",
            Op::Charge(_) => "charge",
            Op::Choose(_) => "choose",
            Op::Approve(..) => "approve",
            Op::Refuse(_) => "refuse",
            Op::Hint(..) => "hint",
            Op::Close(_) => "close",
            Op::Capture(..) => "capture",
            Op::Void(_) => "void",
            Op::Refund(..) => "refund",
            Op::OtherBody(_) => "other_body",
            Op::Redeliver(_) => "redeliver",
            Op::Payout(..) => "payout",
            Op::CancelPayout(_) => "cancel_payout",
            Op::PayoutBatch(..) => "payout_batch",
            Op::Split(..) => "split",
            Op::GiveBack(..) => "give_back",
            Op::FinishSplits(_) => "finish_splits",
            Op::Review(..) => "review",
            Op::Mandate { .. } => "mandate",
            Op::Agree(..) => "agree",
            Op::Debit { .. } => "debit",
            Op::TakeBack(_) => "take_back",
            Op::RevokeMandate(_) => "revoke_mandate",
            Op::Quote(_) => "quote",
            Op::Advance(_) => "advance",
        }
    }
}
