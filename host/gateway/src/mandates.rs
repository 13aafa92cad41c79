//! Work of commits on mandates: an event applied, an order of a debit that came to nothing counted no more, and a
//! merchant told. The core decides. What merchants ask for is in `orders::mandates`.

use lezai_core::funds::mandate::{
    self, Mandate, MandateEffect, MandateEvent, MandateNotice, MandateState, MandateStep,
};
use lezai_core::id::MandateId;
use lezai_core::order::{CloseReason, Order, State};
use lezai_core::time::Timestamp;
use lezai_store::{StoreError, Task, Tx};
use lezai_wire::problem::{Code, Problem};
use lezai_wire::time::rfc3339;
use serde::Serialize;
use utoipa::ToSchema;

use crate::events::record::{self, Happened, Subject};

/// The pause before a channel is first asked how a mandate stands: it tells by itself, as a rule.
const FIRST_ASK_SECS: i64 = 20;

/// A mandate.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MandateView {
    /// `mdt_…`, our id at the channel.
    pub id: String,
    /// Always `mandate`.
    pub object: &'static str,
    /// The merchant's own number.
    pub merchant_mandate_id: String,
    /// `pending`, `active`, `declined`, `revoked` or `expired`.
    pub status: &'static str,
    /// The text that the shopper agrees to.
    pub description: String,
    /// The most of each debit, in minor units of `currency`.
    pub max_amount: i64,
    /// ISO 4217.
    pub currency: &'static str,
    /// The bound of all debits of a period, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub period: Option<PeriodView>,
    /// The most that one debit can be now: nothing unless it is active.
    pub available_amount: i64,
    /// The channel that it is agreed at.
    pub channel: String,
    /// The method of its debits.
    pub method: String,
    /// Where the shopper agrees. Send them there while it is `pending`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub authorize_url: Option<String>,
    /// Where they go afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub return_url: Option<String>,
    /// How many debits were made under it.
    pub debits: u32,
    /// RFC 3339.
    pub created_at: String,
    /// Until when they may agree. RFC 3339.
    pub agree_by: String,
    /// From when on it is not debited any more. RFC 3339.
    pub expires_at: String,
    /// When they agreed. RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub activated_at: Option<String>,
    /// When it ended. RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub ended_at: Option<String>,
    /// Why it was declined, as a stable word.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub decline_code: Option<String>,
    /// The one who took it back: `merchant` or `payer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub revoked_by: Option<&'static str>,
}

/// The bound of all debits of a period. The first one begins when the shopper agrees.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct PeriodView {
    /// Its length, in days of 24 hours.
    pub days: u16,
    /// The most that is debited in each, in minor units.
    pub max_amount: i64,
}

/// The object that an event of a mandate is about.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MandateEventData {
    /// The mandate right after the event.
    pub mandate: MandateView,
}

/// A mandate as callers read it.
pub fn view(mandate: &Mandate, now: Timestamp) -> MandateView {
    let Mandate { terms, state, agreed, .. } = mandate;
    let (ended_at, decline_code, revoked_by) = match state {
        MandateState::Pending { .. } | MandateState::Active => (None, None, None),
        MandateState::Declined { code, at } => (Some(*at), Some(code.clone()), None),
        MandateState::Revoked { by, at } => (Some(*at), None, Some(by.as_str())),
        MandateState::Expired { at } => (Some(*at), None, None),
    };
    let authorize_url = match state {
        MandateState::Pending { authorize_url } => authorize_url.clone(),
        _ => None,
    };
    MandateView {
        id: terms.id.to_string(),
        object: "mandate",
        merchant_mandate_id: terms.merchant_mandate_id.clone(),
        status: state.status(),
        description: terms.description.clone(),
        max_amount: terms.max_amount.minor(),
        currency: terms.max_amount.currency().code(),
        period: terms.period.map(|it| PeriodView { days: it.days, max_amount: it.amount.minor() }),
        available_amount: mandate.available(now).minor(),
        channel: terms.channel.clone(),
        method: terms.method.clone(),
        authorize_url,
        return_url: terms.return_url.clone(),
        debits: mandate.debits,
        created_at: rfc3339(terms.created_at),
        agree_by: rfc3339(terms.agree_by),
        expires_at: rfc3339(terms.expires_at),
        activated_at: agreed.as_ref().map(|it| rfc3339(it.at)),
        ended_at: ended_at.map(rfc3339),
        decline_code,
        revoked_by,
    }
}

/// Lets something happen to a mandate, within a commit.
///
/// # Errors
///
/// The core's refusal as a problem; `mandate_not_found`.
pub fn happen(
    tx: &dyn Tx,
    id: &MandateId,
    event: MandateEvent,
    now: Timestamp,
) -> Result<Mandate, Problem> {
    let before = tx.mandate(id)?.ok_or_else(not_found)?;
    let version = before.version;
    let step = mandate::step(before, event, now)?;
    if step.mandate.version != version {
        tx.update_mandate(&step.mandate)?;
    }
    Ok(follow_step(tx, step, now)?)
}

/// Writes what comes of a step whose mandate is written: events and tasks.
///
/// # Errors
///
/// [`StoreError`].
pub fn follow_step(tx: &dyn Tx, step: MandateStep, now: Timestamp) -> Result<Mandate, StoreError> {
    let MandateStep { mandate, effects } = step;
    for what in effects {
        let due = match what {
            MandateEffect::Notify(notice) => {
                tell(tx, &mandate, notice, now)?;
                continue;
            }
            MandateEffect::Ask => now.plus_secs(FIRST_ASK_SECS),
            MandateEffect::Withdraw => now,
        };
        let mandate = mandate.terms.id.clone();
        tx.schedule(&Task::Mandate { mandate, what }, due)?;
    }
    Ok(mandate)
}

/// Keeps up what changes with an order: a debit that its channel declined counts in its mandate's period no more. One
/// that is called off still counts: it may be charged before the channel hears of that.
///
/// # Errors
///
/// [`StoreError`].
pub fn follow(tx: &dyn Tx, before: &Order, after: &Order) -> Result<(), StoreError> {
    let is_declined =
        |order: &Order| matches!(order.state, State::Closed { reason: CloseReason::Declined, .. });
    let Some(id) =
        after.terms.mandate.as_ref().filter(|_| is_declined(after) && !is_declined(before))
    else {
        return Ok(());
    };
    let missing = || StoreError::Damaged(format!("{} has no mandate", after.terms.id));
    let mandate = tx.mandate(id)?.ok_or_else(missing)?;
    let counted = mandate.given_back(after.terms.amount, after.terms.created_at);
    match counted.version == mandate.version {
        true => Ok(()),
        false => tx.update_mandate(&counted),
    }
}

/// Puts into words, once, what the merchant is told of a mandate.
fn tell(
    tx: &dyn Tx,
    mandate: &Mandate,
    notice: MandateNotice,
    now: Timestamp,
) -> Result<(), StoreError> {
    let happened = Happened {
        merchant: &mandate.terms.merchant,
        subject: Subject::Named(mandate.terms.id.as_str()),
        event_type: notice.event_type(),
        data: MandateEventData { mandate: view(mandate, now) },
    };
    record::deliver(tx, happened, now)
}

/// There is no such mandate, or it is another merchant's.
pub fn not_found() -> Problem {
    Problem::new(Code::MandateNotFound, "there is no such mandate among the merchant's")
}
