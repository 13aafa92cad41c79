//! Reviews: the operator lists the orders that risk control wants looked at, and approves or refuses
//! them. What comes of that is the core's to decide, and one commit keeps it.

use lezai_core::id::{OrderId, RefundId};
use lezai_core::order::{Event, Review, ReviewVerdict};
use serde::Serialize;
use utoipa::ToSchema;

use crate::gateway;
use crate::gateway::Gateway;
use crate::idempotency::{ApiResponse, IdempotentRequest};
use crate::views;
use lezai_store as store;
use lezai_store::{OrderRecord, Page};
use lezai_wire::json::{Invalid, Object};
use lezai_wire::page::List;
use lezai_wire::problem::{Code, Problem};
use lezai_wire::time::rfc3339;
use lezai_wire::views::OrderView;

const VERDICTS: [(&str, ReviewVerdict); 2] =
    [("approve", ReviewVerdict::Approved), ("refuse", ReviewVerdict::Refused)];
/// The person who decides: whoever has the operator's token.
const OPERATOR: &str = "operator";

/// How the operator decides, and why.
#[derive(Clone, Debug)]
pub struct Decision {
    /// How.
    pub verdict: ReviewVerdict,
    /// Why; the merchant reads it.
    pub reason: String,
}

impl Decision {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// [`Invalid`], with the field at fault.
    pub fn parse(body: &[u8]) -> Result<Self, Invalid> {
        let mut body = Object::parse(body)?;
        let decision = Self {
            verdict: body.required("verdict", |field| field.one_of(&VERDICTS))?,
            reason: body.required("reason", |field| field.text(1..=200))?,
        };
        body.finish()?;
        Ok(decision)
    }
}

/// An order and its review, as the operator reads them.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReviewedOrder {
    /// Always `review`.
    pub object: &'static str,
    /// `ord_…`
    pub order_id: String,
    /// Whose order it is.
    pub merchant: String,
    /// Every decision on it, oldest first: refusals that came to nothing, and the one that counts.
    pub decisions: Vec<ReviewDecision>,
    /// The order; `decision.reasons` says why it is held, `review` how the review stands.
    pub order: OrderView,
}

/// A decision on an order that is held.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReviewDecision {
    /// `approved` or `refused`.
    pub verdict: &'static str,
    /// Why.
    pub reason: String,
    /// The person who decided: `operator`, whoever has the token.
    pub by: String,
    /// RFC 3339.
    pub at: String,
}

/// Approves or refuses an order, once for its idempotency key.
///
/// # Errors
///
/// `order_not_found`, `order_state`, `order_not_held`, `review_closed`, `too_many_refunds`,
/// `too_many_voids`.
pub async fn decide(
    gateway: &Gateway,
    order: &str,
    decision: Decision,
    key: IdempotentRequest,
) -> Result<ApiResponse, Problem> {
    let order = OrderId::parse(order).map_err(|_| not_found())?;
    let now = gateway.node.clock.now();
    let Decision { verdict, reason } = decision;
    let refund = RefundId::new(now, gateway.node.entropy.bytes());
    let event = Event::Reviewed { verdict, reason, by: OPERATOR.to_owned(), refund };
    let key = key.on(&gateway.record(order.clone()).await?.order.terms.merchant);
    let done = key.commit(&gateway.node, move |tx| {
        if tx.order(&order)?.is_none() {
            return Err(not_found());
        }
        let record = gateway::apply(tx, &order, event, now)?;
        Ok((ApiResponse::json(200, &view(&record))?, record))
    });
    Ok(gateway.announce(done.await?))
}

/// A page of the orders that wait for a review, newest first.
///
/// # Errors
///
/// `internal`.
pub async fn open(gateway: &Gateway, page: Page<OrderId>) -> Result<List<ReviewedOrder>, Problem> {
    let limit = page.limit;
    let found = store::read(&gateway.node.store, move |view| view.open_reviews(&page)).await?;
    let found = found.iter().map(view).collect();
    Ok(List::new(found, limit, |it: &ReviewedOrder| it.order_id.clone()))
}

fn view(record: &OrderRecord) -> ReviewedOrder {
    let order = &record.order;
    let decision = |it: &Review| ReviewDecision {
        verdict: it.verdict.as_str(),
        reason: it.reason.clone(),
        by: it.by.clone(),
        at: rfc3339(it.at),
    };
    ReviewedOrder {
        object: "review",
        order_id: order.terms.id.to_string(),
        merchant: order.terms.merchant.to_string(),
        decisions: order.reviews.iter().map(decision).collect(),
        order: views::order(record),
    }
}

fn not_found() -> Problem {
    Problem::new(Code::OrderNotFound, "there is no such order")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_is_read_strictly() {
        let read = |body: &str| match Decision::parse(body.as_bytes()) {
            Ok(it) => format!("{} {}", it.verdict, it.reason),
            Err(invalid) => invalid.field,
        };
        for (body, expected) in [
            (r#"{"verdict":"approve","reason":"Known buyer"}"#, "approved Known buyer"),
            (r#"{"verdict":"refuse","reason":"Stolen card"}"#, "refused Stolen card"),
            (r#"{"verdict":"approved","reason":"x"}"#, "verdict"),
            (r#"{"reason":"x"}"#, "verdict"),
            (r#"{"verdict":"approve"}"#, "reason"),
            (r#"{"verdict":"approve","reason":""}"#, "reason"),
            (r#"{"verdict":"approve","reason":"x","by":"me"}"#, "by"),
        ] {
            assert_eq!(read(body), expected, "{body}");
        }
    }
}
