//! `lezai ledger balances`: what stood on every account at a moment, added up from the entries
//! themselves.

use lezai_wire::time::rfc3339;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

use lezai_core::ledger::{GENESIS, Posting};
use lezai_core::time::Timestamp;
use rusqlite::Connection;
use serde_json::json;

use super::{Stopped, columns, print, time};
use crate::data_dir::DataDir;
use lezai_store_sqlite::{Wanted, file, open_to_read, walk_entries};

/// The balance of each account in each currency, in minor units, debits positive.
pub type Balances = BTreeMap<(String, &'static str), i128>;

/// Which moment, and how it is printed.
#[derive(Debug, clap::Args)]
pub struct BalancesArgs {
    #[command(flatten)]
    pub(super) data: DataDir,
    /// The moment: all that was booked by then counts (RFC 3339) [default: now].
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<Timestamp>,
    /// Print one object of JSON.
    #[arg(long)]
    json: bool,
}

/// The balances at a moment.
#[derive(Debug, Default, PartialEq, Eq)]
struct AccountBalance {
    /// The last entry that counts, and its hash.
    entries: u64,
    head: String,
    balances: Balances,
}

pub(super) fn run(args: &BalancesArgs) -> Result<(), Stopped> {
    let connection = open_to_read(&file(&args.data))?;
    let AccountBalance { entries, head, balances } = standing(&connection, args.at)?;
    let at = args.at.map(rfc3339);
    if args.json {
        let balances = balances.iter().map(|((account, currency), minor)| {
            // A sum of what fits 64 bits need not fit; JSON has no bound, but readers have.
            let minor =
                i64::try_from(*minor).map_or_else(|_| json!(minor.to_string()), |it| json!(it));
            json!({ "account": account, "currency": currency, "minor": minor })
        });
        let balances: Vec<_> = balances.collect();
        let object = json!({ "at": at, "entries": entries, "head": head, "balances": balances });
        return print(&format!("{object}\n"));
    }
    let until = at.map(|at| format!(" until {at}")).unwrap_or_default();
    print(&format!("entries  {entries}{until}\nhead     {head}\n{}", table(&balances)))
}

/// Adds up the entries until a moment. They are in the order of time, so the first that is later
/// ends it.
fn standing(connection: &Connection, at: Option<Timestamp>) -> Result<AccountBalance, Stopped> {
    let mut standing = AccountBalance { head: GENESIS.to_owned(), ..AccountBalance::default() };
    walk_entries(connection, Wanted::default(), |entry| {
        if at.is_some_and(|at| entry.at > at) {
            return Ok::<_, Stopped>(ControlFlow::Break(()));
        }
        for Posting { account, minor, currency } in entry.postings {
            let account = (account.to_string(), currency.code());
            *standing.balances.entry(account).or_default() += i128::from(minor);
        }
        (standing.entries, standing.head) = (entry.number, entry.hash);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(standing)
}

/// A table for people; nothing if there is nothing.
pub(super) fn table(balances: &Balances) -> String {
    if balances.is_empty() {
        return String::new();
    }
    let titles = ["  account", "currency", "minor units"].map(str::to_owned);
    let rows = balances.iter().map(|((account, currency), minor)| {
        [format!("  {account}"), (*currency).to_owned(), minor.to_string()]
    });
    columns(&std::iter::once(titles).chain(rows).collect::<Vec<_>>(), &[2])
}
