//! Compiled code on disk, so that a gateway that starts again compiles nothing.
//!
//! A file's name is the digest of all that its code depends on: the component, wasmtime's version
//! and settings, the processor's features. Its first bytes are the digest of the code, so a file
//! that was cut or changed by accident is compiled again. Against malice there is only the
//! folder's owner: it is made for the gateway's user alone, as its database and keys are.

use std::fs::{self, DirBuilder, File};
use std::hash::{Hash, Hasher};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};
use wasmtime::component::Component;

use crate::StartError;
use crate::compile::Compiler;
use crate::plugin::Digest;
use crate::refused::Refused;

/// The format of the files, as their first bytes.
const MAGIC: &[u8; 16] = b"lezai-compiled-1";
/// The length of the header, which the code follows.
const HEADER: usize = MAGIC.len() + 32;
/// The longest file that is read: 1 MiB of wasm gives some 8 MiB of code.
const MAX_FILE: u64 = 32 * 1024 * 1024;
/// When the gateway starts, the files beyond this number that were written first are removed: more
/// than the plugins that stand ready, and their predecessors.
const MAX_FILES: usize = 32_768;

/// A folder of compiled code.
pub(crate) struct Cache {
    folder: PathBuf,
    /// The digest of all that the code depends on besides the component.
    environment: [u8; 32],
    files_begun: AtomicU64,
}

impl Cache {
    /// Makes the folder if need be, and tidies it up.
    pub(crate) fn open(folder: PathBuf, engine: &wasmtime::Engine) -> Result<Self, StartError> {
        let unusable = |error| StartError::Cache(folder.clone(), error);
        make_folder(&folder).map_err(unusable)?;
        ours_alone(&folder).map_err(unusable)?;
        tidy(&folder).map_err(unusable)?;
        let mut hasher = Sha256Hasher(Sha256::new_with_prefix(MAGIC));
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let environment = hasher.0.finalize().into();
        let cache = Self { folder: folder.clone(), environment, files_begun: AtomicU64::new(0) };
        // A folder that cannot be written should be told of now, and not when a plugin is loaded.
        let probe = cache
            .write(&folder.join("writable"), b"")
            .and_then(|()| fs::remove_file(folder.join("writable")));
        probe.map_err(unusable)?;
        Ok(cache)
    }

    /// The component's compiled code, if there is a sound file of it.
    pub(crate) fn find(&self, engine: &wasmtime::Engine, digest: &Digest) -> Option<Component> {
        let code = read(&self.path(digest)).ok()?;
        deserialize(engine, &code).ok()
    }

    /// The component, compiled; [`Cache::keep`] writes the file.
    ///
    /// # Errors
    ///
    /// The component is not valid, or was given up by the compiler.
    pub(crate) fn compile(
        &self,
        engine: &wasmtime::Engine,
        compiler: &dyn Compiler,
        component: &[u8],
    ) -> Result<(Component, Code), Refused> {
        let code = Code(compiler.compile(component)?);
        let compiled =
            deserialize(engine, &code).map_err(|error| Refused::Start(format!("{error:#}")))?;
        Ok((compiled, code))
    }

    /// Writes the file of a plugin that was taken. Code of one that was refused would be of no use
    /// and take the place of another's.
    pub(crate) fn keep(&self, digest: &Digest, code: &Code) {
        // Without the file the next start takes longer, and that is all.
        let _ = self.write(&self.path(digest), &code.to_file());
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        let mut hasher = Sha256::new_with_prefix(self.environment);
        hasher.update(digest.as_bytes());
        self.folder.join(format!("{}.bin", Digest::from_bytes(hasher.finalize().into()).to_hex()))
    }

    /// Writes a file whole or not at all, whatever happens meanwhile.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let begun = self.files_begun.fetch_add(1, Ordering::Relaxed);
        let unfinished = path.with_extension(format!("{}-{begun}.tmp", std::process::id()));
        let written = File::create(&unfinished)
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&unfinished, path));
        if written.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        written?;
        // The name, too, has to outlive a loss of power. Elsewhere folders cannot be opened.
        #[cfg(unix)]
        File::open(&self.folder)?.sync_all()?;
        Ok(())
    }
}

/// Native code that our compiler made, or that has the digest of code that it made.
pub(crate) struct Code(Vec<u8>);

impl Code {
    fn to_file(&self) -> Vec<u8> {
        [MAGIC, Sha256::digest(&self.0).as_slice(), &self.0].concat()
    }
}

/// The code in a file, if it is whole.
fn read(path: &Path) -> io::Result<Code> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE).read_to_end(&mut bytes)?;
    let Some((header, code)) = bytes.split_at_checked(HEADER) else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    if header != [MAGIC, Sha256::digest(code).as_slice()].concat() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(Code(bytes.split_off(HEADER)))
}

#[allow(unsafe_code, reason = "the only way to load compiled code; see below")]
fn deserialize(engine: &wasmtime::Engine, code: &Code) -> wasmtime::Result<Component> {
    // SAFETY: the bytes must be what wasmtime made, for they are run as native code. A `Code` came
    // from our `Compiler`, which is `compile` in this process or in a child that runs this very
    // program, or was read from a file in our own folder, that nobody else can write to, whose
    // digest is that of code that was written there by `Cache::write`. Nothing that comes from
    // outside this machine is ever a `Code`. That version, settings and processor fit is in the file's
    // name, and wasmtime checks it again.
    unsafe { Component::deserialize(engine, &code.0) }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// A folder that was there already is taken only if nobody else can put code into it: it must be our
/// user's, and others' rights are taken away.
fn ours_alone(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if fs::symlink_metadata(folder)?.is_symlink() {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is a link"));
        }
        // The system refuses this to whoever does not own the folder.
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Removes what a process left unfinished when it was killed, and what is too much.
fn tidy(folder: &Path) -> io::Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        match path.extension().and_then(|it| it.to_str()) {
            Some("tmp") => fs::remove_file(&path)?,
            Some("bin") => {
                let written = fs::metadata(&path)?.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                files.push((written, path));
            }
            _ => {}
        }
    }
    files.sort();
    let surplus = files.len().saturating_sub(MAX_FILES);
    files.iter().take(surplus).try_for_each(|(_, path)| fs::remove_file(path))
}

/// All that is hashed, as one SHA-256. A `Hasher`'s own 64 bits would be too few for a name.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}
