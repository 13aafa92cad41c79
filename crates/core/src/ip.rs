//! IP addresses: which network one belongs to, as rules, plugins and counters see it. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::policy::IpClass;

/// Whether the address lies in the public internet: neither in IANA's special-purpose registries
/// (RFC 6890), nor one that carries an IPv4 address which does.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

/// The kind of network that the address belongs to, as rules and plugins are told.
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

/// Whether the address is for private networks (RFC 1918, RFC 4193).
pub fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_private(),
        IpAddr::V6(v6) => v6.is_unique_local(),
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
}
