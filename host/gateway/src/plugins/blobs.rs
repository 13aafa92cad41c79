//! Components on disk, each under its SHA-256: written whole or not at all, and what is read is what
//! the name says.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use lezai_core::digest::sha256_hex;

const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// A folder of components.
#[derive(Debug)]
pub struct Blobs {
    folder: PathBuf,
    begun: AtomicU64,
}

impl Blobs {
    /// Opens the store of a data folder, and makes it if need be. What a process left unfinished
    /// when it was killed is removed.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn open(data: &Path) -> io::Result<Self> {
        let folder = data.join("plugins/sha256");
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&folder)?;
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|it| it == "tmp") {
                fs::remove_file(path)?;
            }
        }
        Ok(Self { folder, begun: AtomicU64::new(0) })
    }

    /// Keeps a component, and gives its digest. Once this returns it outlives a loss of power.
    ///
    /// # Errors
    ///
    /// The system's; then nothing is there that was not before.
    pub fn put(&self, component: &[u8]) -> io::Result<String> {
        let digest = sha256_hex(component);
        if self.get(&digest).is_ok() {
            return Ok(digest);
        }
        let begun = self.begun.fetch_add(1, Ordering::Relaxed);
        let unfinished = self.folder.join(format!("{digest}-{}-{begun}.tmp", std::process::id()));
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(&unfinished)
            .and_then(|mut file| file.write_all(component).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&unfinished, self.folder.join(&digest)));
        if written.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        written?;
        // The name, too.
        File::open(&self.folder)?.sync_all()?;
        Ok(digest)
    }

    /// The component with this digest.
    ///
    /// # Errors
    ///
    /// The system's, and `InvalidData` if the file is not what its name says.
    pub fn get(&self, digest: &str) -> io::Result<Vec<u8>> {
        let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if digest.len() != 64 || !digest.bytes().all(is_hex) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no digest"));
        }
        let bytes = fs::read(self.folder.join(digest))?;
        if sha256_hex(&bytes) == digest {
            Ok(bytes)
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidData, "the file is not what its name says"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_put_is_what_is_got_or_nothing() {
        let data = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(data.path()).unwrap();
        let digest = blobs.put(b"one").unwrap();
        assert_eq!(digest, sha256_hex(b"one"));
        assert_eq!(blobs.get(&digest).unwrap(), b"one");
        assert_eq!(blobs.put(b"one").unwrap(), digest);
        let file = data.path().join("plugins/sha256").join(&digest);
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));

        // Damaged on disk, it is not given out, and putting it again mends it.
        fs::write(&file, b"two").unwrap();
        assert_eq!(blobs.get(&digest).unwrap_err().kind(), io::ErrorKind::InvalidData);
        blobs.put(b"one").unwrap();
        assert_eq!(blobs.get(&digest).unwrap(), b"one");

        for name in ["", "../../lezai.db", &digest[1..], &digest.to_uppercase()] {
            assert!(blobs.get(name).is_err(), "{name}");
        }
        // A file that a killed process left.
        let left = data.path().join("plugins/sha256/half.tmp");
        fs::write(&left, b"half").unwrap();
        drop(Blobs::open(data.path()).unwrap());
        assert!(!left.exists() && file.exists());
    }
}
