//! `lezai dev --lan`: this machine's address in the local network, and a QR code of the shop for a phone there.

use std::io::IsTerminal as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

use super::CannotStart;

/// An address outside of every local network (RFC 5737, TEST-NET-1); the port is `discard`.
const FAR: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 9);

/// The address that others in the local network reach this machine by.
pub(super) fn address() -> Result<IpAddr, CannotStart> {
    // No packet is sent: the system only says which address one would be sent from.
    let chosen = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect(FAR)?;
        Ok(socket.local_addr()?.ip())
    });
    let usable = chosen.ok().filter(|it| !it.is_loopback() && !it.is_unspecified());
    usable.ok_or_else(|| {
        CannotStart::new(
            "--lan: this machine seems to be in no network; join one, or name its address as in --lan 192.168.1.20",
        )
    })
}

/// The same port on every interface: loopback stays for the command line.
pub(super) fn everywhere(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port())
}

/// A QR code of `url` for a terminal; nothing where no person looks.
pub(super) fn code(url: &str) -> Option<String> {
    std::io::stdout().is_terminal().then(|| drawn(url)).flatten()
}

/// Black on white whatever the terminal's own colours are: not every camera reads the inverse.
fn drawn(url: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(url, EcLevel::L).ok()?;
    let blocks = code.render::<Dense1x2>().build();
    let lines = blocks.lines().map(|line| format!("\u{1b}[30;107m{line}\u{1b}[0m"));
    Some(lines.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_quiet_zone_and_finder_patterns() {
        let text = drawn("http://192.168.1.20:8081").unwrap();
        let lines: Vec<String> = text
            .lines()
            .map(|it| it.replace("\u{1b}[30;107m", "").replace("\u{1b}[0m", ""))
            .collect();
        // Version 2 has 25 modules, with a quiet zone of 4 on each side; two rows are a line.
        assert!(lines.iter().all(|it| it.chars().count() == 33), "{lines:#?}");
        assert_eq!(lines.len(), 17);
        assert!(lines[0].trim().is_empty() && lines[1].trim().is_empty());
        // The upper edges of both upper finder patterns: seven dark modules over one dark, five light, one dark.
        assert!(
            lines[2].starts_with("    █▀▀▀▀▀█ ") && lines[2].trim_end().ends_with("█▀▀▀▀▀█"),
            "{}",
            lines[2]
        );
    }

    #[test]
    fn every_interface_keeps_the_port() {
        let address = everywhere("127.0.0.1:8080".parse().unwrap());
        assert_eq!(address.to_string(), "0.0.0.0:8080");
    }
}
