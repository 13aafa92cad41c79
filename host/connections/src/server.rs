//! Connections: accepted up to a bound, each with little patience, and let go in peace at the end.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use hyper::body::Incoming;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;

use super::linger::{Lingering, Unread, Whole};
use super::proxies::{Proxies, read_proxy_header};

/// The address that a request comes from: its connection's, or what a trusted proxy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// Connections at once; each takes a few KB, and a page that watches holds one.
const MAX_CONNECTIONS: u64 = 16_384;
/// Files that stay free for the store, callbacks and the rest.
const OTHER_FILES: u64 = 200;
/// A header must arrive within this, and a quiet connection is closed after it.
const HEADER_TIME: Duration = Duration::from_secs(30);
/// A proxy's header, and then a handshake of TLS, must be over within this each.
const GREETING_TIME: Duration = Duration::from_secs(10);
/// A client that does not take what it asked for within this time is disconnected.
const WRITE_TIME: Duration = Duration::from_secs(30);
/// Requests under way at the end have this long.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);
/// The log is told this often that connections cannot be taken.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// Past this, hyper answers 431 by itself; up to it, we answer with a problem.
const READ_BUFFER: usize = 64 * 1024;

/// How a listener takes connections.
#[derive(Clone, Default)]
pub struct Options {
    /// TLS, if it is ended here.
    pub tls: Option<Arc<ServerConfig>>,
    /// The proxies that may speak for a client's address.
    pub proxies: Arc<Proxies>,
    /// Connections at once; none for as many as the system gives.
    pub connections: Option<usize>,
    /// Connections at once of one address that is no proxy's; none for any number.
    pub connections_per_address: Option<u32>,
}

/// How a request came.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Whether the other end of the connection is a trusted proxy.
    pub by_proxy: bool,
    /// Whether a trusted proxy says that the client spoke without TLS.
    pub in_clear: bool,
}

/// Serves until told to stop, and then finishes what is under way.
pub async fn serve(listener: TcpListener, app: Router, stop: watch::Receiver<bool>) {
    serve_with(listener, app, Options::default(), stop).await;
}

/// As [`serve`], with TLS, behind proxies, and with other bounds.
pub async fn serve_with(
    listener: TcpListener,
    app: Router,
    options: Options,
    mut stop: watch::Receiver<bool>,
) {
    let most = options.connections.map_or_else(connections, |most| most.min(connections()));
    let slots = Arc::new(Semaphore::new(most));
    let graceful = GracefulShutdown::new();
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIME).max_buf_size(READ_BUFFER);
    let listening = Arc::new(Listening { http, app, options, addresses: Addresses::default() });
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
            Ok((stream, peer)) => (stream, peer.ip().to_canonical()),
            Err(error) => {
                // Such as too many open files: a moment later some may be closed.
                if told.is_due() {
                    tracing::error!(%error, "cannot accept a connection");
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (listening, watcher) = (Arc::clone(&listening), graceful.watcher());
        tokio::spawn(async move {
            if let Err(error) = listening.converse(stream, peer, watcher).await {
                tracing::debug!(%error, "connection ended early");
            }
            drop(slot);
        });
    }
    drop(listener);
    if tokio::time::timeout(SHUTDOWN_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::warn!("some connections did not end in time");
    }
}

/// The state that all connections of a listener share.
struct Listening {
    http: hyper::server::conn::http1::Builder,
    app: Router,
    options: Options,
    addresses: Addresses,
}

impl Listening {
    async fn converse(
        &self,
        stream: TcpStream,
        peer: IpAddr,
        watcher: Watcher,
    ) -> Result<(), Ended> {
        // An answer is one small write; waiting to fill a packet would only delay it.
        let _ = stream.set_nodelay(true);
        let proxies = &self.options.proxies;
        let by_proxy = proxies.trusts(peer);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(WRITE_TIME));
        let mut stream = Box::pin(stream);
        let mut client = peer;
        if by_proxy && proxies.proxy_v2 {
            let read = tokio::time::timeout(GREETING_TIME, read_proxy_header(&mut stream));
            client = read.await.map_err(|_| Ended::Slow)??.unwrap_or(peer);
        }
        // A proxy's connections have many clients; it bounds them itself.
        let forwarded = by_proxy && !proxies.proxy_v2;
        let counted = match self.options.connections_per_address.filter(|_| !forwarded) {
            Some(most) => Some(self.addresses.enter(client, most).ok_or(Ended::TooMany)?),
            None => None,
        };
        let from = From { peer, client, by_proxy };
        let served = match &self.options.tls {
            Some(config) => {
                let accepting = TlsAcceptor::from(Arc::clone(config)).accept(stream);
                let stream = tokio::time::timeout(GREETING_TIME, accepting).await;
                self.answer(stream.map_err(|_| Ended::Slow)??, from, watcher).await
            }
            None => self.answer(stream, from, watcher).await,
        };
        drop(counted);
        Ok(served?)
    }

    async fn answer(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        from: From,
        watcher: Watcher,
    ) -> Result<(), hyper::Error> {
        let (app, unread) = (self.app.clone(), Unread::default());
        let (of_bodies, proxies) = (unread.clone(), Arc::clone(&self.options.proxies));
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let mut request = request.map(|body| Whole::new(body, of_bodies.clone()));
            let headers = request.headers();
            let in_clear = proxies.in_clear(from.peer, headers);
            let client = match from.client == from.peer {
                true => proxies.client(from.peer, headers),
                false => from.client,
            };
            let arrival = Arrival { by_proxy: from.by_proxy, in_clear };
            request.extensions_mut().insert(Peer(client));
            request.extensions_mut().insert(arrival);
            TowerToHyperService::new(app.clone()).call(request)
        });
        let stream = TokioIo::new(Lingering::new(stream, unread));
        watcher.watch(self.http.serve_connection(stream, service)).await
    }
}

/// Where a connection comes from.
#[derive(Clone, Copy)]
struct From {
    /// Its other end.
    peer: IpAddr,
    /// Whom the other end speaks for.
    client: IpAddr,
    by_proxy: bool,
}

/// Why a connection ended before its client ended it.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("{0}")]
    Stream(#[from] io::Error),
    #[error("{0}")]
    Http(#[from] hyper::Error),
    #[error("the greeting took too long")]
    Slow,
    #[error("its address has too many connections")]
    TooMany,
}

/// How many connections each network has that has one.
#[derive(Default)]
struct Addresses(Mutex<HashMap<u128, u32>>);

/// A counted connection, until it is dropped.
struct Entered<'a> {
    addresses: &'a Addresses,
    network: u128,
}

impl Addresses {
    fn enter(&self, ip: IpAddr, most: u32) -> Option<Entered<'_>> {
        let network = lezai_core::ip::network(ip);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(network).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Entered { addresses: self, network })
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let mut counts = self.addresses.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.network);
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_of_an_address_are_bounded_and_those_that_ended_are_forgotten() {
        let addresses = Addresses::default();
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let one = addresses.enter(ip("198.51.100.1"), 2);
        let other = addresses.enter(ip("198.51.100.1"), 2);
        assert!(one.is_some() && other.is_some());
        assert!(addresses.enter(ip("198.51.100.1"), 2).is_none());
        assert!(addresses.enter(ip("198.51.100.2"), 2).is_some());
        // A client with one address of IPv6 has its whole network.
        let v6 = addresses.enter(ip("2001:db8::1"), 1);
        assert!(v6.is_some() && addresses.enter(ip("2001:db8::2"), 1).is_none());
        drop((one, other, v6));
        assert!(addresses.0.lock().unwrap().is_empty());
    }
}
