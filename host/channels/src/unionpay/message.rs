//! Messages: members with values, signed over their sorted text.
//!
//! The signature is SHA256withRSA over the **lower-case hexadecimal digits of the SHA-256** of `a=1&b=2…`, sorted by
//! name: hashed twice. UnionPay's requests and callbacks are encoded forms; its answers are the same text as it is.

use std::collections::BTreeMap;
use std::fmt;

use form_urlencoded::Serializer;
use ring::digest::{SHA256, digest};

use crate::form;
use crate::rsa::PublicKey;
use crate::surroundings::hex;
use crate::unionpay::account::Account;
use crate::unionpay::chain::Untrusted;

/// The longest message has some 40 members.
const MEMBERS_MAX: usize = 100;

/// Members with their values. `Debug` shows the names alone: values may name the shopper's card.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Message(BTreeMap<String, String>);

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A message that is not UnionPay's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadMessage {
    /// It is not made of members, or has two of one name.
    #[error("it cannot be read")]
    Unreadable,
    /// Its certificate is not believed.
    #[error("{0}")]
    Untrusted(#[from] Untrusted),
    /// Its signature is missing, of another kind, or wrong.
    #[error("the signature is missing or wrong")]
    Unverified,
    /// It is another merchant's.
    #[error("it is about another merchant")]
    ForAnother,
}

impl Message {
    /// Adds a member. What is empty is left out, as it is not signed.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        if !value.is_empty() {
            self.0.insert(name.to_owned(), value);
        }
    }

    /// A member's value, if it is not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The text that is signed.
    pub fn text(&self) -> String {
        self.joined(|_| true)
    }

    fn joined(&self, wanted: impl Fn(&str) -> bool) -> String {
        let members = self.0.iter().filter(|(name, value)| *name != "signature" && wanted(value));
        let pairs: Vec<String> = members.map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("&")
    }

    /// Signs it: the whole of a request's body.
    pub fn signed(mut self, account: &Account) -> Vec<u8> {
        self.set("certId", account.certificate_id.clone());
        self.set("signMethod", "01");
        let signature = account.key.sign(twice_hashed(&self.text()).as_bytes());
        self.set("signature", signature);
        Serializer::new(String::new()).extend_pairs(&self.0).finish().into_bytes()
    }

    /// Reads an answer, whose values are not encoded. A value in braces or brackets may hold `&`.
    ///
    /// # Errors
    ///
    /// [`BadMessage::Unreadable`].
    pub fn from_answer(body: &[u8]) -> Result<Self, BadMessage> {
        let text = std::str::from_utf8(body).map_err(|_| BadMessage::Unreadable)?;
        let mut members = BTreeMap::new();
        for pair in split(text) {
            let (name, value) = pair.split_once('=').ok_or(BadMessage::Unreadable)?;
            let is_new = members.insert(name.to_owned(), value.to_owned()).is_none();
            if !is_new || name.is_empty() || members.len() > MEMBERS_MAX {
                return Err(BadMessage::Unreadable);
            }
        }
        Ok(Self(members))
    }

    /// Reads a callback, which is an encoded form.
    ///
    /// # Errors
    ///
    /// [`BadMessage::Unreadable`].
    pub fn from_callback(body: &[u8]) -> Result<Self, BadMessage> {
        let members = form::parse(body, MEMBERS_MAX).ok_or(BadMessage::Unreadable)?;
        let text = |bytes| String::from_utf8(bytes).map_err(|_| BadMessage::Unreadable);
        let members = members.into_iter().map(|(name, value)| Ok((text(name)?, text(value)?)));
        members.collect::<Result<_, _>>().map(Self)
    }

    /// All members, by name.
    pub fn members(self) -> Vec<(String, String)> {
        self.0.into_iter().collect()
    }

    /// Whether it has this key's signature, as our own messages have ours.
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        let signature = self.get("signature").unwrap_or_default();
        key.verify(twice_hashed(&self.text()).as_bytes(), signature).is_ok()
    }

    /// Checks who signed it, and that it is for our merchant.
    ///
    /// # Errors
    ///
    /// [`BadMessage`].
    pub fn verify(&self, account: &Account, now: i64) -> Result<(), BadMessage> {
        self.verify_signature(account, now)?;
        if self.get("merId") != Some(account.merchant.as_str()) {
            return Err(BadMessage::ForAnother);
        }
        Ok(())
    }

    fn verify_signature(&self, account: &Account, now: i64) -> Result<(), BadMessage> {
        let certificate = self.get("signPubKeyCert").ok_or(BadMessage::Unverified)?;
        let signature = self.get("signature").ok_or(BadMessage::Unverified)?;
        if self.get("signMethod") != Some("01") {
            return Err(BadMessage::Unverified);
        }
        let key = account.authority.key_of(certificate, now)?;
        let fits = |text: &str| key.verify(twice_hashed(text).as_bytes(), signature).is_ok();
        // Its samples in one language sign members without a value, those in another leave them out.
        let filled = self.joined(|value| !value.is_empty());
        if fits(&self.text()) || fits(&filled) { Ok(()) } else { Err(BadMessage::Unverified) }
    }
}

/// The digits that are signed.
pub fn twice_hashed(text: &str) -> String {
    hex(digest(&SHA256, text.as_bytes()).as_ref())
}

/// Splits at `&`, but not within braces or brackets.
fn split(text: &str) -> Vec<&str> {
    let mut pairs = Vec::new();
    let (mut begin, mut closing) = (0, None);
    for (at, byte) in text.bytes().enumerate() {
        match (byte, closing) {
            (byte, Some(end)) if byte == end => closing = None,
            (_, Some(_)) => {}
            (b'{', None) => closing = Some(b'}'),
            (b'[', None) => closing = Some(b']'),
            (b'&', None) => {
                pairs.push(text.get(begin..at).unwrap_or_default());
                begin = at + 1;
            }
            _ => {}
        }
    }
    pairs.push(text.get(begin..).unwrap_or_default());
    pairs.retain(|pair| !pair.is_empty());
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_split_as_they_are() {
        let read = Message::from_answer(b"b=1+%3D==&a={x=1&y=2}&c=[1&2]&d=").unwrap();
        assert_eq!(read.get("b"), Some("1+%3D=="));
        assert_eq!(read.get("a"), Some("{x=1&y=2}"));
        assert_eq!(read.get("c"), Some("[1&2]"));
        assert_eq!(read.get("d"), None);
        assert_eq!(read.text(), "a={x=1&y=2}&b=1+%3D==&c=[1&2]&d=");
        for wrong in [&b"a=1&a=2"[..], b"a", b"=1", b"\xff=1", b"<html>"] {
            assert_eq!(Message::from_answer(wrong), Err(BadMessage::Unreadable), "{wrong:?}");
        }
        let many: Vec<String> = (0..=MEMBERS_MAX).map(|number| format!("m{number}=1")).collect();
        assert!(Message::from_answer(many.join("&").as_bytes()).is_err());
        assert!(Message::from_answer(many[1..].join("&").as_bytes()).is_ok());
    }

    #[test]
    fn callbacks_are_decoded() {
        let read = Message::from_callback(b"b=1%2B+%3D&a=%E4%B8%AD").unwrap();
        assert_eq!(read.text(), "a=中&b=1+ =");
        assert!(Message::from_callback(b"a=%ff").is_err());
    }
}
