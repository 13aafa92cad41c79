//! RSA keys and certificates: ring signs and verifies, x509-cert reads.
//!
//! Private keys only ever sign. ring does that in constant time.

use std::fmt;
use std::sync::Arc;

use base64ct::{Base64, Encoding as _};
use ring::rand::SystemRandom;
use ring::signature::{self, RsaKeyPair, UnparsedPublicKey};
use x509_cert::Certificate as X509;
use x509_cert::der::asn1::{
    Any, Ia5StringRef, PrintableStringRef, TeletexStringRef, Utf8StringRef,
};
use x509_cert::der::{Decode as _, Tag, Tagged as _, pem};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

/// Keys below 2048 bits are not taken.
const MODULUS_BYTES_MIN: usize = 256;
const RSA_ENCRYPTION: &str = "1.2.840.113549.1.1.1";
const COMMON_NAME: &str = "2.5.4.3";

/// A key or certificate that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// It is neither PEM nor base64 of DER.
    #[error("must be PEM, or base64 of DER")]
    Encoding,
    /// It is not an RSA private key in PKCS#8 or PKCS#1.
    #[error("must be an RSA private key in PKCS#8 or PKCS#1")]
    PrivateKey,
    /// It is not an RSA public key.
    #[error("must be an RSA public key")]
    PublicKey,
    /// It is not an X.509 certificate.
    #[error("must be an X.509 certificate")]
    Certificate,
    /// It is too short.
    #[error("must have 2048 bits or more")]
    TooShort,
}

/// The signature does not belong to the message and the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature is wrong")]
pub struct WrongSignature;

/// A private key, which signs with RSASSA-PKCS1-v1_5 and SHA-256.
#[derive(Clone)]
pub struct PrivateKey(Arc<RsaKeyPair>);

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey")
    }
}

impl PrivateKey {
    /// Reads PEM (`PRIVATE KEY` or `RSA PRIVATE KEY`), or bare base64 as Alipay's key tool writes it.
    ///
    /// # Errors
    ///
    /// [`BadKey`].
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let (_, der) = decode(text)?;
        let pair = RsaKeyPair::from_pkcs8(&der).or_else(|_| RsaKeyPair::from_der(&der));
        let pair = pair.map_err(|_| BadKey::PrivateKey)?;
        Ok(Self(Arc::new(pair)))
    }

    /// The signature, in base64.
    pub fn sign(&self, message: &[u8]) -> String {
        let mut signature = vec![0; self.0.public().modulus_len()];
        let random = SystemRandom::new();
        let signed = self.0.sign(&signature::RSA_PKCS1_SHA256, &random, message, &mut signature);
        // ring fails only where the length of the buffer is another than the modulus's.
        if signed.is_err() {
            return String::new();
        }
        Base64::encode_string(&signature)
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.public().as_ref().to_vec())
    }
}

/// A public key, which verifies RSASSA-PKCS1-v1_5 with SHA-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(Vec<u8>);

impl PublicKey {
    /// Its fingerprint: the first bytes of its SHA-256, in hex.
    pub fn fingerprint(&self) -> String {
        let digest = ring::digest::digest(&ring::digest::SHA256, &self.0);
        crate::surroundings::hex(&digest.as_ref()[..8])
    }

    /// Reads a public key (PEM or bare base64 of SPKI or PKCS#1), or a certificate.
    ///
    /// # Errors
    ///
    /// [`BadKey`].
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let (label, der) = decode(text)?;
        match label.as_deref() {
            Some("CERTIFICATE") => Certificate::from_der(&der).map(|certificate| certificate.key),
            _ => Self::from_spki(&der),
        }
    }

    /// The key in PKCS#1's DER.
    pub(crate) fn pkcs1(&self) -> &[u8] {
        &self.0
    }

    fn from_spki(der: &[u8]) -> Result<Self, BadKey> {
        let spki = SubjectPublicKeyInfoOwned::from_der(der).map_err(|_| BadKey::PublicKey)?;
        Self::of(&spki)
    }

    fn of(spki: &SubjectPublicKeyInfoOwned) -> Result<Self, BadKey> {
        if spki.algorithm.oid.to_string() != RSA_ENCRYPTION {
            return Err(BadKey::PublicKey);
        }
        let key = spki.subject_public_key.as_bytes().ok_or(BadKey::PublicKey)?;
        let components = signature::RsaPublicKeyComponents::<Vec<u8>>::try_from_der(key)?;
        if components.n.len() < MODULUS_BYTES_MIN {
            return Err(BadKey::TooShort);
        }
        Ok(Self(key.to_vec()))
    }

    /// Checks a signature in base64.
    ///
    /// # Errors
    ///
    /// [`WrongSignature`], also for what is not base64.
    pub fn verify(&self, message: &[u8], signature: &str) -> Result<(), WrongSignature> {
        let signature = Base64::decode_vec(signature).map_err(|_| WrongSignature)?;
        let key = UnparsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, &self.0);
        key.verify(message, &signature).map_err(|_| WrongSignature)
    }
}

/// Reads the two numbers of a PKCS#1 key.
trait FromPkcs1: Sized {
    fn try_from_der(der: &[u8]) -> Result<Self, BadKey>;
}

impl FromPkcs1 for signature::RsaPublicKeyComponents<Vec<u8>> {
    fn try_from_der(der: &[u8]) -> Result<Self, BadKey> {
        let parts =
            Vec::<x509_cert::der::asn1::Uint>::from_der(der).map_err(|_| BadKey::PublicKey)?;
        let [n, e] = &parts[..] else { return Err(BadKey::PublicKey) };
        Ok(Self { n: n.as_bytes().to_vec(), e: e.as_bytes().to_vec() })
    }
}

/// A certificate: its key, serial number, issuer and time.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The key.
    pub key: PublicKey,
    /// Its serial number in upper-case hexadecimal digits, without leading zeros in pairs.
    pub serial: String,
    /// Valid from, in seconds since the epoch.
    pub not_before: i64,
    /// Valid to, in seconds since the epoch.
    pub not_after: i64,
    /// The DER.
    pub der: Vec<u8>,
}

impl Certificate {
    /// Reads one certificate in PEM.
    ///
    /// # Errors
    ///
    /// [`BadKey`].
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        Self::from_der(&decode(text)?.1)
    }

    fn from_der(der: &[u8]) -> Result<Self, BadKey> {
        let x509 = X509::from_der(der).map_err(|_| BadKey::Certificate)?;
        let body = x509.tbs_certificate();
        let key = PublicKey::of(body.subject_public_key_info())?;
        let seconds = |at: x509_cert::time::Time| {
            i64::try_from(at.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
        };
        let validity = body.validity();
        Ok(Self {
            key,
            serial: upper_hex(body.serial_number().as_bytes()),
            not_before: seconds(validity.not_before),
            not_after: seconds(validity.not_after),
            der: der.to_vec(),
        })
    }

    /// Whether it is in its time.
    pub fn is_valid_at(&self, now: i64) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }
}

/// A serial number as the providers write it: upper case, two digits to a byte, without the byte of
/// zeros that DER puts before a high bit.
fn upper_hex(bytes: &[u8]) -> String {
    let significant = match bytes {
        [0, rest @ ..] if !rest.is_empty() => rest,
        all => all,
    };
    crate::surroundings::hex(significant).to_ascii_uppercase()
}

/// The serial number of a certificate as decimal digits.
///
/// # Errors
///
/// [`BadKey`].
pub(crate) fn decimal_serial(text: &str) -> Result<String, BadKey> {
    let certificate = X509::from_der(&decode(text)?.1).map_err(|_| BadKey::Certificate)?;
    Ok(decimal(certificate.tbs_certificate().serial_number().as_bytes()))
}

/// The common names in a certificate's name.
///
/// # Errors
///
/// [`BadKey`].
pub(crate) fn common_names(name: &x509_cert::name::Name) -> Result<Vec<String>, BadKey> {
    let common = name.iter().filter(|part| part.oid.to_string() == COMMON_NAME);
    common.map(|part| text_of(&part.value)).collect()
}

/// The parts of Alipay's name for a certificate: the issuer, the last part first, and the serial
/// number as a decimal.
pub(crate) struct Named {
    /// `CN=…,OU=…,O=…,C=…`
    pub(crate) issuer: String,
    /// The serial number.
    pub(crate) serial: String,
    /// Whether RSA signed it.
    pub(crate) signed_by_rsa: bool,
}

/// Reads all certificates of a PEM text, of whatever algorithm.
///
/// # Errors
///
/// [`BadKey`].
pub(crate) fn named(text: &str) -> Result<Vec<Named>, BadKey> {
    // Alipay's own file of roots separates them with empty lines, which strict PEM does not take.
    const END: &str = "-----END CERTIFICATE-----";
    let blocks = text.split_inclusive(END).filter(|block| block.contains(END));
    blocks
        .map(|block| {
            let begin = block.find("-----BEGIN").ok_or(BadKey::Encoding)?;
            let (_, der) = decode(block.get(begin..).unwrap_or_default())?;
            let x509 = X509::from_der(&der).map_err(|_| BadKey::Certificate)?;
            let body = x509.tbs_certificate();
            let parts: Vec<String> = body.issuer().iter().map(part).collect::<Result<_, _>>()?;
            Ok(Named {
                issuer: parts.into_iter().rev().collect::<Vec<_>>().join(","),
                serial: decimal(body.serial_number().as_bytes()),
                signed_by_rsa: x509
                    .signature_algorithm()
                    .oid
                    .to_string()
                    .starts_with("1.2.840.113549.1.1"),
            })
        })
        .collect()
}

fn part(part: &x509_cert::attr::AttributeTypeAndValue) -> Result<String, BadKey> {
    let oid = part.oid.to_string();
    let name = match oid.as_str() {
        COMMON_NAME => "CN",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "1.2.840.113549.1.9.1" => "E",
        other => other,
    };
    Ok(format!("{name}={}", text_of(&part.value)?))
}

fn text_of(value: &Any) -> Result<String, BadKey> {
    let text = match value.tag() {
        Tag::Utf8String => value.decode_as::<Utf8StringRef<'_>>().map(|text| text.to_string()),
        Tag::PrintableString => {
            value.decode_as::<PrintableStringRef<'_>>().map(|text| text.to_string())
        }
        Tag::TeletexString => {
            value.decode_as::<TeletexStringRef<'_>>().map(|text| text.to_string())
        }
        _ => value.decode_as::<Ia5StringRef<'_>>().map(|text| text.to_string()),
    };
    text.map_err(|_| BadKey::Certificate)
}

/// A number of any length as decimal digits.
fn decimal(bytes: &[u8]) -> String {
    let mut digits = vec![0u8];
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            let value = u32::from(*digit) * 256 + carry;
            *digit = u8::try_from(value % 10).unwrap_or_default();
            carry = value / 10;
        }
        while carry > 0 {
            digits.push(u8::try_from(carry % 10).unwrap_or_default());
            carry /= 10;
        }
    }
    digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect()
}

/// DER out of PEM or of bare base64, with PEM's label.
fn decode(text: &str) -> Result<(Option<String>, Vec<u8>), BadKey> {
    let text = text.trim();
    if let Some(begin) = text.find("-----BEGIN") {
        let text = text.get(begin..).unwrap_or_default();
        if let Ok((label, der)) = pem::decode_vec(text.as_bytes()) {
            return Ok((Some(label.to_owned()), der));
        }
        // Lines of another length than 64, as some tools write them.
        let mut lines = text.lines();
        let label = lines.next().and_then(|line| line.strip_prefix("-----BEGIN "));
        let label = label.and_then(|line| line.trim_end().strip_suffix("-----"));
        let body: String =
            lines.take_while(|line| !line.starts_with("-----END")).map(str::trim).collect();
        let der = Base64::decode_vec(&body).map_err(|_| BadKey::Encoding)?;
        return Ok((label.map(str::to_owned), der));
    }
    let bare: String = text.split_whitespace().collect();
    Base64::decode_vec(&bare).map(|der| (None, der)).map_err(|_| BadKey::Encoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_keep_their_zeros_and_lose_their_sign() {
        for (bytes, serial, number) in [
            (&[0x00, 0xd7, 0xce][..], "D7CE", "55246"),
            (&[0x07, 0xce], "07CE", "1998"),
            (&[0x01, 0x00, 0x00], "010000", "65536"),
            (&[0x00], "00", "0"),
        ] {
            assert_eq!(upper_hex(bytes), serial);
            assert_eq!(decimal(bytes), number);
        }
    }

    #[test]
    fn what_is_not_a_key_is_refused() {
        assert_eq!(PrivateKey::parse("hello!").unwrap_err(), BadKey::Encoding);
        assert_eq!(PrivateKey::parse("aGVsbG8=").unwrap_err(), BadKey::PrivateKey);
        assert_eq!(PublicKey::parse("aGVsbG8=").unwrap_err(), BadKey::PublicKey);
        assert_eq!(Certificate::parse("aGVsbG8=").unwrap_err(), BadKey::Certificate);
        assert_eq!(PublicKey::parse("").unwrap_err(), BadKey::PublicKey);
    }
}
