//! A merchant's address for callbacks: it takes them all and remembers them.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Listens for as long as the test runs.
pub struct Receiver {
    /// Where callbacks go.
    pub url: String,
    events: Arc<Mutex<Vec<Value>>>,
}

impl Receiver {
    /// Starts to listen on a free port.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/callbacks", listener.local_addr().unwrap());
        let events = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&events);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || serve(stream, &kept));
            }
        });
        Self { url, events }
    }

    /// The events received so far.
    pub fn events(&self) -> Vec<Value> {
        self.events.lock().unwrap().clone()
    }

    /// Waits until `enough` is true of what came.
    pub fn wait(&self, at_most: Duration, enough: impl Fn(&[Value]) -> bool) -> bool {
        let start = Instant::now();
        while start.elapsed() < at_most {
            if enough(&self.events()) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    }
}

/// Requests on one connection, one after the other, until it ends.
fn serve(mut stream: TcpStream, kept: &Mutex<Vec<Value>>) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        while let Some((body, rest)) = body(&bytes) {
            kept.lock().unwrap().push(serde_json::from_slice(&body).unwrap_or_default());
            bytes = rest;
            if stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").is_err() {
                return;
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(length) => bytes.extend_from_slice(&buffer[..length]),
        }
    }
}

fn body(bytes: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let end = bytes.windows(4).position(|it| it == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))?
        .trim()
        .parse::<usize>()
        .ok()?;
    let body = bytes.get(end..end + length)?;
    Some((body.to_vec(), bytes[end + length..].to_vec()))
}
