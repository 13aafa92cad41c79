//! Performs what was committed: asks channels, closes what expired, delivers callbacks.
//!
//! A task is claimed by moving its time to the end of a lease, so that a crash gives it back. It
//! may then be done twice; every receiver knows ours apart by attempt or event id.

use std::sync::Arc;
use std::time::Duration;

use lezai_core::id::{AttemptId, OrderId, RefundId};
use lezai_core::order::{Attention, Effect, Event, RefundState, State};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::callbacks::sender::{Delivery, backoff_secs};
use crate::events;
use crate::gateway::{Gateway, unanswered};
use crate::idempotency;
use crate::metrics::OutcomeLabel;
use lezai_channels::channel::{
    CaptureRequest, Channel, GiveBackRequest, RefundRequest, RefundStanding, Standing,
};
use lezai_store as store;
use lezai_store::{DueTask, Lane, StoreError, Task};
use lezai_wire::problem::{Code, Problem};

/// Longer than any task takes, as all of them have time-outs.
const LEASE_SECS: i64 = 60;
/// Tasks under way at once, of each lane.
const CONCURRENCY: usize = 64;
/// A channel is asked this often, which takes a day: eight tries in the first quarter of an hour, and
/// then one every ten minutes.
const PATIENCE_TRIES: u32 = 150;
/// The worker looks for due tasks at least this often, should a wake be lost.
const IDLE: Duration = Duration::from_secs(5);
/// Faster than rows grow old at the busiest.
const PRUNE_EVERY: Duration = Duration::from_secs(2);

/// Works until it is told to stop, then finishes what is under way.
pub async fn run(gateway: Arc<Gateway>, stop: watch::Receiver<bool>) {
    tokio::join!(
        work(&gateway, Lane::Orders, stop.clone()),
        work(&gateway, Lane::Callbacks, stop.clone()),
        tidy(&gateway, stop),
    );
}

async fn work(gateway: &Arc<Gateway>, lane: Lane, mut stop: watch::Receiver<bool>) {
    let slots = Arc::new(Semaphore::new(CONCURRENCY));
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
    store::write(&gateway.node.store, move |tx| tx.claim_tasks(lane, now, lease_end, limit)).await
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
    let done = match &task {
        Task::Order { order, what } => on_order(gateway, order.clone(), what.clone(), tries).await,
        Task::Deliver { event, round } => gateway.callbacks.deliver(event.clone(), *round).await,
    };
    let done = done.unwrap_or_else(|problem| Delivery::Again {
        due: gateway.node.clock.now().plus_secs(backoff_secs(tries)),
        why: problem.code().as_str().to_owned(),
    });
    let done = match (&task, done) {
        (Task::Order { order, what }, Delivery::Again { due, why }) if tries >= PATIENCE_TRIES => {
            match give_up(gateway, order, what).await {
                Ok(true) => Delivery::Finished,
                Ok(false) | Err(_) => Delivery::Again { due, why },
            }
        }
        (_, done) => done,
    };
    let outcome = match &done {
        Delivery::Finished => "finished",
        Delivery::Again { .. } => "again",
        Delivery::PutOff { .. } => "put_off",
    };
    gateway.node.metrics.tasks.get_or_create(&OutcomeLabel { outcome }).inc();
    let noted = store::write(&gateway.node.store, move |tx| match done {
        Delivery::Finished => tx.finish_task(number),
        Delivery::Again { due, why } => tx.postpone_task(number, due, &why),
        Delivery::PutOff { due } => tx.put_off_task(number, due),
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
) -> Result<Delivery, Problem> {
    match what {
        Effect::Expire => match gateway.apply(order, Event::Expired).await {
            Ok(_) => Ok(Delivery::Finished),
            Err(problem) => Err(problem),
        },
        Effect::Release => {
            gateway.apply(order, Event::ReleaseDue).await.map(|_| Delivery::Finished)
        }
        Effect::Settle => {
            gateway.apply(order, Event::SettlementDue).await.map(|_| Delivery::Finished)
        }
        Effect::Capture(attempt) => capture(gateway, order, attempt, tries).await,
        Effect::Void(attempt) => void(gateway, order, attempt, tries).await,
        Effect::Refund(id) => refund(gateway, order, id, tries).await,
        Effect::Query(attempt) => query(gateway, order, attempt, tries).await,
        Effect::Cancel(attempt) => call_off(gateway, order, attempt).await,
        Effect::Return(attempt) => {
            let record = gateway.record(order.clone()).await?;
            let request = GiveBackRequest { attempt: attempt.clone(), number: 0 };
            let standing = gateway.channel_of(&record, &attempt)?.give_back(request).await;
            let standing = standing.map_err(unanswered)?;
            match standing {
                Standing::Returned => {
                    gateway.heard(order, attempt, standing).await.map(|()| Delivery::Finished)
                }
                _ => Err(Problem::new(
                    Code::ChannelUnavailable,
                    "the channel has not given the money back yet",
                )),
            }
        }
        // Put into words when it was committed, and delivered as a task of its own.
        Effect::Notify(_) => Ok(Delivery::Finished),
    }
}

/// Asks the channel of an attempt until it knows, for as long as it may still change its mind.
async fn query(
    gateway: &Gateway,
    order: OrderId,
    attempt: AttemptId,
    tries: u32,
) -> Result<Delivery, Problem> {
    let record = gateway.record(order.clone()).await?;
    let standing =
        gateway.channel_of(&record, &attempt)?.query(&attempt).await.map_err(unanswered)?;
    match standing {
        Standing::Unknown | Standing::Pending => Ok(later(gateway, tries)),
        Standing::Authorized { .. } => {
            gateway.heard(order.clone(), attempt.clone(), standing).await?;
            let record = gateway.record(order.clone()).await?;
            match &record.order.state {
                // The channel does in two steps what was asked of it in one.
                State::Paying { attempt: current, .. } if *current == attempt => {
                    Ok(later(gateway, tries))
                }
                state if state.payment().is_some_and(|it| it.attempt == attempt) => {
                    Ok(Delivery::Finished)
                }
                // Set aside for nothing: too late, or for a try that was given up.
                _ => call_off(gateway, order, attempt).await,
            }
        }
        known => settle(gateway, order, attempt, known).await,
    }
}

/// Tells the channel that an attempt is given up, which may be too late.
async fn call_off(
    gateway: &Gateway,
    order: OrderId,
    attempt: AttemptId,
) -> Result<Delivery, Problem> {
    let record = gateway.record(order.clone()).await?;
    let channel = gateway.channel_of(&record, &attempt)?;
    let standing = channel.cancel(&attempt).await.map_err(unanswered)?;
    settle(gateway, order, attempt, standing).await
}

/// Has the channel capture; a repeat is no second capture.
async fn capture(
    gateway: &Gateway,
    order: OrderId,
    attempt: AttemptId,
    tries: u32,
) -> Result<Delivery, Problem> {
    let record = gateway.record(order.clone()).await?;
    let State::Capturing { amount, .. } = &record.order.state else {
        return Ok(Delivery::Finished);
    };
    let number = record.order.channel_requests;
    let channel = gateway.channel_of(&record, &attempt)?;
    let standing = match standing_before(channel, &attempt, tries).await? {
        // What was not answered did happen.
        Some(paid @ Standing::Paid { .. }) => paid,
        _ => {
            let request = CaptureRequest { attempt: attempt.clone(), number, amount: *amount };
            channel.capture(request).await.map_err(unanswered)?
        }
    };
    match standing {
        Standing::Refused { code } => {
            let failed = Event::CaptureFailed { request: number, code };
            gateway.apply(order, failed).await.map(|_| Delivery::Finished)
        }
        Standing::Unknown | Standing::Pending | Standing::Authorized { .. } => {
            Ok(later(gateway, tries))
        }
        known => settle(gateway, order, attempt, known).await,
    }
}

/// Has the channel reverse a payment, or let go of what is set aside; a repeat is no second void.
async fn void(
    gateway: &Gateway,
    order: OrderId,
    attempt: AttemptId,
    tries: u32,
) -> Result<Delivery, Problem> {
    let record = gateway.record(order.clone()).await?;
    if !matches!(record.order.state, State::Voiding { .. }) {
        return Ok(Delivery::Finished);
    }
    let number = record.order.channel_requests;
    let channel = gateway.channel_of(&record, &attempt)?;
    let standing = match standing_before(channel, &attempt, tries).await? {
        Some(gone @ (Standing::Returned | Standing::Cancelled)) => gone,
        _ => {
            let request = GiveBackRequest { attempt: attempt.clone(), number };
            channel.give_back(request).await.map_err(unanswered)?
        }
    };
    match standing {
        Standing::Refused { code } => {
            let failed = Event::VoidFailed { request: number, code };
            gateway.apply(order, failed).await.map(|_| Delivery::Finished)
        }
        Standing::Returned | Standing::Cancelled | Standing::Declined { .. } => {
            settle(gateway, order, attempt, standing).await
        }
        Standing::Unknown
        | Standing::Pending
        | Standing::Authorized { .. }
        | Standing::Paid { .. } => Ok(later(gateway, tries)),
    }
}

/// How an attempt stands, asked only where an earlier call may have done something unheard.
async fn standing_before(
    channel: &dyn Channel,
    attempt: &AttemptId,
    tries: u32,
) -> Result<Option<Standing>, Problem> {
    if tries == 0 {
        return Ok(None);
    }
    channel.query(attempt).await.map(Some).map_err(unanswered)
}

/// Has the channel refund; the refund's id keeps a repeat from being a second refund.
async fn refund(
    gateway: &Gateway,
    order: OrderId,
    id: RefundId,
    tries: u32,
) -> Result<Delivery, Problem> {
    let record = gateway.record(order.clone()).await?;
    let (Some(refund), Some(payment)) = (record.order.refund(&id), record.order.state.payment())
    else {
        return Err(Problem::internal("a refund without a payment"));
    };
    if refund.state != RefundState::Pending {
        return Ok(Delivery::Finished);
    }
    let channel = gateway.channel_of(&record, &payment.attempt)?;
    let known = match tries {
        0 => RefundStanding::Unknown,
        _ => channel.query_refund(&id).await.map_err(unanswered)?,
    };
    let standing = match known {
        RefundStanding::Unknown => {
            let attempt = payment.attempt.clone();
            let request = RefundRequest { refund: id.clone(), attempt, amount: refund.amount };
            channel.refund(request).await.map_err(unanswered)?
        }
        known => known,
    };
    let event = match standing {
        RefundStanding::Unknown | RefundStanding::Pending => return Ok(later(gateway, tries)),
        RefundStanding::Succeeded => Event::RefundSucceeded(id),
        RefundStanding::Failed { code } => Event::RefundFailed { refund: id, code },
    };
    gateway.apply(order, event).await.map(|_| Delivery::Finished)
}

fn later(gateway: &Gateway, tries: u32) -> Delivery {
    let due = gateway.node.clock.now().plus_secs(backoff_secs(tries));
    Delivery::Again { due, why: "the channel does not know yet".to_owned() }
}

/// A channel had its time to say, and did not: a person must look. While the shopper may still
/// pay, a channel that waits for her is not silent.
async fn give_up(gateway: &Gateway, order: &OrderId, what: &Effect) -> Result<bool, Problem> {
    let attention = match what {
        Effect::Query(attempt) | Effect::Cancel(attempt) => {
            Attention::Payment { attempt: attempt.clone() }
        }
        Effect::Return(attempt) => Attention::Return { attempt: attempt.clone() },
        Effect::Capture(attempt) => Attention::Capture { attempt: attempt.clone() },
        Effect::Void(attempt) => Attention::Void { attempt: attempt.clone() },
        Effect::Refund(refund) => Attention::Refund { refund: refund.clone() },
        Effect::Expire | Effect::Release | Effect::Settle | Effect::Notify(_) => return Ok(false),
    };
    let record = gateway.record(order.clone()).await?;
    let may_still_pay = gateway.node.clock.now() < record.order.terms.expires_at;
    if matches!(what, Effect::Query(_)) && may_still_pay {
        return Ok(false);
    }
    tracing::error!(%order, ?what, "the channel has not said in time: needs attention");
    gateway.apply(order.clone(), Event::Unresolved(attention)).await.map(|_| true)
}

/// What a channel said for good.
async fn settle(
    gateway: &Gateway,
    order: OrderId,
    attempt: AttemptId,
    standing: Standing,
) -> Result<Delivery, Problem> {
    gateway.heard(order, attempt, standing).await.map(|()| Delivery::Finished)
}

async fn tidy(gateway: &Gateway, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        prune(gateway).await;
        tokio::select! {
            () = tokio::time::sleep(PRUNE_EVERY) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Forgets what is old enough.
pub async fn prune(gateway: &Gateway) {
    let wall = gateway.node.clock.wall();
    let keep_after = gateway.node.clock.now().plus_secs(-idempotency::RETENTION_SECS);
    let log_after = gateway.node.clock.now().plus_secs(-events::LOG_SECS);
    let pruned = store::write(&gateway.node.store, move |tx| {
        tx.prune(wall, keep_after)?;
        tx.prune_deliveries(log_after)
    })
    .await;
    let waiting = store::read(&gateway.node.store, |view| view.waiting_tasks()).await;
    if let Err(error) = pruned.and(waiting.map(|waiting| {
        gateway.node.metrics.waiting_tasks.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    })) {
        tracing::error!(%error, "cannot prune");
    }
    gateway.node.cluster.watchers.sweep();
    gateway
        .node
        .metrics
        .streams
        .set(i64::try_from(gateway.node.cluster.watchers.streams()).unwrap_or(i64::MAX));
}
