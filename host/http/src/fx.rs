//! Rates and quotes over HTTP: a merchant's calls, and the operator's.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use http::HeaderMap;
use lezai_core::id::FxQuoteId;
use lezai_core::money::Currency;

use utoipa_axum::routes;

use super::document::codes;
use super::extract::{Query, Segment, asked, segment};
use super::fx_shapes;
use super::openapi;
use super::operator::authorize;
use super::signed::{Change, Incoming, MAX_BODY, read_body};
use super::{Calls, Reply};
use lezai_gateway::funds::fx::{self, FxQuoteView, FxRateView, NewQuote, NewRate};
use lezai_gateway::gateway::Gateway;
use lezai_wire::page;
use lezai_wire::page::List;
use lezai_wire::problem::{Code, Problem};

/// A merchant's calls on quotes.
pub(super) fn calls() -> Calls {
    Calls::default().routes(routes!(create, list)).routes(routes!(find))
}

/// The operator's calls on rates.
pub(super) fn operator_calls() -> Calls {
    Calls::default().routes(routes!(put_rate)).routes(routes!(rates))
}

#[utoipa::path(
    post, path = "/v1/fx_quotes", tag = "fx", summary = "Fix a rate for an order that is settled in another currency",
    description = "The order names it as `fx_quote`. A quote is for one order, and good until `expires_at`.",
    params(openapi::Signed, openapi::Idempotency), request_body = fx_shapes::NewFxQuote,
    responses((status = 201, description = "The quote", body = FxQuoteView), openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::FxRateMissing, Code::FxRateStale, Code::FxLockNotOffered])))),
)]
pub(super) async fn create(
    State(gateway): State<Arc<Gateway>>,
    incoming: Incoming,
) -> Result<Reply, Reply> {
    let Change { merchant, verified, key } = incoming.change(&gateway)?;
    let new = verified.parse(NewQuote::parse)?.into_content();
    Ok(fx::quote(&gateway, &merchant.record.id, new, key).await?.into())
}

#[utoipa::path(
    get, path = "/v1/fx_quotes/{id}", tag = "fx", summary = "Query a quote",
    params(openapi::Signed, ("id" = String, Path, description = "`fxq_…`")),
    responses((status = 200, description = "The quote", body = FxQuoteView), openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::FxQuoteNotFound])))),
)]
pub(super) async fn find(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    incoming: Incoming,
) -> Result<Json<FxQuoteView>, Reply> {
    let (merchant, _) = incoming.merchant(&gateway)?;
    Ok(Json(fx::find(&gateway, &merchant.record.id, &segment(id)?).await?))
}

#[utoipa::path(
    get, path = "/v1/fx_quotes", tag = "fx", summary = "List quotes, newest first",
    description = "One that nobody used is forgotten a week after its end.",
    params(openapi::Signed, openapi::PageAsked),
    responses((status = 200, description = "A page", body = List<FxQuoteView>), openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::InvalidField, Code::UnknownField])))),
)]
pub(super) async fn list(
    State(gateway): State<Arc<Gateway>>,
    query: Query,
    incoming: Incoming,
) -> Result<Json<List<FxQuoteView>>, Reply> {
    let (merchant, _) = incoming.merchant(&gateway)?;
    let mut asked = asked(query)?;
    let page = page::parse(&mut asked, FxQuoteId::parse)?;
    asked.finish()?;
    Ok(Json(fx::list(&gateway, &merchant.record.id, page).await?))
}

type Segments = Result<Path<(String, String)>, axum::extract::rejection::PathRejection>;

#[utoipa::path(
    put, path = "/admin/v1/fx_rates/{from}/{to}", tag = "operator", summary = "Put the rate of the market from one currency to another",
    description = "It takes the place of the one before. Each direction has a rate of its own: none is turned round. Quotes that were made keep theirs. To end quotes, put one that is good for a second.",
    params(("from" = String, Path, description = "The currency that shoppers pay, such as `USD`"), ("to" = String, Path, description = "The currency that is settled, such as `CNY`")),
    request_body = fx_shapes::NewFxRate,
    responses((status = 200, description = "The rate", body = FxRateView), openapi::Problems), security(("operator" = [])),
)]
pub(super) async fn put_rate(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    segments: Segments,
    request: Request,
) -> Result<Json<FxRateView>, Reply> {
    authorize(&headers, &gateway)?;
    let Path((from, to)) = segments
        .map_err(|_| Problem::new(Code::NotFound, "the path has a part that is no UTF-8"))?;
    let pair = (currency("from", &from)?, currency("to", &to)?);
    let new = NewRate::parse(&read_body(request, MAX_BODY).await?)?;
    Ok(Json(fx::put_rate(&gateway, pair, new).await?))
}

#[utoipa::path(
    get, path = "/admin/v1/fx_rates", tag = "operator", summary = "Every rate of the market that was put",
    responses((status = 200, description = "By the currencies' codes, stale ones too", body = List<FxRateView>), openapi::Problems), security(("operator" = [])),
)]
pub(super) async fn rates(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
) -> Result<Json<List<FxRateView>>, Reply> {
    authorize(&headers, &gateway)?;
    Ok(Json(fx::rates(&gateway).await?))
}

fn currency(name: &'static str, code: &str) -> Result<Currency, Problem> {
    Currency::from_code(code)
        .map_err(|error| Problem::new(Code::InvalidField, error.to_string()).with("field", name))
}
