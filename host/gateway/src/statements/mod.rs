//! Statements 对账单 over the API: ranges of the ledger's entries, accepted at once, made by the worker, and kept to be
//! downloaded. What a line is, is `lezai_reconcile`'s; here it is read, committed and told.

pub mod content;
mod lines;
pub mod making;
mod pieces;
pub mod plans;
pub mod request;
pub mod views;
pub mod zone;

use lezai_core::id::{MerchantId, SettlementId, StatementId};
use lezai_core::time::Timestamp;
use lezai_store as store;
use lezai_store::statements::{Cursor, StatementRecord, StatementState};
use lezai_store::{Page, StoreError, Task, Tx, View};
use lezai_wire::page::List;
use lezai_wire::problem::{Code, Problem};

use crate::gateway::Gateway;
use crate::idempotency::{ApiResponse, IdempotentRequest, Outcome};
use request::{Covers, Look, NewStatement};
use views::StatementView;

/// Statements of one merchant that are made at once, those of plans apart.
const MAKING_MAX: u32 = 8;
/// Settlement batches in one statement: some currencies' of a year.
const BATCHES_MAX: u32 = 2_000;
/// Bytes are kept for 90 days. The same statement can be asked for again after that, and has the same bytes.
const KEPT_SECS: i64 = 90 * 86_400;

/// A range of entries of the merchant's book, with the batches in it.
struct Range {
    after: u64,
    until: u64,
    batches: Vec<SettlementId>,
}

/// Accepts a statement, once for its idempotency key. What it covers is fixed by that.
///
/// # Errors
///
/// `too_many_statements`, `settlement_not_found`, `invalid_field`.
pub async fn create(
    gateway: &Gateway,
    merchant: &MerchantId,
    new: NewStatement,
    key: IdempotentRequest,
) -> Result<ApiResponse, Problem> {
    let now = gateway.node.clock.now();
    let id = StatementId::new(now, gateway.node.entropy.bytes());
    let merchant = merchant.clone();
    let done = key.commit(&gateway.node, move |tx| {
        if tx.statements_making(&merchant)? >= MAKING_MAX {
            let detail = format!("{MAKING_MAX} statements are being made; ask again once one is");
            return Err(Problem::new(Code::TooManyStatements, detail).after(5));
        }
        let range = range(tx, &merchant, &new.look, &new.covers)?;
        let (from, to) = match new.covers {
            Covers::Range { from, to } => (Some(from), Some(to)),
            Covers::Settlement(_) => (None, None),
        };
        let record = StatementRecord { from, to, ..record(id, &merchant, &new.look, range, now) };
        accept(tx, &record, now)?;
        Ok((ApiResponse::json(201, &views::statement(&record))?, ()))
    });
    Ok(match done.await? {
        Outcome::Before(first) => first,
        Outcome::Now((answer, ())) => {
            gateway.node.cluster.wake.call();
            answer
        }
    })
}

/// A statement of nothing yet.
fn record(
    id: StatementId,
    merchant: &MerchantId,
    look: &Look,
    range: Range,
    now: Timestamp,
) -> StatementRecord {
    let Range { after, until, batches } = range;
    StatementRecord {
        id,
        merchant: merchant.clone(),
        kind: look.kind.as_str().to_owned(),
        form: look.form.as_str().to_owned(),
        zone: look.zone.clone(),
        columns: look.columns.clone(),
        from: None,
        to: None,
        batches,
        plan: None,
        after,
        until,
        created_at: now,
        kept_until: now.plus_secs(KEPT_SECS),
        state: StatementState::Making { cursor: Cursor { entry: after, ..Cursor::default() } },
    }
}

/// Keeps a statement, and has it made.
fn accept(tx: &dyn Tx, record: &StatementRecord, now: Timestamp) -> Result<(), StoreError> {
    tx.insert_statement(record)?;
    let (merchant, statement) = (record.merchant.clone(), record.id.clone());
    tx.schedule(&Task::MakeStatement { merchant, statement }, now)
}

/// The entries that a statement covers.
fn range<V: View + ?Sized>(
    view: &V,
    merchant: &MerchantId,
    look: &Look,
    covers: &Covers,
) -> Result<Range, Problem> {
    let (from, to) = match covers {
        Covers::Range { from, to } => (*from, *to),
        Covers::Settlement(id) => {
            let found = view.batch(id)?.filter(|it| it.merchant == *merchant);
            let batch = found.ok_or_else(|| {
                let detail = "there is no such settlement among the merchant's";
                Problem::new(Code::SettlementNotFound, detail).with("field", "settlement")
            })?;
            let (after, until) = (batch.after_entry, batch.to_entry);
            return Ok(Range { after, until, batches: vec![batch.id] });
        }
    };
    if look.kind == lezai_reconcile::statement::Kind::Settlement {
        return batches_of(view, merchant, from, to);
    }
    let (after, until) = (view.entry_before(merchant, from)?, view.entry_before(merchant, to)?);
    Ok(Range { after, until, batches: Vec::new() })
}

/// The batches that were closed in a range of time: by their ids, which say when.
fn batches_of<V: View + ?Sized>(
    view: &V,
    merchant: &MerchantId,
    from: Timestamp,
    to: Timestamp,
) -> Result<Range, Problem> {
    let page = Page { limit: BATCHES_MAX, after: None, from: Some(from), to: Some(to) };
    let mut found = view.batches(merchant, &page)?;
    if found.len() > BATCHES_MAX as usize {
        let detail = format!("more than {BATCHES_MAX} batches were closed from from to to");
        return Err(Problem::new(Code::InvalidField, detail).with("field", "to"));
    }
    found.reverse();
    let empty = view.entry_before(merchant, from)?;
    Ok(Range {
        after: found.iter().map(|it| it.after_entry).min().unwrap_or(empty),
        until: found.iter().map(|it| it.to_entry).max().unwrap_or(empty),
        batches: found.into_iter().map(|it| it.id).collect(),
    })
}

/// The merchant's statement with this id.
///
/// # Errors
///
/// `statement_not_found`.
pub async fn find(
    gateway: &Gateway,
    merchant: &MerchantId,
    id: &str,
) -> Result<StatementView, Problem> {
    Ok(views::statement(&found(gateway, merchant, id).await?))
}

async fn found(
    gateway: &Gateway,
    merchant: &MerchantId,
    id: &str,
) -> Result<StatementRecord, Problem> {
    let unknown =
        || Problem::new(Code::StatementNotFound, "there is no such statement among the merchant's");
    let id = StatementId::parse(id).map_err(|_| unknown())?;
    let of = merchant.clone();
    let read = move |view: &dyn View| view.statement(&of, &id);
    store::read_of(&gateway.node.store, merchant, read).await?.ok_or_else(unknown)
}

/// A page of the merchant's statements, newest first.
///
/// # Errors
///
/// `internal`.
pub async fn list(
    gateway: &Gateway,
    merchant: &MerchantId,
    page: Page<StatementId>,
) -> Result<List<StatementView>, Problem> {
    let _turn = gateway.node.cluster.turns.read(merchant).await?;
    let (of, limit) = (merchant.clone(), page.limit);
    let read = move |view: &dyn View| view.statements(&of, &page);
    let found = store::read_of(&gateway.node.store, merchant, read).await?;
    let found = found.iter().map(views::statement).collect();
    Ok(List::new(found, limit, |it: &StatementView| it.id.clone()))
}
