//! Statements over HTTP: asked for, found, downloaded whole, compressed or in parts, and planned.

use std::io;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use futures_util::TryStreamExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use lezai_core::id::StatementId;
use utoipa_axum::routes;

use super::document::codes;
use super::extract::{Query, Segment, asked, segment};
use super::openapi;
use super::part::{Part, accepts_gzip, part};
use super::signed::{Change, Digested, Incoming};
use super::{Calls, Reply};
use lezai_gateway::gateway::Gateway;
use lezai_gateway::statements;
use lezai_gateway::statements::content::{self, Coding, Content};
use lezai_gateway::statements::plans;
use lezai_gateway::statements::request::{NewPlan, NewStatement, plan_name};
use lezai_gateway::statements::views::{StatementPlanView, StatementView};
use lezai_wire::page;
use lezai_wire::page::List;
use lezai_wire::problem::{Code, Problem};

/// A merchant's calls on statements.
pub(super) fn calls() -> Calls {
    Calls::default()
        .routes(routes!(create, list))
        .routes(routes!(find))
        .routes(routes!(download))
        .routes(routes!(put_plan, find_plan))
        .routes(routes!(list_plans))
}

#[utoipa::path(
    post, path = "/v1/statements", tag = "statements", summary = "Ask for a statement",
    description = "What it covers is fixed at once, as a range of the ledger's entries: the same request has the same bytes, whenever it is made. It is made in the background; the callback `statement.ready` tells when it can be downloaded.",
    params(openapi::Signed, openapi::Idempotency), request_body = openapi::NewStatement,
    responses((status = 201, description = "The statement, `making`", body = StatementView), openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::TooManyStatements, Code::SettlementNotFound])))),
)]
pub(super) async fn create(
    State(gateway): State<Arc<Gateway>>,
    incoming: Incoming,
) -> Result<Reply, Reply> {
    let Change { merchant, verified, key } = incoming.change(&gateway)?;
    let now = gateway.node.clock.now();
    let new = verified.parse(|body| NewStatement::parse(body, now))?.into_content();
    Ok(statements::create(&gateway, &merchant.record.id, new, key).await?.into())
}

#[utoipa::path(
    get, path = "/v1/statements", tag = "statements", summary = "Statements, newest first",
    params(openapi::Signed, openapi::PageAsked),
    responses((status = 200, description = "A page", body = List<StatementView>), openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::InvalidField, Code::UnknownField])))),
)]
pub(super) async fn list(
    State(gateway): State<Arc<Gateway>>,
    query: Query,
    incoming: Incoming,
) -> Result<Json<List<StatementView>>, Reply> {
    let (merchant, _) = incoming.merchant(&gateway)?;
    let mut asked = asked(query)?;
    let page = page::parse(&mut asked, StatementId::parse)?;
    asked.finish()?;
    Ok(Json(statements::list(&gateway, &merchant.record.id, page).await?))
}

#[utoipa::path(
    get, path = "/v1/statements/{id}", tag = "statements", summary = "A statement",
    params(openapi::Signed, ("id" = String, Path, description = "`stm_…`")),
    responses((status = 200, description = "The statement", body = StatementView), openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::StatementNotFound])))),
)]
pub(super) async fn find(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    incoming: Incoming,
) -> Result<Json<StatementView>, Reply> {
    let (merchant, _) = incoming.merchant(&gateway)?;
    Ok(Json(statements::find(&gateway, &merchant.record.id, &segment(id)?).await?))
}

#[utoipa::path(
    get, path = "/v1/statements/{id}/content", tag = "statements", summary = "Download a statement",
    description = "All of it, compressed if `Accept-Encoding` has gzip; or one range of its bytes, at most a mebibyte at a time. `Content-Digest` is of what this response carries, and the signature covers it.",
    params(openapi::Signed, openapi::PartAsked, ("id" = String, Path, description = "`stm_…`")),
    responses(
        (status = 200, description = "All of it", content_type = "text/csv", body = String),
        (status = 206, description = "The range, or its beginning", content_type = "text/csv", body = String),
        openapi::Problems,
    ),
    extensions(("x-codes" = json!(codes(&[Code::StatementNotFound, Code::StatementNotReady, Code::StatementFailed, Code::StatementExpired, Code::RangeNotSatisfiable])))),
)]
pub(super) async fn download(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    headers: HeaderMap,
    incoming: Incoming,
) -> Result<Reply, Reply> {
    let (merchant, _) = incoming.merchant(&gateway)?;
    let content = content::of(&gateway, &merchant.record.id, &segment(id)?).await?;
    let tag = content.tag(Coding::Identity);
    match part(&headers, content.length(Coding::Identity), &tag) {
        Part::Whole if accepts_gzip(&headers) => Ok(whole(gateway, content, Coding::Gzip)?),
        Part::Whole => Ok(whole(gateway, content, Coding::Identity)?),
        Part::Of { first, last } => Ok(of_part(&gateway, &content, first, last).await?),
        Part::Beyond => {
            let length = content.length(Coding::Identity);
            let detail = format!("the statement has {length} bytes");
            let problem = Problem::new(Code::RangeNotSatisfiable, detail);
            let mut response = Reply::from(problem).into_response();
            let range = value(&format!("bytes */{length}"))?;
            response.headers_mut().insert(header::CONTENT_RANGE, range);
            Err(Reply::from(response))
        }
    }
}

fn whole(gateway: Arc<Gateway>, content: Content, coding: Coding) -> Result<Reply, Problem> {
    let mut response = Response::new(Body::empty());
    describe(response.headers_mut(), &content, coding)?;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, content.length(coding).into());
    headers.insert(HeaderName::from_static("content-digest"), value(&content.digest(coding))?);
    if coding == Coding::Gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response.extensions_mut().insert(Digested);
    let cut = |problem: Problem| io::Error::other(problem.code().as_str());
    *response.body_mut() = Body::from_stream(content.stream(gateway, coding).map_err(cut));
    Ok(response.into())
}

async fn of_part(
    gateway: &Gateway,
    content: &Content,
    first: u64,
    last: u64,
) -> Result<Reply, Problem> {
    let part = content.part(gateway, first, last).await?;
    let last = (first + part.len() as u64).saturating_sub(1);
    let length = content.length(Coding::Identity);
    let range = value(&format!("bytes {first}-{last}/{length}"))?;
    let mut response = Response::new(Body::from(part));
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    describe(response.headers_mut(), content, Coding::Identity)?;
    response.headers_mut().insert(header::CONTENT_RANGE, range);
    Ok(response.into())
}

fn describe(headers: &mut HeaderMap, content: &Content, coding: Coding) -> Result<(), Problem> {
    let name = format!("attachment; filename=\"{}\"", content.file_name());
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content.media_type()));
    headers.insert(header::CONTENT_DISPOSITION, value(&name)?);
    headers.insert(header::ETAG, value(&content.tag(coding))?);
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    Ok(())
}

fn value(text: &str) -> Result<HeaderValue, Problem> {
    HeaderValue::from_str(text).map_err(Problem::internal)
}

#[utoipa::path(
    put, path = "/v1/statement_plans/{name}", tag = "statements", summary = "Have statements made of each day, week or month",
    description = "A statement is made once after each period of the zone, also of those that ended while the gateway was down: up to 62 of them. The same plan put once more changes nothing; the name is new or one of the merchant's plans.",
    params(openapi::Signed, openapi::Digest, ("name" = String, Path, description = "1 to 40 of `a-z`, `0-9`, `_` and `-`")),
    request_body = openapi::NewStatementPlan,
    responses((status = 200, description = "The plan", body = StatementPlanView), openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::TooManyPlans])))),
)]
pub(super) async fn put_plan(
    State(gateway): State<Arc<Gateway>>,
    name: Segment,
    incoming: Incoming,
) -> Result<Json<StatementPlanView>, Reply> {
    let (merchant, verified) = incoming.merchant(&gateway)?;
    let name = plan_name(&segment(name)?)?;
    let signer = (&verified).into();
    let plan = verified.parse(NewPlan::parse)?.into_content();
    Ok(Json(plans::put(&gateway, &merchant.record.id, name, plan, signer).await?))
}

#[utoipa::path(
    get, path = "/v1/statement_plans/{name}", tag = "statements", summary = "A plan of statements",
    params(openapi::Signed, ("name" = String, Path, description = "The merchant's name for it")),
    responses((status = 200, description = "The plan", body = StatementPlanView), openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::StatementPlanNotFound])))),
)]
pub(super) async fn find_plan(
    State(gateway): State<Arc<Gateway>>,
    name: Segment,
    incoming: Incoming,
) -> Result<Json<StatementPlanView>, Reply> {
    let (merchant, _) = incoming.merchant(&gateway)?;
    Ok(Json(plans::find(&gateway, &merchant.record.id, segment(name)?).await?))
}

#[utoipa::path(
    get, path = "/v1/statement_plans", tag = "statements", summary = "All plans of statements, by name",
    params(openapi::Signed),
    responses((status = 200, description = "All of them", body = List<StatementPlanView>), openapi::Problems),
)]
pub(super) async fn list_plans(
    State(gateway): State<Arc<Gateway>>,
    incoming: Incoming,
) -> Result<Json<List<StatementPlanView>>, Reply> {
    let (merchant, _) = incoming.merchant(&gateway)?;
    Ok(Json(plans::list(&gateway, &merchant.record.id).await?))
}
