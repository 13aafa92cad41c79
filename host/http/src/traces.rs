//! Each request as a work of its trace: by its route and how it was answered.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName};
use lezai_gateway::gateway::Gateway;
use lezai_traces::{Kind, Value};

use super::request_id::{self, SCRAPED};

/// The trace of a response's request, if it is sent: for whoever measures it.
#[derive(Clone)]
pub(super) struct TraceId(pub(super) String);

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Runs the request as a work, if there are traces.
pub(super) async fn traced(gateway: Arc<Gateway>, request: Request, next: Next) -> Response {
    if !gateway.traces.are_on() {
        return next.run(request).await;
    }
    // A stranger's path is no name: there is no end to them.
    let route = request.extensions().get::<MatchedPath>().map_or("none", |it| it.as_str());
    if SCRAPED.contains(&route) {
        return next.run(request).await;
    }
    let (route, method) = (route.to_owned(), request_id::shown(request.method()));
    let name = format!("{method} {route}");
    let Some(work) = gateway.traces.begin(name, Kind::Request, caller(request.headers())) else {
        return next.run(request).await;
    };
    let id = request_id::current();
    let told = work.clone();
    let response = work.run(next.run(request), |response| {
        let status = response.status();
        let notes: Vec<(&'static str, Value)> = vec![
            ("http.request.method", method.into()),
            ("http.route", route.into()),
            ("http.response.status_code", i64::from(status.as_u16()).into()),
            ("lezai.request", id.into()),
        ];
        let error = status.is_server_error().then(|| status.as_str().to_owned());
        (notes, error)
    });
    let mut response = response.await;
    if let Some(trace) = told.sent() {
        response.extensions_mut().insert(TraceId(trace));
    }
    response
}

/// The caller's place in a trace. Two of them are none.
fn caller(headers: &HeaderMap) -> Option<&str> {
    let mut named = headers.get_all(TRACEPARENT).iter();
    let only = named.next().filter(|_| named.next().is_none());
    only.and_then(|it| it.to_str().ok())
}
