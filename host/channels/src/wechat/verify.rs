//! Whether an answer or a callback is WeChat Pay's.
//!
//! Several keys are valid at once: certificates overlap when they are renewed, and while a merchant
//! moves to a public key WeChat Pay signs some callbacks with one and some with the other. Each message
//! names its key, and a name that is not known is no reason to guess.

use std::sync::{PoisonError, RwLock};

use crate::http::Headers;
use crate::wechat::account::PlatformKey;

/// How far a message's time may be from ours, in seconds, as in the official SDKs.
pub const AGE_SECS_MAX: i64 = 300;

/// Why a message is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// It has no signature.
    #[error("the signature is missing")]
    Unsigned,
    /// The fields are not what they must be.
    #[error("{0} is malformed")]
    Malformed(&'static str),
    /// It was signed too long ago, or in the future.
    #[error("the timestamp is more than 300 s off")]
    Stale,
    /// It is signed with a key that we do not know.
    #[error("the key {0} is not known")]
    UnknownKey(String),
    /// The certificate is out of its time.
    #[error("the certificate {0} is not valid now")]
    Expired(String),
    /// The signature is wrong. `WECHATPAY/SIGNTEST/…` comes here too: WeChat Pay sends wrong signatures
    /// on purpose, to see whether they are refused.
    #[error("the signature is wrong")]
    Wrong,
}

/// The platform's keys, which change while we run.
#[derive(Debug, Default)]
pub struct PlatformKeys(RwLock<Vec<PlatformKey>>);

impl PlatformKeys {
    /// Begins with these.
    pub fn new(keys: Vec<PlatformKey>) -> Self {
        Self(RwLock::new(keys))
    }

    /// Takes keys that were downloaded in; one with the same name replaces the one before. What is out
    /// of its time by now is forgotten.
    pub fn add(&self, keys: Vec<PlatformKey>, now: i64) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for key in keys {
            held.retain(|other| other.serial != key.serial);
            held.push(key);
        }
        held.retain(|key| key.valid.is_none_or(|(_, not_after)| now <= not_after));
    }

    /// The names of the keys, for the log and `lezai channel check`.
    pub fn serials(&self) -> Vec<String> {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        held.iter().map(|key| key.serial.clone()).collect()
    }

    /// Whether there is no key at all.
    pub fn is_empty(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Checks a message as it came.
    ///
    /// # Errors
    ///
    /// [`Unverified`].
    pub fn verify(&self, headers: &Headers, body: &[u8], now: i64) -> Result<(), Unverified> {
        let fields = Fields::of(headers)?;
        if now.abs_diff(fields.at) >= AGE_SECS_MAX.unsigned_abs() {
            return Err(Unverified::Stale);
        }
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let key = held
            .iter()
            .find(|key| key.serial == fields.serial)
            .ok_or_else(|| Unverified::UnknownKey(fields.serial.to_owned()))?;
        if key.valid.is_some_and(|(from, to)| !(from..=to).contains(&now)) {
            return Err(Unverified::Expired(key.serial.clone()));
        }
        let text = answer_text(fields.timestamp, fields.nonce, body);
        key.key.verify(&text, fields.signature).map_err(|_| Unverified::Wrong)
    }
}

/// The text that an answer's or callback's signature is over.
pub fn answer_text(timestamp: &str, nonce: &str, body: &[u8]) -> Vec<u8> {
    let mut text = format!("{timestamp}\n{nonce}\n").into_bytes();
    text.extend_from_slice(body);
    text.push(b'\n');
    text
}

struct Fields<'a> {
    timestamp: &'a str,
    at: i64,
    nonce: &'a str,
    serial: &'a str,
    signature: &'a str,
}

impl<'a> Fields<'a> {
    fn of(headers: &'a Headers) -> Result<Self, Unverified> {
        let signature = headers.get("Wechatpay-Signature").ok_or(Unverified::Unsigned)?;
        let field = |name| headers.get(name).ok_or(Unverified::Malformed(name));
        let timestamp = field("Wechatpay-Timestamp")?;
        let nonce = field("Wechatpay-Nonce")?;
        let serial = field("Wechatpay-Serial")?;
        let is_decimal = timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let at = timestamp.parse().ok().filter(|_| is_decimal);
        let at = at.ok_or(Unverified::Malformed("Wechatpay-Timestamp"))?;
        if serial.len() > 64 || !serial.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_') {
            return Err(Unverified::Malformed("Wechatpay-Serial"));
        }
        Ok(Self { timestamp, at, nonce, serial, signature })
    }
}
