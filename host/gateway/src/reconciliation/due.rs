//! A row that a rule waits for is due by its day, whether a run of that day came or not: a row whose other half nobody
//! looked for is no less open than one that was looked for.

use std::collections::BTreeMap;

use lezai_channels::channel::Channel;
use lezai_core::funds::date::Date;
use lezai_core::funds::difference::{DifferenceEvent, DifferenceState};
use lezai_core::id::DifferenceId;
use lezai_core::time::Timestamp;
use lezai_reconcile::rules::Rules;
use lezai_store as store;
use lezai_store::Scope;
use lezai_wire::problem::Problem;

use super::{DAY_MS, SURE_SECS, carried, period, resolving};
use crate::gateway::Gateway;

/// The most differences that one commit opens, so that it holds nobody up.
const OPENED_MAX: usize = 500;

/// Up to which day all that is due of a channel was opened.
#[derive(Default)]
pub(super) struct Known(BTreeMap<&'static str, Date>);

impl Known {
    /// Opens what is due of a channel, once for each of its days.
    ///
    /// # Errors
    ///
    /// `internal`, and the next look does it.
    pub(super) async fn look(
        &mut self,
        gateway: &Gateway,
        channel: &dyn Channel,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let Some(today) = reached(channel, now) else { return Ok(()) };
        if self.0.get(channel.id()) == Some(&today) {
            return Ok(());
        }
        let id = channel.id();
        let waiting =
            store::read(&gateway.node.store, move |view| view.expected_differences(id, today));
        let mut due: BTreeMap<Date, Vec<DifferenceId>> = BTreeMap::new();
        for it in waiting.await? {
            if let DifferenceState::Expected { rule } = &it.difference.state
                && it.day.plus_days(days_of(rule)) < today
            {
                due.entry(it.day).or_default().push(it.difference.id);
            }
        }
        for (day, due) in due {
            let mut opened = 0_usize;
            for some in due.chunks(OPENED_MAX) {
                opened += open(gateway, some.to_vec(), now).await?;
            }
            if opened > 0 {
                tracing::warn!(channel = id, %day, open = opened, "reconciliation.difference.opened");
            }
        }
        self.0.insert(id, today);
        Ok(())
    }
}

/// The first day of a channel that may still get a bill: of those before it a bill was due, and a channel that does
/// not tell whether it has one would be believed by now.
fn reached(channel: &dyn Channel, now: Timestamp) -> Option<Date> {
    let epoch = Date::parse("1970-01-01").ok()?;
    let (first, _) = period(channel, epoch);
    let sure = now.plus_secs(-channel.bill_after_secs() - SURE_SECS);
    let days = sure.as_ms().saturating_sub(first.as_ms()).div_euclid(DAY_MS);
    i32::try_from(days).ok().map(|days| epoch.plus_days(days))
}

/// For how many days behind its own a rule waits for a row.
fn days_of(rule: &str) -> i32 {
    let days_in = |rules: &Rules| {
        rules.list().iter().find(|it| it.name == rule).and_then(|it| it.max_days).map(i32::from)
    };
    let at_bank = days_in(&Rules::at_bank()).map(|days| days.min(carried::BANK_DAYS));
    let days = || days_in(&Rules::default().and_late()).map(|days| days.min(carried::DAYS));
    at_bank.or_else(days).unwrap_or(carried::DAYS)
}

/// Opens those that still wait, and says how many they were.
async fn open(gateway: &Gateway, due: Vec<DifferenceId>, now: Timestamp) -> Result<usize, Problem> {
    store::write(&gateway.node.store, Scope::Gateway, move |tx| {
        let mut opened = 0;
        for id in &due {
            let Some(record) = tx.difference(id)? else { continue };
            // A run may have found its other half meanwhile.
            if matches!(record.difference.state, DifferenceState::Expected { .. }) {
                resolving::happen(tx, record, DifferenceEvent::Due, now)?;
                opened += 1;
            }
        }
        Ok(opened)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_due_when_its_rule_waits_no_more() {
        for (rule, days) in [
            ("cut_off", 1),
            ("in_flight_here", 3),
            ("in_flight_there", 3),
            ("on_its_way", 10),
            ("arrived_later", 10),
            ("not_due", 10),
            ("gone", 3),
        ] {
            assert_eq!(days_of(rule), days, "{rule}");
        }
    }
}
