//! HTTP/1.1 over a plain socket, one connection a request: what is sent is what the test says,
//! byte for byte, however wrong.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Barrier;
use std::time::Duration;

use serde_json::Value;

/// Longer than any time limit of the gateway.
const TIMEOUT: Duration = Duration::from_secs(180);

/// A request. `Host`, `Content-Length` and `Connection` are added when it is sent, the first two
/// unless they are among the fields.
#[derive(Clone, Debug)]
pub struct Request {
    /// In capitals.
    pub method: String,
    /// Path and query, as they stand in the request line.
    pub target: String,
    /// Lowercase names, and values.
    pub fields: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without fields.
    pub fn new(method: &str, target: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            fields: Vec::new(),
            body: body.into(),
        }
    }

    /// Adds a field.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        find(&self.fields, name)
    }

    /// All of it, as bytes on the wire.
    pub fn bytes(&self, authority: &str) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\nconnection: close\r\n", self.method, self.target);
        if self.field("host").is_none() {
            text.push_str(&format!("host: {authority}\r\n"));
        }
        if self.field("content-length").is_none() && self.field("transfer-encoding").is_none() {
            text.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        for (name, value) in &self.fields {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        [text.as_bytes(), &self.body].concat()
    }

    /// Sends it.
    ///
    /// # Errors
    ///
    /// The socket's, and an answer that is none.
    pub fn send(&self, authority: &str) -> std::io::Result<Answer> {
        send_raw(authority, &[&self.bytes(authority)], Duration::ZERO)
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Lowercase names, and values.
    pub fields: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        find(&self.fields, name)
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The problem's code; empty if it is no problem (RFC 9457).
    pub fn code(&self) -> String {
        let problem =
            self.field("content-type").is_some_and(|it| it.starts_with("application/problem+json"));
        let code = self.json()["code"].as_str().map(str::to_owned);
        code.filter(|_| problem).unwrap_or_default()
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|it| it == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).ok()?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        let fields: Vec<_> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let rest = &bytes[end + 4..];
        let body = match find(&fields, "transfer-encoding") {
            Some(_) => unchunked(rest)?,
            None => rest.to_vec(),
        };
        Some(Self { status, fields, body })
    }
}

/// Sends pieces with a pause after each but the last, and reads what comes until the gateway closes.
///
/// # Errors
///
/// The socket's, and an answer that is none.
pub fn send_raw(authority: &str, pieces: &[&[u8]], pause: Duration) -> std::io::Result<Answer> {
    converse(connect(authority)?, pieces, pause)
}

/// A connection with patience.
pub(crate) fn connect(authority: &str) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(authority)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    Ok(stream)
}

/// As [`send_raw`], over a stream that is there.
pub(crate) fn converse(
    mut stream: impl Read + Write,
    pieces: &[&[u8]],
    pause: Duration,
) -> std::io::Result<Answer> {
    for (index, piece) in pieces.iter().enumerate() {
        if index > 0 {
            std::thread::sleep(pause);
        }
        // A gateway that has read enough answers and closes; the answer is there to be read.
        if stream.write_all(piece).is_err() {
            break;
        }
    }
    let mut bytes = Vec::new();
    let ended = stream.read_to_end(&mut bytes);
    match Answer::parse(&bytes) {
        Some(answer) => Ok(answer),
        None => {
            ended?;
            let seen = String::from_utf8_lossy(&bytes).into_owned();
            Err(std::io::Error::new(
                std::io::ErrorKind::InvalidData,
                format!("no answer: {seen:?}"),
            ))
        }
    }
}

fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|it| it == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..line]).ok()?, 16).ok()?;
        let chunk = rest.get(line + 2..line + 2 + length)?;
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(chunk);
        rest = rest.get(line + 4 + length..)?;
    }
}

fn find<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    fields.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
}

/// Does them all from the same moment on, and gives their answers in the same order.
pub fn at_once<Work: Fn() -> Answer + Sync>(works: &[Work]) -> Vec<Answer> {
    crowd(works.len(), |n| works[n]())
}

/// So many callers who begin at the same moment; what each got, in the order of their numbers.
pub fn crowd<T: Send>(count: usize, call: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(count);
    std::thread::scope(|scope| {
        let mut callers = Vec::with_capacity(count);
        for n in 0..count {
            let (start, call) = (&start, &call);
            callers.push(scope.spawn(move || {
                start.wait();
                call(n)
            }));
        }
        callers.into_iter().map(|it| it.join().unwrap()).collect()
    })
}
