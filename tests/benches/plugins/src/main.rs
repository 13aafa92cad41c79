//! The cost of the plugin engine, beside its peers: `make bench-plugins`.
//!
//! All rows of the first table answer the same question by the same logic about the same recorded
//! orders (`tests/vectors/plugin-orders.json`), in batches that take turns, and count processor time:
//! the thread's own, and of Node all of the process's, for V8 works beside itself.

mod many;
mod measure;
mod neighbours;
mod node;
mod peers;
mod raw;
#[path = "../../../src/recorded/mod.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod recorded;

use std::path::{Path, PathBuf};

use measure::Goals;

/// Where the tree begins.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

/// The bytes of something that `make bench-plugins` built before.
fn artifact(name: &str) -> Vec<u8> {
    let path = root().join("target/artifacts").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [verb, folder] = &*arguments
        && verb == "resident"
    {
        return many::resident(Path::new(folder));
    }
    let folder = tempfile::tempdir_in(root().join("target")).expect("a folder below target");
    let mut goals = Goals::default();
    // One part alone, as in: cargo run … -- peers
    let parts: [(&str, fn(&mut Goals, &Path)); 3] =
        [("peers", peers::measure), ("many", many::measure), ("neighbours", neighbours::measure)];
    for (name, measure) in parts {
        if arguments.is_empty() || arguments.iter().any(|it| it == name) {
            measure(&mut goals, folder.path());
        }
    }
    goals.print();
}
