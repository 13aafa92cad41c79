//! How a release does, and when that is bad enough to take it back with nobody asked. Each bound has
//! a least number of calls, so that one bad order takes nothing back.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use lezai_engine::{Decision, Failure, Outcome};

use lezai_store::plugins::Stage;

/// So many failures, and one call of a hundred.
const FAILURES: u64 = 20;
const FAILURES_PER_MILLE: u64 = 10;
/// So many questions that the clock ended, and one call of two hundred: each kept a thread for as long
/// as the last resort is far, and nobody can decide such an order again.
const TIMEOUTS: u64 = 5;
const TIMEOUTS_PER_MILLE: u64 = 5;
/// The 99th percentile of fuel is looked at from so many calls on; above four fifths of the limit
/// a slightly larger order would fail.
const FUEL_CALLS: u64 = 200;
const FUEL_PERCENT: u64 = 80;
/// So many comparisons before a share that was decided otherwise counts.
const COMPARED: u64 = 100;

/// The counts of a release, since it is in its stage.
#[derive(Debug, Default)]
pub struct Health {
    calls: AtomicU64,
    failures: AtomicU64,
    timeouts: AtomicU64,
    heavy: AtomicU64,
    compared: AtomicU64,
    different: AtomicU64,
    told: AtomicBool,
}

/// Why a release is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RollbackReason {
    /// It traps, exceeds its limits, or answers nonsense.
    Failures,
    /// It takes too long.
    Timeouts,
    /// It is about to run out of fuel.
    Fuel,
    /// It decides otherwise more often than it may.
    Drift,
}

impl RollbackReason {
    /// One stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failures => "failures",
            Self::Timeouts => "timeouts",
            Self::Fuel => "fuel",
            Self::Drift => "drift",
        }
    }
}

/// A snapshot of a release's counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Orders that it was asked about.
    pub calls: u64,
    /// Of these, those with a hook that failed.
    pub failures: u64,
    /// Of these, those with a hook that took too long.
    pub timeouts: u64,
    /// Orders of which the other's decision is known too.
    pub compared: u64,
    /// Of these, those that the two decided otherwise.
    pub different: u64,
}

impl Health {
    /// It was asked about an order. `digest` is its own: hooks that it lacks are another's.
    pub fn asked(&self, decision: &Decision, digest: &str, fuel_limit: u64) {
        let own = decision.runs().map(|(_, run)| run).filter(|run| run.digest == digest);
        let (mut failed, mut late, mut heavy) = (false, false, false);
        for hook in own {
            failed |= matches!(hook.outcome, Outcome::Failed(_));
            late |= matches!(hook.outcome, Outcome::Failed(Failure::Deadline));
            heavy |= hook.fuel > fuel_limit / 100 * FUEL_PERCENT;
        }
        self.calls.fetch_add(1, Relaxed);
        for (count, is) in [(&self.failures, failed), (&self.timeouts, late), (&self.heavy, heavy)]
        {
            if is {
                count.fetch_add(1, Relaxed);
            }
        }
    }

    /// Counts a comparison with the other side's decision on the same order.
    pub fn compared(&self, different: bool) {
        self.compared.fetch_add(1, Relaxed);
        if different {
            self.different.fetch_add(1, Relaxed);
        }
    }

    /// The reason to roll it back, if any. In the shadow it may differ as it likes, for that is what
    /// one looks at before it goes on.
    pub fn rollback_reason(&self, stage: Stage, drift_percent: u8) -> Option<RollbackReason> {
        let Counts { calls, failures, timeouts, compared, different } = self.counts();
        let heavy = self.heavy.load(Relaxed);
        let canary = matches!(stage, Stage::Canary(_));
        if timeouts >= TIMEOUTS && timeouts * 1000 >= calls * TIMEOUTS_PER_MILLE {
            Some(RollbackReason::Timeouts)
        } else if failures >= FAILURES && failures * 1000 >= calls * FAILURES_PER_MILLE {
            Some(RollbackReason::Failures)
        } else if calls >= FUEL_CALLS && heavy * 100 > calls {
            Some(RollbackReason::Fuel)
        } else if canary
            && compared >= COMPARED
            && different * 100 > compared * u64::from(drift_percent)
        {
            Some(RollbackReason::Drift)
        } else {
            None
        }
    }

    /// Whether nobody was told of it yet; from now on somebody is.
    pub fn tell(&self) -> bool {
        !self.told.swap(true, Relaxed)
    }

    /// Nobody could be told after all.
    pub fn untell(&self) {
        self.told.store(false, Relaxed);
    }

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        Counts {
            calls: self.calls.load(Relaxed),
            failures: self.failures.load(Relaxed),
            timeouts: self.timeouts.load(Relaxed),
            compared: self.compared.load(Relaxed),
            different: self.different.load(Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use lezai_core::release::Share;

    use super::*;

    fn health(calls: u64, failures: u64, timeouts: u64, heavy: u64, drift: (u64, u64)) -> Health {
        let count = AtomicU64::new;
        Health {
            calls: count(calls),
            failures: count(failures),
            timeouts: count(timeouts),
            heavy: count(heavy),
            compared: count(drift.0),
            different: count(drift.1),
            told: AtomicBool::new(false),
        }
    }

    #[test]
    fn each_bound_at_its_edge() {
        let canary = Stage::Canary(Share::STEPS[0]);
        let none = (0, 0);
        for (health, reason) in [
            (health(0, 0, 0, 0, none), None),
            (health(19, 19, 0, 0, none), None),
            (health(20, 20, 0, 0, none), Some(RollbackReason::Failures)),
            (health(2_000, 20, 0, 0, none), Some(RollbackReason::Failures)),
            (health(2_001, 20, 0, 0, none), None),
            (health(4, 4, 4, 0, none), None),
            (health(5, 5, 5, 0, none), Some(RollbackReason::Timeouts)),
            (health(1_000, 5, 5, 0, none), Some(RollbackReason::Timeouts)),
            (health(1_001, 5, 5, 0, none), None),
            (health(199, 0, 0, 199, none), None),
            (health(200, 0, 0, 2, none), None),
            (health(200, 0, 0, 3, none), Some(RollbackReason::Fuel)),
            (health(200, 0, 0, 0, (99, 99)), None),
            (health(200, 0, 0, 0, (100, 10)), None),
            (health(200, 0, 0, 0, (100, 11)), Some(RollbackReason::Drift)),
        ] {
            assert_eq!(health.rollback_reason(canary, 10), reason, "{health:?}");
            // A release in the shadow, or one that decides all, has nobody to differ from.
            let elsewhere = reason.filter(|it| *it != RollbackReason::Drift);
            assert_eq!(health.rollback_reason(Stage::Shadow, 10), elsewhere, "{health:?}");
            assert_eq!(health.rollback_reason(Stage::Live, 10), elsewhere, "{health:?}");
        }
        let health = Health::default();
        assert!(health.tell() && !health.tell());
        health.untell();
        assert!(health.tell());
    }
}
