//! Which part of a file is wanted, and in which coding: `Range`, `If-Range` and `Accept-Encoding` (RFC 9110).

use http::{HeaderMap, HeaderName, header};

/// The part of a file that is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it.
    Whole,
    /// From the first place to the second.
    Of {
        /// The first byte.
        first: u64,
        /// The last one, which the file may not have.
        last: u64,
    },
    /// None: it begins behind the end.
    Beyond,
}

/// The part that is asked for of a file with a length and a strong entity tag. Several ranges, other units and what
/// cannot be read are answered with the whole file, as RFC 9110, section 14.2 has it.
pub(super) fn part(headers: &HeaderMap, length: u64, tag: &str) -> Part {
    let Some(range) = one(headers, &header::RANGE) else { return Part::Whole };
    if headers.contains_key(header::IF_RANGE) && one(headers, &header::IF_RANGE) != Some(tag) {
        return Part::Whole;
    }
    let Some((first, last)) =
        range.strip_prefix("bytes=").and_then(|it| it.trim().split_once('-')).filter(
            |(first, last)| [first, last].iter().all(|it| it.bytes().all(|b| b.is_ascii_digit())),
        )
    else {
        return Part::Whole;
    };
    // A number that no file is as long as is as good as the largest.
    let number = |text: &str| text.parse::<u64>().unwrap_or(u64::MAX);
    match (first, last) {
        ("", "") => Part::Whole,
        ("", suffix) => match number(suffix).min(length) {
            0 => Part::Beyond,
            suffix => Part::Of { first: length - suffix, last: length - 1 },
        },
        (first, _) if number(first) >= length => Part::Beyond,
        (first, "") => Part::Of { first: number(first), last: length - 1 },
        (first, last) if number(last) < number(first) => Part::Whole,
        (first, last) => Part::Of { first: number(first), last: number(last) },
    }
}

/// Whether gzip may be sent: it is named, or all codings are, with a weight above 0.
pub(super) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let fields = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|it| it.to_str().ok());
    let codings = fields.flat_map(|it| it.split(',')).map(|it| {
        let mut parts = it.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|it| it.strip_prefix("q=").or_else(|| it.strip_prefix("Q=")));
        let is_zero = weight.is_some_and(|it| it.bytes().all(|b| matches!(b, b'0' | b'.')));
        (name, !is_zero)
    });
    let codings: Vec<(String, bool)> = codings.collect();
    let named = |name: &str| codings.iter().find(|(it, _)| it == name).map(|(_, wanted)| *wanted);
    named("gzip").or_else(|| named("x-gzip")).or_else(|| named("*")).unwrap_or_default()
}

fn one<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_range_is_read_as_rfc_9110_has_it() {
        let of = |first, last| Part::Of { first, last };
        for (range, expected) in [
            ("bytes=0-0", of(0, 0)),
            ("bytes=0-99", of(0, 99)),
            ("bytes=5-1000", of(5, 1000)),
            ("bytes=99-", of(99, 99)),
            ("bytes=-1", of(99, 99)),
            ("bytes=-100", of(0, 99)),
            ("bytes=-99999999999999999999999", of(0, 99)),
            ("bytes=100-", Part::Beyond),
            ("bytes=100-100", Part::Beyond),
            ("bytes=99999999999999999999999-", Part::Beyond),
            ("bytes=-0", Part::Beyond),
            ("bytes=5-4", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("bytes=0-1,3-4", Part::Whole),
            ("lines=0-1", Part::Whole),
            ("", Part::Whole),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, HeaderValue::from_static(range));
            assert_eq!(part(&headers, 100, "\"a\""), expected, "{range}");
            headers.insert(header::IF_RANGE, HeaderValue::from_static("\"a\""));
            assert_eq!(part(&headers, 100, "\"a\""), expected, "{range}");
            assert_eq!(part(&headers, 100, "\"b\""), Part::Whole, "{range}");
            headers.append(header::RANGE, HeaderValue::from_static(range));
            assert_eq!(part(&headers, 100, "\"a\""), Part::Whole, "{range}");
        }
        assert_eq!(part(&HeaderMap::new(), 100, "\"a\""), Part::Whole);
    }

    #[test]
    fn gzip_is_sent_to_whoever_takes_it() {
        for (field, expected) in [
            ("gzip", true),
            ("GZIP", true),
            ("br, gzip;q=0.5", true),
            ("deflate, *", true),
            ("gzip;q=0, *", false),
            ("gzip; q=0.000", false),
            ("identity", false),
            ("", false),
            ("*;q=0", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(field));
            assert_eq!(accepts_gzip(&headers), expected, "{field}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
