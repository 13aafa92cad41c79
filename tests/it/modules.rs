//! Which files of a crate use each other: none of them in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The crates: all of them.
const CRATES: [&str; 27] = [
    "crates/core",
    "crates/engine",
    "crates/mini",
    "crates/plugin",
    "crates/policy",
    "crates/reconcile",
    "crates/server",
    "crates/shangmi",
    "crates/web",
    "crates/wire",
    "crates/xtask",
    "host/assets",
    "host/base",
    "host/channels",
    "host/cli",
    "host/client",
    "host/config",
    "host/connections",
    "host/demo-shop",
    "host/gateway",
    "host/http",
    "host/seal",
    "host/store",
    "host/store-postgres",
    "host/store-sqlite",
    "host/store-suite",
    "host/traces",
];

/// The rooms of the gateway's crate, from the ground up, as ARCHITECTURE.md lists them. Rooms of one row may use
/// each other, as long as their files form no circle.
const ROOMS: [&[&str]; 14] = [
    &["rate_source", "readiness", "realm", "schedule"],
    &["fees"],
    &["metrics", "keys", "channels", "views"],
    &["cluster"],
    &["node"],
    &["idempotency"],
    &["releases", "merchants"],
    &["events"],
    &["mandates"],
    &["callbacks", "plugins"],
    &["gateway"],
    &["peers", "test_clock"],
    &["orders", "funds", "statements", "reconciliation"],
    &["jobs"],
];

/// A file's module, such as `orders::refunds`, and those that it names.
type Graph = BTreeMap<String, BTreeSet<String>>;

#[test]
fn files_of_a_crate_form_no_circle() {
    for name in CRATES {
        if let Some(circle) = circle(&graph_of(&sources(name))) {
            panic!("{name}: {}", circle.join(" → "));
        }
    }
}

/// A doc comment names its item by a noun: *The fee*, and not *What it costs*.
#[test]
fn doc_comments_begin_with_a_noun() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let generated = root.join("crates/plugin/src/bindings.rs");
    let mut headless = Vec::new();
    for folder in ["crates", "host", "tests"] {
        for file in rust_files(&root.join(folder)) {
            if file == generated {
                continue;
            }
            let text = fs::read_to_string(&file).unwrap();
            let mut before = None;
            for (at, line) in text.lines().enumerate() {
                let comment = line.trim_start();
                let mark = ["/// ", "//! "].into_iter().find(|it| comment.starts_with(it));
                let first = comment.split(' ').nth(1);
                if mark.is_some() && mark != before && matches!(first, Some("What" | "Who")) {
                    headless.push(format!("{}:{}: {line}", file.display(), at + 1));
                }
                before = mark;
            }
        }
    }
    assert!(headless.is_empty(), "{}", headless.join("\n"));
}

#[test]
fn a_room_of_the_gateway_names_none_above_it() {
    let row = |module: &str| {
        let room = module.split("::").next().unwrap();
        ROOMS.iter().position(|row| row.contains(&room)).unwrap_or_else(|| panic!("no row: {room}"))
    };
    let graph = graph_of(&sources("host/gateway"));
    let mut seen = BTreeSet::new();
    for (module, named) in &graph {
        seen.insert(module.split("::").next().unwrap());
        let above: Vec<_> = named.iter().filter(|it| row(it) > row(module)).collect();
        assert!(above.is_empty(), "{module} names {above:?}");
    }
    let listed: BTreeSet<_> = ROOMS.concat().into_iter().collect();
    assert_eq!(seen, listed, "rooms that are there, and those of the list");
}

#[test]
fn a_circle_is_found() {
    let files = [
        ("", "pub mod a;\npub mod b;\npub use b::Shown;"),
        ("a", "use crate::{b::{self, C}, d};\n// crate::comment\nfn f() { crate::e::g() }"),
        ("b", "mod c;\nuse c::D;\n#[cfg(test)]\nmod tests {\n    use crate::a;\n}\n"),
        ("b::c", "use super::super::Shown;\nuse super::E;\nfn f() { super::super::d::g() }"),
        ("d", ""),
        ("e", ""),
    ];
    let files: BTreeMap<String, String> =
        files.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    let graph = graph(&files);
    let named = |module: &str| graph[module].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(named("a"), ["b", "d", "e"]);
    assert!(named("b").is_empty());
    assert_eq!(named("b::c"), ["b", "d"]);
    assert_eq!(circle(&graph), None);

    let graph = |arrows: &[(&str, &str)]| {
        let mut graph = Graph::new();
        for (from, to) in arrows {
            graph.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        graph
    };
    assert_eq!(circle(&graph(&[("a", "b"), ("b", "c"), ("a", "c")])), None);
    let found = circle(&graph(&[("a", "b"), ("b", "c"), ("c", "b")])).unwrap();
    assert_eq!(found, ["b", "c", "b"]);
}

fn sources(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", name, "src"].iter().collect()
}

fn graph_of(sources: &Path) -> Graph {
    let mut files = BTreeMap::new();
    for file in rust_files(sources) {
        let below = file.strip_prefix(sources).unwrap().with_extension("");
        let mut parts: Vec<_> =
            below.components().map(|it| it.as_os_str().to_str().unwrap().to_owned()).collect();
        if matches!(parts.last().unwrap().as_str(), "lib" | "main" | "mod") {
            parts.pop();
        }
        // A file of tests, or a second face beside `lib.rs`.
        if parts.last().is_some_and(|it| it == "tests") || files.contains_key(&parts.join("::")) {
            continue;
        }
        files.insert(parts.join("::"), fs::read_to_string(&file).unwrap());
    }
    graph(&files)
}

/// The modules that name one another. The crate's face names all of its modules, and is left out.
fn graph(files: &BTreeMap<String, String>) -> Graph {
    let code: BTreeMap<&str, String> = files.iter().map(|(name, it)| (&**name, code(it))).collect();
    let shown = shown(&code);
    let mut graph = Graph::new();
    for (module, text) in code.iter().filter(|(module, _)| !module.is_empty()) {
        let text = without_shown(text);
        let mut named: BTreeSet<String> =
            paths(&text, module).iter().filter_map(|path| resolve(path, files, &shown)).collect();
        // A module and its parts are one room: the parts name it, and it them.
        named.retain(|it| !is_in(it, module));
        graph.insert((*module).to_owned(), named);
    }
    graph
}

/// The code compiled outside of tests, without comments. An item marked as of tests takes a line.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut code = String::new();
    let mut of_tests = false;
    for line in text.lines().map(|it| it.split("//").next().unwrap_or_default()) {
        if !of_tests {
            code += line;
            code.push('\n');
        }
        of_tests = line.trim() == "#[cfg(test)]";
    }
    code
}

/// The names that a face hands on, and the modules that they are of.
fn shown(code: &BTreeMap<&str, String>) -> BTreeMap<String, String> {
    let mut shown = BTreeMap::new();
    for (module, text) in code {
        for line in text.split(';').filter_map(|it| it.rsplit_once("pub use ").map(|it| it.1)) {
            for path in expand(line.trim(), "") {
                let (from, name) = path.rsplit_once("::").unwrap_or_default();
                shown.insert(join(module, name), join(module, from));
            }
        }
    }
    shown
}

fn without_shown(text: &str) -> String {
    let statements = text.split(';').map(|it| it.split("pub use ").next().unwrap_or_default());
    statements.collect::<Vec<_>>().join(";")
}

/// Every path that begins at the crate or at a parent, from the crate on.
fn paths(text: &str, module: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for (root, base) in [("crate::", ""), ("super::", parent(module))] {
        for (at, _) in text.match_indices(root) {
            let before = text[..at].chars().next_back();
            if before.is_some_and(|it| it.is_alphanumeric() || it == '_' || it == ':') {
                continue;
            }
            let (mut rest, mut base) = (&text[at + root.len()..], base);
            while let Some(further) = rest.strip_prefix("super::") {
                (rest, base) = (further, parent(base));
            }
            paths.extend(expand(rest, base));
        }
    }
    paths
}

/// The paths of a tree of `use`, or of one path in code.
fn expand(text: &str, base: &str) -> Vec<String> {
    let end = text.find(|it: char| !it.is_alphanumeric() && it != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let path = if name == "self" { base.to_owned() } else { join(base, name) };
    if let Some(list) = text.strip_prefix('{') {
        return items(list).into_iter().flat_map(|it| expand(it.trim(), base)).collect();
    }
    match rest.strip_prefix("::") {
        Some(further) if !name.is_empty() => expand(further, &path),
        _ => vec![path],
    }
}

/// The items between the commas of a list, up to its end.
fn items(list: &str) -> Vec<&str> {
    let (mut depth, mut begin, mut items) = (0_usize, 0, Vec::new());
    for (at, character) in list.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => {
                items.push(&list[begin..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&list[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    items.retain(|it| !it.trim().is_empty());
    items
}

/// The module that a path leads to: the longest part of it that is one.
fn resolve(
    path: &str,
    files: &BTreeMap<String, String>,
    shown: &BTreeMap<String, String>,
) -> Option<String> {
    let mut path = shown.get(path).map_or(path, String::as_str);
    while !files.contains_key(path) {
        path = parent(path);
    }
    (!path.is_empty()).then(|| path.to_owned())
}

fn is_in(module: &str, room: &str) -> bool {
    module.strip_prefix(room).is_some_and(|it| it.is_empty() || it.starts_with("::"))
}

fn parent(path: &str) -> &str {
    path.rsplit_once("::").map_or("", |(parent, _)| parent)
}

fn join(base: &str, name: &str) -> String {
    match (base, name) {
        ("", name) => name.to_owned(),
        (base, "") => base.to_owned(),
        (base, name) => format!("{base}::{name}"),
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // Neither is ours: packages of others, and what was built.
        let is_ours = !path.ends_with("node_modules") && !path.ends_with("target");
        if path.is_dir() && is_ours {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// A way from a module back to itself, if there is one.
fn circle(graph: &Graph) -> Option<Vec<String>> {
    fn walk(graph: &Graph, way: &mut Vec<String>, done: &mut BTreeSet<String>) -> bool {
        let at = way.last().cloned().unwrap_or_default();
        for next in graph.get(&at).into_iter().flatten() {
            let seen = way.iter().position(|it| it == next);
            way.push(next.clone());
            if let Some(begin) = seen {
                way.drain(..begin);
                return true;
            }
            if !done.contains(next) && walk(graph, way, done) {
                return true;
            }
            way.pop();
        }
        done.insert(at);
        false
    }
    let mut done = BTreeSet::new();
    graph.keys().find_map(|start| {
        let mut way = vec![start.clone()];
        walk(graph, &mut way, &mut done).then_some(way)
    })
}
