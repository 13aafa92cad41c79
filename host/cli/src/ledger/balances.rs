//! `lezai ledger balances`: what stood on every account at a moment, added up from the entries
//! themselves.

use lezai_wire::time::rfc3339;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

use lezai_core::ledger::{GENESIS, Posting};
use lezai_core::time::Timestamp;
use serde_json::json;

use super::{Stopped, columns, print, time};
use crate::source::{Chain, Source, SourceArgs};
use lezai_store::Wanted;

/// The balance of each account in each currency, in minor units, debits positive.
pub type Balances = BTreeMap<(String, &'static str), i128>;

/// Which moment, and how it is printed.
#[derive(Debug, clap::Args)]
pub struct BalancesArgs {
    #[command(flatten)]
    pub(super) source: SourceArgs,
    /// The moment: all that was booked by then counts (RFC 3339) [default: now].
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<Timestamp>,
    /// Print one object of JSON.
    #[arg(long)]
    json: bool,
}

/// How far a chain goes until a moment.
#[derive(Debug, PartialEq, Eq)]
struct End {
    /// The last entry that counts, and its hash.
    entries: u64,
    head: String,
}

pub(super) fn run(args: &BalancesArgs, source: &Source) -> Result<(), Stopped> {
    let (ends, balances) = source.look(|chains| {
        let mut balances = Balances::new();
        let ends = chains.iter().map(|it| Ok((it.book, added_up(it, args.at, &mut balances)?)));
        let ends = ends.collect::<Result<Vec<_>, Stopped>>()?;
        Ok::<_, Stopped>((ends, balances))
    })?;
    let at = args.at.map(rfc3339);
    if args.json {
        return print(&format!("{}\n", object(at, &ends, &balances)));
    }
    let until = at.map(|at| format!(" until {at}")).unwrap_or_default();
    print(&format!("{}{}", heading(&ends, &until), table(&balances)))
}

fn heading(ends: &[(Option<i64>, End)], until: &str) -> String {
    if let [(None, End { entries, head })] = ends {
        return format!("entries  {entries}{until}\nhead     {head}\n");
    }
    let all: u64 = ends.iter().map(|(_, end)| end.entries).sum();
    let heads = ends.iter().map(|(book, End { entries, head })| {
        format!("         {:<3} {entries:>8}  {head}\n", book.unwrap_or_default())
    });
    format!(
        "entries  {all}{until}\nhead     of {} books\n{}",
        ends.len(),
        heads.collect::<String>()
    )
}

fn object(
    at: Option<String>,
    ends: &[(Option<i64>, End)],
    balances: &Balances,
) -> serde_json::Value {
    let balances = balances.iter().map(|((account, currency), minor)| {
        // A sum of what fits 64 bits need not fit; JSON has no bound, but readers have.
        let minor = i64::try_from(*minor).map_or_else(|_| json!(minor.to_string()), |it| json!(it));
        json!({ "account": account, "currency": currency, "minor": minor })
    });
    let balances: Vec<_> = balances.collect();
    if let [(None, End { entries, head })] = ends {
        return json!({ "at": at, "entries": entries, "head": head, "balances": balances });
    }
    let all: u64 = ends.iter().map(|(_, end)| end.entries).sum();
    let books = ends.iter().map(
        |(book, End { entries, head })| json!({ "book": book, "entries": entries, "head": head }),
    );
    let books: Vec<_> = books.collect();
    json!({ "at": at, "entries": all, "books": books, "balances": balances })
}

/// Adds up the entries of a chain until a moment. They are in the order of time, so the first that is later
/// ends it.
fn added_up(
    chain: &Chain<'_>,
    at: Option<Timestamp>,
    balances: &mut Balances,
) -> Result<End, Stopped> {
    let mut end = End { entries: 0, head: GENESIS.to_owned() };
    chain.walk(Wanted::default(), |entry| {
        if at.is_some_and(|at| entry.at > at) {
            return Ok::<_, Stopped>(ControlFlow::Break(()));
        }
        for Posting { account, minor, currency } in entry.postings {
            let account = (account.to_string(), currency.code());
            *balances.entry(account).or_default() += i128::from(minor);
        }
        (end.entries, end.head) = (entry.number, entry.hash);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(end)
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
