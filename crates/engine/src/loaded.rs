//! The plugins that stand ready: as many as fit, those that were asked last.
//!
//! A process may have 65,530 memory maps (`vm.max_map_count`), and each plugin's code is three of
//! them. Past that nothing can be mapped at all, so there is a bound well below, and whoever is
//! behind it is loaded again from the cache of compiled code, which takes a millisecond.

use std::sync::{Arc, Mutex, PoisonError};

use hashlink::LruCache;

use crate::limits::Limits;
use crate::plugin::{Digest, Plugin};

/// Maps of one plugin's code: what is read, what is run, what is read again.
const MAPS: usize = 3;
/// Maps that the process needs for everything else: threads, heap, instances, files.
const OTHER_MAPS: usize = 16_384;
/// Where there is no such bound, and on Linux what it is unless somebody changed it.
const USUAL_MAP_COUNT: usize = 65_530;
/// So many are taken even where the bound is set absurdly low.
const FEWEST: usize = 16;

/// The key of a loaded plugin: the same component under other limits is another plugin.
pub(crate) type Key = (Digest, Limits);

/// The plugins, the least recently asked first.
pub(crate) struct LoadedPlugins {
    plugins: Mutex<LruCache<Key, Arc<Plugin>>>,
    most: usize,
}

impl LoadedPlugins {
    pub(crate) fn new(wanted: usize) -> Self {
        let most = wanted.clamp(1, most_loaded(max_map_count()));
        Self { plugins: Mutex::new(LruCache::new(most)), most }
    }

    /// How many fit.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    pub(crate) fn find(&self, key: &Key) -> Option<Arc<Plugin>> {
        self.lock().get(key).cloned()
    }

    /// A caller that still asks an evicted plugin keeps it until it has its answer.
    pub(crate) fn put(&self, key: Key, plugin: &Arc<Plugin>) {
        let gone = {
            let mut plugins = self.lock();
            let full = plugins.len() >= self.most && !plugins.contains_key(&key);
            let gone = if full { plugins.remove_lru() } else { None };
            plugins.insert(key, Arc::clone(plugin));
            gone
        };
        // Unmapped out of the lock.
        drop(gone);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LruCache<Key, Arc<Plugin>>> {
        self.plugins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many plugins fit below the wall.
fn most_loaded(max_map_count: usize) -> usize {
    (max_map_count.saturating_sub(OTHER_MAPS) / MAPS).max(FEWEST)
}

fn max_map_count() -> usize {
    let text = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap_or_default();
    text.trim().parse().unwrap_or(USUAL_MAP_COUNT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_stays_below_the_wall() {
        assert_eq!(most_loaded(65_530), 16_382);
        assert_eq!(most_loaded(262_144), 81_920);
        assert_eq!(most_loaded(16_384 + 3 * 17), 17);
        assert_eq!(most_loaded(16_384), FEWEST);
        assert_eq!(most_loaded(0), FEWEST);
    }
}
