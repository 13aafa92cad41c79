//! Attacks that are too large to be written down, are no text at all, or are made of something that
//! was built. Each has a name and says what it is, as the files beside this one do in their first
//! lines.

/// One attack.
pub struct Generated {
    /// Its name in the table.
    pub name: &'static str,
    /// The attack, in words.
    pub what: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// All of them. `good` is a plugin that is taken, `code` what the compiler made of it, `framed` puts
/// the text of a core module's body into a component that has the contract's types.
pub fn all(good: &[u8], code: &[u8], framed: impl Fn(&str) -> String) -> Vec<Generated> {
    let rows = [no_component(good, code), sections(), compile_bombs(), within_bounds(framed)];
    let rows = rows.into_iter().flatten();
    rows.map(|(name, what, bytes)| Generated { name, what, bytes }).collect()
}

type Row = (&'static str, &'static str, Vec<u8>);

fn no_component(good: &[u8], code: &[u8]) -> Vec<Row> {
    let mut other = good.to_vec();
    other[4] ^= 0x10;
    let module = wat::parse_str("(module)").unwrap();
    vec![
        ("empty", "No bytes at all.", vec![]),
        ("script", "A script for a shell.", b"#!/bin/sh\nrm -rf /\n".to_vec()),
        ("precompiled", "Machine code of the compiler's, presented as a component.", code.to_vec()),
        ("zeros", "As many zeros as a component may have bytes.", vec![0; 256 * 1024]),
        (
            "too_long",
            "One byte more than a component may have.",
            [good, &vec![0; 256 * 1024 + 1 - good.len()]].concat(),
        ),
        ("truncated", "A plugin without its second half.", good[..good.len() / 2].to_vec()),
        ("truncated_by_one", "A plugin without its last byte.", good[..good.len() - 1].to_vec()),
        ("trailing", "A plugin with three bytes after its end.", [good, &[1, 2, 3]].concat()),
        ("trailing_module", "A plugin, and a core module after its end.", [good, &module].concat()),
        ("twice", "A plugin, and the same one after its end.", [good, good].concat()),
        ("other_version", "A plugin in an unknown version of WebAssembly.", other),
    ]
}

/// A component's first eight bytes.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// Sections that lie about themselves.
fn sections() -> Vec<Row> {
    let section = |section: &[u8]| [COMPONENT, section].concat();
    // One function type, one function, and its body.
    let locals = [
        MODULE,
        b"\x01\x04\x01\x60\0\0",
        b"\x03\x02\x01\0",
        b"\x0a\x0a\x01\x08\x01\xff\xff\xff\xff\x0f\x7e\x0b",
    ]
    .concat();
    let length = u8::try_from(locals.len()).unwrap();
    vec![
        (
            "section_beyond_end",
            "A section whose length says 4 GiB.",
            section(b"\x01\xff\xff\xff\xff\x0f"),
        ),
        (
            "section_length_too_long",
            "A section whose length has more bytes than a number may have.",
            section(b"\x01\x80\x80\x80\x80\x80\x80\0"),
        ),
        ("section_unknown", "A section of an unknown kind.", section(b"\x7f\x01\0")),
        (
            "section_of_many",
            "A section of five bytes that claims 2^32 - 1 types.",
            section(b"\x07\x05\xff\xff\xff\xff\x0f"),
        ),
        (
            "section_with_more",
            "A section with bytes after its content.",
            section(b"\x07\x03\0\0\0"),
        ),
        (
            "section_custom_without_name",
            "A custom section whose name is longer than the section.",
            section(b"\0\x02\x7fa"),
        ),
        (
            "module_beyond_section",
            "A core module that claims to be longer than its section.",
            section(&[b"\x01\x0d", MODULE, b"\x01\x7f\x01\x60\0"].concat()),
        ),
        (
            "locals_4_billion",
            "Five bytes that declare four billion locals.",
            section(&[&[1, length], &locals[..]].concat()),
        ),
    ]
}

/// A length, as WebAssembly writes it.
pub fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).unwrap();
        number >>= 7;
        bytes.push(if number == 0 { low } else { low | 0x80 });
        if number == 0 {
            return bytes;
        }
    }
}

fn component(body: &str) -> Vec<u8> {
    wat::parse_str(format!("(component {body})")).unwrap()
}

fn module(body: &str) -> Vec<u8> {
    component(&format!("(core module {body})"))
}

/// Modules that would take a compiler long, or much memory.
fn compile_bombs() -> Vec<Row> {
    let inside = |text: &str, times: usize| module(&text.repeat(times));
    let function = |text: &str, times: usize| {
        module(&format!("(table 1 funcref) (memory 1) (func {})", text.repeat(times)))
    };
    let nested = (1..=60).fold("(component $c0)".to_owned(), |inner, level| {
        let twice = format!("(instance (instantiate $c{}))", level - 1).repeat(2);
        format!("(component $c{level} {inner} {twice})")
    });
    let flat: String = (1..=60)
        .map(|level| {
            let twice = "(instance (instantiate $c))".repeat(2);
            let outer = level - 1;
            format!("(component $c{level} (alias outer $o $c{outer} (component $c)) {twice})")
        })
        .collect();
    let tuples: String =
        (1..=60).map(|level| format!("(type $t{level} (tuple $t{0} $t{0}))", level - 1)).collect();
    let locals = "i64 ".repeat(999);
    let loops = "loop local.get 0 i32.wrap_i64 br_if 0 end ".repeat(900);
    vec![
        (
            "functions_100000",
            "100,000 functions. They have more bytes than a component may.",
            inside("(func)", 100_000),
        ),
        (
            "functions_60000",
            "60,000 functions within the allowed bytes: an empty one takes 70 µs to compile.",
            inside("(func)", 60_000),
        ),
        (
            "function_giant",
            "One function of 200 KiB.",
            function("(drop (i32.load (i32.const 0))) ", 30_000),
        ),
        (
            "phis",
            "A thousand locals, each of which may change in each of nine hundred loops.",
            module(&format!("(func (local {locals}) {loops})")),
        ),
        (
            "br_table_giant",
            "A table of 100,000 branches.",
            module(&format!("(func (block (br_table {} (i32.const 0))))", "0 ".repeat(100_000))),
        ),
        (
            "blocks_deep",
            "50,000 nested blocks.",
            module(&format!("(func {} {})", "block ".repeat(50_000), "end ".repeat(50_000))),
        ),
        (
            "memory_grow_20000",
            "20,000 calls of the host, which took the compiler 3 s.",
            function("(drop (memory.grow (i32.const 0)))", 10_000),
        ),
        ("calls_30000", "30,000 calls.", function("call 0 ", 23_000)),
        (
            "params_1000",
            "A function of a thousand parameters, called by two bytes.",
            module(&format!("(func (param {}) unreachable)", "i64 ".repeat(1_000))),
        ),
        ("types_50000", "50,000 types.", inside("(type (func))", 50_000)),
        ("globals_30000", "30,000 globals.", inside("(global i32 i32.const 0)", 30_000)),
        (
            "exports_10000",
            "10,000 exports of one function.",
            module(&format!(
                "(func $f) {}",
                (0..10_000).map(|it| format!("(export \"{it}\" (func $f))")).collect::<String>()
            )),
        ),
        ("segments_50000", "50,000 data segments.", inside("(data \"\")", 50_000)),
        (
            "elements_100000",
            "A table of 100,000 elements.",
            module(&format!("(func $f) (elem func {})", "$f ".repeat(100_000))),
        ),
        (
            "instances_doubled",
            "Nested components, each of which makes two instances of the one inside: 2^60 from 3 KB.",
            component(&format!("{nested} (instance (instantiate $c60))")),
        ),
        (
            "instances_doubled_side_by_side",
            "The same, side by side.",
            wat::parse_str(format!("(component $o (component $c0) {flat})")).unwrap(),
        ),
        ("components_10000", "10,000 components in one.", component(&"(component)".repeat(10_000))),
        (
            "components_deep",
            "Components nested a thousand deep: a recursive reader overflows its stack.",
            (0..1_000).fold(COMPONENT.to_vec(), |inner, _| {
                [COMPONENT, &[4], &leb(inner.len()), &inner].concat()
            }),
        ),
        (
            "types_doubled",
            "Each tuple is two of the one before: 2^60 parts in 300 bytes.",
            component(&format!("(type $t0 (tuple u8 u8)) {tuples}")),
        ),
        (
            "types_doubled_within",
            "The same up to 2^18, and a function that takes it.",
            component(&format!(
                "(type $t0 (tuple u8 u8)) {} (core module $m (memory (export \"m\") 1) (func (export \"r\") (param i32 i32 i32 i32) (result i32) unreachable) (func (export \"f\") (param i32))) (core instance $i (instantiate $m)) (func (export \"f\") (param \"p\" $t17) (canon lift (core func $i \"f\") (memory (core memory $i \"m\")) (realloc (core func $i \"r\"))))",
                tuples.split_inclusive("))").take(17).collect::<String>()
            )),
        ),
        (
            "names_long",
            "An export with a name of 100,000 letters.",
            component(&format!("(instance $i) (export \"{}\" (instance $i))", "a".repeat(100_000))),
        ),
    ]
}

/// Just within what is counted: these are compiled, and must be worth nobody's while.
fn within_bounds(framed: impl Fn(&str) -> String) -> Vec<Row> {
    let taken = |more: &str| {
        let answer = "(func (export \"assess\") (param i32) (result i32) i32.const 0)";
        wat::parse_str(framed(&format!("(module\n;; @guest\n{more} {answer})"))).unwrap()
    };
    let locals = "i64 ".repeat(900);
    let loops = "loop local.get 0 i32.wrap_i64 br_if 0 end ".repeat(260);
    vec![
        ("within_functions", "3,900 functions.", taken(&"(func)".repeat(3_900))),
        (
            "within_memory_grow",
            "990 calls of the host in one function.",
            taken(&format!("(func {})", "(drop (memory.grow (i32.const 0)))".repeat(990))),
        ),
        (
            "within_phis",
            "900 locals in 260 loops.",
            taken(&format!("(func (local {locals}) {loops})")),
        ),
        (
            "within_body",
            "One function of 47 KiB of loads.",
            taken(&format!("(func {})", "(drop (i32.load (i32.const 0))) ".repeat(7_800))),
        ),
    ]
}
