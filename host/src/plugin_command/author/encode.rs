//! From a core module to a component, and what its author is told if that cannot be.

use lezai_plugin::component::{self, NotAPlugin};

use super::{Failed, advice};

/// A core module as the component that its exports make it. Whether they have the contract's types,
/// whoever loads it sees.
pub(super) fn encode(module: &[u8]) -> Result<Vec<u8>, Failed> {
    component::encode(module).map_err(|problem| {
        Failed::Wanting(match problem {
            NotAPlugin::Imports(import) => advice::import(&import),
            NotAPlugin::Invalid(_) | NotAPlugin::NoHook => advice::no_component(&problem.to_string()),
        })
    })
}
