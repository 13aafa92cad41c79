//! The files that the binary carries: pages, scripts, wasm and plugins. `build.rs` puts them in.

#![forbid(unsafe_code)]

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};

/// A file.
#[derive(Debug)]
pub struct Asset {
    /// Its media type.
    pub content_type: &'static str,
    /// Its bytes.
    pub bytes: &'static [u8],
    /// The same, compressed with brotli, where that is smaller.
    pub brotli: Option<&'static [u8]>,
    /// Its name carries a hash, so it never changes.
    pub immutable: bool,
    /// A strong validator (RFC 9110, section 8.8.3).
    pub etag: &'static str,
    /// Its hash, as Subresource Integrity writes it: `sha384-…`.
    pub integrity: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// A file of an area: `checkout` or `shop`.
pub fn find(area: &str, path: &str) -> Option<&'static Asset> {
    let found =
        ASSETS.binary_search_by(|(known, name, _)| (*known, *name).cmp(&(area, path))).ok()?;
    ASSETS.get(found).map(|(_, _, asset)| asset)
}

/// The files of an area, by name.
pub fn all(area: &str) -> impl Iterator<Item = (&'static str, &'static Asset)> {
    ASSETS.iter().filter(move |(known, ..)| *known == area).map(|(_, name, asset)| (*name, asset))
}

/// The file as an answer: compressed if the browser takes that, and not sent at all if it has it.
pub fn serve(asset: &'static Asset, request: &HeaderMap) -> Response {
    let field = |name| {
        request.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default()
    };
    let known = field(header::IF_NONE_MATCH).split(',').any(|it| it.trim() == asset.etag);
    let takes_brotli = field(header::ACCEPT_ENCODING)
        .split(',')
        .any(|it| it.split(';').next().is_some_and(|it| it.trim() == "br"));
    let brotli = asset.brotli.filter(|_| takes_brotli);
    let mut response = Response::new(match (known, brotli) {
        (true, _) => Body::empty(),
        (false, Some(compressed)) => Body::from(compressed),
        (false, None) => Body::from(asset.bytes),
    });
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    headers.insert(header::ETAG, HeaderValue::from_static(asset.etag));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if brotli.is_some() && !known {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
    }
    let lifetime = if asset.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(lifetime));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_and_its_parts_are_there() {
        for (area, path) in
            [("checkout", "pay.html"), ("checkout", "lezai-checkout.js"), ("shop", "shop.html")]
        {
            assert!(find(area, path).is_some(), "{area}/{path}");
        }
        assert!(find("checkout", "../shop/shop.html").is_none());
        assert!(ASSETS.iter().any(|(_, path, asset)| path.ends_with(".wasm") && asset.immutable));
    }

    #[test]
    fn a_browser_gets_what_it_takes() {
        let page = find("checkout", "pay.html").unwrap();
        let ask = |name: http::HeaderName, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            let response = serve(page, &headers);
            (response.status().as_u16(), response.headers().get(header::CONTENT_ENCODING).is_some())
        };
        assert_eq!(ask(header::ACCEPT_ENCODING, "gzip, br;q=0.9"), (200, page.brotli.is_some()));
        assert_eq!(ask(header::ACCEPT_ENCODING, "gzip"), (200, false));
        assert_eq!(ask(header::IF_NONE_MATCH, page.etag), (304, false));
    }
}
