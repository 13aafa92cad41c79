//! The keys that a merchant may sign its requests with: P-256, or SM2 where China's commercial cryptography
//! is asked for. Which it is, the key's file says, and a signature by the other is none.

use lezai_core::key::{Algorithm, KeyError, Signature, SigningKey, Verify, VerifyingKey};
use lezai_shangmi as shangmi;
use lezai_shangmi::ShangmiError;

use crate::native_key::NativeVerifyingKey;

/// A private key: the client's side.
#[derive(Clone)]
pub enum MerchantKey {
    /// ECDSA on P-256.
    P256(SigningKey),
    /// SM2.
    Sm2(Box<shangmi::SigningKey>),
}

/// A public key: the gateway's side.
#[derive(Clone, Debug)]
pub enum MerchantPublicKey {
    /// ECDSA on P-256.
    P256(NativeVerifyingKey),
    /// SM2.
    Sm2(Box<shangmi::VerifyingKey>),
}

/// The text is a key of neither kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoMerchantKey {
    /// A private one was wanted.
    #[error("not a P-256 or SM2 private key as PKCS#8 PEM (-----BEGIN PRIVATE KEY-----)")]
    Private,
    /// A public one was wanted.
    #[error("not a P-256 or SM2 public key as SPKI PEM (-----BEGIN PUBLIC KEY-----)")]
    Public,
}

impl MerchantKey {
    /// # Errors
    ///
    /// [`NoMerchantKey::Private`].
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, NoMerchantKey> {
        let p256 = SigningKey::from_pkcs8_pem(pem).map(Self::P256).ok();
        let sm2 =
            || shangmi::SigningKey::from_pkcs8_pem(pem).map(|it| Self::Sm2(Box::new(it))).ok();
        p256.or_else(sm2).ok_or(NoMerchantKey::Private)
    }

    /// The algorithm that its signatures are made with.
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::P256(_) => Algorithm::EcdsaP256Sha256,
            Self::Sm2(_) => Algorithm::Sm2Sm3,
        }
    }

    /// Signs a message.
    ///
    /// # Errors
    ///
    /// [`ShangmiError::Unsigned`], for SM2 and once in 2^255.
    pub fn sign(&self, message: &[u8]) -> Result<Signature, ShangmiError> {
        match self {
            Self::P256(key) => Ok(key.sign(message)),
            Self::Sm2(key) => key.sign(message),
        }
    }
}

impl From<SigningKey> for MerchantKey {
    fn from(key: SigningKey) -> Self {
        Self::P256(key)
    }
}

impl MerchantPublicKey {
    /// # Errors
    ///
    /// [`NoMerchantKey::Public`].
    pub fn from_spki_pem(pem: &str) -> Result<Self, NoMerchantKey> {
        let p256 = VerifyingKey::from_spki_pem(pem).ok();
        let p256 = p256.map(|key| Self::P256(NativeVerifyingKey::from(&key)));
        let sm2 =
            || shangmi::VerifyingKey::from_spki_pem(pem).map(|it| Self::Sm2(Box::new(it))).ok();
        p256.or_else(sm2).ok_or(NoMerchantKey::Public)
    }
}

impl Verify for MerchantPublicKey {
    fn algorithm(&self) -> Algorithm {
        match self {
            Self::P256(key) => key.algorithm(),
            Self::Sm2(key) => key.algorithm(),
        }
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        match self {
            Self::P256(key) => key.verify(message, signature),
            Self::Sm2(key) => key.verify(message, signature),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `openssl genpkey -algorithm SM2`, and its public half.
    const SM2: [&str; 2] = [
        "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqBHM9VAYItBG0wawIBAQQgEe++AWgSJanKgB+0
oYGQGljfj4IaTnIhTzAw0YyiejehRANCAAQXn+IfkxLU4kDyfJIlrxfWDYsOmzG7
8oAhTM5txABIo6wFJXaij0arQnPw7jX9Mbx6LIPHHRivQTEd6npCAkGf
-----END PRIVATE KEY-----
",
        "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoEcz1UBgi0DQgAEF5/iH5MS1OJA8nySJa8X1g2LDpsx
u/KAIUzObcQASKOsBSV2oo9Gq0Jz8O41/TG8eiyDxx0Yr0ExHep6QgJBnw==
-----END PUBLIC KEY-----
",
    ];

    #[test]
    fn a_file_says_which_key_it_has() {
        let p256 = SigningKey::from_entropy(&std::array::from_fn(|i| u8::try_from(i).unwrap() + 1))
            .unwrap();
        let p256 = [p256.to_pkcs8_pem().unwrap(), p256.verifying_key().to_spki_pem().unwrap()];
        let sm2 = SM2.map(str::to_owned);
        let mut signed = Vec::new();
        for ([private, public], algorithm) in
            [(&p256, Algorithm::EcdsaP256Sha256), (&sm2, Algorithm::Sm2Sm3)]
        {
            let key = MerchantKey::from_pkcs8_pem(private).unwrap();
            let public_key = MerchantPublicKey::from_spki_pem(public).unwrap();
            assert_eq!((key.algorithm(), public_key.algorithm()), (algorithm, algorithm));
            signed.push((key.sign(b"a").unwrap(), public_key));
            assert_eq!(MerchantKey::from_pkcs8_pem(public).err(), Some(NoMerchantKey::Private));
            let neither = MerchantPublicKey::from_spki_pem(private).err();
            assert_eq!(neither, Some(NoMerchantKey::Public));
        }
        for (at, (_, key)) in signed.iter().enumerate() {
            for (by, (signature, _)) in signed.iter().enumerate() {
                assert_eq!(key.verify(b"a", signature).is_ok(), at == by);
            }
        }
    }
}
