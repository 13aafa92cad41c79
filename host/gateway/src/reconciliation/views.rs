//! Bills, runs and differences as the operator reads them.

use lezai_core::funds::difference::DifferenceState;
use lezai_core::time::Timestamp;
use lezai_store::bills::{
    BillRecord, DifferenceRecord, EditionRecord, LayoutRecord, LayoutUsed, ReconciliationRecord,
};
use lezai_wire::time::rfc3339;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A channel's bill of a day.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BillView {
    /// Always `bill`.
    pub object: &'static str,
    /// The channel.
    pub channel: String,
    /// `trades`: payments and refunds; `funds`: every movement of the account; or `bank`: the statement of the bank
    /// account that the channel pays to.
    pub kind: &'static str,
    /// The day, such as `2026-11-18`.
    pub date: String,
    /// 1 for the first of this day; another file is another edition.
    pub edition: u32,
    /// SHA-256 of its bytes, in hex.
    pub digest: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// `fetched` from the channel, or `put` by the operator.
    pub source: String,
    /// The layout that it was read by, such as `wechat-trade`; empty if it says that the day has no bill.
    pub layout: String,
    /// The digest of the layout, if the operator wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub layout_digest: Option<String>,
    /// How many rows it has.
    pub rows: u64,
    /// RFC 3339.
    pub received_at: String,
}

/// A bill as the operator reads it.
pub fn bill(bill: &BillRecord) -> BillView {
    BillView {
        object: "bill",
        channel: bill.channel.clone(),
        kind: bill.kind.as_str(),
        date: bill.day.to_string(),
        edition: bill.edition,
        digest: bill.digest.clone(),
        bytes: bill.bytes,
        source: bill.source.clone(),
        layout: bill.layout.name.clone(),
        layout_digest: bill.layout.digest.clone(),
        rows: bill.rows,
        received_at: rfc3339(bill.at),
    }
}

/// The result of a run.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReconciliationView {
    /// `rec_…`
    pub id: String,
    /// Always `reconciliation`.
    pub object: &'static str,
    /// The channel.
    pub channel: String,
    /// The day.
    pub date: String,
    /// `open` as long as something that it found waits for a person, else `balanced`.
    pub status: &'static str,
    /// How many of the differences that it found wait for a person now: `open`, `proposed` or `returning`. What it
    /// found to be open is in `summary`, and stays so.
    pub open: u64,
    /// The bill's edition.
    pub edition: u32,
    /// The bill's digest.
    pub bill_digest: String,
    /// The layout that the bill was read by.
    pub layout: LayoutUsedView,
    /// The bill of funds that was held against the bill of trades; absent if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub funds: Option<EditionView>,
    /// The bank's statement that was held against the bill of funds; absent if there was none, or no bill of funds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub bank: Option<EditionView>,
    /// How many rows of the days before had no other half, and were looked for in this day's bills and entries: of the
    /// three days before, and those of withdrawals of the ten days before. Each is a difference of its own day.
    pub carried: usize,
    /// It has the ledger's entries after these: one number for each of its chains. SQLite has one chain.
    pub after_entries: Vec<u64>,
    /// And up to these.
    pub to_entries: Vec<u64>,
    /// SHA-256 of all that it found: a run of the same bill has the same.
    pub result_digest: String,
    /// RFC 3339.
    pub created_at: String,
    /// Each class with its sums, as `lezai reconcile --json` prints them; `funds` has those of the bill of funds, and
    /// `bank` those of the bank's statement.
    #[schema(value_type = Object)]
    pub summary: Value,
}

/// An edition of a bill, as a run names it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EditionView {
    /// Its number.
    pub edition: u32,
    /// Its digest.
    pub digest: String,
    /// The layout that it was read by.
    pub layout: LayoutUsedView,
}

/// The layout that a bill was read by.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LayoutUsedView {
    /// Such as `wechat-trade`; empty if the bill says that the day has none.
    pub name: String,
    /// SHA-256 of an operator's, in hex; absent of one that the gateway has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub digest: Option<String>,
}

fn used(layout: &LayoutUsed) -> LayoutUsedView {
    LayoutUsedView { name: layout.name.clone(), digest: layout.digest.clone() }
}

/// A layout of bills that the operator wrote.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LayoutView {
    /// Always `bill_layout`.
    pub object: &'static str,
    /// Its name.
    pub name: String,
    /// 1 for the first of this name; another text is another edition.
    pub edition: u32,
    /// SHA-256 of its text, in hex.
    pub digest: String,
    /// The layout, as docs/reconciliation.md describes it.
    #[schema(value_type = Object)]
    pub layout: Value,
    /// RFC 3339.
    pub received_at: String,
}

/// A layout as the operator reads it.
pub fn layout(layout: &LayoutRecord) -> LayoutView {
    LayoutView {
        object: "bill_layout",
        name: layout.name.clone(),
        edition: layout.edition,
        digest: layout.digest.clone(),
        layout: serde_json::from_str(&layout.text).unwrap_or_default(),
        received_at: rfc3339(layout.at),
    }
}

/// A run as the operator reads it, of whose differences so many wait for a person.
pub fn reconciliation(run: &ReconciliationRecord, open: u64) -> ReconciliationView {
    let edition = |it: &EditionRecord| EditionView {
        edition: it.edition,
        digest: it.digest.clone(),
        layout: used(&it.layout),
    };
    ReconciliationView {
        id: run.id.to_string(),
        object: "reconciliation",
        channel: run.channel.clone(),
        date: run.day.to_string(),
        status: if open == 0 { "balanced" } else { "open" },
        open,
        edition: run.edition,
        bill_digest: run.bill_digest.clone(),
        layout: used(&run.layout),
        funds: run.funds.as_ref().map(edition),
        bank: run.bank.as_ref().map(edition),
        carried: run.carried.len(),
        after_entries: run.after_entries.clone(),
        to_entries: run.to_entries.clone(),
        result_digest: run.result_digest.clone(),
        created_at: rfc3339(run.at),
        summary: run.summary.clone(),
    }
}

/// A difference between a bill and the books.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DifferenceView {
    /// `dif_…`
    pub id: String,
    /// Always `difference`.
    pub object: &'static str,
    /// The run that found it.
    pub reconciliation: String,
    /// The channel.
    pub channel: String,
    /// The day.
    pub date: String,
    /// Between what it is: `trades_and_books`, the channel's bill of trades and the books; `funds_and_trades`, its bill
    /// of funds and its bill of trades; or `bank_and_funds`, the bank's statement and its bill of funds.
    pub between: String,
    /// Its class, such as `missing_here`: docs/reconciliation.md has them all.
    pub class: String,
    /// `open`; `expected` while a rule waits for its other half; `paired` once a run of another day has that;
    /// `cleared` by a rule; `superseded` by a later run of its day; `proposed` until a second person decides;
    /// `returning` while the channel is asked to give the money back; or `resolved`.
    pub status: &'static str,
    /// The run of another day that has its other half.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub paired_in: Option<String>,
    /// The rule that cleared it, or waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub cleared_by: Option<String>,
    /// The channel's surplus over the books, in minor units; less if negative. Absent where no amount
    /// can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub surplus: Option<i64>,
    /// ISO 4217, of `surplus`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub currency: Option<&'static str>,
    /// Why, with the field and both values, and both sides, as `lezai reconcile --json` prints them.
    #[schema(value_type = Object)]
    pub found: Value,
    /// SHA-256 over `found`, in hex: the difference's id depends on it.
    pub evidence: String,
    /// RFC 3339.
    pub opened_at: String,
    /// How long it has been there, in whole days.
    pub age_days: i64,
    /// The person who takes care of it, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub owner: Option<String>,
    /// The last time that the channel was asked about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub asked: Option<AskedView>,
    /// Why the channel did not give the payment back when it was asked to the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub return_failed: Option<String>,
    /// How it is resolved, or is to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub resolution: Option<ResolutionView>,
}

/// When the channel was asked about a difference.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AskedView {
    /// Why.
    pub reason: String,
    /// The person who asked.
    pub by: String,
    /// RFC 3339.
    pub at: String,
}

/// How a difference is resolved.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ResolutionView {
    /// `explain`, `suspense`, `write_off`, `accept_fee`, `book_late` or `return`.
    pub act: &'static str,
    /// Why.
    pub reason: String,
    /// The person who resolved it.
    pub by: String,
    /// RFC 3339.
    pub at: String,
    /// The person who approved it, if a second one had to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub approved_by: Option<String>,
}

/// A difference as the operator reads it at a moment.
pub fn difference(record: &DifferenceRecord, now: Timestamp) -> DifferenceView {
    let difference = &record.difference;
    let age_ms = now.as_ms().saturating_sub(difference.opened_at.as_ms());
    let (resolution, approved_by) = match &difference.state {
        DifferenceState::Proposed { resolution } => (Some(resolution), None),
        DifferenceState::Returning { resolution, approved_by }
        | DifferenceState::Resolved { resolution, approved_by, .. } => {
            (Some(resolution), approved_by.clone())
        }
        _ => (None, None),
    };
    DifferenceView {
        id: difference.id.to_string(),
        object: "difference",
        reconciliation: record.run.to_string(),
        channel: difference.channel.clone(),
        date: record.day.to_string(),
        between: record.between.clone(),
        class: record.class.clone(),
        status: difference.state.status(),
        paired_in: match &difference.state {
            DifferenceState::Paired { run } => Some(run.to_string()),
            _ => None,
        },
        cleared_by: match &difference.state {
            DifferenceState::Cleared { rule } | DifferenceState::Expected { rule } => {
                Some(rule.clone())
            }
            _ => None,
        },
        surplus: difference.surplus.as_ref().map(|it| it.minor),
        currency: difference.surplus.as_ref().map(|it| it.currency.code()),
        found: record.found.clone(),
        evidence: record.evidence.clone(),
        opened_at: rfc3339(difference.opened_at),
        age_days: age_ms.max(0) / super::DAY_MS,
        owner: difference.owner.clone(),
        asked: difference.asked.as_ref().map(|it| AskedView {
            reason: it.reason.clone(),
            by: it.by.clone(),
            at: rfc3339(it.at),
        }),
        return_failed: difference.return_failed.clone(),
        resolution: resolution.map(|it| ResolutionView {
            act: it.act.as_str(),
            reason: it.reason.clone(),
            by: it.by.clone(),
            at: rfc3339(it.at),
            approved_by,
        }),
    }
}
