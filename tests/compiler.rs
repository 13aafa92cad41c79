//! The compiler's child, with real limits: one that wants more than it may have is ended, that is said,
//! and whoever asked goes on. As in the gateway, the child is this very program with another verb.

#![allow(clippy::unwrap_used, reason = "a child that is not ended fails its test")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use lezai_assets::STANDARD_PLUGIN;
use lezai_engine::{Compiler, Config, Engine, Refused};
use lezai_gateway::plugins::compiler::{self, ChildLimits, InChild};
use lezai_tests::TempDir;

fn main() -> ExitCode {
    if let Some(limits) = ChildLimits::of_this_process() {
        return compiler::run(limits);
    }
    let tests: [(&str, fn()); 3] = [
        ("a_child_that_wants_more_time_is_ended", a_child_that_wants_more_time_is_ended),
        ("a_child_that_wants_more_memory_is_ended", a_child_that_wants_more_memory_is_ended),
        ("an_engine_goes_on_after_a_child_was_ended", an_engine_goes_on_after_a_child_was_ended),
    ];
    for (name, test) in tests {
        test();
        println!("test {name} ... ok");
    }
    println!("test result: ok. {} passed; 0 failed; 0 ignored", tests.len());
    ExitCode::SUCCESS
}

fn child(limits: ChildLimits) -> InChild {
    InChild::of(std::env::current_exe().unwrap(), limits)
}

/// As many functions as take some seconds: admission would have refused them.
fn heavy() -> Vec<u8> {
    let functions = "(func (param i64) (result i64) local.get 0)".repeat(100_000);
    wat::parse_str(format!("(component (core module {functions}))")).unwrap()
}

fn plugin(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/artifacts/plugins");
    std::fs::read(folder.join(name)).unwrap()
}

fn a_child_that_wants_more_time_is_ended() {
    let frugal = child(ChildLimits { cpu_secs: 1, ..ChildLimits::default() });
    let refused = frugal.compile(&heavy()).unwrap_err();
    assert!(matches!(refused, Refused::Compiler(_)), "{refused}");
    assert!(refused.to_string().contains("more than 1 s of processor time"), "{refused}");
    // A usual plugin takes a fraction of the usual limits.
    let usual = child(ChildLimits::default());
    assert!(usual.compile(STANDARD_PLUGIN).unwrap().len() > 100_000);
}

fn a_child_that_wants_more_memory_is_ended() {
    let frugal = child(ChildLimits { memory: 64 << 20, ..ChildLimits::default() });
    let refused = frugal.compile(&heavy()).unwrap_err();
    // By the system, or by itself when it was refused: never an answer.
    assert!(matches!(refused, Refused::Compiler(_)), "{refused}");
    let text = refused.to_string();
    assert!(text.contains("64 MiB of memory") || text.contains("memory"), "{text}");
    // The same with what there usually is.
    assert!(child(ChildLimits::default()).compile(&plugin("demo_rules.wasm")).is_ok());
}

/// A compiler that can be changed.
struct Changing(Mutex<InChild>);

impl Compiler for Changing {
    fn compile(&self, component: &[u8]) -> Result<Vec<u8>, Refused> {
        let compiler = self.0.lock().unwrap().clone();
        compiler.compile(component)
    }
}

fn an_engine_goes_on_after_a_child_was_ended() {
    let folder = TempDir::new();
    let compiler = Arc::new(Changing(Mutex::new(child(ChildLimits::default()))));
    let engine =
        Engine::new(Config { compiler: compiler.clone(), ..Config::new(folder.path()) }).unwrap();
    engine.load(STANDARD_PLUGIN).unwrap();
    *compiler.0.lock().unwrap() = child(ChildLimits { memory: 4 << 20, ..ChildLimits::default() });
    for name in ["demo_rules.wasm", "hostile.wasm"] {
        let refused = engine.load(&plugin(name)).map(drop).unwrap_err();
        assert!(matches!(refused, Refused::Compiler(_)), "{name}: {refused}");
    }
    // Nothing of it was kept, so the next one finds a compiler and not a leftover.
    *compiler.0.lock().unwrap() = child(ChildLimits::default());
    for name in ["demo_rules.wasm", "hostile.wasm"] {
        engine.load(&plugin(name)).unwrap();
    }
}
