//! HAProxy in front of several gateways, as docs/nodes.md sets it up.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tokio::net::TcpSocket;

use crate::eventually::until;
use crate::gateway::hold;
use crate::process::system;

/// A gateway as it is reached.
#[derive(Clone, Copy)]
pub(crate) struct Backend {
    /// Where it listens for merchants.
    pub public: SocketAddr,
    /// Where it is asked whether it is ready.
    pub operator: SocketAddr,
}

/// When HAProxy gives a gateway up.
#[derive(Clone, Copy)]
pub(crate) enum Patience {
    /// Soon, with all that goes through it: it may be dead.
    Little,
    /// Late, and what goes through it goes on: it stops in good order.
    Much,
}

/// HAProxy, and the port that it has.
pub(crate) struct Front {
    child: Option<Child>,
    folder: PathBuf,
    port: Option<TcpSocket>,
}

impl Front {
    /// A port for it, before the gateways are there.
    pub(crate) fn new(folder: &Path) -> Self {
        Self { child: None, folder: folder.to_owned(), port: hold("127.0.0.1:0") }
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.port.as_ref().unwrap().local_addr().unwrap().port()
    }

    /// Starts it; a gateway that does not say within `patience` that it is ready gets nothing.
    pub(crate) fn start(&mut self, backends: &[Backend], patience: Patience) {
        let (check, cut) = match patience {
            Patience::Little => ("1s", " on-marked-down shutdown-sessions"),
            Patience::Much => ("60s", ""),
        };
        let mut text = format!(
            "global\n  stats socket {:?} level user\ndefaults\n  mode tcp\n  option redispatch\n  \
             timeout connect 5s\n  timeout client 1h\n  timeout server 1h\n  timeout check {check}\n\
             frontend shops\n  bind 127.0.0.1:{}\n  default_backend gateways\n\
             backend gateways\n  balance roundrobin\n  option httpchk\n  \
             http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host localhost\n  \
             default-server check inter 100ms fall 1 rise 1{cut}\n",
            self.control(),
            self.port(),
        );
        for (n, it) in backends.iter().enumerate() {
            writeln!(text, "  server n{n} {} port {}", it.public, it.operator.port()).unwrap();
        }
        let (config, log) = (self.folder.join("haproxy.cfg"), self.folder.join("haproxy.log"));
        fs::write(&config, text).unwrap();
        let child = Command::new(system("haproxy"))
            .args(["-db", "-f"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .expect("HAProxy is missing: apt-get install haproxy");
        self.child = Some(child);
        until("HAProxy knows every gateway", || {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "{}", fs::read_to_string(&log).unwrap());
            (0..backends.len()).all(|n| self.sends_to(n))
        });
    }

    /// Whether it sends requests to this gateway.
    pub(crate) fn sends_to(&self, n: usize) -> bool {
        let Ok(mut control) = UnixStream::connect(self.control()) else { return false };
        control.write_all(b"show stat\n").unwrap();
        let mut table = String::new();
        control.read_to_string(&mut table).unwrap();
        let mut rows = table.lines().map(|row| row.split(',').collect::<Vec<_>>());
        let names = rows.next().unwrap();
        let of = |name: &str| names.iter().position(|it| *it == name).unwrap();
        let (server, status) = (of("svname"), of("status"));
        rows.any(|row| row.get(server) == Some(&&*format!("n{n}")) && row[status] == "UP")
    }

    fn control(&self) -> PathBuf {
        self.folder.join("haproxy.sock")
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
