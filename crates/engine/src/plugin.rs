//! A plugin that was taken: which questions it answers, and how its instances are made.

use sha2::{Digest as _, Sha256};
use wasmtime::component::{Component, ComponentExportIndex, InstancePre};

use crate::Engine;
use crate::hook::{self, Hook};
use crate::limits::Limits;
use crate::loaded::Key;
use crate::refused::Refused;
use crate::sandbox::{Guest, Sandbox};

/// A component that follows the contract, compiled.
pub struct Plugin {
    digest: Digest,
    hex: String,
    /// The resources that it may use.
    pub(crate) limits: Limits,
    hooks: Vec<Hook>,
    pub(crate) blueprint: InstancePre<Guest>,
    functions: [Option<ComponentExportIndex>; Hook::ALL.len()],
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

    /// The resources that it may use.
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

fn foreign_exports(component: &Component) -> Result<(), Refused> {
    let ty = component.component_type();
    ty.exports(component.engine()).try_for_each(|(name, _)| hook::known_interface(name))
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
        use std::fmt::Write as _;
        self.0.iter().fold(String::with_capacity(64), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}
