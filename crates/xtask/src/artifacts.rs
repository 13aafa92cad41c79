//! The artifacts, in the order in which one needs the other.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use wasm_bindgen_cli_support::Bindgen;

use crate::command::run;
use crate::fresh::{self, Stamps, read};
use crate::mini;
use crate::toolchain::{Module, Toolchain};

/// A guest's stack: enough for the core's policy, and its memory starts at 2 pages and not at 17.
const PLUGIN_STACK: u32 = 64 * 1024;

/// Wasm features that rustc enables for wasm32-unknown-unknown. One by one: with `--all-features`,
/// binaryen writes kinds of imports that Node 20 and browsers refuse.
const WASM_FEATURES: [&str; 7] = [
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Builds what the gateway's program carries and is not up to date: the pages with their modules, the
/// standard plugin, the demo merchant's.
pub(crate) fn build_for_run(root: &Path) -> Result<()> {
    run_parts(&Work::begin(root)?)
}

/// Builds everything below `target/artifacts` that is not up to date: what the program carries, the npm
/// packages, and the plugins of the tests.
pub(crate) fn build(root: &Path) -> Result<()> {
    let work = Work::begin(root)?;
    run_parts(&work)?;
    work.module("server", "page")?;
    work.server_package()?;
    work.mini_package()?;
    work.test_plugins()
}

fn run_parts(work: &Work<'_>) -> Result<()> {
    work.module("web", "page")?;
    work.mini_module()?;
    work.pages()?;
    let policy = work.root.join("crates/policy");
    work.plugin("policy", &policy, "wasm", &work.out.join("policy.wasm"))?;
    work.test_plugin(&work.root.join("tests/plugins/demo_rules"))
}

/// Builds the guest that Extism runs beside our plugins.
pub(crate) fn bench_guests(root: &Path) -> Result<()> {
    let work = Work::begin(root)?;
    let manifest = root.join("tests/benches/plugins/extism_guest/Cargo.toml");
    let module = work.toolchain.build(&Module {
        manifest: &manifest,
        profile: "release",
        stack: Some(PLUGIN_STACK),
        mute: false,
        plain: false,
    })?;
    let target = work.out.join("bench/extism_guest.wasm");
    fresh::write(&target, &read(&module)?)?;
    work.done(&target)
}

struct Work<'a> {
    root: &'a Path,
    toolchain: Toolchain,
    stamps: Stamps,
    out: PathBuf,
    /// The output of wasm-bindgen, which the build of the npm packages takes up.
    bindings: PathBuf,
}

impl<'a> Work<'a> {
    fn begin(root: &'a Path) -> Result<Self> {
        Ok(Self {
            toolchain: Toolchain::pick(root)?,
            stamps: Stamps::open(root.join("target/stamps"))?,
            root,
            out: root.join("target/artifacts"),
            bindings: root.join("target/wasm-bindgen"),
        })
    }

    fn plugin(&self, name: &str, package: &Path, profile: &str, target: &Path) -> Result<()> {
        let manifest = package.join("Cargo.toml");
        let module = self.toolchain.build(&Module {
            manifest: &manifest,
            profile,
            stack: Some(PLUGIN_STACK),
            mute: false,
            plain: false,
        })?;
        self.stamps.step(&format!("plugin-{name}"), &[&module], &[target], || {
            fresh::write(target, &lezai_plugin::component::encode(&read(&module)?)?)?;
            self.done(target)
        })
    }

    /// Each folder of `tests/plugins` that is a package; each is a workspace of its own, as a
    /// merchant's would be.
    fn test_plugins(&self) -> Result<()> {
        let folder = self.root.join("tests/plugins");
        let entries =
            fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        let mut packages: Vec<PathBuf> =
            entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        packages.retain(|package| package.join("Cargo.toml").exists());
        packages.sort();
        packages.iter().try_for_each(|package| self.test_plugin(package))
    }

    fn test_plugin(&self, package: &Path) -> Result<()> {
        let name = package
            .file_name()
            .and_then(|name| name.to_str())
            .context("a plugin's folder has a name in UTF-8")?;
        let target = self.out.join("plugins").join(name).with_extension("wasm");
        self.plugin(name, package, "release", &target)
    }

    /// A crate for JavaScript: its wasm, and the bindings that the package around it takes up.
    fn module(&self, name: &str, profile: &str) -> Result<()> {
        let manifest = self.root.join("crates").join(name).join("Cargo.toml");
        let module = self.toolchain.build(&Module {
            manifest: &manifest,
            profile,
            stack: None,
            mute: true,
            plain: false,
        })?;
        let bindings = self.bindings.join(name);
        let file = format!("lezai_{name}");
        let outputs = [".js", ".d.ts", "_bg.wasm"].map(|end| bindings.join(format!("{file}{end}")));
        let paths = outputs.each_ref().map(AsRef::as_ref);
        self.stamps.step(&format!("module-{name}"), &[&module], &paths, || {
            remove_folder(&bindings)?;
            Bindgen::new()
                .input_path(&module)
                .web(true)?
                .typescript(true)
                .out_name(&file)
                .generate(&bindings)?;
            self.optimise(&outputs[2])?;
            self.done(&outputs[2])
        })
    }

    fn mini_module(&self) -> Result<()> {
        let manifest = self.root.join("crates/mini/Cargo.toml");
        let module = self.toolchain.build(&Module {
            manifest: &manifest,
            profile: "page",
            stack: Some(mini::STACK),
            mute: true,
            plain: true,
        })?;
        let output = self.out.join("mini/lezai.wasm");
        let folder = self.out.join("mini");
        self.stamps.step("mini-module", &[&module], &[&output], || {
            remove_folder(&folder)?;
            fs::create_dir_all(&folder)
                .with_context(|| format!("cannot create {}", folder.display()))?;
            let (reach, lower) = (self.tool("wasm-metadce")?, self.tool("wasm-opt")?);
            mini::reduce(&reach, &lower, &module, &output)?;
            mini::check(&read(&output)?)?;
            self.done(&output)?;
            self.compress(&folder)
        })
    }

    /// The npm package for mini-programs, and the samples around it.
    fn mini_package(&self) -> Result<()> {
        self.tool("esbuild")?;
        let www = self.root.join("www");
        let inputs = ["mini", "checkout", "core"].map(|name| www.join(name));
        let module = self.out.join("mini/lezai.wasm.br");
        let vectors = self.root.join("tests/vectors/mini.json");
        self.stamps.step(
            "mini-package",
            &[&inputs[0], &inputs[1], &inputs[2], &module, &vectors],
            &["package", "samples"]
                .map(|name| self.out.join("mini").join(name))
                .each_ref()
                .map(AsRef::as_ref),
            || {
                run(Command::new("npm")
                    .args(["run", "--silent", "build", "-w", "mini"])
                    .current_dir(&www))
            },
        )
    }

    fn optimise(&self, module: &Path) -> Result<()> {
        let tool = self.tool("wasm-opt")?;
        run(Command::new(tool).arg("-O3").args(WASM_FEATURES).arg(module).arg("-o").arg(module))
    }

    fn pages(&self) -> Result<()> {
        self.tool("esbuild")?;
        let www = self.root.join("www");
        let outputs = ["checkout", "shop"].map(|name| self.out.join(name));
        let core = self.bindings.join("web");
        // The module that signs in a page without WebCrypto.
        let mini = self.out.join("mini/lezai.wasm");
        self.stamps.step("pages", &[&www, &core, &mini], &[&outputs[0], &outputs[1]], || {
            // File names carry hashes, so those of the last build would stay for ever.
            outputs.iter().try_for_each(|folder| remove_folder(folder))?;
            run(Command::new("npm").args(["run", "--silent", "build"]).current_dir(&www))?;
            outputs.iter().try_for_each(|folder| self.compress(folder))
        })
    }

    /// `@lezai/server`, in its `dist`.
    fn server_package(&self) -> Result<()> {
        let www = self.root.join("www");
        let inputs =
            [www.join("server"), self.bindings.join("server"), www.join("declarations.mjs")];
        self.stamps.step(
            "server-package",
            &inputs.each_ref().map(AsRef::as_ref),
            &[&www.join("server/dist/index.js")],
            || {
                run(Command::new("npm")
                    .args(["run", "--silent", "build", "-w", "server"])
                    .current_dir(&www))
            },
        )
    }

    /// Puts a `.br` beside every file of a folder, so that the gateway never compresses.
    fn compress(&self, folder: &Path) -> Result<()> {
        run(Command::new("node").arg(self.root.join("www/compress.mjs")).arg(folder))
    }

    /// The path of a command that an npm package brought.
    fn tool(&self, name: &str) -> Result<PathBuf> {
        let path = self.root.join("www/node_modules/.bin").join(name);
        ensure!(path.exists(), "{name} is not installed: run scripts/setup npm");
        Ok(path)
    }

    fn done(&self, path: &Path) -> Result<()> {
        let bytes =
            fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?.len();
        println!(
            "artifacts: {} ({bytes} bytes)",
            path.strip_prefix(self.root).unwrap_or(path).display()
        );
        Ok(())
    }
}

fn remove_folder(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))
}
