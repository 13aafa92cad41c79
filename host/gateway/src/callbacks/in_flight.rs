//! How many deliveries are under way to each merchant: one whose server is silent holds up its own alone.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use lezai_core::id::MerchantId;

/// Deliveries under way to one merchant: whose server is silent holds up its own callbacks alone.
const IN_FLIGHT_MAX: usize = 8;
/// How many deliveries are under way to each merchant.
#[derive(Default)]
pub(super) struct InFlight(Mutex<HashMap<MerchantId, usize>>);

/// A delivery that is under way.
pub(super) struct InFlightDelivery<'v> {
    in_flight: &'v InFlight,
    merchant: MerchantId,
}

impl InFlight {
    /// `None` if enough are.
    pub(super) fn begin(&self, merchant: &MerchantId) -> Option<InFlightDelivery<'_>> {
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = under_way.entry(merchant.clone()).or_default();
        if *count >= IN_FLIGHT_MAX {
            return None;
        }
        *count += 1;
        Some(InFlightDelivery { in_flight: self, merchant: merchant.clone() })
    }
}

impl Drop for InFlightDelivery<'_> {
    fn drop(&mut self) {
        let mut under_way = self.in_flight.0.lock().unwrap_or_else(PoisonError::into_inner);
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
    fn a_silent_merchant_delays_only_its_own_callbacks() {
        let in_flight = InFlight::default();
        let [one, other] = ["m_one", "m_other"].map(|id| MerchantId::parse(id).unwrap());
        let under_way: Vec<_> =
            (0..IN_FLIGHT_MAX).map(|_| in_flight.begin(&one).unwrap()).collect();
        assert!(in_flight.begin(&one).is_none());
        assert!(in_flight.begin(&other).is_some());
        drop(under_way);
        assert!(in_flight.begin(&one).is_some());
        assert!(in_flight.0.lock().unwrap().is_empty());
    }
}
