//! Receivers, and the rows that splits and their returns are found by, in PostgreSQL.

use lezai_core::funds::receiver::Receiver;
use lezai_core::id::{MerchantId, OrderId, ReceiverId, SplitId, SplitReturnId};
use lezai_core::order::Order;
use lezai_store::splits::{SplitReads, SplitWrites};
use lezai_store::{Page, StoreError, id_range};
use tokio_postgres::Row;

use super::tables::{Postgres, damaged, get, id, owned, params, to_json};

const RECEIVER: &str = "SELECT id, data FROM receivers";

impl Postgres<'_> {
    fn receiver_record(&self, row: &Row) -> Result<Receiver, StoreError> {
        let id: &str = get(row, 0)?;
        let text = self.open(&format!("receiver/{id}/data"), get(row, 1)?)?;
        serde_json::from_str(&text).map_err(damaged)
    }

    /// The rows that an order's splits and their returns are found by.
    pub(super) fn note_splits(&self, merchant: &str, order: &Order) -> Result<(), StoreError> {
        if order.splits.is_empty() {
            return Ok(());
        }
        let of = order.terms.id.to_string();
        let ids: Vec<String> = order.splits.iter().map(|it| it.id.to_string()).collect();
        let numbers = order.splits.iter().map(|it| it.merchant_split_id.clone());
        let numbers: Vec<String> = numbers.collect();
        self.later(
            "INSERT INTO splits (merchant, id, order_id, merchant_split_id)
             SELECT $1, each.id, $2, each.number FROM unnest($3::TEXT[], $4::TEXT[]) AS each (id, number)
             WHERE NOT EXISTS (SELECT 1 FROM splits WHERE merchant = $1 AND splits.id = each.id)",
            owned![merchant.to_owned(), of, ids, numbers],
        )?;
        let returns =
            order.splits.iter().flat_map(|split| split.returns.iter().map(move |it| (split, it)));
        let (mut ids, mut splits, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
        for (split, it) in returns {
            ids.push(it.id.to_string());
            splits.push(split.id.to_string());
            numbers.push(it.merchant_return_id.clone());
        }
        if ids.is_empty() {
            return Ok(());
        }
        self.later(
            "INSERT INTO split_returns (merchant, id, split, merchant_return_id)
             SELECT $1, each.id, each.split, each.number
             FROM unnest($2::TEXT[], $3::TEXT[], $4::TEXT[]) AS each (id, split, number)
             WHERE NOT EXISTS (SELECT 1 FROM split_returns WHERE merchant = $1 AND split_returns.id = each.id)",
            owned![merchant.to_owned(), ids, splits, numbers],
        )
    }
}

impl SplitReads for Postgres<'_> {
    fn receiver(&self, receiver: &ReceiverId) -> Result<Option<Receiver>, StoreError> {
        self.by(RECEIVER, "id", receiver.as_str(), |row| self.receiver_record(row))
    }

    fn receiver_by_name(
        &self,
        merchant: &MerchantId,
        name: &str,
    ) -> Result<Option<Receiver>, StoreError> {
        let sql = format!("{RECEIVER} WHERE merchant = $1 AND name = $2");
        self.one(&sql, params![merchant.as_str(), name], |row| self.receiver_record(row))
    }

    fn receivers(
        &self,
        merchant: &MerchantId,
        page: &Page<ReceiverId>,
    ) -> Result<Vec<Receiver>, StoreError> {
        let (from, before) = id_range(page, "rcv_", ReceiverId::to_string);
        let sql = format!(
            "{RECEIVER} WHERE merchant = $1 AND id >= $2 AND id < $3 ORDER BY id DESC LIMIT $4"
        );
        let params = params![merchant.as_str(), from, before, i64::from(page.limit) + 1];
        self.all(&sql, params, |row| self.receiver_record(row))
    }

    fn order_of_split(&self, split: &SplitId) -> Result<Option<OrderId>, StoreError> {
        let sql = "SELECT order_id FROM splits";
        self.by(sql, "id", split.as_str(), |row| id(row, 0, OrderId::parse))
    }

    fn split_by_merchant_split_id(
        &self,
        merchant: &MerchantId,
        number: &str,
    ) -> Result<Option<SplitId>, StoreError> {
        let sql = "SELECT id FROM splits WHERE merchant = $1 AND merchant_split_id = $2";
        self.one(sql, params![merchant.as_str(), number], |row| id(row, 0, SplitId::parse))
    }

    fn return_by_merchant_return_id(
        &self,
        merchant: &MerchantId,
        number: &str,
    ) -> Result<Option<SplitReturnId>, StoreError> {
        let sql = "SELECT id FROM split_returns WHERE merchant = $1 AND merchant_return_id = $2";
        self.one(sql, params![merchant.as_str(), number], |row| id(row, 0, SplitReturnId::parse))
    }
}

impl SplitWrites for Postgres<'_> {
    fn put_receiver(&self, receiver: &Receiver) -> Result<(), StoreError> {
        let merchant = self.admit(&receiver.merchant)?;
        let context = format!("receiver/{}/data", receiver.id);
        let data = self.seal(&context, to_json(receiver)?)?;
        self.later(
            "INSERT INTO receivers (merchant, id, name, data) VALUES ($1, $2, $3, $4)
             ON CONFLICT (merchant, id) DO UPDATE SET data = $4",
            owned![merchant, receiver.id.to_string(), receiver.name.clone(), data],
        )
    }
}
