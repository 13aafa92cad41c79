//! Background work for plugins: the other side is asked, differences and denials are
//! written down, what is missing is made again, and what does badly is taken back. Orders never
//! wait for it: they put a job into a bounded queue, and a job that finds it full is dropped and
//! counted.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};

use lezai_engine::Decision;
use tokio::sync::watch;

use super::Plugins;
use super::deciding::PluginDecision;
use super::queue::{Compare, Job};
use super::recording::record as record_of;
use crate::releases::health::RollbackReason;
use crate::releases::rollout::Version;
use lezai_core::id::MerchantId;
use lezai_store as store;
use lezai_store::plugins::{Denial, Difference, Side};
use lezai_store::{Scope, StoreError};
use lezai_wire::problem::Problem;

/// Jobs that are taken at once, and so differences that share a commit.
const BATCH: usize = 64;
/// Differences that are kept of one release.
pub(super) const DIFFERENCES_MAX: u32 = 1_000;
/// Denials that are kept of one merchant.
pub(super) const DENIALS_MAX: u32 = 1_000;

impl Plugins {
    /// Has an order that was denied written down, if there is room for it: of one that is made the decision is
    /// kept with it.
    pub fn record_denial(&self, denial: impl FnOnce() -> Denial) {
        self.queue.try_enqueue(&self.node.metrics, || Job::Denied(Box::new(denial())));
    }

    /// Works until it is told to stop. What waits then is dropped: it is about orders that are decided.
    pub async fn run_background(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let waiting = self.queue.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut waiting) = waiting else { return };
        let mut jobs = Vec::with_capacity(BATCH);
        while !*stop.borrow() {
            tokio::select! {
                taken = waiting.recv_many(&mut jobs, BATCH) => if taken == 0 { return },
                _ = stop.changed() => return,
            }
            let (asking, taken) = (Arc::clone(&self), std::mem::take(&mut jobs));
            // A thread of its own: these are decisions, and those that are waited for go first.
            let done = tokio::task::spawn_blocking(move || asking.perform(taken)).await;
            let Ok(Done { differences, denials, troubles, missing }) = done else { continue };
            if let Err(error) = self.record_differences(differences, denials).await {
                tracing::error!(%error, "differences cannot be written");
            }
            for version in missing {
                self.recompile(&version).await;
            }
            for (version, reason) in troubles {
                if let Err(problem) = self.roll_back(&version, reason).await {
                    let code = problem.code().as_str();
                    tracing::error!(merchant = %version.manifest.merchant, code, "a release cannot be taken back");
                    version.health.untell();
                }
            }
        }
    }
}

#[derive(Default)]
struct Done {
    differences: Vec<Difference>,
    denials: Vec<Denial>,
    troubles: Vec<(Arc<Version>, RollbackReason)>,
    missing: Vec<Arc<Version>>,
}

impl Plugins {
    fn perform(&self, jobs: Vec<Job>) -> Done {
        let mut done = Done::default();
        for job in jobs {
            match job {
                // A panic is one comparison's: the denials and troubles beside it are still told.
                Job::Compare(job) => match catch_unwind(AssertUnwindSafe(|| self.compare(*job))) {
                    Ok(Ok(difference)) => done.differences.extend(difference),
                    Ok(Err(problem)) => {
                        tracing::error!(code = problem.code().as_str(), "not compared");
                    }
                    Err(_) => tracing::error!("not compared: a panic"),
                },
                Job::Denied(denial) => done.denials.push(*denial),
                Job::RollBack(version, reason) => done.troubles.push((version, reason)),
                Job::Recompile(version) => {
                    if !done.missing.iter().any(|it| it.digest == version.digest) {
                        done.missing.push(version);
                    }
                }
            }
        }
        done
    }

    fn compare(&self, job: Compare) -> Result<Option<Difference>, Problem> {
        let Compare { policy, facts, decision, applied, candidate, live } = job;
        let other = match applied {
            Side::Old => Some(&candidate),
            Side::New => live.as_ref(),
        };
        let PluginDecision { decision: other, found, time } = self.ask(&policy, other, &facts)?;
        let (old, new) = match applied {
            Side::Old => {
                self.record_outcome(&candidate, &other, found, time);
                (decision, other)
            }
            Side::New => (other, decision),
        };
        // Whom the clock ended would have said something else on another machine: that is no word on
        // either release, and `health` has counted the time-out.
        if !(old.is_replayable() && new.is_replayable()) {
            return Ok(None);
        }
        let drifts = !same(&old, &new);
        candidate.health.compared(drifts);
        candidate.series.compared(drifts);
        self.check_health(&candidate);
        // Columns are words in its books, and move no money: they are recorded, and no drift.
        if !drifts && reasons(&old).eq(reasons(&new)) && old.columns == new.columns {
            return Ok(None);
        }
        Ok(Some(Difference {
            merchant: facts.merchant.clone(),
            sequence: candidate.manifest.sequence,
            order: facts.id,
            at: self.node.clock.now(),
            applied,
            old: record_of(&old),
            new: record_of(&new),
        }))
    }
}

/// Whether two decisions have the same consequences.
fn same(old: &Decision, new: &Decision) -> bool {
    old.risk.verdict == new.risk.verdict
        && old.fee == new.fee
        && old.channels == new.channels
        && old.shares == new.shares
}

fn reasons(decision: &Decision) -> impl Iterator<Item = &str> {
    decision.risk.reasons.iter().map(|it| it.code.as_str())
}

impl Plugins {
    async fn record_differences(
        &self,
        differences: Vec<Difference>,
        denials: Vec<Denial>,
    ) -> Result<(), StoreError> {
        if differences.is_empty() && denials.is_empty() {
            return Ok(());
        }
        let mut merchants: Vec<MerchantId> = differences
            .iter()
            .map(|it| &it.merchant)
            .chain(denials.iter().map(|it| &it.merchant))
            .cloned()
            .collect();
        merchants.sort_unstable();
        merchants.dedup();
        let all = Arc::new((differences, denials));
        for merchant in merchants {
            let (all, scope) = (Arc::clone(&all), Scope::Merchant(merchant.clone()));
            store::write(&self.node.store, scope, move |tx| {
                let differences = all.0.iter().filter(|it| it.merchant == merchant);
                let mut denials = all.1.iter().filter(|it| it.merchant == merchant);
                for difference in differences {
                    tx.insert_difference(difference, DIFFERENCES_MAX)?;
                }
                denials.try_for_each(|it| tx.insert_denial(it, DENIALS_MAX))
            })
            .await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use lezai_core::money::{Currency, Money};
    use lezai_core::policy::{Risk, Share, Verdict};
    use lezai_engine::{HookRun, Outcome};

    use super::*;

    #[test]
    fn who_gets_the_money_is_a_consequence() {
        let cny = |minor| Money::new(minor, Currency::from_code("CNY").unwrap()).unwrap();
        let run = HookRun { digest: String::new(), fuel: 0, memory: 0, outcome: Outcome::Answered };
        let share =
            |receiver: &str, minor| Share { receiver: receiver.to_owned(), amount: cny(minor) };
        let old = Decision {
            risk: Risk { verdict: Verdict::Accept, score: 0, reasons: Vec::new() },
            fee: cny(77),
            channels: vec!["sandbox".to_owned()],
            shares: vec![share("tea", 9000)],
            columns: Vec::new(),
            hooks: [run.clone(), run.clone(), run],
            split: None,
            statement: None,
        };
        assert!(same(&old, &old));
        for shares in [vec![], vec![share("tea", 8999)], vec![share("cup", 9000)]] {
            assert!(!same(&old, &Decision { shares: shares.clone(), ..old.clone() }), "{shares:?}");
        }
    }
}
