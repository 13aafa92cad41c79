//! Mandates as they are kept. The debits under one are orders.

use lezai_core::funds::mandate::Mandate;
use lezai_core::id::{MandateId, MerchantId};
use lezai_wire::page::Page;

use super::StoreError;

/// Reads of mandates.
pub trait MandateReads {
    /// A mandate.
    fn mandate(&self, id: &MandateId) -> Result<Option<Mandate>, StoreError>;
    /// The mandate with a merchant's own number.
    fn mandate_by_merchant_mandate_id(
        &self,
        merchant: &MerchantId,
        number: &str,
    ) -> Result<Option<Mandate>, StoreError>;
    /// The merchant's mandates of a page, newest first, and one more if there are more; of one status or of all.
    fn mandates(
        &self,
        merchant: &MerchantId,
        status: Option<&str>,
        page: &Page<MandateId>,
    ) -> Result<Vec<Mandate>, StoreError>;
}

/// Writes of mandates.
pub trait MandateWrites: MandateReads {
    /// A new mandate. `false`, and nothing written, if the merchant's number is taken.
    fn insert_mandate(&self, mandate: &Mandate) -> Result<bool, StoreError>;
    /// The mandate as it is now.
    fn update_mandate(&self, mandate: &Mandate) -> Result<(), StoreError>;
}
