//! The plugin contract as Rust and as bytes, made of `crates/plugin/wit` and kept in the repository.
//!
//! wit-bindgen and wit-component take half a minute to build, and what they make of a contract that is
//! frozen never changes. So guests, the gateway and its authors' commands compile what lies here;
//! `make check` makes it anew and compares.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use lezai_plugin::component::EXPORTS;
use wasmparser::{Parser, Payload};
use wit_bindgen_core::{Files, WorldGenerator as _};
use wit_component::{ComponentEncoder, StringEncoding, metadata};
use wit_parser::Resolve;

use crate::fresh;

/// The hooks of the contract, in the order of [`EXPORTS`]; each has a world of its own, named `HOOK-plugin`.
const HOOKS: [&str; 5] = ["risk", "pricing", "routing", "split", "statement"];

/// Writes the bindings and the sections, or only compares them with what is there.
///
/// # Errors
///
/// The contract is not valid WIT, or a file differs from what would be written.
pub(crate) fn run(root: &Path, check: bool) -> Result<()> {
    let package = root.join("crates/plugin");
    let put = |path: &str, bytes: &[u8]| {
        let path = package.join(path);
        if !check {
            return fresh::write(&path, bytes);
        }
        let same = fs::read(&path).is_ok_and(|kept| kept == bytes);
        let shown = path.strip_prefix(root).unwrap_or(&path).display();
        ensure!(
            same,
            "{shown} is not what the contract makes: run `cargo run -p xtask --release --features contract -- contract`"
        );
        Ok(())
    };
    let contract = package.join("wit/lezai-plugin.wit");
    let mut resolve = Resolve::default();
    let (wit, _) = resolve.push_path(&contract)?;
    let mut sections = Vec::new();
    for hook in HOOKS {
        let world = resolve.select_world(&[wit], Some(&format!("{hook}-plugin")))?;
        let section = metadata::encode(&resolve, world, StringEncoding::UTF8, None)?;
        put(&format!("wit/sections/{hook}"), &section)?;
        sections.push(section);
    }
    put("wit/wrappers", &wrappers(&sections)?)?;
    let world = resolve.select_world(&[wit], Some("plugin"))?;
    put("src/bindings.rs", bindings(&mut resolve, world)?.as_bytes())
}

fn bindings(resolve: &mut Resolve, world: wit_parser::WorldId) -> Result<String> {
    let options = wit_bindgen_rust::Opts {
        format: true,
        generate_unused_types: true,
        pub_export_macro: true,
        additional_derive_attributes: vec!["PartialEq".to_owned(), "Eq".to_owned()],
        ..Default::default()
    };
    let mut files = Files::default();
    options.build().generate(resolve, world, &mut files)?;
    let (_, source) = files.iter().next().context("wit-bindgen made no file")?;
    Ok(std::str::from_utf8(source).context("wit-bindgen's Rust is not UTF-8")?.to_owned())
}

/// For each set of hooks the bytes around a module that answers them, as `component.rs` reads them.
fn wrappers(sections: &[Vec<u8>]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for hooks in 1..1 << HOOKS.len() {
        let component = answering(hooks, sections)?;
        let (before, behind) = around_module(&component)?;
        for piece in [before, behind] {
            bytes.extend(u32::try_from(piece.len()).context("a wrapper is short")?.to_le_bytes());
            bytes.extend(piece);
        }
    }
    Ok(bytes)
}

/// A component around a module that answers these hooks by a trap.
fn answering(hooks: usize, sections: &[Vec<u8>]) -> Result<Vec<u8>> {
    let chosen = || (0..HOOKS.len()).filter(|index| hooks >> index & 1 == 1);
    let mut module = module(chosen().map(|index| EXPORTS[index]));
    for index in chosen() {
        let name = format!("component-type:lezai:{}", HOOKS[index]);
        let content = [leb(name.len()), name.into_bytes(), sections[index].clone()].concat();
        section(&mut module, 0, content);
    }
    ComponentEncoder::default().module(&module)?.encode()
}

/// A core module with these functions of the contract, and with what goes with them: a memory, an
/// allocator, and for each function one that is called once its answer was read. An order has more
/// fields than a function can have parameters, and an answer is more than one value: both lie in
/// memory, so every function takes an address and gives one.
fn module(functions: impl Iterator<Item = &'static str>) -> Vec<u8> {
    const I32: u8 = 0x7f;
    // From i32 to i32; from four to one; from one to none.
    let types = [&[1, I32, 1, I32][..], &[4, I32, I32, I32, I32, 1, I32], &[1, I32, 0]];
    // Each by its type and name.
    let mut defined = vec![(1, "cabi_realloc".to_owned())];
    for function in functions {
        defined.extend([(0, function.to_owned()), (2, format!("cabi_post_{function}"))]);
    }
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    section(&mut module, 1, vector(types.iter().map(|it| [&[0x60][..], it].concat())));
    section(&mut module, 3, vector(defined.iter().map(|(ty, _)| vec![*ty])));
    // One page, without a limit.
    section(&mut module, 5, vec![1, 0, 1]);
    let memory = [&[6][..], b"memory", &[2, 0]].concat();
    let exports = defined.iter().enumerate().map(|(index, (_, name))| {
        [leb(name.len()), name.clone().into_bytes(), vec![0], leb(index)].concat()
    });
    section(&mut module, 7, vector(std::iter::once(memory).chain(exports)));
    // Three bytes: no locals, unreachable, end.
    section(&mut module, 10, vector(defined.iter().map(|_| vec![3, 0, 0, 0x0b])));
    module
}

/// How many there are, and then each.
fn vector(items: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let items: Vec<_> = items.collect();
    [leb(items.len()), items.concat()].concat()
}

fn section(module: &mut Vec<u8>, number: u8, content: Vec<u8>) {
    module.push(number);
    module.extend(leb(content.len()));
    module.extend(content);
}

/// The bytes before the section with the module, and those after it.
fn around_module(component: &[u8]) -> Result<(&[u8], &[u8])> {
    let mut payloads = Parser::new(0).parse_all(component);
    let module = payloads.find_map(|payload| match payload {
        Ok(Payload::ModuleSection { unchecked_range, .. }) => Some(unchecked_range),
        _ => None,
    });
    let module = module.context("there is no module in the component")?;
    // The section's number, and its length.
    let header = 1 + leb(module.len()).len();
    Ok((&component[..module.start - header], &component[module.end..]))
}

/// An unsigned number as WebAssembly writes it.
fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}
