//! What makes a core module a component: for each choice of hooks the bytes before and behind it.
//!
//! A component for our contract is a module between types and functions that name the module's
//! exports, and these are the same for every module that answers the same hooks. So wit-component
//! makes them here, once, around a module that does nothing, and the gateway's program needs neither
//! it nor the contract's text to make a plugin.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, metadata};
use wit_parser::Resolve;

/// As in the contract, in the order of the engine's `Hook::ALL`.
const HOOKS: [(&str, &str); 5] = [
    ("risk", "assess"),
    ("pricing", "fee"),
    ("routing", "route"),
    ("split", "divide"),
    ("statement", "columns"),
];

/// Writes `wrappers.rs` and the files that it includes.
pub(crate) fn write(contract: &Path, out: &Path) {
    println!("cargo::rerun-if-changed={}", contract.display());
    println!("cargo::rerun-if-changed=build/wrappers.rs");
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(contract).expect("the contract is valid WIT");
    let sections = HOOKS.map(|(hook, _)| {
        let world = resolve
            .select_world(&[package], Some(&format!("{hook}-plugin")))
            .expect("the contract has a world for each hook");
        metadata::encode(&resolve, world, StringEncoding::UTF8, None).expect("a world")
    });
    let mut table = format!(
        "/// The functions of the contract as a core module exports them.\n\
         static EXPORTS: [&str; {}] = [\n",
        HOOKS.len()
    );
    for (hook, function) in HOOKS {
        let _ = writeln!(table, "{:?},", export(hook, function));
    }
    let _ = write!(
        table,
        "];\n/// By the hooks' bits: what stands before the module, and what behind it.\n\
         static WRAPPERS: [(&[u8], &[u8]); {}] = [\n(&[], &[]),\n",
        1 << HOOKS.len()
    );
    for hooks in 1_usize..1 << HOOKS.len() {
        let component = encode(hooks, &sections);
        let (before, behind) = around_module(&component);
        for (name, bytes) in [("before", before), ("behind", behind)] {
            let file = out.join(format!("wrapper-{hooks}-{name}"));
            fs::write(&file, bytes).expect("OUT_DIR is writable");
            let _ = write!(
                table,
                "{}include_bytes!({file:?}){}",
                if name == "before" { "(" } else { "" },
                if name == "before" { ", " } else { "),\n" }
            );
        }
    }
    table.push_str("];\n");
    fs::write(out.join("wrappers.rs"), table).expect("OUT_DIR is writable");
}

fn export(hook: &str, function: &str) -> String {
    format!("lezai:plugin/{hook}@1.0.0#{function}")
}

/// A component around a module that answers these hooks by a trap.
fn encode(hooks: usize, sections: &[Vec<u8>]) -> Vec<u8> {
    let chosen = || HOOKS.iter().enumerate().filter(|(index, _)| hooks >> index & 1 == 1);
    let mut module = module(chosen().map(|(_, (hook, function))| export(hook, function)));
    for (index, (hook, _)) in chosen() {
        let name = format!("component-type:lezai:{hook}");
        let content = [leb(name.len()), name.into_bytes(), sections[index].clone()].concat();
        section(&mut module, 0, content);
    }
    let mut encoder = ComponentEncoder::default();
    let encoder = encoder.module(&module).expect("the module fits its worlds");
    encoder.encode().expect("the module can be a component")
}

/// A core module with these functions of the contract, and with what goes with them: a memory, an
/// allocator, and for each function one that is called once its answer was read. An order has more
/// fields than a function can have parameters, and an answer is more than one value: both lie in
/// memory, so every function takes an address and gives one.
fn module(functions: impl Iterator<Item = String>) -> Vec<u8> {
    const I32: u8 = 0x7f;
    // From i32 to i32; from four to one; from one to none.
    let types = [&[1, I32, 1, I32][..], &[4, I32, I32, I32, I32, 1, I32], &[1, I32, 0]];
    // Each by its type and name.
    let mut defined = vec![(1, "cabi_realloc".to_owned())];
    for function in functions {
        defined.extend([(0, function.clone()), (2, format!("cabi_post_{function}"))]);
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

/// What stands before the section with the module, and what behind it.
fn around_module(component: &[u8]) -> (&[u8], &[u8]) {
    let mut payloads = Parser::new(0).parse_all(component);
    let module = payloads.find_map(|payload| match payload {
        Ok(Payload::ModuleSection { unchecked_range, .. }) => Some(unchecked_range),
        _ => None,
    });
    let module = module.expect("there is a module in it");
    // The section's number, and its length.
    let [start, end] =
        [module.start, module.end].map(|at| usize::try_from(at).expect("it is short"));
    let header = 1 + leb(end - start).len();
    (&component[..start - header], &component[end..])
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
