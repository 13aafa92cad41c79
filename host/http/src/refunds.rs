//! A merchant's calls on refunds over HTTP.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use utoipa_axum::routes;

use super::document::codes;
use super::extract::{Query, Segment, asked, segment};
use super::signed::{Change, Incoming};
use super::{Calls, Reply};
use lezai_gateway::gateway::Gateway;
use lezai_gateway::orders::refunds;
use lezai_gateway::orders::refunds::NewRefund;
use lezai_wire::order_request::number;
use lezai_wire::page::List;
use lezai_wire::problem::{Code, Problem};
use lezai_wire::views::RefundView;

/// A merchant's calls on refunds.
pub(super) fn calls() -> Calls {
    Calls::default().routes(routes!(create, of_order)).routes(routes!(find)).routes(routes!(list))
}

#[utoipa::path(
    post, path = "/v1/orders/{id}/refunds", tag = "refunds", summary = "Refund a paid order, whole or in part",
    description = "The answer says that the refund was taken on; a callback says how it ended.",
    params(super::openapi::Signed, super::openapi::Idempotency, ("id" = String, Path, description = "`ord_…`")),
    request_body = super::openapi::NewRefund,
    responses((status = 201, description = "The refund, `pending`", body = RefundView), super::openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::OrderNotFound, Code::OrderState, Code::MerchantRefundIdTaken, Code::RefundExceedsAvailable, Code::CurrencyMismatch, Code::TooManyRefunds])))),
)]
pub(super) async fn create(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    incoming: Incoming,
) -> Result<Reply, Reply> {
    let Change { merchant, verified, key } = incoming.change(&gateway)?;
    let refund = verified.parse(NewRefund::parse)?;
    let id = segment(id)?;
    Ok(refunds::create(&gateway, &merchant.record.id, &id, refund.into_content(), key)
        .await?
        .into())
}

#[utoipa::path(
    get, path = "/v1/orders/{id}/refunds", tag = "refunds", summary = "Every refund of an order",
    params(super::openapi::Signed, ("id" = String, Path, description = "`ord_…`")),
    responses((status = 200, description = "At most 50, oldest first", body = List<RefundView>), super::openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::OrderNotFound])))),
)]
pub(super) async fn of_order(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    incoming: Incoming,
) -> Result<Json<List<RefundView>>, Reply> {
    let (merchant, _) = incoming.merchant(&gateway)?;
    let data = refunds::of_order(&gateway, &merchant.record.id, &segment(id)?).await?;
    Ok(Json(List::whole(data)))
}

#[utoipa::path(
    get, path = "/v1/refunds/{id}", tag = "refunds", summary = "Query a refund",
    params(super::openapi::Signed, ("id" = String, Path, description = "`rfd_…`")),
    responses((status = 200, description = "The refund", body = RefundView), super::openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::RefundNotFound])))),
)]
pub(super) async fn find(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    incoming: Incoming,
) -> Result<Json<RefundView>, Reply> {
    let (merchant, _) = incoming.merchant(&gateway)?;
    Ok(Json(refunds::find(&gateway, &merchant.record.id, &segment(id)?).await?))
}

#[utoipa::path(
    get, path = "/v1/refunds", tag = "refunds", summary = "Query a refund by the merchant's own number",
    params(super::openapi::Signed, super::openapi::RefundsAsked),
    responses((status = 200, description = "One refund or none", body = List<RefundView>), super::openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::MissingField, Code::InvalidField, Code::UnknownField])))),
)]
pub(super) async fn list(
    State(gateway): State<Arc<Gateway>>,
    query: Query,
    incoming: Incoming,
) -> Result<Json<List<RefundView>>, Reply> {
    let (merchant, _) = incoming.merchant(&gateway)?;
    let mut asked = asked(query)?;
    let number = asked.optional("merchant_refund_id", number)?;
    asked.finish()?;
    let number = number.ok_or_else(|| {
        let detail = "ask as /v1/refunds?merchant_refund_id=…, or /v1/orders/{id}/refunds for all of an order";
        Problem::new(Code::MissingField, detail).with("field", "merchant_refund_id")
    })?;
    let data = refunds::find_by_number(&gateway, &merchant.record.id, number).await?;
    Ok(Json(List::whole(data)))
}
