//! The chain and the orders: each entry holds and belongs, and no order lacks one.

use lezai_core::funds::difference::Difference;
use lezai_core::funds::payout::Payout;
use lezai_core::id::MerchantId;
use lezai_core::ledger::{Account, Entry, Posting, Subject, without_debts};
use lezai_core::money::Currency;
use lezai_core::order::{Order, State};
use lezai_core::time::Timestamp;
use lezai_store::BookedEntry;
use lezai_store_sqlite::{
    balance_after, balances_kept, difference_with_entries, for_each_entry, for_each_order, moved,
    order_with_entries, owner_kept, payout_with_entries,
};
use rusqlite::Connection;

use super::Report;
use crate::ledger::agreed::Agreements;
use crate::ledger::balances::Balances;
use crate::ledger::fault::{Failed, Fault, Stop, called_for_by_payout, is};

/// Walks the chain: number, hashes, balance, and whether the order calls for the entry.
pub(super) fn entries_hold(
    connection: &Connection,
    report: &mut Report,
    agreements: &mut Agreements,
) -> Result<(), Failed> {
    let (mut kept, mut latest) = (0_u64, Timestamp::from_ms(i64::MIN));
    let walked = for_each_entry(connection, |booked| {
        let number = report.entries + 1;
        let fault = |what: String| Stop::Fault(Fault::Entry { number, what });
        links(&booked, number, &report.head).map_err(fault)?;
        // A balance at a past moment is looked up by time.
        if booked.at < latest {
            return Err(fault("its time is before that of the entry before".to_owned()));
        }
        let (caller, so_far) = match &booked.subject {
            Subject::Order(id) => {
                let (order, so_far) = order_with_entries(connection, id, number)?;
                let order = order.filter(|it| it.terms.id == *id);
                if let Some(order) = &order {
                    agreements.count_entry(order, &booked).map_err(fault)?;
                }
                (order.map(|it| Caller::of_order(&it)), so_far)
            }
            Subject::Payout(id) => {
                let (payout, so_far) = payout_with_entries(connection, id, number)?;
                (payout.filter(|it| it.terms.id == *id).map(|it| Caller::of_payout(&it)), so_far)
            }
            Subject::Difference(id) => {
                let (found, so_far) = difference_with_entries(connection, id, number)?;
                (found.filter(|it| it.id == *id).map(|it| Caller::of_difference(&it)), so_far)
            }
        };
        belongs(&booked, caller, &so_far).map_err(fault)?;
        names_debts(&booked, &report.balances).map_err(fault)?;
        let owner = Account::owner_of(&booked.postings).map(MerchantId::as_str);
        if owner_kept(connection, number)?.as_deref() != owner {
            let what = "the merchant that it is found by is not the one of its accounts";
            return Err(fault(what.to_owned()));
        }
        latest = booked.at;
        for (account, currency, minor) in moved(&booked.postings)? {
            let stands = report.balances.entry((account.to_string(), currency.code())).or_default();
            *stands += i128::from(minor);
            kept += 1;
            let written = balance_after(connection, account, currency, number, booked.at)?;
            if written.map(i128::from) != Some(*stands) {
                return Err(fault(format!("the balance kept of {account} is not its sum")));
            }
        }
        report.head = booked.hash;
        report.entries = number;
        Ok(())
    });
    let number = report.entries + 1;
    walked.map_err(|stop: Stop| stop.at(|what| Fault::Entry { number, what }))?;
    if balances_kept(connection).map_err(Failed::Unreadable)? != kept {
        let what = "it is missing, and a balance is kept that no entry made".to_owned();
        return Err(Failed::Broken(Fault::Entry { number, what }));
    }
    Ok(())
}

/// Every entry holds and belongs, so an order can only lack some.
pub(super) fn orders_are_booked(
    connection: &Connection,
    report: &mut Report,
    agreements: &mut Agreements,
) -> Result<(), Failed> {
    let mut last = String::new();
    let walked = for_each_order(connection, |order| {
        last = order.terms.id.to_string();
        report.orders += 1;
        report.paid += u64::from(matches!(order.state, State::Paid { .. }));
        report.late.add_order(&order);
        let fault =
            |what: String| Stop::Fault(Fault::Order { order: order.terms.id.to_string(), what });
        agreements.order_holds(&order).map_err(fault)?;
        let wanted = called_for(&order).map_err(fault)?;
        if wanted.is_empty() {
            return Ok(());
        }
        let (_, booked) = order_with_entries(connection, &order.terms.id, u64::MAX)?;
        match wanted.iter().find(|it| !booked.iter().any(|booked| is(it, booked))) {
            Some(missing) => {
                Err(fault(format!("it has no entry for its {}", missing.kind().as_str())))
            }
            None if booked.len() != wanted.len() => {
                Err(fault(format!("it has {} entries instead of {}", booked.len(), wanted.len())))
            }
            None => Ok(()),
        }
    });
    walked
        .map_err(|stop: Stop| stop.at(|what| Fault::Order { order: format!("after {last}"), what }))
}

/// Whether an entry is the next in the chain, and balances.
fn links(booked: &BookedEntry, number: u64, head: &str) -> Result<(), String> {
    if booked.number != number {
        return Err(format!("it is missing; the next one is {}", booked.number));
    }
    if booked.previous != head {
        return Err("it does not carry the hash of the entry before".to_owned());
    }
    let entry =
        Entry::new(booked.kind, booked.postings.clone()).map_err(|error| error.to_string())?;
    if entry.hash(head, number, booked.at, &booked.subject) != booked.hash {
        return Err("its hash is not the one of what it says: it was changed".to_owned());
    }
    Ok(())
}

/// The subject of an entry, and the entries that it calls for.
struct Caller {
    what: &'static str,
    status: &'static str,
    entries: Result<Vec<Entry>, String>,
}

impl Caller {
    fn of_order(order: &Order) -> Self {
        let status = order.state.status();
        Self { what: "order", status, entries: called_for(order) }
    }

    fn of_payout(payout: &Payout) -> Self {
        let status = payout.state.status();
        Self { what: "payout", status, entries: called_for_by_payout(payout) }
    }

    fn of_difference(difference: &Difference) -> Self {
        let status = difference.state.status();
        Self { what: "difference", status, entries: Ok(difference.entries()) }
    }
}

/// Whether what the entry belongs to calls for it, and not more often than it is there so far.
fn belongs(
    booked: &BookedEntry,
    caller: Option<Caller>,
    so_far: &[BookedEntry],
) -> Result<(), String> {
    let id = &booked.subject;
    let what = match id {
        Subject::Order(_) => "order",
        Subject::Payout(_) => "payout",
        Subject::Difference(_) => "difference",
    };
    let caller = caller.ok_or_else(|| format!("its {what} {id} is not there"))?;
    let Caller { what, status, entries } = caller;
    let wanted = entries?;
    let same = |it: &BookedEntry| {
        it.kind == booked.kind && without_debts(&it.postings) == without_debts(&booked.postings)
    };
    let times = so_far.iter().filter(|it| same(it)).count();
    match wanted.iter().filter(|it| is(it, booked)).count() {
        0 => Err(format!("{what} {id}, {status}, does not call for this {}", booked.kind.as_str())),
        allowed if times > allowed => {
            Err(format!("{what} {id} has this {} already", booked.kind.as_str()))
        }
        _ => Ok(()),
    }
}

/// Whether an entry takes what was available before it and no more, books the rest as a debt, and
/// repays debts first.
fn names_debts(booked: &BookedEntry, before: &Balances) -> Result<(), String> {
    let mut plain = Vec::new();
    for (account, code, minor) in without_debts(&booked.postings) {
        let currency = Currency::from_code(code).map_err(|error| error.to_string())?;
        let minor = i64::try_from(minor).map_err(|error| error.to_string())?;
        plain.push(Posting { account, minor, currency });
    }
    let stands = |account: &Account, currency: Currency| {
        let minor = before.get(&(account.to_string(), currency.code())).copied();
        i64::try_from(minor.unwrap_or_default()).unwrap_or(i64::MAX)
    };
    let due = Entry::new(booked.kind, plain).ok().and_then(|plain| plain.with_debts(stands));
    let due = due.ok_or_else(|| "its debts cannot be worked out".to_owned())?;
    if summed(due.postings()) == summed(&booked.postings) {
        return Ok(());
    }
    Err("what it takes from available accounts and from debts is not what their balances call for"
        .to_owned())
}

/// The sum moved on each account, in the accounts' order.
pub(super) fn summed(postings: &[Posting]) -> Balances {
    let mut sums = Balances::new();
    for Posting { account, minor, currency } in postings {
        *sums.entry((account.to_string(), currency.code())).or_default() += i128::from(*minor);
    }
    sums.retain(|_, minor| *minor != 0);
    sums
}

fn called_for(order: &Order) -> Result<Vec<Entry>, String> {
    order.entries().map_err(|error| format!("order {}: {error}", order.terms.id))
}
