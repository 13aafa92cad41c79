//! One id for each request: in the answer, in its problem, and in every line of the log.

use axum::extract::Request;
use axum::response::Response;
use http::{HeaderName, HeaderValue, Method};
use lezai_core::id::RequestId;
use lezai_core::mask;
use tracing::Instrument as _;

use lezai_base::clock;
use lezai_base::entropy;

tokio::task_local! {
    static CURRENT: String;
}

/// The header that carries it.
pub const HEADER: HeaderName = HeaderName::from_static("request-id");

/// The paths that machines ask to see whether this one is well.
pub const SCRAPED: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// The id of the request that is being answered; empty outside of one.
pub fn current() -> String {
    CURRENT.try_with(String::clone).unwrap_or_default()
}

/// Runs what is done for the current request as a task of its own, which keeps the request's id. `None` if it
/// panicked.
pub(super) async fn as_task(
    work: impl Future<Output = Response> + Send + 'static,
) -> Option<Response> {
    let work = CURRENT.scope(current(), work).in_current_span();
    tokio::spawn(work).await.ok()
}

/// Gives the request its id, and the log a line on how it ended.
pub(super) async fn named<F: Future<Output = Response>>(
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let id = RequestId::new(clock::now(), entropy::bytes()).to_string();
    let (method, path) = (shown(request.method()), masked(request.uri().path()));
    let is_scrape = SCRAPED.contains(&request.uri().path());
    let span = tracing::info_span!("request", id);
    let answer = async {
        let begun = std::time::Instant::now();
        let response = next(request).await;
        let us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        let status = response.status();
        // They come every few seconds, for as long as the gateway lives.
        if is_scrape && status.is_success() {
            tracing::debug!(method, path, status = status.as_u16(), us, "answered");
        } else {
            tracing::info!(method, path, status = status.as_u16(), us, "answered");
        }
        response
    };
    let mut response = CURRENT.scope(id.clone(), answer.instrument(span)).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}

/// A method as the log may have it: any other than HTTP's own is a stranger's text, of any length.
pub(super) fn shown(method: &Method) -> String {
    let method = method.as_str();
    match method {
        "GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "CONNECT" | "OPTIONS" | "TRACE" | "PATCH" => {
            method.to_owned()
        }
        other => mask::text(&other.chars().take(32).collect::<String>()),
    }
}

/// A path as the log may have it. Our own ids stay, so that what happened to one can be found; the rest is a
/// stranger's, and may be an address or a number of its own. A query is not logged at all.
pub fn masked(path: &str) -> String {
    let is_ours = |segment: &str| {
        segment.split_once('_').is_some_and(|(kind, id)| {
            matches!(kind, "ord" | "rfd" | "att" | "cs" | "evt")
                && id.len() == 32
                && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        })
    };
    let segment = |it: &str| if is_ours(it) { it.to_owned() } else { mask::text(it) };
    path.chars().take(512).collect::<String>().split('/').map(segment).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_in_the_log_names_our_ids_and_nobody() {
        for (path, logged) in [
            ("/v1/orders", "/v1/orders"),
            (
                "/v1/checkout/sessions/cs_00112233445566778899aabbccddeeff/pay",
                "/v1/checkout/sessions/cs_00112233445566778899aabbccddeeff/pay",
            ),
            ("/admin/v1/merchants/m_demo/keys/demo-1", "/admin/v1/merchants/m_demo/keys/demo-1"),
            ("/v1/orders/alice@example.com", "/v1/orders/a***@example.com"),
            ("/v1/orders/13800138000", "/v1/orders/138****8000"),
            ("/v1/orders/4111111111111111", "/v1/orders/411111******1111"),
        ] {
            assert_eq!(masked(path), logged);
        }
        assert!(masked(&"/a".repeat(10_000)).len() <= 512);
        for (method, logged) in
            [("GET", "GET"), ("PATCH", "PATCH"), ("BREW", "BREW"), ("13800138000", "138****8000")]
        {
            assert_eq!(shown(&Method::from_bytes(method.as_bytes()).unwrap()), logged);
        }
        let long = Method::from_bytes("M".repeat(14_000).as_bytes()).unwrap();
        assert!(shown(&long).len() <= 32);
    }
}
