//! The gateway's folder on the command line, and files that are named there: where they are looked for, how
//! much of them is read, and what to do when they are not there.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::ops::Deref;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The name of `lezai dev`'s folder.
pub const NAME: &str = ".lezai";
/// The variable that names the folder.
pub const VARIABLE: &str = "LEZAI_DATA_DIR";
/// A key or a secret has some hundred bytes.
const TEXT_MAX: u64 = 64 * 1024;
/// The advice where a file of the folder is missing.
const HINT: &str =
    "run this where `lezai dev` was started, or name its folder with --data-dir or LEZAI_DATA_DIR";

/// The gateway's folder, for a command that reads it.
#[derive(Clone, Debug, clap::Args)]
pub struct DataDir {
    /// The gateway's folder [default: .lezai here, or in the nearest folder above].
    #[arg(
        long,
        alias = "data",
        env = VARIABLE,
        hide_env_values = true,
        hide_default_value = true,
        default_value_os_t = nearest(),
        value_name = "DIR"
    )]
    data_dir: PathBuf,
}

impl Deref for DataDir {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.data_dir
    }
}

impl From<PathBuf> for DataDir {
    fn from(data_dir: PathBuf) -> Self {
        Self { data_dir }
    }
}

/// The folder that is meant where none is named: `.lezai` here or, as git does with `.git`, in the nearest
/// folder above that has one.
pub fn nearest() -> PathBuf {
    let here = PathBuf::from(NAME);
    if here.is_dir() {
        return here;
    }
    let found = env::current_dir().ok().and_then(|current| above(&current));
    found.unwrap_or(here)
}

/// A folder above counts only if it belongs to the owner of this one: where many may write, as in `/tmp`,
/// another user's folder would have us sign with that user's keys and believe that user's gateway.
fn above(current: &Path) -> Option<PathBuf> {
    let owner = |folder: &Path| fs::metadata(folder).ok().map(|it| it.uid());
    let folders = current.ancestors().skip(1).map(|it| it.join(NAME));
    let mut found = folders.filter(|it| it.is_dir());
    found.next().filter(|it| owner(it) == owner(current))
}

/// A text in the gateway's folder, such as a key, without white space around it.
///
/// # Errors
///
/// The error, and what to do, in words.
pub fn text(file: &Path) -> Result<String, String> {
    let bytes = bounded(file, TEXT_MAX, HINT)?;
    let text = String::from_utf8(bytes);
    let text = text.map_err(|_| format!("{} must be text", file.display()))?;
    Ok(text.trim().to_owned())
}

/// A file that was named on the command line, if it has at most `max` bytes: it may be a device without an
/// end, or the wrong file.
///
/// # Errors
///
/// The error, in words.
pub fn read(file: &Path, max: u64) -> Result<Vec<u8>, String> {
    bounded(file, max, "check the path")
}

/// The message about something in the gateway's folder that cannot be read.
pub fn unreadable(file: &Path, error: impl std::fmt::Display) -> String {
    if file.exists() {
        format!("{}: {error}", file.display())
    } else {
        format!("{} is not there: {HINT}", file.display())
    }
}

fn bounded(file: &Path, max: u64, hint: &str) -> Result<Vec<u8>, String> {
    let named = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => format!("{} is not there: {hint}", file.display()),
        _ => format!("{}: {error}", file.display()),
    };
    let mut bytes = Vec::new();
    let opened = File::open(file).map_err(named)?;
    opened.take(max.saturating_add(1)).read_to_end(&mut bytes).map_err(named)?;
    match u64::try_from(bytes.len()) {
        Ok(length) if length <= max => Ok(bytes),
        _ => Err(format!("{} is too large: it may have {max} bytes", file.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_folder_above_is_found() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("a/b");
        fs::create_dir_all(&deep).unwrap();
        assert!(above(&deep).is_none_or(|it| !it.starts_with(root.path())));
        fs::create_dir(root.path().join(NAME)).unwrap();
        assert_eq!(above(&deep), Some(root.path().join(NAME)));
        fs::create_dir(root.path().join("a").join(NAME)).unwrap();
        assert_eq!(above(&deep), Some(root.path().join("a").join(NAME)));
        // A file of that name is no folder.
        let deeper = deep.join("c");
        fs::create_dir(&deeper).unwrap();
        fs::write(deep.join(NAME), "").unwrap();
        assert_eq!(above(&deeper), Some(root.path().join("a").join(NAME)));
    }

    #[test]
    fn what_is_missing_or_has_no_end_is_told_with_a_way_out() {
        let root = tempfile::tempdir().unwrap();
        let missing = root.path().join("demo-merchant.pem");
        let error = text(&missing).unwrap_err();
        assert!(
            error.contains("demo-merchant.pem is not there") && error.contains("--data-dir"),
            "{error}"
        );
        assert_eq!(unreadable(&missing, "unable to open"), error);
        assert!(read(&missing, 1).unwrap_err().ends_with("is not there: check the path"));
        assert!(text(Path::new("/dev/zero")).unwrap_err().contains("too large"));
        let file = root.path().join("file");
        fs::write(&file, "12345\n").unwrap();
        assert_eq!(read(&file, 6).unwrap(), b"12345\n");
        assert!(read(&file, 5).is_err());
        assert_eq!(text(&file).unwrap(), "12345");
    }
}
