//! What is taken as a plugin, and how its compiled code is kept.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lezai_engine::{Config, Engine, Hook, Limits, Refused, StartError, decide};
use support::{artifact, order, policy};

fn engine(folder: &Path) -> Engine {
    Engine::new(Config::new(folder)).unwrap()
}

/// A component as text around one core module that has what any guest has.
fn component(body: &str) -> Vec<u8> {
    wat::parse_str(format!("(component {body})")).unwrap()
}

#[test]
fn what_is_no_plugin_is_refused_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let module = "(core module $m (memory (export \"memory\") 1) (func (export \"f\")))";
    let truncated = &artifact("policy.wasm")[..50_000];
    let rows: [(&str, Vec<u8>, &str); 15] = [
        ("nothing", vec![], "not a valid component"),
        ("text", b"#!/bin/sh".to_vec(), "not a valid component"),
        ("a cut one", truncated.to_vec(), "not a valid component"),
        (
            "bytes after the end",
            [artifact("policy.wasm"), vec![1, 2, 3]].concat(),
            "not a valid component",
        ),
        ("a core module", wat::parse_str("(module)").unwrap(), "a core module and not a component"),
        ("one too large", vec![0; 256 * 1024 + 1], "262145 bytes, at most 262144"),
        ("an empty one", component(""), "exports none of risk, pricing and routing"),
        (
            "one that wants a clock",
            component(
                r#"(import "wasi:clocks/wall-clock@0.2.0" (instance (export "now" (func (result u64)))))"#,
            ),
            "imports wasi:clocks/wall-clock@0.2.0",
        ),
        (
            "one that wants types alone",
            component(r#"(import "lezai:plugin/types@1.0.0" (instance))"#),
            "imports lezai:plugin/types@1.0.0",
        ),
        (
            "one whose module wants something inside is no matter, but it has no hook",
            component(r#"(core module $m (import "a" "b" (func)))"#),
            "exports none",
        ),
        (
            "a hook of another version",
            component(r#"(instance $i) (export "lezai:plugin/risk@2.0.0" (instance $i))"#),
            "exports lezai:plugin/risk@2.0.0, which is not known here",
        ),
        (
            "a hook without its function",
            component(r#"(instance $i) (export "lezai:plugin/risk@1.0.0" (instance $i))"#),
            "exports none",
        ),
        (
            "a hook of another type",
            component(&format!(
                r#"{module} (core instance $c (instantiate $m))
                (func $f (canon lift (core func $c "f")))
                (instance $i (export "assess" (func $f)))
                (export "lezai:plugin/risk@1.0.0" (instance $i))"#
            )),
            "lezai:plugin/risk@1.0.0 has another type",
        ),
        (
            "one with more memory than there is",
            component(&hook_with("(memory 33)", "")),
            "it cannot be started",
        ),
        (
            "one that loops before it is asked",
            component(&hook_with("", "(func $s (loop br 0)) (start $s)")),
            "it burnt all of its fuel",
        ),
    ];
    for (name, bytes, expected) in rows {
        let refused = engine.load(&bytes).map(|_| ()).expect_err(name).to_string();
        assert!(refused.contains(expected), "{name}: {refused}");
    }
    // After all that the engine works.
    decides(&engine);
}

/// A component with a routing hook of the wrong type, whose module has more than it needs.
fn hook_with(memory: &str, more: &str) -> String {
    format!(
        r#"(core module $m {memory} {more} (func (export "f")))
        (core instance $c (instantiate $m))
        (func $f (canon lift (core func $c "f")))
        (instance $i (export "route" (func $f)))
        (export "lezai:plugin/routing@1.0.0" (instance $i))"#
    )
}

fn decides(engine: &Engine) {
    let standard = engine.load(&artifact("policy.wasm")).unwrap();
    let decision = decide(engine, &standard, &policy().to_compact(), None, &order()).unwrap();
    assert_eq!(decision.fee.minor(), 77);
}

#[test]
fn limits_are_the_engines() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { component: 10, ..Limits::default() };
    let engine = Engine::new(Config { limits, ..Config::new(folder.path()) }).unwrap();
    let refused = engine.load(&artifact("policy.wasm")).map(|_| ()).unwrap_err();
    assert!(matches!(refused, Refused::TooLarge { most: 10, .. }));
}

fn compiled_files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn one_component_is_loaded_once() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let [first, second] =
        [(); 2].map(|()| engine.load(&artifact("plugins/demo_rules.wasm")).unwrap());
    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!(compiled_files(folder.path()).len(), 1);
    drop((first, second));
    // Nobody held it any more: it is loaded anew, from its file.
    engine.load(&artifact("plugins/demo_rules.wasm")).unwrap();
    assert_eq!(compiled_files(folder.path()).len(), 1);
}

#[test]
fn a_damaged_file_is_compiled_again() {
    let folder = tempfile::tempdir().unwrap();
    decides(&engine(folder.path()));
    let [file] = &compiled_files(folder.path())[..] else { panic!("one file") };
    let sound = fs::read(file).unwrap();
    let flipped = |at: usize| {
        let mut bytes = sound.clone();
        bytes[at] ^= 1;
        bytes
    };
    let rows: [(&str, Vec<u8>); 8] = [
        ("empty", vec![]),
        ("cut in the header", sound[..20].to_vec()),
        ("cut in the code", sound[..sound.len() / 2].to_vec()),
        ("longer", [&sound[..], &[0]].concat()),
        ("its first byte", flipped(0)),
        ("its digest", flipped(20)),
        ("its code", flipped(sound.len() / 2)),
        ("its last byte", flipped(sound.len() - 1)),
    ];
    for (name, bytes) in rows {
        fs::write(file, &bytes).unwrap();
        decides(&engine(folder.path()));
        assert!(fs::read(file).unwrap() == sound, "{name}: the file was not put right");
    }
}

/// A sound file is what is run, and nothing is compiled: with another component's file in its
/// place, the standard plugin has the other's hooks. (So the folder is the gateway's alone.)
#[test]
fn a_sound_file_saves_compiling() {
    let folder = tempfile::tempdir().unwrap();
    let file = || compiled_files(folder.path()).remove(0);
    engine(folder.path()).load(&artifact("plugins/demo_rules.wasm")).unwrap();
    let demo = fs::read(file()).unwrap();
    fs::remove_file(file()).unwrap();
    engine(folder.path()).load(&artifact("policy.wasm")).unwrap();
    fs::write(file(), &demo).unwrap();
    let plugin = engine(folder.path()).load(&artifact("policy.wasm")).unwrap();
    assert_eq!(plugin.hooks(), [Hook::Risk]);
    assert!(fs::read(file()).unwrap() == demo);
}

#[test]
fn leftovers_are_removed_and_strangers_left() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("abc.1-2.tmp"), "half").unwrap();
    fs::write(folder.path().join("README"), "mine").unwrap();
    let _ = engine(folder.path());
    assert_eq!(compiled_files(folder.path()), [folder.path().join("README")]);
}

#[cfg(unix)]
#[test]
fn the_folder_is_the_gateways_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("deep/cache");
    let _ = engine(&cache);
    assert_eq!(fs::metadata(&cache).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_folder_that_cannot_be_is_told_of_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Engine::new(Config::new(file.join("cache"))).map(|_| ()).unwrap_err();
    assert!(matches!(error, StartError::Cache(..)), "{error}");
}
