//! A contract that was agreed: its number, since when it is in force, and what may follow it.

use serde::{Deserialize, Serialize};

use super::{AHEAD_SECS, Contract, Difference, NOTICE_SECS};
use crate::time::Timestamp;

/// A contract with its number, and since when it is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreed {
    /// 1 for a merchant's first; 0 is the standard, which everybody begins with.
    pub number: u32,
    /// The terms agreed.
    pub contract: Contract,
    /// Since when, or from when on.
    pub in_force_from: Timestamp,
    /// When it was put, and the merchant told.
    pub announced_at: Timestamp,
}

/// Why a contract cannot be agreed as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAgreed {
    /// Numbers follow one another.
    #[error("the next contract is number {next}")]
    Number {
        /// The one that is free.
        next: u32,
    },
    /// It would have been in force before it was put.
    #[error("a contract is never in force before it is put")]
    Backdated,
    /// It would be in force before the one that it takes the place of.
    #[error("contract {number} is in force later than that")]
    BeforeLast {
        /// The one before.
        number: u32,
    },
    /// It is in force more than [`AHEAD_SECS`] from now.
    #[error("a contract is in force two years from now at the latest")]
    TooFar,
    /// It is worse in some case, so it needs notice.
    #[error("{path} is worse for the merchant in some case, so it needs thirty days' notice")]
    Notice {
        /// The first place where it is worse.
        path: String,
        /// From when on it may be in force.
        earliest: Timestamp,
    },
}

impl Agreed {
    /// The standard contract, for a merchant without one of its own.
    pub fn standard() -> Self {
        let zero = Timestamp::from_ms(0);
        Self { number: 0, contract: Contract::standard(), in_force_from: zero, announced_at: zero }
    }

    /// The one that is in force: of those that are since `at` or earlier the last.
    pub fn in_force(agreed: &[Self], at: Timestamp) -> Option<&Self> {
        agreed.iter().filter(|it| it.in_force_from <= at).max_by_key(|it| it.number)
    }

    /// Agrees on a contract that follows `self`: in force from then on, or as soon as it may be.
    ///
    /// # Errors
    ///
    /// [`NotAgreed`].
    pub fn followed_by(
        &self,
        number: u32,
        contract: Contract,
        from: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Self, NotAgreed> {
        let next = self.number.saturating_add(1);
        if number != next {
            return Err(NotAgreed::Number { next });
        }
        // The standard was agreed by nobody: a merchant's first contract needs no notice.
        let judged = self.number > 0;
        let differences = self.contract.differences(&contract, now);
        let worse = differences.into_iter().find(|it| it.worse && judged);
        let notice = if worse.is_some() { now.plus_secs(NOTICE_SECS) } else { now };
        let earliest = notice.max(self.in_force_from);
        let from = from.unwrap_or(earliest);
        if from < now {
            return Err(NotAgreed::Backdated);
        }
        if from < self.in_force_from {
            return Err(NotAgreed::BeforeLast { number: self.number });
        }
        if from > now.plus_secs(AHEAD_SECS) {
            return Err(NotAgreed::TooFar);
        }
        match worse {
            Some(Difference { path, .. }) if from < notice => {
                Err(NotAgreed::Notice { path, earliest })
            }
            _ => Ok(Self { number, contract, in_force_from: from, announced_at: now }),
        }
    }
}
