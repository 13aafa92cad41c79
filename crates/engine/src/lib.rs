//! Runs plugins: wasmtime behind [`Engine::load`] and [`decide`].
//!
//! Owns the limits of a plugin, the check that it imports nothing, the compiled-code cache, and
//! what happens when a plugin does not answer. Knows the plugin contract and the core; knows
//! nothing of HTTP or SQL.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use lezai_core::money::Money;
use lezai_core::policy::{OrderFacts, Risk};

/// How an engine is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where compiled code is kept; made if it is not there. It must belong to the gateway alone.
    pub cache_dir: PathBuf,
    /// How many decisions run at once; more of them wait.
    pub slots: u32,
    /// What one plugin may use.
    pub limits: Limits,
}

impl Config {
    /// The defaults, and this folder.
    pub fn new(cache_dir: impl Into<PathBuf>) -> Self {
        Self { cache_dir: cache_dir.into(), slots: 32, limits: Limits::default() }
    }
}

/// What one plugin may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest component, in bytes.
    pub component: usize,
    /// The most linear memory, in bytes.
    pub memory: usize,
    /// The longest order and settings together, in bytes.
    pub input: usize,
    /// The longest answer, in bytes.
    pub output: usize,
    /// Fuel for one hook: about one unit for each instruction.
    pub fuel: u64,
    /// Processor time for one hook, in milliseconds.
    pub deadline_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            component: 256 * 1024,
            memory: 2 * 1024 * 1024,
            input: 32 * 1024,
            output: 8 * 1024,
            fuel: 2_000_000,
            deadline_ms: 5,
        }
    }
}

/// Loads plugins and runs them. Shared by all threads.
pub struct Engine {
    _config: Config,
}

/// The engine could not start.
#[derive(Debug, thiserror::Error)]
#[error("the plugin engine cannot start: {0}")]
pub struct StartError(pub String);

/// A plugin that was loaded.
pub struct Plugin {
    digest: String,
    hooks: Vec<Hook>,
}

/// A question that the contract lets a plugin answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hook {
    /// How risky is the order?
    Risk,
    /// What does the merchant pay for it?
    Pricing,
    /// Which channels are tried, in which order?
    Routing,
}

/// Why a component was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Longer than [`Limits::component`].
    #[error("the component has {found} bytes, at most {most} are taken")]
    TooLarge {
        /// Its bytes.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// Not WebAssembly, or not valid.
    #[error("not a valid component: {0}")]
    Invalid(String),
    /// A core module.
    #[error("a core module, not a component: wrap it with `wasm-tools component new`")]
    CoreModule,
    /// It wants something from outside.
    #[error("it imports {0}: a plugin imports nothing")]
    Import(String),
    /// It does not follow the contract.
    #[error("it does not follow the contract: {0}")]
    Contract(String),
    /// It could not be instantiated within the limits.
    #[error("it cannot be started: {0}")]
    Start(String),
}

/// What the plugins decided about an order. Every number was checked by the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The verdict.
    pub risk: Risk,
    /// What the merchant pays.
    pub fee: Money,
    /// The channels in the order in which they are tried.
    pub channels: Vec<String>,
    /// How risk, pricing and routing ran.
    pub hooks: [HookRun; 3],
}

/// How one hook ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookRun {
    /// SHA-256 of the plugin that was asked, in hex.
    pub digest: String,
    /// What it burnt.
    pub fuel: u64,
    /// Whether it answered.
    pub outcome: Outcome,
}

/// Whether a plugin answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did.
    Answered,
    /// It did not, and the hook's fallback applied.
    Failed(Failure),
}

/// Why a plugin did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It burnt all of its fuel.
    #[error("it burnt all of its fuel")]
    Fuel,
    /// It used up its time.
    #[error("it used up its time")]
    Deadline,
    /// It wanted more memory than it may have.
    #[error("it wanted more memory than it may have")]
    Memory,
    /// It trapped.
    #[error("it trapped: {0}")]
    Trap(String),
    /// It answered with an error.
    #[error("it answered with an error: {0}")]
    Refused(String),
    /// Its answer is none that an order can have.
    #[error("its answer makes no sense: {0}")]
    Nonsense(String),
    /// Order and settings are longer than it may be given.
    #[error("order and settings have {0} bytes, more than it may be given")]
    TooMuchInput(usize),
    /// Its answer is too long.
    #[error("its answer is too long")]
    TooMuchOutput,
}

/// The standard plugin did not answer, so there is no decision.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the standard plugin's {hook} hook failed: {cause}")]
pub struct Undecided {
    /// The hook.
    pub hook: Hook,
    /// Why.
    pub cause: Failure,
}

impl Engine {
    /// # Errors
    ///
    /// If the platform or the cache folder does not allow it.
    pub fn new(config: Config) -> Result<Self, StartError> {
        Ok(Self { _config: config })
    }

    /// # Errors
    ///
    /// [`Refused`].
    pub fn load(&self, _component: &[u8]) -> Result<Arc<Plugin>, Refused> {
        Err(Refused::Invalid("not built yet".to_owned()))
    }
}

impl Plugin {
    /// SHA-256 of the component, in hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The hooks that it answers.
    pub fn hooks(&self) -> &[Hook] {
        &self.hooks
    }
}

/// Decides about an order.
///
/// # Errors
///
/// [`Undecided`].
pub fn decide(
    _engine: &Engine,
    _standard: &Plugin,
    _policy: &[u8],
    _own: Option<(&Plugin, &[u8])>,
    _order: &OrderFacts,
) -> Result<Decision, Undecided> {
    Err(Undecided { hook: Hook::Risk, cause: Failure::Trap("not built yet".to_owned()) })
}

impl Hook {
    /// The hook's word in the contract.
    pub fn label(self) -> &'static str {
        match self {
            Self::Risk => "risk",
            Self::Pricing => "pricing",
            Self::Routing => "routing",
        }
    }
}

impl Outcome {
    /// `ok`, or [`Failure::label`].
    pub fn label(&self) -> &'static str {
        match self {
            Self::Answered => "ok",
            Self::Failed(failure) => failure.label(),
        }
    }
}

impl Failure {
    /// One stable word.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Fuel => "fuel",
            Self::Deadline => "deadline",
            Self::Memory => "memory",
            Self::Trap(_) => "trap",
            Self::Refused(_) => "refused",
            Self::Nonsense(_) => "nonsense",
            Self::TooMuchInput(_) => "too_much_input",
            Self::TooMuchOutput => "too_much_output",
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered => f.write_str("ok"),
            Self::Failed(failure) => write!(f, "{}: {failure}", failure.label()),
        }
    }
}
