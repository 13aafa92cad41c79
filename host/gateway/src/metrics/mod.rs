//! Metrics for Prometheus. Every label has few values, whatever a stranger sends.

pub mod series;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lezai_core::policy::Verdict;
use lezai_engine::Decision;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::exemplar::HistogramWithExemplars;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use series::PluginMetrics;

/// All counters.
pub struct Metrics {
    registry: Mutex<Registry>,
    /// Orders created.
    pub orders_created: Counter,
    /// Callbacks by how the merchant's server answered.
    pub callbacks: Family<OutcomeLabel, Counter>,
    /// Tasks of the worker by how they ended.
    pub tasks: Family<OutcomeLabel, Counter>,
    /// Requests to collect a payment, by channel and by whether it answered.
    pub channel_requests: Family<ChannelLabel, Counter>,
    /// Choices of a channel, by channel and by why it was the first.
    pub routed: Family<RoutedLabel, Counter>,
    channel_seconds: Family<OneChannel, Histogram, fn() -> Histogram>,
    /// Tasks that wait.
    pub waiting_tasks: Gauge,
    /// Pages that watch.
    pub streams: Gauge,
    /// Merchants' plugins.
    pub plugins: Arc<PluginMetrics>,
    differences: Family<DifferenceLabel, Gauge>,
    not_reconciled: Family<ReconciledLabel, Gauge>,
    requests: Family<RequestLabel, Counter>,
    request_seconds: HistogramWithExemplars<TraceLabel>,
    verdicts: Family<OutcomeLabel, Counter>,
    hooks: Family<OutcomeLabel, Counter>,
    fuel: Histogram,
}

/// One word.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OutcomeLabel {
    /// How it ended.
    pub outcome: &'static str,
}

/// The trace of a request, beside one of its measurements (OpenMetrics, Exemplars).
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TraceLabel {
    trace_id: String,
}

/// A channel's answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ChannelLabel {
    /// The channel.
    pub channel: &'static str,
    /// `answered`, or `unanswered`.
    pub outcome: &'static str,
}

/// A choice of a channel.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RoutedLabel {
    /// The channel.
    pub channel: &'static str,
    /// The reason's word, such as `cheapest`.
    pub reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OneChannel {
    channel: &'static str,
}

/// Channels end a request after ten seconds.
fn channel_buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.02, 2.0, 10))
}

/// Which differences are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DifferenceLabel {
    /// The channel.
    pub channel: String,
    /// The class.
    pub class: String,
    /// `day` for what was found within a day, else `older`.
    pub age: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReconciledLabel {
    channel: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabel {
    route: String,
    status: u16,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Mutex::default(),
            orders_created: Counter::default(),
            callbacks: Family::default(),
            tasks: Family::default(),
            channel_requests: Family::default(),
            routed: Family::default(),
            channel_seconds: Family::new_with_constructor(channel_buckets as fn() -> Histogram),
            waiting_tasks: Gauge::default(),
            streams: Gauge::default(),
            plugins: Arc::default(),
            differences: Family::default(),
            not_reconciled: Family::default(),
            requests: Family::default(),
            request_seconds: HistogramWithExemplars::new(exponential_buckets(0.000_25, 2.0, 14)),
            verdicts: Family::default(),
            hooks: Family::default(),
            fuel: Histogram::new(exponential_buckets(1000.0, 2.0, 12)),
        };
        let mut registry = Registry::with_prefix("lezai");
        registry.register("orders_created", "Orders created", metrics.orders_created.clone());
        registry.register(
            "callbacks",
            "Callback attempts, by how the merchant's server answered",
            metrics.callbacks.clone(),
        );
        registry.register(
            "channel_requests",
            "Requests to collect a payment, by channel and by whether it answered",
            metrics.channel_requests.clone(),
        );
        registry.register(
            "routed",
            "Choices of a channel for a payment, by channel and by why it was the first",
            metrics.routed.clone(),
        );
        registry.register_with_unit(
            "channel_request",
            "Time that a channel took for a request to collect, answered or not",
            Unit::Seconds,
            metrics.channel_seconds.clone(),
        );
        registry.register("tasks", "Tasks of the worker, by how they ended", metrics.tasks.clone());
        registry.register("tasks_waiting", "Tasks that wait", metrics.waiting_tasks.clone());
        registry.register("streams", "Pages that watch an order", metrics.streams.clone());
        registry.register(
            "differences_open",
            "Open differences between channels' bills and the books, by class and age",
            metrics.differences.clone(),
        );
        registry.register(
            "days_not_reconciled",
            "Days whose bill is due and that are not reconciled",
            metrics.not_reconciled.clone(),
        );
        registry.register(
            "requests",
            "Requests answered, by route and status",
            metrics.requests.clone(),
        );
        registry.register_with_unit(
            "request",
            "Time to answer",
            Unit::Seconds,
            metrics.request_seconds.clone(),
        );
        registry.register("verdicts", "Decisions, by risk verdict", metrics.verdicts.clone());
        registry.register("hooks", "Plugin hooks run, by how they ended", metrics.hooks.clone());
        registry.register(
            "decision_fuel",
            "Fuel of a decision, all hooks together",
            metrics.fuel.clone(),
        );
        metrics.plugins.register(&mut registry);
        metrics.registry = Mutex::new(registry);
        metrics
    }
}

impl Metrics {
    /// Shows the commits that failed, which the store counts.
    pub fn show_failed_commits(&self, failed: &Counter) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        registry.register("commits_failed", "Commits of the store that failed", failed.clone());
    }

    /// Shows what somebody else counts.
    pub fn show(&self, name: &str, help: &str, metric: impl prometheus_client::registry::Metric) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        registry.register(name, help, metric);
    }

    /// Shows the lines of the log that could not be written, which the log counts.
    pub fn show_lost_log_lines(&self, lost: &Counter) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let help = "Lines of the log that could not be written";
        registry.register("log_lines_lost", help, lost.clone());
    }

    /// So many differences are open now. Of a label that comes twice the last counts.
    pub fn open_differences(&self, counts: impl Iterator<Item = (DifferenceLabel, u64)>) {
        self.differences.clear();
        for (label, count) in counts {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.differences.get_or_create(&label).set(count);
        }
    }

    /// So many days of a channel are due and not reconciled.
    pub fn days_not_reconciled(&self, channel: &'static str, days: i64) {
        self.not_reconciled.get_or_create(&ReconciledLabel { channel }).set(days);
    }

    /// A channel's request to collect ended after so long.
    pub fn channel_answered(&self, channel: &'static str, ms: i64) {
        // A clock that was set back took no time.
        let took = Duration::from_millis(u64::try_from(ms).unwrap_or_default());
        let of_channel = OneChannel { channel };
        self.channel_seconds.get_or_create(&of_channel).observe(took.as_secs_f64());
    }

    /// A request was answered. `route` is the pattern, never the path.
    pub fn answered(&self, route: String, status: u16, seconds: f64, trace: Option<String>) {
        self.requests.get_or_create(&RequestLabel { route, status }).inc();
        let trace = trace.map(|trace_id| TraceLabel { trace_id });
        self.request_seconds.observe(seconds, trace, None);
    }

    /// The plugins decided.
    pub fn decided(&self, decision: &Decision) {
        self.verdicts.get_or_create(&OutcomeLabel { outcome: word(decision.risk.verdict) }).inc();
        let mut fuel = 0_u32;
        for (_, hook) in decision.runs() {
            self.hooks.get_or_create(&OutcomeLabel { outcome: hook.outcome.label() }).inc();
            fuel = fuel.saturating_add(u32::try_from(hook.fuel).unwrap_or(u32::MAX));
        }
        self.fuel.observe(f64::from(fuel));
    }

    /// Everything, as Prometheus reads it.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &registry);
        text
    }
}

/// The word for a verdict.
pub fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accept => "accept",
        Verdict::Review => "review",
        Verdict::Deny => "deny",
    }
}
