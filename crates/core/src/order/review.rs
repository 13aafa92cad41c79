//! The review of an order that risk control wants looked at: until a person has decided, its money is
//! held.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Order, State};
use crate::money::Money;
use crate::time::Timestamp;

/// A person's decision on an order that is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// The reviewer's verdict.
    pub verdict: ReviewVerdict,
    /// Why, for the merchant to read.
    pub reason: String,
    /// The person who decided.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// The amount that an approval released; absent if no money had come, or nothing was released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<Released>,
}

/// The amount that an approval released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// How much.
    pub amount: Money,
    /// How many voids had failed by then: those were taken from what was held, later ones are not.
    pub failed_voids: u32,
}

/// How a review ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewVerdict {
    /// The payment is the merchant's, as any other.
    Approved,
    /// The shopper gets their money back.
    Refused,
}

impl ReviewVerdict {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Refused => "refused",
        }
    }
}

impl fmt::Display for ReviewVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Order {
    /// Whether a person is to decide: money of the order is set aside or held, and nobody approved. It
    /// is so again once a void or refund failed that a refusal led to.
    pub fn under_review(&self) -> bool {
        let concerned = match &self.state {
            State::Authorized { .. } | State::Capturing { .. } => true,
            State::Paid { .. } => self.refundable().minor() > 0,
            State::Created { .. }
            | State::Paying { .. }
            | State::Voiding { .. }
            | State::Voided { .. }
            | State::Closed { .. } => false,
        };
        self.terms.held && concerned && self.approved().is_none()
    }

    /// The approval, if there is one: no review follows it.
    pub fn approved(&self) -> Option<&Review> {
        self.reviews.last().filter(|it| it.verdict == ReviewVerdict::Approved)
    }

    /// The amount that the approval released.
    pub(super) fn released(&self) -> Option<&Released> {
        self.approved()?.released.as_ref()
    }
}
