//! One id for each request: in the answer, in its problem, and in every line of the log.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderName, HeaderValue};
use lezai_core::id::RequestId;
use tracing::Instrument as _;

use crate::problem::Problem;
use crate::{clock, entropy};

tokio::task_local! {
    static CURRENT: String;
}

/// The header that carries it.
pub const HEADER: HeaderName = HeaderName::from_static("request-id");

/// The id of the request that is being answered; empty outside of one.
pub fn current() -> String {
    CURRENT.try_with(String::clone).unwrap_or_default()
}

/// Runs what is done for the current request as a task of its own: it goes on to its end though the
/// caller hang up, for what follows a commit must not depend on who still listens.
pub async fn to_the_end(request: Request, next: Next) -> Response {
    let work = CURRENT.scope(current(), next.run(request)).in_current_span();
    let ended = tokio::spawn(work).await;
    ended.unwrap_or_else(|_| Problem::internal("a handler panicked").into_response())
}

/// Gives the request its id, and the log a line on how it ended.
pub async fn layer(request: Request, next: Next) -> Response {
    let id = RequestId::new(clock::now(), entropy::bytes()).to_string();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let span = tracing::info_span!("request", id);
    let answer = async {
        let begun = std::time::Instant::now();
        let response = next.run(request).await;
        let us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        tracing::info!(%method, path, status = response.status().as_u16(), us, "answered");
        response
    };
    let mut response = CURRENT.scope(id.clone(), answer.instrument(span)).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}
