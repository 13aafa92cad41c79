//! Several `lezai serve` over one PostgreSQL, behind HAProxy, and a proxy before the database that can cut what goes
//! through it.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lezai_core::key::SigningKey;
use serde_json::{Value, json};
use tokio::net::TcpSocket;

use crate::client::{Answer, Request, connect, converse};
use crate::eventually::until;
use crate::front::{Backend, Front, Patience};
use crate::gateway::{TempDir, binary, hold};
use crate::live::{Tls, authority, certify};
use crate::merchant::{Merchant, random_hex};
use crate::process::{signal, start_until_ready};

const POLICY: &str = include_str!("../../host/demo-shop/policy.json");

/// The gateways of one database.
pub struct Nodes {
    /// Where the front is: `localhost:PORT`.
    pub authority: String,
    /// A client of them.
    pub tls: Tls,
    /// The database.
    pub store: String,
    front: Front,
    nodes: Vec<Mutex<Node>>,
    folder: TempDir,
    /// Whether they speak TLS, and not a proxy before them.
    speak_tls: bool,
}

/// One gateway of several.
pub struct Node {
    /// The program that it runs from its next start on.
    pub program: PathBuf,
    child: Option<Child>,
    /// Its data folder.
    pub data: PathBuf,
    /// Its configuration.
    pub config: PathBuf,
    log: PathBuf,
    at: Backend,
    _ports: [Option<TcpSocket>; 2],
}

/// How gateways are started over a database that has its tables.
pub struct Setup<'a> {
    store: &'a str,
    count: usize,
    program: PathBuf,
    through: Box<dyn Fn(usize) -> String + 'a>,
    tls: bool,
    listen: &'a str,
    patience: Patience,
}

impl<'a> Setup<'a> {
    /// So many gateways over this database.
    pub fn of(store: &'a str, count: usize) -> Self {
        let through = Box::new(|_| store.to_owned());
        let patience = Patience::Little;
        Self { store, count, program: binary(), through, tls: true, listen: "", patience }
    }

    /// Gateways of another program.
    #[must_use]
    pub fn program(mut self, program: &Path) -> Self {
        self.program = program.to_owned();
        self
    }

    /// Each reaches the database by another address, given its number.
    #[must_use]
    pub fn through(mut self, through: impl Fn(usize) -> String + 'a) -> Self {
        self.through = Box::new(through);
        self
    }

    /// Gateways behind a proxy that ends TLS, which whoever asks them plays.
    #[must_use]
    pub fn without_tls(mut self) -> Self {
        self.tls = false;
        self
    }

    /// Gateways that are only ever stopped in good order: one that is told to stop answers until it is told once more,
    /// and HAProxy has all the patience that a slow machine needs.
    #[must_use]
    pub fn draining(mut self) -> Self {
        self.listen = "drain_seconds = 3600\n";
        self.patience = Patience::Much;
        self
    }

    /// Starts them; `rest` is added to the configuration.
    ///
    /// # Panics
    ///
    /// If one does not start; with its log.
    pub fn start(self, rest: &str) -> Nodes {
        let folder = TempDir::new();
        let path = folder.path();
        authority(path);
        certify(path);
        let mut front = Front::new(path);
        let port = front.port();
        let mut nodes: Vec<Mutex<Node>> = Vec::new();
        for n in 0..self.count {
            let ports = [hold("127.0.0.1:0"), hold("127.0.0.1:0")];
            let address = |n: usize| ports[n].as_ref().unwrap().local_addr().unwrap();
            let at = Backend { public: address(0), operator: address(1) };
            let data = path.join(format!("data-{n}"));
            if let Some(first) = nodes.first() {
                copy_keys(&first.lock().unwrap().data, &data);
            }
            let config = path.join(format!("lezai-{n}.toml"));
            fs::write(&config, self.text(n, path, port, at, &data) + rest).unwrap();
            let log = path.join(format!("log-{n}"));
            let program = self.program.clone();
            let mut node = Node { program, child: None, data, config, log, at, _ports: ports };
            node.start();
            nodes.push(Mutex::new(node));
        }
        let backends: Vec<Backend> = nodes.iter().map(|it| it.lock().unwrap().at).collect();
        front.start(&backends, self.patience);
        Nodes {
            authority: format!("localhost:{port}"),
            tls: Tls::trusting(&path.join("ca.pem")),
            store: self.store.to_owned(),
            front,
            nodes,
            folder,
            speak_tls: self.tls,
        }
    }

    fn text(&self, n: usize, folder: &Path, port: u16, at: Backend, data: &Path) -> String {
        let tls = match self.tls {
            true => format!(
                "certificate = {:?}\nprivate_key = {:?}\n",
                folder.join("tls.pem"),
                folder.join("tls.key")
            ),
            false => "[proxies]\ntrusted = [\"127.0.0.1\"]\n".to_owned(),
        };
        format!(
            "public_url = \"https://localhost:{port}\"\ndata_dir = {data:?}\n[listen]\naddress = \"{}\"\n{}{tls}\
             [operator]\naddress = \"{}\"\n[store]\nurl = \"{}\"\n\
             [limits]\nmerchant_per_second = 0\nconnections_per_address = 0\n",
            at.public,
            self.listen,
            at.operator,
            (self.through)(n),
        )
    }
}

/// All nodes sign with the first one's key, and know its operator's token.
fn copy_keys(first: &Path, data: &Path) {
    fs::create_dir(data).unwrap();
    fs::set_permissions(data, fs::metadata(first).unwrap().permissions()).unwrap();
    for file in ["gateway.pem", "gateway-public.pem", "admin-token"] {
        fs::copy(first.join(file), data.join(file)).unwrap();
    }
}

impl Nodes {
    /// Stops a node in good order, once HAProxy sends it nothing more, and starts it again.
    ///
    /// # Panics
    ///
    /// If it does not stop well, or not start.
    pub fn replace(&self, n: usize) {
        self.node(n).signal("TERM");
        until("a node that stops gets nothing", || !self.front.sends_to(n));
        assert!(self.node(n).stop(), "{}", self.logs());
        self.node(n).start();
        until("a node that is there again gets requests", || self.front.sends_to(n));
    }

    /// One of them.
    pub fn node(&self, n: usize) -> std::sync::MutexGuard<'_, Node> {
        self.nodes[n].lock().unwrap()
    }

    /// A new merchant, paid through this channel, whom the first node is told of. The others learn of it by
    /// themselves; this waits until each answers it.
    ///
    /// # Panics
    ///
    /// If the node refuses it, or another does not come to know it.
    pub fn merchant(&self, id: &str, keyid: &str, channel: &str) -> Merchant {
        let mut policy: Value = serde_json::from_str(POLICY).unwrap();
        policy["routes"] = json!([{ "channel": channel }]);
        let target = format!("/admin/v1/merchants/{id}");
        let body = json!({ "name": "Tea 茶", "policy": policy }).to_string();
        let made = self.node(0).operate("PUT", &target, &body).unwrap();
        assert_eq!(made.status, 200, "{}", made.json());
        let mut entropy = [0; 32];
        getrandom::fill(&mut entropy).unwrap();
        let key = SigningKey::from_entropy(&entropy).unwrap();
        let body = json!({ "public_key": key.verifying_key().to_spki_pem().unwrap() }).to_string();
        let put = self.node(0).operate("PUT", &format!("{target}/keys/{keyid}"), &body).unwrap();
        assert_eq!(put.status, 204, "{}", put.json());
        let merchant = Merchant::of_nodes(self, key, keyid);
        for n in 0..self.nodes.len() {
            until("every node knows the merchant", || {
                let request = merchant.sign(Request::new("GET", "/v1/orders?limit=1", ""));
                self.ask(n, request).is_ok_and(|it| it.status == 200)
            });
        }
        merchant
    }

    /// Asks one of them, and not whichever the front gives.
    fn ask(&self, n: usize, request: Request) -> io::Result<Answer> {
        let public = self.node(n).public().to_string();
        if self.speak_tls {
            return self.tls.send_to(&request, &self.authority, &public);
        }
        let request =
            request.with("x-forwarded-proto", "https").with("x-forwarded-for", "192.0.2.1");
        converse(connect(&public)?, &[&request.bytes(&self.authority)], Duration::ZERO)
    }

    /// A folder for what a test needs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The output of a command of the binary's on the database.
    pub fn lezai(&self, arguments: &[&str]) -> Output {
        Command::new(binary()).args(arguments).args(["--store", &self.store]).output().unwrap()
    }

    /// The logs of all of them.
    pub fn logs(&self) -> String {
        let logs = self.nodes.iter().enumerate().map(|(n, node)| {
            let text = fs::read_to_string(&node.lock().unwrap().log).unwrap_or_default();
            format!("--- node {n}\n{text}")
        });
        logs.collect()
    }
}

impl Node {
    /// Starts it, or starts it again.
    ///
    /// # Panics
    ///
    /// If it does not start; with its log.
    pub fn start(&mut self) {
        let stderr = File::options().create(true).append(true).open(&self.log).unwrap();
        let mut command = Command::new(&self.program);
        command.args(["serve", "--config"]).arg(&self.config);
        self.child = Some(start_until_ready(&mut command, stderr.into(), &self.log).0);
    }

    /// Where it listens for merchants.
    #[must_use]
    pub fn public(&self) -> SocketAddr {
        self.at.public
    }

    /// Sends it a signal by its name, such as `STOP`.
    ///
    /// # Panics
    ///
    /// If it cannot be sent.
    pub fn signal(&self, name: &str) {
        signal(self.child.as_ref().unwrap(), name);
    }

    /// Kills it with `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Ends it in good order; whether it ended well.
    ///
    /// # Panics
    ///
    /// If it does not run.
    pub fn stop(&mut self) -> bool {
        self.signal("TERM");
        self.child.take().unwrap().wait().unwrap().success()
    }

    /// A call of the operator's, with the token.
    ///
    /// # Errors
    ///
    /// The socket's.
    pub fn operate(&self, method: &str, target: &str, body: &str) -> io::Result<Answer> {
        let token = fs::read_to_string(self.data.join("admin-token")).unwrap();
        let request = Request::new(method, target, body)
            .with("authorization", &format!("Bearer {}", token.trim()))
            .with("idempotency-key", &format!("\"{}\"", random_hex()))
            .with("content-type", "application/json");
        request.send(&self.at.operator.to_string())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Carries bytes both ways until one side ends.
fn join(one: TcpStream, other: TcpStream) {
    for (mut from, mut to) in [(one.try_clone().unwrap(), other.try_clone().unwrap()), (other, one)]
    {
        std::thread::spawn(move || {
            let _ = carry(&mut from, &mut to);
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
}

fn carry(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut buffer = [0; 16 * 1024];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            length => to.write_all(&buffer[..length])?,
        }
    }
}

/// A way to the database that can be cut.
pub struct Cuttable {
    /// Where it begins.
    pub address: SocketAddr,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Cuttable {
    /// A way to this address.
    ///
    /// # Panics
    ///
    /// If there is no port.
    pub fn to(database: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let open: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let kept = Arc::clone(&open);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(database) else { continue };
                let both = [client.try_clone().unwrap(), server.try_clone().unwrap()];
                let mut open = kept.lock().unwrap();
                open.retain(|it| it.peer_addr().is_ok());
                open.extend(both);
                drop(open);
                join(client, server);
            }
        });
        Self { address, open }
    }

    /// Ends every connection, in the middle of whatever goes through it.
    ///
    /// # Panics
    ///
    /// If the lock is broken.
    pub fn cut(&self) {
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
