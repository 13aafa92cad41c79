//! RFC 9421 HTTP Message Signatures with `ecdsa-p256-sha256`, as Lezai uses them both ways. A merchant may
//! sign with another [`Algorithm`]; which one is a matter of its key, and never of what a message says.
//!
//! To sign: [`sign_base`] gives the bytes to sign and, with the signature, the two header fields.
//! The key may be elsewhere, such as in WebCrypto. To verify: [`Input::by_tag`] finds our
//! signature among those a message carries, and [`Input::verify`] checks it with the key its
//! `keyid` names; where the key is elsewhere, [`Input::check`] does all the rest and gives
//! [`Unverified`]. What is verified comes out as [`Verified`], and only that opens the door.
//!
//! Bytes are signed as sent and verified as received: nothing is re-serialised. Whether a nonce
//! was seen before is the host's question; this module has no memory.

mod component;
mod input;
mod proof;
#[cfg(test)]
mod tests;

use sfv::{BareItem, DictSerializer, KeyRef, key_ref};

use crate::digest::DigestError;
use crate::key::{Algorithm, Signature};
use crate::structured::{InnerList, Parameters};
use crate::time::Timestamp;
use component::{Component, base, malformed, required, text_item};

pub use input::Input;
pub use proof::{Unverified, Verified};

/// A signature is good for five minutes after its `created`, …
pub const MAX_AGE_SECS: i64 = 300;
/// … and for clocks that run ahead, thirty seconds before it.
pub const MAX_AHEAD_SECS: i64 = 30;
/// Length of a nonce, in visible ASCII characters.
pub const NONCE_LENGTH: std::ops::RangeInclusive<usize> = 8..=128;
/// No signature of ours covers more; the bound keeps a stranger's list short.
pub const MAX_COMPONENTS: usize = 32;

const LABEL: &KeyRef = key_ref("sig1");
/// The status of an answer that carries a part.
const PARTIAL_CONTENT: u16 = 206;

/// The sender and the recipient of a message: a signature made for one use is no good for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// A merchant's server to the gateway.
    Merchant,
    /// A shopper's page to the gateway.
    Checkout,
    /// The gateway's answers.
    Gateway,
    /// The gateway's callbacks to a merchant.
    Callback,
}

impl Tag {
    /// The value of the `tag` parameter.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Merchant => "lezai-merchant",
            Self::Checkout => "lezai-checkout",
            Self::Gateway => "lezai-gateway",
            Self::Callback => "lezai-callback",
        }
    }
}

/// Header fields: lowercase names and values, line by line.
pub type Fields<'a> = &'a [(&'a str, &'a str)];

/// The parts of a request that a signature may cover.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// In capitals, such as `POST`.
    pub method: &'a str,
    /// `http` or `https`.
    pub scheme: &'a str,
    /// Lowercase host, and the port unless it is the scheme's own.
    pub authority: &'a str,
    /// The path as sent; empty counts as `/`.
    pub path: &'a str,
    /// The query as sent, without its question mark; empty if there is none.
    pub query: &'a str,
    /// All header fields.
    pub fields: Fields<'a>,
}

/// The parts of an answer that a signature may cover.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// All header fields.
    pub fields: Fields<'a>,
    /// The request this is the answer to.
    pub request: Option<Request<'a>>,
}

/// A message that is signed.
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    /// A request.
    Request(Request<'a>),
    /// An answer.
    Answer(Answer<'a>),
}

/// The parameters of a signature (RFC 9421, section 2.3) but for `alg`.
#[derive(Clone, Copy, Debug)]
pub struct Params<'a> {
    /// When the signature is made.
    pub created: Timestamp,
    /// The signer's key.
    pub keyid: &'a str,
    /// Fresh for every signature of the key: [`NONCE_LENGTH`] visible ASCII characters.
    pub nonce: &'a str,
    /// The use.
    pub tag: Tag,
}

/// Why a signature is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No signature with our tag.
    #[error(
        "the message carries no signature with the tag {0}: Signature-Input and Signature are needed (RFC 9421)"
    )]
    Missing(&'static str),
    /// The fields are not what RFC 9421 says, or use a part of it that we do not take.
    #[error("signature refused: {0}")]
    Malformed(String),
    /// A component that must be covered is not.
    #[error("the signature does not cover {0}")]
    NotCovered(String),
    /// A body came without a digest that the signature covers.
    #[error("the message has a body, so Content-Digest (RFC 9530) is needed and must be covered")]
    DigestMissing,
    /// The digest is not the body's.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// `created` is too far from now.
    #[error(
        "created must lie within {MAX_AGE_SECS} s before and {MAX_AHEAD_SECS} s after the verifier's clock"
    )]
    Expired,
    /// `expires` is past.
    #[error(
        "the signature's own expires is past by the verifier's clock: leave it out, or set it later"
    )]
    Over,
    /// The signature is in another encoding than RFC 9421's.
    #[error(
        "the signature looks like DER (ASN.1): it must be r and s raw, 32 bytes each, 64 in all (RFC 9421, section 3.3.4)"
    )]
    Der {
        /// The signature base as the verifier computed it; compare it with the one that was signed.
        base: String,
    },
    /// The signature is not the key's over this message.
    #[error("the signature does not verify over the signature base")]
    Invalid {
        /// The signature base as the verifier computed it; compare it with the one that was signed.
        base: String,
    },
}

/// A signature base, and the parameters that describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// The signature base (RFC 9421, section 2.5): its UTF-8 bytes are signed.
    pub text: String,
    input: String,
}

impl Base {
    /// `Signature-Input` and `Signature`, as (name, value).
    pub fn fields(&self, signature: &Signature) -> [(&'static str, String); 2] {
        let mut dictionary = DictSerializer::new();
        dictionary.bare_item(LABEL, signature.as_slice());
        [
            ("signature-input", format!("{LABEL}={}", self.input)),
            ("signature", dictionary.finish().unwrap_or_default()),
        ]
    }
}

/// The base of a signature by a P-256 key that covers all that [`Input::verify`] will demand.
///
/// # Errors
///
/// [`SignatureError::Malformed`] if a covered field is absent or a parameter is not ASCII.
pub fn sign_base(
    message: &Message<'_>,
    has_body: bool,
    params: &Params<'_>,
) -> Result<Base, SignatureError> {
    sign_base_with(Algorithm::EcdsaP256Sha256, message, has_body, params)
}

/// As [`sign_base`], for a key of any algorithm.
///
/// # Errors
///
/// As of [`sign_base`].
pub fn sign_base_with(
    algorithm: Algorithm,
    message: &Message<'_>,
    has_body: bool,
    params: &Params<'_>,
) -> Result<Base, SignatureError> {
    let items = required(message, has_body, params.tag).into_iter().map(Component::into_item);
    let mut list =
        InnerList { items: items.collect::<Result<_, _>>()?, parameters: Parameters::default() };
    let created = sfv::Integer::try_from(params.created.as_secs())
        .map_err(|_| malformed("created is out of range"))?;
    for (key, value) in [
        (key_ref("created"), BareItem::Integer(created)),
        (key_ref("nonce"), text_item(params.nonce)?),
        (key_ref("keyid"), text_item(params.keyid)?),
        (key_ref("alg"), text_item(algorithm.as_str())?),
        (key_ref("tag"), text_item(params.tag.as_str())?),
    ] {
        list.parameters.insert(key, value);
    }
    let input = list.serialize();
    Ok(Base { text: base(&list, &input, message)?, input })
}
