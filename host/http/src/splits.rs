//! A merchant's calls on splits over HTTP.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use utoipa_axum::routes;

use super::document::codes;
use super::extract::{Segment, no_fields, segment};
use super::openapi;
use super::signed::{Change, Incoming};
use super::split_shapes;
use super::{Calls, Reply};
use lezai_gateway::gateway::Gateway;
use lezai_gateway::orders::splits;
use lezai_wire::page::List;
use lezai_wire::problem::Code;
use lezai_wire::split_request::{NewReturn, NewSplit};
use lezai_wire::views::{OrderView, SplitReturnView, SplitView};

/// A merchant's calls on splits.
pub(super) fn calls() -> Calls {
    Calls::default()
        .routes(routes!(create, of_order))
        .routes(routes!(finish))
        .routes(routes!(give_back))
}

#[utoipa::path(
    post, path = "/v1/orders/{id}/splits", tag = "splits", summary = "Split a settled order among receivers",
    description = "Of an order that was created with `split` `later`. Each share is available to its receiver at once. `all_or_nothing` refuses a split of which a share cannot be; `partial` books those that can be, in their order, and marks the others `failed`. `finish` lets the merchant have what is left, unless a share failed.",
    params(openapi::Signed, openapi::Idempotency, ("id" = String, Path, description = "`ord_…`")),
    request_body = split_shapes::NewSplit,
    responses((status = 201, description = "The split", body = SplitView), openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::OrderNotFound, Code::SplitState, Code::PaidDirectly, Code::SplitExceedsAvailable, Code::ReceiverRemoved, Code::MerchantSplitIdTaken, Code::TooManySplits])))),
)]
pub(super) async fn create(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    incoming: Incoming,
) -> Result<Reply, Reply> {
    let Change { merchant, verified, key } = incoming.change(&gateway)?;
    let split = verified.parse(NewSplit::parse)?.into_content();
    Ok(splits::create(&gateway, &merchant.record.id, &segment(id)?, split, key).await?.into())
}

#[utoipa::path(
    get, path = "/v1/orders/{id}/splits", tag = "splits", summary = "Every split of an order, with what was given back of it",
    params(openapi::Signed, ("id" = String, Path, description = "`ord_…`")),
    responses((status = 200, description = "At most 50, oldest first", body = List<SplitView>), openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::OrderNotFound])))),
)]
pub(super) async fn of_order(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    incoming: Incoming,
) -> Result<Json<List<SplitView>>, Reply> {
    let (merchant, _) = incoming.merchant(&gateway)?;
    let data = splits::of_order(&gateway, &merchant.record.id, &segment(id)?).await?;
    Ok(Json(List::whole(data)))
}

#[utoipa::path(
    post, path = "/v1/orders/{id}/splits/finish", tag = "splits", summary = "End an order's splitting: what is left is the merchant's to take out",
    description = "It ends by itself 30 days after the settlement. Once it has ended the order cannot be split any more; receivers can still give back.",
    params(openapi::Signed, openapi::Idempotency, ("id" = String, Path, description = "`ord_…`")),
    responses((status = 200, description = "The order", body = OrderView), openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::OrderNotFound, Code::SplitState, Code::PaidDirectly])))),
)]
pub(super) async fn finish(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    incoming: Incoming,
) -> Result<Reply, Reply> {
    let Change { merchant, verified, key } = incoming.change(&gateway)?;
    verified.parse(no_fields)?;
    Ok(splits::finish(&gateway, &merchant.record.id, &segment(id)?, key).await?.into())
}

#[utoipa::path(
    post, path = "/v1/splits/{id}/returns", tag = "splits", summary = "Take a share back from its receiver, whole or in part",
    description = "From what is available to the receiver: back to what can be split, or to the merchant once the splitting has ended. If the receiver has not as much, the return is `failed` with `balance_short` and nothing moves; a new try is a new number.",
    params(openapi::Signed, openapi::Idempotency, ("id" = String, Path, description = "`spl_…`")),
    request_body = split_shapes::NewReturn,
    responses((status = 201, description = "The return, `succeeded` or `failed`", body = SplitReturnView), openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::SplitNotFound, Code::ReturnExceedsSplit, Code::MerchantReturnIdTaken, Code::TooManyReturns])))),
)]
pub(super) async fn give_back(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    incoming: Incoming,
) -> Result<Reply, Reply> {
    let Change { merchant, verified, key } = incoming.change(&gateway)?;
    let wish = verified.parse(NewReturn::parse)?.into_content();
    Ok(splits::give_back(&gateway, &merchant.record.id, &segment(id)?, wish, key).await?.into())
}
