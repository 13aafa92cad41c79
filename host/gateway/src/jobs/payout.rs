//! Has a channel pay out, and asks what became of it; closes a merchant's settlement batches.

use lezai_channels::channel::{PayoutRequest, PayoutStatus};
use lezai_core::funds::payout::{PayoutEffect, PayoutEvent, PayoutState};
use lezai_core::id::{MerchantId, PayoutId};
use lezai_core::time::Timestamp;
use lezai_store as store;
use lezai_wire::problem::Problem;

use super::{Done, Job, Running, Turn};
use crate::funds::batches::{self, Closed};
use crate::funds::{self, FIRST_WATCH_SECS, apply};
use crate::gateway::{asked, unanswered};

/// For so long the channel is asked whether a payout came back: banks return within days.
const WATCH_SECS: i64 = 8 * 86_400;
/// The longest pause between two of these questions.
const WATCH_PAUSE_SECS: i64 = 6 * 3600;

/// An effect that is due for a payout.
pub(super) struct Payout {
    pub(super) payout: PayoutId,
    pub(super) what: PayoutEffect,
}

impl Job for Payout {
    fn run<'j>(&'j self, turn: &'j Turn<'_>) -> Running<'j> {
        let id = self.payout.clone();
        match self.what {
            PayoutEffect::Wake => Box::pin(async {
                apply(turn.gateway, id, PayoutEvent::Due).await.map(|_| Done::Finished)
            }),
            PayoutEffect::Send => Box::pin(send(turn, id)),
            PayoutEffect::Watch => Box::pin(watch(turn, id)),
            // Put into words when it was committed, and delivered as a task of its own.
            PayoutEffect::Notify(_) => Box::pin(async { Ok(Done::Finished) }),
        }
    }

    fn payout_exhausted(&self) -> Option<&PayoutId> {
        (self.what == PayoutEffect::Send).then_some(&self.payout)
    }
}

/// The close of which merchant's batches.
pub(super) struct CloseBatches {
    pub(super) merchant: MerchantId,
    pub(super) contract: u32,
    pub(super) cut_off: Timestamp,
}

impl Job for CloseBatches {
    fn run<'j>(&'j self, turn: &'j Turn<'_>) -> Running<'j> {
        Box::pin(async {
            let merchant = self.merchant.clone();
            let closed =
                batches::close(turn.gateway, merchant, self.contract, self.cut_off, turn.tries);
            closed.await.map(done)
        })
    }
}

/// The plan of which merchant's batches, after which cut-off.
pub(super) struct PlanBatches {
    pub(super) merchant: MerchantId,
    pub(super) contract: u32,
    pub(super) after: Timestamp,
}

impl Job for PlanBatches {
    fn run<'j>(&'j self, turn: &'j Turn<'_>) -> Running<'j> {
        Box::pin(async {
            let merchant = self.merchant.clone();
            let planned = batches::plan_again(turn.gateway, merchant, self.contract, self.after);
            planned.await.map(done)
        })
    }
}

fn done(closed: Closed) -> Done {
    match closed {
        Closed::Planned => Done::Finished,
        Closed::Later { due, why } => Done::Again { due, why },
    }
}

/// Has the channel pay; the payout's id keeps a repeat from being a second payout. That it is being
/// asked is committed before, so that nobody calls it off meanwhile.
async fn send(turn: &Turn<'_>, id: PayoutId) -> Result<Done, Problem> {
    let gateway = turn.gateway;
    let payout = apply(gateway, id.clone(), PayoutEvent::SendBegun).await?;
    if !matches!(payout.state, PayoutState::Sent { .. }) {
        return Ok(Done::Finished);
    }
    let terms = payout.terms;
    let channel = gateway
        .channels
        .get(&terms.channel)
        .ok_or_else(|| Problem::internal("the payout's channel is not there"))?;
    let known = match turn.tries {
        0 => PayoutStatus::Unknown,
        // A request that was not answered may have happened.
        _ => asked(channel, "query_payout", channel.query_payout(&id)).await?,
    };
    let standing = match known {
        PayoutStatus::Unknown => {
            let request = PayoutRequest {
                payout: id.clone(),
                amount: terms.amount,
                destination: terms.destination,
                description: terms.description,
            };
            asked(channel, "pay_out", channel.pay_out(request)).await?
        }
        known => known,
    };
    let Some(event) = heard(standing) else { return Ok(turn.later()) };
    let payout = apply(gateway, id, event).await?;
    // It spoke of another amount: a person looks, and it is asked on.
    if payout.is_open_at_channel() { Ok(turn.later()) } else { Ok(Done::Finished) }
}

/// Asks for some days whether what was paid came back.
async fn watch(turn: &Turn<'_>, id: PayoutId) -> Result<Done, Problem> {
    let gateway = turn.gateway;
    let wanted = id.clone();
    let payout = store::read(&gateway.node.store, move |view| view.payout(&wanted)).await?;
    let payout = payout.ok_or_else(funds::not_found)?;
    let PayoutState::Paid { at, .. } = payout.state else { return Ok(Done::Finished) };
    let now = gateway.node.clock.now();
    let over = now >= at.plus_secs(WATCH_SECS);
    if let Some(channel) = gateway.channels.get(&payout.terms.channel) {
        let standing = match channel.query_payout(&id).await {
            Err(_) if over => return Ok(Done::Finished),
            standing => standing.map_err(unanswered)?,
        };
        if let PayoutStatus::Returned { .. } | PayoutStatus::Failed { .. } = &standing
            && let Some(event) = heard(standing)
        {
            return apply(gateway, id, event).await.map(|_| Done::Finished);
        }
    }
    if over {
        return Ok(Done::Finished);
    }
    let pause = FIRST_WATCH_SECS << turn.tries.min(10);
    let due = now.plus_secs(pause.min(WATCH_PAUSE_SECS));
    Ok(Done::Again { due, why: "it may still come back".to_owned() })
}

/// The event that a channel's answer stands for; `None` if it does not know yet.
fn heard(standing: PayoutStatus) -> Option<PayoutEvent> {
    match standing {
        PayoutStatus::Unknown | PayoutStatus::Pending => None,
        PayoutStatus::Paid { amount, channel_ref } => {
            Some(PayoutEvent::Paid { amount, channel_ref })
        }
        PayoutStatus::Failed { code } => Some(PayoutEvent::Failed { code }),
        PayoutStatus::Returned { code } => Some(PayoutEvent::Returned { code }),
    }
}
