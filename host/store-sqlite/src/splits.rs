//! Receivers, and the rows that splits and their returns are found by, in SQLite.

use lezai_core::funds::receiver::Receiver;
use lezai_core::id::{MerchantId, OrderId, ReceiverId, SplitId, SplitReturnId};
use lezai_core::order::Order;
use rusqlite::params;

use super::tables::{Sqlite, id, json, to_json};
use lezai_store::splits::{SplitReads, SplitWrites};
use lezai_store::{Page, StoreError, id_range};

pub(super) const TABLES: &str = "
CREATE TABLE receivers (
  id TEXT PRIMARY KEY, merchant TEXT NOT NULL REFERENCES merchants, name TEXT NOT NULL, data TEXT NOT NULL,
  UNIQUE (merchant, name)
) STRICT;
CREATE INDEX receivers_by_merchant ON receivers (merchant, id);
CREATE TABLE splits (
  id TEXT PRIMARY KEY, order_id TEXT NOT NULL REFERENCES orders, merchant TEXT NOT NULL, merchant_split_id TEXT NOT NULL,
  UNIQUE (merchant, merchant_split_id)
) STRICT;
CREATE TABLE split_returns (
  id TEXT PRIMARY KEY, split TEXT NOT NULL REFERENCES splits, merchant TEXT NOT NULL, merchant_return_id TEXT NOT NULL,
  UNIQUE (merchant, merchant_return_id)
) STRICT;
";

const RECEIVER: &str = "SELECT opened('receiver/' || id || '/data', data) FROM receivers";

impl SplitReads for Sqlite<'_> {
    fn receiver(&self, receiver: &ReceiverId) -> Result<Option<Receiver>, StoreError> {
        let sql = format!("{RECEIVER} WHERE id = ?1");
        self.one(&sql, [receiver.as_str()], |row| json(row, 0))
    }

    fn receiver_by_name(
        &self,
        merchant: &MerchantId,
        name: &str,
    ) -> Result<Option<Receiver>, StoreError> {
        let sql = format!("{RECEIVER} WHERE merchant = ?1 AND name = ?2");
        self.one(&sql, [merchant.as_str(), name], |row| json(row, 0))
    }

    fn receivers(
        &self,
        merchant: &MerchantId,
        page: &Page<ReceiverId>,
    ) -> Result<Vec<Receiver>, StoreError> {
        let (from, before) = id_range(page, "rcv_", ReceiverId::to_string);
        let sql = format!(
            "{RECEIVER} WHERE merchant = ?1 AND id >= ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4"
        );
        let limit = page.limit.saturating_add(1);
        self.all(&sql, params![merchant.as_str(), from, before, limit], |row| json(row, 0))
    }

    fn order_of_split(&self, split: &SplitId) -> Result<Option<OrderId>, StoreError> {
        self.one("SELECT order_id FROM splits WHERE id = ?1", [split.as_str()], |row| {
            id(row, 0, OrderId::parse)
        })
    }

    fn split_by_merchant_split_id(
        &self,
        merchant: &MerchantId,
        number: &str,
    ) -> Result<Option<SplitId>, StoreError> {
        let sql = "SELECT id FROM splits WHERE merchant = ?1 AND merchant_split_id = ?2";
        self.one(sql, [merchant.as_str(), number], |row| id(row, 0, SplitId::parse))
    }

    fn return_by_merchant_return_id(
        &self,
        merchant: &MerchantId,
        number: &str,
    ) -> Result<Option<SplitReturnId>, StoreError> {
        let sql = "SELECT id FROM split_returns WHERE merchant = ?1 AND merchant_return_id = ?2";
        self.one(sql, [merchant.as_str(), number], |row| id(row, 0, SplitReturnId::parse))
    }
}

impl SplitWrites for Sqlite<'_> {
    fn put_receiver(&self, receiver: &Receiver) -> Result<(), StoreError> {
        let sql = "INSERT INTO receivers (id, merchant, name, data)
                   VALUES (?1, ?2, ?3, sealed('receiver/' || ?1 || '/data', ?4))
                   ON CONFLICT (id) DO UPDATE SET data = excluded.data";
        let Receiver { id, merchant, name, .. } = receiver;
        let params = params![id.as_str(), merchant.as_str(), name, to_json(receiver)?];
        self.change(sql, params).map(drop)
    }
}

impl Sqlite<'_> {
    /// The rows that an order's splits and their returns are found by.
    pub(super) fn note_splits(&self, order: &Order) -> Result<(), StoreError> {
        let (order_id, merchant) = (order.terms.id.as_str(), order.terms.merchant.as_str());
        for split in &order.splits {
            let sql = "INSERT INTO splits (id, order_id, merchant, merchant_split_id) VALUES (?1, ?2, ?3, ?4)
                       ON CONFLICT (id) DO NOTHING";
            let id = split.id.as_str();
            self.change(sql, [id, order_id, merchant, &split.merchant_split_id])?;
            for it in &split.returns {
                let sql = "INSERT INTO split_returns (id, split, merchant, merchant_return_id) VALUES (?1, ?2, ?3, ?4)
                           ON CONFLICT (id) DO NOTHING";
                self.change(sql, [it.id.as_str(), id, merchant, &it.merchant_return_id])?;
            }
        }
        Ok(())
    }

    /// The first row that is missing of those that an order's splits are found by, in words.
    pub(super) fn missing_split(&self, order: &Order) -> Result<Option<String>, StoreError> {
        let (order_id, merchant) = (order.terms.id.as_str(), order.terms.merchant.as_str());
        for split in &order.splits {
            let sql = "SELECT 1 FROM splits WHERE id = ?1 AND order_id = ?2 AND merchant = ?3 AND merchant_split_id = ?4";
            let params = [split.id.as_str(), order_id, merchant, &split.merchant_split_id];
            if self.one(sql, params, |_| Ok(()))?.is_none() {
                return Ok(Some(format!("its split {} is missing", split.id)));
            }
            for it in &split.returns {
                let sql = "SELECT 1 FROM split_returns WHERE id = ?1 AND split = ?2 AND merchant = ?3 AND merchant_return_id = ?4";
                let params = [it.id.as_str(), split.id.as_str(), merchant, &it.merchant_return_id];
                if self.one(sql, params, |_| Ok(()))?.is_none() {
                    return Ok(Some(format!("its return {} is missing", it.id)));
                }
            }
        }
        Ok(None)
    }
}
