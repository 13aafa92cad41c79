//! `lezai plugin bench`: what a decision costs, over all orders of a folder.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use cpu_time::ThreadTime;
use lezai_engine::{Plugin, decide};

use super::golden::{Case, cases};
use super::workbench::{Workbench, component};
use super::{Failed, micros};

/// To ask for the time takes longer than some of what is measured, so it is asked for once a batch.
const BATCH: u32 = 10;
const BATCHES: usize = 1_000;
const WARM_UP: usize = 50;

pub(super) fn run(file: &Path, orders: &Path) -> Result<String, Failed> {
    let bench = Workbench::open(false)?;
    let plugin = bench.load(&component(file)?)?;
    let cases = cases(orders)?;
    let mut text = format!(
        "Processor time of whole decisions in fresh sandboxes, in batches of {BATCH}, in µs; `alone` is \
         the standard plugin without this one.\n\n{:<24}{:>8}{:>8}{:>8}{:>10}{:>9}\n",
        "order", "median", "p99", "alone", "fuel", "KiB"
    );
    for case in &cases {
        let (median, p99) = times(&bench, Some(&plugin), case)?;
        let (alone, _) = times(&bench, None, case)?;
        let own = Some((&*plugin, case.settings.as_slice()));
        let decision = decide(&bench.engine, &bench.standard, &case.policy, own, &case.facts);
        let decision =
            decision.map_err(|error| Failed::NotDone(format!("{}: {error}", case.name)))?;
        let runs = || decision.runs().filter(|(hook, _)| plugin.answers(*hook));
        let fuel: u64 = runs().map(|(_, run)| run.fuel).sum();
        let memory = runs().map(|(_, run)| run.memory).max().unwrap_or_default();
        let _ = writeln!(
            text,
            "{:<24}{:>8}{:>8}{:>8}{fuel:>10}{:>9}",
            case.name,
            micros(median),
            micros(p99),
            micros(alone),
            memory / 1024,
        );
    }
    Ok(text)
}

/// Median and 99th percentile.
fn times(
    bench: &Workbench,
    plugin: Option<&Plugin>,
    case: &Case,
) -> Result<(Duration, Duration), Failed> {
    let own = plugin.map(|plugin| (plugin, case.settings.as_slice()));
    let mut times = Vec::with_capacity(BATCHES);
    for batch in 0..WARM_UP + BATCHES {
        let start = ThreadTime::now();
        for _ in 0..BATCH {
            decide(&bench.engine, &bench.standard, &case.policy, own, &case.facts)
                .map_err(|error| Failed::NotDone(format!("{}: {error}", case.name)))?;
        }
        if batch >= WARM_UP {
            times.push(start.elapsed() / BATCH);
        }
    }
    times.sort_unstable();
    Ok((times[BATCHES / 2], times[BATCHES * 99 / 100]))
}
