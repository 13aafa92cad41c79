//! HTTP: reads a request whole, and answers it or cuts the connection.

use std::io;
use std::sync::Arc;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming as Body};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::{Simulators, alipay, control, unionpay, wechat};

const BODY_BYTES_MAX: usize = 1 << 20;

/// A request, whole.
#[derive(Debug)]
pub struct Incoming {
    /// `GET` or `POST`.
    pub method: String,
    /// Path and query, as they were sent.
    pub target: String,
    /// The header fields.
    headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Incoming {
    /// A header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        let field = self.headers.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
        field.map(|(_, value)| value.as_str())
    }

    /// The path.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The query, as it was sent.
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }
}

/// A response that is to be sent.
#[derive(Debug)]
pub enum Outgoing {
    /// An answer.
    Reply {
        /// The status code.
        status: u16,
        /// The header fields.
        headers: Vec<(&'static str, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// The connection ends.
    Cut,
    /// Nothing comes, until whoever asked gives up.
    Never,
}

impl Outgoing {
    /// A text with its type.
    pub fn text(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type", content_type.to_owned())];
        Self::Reply { status, headers, body: body.into() }
    }
}

/// Takes connections for ever.
pub async fn run(simulators: Arc<Simulators>, listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        let simulators = Arc::clone(&simulators);
        tokio::spawn(async move {
            let service = service_fn(move |request| serve(Arc::clone(&simulators), request));
            // A cut is an error here, and meant.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn serve(
    simulators: Arc<Simulators>,
    request: Request<Body>,
) -> io::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await;
    let body = body.map_err(|error| io::Error::other(error.to_string()))?.to_bytes().to_vec();
    let headers = head.headers.iter().filter_map(|(name, value)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    });
    let incoming = Incoming {
        method: head.method.as_str().to_owned(),
        target: head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
        headers: headers.collect(),
        body,
    };
    let outgoing = match incoming.path() {
        path if path.starts_with("/v3/") => wechat::handle(&simulators, &incoming),
        "/gateway.do" => alipay::handle(&simulators, &incoming),
        path if path == "/file/" || path.starts_with("/gateway/api/") => {
            unionpay::handle(&simulators, &incoming)
        }
        path if path.starts_with("/_sim/") => control::handle(&simulators, &incoming).await,
        path if path.starts_with("/_bills/") => alipay::download(&simulators, &incoming),
        _ => Outgoing::text(404, "text/plain", "no such path"),
    };
    let (status, headers, body) = match outgoing {
        Outgoing::Reply { status, headers, body } => (status, headers, body),
        Outgoing::Cut => return Err(io::Error::other("cut")),
        Outgoing::Never => std::future::pending().await,
    };
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(Full::new(Bytes::from(body))).map_err(io::Error::other)
}
