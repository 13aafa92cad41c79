//! Money out: payouts, contracts and settlement batches. Decisions are the core's; here they are asked
//! for, committed and told.

pub mod balances;
pub mod batches;
pub mod closing;
pub mod contracts;
pub mod fee_simulation;
pub mod fx;
pub mod overdue;
pub mod payout_batches;
pub mod payouts;
pub mod receivers;
pub mod views;

use lezai_core::funds::payout::{
    self, Payout, PayoutEffect, PayoutEvent, PayoutNotice, PayoutStep,
};
use lezai_core::id::{MerchantId, PayoutId};
use lezai_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::events::record::{self, Happened, Subject};
use crate::gateway::{self, Gateway};
use lezai_store as store;
use lezai_store::{Scope, StoreError, Task, Tx};
use lezai_wire::problem::{Code, Problem};
use views::PayoutView;

/// How long after a payout is paid the channel is first asked whether it came back.
pub const FIRST_WATCH_SECS: i64 = 60;

/// The prefix of the numbers of payouts that batches make; a merchant's may not have it.
pub const OURS: &str = "settlement:";

/// The objects that an event of a payout is about.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PayoutEventData {
    /// The payout right after the event.
    pub payout: PayoutView,
}

/// Lets something happen to a payout: the core decides, and one commit keeps what it decided.
///
/// # Errors
///
/// The core's refusal as a problem; `payout_not_found`; `internal`.
pub async fn apply(gateway: &Gateway, id: PayoutId, event: PayoutEvent) -> Result<Payout, Problem> {
    let now = gateway.node.clock.now();
    let scope = Scope::Merchant(merchant_of(gateway, &id).await?);
    let work = move |tx: &dyn Tx| happen(tx, &id, event, now);
    let payout = store::write(&gateway.node.store, scope, work).await?;
    gateway.node.cluster.wake.call();
    Ok(payout)
}

/// Whose payout it is.
///
/// # Errors
///
/// `payout_not_found`; `internal`.
async fn merchant_of(gateway: &Gateway, id: &PayoutId) -> Result<MerchantId, Problem> {
    let of = id.clone();
    let found = store::read(&gateway.node.store, move |view| view.payout(&of)).await?;
    Ok(found.ok_or_else(not_found)?.terms.merchant)
}

/// As [`apply`], within a commit that may do more.
///
/// # Errors
///
/// As of [`apply`].
pub fn happen(
    tx: &dyn Tx,
    id: &PayoutId,
    event: PayoutEvent,
    now: Timestamp,
) -> Result<Payout, Problem> {
    let before = tx.payout(id)?.ok_or_else(not_found)?;
    let version = before.version;
    let step = payout::step(before, event, now)?;
    if step.payout.version == version {
        return Ok(step.payout);
    }
    tx.update_payout(&step.payout)?;
    let payout = follow(tx, step, now)?;
    closing::close_if_ended(tx, &payout, now)?;
    Ok(payout)
}

/// Writes what comes of a step whose payout is written: postings, events and tasks.
///
/// # Errors
///
/// [`StoreError`].
pub fn follow(tx: &dyn Tx, step: PayoutStep, now: Timestamp) -> Result<Payout, StoreError> {
    let PayoutStep { payout, entries, effects } = step;
    let id = &payout.terms.id;
    for entry in &entries {
        gateway::book(tx, &id.clone().into(), entry, now)?;
    }
    let told = effects.iter().filter(|it| matches!(it, PayoutEffect::Notify(_))).count();
    let mut sequence = payout.notices - u32::try_from(told).unwrap_or(payout.notices);
    for effect in effects {
        let due = match effect {
            PayoutEffect::Wake => payout.terms.not_before,
            PayoutEffect::Watch => now.plus_secs(FIRST_WATCH_SECS),
            PayoutEffect::Send => now,
            PayoutEffect::Notify(notice) => {
                sequence += 1;
                tell(tx, &payout, notice, sequence, now)?;
                continue;
            }
        };
        tx.schedule(&Task::Payout { payout: id.clone(), what: effect }, due)?;
    }
    Ok(payout)
}

/// Puts into words, once, what the merchant is told of a payout.
fn tell(
    tx: &dyn Tx,
    payout: &Payout,
    notice: PayoutNotice,
    sequence: u32,
    now: Timestamp,
) -> Result<(), StoreError> {
    let happened = Happened {
        merchant: &payout.terms.merchant,
        subject: Subject::Payout(&payout.terms.id, sequence),
        event_type: notice.event_type(),
        data: PayoutEventData { payout: views::payout(payout) },
    };
    record::deliver(tx, happened, now)
}

/// There is no such payout, or it is another merchant's.
pub fn not_found() -> Problem {
    Problem::new(Code::PayoutNotFound, "there is no such payout among the merchant's")
}

/// There is no such receiver, or it is another merchant's.
fn no_receiver() -> Problem {
    Problem::new(Code::ReceiverNotFound, "there is no such receiver among the merchant's")
}
