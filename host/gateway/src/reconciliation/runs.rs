//! Runs: a day's bill is held against the books, and what differs is kept for a person.

use std::collections::BTreeSet;

use lezai_channels::number;
use lezai_core::digest::sha256_hex;
use lezai_core::funds::bill::BillKind;
use lezai_core::funds::date::Date;
use lezai_core::funds::difference::{DifferenceEvent, DifferenceState};
use lezai_core::id::{AttemptId, ReconciliationId};
use lezai_core::order::Evidence;
use lezai_reconcile::report::Between;
use lezai_reconcile::rules::Rules;
use lezai_reconcile::whole;
use lezai_store as store;
use lezai_store::bills::{
    BillRecord, DifferenceQuery, DifferenceRecord, EditionRecord, ReconciliationRecord,
};
use lezai_store::{Page, Scope, StoreError, View};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::carried::{self, Carried, Has};
use super::found::{check_count, differences, ten};
use super::views::{self, DifferenceView, ReconciliationView};
use super::{channel, expected, layouts, period_over, resolving};
use crate::gateway::Gateway;
use lezai_wire::page::List;
use lezai_wire::problem::{Code, Problem};
use lezai_wire::time::rfc3339;

/// So often a run is made when differences that it carries change under it.
const TRIES: u32 = 3;
/// Why a run is made again.
const CHANGED: &str = "a difference of a day before changed while the run was made";

/// Reconciles a channel's day: its bill of trades with the books, its bill of funds, if there is one, with its bill of
/// trades, and the bank's statement, if there is one, with its bill of funds. A run of the same bills with the same entries is the one that there is.
///
/// # Errors
///
/// `bill_not_found`, `bill_refused`; `not_found` for a channel that is not there; `invalid_field` for a
/// day that is not over.
pub async fn run(gateway: &Gateway, name: &str, day: Date) -> Result<ReconciliationView, Problem> {
    for _ in 0..TRIES {
        if let Some(run) = try_run(gateway, name, day).await? {
            return Ok(run);
        }
    }
    Err(Problem::internal("the differences of the days before change all the time"))
}

/// As [`run`]; none if what it carried changed while it ran.
async fn try_run(
    gateway: &Gateway,
    name: &str,
    day: Date,
) -> Result<Option<ReconciliationView>, Problem> {
    let channel = channel(gateway, name)?;
    let (from, to) = period_over(gateway, &*channel, day)?;
    let offset = lezai_reconcile::when::offset(channel.bill_offset_minutes());
    let id = name.to_owned();
    let sides = store::read(&gateway.node.store, move |view| {
        let Some(trades) = view.bill(&id, BillKind::Trades, day)? else { return Ok(None) };
        let funds = view.bill(&id, BillKind::Funds, day)?;
        // A bank has nothing in common with a bill of trades.
        let bank = match &funds {
            Some(_) => view.bill(&id, BillKind::Bank, day)?,
            None => None,
        };
        let (after, to) = (view.entries_before(from)?, view.entries_before(to)?);
        let ours = expected::movements(view, &*channel, &after, &to)?;
        let edition = |it: &(BillRecord, Vec<u8>)| EditionRecord {
            edition: it.0.edition,
            digest: it.0.digest.clone(),
            layout: it.0.layout.clone(),
        };
        let (of_funds, of_bank) = (funds.as_ref().map(edition), bank.as_ref().map(edition));
        let last = view.last_reconciliation(&id, day)?;
        let has = Has { funds: funds.is_some(), bank: bank.is_some() };
        let carried = carried::of_run(view, &id, day, last.as_ref(), has, |last| {
            let bills = (&last.bill_digest, &last.layout, &last.funds, &last.bank)
                == (&trades.0.digest, &trades.0.layout, &of_funds, &of_bank);
            bills && (&last.after_entries, &last.to_entries) == (&after, &to)
        })?;
        let others = [&funds, &bank].map(|it| it.as_ref().map(|it| &it.0.layout));
        let used = std::iter::once(&trades.0.layout).chain(others.into_iter().flatten());
        let layouts = layouts::options(view, used)?;
        let (funds, bank) = (funds.zip(of_funds), bank.zip(of_bank));
        Ok(Some(Sides { trades, funds, bank, layouts, after, to, ours, carried }))
    })
    .await?;
    let sides = sides.ok_or_else(|| {
        let detail = format!("there is no bill of {name} of {day}: put it, or wait for it");
        Problem::new(Code::BillNotFound, detail)
    })?;
    let options = json!({
        "from": rfc3339(from), "to": rfc3339(to), "offset": offset, "layouts": sides.layouts,
    });
    let (sides, found) = spawn_blocking(move || {
        let found = hold(&sides, &options);
        (sides, found)
    })
    .await
    .map_err(Problem::internal)?;
    let found = found.map_err(|why| match why {
        whole::NoResult::Refused { .. } | whole::NoResult::Creating(_) => {
            Problem::new(Code::BillRefused, why.to_string())
        }
        _ => Problem::internal(why),
    })?;
    keep(gateway, day, sides, found).await
}

/// Holds the bills of a day against each other and the books: an object with all differences, and with a summary
/// whose `funds` is that of the bill of funds, and whose `bank` that of the bank's statement.
fn hold(sides: &Sides, options: &Value) -> Result<Value, whole::NoResult> {
    let (_, trades) = &sides.trades;
    let with_bank = sides.bank.is_some();
    let both = |between, theirs: &[u8], ours: &[u8]| {
        let rules = match between {
            Between::BankAndFunds => Rules::at_bank(),
            Between::TradesAndBooks | Between::FundsAndTrades => Rules::default().and_late(),
        };
        let mut options = options.clone();
        options["rules"] = json!(rules.list());
        let options = options.to_string();
        let carried = sides.carried.files(between);
        let (mut theirs, mut ours) = (vec![theirs], vec![ours]);
        if let Some([more_theirs, more_ours]) = &carried {
            theirs.push(more_theirs.as_bytes());
            ours.push(more_ours.as_bytes());
        }
        whole::compare((between, with_bank), &theirs, &ours, options.as_bytes())
    };
    let mut found = both(Between::TradesAndBooks, trades, sides.ours.as_bytes())?;
    let funds = sides.funds.as_ref().map(|((_, bytes), _)| bytes);
    let bank = sides.bank.as_ref().map(|((_, bytes), _)| bytes);
    let others = [
        (Between::FundsAndTrades, funds.map(|funds| (funds, trades))),
        (Between::BankAndFunds, bank.zip(funds)),
    ];
    for (between, files) in others {
        let (Some((theirs, ours)), Some(member)) = (files, between.member()) else { continue };
        let mut next = both(between, theirs, ours)?;
        found["summary"][member] = next["summary"].take();
        if let (Some(all), Some(more)) =
            (found["differences"].as_array_mut(), next["differences"].as_array_mut())
        {
            all.append(more);
        }
    }
    Ok(found)
}

/// Whether the books have anything of a channel on a day that is over.
///
/// # Errors
///
/// As [`run`], but for those of the bill.
pub async fn has_movements(gateway: &Gateway, name: &str, day: Date) -> Result<bool, Problem> {
    let channel = channel(gateway, name)?;
    let (from, to) = period_over(gateway, &*channel, day)?;
    let ours = store::read(&gateway.node.store, move |view| {
        let (after, to) = (view.entries_before(from)?, view.entries_before(to)?);
        expected::movements(view, &*channel, &after, &to)
    });
    // The first line is the header.
    Ok(ours.await?.lines().nth(1).is_some())
}

/// A bill beside that of trades, and how the run names it.
type Held = ((BillRecord, Vec<u8>), EditionRecord);

/// The sides of a run.
struct Sides {
    trades: (BillRecord, Vec<u8>),
    funds: Option<Held>,
    bank: Option<Held>,
    /// The operator's layouts that the bills were read by.
    layouts: Vec<Value>,
    after: Vec<u64>,
    to: Vec<u64>,
    ours: String,
    carried: Carried,
}

/// Keeps what a run found, unless the last run of its day found just that. None if what it carried changed.
async fn keep(
    gateway: &Gateway,
    day: Date,
    sides: Sides,
    mut found: Value,
) -> Result<Option<ReconciliationView>, Problem> {
    let became = sides.carried.settle(&mut found, day);
    let result_digest = sha256_hex(found.to_string().as_bytes());
    let Sides { trades: (bill, _), funds, bank, after, to, carried, .. } = sides;
    let now = gateway.node.clock.now();
    let named = format!("reconciliation {} {day} {result_digest}", bill.channel);
    let run = ReconciliationRecord {
        id: ReconciliationId::new(now, ten(&named)),
        channel: bill.channel,
        day,
        edition: bill.edition,
        bill_digest: bill.digest,
        layout: bill.layout,
        funds: funds.map(|it| it.1),
        bank: bank.map(|it| it.1),
        carried: carried.ids(),
        after_entries: after,
        to_entries: to,
        result_digest,
        summary: found["summary"].clone(),
        at: now,
    };
    let mut differences = differences(&run, &found)?;
    clear_booked_late(gateway, &mut differences).await?;
    clear_others(gateway, &mut differences).await?;
    check_count(&differences)?;
    let run = store::write(&gateway.node.store, Scope::Gateway, move |tx| {
        // Several nodes may run the same day at once.
        if let Some(last) = tx.last_reconciliation(&run.channel, run.day)?
            && of_the_same(&last, &run)
        {
            if last.result_digest == run.result_digest {
                let open = tx.waiting_of_run(&last.id)?;
                return Ok((last, open));
            }
            // The rules changed with the program, or a file did without it.
            tracing::warn!(run.channel, %day, "a run of the same bill and entries finds something else");
        }
        // A difference that nobody resolved is found again by this run if it is still so.
        for former in tx.unsettled_differences(&run.channel, run.day, run.day.plus_days(1))? {
            resolving::happen(tx, former, DifferenceEvent::Superseded, now)?;
        }
        for (id, became) in &became {
            let record = tx.difference(id)?.ok_or_else(|| Problem::internal("a difference is gone"))?;
            match became.event(&record.difference.state, &run.id) {
                // Nothing is kept of a commit that fails.
                Err(()) => return Err(Problem::new(Code::DifferenceState, CHANGED)),
                Ok(Some(event)) => drop(resolving::happen(tx, record, event, now)?),
                Ok(None) => {}
            }
        }
        let mut differences = differences.clone();
        clear_resolved(&mut differences, &tx.resolved_differences(&run.channel, run.day)?);
        let open = differences.iter().filter(|it| it.difference.state.waits()).count() as u64;
        tx.insert_reconciliation(&run, &differences)?;
        Ok::<_, Problem>((run, open))
    })
    .await;
    match run {
        Ok((run, open)) => {
            let view = views::reconciliation(&run, open);
            // Made now, and not the one that there was.
            if run.at == now {
                let (channel, run) = (&view.channel, &view.id);
                tracing::info!(channel, %day, run, open = view.open, carried = view.carried, "reconciliation.completed");
            }
            Ok(Some(view))
        }
        Err(problem) if problem.code() == Code::DifferenceState => Ok(None),
        Err(problem) => Err(problem),
    }
}

/// Whether two runs held the same bill against the same entries.
fn of_the_same(one: &ReconciliationRecord, other: &ReconciliationRecord) -> bool {
    let entries = |it: &ReconciliationRecord| (it.after_entries.clone(), it.to_entries.clone());
    let bills = |it: &ReconciliationRecord| {
        (it.bill_digest.clone(), it.layout.clone(), it.funds.clone(), it.bank.clone())
    };
    (bills(one), &one.carried, entries(one)) == (bills(other), &other.carried, entries(other))
}

/// Clears payments of the books that an earlier bill's line had proven: that line is the other half, and what became of
/// it stands beside it.
async fn clear_booked_late(
    gateway: &Gateway,
    found: &mut [DifferenceRecord],
) -> Result<(), Problem> {
    let attempts: Vec<Option<AttemptId>> =
        found.iter().map(|it| paid_here_alone(&it.found)).collect();
    let lines = store::read(&gateway.node.store, move |view| {
        let mut lines = Vec::with_capacity(attempts.len());
        for attempt in attempts {
            lines.push(match &attempt {
                Some(attempt) => line_of(view, attempt)?,
                None => None,
            });
        }
        Ok(lines)
    });
    for (record, line) in found.iter_mut().zip(lines.await?) {
        if let Some(line) = line {
            let rule = format!("booked late by {}", line.difference);
            record.difference.state = DifferenceState::Cleared { rule };
        }
    }
    Ok(())
}

/// Clears rows of the bill that moved no money of the platform's: a service provider's bill has the payments and the
/// refunds of the merchants that are bound under its account.
async fn clear_others(gateway: &Gateway, found: &mut [DifferenceRecord]) -> Result<(), Problem> {
    let numbers: Vec<Option<String>> = found.iter().map(there_alone).collect();
    let are_others = store::read(&gateway.node.store, move |view| {
        let is = |it: Option<String>| it.map_or(Ok(false), |number| is_direct(view, &number));
        numbers.into_iter().map(is).collect::<Result<Vec<_>, StoreError>>()
    });
    let are_others = are_others.await?;
    // The bill of funds has none of them, and is compared with the same rows of the bill of trades.
    let others = found.iter().zip(&are_others).filter(|(_, is_other)| **is_other);
    let rows: BTreeSet<_> = others.filter_map(|(it, _)| place(&it.found["theirs"])).collect();
    for (record, is_other) in found.iter_mut().zip(are_others) {
        let is_of_funds = record.between == Between::FundsAndTrades.as_str()
            && record.found["theirs"].is_null()
            && place(&record.found["ours"]).is_some_and(|it| rows.contains(&it));
        if is_other || is_of_funds {
            let rule = "paid to the merchant's own account".to_owned();
            record.difference.state = DifferenceState::Cleared { rule };
        }
    }
    Ok(())
}

/// The line of a row in the day's own file. Carried rows are in another file of each comparison: the same line there is
/// another row.
fn place(side: &Value) -> Option<u64> {
    side["line"].as_u64().filter(|_| side["file"] == 0)
}

/// The number of a row that the bill has alone.
fn there_alone(record: &DifferenceRecord) -> Option<String> {
    let is_of_trades = record.between == Between::TradesAndBooks.as_str()
        && record.difference.state == DifferenceState::Open;
    let number = record.found["theirs"]["reference"].as_str();
    number.filter(|_| is_of_trades && record.found["ours"].is_null()).map(str::to_owned)
}

/// Whether that is the number of a payment made to a merchant's own account, or of a refund of one.
fn is_direct<V: View + ?Sized>(view: &V, number: &str) -> Result<bool, StoreError> {
    if let Some(attempt) = number::to_attempt(number)
        && let Some(order) = view.order_of_attempt(&attempt)?
    {
        let order = view.order(&order)?;
        let attempt = order.as_ref().and_then(|it| it.order.attempt(&attempt));
        return Ok(attempt.is_some_and(|it| it.account.is_some()));
    }
    let Some(refund) = number::to_refund(number) else { return Ok(false) };
    let Some(order) = view.order_of_refund(&refund)? else { return Ok(false) };
    Ok(view.order(&order)?.is_some_and(|it| it.order.direct().is_some()))
}

/// The attempt of a payment that the books have alone.
fn paid_here_alone(found: &Value) -> Option<AttemptId> {
    let is_alone = found["theirs"].is_null() && found["ours"]["kind"] == "payment";
    let number = found["ours"]["reference"].as_str().filter(|_| is_alone)?;
    number::to_attempt(number)
}

/// The bill's line that a payment was booked by, if one was needed.
fn line_of<V: View + ?Sized>(
    view: &V,
    attempt: &AttemptId,
) -> Result<Option<Evidence>, StoreError> {
    let Some(order) = view.order_of_attempt(attempt)? else { return Ok(None) };
    let evidence = view.order(&order)?.map(|it| it.order.evidence).unwrap_or_default();
    Ok(evidence.into_iter().find(|it| it.attempt == *attempt))
}

/// The words of both sides, without the place where it stands: rows move in another edition, and in what is carried.
fn said(found: &Value) -> Value {
    let mut said = found.clone();
    for side in ["theirs", "ours"] {
        // A row that is not understood has no reference, and its line is all that names it.
        if let Some(row) = said[side].as_object_mut().filter(|it| it.contains_key("reference")) {
            row.remove("file");
            row.remove("line");
        }
    }
    said
}

/// Clears what a run found that a person resolved before, if both sides say the same as then: it is booked once.
/// Each resolution clears one.
fn clear_resolved(found: &mut [DifferenceRecord], resolved: &[DifferenceRecord]) {
    for former in resolved {
        let is_same = |it: &&mut DifferenceRecord| {
            it.difference.state == DifferenceState::Open && said(&it.found) == said(&former.found)
        };
        if let Some(same) = found.iter_mut().find(is_same) {
            let rule = format!("resolved as {}", former.difference.id);
            same.difference.state = DifferenceState::Cleared { rule };
        }
    }
}

/// A page of runs, newest first.
///
/// # Errors
///
/// `internal`.
pub async fn list(
    gateway: &Gateway,
    page: Page<ReconciliationId>,
) -> Result<List<ReconciliationView>, Problem> {
    let limit = page.limit;
    let found = store::read(&gateway.node.store, move |view| {
        let runs = view.reconciliations(&page)?;
        let open = |run: ReconciliationRecord| {
            let open = view.waiting_of_run(&run.id)?;
            Ok((run, open))
        };
        runs.into_iter().map(open).collect::<Result<Vec<_>, StoreError>>()
    })
    .await?;
    let found = found.iter().map(|(run, open)| views::reconciliation(run, *open)).collect();
    Ok(List::new(found, limit, |it: &ReconciliationView| it.id.clone()))
}

/// The run with this id.
///
/// # Errors
///
/// `not_found`.
pub async fn find(gateway: &Gateway, id: &str) -> Result<ReconciliationView, Problem> {
    let unknown = || Problem::new(Code::NotFound, "there is no such reconciliation");
    let id = ReconciliationId::parse(id).map_err(|_| unknown())?;
    let found = store::read(&gateway.node.store, move |view| {
        let Some(run) = view.reconciliation(&id)? else { return Ok(None) };
        let open = view.waiting_of_run(&run.id)?;
        Ok(Some((run, open)))
    });
    let (run, open) = found.await?.ok_or_else(unknown)?;
    Ok(views::reconciliation(&run, open))
}

/// A page of differences, newest first.
///
/// # Errors
///
/// `internal`.
pub async fn differences_of(
    gateway: &Gateway,
    query: DifferenceQuery,
) -> Result<List<DifferenceView>, Problem> {
    let (limit, now) = (query.page.limit, gateway.node.clock.now());
    let found = store::read(&gateway.node.store, move |view| view.bill_differences(&query)).await?;
    let found = found.iter().map(|it| views::difference(it, now)).collect();
    Ok(List::new(found, limit, |it: &DifferenceView| it.id.clone()))
}

/// The status with this name.
///
/// # Errors
///
/// The statuses that there are, for any other text.
pub fn status(text: &str) -> Result<&'static str, &'static str> {
    let mut all = DifferenceState::STATUSES.into_iter();
    all.find(|it| *it == text).ok_or(
        "none of open, expected, paired, cleared, superseded, proposed, returning and resolved",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_carried_row_is_not_the_days_row_of_its_line() {
        assert_eq!(place(&json!({ "file": 0, "line": 7 })), Some(7));
        assert_eq!(place(&json!({ "file": 1, "line": 7 })), None);
        assert_eq!(place(&Value::Null), None);
    }
}
