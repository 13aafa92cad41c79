//! When a payment settles: by the contract of the moment of its capture, and by one number for the
//! settlement, the void and the review.

use super::tests::{START, event, terms};
use super::*;

/// An order that was captured, to settle then.
fn paid(held: bool, settles: Settles) -> Order {
    let order = Order::create(terms(held, Capture::Automatic)).unwrap().order;
    let order = step(order, event("choose1"), START).unwrap().order;
    step(order, event("paid1"), Moment { now: START, settles }).unwrap().order
}

#[test]
fn settlement_void_and_review_go_by_the_same_number() {
    for (settles, secs) in [
        (Settles::ADayLater, SETTLEMENT_SECS),
        (Settles::At(START), 0),
        (Settles::At(START.plus_secs(60)), 60),
        (Settles::At(START.plus_secs(9 * 86_400)), 9 * 86_400),
    ] {
        let settles_at = START.plus_secs(secs);
        let order = paid(false, settles);
        let early = settles_at.plus_ms(-1);
        assert_eq!(step(order.clone(), event("settle"), early), Err(Refusal::TooEarly));
        let voiding = step(order.clone(), event("void"), early).unwrap().order;
        assert_eq!(voiding.state.status(), "voiding");
        assert_eq!(step(order.clone(), event("void"), settles_at), Err(Refusal::Settled));
        let settled = step(order, event("settle"), settles_at).unwrap();
        assert!(settled.entry.is_some());
        // A void that fails leaves the number as it was.
        let kept = step(voiding, event("void_failed1"), settles_at).unwrap().order;
        assert_eq!(step(kept.clone(), event("void"), settles_at), Err(Refusal::Settled));
        let State::Paid { captured, .. } = &kept.state else { panic!() };
        assert_eq!(captured.settles_at(), Some(settles_at));
        // An order that a person refuses is voided before it, and refunded from then on.
        let held = paid(true, settles);
        let refused = step(held.clone(), event("refuse9"), early).unwrap().order;
        assert_eq!(refused.state.status(), "voiding");
        let refused = step(held, event("refuse9"), settles_at).unwrap().order;
        assert_eq!((refused.state.status(), refused.refunds.len()), ("paid", 1));
    }
}

#[test]
fn what_nobody_can_date_settles_once_somebody_can() {
    let late = START.plus_secs(40 * 86_400);
    let order = paid(false, Settles::NotKnown);
    let still = Moment { now: late, settles: Settles::NotKnown };
    let asked = step(order.clone(), event("settle"), still).unwrap();
    assert_eq!((asked.order, asked.effects), (order.clone(), vec![]));
    // As nothing is settled, it can be voided.
    assert!(step(order.clone(), event("void"), late).is_ok());
    let settles = Settles::At(START.plus_secs(3 * 86_400));
    let dated = step(order, event("settle"), Moment { now: late, settles }).unwrap();
    assert_eq!(dated.effects, [Effect::Settle]);
    assert_eq!(step(dated.order.clone(), event("void"), late), Err(Refusal::Settled));
    assert!(step(dated.order, event("settle"), late).unwrap().entry.is_some());
}

#[test]
fn a_record_without_it_settles_a_day_later() {
    let order = paid(false, Settles::ADayLater);
    let written = serde_json::to_string(&order).unwrap();
    assert!(!written.contains("settles"), "{written}");
    let order: Order = serde_json::from_str(&written).unwrap();
    let State::Paid { captured, .. } = order.state else { panic!() };
    assert_eq!(captured.settles_at(), Some(START.plus_secs(SETTLEMENT_SECS)));
}
