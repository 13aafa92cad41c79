//! The basis of payments' fees besides a contract: the volume of each month, and how much of a promotion is
//! used. Both are sums that are kept, so that nobody adds up a month of orders to price one.

use lezai_core::funds::month::Month;
use lezai_core::funds::pricing::{Promoted, Used};
use lezai_core::id::MerchantId;
use lezai_core::money::{Currency, Money};

use super::StoreError;

/// Reads of what fees depend on.
pub trait FeeReads {
    /// The volume of a merchant's month in a currency, in minor units: less than zero if more was refunded in it than
    /// captured.
    fn volume(
        &self,
        merchant: &MerchantId,
        currency: Currency,
        month: Month,
    ) -> Result<i64, StoreError>;
    /// How much of a merchant's promotion in a currency is used.
    fn promotion_used(
        &self,
        merchant: &MerchantId,
        currency: Currency,
        name: &str,
    ) -> Result<Used, StoreError>;
}

/// Writes of what fees depend on.
pub trait FeeWrites: FeeReads {
    /// Adds to the volume of a month, or takes from it.
    fn add_volume(
        &self,
        merchant: &MerchantId,
        currency: Currency,
        month: Month,
        minor: i64,
    ) -> Result<(), StoreError>;
    /// One payment more is covered by a promotion.
    fn use_promotion(
        &self,
        merchant: &MerchantId,
        currency: Currency,
        promoted: &Promoted,
    ) -> Result<(), StoreError>;
    /// One payment that was covered came to nothing.
    fn give_promotion_back(
        &self,
        merchant: &MerchantId,
        currency: Currency,
        promoted: &Promoted,
    ) -> Result<(), StoreError>;
}

/// The part used of a promotion, from what a store kept.
///
/// # Errors
///
/// [`StoreError::Damaged`] for less than nothing.
pub fn used(payments: i64, minor: i64) -> Result<Used, StoreError> {
    let damaged = |_| StoreError::Damaged("less than nothing of a promotion is used".to_owned());
    let payments = u64::try_from(payments).map_err(damaged)?;
    u64::try_from(minor).map_err(damaged)?;
    Ok(Used { payments, minor })
}

/// A change of a volume, if it is one.
pub fn change(before: Money, after: Money) -> Option<i64> {
    Some(after.minor() - before.minor()).filter(|it| *it != 0)
}
