//! The keys: the merchant's own, and those of the gateway that it trusts.

use lezai_core::key::{Jwk, SigningKey, VerifyingKey};
use wasm_bindgen::prelude::*;

/// A merchant's private key.
#[wasm_bindgen]
pub struct MerchantKey(pub(crate) SigningKey);

#[wasm_bindgen]
impl MerchantKey {
    /// From PKCS#8 PEM.
    ///
    /// # Errors
    ///
    /// If it is no P-256 key.
    #[wasm_bindgen(constructor)]
    pub fn new(pem: &str) -> Result<MerchantKey, JsError> {
        Ok(Self(SigningKey::from_pkcs8_pem(pem)?))
    }
}

/// A public key of a gateway's.
#[wasm_bindgen]
pub struct PublicKey(VerifyingKey);

#[wasm_bindgen]
impl PublicKey {
    /// From SPKI PEM.
    ///
    /// # Errors
    ///
    /// If it is no P-256 key.
    pub fn from_pem(pem: &str) -> Result<PublicKey, JsError> {
        Ok(Self(VerifyingKey::from_spki_pem(pem)?))
    }

    /// From the coordinates of its JWK, in base64url.
    ///
    /// # Errors
    ///
    /// If they are no point on the curve.
    pub fn from_jwk(x: String, y: String) -> Result<PublicKey, JsError> {
        let jwk = Jwk { kty: "EC".to_owned(), crv: "P-256".to_owned(), x, y };
        Ok(Self(VerifyingKey::from_jwk(&jwk)?))
    }

    /// The key as SPKI PEM.
    ///
    /// # Errors
    ///
    /// None that a key has.
    pub fn pem(&self) -> Result<String, JsError> {
        Ok(self.0.to_spki_pem()?)
    }

    /// The key's name (RFC 7638).
    pub fn thumbprint(&self) -> String {
        self.0.thumbprint()
    }
}

/// The keys of a gateway that are trusted: one, or two while the gateway changes its key.
#[wasm_bindgen]
#[derive(Default)]
pub struct KeyRing(Vec<(String, VerifyingKey)>);

#[wasm_bindgen]
impl KeyRing {
    /// Without a key, it trusts nobody.
    #[wasm_bindgen(constructor)]
    pub fn new() -> KeyRing {
        Self::default()
    }

    /// Trusts a key from now on.
    pub fn add(&mut self, key: &PublicKey) {
        self.0.push((key.thumbprint(), key.0));
    }
}

impl KeyRing {
    /// The trusted key with this name. A name that is unknown is another gateway's.
    pub(crate) fn named(&self, keyid: &str) -> Result<&VerifyingKey, OtherKey> {
        let mut keys = self.0.iter();
        let (_, key) =
            keys.find(|(name, _)| name == keyid).ok_or_else(|| OtherKey(keyid.to_owned()))?;
        Ok(key)
    }
}

/// A signature is by a key that nobody told us to trust.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is signed with another key, {0}: is this the gateway that was meant?")]
pub(crate) struct OtherKey(String);

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A key, another for each seed.
    pub(crate) fn key(seed: u8) -> SigningKey {
        SigningKey::from_entropy(&std::array::from_fn(|i| seed ^ [0, 85][i % 2])).unwrap()
    }

    /// Trusts the keys of these seeds.
    pub(crate) fn ring(seeds: &[u8]) -> KeyRing {
        let mut ring = KeyRing::new();
        seeds.iter().for_each(|&seed| ring.add(&PublicKey(key(seed).verifying_key())));
        ring
    }

    #[test]
    fn a_ring_knows_its_keys_by_their_thumbprints() {
        let named = |seed: u8| key(seed).verifying_key().thumbprint();
        assert_eq!(ring(&[1, 2]).named(&named(2)), Ok(&key(2).verifying_key()));
        assert_eq!(ring(&[1, 2]).named(&named(3)), Err(OtherKey(named(3))));
    }
}
