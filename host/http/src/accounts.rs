//! The operator's calls on merchants' own accounts at channels. No answer has a secret.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use lezai_channels::accounts::Credentials;
use lezai_gateway::gateway::Gateway;
use lezai_gateway::merchants::credentials::NewAccount;
use lezai_store::AccountRecord;
use lezai_wire::json::{Field, Invalid, Object};
use lezai_wire::problem::Code;
use lezai_wire::time::rfc3339;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::document::codes;
use super::operator::Operator;
use super::{Calls, Reply};

/// Files of one account: keys and certificates.
const FILES_MAX: usize = 16;
/// The longest text of one.
const FILE_BYTES_MAX: usize = 16 << 10;

/// The operator's calls on merchants' accounts.
pub(super) fn calls() -> Calls {
    Calls::default()
        .routes(routes!(list_accounts))
        .routes(routes!(put, remove))
        .routes(routes!(check))
}

/// A merchant's own account at a channel.
#[derive(ToSchema)]
#[schema(as = NewChannelAccount)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewChannelAccount {
    /// The members of the channel's section in the configuration, such as `merchant` and `private_key_file`. Of a bound
    /// merchant its numbers alone: `sub_merchant` and `sub_app_id`, or `seller_id` and `app_auth_token_file`.
    #[schema(value_type = Object)]
    settings: String,
    /// The text of each file that the settings name, by that name.
    #[schema(required = false, value_type = Object)]
    files: String,
    /// Whether it is a merchant under the platform's own account, as a service provider's. The money is the merchant's
    /// all the same.
    #[schema(required = false, default = false)]
    bound: bool,
    /// Whether the platform's account takes what this one does not: other methods, orders that are shared with others,
    /// and all while this account does not answer.
    #[schema(required = false, default = false)]
    platform_fallback: bool,
}

#[utoipa::path(
    put, path = "/admin/v1/merchants/{id}/channels/{channel}", tag = "operator", summary = "Have a merchant paid to its own account at a channel, or change its keys",
    description = "The credentials are tried by a signed question that changes nothing, kept sealed, and never shown again. Each change is a new version, from the next order on; payments that were begun go on with their own account.",
    params(("id" = String, Path, description = "`m_…`"), ("channel" = String, Path, description = "`wechat`, `alipay` or `unionpay`")),
    request_body = NewChannelAccount,
    responses((status = 200, description = "The account", body = Object), super::openapi::Problems), security(("operator" = [])),
    extensions(("x-codes" = json!(codes(&[Code::NotFound, Code::InvalidField, Code::CredentialsRefused, Code::ChannelUnavailable])))),
)]
pub(super) async fn put(
    State(gateway): State<Arc<Gateway>>,
    operator: Operator,
) -> Result<Json<Value>, Reply> {
    let mut body = Object::parse(&operator.body)?;
    let credentials = Credentials {
        settings: body.required("settings", |field| Ok(field.value().clone()))?,
        files: body.optional("files", files)?.unwrap_or_default(),
        bound: body.optional("bound", flag)?.unwrap_or_default(),
    };
    let fallback = body.optional("platform_fallback", flag)?;
    body.finish()?;
    let new = NewAccount {
        merchant: operator.merchant,
        channel: operator.part.unwrap_or_default(),
        credentials,
        platform_fallback: fallback.unwrap_or_default(),
    };
    Ok(Json(view(&gateway.merchants.put_account(new).await?)))
}

#[utoipa::path(
    get, path = "/admin/v1/merchants/{id}/channels", tag = "operator", summary = "A merchant's own accounts at channels",
    description = "Each version that is kept, without its secrets. The last of a channel that is not removed takes what is new.",
    params(("id" = String, Path, description = "`m_…`")),
    responses((status = 200, description = "The accounts", body = Object), super::openapi::Problems), security(("operator" = [])),
    extensions(("x-codes" = json!(codes(&[Code::NotFound])))),
)]
pub(super) async fn list_accounts(
    State(gateway): State<Arc<Gateway>>,
    operator: Operator,
) -> Result<Json<Value>, Reply> {
    let all = gateway.merchants.accounts_of(&operator.merchant).await?;
    let data: Vec<Value> = all.iter().map(view).collect();
    Ok(Json(json!({ "object": "list", "data": data, "has_more": false })))
}

#[utoipa::path(
    post, path = "/admin/v1/merchants/{id}/channels/{channel}/check", tag = "operator", summary = "Try a merchant's own account, as when it was put",
    params(("id" = String, Path, description = "`m_…`"), ("channel" = String, Path, description = "`wechat`, `alipay` or `unionpay`")),
    responses((status = 200, description = "It works", body = Object), super::openapi::Problems), security(("operator" = [])),
    extensions(("x-codes" = json!(codes(&[Code::NotFound, Code::CredentialsRefused, Code::ChannelUnavailable])))),
)]
pub(super) async fn check(
    State(gateway): State<Arc<Gateway>>,
    operator: Operator,
) -> Result<Json<Value>, Reply> {
    let channel = operator.part.unwrap_or_default();
    Ok(Json(view(&gateway.merchants.check_account(&operator.merchant, &channel).await?)))
}

#[utoipa::path(
    delete, path = "/admin/v1/merchants/{id}/channels/{channel}", tag = "operator", summary = "Have nothing new paid to a merchant's own account",
    description = "What was begun there is still asked about, and refunded out of it.",
    params(("id" = String, Path, description = "`m_…`"), ("channel" = String, Path, description = "`wechat`, `alipay` or `unionpay`")),
    responses((status = 204, description = "Done"), super::openapi::Problems), security(("operator" = [])),
    extensions(("x-codes" = json!(codes(&[Code::NotFound])))),
)]
pub(super) async fn remove(
    State(gateway): State<Arc<Gateway>>,
    operator: Operator,
) -> Result<StatusCode, Reply> {
    let channel = operator.part.unwrap_or_default();
    gateway.merchants.remove_account(operator.merchant, channel).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn files(field: Field) -> Result<std::collections::BTreeMap<String, String>, Invalid> {
    let bad = field.invalid(format_args!(
        "must have at most {FILES_MAX} texts of at most {FILE_BYTES_MAX} bytes, by name"
    ));
    let members = field.value().as_object().filter(|it| it.len() <= FILES_MAX);
    let Some(members) = members else { return Err(bad) };
    let text = |(name, value): (&String, &Value)| {
        let text = value.as_str().filter(|it| it.len() <= FILE_BYTES_MAX)?;
        Some((name.clone(), text.to_owned()))
    };
    members.iter().map(text).collect::<Option<_>>().ok_or(bad)
}

fn flag(field: Field) -> Result<bool, Invalid> {
    field.value().as_bool().ok_or_else(|| field.invalid("must be true or false"))
}

fn view(record: &AccountRecord) -> Value {
    let AccountRecord { merchant, channel, version, shown, .. } = record;
    json!({
        "object": "channel_account", "merchant": merchant, "channel": channel, "version": version,
        "account": shown.account, "fingerprint": shown.fingerprint, "bound": shown.bound,
        "platform_fallback": shown.platform_fallback, "put_at": rfc3339(shown.put_at),
        "removed_at": shown.removed_at.map(rfc3339),
    })
}
