//! Bills and reconciliations through the layer that has the planted bugs: it has none of them.

use lezai_core::funds::bill::BillKind;
use lezai_core::funds::date::Date;
use lezai_core::id::{DifferenceId, ReconciliationId};
use lezai_core::ledger::Account;
use lezai_core::money::Currency;
use lezai_core::time::Timestamp;
use lezai_store::bills::{
    BillReads, BillRecord, BillWrites, DifferenceQuery, DifferenceRecord, LayoutRecord,
    OpenDifferences, ReconciliationRecord,
};
use lezai_store::funds::Movement;
use lezai_store::{Page, StoreError};

use super::planted::Layer;

impl BillReads for Layer<'_> {
    fn bill(
        &self,
        channel: &str,
        kind: BillKind,
        day: Date,
    ) -> Result<Option<(BillRecord, Vec<u8>)>, StoreError> {
        self.tx.bill(channel, kind, day)
    }
    fn bills(&self, limit: u32) -> Result<Vec<BillRecord>, StoreError> {
        self.tx.bills(limit)
    }
    fn bill_layouts(&self) -> Result<Vec<LayoutRecord>, StoreError> {
        self.tx.bill_layouts()
    }
    fn bill_layout(&self, digest: &str) -> Result<Option<LayoutRecord>, StoreError> {
        self.tx.bill_layout(digest)
    }
    fn reconciliation(
        &self,
        id: &ReconciliationId,
    ) -> Result<Option<ReconciliationRecord>, StoreError> {
        self.tx.reconciliation(id)
    }
    fn last_reconciliation(
        &self,
        channel: &str,
        day: Date,
    ) -> Result<Option<ReconciliationRecord>, StoreError> {
        self.tx.last_reconciliation(channel, day)
    }
    fn last_runs(
        &self,
        channel: &str,
        from: Date,
        before: Date,
    ) -> Result<Vec<(Date, ReconciliationId)>, StoreError> {
        self.tx.last_runs(channel, from, before)
    }
    fn reconciliations(
        &self,
        page: &Page<ReconciliationId>,
    ) -> Result<Vec<ReconciliationRecord>, StoreError> {
        self.tx.reconciliations(page)
    }
    fn difference(&self, id: &DifferenceId) -> Result<Option<DifferenceRecord>, StoreError> {
        self.tx.difference(id)
    }
    fn bill_differences(
        &self,
        query: &DifferenceQuery,
    ) -> Result<Vec<DifferenceRecord>, StoreError> {
        self.tx.bill_differences(query)
    }
    fn unsettled_differences(
        &self,
        channel: &str,
        from: Date,
        before: Date,
    ) -> Result<Vec<DifferenceRecord>, StoreError> {
        self.tx.unsettled_differences(channel, from, before)
    }
    fn expected_differences(
        &self,
        channel: &str,
        before: Date,
    ) -> Result<Vec<DifferenceRecord>, StoreError> {
        self.tx.expected_differences(channel, before)
    }
    fn resolved_differences(
        &self,
        channel: &str,
        day: Date,
    ) -> Result<Vec<DifferenceRecord>, StoreError> {
        self.tx.resolved_differences(channel, day)
    }
    fn waiting_of_run(&self, run: &ReconciliationId) -> Result<u64, StoreError> {
        self.tx.waiting_of_run(run)
    }
    fn open_differences(&self, before: Timestamp) -> Result<Vec<OpenDifferences>, StoreError> {
        self.tx.open_differences(before)
    }
    fn entries_before(&self, at: Timestamp) -> Result<Vec<u64>, StoreError> {
        self.tx.entries_before(at)
    }
    fn movements_of_all(
        &self,
        accounts: &[Account],
        currency: Currency,
        after: &[u64],
        to: &[u64],
    ) -> Result<Vec<Movement>, StoreError> {
        self.tx.movements_of_all(accounts, currency, after, to)
    }
}

impl BillWrites for Layer<'_> {
    fn insert_bill(&self, bill: &BillRecord, bytes: &[u8]) -> Result<(), StoreError> {
        self.tx.insert_bill(bill, bytes)
    }
    fn insert_bill_layout(&self, layout: &LayoutRecord) -> Result<(), StoreError> {
        self.tx.insert_bill_layout(layout)
    }
    fn insert_reconciliation(
        &self,
        run: &ReconciliationRecord,
        found: &[DifferenceRecord],
    ) -> Result<(), StoreError> {
        self.tx.insert_reconciliation(run, found)
    }
    fn update_difference(&self, difference: &DifferenceRecord) -> Result<(), StoreError> {
        self.tx.update_difference(difference)
    }
}
