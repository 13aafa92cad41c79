//! P-256 by ring, which signs and verifies in a third of the time that `p256` takes
//! (`make bench-signing`): what the gateway does with every request and every answer.
//!
//! The core says what counts as a key: the types here are made of the core's keys, which
//! hold a point on the curve. What counts as a signature is the same by both libraries, which the
//! tests below show with every vector there is.

use lezai_core::key::{KeyError, Sign, Signature, SigningKey, Verify, VerifyingKey};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, UnparsedPublicKey,
};

/// A private key that signs fast, and each time otherwise: its signatures are not those of RFC 6979.
/// Signatures that must come out the same again are the core key's. ring does not wipe its memory.
pub struct NativeSigningKey {
    pair: Option<EcdsaKeyPair>,
    random: SystemRandom,
    core: SigningKey,
}

/// A public key that verifies fast.
#[derive(Clone, Debug)]
pub struct NativeVerifyingKey(UnparsedPublicKey<[u8; 65]>);

impl From<SigningKey> for NativeSigningKey {
    fn from(core: SigningKey) -> Self {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &core.to_bytes(),
            &core.verifying_key().to_sec1_bytes(),
            &random,
        );
        Self { pair: pair.ok(), random, core }
    }
}

impl Sign for NativeSigningKey {
    fn sign(&self, message: &[u8]) -> Signature {
        let signed = self.pair.as_ref().and_then(|pair| pair.sign(&self.random, message).ok());
        let signature = signed.and_then(|it| it.as_ref().try_into().ok());
        // Should ring have no randomness from the system, it does not sign; the core needs none.
        signature.unwrap_or_else(|| self.core.sign(message))
    }

    fn verifying_key(&self) -> VerifyingKey {
        self.core.verifying_key()
    }
}

impl From<&VerifyingKey> for NativeVerifyingKey {
    fn from(key: &VerifyingKey) -> Self {
        Self(UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.to_sec1_bytes()))
    }
}

impl Verify for NativeVerifyingKey {
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        self.0.verify(message, signature).map_err(|_| KeyError::Signature)
    }
}

#[cfg(test)]
mod tests {
    use lezai_core::key::Jwk;
    use serde_json::Value;

    use super::*;

    /// The order of the curve's group, n (SEC 2, section 2.4.2).
    const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

    #[test]
    fn both_libraries_judge_every_vector_alike() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/p256.json");
        let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let cases = file["cases"].as_array().unwrap();
        // Wycheproof's raw ones, its DER ones said raw, and RFC 9421's.
        assert_eq!(cases.len(), 512);
        for case in cases {
            let text = |name: &str| case[name].as_str().unwrap().to_owned();
            let jwk =
                Jwk { kty: "EC".to_owned(), crv: "P-256".to_owned(), x: text("x"), y: text("y") };
            let key = VerifyingKey::from_jwk(&jwk).unwrap();
            let (message, signature) = (unhex(&text("msg")), unhex(&text("sig")));
            for good in verdicts(&key, &message, &signature) {
                assert_eq!(good, case["valid"].as_bool().unwrap(), "{case}");
            }
        }
    }

    #[test]
    fn both_libraries_take_and_refuse_the_same_forms() {
        let core = key();
        let public = core.verifying_key();
        let good = core.sign(b"a");
        let (order, one, zero) = (unhex(ORDER), unhex(&format!("{:064x}", 1)), [0; 32].to_vec());
        let (r, s) = (good[..32].to_vec(), good[32..].to_vec());
        // Both halves of the pair (r, s) and (r, n - s) are good: nobody asks for low s.
        let other_half = minus(&order, &s);
        for (signature, expected) in [
            ([r.clone(), s.clone()].concat(), true),
            ([r.clone(), other_half].concat(), true),
            ([r.clone(), s.clone(), vec![0]].concat(), false),
            ([vec![0], r.clone(), s.clone()].concat(), false),
            (good[..63].to_vec(), false),
            (Vec::new(), false),
            ([zero.clone(), s.clone()].concat(), false),
            ([r.clone(), zero.clone()].concat(), false),
            ([zero.clone(), zero].concat(), false),
            ([order.clone(), s.clone()].concat(), false),
            ([r.clone(), order].concat(), false),
            ([one.clone(), one].concat(), false),
            ([vec![255; 32], vec![255; 32]].concat(), false),
            ([s.clone(), r.clone()].concat(), false),
            (der(&r, &s), false),
        ] {
            assert_eq!(verdicts(&public, b"a", &signature), [expected; 2], "{signature:02x?}");
        }
        assert_eq!(verdicts(&public, b"b", &good), [false; 2]);
    }

    #[test]
    fn what_one_library_signs_both_verify() {
        let core = key();
        let native = NativeSigningKey::from(core.clone());
        assert!(native.pair.is_some());
        assert_eq!(native.verifying_key(), core.verifying_key());
        for length in [0, 1, 55, 56, 63, 64, 65, 4_096] {
            let message = vec![7; length];
            for signature in [Sign::sign(&native, &message), core.sign(&message)] {
                assert_eq!(verdicts(&core.verifying_key(), &message, &signature), [true; 2]);
            }
        }
        assert_ne!(Sign::sign(&native, b"a"), Sign::sign(&native, b"a"));
        assert_eq!(core.sign(b"a"), core.sign(b"a"));
    }

    fn key() -> SigningKey {
        SigningKey::from_entropy(&std::array::from_fn(|i| u8::try_from(i).unwrap() + 1)).unwrap()
    }

    fn verdicts(key: &VerifyingKey, message: &[u8], signature: &[u8]) -> [bool; 2] {
        let native = NativeVerifyingKey::from(key);
        [key.verify(message, signature).is_ok(), native.verify(message, signature).is_ok()]
    }

    fn minus(from: &[u8], take: &[u8]) -> Vec<u8> {
        let mut difference = from.to_vec();
        let mut borrow = false;
        for (digit, take) in difference.iter_mut().zip(take).rev() {
            let (first, under) = digit.overflowing_sub(*take);
            let (second, under_too) = first.overflowing_sub(u8::from(borrow));
            (*digit, borrow) = (second, under || under_too);
        }
        difference
    }

    fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
        let integer = |bytes: &[u8]| {
            let sign = if bytes[0] >= 0x80 { vec![0] } else { Vec::new() };
            let length = u8::try_from(bytes.len() + sign.len()).unwrap();
            [vec![2, length], sign, bytes.to_vec()].concat()
        };
        let body = [integer(r), integer(s)].concat();
        [vec![0x30, u8::try_from(body.len()).unwrap()], body].concat()
    }

    fn unhex(text: &str) -> Vec<u8> {
        let digits = (0..text.len()).step_by(2);
        digits.map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }
}
