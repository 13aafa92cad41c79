//! Rates of the market and merchants' quotes in SQLite.

use lezai_core::funds::fx::{MarketRate, Quote};
use lezai_core::id::{FxQuoteId, MerchantId};
use lezai_core::money::Currency;
use lezai_core::order::Order;
use lezai_core::time::Timestamp;
use lezai_store::fx::{FxReads, FxWrites};
use lezai_store::{Page, StoreError, id_range};
use rusqlite::params;

use super::tables::{PRUNED, Sqlite, json, to_json};

pub(super) const TABLES: &str = "
CREATE TABLE fx_rates (
  from_currency TEXT NOT NULL, to_currency TEXT NOT NULL, data TEXT NOT NULL, PRIMARY KEY (from_currency, to_currency)
) STRICT, WITHOUT ROWID;
CREATE TABLE fx_quotes (
  id TEXT PRIMARY KEY, merchant TEXT NOT NULL REFERENCES merchants, order_id TEXT UNIQUE REFERENCES orders, expires_ms INTEGER NOT NULL,
  data TEXT NOT NULL
) STRICT;
CREATE INDEX fx_quotes_by_merchant ON fx_quotes (merchant, id);
CREATE INDEX fx_quotes_unused ON fx_quotes (expires_ms) WHERE order_id IS NULL;
";

impl FxReads for Sqlite<'_> {
    fn fx_rate(&self, from: Currency, to: Currency) -> Result<Option<MarketRate>, StoreError> {
        let sql = "SELECT data FROM fx_rates WHERE from_currency = ?1 AND to_currency = ?2";
        self.one(sql, [from.code(), to.code()], |row| json(row, 0))
    }

    fn fx_rates(&self) -> Result<Vec<MarketRate>, StoreError> {
        let sql = "SELECT data FROM fx_rates ORDER BY from_currency, to_currency";
        self.all(sql, [], |row| json(row, 0))
    }

    fn fx_quote(&self, id: &FxQuoteId) -> Result<Option<Quote>, StoreError> {
        self.one("SELECT data FROM fx_quotes WHERE id = ?1", [id.as_str()], |row| json(row, 0))
    }

    fn fx_quotes(
        &self,
        merchant: &MerchantId,
        page: &Page<FxQuoteId>,
    ) -> Result<Vec<Quote>, StoreError> {
        let (from, before) = id_range(page, "fxq_", FxQuoteId::to_string);
        let sql = "SELECT data FROM fx_quotes WHERE merchant = ?1 AND id >= ?2 AND id < ?3
                   ORDER BY id DESC LIMIT ?4";
        let limit = page.limit.saturating_add(1);
        self.all(sql, params![merchant.as_str(), from, before, limit], |row| json(row, 0))
    }
}

impl FxWrites for Sqlite<'_> {
    fn put_fx_rate(&self, rate: &MarketRate) -> Result<(), StoreError> {
        let sql = "INSERT INTO fx_rates (from_currency, to_currency, data) VALUES (?1, ?2, ?3)
                   ON CONFLICT (from_currency, to_currency) DO UPDATE SET data = excluded.data";
        let params = params![rate.from.code(), rate.to.code(), to_json(rate)?];
        self.change(sql, params).map(drop)
    }

    fn insert_fx_quote(&self, quote: &Quote) -> Result<(), StoreError> {
        let sql = "INSERT INTO fx_quotes (id, merchant, expires_ms, data) VALUES (?1, ?2, ?3, ?4)";
        let Quote { id, merchant, expires_at, .. } = quote;
        let params = params![id.as_str(), merchant.as_str(), expires_at.as_ms(), to_json(quote)?];
        self.change(sql, params).map(drop)
    }

    fn use_fx_quote(&self, quote: &Quote) -> Result<bool, StoreError> {
        let sql = "UPDATE fx_quotes SET order_id = ?3, data = ?4
                   WHERE id = ?1 AND merchant = ?2 AND order_id IS NULL";
        let order = quote.used.as_ref().map(|it| it.order.as_str());
        let params = params![quote.id.as_str(), quote.merchant.as_str(), order, to_json(quote)?];
        Ok(self.change(sql, params)? == 1)
    }

    fn prune_fx_quotes(&self, before: Timestamp) -> Result<(), StoreError> {
        let sql = "DELETE FROM fx_quotes WHERE rowid IN (SELECT rowid FROM fx_quotes
                   WHERE order_id IS NULL AND expires_ms < ?1 LIMIT ?2)";
        self.change(sql, params![before.as_ms(), PRUNED]).map(drop)
    }
}

impl Sqlite<'_> {
    /// The fault of the quote that an order was settled by, in words: it is there, was used by this order, and
    /// has the rate of its terms.
    pub(super) fn bad_quote(&self, order: &Order) -> Result<Option<String>, StoreError> {
        let sql = "SELECT data FROM fx_quotes WHERE order_id = ?1";
        let found = self.one(sql, [order.terms.id.as_str()], |row| json::<Quote>(row, 0))?;
        let (fx, quote) = match (&order.terms.fx, found) {
            (None, None) => return Ok(None),
            (Some(fx), Some(quote)) => (fx, quote),
            (Some(fx), None) => {
                return Ok(Some(format!("it is not the order that used {}", fx.quote)));
            }
            (None, Some(quote)) => return Ok(Some(format!("it did not use {}", quote.id))),
        };
        let used = quote.used.as_ref().is_some_and(|it| it.order == order.terms.id);
        let same = quote.conversion() == *fx && quote.merchant == order.terms.merchant;
        let is_its = used && same && quote.from == order.terms.amount.currency();
        Ok((!is_its).then(|| format!("it has other terms than {}", fx.quote)))
    }
}
