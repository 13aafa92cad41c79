//! `lezai listen` and `lezai trigger` on the real binary: every kind of event is made to happen and its
//! callback arrives, is passed on as it came, and is missed when it does not come.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lezai_tests::{Gateway, Merchant, Receiver, Request, TempDir, binary, lezai};
use serde_json::Value;

const TIMEOUT: Duration = Duration::from_secs(30);

/// `lezai listen`, and what it printed.
struct Listen {
    child: Child,
    address: String,
    out: Arc<Mutex<Vec<String>>>,
    err: Arc<Mutex<Vec<String>>>,
}

impl Listen {
    fn start(gateway: &Gateway, arguments: &[&str]) -> Self {
        let mut child = Command::new(binary())
            .args(["listen", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(&gateway.data)
            .args(["--gateway", &format!("http://{}", gateway.authority)])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = collect(child.stdout.take().unwrap());
        let err = collect(child.stderr.take().unwrap());
        let mut it = Self { child, address: String::new(), out, err };
        let first = it.says("callbacks to http://");
        it.address = first.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
        it
    }

    fn url(&self) -> String {
        format!("http://{}/callbacks?t=1", self.address)
    }

    /// Waits for a line on standard error.
    fn says(&self, what: &str) -> String {
        wait_for(&self.err, what)
    }

    /// Waits for a line on standard output.
    fn prints(&self, what: &str) -> String {
        wait_for(&self.out, what)
    }
}

impl Drop for Listen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(stream: impl std::io::Read + Send + 'static) -> Arc<Mutex<Vec<String>>> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&lines);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            kept.lock().unwrap().push(line);
        }
    });
    lines
}

fn wait_for(lines: &Mutex<Vec<String>>, what: &str) -> String {
    let begun = Instant::now();
    loop {
        let found = lines.lock().unwrap().iter().find(|it| it.contains(what)).cloned();
        match found {
            Some(line) => return line,
            None if begun.elapsed() > TIMEOUT => {
                panic!("no {what:?} in {:#?}", lines.lock().unwrap())
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// Runs `lezai trigger`; its exit code and what it printed.
fn trigger(gateway: &Gateway, event: &str, notify_url: &str) -> (Option<i32>, String) {
    let (authority, data) = (format!("http://{}", gateway.authority), &gateway.data);
    let data = data.display().to_string();
    let flags = ["--gateway", &authority, "--data-dir", &data, "--notify-url", notify_url];
    let done = lezai(&[&["trigger", event][..], &flags[..]].concat());
    let text = String::from_utf8(done.stdout).unwrap() + &String::from_utf8(done.stderr).unwrap();
    (done.status.code(), text)
}

/// The id of the event that it named.
fn named(text: &str, event: &str) -> String {
    let line = text.lines().find(|it| it.starts_with("event ") && it.contains(event));
    line.unwrap_or_else(|| panic!("{text}")).split(' ').next_back().unwrap().to_owned()
}

#[test]
fn every_kind_of_event_is_triggered_and_arrives() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let merchant = Merchant::demo(&gateway);
    let receiver = Receiver::start();
    let listed = String::from_utf8(lezai(&["trigger", "--list"]).stdout).unwrap();
    let kinds: BTreeSet<&str> = listed.lines().map(|it| it.split(' ').next().unwrap()).collect();
    assert!(kinds.len() >= 23, "{listed}");
    for kind in kinds {
        let (code, text) = trigger(&gateway, kind, &receiver.url);
        if kind == "endpoint.test" {
            // This receiver takes whatever comes, and is told so.
            assert_eq!(code, Some(1), "{text}");
            assert!(text.contains("whoever knows the address can forge payments"), "{text}");
            let came = |it: &[Value]| it.iter().filter(|it| it["type"] == kind).count() == 2;
            assert!(receiver.wait(TIMEOUT, came), "{text}");
            continue;
        }
        assert_eq!(code, Some(0), "{kind}: {text}\n{}", gateway.log());
        let id = named(&text, kind);
        let event = merchant.get(&format!("/v1/events/{id}")).json();
        assert_eq!(event["type"], kind);
        if kind.starts_with("endpoint.") {
            assert_eq!(event["delivery"]["status"], "not_sent");
            continue;
        }
        assert_eq!(event["delivery"]["status"], "delivered", "{text}");
        if ["mandate.", "payout.", "payout_batch.", "settlement.", "contract.", "statement."]
            .iter()
            .any(|it| kind.starts_with(it))
        {
            // The merchant's own address took it: such an event has no other.
            continue;
        }
        let came = |it: &[Value]| it.iter().any(|it| it["id"] == id.as_str() && it["type"] == kind);
        assert!(receiver.wait(TIMEOUT, came), "{kind}: {text}");
    }
    let unknown = trigger(&gateway, "order.lost", &receiver.url);
    assert_eq!(unknown.0, Some(2), "{}", unknown.1);
    let check = lezai(&["ledger", "check", "--data", &gateway.data.display().to_string()]);
    assert!(check.status.success(), "{check:?}");
    assert!(!gateway.log().contains("internal failure"), "{}", gateway.log());
}

/// The head and the body of a request.
type Came = (String, Vec<u8>);

/// A server of a developer's, which keeps what comes byte for byte and answers as it is told.
struct Local {
    url: String,
    answer: Arc<Mutex<String>>,
    came: Arc<Mutex<Vec<Came>>>,
}

impl Local {
    fn start(answer: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let it =
            Self { url, answer: Arc::new(Mutex::new(answer.to_owned())), came: Arc::default() };
        let (answer, came) = (Arc::clone(&it.answer), Arc::clone(&it.came));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
                while !bytes.ends_with(b"}") {
                    match stream.read(&mut buffer) {
                        Ok(0) | Err(_) => break,
                        Ok(length) => bytes.extend_from_slice(&buffer[..length]),
                    }
                }
                let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") else { continue };
                let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
                came.lock().unwrap().push((head, bytes[end + 4..].to_vec()));
                let answer = answer.lock().unwrap().clone();
                if answer.is_empty() {
                    // It says nothing, for as long as the connection lives.
                    let _ = stream.read(&mut buffer);
                }
                let _ = write!(stream, "HTTP/1.1 {answer}");
            }
        });
        it
    }

    fn answers(&self, answer: &str) {
        answer.clone_into(&mut self.answer.lock().unwrap());
    }
}

const TAKEN: &str = "204 No Content\r\nconnection: close\r\n\r\n";
const BUSY: &str =
    "503 Busy\r\nconnection: close\r\nretry-after: 7\r\ncontent-length: 9\r\n\r\nnot today";

#[test]
fn callbacks_are_passed_on_as_they_came_and_answers_go_back() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let merchant = Merchant::demo(&gateway);
    let local = Local::start(TAKEN);
    let listen = Listen::start(&gateway, &["--forward", &local.url]);

    let (code, text) = trigger(&gateway, "order.paid", &listen.url());
    assert_eq!(code, Some(0), "{text}");
    let id = named(&text, "order.paid");
    listen.prints(&id);
    listen.says("passed on: 204");
    let (head, body) = local.came.lock().unwrap()[0].clone();
    assert!(head.starts_with("post /callbacks?t=1 http/1.1"), "{head}");
    for field in [
        format!("host: {}", listen.address),
        format!("webhook-id: {id}"),
        "signature-input: sig1=(\"@method\" \"@authority\" \"@path\" \"@query\" \"content-digest\""
            .to_owned(),
        "signature: sig1=:".to_owned(),
        "webhook-signature: v1,".to_owned(),
        "content-type: application/json".to_owned(),
    ] {
        assert!(head.contains(&format!("\r\n{field}")), "{field}: {head}");
    }
    let event: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(event["id"], id.as_str());
    // The digest that is signed is that of the bytes which came.
    let digest = lezai_core::digest::content_digest(&body).to_ascii_lowercase();
    assert!(head.contains(&digest), "{head}");

    // The server's answer is the one that the gateway hears.
    let tried = |kind: &str, status: u16| {
        let (code, text) = trigger(&gateway, kind, &listen.url());
        assert_eq!(code, Some(1), "{text}");
        let event = merchant.get(&format!("/v1/events/{}", named(&text, kind))).json();
        let tries = event["delivery"]["tries"].as_array().unwrap().clone();
        assert!(tries.iter().all(|it| it["status"] == status), "{event:#}");
        tries
    };
    local.answers(BUSY);
    assert_eq!(tried("order.closed", 503)[0]["answer"], "not today");
    listen.says("passed on: 503");
    // One that is silent costs no more than the gateway's patience, and the gateway is told why.
    local.answers("");
    assert_eq!(tried("payment.declined", 504)[0]["answer"], "no answer in time");
    listen.says("passed on: no answer");

    // The receiver behind is what an echo test tries: what is forged gets there as well.
    local.answers(TAKEN);
    let (code, text) = trigger(&gateway, "endpoint.test", &listen.url());
    assert_eq!(code, Some(1), "{text}");
    listen.says("it took what does not verify");
    let forged = Request::new("POST", "/callbacks", "{}").send(&listen.address).unwrap();
    assert_eq!(forged.status, 204);
}

#[test]
fn who_only_listens_refuses_what_is_forged() {
    let folder = TempDir::new();
    let gateway = Gateway::start(folder.path());
    let listen = Listen::start(&gateway, &["--json"]);
    let (code, text) = trigger(&gateway, "endpoint.test", &listen.url());
    assert_eq!(code, Some(0), "{text}");
    let line: Value = serde_json::from_str(&listen.prints("endpoint.test")).unwrap();
    assert_eq!(line["merchant"], "m_demo");
    listen.says("refused: ");
}

#[test]
fn it_notices_that_it_is_cut_off_and_what_it_missed() {
    let folder = TempDir::new();
    let mut gateway = Gateway::start(folder.path());
    let listen = Listen::start(&gateway, &[]);
    // An address where nobody is: the callback gets nowhere, and is named.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    // It reads events from when it began.
    std::thread::sleep(Duration::from_secs(3));
    let (code, text) = trigger(&gateway, "order.closed", &format!("http://{nobody}/"));
    assert_eq!(code, Some(1), "{text}");
    let line = listen.says(&named(&text, "order.closed"));
    assert!(line.contains("not delivered: order.closed of ord_"), "{line}");
    assert!(line.contains(&format!("waiting: {nobody}: refused")), "{line}");

    // A callback that came is not reported.
    let (code, text) = trigger(&gateway, "order.paid", &listen.url());
    assert_eq!(code, Some(0), "{text}");
    let id = named(&text, "order.paid");
    listen.prints(&id);

    let authority = gateway.authority.clone();
    gateway.kill();
    listen.says("cut off: ");
    let _gateway = Gateway::start_at(folder.path(), &authority);
    listen.says("back: ");
    std::thread::sleep(Duration::from_secs(3));
    let lines = listen.err.lock().unwrap().clone();
    assert!(!lines.iter().any(|it| it.contains(&id)), "{lines:#?}");
    assert_eq!(lines.iter().filter(|it| it.contains("not delivered")).count(), 1, "{lines:#?}");
}
