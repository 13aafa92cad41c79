//! Describes one world for each hook, as the custom section that a component is made by.
//!
//! wit-bindgen describes a whole world at once, and its `export!` exports all of it. A plugin
//! exports some hooks, so `lezai_plugin::export!` puts the sections of those into the guest, and
//! what makes the component unites them.

use std::path::Path;
use std::{env, fs};

use wit_component::StringEncoding;
use wit_parser::Resolve;

const CONTRACT: &str = "wit/lezai-plugin.wit";

fn main() {
    println!("cargo::rerun-if-changed={CONTRACT}");
    let out = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(CONTRACT).expect("the contract is valid WIT");
    for hook in ["risk", "pricing", "routing", "split", "statement"] {
        let world = resolve
            .select_world(&[package], Some(&format!("{hook}-plugin")))
            .expect("the contract has a world for each hook");
        let section = wit_component::metadata::encode(&resolve, world, StringEncoding::UTF8, None)
            .expect("the world can be encoded");
        fs::write(Path::new(&out).join(hook), section).expect("OUT_DIR is writable");
    }
}
