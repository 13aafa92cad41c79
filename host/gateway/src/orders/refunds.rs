//! A merchant's calls on refunds: give back a payment, whole or in parts, and ask how that stands.
//!
//! That no more goes back than came is the core's to hold, and the commit's: a refund is asked of
//! the channel only after it was taken from what is left, in the commit that its caller waits for.

use lezai_core::id::{MerchantId, OrderId, RefundId};
use lezai_core::money::{Currency, MAX_MINOR, Money};
use lezai_core::order::{Event, OF_REVIEW};

use crate::gateway::{Gateway, not_found};
use crate::idempotency::{ApiResponse, IdempotentRequest};
use crate::orders;
use crate::orders::Change;
use crate::views;
use lezai_store as store;
use lezai_store::OrderRecord;
use lezai_wire::json::{Invalid, Object};
use lezai_wire::order_request::number;
use lezai_wire::problem::{Code, Problem};
use lezai_wire::views::RefundView;

/// A merchant's wish for a refund.
#[derive(Clone, Debug)]
pub struct NewRefund {
    /// The merchant's own number.
    pub merchant_refund_id: String,
    /// The amount that the shopper gets back; more than zero.
    pub amount: Money,
    /// Why, in the merchant's words.
    pub reason: Option<String>,
}

impl NewRefund {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// [`Invalid`], with the field at fault.
    pub fn parse(body: &[u8]) -> Result<Self, Invalid> {
        let mut body = Object::parse(body)?;
        let refund = Self {
            amount: amount(&mut body)?,
            merchant_refund_id: body
                .required("merchant_refund_id", |field| field.parsed(1..=64, own_number))?,
            reason: body.optional("reason", |field| field.shown(1..=200))?,
        };
        body.finish()?;
        Ok(refund)
    }
}

fn own_number(text: &str) -> Result<String, String> {
    match text.starts_with(OF_REVIEW) {
        true => Err(format!("taken: numbers that begin with {OF_REVIEW} are the gateway's own")),
        false => number(text).map_err(|error| error.to_string()),
    }
}

/// Reads what is to be captured: all of it, if the body names no amount.
///
/// # Errors
///
/// [`Invalid`], with the field at fault.
pub fn parse_capture(body: &[u8]) -> Result<Option<Money>, Invalid> {
    if body.is_empty() {
        return Ok(None);
    }
    let mut body = Object::parse(body)?;
    let captured =
        if body.has("amount") || body.has("currency") { Some(amount(&mut body)?) } else { None };
    body.finish()?;
    Ok(captured)
}

fn amount(body: &mut Object) -> Result<Money, Invalid> {
    let minor = body.required("amount", |field| field.integer(1..=MAX_MINOR))?;
    let currency = body.required("currency", |field| field.parsed(3..=3, Currency::from_code))?;
    Money::new(minor, currency).map_err(|error| Invalid {
        kind: lezai_wire::json::Kind::InvalidField,
        field: "amount".to_owned(),
        detail: error.to_string(),
    })
}

/// Refunds a paid order, whole or in part, once for its idempotency key and its number.
///
/// # Errors
///
/// `order_not_found`, `order_state`, `refund_exceeds_available`, `merchant_refund_id_taken`,
/// `currency_mismatch`, `too_many_refunds`.
pub async fn create(
    gateway: &Gateway,
    merchant: &MerchantId,
    order: &str,
    new: NewRefund,
    key: IdempotentRequest,
) -> Result<ApiResponse, Problem> {
    let order = OrderId::parse(order).map_err(|_| not_found())?;
    let id = RefundId::new(gateway.node.clock.now(), gateway.node.entropy.bytes());
    let NewRefund { merchant_refund_id, amount, reason } = new;
    let (number, of) = (merchant_refund_id.clone(), merchant.clone());
    let free = move |tx: &dyn store::Tx| match tx.refund_by_merchant_refund_id(&of, &number)? {
        None => Ok(()),
        Some(first) => Err(Problem::new(
            Code::MerchantRefundIdTaken,
            "query the refund with this number; use another number for another refund",
        )
        .with("field", "merchant_refund_id")
        .with("refund_id", first.to_string())),
    };
    let view = {
        let id = id.clone();
        move |record: &OrderRecord| view(record, &id)
    };
    let event = Event::RefundRequested { id, merchant_refund_id, amount, reason };
    let asked = Change { order, event, status: 201 };
    orders::change(gateway, merchant, key, asked, free, view).await
}

/// The merchant's refund with this id.
///
/// # Errors
///
/// `refund_not_found`.
pub async fn find(
    gateway: &Gateway,
    merchant: &MerchantId,
    id: &str,
) -> Result<RefundView, Problem> {
    let id = RefundId::parse(id).map_err(|_| unknown())?;
    let found = {
        let id = id.clone();
        store::read(&gateway.node.store, move |view| match view.order_of_refund(&id)? {
            Some(order) => view.order(&order),
            None => Ok(None),
        })
        .await?
    };
    let record = found.filter(|it| it.order.terms.merchant == *merchant).ok_or_else(unknown)?;
    view(&record, &id)
}

/// The merchant's refunds with its number: one or none.
///
/// # Errors
///
/// `internal`.
pub async fn find_by_number(
    gateway: &Gateway,
    merchant: &MerchantId,
    number: String,
) -> Result<Vec<RefundView>, Problem> {
    let of = merchant.clone();
    let id = store::read(&gateway.node.store, move |view| {
        view.refund_by_merchant_refund_id(&of, &number)
    })
    .await?;
    match id {
        Some(id) => Ok(vec![find(gateway, merchant, id.as_str()).await?]),
        None => Ok(Vec::new()),
    }
}

/// Every refund of an order, oldest first.
///
/// # Errors
///
/// `order_not_found`.
pub async fn of_order(
    gateway: &Gateway,
    merchant: &MerchantId,
    order: &str,
) -> Result<Vec<RefundView>, Problem> {
    let record = gateway.record(OrderId::parse(order).map_err(|_| not_found())?).await?;
    if record.order.terms.merchant != *merchant {
        return Err(not_found());
    }
    Ok(record.order.refunds.iter().map(|it| views::refund(&record.order, it)).collect())
}

fn view(record: &OrderRecord, id: &RefundId) -> Result<RefundView, Problem> {
    let refund = record.order.refund(id);
    let refund = refund.ok_or_else(|| Problem::internal("the refund is not in its order"))?;
    Ok(views::refund(&record.order, refund))
}

fn unknown() -> Problem {
    Problem::new(Code::RefundNotFound, "there is no such refund among the merchant's")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refund_is_read_strictly() {
        let read = |body: &str| match NewRefund::parse(body.as_bytes()) {
            Ok(it) => format!("{} {} {:?}", it.merchant_refund_id, it.amount, it.reason),
            Err(invalid) => invalid.detail,
        };
        for (body, expected) in [
            (
                r#"{"merchant_refund_id":"R-1","amount":6000,"currency":"CNY","reason":"Broken"}"#,
                "R-1 6000 CNY Some(\"Broken\")",
            ),
            (r#"{"merchant_refund_id":"R-1","amount":6000,"currency":"CNY"}"#, "R-1 6000 CNY None"),
            (r#"{"merchant_refund_id":"R-1","currency":"CNY"}"#, "amount is required"),
            (
                r#"{"merchant_refund_id":"R-1","amount":0,"currency":"CNY"}"#,
                "amount must be a whole number from 1 to 9007199254740991",
            ),
            (
                r#"{"merchant_refund_id":"R 1","amount":1,"currency":"CNY"}"#,
                "merchant_refund_id is not 1 to 64 of A-Z, a-z, 0-9 and _ . : -",
            ),
            (
                r#"{"merchant_refund_id":"R-1","amount":1,"currency":"CNY","all":true}"#,
                "there is no field all",
            ),
        ] {
            assert_eq!(read(body), expected, "{body}");
        }
    }

    #[test]
    fn a_capture_names_an_amount_or_takes_all() {
        let read = |body: &str| match parse_capture(body.as_bytes()) {
            Ok(it) => it.map_or("all".to_owned(), |it| it.to_string()),
            Err(invalid) => invalid.detail,
        };
        for (body, expected) in [
            ("", "all"),
            ("{}", "all"),
            (r#"{"amount":1,"currency":"CNY"}"#, "1 CNY"),
            (r#"{"amount":1}"#, "currency is required"),
            (r#"{"currency":"CNY"}"#, "amount is required"),
            (r#"{"all":true}"#, "there is no field all"),
        ] {
            assert_eq!(read(body), expected, "{body}");
        }
    }
}
