//! `lezai ledger`: what the ledger says, and the proof that it is what happened. All of it reads the
//! store's file beside a gateway that may be running, and nothing here writes.

mod balances;
mod check;
mod export;
mod fault;
mod funds;
mod line;
mod mirror;
mod show;

use lezai_wire::time::parse_rfc3339;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use lezai_core::time::Timestamp;

use crate::data_dir;
use lezai_store::StoreError;
use lezai_store_sqlite::file;

pub use balances::Balances;
pub use check::{Report, check, check_tables};
pub use fault::{Failed, Fault};

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
        LedgerCommand::Show(args) => ended(&args.data, show::run(args)),
        LedgerCommand::Balances(args) => ended(&args.data, balances::run(args)),
        LedgerCommand::Export(args) => match args.store.named() {
            Ok(None) => ended(&args.data, export::run(args)),
            Ok(Some(address)) => export::run_books(args, &address),
            Err(why) => no_database(&why),
        },
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

fn ended(data: &Path, outcome: Result<(), Stopped>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // The reader has seen enough.
        Err(Stopped::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(Stopped::Output(error)) => {
            eprintln!("lezai: {error}");
            ExitCode::from(2)
        }
        Err(Stopped::Store(error)) => unreadable(data, &error),
    }
}

fn unreadable(data: &Path, error: &StoreError) -> ExitCode {
    let file = file(data);
    if file.exists() {
        eprintln!("lezai: {}", error.explain(&file));
    } else {
        eprintln!("lezai: {}", data_dir::unreadable(&file, error));
    }
    ExitCode::from(2)
}

/// The error of a database that cannot be read, or of one that is not named well.
fn no_database(why: &str) -> ExitCode {
    eprintln!("lezai: {why}");
    ExitCode::from(2)
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
