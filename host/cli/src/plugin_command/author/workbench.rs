//! The engine on an author's machine, and the way of a file into it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fs};

use lezai_engine::{Config, Engine, Limits, Plugin};

use super::encode::encode;
use super::{Failed, advice};
use crate::data_dir;
use lezai_assets as assets;
use lezai_base::entropy;

/// The first bytes of a core module; a component's differ in the last two.
const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// A module with its names and debugging information, before it is made a component, can be ten times what a
/// gateway takes, and its text more.
const FILE_MAX: u64 = 64 << 20;

/// An engine as a gateway has it, over a cache that goes with it.
pub(super) struct Workbench {
    pub(super) engine: Engine,
    pub(super) standard: Arc<Plugin>,
    folder: PathBuf,
}

impl Workbench {
    /// Sets one up; see [`Config::with_names`].
    pub(super) fn open(names: bool) -> Result<Self, Failed> {
        // A name that nobody guesses, and the engine makes the folder its user's alone: whoever
        // can write there can run code.
        let name = entropy::bytes::<16>().iter().map(|it| format!("{it:02x}")).collect::<String>();
        let folder = env::temp_dir().join(format!("lezai-plugin-{name}"));
        let config = Config::new(&folder);
        let engine = Engine::new(if names { config.with_names() } else { config });
        let engine = engine.map_err(|error| Failed::NotDone(error.to_string()))?;
        let standard = engine.load(assets::STANDARD_PLUGIN);
        let standard = standard.map_err(|refused| Failed::NotDone(refused.to_string()))?;
        Ok(Self { engine, standard, folder })
    }

    /// Takes a component as a gateway would.
    pub(super) fn load(&self, component: &[u8]) -> Result<Arc<Plugin>, Failed> {
        let limits = Limits::default();
        let refused = |it| Failed::Wanting(advice::refused(&it, &limits));
        self.engine.load(component).map_err(refused)
    }
}

impl Drop for Workbench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The component in a file. A core module is made one, text is assembled first.
pub(super) fn component(file: &Path) -> Result<Vec<u8>, Failed> {
    let bytes = read(file)?;
    let bytes = match wat::parse_bytes(&bytes) {
        Ok(bytes) => bytes.into_owned(),
        Err(error) => return Err(Failed::Wanting(format!("{}: {error}", file.display()))),
    };
    if bytes.starts_with(CORE_MODULE) { encode(&bytes) } else { Ok(bytes) }
}

/// A file's bytes.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, Failed> {
    data_dir::read(file, FILE_MAX).map_err(Failed::NotDone)
}
