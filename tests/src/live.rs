//! `lezai serve` as a process: with a certificate of an authority of its own, and a client that trusts that one.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tokio::net::TcpSocket;

use crate::client::{Answer, Request, connect, converse};
use crate::gateway::{binary, hold};
use crate::process::{signal, start_until_ready};

/// A client's TLS, which trusts one authority.
#[derive(Clone)]
pub struct Tls(Arc<ClientConfig>);

impl Tls {
    /// Trusts the authority in a file.
    pub(crate) fn trusting(ca: &Path) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        Self(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
    }

    /// Sends a request to this authority.
    ///
    /// # Errors
    ///
    /// The socket's, those of TLS, and an answer that is none.
    pub fn send(&self, request: &Request, authority: &str) -> io::Result<Answer> {
        self.send_to(request, authority, &on_loopback(authority))
    }

    /// Sends a request for this authority to this address, which is one of those behind it.
    ///
    /// # Errors
    ///
    /// As of [`Tls::send`].
    pub(crate) fn send_to(
        &self,
        request: &Request,
        authority: &str,
        address: &str,
    ) -> io::Result<Answer> {
        let stream = self.connect(authority, address)?;
        converse(stream, &[&request.bytes(authority)], Duration::ZERO)
    }

    /// The certificate that is shown at this authority.
    ///
    /// # Errors
    ///
    /// As of [`Tls::send`].
    pub fn certificate(&self, authority: &str) -> io::Result<Vec<u8>> {
        let mut stream = self.connect(authority, &on_loopback(authority))?;
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(stream.conn.peer_certificates().unwrap()[0].to_vec())
    }

    fn connect(
        &self,
        authority: &str,
        address: &str,
    ) -> io::Result<StreamOwned<ClientConnection, std::net::TcpStream>> {
        let (host, _) = authority.rsplit_once(':').unwrap();
        let name = ServerName::try_from(host.to_owned()).unwrap();
        let connection = ClientConnection::new(Arc::clone(&self.0), name).unwrap();
        Ok(StreamOwned::new(connection, connect(address)?))
    }
}

fn on_loopback(authority: &str) -> String {
    format!("127.0.0.1:{}", authority.rsplit_once(':').unwrap().1)
}

/// A running `lezai serve`. It is killed when it is dropped.
pub struct Live {
    child: Child,
    /// `localhost:PORT`
    pub authority: String,
    /// Where the operator's listener is.
    pub operator: String,
    /// Its data folder.
    pub data: PathBuf,
    /// Its configuration.
    pub config: PathBuf,
    /// The file its log goes to.
    pub log: PathBuf,
    /// A client of it.
    pub tls: Tls,
    _ports: [Option<TcpSocket>; 2],
}

impl Live {
    /// Starts it in a folder, with TLS.
    ///
    /// # Panics
    ///
    /// If it does not start; with its log.
    pub fn start(folder: &Path) -> Self {
        let tls = format!(
            "certificate = {:?}\nprivate_key = {:?}\n",
            folder.join("tls.pem"),
            folder.join("tls.key")
        );
        Self::start_with(folder, &tls, "")
    }

    /// Starts it with these lines in `[listen]` and these at the end of the configuration.
    ///
    /// # Panics
    ///
    /// If it does not start; with its log.
    pub fn start_with(folder: &Path, listen: &str, rest: &str) -> Self {
        if !folder.join("ca.pem").exists() {
            authority(folder);
            certify(folder);
        }
        let ports = [hold("127.0.0.1:0"), hold("127.0.0.1:0")];
        let port = |n: usize| ports[n].as_ref().unwrap().local_addr().unwrap();
        let (public, operator) = (port(0), port(1));
        let (data, config) = (folder.join("data"), folder.join("lezai.toml"));
        let text = format!(
            "public_url = \"https://localhost:{}\"\ndata_dir = {data:?}\n[listen]\naddress = \"{public}\"\n{listen}\
             [operator]\naddress = \"{operator}\"\n{rest}",
            public.port()
        );
        fs::write(&config, text).unwrap();
        let log = folder.join("log");
        let stderr = File::options().create(true).append(true).open(&log).unwrap();
        let mut command = Command::new(binary());
        command.args(["serve", "--config"]).arg(&config);
        let (child, _) = start_until_ready(&mut command, stderr.into(), &log);
        Self {
            child,
            authority: format!("localhost:{}", public.port()),
            operator: operator.to_string(),
            data,
            config,
            log,
            tls: Tls::trusting(&folder.join("ca.pem")),
            _ports: ports,
        }
    }

    /// Sends a request to the public listener, by TLS.
    ///
    /// # Errors
    ///
    /// As of [`Tls::send`].
    pub fn send(&self, request: &Request) -> io::Result<Answer> {
        self.tls.send(request, &self.authority)
    }

    /// A call of the operator's, with the token.
    ///
    /// # Panics
    ///
    /// If there is no answer.
    pub fn operate(&self, method: &str, target: &str, body: &str) -> Answer {
        let token = fs::read_to_string(self.data.join("admin-token")).unwrap();
        let request = Request::new(method, target, body)
            .with("authorization", &format!("Bearer {}", token.trim()))
            .with("content-type", "application/json");
        request.send(&self.operator).unwrap()
    }

    /// The output of a command of the binary's with this gateway's configuration.
    ///
    /// # Panics
    ///
    /// If it cannot be run.
    pub fn lezai(&self, arguments: &[&str]) -> Output {
        Command::new(binary())
            .args(arguments)
            .env("LEZAI_CONFIG", &self.config)
            .env("LEZAI_GATEWAY", format!("http://{}", self.operator))
            .output()
            .unwrap()
    }

    /// Sends a signal by its name, such as `HUP`.
    ///
    /// # Panics
    ///
    /// If it cannot be sent.
    pub fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// Waits for its end; whether it ended well.
    pub fn ended_well(&mut self) -> bool {
        self.child.wait().unwrap().success()
    }

    /// The log so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An authority for certificates, in `ca.pem` and `ca.key`.
pub(crate) fn authority(folder: &Path) {
    openssl(
        folder,
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=authority -days 30 -out ca.pem -keyout ca.key",
    );
}

/// A new certificate for `localhost`, in `tls.pem` and `tls.key`.
pub fn certify(folder: &Path) {
    fs::write(folder.join("names"), "subjectAltName=DNS:localhost\n").unwrap();
    openssl(
        folder,
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -out csr.pem -keyout new.key",
    );
    openssl(
        folder,
        "x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -days 20 -extfile names -out new.pem",
    );
    for (from, to) in [("new.pem", "tls.pem"), ("new.key", "tls.key")] {
        fs::rename(folder.join(from), folder.join(to)).unwrap();
    }
}

fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output();
    let output = output.expect("openssl is not there: apt-get install openssl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
