//! How many deliveries are under way to each merchant: one whose server is silent holds up its own alone.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use lezai_core::id::MerchantId;

/// Deliveries under way to one merchant: whose server is silent holds up her own callbacks alone.
const VISITS: usize = 8;
/// How many deliveries are under way to each merchant.
#[derive(Default)]
pub(super) struct Visits(Mutex<HashMap<MerchantId, usize>>);

/// A delivery that is under way.
pub(super) struct Visit<'v> {
    visits: &'v Visits,
    merchant: MerchantId,
}

impl Visits {
    /// `None` if enough are.
    pub(super) fn begin(&self, merchant: &MerchantId) -> Option<Visit<'_>> {
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = under_way.entry(merchant.clone()).or_default();
        if *count >= VISITS {
            return None;
        }
        *count += 1;
        Some(Visit { visits: self, merchant: merchant.clone() })
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        let mut under_way = self.visits.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = under_way.get_mut(&self.merchant) {
            *count -= 1;
            if *count == 0 {
                under_way.remove(&self.merchant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_merchant_holds_up_her_own_callbacks_alone() {
        let visits = Visits::default();
        let [one, other] = ["m_one", "m_other"].map(|id| MerchantId::parse(id).unwrap());
        let under_way: Vec<_> = (0..VISITS).map(|_| visits.begin(&one).unwrap()).collect();
        assert!(visits.begin(&one).is_none());
        assert!(visits.begin(&other).is_some());
        drop(under_way);
        assert!(visits.begin(&one).is_some());
        assert!(visits.0.lock().unwrap().is_empty());
    }
}
