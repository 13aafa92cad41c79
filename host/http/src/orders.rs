//! A merchant's calls over HTTP.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lezai_core::id::OrderId;
use lezai_core::order::{Event, State as OrderState};

use utoipa_axum::routes;

use super::document::codes;
use super::extract::{Query, Segment, asked, no_fields, segment};
use super::signed::{Change, Incoming};
use super::{Calls, Reply};
use lezai_gateway::gateway::Gateway;
use lezai_gateway::idempotency::ApiResponse;
use lezai_gateway::orders;
use lezai_gateway::orders::{charge, refunds};
use lezai_wire::order_request;
use lezai_wire::order_request::{NewCharge, NewOrder};
use lezai_wire::page;
use lezai_wire::page::List;
use lezai_wire::problem::{Code, Problem};
use lezai_wire::views::OrderView;

/// A merchant's calls on orders.
pub(super) fn calls() -> Calls {
    Calls::default()
        .routes(routes!(create, list))
        .routes(routes!(find))
        .routes(routes!(close))
        .routes(routes!(capture))
        .routes(routes!(void))
        .routes(routes!(renew_session))
        .routes(routes!(charge))
}

#[utoipa::path(
    post, path = "/v1/orders", tag = "orders", summary = "Create an order",
    params(super::openapi::Signed, super::openapi::Idempotency),
    request_body = super::openapi::NewOrder,
    responses(
        (status = 201, description = "The order, with its checkout session", body = OrderView),
        super::openapi::Problems,
    ),
    extensions(("x-codes" = json!(codes(&[Code::MerchantOrderIdTaken, Code::MethodUnavailable, Code::LimitExceeded, Code::SplitAmbiguous, Code::ReceiverRemoved, Code::FxQuoteNotFound, Code::FxQuoteUsed, Code::FxQuoteExpired, Code::FxAmountOutOfRange, Code::CurrencyMismatch, Code::RiskDenied, Code::NotifyUrlRefused])))),
)]
pub(super) async fn create(
    State(gateway): State<Arc<Gateway>>,
    incoming: Incoming,
) -> Result<Reply, Reply> {
    let Change { merchant, verified, key } = incoming.change(&gateway)?;
    let order = verified.parse(NewOrder::parse)?;
    Ok(orders::create(&gateway, &merchant, order, key).await?.into())
}

#[utoipa::path(
    get, path = "/v1/orders/{id}", tag = "orders", summary = "Query an order",
    params(super::openapi::Signed, ("id" = String, Path, description = "`ord_…`")),
    responses((status = 200, description = "The order", body = OrderView), super::openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::OrderNotFound])))),
)]
pub(super) async fn find(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    incoming: Incoming,
) -> Result<Json<OrderView>, Reply> {
    let (merchant, _) = incoming.merchant(&gateway)?;
    Ok(Json(orders::find(&gateway, &merchant.record.id, &segment(id)?).await?))
}

#[utoipa::path(
    get, path = "/v1/orders", tag = "orders", summary = "List orders, newest first, or find one by the merchant's own number",
    description = "`merchant_order_id` finds one order or none, and stands alone. Everything else narrows the list.",
    params(super::openapi::Signed, super::openapi::OrdersAsked, super::openapi::PageAsked),
    responses((status = 200, description = "A page of orders", body = List<OrderView>), super::openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::InvalidField, Code::UnknownField])))),
)]
pub(super) async fn list(
    State(gateway): State<Arc<Gateway>>,
    query: Query,
    incoming: Incoming,
) -> Result<Json<List<OrderView>>, Reply> {
    let (merchant, _) = incoming.merchant(&gateway)?;
    let mut asked = asked(query)?;
    if let Some(number) = asked.optional("merchant_order_id", order_request::number)? {
        asked.finish()?;
        let data = orders::find_by_number(&gateway, &merchant.record.id, number).await?;
        return Ok(Json(List::whole(data)));
    }
    let status = asked.optional("status", |text| {
        let status = OrderState::STATUSES.into_iter().find(|it| *it == text);
        status.ok_or_else(|| format!("none of {}", OrderState::STATUSES.join(", ")))
    })?;
    let page = page::parse(&mut asked, OrderId::parse)?;
    asked.finish()?;
    Ok(Json(orders::list(&gateway, &merchant.record.id, status, page).await?))
}

#[utoipa::path(
    post, path = "/v1/orders/{id}/close", tag = "orders", summary = "Close an order that is not paid",
    params(super::openapi::Signed, super::openapi::Idempotency, ("id" = String, Path, description = "`ord_…`")),
    responses((status = 200, description = "The closed order", body = OrderView), super::openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::OrderNotFound, Code::OrderState])))),
)]
pub(super) async fn close(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    incoming: Incoming,
) -> Result<Reply, Reply> {
    Ok(act(&gateway, id, incoming, Event::CloseRequested).await?.into())
}

#[utoipa::path(
    post, path = "/v1/orders/{id}/capture", tag = "orders", summary = "Capture an authorised order, whole or in part, once",
    description = "Without a body, or without `amount`, all of it. What is not captured is released.",
    params(super::openapi::Signed, super::openapi::Idempotency, ("id" = String, Path, description = "`ord_…`")),
    request_body = super::openapi::NewCapture,
    responses((status = 200, description = "The order, `capturing` until the channel has confirmed", body = OrderView), super::openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::OrderNotFound, Code::OrderState, Code::CaptureExceedsAuthorized, Code::CurrencyMismatch])))),
)]
pub(super) async fn capture(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    incoming: Incoming,
) -> Result<Reply, Reply> {
    let Change { merchant, verified, key } = incoming.change(&gateway)?;
    let signed = verified.parse(refunds::parse_capture)?;
    let event = Event::CaptureRequested(*signed.content());
    Ok(orders::act(&gateway, &merchant.record.id, &segment(id)?, event, key).await?.into())
}

#[utoipa::path(
    post, path = "/v1/orders/{id}/void", tag = "orders", summary = "Reverse an authorised or paid order before it is settled",
    params(super::openapi::Signed, super::openapi::Idempotency, ("id" = String, Path, description = "`ord_…`")),
    responses((status = 200, description = "The order, `voiding` until the channel has confirmed", body = OrderView), super::openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::OrderNotFound, Code::OrderState, Code::OrderSettled, Code::OrderRefunded, Code::TooManyVoids])))),
)]
pub(super) async fn void(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    incoming: Incoming,
) -> Result<Reply, Reply> {
    Ok(act(&gateway, id, incoming, Event::VoidRequested).await?.into())
}

#[utoipa::path(
    post, path = "/v1/orders/{id}/session", tag = "orders", summary = "Give an order that is not paid a new checkout session",
    description = "For a shopper whose page is lost. The session before ends; what they began there can still be paid by what they have of it, and counts once.",
    params(super::openapi::Signed, super::openapi::Idempotency, ("id" = String, Path, description = "`ord_…`")),
    responses((status = 201, description = "The order, with its new checkout session and client secret", body = OrderView), super::openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::OrderNotFound, Code::OrderState, Code::OrderExpired, Code::TooManySessions])))),
)]
pub(super) async fn renew_session(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    incoming: Incoming,
) -> Result<Reply, Reply> {
    let Change { merchant, verified, key } = incoming.change(&gateway)?;
    verified.parse(no_fields)?;
    let merchant = &merchant.record.id;
    Ok(orders::renew_session(&gateway, merchant, &segment(id)?, key).await?.into())
}

#[utoipa::path(
    post, path = "/v1/orders/{id}/charge", tag = "orders", summary = "Charge the code that the shopper shows at the counter",
    description = "The order names the method: `wechat_code`, `alipay_code`, `unionpay_code`, or `wallet_code` in the sandbox. While the shopper must still do something the answer is 202; send the same request again, with the same key, until it is 200 or a problem. What is not paid when the order expires is undone.",
    params(super::openapi::Signed, super::openapi::Idempotency, ("id" = String, Path, description = "`ord_…`")),
    request_body = super::openapi::NewCharge,
    responses((status = 200, description = "The order, paid", body = OrderView), (status = 202, description = "The order; the payment is not decided", body = OrderView), super::openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::OrderNotFound, Code::OrderState, Code::OrderExpired, Code::TooManyAttempts, Code::MethodUnavailable, Code::CodeRefused])))),
)]
pub(super) async fn charge(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    incoming: Incoming,
) -> Result<Reply, Reply> {
    let Change { merchant, verified, key } = incoming.change(&gateway)?;
    let charge = verified.parse(NewCharge::parse)?.into_content();
    Ok(charge::charge(&gateway, &merchant.record.id, &segment(id)?, charge.code, key).await?.into())
}

/// A call that takes no fields.
async fn act(
    gateway: &Gateway,
    id: Segment,
    incoming: Incoming,
    event: Event,
) -> Result<ApiResponse, Problem> {
    let Change { merchant, verified, key } = incoming.change(gateway)?;
    verified.parse(no_fields)?;
    orders::act(gateway, &merchant.record.id, &segment(id)?, event, key).await
}
