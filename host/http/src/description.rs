//! `/openapi.json`: made from the handlers and the types that they answer with.

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use http::header;
use serde_json::Value;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::Calls;
use super::openapi::ProblemView;

use super::document;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Lezai", license(name = "Apache-2.0", identifier = "Apache-2.0"),
        description = "A payment gateway. Amounts are whole minor units with an ISO 4217 currency; times are RFC 3339 in UTC.",
    ),
    components(schemas(ProblemView)),
    tags(
        (name = "orders", description = "A merchant's server makes orders, asks, and ends them. Signed with the merchant's key."),
        (name = "balances", description = "What is owed to a merchant. Signed with the merchant's key."),
        (name = "fx", description = "Rates that are fixed for a time, for orders that are settled in another currency: docs/fx.md. Signed with the merchant's key."),
        (name = "receivers", description = "Those that a merchant shares orders with. Signed with the merchant's key."),
        (name = "splits", description = "Settled orders are shared out, and shares given back. Signed with the merchant's key."),
        (name = "mandates", description = "A shopper agrees to be debited, and a merchant's server debits them: docs/mandates.md. Signed with the merchant's key."),
        (name = "payouts", description = "A merchant's server has paid out what is available. Signed with the merchant's key."),
        (name = "settlements", description = "What became available and was paid out, from one cut-off to the next, and by which contract. Signed with the merchant's key."),
        (name = "statements", description = "What the ledger says of a merchant between two entries, as a file. Signed with the merchant's key."),
        (name = "refunds", description = "A merchant's server gives back. Signed with the merchant's key."),
        (name = "events", description = "What the merchant was told, by callback and here: docs/callbacks.md."),
        (name = "checkout", description = "The shopper's page opens the order's session, claims it with the first choice of a method, and pays. Signed with the page's own key."),
        (name = "operator", description = "Merchants, keys, policies, contracts, plugins, reviews, payouts and reconciliation. With the operator's token."),
        (name = "sandbox", description = "The shopper's acts and the test clock. Unsigned; in development and sandbox alone."),
        (name = "operations", description = "What machines ask. Unsigned."),
    ),
    modifiers(&OperatorToken),
)]
struct Document;

struct OperatorToken;

impl Modify for OperatorToken {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_with(Default::default);
        let scheme =
            SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        components.add_security_scheme("operator", scheme);
    }
}

fn api() -> utoipa::openapi::OpenApi {
    Calls::with_openapi(Document::openapi()).merge(super::calls()).into_openapi()
}

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let mut document = serde_json::to_value(api()).unwrap_or_default();
    document::complete(&mut document);
    document
});
static TEXT: LazyLock<String> = LazyLock::new(|| DOCUMENT.to_string());

/// The document.
pub(super) async fn document() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], TEXT.as_str()).into_response()
}

/// The document as text, which is the same for every gateway of this version.
pub fn text() -> &'static str {
    &TEXT
}

/// The document, to be read.
pub(super) fn parsed() -> &'static Value {
    &DOCUMENT
}
