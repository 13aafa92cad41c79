//! The module for mini-programs: only what iOS, Android and the developer tools of three
//! platforms all run.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use wasmparser::{ExternalKind, Parser, Payload, Validator, WasmFeatures};

use crate::command::run;
use crate::fresh;

/// Signatures need some 20 KiB of stack.
pub(crate) const STACK: u32 = 128 * 1024;

/// All that a host may touch.
const EXPORTS: [(&str, ExternalKind); 4] = [
    ("memory", ExternalKind::Memory),
    ("alloc", ExternalKind::Func),
    ("call", ExternalKind::Func),
    ("free", ExternalKind::Func),
];

/// Features that the library may be compiled with. Named one by one: see `artifacts::WASM_FEATURES`.
const FOUND: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Drops what no export of ours reaches (iOS exports no global, and the linker exports two), and lowers
/// what is newer than the features that are left.
pub(crate) fn reduce(reach: &Path, optimise: &Path, module: &Path, output: &Path) -> Result<()> {
    let roots =
        EXPORTS.map(|(name, _)| format!(r#"{{"name":"{name}","root":true,"export":"{name}"}}"#));
    let graph = output.with_extension("json");
    fresh::write(&graph, format!("[{}]", roots.join(",")).as_bytes())?;
    let reached = output.with_extension("reached");
    run(Command::new(reach)
        .args(FOUND)
        .arg(module)
        .arg("--graph-file")
        .arg(&graph)
        .arg("-o")
        .arg(&reached)
        .stdout(std::process::Stdio::null()))?;
    let lowered = output.with_extension("lowered");
    run(Command::new(optimise)
        .args(FOUND)
        .args(["--llvm-memory-copy-fill-lowering", "--llvm-nontrapping-fptoint-lowering"])
        .arg(&reached)
        .arg("-o")
        .arg(&lowered))?;
    run(Command::new(optimise)
        .args([
            "--mvp-features",
            "--enable-mutable-globals",
            "--enable-sign-ext",
            "-O3",
            "--converge",
        ])
        .args(["--strip-debug", "--strip-producers", "--strip-target-features"])
        .arg(&lowered)
        .arg("-o")
        .arg(output))?;
    for rest in [graph, reached, lowered] {
        std::fs::remove_file(&rest).with_context(|| format!("cannot remove {}", rest.display()))?;
    }
    Ok(())
}

/// Holds a built module against what it promises: no import, these exports alone, these features
/// alone.
pub(crate) fn check(module: &[u8]) -> Result<()> {
    let features = WasmFeatures::WASM1 | WasmFeatures::SIGN_EXTENSION;
    Validator::new_with_features(features)
        .validate_all(module)
        .context("it needs a feature that some mini-program lacks")?;
    let mut exports = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(section) if section.count() > 0 => bail!("it imports something"),
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    exports.push((export.name.to_owned(), export.kind));
                }
            }
            _ => {}
        }
    }
    exports.sort_by(|a, b| a.0.cmp(&b.0));
    let mut promised = EXPORTS.map(|(name, kind)| (name.to_owned(), kind));
    promised.sort_by(|a, b| a.0.cmp(&b.0));
    ensure!(exports == promised, "it exports {exports:?}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;

    /// A module with one section after the header.
    fn module(section: &[u8]) -> Vec<u8> {
        [b"\0asm\x01\0\0\0", section].concat()
    }

    #[test]
    fn a_module_that_breaks_its_promise_is_refused() {
        for (module, why) in [
            (module(&[]), "it exports []"),
            // (import "m" "f" (func))
            (
                module(&[1, 4, 1, 0x60, 0, 0, 2, 7, 1, 1, b'm', 1, b'f', 0, 0]),
                "it imports something",
            ),
            // (global (export "g") i32 (i32.const 0))
            (module(&[6, 6, 1, 0x7f, 0, 0x41, 0, 0x0b, 7, 5, 1, 1, b'g', 3, 0]), "it exports"),
            // A function type with two results.
            (module(&[1, 6, 1, 0x60, 0, 2, 0x7f, 0x7f]), "it needs a feature"),
        ] {
            let error = format!("{:#}", check(&module).unwrap_err());
            assert!(error.contains(why), "{error}");
        }
    }
}
