//! What one node tells the others.

use lezai_core::id::OrderId;

/// Something that other nodes may want to hear of. A word and no more: whoever hears it reads what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// An order stands at this version.
    Order(OrderId, u64),
    /// The merchants, their keys, contracts, policies or releases changed, or may have.
    Merchants,
    /// What was told since then may have been missed: orders have to be looked at.
    Missed,
}
