//! Checks of payouts and settlement batches by `lezai ledger check`.

use std::collections::BTreeMap;

use lezai_core::funds::payout::{Payout, PayoutEffect, PayoutState};
use lezai_core::funds::settlement::{Batch, Outcome};
use lezai_core::id::PayoutBatchId;
use lezai_core::ledger::Account;
use rusqlite::Connection;

use super::fault::{Failed, Fault, Stop, called_for_by_payout, is};
use lezai_store::Task;
use lezai_store_sqlite::{
    Tasks, batch_sums, difference_with_entries, for_each_batch, for_each_difference,
    for_each_payout, for_each_payout_batch, payout_events, payout_with_entries, tasks,
    unplanned_contract,
};

/// What the payouts of a batch come to.
#[derive(Default)]
struct Sums {
    count: u32,
    open: u32,
    minor: i128,
    fee: i128,
    waits: bool,
}

/// Every payout has its entries, was or will be told of, and goes on; every batch is its payouts. How many payouts
/// there are.
pub(super) fn payouts_hold(connection: &Connection) -> Result<u64, Failed> {
    let tasks = tasks(connection).map_err(|error| Stop::from(error).at(Fault::File))?;
    let (mut count, mut last) = (0, String::new());
    let mut batches: BTreeMap<PayoutBatchId, Sums> = BTreeMap::new();
    let walked = for_each_payout(connection, |payout| {
        last = payout.terms.id.to_string();
        count += 1;
        if let Some(batch) = &payout.terms.batch {
            let sums = batches.entry(batch.clone()).or_default();
            sums.count += 1;
            sums.open += u32::from(!payout.state.has_ended());
            sums.minor += i128::from(payout.terms.amount.minor());
            sums.fee += i128::from(payout.terms.fee.minor());
            sums.waits |= payout.state == PayoutState::NeedsApproval;
        }
        holds(connection, &tasks, &payout)
    });
    walked.map_err(|stop: Stop| {
        stop.at(|what| Fault::Payout { payout: format!("after {last}"), what })
    })?;
    payout_batches_hold(connection, batches)?;
    Ok(count)
}

/// Every batch has the payouts that its totals say, and is closed if and only if all of them have ended.
fn payout_batches_hold(
    connection: &Connection,
    mut found: BTreeMap<PayoutBatchId, Sums>,
) -> Result<(), Failed> {
    let walked = for_each_payout_batch(connection, |batch| {
        let terms = &batch.terms;
        let fault = |what: &str| {
            let (batch, what) = (terms.id.to_string(), what.to_owned());
            Stop::Fault(Fault::PayoutBatch { batch, what })
        };
        let sums = found.remove(&terms.id).unwrap_or_default();
        let is = (sums.count, sums.minor, sums.fee);
        let says = (terms.count, i128::from(terms.total.minor()), i128::from(terms.fee.minor()));
        if is != says {
            return Err(fault("its totals are not those of its payouts"));
        }
        match (batch.closed_at.is_some(), sums.open > 0) {
            (true, true) => return Err(fault("it is closed, and a payout of it is open")),
            (false, false) => return Err(fault("all of its payouts ended, and it is not closed")),
            _ => {}
        }
        if batch.waits() != sums.waits {
            return Err(fault(
                "it waits for a second person where its payouts do not, or they alone",
            ));
        }
        Ok(())
    });
    walked.map_err(|stop: Stop| stop.at(Fault::File))?;
    match found.keys().next() {
        None => Ok(()),
        Some(batch) => {
            let what = format!("{batch}, which payouts are of, is not there");
            Err(Failed::Broken(Fault::File(what)))
        }
    }
}

fn holds(connection: &Connection, tasks: &Tasks, payout: &Payout) -> Result<(), Stop> {
    let id = &payout.terms.id;
    let fault = |what: String| Stop::Fault(Fault::Payout { payout: id.to_string(), what });
    let wanted = called_for_by_payout(payout).map_err(fault)?;
    let (_, booked) = payout_with_entries(connection, id, u64::MAX)?;
    if let Some(missing) = wanted.iter().find(|it| !booked.iter().any(|booked| is(it, booked))) {
        return Err(fault(format!("it has no entry for its {}", missing.kind().as_str())));
    }
    if booked.len() != wanted.len() {
        return Err(fault(format!("it has {} entries instead of {}", booked.len(), wanted.len())));
    }
    let (count, number) = payout_events(connection, id)?;
    let told = payout.notices;
    if (count, number) != (told, told) {
        let what = format!("it has {count} events up to number {number}, and called for {told}");
        return Err(fault(what));
    }
    let waits = |what| tasks.contains(&Task::Payout { payout: id.clone(), what });
    match &payout.state {
        PayoutState::Accepted if !waits(PayoutEffect::Wake) => {
            Err(fault("nothing waits to queue it at its time".to_owned()))
        }
        PayoutState::Queued | PayoutState::Sent { .. } if !waits(PayoutEffect::Send) => {
            Err(fault("nothing waits to have it paid".to_owned()))
        }
        _ => Ok(()),
    }
}

/// Every difference that was resolved by an entry has it, once. How many there are, resolved or not.
pub(super) fn differences_hold(connection: &Connection) -> Result<u64, Failed> {
    let mut count = 0;
    let walked = for_each_difference(connection, |difference| {
        count += 1;
        let wanted = difference.entries();
        if wanted.is_empty() {
            return Ok(());
        }
        let (_, booked) = difference_with_entries(connection, &difference.id, u64::MAX)?;
        if booked.len() == wanted.len() && wanted.iter().all(|it| is(it, &booked[0])) {
            return Ok(());
        }
        let what = format!(
            "{} has {} entries and not the one of its resolution",
            difference.id,
            booked.len()
        );
        Err(Stop::Fault(Fault::File(what)))
    });
    walked.map_err(|stop: Stop| stop.at(Fault::File))?;
    Ok(count)
}

/// Every merchant's last contract has the close of its next batches planned.
pub(super) fn closes_are_planned(connection: &Connection) -> Result<(), Failed> {
    let unplanned = unplanned_contract(connection);
    match unplanned.map_err(|error| Stop::from(error).at(Fault::File))? {
        None => Ok(()),
        Some((merchant, number)) => Err(Failed::Broken(Fault::File(format!(
            "contract {number} of {merchant} has no close of its next batch planned"
        )))),
    }
}

/// Every batch follows the one before it, and comes to what its entries come to. How many there are.
pub(super) fn batches_hold(connection: &Connection) -> Result<u64, Failed> {
    let (mut count, mut before): (u64, Option<Batch>) = (0, None);
    let walked = for_each_batch(connection, |batch| {
        count += 1;
        let fault = |what: String| Stop::Fault(Fault::Batch { batch: batch.id.to_string(), what });
        let same = |it: &&Batch| it.merchant == batch.merchant && it.currency == batch.currency;
        let after = before.as_ref().filter(same).map_or(0, |it| it.to_entry);
        if batch.after_entry != after || batch.to_entry < after {
            return Err(fault(format!(
                "it does not follow entry {after}, where the one before ends"
            )));
        }
        let accounts = [
            Account::MerchantAvailable(batch.merchant.clone()),
            Account::MerchantOwes(batch.merchant.clone()),
        ];
        let (opening, closing, lines) = batch_sums(connection, &batch, &accounts)?;
        // The ledger's numbers are debits; what is the merchant's is a credit.
        if (batch.opening, batch.closing, batch.lines) != (-opening, -closing, lines) {
            return Err(fault("its sums are not those of its entries".to_owned()));
        }
        if let Outcome::Paid { payout, amount, fee } = &batch.outcome {
            let (found, _) = payout_with_entries(connection, payout, 0)?;
            let paid = found.is_some_and(|it| {
                it.terms.settlement.as_ref() == Some(&batch.id)
                    && (it.terms.amount, it.terms.fee) == (*amount, *fee)
            });
            if !paid {
                return Err(fault(format!("its payout {payout} is not there, or is another's")));
            }
        }
        before = Some(batch);
        Ok(())
    });
    walked.map_err(|stop: Stop| stop.at(Fault::File))?;
    Ok(count)
}
