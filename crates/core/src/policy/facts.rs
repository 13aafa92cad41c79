//! The facts that a rule may know about an order: everything it needs and no secret.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::id::{MerchantId, OrderId};
use crate::money::Money;

/// An order as policy and plugins see it. The merchant's server gave most of it, so what does not
/// say otherwise is what it claims, not what somebody checked.
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
    /// The amount to be paid.
    pub amount: Money,
    /// Where the shopper is.
    pub scene: Scene,
    /// The payment methods that the merchant allows; never empty.
    pub methods: Vec<String>,
    /// The shopper, as the merchant knows them.
    pub customer: Customer,
    /// The shopper's device.
    pub device: Device,
    /// The merchant's own keys and values.
    pub metadata: BTreeMap<String, String>,
    /// The operator's record of the merchant.
    pub profile: Profile,
    /// How much was ordered of late.
    pub velocity: Velocity,
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
    /// Nowhere: a debit under a mandate.
    Agreement,
}

/// The shopper, as far as the merchant says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Customer {
    /// The merchant's own name for the customer.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// The address that the shopper came from.
    pub ip: Option<IpAddr>,
    /// The kind of network that the gateway found for that address.
    pub ip_class: Option<IpClass>,
    /// ISO 3166-1 alpha-2, two capitals.
    pub country: Option<String>,
}

/// The kind of network that an address belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IpClass {
    /// The public internet.
    Public,
    /// A network of somebody's own.
    Private,
    /// The machine itself.
    Loopback,
    /// One wire.
    LinkLocal,
    /// Anything else that no shopper's device has.
    Special,
}

/// The shopper's device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// The merchant's own name for the device.
    pub id: Option<String>,
    /// The kind of device.
    pub kind: Option<DeviceKind>,
    /// Its operating system.
    pub os: Option<String>,
    /// The name that its browser or application gives itself.
    pub user_agent: Option<String>,
}

/// The kind of a device.
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

/// The operator's record of a merchant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Where it trades from: ISO 3166-1 alpha-2, two capitals.
    #[serde(default)]
    pub country: Option<String>,
    /// Its merchant category code, ISO 18245, at most [`Profile::MAX_CATEGORY`].
    #[serde(default)]
    pub category: Option<u16>,
    /// The operator's own grade of it, at most [`Profile::MAX_TIER`].
    #[serde(default)]
    pub tier: Option<u8>,
}

impl Profile {
    /// Merchant category codes have four digits.
    pub const MAX_CATEGORY: u16 = 9999;
    /// The highest grade.
    pub const MAX_TIER: u8 = 9;
}

/// How much a merchant's orders were of late, the one that is asked about not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Velocity {
    /// All orders of the merchant.
    pub merchant: Windows,
    /// Those of the same customer.
    pub customer: Option<Windows>,
    /// Those from the same device.
    pub device: Option<Windows>,
    /// Those from the same address.
    pub ip: Option<Windows>,
}

/// Orders of the last minute, hour and day. The plugin contract says where each begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Windows {
    /// Of the last minute.
    pub minute: Tally,
    /// Of the last hour.
    pub hour: Tally,
    /// Of the last day.
    pub day: Tally,
}

/// How many orders, and what those in the order's currency add up to. In JSON it is a list of these
/// two: it is kept with each order twelve times over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u32, u64)", into = "(u32, u64)")]
pub struct Tally {
    /// How many, in whatever currency.
    pub count: u32,
    /// The sum of those in the order's currency, in its minor units.
    pub sum: u64,
}

impl From<(u32, u64)> for Tally {
    fn from((count, sum): (u32, u64)) -> Self {
        Self { count, sum }
    }
}

impl From<Tally> for (u32, u64) {
    fn from(it: Tally) -> Self {
        (it.count, it.sum)
    }
}

/// Whose orders are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// All of the merchant's.
    Merchant,
    /// The customer's.
    Customer,
    /// The device's.
    Device,
    /// The address's.
    Ip,
}

/// How far back is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// A day.
    Day,
}

impl Velocity {
    /// The counts; zero if the order does not say who or what it is from.
    pub fn tally(&self, of: Party, within: Span) -> Tally {
        let windows = match of {
            Party::Merchant => Some(self.merchant),
            Party::Customer => self.customer,
            Party::Device => self.device,
            Party::Ip => self.ip,
        };
        let windows = windows.unwrap_or_default();
        match within {
            Span::Minute => windows.minute,
            Span::Hour => windows.hour,
            Span::Day => windows.day,
        }
    }
}
