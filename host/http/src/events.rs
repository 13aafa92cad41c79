//! A merchant's calls on events over HTTP.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lezai_core::id::{EventId, OrderId};

use lezai_wire::problem::Code;
use utoipa_axum::routes;

use super::document::codes;
use super::extract::{Query, Segment, asked, no_fields, segment};
use super::signed::{Change, Incoming};
use super::{Calls, Reply};
use lezai_gateway::callbacks::receiver_test::Report;
use lezai_gateway::events;
use lezai_gateway::events::{Range, StoredEvent};
use lezai_gateway::gateway::Gateway;
use lezai_store::Page;
use lezai_store::events::EventQuery;
use lezai_wire::json::Object;
use lezai_wire::order_request;
use lezai_wire::page;
use lezai_wire::page::List;

/// A merchant's calls on events.
pub(super) fn calls() -> Calls {
    Calls::default()
        .routes(routes!(list))
        .routes(routes!(find))
        .routes(routes!(redeliver))
        .routes(routes!(redeliver_range))
        .routes(routes!(test))
}

#[utoipa::path(
    get, path = "/v1/events", tag = "events", summary = "What the merchant was told, oldest first",
    description = "Who keeps the last id it has seen and asks for those after it misses nothing, whatever became of the callbacks.",
    params(super::openapi::Signed, super::openapi::EventsAsked, super::openapi::PageAsked),
    responses((status = 200, description = "A page", body = List<StoredEvent>), super::openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::InvalidField, Code::UnknownField, Code::EventNotFound])))),
)]
pub(super) async fn list(
    State(gateway): State<Arc<Gateway>>,
    query: Query,
    incoming: Incoming,
) -> Result<Json<List<StoredEvent>>, Reply> {
    let (merchant, _) = incoming.merchant(&gateway)?;
    let mut asked = asked(query)?;
    let event_type = asked.optional("type", events::checked_type)?;
    let order = asked.optional("order_id", OrderId::parse)?;
    let Page { limit, after, from, to } = page::parse(&mut asked, EventId::parse)?;
    asked.finish()?;
    let merchant = merchant.record.id.clone();
    let query = EventQuery { merchant, after, event_type, order, from, to, limit };
    Ok(Json(events::list(&gateway.node, query).await?))
}

#[utoipa::path(
    get, path = "/v1/events/{id}", tag = "events", summary = "An event, with the tries to deliver it",
    params(super::openapi::Signed, ("id" = String, Path, description = "`evt_…`")),
    responses((status = 200, description = "The event", body = StoredEvent), super::openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::EventNotFound])))),
)]
pub(super) async fn find(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    incoming: Incoming,
) -> Result<Json<StoredEvent>, Reply> {
    let (merchant, _) = incoming.merchant(&gateway)?;
    Ok(Json(events::find(&gateway.node, &merchant.record.id, &segment(id)?).await?))
}

#[utoipa::path(
    post, path = "/v1/events/{id}/redeliver", tag = "events", summary = "Tell an event again",
    description = "At once, and then by the schedule; the callback has the same id and the same body.",
    params(super::openapi::Signed, super::openapi::Idempotency, ("id" = String, Path, description = "`evt_…`")),
    responses((status = 202, description = "The event, `waiting`", body = StoredEvent), super::openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::EventNotFound, Code::EventNotSent])))),
)]
pub(super) async fn redeliver(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    incoming: Incoming,
) -> Result<Reply, Reply> {
    let Change { merchant, verified, key } = incoming.change(&gateway)?;
    verified.parse(no_fields)?;
    Ok(events::redeliver(&gateway.node, &merchant.record.id, &segment(id)?, key).await?.into())
}

#[utoipa::path(
    post, path = "/v1/events/redeliver", tag = "events", summary = "Tell every event of a range again",
    description = "At most 500; if there are more, none is told.",
    params(super::openapi::Signed, super::openapi::Idempotency), request_body = super::openapi::EventRange,
    responses((status = 202, description = "How many", body = super::openapi::Redelivery), super::openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::TooManyEvents])))),
)]
pub(super) async fn redeliver_range(
    State(gateway): State<Arc<Gateway>>,
    incoming: Incoming,
) -> Result<Reply, Reply> {
    let Change { merchant, verified, key } = incoming.change(&gateway)?;
    let request = verified.parse(Range::parse)?;
    let range = request.content().clone();
    Ok(events::redeliver_range(&gateway.node, &merchant.record.id, range, key).await?.into())
}

#[utoipa::path(
    post, path = "/v1/events/test", tag = "events", summary = "Try the merchant's receiver",
    description = "Sends three callbacks of type `endpoint.test` at once: a good one, a forged one, and the good one again.",
    params(super::openapi::Signed, super::openapi::Idempotency), request_body = super::openapi::EchoTest,
    responses((status = 200, description = "What the receiver did with each", body = Report), super::openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::NotifyUrlRefused])))),
)]
pub(super) async fn test(
    State(gateway): State<Arc<Gateway>>,
    incoming: Incoming,
) -> Result<Reply, Reply> {
    let Change { merchant, verified, key } = incoming.change(&gateway)?;
    let request = verified.parse(|body| {
        let mut body = Object::parse(if body.is_empty() { b"{}" } else { body })?;
        let url = body.optional("notify_url", order_request::url)?;
        body.finish()?;
        Ok::<_, lezai_wire::json::Invalid>(url)
    })?;
    Ok(gateway.callbacks.test_receiver(&merchant, request.into_content(), key).await?.into())
}
