//! A merchant's calls over HTTP.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use lezai_core::id::OrderId;
use lezai_core::order::{Event, State as OrderState};

use super::signed::Incoming;
use crate::gateway::Gateway;
use crate::idempotency::Answer;
use crate::json::{Invalid, Object};
use crate::order_request::{self, NewOrder};
use crate::orders;
use crate::page::{Asked, List, Page};
use crate::problem::{Code, Problem};
use crate::refunds;
use crate::views::OrderView;

/// The query of a list as it came.
pub(super) type Query =
    Result<axum::extract::Query<Vec<(String, String)>>, axum::extract::rejection::QueryRejection>;

#[utoipa::path(
    post, path = "/v1/orders", tag = "orders", summary = "Create an order",
    params(super::openapi::Signed, super::openapi::Idempotency),
    request_body = super::openapi::NewOrder,
    responses(
        (status = 201, description = "The order, with its checkout session", body = OrderView),
        super::openapi::Problems,
    ),
)]
pub(super) async fn create(
    State(gateway): State<Arc<Gateway>>,
    incoming: Incoming,
) -> Result<impl IntoResponse, Problem> {
    let (merchant, verified) = incoming.merchant(&gateway)?;
    let key = incoming.repeatable(&gateway, merchant.record.id.as_str())?;
    let order = verified.parse(NewOrder::parse)?;
    orders::create(&gateway, &merchant, order, key).await
}

#[utoipa::path(
    get, path = "/v1/orders/{id}", tag = "orders", summary = "Query an order",
    params(super::openapi::Signed, ("id" = String, Path, description = "`ord_…`")),
    responses((status = 200, description = "The order", body = OrderView), super::openapi::Problems),
)]
pub(super) async fn find(
    State(gateway): State<Arc<Gateway>>,
    id: Result<Path<String>, axum::extract::rejection::PathRejection>,
    incoming: Incoming,
) -> Result<Json<OrderView>, Problem> {
    let (merchant, _) = incoming.merchant(&gateway)?;
    Ok(Json(orders::find(&gateway, &merchant.record.id, &segment(id)?).await?))
}

#[utoipa::path(
    get, path = "/v1/orders", tag = "orders", summary = "List orders, newest first, or find one by the merchant's own number",
    description = "`merchant_order_id` finds one order or none, and stands alone. Everything else narrows the list.",
    params(super::openapi::Signed, super::openapi::OrdersAsked, super::openapi::PageAsked),
    responses((status = 200, description = "A page of orders", body = List<OrderView>), super::openapi::Problems),
)]
pub(super) async fn list(
    State(gateway): State<Arc<Gateway>>,
    query: Query,
    incoming: Incoming,
) -> Result<Json<List<OrderView>>, Problem> {
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
    let page = Page::parse(&mut asked, OrderId::parse)?;
    asked.finish()?;
    Ok(Json(orders::list(&gateway, &merchant.record.id, status, page).await?))
}

#[utoipa::path(
    post, path = "/v1/orders/{id}/close", tag = "orders", summary = "Close an order that is not paid",
    params(super::openapi::Signed, super::openapi::Idempotency, ("id" = String, Path, description = "`ord_…`")),
    responses((status = 200, description = "The closed order", body = OrderView), super::openapi::Problems),
)]
pub(super) async fn close(
    State(gateway): State<Arc<Gateway>>,
    id: Result<Path<String>, axum::extract::rejection::PathRejection>,
    incoming: Incoming,
) -> Result<impl IntoResponse, Problem> {
    act(&gateway, id, incoming, Event::CloseRequested).await
}

#[utoipa::path(
    post, path = "/v1/orders/{id}/capture", tag = "orders", summary = "Capture an authorised order, whole or in part, once",
    description = "Without a body, or without `amount`, all of it. What is not captured is released.",
    params(super::openapi::Signed, super::openapi::Idempotency, ("id" = String, Path, description = "`ord_…`")),
    request_body = super::openapi::NewCapture,
    responses((status = 200, description = "The order, `capturing` until the channel has confirmed", body = OrderView), super::openapi::Problems),
)]
pub(super) async fn capture(
    State(gateway): State<Arc<Gateway>>,
    id: Result<Path<String>, axum::extract::rejection::PathRejection>,
    incoming: Incoming,
) -> Result<impl IntoResponse, Problem> {
    let (merchant, verified) = incoming.merchant(&gateway)?;
    let key = incoming.repeatable(&gateway, merchant.record.id.as_str())?;
    let signed = verified.parse(refunds::parse_capture)?;
    let event = Event::CaptureRequested(*signed.content());
    orders::act(&gateway, &merchant.record.id, &segment(id)?, event, (&signed).into(), key).await
}

#[utoipa::path(
    post, path = "/v1/orders/{id}/void", tag = "orders", summary = "Reverse an authorised or paid order before it is settled",
    params(super::openapi::Signed, super::openapi::Idempotency, ("id" = String, Path, description = "`ord_…`")),
    responses((status = 200, description = "The order, `voiding` until the channel has confirmed", body = OrderView), super::openapi::Problems),
)]
pub(super) async fn void(
    State(gateway): State<Arc<Gateway>>,
    id: Result<Path<String>, axum::extract::rejection::PathRejection>,
    incoming: Incoming,
) -> Result<impl IntoResponse, Problem> {
    act(&gateway, id, incoming, Event::VoidRequested).await
}

#[utoipa::path(
    post, path = "/v1/orders/{id}/session", tag = "orders", summary = "Give an order that is not paid a new checkout session",
    description = "For a shopper whose page is lost. The session before ends; what she began there can still be paid by what she has of it, and counts once.",
    params(super::openapi::Signed, super::openapi::Idempotency, ("id" = String, Path, description = "`ord_…`")),
    responses((status = 201, description = "The order, with its new checkout session and client secret", body = OrderView), super::openapi::Problems),
)]
pub(super) async fn renew_session(
    State(gateway): State<Arc<Gateway>>,
    id: Result<Path<String>, axum::extract::rejection::PathRejection>,
    incoming: Incoming,
) -> Result<impl IntoResponse, Problem> {
    let (merchant, verified) = incoming.merchant(&gateway)?;
    let key = incoming.repeatable(&gateway, merchant.record.id.as_str())?;
    let signed = verified.parse(no_fields)?;
    let merchant = &merchant.record.id;
    orders::renew_session(&gateway, merchant, &segment(id)?, (&signed).into(), key).await
}

/// A call that takes no fields.
async fn act(
    gateway: &Gateway,
    id: Result<Path<String>, axum::extract::rejection::PathRejection>,
    incoming: Incoming,
    event: Event,
) -> Result<Answer, Problem> {
    let (merchant, verified) = incoming.merchant(gateway)?;
    let key = incoming.repeatable(gateway, merchant.record.id.as_str())?;
    let signed = verified.parse(no_fields)?;
    orders::act(gateway, &merchant.record.id, &segment(id)?, event, (&signed).into(), key).await
}

/// No body, or an empty object.
pub(super) fn no_fields(body: &[u8]) -> Result<(), Invalid> {
    if body.is_empty() { Ok(()) } else { Object::parse(body)?.finish() }
}

/// What a query asks for.
pub(super) fn asked(query: Query) -> Result<Asked, Problem> {
    query
        .map(|axum::extract::Query(query)| Asked::new(query))
        .map_err(|rejected| Problem::new(Code::InvalidField, rejected.body_text()))
}

/// A part of the path. What does not decode is nobody's id.
pub(super) fn segment(
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
) -> Result<String, Problem> {
    path.map(|Path(id)| id)
        .map_err(|_| Problem::new(Code::NotFound, "the path has a part that is no UTF-8"))
}
