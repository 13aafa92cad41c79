//! `lezai secrets`: the root keys that secrets and personal data are sealed under. They lie in a file of their own,
//! away from the data folder: one a line, the current one first.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lezai_seal::{Roots, SealError, is_sealed, new_root};
use lezai_store_sqlite::{file as store_file, open_to_read, sealed_under};

use crate::data_dir::{self, DataDir};

/// The variable that names the file; it is that of the setting `secrets.root_key_file`.
pub const VARIABLE: &str = "LEZAI_SECRETS_ROOT_KEY_FILE";
/// The context that the gateway's signing keys are sealed for, by whatever name they go: one becomes the other.
const SIGNING_KEY: &str = "signing-key";

/// Commands on root keys.
#[derive(Debug, clap::Subcommand)]
pub enum SecretsCommand {
    /// Make a root key, in a new file or before those in it.
    NewRoot {
        /// The file.
        file: PathBuf,
    },
    /// Take the former root keys out of the file, once nothing is sealed under them.
    ForgetFormer {
        /// The file.
        file: PathBuf,
        /// The gateway's folder.
        #[command(flatten)]
        data: DataDir,
    },
}

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

/// Does it. The exit code is 2 if it could not be done.
pub fn run(command: &SecretsCommand) -> ExitCode {
    let done = match command {
        SecretsCommand::NewRoot { file } => add(file),
        SecretsCommand::ForgetFormer { file, data } => forget(file, data),
    };
    match done {
        Ok(told) => {
            say!("{told}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("lezai: {why}");
            ExitCode::from(2)
        }
    }
}

fn add(file: &Path) -> Result<String, String> {
    let before = match file.exists() {
        true => {
            roots(file)?;
            fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?
        }
        false => String::new(),
    };
    let new = new_root().map_err(|error| error.to_string())?;
    write(file, &format!("{new}\n{before}"))?;
    let current = roots(file)?.current().to_owned();
    Ok(match before.is_empty() {
        true => format!(
            "root key {current} in {0}\nSet secrets.root_key_file = \"{0}\" and start the gateway anew. Keep a copy of this file away from \
             backups: without it what is sealed is lost.",
            file.display()
        ),
        false => format!(
            "root key {current} is the current one\nReload the gateway (systemctl reload lezai): it seals everything anew while it runs. Once \
             it says so in its log: lezai secrets forget-former {}",
            file.display()
        ),
    })
}

fn forget(file: &Path, data: &Path) -> Result<String, String> {
    let keys = roots(file)?;
    let store = store_file(data);
    let connection = open_to_read(&store).map_err(|error| error.explain(&store))?;
    let under = sealed_under(&connection).map_err(|error| error.explain(&store))?;
    if under.as_deref() != Some(keys.current()) {
        return Err(format!(
            "not everything is sealed under {} yet: reload the gateway, and wait until its log says so",
            keys.current()
        ));
    }
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let current = text.lines().find(|it| Roots::parse(it).is_ok()).unwrap_or_default();
    write(file, &format!("{current}\n"))?;
    Ok(format!("root key {} is the only one", keys.current()))
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    let part = file.with_extension("part");
    let write = || {
        let mut options = OpenOptions::new();
        let mut made = options.write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        made.write_all(text.as_bytes())?;
        made.sync_all()?;
        fs::rename(&part, file)
    };
    write().map_err(|error: std::io::Error| format!("{}: {error}", file.display()))
}
