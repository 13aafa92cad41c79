//! Random walks: through the life of one order, and through those of many orders of one merchant whose
//! ledger names debts. Whatever happens in whichever order, what `tests::check` says of a step holds,
//! nothing stays held for ever, and no account that is available is overdrawn.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::Index;

use super::tests::{START, check, cny, event, refund, terms};
use super::*;
use crate::ledger::{Account, without_debts};
use crate::policy::Share;

/// The events that may be tried with an order at any time; one that it does not allow changes nothing.
pub(super) const WORDS: [&str; 30] = [
    "choose1",
    "choose2",
    "authorized1",
    "paid1",
    "paid2",
    "paid1:6000",
    "capture",
    "capture:6000",
    "capture_failed1",
    "declined1",
    "cancelled1",
    "returned1",
    "void",
    "void_failed1",
    "void_failed2",
    "void_failed3",
    "release",
    "refund1:6000",
    "refund2:6800",
    "refund3:1",
    "refund4:5999",
    "refunded1",
    "refunded2",
    "refund_failed1",
    "refund_failed2",
    "refund_failed3",
    "settle",
    "approve5",
    "refuse6",
    "refuse7",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn a_review_ends_whatever_happened(
        manual in any::<bool>(),
        words in proptest::collection::vec((0..WORDS.len(), 0..50_u8), 0..40),
    ) {
        let capture = if manual { Capture::Manual } else { Capture::Automatic };
        let mut order = Order::create(terms(true, capture)).unwrap().order;
        let (mut booked, mut now) = (Vec::new(), START);
        let start = if manual { "choose1 authorized1" } else { "choose1 paid1" };
        let words = words.into_iter().map(|(at, later)| (WORDS[at], later));
        for (word, later) in start.split(' ').map(|word| (word, 1)).chain(words) {
            if later == 0 {
                now = now.plus_secs(SETTLEMENT_SECS);
            }
            let Ok(after) = step(order.clone(), event(word), now) else { continue };
            check(&order, &after, &mut booked);
            let told = |notice: &Notice| {
                after.effects.iter().filter(|it| **it == Effect::Notify(notice.clone())).count()
            };
            let (opens, closes) =
                (!order.under_review() && after.order.under_review(), order.under_review() && !after.order.under_review());
            prop_assert_eq!(told(&Notice::ReviewOpened), usize::from(opens));
            prop_assert_eq!(told(&Notice::ReviewClosed), usize::from(closes));
            order = after.order;
        }
        // An order under review can be decided on, but for the moment in which a capture is under way.
        for word in ["approve8", "refuse8"] {
            if !order.under_review() || (word == "refuse8" && matches!(order.state, State::Capturing { .. })) {
                continue;
            }
            let after = step(order.clone(), event(word), now).unwrap();
            check(&order, &after, &mut booked.clone());
            prop_assert!(!after.order.under_review());
            // The same once more changes nothing.
            let again = step(after.order.clone(), event(word), now).unwrap();
            prop_assert_eq!(again.order, after.order);
            prop_assert!(again.entry.is_none() && again.effects.is_empty());
        }
        if order.under_review() {
            order = step(order, event("approve8"), now).unwrap().order;
        }
        if let State::Paid { captured, .. } = &order.state {
            let later = captured.at.plus_secs(SETTLEMENT_SECS);
            let refunded = order.refundable().minor() == 0;
            let after = step(order.clone(), Event::SettlementDue, later).unwrap();
            let settled = matches!(after.order.state, State::Paid { settled: Some(_), .. });
            prop_assert!(settled || refunded, "{:#?}", order);
        }
    }
}

/// An action on some of the merchant's orders.
#[derive(Clone, Debug)]
enum Deed {
    Pay { amount: i64, fee: u16, shares: [u16; 3], bearer: u8 },
    Settle(Index),
    Refund(Index, u16),
    Ends(Index, bool),
}

fn deed() -> impl Strategy<Value = Deed> {
    let amount = prop_oneof![1..200_i64, 1..1_000_000_i64];
    prop_oneof![
        2 => (amount, 0..=1000_u16, any::<[u16; 3]>(), 0..5_u8)
            .prop_map(|(amount, fee, shares, bearer)| Deed::Pay { amount, fee, shares, bearer }),
        2 => any::<Index>().prop_map(Deed::Settle),
        4 => (any::<Index>(), 1..1200_u16).prop_map(|(of, part)| Deed::Refund(of, part)),
        3 => (any::<Index>(), any::<bool>()).prop_map(|(of, good)| Deed::Ends(of, good)),
    ]
}

/// A merchant's orders and the ledger that they make, as the host books it.
#[derive(Default)]
struct Books {
    orders: Vec<Order>,
    booked: Vec<Vec<Entry>>,
    balances: BTreeMap<Account, i64>,
}

impl Books {
    fn pay(&mut self, amount: i64, fee: u16, shares: [u16; 3], bearer: u8, backwards: bool) {
        let fee = amount * i64::from(fee) / 4000;
        let mut left = amount - fee;
        let mut agreed = Vec::new();
        for (name, part) in ["a", "b", "c"].into_iter().zip(shares) {
            let part = left * i64::from(part) / i64::from(u16::MAX);
            if part > 0 {
                agreed.push(Share { receiver: name.to_owned(), amount: cny(part) });
                left -= part;
            }
        }
        if backwards {
            agreed.reverse();
        }
        let bearer = match bearer {
            0 => RefundBearer::Merchant,
            1 | 2 => RefundBearer::ProRata,
            n => RefundBearer::Receiver(["b", "c"][usize::from(n) - 3].to_owned()),
        };
        let refund_bearer = if bearer.is_one_of(&agreed) { bearer } else { RefundBearer::ProRata };
        let terms = Terms {
            amount: cny(amount),
            fee: cny(fee),
            fee_basis: crate::funds::pricing::FeeBasis::default(),
            shares: agreed,
            refund_bearer,
            ..terms(false, Capture::Automatic)
        };
        self.orders.push(Order::create(terms).unwrap().order);
        self.booked.push(Vec::new());
        let nth = self.orders.len() - 1;
        self.happens(nth, event("choose1"), START);
        self.happens(nth, event(&format!("paid1:{amount}")), START);
    }

    /// An event that is refused changes nothing.
    fn happens(&mut self, nth: usize, event: Event, now: Timestamp) {
        let Ok(Step { order, entry, .. }) = step(self.orders[nth].clone(), event, now) else {
            return;
        };
        self.orders[nth] = order;
        let Some(entry) = entry else { return };
        let stood = self.balances.clone();
        let entry = entry.with_debts(|it, _| stood.get(it).copied().unwrap_or_default()).unwrap();
        for it in entry.postings() {
            *self.balances.entry(it.account.clone()).or_default() += it.minor;
        }
        self.booked[nth].push(entry);
    }

    fn does(&mut self, deed: &Deed, backwards: bool) {
        let later = START.plus_secs(SETTLEMENT_SECS);
        let orders = self.orders.len();
        match deed {
            Deed::Pay { amount, fee, shares, bearer } => {
                self.pay(*amount, *fee, *shares, *bearer, backwards);
            }
            _ if orders == 0 => {}
            Deed::Settle(of) => self.happens(of.index(orders), Event::SettlementDue, later),
            Deed::Refund(of, part) => {
                let nth = of.index(orders);
                let order = &self.orders[nth];
                let id = refund(u8::try_from(order.refunds.len() + 1).unwrap());
                let part = order.terms.amount.minor() * i64::from(*part) / 1000;
                let amount = cny(part.clamp(1, order.refundable().minor().max(1)));
                let merchant_refund_id = id.to_string();
                let asked = Event::RefundRequested { id, merchant_refund_id, amount, reason: None };
                self.happens(nth, asked, later);
            }
            Deed::Ends(of, good) => {
                let nth = of.index(orders);
                let mut refunds = self.orders[nth].refunds.iter();
                let Some(it) = refunds.find(|it| it.state == RefundState::Pending) else { return };
                let id = it.id.clone();
                let ended = match good {
                    true => Event::RefundSucceeded(id),
                    false => Event::RefundFailed { refund: id, code: "no".to_owned() },
                };
                self.happens(nth, ended, later);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// Some 10^5 entries.
    #[test]
    fn nobody_is_overdrawn_and_every_unit_is_somebodys(
        deeds in proptest::collection::vec(deed(), 1..60),
    ) {
        let (mut books, mut mirrored) = (Books::default(), Books::default());
        for deed in &deeds {
            books.does(deed, false);
            mirrored.does(deed, true);
            prop_assert_eq!(books.balances.values().sum::<i64>(), 0);
            for (account, minor) in &books.balances {
                match account {
                    Account::ChannelReceivable(_) => prop_assert!(*minor >= 0),
                    Account::MerchantOwes(_) | Account::ReceiverOwes(..) => {
                        prop_assert!(*minor >= 0, "{} {}", account, minor);
                    }
                    _ => prop_assert!(*minor <= 0, "{} {}", account, minor),
                }
                if let Some(debts) = account.debts() {
                    let owed = books.balances.get(&debts).copied().unwrap_or_default();
                    prop_assert!(*minor == 0 || owed == 0, "{} {} and owes {}", account, minor, owed);
                }
            }
        }
        // The order of the receivers is nothing.
        prop_assert_eq!(&books.balances, &mirrored.balances);
        for (order, booked) in books.orders.iter().zip(&books.booked) {
            // The entries booked are those that the order calls for, but for who owes.
            let mut called_for: Vec<_> =
                order.entries().unwrap().iter().map(|it| (it.kind(), without_debts(it.postings()))).collect();
            let mut booked: Vec<_> =
                booked.iter().map(|it| (it.kind(), without_debts(it.postings()))).collect();
            called_for.sort();
            booked.sort();
            prop_assert_eq!(called_for, booked);
            // Of what was settled nobody bears more than its part, and of all of it just that.
            let State::Paid { settled: Some(settled), .. } = &order.state else { continue };
            if order.terms.refund_bearer != RefundBearer::ProRata {
                continue;
            }
            for share in &settled.shares {
                let counts = |it: &&Refund| !matches!(it.state, RefundState::Failed { .. });
                let borne = order.refunds.iter().filter(counts).flat_map(|it| &it.shares);
                let borne: i64 = borne.filter(|it| it.receiver == share.receiver).map(|it| it.amount.minor()).sum();
                prop_assert!(borne <= share.amount.minor());
                prop_assert!(order.refundable().minor() > 0 || borne == share.amount.minor());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100_000))]

    #[test]
    fn parts_are_the_whole_and_nearest_to_the_weights(
        weights in proptest::collection::vec(prop_oneof![Just(0), 1..50_i64, 1..1_000_000_000_i64], 1..17),
        amount in prop_oneof![0..100_i64, 0..=i64::MAX],
    ) {
        let whole: i64 = weights.iter().sum();
        let amount = if whole == 0 { 0 } else { amount };
        let of: Vec<Money> = weights.iter().map(|it| cny(*it)).collect();
        let parts = cny(amount).apportioned(&of).unwrap();
        prop_assert_eq!(parts.iter().map(|it| i128::from(it.minor())).sum::<i128>(), i128::from(amount));
        for (part, weight) in parts.iter().zip(&weights) {
            if whole == 0 {
                continue;
            }
            let off = i128::from(part.minor()) * i128::from(whole) - i128::from(amount) * i128::from(*weight);
            prop_assert!(off.abs() < i128::from(whole), "a unit off or more");
            prop_assert!(amount > whole || part.minor() <= *weight);
        }
    }
}
