//! Payments to the merchant's own account: what is booked of them, that it never is ours, and that an order which was
//! tried both ways is what the attempt that paid says.

use proptest::prelude::*;

use super::tests::{START, check, cny, event, terms};
use super::walks::WORDS;
use super::*;
use crate::ledger::{Account, Kind};
use crate::policy::Share;

/// Money that came to the merchant's own account, less what went back, stands on both accounts; nothing else does.
pub(super) fn memoranda_stand_against_each_other(order: &Order, booked: &[Entry]) {
    let of = |wanted: &dyn Fn(&Account) -> bool| -> i64 {
        let postings = booked.iter().flat_map(Entry::postings);
        postings.filter(|it| wanted(&it.account)).map(|it| it.minor).sum()
    };
    let at_channel = of(&|it| matches!(it, Account::DirectAtChannel(..)));
    let merchants = of(&|it| matches!(it, Account::MerchantDirect(_)));
    assert_eq!(at_channel, -merchants, "{order:#?}");
    let captured = match &order.state {
        State::Paid { captured, .. } => Some(captured),
        State::Voiding { captured, .. } => captured.as_ref(),
        _ => None,
    };
    let paid = order.direct().and(captured).map_or(0, |it| it.amount.minor());
    let given_back = if order.direct().is_some() { order.refunded().minor() } else { 0 };
    let returns = order.returns.iter().filter(|it| !it.done);
    let unexpected: i64 = returns
        .filter(|it| order.direct_of(&it.attempt).is_some())
        .map(|it| it.amount.minor())
        .sum();
    assert_eq!(at_channel, paid - given_back + unexpected, "{order:#?}");
}

/// An order that these things happened to, with what was booked; `@900` sets the clock.
fn story(held: bool, words: &str) -> (Order, Vec<Entry>) {
    let mut order = Order::create(terms(held, Capture::Automatic)).unwrap().order;
    let (mut booked, mut now) = (Vec::new(), START);
    for word in words.split(' ') {
        if let Some(secs) = word.strip_prefix('@') {
            now = START.plus_secs(secs.parse().unwrap());
            continue;
        }
        let after = step(order.clone(), event(word), now).unwrap();
        check(&order, &after, &mut booked);
        order = after.order;
    }
    (order, booked)
}

/// The entries as text: kind, then each side.
fn told(booked: &[Entry]) -> Vec<String> {
    let side = |it: &crate::ledger::Posting| {
        format!("{} {}", it.account.to_string().replace(":m_demo", ""), it.minor)
    };
    let line = |it: &Entry| {
        let sides: Vec<_> = it.postings().iter().map(side).collect();
        format!("{} {}", it.kind().as_str(), sides.join(", "))
    };
    booked.iter().map(line).collect()
}

const PAID: &str = "direct_payment direct_at_channel:sandbox 12800, merchant_available 77, merchant_direct -12800, fee_income -77";

#[test]
fn the_fee_is_owed_and_the_rest_is_a_memorandum() {
    for (words, more) in [
        ("direct1 paid1", vec![]),
        // Nothing is settled, whenever it is tried.
        ("direct1 paid1 @86400 settle", vec![]),
        // What is only asked for, or failed, moves nothing.
        ("direct1 paid1 refund1:6400", vec![]),
        ("direct1 paid1 refund1:6400 refund_failed1", vec![]),
        (
            "direct1 paid1 refund1:6400 refunded1",
            vec![
                "direct_refund merchant_direct 6400, fee_income 38, direct_at_channel:sandbox -6400, merchant_available -38",
            ],
        ),
        ("direct1 paid1 void", vec![]),
        ("direct1 paid1 void void_failed1", vec![]),
        (
            "direct1 paid1 void returned1",
            vec![
                "direct_void merchant_direct 12800, fee_income 77, direct_at_channel:sandbox -12800, merchant_available -77",
            ],
        ),
    ] {
        let (order, booked) = story(false, words);
        assert_eq!(told(&booked), [vec![PAID], more].concat(), "{words}");
        assert!(order.direct().is_some() && order.channel_movements("sandbox").is_empty());
    }
}

#[test]
fn a_refund_costs_what_was_agreed_once_it_went_through() {
    let charges = Charges { keeps_payment_fee: true, ..Charges::default() };
    let terms = Terms { charges, ..terms(false, Capture::Automatic) };
    let mut order = Order::create(terms).unwrap().order;
    let mut booked = Vec::new();
    for word in ["direct1", "paid1", "refund1:12800", "refunded1"] {
        booked.extend(step(order.clone(), event(word), START).unwrap().entry);
        order = step(order, event(word), START).unwrap().order;
    }
    let back = "direct_refund merchant_direct 12800, fee_income 77, merchant_available 77, direct_at_channel:sandbox -12800, merchant_available -77, fee_income -77";
    assert_eq!(told(&booked), [PAID, back]);
    assert!(order.entries().is_ok());
}

/// The attempt that pays decides, and what comes by the other one goes back where it came from.
#[test]
fn an_order_that_was_tried_both_ways_is_what_the_attempt_that_paid_says() {
    const OURS: &str =
        "payment channel_receivable:sandbox 12800, merchant_pending -12723, fee_income -77";
    const DIRECT_TOO: [&str; 2] = [
        "direct_unexpected_payment direct_at_channel:sandbox 12800, merchant_direct -12800",
        "direct_payment_return merchant_direct 12800, direct_at_channel:sandbox -12800",
    ];
    const OURS_TOO: [&str; 2] = [
        "unexpected_payment channel_receivable:sandbox 12800, payment_returns -12800",
        "payment_return payment_returns 12800, channel_receivable:sandbox -12800",
    ];
    for (words, direct, expected) in [
        ("direct1 choose2 paid2", false, vec![OURS]),
        ("direct1 choose2 paid1", true, vec![PAID]),
        (
            "choose1 direct2 paid1 paid2 returned2",
            false,
            [vec![OURS], DIRECT_TOO.to_vec()].concat(),
        ),
        ("direct1 choose2 paid1 paid2 returned2", true, [vec![PAID], OURS_TOO.to_vec()].concat()),
        // One that another amount came for is not paid, and can still be paid the other way.
        (
            "direct1 paid1:6400 choose2 paid2",
            false,
            vec![
                "direct_unexpected_payment direct_at_channel:sandbox 6400, merchant_direct -6400",
                OURS,
            ],
        ),
    ] {
        let (order, booked) = story(false, words);
        assert_eq!(told(&booked), expected, "{words}");
        assert_eq!(order.direct().is_some(), direct, "{words}");
    }
}

#[test]
fn a_review_holds_nothing_and_a_refusal_goes_out_of_the_merchants_account() {
    let (order, booked) = story(true, "direct1 paid1 approve9");
    assert_eq!(told(&booked), [PAID]);
    assert!(!order.under_review());
    let (order, booked) = story(true, "direct1 paid1 refuse9 returned1");
    assert_eq!((order.state.status(), booked.len()), ("voided", 2));
    // Past the time for a void it is refunded.
    let (order, booked) = story(true, "direct1 paid1 @86400 refuse9 refunded9");
    assert_eq!((order.refunded(), booked.len()), (cny(12_800), 2));
}

#[test]
fn who_shares_cannot_be_paid_directly_and_who_was_cannot_split() {
    let share = Share { receiver: "tea".to_owned(), amount: cny(1) };
    let own = terms(false, Capture::Automatic);
    for terms in [
        Terms { shares: vec![share], ..own.clone() },
        Terms { split: SplitTime::Later, ..own.clone() },
    ] {
        let order = Order::create(terms).unwrap().order;
        assert!(!order.may_be_direct());
        assert_eq!(step(order.clone(), event("direct1"), START), Err(Refusal::NotDirect));
        assert!(step(order, event("choose1"), START).is_ok());
    }
    let (order, _) = story(false, "direct1 paid1");
    let late = START.plus_secs(SETTLEMENT_SECS);
    for word in ["split1:1", "finish"] {
        assert_eq!(step(order.clone(), event(word), late), Err(Refusal::PaidDirectly), "{word}");
    }
    // A contract that keeps something back keeps nothing of this.
    let reserve = Some(ReserveTerms { rate_ppm: 100_000, days: 30 });
    let order = Order::create(Terms { reserve, ..own }).unwrap().order;
    let order = step(order, event("direct1"), START).unwrap().order;
    let paid = step(order, event("paid1"), START).unwrap();
    assert_eq!(paid.effects, [Effect::Notify(Notice::Paid)]);
    assert!(paid.order.entries().is_ok() && paid.order.reserved.is_none());
}

#[test]
fn the_fee_is_taken_from_what_is_available_before_it_is_owed() {
    let (_, booked) = story(false, "direct1 paid1");
    for (available, taken, owed) in [(0, 0, 77), (-50, 50, 27), (-100, 77, 0)] {
        let standing = |it: &Account, _| match it {
            Account::MerchantAvailable(_) => available,
            _ => 0,
        };
        let entry = booked[0].with_debts(standing).unwrap();
        let moved = |name: &str| -> i64 {
            let postings = entry.postings().iter();
            postings.filter(|it| it.account.to_string().starts_with(name)).map(|it| it.minor).sum()
        };
        assert_eq!((moved("merchant_available"), moved("merchant_owes")), (taken, owed));
    }
}

#[test]
fn a_record_that_was_changed_is_found() {
    let (order, _) = story(false, "direct1 paid1 refund1:6400 refunded1");
    assert_eq!(order.entries().unwrap().len(), 2);
    let ours = {
        let mut order = order.clone();
        order.attempts[0].account = None;
        order
    };
    let kinds =
        |order: &Order| -> Vec<Kind> { order.entries().unwrap().iter().map(Entry::kind).collect() };
    assert_ne!(kinds(&ours), kinds(&order));
    let mut taken = order.clone();
    taken.refunds[0].from = Account::MerchantAvailable(order.terms.merchant.clone());
    assert!(taken.entries().is_err());
    let text = serde_json::to_string(&order).unwrap();
    assert_eq!(serde_json::from_str::<Order>(&text).unwrap(), order);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    /// Whatever happens, what `tests::check` says of a step holds, and nothing of ours is moved but the fee.
    #[test]
    fn what_is_paid_directly_is_never_ours(
        (held, manual) in (any::<bool>(), any::<bool>()),
        words in proptest::collection::vec((0..WORDS.len() + 2, 0..50_u8), 0..40),
    ) {
        let capture = if manual { Capture::Manual } else { Capture::Automatic };
        let mut order = Order::create(terms(held, capture)).unwrap().order;
        let (mut booked, mut now) = (Vec::new(), START);
        let words = words.into_iter().map(|(at, later)| {
            (WORDS.get(at).copied().unwrap_or(if at % 2 == 0 { "direct1" } else { "direct2" }), later)
        });
        let start = if manual { "direct1 authorized1" } else { "direct1 paid1" };
        for (word, later) in start.split(' ').map(|word| (word, 1)).chain(words) {
            if later == 0 {
                now = now.plus_secs(SETTLEMENT_SECS);
            }
            let Ok(after) = step(order.clone(), event(word), now) else { continue };
            check(&order, &after, &mut booked);
            order = after.order;
        }
        if order.direct().is_some() {
            let ours = |it: &Account| matches!(
                it,
                Account::MerchantPending(_) | Account::MerchantHeld(_) | Account::RefundsInFlight
            );
            prop_assert!(!booked.iter().flat_map(Entry::postings).any(|it| ours(&it.account)));
        }
    }
}
