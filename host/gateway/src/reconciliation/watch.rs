//! Fetches the bills of channels that give them, reconciles each day, and counts what is open. What is to
//! be done follows from what the store has, so that nothing is lost by a restart.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lezai_channels::channel::{BillFetched, Channel};
use lezai_core::funds::date::Date;
use lezai_core::time::Timestamp;
use lezai_reconcile::class::Class;
use lezai_store as store;
use tokio::sync::watch;

use super::bills::{self, FETCHED};
use super::{DAY_MS, period, runs};
use crate::gateway::{Gateway, unanswered};
use crate::metrics::DifferenceLabel;
use lezai_wire::problem::Problem;

/// So often it is looked what is to be done: a store that has done it answers from an index.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// So many days back a bill is asked for: longer outages are for the operator, who puts the bills.
const DAYS_BACK: i32 = 7;
/// A bill that is not there, or is refused, is asked for again after this.
const PAUSE_SECS: i64 = 1800;

/// A channel's day, and when it is tried again.
type Pauses = BTreeMap<(&'static str, Date), Timestamp>;

/// Watches until it is told to stop.
pub async fn run(gateway: Arc<Gateway>, mut stop: watch::Receiver<bool>) {
    let mut pauses = Pauses::new();
    while !*stop.borrow() {
        look(&gateway, &mut pauses).await;
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Does what is to be done now.
async fn look(gateway: &Gateway, pauses: &mut Pauses) {
    let now = gateway.node.clock.now();
    pauses.retain(|_, until| *until > now);
    for channel in gateway.channels.all() {
        let mut missing = 0;
        for day in due(&**channel, now) {
            if pauses.contains_key(&(channel.id(), day)) {
                missing += 1;
                continue;
            }
            if let Err(problem) = reconcile(gateway, &**channel, day).await {
                tracing::warn!(
                    channel = channel.id(), %day, code = problem.code().as_str(),
                    "a day is not reconciled yet"
                );
                pauses.insert((channel.id(), day), now.plus_secs(PAUSE_SECS));
                missing += 1;
            }
        }
        gateway.node.metrics.days_not_reconciled(channel.id(), missing);
    }
    count_open(gateway, now).await;
}

/// The days whose bill a channel has by now, the oldest first.
fn due(channel: &dyn Channel, now: Timestamp) -> impl Iterator<Item = Date> {
    let after = channel.bill_after_secs();
    let local = now.as_ms() + i64::from(channel.bill_offset_minutes()) * 60_000;
    let today = Date::parse("1970-01-01").ok().zip(i32::try_from(local.div_euclid(DAY_MS)).ok());
    let days = (1..=DAYS_BACK).rev().filter_map(move |back| {
        let (epoch, days) = today?;
        Some(epoch.plus_days(days - back))
    });
    let ends: Vec<(Date, Timestamp)> = days.map(|day| (day, period(channel, day).1)).collect();
    ends.into_iter()
        .filter(move |(_, end)| after.is_some_and(|secs| end.plus_secs(secs) <= now))
        .map(|(day, _)| day)
}

/// Fetches and reconciles a day, unless that is done, or nothing was booked at all by then.
async fn reconcile(gateway: &Gateway, channel: &dyn Channel, day: Date) -> Result<(), Problem> {
    let (id, end) = (channel.id(), period(channel, day).1);
    let (bill, done, booked) = store::read(&gateway.node.store, move |view| {
        let done = view.last_reconciliation(id, day)?.is_some();
        let booked = done || view.entries_before(end)?.iter().any(|it| *it > 0);
        // The bytes of a bill are read only if they are needed.
        let bill = !done && booked && view.bill(id, day)?.is_some();
        Ok((bill, done, booked))
    })
    .await?;
    if done || !booked {
        return Ok(());
    }
    if !bill {
        match channel.bill(day).await.map_err(unanswered)? {
            BillFetched::Bill(bytes) => {
                bills::put(gateway, id, day, bytes, FETCHED).await?;
            }
            BillFetched::Creating => {
                let detail = "the channel is still making its bill".to_owned();
                return Err(Problem::new(lezai_wire::problem::Code::BillNotFound, detail));
            }
        }
    }
    let run = runs::run(gateway, id, day).await?;
    if run.open > 0 {
        tracing::warn!(channel = id, %day, open = run.open, run = run.id, "a day has open differences");
    }
    Ok(())
}

/// Counts what is open, by channel, class and age: of each of them, so that none is missing where nothing
/// is open.
async fn count_open(gateway: &Gateway, now: Timestamp) {
    let open =
        store::read(&gateway.node.store, move |view| view.open_differences(now.plus_ms(-DAY_MS)));
    let open = match open.await {
        Ok(open) => open,
        Err(error) => {
            tracing::error!(%error, "open differences cannot be counted");
            return;
        }
    };
    let label = |channel: &str, class: &str, age| DifferenceLabel {
        channel: channel.to_owned(),
        class: class.to_owned(),
        age,
    };
    let mut counts = Vec::new();
    for channel in gateway.channels.all() {
        for class in Class::ALL.into_iter().filter(|it| *it != Class::Matched) {
            counts
                .extend(["day", "older"].map(|age| (label(channel.id(), class.as_str(), age), 0)));
        }
    }
    for it in &open {
        counts.push((label(&it.channel, &it.class, "day"), it.count - it.old));
        counts.push((label(&it.channel, &it.class, "older"), it.old));
    }
    gateway.node.metrics.open_differences(counts.into_iter());
}
