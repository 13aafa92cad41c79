//! Plugins as they are kept: releases with their publishers' signatures, how far each has come, what
//! a shadow run said otherwise, and the orders that were denied. The components themselves lie
//! on disk, under their digests; where several nodes share a store, it has them too.

use lezai_core::id::{MerchantId, OrderId};
use lezai_core::policy::OrderFacts;
use lezai_core::release::{Envelope, Manifest, Share};
use lezai_core::time::Timestamp;

use super::StoreError;
use crate::decision::DecisionRecord;

/// A release that was admitted.
#[derive(Clone, Debug)]
pub struct ReleaseRecord {
    /// The manifest and its signature, as they came.
    pub envelope: Envelope,
    /// The manifest's contents.
    pub manifest: Manifest,
    /// The settings that the plugin is given with each order.
    pub settings: Vec<u8>,
    /// The component, in bytes.
    pub size: u64,
    /// When it was published.
    pub published_at: Timestamp,
    /// How far it has come.
    pub standing: ReleaseState,
}

/// How far a release has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseState {
    /// The stage.
    pub stage: Stage,
    /// It waits where it is, and is not asked.
    pub paused: bool,
    /// Since when it is there.
    pub since: Timestamp,
    /// In a canary stage, how many of a hundred orders it may decide otherwise than the live one.
    pub drift_percent: u8,
    /// Why it is there, if nobody asked for it.
    pub note: Option<String>,
}

/// The stages of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It is asked beside the live one, and what it says is recorded and not applied.
    Shadow,
    /// It decides a share of the orders.
    Canary(Share),
    /// It decides.
    Live,
    /// It decided until the live one came, and takes over again should that one fail.
    Previous,
    /// Another took its place.
    Retired,
    /// It was taken back.
    RolledBack,
}

impl Stage {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shadow => "shadow",
            Self::Canary(_) => "canary",
            Self::Live => "live",
            Self::Previous => "previous",
            Self::Retired => "retired",
            Self::RolledBack => "rolled_back",
        }
    }

    /// Of a thousand orders, how many it decides while another decides the rest.
    pub fn share(self) -> Option<Share> {
        match self {
            Self::Canary(share) => Some(share),
            _ => None,
        }
    }

    /// From the word and the share, as they are kept.
    pub fn parse(word: &str, per_mille: Option<u16>) -> Option<Self> {
        Some(match (word, per_mille) {
            ("shadow", None) => Self::Shadow,
            ("canary", Some(per_mille)) => Self::Canary(Share::from_per_mille(per_mille)?),
            ("live", None) => Self::Live,
            ("previous", None) => Self::Previous,
            ("retired", None) => Self::Retired,
            ("rolled_back", None) => Self::RolledBack,
            _ => return None,
        })
    }

    /// On its way to be live.
    pub fn is_candidate(self) -> bool {
        matches!(self, Self::Shadow | Self::Canary(_))
    }

    /// Whether it may be asked.
    pub fn is_standing(self) -> bool {
        matches!(self, Self::Shadow | Self::Canary(_) | Self::Live | Self::Previous)
    }
}

/// A key that signs a merchant's releases.
#[derive(Clone, Debug)]
pub struct PluginKey {
    /// Its name, unique among all merchants.
    pub keyid: String,
    /// Whose it is.
    pub merchant: MerchantId,
    /// SPKI PEM.
    pub pem: String,
}

/// An order that a release decided otherwise.
#[derive(Clone, Debug)]
pub struct Difference {
    /// Whose.
    pub merchant: MerchantId,
    /// The candidate.
    pub sequence: u64,
    /// The order.
    pub order: OrderId,
    /// When it was decided.
    pub at: Timestamp,
    /// Which of the two was applied.
    pub applied: Side,
    /// The decision of the live release, or of the standard plugin.
    pub old: DecisionRecord,
    /// The decision of the candidate.
    pub new: DecisionRecord,
}

/// One of the two that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The live release, or the standard plugin.
    Old,
    /// The candidate.
    New,
}

impl Side {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::New => "new",
        }
    }
}

/// An order that was denied, of which nothing else is kept.
#[derive(Clone, Debug)]
pub struct Denial {
    /// Whose.
    pub merchant: MerchantId,
    /// The id that it would have had.
    pub order: OrderId,
    /// When.
    pub at: Timestamp,
    /// By whom and why.
    pub decision: DecisionRecord,
    /// The facts of the decision: kept as those of an order are, and shown to nobody.
    pub facts: OrderFacts,
}

/// A decision of the past, with all that it was made of, as far as the store still has it.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The facts of the order, made or denied.
    pub facts: OrderFacts,
    /// The decision.
    pub decision: DecisionRecord,
    /// The policy by then, as JSON: also one that was replaced since.
    pub policy: Option<String>,
    /// The release of the merchant's plugin.
    pub release: Option<ReleaseRecord>,
    /// The release's component, if the store keeps components.
    pub component: Option<Vec<u8>>,
}

/// A denial is forgotten after so many days, whatever room there is.
pub const DENIAL_SECS: i64 = 90 * 86_400;

/// Reads of releases, plugin keys, differences and denials.
pub trait PluginReads {
    /// A merchant's releases, newest first, at most so many.
    fn releases(&self, merchant: &MerchantId, limit: u32)
    -> Result<Vec<ReleaseRecord>, StoreError>;
    /// The release with this number.
    fn release(
        &self,
        merchant: &MerchantId,
        sequence: u64,
    ) -> Result<Option<ReleaseRecord>, StoreError>;
    /// The releases that may be asked: one merchant's, of which there are at most three, or every
    /// merchant's.
    fn standing_releases(
        &self,
        merchant: Option<&MerchantId>,
    ) -> Result<Vec<ReleaseRecord>, StoreError>;
    /// The key with this name.
    fn plugin_key(&self, keyid: &str) -> Result<Option<PluginKey>, StoreError>;
    /// The orders that a release decided otherwise, newest first, at most so many.
    fn differences(
        &self,
        merchant: &MerchantId,
        sequence: u64,
        limit: u32,
    ) -> Result<Vec<Difference>, StoreError>;
    /// The component with this digest, if the store keeps components: one that several nodes share does.
    fn component(&self, digest: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let _ = digest;
        Ok(None)
    }
    /// A merchant's orders that were denied, newest first, at most so many.
    fn denials(&self, merchant: &MerchantId, limit: u32) -> Result<Vec<Denial>, StoreError>;
}

/// Writes of releases, plugin keys, differences and denials.
pub trait PluginWrites: PluginReads {
    /// Keeps a component under its digest, if the store keeps components.
    fn put_component(&self, digest: &str, component: &[u8]) -> Result<(), StoreError> {
        let _ = (digest, component);
        Ok(())
    }
    /// A new release.
    fn insert_release(&self, release: &ReleaseRecord) -> Result<(), StoreError>;
    /// How far a release has come now.
    fn set_standing(
        &self,
        merchant: &MerchantId,
        sequence: u64,
        standing: &ReleaseState,
    ) -> Result<(), StoreError>;
    /// A new key, or another in its place. `false` if the name is another merchant's.
    fn put_plugin_key(&self, key: &PluginKey) -> Result<bool, StoreError>;
    /// No such key any more. `false` if the merchant had none with this name.
    fn remove_plugin_key(&self, merchant: &MerchantId, keyid: &str) -> Result<bool, StoreError>;
    /// One more difference; of the release's, the last `most` are kept.
    fn insert_difference(&self, difference: &Difference, most: u32) -> Result<(), StoreError>;
    /// One more denial; of the merchant's, the last `most` are kept, and none for longer than
    /// [`DENIAL_SECS`].
    fn insert_denial(&self, denial: &Denial, most: u32) -> Result<(), StoreError>;
}
