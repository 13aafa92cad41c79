//! The page's side of the core as one function from bytes to bytes, for hosts that can pass
//! nothing else: mini-programs.
//!
//! A call is a version byte, an operation byte, and fields; an answer is a version byte, a status
//! byte, and fields. A field is its length as a little-endian u32, and its bytes. Texts are UTF-8
//! and numbers are decimal texts, so that no host rounds one. A list is a field that holds fields.
//! Nothing is remembered between calls: a key's secret comes with each call that needs it.

use crate::digest::content_digest;
use crate::exchange::PageRequest;
use crate::grant;
use crate::key::{Jwk, KeyError, Signature, SigningKey, Verify, VerifyingKey};
use crate::signature::{Base, Unverified};
use crate::terms::Terms;
use crate::time::Timestamp;

/// Of the format. A caller that speaks another is refused.
pub const VERSION: u8 = 1;
/// An answer of the gateway's to a page is a few kilobytes; what is longer is not from it.
pub const MAX_CALL: usize = 128 * 1024;
/// A message has some twenty header fields, each a name and a value.
pub const MAX_FIELDS: usize = 128;

/// The status of an answer to a call that was done …
pub const DONE: u8 = 0;
/// … and to one that was not: its one field says why, in English.
pub const REFUSED: u8 = 1;

/// The operations that can be called. The lists are the fields in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Operation {
    /// entropy (32 bytes, which become the secret) → x, y, thumbprint.
    Key = 1,
    /// x, y → thumbprint.
    Thumbprint = 2,
    /// secret, keyid, created (ms), nonce, method, authority, path, body, list of header fields →
    /// list of header fields to add.
    Sign = 3,
    /// x, y, status, body, method, authority, path, list of the request's header fields, list of
    /// the answer's → the gateway's time (ms).
    Verify = 4,
    /// x, y, grant → what it says, as JSON, which the host reads with the parser that reads the rest.
    Grant = 5,
    /// now, and the grant's iat and exp (s); what it grants, and what is to be shown: session,
    /// merchant, amount, currency, the page key's thumbprint, and list of methods, each → nothing.
    Terms = 6,
    /// x, y, message, signature (r and s) → nothing.
    Signature = 7,
    /// secret, message → signature (r and s).
    Message = 8,
    /// For who signs elsewhere: what [`Operation::Sign`] takes after the secret → what is to be signed.
    ToSign = 9,
    /// The signature of that, and what [`Operation::Sign`] takes after the secret → the list that it gives.
    Signed = 10,
    /// For who verifies elsewhere: what [`Operation::Verify`] takes after the key → what must have been signed,
    /// and the signature.
    ToVerify = 11,
    /// [`Operation::Verify`]'s fields after the key, their signature found good → that operation's result.
    Verified = 12,
    /// For who verifies elsewhere: grant → what must have been signed, and the signature.
    GrantToVerify = 13,
    /// A grant whose signature was found good → what it says, as JSON.
    GrantVerified = 14,
}

const OPERATIONS: [Operation; 14] = [
    Operation::Key,
    Operation::Thumbprint,
    Operation::Sign,
    Operation::Verify,
    Operation::Grant,
    Operation::Terms,
    Operation::Signature,
    Operation::Message,
    Operation::ToSign,
    Operation::Signed,
    Operation::ToVerify,
    Operation::Verified,
    Operation::GrantToVerify,
    Operation::GrantVerified,
];

const COUNT: &str = "the operation takes another number of fields";

/// Answers a call; whatever its bytes are, there is an answer.
pub fn answer(call: &[u8]) -> Vec<u8> {
    let mut out = vec![VERSION, DONE];
    if let Err(why) = perform(call, &mut out) {
        out.clear();
        out.extend([VERSION, REFUSED]);
        push(&mut out, why.as_bytes());
    }
    out
}

/// Appends a field.
pub fn push(out: &mut Vec<u8>, field: &[u8]) {
    // A field is at most as long as an answer, which is not much longer than a call may be.
    let length = u32::try_from(field.len()).unwrap_or(u32::MAX);
    out.extend(length.to_le_bytes());
    out.extend(field);
}

/// The fields of a list or of what follows the two first bytes of a call or an answer.
///
/// # Errors
///
/// If a length points past the end, or there are more than [`MAX_FIELDS`].
pub fn fields(mut bytes: &[u8]) -> Result<Vec<&[u8]>, String> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let cut = || "a field is cut short".to_owned();
        let (length, rest) = bytes.split_first_chunk::<4>().ok_or_else(cut)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| cut())?;
        let (field, rest) = rest.split_at_checked(length).ok_or_else(cut)?;
        if fields.len() == MAX_FIELDS {
            return Err(format!("more than {MAX_FIELDS} fields"));
        }
        fields.push(field);
        bytes = rest;
    }
    Ok(fields)
}

fn perform(call: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    if call.len() > MAX_CALL {
        return Err(format!("a call has at most {MAX_CALL} bytes"));
    }
    let [version, operation, rest @ ..] = call else {
        return Err("a call starts with a version and an operation".to_owned());
    };
    if *version != VERSION {
        return Err(format!("this core speaks version {VERSION} of its calls, not {version}"));
    }
    let operation = OPERATIONS.into_iter().find(|it| *it as u8 == *operation);
    let operation = operation.ok_or("there is no such operation")?;
    let fields = fields(rest)?;
    match (operation, fields.as_slice()) {
        (Operation::Key, [entropy]) => {
            let key = secret(entropy)?.verifying_key();
            let Jwk { x, y, .. } = key.to_jwk();
            for field in [x, y, key.thumbprint()] {
                push(out, field.as_bytes());
            }
        }
        (Operation::Thumbprint, [x, y]) => push(out, public(x, y)?.thumbprint().as_bytes()),
        (Operation::Sign, [key, request @ ..]) if request.len() == 8 => {
            let signing = signing(request)?;
            let signature = secret(key)?.sign(signing.base.text.as_bytes());
            push(out, &signing.fields(&signature));
        }
        (Operation::ToSign, request) if request.len() == 8 => {
            push(out, signing(request)?.base.text.as_bytes());
        }
        (Operation::Signed, [signature, request @ ..]) if request.len() == 8 => {
            let signature = (*signature).try_into().map_err(|_| "a signature is 64 bytes")?;
            push(out, &signing(request)?.fields(signature));
        }
        (Operation::Verify, [x, y, answer @ ..]) if answer.len() == 7 => {
            let key = public(x, y)?;
            push(out, created(checked(answer)?, &key)?.as_bytes());
        }
        (Operation::ToVerify, answer) if answer.len() == 7 => {
            let answer = checked(answer)?;
            push(out, answer.base().as_bytes());
            push(out, answer.signature());
        }
        (Operation::Verified, answer) if answer.len() == 7 => {
            push(out, created(checked(answer)?, &Elsewhere)?.as_bytes());
        }
        (Operation::Grant, [x, y, jws]) => {
            let key = public(x, y)?;
            push(out, said(grant(jws)?, &key)?.as_bytes());
        }
        (Operation::GrantToVerify, [jws]) => {
            let grant = grant(jws)?;
            push(out, grant.message());
            push(out, grant.signature());
        }
        (Operation::GrantVerified, [jws]) => push(out, said(grant(jws)?, &Elsewhere)?.as_bytes()),
        (Operation::Terms, [now, iat, exp, rest @ ..]) if rest.len() == 12 => {
            let now = Timestamp::from_secs(number(now)?);
            let (granted, shown) = rest.split_at(6);
            let allowed = terms(granted)?.allow(&terms(shown)?, number(iat)?, number(exp)?, now);
            allowed.map_err(|error| error.to_string())?;
        }
        (Operation::Signature, [x, y, message, signature]) => {
            let verified = public(x, y)?.verify(message, signature);
            verified.map_err(|error| error.to_string())?;
        }
        (Operation::Message, [key, message]) => push(out, &secret(key)?.sign(message)),
        _ => return Err(COUNT.to_owned()),
    }
    Ok(())
}

/// A signature that the caller has verified before it asks.
struct Elsewhere;

impl Verify for Elsewhere {
    fn verify(&self, _message: &[u8], _signature: &[u8]) -> Result<(), KeyError> {
        Ok(())
    }
}

/// A request that is to be signed.
struct Signing {
    base: Base,
    /// The digest of its body, if it has one.
    digest: Option<String>,
}

/// keyid, created (ms), nonce, method, authority, path, body, list of header fields.
fn signing(fields: &[&[u8]]) -> Result<Signing, String> {
    let [keyid, created, nonce, method, authority, path, body, header] = fields else {
        return Err(COUNT.to_owned());
    };
    let mut header = pairs(header)?;
    let digest = (!body.is_empty()).then(|| content_digest(body));
    header.extend(digest.as_deref().map(|digest| ("content-digest", digest)));
    let request = request(method, authority, path, &header)?;
    let base = request.to_sign(time(created)?, text(nonce)?, text(keyid)?);
    let base = base.map_err(|error| error.to_string())?;
    Ok(Signing { base, digest })
}

impl Signing {
    /// The list of header fields to add.
    fn fields(&self, signature: &Signature) -> Vec<u8> {
        let mut list = Vec::new();
        let digest = self.digest.iter().map(|digest| ("content-digest", digest.as_str()));
        let signed = self.base.fields(signature);
        for (name, value) in
            digest.chain(signed.iter().map(|(name, value)| (*name, value.as_str())))
        {
            push(&mut list, name.as_bytes());
            push(&mut list, value.as_bytes());
        }
        list
    }
}

/// status, body, method, authority, path, list of the request's header fields, list of the answer's.
fn checked<'a>(fields: &[&'a [u8]]) -> Result<Unverified<&'a [u8]>, String> {
    let [status, body, method, authority, path, asked, answered] = *fields else {
        return Err(COUNT.to_owned());
    };
    let (asked, answered) = (pairs(asked)?, pairs(answered)?);
    let status = u16::try_from(number(status)?).map_err(|_| "no status")?;
    let request = request(method, authority, path, &asked)?;
    request.check_answer(status, &answered, body).map_err(|error| error.to_string())
}

fn created(answer: Unverified<&[u8]>, key: &dyn Verify) -> Result<String, String> {
    let verified = answer.verify(key).map_err(|error| error.to_string())?;
    Ok(verified.created().as_ms().to_string())
}

fn grant(jws: &[u8]) -> Result<grant::Unverified, String> {
    grant::Unverified::parse(text(jws)?).map_err(|error| error.to_string())
}

fn said(grant: grant::Unverified, key: &dyn Verify) -> Result<String, String> {
    grant.verify(key).map_err(|error| error.to_string())
}

/// Session, merchant, amount, currency, the page key's thumbprint, and the list of methods. A mini-program
/// is on no website.
fn terms(fields: &[&[u8]]) -> Result<Terms, String> {
    let [session, merchant, amount, currency, jkt, methods] = fields else {
        return Err(COUNT.to_owned());
    };
    let owned = |field| text(field).map(str::to_owned);
    Ok(Terms {
        session: owned(session)?,
        merchant: owned(merchant)?,
        amount: owned(amount)?,
        currency: owned(currency)?,
        methods: texts(methods)?.into_iter().map(str::to_owned).collect(),
        jkt: owned(jkt)?,
        origin: String::new(),
    })
}

fn secret(entropy: &[u8]) -> Result<SigningKey, String> {
    let entropy = entropy.try_into().map_err(|_| "entropy must be 32 bytes")?;
    SigningKey::from_entropy(entropy).map_err(|error| error.to_string())
}

fn public(x: &[u8], y: &[u8]) -> Result<VerifyingKey, String> {
    let (x, y) = (text(x)?.to_owned(), text(y)?.to_owned());
    let jwk = Jwk { kty: "EC".to_owned(), crv: "P-256".to_owned(), x, y };
    VerifyingKey::from_jwk(&jwk).map_err(|error| error.to_string())
}

fn request<'a>(
    method: &'a [u8],
    authority: &'a [u8],
    path: &'a [u8],
    fields: &'a [(&'a str, &'a str)],
) -> Result<PageRequest<'a>, String> {
    let (method, authority, path) = (text(method)?, text(authority)?, text(path)?);
    Ok(PageRequest { method, authority, path, fields })
}

fn pairs(list: &[u8]) -> Result<Vec<(&str, &str)>, String> {
    let texts = texts(list)?;
    let (pairs, rest) = texts.as_chunks::<2>();
    if !rest.is_empty() {
        return Err("a header field has a name and a value".to_owned());
    }
    Ok(pairs.iter().map(|[name, value]| (*name, *value)).collect())
}

fn texts(list: &[u8]) -> Result<Vec<&str>, String> {
    fields(list)?.into_iter().map(text).collect()
}

fn text(field: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(field).map_err(|_| "a text is not UTF-8".to_owned())
}

fn time(field: &[u8]) -> Result<Timestamp, String> {
    number(field).map(Timestamp::from_ms)
}

fn number(field: &[u8]) -> Result<i64, String> {
    text(field)?.parse().map_err(|_| "a number is not one in decimal digits".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(operation: u8, fields: &[&[u8]]) -> Vec<u8> {
        let mut call = vec![VERSION, operation];
        fields.iter().for_each(|field| push(&mut call, field));
        call
    }

    fn refusal(call: &[u8]) -> String {
        let answer = answer(call);
        assert_eq!(answer[..2], [VERSION, REFUSED]);
        String::from_utf8(fields(&answer[2..]).unwrap()[0].to_vec()).unwrap()
    }

    #[test]
    fn what_is_no_call_is_told_so() {
        let many: Vec<&[u8]> = vec![b""; MAX_FIELDS + 1];
        for (call, why) in [
            (vec![], "a call starts with a version and an operation"),
            (vec![VERSION], "a call starts with a version and an operation"),
            (vec![2, 1], "this core speaks version 1 of its calls, not 2"),
            (vec![VERSION, 0], "there is no such operation"),
            (vec![VERSION, 15], "there is no such operation"),
            (vec![VERSION, 1, 0, 0], "a field is cut short"),
            (vec![VERSION, 1, 1, 0, 0, 0], "a field is cut short"),
            (vec![VERSION, 1, 255, 255, 255, 255, 7], "a field is cut short"),
            (call(1, &[]), "the operation takes another number of fields"),
            (call(1, &many), "more than 128 fields"),
            (call(1, &many[1..]), "the operation takes another number of fields"),
            (call(1, &[&[7; 31]]), "entropy must be 32 bytes"),
            (call(2, &[&[255], b"y"]), "a text is not UTF-8"),
            (call(6, &[b"1", b"2"]), "the operation takes another number of fields"),
            (call(6, &[&b"1"[..]; 15]), "a field is cut short"),
        ] {
            assert_eq!(refusal(&call), why);
        }
        let long = call(7, &[b"", b"", &vec![0; MAX_CALL], b""]);
        assert_eq!(refusal(&long), "a call has at most 131072 bytes");
    }

    #[test]
    fn the_longest_call_is_heard() {
        let room = MAX_CALL - call(7, &[b"", b"", b"", b""]).len();
        let longest = call(7, &[b"", b"", &vec![0; room], b""]);
        assert_eq!(longest.len(), MAX_CALL);
        assert!(refusal(&longest).starts_with("not a P-256 public key"));
    }

    #[test]
    fn what_is_shown_is_what_is_granted() {
        let list = |methods: &[&str]| {
            let mut list = Vec::new();
            methods.iter().for_each(|method| push(&mut list, method.as_bytes()));
            list
        };
        let (two, one) = (list(&["wechat_jsapi", "wallet_qr"]), list(&["wallet_qr"]));
        let terms = |methods| -> [&[u8]; 6] {
            [b"cs_1", b"m_demo", b"12800", b"CNY", b"thumbprint", methods]
        };
        let judged = |now: &str, shown: [&[u8]; 6]| {
            let life: [&[u8]; 3] = [now.as_bytes(), b"1000", b"1900"];
            answer(&call(6, &[&life[..], &terms(&two), &shown].concat()))
        };
        assert_eq!(judged("1899", terms(&two)), [VERSION, DONE]);
        assert_eq!(judged("1899", terms(&one)), [VERSION, DONE]);
        assert_eq!(judged("1900", terms(&one))[1], REFUSED);
        for changed in 0..6 {
            let mut shown = terms(&one);
            let other = list(&["wallet_qr", "bank"]);
            shown[changed] = if changed == 5 { &other } else { b"other" };
            assert_eq!(judged("1899", shown)[1], REFUSED, "{changed}");
        }
    }

    #[test]
    fn who_signs_and_verifies_elsewhere_gets_the_same() {
        let done = |operation, fields: &[&[u8]]| {
            let answer = answer(&call(operation, fields));
            assert_eq!(answer[1], DONE, "{}", String::from_utf8_lossy(&answer));
            super::fields(&answer[2..]).unwrap().into_iter().map(<[u8]>::to_vec).collect::<Vec<_>>()
        };
        let secret: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap() + 1);
        for body in [&b""[..], b"{}"] {
            let mut header = Vec::new();
            if !body.is_empty() {
                push(&mut header, b"content-type");
                push(&mut header, b"application/json");
            }
            let request: [&[u8]; 8] = [
                b"k",
                b"1795000000000",
                b"nonce-0001",
                b"GET",
                b"pay.example",
                b"/v1/x",
                body,
                &header,
            ];
            let [base] = &done(9, &request)[..] else { panic!() };
            let [signature] = &done(8, &[&secret, base])[..] else { panic!() };
            let signed = done(10, &[&[&signature[..]], &request[..]].concat());
            assert_eq!(signed, done(3, &[&[&secret[..]], &request[..]].concat()));
        }
        assert_eq!(refusal(&call(10, &[&b""[..]; 9])), "a signature is 64 bytes");
    }

    #[test]
    fn entropy_that_is_none_makes_no_key() {
        for byte in [0, 1, 255] {
            assert!(refusal(&call(1, &[&[byte; 32]])).starts_with("entropy refused"));
        }
    }
}
