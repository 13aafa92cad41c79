//! AES-256-GCM: what callbacks and certificates carry.

use std::fmt;

use base64ct::{Base64, Encoding as _};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::Deserialize;

/// The APIv3 key: 32 bytes, used as they are.
#[derive(Clone)]
pub struct ApiV3Key(LessSafeKey);

impl fmt::Debug for ApiV3Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiV3Key")
    }
}

/// The key has another length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have 32 characters")]
pub struct BadApiV3Key;

impl ApiV3Key {
    /// A key of 32 bytes.
    ///
    /// # Errors
    ///
    /// Any other length.
    pub fn new(key: &str) -> Result<Self, BadApiV3Key> {
        let key = UnboundKey::new(&AES_256_GCM, key.as_bytes()).map_err(|_| BadApiV3Key)?;
        Ok(Self(LessSafeKey::new(key)))
    }
}

/// Something encrypted, as callbacks and certificates carry it.
#[derive(Clone, Debug, Deserialize)]
pub struct Encrypted {
    /// `AEAD_AES_256_GCM`.
    pub algorithm: String,
    /// The nonce: 12 characters, used as bytes.
    pub nonce: String,
    /// The additional data that is authenticated with it. It may be empty or absent.
    #[serde(default)]
    pub associated_data: Option<String>,
    /// The ciphertext and its tag, in base64.
    pub ciphertext: String,
}

/// A ciphertext that cannot be decrypted: another key, or not what was encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecryptable {
    /// The algorithm is not AEAD_AES_256_GCM.
    #[error("algorithm must be AEAD_AES_256_GCM")]
    Algorithm,
    /// The nonce has another length.
    #[error("nonce must have 12 bytes")]
    Nonce,
    /// The ciphertext is not base64.
    #[error("ciphertext must be base64")]
    Ciphertext,
    /// The tag does not fit: another APIv3 key, or something was changed.
    #[error("the APIv3 key does not decrypt it")]
    Key,
}

impl Encrypted {
    /// Decrypts it.
    ///
    /// # Errors
    ///
    /// [`Undecryptable`].
    pub fn decrypt(&self, key: &ApiV3Key) -> Result<Vec<u8>, Undecryptable> {
        if self.algorithm != "AEAD_AES_256_GCM" {
            return Err(Undecryptable::Algorithm);
        }
        let nonce: [u8; NONCE_LEN] =
            self.nonce.as_bytes().try_into().map_err(|_| Undecryptable::Nonce)?;
        let mut text =
            Base64::decode_vec(&self.ciphertext).map_err(|_| Undecryptable::Ciphertext)?;
        let beside = Aad::from(self.associated_data.as_deref().unwrap_or_default());
        let nonce = Nonce::assume_unique_for_key(nonce);
        let plain =
            key.0.open_in_place(nonce, beside, &mut text).map_err(|_| Undecryptable::Key)?;
        Ok(plain.to_vec())
    }
}
