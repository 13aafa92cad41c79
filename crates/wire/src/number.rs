//! Numbers that merchants give to what they ask for.

/// A merchant's own number for an order, or anything else that it numbers.
///
/// # Errors
///
/// If it has other characters, or too many.
pub fn number(text: &str) -> Result<String, &'static str> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_.:-".contains(&b);
    if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err("not 1 to 64 of A-Z, a-z, 0-9 and _ . : -")
    }
}
