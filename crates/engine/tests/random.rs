//! Plugins that nobody wrote: whatever random code does, it is refused or it is contained, and the
//! next order is decided as if nothing had been. `tests/smith` makes them, the same each time.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use lezai_engine::{Config, Engine, Limits, Refused, decide};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use support::attacks::generated::leb;
use support::{artifact, attacks, clock, order, policy};

#[test]
fn what_nobody_wrote_is_contained() {
    let folder = std::env::var_os("LEZAI_RANDOM").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/random"),
        PathBuf::from,
    );
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap_or_else(|_| panic!("`make test-rust` makes some in {}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();

    let cache = tempfile::tempdir().unwrap();
    // As much fuel as a plugin can be given, and no time that passes: fuel ends whatever does not end.
    let limits = Limits { fuel: 10_000_000, ..Limits::default() };
    let config = Config { slots: 1, limits, clock: clock::asked, ..Config::new(cache.path()) };
    let engine = Engine::new(config).unwrap();
    let standard = engine.load(&artifact("policy.wasm")).unwrap();
    let (compact, facts) = (policy().to_compact(), order());
    let usual = decide(&engine, &standard, &compact, None, &facts).unwrap();
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    for file in &files {
        let name = file.display();
        let end = match engine.load(&framed(&fs::read(file).unwrap())) {
            Err(refused) => format!("refused: {}", kind(&refused)),
            Ok(plugin) => {
                let own = Some((&*plugin, &b""[..]));
                let first = decide(&engine, &standard, &compact, own, &facts).unwrap();
                // The same order is decided the same again.
                let again = decide(&engine, &standard, &compact, own, &facts).unwrap();
                assert!(again == first, "{name}: {first:?}, then {again:?}");
                first.hooks[0].outcome.label().to_owned()
            }
        };
        *ends.entry(end).or_default() += 1;
        let next = decide(&engine, &standard, &compact, None, &facts).unwrap();
        assert_eq!(next, usual, "the order after {name}");
    }
    println!("{} plugins: {ends:?}", files.len());
    let refused = ends.iter().filter(|(end, _)| end.starts_with("refused")).map(|it| it.1);
    assert!(files.len() >= 300 && refused.sum::<usize>() < files.len() / 2, "{ends:?}");
}

/// A random core module in a component that has the contract's types: one that exports the same is
/// framed, and the random one put in its place.
fn framed(module: &[u8]) -> Vec<u8> {
    let text = r#"(module (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0)
        (func (export "assess") (param i32) (result i32) i32.const 0))"#;
    let place = wat::parse_str(text).unwrap();
    let component = wat::parse_str(attacks::framed(text)).unwrap();
    let at = component.windows(place.len()).position(|it| it == place).unwrap();
    // A core module's section: its number, its length in one byte, and the module with its name.
    let (before, after) = (&component[..at - 1], &component[at + usize::from(component[at - 1])..]);
    assert_eq!(before.last(), Some(&1));
    [before, &leb(module.len()), module, after].concat()
}

fn kind(refused: &Refused) -> String {
    let text = format!("{refused:?}");
    text.split(|it: char| !it.is_ascii_alphabetic()).next().unwrap_or_default().to_owned()
}
