//! The gateway under a dice: seeds that must hold, and bugs on purpose that must be found.

use lezai_tests::sim::{self, Fault, Planted};

#[test]
fn five_hundred_seeds_hold_and_all_that_can_happen_happens() {
    let counts = sim::run(1, 500, Planted::Nothing).unwrap_or_else(|failure| panic!("{failure}"));
    print!("{}", counts.text());
    for fault in Fault::ALL {
        assert!(counts.faults.contains_key(fault.name()), "{} never happens", fault.name());
    }
    for op in [
        "create",
        "create_again",
        "sell",
        "charge",
        "choose",
        "approve",
        "refuse",
        "hint",
        "close",
        "capture",
        "void",
        "refund",
        "other_body",
        "redeliver",
        "review",
        "payout",
        "cancel_payout",
        "payout_batch",
        "split",
        "give_back",
        "finish_splits",
        "quote",
        "mandate",
        "agree",
        "debit",
        "take_back",
        "revoke_mandate",
        "advance",
    ] {
        assert!(counts.ops.contains_key(op), "{op} never happens");
    }
    for act in [
        "paid",
        "paid short",
        "paid by a code that was over",
        "authorised",
        "declined",
        "waited at the till",
        "lost the till's network",
        "agreed to be debited",
        "declined to be debited",
        "taken a mandate back",
        "had a debit taken back",
    ] {
        assert!(counts.acts.contains_key(act), "nobody has {act}");
    }
    for code in [
        "merchant_order_id_taken",
        "order_state",
        "refund_exceeds_available",
        "merchant_refund_id_taken",
        "idempotency_key_reused",
        "order_not_held",
        "review_closed",
        "insufficient_funds",
        "merchant_payout_id_taken",
        "payout_limit_exceeded",
        "payout_state",
        "split_state",
        "split_exceeds_available",
        "merchant_split_id_taken",
        "return_exceeds_split",
        "payout_batch_totals",
        "merchant_payout_batch_id_taken",
        "fx_quote_used",
        "fx_quote_expired",
        "fx_rate_stale",
        "fx_lock_not_offered",
        "code_refused",
        "mandate_state",
        "debit_above_mandate",
        "merchant_mandate_id_taken",
        "debit_returned",
    ] {
        assert!(counts.refusals.contains_key(code), "{code} is never answered");
    }
    for end in ["direct", "direct, refunded"] {
        assert!(counts.ends.contains_key(end), "no order ends as {end}");
    }
    for event in [
        "order.authorized",
        "order.paid",
        "order.closed",
        "order.voided",
        "payment.declined",
        "payment.returned",
        "refund.succeeded",
        "refund.failed",
        "order.needs_attention",
        "review.opened",
        "review.closed",
        "payout.paid",
        "payout.failed",
        "payout.returned",
        "payout.cancelled",
        "payout.needs_attention",
        "payout_batch.closed",
        "settlement.closed",
        "split.finished",
        "split.returned",
        "debit.returned",
        "mandate.activated",
        "mandate.declined",
        "mandate.revoked",
        "mandate.expired",
    ] {
        assert!(counts.events.contains_key(event), "{event} is never told");
    }
}

#[test]
fn a_death_at_any_commit_loses_nothing_and_doubles_nothing() {
    let runs = [1, 2, 4, 8]
        .into_iter()
        .map(|seed| sim::crash_everywhere(seed).unwrap_or_else(|failure| panic!("{failure}")));
    let runs: usize = runs.sum();
    println!("{runs} runs");
    assert!(runs > 500, "{runs} runs are too few to tell");
}

#[test]
fn every_planted_bug_is_found_within_a_thousand_seeds() {
    for planted in Planted::ALL {
        // By what it does, and not by some other fault of the simulation.
        let seen: &[&str] = match planted {
            Planted::Nothing => &[],
            // The careless write also forgets the refund that was there: the books know of both.
            Planted::CheckThenAct => &["refunded or being refunded", "the ledger has"],
            Planted::EffectBeforeCommit | Planted::LatePaymentIgnored | Planted::FreshRefundId => {
                &["the bank holds"]
            }
            // What was undone, or charged, behind the gateway's back it asks about for ever.
            Planted::SilentReversalBelieved | Planted::FreshChargeNumber => {
                &["the bank holds", "it does not come to rest"]
            }
            Planted::LostIdempotency | Planted::StaleRead => &["was answered"],
            Planted::DoublePosting => &["the ledger has"],
            Planted::DuplicateCallback => &["acted 2 times"],
            Planted::RoundingLeak => &["of the fee of"],
            Planted::LeaseNeverGivenBack => &["left undone"],
            Planted::ReleaseForgotten => &["the ledger has"],
            Planted::ApprovedNeverSettles => &["nothing waits to settle it"],
            Planted::StaleAvailable | Planted::DebtNotRepaid => {
                &["overdraws", "to one who owes", "what it takes from available accounts"]
            }
            Planted::FreshPayoutId | Planted::SilenceIsFailure | Planted::WatchForgotten => {
                &["the bank paid out"]
            }
            Planted::ReturnBookedTwice => &["the ledger has"],
            Planted::BatchForgetsTheLast => &["it does not follow"],
            Planted::NextBatchNotPlanned => &["no close of its next batch"],
            Planted::SplitsNeverFinished => &["nothing waits to finish its splitting"],
            Planted::ReturnAvailableAtOnce | Planted::SplitBookedTwice => &["the ledger has"],
            Planted::ReturnUnchecked => &["gives back what was not there"],
            Planted::ReserveNeverReleased => {
                &["nothing waits to release its reserve", "is left on merchant_reserve"]
            }
            Planted::ReserveReleasedTwice => &["the ledger has"],
            Planted::QuoteUsedTwice => &["it is not the order that used"],
            Planted::RefundUpsideDown | Planted::SpreadKept => &["were taken back for"],
            // Nobody there knows the payment, so what it is to give back is asked for for ever.
            Planted::DirectAskedElsewhere | Planted::DirectForgotten => {
                &["it does not come to rest", "a task is left undone", "own account holds"]
            }
            Planted::DirectRefundBookedTwice => &["the ledger has"],
            Planted::TierOfThisMonth => &["its tier is not that of the volume"],
            Planted::QuotaCountedTwice => &["is not what its orders use"],
            Planted::QuotaOverspent => &["covers more than its quota"],
            Planted::DebitAboveTheMandate => &["is debited of"],
            Planted::PeriodForgotten => &["is debited in a period of"],
            Planted::ReturnOfDebitBookedTwice => &["the ledger has"],
            Planted::DebitWatchForgotten => &["the bank holds"],
            Planted::FreshDebitNumber => &["the bank holds", "it does not come to rest"],
            Planted::BatchClosedEarly | Planted::BatchNeverClosed => &["is closed at"],
        };
        let (seed, what) = sim::first_to_see(planted, seen, 1_000)
            .unwrap_or_else(|| panic!("{planted:?} is not found"));
        println!("{planted:?} is found by seed {seed}: {what}");
    }
}
