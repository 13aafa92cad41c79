//! Channels' bills and reconciliations are not kept in PostgreSQL yet: a run is a range of one chain's entries, and
//! here are several. The gateway refuses these calls before they come here.

use lezai_core::funds::date::Date;
use lezai_core::id::{DifferenceId, ReconciliationId};
use lezai_core::time::Timestamp;
use lezai_store::bills::{
    BillReads, BillRecord, BillWrites, DifferenceQuery, DifferenceRecord, OpenDifferences,
    ReconciliationRecord,
};
use lezai_store::{Fault, Page, StoreError};

use super::tables::Postgres;

fn not_there<T>() -> Result<T, StoreError> {
    let error = std::io::Error::from(std::io::ErrorKind::Unsupported);
    Err(StoreError::database(Fault::Other, error))
}

impl BillReads for Postgres<'_> {
    fn bill(&self, _: &str, _: Date) -> Result<Option<(BillRecord, Vec<u8>)>, StoreError> {
        not_there()
    }

    fn bills(&self, _: u32) -> Result<Vec<BillRecord>, StoreError> {
        not_there()
    }

    fn reconciliation(
        &self,
        _: &ReconciliationId,
    ) -> Result<Option<ReconciliationRecord>, StoreError> {
        not_there()
    }

    fn last_reconciliation(
        &self,
        _: &str,
        _: Date,
    ) -> Result<Option<ReconciliationRecord>, StoreError> {
        not_there()
    }

    fn reconciliations(
        &self,
        _: &Page<ReconciliationId>,
    ) -> Result<Vec<ReconciliationRecord>, StoreError> {
        not_there()
    }

    fn difference(&self, _: &DifferenceId) -> Result<Option<DifferenceRecord>, StoreError> {
        not_there()
    }

    fn bill_differences(&self, _: &DifferenceQuery) -> Result<Vec<DifferenceRecord>, StoreError> {
        not_there()
    }

    fn waiting_differences(&self, _: &str, _: Date) -> Result<Vec<DifferenceRecord>, StoreError> {
        not_there()
    }

    fn open_differences(&self, _: Timestamp) -> Result<Vec<OpenDifferences>, StoreError> {
        not_there()
    }

    fn last_entry_before(&self, _: Timestamp) -> Result<u64, StoreError> {
        not_there()
    }
}

impl BillWrites for Postgres<'_> {
    fn insert_bill(&self, _: &BillRecord, _: &[u8]) -> Result<(), StoreError> {
        not_there()
    }

    fn insert_reconciliation(
        &self,
        _: &ReconciliationRecord,
        _: &[DifferenceRecord],
    ) -> Result<(), StoreError> {
        not_there()
    }

    fn update_difference(&self, _: &DifferenceRecord) -> Result<(), StoreError> {
        not_there()
    }
}
