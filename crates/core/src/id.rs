//! Typed identifiers: an order's id cannot be passed where an event's is meant.
//!
//! An id is a prefix and 32 lowercase hex digits: 48 bits of milliseconds, so that ids sort by
//! age and a store's index grows at its end, and 80 random bits, which come as an argument.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The text is no identifier of the wanted kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier of the form {0}")]
pub struct BadId(&'static str);

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// A new id: sorts by `at`, unique by `entropy`.
            pub fn new(at: Timestamp, entropy: [u8; 10]) -> Self {
                Self(compose($prefix, at, entropy))
            }

            /// When it was made, as it says itself.
            pub fn made_at(&self) -> Timestamp {
                let ms = self.0.get($prefix.len()..$prefix.len() + 12);
                Timestamp::from_ms(ms.and_then(|ms| i64::from_str_radix(ms, 16).ok()).unwrap_or_default())
            }

            /// # Errors
            ///
            /// Anything but the prefix and 32 lowercase hex digits.
            pub fn parse(text: &str) -> Result<Self, BadId> {
                let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
                match text.strip_prefix($prefix) {
                    Some(rest) if rest.len() == 32 && rest.bytes().all(is_hex) => Ok(Self(text.to_owned())),
                    _ => Err(BadId(concat!($prefix, " and 32 lowercase hex digits"))),
                }
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadId;

            fn try_from(text: String) -> Result<Self, BadId> {
                Self::parse(&text)
            }
        }
    )*};
}

ids! {
    /// An order.
    OrderId = "ord_",
    /// One try to pay an order through one channel. It is also our id at the channel, so that a
    /// repeated request is not a second payment.
    AttemptId = "att_",
    /// A refund. It is also our id of it at the channel, so that a repeat is not a second refund.
    RefundId = "rfd_",
    /// A payout. It is also our id of it at the channel, so that a repeat is not a second payout.
    PayoutId = "po_",
    /// A batch of payouts.
    PayoutBatchId = "pob_",
    /// A split of a settled payment.
    SplitId = "spl_",
    /// A share that a receiver gives back, whole or in part.
    SplitReturnId = "spr_",
    /// A mandate: a shopper's agreement to be debited. It is also our id of it at the channel.
    MandateId = "mdt_",
    /// A receiver: one that a merchant shares payments with.
    ReceiverId = "rcv_",
    /// A settlement batch: what happened to a merchant's balance from one cut-off to the next.
    SettlementId = "stl_",
    /// A statement of a merchant's books.
    StatementId = "stm_",
    /// A run that reconciled a channel's bill of a day with the books.
    ReconciliationId = "rec_",
    /// A difference that such a run found.
    DifferenceId = "dif_",
    /// A quote: a rate that is fixed for a merchant until a time.
    FxQuoteId = "fxq_",
    /// A checkout session: the shopper's way to pay one order.
    SessionId = "cs_",
    /// Something that happened to an order and that its merchant is told.
    EventId = "evt_",
    /// One HTTP request, as named in its answer and in the logs.
    RequestId = "req_",
}

/// A merchant: `m_` and 1 to 32 of `a-z`, `0-9` and `_`, chosen by the operator.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct MerchantId(String);

impl MerchantId {
    /// # Errors
    ///
    /// Anything but `m_` and 1 to 32 of `a-z`, `0-9` and `_`.
    pub fn parse(text: &str) -> Result<Self, BadId> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        match text.strip_prefix("m_") {
            Some(rest) if (1..=32).contains(&rest.len()) && rest.bytes().all(allowed) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(BadId("m_ and 1 to 32 of a-z, 0-9 and _")),
        }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MerchantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<MerchantId> for String {
    fn from(id: MerchantId) -> Self {
        id.0
    }
}

impl TryFrom<String> for MerchantId {
    type Error = BadId;

    fn try_from(text: String) -> Result<Self, BadId> {
        Self::parse(&text)
    }
}

fn compose(prefix: &str, at: Timestamp, entropy: [u8; 10]) -> String {
    let ms = at.as_ms().max(0).to_be_bytes();
    let mut id = String::with_capacity(prefix.len() + 32);
    id.push_str(prefix);
    for byte in ms[2..].iter().chain(&entropy) {
        for nibble in [byte >> 4, byte & 15] {
            id.push(char::from_digit(nibble.into(), 16).unwrap_or('0'));
        }
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_sorts_by_age() {
        let old = OrderId::new(Timestamp::from_ms(1_795_000_000_000), [255; 10]);
        let new = OrderId::new(Timestamp::from_ms(1_795_000_000_001), [0; 10]);
        assert!(old < new);
        assert_eq!(OrderId::parse(old.as_str()), Ok(old.clone()));
        assert_eq!(old.as_str(), "ord_01a1ee565e00ffffffffffffffffffff");
        assert_eq!(old.made_at(), Timestamp::from_ms(1_795_000_000_000));
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in [
            "",
            "ord_",
            "evt_000000000000000000000000000000ff",
            "ord_0000",
            "ord_000000000000000000000000000000FF",
            "ord_0000000000000000000000000000000\n",
        ] {
            assert!(OrderId::parse(text).is_err(), "{text:?}");
        }
        for text in ["m_", "demo", "m_Demo", "m_a b", &format!("m_{}", "a".repeat(33))] {
            assert!(MerchantId::parse(text).is_err(), "{text:?}");
        }
    }
}
