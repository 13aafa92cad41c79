//! `lezai ledger export`: the whole journal, entry by entry, with the hashes that chain them.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use super::{Stopped, line};
use crate::source::{Chain, Source, SourceArgs};

/// Entries that are read at once: a reader that takes its time for longer would keep the gateway's
/// log from being begun anew.
const AT_ONCE: u64 = 10_000;

/// In which form, and where to.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    #[command(flatten)]
    pub(super) source: SourceArgs,
    /// Of a database, this book alone, -1 for the gateway's own; else each line names its book.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
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

pub(super) fn run(args: &ExportArgs, source: &Source) -> Result<(), Stopped> {
    match source {
        Source::Folder(_) if args.book.is_some() => {
            return Err(misused("--book names a chain of a database, and a data folder has one"));
        }
        Source::Database(_) if args.after > 0 && args.book.is_none() => {
            return Err(misused("--after counts the entries of one book: name it with --book"));
        }
        _ => {}
    }
    source.look(|chains| {
        let Some(path) = &args.out else { return export(chains, args, io::stdout().lock()) };
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let out = File::create_new(path).map_err(named)?;
        export(chains, args, &out)?;
        Ok(out.sync_all().map_err(named)?)
    })
}

fn misused(why: &str) -> Stopped {
    io::Error::new(io::ErrorKind::InvalidInput, why).into()
}

/// Writes out the chains, one after the other, or the one that is named. Each line has its book unless it was named.
fn export(chains: &[Chain<'_>], args: &ExportArgs, out: impl Write) -> Result<(), Stopped> {
    let mut out = BufWriter::with_capacity(1 << 16, out);
    let book = |chain: &Chain<'_>| chain.book.filter(|_| args.book.is_none());
    if args.format == Format::Csv {
        let is_told = chains.iter().any(|chain| book(chain).is_some());
        write!(out, "{}{}", if is_told { "book," } else { "" }, line::TITLES)?;
    }
    for chain in chains.iter().filter(|it| args.book.is_none() || it.book == args.book) {
        // Those that come meanwhile are for the next time, so that it ends.
        let last = chain.last_entry()?.map_or(0, |(number, ..)| number);
        let each = |entry| {
            let text = match args.format {
                Format::Jsonl => line::json(&entry, book(chain)),
                Format::Csv => line::csv(&entry, book(chain)),
            };
            Ok::<_, Stopped>(out.write_all(text.as_bytes())?)
        };
        chain.walk_range((args.after, last), AT_ONCE, each, || Ok(()))?;
    }
    Ok(out.flush()?)
}
