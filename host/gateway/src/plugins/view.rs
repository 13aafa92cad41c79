//! Releases as the operator reads them.

use lezai_core::id::MerchantId;
use lezai_core::release::Manifest;
use lezai_wire::time::rfc3339;
use serde::Serialize;
use utoipa::ToSchema;

use super::Plugins;
use super::shadow_compare::{DENIALS_MAX, DIFFERENCES_MAX};
use crate::merchants::Merchant;
use crate::views;
use lezai_store as store;
use lezai_store::plugins::{Difference, Stage};
use lezai_store::{Page, ReleaseRecord};
use lezai_wire::decision::DecisionView;
use lezai_wire::problem::{Code, Problem};

/// A release, and where it stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReleaseStateView {
    /// Whose it is.
    pub merchant: String,
    /// The plugin's name.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// The number of the release.
    pub sequence: u64,
    /// SHA-256 of the component, in hex.
    pub digest: String,
    /// The hooks it answers; the others fall to the standard plugin.
    pub hooks: Vec<String>,
    /// The component, in bytes.
    pub size: u64,
    /// The key that signed it.
    pub keyid: String,
    /// RFC 3339.
    pub published_at: String,
    /// `shadow`, `canary`, `live`, `previous`, `retired` or `rolled_back`.
    pub stage: &'static str,
    /// In `canary`, how many of a thousand orders it decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_mille: Option<u16>,
    /// It is not asked, and waits where it is.
    pub paused: bool,
    /// Since when it is there, RFC 3339.
    pub since: String,
    /// How many of a hundred orders it may decide otherwise in `canary`.
    pub drift_percent: u8,
    /// Why it was taken back, if nobody asked for that: `failures`, `timeouts`, `fuel` or `drift`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The counts since this gateway started or the release came there; of what may be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counts: Option<CountsView>,
}

/// The counts of a release.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CountsView {
    /// Orders that it was asked about.
    pub calls: u64,
    /// Of these, those with a hook that failed.
    pub failures: u64,
    /// Of these, those with a hook that took too long.
    pub timeouts: u64,
    /// Orders that both it and the live one decided.
    pub compared: u64,
    /// Of these, those with another verdict, fee or channel.
    pub different: u64,
}

/// An order that two releases decided in two ways.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DifferenceView {
    /// The order.
    pub order: String,
    /// RFC 3339.
    pub at: String,
    /// `old` or `new`: which of the two was applied.
    pub applied: &'static str,
    /// The decision of the live release, or of the standard plugin if there is none.
    pub old: DecisionView,
    /// The decision of the candidate.
    pub new: DecisionView,
}

/// One line of the decision log.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LoggedView {
    /// The order; one that was denied was never made.
    pub order: String,
    /// RFC 3339.
    pub at: String,
    /// The decision.
    pub decision: DecisionView,
}

/// A release as it is kept.
pub fn release(record: &ReleaseRecord) -> ReleaseStateView {
    let ReleaseRecord { manifest, size, published_at, standing, .. } = record;
    let Manifest { merchant, plugin, version, digest, hooks, sequence, keyid, .. } =
        manifest.clone();
    ReleaseStateView {
        merchant: merchant.to_string(),
        plugin,
        version,
        sequence,
        digest,
        hooks,
        size: *size,
        keyid,
        published_at: rfc3339(*published_at),
        stage: standing.stage.as_str(),
        per_mille: standing.stage.share().map(|it| it.per_mille()),
        paused: standing.paused,
        since: rfc3339(standing.since),
        drift_percent: standing.drift_percent,
        why: standing.note.clone(),
        counts: None,
    }
}

impl Plugins {
    /// The merchant's releases, newest first.
    ///
    /// # Errors
    ///
    /// `internal`.
    pub async fn releases(
        &self,
        merchant: &Merchant,
        limit: u32,
    ) -> Result<Vec<ReleaseStateView>, Problem> {
        let id = merchant.record.id.clone();
        let records = store::read(&self.node.store, move |view| view.releases(&id, limit)).await?;
        let rollout = merchant.rollout.load();
        Ok(records
            .iter()
            .map(|record| {
                let asked =
                    rollout.all().find(|it| it.manifest.sequence == record.manifest.sequence);
                let counts = asked.map(|it| it.health.counts()).map(|it| CountsView {
                    calls: it.calls,
                    failures: it.failures,
                    timeouts: it.timeouts,
                    compared: it.compared,
                    different: it.different,
                });
                ReleaseStateView { counts, ..release(record) }
            })
            .collect())
    }

    /// The release that decides the merchant's orders.
    ///
    /// # Errors
    ///
    /// `not_found` if there is none.
    pub async fn live_release(&self, merchant: &Merchant) -> Result<ReleaseStateView, Problem> {
        let id = merchant.record.id.clone();
        let read = move |view: &dyn store::View| view.standing_releases(Some(&id));
        let standing = store::read(&self.node.store, read).await?;
        let live = standing.iter().find(|it| it.standing.stage == Stage::Live);
        live.map(release).ok_or_else(none)
    }

    /// The orders that a release decides otherwise, newest first.
    ///
    /// # Errors
    ///
    /// `internal`.
    pub async fn differences(
        &self,
        merchant: MerchantId,
        sequence: u64,
        limit: u32,
    ) -> Result<Vec<DifferenceView>, Problem> {
        let limit = limit.min(DIFFERENCES_MAX);
        let read = move |view: &dyn store::View| view.differences(&merchant, sequence, limit);
        let found = store::read(&self.node.store, read).await?;
        Ok(found
            .into_iter()
            .map(|Difference { order, at, applied, old, new, .. }| DifferenceView {
                order: order.to_string(),
                at: rfc3339(at),
                applied: applied.as_str(),
                old: views::decision(old),
                new: views::decision(new),
            })
            .collect())
    }

    /// The merchant's last decisions, newest first: of orders, which keep theirs for ever, and of those
    /// that were denied.
    ///
    /// # Errors
    ///
    /// `internal`.
    pub async fn decisions(
        &self,
        merchant: MerchantId,
        limit: u32,
    ) -> Result<Vec<LoggedView>, Problem> {
        let page = Page { limit, after: None, from: None, to: None };
        let (orders, denials) = store::read(&self.node.store, move |view| {
            Ok((
                view.orders(&merchant, None, &page)?,
                view.denials(&merchant, limit.min(DENIALS_MAX))?,
            ))
        })
        .await?;
        let mut all: Vec<_> = orders
            .into_iter()
            .map(|it| (it.order.terms.created_at, it.order.terms.id, it.details.decision))
            .chain(denials.into_iter().map(|it| (it.at, it.order, it.decision)))
            .collect();
        all.sort_by(|one, other| (other.0, &other.1).cmp(&(one.0, &one.1)));
        all.truncate(limit as usize);
        Ok(all
            .into_iter()
            .map(|(at, order, decision)| LoggedView {
                order: order.to_string(),
                at: rfc3339(at),
                decision: views::decision(decision),
            })
            .collect())
    }
}

/// The problem where there is no release.
pub fn none() -> Problem {
    Problem::new(Code::NotFound, "the merchant has no plugin of its own; the standard one decides")
}
