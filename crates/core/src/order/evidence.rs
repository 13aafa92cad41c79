//! Evidence of a payment that an order learned of by a channel's bill.

use serde::{Deserialize, Serialize};

use crate::id::{AttemptId, DifferenceId};

/// The line of a channel's bill by which an order learned of a payment, when nothing else had told it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The payment.
    pub attempt: AttemptId,
    /// The difference that the line made.
    pub difference: DifferenceId,
    /// SHA-256 over both sides of it, in hex.
    pub line: String,
}

#[cfg(test)]
mod tests {
    use super::super::tests::{START, attempt, check, cny, event, terms};
    use super::super::{Capture, Event, Order, step};
    use super::*;

    fn by_bill(minor: i64) -> Event {
        let evidence = Evidence {
            attempt: attempt(1),
            difference: DifferenceId::new(START, [7; 10]),
            line: "ab".to_owned(),
        };
        Event::PaidByBill { evidence, amount: cny(minor), channel_ref: "c-1".to_owned() }
    }

    /// An order with one attempt, after some events.
    fn after(words: &[&str]) -> Order {
        let created = Order::create(terms(false, Capture::Automatic)).unwrap().order;
        words.iter().fold(created, |it, word| step(it, event(word), START).unwrap().order)
    }

    #[test]
    fn what_a_bill_tells_is_booked_as_any_payment_once_and_with_its_line() {
        for before in [&["choose1"][..], &["choose1", "declined1"], &["choose1", "close"]] {
            let usual = step(after(before), event("paid1"), START).unwrap();
            let late = step(after(before), by_bill(12_800), START).unwrap();
            assert_eq!((&late.entry, &late.effects), (&usual.entry, &usual.effects), "{before:?}");
            check(&after(before), &late, &mut Vec::new());
            assert_eq!(late.order.evidence[0].line, "ab");
            let without = Order { evidence: Vec::new(), ..late.order.clone() };
            assert_eq!(without, usual.order, "{before:?}");
            let again = step(late.order.clone(), by_bill(12_800), START).unwrap();
            assert_eq!((again.order, again.entry), (late.order, None));
            // Heard before in another way: nothing is booked, so there is nothing to prove.
            let known = step(usual.order.clone(), by_bill(12_800), START).unwrap();
            assert_eq!(known.order, usual.order);
        }
    }
}
