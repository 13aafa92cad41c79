//! Admission of a plugin before it is compiled: whatever the bytes are, it ends soon,
//! and says the same of the same bytes. The engine's own files are taken without the engine, which
//! would bring wasmtime.

#![no_main]

#[path = "../../../crates/engine/src/admission.rs"]
#[allow(dead_code)]
mod admission;
#[path = "../../../crates/engine/src/hook.rs"]
#[allow(dead_code, unreachable_pub)]
mod hook;
#[path = "../../../crates/engine/src/limits.rs"]
#[allow(dead_code, unreachable_pub)]
mod limits;
#[path = "../../../crates/engine/src/refused.rs"]
#[allow(dead_code, unreachable_pub)]
mod refused;

use libfuzzer_sys::fuzz_target;

/// As in the engine.
const CORE_INSTANCES: u32 = 4;

fuzz_target!(|data: &[u8]| {
    let limits = limits::Limits::default();
    // Most random bytes are no component, so most are made to begin as one.
    let begun = [b"\0asm\x0d\0\x01\0", data].concat();
    for bytes in [data, &begun] {
        let checked = admission::check(bytes, &limits);
        assert_eq!(checked, admission::check(bytes, &limits));
        if checked.is_ok() {
            assert!(bytes.starts_with(b"\0asm\x0d\0\x01\0"), "only a component passes");
            // Names of exports are read where they are wanted, and may be none.
            let hooks = admission::hooks(bytes).unwrap_or_default();
            assert!(hooks.len() <= hook::Hook::ALL.len());
        }
    }
});
