//! The data folder: secrets that are made once and read ever after, and one gateway at a time.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use lezai_core::key::SigningKey;
use lezai_core::webhook::Secret;

use super::CannotStart;
use crate::entropy;

/// Nobody else on the machine may read what lies there.
const FOLDER_MODE: u32 = 0o700;
const SECRET_MODE: u32 = 0o600;
const PUBLIC_MODE: u32 = 0o644;

/// A folder that is ours as long as this lives.
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Opens the folder, and makes it and its keys where they are missing.
    pub(super) fn open(path: &Path) -> Result<Self, CannotStart> {
        let unwritable = |error| {
            CannotStart::new(format_args!(
                "cannot write to {} (--data-dir): {error}",
                path.display()
            ))
        };
        fs::DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path).map_err(unwritable)?;
        let mut options = OpenOptions::new();
        let lock = options
            .write(true)
            .create(true)
            .truncate(false)
            .mode(SECRET_MODE)
            .open(path.join("lock"))
            .map_err(unwritable)?;
        if lock.try_lock().is_err() {
            let used = format_args!(
                "another gateway uses {}; stop it, or choose another folder with --data-dir",
                path.display()
            )
            .to_string();
            return Err(CannotStart::new(used));
        }
        let folder = Self { path: path.to_owned(), _lock: lock };
        for name in ["gateway", "demo-merchant", "demo-plugins"] {
            folder.make(&format!("{name}.pem"), SECRET_MODE, || {
                let key = SigningKey::from_entropy(&entropy::bytes()).map_err(CannotStart::new)?;
                key.to_pkcs8_pem().map_err(CannotStart::new)
            })?;
            let public =
                folder.key(name)?.verifying_key().to_spki_pem().map_err(CannotStart::new)?;
            let file = format!("{name}-public.pem");
            if fs::read_to_string(path.join(&file)).is_ok_and(|known| known.trim() != public.trim())
            {
                // The private key was moved away and made anew.
                fs::remove_file(path.join(&file)).map_err(unwritable)?;
            }
            folder.make(&file, PUBLIC_MODE, || Ok(public))?;
        }
        // SQLite would make them readable by all, should the folder be older than we are.
        for name in ["lezai.db", "sandbox.db", "shop.db"] {
            let mut options = OpenOptions::new();
            options
                .write(true)
                .create(true)
                .truncate(false)
                .mode(SECRET_MODE)
                .open(path.join(name))
                .map_err(unwritable)?;
        }
        folder.make("admin-token", SECRET_MODE, || {
            Ok(Base64UrlUnpadded::encode_string(&entropy::bytes::<32>()))
        })?;
        folder.make("demo-webhook-secret", SECRET_MODE, || {
            Ok(Secret::from_bytes(entropy::bytes::<32>().to_vec())
                .map_err(CannotStart::new)?
                .reveal())
        })?;
        // Said before anything starts that would complain of it in its own words.
        folder.webhook_secret()?;
        Ok(folder)
    }

    /// The secret that callbacks to the demo shop are signed with.
    pub(super) fn webhook_secret(&self) -> Result<Secret, CannotStart> {
        let file = "demo-webhook-secret";
        Secret::parse(&self.text(file)?).map_err(|error| self.damaged(file, error))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The private key in `NAME.pem`.
    pub(super) fn key(&self, name: &str) -> Result<SigningKey, CannotStart> {
        let file = format!("{name}.pem");
        SigningKey::from_pkcs8_pem(&self.text(&file)?).map_err(|error| self.damaged(&file, error))
    }

    /// A file's text, without white space around it.
    pub(super) fn text(&self, file: &str) -> Result<String, CannotStart> {
        let text =
            fs::read_to_string(self.path.join(file)).map_err(|error| self.damaged(file, error))?;
        let text = text.trim();
        if text.is_empty() { Err(self.damaged(file, "it is empty")) } else { Ok(text.to_owned()) }
    }

    /// What to say of a file that is not what it should be.
    pub(super) fn damaged(&self, file: &str, why: impl std::fmt::Display) -> CannotStart {
        let path = self.path.join(file);
        CannotStart::new(format_args!(
            "{} is damaged ({why}); restore it, or move it away to start anew",
            path.display()
        ))
    }

    /// Makes a file if it is not there: whole or not at all.
    fn make(
        &self,
        file: &str,
        mode: u32,
        content: impl FnOnce() -> Result<String, CannotStart>,
    ) -> Result<(), CannotStart> {
        let path = self.path.join(file);
        if path.exists() {
            return Ok(());
        }
        let part = self.path.join(format!("{file}.part"));
        let content = content()?;
        let write = || {
            let mut made = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(mode)
                .open(&part)?;
            made.write_all(content.trim_end().as_bytes())?;
            made.write_all(b"\n")?;
            made.sync_all()?;
            fs::rename(&part, &path)?;
            File::open(&self.path)?.sync_all()
        };
        write().map_err(|error| {
            CannotStart::new(format_args!("cannot write {} (--data-dir): {error}", path.display()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_keeps_its_secrets_and_is_used_once_at_a_time() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        let first = Folder::open(&path).unwrap();
        let key = first.key("gateway").unwrap().verifying_key();
        assert!(Folder::open(&path).is_err());
        drop(first);
        let again = Folder::open(&path).unwrap();
        assert_eq!(again.key("gateway").unwrap().verifying_key(), key);
        drop(again);
        fs::remove_file(path.join("gateway.pem")).unwrap();
        let anew = Folder::open(&path).unwrap().key("gateway").unwrap().verifying_key();
        let public = fs::read_to_string(path.join("gateway-public.pem")).unwrap();
        assert!(anew != key && public.trim() == anew.to_spki_pem().unwrap().trim());
        fs::write(path.join("gateway.pem"), "-----BEGIN").unwrap();
        let error = Folder::open(&path).err().unwrap().to_string();
        assert!(error.contains("gateway.pem is damaged"), "{error}");
    }
}
