//! A merchant's calls on mandates and debits over HTTP.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lezai_core::id::MandateId;

use utoipa_axum::routes;

use super::document::codes;
use super::extract::{Query, Segment, asked, no_fields, segment};
use super::mandate_shapes;
use super::openapi;
use super::signed::{Change, Incoming};
use super::{Calls, Reply};
use lezai_gateway::gateway::Gateway;
use lezai_gateway::mandates::MandateView;
use lezai_gateway::orders::debits::{self, NewDebit};
use lezai_gateway::orders::mandates::{self, NewMandate};
use lezai_wire::order_request::number;
use lezai_wire::page;
use lezai_wire::page::List;
use lezai_wire::problem::Code;
use lezai_wire::views::OrderView;

/// A merchant's calls on mandates.
pub(super) fn calls() -> Calls {
    Calls::default()
        .routes(routes!(create_mandate, list_mandates))
        .routes(routes!(find_mandate))
        .routes(routes!(revoke_mandate))
        .routes(routes!(debit))
}

#[utoipa::path(
    post, path = "/v1/mandates", tag = "mandates", summary = "Make a mandate for a shopper to agree to",
    description = "Send the shopper to `authorize_url`. They agree or decline there within a day; a callback says which. Only then it can be debited.",
    params(openapi::Signed, openapi::Idempotency), request_body = mandate_shapes::NewMandate,
    responses((status = 201, description = "The mandate, `pending`", body = MandateView), openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::MerchantMandateIdTaken, Code::MethodUnavailable, Code::ChannelUnavailable])))),
)]
pub(super) async fn create_mandate(
    State(gateway): State<Arc<Gateway>>,
    incoming: Incoming,
) -> Result<Reply, Reply> {
    let Change { merchant, verified, key } = incoming.change(&gateway)?;
    let new = verified.parse(NewMandate::parse)?.into_content();
    Ok(mandates::create(&gateway, &merchant.record.id, new, key).await?.into())
}

#[utoipa::path(
    get, path = "/v1/mandates/{id}", tag = "mandates", summary = "Query a mandate",
    params(openapi::Signed, ("id" = String, Path, description = "`mdt_…`")),
    responses((status = 200, description = "The mandate", body = MandateView), openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::MandateNotFound])))),
)]
pub(super) async fn find_mandate(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    incoming: Incoming,
) -> Result<Json<MandateView>, Reply> {
    let (merchant, _) = incoming.merchant(&gateway)?;
    Ok(Json(mandates::find(&gateway, &merchant.record.id, &segment(id)?).await?))
}

#[utoipa::path(
    get, path = "/v1/mandates", tag = "mandates", summary = "List mandates, newest first, or find one by the merchant's own number",
    params(openapi::Signed, mandate_shapes::MandatesAsked, openapi::PageAsked),
    responses((status = 200, description = "A page", body = List<MandateView>), openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::InvalidField, Code::UnknownField])))),
)]
pub(super) async fn list_mandates(
    State(gateway): State<Arc<Gateway>>,
    query: Query,
    incoming: Incoming,
) -> Result<Json<List<MandateView>>, Reply> {
    let (merchant, _) = incoming.merchant(&gateway)?;
    let mut asked = asked(query)?;
    if let Some(number) = asked.optional("merchant_mandate_id", number)? {
        asked.finish()?;
        let data = mandates::find_by_number(&gateway, &merchant.record.id, number).await?;
        return Ok(Json(List::whole(data)));
    }
    let status = asked.optional("status", mandates::status)?;
    let page = page::parse(&mut asked, MandateId::parse)?;
    asked.finish()?;
    Ok(Json(mandates::list(&gateway, &merchant.record.id, status, page).await?))
}

#[utoipa::path(
    post, path = "/v1/mandates/{id}/revoke", tag = "mandates", summary = "Take a mandate back: it is not debited any more",
    description = "What was debited before stays as it is, and debits that are under way go on.",
    params(openapi::Signed, openapi::Idempotency, ("id" = String, Path, description = "`mdt_…`")),
    responses((status = 200, description = "The mandate, `revoked`", body = MandateView), openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::MandateNotFound, Code::MandateState])))),
)]
pub(super) async fn revoke_mandate(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    incoming: Incoming,
) -> Result<Reply, Reply> {
    let Change { merchant, verified, key } = incoming.change(&gateway)?;
    verified.parse(no_fields)?;
    Ok(mandates::revoke(&gateway, &merchant.record.id, &segment(id)?, key).await?.into())
}

#[utoipa::path(
    post, path = "/v1/mandates/{id}/debits", tag = "mandates", summary = "Debit under a mandate",
    description = "The answer is an order with `scene` `agreement`, `paying`: it is charged without the shopper, and ends `paid` or `closed`. It is refunded as any order. `paid` is not the end: the payer's bank may take the money back weeks later (`debit.returned`).",
    params(openapi::Signed, openapi::Idempotency, ("id" = String, Path, description = "`mdt_…`")),
    request_body = mandate_shapes::NewDebit,
    responses((status = 201, description = "The order", body = OrderView), openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::MandateNotFound, Code::MandateState, Code::DebitAboveMandate, Code::CurrencyMismatch, Code::MerchantOrderIdTaken, Code::LimitExceeded, Code::ReceiverRemoved, Code::SplitAmbiguous, Code::RiskDenied, Code::NotifyUrlRefused])))),
)]
pub(super) async fn debit(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    incoming: Incoming,
) -> Result<Reply, Reply> {
    let Change { merchant, verified, key } = incoming.change(&gateway)?;
    let new = verified.parse(NewDebit::parse)?.into_content();
    Ok(debits::create(&gateway, &merchant, &segment(id)?, new, key).await?.into())
}
