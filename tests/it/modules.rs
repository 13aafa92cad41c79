//! Which modules of a crate use each other: none of them in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The crates that are held to it. A crate whose modules may form circles is not listed.
const CRATES: [&str; 7] = [
    "crates/core",
    "crates/mini",
    "crates/plugin",
    "crates/policy",
    "crates/server",
    "crates/web",
    "crates/xtask",
];

/// A module at the top of a crate, and the others that its files name.
type Graph = BTreeMap<String, BTreeSet<String>>;

#[test]
fn modules_of_a_crate_form_no_circle() {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    for name in CRATES {
        let graph = graph_of(&root.join(name).join("src"));
        if let Some(circle) = circle(&graph) {
            panic!("{name}: {}", circle.join(" → "));
        }
    }
}

#[test]
fn a_circle_is_found() {
    let text = "use crate::{b::{self, C}, d};\n// crate::comment\nfn f() { crate::e::g() }";
    let named: Vec<_> = modules_named(text).into_iter().collect();
    assert_eq!(named, ["b", "d", "e"]);
    let tested = "use crate::a;\n#[cfg(test)]\nmod tests {\n    use crate::b;\n}\n";
    assert_eq!(modules_named(tested).into_iter().collect::<Vec<_>>(), ["a"]);

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

fn graph_of(sources: &Path) -> Graph {
    let mut graph = Graph::new();
    for file in rust_files(sources) {
        let below = file.strip_prefix(sources).unwrap();
        let top = below.components().next().unwrap().as_os_str().to_str().unwrap();
        let top = top.trim_end_matches(".rs");
        // The crate's face names all of its modules.
        if top == "lib" || top == "main" || file.ends_with("tests.rs") {
            continue;
        }
        let named = modules_named(&fs::read_to_string(&file).unwrap());
        graph.entry(top.to_owned()).or_default().extend(named.into_iter().filter(|it| it != top));
    }
    graph
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            files.push(path);
        }
    }
    files
}

/// The modules at the top that a file names, in paths and in lists of `use`; its tests apart.
fn modules_named(text: &str) -> BTreeSet<String> {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let text: String = text.lines().map(|it| it.split("//").next().unwrap_or_default()).collect();
    let mut named = BTreeSet::new();
    for rest in text.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            None => named.extend(identifier(rest)),
            Some(list) => {
                let mut depth = 0_usize;
                let mut begins = true;
                for (at, character) in list.char_indices() {
                    match character {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => begins = true,
                        _ if begins && !character.is_whitespace() => {
                            named.extend(identifier(&list[at..]));
                            begins = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    named
}

/// A module's name; types and macros of the crate's face are none.
fn identifier(text: &str) -> Option<String> {
    let end = text.find(|it: char| !it.is_alphanumeric() && it != '_').unwrap_or(text.len());
    let name = &text[..end];
    name.starts_with(|it: char| it.is_lowercase()).then(|| name.to_owned())
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
