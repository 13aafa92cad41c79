//! `lezai dev` as a process, on free ports and in a folder of its own.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tokio::net::TcpSocket;

use crate::client::Request;
use crate::merchant::random_hex;
use crate::process::{START, signal, start_until_ready};

/// A folder that goes with its owner.
pub struct TempDir(PathBuf);

impl TempDir {
    /// A new, empty folder.
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(format!("lezai-tests-{}", random_hex()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Default for TempDir {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        // The files of a failed test are the system's to clean.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A running gateway. It is killed when it is dropped.
pub struct Gateway {
    child: Child,
    /// `127.0.0.1:PORT`
    pub authority: String,
    /// Its folder of keys and stores.
    pub data: PathBuf,
    /// The file its log goes to.
    pub log: PathBuf,
    _port: Option<TcpSocket>,
}

impl Gateway {
    /// Starts it on the keys and stores of `folder`, which are made if they are not there.
    ///
    /// # Panics
    ///
    /// If it does not start; with its log.
    pub fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    /// Starts it with further arguments.
    ///
    /// # Panics
    ///
    /// If it does not start; with its log.
    pub fn start_with(folder: &Path, arguments: &[&str]) -> Self {
        Self::run(folder, "127.0.0.1:0", arguments)
    }

    /// Starts it again at the address it had: what was signed for it is signed for it still.
    ///
    /// # Panics
    ///
    /// If it does not start; with its log.
    pub fn start_at(folder: &Path, authority: &str) -> Self {
        Self::run(folder, authority, &[])
    }

    /// Starts it from a shell that first does something that its child inherits, such as
    /// `exec 2>/dev/full`.
    ///
    /// # Panics
    ///
    /// If it does not start; with its log.
    pub fn start_after(folder: &Path, shell: &str) -> Self {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{shell}; exec \"$0\" \"$@\"")).arg(binary());
        let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
        Self::launch(command, folder, "127.0.0.1:0", &[], log.into())
    }

    /// Starts it with its log in a pipe, and gives the end that reads.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn start_piped(folder: &Path) -> (Self, ChildStderr) {
        let command = Command::new(binary());
        let mut gateway = Self::launch(command, folder, "127.0.0.1:0", &[], Stdio::piped());
        let log = gateway.child.stderr.take().unwrap();
        (gateway, log)
    }

    fn run(folder: &Path, listen: &str, arguments: &[&str]) -> Self {
        let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
        Self::launch(Command::new(binary()), folder, listen, arguments, log.into())
    }

    fn launch(
        mut command: Command,
        folder: &Path,
        listen: &str,
        arguments: &[&str],
        stderr: Stdio,
    ) -> Self {
        let port = hold(listen);
        let held = port.as_ref().map(|port| port.local_addr().unwrap().to_string());
        let listen = held.as_deref().unwrap_or(listen);
        let (data, log) = (folder.join("data"), folder.join("log"));
        command.args(["dev", "--listen", listen, "--shop", "127.0.0.1:0", "--data"]);
        command.arg(&data).args(arguments);
        let (child, banner) = start_until_ready(&mut command, stderr, &log);
        let authority = banner
            .iter()
            .find_map(|line| {
                let url = line.trim_start().strip_prefix("gateway")?.split_whitespace().next()?;
                Some(url.trim_start_matches("http://").trim_end_matches('/').to_owned())
            })
            .expect("the banner names the gateway");
        Self { child, authority, data, log, _port: port }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ctrl-C.
    pub fn interrupt(&self) {
        signal(&self.child, "INT");
    }

    /// SIGTERM, as a service manager sends it.
    pub fn terminate(&self) {
        signal(&self.child, "TERM");
    }

    /// Waits for its end; whether it ended well.
    pub fn ended_well(&mut self) -> bool {
        self.child.wait().unwrap().success()
    }

    /// A sample of its metrics by name, with its labels if it has any.
    ///
    /// # Panics
    ///
    /// If it does not answer.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let answer = Request::new("GET", "/metrics", "").send(&self.authority).unwrap();
        let text = String::from_utf8(answer.body).unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map(|it| it.parse().unwrap())
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The log so far, of all its runs.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

/// A port that stays the gateway's while it is started again: the socket is bound and never listens, so
/// the gateway can, and nobody else is given the port meanwhile. So it is on Linux; elsewhere nothing is
/// held.
///
/// # Panics
///
/// If there is no port.
pub fn hold(address: &str) -> Option<TcpSocket> {
    if cfg!(not(target_os = "linux")) {
        return None;
    }
    let port = TcpSocket::new_v4().unwrap();
    port.set_reuseaddr(true).unwrap();
    port.bind(address.parse().unwrap()).unwrap();
    Some(port)
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the binary to its end, such as for `ledger check`.
///
/// # Panics
///
/// If it does not end by itself.
pub fn lezai(arguments: &[&str]) -> Output {
    let mut child = Command::new(binary())
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let start = Instant::now();
    // The output of such a verb fits a pipe, so it need not be read meanwhile.
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > START {
            let _ = child.kill();
            panic!("lezai {} did not end", arguments.join(" "));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.wait_with_output().unwrap()
}

/// The binary beside this test's, or the one that `LEZAI` names.
///
/// # Panics
///
/// If it is not there.
pub fn binary() -> PathBuf {
    let beside = || {
        let test = std::env::current_exe().unwrap();
        test.parent().unwrap().parent().unwrap().join("lezai")
    };
    let path = std::env::var_os("LEZAI").map_or_else(beside, PathBuf::from);
    assert!(path.exists(), "{} is not there: run `make build` first", path.display());
    path
}
