//! Invariants of orders that are settled in another currency: whatever the rate, the decimals and the way in which
//! refunds end, each entry balances in both currencies, no unit is lost, and a payment that goes back closes the
//! position that it opened.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::tests::{START, attempt, event, refund, terms};
use super::*;
use crate::funds::fx::{Conversion, ConvertedBack, Rate};
use crate::id::{FxQuoteId, SplitId};
use crate::ledger::{Account, Entry, Kind};
use crate::money::Currency;
use crate::policy::Share;

fn money(minor: i64, code: &str) -> Money {
    Money::new(minor, Currency::from_code(code).unwrap()).unwrap()
}

fn conversion(to: &str, rate: &str, spread_ppm: u32) -> Conversion {
    Conversion {
        quote: FxQuoteId::new(START, [3; 10]),
        currency: Currency::from_code(to).unwrap(),
        base_rate: Rate::parse(rate).unwrap(),
        spread_ppm,
    }
}

/// An order and all that was booked for it.
#[derive(Clone)]
struct Books {
    order: Order,
    entries: Vec<Entry>,
}

impl Books {
    /// A manual order of an amount, paid by so much.
    fn paid(terms: Terms, captured: Money) -> Self {
        let amount = terms.amount;
        let order = Order::create(Terms { capture: Capture::Manual, ..terms }).unwrap().order;
        let mut books = Self { order, entries: Vec::new() };
        let channel_ref = || "c-1".to_owned();
        for event in [
            event("choose1"),
            Event::Authorized { attempt: attempt(1), amount, channel_ref: channel_ref() },
            Event::CaptureRequested(Some(captured)),
            Event::Paid { attempt: attempt(1), amount: captured, channel_ref: channel_ref() },
        ] {
            books.happen(event, 0).unwrap();
        }
        books
    }

    fn happen(&mut self, event: Event, secs: i64) -> Result<(), Refusal> {
        let after = step(self.order.clone(), event, START.plus_secs(secs))?;
        self.order = after.order;
        self.entries.extend(after.entry);
        Ok(())
    }

    /// The balance of the accounts whose names begin so, in a currency.
    fn stands(&self, name: &str, code: &str) -> i128 {
        let postings = self.entries.iter().flat_map(Entry::postings);
        let of = |it: &&crate::ledger::Posting| {
            it.account.to_string().starts_with(name) && it.currency.code() == code
        };
        postings.filter(of).map(|it| i128::from(it.minor)).sum()
    }

    fn ask(&self, minor: i64) -> Event {
        let id = refund(u8::try_from(self.order.refunds.len() + 1).unwrap());
        let amount = Money::new(minor, self.order.terms.amount.currency()).unwrap();
        Event::RefundRequested { merchant_refund_id: id.to_string(), id, amount, reason: None }
    }

    fn sorted(entries: &[Entry]) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for entry in entries {
            *counts.entry(format!("{entry:?}")).or_default() += 1;
        }
        counts
    }
}

fn dollars(fee: i64, shares: Vec<Share>, amount: i64, fx: Conversion) -> Terms {
    let terms = terms(false, Capture::Manual);
    let fee = money(fee, "USD");
    let terms = Terms { amount: money(amount, "USD"), fee, shares, instalments: vec![], ..terms };
    terms.settled_by(fx).unwrap()
}

/// 100.00 USD at 7.1234 less 0.3 %, with a fee of 0.60 USD.
fn example() -> Books {
    let fx = conversion("CNY", "7.1234", 3_000);
    Books::paid(dollars(60, vec![], 10_000, fx), money(10_000, "USD"))
}

#[test]
fn the_worked_example_in_the_docs_is_what_comes_of_it() {
    let mut books = example();
    let mut lines = Vec::new();
    let line = |what: &str, books: &Books| {
        let usd = |name: &str| books.stands(name, "USD");
        let cny = |name: &str| books.stands(name, "CNY");
        format!(
            "| {what} | {} | {} | {} | {} | {} | {} |",
            usd("channel_receivable") + usd("refunds_in_flight"),
            usd("fx_position"),
            cny("fx_position"),
            cny("fx_income"),
            cny("fee_income"),
            cny("merchant_"),
        )
    };
    lines.push(line("the payment of 100.00 USD", &books));
    books.happen(event("settle"), SETTLEMENT_SECS).unwrap();
    lines.push(line("its settlement", &books));
    for (what, minor) in [
        ("a refund of 33.33 USD", 3_333),
        ("another of 33.33 USD", 3_333),
        ("the last, of 33.34 USD", 3_334),
    ] {
        let asked = books.ask(minor);
        books.happen(asked, SETTLEMENT_SECS).unwrap();
        lines.push(line(what, &books));
    }
    let taken: Vec<_> = books.order.refunds.iter().map(|it| it.value().minor()).collect();
    assert_eq!(taken, [23_670, 23_671, 23_679]);
    for page in
        [include_str!("../../../../docs/fx.md"), include_str!("../../../../docs/fx.zh-CN.md")]
    {
        let numbers = |line: &str| line.split('|').skip(2).map(str::to_owned).collect::<Vec<_>>();
        let rows: Vec<_> = page.lines().map(numbers).collect();
        for line in &lines {
            assert!(rows.contains(&numbers(line)), "not in the page: {line}");
        }
    }
}

#[test]
fn an_entry_moves_both_currencies_and_names_the_spread() {
    let books = example();
    let payment = &books.entries[0];
    let mut moved: Vec<_> = payment
        .postings()
        .iter()
        .map(|it| format!("{} {} {}", it.account, it.minor, it.currency))
        .collect();
    moved.sort();
    assert_eq!(
        moved,
        [
            "channel_receivable:sandbox 10000 USD",
            "fee_income -426 CNY",
            "fx_income -214 CNY",
            "fx_position -10000 USD",
            "fx_position 71234 CNY",
            "merchant_pending:m_demo -70594 CNY",
        ]
    );
}

#[test]
fn a_void_takes_all_of_it_back_and_one_that_fails_puts_it_back() {
    let mut books = example();
    let before = |books: &Books| {
        ["channel_receivable", "fx_position", "fx_income", "fee_income", "merchant_"]
            .map(|name| (books.stands(name, "USD"), books.stands(name, "CNY")))
    };
    let paid = before(&books);
    for n in 1..=2 {
        books.happen(event("void"), 10).unwrap();
        let open = books.stands("fx_", "CNY").abs() + books.stands("fx_", "USD").abs();
        assert_eq!((open, books.stands("merchant_", "CNY")), (0, 0));
        let failed =
            Event::VoidFailed { request: books.order.channel_requests, code: "no".to_owned() };
        books.happen(failed, 10).unwrap();
        assert_eq!(before(&books), paid, "{n}");
    }
    books.happen(event("void"), 10).unwrap();
    books.happen(Event::Returned(attempt(1)), 10).unwrap();
    assert_eq!(before(&books), [(0, 0); 5]);
    assert_eq!(Books::sorted(&books.order.entries().unwrap()), Books::sorted(&books.entries));
}

#[test]
fn charges_splits_and_the_reserve_are_in_the_settled_currency() {
    let fx = conversion("JPY", "149.5", 10_000);
    let shares = vec![Share { receiver: "cup".to_owned(), amount: money(2_000, "USD") }];
    // 100 USD are 14800 JPY, the fee of 0.60 USD is 88, the share of 20 USD is 2960.
    let mut books = Books::paid(dollars(60, shares, 10_000, fx.clone()), money(10_000, "USD"));
    assert_eq!(books.stands("merchant_pending", "JPY"), -(14_800 - 88));
    books.happen(event("settle"), SETTLEMENT_SECS).unwrap();
    assert_eq!(books.stands("receiver_available:m_demo:cup", "JPY"), -2_960);
    assert_eq!(books.stands("merchant_available", "JPY"), -(14_800 - 88 - 2_960));

    let reserve = Some(ReserveTerms { rate_ppm: 100_000, days: 30 });
    let later = Terms { split: SplitTime::Later, reserve, ..dollars(60, vec![], 10_000, fx) };
    let mut books = Books::paid(later, money(10_000, "USD"));
    books.happen(event("settle"), SETTLEMENT_SECS).unwrap();
    let split = |code: &str| {
        Event::SplitRequested(NewSplit {
            id: SplitId::new(START, [1; 10]),
            merchant_split_id: "S-1".to_owned(),
            mode: SplitMode::AllOrNothing,
            shares: vec![Share { receiver: "cup".to_owned(), amount: money(4_712, code) }],
            removed: Vec::new(),
        })
    };
    let expected = Err(Refusal::Currency { expected: "JPY" });
    assert_eq!(books.happen(split("USD"), SETTLEMENT_SECS), expected);
    books.happen(split("JPY"), SETTLEMENT_SECS).unwrap();
    books.happen(event("finish"), SETTLEMENT_SECS).unwrap();
    // A tenth of 14712, before anybody has a share.
    assert_eq!(books.stands("merchant_reserve", "JPY"), -1_471);
    assert_eq!(books.stands("merchant_available", "JPY"), -8_529);
    assert_eq!(Books::sorted(&books.order.entries().unwrap()), Books::sorted(&books.entries));
}

#[test]
fn an_order_that_is_worth_nothing_is_none() {
    let fx = conversion("JPY", "0.9", 0);
    let terms = Terms {
        amount: money(111, "USD"),
        fee: money(0, "USD"),
        ..terms(false, Capture::Automatic)
    };
    let worth = |minor| {
        let terms = Terms { amount: money(minor, "USD"), ..terms.clone() };
        Order::create(terms.settled_by(fx.clone()).unwrap()).is_some()
    };
    assert_eq!((worth(111), worth(112)), (false, true));
    // Fee and shares must have been agreed in the currency that is settled.
    let foreign = Terms { fee: money(1, "USD"), fx: Some(fx), ..terms };
    assert!(Order::create(Terms { amount: money(10_000, "USD"), ..foreign }).is_none());
}

#[test]
fn a_refund_by_another_rate_is_found() {
    let mut books = example();
    let asked = books.ask(3_333);
    books.happen(asked, 0).unwrap();
    assert!(books.order.entries().is_ok());
    for (value, spread) in [
        // The rate upside down, the whole, another spread at the end.
        (469, 71),
        (71_020, 71),
        (23_680, 71),
    ] {
        let mut changed = books.order.clone();
        changed.refunds[0].converted =
            Some(ConvertedBack { value: money(value, "CNY"), spread: money(spread, "CNY") });
        assert!(changed.entries().is_err(), "{value} {spread}");
    }
    let mut changed = books.order.clone();
    changed.refunds[0].converted = None;
    assert!(changed.entries().is_err());
    let mut changed = books.order.clone();
    changed.terms.fx = None;
    assert!(changed.entries().is_err());
    // The last one leaves nothing.
    let asked = books.ask(6_667);
    books.happen(asked, 0).unwrap();
    let mut changed = books.order.clone();
    let last = changed.refunds[1].converted.as_mut().unwrap();
    last.spread = money(last.spread.minor() - 1, "CNY");
    assert!(books.order.entries().is_ok() && changed.entries().is_err());
}

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
    /// Its time has come.
    Settles,
    /// The frozen amount is shared in part.
    Splits(u16),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (0..150_u16).prop_map(Act::Ask),
        1 => Just(Act::AskRest),
        2 => any::<u8>().prop_map(Act::Succeeds),
        5 => any::<u8>().prop_map(Act::Fails),
        1 => Just(Act::Settles),
        1 => (1..900_u16).prop_map(Act::Splits),
    ]
}

/// Amounts of all sizes; small ones are where rounding shows.
fn amounts() -> impl Strategy<Value = (i64, i64)> {
    let amount = prop_oneof![1..200_i64, 1..1_000_000_i64, 1..=crate::money::MAX_MINOR];
    amount.prop_flat_map(|amount| (Just(amount), 0..=amount))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn refunds_of_any_parts_give_back_exactly_what_came(
        (amount, fee) in amounts(),
        captured_share in 1..=1000_i64,
        codes in any::<[prop::sample::Index; 2]>(),
        mantissa in 1..200_000_u32,
        scale in 0..5_usize,
        spread_ppm in 0..100_000_u32,
        later in any::<bool>(),
        bearer in 0..2_u8,
        acts in proptest::collection::vec(act(), 0..60),
    ) {
        let (from, to) = (codes[0].get(&["JPY", "CNY", "KWD"]), codes[1].get(&["VND", "USD", "BHD"]));
        let digits = format!("{mantissa:0>width$}", width = scale + 1);
        let (whole, decimals) = digits.split_at(digits.len() - scale);
        let fx = conversion(to, &format!("{whole}.{decimals}0"), spread_ppm);
        let share = |minor| Share { receiver: "cup".to_owned(), amount: money(minor, from) };
        let shares = if later || amount - fee < 3 { vec![] } else { vec![share((amount - fee) / 3)] };
        let agreed = Terms {
            amount: money(amount, from),
            fee: money(fee, from),
            refund_bearer: match bearer {
                1 => RefundBearer::ProRata,
                _ => RefundBearer::Merchant,
            },
            shares,
            split: if later { SplitTime::Later } else { SplitTime::Agreed },
            instalments: vec![],
            ..terms(false, Capture::Manual)
        };
        let Some(agreed) = agreed.settled_by(fx.clone()) else { return Ok(()) };
        let fits = fx.whole(agreed.amount).is_some_and(|it| it.minor() <= crate::money::MAX_MINOR);
        let is_worth = fx.value(agreed.amount).is_some_and(|it| it.minor() > 0);
        prop_assume!(fits && is_worth);
        let part = i128::from(amount) * i128::from(captured_share) / 1000;
        let captured = money(i64::try_from(part.max(1)).unwrap(), from);
        let value = fx.value(captured).unwrap();
        let mut books = Books::paid(agreed, captured);
        let mut settled = false;
        for act in acts.into_iter().chain([Act::AskRest]) {
            let order = &books.order;
            let pending: Vec<RefundId> = order.refunds.iter()
                .filter(|it| it.state == RefundState::Pending).map(|it| it.id.clone()).collect();
            let nth = |n: u8| (!pending.is_empty()).then(|| pending[usize::from(n) % pending.len()].clone());
            let left = order.refundable().minor();
            let event = match act {
                Act::Ask(share) => {
                    let part = i128::from(captured.minor()) * i128::from(share) / 1000;
                    books.ask(i64::try_from(part.max(1)).unwrap())
                }
                Act::AskRest if left > 0 => books.ask(left),
                Act::AskRest => continue,
                Act::Settles => Event::SettlementDue,
                Act::Succeeds(n) => match nth(n) {
                    Some(id) => Event::RefundSucceeded(id),
                    None => continue,
                },
                Act::Fails(n) => match nth(n) {
                    Some(refund) => Event::RefundFailed { refund, code: "no".to_owned() },
                    None => continue,
                },
                Act::Splits(thousandths) => {
                    let part = i128::from(order.unsplit().minor()) * i128::from(thousandths) / 1000;
                    let n = u8::try_from(order.splits.len() + 1).unwrap();
                    let amount = money(i64::try_from(part).unwrap(), to);
                    if amount.minor() == 0 {
                        continue;
                    }
                    Event::SplitRequested(NewSplit {
                        id: SplitId::new(START, [n; 10]), merchant_split_id: format!("S-{n}"),
                        mode: SplitMode::AllOrNothing,
                        shares: vec![Share { receiver: "cup".to_owned(), amount }], removed: vec![],
                    })
                }
            };
            settled |= matches!(event, Event::SettlementDue);
            let secs = if settled { SETTLEMENT_SECS } else { 0 };
            match books.happen(event, secs) {
                Ok(()) => {}
                Err(Refusal::RefundTooLarge { available }) => prop_assert_eq!(available.minor(), left),
                Err(Refusal::TooManyRefunds) => prop_assert_eq!(books.order.refunds.len(), MAX_REFUNDS),
                Err(other) => prop_assert!(false, "{other:?} {act:?}"),
            }

            // The books are those that the order calls for, and what is said of refunds holds.
            let order = &books.order;
            prop_assert_eq!(Books::sorted(&order.entries().unwrap()), Books::sorted(&books.entries));
            let counted = || order.refunds.iter().filter(|it| !matches!(it.state, RefundState::Failed { .. }));
            let gone: i128 = counted().map(|it| i128::from(it.amount.minor())).sum();
            let taken: i128 = counted().map(|it| i128::from(it.value().minor())).sum();
            let spread: i128 = counted().map(|it| i128::from(it.converted.unwrap().spread.minor())).sum();
            // What is open of the position is what came and did not go back, in both currencies.
            let (held, owed) = (i128::from(captured.minor()) - gone, i128::from(value.minor()) - taken);
            let ours = i128::from(fx.spread(captured).unwrap().minor()) - spread;
            prop_assert!(owed >= 0 && ours >= 0);
            prop_assert_eq!(books.stands("fx_position", from), -held);
            prop_assert_eq!(books.stands("fx_position", to), owed + ours);
            prop_assert_eq!(books.stands("fx_income", to), -ours);
            // All that is owed for the order in the settled currency is what is left of its value.
            let parties = ["merchant_", "receiver_", "fee_income"].map(|name| books.stands(name, to));
            prop_assert_eq!(parties.iter().sum::<i128>(), -owed);
            // Nothing of the merchant's or ours is in the currency of the shopper.
            for name in ["merchant_", "receiver_", "fee_income", "fx_income"] {
                prop_assert_eq!(books.stands(name, from), 0);
            }
            let at_channel = books.stands("channel_", from) + books.stands("refunds_", from);
            prop_assert_eq!(at_channel, held);
            if gone == i128::from(captured.minor()) {
                prop_assert_eq!((owed, ours), (0, 0), "the last refund leaves something");
                prop_assert_eq!(books.stands("fee_income", to), 0);
            }
            for entry in &books.entries {
                let in_two = [Kind::Payment, Kind::RefundRequest, Kind::RefundFailure];
                let moves = entry.postings().iter().any(|it| it.account == Account::FxPosition);
                prop_assert!(!moves || in_two.contains(&entry.kind()));
            }
        }
    }
}
