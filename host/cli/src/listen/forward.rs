//! Passes a callback on to a server of the developer's: the bytes and fields that came, signatures
//! and all, so that it can verify them as if the gateway had called it.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use reqwest::Url;
use tokio::time::Instant;

/// The gateway waits for five seconds, and must hear from us why there is no answer.
const TIMEOUT: Duration = Duration::from_millis(4_500);
/// So much of an answer's body goes back: the gateway keeps 256 bytes of it.
const MAX_ANSWER: usize = 4 * 1024;
/// Header fields of one connection and not of the message (RFC 9110, section 7.6.1).
const OF_A_CONNECTION: [HeaderName; 6] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// A server that callbacks are passed on to.
pub(super) struct Forward {
    http: reqwest::Client,
    url: Url,
}

impl Forward {
    /// To an http or https address. If it names no path, callbacks keep the one that they came on.
    pub(super) fn to(url: &str) -> Result<Self, String> {
        let parsed = Url::parse(url).ok();
        let url = parsed.filter(|it| matches!(it.scheme(), "http" | "https")).ok_or_else(|| {
            format!("--forward {url}: give an address such as http://127.0.0.1:3000/callbacks")
        })?;
        // The first provider that a process installs stays; reqwest panics if there is none.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { http, url })
    }

    /// Where to, without what a query may carry.
    pub(super) fn shown(&self) -> String {
        let mut url = self.url.clone();
        url.set_query(None);
        url.to_string()
    }

    /// Passes a callback on, prints what became of it, and gives the answer for the gateway.
    pub(super) async fn pass(&self, parts: &Parts, body: Bytes, is_good: bool) -> Response {
        let begun = Instant::now();
        let mut fields = parts.headers.clone();
        // `Host` stays the name that the signature covers.
        without_the_connection_s(&mut fields);
        let request = self.http.post(self.target(parts)).headers(fields).body(body);
        let answer = async {
            let mut answer = request.send().await?;
            let mut body = Vec::new();
            while body.len() < MAX_ANSWER
                && let Some(chunk) = answer.chunk().await?
            {
                body.extend_from_slice(&chunk);
            }
            body.truncate(MAX_ANSWER);
            Ok::<_, reqwest::Error>((answer.status(), answer.headers().clone(), body))
        };
        let answer = answer.await;
        let ms = begun.elapsed().as_millis();
        match answer {
            Ok((status, fields, body)) => {
                eprintln!("  passed on: {status} after {ms} ms{}", remark(status, is_good));
                back(status, &fields, body)
            }
            Err(error) if error.is_timeout() => {
                eprintln!("  passed on: no answer in {ms} ms; the gateway will try again");
                back(StatusCode::GATEWAY_TIMEOUT, &HeaderMap::new(), b"no answer in time".to_vec())
            }
            Err(error) => {
                eprintln!("  passed on: {}; the gateway will try again", why(&error));
                let body = b"the server behind cannot be reached".to_vec();
                back(StatusCode::BAD_GATEWAY, &HeaderMap::new(), body)
            }
        }
    }

    fn target(&self, parts: &Parts) -> Url {
        let mut url = self.url.clone();
        if url.path() == "/" && url.query().is_none() {
            url.set_path(parts.uri.path());
            url.set_query(parts.uri.query());
        }
        url
    }
}

/// A remark on a receiver that answers so.
fn remark(status: StatusCode, is_good: bool) -> &'static str {
    match (is_good, status.is_success()) {
        (false, true) => ": it took what does not verify, and so whatever anybody sends it",
        (true, false) if status.is_redirection() => ": the gateway follows no redirect",
        (true, false) if status == StatusCode::GONE => ": the gateway will not send it again",
        (true, false) => ": the gateway will try again",
        _ => "",
    }
}

fn without_the_connection_s(fields: &mut HeaderMap) {
    for name in OF_A_CONNECTION {
        fields.remove(name);
    }
    // It is made anew with the body.
    fields.remove(header::CONTENT_LENGTH);
}

fn back(status: StatusCode, fields: &HeaderMap, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    for name in [header::CONTENT_TYPE, header::RETRY_AFTER, header::LOCATION] {
        if let Some(value) = fields.get(&name) {
            response.headers_mut().insert(name, HeaderValue::clone(value));
        }
    }
    response
}

/// The innermost error says what happened; those around it say that something did.
fn why(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(inner) = innermost.source() {
        innermost = inner;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_keeps_its_path_unless_another_is_named() {
        let (parts, ()) = http::Request::post("/callbacks?t=1").body(()).unwrap().into_parts();
        for (to, target) in [
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000/callbacks?t=1"),
            ("http://127.0.0.1:3000/", "http://127.0.0.1:3000/callbacks?t=1"),
            ("http://127.0.0.1:3000/hooks", "http://127.0.0.1:3000/hooks"),
            ("http://127.0.0.1:3000/?x=2", "http://127.0.0.1:3000/?x=2"),
        ] {
            assert_eq!(Forward::to(to).unwrap().target(&parts).as_str(), target);
        }
        assert!(Forward::to("ftp://127.0.0.1").is_err() && Forward::to("3000").is_err());
    }
}
