//! An order as the shop knows it, and what a verified callback does to it. Pure: no I/O.

use lezai_core::money::Money;
use serde::{Serialize, Serializer};

use lezai_client::callback::{Callback, CallbackOrder};

/// Where an order stands, for the shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    /// Waiting to be paid.
    New,
    /// Paid: the shop may send the goods.
    Paid,
    /// Never to be paid.
    Closed,
}

impl Status {
    pub(super) const ALL: [Self; 3] = [Self::New, Self::Paid, Self::Closed];

    /// As the page and the database name it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Paid => "paid",
            Self::Closed => "closed",
        }
    }
}

/// An order of the shop's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Order {
    /// The shop's own number: the gateway's `merchant_order_id`.
    #[serde(rename = "shop_order")]
    pub(super) number: String,
    /// The product that was bought.
    pub(super) product: String,
    /// Its price.
    #[serde(flatten, serialize_with = "flat")]
    pub(super) amount: Money,
    /// Where it stands.
    pub(super) status: Status,
    /// The gateway's number, once the gateway told it.
    pub(super) gateway_order: Option<String>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) paid_at: Option<String>,
    /// How many events were verified, each counted once.
    pub(super) callbacks: u32,
    /// The newest event that was noted.
    #[serde(skip)]
    pub(super) sequence: u32,
}

/// The outcome of a verified callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Accepted {
    /// The order, as it is now.
    Noted(Order),
    /// The event was noted before.
    Before,
    /// The shop has no such order.
    NotOurs,
}

/// The gateway signed it, and yet it does not fit what the shop knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Mismatch {
    /// Another order of the gateway's carries the shop's number.
    #[error("the callback is about another order with the same number")]
    Order,
    /// The amount paid is not the price of the goods.
    #[error("the callback's amount or currency is not the order's")]
    Amount,
    /// The event's type and the order in it disagree.
    #[error("the callback's type does not fit the status of its order")]
    Status,
}

/// The order after a verified event about it. Its `callbacks` are the store's to count.
///
/// Events may arrive in any order: an older one changes nothing, and what is paid stays paid.
pub(super) fn noted(order: &Order, callback: &Callback) -> Result<Order, Mismatch> {
    let Some(told) = &callback.data.order else { return Ok(order.clone()) };
    let CallbackOrder { id, status, amount, currency, paid_at, .. } = told;
    if order.gateway_order.as_ref().is_some_and(|known| known != id) {
        return Err(Mismatch::Order);
    }
    if *amount != order.amount.minor() || currency != order.amount.currency().code() {
        return Err(Mismatch::Amount);
    }
    let is_newer = callback.sequence > order.sequence;
    let noted = Order {
        gateway_order: Some(id.clone()),
        sequence: order.sequence.max(callback.sequence),
        ..order.clone()
    };
    match (callback.event_type.as_str(), status.as_str()) {
        ("order.paid", "paid") => {
            Ok(Order { status: Status::Paid, paid_at: paid_at.clone(), ..noted })
        }
        ("order.closed", "closed") if is_newer && order.status == Status::New => {
            Ok(Order { status: Status::Closed, ..noted })
        }
        ("order.paid", _) => Err(Mismatch::Status),
        ("order.closed", status) if status != "closed" => Err(Mismatch::Status),
        // A decline leaves the order open; a type that the shop does not know is not its business.
        _ => Ok(noted),
    }
}

fn flat<S: Serializer>(amount: &Money, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Flat {
        amount: i64,
        currency: &'static str,
    }
    Flat { amount: amount.minor(), currency: amount.currency().code() }.serialize(serializer)
}

#[cfg(test)]
mod tests {
    use lezai_core::money::Currency;

    use super::*;

    fn order() -> Order {
        Order {
            number: "S-1".to_owned(),
            product: "jasmine-tea".to_owned(),
            amount: Money::new(12800, Currency::from_code("CNY").unwrap()).unwrap(),
            status: Status::New,
            gateway_order: Some("ord_1".to_owned()),
            paid_at: None,
            callbacks: 0,
            sequence: 0,
        }
    }

    /// Notes events such as `2 order.paid paid` one after the other; another order id, amount or
    /// currency may follow.
    fn check(events: &[&str], expected: &str) {
        let mut order = order();
        for event in events {
            let mut words = event.split(' ');
            let mut word = |usual: &str| words.next().unwrap_or(usual).to_owned();
            let callback: Callback = serde_json::from_value(serde_json::json!({
                "sequence": word("1").parse::<u32>().unwrap(), "type": word(""), "id": "evt_1", "data": { "order": {
                    "status": word(""), "id": word("ord_1"), "amount": word("12800").parse::<i64>().unwrap(),
                    "currency": word("CNY"), "merchant_order_id": "S-1", "paid_at": "2026-11-18T11:06:40.042Z", "fee": 77,
                }},
            }))
            .unwrap();
            match noted(&order, &callback) {
                Ok(noted) => order = noted,
                Err(mismatch) => return assert_eq!(mismatch.to_string(), expected, "{events:?}"),
            }
        }
        assert_eq!(format!("{} {}", order.status.as_str(), order.sequence), expected, "{events:?}");
    }

    #[test]
    fn events_are_noted_in_whatever_order_they_come() {
        check(&["1 order.paid paid"], "paid 1");
        check(&["1 payment.declined created"], "new 1");
        check(&["1 payment.declined created", "2 order.paid paid"], "paid 2");
        check(&["2 order.paid paid", "1 payment.declined created"], "paid 2");
        check(&["1 order.closed closed"], "closed 1");
        check(&["2 order.paid paid", "1 order.closed closed"], "paid 2");
        check(&["1 order.paid paid", "2 order.closed closed"], "paid 2");
        check(&["2 payment.declined created", "1 order.closed closed"], "new 2");
        check(&["1 order.refunded paid"], "new 1");
    }

    #[test]
    fn what_does_not_fit_the_order_pays_nothing() {
        check(
            &["1 order.paid paid ord_2"],
            "the callback is about another order with the same number",
        );
        check(
            &["1 order.paid paid ord_1 12799"],
            "the callback's amount or currency is not the order's",
        );
        check(
            &["1 order.paid paid ord_1 12800 JPY"],
            "the callback's amount or currency is not the order's",
        );
        check(
            &["1 order.paid created"],
            "the callback's type does not fit the status of its order",
        );
        check(&["1 order.closed paid"], "the callback's type does not fit the status of its order");
    }

    #[test]
    fn an_order_is_written_as_the_page_reads_it() {
        assert_eq!(
            serde_json::to_value(order()).unwrap(),
            serde_json::json!({
                "shop_order": "S-1", "product": "jasmine-tea", "amount": 12800, "currency": "CNY", "status": "new",
                "gateway_order": "ord_1", "callbacks": 0,
            })
        );
    }
}
