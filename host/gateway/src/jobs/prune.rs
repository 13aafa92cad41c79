//! Forgets what is old enough.

use std::time::Duration;

use lezai_store as store;
use lezai_store::Scope;
use tokio::sync::watch;

use crate::funds::fx;
use crate::gateway::Gateway;
use crate::{events, idempotency};

/// Faster than rows grow old at the busiest.
const PRUNE_EVERY: Duration = Duration::from_secs(2);

pub(super) async fn tidy(gateway: &Gateway, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        prune(gateway).await;
        tokio::select! {
            () = tokio::time::sleep(PRUNE_EVERY) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Forgets what is old enough.
pub async fn prune(gateway: &Gateway) {
    let wall = gateway.node.clock.wall();
    let now = gateway.node.clock.now();
    let keep_after = now.plus_secs(-idempotency::RETENTION_SECS);
    let log_after = now.plus_secs(-events::LOG_SECS);
    let quotes_before = now.plus_secs(-fx::KEPT_SECS);
    let pruned = store::write(&gateway.node.store, Scope::Background, move |tx| {
        tx.prune(wall, keep_after)?;
        tx.prune_deliveries(log_after)?;
        tx.prune_statements(now)?;
        tx.prune_fx_quotes(quotes_before)
    })
    .await;
    let waiting = store::read(&gateway.node.store, |view| view.waiting_tasks()).await;
    if let Err(error) = pruned.and(waiting.map(|waiting| {
        gateway.node.metrics.waiting_tasks.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    })) {
        tracing::error!(%error, "cannot prune");
    }
    gateway.node.cluster.watchers.sweep();
    gateway
        .node
        .metrics
        .streams
        .set(i64::try_from(gateway.node.cluster.watchers.streams()).unwrap_or(i64::MAX));
}
