//! Shapes and examples of rates and quotes for the document at `/openapi.json`, as in `openapi.rs`.

use serde_json::{Value, json};
use utoipa::ToSchema;

/// A quote to be made.
#[derive(ToSchema)]
#[schema(as = NewFxQuote)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewFxQuote {
    /// The currency that the shopper pays. ISO 4217.
    #[schema(min_length = 3, max_length = 3, example = "USD")]
    from_currency: String,
    /// The currency that is settled. ISO 4217.
    #[schema(min_length = 3, max_length = 3, example = "CNY")]
    to_currency: String,
    /// How long the rate is fixed: `five_minutes`, `hour` or `day`. The longer, the larger the spread.
    #[schema(example = "five_minutes")]
    lock_duration: String,
}

/// A rate of the market to be put.
#[derive(ToSchema)]
#[schema(as = NewFxRate)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewFxRate {
    /// As many of the settled currency for one that is paid: a decimal of at most 12 digits, as text.
    #[schema(
        min_length = 1,
        max_length = 16,
        pattern = "^(0|[1-9][0-9]*)(\\.[0-9]+)?$",
        example = "7.1234"
    )]
    rate: String,
    /// The spread of each lock that is offered; at least one.
    spread_ppm: NewSpreads,
    /// For how many seconds it is good; a quote by it stays good for as long as it is fixed.
    #[schema(minimum = 1, maximum = 604800, example = 600)]
    valid_for: i64,
    /// Where it is from; `operator` if absent.
    #[schema(required = false, min_length = 1, max_length = 64, example = "treasury desk")]
    source: String,
}

/// The spread of each lock, in parts per million of the rate. A lock without one is not offered.
#[derive(ToSchema)]
#[schema(as = NewSpreads)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewSpreads {
    /// Of five minutes.
    #[schema(required = false, minimum = 0, maximum = 100_000, example = 3000)]
    five_minutes: i64,
    /// Of an hour.
    #[schema(required = false, minimum = 0, maximum = 100_000, example = 5000)]
    hour: i64,
    /// Of a day.
    #[schema(required = false, minimum = 0, maximum = 100_000, example = 9000)]
    day: i64,
}

/// An example of a schema.
pub(super) fn example(schema: &str) -> Option<Value> {
    Some(match schema {
        "NewFxQuote" => {
            json!({ "from_currency": "USD", "to_currency": "CNY", "lock_duration": "five_minutes" })
        }
        "NewFxRate" => json!({
            "rate": "7.1234", "spread_ppm": { "five_minutes": 3000, "hour": 5000 }, "valid_for": 600, "source": "treasury desk",
        }),
        "FxQuoteView" => quote(),
        "List_FxQuoteView" => json!({ "object": "list", "data": [quote()], "has_more": false }),
        "FxRateView" => rate(),
        "List_FxRateView" => json!({ "object": "list", "data": [rate()], "has_more": false }),
        _ => return None,
    })
}

fn quote() -> Value {
    json!({
        "id": "fxq_019ab5c0dd000123456789abcdef0123", "object": "fx_quote", "status": "active", "from_currency": "USD",
        "to_currency": "CNY", "lock_duration": "five_minutes", "exchange_rate": "7.1020298", "base_rate": "7.1234",
        "spread_ppm": 3000, "rate_source": "treasury desk", "rate_at": "2026-11-18T11:00:00.000Z",
        "created_at": "2026-11-18T11:06:40.000Z", "expires_at": "2026-11-18T11:11:40.000Z",
    })
}

fn rate() -> Value {
    json!({
        "object": "fx_rate", "from_currency": "USD", "to_currency": "CNY", "rate": "7.1234",
        "spread_ppm": { "five_minutes": 3000, "hour": 5000 }, "source": "treasury desk", "put_at": "2026-11-18T11:00:00.000Z",
        "valid_until": "2026-11-18T11:10:00.000Z", "stale": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use lezai_gateway::funds::fx;

    #[test]
    fn an_example_of_a_request_is_read_as_one() {
        let bytes = |schema: &str| example(schema).unwrap().to_string().into_bytes();
        fx::NewQuote::parse(&bytes("NewFxQuote")).unwrap();
        fx::NewRate::parse(&bytes("NewFxRate")).unwrap();
    }
}
