//! A release comes in: everything is verified before anything is compiled, kept before it is used,
//! and the same release again is answered as the first time.

use std::sync::Arc;

use lezai_core::id::MerchantId;
use lezai_core::key::VerifyingKey;
use lezai_core::release::{Envelope, Expected, Limits, Manifest, Refused, Release};
use lezai_engine::Hook;

use super::Plugins;
use super::lifecycle;
use super::view::{self, ReleaseStateView};
use crate::releases::stage::{self, Slot};
use lezai_base::native_key::NativeVerifyingKey;
use lezai_store as store;
use lezai_store::plugins::{ReleaseState, Stage};
use lezai_store::{ReleaseRecord, Scope, StoreError, Tx};
use lezai_wire::problem::{Code, Problem};

/// How many of a hundred orders a release may decide otherwise, unless its operator says.
pub const DRIFT_PERCENT: u8 = 10;

/// A release and all that came with it.
pub struct Upload {
    /// Whose it is to be.
    pub merchant: MerchantId,
    /// The manifest and its signature.
    pub envelope: Envelope,
    /// The component.
    pub component: Vec<u8>,
    /// The settings.
    pub settings: Vec<u8>,
    /// Where it begins.
    pub stage: Stage,
    /// How many of a hundred orders it may decide otherwise, once it decides some.
    pub drift_percent: u8,
}

impl Plugins {
    /// Publishes a release.
    ///
    /// # Errors
    ///
    /// The errors in it, each with its code; then nothing changed.
    pub async fn publish(&self, upload: Upload) -> Result<ReleaseStateView, Problem> {
        let release = self.verify(&upload).await?;
        let manifest = release.manifest().clone();
        let Upload { merchant, envelope, component, settings, stage, drift_percent } = upload;

        // The same again, or an old one: known before a compiler is troubled with it. The commit below
        // looks once more.
        let (id, again) = (merchant.clone(), envelope.clone());
        let sequence = manifest.sequence;
        let known = store::read(&self.node.store, move |view| view.releases(&id, 1)).await?;
        if let Some(first) = first_time(known.first(), &again, sequence)? {
            return Ok(view::release(first));
        }

        let size = component.len() as u64;
        let (engine, blobs, limits) =
            (Arc::clone(&self.engine), Arc::clone(&self.blobs), manifest.limits);
        let hooks = manifest.hooks.clone();
        let admit = move || {
            let most = engine.limits();
            let limits = lezai_engine::Limits {
                memory: usize::try_from(limits.memory).unwrap_or(usize::MAX),
                fuel: limits.fuel,
                deadline_ms: limits.deadline_ms,
                ..most
            };
            let plugin = engine.load_within(&component, limits).map_err(|refused| {
                // Further lines are a compiler's view of it, for somebody with its source at hand.
                let detail = refused.to_string().lines().next().unwrap_or_default().to_owned();
                Problem::new(Code::PluginRefused, detail).with("field", "component")
            })?;
            let answers: Vec<_> = plugin.hooks().iter().map(|hook| Hook::label(*hook)).collect();
            if hooks != answers {
                let detail = format!(
                    "the component answers {}, the manifest says otherwise",
                    answers.join(", ")
                );
                return Err(
                    Problem::new(Code::ReleaseHooks, detail).with("field", "manifest.hooks")
                );
            }
            blobs.put(&component).map_err(Problem::internal)?;
            Ok(component)
        };
        let component = tokio::task::spawn_blocking(admit).await.map_err(Problem::internal)??;

        let now = self.node.clock.now();
        let standing = ReleaseState { stage, paused: false, since: now, drift_percent, note: None };
        let record =
            ReleaseRecord { envelope, manifest, settings, size, published_at: now, standing };
        let (id, kept) = (merchant.clone(), record.clone());
        let scope = Scope::Merchant(id.clone());
        let digest = record.manifest.digest.clone();
        let work = move |tx: &dyn Tx| {
            tx.put_component(&digest, &component)?;
            keep(tx, &id, kept)
        };
        let first = store::write(&self.node.store, scope, work).await?;
        self.merchants.refresh_releases(&merchant).await?;
        tracing::info!(%merchant, sequence, digest = record.manifest.digest, stage = stage.as_str(), "release published");
        Ok(view::release(first.as_ref().unwrap_or(&record)))
    }

    /// Verifies who signed it, and that it fits. Nothing of the component is looked at but its digest.
    pub(super) async fn verify(&self, upload: &Upload) -> Result<Release, Problem> {
        let Manifest { keyid, .. } = upload.envelope.read().map_err(refused)?;
        let name = keyid.clone();
        let key = store::read(&self.node.store, move |view| view.plugin_key(&name)).await?;
        // Another merchant's key is none here.
        let key = key.filter(|key| key.merchant == upload.merchant).ok_or_else(|| {
            let detail = format!("the merchant has no plugin key {keyid}");
            Problem::new(Code::ReleaseKeyUnknown, detail).with("field", "manifest.keyid")
        })?;
        let key = VerifyingKey::from_spki_pem(&key.pem).map_err(Problem::internal)?;
        let most = self.engine.limits();
        let expected = Expected {
            merchant: &upload.merchant,
            component: &upload.component,
            settings: &upload.settings,
            maxima: Limits {
                memory: most.memory as u64,
                fuel: most.fuel,
                deadline_ms: most.deadline_ms,
            },
        };
        upload.envelope.verify(&NativeVerifyingKey::from(&key), &expected).map_err(refused)
    }
}

/// Keeps the release and moves the others; or gives the one that was there already.
fn keep(
    tx: &dyn Tx,
    merchant: &MerchantId,
    record: ReleaseRecord,
) -> Result<Option<ReleaseRecord>, Problem> {
    let sequence = record.manifest.sequence;
    let newest = tx.releases(merchant, 1)?;
    if let Some(first) = first_time(newest.first(), &record.envelope, sequence)? {
        return Ok(Some(first.clone()));
    }
    let slots: Vec<Slot> = lifecycle::slots(&tx.standing_releases(Some(merchant))?);
    for (number, standing) in stage::publish(&slots, sequence, record.standing.clone()) {
        if number != sequence {
            tx.set_standing(merchant, number, &standing)?;
        }
    }
    tx.insert_release(&record).map(|()| None).map_err(|error: StoreError| error.into())
}

/// The release itself, if it is the newest; another with its number, or one before, is refused.
fn first_time<'a>(
    newest: Option<&'a ReleaseRecord>,
    envelope: &Envelope,
    sequence: u64,
) -> Result<Option<&'a ReleaseRecord>, Problem> {
    match newest {
        // The signature may be another: some differ each time.
        Some(newest) if newest.envelope.manifest == envelope.manifest => Ok(Some(newest)),
        Some(newest) if newest.manifest.sequence >= sequence => {
            let latest = newest.manifest.sequence;
            let detail =
                format!("the merchant's newest release is {latest}, this one is {sequence}");
            Err(Problem::new(Code::ReleaseReplayed, detail)
                .with("field", "manifest.sequence")
                .with("latest", latest))
        }
        _ => Ok(None),
    }
}

fn refused(refused: Refused) -> Problem {
    let detail = refused.to_string();
    let (code, field) = match &refused {
        Refused::Malformed(_) => (Code::ReleaseMalformed, "manifest"),
        Refused::Signature => (Code::ReleaseSignatureInvalid, "signature"),
        Refused::Merchant(_) => (Code::ReleaseOfAnother, "manifest.merchant"),
        Refused::Digest { what: "settings", .. } => (Code::ReleaseDigestMismatch, "settings"),
        Refused::Digest { .. } => (Code::ReleaseDigestMismatch, "component"),
        Refused::Contract(_) => (Code::ReleaseContract, "manifest.contract"),
        Refused::Limits { .. } => (Code::ReleaseLimits, "manifest.limits"),
    };
    Problem::new(code, detail).with("field", field)
}
