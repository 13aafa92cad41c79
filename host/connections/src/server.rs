//! Connections: accepted up to a bound, each with little patience, and let go in peace at the end.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use hyper::body::Incoming;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_io_timeout::TimeoutStream;

use super::linger::{Lingering, Unread, Whole};

/// The address that a request's connection comes from: that of a proxy, where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// Connections at once; each takes a few KB, and a page that watches holds one.
const MAX_CONNECTIONS: u64 = 16_384;
/// Files that stay free for the store, callbacks and the rest.
const OTHER_FILES: u64 = 200;
/// A header must arrive within this, and a quiet connection is closed after it.
const HEADER_TIME: Duration = Duration::from_secs(30);
/// Who does not take what it asked for within this is let go.
const WRITE_TIME: Duration = Duration::from_secs(30);
/// What is under way at the end has this long.
const FAREWELL: Duration = Duration::from_secs(10);
/// The log is told this often that connections cannot be taken.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// Past this, hyper answers 431 by itself; up to it, we answer with a problem.
const READ_BUFFER: usize = 64 * 1024;

/// Serves until told to stop, and then finishes what is under way.
pub async fn serve(listener: TcpListener, app: Router, mut stop: watch::Receiver<bool>) {
    let most = connections();
    let slots = Arc::new(Semaphore::new(most));
    let graceful = GracefulShutdown::new();
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIME).max_buf_size(READ_BUFFER);
    let mut told = Told::default();
    loop {
        if slots.available_permits() == 0 && told.is_due() {
            tracing::error!(
                most,
                "every connection is taken, and further ones wait; the limit on open files (ulimit -n) bounds them"
            );
        }
        let slot = tokio::select! {
            slot = Arc::clone(&slots).acquire_owned() => slot,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Such as too many open files: a moment later some may be closed.
                if told.is_due() {
                    tracing::error!(%error, "cannot accept a connection");
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // An answer is one small write; waiting to fill a packet would only delay it.
        let _ = stream.set_nodelay(true);
        let peer = Peer(peer.ip().to_canonical());
        let (app, unread) = (app.clone(), Unread::default());
        let of_bodies = unread.clone();
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let mut request = request.map(|body| Whole::new(body, of_bodies.clone()));
            request.extensions_mut().insert(peer);
            TowerToHyperService::new(app.clone()).call(request)
        });
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(WRITE_TIME));
        let stream = TokioIo::new(Lingering::new(Box::pin(stream), unread));
        let connection = graceful.watch(http.serve_connection(stream, service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended early");
            }
            drop(slot);
        });
    }
    drop(listener);
    if tokio::time::timeout(FAREWELL, graceful.shutdown()).await.is_err() {
        tracing::warn!("some connections did not end in time");
    }
}

/// When the log was last told that connections cannot be taken: whoever keeps it so does not fill it.
#[derive(Default)]
struct Told(Option<Instant>);

impl Told {
    fn is_due(&mut self) -> bool {
        let due = self.0.is_none_or(|at| at.elapsed() >= TELL_EVERY);
        if due {
            self.0 = Some(Instant::now());
        }
        due
    }
}

/// As many as the system lets us have, and at most [`MAX_CONNECTIONS`]: past its own limit of open
/// files, a process can neither accept nor read its store.
fn connections() -> usize {
    let files = rlimit::increase_nofile_limit(MAX_CONNECTIONS + OTHER_FILES).unwrap_or(1_024);
    let connections = files.saturating_sub(OTHER_FILES).clamp(64, MAX_CONNECTIONS);
    usize::try_from(connections).unwrap_or(64)
}
