//! How addresses are written: of a host, of a website, and as they are sent.

use std::net::IpAddr;

use url::Url;

/// Lowercase host, and the port unless it is the scheme's own (RFC 9421, section 2.2.3).
pub fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Whether an address leads to this machine.
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The address, if the host is written as one: then nothing is resolved.
pub fn literal(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_matches(['[', ']']).parse().ok()
}

/// An address as it is sent, if it is written so that every reader of it sends it so: a signature
/// covers host, path and query as they are sent, and who verifies takes them from what was written.
/// Letters' case and the scheme's own port do not matter to them, nor an empty path; a fragment is
/// not sent.
///
/// # Errors
///
/// The form to write it in.
pub fn as_sent(text: &str, mut url: Url) -> Result<Url, String> {
    url.set_fragment(None);
    let text = text.split('#').next().unwrap_or_default();
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (scheme, authority) = (scheme.to_ascii_lowercase(), authority.to_ascii_lowercase());
    let port = if scheme == "https" { ":443" } else { ":80" };
    let authority = authority.strip_suffix(port).unwrap_or(&authority);
    let slash = if path.starts_with('/') { "" } else { "/" };
    if format!("{scheme}://{authority}{slash}{path}") == url.as_str() {
        Ok(url)
    } else {
        Err(format!("is not written as it is sent: write {url}"))
    }
}

/// An origin as it stands in a header: scheme, host, and the port unless it is the scheme's own,
/// made from what was read, so that nothing else can stand in it.
///
/// # Errors
///
/// The rule that it breaks. A host may be any text to a URL; here it is an address, or a name of
/// letters, digits, `-` and `_`: a policy of a page takes `;`, `,` and `*` for words of its own.
pub fn origin(text: &str) -> Result<String, &'static str> {
    const FORM: &str = "no origin: give scheme and host alone, such as https://shop.example, with the port unless it is the scheme's own";
    let url = Url::parse(text).map_err(|_| FORM)?;
    let bare = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
        && text.contains("://")
        && !text.contains(['\\', ' ', '@']);
    if !bare || !matches!(url.scheme(), "http" | "https") {
        return Err(FORM);
    }
    if !is_plain_host(&url) {
        return Err(
            "no origin: the host must be an address, or a name of letters, digits, - and _",
        );
    }
    Ok(url.origin().ascii_serialization())
}

/// Whether the host is an address, or a name whose labels are of letters, digits, `-` and `_`.
pub fn is_plain_host(url: &Url) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b);
    let label = |it: &str| (1..=63).contains(&it.len()) && it.bytes().all(allowed);
    match url.host_str() {
        None => false,
        Some(host) => literal(url).is_some() || host.split('.').all(label),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_as_it_is_sent() {
        for (text, expected) in [
            ("https://shop.example/cb?a=1", Ok("https://shop.example/cb?a=1")),
            ("HTTPS://Shop.Example/CB", Ok("https://shop.example/CB")),
            ("https://shop.example:443", Ok("https://shop.example/")),
            ("http://shop.example:80?a", Ok("http://shop.example/?a")),
            ("https://shop.example/cb?", Ok("https://shop.example/cb?")),
            ("https://shop.example/%e8%8c%b6#top", Ok("https://shop.example/%e8%8c%b6")),
            ("http://[::1]:9000/", Ok("http://[::1]:9000/")),
            ("https://shop.example:80/", Ok("https://shop.example:80/")),
            ("https://shop.example/茶/cb", Err("https://shop.example/%E8%8C%B6/cb")),
            ("https://例え.jp/", Err("https://xn--r8jz45g.jp/")),
            ("https://shop.example/a/../cb", Err("https://shop.example/cb")),
            ("https://shop.example/a/%2e%2e/cb", Err("https://shop.example/cb")),
            ("https://shop.example\\cb", Err("https://shop.example/cb")),
            ("http://[0:0:0:0:0:0:0:1]:9000/cb", Err("http://[::1]:9000/cb")),
            ("http://127.1:9000/", Err("http://127.0.0.1:9000/")),
            ("https://shop.example:0443/", Err("https://shop.example/")),
            ("https://shop.example/a|b\"c", Err("https://shop.example/a|b%22c")),
        ] {
            let found = as_sent(text, Url::parse(text).unwrap());
            let found = found
                .as_ref()
                .map(Url::as_str)
                .map_err(|why| why.strip_prefix("is not written as it is sent: write ").unwrap());
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn an_origin_is_written_as_it_was_read() {
        for (text, expected) in [
            ("https://shop.example", Some("https://shop.example")),
            ("https://SHOP.example/", Some("https://shop.example")),
            ("https://shop.example:443", Some("https://shop.example")),
            ("http://127.0.0.1:8081", Some("http://127.0.0.1:8081")),
            ("http://[::1]:8081", Some("http://[::1]:8081")),
            ("https://例え.jp", Some("https://xn--r8jz45g.jp")),
            ("https://my_shop.example", Some("https://my_shop.example")),
            ("https://a;script-src *", None),
            ("https://a;b.example", None),
            ("https://a,b.example", None),
            ("https://*.example", None),
            ("https://*", None),
            ("https://'self'", None),
            ("https://\"a\".example", None),
            ("https://shop.example.", None),
            ("https://shop.example/x", None),
            ("https://shop.example/?a", None),
            ("https://shop.example/#a", None),
            ("https://u@shop.example", None),
            ("https://@shop.example", None),
            ("https:\\\\shop.example", None),
            ("https:shop.example", None),
            ("ftp://shop.example", None),
            ("shop.example", None),
            ("null", None),
            ("", None),
        ] {
            assert_eq!(origin(text).ok().as_deref(), expected, "{text}");
        }
    }
}
