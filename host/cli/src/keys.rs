//! `lezai key`: changes the key that the gateway signs with, without a moment at which what it says
//! cannot be verified.
//!
//! There are up to three of them in the folder. `gateway.pem` signs. `gateway-next.pem` signs nothing
//! yet, and is published, so that merchants can learn it in time. `gateway-former.pem` goes on to sign
//! for the pages that pinned it, until their sessions are over. What changes here holds once `lezai serve` is
//! told to reload (SIGHUP), or from the gateway's next start.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lezai_core::key::{SigningKey, VerifyingKey};
use lezai_gateway::keys::KeySet;
use lezai_seal::Roots;

use crate::data_dir::DataDir;
use crate::secrets::{self, RootArgs};
use lezai_base::entropy;

const CURRENT: &str = "gateway";
const NEXT: &str = "gateway-next";
const FORMER: &str = "gateway-former";
/// Names the next key that a running gateway has published.
const PUBLISHED: &str = "gateway-next-published";
/// An order lives for a day at most, and its session for one more.
const PINNED: Duration = Duration::from_secs(2 * 86_400);

/// Commands on keys.
#[derive(Debug, clap::Subcommand)]
pub enum KeyCommand {
    /// Name the keys that there are.
    List(KeyArgs),
    /// Make the key that will come next, and publish it.
    Prepare(KeyArgs),
    /// Let the next key sign from now on.
    Rotate(RotateArgs),
    /// Forget the former key, two days after it was replaced.
    Retire(RetireArgs),
}

/// Whose keys.
#[derive(Debug, clap::Args)]
pub struct KeyArgs {
    #[command(flatten)]
    data: DataDir,
    #[command(flatten)]
    root: RootArgs,
}

/// Whose next key.
#[derive(Debug, clap::Args)]
pub struct RotateArgs {
    #[command(flatten)]
    keys: KeyArgs,
    /// Though no gateway has published it, and merchants will not believe it until they learn it: for a
    /// key that was stolen.
    #[arg(long)]
    now: bool,
}

/// Whose former key.
#[derive(Debug, clap::Args)]
pub struct RetireArgs {
    #[command(flatten)]
    keys: KeyArgs,
    /// Though pages may still pin it, which will then believe the gateway no more: for a key that was stolen.
    #[arg(long)]
    now: bool,
}

/// Does it, and says what there is then. The exit code is 2 if it could not be done.
pub fn run(command: &KeyCommand) -> ExitCode {
    let of = match command {
        KeyCommand::List(args) | KeyCommand::Prepare(args) => args,
        KeyCommand::Rotate(args) => &args.keys,
        KeyCommand::Retire(args) => &args.keys,
    };
    let listed = of.root.roots().and_then(|roots| {
        let roots = roots.as_ref();
        match command {
            KeyCommand::List(_) => {}
            KeyCommand::Prepare(_) => prepare(&of.data, roots)?,
            KeyCommand::Rotate(args) => rotate(&of.data, roots, args.now)?,
            KeyCommand::Retire(args) => retire(&of.data, args.now)?,
        }
        Keys::of(&of.data, roots)
    });
    match listed {
        Ok(Keys { current, next, former }) => {
            for (what, key) in [("signs", Some(current)), ("next", next), ("former", former)] {
                if let Some(key) = key {
                    say!("{what:<8} {}", key.verifying_key().thumbprint());
                }
            }
            if !matches!(command, KeyCommand::List(_)) {
                say!("holds once the gateway reloads (systemctl reload lezai) or starts anew");
            }
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("lezai: {why}");
            ExitCode::from(2)
        }
    }
}

/// The keys in a folder.
pub struct Keys {
    /// Signs.
    pub current: SigningKey,
    /// Will sign.
    pub next: Option<SigningKey>,
    /// Signed before.
    pub former: Option<SigningKey>,
}

impl Keys {
    /// The keys as a running gateway has them.
    pub fn in_use(self) -> KeySet {
        KeySet {
            current: Arc::new(self.current.into()),
            former: self.former.map(|it| Arc::new(it.into())),
            next: self.next.map(|it| it.verifying_key()),
        }
    }

    /// Reads them.
    ///
    /// # Errors
    ///
    /// The file that is missing or damaged, in words.
    pub fn of(data: &Path, roots: Option<&Roots>) -> Result<Self, String> {
        let current = key(data, CURRENT, roots)?;
        let current = current.ok_or_else(|| {
            format!("{} is not there: start the gateway once", file(data, CURRENT).display())
        })?;
        let same = |it: &SigningKey| it.verifying_key() == current.verifying_key();
        // In the midst of a rotation that was cut off, the current key has a copy.
        let other = |name| Ok::<_, String>(key(data, name, roots)?.filter(|it| !same(it)));
        Ok(Self { next: other(NEXT)?, former: other(FORMER)?, current })
    }
}

fn prepare(data: &Path, roots: Option<&Roots>) -> Result<(), String> {
    let keys = Keys::of(data, roots)?;
    if keys.next.is_some() {
        return Err("there is a next key already: lezai key rotate lets it sign".to_owned());
    }
    let key = SigningKey::from_entropy(&entropy::bytes()).map_err(|error| error.to_string())?;
    let public = key.verifying_key().to_spki_pem().map_err(|error| error.to_string())?;
    let private = key.to_pkcs8_pem().map_err(|error| error.to_string())?;
    write(&public_file(data, NEXT), &public, 0o644)?;
    write(&file(data, NEXT), &secrets::sealed_key(private, roots)?, 0o600)
}

/// Notes that a running gateway has published the next key: only then may it sign.
///
/// # Errors
///
/// The system's, in words.
pub fn note_published(data: &Path, next: &VerifyingKey) -> Result<(), String> {
    if is_published(data, next) {
        return Ok(());
    }
    write(&data.join(PUBLISHED), &next.thumbprint(), 0o644)
}

fn is_published(data: &Path, next: &VerifyingKey) -> bool {
    fs::read_to_string(data.join(PUBLISHED)).is_ok_and(|it| it.trim() == next.thumbprint())
}

/// Each step leaves a folder that the gateway can start on: the current key is copied before another
/// takes its place, and its place is taken in one.
fn rotate(data: &Path, roots: Option<&Roots>, now: bool) -> Result<(), String> {
    let keys = Keys::of(data, roots)?;
    if keys.former.is_some() {
        return Err("the former key is still there: lezai key retire forgets it".to_owned());
    }
    let Some(next) = keys.next else {
        return Err("there is no next key: lezai key prepare makes one, and merchants need time to learn it".to_owned());
    };
    if !now && !is_published(data, &next.verifying_key()) {
        return Err("the next key must be published before it signs: start the gateway anew or reload it, and give merchants time to learn the key; --now rotates all the same".to_owned());
    }
    let former = fs::read_to_string(file(data, CURRENT)).map_err(|error| error.to_string())?;
    write(&file(data, FORMER), &former, 0o600)?;
    let renamed = fs::rename(file(data, NEXT), file(data, CURRENT));
    renamed.map_err(|error| error.to_string())?;
    let public = next.verifying_key().to_spki_pem().map_err(|error| error.to_string())?;
    write(&public_file(data, CURRENT), &public, 0o644)?;
    remove(&public_file(data, NEXT))?;
    remove(&data.join(PUBLISHED))
}

/// Seals the keys' files under the current root key, where they are not yet.
///
/// # Errors
///
/// The error, in words.
pub fn reseal(data: &Path, roots: &Roots) -> Result<(), String> {
    for name in [CURRENT, NEXT, FORMER] {
        let file = file(data, name);
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(format!("{}: {error}", file.display())),
        };
        let age = fs::metadata(&file).and_then(|it| it.modified());
        let renewed = secrets::renewed_key(text.trim(), roots);
        let renewed = renewed.map_err(|error| format!("{}: {error}", file.display()))?;
        if let Some(text) = renewed {
            write(&file, &text, 0o600)?;
            // Its age is that of the key: by it the former one is kept and the current one is old.
            let opened = OpenOptions::new().write(true).open(&file);
            let kept = age.and_then(|at| opened?.set_modified(at));
            kept.map_err(|error| format!("{}: {error}", file.display()))?;
        }
    }
    Ok(())
}

fn retire(data: &Path, now: bool) -> Result<(), String> {
    let former = file(data, FORMER);
    let replaced = fs::metadata(&former).and_then(|it| it.modified());
    let replaced = replaced.map_err(|_| "there is no former key".to_owned())?;
    let age = SystemTime::now().duration_since(replaced).unwrap_or_default();
    if age < PINNED && !now {
        let hours = (PINNED - age).as_secs().div_ceil(3600);
        return Err(format!(
            "pages may pin the former key for {hours} h more; --now forgets it all the same"
        ));
    }
    remove(&former)
}

fn key(data: &Path, name: &str, roots: Option<&Roots>) -> Result<Option<SigningKey>, String> {
    let file = file(data, name);
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("{}: {error}", file.display())),
    };
    let pem = secrets::opened_key(text.trim(), roots);
    let pem = pem.map_err(|why| format!("{}: {why}", file.display()))?;
    let key = SigningKey::from_pkcs8_pem(pem.trim());
    key.map(Some).map_err(|error| format!("{}: {error}", file.display()))
}

fn file(data: &Path, name: &str) -> PathBuf {
    data.join(format!("{name}.pem"))
}

fn public_file(data: &Path, name: &str) -> PathBuf {
    data.join(format!("{name}-public.pem"))
}

/// Whole or not at all.
fn write(file: &Path, text: &str, mode: u32) -> Result<(), String> {
    let part = file.with_extension("pem.part");
    let write = || {
        let mut made = OpenOptions::new();
        let mut made = made.write(true).create(true).truncate(true).mode(mode).open(&part)?;
        made.write_all(text.trim_end().as_bytes())?;
        made.write_all(b"\n")?;
        made.sync_all()?;
        fs::rename(&part, file)?;
        File::open(file.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(|error: io::Error| format!("{}: {error}", file.display()))
}

fn remove(file: &Path) -> Result<(), String> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(format!("{}: {error}", file.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(data: &Path) -> [Option<String>; 3] {
        let Keys { current, next, former } = Keys::of(data, None).unwrap();
        [Some(current), next, former].map(|it| it.map(|it| it.verifying_key().thumbprint()))
    }

    /// As a gateway does that starts with it.
    fn publish(data: &Path) {
        let next = Keys::of(data, None).unwrap().next.unwrap();
        note_published(data, &next.verifying_key()).unwrap();
    }

    #[test]
    fn a_key_comes_signs_and_goes() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        assert!(prepare(data, None).unwrap_err().contains("start the gateway once"));
        let first = SigningKey::from_entropy(&entropy::bytes()).unwrap();
        write(&file(data, CURRENT), &first.to_pkcs8_pem().unwrap(), 0o600).unwrap();
        assert!(rotate(data, None, false).unwrap_err().contains("lezai key prepare"));
        prepare(data, None).unwrap();
        assert!(prepare(data, None).is_err(), "one at a time");
        let [old, new, _] = names(data);
        assert!(rotate(data, None, false).unwrap_err().contains("start the gateway anew"));
        // That another key was published says nothing of this one.
        note_published(data, &first.verifying_key()).unwrap();
        assert!(rotate(data, None, false).unwrap_err().contains("start the gateway anew"));
        assert_eq!(names(data), [old.clone(), new.clone(), None]);
        publish(data);
        rotate(data, None, false).unwrap();
        assert!(!data.join(PUBLISHED).exists());
        assert_eq!(names(data), [new.clone(), None, old.clone()]);
        let public = fs::read_to_string(public_file(data, CURRENT)).unwrap();
        let public = lezai_core::key::VerifyingKey::from_spki_pem(public.trim()).unwrap();
        assert_eq!(Some(public.thumbprint()), new);
        assert!(!public_file(data, NEXT).exists());
        prepare(data, None).unwrap();
        publish(data);
        assert!(
            rotate(data, None, false).unwrap_err().contains("lezai key retire"),
            "two keys at most sign"
        );
        assert!(retire(data, false).unwrap_err().contains("48 h"));
        let long_ago = SystemTime::now() - PINNED;
        File::options()
            .write(true)
            .open(file(data, FORMER))
            .unwrap()
            .set_modified(long_ago)
            .unwrap();
        retire(data, false).unwrap();
        assert!(names(data)[2].is_none());
        assert!(retire(data, true).is_err());
    }

    #[test]
    fn a_stolen_key_is_replaced_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        let first = SigningKey::from_entropy(&entropy::bytes()).unwrap();
        write(&file(data, CURRENT), &first.to_pkcs8_pem().unwrap(), 0o600).unwrap();
        prepare(data, None).unwrap();
        let [old, new, _] = names(data);
        rotate(data, None, true).unwrap();
        assert_eq!(names(data), [new, None, old]);
    }

    #[test]
    fn a_rotation_that_was_cut_off_can_be_done_again() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        let first = SigningKey::from_entropy(&entropy::bytes()).unwrap();
        write(&file(data, CURRENT), &first.to_pkcs8_pem().unwrap(), 0o600).unwrap();
        prepare(data, None).unwrap();
        let [old, new, _] = names(data);
        fs::copy(file(data, CURRENT), file(data, FORMER)).unwrap();
        assert_eq!(names(data), [old.clone(), new.clone(), None]);
        publish(data);
        rotate(data, None, false).unwrap();
        assert_eq!(names(data), [new, None, old]);
    }
}
