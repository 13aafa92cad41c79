//! Where fuel goes, on a plugin that is known to the instruction.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use lezai_engine::{Config, Engine, Hook, profile};
use support::{artifact, money, order};

/// The same question stops in the same functions each time, the parts add up to the whole, and the
/// fuel is what production counts.
#[test]
fn a_profile_is_the_same_each_time() {
    let cache = tempfile::tempdir().unwrap();
    let engine = Engine::new(Config::new(cache.path()).with_names()).unwrap();
    let plugin = engine.load(&artifact("plugins/demo_rules.wasm")).unwrap();
    let found =
        || profile(&engine, &plugin, b"", &order(), Hook::Risk, money(1, "CNY"), 100).unwrap();
    let first = found();
    assert_eq!(first, found());
    assert_eq!(first.stacks.len(), 100);
    let stage = support::stage();
    let compact = support::policy().to_compact();
    let own = Some((&*stage.demo, &b""[..]));
    let decision =
        lezai_engine::decide(&stage.engine, &stage.standard, &compact, own, &order()).unwrap();
    assert_eq!(first.fuel, decision.hooks[0].fuel);
    // The order comes in through the allocator, and the hook is asked.
    let called = |part: &str| first.stacks.iter().flatten().any(|name| name.contains(part));
    assert!(called("cabi_realloc") && called("assess"), "{:?}", first.stacks);
}
