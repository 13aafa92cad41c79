//! The data folder: secrets that are made once and read ever after, and one gateway at a time.
//!
//! A missing file is made only where nothing was before. A folder that was used and lacks its store
//! or its key lost them, and nobody is told so by a gateway that starts as new.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use lezai_core::key::SigningKey;
use lezai_core::webhook::Secret;
use lezai_seal::Roots;

use crate::cannot_start::CannotStart;
use crate::secrets;
use lezai_base::entropy;
use lezai_store::StoreError;
use lezai_store_sqlite::is_blank;

/// Nobody else on the machine may read what lies there.
const FOLDER_MODE: u32 = 0o700;
const SECRET_MODE: u32 = 0o600;
const PUBLIC_MODE: u32 = 0o644;
/// The mode bits of readers and writers besides the owner.
const OTHERS: u32 = 0o077;
/// Shorter ones can be guessed; ours has 43 characters.
const TOKEN_MIN: usize = 32;
const STORE: &str = "lezai.db";
const WEBHOOK_SECRET: &str = "demo-webhook-secret";
/// The text of the lock's file once a gateway has made all that it needs.
const USED: &str = "in use\n";

/// Where the store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// In the folder.
    Here,
    /// In a database.
    Elsewhere,
}

/// A folder that is ours as long as this lives.
pub(crate) struct Folder {
    path: PathBuf,
    /// Files that were made now.
    made: BTreeSet<String>,
    /// The root keys that the gateway's key is sealed under.
    roots: Option<Arc<Roots>>,
    /// A gateway ran here before.
    used: bool,
    lock: File,
}

impl Folder {
    /// Opens the folder of a gateway with a demo shop, and makes it and its keys where they are missing.
    pub(super) fn open(path: &Path) -> Result<Self, CannotStart> {
        let mut folder = Self::of_gateway(path, None, Kept::Here)?;
        for name in ["demo-merchant", "demo-plugins"] {
            folder.make_key(name)?;
        }
        for name in ["sandbox.db", "shop.db"] {
            folder.make_store_private(name)?;
        }
        folder.make(WEBHOOK_SECRET, SECRET_MODE, || {
            Ok(Secret::from_bytes(entropy::bytes::<32>().to_vec())
                .map_err(CannotStart::new)?
                .reveal())
        })?;
        // Said before anything starts that would complain of it in its own words.
        folder.webhook_secret()?;
        Ok(folder)
    }

    /// Opens the folder, and makes it and what a gateway needs where that is missing: its key and the
    /// operator's token.
    pub(crate) fn of_gateway(
        path: &Path,
        roots: Option<Arc<Roots>>,
        kept: Kept,
    ) -> Result<Self, CannotStart> {
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
        let used = fs::read(path.join("lock")).map_err(unwritable)? == USED.as_bytes();
        let mut folder = Self { path: path.to_owned(), made: BTreeSet::new(), roots, used, lock };
        folder.lost_nothing(kept)?;
        folder.secrets_are_ours_alone()?;
        folder.make_key("gateway")?;
        if kept == Kept::Here {
            folder.make_store_private(STORE)?;
        }
        folder.make("admin-token", SECRET_MODE, || {
            Ok(Base64UrlUnpadded::encode_string(&entropy::bytes::<32>()))
        })?;
        let token = folder.text("admin-token")?.len();
        if token < TOKEN_MIN {
            return Err(CannotStart::new(format_args!(
                "{} must have at least {TOKEN_MIN} characters and has {token}; remove it, and a new one is made",
                path.join("admin-token").display()
            )));
        }
        Ok(folder)
    }

    /// Makes a key with its public half, which is written anew if it is another key's.
    fn make_key(&mut self, name: &str) -> Result<(), CannotStart> {
        let roots = self.roots.clone();
        self.make(&format!("{name}.pem"), SECRET_MODE, || {
            let key = SigningKey::from_entropy(&entropy::bytes()).map_err(CannotStart::new)?;
            let pem = key.to_pkcs8_pem().map_err(CannotStart::new)?;
            secrets::sealed_key(pem, roots.as_deref()).map_err(CannotStart::new)
        })?;
        let public = self.key(name)?.verifying_key().to_spki_pem().map_err(CannotStart::new)?;
        let file = format!("{name}-public.pem");
        let path = self.path.join(&file);
        if fs::read_to_string(&path).is_ok_and(|known| known.trim() != public.trim()) {
            // The private key was moved away and made anew.
            fs::remove_file(&path).map_err(|error| {
                CannotStart::new(format_args!("cannot write to {}: {error}", path.display()))
            })?;
        }
        self.make(&file, PUBLIC_MODE, || Ok(public))
    }

    /// SQLite would make a store readable by all, should the folder be older than we are.
    fn make_store_private(&self, name: &str) -> Result<(), CannotStart> {
        self.make_private(name).map_err(|error| {
            let path = self.path.join(name);
            CannotStart::new(format_args!(
                "cannot write to {} (--data-dir): {error}",
                path.display()
            ))
        })
    }

    /// The secret that callbacks to the demo shop are signed with.
    pub(super) fn webhook_secret(&self) -> Result<Secret, CannotStart> {
        Secret::parse(&self.text(WEBHOOK_SECRET)?)
            .map_err(|error| self.damaged(WEBHOOK_SECRET, error))
    }

    /// Writes the secret that the merchant has, should it be another: the operator changed it.
    pub(super) fn keep_webhook_secret(&self, secret: &str) -> Result<(), CannotStart> {
        if self.text(WEBHOOK_SECRET)? == secret {
            return Ok(());
        }
        tracing::warn!(
            file = WEBHOOK_SECRET,
            "the merchant has another secret by now, which is written there"
        );
        self.write(WEBHOOK_SECRET, SECRET_MODE, secret)
    }

    /// A gateway ran here before.
    pub(super) fn is_used(&self) -> bool {
        self.used
    }

    /// Whether the file was made now.
    pub(super) fn is_made(&self, file: &str) -> bool {
        self.made.contains(file)
    }

    /// Notes that all is there that a gateway needs: what is missing from now on was lost.
    pub(crate) fn note_used(&mut self) -> io::Result<()> {
        if !self.used {
            self.lock.write_all(USED.as_bytes())?;
            self.lock.sync_all()?;
            self.used = true;
        }
        Ok(())
    }

    /// A store without its key, or a folder that was used without its store, is not as it was left.
    fn lost_nothing(&self, kept: Kept) -> Result<(), CannotStart> {
        let store = self.path.join(STORE);
        let blank = match is_blank(&store) {
            Ok(blank) => blank,
            Err(error) => return Err(CannotStart::new(error.explain(&store))),
        };
        if kept == Kept::Elsewhere && !blank {
            return Err(CannotStart::new(format_args!(
                "{} has orders of its own, which a database does not know of: choose another data_dir",
                store.display()
            )));
        }
        if self.used && blank && kept == Kept::Here {
            return Err(CannotStart::new(format_args!(
                "{} is empty, though this folder was used before; restore it (docs/operations.md, Backup), or start anew in another folder (--data-dir)",
                store.display()
            )));
        }
        let key = self.path.join("gateway.pem");
        if (self.used || !blank) && !key.exists() {
            return Err(CannotStart::new(format_args!(
                "{} is missing, though this folder was used before; restore it. If it is lost, make one (openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256), and give every merchant its public key",
                key.display()
            )));
        }
        Ok(())
    }

    /// A key that others can read is no secret any more; whether they did is for its owner to judge.
    fn secrets_are_ours_alone(&self) -> Result<(), CannotStart> {
        let keys = ["gateway", "gateway-next", "gateway-former", "demo-merchant", "demo-plugins"];
        let keys = keys.map(|name| format!("{name}.pem"));
        for file in keys.iter().map(String::as_str).chain(["admin-token", WEBHOOK_SECRET]) {
            let path = self.path.join(file);
            let Ok(metadata) = fs::metadata(&path) else { continue };
            let mode = metadata.permissions().mode() & 0o777;
            if mode & OTHERS != 0 {
                return Err(CannotStart::new(format_args!(
                    "{0} can be used by others (mode {mode:03o}); if none of them had it, run chmod 600 {0}",
                    path.display()
                )));
            }
        }
        Ok(())
    }

    /// Makes a store's file for its owner alone, or takes others' rights to it away.
    fn make_private(&self, file: &str) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(SECRET_MODE);
        let opened = options.open(self.path.join(file))?;
        let mode = opened.metadata()?.permissions().mode();
        if mode & OTHERS != 0 {
            tracing::warn!(
                file,
                mode = format_args!("{:03o}", mode & 0o777),
                "could be used by others"
            );
            opened.set_permissions(Permissions::from_mode(SECRET_MODE))?;
        }
        Ok(())
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The private key in `NAME.pem`.
    pub(crate) fn key(&self, name: &str) -> Result<SigningKey, CannotStart> {
        let file = format!("{name}.pem");
        let pem = secrets::opened_key(&self.text(&file)?, self.roots.as_deref());
        let pem = pem.map_err(|why| self.damaged(&file, why))?;
        SigningKey::from_pkcs8_pem(pem.trim()).map_err(|error| self.damaged(&file, error))
    }

    /// A file's text, without white space around it.
    pub(crate) fn text(&self, file: &str) -> Result<String, CannotStart> {
        let text =
            fs::read_to_string(self.path.join(file)).map_err(|error| self.damaged(file, error))?;
        let text = text.trim();
        if text.is_empty() { Err(self.damaged(file, "it is empty")) } else { Ok(text.to_owned()) }
    }

    /// The error about a file that is not as it should be.
    pub(crate) fn damaged(&self, file: &str, why: impl std::fmt::Display) -> CannotStart {
        let path = self.path.join(file);
        CannotStart::new(format_args!(
            "{} is damaged ({why}); restore it, or move it away to start anew",
            path.display()
        ))
    }

    /// The error about a database that cannot be used.
    pub(crate) fn unusable(&self, file: &str, error: &StoreError) -> CannotStart {
        CannotStart::new(error.explain(&self.path.join(file)))
    }

    /// Makes a file if it is not there: whole or not at all.
    fn make(
        &mut self,
        file: &str,
        mode: u32,
        content: impl FnOnce() -> Result<String, CannotStart>,
    ) -> Result<(), CannotStart> {
        if !self.path.join(file).exists() {
            self.write(file, mode, &content()?)?;
            self.made.insert(file.to_owned());
        }
        Ok(())
    }

    fn write(&self, file: &str, mode: u32, content: &str) -> Result<(), CannotStart> {
        let path = self.path.join(file);
        let part = self.path.join(format!("{file}.part"));
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
    use lezai_store_sqlite::SqliteStore;

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

    #[test]
    fn what_was_lost_is_not_made_anew() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        let says = |text: &str| {
            let error = Folder::open(&path).err().unwrap().to_string();
            assert!(error.contains(text) && error.contains("restore it"), "{error}");
        };
        // A start that was cut off made keys, and no store: that is no loss.
        drop(Folder::open(&path).unwrap());
        let mut folder = Folder::open(&path).unwrap();
        assert!(!folder.is_used());
        drop(SqliteStore::open(&path.join(STORE)).unwrap());
        folder.note_used().unwrap();
        drop(folder);
        assert!(Folder::open(&path).unwrap().is_used());

        let (key, store) = (path.join("gateway.pem"), path.join(STORE));
        let kept = fs::read(&key).unwrap();
        fs::remove_file(&key).unwrap();
        says("gateway.pem is missing");
        assert!(!key.exists());
        // The store alone is enough to tell, as after it was restored into a new folder.
        fs::remove_file(path.join("lock")).unwrap();
        says("gateway.pem is missing");
        fs::write(path.join("lock"), USED).unwrap();
        fs::write(&key, kept).unwrap();
        fs::set_permissions(&key, Permissions::from_mode(SECRET_MODE)).unwrap();
        drop(Folder::open(&path).unwrap());
        fs::write(&store, "").unwrap();
        says("lezai.db is empty");
        fs::remove_file(&store).unwrap();
        says("lezai.db is empty");
    }

    #[test]
    fn secrets_that_others_can_read_are_refused() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        drop(Folder::open(&path).unwrap());
        for file in ["gateway.pem", "demo-merchant.pem", "admin-token", WEBHOOK_SECRET] {
            for mode in [0o640, 0o604, 0o660] {
                fs::set_permissions(path.join(file), Permissions::from_mode(mode)).unwrap();
                let error = Folder::open(&path).err().unwrap().to_string();
                assert!(error.contains("chmod 600") && error.contains(file), "{error}");
            }
            fs::set_permissions(path.join(file), Permissions::from_mode(0o400)).unwrap();
            drop(Folder::open(&path).unwrap());
        }
        // A store is often copied by programs that know nothing of modes.
        let store = path.join(STORE);
        fs::set_permissions(&store, Permissions::from_mode(0o644)).unwrap();
        drop(Folder::open(&path).unwrap());
        assert_eq!(fs::metadata(&store).unwrap().permissions().mode() & 0o777, SECRET_MODE);
    }

    #[test]
    fn a_short_token_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        drop(Folder::open(&path).unwrap());
        for (token, refused) in [("x".repeat(31), true), ("x".repeat(32), false)] {
            fs::write(path.join("admin-token"), token).unwrap();
            let opened = Folder::open(&path);
            assert_eq!(opened.is_err(), refused);
            if let Err(error) = opened {
                assert!(error.to_string().contains("at least 32"), "{error}");
            }
        }
    }
}
