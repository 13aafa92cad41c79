//! The page's side of the core as one function from bytes to bytes, for hosts that can pass
//! nothing else: mini-programs.
//!
//! A call is a version byte, an operation byte, and fields; an answer is a version byte, a status
//! byte, and fields. A field is its length as a little-endian u32, and its bytes. Texts are UTF-8
//! and numbers are decimal texts, so that no host rounds one. A list is a field that holds fields.
//! Nothing is remembered between calls: a key's secret comes with each call that needs it.

use crate::digest::content_digest;
use crate::exchange::PageRequest;
use crate::grant::{Grant, check_life};
use crate::key::{Jwk, SigningKey, VerifyingKey};
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

/// What can be asked for. The lists are the fields in their order.
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
}

const OPERATIONS: [Operation; 7] = [
    Operation::Key,
    Operation::Thumbprint,
    Operation::Sign,
    Operation::Verify,
    Operation::Grant,
    Operation::Terms,
    Operation::Signature,
];

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
        (Operation::Sign, [key, keyid, created, nonce, method, authority, path, body, header]) => {
            let mut header = pairs(header)?;
            let digest = content_digest(body);
            if !body.is_empty() {
                header.push(("content-digest", &digest));
            }
            let request = request(method, authority, path, &header)?;
            let base = request.to_sign(time(created)?, text(nonce)?, text(keyid)?);
            let base = base.map_err(|error| error.to_string())?;
            let signed = base.fields(&secret(key)?.sign(base.text.as_bytes()));
            let mut list = Vec::new();
            if !body.is_empty() {
                push(&mut list, b"content-digest");
                push(&mut list, digest.as_bytes());
            }
            for (name, value) in signed {
                push(&mut list, name.as_bytes());
                push(&mut list, value.as_bytes());
            }
            push(out, &list);
        }
        (Operation::Verify, [x, y, status, body, method, authority, path, asked, answered]) => {
            let (asked, answered) = (pairs(asked)?, pairs(answered)?);
            let status = u16::try_from(number(status)?).map_err(|_| "no status")?;
            let request = request(method, authority, path, &asked)?;
            let at = request.verify_answer(status, &answered, body, &public(x, y)?);
            let at = at.map_err(|error| error.to_string())?;
            push(out, at.as_ms().to_string().as_bytes());
        }
        (Operation::Grant, [x, y, grant]) => {
            let payload = Grant::signed(text(grant)?, &public(x, y)?);
            push(out, payload.map_err(|error| error.to_string())?.as_bytes());
        }
        (Operation::Terms, [now, iat, exp, rest @ ..]) if rest.len() == 12 => {
            let now = Timestamp::from_secs(number(now)?);
            let life = check_life(number(iat)?, number(exp)?, now);
            life.map_err(|error| error.to_string())?;
            let (granted, shown) = rest.split_at(6);
            held_against(granted, shown)?;
        }
        (Operation::Signature, [x, y, message, signature]) => {
            let verified = public(x, y)?.verify(message, signature);
            verified.map_err(|error| error.to_string())?;
        }
        _ => return Err("the operation takes another number of fields".to_owned()),
    }
    Ok(())
}

/// The methods may be fewer than the granted ones; all else is the same, byte for byte.
fn held_against(granted: &[&[u8]], shown: &[&[u8]]) -> Result<(), String> {
    const WHAT: [&str; 5] = ["session", "merchant", "amount", "currency", "page's key"];
    for (index, what) in WHAT.iter().enumerate() {
        if granted[index] != shown[index] {
            return Err(format!("the grant is for another {what}"));
        }
    }
    let (granted, shown) = (fields(granted[5])?, fields(shown[5])?);
    if !shown.iter().all(|method| granted.contains(method)) {
        return Err("the grant is for another list of methods".to_owned());
    }
    Ok(())
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
            (vec![VERSION, 8], "there is no such operation"),
            (vec![VERSION, 1, 0, 0], "a field is cut short"),
            (vec![VERSION, 1, 1, 0, 0, 0], "a field is cut short"),
            (vec![VERSION, 1, 255, 255, 255, 255, 7], "a field is cut short"),
            (call(1, &[]), "the operation takes another number of fields"),
            (call(1, &many), "more than 128 fields"),
            (call(1, &many[1..]), "the operation takes another number of fields"),
            (call(1, &[&[7; 31]]), "entropy must be 32 bytes"),
            (call(2, &[&[255], b"y"]), "a text is not UTF-8"),
            (call(6, &[b"1", b"2"]), "the operation takes another number of fields"),
            (call(6, &[&b"1"[..]; 15]), "the grant has ended"),
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
    fn entropy_that_is_none_makes_no_key() {
        for byte in [0, 1, 255] {
            assert!(refusal(&call(1, &[&[byte; 32]])).starts_with("entropy refused"));
        }
    }
}
