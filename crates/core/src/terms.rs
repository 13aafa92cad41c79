//! The terms that a page is about to show, compared with the grant that came with it.

use crate::grant::{GrantError, check_life};
use crate::time::Timestamp;

/// The terms of a payment, as a page is about to show them, or as a grant states them. All of
/// them are texts, numbers too, so that nothing is rounded on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The checkout session.
    pub session: String,
    /// The merchant that is paid.
    pub merchant: String,
    /// Minor units of `currency`, in decimal digits.
    pub amount: String,
    /// ISO 4217.
    pub currency: String,
    /// The methods that may be chosen, or that are offered.
    pub methods: Vec<String>,
    /// The thumbprint of the page's key.
    pub jkt: String,
    /// Where the page is; empty in a grant for a page whose browser names none, such as in a sandboxed
    /// frame, and for mini-programs, which are nowhere.
    pub origin: String,
}

/// Why a page may not show what it is about to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The grant is over.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// It is good, for something else.
    #[error("the grant is for another {0}")]
    Other(&'static str),
}

impl Terms {
    /// Whether a grant with these terms, made at `iat` and ending at `exp` (seconds since the epoch),
    /// lets a page show `shown` at `now`. The methods may be fewer than the granted ones; all else is
    /// the same, byte for byte.
    ///
    /// # Errors
    ///
    /// [`Mismatch`].
    pub fn allow(&self, shown: &Self, iat: i64, exp: i64, now: Timestamp) -> Result<(), Mismatch> {
        check_life(iat, exp, now)?;
        let methods = shown.methods.iter().all(|method| self.methods.contains(method));
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
        let [session, merchant, amount, currency, jkt, origin] =
            [session, merchant, amount, currency, jkt, origin].map(str::to_owned);
        Terms { session, merchant, amount, currency, methods, jkt, origin }
    }

    fn judged(granted: [&str; 7], life: i64, now: Timestamp) -> Result<(), Mismatch> {
        let iat = NOW.as_secs();
        terms(granted).allow(&terms(SHOWN), iat, iat + life, now)
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
