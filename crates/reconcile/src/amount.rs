//! Decimals as bills write them, read exactly: `0.57000` stays what it says, to the last digit.

/// How many decimals a minor unit is counted in where fees are: WeChat Pay's have three more than the fen.
pub const MICRO_DECIMALS: u32 = 6;

/// Millionths of a minor unit in one.
pub const MICRO: i64 = 1_000_000;

/// Why a cell is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAnAmount {
    /// Not digits with at most one point and one sign.
    Malformed,
    /// A digit other than zero stands behind the smallest unit that is counted.
    TooFine,
    /// More than the number holds.
    TooLarge,
}

/// A decimal in major units as whole units of `10^-decimals`: `-0.57000` with 2 is -57. Nothing is rounded.
///
/// # Errors
///
/// See [`NotAnAmount`].
pub fn parse(text: &[u8], decimals: u32) -> Result<i64, NotAnAmount> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let mut value: i64 = 0;
    let mut wanted = decimals;
    let mut point = false;
    let mut any = false;
    let mut too_fine = false;
    for byte in digits {
        match byte {
            b'0'..=b'9' => {
                any = true;
                let digit = i64::from(byte - b'0');
                if point && wanted == 0 {
                    too_fine |= digit != 0;
                    continue;
                }
                if point {
                    wanted -= 1;
                }
                value = value
                    .checked_mul(10)
                    .and_then(|value| value.checked_add(digit))
                    .ok_or(NotAnAmount::TooLarge)?;
            }
            b'.' if !point && any => point = true,
            _ => return Err(NotAnAmount::Malformed),
        }
    }
    if !any || digits.last() == Some(&b'.') {
        return Err(NotAnAmount::Malformed);
    }
    if too_fine {
        return Err(NotAnAmount::TooFine);
    }
    let value = 10_i64
        .checked_pow(wanted)
        .and_then(|scale| value.checked_mul(scale))
        .ok_or(NotAnAmount::TooLarge)?;
    Ok(if negative { -value } else { value })
}

/// Minor units in major ones: -12800 with 2 decimals is `-128.00`, with none `-12800`.
pub fn major(minor: i128, decimals: u32) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let digits = minor.unsigned_abs();
    let Some(scale) = 10_u128.checked_pow(decimals).filter(|_| decimals > 0) else {
        return format!("{sign}{digits}");
    };
    let width = usize::try_from(decimals).unwrap_or_default();
    format!("{sign}{}.{:0width$}", digits / scale, digits % scale)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decimals_are_read_exactly_or_refused() {
        for (text, decimals, value) in [
            ("0.57000", 2, Ok(57)),
            ("0.57000", 8, Ok(57_000_000)),
            ("0.57001", 2, Err(NotAnAmount::TooFine)),
            ("0.57001", 8, Ok(57_001_000)),
            ("0", 2, Ok(0)),
            ("-0", 2, Ok(0)),
            ("7", 2, Ok(700)),
            ("-7.5", 2, Ok(-750)),
            ("+7.5", 2, Ok(750)),
            ("20.0", 0, Ok(20)),
            ("1280", 0, Ok(1280)),
            ("0.001", 3, Ok(1)),
            ("92233720368547758.07", 2, Ok(i64::MAX)),
            ("92233720368547758.08", 2, Err(NotAnAmount::TooLarge)),
            ("99999999999999999999", 0, Err(NotAnAmount::TooLarge)),
            ("", 2, Err(NotAnAmount::Malformed)),
            ("-", 2, Err(NotAnAmount::Malformed)),
            (".", 2, Err(NotAnAmount::Malformed)),
            (".5", 2, Err(NotAnAmount::Malformed)),
            ("5.", 2, Err(NotAnAmount::Malformed)),
            ("1.2.3", 2, Err(NotAnAmount::Malformed)),
            ("1,200.00", 2, Err(NotAnAmount::Malformed)),
            ("4.00123E+27", 2, Err(NotAnAmount::Malformed)),
            ("--1", 2, Err(NotAnAmount::Malformed)),
            (" 1", 2, Err(NotAnAmount::Malformed)),
            ("１", 2, Err(NotAnAmount::Malformed)),
            ("NaN", 2, Err(NotAnAmount::Malformed)),
        ] {
            assert_eq!(parse(text.as_bytes(), decimals), value, "{text} with {decimals}");
        }
    }

    #[test]
    fn a_million_times_a_tenth_and_two_tenths_is_thirty_thousand() {
        let (one, two) = (parse(b"0.1", 2).unwrap(), parse(b"0.2", 2).unwrap());
        let sum: i128 = (0..1_000_000_i128).map(|_| i128::from(one) + i128::from(two)).sum();
        assert_eq!(major(sum, 2), "300000.00");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(minor in -i64::MAX..=i64::MAX, decimals in 0..5_u32) {
            prop_assert_eq!(parse(major(i128::from(minor), decimals).as_bytes(), decimals), Ok(minor));
        }
    }
}
