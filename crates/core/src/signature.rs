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

use std::fmt::Write as _;

use sfv::{BareItem, DictSerializer, KeyRef, key_ref};

use crate::digest::{ContentDigester, DigestError};
use crate::key::{Algorithm, Signature, Verify};
use crate::structured::{self, Dictionary, InnerList, Item, Member, Parameters};
use crate::time::Timestamp;

mod proof;

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

impl<'a> Message<'a> {
    fn fields(&self) -> Fields<'a> {
        match self {
            Self::Request(request) => request.fields,
            Self::Answer(answer) => answer.fields,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Component<'a> {
    name: &'a str,
    of_request: bool,
}

impl<'a> Component<'a> {
    fn into_item(self) -> Result<Item, SignatureError> {
        let mut item = Item { value: text_item(self.name)?, parameters: Parameters::default() };
        if self.of_request {
            item.parameters.insert(key_ref("req"), BareItem::Boolean(true));
        }
        Ok(item)
    }

    fn from_item(item: &'a Item) -> Result<Self, SignatureError> {
        let name = item
            .value
            .as_string()
            .ok_or_else(|| malformed("a component identifier is no string"))?
            .as_str();
        let mut of_request = false;
        for (param, value) in item.parameters.iter() {
            match (param.as_str(), value) {
                ("req", BareItem::Boolean(true)) => of_request = true,
                _ => {
                    return Err(malformed(&format!(
                        "the parameter {param} of the component {name} is not taken here"
                    )));
                }
            }
        }
        Ok(Self { name, of_request })
    }
}

impl std::fmt::Display for Component<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\"{}", self.name, if self.of_request { ";req" } else { "" })
    }
}

/// The components that a signature must cover: enough that it fits this one message and no other.
fn required(message: &Message<'_>, has_body: bool, tag: Tag) -> Vec<Component<'static>> {
    let mut names = match message {
        Message::Request(request) => {
            let mut names = vec![
                ("@method", false),
                ("@authority", false),
                ("@path", false),
                ("@query", false),
            ];
            if request.method == "POST" && tag != Tag::Callback {
                names.push(("idempotency-key", false));
            }
            names
        }
        Message::Answer(answer) => {
            let mut names = vec![("@status", false)];
            if answer.request.is_some_and(|it| field(it.fields, "signature").is_some()) {
                names.extend([("@method", true), ("@path", true), ("signature", true)]);
            }
            // A part says where it belongs there alone (RFC 9110, section 15.3.7).
            if answer.status == PARTIAL_CONTENT {
                names.push(("content-range", false));
            }
            names
        }
    };
    if has_body {
        names.extend([("content-digest", false), ("content-type", false)]);
    }
    names.into_iter().map(|(name, of_request)| Component { name, of_request }).collect()
}

fn base(
    list: &InnerList,
    serialized: &str,
    message: &Message<'_>,
) -> Result<String, SignatureError> {
    let mut base = String::with_capacity(512);
    for (index, item) in list.items.iter().enumerate() {
        let component = Component::from_item(item)?;
        if list.items[..index]
            .iter()
            .any(|it| Component::from_item(it).is_ok_and(|it| it == component))
        {
            return Err(malformed(&format!("the component {component} is listed twice")));
        }
        let value = value(&component, message)?;
        // Writing to a String cannot fail.
        let _ = writeln!(base, "{}: {value}", item.serialize());
    }
    let _ = write!(base, "\"@signature-params\": {serialized}");
    Ok(base)
}

fn value(component: &Component<'_>, message: &Message<'_>) -> Result<String, SignatureError> {
    let absent = || malformed(&format!("the covered component {component} is not in the message"));
    let request = match (message, component.of_request) {
        (Message::Request(request), false) => Some(request),
        (Message::Answer(answer), true) => Some(answer.request.as_ref().ok_or_else(absent)?),
        (Message::Answer(_), false) => None,
        (Message::Request(_), true) => return Err(absent()),
    };
    let fields = request.map_or(message.fields(), |request| request.fields);
    let Some(derived) = component.name.strip_prefix('@') else {
        return field(fields, component.name).ok_or_else(absent);
    };
    let Some(request) = request else {
        return match (derived, message) {
            ("status", Message::Answer(answer)) => Ok(answer.status.to_string()),
            _ => Err(absent()),
        };
    };
    let path = if request.path.is_empty() { "/" } else { request.path };
    let query =
        if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
    match derived {
        "method" => Ok(request.method.to_owned()),
        "scheme" => Ok(request.scheme.to_owned()),
        "authority" => Ok(request.authority.to_owned()),
        "path" => Ok(path.to_owned()),
        "query" => Ok(format!("?{}", request.query)),
        "request-target" => Ok(format!("{path}{query}")),
        "target-uri" => Ok(format!("{}://{}{path}{query}", request.scheme, request.authority)),
        _ => Err(malformed(&format!("the component {component} is not taken here"))),
    }
}

/// A field's value as RFC 9421, section 2.1 has it: lines trimmed and joined.
fn field(fields: Fields<'_>, name: &str) -> Option<String> {
    let mut lines = fields
        .iter()
        .filter(|(it, _)| *it == name)
        .map(|(_, value)| value.trim_matches([' ', '\t']));
    let mut joined = lines.next()?.to_owned();
    for line in lines {
        joined.push_str(", ");
        joined.push_str(line);
    }
    Some(joined)
}

fn dictionary(fields: Fields<'_>, name: &str) -> Result<Option<Dictionary>, SignatureError> {
    let Some(text) = field(fields, name) else { return Ok(None) };
    let parsed = structured::dictionary(&text);
    parsed.map(Some).map_err(|error| {
        malformed(&format!("{name} is no structured dictionary (RFC 9651): {error}"))
    })
}

fn text_item(text: &str) -> Result<BareItem, SignatureError> {
    match sfv::StringRef::from_str(text) {
        Ok(text) => Ok(BareItem::String(text.to_owned())),
        Err(_) => Err(malformed("a parameter has characters that are not visible ASCII")),
    }
}

fn malformed(why: &str) -> SignatureError {
    SignatureError::Malformed(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest;
    use crate::key::SigningKey;

    const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);
    const BODY: &[u8] = br#"{"amount":12800}"#;

    fn signer() -> SigningKey {
        SigningKey::from_entropy(&std::array::from_fn(|i| u8::try_from(i).unwrap() + 1)).unwrap()
    }

    /// A signed order, with `change` applied after signing.
    fn tampered(
        change: impl FnOnce(&mut Vec<(&'static str, String)>, &mut Vec<u8>, &mut &'static str),
    ) -> Result<String, SignatureError> {
        at(NOW, change)
    }

    fn at(
        now: Timestamp,
        change: impl FnOnce(&mut Vec<(&'static str, String)>, &mut Vec<u8>, &mut &'static str),
    ) -> Result<String, SignatureError> {
        let mut fields: Vec<(&'static str, String)> = vec![
            ("content-type", "application/json".to_owned()),
            ("content-digest", digest::content_digest(BODY)),
            ("idempotency-key", "\"k-1\"".to_owned()),
        ];
        let (mut body, mut path) = (BODY.to_vec(), "/v1/orders");
        let params =
            Params { created: NOW, keyid: "demo-1", nonce: "nonce-0001", tag: Tag::Merchant };
        let base = with(&fields, path, |message| sign_base(message, true, &params)).unwrap();
        fields.extend(base.fields(&signer().sign(base.text.as_bytes())));
        change(&mut fields, &mut body, &mut path);
        with(&fields, path, |message| {
            let Message::Request(request) = message else { unreachable!() };
            let input = Input::by_tag(request.fields, Tag::Merchant)?;
            let verified =
                input.verify(message, &body, Tag::Merchant, &signer().verifying_key(), now)?;
            Ok(format!("{} {}", verified.keyid(), verified.nonce()))
        })
    }

    fn with<T>(
        fields: &[(&'static str, String)],
        path: &str,
        run: impl FnOnce(&Message<'_>) -> T,
    ) -> T {
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        run(&Message::Request(Request {
            method: "POST",
            scheme: "https",
            authority: "pay.example",
            path,
            query: "",
            fields: &fields,
        }))
    }

    #[test]
    fn what_was_signed_verifies() {
        assert_eq!(tampered(|_, _, _| {}), Ok("demo-1 nonce-0001".to_owned()));
    }

    #[test]
    fn the_base_is_as_the_rfc_writes_it() {
        let Err(SignatureError::Invalid { base }) = tampered(|_, _, path| *path = "/v1/refunds")
        else {
            panic!()
        };
        assert_eq!(
            base,
            "\"@method\": POST\n\"@authority\": pay.example\n\"@path\": /v1/refunds\n\"@query\": ?\n\
             \"idempotency-key\": \"k-1\"\n\
             \"content-digest\": sha-256=:opME7GJ1R4Gk+jdmczytuBY68+2/cSrob3kXtWRJKt8=:\n\
             \"content-type\": application/json\n\
             \"@signature-params\": (\"@method\" \"@authority\" \"@path\" \"@query\" \"idempotency-key\" \"content-digest\" \"content-type\")\
             ;created=1795000000;nonce=\"nonce-0001\";keyid=\"demo-1\";alg=\"ecdsa-p256-sha256\";tag=\"lezai-merchant\""
        );
    }

    #[test]
    fn a_changed_message_is_refused() {
        type Change = fn(&mut Vec<(&'static str, String)>, &mut Vec<u8>, &mut &'static str);
        let rows: [(Change, &str); 9] = [
            (|_, body, _| body[0] = b' ', "content-digest does not match the body that arrived"),
            (|_, body, _| body.clear(), "content-digest does not match the body that arrived"),
            (|fields, _, _| fields[0].1 = "text/plain".to_owned(), "does not verify"),
            (|fields, _, _| fields[2].1 = "\"k-2\"".to_owned(), "does not verify"),
            (
                |fields, _, _| fields.retain(|(name, _)| *name != "idempotency-key"),
                "\"idempotency-key\" is not in the message",
            ),
            (|fields, _, _| fields.retain(|(name, _)| *name != "signature"), "no Signature field"),
            (
                |fields, _, _| fields.retain(|(name, _)| *name != "signature-input"),
                "carries no signature with the tag lezai-merchant",
            ),
            (
                |fields, _, _| fields[3].1 = fields[3].1.replace("merchant", "checkout"),
                "carries no signature with the tag",
            ),
            (
                |fields, _, _| fields[3].1 = fields[3].1.replace("\"@path\" ", ""),
                "does not cover \"@path\"",
            ),
        ];
        for (change, expected) in rows {
            let error = tampered(change).unwrap_err().to_string();
            assert!(error.contains(expected), "{error} / {expected}");
        }
    }

    #[test]
    fn parameters_are_demanded() {
        for (from, to, expected) in [
            (";alg=\"ecdsa-p256-sha256\"", "", "alg is missing"),
            ("ecdsa-p256-sha256", "hmac-sha256", "alg must be"),
            (";nonce=\"nonce-0001\"", "", "nonce is missing"),
            ("nonce-0001", "short", "nonce must be 8 to 128"),
            (";created=1795000000", "", "created is missing"),
            (";keyid=\"demo-1\"", "", "keyid is missing"),
            (" \"content-digest\"", "", "Content-Digest (RFC 9530) is needed"),
            ("\"@query\"", "\"@query\" \"@query\"", "\"@query\" is listed twice"),
            (
                "\"@query\"",
                "\"@query\" \"@query-param\";name=\"a\"",
                "name of the component @query-param is not taken",
            ),
            ("\"@query\"", "\"@query\" \"@status\"", "\"@status\" is not taken"),
            ("\"@query\"", "\"@query\" \"@method\";req", "\"@method\";req is not in the message"),
            ("sig1=(", "sig1=((", "no structured dictionary"),
        ] {
            let error = tampered(|fields, _, _| fields[3].1 = fields[3].1.replace(from, to))
                .unwrap_err()
                .to_string();
            assert!(error.contains(expected), "{to}: {error} / {expected}");
        }
    }

    #[test]
    fn a_signature_has_its_time() {
        for (seconds, good) in [(-31, false), (-30, true), (0, true), (300, true), (301, false)] {
            let result = at(NOW.plus_secs(seconds), |_, _, _| {});
            assert_eq!(result.is_ok(), good, "{seconds}");
            assert!(good || result == Err(SignatureError::Expired));
        }
        let expired = tampered(|fields, _, _| fields[3].1.push_str(";expires=1794999999"));
        assert_eq!(expired, Err(SignatureError::Over));
        for odd in [";expires=1.5", ";expires=\"1794999999\"", ";expires"] {
            let result = tampered(|fields, _, _| fields[3].1.push_str(odd));
            assert!(matches!(result, Err(SignatureError::Malformed(_))), "{odd}");
        }
    }

    #[test]
    fn a_signature_in_der_is_named() {
        // Two integers of 32 bytes each, whose first bit is not set.
        let integer = [&[2, 32][..], &[1; 32]].concat();
        let der = [&[0x30, 68][..], &integer, &integer].concat();
        let (mut short, mut open) = (der.clone(), der.clone());
        short.pop();
        open[1] = 67;
        for (signature, is_der) in
            [(der, true), (short, false), (open, false), (vec![1; 64], false)]
        {
            let refused = tampered(|fields, _, _| {
                let mut dictionary = DictSerializer::new();
                dictionary.bare_item(LABEL, signature.as_slice());
                fields[4].1 = dictionary.finish().unwrap_or_default();
            });
            match refused.unwrap_err() {
                SignatureError::Der { .. } => assert!(is_der, "{signature:02x?}"),
                SignatureError::Invalid { .. } => assert!(!is_der, "{signature:02x?}"),
                other => panic!("{other}"),
            }
        }
    }

    /// Says that it is of another algorithm, and believes everything.
    struct OfAnother;

    impl Verify for OfAnother {
        fn algorithm(&self) -> Algorithm {
            Algorithm::Sm2Sm3
        }

        fn verify(&self, _: &[u8], _: &[u8]) -> Result<(), crate::key::KeyError> {
            Ok(())
        }
    }

    #[test]
    fn the_key_says_which_algorithm_and_not_the_message() {
        let fields = [("idempotency-key", "\"k-1\"".to_owned())];
        let params = Params { created: NOW, keyid: "k", nonce: "nonce-0001", tag: Tag::Merchant };
        for algorithm in [Algorithm::EcdsaP256Sha256, Algorithm::Sm2Sm3] {
            let base = with(&fields, "/", |message| {
                sign_base_with(algorithm, message, false, &params).unwrap()
            });
            assert!(base.text.contains(&format!(";alg=\"{}\"", algorithm.as_str())));
            let mut signed = fields.to_vec();
            signed.extend(base.fields(&signer().sign(base.text.as_bytes())));
            with(&signed, "/", |message| {
                let Message::Request(request) = message else { unreachable!() };
                let input = Input::by_tag(request.fields, Tag::Merchant).unwrap();
                let p256 = algorithm == Algorithm::EcdsaP256Sha256;
                let keys: [(&dyn Verify, bool); 2] =
                    [(&signer().verifying_key(), p256), (&OfAnother, !p256)];
                for (key, good) in keys {
                    let verified = input.verify(message, b"", Tag::Merchant, key, NOW).map(drop);
                    assert_eq!(verified.is_ok(), good, "{algorithm:?}");
                    let named =
                        verified.err().is_none_or(|it| it.to_string().contains("alg must be"));
                    assert!(named, "{algorithm:?}");
                }
                // Whoever checks without the key checks for P-256's.
                let checked = input.check(message, b"", Tag::Merchant, NOW);
                assert_eq!(checked.is_ok(), p256);
                if let Ok(unverified) = checked {
                    assert!(unverified.verify(&OfAnother).is_err());
                }
            });
        }
    }

    #[test]
    fn an_answer_is_tied_to_its_request() {
        let request_fields = [("signature", "sig1=:AAAA:")];
        let other_fields = [("signature", "sig1=:BBBB:")];
        let request = |fields| Request {
            method: "GET",
            scheme: "https",
            authority: "a",
            path: "/v1/orders/x",
            query: "",
            fields,
        };
        let digest = digest::content_digest(BODY);
        let unsigned = [("content-type", "application/json"), ("content-digest", digest.as_str())];
        let params =
            Params { created: NOW, keyid: "gateway", nonce: "nonce-0002", tag: Tag::Gateway };
        let answer = |fields, request| {
            Message::Answer(Answer { status: 200, fields, request: Some(request) })
        };
        let base = sign_base(&answer(&unsigned, request(&request_fields)), true, &params).unwrap();
        let [(input_name, input), (signature_name, signature)] =
            base.fields(&signer().sign(base.text.as_bytes()));
        let fields = [
            unsigned[0],
            unsigned[1],
            (input_name, input.as_str()),
            (signature_name, signature.as_str()),
        ];
        let verify = |request| {
            let input = Input::by_tag(&fields, Tag::Gateway).unwrap();
            input
                .verify(
                    &answer(&fields, request),
                    BODY,
                    Tag::Gateway,
                    &signer().verifying_key(),
                    NOW,
                )
                .map(drop)
        };
        assert_eq!(verify(request(&request_fields)), Ok(()));
        assert!(matches!(verify(request(&other_fields)), Err(SignatureError::Invalid { .. })));
    }

    #[test]
    fn a_part_is_tied_to_its_place() {
        let digest = digest::content_digest(BODY);
        let fields_at = |range: &'static str| {
            [
                ("content-type", "text/csv"),
                ("content-digest", digest.as_str()),
                ("content-range", range),
            ]
        };
        let params =
            Params { created: NOW, keyid: "gateway", nonce: "nonce-0003", tag: Tag::Gateway };
        fn part<'a>(status: u16, fields: Fields<'a>) -> Message<'a> {
            Message::Answer(Answer { status, fields, request: None })
        }
        let unsigned = fields_at("bytes 0-4/20");
        let signed = |message: &Message<'_>| {
            let base = sign_base(message, true, &params).unwrap();
            base.fields(&signer().sign(base.text.as_bytes()))
        };
        let [input, signature] = signed(&part(206, &unsigned));
        assert!(input.1.contains("\"content-range\""), "{}", input.1);
        let verify = |range, input: &(&str, String), signature: &(&str, String)| {
            let [a, b, c] = fields_at(range);
            let fields =
                [a, b, c, (input.0, input.1.as_str()), (signature.0, signature.1.as_str())];
            let found = Input::by_tag(&fields, Tag::Gateway).unwrap();
            let key = signer().verifying_key();
            found.verify(&part(206, &fields), BODY, Tag::Gateway, &key, NOW).map(drop)
        };
        assert_eq!(verify("bytes 0-4/20", &input, &signature), Ok(()));
        let moved = verify("bytes 5-9/20", &input, &signature);
        assert!(matches!(moved, Err(SignatureError::Invalid { .. })), "{moved:?}");
        // One that does not cover its place is refused, and one without a place is not signed.
        let [input, signature] = signed(&part(200, &unsigned));
        let open = verify("bytes 0-4/20", &input, &signature);
        assert!(matches!(open, Err(SignatureError::NotCovered(_))), "{open:?}");
        assert!(sign_base(&part(206, &unsigned[..2]), true, &params).is_err());
    }
}
