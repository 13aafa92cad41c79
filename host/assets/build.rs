//! Puts the files that `make build` made under `target/artifacts` into the binary.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use base64ct::{Base64, Encoding as _};
use sha2::{Digest as _, Sha256, Sha384};

fn main() {
    // Asked when it runs: what was compiled in a folder that was copied would look in the old one.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let root = Path::new(&manifest).join("../..");
    let artifacts = root.join("target/artifacts");
    println!("cargo::rerun-if-changed={}", artifacts.display());
    println!("cargo::rerun-if-changed=build.rs");
    let mut table =
        String::from("/// Sorted by area and path.\nstatic ASSETS: &[(&str, &str, Asset)] = &[\n");
    for area in ["checkout", "shop"] {
        let folder = present(artifacts.join(area));
        let mut entries: Vec<(String, PathBuf)> =
            files(&folder).into_iter().map(|file| (name(&folder, &file), file)).collect();
        entries.sort();
        for (path, file) in entries {
            entry(&mut table, area, &path, &file);
        }
    }
    table.push_str("];\n");
    for (name, file) in
        [("STANDARD_PLUGIN", "policy.wasm"), ("DEMO_PLUGIN", "plugins/demo_rules.wasm")]
    {
        let path = present(artifacts.join(file));
        let _ =
            writeln!(table, "/// `{file}`\npub static {name}: &[u8] = include_bytes!({path:?});");
    }
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(out.join("assets.rs"), table).expect("OUT_DIR is writable");
}

fn entry(table: &mut String, area: &str, path: &str, file: &Path) {
    println!("cargo::rerun-if-changed={}", file.display());
    let bytes = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let compressed = PathBuf::from(format!("{}.br", file.display()));
    let smaller = fs::metadata(&compressed).is_ok_and(|it| it.len() < bytes.len() as u64);
    let brotli =
        if smaller { format!("Some(include_bytes!({compressed:?}))") } else { "None".to_owned() };
    let digest = Sha256::digest(&bytes).iter().take(12).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let integrity = format!("sha384-{}", Base64::encode_string(&Sha384::digest(&bytes)));
    let immutable = named_by_hash(path);
    let _ = writeln!(
        table,
        "({area:?}, {path:?}, Asset {{ content_type: {:?}, bytes: include_bytes!({file:?}), brotli: {brotli}, immutable: {immutable}, \
         etag: {:?}, integrity: {integrity:?} }}),",
        content_type(path),
        format!("\"{digest}\""),
    );
}

/// Whether the build named the file by its content, such as `lezai-checkout-0123456789abcdef.js`.
fn named_by_hash(path: &str) -> bool {
    let stem = path.rsplit_once('.').map_or(path, |(stem, _)| stem);
    let hash = stem.rsplit_once('-').map_or("", |(_, hash)| hash);
    hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "webp" => "image/webp",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        other => panic!("no media type is known for .{other}"),
    }
}

fn name(folder: &Path, file: &Path) -> String {
    file.strip_prefix(folder).unwrap_or(file).to_string_lossy().replace('\\', "/")
}

/// Every file below, without the compressed ones that stand beside their originals.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_none_or(|it| it != "br") {
            found.push(path);
        }
    }
    found
}

fn present(path: PathBuf) -> PathBuf {
    assert!(path.exists(), "{} is missing: run `make build`, which makes it first", path.display());
    path.canonicalize().unwrap_or(path)
}
