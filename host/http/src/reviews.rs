//! The operator's calls on orders that risk control wants looked at.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts as _, Path, Request, State};
use http::HeaderMap;
use lezai_core::id::OrderId;

use lezai_wire::problem::Code;
use utoipa_axum::routes;

use super::document::codes;
use super::extract::{Query, asked, segment};
use super::openapi;
use super::operator::authorize;
use super::signed::{MAX_BODY, read_body};
use super::{Calls, Reply};
use lezai_gateway::cluster::in_progress::UnderWay;
use lezai_gateway::gateway::Gateway;
use lezai_gateway::idempotency;
use lezai_gateway::idempotency::IdempotentRequest;
use lezai_gateway::orders::reviews;
use lezai_gateway::orders::reviews::{Decision, ReviewedOrder};
use lezai_store as store;
use lezai_store::{IdempotencyKey, Scope};
use lezai_wire::page;
use lezai_wire::page::List;

/// The operator's keys are its own, beside those of merchants and pages.
const SCOPE: &str = "operator";

/// An order or payout that the operator wants something of, once.
pub(super) struct ReviewRequest {
    pub(super) order: String,
    pub(super) key: IdempotentRequest,
    pub(super) body: Vec<u8>,
    // No second request with this key is worked on while this one is.
    _under_way: UnderWay,
}

impl FromRequest<Arc<Gateway>> for ReviewRequest {
    type Rejection = Reply;

    async fn from_request(request: Request, gateway: &Arc<Gateway>) -> Result<Self, Reply> {
        authorize(request.headers(), gateway)?;
        let (mut parts, body) = request.into_parts();
        let path = Path::<String>::from_request_parts(&mut parts, gateway).await;
        let (order, target) = (segment(path)?, parts.uri.to_string());
        let field = parts.headers.get("idempotency-key").map(|it| it.to_str().unwrap_or_default());
        let key = idempotency::parse_key(field)?;
        let key = IdempotencyKey { scope: SCOPE.to_owned(), key };
        let body = read_body(Request::from_parts(parts, body), MAX_BODY).await?;
        let fingerprint = store::fingerprint("POST", &target, &body);
        let _under_way = gateway.node.cluster.in_progress.begin(&key)?;
        Ok(Self {
            order,
            key: IdempotentRequest { key, fingerprint, signer: None, writes: Scope::Gateway },
            body: body.into(),
            _under_way,
        })
    }
}

/// The operator's calls on reviews.
pub(super) fn calls() -> Calls {
    Calls::default().routes(routes!(decide)).routes(routes!(list))
}

#[utoipa::path(
    post, path = "/admin/v1/orders/{id}/review", tag = "operator", summary = "Approve or refuse an order that is held",
    description = "Approved, its money is the merchant's and settles like any other. Refused, it goes back to the shopper, by a void or a refund. If that fails, the review is open again.",
    params(openapi::OperatorIdempotency, ("id" = String, Path, description = "`ord_…`")),
    request_body = openapi::NewReview,
    responses((status = 200, description = "The order and its review", body = ReviewedOrder), openapi::Problems), security(("operator" = [])),
    extensions(("x-codes" = json!(codes(&[Code::IdempotencyKeyMissing, Code::IdempotencyKeyInvalid, Code::IdempotencyKeyReused, Code::RequestInProgress, Code::OrderNotFound, Code::OrderState, Code::OrderNotHeld, Code::ReviewClosed, Code::TooManyRefunds, Code::TooManyVoids])))),
)]
pub(super) async fn decide(
    State(gateway): State<Arc<Gateway>>,
    asked: ReviewRequest,
) -> Result<Reply, Reply> {
    let decision = Decision::parse(&asked.body)?;
    Ok(reviews::decide(&gateway, &asked.order, decision, asked.key).await?.into())
}

#[utoipa::path(
    get, path = "/admin/v1/reviews", tag = "operator", summary = "The orders that wait for a review, newest first",
    params(openapi::PageAsked),
    responses((status = 200, description = "A page", body = List<ReviewedOrder>), openapi::Problems), security(("operator" = [])),
    extensions(("x-codes" = json!(codes(&[Code::InvalidField, Code::UnknownField])))),
)]
pub(super) async fn list(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    query: Query,
) -> Result<Json<List<ReviewedOrder>>, Reply> {
    authorize(&headers, &gateway)?;
    let mut asked = asked(query)?;
    let page = page::parse(&mut asked, OrderId::parse)?;
    asked.finish()?;
    Ok(Json(reviews::open(&gateway, page).await?))
}
