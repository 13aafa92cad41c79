//! Nothing of one merchant's is left for another: not in memory, not in tables, however the plugin
//! before ended. And who does not end is ended by its fuel, after the same instruction each time.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;

use lezai_engine::{Config, Engine, Limits, decide};
use support::{artifact, attacks, clock, order, policy};

/// Enough to fill two megabytes and to read them.
const FUEL: u64 = 6_000_000;

/// One slot: two instances at a time, the merchant's and the standard one, and no third to hide in.
fn engine(folder: &Path) -> Engine {
    let limits = Limits { fuel: u64::MAX, ..Limits::default() };
    let config = Config { slots: 1, limits, clock: clock::asked, ..Config::new(folder) };
    Engine::new(config).unwrap()
}

/// How much of its memory a guest has from the first.
#[derive(Clone, Copy, Debug)]
enum Memory {
    /// All 32 pages.
    Declared,
    /// One, and it asks for the others.
    Grown,
}

/// Told apart from what fills.
const SECRET: &str = "sk_live_of_another_merchant_0123";

/// The data in a guest's memory from the first, which wasmtime maps from a file, copy on write;
/// a guest without any has no such image.
#[derive(Clone, Copy, Debug)]
enum Image {
    None,
    /// Below all that is looked at.
    Small,
    /// In the last page that a guest of one page has, and if it has all in the middle of them.
    Secret,
}

impl Image {
    fn segments(self, memory: Memory) -> String {
        let at: &[u32] = match (self, memory) {
            (Self::None, _) => &[],
            (Self::Small, _) => &[128],
            (Self::Secret, Memory::Grown) => &[60_000],
            (Self::Secret, Memory::Declared) => &[60_000, 1_500_000],
        };
        at.iter().map(|at| format!("(data (i32.const {at}) \"{SECRET}\")")).collect()
    }
}

/// A guest that exports these functions, each of which does `does`.
fn guest(functions: &[&str], memory: Memory, image: Image, does: &str) -> Vec<u8> {
    let (pages, grow) = match memory {
        Memory::Declared => (32, ""),
        Memory::Grown => (1, "(drop (memory.grow (i32.sub (i32.const 32) (memory.size))))"),
    };
    let image = image.segments(memory);
    let export = |name: &&str| {
        format!(
            r#"(func (export "{name}") (param i32) (result i32) {grow} (call $do) i32.const 0)"#
        )
    };
    let exports: String = functions.iter().map(export).collect();
    let text = format!(
        r#"(module
        (memory (export "memory") {pages})
        (table $table 4000 funcref)
        (elem declare func $do)
        {image}
        (global $free (mut i32) (i32.const 4096))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (local $at i32)
            (local.set $at (global.get $free))
            ;; To a multiple of 32, which is what is looked at as one.
            (global.set $free (i32.and (i32.add (i32.add (local.get $at) (local.get 3)) (i32.const 31)) (i32.const -32)))
            (local.get $at))
        (func $fill
            (table.fill $table (i32.const 0) (ref.func $do) (i32.const 4000))
            (memory.fill (i32.const 4096) (i32.const 0xa5) (i32.const 2093056)))
        ;; How much is not as it was made: behind what its own order took, and in the table.
        (func $look (result i32)
            (local $at i32) (local $found i32)
            (local.set $at (global.get $free))
            (loop $memory
                (if (i64.ne (i64.const 0) (i64.or
                    (i64.or (i64.load (local.get $at)) (i64.load offset=8 (local.get $at)))
                    (i64.or (i64.load offset=16 (local.get $at)) (i64.load offset=24 (local.get $at)))))
                    (then (local.set $found (i32.add (local.get $found) (i32.const 1)))))
                (local.set $at (i32.add (local.get $at) (i32.const 32)))
                (br_if $memory (i32.lt_u (local.get $at) (i32.const 2097152))))
            (local.set $at (i32.const 0))
            (loop $elements
                (if (i32.eqz (ref.is_null (table.get $table (local.get $at))))
                    (then (local.set $found (i32.add (local.get $found) (i32.const 1)))))
                (local.set $at (i32.add (local.get $at) (i32.const 1)))
                (br_if $elements (i32.lt_u (local.get $at) (i32.const 4000))))
            ;; An answer has room for so much.
            (select (local.get $found) (i32.const 999) (i32.lt_u (local.get $found) (i32.const 999))))
        ;; A fee's currency, "CNY", at 64.
        (func $currency
            (i32.store (i32.const 64) (i32.const 0x594e43))
            (i64.store (i32.const 16) (i64.const 0x300000040)))
        (func $do {does})
        {exports})"#
    );
    wat::parse_str(attacks::framed(&text)).unwrap()
}

/// The value found is the score.
const TELL_SCORE: &str = "(i32.store16 (i32.const 6) (call $look))";
/// The value found is the fee.
const TELL_FEE: &str = "(call $currency) (i64.store (i32.const 8) (i64.extend_i32_u (call $look)))";

/// Every way in which the guest before can end, once it has filled all it has.
const ENDINGS: [(&str, &str); 6] = [
    ("ok", ""),
    ("trap", "unreachable"),
    ("fuel", "(loop $again (br $again))"),
    ("deadline", "(loop $again (br $again))"),
    ("memory", "(drop (memory.grow (i32.const 100)))"),
    ("nonsense", "(i32.store (i32.const 0) (i32.const -1))"),
];

/// The guest before has both instances that there are, one as the merchant's plugin and one as the
/// standard plugin; the next two guests look at all that those left.
#[test]
fn nothing_of_one_merchants_is_left_for_another() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let (compact, facts) = (policy().to_compact(), order());
    let asked = |own: &[u8], standard: &[u8], fuel| {
        let [own, standard] = [own, standard]
            .map(|it| engine.load_within(it, Limits { fuel, ..engine.limits() }).unwrap());
        decide(&engine, &standard, &compact, Some((&own, b"")), &facts)
    };
    let (risk, rest) = (&["assess"][..], &["fee", "route"][..]);
    let mut looked = 0;
    for memory in [Memory::Declared, Memory::Grown] {
        for image in [Image::None, Image::Small] {
            let looks = guest(risk, memory, image, TELL_SCORE);
            let looks_too = guest(rest, memory, image, TELL_FEE);
            // It would see what it looks for: it sees what it does itself.
            let sees = guest(risk, memory, image, &format!("(call $fill) {TELL_SCORE}"));
            assert_eq!(asked(&sees, &looks_too, FUEL).unwrap().risk.score, 999);

            for memory_before in [Memory::Declared, Memory::Grown] {
                for image_before in [Image::None, Image::Secret] {
                    for (label, ending) in ENDINGS {
                        let what = format!(
                            "{memory_before:?}, {image_before:?}, {label}; {memory:?}, {image:?}"
                        );
                        let does = format!("(call $fill) (call $currency) {ending}");
                        let fills = guest(risk, memory_before, image_before, &does);
                        let fills_too = guest(rest, memory_before, image_before, &does);
                        // Fuel that does not end, and a clock that does not wait.
                        let (fuel, time) = match label {
                            "deadline" => (u64::MAX, clock::RUNS_AWAY),
                            _ => (FUEL, clock::STANDS),
                        };
                        clock::set(time);
                        match asked(&fills, &fills_too, fuel) {
                            Ok(first) => {
                                assert_eq!(first.hooks[0].outcome.label(), label, "{what}")
                            }
                            Err(error) => assert_eq!(error.cause.label(), label, "{what}"),
                        }
                        clock::set(clock::STANDS);
                        let second = asked(&looks, &looks_too, FUEL).unwrap();
                        let labels = second.hooks.each_ref().map(|it| it.outcome.label());
                        assert_eq!(labels, ["ok"; 3], "{what}");
                        assert_eq!((second.risk.score, second.fee.minor()), (0, 0), "{what}");
                        looked += 1;
                    }
                }
            }
        }
    }
    assert_eq!(looked, 4 * 4 * 6);
}

/// A plugin that does not end is ended by its fuel, wherever it loops, though the clock
/// stands still: so a neighbour waits for as long as some fuel takes, and no longer.
#[test]
fn a_runaway_is_stopped_by_its_fuel() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { slots: 1, clock: clock::asked, ..Config::new(folder.path()) };
    let engine = Engine::new(config).unwrap();
    let standard = engine.load(&artifact("policy.wasm")).unwrap();
    let (compact, facts) = (policy().to_compact(), order());
    let again = "(loop $again (br $again))";
    let runaways = [
        ("a loop", again.to_owned()),
        (
            "copies",
            "(loop $a (memory.copy (i32.const 0) (i32.const 4096) (i32.const 2000000)) (br $a))"
                .to_owned(),
        ),
        (
            "fills",
            "(loop $a (memory.fill (i32.const 0) (i32.const 1) (i32.const 2097152)) (br $a))"
                .to_owned(),
        ),
        (
            "copies of nothing",
            "(loop $a (memory.copy (i32.const 0) (i32.const 0) (i32.const 0)) (br $a))".to_owned(),
        ),
        (
            "a table's fills",
            "(loop $a (table.fill $table (i32.const 0) (ref.null func) (i32.const 4000)) (br $a))"
                .to_owned(),
        ),
        ("growing by nothing", "(loop $a (drop (memory.grow (i32.const 0))) (br $a))".to_owned()),
        (
            "growing a table by nothing",
            "(loop $a (drop (table.grow $table (ref.null func) (i32.const 0))) (br $a))".to_owned(),
        ),
        (
            "one long instruction after another",
            "(memory.fill (i32.const 0) (i32.const 1) (i32.const 2097152)) ".repeat(900) + again,
        ),
    ];
    for (what, does) in runaways {
        let plugin =
            engine.load(&guest(&["assess"], Memory::Declared, Image::None, &does)).unwrap();
        let decided = || {
            let own = Some((&*plugin, &b""[..]));
            decide(&engine, &standard, &compact, own, &facts).unwrap()
        };
        let decision = decided();
        assert_eq!(decision.hooks[0].outcome.label(), "fuel", "{what}");
        assert_eq!(decision.hooks[0].fuel, engine.limits().fuel, "{what}");
        assert_eq!(decision.hooks[1].outcome.label(), "ok", "{what}");
        // The clock may be as late as it likes, short of the last resort.
        clock::set(clock::ALMOST);
        assert_eq!(decided(), decision, "{what}");
        clock::set(clock::STANDS);
    }
}

/// An instruction many times as slow as a plain one costs as much more, whether it comes to anything
/// or not: else a plugin made of it alone would keep a thread for as long.
#[test]
fn what_takes_long_costs_fuel() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let standard = engine.load(&artifact("policy.wasm")).unwrap();
    let (compact, facts) = (policy().to_compact(), order());
    let fuel = |does: &str| {
        let bytes = guest(&["assess"], Memory::Declared, Image::None, does);
        let plugin = engine.load(&bytes).unwrap();
        let own = Some((&*plugin, &b""[..]));
        let decision = decide(&engine, &standard, &compact, own, &facts).unwrap();
        assert_eq!(decision.hooks[0].outcome.label(), "ok", "{does}");
        decision.hooks[0].fuel
    };
    let without = fuel("");
    for (does, least) in [
        ("(drop (memory.grow (i32.const 0)))", 200),
        ("(drop (table.grow $table (ref.null func) (i32.const 0)))", 50),
        ("(memory.fill (i32.const 0) (i32.const 0) (i32.const 0))", 50),
        ("(drop (ref.func $do))", 50),
        ("(drop (i64.div_u (i64.const 7) (i64.const 3)))", 10),
        ("(drop (f64.sqrt (f64.const 2)))", 10),
        ("(drop (f32.nearest (f32.const 2)))", 8),
    ] {
        let with = fuel(&does.repeat(100));
        assert!(with - without >= 100 * least, "{does}: {without}, then {with}");
    }
}
