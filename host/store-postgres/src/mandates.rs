//! Mandates in PostgreSQL.

use lezai_core::funds::mandate::Mandate;
use lezai_core::id::{MandateId, MerchantId};
use lezai_store::mandates::{MandateReads, MandateWrites};
use lezai_store::{Page, StoreError, id_range};

use super::tables::{Postgres, json, number, params, to_json};

const MANDATE: &str = "SELECT data FROM mandates";

impl MandateReads for Postgres<'_> {
    fn mandate(&self, mandate: &MandateId) -> Result<Option<Mandate>, StoreError> {
        self.by(MANDATE, "id", mandate.as_str(), |row| json(row, 0))
    }

    fn mandate_by_merchant_mandate_id(
        &self,
        merchant: &MerchantId,
        number: &str,
    ) -> Result<Option<Mandate>, StoreError> {
        let sql = format!("{MANDATE} WHERE merchant = $1 AND merchant_mandate_id = $2");
        self.one(&sql, params![merchant.as_str(), number], |row| json(row, 0))
    }

    fn mandates(
        &self,
        merchant: &MerchantId,
        status: Option<&str>,
        page: &Page<MandateId>,
    ) -> Result<Vec<Mandate>, StoreError> {
        let (from, before) = id_range(page, "mdt_", MandateId::to_string);
        let (merchant, limit) = (merchant.as_str(), i64::from(page.limit) + 1);
        match status {
            Some(status) => self.all(
                &format!(
                    "{MANDATE} WHERE merchant = $1 AND status = $2 AND id >= $3 AND id < $4 ORDER BY id DESC LIMIT $5"
                ),
                params![merchant, status, from, before, limit],
                |row| json(row, 0),
            ),
            None => self.all(
                &format!(
                    "{MANDATE} WHERE merchant = $1 AND id >= $2 AND id < $3 ORDER BY id DESC LIMIT $4"
                ),
                params![merchant, from, before, limit],
                |row| json(row, 0),
            ),
        }
    }
}

impl MandateWrites for Postgres<'_> {
    fn insert_mandate(&self, mandate: &Mandate) -> Result<bool, StoreError> {
        let terms = &mandate.terms;
        let merchant = self.admit(&terms.merchant)?;
        let inserted = self.change(
            "INSERT INTO mandates (merchant, id, merchant_mandate_id, status, version, data)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (merchant, merchant_mandate_id) DO NOTHING",
            params![
                merchant,
                terms.id.as_str(),
                terms.merchant_mandate_id,
                mandate.state.status(),
                number(mandate.version),
                to_json(mandate)?,
            ],
        )?;
        Ok(inserted == 1)
    }

    fn update_mandate(&self, mandate: &Mandate) -> Result<(), StoreError> {
        let merchant = self.admit(&mandate.terms.merchant)?;
        let (id, version) = (&mandate.terms.id, mandate.version);
        let sql = "UPDATE mandates SET status = $3, version = $4, data = $5
                   WHERE merchant = $1 AND id = $2 AND version < $4";
        let status = mandate.state.status();
        let params = params![merchant, id.as_str(), status, number(version), to_json(mandate)?];
        if self.change(sql, params)? == 1 {
            return Ok(());
        }
        Err(StoreError::Damaged(format!("{id} has no version before {version}")))
    }
}
