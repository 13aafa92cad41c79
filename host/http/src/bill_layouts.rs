//! Layouts of bills that the operator writes, over HTTP.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use http::HeaderMap;
use lezai_gateway::gateway::Gateway;
use lezai_gateway::reconciliation::layouts::{self, LAYOUT_BYTES_MAX};
use lezai_gateway::reconciliation::views::LayoutView;
use lezai_wire::page::List;
use lezai_wire::problem::Code;
use utoipa_axum::routes;

use super::document::codes;
use super::extract::{Segment, segment};
use super::openapi;
use super::operator::authorize;
use super::signed::read_body;
use super::{Calls, Reply};

/// The operator's calls on layouts of bills.
pub(super) fn calls() -> Calls {
    Calls::default().routes(routes!(put_layout)).routes(routes!(list_layouts))
}

#[utoipa::path(
    put, path = "/admin/v1/bill_layouts/{name}", tag = "operator", summary = "Put a layout of bills",
    description = "The mapping of a CSV of another kind, as docs/reconciliation.md describes it: bills that no known layout fits are read by it from then on. The same bytes once more change nothing; other bytes are another edition. What was read by the one before names that one.",
    params(("name" = String, Path, description = "The layout's own name: 1 to 64 of `a-z`, `0-9`, `_`, `.` and `-`")),
    request_body(content = Object, content_type = "application/json"),
    responses((status = 200, description = "The layout", body = LayoutView), openapi::Problems), security(("operator" = [])),
    extensions(("x-codes" = json!(codes(&[Code::InvalidField, Code::NotJson])))),
)]
pub(super) async fn put_layout(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    name: Segment,
    request: Request,
) -> Result<Json<LayoutView>, Reply> {
    authorize(&headers, &gateway)?;
    let bytes = read_body(request, LAYOUT_BYTES_MAX).await?;
    Ok(Json(layouts::put(&gateway, &segment(name)?, &bytes).await?))
}

#[utoipa::path(
    get, path = "/admin/v1/bill_layouts", tag = "operator", summary = "The operator's layouts of bills, by name",
    responses((status = 200, description = "The last edition of each", body = List<LayoutView>), openapi::Problems), security(("operator" = [])),
)]
pub(super) async fn list_layouts(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
) -> Result<Json<List<LayoutView>>, Reply> {
    authorize(&headers, &gateway)?;
    Ok(Json(layouts::list(&gateway).await?))
}
