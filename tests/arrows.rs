//! Who may use whom, and what the core may be made of.

#![allow(clippy::unwrap_used, reason = "a test that cannot ask cargo fails")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// Each crate and the crates of this workspace that it may use, for whatever reason. A crate that
/// is not listed fails the test: its arrows are a decision.
const ARROWS: [(&str, &[&str]); 10] = [
    ("lezai-core", &[]),
    ("lezai-web", &["lezai-core"]),
    ("lezai-server", &["lezai-core"]),
    ("lezai-mini", &["lezai-core"]),
    ("lezai-plugin", &["lezai-core"]),
    ("lezai-policy", &["lezai-core", "lezai-plugin"]),
    ("lezai-engine", &["lezai-core"]),
    ("lezai", &["lezai-core", "lezai-engine"]),
    (
        "lezai-tests",
        &[
            "lezai",
            "lezai-core",
            "lezai-engine",
            "lezai-plugin",
            "lezai-policy",
            "demo_rules",
            "marketplace",
        ],
    ),
    ("xtask", &[]),
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

/// What clippy cannot see in crates/core/clippy.toml.
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
