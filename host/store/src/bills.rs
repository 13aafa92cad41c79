//! Channels' bills as they came, and what reconciling them found.

use lezai_core::funds::bill::BillKind;
use lezai_core::funds::date::Date;
use lezai_core::funds::difference::Difference;
use lezai_core::id::{DifferenceId, ReconciliationId};
use lezai_core::ledger::Account;
use lezai_core::money::Currency;
use lezai_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::StoreError;
use super::funds::Movement;
use lezai_wire::page::Page;

/// A channel's bill of a day, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillRecord {
    /// The channel.
    pub channel: String,
    /// Of trades, of funds, or a bank's statement.
    #[serde(default)]
    pub kind: BillKind,
    /// The day that it is of.
    pub day: Date,
    /// 1 for the first that came of this day; the channel may make it anew.
    pub edition: u32,
    /// SHA-256 of its bytes, in hex.
    pub digest: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// `fetched` from the channel, or `put` by the operator.
    pub source: String,
    /// The layout that it was read by.
    pub layout: LayoutUsed,
    /// How many rows it has.
    pub rows: u64,
    /// When it came.
    pub at: Timestamp,
}

/// An edition of a bill, as a run names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditionRecord {
    /// Its number.
    pub edition: u32,
    /// Its digest.
    pub digest: String,
    /// The layout that it was read by.
    #[serde(default)]
    pub layout: LayoutUsed,
}

/// The layout that a bill was read by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayoutUsed {
    /// Its name; empty if the bill says that the day has none.
    pub name: String,
    /// The digest of an operator's; the program has the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// A layout of bills that an operator wrote, as it came: each change of one is another edition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayoutRecord {
    /// Its name.
    pub name: String,
    /// 1 for the first of this name.
    pub edition: u32,
    /// SHA-256 of its text, in hex.
    pub digest: String,
    /// The JSON as it was put.
    pub text: String,
    /// When it came.
    pub at: Timestamp,
}

/// A run: one edition of a bill of trades, held against what the ledger booked on its day, one of a bill of funds, held
/// against the bill of trades, and one of a bank's statement, held against the bill of funds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconciliationRecord {
    /// The run.
    pub id: ReconciliationId,
    /// The channel.
    pub channel: String,
    /// The day.
    pub day: Date,
    /// The bill's edition.
    pub edition: u32,
    /// The bill's digest.
    pub bill_digest: String,
    /// The layout that the bill was read by.
    #[serde(default)]
    pub layout: LayoutUsed,
    /// The bill of funds, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub funds: Option<EditionRecord>,
    /// The bank's statement, if there was one beside the bill of funds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bank: Option<EditionRecord>,
    /// The ledger's entries after these: one number for each of its chains.
    pub after_entries: Vec<u64>,
    /// And up to these.
    pub to_entries: Vec<u64>,
    /// Differences that the days before left without their other half, and that were looked for on this day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carried: Vec<DifferenceId>,
    /// SHA-256 of all that the run found, in hex: a run of the same bill and entries has the same.
    pub result_digest: String,
    /// Classes and sums, as `lezai reconcile --json` prints them.
    pub summary: Value,
    /// When it was made.
    pub at: Timestamp,
}

/// A difference with the run that found it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DifferenceRecord {
    /// The core's difference.
    pub difference: Difference,
    /// The run that found it.
    pub run: ReconciliationId,
    /// The day.
    pub day: Date,
    /// The sides between which it is: a word of `lezai_reconcile::report::Between`.
    #[serde(default = "trades_and_books")]
    pub between: String,
    /// Its class, such as `missing_here`.
    pub class: String,
    /// Why, with the field and both values, and both sides: an object as `lezai reconcile --json` prints it.
    pub found: Value,
    /// SHA-256 over `found`, in hex: the id depends on it, and so does the entry of a resolution.
    pub evidence: String,
}

fn trades_and_books() -> String {
    "trades_and_books".to_owned()
}

/// Which differences are wanted.
#[derive(Clone, Debug)]
pub struct DifferenceQuery {
    /// Those of one run; of all if absent.
    pub run: Option<ReconciliationId>,
    /// Of one status; all of the run if absent, and those that are open if no run is named either.
    pub status: Option<&'static str>,
    /// Which page, newest first.
    pub page: Page<DifferenceId>,
}

/// How many differences of a class wait for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenDifferences {
    /// The channel.
    pub channel: String,
    /// The class.
    pub class: String,
    /// How many.
    pub count: u64,
    /// How many of them were found before the moment that was asked for.
    pub old: u64,
}

/// Reads of bills, reconciliations and differences.
pub trait BillReads {
    /// The latest edition of a channel's bill of a kind and a day, with its bytes.
    fn bill(
        &self,
        channel: &str,
        kind: BillKind,
        day: Date,
    ) -> Result<Option<(BillRecord, Vec<u8>)>, StoreError>;
    /// The latest bills of all channels without their bytes, every edition, newest day first.
    fn bills(&self, limit: u32) -> Result<Vec<BillRecord>, StoreError>;
    /// The last edition of each of the operator's layouts, by their names.
    fn bill_layouts(&self) -> Result<Vec<LayoutRecord>, StoreError>;
    /// The operator's layout with this digest.
    fn bill_layout(&self, digest: &str) -> Result<Option<LayoutRecord>, StoreError>;
    /// A run.
    fn reconciliation(
        &self,
        id: &ReconciliationId,
    ) -> Result<Option<ReconciliationRecord>, StoreError>;
    /// The last run of a channel's day.
    fn last_reconciliation(
        &self,
        channel: &str,
        day: Date,
    ) -> Result<Option<ReconciliationRecord>, StoreError>;
    /// The id of the last run of each of some days of a channel that has one, from one day and before another, in the
    /// days' order.
    fn last_runs(
        &self,
        channel: &str,
        from: Date,
        before: Date,
    ) -> Result<Vec<(Date, ReconciliationId)>, StoreError>;
    /// The runs of a page, newest first, and one more if there are more.
    fn reconciliations(
        &self,
        page: &Page<ReconciliationId>,
    ) -> Result<Vec<ReconciliationRecord>, StoreError>;
    /// A difference.
    fn difference(&self, id: &DifferenceId) -> Result<Option<DifferenceRecord>, StoreError>;
    /// The differences of a page, newest first, and one more if there are more.
    fn bill_differences(
        &self,
        query: &DifferenceQuery,
    ) -> Result<Vec<DifferenceRecord>, StoreError>;
    /// Those of some days of a channel, from one and before another, that no person resolved and no later run took
    /// the place of: open, proposed, expected and paired. In the order of their ids.
    fn unsettled_differences(
        &self,
        channel: &str,
        from: Date,
        before: Date,
    ) -> Result<Vec<DifferenceRecord>, StoreError>;
    /// Those of a channel's days before one that a rule waits for. In the order of their ids.
    fn expected_differences(
        &self,
        channel: &str,
        before: Date,
    ) -> Result<Vec<DifferenceRecord>, StoreError>;
    /// Those of a channel's day that a person resolved, or has the channel give back, whichever run found them.
    fn resolved_differences(
        &self,
        channel: &str,
        day: Date,
    ) -> Result<Vec<DifferenceRecord>, StoreError>;
    /// How many of those that a run found wait for a person.
    fn waiting_of_run(&self, run: &ReconciliationId) -> Result<u64, StoreError>;
    /// How many wait for a person, by channel and class, and how many of those were found before a moment.
    fn open_differences(&self, before: Timestamp) -> Result<Vec<OpenDifferences>, StoreError>;
    /// The number of the last entry of each of the ledger's chains that was booked before a moment, 0 if there is
    /// none; the chains in an order that never changes.
    fn entries_before(&self, at: Timestamp) -> Result<Vec<u64>, StoreError>;
    /// Movements by the entries of all chains after some and up to others on accounts looked at as one, in the
    /// order of their times, then of the chains.
    fn movements_of_all(
        &self,
        accounts: &[Account],
        currency: Currency,
        after: &[u64],
        to: &[u64],
    ) -> Result<Vec<Movement>, StoreError>;
}

/// Writes of bills, reconciliations and differences.
pub trait BillWrites: BillReads {
    /// A bill, as the next edition of its day.
    fn insert_bill(&self, bill: &BillRecord, bytes: &[u8]) -> Result<(), StoreError>;
    /// An operator's layout, as the next edition of its name.
    fn insert_bill_layout(&self, layout: &LayoutRecord) -> Result<(), StoreError>;
    /// A run with what it found.
    fn insert_reconciliation(
        &self,
        run: &ReconciliationRecord,
        found: &[DifferenceRecord],
    ) -> Result<(), StoreError>;
    /// The difference as it is now.
    fn update_difference(&self, difference: &DifferenceRecord) -> Result<(), StoreError>;
}
