//! The basis of fees, through the layer that has the planted bugs.

use lezai_core::funds::month::Month;
use lezai_core::funds::pricing::{Promoted, Used};
use lezai_core::id::MerchantId;
use lezai_core::money::Currency;
use lezai_store::{FeeReads, FeeWrites, StoreError};

use super::planted::{Layer, Planted};

impl FeeReads for Layer<'_> {
    fn volume(
        &self,
        merchant: &MerchantId,
        currency: Currency,
        month: Month,
    ) -> Result<i64, StoreError> {
        match self.planted {
            Planted::TierOfThisMonth => self.tx.volume(merchant, currency, month.after()),
            _ => self.tx.volume(merchant, currency, month),
        }
    }
    fn promotion_used(
        &self,
        merchant: &MerchantId,
        currency: Currency,
        name: &str,
    ) -> Result<Used, StoreError> {
        match self.planted {
            Planted::QuotaOverspent => Ok(Used::default()),
            _ => self.tx.promotion_used(merchant, currency, name),
        }
    }
}

impl FeeWrites for Layer<'_> {
    fn add_volume(
        &self,
        merchant: &MerchantId,
        currency: Currency,
        month: Month,
        minor: i64,
    ) -> Result<(), StoreError> {
        self.scope.admit(merchant)?;
        self.tx.add_volume(merchant, currency, month, minor)
    }
    fn use_promotion(
        &self,
        merchant: &MerchantId,
        currency: Currency,
        promoted: &Promoted,
    ) -> Result<(), StoreError> {
        self.scope.admit(merchant)?;
        if self.planted == Planted::QuotaCountedTwice {
            self.tx.use_promotion(merchant, currency, promoted)?;
        }
        self.tx.use_promotion(merchant, currency, promoted)
    }
    fn give_promotion_back(
        &self,
        merchant: &MerchantId,
        currency: Currency,
        promoted: &Promoted,
    ) -> Result<(), StoreError> {
        self.scope.admit(merchant)?;
        self.tx.give_promotion_back(merchant, currency, promoted)
    }
}
