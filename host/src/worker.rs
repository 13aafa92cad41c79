//! Performs what was committed: asks channels, closes what expired, delivers callbacks.
//!
//! A task is claimed by moving its time to the end of a lease, so that a crash gives it back. It
//! may then be done twice; every receiver knows ours apart by attempt or event id.

use std::sync::Arc;
use std::time::Duration;

use lezai_core::id::{AttemptId, OrderId};
use lezai_core::order::{Effect, Event};
use lezai_core::time::Timestamp;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::callback::{self, Courier};
use crate::channel::Standing;
use crate::gateway::Gateway;
use crate::metrics::OutcomeLabel;
use crate::problem::{Code, Problem};
use crate::store::{self, DueTask, StoreError, Task};
use crate::{clock, idempotency};

/// Longer than any task takes, as all of them have time-outs.
const LEASE_SECS: i64 = 60;
/// Tasks under way at once.
const CONCURRENCY: usize = 64;
/// The worker looks for due tasks at least this often, should a wake be lost.
const IDLE: Duration = Duration::from_secs(5);
const PRUNE_EVERY_SECS: i64 = 60;

/// How a task ended.
pub enum Done {
    /// For good.
    Finished,
    /// To be tried again then.
    Again {
        /// When.
        due: Timestamp,
        /// Why, for the record.
        why: String,
    },
}

/// Works until it is told to stop, then finishes what is under way.
pub async fn run(gateway: Arc<Gateway>, courier: Courier, mut stop: watch::Receiver<bool>) {
    let slots = Arc::new(Semaphore::new(CONCURRENCY));
    let mut under_way = JoinSet::new();
    let courier = Arc::new(courier);
    let mut pruned = 0;
    while !*stop.borrow() {
        if clock::now().as_secs() - pruned >= PRUNE_EVERY_SECS {
            pruned = clock::now().as_secs();
            prune(&gateway).await;
        }
        let free = slots.available_permits();
        let tasks = match claim(&gateway, free).await {
            Ok(tasks) => tasks,
            Err(error) => {
                // Such as a full disk: what is due stays due, and asking without a pause helps nobody.
                tracing::error!(%error, "cannot claim tasks");
                tokio::time::sleep(IDLE).await;
                continue;
            }
        };
        let more = tasks.len() == free;
        for task in tasks {
            let Ok(permit) = Arc::clone(&slots).acquire_owned().await else { return };
            let (gateway, courier) = (Arc::clone(&gateway), Arc::clone(&courier));
            under_way.spawn(async move {
                perform(&gateway, &courier, task).await;
                drop(permit);
            });
        }
        while under_way.try_join_next().is_some() {}
        if more {
            // All slots are taken, or just became free: look again once one is.
            let _ = slots.acquire().await;
            continue;
        }
        let pause = until_due(&gateway).await;
        tokio::select! {
            () = gateway.wake.notified() => {}
            () = tokio::time::sleep(pause) => {}
            _ = stop.changed() => {}
        }
    }
    while under_way.join_next().await.is_some() {}
}

async fn claim(gateway: &Gateway, limit: usize) -> Result<Vec<DueTask>, StoreError> {
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let now = clock::now();
    if limit == 0
        || store::read(&gateway.store, |view| view.next_due()).await?.is_none_or(|due| due > now)
    {
        return Ok(Vec::new());
    }
    store::write(&gateway.store, move |tx| tx.claim_tasks(now, now.plus_secs(LEASE_SECS), limit))
        .await
}

async fn until_due(gateway: &Gateway) -> Duration {
    let due = store::read(&gateway.store, |view| view.next_due()).await.ok().flatten();
    let ms = due.map_or(i64::MAX, |due| due.as_ms() - clock::now().as_ms());
    Duration::from_millis(u64::try_from(ms).unwrap_or_default()).min(IDLE)
}

async fn perform(gateway: &Gateway, courier: &Courier, due: DueTask) {
    let DueTask { number, task, tries } = due;
    let done = match &task {
        Task::Order { order, what } => on_order(gateway, order.clone(), what.clone(), tries).await,
        Task::Deliver { event } => courier.deliver(gateway, event.clone(), tries).await,
    };
    let done = done.unwrap_or_else(|problem| Done::Again {
        due: clock::now().plus_secs(callback::backoff_secs(tries)),
        why: problem.code().as_str().to_owned(),
    });
    let outcome = match &done {
        Done::Finished => "finished",
        Done::Again { .. } => "again",
    };
    gateway.metrics.tasks.get_or_create(&OutcomeLabel { outcome }).inc();
    let noted = store::write(&gateway.store, move |tx| match done {
        Done::Finished => tx.finish_task(number),
        Done::Again { due, why } => tx.postpone_task(number, due, &why),
    });
    if let Err(error) = noted.await {
        // The lease gives the task back.
        tracing::error!(%error, number, "cannot note how a task ended");
    }
}

async fn on_order(
    gateway: &Gateway,
    order: OrderId,
    what: Effect,
    tries: u32,
) -> Result<Done, Problem> {
    match what {
        Effect::Expire => match gateway.apply(order, Event::Expired).await {
            Ok(_) => Ok(Done::Finished),
            Err(problem) => Err(problem),
        },
        Effect::Query(attempt) => query(gateway, order, attempt, tries).await,
        Effect::Cancel(attempt) => {
            let record = gateway.record(order.clone()).await?;
            let standing = gateway.channel_of(&record, &attempt)?.cancel(&attempt).await;
            settle(gateway, order, attempt, standing.map_err(crate::gateway::unanswered)?).await
        }
        Effect::Return(attempt) => {
            let record = gateway.record(order.clone()).await?;
            let standing = gateway.channel_of(&record, &attempt)?.give_back(&attempt).await;
            let standing = standing.map_err(crate::gateway::unanswered)?;
            match standing {
                Standing::Returned => {
                    gateway.heard(order, attempt, standing).await.map(|()| Done::Finished)
                }
                _ => Err(Problem::new(
                    Code::ChannelUnavailable,
                    "the channel has not given the money back yet",
                )),
            }
        }
        // Put into words when it was committed, and delivered as a task of its own.
        Effect::Notify(_) => Ok(Done::Finished),
    }
}

/// Asks the channel of an attempt until it knows, for as long as it may still change its mind.
async fn query(
    gateway: &Gateway,
    order: OrderId,
    attempt: AttemptId,
    tries: u32,
) -> Result<Done, Problem> {
    let record = gateway.record(order.clone()).await?;
    let standing = gateway
        .channel_of(&record, &attempt)?
        .query(&attempt)
        .await
        .map_err(crate::gateway::unanswered)?;
    match standing {
        Standing::Unknown | Standing::Pending => {
            let due = clock::now().plus_secs(callback::backoff_secs(tries));
            Ok(Done::Again { due, why: "the channel does not know yet".to_owned() })
        }
        known => settle(gateway, order, attempt, known).await,
    }
}

/// What a channel said for good. An amount that is not the order's is for a person to look at: the
/// core refuses it, the log has an error, and the channel is asked again every ten minutes.
async fn settle(
    gateway: &Gateway,
    order: OrderId,
    attempt: AttemptId,
    standing: Standing,
) -> Result<Done, Problem> {
    gateway.heard(order, attempt, standing).await.map(|()| Done::Finished)
}

async fn prune(gateway: &Gateway) {
    let now = clock::now();
    let pruned = store::write(&gateway.store, move |tx| {
        tx.prune(now, now.plus_secs(-idempotency::RETENTION_SECS))?;
        tx.waiting_tasks()
    });
    match pruned.await {
        Ok(waiting) => {
            gateway.metrics.waiting_tasks.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        }
        Err(error) => tracing::error!(%error, "cannot prune"),
    }
    gateway.hub.sweep();
    gateway.metrics.streams.set(i64::try_from(gateway.hub.streams()).unwrap_or(i64::MAX));
}
