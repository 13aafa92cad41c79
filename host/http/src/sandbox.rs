//! The shopper's acts in the sandbox, unsigned: they stand in for a wallet on their own phone, and
//! exist in development and sandbox alone.

use lezai_wire::time::rfc3339;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use http::{HeaderMap, HeaderValue, header};
use lezai_core::id::{AttemptId, OrderId};
use lezai_core::order::{Attempt, Event, State as OrderState};

use serde::Serialize;
use utoipa::ToSchema;

use utoipa_axum::routes;

use super::document::codes;
use super::extract::{Segment, segment};
use super::signed::read_body;
use super::wallet::{self, Language};
use super::{Calls, Reply};
use lezai_channels::channel::AttemptStatus;
use lezai_channels::sandbox::{Act, Outcome, Sandbox, WalletPayment};
use lezai_gateway::gateway::{Gateway, not_found, unanswered};
use lezai_gateway::orders::{checkout, collecting};
use lezai_gateway::test_clock;
use lezai_gateway::views;
use lezai_store::OrderRecord;
use lezai_wire::problem::{Code, Problem};
use lezai_wire::views::OrderView;

/// A span or a time.
const MAX_ADVANCE: usize = 1024;

/// The sandbox's calls for programs; what its wallet page asks is no part of the API.
pub(super) fn calls() -> Calls {
    Calls::default()
        .routes(routes!(pay))
        .routes(routes!(decline))
        .routes(routes!(clock, advance_clock))
}

#[utoipa::path(
    post, path = "/sandbox/orders/{id}/pay", operation_id = "sandbox_pay", tag = "sandbox", summary = "Pay as the shopper would",
    description = "By the method they chose, or else by the order's first. What their wallet makes of it follows from the amount: docs/sandbox.md.",
    params(("id" = String, Path, description = "`ord_…`")),
    responses((status = 200, description = "The order", body = OrderView), super::openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::OrderNotFound, Code::OrderState, Code::OrderExpired, Code::TooManyAttempts, Code::MethodUnavailable, Code::ChannelUnavailable, Code::CrossSite, Code::NotFound])))),
)]
pub(super) async fn pay(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
) -> Result<Json<OrderView>, Reply> {
    Ok(shopper(&gateway, id, Act::Approve).await?)
}

#[utoipa::path(
    post, path = "/sandbox/orders/{id}/decline", operation_id = "sandbox_decline", tag = "sandbox", summary = "Decline as the shopper would",
    description = "By the method they chose, or else by the order's first.",
    params(("id" = String, Path, description = "`ord_…`")),
    responses((status = 200, description = "The order", body = OrderView), super::openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::OrderNotFound, Code::OrderState, Code::OrderExpired, Code::TooManyAttempts, Code::MethodUnavailable, Code::ChannelUnavailable, Code::CrossSite, Code::NotFound])))),
)]
pub(super) async fn decline(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
) -> Result<Json<OrderView>, Reply> {
    Ok(shopper(&gateway, id, Act::Decline).await?)
}

/// The time for orders.
#[derive(Serialize, ToSchema)]
pub(super) struct ClockView {
    /// Business time, RFC 3339.
    now: String,
    /// How far it is ahead of the machine's clock.
    ahead_secs: i64,
}

#[utoipa::path(
    get, path = "/sandbox/clock", operation_id = "sandbox_clock", tag = "sandbox", summary = "What time it is for orders",
    responses((status = 200, description = "The time", body = ClockView), super::openapi::Problems),
)]
pub(super) async fn clock(State(gateway): State<Arc<Gateway>>) -> Result<Json<ClockView>, Reply> {
    sandbox(&gateway)?;
    Ok(Json(clock_view(&gateway)))
}

#[utoipa::path(
    post, path = "/sandbox/clock", operation_id = "sandbox_advance_clock", tag = "sandbox", summary = "Move the time forward",
    description = "`{\"advance_secs\": n}` or `{\"now\": \"2026-12-01T00:00:00Z\"}`; by at most 366 days at once, and never back. \
                   It moves what orders live by: expiry, retries, settlement, retention; not signatures and grants.",
    request_body(content = String, content_type = "application/json"),
    responses((status = 200, description = "The time", body = ClockView), super::openapi::Problems),
)]
pub(super) async fn advance_clock(
    State(gateway): State<Arc<Gateway>>,
    request: Request,
) -> Result<Json<ClockView>, Reply> {
    sandbox(&gateway)?;
    let body = read_body(request, MAX_ADVANCE).await?;
    let ms = test_clock::parse(&body, gateway.node.clock.now())?;
    test_clock::advance(&gateway, ms).await?;
    Ok(Json(clock_view(&gateway)))
}

fn clock_view(gateway: &Gateway) -> ClockView {
    let (now, wall) = (gateway.node.clock.now(), gateway.node.clock.wall());
    ClockView { now: rfc3339(now), ahead_secs: (now.as_ms() - wall.as_ms() + 500) / 1000 }
}

/// The wallet's page for a payment.
pub(super) async fn wallet(
    State(gateway): State<Arc<Gateway>>,
    attempt: Segment,
    headers: HeaderMap,
) -> Result<Response, Reply> {
    let (_, attempt, payment) = payment(&gateway, attempt).await?;
    Ok(wallet::page(&attempt, &payment, Language::of(&headers)))
}

/// The button that pays.
pub(super) async fn approve(
    State(gateway): State<Arc<Gateway>>,
    attempt: Segment,
) -> Result<Response, Reply> {
    Ok(in_wallet(&gateway, attempt, Act::Approve).await?)
}

/// The button that does not.
pub(super) async fn refuse(
    State(gateway): State<Arc<Gateway>>,
    attempt: Segment,
) -> Result<Response, Reply> {
    Ok(in_wallet(&gateway, attempt, Act::Decline).await?)
}

/// The buttons that choose what comes of it.
pub(super) async fn simulate(
    State(gateway): State<Arc<Gateway>>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Reply> {
    let unknown = || Problem::new(Code::NotFound, "the wallet's page offers no such outcome");
    let Path((attempt, outcome)) = path.map_err(|_| unknown())?;
    let outcome = Outcome::parse(&outcome).ok_or_else(unknown)?;
    Ok(in_wallet(&gateway, Ok(Path(attempt)), Act::Simulate(outcome)).await?)
}

/// The wallet's style sheet.
pub(super) async fn style() -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"))], wallet::STYLE)
        .into_response()
}

async fn in_wallet(gateway: &Gateway, attempt: Segment, act: Act) -> Result<Response, Problem> {
    let (sandbox, attempt, _) = payment(gateway, attempt).await?;
    sandbox.act(&attempt, act).await.map_err(unanswered)?;
    // The wallet's word may be long in coming: its page says so, and the worker asks again.
    let heard = hear(gateway, &attempt).await;
    if let Err(problem) = heard
        && problem.code() != Code::ChannelUnavailable
    {
        return Err(problem);
    }
    // The page after it can be loaded again without paying again.
    Ok(Redirect::to(&format!("/sandbox/wallet/{attempt}")).into_response())
}

async fn payment(
    gateway: &Gateway,
    attempt: Segment,
) -> Result<(&Sandbox, AttemptId, WalletPayment), Problem> {
    let unknown = || Problem::new(Code::NotFound, "the wallet knows no such payment");
    let attempt = AttemptId::parse(&segment(attempt)?).map_err(|_| unknown())?;
    let sandbox = sandbox(gateway)?;
    let payment = sandbox.payment(&attempt).await.map_err(unanswered)?.ok_or_else(unknown)?;
    Ok((sandbox, attempt, payment))
}

async fn shopper(gateway: &Gateway, id: Segment, act: Act) -> Result<Json<OrderView>, Problem> {
    let id = OrderId::parse(&segment(id)?).map_err(|_| not_found())?;
    let sandbox = sandbox(gateway)?;
    let record = gateway.record(id.clone()).await?;
    let (attempt, record) = match &record.order.state {
        OrderState::Created { .. } => begin(gateway, record).await?,
        OrderState::Paying { attempt, .. } => (attempt.clone(), record),
        state => match state.payment() {
            Some(payment) => (payment.attempt.clone(), record),
            None => return Err(refused(&record, act)),
        },
    };
    let standing = sandbox.act(&attempt, act).await.map_err(unanswered)?;
    hear(gateway, &attempt).await?;
    match (act, standing) {
        // A shopper who agrees may yet be declined, or have to wait for it (docs/sandbox.md).
        (
            Act::Approve | Act::Simulate(_),
            AttemptStatus::Paid { .. }
            | AttemptStatus::Authorized { .. }
            | AttemptStatus::Pending
            | AttemptStatus::Declined { .. },
        )
        | (Act::Decline, AttemptStatus::Declined { .. }) => {
            Ok(Json(views::order(&gateway.record(id).await?)))
        }
        _ => Err(refused(&record, act)),
    }
}

/// The wallet tells the gateway that something happened, which asks it then: once, or twice at
/// once where the amount says so.
async fn hear(gateway: &Gateway, attempt: &AttemptId) -> Result<(), Problem> {
    if sandbox(gateway)?.tells_twice(attempt).await.map_err(unanswered)? {
        tokio::try_join!(
            gateway.sync_attempt(attempt.clone()),
            gateway.sync_attempt(attempt.clone())
        )
        .map(drop)
    } else {
        gateway.sync_attempt(attempt.clone()).await
    }
}

/// Chooses the first method for the shopper.
async fn begin(
    gateway: &Gateway,
    record: OrderRecord,
) -> Result<(AttemptId, OrderRecord), Problem> {
    let terms = &record.order.terms;
    let method = terms.methods.first().cloned().unwrap_or_default();
    let chosen = collecting::choose(gateway, &record, &method)?;
    let candidate = &chosen.candidate;
    let instalments = terms.instalments.first().copied().filter(|_| candidate.method.instalments);
    let id = AttemptId::new(gateway.node.clock.now(), gateway.node.entropy.bytes());
    let (channel, account) = (candidate.channel.id().to_owned(), candidate.direct());
    let attempt = Attempt {
        id: id.clone(),
        method,
        channel,
        account,
        instalments,
        begun_at: None,
        by_code: false,
        routed: Some(chosen.routed.clone()),
    };
    let begun = gateway.apply(terms.id.clone(), Event::MethodChosen(attempt.clone())).await?;
    chosen.count(gateway);
    let offer = checkout::offer(gateway, &begun, &attempt).await?;
    let prepared = gateway.apply(terms.id.clone(), Event::Prepared(id.clone(), offer)).await?;
    Ok((id, prepared))
}

fn refused(record: &OrderRecord, act: Act) -> Problem {
    let status = record.order.state.status();
    let act = match act {
        Act::Approve | Act::Simulate(_) => "paid",
        Act::Decline => "declined",
    };
    Problem::new(Code::OrderState, format!("the order is {status} and cannot be {act}"))
        .with("order_status", status)
}

pub(super) fn sandbox(gateway: &Gateway) -> Result<&Sandbox, Problem> {
    let sandbox = gateway.sandbox.as_deref();
    sandbox.ok_or_else(|| Problem::new(Code::NotFound, "this gateway has no sandbox"))
}
