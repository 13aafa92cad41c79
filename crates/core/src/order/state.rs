//! The states of an order, and what is true in each.

use serde::{Deserialize, Serialize};

use super::{Decline, Offer, SETTLEMENT_SECS};
use crate::id::AttemptId;
use crate::money::Money;
use crate::policy::Share;
use crate::time::Timestamp;

/// Where an order stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum State {
    /// Waiting for the shopper to choose a method.
    Created {
        /// Why the last try failed, if one did.
        declined: Option<Decline>,
    },
    /// Waiting for a channel's word on one attempt.
    Paying {
        /// The attempt.
        attempt: AttemptId,
        /// The channel's offer to the shopper, once it gave one.
        offer: Option<Offer>,
    },
    /// The shopper agreed and the amount is set aside; waiting for the merchant to capture it.
    Authorized {
        /// The attempt that succeeded.
        payment: Payment,
    },
    /// Waiting for a channel's word on a capture.
    Capturing {
        /// The attempt that was authorised.
        payment: Payment,
        /// The amount that the merchant wants of it.
        amount: Money,
    },
    /// Paid.
    Paid {
        /// The attempt that succeeded.
        payment: Payment,
        /// The capture: of the order's amount, unless the merchant captured less.
        captured: Captured,
        /// The settlement, once there was one.
        settled: Option<Settled>,
    },
    /// Waiting for a channel's word on a void.
    Voiding {
        /// The attempt that is reversed.
        payment: Payment,
        /// The capture, if there was one.
        captured: Option<Captured>,
    },
    /// Reversed before it was settled.
    Voided {
        /// The attempt that was reversed.
        payment: Payment,
        /// The capture, if there was one.
        captured: Option<Captured>,
        /// When the channel said so.
        voided_at: Timestamp,
    },
    /// Can no longer be paid.
    Closed {
        /// Why.
        reason: CloseReason,
        /// Since when.
        closed_at: Timestamp,
        /// Why the channel declined, if that closed it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        declined: Option<Decline>,
    },
}

impl State {
    /// Every status.
    pub const STATUSES: [&'static str; 8] =
        ["created", "paying", "authorized", "capturing", "paid", "voiding", "voided", "closed"];

    /// The status as the API names it.
    pub fn status(&self) -> &'static str {
        match self {
            Self::Created { .. } => "created",
            Self::Paying { .. } => "paying",
            Self::Authorized { .. } => "authorized",
            Self::Capturing { .. } => "capturing",
            Self::Paid { .. } => "paid",
            Self::Voiding { .. } => "voiding",
            Self::Voided { .. } => "voided",
            Self::Closed { .. } => "closed",
        }
    }

    /// The attempt that was authorised or paid, if one was.
    pub fn payment(&self) -> Option<&Payment> {
        match self {
            Self::Authorized { payment }
            | Self::Capturing { payment, .. }
            | Self::Paid { payment, .. }
            | Self::Voiding { payment, .. }
            | Self::Voided { payment, .. } => Some(payment),
            Self::Created { .. } | Self::Paying { .. } | Self::Closed { .. } => None,
        }
    }
}

/// A try that succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// The attempt.
    pub attempt: AttemptId,
    /// The channel's own number for it.
    pub channel_ref: String,
    /// When the channel said so.
    pub at: Timestamp,
}

/// A capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captured {
    /// How much, at most the order's amount.
    pub amount: Money,
    /// When the channel said so.
    pub at: Timestamp,
    /// From when on it is settled, and can be refunded but no longer voided.
    #[serde(default, skip_serializing_if = "Settles::is_a_day_later")]
    pub settles: Settles,
}

/// When what was captured is settled: agreed at the capture, by the contract of the order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settles {
    /// [`SETTLEMENT_SECS`] after the capture.
    #[default]
    ADayLater,
    /// Then.
    At(Timestamp),
    /// Nobody can say yet: the contract counts business days, and its calendar has no data for them.
    NotKnown,
}

impl Settles {
    fn is_a_day_later(&self) -> bool {
        *self == Self::ADayLater
    }
}

impl Captured {
    /// From when on it is settled; `None` as long as nobody can say.
    pub fn settles_at(&self) -> Option<Timestamp> {
        match self.settles {
            Settles::ADayLater => Some(self.at.plus_secs(SETTLEMENT_SECS)),
            Settles::At(at) => Some(at),
            Settles::NotKnown => None,
        }
    }

    /// Whether it is settled by then, whoever books that.
    pub fn is_settled_at(&self, now: Timestamp) -> bool {
        self.settles_at().is_some_and(|at| now >= at)
    }
}

/// When something happens to an order, and when it settles if that is a capture, or if that was not
/// known when it was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Now.
    pub now: Timestamp,
    /// When what is captured settles by its contract.
    pub settles: Settles,
}

impl From<Timestamp> for Moment {
    fn from(now: Timestamp) -> Self {
        Self { now, settles: Settles::ADayLater }
    }
}

/// The settled parts, the merchant's and others': together the capture, less its fee, less
/// what was refunded until then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// The merchant's part; of an order that is split later it waits to be split.
    pub amount: Money,
    /// The others': of what was agreed as much as there was of the whole, and nothing that is nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<Share>,
    /// The cost of splitting it, to the merchant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge: Option<Money>,
    /// When.
    pub at: Timestamp,
}

/// Why an order was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// The merchant asked for it.
    Merchant,
    /// Nobody paid in time.
    Expired,
    /// The channel declined the debit: nobody is there to try another way.
    Declined,
}
