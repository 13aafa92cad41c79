//! Shapes and examples of mandates and debits for the document at `/openapi.json`, as in `openapi.rs`.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

/// A mandate to be agreed to.
#[derive(ToSchema)]
#[schema(as = NewMandate)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewMandate {
    /// The merchant's own number, unique among its mandates.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.:-]+$", example = "M-1")]
    merchant_mandate_id: String,
    /// The text that the shopper agrees to.
    #[schema(min_length = 1, max_length = 200, example = "Tea of the month")]
    description: String,
    /// The most of each debit, in minor units.
    #[schema(minimum = 1, maximum = 9007199254740991_i64, example = 5000)]
    max_amount: i64,
    /// ISO 4217.
    #[schema(min_length = 3, max_length = 3, example = "CNY")]
    currency: String,
    /// The bound of all debits of a period. If absent, each debit has its bound and all of them have none.
    #[schema(required = false)]
    period: NewPeriod,
    /// Where the shopper goes afterwards.
    #[schema(required = false, max_length = 512, format = "uri")]
    return_url: String,
    /// From when on it is not debited any more: a minute to ten years ahead. RFC 3339.
    #[schema(format = "date-time", example = "2027-11-18T08:00:00Z")]
    expires_at: String,
}

/// The bound of all debits of a period. The first one begins when the shopper agrees.
#[derive(ToSchema)]
#[schema(as = NewPeriod)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewPeriod {
    /// Its length, in days of 24 hours.
    #[schema(minimum = 1, maximum = 366, example = 30)]
    days: u16,
    /// The most that is debited in each, in minor units.
    #[schema(minimum = 1, maximum = 9007199254740991_i64, example = 9000)]
    max_amount: i64,
}

/// A debit under a mandate.
#[derive(ToSchema)]
#[schema(as = NewDebit)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewDebit {
    /// The merchant's own number of the order, unique among its orders.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.:-]+$", example = "A-2001")]
    merchant_order_id: String,
    /// How much, in minor units; at most what the mandate allows.
    #[schema(minimum = 1, maximum = 9007199254740991_i64, example = 4900)]
    amount: i64,
    /// ISO 4217: the mandate's.
    #[schema(min_length = 3, max_length = 3, example = "CNY")]
    currency: String,
    /// The text that the payer reads.
    #[schema(min_length = 1, max_length = 200, example = "Tea of May")]
    description: String,
    /// Where callbacks go, on a host that the operator allowed; the merchant's own address if absent.
    #[schema(required = false, max_length = 512, format = "uri")]
    notify_url: String,
    /// Remarks of the merchant's own: at most 20, with names of up to 40 characters and texts of up to 200.
    #[schema(required = false)]
    metadata: BTreeMap<String, String>,
}

/// A debit that is taken back.
#[derive(ToSchema)]
#[schema(as = SandboxDebitReturn)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct SandboxDebitReturn {
    /// Why, as the payer's bank says it: `payer_objected` if absent.
    #[schema(
        required = false,
        min_length = 1,
        max_length = 32,
        pattern = "^[a-z_]+$",
        example = "account_closed"
    )]
    code: String,
}

/// Which mandates.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct MandatesAsked {
    /// The merchant's own number of it. It stands alone.
    #[param(
        required = false,
        min_length = 1,
        max_length = 64,
        pattern = "^[A-Za-z0-9_.:-]+$",
        example = "M-1"
    )]
    merchant_mandate_id: String,
    /// `pending`, `active`, `declined`, `revoked` or `expired`.
    #[param(required = false, example = "active")]
    status: String,
}

/// An example of a schema.
pub(super) fn example(schema: &str) -> Option<Value> {
    Some(match schema {
        "NewMandate" => json!({
            "merchant_mandate_id": "M-1", "description": "Tea of the month", "max_amount": 5000, "currency": "CNY",
            "period": { "days": 30, "max_amount": 9000 }, "return_url": "https://shop.example/subscribed",
            "expires_at": "2027-11-18T08:00:00Z",
        }),
        "NewDebit" => json!({
            "merchant_order_id": "A-2001", "amount": 4900, "currency": "CNY", "description": "Tea of May",
            "metadata": { "subscription": "s-7" },
        }),
        "SandboxDebitReturn" => json!({ "code": "account_closed" }),
        "MandateView" => mandate(),
        "List_MandateView" => json!({ "object": "list", "data": [mandate()], "has_more": false }),
        other => return super::fx_shapes::example(other),
    })
}

fn mandate() -> Value {
    json!({
        "id": "mdt_019ab5c0f1000123456789abcdef0123", "object": "mandate", "merchant_mandate_id": "M-1", "status": "active",
        "description": "Tea of the month", "max_amount": 5000, "currency": "CNY",
        "period": { "days": 30, "max_amount": 9000 }, "available_amount": 4100, "channel": "sandbox",
        "method": "wallet_debit", "return_url": "https://shop.example/subscribed", "debits": 1,
        "created_at": "2026-11-18T08:00:00.000Z", "agree_by": "2026-11-19T08:00:00.000Z",
        "expires_at": "2027-11-18T08:00:00.000Z", "activated_at": "2026-11-18T08:01:00.000Z",
    })
}

#[cfg(test)]
mod tests {
    use lezai_gateway::orders::{debits, mandates};

    use super::*;

    #[test]
    fn what_the_document_shows_is_accepted() {
        let bytes = |name| example(name).unwrap().to_string().into_bytes();
        mandates::NewMandate::parse(&bytes("NewMandate")).unwrap();
        debits::NewDebit::parse(&bytes("NewDebit")).unwrap();
    }
}
