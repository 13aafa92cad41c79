//! Every state and every event in one table, `table.txt`, which is also in the docs. A cell says
//! what becomes of the order and what is booked; `.` is nothing, `!` a refusal.

use super::tests::{START, check, event, terms};
use super::*;
use crate::id::MandateId;

const TABLE: &str = include_str!("table.txt");
const DOCS: [(&str, &str); 2] = [
    ("orders.md", include_str!("../../../../docs/orders.md")),
    ("orders.zh-CN.md", include_str!("../../../../docs/orders.zh-CN.md")),
];

/// The states, and how an order gets there.
const STATES: [(&str, Capture, bool, &str); 17] = [
    ("created", Capture::Automatic, false, ""),
    ("paying", Capture::Automatic, false, "choose1"),
    ("authorized", Capture::Manual, false, "choose1 authorized1"),
    ("capturing", Capture::Manual, false, "choose1 authorized1 capture:6000"),
    ("paid", Capture::Automatic, false, "choose1 choose2 paid1"),
    ("refunding", Capture::Automatic, false, "choose1 choose2 paid1 refund1:6000"),
    ("settled", Capture::Automatic, false, "choose1 choose2 paid1 @86400 settle"),
    ("frozen", Capture::Automatic, false, "later choose1 choose2 paid1 @86400 settle split1:6000"),
    (
        "split",
        Capture::Automatic,
        false,
        "later choose1 choose2 paid1 @86400 settle split1:6000 finish",
    ),
    ("held", Capture::Automatic, true, "choose1 choose2 paid1"),
    ("released", Capture::Automatic, true, "choose1 choose2 paid1 approve1"),
    ("direct", Capture::Automatic, false, "direct1 choose2 paid1"),
    ("debit", Capture::Automatic, false, "mandate choose1 paid1"),
    ("debit returned", Capture::Automatic, false, "mandate choose1 paid1 debit_returned1"),
    ("voiding", Capture::Automatic, false, "choose1 choose2 paid1 void"),
    ("voided", Capture::Automatic, false, "choose1 choose2 paid1 void returned1"),
    ("closed", Capture::Automatic, false, "choose1 close"),
];

/// The events, and when they happen, in seconds after the start.
const EVENTS: [(&str, &str, i64); 43] = [
    ("method chosen", "choose9", 0),
    ("method chosen, too late", "choose9", 900),
    ("method chosen, not offered", "steal9", 0),
    ("prepared", "prepared1", 0),
    ("authorized", "authorized1", 0),
    ("paid", "paid1", 0),
    ("paid, part", "paid1:6000", 0),
    ("paid, more", "paid1:13000", 0),
    ("paid, another attempt", "paid2", 0),
    ("declined", "declined1", 0),
    ("cancelled", "cancelled1", 0),
    ("returned", "returned1", 0),
    ("close", "close", 0),
    ("expired", "expire", 900),
    ("expired, too early", "expire", 0),
    ("capture", "capture:6000", 0),
    ("capture, too much", "capture:12801", 0),
    ("capture failed", "capture_failed1", 0),
    ("release", "release", AUTHORIZATION_SECS),
    ("release, too early", "release", 0),
    ("void", "void", 0),
    ("void failed", "void_failed1", 0),
    ("refund", "refund2:6800", 0),
    ("refund, too much", "refund2:12801", 0),
    ("refund succeeded", "refunded1", 0),
    ("refund failed", "refund_failed1", 0),
    ("debit returned", "debit_returned1", 0),
    ("debit returned, part", "debit_returned1:6000", 0),
    ("settlement", "settle", SETTLEMENT_SECS),
    ("split", "split2:3000", SETTLEMENT_SECS),
    ("split, too much", "split2:6724", SETTLEMENT_SECS),
    ("split return", "give_back1:6000", SETTLEMENT_SECS),
    ("split return, too much", "give_back1:6001", SETTLEMENT_SECS),
    ("split return, no share", "give_back2:1", SETTLEMENT_SECS),
    ("splits finished", "finish", SETTLEMENT_SECS),
    ("splits' time over", "time_over", SETTLEMENT_SECS + SPLIT_SECS),
    ("splits' time over, too early", "time_over", SETTLEMENT_SECS),
    ("reserve due", "reserve", SETTLEMENT_SECS + SPLIT_SECS),
    ("review: approved", "approve9", 0),
    ("review: refused", "refuse9", 0),
    ("review: refused, a day later", "refuse9", SETTLEMENT_SECS),
    ("unresolved", "unresolved1", 0),
    ("resumed", "resume", 0),
];

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the table is made anew on demand, by this test alone"
)]
fn every_state_and_event_is_as_the_table_says() {
    let orders: Vec<(Order, Vec<Entry>)> =
        STATES.iter().map(|(_, capture, held, way)| walk(*capture, *held, way)).collect();
    let mut rows = vec![(String::new(), STATES.map(|(name, ..)| name.to_owned()).to_vec())];
    for (name, word, secs) in EVENTS {
        let now = START.plus_secs(secs);
        let cells = orders.iter().map(|(order, booked)| cell(order, booked, word, now));
        rows.push((name.to_owned(), cells.collect()));
    }
    let text = table(&rows);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/order/table.txt");
        std::fs::write(file, &text).unwrap();
        return;
    }
    assert_eq!(text, TABLE, "the table is made anew by UPDATE_DOCS=1");
    for (guide, text) in DOCS {
        assert!(text.contains(TABLE), "docs/{guide} has another table");
    }
}

fn walk(capture: Capture, held: bool, way: &str) -> (Order, Vec<Entry>) {
    let (split, way) = match way.strip_prefix("later ") {
        Some(way) => (SplitTime::Later, way),
        None => (SplitTime::Agreed, way),
    };
    let (mandate, way) = match way.strip_prefix("mandate ") {
        Some(way) => (Some(MandateId::new(START, [9; 10])), way),
        None => (None, way),
    };
    let agreed = terms(held, capture);
    let instalments = if mandate.is_some() { Vec::new() } else { agreed.instalments.clone() };
    let terms = Terms { split, mandate, instalments, ..agreed };
    let mut order = Order::create(terms).unwrap().order;
    let (mut booked, mut now) = (Vec::new(), START);
    for word in way.split_whitespace() {
        match word.strip_prefix('@') {
            Some(secs) => now = START.plus_secs(secs.parse().unwrap()),
            None => {
                let step = step(order.clone(), event(word), now).unwrap();
                check(&order, &step, &mut booked);
                order = step.order;
            }
        }
    }
    (order, booked)
}

fn cell(order: &Order, booked: &[Entry], word: &str, now: Timestamp) -> String {
    match step(order.clone(), event(word), now) {
        Ok(step) => {
            check(order, &step, &mut booked.to_vec());
            let entry = step.entry.map(|it| format!("+{}", it.kind().as_str()));
            let after = step.order.state.status();
            let moved = (after != order.state.status()).then(|| after.to_owned());
            let changed = step.order != *order;
            let words: Vec<String> = moved.into_iter().chain(entry).collect();
            match (words.is_empty(), changed) {
                (true, false) => ".".to_owned(),
                (true, true) => "noted".to_owned(),
                (false, _) => words.join(" "),
            }
        }
        Err(refusal) => format!("!{}", name(&refusal)),
    }
}

fn name(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::State { .. } => "state",
        Refusal::UnknownAttempt => "attempt",
        Refusal::UnknownRefund => "refund",
        Refusal::Expired => "expired",
        Refusal::TooEarly => "early",
        Refusal::TooManyAttempts => "attempts",
        Refusal::MethodNotOffered => "method",
        Refusal::PlanNotOffered => "plan",
        Refusal::Currency { .. } => "currency",
        Refusal::Nothing => "nothing",
        Refusal::CaptureTooLarge { .. }
        | Refusal::RefundTooLarge { .. }
        | Refusal::SplitTooLarge { .. }
        | Refusal::SplitReturnTooLarge { .. } => "too_large",
        Refusal::PaidDirectly => "paid_directly",
        Refusal::NotDirect => "not_direct",
        Refusal::NotSplitLater => "not_later",
        Refusal::NotSettled => "not_settled",
        Refusal::SplitFinished => "finished",
        Refusal::TooManySplits | Refusal::TooManySplitReturns => "splits",
        Refusal::ReceiverRemoved { .. } => "removed",
        Refusal::UnknownSplit => "share",
        Refusal::Debit => "debit",
        Refusal::DebitReturned => "debit_returned",
        Refusal::TooManyRefunds => "refunds",
        Refusal::Settled => "settled",
        Refusal::Refunded => "refunded",
        Refusal::TooManyVoids => "voids",
        Refusal::NotHeld => "held",
        Refusal::Reviewed { .. } => "reviewed",
    }
}

fn table(rows: &[(String, Vec<String>)]) -> String {
    let mut text = String::new();
    for (line, (event, cells)) in rows.iter().enumerate() {
        let event = if line == 0 { "event" } else { event };
        text.push_str(&format!("| {event} | {} |\n", cells.join(" | ")));
        if line == 0 {
            text.push_str(&format!("|---|{}\n", "---|".repeat(cells.len())));
        }
    }
    text
}
