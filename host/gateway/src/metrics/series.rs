//! Metrics of each merchant's releases, for Prometheus. A label takes few values: so many
//! releases have lines of their own, all others share one, and one that is retired gives its own back.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lezai_core::policy::Verdict;
use lezai_engine::{Decision, Found, Outcome};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use super::{OutcomeLabel, word};

/// Releases with lines of their own. Each has some sixty, so a scrape stays below 2 MB.
pub const RELEASES_MAX: usize = 256;
/// The value of each label of the line that the others share.
const OTHER: &str = "other";

/// The release that a line is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReleaseLabel {
    merchant: String,
    plugin: String,
    version: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReleaseOutcome {
    merchant: String,
    plugin: String,
    version: String,
    outcome: &'static str,
}

/// All counters of plugins.
#[derive(Debug)]
pub struct PluginMetrics {
    verdicts: Family<ReleaseOutcome, Counter>,
    hooks: Family<ReleaseOutcome, Counter>,
    found: Family<ReleaseOutcome, Counter>,
    compared: Family<ReleaseOutcome, Counter>,
    fuel: Family<ReleaseLabel, Histogram, fn() -> Histogram>,
    memory: Family<ReleaseLabel, Histogram, fn() -> Histogram>,
    seconds: Family<ReleaseLabel, Histogram, fn() -> Histogram>,
    /// From the commit that moves a release until orders meet it.
    pub live_seconds: Histogram,
    rollbacks: Family<OutcomeLabel, Counter>,
    /// Background work for plugins that was dropped, because there was too much of it.
    pub dropped: Counter,
    /// Plugins that stand ready.
    pub ready: Gauge,
    /// How many can.
    pub ready_most: Gauge,
    /// Processor time that all the fuel of a question takes on this node.
    pub full_fuel: Gauge<f64, AtomicU64>,
    /// Whether the clock may end a question here before its fuel does: 0 or 1.
    pub deadline_likely: Gauge,
    lines: Mutex<HashMap<ReleaseLabel, usize>>,
}

/// A release's own line, or the one that many share; given back when the last holder is gone.
#[derive(Debug)]
pub struct Series {
    label: ReleaseLabel,
    metrics: Arc<PluginMetrics>,
    // Looked up once: an order pays for counting, and not for finding what to count in.
    verdicts: [Counter; 3],
    hooks: [Counter; 9],
    found: [Counter; 3],
    compared: [Counter; 2],
    fuel: Histogram,
    memory: Histogram,
    seconds: Histogram,
}

const VERDICTS: [Verdict; 3] = [Verdict::Accept, Verdict::Review, Verdict::Deny];
/// Where a release was.
const FOUND: [&str; 3] = ["ready", "cache", "missing"];
/// Whether two decisions agree.
const COMPARED: [&str; 2] = ["same", "different"];
/// How a hook can end: `ok`, and each of [`lezai_engine::Failure::label`].
const OUTCOMES: [&str; 9] = [
    "ok",
    "fuel",
    "deadline",
    "memory",
    "trap",
    "refused",
    "nonsense",
    "too_much_input",
    "too_much_output",
];

fn fuel_buckets() -> Histogram {
    Histogram::new(exponential_buckets(1000.0, 2.0, 12))
}

/// A page of WebAssembly, and on to the most memory that any gateway may give.
fn memory_buckets() -> Histogram {
    Histogram::new(exponential_buckets(65_536.0, 2.0, 8))
}

fn seconds_buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.000_008, 2.0, 13))
}

impl Default for PluginMetrics {
    fn default() -> Self {
        Self {
            verdicts: Family::default(),
            hooks: Family::default(),
            found: Family::default(),
            compared: Family::default(),
            fuel: Family::new_with_constructor(fuel_buckets as fn() -> Histogram),
            memory: Family::new_with_constructor(memory_buckets as fn() -> Histogram),
            seconds: Family::new_with_constructor(seconds_buckets as fn() -> Histogram),
            live_seconds: Histogram::new(exponential_buckets(0.000_25, 2.0, 12)),
            rollbacks: Family::default(),
            dropped: Counter::default(),
            ready: Gauge::default(),
            ready_most: Gauge::default(),
            full_fuel: Gauge::default(),
            deadline_likely: Gauge::default(),
            lines: Mutex::default(),
        }
    }
}

impl PluginMetrics {
    /// Makes them known.
    pub fn register(&self, registry: &mut Registry) {
        let orders = "Orders that a release was asked about";
        registry.register(
            "plugin_verdicts",
            format!("{orders}, by verdict"),
            self.verdicts.clone(),
        );
        registry.register(
            "plugin_hooks",
            "Hooks of a release that ran, by how they ended",
            self.hooks.clone(),
        );
        registry.register(
            "plugin_found",
            format!("{orders}, by where it was: ready, in the cache, or missing"),
            self.found.clone(),
        );
        registry.register(
            "plugin_compared",
            "Orders that a candidate and the live release decided, by whether they agree",
            self.compared.clone(),
        );
        registry.register("plugin_fuel", "Fuel of a release for an order", self.fuel.clone());
        registry.register_with_unit(
            "plugin_memory",
            "Memory that a release's instance had come to have for an order",
            Unit::Bytes,
            self.memory.clone(),
        );
        registry.register_with_unit(
            "plugin_live",
            "Time from the commit that publishes or moves a release until orders meet it",
            Unit::Seconds,
            self.live_seconds.clone(),
        );
        registry.register_with_unit(
            "plugin",
            "Time of a decision with a release, standard plugin included",
            Unit::Seconds,
            self.seconds.clone(),
        );
        registry.register(
            "plugin_rollbacks",
            "Releases that were taken back with nobody asked, by why",
            self.rollbacks.clone(),
        );
        registry.register(
            "plugin_work_dropped",
            "Comparisons and records that were left out because too many waited",
            self.dropped.clone(),
        );
        registry.register("plugins_ready", "Plugins that stand ready", self.ready.clone());
        registry.register(
            "plugins_ready_most",
            "Plugins that can stand ready",
            self.ready_most.clone(),
        );
        registry.register_with_unit(
            "plugin_full_fuel",
            "Processor time that all the fuel of a question takes on this node at its slowest, as \
             measured at the start",
            Unit::Seconds,
            self.full_fuel.clone(),
        );
        registry.register(
            "plugin_deadline_likely",
            "1 if this node is so slow that the clock may end a plugin before its fuel does",
            self.deadline_likely.clone(),
        );
    }

    /// A release was taken back.
    pub fn rolled_back(&self, why: &'static str) {
        self.rollbacks.get_or_create(&OutcomeLabel { outcome: why }).inc();
    }

    /// The line of a release.
    pub fn series(self: &Arc<Self>, merchant: &str, plugin: &str, version: &str) -> Series {
        let text = str::to_owned;
        let wanted =
            ReleaseLabel { merchant: text(merchant), plugin: text(plugin), version: text(version) };
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let label = if lines.contains_key(&wanted) || lines.len() < RELEASES_MAX {
            wanted
        } else {
            ReleaseLabel { merchant: text(OTHER), plugin: text(OTHER), version: text(OTHER) }
        };
        if label.merchant != OTHER {
            *lines.entry(label.clone()).or_default() += 1;
        }
        let of = |family: &Family<ReleaseOutcome, Counter>, outcome| {
            family.get_or_create_owned(&label.with(outcome))
        };
        Series {
            verdicts: VERDICTS.map(|it| of(&self.verdicts, word(it))),
            hooks: OUTCOMES.map(|it| of(&self.hooks, it)),
            found: FOUND.map(|it| of(&self.found, it)),
            compared: COMPARED.map(|it| of(&self.compared, it)),
            metrics: Arc::clone(self),
            fuel: self.fuel.get_or_create_owned(&label),
            memory: self.memory.get_or_create_owned(&label),
            seconds: self.seconds.get_or_create_owned(&label),
            label,
        }
    }
}

impl Series {
    /// The release was asked; `digest` is its own.
    pub fn asked(&self, decision: &Decision, digest: &str, found: Option<Found>, time: Duration) {
        let [accept, review, deny] = &self.verdicts;
        match decision.risk.verdict {
            Verdict::Accept => accept.inc(),
            Verdict::Review => review.inc(),
            Verdict::Deny => deny.inc(),
        };
        let [ready, cache, missing] = &self.found;
        match found {
            Some(Found::Ready) => ready.inc(),
            Some(Found::InCache) => cache.inc(),
            None => missing.inc(),
        };
        let (mut fuel, mut memory) = (0_u32, 0);
        for (_, hook) in decision.runs().filter(|(_, hook)| hook.digest == digest) {
            let outcome = match &hook.outcome {
                Outcome::Answered => "ok",
                Outcome::Failed(failure) => failure.label(),
            };
            if let Some(index) = OUTCOMES.iter().position(|it| *it == outcome) {
                self.hooks[index].inc();
            }
            fuel = fuel.saturating_add(u32::try_from(hook.fuel).unwrap_or(u32::MAX));
            memory = memory.max(hook.memory);
        }
        self.fuel.observe(f64::from(fuel));
        self.memory.observe(f64::from(u32::try_from(memory).unwrap_or(u32::MAX)));
        self.seconds.observe(time.as_secs_f64());
    }

    /// Counts a comparison with another's decision on the same order.
    pub fn compared(&self, different: bool) {
        self.compared[usize::from(different)].inc();
    }
}

impl ReleaseLabel {
    fn with(&self, outcome: &'static str) -> ReleaseOutcome {
        let Self { merchant, plugin, version } = self.clone();
        ReleaseOutcome { merchant, plugin, version, outcome }
    }
}

impl Drop for Series {
    fn drop(&mut self) {
        let metrics = &self.metrics;
        let mut lines = metrics.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(holders) = lines.get_mut(&self.label) else { return };
        *holders -= 1;
        if *holders > 0 {
            return;
        }
        lines.remove(&self.label);
        metrics.fuel.remove(&self.label);
        metrics.memory.remove(&self.label);
        metrics.seconds.remove(&self.label);
        let verdicts = VERDICTS.map(word);
        for (family, outcomes) in [
            (&metrics.verdicts, &verdicts[..]),
            (&metrics.hooks, &OUTCOMES[..]),
            (&metrics.found, &FOUND[..]),
            (&metrics.compared, &COMPARED[..]),
        ] {
            for outcome in outcomes {
                family.remove(&self.label.with(outcome));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use lezai_core::money::{Currency, Money};
    use lezai_core::policy::Risk;
    use lezai_engine::{Failure, HookRun};
    use prometheus_client::encoding::text::encode;

    use super::*;

    /// A decision that one release made in part.
    fn decision(outcome: Outcome, fuel: u64, memory: usize) -> Decision {
        let run = |digest: &str, fuel, memory, outcome| HookRun {
            digest: digest.to_owned(),
            fuel,
            memory,
            outcome,
        };
        let standard = || run("standard", 9_000, 1 << 22, Outcome::Answered);
        Decision {
            risk: Risk { verdict: Verdict::Review, score: 1, reasons: vec![] },
            fee: Money::new(1, Currency::from_code("CNY").unwrap()).unwrap(),
            channels: vec![],
            shares: vec![],
            columns: vec![],
            hooks: [run("own", fuel, memory, outcome), standard(), standard()],
            split: Some(run("own", fuel, memory, Outcome::Answered)),
            statement: None,
        }
    }

    #[test]
    fn an_order_is_counted_in_every_way() {
        let metrics = Arc::new(PluginMetrics::default());
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        let series = metrics.series("m_a", "rules", "1.0.0");
        let time = Duration::from_micros(20);
        let (ok, trap) = (Outcome::Answered, Outcome::Failed(Failure::Trap("trap".to_owned())));
        series.asked(&decision(ok, 1_500, 131_072), "own", Some(Found::Ready), time);
        series.asked(&decision(trap, 600, 65_536), "own", Some(Found::InCache), time);
        series.compared(true);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        let release = r#"merchant="m_a",plugin="rules",version="1.0.0""#;
        for line in [
            format!(r#"plugin_verdicts_total{{{release},outcome="review"}} 2"#),
            format!(r#"plugin_hooks_total{{{release},outcome="ok"}} 3"#),
            format!(r#"plugin_hooks_total{{{release},outcome="trap"}} 1"#),
            format!(r#"plugin_found_total{{{release},outcome="ready"}} 1"#),
            format!(r#"plugin_found_total{{{release},outcome="cache"}} 1"#),
            format!(r#"plugin_compared_total{{{release},outcome="different"}} 1"#),
            // Both hooks together, the standard plugin's not; of memory the most.
            format!("plugin_fuel_sum{{{release}}} 4200.0"),
            format!("plugin_memory_bytes_sum{{{release}}} 196608.0"),
            format!(r#"plugin_memory_bytes_bucket{{le="65536.0",{release}}} 1"#),
            format!("plugin_seconds_count{{{release}}} 2"),
        ] {
            assert!(text.lines().any(|it| it == line), "{line} is not in:\n{text}");
        }
        drop(series);
        text.clear();
        encode(&mut text, &registry).unwrap();
        assert!(!text.contains("m_a"), "who is retired leaves a line:\n{text}");
    }

    #[test]
    fn so_many_releases_have_lines_of_their_own() {
        let metrics = Arc::new(PluginMetrics::default());
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        let lines = || {
            let mut text = String::new();
            encode(&mut text, &registry).unwrap();
            text.lines().filter(|line| line.starts_with("plugin_fuel_count")).count()
        };
        let series = |number: usize| metrics.series("m_a", "rules", &number.to_string());
        let mut held: Vec<_> = (0..RELEASES_MAX).map(series).collect();
        assert_eq!(lines(), RELEASES_MAX);
        let shared = [series(RELEASES_MAX), series(RELEASES_MAX + 1)];
        assert_eq!(shared.each_ref().map(|it| it.label.merchant.as_str()), [OTHER; 2]);
        assert_eq!(lines(), RELEASES_MAX + 1);
        // One that is known keeps its line for as long as anybody holds it.
        let twice = series(0);
        drop(held.swap_remove(0));
        assert_eq!(lines(), RELEASES_MAX + 1);
        drop(twice);
        assert_eq!(lines(), RELEASES_MAX);
        assert_eq!(series(RELEASES_MAX).label.merchant, "m_a", "the place is free again");
    }
}
