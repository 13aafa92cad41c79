//! Forms of pages, as a browser posts them.

use lezai_tests::Request;

/// The address, names and values of the one form of a page.
pub(crate) fn form_of(page: &str) -> (String, Vec<(String, String)>) {
    let plain = |text: &str| text.replace("&quot;", "\"").replace("&amp;", "&");
    let after = |text: &str, mark: &str| {
        let (_, rest) = text.split_once(mark).unwrap_or_else(|| panic!("no {mark} in {page}"));
        plain(rest.split_once('"').unwrap().0)
    };
    let inputs = page.split("<input ").skip(1);
    let fields = inputs.map(|it| (after(it, "name=\""), after(it, "value=\"")));
    (after(page, "action=\""), fields.collect())
}

/// A form, as a browser posts it.
pub(crate) fn post(url: &str, body: Vec<u8>) -> lezai_tests::Answer {
    let (authority, path) = url.trim_start_matches("http://").split_once('/').unwrap();
    Request::new("POST", &format!("/{path}"), body)
        .with("content-type", "application/x-www-form-urlencoded")
        .send(authority)
        .unwrap()
}

pub(crate) fn encoded(fields: &[(String, String)]) -> Vec<u8> {
    let escaped = |text: &str| {
        let letter = |byte: u8| match byte.is_ascii_alphanumeric() {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        };
        text.bytes().map(letter).collect::<String>()
    };
    let pairs: Vec<_> = fields.iter().map(|(a, b)| format!("{a}={}", escaped(b))).collect();
    pairs.join("&").into_bytes()
}
