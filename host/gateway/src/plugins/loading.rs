//! From a component on disk to a plugin that can be asked.

use std::sync::Arc;

use lezai_engine::Plugin;

use super::Plugins;
use crate::releases::rollout::Version;

impl Plugins {
    /// How many plugins stand ready, for whoever reads the metrics.
    pub fn count_ready(&self) {
        let (ready, most) = self.engine.ready();
        let count = |it: usize| i64::try_from(it).unwrap_or(i64::MAX);
        self.node.metrics.plugins.ready.set(count(ready));
        self.node.metrics.plugins.ready_most.set(count(most));
    }

    /// Compiles what may be asked and has no code for this program: at the start, before the first
    /// order comes.
    pub fn prepare(&self, version: &Version) {
        if let Err(error) = self.load(version) {
            let merchant = &version.manifest.merchant;
            tracing::error!(%merchant, sequence = version.manifest.sequence, error, "plugin cannot be loaded: orders are reviewed");
        }
    }

    /// Makes the code again of a release that an order asked for in vain.
    pub async fn recompile(self: &Arc<Self>, version: &Arc<Version>) {
        let (plugins, version) = (Arc::clone(self), Arc::clone(version));
        let _ = tokio::task::spawn_blocking(move || plugins.prepare(&version)).await;
    }

    pub(super) fn load(&self, version: &Version) -> Result<Arc<Plugin>, String> {
        let limits = version.limits(self.engine.limits());
        if let Ok(Some((plugin, _))) = self.engine.open(&version.digest, limits) {
            return Ok(plugin);
        }
        let component =
            self.blobs.get(&version.manifest.digest).map_err(|error| error.to_string())?;
        self.engine.load_within(&component, limits).map_err(|error| error.to_string())
    }
}
