//! Shapes and examples of batches of payouts for the document at `/openapi.json`, as in `openapi.rs`.

use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::openapi::{NewDestination, PayoutSource};

/// Which batches of payouts.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct PayoutBatchesAsked {
    /// The merchant's own number. It stands alone.
    #[param(
        required = false,
        min_length = 1,
        max_length = 64,
        pattern = "^[A-Za-z0-9_.:-]+$",
        example = "B-1"
    )]
    merchant_payout_batch_id: String,
}

/// Which payouts of a batch.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct PayoutsOfBatchAsked {
    /// A status, such as `failed`.
    #[param(required = false, example = "failed")]
    status: String,
}

/// A batch of payouts to be made.
#[derive(ToSchema)]
#[schema(as = NewPayoutBatch)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewPayoutBatch {
    /// The merchant's own number, unique among its batches.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.:-]+$", example = "B-1")]
    merchant_payout_batch_id: String,
    /// ISO 4217; of every item.
    #[schema(min_length = 3, max_length = 3, example = "CNY")]
    currency: String,
    /// The sum of the items' amounts, in minor units: else nothing is accepted.
    #[schema(minimum = 1, maximum = 9007199254740991_i64, example = 9000)]
    total_amount: i64,
    /// How many items there are: else nothing is accepted.
    #[schema(minimum = 1, maximum = 1000, example = 2)]
    total_count: u32,
    /// The payouts.
    #[schema(min_items = 1, max_items = 1000)]
    items: Vec<NewPayoutItem>,
    /// RFC 3339: none of them is sent before; at most 90 days ahead.
    #[schema(required = false, format = "date-time")]
    not_before: String,
}

/// A payout of a batch.
#[derive(ToSchema)]
#[schema(as = NewPayoutItem)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewPayoutItem {
    /// The merchant's own number, unique among its payouts; not one that begins with `settlement:`.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.:-]+$", example = "P-1")]
    merchant_payout_id: String,
    /// The amount that arrives, in minor units of the batch's currency. The fee is taken beside it.
    #[schema(minimum = 1, maximum = 9007199254740991_i64, example = 6000)]
    amount: i64,
    /// Where to; not with `from`.
    #[schema(required = false)]
    destination: NewDestination,
    /// A registered receiver whose available balance it is taken from: it goes to that one's own destination.
    #[schema(required = false)]
    from: PayoutSource,
    /// The receiver whose available balance it is taken from, by the merchant's name; the merchant's own if
    /// absent. Not with `from`.
    #[schema(required = false, min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.:-]+$")]
    receiver: String,
    /// The text that the recipient reads.
    #[schema(required = false, min_length = 1, max_length = 80)]
    description: String,
}

/// An example of a schema.
pub(super) fn example(schema: &str) -> Option<Value> {
    Some(match schema {
        "NewPayoutBatch" => json!({
            "merchant_payout_batch_id": "B-1", "currency": "CNY", "total_amount": 9000, "total_count": 2,
            "items": [
                { "merchant_payout_id": "P-1", "amount": 6000, "description": "Jasmine leaves, March",
                  "destination": { "kind": "bank_account", "account": "6222020200112233445", "holder": "Tea House Ltd" } },
                { "merchant_payout_id": "P-2", "amount": 3000, "destination": { "kind": "wallet", "account": "courier-7" } },
            ],
        }),
        "PayoutBatchView" => batch(),
        "List_PayoutBatchView" => {
            json!({ "object": "list", "data": [batch()], "has_more": false })
        }
        "OperatorPayoutBatch" => json!({ "merchant": "m_tea", "payout_batch": batch() }),
        "List_OperatorPayoutBatch" => json!({
            "object": "list", "data": [{ "merchant": "m_tea", "payout_batch": batch() }], "has_more": false,
        }),
        other => return super::split_shapes::example(other),
    })
}

fn batch() -> Value {
    json!({
        "id": "pob_019ab5c0de000123456789abcdef0123", "object": "payout_batch", "merchant_payout_batch_id": "B-1",
        "status": "open", "currency": "CNY", "total_amount": 9000, "total_count": 2, "fee": 200,
        "by_status": [
            { "status": "sent", "count": 1, "amount": 3000 }, { "status": "paid", "count": 1, "amount": 6000 },
        ],
        "contract": 1, "created_at": "2026-11-18T08:00:00.000Z",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use lezai_gateway::funds::payout_batches::NewPayoutBatch;

    #[test]
    fn an_example_of_a_batch_is_read_as_one() {
        let bytes = example("NewPayoutBatch").unwrap().to_string().into_bytes();
        NewPayoutBatch::parse(&bytes).unwrap();
    }
}
