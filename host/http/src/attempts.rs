//! The operator's call on an order: how it stands, and why each try to pay it went to its channel.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::HeaderMap;
use utoipa_axum::routes;

use super::document::codes;
use super::extract::{Segment, segment};
use super::openapi;
use super::operator::authorize;
use super::{Calls, Reply};
use lezai_gateway::gateway::Gateway;
use lezai_gateway::orders::attempts;
use lezai_gateway::orders::attempts::OperatedOrder;
use lezai_wire::problem::Code;

/// The operator's call on an order.
pub(super) fn calls() -> Calls {
    Calls::default().routes(routes!(operated_order))
}

#[utoipa::path(
    get, path = "/admin/v1/orders/{id}", tag = "operator", summary = "An order, with every try to pay it and why its channel was chosen",
    description = "Whoever's order it is. Each try has the channels that could have been asked, in order, with a reason and the figures that it followed from.",
    params(("id" = String, Path, description = "`ord_…`")),
    responses((status = 200, description = "The order and its attempts", body = OperatedOrder), openapi::Problems), security(("operator" = [])),
    extensions(("x-codes" = json!(codes(&[Code::OrderNotFound])))),
)]
pub(super) async fn operated_order(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    id: Segment,
) -> Result<Json<OperatedOrder>, Reply> {
    authorize(&headers, &gateway)?;
    Ok(Json(attempts::find(&gateway, &segment(id)?).await?))
}
