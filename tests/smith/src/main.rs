//! Writes random core modules that have the exports of a plugin which answers `risk`: `smith FOLDER COUNT`,
//! the same ones each time. `crates/engine/tests/random.rs` makes components of them and runs them.

use std::fs;
use std::path::Path;

use arbitrary::{Arbitrary as _, Unstructured};
use wasm_smith::{Config, Module};

/// The exports of every module, which has no others.
const EXPORTS: &str = r#"(module
    (memory (export "memory") 1 32)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable)
    (func (export "assess") (param i32) (result i32) unreachable))"#;
/// The entropy of one module.
const BYTES: usize = 8 * 1024;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, count] = &arguments[..] else { return Err("smith FOLDER COUNT".into()) };
    fs::create_dir_all(folder)?;
    for seed in 1..=count.parse::<u64>()? {
        fs::write(Path::new(folder).join(format!("{seed:05}.wasm")), module(seed)?)?;
    }
    Ok(())
}

fn module(seed: u64) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let bytes = noise(seed);
    let mut entropy = Unstructured::new(&bytes);
    let mut config = Config::arbitrary(&mut entropy)?;
    config.exports = Some(wat::parse_str(EXPORTS)?);
    config.max_imports = 0;
    config.min_imports = 0;
    config.max_funcs = 20;
    config.max_instructions = 200;
    // The one that is exported is enough: a plugin has one.
    config.max_memories = 0;
    config.min_memories = 0;
    config.max_tables = 2;
    config.max_table_elements = 1_000;
    config.max_memory32_bytes = 2 * 1024 * 1024;
    // The features of plugins are a list (`TAKEN` in crates/engine/src/lib.rs): of the rest there are
    // attacks that somebody wrote, and a random one would only be refused.
    config.exceptions_enabled = false;
    config.gc_enabled = false;
    config.custom_page_sizes_enabled = false;
    config.memory64_enabled = false;
    // With them come references to what is the host's, which is a garbage collector's matter.
    config.reference_types_enabled = false;
    config.relaxed_simd_enabled = false;
    config.simd_enabled = false;
    config.tail_call_enabled = false;
    config.threads_enabled = false;
    config.shared_everything_threads_enabled = false;
    config.wide_arithmetic_enabled = false;
    config.allow_invalid_funcs = false;
    Ok(Module::new(config, &mut entropy)?.to_bytes())
}

/// Bytes that look random, by Marsaglia's xorshift: this needs to be spread, not secret.
fn noise(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let words = (0..BYTES / 8).flat_map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.collect()
}
