//! `lezai statement`: a merchant's statement, read from the store beside a gateway that may be running.

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use lezai_base::clock;
use lezai_core::id::MerchantId;
use lezai_core::ledger::{GENESIS, Kind as Booked, Subject};
use lezai_core::time::Timestamp;
use lezai_reconcile::statement::booked::{account_name, is_own, order_amounts, own_accounts};
use lezai_reconcile::statement::{
    AccountLine, Balances, Columns, Form, Kind, OrderLine, Scope, Unfinished, Writer,
};
use lezai_reconcile::when;
use lezai_store::{BookedEntry, StoreError};

use crate::progress::Progress;
use crate::source::{Chain, Source, SourceArgs, refuse};

/// Entries that are read at once, as for `lezai ledger export`.
const AT_ONCE: u64 = 10_000;
/// An entry that is being committed may be dated a moment ago: a time is over so long after it.
const GRACE_MS: i64 = 10_000;
/// 128 and the number of SIGINT, as a shell tells it.
const INTERRUPTED: u8 = 130;

/// Whose statement, of what, and in which form.
#[derive(Debug, clap::Args)]
pub struct StatementArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// Whose.
    #[arg(long, value_parser = MerchantId::parse)]
    merchant: MerchantId,
    /// The kind of lines that it has.
    #[arg(long = "type", value_enum, default_value_t = Type::Orders)]
    kind: Type,
    /// From this time on [default: the beginning].
    #[arg(long, value_name = "TIME", conflicts_with = "after")]
    from: Option<String>,
    /// Before this time, which must be over [default: all that is booked].
    #[arg(long, value_name = "TIME", conflicts_with = "until")]
    to: Option<String>,
    /// Entries after this one, in place of a time: what an earlier statement ended with.
    #[arg(long, value_name = "NUMBER")]
    after: Option<u64>,
    /// Entries up to and with this one, in place of a time.
    #[arg(long, value_name = "NUMBER")]
    until: Option<u64>,
    /// For times in the statement, and those above that name no offset of their own.
    #[arg(long, default_value = "+08:00", value_name = "OFFSET", value_parser = offset, allow_hyphen_values = true)]
    offset: i32,
    /// The form.
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// Into a file, which must not be there yet [default: standard output].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Type {
    /// Opening balances, every movement, closing balances.
    #[value(name = "account.1", alias = "account")]
    Account,
    /// Payments, refunds and voids with gross, fee and net.
    #[value(name = "orders.1", alias = "orders")]
    Orders,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    Csv,
    Jsonl,
}

fn offset(text: &str) -> Result<i32, String> {
    when::parse_offset(text).ok_or_else(|| "must be of the form +08:00".to_owned())
}

#[derive(Debug, thiserror::Error)]
enum NoStatement {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("--{0} must be a day or a time, such as 2026-03-01 or 2026-03-01T00:00:00+08:00")]
    Time(&'static str),
    #[error("--to must be over: what is booked before it may still become more")]
    NotOver,
    #[error("the ledger has no entry {0}")]
    NoEntry(u64),
    #[error("the entries end before they begin")]
    Backwards,
    #[error(transparent)]
    Unfinished(#[from] Unfinished),
    #[error("interrupted; nothing was kept")]
    Interrupted,
}

impl From<io::Error> for NoStatement {
    fn from(error: io::Error) -> Self {
        Self::Unfinished(error.into())
    }
}

/// Writes it. The exit code is 0 if it was written, and 2 if not.
pub async fn run(args: StatementArgs) -> ExitCode {
    let source = match args.source.source() {
        Ok(source) => source,
        Err(why) => return refuse(&why),
    };
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = interrupted.clone();
    let watch = tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            flag.store(true, Ordering::Relaxed);
        }
    });
    let from = source.clone();
    let done = tokio::task::spawn_blocking(move || write(&args, &from, &interrupted)).await;
    watch.abort();
    match done {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(NoStatement::Unfinished(Unfinished::Io(error))))
            if error.kind() == io::ErrorKind::BrokenPipe =>
        {
            ExitCode::from(141)
        }
        Ok(Err(error @ NoStatement::Interrupted)) => {
            eprintln!("lezai: {error}");
            ExitCode::from(INTERRUPTED)
        }
        Ok(Err(NoStatement::Store(error))) => refuse(&source.unreadable(&error)),
        Ok(Err(error)) => refuse(&error.to_string()),
        Err(panicked) => refuse(&panicked.to_string()),
    }
}

fn write(
    args: &StatementArgs,
    source: &Source,
    interrupted: &AtomicBool,
) -> Result<(), NoStatement> {
    source.look(|chains| {
        let chain = chains.iter().find(|it| it.is_of(&args.merchant));
        let chain = chain.ok_or_else(|| StoreError::Damaged("a book is missing".to_owned()))?;
        let (after, until) = range(args, chain)?;
        write_out(args, &Lines { chain, args, after, until, interrupted })
    })
}

fn write_out(args: &StatementArgs, lines: &Lines<'_>) -> Result<(), NoStatement> {
    let Some(path) = &args.out else {
        // On a terminal the lines themselves show how far it is.
        return match io::stdout().is_terminal() {
            true => lines.write(io::stdout().lock(), &AtomicU64::new(0)),
            false => lines.shown(|done| lines.write(io::stdout().lock(), done)),
        };
    };
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    if path.exists() {
        return Err(named(io::ErrorKind::AlreadyExists.into()).into());
    }
    // The file is whole for everybody who finds it.
    let part = part_of(path);
    let written = File::create(&part).map_err(NoStatement::from).and_then(|out| {
        lines.shown(|done| lines.write(&out, done))?;
        out.sync_all()?;
        Ok(fs::hard_link(&part, path)?)
    });
    let _ = fs::remove_file(&part);
    written.map_err(|error| match error {
        NoStatement::Unfinished(Unfinished::Io(error)) => named(error).into(),
        error => error,
    })
}

fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    name.into()
}

/// The entries that it covers: after the first number, up to and with the second.
fn range(args: &StatementArgs, chain: &Chain<'_>) -> Result<(u64, u64), NoStatement> {
    let last = chain.last_entry()?;
    let time = |text: &Option<String>, name| match text {
        None => Ok(None),
        Some(text) => when::parse(text.as_bytes(), args.offset)
            .map(|at| Some(Timestamp::from_ms(at)))
            .ok_or(NoStatement::Time(name)),
    };
    let last_number = last.as_ref().map_or(0, |(number, ..)| *number);
    let after = match (args.after, time(&args.from, "from")?) {
        (Some(number), _) => number,
        (None, Some(from)) => chain.last_before(from)?,
        (None, None) => 0,
    };
    let until = match (args.until, time(&args.to, "to")?) {
        (Some(number), _) => number,
        (None, Some(to)) => {
            // An entry's time is not before that of the one before it.
            let passed = last.is_some_and(|(_, at, _)| at >= to);
            if !passed && to.plus_ms(GRACE_MS) > clock::now() {
                return Err(NoStatement::NotOver);
            }
            chain.last_before(to)?
        }
        (None, None) => last_number,
    };
    if until > last_number {
        return Err(NoStatement::NoEntry(until));
    }
    if after > until {
        return Err(NoStatement::Backwards);
    }
    Ok((after, until))
}

struct Lines<'a> {
    chain: &'a Chain<'a>,
    args: &'a StatementArgs,
    after: u64,
    until: u64,
    interrupted: &'a AtomicBool,
}

impl Lines<'_> {
    fn shown<T>(&self, work: impl FnOnce(&AtomicU64) -> T) -> T {
        Progress::new(self.until - self.after).shown(work)
    }

    /// Writes all of it; `done` counts the entries.
    fn write(&self, out: impl Write, done: &AtomicU64) -> Result<(), NoStatement> {
        let kind = match self.args.kind {
            Type::Account => Kind::Account,
            Type::Orders => Kind::Orders,
        };
        let form = match self.args.format {
            Format::Csv => Form::Csv,
            Format::Jsonl => Form::JsonLines,
        };
        let scope = Scope {
            kind,
            merchant: self.args.merchant.as_str(),
            after: self.after,
            until: self.until,
            offset: &|_| self.args.offset,
        };
        let out = BufWriter::with_capacity(1 << 16, out);
        let columns = Columns::all(kind);
        let opening = self.balances(kind, self.after)?;
        let mut writer = Writer::new(out, form, scope, &columns, opening)?;
        let each = |entry: BookedEntry| {
            done.store(entry.number - self.after, Ordering::Relaxed);
            match self.args.kind {
                Type::Account => self.account_lines(&mut writer, &entry),
                Type::Orders => self.order_line(&mut writer, &entry),
            }
        };
        self.chain.walk_range((self.after, self.until), AT_ONCE, each, || {
            match self.interrupted.load(Ordering::Relaxed) {
                true => Err(NoStatement::Interrupted),
                false => Ok(()),
            }
        })?;
        let head = self.chain.entry_hash(self.until)?.unwrap_or_else(|| GENESIS.to_owned());
        writer.finish(&self.balances(kind, self.until)?, &head)?;
        Ok(())
    }

    /// The balances of the merchant's accounts after an entry, seen from the merchant.
    fn balances(&self, kind: Kind, number: u64) -> Result<Balances, NoStatement> {
        let mut balances = Balances::new();
        if kind != Kind::Account || number == 0 {
            return Ok(balances);
        }
        for account in own_accounts(&self.args.merchant) {
            for (currency, minor) in self.chain.balances_after(&account, number)? {
                balances.insert((account_name(&account), currency), -i128::from(minor));
            }
        }
        Ok(balances)
    }

    fn account_lines(
        &self,
        writer: &mut Writer<'_, impl Write>,
        entry: &BookedEntry,
    ) -> Result<(), NoStatement> {
        let merchant = &self.args.merchant;
        for posting in entry.postings.iter().filter(|it| is_own(&it.account, merchant)) {
            writer.account_line(&AccountLine {
                entry: entry.number,
                at_ms: entry.at.as_ms(),
                kind: entry.kind.as_str(),
                reference: &self.reference(entry)?,
                order: entry.subject.as_str(),
                account: &account_name(&posting.account),
                minor: -posting.minor,
                currency: posting.currency.code(),
            })?;
        }
        Ok(())
    }

    fn order_line(
        &self,
        writer: &mut Writer<'_, impl Write>,
        entry: &BookedEntry,
    ) -> Result<(), NoStatement> {
        let amounts = order_amounts(entry.kind, &entry.postings, &self.args.merchant);
        let Some(amounts) = amounts else { return Ok(()) };
        writer.order_line(&OrderLine {
            entry: entry.number,
            at_ms: entry.at.as_ms(),
            kind: amounts.kind,
            reference: &self.reference(entry)?,
            order: entry.subject.as_str(),
            gross_minor: amounts.gross_minor,
            fee_minor: amounts.fee_minor,
            currency: amounts.currency,
            paid: amounts.paid,
            own: &[],
        })?;
        Ok(())
    }

    fn reference(&self, entry: &BookedEntry) -> Result<String, NoStatement> {
        let refund = (entry.kind == Booked::RefundRequest).then_some(entry.number);
        match &entry.subject {
            Subject::Order(order) => Ok(self.chain.reference(order, refund)?),
            // By the merchant's own number, too.
            Subject::Payout(payout) => {
                let found = self.chain.payout(payout)?;
                Ok(found.map(|it| it.terms.merchant_payout_id).unwrap_or_default())
            }
            // It touches no merchant's account.
            Subject::Difference(_) => Ok(String::new()),
        }
    }
}
