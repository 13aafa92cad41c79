//! Payments that are split later: what waits is never less than nothing, no unit is lost on any way, and the
//! order in which receivers are named is nothing.

use std::collections::BTreeMap;

use super::tests::{START, attempt, check, cny, event, refund, split, terms};
use super::*;
use crate::id::{SplitId, SplitReturnId};
use crate::ledger::{Account, Entry, without_debts};
use crate::policy::Share;

/// SplitMix64, so that a million events are the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    /// From 0 to so much, small ones as likely as large ones.
    fn up_to(&mut self, most: i64) -> i64 {
        let most = u64::try_from(most).unwrap();
        let bound = if self.below(2) == 0 { most.min(9) } else { most };
        i64::try_from(self.below(bound + 1)).unwrap()
    }
}

const RECEIVERS: [&str; 3] = ["a", "b", "c"];

fn shares(of: &[(&str, i64)]) -> Vec<Share> {
    let share = |(receiver, minor): &(&str, i64)| Share {
        receiver: (*receiver).to_owned(),
        amount: cny(*minor),
    };
    of.iter().map(share).collect()
}

fn wish(n: u8, mode: SplitMode, of: &[(&str, i64)], removed: &[&str]) -> Event {
    Event::SplitRequested(NewSplit {
        id: split(n),
        merchant_split_id: format!("S-{n}"),
        mode,
        shares: shares(of),
        removed: removed.iter().map(|it| (*it).to_owned()).collect(),
    })
}

fn wish_back(n: u8, of: u8, receiver: &str, minor: i64, available: i64) -> Event {
    Event::SplitReturnRequested(NewSplitReturn {
        id: SplitReturnId::new(START, [n; 10]),
        split: split(of),
        merchant_return_id: format!("T-{n}"),
        receiver: receiver.to_owned(),
        amount: cny(minor),
        available: cny(available),
    })
}

/// An order that is split later, paid and settled; with what was booked.
fn settled(amount: i64, fee: i64, bearer: RefundBearer) -> (Order, Vec<Entry>) {
    let terms = Terms {
        amount: cny(amount),
        fee: cny(fee),
        fee_basis: crate::funds::pricing::FeeBasis::default(),
        split: SplitTime::Later,
        refund_bearer: bearer,
        ..terms(false, Capture::Automatic)
    };
    let mut order = Order::create(terms).unwrap().order;
    let mut booked = Vec::new();
    let later = START.plus_secs(SETTLEMENT_SECS);
    for (event, at) in [
        (event("choose1"), START),
        (
            Event::Paid { attempt: attempt(1), amount: cny(amount), channel_ref: "c".to_owned() },
            START,
        ),
        (Event::SettlementDue, later),
    ] {
        let step = step(order, event, at).unwrap();
        booked.extend(step.entry);
        order = step.order;
    }
    (order, booked)
}

fn later() -> Timestamp {
    START.plus_secs(SETTLEMENT_SECS)
}

fn happens(order: &mut Order, booked: &mut Vec<Entry>, event: Event) -> Result<(), Refusal> {
    let after = step(order.clone(), event, later())?;
    check(order, &after, booked);
    *order = after.order;
    Ok(())
}

fn asks(n: u8, minor: i64) -> Event {
    Event::RefundRequested {
        id: refund(n),
        merchant_refund_id: format!("R-{n}"),
        amount: cny(minor),
        reason: None,
    }
}

/// The accounts' balances, as if they could be overdrawn, credits positive.
fn stands(booked: &[Entry]) -> BTreeMap<String, i128> {
    let mut stands = BTreeMap::new();
    for (account, _, minor) in booked.iter().flat_map(|it| without_debts(it.postings())) {
        *stands.entry(account.to_string().replace(":m_demo", "")).or_default() -= minor;
    }
    stands.retain(|_, minor| *minor != 0);
    stands
}

/// Each way, and what it comes to: what still waits, then what the merchant and each receiver has.
#[test]
fn what_is_split_given_back_and_refunded_is_whose_it_is() {
    use RefundBearer::{Merchant, ProRata};
    let tea = || RefundBearer::Receiver("a".to_owned());
    let split = |of: &[(&str, i64)]| wish(1, SplitMode::AllOrNothing, of, &[]);
    let finish = || Event::SplitFinishRequested { after: None };
    let failed = || Event::RefundFailed { refund: refund(1), code: "no".to_owned() };
    for (bearer, events, expected) in [
        (Merchant, vec![], [12_723, 0, 0, 0]),
        (Merchant, vec![split(&[("a", 9000), ("b", 700)])], [3023, 0, 9000, 700]),
        (Merchant, vec![split(&[("a", 9000), ("b", 700)]), finish()], [0, 3023, 9000, 700]),
        // Given back before the finish it waits again; afterwards it is the merchant's.
        (
            Merchant,
            vec![split(&[("a", 9000)]), wish_back(1, 1, "a", 500, 9000)],
            [4223, 0, 8500, 0],
        ),
        (
            Merchant,
            vec![split(&[("a", 9000)]), finish(), wish_back(1, 1, "a", 500, 9000)],
            [0, 4223, 8500, 0],
        ),
        // A receiver that has not enough gives nothing back.
        (Merchant, vec![split(&[("a", 9000)]), wish_back(1, 1, "a", 500, 499)], [3723, 0, 9000, 0]),
        // A refund of 6400 gives back 38 of the fee of 77, so 6362 are to be borne.
        (Merchant, vec![asks(1, 6400)], [6361, 0, 0, 0]),
        // Of what waits 3723 are left: the rest the merchant bears from what is available.
        (Merchant, vec![split(&[("a", 9000)]), asks(1, 6400)], [0, -2639, 9000, 0]),
        (Merchant, vec![split(&[("a", 9000)]), asks(1, 6400), failed()], [3723, 0, 9000, 0]),
        // It fails after the finish: all of it is the merchant's.
        (
            Merchant,
            vec![split(&[("a", 9000)]), asks(1, 6400), finish(), failed()],
            [0, 3723, 9000, 0],
        ),
        (ProRata, vec![split(&[("a", 9000)]), asks(1, 6400)], [1861, 0, 4500, 0]),
        (ProRata, vec![split(&[("a", 9000), ("b", 700)]), asks(1, 12_800)], [0, 0, 0, 0]),
        (ProRata, vec![asks(1, 6400), split(&[("a", 6361)])], [0, 0, 6361, 0]),
        // The receiver bears it up to what it has, and nothing before it has something.
        (tea(), vec![asks(1, 6400)], [6361, 0, 0, 0]),
        (tea(), vec![split(&[("a", 9000)]), asks(1, 6400)], [3723, 0, 2638, 0]),
        (tea(), vec![split(&[("a", 2000)]), asks(1, 6400)], [6361, 0, 0, 0]),
    ] {
        let (mut order, mut booked) = settled(12_800, 77, bearer.clone());
        for event in &events {
            happens(&mut order, &mut booked, event.clone()).unwrap();
        }
        let stands = stands(&booked);
        let of = |account: &str| stands.get(account).copied().unwrap_or_default();
        let found = [
            of("merchant_frozen"),
            of("merchant_available"),
            of("receiver_available:a"),
            of("receiver_available:b"),
        ];
        assert_eq!(found, expected, "{bearer} {events:?}");
    }
}

#[test]
fn a_split_is_all_or_nothing_or_partial() {
    let (order, _) = settled(12_800, 77, RefundBearer::Merchant);
    let now = later();
    let asked = [("a", 9000), ("b", 4000), ("c", 3000)];
    let all = |removed: &[&str]| {
        step(order.clone(), wish(1, SplitMode::AllOrNothing, &asked, removed), now)
    };
    assert_eq!(all(&[]), Err(Refusal::SplitTooLarge { available: cny(12_723) }));
    assert_eq!(all(&["a"]), Err(Refusal::ReceiverRemoved { receiver: "a".to_owned() }));
    let part = |removed: &[&str]| {
        let step = step(order.clone(), wish(1, SplitMode::Partial, &asked, removed), now).unwrap();
        let items =
            step.order.splits[0].items.iter().map(|it| it.failure.map(SplitFailure::as_str));
        (items.collect::<Vec<_>>(), step.order.unsplit().minor())
    };
    assert_eq!(part(&[]), (vec![None, Some("exceeds_unsplit"), None], 723));
    assert_eq!(part(&["a"]), (vec![Some("receiver_removed"), None, None], 5723));
    // One of which a share failed is not followed by the finish that was asked for with it.
    let after = |removed: &[&str]| {
        let split = step(order.clone(), wish(1, SplitMode::Partial, &[("a", 1)], removed), now);
        let finish = Event::SplitFinishRequested { after: Some(split_id()) };
        step(split.unwrap().order, finish, now).unwrap().order.split_finish.is_some()
    };
    assert_eq!((after(&[]), after(&["a"])), (true, false));
}

fn split_id() -> SplitId {
    split(1)
}

#[test]
fn each_bound_at_its_edge() {
    let (mut order, mut booked) = settled(12_800, 77, RefundBearer::Merchant);
    for n in 1..=50 {
        happens(&mut order, &mut booked, wish(n, SplitMode::AllOrNothing, &[("a", 1)], &[]))
            .unwrap();
    }
    let more = wish(51, SplitMode::AllOrNothing, &[("a", 1)], &[]);
    assert_eq!(happens(&mut order, &mut booked, more), Err(Refusal::TooManySplits));
    // A split that is told again is no other one.
    let again = wish(50, SplitMode::AllOrNothing, &[("a", 1)], &[]);
    assert_eq!(happens(&mut order, &mut booked, again), Ok(()));
    for n in 1..=50 {
        happens(&mut order, &mut booked, wish_back(n, 1, "a", 1, 0)).unwrap();
    }
    let more = wish_back(51, 1, "a", 1, 1);
    assert_eq!(happens(&mut order, &mut booked, more), Err(Refusal::TooManySplitReturns));
    let too_much = wish_back(51, 1, "a", 2, 2);
    let available = cny(1);
    assert_eq!(
        happens(&mut order, &mut booked, too_much),
        Err(Refusal::SplitReturnTooLarge { available })
    );
    let settled_at = later();
    let early = settled_at.plus_secs(SPLIT_SECS).plus_ms(-1);
    let over = |now| step(order.clone(), Event::SplitTimeOver, now);
    assert_eq!(over(early), Err(Refusal::TooEarly));
    let finished = over(settled_at.plus_secs(SPLIT_SECS)).unwrap();
    assert_eq!(finished.effects, [Effect::Notify(Notice::SplitFinished)]);
    assert_eq!(finished.order.split_finish.unwrap().amount, cny(12_673));
}

#[test]
fn who_says_who_shares_says_it_once() {
    let later = Terms { split: SplitTime::Later, ..terms(false, Capture::Automatic) };
    let both = Terms { shares: shares(&[("a", 1)]), ..later.clone() };
    assert!(Order::create(both).is_none());
    let bearer = RefundBearer::Receiver("a".to_owned());
    assert!(Order::create(Terms { refund_bearer: bearer, ..later }).is_some());
    // A record of before is one whose shares were agreed.
    let order = Order::create(terms(false, Capture::Automatic)).unwrap().order;
    let text = serde_json::to_string(&order).unwrap();
    assert!(!text.contains("split"), "{text}");
    let read: Order = serde_json::from_str(&text).unwrap();
    assert_eq!(read, order);
    let (mut order, mut booked) = settled(100, 1, RefundBearer::ProRata);
    let part = wish(1, SplitMode::Partial, &[("a", 9), ("b", 100)], &[]);
    happens(&mut order, &mut booked, part).unwrap();
    happens(&mut order, &mut booked, wish_back(1, 1, "a", 4, 9)).unwrap();
    happens(&mut order, &mut booked, Event::SplitFinishRequested { after: None }).unwrap();
    let read: Order = serde_json::from_str(&serde_json::to_string(&order).unwrap()).unwrap();
    assert_eq!(read, order);
}

/// The worked example of docs/splits.md: what each step leaves frozen, to the merchant and to two receivers.
#[test]
fn the_worked_example_in_the_docs_is_what_comes_of_it() {
    const DOCS: [(&str, &str); 2] = [
        ("splits.md", include_str!("../../../../docs/splits.md")),
        ("splits.zh-CN.md", include_str!("../../../../docs/splits.zh-CN.md")),
    ];
    let (mut order, mut booked) = settled(12_800, 77, RefundBearer::ProRata);
    let steps = [
        None,
        Some(wish(1, SplitMode::AllOrNothing, &[("courier", 9000), ("guide", 700)], &[])),
        Some(wish_back(1, 1, "guide", 200, 700)),
        Some(asks(1, 6400)),
        Some(Event::SplitFinishRequested { after: None }),
        Some(asks(2, 6400)),
    ];
    for (n, event) in (1..).zip(steps) {
        if let Some(event) = event {
            happens(&mut order, &mut booked, event).unwrap();
        }
        let stands = stands(&booked);
        let of = |account: &str| stands.get(account).copied().unwrap_or_default();
        let [frozen, merchant] = ["merchant_frozen", "merchant_available"].map(of);
        let [courier, guide] = ["receiver_available:courier", "receiver_available:guide"].map(of);
        let (begins, ends) =
            (format!("| {n} | "), format!(" | {frozen} | {merchant} | {courier} | {guide} |"));
        for (guide, text) in DOCS {
            let row = text.lines().find(|it| it.starts_with(&begins));
            assert!(row.is_some_and(|it| it.ends_with(&ends)), "{guide}, {n}: {ends}");
        }
    }
}

/// An event that may happen, and that a twin whose receivers are named the other way round can be told too.
fn random_event(random: &mut Random, order: &Order) -> Event {
    let n = |of: usize| u8::try_from(of + 1).unwrap();
    let pending: Vec<&Refund> =
        order.refunds.iter().filter(|it| it.state == RefundState::Pending).collect();
    match random.below(10) {
        0..3 => {
            let unsplit = order.unsplit().minor();
            let parts = RECEIVERS.map(|it| (it, random.up_to(unsplit / 2 + 1)));
            let parts: Vec<_> = parts.into_iter().filter(|(_, minor)| *minor > 0).collect();
            wish(n(order.splits.len()), SplitMode::AllOrNothing, &parts, &[])
        }
        3..6 => asks(n(order.refunds.len()), 1 + random.up_to(order.refundable().minor())),
        6..8 if !pending.is_empty() => {
            let at = usize::try_from(random.below(pending.len() as u64)).unwrap();
            let refund = pending[at].id.clone();
            match random.below(2) {
                0 => Event::RefundSucceeded(refund),
                _ => Event::RefundFailed { refund, code: "no".to_owned() },
            }
        }
        6..9 => {
            let of = n(usize::try_from(random.below(1 + order.splits.len() as u64)).unwrap());
            let receiver = RECEIVERS[usize::try_from(random.below(3)).unwrap()];
            let left = order.returnable(&split(of), receiver).map_or(0, Money::minor);
            let returns = order.splits.iter().map(|it| it.returns.len()).sum();
            wish_back(n(returns), of, receiver, 1 + random.up_to(left), i64::MAX)
        }
        _ if random.below(8) == 0 => Event::SplitFinishRequested { after: None },
        _ => Event::Resumed,
    }
}

/// The same event, its receivers named the other way round.
fn mirrored(event: &Event) -> Event {
    match event.clone() {
        Event::SplitRequested(mut new) => {
            new.shares.reverse();
            Event::SplitRequested(new)
        }
        other => other,
    }
}

#[test]
fn a_million_events_lose_no_unit_and_know_no_order() {
    let mut random = Random(29);
    let (mut happened, mut orders) = (0_u32, 0_u32);
    while happened < 1_000_000 {
        orders += 1;
        let amount = 1 + random.up_to(if orders.is_multiple_of(2) { 200 } else { 1 << 50 });
        let fee = random.up_to(amount);
        let bearer = match orders % 3 {
            0 => RefundBearer::Merchant,
            1 => RefundBearer::ProRata,
            _ => RefundBearer::Receiver("b".to_owned()),
        };
        let (mut order, mut booked) = settled(amount, fee, bearer);
        let mut twin = order.clone();
        for _ in 0..24 {
            let event = random_event(&mut random, &order);
            let there = step(twin.clone(), mirrored(&event), later());
            let Ok(here) = step(order.clone(), event, later()) else {
                assert!(there.is_err());
                continue;
            };
            happened += 1;
            (order, twin) = (here.order, there.unwrap().order);
            booked.extend(here.entry);
            holds(&order, &booked);
        }
        let sides = |entries: &[Entry]| stands(entries);
        assert_eq!(sides(&booked), sides(&order.entries().unwrap()), "{order:#?}");
        assert_eq!(sides(&booked), sides(&twin.entries().unwrap()), "{order:#?} {twin:#?}");
        refunded_whole(order, booked);
    }
}

/// Checks what must hold after every event, without writing everything down as [`check`] does.
fn holds(order: &Order, booked: &[Entry]) {
    let of = |wanted: &dyn Fn(&Account) -> bool| -> i128 {
        let postings = booked.iter().flat_map(Entry::postings);
        postings.filter(|it| wanted(&it.account)).map(|it| -i128::from(it.minor)).sum()
    };
    let frozen = of(&|it| matches!(it, Account::MerchantFrozen(_)));
    assert_eq!(frozen, i128::from(order.unsplit().minor()), "{order:#?}");
    assert!(order.split_finish.is_none() || frozen == 0);
    let has = order.still_had().unwrap();
    for it in &has {
        let account =
            |a: &Account| matches!(a, Account::ReceiverAvailable(_, name) if *name == it.receiver);
        assert_eq!(of(&account), i128::from(it.amount.minor()), "{order:#?}");
    }
    assert_eq!(of(&|_| true), 0);
}

/// However it was split, once all of it went back nobody has anything of it, where each bears its part: the
/// parts of many refunds are just each share. Where the merchant bears all, receivers keep what they have.
fn refunded_whole(mut order: Order, mut booked: Vec<Entry>) {
    let left = order.refundable();
    if left.minor() > 0 {
        let n = u8::try_from(order.refunds.len() + 1).unwrap();
        let Ok(after) = step(order.clone(), asks(n, left.minor()), later()) else { return };
        booked.extend(after.entry);
        order = after.order;
    }
    holds(&order, &booked);
    if order.terms.refund_bearer == RefundBearer::ProRata {
        assert!(order.still_had().unwrap().iter().all(|it| it.amount.minor() == 0), "{order:#?}");
        assert_eq!(order.unsplit().minor(), 0, "{order:#?}");
    }
    let own: i128 = stands(&booked)
        .into_iter()
        .filter(|(it, _)| it.starts_with("merchant") || it.starts_with("receiver"))
        .map(|(_, minor)| minor)
        .sum();
    assert_eq!(own, 0, "{order:#?}");
}
