//! The shopper's acts on mandates and debits in the sandbox, unsigned, as in `sandbox.rs`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use http::HeaderMap;
use lezai_core::id::{MandateId, OrderId};
use utoipa_axum::routes;

use super::document::codes;
use super::extract::{Segment, segment};
use super::mandate_shapes;
use super::sandbox::sandbox;
use super::signed::read_body;
use super::wallet::Language;
use super::{Calls, Reply, wallet_mandate};
use lezai_channels::sandbox::{MandateAct, TAKEN_BACK, WalletMandate};
use lezai_gateway::gateway::{Gateway, not_found, unanswered};
use lezai_gateway::mandates::{self as kept, MandateView};
use lezai_gateway::orders::mandates;
use lezai_gateway::views;
use lezai_wire::json::{Invalid, Object};
use lezai_wire::problem::{Code, Problem};
use lezai_wire::views::OrderView;

/// A code, and some.
const MAX_RETURN: usize = 1024;

/// The sandbox's calls on mandates for programs.
pub(super) fn calls() -> Calls {
    Calls::default()
        .routes(routes!(agree))
        .routes(routes!(decline_mandate))
        .routes(routes!(revoke_as_payer))
        .routes(routes!(return_debit))
}

#[utoipa::path(
    post, path = "/sandbox/mandates/{id}/agree", operation_id = "sandbox_agree", tag = "sandbox", summary = "Agree to a mandate as the shopper would",
    description = "What their wallet makes of it follows from the mandate's `max_amount`: docs/sandbox.md.",
    params(("id" = String, Path, description = "`mdt_…`")),
    responses((status = 200, description = "The mandate", body = MandateView), super::openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::MandateNotFound, Code::ChannelUnavailable, Code::CrossSite, Code::NotFound])))),
)]
pub(super) async fn agree(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
) -> Result<Json<MandateView>, Reply> {
    Ok(payer(&gateway, id, MandateAct::Agree).await?)
}

#[utoipa::path(
    post, path = "/sandbox/mandates/{id}/decline", operation_id = "sandbox_decline_mandate", tag = "sandbox", summary = "Decline a mandate as the shopper would",
    params(("id" = String, Path, description = "`mdt_…`")),
    responses((status = 200, description = "The mandate", body = MandateView), super::openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::MandateNotFound, Code::ChannelUnavailable, Code::CrossSite, Code::NotFound])))),
)]
pub(super) async fn decline_mandate(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
) -> Result<Json<MandateView>, Reply> {
    Ok(payer(&gateway, id, MandateAct::Decline).await?)
}

#[utoipa::path(
    post, path = "/sandbox/mandates/{id}/revoke", operation_id = "sandbox_revoke_mandate", tag = "sandbox", summary = "Take a mandate back as the payer would",
    params(("id" = String, Path, description = "`mdt_…`")),
    responses((status = 200, description = "The mandate", body = MandateView), super::openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::MandateNotFound, Code::ChannelUnavailable, Code::CrossSite, Code::NotFound])))),
)]
pub(super) async fn revoke_as_payer(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
) -> Result<Json<MandateView>, Reply> {
    Ok(payer(&gateway, id, MandateAct::Revoke).await?)
}

#[utoipa::path(
    post, path = "/sandbox/orders/{id}/return_debit", operation_id = "sandbox_return_debit", tag = "sandbox", summary = "Have the payer's bank take a debit back",
    description = "At any time once it is paid: settled, split or refunded. The body may name a `code`.",
    params(("id" = String, Path, description = "`ord_…`")), request_body = mandate_shapes::SandboxDebitReturn,
    responses((status = 200, description = "The order", body = OrderView), super::openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::OrderNotFound, Code::OrderState, Code::ChannelUnavailable, Code::CrossSite, Code::NotFound])))),
)]
pub(super) async fn return_debit(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    request: Request,
) -> Result<Json<OrderView>, Reply> {
    let id = OrderId::parse(&segment(id)?).map_err(|_| not_found())?;
    let wallet = sandbox(&gateway)?;
    let code = parse_code(&read_body(request, MAX_RETURN).await?).map_err(Problem::from)?;
    let record = gateway.record(id.clone()).await?;
    let status = record.order.state.status();
    let attempt = record.order.state.payment().map(|it| it.attempt.clone());
    let attempt = attempt.filter(|_| record.order.terms.mandate.is_some()).ok_or_else(|| {
        let detail = "only a debit that is paid comes back";
        Problem::new(Code::OrderState, detail).with("order_status", status)
    })?;
    wallet.take_back(&attempt, code).await.map_err(unanswered)?;
    gateway.sync_attempt(attempt).await?;
    Ok(Json(views::order(&gateway.record(id).await?)))
}

/// Reads why the bank takes it back.
fn parse_code(body: &[u8]) -> Result<String, Invalid> {
    if body.is_empty() {
        return Ok(TAKEN_BACK.to_owned());
    }
    let mut body = Object::parse(body)?;
    let code = body.optional("code", |field| {
        field.parsed(1..=32, |text| {
            let word = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            if word { Ok(text.to_owned()) } else { Err("must contain only a-z and _") }
        })
    })?;
    body.finish()?;
    Ok(code.unwrap_or_else(|| TAKEN_BACK.to_owned()))
}

async fn payer(
    gateway: &Gateway,
    id: Segment,
    act: MandateAct,
) -> Result<Json<MandateView>, Problem> {
    let id = MandateId::parse(&segment(id)?).map_err(|_| kept::not_found())?;
    sandbox(gateway)?.act_on_mandate(&id, act).await.map_err(unanswered)?;
    let (mandate, _) = mandates::sync(gateway, id).await?;
    Ok(Json(kept::view(&mandate, gateway.node.clock.now())))
}

/// The wallet's page for a mandate.
pub(super) async fn page(
    State(gateway): State<Arc<Gateway>>,
    id: Segment,
    headers: HeaderMap,
) -> Result<Response, Reply> {
    let (id, mandate) = mandate(&gateway, id).await?;
    Ok(wallet_mandate::page(&id, &mandate, Language::of(&headers)))
}

/// The buttons of that page.
pub(super) async fn by_page(
    State(gateway): State<Arc<Gateway>>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Reply> {
    let unknown = || Problem::new(Code::NotFound, "the wallet's page offers no such act");
    let Path((id, word)) = path.map_err(|_| unknown())?;
    let act = wallet_mandate::act(&word).ok_or_else(unknown)?;
    let (id, _) = mandate(&gateway, Ok(Path(id))).await?;
    sandbox(&gateway)?.act_on_mandate(&id, act).await.map_err(unanswered)?;
    // The wallet's word may be long in coming: the worker asks again.
    if let Err(problem) = mandates::sync(&gateway, id.clone()).await
        && problem.code() != Code::ChannelUnavailable
    {
        return Err(problem.into());
    }
    // The page after it can be loaded again without another act.
    Ok(Redirect::to(&format!("/sandbox/mandates/{id}")).into_response())
}

async fn mandate(gateway: &Gateway, id: Segment) -> Result<(MandateId, WalletMandate), Problem> {
    let unknown = || Problem::new(Code::NotFound, "the wallet knows no such mandate");
    let id = MandateId::parse(&segment(id)?).map_err(|_| unknown())?;
    let found = sandbox(gateway)?.mandate(&id).await.map_err(unanswered)?;
    Ok((id, found.ok_or_else(unknown)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_a_word() {
        let read = |body: &str| parse_code(body.as_bytes()).map_err(|it| it.detail);
        for (body, expected) in [
            ("", Ok(TAKEN_BACK)),
            ("{}", Ok(TAKEN_BACK)),
            (r#"{"code":"account_closed"}"#, Ok("account_closed")),
            (r#"{"code":"Account"}"#, Err("code is not valid: must contain only a-z and _")),
        ] {
            match expected {
                Ok(code) => assert_eq!(read(body).unwrap(), code),
                Err(_) => assert!(read(body).is_err(), "{body}"),
            }
        }
    }
}
