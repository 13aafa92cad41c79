//! Several `lezai serve` over one PostgreSQL, behind a front that gives each connection to the next of them, and a
//! proxy before the database that can cut what goes through it.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lezai_core::key::SigningKey;
use serde_json::{Value, json};
use tokio::net::TcpSocket;

use crate::client::{Answer, Request, connect, converse};
use crate::eventually::until;
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
    operator: SocketAddr,
    /// Where it listens for merchants.
    pub public: SocketAddr,
    _ports: [Option<TcpSocket>; 2],
}

impl Nodes {
    /// Starts so many over a database that has its tables. Each reaches it by `store`, given its number; `rest` is
    /// added to the configuration.
    ///
    /// # Panics
    ///
    /// If one does not start; with its log.
    pub fn start(count: usize, store: &str, through: impl Fn(usize) -> String, rest: &str) -> Self {
        Self::start_with(count, store, through, rest, true)
    }

    /// As [`Nodes::start`], of another program.
    ///
    /// # Panics
    ///
    /// As of [`Nodes::start`].
    pub fn start_of(program: &Path, count: usize, store: &str, rest: &str) -> Self {
        Self::run(program, count, store, |_| store.to_owned(), rest, true)
    }

    /// As [`Nodes::start`]; without TLS the nodes are behind a proxy that ends it, which whoever asks them plays.
    ///
    /// # Panics
    ///
    /// As of [`Nodes::start`].
    pub fn start_with(
        count: usize,
        store: &str,
        through: impl Fn(usize) -> String,
        rest: &str,
        tls: bool,
    ) -> Self {
        Self::run(&binary(), count, store, through, rest, tls)
    }

    fn run(
        program: &Path,
        count: usize,
        store: &str,
        through: impl Fn(usize) -> String,
        rest: &str,
        tls: bool,
    ) -> Self {
        let folder = TempDir::new();
        let path = folder.path();
        authority(path);
        certify(path);
        let front = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = front.local_addr().unwrap().port();
        let mut nodes: Vec<Mutex<Node>> = Vec::new();
        let mut publics = Vec::new();
        for n in 0..count {
            let ports = [hold("127.0.0.1:0"), hold("127.0.0.1:0")];
            let address = |n: usize| ports[n].as_ref().unwrap().local_addr().unwrap();
            let (public, operator) = (address(0), address(1));
            publics.push((public, operator));
            let data = path.join(format!("data-{n}"));
            if let Some(first) = nodes.first() {
                let first = first.lock().unwrap().data.clone();
                fs::create_dir(&data).unwrap();
                fs::set_permissions(&data, fs::metadata(&first).unwrap().permissions()).unwrap();
                for file in ["gateway.pem", "gateway-public.pem", "admin-token"] {
                    fs::copy(first.join(file), data.join(file)).unwrap();
                }
            }
            let config = path.join(format!("lezai-{n}.toml"));
            let listen = match tls {
                true => format!(
                    "certificate = {:?}\nprivate_key = {:?}\n",
                    path.join("tls.pem"),
                    path.join("tls.key")
                ),
                false => "[proxies]\ntrusted = [\"127.0.0.1\"]\n".to_owned(),
            };
            let text = format!(
                "public_url = \"https://localhost:{port}\"\ndata_dir = {data:?}\n[listen]\naddress = \"{public}\"\n\
                 {listen}[operator]\naddress = \"{operator}\"\n[store]\nurl = \"{}\"\n\
                 [limits]\nmerchant_per_second = 0\nconnections_per_address = 0\n{rest}",
                through(n),
            );
            fs::write(&config, text).unwrap();
            let log = path.join(format!("log-{n}"));
            let program = program.to_owned();
            let mut node =
                Node { program, child: None, data, config, log, operator, public, _ports: ports };
            node.start();
            nodes.push(Mutex::new(node));
        }
        balance(front, publics);
        Self {
            authority: format!("localhost:{port}"),
            tls: Tls::trusting(&path.join("ca.pem")),
            store: store.to_owned(),
            nodes,
            folder,
            speak_tls: tls,
        }
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
        let public = self.node(n).public.to_string();
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
        request.send(&self.operator.to_string())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A node as the front sees it.
struct Backend {
    public: SocketAddr,
    operator: SocketAddr,
    is_up: AtomicBool,
    /// The connections through it, to be ended once it does not answer any more.
    open: Mutex<Vec<TcpStream>>,
}

/// Gives each connection to the next node that is up, as a load balancer does that asks `/healthz`.
fn balance(front: TcpListener, nodes: Vec<(SocketAddr, SocketAddr)>) {
    let backends: Arc<Vec<Backend>> = Arc::new(
        nodes
            .into_iter()
            .map(|(public, operator)| Backend {
                public,
                operator,
                is_up: AtomicBool::new(true),
                open: Mutex::default(),
            })
            .collect(),
    );
    for n in 0..backends.len() {
        let backends = Arc::clone(&backends);
        std::thread::spawn(move || {
            loop {
                let backend = &backends[n];
                let is_up = answers(backend.operator).unwrap_or(false);
                if backend.is_up.swap(is_up, Ordering::SeqCst) && !is_up {
                    for stream in backend.open.lock().unwrap().drain(..) {
                        let _ = stream.shutdown(Shutdown::Both);
                    }
                }
                std::thread::sleep(Duration::from_millis(100));
            }
        });
    }
    let turn = AtomicUsize::new(0);
    std::thread::spawn(move || {
        for client in front.incoming().map_while(Result::ok) {
            let first = turn.fetch_add(1, Ordering::Relaxed);
            let mut turns = (0..backends.len()).map(|n| &backends[(first + n) % backends.len()]);
            let to = turns.find_map(|backend| {
                if !backend.is_up.load(Ordering::SeqCst) {
                    return None;
                }
                let wait = Duration::from_secs(1);
                Some((backend, TcpStream::connect_timeout(&backend.public, wait).ok()?))
            });
            if let Some((backend, node)) = to {
                let mut open = backend.open.lock().unwrap();
                open.retain(|it| it.peer_addr().is_ok());
                open.push(node.try_clone().unwrap());
                drop(open);
                join(client, node);
            }
        }
    });
}

fn answers(operator: SocketAddr) -> io::Result<bool> {
    let mut stream = TcpStream::connect_timeout(&operator, Duration::from_millis(500))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    let request = format!("GET /healthz HTTP/1.1\r\nhost: {operator}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    Ok(&head == b"HTTP/1.1 200")
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
