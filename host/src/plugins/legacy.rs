//! Plugins of the store's first version, which were not signed: at the start of the gateway each
//! becomes a release of its own merchant's, signed with the gateway's key, and decides as before.

use std::sync::Arc;

use lezai_core::digest::sha256_hex;
use lezai_core::release::{CONTRACT, Envelope, Limits, Manifest};
use lezai_engine::Hook;

use crate::gateway::Gateway;
use crate::problem::Problem;
use crate::store::plugins::{Stage, Standing, UnsignedPlugin};
use crate::store::{self, ReleaseRecord};

/// Makes releases of them.
///
/// # Errors
///
/// `internal`: what was not done is done at the next start.
pub async fn adopt(gateway: &Gateway) -> Result<(), Problem> {
    let unsigned = store::read(&gateway.store, |view| view.unsigned_plugins()).await?;
    for plugin in unsigned {
        let merchant = plugin.merchant.clone();
        let record = signed(gateway, plugin).await?;
        tracing::info!(%merchant, digest = record.manifest.digest, "an unsigned plugin became a release");
        store::write(&gateway.store, move |tx| {
            if tx.releases(&merchant, 1)?.is_empty() {
                tx.insert_release(&record)?;
            }
            tx.forget_unsigned_plugin(&merchant)
        })
        .await?;
    }
    Ok(())
}

async fn signed(gateway: &Gateway, plugin: UnsignedPlugin) -> Result<ReleaseRecord, Problem> {
    let UnsignedPlugin { merchant, component, settings, published_at } = plugin;
    let (engine, blobs) = (Arc::clone(&gateway.engine), Arc::clone(&gateway.blobs));
    let size = component.len() as u64;
    let keep = move || {
        // One that is no longer taken stays the merchant's: her orders are reviewed, as before.
        let hooks = engine.load(&component).map(|it| it.hooks().to_vec()).unwrap_or_default();
        blobs.put(&component).map(|digest| (digest, hooks))
    };
    let (digest, hooks) = tokio::task::spawn_blocking(keep)
        .await
        .map_err(Problem::internal)?
        .map_err(Problem::internal)?;
    let hooks = if hooks.is_empty() { vec![Hook::Risk] } else { hooks };
    let most = gateway.engine.limits();
    let manifest = Manifest {
        plugin: "unnamed".to_owned(),
        version: "0".to_owned(),
        digest,
        settings_digest: sha256_hex(&settings),
        contract: CONTRACT.to_owned(),
        hooks: hooks.iter().map(|hook| hook.label().to_owned()).collect(),
        limits: Limits {
            memory: most.memory as u64,
            fuel: most.fuel,
            deadline_ms: most.deadline_ms,
        },
        merchant,
        sequence: 1,
        keyid: gateway.key.keyid.clone(),
        created_at: published_at,
    };
    let envelope = Envelope::seal(&manifest, &gateway.key.native).map_err(Problem::internal)?;
    let standing = Standing {
        stage: Stage::Live,
        paused: false,
        since: gateway.clock.now(),
        drift_percent: super::publishing::DRIFT_PERCENT,
        note: None,
    };
    Ok(ReleaseRecord { envelope, manifest, settings, size, published_at, standing })
}
