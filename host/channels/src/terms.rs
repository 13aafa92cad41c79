//! A request's text, amount and time, as every adapter writes them.

use lezai_core::money::{Currency, Money};
use lezai_core::time::Timestamp;

/// The description that the shopper reads: the merchant and what is bought, never empty.
pub(crate) fn described(merchant: &str, description: &str) -> String {
    match (merchant.trim(), description.trim()) {
        ("", "") => "-".to_owned(),
        (merchant, "") => merchant.to_owned(),
        ("", description) => description.to_owned(),
        (merchant, description) => format!("{merchant} {description}"),
    }
}

/// Fen, if it is CNY.
pub(crate) fn fen(amount: Money) -> Option<i64> {
    (amount.currency().code() == "CNY").then(|| amount.minor())
}

/// Fen as money.
pub(crate) fn money(fen: i64) -> Option<Money> {
    Money::new(fen, Currency::from_code("CNY").ok()?).ok()
}

/// Seconds since the epoch.
pub(crate) fn seconds(at: Timestamp) -> i64 {
    at.as_ms().div_euclid(1_000)
}
