//! The terms on which an order is created.

use serde::{Deserialize, Serialize};

use super::{Charges, RefundBearer, ReserveTerms, SplitTime};
use crate::funds::fx::Conversion;
use crate::funds::pricing::FeeBasis;
use crate::id::{MandateId, MerchantId, OrderId};
use crate::instalments::Plan;
use crate::money::{Currency, Money};
use crate::policy::Share;
use crate::time::Timestamp;

/// The terms on which the order was created; never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The order.
    pub id: OrderId,
    /// Whose order it is.
    pub merchant: MerchantId,
    /// The merchant's own number, unique for the merchant.
    pub merchant_order_id: String,
    /// The amount that the shopper pays.
    pub amount: Money,
    /// The merchant's fee, taken from the amount: no more than its value, in the settled currency.
    pub fee: Money,
    /// The basis of the fee, besides the amount and the contract.
    #[serde(default, skip_serializing_if = "FeeBasis::is_plain")]
    pub fee_basis: FeeBasis,
    /// The others' shares once it is settled; with the fee no more than `amount`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<Share>,
    /// When it is said who gets a part; nobody has a share yet of an order that is split later.
    #[serde(default, skip_serializing_if = "SplitTime::is_agreed")]
    pub split: SplitTime,
    /// The bearer of a refund once the payment is settled and the others have their shares.
    #[serde(default, skip_serializing_if = "RefundBearer::is_merchant")]
    pub refund_bearer: RefundBearer,
    /// Risk control wants a review: the merchant's share is held back once paid, until somebody
    /// has looked.
    pub held: bool,
    /// Whether money moves at once when the shopper agrees.
    pub capture: Capture,
    /// The contract that it was made under; 0 is the standard, which every merchant begins with.
    #[serde(default, skip_serializing_if = "is_standard")]
    pub contract: u32,
    /// That contract's charges for refunds and splits.
    #[serde(default, skip_serializing_if = "Charges::is_none")]
    pub charges: Charges,
    /// The part that this contract keeps back of a settled payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserve: Option<ReserveTerms>,
    /// How it is settled in another currency than that of its amount, if it is. Fee, shares and charges are in the
    /// settled one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fx: Option<Conversion>,
    /// The mandate that it is a debit under, if it is one: it is charged without the shopper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mandate: Option<MandateId>,
    /// The text that the shopper reads.
    pub description: String,
    /// The methods a shopper may choose, best first.
    pub methods: Vec<String>,
    /// The plans by which the shopper may pay it in monthly parts, where a method does that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instalments: Vec<Plan>,
    /// When the order was created.
    pub created_at: Timestamp,
    /// From when on it can no longer be paid.
    pub expires_at: Timestamp,
}

impl Terms {
    /// The currency that the merchant gets: of everything that is owed to it or by it for the order.
    pub fn settled_currency(&self) -> Currency {
        self.fx.as_ref().map_or(self.amount.currency(), |fx| fx.currency)
    }

    /// The value of an amount of the order's to the merchant, in the settled currency.
    ///
    /// `None` if it is more than a number holds.
    pub fn value(&self, amount: Money) -> Option<Money> {
        self.fx.as_ref().map_or(Some(amount), |fx| fx.value(amount))
    }

    /// These terms, agreed in one currency, to be settled in another: fee and shares are converted by the rate that
    /// the merchant gets, each rounded down, so that together they are no more than the value of the amount.
    ///
    /// `None` if a number does not hold one of them.
    pub fn settled_by(mut self, fx: Conversion) -> Option<Self> {
        self.fee = fx.value(self.fee)?;
        for share in &mut self.shares {
            share.amount = fx.value(share.amount)?;
        }
        Some(Self { fx: Some(fx), ..self })
    }

    pub(super) fn nothing(&self) -> Money {
        Money::zero(self.settled_currency())
    }
}

fn is_standard(contract: &u32) -> bool {
    *contract == 0
}

/// Whether money moves at once when the shopper agrees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capture {
    /// It does.
    #[default]
    Automatic,
    /// The amount is authorised only, until the merchant captures it, whole or in part, once.
    Manual,
}

impl Capture {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::Manual => "manual",
        }
    }
}
