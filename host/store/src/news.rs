//! News from one node to the others.

use lezai_core::id::OrderId;
use lezai_core::money::Currency;

/// Something that other nodes may want to hear of. A word and no more: whoever hears it reads what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// An order stands at this version.
    Order(OrderId, u64),
    /// The merchants, their keys, contracts, policies or releases changed, or may have.
    Merchants,
    /// An order was counted.
    Counted(CountedOrder),
    /// News since then may have been missed: orders have to be looked at.
    Missed,
}

/// An order as it is counted: whose it is are hashes under a secret that the nodes share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountedOrder {
    /// The merchant, the customer, the device and the network.
    pub parties: [Option<u64>; 4],
    /// When it was made, in seconds since 1970.
    pub at: u32,
    /// The currency of its amount.
    pub currency: Currency,
    /// In minor units.
    pub minor: u64,
}
