//! What is known of a component before anything is compiled: its size, its kind, its imports.

use wasmparser::{Encoding, Parser, Payload};

use crate::limits::Limits;
use crate::plugin::Refused;

/// Refuses what is not worth compiling.
pub(crate) fn check(component: &[u8], limits: &Limits) -> Result<(), Refused> {
    if component.len() > limits.component {
        return Err(Refused::TooLarge { found: component.len(), most: limits.component });
    }
    let invalid = |error: wasmparser::BinaryReaderError| Refused::Invalid(error.to_string());
    // What a component has inside (modules, other components) imports from the component, so only
    // the outermost level counts.
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(invalid)? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err(Refused::CoreModule);
            }
            Payload::ComponentImportSection(imports) if depth == 0 => {
                if let Some(import) = imports.into_iter().next() {
                    return Err(Refused::Import(import.map_err(invalid)?.name.name.to_owned()));
                }
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}
