//! The calls of the operator's machines, and the gateway's public keys.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use lezai_core::key::Jwk;
use serde_json::{Value, json};

use utoipa_axum::routes;

use super::Calls;
use lezai_gateway::gateway::Gateway;
use lezai_gateway::readiness::NotReady;

/// The calls of the operator's machines.
pub(super) fn calls() -> Calls {
    Calls::default().routes(routes!(alive)).routes(routes!(ready)).routes(routes!(metrics))
}

/// The gateway's public keys.
pub(super) fn public_calls() -> Calls {
    Calls::default().routes(routes!(jwks))
}

#[utoipa::path(get, path = "/healthz", tag = "operations", summary = "Is the process alive?",
    responses((status = 200, description = "It is", body = Object)))]
pub(super) async fn alive() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

#[utoipa::path(get, path = "/readyz", tag = "operations", summary = "Can it serve?",
    responses((status = 200, description = "It can", body = Object), (status = 503, description = "Its store cannot commit, or it stops soon", body = Object)))]
pub(super) async fn ready(State(gateway): State<Arc<Gateway>>) -> Response {
    match gateway.readiness.check(&gateway.node.store).await {
        Ok(()) => Json(json!({ "status": "ok" })).into_response(),
        Err(NotReady::Draining) => not_ready("draining"),
        Err(error @ (NotReady::Store(_) | NotReady::Slow)) => {
            tracing::error!(%error, "not ready");
            not_ready("store unavailable")
        }
    }
}

fn not_ready(status: &str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": status }))).into_response()
}

#[utoipa::path(get, path = "/metrics", tag = "operations", summary = "Counters, in OpenMetrics' text format",
    responses((status = 200, description = "Counters", content_type = "application/openmetrics-text", body = String)))]
pub(super) async fn metrics(State(gateway): State<Arc<Gateway>>) -> impl IntoResponse {
    gateway.plugins.count_ready();
    (
        [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")],
        gateway.node.metrics.text(),
    )
}

#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "operations", summary = "The keys that sign answers and callbacks",
    responses((status = 200, description = "A JSON Web Key Set (RFC 7517)", body = Object)))]
pub(super) async fn jwks(State(gateway): State<Arc<Gateway>>) -> Json<Value> {
    let keys = gateway.keys.now().public().into_iter().map(|(kid, jwk)| {
        let Jwk { kty, crv, x, y } = jwk;
        json!({ "kty": kty, "crv": crv, "x": x, "y": y, "kid": kid, "alg": "ES256", "use": "sig" })
    });
    Json(json!({ "keys": keys.collect::<Vec<_>>() }))
}
