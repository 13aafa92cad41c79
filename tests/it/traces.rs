//! Traces as a collector gets them: one order, from its merchant's request over the page to the callback, is one trace;
//! and a collector that does not answer holds up nobody.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use lezai_tests::page::Page;
use lezai_tests::{Gateway, Merchant, Request, TempDir, random_hex, until};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::json;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

/// Head and body of a request.
type Taken = (String, Vec<u8>);

/// A server that takes everything, and remembers head and body of each request.
struct Server {
    url: String,
    taken: Arc<Mutex<Vec<Taken>>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let taken: Arc<Mutex<Vec<Taken>>> = Arc::default();
        let kept = Arc::clone(&taken);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || serve(stream, &kept));
            }
        });
        Self { url, taken }
    }

    /// The spans of a collector.
    fn spans(&self) -> Vec<Span> {
        let taken = self.taken.lock().unwrap();
        let requests = taken.iter().map(|(head, body)| {
            assert!(head.starts_with("POST /v1/traces HTTP/1.1"), "{head}");
            ExportTraceServiceRequest::decode(&body[..]).unwrap()
        });
        let resources = requests.flat_map(|it| it.resource_spans);
        resources.flat_map(|it| it.scope_spans).flat_map(|it| it.spans).collect()
    }

    fn heads(&self) -> Vec<String> {
        self.taken.lock().unwrap().iter().map(|(head, _)| head.clone()).collect()
    }
}

fn serve(mut stream: TcpStream, taken: &Mutex<Vec<Taken>>) {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 16 * 1024]);
    loop {
        while let Some((head, length)) = head(&bytes) {
            let whole = head.len() + length;
            if bytes.len() < whole {
                break;
            }
            let body = bytes[head.len()..whole].to_vec();
            bytes.drain(..whole);
            taken.lock().unwrap().push((head, body));
            if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").is_err() {
                return;
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(length) => bytes.extend_from_slice(&buffer[..length]),
        }
    }
}

/// The head of a request, and the length of its body.
fn head(bytes: &[u8]) -> Option<(String, usize)> {
    let end = bytes.windows(4).position(|it| it == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let lower = head.to_ascii_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length = length.map_or(0, |it| it.trim().parse().unwrap());
    Some((head, length))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every value that is noted on a span, as text.
fn notes(span: &Span) -> String {
    format!("{:?}", span.attributes)
}

#[test]
fn one_order_is_one_trace_from_its_request_to_its_callback() {
    let (collector, receiver) = (Server::start(), Server::start());
    let folder = TempDir::new();
    let gateway = Gateway::start_with(folder.path(), &["--telemetry", &collector.url]);
    let merchant = Merchant::demo(&gateway);
    let mut order = Merchant::order("T-1");
    order["notify_url"] = json!(format!("{}/callbacks", receiver.url));
    let request = merchant.post("/v1/orders", &random_hex(), order.to_string());
    let request = request.with("traceparent", &format!("00-{TRACE}-{CALLER}-01"));
    let created = merchant.send(&request).unwrap();
    assert_eq!(created.status, 201, "{}", created.json());
    let order = created.json();
    let page = Page::of(&gateway.authority, &order);
    page.claim();
    page.pay(&random_hex());
    let target = format!("/sandbox/orders/{}/pay", order["id"].as_str().unwrap());
    let paid = Request::new("POST", &target, "").send(&gateway.authority).unwrap();
    assert_eq!(paid.status, 200, "{}", paid.json());
    until("a callback in the trace", || {
        receiver.heads().iter().any(|it| it.contains(&format!("traceparent: 00-{TRACE}-")))
    });

    let of_trace = || -> Vec<Span> {
        let spans = collector.spans().into_iter();
        spans.filter(|it| hex(&it.trace_id) == TRACE).collect()
    };
    let wanted = ["POST /v1/orders", "decide", "commit", "channel", "callbacks task", "callback"];
    let is_there = |name: &str, spans: &[Span]| spans.iter().any(|it| it.name == name);
    until("all spans of the trace, and those that they hang on", || {
        let spans = of_trace();
        let mut ids: BTreeSet<String> = spans.iter().map(|it| hex(&it.span_id)).collect();
        ids.insert(CALLER.to_owned());
        wanted.iter().all(|name| is_there(name, &spans))
            && spans.iter().any(|it| it.name.starts_with("POST /v1/checkout/"))
            && spans.iter().all(|it| ids.contains(&hex(&it.parent_span_id)))
    });
    let spans = of_trace();
    let root = spans.iter().find(|it| it.name == "POST /v1/orders").unwrap();
    assert_eq!(hex(&root.parent_span_id), CALLER);
    // What came later hangs on the request that made the order.
    assert!(spans.iter().all(|it| it.start_time_unix_nano <= it.end_time_unix_nano), "{spans:?}");
    let task = spans.iter().find(|it| it.name == "callbacks task").unwrap();
    assert_eq!(task.parent_span_id, root.span_id);
    // The callback passes on the place of the task that sent it.
    let passed = receiver.heads().into_iter().find(|it| it.contains("traceparent")).unwrap();
    let tasks = spans.iter().filter(|it| it.name == "callbacks task");
    let mut tasks = tasks.map(|it| hex(&it.span_id));
    assert!(tasks.any(|id| passed.contains(&id)), "{passed}");
    // Nothing of the order is told but ids and codes.
    let told: String = spans.iter().map(notes).collect();
    assert!(
        told.contains("m_demo") && !told.contains("T-1") && !told.contains("Jasmine"),
        "{told}"
    );

    // A measurement names the trace of a request.
    let metrics = Request::new("GET", "/metrics", "").send(&gateway.authority).unwrap();
    let metrics = String::from_utf8(metrics.body).unwrap();
    assert!(metrics.contains("# {trace_id=\""), "{metrics}");

    // A stranger's trace is not believed, and neither is anything that is no traceparent.
    let other = TRACE.replace('0', "1");
    let stranger = Request::new("GET", "/v1/orders", "");
    let stranger = stranger.with("traceparent", &format!("00-{other}-{CALLER}-01"));
    assert_eq!(stranger.send(&gateway.authority).unwrap().status, 401);
    let list = Request::new("GET", "/v1/orders?limit=1", "").with("traceparent", "00-nonsense");
    assert_eq!(merchant.send(&merchant.sign(list)).unwrap().status, 200);
    until("the refused request is told of", || {
        collector.spans().iter().any(|it| it.name == "GET /v1/orders" && notes(it).contains("401"))
    });
    assert!(collector.spans().iter().all(|it| hex(&it.trace_id) != other));
}

#[test]
fn a_collector_that_does_not_answer_holds_up_nobody() {
    // It takes connections, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let folder = TempDir::new();
    let gateway = Gateway::start_with(folder.path(), &["--telemetry", &url]);
    let merchant = Merchant::demo(&gateway);
    for n in 0..20 {
        let order = Merchant::order(&format!("N-{n}"));
        let created = merchant.create(&random_hex(), order.to_string()).unwrap();
        assert_eq!(created.status, 201, "{}", created.json());
    }
    until("the failed export is counted", || {
        let metrics = Request::new("GET", "/metrics", "").send(&gateway.authority).unwrap();
        let text = String::from_utf8(metrics.body).unwrap();
        text.lines()
            .any(|it| it.starts_with("lezai_trace_exports_failed_total") && !it.ends_with(" 0"))
    });
}
