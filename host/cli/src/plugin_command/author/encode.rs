//! From a core module to a component, and what its author is told if that cannot be.

use lezai_engine::{Limits, known_interface};
use lezai_plugin::component::{self, NotAPlugin};
use wasmparser::{Parser, Payload};

use super::{Failed, advice};

/// A core module as the component that its exports make it. Whether they have the contract's types,
/// whoever loads it sees.
pub(super) fn encode(module: &[u8]) -> Result<Vec<u8>, Failed> {
    check_interfaces(module)?;
    component::encode(module).map_err(|problem| {
        Failed::Wanting(match problem {
            NotAPlugin::Imports(import) => advice::import(&import),
            NotAPlugin::Invalid(_) | NotAPlugin::NoHook => {
                advice::no_component(&problem.to_string())
            }
        })
    })
}

/// Refuses exports of a version of the contract that is not known, in the words that a component gets.
/// A module that cannot be read is left to [`component::encode`], which says so.
fn check_interfaces(module: &[u8]) -> Result<(), Failed> {
    for payload in Parser::new(0).parse_all(module).map_while(Result::ok) {
        let Payload::ExportSection(exports) = payload else { continue };
        for export in exports.into_iter().map_while(Result::ok) {
            // `cabi_post_` is of what is called once an answer was read.
            let function = export.name.strip_prefix("cabi_post_").unwrap_or(export.name);
            let interface = function.split('#').next().unwrap_or_default();
            known_interface(interface).map_err(|refused| {
                Failed::Wanting(advice::refused(&refused, &Limits::default()))
            })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use wasmparser::{Parser, Payload};

    use super::super::workbench::Workbench;
    use super::*;
    use lezai_assets as assets;

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
        assert!(why.contains("it is cut off within a section"), "{why}");
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
        let near =
            |end: &usize| *end < 1024 || component.len() - end < 1024 || end.is_multiple_of(97);
        for end in (0..component.len()).filter(near) {
            let taken = bench.load(&component[..end]).is_ok();
            assert!(!taken || end >= needed, "{end} of {} bytes", component.len());
        }
    }

    #[test]
    fn bytes_that_were_changed_stop_nothing() {
        let module = core_module(assets::DEMO_PLUGIN);
        // Lengths and counts stand early in each section; every byte gets the values that lengths run over by.
        for at in (0..module.len()).filter(|at| *at < 2048 || at.is_multiple_of(61)) {
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
        // A function's companions are of the same interface, and an export that is not ours is nobody's.
        assert_eq!(refusal(&module("cabi_post_lezai:plugin/risk@1.1.0#assess")), of_module);
        assert!(refusal(&module("memory")).contains("it exports no function of the contract"));
    }
}
