//! The bearer of a refund of a payment that was settled to several parties.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::policy::{Share, is_receiver};

/// The bearer of a refund once the payment is settled and each has its share; agreed with the order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RefundBearer {
    /// The merchant alone.
    #[default]
    Merchant,
    /// Each in proportion to what it still has of the payment.
    ProRata,
    /// One of those that the merchant shares with, alone.
    Receiver(String),
}

/// A text that names no bearer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be merchant, pro_rata, or receiver: and the name of one that has a share")]
pub struct NoBearer;

impl RefundBearer {
    /// Reads `merchant`, `pro_rata` or `receiver:NAME`.
    ///
    /// # Errors
    ///
    /// [`NoBearer`].
    pub fn parse(text: &str) -> Result<Self, NoBearer> {
        match (text, text.strip_prefix("receiver:")) {
            ("merchant", _) => Ok(Self::Merchant),
            ("pro_rata", _) => Ok(Self::ProRata),
            (_, Some(receiver)) if is_receiver(receiver) => Ok(Self::Receiver(receiver.to_owned())),
            _ => Err(NoBearer),
        }
    }

    /// Whether the merchant bears refunds alone, as it does unless something else is agreed.
    pub fn is_merchant(&self) -> bool {
        *self == Self::Merchant
    }

    /// Whether a receiver that is to bear refunds has one of the shares.
    pub fn is_one_of(&self, shares: &[Share]) -> bool {
        match self {
            Self::Merchant | Self::ProRata => true,
            Self::Receiver(receiver) => shares.iter().any(|it| it.receiver == *receiver),
        }
    }
}

impl fmt::Display for RefundBearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Merchant => f.write_str("merchant"),
            Self::ProRata => f.write_str("pro_rata"),
            Self::Receiver(receiver) => write!(f, "receiver:{receiver}"),
        }
    }
}

impl From<RefundBearer> for String {
    fn from(bearer: RefundBearer) -> Self {
        bearer.to_string()
    }
}

impl TryFrom<String> for RefundBearer {
    type Error = NoBearer;

    fn try_from(text: String) -> Result<Self, NoBearer> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_is_read_as_it_is_written() {
        let tea = || RefundBearer::Receiver("tea:1".to_owned());
        for (text, bearer) in [
            ("merchant", Ok(RefundBearer::Merchant)),
            ("pro_rata", Ok(RefundBearer::ProRata)),
            ("receiver:tea:1", Ok(tea())),
            ("receiver:", Err(NoBearer)),
            ("receiver:a b", Err(NoBearer)),
            ("Merchant", Err(NoBearer)),
            ("", Err(NoBearer)),
        ] {
            assert_eq!(RefundBearer::parse(text), bearer, "{text}");
            if let Ok(bearer) = bearer {
                assert_eq!(bearer.to_string(), text);
            }
        }
    }
}
