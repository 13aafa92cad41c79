//! From a core module to a component: between the bytes that `build/wrappers.rs` prepared for the
//! hooks that it exports.

use wasmparser::{Parser, Payload};

use super::{Failed, advice};

include!(concat!(env!("OUT_DIR"), "/wrappers.rs"));

/// The number of a section that is a module, in a component.
const MODULE_SECTION: u8 = 1;
/// A module's first bytes, with its version.
const HEADER: usize = 8;

/// A core module as the component that its exports make it. Whether they have the contract's types,
/// whoever loads it sees.
pub(super) fn encode(module: &[u8]) -> Result<Vec<u8>, Failed> {
    let invalid = |error: wasmparser::BinaryReaderError| {
        Failed::Wanting(advice::no_component(&error.to_string()))
    };
    let mut kept = module.get(..HEADER).unwrap_or_default().to_vec();
    let mut hooks = 0;
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.map_err(invalid)?;
        match &payload {
            Payload::ImportSection(imports) => {
                if let Some(import) = imports.clone().into_imports().next() {
                    let import = import.map_err(invalid)?;
                    let name = format!("{}.{}", import.module, import.name);
                    return Err(Failed::Wanting(advice::import(&name)));
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports.clone() {
                    let name = export.map_err(invalid)?.name;
                    if let Some(hook) = EXPORTS.iter().position(|it| *it == name) {
                        hooks |= 1 << hook;
                    }
                }
            }
            // It told the bindings' generator's tools what we know.
            Payload::CustomSection(section) if section.name().starts_with("component-type:") => {
                continue;
            }
            _ => {}
        }
        if let Some((number, range)) = payload.as_section() {
            kept.push(number);
            length(&mut kept, range.len());
            kept.extend(&module[range]);
        }
    }
    if hooks == 0 {
        let problem = "it exports no function of the contract";
        return Err(Failed::Wanting(advice::no_component(problem)));
    }
    let (before, behind) = WRAPPERS[hooks];
    let mut component = before.to_vec();
    component.push(MODULE_SECTION);
    length(&mut component, kept.len());
    component.extend(kept);
    component.extend(behind);
    Ok(component)
}

/// A length as WebAssembly writes it: seven bits a byte, the lowest first (LEB128).
fn length(bytes: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        bytes.push(u8::try_from(length & 0x7f).unwrap_or_default() | 0x80);
        length >>= 7;
    }
    bytes.push(u8::try_from(length).unwrap_or_default());
}
