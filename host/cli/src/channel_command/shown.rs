//! A transport that shows what goes and comes. Signatures, codes and openids are masked: a terminal's text is
//! pasted into tickets.

use lezai_channels::http::{Network, Request, Sent, Transport};

/// The network, shown.
pub(super) struct Shown {
    pub(super) network: Network,
    pub(super) verbose: bool,
}

impl Transport for Shown {
    fn send(&self, request: Request) -> Sent<'_> {
        if self.verbose {
            say!("> {} {}", request.method.as_str(), masked(&request.url));
            for (name, value) in &request.headers {
                say!("> {name}: {}", masked(value));
            }
            if !request.body.is_empty() {
                say!("> {}", masked(&String::from_utf8_lossy(&request.body)));
            }
        }
        Box::pin(async move {
            let answer = self.network.send(request).await;
            if self.verbose {
                match &answer {
                    Ok(answer) => {
                        say!("< {}", answer.status);
                        for (name, value) in &answer.headers.0 {
                            say!("< {name}: {}", masked(value));
                        }
                        say!("< {}", masked(&String::from_utf8_lossy(&answer.body)));
                    }
                    Err(error) => say!("< {error}"),
                }
            }
            answer
        })
    }

    fn download(&self, request: Request, bytes_max: usize) -> Sent<'_> {
        if self.verbose {
            say!("> {} {}", request.method.as_str(), masked(&request.url));
        }
        Box::pin(async move {
            let answer = self.network.download(request, bytes_max).await;
            if self.verbose {
                match &answer {
                    Ok(answer) => say!("< {}, {} bytes", answer.status, answer.body.len()),
                    Err(error) => say!("< {error}"),
                }
            }
            answer
        })
    }
}

/// Names whose values are shown by their first four characters alone.
const SECRET: [&str; 13] = [
    "sign",
    "signature",
    "auth_code",
    "openid",
    "sub_openid",
    "sp_openid",
    "buyer_open_id",
    "buyer_id",
    "buyer_user_id",
    "app_auth_token",
    "ciphertext",
    "qrNo",
    "accNo",
];

/// A text with the values of secret members masked, whether it is JSON, a form or a header's list.
fn masked(text: &str) -> String {
    // A signature alone, as a header's value: base64 of 256 bytes.
    let is_base64 = |it: u8| it.is_ascii_alphanumeric() || b"+/=".contains(&it);
    if text.len() >= 300 && text.bytes().all(is_base64) {
        return format!("{}…", text.get(..4).unwrap_or_default());
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, name, value, after)) = next_secret(rest) {
        out.push_str(before);
        out.push_str(name);
        out.extend(value.chars().take(4));
        out.push('…');
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The next secret: what stands before it, its name up to the value, the value, and what follows.
fn next_secret(text: &str) -> Option<(&str, &str, &str, &str)> {
    const SEPARATORS: [&str; 4] = ["\":\"", "=\"", "%22%3A%22", "="];
    let mut first: Option<(usize, usize)> = None;
    for name in SECRET {
        for separator in SEPARATORS {
            let mark = format!("{name}{separator}");
            let mut from = 0;
            while let Some(found) = text.get(from..).and_then(|rest| rest.find(&mark)) {
                let at = from + found;
                from = at + mark.len();
                let before = text.get(..at).and_then(|text| text.bytes().next_back());
                let is_whole = before.is_none_or(|it| !it.is_ascii_alphanumeric() && it != b'_')
                    || text.get(..at).is_some_and(|text| text.ends_with("%22"));
                if is_whole && first.is_none_or(|(known, _)| at < known) {
                    first = Some((at, mark.len()));
                }
            }
        }
    }
    let (at, length) = first?;
    let begin = at + length;
    let value = text.get(begin..)?;
    let ends = value.find(['"', '&', ',', ' ']).into_iter().chain(value.find("%22")).min();
    let (value, after) = value.split_at(ends.unwrap_or(value.len()));
    Some((text.get(..at)?, text.get(at..begin)?, value, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        for (text, shown) in [
            (r#"{"sign":"abcdefgh","code":"10000"}"#, r#"{"sign":"abcd…","code":"10000"}"#),
            (r#"mchid="19",signature="abcdefgh",x="1""#, r#"mchid="19",signature="abcd…",x="1""#),
            ("a=1&sign=abcdefgh%3D&sign_type=RSA2", "a=1&sign=abcd…&sign_type=RSA2"),
            (
                r#"{"payer":{"auth_code":"130000000000000000"}}"#,
                r#"{"payer":{"auth_code":"1300…"}}"#,
            ),
            (
                "biz_content=%7B%22auth_code%22%3A%22280000%22%7D",
                "biz_content=%7B%22auth_code%22%3A%222800…%22%7D",
            ),
            (
                r#"{"openid":"oUpF8uMu","sub_openid":"x"}"#,
                r#"{"openid":"oUpF…","sub_openid":"x…"}"#,
            ),
            ("nothing", "nothing"),
        ] {
            assert_eq!(masked(text), shown);
        }
        assert_eq!(masked(&"A".repeat(344)), "AAAA…");
    }
}
