//! Statements and plans as callers read them.

use lezai_store::statements::{PlanRecord, StatementRecord, StatementState, TotalRecord};
use lezai_wire::time::rfc3339;
use serde::Serialize;
use utoipa::ToSchema;

/// A statement.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StatementView {
    /// `stm_…`
    pub id: String,
    /// Always `statement`.
    pub object: &'static str,
    /// The type: `account.1`, `orders.1` or `settlement.1`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `csv` or `jsonl`.
    pub format: String,
    /// The IANA zone that its times are in.
    pub zone: String,
    /// The columns that were named; absent if it has all of its type.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub columns: Vec<String>,
    /// RFC 3339: the first moment in it; absent if it is of one settlement batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub from: Option<String>,
    /// RFC 3339: the first moment behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub to: Option<String>,
    /// The settlement batch that it is of, if it is of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub settlement_id: Option<String>,
    /// The plan that it was made by, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub plan: Option<String>,
    /// It has the ledger's entries after this one …
    pub after_entry: u64,
    /// … up to and with this one.
    pub until_entry: u64,
    /// `making`, `ready` or `failed`.
    pub state: &'static str,
    /// Why it cannot be made: `too_large` has more than a million lines, `inconsistent` does not add up and is for the
    /// operator, and so is `internal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub failed_because: Option<String>,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339: its bytes are kept until then. Asked for again after that, it has the same bytes.
    pub content_until: String,
    /// The content, once it is `ready`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub content: Option<ContentView>,
}

/// A statement's content.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ContentView {
    /// RFC 3339: when it was made.
    pub made_at: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// `Content-Digest` (RFC 9530) of all of it, without content coding.
    pub digest: String,
    /// How many lines it has, headings and sums apart.
    pub lines: u64,
    /// The sums of its lines, by currency; in `orders.1` alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub totals: Vec<TotalView>,
    /// The hash of the ledger's entry `until_entry`, as `lezai ledger export` has it.
    pub head: String,
}

/// The sums of a currency's lines.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TotalView {
    /// ISO 4217.
    pub currency: String,
    /// How many lines.
    pub lines: u64,
    /// The amount that shoppers paid, less what went back, in minor units. A text, for a sum may be more than a number of JSON's.
    pub gross_minor: String,
    /// The fee in it.
    pub fee_minor: String,
    /// Gross less fee.
    pub net_minor: String,
}

/// A plan of statements.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StatementPlanView {
    /// The merchant's name for it.
    pub name: String,
    /// Always `statement_plan`.
    pub object: &'static str,
    /// The type of its statements: `account.1`, `orders.1` or `settlement.1`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `csv` or `jsonl`.
    pub format: String,
    /// `day`, `week` (from Monday on) or `month`.
    pub period: String,
    /// The IANA zone that periods and times are in.
    pub zone: String,
    /// The columns that were named; absent if its statements have all of their type.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub columns: Vec<String>,
    /// `on` or `off`.
    pub status: &'static str,
    /// RFC 3339: when it was changed last.
    pub updated_at: String,
    /// RFC 3339: when the period ends whose statement is made next; absent if it is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub next_end: Option<String>,
    /// The statement that was made last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub last_statement: Option<String>,
}

/// The data of an event of a statement.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StatementEventData {
    /// The statement right after the event.
    pub statement: StatementView,
}

/// A statement.
pub fn statement(record: &StatementRecord) -> StatementView {
    let (content, failed_because) = match &record.state {
        StatementState::Making { .. } => (None, None),
        StatementState::Failed { why } => (None, Some(why.clone())),
        StatementState::Ready { made } => {
            let content = ContentView {
                made_at: rfc3339(made.at),
                bytes: made.bytes,
                digest: field(&made.digest),
                lines: made.written.lines,
                totals: made.written.totals.iter().map(total).collect(),
                head: made.written.head.clone(),
            };
            (Some(content), None)
        }
    };
    let settlement = record.batches.first().filter(|_| record.from.is_none());
    StatementView {
        id: record.id.to_string(),
        object: "statement",
        kind: record.kind.clone(),
        format: record.form.clone(),
        zone: record.zone.clone(),
        columns: record.columns.clone(),
        from: record.from.map(rfc3339),
        to: record.to.map(rfc3339),
        settlement_id: settlement.map(ToString::to_string),
        plan: record.plan.clone(),
        after_entry: record.after,
        until_entry: record.until,
        state: record.state.as_str(),
        failed_because,
        created_at: rfc3339(record.created_at),
        content_until: rfc3339(record.kept_until),
        content,
    }
}

/// A digest as `Content-Digest` has it.
pub fn field(digest: &str) -> String {
    format!("sha-256=:{digest}:")
}

fn total(total: &TotalRecord) -> TotalView {
    let [gross, fee, net] = total.minor.clone();
    TotalView {
        currency: total.currency.clone(),
        lines: total.lines,
        gross_minor: gross,
        fee_minor: fee,
        net_minor: net,
    }
}

/// A plan.
pub fn plan(record: &PlanRecord) -> StatementPlanView {
    StatementPlanView {
        name: record.name.clone(),
        object: "statement_plan",
        kind: record.kind.clone(),
        format: record.form.clone(),
        period: record.period.clone(),
        zone: record.zone.clone(),
        columns: record.columns.clone(),
        status: if record.is_on { "on" } else { "off" },
        updated_at: rfc3339(record.updated_at),
        next_end: record.next_end.map(rfc3339),
        last_statement: record.last.as_ref().map(|it| it.statement.to_string()),
    }
}
