//! Has a channel debit under a mandate, and asks for some weeks whether a debit came back.

use lezai_channels::channel::{AttemptStatus, DebitRequest, Debited};
use lezai_core::id::{AttemptId, OrderId};
use lezai_core::order::{Attention, Event, State};
use lezai_store as store;
use lezai_wire::problem::Problem;

use super::{Done, Job, Running, Turn};
use crate::gateway::{FIRST_WATCH_SECS, asked, attempt_ref, unanswered};
use crate::mandates::not_found;

/// For so long the channel is asked whether a debit came back: a payer may object to one for eight weeks under the
/// rules of SEPA. What comes back later the channel tells, or its bill.
const WATCH_SECS: i64 = 60 * 86_400;
/// The longest pause between two of these questions.
const WATCH_PAUSE_SECS: i64 = 86_400;

/// Which attempt of which order to charge.
pub(super) struct Debit {
    pub(super) order: OrderId,
    pub(super) attempt: AttemptId,
}

impl Job for Debit {
    fn run<'j>(&'j self, turn: &'j Turn<'_>) -> Running<'j> {
        Box::pin(self.perform(turn))
    }

    fn on_exhausted(&self) -> Option<Attention> {
        Some(Attention::Payment { attempt: self.attempt.clone() })
    }

    /// It is asked for as long as its order is open.
    fn waits_for_shopper(&self) -> bool {
        true
    }
}

impl Debit {
    /// The attempt's number keeps a repeat from being a second debit. What came of it is the query's to say.
    async fn perform(&self, turn: &Turn<'_>) -> Result<Done, Problem> {
        let Self { order, attempt } = self;
        let gateway = turn.gateway;
        let record = gateway.record(order.clone()).await?;
        let is_open =
            matches!(&record.order.state, State::Paying { attempt: it, .. } if it == attempt);
        if !is_open {
            // It was called off, or it is known already.
            return Ok(Done::Finished);
        }
        let terms = &record.order.terms;
        let id = terms.mandate.clone();
        let id = id.ok_or_else(|| Problem::internal("a debit without a mandate"))?;
        let found = store::read(&gateway.node.store, move |view| view.mandate(&id)).await?;
        let mandate = found.ok_or_else(not_found)?;
        let agreed = mandate.agreed;
        let agreed = agreed.ok_or_else(|| Problem::internal("a debit that nobody agreed to"))?;
        let merchants = gateway.merchants.current();
        let merchant = merchants.get(&terms.merchant);
        let merchant = merchant.ok_or_else(|| Problem::internal("the order's merchant is gone"))?;
        let request = DebitRequest {
            attempt: attempt.clone(),
            mandate: mandate.terms.id,
            mandate_ref: agreed.channel_ref,
            amount: terms.amount,
            merchant_name: merchant.record.name.clone(),
            description: terms.description.clone(),
            begun_at: attempt_ref(&record, attempt)?.begun_at,
        };
        let channel = gateway.channel_of(&record, attempt)?;
        let channel = &*channel;
        match asked(channel, "debit", channel.debit(request)).await? {
            Debited::Taken => {}
            Debited::Refused { code } => {
                let declined = Event::Declined { attempt: attempt.clone(), code };
                return turn.apply(order, declined).await;
            }
        }
        // The query asks on; what is known at once need not wait for it.
        let reference = attempt_ref(&record, attempt)?;
        match channel.query(&reference).await {
            Ok(AttemptStatus::Unknown | AttemptStatus::Pending) | Err(_) => Ok(Done::Finished),
            Ok(known) => turn.apply_final_status(order, attempt, known).await,
        }
    }
}

/// Which attempt of which order to watch.
pub(super) struct WatchDebit {
    pub(super) order: OrderId,
    pub(super) attempt: AttemptId,
}

impl Job for WatchDebit {
    fn run<'j>(&'j self, turn: &'j Turn<'_>) -> Running<'j> {
        Box::pin(self.perform(turn))
    }
}

impl WatchDebit {
    async fn perform(&self, turn: &Turn<'_>) -> Result<Done, Problem> {
        let Self { order, attempt } = self;
        let gateway = turn.gateway;
        let record = gateway.record(order.clone()).await?;
        let State::Paid { captured, .. } = &record.order.state else { return Ok(Done::Finished) };
        if record.order.debit_return.is_some() {
            return Ok(Done::Finished);
        }
        let now = gateway.node.clock.now();
        let over = now >= captured.at.plus_secs(WATCH_SECS);
        let channel = gateway.channel_of(&record, attempt)?;
        let reference = attempt_ref(&record, attempt)?;
        let standing = match channel.query(&reference).await {
            Err(_) if over => return Ok(Done::Finished),
            standing => standing.map_err(unanswered)?,
        };
        if let AttemptStatus::DebitReturned { .. } = &standing {
            return turn.apply_final_status(order, attempt, standing).await;
        }
        if over {
            return Ok(Done::Finished);
        }
        let pause = FIRST_WATCH_SECS << turn.tries.min(11);
        let due = now.plus_secs(pause.min(WATCH_PAUSE_SECS));
        Ok(Done::Again { due, why: "it may still come back".to_owned() })
    }
}
