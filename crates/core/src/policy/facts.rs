//! What a rule may know about an order: everything it needs and no secret.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::id::{MerchantId, OrderId};
use crate::money::Money;

/// An order as policy and plugins see it. The merchant's server gave all of it but the ids and the
/// time, so a field is what she claims, not what somebody checked.
///
/// The gateway keeps the facts that it decided by, so that the decision can be made again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderFacts {
    /// The order.
    pub id: OrderId,
    /// Its merchant.
    pub merchant: MerchantId,
    /// The merchant's own name for the order.
    pub merchant_order_id: String,
    /// What is to be paid.
    pub amount: Money,
    /// Where the shopper is.
    pub scene: Scene,
    /// The payment methods that the merchant allows; never empty.
    pub methods: Vec<String>,
    /// Who pays.
    pub customer: Customer,
    /// What the shopper uses.
    pub device: Device,
    /// The merchant's own keys and values.
    pub metadata: BTreeMap<String, String>,
    /// When the order was created, in milliseconds since 1970-01-01T00:00:00Z.
    pub at_ms: i64,
}

/// Where the shopper is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scene {
    /// In a web shop.
    #[default]
    Ecommerce,
    /// Ordering online what is handed over in a place.
    O2o,
    /// At a counter.
    Counter,
    /// In a mini-program.
    MiniProgram,
    /// In a shop of another country.
    CrossBorder,
}

/// Who pays, as far as the merchant says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Customer {
    /// The merchant's own name for the customer.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// The address that the shopper came from.
    pub ip: Option<IpAddr>,
    /// ISO 3166-1 alpha-2, two capitals.
    pub country: Option<String>,
}

/// What the shopper uses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// The merchant's own name for the device.
    pub id: Option<String>,
    /// What it is.
    pub kind: Option<DeviceKind>,
    /// Its operating system.
    pub os: Option<String>,
    /// What its browser or application calls itself.
    pub user_agent: Option<String>,
}

/// What a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    /// A telephone.
    Phone,
    /// A tablet.
    Tablet,
    /// A computer on or beside a desk.
    Desktop,
    /// A point-of-sale terminal.
    Pos,
    /// Anything else.
    Other,
}
