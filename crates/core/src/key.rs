//! P-256 keys: read, written, named by thumbprint, and used to sign and verify.
//!
//! A signature is ECDSA over SHA-256 as 64 raw bytes, r then s, as RFC 9421 (section 3.3.4) and
//! JWS ES256 (RFC 7518, section 3.4) have it. Signing is deterministic (RFC 6979), so it needs no
//! randomness. A host with a faster library, or with another algorithm, hands in its own keys as [`Sign`] and
//! [`Verify`]. Both halves of an (r, s) / (r, n−s) pair verify: the RFCs do not ask for low s.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use p256::ecdsa;
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::elliptic_curve::point::AffineCoordinates as _;
use p256::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _,
    LineEnding,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A signature: r and s, 32 big-endian bytes each.
pub type Signature = [u8; 64];

/// Why a key or a signature is no good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text is no PKCS#8 PEM of a P-256 private key.
    #[error("not a P-256 private key as PKCS#8 PEM (-----BEGIN PRIVATE KEY-----)")]
    PrivatePem,
    /// The text is no SPKI PEM of a P-256 public key.
    #[error("not a P-256 public key as SPKI PEM (-----BEGIN PUBLIC KEY-----)")]
    PublicPem,
    /// The JWK is no P-256 public key.
    #[error(
        "not a P-256 public key as JWK: kty EC, crv P-256, x and y of 32 bytes in base64url, and a point on the curve"
    )]
    Jwk,
    /// The bytes are no point on the curve.
    #[error("not a P-256 public key: the bytes are no point on the curve")]
    Point,
    /// The entropy is all zero or cannot be a key.
    #[error("entropy refused: 32 bytes from a secure random source are needed, and these are not")]
    Entropy,
    /// The signature is not this key's over this message.
    #[error("the signature does not verify")]
    Signature,
}

/// The algorithm of signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256 over SHA-256.
    EcdsaP256Sha256,
    /// SM2 over SM3, which RFC 9421's registry has no name for. No key here has it: a host brings them.
    Sm2Sm3,
}

impl Algorithm {
    /// The value of the parameter `alg`: the name in the registry of RFC 9421, section 6.2, or our own.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EcdsaP256Sha256 => "ecdsa-p256-sha256",
            Self::Sm2Sm3 => "lezai-sm2-sm3",
        }
    }
}

/// A signer with a private key: [`SigningKey`], or a host's faster library.
pub trait Sign {
    /// Signs a message (hashed here with SHA-256).
    fn sign(&self, message: &[u8]) -> Signature;
    /// The public half.
    fn verifying_key(&self) -> VerifyingKey;
}

/// A verifier with a public key: [`VerifyingKey`], or a host's faster library, which must take
/// and refuse the same signatures.
pub trait Verify {
    /// The one algorithm that signatures of this key are made with.
    fn algorithm(&self) -> Algorithm {
        Algorithm::EcdsaP256Sha256
    }

    /// # Errors
    ///
    /// [`KeyError::Signature`], and no word on why.
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError>;
}

/// A private key. Its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct SigningKey(ecdsa::SigningKey);

impl SigningKey {
    /// # Errors
    ///
    /// [`KeyError::PrivatePem`].
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, KeyError> {
        p256::SecretKey::from_pkcs8_pem(pem)
            .map(|key| Self(key.into()))
            .map_err(|_| KeyError::PrivatePem)
    }

    /// A new key of 32 random bytes.
    ///
    /// # Errors
    ///
    /// [`KeyError::Entropy`] for what is surely not random (every byte the same) or, once in
    /// 2^32, not below the curve's order.
    pub fn from_entropy(entropy: &[u8; 32]) -> Result<Self, KeyError> {
        if entropy.iter().all(|byte| *byte == entropy[0]) {
            return Err(KeyError::Entropy);
        }
        ecdsa::SigningKey::from_slice(entropy).map(Self).map_err(|_| KeyError::Entropy)
    }

    /// The key as PKCS#8 PEM (RFC 5958), for a file that only its owner may read.
    ///
    /// # Errors
    ///
    /// [`KeyError::PrivatePem`], should the encoder refuse; it has no known reason to.
    pub fn to_pkcs8_pem(&self) -> Result<String, KeyError> {
        let pem = self.0.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyError::PrivatePem)?;
        Ok(pem.to_string())
    }

    /// The key as 32 big-endian bytes, for another library to sign with. Nobody wipes them.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes().into()
    }

    /// Signs a message (hashed here with SHA-256), deterministically as in RFC 6979.
    pub fn sign(&self, message: &[u8]) -> Signature {
        let signature: ecdsa::Signature = self.0.sign(message);
        signature.to_bytes().into()
    }

    /// The public half.
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(*self.0.verifying_key())
    }
}

impl Sign for SigningKey {
    fn sign(&self, message: &[u8]) -> Signature {
        self.sign(message)
    }

    fn verifying_key(&self) -> VerifyingKey {
        self.verifying_key()
    }
}

/// A public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyingKey(ecdsa::VerifyingKey);

/// A public key as JSON Web Key (RFC 7517): the members that name it, and no others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jwk {
    /// `EC`.
    pub kty: String,
    /// `P-256`.
    pub crv: String,
    /// 32 bytes, base64url without padding.
    pub x: String,
    /// 32 bytes, base64url without padding.
    pub y: String,
}

impl Jwk {
    /// The key's name (RFC 7638), without asking whether it is a point on the curve: for who has that
    /// asked elsewhere, such as by WebCrypto.
    ///
    /// # Errors
    ///
    /// [`KeyError::Jwk`] if it is no P-256 key, or is written in another way than the one.
    pub fn thumbprint(&self) -> Result<String, KeyError> {
        self.coordinates()?;
        Ok(thumbprint(&self.x, &self.y))
    }

    /// x and y.
    fn coordinates(&self) -> Result<[[u8; 32]; 2], KeyError> {
        if self.kty != "EC" || self.crv != "P-256" {
            return Err(KeyError::Jwk);
        }
        let decode = |text: &str| {
            let bytes = BASE64URL.decode(text).ok();
            bytes.and_then(|bytes| bytes.try_into().ok()).ok_or(KeyError::Jwk)
        };
        Ok([decode(&self.x)?, decode(&self.y)?])
    }
}

/// SHA-256 over the required members of a key's JWK, base64url (RFC 7638, section 3).
fn thumbprint(x: &str, y: &str) -> String {
    let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    BASE64URL.encode(Sha256::digest(members))
}

impl VerifyingKey {
    /// # Errors
    ///
    /// [`KeyError::PublicPem`].
    pub fn from_spki_pem(pem: &str) -> Result<Self, KeyError> {
        ecdsa::VerifyingKey::from_public_key_pem(pem).map(Self).map_err(|_| KeyError::PublicPem)
    }

    /// From the point's encoding in SEC 1, compressed or not.
    ///
    /// # Errors
    ///
    /// [`KeyError::Point`].
    pub fn from_sec1_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        ecdsa::VerifyingKey::from_sec1_bytes(bytes).map(Self).map_err(|_| KeyError::Point)
    }

    /// The point's encoding in SEC 1, not compressed, for another library to verify with.
    pub fn to_sec1_bytes(&self) -> [u8; 65] {
        let mut bytes = [0; 65];
        bytes.copy_from_slice(self.0.to_sec1_point(false).as_bytes());
        bytes
    }

    /// # Errors
    ///
    /// [`KeyError::Jwk`].
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, KeyError> {
        let [x, y] = jwk.coordinates()?.map(p256::FieldBytes::from);
        let point = p256::AffinePoint::from_coordinates(&x, &y).into_option();
        let key = point.and_then(|point| ecdsa::VerifyingKey::from_affine(point).ok());
        key.map(Self).ok_or(KeyError::Jwk)
    }

    /// The key as JWK.
    pub fn to_jwk(&self) -> Jwk {
        let point = self.to_sec1_bytes();
        Jwk {
            kty: "EC".to_owned(),
            crv: "P-256".to_owned(),
            x: BASE64URL.encode(&point[1..33]),
            y: BASE64URL.encode(&point[33..65]),
        }
    }

    /// The key as SPKI PEM.
    ///
    /// # Errors
    ///
    /// [`KeyError::PublicPem`], should the encoder refuse; it has no known reason to.
    pub fn to_spki_pem(&self) -> Result<String, KeyError> {
        self.0.to_public_key_pem(LineEnding::LF).map_err(|_| KeyError::PublicPem)
    }

    /// The key's name (RFC 7638).
    pub fn thumbprint(&self) -> String {
        let Jwk { x, y, .. } = self.to_jwk();
        thumbprint(&x, &y)
    }

    /// # Errors
    ///
    /// [`KeyError::Signature`], and no word on why.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        let signature = ecdsa::Signature::from_slice(signature).map_err(|_| KeyError::Signature)?;
        self.0.verify(message, &signature).map_err(|_| KeyError::Signature)
    }
}

impl Verify for VerifyingKey {
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        self.verify(message, signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_entropy(&std::array::from_fn(|i| u8::try_from(i).unwrap() + 1)).unwrap()
    }

    #[test]
    fn a_key_survives_each_of_its_forms() {
        let (private, public) = (key(), key().verifying_key());
        let read = SigningKey::from_pkcs8_pem(&private.to_pkcs8_pem().unwrap()).unwrap();
        assert_eq!(read.verifying_key(), public);
        assert_eq!(VerifyingKey::from_spki_pem(&public.to_spki_pem().unwrap()), Ok(public));
        assert_eq!(VerifyingKey::from_jwk(&public.to_jwk()), Ok(public));
    }

    #[test]
    fn a_signature_is_its_key_s_and_its_message_s_alone() {
        let signature = key().sign(b"a");
        let other =
            SigningKey::from_entropy(&std::array::from_fn(|i| u8::try_from(i).unwrap() + 2))
                .unwrap();
        assert_eq!(key().verifying_key().verify(b"a", &signature), Ok(()));
        assert_eq!(key().verifying_key().verify(b"b", &signature), Err(KeyError::Signature));
        assert_eq!(other.verifying_key().verify(b"a", &signature), Err(KeyError::Signature));
        assert_eq!(key().verifying_key().verify(b"a", &signature[..63]), Err(KeyError::Signature));
        assert_eq!(key().verifying_key().verify(b"a", &[0; 64]), Err(KeyError::Signature));
    }

    #[test]
    fn entropy_that_is_none_is_refused() {
        for byte in [0, 1, 255] {
            assert_eq!(SigningKey::from_entropy(&[byte; 32]).err(), Some(KeyError::Entropy));
        }
    }

    #[test]
    fn a_jwk_that_is_no_point_is_refused() {
        let good = key().verifying_key().to_jwk();
        for bad in [
            Jwk { kty: "RSA".to_owned(), ..good.clone() },
            Jwk { crv: "P-384".to_owned(), ..good.clone() },
            Jwk { x: good.y.clone(), ..good.clone() },
            Jwk { x: String::new(), ..good.clone() },
            Jwk { y: format!("{}A", good.y), ..good.clone() },
            Jwk { y: "=".to_owned(), ..good.clone() },
        ] {
            assert_eq!(VerifyingKey::from_jwk(&bad), Err(KeyError::Jwk), "{bad:?}");
        }
    }

    #[test]
    fn a_jwk_has_one_name() {
        let good = key().verifying_key().to_jwk();
        assert_eq!(good.thumbprint(), Ok(key().verifying_key().thumbprint()));
        let (rest, _) = good.x.split_at(42);
        for bad in [
            Jwk { kty: "RSA".to_owned(), ..good.clone() },
            Jwk { crv: "P-384".to_owned(), ..good.clone() },
            Jwk { x: String::new(), ..good.clone() },
            // The last of 43 digits carries two bits of nothing, and here one of them is set.
            Jwk { x: format!("{rest}B"), ..good.clone() },
            Jwk { x: format!("{}=", good.x), ..good.clone() },
            Jwk { x: format!("{rest}+"), ..good.clone() },
            Jwk { y: format!("{}A", good.y), ..good.clone() },
        ] {
            assert_eq!(bad.thumbprint(), Err(KeyError::Jwk), "{bad:?}");
        }
    }

    #[test]
    fn the_thumbprint_is_rfc_7638_s() {
        // Computed with the Python package jwcrypto 1.5 for the same key.
        let jwk = Jwk {
            kty: "EC".to_owned(),
            crv: "P-256".to_owned(),
            x: "qIVYZVLCrPZHGHjP17CTW0_-D9Lfw0EkjqF7xB4FivA".to_owned(),
            y: "Mc4nN9LTDOBhfoUeg8Ye9WedFRhnZXZJA12Qp0zZ6F0".to_owned(),
        };
        let key = VerifyingKey::from_jwk(&jwk).unwrap();
        assert_eq!(key.thumbprint(), "ydQXMtvbsOsZyFir-Y7A8t7fKEM1gbKPvyFkdpu4fvI");
    }
}
