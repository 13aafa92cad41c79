//! Settlement batches and contracts over HTTP.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::HeaderMap;
use lezai_core::id::SettlementId;
use serde_json::Value;

use utoipa_axum::routes;

use super::document::codes;
use super::extract::{Query, Segment, asked, no_fields, segment};
use super::openapi;
use super::operator::{Operator, authorize};
use super::signed::{Incoming, MAX_BODY, read_body};
use super::{Calls, Reply};
use lezai_gateway::funds::batches::{self, OpenSettlement};
use lezai_gateway::funds::contracts::{self, CalendarView};
use lezai_gateway::funds::fee_simulation::{self, FeesSimulated, SIMULATED_DAYS};
use lezai_gateway::funds::overdue;
use lezai_gateway::funds::views::{ContractView, SettlementLine, SettlementView};
use lezai_gateway::gateway::Gateway;
use lezai_wire::json::Object;
use lezai_wire::page;
use lezai_wire::page::List;
use lezai_wire::problem::{Code, Problem};
use lezai_wire::time::parse_rfc3339;

/// A merchant's calls on settlements and contracts.
pub(super) fn calls() -> Calls {
    Calls::default()
        .routes(routes!(list))
        .routes(routes!(open))
        .routes(routes!(find))
        .routes(routes!(lines))
        .routes(routes!(contracts_of_merchant))
}

/// The operator's calls on contracts, settlements and calendars.
pub(super) fn operator_calls() -> Calls {
    Calls::default()
        .routes(routes!(put_contract, contract))
        .routes(routes!(contracts))
        .routes(routes!(simulate))
        .routes(routes!(open_of_merchant))
        .routes(routes!(close_of_merchant))
        .routes(routes!(put_calendar, calendar))
}

#[utoipa::path(
    get, path = "/v1/settlements", tag = "settlements", summary = "Settlement batches, newest first",
    description = "A batch has what happened to the available balance from one cut-off of the merchant's contract to the next. It never changes: what comes later is a line of the next.",
    params(openapi::Signed, openapi::PageAsked),
    responses((status = 200, description = "A page", body = List<SettlementView>), openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::InvalidField, Code::UnknownField])))),
)]
pub(super) async fn list(
    State(gateway): State<Arc<Gateway>>,
    query: Query,
    incoming: Incoming,
) -> Result<Json<List<SettlementView>>, Reply> {
    let (merchant, _) = incoming.merchant(&gateway)?;
    let mut asked = asked(query)?;
    let page = page::parse(&mut asked, SettlementId::parse)?;
    asked.finish()?;
    Ok(Json(batches::list(&gateway, &merchant.record.id, page).await?))
}

#[utoipa::path(
    get, path = "/v1/settlements/open", tag = "settlements", summary = "What the batches would be if they were closed now",
    params(openapi::Signed),
    responses((status = 200, description = "One for each currency", body = List<OpenSettlement>), openapi::Problems),
)]
pub(super) async fn open(
    State(gateway): State<Arc<Gateway>>,
    incoming: Incoming,
) -> Result<Json<List<OpenSettlement>>, Reply> {
    let (merchant, _) = incoming.merchant(&gateway)?;
    Ok(Json(batches::open(&gateway, &merchant.record.id).await?))
}

#[utoipa::path(
    get, path = "/v1/settlements/{id}", tag = "settlements", summary = "A settlement batch",
    params(openapi::Signed, ("id" = String, Path, description = "`stl_…`")),
    responses((status = 200, description = "The batch", body = SettlementView), openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::SettlementNotFound])))),
)]
pub(super) async fn find(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    incoming: Incoming,
) -> Result<Json<SettlementView>, Reply> {
    let (merchant, _) = incoming.merchant(&gateway)?;
    Ok(Json(batches::find(&gateway, &merchant.record.id, &segment(id)?).await?))
}

#[utoipa::path(
    get, path = "/v1/settlements/{id}/lines", tag = "settlements", summary = "The lines of a settlement batch, oldest first",
    description = "Each entry of the ledger in the batch's range that touches the available balance. Their sum is the batch's `net`.",
    params(openapi::Signed, openapi::LinesAsked, ("id" = String, Path, description = "`stl_…`")),
    responses((status = 200, description = "A page", body = List<SettlementLine>), openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::SettlementNotFound, Code::InvalidField, Code::UnknownField])))),
)]
pub(super) async fn lines(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    query: Query,
    incoming: Incoming,
) -> Result<Json<List<SettlementLine>>, Reply> {
    let (merchant, _) = incoming.merchant(&gateway)?;
    let mut asked = asked(query)?;
    let limit = asked.optional("limit", limit)?.unwrap_or(20);
    let after = asked.optional("after", entry)?;
    asked.finish()?;
    let id = segment(id)?;
    Ok(Json(batches::lines(&gateway, &merchant.record.id, &id, after, limit).await?))
}

fn limit(text: &str) -> Result<u32, &'static str> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let limit = text.parse().ok().filter(|it| digits && (1..=page::LIMIT_MAX).contains(it));
    limit.ok_or("not a whole number from 1 to 100")
}

fn entry(text: &str) -> Result<u64, &'static str> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or("not the number of an entry")
}

#[utoipa::path(
    get, path = "/v1/contracts", tag = "settlements", summary = "The merchant's contracts, newest first",
    description = "None is ever edited. One that is worse for the merchant in any case is announced thirty days before it is in force. Without one the standard holds: payments settle a day after their capture, and payouts are free.",
    params(openapi::Signed),
    responses((status = 200, description = "All of them", body = List<ContractView>), openapi::Problems),
)]
pub(super) async fn contracts_of_merchant(
    State(gateway): State<Arc<Gateway>>,
    incoming: Incoming,
) -> Result<Json<List<ContractView>>, Reply> {
    let (merchant, _) = incoming.merchant(&gateway)?;
    Ok(Json(contracts::list(&gateway, &merchant.record.id).await?))
}

#[utoipa::path(
    put, path = "/admin/v1/merchants/{id}/contracts/{number}", tag = "operator", summary = "Agree on a merchant's next contract",
    description = "The number is one more than that of the last. The same contract put once more under its number is answered as the first time.",
    params(("id" = String, Path, description = "`m_…`"), ("number" = u32, Path, description = "1 for the first")),
    request_body = openapi::NewContract,
    responses((status = 200, description = "The contract", body = ContractView), openapi::Problems), security(("operator" = [])),
    extensions(("x-codes" = json!(codes(&[Code::ContractNumber, Code::ContractDate, Code::ContractNotice])))),
)]
pub(super) async fn put_contract(
    State(gateway): State<Arc<Gateway>>,
    operator: Operator,
) -> Result<Json<ContractView>, Reply> {
    let number = contract_number(operator.part.as_deref())?;
    let mut body = Object::parse(&operator.body)?;
    let from = body.optional("in_force_from", |field| field.parsed(1..=40, time))?;
    let contract = body.required("contract", |field| Ok(field.value().to_string()))?;
    body.finish()?;
    let contract = contracts::parse(contract.as_bytes())?;
    Ok(Json(contracts::put(&gateway, &operator.merchant, number, contract, from).await?))
}

#[utoipa::path(
    get, path = "/admin/v1/merchants/{id}/contracts", tag = "operator", summary = "A merchant's contracts, newest first",
    params(("id" = String, Path, description = "`m_…`")),
    responses((status = 200, description = "All of them", body = List<ContractView>), openapi::Problems), security(("operator" = [])),
)]
pub(super) async fn contracts(
    State(gateway): State<Arc<Gateway>>,
    operator: Operator,
) -> Result<Json<List<ContractView>>, Reply> {
    gateway.merchants.known(&operator.merchant)?;
    Ok(Json(contracts::list(&gateway, &operator.merchant).await?))
}

#[utoipa::path(
    get, path = "/admin/v1/merchants/{id}/contracts/{number}", tag = "operator", summary = "A contract of a merchant's",
    params(("id" = String, Path, description = "`m_…`"), ("number" = u32, Path, description = "1 for the first")),
    responses((status = 200, description = "The contract", body = ContractView), openapi::Problems), security(("operator" = [])),
)]
pub(super) async fn contract(
    State(gateway): State<Arc<Gateway>>,
    operator: Operator,
) -> Result<Json<ContractView>, Reply> {
    let number = contract_number(operator.part.as_deref())?;
    Ok(Json(contracts::find(&gateway, &operator.merchant, number).await?))
}

#[utoipa::path(
    post, path = "/admin/v1/merchants/{id}/fees/simulate", tag = "operator", summary = "What a contract's payment fees would have come to",
    description = "Runs them over the paid orders of the last days, by the very function that books. Nothing is changed.",
    params(("id" = String, Path, description = "`m_…`")), request_body = openapi::NewSimulation,
    responses((status = 200, description = "Old and new totals, and the orders hit hardest", body = FeesSimulated), openapi::Problems), security(("operator" = [])),
)]
pub(super) async fn simulate(
    State(gateway): State<Arc<Gateway>>,
    operator: Operator,
) -> Result<Json<FeesSimulated>, Reply> {
    gateway.merchants.known(&operator.merchant)?;
    let mut body = Object::parse(&operator.body)?;
    let days = body.optional("days", |field| field.integer(1..=SIMULATED_DAYS.into()))?;
    let contract = body.required("contract", |field| Ok(field.value().to_string()))?;
    body.finish()?;
    let contract = contracts::parse(contract.as_bytes())?;
    let days = days.and_then(|it| u32::try_from(it).ok()).unwrap_or(31);
    Ok(Json(fee_simulation::simulate(&gateway, &operator.merchant, contract, days).await?))
}

#[utoipa::path(
    get, path = "/admin/v1/merchants/{id}/settlements/open", tag = "operator", summary = "What a merchant's batches would be if they were closed now",
    params(("id" = String, Path, description = "`m_…`")),
    responses((status = 200, description = "One for each currency", body = List<OpenSettlement>), openapi::Problems), security(("operator" = [])),
)]
pub(super) async fn open_of_merchant(
    State(gateway): State<Arc<Gateway>>,
    operator: Operator,
) -> Result<Json<List<OpenSettlement>>, Reply> {
    gateway.merchants.known(&operator.merchant)?;
    Ok(Json(batches::open(&gateway, &operator.merchant).await?))
}

#[utoipa::path(
    post, path = "/admin/v1/merchants/{id}/settlements/close", tag = "operator", summary = "Close the batches that the last cut-off has left open",
    description = "For when a batch waits for something that was due before the cut-off, or for a calendar. What is closed never changes, so repeating the call is safe.",
    params(("id" = String, Path, description = "`m_…`")),
    responses((status = 200, description = "The batches of that cut-off, one for each currency", body = List<SettlementView>), openapi::Problems), security(("operator" = [])),
)]
pub(super) async fn close_of_merchant(
    State(gateway): State<Arc<Gateway>>,
    operator: Operator,
) -> Result<Json<List<SettlementView>>, Reply> {
    gateway.merchants.known(&operator.merchant)?;
    no_fields(&operator.body)?;
    Ok(Json(overdue::close(&gateway, &operator.merchant).await?))
}

#[utoipa::path(
    put, path = "/admin/v1/calendars/{name}", tag = "operator", summary = "Put an edition of a calendar",
    description = "For a year that was published, or a day that is off by notice. Batches that are closed keep the digest of the edition that they were closed by.",
    params(("name" = String, Path, description = "Such as `cn`")), request_body = openapi::NewCalendar,
    responses((status = 200, description = "The calendar", body = CalendarView), openapi::Problems), security(("operator" = [])),
    extensions(("x-codes" = json!(codes(&[Code::ContractNumber])))),
)]
pub(super) async fn put_calendar(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    name: Segment,
    request: axum::extract::Request,
) -> Result<Json<CalendarView>, Reply> {
    authorize(&headers, &gateway)?;
    let name = segment(name)?;
    let body: Value = serde_json::from_slice(&read_body(request, MAX_BODY).await?)
        .map_err(|error| Problem::new(Code::NotJson, error.to_string()))?;
    let text = match (&body, body["text"].as_str()) {
        (Value::Object(members), Some(text)) if members.len() == 1 => text.to_owned(),
        _ => {
            let detail = "the body must have the calendar as text, and nothing else";
            return Err(Problem::new(Code::InvalidField, detail).with("field", "text").into());
        }
    };
    Ok(Json(contracts::put_calendar(&gateway, &name, text).await?))
}

#[utoipa::path(
    get, path = "/admin/v1/calendars/{name}", tag = "operator", summary = "The latest edition of a calendar",
    params(("name" = String, Path, description = "Such as `cn`")),
    responses((status = 200, description = "The calendar", body = CalendarView), openapi::Problems), security(("operator" = [])),
)]
pub(super) async fn calendar(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    name: Segment,
) -> Result<Json<CalendarView>, Reply> {
    authorize(&headers, &gateway)?;
    Ok(Json(contracts::calendar(&gateway, &segment(name)?).await?))
}

fn contract_number(part: Option<&str>) -> Result<u32, Problem> {
    let part = part.unwrap_or_default();
    let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    part.parse().ok().filter(|_| digits).ok_or_else(|| {
        Problem::new(Code::InvalidField, "number must be a whole number").with("field", "number")
    })
}

fn time(text: &str) -> Result<lezai_core::time::Timestamp, &'static str> {
    parse_rfc3339(text).ok_or("not a time as RFC 3339 has it, such as 2026-11-18T11:06:40Z")
}
