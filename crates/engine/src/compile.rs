//! Where compilers run. A compiler is the largest program that reads what a stranger made, so a
//! gateway runs it in a process of its own, with limits on time and memory that the system holds;
//! how such a process is started is the host's to know.

use crate::refused::Refused;
use crate::strip;

/// A compiler of components to machine code.
///
/// Its result is run as native code: it must be what [`compile`] gave for these bytes, in a
/// process of the same program.
pub trait Compiler: Send + Sync {
    /// Compiles a component that has passed admission.
    ///
    /// # Errors
    ///
    /// [`Refused::Invalid`] if it is none, [`Refused::Compiler`] if it was given up.
    fn compile(&self, component: &[u8]) -> Result<Vec<u8>, Refused>;
}

/// Compiles here and now: for tests and tools, which load what they know.
#[derive(Clone, Copy, Debug, Default)]
pub struct InThisProcess;

impl Compiler for InThisProcess {
    fn compile(&self, component: &[u8]) -> Result<Vec<u8>, Refused> {
        compile(component)
    }
}

/// As [`InThisProcess`], for an engine whose functions keep their names.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WithNames;

impl Compiler for WithNames {
    fn compile(&self, component: &[u8]) -> Result<Vec<u8>, Refused> {
        compiled(component, true)
    }
}

/// Machine code for this machine and this program's engines. It reserves no memory for instances,
/// for none are made.
///
/// # Errors
///
/// [`Refused::Invalid`].
pub fn compile(component: &[u8]) -> Result<Vec<u8>, Refused> {
    compiled(component, false)
}

fn compiled(component: &[u8], names: bool) -> Result<Vec<u8>, Refused> {
    let invalid = |error: wasmtime::Error| Refused::Invalid(format!("{error:#}"));
    let engine = wasmtime::Engine::new(&crate::code_settings(names)).map_err(invalid)?;
    if names {
        return engine.precompile_component(component).map_err(invalid);
    }
    let bare = strip::component(component).map_err(|it| Refused::Invalid(it.to_string()))?;
    engine.precompile_component(&bare).map(strip::code).map_err(invalid)
}
