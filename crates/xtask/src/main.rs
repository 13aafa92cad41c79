//! Builds what the gateway carries in its binary, npm packages and the tests' plugins:
//! `cargo run --release -p xtask -- artifacts`, or `artifacts run` for the binary's alone; and with
//! `bench-guests` the guests of others' engines, which `make bench-plugins` compares with. With its feature
//! `contract`, `contract` writes what follows from the plugins' contract, and `contract --check` compares it.
//!
//! Owns the way from sources to `target/artifacts`: which wasm toolchain, which tools, in which
//! order, and what is still up to date. Never holds logic of the product, and never installs
//! anything: `scripts/setup` does.

mod artifacts;
mod command;
#[cfg(feature = "contract")]
mod contract;
mod fresh;
mod mini;
mod toolchain;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let build: fn(&Path) -> Result<()> = match *args {
        ["artifacts"] => artifacts::build,
        ["artifacts", "run"] => artifacts::build_for_run,
        ["bench-guests"] => artifacts::bench_guests,
        #[cfg(feature = "contract")]
        ["contract"] => |root: &Path| contract::run(root, false),
        #[cfg(feature = "contract")]
        ["contract", "--check"] => |root: &Path| contract::run(root, true),
        _ => {
            eprintln!(
                "usage: cargo run --release -p xtask -- artifacts [run] | bench-guests\n       \
                 cargo run --release -p xtask --features contract -- contract [--check]"
            );
            return ExitCode::from(2);
        }
    };
    match root().and_then(build) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error:#}", args[0]);
            ExitCode::FAILURE
        }
    }
}

/// The workspace's folder, two above this crate's.
fn root() -> Result<&'static Path> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .context("xtask lies outside the workspace")?;
    ensure!(
        root.join("Cargo.lock").exists(),
        "{} is no longer the workspace xtask was built in",
        root.display()
    );
    Ok(root)
}
