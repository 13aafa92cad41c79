//! Makes load: one thread with an event loop, so that it takes little of the processors that it
//! shares with what it measures. Requests are signed before the clock starts.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio::time::Instant;

/// The result of a load.
pub(crate) struct Run {
    /// From the first request to the last answer.
    pub(crate) elapsed: Duration,
    /// How long each took, shortest first.
    pub(crate) times: Vec<Duration>,
    /// The answers' bodies, in the requests' order, if they were asked for.
    pub(crate) bodies: Vec<Vec<u8>>,
}

impl Run {
    /// Answers a second.
    pub(crate) fn rate(&self) -> f64 {
        self.times.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// Milliseconds that this share of the requests took at most.
    pub(crate) fn at_ms(&self, percent: usize) -> f64 {
        let index = (self.times.len() * percent / 100).min(self.times.len() - 1);
        self.times[index].as_secs_f64() * 1e3
    }
}

/// Sends all over so many connections, each request as soon as the one before was answered.
pub(crate) fn closed(
    authority: &str,
    connections: usize,
    requests: &[Vec<u8>],
    status: u16,
) -> Run {
    run(requests, |load| async move {
        let connected = (0..connections).map(|_| Connection::open(authority));
        let connected = futures(connected).await;
        let begun = Instant::now();
        let workers = connected.into_iter().map(|mut connection| {
            let load = Rc::clone(&load);
            async move {
                while let Some((index, request)) = load.next() {
                    let sent = Instant::now();
                    let body = connection.exchange(&request, status).await;
                    load.done(index, sent.elapsed(), body);
                }
            }
        });
        futures(workers).await;
        begun.elapsed()
    })
}

/// Sends so many a second, whether those before were answered or not, over as many connections as
/// that takes. A time counts from when the request was due, so that a gateway that stops for a
/// while pays for all who would have come meanwhile.
pub(crate) fn open(authority: &str, rate: f64, requests: &[Vec<u8>], status: u16) -> Run {
    run(requests, |load| async move {
        let begun = Instant::now();
        let idle = Rc::new(RefCell::new(Vec::new()));
        let mut under_way = Vec::new();
        while let Some((index, request)) = load.next() {
            let due = begun + Duration::from_secs_f64(index as f64 / rate);
            tokio::time::sleep_until(due).await;
            let (load, idle, authority) =
                (Rc::clone(&load), Rc::clone(&idle), authority.to_owned());
            under_way.push(tokio::task::spawn_local(async move {
                let free = idle.borrow_mut().pop();
                let mut connection = match free {
                    Some(connection) => connection,
                    None => Connection::open(&authority).await,
                };
                let body = connection.exchange(&request, status).await;
                load.done(index, due.elapsed(), body);
                idle.borrow_mut().push(connection);
            }));
        }
        for request in under_way {
            request.await.unwrap();
        }
        begun.elapsed()
    })
}

struct Load {
    requests: RefCell<std::vec::IntoIter<Vec<u8>>>,
    next: Cell<usize>,
    done: RefCell<Vec<(usize, Duration, Vec<u8>)>>,
}

impl Load {
    fn next(&self) -> Option<(usize, Vec<u8>)> {
        let request = self.requests.borrow_mut().next()?;
        Some((self.next.replace(self.next.get() + 1), request))
    }

    fn done(&self, index: usize, time: Duration, body: Vec<u8>) {
        self.done.borrow_mut().push((index, time, body));
    }
}

fn run<F: Future<Output = Duration>>(
    requests: &[Vec<u8>],
    work: impl FnOnce(Rc<Load>) -> F,
) -> Run {
    let load = Rc::new(Load {
        requests: RefCell::new(Vec::from(requests).into_iter()),
        next: Cell::new(0),
        done: RefCell::new(Vec::with_capacity(requests.len())),
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let elapsed = LocalSet::new().block_on(&runtime, work(Rc::clone(&load)));
    let mut done = load.done.take();
    assert_eq!(done.len(), requests.len());
    done.sort_unstable_by_key(|(index, ..)| *index);
    let mut times: Vec<_> = done.iter().map(|(_, time, _)| *time).collect();
    times.sort_unstable();
    Run { elapsed, times, bodies: done.into_iter().map(|(.., body)| body).collect() }
}

/// Runs all at once, and gives what each gave.
async fn futures<T: 'static, F: Future<Output = T>>(all: impl Iterator<Item = F>) -> Vec<T> {
    futures_util::future::join_all(all).await
}

struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    async fn open(authority: &str) -> Self {
        let stream = TcpStream::connect(authority).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, received: Vec::with_capacity(8 * 1024) }
    }

    async fn exchange(&mut self, request: &[u8], status: u16) -> Vec<u8> {
        self.stream.write_all(request).await.unwrap();
        self.received.clear();
        let (body_at, end) = loop {
            assert!(self.stream.read_buf(&mut self.received).await.unwrap() > 0, "cut off");
            if let Some(body_at) = find(&self.received, b"\r\n\r\n").map(|at| at + 4) {
                break (body_at, body_at + length(&self.received[..body_at]));
            }
        };
        while self.received.len() < end {
            assert!(self.stream.read_buf(&mut self.received).await.unwrap() > 0, "cut off");
        }
        let expected = format!("HTTP/1.1 {status} ");
        assert!(
            self.received.starts_with(expected.as_bytes()),
            "{}",
            String::from_utf8_lossy(&self.received)
        );
        self.received[body_at..end].to_vec()
    }
}

fn length(head: &[u8]) -> usize {
    let head = std::str::from_utf8(head).unwrap();
    let value = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then_some(value.trim())
    });
    value.map_or(0, |value| value.parse().unwrap())
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|it| it == needle)
}
