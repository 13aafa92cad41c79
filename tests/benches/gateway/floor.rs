//! The floor: the least that a gateway of this kind can do for an order. The same server library
//! reads the same request, the same library checks and makes the same signatures, and as many bytes
//! as the gateway keeps of an order are appended to a file, one fsync for all that wait. Nothing is
//! decided, looked up or indexed. It is a process of its own, as the gateway is.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use lezai_core::digest::content_digest;
use lezai_core::key::{KeyError, Signature, SigningKey, Verify};
use lezai_core::signature::{self, Input, Message, Params, Tag, sign_base};
use lezai_core::time::Timestamp;
use lezai_tests::{now_ms, random_hex};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, UnparsedPublicKey,
};
use tokio::sync::oneshot;

/// The argument that makes the bench's program the floor.
pub(crate) const FLAG: &str = "--floor";
/// As many as the gateway's writer takes at once.
const BATCH: usize = 256;

/// A running floor, killed when it is dropped.
pub(crate) struct Floor {
    child: Child,
    pub(crate) authority: String,
}

impl Floor {
    /// Starts it: it takes what the key in `pem` signed, keeps `kept` bytes of each order in
    /// `folder`, and answers with `answered` bytes.
    pub(crate) fn start(folder: &Path, pem: &Path, kept: usize, answered: usize) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg(FLAG)
            .args([folder, pem])
            .args([kept.to_string(), answered.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut authority = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut authority).unwrap();
        Self { child, authority: authority.trim().to_owned() }
    }
}

impl Floor {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The process itself: the arguments are those of [`Floor::start`].
pub(crate) fn run(arguments: &[String]) {
    let [folder, pem, kept, answered] = arguments else { panic!("{arguments:?}") };
    let key = SigningKey::from_pkcs8_pem(&std::fs::read_to_string(pem).unwrap()).unwrap();
    let point = key.verifying_key().to_sec1_bytes();
    let random = SystemRandom::new();
    let pair = EcdsaKeyPair::from_private_key_and_public_key(
        &ECDSA_P256_SHA256_FIXED_SIGNING,
        &key.to_bytes(),
        &point,
        &random,
    );
    let (jobs, queue) = mpsc::channel();
    let file = File::create(Path::new(folder).join("floor")).unwrap();
    let bytes = vec![b'x'; kept.parse().unwrap()];
    std::thread::spawn(move || commit_all(file, &bytes, &queue));
    let shared = Arc::new(Shared {
        merchant: Ring(UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)),
        pair: pair.unwrap(),
        random,
        jobs,
        body: "y".repeat(answered.parse().unwrap()),
    });
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        axum::serve(listener, Router::new().fallback(order).with_state(shared)).await.unwrap();
    });
}

struct Shared {
    merchant: Ring,
    pair: EcdsaKeyPair,
    random: SystemRandom,
    jobs: mpsc::Sender<oneshot::Sender<()>>,
    body: String,
}

struct Ring(UnparsedPublicKey<[u8; 65]>);

impl Verify for Ring {
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        self.0.verify(message, signature).map_err(|_| KeyError::Signature)
    }
}

fn commit_all(mut file: File, bytes: &[u8], queue: &mpsc::Receiver<oneshot::Sender<()>>) {
    while let Ok(first) = queue.recv() {
        let batch: Vec<_> = std::iter::once(first).chain(queue.try_iter()).take(BATCH).collect();
        file.write_all(&bytes.repeat(batch.len())).unwrap();
        file.sync_data().unwrap();
        for tell in batch {
            let _ = tell.send(());
        }
    }
}

async fn order(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 64 * 1024).await.unwrap();
    let fields: Vec<_> =
        head.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    let asked = signature::Request {
        method: head.method.as_str(),
        scheme: "http",
        authority: head.headers["host"].to_str().unwrap(),
        path: head.uri.path(),
        query: "",
        fields: &fields,
    };
    let input = Input::by_tag(&fields, Tag::Merchant).unwrap();
    let now = Timestamp::from_ms(now_ms());
    input.verify(&Message::Request(asked), &body, Tag::Merchant, &shared.merchant, now).unwrap();

    let (tell, told) = oneshot::channel();
    shared.jobs.send(tell).unwrap();
    told.await.unwrap();

    let digest = content_digest(shared.body.as_bytes());
    let fields = [("content-type", "application/json"), ("content-digest", &digest)];
    let answer = signature::Answer { status: 201, fields: &fields, request: Some(asked) };
    let nonce = random_hex();
    let params = Params {
        created: Timestamp::from_ms(now_ms()),
        keyid: "the-floor-has-a-key-with-a-name-of-43-letters",
        nonce: &nonce,
        tag: Tag::Gateway,
    };
    let base = sign_base(&Message::Answer(answer), true, &params).unwrap();
    let signed = shared.pair.sign(&shared.random, base.text.as_bytes()).unwrap();
    let signature: Signature = signed.as_ref().try_into().unwrap();
    let mut response = Response::builder().status(201);
    for (name, value) in fields {
        response = response.header(name, value);
    }
    for (name, value) in base.fields(&signature) {
        response = response.header(name, value);
    }
    response.body(Body::from(shared.body.clone())).unwrap()
}
