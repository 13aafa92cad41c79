//! Ways through the life of an order, each written down as what came of it.

use super::*;
use crate::id::{MerchantId, OrderId, SplitId, SplitReturnId};
use crate::instalments::Plan;
use crate::ledger::{Account, Kind, Posting};
use crate::money::Currency;
use crate::policy::Share;

pub(super) const START: Timestamp = Timestamp::from_secs(1_795_000_000);

pub(super) fn cny(minor: i64) -> Money {
    Money::new(minor, Currency::from_code("CNY").unwrap()).unwrap()
}

pub(super) fn attempt(n: u8) -> AttemptId {
    AttemptId::new(START, [n; 10])
}

pub(super) fn refund(n: u8) -> RefundId {
    RefundId::new(START, [n; 10])
}

pub(super) fn split(n: u8) -> SplitId {
    SplitId::new(START, [n; 10])
}

/// An event as a word with the number of its attempt, refund or amount: `choose1`, `refund1:6000`.
pub(super) fn event(word: &str) -> Event {
    let (name, amount) = word.split_once(':').unwrap_or((word, "12800"));
    let n = name.bytes().last().unwrap() - b'0';
    let amount = cny(amount.parse().unwrap());
    let chosen = |method: &str| Attempt {
        id: attempt(n),
        method: method.to_owned(),
        channel: "sandbox".to_owned(),
        account: None,
        instalments: None,
        begun_at: None,
        by_code: false,
    };
    let (code, channel_ref) = ("no_funds".to_owned(), "c-1".to_owned());
    match name.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "choose" => Event::MethodChosen(chosen("wallet_qr")),
        "direct" => Event::MethodChosen(Attempt {
            account: Some(DirectAccount { account: "1900000001".to_owned(), version: 1 }),
            ..chosen("wallet_qr")
        }),
        "code" => Event::MethodChosen(Attempt { by_code: true, ..chosen("wallet_qr") }),
        "plan" => Event::MethodChosen(Attempt {
            instalments: Some(plan(word.contains(':').then_some(amount))),
            ..chosen("wallet_qr")
        }),
        "steal" => Event::MethodChosen(chosen("card")),
        "prepared" => Event::Prepared(attempt(n), offer(None)),
        "prepared_until" => Event::Prepared(attempt(n), offer(Some(amount.minor()))),
        "authorized" => Event::Authorized { attempt: attempt(n), amount, channel_ref },
        "paid" => Event::Paid { attempt: attempt(n), amount, channel_ref },
        "declined" => Event::Declined { attempt: attempt(n), code },
        "cancelled" => Event::Cancelled(attempt(n)),
        "returned" => Event::Returned(attempt(n)),
        "debit_returned" => Event::DebitReturned { attempt: attempt(n), amount, code },
        "close" => Event::CloseRequested,
        "expire" => Event::Expired,
        "capture" => Event::CaptureRequested(word.contains(':').then_some(amount)),
        "capture_failed" => Event::CaptureFailed { request: u32::from(n), code },
        "release" => Event::ReleaseDue,
        "void" => Event::VoidRequested,
        "void_failed" => Event::VoidFailed { request: u32::from(n), code },
        "refund" => Event::RefundRequested {
            id: refund(n),
            merchant_refund_id: format!("R-{n}"),
            amount,
            reason: None,
        },
        "refunded" => Event::RefundSucceeded(refund(n)),
        "refund_failed" => Event::RefundFailed { refund: refund(n), code },
        "settle" => Event::SettlementDue,
        "split" => Event::SplitRequested(NewSplit {
            id: split(n),
            merchant_split_id: format!("S-{n}"),
            mode: SplitMode::AllOrNothing,
            shares: vec![Share { receiver: "tea".to_owned(), amount }],
            removed: Vec::new(),
        }),
        "finish" => Event::SplitFinishRequested { after: None },
        "time_over" => Event::SplitTimeOver,
        "reserve" => Event::ReserveDue,
        "give_back" => Event::SplitReturnRequested(NewSplitReturn {
            id: SplitReturnId::new(START, [n; 10]),
            split: split(n),
            merchant_return_id: format!("T-{n}"),
            receiver: "tea".to_owned(),
            amount,
            available: amount,
        }),
        "approve" => reviewed(ReviewVerdict::Approved, n),
        "refuse" => reviewed(ReviewVerdict::Refused, n),
        "unresolved" => Event::Unresolved(Attention::Refund { refund: refund(n) }),
        "resume" => Event::Resumed,
        _ => panic!("{word}"),
    }
}

fn reviewed(verdict: ReviewVerdict, n: u8) -> Event {
    let (reason, by) = ("Looked at".to_owned(), "operator".to_owned());
    Event::Reviewed { verdict, reason, by, refund: refund(n) }
}

/// Three parts, or another number that is not offered.
fn plan(count: Option<Money>) -> Plan {
    Plan::new(count.map_or(3, |it| u8::try_from(it.minor()).unwrap()), 12_500).unwrap()
}

/// A code that is over so many seconds after the start, or with the order.
fn offer(secs: Option<i64>) -> Offer {
    let credential = Credential::Qr { qr: "lezai:pay".to_owned() };
    Offer { credential, expires_at: secs.map(|secs| START.plus_secs(secs)) }
}

pub(super) fn terms(held: bool, capture: Capture) -> Terms {
    Terms {
        id: OrderId::new(START, [7; 10]),
        merchant: MerchantId::parse("m_demo").unwrap(),
        merchant_order_id: "A-1".to_owned(),
        amount: cny(12800),
        fee: cny(77),
        fee_basis: crate::funds::pricing::FeeBasis::default(),
        shares: Vec::new(),
        split: SplitTime::Agreed,
        refund_bearer: RefundBearer::Merchant,
        charges: Charges::default(),
        reserve: None,
        fx: None,
        mandate: None,
        held,
        capture,
        contract: 0,
        description: "Tea".to_owned(),
        methods: vec!["wallet_qr".to_owned()],
        instalments: vec![plan(None), Plan::new(6, 23_000).unwrap()],
        created_at: START,
        expires_at: START.plus_secs(900),
    }
}

/// The invariants of a step, whatever happened: the books are those that the order calls for, what
/// is said of it is numbered, and the sums hold.
pub(super) fn check(before: &Order, step: &Step, booked: &mut Vec<Entry>) {
    let order = &step.order;
    booked.extend(step.entry.clone());
    let text = |entry: &Entry| format!("{:?}", (entry.kind(), entry.postings()));
    let sorted = |entries: &[Entry]| {
        let mut texts: Vec<_> = entries.iter().map(text).collect();
        texts.sort();
        texts
    };
    assert_eq!(sorted(booked), sorted(&order.entries().unwrap()), "{order:#?}");
    at_channel::movements_are_those_booked(order);
    let told = step.effects.iter().filter(|it| matches!(it, Effect::Notify(_))).count();
    assert_eq!(order.notices as usize, before.notices as usize + told);
    let unchanged = *order == *before && step.entry.is_none() && step.effects.is_empty();
    assert_eq!(order.version == before.version, unchanged);
    assert!(order.version <= before.version + 1);
    let gone = order.refunded().checked_add(order.refunding()).unwrap();
    assert!(gone.minor() + order.refundable().minor() <= order.terms.amount.minor());
    if order.captured().minor() > 0 {
        assert!(gone.minor() <= order.captured().minor());
    }
    // The balance owed to the merchant, and to those that it shares with, is never below zero.
    let balance = |account: &dyn Fn(&Account) -> bool| -> i64 {
        booked
            .iter()
            .flat_map(Entry::postings)
            .filter(|it| account(&it.account))
            .map(|it| it.minor)
            .sum()
    };
    assert!(balance(&|it| matches!(it, Account::FeeIncome)) <= 0);
    let merchants = |it: &Account| {
        matches!(
            it,
            Account::MerchantPending(_)
                | Account::MerchantHeld(_)
                | Account::MerchantFrozen(_)
                | Account::MerchantAvailable(_)
                | Account::ReceiverAvailable(..)
        )
    };
    // Of what was paid to the merchant's own account the fee is all that we book, and the merchant owes it. What the
    // payer's bank took back it owes, too.
    let is_owed = order.direct().is_some() || order.debit_return.is_some();
    assert!(balance(&merchants) <= 0 || is_owed);
    direct_tests::memoranda_stand_against_each_other(order, booked);
    let frozen = balance(&|it| matches!(it, Account::MerchantFrozen(_)));
    assert_eq!(frozen, -order.unsplit().minor(), "{order:#?}");
    for part in [
        frozen,
        balance(&|it| matches!(it, Account::MerchantHeld(_))),
        balance(&|it| matches!(it, Account::MerchantPending(_))),
    ] {
        assert!(part <= 0, "more was taken than was there: {order:#?}");
    }
    // Nothing stays held that nobody is to look at.
    if balance(&|it| matches!(it, Account::MerchantHeld(_))) < 0 {
        assert!(order.under_review(), "{order:#?}");
    }
    if order.captured().minor() > 0 && order.captured() == order.refunded() {
        let back = order.debit_return.as_ref().map_or(0, |it| it.amount.minor());
        assert_eq!(balance(&|it| matches!(it, Account::FeeIncome)), 0);
        let kept = balance(&|it| matches!(it, Account::MerchantReserve(_)));
        assert_eq!(balance(&merchants) + kept, back);
    }
}

/// Runs events and writes down what came of it: the status, then what was booked, then what is to
/// be done. `@900` sets the clock to so many seconds after the start.
fn run(held: bool, capture: Capture, events: &str) -> String {
    run_on(terms(held, capture), events)
}

fn run_on(terms: Terms, events: &str) -> String {
    let Step { mut order, effects, .. } = Order::create(terms).unwrap();
    assert_eq!(effects, [Effect::Expire]);
    let (mut now, mut booked, mut due) = (START, Vec::new(), String::new());
    for word in events.split_whitespace() {
        if let Some(secs) = word.strip_prefix('@') {
            now = START.plus_secs(secs.parse().unwrap());
            continue;
        }
        match step(order.clone(), event(word), now) {
            Ok(step) => {
                check(&order, &step, &mut booked);
                for effect in &step.effects {
                    let short = |id: &str| id[id.len() - 1..].to_owned();
                    due.push_str(&match effect {
                        Effect::Expire => " expire".to_owned(),
                        Effect::Release => " release".to_owned(),
                        Effect::Settle => " settle".to_owned(),
                        Effect::FinishSplits => " finish_splits".to_owned(),
                        Effect::ReleaseReserve => " release_reserve".to_owned(),
                        Effect::Notify(notice) => format!(" {}", notice.event_type()),
                        Effect::Debit(it) => format!(" debit{}", short(it.as_str())),
                        Effect::WatchDebit(it) => format!(" watch{}", short(it.as_str())),
                        Effect::Query(it) => format!(" query{}", short(it.as_str())),
                        Effect::Cancel(it) => format!(" cancel{}", short(it.as_str())),
                        Effect::Return(it) => format!(" return{}", short(it.as_str())),
                        Effect::Capture(it) => format!(" capture{}", short(it.as_str())),
                        Effect::Void(it) => format!(" void{}", short(it.as_str())),
                        Effect::Refund(it) => format!(" refund{}", short(it.as_str())),
                    });
                }
                order = step.order;
            }
            Err(refusal) => return format!("{} | {refusal}", order.state.status()),
        }
    }
    let mut sides = String::new();
    for Posting { account, minor, .. } in booked.iter().flat_map(Entry::postings) {
        let account = account.to_string().replace(":sandbox", "").replace(":m_demo", "");
        sides.push_str(&format!(" {account} {minor}"));
    }
    format!("{} |{sides} |{due}", order.state.status())
}

const BOOKED: &str = " channel_receivable 12800 merchant_pending -12723 fee_income -77";
const OWED: &str = " channel_receivable 12800 payment_returns -12800";
const RETURNED: &str = " payment_returns 12800 channel_receivable -12800";
const VOID_REQUESTED: &str = " merchant_pending 12723 fee_income 77 refunds_in_flight -12800";
const GONE: &str = " refunds_in_flight 12800 channel_receivable -12800";

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

#[test]
fn an_order_that_was_kept_before_reviews_is_read() {
    let order = Order::create(terms(true, Capture::Automatic)).unwrap().order;
    let kept = serde_json::to_string(&order).unwrap();
    assert!(!kept.contains("reviews") && !kept.contains("refund_bearer"), "{kept}");
    assert_eq!(serde_json::from_str::<Order>(&kept).unwrap(), order);
}

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

#[test]
fn what_is_to_be_done_reads_back_as_it_was_written() {
    for effect in [
        Effect::Expire,
        Effect::Release,
        Effect::Settle,
        Effect::Query(attempt(1)),
        Effect::Cancel(attempt(2)),
        Effect::Return(attempt(3)),
        Effect::Capture(attempt(4)),
        Effect::Void(attempt(5)),
        Effect::Refund(refund(6)),
        Effect::Notify(Notice::Declined),
        Effect::Notify(Notice::RefundFailed(refund(7))),
    ] {
        let json = serde_json::to_string(&effect).unwrap();
        assert_eq!(serde_json::from_str::<Effect>(&json).unwrap(), effect, "{json}");
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

#[test]
fn the_currency_of_a_refund_and_a_capture_is_the_order_s() {
    let usd = Money::new(1, Currency::from_code("USD").unwrap()).unwrap();
    let refused = Err(Refusal::Currency { expected: "CNY" });
    let mut order = Order::create(terms(false, Capture::Manual)).unwrap().order;
    for word in ["choose1", "authorized1"] {
        order = step(order, event(word), START).unwrap().order;
    }
    assert_eq!(step(order.clone(), Event::CaptureRequested(Some(usd)), START), refused);
    for word in ["capture", "paid1"] {
        order = step(order, event(word), START).unwrap().order;
    }
    let ask = Event::RefundRequested {
        id: refund(1),
        merchant_refund_id: "R-1".to_owned(),
        amount: usd,
        reason: None,
    };
    assert_eq!(step(order, ask, START), refused);
}

#[test]
fn a_kind_s_name_is_the_one_in_json() {
    let kinds: std::collections::BTreeSet<Kind> = Kind::ALL.into_iter().collect();
    assert_eq!(kinds.len(), Kind::ALL.len());
    for kind in Kind::ALL {
        let json = serde_json::to_string(&kind).unwrap();
        assert_eq!(json, format!("\"{}\"", kind.as_str()));
    }
}
