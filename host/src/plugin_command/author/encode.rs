//! From a core module to a component: between the bytes that `build/wrappers.rs` prepared for the
//! hooks that it exports.

use lezai_engine::{Limits, known_interface};
use wasmparser::{Parser, Payload};

use super::{Failed, advice};

include!(concat!(env!("OUT_DIR"), "/wrappers.rs"));

/// The number of a section that is a module, in a component.
const MODULE_SECTION: u8 = 1;
/// A module's first bytes, with its version.
const HEADER: usize = 8;

const CUT_OFF: &str = "it is cut off within a section";

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
                    // `cabi_post_` is of what is called once an answer was read.
                    let function = name.strip_prefix("cabi_post_").unwrap_or(name);
                    let interface = function.split('#').next().unwrap_or_default();
                    known_interface(interface).map_err(|refused| {
                        Failed::Wanting(advice::refused(&refused, &Limits::default()))
                    })?;
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
            // Of the section with the code, the parser has only read the length.
            let content = module.get(range);
            kept.extend(content.ok_or_else(|| Failed::Wanting(advice::no_component(CUT_OFF)))?);
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

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::super::workbench::Workbench;
    use super::*;
    use crate::assets;

    /// The core module in a component.
    fn core_module(component: &[u8]) -> &[u8] {
        let mut payloads = Parser::new(0).parse_all(component).map(Result::unwrap);
        let range = payloads.find_map(|payload| match payload {
            Payload::ModuleSection { unchecked_range, .. } => Some(unchecked_range),
            _ => None,
        });
        &component[range.unwrap()]
    }

    fn refusal(module: &[u8]) -> String {
        match encode(module) {
            Err(Failed::Wanting(why)) => why,
            Err(Failed::NotDone(why)) => panic!("not done: {why}"),
            Ok(_) => panic!("{} bytes are taken", module.len()),
        }
    }

    #[test]
    fn a_module_that_is_cut_off_anywhere_is_refused_and_stops_nothing() {
        let module = core_module(assets::DEMO_PLUGIN);
        let whole = encode(module);
        assert!(whole.is_ok());
        for end in 0..module.len() {
            // Between two of the last sections it may end: then it lacks code, which the engine sees.
            let ended = catch_unwind(|| encode(&module[..end]).is_ok());
            assert!(ended.is_ok(), "{end} of {} bytes", module.len());
        }
        let code = module.len() / 2;
        let why = refusal(&module[..code]);
        assert!(why.contains(CUT_OFF), "{why}");
    }

    #[test]
    fn a_component_that_is_cut_off_anywhere_is_refused() {
        let bench = Workbench::open(false).ok().unwrap();
        let component = assets::DEMO_PLUGIN;
        // Behind the last section that is not custom, it may end where a section does.
        let sections = Parser::new(0).parse_all(component).map(|it| it.unwrap().as_section());
        let needed =
            sections.flatten().filter(|(id, _)| *id != 0).map(|(_, range)| range.end).max();
        let needed = needed.unwrap();
        // Each end in the first and last kilobyte, where the sections are short, and one in 97 between.
        let near = |end: &usize| *end < 1024 || component.len() - end < 1024 || end % 97 == 0;
        for end in (0..component.len()).filter(near) {
            let taken = bench.load(&component[..end]).is_ok();
            assert!(!taken || end >= needed, "{end} of {} bytes", component.len());
        }
    }

    #[test]
    fn bytes_that_were_changed_stop_nothing() {
        let module = core_module(assets::DEMO_PLUGIN);
        // Lengths and counts stand early in each section; every byte gets the values that lengths run over by.
        for at in (0..module.len()).filter(|at| *at < 2048 || at % 61 == 0) {
            for value in [0x00, 0x7f, 0x80, 0xff] {
                let mut changed = module.to_vec();
                changed[at] = value;
                assert!(catch_unwind(|| encode(&changed).is_ok()).is_ok(), "{value:#x} at {at}");
            }
        }
    }

    #[test]
    fn a_version_that_is_not_known_is_named_as_for_a_component() {
        let module = |name: &str| {
            wat::parse_str(format!(
                r#"(module (func (export "{name}") (param i32) (result i32) local.get 0))"#
            ))
            .unwrap()
        };
        let of_module = refusal(&module("lezai:plugin/risk@1.1.0#assess"));
        let component = r#"(component (component $c) (instance $i (instantiate $c))
            (export "lezai:plugin/risk@1.1.0" (instance $i)))"#;
        let component = wat::parse_str(component).unwrap();
        let bench = Workbench::open(false).ok().unwrap();
        let Err(Failed::Wanting(of_component)) = bench.load(&component) else { panic!("taken") };
        assert_eq!(of_module, of_component);
        assert!(
            of_module.contains("it exports lezai:plugin/risk@1.1.0, which is not known here"),
            "{of_module}"
        );
        // What goes with a function is of the same interface, and what is not ours is nobody's.
        assert_eq!(refusal(&module("cabi_post_lezai:plugin/risk@1.1.0#assess")), of_module);
        assert!(refusal(&module("memory")).contains("it exports no function of the contract"));
    }
}
