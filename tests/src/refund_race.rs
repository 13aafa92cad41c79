//! Two hundred callers who refund one order of 12,800 at once: more than four times what it can give back. No two
//! amounts are alike, so that what is left fits some and not others; of every ten, one sends another's request again,
//! and one takes another's number.

use serde_json::json;

use crate::client::{Answer, crowd};

const CALLERS: usize = 200;

/// The caller whose refund this one asks for: its own, or the first one's of its ten.
fn refund_of(caller: usize) -> usize {
    caller / 10 * 10 + if caller % 10 < 8 { caller % 10 } else { 0 }
}

/// Whether another caller asks for the same refund, by the same number or the same key.
pub fn is_contested(caller: usize) -> bool {
    [0, 8, 9].contains(&(caller % 10))
}

/// Whether another caller sends the very same request.
pub fn is_repeated(caller: usize) -> bool {
    [0, 9].contains(&(caller % 10))
}

/// How much this caller asks for.
pub fn amount(caller: usize) -> i64 {
    300 + i64::try_from(refund_of(caller) % 100).unwrap()
}

/// Has them all ask, by idempotency key and body; their answers in the order of their numbers.
pub fn run(number: &str, ask: impl Fn(&str, &str) -> Answer + Sync) -> Vec<Answer> {
    crowd(CALLERS, |caller| {
        let refund = json!({
            "merchant_refund_id": format!("{number}-{}", refund_of(caller)),
            "amount": amount(caller),
            "currency": "CNY",
        });
        let key = if caller % 10 == 9 { refund_of(caller) } else { caller };
        ask(&format!("{number}-{key}"), &refund.to_string())
    })
}
