//! Channels' bills, reconciliations and differences in PostgreSQL. They are of no merchant, and the commits that write
//! them wait for one another at the gateway's own book.

use lezai_core::funds::bill::BillKind;
use lezai_core::funds::date::Date;
use lezai_core::funds::difference::Difference;
use lezai_core::id::{DifferenceId, ReconciliationId};
use lezai_core::ledger::Account;
use lezai_core::money::Currency;
use lezai_core::time::Timestamp;
use lezai_store::bills::{
    BillReads, BillRecord, BillWrites, DifferenceQuery, DifferenceRecord, LayoutRecord,
    OpenDifferences, ReconciliationRecord,
};
use lezai_store::funds::{Movement, Statement, by_entry};
use lezai_store::{Page, StoreError, id_range};

use super::ledger::every_book;
use super::tables::{Postgres, count, get, id, json, owned, params, to_json};

impl BillReads for Postgres<'_> {
    fn bill(
        &self,
        channel: &str,
        kind: BillKind,
        day: Date,
    ) -> Result<Option<(BillRecord, Vec<u8>)>, StoreError> {
        let sql = "SELECT data, bytes FROM bills WHERE channel = $1 AND kind = $2 AND day = $3
                   ORDER BY edition DESC LIMIT 1";
        let found = self.one(sql, params![channel, kind.as_str(), day.to_string()], |row| {
            Ok((json::<BillRecord>(row, 0)?, get::<Vec<u8>>(row, 1)?))
        })?;
        let opened = found.map(|(bill, kept)| {
            let bytes = self.open_bytes(&context(&bill), kept)?;
            Ok((bill, bytes))
        });
        opened.transpose()
    }

    fn bills(&self, limit: u32) -> Result<Vec<BillRecord>, StoreError> {
        let sql = "SELECT data FROM bills ORDER BY day DESC, channel DESC, kind DESC, edition DESC LIMIT $1";
        self.all(sql, params![i64::from(limit)], |row| json(row, 0))
    }

    fn bill_layouts(&self) -> Result<Vec<LayoutRecord>, StoreError> {
        let sql = "SELECT data FROM bill_layouts AS it
                   WHERE edition = (SELECT max(edition) FROM bill_layouts WHERE name = it.name) ORDER BY name";
        self.all(sql, params![], |row| json(row, 0))
    }

    fn bill_layout(&self, digest: &str) -> Result<Option<LayoutRecord>, StoreError> {
        let sql = "SELECT data FROM bill_layouts WHERE digest = $1 LIMIT 1";
        self.one(sql, params![digest], |row| json(row, 0))
    }

    fn reconciliation(
        &self,
        id: &ReconciliationId,
    ) -> Result<Option<ReconciliationRecord>, StoreError> {
        let sql = "SELECT data FROM reconciliations WHERE id = $1";
        self.one(sql, params![id.as_str()], |row| json(row, 0))
    }

    fn last_reconciliation(
        &self,
        channel: &str,
        day: Date,
    ) -> Result<Option<ReconciliationRecord>, StoreError> {
        let sql = "SELECT data FROM reconciliations WHERE channel = $1 AND day = $2 ORDER BY id DESC LIMIT 1";
        self.one(sql, params![channel, day.to_string()], |row| json(row, 0))
    }

    fn last_runs(
        &self,
        channel: &str,
        from: Date,
        before: Date,
    ) -> Result<Vec<(Date, ReconciliationId)>, StoreError> {
        let sql =
            "SELECT day, max(id) FROM reconciliations WHERE channel = $1 AND day >= $2 AND day < $3
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
            "SELECT data FROM reconciliations WHERE id >= $1 AND id < $2 ORDER BY id DESC LIMIT $3";
        let params = params![from, before, i64::from(page.limit) + 1];
        self.all(sql, params, |row| json(row, 0))
    }

    fn difference(&self, id: &DifferenceId) -> Result<Option<DifferenceRecord>, StoreError> {
        // In a commit it stays as it is read: an order and a difference have different books.
        let lock = if self.head().is_some() { " FOR UPDATE" } else { "" };
        let sql = format!("SELECT data FROM bill_differences WHERE id = $1{lock}");
        self.one(&sql, params![id.as_str()], |row| json(row, 0))
    }

    fn bill_differences(
        &self,
        query: &DifferenceQuery,
    ) -> Result<Vec<DifferenceRecord>, StoreError> {
        let (from, before) = id_range(&query.page, "dif_", DifferenceId::to_string);
        let limit = i64::from(query.page.limit) + 1;
        let status = query.status.unwrap_or("open");
        match (&query.run, query.status) {
            (Some(run), None) => self.all(
                "SELECT data FROM bill_differences WHERE run = $1 AND id >= $2 AND id < $3 ORDER BY id DESC LIMIT $4",
                params![run.as_str(), from, before, limit],
                |row| json(row, 0),
            ),
            (Some(run), Some(_)) => self.all(
                "SELECT data FROM bill_differences WHERE run = $1 AND id >= $2 AND id < $3 AND status = $4
                 ORDER BY id DESC LIMIT $5",
                params![run.as_str(), from, before, status, limit],
                |row| json(row, 0),
            ),
            (None, _) => self.all(
                "SELECT data FROM bill_differences WHERE status = $1 AND id >= $2 AND id < $3 ORDER BY id DESC LIMIT $4",
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
        let sql = "SELECT data FROM bill_differences WHERE channel = $1 AND day >= $2 AND day < $3
                   AND status IN ('open', 'proposed', 'expected', 'paired') ORDER BY id";
        let params = params![channel, from.to_string(), before.to_string()];
        self.all(sql, params, |row| json(row, 0))
    }

    fn expected_differences(
        &self,
        channel: &str,
        before: Date,
    ) -> Result<Vec<DifferenceRecord>, StoreError> {
        let sql = "SELECT data FROM bill_differences WHERE status = 'expected' AND channel = $1 AND day < $2
                   ORDER BY id";
        self.all(sql, params![channel, before.to_string()], |row| json(row, 0))
    }

    fn resolved_differences(
        &self,
        channel: &str,
        day: Date,
    ) -> Result<Vec<DifferenceRecord>, StoreError> {
        let sql = "SELECT data FROM bill_differences WHERE channel = $1 AND day = $2 AND status IN ('resolved', 'returning')";
        self.all(sql, params![channel, day.to_string()], |row| json(row, 0))
    }

    fn waiting_of_run(&self, run: &ReconciliationId) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM bill_differences WHERE run = $1 AND waits";
        let found = self.one(sql, params![run.as_str()], |row| count(row, 0))?;
        Ok(found.unwrap_or_default())
    }

    fn open_differences(&self, before: Timestamp) -> Result<Vec<OpenDifferences>, StoreError> {
        let sql = "SELECT channel, class, count(*), count(*) FILTER (WHERE opened_ms < $1) FROM bill_differences
                   WHERE waits GROUP BY channel, class ORDER BY channel, class";
        self.all(sql, params![before.as_ms()], |row| {
            Ok(OpenDifferences {
                channel: get(row, 0)?,
                class: get(row, 1)?,
                count: count(row, 2)?,
                old: count(row, 3)?,
            })
        })
    }

    fn entries_before(&self, at: Timestamp) -> Result<Vec<u64>, StoreError> {
        let last_before = |book| {
            // Times rise with the numbers, so the largest of the earlier ones is found by halving.
            let last = "SELECT coalesce(max(number), 0) FROM entries WHERE book = $1";
            let mut high = self.one(last, params![book], |row| get::<i64>(row, 0))?.unwrap_or(0);
            let mut low = 0;
            while low < high {
                let middle = low + (high - low + 1) / 2;
                let sql = "SELECT 1 FROM entries WHERE book = $1 AND number = $2 AND at_ms < $3";
                match self.one(sql, params![book, middle, at.as_ms()], |_| Ok(()))? {
                    Some(()) => low = middle,
                    None => high = middle - 1,
                }
            }
            u64::try_from(low).map_err(super::tables::damaged)
        };
        every_book(self.books).map(last_before).collect()
    }

    fn movements_of_all(
        &self,
        accounts: &[Account],
        currency: Currency,
        after: &[u64],
        to: &[u64],
    ) -> Result<Vec<Movement>, StoreError> {
        let mut all = Vec::new();
        for (book, (after, to)) in every_book(self.books).zip(after.iter().zip(to)) {
            let of = Statement { accounts, currency, after: *after, to: *to, limit: u32::MAX };
            let mut found = Vec::new();
            for account in accounts {
                found.extend(self.movements_on(account, book, &of)?);
            }
            all.extend(by_entry(found));
        }
        // Those of one time stay in the order of the books.
        all.sort_by_key(|it| it.at);
        Ok(all)
    }
}

impl BillWrites for Postgres<'_> {
    fn insert_bill(&self, bill: &BillRecord, bytes: &[u8]) -> Result<(), StoreError> {
        let sql = "INSERT INTO bills (channel, kind, day, edition, data, bytes) VALUES ($1, $2, $3, $4, $5, $6)";
        let bytes = self.seal_bytes(&context(bill), bytes)?;
        let (kind, day, edition) =
            (bill.kind.as_str(), bill.day.to_string(), i64::from(bill.edition));
        let params = params![bill.channel, kind, day, edition, to_json(bill)?, bytes];
        self.change(sql, params).map(drop)
    }

    fn insert_bill_layout(&self, layout: &LayoutRecord) -> Result<(), StoreError> {
        let sql = "INSERT INTO bill_layouts (name, edition, digest, data) VALUES ($1, $2, $3, $4)";
        let (edition, data) = (i64::from(layout.edition), to_json(layout)?);
        self.change(sql, params![layout.name, edition, layout.digest, data]).map(drop)
    }

    fn insert_reconciliation(
        &self,
        run: &ReconciliationRecord,
        found: &[DifferenceRecord],
    ) -> Result<(), StoreError> {
        self.later(
            "INSERT INTO reconciliations (id, channel, day, data) VALUES ($1, $2, $3, $4)",
            owned![run.id.to_string(), run.channel.clone(), run.day.to_string(), to_json(run)?],
        )?;
        for record in found {
            let difference = &record.difference;
            self.later(
                "INSERT INTO bill_differences (id, run, channel, day, class, status, waits, opened_ms, data)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                owned![
                    difference.id.to_string(),
                    record.run.to_string(),
                    difference.channel.clone(),
                    record.day.to_string(),
                    record.class.clone(),
                    difference.state.status(),
                    difference.state.waits(),
                    difference.opened_at.as_ms(),
                    to_json(record)?,
                ],
            )?;
        }
        Ok(())
    }

    fn update_difference(&self, record: &DifferenceRecord) -> Result<(), StoreError> {
        let sql = "UPDATE bill_differences SET status = $2, waits = $3, data = $4 WHERE id = $1";
        let Difference { id, state, .. } = &record.difference;
        self.later(sql, owned![id.to_string(), state.status(), state.waits(), to_json(record)?])
    }
}

/// The context that a bill's bytes are sealed for.
fn context(bill: &BillRecord) -> String {
    format!("bill/{}/{}/{}/{}", bill.channel, bill.kind.as_str(), bill.day, bill.edition)
}
