//! A debit and its return: whenever it comes back, each account ends as it must, and told twice it is booked once.

use proptest::prelude::*;

use super::tests::{START, check, cny, event, refund, terms};
use super::*;
use crate::funds::fx::{Conversion, Rate};
use crate::id::{FxQuoteId, MandateId};
use crate::ledger::{Account, Entry, Kind};
use crate::money::Currency;
use crate::policy::Share;

const DAY: i64 = 86_400;

fn mandated(terms: Terms) -> Terms {
    let mandate = Some(MandateId::new(START, [9; 10]));
    Terms { mandate, instalments: Vec::new(), ..terms }
}

/// An order and its books, as an event after another leaves them.
struct Books {
    order: Order,
    booked: Vec<Entry>,
    effects: Vec<Effect>,
}

impl Books {
    fn new(terms: Terms) -> Self {
        let order = Order::create(mandated(terms)).unwrap().order;
        Self { order, booked: Vec::new(), effects: Vec::new() }
    }

    fn paid(terms: Terms) -> Self {
        let mut books = Self::new(terms);
        books.does("choose1", 0).unwrap();
        books.does("paid1", 0).unwrap();
        books
    }

    fn does(&mut self, word: &str, secs: i64) -> Result<(), Refusal> {
        let after = step(self.order.clone(), event(word), START.plus_secs(secs))?;
        check(&self.order, &after, &mut self.booked);
        (self.order, self.effects) = (after.order, after.effects);
        Ok(())
    }

    /// The sum on the accounts whose names begin so, debits positive, as if they could be overdrawn.
    fn stands(&self, name: &str) -> i64 {
        let postings = self.booked.iter().flat_map(Entry::postings);
        postings.filter(|it| it.account.to_string().starts_with(name)).map(|it| it.minor).sum()
    }

    fn last(&self) -> &Entry {
        self.booked.last().unwrap()
    }
}

fn usual() -> Terms {
    terms(false, Capture::Automatic)
}

#[test]
fn a_debit_is_charged_without_the_shopper_and_watched() {
    let mut books = Books::new(usual());
    books.does("choose1", 0).unwrap();
    let attempt = super::tests::attempt(1);
    assert_eq!(books.effects, [Effect::Query(attempt.clone()), Effect::Debit(attempt.clone())]);
    books.does("paid1", 0).unwrap();
    assert!(books.effects.contains(&Effect::WatchDebit(attempt)));
    assert_eq!(books.does("void", 1), Err(Refusal::Debit));
}

#[test]
fn a_debit_that_is_declined_is_over() {
    for word in ["declined1", "cancelled1"] {
        let mut books = Books::new(usual());
        books.does("choose1", 0).unwrap();
        books.does(word, 1).unwrap();
        let State::Closed { reason: CloseReason::Declined, declined: Some(_), .. } =
            &books.order.state
        else {
            panic!("{:?}", books.order.state)
        };
        let told = [Notice::Declined, Notice::Closed].map(Effect::Notify);
        assert_eq!(books.effects, told);
        assert_eq!(books.does("choose2", 2), Err(Refusal::State { status: "closed" }));
        // Money that comes all the same is owed back; the bank that takes it has done it by itself.
        books.does("paid1", 3).unwrap();
        assert_eq!(books.last().kind(), Kind::UnexpectedPayment);
        books.does("debit_returned1", 4).unwrap();
        assert_eq!(books.last().kind(), Kind::PaymentReturn);
        assert_eq!(books.stands("channel_receivable"), 0);
        let entries = books.booked.len();
        books.does("debit_returned1", 5).unwrap();
        assert_eq!(books.booked.len(), entries);
    }
}

#[test]
fn what_is_no_debit_does_not_come_back() {
    let mut order = Order::create(usual()).unwrap().order;
    for word in ["choose1", "paid1"] {
        order = step(order, event(word), START).unwrap().order;
    }
    let refused = step(order.clone(), event("debit_returned1"), START);
    assert_eq!(refused, Err(Refusal::State { status: "paid" }));
    let unknown = step(order, event("debit_returned7"), START);
    assert_eq!(unknown, Err(Refusal::UnknownAttempt));
    assert!(Order::create(mandated(terms(false, Capture::Manual))).is_none());
}

/// Each way, and what the return takes from where: pending, held, frozen, reserve, available.
#[test]
fn a_return_takes_what_is_there_and_the_rest_of_what_is_available() {
    let late = usual;
    let held = || terms(true, Capture::Automatic);
    let reserve =
        || Terms { reserve: Some(ReserveTerms { rate_ppm: 100_000, days: 30 }), ..usual() };
    let later = || Terms { split: SplitTime::Later, ..reserve() };
    let shared = || Terms {
        shares: vec![Share { receiver: "tea".to_owned(), amount: cny(9000) }],
        ..usual()
    };
    let rows: [(&str, Terms, &[&str], [i64; 5]); 14] = [
        // Before it is settled 12723 are pending, and the fee of 77 is kept.
        ("at once", late(), &[], [12_723, 0, 0, 0, 77]),
        // A refund of 6400 took 6362 of that.
        ("after a part went back", late(), &["refund1:6400"], [6361, 0, 0, 0, 6439]),
        ("after all went back", late(), &["refund1:12800", "refunded1"], [0, 0, 0, 0, 12_800]),
        ("a refund had failed", late(), &["refund1:6400", "refund_failed1"], [12_723, 0, 0, 0, 77]),
        ("settled", late(), &["@settle"], [0, 0, 0, 0, 12_800]),
        ("settled and refunded", late(), &["@settle", "refund1:12800"], [0, 0, 0, 0, 12_800]),
        ("held", held(), &[], [0, 12_723, 0, 0, 77]),
        ("approved", held(), &["approve9"], [12_723, 0, 0, 0, 77]),
        // Others keep their shares.
        ("shared", shared(), &["@settle"], [0, 0, 0, 0, 12_800]),
        ("kept back", reserve(), &["@settle"], [0, 0, 0, 1272, 11_528]),
        ("kept back, refunded", reserve(), &["@settle", "refund1:1000"], [0, 0, 0, 278, 12_522]),
        ("frozen", later(), &["@settle"], [0, 0, 11_451, 1272, 77]),
        ("split", later(), &["@settle", "split1:6000"], [0, 0, 5451, 1272, 6077]),
        (
            "split and finished",
            later(),
            &["@settle", "split1:6000", "finish"],
            [0, 0, 0, 1272, 11_528],
        ),
    ];
    for (what, terms, words, expected) in rows {
        let mut books = Books::paid(terms);
        let mut at = 1;
        for word in words {
            if *word == "@settle" {
                at = SETTLEMENT_SECS;
            }
            books.does(word.trim_start_matches('@'), at).unwrap();
        }
        books.does("debit_returned1", at + 1).unwrap();
        let entry = books.last();
        let took = |name: &str| {
            let of = entry.postings().iter().filter(|it| it.account.to_string().starts_with(name));
            of.map(|it| it.minor).sum::<i64>()
        };
        let found = [
            took("merchant_pending"),
            took("merchant_held"),
            took("merchant_frozen"),
            took("merchant_reserve"),
            took("merchant_available"),
        ];
        assert_eq!(found, expected, "{what}");
        assert_eq!((entry.kind(), took("channel_receivable")), (Kind::DebitReturn, -12_800));
        for waits in ["merchant_pending", "merchant_held", "merchant_frozen", "merchant_reserve"] {
            assert_eq!(books.stands(waits), 0, "{what}: {waits}");
        }
        assert!(!books.order.under_review(), "{what}");
        // Told again, it is the same return, and nothing moves any more by itself.
        let entries = books.booked.len();
        for word in ["debit_returned1", "settle", "time_over", "reserve"] {
            books.does(word, 400 * DAY).unwrap();
        }
        assert_eq!(books.booked.len(), entries, "{what}");
        assert_eq!(books.does("refund9:1", 400 * DAY), Err(Refusal::DebitReturned));
        assert_eq!((books.order.refundable(), books.order.volume()), (cny(0), cny(0)));
    }
}

#[test]
fn a_refund_under_way_ends_by_itself_after_the_return() {
    for (word, available) in [("refunded1", 6439), ("refund_failed1", 77)] {
        for reserve in [None, Some(ReserveTerms { rate_ppm: 100_000, days: 30 })] {
            // By a clock that is behind, too: what was committed before it was before.
            for (settled, behind) in [(false, 0), (true, 0), (true, 5)] {
                let mut books = Books::paid(Terms { reserve, ..usual() });
                if settled {
                    books.does("settle", SETTLEMENT_SECS).unwrap();
                }
                let before = -books.stands("merchant_");
                books.does("refund1:6400", SETTLEMENT_SECS).unwrap();
                books.does("debit_returned1", SETTLEMENT_SECS).unwrap();
                books.does(word, SETTLEMENT_SECS - behind).unwrap();
                // The payment was worth 12723 to the merchant: it is out of all that, of the fee, and of its refund.
                assert_eq!(before, 12_723);
                assert_eq!(books.stands("merchant_available"), available, "{word} {reserve:?}");
                assert_eq!(books.stands("merchant_"), available);
            }
        }
    }
}

#[test]
fn an_amount_that_is_not_the_whole_is_a_person_s_to_explain() {
    let mut books = Books::paid(usual());
    let entries = books.booked.len();
    books.does("debit_returned1:6000", 1).unwrap();
    assert_eq!(books.booked.len(), entries);
    assert_eq!(books.order.attention.len(), 1);
    books.does("debit_returned1", 2).unwrap();
    assert_eq!(books.last().kind(), Kind::DebitReturn);
}

#[test]
fn money_that_was_converted_goes_back_by_the_rate_of_its_payment() {
    let fx = Conversion {
        quote: FxQuoteId::new(START, [3; 10]),
        currency: Currency::from_code("USD").unwrap(),
        base_rate: Rate::parse("0.1404").unwrap(),
        spread_ppm: 3_000,
    };
    let mut books = Books::paid(usual().settled_by(fx).unwrap());
    books.does("settle", SETTLEMENT_SECS).unwrap();
    books.does("debit_returned1", SETTLEMENT_SECS).unwrap();
    assert_eq!(books.stands("fx_"), 0);
    assert_eq!(books.stands("channel_receivable"), 0);
    // The fee that was kept is all that the merchant is out of.
    assert_eq!(books.stands("merchant_available"), -books.stands("fee_income"));
}

#[test]
fn a_return_that_cannot_be_is_found() {
    let mut books = Books::paid(usual());
    books.does("debit_returned1", 1).unwrap();
    let good = books.order;
    let text = serde_json::to_string(&good).unwrap();
    assert_eq!(serde_json::from_str::<Order>(&text).unwrap(), good);
    for change in [
        |it: &mut Order| it.terms.mandate = None,
        |it: &mut Order| it.debit_return.as_mut().unwrap().taken = cny(12_722),
        |it: &mut Order| it.debit_return.as_mut().unwrap().amount = cny(12_799),
        |it: &mut Order| it.debit_return.as_mut().unwrap().reserve = cny(1),
    ] {
        let mut changed = good.clone();
        change(&mut changed);
        assert!(changed.entries().is_err(), "{changed:#?}");
    }
    assert!(good.entries().is_ok());
}

/// Orders as they were before there were debits say nothing of them.
#[test]
fn an_order_without_a_mandate_is_written_as_it_always_was() {
    let order = Order::create(usual()).unwrap().order;
    let text = serde_json::to_string(&order).unwrap();
    assert!(!text.contains("mandate") && !text.contains("debit"), "{text}");
}

/// Any event at any time.
const WORDS: [&str; 22] = [
    "paid1",
    "declined1",
    "cancelled1",
    "returned1",
    "close",
    "void",
    "refund1:6000",
    "refund2:6800",
    "refund3:1",
    "refunded1",
    "refunded2",
    "refund_failed1",
    "refund_failed2",
    "settle",
    "approve5",
    "refuse6",
    "split1:3000",
    "give_back1:1000",
    "finish",
    "time_over",
    "reserve",
    "debit_returned1",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn whatever_happened_a_return_is_booked_once_and_leaves_nothing_that_waits(
        held in any::<bool>(),
        later in any::<bool>(),
        kept in any::<bool>(),
        words in proptest::collection::vec((0..WORDS.len(), 0..30_i64), 0..40),
    ) {
        let split = if later { SplitTime::Later } else { SplitTime::Agreed };
        let reserve = kept.then_some(ReserveTerms { rate_ppm: 100_000, days: 30 });
        let mut books = Books::new(Terms { split, reserve, ..terms(held, Capture::Automatic) });
        books.does("choose1", 0).unwrap();
        let mut secs = 0;
        let words = words.into_iter().map(|(at, later)| (WORDS[at], later));
        for (word, later) in words.chain([("paid1", 1), ("debit_returned1", 1)]) {
            if later == 0 {
                secs += 20 * DAY;
            }
            let _ = books.does(word, secs);
        }
        let returns = books.booked.iter().filter(|it| it.kind() == Kind::DebitReturn).count();
        let was_paid = matches!(books.order.state, State::Paid { .. });
        prop_assert_eq!(returns, usize::from(was_paid));
        // Of any order nothing waits for ever: not at the channel, nor at the merchant.
        if was_paid {
            for account in ["merchant_pending", "merchant_held", "merchant_frozen", "merchant_reserve"] {
                prop_assert_eq!(books.stands(account), 0, "{} {:#?}", account, books.order);
            }
            let refunded = books.order.refunded().minor();
            prop_assert_eq!(books.stands("channel_receivable"), -refunded);
        }
        let accounts = |it: &Account| matches!(it, Account::MerchantPending(_) | Account::MerchantHeld(_)
            | Account::MerchantFrozen(_) | Account::MerchantReserve(_));
        let waits: i64 = books.booked.iter().flat_map(Entry::postings)
            .filter(|it| accounts(&it.account)).map(|it| it.minor).sum();
        prop_assert!(waits <= 0);
        prop_assert!(books.order.refund(&refund(7)).is_none());
    }
}
