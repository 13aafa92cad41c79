//! Batches of payouts over HTTP: the merchant's calls, and the operator's.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::HeaderMap;
use lezai_core::id::{PayoutBatchId, PayoutId};

use lezai_wire::problem::Code;
use utoipa_axum::routes;

use super::document::codes;
use super::extract::{Query, Segment, asked, segment};
use super::openapi;
use super::operator::authorize;
use super::payout_shapes;
use super::reviews::ReviewRequest;
use super::signed::{Change, Incoming, LargeIncoming};
use super::{Calls, Reply};
use lezai_gateway::funds::payout_batches::{self, NewPayoutBatch, OperatorPayoutBatch};
use lezai_gateway::funds::payouts::{self, Decision, OperatorPayout};
use lezai_gateway::funds::views::{PayoutBatchView, PayoutView};
use lezai_gateway::gateway::Gateway;
use lezai_wire::order_request::number;
use lezai_wire::page;
use lezai_wire::page::List;

/// A merchant's calls on batches of payouts.
pub(super) fn calls() -> Calls {
    Calls::default()
        .routes(routes!(create_batch, list_batches))
        .routes(routes!(find_batch))
        .routes(routes!(payouts_of_batch))
}

/// The operator's calls on batches of payouts.
pub(super) fn operator_calls() -> Calls {
    Calls::default()
        .routes(routes!(batches_that_wait))
        .routes(routes!(payouts_for_operator))
        .routes(routes!(decide_batch))
}

#[utoipa::path(
    post, path = "/v1/payout_batches", tag = "payouts", summary = "Pay out to up to a thousand recipients at once",
    description = "All of it is accepted in one commit, or nothing is: `field` names the item at fault. Each item is a payout with its own events; `payout_batch.closed` says that all have ended. If a single payout of the whole sum would need approval, the batch does. A body may have 1 MiB.",
    params(openapi::Signed, openapi::Idempotency), request_body = payout_shapes::NewPayoutBatch,
    responses((status = 201, description = "The batch", body = PayoutBatchView), openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::PayoutBatchTotals, Code::MerchantPayoutBatchIdTaken, Code::MerchantPayoutIdTaken, Code::ReceiverNotFound, Code::InsufficientFunds, Code::PayoutLimitExceeded, Code::PayoutNotAgreed])))),
)]
pub(super) async fn create_batch(
    State(gateway): State<Arc<Gateway>>,
    LargeIncoming(incoming): LargeIncoming,
) -> Result<Reply, Reply> {
    let Change { merchant, verified, key } = incoming.change(&gateway)?;
    let batch = verified.parse(NewPayoutBatch::parse)?.into_content();
    Ok(payout_batches::create(&gateway, &merchant.record.id, batch, key).await?.into())
}

#[utoipa::path(
    get, path = "/v1/payout_batches/{id}", tag = "payouts", summary = "Query a batch: how much of it is in which state",
    params(openapi::Signed, ("id" = String, Path, description = "`pob_…`")),
    responses((status = 200, description = "The batch", body = PayoutBatchView), openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::PayoutBatchNotFound])))),
)]
pub(super) async fn find_batch(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    incoming: Incoming,
) -> Result<Json<PayoutBatchView>, Reply> {
    let (merchant, _) = incoming.merchant(&gateway)?;
    Ok(Json(payout_batches::find(&gateway, &merchant.record.id, &segment(id)?).await?))
}

#[utoipa::path(
    get, path = "/v1/payout_batches", tag = "payouts", summary = "List batches of payouts, newest first, or find one by the merchant's own number",
    params(openapi::Signed, payout_shapes::PayoutBatchesAsked, openapi::PageAsked),
    responses((status = 200, description = "A page", body = List<PayoutBatchView>), openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::InvalidField, Code::UnknownField])))),
)]
pub(super) async fn list_batches(
    State(gateway): State<Arc<Gateway>>,
    query: Query,
    incoming: Incoming,
) -> Result<Json<List<PayoutBatchView>>, Reply> {
    let (merchant, _) = incoming.merchant(&gateway)?;
    let mut asked = asked(query)?;
    if let Some(number) = asked.optional("merchant_payout_batch_id", number)? {
        asked.finish()?;
        let data = payout_batches::find_by_number(&gateway, &merchant.record.id, number).await?;
        return Ok(Json(List::whole(data)));
    }
    let page = page::parse(&mut asked, PayoutBatchId::parse)?;
    asked.finish()?;
    Ok(Json(payout_batches::list(&gateway, &merchant.record.id, page).await?))
}

#[utoipa::path(
    get, path = "/v1/payout_batches/{id}/payouts", tag = "payouts", summary = "List the payouts of a batch, the last item first",
    params(openapi::Signed, ("id" = String, Path, description = "`pob_…`"), payout_shapes::PayoutsOfBatchAsked, openapi::PageAsked),
    responses((status = 200, description = "A page", body = List<PayoutView>), openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::PayoutBatchNotFound, Code::InvalidField, Code::UnknownField])))),
)]
pub(super) async fn payouts_of_batch(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    query: Query,
    incoming: Incoming,
) -> Result<Json<List<PayoutView>>, Reply> {
    let (merchant, _) = incoming.merchant(&gateway)?;
    let mut asked = asked(query)?;
    let status = asked.optional("status", payouts::status)?;
    let page = page::parse(&mut asked, PayoutId::parse)?;
    asked.finish()?;
    let (merchant, id) = (&merchant.record.id, segment(id)?);
    Ok(Json(payout_batches::payouts(&gateway, merchant, &id, status, page).await?))
}

#[utoipa::path(
    get, path = "/admin/v1/payout_batches", tag = "operator", summary = "The batches of payouts that wait for approval, newest first",
    params(openapi::PageAsked),
    responses((status = 200, description = "A page", body = List<OperatorPayoutBatch>), openapi::Problems), security(("operator" = [])),
    extensions(("x-codes" = json!(codes(&[Code::InvalidField, Code::UnknownField])))),
)]
pub(super) async fn batches_that_wait(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    query: Query,
) -> Result<Json<List<OperatorPayoutBatch>>, Reply> {
    authorize(&headers, &gateway)?;
    let mut asked = asked(query)?;
    let page = page::parse(&mut asked, PayoutBatchId::parse)?;
    asked.finish()?;
    Ok(Json(payout_batches::that_wait(&gateway, page).await?))
}

#[utoipa::path(
    get, path = "/admin/v1/payout_batches/{id}/payouts", tag = "operator", summary = "The payouts of a batch, the last item first",
    params(("id" = String, Path, description = "`pob_…`"), payout_shapes::PayoutsOfBatchAsked, openapi::PageAsked),
    responses((status = 200, description = "A page", body = List<OperatorPayout>), openapi::Problems), security(("operator" = [])),
    extensions(("x-codes" = json!(codes(&[Code::PayoutBatchNotFound, Code::InvalidField, Code::UnknownField])))),
)]
pub(super) async fn payouts_for_operator(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    headers: HeaderMap,
    query: Query,
) -> Result<Json<List<OperatorPayout>>, Reply> {
    authorize(&headers, &gateway)?;
    let mut asked = asked(query)?;
    let status = asked.optional("status", payouts::status)?;
    let page = page::parse(&mut asked, PayoutId::parse)?;
    asked.finish()?;
    let id = segment(id)?;
    Ok(Json(payout_batches::payouts_for_operator(&gateway, &id, status, page).await?))
}

#[utoipa::path(
    post, path = "/admin/v1/payout_batches/{id}/decision", tag = "operator", summary = "Approve or refuse a batch of payouts that needs it",
    description = "One word for all of its payouts that wait. What its merchant called off before stays called off.",
    params(openapi::OperatorIdempotency, ("id" = String, Path, description = "`pob_…`")),
    request_body = openapi::NewReview,
    responses((status = 200, description = "The batch", body = OperatorPayoutBatch), openapi::Problems), security(("operator" = [])),
    extensions(("x-codes" = json!(codes(&[Code::IdempotencyKeyMissing, Code::IdempotencyKeyInvalid, Code::IdempotencyKeyReused, Code::RequestInProgress, Code::PayoutBatchNotFound, Code::PayoutState, Code::PayoutDecided])))),
)]
pub(super) async fn decide_batch(
    State(gateway): State<Arc<Gateway>>,
    asked: ReviewRequest,
) -> Result<Reply, Reply> {
    let decision = Decision::parse(&asked.body)?;
    Ok(payout_batches::decide(&gateway, &asked.order, decision, asked.key).await?.into())
}
