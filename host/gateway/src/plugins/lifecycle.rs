//! A release goes on, rests, or is taken back: by the operator's word, or by itself when it does
//! badly. What moves is one commit; orders meet it right after.

use lezai_core::id::{EventId, MerchantId};
use lezai_wire::time::rfc3339;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::health::Trouble;
use super::loading;
use super::rollout::Version;
use super::stage::{self, Refusal, Slot};
use super::view::{self, ReleaseStateView};
use crate::events;
use crate::gateway::Gateway;
use lezai_store as store;
use lezai_store::events::Telling;
use lezai_store::plugins::Stage;
use lezai_store::{EventRecord, ReleaseRecord, StoreError, Task, Tx};
use lezai_wire::problem::{Code, Problem};

/// What the operator wants of a release.
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

/// Moves a release. The same again changes nothing.
///
/// # Errors
///
/// `release_not_found`, `release_stage`.
pub async fn perform(
    gateway: &Gateway,
    merchant: MerchantId,
    sequence: u64,
    wish: Move,
) -> Result<ReleaseStateView, Problem> {
    let (id, now, told) = (merchant.clone(), gateway.clock.now(), wish.clone());
    let record = store::write(&gateway.store, move |tx| {
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
    loading::refresh(gateway, &merchant).await?;
    tracing::info!(%merchant, sequence, wish = ?told, "release moved");
    Ok(view::release(&record))
}

/// No release of the merchant's is asked any more.
///
/// # Errors
///
/// `not_found` if none was.
pub async fn remove(gateway: &Gateway, merchant: MerchantId) -> Result<(), Problem> {
    let (id, now) = (merchant.clone(), gateway.clock.now());
    store::write(&gateway.store, move |tx| {
        let moves = stage::remove(&slots(&tx.standing_releases(Some(&id))?), now);
        if moves.is_empty() {
            return Err(view::none());
        }
        apply(tx, &id, moves)
    })
    .await?;
    loading::refresh(gateway, &merchant).await?;
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
pub(super) async fn take_back(
    gateway: &Gateway,
    version: &Version,
    trouble: Trouble,
) -> Result<(), Problem> {
    let manifest = version.manifest.clone();
    let (merchant, sequence) = (manifest.merchant.clone(), manifest.sequence);
    let (standing, now, counts) =
        (version.standing.clone(), gateway.clock.now(), version.health.counts());
    let moved = store::write(&gateway.store, move |tx| {
        let all = around(tx, &manifest.merchant, sequence)?;
        // Somebody may have moved it meanwhile: then what was counted is of another time.
        if !all.iter().any(|(number, it)| *number == sequence && *it == standing) {
            return Ok::<_, Problem>(false);
        }
        let alone = standing.stage == Stage::Live
            && !all.iter().any(|(_, it)| it.stage == Stage::Previous);
        let event_type = if alone { "plugin.failing" } else { "plugin.rolled_back" };
        if !alone {
            let why = Some(trouble.as_str().to_owned());
            apply(tx, &manifest.merchant, stage::roll_back(&all, sequence, why, now)?)?;
        }
        let now = events::moment(tx, &manifest.merchant, now)?;
        let digest =
            Sha256::digest(format!("{event_type} {} {sequence} {}", manifest.merchant, now.as_ms()));
        let id = EventId::new(now, std::array::from_fn(|index| digest[index]));
        let body = json!({
            "id": id, "type": event_type, "created_at": rfc3339(now),
            "merchant": manifest.merchant, "sequence": 0,
            "data": { "release": {
                "plugin": manifest.plugin, "version": manifest.version, "sequence": sequence,
                "digest": manifest.digest, "stage": standing.stage.as_str(), "why": trouble.as_str(),
                "calls": counts.calls, "failures": counts.failures, "timeouts": counts.timeouts,
                "compared": counts.compared, "different": counts.different,
            }},
        });
        let event = EventRecord {
            id: id.clone(),
            order: None,
            merchant: manifest.merchant.clone(),
            sequence: 0,
            event_type: event_type.to_owned(),
            created_at: now,
            body: body.to_string().into_bytes(),
        };
        tx.insert_event(&event, Telling::Waiting)?;
        tx.schedule(&Task::Deliver { event: id, round: 0 }, now)?;
        Ok(!alone)
    })
    .await?;
    if moved {
        gateway.metrics.plugins.rolled_back(trouble);
        loading::refresh(gateway, &merchant).await?;
    }
    gateway.wake.call();
    tracing::error!(%merchant, sequence, why = trouble.as_str(), moved, "a release does badly");
    Ok(())
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
