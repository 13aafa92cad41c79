//! What the worker does for payouts: has channels pay, and asks what became of it.

use lezai_core::funds::payout::{PayoutEffect, PayoutEvent, PayoutState};
use lezai_core::id::PayoutId;

use super::apply;
use crate::callbacks::sender as callback;
use crate::gateway::{Gateway, unanswered};
use crate::jobs::Done;
use lezai_channels::channel::{PayoutRequest, PayoutStanding};
use lezai_store as store;
use lezai_wire::problem::Problem;

/// For so long the channel is asked whether a payout came back: banks return within days.
const WATCH_SECS: i64 = 8 * 86_400;
/// The longest pause between two of these questions.
const WATCH_PAUSE_SECS: i64 = 6 * 3600;

/// Performs an effect on a payout.
///
/// # Errors
///
/// Why it is to be tried again.
pub async fn on_payout(
    gateway: &Gateway,
    id: PayoutId,
    what: PayoutEffect,
    tries: u32,
) -> Result<Done, Problem> {
    match what {
        PayoutEffect::Wake => {
            apply(gateway, id, PayoutEvent::Due).await.map(|_| Done::Finished)
        }
        PayoutEffect::Send => send(gateway, id, tries).await,
        PayoutEffect::Watch => watch(gateway, id, tries).await,
        // Put into words when it was committed, and delivered as a task of its own.
        PayoutEffect::Notify(_) => Ok(Done::Finished),
    }
}

/// Has the channel pay; the payout's id keeps a repeat from being a second payout. That it is being
/// asked is committed before, so that nobody calls it off meanwhile.
async fn send(gateway: &Gateway, id: PayoutId, tries: u32) -> Result<Done, Problem> {
    let payout = apply(gateway, id.clone(), PayoutEvent::SendBegun).await?;
    if !matches!(payout.state, PayoutState::Sent { .. }) {
        return Ok(Done::Finished);
    }
    let terms = payout.terms;
    let channel = gateway
        .channel(&terms.channel)
        .ok_or_else(|| Problem::internal("the payout's channel is not there"))?;
    let known = match tries {
        0 => PayoutStanding::Unknown,
        // What was not answered may have happened.
        _ => channel.query_payout(&id).await.map_err(unanswered)?,
    };
    let standing = match known {
        PayoutStanding::Unknown => {
            let request = PayoutRequest {
                payout: id.clone(),
                amount: terms.amount,
                destination: terms.destination,
                description: terms.description,
            };
            channel.pay_out(request).await.map_err(unanswered)?
        }
        known => known,
    };
    let Some(event) = heard(standing) else { return Ok(later(gateway, tries)) };
    let payout = apply(gateway, id, event).await?;
    // It spoke of another amount: a person looks, and it is asked on.
    if payout.is_open_at_channel() { Ok(later(gateway, tries)) } else { Ok(Done::Finished) }
}

/// Asks for some days whether what was paid came back.
async fn watch(gateway: &Gateway, id: PayoutId, tries: u32) -> Result<Done, Problem> {
    let wanted = id.clone();
    let payout = store::read(&gateway.store, move |view| view.payout(&wanted)).await?;
    let payout = payout.ok_or_else(super::not_found)?;
    let PayoutState::Paid { at, .. } = payout.state else { return Ok(Done::Finished) };
    let now = gateway.clock.now();
    let over = now >= at.plus_secs(WATCH_SECS);
    if let Some(channel) = gateway.channel(&payout.terms.channel) {
        let standing = match channel.query_payout(&id).await {
            Err(_) if over => return Ok(Done::Finished),
            standing => standing.map_err(unanswered)?,
        };
        if let PayoutStanding::Returned { .. } | PayoutStanding::Failed { .. } = &standing
            && let Some(event) = heard(standing)
        {
            return apply(gateway, id, event).await.map(|_| Done::Finished);
        }
    }
    if over {
        return Ok(Done::Finished);
    }
    let pause = super::FIRST_WATCH_SECS << tries.min(10);
    let due = now.plus_secs(pause.min(WATCH_PAUSE_SECS));
    Ok(Done::Again { due, why: "it may still come back".to_owned() })
}

/// What a channel's word comes to; `None` if it does not know yet.
fn heard(standing: PayoutStanding) -> Option<PayoutEvent> {
    match standing {
        PayoutStanding::Unknown | PayoutStanding::Pending => None,
        PayoutStanding::Paid { amount, channel_ref } => {
            Some(PayoutEvent::Paid { amount, channel_ref })
        }
        PayoutStanding::Failed { code } => Some(PayoutEvent::Failed { code }),
        PayoutStanding::Returned { code } => Some(PayoutEvent::Returned { code }),
    }
}

fn later(gateway: &Gateway, tries: u32) -> Done {
    let due = gateway.clock.now().plus_secs(callback::backoff_secs(tries));
    Done::Again { due, why: "the channel does not know yet".to_owned() }
}

/// A channel had its time to say what became of a payout, and did not: a person must look. Whether that
/// ends the task.
///
/// # Errors
///
/// As of [`apply`].
pub async fn give_up(
    gateway: &Gateway,
    id: &PayoutId,
    what: &PayoutEffect,
) -> Result<bool, Problem> {
    if *what != PayoutEffect::Send {
        return Ok(false);
    }
    apply(gateway, id.clone(), PayoutEvent::Unresolved).await.map(|_| true)
}

