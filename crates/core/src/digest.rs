//! RFC 9530 `Content-Digest`: what ties a signature to a body.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sfv::BareItem;
#[cfg(feature = "sha512")]
use sha2::Sha512;
use sha2::{Digest as _, Sha256};

use crate::structured::{self, Member};

/// Why a `Content-Digest` field does not vouch for a body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// The field is not a structured dictionary of byte sequences (RFC 9651).
    #[error(
        "content-digest is not a dictionary of byte sequences, such as sha-256=:…: (RFC 9530, section 2)"
    )]
    Malformed,
    /// The field has neither sha-256 nor sha-512.
    #[error("content-digest has neither sha-256 nor sha-512 (RFC 9530, section 5)")]
    NoKnownAlgorithm,
    /// The body is not the one that was digested.
    #[error("content-digest does not match the body that arrived")]
    Mismatch,
}

/// The field's value for a body: `sha-256=:…:` (RFC 9530, section 2).
pub fn content_digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", BASE64.encode(Sha256::digest(body)))
}

/// Checks every known algorithm of the field against the body; unknown ones are passed over, as
/// RFC 9530, section 2 has it.
///
/// # Errors
///
/// See [`DigestError`].
pub fn verify_content_digest(field: &str, body: &[u8]) -> Result<(), DigestError> {
    let digests = structured::dictionary(field).map_err(|_| DigestError::Malformed)?;
    let mut known = false;
    for (algorithm, entry) in digests.iter() {
        let Member::Item(item) = entry else { return Err(DigestError::Malformed) };
        let BareItem::ByteSequence(claimed) = &item.value else {
            return Err(DigestError::Malformed);
        };
        let matches = match algorithm.as_str() {
            "sha-256" => claimed.as_slice() == Sha256::digest(body).as_slice(),
            #[cfg(feature = "sha512")]
            "sha-512" => claimed.as_slice() == Sha512::digest(body).as_slice(),
            _ => continue,
        };
        if !matches {
            return Err(DigestError::Mismatch);
        }
        known = true;
    }
    if known { Ok(()) } else { Err(DigestError::NoKnownAlgorithm) }
}

/// Takes the digest of a body that comes in pieces.
#[derive(Clone, Debug)]
pub struct ContentDigester {
    claimed: Vec<u8>,
    digest: Sha256,
}

impl ContentDigester {
    /// For a body that the field vouches for with `sha-256`.
    ///
    /// # Errors
    ///
    /// [`DigestError::Malformed`], [`DigestError::NoKnownAlgorithm`].
    pub fn new(field: &str) -> Result<Self, DigestError> {
        let digests = structured::dictionary(field).map_err(|_| DigestError::Malformed)?;
        let mut entries = digests.iter();
        let (_, entry) = entries
            .find(|(algorithm, _)| algorithm.as_str() == "sha-256")
            .ok_or(DigestError::NoKnownAlgorithm)?;
        match entry {
            Member::Item(item) => match &item.value {
                BareItem::ByteSequence(claimed) => {
                    Ok(Self { claimed: claimed.clone(), digest: Sha256::new() })
                }
                _ => Err(DigestError::Malformed),
            },
            Member::InnerList(_) => Err(DigestError::Malformed),
        }
    }

    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.digest.update(piece);
    }

    /// That was all of the body.
    ///
    /// # Errors
    ///
    /// [`DigestError::Mismatch`].
    pub fn verify(self) -> Result<(), DigestError> {
        let Self { claimed, digest } = self;
        let matches = claimed.as_slice() == digest.finalize().as_slice();
        if matches { Ok(()) } else { Err(DigestError::Mismatch) }
    }
}

/// SHA-256 in lowercase hex, as plugins, cache files and the ledger are named by.
pub fn sha256_hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 9530, appendix B.
    const BODY: &[u8] = b"{\"hello\": \"world\"}\n";
    const SHA_256: &str = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";
    const SHA_512: &str = "sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:";

    #[test]
    fn the_rfc_s_examples_hold() {
        assert_eq!(content_digest(BODY), SHA_256);
        for field in [
            SHA_256.to_owned(),
            SHA_512.to_owned(),
            format!("{SHA_512}, {SHA_256}"),
            format!("md5=:AAAA:, {SHA_256}"),
        ] {
            assert_eq!(verify_content_digest(&field, BODY), Ok(()), "{field}");
        }
    }

    #[test]
    fn a_body_in_pieces_has_the_digest_of_the_whole() {
        for (field, last, expected) in [
            (SHA_256, &BODY[7..], Ok(())),
            (SHA_256, b"x", Err(DigestError::Mismatch)),
            (SHA_512, b"", Err(DigestError::NoKnownAlgorithm)),
            ("sha-256=1", b"", Err(DigestError::Malformed)),
            ("sha-256=(:AAAA:)", b"", Err(DigestError::Malformed)),
            ("sha-256", b"", Err(DigestError::Malformed)),
            ("", b"", Err(DigestError::NoKnownAlgorithm)),
        ] {
            let verified = ContentDigester::new(field).and_then(|mut digester| {
                digester.update(&BODY[..7]);
                digester.update(last);
                digester.verify()
            });
            assert_eq!(verified, expected, "{field}");
        }
    }

    #[test]
    fn what_does_not_vouch_for_the_body_is_refused() {
        let both = format!("{SHA_256}, sha-512=:AAAA:");
        for (field, error) in [
            (SHA_256, DigestError::Mismatch),
            ("sha-256=:AAAA:", DigestError::Mismatch),
            (both.as_str(), DigestError::Mismatch),
            ("md5=:AAAA:", DigestError::NoKnownAlgorithm),
            ("", DigestError::NoKnownAlgorithm),
            ("sha-256=AAAA", DigestError::Malformed),
            ("sha-256=(:AAAA:)", DigestError::Malformed),
            ("sha-256", DigestError::Malformed),
            ("sha-256=:AAAA", DigestError::Malformed),
        ] {
            assert_eq!(verify_content_digest(field, b"{}"), Err(error), "{field}");
        }
    }
}
