//! `lezai reconcile`: bills against expected movements, or a statement against a merchant's own books. It reads
//! files and nothing else, so it runs wherever they are. With a channel and a day it asks the gateway instead,
//! which has the bill and the books.

mod files;
mod gateway;
mod input;
mod text;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use lezai_reconcile::bill::{Bill, Contents, Limits};
use lezai_reconcile::class::{BadTime, Terms};
use lezai_reconcile::layout::{self, Layout};
use lezai_reconcile::report::{Between, Telling};
use lezai_reconcile::rules::Rules;
use lezai_reconcile::run::{self, Counted, Keep, Plan, RunError, Side, Spread, Summary, Total};
use lezai_reconcile::sides::{self, Compared};
use lezai_reconcile::when;
use serde_json::Value;

use crate::operator::OperatorArgs;
use crate::progress::Progress;
use files::WorkFolder;
use input::Input;

/// The most bytes of one file, unpacked: WeChat Pay cuts its bills at 16 GB.
const FILE_MAX: u64 = 64 << 30;
/// A mapping or rules have some hundred bytes.
const JSON_MAX: u64 = 1 << 20;
/// The memory that a row needs while its partition is joined, measured in its bytes on disk: itself, its place
/// in the index, and what comes of it if all differ.
const ROOM: u64 = 4;
/// 128 and the number of SIGINT, as a shell tells it.
const INTERRUPTED: u8 = 130;

/// The two sides that are compared.
#[derive(Debug, clap::Args)]
pub struct ReconcileArgs {
    /// A channel's bill, as it was downloaded (CSV, gzip or zip), or the gateway's statement. Several days or
    /// parts: several times.
    #[arg(long, alias = "statement", required_unless_present = "channel", value_name = "FILE")]
    bill: Vec<PathBuf>,
    /// The movements that were expected: in files, another bill, or a merchant's own books.
    #[arg(long, alias = "own", required_unless_present = "channel", value_name = "FILE")]
    movements: Vec<PathBuf>,
    /// The channel's bill of funds, which is compared with `--bill` as its bill of trades.
    #[arg(long, conflicts_with = "channel", value_name = "FILE")]
    funds: Vec<PathBuf>,
    /// The statement of the bank that the channel pays to, which is compared with `--funds`. A mapping says how it is
    /// laid out.
    #[arg(long, conflicts_with = "channel", requires = "funds", value_name = "FILE")]
    bank: Vec<PathBuf>,
    /// Have the gateway reconcile a day of this channel, by the bill that it has.
    #[arg(long, requires = "date", conflicts_with_all = ["bill", "movements"])]
    channel: Option<String>,
    /// The day, such as 2026-11-18.
    #[arg(long, requires = "channel", value_name = "DAY")]
    date: Option<String>,
    #[command(flatten)]
    operator: OperatorArgs,
    /// A mapping that says how a CSV of another kind is laid out.
    #[arg(long, value_name = "FILE")]
    layout: Vec<PathBuf>,
    /// Rules that clear differences, in place of the usual ones.
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Clear nothing: every difference is listed as open.
    #[arg(long, conflicts_with = "rules")]
    no_rules: bool,
    /// Where the time begins that the bills cover [default: the first day in them].
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Where it ends, itself not in it [default: the end of the last day in them].
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Where days begin, as +08:00 [default: the bill's].
    #[arg(long, value_name = "OFFSET", value_parser = offset, allow_hyphen_values = true)]
    offset: Option<i32>,
    /// So near to an end of that time a movement may be in the neighbour's bill.
    #[arg(long, default_value_t = 300, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(0..=86_400))]
    window: u32,
    /// Print JSON lines: each difference, then the summary.
    #[arg(long)]
    json: bool,
    /// Print what matched, too.
    #[arg(long)]
    all: bool,
    /// Where files are kept while it runs [default: the system's folder for such].
    #[arg(long, value_name = "DIR")]
    work: Option<PathBuf>,
    /// How much memory it may take, about.
    #[arg(long, default_value_t = 192, value_name = "MIB", value_parser = clap::value_parser!(u64).range(16..=65_536))]
    memory: u64,
    /// How many threads join [default: as many as there are processors].
    #[arg(long, value_name = "THREADS", value_parser = clap::value_parser!(u16).range(1..=64))]
    threads: Option<u16>,
}

fn offset(text: &str) -> Result<i32, String> {
    when::parse_offset(text).ok_or_else(|| "must be of the form +08:00".to_owned())
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoResult {
    #[error("{}: {why}", file.display())]
    File { file: PathBuf, why: String },
    #[error("{}: {refused}{}", file.display(), if refused.is_balance_break() { " (balance_break: ask the channel for the bill again)" } else { "" })]
    Refused { file: PathBuf, refused: lezai_reconcile::refused::Refused },
    #[error("{}: the channel is still making this bill; ask for it again later", .0.display())]
    Creating(PathBuf),
    #[error("--{0}")]
    Time(#[from] BadTime),
    #[error("the folder for files while it runs: {0}")]
    Work(io::Error),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error("standard output: {0}")]
    Output(io::Error),
    #[error("interrupted; nothing was kept")]
    Interrupted,
}

/// Does it. The exit code is 0 if nothing is open, 1 if something is, and 2 if it could not be said.
pub async fn run(args: ReconcileArgs) -> ExitCode {
    if let (Some(channel), Some(date)) = (&args.channel, &args.date) {
        return gateway::run(&args.operator, channel, date, args.json).await;
    }
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = interrupted.clone();
    let watch = tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            flag.store(true, Ordering::Relaxed);
        }
    });
    let done = tokio::task::spawn_blocking(move || reconcile(&args, &interrupted)).await;
    watch.abort();
    match done {
        Ok(Ok(open)) => ExitCode::from(u8::from(open > 0)),
        Ok(Err(NoResult::Output(error))) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::from(141)
        }
        Ok(Err(error @ NoResult::Interrupted)) => {
            eprintln!("lezai: {error}");
            ExitCode::from(INTERRUPTED)
        }
        Ok(Err(error)) => {
            eprintln!("lezai: {error}");
            ExitCode::from(2)
        }
        Err(panicked) => {
            eprintln!("lezai: {panicked}");
            ExitCode::from(2)
        }
    }
}

/// One file that was read.
pub(crate) struct ReadFile {
    pub(crate) path: PathBuf,
    pub(crate) bill: Bill,
    pub(crate) sha256: String,
}

/// The result of a run, and the files that it came from.
pub(crate) struct Reconciled<'a> {
    pub(crate) between: Between,
    pub(crate) theirs: &'a [ReadFile],
    pub(crate) ours: &'a [ReadFile],
    pub(crate) terms: Terms,
    pub(crate) summary: &'a Summary,
    pub(crate) telling: Telling<'a>,
}

/// The part that is common to the comparisons of a run.
struct Common<'a> {
    args: &'a ReconcileArgs,
    layouts: Vec<Layout>,
    /// Those that were named, in place of the usual ones of each comparison.
    rules: Option<Rules>,
    threads: u16,
    interrupted: &'a AtomicBool,
}

/// Compares the bills with the movements, those of funds with those of trades, and a bank's statement with those of
/// funds. Gives how much is open.
fn reconcile(args: &ReconcileArgs, interrupted: &AtomicBool) -> Result<u64, NoResult> {
    let threads = args.threads.unwrap_or_else(|| {
        thread::available_parallelism()
            .ok()
            .and_then(|it| u16::try_from(it.get()).ok())
            .unwrap_or(1)
    });
    let (layouts, rules) = (layouts(&args.layout)?, rules(args)?);
    let common = Common { args, layouts, rules, threads, interrupted };
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut summaries = Vec::new();
    let sides = [
        (Between::TradesAndBooks, &args.bill, &args.movements),
        (Between::FundsAndTrades, &args.funds, &args.bill),
        (Between::BankAndFunds, &args.bank, &args.funds),
    ];
    for (between, theirs, ours) in sides {
        if between == Between::TradesAndBooks || !theirs.is_empty() {
            let (open, summary) = common.compare(between, theirs, ours, &mut out)?;
            summaries.push((between, open, summary));
        }
    }
    let open = summaries.iter().map(|(_, open, _)| open).sum();
    if args.json {
        let mut summary = Value::Null;
        for (between, _, own) in summaries {
            match between.member() {
                None => summary = own,
                Some(member) => summary[member] = own,
            }
        }
        let whole = serde_json::json!({ "summary": summary });
        writeln!(out, "{whole}").map_err(NoResult::Output)?;
    }
    out.flush().map_err(NoResult::Output)?;
    Ok(open)
}

impl Common<'_> {
    /// Compares two sides and writes what differs. Gives how much is open, and the summary.
    fn compare(
        &self,
        between: Between,
        theirs: &[PathBuf],
        ours: &[PathBuf],
        out: &mut dyn io::Write,
    ) -> Result<(u64, Value), NoResult> {
        let Self { args, threads, interrupted, .. } = *self;
        let work = WorkFolder::new(args.work.as_deref()).map_err(NoResult::Work)?;
        let (theirs, ours) = (inputs(theirs)?, inputs(ours)?);
        let bytes: u64 = theirs.iter().chain(&ours).map(Input::bytes_guessed).sum();
        let memory = args.memory << 20;
        let room = (memory / (ROOM * u64::from(threads))).max(1 << 20);
        let count = u16::try_from(bytes / room + 1).unwrap_or(u16::MAX).min(run::PARTITIONS_MAX);
        let progress = Progress::new(theirs.iter().chain(&ours).map(Input::bytes).sum());
        let own_layouts = sides::layouts_of_ours(between, self.layouts.clone());
        let with_bank = !args.bank.is_empty();
        let read = progress.shown(|progress| {
            let side = |side, inputs, layouts: &[Layout]| {
                let spread = Spread::new(&work, side, count).map_err(NoResult::Work)?;
                let compared = Compared { between, side, with_bank };
                read_side(spread, compared, inputs, layouts, progress, interrupted)
            };
            thread::scope(|scope| {
                let ours = scope.spawn(|| side(Side::Ours, &ours, &own_layouts));
                let theirs = side(Side::Theirs, &theirs, &self.layouts)?;
                let ours = ours.join().unwrap_or(Err(NoResult::Interrupted))?;
                Ok::<_, NoResult>((theirs, ours))
            })
        });
        let ((theirs, their_total), (ours, our_total)) = read?;
        let terms = terms(args, between, &theirs)?;
        let keep = if args.all { Keep::All } else { Keep::Differences };
        let partition_max = usize::try_from(memory / u64::from(threads)).unwrap_or(usize::MAX);
        let rules = self.rules.clone().unwrap_or_else(|| sides::usual_rules(between));
        let plan = Plan { terms, rules, keep, partition_max };
        let joined = Progress::new(u64::from(count));
        let counted =
            joined.shown(|progress| join(&work, count, threads, &plan, progress, interrupted))?;
        let unparsed =
            |files: &[ReadFile]| files.iter().map(|it| it.bill.unparsed.len()).sum::<usize>();
        let unparsed = u64::try_from(unparsed(&theirs) + unparsed(&ours)).unwrap_or(u64::MAX);
        let summary = run::summary(counted, unparsed, &plan.rules, &their_total, &our_total)?;
        let offset_minutes = terms.offset_minutes;
        let result = Reconciled {
            between,
            theirs: &theirs,
            ours: &ours,
            terms,
            summary: &summary,
            telling: Telling { between, rules: &plan.rules, offset_minutes },
        };
        if args.json {
            text::json(&result, &work, count, out, interrupted)?;
        } else {
            text::human(&result, &work, count, out, interrupted)?;
        }
        Ok((summary.open(), text::summary(&result)))
    }
}

fn layouts(files: &[PathBuf]) -> Result<Vec<Layout>, NoResult> {
    // An operator's own come first: it says what the file is.
    let mut layouts = Vec::new();
    for file in files {
        let layout = Layout::from_json(&small(file)?)
            .map_err(|error| NoResult::File { file: file.clone(), why: error.to_string() })?;
        layouts.push(layout);
    }
    layouts.extend(layout::known());
    Ok(layouts)
}

fn rules(args: &ReconcileArgs) -> Result<Option<Rules>, NoResult> {
    match &args.rules {
        _ if args.no_rules => Ok(Some(Rules::none())),
        None => Ok(None),
        Some(file) => Rules::from_json(&small(file)?)
            .map(Some)
            .map_err(|error| NoResult::File { file: file.clone(), why: error.to_string() }),
    }
}

fn small(file: &Path) -> Result<Vec<u8>, NoResult> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(file)
        .and_then(|open| open.take(JSON_MAX).read_to_end(&mut bytes))
        .map_err(|error| NoResult::File { file: file.to_owned(), why: error.to_string() })?;
    Ok(bytes)
}

fn inputs(paths: &[PathBuf]) -> Result<Vec<Input>, NoResult> {
    let open = |path: &PathBuf| {
        Input::open(path)
            .map_err(|error| NoResult::File { file: path.clone(), why: error.to_string() })
    };
    paths.iter().map(open).collect()
}

fn read_side(
    mut spread: Spread<std::fs::File>,
    compared: Compared,
    inputs: &[Input],
    layouts: &[Layout],
    progress: &AtomicU64,
    interrupted: &AtomicBool,
) -> Result<(Vec<ReadFile>, Total), NoResult> {
    let mut read = Vec::new();
    for (number, input) in (0..).zip(inputs) {
        let limits = Limits { bytes_max: FILE_MAX };
        let file = input.read(layouts, number, limits, progress, interrupted, |movement| {
            compared.seen(movement).map_or(Ok(()), |it| spread.put(&it))
        })?;
        if file.bill.contents == Contents::Creating {
            return Err(NoResult::Creating(file.path));
        }
        read.push(file);
    }
    Ok((read, spread.finish().map_err(NoResult::Work)?))
}

fn terms(args: &ReconcileArgs, between: Between, theirs: &[ReadFile]) -> Result<Terms, NoResult> {
    let offset = args.offset.map(when::offset);
    let (from, to) = (args.from.as_deref(), args.to.as_deref());
    let bills = theirs.iter().map(|it| &it.bill);
    let window = sides::window_seconds(between, args.window);
    Ok(Terms::of(bills, from, to, offset.as_deref(), window)?)
}

fn join(
    work: &WorkFolder,
    count: u16,
    threads: u16,
    plan: &Plan,
    progress: &AtomicU64,
    interrupted: &AtomicBool,
) -> Result<Counted, NoResult> {
    let next = AtomicU16::new(0);
    let counted = Mutex::new(Ok(Counted::default()));
    let worker = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return;
            }
            let one = match interrupted.load(Ordering::Relaxed) {
                true => Err(NoResult::Interrupted),
                false => run::join_partition(work, number, plan).map_err(NoResult::from),
            };
            progress.fetch_add(1, Ordering::Relaxed);
            let mut all = counted.lock().unwrap_or_else(PoisonError::into_inner);
            match (&mut *all, one) {
                (Ok(all), Ok(one)) => all.add_all(&one),
                (Err(_), _) => return,
                (all, Err(error)) => {
                    *all = Err(error);
                    return;
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(worker);
        }
        worker();
    });
    counted.into_inner().unwrap_or_else(PoisonError::into_inner)
}
