//! A panic of ours in the middle of a decision is that order's alone: it is answered with a problem,
//! signed like any other, the same request goes through when it is sent again, and so does every
//! other meanwhile.
//!
//! The gateway runs in this process, so that its log is this test's: at the word of a plugin that
//! failed, which the gateway writes down while it decides, the log panics. That is the seam, and it
//! is there in every program that logs.

#![allow(clippy::unwrap_used, reason = "a gateway that does not answer fails its test")]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use lezai::dev;
use lezai::dev::DevArgs;
use lezai_gateway::plugins::compiler::{self, ChildLimits};
use lezai_tests::{Answer, Merchant, Publisher, Request, TempDir, random_hex};
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

/// How many more times the log panics.
static PANICS: AtomicUsize = AtomicUsize::new(0);

/// A log that says nothing, and panics when it is told to.
struct Log;

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        struct Message(bool);
        impl Visit for Message {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                self.0 |= field.name() == "message" && format!("{value:?}") == "plugin failed";
            }
        }
        let mut message = Message(false);
        event.record(&mut message);
        let less = |left: usize| left.checked_sub(1);
        if message.0 && PANICS.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok() {
            // Without the hook's message, which would look like a failure of the test.
            std::panic::resume_unwind(Box::new("on purpose"));
        }
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[derive(Parser)]
enum Command {
    Dev(DevArgs),
}

fn main() -> ExitCode {
    if let Some(limits) = ChildLimits::of_this_process() {
        return compiler::run(limits);
    }
    let folder = TempDir::new();
    let data = folder.path().join("data");
    let authority = start(&data);
    a_panic_is_one_orders_alone(&authority, &data);
    println!("test a_panic_is_one_orders_alone ... ok");
    println!("test result: ok. 1 passed; 0 failed; 0 ignored");
    ExitCode::SUCCESS
}

/// Starts `lezai dev` in this process, which ends it.
fn start(data: &Path) -> String {
    tracing::subscriber::set_global_default(Log).unwrap();
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let data = data.display().to_string();
    let begun = Instant::now();
    // A free port may be somebody else's by the time that the gateway asks for it: then another.
    loop {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let authority = format!("127.0.0.1:{port}");
        let arguments =
            ["lezai", "dev", "--listen", &authority, "--shop", "127.0.0.1:0", "--data", &data];
        let Command::Dev(args) = Command::parse_from(arguments);
        let gateway =
            std::thread::spawn(|| tokio::runtime::Runtime::new().unwrap().block_on(dev::run(args)));
        while !gateway.is_finished() {
            let answer = Request::new("GET", "/readyz", "").send(&authority);
            if answer.is_ok_and(|it| it.status == 200) && !gateway.is_finished() {
                return authority;
            }
            assert!(begun.elapsed() < Duration::from_secs(180), "the gateway does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        let ended = gateway.join().unwrap().unwrap_err().to_string();
        assert!(ended.contains("is in use"), "the gateway does not start: {ended}");
    }
}

fn a_panic_is_one_orders_alone(authority: &str, data: &Path) {
    let merchant = Merchant::demo_at(authority, data);
    publish_one_that_traps(authority, data);
    let create = |key: &str, body: &Value| merchant.create(key, body.to_string()).unwrap();
    let taken = |answer: &Answer| {
        assert_eq!(answer.status, 201, "{}", answer.json());
        answer.json()["id"].as_str().unwrap().to_owned()
    };
    let answer = create(&random_hex(), &Merchant::order("P-0"));
    taken(&answer);
    assert_eq!(answer.json()["decision"]["reasons"][0]["code"], "plugin_failed");

    let (key, order) = (random_hex(), Merchant::order("P-1"));
    PANICS.store(1, Ordering::SeqCst);
    let answer = create(&key, &order);
    assert_eq!(answer.status, 500, "{}", answer.json());
    let problem = answer.json();
    assert_eq!(problem["code"], "internal");
    assert!(!problem["request_id"].as_str().unwrap().is_empty());
    assert!(!problem.to_string().contains("on purpose"), "{problem}");
    assert_eq!(PANICS.load(Ordering::SeqCst), 0);
    assert!(merchant.find("P-1").is_empty());
    // The same request again, with the same key: nothing holds it any more.
    let id = taken(&create(&key, &order));
    let again = create(&key, &order);
    assert_eq!(
        (again.json()["id"].as_str(), again.field("idempotency-hit")),
        (Some(&*id), Some("true"))
    );

    // Many more panics than the engine has slots, and then orders that have none. (By and by the
    // plugin is taken back, for it does badly.)
    PANICS.store(100, Ordering::SeqCst);
    let failed = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (create, taken, failed) = (&create, &taken, &failed);
            scope.spawn(move || {
                for number in 0..50 {
                    let order = Merchant::order(&format!("P-{thread}-{number}"));
                    let answer = create(&random_hex(), &order);
                    if answer.status == 500 {
                        failed.fetch_add(1, Ordering::SeqCst);
                    } else {
                        taken(&answer);
                    }
                }
            });
        }
    });
    assert_eq!(failed.load(Ordering::SeqCst), 100);
    for number in 0..40 {
        taken(&create(&random_hex(), &Merchant::order(&format!("P-after-{number}"))));
    }
    let ready = Request::new("GET", "/readyz", "").send(authority).unwrap();
    assert_eq!(ready.status, 200, "{}", String::from_utf8_lossy(&ready.body));
}

fn publish_one_that_traps(authority: &str, data: &Path) {
    let file = "../target/artifacts/plugins/hostile.wasm";
    let component = std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let publisher = Publisher::new(&data.join("demo-plugins.pem"), "demo-plugins", "m_demo");
    let token = std::fs::read_to_string(data.join("admin-token")).unwrap();
    let body = publisher.upload(&component, b"risk=trap", "live").to_string();
    let request = Request::new("POST", "/admin/v1/merchants/m_demo/plugins", body)
        .with("content-type", "application/json")
        .with("authorization", &format!("Bearer {}", token.trim()));
    let answer = request.send(authority).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.json());
}
