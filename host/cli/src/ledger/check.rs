//! `lezai ledger check`: proves, beside a gateway that may be running, that the ledger says what
//! happened. Every entry carries the hash of the one before, none is missing, each balances, the
//! balances that are kept beside them are theirs, and the entries are exactly those that the orders,
//! payouts and resolved differences call for. What they call for the core knows: it is worked out from the order or payout
//! as it is, not from what was booked, and what that was charged from the contract that it names. The rows that an order is found by, its events, and the tasks that
//! it waits for are there too, and the file is one that SQLite finds whole.

mod entries;
mod rows;
#[cfg(test)]
pub(super) mod tests;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use lezai_core::id::MerchantId;
use lezai_core::ledger::GENESIS;
use rusqlite::Connection;

use super::agreed::Agreements;
use super::balances::{Balances, table};
use super::fault::{Failed, Fault, Stop};
use super::{differences, funds, mandates, mirror};
use crate::source::{Source, SourceArgs, refuse};
use entries::{entries_hold, orders_are_booked};
use lezai_store::book_of;
use lezai_store_postgres::{Address, snapshot};
use lezai_store_sqlite::{file, integrity, open_to_read};
use rows::rows_are_there;

/// The store to check.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    #[command(flatten)]
    source: SourceArgs,
}

/// Checks and reports. The exit code is 0 for a whole ledger, 1 for a broken one, 2 for one that
/// cannot be read.
pub(super) fn run(CheckArgs { source }: &CheckArgs) -> ExitCode {
    let source = match source.source() {
        Ok(source) => source,
        Err(why) => return refuse(&why),
    };
    match check_source(&source) {
        Ok(report) => {
            say!("{}", report.text().trim_end());
            ExitCode::SUCCESS
        }
        Err(Failed::Broken(fault)) => {
            say!("broken   {fault}");
            ExitCode::from(1)
        }
        Err(Failed::Unreadable(error)) => refuse(&source.unreadable(&error)),
    }
}

/// Checks a ledger, wherever it is.
pub(crate) fn check_source(source: &Source) -> Result<Report, Failed> {
    match source {
        Source::Folder(data) => check(data),
        Source::Database(address) => check_books(address),
    }
}

/// Checks every book of a database as of one moment, and adds up what all of them come to.
fn check_books(address: &Arc<Address>) -> Result<Report, Failed> {
    let checked = snapshot(address, |snapshot| {
        if let Some(what) = mirror::of_nobody(snapshot)? {
            return Ok(Err(Failed::Broken(Fault::File(what))));
        }
        let (mut all, mut heads) = (Report::default(), Vec::new());
        for book in snapshot.every_book() {
            let store = mirror::tables_of_book(snapshot, book)?;
            let report = match check_tables(store.connection()) {
                Ok(report) => report,
                Err(Failed::Broken(fault)) => return Ok(Err(in_book(book, fault))),
                Err(failed) => return Ok(Err(failed)),
            };
            if let Some(account) = stray(&report.balances, book, snapshot.books) {
                let what = format!("{account} belongs into another book");
                return Ok(Err(in_book(book, Fault::File(what))));
            }
            heads.push(format!("{book:<3} {:>8}  {}", report.entries, report.head));
            all.add(report);
        }
        if let Err(failed) = all.late.holds() {
            return Ok(Err(failed));
        }
        all.head = format!("of {} books\n         {}", heads.len(), heads.join("\n         "));
        Ok(Ok(all))
    });
    checked.unwrap_or_else(|error| Err(Failed::Unreadable(error)))
}

fn in_book(book: i64, fault: Fault) -> Failed {
    Failed::Broken(Fault::Book { book, fault: Box::new(fault) })
}

/// An account of a merchant's whose entries are in another book than that merchant's.
fn stray(balances: &Balances, book: i64, books: u32) -> Option<String> {
    let strays = balances.keys().map(|(account, _)| account).find(|account| {
        // `kind:merchant`, and for a receiver's `kind:merchant:receiver`.
        let merchant = account.to_string();
        let merchant = merchant.split(':').nth(1).and_then(|it| MerchantId::parse(it).ok());
        let is_stray = |it: MerchantId| {
            it.as_str().starts_with("m_") && i64::from(book_of(&it, books)) != book
        };
        merchant.is_some_and(is_stray)
    });
    strays.map(ToString::to_string)
}

/// The result of checking a whole ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many entries there are.
    pub entries: u64,
    /// The hash of the last one.
    pub head: String,
    /// How many orders there are.
    pub orders: u64,
    /// How many of them are paid.
    pub paid: u64,
    /// How many payouts there are.
    pub payouts: u64,
    /// How many mandates there are.
    pub mandates: u64,
    /// How many settlement batches were closed.
    pub batches: u64,
    /// How many differences were found between channels' bills and the books.
    pub differences: u64,
    /// The balance of each account in each currency, in minor units, debits positive.
    pub balances: Balances,
    /// Payments booked by the lines of bills.
    late: differences::Late,
}

impl Report {
    /// Adds the result of another book.
    fn add(&mut self, other: Self) {
        self.entries += other.entries;
        self.orders += other.orders;
        self.paid += other.paid;
        self.payouts += other.payouts;
        self.mandates += other.mandates;
        self.batches += other.batches;
        self.differences += other.differences;
        self.late.add(other.late);
        for (account, minor) in other.balances {
            *self.balances.entry(account).or_default() += minor;
        }
    }

    /// A few lines for people.
    pub fn text(&self) -> String {
        let Self { entries, head, orders, paid, payouts, batches, differences, balances, .. } =
            self;
        let mut text = format!(
            "entries  {entries}: chained without a gap, each in balance\norders   {orders}, {paid} of them paid: \
             each has its entries, events and tasks, and no entry is without its order\n"
        );
        if *payouts > 0 {
            text += &format!("payouts  {payouts}: each has its entries, events and tasks\n");
        }
        if self.mandates > 0 {
            let count = self.mandates;
            text += &format!("mandates {count}: each debit is within what was agreed to\n");
        }
        if *batches > 0 {
            text += &format!(
                "batches  {batches}: each follows the one before and is its entries' sum\n"
            );
        }
        if *differences > 0 {
            text += &format!(
                "bills    {differences} differences: each that is resolved has its entry\n"
            );
        }
        text += &format!("head     {head}\n");
        text.push_str(&table(balances));
        text.push_str("ok\n");
        text
    }
}

/// Checks the ledger in a folder.
///
/// # Errors
///
/// See [`Failed`].
pub fn check(data: &Path) -> Result<Report, Failed> {
    let connection = open_to_read(&file(data)).map_err(Failed::Unreadable)?;
    // One transaction: entries and orders of the same moment, whatever the gateway does meanwhile.
    connection.execute_batch("BEGIN").map_err(|error| Failed::Unreadable(error.into()))?;
    let report = check_tables(&connection)?;
    report.late.holds()?;
    Ok(report)
}

/// Checks the ledger in the tables of a store, but for what is between its books.
///
/// # Errors
///
/// See [`Failed`].
pub fn check_tables(connection: &Connection) -> Result<Report, Failed> {
    let mut report = Report { head: GENESIS.to_owned(), ..Report::default() };
    file_is_whole(connection)?;
    let agreements = Agreements::read(connection);
    let mut agreements = agreements.map_err(|error| Stop::from(error).at(Fault::File))?;
    entries_hold(connection, &mut report, &mut agreements)?;
    orders_are_booked(connection, &mut report, &mut agreements)?;
    agreements.sums_hold(connection)?;
    rows_are_there(connection)?;
    report.payouts = funds::payouts_hold(connection, &agreements)?;
    report.mandates = mandates::hold(connection)?;
    report.batches = funds::batches_hold(connection)?;
    report.differences = differences::hold(connection, &mut report.late)?;
    funds::closes_are_planned(connection)?;
    Ok(report)
}

/// SQLite's own check of pages and indices.
fn file_is_whole(connection: &Connection) -> Result<(), Failed> {
    let found = integrity(connection).map_err(Failed::Unreadable)?;
    found.map_or(Ok(()), |what| Err(Failed::Broken(Fault::File(what))))
}
