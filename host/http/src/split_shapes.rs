//! Shapes and examples of splits and receivers for the document at `/openapi.json`, as in `openapi.rs`.

use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::openapi::{NewDestination, NewShare};

/// A split to be made.
#[derive(ToSchema)]
#[schema(as = NewSplit)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewSplit {
    /// The merchant's own number, unique among its splits.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.:-]+$", example = "S-1")]
    merchant_split_id: String,
    /// The shares, each of another receiver.
    #[schema(min_items = 1, max_items = 16)]
    shares: Vec<NewShare>,
    /// `all_or_nothing` (if absent): it is refused if a share cannot be. `partial`: those that can be are booked.
    #[schema(required = false, example = "all_or_nothing")]
    mode: String,
    /// Whether what is left is the merchant's to take out afterwards. Not if a share failed.
    #[schema(required = false)]
    finish: bool,
}

/// A share to be given back, whole or in part.
#[derive(ToSchema)]
#[schema(as = NewReturn)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewReturn {
    /// The merchant's own number, unique among its returns.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.:-]+$", example = "T-1")]
    merchant_return_id: String,
    /// The receiver of the share, by the merchant's name.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.:-]+$", example = "courier")]
    receiver: String,
    /// In minor units of the split's currency.
    #[schema(minimum = 1, maximum = 9007199254740991_i64, example = 500)]
    amount: i64,
}

/// A receiver to be registered.
#[derive(ToSchema)]
#[schema(as = NewReceiver)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewReceiver {
    /// The merchant's name for it, as shares have it. It stays its own for good.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.:-]+$", example = "courier")]
    name: String,
    /// `merchant`, `company` or `person`.
    #[schema(example = "company")]
    kind: String,
    /// Where payouts from its balance go.
    #[schema(required = false)]
    destination: NewDestination,
}

/// Which receivers.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct ReceiversAsked {
    /// The merchant's own name for it. It stands alone.
    #[param(
        required = false,
        min_length = 1,
        max_length = 64,
        pattern = "^[A-Za-z0-9_.:-]+$",
        example = "courier"
    )]
    name: String,
}

/// An example of a schema.
pub(super) fn example(schema: &str) -> Option<Value> {
    Some(match schema {
        "NewSplit" => json!({
            "merchant_split_id": "S-1", "mode": "all_or_nothing",
            "shares": [{ "receiver": "courier", "amount": 3000 }, { "receiver": "guide", "amount": 700 }],
        }),
        "NewReturn" => {
            json!({ "merchant_return_id": "T-1", "receiver": "courier", "amount": 500 })
        }
        "NewReceiver" => json!({
            "name": "courier", "kind": "company",
            "destination": { "kind": "bank_account", "account": "6222020200112233445", "holder": "Swift Ltd" },
        }),
        "SplitView" => split(),
        "List_SplitView" => json!({ "object": "list", "data": [split()], "has_more": false }),
        "SplitReturnView" => split_return(),
        "ReceiverView" => receiver(),
        "List_ReceiverView" => json!({ "object": "list", "data": [receiver()], "has_more": false }),
        other => return super::mandate_shapes::example(other),
    })
}

fn split() -> Value {
    json!({
        "id": "spl_019ab5c0f1000123456789abcdef0123", "object": "split", "order_id": "ord_019ab5c0de000123456789abcdef0123",
        "merchant_split_id": "S-1", "mode": "all_or_nothing", "currency": "CNY",
        "items": [
            { "receiver": "courier", "amount": 3000, "status": "succeeded" },
            { "receiver": "guide", "amount": 700, "status": "succeeded" },
        ],
        "returns": [split_return()], "unsplit_amount": 9523, "created_at": "2026-11-19T12:00:00.000Z",
    })
}

fn split_return() -> Value {
    json!({
        "id": "spr_019ab5c0f2000123456789abcdef0123", "object": "split_return", "split_id": "spl_019ab5c0f1000123456789abcdef0123",
        "order_id": "ord_019ab5c0de000123456789abcdef0123", "merchant_return_id": "T-1", "receiver": "courier", "amount": 500,
        "currency": "CNY", "status": "succeeded", "created_at": "2026-11-19T13:00:00.000Z",
    })
}

fn receiver() -> Value {
    json!({
        "id": "rcv_019ab5c0de000123456789abcdef0123", "object": "receiver", "name": "courier", "kind": "company",
        "status": "active", "destination": { "kind": "bank_account", "account": "****3445" },
        "balances": [{ "account": "available", "currency": "CNY", "amount": 2500, "exact": "2500" }],
        "created_at": "2026-11-18T08:00:00.000Z",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use lezai_gateway::funds::receivers;
    use lezai_wire::split_request;

    #[test]
    fn an_example_of_a_request_is_read_as_one() {
        let bytes = |schema: &str| example(schema).unwrap().to_string().into_bytes();
        split_request::NewSplit::parse(&bytes("NewSplit")).unwrap();
        split_request::NewReturn::parse(&bytes("NewReturn")).unwrap();
        receivers::NewReceiver::parse(&bytes("NewReceiver")).unwrap();
    }
}
