//! Closes a connection so that its client reads the answer. A system that closes a socket with bytes
//! in it that nobody read resets the connection, and the client may lose what it was just sent: such
//! as that its body is too large. So where a body was left unread, what still comes is taken and
//! dropped for a while after the last word (RFC 9112, section 9.6).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// How long, and how much, is taken of what still comes.
#[derive(Clone, Copy, Debug)]
struct Patience {
    time: Duration,
    /// Without a byte.
    quiet: Duration,
    bytes: usize,
}

const PATIENCE: Patience = Patience {
    time: Duration::from_secs(10),
    quiet: Duration::from_secs(2),
    bytes: 64 * 1024 * 1024,
};

/// Whether a connection's last body was left unread.
#[derive(Clone, Debug, Default)]
pub(super) struct Unread(Arc<AtomicBool>);

/// A body that notes whether it was read whole.
pub(super) struct Whole<B> {
    body: B,
    ended: bool,
    unread: Unread,
}

impl<B: Body> Whole<B> {
    /// Of a body, and where to note it.
    pub(super) fn new(body: B, unread: Unread) -> Self {
        Self { ended: body.is_end_stream(), body, unread }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Whole<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.ended |= frame.is_none() || self.body.is_end_stream();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for Whole<B> {
    fn drop(&mut self) {
        self.unread.0.store(!self.ended, Ordering::SeqCst);
    }
}

/// A stream that is closed with patience where a body was left unread.
pub(super) struct Lingering<S> {
    stream: S,
    unread: Unread,
    patience: Patience,
    closing: Option<Closing>,
}

struct Closing {
    end: Instant,
    quiet: Pin<Box<Sleep>>,
    bytes: usize,
}

impl<S> Lingering<S> {
    /// Over a stream, for a connection whose bodies note whether they were read.
    pub(super) fn new(stream: S, unread: Unread) -> Self {
        Self { stream, unread, patience: PATIENCE, closing: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lingering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.closing.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            if !this.unread.0.load(Ordering::SeqCst) {
                return Poll::Ready(Ok(()));
            }
        }
        let Patience { time, quiet, bytes } = this.patience;
        let closing = this.closing.get_or_insert_with(|| Closing {
            end: Instant::now() + time,
            quiet: Box::pin(tokio::time::sleep(quiet)),
            bytes: 0,
        });
        let mut room = [0; 16 * 1024];
        while closing.bytes < bytes && Instant::now() < closing.end {
            let mut buffer = ReadBuf::new(&mut room);
            match Pin::new(&mut this.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    closing.bytes += buffer.filled().len();
                    closing.quiet.as_mut().reset(Instant::now() + quiet);
                }
                // The client has closed too, or is gone: so has it read what it was to read.
                Poll::Ready(_) => break,
                Poll::Pending => return closing.quiet.as_mut().poll(cx).map(Ok),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    fn unread(left: bool) -> Unread {
        let unread = Unread::default();
        let body = Full::new(Bytes::from(if left { "x" } else { "" }));
        drop(Whole::new(body, unread.clone()));
        unread
    }

    #[tokio::test]
    async fn a_body_that_was_read_is_told_from_one_that_was_not() {
        assert!(unread(true).0.load(Ordering::SeqCst));
        assert!(!unread(false).0.load(Ordering::SeqCst));
        let unread = Unread::default();
        let body = Whole::new(Full::new(Bytes::from("x")), unread.clone());
        assert_eq!(body.collect().await.unwrap().to_bytes(), "x");
        assert!(!unread.0.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn what_still_comes_is_taken_until_the_client_closes() {
        let (mut client, server) = duplex(1024);
        let lingering = Lingering::new(server, unread(true));
        let server = tokio::spawn(async move {
            let mut lingering = lingering;
            lingering.write_all(b"too large").await.unwrap();
            lingering.shutdown().await.unwrap();
            lingering.closing.unwrap().bytes
        });
        // More than fits between the two: it would block for ever if nobody took it.
        client.write_all(&[0; 100 * 1024]).await.unwrap();
        let mut answer = Vec::new();
        client.shutdown().await.unwrap();
        client.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"too large");
        assert_eq!(server.await.unwrap(), 100 * 1024);
    }

    #[tokio::test]
    async fn patience_ends() {
        const LONG: Duration = Duration::from_secs(3600);
        let short = Duration::from_millis(5);
        // A client that neither sends nor closes, one that never stops, and one that sends too much.
        for (patience, sends) in [
            (Patience { time: LONG, quiet: short, bytes: usize::MAX }, false),
            (Patience { time: short, quiet: LONG, bytes: usize::MAX }, true),
            (Patience { time: LONG, quiet: LONG, bytes: 1 }, true),
        ] {
            let (mut client, server) = duplex(1024);
            let client = tokio::spawn(async move {
                while sends && client.write_all(&[0]).await.is_ok() {
                    tokio::task::yield_now().await;
                }
                client
            });
            let mut lingering = Lingering { patience, ..Lingering::new(server, unread(true)) };
            lingering.shutdown().await.unwrap();
            drop(lingering);
            client.await.unwrap();
        }
        // Where nothing was left unread, nobody waits.
        let (_client, server) = duplex(1024);
        let mut lingering = Lingering::new(server, unread(false));
        lingering.shutdown().await.unwrap();
        assert!(lingering.closing.is_none());
    }
}
