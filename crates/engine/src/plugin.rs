//! A plugin that was taken: which questions it answers, and how its instances are made.

use std::fmt;

use sha2::{Digest as _, Sha256};
use wasmtime::component::{Component, ComponentExportIndex, InstancePre};

use crate::Engine;
use crate::contract;
use crate::limits::Limits;
use crate::sandbox::{Guest, Sandbox};
use crate::shelf::Key;

/// A component that follows the contract, compiled.
pub struct Plugin {
    digest: Digest,
    hex: String,
    /// What it may use.
    pub(crate) limits: Limits,
    hooks: Vec<Hook>,
    pub(crate) blueprint: InstancePre<Guest>,
    functions: [Option<ComponentExportIndex>; Hook::ALL.len()],
}

/// A question that the contract lets a plugin answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hook {
    /// How risky is the order?
    Risk,
    /// What does the merchant pay for it?
    Pricing,
    /// Which channels are tried, and in which order?
    Routing,
    /// Who gets a part of it?
    Split,
    /// Which columns does it have in the merchant's books?
    Statement,
}

/// Why a component was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Longer than [`Limits::component`](crate::Limits::component).
    #[error("the component has {found} bytes, at most {most} are taken")]
    TooLarge {
        /// Its bytes.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// Not WebAssembly, or not valid, or of a feature that plugins do not have.
    #[error("not a valid component: {0}")]
    Invalid(String),
    /// More of something than is given to the compiler; it takes what a usual plugin has three
    /// times over.
    #[error("not a valid component: {found} {what}, at most {most} are taken")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many were counted; there may be more.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// A nested component has modules, components or instances of its own.
    #[error("not a valid component: a nested component has a {0} of its own")]
    Nested(&'static str),
    /// It has functions that only parts need which call each other.
    #[error("not a valid component: it has a function that is not lifted from a core module")]
    Glue,
    /// A core module.
    #[error("a core module and not a component: `wasm-tools component new` makes one of it")]
    CoreModule,
    /// It wants something from outside.
    #[error("it imports {0}: a plugin imports nothing")]
    Import(String),
    /// It exports no hook, or not as the contract has it.
    #[error("it does not follow the contract: {0}")]
    Contract(String),
    /// The compiler did not come to an end within its own limits on time and memory.
    #[error("the compiler gave it up: {0}")]
    Compiler(String),
    /// It could not be instantiated within the limits.
    #[error("it cannot be started: {0}")]
    Start(String),
}

impl Plugin {
    /// Makes one instance to see that it starts and that its exports have the contract's types.
    pub(crate) fn admit(
        engine: &Engine,
        component: &Component,
        (digest, limits): Key,
    ) -> Result<Self, Refused> {
        let started = |error: wasmtime::Error| Refused::Start(format!("{error:#}"));
        let blueprint = engine.linker.instantiate_pre(component).map_err(started)?;
        let functions = Hook::ALL.map(|hook| {
            let (interface, function) = hook.export();
            let instance = component.get_export_index(None, interface)?;
            component.get_export_index(Some(&instance), function)
        });
        foreign_exports(component)?;
        let hooks: Vec<Hook> =
            Hook::ALL.into_iter().filter(|hook| functions[hook.index()].is_some()).collect();
        if hooks.is_empty() {
            let problem = "it exports none of risk, pricing, routing, split and statement";
            return Err(Refused::Contract(problem.to_owned()));
        }
        let hex = digest.to_hex();
        let plugin = Self { digest, hex, limits, hooks, blueprint, functions };
        let _pass = engine.gate.pass();
        let mut sandbox = Sandbox::start(engine, &plugin)
            .map_err(|failure| Refused::Start(failure.to_string()))?;
        for hook in &plugin.hooks {
            sandbox.check_type(*hook).map_err(|error| {
                Refused::Contract(format!("{} has another type: {error:#}", hook.export().0))
            })?;
        }
        drop(sandbox);
        Ok(plugin)
    }

    /// SHA-256 of the component, in hex.
    pub fn digest(&self) -> &str {
        &self.hex
    }

    /// SHA-256 of the component.
    pub fn digest_bytes(&self) -> &[u8; 32] {
        self.digest.as_bytes()
    }

    /// What it may use.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The hooks that it answers.
    pub fn hooks(&self) -> &[Hook] {
        &self.hooks
    }

    /// Whether it answers a hook.
    pub fn answers(&self, hook: Hook) -> bool {
        self.functions[hook.index()].is_some()
    }

    pub(crate) fn function(&self, hook: Hook) -> Option<&ComponentExportIndex> {
        self.functions[hook.index()].as_ref()
    }
}

/// Refuses hooks of another version or with a typing error in their name: they would be left to
/// the standard plugin without a word.
fn foreign_exports(component: &Component) -> Result<(), Refused> {
    let ours = |name: &str| {
        name == contract::TYPES || Hook::ALL.iter().any(|hook| hook.export().0 == name)
    };
    let ty = component.component_type();
    let mut names = ty.exports(component.engine()).map(|(name, _)| name);
    match names.find(|name| name.starts_with("lezai:") && !ours(name)) {
        Some(name) => Err(Refused::Contract(format!("it exports {name}, which is not known here"))),
        None => Ok(()),
    }
}

impl Hook {
    /// All, in the order in which they are asked.
    pub const ALL: [Self; 5] =
        [Self::Risk, Self::Pricing, Self::Routing, Self::Split, Self::Statement];

    /// Those that every order is asked: the standard plugin answers them.
    pub const STANDARD: [Self; 3] = [Self::Risk, Self::Pricing, Self::Routing];

    /// The hook's word in the contract.
    pub fn label(self) -> &'static str {
        match self {
            Self::Risk => "risk",
            Self::Pricing => "pricing",
            Self::Routing => "routing",
            Self::Split => "split",
            Self::Statement => "statement",
        }
    }

    /// Its place in [`Hook::ALL`].
    pub(crate) fn index(self) -> usize {
        match self {
            Self::Risk => 0,
            Self::Pricing => 1,
            Self::Routing => 2,
            Self::Split => 3,
            Self::Statement => 4,
        }
    }

    /// The interface and the function in it.
    pub(crate) fn export(self) -> (&'static str, &'static str) {
        match self {
            Self::Risk => (contract::RISK, "assess"),
            Self::Pricing => (contract::PRICING, "fee"),
            Self::Routing => (contract::ROUTING, "route"),
            Self::Split => (contract::SPLIT, "divide"),
            Self::Statement => (contract::STATEMENT, "columns"),
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn to_hex(self) -> String {
        use fmt::Write as _;
        self.0.iter().fold(String::with_capacity(64), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}
