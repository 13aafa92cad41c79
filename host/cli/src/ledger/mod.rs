//! `lezai ledger`: what the ledger says, and the proof that it is what happened. All of it reads a store beside
//! gateways that may be running, and nothing here writes.

mod agreed;
mod balances;
mod check;
mod differences;
mod export;
mod fault;
mod funds;
mod line;
mod mandates;
mod mirror;
mod show;

use lezai_wire::time::parse_rfc3339;
use std::io::{self, Write};
use std::process::ExitCode;

use lezai_core::time::Timestamp;

use crate::source::{Source, SourceArgs, refuse};
use lezai_store::StoreError;

pub use balances::Balances;
pub(crate) use check::check_source;
pub use check::{Report, check, check_tables};
pub use fault::{Failed, Fault};
pub use mirror::tables_of_book;

/// Commands on the ledger.
#[derive(Debug, clap::Subcommand)]
pub enum LedgerCommand {
    /// Prove that the ledger is whole; works while the gateway runs.
    Check(check::CheckArgs),
    /// Print the last entries, or those of an order, an account or a time.
    Show(show::ShowArgs),
    /// Print what stands on every account, now or at a past moment.
    Balances(balances::BalancesArgs),
    /// Write out every entry with its hash, so that others can check the chain.
    Export(export::ExportArgs),
}

/// Does it. The exit code is 0 if it could be done, 1 for a ledger that is broken, and 2 for one
/// that cannot be read.
pub fn run(command: &LedgerCommand) -> ExitCode {
    match command {
        LedgerCommand::Check(args) => check::run(args),
        LedgerCommand::Show(args) => printed(&args.source, |source| show::run(args, source)),
        LedgerCommand::Balances(args) => {
            printed(&args.source, |source| balances::run(args, source))
        }
        LedgerCommand::Export(args) => printed(&args.source, |source| export::run(args, source)),
    }
}

/// Why something was not printed to its end.
#[derive(Debug, thiserror::Error)]
enum Stopped {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Output(#[from] io::Error),
}

fn printed(args: &SourceArgs, print: impl FnOnce(&Source) -> Result<(), Stopped>) -> ExitCode {
    let source = match args.source() {
        Ok(source) => source,
        Err(why) => return refuse(&why),
    };
    match print(&source) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader has seen enough.
        Err(Stopped::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(Stopped::Output(error)) => refuse(&error.to_string()),
        Err(Stopped::Store(error)) => refuse(&source.unreadable(&error)),
    }
}

/// A time on the command line.
fn time(text: &str) -> Result<Timestamp, String> {
    parse_rfc3339(text)
        .ok_or_else(|| "give a time as RFC 3339 has it, such as 2026-11-18T11:06:40Z".to_owned())
}

/// Columns as wide as what stands in them; those named are flush right.
fn columns<const N: usize>(rows: &[[String; N]], right: &[usize]) -> String {
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().enumerate().map(|(column, cell)| match right.contains(&column) {
            true => format!("{cell:>0$}", widths[column]),
            false => format!("{cell:<0$}", widths[column]),
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Standard output, locked once for all that is printed.
fn print(text: &str) -> Result<(), Stopped> {
    Ok(io::stdout().lock().write_all(text.as_bytes())?)
}
