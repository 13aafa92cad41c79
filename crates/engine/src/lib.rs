//! Runs plugins: wasmtime behind [`Engine::load`] and [`decide`].
//!
//! Owns the limits of a plugin, the check that it imports nothing, the compiled-code cache, and
//! what happens when a plugin does not answer. Knows the plugin contract and the core; knows
//! nothing of HTTP or SQL, and never decides by a plugin's answer before the core has checked it.
//!
//! The way of a plugin: `admission` reads its bytes, `cache` compiles it or finds it compiled,
//! `plugin` tries it once, `loaded` keeps it ready. The way of an order: `decision` asks who is to be asked, `sandbox` runs
//! one question under all limits, `contract` says it in the contract's types.

#![deny(unsafe_code)]

mod admission;
mod cache;
mod compile;
mod contract;
mod decision;
mod fuel;
mod hook;
mod limits;
mod loaded;
mod pace;
mod plugin;
mod profile;
mod question;
mod refused;
mod sandbox;
mod slots;
mod strip;
mod ticker;

// Shared by the tests beside the code and those in `tests`, which know this crate by its name.
#[cfg(test)]
extern crate self as lezai_engine;
#[cfg(test)]
#[path = "../tests/support/mod.rs"]
mod support;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use cpu_time::ThreadTime;
use wasmtime::component::Linker;
use wasmtime::{Enabled, InstanceAllocationStrategy, PoolingAllocationConfig, WasmFeatures};

pub use compile::{Compiler, InThisProcess, compile};
pub use decision::{Decision, HookRun, Outcome, PLUGIN_FAILED, Undecided, decide};
pub use hook::{Hook, known_interface};
pub use limits::Limits;
pub use pace::Pace;
pub use plugin::Plugin;
pub use profile::{Profile, profile};
pub use question::{Said, ask};
pub use refused::Refused;
pub use sandbox::{Asked, Failure};

use cache::Cache;
use loaded::{Key, LoadedPlugins};
use plugin::Digest;
use sandbox::Guest;
use slots::Slots;
use ticker::Ticker;

/// The stack that one wasm call may use of the thread that makes it, in bytes. Threads of tokio
/// have 2 MiB.
const WASM_STACK: usize = 128 * 1024;

/// A decision holds at most this many instances: one of the merchant's plugin and one of the
/// standard plugin.
const INSTANCES_PER_DECISION: u32 = 2;

/// The bounds of a component's parts. One that `wit-component` makes of a guest without imports has
/// one core instance, one memory and one table.
const CORE_INSTANCES: u32 = 4;
const TABLES: u32 = 2;
const TABLE_ELEMENTS: usize = 4096;

/// The wasm features of plugins: those that compilers write for a plain wasm32 target, and no others.
/// Anything else that wasmtime can do, now or in a later version, stays off: each proposal is code in
/// the compiler and the runtime that a stranger could reach, and most of wasmtime's advisories are
/// about one that we have no use for. No vectors (SIMD) either: rules on one order have nothing to
/// vectorise, and they are the part of a compiler that was wrong most often. Floating point stays,
/// for compilers use it for much that is no money; its NaNs are made the same everywhere.
const TAKEN: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::BULK_MEMORY_OPT)
    .union(WasmFeatures::EXTENDED_CONST)
    // Of references those to functions alone: wasmtime is built without a garbage collector.
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::CALL_INDIRECT_OVERLONG)
    .union(WasmFeatures::FLOATS)
    .union(WasmFeatures::COMPONENT_MODEL);

/// Plugins that stand ready, unless somebody says otherwise: a small one takes some 100 KiB.
const LOADED: usize = 10_000;

/// A clock of the processor time that the thread which asks has used so far.
pub type ThreadClock = fn() -> Duration;

/// How an engine is set up.
#[derive(Clone)]
pub struct Config {
    /// Where compiled code is kept; made if it is not there. It must belong to the gateway alone:
    /// whoever can write there can run code as the gateway.
    pub cache_dir: PathBuf,
    /// How many decisions run at once; others wait. Each slot reserves 8 GiB of addresses, and of
    /// memory only what its plugins touch.
    pub slots: u32,
    /// The most that one plugin may use.
    pub limits: Limits,
    /// How many plugins stand ready, at most; fewer if the system has not that many memory maps.
    pub loaded: usize,
    /// The compiler of plugins.
    pub compiler: Arc<dyn Compiler>,
    /// The clock that [`Limits::deadline_ms`] is measured by; the system's, but in tests.
    pub clock: ThreadClock,
    /// Whether functions keep their names; see [`Config::with_names`].
    pub names: bool,
}

impl Config {
    /// 32 decisions at once, the default limits, 10,000 plugins that stand ready, this folder, and
    /// a compiler in this process.
    pub fn new(cache_dir: impl Into<PathBuf>) -> Self {
        Self {
            cache_dir: cache_dir.into(),
            slots: 32,
            limits: Limits::default(),
            loaded: LOADED,
            compiler: Arc::new(InThisProcess),
            clock: || ThreadTime::now().as_duration(),
            names: false,
        }
    }
}

/// Loads plugins and runs them. Shared by all threads.
pub struct Engine {
    wasmtime: wasmtime::Engine,
    linker: Linker<Guest>,
    limits: Limits,
    cache: Cache,
    gate: Slots,
    ticker: Ticker,
    compiler: Arc<dyn Compiler>,
    clock: ThreadClock,
    /// The plugins that stand ready.
    loaded_plugins: LoadedPlugins,
    /// Every plugin that somebody holds, so that one component is compiled code once.
    loaded: Mutex<HashMap<Key, Weak<Plugin>>>,
    /// Held while a component is compiled: one at a time, because each takes all processors and
    /// its own memory, and orders need both meanwhile.
    compiling: Mutex<()>,
}

/// Where a plugin was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It stood ready.
    Ready,
    /// Its compiled code was read from the cache.
    InCache,
}

/// The engine could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The folder for compiled code cannot be made, read or written.
    #[error("the folder for compiled plugins, {0}, cannot be used: {1}")]
    Cache(PathBuf, std::io::Error),
    /// The platform does not give wasmtime what it needs, most often address space.
    #[error("wasmtime cannot start: {0}")]
    Platform(String),
}

impl Engine {
    /// An engine with no plugins.
    ///
    /// # Errors
    ///
    /// If the platform or the cache's folder does not allow it.
    pub fn new(config: Config) -> Result<Self, StartError> {
        let Config { cache_dir, slots, limits, loaded, compiler, clock, names } = config;
        let slots = slots.max(1);
        let platform = |error: wasmtime::Error| StartError::Platform(format!("{error:#}"));
        let wasmtime = wasmtime::Engine::new(&settings(slots, &limits, names)).map_err(platform)?;
        let ticker =
            Ticker::start(&wasmtime).map_err(|error| StartError::Platform(error.to_string()))?;
        Ok(Self {
            // Nothing is ever put into the linker: it is how an instance gets no imports.
            linker: Linker::new(&wasmtime),
            cache: Cache::open(cache_dir, &wasmtime)?,
            gate: Slots::new(slots),
            ticker,
            limits,
            compiler,
            clock,
            loaded_plugins: LoadedPlugins::new(loaded),
            loaded: Mutex::default(),
            compiling: Mutex::default(),
            wasmtime,
        })
    }

    /// Checks a component, compiles it unless it is in the cache, and tries to start it. The same
    /// component gives the same plugin for as long as somebody holds it.
    ///
    /// Compiling the standard plugin takes 0.15 s of processor time, and the worst component that
    /// we could make within `admission`'s bounds 1.0 s, so this is no call for a request's path.
    /// One component is compiled at a time.
    ///
    /// # Errors
    ///
    /// [`Refused`]: the component is not one that follows the contract within the limits.
    pub fn load(&self, component: &[u8]) -> Result<Arc<Plugin>, Refused> {
        self.load_within(component, self.limits)
    }

    /// As [`Engine::load`], with memory and fuel of its own where they are narrower than the engine's.
    /// Nothing else of `limits` counts: a deadline below the engine's would end on one machine what
    /// another lets answer.
    ///
    /// # Errors
    ///
    /// As of [`Engine::load`].
    pub fn load_within(&self, component: &[u8], limits: Limits) -> Result<Arc<Plugin>, Refused> {
        admission::check(component, &self.limits)?;
        let key = (Digest::of(component), self.within(limits));
        if let Some(plugin) = self.held(&key) {
            return Ok(plugin);
        }
        let _alone = self.compiling.lock().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been faster.
        if let Some(plugin) = self.held(&key) {
            return Ok(plugin);
        }
        let (compiled, fresh) = match self.cache.find(&self.wasmtime, &key.0) {
            Some(compiled) => (compiled, None),
            None => {
                let (compiled, code) =
                    self.cache.compile(&self.wasmtime, &*self.compiler, component)?;
                (compiled, Some(code))
            }
        };
        let plugin = Arc::new(Plugin::admit(self, &compiled, key)?);
        if let Some(code) = fresh {
            self.cache.keep(&key.0, &code);
        }
        self.hold(key, &plugin);
        Ok(plugin)
    }

    /// A plugin that was loaded before, by the SHA-256 of its component: one that stands ready, or
    /// else from the cache, which takes a millisecond. Nothing is ever compiled here, so this is for
    /// a request's path. `None` if the cache has no code of it for this engine.
    ///
    /// # Errors
    ///
    /// [`Refused`]: it does not start within these limits.
    pub fn open(
        &self,
        digest: &[u8; 32],
        limits: Limits,
    ) -> Result<Option<(Arc<Plugin>, Found)>, Refused> {
        let key = (Digest::from_bytes(*digest), self.within(limits));
        if let Some(plugin) = self.loaded_plugins.find(&key) {
            return Ok(Some((plugin, Found::Ready)));
        }
        if let Some(plugin) = self.held(&key) {
            return Ok(Some((plugin, Found::Ready)));
        }
        let Some(compiled) = self.cache.find(&self.wasmtime, &key.0) else { return Ok(None) };
        let plugin = Arc::new(Plugin::admit(self, &compiled, key)?);
        self.hold(key, &plugin);
        Ok(Some((plugin, Found::InCache)))
    }

    /// The most that one plugin may use.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// How many plugins stand ready now, and how many can.
    pub fn ready(&self) -> (usize, usize) {
        (self.loaded_plugins.len(), self.loaded_plugins.most())
    }

    fn within(&self, limits: Limits) -> Limits {
        let most = self.limits;
        Limits { memory: limits.memory.min(most.memory), fuel: limits.fuel.min(most.fuel), ..most }
    }

    /// One that somebody holds.
    fn held(&self, key: &Key) -> Option<Arc<Plugin>> {
        let plugin = self.loaded().get(key).and_then(Weak::upgrade)?;
        self.loaded_plugins.put(*key, &plugin);
        Some(plugin)
    }

    fn hold(&self, key: Key, plugin: &Arc<Plugin>) {
        self.loaded_plugins.put(key, plugin);
        let mut loaded = self.loaded();
        // In passing, and not each time: with thousands of plugins that would take long.
        if loaded.len() > 2 * self.loaded_plugins.most() {
            loaded.retain(|_, plugin| plugin.strong_count() > 0);
        }
        loaded.insert(key, Arc::downgrade(plugin));
    }

    fn loaded(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Weak<Plugin>>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which hooks a component says it answers, without compiling it.
///
/// # Errors
///
/// [`Refused`]: it is not worth compiling, or has none of them.
pub fn hooks(component: &[u8], limits: &Limits) -> Result<Vec<Hook>, Refused> {
    admission::check(component, limits)?;
    let hooks = admission::hooks(component)?;
    if hooks.is_empty() {
        return Err(Refused::Contract("it exports no hook".to_owned()));
    }
    Ok(hooks)
}

/// The code's settings, and the pool that instances come from.
fn settings(slots: u32, limits: &Limits, names: bool) -> wasmtime::Config {
    let instances = slots.saturating_mul(INSTANCES_PER_DECISION);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(CORE_INSTANCES))
        .total_memories(instances)
        .total_tables(instances.saturating_mul(TABLES))
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_memories_per_component(1)
        .max_tables_per_component(TABLES)
        .max_memory_size(limits.memory)
        .table_elements(TABLE_ELEMENTS);
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        // Linux 6.7 tells which pages a guest wrote: those alone are put back. Elsewhere pages are
        // given back whole, for keeping them would mean to copy 2 MiB after each call.
        pool.pagemap_scan(Enabled::Yes)
            .linear_memory_keep_resident(limits.memory)
            .table_keep_resident(TABLE_ELEMENTS * size_of::<usize>());
    }
    let mut config = code_settings(names);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// Everything that the code depends on; what is given here changes its name in the cache where it
/// changes the code. With `names`, what looks where the fuel goes is kept too.
fn code_settings(names: bool) -> wasmtime::Config {
    let mut config = wasmtime::Config::new();
    config
        // A plugin calls nobody, so nothing of it ever waits: 5 µs less for each instance.
        .concurrency_support(false)
        .consume_fuel(true)
        .operator_cost(fuel::costs())
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK)
        // An order is decided again bit for bit on another machine: no bits may depend on it.
        .cranelift_nan_canonicalization(true)
        .wasm_features(WasmFeatures::all(), false)
        .wasm_features(TAKEN, true)
        // With copies on write each plugin that stands ready has an open file, of which a process may
        // have few, and an instance's memory is mapped anew whenever another plugin's was there:
        // 44 µs for a question with 4,000 merchants in turns, and 28 µs without, on a busy machine.
        .memory_init_cow(false)
        // Nobody reads these but who looks where the fuel goes.
        .wasm_backtrace_max_frames(NonZeroUsize::new(if names { 64 } else { 0 }))
        .generate_address_map(names)
        .native_unwind_info(false);
    config
}
