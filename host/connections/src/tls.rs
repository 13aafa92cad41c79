//! TLS of a listener: a certificate with its key from two files, which are read anew when they change. What does
//! not fit together is named and not used: the certificate before stays.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use arc_swap::ArcSwap;
use lezai_core::digest::sha256_hex;
use lezai_core::time::Timestamp;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::sync::watch;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

/// The files are looked at this often: an ACME client replaces them some days before the end.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The two files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and those of its issuers, PEM.
    pub certificate: PathBuf,
    /// The private key, PEM.
    pub private_key: PathBuf,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no certificate in the file.
    #[error("{} has no certificate in PEM (-----BEGIN CERTIFICATE-----)", .0.display())]
    NoCertificate(PathBuf),
    /// There is no private key in the file.
    #[error("{} has no private key in PEM (-----BEGIN PRIVATE KEY-----)", .0.display())]
    NoKey(PathBuf),
    /// The key is another certificate's, or of a kind that is not supported.
    #[error("{} and {} do not fit together: {why}", files.certificate.display(), files.private_key.display())]
    Forbidden {
        /// Which.
        files: TlsFiles,
        /// Why.
        why: String,
    },
}

/// A certificate in use.
#[derive(Debug)]
struct Loaded {
    key: Arc<CertifiedKey>,
    /// SHA-256 of both files, to tell whether they changed.
    digest: String,
    ends_at: Option<Timestamp>,
}

/// A listener's certificate.
#[derive(Debug)]
pub struct Certificates {
    files: TlsFiles,
    loaded: ArcSwap<Loaded>,
    /// When the certificate in use ends, in seconds since 1970.
    pub ends_at: Gauge,
    /// Changed files that could not be used.
    pub refused: Counter,
}

impl Certificates {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// [`TlsError`].
    pub fn load(files: TlsFiles) -> Result<Arc<Self>, TlsError> {
        let loaded = read(&files)?;
        let (ends_at, refused) = (Gauge::default(), Counter::default());
        ends_at.set(loaded.ends_at.map_or(0, Timestamp::as_secs));
        Ok(Arc::new(Self { files, loaded: ArcSwap::from_pointee(loaded), ends_at, refused }))
    }

    /// Reads the files anew. Whether they are others than before.
    ///
    /// # Errors
    ///
    /// [`TlsError`]; the certificate before stays in use.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let loaded = read(&self.files)?;
        if loaded.digest == self.loaded.load().digest {
            return Ok(false);
        }
        self.ends_at.set(loaded.ends_at.map_or(0, Timestamp::as_secs));
        self.loaded.store(Arc::new(loaded));
        Ok(true)
    }

    /// When the certificate in use ends.
    pub fn expires(&self) -> Option<Timestamp> {
        self.loaded.load().ends_at
    }

    /// How TLS is spoken: versions 1.2 and 1.3, HTTP/1.1.
    ///
    /// # Errors
    ///
    /// If the cryptography at hand can speak neither.
    pub fn server_config(
        self: &Arc<Self>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<ServerConfig>, rustls::Error> {
        let builder = ServerConfig::builder_with_provider(Arc::clone(provider));
        let builder = builder.with_safe_default_protocol_versions()?.with_no_client_auth();
        let resolver = Arc::clone(self) as Arc<dyn ResolvesServerCert>;
        let mut config = builder.with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// Looks at the files until told to stop, and reads them when they changed.
    pub async fn watch(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut seen = self.stamp();
        let mut told = false;
        while tokio::time::timeout(LOOK_EVERY, stop.wait_for(|stop| *stop)).await.is_err() {
            let stamp = self.stamp();
            // Files that did not fit may be half of a change, of which the other half comes next.
            if stamp == seen && !told {
                continue;
            }
            seen = stamp;
            told = self.look(told);
        }
    }

    /// Reads anew, and says what came of it. Whether the files are not usable.
    pub fn look(&self, told: bool) -> bool {
        match self.reload() {
            Ok(changed) => {
                if changed {
                    let file = self.files.certificate.display();
                    tracing::info!(%file, "the certificate was read anew");
                }
                false
            }
            Err(error) => {
                if !told {
                    self.refused.inc();
                    tracing::error!(%error, "the changed certificate is not used; the one before stays");
                }
                true
            }
        }
    }

    /// The stamp that tells a file from another: its place on the disk, its length and when it was written.
    fn stamp(&self) -> [Option<(u64, u64, i64, i64)>; 2] {
        use std::os::unix::fs::MetadataExt as _;
        [&self.files.certificate, &self.files.private_key].map(|file| {
            let it = fs::metadata(file).ok()?;
            Some((it.ino(), it.len(), it.mtime(), it.mtime_nsec()))
        })
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.loaded.load().key))
    }
}

fn read(files: &TlsFiles) -> Result<Loaded, TlsError> {
    let bytes = |path: &PathBuf| {
        fs::read(path).map_err(|source| TlsError::Unreadable { path: path.clone(), source })
    };
    let (chain, private) = (bytes(&files.certificate)?, bytes(&files.private_key)?);
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&chain).collect();
    let certificates = certificates.ok().filter(|it| !it.is_empty());
    let certificates =
        certificates.ok_or_else(|| TlsError::NoCertificate(files.certificate.clone()))?;
    let key = PrivateKeyDer::from_pem_slice(&private);
    let key = key.map_err(|_| TlsError::NoKey(files.private_key.clone()))?;
    let unfit = |why: String| TlsError::Forbidden { files: files.clone(), why };
    let first = certificates.first().map(|it| it.to_vec()).unwrap_or_default();
    let provider = rustls::crypto::ring::default_provider();
    let key = CertifiedKey::from_der(certificates, key, &provider)
        .map_err(|error| unfit(error.to_string()))?;
    let digest = sha256_hex(format!("{} {}", sha256_hex(&chain), sha256_hex(&private)).as_bytes());
    Ok(Loaded { key: Arc::new(key), digest, ends_at: ends_at(&first) })
}

/// When a certificate ends.
fn ends_at(der: &[u8]) -> Option<Timestamp> {
    let certificate = Certificate::from_der(der).ok()?;
    let end = certificate.tbs_certificate().validity().not_after;
    i64::try_from(end.to_unix_duration().as_secs()).ok().map(Timestamp::from_secs)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::*;

    /// A certificate for itself, by OpenSSL, which is there wherever this is built.
    fn make(folder: &Path, name: &str, days: u32) -> TlsFiles {
        let files = TlsFiles {
            certificate: folder.join(format!("{name}.crt")),
            private_key: folder.join(format!("{name}.key")),
        };
        let done = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
            ])
            .args(["-subj", "/CN=pay.example", "-days", &days.to_string(), "-out"])
            .arg(&files.certificate)
            .arg("-keyout")
            .arg(&files.private_key)
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        files
    }

    #[test]
    fn a_certificate_is_read_anew_and_only_if_it_fits() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (make(folder.path(), "one", 10), make(folder.path(), "other", 400));
        let certificates = Certificates::load(one.clone()).unwrap();
        let days = |it: &Certificates| {
            (it.expires().unwrap().as_secs() - lezai_base::clock::now().as_secs() + 43_200) / 86_400
        };
        assert_eq!(days(&certificates), 10);
        assert!(!certificates.reload().unwrap());
        fs::copy(&other.certificate, &one.certificate).unwrap();
        assert!(
            matches!(certificates.reload(), Err(TlsError::Forbidden { .. })),
            "half of a change"
        );
        assert_eq!(days(&certificates), 10);
        fs::copy(&other.private_key, &one.private_key).unwrap();
        assert!(certificates.reload().unwrap());
        assert_eq!(days(&certificates), 400);
        assert_eq!(certificates.ends_at.get(), certificates.expires().unwrap().as_secs());
        fs::write(&one.certificate, "").unwrap();
        assert!(matches!(certificates.reload(), Err(TlsError::NoCertificate(_))));
        fs::write(&one.private_key, "").unwrap();
        fs::copy(&other.certificate, &one.certificate).unwrap();
        assert!(matches!(certificates.reload(), Err(TlsError::NoKey(_))));
        fs::remove_file(&one.private_key).unwrap();
        assert!(matches!(certificates.reload(), Err(TlsError::Unreadable { .. })));
        assert_eq!(days(&certificates), 400);
    }
}
