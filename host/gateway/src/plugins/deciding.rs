//! An order's decision: asked of the release whose turn it is, and told to whoever watches it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lezai_core::mask;
use lezai_core::policy::{OrderFacts, Reason, Verdict};
use lezai_engine::{Decision, Found, Outcome, PLUGIN_FAILED};

use super::Plugins;
use super::queue::{Compare, Job};
use crate::merchants::Merchant;
use crate::releases::rollout::Version;
use lezai_store::decision::DecidingRelease;
use lezai_wire::problem::Problem;

/// How often a release that does not fail is looked at: a look costs some loads.
const LOOK_EVERY: u64 = 64;

/// A decision, and the release that made it.
pub struct Decided {
    /// The decision on the order.
    pub decision: Decision,
    /// By which release; none if the standard plugin decided alone.
    pub release: Option<DecidingRelease>,
    /// SHA-256, in hex, of the settings that its plugin was given.
    pub settings: Option<String>,
}

impl From<Decision> for Decided {
    fn from(decision: Decision) -> Self {
        Self { decision, release: None, settings: None }
    }
}

impl Plugins {
    /// Asks the plugins, here: a decision takes some 15 µs of processor time, less than handing it to
    /// another thread and waiting for that. One that burns all its fuel takes some milliseconds, in which
    /// the other threads go on. Nothing is compiled here, and what is asked beside is
    /// asked elsewhere.
    ///
    /// # Errors
    ///
    /// `internal`, if the standard plugin does not answer.
    pub fn decide(&self, merchant: &Merchant, facts: &OrderFacts) -> Result<Decided, Problem> {
        let rollout = merchant.rollout.load();
        let sides = rollout.sides(&facts.id);
        let asked = self.ask(&merchant.compact_policy, sides.applied, facts);
        let PluginDecision { decision, found, time } = asked?;
        for (hook, run) in decision.runs() {
            if let Outcome::Failed(failure) = &run.outcome {
                // A plugin may complain of an order in the shopper's own words.
                let failure = mask::text(&failure.to_string());
                tracing::warn!(order = %facts.id, %hook, plugin = run.digest, failure, "plugin failed");
            }
        }
        self.node.metrics.decided(&decision);
        if let Some(version) = sides.applied {
            self.record_outcome(version, &decision, found, time);
        }
        if let Some(beside) = sides.beside {
            self.queue.try_enqueue(&self.node.metrics, || {
                Job::Compare(Box::new(Compare {
                    policy: Arc::clone(&merchant.compact_policy),
                    facts: facts.clone(),
                    decision: decision.clone(),
                    applied: beside.applied,
                    candidate: Arc::clone(beside.candidate),
                    live: beside.live.cloned(),
                }))
            });
        }
        let settings = sides.applied.map(|it| it.manifest.settings_digest.clone());
        Ok(Decided { decision, release: sides.applied.map(|it| release_view(it)), settings })
    }
}

/// A decision with the release's load state and latency.
pub(super) struct PluginDecision {
    pub(super) decision: Decision,
    pub(super) found: Option<Found>,
    pub(super) time: Duration,
}

impl Plugins {
    /// Asks a release, or without one the standard plugin alone.
    pub(super) fn ask(
        &self,
        policy: &[u8],
        version: Option<&Arc<Version>>,
        facts: &OrderFacts,
    ) -> Result<PluginDecision, Problem> {
        let begun = Instant::now();
        let by = |own| {
            let (engine, standard) = (&self.engine, &self.standard);
            lezai_engine::decide(engine, standard, policy, own, facts).map_err(Problem::internal)
        };
        let Some(version) = version else {
            return Ok(PluginDecision { decision: by(None)?, found: None, time: begun.elapsed() });
        };
        let opened = self.engine.open(&version.digest, version.limits(self.engine.limits()));
        let (decision, found) = match opened {
            Ok(Some((plugin, found))) => (by(Some((&plugin, &version.settings)))?, Some(found)),
            missing => {
                if let Err(error) = missing {
                    tracing::error!(merchant = %version.manifest.merchant, %error, "plugin cannot be started");
                }
                self.queue.try_enqueue(&self.node.metrics, || Job::Recompile(Arc::clone(version)));
                (decision_without_plugin(by(None)?), None)
            }
        };
        Ok(PluginDecision { decision, found, time: begun.elapsed() })
    }

    /// Counts what a release said, and has it looked at if it does badly.
    pub(super) fn record_outcome(
        &self,
        version: &Arc<Version>,
        decision: &Decision,
        found: Option<Found>,
        time: Duration,
    ) {
        let digest = &version.manifest.digest;
        version.series.asked(decision, digest, found, time);
        version.health.asked(decision, digest, version.manifest.limits.fuel);
        let failed = decision.runs().any(|(_, run)| matches!(run.outcome, Outcome::Failed(_)));
        if failed || version.health.counts().calls.is_multiple_of(LOOK_EVERY) {
            self.check_health(version);
        }
    }

    /// Has a release taken back if it does badly.
    pub(super) fn check_health(&self, version: &Arc<Version>) {
        let standing = &version.standing;
        let reason = version.health.rollback_reason(standing.stage, standing.drift_percent);
        if let Some(reason) = reason
            && version.health.tell()
            && !self
                .queue
                .try_enqueue(&self.node.metrics, || Job::RollBack(Arc::clone(version), reason))
        {
            version.health.untell();
        }
    }
}

/// The release, as it is kept with an order.
pub(super) fn release_view(version: &Version) -> DecidingRelease {
    let manifest = &version.manifest;
    DecidingRelease {
        plugin: manifest.plugin.clone(),
        version: manifest.version.clone(),
        sequence: manifest.sequence,
        digest: manifest.digest.clone(),
        stage: version.standing.stage.as_str().to_owned(),
    }
}

/// The merchant's plugin could not be loaded, so nobody knows what it would have said: as after any
/// failure of a risk hook, somebody looks.
fn decision_without_plugin(mut decision: Decision) -> Decision {
    if decision.risk.verdict == Verdict::Accept {
        decision.risk.verdict = Verdict::Review;
    }
    decision.risk.reasons.insert(
        0,
        Reason {
            code: PLUGIN_FAILED.to_owned(),
            message: "The merchant's plugin could not be loaded".to_owned(),
        },
    );
    decision
}
