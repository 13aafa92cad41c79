//! What a page is about to show, held against the grant that came with it.

use lezai_core::grant::{self, Grant, GrantError};
use lezai_core::time::Timestamp;
use wasm_bindgen::prelude::*;

use crate::PublicKey;

/// Who is paid what, by which means: as a page is about to show it, or as a grant says it. All of
/// it are texts, numbers too, so that nothing is rounded on the way.
#[wasm_bindgen]
pub struct Terms {
    session: String,
    merchant: String,
    amount: String,
    currency: String,
    methods: Vec<String>,
    jkt: String,
    origin: String,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Mismatch {
    #[error(transparent)]
    Grant(#[from] GrantError),
    #[error("the grant is for another {0}")]
    Other(&'static str),
}

/// The JSON of a grant that `key` signed. Page and core read it with one parser, the browser's.
///
/// # Errors
///
/// If it is forged or malformed; the message says which.
#[wasm_bindgen]
pub fn signed_grant(jws: &str, key: &PublicKey) -> Result<String, JsError> {
    Ok(Grant::signed(jws, &key.0)?)
}

#[wasm_bindgen]
impl Terms {
    /// `jkt` is the thumbprint of a page's key, `origin` where that page is.
    #[wasm_bindgen(constructor)]
    pub fn new(
        session: String,
        merchant: String,
        amount: String,
        currency: String,
        methods: Vec<String>,
        jkt: String,
        origin: String,
    ) -> Self {
        Self { session, merchant, amount, currency, methods, jkt, origin }
    }

    /// Checks that a grant with these terms, made at `iat` and ending at `exp` (seconds), lets a page show
    /// `shown` at `now_ms`, by the gateway's clock.
    ///
    /// # Errors
    ///
    /// If it is over, or for something else; the message says what.
    pub fn allow(&self, shown: &Self, iat: f64, exp: f64, now_ms: f64) -> Result<(), JsError> {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "saturation at the ends of time is meant"
        )]
        let [iat, exp, now] = [iat, exp, now_ms].map(|it| it as i64);
        Ok(self.allowed(shown, iat, exp, Timestamp::from_ms(now))?)
    }
}

impl Terms {
    fn allowed(&self, shown: &Self, iat: i64, exp: i64, now: Timestamp) -> Result<(), Mismatch> {
        grant::check_life(iat, exp, now)?;
        let methods = shown.methods.iter().all(|method| self.methods.contains(method));
        // An origin is absent where the browser names none, such as in a sandboxed frame.
        let here = self.origin.is_empty() || self.origin == shown.origin;
        for (same, what) in [
            (self.session == shown.session, "session"),
            (self.merchant == shown.merchant, "merchant"),
            (self.amount == shown.amount, "amount"),
            (self.currency == shown.currency, "currency"),
            (methods, "list of methods"),
            (self.jkt == shown.jkt, "page's key"),
            (here, "website"),
        ] {
            if !same {
                return Err(Mismatch::Other(what));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);
    const SHOWN: [&str; 7] =
        ["cs_1", "m_demo", "12800", "CNY", "wallet_qr", "page", "https://shop.example"];

    /// `methods` are written as one word, with a plus between them.
    fn terms([session, merchant, amount, currency, methods, jkt, origin]: [&str; 7]) -> Terms {
        let methods = methods.split('+').map(str::to_owned).collect();
        let [session, merchant, amount] = [session, merchant, amount].map(str::to_owned);
        Terms::new(
            session,
            merchant,
            amount,
            currency.to_owned(),
            methods,
            jkt.to_owned(),
            origin.to_owned(),
        )
    }

    fn judged(granted: [&str; 7], life: i64, now: Timestamp) -> Result<(), Mismatch> {
        let iat = NOW.as_secs();
        terms(granted).allowed(&terms(SHOWN), iat, iat + life, now)
    }

    #[test]
    fn what_is_shown_is_held_against_its_grant() {
        assert_eq!(judged(SHOWN, 900, NOW), Ok(()));
        for (index, granted, verdict) in [
            (0, "cs_2", Err("session")),
            (1, "m_other", Err("merchant")),
            (2, "1", Err("amount")),
            (2, "12800.0", Err("amount")),
            (3, "JPY", Err("currency")),
            (4, "wallet_redirect", Err("list of methods")),
            (4, "wallet_redirect+wallet_qr", Ok(())),
            (5, "thief", Err("page's key")),
            (6, "https://thief.example", Err("website")),
            (6, "", Ok(())),
        ] {
            let mut terms = SHOWN;
            terms[index] = granted;
            assert_eq!(judged(terms, 900, NOW), verdict.map_err(Mismatch::Other), "{granted}");
        }
    }

    #[test]
    fn a_grant_ends() {
        let over = Err(Mismatch::Grant(GrantError::Expired));
        assert_eq!(judged(SHOWN, 900, NOW.plus_secs(899)), Ok(()));
        assert_eq!(judged(SHOWN, 900, NOW.plus_secs(900)), over);
        assert_eq!(judged(SHOWN, 901, NOW), over, "longer than any grant may last");
        assert_eq!(judged(SHOWN, -1, NOW.plus_secs(-9)), over);
    }
}
