//! The compiler for wasm32-unknown-unknown: the ordinary one where it has that target's library,
//! else the one that `scripts/setup` prepared under `.setup/wasm`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

const TARGET: &str = "wasm32-unknown-unknown";

/// The library comes compiled with more features; `wasm-opt` lowers what is left of them.
const PLAIN: [&str; 2] = ["-Ctarget-cpu=mvp", "-Ctarget-feature=+mutable-globals,+sign-ext"];

/// A compiler that can make wasm modules.
pub(crate) struct Toolchain {
    root: PathBuf,
    /// Set-up's folder: `bin/` with cargo, rustc and wasm-ld, `lib/` with the library.
    prepared: Option<PathBuf>,
}

/// A module to compile, and how.
pub(crate) struct Module<'a> {
    /// The package's `Cargo.toml`.
    pub(crate) manifest: &'a Path,
    /// The profile, which must be one of that package's workspace.
    pub(crate) profile: &'a str,
    /// Bytes of stack; `None` leaves the linker's 1 MiB.
    pub(crate) stack: Option<u32>,
    /// Leaves out where a panic happened and what `{:?}` would write: nobody reads either in a page
    /// or a package, and they are a sixteenth of what a shopper downloads. The compiler calls the two flags
    /// unstable, so it must be told that we know. SHA-256 is a loop there, and not unrolled.
    pub(crate) mute: bool,
    /// For mini-programs: WebAssembly as it was first, and two features.
    pub(crate) plain: bool,
}

impl Toolchain {
    /// Picks the compiler. `LEZAI_WASM=debian` takes the prepared one although the ordinary one
    /// would do.
    pub(crate) fn pick(root: &Path) -> Result<Self> {
        let forced = std::env::var_os("LEZAI_WASM").is_some_and(|value| value == "debian");
        let prepared = root.join(".setup/wasm");
        let prepared = if !forced && ordinary_has_library()? {
            None
        } else {
            ensure!(
                prepared.join("ready").exists(),
                "no compiler here has the library of {TARGET}: run scripts/setup wasm"
            );
            Some(prepared)
        };
        Ok(Self { root: root.to_owned(), prepared })
    }

    /// Compiles the cdylib of one package, which costs a moment if nothing changed, and gives the
    /// module's path.
    pub(crate) fn build(&self, module: &Module<'_>) -> Result<PathBuf> {
        let output = self
            .cargo(module)
            .args([
                "rustc",
                "--lib",
                "--target",
                TARGET,
                "--message-format=json-render-diagnostics",
            ])
            .args(["--profile", module.profile, "--manifest-path"])
            .arg(module.manifest)
            .arg("--")
            .args(module.stack.map(|bytes| format!("-Clink-arg=-zstack-size={bytes}")))
            .stderr(Stdio::inherit())
            .output()
            .context("cannot run cargo")?;
        let manifest = module.manifest.display();
        if !output.status.success() {
            bail!("cargo could not build {manifest}");
        }
        let messages =
            String::from_utf8(output.stdout).context("cargo's messages are not UTF-8")?;
        module_path(&messages, module.manifest).with_context(|| {
            format!("{manifest} gave no wasm module: its [lib] needs crate-type = [\"cdylib\"]")
        })
    }

    fn cargo(&self, &Module { mute, plain, .. }: &Module<'_>) -> Command {
        let mut flags = vec![self.remap(&self.root, "lezai")];
        if mute {
            flags.extend(["-Zlocation-detail=none", "-Zfmt-debug=none"].map(OsString::from));
            // SHA-256 as a loop and not unrolled.
            flags.push("--cfg=sha2_backend_soft=\"compact\"".into());
        }
        if plain {
            flags.extend(PLAIN.map(OsString::from));
        }
        // One folder for each set of flags: in a shared one, cargo builds all anew for each change of them.
        let target = match (mute, plain) {
            (false, false) => "target/wasm",
            (_, false) => "target/wasm-page",
            (_, true) => "target/wasm-plain",
        };
        if let Some(home) = std::env::var_os("CARGO_HOME")
            .map(PathBuf::from)
            .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))
        {
            flags.push(self.remap(&home, "cargo"));
        }
        let mut cargo = match &self.prepared {
            None => Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())),
            Some(prepared) => {
                let mut sysroot = OsString::from("--sysroot=");
                sysroot.push(prepared);
                flags.push(sysroot);
                flags.push(joined("-Clinker=", &prepared.join("bin/wasm-ld")));
                let mut cargo = Command::new(prepared.join("bin/cargo"));
                cargo.env("RUSTC", prepared.join("bin/rustc")).env_remove("RUSTUP_TOOLCHAIN");
                cargo
            }
        };
        cargo
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", self.root.join(target))
            .env_remove("RUSTFLAGS")
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join(&OsString::from("\x1f")))
            .stdin(Stdio::null());
        if mute {
            cargo.env("RUSTC_BOOTSTRAP", "1");
        }
        cargo
    }

    /// A module says where a panic happened: not in whose home it was built. That also makes the
    /// same sources give the same bytes in every folder.
    fn remap(&self, from: &Path, to: &str) -> OsString {
        let mut flag = joined("--remap-path-prefix=", from);
        flag.push("=/");
        flag.push(to);
        flag
    }
}

fn joined(flag: &str, path: &Path) -> OsString {
    let mut whole = OsString::from(flag);
    whole.push(path);
    whole
}

fn ordinary_has_library() -> Result<bool> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .context("cannot run rustc")?;
    let folder = String::from_utf8(output.stdout).context("rustc's answer is not UTF-8")?;
    Ok(output.status.success()
        && Path::new(folder.trim())
            .join("")
            .read_dir()
            .is_ok_and(|mut entries| entries.next().is_some()))
}

/// Finds the package's own module in cargo's messages: one JSON object a line.
fn module_path(messages: &str, manifest: &Path) -> Option<PathBuf> {
    let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut ours = artifacts.filter(|message| {
        message["manifest_path"].as_str().is_some_and(|path| Path::new(path) == manifest)
    });
    ours.find_map(|message| {
        let mut names = message["filenames"].as_array()?.iter().filter_map(Value::as_str);
        names.find(|name| name.ends_with(".wasm")).map(PathBuf::from)
    })
}
