//! Mandates in SQLite.

use lezai_core::funds::mandate::Mandate;
use lezai_core::id::{MandateId, MerchantId};
use rusqlite::{Connection, params};

use super::tables::{Sqlite, json, to_json};
use lezai_store::mandates::{MandateReads, MandateWrites};
use lezai_store::{Page, StoreError, id_range};

pub(super) const TABLES: &str = "
CREATE TABLE mandates (
  id TEXT PRIMARY KEY, merchant TEXT NOT NULL REFERENCES merchants, merchant_mandate_id TEXT NOT NULL, status TEXT NOT NULL,
  version INTEGER NOT NULL, data TEXT NOT NULL, UNIQUE (merchant, merchant_mandate_id)
) STRICT;
CREATE INDEX mandates_by_merchant ON mandates (merchant, id);
CREATE INDEX mandates_by_status ON mandates (merchant, status, id);
";

const MANDATE: &str = "SELECT data FROM mandates";

impl MandateReads for Sqlite<'_> {
    fn mandate(&self, mandate: &MandateId) -> Result<Option<Mandate>, StoreError> {
        self.one(&format!("{MANDATE} WHERE id = ?1"), [mandate.as_str()], |row| json(row, 0))
    }

    fn mandate_by_merchant_mandate_id(
        &self,
        merchant: &MerchantId,
        number: &str,
    ) -> Result<Option<Mandate>, StoreError> {
        let sql = format!("{MANDATE} WHERE merchant = ?1 AND merchant_mandate_id = ?2");
        self.one(&sql, [merchant.as_str(), number], |row| json(row, 0))
    }

    fn mandates(
        &self,
        merchant: &MerchantId,
        status: Option<&str>,
        page: &Page<MandateId>,
    ) -> Result<Vec<Mandate>, StoreError> {
        let (from, before) = id_range(page, "mdt_", MandateId::to_string);
        let (merchant, limit) = (merchant.as_str(), page.limit.saturating_add(1));
        match status {
            Some(status) => self.all(
                &format!(
                    "{MANDATE} WHERE merchant = ?1 AND status = ?2 AND id >= ?3 AND id < ?4 ORDER BY id DESC LIMIT ?5"
                ),
                params![merchant, status, from, before, limit],
                |row| json(row, 0),
            ),
            None => self.all(
                &format!(
                    "{MANDATE} WHERE merchant = ?1 AND id >= ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4"
                ),
                params![merchant, from, before, limit],
                |row| json(row, 0),
            ),
        }
    }
}

impl MandateWrites for Sqlite<'_> {
    fn insert_mandate(&self, mandate: &Mandate) -> Result<bool, StoreError> {
        let terms = &mandate.terms;
        let inserted = self.change(
            "INSERT INTO mandates (id, merchant, merchant_mandate_id, status, version, data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (merchant, merchant_mandate_id) DO NOTHING",
            params![
                terms.id.as_str(),
                terms.merchant.as_str(),
                terms.merchant_mandate_id,
                mandate.state.status(),
                mandate.version,
                to_json(mandate)?,
            ],
        )?;
        Ok(inserted == 1)
    }

    fn update_mandate(&self, mandate: &Mandate) -> Result<(), StoreError> {
        let (id, version) = (&mandate.terms.id, mandate.version);
        let sql = "UPDATE mandates SET status = ?2, version = ?3, data = ?4 WHERE id = ?1 AND version < ?3";
        let params = params![id.as_str(), mandate.state.status(), version, to_json(mandate)?];
        if self.change(sql, params)? == 1 {
            return Ok(());
        }
        Err(StoreError::Damaged(format!("{id} has no version before {version}")))
    }
}

/// Every mandate, one at a time.
///
/// # Errors
///
/// [`StoreError`], or what `each` gives.
pub fn for_each_mandate<E: From<StoreError>>(
    connection: &Connection,
    mut each: impl FnMut(Mandate) -> Result<(), E>,
) -> Result<(), E> {
    let sql = "SELECT data, id, merchant, merchant_mandate_id, status, version FROM mandates";
    let mut statement = connection.prepare(sql).map_err(StoreError::from)?;
    let mut rows = statement.query([]).map_err(StoreError::from)?;
    while let Some(row) = rows.next().map_err(StoreError::from)? {
        let mandate: Mandate = json(row, 0)?;
        let terms = &mandate.terms;
        let column = |column| row.get::<_, String>(column).map_err(StoreError::from);
        let same = column(1)? == terms.id.as_str()
            && column(2)? == terms.merchant.as_str()
            && column(3)? == terms.merchant_mandate_id
            && column(4)? == mandate.state.status()
            && row.get::<_, u64>(5).map_err(StoreError::from)? == mandate.version;
        if !same {
            let what = format!("the row of {} says otherwise than the mandate", terms.id);
            return Err(StoreError::Damaged(what).into());
        }
        each(mandate)?;
    }
    Ok(())
}
