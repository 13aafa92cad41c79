//! The keys that the gateway signs with: the present one, the one before, and the one to come. They are replaced
//! as one while it runs: whoever took one goes on with it to its end.

use std::sync::Arc;

use arc_swap::ArcSwap;
use lezai_base::native_key::NativeSigningKey;
use lezai_core::key::{Jwk, SigningKey, VerifyingKey};
use ring::hmac;

/// The key that the gateway signs with, and its name.
pub struct GatewayKey {
    /// The private half.
    pub native: NativeSigningKey,
    /// Derived from it, for names that must come out the same again, and that nobody else can make.
    pub names: hmac::Key,
    /// The thumbprint of the public half: its `keyid`.
    pub keyid: String,
    /// The public half.
    pub jwk: Jwk,
}

impl From<SigningKey> for GatewayKey {
    fn from(private: SigningKey) -> Self {
        let public = private.verifying_key();
        let secret = hmac::Key::new(hmac::HMAC_SHA256, &private.to_bytes());
        let derived = hmac::sign(&secret, b"lezai names");
        let names = hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref());
        Self { keyid: public.thumbprint(), jwk: public.to_jwk(), native: private.into(), names }
    }
}

/// The gateway's keys, which may be others a moment later.
pub struct Keys(ArcSwap<KeySet>);

impl From<KeySet> for Keys {
    fn from(keys: KeySet) -> Self {
        Self(ArcSwap::from_pointee(keys))
    }
}

impl Keys {
    /// One key alone.
    pub fn one(key: SigningKey) -> Self {
        KeySet { current: Arc::new(key.into()), former: None, next: None }.into()
    }

    /// The keys as of now.
    pub fn now(&self) -> Arc<KeySet> {
        self.0.load_full()
    }

    /// The key that signs now.
    pub fn current(&self) -> Arc<GatewayKey> {
        Arc::clone(&self.0.load().current)
    }

    /// The key with this thumbprint, as long as it is kept; else the one that signs now, which a page
    /// that pinned another will not believe.
    pub fn named(&self, keyid: &str) -> Arc<GatewayKey> {
        let keys = self.0.load();
        let former = keys.former.as_ref().filter(|it| it.keyid == keyid);
        Arc::clone(former.unwrap_or(&keys.current))
    }

    /// Other keys from now on.
    pub fn replace(&self, keys: KeySet) {
        self.0.store(Arc::new(keys));
    }
}

/// The keys at one moment.
pub struct KeySet {
    /// Signs responses, callbacks and grants.
    pub current: Arc<GatewayKey>,
    /// The key before, which goes on to sign for the pages that pinned it.
    pub former: Option<Arc<GatewayKey>>,
    /// The key that will come next: known to all, and signing nothing yet.
    pub next: Option<VerifyingKey>,
}

impl KeySet {
    /// Every public key that something may be signed with, now or next, and its name.
    pub fn public(&self) -> Vec<(String, Jwk)> {
        let signing = std::iter::once(&self.current).chain(&self.former);
        let signing = signing.map(|it| (it.keyid.clone(), it.jwk.clone()));
        let next = self.next.iter().map(|it| (it.thumbprint(), it.to_jwk()));
        signing.chain(next).collect()
    }
}
