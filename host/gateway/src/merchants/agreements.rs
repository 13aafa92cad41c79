//! The contracts of this process, for what is decided before a commit.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use lezai_core::funds::contract::Agreed;
use lezai_core::id::MerchantId;
use lezai_core::time::Timestamp;

/// The merchants' contracts, as the running gateway sees them: read at the start and after each
/// change, for what is decided before a commit. A commit reads its own.
#[derive(Debug, Default)]
pub struct Agreements(ArcSwap<HashMap<MerchantId, Vec<Agreed>>>);

impl Agreements {
    /// The contract of a merchant's that is in force.
    pub fn in_force(&self, merchant: &MerchantId, at: Timestamp) -> Agreed {
        let all = self.0.load();
        let agreed = all.get(merchant).and_then(|it| Agreed::in_force(it, at));
        agreed.cloned().unwrap_or_else(Agreed::standard)
    }

    /// Swaps in what was read anew.
    pub fn swap(&self, agreed: HashMap<MerchantId, Vec<Agreed>>) {
        self.0.store(Arc::new(agreed));
    }
}
