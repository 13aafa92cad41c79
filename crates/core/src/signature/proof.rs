//! A message on its way to being believed: everything checked but the signature itself, and then that.

use super::SignatureError;
use crate::digest;
use crate::key::{Algorithm, Verify};
use crate::time::Timestamp;

/// A message of which all is checked that needs neither its signer's key nor its whole body. Nothing of it
/// may be used before [`Unverified::verify`]. Only [`super::Input::check`] makes one.
#[derive(Clone, Debug)]
pub struct Unverified<T> {
    pub(super) algorithm: Algorithm,
    pub(super) base: String,
    pub(super) signature: Vec<u8>,
    pub(super) digest: Option<String>,
    pub(super) verified: Verified<T>,
}

impl<T: AsRef<[u8]>> Unverified<T> {
    /// The signature base that must have been signed: its UTF-8 bytes.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The signature that the message carries: whatever its length is.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Checks the signature, and that the body is the one whose digest was signed.
    ///
    /// # Errors
    ///
    /// [`SignatureError::Invalid`], also for a key of another algorithm than the one that was checked;
    /// [`SignatureError::Der`], [`SignatureError::Digest`].
    pub fn verify(self, key: &dyn Verify) -> Result<Verified<T>, SignatureError> {
        let Self { algorithm, base, signature, digest, verified } = self;
        if key.algorithm() != algorithm {
            return Err(SignatureError::Invalid { base });
        }
        verify_base(base, &signature, key)?;
        if let Some(digest) = digest {
            digest::verify_content_digest(&digest, verified.content.as_ref())?;
        }
        Ok(verified)
    }
}

/// Checks a signature of its base.
///
/// # Errors
///
/// [`SignatureError::Invalid`], [`SignatureError::Der`].
pub(super) fn verify_base(
    base: String,
    signature: &[u8],
    key: &dyn Verify,
) -> Result<(), SignatureError> {
    if key.verify(base.as_bytes(), signature).is_ok() {
        return Ok(());
    }
    Err(if looks_like_der(signature) {
        SignatureError::Der { base }
    } else {
        SignatureError::Invalid { base }
    })
}

/// Whether the bytes are a sequence of two integers and nothing else (X.690): what many libraries give
/// unless they are asked for the raw form.
fn looks_like_der(signature: &[u8]) -> bool {
    let integer = |bytes: &[u8]| match bytes {
        [0x02, length @ 1..=33, rest @ ..] => rest.get(usize::from(*length)..).map(<[u8]>::to_vec),
        _ => None,
    };
    match signature {
        [0x30, length, rest @ ..] if usize::from(*length) == rest.len() => {
            integer(rest).and_then(|rest| integer(&rest)).is_some_and(|rest| rest.is_empty())
        }
        _ => false,
    }
}

/// Proof that a message was signed by the key it names. Only [`Unverified::verify`] gives one.
#[derive(Clone, Debug)]
pub struct Verified<T> {
    pub(super) content: T,
    pub(super) keyid: String,
    pub(super) nonce: String,
    pub(super) created: Timestamp,
}

impl<T> Verified<T> {
    /// The content that was signed.
    pub fn content(&self) -> &T {
        &self.content
    }

    /// The content that was signed, given up with the proof.
    pub fn into_content(self) -> T {
        self.content
    }

    /// The key that signed.
    pub fn keyid(&self) -> &str {
        &self.keyid
    }

    /// The signature's nonce, which the host accepts once.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// When it was signed, by the signer's clock, to the second.
    pub fn created(&self) -> Timestamp {
        self.created
    }

    /// Reads the content as something else: what is parsed of signed bytes was signed.
    ///
    /// # Errors
    ///
    /// Those of `parse`.
    pub fn parse<U, E>(self, parse: impl FnOnce(T) -> Result<U, E>) -> Result<Verified<U>, E> {
        let Self { content, keyid, nonce, created } = self;
        Ok(Verified { content: parse(content)?, keyid, nonce, created })
    }
}
