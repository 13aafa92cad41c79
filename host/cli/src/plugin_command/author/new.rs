//! `lezai plugin new`: a folder with a plugin that builds at once. The SDK and the contract come out
//! of this program, so that nothing but cargo and crates.io is needed.

use std::fs;
use std::path::Path;

use super::Failed;

/// The longest name; it is a crate's, and the component's file.
const MAX_NAME: usize = 40;

/// The files that are written, with `{name}` and `{Name}` in them where the plugin's name goes.
const TEMPLATE: [(&str, &str); 6] = [
    ("Cargo.toml", include_str!("template/Cargo.toml.txt")),
    ("src/lib.rs", include_str!("template/lib.rs.txt")),
    ("orders/at-noon.json", include_str!("template/at-noon.json")),
    ("orders/at-night.json", include_str!("template/at-night.json")),
    (".gitignore", "/target\n/*.wasm\n"),
    ("README.md", include_str!("template/README.md.txt")),
];

/// A file of the SDK in a plugin's folder, with the bytes that this program was built with.
macro_rules! sdk {
    ($file:literal) => {
        (
            concat!("vendor/lezai-plugin/", $file),
            include_bytes!(concat!("../../../../../crates/plugin/", $file)),
        )
    };
}

/// The SDK that this program was built with.
const SDK: [(&str, &[u8]); 10] = [
    ("vendor/lezai-plugin/Cargo.toml", include_bytes!("template/sdk.toml.txt")),
    sdk!("src/lib.rs"),
    sdk!("src/bindings.rs"),
    sdk!("src/memory.rs"),
    sdk!("wit/lezai-plugin.wit"),
    sdk!("wit/sections/pricing"),
    sdk!("wit/sections/risk"),
    sdk!("wit/sections/routing"),
    sdk!("wit/sections/split"),
    sdk!("wit/sections/statement"),
];

pub(super) fn run(folder: &Path) -> Result<String, Failed> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if !is_name(&name) {
        return Err(Failed::NotDone(format!(
            "{name:?} is no name for a plugin: 1 to {MAX_NAME} of a-z, 0-9 and _, a letter first"
        )));
    }
    if folder.exists() {
        return Err(Failed::NotDone(format!("{} is there already", folder.display())));
    }
    let type_name = type_name(&name);
    for (path, text) in TEMPLATE {
        let text = text.replace("{name}", &name).replace("{Name}", &type_name);
        write(&folder.join(path), text.as_bytes())?;
    }
    for (path, bytes) in SDK {
        write(&folder.join(path), bytes)?;
    }
    let at = folder.display();
    Ok(format!(
        "{at} is a plugin: src/lib.rs says what it does, orders/ what it is expected to say.\n\n  \
         cd {at}\n  cargo test\n  lezai plugin build\n  lezai plugin test {name}.wasm"
    ))
}

fn write(file: &Path, bytes: &[u8]) -> Result<(), Failed> {
    let parent = file.parent().unwrap_or(Path::new("."));
    let written = fs::create_dir_all(parent).and_then(|()| fs::write(file, bytes));
    written.map_err(|error| Failed::NotDone(format!("{}: {error}", file.display())))
}

fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && name.starts_with(|it: char| it.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// `night_owls` as `NightOwls`.
fn type_name(name: &str) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at(word.len().min(1));
        format!("{}{rest}", first.to_ascii_uppercase())
    };
    name.split('_').map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_is_named_like_a_crate() {
        for (name, good) in [
            ("a", true),
            ("night_owls2", true),
            ("", false),
            ("2a", false),
            ("_a", false),
            ("Night", false),
            ("night-owls", false),
        ] {
            assert_eq!(is_name(name), good, "{name}");
        }
        assert!(is_name(&"a".repeat(MAX_NAME)) && !is_name(&"a".repeat(MAX_NAME + 1)));
        assert_eq!(type_name("night_owls2"), "NightOwls2");
        assert_eq!(type_name("a__b"), "AB");
    }

    /// The vendored manifest asks for what the workspace asks for.
    #[test]
    fn the_sdk_depends_on_what_it_is_built_with() {
        let workspace = include_str!("../../../../../Cargo.toml");
        let ours = include_str!("template/sdk.toml.txt");
        let line = workspace.lines().find(|line| line.starts_with("wit-bindgen")).unwrap();
        assert!(ours.lines().any(|own| own == line), "{line}");
    }
}
