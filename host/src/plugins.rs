//! Merchants' plugins: loaded before they are kept, kept before they are used, and changed with no
//! restart.

use std::sync::Arc;

use lezai_core::id::MerchantId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock;
use crate::gateway::Gateway;
use crate::merchants::{Merchant, Own};
use crate::problem::{Code, Problem};
use crate::store::{self, PluginRecord};

/// A plugin as the operator reads it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PluginView {
    /// Whose it is.
    pub merchant: String,
    /// SHA-256 of the component, in hex.
    pub digest: String,
    /// The hooks it answers; the others fall to the standard plugin.
    pub hooks: Vec<&'static str>,
    /// The component, in bytes.
    pub size: usize,
    /// RFC 3339.
    pub published_at: String,
}

/// Publishes a plugin: it decides the next order.
///
/// # Errors
///
/// `plugin_refused`, with what is wrong with it; then nothing changed.
pub async fn publish(gateway: &Gateway, record: PluginRecord) -> Result<PluginView, Problem> {
    let engine = Arc::clone(&gateway.engine);
    // Compiling takes a while.
    let load = move || (engine.load(&record.component), record);
    let (loaded, record) = tokio::task::spawn_blocking(load).await.map_err(Problem::internal)?;
    let plugin = loaded.map_err(|refused| {
        // Further lines are a compiler's view of it, for somebody with its source at hand.
        let detail = refused.to_string().lines().next().unwrap_or_default().to_owned();
        Problem::new(Code::PluginRefused, detail).with("field", "component")
    })?;
    let view = view(&plugin, &record);
    store::write(&gateway.store, move |tx| tx.put_plugin(&record)).await?;
    gateway.reload_merchants().await?;
    tracing::info!(merchant = view.merchant, digest = view.digest, "plugin published");
    Ok(view)
}

/// The merchant's plugin.
///
/// # Errors
///
/// `not_found` if there is none.
pub async fn show(gateway: &Gateway, merchant: &Merchant) -> Result<PluginView, Problem> {
    let records = store::read(&gateway.store, |view| view.plugins()).await?;
    let record = records.into_iter().find(|it| it.merchant == merchant.record.id);
    match (&merchant.plugin, record) {
        (Own::Loaded { plugin, .. }, Some(record)) => Ok(view(plugin, &record)),
        (Own::Broken, Some(_)) => Err(Problem::new(
            Code::PluginRefused,
            "the merchant's plugin can no longer be loaded, and her orders are reviewed; publish it again",
        )),
        _ => Err(none()),
    }
}

/// Takes the plugin away.
///
/// # Errors
///
/// `not_found` if there is none.
pub async fn remove(gateway: &Gateway, merchant: MerchantId) -> Result<(), Problem> {
    tracing::info!(%merchant, "plugin removed");
    if !store::write(&gateway.store, move |tx| tx.remove_plugin(&merchant)).await? {
        return Err(none());
    }
    Ok(gateway.reload_merchants().await?)
}

fn none() -> Problem {
    Problem::new(Code::NotFound, "the merchant has no plugin of its own; the standard one decides")
}

fn view(plugin: &lezai_engine::Plugin, record: &PluginRecord) -> PluginView {
    PluginView {
        merchant: record.merchant.to_string(),
        digest: plugin.digest().to_owned(),
        hooks: plugin.hooks().iter().map(|hook| hook.label()).collect(),
        size: record.component.len(),
        published_at: clock::rfc3339(record.published_at),
    }
}
