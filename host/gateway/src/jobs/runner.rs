//! Claims what is due and performs it, until it is told to stop.

use std::sync::Arc;
use std::time::Duration;

use lezai_core::funds::payout::PayoutEvent;
use lezai_core::id::OrderId;
use lezai_core::order::Event;
use lezai_store as store;
use lezai_store::{DueTask, Lane, Scope, StoreError, Task, Tx};
use lezai_traces::Kind;
use lezai_wire::problem::Problem;
use tokio::sync::{Semaphore, watch::Receiver};
use tokio::task::JoinSet;

use super::{Done, Job, Turn, prune, registry};
use crate::callbacks::sender::backoff_secs;
use crate::funds;
use crate::gateway::Gateway;
use crate::metrics::OutcomeLabel;
use crate::reconciliation::watch;

/// Longer than any task takes, as all of them have time-outs.
const LEASE_SECS: i64 = 60;
/// Tasks under way at once, of each lane.
const CONCURRENCY: usize = 64;
/// Statements that are made at once: each keeps a processor busy, and nobody waits for one.
const STATEMENTS_AT_ONCE: usize = 2;
/// A channel is asked this often, which takes a day: eight tries in the first quarter of an hour, and
/// then one every ten minutes.
const CHANNEL_POLLS_MAX: u32 = 150;
/// The worker looks for due tasks at least this often, should a wake be lost.
const IDLE: Duration = Duration::from_secs(5);

/// Works until it is told to stop, then finishes what is under way.
pub async fn run(gateway: Arc<Gateway>, stop: Receiver<bool>) {
    tokio::join!(
        work(&gateway, Lane::Orders, stop.clone()),
        work(&gateway, Lane::Callbacks, stop.clone()),
        work(&gateway, Lane::Statements, stop.clone()),
        work(&gateway, Lane::Payouts, stop.clone()),
        prune::tidy(&gateway, stop.clone()),
        watch::run(Arc::clone(&gateway), stop),
    );
}

async fn work(gateway: &Arc<Gateway>, lane: Lane, mut stop: Receiver<bool>) {
    let slots = Arc::new(Semaphore::new(match lane {
        Lane::Orders | Lane::Callbacks | Lane::Payouts => CONCURRENCY,
        Lane::Statements => STATEMENTS_AT_ONCE,
    }));
    let mut under_way = JoinSet::new();
    while !*stop.borrow() {
        let free = slots.available_permits();
        let tasks = match claim(gateway, lane, free).await {
            Ok(tasks) => tasks,
            Err(error) => {
                // Such as a full disk: what is due stays due, and asking without a pause helps nobody.
                tracing::error!(%error, lane = lane.as_str(), "cannot claim tasks");
                tokio::select! {
                    () = tokio::time::sleep(IDLE) => {}
                    _ = stop.changed() => {}
                }
                continue;
            }
        };
        let more = tasks.len() == free;
        for task in tasks {
            let Ok(permit) = Arc::clone(&slots).acquire_owned().await else { return };
            let gateway = Arc::clone(gateway);
            under_way.spawn(async move {
                perform(&gateway, task).await;
                drop(permit);
            });
        }
        while under_way.try_join_next().is_some() {}
        if more {
            // All slots are taken, or just became free: look again once one is.
            let _ = slots.acquire().await;
            continue;
        }
        let pause = until_due(gateway, lane).await;
        tokio::select! {
            () = gateway.node.cluster.wake.called(lane) => {}
            () = tokio::time::sleep(pause) => {}
            _ = stop.changed() => {}
        }
    }
    while under_way.join_next().await.is_some() {}
}

/// Takes up to `limit` due tasks of a lane for the length of a lease.
///
/// # Errors
///
/// [`StoreError`].
pub async fn claim(
    gateway: &Gateway,
    lane: Lane,
    limit: usize,
) -> Result<Vec<DueTask>, StoreError> {
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let now = gateway.node.clock.now();
    let due = store::read(&gateway.node.store, move |view| view.next_due(lane));
    if limit == 0 || due.await?.is_none_or(|due| due > now) {
        return Ok(Vec::new());
    }
    let lease_end = now.plus_secs(LEASE_SECS);
    let work = move |tx: &dyn Tx| tx.claim_tasks(lane, now, lease_end, limit);
    store::write(&gateway.node.store, Scope::Background, work).await
}

async fn until_due(gateway: &Gateway, lane: Lane) -> Duration {
    let due =
        store::read(&gateway.node.store, move |view| view.next_due(lane)).await.ok().flatten();
    let ms =
        due.map_or(i64::MAX, |due| due.as_ms().saturating_sub(gateway.node.clock.now().as_ms()));
    Duration::from_millis(u64::try_from(ms).unwrap_or_default()).min(IDLE)
}

/// Performs a task that was claimed, and notes how it ended.
pub async fn perform(gateway: &Gateway, due: DueTask) {
    let DueTask { number, task, tries } = due;
    let order = match &task {
        Task::Order { order, .. } => Some(order.clone()),
        Task::Payout { .. }
        | Task::Mandate { .. }
        | Task::CloseBatches { .. }
        | Task::PlanBatches { .. }
        | Task::MakeStatement { .. }
        | Task::PlanStatement { .. }
        | Task::ReturnPayment { .. }
        | Task::Deliver { .. } => None,
    };
    let work = gateway.traces.begin(format!("{} task", task.lane().as_str()), Kind::Task, None);
    let (job, turn) = (registry::job(task), Turn { gateway, tries });
    let done = match work {
        Some(work) => work.run(job.run(&turn), |done| told(tries, done)).await,
        None => job.run(&turn).await,
    };
    let done = done.unwrap_or_else(|problem| Done::Again {
        due: gateway.node.clock.now().plus_secs(backoff_secs(tries)),
        why: problem.code().as_str().to_owned(),
    });
    let done = match (order, done) {
        (Some(order), Done::Again { due, why }) if tries >= CHANNEL_POLLS_MAX => {
            match give_up(gateway, &order, &*job).await {
                Ok(true) => Done::Finished,
                Ok(false) | Err(_) => Done::Again { due, why },
            }
        }
        (None, Done::Again { due, why }) if tries >= CHANNEL_POLLS_MAX => {
            match job.payout_exhausted() {
                Some(payout) => {
                    let unresolved = funds::apply(gateway, payout.clone(), PayoutEvent::Unresolved);
                    match unresolved.await {
                        Ok(_) => Done::Finished,
                        Err(_) => Done::Again { due, why },
                    }
                }
                None => Done::Again { due, why },
            }
        }
        (_, done) => done,
    };
    let outcome = match &done {
        Done::Finished => "finished",
        Done::Again { .. } => "again",
        Done::PutOff { .. } => "put_off",
    };
    gateway.node.metrics.tasks.get_or_create(&OutcomeLabel { outcome }).inc();
    let noted = store::write(&gateway.node.store, Scope::Background, move |tx| match done {
        Done::Finished => tx.finish_task(number),
        Done::Again { due, why } => tx.postpone_task(number, due, &why),
        Done::PutOff { due } => tx.put_off_task(number, due),
    });
    if let Err(error) = noted.await {
        // The lease gives the task back.
        tracing::error!(%error, number, "cannot note how a task ended");
    }
}

/// The words of a trace about a task.
fn told(
    tries: u32,
    done: &Result<Done, Problem>,
) -> (Vec<(&'static str, lezai_traces::Value)>, Option<String>) {
    let (outcome, error) = match done {
        Ok(Done::Finished) => ("finished", None),
        Ok(Done::Again { why, .. }) => ("again", Some(why.clone())),
        Ok(_) => ("put_off", None),
        Err(problem) => ("again", Some(problem.code().as_str().to_owned())),
    };
    let tries = i64::from(tries).into();
    (vec![("lezai.outcome", outcome.into()), ("lezai.tries", tries)], error)
}

/// A channel had its time to say, and did not: a person must look. While the shopper may still
/// pay, a channel that waits for them is not silent.
async fn give_up(gateway: &Gateway, order: &OrderId, job: &dyn Job) -> Result<bool, Problem> {
    let Some(attention) = job.on_exhausted() else { return Ok(false) };
    let record = gateway.record(order.clone()).await?;
    let may_still_pay = gateway.node.clock.now() < record.order.terms.expires_at;
    if job.waits_for_shopper() && may_still_pay {
        return Ok(false);
    }
    tracing::error!(%order, what = ?attention, "the channel has not said in time: needs attention");
    gateway.apply(order.clone(), Event::Unresolved(attention)).await.map(|_| true)
}
