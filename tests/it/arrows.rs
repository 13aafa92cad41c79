//! The arrows between crates, and what the core may be made of.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// Each crate and the crates of this workspace that it may use, for whatever reason. A crate that
/// is not listed fails the test: its arrows are a decision.
const ARROWS: [(&str, &[&str]); 31] = [
    ("lezai-core", &[]),
    ("lezai-web", &["lezai-core"]),
    ("lezai-server", &["lezai-core", "lezai-reconcile"]),
    ("lezai-mini", &["lezai-core"]),
    ("lezai-plugin", &["lezai-core"]),
    ("lezai-policy", &["lezai-core", "lezai-plugin"]),
    ("lezai-engine", &["lezai-core"]),
    ("lezai-reconcile", &["lezai-core"]),
    ("lezai-config", &[]),
    ("lezai-seal", &[]),
    ("lezai-wire", &["lezai-core"]),
    // SM2 stands outside of the core: no page and no plugin carries it.
    ("lezai-shangmi", &["lezai-core"]),
    ("lezai-base", &["lezai-core", "lezai-shangmi"]),
    ("lezai-connections", &["lezai-base", "lezai-core"]),
    ("lezai-assets", &[]),
    ("lezai-traces", &[]),
    ("lezai-store", &["lezai-core", "lezai-wire"]),
    ("lezai-store-suite", &["lezai-core", "lezai-store"]),
    ("lezai-store-sqlite", &["lezai-core", "lezai-seal", "lezai-store", "lezai-store-suite"]),
    ("lezai-store-postgres", &["lezai-core", "lezai-seal", "lezai-store", "lezai-store-suite"]),
    ("lezai-channels", &["lezai-core"]),
    // The adapters are tested against it; it uses nothing of theirs.
    ("lezai-channel-simulators", &["lezai-channels", "lezai-core"]),
    ("lezai-client", &["lezai-base", "lezai-core"]),
    (
        "lezai-gateway",
        &[
            "lezai-base",
            "lezai-channels",
            "lezai-core",
            "lezai-engine",
            "lezai-reconcile",
            "lezai-store",
            // In its tests.
            "lezai-store-sqlite",
            "lezai-traces",
            "lezai-wire",
        ],
    ),
    (
        "lezai-http",
        &[
            "lezai-assets",
            "lezai-base",
            // The wallet's page.
            "lezai-channels",
            "lezai-connections",
            "lezai-core",
            "lezai-gateway",
            "lezai-store",
            "lezai-traces",
            "lezai-wire",
        ],
    ),
    // A merchant like any other: it knows the public API alone.
    (
        "lezai-demo-shop",
        &["lezai-assets", "lezai-base", "lezai-client", "lezai-connections", "lezai-core"],
    ),
    // It puts the gateway together, and nobody else knows all of it.
    ("lezai", EVERYTHING),
    ("lezai-tests", EVERYTHING),
    ("xtask", &["lezai-plugin"]),
    // Plugins whose hooks are asked natively, too. Their own workspace builds them for wasm.
    ("demo_rules", &["lezai-plugin"]),
    ("marketplace", &["lezai-plugin"]),
];

/// The crates of the product.
const EVERYTHING: &[&str] = &[
    "demo_rules",
    "lezai",
    "lezai-assets",
    "lezai-base",
    "lezai-channel-simulators",
    "lezai-channels",
    "lezai-client",
    "lezai-config",
    "lezai-connections",
    "lezai-core",
    "lezai-demo-shop",
    "lezai-engine",
    "lezai-gateway",
    "lezai-http",
    "lezai-plugin",
    "lezai-policy",
    "lezai-reconcile",
    "lezai-seal",
    "lezai-shangmi",
    "lezai-store",
    "lezai-store-postgres",
    "lezai-store-sqlite",
    "lezai-traces",
    "lezai-wire",
    "marketplace",
];

/// All that the core is made of, macros and what they use apart. Nothing here reads a clock, asks
/// for randomness, or does I/O: rand_core and signature are traits. A crate new to the list is
/// looked at before it is written here.
const CORE_IS_MADE_OF: &[&str] = &[
    "base16ct",
    "base64",
    "base64ct",
    "block-buffer",
    "cfg-if",
    "cmov",
    "cobs",
    "const-oid",
    "cpubits",
    "cpufeatures",
    "crypto-bigint",
    "crypto-common",
    "ctutils",
    "der",
    "digest",
    "ecdsa",
    "elliptic-curve",
    "equivalent",
    "ff",
    "group",
    "hashbrown",
    "hmac",
    "hybrid-array",
    "indexmap",
    "ipnet",
    "iso_country",
    "iso_currency",
    "itoa",
    "lazy_static",
    "lezai-core",
    "libc",
    "memchr",
    "num-traits",
    "p256",
    "pem-rfc7468",
    "pkcs8",
    "postcard",
    "primefield",
    "primeorder",
    "rand_core",
    "ref-cast",
    "rfc6979",
    "sec1",
    "serde",
    "serde_core",
    "serde_json",
    "serde_path_to_error",
    "sfv",
    "sha2",
    "signature",
    "spki",
    "subtle",
    "thiserror",
    "typenum",
    "wnaf",
    "zeroize",
    "zmij",
];

/// Features by which a crate of that list would bring the operating system's randomness in.
const RANDOM: [&str; 6] = ["getrandom", "os_rng", "sys_rng", "thread_rng", "rand", "wasm_js"];

#[test]
fn arrows_point_one_way() {
    let metadata = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert_eq!(packages.len(), ARROWS.len(), "the workspace and the table of arrows differ");
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let (_, allowed) = ARROWS
            .iter()
            .find(|(it, _)| *it == name)
            .unwrap_or_else(|| panic!("{name} has no arrows"));
        for dependency in package["dependencies"].as_array().unwrap() {
            let used = dependency["name"].as_str().unwrap();
            let ours = !dependency["path"].is_null();
            assert!(!ours || allowed.contains(&used), "{name} must not use {used}");
        }
    }
}

#[test]
fn the_core_is_made_of_what_is_listed() {
    for target in [&["--target", "wasm32-unknown-unknown"][..], &[]] {
        let tree = [
            "tree",
            "-p",
            "lezai-core",
            "-e",
            "normal,no-proc-macro",
            "--prefix",
            "none",
            "-f",
            "{p} {f}",
        ];
        let tree = cargo(&[&tree[..], target].concat());
        let mut seen = BTreeSet::new();
        for line in tree.lines().map(|line| line.trim_end_matches(" (*)")) {
            // name, version, for our own the folder, and the features, if any
            let mut words = line.split(' ');
            let name = words.next().unwrap_or_default();
            let features = words.next_back().unwrap_or_default();
            assert!(
                CORE_IS_MADE_OF.contains(&name),
                "{name} is new in the core: what does it touch?"
            );
            for feature in features.split(',') {
                assert!(!RANDOM.contains(&feature), "{name} has the feature {feature}");
            }
            seen.insert(name.to_owned());
        }
        assert!(seen.contains("p256") && seen.len() > 20, "cargo tree printed:\n{tree}");
    }
}

/// The rules that clippy cannot check by crates/core/clippy.toml.
#[test]
fn the_core_neither_waits_nor_steps_outside_safe_rust() {
    let mut folders = vec![root().join("crates/core/src")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            let source = std::fs::read_to_string(&path).unwrap();
            for (number, line) in
                source.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
            {
                for word in ["async ", ".await", "unsafe ", "extern \"C\"", "static mut"] {
                    assert!(!line.contains(word), "{}:{}: {line}", path.display(), number + 1);
                }
            }
        }
    }
    assert!(files > 10, "only {files} files");
    let lib = std::fs::read_to_string(root().join("crates/core/src/lib.rs")).unwrap();
    assert!(lib.contains("#![forbid(unsafe_code)]"));
}

/// The features that wasmtime is built with, and what those bring by themselves. Each is code that a
/// plugin can reach; `gc`, `threads`, `component-model-async`, `stack-switching`, `pulley` and `winch`
/// are not among them.
const WASMTIME_FEATURES: [&str; 8] = [
    "component-model",
    "cranelift",
    "once_cell",
    "parallel-compilation",
    "pooling-allocator",
    "runtime",
    "std",
    "wasmtime-jit-icache-coherence",
];
/// Other compilers, other machines' code, and what would give a guest the world.
const NOT_IN_THE_ENGINE: [&str; 11] = [
    "cap-",
    "cranelift-interpreter",
    "cranelift-jit",
    "wasi",
    "wasm-smith",
    "wasmtime-internal-cache",
    "wasmtime-internal-fiber",
    "wasmtime-internal-winch",
    "wasmtime-wasi",
    "wiggle",
    "winch",
];
/// Back ends of Cranelift for other machines than the one it is built on. Pulley, which makes code
/// for wasmtime's own interpreter, comes with wasmtime whether one wants it or not; that it is not
/// what runs plugins is asked in the engine's tests.
const OTHER_MACHINES: [&str; 5] = ["all-arch", "arm64", "riscv64", "s390x", "x86"];
/// The October 2026 advisories of the 48 line are mended in this one.
const WASMTIME_AT_LEAST: [u64; 3] = [48, 0, 6];

#[test]
fn the_engine_has_one_compiler_and_no_world() {
    let tree = ["tree", "-p", "lezai-engine", "-e", "normal", "--prefix", "none", "-f", "{p}|{f}"];
    let tree = cargo(&tree);
    let mut found = 0;
    for line in tree.lines().map(|line| line.trim_end_matches(" (*)")) {
        let (package, features) = line.split_once('|').unwrap();
        let mut words = package.split(' ');
        let (name, version) = (words.next().unwrap(), words.next().unwrap_or_default());
        let features: BTreeSet<_> = features.split(',').collect();
        let bad = NOT_IN_THE_ENGINE.iter().find(|it| name.starts_with(**it));
        assert_eq!(bad, None, "{name} is in the engine");
        match name {
            "wasmtime" => {
                assert_eq!(features, BTreeSet::from(WASMTIME_FEATURES));
                let version = version.trim_start_matches('v').split('.');
                let version: Vec<u64> = version.map(|it| it.parse().unwrap()).collect();
                assert!(version[..] >= WASMTIME_AT_LEAST[..], "wasmtime {version:?}");
                found += 1;
            }
            "cranelift-codegen" => {
                let other = OTHER_MACHINES.iter().find(|it| features.contains(**it));
                assert_eq!(other, None, "cranelift makes code for other machines");
                found += 1;
            }
            _ => {}
        }
    }
    assert!(found >= 2, "cargo tree printed:\n{tree}");
}

/// Admission counts what the compiler will get. Two readers of one format are two opinions, and in
/// between is room for a component that is small to the one and large to the other.
#[test]
fn plugins_are_counted_by_the_reader_that_they_are_compiled_by() {
    let parser = |package: &str| {
        let tree = ["tree", "-p", package, "-e", "normal", "--depth", "1", "--prefix", "none"];
        let tree = cargo(&[&tree[..], &["-f", "{p}"]].concat());
        let line = tree.lines().find(|line| line.starts_with("wasmparser "));
        line.unwrap_or_else(|| panic!("{package}:\n{tree}")).trim_end_matches(" (*)").to_owned()
    };
    assert_eq!(parser("lezai-engine"), parser("wasmtime-environ"));
}

fn root() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), ".."].iter().collect()
}

/// Asks cargo, which may not ask the network: what was built is there.
fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .arg("--offline")
        .current_dir(root())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {}: {errors}", arguments.join(" "));
    String::from_utf8(output.stdout).unwrap()
}
