//! Ways through the life of an order, each written down as what came of it.

mod attempts;
mod settled;
mod ways;

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
        routed: None,
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
fn an_order_that_was_kept_before_reviews_is_read() {
    let order = Order::create(terms(true, Capture::Automatic)).unwrap().order;
    let kept = serde_json::to_string(&order).unwrap();
    assert!(!kept.contains("reviews") && !kept.contains("refund_bearer"), "{kept}");
    assert_eq!(serde_json::from_str::<Order>(&kept).unwrap(), order);
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
