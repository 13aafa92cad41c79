//! The certificate that each of UnionPay's messages brings: believed if the configured authority made it, for
//! UnionPay, and it is in its time.
//!
//! Anybody can sign a message and put a certificate of their own beside it. So the certificate is followed to the
//! middle certificate and the root that the operator configured, and must name UnionPay as its owner.

use ring::signature::{self, UnparsedPublicKey};
use x509_cert::Certificate as X509;
use x509_cert::der::asn1::AnyRef;
use x509_cert::der::{Decode as _, Encode as _, Reader as _, SliceReader};
use x509_cert::ext::pkix::BasicConstraints;

use crate::rsa::{self, BadKey, Certificate, PublicKey};

/// The owner's name in UnionPay's certificates: the third part of `041@8310000000083040@中国银联股份有限公司@…`.
const OWNER: &str = "中国银联股份有限公司";
const SHA1_WITH_RSA: &str = "1.2.840.113549.1.1.5";
const SHA256_WITH_RSA: &str = "1.2.840.113549.1.1.11";

/// Why a certificate is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// It is no certificate with an RSA key.
    #[error("the certificate cannot be read: {0}")]
    Unreadable(#[from] BadKey),
    /// It is not UnionPay's.
    #[error("the certificate is not UnionPay's")]
    Owner,
    /// The configured authority did not make it.
    #[error("the certificate is not of the configured authority")]
    Issuer,
    /// It, or one above it, is not in its time.
    #[error("the certificate is not in its time")]
    Time,
    /// It may not make certificates.
    #[error("must be a certificate of an authority")]
    NoAuthority,
}

/// A certificate with what its issuer signed.
#[derive(Clone, Debug)]
struct Link {
    certificate: Certificate,
    subject: Vec<u8>,
    issuer: Vec<u8>,
    /// The bytes that the issuer signed.
    signed: Vec<u8>,
    algorithm: String,
    signature: Vec<u8>,
    is_authority: bool,
    names: Vec<String>,
}

impl Link {
    fn parse(text: &str) -> Result<Self, Untrusted> {
        let certificate = Certificate::parse(text)?;
        let x509 = X509::from_der(&certificate.der).map_err(|_| BadKey::Certificate)?;
        let body = x509.tbs_certificate();
        let der = |name: &x509_cert::name::Name| name.to_der().map_err(|_| BadKey::Certificate);
        let constraints = body.get_extension::<BasicConstraints>();
        let constraints = constraints.map_err(|_| BadKey::Certificate)?;
        Ok(Self {
            subject: der(body.subject())?,
            issuer: der(body.issuer())?,
            signed: first_element(&certificate.der).ok_or(BadKey::Certificate)?,
            algorithm: x509.signature_algorithm().oid.to_string(),
            signature: x509.signature().raw_bytes().to_vec(),
            is_authority: constraints.is_some_and(|(_, constraints)| constraints.ca),
            names: rsa::common_names(body.subject())?,
            certificate,
        })
    }

    /// Whether this one's owner signed the other. SHA-1 is taken, because UnionPay's authority signs with it.
    fn signed(&self, other: &Self) -> bool {
        let key = self.certificate.key.pkcs1();
        let algorithm = match other.algorithm.as_str() {
            SHA1_WITH_RSA => &signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            SHA256_WITH_RSA => &signature::RSA_PKCS1_2048_8192_SHA256,
            _ => return false,
        };
        self.subject == other.issuer
            && UnparsedPublicKey::new(algorithm, key)
                .verify(&other.signed, &other.signature)
                .is_ok()
    }
}

/// The first element inside a DER sequence, with its head.
fn first_element(der: &[u8]) -> Option<Vec<u8>> {
    let inside = AnyRef::from_der(der).ok()?;
    let mut reader = SliceReader::new(inside.value()).ok()?;
    reader.tlv_bytes().ok().map(<[u8]>::to_vec)
}

/// The root and the middle certificates.
#[derive(Clone, Debug)]
pub struct Authority {
    root: Root,
    middle: Vec<Link>,
}

/// A root certificate, read.
#[derive(Clone, Debug)]
pub struct Root(Link);

impl Authority {
    /// Reads a root.
    ///
    /// # Errors
    ///
    /// [`Untrusted`]: it cannot be read, is no authority's, or did not sign itself.
    pub fn root(text: &str) -> Result<Root, Untrusted> {
        let root = Link::parse(text)?;
        match (root.is_authority, root.signed(&root)) {
            (false, _) => Err(Untrusted::NoAuthority),
            (true, false) => Err(Untrusted::Issuer),
            (true, true) => Ok(Root(root)),
        }
    }

    /// The authority of a root and of middle certificates that it signed.
    ///
    /// # Errors
    ///
    /// [`Untrusted`]: one of them cannot be read, is no authority's, or is another root's.
    pub fn new(root: Root, middle: &[String]) -> Result<Self, Untrusted> {
        let middle = middle.iter().map(|text| {
            let link = Link::parse(text)?;
            match (link.is_authority, root.0.signed(&link)) {
                (false, _) => Err(Untrusted::NoAuthority),
                (true, false) => Err(Untrusted::Issuer),
                (true, true) => Ok(link),
            }
        });
        let middle = middle.collect::<Result<_, _>>()?;
        Ok(Self { root, middle })
    }

    /// The key of a certificate that a message brought.
    ///
    /// # Errors
    ///
    /// [`Untrusted`].
    pub fn key_of(&self, text: &str, now: i64) -> Result<PublicKey, Untrusted> {
        let leaf = Link::parse(text)?;
        let owned = |name: &String| name.split('@').nth(2) == Some(OWNER);
        if !leaf.names.iter().any(owned) {
            return Err(Untrusted::Owner);
        }
        let in_time = |link: &Link| link.certificate.is_valid_at(now);
        // One that is renewed with the same name and key signed what its forerunner signed.
        let mut signers = self.middle.iter().filter(|middle| middle.signed(&leaf)).peekable();
        if signers.peek().is_none() {
            return Err(Untrusted::Issuer);
        }
        if !signers.any(in_time) || !in_time(&leaf) || !in_time(&self.root.0) {
            return Err(Untrusted::Time);
        }
        Ok(leaf.certificate.key)
    }
}
