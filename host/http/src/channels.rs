//! Callbacks of channels: what a provider tells us unasked, as raw bytes.
//!
//! A callback is a hint. Its channel verifies whose it is and what it is about; then the channel is asked,
//! and only its answer changes an order. The provider is answered once that is committed, and otherwise sends
//! the callback again.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use lezai_channels::channel::{About, Acknowledgement, Callback};
use lezai_channels::http::Headers;
use lezai_gateway::gateway::Gateway;
use lezai_wire::problem::{Code, Problem};

use crate::extract::{Segment, segment};
use crate::reply::Reply;

/// Those of WeChat Pay and Alipay have two or three thousand bytes.
const BODY_BYTES_MAX: usize = 64 << 10;
/// WeChat Pay waits for five seconds.
const ASK_TIMEOUT: Duration = Duration::from_secs(4);

/// `POST /channels/{channel}/notify`.
pub(super) async fn notify(
    State(gateway): State<Arc<Gateway>>,
    path: Segment,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Reply> {
    let id = segment(path)?;
    let channel = gateway.channels.get(&id);
    let channel =
        channel.ok_or_else(|| Problem::new(Code::NotFound, "this gateway has no such channel"))?;
    let Some(callback) = callback(&headers, body).await else {
        return Ok(StatusCode::PAYLOAD_TOO_LARGE.into_response());
    };
    let heard = channel.hear(callback).await;
    match heard.about {
        About::Refused | About::Nothing => {}
        // The task that sends a refund asks for it until it is done.
        About::Refund(refund) => tracing::info!(%refund, channel = id, "callback of a refund"),
        About::Payment(attempt) => {
            match tokio::time::timeout(ASK_TIMEOUT, gateway.sync_attempt(attempt.clone())).await {
                Ok(Ok(())) => {}
                Ok(Err(problem)) if problem.code() == Code::OrderNotFound => {
                    tracing::warn!(%attempt, channel = id, "callback of a payment that is not ours");
                }
                told => {
                    tracing::warn!(%attempt, channel = id, ?told, "callback: the channel was not heard");
                    return Ok(StatusCode::SERVICE_UNAVAILABLE.into_response());
                }
            }
        }
    }
    let Acknowledgement { status, content_type, body } = heard.reply;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Ok((status, [(header::CONTENT_TYPE, content_type)], body).into_response())
}

/// A request as a channel reads it. None if it is too large.
pub(super) async fn callback(headers: &HeaderMap, body: Body) -> Option<Callback> {
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await.ok()?;
    let fields = headers.iter().filter_map(|(name, value)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    });
    Some(Callback { headers: Headers(fields.collect()), body: body.to_bytes().to_vec() })
}
