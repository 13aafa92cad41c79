//! Callbacks of channels: what a provider tells us unasked, as raw bytes.
//!
//! A callback is a hint. Its channel verifies whose it is and what it is about; then the channel is asked,
//! and only its answer changes an order. The provider is answered once that is committed, and otherwise sends
//! the callback again.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use lezai_channels::channel::{About, Acknowledgement, Callback, HandledCallback};
use lezai_channels::http::Headers;
use lezai_core::id::{AttemptId, MerchantId};
use lezai_gateway::gateway::Gateway;
use lezai_gateway::merchants::accounts::MerchantAccount;
use lezai_store::OrderRecord;
use lezai_wire::problem::{Code, Problem};

use crate::extract::{Segment, segment};
use crate::reply::Reply;

/// Those of WeChat Pay and Alipay have two or three thousand bytes.
const BODY_BYTES_MAX: usize = 64 << 10;
/// WeChat Pay waits for five seconds.
const ASK_TIMEOUT: Duration = Duration::from_secs(4);

/// Where a version of a merchant's own account is, at a channel.
pub(super) type AccountPath = Result<Path<(String, String, u32)>, PathRejection>;

/// `POST /channels/{channel}/notify`: of the platform's own account.
pub(super) async fn notify(
    State(gateway): State<Arc<Gateway>>,
    path: Segment,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Reply> {
    let id = segment(path)?;
    let channel = gateway.channels.shared(&id).ok_or_else(no_channel)?;
    let Some(told) = callback(&headers, body).await else {
        return Ok(StatusCode::PAYLOAD_TOO_LARGE.into_response());
    };
    let heard = channel.hear(told).await;
    let is_ours = |record: &OrderRecord, attempt: &AttemptId| is_of(record, attempt, &id, None);
    Ok(acted_on(&gateway, &id, heard, is_ours).await)
}

/// `POST /channels/{channel}/notify/{merchant}/{version}`: of a merchant's own account. The keys that it was made with,
/// or their successors, must have signed it, and it tells of payments to that account alone.
pub(super) async fn notify_account(
    State(gateway): State<Arc<Gateway>>,
    path: AccountPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Reply> {
    let (id, accounts) = hearing(&gateway, path)?;
    let Some(told) = callback(&headers, body).await else {
        return Ok(StatusCode::PAYLOAD_TOO_LARGE.into_response());
    };
    let mut refused = None;
    for account in accounts {
        let heard = account.channel.hear(told.clone()).await;
        if heard.about == About::Refused {
            refused.get_or_insert(heard);
            continue;
        }
        let is_its =
            |record: &OrderRecord, attempt: &AttemptId| is_of(record, attempt, &id, Some(&account));
        return Ok(acted_on(&gateway, &id, heard, is_its).await);
    }
    let heard = refused.ok_or_else(no_channel)?;
    Ok(acted_on(&gateway, &id, heard, |_, _| false).await)
}

/// The accounts that an address of one may be meant for.
pub(super) fn hearing(
    gateway: &Gateway,
    path: AccountPath,
) -> Result<(String, Vec<Arc<MerchantAccount>>), Problem> {
    let Path((id, merchant, version)) = path.map_err(|_| no_channel())?;
    let merchant = MerchantId::parse(&merchant).map_err(|_| no_channel())?;
    let accounts = gateway.merchants.accounts.hearing(&merchant, &id, version);
    Ok((id, accounts))
}

/// Whether an attempt was made with this account of a channel, or with the platform's. An account tells of its own
/// payments alone.
pub(super) fn is_of(
    record: &OrderRecord,
    attempt: &AttemptId,
    channel: &str,
    account: Option<&MerchantAccount>,
) -> bool {
    let Some(attempt) = record.order.attempt(attempt).filter(|it| it.channel == channel) else {
        return false;
    };
    match (account, &attempt.account) {
        (None, None) => true,
        (Some(account), Some(made_with)) => {
            record.order.terms.merchant == account.merchant
                && made_with.account == account.shown.account
        }
        _ => false,
    }
}

fn no_channel() -> Problem {
    Problem::new(Code::NotFound, "this gateway has no such channel")
}

/// Asks about what was told of, if the account may tell of it, and answers the provider.
async fn acted_on(
    gateway: &Gateway,
    channel: &str,
    heard: HandledCallback,
    may_tell: impl FnOnce(&OrderRecord, &AttemptId) -> bool,
) -> Response {
    match heard.about {
        About::Refused | About::Nothing => {}
        // The task that sends a refund asks for it until it is done.
        About::Refund(refund) => tracing::info!(%refund, channel, "callback of a refund"),
        About::Payment(attempt) => {
            let named = attempt.clone();
            let asked = gateway.sync_told(attempt.clone(), move |it| may_tell(it, &named));
            match tokio::time::timeout(ASK_TIMEOUT, asked).await {
                Ok(Ok(())) => {}
                Ok(Err(problem)) if problem.code() == Code::OrderNotFound => {
                    tracing::warn!(%attempt, channel, "callback of a payment that is not ours");
                }
                told => {
                    tracing::warn!(%attempt, channel, ?told, "callback: the channel was not heard");
                    return StatusCode::SERVICE_UNAVAILABLE.into_response();
                }
            }
        }
    }
    let Acknowledgement { status, content_type, body } = heard.reply;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, content_type)], body).into_response()
}

/// A request as a channel reads it. None if it is too large.
pub(super) async fn callback(headers: &HeaderMap, body: Body) -> Option<Callback> {
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await.ok()?;
    let fields = headers.iter().filter_map(|(name, value)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    });
    Some(Callback { headers: Headers(fields.collect()), body: body.to_bytes().to_vec() })
}
