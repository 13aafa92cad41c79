//! Every state and every event in one table, `table.txt`, which is also in the docs: a cell says what
//! becomes of the payout and what is booked; `.` is nothing, `!` a refusal. And random walks.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::ledger::{Kind, Posting};
use crate::money::Currency;

const TABLE: &str = include_str!("table.txt");
const START: Timestamp = Timestamp::from_secs(1_795_000_000);
const DAY: i64 = 86_400;

/// The states, and how a payout gets there: what it needs, and the events.
const STATES: [(&str, bool, bool, &str); 9] = [
    ("needs_approval", true, false, ""),
    ("accepted", false, true, ""),
    ("queued", false, false, ""),
    ("sent", false, false, "send"),
    ("unknown", false, false, "send silence"),
    ("paid", false, false, "send paid"),
    ("failed", false, false, "send failed"),
    ("returned", false, false, "send paid returned"),
    ("cancelled", false, false, "cancel"),
];

const EVENTS: [(&str, &str); 12] = [
    ("approved", "approve"),
    ("refused", "refuse"),
    ("due", "later"),
    ("due, too early", "due"),
    ("send begun", "send"),
    ("paid", "paid"),
    ("paid, another amount", "paid:1"),
    ("failed", "failed"),
    ("returned", "returned"),
    ("cancel", "cancel"),
    ("silence", "silence"),
    ("resumed", "resume"),
];

fn cny(minor: i64) -> Money {
    Money::new(minor, Currency::from_code("CNY").unwrap()).unwrap()
}

fn terms(later: bool) -> PayoutTerms {
    PayoutTerms {
        id: PayoutId::new(START, [1; 10]),
        merchant: MerchantId::parse("m_tea").unwrap(),
        merchant_payout_id: "P-1".to_owned(),
        receiver: None,
        amount: cny(10_000),
        fee: cny(30),
        fee_returned: false,
        channel: "sandbox".to_owned(),
        destination: Destination {
            kind: "wallet".to_owned(),
            account: "wxid_tea".to_owned(),
            holder: None,
        },
        description: None,
        contract: 0,
        settlement: None,
        batch: None,
        created_at: START,
        not_before: START.plus_secs(if later { DAY } else { 0 }),
    }
}

const RULES: PayoutRules =
    PayoutRules { min: 100, max: 50_000, day_max: 60_000, approval_above: 20_000 };

fn accepted(needs_approval: bool, later: bool) -> PayoutStep {
    let rules = PayoutRules { approval_above: if needs_approval { 0 } else { 20_000 }, ..RULES };
    let funds = Funds { available: cny(10_030), today: cny(0) };
    Payout::accept(terms(later), rules, funds).unwrap()
}

fn event(word: &str) -> PayoutEvent {
    let decided = |approved| PayoutEvent::Decided {
        approved,
        reason: "Known supplier".to_owned(),
        by: "operator".to_owned(),
    };
    match word {
        "approve" => decided(true),
        "refuse" => decided(false),
        "due" | "later" => PayoutEvent::Due,
        "send" => PayoutEvent::SendBegun,
        "paid" => PayoutEvent::Paid { amount: cny(10_000), channel_ref: "W1".to_owned() },
        "paid:1" => PayoutEvent::Paid { amount: cny(1), channel_ref: "W1".to_owned() },
        "failed" => PayoutEvent::Failed { code: "account_closed".to_owned() },
        "returned" => PayoutEvent::Returned { code: "account_closed".to_owned() },
        "cancel" => PayoutEvent::CancelRequested,
        "silence" => PayoutEvent::Unresolved,
        "resume" => PayoutEvent::Resumed,
        other => panic!("no event {other}"),
    }
}

fn happen(payout: Payout, word: &str) -> Result<PayoutStep, PayoutRefusal> {
    let now = START.plus_secs(if word == "later" { DAY } else { 1 });
    step(payout, event(word), now)
}

fn told(before: &Payout, step: Result<PayoutStep, PayoutRefusal>) -> String {
    let step = match step {
        Ok(step) => step,
        Err(refusal) => {
            return match refusal {
                PayoutRefusal::State { .. } => "!state",
                PayoutRefusal::TooEarly => "!early",
                PayoutRefusal::NotAsked => "!not_asked",
                PayoutRefusal::Decided { .. } => "!decided",
                other => panic!("{other}"),
            }
            .to_owned();
        }
    };
    if step.payout == *before {
        assert!(step.entries.is_empty() && step.effects.is_empty());
        return ".".to_owned();
    }
    assert_eq!(step.payout.version, before.version + 1);
    let mut words = Vec::new();
    let status = step.payout.state.status();
    if status != before.state.status() {
        words.push(status.to_owned());
    } else {
        words.push("noted".to_owned());
    }
    words.extend(step.entries.iter().map(|it| format!("+{}", it.kind().as_str())));
    words.join(" ")
}

#[test]
fn the_table_holds_row_by_row() {
    let states: Vec<Payout> = STATES
        .iter()
        .map(|(name, approval, later, words)| {
            let start = accepted(*approval, *later).payout;
            let payout = words
                .split_whitespace()
                .fold(start, |payout, word| happen(payout, word).unwrap().payout);
            assert_eq!(payout.state.status(), *name);
            payout
        })
        .collect();
    let head = format!("| event | {} |", STATES.map(|it| it.0).join(" | "));
    let mut table = format!("{head}\n{}|\n", "|---".repeat(STATES.len() + 1));
    for (name, word) in EVENTS {
        let cells: Vec<String> =
            states.iter().map(|it| told(it, happen(it.clone(), word))).collect();
        table += &format!("| {name} | {} |\n", cells.join(" | "));
    }
    assert_eq!(table, TABLE, "\n{table}");
}

#[test]
fn a_payout_is_accepted_only_if_contract_and_balance_allow_it() {
    let refused = |amount, fee, available, today| {
        let terms = PayoutTerms { amount: cny(amount), fee: cny(fee), ..terms(false) };
        let funds = Funds { available: cny(available), today: cny(today) };
        Payout::accept(terms, RULES, funds).map(|it| it.payout.state.status())
    };
    let available = |it| Err(PayoutRefusal::InsufficientFunds { available: cny(it) });
    for (amount, fee, there, today, expected) in [
        (10_000, 30, 10_030, 0, Ok("queued")),
        (10_000, 30, 10_029, 0, available(10_029)),
        (10_000, 0, 0, 0, available(0)),
        (0, 0, 10_000, 0, Err(PayoutRefusal::Nothing)),
        (99, 0, 10_000, 0, Err(PayoutRefusal::BelowMinimum { min: cny(100) })),
        (100, 0, 10_000, 0, Ok("queued")),
        (20_000, 0, 99_000, 0, Ok("queued")),
        (20_001, 0, 99_000, 0, Ok("needs_approval")),
        (50_000, 0, 99_000, 0, Ok("needs_approval")),
        (50_001, 0, 99_000, 0, Err(PayoutRefusal::AboveMaximum { max: cny(50_000) })),
        (10_000, 0, 99_000, 50_000, Ok("queued")),
        (10_001, 0, 99_000, 50_000, Err(PayoutRefusal::DayLimit { left: cny(10_000) })),
        (10_001, 0, 99_000, 70_000, Err(PayoutRefusal::DayLimit { left: cny(0) })),
    ] {
        assert_eq!(refused(amount, fee, there, today), expected, "{amount} {fee} {there} {today}");
    }
    let other = Money::new(1, Currency::from_code("JPY").unwrap()).unwrap();
    let terms = PayoutTerms { fee: other, ..terms(false) };
    let funds = Funds { available: cny(99_000), today: cny(0) };
    assert_eq!(Payout::accept(terms, RULES, funds), Err(PayoutRefusal::Nothing));
}

#[test]
fn what_is_taken_is_set_aside_in_the_commit_that_accepts() {
    let step = accepted(true, false);
    let posting = |account, minor| Posting { account, minor, currency: cny(0).currency() };
    let merchant = MerchantId::parse("m_tea").unwrap();
    let [entry] = step.entries.as_slice() else { panic!() };
    assert_eq!(entry.kind(), Kind::PayoutRequest);
    assert_eq!(
        entry.postings(),
        [
            posting(Account::MerchantAvailable(merchant), 10_030),
            posting(Account::PayoutsInFlight("sandbox".to_owned()), -10_000),
            posting(Account::FeeIncome, -30),
        ]
    );
    assert!(step.effects.is_empty(), "nothing is sent before the second person's word");
}

#[test]
fn a_refusal_after_an_approval_and_an_approval_after_a_refusal_are_told_apart() {
    let payout = accepted(true, false).payout;
    let approved = happen(payout.clone(), "approve").unwrap();
    assert_eq!(approved.effects, [PayoutEffect::Send]);
    assert_eq!(told(&approved.payout, happen(approved.payout.clone(), "approve")), ".");
    assert_eq!(told(&approved.payout, happen(approved.payout.clone(), "refuse")), "!decided");
    let refused = happen(payout, "refuse").unwrap().payout;
    assert_eq!(told(&refused, happen(refused.clone(), "refuse")), ".");
    assert_eq!(told(&refused, happen(refused.clone(), "approve")), "!decided");
    assert_eq!(told(&refused, happen(refused.clone(), "cancel")), "!state");
}

#[test]
fn one_for_later_waits_for_its_time_even_once_approved() {
    let payout = accepted(true, true).payout;
    let approved = happen(payout, "approve").unwrap();
    assert_eq!(approved.payout.state, PayoutState::Accepted);
    assert_eq!(approved.effects, [PayoutEffect::Wake]);
    let queued = happen(approved.payout, "later").unwrap();
    assert_eq!(
        (queued.payout.state, queued.effects),
        (PayoutState::Queued, vec![PayoutEffect::Send])
    );
}

#[test]
fn what_is_returned_is_its_owner_s_and_the_fee_as_agreed() {
    for (fee_returned, receiver, back) in
        [(false, None, 10_000), (true, None, 10_030), (true, Some("r_leaf"), 10_030)]
    {
        let mut payout = accepted(false, false).payout;
        payout.terms.fee_returned = fee_returned;
        payout.terms.receiver = receiver.map(str::to_owned);
        let owner = payout.owner();
        for word in ["send", "paid"] {
            payout = happen(payout, word).unwrap().payout;
        }
        let step = happen(payout, "returned").unwrap();
        let [entry] = step.entries.as_slice() else { panic!() };
        let credited: i64 =
            entry.postings().iter().filter(|it| it.account == owner).map(|it| it.minor).sum();
        assert_eq!(credited, -back);
    }
}

const WORDS: [&str; 12] = [
    "approve", "refuse", "due", "later", "send", "paid", "paid:1", "failed", "returned", "cancel",
    "silence", "resume",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// In any order of events: the entries booked are those that the payout calls for, the channel
    /// is never asked for one that gave its money back, and each account is where it should be.
    #[test]
    fn the_books_follow_whatever_happens(
        approval in any::<bool>(),
        later in any::<bool>(),
        fee_returned in any::<bool>(),
        words in proptest::collection::vec(0..WORDS.len(), 0..30),
    ) {
        let start = accepted(approval, later);
        let (mut payout, mut booked) = (start.payout, start.entries);
        payout.terms.fee_returned = fee_returned;
        let mut asked = false;
        for word in words.into_iter().map(|it| WORDS[it]) {
            let before = payout.clone();
            let Ok(step) = happen(payout.clone(), word) else { continue };
            payout = step.payout;
            let undone = matches!(
                before.state,
                PayoutState::Failed { .. } | PayoutState::Returned { .. } | PayoutState::Cancelled { .. }
            );
            let sends = step.effects.contains(&PayoutEffect::Send);
            prop_assert!(!undone || !sends);
            asked |= matches!(payout.state, PayoutState::Sent { .. });
            prop_assert!(!asked || payout.state.status() != "cancelled");
            let notices = step.effects.iter().filter(|it| matches!(it, PayoutEffect::Notify(_)));
            prop_assert_eq!(before.notices + u32::try_from(notices.count()).unwrap(), payout.notices);
            // Told again, nothing changes.
            if !matches!(word, "silence" | "resume" | "paid:1")
                && let Ok(again) = happen(payout.clone(), word)
            {
                prop_assert_eq!(&again.payout, &payout);
                prop_assert!(again.entries.is_empty() && again.effects.is_empty());
            }
            booked.extend(step.entries);
        }
        prop_assert_eq!(&booked, &payout.entries().unwrap());
        let mut standing = BTreeMap::new();
        for it in booked.iter().flat_map(Entry::postings) {
            *standing.entry(it.account.to_string()).or_insert(0) += it.minor;
        }
        let stands = |account: &str| standing.get(account).copied().unwrap_or(0);
        let (in_flight, prefund, fee) = match payout.state.status() {
            "paid" => (0, -10_000, -30),
            "failed" | "cancelled" => (0, 0, 0),
            "returned" => (0, 0, if fee_returned { 0 } else { -30 }),
            _ => (-10_000, 0, -30),
        };
        prop_assert_eq!(stands("payouts_in_flight:sandbox"), in_flight);
        prop_assert_eq!(stands("prefund:sandbox"), prefund);
        prop_assert_eq!(stands("fee_income"), fee);
        prop_assert_eq!(stands("merchant_available:m_tea"), -(in_flight + prefund + fee));
    }

    /// The channel's answers may arrive in any order and any number of times; it ends alike, unless
    /// the channel called one and the same payout refused before it called it paid.
    #[test]
    fn the_order_of_callbacks_is_nothing(order in Just(["paid", "returned"]).prop_shuffle(), twice in any::<bool>()) {
        let mut payout = happen(accepted(false, false).payout, "send").unwrap().payout;
        let mut kinds = Vec::new();
        for word in order.iter().chain(order.iter().filter(|_| twice)) {
            let step = happen(payout, word).unwrap();
            payout = step.payout;
            kinds.extend(step.entries.iter().map(Entry::kind));
        }
        prop_assert_eq!(payout.state.status(), "returned");
        prop_assert_eq!(kinds, [Kind::Payout, Kind::PayoutReturn]);
    }
}
