//! Reads the attacks of `tests/plugins/attacks`, and the table in `docs/plugin-attacks.md` that says
//! how each ends.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

#[path = "../../../../tests/plugins/attacks/generated.rs"]
pub mod generated;

/// One attack.
pub struct Attack {
    /// The name of its row: the file's path within the folder, or `generated/` and a name.
    pub name: String,
    /// Its first comment, or what its generator says of it.
    pub what: String,
    /// The component, or what is passed off as one.
    pub bytes: Vec<u8>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/plugins/attacks")
}

/// All attacks, in the order of their names.
pub fn all(good: &[u8], code: &[u8]) -> Vec<Attack> {
    let (mut all, mut unread) = (Vec::new(), Vec::new());
    for kind in ["component", "module"] {
        for entry in fs::read_dir(folder().join(kind)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let Some(stem) = name.strip_suffix(".wat") else { panic!("{name} is no attack") };
            let text = fs::read_to_string(&path).unwrap();
            let whole = if kind == "module" { framed(&text) } else { text.clone() };
            let name = format!("{kind}/{stem}");
            match wat::parse_str(&whole) {
                Ok(bytes) => all.push(Attack { name, what: what(&text), bytes }),
                Err(error) => unread.push(format!("{name}: {error}")),
            }
        }
    }
    assert!(unread.is_empty(), "{}", unread.join("\n"));
    all.extend(generated::all(good, code, framed).into_iter().map(|it| Attack {
        name: format!("generated/{}", it.name),
        what: it.what.to_owned(),
        bytes: it.bytes,
    }));
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// The comment that a file begins with, in one line.
fn what(text: &str) -> String {
    let lines = text.lines().map_while(|line| line.strip_prefix(";; "));
    lines.filter(|line| !line.starts_with('@')).collect::<Vec<_>>().join(" ")
}

/// A core module as a component with the contract's types: each hook is lifted whose function the
/// module exports. `;; @guest` stands for what any guest brings, `;; @options` adds to the lift.
pub fn framed(module: &str) -> String {
    let piece = |name: &str| fs::read_to_string(folder().join("frame").join(name)).unwrap();
    let options = module.lines().find_map(|line| line.strip_prefix(";; @options ")).unwrap_or("");
    let exports = |name: &str| module.contains(&format!("(export \"{name}\")"));
    let hooks = [
        ("assess", "risk.wat"),
        ("fee", "pricing.wat"),
        ("route", "routing.wat"),
        ("divide", "split.wat"),
        ("columns", "statement.wat"),
    ];
    let hooks = hooks.into_iter().filter(|(function, _)| exports(function));
    let hooks: String = hooks
        .map(|(function, file)| {
            let post = format!("{function}-post");
            let post = if exports(&post) {
                format!(" (post-return (core func $guest \"{post}\"))")
            } else {
                String::new()
            };
            piece(file).replace("@options", &format!("{options}{post}"))
        })
        .collect();
    let module = module.replacen("(module", "(core module $module", 1);
    let module = module.replacen(";; @guest", &piece("guest.wat"), 1);
    let types = piece("types.wat");
    format!("(component {types} {module} (core instance $guest (instantiate $module)) {hooks})")
}

/// The page with the table.
pub struct Page {
    path: PathBuf,
    text: String,
}

impl Page {
    pub fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/plugin-attacks.md");
        Self { text: fs::read_to_string(&path).unwrap(), path }
    }

    /// The rows of the table that stands under a heading: all cells of each.
    pub fn rows(&self, heading: &str) -> Vec<Vec<String>> {
        let plain = |cell: &str| cell.trim().trim_matches('`').to_owned();
        let cells = |line: &str| line.trim_matches('|').split(" | ").map(plain).collect();
        self.text[self.table(heading)].lines().map(cells).collect()
    }

    /// Compares the rows under a heading with what they should be. With `UPDATE_DOCS` set, they are
    /// written anew; how an attack ends stays as it was, and is `?` for a new one.
    pub fn check(&mut self, heading: &str, attacks: &[Attack]) {
        let rows = self.rows(heading);
        let ends: BTreeMap<_, _> = rows.iter().map(|row| (&row[0], &row[2])).collect();
        let row = |it: &Attack| {
            let end = ends.get(&it.name).map_or("?", |end| end.as_str());
            format!("| `{}` | {} | `{end}` |\n", it.name, it.what)
        };
        let rows: String = attacks.iter().map(row).collect();
        let table = self.table(heading);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            self.text.replace_range(table, &rows);
            fs::write(&self.path, &self.text).unwrap();
        } else {
            assert!(
                rows == self.text[table],
                "UPDATE_DOCS=1 make test-rust writes docs/plugin-attacks.md anew"
            );
        }
    }

    fn table(&self, heading: &str) -> Range<usize> {
        let after =
            |text: &str, from: usize| from + self.text[from..].find(text).unwrap() + text.len();
        let begin = after("|---|---|---|\n", after(&format!("\n## {heading}\n"), 0));
        let lines = self.text[begin..].split_inclusive('\n');
        let length: usize = lines.take_while(|line| line.starts_with('|')).map(str::len).sum();
        begin..begin + length
    }
}
