//! Money on its way back to the shopper.

use serde::{Deserialize, Serialize};

use crate::funds::fx::ConvertedBack;
use crate::id::{AttemptId, RefundId};
use crate::ledger::Account;
use crate::money::Money;
use crate::policy::Share;
use crate::time::Timestamp;

/// Money that came although the order could not take it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Return {
    /// The attempt it came by.
    pub attempt: AttemptId,
    /// How much came.
    pub amount: Money,
    /// It has gone back.
    pub done: bool,
    /// Since when it is owed; records of earlier releases have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// A refund of a paid order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// Our id of it, at the channel too.
    pub id: RefundId,
    /// The merchant's own number, unique for the merchant.
    pub merchant_refund_id: String,
    /// The amount that the shopper gets back.
    pub amount: Money,
    /// The part of the fee that the merchant gets back: the refund's share of it. In the settled currency.
    pub fee: Money,
    /// Why, in the merchant's words.
    pub reason: Option<String>,
    /// The account that the merchant's part was taken from.
    pub from: Account,
    /// The others' parts of it, less its fee: the rest is the merchant's part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<Share>,
    /// The part of the merchant's that was taken from what is available to it, because too little waited to
    /// be split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beyond: Option<Money>,
    /// The part of the merchant's that was taken from what was kept back of the payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserve: Option<Money>,
    /// Its cost to the merchant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge: Option<RefundCharge>,
    /// The part that it takes back of an order that is settled in another currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub converted: Option<ConvertedBack>,
    /// Where it stands.
    pub state: RefundState,
    /// When it was asked for.
    pub requested_at: Timestamp,
}

/// Where a refund stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum RefundState {
    /// Waiting for the channel's word.
    Pending,
    /// The shopper has the money.
    Succeeded {
        /// Since when.
        at: Timestamp,
    },
    /// The channel refused, and the merchant has its money again.
    Failed {
        /// Why, as a stable word.
        code: String,
        /// Since when.
        at: Timestamp,
        /// The account that the merchant's part went back to, but for what was taken beyond and what is kept back.
        to: Account,
        /// The part of the merchant's that is kept back, for its reserve is not released.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kept: Option<Money>,
    },
}

impl Refund {
    /// The amount that is taken from those whom the payment was owed to, the fee that comes back included; in the
    /// settled currency.
    pub fn value(&self) -> Money {
        self.converted.map_or(self.amount, |it| it.value)
    }

    /// The merchant's part of it: less its fee, and less what others bear.
    pub fn own(&self) -> Option<Money> {
        let net = self.value().checked_sub(self.fee)?;
        self.shares.iter().try_fold(net, |net, it| net.checked_sub(it.amount))
    }

    /// Whether others bear a part of it, or it was taken from anywhere but where the merchant's part lay.
    pub(crate) fn is_taken_elsewhere(&self) -> bool {
        !self.shares.is_empty() || self.beyond.is_some() || self.reserve.is_some()
    }

    /// The part of that which came from the account where the merchant's part of the order lay.
    pub(crate) fn taken_where_it_lay(&self) -> Option<Money> {
        let elsewhere = self.beyond.iter().chain(&self.reserve);
        elsewhere.into_iter().try_fold(self.own()?, |own, it| own.checked_sub(*it))
    }
}

impl Refund {
    /// The part of it that is kept back now that it failed.
    pub(super) fn kept_again(&self) -> Option<Money> {
        match &self.state {
            RefundState::Failed { kept, .. } => *kept,
            RefundState::Pending | RefundState::Succeeded { .. } => None,
        }
    }

    /// The part that went back to where the merchant's part lay, if it failed: of one that took nothing from the
    /// reserve that is less what is kept back of it.
    pub(crate) fn gave_back_where_it_lay(&self) -> Option<Money> {
        let own = self.taken_where_it_lay()?;
        match (self.reserve, self.kept_again()) {
            (None, Some(kept)) => own.checked_sub(kept),
            _ => Some(own),
        }
    }

    /// The part that it took from a reserve that was released before it failed.
    pub(crate) fn gave_back_of_reserve(&self) -> Option<Money> {
        self.reserve.filter(|_| self.kept_again().is_none())
    }
}

impl RefundState {
    /// The status as the API names it.
    pub fn status(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded { .. } => "succeeded",
            Self::Failed { .. } => "failed",
        }
    }
}

/// The charge of one refund. With nothing charged it is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundCharge {
    /// The refund's own fee.
    pub charge: Money,
    /// The part of the payment's fee that the refund would have given back.
    pub kept: Money,
}

impl RefundCharge {
    /// Both together.
    pub fn whole(&self) -> Option<Money> {
        self.charge.checked_add(self.kept)
    }
}

impl Refund {
    /// The part of the payment's fee that its merchant gets back.
    pub fn fee_returned(&self) -> Money {
        let kept = self.charge.map_or(Some(self.fee), |it| self.fee.checked_sub(it.kept));
        kept.unwrap_or(self.fee)
    }

    /// All that is charged for it.
    pub(super) fn charged(&self) -> Option<Money> {
        self.charge.map_or(Some(Money::zero(self.fee.currency())), |it| it.whole())
    }
}
