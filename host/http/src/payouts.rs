//! Payouts over HTTP: the merchant's calls, and the operator's.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::HeaderMap;
use lezai_core::id::PayoutId;

use lezai_wire::problem::Code;
use utoipa_axum::routes;

use super::document::codes;
use super::extract::{Query, Segment, asked, no_fields, segment};
use super::openapi;
use super::operator::authorize;
use super::reviews::ReviewRequest;
use super::signed::{Change, Incoming};
use super::{Calls, Reply};
use lezai_gateway::funds::payouts::{self, Decision, NewPayout, OperatorPayout};
use lezai_gateway::funds::views::PayoutView;
use lezai_gateway::gateway::Gateway;
use lezai_wire::order_request::number;
use lezai_wire::page;
use lezai_wire::page::List;

/// A merchant's calls on payouts.
pub(super) fn calls() -> Calls {
    Calls::default().routes(routes!(create, list)).routes(routes!(find)).routes(routes!(cancel))
}

/// The operator's calls on payouts.
pub(super) fn operator_calls() -> Calls {
    Calls::default()
        .routes(routes!(of_status))
        .routes(routes!(decide_payout))
        .routes(routes!(resume_payout))
}

#[utoipa::path(
    post, path = "/v1/payouts", tag = "payouts", summary = "Pay out what is available",
    description = "The amount and its fee are taken from the available balance at once; a callback says how it ended. `paid` is not the end: a bank may return the money days later, and then it is available again.",
    params(openapi::Signed, openapi::Idempotency), request_body = openapi::NewPayout,
    responses((status = 201, description = "The payout", body = PayoutView), openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::MerchantPayoutIdTaken, Code::ReceiverNotFound, Code::InsufficientFunds, Code::PayoutLimitExceeded, Code::PayoutNotAgreed])))),
)]
pub(super) async fn create(
    State(gateway): State<Arc<Gateway>>,
    incoming: Incoming,
) -> Result<Reply, Reply> {
    let Change { merchant, verified, key } = incoming.change(&gateway)?;
    let payout = verified.parse(NewPayout::parse)?.into_content();
    Ok(payouts::create(&gateway, &merchant.record.id, payout, key).await?.into())
}

#[utoipa::path(
    get, path = "/v1/payouts/{id}", tag = "payouts", summary = "Query a payout",
    params(openapi::Signed, ("id" = String, Path, description = "`po_…`")),
    responses((status = 200, description = "The payout", body = PayoutView), openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::PayoutNotFound])))),
)]
pub(super) async fn find(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    incoming: Incoming,
) -> Result<Json<PayoutView>, Reply> {
    let (merchant, _) = incoming.merchant(&gateway)?;
    Ok(Json(payouts::find(&gateway, &merchant.record.id, &segment(id)?).await?))
}

#[utoipa::path(
    get, path = "/v1/payouts", tag = "payouts", summary = "List payouts, newest first, or find one by the merchant's own number",
    params(openapi::Signed, openapi::PayoutsAsked, openapi::PageAsked),
    responses((status = 200, description = "A page", body = List<PayoutView>), openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::InvalidField, Code::UnknownField])))),
)]
pub(super) async fn list(
    State(gateway): State<Arc<Gateway>>,
    query: Query,
    incoming: Incoming,
) -> Result<Json<List<PayoutView>>, Reply> {
    let (merchant, _) = incoming.merchant(&gateway)?;
    let mut asked = asked(query)?;
    if let Some(number) = asked.optional("merchant_payout_id", number)? {
        asked.finish()?;
        let data = payouts::find_by_number(&gateway, &merchant.record.id, number).await?;
        return Ok(Json(List::whole(data)));
    }
    let status = asked.optional("status", payouts::status)?;
    let page = page::parse(&mut asked, PayoutId::parse)?;
    asked.finish()?;
    Ok(Json(payouts::list(&gateway, &merchant.record.id, status, page).await?))
}

#[utoipa::path(
    post, path = "/v1/payouts/{id}/cancel", tag = "payouts", summary = "Call off a payout that was not sent",
    params(openapi::Signed, openapi::Idempotency, ("id" = String, Path, description = "`po_…`")),
    responses((status = 200, description = "The payout, `cancelled`", body = PayoutView), openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::PayoutNotFound, Code::PayoutState])))),
)]
pub(super) async fn cancel(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    incoming: Incoming,
) -> Result<Reply, Reply> {
    let Change { merchant, verified, key } = incoming.change(&gateway)?;
    verified.parse(no_fields)?;
    Ok(payouts::cancel(&gateway, &merchant.record.id, &segment(id)?, key).await?.into())
}

#[utoipa::path(
    get, path = "/admin/v1/payouts", tag = "operator", summary = "Payouts of one status, newest first",
    description = "Those that wait for approval are those that are decided on one by one: what waits of a batch is decided on with its batch.",
    params(openapi::OperatorPayoutsAsked, openapi::PageAsked),
    responses((status = 200, description = "A page", body = List<OperatorPayout>), openapi::Problems), security(("operator" = [])),
    extensions(("x-codes" = json!(codes(&[Code::InvalidField, Code::UnknownField])))),
)]
pub(super) async fn of_status(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    query: Query,
) -> Result<Json<List<OperatorPayout>>, Reply> {
    authorize(&headers, &gateway)?;
    let mut asked = asked(query)?;
    let status = asked.optional("status", payouts::status)?;
    let page = page::parse(&mut asked, PayoutId::parse)?;
    asked.finish()?;
    Ok(Json(payouts::of_status(&gateway, status, page).await?))
}

#[utoipa::path(
    post, path = "/admin/v1/payouts/{id}/decision", tag = "operator", summary = "Approve or refuse a payout that needs it",
    params(openapi::OperatorIdempotency, ("id" = String, Path, description = "`po_…`")),
    request_body = openapi::NewReview,
    responses((status = 200, description = "The payout", body = OperatorPayout), openapi::Problems), security(("operator" = [])),
    extensions(("x-codes" = json!(codes(&[Code::IdempotencyKeyMissing, Code::IdempotencyKeyInvalid, Code::IdempotencyKeyReused, Code::RequestInProgress, Code::PayoutNotFound, Code::PayoutState, Code::PayoutDecided])))),
)]
pub(super) async fn decide_payout(
    State(gateway): State<Arc<Gateway>>,
    asked: ReviewRequest,
) -> Result<Reply, Reply> {
    let decision = Decision::parse(&asked.body)?;
    Ok(payouts::decide(&gateway, &asked.order, decision, asked.key).await?.into())
}

#[utoipa::path(
    post, path = "/admin/v1/payouts/{id}/resume", tag = "operator", summary = "Ask the channel again about a payout that it was silent on",
    description = "Its number stays the same, so asking again is never a second payout.",
    params(openapi::OperatorIdempotency, ("id" = String, Path, description = "`po_…`")),
    responses((status = 200, description = "The payout", body = OperatorPayout), openapi::Problems), security(("operator" = [])),
    extensions(("x-codes" = json!(codes(&[Code::IdempotencyKeyMissing, Code::IdempotencyKeyInvalid, Code::IdempotencyKeyReused, Code::RequestInProgress, Code::PayoutNotFound])))),
)]
pub(super) async fn resume_payout(
    State(gateway): State<Arc<Gateway>>,
    asked: ReviewRequest,
) -> Result<Reply, Reply> {
    no_fields(&asked.body)?;
    Ok(payouts::resume(&gateway, &asked.order, asked.key).await?.into())
}
