//! Asks the channel of a mandate how it stands, for as long as that may change, ends it at its time, and tells the
//! channel of one that is over here.

use lezai_channels::channel::MandateStatus;
use lezai_core::funds::mandate::{MandateEffect, MandateEvent};
use lezai_core::id::MandateId;
use lezai_core::time::Timestamp;
use lezai_store as store;
use lezai_wire::problem::Problem;

use super::{Done, Job, Running, Turn};
use crate::callbacks::sender::backoff_secs;
use crate::gateway::asked;
use crate::mandates::not_found;
use crate::orders::mandates::{apply, channel_of, sign, sync};

/// An active mandate is asked about this often, should the shopper take it back and nobody tell.
const DAY_SECS: i64 = 86_400;

/// An effect that is due for a mandate.
pub(super) struct Mandate {
    pub(super) mandate: MandateId,
    pub(super) what: MandateEffect,
}

impl Job for Mandate {
    fn run<'j>(&'j self, turn: &'j Turn<'_>) -> Running<'j> {
        let id = self.mandate.clone();
        match self.what {
            MandateEffect::Ask => Box::pin(ask(turn, id)),
            MandateEffect::Withdraw => Box::pin(withdraw(turn, id)),
            // Put into words when it was committed, and delivered as a task of its own.
            MandateEffect::Notify(_) => Box::pin(async { Ok(Done::Finished) }),
        }
    }
}

async fn ask(turn: &Turn<'_>, id: MandateId) -> Result<Done, Problem> {
    let gateway = turn.gateway;
    let of = id.clone();
    let found = store::read(&gateway.node.store, move |view| view.mandate(&of)).await?;
    if found.ok_or_else(not_found)?.ends_at().is_none() {
        return Ok(Done::Finished);
    }
    // Before its time is over here, what the shopper did until then is heard.
    let (mut mandate, standing) = sync(gateway, id.clone()).await?;
    if standing == MandateStatus::Unknown {
        // The call that was to tell the channel of it got lost.
        mandate = sign(gateway, mandate).await?;
    }
    let now = gateway.node.clock.now();
    if mandate.ends_at().is_some_and(|end| now >= end) {
        let merchant = mandate.terms.merchant.clone();
        mandate = apply(gateway, merchant, id, MandateEvent::Due).await?;
    }
    let Some(end) = mandate.ends_at() else { return Ok(Done::Finished) };
    let pause = match standing {
        MandateStatus::Active { .. } => DAY_SECS,
        _ => backoff_secs(turn.tries),
    };
    Ok(again(now.plus_secs(pause).min(end)))
}

fn again(due: Timestamp) -> Done {
    Done::Again { due, why: "the mandate may still change".to_owned() }
}

/// A channel that is told of a mandate which is over does not have it agreed to or debited any more.
async fn withdraw(turn: &Turn<'_>, id: MandateId) -> Result<Done, Problem> {
    let gateway = turn.gateway;
    let of = id.clone();
    let found = store::read(&gateway.node.store, move |view| view.mandate(&of)).await?;
    let channel = channel_of(gateway, &found.ok_or_else(not_found)?)?;
    let standing = asked(&*channel, "revoke_mandate", channel.revoke_mandate(&id)).await?;
    match standing {
        MandateStatus::Revoked | MandateStatus::Declined { .. } => Ok(Done::Finished),
        MandateStatus::Unknown | MandateStatus::Pending | MandateStatus::Active { .. } => {
            Ok(turn.later())
        }
    }
}
