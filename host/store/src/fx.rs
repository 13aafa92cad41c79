//! Rates of the market and merchants' quotes as they are kept.

use lezai_core::funds::fx::{MarketRate, Quote};
use lezai_core::id::{FxQuoteId, MerchantId};
use lezai_core::money::Currency;
use lezai_core::time::Timestamp;
use lezai_wire::page::Page;

use super::StoreError;

/// Reads of rates and quotes.
pub trait FxReads {
    /// The rate of a direction as it was put last, stale or not.
    fn fx_rate(&self, from: Currency, to: Currency) -> Result<Option<MarketRate>, StoreError>;
    /// Every direction's, by the currencies' codes.
    fn fx_rates(&self) -> Result<Vec<MarketRate>, StoreError>;
    /// A quote.
    fn fx_quote(&self, id: &FxQuoteId) -> Result<Option<Quote>, StoreError>;
    /// The merchant's quotes of a page, newest first, and one more if there are more.
    fn fx_quotes(
        &self,
        merchant: &MerchantId,
        page: &Page<FxQuoteId>,
    ) -> Result<Vec<Quote>, StoreError>;
}

/// Writes of rates and quotes.
pub trait FxWrites: FxReads {
    /// A rate; it takes the place of the one of its direction.
    fn put_fx_rate(&self, rate: &MarketRate) -> Result<(), StoreError>;
    /// A new quote.
    fn insert_fx_quote(&self, quote: &Quote) -> Result<(), StoreError>;
    /// The quote as it is used. `false`, and nothing written, if it is not there, or was used before: of many that
    /// use it at once one is told `true`.
    fn use_fx_quote(&self, quote: &Quote) -> Result<bool, StoreError>;
    /// Forgets quotes that were over before then and that nobody used.
    fn prune_fx_quotes(&self, before: Timestamp) -> Result<(), StoreError>;
}
