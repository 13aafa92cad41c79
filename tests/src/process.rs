//! A gateway as a process: started until it is ready, and sent signals.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Far above the second that starting takes, for a machine that is slow, and busy with other things.
pub(crate) const START: Duration = Duration::from_secs(180);

/// Starts it and waits for the line `ready`; gives the lines of its banner before.
///
/// # Panics
///
/// If it does not become ready; with its log.
pub(crate) fn start_until_ready(
    command: &mut Command,
    stderr: Stdio,
    log: &Path,
) -> (Child, Vec<String>) {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
    let (sender, lines) = mpsc::channel();
    let stdout = child.stdout.take().unwrap();
    // It reads to the end, so that the gateway never writes to a full pipe.
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    let mut banner = Vec::new();
    while let Ok(line) = lines.recv_timeout(START) {
        if line == "ready" {
            return (child, banner);
        }
        banner.push(line);
    }
    let _ = child.kill();
    let _ = child.wait();
    panic!("{command:?} did not start:\n{}", std::fs::read_to_string(log).unwrap_or_default());
}

/// A program of the system's; an administrator's need not be on everybody's path.
#[must_use]
pub fn system(name: &str) -> PathBuf {
    let administrators = Path::new("/usr/sbin").join(name);
    if administrators.exists() { administrators } else { name.into() }
}

/// Sends a signal by its name, such as `TERM`.
///
/// # Panics
///
/// If it cannot be sent.
pub(crate) fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
}
