//! Batches of payouts: up to a thousand that are accepted in one commit or not at all, approved as one, and told of
//! once all have ended.
//!
//! All or nothing, since a batch that was taken in part would be another than the one whose totals its merchant named:
//! a mistake in one line is found before anything is paid, and sent anew the whole batch is the same request.

use std::collections::HashMap;

use lezai_core::funds::payout::{Approval, PayoutEvent, PayoutTerms};
use lezai_core::funds::payout_batch::{MAX_ITEMS, PayoutBatch, PayoutBatchTerms, Totals};
use lezai_core::id::{MerchantId, PayoutBatchId, PayoutId};
use lezai_core::money::Money;
use lezai_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::happen;
use super::payouts::{
    Accepting, Decision, NewPayout, OPERATOR, OperatorPayout, agreed_rules, amount, currency,
    day_begun, operator_page, soon, take_by, time, told,
};
use super::views::{self, PayoutBatchView, PayoutView};
use crate::channels::Channels;
use crate::gateway::Gateway;
use crate::idempotency::{ApiResponse, IdempotentRequest};
use crate::schedule;
use lezai_store as store;
use lezai_store::{Page, StoreError, Tx, View};
use lezai_wire::json::{Field, Invalid, Object};
use lezai_wire::order_request::number;
use lezai_wire::page::List;
use lezai_wire::problem::{Code, Problem};

/// A merchant's wish for a batch of payouts.
#[derive(Clone, Debug)]
pub struct NewPayoutBatch {
    /// The merchant's own number.
    pub merchant_payout_batch_id: String,
    /// The sum of its payouts, as the merchant says.
    pub totals: Totals,
    /// None of them is sent before.
    pub not_before: Option<Timestamp>,
    /// The payouts, 1 to [`MAX_ITEMS`], each with a number of its own.
    pub items: Vec<NewPayout>,
}

impl NewPayoutBatch {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// [`Invalid`], with the field at fault.
    pub fn parse(body: &[u8]) -> Result<Self, Invalid> {
        let mut body = Object::parse(body)?;
        let currency = body.required("currency", currency)?;
        let total = body.required("total_amount", |field| amount(field, currency))?;
        let most = i64::try_from(MAX_ITEMS).unwrap_or(i64::MAX);
        let count = body.required("total_count", |field| field.integer(1..=most))?;
        let batch = Self {
            merchant_payout_batch_id: body
                .required("merchant_payout_batch_id", |field| field.parsed(1..=64, number))?,
            totals: Totals { amount: total, count: u32::try_from(count).unwrap_or_default() },
            not_before: body.optional("not_before", time)?,
            items: body.required("items", |field| {
                let empty = field.invalid("must have at least one member");
                let fields = field.list(MAX_ITEMS)?;
                if fields.is_empty() { Err(empty) } else { items(fields, currency) }
            })?,
        };
        body.finish()?;
        Ok(batch)
    }
}

fn items(
    fields: Vec<Field>,
    currency: lezai_core::money::Currency,
) -> Result<Vec<NewPayout>, Invalid> {
    let mut numbers = HashMap::with_capacity(fields.len());
    let mut items = Vec::with_capacity(fields.len());
    for (nth, field) in fields.into_iter().enumerate() {
        let mut object = field.object()?;
        let item = NewPayout::read(&mut object, currency)?;
        object.finish()?;
        if let Some(first) = numbers.insert(item.merchant_payout_id.clone(), nth) {
            let path = format!("items[{nth}].merchant_payout_id");
            return Err(Invalid {
                kind: lezai_wire::json::Kind::InvalidField,
                detail: format!("{path} is the number of items[{first}], too"),
                field: path,
            });
        }
        items.push(item);
    }
    Ok(items)
}

/// Accepts a batch whole, once for its idempotency key and its number.
///
/// # Errors
///
/// `payout_batch_totals`, `merchant_payout_batch_id_taken`, and those of a payout, with the item at fault.
pub async fn create(
    gateway: &Gateway,
    merchant: &MerchantId,
    new: NewPayoutBatch,
    key: IdempotentRequest,
) -> Result<ApiResponse, Problem> {
    let now = gateway.node.clock.now();
    soon(new.not_before, now)?;
    // In the order of the items, so that a list of the batch's payouts has it, too.
    let mut entropy: Vec<_> = new.items.iter().map(|_| gateway.node.entropy.bytes()).collect();
    entropy.sort_unstable();
    let wanted = Wanted {
        id: PayoutBatchId::new(now, gateway.node.entropy.bytes()),
        payouts: entropy.into_iter().map(|it| PayoutId::new(now, it)).collect(),
        merchant: merchant.clone(),
        channels: gateway.channels.clone(),
        new,
        now,
    };
    let done = key.commit(&gateway.node, move |tx| {
        let batch = wanted.accept(tx)?;
        let view = views::payout_batch(&batch, &tx.tally(&batch)?);
        Ok((ApiResponse::json(201, &view)?, ()))
    });
    Ok(told(gateway, done.await?))
}

struct Wanted {
    id: PayoutBatchId,
    payouts: Vec<PayoutId>,
    merchant: MerchantId,
    channels: Channels,
    new: NewPayoutBatch,
    now: Timestamp,
}

impl Wanted {
    fn accept(self, tx: &dyn Tx) -> Result<PayoutBatch, Problem> {
        let Self { id, payouts, merchant, channels, new, now } = self;
        let NewPayoutBatch { merchant_payout_batch_id, totals, not_before, items } = new;
        if let Some(first) = tx.payout_batch_by_number(&merchant, &merchant_payout_batch_id)? {
            return Err(taken(&first));
        }
        let agreed = schedule::in_force(tx, &merchant, now)?;
        let accepting = Accepting { merchant: &merchant, agreed: &agreed, batch: Some(&id), now };
        let mut terms = Vec::with_capacity(items.len());
        for (nth, (item, payout)) in items.into_iter().zip(payouts).enumerate() {
            let item = NewPayout { not_before, ..item };
            let found = accepting.terms(tx, &channels, payout, item);
            terms.push(found.map_err(|problem| of_item(problem, nth))?);
        }
        let amounts: Vec<(Money, Money)> = terms.iter().map(|it| (it.amount, it.fee)).collect();
        let contract = &agreed.contract;
        let rules = agreed_rules(contract, totals.amount.currency())?;
        let batch = PayoutBatch::accept(PayoutBatchTerms {
            id: id.clone(),
            merchant: merchant.clone(),
            merchant_payout_batch_id,
            total: totals.amount,
            fee: totals.fee_of(&amounts)?,
            count: totals.count,
            needs_approval: totals.amount.minor() > rules.approval_above,
            contract: agreed.number,
            created_at: now,
        });
        if !tx.insert_payout_batch(&batch)? {
            return Err(taken(&batch));
        }
        let zero = Money::zero(totals.amount.currency());
        let before = match day_begun(&rules, contract, now)? {
            Some(since) => tx.paid_out_since(&merchant, zero.currency(), since)?,
            None => zero,
        };
        take_all(tx, terms, rules.in_batch(totals.amount), before, now)?;
        Ok(batch)
    }
}

/// Takes the money of each payout, one after the other: each sees what those before it left.
fn take_all(
    tx: &dyn Tx,
    terms: Vec<PayoutTerms>,
    rules: lezai_core::funds::payout::PayoutRules,
    before: Money,
    now: Timestamp,
) -> Result<(), Problem> {
    let mut today = before;
    for (nth, terms) in terms.into_iter().enumerate() {
        let amount = terms.amount;
        let taken = take_by(tx, terms, rules, today, now);
        taken.map_err(|problem| of_item(problem, nth))?;
        today = today.checked_add(amount).unwrap_or(today);
    }
    Ok(())
}

/// A problem with an item of a batch: its field is named within the batch.
fn of_item(problem: Problem, nth: usize) -> Problem {
    problem.within(&format!("items[{nth}]"))
}

fn taken(first: &PayoutBatch) -> Problem {
    Problem::new(
        Code::MerchantPayoutBatchIdTaken,
        "query the batch with this number; use another number for another batch",
    )
    .with("field", "merchant_payout_batch_id")
    .with("payout_batch_id", first.terms.id.to_string())
}

/// There is no such batch, or it is another merchant's.
fn not_found() -> Problem {
    Problem::new(Code::PayoutBatchNotFound, "there is no such batch among the merchant's")
}

fn view<V: View + ?Sized>(view: &V, batch: &PayoutBatch) -> Result<PayoutBatchView, StoreError> {
    Ok(views::payout_batch(batch, &view.tally(batch)?))
}

/// The merchant's batch with this id.
fn own<V: View + ?Sized>(
    view: &V,
    merchant: &MerchantId,
    id: &PayoutBatchId,
) -> Result<Option<PayoutBatch>, StoreError> {
    Ok(view.payout_batch(id)?.filter(|it| it.terms.merchant == *merchant))
}

/// The merchant's batch with this id.
///
/// # Errors
///
/// `payout_batch_not_found`.
pub async fn find(
    gateway: &Gateway,
    merchant: &MerchantId,
    id: &str,
) -> Result<PayoutBatchView, Problem> {
    let id = PayoutBatchId::parse(id).map_err(|_| not_found())?;
    let of = merchant.clone();
    let found = store::read_of(&gateway.node.store, merchant, move |tables| {
        own(tables, &of, &id)?.map(|it| view(tables, &it)).transpose()
    });
    found.await?.ok_or_else(not_found)
}

/// The merchant's batches with its number: one or none.
///
/// # Errors
///
/// `internal`.
pub async fn find_by_number(
    gateway: &Gateway,
    merchant: &MerchantId,
    number: String,
) -> Result<Vec<PayoutBatchView>, Problem> {
    let of = merchant.clone();
    let found = store::read_of(&gateway.node.store, merchant, move |tables| {
        tables.payout_batch_by_number(&of, &number)?.map(|it| view(tables, &it)).transpose()
    });
    Ok(found.await?.into_iter().collect())
}

/// A page of the merchant's batches.
///
/// # Errors
///
/// `internal`.
pub async fn list(
    gateway: &Gateway,
    merchant: &MerchantId,
    page: Page<PayoutBatchId>,
) -> Result<List<PayoutBatchView>, Problem> {
    let _turn = gateway.node.cluster.turns.read(merchant).await?;
    let (of, limit) = (merchant.clone(), page.limit);
    let found = store::read_of(&gateway.node.store, merchant, move |tables| {
        let found = tables.payout_batches(&of, &page)?;
        found.iter().map(|it| view(tables, it)).collect::<Result<Vec<_>, StoreError>>()
    });
    Ok(List::new(found.await?, limit, |it: &PayoutBatchView| it.id.clone()))
}

/// A page of the payouts of the merchant's batch.
///
/// # Errors
///
/// `payout_batch_not_found`.
pub async fn payouts(
    gateway: &Gateway,
    merchant: &MerchantId,
    id: &str,
    status: Option<&'static str>,
    page: Page<PayoutId>,
) -> Result<List<PayoutView>, Problem> {
    let id = PayoutBatchId::parse(id).map_err(|_| not_found())?;
    let _turn = gateway.node.cluster.turns.read(merchant).await?;
    let (of, limit) = (merchant.clone(), page.limit);
    let found = store::read_of(&gateway.node.store, merchant, move |tables| {
        let batch = own(tables, &of, &id)?;
        batch.map(|it| tables.payouts_of_batch(&it, status, &page)).transpose()
    });
    let found = found.await?.ok_or_else(not_found)?;
    Ok(List::new(found.iter().map(views::payout).collect(), limit, |it: &PayoutView| it.id.clone()))
}

/// A batch as the operator reads it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OperatorPayoutBatch {
    /// Whose it is.
    pub merchant: String,
    /// The batch.
    pub payout_batch: PayoutBatchView,
}

fn operator_view<V: View + ?Sized>(
    tables: &V,
    batch: &PayoutBatch,
) -> Result<OperatorPayoutBatch, StoreError> {
    let merchant = batch.terms.merchant.to_string();
    Ok(OperatorPayoutBatch { merchant, payout_batch: view(tables, batch)? })
}

/// A page of every merchant's batches that wait for a second person's word, for the operator.
///
/// # Errors
///
/// `internal`.
pub async fn that_wait(
    gateway: &Gateway,
    page: Page<PayoutBatchId>,
) -> Result<List<OperatorPayoutBatch>, Problem> {
    let limit = page.limit;
    let found = store::read(&gateway.node.store, move |tables| {
        let found = tables.payout_batches_that_wait(&page)?;
        found.iter().map(|it| operator_view(tables, it)).collect::<Result<Vec<_>, StoreError>>()
    });
    Ok(List::new(found.await?, limit, |it: &OperatorPayoutBatch| it.payout_batch.id.clone()))
}

/// A page of the payouts of a batch, for the operator.
///
/// # Errors
///
/// `payout_batch_not_found`.
pub async fn payouts_for_operator(
    gateway: &Gateway,
    id: &str,
    status: Option<&'static str>,
    page: Page<PayoutId>,
) -> Result<List<OperatorPayout>, Problem> {
    let id = PayoutBatchId::parse(id).map_err(|_| not_found())?;
    let limit = page.limit;
    let found = store::read(&gateway.node.store, move |tables| {
        let batch = tables.payout_batch(&id)?;
        batch.map(|it| tables.payouts_of_batch(&it, status, &page)).transpose()
    });
    Ok(operator_page(&found.await?.ok_or_else(not_found)?, limit))
}

/// Approves or refuses all payouts of a batch that wait for it, once for its idempotency key.
///
/// # Errors
///
/// `payout_batch_not_found`, `payout_state`, `payout_decided`.
pub async fn decide(
    gateway: &Gateway,
    id: &str,
    decision: Decision,
    key: IdempotentRequest,
) -> Result<ApiResponse, Problem> {
    let id = PayoutBatchId::parse(id).map_err(|_| not_found())?;
    let of = id.clone();
    let found = store::read(&gateway.node.store, move |view| view.payout_batch(&of)).await?;
    let key = key.on(&found.ok_or_else(not_found)?.terms.merchant);
    let now = gateway.node.clock.now();
    let done = key.commit(&gateway.node, move |tx| {
        let batch = decided(tx, &id, decision, now)?;
        Ok((ApiResponse::json(200, &operator_view(tx, &batch)?)?, ()))
    });
    Ok(told(gateway, done.await?))
}

/// Decides on a batch and on its payouts, within a commit.
///
/// # Errors
///
/// As of [`decide`].
pub fn decided(
    tx: &dyn Tx,
    id: &PayoutBatchId,
    decision: Decision,
    now: Timestamp,
) -> Result<PayoutBatch, Problem> {
    let before = tx.payout_batch(id)?.ok_or_else(not_found)?;
    let version = before.version;
    let Decision { approved, reason } = decision;
    let by = OPERATOR.to_owned();
    let approval = Approval { approved, reason: reason.clone(), by: by.clone(), at: now };
    let batch = before.decide(approval)?;
    if batch.version == version {
        return Ok(batch);
    }
    tx.update_payout_batch(&batch)?;
    let limit = u32::try_from(MAX_ITEMS).unwrap_or(u32::MAX);
    let page = Page { limit, after: None, from: None, to: None };
    // The oldest first, as they were accepted.
    for payout in tx.payouts_of_batch(&batch, Some("needs_approval"), &page)?.iter().rev() {
        let event = PayoutEvent::Decided { approved, reason: reason.clone(), by: by.clone() };
        happen(tx, &payout.terms.id, event, now)?;
    }
    // Refused, it is closed.
    tx.payout_batch(id)?.ok_or_else(not_found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_read_strictly() {
        const GOOD: &str = r#"{"merchant_payout_batch_id":"B-1","currency":"CNY","total_amount":9000,"total_count":2,"items":[
            {"merchant_payout_id":"P-1","amount":6000,"destination":{"kind":"bank_account","account":"6222020200112233445"}},
            {"merchant_payout_id":"P-2","amount":3000,"destination":{"kind":"wallet","account":"13912345678"},"description":"Leaves"}],
            "not_before":"2026-11-18T11:06:40Z"}"#;
        let good = NewPayoutBatch::parse(GOOD.as_bytes()).unwrap();
        assert_eq!((good.totals.amount.minor(), good.totals.count, good.items.len()), (9000, 2, 2));
        for (from, to, field) in [
            ("B-1", "B 1", "merchant_payout_batch_id"),
            ("9000", "0", "total_amount"),
            (r#""total_count":2,"#, "", "total_count"),
            (r#""total_count":2"#, r#""total_count":1001"#, "total_count"),
            ("CNY", "XXX", "currency"),
            ("3000", "0", "items[1].amount"),
            ("P-2", "P-1", "items[1].merchant_payout_id"),
            (r#""kind":"wallet","#, "", "items[1].destination.kind"),
            (r#""description""#, r#""note""#, "items[1].note"),
            (r#""description""#, r#""currency":"CNY","description""#, "items[1].currency"),
            ("2026-11-18T11:06:40Z", "soon", "not_before"),
        ] {
            assert!(GOOD.contains(from), "{from}");
            let error = NewPayoutBatch::parse(GOOD.replacen(from, to, 1).as_bytes()).unwrap_err();
            assert_eq!(error.field, field, "{to}: {}", error.detail);
        }
        let item = r#"{"merchant_payout_id":"P","amount":1,"destination":{"kind":"wallet","account":"a"}},"#;
        for count in [0, MAX_ITEMS + 1] {
            let items = item.repeat(count);
            let body = format!(
                r#"{{"merchant_payout_batch_id":"B","currency":"CNY","total_amount":1,"total_count":1,"items":[{}]}}"#,
                items.trim_end_matches(',')
            );
            assert_eq!(NewPayoutBatch::parse(body.as_bytes()).unwrap_err().field, "items");
        }
    }
}
