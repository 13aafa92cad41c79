//! Masking of personal data for logs, pages and error messages: enough left to tell two apart,
//! too little to use.

use std::net::IpAddr;

/// The first and the last character and nothing between: `张*三`, `a***d`. Up to two characters
/// leave only the first.
pub fn name(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.next_back(), chars.count()) {
        (None, ..) => String::new(),
        (Some(first), None, _) | (Some(first), Some(_), 0) => format!("{first}*"),
        (Some(first), Some(last), between) => {
            format!("{first}{}{last}", "*".repeat(between.min(8)))
        }
    }
}

/// `alice@example.com` becomes `a***@example.com`. What is no address is masked as a name.
pub fn email(text: &str) -> String {
    match text.split_once('@') {
        Some((local, domain)) => {
            format!("{}***@{domain}", local.chars().next().map(String::from).unwrap_or_default())
        }
        None => name(text),
    }
}

/// `+86 138 0013 8000` becomes `138****8000` without its prefix: the last eleven digits, the
/// middle four of them hidden. Shorter numbers keep their last two.
pub fn phone(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    match digits.len() {
        11.. => {
            let digits = &digits[digits.len() - 11..];
            format!("{}****{}", &digits[..3], &digits[7..])
        }
        n => format!("****{}", &digits[n.saturating_sub(2)..]),
    }
}

/// The last four characters of an account's number or name, and of a short one fewer, so that at least
/// half of it is hidden.
pub fn account(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let shown = (chars.len() / 2).min(4);
    format!("****{}", chars[chars.len() - shown..].iter().collect::<String>())
}

/// The first six and last four digits of a card number, as PCI DSS 3.4.1 allows at most; fewer
/// than fourteen digits leave only the last four.
pub fn card(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let last = &digits[digits.len().saturating_sub(4)..];
    if digits.len() >= 14 {
        format!("{}******{last}", &digits[..6])
    } else {
        format!("******{last}")
    }
}

/// The network an address belongs to: /24 of IPv4, /48 of IPv6.
pub fn ip(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}::/48")
        }
    }
}

/// A stranger's text: every word with an `@` in it as an [`email`], every number of seven digits or
/// more as a [`phone`] or a [`card`], whether or not spaces or hyphens part them, and every word of
/// more than twenty-four letters and digits, which may be a key, as a [`name`]. What a person is
/// called, nobody can tell from a text.
pub fn text(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (number, word) = (number_len(rest), word_len(rest));
        let digits = rest[..number].bytes().filter(u8::is_ascii_digit).count();
        let length = if digits >= 7 && number >= word {
            masked.push_str(&if digits > 13 {
                card(&rest[..number])
            } else {
                phone(&rest[..number])
            });
            number
        } else if word > 0 {
            let it = &rest[..word];
            match it.contains('@') {
                true => masked.push_str(&email(it)),
                false if it.chars().count() > 24 => masked.push_str(&name(it)),
                false => masked.push_str(it),
            }
            word
        } else {
            masked.push(first);
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    masked
}

/// How long the number is that a text begins with: digits, and single spaces or hyphens between.
fn number_len(text: &str) -> usize {
    let mut length = 0;
    let mut parted = true;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'0'..=b'9' => (length, parted) = (at + 1, false),
            b'+' if at == 0 => {}
            b' ' | b'-' if !parted => parted = true,
            _ => break,
        }
    }
    length
}

fn word_len(text: &str) -> usize {
    let inner = |c: char| c.is_alphanumeric() || "@._+-".contains(c);
    text.find(|c| !inner(c)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_account_half_is_hidden_at_least() {
        for (text, masked) in [
            ("6222020200112233445", "****3445"),
            ("wxid_tea", "****_tea"),
            ("tea", "****a"),
            ("茶馆账户", "****账户"),
            ("", "****"),
        ] {
            assert_eq!(account(text), masked);
        }
    }

    #[test]
    fn masks() {
        for (text, masked) in [
            ("", ""),
            ("张", "张*"),
            ("张三", "张*"),
            ("张小三", "张*三"),
            ("Alexandria", "A********a"),
        ] {
            assert_eq!(name(text), masked);
        }
        for (text, masked) in
            [("alice@example.com", "a***@example.com"), ("@b", "***@b"), ("alice", "a***e")]
        {
            assert_eq!(email(text), masked);
        }
        for (text, masked) in [
            ("+86 138 0013 8000", "138****8000"),
            ("13800138000", "138****8000"),
            ("110", "****10"),
            ("", "****"),
        ] {
            assert_eq!(phone(text), masked);
        }
        for (text, masked) in [
            ("6222 0212 3456 7890 123", "622202******0123"),
            ("1234567890123", "******0123"),
            ("12", "******12"),
        ] {
            assert_eq!(card(text), masked);
        }
        for (text, masked) in
            [("203.0.113.77", "203.0.113.0/24"), ("2001:db8:1:2::3", "2001:db8:1::/48")]
        {
            assert_eq!(ip(text.parse().unwrap()), masked);
        }
    }

    #[test]
    fn a_text_keeps_what_tells_of_nobody() {
        for (text, masked) in [
            ("", ""),
            ("500 Internal Server Error", "500 Internal Server Error"),
            (r#"{"error":"no order A-1001"}"#, r#"{"error":"no order A-1001"}"#),
            ("mail alice@example.com!", "mail a***@example.com!"),
            ("call +86 138 0013 8000 now", "call 138****8000 now"),
            ("card 6222-0212-3456-7890-123", "card 622202******0123"),
            ("id=13800138000&x", "id=138****8000&x"),
            ("key sk_live_0123456789abcdefghijkl.", "key s********."),
            ("王小明 茶", "王小明 茶"),
        ] {
            assert_eq!(super::text(text), masked);
        }
    }
}
