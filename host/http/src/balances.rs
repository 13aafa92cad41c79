//! A merchant's balances over HTTP.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lezai_core::policy::is_receiver;

use lezai_wire::problem::Code;
use utoipa_axum::routes;

use super::document::codes;
use super::extract::{Query, asked};
use super::signed::Incoming;
use super::{Calls, Reply};
use lezai_gateway::funds::balances;
use lezai_gateway::funds::balances::BalancesView;
use lezai_gateway::gateway::Gateway;
use lezai_wire::page;

/// The call for balances.
pub(super) fn calls() -> Calls {
    Calls::default().routes(routes!(find))
}

#[utoipa::path(
    get, path = "/v1/balances", tag = "balances", summary = "What is owed to the merchant or to one that it shares with, now or at a past moment",
    description = "Taken from the ledger, in which nothing is ever changed: a past moment's balances stay what they were.",
    params(super::openapi::Signed, super::openapi::BalancesAsked),
    responses((status = 200, description = "The balances", body = BalancesView), super::openapi::Problems),
    extensions(("x-codes" = json!(codes(&[Code::InvalidField, Code::UnknownField])))),
)]
pub(super) async fn find(
    State(gateway): State<Arc<Gateway>>,
    query: Query,
    incoming: Incoming,
) -> Result<Json<BalancesView>, Reply> {
    let (merchant, _) = incoming.merchant(&gateway)?;
    let mut asked = asked(query)?;
    let at = asked.optional("at", page::time)?;
    let receiver = asked.optional("receiver", |text| {
        let known = is_receiver(text).then(|| text.to_owned());
        known.ok_or("no receiver: 1 to 64 of A-Z, a-z, 0-9, _, ., : and -")
    })?;
    asked.finish()?;
    Ok(Json(balances::of_merchant(&gateway, &merchant.record.id, receiver, at).await?))
}
