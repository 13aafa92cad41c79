//! The basis of fees, in PostgreSQL.

use lezai_core::funds::month::Month;
use lezai_core::funds::pricing::{Promoted, Used};
use lezai_core::id::MerchantId;
use lezai_core::money::Currency;
use lezai_store::StoreError;
use lezai_store::fees::{FeeReads, FeeWrites, used};

use super::tables::{Postgres, get, owned, params};

impl FeeReads for Postgres<'_> {
    fn volume(
        &self,
        merchant: &MerchantId,
        currency: Currency,
        month: Month,
    ) -> Result<i64, StoreError> {
        let sql = "SELECT minor FROM volumes WHERE merchant = $1 AND currency = $2 AND month = $3";
        let params = params![merchant.as_str(), currency.code(), month.to_string()];
        Ok(self.one(sql, params, |row| get(row, 0))?.unwrap_or_default())
    }

    fn promotion_used(
        &self,
        merchant: &MerchantId,
        currency: Currency,
        name: &str,
    ) -> Result<Used, StoreError> {
        let sql = "SELECT payments, minor FROM promotions WHERE merchant = $1 AND currency = $2 AND name = $3";
        let params = params![merchant.as_str(), currency.code(), name];
        Ok(self.one(sql, params, |row| used(get(row, 0)?, get(row, 1)?))?.unwrap_or_default())
    }
}

impl FeeWrites for Postgres<'_> {
    fn add_volume(
        &self,
        merchant: &MerchantId,
        currency: Currency,
        month: Month,
        minor: i64,
    ) -> Result<(), StoreError> {
        let merchant = self.admit(merchant)?;
        self.later(
            "INSERT INTO volumes (merchant, currency, month, minor) VALUES ($1, $2, $3, $4)
             ON CONFLICT (merchant, currency, month) DO UPDATE SET minor = volumes.minor + excluded.minor",
            owned![merchant, currency.code(), month.to_string(), minor],
        )
    }

    fn use_promotion(
        &self,
        merchant: &MerchantId,
        currency: Currency,
        promoted: &Promoted,
    ) -> Result<(), StoreError> {
        self.count_promotion(merchant, currency, &promoted.name, (1, promoted.minor))
    }

    fn give_promotion_back(
        &self,
        merchant: &MerchantId,
        currency: Currency,
        promoted: &Promoted,
    ) -> Result<(), StoreError> {
        self.count_promotion(merchant, currency, &promoted.name, (-1, -promoted.minor))
    }
}

impl Postgres<'_> {
    fn count_promotion(
        &self,
        merchant: &MerchantId,
        currency: Currency,
        name: &str,
        (payments, minor): (i64, i64),
    ) -> Result<(), StoreError> {
        let merchant = self.admit(merchant)?;
        self.later(
            "INSERT INTO promotions (merchant, currency, name, payments, minor) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (merchant, currency, name) DO UPDATE
             SET payments = promotions.payments + excluded.payments, minor = promotions.minor + excluded.minor",
            owned![merchant, currency.code(), name.to_owned(), payments, minor],
        )
    }
}
