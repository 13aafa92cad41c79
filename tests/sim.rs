//! The gateway under a dice: seeds that must hold, and bugs on purpose that must be found.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

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
        "choose",
        "approve",
        "refuse",
        "hint",
        "close",
        "capture",
        "void",
        "refund",
        "other_body",
        "advance",
    ] {
        assert!(counts.ops.contains_key(op), "{op} never happens");
    }
    for code in [
        "merchant_order_id_taken",
        "order_state",
        "refund_exceeds_available",
        "merchant_refund_id_taken",
        "idempotency_key_reused",
    ] {
        assert!(counts.refusals.contains_key(code), "{code} is never answered");
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
    ] {
        assert!(counts.events.contains_key(event), "{event} is never told");
    }
}

#[test]
fn every_planted_bug_is_found_within_a_thousand_seeds() {
    for planted in Planted::ALL {
        let found = sim::first_to_find(planted, 1_000);
        println!("{planted:?} is found by seed {found:?}");
        assert!(found.is_some(), "{planted:?} is not found");
    }
}
