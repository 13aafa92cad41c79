//! Channels' bills and reconciliations over HTTP: the operator's calls.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use http::HeaderMap;
use lezai_core::funds::bill::BillKind;
use lezai_core::funds::date::Date;
use lezai_core::id::{DifferenceId, ReconciliationId};

use utoipa_axum::routes;

use super::document::{RESOLVING, codes};
use super::extract::{Query, Segment, asked, segment};
use super::openapi;
use super::operator::authorize;
use super::reviews::ReviewRequest;
use super::signed::{MAX_BODY, read_body};
use super::{Calls, Reply};
use lezai_gateway::gateway::Gateway;
use lezai_gateway::reconciliation::bills::{self, PUT};
use lezai_gateway::reconciliation::views::{BillView, DifferenceView, ReconciliationView};
use lezai_gateway::reconciliation::{BILL_BYTES_MAX, resolving, runs};
use lezai_store::bills::DifferenceQuery;
use lezai_wire::json::{Field, Invalid, Object};
use lezai_wire::page;
use lezai_wire::page::List;
use lezai_wire::problem::{Code, Problem};

type Segments = Result<Path<(String, String)>, axum::extract::rejection::PathRejection>;

/// The operator's calls on bills and reconciliations.
pub(super) fn calls() -> Calls {
    Calls::default()
        .routes(routes!(put_bill))
        .routes(routes!(list_bills))
        .routes(routes!(reconcile, list_reconciliations))
        .routes(routes!(find_reconciliation))
        .routes(routes!(list_differences))
        .routes(routes!(find_difference))
        .routes(routes!(assign_difference))
        .routes(routes!(resolve_difference))
        .routes(routes!(approve_difference))
}

#[utoipa::path(
    put, path = "/admin/v1/bills/{channel}/{date}", tag = "operator", summary = "Put a channel's bill of a day",
    description = "The file as it was downloaded, unpacked. It is read whole first: of one that is refused nothing counts. The same bytes once more change nothing; other bytes are another edition.",
    params(
        ("channel" = String, Path, description = "Such as `wechat`"), ("date" = String, Path, description = "Such as `2026-11-18`"),
        ("kind" = Option<String>, Query, description = "`trades`, if absent: payments and refunds; `funds`: every movement of the account; `bank`: the statement of the bank account that the channel pays to"),
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, description = "The bill", body = BillView), openapi::Problems), security(("operator" = [])),
    extensions(("x-codes" = json!(codes(&[Code::BillRefused, Code::UnknownField])))),
)]
pub(super) async fn put_bill(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    segments: Segments,
    query: Query,
    request: Request,
) -> Result<Json<BillView>, Reply> {
    authorize(&headers, &gateway)?;
    let Path((channel, date)) = segments
        .map_err(|_| Problem::new(Code::NotFound, "the path has a part that is no UTF-8"))?;
    let day = day(&date).map_err(|why| {
        Problem::new(Code::InvalidField, format!("date {why}")).with("field", "date")
    })?;
    let mut asked = asked(query)?;
    let kind = asked
        .optional("kind", |text| BillKind::parse(text).ok_or("none of trades, funds and bank"))?;
    asked.finish()?;
    let bytes = read_body(request, BILL_BYTES_MAX).await?.into();
    let kind = kind.unwrap_or_default();
    Ok(Json(bills::put(&gateway, &channel, kind, day, bytes, PUT).await?))
}

#[utoipa::path(
    get, path = "/admin/v1/bills", tag = "operator", summary = "The latest bills of all channels, newest day first",
    responses((status = 200, description = "At most a hundred", body = List<BillView>), openapi::Problems), security(("operator" = [])),
)]
pub(super) async fn list_bills(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
) -> Result<Json<List<BillView>>, Reply> {
    authorize(&headers, &gateway)?;
    Ok(Json(bills::list(&gateway).await?))
}

#[utoipa::path(
    post, path = "/admin/v1/reconciliations", tag = "operator", summary = "Reconcile a channel's day",
    description = "Holds the latest edition of the day's bill of trades against what the ledger booked on that day, and the bill of funds, if there is one, against the bill of trades, and the bank's statement, if there is one, against the bill of funds. A run of the same bills is the one that there is, bit for bit, so repeating the call is safe.",
    request_body = openapi::NewReconciliation,
    responses((status = 200, description = "The run", body = ReconciliationView), openapi::Problems), security(("operator" = [])),
    extensions(("x-codes" = json!(codes(&[Code::BillNotFound, Code::BillRefused])))),
)]
pub(super) async fn reconcile(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    request: Request,
) -> Result<Json<ReconciliationView>, Reply> {
    authorize(&headers, &gateway)?;
    let mut body = Object::parse(&read_body(request, MAX_BODY).await?)?;
    let channel = body.required("channel", |field| field.text(1..=32))?;
    let day = body.required("date", date)?;
    body.finish()?;
    Ok(Json(runs::run(&gateway, &channel, day).await?))
}

#[utoipa::path(
    get, path = "/admin/v1/reconciliations", tag = "operator", summary = "Reconciliations, newest first",
    params(openapi::PageAsked),
    responses((status = 200, description = "A page", body = List<ReconciliationView>), openapi::Problems), security(("operator" = [])),
    extensions(("x-codes" = json!(codes(&[Code::InvalidField, Code::UnknownField])))),
)]
pub(super) async fn list_reconciliations(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    query: Query,
) -> Result<Json<List<ReconciliationView>>, Reply> {
    authorize(&headers, &gateway)?;
    let mut asked = asked(query)?;
    let page = page::parse(&mut asked, ReconciliationId::parse)?;
    asked.finish()?;
    Ok(Json(runs::list(&gateway, page).await?))
}

#[utoipa::path(
    get, path = "/admin/v1/reconciliations/{id}", tag = "operator", summary = "A reconciliation",
    params(("id" = String, Path, description = "`rec_…`")),
    responses((status = 200, description = "The run", body = ReconciliationView), openapi::Problems), security(("operator" = [])),
)]
pub(super) async fn find_reconciliation(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    id: Segment,
) -> Result<Json<ReconciliationView>, Reply> {
    authorize(&headers, &gateway)?;
    Ok(Json(runs::find(&gateway, &segment(id)?).await?))
}

#[utoipa::path(
    get, path = "/admin/v1/differences", tag = "operator", summary = "Differences, newest first",
    description = "Those that are open, or of another status; with `reconciliation`, those of one run.",
    params(openapi::DifferencesAsked, openapi::PageAsked),
    responses((status = 200, description = "A page", body = List<DifferenceView>), openapi::Problems), security(("operator" = [])),
    extensions(("x-codes" = json!(codes(&[Code::InvalidField, Code::UnknownField])))),
)]
pub(super) async fn list_differences(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    query: Query,
) -> Result<Json<List<DifferenceView>>, Reply> {
    authorize(&headers, &gateway)?;
    let mut asked = asked(query)?;
    let run = asked.optional("reconciliation", ReconciliationId::parse)?;
    let status = asked.optional("status", runs::status)?;
    let page = page::parse(&mut asked, DifferenceId::parse)?;
    asked.finish()?;
    let query = DifferenceQuery { run, status, page };
    Ok(Json(runs::differences_of(&gateway, query).await?))
}

#[utoipa::path(
    get, path = "/admin/v1/differences/{id}", tag = "operator", summary = "A difference",
    params(("id" = String, Path, description = "`dif_…`")),
    responses((status = 200, description = "The difference", body = DifferenceView), openapi::Problems), security(("operator" = [])),
)]
pub(super) async fn find_difference(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    id: Segment,
) -> Result<Json<DifferenceView>, Reply> {
    authorize(&headers, &gateway)?;
    Ok(Json(resolving::find(&gateway, &segment(id)?).await?))
}

#[utoipa::path(
    post, path = "/admin/v1/differences/{id}/owner", tag = "operator", summary = "Say who takes care of a difference",
    params(openapi::OperatorIdempotency, ("id" = String, Path, description = "`dif_…`")),
    request_body = openapi::NewOwner,
    responses((status = 200, description = "The difference", body = DifferenceView), openapi::Problems), security(("operator" = [])),
    extensions(("x-codes" = json!(codes(RESOLVING)))),
)]
pub(super) async fn assign_difference(
    State(gateway): State<Arc<Gateway>>,
    asked: ReviewRequest,
) -> Result<Reply, Reply> {
    let event = resolving::parse_owner(&asked.body)?;
    Ok(resolving::apply(&gateway, &asked.order, event, asked.key).await?.into())
}

#[utoipa::path(
    post, path = "/admin/v1/differences/{id}/resolution", tag = "operator", summary = "Resolve a difference",
    description = "`suspense` and `write_off` book the amount, `accept_fee` books a fee of the channel's as a cost, and `explain` books nothing. `ask_channel` asks the channel about a payment, applies what it says to the order, and leaves the difference as it is: what was booked by it pairs in a run of the next days. `book_late` asks the channel about a payment that its bill has and its order does not, and books it on the order with the bill's line as evidence; `return` has the channel give back a payment that is of no order. Above 10000 minor units, and where no amount can be told, a second person decides first.",
    params(openapi::OperatorIdempotency, ("id" = String, Path, description = "`dif_…`")),
    request_body = openapi::NewResolution,
    responses((status = 200, description = "The difference, `resolved`, `returning` or `proposed`", body = DifferenceView), openapi::Problems), security(("operator" = [])),
    extensions(("x-codes" = json!(codes(RESOLVING)))),
)]
pub(super) async fn resolve_difference(
    State(gateway): State<Arc<Gateway>>,
    asked: ReviewRequest,
) -> Result<Reply, Reply> {
    let event = resolving::parse_resolution(&asked.body)?;
    Ok(resolving::apply(&gateway, &asked.order, event, asked.key).await?.into())
}

#[utoipa::path(
    post, path = "/admin/v1/differences/{id}/approval", tag = "operator", summary = "Approve or refuse a resolution that needs a second person",
    description = "Who decides is another than who proposed. Refused, the difference is open again.",
    params(openapi::OperatorIdempotency, ("id" = String, Path, description = "`dif_…`")),
    request_body = openapi::NewApproval,
    responses((status = 200, description = "The difference", body = DifferenceView), openapi::Problems), security(("operator" = [])),
    extensions(("x-codes" = json!(codes(RESOLVING)))),
)]
pub(super) async fn approve_difference(
    State(gateway): State<Arc<Gateway>>,
    asked: ReviewRequest,
) -> Result<Reply, Reply> {
    let event = resolving::parse_approval(&asked.body)?;
    Ok(resolving::apply(&gateway, &asked.order, event, asked.key).await?.into())
}

fn date(field: Field) -> Result<Date, Invalid> {
    field.parsed(10..=10, day)
}

fn day(text: &str) -> Result<Date, &'static str> {
    Date::parse(text).map_err(|_| "must be a day such as 2026-11-18")
}
