//! A page's five calls over HTTP.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream;
use http::{HeaderName, header};
use lezai_core::key::VerifyingKey;
use lezai_core::signature::Verified;

use utoipa_axum::routes;

use super::document::codes;
use super::extract::{Segment, segment};
use super::signed::Incoming;
use super::{Calls, Reply};
use lezai_gateway::gateway::Gateway;
use lezai_gateway::orders::checkout;
use lezai_gateway::orders::checkout::{ClaimRequest, Page, PayRequest};
use lezai_store::{Claim, SessionRecord};
use lezai_wire::problem::{Code, Problem};
use lezai_wire::views::SessionView;

/// A comment this often keeps proxies from closing a quiet stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A page that waits for longer opens a new stream.
const STREAM_LIFE: Duration = Duration::from_secs(30 * 60);

/// The calls of checkout pages.
pub(super) fn calls() -> Calls {
    Calls::default()
        .routes(routes!(open))
        .routes(routes!(claim))
        .routes(routes!(view))
        .routes(routes!(pay))
        .routes(routes!(events))
}

#[utoipa::path(
    post, path = "/v1/checkout/sessions/{id}/open", tag = "checkout", summary = "See a session without claiming it",
    description = "For a page that knows the client secret and has not paid yet. `claimed` says whether the page has the session already; if not, it sends `claim` with its first choice of a method.",
    params(super::openapi::Signed, super::openapi::Idempotency, ("id" = String, Path, description = "`cs_…`")),
    request_body = super::openapi::Claim,
    responses((status = 200, description = "The session", body = SessionView), super::openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::SessionNotFound, Code::SessionTaken, Code::SessionReplaced, Code::SessionExpired, Code::ClientSecretInvalid, Code::MethodUnavailable])))),
)]
pub(super) async fn open(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    incoming: Incoming,
) -> Result<Json<SessionView>, Reply> {
    let request = ClaimRequest::parse(incoming.unverified_body())?;
    let (session, verified) = newcomer(&gateway, id, &incoming, &request).await?;
    incoming.admit(&gateway, &verified)?;
    Ok(Json(checkout::open(&gateway, &session, request.key, incoming.origin()).await?))
}

#[utoipa::path(
    post, path = "/v1/checkout/sessions/{id}/claim", tag = "checkout", summary = "Claim a session for the page's key",
    params(super::openapi::Signed, super::openapi::Idempotency, ("id" = String, Path, description = "`cs_…`")),
    request_body = super::openapi::Claim,
    responses((status = 200, description = "The session", body = SessionView), super::openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::SessionNotFound, Code::SessionTaken, Code::SessionReplaced, Code::SessionExpired, Code::ClientSecretInvalid, Code::MethodUnavailable])))),
)]
pub(super) async fn claim(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    incoming: Incoming,
) -> Result<Json<SessionView>, Reply> {
    let request = ClaimRequest::parse(incoming.unverified_body())?;
    let (session, verified) = newcomer(&gateway, id, &incoming, &request).await?;
    incoming.repeatable(&gateway, session.id.as_str(), &session.merchant, &verified)?;
    let verified = verified.parse(ClaimRequest::parse)?;
    Ok(Json(checkout::claim(&gateway, &session, verified, incoming.origin()).await?))
}

/// The session of a page whose key came with the request that it signs: who knows the secret is believed.
async fn newcomer<'i>(
    gateway: &Gateway,
    id: Segment,
    incoming: &'i Incoming,
    ClaimRequest { client_secret, key }: &ClaimRequest,
) -> Result<(SessionRecord, Verified<&'i [u8]>), Problem> {
    let key = VerifyingKey::from_jwk(key).map_err(|error| {
        Problem::new(Code::InvalidField, error.to_string()).with("field", "key")
    })?;
    incoming.names(&key)?;
    // Counted by what is proven: who knows no secret is counted apart, and cannot keep the shopper out.
    let session = match checkout::proven(gateway, &segment(id)?, client_secret).await {
        Ok(session) => session,
        Err(refused) => {
            incoming.stranger(gateway)?;
            return Err(refused);
        }
    };
    incoming.claims(gateway, &session.id)?;
    let verified = incoming.newcomer(&key)?;
    Ok((session, verified))
}

#[utoipa::path(
    get, path = "/v1/checkout/sessions/{id}", tag = "checkout", summary = "See the session",
    params(super::openapi::Signed, ("id" = String, Path, description = "`cs_…`")),
    responses((status = 200, description = "The session", body = SessionView), super::openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::SessionNotFound, Code::SessionUnclaimed, Code::SessionReplaced, Code::SessionExpired])))),
)]
pub(super) async fn view(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    incoming: Incoming,
) -> Result<Json<SessionView>, Reply> {
    let (session, claim, key) = checkout::claimed(&gateway, &segment(id)?).await?;
    incoming.page(&gateway, &key)?;
    Ok(Json(checkout::view(&gateway, &session, &claim).await?))
}

#[utoipa::path(
    post, path = "/v1/checkout/sessions/{id}/pay", tag = "checkout", summary = "Choose a method",
    params(super::openapi::Signed, super::openapi::Idempotency, ("id" = String, Path, description = "`cs_…`")),
    request_body = super::openapi::Choice,
    responses((status = 200, description = "The session, with what is needed to pay", body = SessionView), super::openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::SessionNotFound, Code::SessionUnclaimed, Code::SessionTaken, Code::SessionReplaced, Code::SessionExpired, Code::ClientSecretInvalid, Code::OrderState, Code::OrderExpired, Code::TooManyAttempts, Code::MethodUnavailable, Code::ChannelUnavailable])))),
)]
pub(super) async fn pay(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    incoming: Incoming,
) -> Result<Reply, Reply> {
    // A request that brings its claim brings its key, too. All of it is read again once it is verified.
    let brought = PayRequest::parse(incoming.unverified_body()).ok().and_then(|it| it.claim);
    let (session, page, verified) = match brought {
        Some(claim) => {
            let (session, verified) = newcomer(&gateway, id, &incoming, &claim).await?;
            incoming.admit(&gateway, &verified)?;
            let at = gateway.node.clock.now();
            let claim = Claim { key: claim.key, origin: incoming.origin(), at };
            (session, Page { claim, proven: true }, verified)
        }
        None => {
            let (session, claim, key) = checkout::claimed(&gateway, &segment(id)?).await?;
            let verified = incoming.page(&gateway, &key)?;
            (session, Page { claim, proven: false }, verified)
        }
    };
    let repeatable =
        incoming.repeatable(&gateway, session.id.as_str(), &session.merchant, &verified)?;
    let request = verified.parse(PayRequest::parse)?;
    let PayRequest { choice, .. } = request.into_content();
    Ok(checkout::pay(&gateway, &session, page, choice, repeatable).await?.into())
}

#[utoipa::path(
    get, path = "/v1/checkout/sessions/{id}/events", tag = "checkout", summary = "Hear when the session changes",
    params(super::openapi::Signed, ("id" = String, Path, description = "`cs_…`")),
    responses(
        (status = 200, description = "`event: change`, `id: <version>`; a hint to look again, and no more", content_type = "text/event-stream", body = String),
        super::openapi::Problems,
    ),
    extensions(("x-codes" = json!(codes(&[Code::SessionNotFound, Code::SessionUnclaimed, Code::SessionReplaced, Code::SessionExpired])))),
)]
pub(super) async fn events(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    incoming: Incoming,
) -> Result<impl IntoResponse, Reply> {
    let (session, _, key) = checkout::claimed(&gateway, &segment(id)?).await?;
    incoming.page(&gateway, &key)?;
    let full =
        || Problem::new(Code::Overloaded, "too many pages watch; look again from time to time");
    // First watched, then looked at: a change in between is heard.
    let watch = gateway.node.cluster.watchers.watch(&session.order).ok_or_else(full)?;
    let version = checkout::version(&gateway, &session).await?;
    let end = tokio::time::Instant::now() + STREAM_LIFE;
    let hints = stream::unfold((watch, Some(version)), move |(mut watch, first)| async move {
        let version = match first {
            // The page's version may be older than the stream.
            Some(version) => version,
            None => tokio::time::timeout_at(end, watch.next()).await.ok().flatten()?,
        };
        let event = Event::default()
            .event("change")
            .id(version.to_string())
            .data(format!("{{\"version\":{version}}}"));
        Some((Ok::<_, Infallible>(event), (watch, None)))
    });
    let stream = Sse::new(hints).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    // A proxy that collects what comes, or compresses it, holds every hint back: nginx, and those that
    // follow it, pass on what is marked by the first; the second forbids to change it (RFC 9111, 5.2.2.6).
    let unbuffered = (HeaderName::from_static("x-accel-buffering"), "no");
    Ok(([unbuffered, (header::CACHE_CONTROL, "no-cache, no-transform")], stream))
}
