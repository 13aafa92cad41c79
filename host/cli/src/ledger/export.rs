//! `lezai ledger export`: the whole journal, entry by entry, with the hashes that chain them.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use rusqlite::Connection;

use super::{Stopped, ended, line, mirror};
use crate::data_dir::DataDir;
use crate::database::StoreArgs;
use lezai_store_postgres::{Address, snapshot};
use lezai_store_sqlite::{Wanted, file, last_entry, open_to_read, walk_entries};

/// Entries that are read at once: a reader that takes its time for longer would keep the gateway's
/// log from being begun anew.
const AT_ONCE: u64 = 10_000;

/// In which form, and where to.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    #[command(flatten)]
    pub(super) data: DataDir,
    #[command(flatten)]
    pub(super) store: StoreArgs,
    /// Of a database, this book alone, -1 for the gateway's own; else each line names its book.
    #[arg(long, value_name = "NUMBER", requires = "store", allow_negative_numbers = true)]
    book: Option<i64>,
    /// A line of JSON for each entry, or a line of CSV for each posting.
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// Begin after this entry: what was exported before need not be again.
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    after: u64,
    /// Into a file, which must not be there yet [default: standard output].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Jsonl,
    Csv,
}

pub(super) fn run(args: &ExportArgs) -> Result<(), Stopped> {
    let connection = open_to_read(&file(&args.data))?;
    match &args.out {
        None => export(&connection, args, io::stdout().lock()),
        Some(path) => {
            let named = |error: io::Error| {
                io::Error::new(error.kind(), format!("{}: {error}", path.display()))
            };
            let out = File::create_new(path).map_err(named)?;
            export(&connection, args, &out)?;
            Ok(out.sync_all().map_err(named)?)
        }
    }
}

/// Writes out every book of a database as of one moment, one after the other, or one of them.
pub(super) fn run_books(args: &ExportArgs, address: &Arc<Address>) -> ExitCode {
    if args.after > 0 && args.book.is_none() {
        return super::no_database("--after counts the entries of one book: name it with --book");
    }
    let out: Box<dyn Write + Send> = match &args.out {
        None => Box::new(io::stdout()),
        Some(path) => match File::create_new(path) {
            Ok(file) => Box::new(file),
            Err(error) => return super::no_database(&format!("{}: {error}", path.display())),
        },
    };
    let mut out = BufWriter::with_capacity(1 << 16, out);
    let written = snapshot(address, |snapshot| {
        if args.format == Format::Csv {
            let titles = if args.book.is_none() { "book," } else { "" };
            if let Err(error) = write!(out, "{titles}{}", line::TITLES) {
                return Ok(Err(error));
            }
        }
        for book in mirror::books(snapshot).filter(|it| args.book.is_none_or(|book| book == *it)) {
            let store = mirror::entries_of_book(snapshot, book)?;
            let wanted = Wanted { after: args.after, ..Wanted::default() };
            let walked = walk_entries(store.connection(), wanted, |entry| {
                let text = match (args.format, args.book) {
                    (Format::Jsonl, Some(_)) => line::json(&entry),
                    (Format::Jsonl, None) => {
                        line::json(&entry).replacen('{', &format!("{{\"book\":{book},"), 1)
                    }
                    (Format::Csv, Some(_)) => line::csv(&entry),
                    (Format::Csv, None) => {
                        let lines = line::csv(&entry);
                        lines.lines().map(|it| format!("{book},{it}\n")).collect()
                    }
                };
                out.write_all(text.as_bytes())?;
                Ok::<_, Stopped>(ControlFlow::Continue(()))
            });
            match walked {
                Ok(()) => {}
                Err(Stopped::Output(error)) => return Ok(Err(error)),
                Err(Stopped::Store(error)) => return Err(error),
            }
        }
        Ok(out.flush())
    });
    match written {
        Ok(written) => ended(&args.data, written.map_err(Stopped::Output)),
        Err(error) => super::no_database(&error.explain(Path::new(&address.shown()))),
    }
}

fn export(connection: &Connection, args: &ExportArgs, out: impl Write) -> Result<(), Stopped> {
    let mut out = BufWriter::with_capacity(1 << 16, out);
    if args.format == Format::Csv {
        out.write_all(line::TITLES.as_bytes())?;
    }
    // Those that come meanwhile are for the next time, so that it ends.
    let last = last_entry(connection)?.map_or(0, |(number, ..)| number);
    let mut after = args.after;
    while after < last {
        let (begun, end) = (after, last.min(after + AT_ONCE));
        walk_entries(connection, Wanted { after, ..Wanted::default() }, |entry| {
            if entry.number > end {
                return Ok::<_, Stopped>(ControlFlow::Break(()));
            }
            after = entry.number;
            let text = match args.format {
                Format::Jsonl => line::json(&entry),
                Format::Csv => line::csv(&entry),
            };
            out.write_all(text.as_bytes())?;
            Ok(ControlFlow::Continue(()))
        })?;
        if after == begun {
            // Entries are missing here, which is for `lezai ledger check` to say.
            after = end;
        }
    }
    Ok(out.flush()?)
}
