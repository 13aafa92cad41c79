//! Attempts, codes and refusals: what is still under way, and what is bounded.

use super::*;

#[test]
fn a_code_that_is_over_is_not_under_way() {
    let Event::MethodChosen(wanted) = event("choose2") else { panic!("another event") };
    let prepared = |until: Option<i64>| {
        let mut order = Order::create(terms(false, Capture::Automatic)).unwrap().order;
        order = step(order, event("choose1"), START).unwrap().order;
        step(order, Event::Prepared(attempt(1), offer(until)), START).unwrap().order
    };
    for (until, now, under_way) in [
        (None, 899, true),
        (Some(120), 119, true),
        (Some(120), 120, false),
        (Some(0), 0, false),
        // An offer that would outlive the order ends with it, and the order says when that is.
        (Some(900), 899, true),
        (Some(900), 900, true),
        (Some(901), 901, true),
    ] {
        let order = prepared(until);
        let now = START.plus_secs(now);
        assert_eq!(order.under_way(&wanted, now).is_some(), under_way, "{until:?} {now:?}");
        for other in [
            Attempt { method: "card".to_owned(), ..wanted.clone() },
            Attempt { instalments: Some(plan(None)), ..wanted.clone() },
        ] {
            assert_eq!(order.under_way(&other, now), None);
        }
        let State::Paying { offer: Some(offer), .. } = &order.state else { panic!("{order:?}") };
        assert!(offer.expires_at.is_none_or(|end| end < order.terms.expires_at));
    }
    let asked = Order::create(terms(false, Capture::Automatic)).unwrap().order;
    let asked = step(asked, event("choose1"), START).unwrap().order;
    assert!(asked.under_way(&wanted, START).is_some(), "no code yet, so none that is over");
}

#[test]
fn a_code_is_kept_with_its_end_and_without() {
    for (end, kept) in [
        (None, r#"{"credential":{"kind":"qr","qr":"lezai:pay"}}"#),
        (Some(120), r#"{"credential":{"kind":"qr","qr":"lezai:pay"},"expires_at":1795000120000}"#),
    ] {
        assert_eq!(serde_json::to_string(&offer(end)).unwrap(), kept);
        assert_eq!(serde_json::from_str::<Offer>(kept).unwrap(), offer(end));
    }
}

/// A channel that refused once may say so again, late: that is no answer to what was asked since.
#[test]
fn a_late_refusal_is_no_answer_to_the_next_request() {
    for (story, late, now) in [
        ("choose1 paid1 void void_failed1 void", "void_failed1", "void_failed2"),
        (
            "choose1 authorized1 capture capture_failed1 capture",
            "capture_failed1",
            "capture_failed2",
        ),
        ("choose1 authorized1 capture capture_failed1 void", "void_failed1", "void_failed2"),
    ] {
        let capture = if story.contains("auth") { Capture::Manual } else { Capture::Automatic };
        let mut order = Order::create(terms(false, capture)).unwrap().order;
        for word in story.split(' ') {
            order = step(order, event(word), START).unwrap().order;
        }
        let after = step(order.clone(), event(late), START).unwrap();
        assert_eq!((after.order, after.effects), (order.clone(), vec![]), "{story} {late}");
        assert_ne!(step(order.clone(), event(now), START).unwrap().order, order, "{story} {now}");
    }
}

/// The channel is told to undo a code that is given up, and the shopper may pay before it hears. Whatever is heard in
/// between, and in which order: the money goes back, and the order is not paid.
#[test]
fn a_code_that_is_given_up_never_pays() {
    for (story, heard, status) in [
        ("code1 code2", "paid1", "paying"),
        ("code1 code2 cancelled1", "paid1", "paying"),
        ("code1 code2 declined2", "paid1", "created"),
        ("code1 choose2", "paid1", "paying"),
        ("code1 declined1", "paid1", "created"),
        ("code1 cancelled1", "paid1", "created"),
        ("code1 close", "paid1", "closed"),
        ("code1 code2 paid2", "paid1", "paid"),
    ] {
        let mut order = Order::create(terms(false, Capture::Automatic)).unwrap().order;
        for word in story.split(' ') {
            order = step(order, event(word), START).unwrap().order;
        }
        let heard = step(order, event(heard), START).unwrap();
        assert_eq!(heard.order.state.status(), status, "{story}");
        assert_eq!(heard.effects, [Effect::Return(attempt(1))], "{story}");
        let booked = heard.entry.expect("what came stands in the ledger");
        assert_eq!(booked.kind(), Kind::UnexpectedPayment, "{story}");
        // By the reversal or by a return: either is heard of as this.
        let back = step(heard.order, event("returned1"), START).unwrap();
        assert_eq!(back.order.state.status(), status, "{story}");
        assert!(back.entry.is_some(), "{story}");
        assert_eq!(step(back.order.clone(), event("paid1"), START).unwrap().order, back.order);
    }
    for story in ["code1 paid1", "choose1 choose2 paid1", "code1 choose2 paid2"] {
        let mut order = Order::create(terms(false, Capture::Automatic)).unwrap().order;
        for word in story.split(' ') {
            order = step(order, event(word), START).unwrap().order;
        }
        assert_eq!(order.state.status(), "paid", "{story}");
    }
    // What is set aside by it is let go.
    let mut order = Order::create(terms(false, Capture::Manual)).unwrap().order;
    for word in ["code1", "code2", "authorized1"] {
        order = step(order, event(word), START).unwrap().order;
    }
    assert_eq!(order.state.status(), "paying");
}

#[test]
fn tries_refunds_and_voids_are_bounded() {
    let mut order = Order::create(terms(false, Capture::Automatic)).unwrap().order;
    for n in 0..MAX_ATTEMPTS {
        let chosen = Attempt {
            id: attempt(u8::try_from(n).unwrap()),
            method: "wallet_qr".to_owned(),
            channel: "sandbox".to_owned(),
            account: None,
            instalments: None,
            begun_at: None,
            by_code: false,
            routed: None,
        };
        order = step(order, Event::MethodChosen(chosen), START).unwrap().order;
    }
    let another = Attempt {
        id: attempt(99),
        method: "wallet_qr".to_owned(),
        channel: String::new(),
        account: None,
        instalments: None,
        begun_at: None,
        by_code: false,
        routed: None,
    };
    assert_eq!(
        step(order.clone(), Event::MethodChosen(another), START),
        Err(Refusal::TooManyAttempts)
    );
    order = step(order, event("paid1"), START).unwrap().order;
    for _ in 0..MAX_FAILED_VOIDS {
        order = step(order, Event::VoidRequested, START).unwrap().order;
        let failed =
            Event::VoidFailed { request: order.channel_requests, code: "no_funds".to_owned() };
        order = step(order, failed, START).unwrap().order;
    }
    assert_eq!(step(order.clone(), Event::VoidRequested, START), Err(Refusal::TooManyVoids));
    let ask = |n: usize| Event::RefundRequested {
        id: refund(u8::try_from(n).unwrap()),
        merchant_refund_id: n.to_string(),
        amount: cny(1),
        reason: None,
    };
    for n in 0..MAX_REFUNDS {
        order = step(order, ask(n), START).unwrap().order;
    }
    assert_eq!(step(order, ask(MAX_REFUNDS), START), Err(Refusal::TooManyRefunds));
}

/// A channel that knows a transaction by its time is told the same time in each repeat.
#[test]
fn what_a_channel_was_asked_for_keeps_its_time() {
    let mut order = Order::create(terms(false, Capture::Automatic)).unwrap().order;
    for (word, after) in [("choose1", 5), ("choose1", 6), ("choose2", 7)] {
        order = step(order, event(word), START.plus_secs(after)).unwrap().order;
    }
    let begun: Vec<_> = order.attempts.iter().map(Attempt::begun).collect();
    assert_eq!(begun, [START.plus_secs(5), START.plus_secs(7)]);
    for (word, after) in [("paid2", 10), ("paid1", 20), ("paid1", 21)] {
        order = step(order, event(word), START.plus_secs(after)).unwrap().order;
    }
    assert_eq!(order.returns[0].since, Some(START.plus_secs(20)));
    order = step(order, Event::VoidRequested, START.plus_secs(30)).unwrap().order;
    order = step(order, Event::VoidRequested, START.plus_secs(31)).unwrap().order;
    assert_eq!(order.void_requested_at, Some(START.plus_secs(30)));
    let failed = Event::VoidFailed { request: order.channel_requests, code: "late".to_owned() };
    order = step(order, failed, START.plus_secs(40)).unwrap().order;
    order = step(order, Event::VoidRequested, START.plus_secs(50)).unwrap().order;
    assert_eq!(order.void_requested_at, Some(START.plus_secs(50)));
    // An attempt that was kept before has its id's time.
    let mut kept = serde_json::to_value(&order.attempts[0]).unwrap();
    kept.as_object_mut().unwrap().remove("begun_at");
    let kept: Attempt = serde_json::from_value(kept).unwrap();
    assert_eq!(kept.begun(), kept.id.made_at());
}
