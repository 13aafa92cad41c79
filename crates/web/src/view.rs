//! What a page is about to show, held against the grant that came with it.

use lezai_core::grant::{Grant, GrantError};
use lezai_core::key::VerifyingKey;
use lezai_core::time::Timestamp;
use serde::Deserialize;
use wasm_bindgen::prelude::*;

use crate::PublicKey;

/// The parts of a session's view that its grant must agree with.
#[derive(Deserialize)]
struct View {
    session: String,
    merchant: Merchant,
    amount: i64,
    currency: String,
    methods: Vec<Method>,
    grant: String,
}

#[derive(Deserialize)]
struct Merchant {
    id: String,
}

#[derive(Deserialize)]
struct Method {
    id: String,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Mismatch {
    #[error("the answer is no checkout session")]
    NoView,
    #[error(transparent)]
    Grant(#[from] GrantError),
    #[error("the grant is for another {0}")]
    Other(&'static str),
}

/// Checks that the grant inside a view binds what the view shows to this page: session, merchant,
/// amount, currency, methods, the page's key (its thumbprint is `jkt`) and its origin. `body` is
/// the verified answer, `session` the one the page was given, `now_ms` the gateway's clock.
///
/// # Errors
///
/// If the grant is missing, forged, over, or for something else; the message says what.
#[wasm_bindgen]
pub fn check_grant(
    body: &[u8],
    key: &PublicKey,
    session: &str,
    jkt: &str,
    origin: &str,
    now_ms: f64,
) -> Result<(), JsError> {
    #[expect(clippy::cast_possible_truncation, reason = "saturation at the ends of time is meant")]
    let now = Timestamp::from_ms(now_ms as i64);
    Ok(granted(body, &key.0, session, jkt, origin, now)?)
}

fn granted(
    body: &[u8],
    key: &VerifyingKey,
    session: &str,
    jkt: &str,
    origin: &str,
    now: Timestamp,
) -> Result<(), Mismatch> {
    let view: View = serde_json::from_slice(body).map_err(|_| Mismatch::NoView)?;
    let grant = Grant::verify(&view.grant, key, now)?;
    let methods = view.methods.iter().all(|method| grant.methods.contains(&method.id));
    // An origin is absent where the browser names none, such as in a sandboxed frame.
    let here = grant.origin.is_empty() || grant.origin == origin;
    for (same, what) in [
        (view.session == session && grant.session.as_str() == session, "session"),
        (grant.merchant.as_str() == view.merchant.id, "merchant"),
        (grant.amount == view.amount, "amount"),
        (grant.currency.code() == view.currency, "currency"),
        (methods, "list of methods"),
        (grant.cnf.jkt == jkt, "page's key"),
        (here, "website"),
    ] {
        if !same {
            return Err(Mismatch::Other(what));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use lezai_core::grant::Confirmation;
    use lezai_core::id::{MerchantId, OrderId, SessionId};
    use lezai_core::key::SigningKey;
    use lezai_core::money::Currency;

    const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);
    const SESSION: &str = "cs_00112233445566778899aabbccddeeff";

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_entropy(&std::array::from_fn(|i| seed + [0, 85][i % 2])).unwrap()
    }

    /// A view of the session, with a grant for what it shows.
    fn view(origin: &str) -> String {
        let grant = Grant {
            iss: "https://pay.example".to_owned(),
            session: SessionId::parse(SESSION).unwrap(),
            order: OrderId::parse("ord_00112233445566778899aabbccddeeff").unwrap(),
            merchant: MerchantId::parse("m_demo").unwrap(),
            amount: 12_800,
            currency: Currency::from_code("CNY").unwrap(),
            methods: vec!["wallet_qr".to_owned(), "wallet_redirect".to_owned()],
            origin: origin.to_owned(),
            cnf: Confirmation { jkt: "page".to_owned() },
            iat: NOW.as_ms() / 1000,
            exp: NOW.as_ms() / 1000 + 900,
        };
        let grant = grant.sign(&key(9)).unwrap();
        format!(
            r#"{{"session":"{SESSION}","merchant":{{"id":"m_demo","name":"Demo"}},"amount":12800,"currency":"CNY","methods":[{{"id":"wallet_qr","kind":"qr"}}],"grant":"{grant}"}}"#
        )
    }

    fn judged(body: &str, jkt: &str, seed: u8, now: Timestamp) -> Result<(), Mismatch> {
        let key = key(seed).verifying_key();
        granted(body.as_bytes(), &key, SESSION, jkt, "https://shop.example", now)
    }

    #[test]
    fn a_view_is_held_against_its_grant() {
        let good = view("https://shop.example");
        assert_eq!(judged(&good, "page", 9, NOW), Ok(()));
        assert_eq!(judged(&view(""), "page", 9, NOW), Ok(()), "a page that named no origin");
        for (before, after, what) in [
            (SESSION, "cs_ff112233445566778899aabbccddeeff", "session"),
            ("m_demo", "m_other", "merchant"),
            ("12800", "1", "amount"),
            ("CNY", "JPY", "currency"),
            ("wallet_qr", "bank_transfer", "list of methods"),
        ] {
            let shown = good.replacen(before, after, 1);
            assert_eq!(judged(&shown, "page", 9, NOW), Err(Mismatch::Other(what)));
        }
        let elsewhere = view("https://thief.example");
        assert_eq!(judged(&elsewhere, "page", 9, NOW), Err(Mismatch::Other("website")));
        assert_eq!(judged(&good, "thief", 9, NOW), Err(Mismatch::Other("page's key")));
    }

    #[test]
    fn a_grant_is_the_gateways_and_ends() {
        let good = view("https://shop.example");
        let late = NOW.plus_secs(901);
        assert_eq!(judged(&good, "page", 8, NOW), Err(Mismatch::Grant(GrantError::Signature)));
        assert_eq!(judged(&good, "page", 9, late), Err(Mismatch::Grant(GrantError::Expired)));
        assert_eq!(judged("{}", "page", 9, NOW), Err(Mismatch::NoView));
    }
}
