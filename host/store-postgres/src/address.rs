//! Where the database is, and how it is reached.

use std::path::Path;
use std::str::FromStr as _;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// Where the database is, and how it is reached.
pub struct Address {
    pub(super) config: Config,
    pub(super) tls: Option<Arc<ClientConfig>>,
}

impl Address {
    /// Reads a URL such as `postgres://lezai@db.internal/lezai`. Over a network the connection has TLS, and the
    /// server's certificate is verified, by the certificates of `ca` or by those that the system trusts;
    /// `sslmode=disable` says otherwise. On the same machine it has none, unless `sslmode=require` says so.
    ///
    /// # Errors
    ///
    /// The error, in words that show no password.
    pub fn parse(url: &str, password: Option<&str>, ca: Option<&Path>) -> Result<Self, String> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err("must begin with postgres://".to_owned());
        }
        // The parser's own message can contain the URL, and so the password.
        let mut config = Config::from_str(url).map_err(
            |_| "is not a URL of PostgreSQL's, such as postgres://lezai@127.0.0.1/lezai",
        )?;
        if config.get_hosts().is_empty() {
            return Err(
                "must name a host, or a folder of sockets: postgres:///lezai?host=/run/postgresql"
                    .to_owned(),
            );
        }
        if config.get_dbname().is_none() {
            return Err("must name a database: postgres://lezai@127.0.0.1/lezai".to_owned());
        }
        if let Some(password) = password {
            config.password(password);
        }
        let secured = match config.get_ssl_mode() {
            SslMode::Disable => false,
            SslMode::Require => true,
            _ => !config.get_hosts().iter().all(is_here),
        };
        config.ssl_mode(if secured { SslMode::Require } else { SslMode::Disable });
        // Of several hosts, one that takes writes: the others are its standbys.
        config.target_session_attrs(tokio_postgres::config::TargetSessionAttrs::ReadWrite);
        let tls = if secured { Some(trusting(ca)?) } else { None };
        Ok(Self { config, tls })
    }

    /// The address without secrets, as it may be shown and logged.
    pub fn shown(&self) -> String {
        let hosts: Vec<String> = self
            .config
            .get_hosts()
            .iter()
            .enumerate()
            .map(|(n, host)| {
                let ports = self.config.get_ports();
                let port = ports.get(n).or(ports.first()).copied().unwrap_or(5432);
                match host {
                    Host::Tcp(host) => format!("{host}:{port}"),
                    #[cfg(unix)]
                    Host::Unix(folder) => format!("{}:{port}", folder.display()),
                }
            })
            .collect();
        let database = self.config.get_dbname().unwrap_or_default();
        let tls = if self.tls.is_some() { "TLS" } else { "no TLS" };
        format!("PostgreSQL {database} at {} ({tls})", hosts.join(", "))
    }
}

fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(host) => {
            host == "localhost"
                || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

fn trusting(ca: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match ca {
        Some(file) => {
            let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_file_iter(file).map_err(|error| wrong(&error))? {
                roots
                    .add(certificate.map_err(|error| wrong(&error))?)
                    .map_err(|error| wrong(&error))?;
            }
            builder.with_root_certificates(roots)
        }
        None => builder.with_platform_verifier().map_err(|error| error.to_string())?,
    };
    Ok(Arc::new(builder.with_no_client_auth()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_is_for_the_network() {
        for (url, tls) in [
            ("postgres://lezai@127.0.0.1/lezai", false),
            ("postgres://lezai@localhost:5433/lezai", false),
            ("postgres:///lezai?host=/run/postgresql&user=lezai", false),
            ("postgres://lezai@db.internal/lezai", true),
            ("postgres://lezai@127.0.0.1,10.0.0.7/lezai", true),
            ("postgres://lezai@db.internal/lezai?sslmode=disable", false),
            ("postgres://lezai@127.0.0.1/lezai?sslmode=require", true),
        ] {
            let address = Address::parse(url, None, None).unwrap();
            assert_eq!(address.tls.is_some(), tls, "{url}");
            assert_eq!(address.shown().contains("no TLS"), !tls, "{url}");
        }
        for url in [
            "mysql://db/lezai",
            "postgres://127.0.0.1",
            "postgres:///lezai",
            "postgres://x:planted@h:port/d",
        ] {
            let error = Address::parse(url, None, None).err().unwrap();
            assert!(!error.contains("planted"), "{url}");
        }
    }
}
