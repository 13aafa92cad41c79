//! A release goes on, rests, or is taken back: by the operator's word, or by itself when it does
//! badly. What moves is one commit; orders meet it right after.

use lezai_core::id::MerchantId;
use serde_json::json;

use super::Plugins;
use super::view::{self, ReleaseStateView};
use crate::events;
use crate::events::record::{Happened, Subject};
use crate::releases::health::RollbackReason;
use crate::releases::rollout::Version;
use crate::releases::stage::{self, Refusal, Slot};
use lezai_store as store;
use lezai_store::plugins::Stage;
use lezai_store::{ReleaseRecord, Scope, StoreError, Tx};
use lezai_wire::problem::{Code, Problem};

/// An operator's change to a release.
#[derive(Clone, Debug)]
pub enum Move {
    /// On, to there.
    Promote {
        /// Where to.
        to: Stage,
        /// How many of a hundred orders it may decide otherwise.
        drift_percent: Option<u8>,
    },
    /// Wait where it is.
    Pause,
    /// Back.
    RollBack,
}

impl Plugins {
    /// Moves a release. The same again changes nothing.
    ///
    /// # Errors
    ///
    /// `release_not_found`, `release_stage`.
    pub async fn move_release(
        &self,
        merchant: MerchantId,
        sequence: u64,
        wish: Move,
    ) -> Result<ReleaseStateView, Problem> {
        let (id, now, told) = (merchant.clone(), self.node.clock.now(), wish.clone());
        let scope = Scope::Merchant(id.clone());
        let record = store::write(&self.node.store, scope, move |tx| {
            let all = around(tx, &id, sequence)?;
            let moves = match wish {
                Move::Promote { to, drift_percent } => {
                    stage::promote(&all, sequence, to, drift_percent, now)
                }
                Move::Pause => stage::pause(&all, sequence, now),
                Move::RollBack => stage::roll_back(&all, sequence, None, now),
            };
            apply(tx, &id, moves?)?;
            let found = tx.release(&id, sequence)?;
            found.ok_or_else(|| Problem::from(Refusal::Unknown(sequence)))
        })
        .await?;
        self.merchants.refresh_releases(&merchant).await?;
        tracing::info!(%merchant, sequence, wish = ?told, "release moved");
        Ok(view::release(&record))
    }

    /// No release of the merchant's is asked any more.
    ///
    /// # Errors
    ///
    /// `not_found` if none was.
    pub async fn remove(&self, merchant: MerchantId) -> Result<(), Problem> {
        let (id, now) = (merchant.clone(), self.node.clock.now());
        let scope = Scope::Merchant(id.clone());
        store::write(&self.node.store, scope, move |tx| {
            let moves = stage::remove(&slots(&tx.standing_releases(Some(&id))?), now);
            if moves.is_empty() {
                return Err(view::none());
            }
            apply(tx, &id, moves)
        })
        .await?;
        self.merchants.refresh_releases(&merchant).await?;
        tracing::info!(%merchant, "plugin removed");
        Ok(())
    }

    /// Takes a release back that does badly, and tells the merchant. A live one without a predecessor
    /// stays: the standard plugin does not know what it watched for, and a hook that fails has its
    /// fallback.
    ///
    /// # Errors
    ///
    /// `internal`.
    pub(super) async fn roll_back(
        &self,
        version: &Version,
        reason: RollbackReason,
    ) -> Result<(), Problem> {
        let manifest = version.manifest.clone();
        let (merchant, sequence) = (manifest.merchant.clone(), manifest.sequence);
        let (standing, now, counts) =
            (version.standing.clone(), self.node.clock.now(), version.health.counts());
        let scope = Scope::Merchant(manifest.merchant.clone());
        let moved = store::write(&self.node.store, scope, move |tx| {
            let all = around(tx, &manifest.merchant, sequence)?;
            // Somebody may have moved it meanwhile: then what was counted is of another time.
            if !all.iter().any(|(number, it)| *number == sequence && *it == standing) {
                return Ok::<_, Problem>(false);
            }
            let alone = standing.stage == Stage::Live
                && !all.iter().any(|(_, it)| it.stage == Stage::Previous);
            let event_type = if alone { "plugin.failing" } else { "plugin.rolled_back" };
            if !alone {
                let why = Some(reason.as_str().to_owned());
                apply(tx, &manifest.merchant, stage::roll_back(&all, sequence, why, now)?)?;
            }
            let data = json!({ "release": {
                "plugin": manifest.plugin, "version": manifest.version, "sequence": sequence,
                "digest": manifest.digest, "stage": standing.stage.as_str(), "why": reason.as_str(),
                "calls": counts.calls, "failures": counts.failures, "timeouts": counts.timeouts,
                "compared": counts.compared, "different": counts.different,
            }});
            let (merchant, name) = (&manifest.merchant, sequence.to_string());
            let happened = Happened { merchant, subject: Subject::Named(&name), event_type, data };
            events::record::deliver(tx, happened, now)?;
            Ok(!alone)
        })
        .await?;
        if moved {
            self.node.metrics.plugins.rolled_back(reason.as_str());
            self.merchants.refresh_releases(&merchant).await?;
        }
        self.node.cluster.wake.call();
        tracing::error!(%merchant, sequence, why = reason.as_str(), moved, "a release does badly");
        Ok(())
    }
}

/// The merchant's releases that stand, and the one that is meant.
fn around(tx: &dyn Tx, merchant: &MerchantId, sequence: u64) -> Result<Vec<Slot>, StoreError> {
    let mut all = slots(&tx.standing_releases(Some(merchant))?);
    if !all.iter().any(|(number, _)| *number == sequence) {
        all.extend(slots(tx.release(merchant, sequence)?.as_slice()));
    }
    Ok(all)
}

/// The releases as the machine of stages takes them.
pub(super) fn slots(all: &[ReleaseRecord]) -> Vec<Slot> {
    all.iter().map(|it| (it.manifest.sequence, it.standing.clone())).collect()
}

fn apply(tx: &dyn Tx, merchant: &MerchantId, moves: Vec<Slot>) -> Result<(), Problem> {
    for (sequence, standing) in moves {
        tx.set_standing(merchant, sequence, &standing)?;
    }
    Ok(())
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::Unknown(_) => Self::new(Code::ReleaseNotFound, detail),
            Refusal::Stage { stage, .. } => {
                Self::new(Code::ReleaseStage, detail).with("stage", stage)
            }
        }
    }
}
