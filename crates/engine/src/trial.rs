//! The first instance of a component: it starts, and its exports have the contract's types.

use wasmtime::component::Component;

use crate::Engine;
use crate::digest::Key;
use crate::plugin::Plugin;
use crate::refused::Refused;
use crate::sandbox::Sandbox;

/// Makes a plugin of a component and one instance of it.
pub(crate) fn admit(engine: &Engine, component: &Component, key: Key) -> Result<Plugin, Refused> {
    let plugin = Plugin::untried(engine, component, key)?;
    let _pass = engine.gate.pass();
    let mut sandbox =
        Sandbox::start(engine, &plugin).map_err(|failure| Refused::Start(failure.to_string()))?;
    for hook in plugin.hooks() {
        sandbox.check_type(*hook).map_err(|error| {
            Refused::Contract(format!("{} has another type: {error:#}", hook.export().0))
        })?;
    }
    drop(sandbox);
    Ok(plugin)
}
