//! Ways through an order, event by event: its status, what is booked, and what is to be done.

use super::*;

#[test]
fn every_way_to_pay() {
    for (events, expected) in [
        ("", "created | |".to_owned()),
        ("choose1", "paying | | query1".to_owned()),
        ("choose1 choose1", "paying | | query1".to_owned()),
        ("choose1 prepared1 prepared1", "paying | | query1".to_owned()),
        ("choose1 paid1", format!("paid |{BOOKED} | query1 order.paid settle")),
        ("choose1 authorized1", "paying | | query1".to_owned()),
        ("choose1 prepared1 paid1 paid1 close0", "paid | the order is paid, so this is not possible".to_owned()),
        (
            "choose1 paid1 paid1 @900 expire declined1 cancelled1",
            format!("paid |{BOOKED} | query1 order.paid settle"),
        ),
        ("choose1 declined1 declined1", "created | | query1 payment.declined".to_owned()),
        ("choose1 cancelled1 cancelled1", "created | | query1 payment.declined".to_owned()),
        (
            "choose1 declined1 choose2 paid2",
            format!("paid |{BOOKED} | query1 payment.declined query2 order.paid settle"),
        ),
        // The wallet said no, then yes: the money came, so it counts.
        (
            "choose1 declined1 paid1",
            format!("paid |{BOOKED} | query1 payment.declined order.paid settle"),
        ),
        // A second try, and the first one pays.
        (
            "choose1 choose2 paid1",
            format!("paid |{BOOKED} | query1 query2 cancel1 order.paid settle cancel2"),
        ),
        // Both pay: one is returned, once.
        (
            "choose1 choose2 paid2 paid1 paid1 returned1 returned1",
            format!(
                "paid |{BOOKED}{OWED}{RETURNED} | query1 query2 cancel1 order.paid settle return1 payment.returned"
            ),
        ),
        ("choose1 choose2 declined1 prepared1", "paying | | query1 query2 cancel1".to_owned()),
        // A code is over, a new one is asked for, and the old one is paid after all: late, but once.
        (
            "choose1 prepared_until1:120 @120 choose2 prepared_until2:240 paid1",
            format!("paid |{BOOKED} | query1 query2 cancel1 order.paid settle cancel2"),
        ),
        // Both codes are paid: the second payment goes back.
        (
            "choose1 prepared_until1:120 @120 choose2 paid1 paid2 returned2",
            format!(
                "paid |{BOOKED}{OWED}{RETURNED} | query1 query2 cancel1 order.paid settle cancel2 return2 payment.returned"
            ),
        ),
        // Nobody asked for a new code, and who had begun with the old one finishes.
        (
            "choose1 prepared_until1:120 @700 paid1",
            format!("paid |{BOOKED} | query1 order.paid settle"),
        ),
        (
            "choose1 prepared_until1:120 @120 choose2 @900 expire paid1 returned1",
            format!(
                "closed |{OWED}{RETURNED} | query1 query2 cancel1 order.closed cancel2 return1 payment.returned"
            ),
        ),
        ("close0 close0 @900 expire", "closed | | order.closed".to_owned()),
        ("choose1 close0 prepared1", "closed | | query1 order.closed cancel1".to_owned()),
        ("choose1 @900 expire", "closed | | query1 order.closed cancel1".to_owned()),
        // Paid late.
        (
            "choose1 @900 expire paid1 returned1",
            format!("closed |{OWED}{RETURNED} | query1 order.closed cancel1 return1 payment.returned"),
        ),
        // Another amount: it goes back, the shopper may try again, and a person is told.
        (
            "choose1 paid1:1 paid1:1 returned1 choose2 paid2",
            format!(
                "paid | channel_receivable 1 payment_returns -1 payment_returns 1 channel_receivable -1{BOOKED} | query1 return1 payment.declined expire order.needs_attention payment.returned query2 order.paid settle"
            ),
        ),
        (
            "choose1 close0 paid1:13000 returned1",
            "closed | channel_receivable 13000 payment_returns -13000 payment_returns 13000 channel_receivable -13000 | query1 order.closed cancel1 return1 payment.returned".to_owned(),
        ),
        ("close0 choose1", "closed | the order is closed, so this is not possible".to_owned()),
        ("expire", "created | it is too early for this".to_owned()),
        ("@900 choose1", "created | the order has expired".to_owned()),
        ("steal1", "created | the order does not offer this method".to_owned()),
        // Another plan is another try; what is not offered is none, nor is a count at another's fee.
        (
            "choose1 plan2 paid2",
            format!("paid |{BOOKED} | query1 query2 cancel1 order.paid settle"),
        ),
        ("plan1:2", "created | the order does not offer these instalments".to_owned()),
        ("plan1:6", "created | the order does not offer these instalments".to_owned()),
        ("paid1", "created | no such attempt to pay the order".to_owned()),
        ("choose1 paid2", "paying | no such attempt to pay the order".to_owned()),
        ("choose1 declined2", "paying | no such attempt to pay the order".to_owned()),
        ("choose1 returned1", "paying | no such attempt to pay the order".to_owned()),
    ] {
        assert_eq!(run(false, Capture::Automatic, events), expected, "{events}");
    }
}

#[test]
fn every_way_to_capture() {
    let told = "query1 order.authorized release";
    for (events, expected) in [
        ("choose1 authorized1 authorized1", format!("authorized | | {told}")),
        (
            "choose1 choose2 authorized1",
            "authorized | | query1 query2 cancel1 order.authorized release cancel2".to_owned(),
        ),
        (
            "choose1 authorized1:12799 authorized1:12799",
            "created | | query1 order.needs_attention payment.declined cancel1".to_owned(),
        ),
        ("choose1 authorized1 @900 expire", format!("authorized | | {told}")),
        (
            "choose1 authorized1 close0",
            "authorized | the order is authorized, so this is not possible".to_owned(),
        ),
        (
            "choose1 authorized1 refund1",
            "authorized | the order is authorized, so this is not possible".to_owned(),
        ),
        (
            "choose1 authorized1 capture paid1 paid1",
            format!("paid |{BOOKED} | {told} capture1 order.paid settle"),
        ),
        (
            "choose1 authorized1 capture:6000 paid1:6000 capture",
            "paid | the order is paid, so this is not possible".to_owned(),
        ),
        // 77 of 12800 is 36.09 of 6000.
        (
            "choose1 authorized1 capture:6000 paid1:6000 refund1:6000 refunded1",
            format!(
                "paid | channel_receivable 6000 merchant_pending -5964 fee_income -36 merchant_pending 5964 fee_income 36 refunds_in_flight -6000 refunds_in_flight 6000 channel_receivable -6000 | {told} capture1 order.paid settle refund1 refund.succeeded"
            ),
        ),
        (
            "choose1 authorized1 capture:6000 paid1:6000 refund1:6001",
            "paid | only 6000 CNY can still be refunded".to_owned(),
        ),
        (
            "choose1 authorized1 capture:12801",
            "authorized | only 12800 CNY can be captured".to_owned(),
        ),
        ("choose1 authorized1 capture:0", "authorized | an amount of nothing".to_owned()),
        ("choose1 capture", "paying | the order is paying, so this is not possible".to_owned()),
        (
            "choose1 authorized1 capture capture",
            "capturing | the order is capturing, so this is not possible".to_owned(),
        ),
        (
            "choose1 authorized1 capture void",
            "capturing | the order is capturing, so this is not possible".to_owned(),
        ),
        (
            "choose1 authorized1 capture capture_failed1 capture_failed1",
            format!("authorized | | {told} capture1 order.capture_failed release"),
        ),
        // Less was captured than was asked for: booked as it is, and a person is told.
        (
            "choose1 authorized1 capture:6000 paid1:5999",
            format!(
                "paid | channel_receivable 5999 merchant_pending -5963 fee_income -36 | {told} capture1 order.paid settle order.needs_attention"
            ),
        ),
        // More than was set aside is not ours.
        (
            "choose1 authorized1 capture paid1:12801 returned1",
            format!(
                "created | channel_receivable 12801 payment_returns -12801 payment_returns 12801 channel_receivable -12801 | {told} capture1 return1 payment.declined expire order.needs_attention payment.returned"
            ),
        ),
        ("choose1 authorized1 release", "authorized | it is too early for this".to_owned()),
        (
            "choose1 authorized1 @604800 release cancelled1",
            format!("voided | | {told} void1 order.voided"),
        ),
        (
            "choose1 authorized1 void returned1 returned1",
            format!("voided | | {told} void1 order.voided"),
        ),
        (
            "choose1 authorized1 void void_failed1",
            format!("authorized | | {told} void1 order.void_failed release"),
        ),
        ("choose1 authorized1 cancelled1", format!("voided | | {told} order.voided")),
        // A capture that was thought lost had gone through when the authorisation was released.
        (
            "choose1 authorized1 void paid1 returned1 returned1",
            format!(
                "voided |{OWED}{RETURNED} | {told} void1 return1 order.voided payment.returned"
            ),
        ),
    ] {
        assert_eq!(run(false, Capture::Manual, events), expected, "{events}");
    }
}

#[test]
fn every_way_back() {
    let paid = "query1 order.paid settle";
    for (events, expected) in [
        ("void", format!("voiding |{BOOKED}{VOID_REQUESTED} | {paid} void1")),
        (
            "void returned1 returned1 void",
            format!("voided |{BOOKED}{VOID_REQUESTED}{GONE} | {paid} void1 order.voided"),
        ),
        (
            "void void_failed1 void_failed1",
            format!(
                "paid |{BOOKED}{VOID_REQUESTED} refunds_in_flight 12800 merchant_pending -12723 fee_income -77 | {paid} void1 order.void_failed settle"
            ),
        ),
        ("void refund1", "voiding | the order is voiding, so this is not possible".to_owned()),
        ("@86399 settle", "paid | it is too early for this".to_owned()),
        ("@86400 void", "paid | the payment is settled: refund it instead".to_owned()),
        (
            "@86400 settle settle",
            format!("paid |{BOOKED} merchant_pending 12723 merchant_available -12723 | {paid}"),
        ),
        (
            "refund1:1 void",
            "paid | the order has refunds, so it can no longer be voided: refund the rest instead"
                .to_owned(),
        ),
        (
            "refund1:1 refund_failed1 void",
            format!(
                "voiding |{BOOKED} merchant_pending 1 refunds_in_flight -1 refunds_in_flight 1 merchant_pending -1{VOID_REQUESTED} | {paid} refund1 refund.failed void1"
            ),
        ),
        ("refund1 refund1", format!("paid |{BOOKED}{VOID_REQUESTED} | {paid} refund1")),
        (
            "refund1 refunded1 refunded1 refund_failed1",
            format!("paid |{BOOKED}{VOID_REQUESTED}{GONE} | {paid} refund1 refund.succeeded"),
        ),
        ("refund1:0", "paid | an amount of nothing".to_owned()),
        ("refund1:12801", "paid | only 12800 CNY can still be refunded".to_owned()),
        ("refund1:6000 refund2:6801", "paid | only 6800 CNY can still be refunded".to_owned()),
        (
            "refund1:6000 refunded1 refund2:6801",
            "paid | only 6800 CNY can still be refunded".to_owned(),
        ),
        ("refunded1", "paid | the order has no such refund".to_owned()),
        // In two parts the fee comes back whole: 36 of 77, then the rest.
        (
            "refund1:6000 refunded1 refund2:6800 refunded2",
            format!(
                "paid |{BOOKED} merchant_pending 5964 fee_income 36 refunds_in_flight -6000 refunds_in_flight 6000 channel_receivable -6000 merchant_pending 6759 fee_income 41 refunds_in_flight -6800 refunds_in_flight 6800 channel_receivable -6800 | {paid} refund1 refund.succeeded refund2 refund.succeeded"
            ),
        ),
        // Asked for before it was settled, and refused after: the money goes where the rest lies.
        (
            "refund1:6000 @86400 settle refund_failed1 refund2:12800",
            format!(
                "paid |{BOOKED} merchant_pending 5964 fee_income 36 refunds_in_flight -6000 merchant_pending 6759 merchant_available -6759 refunds_in_flight 6000 merchant_available -5964 fee_income -36 merchant_available 12723 fee_income 77 refunds_in_flight -12800 | {paid} refund1 refund.failed refund2"
            ),
        ),
        // Silence, a person's word, and the channel's at last.
        (
            "refund1 unresolved1 unresolved1 resume resume refunded1",
            format!(
                "paid |{BOOKED}{VOID_REQUESTED}{GONE} | {paid} refund1 order.needs_attention refund1 refund.succeeded"
            ),
        ),
        (
            "refund1 refund_failed1 refunded1 refunded1",
            format!(
                "paid |{BOOKED}{VOID_REQUESTED} refunds_in_flight 12800 merchant_pending -12723 fee_income -77 | {paid} refund1 refund.failed order.needs_attention"
            ),
        ),
        ("unresolved1", format!("paid |{BOOKED} | {paid}")),
    ] {
        let events = format!("choose1 paid1 {events}");
        assert_eq!(run(false, Capture::Automatic, &events), expected, "{events}");
    }
}

#[test]
fn every_way_through_a_review() {
    const HELD: &str = " channel_receivable 12800 merchant_held -12723 fee_income -77";
    const REFUND: &str = " merchant_held 12723 fee_income 77 refunds_in_flight -12800";
    const BACK: &str = " refunds_in_flight 12800 merchant_held -12723 fee_income -77";
    const RELEASED: &str = " merchant_held 12723 merchant_pending -12723";
    const SETTLED: &str = " merchant_pending 12723 merchant_available -12723";
    let paid = "query1 order.paid settle review.opened";
    let pay = |events: &str| format!("choose1 paid1 {events}");
    for (events, expected) in [
        // Held for as long as nobody has looked, and settled by no clock.
        ("@86400 settle", format!("paid |{HELD} | {paid}")),
        ("approve1", format!("paid |{HELD}{RELEASED} | {paid} settle review.closed")),
        (
            "approve1 approve2 @86400 settle settle",
            format!("paid |{HELD}{RELEASED}{SETTLED} | {paid} settle review.closed"),
        ),
        // Thirty days late: the ordinary settlement is due at once.
        (
            "@2592000 settle approve1 settle",
            format!("paid |{HELD}{RELEASED}{SETTLED} | {paid} settle review.closed"),
        ),
        ("approve1 refuse1", "paid | the order was approved by a review before".to_owned()),
        // In time it is voided.
        ("refuse1", format!("voiding |{HELD}{REFUND} | {paid} void1 review.closed")),
        (
            "refuse1 refuse2 returned1 refuse3",
            format!("voided |{HELD}{REFUND}{GONE} | {paid} void1 review.closed order.voided"),
        ),
        ("refuse1 approve1", "voiding | the order was refused by a review before".to_owned()),
        // The void is refused: somebody is to decide again, and does either way.
        (
            "refuse1 void_failed1 approve1",
            format!(
                "paid |{HELD}{REFUND}{BACK}{RELEASED} | {paid} void1 review.closed order.void_failed settle review.opened settle review.closed"
            ),
        ),
        (
            "refuse1 void_failed1 approve1 void returned1",
            format!(
                "voided |{HELD}{REFUND}{BACK}{RELEASED}{VOID_REQUESTED}{GONE} | {paid} void1 review.closed order.void_failed settle review.opened settle review.closed void1 order.voided"
            ),
        ),
        // A day later it is refunded, all that is left of it.
        (
            "@86400 refuse1 refunded1",
            format!("paid |{HELD}{REFUND}{GONE} | {paid} refund1 review.closed refund.succeeded"),
        ),
        (
            "refund1:6000 refuse2 refunded1 refunded2",
            format!(
                "paid |{HELD} merchant_held 5964 fee_income 36 refunds_in_flight -6000 merchant_held 6759 fee_income 41 refunds_in_flight -6800 refunds_in_flight 6000 channel_receivable -6000 refunds_in_flight 6800 channel_receivable -6800 | {paid} refund1 refund2 review.closed refund.succeeded refund.succeeded"
            ),
        ),
        // The refund fails: what came back is to be decided on again.
        (
            "@86400 refuse1 refund_failed1 refuse2",
            format!(
                "paid |{HELD}{REFUND}{BACK}{REFUND} | {paid} refund1 review.closed refund.failed review.opened refund2 review.closed"
            ),
        ),
        // An amount refunded before is not released; any of it that comes back later is not held.
        (
            "refund1:6000 approve2 refund_failed1",
            format!(
                "paid |{HELD} merchant_held 5964 fee_income 36 refunds_in_flight -6000 merchant_held 6759 merchant_pending -6759 refunds_in_flight 6000 merchant_pending -5964 fee_income -36 | {paid} refund1 settle review.closed refund.failed"
            ),
        ),
        // The merchant gives it back itself, so nothing is left to decide.
        (
            "refund1 refunded1",
            format!("paid |{HELD}{REFUND}{GONE} | {paid} refund1 review.closed refund.succeeded"),
        ),
        ("refund1 approve1", "paid | nothing of the order is held for a review".to_owned()),
        ("refund1 refuse1", "paid | nothing of the order is held for a review".to_owned()),
        (
            "void void_failed1",
            format!(
                "paid |{HELD}{REFUND}{BACK} | {paid} void1 review.closed order.void_failed settle review.opened"
            ),
        ),
        ("void approve1", "voiding | the order is voiding, so this is not possible".to_owned()),
    ] {
        assert_eq!(run(true, Capture::Automatic, &pay(events)), expected, "{events}");
    }
    let authorized = "query1 order.authorized release review.opened";
    for (events, expected) in [
        // Decided before the money came, so it never is held.
        (
            "approve1 capture paid1 @86400 settle",
            format!(
                "paid |{BOOKED}{SETTLED} | {authorized} review.closed capture1 order.paid settle"
            ),
        ),
        (
            "capture approve1 paid1 void returned1",
            format!(
                "voided |{BOOKED}{VOID_REQUESTED}{GONE} | {authorized} capture1 review.closed order.paid settle void1 order.voided"
            ),
        ),
        ("capture paid1", format!("paid |{HELD} | {authorized} capture1 order.paid settle")),
        ("refuse1 returned1", format!("voided | | {authorized} void1 review.closed order.voided")),
        (
            "refuse1 void_failed1 capture paid1",
            format!(
                "paid |{HELD} | {authorized} void1 review.closed order.void_failed release review.opened capture1 order.paid settle"
            ),
        ),
        (
            "capture refuse1",
            "capturing | the order is capturing, so this is not possible".to_owned(),
        ),
        (
            "@604800 release cancelled1",
            format!("voided | | {authorized} void1 review.closed order.voided"),
        ),
    ] {
        let events = format!("choose1 authorized1 {events}");
        assert_eq!(run(true, Capture::Manual, &events), expected, "{events}");
    }
    for (events, expected) in [
        ("approve1", "created | the order is created, so this is not possible"),
        ("choose1 refuse1", "paying | the order is paying, so this is not possible"),
        ("close approve1", "closed | the order is closed, so this is not possible"),
    ] {
        assert_eq!(run(true, Capture::Automatic, events), expected, "{events}");
    }
    assert_eq!(
        run(false, Capture::Automatic, "choose1 paid1 approve1"),
        "paid | nothing of the order is held for a review"
    );
}
