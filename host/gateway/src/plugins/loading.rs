//! From a component on disk to a plugin that can be asked, and from what the store holds to what
//! orders meet.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use lezai_core::id::MerchantId;
use lezai_engine::Plugin;

use super::rollout::{Rollout, Version};
use crate::gateway::Gateway;
use crate::merchants::Merchants;
use lezai_store as store;
use lezai_store::{ReleaseRecord, StoreError};

/// What one merchant's orders meet from now on. Others are not touched, and what is under way ends
/// as it began. Called when the commit is done that changed it: how long that takes is counted.
///
/// # Errors
///
/// [`StoreError`]; all stays as it was.
pub async fn refresh(gateway: &Gateway, merchant: &MerchantId) -> Result<(), StoreError> {
    let committed = Instant::now();
    // One after the other: who read earlier must not swap in later.
    let _turn = gateway.reloading.lock().await;
    let id = merchant.clone();
    let records =
        store::read(&gateway.store, move |view| view.standing_releases(Some(&id))).await?;
    let Some(merchant) = gateway.merchants().get(merchant).cloned() else { return Ok(()) };
    let before = merchant.rollout.load();
    let rollout = Rollout::new(records, Some(&before), &gateway.metrics.plugins);
    merchant.rollout.store(Arc::new(rollout));
    gateway.metrics.plugins.live_seconds.observe(committed.elapsed().as_secs_f64());
    Ok(())
}

/// How many plugins stand ready, for whoever reads the metrics.
pub fn count_ready(gateway: &Gateway) {
    let (ready, most) = gateway.engine.ready();
    let count = |it: usize| i64::try_from(it).unwrap_or(i64::MAX);
    gateway.metrics.plugins.ready.set(count(ready));
    gateway.metrics.plugins.ready_most.set(count(most));
}

/// What all merchants' orders meet, when merchants are read anew: what was counted of their
/// releases goes on.
pub fn rollouts(
    gateway: &Gateway,
    records: Vec<ReleaseRecord>,
    before: &Merchants,
) -> HashMap<MerchantId, Rollout> {
    let mut by_merchant: HashMap<MerchantId, Vec<ReleaseRecord>> = HashMap::new();
    for record in records {
        by_merchant.entry(record.manifest.merchant.clone()).or_default().push(record);
    }
    by_merchant
        .into_iter()
        .map(|(merchant, records)| {
            let before = before.get(&merchant).map(|it| it.rollout.load_full());
            let rollout = Rollout::new(records, before.as_deref(), &gateway.metrics.plugins);
            (merchant, rollout)
        })
        .collect()
}

/// Compiles what may be asked and has no code for this program: at the start, before the first
/// order comes.
pub fn prepare(gateway: &Gateway, version: &Version) {
    if let Err(error) = load(gateway, version) {
        let merchant = &version.manifest.merchant;
        tracing::error!(%merchant, sequence = version.manifest.sequence, error, "plugin cannot be loaded: orders are reviewed");
    }
}

/// Makes the code again of a release that an order asked for in vain.
pub async fn mend(gateway: &Arc<Gateway>, version: &Arc<Version>) {
    let (gateway, version) = (Arc::clone(gateway), Arc::clone(version));
    let _ = tokio::task::spawn_blocking(move || prepare(&gateway, &version)).await;
}

fn load(gateway: &Gateway, version: &Version) -> Result<Arc<Plugin>, String> {
    let limits = version.limits(gateway.engine.limits());
    if let Ok(Some((plugin, _))) = gateway.engine.open(&version.digest, limits) {
        return Ok(plugin);
    }
    let component =
        gateway.blobs.get(&version.manifest.digest).map_err(|error| error.to_string())?;
    gateway.engine.load_within(&component, limits).map_err(|error| error.to_string())
}
