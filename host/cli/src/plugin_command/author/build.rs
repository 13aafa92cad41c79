//! `lezai plugin build`: cargo, or any other compiler, makes the core module, and it becomes a
//! component here: no further tool is needed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use serde_json::Value;

use super::Failed;
use super::check;
use super::workbench::component;

/// The linker leaves a guest 1 MiB of stack, and then its memory starts at 17 pages. This is half of
/// what a gateway gives.
const STACK: &str = "-Clink-arg=-zstack-size=65536";

pub(super) fn run(folder: &Path, out: Option<PathBuf>) -> Result<String, Failed> {
    let (module, usual) = if folder.is_file() {
        (folder.to_owned(), folder.with_extension("component.wasm"))
    } else {
        let module = compile(folder)?;
        let usual = folder.join(module.file_name().unwrap_or_default());
        (module, usual)
    };
    let component = component(&module)?;
    let report = check::report(&component)?;
    let out = out.unwrap_or(usual);
    let written = fs::write(&out, &component);
    written.map_err(|error| Failed::NotDone(format!("{}: {error}", out.display())))?;
    Ok(format!("{}\n{report}", out.display()))
}

/// Where cargo put the module of the package in a folder.
fn compile(folder: &Path) -> Result<PathBuf, Failed> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let output = Command::new(&cargo)
        .args(["rustc", "--release", "--lib", "--target", "wasm32-unknown-unknown"])
        .args(["--message-format=json-render-diagnostics", "--", STACK])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output();
    let output = output.map_err(|error| {
        Failed::NotDone(format!("cargo cannot be run in {}: {error}", folder.display()))
    })?;
    if !output.status.success() {
        return Err(Failed::Wanting(
            "cargo could not build it. If it misses the target's library: \
             rustup target add wasm32-unknown-unknown"
                .to_owned(),
        ));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    last_module(&messages).ok_or_else(|| {
        Failed::Wanting("cargo made no module: [lib] needs crate-type = [\"cdylib\"]".to_owned())
    })
}

/// The last module that cargo names: a package comes after all that it depends on.
fn last_module(messages: &str) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut modules = messages.filter_map(|message| {
        let names = message["filenames"].as_array()?.iter().filter_map(Value::as_str);
        names.map(PathBuf::from).find(|it| it.extension().is_some_and(|it| it == "wasm"))
    });
    modules.next_back()
}
