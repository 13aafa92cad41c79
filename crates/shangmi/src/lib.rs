//! SM2 signatures over SM3 (GM/T 0003.2-2012, GB/T 32918.2-2016) on the recommended curve (GM/T 0003.5-2012):
//! what a merchant signs with that must use China's commercial cryptography.
//!
//! A signature is r and s raw, 32 big-endian bytes each, as RFC 9421 has it for ECDSA: DER is refused. The
//! signer's identity, which SM2 hashes with the public key before the message, is always [`IDENTITY`].
//! Both halves are numbers from 1 to n - 1, and from one signature nobody computes a second: unlike ECDSA's,
//! (r, n - s) does not verify.
//!
//! No more is here than is used: SM2's encryption and key exchange, SM3 for other ends, and SM4 are not.

#![forbid(unsafe_code)]

use lezai_core::key::{Algorithm, KeyError, Signature, Verify};
use sm2::dsa;
use sm2::dsa::signature::{Signer as _, Verifier as _};
use sm2::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _,
    LineEnding,
};

/// The user identity of a signer that has agreed on no other (GM/T 0009-2012, section 10).
pub const IDENTITY: &str = "1234567812345678";

/// Why a key is no good, or does not sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShangmiError {
    /// The text is no PKCS#8 PEM of an SM2 private key.
    #[error("not an SM2 private key as PKCS#8 PEM (-----BEGIN PRIVATE KEY-----)")]
    PrivatePem,
    /// The text is no SPKI PEM of a point on SM2's curve.
    #[error("not an SM2 public key as SPKI PEM (-----BEGIN PUBLIC KEY-----)")]
    PublicPem,
    /// Once in 2^255, a message's nonce gives no signature. Another message's does.
    #[error("this message cannot be signed: sign another, such as one with another nonce")]
    Unsigned,
}

/// A private key. Unlike a P-256 key's, its memory is not wiped when it is dropped.
#[derive(Clone, Debug)]
pub struct SigningKey {
    secret: sm2::SecretKey,
    signer: dsa::SigningKey,
}

impl SigningKey {
    /// # Errors
    ///
    /// [`ShangmiError::PrivatePem`].
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, ShangmiError> {
        let secret = sm2::SecretKey::from_pkcs8_pem(pem).map_err(|_| ShangmiError::PrivatePem)?;
        let signer = dsa::SigningKey::new(IDENTITY, &secret);
        Ok(Self { signer: signer.map_err(|_| ShangmiError::PrivatePem)?, secret })
    }

    /// The key as PKCS#8 PEM (RFC 5958), for a file that only its owner may read.
    ///
    /// # Errors
    ///
    /// [`ShangmiError::PrivatePem`], should the encoder refuse; it has no known reason to.
    pub fn to_pkcs8_pem(&self) -> Result<String, ShangmiError> {
        let pem = self.secret.to_pkcs8_pem(LineEnding::LF);
        Ok(pem.map_err(|_| ShangmiError::PrivatePem)?.to_string())
    }

    /// Signs a message. The secret number of each signature is drawn from key and message by RFC 6979 with
    /// SM3, so no randomness is needed and none can fail.
    ///
    /// # Errors
    ///
    /// [`ShangmiError::Unsigned`].
    pub fn sign(&self, message: &[u8]) -> Result<Signature, ShangmiError> {
        let signature = self.signer.try_sign(message);
        signature.map(|it| it.to_bytes().into()).map_err(|_| ShangmiError::Unsigned)
    }

    /// The public half.
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(self.signer.verifying_key().clone())
    }
}

/// A public key: a point on SM2's curve that is not the one at infinity.
#[derive(Clone, Debug)]
pub struct VerifyingKey(dsa::VerifyingKey);

impl VerifyingKey {
    /// # Errors
    ///
    /// [`ShangmiError::PublicPem`], also for a key on another curve.
    pub fn from_spki_pem(pem: &str) -> Result<Self, ShangmiError> {
        let key = sm2::PublicKey::from_public_key_pem(pem).map_err(|_| ShangmiError::PublicPem)?;
        dsa::VerifyingKey::new(IDENTITY, key).map(Self).map_err(|_| ShangmiError::PublicPem)
    }

    /// The key as SPKI PEM.
    ///
    /// # Errors
    ///
    /// [`ShangmiError::PublicPem`], should the encoder refuse; it has no known reason to.
    pub fn to_spki_pem(&self) -> Result<String, ShangmiError> {
        let key = sm2::PublicKey::from(&self.0);
        key.to_public_key_pem(LineEnding::LF).map_err(|_| ShangmiError::PublicPem)
    }
}

impl Verify for VerifyingKey {
    fn algorithm(&self) -> Algorithm {
        Algorithm::Sm2Sm3
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        let signature = dsa::Signature::from_slice(signature).map_err(|_| KeyError::Signature)?;
        self.0.verify(message, &signature).map_err(|_| KeyError::Signature)
    }
}
