//! Settlement batches: at each cut-off of a merchant's contract its balance since the one before is
//! closed, and paid out if the contract says so.
//!
//! A batch ends with the ledger's last entry in the very commit that closes it. What is booked a moment
//! later, whatever time it carries, lies in the next; so nothing lies in two batches or in none.

use lezai_core::funds::contract::Agreed;
use lezai_core::funds::cycle::{CutOff, Unsettled};
use lezai_core::funds::payout::PayoutTerms;
use lezai_core::funds::settlement::{
    Batch, Carry, LATE_SECS, Outcome, Position, net_of_fee, payable,
};
use lezai_core::id::{MerchantId, PayoutId, SettlementId};
use lezai_core::ledger::Account;
use lezai_core::money::{Currency, Money};
use lezai_core::time::Timestamp;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::{OURS, payouts, views};
use crate::events::record::{self, Happened, Subject};
use crate::gateway::Gateway;
use crate::schedule;
use lezai_store as store;
use lezai_store::funds::Statement;
use lezai_store::{Page, Scope, StoreError, Task, Tx, View};
use lezai_wire::page::List;
use lezai_wire::problem::{Code, Problem};
use lezai_wire::time::rfc3339;
use views::{SettlementLine, SettlementView};

/// How long after a cut-off its batches are closed: what settles at it is booked by then.
pub const GRACE_SECS: i64 = 10;
/// So often, ten minutes long, it is looked whether what was due before a cut-off is done; then a batch is
/// closed without it, and what is booked later lies in the next. Tries are counted and not time: after an
/// outage, what was due is done first.
const SETTLEMENT_WAITS_MAX: u32 = 120;
/// How often it looks whether that is done.
const LOOK_SECS: i64 = 5;
/// How often a calendar is looked at again that does not know the days to come.
const CALENDAR_SECS: i64 = 3600;

/// A batch as it would be if it were closed now.
#[derive(Clone, Debug)]
struct Draft {
    currency: Currency,
    after_entry: u64,
    to_entry: u64,
    opening: i64,
    closing: i64,
    lines: u64,
    pays: Result<(Money, Money), Carry>,
}

pub(crate) fn accounts(merchant: &MerchantId) -> [Account; 2] {
    [Account::MerchantAvailable(merchant.clone()), Account::MerchantOwes(merchant.clone())]
}

/// The currencies in which something was ever available to a merchant, or owed by it.
pub(super) fn currencies<V: View + ?Sized>(
    view: &V,
    merchant: &MerchantId,
) -> Result<Vec<Currency>, StoreError> {
    let mut currencies = Vec::new();
    for account in &accounts(merchant) {
        currencies.extend(view.currencies(account)?);
    }
    currencies.sort_by_key(|it| it.code());
    currencies.dedup();
    Ok(currencies)
}

/// A merchant's drafts since its last batch, one for each currency.
fn drafts<V: View + ?Sized>(
    view: &V,
    merchant: &MerchantId,
    agreed: &Agreed,
) -> Result<Vec<Draft>, StoreError> {
    let accounts = accounts(merchant);
    let to_entry = view.last_entry_number()?;
    let mut drafts = Vec::new();
    for currency in currencies(view, merchant)? {
        let after_entry = view.last_batch(merchant, currency)?.map_or(0, |it| it.to_entry);
        let standing = |entry| {
            let minors = accounts.iter().map(|it| view.balance_at(it, currency, entry));
            // The ledger's numbers are debits; what is the merchant's is a credit.
            minors.sum::<Result<i64, StoreError>>().map(i64::saturating_neg)
        };
        let (opening, closing) = (standing(after_entry)?, standing(to_entry)?);
        let of = Statement {
            accounts: &accounts,
            currency,
            after: after_entry,
            to: to_entry,
            limit: u32::MAX,
        };
        let lines = view.count_movements(&of)?;
        let pays = pays(agreed, currency, closing);
        drafts.push(Draft { currency, after_entry, to_entry, opening, closing, lines, pays });
    }
    Ok(drafts)
}

/// The payout of a position by a contract, and its fee.
fn pays(agreed: &Agreed, currency: Currency, position: i64) -> Result<(Money, Money), Carry> {
    let contract = &agreed.contract;
    let standing = Position { position, minimum: contract.minimum(currency) };
    let whole = payable(standing, contract.pay_to().is_some())?;
    let rules = contract.payout_rules(currency).ok_or(Carry::Limits)?;
    let net = net_of_fee(whole, |it| contract.payout_fee(it)).ok_or(Carry::BelowMinimum)?;
    // The excess over one payout's limit stays for the next batch.
    let most = Money::new(rules.max, currency).map_err(|_| Carry::Limits)?;
    if most.checked_sub(net.0).is_some() { Ok(net) } else { Ok((most, contract.payout_fee(most))) }
}

/// The cut-off that follows a moment, by a contract.
///
/// # Errors
///
/// [`Unsettled`] if its calendar does not know the days to come; else [`StoreError`].
pub fn next_cut_off<V: View + ?Sized>(
    view: &V,
    agreed: &Agreed,
    after: Timestamp,
) -> Result<Result<CutOff, Unsettled>, StoreError> {
    let contract = &agreed.contract;
    let days = schedule::cut_offs(contract, after, schedule::CYCLE)
        .map_err(|error| StoreError::Damaged(error.to_string()))?;
    let calendar = match contract.closes_on_business_days() {
        true => schedule::calendar(view, contract)?,
        false => None,
    };
    Ok(days.next_after(after, calendar.as_ref()))
}

/// Plans the close of a contract's first or next batches after a moment. Whether it could be planned.
///
/// # Errors
///
/// [`StoreError`].
pub fn plan(
    tx: &dyn Tx,
    merchant: &MerchantId,
    agreed: &Agreed,
    after: Timestamp,
) -> Result<bool, StoreError> {
    match next_cut_off(tx, agreed, after)? {
        Ok(CutOff { at, .. }) => {
            let task = Task::CloseBatches {
                merchant: merchant.clone(),
                contract: agreed.number,
                cut_off: at,
            };
            tx.schedule(&task, at.plus_secs(GRACE_SECS))?;
            Ok(true)
        }
        Err(why) => {
            tracing::warn!(%merchant, %why, "the next settlement batch cannot be planned");
            Ok(false)
        }
    }
}

/// The result of closing.
pub enum Closed {
    /// It is done, and the next is planned.
    Planned,
    /// It is to be looked at again then.
    Later {
        /// When.
        due: Timestamp,
        /// Why, for the record.
        why: String,
    },
}

/// Closes the batches of a cut-off, and plans those of the next.
///
/// # Errors
///
/// `internal`.
pub async fn close(
    gateway: &Gateway,
    merchant: MerchantId,
    contract: u32,
    cut_off: Timestamp,
    tries: u32,
) -> Result<Closed, Problem> {
    let now = gateway.node.clock.now();
    let payers: Vec<_> = gateway.channels.payers().collect();
    let scope = Scope::Merchant(merchant.clone());
    let done = store::write(&gateway.node.store, scope, move |tx| {
        let agreed = schedule::in_force(tx, &merchant, cut_off)?;
        // The contract that took its place closes by its own cut-offs. This one is still good for a cut-off of its own
        // that is closed in time, and pays nothing by terms that are over for longer.
        let now_number = schedule::in_force(tx, &merchant, now)?.number;
        let is_over = now_number != contract && now >= cut_off.plus_secs(LATE_SECS);
        if agreed.number != contract || is_over {
            return Ok(Closed::Planned);
        }
        let waits = tx.settlements_wait(cut_off)?;
        if waits && tries < SETTLEMENT_WAITS_MAX {
            let why = "what was due before the cut-off is not done".to_owned();
            return Ok(Closed::Later { due: now.plus_secs(LOOK_SECS), why });
        }
        let closing =
            Closing { merchant: &merchant, agreed: &agreed, payers: &payers, cut_off, now };
        close_in(tx, &closing)?;
        if !plan(tx, &merchant, &agreed, cut_off)? {
            // A task of its own: what was closed is closed, and what comes since waits for the next cut-off.
            let task = Task::PlanBatches { merchant, contract, after: cut_off };
            tx.schedule(&task, now.plus_secs(CALENDAR_SECS))?;
        }
        Ok::<_, Problem>(Closed::Planned)
    })
    .await?;
    gateway.node.cluster.wake.call();
    Ok(done)
}

/// Plans the batches of the cut-off after another, which the calendar did not know.
///
/// # Errors
///
/// `internal`.
pub async fn plan_again(
    gateway: &Gateway,
    merchant: MerchantId,
    contract: u32,
    after: Timestamp,
) -> Result<Closed, Problem> {
    let now = gateway.node.clock.now();
    let scope = Scope::Merchant(merchant.clone());
    let done = store::write(&gateway.node.store, scope, move |tx| {
        let agreed = schedule::in_force(tx, &merchant, now)?;
        if agreed.number != contract || plan(tx, &merchant, &agreed, after)? {
            return Ok(Closed::Planned);
        }
        let why = "the calendar does not know the days to come".to_owned();
        Ok::<_, Problem>(Closed::Later { due: now.plus_secs(CALENDAR_SECS), why })
    })
    .await?;
    gateway.node.cluster.wake.call();
    Ok(done)
}

/// The merchant whose batches are closed, the contract for it, and the channels that can pay.
pub(super) struct Closing<'c> {
    pub(super) merchant: &'c MerchantId,
    pub(super) agreed: &'c Agreed,
    /// The kinds of destination that there are, each with the first channel that pays to it.
    pub(super) payers: &'c [(&'static str, &'static str)],
    pub(super) cut_off: Timestamp,
    pub(super) now: Timestamp,
}

/// As [`close`], within a commit: what was closed for this cut-off before stays as it is.
pub(super) fn close_in(tx: &dyn Tx, closing: &Closing<'_>) -> Result<(), Problem> {
    let Closing { merchant, agreed, cut_off, now, .. } = *closing;
    let days = schedule::cut_offs(&agreed.contract, cut_off, schedule::TODAY)
        .map_err(Problem::internal)?;
    let day =
        days.last_passed(cut_off).ok_or_else(|| Problem::internal("a cut-off without a day"))?;
    let calendar = schedule::calendar(tx, &agreed.contract)?.map(|it| it.digest().to_owned());
    for draft in drafts(tx, merchant, agreed)? {
        let last = tx.last_batch(merchant, draft.currency)?;
        if last.is_some_and(|it| it.cut_off >= cut_off) {
            continue;
        }
        // Nothing happened and nothing is paid: there is no batch of nothing.
        if draft.lines == 0 && draft.pays.is_err() {
            continue;
        }
        let named = format!("settlement {merchant} {} {}", draft.currency, day.day);
        let digest = Sha256::digest(named);
        let id = SettlementId::new(now, std::array::from_fn(|index| digest[index]));
        let outcome = pay(tx, closing, &draft, &id)?;
        let Draft { currency, after_entry, to_entry, opening, closing, lines, .. } = draft;
        let batch = Batch {
            id,
            merchant: merchant.clone(),
            currency,
            day: day.day,
            cut_off,
            after_entry,
            to_entry,
            opening,
            closing,
            lines,
            outcome,
            contract: agreed.number,
            calendar: calendar.clone(),
            closed_at: now,
            late: now >= cut_off.plus_secs(LATE_SECS),
        };
        tx.insert_batch(&batch)?;
        tell(tx, &batch, now)?;
    }
    Ok(())
}

/// Has paid out what a batch pays, in the commit that closes it.
fn pay(
    tx: &dyn Tx,
    closing: &Closing<'_>,
    draft: &Draft,
    id: &SettlementId,
) -> Result<Outcome, Problem> {
    let Closing { merchant, agreed, payers, now, .. } = *closing;
    let contract = &agreed.contract;
    let (amount, fee) = match draft.pays {
        Ok(pays) => pays,
        Err(why) => return Ok(Outcome::Carried { why }),
    };
    let Some(destination) = contract.pay_to().cloned() else {
        return Ok(Outcome::Carried { why: Carry::Manual });
    };
    let Some((_, channel)) = payers.iter().find(|(kind, _)| *kind == destination.kind) else {
        tracing::error!(%merchant, kind = destination.kind, "no channel pays to the contract's destination");
        return Ok(Outcome::Carried { why: Carry::Limits });
    };
    let digest = Sha256::digest(format!("payout {id}"));
    let wait = contract.new_destination_wait_secs();
    // It is known since it was agreed, or since it was first paid if that was before.
    let first_paid = tx.destination_since(merchant, &destination)?;
    let known_since = first_paid.map_or(agreed.in_force_from, |it| it.min(agreed.in_force_from));
    let terms = PayoutTerms {
        id: PayoutId::new(now, std::array::from_fn(|index| digest[index])),
        merchant: merchant.clone(),
        merchant_payout_id: format!("{OURS}{id}"),
        receiver: None,
        amount,
        fee,
        fee_returned: contract.payout_fee_returned(),
        channel: (*channel).to_owned(),
        destination,
        description: None,
        contract: agreed.number,
        settlement: Some(id.clone()),
        batch: None,
        created_at: now,
        not_before: known_since.plus_secs(wait).max(now),
    };
    match payouts::take(tx, terms, contract, now) {
        Ok(payout) => Ok(Outcome::Paid { payout: payout.terms.id, amount, fee }),
        Err(problem) if problem.code() == Code::Internal => Err(problem),
        Err(problem) => {
            tracing::warn!(%merchant, settlement = %id, code = problem.code().as_str(), "a batch is carried");
            Ok(Outcome::Carried { why: Carry::Limits })
        }
    }
}

/// Tells the merchant that a batch is closed.
fn tell(tx: &dyn Tx, batch: &Batch, now: Timestamp) -> Result<(), StoreError> {
    let happened = Happened {
        merchant: &batch.merchant,
        subject: Subject::Named(batch.id.as_str()),
        event_type: CLOSED,
        data: json!({ "settlement": views::settlement(batch) }),
    };
    record::deliver(tx, happened, now)
}

/// The type of the event that tells of a batch.
pub const CLOSED: &str = "settlement.closed";

/// A batch that is not closed yet: what it would be if it were.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OpenSettlement {
    /// Always `open_settlement`.
    pub object: &'static str,
    /// ISO 4217.
    pub currency: &'static str,
    /// RFC 3339: when it will be closed; absent if nobody can say, for its calendar does not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub closes_at: Option<String>,
    /// It has the ledger's entries after this one.
    pub after_entry: u64,
    /// How many of them touch the balance.
    pub lines: u64,
    /// The merchant's balance before, in minor units; less than zero if it owed.
    pub opening: i64,
    /// The merchant's balance now.
    pub closing: i64,
    /// The amount that would be paid out of it now.
    pub pays: i64,
    /// The fee of that payout.
    pub fee: i64,
    /// Why nothing would be paid: `manual`, `nothing_available`, `below_minimum` or `limits`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub carried_because: Option<&'static str>,
}

/// The merchant's batches as they would be if they were closed now.
///
/// # Errors
///
/// `internal`.
pub async fn open(
    gateway: &Gateway,
    merchant: &MerchantId,
) -> Result<List<OpenSettlement>, Problem> {
    let _turn = gateway.node.cluster.turns.read(merchant).await?;
    let (of, now) = (merchant.clone(), gateway.node.clock.now());
    let (drafts, closes) = store::read_of(&gateway.node.store, merchant, move |view| {
        let agreed = schedule::in_force(view, &of, now)?;
        let closes = match agreed.number {
            0 => None,
            _ => next_cut_off(view, &agreed, now)?.ok(),
        };
        Ok((drafts(view, &of, &agreed)?, closes))
    })
    .await?;
    let closes_at = closes.map(|it| rfc3339(it.at));
    let open = drafts.into_iter().map(|it| OpenSettlement {
        object: "open_settlement",
        currency: it.currency.code(),
        closes_at: closes_at.clone(),
        after_entry: it.after_entry,
        lines: it.lines,
        opening: it.opening,
        closing: it.closing,
        pays: it.pays.as_ref().map_or(0, |(amount, _)| amount.minor()),
        fee: it.pays.as_ref().map_or(0, |(_, fee)| fee.minor()),
        carried_because: it.pays.err().map(Carry::as_str),
    });
    Ok(List::whole(open.collect()))
}

/// A page of the merchant's batches, newest first.
///
/// # Errors
///
/// `internal`.
pub async fn list(
    gateway: &Gateway,
    merchant: &MerchantId,
    page: Page<SettlementId>,
) -> Result<List<SettlementView>, Problem> {
    let _turn = gateway.node.cluster.turns.read(merchant).await?;
    let (merchant, limit) = (merchant.clone(), page.limit);
    let found =
        store::read(&gateway.node.store, move |view| view.batches(&merchant, &page)).await?;
    let found = found.iter().map(views::settlement).collect();
    Ok(List::new(found, limit, |it: &SettlementView| it.id.clone()))
}

/// The merchant's batch with this id.
///
/// # Errors
///
/// `settlement_not_found`.
pub async fn find(
    gateway: &Gateway,
    merchant: &MerchantId,
    id: &str,
) -> Result<SettlementView, Problem> {
    Ok(views::settlement(&batch(gateway, merchant, id).await?))
}

async fn batch(gateway: &Gateway, merchant: &MerchantId, id: &str) -> Result<Batch, Problem> {
    let unknown = || {
        Problem::new(Code::SettlementNotFound, "there is no such settlement among the merchant's")
    };
    let id = SettlementId::parse(id).map_err(|_| unknown())?;
    let found = store::read(&gateway.node.store, move |view| view.batch(&id)).await?;
    found.filter(|it| it.merchant == *merchant).ok_or_else(unknown)
}

/// A page of a batch's lines, oldest first, after an entry.
///
/// # Errors
///
/// `settlement_not_found`.
pub async fn lines(
    gateway: &Gateway,
    merchant: &MerchantId,
    id: &str,
    after: Option<u64>,
    limit: u32,
) -> Result<List<SettlementLine>, Problem> {
    let batch = batch(gateway, merchant, id).await?;
    let _turn = gateway.node.cluster.turns.read(merchant).await?;
    let code = batch.currency.code();
    let found = store::read(&gateway.node.store, move |view| {
        let accounts = accounts(&batch.merchant);
        view.movements(&Statement {
            accounts: &accounts,
            currency: batch.currency,
            after: after.unwrap_or_default().max(batch.after_entry),
            to: batch.to_entry,
            limit: limit.saturating_add(1),
        })
    })
    .await?;
    let found = found.iter().map(|it| views::line(it, code)).collect();
    Ok(List::new(found, limit, |it: &SettlementLine| it.entry.to_string()))
}
