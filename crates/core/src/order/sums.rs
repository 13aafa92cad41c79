//! Invariants of sums for any amounts and however refunds end: no part is below zero, no
//! unit is lost to rounding, and what an order says of itself is what was booked.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::tests::{START, attempt, cny, refund};
use super::*;
use crate::id::{MerchantId, OrderId};
use crate::ledger::{Account, Entry};
use crate::policy::{FeeSchedule, Rounding, Share};

/// An act that is tried with a refund.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// Asks for so many thousandths of the captured amount, and at least one unit.
    Ask(u16),
    /// Asks for all that is left.
    AskRest,
    /// The channel says yes to the so manieth that is pending.
    Succeeds(u8),
    /// The channel says no to it.
    Fails(u8),
    /// A day is over.
    Settles,
    /// The time of the reserve is over.
    Releases,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0..150_u16).prop_map(Act::Ask),
        1 => Just(Act::AskRest),
        2 => any::<u8>().prop_map(Act::Succeeds),
        4 => any::<u8>().prop_map(Act::Fails),
        1 => Just(Act::Settles),
        1 => Just(Act::Releases),
    ]
}

/// Amounts of all sizes; small ones are where rounding shows.
fn amounts() -> impl Strategy<Value = (i64, i64)> {
    let amount = prop_oneof![1..200_i64, 1..1_000_000_i64, 1..=i64::MAX];
    amount.prop_flat_map(|amount| (Just(amount), 0..=amount))
}

/// Rates, fixed parts, and whether the payment's fee is kept.
fn charges() -> impl Strategy<Value = Charges> {
    let schedule = |(rate_ppm, fixed): (u32, i64)| FeeSchedule {
        currency: cny(0).currency(),
        rate_ppm,
        fixed,
        min: 0,
        cap: None,
        rounding: Rounding::HalfUp,
    };
    let schedule = move || proptest::option::of((0..300_000_u32, 0..40_i64).prop_map(schedule));
    (schedule(), schedule(), any::<bool>()).prop_map(|(refund, split, keeps_payment_fee)| Charges {
        refund,
        split,
        keeps_payment_fee,
    })
}

/// Some parts of what amount and fee leave, each of so many thousandths of what those before left.
fn shares(net: i64, thousandths: &[u16]) -> Vec<i64> {
    let mut left = net;
    let mut shares = Vec::new();
    for part in thousandths {
        let share = i64::try_from(i128::from(left) * i128::from(*part) / 1000).unwrap();
        if share > 0 {
            shares.push(share);
            left -= share;
        }
    }
    shares
}

/// An order of an amount, with a fee and shares, of which so much is captured.
fn paid(
    amount: i64,
    fee: i64,
    captured: i64,
    shares: &[i64],
    charges: Charges,
    reserve: Option<ReserveTerms>,
) -> (Order, Vec<Entry>) {
    let terms = Terms {
        id: OrderId::new(START, [1; 10]),
        merchant: MerchantId::parse("m_demo").unwrap(),
        merchant_order_id: "A-1".to_owned(),
        amount: cny(amount),
        fee: cny(fee),
        fee_basis: crate::funds::pricing::FeeBasis::default(),
        shares: (1..)
            .zip(shares)
            .map(|(n, it)| Share { receiver: format!("r{n}"), amount: cny(*it) })
            .collect(),
        split: SplitTime::Agreed,
        refund_bearer: RefundBearer::Merchant,
        charges,
        reserve,
        fx: None,
        mandate: None,
        held: false,
        capture: Capture::Manual,
        contract: 0,
        description: "Tea".to_owned(),
        methods: vec!["wallet_qr".to_owned()],
        instalments: Vec::new(),
        created_at: START,
        expires_at: START.plus_secs(900),
    };
    let mut order = Order::create(terms).unwrap().order;
    let mut entries = Vec::new();
    let channel_ref = "c-1".to_owned();
    for event in [
        Event::MethodChosen(Attempt {
            id: attempt(1),
            method: "wallet_qr".to_owned(),
            channel: "sandbox".to_owned(),
            instalments: None,
            account: None,
            begun_at: None,
            by_code: false,
            routed: None,
        }),
        Event::Authorized {
            attempt: attempt(1),
            amount: cny(amount),
            channel_ref: channel_ref.clone(),
        },
        Event::CaptureRequested(Some(cny(captured))),
        Event::Paid { attempt: attempt(1), amount: cny(captured), channel_ref },
    ] {
        let step = step(order, event, START).unwrap();
        order = step.order;
        entries.extend(step.entry);
    }
    (order, entries)
}

fn balance(entries: &[Entry], of: impl Fn(&Account) -> bool) -> i128 {
    let postings = entries.iter().flat_map(Entry::postings);
    postings.filter(|it| of(&it.account)).map(|it| i128::from(it.minor)).sum()
}

fn sorted(entries: &[Entry]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for entry in entries {
        *counts.entry(format!("{entry:?}")).or_default() += 1;
    }
    counts
}

/// Every other of six refunds bears a unit of a fee of half the amount, and just those fail: the
/// next one would have to give back two units of fee in an amount of one.
#[test]
fn a_refund_gives_back_no_more_fee_than_it_has() {
    let (mut order, _) = paid(6, 3, 6, &[], Charges::default(), None);
    let ask = |n: u8| Event::RefundRequested {
        id: refund(n),
        merchant_refund_id: format!("R-{n}"),
        amount: cny(1),
        reason: None,
    };
    let failed = |n: u8| Event::RefundFailed { refund: refund(n), code: "no".to_owned() };
    let asked = (1..=6).map(ask).chain([2, 4, 6].map(failed)).chain((7..=9).map(ask));
    for event in asked {
        let after = step(order, event.clone(), START).unwrap();
        assert!(after.entry.is_some(), "{event:?}");
        order = after.order;
    }
    let fees: Vec<i64> = order.refunds.iter().map(|it| it.fee.minor()).collect();
    assert_eq!(fees, [0, 1, 0, 1, 0, 1, 1, 1, 1]);
    assert_eq!(order.net(cny(6)), Some(cny(0)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn refunds_of_any_parts_are_exact(
        (amount, fee) in amounts(),
        captured_share in 1..=1000_i64,
        thousandths in proptest::collection::vec(0..=1000_u16, 0..5),
        acts in proptest::collection::vec(act(), 0..60),
        charges in charges(),
        reserve in proptest::option::of((1..=1_000_000_u32).prop_map(|rate_ppm| ReserveTerms { rate_ppm, days: 30 })),
    ) {
        let part = i128::from(amount) * i128::from(captured_share) / 1000;
        let captured = i64::try_from(part.max(1)).unwrap();
        let kept = reserve.map_or(0, |it| it.of(cny(amount - fee)).minor());
        let agreed = shares(amount - fee - kept, &thousandths);
        let (mut order, mut entries) = paid(amount, fee, captured, &agreed, charges, reserve);
        let whole_fee = order.fee(cny(captured)).unwrap().minor();
        let (mut settled, mut over) = (false, false);
        for act in acts.into_iter().chain([Act::AskRest]) {
            let pending: Vec<RefundId> = order.refunds.iter()
                .filter(|it| it.state == RefundState::Pending).map(|it| it.id.clone()).collect();
            let id = refund(u8::try_from(order.refunds.len() + 1).unwrap());
            let left = order.refundable().minor();
            let ask = |minor: i64| Event::RefundRequested {
                merchant_refund_id: id.to_string(), id: id.clone(), amount: cny(minor), reason: None,
            };
            let event = match act {
                Act::Ask(share) => {
                    let part = i128::from(captured) * i128::from(share) / 1000;
                    ask(i64::try_from(part.max(1)).unwrap())
                }
                Act::AskRest if left > 0 => ask(left),
                Act::AskRest => continue,
                Act::Settles if !settled => Event::SettlementDue,
                Act::Settles => continue,
                Act::Releases if settled => Event::ReserveDue,
                Act::Releases => continue,
                Act::Succeeds(n) | Act::Fails(n) => {
                    let Some(refund) = (!pending.is_empty()).then(|| pending[usize::from(n) % pending.len()].clone())
                        else { continue };
                    match act {
                        Act::Fails(_) => Event::RefundFailed { refund, code: "no".to_owned() },
                        _ => Event::RefundSucceeded(refund),
                    }
                }
            };
            let moves_money = !matches!(event, Event::SettlementDue | Event::ReserveDue);
            over |= matches!(event, Event::ReserveDue);
            settled |= matches!(event, Event::SettlementDue);
            let days = if over { 30 } else { 0 };
            let now = START.plus_secs(if settled { SETTLEMENT_SECS + days * 86_400 } else { 0 });
            match step(order.clone(), event, now) {
                Ok(after) => {
                    prop_assert!(after.entry.is_some() || !moves_money, "moved without an entry: {act:?}");
                    order = after.order;
                    entries.extend(after.entry);
                }
                Err(Refusal::RefundTooLarge { available }) => prop_assert_eq!(available.minor(), left),
                Err(Refusal::TooManyRefunds) => prop_assert_eq!(order.refunds.len(), MAX_REFUNDS),
                Err(other) => prop_assert!(false, "{other:?}"),
            }

            // Every part of every refund is there, and none is more than its whole.
            let counted = order.refunds.iter().filter(|it| !matches!(it.state, RefundState::Failed { .. }));
            let (mut given, mut fees) = (0_i128, 0_i128);
            for it in counted {
                prop_assert!(it.fee.minor() <= it.amount.minor(), "a fee of {} in {}", it.fee, it.amount);
                given += i128::from(it.amount.minor());
                fees += i128::from(it.fee.minor());
            }
            prop_assert_eq!(given, i128::from(captured - order.refundable().minor()));
            prop_assert!(fees <= i128::from(whole_fee));
            let net = order.net(cny(captured));
            prop_assert!(net.is_some(), "more than the merchant's share goes back");
            if given == i128::from(captured) {
                prop_assert_eq!((fees, net.unwrap().minor()), (i128::from(whole_fee), 0));
            }
            // The ledger says the same.
            let own = |it: &Account| matches!(
                it,
                Account::MerchantPending(_)
                    | Account::MerchantReserve(_)
                    | Account::MerchantAvailable(_)
                    | Account::ReceiverAvailable(..)
            );
            let costs = order.costs().unwrap();
            prop_assert_eq!(costs.payment, i128::from(whole_fee));
            let charged = costs.refunds + fees + costs.splits;
            prop_assert!(charged >= 0);
            prop_assert_eq!(balance(&entries, own), charged - i128::from(net.unwrap().minor()));
            prop_assert_eq!(balance(&entries, |it| *it == Account::FeeIncome), -costs.whole());
            // What is kept back is what the order says, no more than was agreed, and nothing once it is released.
            let kept = balance(&entries, |it| matches!(it, Account::MerchantReserve(_)));
            prop_assert_eq!(kept, -i128::from(order.still_reserved().minor()));
            // Nothing is charged to what lies elsewhere: the order's own account ends empty once all is refunded.
            let pending = balance(&entries, |it| matches!(it, Account::MerchantPending(_)));
            prop_assert!(pending <= 0, "a charge overdraws what is pending");
            prop_assert_eq!(balance(&entries, |_| true), 0);
            prop_assert_eq!(sorted(&order.entries().unwrap()), sorted(&entries));
            // Nobody gets more than was agreed, nor a whole unit less than its part of what was left.
            if let State::Paid { settled: Some(Settled { amount: own, shares, .. }), .. } = &order.state {
                let whole: i128 = shares.iter().map(|it| i128::from(it.amount.minor())).sum::<i128>()
                    + i128::from(own.minor());
                for (n, agreed) in (1..).zip(&agreed) {
                    let receiver = format!("r{n}");
                    let got = shares.iter().find(|it| it.receiver == receiver).map_or(0, |it| it.amount.minor());
                    let exact = i128::from(*agreed) * whole;
                    let net = i128::from(amount - fee);
                    prop_assert!(got <= *agreed && i128::from(got) * net <= exact);
                    prop_assert!((i128::from(got) + 1) * net > exact);
                    let account = |it: &Account| matches!(it, Account::ReceiverAvailable(_, it) if *it == receiver);
                    prop_assert_eq!(balance(&entries, account), -i128::from(got));
                }
            }
        }
    }
}
