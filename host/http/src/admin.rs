//! The operator's calls: merchants, their keys and policies. All take effect at once, with no
//! restart.

use lezai_base::url;
use lezai_wire::time::rfc3339;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::{StatusCode, header};
use lezai_core::policy::Policy;
use lezai_core::webhook::{Secret, WebhookError};
use serde_json::{Value, json};

use utoipa_axum::routes;

use super::operator::{Operator, checked_keyid, merchant_key};
use super::{Calls, Reply};
use lezai_gateway::gateway::Gateway;
use lezai_gateway::merchants::admin::MerchantChange;
use lezai_gateway::merchants::brand;
use lezai_store::{MerchantKey, MerchantRecord};
use lezai_wire::json::{Field, Invalid, Object};
use lezai_wire::order_request::url;
use lezai_wire::problem::{Code, Problem};

/// A merchant with more servers than this names one in front of them.
const MAX_HOSTS: usize = 16;

/// The operator's calls on merchants, their keys and policies.
pub(super) fn calls() -> Calls {
    Calls::default()
        .routes(routes!(put_merchant, merchant))
        .routes(routes!(put_key, remove_key))
        .routes(routes!(rotate_secret))
        .routes(routes!(put_policy, policy))
}

#[utoipa::path(
    put, path = "/admin/v1/merchants/{id}", tag = "operator", summary = "Make a merchant, or change one",
    description = "A new merchant is given a webhook secret, unless the request has one; the answer shows it this once.",
    params(("id" = String, Path, description = "`m_…`")), request_body = super::openapi::NewMerchant,
    responses((status = 200, description = "The merchant", body = Object), super::openapi::Problems), security(("operator" = [])),
)]
pub(super) async fn put_merchant(
    State(gateway): State<Arc<Gateway>>,
    operator: Operator,
) -> Result<Json<Value>, Reply> {
    let mut body = Object::parse(&operator.body)?;
    let change = MerchantChange {
        name: body.required("name", |field| field.shown(1..=64))?,
        notify_url: body.optional("notify_url", notify_url)?,
        notify_hosts: body.optional("notify_hosts", hosts)?,
        frame_origins: body.optional("frame_origins", origins)?,
        policy: body.optional("policy", policy_field)?,
        brand: body.optional("brand", brand::read)?,
        webhook_secret: body
            .optional("webhook_secret", |field| field.parsed(1..=100, checked_secret))?,
    };
    body.finish()?;
    gateway.realm.admits(&operator.merchant)?;
    let (record, is_new) = gateway.merchants.put_merchant(operator.merchant, change).await?;
    let mut view = merchant_view(&record);
    if is_new {
        view["webhook_secret"] = record.webhook_secret.into();
    }
    Ok(Json(view))
}

#[utoipa::path(
    get, path = "/admin/v1/merchants/{id}", tag = "operator", summary = "A merchant",
    params(("id" = String, Path, description = "`m_…`")),
    responses((status = 200, description = "The merchant", body = Object), super::openapi::Problems), security(("operator" = [])),
)]
pub(super) async fn merchant(
    State(gateway): State<Arc<Gateway>>,
    operator: Operator,
) -> Result<Json<Value>, Reply> {
    let merchant = gateway.merchants.known(&operator.merchant)?;
    let report = gateway.merchants.report(&operator.merchant).await?;
    let failing = report
        .failing_hosts
        .into_iter()
        .map(|it| json!({ "host": it.host, "failures": it.failures, "since": rfc3339(it.since) }));
    let mut view = merchant_view(&merchant.record);
    view["failing_hosts"] = failing.collect();
    view["keys"] = report.keys.into();
    Ok(Json(view))
}

#[utoipa::path(
    put, path = "/admin/v1/merchants/{id}/keys/{keyid}", tag = "operator", summary = "Add a public key of a merchant's, or change one",
    params(("id" = String, Path, description = "`m_…`"), ("keyid" = String, Path, description = "1 to 64 of A-Z, a-z, 0-9 and _ . : -")),
    request_body = super::openapi::NewKey,
    responses((status = 204, description = "Done"), super::openapi::Problems), security(("operator" = [])),
)]
pub(super) async fn put_key(
    State(gateway): State<Arc<Gateway>>,
    operator: Operator,
) -> Result<StatusCode, Reply> {
    let keyid = checked_keyid(operator.part.unwrap_or_default())?;
    let pem = merchant_key(&operator.body)?;
    gateway.merchants.put_key(MerchantKey { keyid, merchant: operator.merchant, pem }).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(
    delete, path = "/admin/v1/merchants/{id}/keys/{keyid}", tag = "operator", summary = "Take a public key of a merchant's away",
    params(("id" = String, Path, description = "`m_…`"), ("keyid" = String, Path, description = "The key's name")),
    responses((status = 204, description = "Done; nothing that it signs is believed any more"), super::openapi::Problems), security(("operator" = [])),
)]
pub(super) async fn remove_key(
    State(gateway): State<Arc<Gateway>>,
    operator: Operator,
) -> Result<StatusCode, Reply> {
    let keyid = operator.part.unwrap_or_default();
    gateway.merchants.remove_key(operator.merchant, keyid).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(
    post, path = "/admin/v1/merchants/{id}/webhook-secret", tag = "operator", summary = "Give a merchant a new webhook secret",
    description = "The answer shows it this once. Callbacks are signed with the former one as well for a day.",
    params(("id" = String, Path, description = "`m_…`")),
    responses((status = 200, description = "The merchant", body = Object), super::openapi::Problems), security(("operator" = [])),
)]
pub(super) async fn rotate_secret(
    State(gateway): State<Arc<Gateway>>,
    operator: Operator,
) -> Result<Json<Value>, Reply> {
    if !operator.body.is_empty() {
        Object::parse(&operator.body)?.finish()?;
    }
    let record = gateway.merchants.rotate_webhook_secret(operator.merchant).await?;
    let mut view = merchant_view(&record);
    view["webhook_secret"] = record.webhook_secret.into();
    Ok(Json(view))
}

#[utoipa::path(
    put, path = "/admin/v1/merchants/{id}/policy", tag = "operator", summary = "Change a merchant's policy",
    params(("id" = String, Path, description = "`m_…`")), request_body = Object,
    responses((status = 204, description = "Done; it holds for the next order"), super::openapi::Problems), security(("operator" = [])),
)]
pub(super) async fn put_policy(
    State(gateway): State<Arc<Gateway>>,
    operator: Operator,
) -> Result<StatusCode, Reply> {
    Policy::from_json(&operator.body).map_err(|error| policy_problem(&error))?;
    let policy = String::from_utf8(operator.body)
        .map_err(|_| Problem::new(Code::NotJson, "the policy is no UTF-8"))?;
    gateway.merchants.put_policy(operator.merchant, policy).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(
    get, path = "/admin/v1/merchants/{id}/policy", tag = "operator", summary = "A merchant's policy",
    params(("id" = String, Path, description = "`m_…`")),
    responses((status = 200, description = "The policy as it was put", body = Object), super::openapi::Problems), security(("operator" = [])),
)]
pub(super) async fn policy(
    State(gateway): State<Arc<Gateway>>,
    operator: Operator,
) -> Result<impl IntoResponse, Reply> {
    let policy = gateway.merchants.known(&operator.merchant)?.record.policy.clone();
    Ok(([(header::CONTENT_TYPE, "application/json")], policy))
}

fn merchant_view(record: &MerchantRecord) -> Value {
    json!({
        "id": record.id, "name": record.name, "notify_url": record.notify_url, "notify_hosts": record.notify_hosts,
        "frame_origins": record.frame_origins, "brand": record.brand,
        "former_webhook_secret_until": record.former_secret.as_ref().map(|(_, until)| rfc3339(*until)),
    })
}

fn hosts(field: Field) -> Result<Vec<String>, Invalid> {
    let host = |text: &str| {
        let form = || "no host in lower case, with its port unless it is 443".to_owned();
        let url = ::url::Url::parse(&format!("https://{text}/")).map_err(|_| form())?;
        let authority = url::authority(&url);
        if !url::is_plain_host(&url) || url.path() != "/" {
            return Err(form());
        }
        as_written(text, authority)
    };
    field.list(MAX_HOSTS)?.into_iter().map(|it| it.parsed(1..=255, host)).collect()
}

/// Origins as they stand in a Content-Security-Policy: a text that says anything else as well, such as
/// a second directive, is no origin.
fn origins(field: Field) -> Result<Vec<String>, Invalid> {
    let origin = |text: &str| as_written(text, url::origin(text)?);
    field.list(MAX_HOSTS)?.into_iter().map(|it| it.parsed(1..=255, origin)).collect()
}

/// An address for callbacks, as it is sent and signed.
fn notify_url(field: Field) -> Result<String, Invalid> {
    let path = field.invalid("");
    let text = url(field)?;
    let parsed = ::url::Url::parse(&text).map_err(|error| error.to_string());
    let sent = parsed.and_then(|parsed| url::as_sent(&text, parsed));
    sent.map(String::from)
        .map_err(|why| Invalid { detail: format!("{} {why}", path.field), ..path })
}

/// A text that is compared letter by letter must be written as it is compared.
fn as_written(text: &str, normal: String) -> Result<String, String> {
    if text == normal { Ok(normal) } else { Err(format!("not in its normal form: write {normal}")) }
}

fn checked_secret(text: &str) -> Result<String, WebhookError> {
    Secret::parse(text).map(|secret| secret.reveal())
}

fn policy_field(field: Field) -> Result<String, Invalid> {
    let invalid =
        |error: &dyn std::fmt::Display| field.invalid(format_args!("is no policy: {error}"));
    let json = serde_json::to_string(field.value()).map_err(|error| invalid(&error))?;
    Policy::from_json(json.as_bytes()).map_err(|error| invalid(&error))?;
    Ok(json)
}

fn policy_problem(error: &lezai_core::policy::PolicyError) -> Problem {
    Problem::new(Code::InvalidField, error.to_string()).with("field", error.path.as_str())
}
