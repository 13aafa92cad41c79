//! The simulator: the gateway's own code, a store, a bank, shoppers and a merchant in one thread,
//! on one seed and a clock that stands still until it is moved. See `docs/simulator.md`.

mod accounts;
mod bank;
mod counter;
mod funds;
mod fx;
mod holds;
mod kept;
mod mandates;
mod merchant;
mod payout_batches;
mod plan;
mod planted;
mod planted_accounts;
mod planted_bills;
mod planted_fees;
mod planted_funds;
mod planted_fx;
mod planted_mandates;
mod planted_payout_batches;
mod planted_splits;
mod planted_statements;
mod random;
mod splits;
mod world;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use lezai_assets as assets;
use lezai_core::id::MerchantId;
use lezai_core::key::SigningKey;
use lezai_core::webhook::Secret;
use lezai_engine::{Config, Engine, Plugin};
use lezai_gateway::merchants::Merchants;
use lezai_gateway::plugins::blobs::Blobs;
use lezai_store::Brand;
use lezai_store::MerchantRecord;

pub use kept::over;
use plan::Op;
pub use planted::Planted;
use world::World;

/// The merchant.
const MERCHANT: &str = "m_sim";

const POLICY: &str = r#"{"version":1,"limits":[{"currency":"CNY","min":1,"max":5000000},
  {"currency":"USD","min":1,"max":5000000},{"currency":"JPY","min":1,"max":5000000},{"currency":"KWD","min":1,"max":5000000}],
  "risk":{"review_at":60,"deny_at":100},"fees":[{"currency":"CNY","rate_ppm":6000,"min":1,"rounding":"half_up"},
  {"currency":"USD","rate_ppm":6000,"rounding":"half_up"},{"currency":"JPY","rate_ppm":6000,"rounding":"half_up"},
  {"currency":"KWD","rate_ppm":6000,"rounding":"half_up"}],
  "routes":[{"channel":"sim"}]}"#;

/// So many steps of all runs together look for a shorter trace: some seconds.
const SHRINK_STEPS: usize = 2_000_000;

/// A fault of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process dies before a commit.
    CrashBefore,
    /// It dies after a commit, before a caller hears.
    CrashAfter,
    /// A question to the channel is lost.
    Lost,
    /// It comes after its asker gave up.
    Late,
    /// It comes twice.
    Twice,
    /// The channel's answer is lost.
    AnswerLost,
    /// A callback is lost.
    CallbackLost,
    /// It comes twice.
    CallbackTwice,
    /// The merchant's answer to it is lost.
    CallbackUnanswered,
    /// The merchant's server answers 503, and asks for time.
    CallbackRefused,
    /// It answers 410: it wants none of it.
    CallbackGone,
    /// A merchant sends a request twice at once.
    SentTwice,
    /// The gateway's answer to a merchant is lost.
    ReplyLost,
    /// The clock jumps.
    Jump,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 14] = [
        Self::CrashBefore,
        Self::CrashAfter,
        Self::Lost,
        Self::Late,
        Self::Twice,
        Self::AnswerLost,
        Self::CallbackLost,
        Self::CallbackTwice,
        Self::CallbackUnanswered,
        Self::CallbackRefused,
        Self::CallbackGone,
        Self::SentTwice,
        Self::ReplyLost,
        Self::Jump,
    ];

    /// Its name in the counts.
    pub fn name(self) -> &'static str {
        match self {
            Self::CrashBefore => "crash_before_commit",
            Self::CrashAfter => "crash_after_commit",
            Self::Lost => "question_lost",
            Self::Late => "question_late",
            Self::Twice => "question_twice",
            Self::AnswerLost => "answer_lost",
            Self::CallbackLost => "callback_lost",
            Self::CallbackTwice => "callback_twice",
            Self::CallbackUnanswered => "callback_unanswered",
            Self::CallbackRefused => "callback_refused",
            Self::CallbackGone => "callback_gone",
            Self::SentTwice => "sent_twice",
            Self::ReplyLost => "reply_lost",
            Self::Jump => "clock_jump",
        }
    }
}

/// One run: a seed, and what is left of its plan and its faults.
#[derive(Clone, Debug)]
struct Run {
    seed: u64,
    salt: u64,
    planted: Planted,
    /// Which operations of the plan; all if none is said.
    ops: Option<Vec<usize>>,
    without: Vec<Fault>,
    max_faults: usize,
    /// The process dies there for certain.
    crash: Option<Crash>,
    trace: bool,
}

/// A death at one commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crash {
    /// Which commit of the run, from 0.
    pub commit: usize,
    /// Once it is durable, and before anybody hears; else just before it.
    pub after: bool,
}

impl Run {
    fn new(seed: u64, planted: Planted) -> Self {
        let max_faults = usize::MAX;
        Self {
            seed,
            salt: 0,
            planted,
            ops: None,
            without: Vec::new(),
            max_faults,
            crash: None,
            trace: false,
        }
    }

    fn ops(&self) -> Vec<Op> {
        let plan = plan::plan(self.seed);
        match &self.ops {
            None => plan,
            Some(kept) => kept.iter().filter_map(|nth| plan.get(*nth).copied()).collect(),
        }
    }

    fn allows(&self, fault: Fault) -> bool {
        !self.without.contains(&fault)
    }

    fn fails(&self, shared: &Shared) -> Option<(Failure, Vec<String>)> {
        let (_, trace, done) = World::new(self, shared).live();
        done.err().map(|failure| (failure, trace))
    }
}

/// An invariant that does not hold.
#[derive(Clone, Debug)]
struct Failure {
    what: String,
}

/// The parts that all seeds share, because making them takes long.
struct Shared {
    engine: Arc<Engine>,
    standard: Arc<Plugin>,
    blobs: Arc<Blobs>,
    merchants: Arc<Merchants>,
    merchant: MerchantRecord,
    key: SigningKey,
}

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        let cache = std::env::temp_dir().join(format!("lezai-sim-{}", std::process::id()));
        let engine = Engine::new(Config { slots: 1, ..Config::new(&cache) }).unwrap();
        // The decision is the simulation's own; the plugin only has to be there.
        let standard = engine.load(assets::STANDARD_PLUGIN).unwrap();
        let blobs = Arc::new(Blobs::open(&cache).unwrap());
        let _ = std::fs::remove_dir_all(&cache);
        let merchant = MerchantRecord {
            id: MerchantId::parse(MERCHANT).unwrap(),
            name: "Sim".to_owned(),
            notify_url: Some("https://merchant.example/callbacks".to_owned()),
            webhook_secret: Secret::from_bytes((0..32).collect()).unwrap().reveal(),
            policy: POLICY.to_owned(),
            notify_hosts: Vec::new(),
            frame_origins: Vec::new(),
            brand: Brand::default(),
            former_secret: None,
        };
        let merchants = Merchants::load(vec![merchant.clone()], Vec::new(), Default::default());
        assert!(merchants.get(&merchant.id).is_some(), "the merchant's record is in order");
        Shared {
            blobs,
            engine: Arc::new(engine),
            standard,
            merchants: Arc::new(merchants),
            merchant,
            key: SigningKey::from_entropy(b"the simulated gateway's own key!").unwrap(),
        }
    })
}

/// The counts of what happened.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Seeds that ran.
    pub seeds: usize,
    /// Steps of the dice.
    pub steps: usize,
    /// Commits.
    pub commits: usize,
    /// Deaths and restarts of the gateway.
    pub crashes: usize,
    /// Answers that a merchant heard.
    pub answers: usize,
    /// Requests that it sent again.
    pub repeats: usize,
    /// Callbacks that it had already.
    pub duplicates: usize,
    /// Operations by name.
    pub ops: BTreeMap<&'static str, usize>,
    /// The acts of shoppers at the bank.
    pub acts: BTreeMap<&'static str, usize>,
    /// Faults by name.
    pub faults: BTreeMap<&'static str, usize>,
    /// Refusals by code.
    pub refusals: BTreeMap<&'static str, usize>,
    /// Questions that the channel heard.
    pub calls: BTreeMap<&'static str, usize>,
    /// Events that the merchant heard.
    pub events: BTreeMap<String, usize>,
    /// How orders ended.
    pub ends: BTreeMap<&'static str, usize>,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.steps += other.steps;
        self.commits += other.commits;
        self.crashes += other.crashes;
        self.answers += other.answers;
        self.repeats += other.repeats;
        self.duplicates += other.duplicates;
        fn all<K: Ord>(to: &mut BTreeMap<K, usize>, from: BTreeMap<K, usize>) {
            from.into_iter().for_each(|(key, count)| *to.entry(key).or_default() += count);
        }
        all(&mut self.ops, other.ops);
        all(&mut self.acts, other.acts);
        all(&mut self.faults, other.faults);
        all(&mut self.refusals, other.refusals);
        all(&mut self.calls, other.calls);
        all(&mut self.events, other.events);
        all(&mut self.ends, other.ends);
    }

    /// A few lines for people.
    pub fn text(&self) -> String {
        let mut text = format!(
            "{} seeds, {} steps, {} commits, {} crashes, {} answers, {} repeats, {} duplicate callbacks\n",
            self.seeds,
            self.steps,
            self.commits,
            self.crashes,
            self.answers,
            self.repeats,
            self.duplicates
        );
        // Writing to a String cannot fail.
        let _ = writeln!(text, "operations {:?}\nfaults     {:?}", self.ops, self.faults);
        let _ = writeln!(text, "refusals   {:?}\nchannel    {:?}", self.refusals, self.calls);
        let _ = writeln!(text, "events     {:?}\nends       {:?}", self.events, self.ends);
        let _ = writeln!(text, "shoppers   {:?}", self.acts);
        text
    }
}

/// Runs the seeds from `first` on all cores, and stops at the first that fails.
///
/// # Errors
///
/// The invariant that does not hold, with the shortest trace that was found and how to run it again.
pub fn run(first: u64, seeds: u64, planted: Planted) -> Result<Counts, String> {
    search(first, seeds, planted).map_err(|seed| explain(Run::new(seed, planted), shared()))
}

/// As [`run`], with the whole trace of the seed that fails, as it ran.
///
/// # Errors
///
/// The invariant that does not hold, with the trace.
pub fn run_untouched(first: u64, seeds: u64, planted: Planted) -> Result<Counts, String> {
    search(first, seeds, planted)
        .map_err(|seed| told(&Run { trace: true, ..Run::new(seed, planted) }, shared()))
}

/// Runs the seeds, and gives the first that fails.
fn search(first: u64, seeds: u64, planted: Planted) -> Result<Counts, u64> {
    let shared = shared();
    let (next, stop) = (AtomicU64::new(first), AtomicBool::new(false));
    let (total, failed) = (Mutex::new(Counts::default()), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut counts = Counts::default();
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds {
                        break;
                    }
                    let run = Run::new(seed, planted);
                    let (counted, _, done) = World::new(&run, shared).live();
                    counts.add(counted);
                    if done.is_err() {
                        failed.lock().unwrap().push(seed);
                        stop.store(true, Ordering::Relaxed);
                    }
                }
                total.lock().unwrap().add(counts);
            });
        }
    });
    let mut failed = failed.into_inner().unwrap();
    failed.sort_unstable();
    match failed.first() {
        None => Ok(total.into_inner().unwrap()),
        Some(seed) => Err(*seed),
    }
}

/// Runs a seed once for each of its commits and dies there: before it, and after it. Nothing else
/// goes wrong, so that each death is looked at by itself. Gives the number of runs.
///
/// # Errors
///
/// As of [`run`].
pub fn crash_everywhere(seed: u64) -> Result<usize, String> {
    let (shared, calm) = (shared(), calm(seed));
    let (counts, _, done) = World::new(&calm, shared).live();
    if done.is_err() {
        return Err(explain(calm, shared));
    }
    let crashes = (0..counts.commits).flat_map(|commit| {
        [false, true].map(|after| Run { crash: Some(Crash { commit, after }), ..calm.clone() })
    });
    for run in crashes {
        if run.fails(shared).is_some() {
            return Err(explain(run, shared));
        }
    }
    Ok(1 + 2 * counts.commits)
}

/// Of so many seeds, the one that commits least when nothing goes wrong: for [`crash_everywhere`] over a store that
/// takes its time, since that runs the seed twice for each commit.
pub fn shortest(seeds: u64) -> u64 {
    let commits = |seed: &u64| World::new(&calm(*seed), shared()).live().0.commits;
    (1..=seeds).min_by_key(commits).unwrap_or(1)
}

/// A run in which nothing goes wrong.
fn calm(seed: u64) -> Run {
    Run { without: Fault::ALL.to_vec(), ..Run::new(seed, Planted::Nothing) }
}

/// The first seed that sees one of these things happen, if one of so many does, and what it saw.
pub fn first_to_see(planted: Planted, seen: &[&str], seeds: u64) -> Option<(u64, String)> {
    (1..=seeds).find_map(|seed| {
        let (failure, _) = Run::new(seed, planted).fails(shared())?;
        seen.iter().any(|it| failure.what.contains(it)).then_some((seed, failure.what))
    })
}

fn explain(run: Run, shared: &Shared) -> String {
    let run = shrink(run, shared);
    told(&Run { trace: true, ..run }, shared)
}

fn told(run: &Run, shared: &Shared) -> String {
    let seed = run.seed;
    let (failure, trace) = run
        .fails(shared)
        .unwrap_or((Failure { what: "it fails, and not a second time".to_owned() }, Vec::new()));
    let mut text = format!("seed {seed}: {}\n", failure.what);
    for line in &trace {
        let _ = writeln!(text, "  {line}");
    }
    let crash = if run.crash.is_some() { " CRASH=1" } else { "" };
    let store = if kept::is_database() { " STORE=postgres" } else { "" };
    let _ = writeln!(text, "{}\nrun it again: make sim SEED={seed}{crash}{store}", failure.what);
    text
}

/// Leaves out what the failure does not need: faults by kind, the last ones, and operations one by
/// one. Deterministic, so the seed alone leads here again. It ends after so many steps: a run that does not
/// come to rest takes thousands each time.
fn shrink(mut run: Run, shared: &Shared) -> Run {
    let mut steps = 0;
    let mut still = |run: &Run| {
        if steps > SHRINK_STEPS {
            return false;
        }
        let (counts, _, done) = World::new(run, shared).live();
        steps += counts.steps;
        done.is_err()
    };
    if run.ops.is_none() {
        run.ops = Some((0..plan::plan(run.seed).len()).collect());
    }
    for fault in Fault::ALL {
        let mut less = run.clone();
        less.without.push(fault);
        if still(&less) {
            run = less;
        }
    }
    let mut smaller = true;
    while smaller {
        smaller = false;
        let mut nth = run.ops.as_ref().map_or(0, Vec::len);
        while nth > 0 {
            nth -= 1;
            for salt in 0..4 {
                let mut less = Run { salt, ..run.clone() };
                less.ops.as_mut().map(|ops| ops.remove(nth));
                if still(&less) {
                    (run, smaller) = (less, true);
                    break;
                }
            }
        }
    }
    for max_faults in 0..8 {
        let less = Run { max_faults, ..run.clone() };
        if still(&less) {
            run = less;
            break;
        }
    }
    run
}
