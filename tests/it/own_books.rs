//! A merchant's own books beside a statement: the command and `@lezai/server` must find the same. The other half is
//! `tests/server/reconcile.test.mjs`, over the same files.

use lezai_tests::lezai;
use serde_json::{Value, json};

#[test]
fn the_command_finds_what_the_package_finds() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/own-books");
    let file = |name: &str| format!("{folder}/{name}");
    let (statement, own) = (file("statement.csv"), file("own.csv"));
    let flags = ["--statement", &statement, "--own", &own, "--offset", "+08:00", "--all", "--json"];
    let done = lezai(&[&["reconcile"], &flags[..]].concat());
    assert_eq!(done.status.code(), Some(1), "{}", String::from_utf8_lossy(&done.stderr));
    let text = String::from_utf8(done.stdout).unwrap();
    let mut lines: Vec<Value> = text.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    let mut summary = lines.pop().unwrap()["summary"].take();
    // The command names its files, and the package has none.
    for side in ["theirs", "ours"] {
        for it in summary[side].as_array_mut().unwrap() {
            let it = it.as_object_mut().unwrap();
            assert!(it.remove("file").is_some() && it.remove("sha256").is_some());
        }
    }
    let found = json!({ "differences": lines, "summary": summary });
    let golden = std::fs::read_to_string(file("found.json")).unwrap_or_default();
    let golden: Value = serde_json::from_str(&golden).unwrap_or_default();
    assert_eq!(found, golden, "{found:#}");
}
