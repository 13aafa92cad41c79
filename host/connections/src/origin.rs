//! Where a request comes from, as browsers say it. What is done unsigned is done for programs and for
//! our own pages alone: any website can make a browser send a request, and none can leave out what
//! the browser says about it.

use axum::extract::Request;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, header};
use lezai_base::url::authority as of_url;
use url::Url;

/// How the page that made a request stands to us (Fetch Metadata); over plain HTTP browsers say it of
/// this machine's own addresses alone.
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The authority that a request is for: lowercase, without the scheme's own port (RFC 9421, section
/// 2.2.3). None if it is not one host and at most one port.
pub fn authority(request: &Request, default_port: u16) -> Option<String> {
    let named = match request.uri().authority() {
        Some(authority) => authority.as_str(),
        None => {
            // Two of them are none (RFC 9112, section 3.2).
            let mut named = request.headers().get_all(header::HOST).iter();
            named.next().filter(|_| named.next().is_none())?.to_str().ok()?
        }
    };
    let named: Authority = named.parse().ok()?;
    if named.as_str().contains('@') {
        return None;
    }
    let host = named.host().to_ascii_lowercase();
    let port = named.as_str().get(named.host().len()..)?.strip_prefix(':').unwrap_or_default();
    if !port.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    match (port, named.port_u16()) {
        ("", _) => Some(host),
        (_, Some(port)) if port == default_port => Some(host),
        (_, Some(port)) => Some(format!("{host}:{port}")),
        (_, None) => None,
    }
}

/// Whether a page of another website makes the request. A program names no page.
pub fn is_foreign(request: &Request, default_port: u16) -> bool {
    let headers = request.headers();
    if headers.contains_key(SITE) {
        return values(headers, &SITE).any(|it| !matches!(it, b"same-origin" | b"none"));
    }
    let ours = authority(request, default_port);
    values(headers, &header::ORIGIN).any(|origin| {
        let origin = std::str::from_utf8(origin).ok().and_then(|it| Url::parse(it).ok());
        origin.is_none_or(|it| Some(of_url(&it)) != ours)
    })
}

fn values<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h [u8]> {
    headers.get_all(name).iter().map(http::HeaderValue::as_bytes)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn a_page_of_another_website_is_told_from_programs_and_our_own() {
        for (fields, foreign) in [
            (&[][..], false),
            (&[("sec-fetch-site", "same-origin")][..], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "same-site")], true),
            (&[("sec-fetch-site", "cross-site")], true),
            (&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")], true),
            (&[("sec-fetch-site", "")], true),
            (&[("origin", "http://127.0.0.1:8080")], false),
            (&[("origin", "http://127.0.0.1:8081")], true),
            (&[("origin", "http://evil.example")], true),
            (&[("origin", "null")], true),
            (&[("origin", "")], true),
            (&[("origin", "http://127.0.0.1:8080"), ("origin", "http://evil.example")], true),
        ] {
            let mut request = Request::post("/sandbox/clock").header("host", "127.0.0.1:8080");
            for (name, value) in fields {
                request = request.header(*name, *value);
            }
            let request = request.body(Body::empty()).unwrap();
            assert_eq!(is_foreign(&request, 80), foreign, "{fields:?}");
        }
    }
}
