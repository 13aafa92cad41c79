//! `Idempotency-Key` to the letter of the IETF draft: what is missing, reused, under way, repeated,
//! cut off by a crash, and forgotten.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use lezai_tests::{Answer, Gateway, Merchant, Receiver, Request, TempDir, random_hex};
use serde_json::json;

/// A receiver that takes its time over each callback.
struct Slow {
    url: String,
    begun: Arc<AtomicUsize>,
}

impl Slow {
    fn start(each: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let begun = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&begun);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                count.fetch_add(1, Ordering::SeqCst);
                let mut buffer = [0; 8192];
                let _ = stream.read(&mut buffer);
                std::thread::sleep(each);
                let _ = write!(stream, "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
            }
        });
        Self { url, begun }
    }

    fn wait(&self, calls: usize) {
        let start = Instant::now();
        while self.begun.load(Ordering::SeqCst) < calls {
            assert!(start.elapsed() < Duration::from_secs(20), "nobody called");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn problem(answer: &Answer) -> (u16, String, String) {
    let retry = answer.json()["retry"].as_str().unwrap_or_default().to_owned();
    (answer.status, answer.code(), retry)
}

fn told(status: u16, code: &str, retry: &str) -> (u16, String, String) {
    (status, code.to_owned(), retry.to_owned())
}

#[test]
fn every_sentence_of_the_draft() {
    let folder = TempDir::new();
    let mut gateway = Gateway::start(folder.path());
    let merchant = Merchant::demo(&gateway);
    let receiver = Receiver::start();
    let mut order = Merchant::order(&random_hex());
    order["notify_url"] = json!(receiver.url);
    let body = order.to_string();

    // Missing: 400, and the type of the problem leads to what is right.
    let mut unkeyed = merchant.post("/v1/orders", "none", body.as_bytes());
    unkeyed.fields.retain(|(name, _)| name != "idempotency-key");
    let missing = merchant.send(&unkeyed).unwrap();
    assert_eq!(problem(&missing), told(400, "idempotency_key_missing", "never"));
    assert_eq!(missing.json()["type"], "/reference#idempotency_key_missing");

    // Repeated: the first answer, byte for byte.
    let first = merchant.create("order", body.as_bytes()).unwrap();
    assert_eq!((first.status, first.field("idempotency-hit")), (201, None));
    let repeat = merchant.create("order", body.as_bytes()).unwrap();
    assert_eq!((repeat.status, repeat.field("idempotency-hit")), (201, Some("true")));
    assert_eq!(repeat.body, first.body);

    // Reused for anything else: 422. Another body, another call, the same JSON in other bytes.
    let id = first.json()["id"].as_str().unwrap().to_owned();
    let spaced = format!(" {body}");
    for (target, body) in [
        ("/v1/orders".to_owned(), Merchant::order("other").to_string()),
        ("/v1/orders".to_owned(), spaced),
        (format!("/v1/orders/{id}/close"), "{}".to_owned()),
        ("/v1/orders?x=1".to_owned(), body.clone()),
    ] {
        let reused = merchant.send(&merchant.post(&target, "order", body.as_bytes())).unwrap();
        assert_eq!(problem(&reused), told(422, "idempotency_key_reused", "never"), "{target}");
    }

    // Still under way: 409, and the same again with the same key is right.
    let slow = Slow::start(Duration::from_millis(700));
    let test = json!({ "notify_url": slow.url }).to_string();
    let ask = |key: &str| merchant.post("/v1/events/test", key, test.as_bytes());
    let (one, two) = (ask("test"), ask("test"));
    let another = Merchant::order("another").to_string();
    let answer = std::thread::scope(|scope| {
        let first = scope.spawn(|| merchant.send(&one).unwrap());
        slow.wait(1);
        let second = merchant.send(&two).unwrap();
        assert_eq!(problem(&second), told(409, "request_in_progress", "same_key"));
        let other = merchant.create("other", another.as_bytes()).unwrap();
        assert_eq!(other.status, 201, "another key does not wait");
        first.join().unwrap()
    });
    assert_eq!(answer.status, 200, "{}", answer.json());
    let repeat = merchant.send(&ask("test")).unwrap();
    assert_eq!((repeat.status, &repeat.body), (200, &answer.body));
    assert_eq!(repeat.field("idempotency-hit"), Some("true"));
    assert_eq!(slow.begun.load(Ordering::SeqCst), 3, "the repeat called nobody");

    // A request that was refused keeps nothing: sent again when it can be done, it is done.
    let refund =
        json!({ "merchant_refund_id": "R-1", "amount": 100, "currency": "CNY" }).to_string();
    let target = format!("/v1/orders/{id}/refunds");
    let ask_refund =
        || merchant.send(&merchant.post(&target, "refund", refund.as_bytes())).unwrap();
    assert_eq!(ask_refund().code(), "order_state");
    let pay = Request::new("POST", &format!("/sandbox/orders/{id}/pay"), "");
    assert_eq!(pay.send(&gateway.authority).unwrap().status, 200);
    assert_eq!(ask_refund().status, 201);

    // Cut off in the middle: nobody works on the key after a restart, and it is done anew.
    let authority = gateway.authority.clone();
    let (cut, calls) = (ask("cut"), slow.begun.load(Ordering::SeqCst));
    std::thread::scope(|scope| {
        let cut_off = scope.spawn(|| cut.send(&authority));
        slow.wait(calls + 1);
        gateway.kill();
        assert!(cut_off.join().unwrap().is_err());
    });
    let gateway = Gateway::start_at(folder.path(), &authority);
    let merchant = Merchant::demo(&gateway);
    let anew = merchant.send(&merchant.post("/v1/events/test", "cut", test.as_bytes())).unwrap();
    assert_eq!((anew.status, anew.field("idempotency-hit")), (200, None), "{}", anew.json());
    let repeat = merchant.create("order", body.as_bytes()).unwrap();
    assert_eq!(repeat.body, first.body, "what was answered is kept");

    // A day later a key counts as new, and the merchant's own number still stands.
    let advance = Request::new("POST", "/sandbox/clock", r#"{"advance_secs":86460}"#);
    let advance = advance.with("content-type", "application/json").send(&authority).unwrap();
    assert_eq!(advance.status, 200);
    let start = Instant::now();
    loop {
        let late = merchant.create("order", body.as_bytes()).unwrap();
        if late.status == 409 {
            assert_eq!(late.code(), "merchant_order_id_taken");
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{}", late.json());
        std::thread::sleep(Duration::from_millis(100));
    }
}
