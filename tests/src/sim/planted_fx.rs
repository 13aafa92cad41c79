//! Rates and quotes through the layer that has the planted bugs.

use lezai_core::funds::fx::{MarketRate, Quote};
use lezai_core::id::{FxQuoteId, MerchantId};
use lezai_core::ledger::{Account, Entry, Posting};
use lezai_core::money::{Currency, Money};
use lezai_core::order::Order;
use lezai_core::time::Timestamp;
use lezai_store::{FxReads, FxWrites, Page, StoreError};

use super::planted::{Layer, Planted};

impl FxReads for Layer<'_> {
    fn fx_rate(&self, from: Currency, to: Currency) -> Result<Option<MarketRate>, StoreError> {
        self.tx.fx_rate(from, to)
    }
    fn fx_rates(&self) -> Result<Vec<MarketRate>, StoreError> {
        self.tx.fx_rates()
    }
    fn fx_quote(&self, id: &FxQuoteId) -> Result<Option<Quote>, StoreError> {
        self.tx.fx_quote(id)
    }
    fn fx_quotes(
        &self,
        merchant: &MerchantId,
        page: &Page<FxQuoteId>,
    ) -> Result<Vec<Quote>, StoreError> {
        self.tx.fx_quotes(merchant, page)
    }
}

impl FxWrites for Layer<'_> {
    fn put_fx_rate(&self, rate: &MarketRate) -> Result<(), StoreError> {
        self.tx.put_fx_rate(rate)
    }
    fn insert_fx_quote(&self, quote: &Quote) -> Result<(), StoreError> {
        self.scope.admit(&quote.merchant)?;
        self.tx.insert_fx_quote(quote)
    }
    fn use_fx_quote(&self, quote: &Quote) -> Result<bool, StoreError> {
        self.scope.admit(&quote.merchant)?;
        // Whoever found it unused a moment ago takes it.
        Ok(self.tx.use_fx_quote(quote)? || self.planted == Planted::QuoteUsedTwice)
    }
    fn prune_fx_quotes(&self, before: Timestamp) -> Result<(), StoreError> {
        self.tx.prune_fx_quotes(before)
    }
}

/// The order as one would keep it who converts its last refund wrongly.
pub(super) fn misconverted(planted: Planted, order: &Order) -> Order {
    let mut order = order.clone();
    if let Some(refund) = order.refunds.last_mut()
        && let Some(converted) = &mut refund.converted
    {
        let money = |minor| Money::new(minor, converted.value.currency()).unwrap();
        match planted {
            // As many units as its amount would be worth in its own currency.
            Planted::RefundUpsideDown => {
                let (amount, value) = (refund.amount.minor(), converted.value.minor());
                let turned = i128::from(amount) * i128::from(amount) / i128::from(value.max(1));
                converted.value = money(i64::try_from(turned).unwrap_or(amount));
            }
            Planted::SpreadKept => converted.spread = money(0),
            _ => {}
        }
    }
    order
}

/// The entry as one would book it who keeps the order so.
pub(super) fn booked_wrongly(wrong: &Order, right: &Order, entry: &Entry) -> Option<Entry> {
    let (wrong, right) = (wrong.refunds.last()?, right.refunds.last()?);
    let (of_wrong, of_right) = (wrong.converted?, right.converted?);
    let value = of_wrong.value.minor() - of_right.value.minor();
    let spread = of_wrong.spread.minor() - of_right.spread.minor();
    let settled = of_right.value.currency();
    let moved = entry.postings().iter().cloned().map(|it| {
        let more = match &it.account {
            _ if it.currency != settled => 0,
            Account::FxPosition => -value - spread,
            Account::FxIncome => spread,
            account if *account == right.from => value,
            _ => 0,
        };
        Posting { minor: it.minor + more, ..it }
    });
    let moved = moved.filter(|it| it.minor != 0).collect();
    Entry::new(entry.kind(), moved).ok()
}
