//! Rates of the market and merchants' quotes in PostgreSQL.

use lezai_core::funds::fx::{MarketRate, Quote};
use lezai_core::id::{FxQuoteId, MerchantId};
use lezai_core::money::Currency;
use lezai_core::time::Timestamp;
use lezai_store::fx::{FxReads, FxWrites};
use lezai_store::{Page, StoreError, id_range};

use super::tables::{PRUNED, Postgres, json, owned, params, to_json};

impl FxReads for Postgres<'_> {
    fn fx_rate(&self, from: Currency, to: Currency) -> Result<Option<MarketRate>, StoreError> {
        let sql = "SELECT data FROM fx_rates WHERE from_currency = $1 AND to_currency = $2";
        self.one(sql, params![from.code(), to.code()], |row| json(row, 0))
    }

    fn fx_rates(&self) -> Result<Vec<MarketRate>, StoreError> {
        let sql = "SELECT data FROM fx_rates ORDER BY from_currency, to_currency";
        self.all(sql, params![], |row| json(row, 0))
    }

    fn fx_quote(&self, id: &FxQuoteId) -> Result<Option<Quote>, StoreError> {
        self.by("SELECT data FROM fx_quotes", "id", id.as_str(), |row| json(row, 0))
    }

    fn fx_quotes(
        &self,
        merchant: &MerchantId,
        page: &Page<FxQuoteId>,
    ) -> Result<Vec<Quote>, StoreError> {
        let (from, before) = id_range(page, "fxq_", FxQuoteId::to_string);
        let sql = "SELECT data FROM fx_quotes WHERE merchant = $1 AND id >= $2 AND id < $3
                   ORDER BY id DESC LIMIT $4";
        let params = params![merchant.as_str(), from, before, i64::from(page.limit) + 1];
        self.all(sql, params, |row| json(row, 0))
    }
}

impl FxWrites for Postgres<'_> {
    fn put_fx_rate(&self, rate: &MarketRate) -> Result<(), StoreError> {
        let sql = "INSERT INTO fx_rates (from_currency, to_currency, data) VALUES ($1, $2, $3)
                   ON CONFLICT (from_currency, to_currency) DO UPDATE SET data = $3";
        self.later(sql, owned![rate.from.code(), rate.to.code(), to_json(rate)?])
    }

    fn insert_fx_quote(&self, quote: &Quote) -> Result<(), StoreError> {
        let merchant = self.admit(&quote.merchant)?;
        let sql = "INSERT INTO fx_quotes (merchant, id, expires_ms, data) VALUES ($1, $2, $3, $4)";
        let (id, end) = (quote.id.to_string(), quote.expires_at.as_ms());
        self.later(sql, owned![merchant, id, end, to_json(quote)?])
    }

    fn use_fx_quote(&self, quote: &Quote) -> Result<bool, StoreError> {
        let merchant = self.admit(&quote.merchant)?;
        let sql = "UPDATE fx_quotes SET order_id = $3, data = $4
                   WHERE merchant = $1 AND id = $2 AND order_id IS NULL";
        let order = quote.used.as_ref().map(|it| it.order.to_string());
        let params = params![merchant, quote.id.as_str(), order, to_json(quote)?];
        Ok(self.change(sql, params)? == 1)
    }

    fn prune_fx_quotes(&self, before: Timestamp) -> Result<(), StoreError> {
        let sql = "DELETE FROM fx_quotes WHERE ctid = ANY (ARRAY(SELECT ctid FROM fx_quotes WHERE order_id IS NULL AND expires_ms < $1 ORDER BY expires_ms LIMIT $2 FOR UPDATE SKIP LOCKED))";
        self.later(sql, owned![before.as_ms(), PRUNED])
    }
}
