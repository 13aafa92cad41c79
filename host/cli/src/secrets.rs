//! The root keys that secrets and personal data are sealed under. They lie in a file of their own, away from the data
//! folder: one a line, the current one first.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use lezai_seal::{Roots, SealError, is_sealed};

use crate::data_dir;

/// The variable that names the file; it is that of the setting `secrets.root_key_file`.
pub const VARIABLE: &str = "LEZAI_SECRETS_ROOT_KEY_FILE";
/// The context that the gateway's signing keys are sealed for, by whatever name they go: one becomes the other.
const SIGNING_KEY: &str = "signing-key";

/// The file of root keys, for a command that reads what is sealed.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct RootArgs {
    /// The file of root keys, if the gateway's keys are sealed.
    #[arg(long, env = VARIABLE, hide_env_values = true, value_name = "FILE")]
    pub root_key_file: Option<PathBuf>,
}

impl RootArgs {
    /// Reads it, if it is named.
    ///
    /// # Errors
    ///
    /// The error, in words.
    pub fn roots(&self) -> Result<Option<Roots>, String> {
        self.root_key_file.as_deref().map(roots).transpose()
    }
}

/// The root keys in a file.
///
/// # Errors
///
/// The error, in words.
pub fn roots(file: &Path) -> Result<Roots, String> {
    let mode = fs::metadata(file).map_or(0, |it| it.permissions().mode() & 0o777);
    if mode & 0o077 != 0 {
        return Err(format!("{} can be read by others (mode {mode:03o})", file.display()));
    }
    let text = data_dir::read(file, 64 * 1024)?;
    let text = String::from_utf8(text).map_err(|_| format!("{} must be text", file.display()))?;
    Roots::parse(&text).map_err(|error| format!("{}: {error}", file.display()))
}

/// A signing key's PEM as it is written: sealed, if there are root keys.
///
/// # Errors
///
/// The error, in words.
pub fn sealed_key(pem: String, roots: Option<&Roots>) -> Result<String, String> {
    match roots {
        Some(roots) => roots.seal(SIGNING_KEY, pem.as_bytes()).map_err(|error| error.to_string()),
        None => Ok(pem),
    }
}

/// A signing key's PEM from what was read.
///
/// # Errors
///
/// The error, in words.
pub fn opened_key(text: &str, roots: Option<&Roots>) -> Result<String, String> {
    if !is_sealed(text) {
        return Ok(text.to_owned());
    }
    let roots = roots.ok_or_else(|| format!("it is sealed: name the root key with {VARIABLE}"))?;
    let pem = roots.open(SIGNING_KEY, text).map_err(|error| error.to_string())?;
    String::from_utf8(pem).map_err(|error| error.to_string())
}

/// A signing key's text as it should be now; none if it is so already.
///
/// # Errors
///
/// [`SealError`].
pub fn renewed_key(text: &str, roots: &Roots) -> Result<Option<String>, SealError> {
    match is_sealed(text) {
        true => roots.rewrap(SIGNING_KEY, text),
        false => roots.seal(SIGNING_KEY, text.as_bytes()).map(Some),
    }
}
