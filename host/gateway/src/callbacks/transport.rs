//! How a callback travels: one POST, no redirect followed, no proxy asked, five seconds, and the
//! beginning of the answer brought back.

use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use http::header;
use lezai_core::time::Timestamp;
use reqwest::{Client, Url};

use crate::callbacks::egress::{EgressPolicy, Forbidden, NotFound, Resolver};
use lezai_base::clock;

/// A receiver has this long to answer …
const TIMEOUT: Duration = Duration::from_secs(5);
/// … and of that, its system this long to take the connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// So much of an answer's body is kept: enough to tell one error page from another.
const EXCERPT: usize = 256;

/// A callback on its way, signed.
#[derive(Clone, Debug)]
pub struct Post {
    /// Where it goes.
    pub url: Url,
    /// The header fields.
    pub fields: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// A receiver's response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// How long it asks us to wait.
    pub retry_after_secs: Option<i64>,
    /// The first bytes of the body.
    pub excerpt: Vec<u8>,
}

impl From<u16> for Reply {
    fn from(status: u16) -> Self {
        Self { status, retry_after_secs: None, excerpt: Vec::new() }
    }
}

impl Reply {
    /// Whether the receiver took the callback.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Why there was no answer: a class of reasons with a stable word, without the address, which may
/// carry a merchant's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreached {
    /// The address may not be called: the operator does not allow its host, or it lies in a network of
    /// someone's own.
    NotAllowed,
    /// The name has no address.
    NameNotFound,
    /// Nobody listens there.
    Refused,
    /// There is no way to the address.
    NoRoute,
    /// No connection came about in time.
    ConnectTimeout,
    /// There was a connection, and no answer in time.
    AnswerTimeout,
    /// No authority that we know vouches for the certificate.
    TlsUntrusted,
    /// The certificate is another name's.
    TlsWrongName,
    /// The certificate's time is over, or has not begun.
    TlsExpired,
    /// TLS fails in another way.
    TlsFailed,
    /// The peer does not speak HTTP.
    NotHttp,
    /// The header of the answer is too large, or has too many fields.
    HeaderTooLarge,
    /// The connection was closed without an answer.
    Closed,
    /// Anything else: the callback cannot be sent as it is.
    Failed,
}

impl Unreached {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::NotAllowed,
        Self::NameNotFound,
        Self::Refused,
        Self::NoRoute,
        Self::ConnectTimeout,
        Self::AnswerTimeout,
        Self::TlsUntrusted,
        Self::TlsWrongName,
        Self::TlsExpired,
        Self::TlsFailed,
        Self::NotHttp,
        Self::HeaderTooLarge,
        Self::Closed,
        Self::Failed,
    ];

    /// The word for it, which stays.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAllowed => "not_allowed",
            Self::NameNotFound => "name_not_found",
            Self::Refused => "refused",
            Self::NoRoute => "no_route",
            Self::ConnectTimeout => "connect_timeout",
            Self::AnswerTimeout => "answer_timeout",
            Self::TlsUntrusted => "tls_untrusted",
            Self::TlsWrongName => "tls_wrong_name",
            Self::TlsExpired => "tls_expired",
            Self::TlsFailed => "tls_failed",
            Self::NotHttp => "not_http",
            Self::HeaderTooLarge => "header_too_large",
            Self::Closed => "closed",
            Self::Failed => "failed",
        }
    }

    /// The meaning, for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::NotAllowed => "callbacks may not go to this address",
            Self::NameNotFound => {
                "the host's name has no address: is it written right, and public?"
            }
            Self::Refused => "nobody listens at the host's port",
            Self::NoRoute => "there is no way to the host's address",
            Self::ConnectTimeout => "no connection came about in time: does a firewall drop it?",
            Self::AnswerTimeout => "the receiver did not answer in time",
            Self::TlsUntrusted => {
                "no known authority vouches for the certificate: is it self-signed, or its chain incomplete?"
            }
            Self::TlsWrongName => "the certificate is for another name",
            Self::TlsExpired => "the certificate has expired, or is not valid yet",
            Self::TlsFailed => "TLS fails: does the port speak it?",
            Self::NotHttp => "what answers there does not speak HTTP",
            Self::HeaderTooLarge => {
                "the header of the answer is too large, or has more than 100 fields"
            }
            Self::Closed => "the receiver closed the connection without an answer",
            Self::Failed => "the callback could not be sent",
        }
    }
}

impl std::fmt::Display for Unreached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The carrier of callbacks to their receivers: the network, or a simulation of it.
pub trait Transport: Send + Sync {
    /// Sends one.
    fn send(
        &self,
        post: Post,
    ) -> Pin<Box<dyn Future<Output = Result<Reply, Unreached>> + Send + '_>>;
}

/// The network.
pub struct Http(Client);

impl Http {
    /// One that connects to what `reach` takes.
    ///
    /// # Errors
    ///
    /// If TLS cannot be set up.
    pub fn new(reach: EgressPolicy) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            // A proxy would resolve the name once more, and go where that leads.
            .no_proxy()
            .dns_resolver(Arc::new(Resolver(reach)))
            .user_agent(concat!("lezai/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self(client))
    }
}

impl Transport for Http {
    fn send(
        &self,
        post: Post,
    ) -> Pin<Box<dyn Future<Output = Result<Reply, Unreached>> + Send + '_>> {
        Box::pin(async move {
            let mut request = self.0.post(post.url).body(post.body);
            for (name, value) in post.fields {
                request = request.header(name, value);
            }
            let mut response = request.send().await.map_err(|error| why(&error))?;
            let retry_after = response.headers().get(header::RETRY_AFTER);
            let retry_after_secs =
                retry_after.and_then(|it| retry_after_secs(it.to_str().ok()?, clock::now()));
            let mut excerpt = Vec::new();
            // The status is the answer; a body that breaks off takes nothing from it.
            while let Ok(Some(chunk)) = response.chunk().await {
                excerpt.extend_from_slice(&chunk);
                if excerpt.len() >= EXCERPT {
                    excerpt.truncate(EXCERPT);
                    break;
                }
            }
            Ok(Reply { status: response.status().as_u16(), retry_after_secs, excerpt })
        })
    }
}

fn why(error: &reqwest::Error) -> Unreached {
    let mut source: Option<&(dyn Error + 'static)> = error.source();
    let (mut found, mut timed_out) = (None, error.is_timeout());
    while let Some(inner) = source {
        // The innermost cause says most.
        found = within(inner).or(found);
        let io = inner.downcast_ref::<io::Error>();
        timed_out |= io.is_some_and(|it| it.kind() == io::ErrorKind::TimedOut);
        source = inner.source();
    }
    match found {
        Some(found) => found,
        None if timed_out && error.is_connect() => Unreached::ConnectTimeout,
        None if timed_out => Unreached::AnswerTimeout,
        None if error.is_connect() => Unreached::NoRoute,
        None => Unreached::Failed,
    }
}

/// The reason in an error, or in one that it carries: what a system's error carries is not among its
/// sources, and may carry another.
fn within(error: &(dyn Error + 'static)) -> Option<Unreached> {
    let carried = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    carried.and_then(|it| within(it)).or_else(|| cause(error))
}

/// The reason that a cause itself gives.
fn cause(error: &(dyn Error + 'static)) -> Option<Unreached> {
    if error.is::<Forbidden>() {
        return Some(Unreached::NotAllowed);
    }
    if error.is::<NotFound>() {
        return Some(Unreached::NameNotFound);
    }
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(of_tls(error));
    }
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        return match () {
            () if error.is_parse_too_large() => Some(Unreached::HeaderTooLarge),
            () if error.is_parse() => Some(Unreached::NotHttp),
            () if error.is_incomplete_message() || error.is_canceled() => Some(Unreached::Closed),
            () => None,
        };
    }
    let kind = error.downcast_ref::<io::Error>()?.kind();
    match kind {
        io::ErrorKind::ConnectionRefused => Some(Unreached::Refused),
        io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::AddrNotAvailable => Some(Unreached::NoRoute),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => Some(Unreached::Closed),
        _ => None,
    }
}

fn of_tls(error: &rustls::Error) -> Unreached {
    use rustls::CertificateError as Bad;
    match error {
        rustls::Error::InvalidCertificate(bad) => match bad {
            Bad::Expired
            | Bad::ExpiredContext { .. }
            | Bad::NotValidYet
            | Bad::NotValidYetContext { .. } => Unreached::TlsExpired,
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => Unreached::TlsWrongName,
            Bad::UnknownIssuer | Bad::BadSignature | Bad::Revoked => Unreached::TlsUntrusted,
            // Such as a certificate that says of itself that it is an authority's: a self-signed one.
            Bad::Other(_) => Unreached::TlsUntrusted,
            _ => Unreached::TlsFailed,
        },
        _ => Unreached::TlsFailed,
    }
}

/// The field `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date in any of its three forms
/// (section 5.6.7).
fn retry_after_secs(value: &str, now: Timestamp) -> Option<i64> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        // A number that does not fit is for ever, which the sender bounds.
        return Some(value.parse().unwrap_or(i64::MAX));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    let secs = date.duration_since(UNIX_EPOCH).ok()?.as_secs();
    Some(i64::try_from(secs).unwrap_or(i64::MAX).saturating_sub(now.as_secs()).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_every_form() {
        // Wed, 18 Nov 2026 11:06:40 GMT
        let now = Timestamp::from_secs(1_795_000_000);
        for (value, secs) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("99999999999999999999", Some(i64::MAX)),
            ("Wed, 18 Nov 2026 11:08:40 GMT", Some(120)),
            ("Wed, 18 Nov 2026 10:00:00 GMT", Some(0)),
            ("Wednesday, 18-Nov-26 11:08:40 GMT", Some(120)),
            ("Wed Nov 18 11:08:40 2026", Some(120)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(253_402_300_799 - 1_795_000_000)),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_after_secs(value, now), secs, "{value}");
        }
    }

    /// A receiver that takes one connection and does with it what it is told.
    fn receiver(act: impl FnOnce(std::net::TcpStream) + Send + 'static) -> Url {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        std::thread::spawn(move || act(listener.accept().unwrap().0));
        Url::parse(&url).unwrap()
    }

    async fn sent(url: Url) -> Result<u16, Unreached> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let post = Post { url, fields: Vec::new(), body: b"{}".to_vec() };
        Http::new(EgressPolicy::Local).unwrap().send(post).await.map(|it| it.status)
    }

    #[tokio::test]
    async fn what_happened_is_named() {
        use std::io::{Read as _, Write as _};
        let says = |text: String| {
            receiver(move |mut stream| {
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(text.as_bytes());
                // Closed in peace: a socket with bytes that nobody read is reset.
                let _ = stream.shutdown(std::net::Shutdown::Write);
                let _ = stream.read_to_end(&mut Vec::new());
            })
        };
        let fields: String = (0..120).map(|n| format!("x-{n}: y\r\n")).collect();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let url = |text: &str| Url::parse(text).unwrap();
        let tls = |target: Url| url(&target.as_str().replacen("http", "https", 1));
        for (to, expected) in [
            (says("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned()), Ok(200)),
            (url(&format!("http://{free}/")), Err(Unreached::Refused)),
            (url("http://no-such-name.invalid/"), Err(Unreached::NameNotFound)),
            (says("SSH-2.0-OpenSSH_9.9\r\n".to_owned()), Err(Unreached::NotHttp)),
            (says(String::new()), Err(Unreached::Closed)),
            (
                says(format!("HTTP/1.1 200 OK\r\n{fields}content-length: 0\r\n\r\n")),
                Err(Unreached::HeaderTooLarge),
            ),
            (tls(says("SSH-2.0-OpenSSH_9.9\r\n".to_owned())), Err(Unreached::TlsFailed)),
        ] {
            assert_eq!(sent(to.clone()).await, expected, "{to}");
        }
    }

    #[test]
    fn each_part_of_tls_is_named() {
        use rustls::{CertificateError as Bad, Error as Tls};
        for (error, expected) in [
            (Tls::InvalidCertificate(Bad::UnknownIssuer), Unreached::TlsUntrusted),
            (Tls::InvalidCertificate(Bad::NotValidForName), Unreached::TlsWrongName),
            (Tls::InvalidCertificate(Bad::Expired), Unreached::TlsExpired),
            (Tls::InvalidCertificate(Bad::NotValidYet), Unreached::TlsExpired),
            (Tls::InvalidCertificate(Bad::BadEncoding), Unreached::TlsFailed),
            (Tls::DecryptError, Unreached::TlsFailed),
        ] {
            let carried = io::Error::new(io::ErrorKind::InvalidData, error.clone());
            let carried = io::Error::other(carried);
            assert_eq!(within(&carried), Some(expected), "{error}");
        }
    }

    #[test]
    fn each_reason_has_a_word_of_its_own() {
        let words: std::collections::BTreeSet<_> = Unreached::ALL.map(Unreached::as_str).into();
        assert_eq!(words.len(), Unreached::ALL.len());
        for guide in ["callbacks.md", "callbacks.zh-CN.md"] {
            let file = format!("{}/../../docs/{guide}", env!("CARGO_MANIFEST_DIR"));
            let docs = std::fs::read_to_string(file).unwrap();
            for reason in Unreached::ALL {
                assert!(docs.contains(&format!("| `{reason}` |")), "{reason} is not in {guide}");
            }
        }
    }
}
