//! A page's four calls over HTTP.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream;
use lezai_core::key::VerifyingKey;

use super::orders::segment;
use super::signed::Incoming;
use crate::checkout::{self, Choice, ClaimRequest};
use crate::gateway::Gateway;
use crate::problem::{Code, Problem};
use crate::views::SessionView;

type Id = Result<Path<String>, axum::extract::rejection::PathRejection>;

/// A comment this often keeps proxies from closing a quiet stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A page that waits for longer opens a new stream.
const STREAM_LIFE: Duration = Duration::from_secs(30 * 60);

#[utoipa::path(
    post, path = "/v1/checkout/sessions/{id}/claim", tag = "checkout", summary = "Claim a session for the page's key",
    params(super::openapi::Signed, super::openapi::Idempotency, ("id" = String, Path, description = "`cs_…`")),
    request_body = super::openapi::Claim,
    responses((status = 200, description = "The session", body = SessionView), super::openapi::Problems),
)]
pub(super) async fn claim(
    State(gateway): State<Arc<Gateway>>,
    id: Id,
    incoming: Incoming,
) -> Result<Json<SessionView>, Problem> {
    let session = segment(id)?;
    // The key comes with the request that it signs: who claims first is believed, if she knows the secret.
    let request = ClaimRequest::parse(incoming.unverified_body())?;
    let key = VerifyingKey::from_jwk(&request.key).map_err(|error| {
        Problem::new(Code::InvalidField, error.to_string()).with("field", "key")
    })?;
    incoming.names(&key)?;
    // Counted by what is proven: who knows no secret is counted apart, and cannot keep the shopper out.
    let session = match checkout::opened(&gateway, &session, &request.client_secret).await {
        Ok(session) => session,
        Err(refused) => {
            incoming.stranger(&gateway)?;
            return Err(refused);
        }
    };
    incoming.claims(&gateway, &session.id)?;
    let verified = incoming.newcomer(&key)?;
    incoming.repeatable(&gateway, session.id.as_str())?;
    let verified = verified.parse(ClaimRequest::parse)?;
    Ok(Json(checkout::claim(&gateway, &session, verified, incoming.origin()).await?))
}

#[utoipa::path(
    get, path = "/v1/checkout/sessions/{id}", tag = "checkout", summary = "See the session",
    params(super::openapi::Signed, ("id" = String, Path, description = "`cs_…`")),
    responses((status = 200, description = "The session", body = SessionView), super::openapi::Problems),
)]
pub(super) async fn view(
    State(gateway): State<Arc<Gateway>>,
    id: Id,
    incoming: Incoming,
) -> Result<Json<SessionView>, Problem> {
    let (session, claim, key) = checkout::claimed(&gateway, &segment(id)?).await?;
    incoming.page(&gateway, &key)?;
    Ok(Json(checkout::view(&gateway, &session, &claim).await?))
}

#[utoipa::path(
    post, path = "/v1/checkout/sessions/{id}/pay", tag = "checkout", summary = "Choose a method",
    params(super::openapi::Signed, super::openapi::Idempotency, ("id" = String, Path, description = "`cs_…`")),
    request_body = super::openapi::Choice,
    responses((status = 200, description = "The session, with what is needed to pay", body = SessionView), super::openapi::Problems),
)]
pub(super) async fn pay(
    State(gateway): State<Arc<Gateway>>,
    id: Id,
    incoming: Incoming,
) -> Result<impl IntoResponse, Problem> {
    let (session, claim, key) = checkout::claimed(&gateway, &segment(id)?).await?;
    let verified = incoming.page(&gateway, &key)?;
    let repeatable = incoming.repeatable(&gateway, session.id.as_str())?;
    let choice = verified.parse(Choice::parse)?;
    let signer = (&choice).into();
    checkout::pay(&gateway, &session, claim, signer, choice.into_content(), repeatable).await
}

#[utoipa::path(
    get, path = "/v1/checkout/sessions/{id}/events", tag = "checkout", summary = "Hear when the session changes",
    params(super::openapi::Signed, ("id" = String, Path, description = "`cs_…`")),
    responses(
        (status = 200, description = "`event: change`, `id: <version>`; a hint to look again, and no more", content_type = "text/event-stream", body = String),
        super::openapi::Problems,
    ),
)]
pub(super) async fn events(
    State(gateway): State<Arc<Gateway>>,
    id: Id,
    incoming: Incoming,
) -> Result<impl IntoResponse, Problem> {
    let (session, _, key) = checkout::claimed(&gateway, &segment(id)?).await?;
    incoming.page(&gateway, &key)?;
    let full =
        || Problem::new(Code::Overloaded, "too many pages watch; look again from time to time");
    // First watched, then looked at: a change in between is heard.
    let watch = gateway.hub.watch(&session.order).ok_or_else(full)?;
    let version = gateway.record(session.order.clone()).await?.order.version;
    let end = tokio::time::Instant::now() + STREAM_LIFE;
    let hints = stream::unfold((watch, Some(version)), move |(mut watch, first)| async move {
        let version = match first {
            // What the page knows may be older than the stream.
            Some(version) => version,
            None => tokio::time::timeout_at(end, watch.next()).await.ok().flatten()?,
        };
        let event = Event::default()
            .event("change")
            .id(version.to_string())
            .data(format!("{{\"version\":{version}}}"));
        Some((Ok::<_, Infallible>(event), (watch, None)))
    });
    Ok(Sse::new(hints).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}
