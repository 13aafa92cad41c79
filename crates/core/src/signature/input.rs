//! A signature that a message carries: parsed, checked, and verified once its key is known.

use sfv::BareItem;

use crate::digest::ContentDigester;
use crate::key::{Algorithm, Verify};
use crate::structured::{InnerList, Item, Member};
use crate::time::Timestamp;

use super::component::{Component, base, dictionary, field, malformed, required};
use super::proof::{self, Unverified, Verified};
use super::{
    Fields, MAX_AGE_SECS, MAX_AHEAD_SECS, MAX_COMPONENTS, Message, NONCE_LENGTH, SignatureError,
    Tag,
};

/// A signature that a message carries: parsed, not yet believed.
#[derive(Clone, Debug)]
pub struct Input {
    list: InnerList,
    serialized: String,
    signature: Vec<u8>,
}

impl Input {
    /// The signature with our tag; further ones may stand beside it.
    ///
    /// # Errors
    ///
    /// [`SignatureError::Missing`]; [`SignatureError::Malformed`], also if two have the tag.
    pub fn by_tag(fields: Fields<'_>, tag: Tag) -> Result<Self, SignatureError> {
        let inputs =
            dictionary(fields, "signature-input")?.ok_or(SignatureError::Missing(tag.as_str()))?;
        let mut ours = inputs.iter().filter(|(_, entry)| match entry {
            Member::InnerList(list) => list
                .parameters
                .get("tag")
                .and_then(BareItem::as_string)
                .is_some_and(|it| it.as_str() == tag.as_str()),
            Member::Item(_) => false,
        });
        let (label, entry) = ours.next().ok_or(SignatureError::Missing(tag.as_str()))?;
        if ours.next().is_some() {
            return Err(malformed("two signatures have our tag"));
        }
        Self::new(fields, label.as_str(), entry)
    }

    /// The signature with a label, whatever its tag.
    ///
    /// # Errors
    ///
    /// [`SignatureError::Malformed`].
    pub fn by_label(fields: Fields<'_>, label: &str) -> Result<Self, SignatureError> {
        let inputs = dictionary(fields, "signature-input")?
            .ok_or_else(|| malformed("no Signature-Input"))?;
        let (label, entry) = inputs
            .iter()
            .find(|(it, _)| it.as_str() == label)
            .ok_or_else(|| malformed("Signature-Input has no such label"))?;
        Self::new(fields, label.as_str(), entry)
    }

    fn new(fields: Fields<'_>, label: &str, entry: &Member) -> Result<Self, SignatureError> {
        let Member::InnerList(list) = entry else {
            return Err(malformed("a member of Signature-Input is no inner list"));
        };
        if list.items.len() > MAX_COMPONENTS {
            return Err(malformed("the signature covers more than 32 components"));
        }
        let signatures =
            dictionary(fields, "signature")?.ok_or_else(|| malformed("no Signature field"))?;
        let signature = match signatures.get(label) {
            Some(Member::Item(Item { value: BareItem::ByteSequence(bytes), .. })) => bytes.clone(),
            _ => {
                return Err(malformed(
                    "Signature has no byte sequence for the label in Signature-Input",
                ));
            }
        };
        Ok(Self { serialized: list.serialize(), list: list.clone(), signature })
    }

    /// The key that is said to have signed.
    ///
    /// # Errors
    ///
    /// [`SignatureError::Malformed`] if the parameter is absent or no string.
    pub fn keyid(&self) -> Result<&str, SignatureError> {
        self.text("keyid")
    }

    /// The nonce.
    ///
    /// # Errors
    ///
    /// [`SignatureError::Malformed`] if it is absent or outside [`NONCE_LENGTH`].
    pub fn nonce(&self) -> Result<&str, SignatureError> {
        let nonce = self.text("nonce")?;
        if !NONCE_LENGTH.contains(&nonce.len()) || !nonce.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(malformed("nonce must be 8 to 128 visible ASCII characters"));
        }
        Ok(nonce)
    }

    /// When the signature was made, by the signer's clock.
    ///
    /// # Errors
    ///
    /// [`SignatureError::Malformed`] if the parameter is absent or no integer.
    pub fn created(&self) -> Result<Timestamp, SignatureError> {
        let created = self.list.parameters.get("created").and_then(BareItem::as_integer);
        let created = created.ok_or_else(|| malformed("the parameter created is missing"))?;
        Ok(Timestamp::from_secs(created.into()))
    }

    /// The signature base of this signature over `message` (RFC 9421, section 2.5).
    ///
    /// # Errors
    ///
    /// [`SignatureError::Malformed`] if a covered component is absent, twice there, or of a kind
    /// that we do not take.
    pub fn base(&self, message: &Message<'_>) -> Result<String, SignatureError> {
        base(&self.list, &self.serialized, message)
    }

    /// Whether the signature says that it covers this field or derived component.
    pub fn names(&self, component: &str) -> bool {
        let name = |item: &Item| item.value.as_string().is_some_and(|it| it.as_str() == component);
        self.list.items.iter().any(name)
    }

    /// The signature's bytes.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Checks everything but whether the nonce is new: coverage, algorithm, time, signature,
    /// digest. The order is fixed, and the cheap checks come first.
    ///
    /// # Errors
    ///
    /// See [`SignatureError`].
    pub fn verify<'b>(
        &self,
        message: &Message<'_>,
        body: &'b [u8],
        tag: Tag,
        key: &dyn Verify,
        now: Timestamp,
    ) -> Result<Verified<&'b [u8]>, SignatureError> {
        self.check_as(key.algorithm(), message, body, tag, now)?.verify(key)
    }

    /// Checks everything but the body, which is still to come: its digest must be covered. Nothing of the body may be
    /// used before [`ContentDigester::verify`].
    ///
    /// # Errors
    ///
    /// See [`SignatureError`].
    pub fn verify_head(
        &self,
        message: &Message<'_>,
        tag: Tag,
        key: &dyn Verify,
        now: Timestamp,
    ) -> Result<ContentDigester, SignatureError> {
        // As of any body that is one.
        let unverified = self.check_as(key.algorithm(), message, b"-", tag, now)?;
        let digest = unverified.digest.ok_or(SignatureError::DigestMissing)?;
        proof::verify_base(unverified.base, &unverified.signature, key)?;
        Ok(ContentDigester::new(&digest)?)
    }

    /// All that [`Input::verify`] checks before it comes to a P-256 key: for who verifies elsewhere,
    /// such as in WebCrypto.
    ///
    /// # Errors
    ///
    /// See [`SignatureError`].
    pub fn check<T: AsRef<[u8]>>(
        &self,
        message: &Message<'_>,
        body: T,
        tag: Tag,
        now: Timestamp,
    ) -> Result<Unverified<T>, SignatureError> {
        self.check_as(Algorithm::EcdsaP256Sha256, message, body, tag, now)
    }

    fn check_as<T: AsRef<[u8]>>(
        &self,
        algorithm: Algorithm,
        message: &Message<'_>,
        body: T,
        tag: Tag,
        now: Timestamp,
    ) -> Result<Unverified<T>, SignatureError> {
        if self.text("alg")? != algorithm.as_str() {
            let why = format!("alg must be {}, which this key signs with", algorithm.as_str());
            return Err(malformed(&why));
        }
        if self.text("tag")? != tag.as_str() {
            return Err(SignatureError::Missing(tag.as_str()));
        }
        let (keyid, nonce) = (self.keyid()?.to_owned(), self.nonce()?.to_owned());
        for component in required(message, !body.as_ref().is_empty(), tag) {
            if !self.covers(&component) {
                return Err(match component.name {
                    "content-digest" => SignatureError::DigestMissing,
                    _ => SignatureError::NotCovered(component.to_string()),
                });
            }
        }
        let created = self.created()?;
        let age = now.as_secs().saturating_sub(created.as_secs());
        let expires = match self.list.parameters.get("expires").map(BareItem::as_integer) {
            Some(None) => return Err(malformed("the parameter expires is no integer")),
            expires => expires.flatten().map(i64::from),
        };
        if !(-MAX_AHEAD_SECS..=MAX_AGE_SECS).contains(&age) {
            return Err(SignatureError::Expired);
        }
        if expires.is_some_and(|at| at < now.as_secs()) {
            return Err(SignatureError::Over);
        }
        Ok(Unverified {
            algorithm,
            base: self.base(message)?,
            signature: self.signature.clone(),
            digest: field(message.fields(), "content-digest"),
            verified: Verified { content: body, keyid, nonce, created },
        })
    }

    fn text(&self, name: &str) -> Result<&str, SignatureError> {
        self.list
            .parameters
            .get(name)
            .and_then(BareItem::as_string)
            .map(|text| text.as_str())
            .ok_or_else(|| malformed(&format!("the parameter {name} is missing or no string")))
    }

    fn covers(&self, wanted: &Component<'_>) -> bool {
        self.list.items.iter().any(|item| Component::from_item(item).is_ok_and(|it| it == *wanted))
    }
}
