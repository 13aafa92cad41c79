//! A merchant's releases as orders meet them: which one decides, and which one is asked beside it.

use std::sync::Arc;

use lezai_core::id::OrderId;
use lezai_core::release::Manifest;
use lezai_engine::Limits;

use super::health::Health;
use crate::metrics::series::{PluginMetrics, Series};
use lezai_store::ReleaseRecord;
use lezai_store::plugins::{ReleaseState, Side, Stage};

/// A release that may be asked.
#[derive(Debug)]
pub struct Version {
    /// The manifest that it came with.
    pub manifest: Manifest,
    /// SHA-256 of its component.
    pub digest: [u8; 32],
    /// The settings that it is given with each order.
    pub settings: Vec<u8>,
    /// Where it stands.
    pub standing: ReleaseState,
    /// How it does there.
    pub health: Health,
    /// The metrics of it.
    pub series: Arc<Series>,
}

/// All of a merchant's that may be asked; none of them if the standard plugin decides alone.
#[derive(Debug, Default)]
pub struct Rollout {
    /// The one that decides.
    pub live: Option<Arc<Version>>,
    /// The one on its way.
    pub candidate: Option<Arc<Version>>,
    /// The one that would decide again, kept ready.
    pub previous: Option<Arc<Version>>,
}

/// The releases that answer for an order.
#[derive(Debug)]
pub struct Sides<'r> {
    /// Whose decision is applied; the standard plugin's if it is none.
    pub applied: Option<&'r Arc<Version>>,
    /// The comparison with it, if there is a candidate to look at.
    pub beside: Option<Comparison<'r>>,
}

/// A release that is asked beside the one that is applied.
#[derive(Debug)]
pub struct Comparison<'r> {
    /// The candidate.
    pub candidate: &'r Arc<Version>,
    /// The live one.
    pub live: Option<&'r Arc<Version>>,
    /// Which of the two is applied.
    pub applied: Side,
}

impl Rollout {
    /// Puts together what the store holds of one merchant. What stands as it stood goes on, with
    /// all that was counted of it.
    pub fn new(
        records: Vec<ReleaseRecord>,
        before: Option<&Rollout>,
        metrics: &Arc<PluginMetrics>,
    ) -> Self {
        let mut rollout = Self::default();
        for record in records {
            let known = before.and_then(|it| it.find(record.manifest.sequence));
            let version = match known {
                Some(known) if known.standing == record.standing => Arc::clone(known),
                known => match Version::new(record, known, metrics) {
                    Some(version) => Arc::new(version),
                    None => continue,
                },
            };
            match version.standing.stage {
                Stage::Live => rollout.live = Some(version),
                Stage::Previous => rollout.previous = Some(version),
                Stage::Shadow | Stage::Canary(_) => rollout.candidate = Some(version),
                Stage::Retired | Stage::RolledBack => {}
            }
        }
        rollout
    }

    /// The releases that answer for an order: always the same, as long as nothing is moved.
    pub fn sides(&self, order: &OrderId) -> Sides<'_> {
        let live = self.live.as_ref();
        let Some(candidate) = self.candidate.as_ref().filter(|it| !it.standing.paused) else {
            return Sides { applied: live, beside: None };
        };
        let takes = candidate.standing.stage.share().is_some_and(|share| share.takes(order));
        let (applied, side) = if takes { (Some(candidate), Side::New) } else { (live, Side::Old) };
        Sides { applied, beside: Some(Comparison { candidate, live, applied: side }) }
    }

    /// Every release in it.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Version>> {
        [&self.live, &self.candidate, &self.previous].into_iter().flatten()
    }

    fn find(&self, sequence: u64) -> Option<&Arc<Version>> {
        self.all().find(|it| it.manifest.sequence == sequence)
    }
}

impl Version {
    fn new(
        record: ReleaseRecord,
        known: Option<&Arc<Version>>,
        metrics: &Arc<PluginMetrics>,
    ) -> Option<Self> {
        let ReleaseRecord { manifest, settings, standing, .. } = record;
        let digest = from_hex(&manifest.digest)?;
        let series = match known {
            Some(known) => Arc::clone(&known.series),
            None => {
                let (merchant, plugin) = (manifest.merchant.as_str(), &manifest.plugin);
                Arc::new(metrics.series(merchant, plugin, &manifest.version))
            }
        };
        Some(Self { digest, settings, standing, health: Health::default(), series, manifest })
    }

    /// The resources that it may use, of those that the engine gives.
    pub fn limits(&self, most: Limits) -> Limits {
        limits(&self.manifest, most)
    }
}

/// The resources that a release may use, of those that the engine gives.
pub fn limits(manifest: &Manifest, most: Limits) -> Limits {
    let limits = &manifest.limits;
    let memory = usize::try_from(limits.memory).unwrap_or(usize::MAX);
    Limits { memory, fuel: limits.fuel, deadline_ms: limits.deadline_ms, ..most }
}

/// A digest in bytes.
pub fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(bytes)
}
