//! The operator's calls about merchants' plugins: publishers' keys, releases and their way, the
//! decision log.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use base64ct::{Base64, Encoding as _};
use http::StatusCode;
use lezai_core::release::{Envelope, MAX_MANIFEST, Share};

use utoipa_axum::routes;

use super::document::codes;
use super::openapi;
use super::operator::{MAX_UPLOAD, Operator, checked_keyid, publisher_key};
use super::{Calls, Reply};
use lezai_gateway::gateway::Gateway;
use lezai_gateway::plugins::lifecycle::Move;
use lezai_gateway::plugins::publishing::{DRIFT_PERCENT, Upload};
use lezai_gateway::plugins::view::{DifferenceView, LoggedView, ReleaseStateView};
use lezai_store as store;
use lezai_store::plugins::{PluginKey, Stage};
use lezai_store::{Scope, Tx};
use lezai_wire::json::{Field, Invalid, Object};
use lezai_wire::page::List;
use lezai_wire::problem::{Code, Problem};

/// The most bytes of settings that a plugin may be given with each order.
const MAX_SETTINGS: usize = 16 * 1024;

/// The operator's calls on plugins.
pub(super) fn calls() -> Calls {
    Calls::default()
        .routes(routes!(publish, releases))
        .routes(routes!(promote))
        .routes(routes!(pause))
        .routes(routes!(rollback))
        .routes(routes!(differences))
        .routes(routes!(plugin, remove_plugin))
        .routes(routes!(put_plugin_key, remove_plugin_key))
        .routes(routes!(decisions))
}

#[utoipa::path(
    post, path = "/admin/v1/merchants/{id}/plugins", tag = "operator", summary = "Publish a release of a merchant's plugin",
    description = "It is verified before it is compiled, and begins in the shadow unless `stage` says `live`. The same release again is answered as the first time. What it is refused for, the problem says.",
    params(("id" = String, Path, description = "`m_…`")), request_body = openapi::NewRelease,
    responses((status = 200, description = "The release", body = ReleaseStateView), openapi::Problems), security(("operator" = [])),
    extensions(("x-codes" = json!(codes(&[Code::PluginRefused, Code::ReleaseMalformed, Code::ReleaseKeyUnknown, Code::ReleaseSignatureInvalid, Code::ReleaseOfAnother, Code::ReleaseDigestMismatch, Code::ReleaseReplayed, Code::ReleaseContract, Code::ReleaseLimits, Code::ReleaseHooks])))),
)]
pub(super) async fn publish(
    State(gateway): State<Arc<Gateway>>,
    operator: Operator,
) -> Result<Json<ReleaseStateView>, Reply> {
    gateway.merchants.known(&operator.merchant)?;
    let mut body = Object::parse(&operator.body)?;
    let component = body.required("component", |field| decoded(field, MAX_UPLOAD))?;
    let settings =
        body.optional("settings", |field| decoded(field, MAX_SETTINGS * 2))?.unwrap_or_default();
    let manifest = body.required("manifest", |field| decoded(field, MAX_MANIFEST * 2))?;
    let signature = body.required("signature", |field| decoded(field, 128))?;
    let stage = body.optional("stage", |field| {
        field.parsed(1..=16, |text| match text {
            "shadow" => Ok(Stage::Shadow),
            "live" => Ok(Stage::Live),
            _ => Err("neither shadow nor live"),
        })
    })?;
    let drift_percent = body.optional("drift_percent", percent)?;
    body.finish()?;
    if settings.len() > MAX_SETTINGS {
        let detail = format!("settings has more than {MAX_SETTINGS} bytes");
        return Err(Problem::new(Code::InvalidField, detail).with("field", "settings").into());
    }
    let upload = Upload {
        merchant: operator.merchant,
        envelope: Envelope { manifest, signature },
        component,
        settings,
        stage: stage.unwrap_or(Stage::Shadow),
        drift_percent: drift_percent.unwrap_or(DRIFT_PERCENT),
    };
    Ok(Json(gateway.plugins.publish(upload).await?))
}

#[utoipa::path(
    get, path = "/admin/v1/merchants/{id}/plugins", tag = "operator", summary = "A merchant's releases, newest first",
    params(("id" = String, Path, description = "`m_…`"), ("limit" = Option<u32>, Query, description = "1 to 100; 20 if left out")),
    responses((status = 200, description = "The releases", body = List<ReleaseStateView>), openapi::Problems), security(("operator" = [])),
    extensions(("x-codes" = json!(codes(&[Code::InvalidField, Code::UnknownField])))),
)]
pub(super) async fn releases(
    State(gateway): State<Arc<Gateway>>,
    operator: Operator,
) -> Result<Json<List<ReleaseStateView>>, Reply> {
    let limit = operator.limit()?;
    let merchant = gateway.merchants.known(&operator.merchant)?;
    Ok(Json(List::whole(gateway.plugins.releases(&merchant, limit).await?)))
}

#[utoipa::path(
    post, path = "/admin/v1/merchants/{id}/plugins/{sequence}/promote", tag = "operator", summary = "Let a release go on",
    description = "Forward alone: `shadow`, `canary` with 1, 10, 50, 100, 200 or 500 of a thousand orders, `live`. One that was paused goes on. The same again changes nothing.",
    params(("id" = String, Path, description = "`m_…`"), ("sequence" = u64, Path, description = "The number of the release")),
    request_body = openapi::Promotion,
    responses((status = 200, description = "The release", body = ReleaseStateView), openapi::Problems), security(("operator" = [])),
    extensions(("x-codes" = json!(codes(&[Code::ReleaseNotFound, Code::ReleaseStage])))),
)]
pub(super) async fn promote(
    State(gateway): State<Arc<Gateway>>,
    operator: Operator,
) -> Result<Json<ReleaseStateView>, Reply> {
    let sequence = operator.sequence()?;
    let mut body = Object::parse(&operator.body)?;
    let to = body.required("to", |field| field.text(1..=16))?;
    let per_mille = body.optional("per_mille", |field| field.integer(1..=500))?;
    let drift_percent = body.optional("drift_percent", percent)?;
    body.finish()?;
    let share = per_mille.and_then(|it| Share::from_per_mille(u16::try_from(it).ok()?));
    let to = match (to.as_str(), per_mille, share) {
        ("shadow", None, _) => Stage::Shadow,
        ("live", None, _) => Stage::Live,
        ("canary", Some(_), Some(share)) => Stage::Canary(share),
        _ => {
            let detail = "to is shadow, live, or canary with per_mille 1, 10, 50, 100, 200 or 500";
            return Err(Problem::new(Code::InvalidField, detail).with("field", "to").into());
        }
    };
    let wish = Move::Promote { to, drift_percent };
    Ok(Json(gateway.plugins.move_release(operator.merchant, sequence, wish).await?))
}

#[utoipa::path(
    post, path = "/admin/v1/merchants/{id}/plugins/{sequence}/pause", tag = "operator", summary = "Let a release that is on its way rest",
    description = "It stays where it is and is not asked; `promote` lets it go on.",
    params(("id" = String, Path, description = "`m_…`"), ("sequence" = u64, Path, description = "The number of the release")),
    responses((status = 200, description = "The release", body = ReleaseStateView), openapi::Problems), security(("operator" = [])),
    extensions(("x-codes" = json!(codes(&[Code::ReleaseNotFound, Code::ReleaseStage])))),
)]
pub(super) async fn pause(
    State(gateway): State<Arc<Gateway>>,
    operator: Operator,
) -> Result<Json<ReleaseStateView>, Reply> {
    Ok(act(&gateway, operator, Move::Pause).await?)
}

#[utoipa::path(
    post, path = "/admin/v1/merchants/{id}/plugins/{sequence}/rollback", tag = "operator", summary = "Take a release back",
    description = "If it was live, the one before decides again; if there is none, the standard plugin does. The same again changes nothing.",
    params(("id" = String, Path, description = "`m_…`"), ("sequence" = u64, Path, description = "The number of the release")),
    responses((status = 200, description = "The release", body = ReleaseStateView), openapi::Problems), security(("operator" = [])),
    extensions(("x-codes" = json!(codes(&[Code::ReleaseNotFound, Code::ReleaseStage])))),
)]
pub(super) async fn rollback(
    State(gateway): State<Arc<Gateway>>,
    operator: Operator,
) -> Result<Json<ReleaseStateView>, Reply> {
    Ok(act(&gateway, operator, Move::RollBack).await?)
}

#[utoipa::path(
    get, path = "/admin/v1/merchants/{id}/plugins/{sequence}/differences", tag = "operator", summary = "Orders that a release decides otherwise",
    description = "Newest first; the last 1,000 are kept.",
    params(("id" = String, Path, description = "`m_…`"), ("sequence" = u64, Path, description = "The number of the release"),
        ("limit" = Option<u32>, Query, description = "1 to 100; 20 if left out")),
    responses((status = 200, description = "The orders, each with both decisions", body = List<DifferenceView>), openapi::Problems), security(("operator" = [])),
    extensions(("x-codes" = json!(codes(&[Code::ReleaseNotFound, Code::InvalidField, Code::UnknownField])))),
)]
pub(super) async fn differences(
    State(gateway): State<Arc<Gateway>>,
    operator: Operator,
) -> Result<Json<List<DifferenceView>>, Reply> {
    let (sequence, limit) = (operator.sequence()?, operator.limit()?);
    gateway.merchants.known(&operator.merchant)?;
    let found = gateway.plugins.differences(operator.merchant, sequence, limit).await?;
    Ok(Json(List::whole(found)))
}

#[utoipa::path(
    get, path = "/admin/v1/merchants/{id}/plugin", tag = "operator", summary = "The release that decides a merchant's orders",
    params(("id" = String, Path, description = "`m_…`")),
    responses((status = 200, description = "The release", body = ReleaseStateView), openapi::Problems), security(("operator" = [])),
)]
pub(super) async fn plugin(
    State(gateway): State<Arc<Gateway>>,
    operator: Operator,
) -> Result<Json<ReleaseStateView>, Reply> {
    let merchant = gateway.merchants.known(&operator.merchant)?;
    Ok(Json(gateway.plugins.live_release(&merchant).await?))
}

#[utoipa::path(
    delete, path = "/admin/v1/merchants/{id}/plugin", tag = "operator", summary = "Take a merchant's plugin away",
    params(("id" = String, Path, description = "`m_…`")),
    responses((status = 204, description = "The standard plugin decides from now on"), openapi::Problems), security(("operator" = [])),
)]
pub(super) async fn remove_plugin(
    State(gateway): State<Arc<Gateway>>,
    operator: Operator,
) -> Result<StatusCode, Reply> {
    gateway.plugins.remove(operator.merchant).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(
    put, path = "/admin/v1/merchants/{id}/plugin-keys/{keyid}", operation_id = "operator_put_plugin_key", tag = "operator", summary = "Add a key that signs a merchant's releases, or change one",
    params(("id" = String, Path, description = "`m_…`"), ("keyid" = String, Path, description = "1 to 64 of A-Z, a-z, 0-9 and _ . : -")),
    request_body = openapi::NewKey,
    responses((status = 204, description = "Done"), openapi::Problems), security(("operator" = [])),
)]
pub(super) async fn put_plugin_key(
    State(gateway): State<Arc<Gateway>>,
    operator: Operator,
) -> Result<StatusCode, Reply> {
    gateway.merchants.known(&operator.merchant)?;
    let keyid = checked_keyid(operator.part.unwrap_or_default())?;
    let pem = publisher_key(&operator.body)?;
    let key = PluginKey { keyid, merchant: operator.merchant, pem };
    let scope = Scope::Merchant(key.merchant.clone());
    if !store::write(&gateway.node.store, scope, move |tx| tx.put_plugin_key(&key)).await? {
        return Err(Problem::new(Code::InvalidField, "keyid is another merchant's")
            .with("field", "keyid")
            .into());
    }
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(
    delete, path = "/admin/v1/merchants/{id}/plugin-keys/{keyid}", operation_id = "operator_remove_plugin_key", tag = "operator", summary = "Take a key that signs releases away",
    params(("id" = String, Path, description = "`m_…`"), ("keyid" = String, Path, description = "The key's name")),
    responses((status = 204, description = "Done; what it signed before goes on"), openapi::Problems), security(("operator" = [])),
)]
pub(super) async fn remove_plugin_key(
    State(gateway): State<Arc<Gateway>>,
    operator: Operator,
) -> Result<StatusCode, Reply> {
    gateway.merchants.known(&operator.merchant)?;
    let Operator { merchant, part, .. } = operator;
    let keyid = part.unwrap_or_default();
    let scope = Scope::Merchant(merchant.clone());
    let work = move |tx: &dyn Tx| tx.remove_plugin_key(&merchant, &keyid);
    let removed = store::write(&gateway.node.store, scope, work);
    if !removed.await? {
        return Err(
            Problem::new(Code::NotFound, "the merchant has no plugin key with this keyid").into()
        );
    }
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(
    get, path = "/admin/v1/merchants/{id}/decisions", tag = "operator", summary = "A merchant's last decisions, newest first",
    description = "Each with the release, its digest, fuel and reasons. Those of orders are kept with them; of orders that were denied, the last 1,000.",
    params(("id" = String, Path, description = "`m_…`"), ("limit" = Option<u32>, Query, description = "1 to 100; 20 if left out")),
    responses((status = 200, description = "The decisions", body = List<LoggedView>), openapi::Problems), security(("operator" = [])),
    extensions(("x-codes" = json!(codes(&[Code::InvalidField, Code::UnknownField])))),
)]
pub(super) async fn decisions(
    State(gateway): State<Arc<Gateway>>,
    operator: Operator,
) -> Result<Json<List<LoggedView>>, Reply> {
    let limit = operator.limit()?;
    gateway.merchants.known(&operator.merchant)?;
    Ok(Json(List::whole(gateway.plugins.decisions(operator.merchant, limit).await?)))
}

async fn act(
    gateway: &Gateway,
    operator: Operator,
    wish: Move,
) -> Result<Json<ReleaseStateView>, Problem> {
    let sequence = operator.sequence()?;
    if !operator.body.is_empty() {
        Object::parse(&operator.body)?.finish()?;
    }
    Ok(Json(gateway.plugins.move_release(operator.merchant, sequence, wish).await?))
}

fn percent(field: Field) -> Result<u8, Invalid> {
    Ok(u8::try_from(field.integer(0..=100)?).unwrap_or(100))
}

fn decoded(field: Field, most: usize) -> Result<Vec<u8>, Invalid> {
    let invalid = field.invalid("must be base64 (RFC 4648, section 4)");
    Base64::decode_vec(&field.text(0..=most)?).map_err(|_| invalid)
}
