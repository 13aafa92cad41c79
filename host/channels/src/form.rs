//! Forms of callbacks, as bytes: the signature is over what was sent, whatever its character set.

/// The members of a form, sorted by name.
pub(crate) type Members = Vec<(Vec<u8>, Vec<u8>)>;

/// Reads an encoded form. None if it is empty, has more than `members_max` members or two of one name, or is not
/// encoded rightly.
pub(crate) fn parse(body: &[u8], members_max: usize) -> Option<Members> {
    let mut members = Vec::new();
    for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let (name, value) = pair.split_at(at);
        members.push((decoded(name)?, decoded(value.get(1..).unwrap_or_default())?));
    }
    members.sort();
    let twice = members.windows(2).any(|pair| matches!(pair, [(a, _), (b, _)] if a == b));
    let fits = !twice && !members.is_empty() && members.len() <= members_max;
    fits.then_some(members)
}

/// Decodes `+` and `%`, once. What is encoded twice stays encoded once, as it was signed.
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
                let digits = digits.filter(|it| it.bytes().all(|byte| byte.is_ascii_hexdigit()));
                let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                bytes.push(byte?);
                rest = tail.get(2..).unwrap_or_default();
            }
            byte => bytes.push(*byte),
        }
    }
    Some(bytes)
}
