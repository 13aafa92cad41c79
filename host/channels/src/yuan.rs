//! Amounts as Alipay writes them: yuan with two decimals. Ours are whole fen.

/// Fen as yuan: 1 is `0.01`.
pub fn from_fen(fen: i64) -> String {
    format!("{}.{:02}", fen / 100, fen % 100)
}

/// Yuan as fen. None for anything but digits with at most two decimals, or more than 2^53 - 1 fen.
pub fn to_fen(yuan: &str) -> Option<i64> {
    let (whole, part) = yuan.split_once('.').unwrap_or((yuan, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let fits = (1..=14).contains(&whole.len()) && part.len() <= 2;
    if !fits || !is_digits(whole) || !is_digits(part) || (yuan.contains('.') && part.is_empty()) {
        return None;
    }
    let fen = whole.parse::<i64>().ok()?.checked_mul(100)?;
    let part = if part.is_empty() { 0 } else { format!("{part:0<2}").parse::<i64>().ok()? };
    fen.checked_add(part).filter(|fen| *fen < 1 << 53)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yuan_and_fen() {
        for (fen, yuan) in [(1, "0.01"), (10, "0.10"), (100, "1.00"), (8_888, "88.88"), (0, "0.00")]
        {
            assert_eq!(from_fen(fen), yuan);
            assert_eq!(to_fen(yuan), Some(fen));
        }
        for (yuan, fen) in
            [("88.8", 8_880), ("88", 8_800), ("0.1", 10), ("100000000.00", 10_000_000_000)]
        {
            assert_eq!(to_fen(yuan), Some(fen), "{yuan}");
        }
        for wrong in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "+1",
            "1.234",
            "1e2",
            "1,00",
            "１",
            " 1",
            "1 ",
            "0x1",
            "99999999999999.99",
        ] {
            assert_eq!(to_fen(wrong), None, "{wrong}");
        }
    }
}
