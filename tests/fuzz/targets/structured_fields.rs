//! Structured fields (RFC 9651): what is read and written again reads the same, and a digest vouches
//! for its own body alone.

#![no_main]

use lezai_core::digest::{content_digest, verify_content_digest};
use libfuzzer_sys::fuzz_target;
use sfv::{Dictionary, FieldType as _, Item, List, Parser};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(read) = Parser::new(text).parse::<Dictionary>()
        && let Some(written) = read.serialize()
    {
        assert_eq!(Parser::new(&written).parse::<Dictionary>().ok().as_ref(), Some(&read), "{written}");
    }
    if let Ok(read) = Parser::new(text).parse::<List>()
        && let Some(written) = read.serialize()
    {
        assert_eq!(Parser::new(&written).parse::<List>().ok().as_ref(), Some(&read), "{written}");
    }
    if let Ok(read) = Parser::new(text).parse::<Item>() {
        let written = read.serialize();
        assert_eq!(Parser::new(&written).parse::<Item>().ok().as_ref(), Some(&read), "{written}");
    }
    let (field, body) = text.split_once('\n').unwrap_or((text, ""));
    if verify_content_digest(field, body.as_bytes()).is_ok() {
        assert!(verify_content_digest(field, &[body.as_bytes(), b"x"].concat()).is_err());
    }
    assert!(verify_content_digest(&content_digest(data), data).is_ok());
});
