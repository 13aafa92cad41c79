//! Mandates through the layer that has the planted bugs.

use lezai_core::funds::mandate::Mandate;
use lezai_core::id::{MandateId, MerchantId};
use lezai_core::money::Money;
use lezai_store::{MandateReads, MandateWrites, Page, StoreError};

use super::planted::{Layer, Planted};

impl MandateReads for Layer<'_> {
    fn mandate(&self, id: &MandateId) -> Result<Option<Mandate>, StoreError> {
        let found = self.tx.mandate(id)?;
        Ok(match self.planted {
            Planted::DebitAboveTheMandate => found.map(|it| bounded(it, |minor| minor * 2)),
            Planted::PeriodForgotten => found.map(|it| Mandate { debited: None, ..it }),
            _ => found,
        })
    }
    fn mandate_by_merchant_mandate_id(
        &self,
        merchant: &MerchantId,
        number: &str,
    ) -> Result<Option<Mandate>, StoreError> {
        self.tx.mandate_by_merchant_mandate_id(merchant, number)
    }
    fn mandates(
        &self,
        merchant: &MerchantId,
        status: Option<&str>,
        page: &Page<MandateId>,
    ) -> Result<Vec<Mandate>, StoreError> {
        self.tx.mandates(merchant, status, page)
    }
}

impl MandateWrites for Layer<'_> {
    fn insert_mandate(&self, mandate: &Mandate) -> Result<bool, StoreError> {
        self.scope.admit(&mandate.terms.merchant)?;
        self.tx.insert_mandate(mandate)
    }
    fn update_mandate(&self, mandate: &Mandate) -> Result<(), StoreError> {
        self.scope.admit(&mandate.terms.merchant)?;
        match self.planted {
            Planted::DebitAboveTheMandate => {
                self.tx.update_mandate(&bounded(mandate.clone(), |minor| minor / 2))
            }
            _ => self.tx.update_mandate(mandate),
        }
    }
}

/// The mandate with another bound.
fn bounded(mut mandate: Mandate, bound: impl Fn(i64) -> i64) -> Mandate {
    let max_amount = mandate.terms.max_amount;
    mandate.terms.max_amount =
        Money::new(bound(max_amount.minor()), max_amount.currency()).unwrap();
    mandate
}
