//! Channels' bills, reconciliations and differences in SQLite.

use lezai_core::funds::bill::BillKind;
use lezai_core::funds::date::Date;
use lezai_core::funds::difference::Difference;
use lezai_core::id::{DifferenceId, ReconciliationId};
use lezai_core::ledger::Account;
use lezai_core::money::Currency;
use lezai_core::time::Timestamp;
use rusqlite::{Connection, params};

use super::statements::last_before;
use super::tables::{Sqlite, id, json, to_json};
use lezai_store::bills::{
    BillReads, BillRecord, BillWrites, DifferenceQuery, DifferenceRecord, LayoutRecord,
    OpenDifferences, ReconciliationRecord,
};
use lezai_store::funds::{FundsReads as _, Movement, Statement};
use lezai_store::{Page, StoreError, id_range};

pub(super) const TABLES: &str = "
CREATE TABLE bills (
  channel TEXT NOT NULL, kind TEXT NOT NULL, day TEXT NOT NULL, edition INTEGER NOT NULL, data TEXT NOT NULL,
  bytes BLOB NOT NULL, PRIMARY KEY (channel, kind, day, edition)
) STRICT;
CREATE INDEX bills_by_day ON bills (day, channel, kind, edition);
CREATE TRIGGER bills_stay BEFORE UPDATE OF channel, kind, day, edition, data ON bills
  BEGIN SELECT RAISE(ABORT, 'a bill is never changed'); END;
CREATE TABLE bill_layouts (
  name TEXT NOT NULL, edition INTEGER NOT NULL, digest TEXT NOT NULL, data TEXT NOT NULL, PRIMARY KEY (name, edition)
) STRICT;
CREATE INDEX bill_layouts_by_digest ON bill_layouts (digest);
CREATE TRIGGER bill_layouts_stay BEFORE UPDATE ON bill_layouts
  BEGIN SELECT RAISE(ABORT, 'an edition of a layout is never changed'); END;
CREATE TABLE reconciliations (
  id TEXT PRIMARY KEY, channel TEXT NOT NULL, day TEXT NOT NULL, data TEXT NOT NULL
) STRICT;
CREATE INDEX reconciliations_by_day ON reconciliations (channel, day, id);
CREATE TRIGGER reconciliations_stay BEFORE UPDATE ON reconciliations
  BEGIN SELECT RAISE(ABORT, 'a reconciliation is never changed'); END;
CREATE TABLE bill_differences (
  id TEXT PRIMARY KEY, run TEXT NOT NULL REFERENCES reconciliations, channel TEXT NOT NULL, day TEXT NOT NULL,
  class TEXT NOT NULL, status TEXT NOT NULL, waits INTEGER NOT NULL, opened_ms INTEGER NOT NULL, data TEXT NOT NULL
) STRICT;
CREATE INDEX bill_differences_by_run ON bill_differences (run, id);
CREATE INDEX bill_differences_by_status ON bill_differences (status, id);
CREATE INDEX bill_differences_waiting ON bill_differences (waits, channel, class, opened_ms);
CREATE INDEX bill_differences_by_day ON bill_differences (channel, day, status);
";

impl BillReads for Sqlite<'_> {
    fn bill(
        &self,
        channel: &str,
        kind: BillKind,
        day: Date,
    ) -> Result<Option<(BillRecord, Vec<u8>)>, StoreError> {
        let sql = "SELECT data, opened('bill/' || channel || '/' || kind || '/' || day || '/' || edition, bytes)
                   FROM bills WHERE channel = ?1 AND kind = ?2 AND day = ?3 ORDER BY edition DESC LIMIT 1";
        let params = params![channel, kind.as_str(), day.to_string()];
        self.one(sql, params, |row| Ok((json(row, 0)?, row.get(1)?)))
    }

    fn bills(&self, limit: u32) -> Result<Vec<BillRecord>, StoreError> {
        let sql = "SELECT data FROM bills WHERE day > '' ORDER BY day DESC, channel DESC, kind DESC, edition DESC LIMIT ?1";
        self.all(sql, [limit], |row| json(row, 0))
    }

    fn bill_layouts(&self) -> Result<Vec<LayoutRecord>, StoreError> {
        let sql = "SELECT data FROM bill_layouts AS it
                   WHERE edition = (SELECT max(edition) FROM bill_layouts WHERE name = it.name) ORDER BY name";
        self.all(sql, [], |row| json(row, 0))
    }

    fn bill_layout(&self, digest: &str) -> Result<Option<LayoutRecord>, StoreError> {
        let sql = "SELECT data FROM bill_layouts WHERE digest = ?1 LIMIT 1";
        self.one(sql, [digest], |row| json(row, 0))
    }

    fn reconciliation(
        &self,
        id: &ReconciliationId,
    ) -> Result<Option<ReconciliationRecord>, StoreError> {
        let sql = "SELECT data FROM reconciliations WHERE id = ?1";
        self.one(sql, [id.as_str()], |row| json(row, 0))
    }

    fn last_reconciliation(
        &self,
        channel: &str,
        day: Date,
    ) -> Result<Option<ReconciliationRecord>, StoreError> {
        let sql = "SELECT data FROM reconciliations WHERE channel = ?1 AND day = ?2 ORDER BY id DESC LIMIT 1";
        self.one(sql, params![channel, day.to_string()], |row| json(row, 0))
    }

    fn last_runs(
        &self,
        channel: &str,
        from: Date,
        before: Date,
    ) -> Result<Vec<(Date, ReconciliationId)>, StoreError> {
        let sql =
            "SELECT day, max(id) FROM reconciliations WHERE channel = ?1 AND day >= ?2 AND day < ?3
                   GROUP BY day ORDER BY day";
        let params = params![channel, from.to_string(), before.to_string()];
        self.all(sql, params, |row| {
            Ok((id(row, 0, Date::parse)?, id(row, 1, ReconciliationId::parse)?))
        })
    }

    fn reconciliations(
        &self,
        page: &Page<ReconciliationId>,
    ) -> Result<Vec<ReconciliationRecord>, StoreError> {
        let (from, before) = id_range(page, "rec_", ReconciliationId::to_string);
        let sql =
            "SELECT data FROM reconciliations WHERE id >= ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
        let params = params![from, before, page.limit.saturating_add(1)];
        self.all(sql, params, |row| json(row, 0))
    }

    fn difference(&self, id: &DifferenceId) -> Result<Option<DifferenceRecord>, StoreError> {
        let sql = "SELECT data FROM bill_differences WHERE id = ?1";
        self.one(sql, [id.as_str()], |row| json(row, 0))
    }

    fn bill_differences(
        &self,
        query: &DifferenceQuery,
    ) -> Result<Vec<DifferenceRecord>, StoreError> {
        let (from, before) = id_range(&query.page, "dif_", DifferenceId::to_string);
        let limit = query.page.limit.saturating_add(1);
        let status = query.status.unwrap_or("open");
        match (&query.run, query.status) {
            (Some(run), None) => self.all(
                "SELECT data FROM bill_differences WHERE run = ?1 AND id >= ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4",
                params![run.as_str(), from, before, limit],
                |row| json(row, 0),
            ),
            (Some(run), Some(_)) => self.all(
                "SELECT data FROM bill_differences WHERE run = ?1 AND id >= ?2 AND id < ?3 AND status = ?4
                 ORDER BY id DESC LIMIT ?5",
                params![run.as_str(), from, before, status, limit],
                |row| json(row, 0),
            ),
            (None, _) => self.all(
                "SELECT data FROM bill_differences WHERE status = ?1 AND id >= ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4",
                params![status, from, before, limit],
                |row| json(row, 0),
            ),
        }
    }

    fn unsettled_differences(
        &self,
        channel: &str,
        from: Date,
        before: Date,
    ) -> Result<Vec<DifferenceRecord>, StoreError> {
        let sql = "SELECT data FROM bill_differences WHERE channel = ?1 AND day >= ?2 AND day < ?3
                   AND status IN ('open', 'proposed', 'expected', 'paired')";
        let params = params![channel, from.to_string(), before.to_string()];
        let mut found: Vec<DifferenceRecord> = self.all(sql, params, |row| json(row, 0))?;
        found.sort_by(|a, b| a.difference.id.cmp(&b.difference.id));
        Ok(found)
    }

    fn expected_differences(
        &self,
        channel: &str,
        before: Date,
    ) -> Result<Vec<DifferenceRecord>, StoreError> {
        // There are few of them, and many others of those days.
        let sql = "SELECT data FROM bill_differences WHERE status = 'expected' AND +channel = ?1 AND +day < ?2
                   ORDER BY id";
        self.all(sql, params![channel, before.to_string()], |row| json(row, 0))
    }

    fn resolved_differences(
        &self,
        channel: &str,
        day: Date,
    ) -> Result<Vec<DifferenceRecord>, StoreError> {
        let sql = "SELECT data FROM bill_differences WHERE channel = ?1 AND day = ?2 AND status IN ('resolved', 'returning')";
        self.all(sql, params![channel, day.to_string()], |row| json(row, 0))
    }

    fn waiting_of_run(&self, run: &ReconciliationId) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM bill_differences WHERE run = ?1 AND +waits = 1";
        Ok(self.one(sql, [run.as_str()], |row| Ok(row.get(0)?))?.unwrap_or_default())
    }

    fn open_differences(&self, before: Timestamp) -> Result<Vec<OpenDifferences>, StoreError> {
        let sql = "SELECT channel, class, count(*), sum(opened_ms < ?1) FROM bill_differences
                   WHERE waits = 1 GROUP BY channel, class";
        self.all(sql, [before.as_ms()], |row| {
            Ok(OpenDifferences {
                channel: row.get(0)?,
                class: row.get(1)?,
                count: row.get(2)?,
                old: row.get(3)?,
            })
        })
    }

    fn entries_before(&self, at: Timestamp) -> Result<Vec<u64>, StoreError> {
        Ok(vec![last_before(self.connection, at)?])
    }

    fn movements_of_all(
        &self,
        accounts: &[Account],
        currency: Currency,
        after: &[u64],
        to: &[u64],
    ) -> Result<Vec<Movement>, StoreError> {
        let (&[after], &[to]) = (after, to) else {
            return Err(StoreError::Damaged("this store has one chain".to_owned()));
        };
        self.movements(&Statement { accounts, currency, after, to, limit: u32::MAX })
    }
}

impl BillWrites for Sqlite<'_> {
    fn insert_bill(&self, bill: &BillRecord, bytes: &[u8]) -> Result<(), StoreError> {
        let sql = "INSERT INTO bills (channel, kind, day, edition, data, bytes)
                   VALUES (?1, ?2, ?3, ?4, ?5, sealed('bill/' || ?1 || '/' || ?2 || '/' || ?3 || '/' || ?4, ?6))";
        let (kind, day) = (bill.kind.as_str(), bill.day.to_string());
        let params = params![bill.channel, kind, day, bill.edition, to_json(bill)?, bytes];
        self.change(sql, params).map(drop)
    }

    fn insert_bill_layout(&self, layout: &LayoutRecord) -> Result<(), StoreError> {
        let sql = "INSERT INTO bill_layouts (name, edition, digest, data) VALUES (?1, ?2, ?3, ?4)";
        let params = params![layout.name, layout.edition, layout.digest, to_json(layout)?];
        self.change(sql, params).map(drop)
    }

    fn insert_reconciliation(
        &self,
        run: &ReconciliationRecord,
        found: &[DifferenceRecord],
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO reconciliations (id, channel, day, data) VALUES (?1, ?2, ?3, ?4)";
        let params = params![run.id.as_str(), run.channel, run.day.to_string(), to_json(run)?];
        self.change(sql, params)?;
        for record in found {
            let sql = "INSERT INTO bill_differences (id, run, channel, day, class, status, waits, opened_ms, data)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
            let difference = &record.difference;
            let params = params![
                difference.id.as_str(),
                record.run.as_str(),
                difference.channel,
                record.day.to_string(),
                record.class,
                difference.state.status(),
                difference.state.waits(),
                difference.opened_at.as_ms(),
                to_json(record)?,
            ];
            self.change(sql, params)?;
        }
        Ok(())
    }

    fn update_difference(&self, record: &DifferenceRecord) -> Result<(), StoreError> {
        let sql = "UPDATE bill_differences SET status = ?2, waits = ?3, data = ?4 WHERE id = ?1";
        let Difference { id, state, .. } = &record.difference;
        let params = params![id.as_str(), state.status(), state.waits(), to_json(record)?];
        self.change(sql, params).map(drop)
    }
}

/// Every difference, one at a time.
///
/// # Errors
///
/// [`StoreError`], or what `each` gives.
pub fn for_each_difference<E: From<StoreError>>(
    connection: &Connection,
    mut each: impl FnMut(DifferenceRecord) -> Result<(), E>,
) -> Result<(), E> {
    let sql = "SELECT data, id, status, waits FROM bill_differences";
    let mut statement = connection.prepare(sql).map_err(StoreError::from)?;
    let mut rows = statement.query([]).map_err(StoreError::from)?;
    while let Some(row) = rows.next().map_err(StoreError::from)? {
        let record: DifferenceRecord = json(row, 0)?;
        let difference = &record.difference;
        let column = |column| row.get::<_, String>(column).map_err(StoreError::from);
        let state = &difference.state;
        let same = column(1)? == difference.id.as_str()
            && column(2)? == state.status()
            && row.get::<_, bool>(3).map_err(StoreError::from)? == state.waits();
        if !same {
            let what = format!("the row of {} says otherwise than the difference", difference.id);
            return Err(StoreError::Damaged(what).into());
        }
        each(record)?;
    }
    Ok(())
}
