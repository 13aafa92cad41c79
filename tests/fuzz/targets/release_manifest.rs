//! A release of a plugin: a manifest is read strictly or not at all, what is read is written and read
//! the same, and no bytes but a key's own are its signature.

#![no_main]

use std::sync::LazyLock;

use lezai_core::digest::sha256_hex;
use lezai_core::id::MerchantId;
use lezai_core::key::SigningKey;
use lezai_core::release::{
    CONTRACT, Envelope, Expected, Limits, MAX_MANIFEST, MAX_NAME, MAX_SEQUENCE, Manifest, Refused,
};
use libfuzzer_sys::fuzz_target;

const MOST: Limits = Limits { memory: 2 << 20, fuel: 2_000_000, deadline_ms: 5 };

/// A key is made once: that takes longer than all else here.
static KEY: LazyLock<SigningKey> = LazyLock::new(|| {
    SigningKey::from_entropy(&std::array::from_fn(|it| it as u8 + 7)).unwrap()
});

fuzz_target!(|data: &[u8]| {
    let read = Manifest::parse(data);
    if let Ok(manifest) = &read {
        assert!(data.len() <= MAX_MANIFEST);
        assert!((1..=MAX_NAME).contains(&manifest.plugin.len()));
        assert!((1..=MAX_SEQUENCE).contains(&manifest.sequence));
        let sealed = Envelope::seal(manifest, &*KEY).unwrap();
        assert_eq!(sealed.read().as_ref(), Ok(manifest));
        // The component that came with it is the one whose digest it names, or it is refused.
        let expected = Expected {
            merchant: &manifest.merchant,
            component: b"component",
            settings: b"",
            maxima: MOST,
        };
        if sealed.verify(&KEY.verifying_key(), &expected).is_ok() {
            assert_eq!(manifest.digest, sha256_hex(b"component"));
            assert_eq!(manifest.contract, CONTRACT);
            assert!(manifest.limits.fuel <= MOST.fuel && manifest.limits.memory <= MOST.memory);
        }
    }
    // The first bytes as a signature over the rest: nobody has the key.
    let (signature, manifest) = data.split_at(data.len().min(64));
    let envelope = Envelope { manifest: manifest.to_vec(), signature: signature.to_vec() };
    let merchant = MerchantId::parse("m_demo").unwrap();
    let expected =
        Expected { merchant: &merchant, component: b"", settings: b"", maxima: MOST };
    let refused = envelope.verify(&KEY.verifying_key(), &expected).unwrap_err();
    assert!(matches!(refused, Refused::Malformed(_) | Refused::Signature), "{refused}");
});
