//! Where callbacks may go. An address is a stranger's wish for a request from inside our network,
//! so it is looked at three times: its host must be one that the operator allowed, its scheme must
//! be https, and what its name resolves to must lie in the public internet. The name is resolved
//! once, and the connection goes to what was looked at: there is no second answer to swap in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use lezai_core::policy::IpClass;
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

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_private(),
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

/// Whether the address lies in the public internet: neither in IANA's special-purpose registries
/// (RFC 6890), nor one that carries an IPv4 address which does.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

/// What kind of network the address belongs to, as rules and plugins are told.
pub fn class(ip: IpAddr) -> IpClass {
    let ip = ip.to_canonical();
    let is_link_local = match ip {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    match () {
        () if ip.is_loopback() => IpClass::Loopback,
        () if is_private(ip) => IpClass::Private,
        () if is_link_local => IpClass::LinkLocal,
        () if is_public(ip) => IpClass::Public,
        () => IpClass::Special,
    }
}

/// One subscriber has a whole /64 of IPv6, and whoever wants to look like many uses all of it.
pub fn network(ip: IpAddr) -> u128 {
    match ip.to_canonical() {
        IpAddr::V4(v4) => v4.to_bits().into(),
        // Nobody's IPv4 address: those have no bits above the lowest 32.
        IpAddr::V6(v6) => v6.to_bits() >> 64 << 64 | 1 << 32,
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = match (a, b, c) {
        // This network, loopback, multicast, reserved and broadcast.
        (0 | 127 | 224.., ..) => true,
        // Private networks (RFC 1918).
        (10, ..) | (172, 16..=31, _) | (192, 168, _) => true,
        // Shared by a carrier's customers (RFC 6598), link-local with the clouds' metadata.
        (100, 64..=127, _) | (169, 254, _) => true,
        // Protocol assignments, documentation, 6to4 relays, AS112, benchmarks.
        (192, 0, 0 | 2) | (192, 88, 99) | (192, 31, 196) | (192, 52, 193) | (192, 175, 48) => true,
        (198, 18 | 19, _) | (198, 51, 100) | (203, 0, 113) => true,
        _ => false,
    };
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    let v4 = |high: u16, low: u16| {
        let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        // A translator's (NAT64, RFC 6052) and 6to4 (RFC 3056) lead to the IPv4 address inside.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        // Protocol assignments with Teredo, ORCHID, documentation, segment routing.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // All else that is global unicast. What is mapped (::ffff:0:0/96), compatible (::/96), local
        // NAT64 (64:ff9b:1::/48), unique or link-local, multicast or discarded lies outside 2000::/3.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_has_a_class() {
        for (ip, class) in [
            ("1.1.1.1", IpClass::Public),
            ("2606:4700::1111", IpClass::Public),
            ("::ffff:1.1.1.1", IpClass::Public),
            ("10.0.0.1", IpClass::Private),
            ("172.31.255.255", IpClass::Private),
            ("::ffff:192.168.1.1", IpClass::Private),
            ("fd00::1", IpClass::Private),
            ("127.0.0.2", IpClass::Loopback),
            ("::1", IpClass::Loopback),
            ("169.254.169.254", IpClass::LinkLocal),
            ("fe80::1", IpClass::LinkLocal),
            ("100.64.0.1", IpClass::Special),
            ("203.0.113.7", IpClass::Special),
            ("0.0.0.0", IpClass::Special),
            ("224.0.0.1", IpClass::Special),
            ("ff02::1", IpClass::Special),
            ("2001:db8::1", IpClass::Special),
        ] {
            assert_eq!(super::class(ip.parse().unwrap()), class, "{ip}");
        }
    }

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
    fn only_the_public_internet_is_public() {
        for ip in [
            "1.1.1.1",
            "93.184.215.14",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "192.167.1.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:200::1",
            "2400::1",
            "2a00:1450:4001::1",
            "64:ff9b::101:101",
            "2002:101:101::1",
        ] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:1.1.1.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::101:101",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2001:20::1",
            "2002:7f00:1::1",
            "2002:c0a8:1::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "ff0e::1",
        ] {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
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
