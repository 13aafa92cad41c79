//! A merchant's calls on receivers over HTTP.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lezai_core::id::ReceiverId;

use utoipa_axum::routes;

use super::document::codes;
use super::extract::{Query, Segment, asked, no_fields, segment};
use super::openapi;
use super::signed::{Change, Incoming};
use super::split_shapes;
use super::{Calls, Reply};
use lezai_gateway::funds::receivers::{self, NewReceiver, ReceiverView};
use lezai_gateway::gateway::Gateway;
use lezai_wire::page;
use lezai_wire::page::List;
use lezai_wire::problem::Code;
use lezai_wire::split_request::receiver;

/// A merchant's calls on receivers.
pub(super) fn calls() -> Calls {
    Calls::default().routes(routes!(register, list)).routes(routes!(find)).routes(routes!(remove))
}

#[utoipa::path(
    post, path = "/v1/receivers", tag = "receivers", summary = "Register a receiver: one that orders are shared with",
    description = "Shares name it by `name`, registered or not, and its balance is under that name. Registered it has an id, and a destination that payouts go to; and it can be removed. One that was removed is registered anew under its id.",
    params(openapi::Signed, openapi::Idempotency), request_body = split_shapes::NewReceiver,
    responses((status = 201, description = "The receiver", body = ReceiverView), openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::ReceiverNameTaken])))),
)]
pub(super) async fn register(
    State(gateway): State<Arc<Gateway>>,
    incoming: Incoming,
) -> Result<Reply, Reply> {
    let Change { merchant, verified, key } = incoming.change(&gateway)?;
    let new = verified.parse(NewReceiver::parse)?.into_content();
    Ok(receivers::register(&gateway, &merchant.record.id, new, key).await?.into())
}

#[utoipa::path(
    get, path = "/v1/receivers/{id}", tag = "receivers", summary = "Query a receiver and its balances",
    params(openapi::Signed, ("id" = String, Path, description = "`rcv_…`")),
    responses((status = 200, description = "The receiver", body = ReceiverView), openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::ReceiverNotFound])))),
)]
pub(super) async fn find(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    incoming: Incoming,
) -> Result<Json<ReceiverView>, Reply> {
    let (merchant, _) = incoming.merchant(&gateway)?;
    Ok(Json(receivers::find(&gateway, &merchant.record.id, &segment(id)?).await?))
}

#[utoipa::path(
    get, path = "/v1/receivers", tag = "receivers", summary = "List receivers, newest first, or find one by the merchant's name for it",
    params(openapi::Signed, split_shapes::ReceiversAsked, openapi::PageAsked),
    responses((status = 200, description = "A page", body = List<ReceiverView>), openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::InvalidField, Code::UnknownField])))),
)]
pub(super) async fn list(
    State(gateway): State<Arc<Gateway>>,
    query: Query,
    incoming: Incoming,
) -> Result<Json<List<ReceiverView>>, Reply> {
    let (merchant, _) = incoming.merchant(&gateway)?;
    let mut asked = asked(query)?;
    if let Some(name) = asked.optional("name", receiver)? {
        asked.finish()?;
        let data = receivers::find_by_name(&gateway, &merchant.record.id, name).await?;
        return Ok(Json(List::whole(data)));
    }
    let page = page::parse(&mut asked, ReceiverId::parse)?;
    asked.finish()?;
    Ok(Json(receivers::list(&gateway, &merchant.record.id, page).await?))
}

#[utoipa::path(
    post, path = "/v1/receivers/{id}/remove", tag = "receivers", summary = "Remove a receiver: it gets no new shares and keeps its balance",
    description = "Shares that were agreed before are settled, and what is available to it can still be paid out.",
    params(openapi::Signed, openapi::Idempotency, ("id" = String, Path, description = "`rcv_…`")),
    responses((status = 200, description = "The receiver, `removed`", body = ReceiverView), openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::ReceiverNotFound])))),
)]
pub(super) async fn remove(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    incoming: Incoming,
) -> Result<Reply, Reply> {
    let Change { merchant, verified, key } = incoming.change(&gateway)?;
    verified.parse(no_fields)?;
    Ok(receivers::remove(&gateway, &merchant.record.id, &segment(id)?, key).await?.into())
}
