//! The host's part of an order beside the core's, and the values that lists and counters ask for.

use std::net::IpAddr;

use lezai_core::id::MerchantId;
use lezai_core::money::Money;
use lezai_core::payer::Payer;
use lezai_core::policy::OrderFacts;
use lezai_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::decision::DecisionRecord;

/// The details beside the core's order: the merchant's request, and the decision on it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Details {
    /// Where callbacks go; the merchant's own address if empty.
    pub notify_url: Option<String>,
    /// Where the shopper goes afterwards.
    pub return_url: Option<String>,
    /// The shopper's identity at the platform whose mini-program or page takes the payment.
    pub payer: Payer,
    /// The facts that the rules saw: with them the order can be decided again, bit for bit.
    pub facts: OrderFacts,
    /// The rules' decision.
    pub decision: DecisionRecord,
    /// The place in a trace of the request that made it, as a `traceparent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

/// The values of an order that velocity counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderSample {
    /// Whose order it is.
    pub merchant: MerchantId,
    /// The merchant's name for the customer.
    pub customer: Option<String>,
    /// The merchant's name for the device.
    pub device: Option<String>,
    /// Where the shopper came from.
    pub ip: Option<IpAddr>,
    /// How much it is over.
    pub amount: Money,
    /// When it was made.
    pub at: Timestamp,
}

impl From<&OrderFacts> for OrderSample {
    fn from(facts: &OrderFacts) -> Self {
        Self {
            merchant: facts.merchant.clone(),
            customer: facts.customer.reference.clone(),
            device: facts.device.id.clone(),
            ip: facts.customer.ip,
            amount: facts.amount,
            at: Timestamp::from_ms(facts.at_ms),
        }
    }
}
