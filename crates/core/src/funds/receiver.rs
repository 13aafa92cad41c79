//! Receivers: those that a merchant shares payments with, as it registered them.
//!
//! A receiver's money stands in the ledger under the merchant's name for it, with or without a registration.
//! A registration adds an id, where its money may go, and that it may get no more of it.

use serde::{Deserialize, Serialize};

use super::payout::Destination;
use crate::id::{MerchantId, ReceiverId};
use crate::time::Timestamp;

/// One that a merchant shares payments with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receiver {
    /// Our id of it: the same for as long as there is such a name.
    pub id: ReceiverId,
    /// The merchant that shares with it.
    pub merchant: MerchantId,
    /// The merchant's name for it, as shares have it; unique for the merchant.
    pub name: String,
    /// A merchant, a company or a person.
    pub kind: ReceiverKind,
    /// Where payouts to it go, if the merchant said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<Destination>,
    /// When it was first registered.
    pub created_at: Timestamp,
    /// Since when it gets no new shares, if that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_at: Option<Timestamp>,
}

/// The kinds of receivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiverKind {
    /// Another merchant.
    Merchant,
    /// A company that is none.
    Company,
    /// A person.
    Person,
}

impl ReceiverKind {
    /// Every kind, by the words of the API.
    pub const ALL: [(&'static str, Self); 3] =
        [("merchant", Self::Merchant), ("company", Self::Company), ("person", Self::Person)];

    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Merchant => "merchant",
            Self::Company => "company",
            Self::Person => "person",
        }
    }
}

/// A receiver of this name is registered already.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the merchant has a receiver of this name: {0}")]
pub struct NameTaken(pub ReceiverId);

impl Receiver {
    /// Registers one, where `before` is who had the name. One that was removed is as good as new, under the
    /// id that it had: the balance is by name, so it was never another's.
    ///
    /// # Errors
    ///
    /// [`NameTaken`].
    pub fn register(self, before: Option<Self>) -> Result<Self, NameTaken> {
        match before {
            None => Ok(self),
            Some(before) if before.removed_at.is_none() => Err(NameTaken(before.id)),
            Some(before) => Ok(Self { id: before.id, created_at: before.created_at, ..self }),
        }
    }

    /// Removes it: it gets no new shares and keeps its balance. Once more changes nothing.
    #[must_use]
    pub fn remove(self, now: Timestamp) -> Self {
        Self { removed_at: self.removed_at.or(Some(now)), ..self }
    }

    /// The status as the API names it.
    pub fn status(&self) -> &'static str {
        match self.removed_at {
            None => "active",
            Some(_) => "removed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_receiver_s_for_good() {
        let (start, later) = (Timestamp::from_ms(1), Timestamp::from_ms(2));
        let new = |n: u8, at| Receiver {
            id: ReceiverId::new(at, [n; 10]),
            merchant: MerchantId::parse("m_tea").unwrap(),
            name: "courier".to_owned(),
            kind: ReceiverKind::Person,
            destination: None,
            created_at: at,
            removed_at: None,
        };
        let first = new(1, start).register(None).unwrap();
        let taken = new(2, later).register(Some(first.clone()));
        assert_eq!(taken, Err(NameTaken(first.id.clone())));
        let removed = first.clone().remove(start);
        assert_eq!((removed.status(), removed.clone().remove(later)), ("removed", removed.clone()));
        let again = Receiver { kind: ReceiverKind::Company, ..new(2, later) };
        let again = again.register(Some(removed)).unwrap();
        assert_eq!(again, Receiver { kind: ReceiverKind::Company, ..first });
        for (word, kind) in ReceiverKind::ALL {
            assert_eq!(kind.as_str(), word);
        }
    }
}
