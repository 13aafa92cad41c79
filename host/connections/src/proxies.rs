//! The proxies that may speak for a client's address: only those that the operator names. One adds the
//! client to `X-Forwarded-For`, or sends a header of the PROXY protocol, version 2, before the client's first
//! byte.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The first bytes of a header of the PROXY protocol.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Addresses and what proxies add to them (TLVs): HAProxy writes some hundred bytes at most.
const PROXY_HEADER_MAX: u16 = 2_048;
/// Addresses of one `X-Forwarded-For` that are looked at: one for each proxy on the way.
const FORWARDED_MAX: usize = 16;

/// The proxies that are believed.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    /// Their addresses.
    pub trusted: Vec<IpNet>,
    /// Whether they send a header of the PROXY protocol.
    pub proxy_v2: bool,
}

impl Proxies {
    /// Whether an address is a proxy's.
    pub fn trusts(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.trusted.iter().any(|net| net.contains(&ip))
    }

    /// The client that a request of this peer comes from: the last address of `X-Forwarded-For` that is no
    /// proxy's, for whatever stands before it the client wrote itself.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if self.proxy_v2 || !self.trusts(peer) {
            return peer;
        }
        let name = HeaderName::from_static("x-forwarded-for");
        let lines: Vec<&str> =
            headers.get_all(name).iter().map(|it| it.to_str().unwrap_or_default()).collect();
        let mut client = peer;
        for part in lines.join(",").rsplit(',').take(FORWARDED_MAX) {
            match address(part.trim()) {
                Some(ip) if self.trusts(ip) => client = ip,
                Some(ip) => return ip,
                // Nobody's address: what a proxy vouched for so far is all there is.
                None => return client,
            }
        }
        client
    }

    /// Whether a trusted proxy says that the client spoke without TLS.
    pub fn in_clear(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        let name = HeaderName::from_static("x-forwarded-proto");
        let proto = headers.get_all(name).iter().next_back().and_then(|it| it.to_str().ok());
        self.trusts(peer)
            && proto
                .and_then(|it| it.rsplit(',').next())
                .is_some_and(|it| !it.trim().eq_ignore_ascii_case("https"))
    }
}

/// An address as proxies write it: bare, in brackets, or with a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|it| it.ip());
    let in_brackets =
        || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    bare.or_else(with_port).or_else(in_brackets).map(|ip| ip.to_canonical())
}

/// Reads a header of the PROXY protocol, version 2, and gives the client's address; none for a connection of
/// the proxy's own, such as a health check.
///
/// # Errors
///
/// The stream's, and `InvalidData` for what is no such header.
pub async fn read_proxy_header(
    stream: &mut (impl AsyncRead + Unpin),
) -> io::Result<Option<IpAddr>> {
    let invalid = |what: &'static str| io::Error::new(io::ErrorKind::InvalidData, what);
    let mut head = [0; 16];
    stream.read_exact(&mut head).await?;
    let [signature @ .., version_command, family, high, low] = head;
    if signature != SIGNATURE {
        return Err(invalid("no header of the PROXY protocol, version 2"));
    }
    let length = u16::from_be_bytes([high, low]);
    if version_command >> 4 != 2 || length > PROXY_HEADER_MAX {
        return Err(invalid("another version of the PROXY protocol, or too long a header"));
    }
    let mut rest = vec![0; usize::from(length)];
    stream.read_exact(&mut rest).await?;
    match (version_command & 0x0f, family >> 4) {
        // LOCAL: whatever follows is to be dropped.
        (0, _) => Ok(None),
        (1, 1) => {
            let source = rest.first_chunk::<4>().filter(|_| rest.len() >= 12);
            let source = source.ok_or_else(|| invalid("too short for addresses of IPv4"))?;
            Ok(Some(Ipv4Addr::from(*source).into()))
        }
        (1, 2) => {
            let source = rest.first_chunk::<16>().filter(|_| rest.len() >= 36);
            let source = source.ok_or_else(|| invalid("too short for addresses of IPv6"))?;
            Ok(Some(IpAddr::V6(Ipv6Addr::from(*source)).to_canonical()))
        }
        (1, _) => Ok(None),
        _ => Err(invalid("a command that the PROXY protocol does not have")),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn proxies(proxy_v2: bool) -> Proxies {
        let trusted = ["10.0.0.0/8", "2001:db8::1/128"].map(|it| it.parse().unwrap());
        Proxies { trusted: trusted.to_vec(), proxy_v2 }
    }

    fn fields(name: &'static str, values: &[&str]) -> HeaderMap {
        let name = HeaderName::from_static(name);
        values.iter().map(|it| (name.clone(), HeaderValue::from_str(it).unwrap())).collect()
    }

    #[test]
    fn forwarded_addresses_are_believed_from_trusted_proxies_alone() {
        for (peer, values, client) in [
            ("203.0.113.5", &["198.51.100.1"][..], "203.0.113.5"),
            ("10.0.0.2", &["198.51.100.1"], "198.51.100.1"),
            ("::ffff:10.0.0.2", &["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.2", &[], "10.0.0.2"),
            // An address that the client wrote itself stands first.
            ("10.0.0.2", &["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.2", &["1.1.1.1", "198.51.100.1"], "198.51.100.1"),
            ("10.0.0.2", &["1.1.1.1, 198.51.100.1, 10.9.9.9"], "198.51.100.1"),
            ("10.0.0.2", &["10.1.1.1, 10.9.9.9"], "10.1.1.1"),
            ("10.0.0.2", &["198.51.100.1, unknown"], "10.0.0.2"),
            ("10.0.0.2", &["198.51.100.1, unknown, 10.9.9.9"], "10.9.9.9"),
            ("10.0.0.2", &["198.51.100.1:4711"], "198.51.100.1"),
            ("2001:db8::1", &["[2001:db8::7]"], "2001:db8::7"),
            ("2001:db8::1", &["[2001:db8::7]:4711"], "2001:db8::7"),
        ] {
            let found =
                proxies(false).client(peer.parse().unwrap(), &fields("x-forwarded-for", values));
            assert_eq!(found.to_string(), client, "{peer} {values:?}");
        }
        let spoken = fields("x-forwarded-for", &["198.51.100.1"]);
        let peer = "10.0.0.2".parse().unwrap();
        assert_eq!(proxies(true).client(peer, &spoken), peer, "the other protocol is used");
        let long = vec!["10.1.1.1"; 1_000].join(",");
        let long = fields("x-forwarded-for", &[&format!("198.51.100.1,{long}")]);
        assert_eq!(proxies(false).client(peer, &long).to_string(), "10.1.1.1");
    }

    #[test]
    fn a_client_without_tls_is_told_by_trusted_proxies_alone() {
        for (peer, values, clear) in [
            ("10.0.0.2", &["http"][..], true),
            ("10.0.0.2", &["https"], false),
            ("10.0.0.2", &["HTTPS"], false),
            ("10.0.0.2", &["https, http"], true),
            ("10.0.0.2", &[], false),
            ("203.0.113.5", &["http"], false),
        ] {
            let found = proxies(false)
                .in_clear(peer.parse().unwrap(), &fields("x-forwarded-proto", values));
            assert_eq!(found, clear, "{peer} {values:?}");
        }
    }

    fn header(version_command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[version_command, family], &length, rest].concat()
    }

    #[tokio::test]
    async fn a_header_of_the_proxy_protocol_is_read_and_nothing_after_it() {
        let v4 = [198, 51, 100, 1, 10, 0, 0, 1, 0x12, 0x34, 0x01, 0xbb];
        let v6 = [&"2001:db8::7".parse::<Ipv6Addr>().unwrap().octets()[..], &[0; 20]].concat();
        let with_more = [&v4[..], &[0x04, 0, 1, 9]].concat();
        for (bytes, expected) in [
            (header(0x21, 0x11, &v4), Some(Some("198.51.100.1"))),
            (header(0x21, 0x11, &with_more), Some(Some("198.51.100.1"))),
            (header(0x21, 0x21, &v6), Some(Some("2001:db8::7"))),
            (header(0x20, 0x00, &[]), Some(None)),
            (header(0x20, 0x11, &v4), Some(None)),
            (header(0x21, 0x31, &[0; 216]), Some(None)),
            (header(0x21, 0x11, &v4[..11]), None),
            (header(0x21, 0x21, &v6[..35]), None),
            (header(0x11, 0x11, &v4), None),
            (header(0x22, 0x11, &v4), None),
            (header(0x21, 0x11, &[0; 2_049]), None),
            (b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(), None),
            (b"PROXY TCP4 198.51.100.1 10.0.0.1 1 2\r\n".to_vec(), None),
            (SIGNATURE.to_vec(), None),
        ] {
            let bytes = [bytes, b"GET".to_vec()].concat();
            let mut stream = &bytes[..];
            let found = read_proxy_header(&mut stream).await;
            match expected {
                Some(ip) => {
                    assert_eq!(found.unwrap().map(|it| it.to_string()).as_deref(), ip, "{bytes:?}");
                    assert_eq!(stream, b"GET");
                }
                None => assert!(found.is_err(), "{bytes:?}"),
            }
        }
    }
}
