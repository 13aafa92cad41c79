//! A Patroni cluster of two PostgreSQL with etcd, each commit on both.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lezai_tests::{TempDir, eventually, hold, system};
use serde_json::Value;
use tokio::net::TcpSocket;

const NAMES: [&str; 2] = ["one", "two"];

/// The cluster; it ends with this.
pub(crate) struct Cluster {
    etcd: Child,
    members: [Member; 2],
    folder: TempDir,
}

struct Member {
    name: &'static str,
    patroni: Option<Child>,
    rest: Port,
    database: Port,
}

/// A port that stays a server's while the server is started again.
struct Port(TcpSocket);

impl Port {
    fn new() -> Self {
        Self(hold("127.0.0.1:0").expect("Linux"))
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }
}

impl Cluster {
    /// Starts it, and waits until a standby confirms each commit.
    pub(crate) fn start() -> Self {
        let folder = TempDir::new();
        // PostgreSQL does not run as root.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let (client, peer) = (Port::new(), Port::new());
        let at = |port: &Port| format!("http://{}", port.address());
        let etcd = Command::new("etcd")
            .arg("--data-dir")
            .arg(folder.path().join("etcd"))
            .args(["--listen-client-urls", &at(&client), "--advertise-client-urls", &at(&client)])
            .args(["--listen-peer-urls", &at(&peer), "--initial-advertise-peer-urls", &at(&peer)])
            .args(["--initial-cluster", &format!("default={}", at(&peer))])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(folder.path().join("etcd.log")).unwrap())
            .spawn()
            .expect("etcd is missing: apt-get install etcd-server");
        let members = NAMES.map(|name| Member {
            name,
            patroni: None,
            rest: Port::new(),
            database: Port::new(),
        });
        for it in &members {
            let file = folder.path().join(format!("{}.yml", it.name));
            fs::write(file, it.configuration(folder.path(), client.address())).unwrap();
        }
        let mut cluster = Self { etcd, members, folder };
        for n in 0..NAMES.len() {
            cluster.begin(n);
        }
        cluster.wait_until_whole();
        cluster
    }

    /// A database of the cluster's: all its servers, of which one takes writes.
    pub(crate) fn url(&self, database: &str) -> String {
        let hosts = self.members.each_ref().map(|it| it.database.address().to_string()).join(",");
        format!("postgres://postgres@{hosts}/{database}")
    }

    /// The member that takes writes, if there is one.
    pub(crate) fn primary(&self) -> Option<usize> {
        (0..NAMES.len()).find(|n| self.has_role(*n, &["leader", "master"]))
    }

    /// The power of a member fails.
    pub(crate) fn kill(&mut self, n: usize) {
        let member = &mut self.members[n];
        end(&mut member.patroni);
        kill_postmaster(&self.folder.path().join(member.name));
    }

    /// Its power is there again.
    pub(crate) fn begin(&mut self, n: usize) {
        let folder = self.folder.path();
        let member = &mut self.members[n];
        let log = folder.join(format!("{}.log", member.name));
        let mut command = unprivileged("patroni");
        command
            .arg(folder.join(format!("{}.yml", member.name)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::options().create(true).append(true).open(log).unwrap());
        member.patroni =
            Some(command.spawn().expect("Patroni is missing: apt-get install patroni"));
    }

    /// Waits until one takes writes, and the other confirms them.
    pub(crate) fn wait_until_whole(&self) {
        eventually(|| match self.primary() {
            Some(n) if self.has_role(1 - n, &["sync_standby"]) => Ok(()),
            _ => Err(format!("no primary with a synchronous standby:\n{}", self.logs())),
        });
    }

    fn logs(&self) -> String {
        let log = |name: &str| fs::read_to_string(self.folder.path().join(name));
        ["etcd.log", "one.log", "two.log"].map(|name| log(name).unwrap_or_default()).join("\n---\n")
    }

    fn has_role(&self, n: usize, roles: &[&str]) -> bool {
        // Any member that lives tells of all.
        let told = self.members.iter().find_map(|it| cluster(it.rest.address()).ok());
        let Some(told) = told else { return false };
        told["members"].as_array().is_some_and(|members| {
            members
                .iter()
                .any(|it| it["name"] == NAMES[n] && roles.iter().any(|role| it["role"] == *role))
        })
    }
}

impl Member {
    fn configuration(&self, folder: &Path, etcd: SocketAddr) -> String {
        let (name, rest, database) = (self.name, self.rest.address(), self.database.address());
        let bin = binaries().display().to_string();
        let data = folder.join(name).display().to_string();
        let folder = folder.display();
        // The shortest times that Patroni takes.
        format!(
            "scope: lezai\nname: {name}\nrestapi:\n  listen: {rest}\n  connect_address: {rest}\n\
             etcd3:\n  hosts: ['{etcd}']\n\
             bootstrap:\n  dcs:\n    ttl: 20\n    loop_wait: 1\n    retry_timeout: 3\n    synchronous_mode: true\n    \
             postgresql:\n      use_pg_rewind: true\n      parameters:\n        max_connections: 200\n        \
             wal_log_hints: 'on'\n  initdb: [{{encoding: UTF8}}, {{locale: C.UTF-8}}]\n  \
             pg_hba: ['host all all 127.0.0.1/32 trust', 'host replication all 127.0.0.1/32 trust']\n\
             postgresql:\n  listen: {database}\n  connect_address: {database}\n  data_dir: {data}\n  bin_dir: {bin}\n  \
             pgpass: {data}.pgpass\n  remove_data_directory_on_rewind_failure: true\n  \
             authentication:\n    superuser: {{username: postgres, password: x}}\n    \
             replication: {{username: replicator, password: x}}\n  \
             parameters: {{unix_socket_directories: '{folder}'}}\n"
        )
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for n in 0..NAMES.len() {
            self.kill(n);
        }
        let _ = self.etcd.kill();
        let _ = self.etcd.wait();
    }
}

/// The cluster as a member sees it. It speaks HTTP/1.0.
fn cluster(member: SocketAddr) -> io::Result<Value> {
    let mut stream = TcpStream::connect(member)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.write_all(b"GET /cluster HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok(serde_json::from_str(body)?)
}

fn end(child: &mut Option<Child>) {
    if let Some(mut child) = child.take() {
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Kills the server of a data folder; what it started ends with it.
fn kill_postmaster(data: &Path) {
    let Ok(text) = fs::read_to_string(data.join("postmaster.pid")) else { return };
    let Some(pid) = text.lines().next() else { return };
    let _ = Command::new("kill").args(["-9", pid]).stderr(Stdio::null()).status();
}

/// Debian's PostgreSQL, the newest.
fn binaries() -> PathBuf {
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .expect("PostgreSQL is missing: apt-get install postgresql")
        .map(|it| it.unwrap().path())
        .collect();
    versions.sort();
    versions.pop().unwrap().join("bin")
}

/// A command, as the user `postgres` if root runs this.
pub(crate) fn unprivileged(program: &str) -> Command {
    let program = system(program);
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
    command.env("HOME", "/tmp");
    command
}
