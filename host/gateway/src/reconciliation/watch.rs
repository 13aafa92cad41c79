//! Fetches the bills of channels that give them, reconciles each day, and counts what is open. What is to
//! be done follows from what the store has, so that nothing is lost by a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use lezai_channels::channel::{BillFetched, Channel};
use lezai_core::funds::bill::BillKind;
use lezai_core::funds::date::Date;
use lezai_core::id::ReconciliationId;
use lezai_core::time::Timestamp;
use lezai_reconcile::class::Class;
use lezai_store as store;
use tokio::sync::watch;

use super::bills::{self, FETCHED};
use super::{DAY_MS, SURE_SECS, period, runs};
use super::{carried, due};
use crate::gateway::{Gateway, unanswered};
use crate::metrics::DifferenceLabel;
use lezai_wire::problem::{Code, Problem};

/// So often it is looked what is to be done: of days that are done it is looked only whether there are other runs.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// So many days back a bill is asked for: longer outages are for the operator, who puts the bills.
const DAYS_BACK: i32 = 7;
/// A bill that is not there, or is refused, is asked for again after this.
const PAUSE_SECS: i64 = 1800;

/// A channel's day that is not reconciled: when it is tried again, and whether it is missing.
type Pauses = BTreeMap<(&'static str, Date), (Timestamp, bool)>;

/// The watch's memory. All of it follows from the store: after a restart it looks at every day once more.
#[derive(Default)]
struct Memory {
    pauses: Pauses,
    done: BTreeMap<&'static str, DoneDays>,
    due: due::Known,
}

/// The runs of a channel's days, as far as what waits for them: from one day on, the last of each.
type LastRuns = (Date, Vec<(Date, ReconciliationId)>);

/// The days of a channel that are done, and stay so until there is another run: what a day carries comes from runs
/// alone, and a person only takes from it.
#[derive(Default)]
struct DoneDays {
    runs: Option<LastRuns>,
    days: BTreeSet<Date>,
}

impl DoneDays {
    /// Forgets the days if there are other runs than when they were looked at.
    fn as_of(&mut self, runs: LastRuns) {
        if self.runs.as_ref() != Some(&runs) {
            *self = Self { runs: Some(runs), days: BTreeSet::new() };
        }
    }
}

/// How a day stands.
enum Day {
    /// Reconciled, or nothing was booked at all by then.
    Done,
    /// No bill, and nothing booked at the channel: as far as is known, all agrees.
    Idle,
}

/// Watches until it is told to stop.
pub async fn run(gateway: Arc<Gateway>, mut stop: watch::Receiver<bool>) {
    let mut memory = Memory::default();
    while !*stop.borrow() {
        look(&gateway, &mut memory).await;
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Does what is to be done now.
async fn look(gateway: &Gateway, memory: &mut Memory) {
    let now = gateway.node.clock.now();
    memory.pauses.retain(|_, (until, _)| *until > now);
    for channel in gateway.channels.all() {
        let done = memory.done.entry(channel.id()).or_default();
        match look_at_days(gateway, &**channel, now, done, &mut memory.pauses).await {
            Ok(missing) => gateway.node.metrics.days_not_reconciled(channel.id(), missing),
            Err(problem) => {
                tracing::warn!(code = problem.code().as_str(), "the last runs cannot be read");
            }
        }
        if let Err(problem) = memory.due.look(gateway, &**channel, now).await {
            let (channel, code) = (channel.id(), problem.code().as_str());
            tracing::warn!(channel, code, "what is due cannot be opened yet");
        }
    }
    count_open(gateway, now).await;
}

/// Reconciles the days of a channel that are not done, and says how many are missing then.
async fn look_at_days(
    gateway: &Gateway,
    channel: &dyn Channel,
    now: Timestamp,
    done: &mut DoneDays,
    pauses: &mut Pauses,
) -> Result<i64, Problem> {
    let days: Vec<Date> = due(channel, now).collect();
    let Some((first, last)) = days.first().copied().zip(days.last().copied()) else { return Ok(0) };
    done.as_of(last_runs(gateway, channel, first, last).await?);
    let mut missing = 0;
    for day in days {
        if done.days.contains(&day) {
            continue;
        }
        let key = (channel.id(), day);
        if let Some((_, is_missing)) = pauses.get(&key) {
            missing += i64::from(*is_missing);
            continue;
        }
        let is_missing = match reconcile(gateway, channel, day).await {
            Ok(Day::Done) => {
                done.days.insert(day);
                continue;
            }
            Ok(Day::Idle) => false,
            Err(problem) => {
                tracing::warn!(
                    channel = channel.id(), %day, code = problem.code().as_str(),
                    "a day is not reconciled yet"
                );
                true
            }
        };
        pauses.insert(key, (now.plus_secs(PAUSE_SECS), is_missing));
        missing += i64::from(is_missing);
    }
    Ok(missing)
}

/// The last runs of some days, and of those around them whose rows these may carry, or which may have their rows.
async fn last_runs(
    gateway: &Gateway,
    channel: &dyn Channel,
    first: Date,
    last: Date,
) -> Result<LastRuns, Problem> {
    let (id, from) = (channel.id(), first.plus_days(-carried::BANK_DAYS));
    let before = last.plus_days(carried::BANK_DAYS);
    let runs =
        store::read(&gateway.node.store, move |view| view.last_runs(id, from, before)).await?;
    Ok((from, runs))
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
    let gives = !channel.bills().is_empty();
    let ends: Vec<(Date, Timestamp)> = days.map(|day| (day, period(channel, day).1)).collect();
    ends.into_iter()
        .filter(move |(_, end)| gives && end.plus_secs(after) <= now)
        .map(|(day, _)| day)
}

/// Fetches and reconciles a day, unless that is done, or nothing was booked at all by then. Without the bill of
/// funds the bill of trades is held against the books all the same, and both once it is there.
async fn reconcile(gateway: &Gateway, channel: &dyn Channel, day: Date) -> Result<Day, Problem> {
    let (id, end, kinds) = (channel.id(), period(channel, day).1, channel.bills());
    let (run, stale, missing) = store::read(&gateway.node.store, move |view| {
        let last = view.last_reconciliation(id, day)?;
        let stale = match &last {
            Some(last) => {
                let waiting = carried::waiting(view, id, day, Some(last), carried::Has::of(last))?;
                carried::is_stale(view, last, &waiting)?
            }
            None => false,
        };
        let by = |kind| match (&last, kind) {
            (Some(_), BillKind::Trades) => true,
            (Some(last), BillKind::Funds) => last.funds.is_some(),
            (Some(last), BillKind::Bank) => last.bank.is_some(),
            (None, _) => false,
        };
        let mut missing = Vec::new();
        let booked = last.is_some() || view.entries_before(end)?.iter().any(|it| *it > 0);
        // The bytes of a bill are read only if they are needed.
        for kind in kinds.iter().filter(|kind| booked && !by(**kind)) {
            missing.push((*kind, view.bill(id, *kind, day)?.is_some()));
        }
        Ok((last, stale, missing))
    })
    .await?;
    let (mut news, mut trades, mut absent, mut failed) = (stale, run.is_some(), false, None);
    for (kind, is_there) in missing {
        let fetched = match is_there {
            true => Ok(true),
            false => fetch(gateway, channel, kind, day).await,
        };
        match fetched {
            Ok(true) => (news, trades) = (true, trades || kind == BillKind::Trades),
            Ok(false) => absent = true,
            Err(problem) => failed = Some(problem),
        }
    }
    if news && trades {
        let run = runs::run(gateway, id, day).await?;
        if run.open > 0 {
            tracing::warn!(channel = id, %day, open = run.open, run = run.id, "reconciliation.difference.opened");
        }
    }
    match failed {
        Some(problem) => Err(problem),
        None if absent => Ok(Day::Idle),
        None => Ok(Day::Done),
    }
}

/// Fetches a day's bill and keeps it. `false` if there is none as yet, and none is missed.
async fn fetch(
    gateway: &Gateway,
    channel: &dyn Channel,
    kind: BillKind,
    day: Date,
) -> Result<bool, Problem> {
    let missing = |detail: &str| Err(Problem::new(Code::BillNotFound, detail));
    let bytes = match channel.bill(kind, day).await.map_err(unanswered)? {
        BillFetched::Bill(bytes) => bytes,
        BillFetched::Creating => return missing("the channel is still making its bill"),
        BillFetched::NotPermitted if kind == BillKind::Trades => {
            return missing("the channel does not give its bills to this account");
        }
        BillFetched::NotPermitted => return Ok(false),
        BillFetched::Absent(notice) => {
            let is_sure = is_sure(gateway, channel, day);
            // A bill of funds is never empty on a day with trades, however sure: without one there are two sides.
            if is_sure && kind == BillKind::Trades {
                notice
            } else if runs::has_movements(gateway, channel.id(), day).await? {
                return missing(
                    "the channel has no bill of a day on which the books have movements",
                );
            } else if is_sure {
                notice
            } else {
                return Ok(false);
            }
        }
    };
    bills::put(gateway, channel.id(), kind, day, bytes, FETCHED).await?;
    Ok(true)
}

/// Whether a bill that is not there will not come any more.
fn is_sure(gateway: &Gateway, channel: &dyn Channel, day: Date) -> bool {
    let due = period(channel, day).1.plus_secs(channel.bill_after_secs());
    gateway.node.clock.now() >= due.plus_secs(SURE_SECS)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_that_is_done_is_looked_at_again_once_there_is_another_run() {
        let day = |text| Date::parse(text).unwrap();
        let run = |n: u8| ReconciliationId::new(Timestamp::from_secs(1_795_000_000), [n; 10]);
        let runs = |n: u8| (day("2026-11-11"), vec![(day("2026-11-14"), run(n))]);
        let mut done = DoneDays::default();
        done.as_of(runs(1));
        done.days.insert(day("2026-11-14"));
        done.as_of(runs(1));
        assert!(done.days.contains(&day("2026-11-14")));
        for others in [runs(2), (day("2026-11-12"), runs(2).1), (day("2026-11-12"), Vec::new())] {
            done.days.insert(day("2026-11-14"));
            done.as_of(others);
            assert!(done.days.is_empty());
        }
    }
}
