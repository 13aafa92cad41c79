//! Keeps steps up to date: one runs again when the bytes it reads, or this program, have changed.
//!
//! Contents are compared, not times: a checkout that touches every file costs nothing, and an
//! output that comes out the same is left as it is, so that what embeds it is not rebuilt.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

/// Remembers under which inputs each step last succeeded.
pub(crate) struct Stamps {
    folder: PathBuf,
    program: Sha256,
}

impl Stamps {
    /// Keeps its notes in `folder`.
    pub(crate) fn open(folder: PathBuf) -> Result<Self> {
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let mut program = Sha256::new();
        program.update(read(&std::env::current_exe().context("cannot find this program's file")?)?);
        Ok(Self { folder, program })
    }

    /// Runs `step` unless it succeeded before with the same `inputs` (files, or folders with all
    /// that is in them) and `outputs` are all there.
    pub(crate) fn step(
        &self,
        name: &str,
        inputs: &[&Path],
        outputs: &[&Path],
        step: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let digest = self.digest(inputs)?;
        let stamp = self.folder.join(name);
        let known = fs::read_to_string(&stamp).unwrap_or_default();
        if known == digest && outputs.iter().all(|output| output.exists()) {
            return Ok(());
        }
        step().with_context(|| format!("{name} failed"))?;
        write(&stamp, digest.as_bytes())
    }

    fn digest(&self, inputs: &[&Path]) -> Result<String> {
        let mut hasher = self.program.clone();
        for input in inputs {
            for file in files(input)? {
                let bytes = read(&file)?;
                hasher.update(file.as_os_str().as_encoded_bytes());
                hasher.update([0]);
                hasher.update((bytes.len() as u64).to_le_bytes());
                hasher.update(bytes);
            }
        }
        Ok(hasher.finalize().iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        }))
    }
}

/// Every file at or below `path`, sorted; without what tools make (`node_modules`, `target`,
/// `dist`) and what is hidden.
pub(crate) fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let made = ["node_modules", "target", "dist"];
    let mut found = Vec::new();
    for entry in fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        let skip = name.to_str().is_none_or(|name| name.starts_with('.') || made.contains(&name));
        if !skip {
            found.extend(files(&entry.path())?);
        }
    }
    found.sort();
    Ok(found)
}

/// Reads a file, and names it if that fails.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Writes a file and the folders above it, unless it holds these bytes already.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let folder = path.parent().context("a file lies in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
