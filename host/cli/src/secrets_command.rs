//! `lezai secrets`: makes root keys, and takes former ones away.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lezai_seal::{Roots, new_root};

use crate::secrets::roots;
use crate::source::SourceArgs;

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
        /// Where the gateway's store is.
        #[command(flatten)]
        source: SourceArgs,
    },
}

/// Does it. The exit code is 2 if it could not be done.
pub fn run(command: &SecretsCommand) -> ExitCode {
    let done = match command {
        SecretsCommand::NewRoot { file } => add(file),
        SecretsCommand::ForgetFormer { file, source } => forget(file, source),
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

fn forget(file: &Path, source: &SourceArgs) -> Result<String, String> {
    let keys = roots(file)?;
    let source = source.source()?;
    let under = source.sealed_under().map_err(|error| source.unreadable(&error))?;
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
