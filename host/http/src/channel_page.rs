//! To a channel's own page and back, for a channel that wants a form where others take an address.
//!
//! The form is signed by the channel when the shopper chooses it, and stands in the query of an address here: nothing
//! is kept. The browser that comes back brings a form too, and its word is a hint: the channel is asked, and the shopper
//! goes on to where the order says, whatever the form says.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use lezai_channels::channel::{About, PageForm};
use lezai_core::digest::content_digest;
use lezai_core::id::AttemptId;
use lezai_gateway::gateway::Gateway;
use lezai_store::OrderRecord;
use lezai_wire::problem::{Code, Problem};
use maud::{DOCTYPE, Markup, html};

use crate::channels::{AccountPath, callback, hearing, is_of};
use crate::extract::{Segment, segment};
use crate::reply::Reply;

/// The shopper waits: the worker asks on.
const ASK_TIMEOUT: Duration = Duration::from_secs(3);
const SCRIPT: &str = "document.forms[0].submit()";

/// `GET /channels/{channel}/page`: a page that posts the form by itself, or by its button.
pub(super) async fn leave(
    State(gateway): State<Arc<Gateway>>,
    path: Segment,
    RawQuery(query): RawQuery,
) -> Result<Response, Reply> {
    let channel = gateway.channels.get(&segment(path)?).ok_or_else(no_page)?;
    let form = channel.page(query.as_deref().unwrap_or_default()).ok_or_else(no_page)?;
    Ok(page(&form)?)
}

/// `GET /channels/{channel}/page/{merchant}/{version}`: of a merchant's own account, whose key signed the form.
pub(super) async fn leave_account(
    State(gateway): State<Arc<Gateway>>,
    path: AccountPath,
    RawQuery(query): RawQuery,
) -> Result<Response, Reply> {
    let (_, accounts) = hearing(&gateway, path)?;
    let query = query.as_deref().unwrap_or_default();
    let form = accounts.iter().find_map(|it| it.channel.page(query));
    Ok(page(&form.ok_or_else(no_page)?)?)
}

fn no_page() -> Problem {
    Problem::new(Code::NotFound, "this is no address of a channel's page")
}

fn page(form: &PageForm) -> Result<Response, Problem> {
    let hash = content_digest(SCRIPT.as_bytes());
    let hash = hash.trim_start_matches("sha-256=:").trim_end_matches(':');
    // What the form leads to may lead on, to others of its addresses.
    let to = url::Url::parse(&form.action).map_err(Problem::internal)?.origin();
    let to = to.ascii_serialization();
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{hash}'; form-action {to} https:; base-uri 'none'; frame-ancestors 'none'"
    );
    let mut response = (StatusCode::OK, document(form).into_string()).into_response();
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    fields.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let policy = HeaderValue::try_from(policy).map_err(Problem::internal)?;
    fields.insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

/// Escaped by maud: the values are signed, and still only values.
fn document(form: &PageForm) -> Markup {
    html! {
        (DOCTYPE)
        html lang="zh-CN" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { "付款 · Payment" }
            }
            body {
                form method="post" action=(form.action) {
                    @for (name, value) in &form.fields {
                        input type="hidden" name=(name) value=(value);
                    }
                    button type="submit" { "继续付款 · Continue to payment" }
                }
                script { (maud::PreEscaped(SCRIPT)) }
            }
        }
    }
}

/// `POST /channels/{channel}/return`: the browser is back.
pub(super) async fn come_back(
    State(gateway): State<Arc<Gateway>>,
    path: Segment,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Reply> {
    let id = segment(path)?;
    let channel = gateway.channels.get(&id).ok_or_else(|| not_heard("there is no such channel"))?;
    let Some(told) = callback(&headers, body).await else {
        return Ok(StatusCode::PAYLOAD_TOO_LARGE.into_response());
    };
    let About::Payment(attempt) = channel.hear(told).await.about else {
        return Err(not_heard(NO_PAYMENT).into());
    };
    go_on(&gateway, attempt, |record, attempt| is_of(record, attempt, &id, None)).await
}

/// `POST /channels/{channel}/return/{merchant}/{version}`: from the page of a merchant's own account.
pub(super) async fn come_back_account(
    State(gateway): State<Arc<Gateway>>,
    path: AccountPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Reply> {
    let (id, accounts) = hearing(&gateway, path)?;
    let Some(told) = callback(&headers, body).await else {
        return Ok(StatusCode::PAYLOAD_TOO_LARGE.into_response());
    };
    for account in accounts {
        if let About::Payment(attempt) = account.channel.hear(told.clone()).await.about {
            let is_its = |record: &OrderRecord, attempt: &AttemptId| {
                is_of(record, attempt, &id, Some(&account))
            };
            return go_on(&gateway, attempt, is_its).await;
        }
    }
    Err(not_heard(NO_PAYMENT).into())
}

const NO_PAYMENT: &str = "the form is not the channel's, or about no payment";

fn not_heard(why: &str) -> Problem {
    Problem::new(Code::NotFound, why)
}

/// Asks about the payment, if the account may tell of it, and sends the shopper on.
async fn go_on(
    gateway: &Gateway,
    attempt: AttemptId,
    may_tell: impl FnOnce(&OrderRecord, &AttemptId) -> bool,
) -> Result<Response, Reply> {
    let there = gateway.return_address(attempt.clone()).await?;
    let named = attempt.clone();
    let asked = gateway.sync_told(attempt.clone(), move |it| may_tell(it, &named));
    let told = tokio::time::timeout(ASK_TIMEOUT, asked).await;
    if !matches!(told, Ok(Ok(()))) {
        tracing::info!(%attempt, "a shopper is back before the channel was heard");
    }
    let there = HeaderValue::try_from(there).map_err(Problem::internal)?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, there)]).into_response())
}
