//! The basis of fees, in SQLite.

use lezai_core::funds::month::Month;
use lezai_core::funds::pricing::{Promoted, Used};
use lezai_core::id::MerchantId;
use lezai_core::money::Currency;
use rusqlite::{Connection, params};

use super::tables::{Sqlite, id};
use lezai_store::StoreError;
use lezai_store::fees::{FeeReads, FeeWrites, used};

pub(super) const TABLES: &str = "
CREATE TABLE volumes (
  merchant TEXT NOT NULL REFERENCES merchants, currency TEXT NOT NULL, month TEXT NOT NULL, minor INTEGER NOT NULL,
  PRIMARY KEY (merchant, currency, month)
) STRICT, WITHOUT ROWID;
CREATE TABLE promotions (
  merchant TEXT NOT NULL REFERENCES merchants, currency TEXT NOT NULL, name TEXT NOT NULL, payments INTEGER NOT NULL,
  minor INTEGER NOT NULL, PRIMARY KEY (merchant, currency, name)
) STRICT, WITHOUT ROWID;
";

impl FeeReads for Sqlite<'_> {
    fn volume(
        &self,
        merchant: &MerchantId,
        currency: Currency,
        month: Month,
    ) -> Result<i64, StoreError> {
        let sql = "SELECT minor FROM volumes WHERE merchant = ?1 AND currency = ?2 AND month = ?3";
        let params = params![merchant.as_str(), currency.code(), month.to_string()];
        Ok(self.one(sql, params, |row| Ok(row.get(0)?))?.unwrap_or_default())
    }

    fn promotion_used(
        &self,
        merchant: &MerchantId,
        currency: Currency,
        name: &str,
    ) -> Result<Used, StoreError> {
        let sql = "SELECT payments, minor FROM promotions WHERE merchant = ?1 AND currency = ?2 AND name = ?3";
        let params = params![merchant.as_str(), currency.code(), name];
        Ok(self.one(sql, params, |row| used(row.get(0)?, row.get(1)?))?.unwrap_or_default())
    }
}

impl FeeWrites for Sqlite<'_> {
    fn add_volume(
        &self,
        merchant: &MerchantId,
        currency: Currency,
        month: Month,
        minor: i64,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO volumes (merchant, currency, month, minor) VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT DO UPDATE SET minor = minor + excluded.minor";
        let params = params![merchant.as_str(), currency.code(), month.to_string(), minor];
        self.change(sql, params).map(drop)
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

impl Sqlite<'_> {
    fn count_promotion(
        &self,
        merchant: &MerchantId,
        currency: Currency,
        name: &str,
        (payments, minor): (i64, i64),
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO promotions (merchant, currency, name, payments, minor) VALUES (?1, ?2, ?3, ?4, ?5)
                   ON CONFLICT DO UPDATE SET payments = payments + excluded.payments, minor = minor + excluded.minor";
        let params = params![merchant.as_str(), currency.code(), name, payments, minor];
        self.change(sql, params).map(drop)
    }
}

/// The volume that is kept of each month.
///
/// # Errors
///
/// [`StoreError`].
pub fn volumes(
    connection: &Connection,
) -> Result<Vec<(MerchantId, Currency, Month, i64)>, StoreError> {
    let sql = "SELECT merchant, currency, month, minor FROM volumes";
    Sqlite { connection }.all(sql, [], |row| {
        let month: String = row.get(2)?;
        let month = Month::parse(&month)
            .map_err(|_| StoreError::Damaged(format!("{month} is no month")))?;
        Ok((id(row, 0, MerchantId::parse)?, id(row, 1, Currency::from_code)?, month, row.get(3)?))
    })
}

/// The part kept of each promotion as used.
///
/// # Errors
///
/// [`StoreError`].
pub fn promotions(
    connection: &Connection,
) -> Result<Vec<(MerchantId, Currency, String, Used)>, StoreError> {
    let sql = "SELECT merchant, currency, name, payments, minor FROM promotions";
    Sqlite { connection }.all(sql, [], |row| {
        let used = used(row.get(3)?, row.get(4)?)?;
        Ok((id(row, 0, MerchantId::parse)?, id(row, 1, Currency::from_code)?, row.get(2)?, used))
    })
}
