//! The components that are taken as plugins, and how their compiled code is kept.

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
        (
            "an empty one",
            component(""),
            "exports none of risk, pricing, routing, split and statement",
        ),
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

/// A component of one core module.
fn with_module(body: &str) -> Vec<u8> {
    component(&format!("(core module {body})"))
}

/// One function that has `open` and `close` this many times.
fn nested(times: usize, open: &str, close: &str) -> Vec<u8> {
    with_module(&format!("(func {} {})", open.repeat(times), close.repeat(times)))
}

/// Components, each of which makes two instances of the one before.
fn doubling(levels: usize) -> Vec<u8> {
    let text = (1..=levels).fold("(component $c0)".to_owned(), |inner, level| {
        let twice = format!("(instance (instantiate $c{}))", level - 1).repeat(2);
        format!("(component $c{level} {inner} {twice})")
    });
    component(&format!("{text} (instance (instantiate $c{levels}))"))
}

/// The same with each component beside the one before, which it reaches as its outer's.
fn doubling_side_by_side(levels: usize) -> Vec<u8> {
    let level = |level: usize| {
        let twice = "(instance (instantiate $c))".repeat(2);
        format!("(component $c{level} (alias outer $o $c{} (component $c)) {twice})", level - 1)
    };
    let levels: String = (1..=levels).map(level).collect();
    wat::parse_str(format!("(component $o (component $c0) {levels})")).unwrap()
}

/// Components slow to compile: each just within its bound goes on to the next check, which is
/// that it has no hook, and just above it is refused before anything is compiled.
#[test]
fn what_would_take_a_compiler_long_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let repeat = |text: &str, times: usize| component(&text.repeat(times));
    let inside = |text: &str, times: usize| with_module(&text.repeat(times));
    let in_function = |text: &str, times: usize| {
        with_module(&format!("(table 1 funcref) (memory 1) (func {})", text.repeat(times)))
    };
    type Make<'a> = Box<dyn Fn(usize) -> Vec<u8> + 'a>;
    let rows: [(&str, usize, Make<'_>); 18] = [
        ("nested components", 16, Box::new(|n| repeat("(component)", n))),
        ("component instances", 64, Box::new(|n| repeat("(instance)", n))),
        ("types, imports, exports", 1_000, Box::new(|n| repeat("(type u8)", n))),
        ("core modules", 4, Box::new(|n| repeat("(core module)", n))),
        ("core instances", 4, Box::new(|n| repeat("(core instance)", n))),
        ("functions", 4_000, Box::new(|n| inside("(func)", n))),
        ("core types", 200, Box::new(|n| inside("(type (func))", n))),
        (
            "parameters of one function",
            40,
            Box::new(|n| with_module(&format!("(func (param {}))", "i32 ".repeat(n)))),
        ),
        (
            "results of one function",
            4,
            Box::new(|n| with_module(&format!("(func (result {}) unreachable)", "i32 ".repeat(n)))),
        ),
        ("imports, exports, tables", 200, Box::new(|n| inside("(global i32 i32.const 0)", n))),
        ("data and element segments", 200, Box::new(|n| inside("(data \"\")", n))),
        (
            "elements of tables",
            2_000,
            Box::new(|n| with_module(&format!("(func $f) (elem func {})", "$f ".repeat(n)))),
        ),
        (
            "locals of one function",
            1_000,
            Box::new(|n| {
                with_module(&format!("(func (param i32) (local {}))", "i64 ".repeat(n - 1)))
            }),
        ),
        ("bytes of code", 48 * 1024, Box::new(|n| in_function("nop ", n - 2))),
        ("blocks within one another", 200, Box::new(|n| nested(n, "block ", "end "))),
        ("loops", 1_000, Box::new(|n| in_function("loop end ", n))),
        ("calls", 10_000, Box::new(|n| in_function("call 0 ", n))),
        (
            "indirect calls and operations on memories",
            1_000,
            Box::new(|n| in_function("(drop (memory.grow (i32.const 0)))", n)),
        ),
    ];
    let refused = |bytes: &[u8]| engine.load(bytes).map(|_| ()).unwrap_err();
    for (what, most, make) in rows {
        let within = refused(&make(most));
        assert!(matches!(within, Refused::Contract(_)), "{most} {what}: {within}");
        let text = refused(&make(most + 1)).to_string();
        let expected = format!("not a valid component: {} {what}", most + 1);
        assert!(text.starts_with(&expected), "{text}");
        assert!(text.ends_with(&format!(", at most {most} are taken")), "{text}");
    }
    let many_locals =
        |more: &str| with_module(&format!("(func (local {}) {more})", "i64 ".repeat(999)));
    let loops = "loop local.get 0 i32.wrap_i64 br_if 0 ".repeat(6_000) + &"end ".repeat(6_000);
    let branches = "block local.get 0 i32.wrap_i64 br_if 0 end ".repeat(300);
    let rows: [(&str, Vec<u8>, &str); 9] = [
        ("components that double", doubling(60), "a nested component has a component of its own"),
        ("ones side by side", doubling_side_by_side(15), "a component instance of its own"),
        (
            "a module in a nested component",
            component("(component (core module))"),
            "a nested component has a core module of its own",
        ),
        ("loops in loops", many_locals(&loops), "201 blocks within one another, at most 200"),
        ("blocks in blocks", nested(15_000, "block ", "end "), "201 blocks within one another"),
        ("many locals and branches", many_locals(&branches), "601000 locals times branches"),
        ("many branches", in_function("br 0 ", 20_001), "blocks, loops and branches"),
        (
            "a table of branches",
            in_function(&format!("i32.const 0 br_table {}", "0 ".repeat(20_001)), 1),
            "blocks, loops and branches, at most 20000",
        ),
        (
            "a function for calls between parts",
            component("(type $r (resource (rep i32))) (core func (canon resource.drop $r))"),
            "a function that is not lifted from a core module",
        ),
    ];
    for (name, bytes, expected) in rows {
        let text = refused(&bytes).to_string();
        assert!(text.contains(expected) && text.lines().count() == 1, "{name}: {text}");
    }
    assert!(compiled_files(folder.path()).is_empty(), "a refused one leaves no file");
    decides(&engine);
}

/// All that we build ourselves is far within the bounds.
#[test]
fn our_own_plugins_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    for name in [
        "policy.wasm",
        "plugins/demo_rules.wasm",
        "plugins/hostile.wasm",
        "plugins/marketplace.wasm",
        "plugins/vectors.wasm",
    ] {
        engine.load(&artifact(name)).unwrap_or_else(|refused| panic!("{name}: {refused}"));
    }
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

/// The code is this machine's own: not that of wasmtime's interpreter (Pulley), which comes with it.
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
#[test]
fn code_is_this_machines() {
    let code = lezai_engine::compile(&artifact("policy.wasm")).unwrap();
    // ELF's `e_machine`: EM_X86_64 or EM_AARCH64.
    let machine = if cfg!(target_arch = "x86_64") { 62 } else { 183 };
    assert_eq!((&code[..4], u16::from_le_bytes([code[18], code[19]])), (&b"\x7fELF"[..], machine));
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
