//! From a core module to the component that the gateway takes.
//!
//! A component for our contract is a module between types and functions that name the module's exports,
//! and these are the same for every module that answers the same hooks. They lie ready in `wit/wrappers`,
//! so that neither an author's command nor the gateway needs the contract's text or its tools.

use std::fmt;

use wasmparser::{BinaryReaderError, Parser, Payload};

/// For each set of hooks, by their bits from 1 on: the bytes before the module and those behind it, each
/// after its length in four bytes, the lowest first.
static WRAPPERS: &[u8] = include_bytes!("../wit/wrappers");

/// The functions of the contract as a core module exports them. Their places are their bits.
pub const EXPORTS: [&str; 5] = [
    "lezai:plugin/risk@1.0.0#assess",
    "lezai:plugin/pricing@1.0.0#fee",
    "lezai:plugin/routing@1.0.0#route",
    "lezai:plugin/split@1.0.0#divide",
    "lezai:plugin/statement@1.0.0#columns",
];

/// The number of a section that is a module, in a component.
const MODULE_SECTION: u8 = 1;
/// A module's first bytes, with its version.
const HEADER: usize = 8;

/// Why a module cannot be a plugin.
#[derive(Debug)]
pub enum NotAPlugin {
    /// It is no module of WebAssembly, or only the beginning of one.
    Invalid(String),
    /// It imports something, `MODULE.NAME`; a plugin imports nothing.
    Imports(String),
    /// It exports no function of the contract.
    NoHook,
}

impl fmt::Display for NotAPlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(problem) => f.write_str(problem),
            Self::Imports(import) => write!(f, "it imports {import}; a plugin imports nothing"),
            Self::NoHook => f.write_str("it exports no function of the contract"),
        }
    }
}

impl std::error::Error for NotAPlugin {}

impl From<BinaryReaderError> for NotAPlugin {
    fn from(error: BinaryReaderError) -> Self {
        Self::Invalid(error.to_string())
    }
}

/// A core module as the component that its exports make it. Whether they have the contract's types,
/// whoever loads it sees.
///
/// # Errors
///
/// [`NotAPlugin`].
pub fn encode(module: &[u8]) -> Result<Vec<u8>, NotAPlugin> {
    let mut kept = module.get(..HEADER).unwrap_or_default().to_vec();
    let mut hooks = 0;
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        match &payload {
            Payload::ImportSection(imports) => {
                if let Some(import) = imports.clone().into_imports().next() {
                    let import = import?;
                    return Err(NotAPlugin::Imports(format!("{}.{}", import.module, import.name)));
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports.clone() {
                    let name = export?.name;
                    if let Some(hook) = EXPORTS.iter().position(|export| *export == name) {
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
            // A section's length is announced before its bytes: of a file that was cut off they are not there.
            let Some(bytes) = module.get(range.clone()) else {
                return Err(NotAPlugin::Invalid("it is cut off within a section".to_owned()));
            };
            kept.push(number);
            length(&mut kept, bytes.len());
            kept.extend(bytes);
        }
    }
    let (before, behind) = wrapper(hooks).ok_or(NotAPlugin::NoHook)?;
    let mut component = before.to_vec();
    component.push(MODULE_SECTION);
    length(&mut component, kept.len());
    component.extend(kept);
    component.extend(behind);
    Ok(component)
}

/// The bytes before and after a module that answers these hooks; `None` without any.
fn wrapper(hooks: usize) -> Option<(&'static [u8], &'static [u8])> {
    let mut rest = WRAPPERS;
    let mut next = || {
        let (length, bytes) = rest.split_first_chunk()?;
        let (piece, behind) = bytes.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        rest = behind;
        Some(piece)
    };
    (0..hooks).map(|_| Some((next()?, next()?))).last()?
}

/// A length as WebAssembly writes it: seven bits a byte, the lowest first (LEB128).
fn length(bytes: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        bytes.push(u8::try_from(length & 0x7f).unwrap_or_default() | 0x80);
        length >>= 7;
    }
    bytes.push(u8::try_from(length).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_of_hooks_has_its_wrapper_and_nothing_follows_the_last() {
        let all: usize = (1..1 << EXPORTS.len())
            .map(|hooks| {
                wrapper(hooks).map(|(before, behind)| 8 + before.len() + behind.len()).unwrap()
            })
            .sum();
        assert_eq!(all, WRAPPERS.len());
        assert!(wrapper(0).is_none() && wrapper(1 << EXPORTS.len()).is_none());
    }

    #[test]
    fn what_is_not_a_module_is_refused() {
        assert!(matches!(encode(b""), Err(NotAPlugin::Invalid(_))));
        assert!(matches!(encode(b"\0asm\x01\0\0\0"), Err(NotAPlugin::NoHook)));
        // A code section of a hundred bytes, announced and not there.
        let cut = [b"\0asm\x01\0\0\0".as_slice(), &[10, 100, 1]].concat();
        assert!(matches!(encode(&cut), Err(NotAPlugin::Invalid(_))));
    }
}
