//! A settled payment: who bears a refund of it, and how it is divided.

use super::*;

#[test]
fn a_refund_of_a_settled_payment_is_borne_as_agreed() {
    let pay = "choose1 paid1 @86400 settle";
    let settled = format!(
        "{BOOKED} merchant_pending 12723 merchant_available -3700 receiver_available:tea -9000 receiver_available:a:b -23"
    );
    let told = "query1 order.paid settle";
    for (bearer, events, sides, due) in [
        (
            "merchant",
            "refund1:6000",
            "merchant_available 5964 fee_income 36 refunds_in_flight -6000",
            "refund1",
        ),
        // 5,964 of 12,723: 1734.4 of 3,700, 4218.8 of 9,000, 10.8 of 23.
        (
            "pro_rata",
            "refund1:6000",
            "merchant_available 1734 fee_income 36 receiver_available:a:b 11 receiver_available:tea 4219 refunds_in_flight -6000",
            "refund1",
        ),
        // In two parts each gives back just what it got.
        (
            "pro_rata",
            "refund1:6000 refund2:6800",
            "merchant_available 1734 fee_income 36 receiver_available:a:b 11 receiver_available:tea 4219 refunds_in_flight -6000 merchant_available 1966 fee_income 41 receiver_available:a:b 12 receiver_available:tea 4781 refunds_in_flight -6800",
            "refund1 refund2",
        ),
        // A failed refund goes back to whoever bore it.
        (
            "pro_rata",
            "refund1:6000 refund_failed1",
            "merchant_available 1734 fee_income 36 receiver_available:a:b 11 receiver_available:tea 4219 refunds_in_flight -6000 refunds_in_flight 6000 merchant_available -1734 fee_income -36 receiver_available:a:b -11 receiver_available:tea -4219",
            "refund1 refund.failed",
        ),
        (
            "receiver:tea",
            "refund1:6000 refund_failed1",
            "fee_income 36 receiver_available:tea 5964 refunds_in_flight -6000 refunds_in_flight 6000 fee_income -36 receiver_available:tea -5964",
            "refund1 refund.failed",
        ),
    ] {
        let shares = vec![share("tea", 9000), share("a:b", 23)];
        let refund_bearer = RefundBearer::parse(bearer).unwrap();
        let terms = Terms { shares, refund_bearer, ..terms(false, Capture::Automatic) };
        let events = format!("{pay} {events}");
        assert_eq!(
            run_on(terms, &events),
            format!("paid |{settled} {sides} | {told} {due}"),
            "{bearer} {events}"
        );
    }
    let stranger = Terms {
        shares: vec![share("tea", 1)],
        refund_bearer: RefundBearer::Receiver("cup".to_owned()),
        ..terms(false, Capture::Automatic)
    };
    assert_eq!(Order::create(stranger), None);
}

fn share(receiver: &str, minor: i64) -> Share {
    Share { receiver: receiver.to_owned(), amount: cny(minor) }
}

/// Shares of 12,723, which the fee leaves.
#[test]
fn a_settlement_is_divided() {
    let pay = "choose1 paid1";
    let told = "query1 order.paid settle";
    for (capture, events, sides, due) in [
        (
            Capture::Automatic,
            format!("{pay} @86400 settle settle"),
            "merchant_pending 12723 merchant_available -3700 receiver_available:tea -9000 receiver_available:a:b -23",
            told.to_owned(),
        ),
        // Less is left, and each gets as much less: 9,000 and 23 times 6,759 / 12,723, rounded down.
        (
            Capture::Automatic,
            format!("{pay} refund1:6000 refunded1 @86400 settle"),
            "merchant_pending 5964 fee_income 36 refunds_in_flight -6000 refunds_in_flight 6000 channel_receivable -6000 merchant_pending 6759 merchant_available -1966 receiver_available:tea -4781 receiver_available:a:b -12",
            format!("{told} refund1 refund.succeeded"),
        ),
        // An amount that comes back after the division is the merchant's; so is one asked for then.
        (
            Capture::Automatic,
            format!("{pay} refund1:6000 @86400 settle refund_failed1"),
            "merchant_pending 5964 fee_income 36 refunds_in_flight -6000 merchant_pending 6759 merchant_available -1966 receiver_available:tea -4781 receiver_available:a:b -12 refunds_in_flight 6000 merchant_available -5964 fee_income -36",
            format!("{told} refund1 refund.failed"),
        ),
        (
            Capture::Automatic,
            format!("{pay} @86400 settle refund1:12800"),
            "merchant_pending 12723 merchant_available -3700 receiver_available:tea -9000 receiver_available:a:b -23 merchant_available 12723 fee_income 77 refunds_in_flight -12800",
            format!("{told} refund1"),
        ),
        // Nothing is left to divide.
        (
            Capture::Automatic,
            format!("{pay} refund1:12800 @86400 settle"),
            "merchant_pending 12723 fee_income 77 refunds_in_flight -12800",
            format!("{told} refund1"),
        ),
    ] {
        let shares = vec![share("tea", 9000), share("a:b", 23)];
        let terms = Terms { shares, ..terms(false, capture) };
        assert_eq!(run_on(terms, &events), format!("paid |{BOOKED} {sides} | {due}"), "{events}");
    }
    // Of one unit nobody has a whole share, so it is the merchant's.
    let terms = Terms {
        shares: vec![share("tea", 12_000), share("a:b", 723)],
        ..terms(false, Capture::Manual)
    };
    let events = "choose1 authorized1 capture:1 paid1:1 @86400 settle";
    let said = run_on(terms, events);
    assert!(said.contains(" merchant_pending 1 merchant_available -1 | "), "{said}");
}

#[test]
fn shares_are_no_more_than_what_the_fee_leaves() {
    for (shares, taken) in [
        (vec![share("tea", 12_723)], true),
        (vec![share("tea", 12_723), share("cup", 1)], false),
        (vec![share("tea", 12_724)], false),
        (
            vec![Share {
                amount: Money::new(1, Currency::from_code("JPY").unwrap()).unwrap(),
                ..share("tea", 1)
            }],
            false,
        ),
    ] {
        let terms = Terms { shares: shares.clone(), ..terms(false, Capture::Automatic) };
        assert_eq!(Order::create(terms).is_some(), taken, "{shares:?}");
    }
}
