//! Rows that the days before left without their other half are looked for in the next bills: a late row pairs there, and
//! what was expected and does not come is a difference.
//!
//! The rows are carried into the run as further files of both sides, so that its sums are those of all that was
//! held against each other. The run names the differences that it carried, and carries the same when it is made
//! again, whatever became of them meanwhile.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use lezai_core::funds::date::Date;
use lezai_core::funds::difference::{DifferenceEvent, DifferenceState};
use lezai_core::id::{DifferenceId, ReconciliationId};
use lezai_reconcile::amount;
use lezai_reconcile::class::Class;
use lezai_reconcile::movement::Kind;
use lezai_reconcile::report::Between;
use lezai_reconcile::rules;
use lezai_store::bills::{DifferenceRecord, ReconciliationRecord};
use lezai_store::{StoreError, View};
use serde_json::Value;

use super::expected::HEADER;

/// So many days a row is looked for: the longest that the rules wait for what is late or in flight. A run keeps at
/// most [`super::found::DIFFERENCES_MAX`] rows of its own, so that bounds what is carried, and none is left out.
pub(super) const DAYS: i32 = 3;
/// So many days a withdrawal is looked for at the bank: as long as the rule waits for it.
pub(super) const BANK_DAYS: i32 = rules::BANK_DAYS as i32;

/// The two sides, by their names in a difference.
const SIDES: [&str; 2] = ["theirs", "ours"];

/// For how many days behind its own a row is looked for, by what it is between.
fn days_of(between: &str) -> i32 {
    if between == Between::BankAndFunds.as_str() { BANK_DAYS } else { DAYS }
}

/// The other sides of a day, beside its bill of trades.
#[derive(Clone, Copy)]
pub(super) struct Has {
    pub(super) funds: bool,
    /// Beside a bill of funds: without that nothing is held against it.
    pub(super) bank: bool,
}

impl Has {
    pub(super) fn of(run: &ReconciliationRecord) -> Self {
        Self { funds: run.funds.is_some(), bank: run.bank.is_some() }
    }

    /// Whether something is held against each other that this row is between.
    fn holds(self, record: &DifferenceRecord) -> bool {
        // With a bank's statement, withdrawals are between that and the bill of funds.
        let is_withdrawal = SIDES
            .iter()
            .any(|side| record.found[*side]["kind"].as_str().is_some_and(is_withdrawal));
        match &*record.between {
            it if it == Between::FundsAndTrades.as_str() => {
                self.funds && !(self.bank && is_withdrawal)
            }
            it if it == Between::BankAndFunds.as_str() => self.bank,
            _ => true,
        }
    }
}

fn is_withdrawal(kind: &str) -> bool {
    Kind::ALL.iter().any(|it| it.is_withdrawal() && it.as_str() == kind)
}

/// The differences that the days before a day left alone, and that may pair now: open, proposed, expected, or
/// paired by the last run of the day itself. Without a bill of funds nothing is held against that of trades, so a
/// row between the two waits on, and without a bank's statement so does a withdrawal.
pub(super) fn waiting<V: View + ?Sized>(
    view: &V,
    channel: &str,
    day: Date,
    last: Option<&ReconciliationRecord>,
    has: Has,
) -> Result<Vec<DifferenceRecord>, StoreError> {
    let days = if has.bank { BANK_DAYS } else { DAYS };
    let found = view.unsettled_differences(channel, day.plus_days(-days), day)?;
    let is_free = |it: &DifferenceRecord| match &it.difference.state {
        DifferenceState::Paired { run } => last.is_some_and(|last| last.id == *run),
        _ => true,
    };
    let is_carried = |it: &DifferenceRecord| {
        let sides = SIDES.iter().filter(|side| row(&it.found[**side], false).is_some()).count();
        let is_near = it.day >= day.plus_days(-days_of(&it.between));
        sides == 1 && is_near && has.holds(it) && it.class != Class::Unparsed.as_str()
    };
    Ok(found.into_iter().filter(|it| is_free(it) && is_carried(it)).collect())
}

/// Whether the days before changed since a run: something waits that the run did not carry, or what it carried
/// was taken the place of.
pub(super) fn is_stale<V: View + ?Sized>(
    view: &V,
    last: &ReconciliationRecord,
    waiting: &[DifferenceRecord],
) -> Result<bool, StoreError> {
    let carried: BTreeSet<&DifferenceId> = last.carried.iter().collect();
    let now: BTreeSet<&DifferenceId> = waiting.iter().map(|it| &it.difference.id).collect();
    if !now.is_subset(&carried) {
        return Ok(true);
    }
    for id in carried.difference(&now) {
        let record = view.difference(id)?;
        if record.is_none_or(|it| it.difference.state == DifferenceState::Superseded) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The differences that a run carries: those of the last run again if nothing else changed.
pub(super) fn of_run<V: View + ?Sized>(
    view: &V,
    channel: &str,
    day: Date,
    last: Option<&ReconciliationRecord>,
    has: Has,
    is_same: impl Fn(&ReconciliationRecord) -> bool,
) -> Result<Carried, StoreError> {
    let waiting = waiting(view, channel, day, last, has)?;
    let records = match last {
        Some(last) if is_same(last) && !is_stale(view, last, &waiting)? => {
            let again = |id: &DifferenceId| {
                let found = view.difference(id)?;
                found.ok_or_else(|| {
                    StoreError::Damaged(format!("{id}, which a run carried, is gone"))
                })
            };
            last.carried.iter().map(again).collect::<Result<_, _>>()?
        }
        _ => waiting,
    };
    Ok(Carried::new(records))
}

/// Differences carried into a run.
pub(super) struct Carried {
    records: Vec<DifferenceRecord>,
    /// The files, by what is compared and by the side.
    files: BTreeMap<(String, usize), File>,
    /// Where each record stands: its place in `records`, by comparison, side and line.
    places: BTreeMap<(String, usize, u64), usize>,
}

/// A file of rows, which knows how many lines it has.
struct File {
    text: String,
    lines: u64,
}

impl File {
    fn new() -> Self {
        Self { text: HEADER.to_owned(), lines: 1 }
    }

    /// The line on which the row is then. A reference has no line's end in it.
    fn push(&mut self, row: &str) -> u64 {
        self.text.push_str(row);
        self.lines += 1;
        self.lines
    }
}

/// The result of a run for one that it carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Became {
    /// The other half is there.
    Paired,
    /// It is not there, and a rule waits for it on.
    Expected,
    /// It is not there, and no rule waits for it.
    Open,
}

impl Became {
    /// The event of a difference that is in this state: none if it stays as it is. `Err` if a person or another
    /// run did something to it meanwhile, so that the run must be made anew.
    pub(super) fn event(
        self,
        state: &DifferenceState,
        run: &ReconciliationId,
    ) -> Result<Option<DifferenceEvent>, ()> {
        match (self, state) {
            (_, DifferenceState::Superseded) => Err(()),
            (
                Self::Paired,
                DifferenceState::Resolved { .. }
                | DifferenceState::Returning { .. }
                | DifferenceState::Cleared { .. },
            ) => Err(()),
            (Self::Paired, _) => Ok(Some(DifferenceEvent::Paired(run.clone()))),
            (Self::Open, DifferenceState::Expected { .. } | DifferenceState::Paired { .. })
            | (Self::Expected, DifferenceState::Paired { .. }) => Ok(Some(DifferenceEvent::Due)),
            _ => Ok(None),
        }
    }
}

impl Carried {
    fn new(records: Vec<DifferenceRecord>) -> Self {
        let mut files: BTreeMap<_, File> = BTreeMap::new();
        let mut places = BTreeMap::new();
        for (number, record) in records.iter().enumerate() {
            for (side, name) in SIDES.iter().enumerate() {
                // A withdrawal is told as the bank sees it, and was read as the bill of funds has it.
                let turned = side == 1 && record.between == Between::BankAndFunds.as_str();
                let Some(row) = row(&record.found[*name], turned) else { continue };
                let key = (record.between.clone(), side);
                let line = files.entry(key).or_insert_with(File::new).push(&row);
                places.insert((record.between.clone(), side, line), number);
            }
        }
        Self { records, files, places }
    }

    /// The ids, in their order.
    pub(super) fn ids(&self) -> Vec<DifferenceId> {
        self.records.iter().map(|it| it.difference.id.clone()).collect()
    }

    /// The files of a comparison: theirs and ours. None if nothing is carried into it, so that a run without
    /// such is as it always was.
    pub(super) fn files(&self, between: Between) -> Option<[String; 2]> {
        let of = |side| self.files.get(&(between.as_str().to_owned(), side));
        let files = [of(0), of(1)].map(|it| it.map(|it| it.text.clone()));
        files.iter().any(Option::is_some).then(|| files.map(|it| it.unwrap_or(HEADER.to_owned())))
    }

    /// Takes the carried that stayed alone out of a result: they are differences of their own days. Gives what
    /// became of each. The run of a day is the last that looks for a row [`days_of`] before it: whatever rule still
    /// waits for that row, it is open.
    pub(super) fn settle(&self, found: &mut Value, day: Date) -> Vec<(DifferenceId, Became)> {
        let mut became = vec![Became::Paired; self.records.len()];
        let mut open = 0_u64;
        if let Some(all) = found["differences"].as_array_mut() {
            all.retain(|it| {
                let Some(number) = self.alone(it) else { return true };
                let is_open = it["cleared_by"].is_null() && it["class"] != Class::Matched.as_str();
                let record = &self.records[number];
                let is_last = record.day <= day.plus_days(-days_of(&record.between));
                open += u64::from(is_open || is_last);
                // The neighbour's bill does not have it, so that a cut-off explains it no more.
                let is_in_flight = record.between == Between::BankAndFunds.as_str()
                    || SIDES.iter().any(|side| it[*side]["status"] == "pending");
                became[number] = match is_in_flight && !is_open && !is_last {
                    true => Became::Expected,
                    false => Became::Open,
                };
                false
            });
        }
        if !self.records.is_empty() {
            found["summary"]["carried"] = self.records.len().into();
            found["summary"]["carried_open"] = open.into();
        }
        self.ids().into_iter().zip(became).collect()
    }

    /// The place of the record that an outcome is alone of.
    fn alone(&self, outcome: &Value) -> Option<usize> {
        let between = outcome["between"].as_str()?;
        let (side, told) = match (&outcome["theirs"], &outcome["ours"]) {
            (theirs @ Value::Object(_), Value::Null) => (0, theirs),
            (Value::Null, ours @ Value::Object(_)) => (1, ours),
            _ => return None,
        };
        if !has_carried(outcome) {
            return None;
        }
        self.places.get(&(between.to_owned(), side, told["line"].as_u64()?)).copied()
    }
}

/// Whether one of the two sides that an outcome tells was carried. The first file is the day's own.
pub(super) fn has_carried(outcome: &Value) -> bool {
    SIDES.iter().any(|side| outcome[*side]["file"] == 1)
}

/// A side of a difference as a row of a file, if it is a movement; with the other sign if it is told turned.
fn row(side: &Value, turned: bool) -> Option<String> {
    let text = |name: &str| side[name].as_str();
    let reference = text("reference")?.replace('"', "\"\"");
    let minor = side["minor"].as_i64()?;
    let minor = if turned { minor.checked_neg()? } else { minor };
    let fee = side["fee_micro"].as_i64();
    let fee = fee.map(|it| amount::major(i128::from(it), amount::MICRO_DECIMALS));
    let mut row = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        row,
        "{},{},\"{reference}\",{minor},{},{},{}",
        text("at")?,
        text("kind")?,
        text("currency")?,
        fee.unwrap_or_default(),
        text("status")?
    );
    Some(row)
}
