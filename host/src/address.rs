//! Where callbacks may go. An address is a stranger's wish for a request from inside our network,
//! so it is looked at three times: its host must be one that the operator allowed, its scheme must
//! be https, and what its name resolves to must lie in the public internet. The name is resolved
//! once, and the connection goes to what was looked at: there is no second answer to swap in.

use std::net::{IpAddr, SocketAddr};

use lezai_core::ip::{is_private, is_public};
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::client;

/// How strictly addresses are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Public addresses alone, by https.
    Public,
    /// For development: this machine and private networks too, and these by http and without
    /// being on a list.
    Local,
}

/// Why callbacks cannot go somewhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// No list names the host.
    #[error("{0} is not among the hosts that the operator allowed for the merchant's callbacks")]
    NotListed(String),
    /// The scheme is http.
    #[error(
        "callbacks to {0} go by https: http is for this machine and private addresses alone, in development"
    )]
    NotHttps(String),
    /// The host ends in a dot: certificates and lists name it without.
    #[error("the host {0} ends in a dot: write it without")]
    TrailingDot(String),
    /// The address lies in a network of someone's own.
    #[error("{0} is no public address")]
    NotPublic(IpAddr),
}

impl Reach {
    /// Judges an address by what is written in it. `listed` are the merchant's hosts.
    ///
    /// # Errors
    ///
    /// [`Unfit`].
    pub fn judge<'a>(
        self,
        url: &Url,
        listed: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), Unfit> {
        if let Some(ip) = literal(url)
            && !self.takes(ip)
        {
            return Err(Unfit::NotPublic(ip));
        }
        let host = client::authority(url);
        if url.host_str().is_some_and(|it| it.ends_with('.')) {
            return Err(Unfit::TrailingDot(host));
        }
        if self == Self::Local && is_near(url) {
            return Ok(());
        }
        if url.scheme() != "https" {
            return Err(Unfit::NotHttps(host));
        }
        if listed.into_iter().any(|it| it.eq_ignore_ascii_case(&host)) {
            Ok(())
        } else {
            Err(Unfit::NotListed(host))
        }
    }

    /// Whether a connection may go there.
    pub fn takes(self, ip: IpAddr) -> bool {
        is_public(ip) || self == Self::Local && (ip.is_loopback() || is_private(ip))
    }
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
/// What it is not. A host may be any text to a URL; here it is an address, or a name of letters,
/// digits, `-` and `_`: a policy of a page takes `;`, `,` and `*` for words of its own.
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

/// A name has no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name has no address")]
pub struct NotFound;

/// Resolves names for [`Reach`]: a name with an address that may not be reached has none at all,
/// for whoever mixes both kinds means the other one.
#[derive(Clone, Copy, Debug)]
pub struct Resolver(pub Reach);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let Self(reach) = *self;
        Box::pin(async move {
            // The port is the caller's to set.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let found: Vec<SocketAddr> = found.map_err(|_| NotFound)?.collect();
            match found.iter().find(|it| !reach.takes(it.ip())) {
                Some(refused) => Err(Unfit::NotPublic(refused.ip()).into()),
                None => Ok(Box::new(found.into_iter()) as Addrs),
            }
        })
    }
}

/// The address, if the host is written as one: then nothing is resolved.
pub fn literal(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_matches(['[', ']']).parse().ok()
}

fn is_near(url: &Url) -> bool {
    client::is_loopback(url) || literal(url).is_some_and(is_private)
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

    #[test]
    fn an_address_is_judged_by_its_host_scheme_and_list() {
        let listed = ["shop.example", "shop.example:8443"];
        let judge = |reach: Reach, url: &str| {
            let judged = reach.judge(&Url::parse(url).unwrap(), listed);
            match judged {
                Ok(()) => "fit",
                Err(Unfit::NotListed(_)) => "not listed",
                Err(Unfit::NotHttps(_)) => "not https",
                Err(Unfit::TrailingDot(_)) => "trailing dot",
                Err(Unfit::NotPublic(_)) => "not public",
            }
        };
        for (url, public, local) in [
            ("https://shop.example/cb", "fit", "fit"),
            ("https://SHOP.example:443/cb", "fit", "fit"),
            ("https://shop.example:8443/cb", "fit", "fit"),
            ("https://shop.example:8444/cb", "not listed", "not listed"),
            ("https://shop.example.evil.example/", "not listed", "not listed"),
            ("https://other.example/", "not listed", "not listed"),
            ("http://shop.example/cb", "not https", "not https"),
            ("https://1.1.1.1/", "not listed", "not listed"),
            ("http://127.0.0.1:9000/", "not public", "fit"),
            ("https://127.0.0.1/", "not public", "fit"),
            ("http://2130706433/", "not public", "fit"),
            ("http://0x7f.1/", "not public", "fit"),
            ("http://localhost:9000/", "not https", "fit"),
            ("http://localhost.:9000/", "trailing dot", "trailing dot"),
            ("https://shop.example./cb", "trailing dot", "trailing dot"),
            ("http://no-such-name/", "not https", "not https"),
            ("https://localhost/", "not listed", "fit"),
            ("http://[::1]:9000/", "not public", "fit"),
            ("https://[::ffff:127.0.0.1]/", "not public", "not public"),
            ("http://192.168.1.7/", "not public", "fit"),
            ("http://169.254.169.254/latest/meta-data", "not public", "not public"),
            ("https://0.0.0.0/", "not public", "not public"),
        ] {
            assert_eq!(
                [judge(Reach::Public, url), judge(Reach::Local, url)],
                [public, local],
                "{url}"
            );
        }
    }

    #[tokio::test]
    async fn a_name_for_this_machine_is_not_resolved_but_in_development() {
        let resolve = |reach| Resolver(reach).resolve("localhost".parse().unwrap());
        assert!(resolve(Reach::Local).await.is_ok_and(|mut found| found.next().is_some()));
        let refused = resolve(Reach::Public).await.err().unwrap();
        assert!(refused.to_string().ends_with("is no public address"), "{refused}");
    }
}
