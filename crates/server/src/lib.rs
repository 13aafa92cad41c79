//! The core's face for a merchant's server in JavaScript: sign its requests, verify the gateway's
//! answers and callbacks.
//!
//! Owns the crossing between JavaScript and the core, and decides nothing. Does no I/O, and takes
//! time and nonces as arguments. It holds a merchant's private key, so no page ever loads it: that
//! is why it is not a part of `lezai-web`.
//!
//! Errors reach JavaScript as exceptions whose message says what is wrong.

mod callback;
mod exchange;
mod keys;
mod reconcile;

use lezai_core::time::Timestamp;

pub use callback::{verify_callback, verify_webhook};
pub use exchange::Exchange;
pub use keys::{KeyRing, MerchantKey, PublicKey};
pub use reconcile::reconcile;

/// JavaScript's clock counts in whole milliseconds; the cast saturates at the ends of time.
#[expect(clippy::cast_possible_truncation, reason = "saturation is meant")]
fn timestamp(ms: f64) -> Timestamp {
    Timestamp::from_ms(ms as i64)
}

/// Header fields arrive flat: names and values in turn.
fn pairs(flat: Vec<String>) -> Vec<(String, String)> {
    let mut flat = flat.into_iter();
    std::iter::from_fn(|| Some((flat.next()?, flat.next()?))).collect()
}

fn borrow(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}
