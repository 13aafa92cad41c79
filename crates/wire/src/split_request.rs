//! Shares, splits and their returns as a merchant asks for them, read and bounded.

use lezai_core::money::MAX_MINOR;
use lezai_core::order::SplitMode;
use lezai_core::policy::answer::MAX_SHARES;
use lezai_core::policy::is_receiver;

use crate::json::{Field, Invalid, Object};
use crate::number::number;

/// A part of an order that a merchant wants somebody to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewShare {
    /// The merchant's name for who gets it.
    pub receiver: String,
    /// How much, in minor units of the order's currency; more than zero.
    pub minor: i64,
}

/// A merchant's wish for a split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSplit {
    /// The merchant's own number.
    pub merchant_split_id: String,
    /// The shares: at least one, each of another receiver.
    pub shares: Vec<NewShare>,
    /// How it is to end if some shares cannot be.
    pub mode: SplitMode,
    /// Whether what is left is the merchant's once it is done.
    pub finish: bool,
}

impl NewSplit {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// [`Invalid`], with the field at fault.
    pub fn parse(body: &[u8]) -> Result<Self, Invalid> {
        let mut body = Object::parse(body)?;
        let split = Self {
            merchant_split_id: body
                .required("merchant_split_id", |field| field.parsed(1..=64, number))?,
            shares: body.required("shares", some_shares)?,
            mode: body
                .optional("mode", |field| field.one_of(&MODES))?
                .unwrap_or(SplitMode::AllOrNothing),
            finish: body.optional("finish", truth)?.unwrap_or_default(),
        };
        body.finish()?;
        Ok(split)
    }
}

/// A merchant's wish to have a share given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReturn {
    /// The merchant's own number.
    pub merchant_return_id: String,
    /// The receiver of the share.
    pub receiver: String,
    /// How much of it, in minor units of the order's currency; more than zero.
    pub minor: i64,
}

impl NewReturn {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// [`Invalid`], with the field at fault.
    pub fn parse(body: &[u8]) -> Result<Self, Invalid> {
        let mut body = Object::parse(body)?;
        let wish = Self {
            merchant_return_id: body
                .required("merchant_return_id", |field| field.parsed(1..=64, number))?,
            receiver: body.required("receiver", |field| field.parsed(1..=64, receiver))?,
            minor: body.required("amount", |field| field.integer(1..=MAX_MINOR))?,
        };
        body.finish()?;
        Ok(wish)
    }
}

const MODES: [(&str, SplitMode); 2] =
    [("all_or_nothing", SplitMode::AllOrNothing), ("partial", SplitMode::Partial)];

/// A receiver's name, as plugins and merchants give it.
///
/// # Errors
///
/// If it has other characters, or too many.
pub fn receiver(text: &str) -> Result<String, &'static str> {
    if is_receiver(text) {
        Ok(text.to_owned())
    } else {
        Err("not 1 to 64 of A-Z, a-z, 0-9 and _ . : -")
    }
}

/// Shares of different receivers, at most as many as a plugin may name.
///
/// # Errors
///
/// [`Invalid`], with the field at fault.
pub fn shares(field: Field) -> Result<Vec<NewShare>, Invalid> {
    let mut shares: Vec<NewShare> = Vec::new();
    for item in field.list(MAX_SHARES)? {
        let twice = item.invalid("names a receiver that has a share already");
        let mut object = item.object()?;
        let share = NewShare {
            receiver: object.required("receiver", |field| field.parsed(1..=64, receiver))?,
            minor: object.required("amount", |field| field.integer(1..=MAX_MINOR))?,
        };
        object.finish()?;
        if shares.iter().any(|it| it.receiver == share.receiver) {
            return Err(twice);
        }
        shares.push(share);
    }
    Ok(shares)
}

fn some_shares(field: Field) -> Result<Vec<NewShare>, Invalid> {
    let none = field.invalid("must have a share at least");
    let shares = shares(field)?;
    if shares.is_empty() { Err(none) } else { Ok(shares) }
}

fn truth(field: Field) -> Result<bool, Invalid> {
    let neither = field.invalid("must be true or false");
    field.value().as_bool().ok_or(neither)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_is_read_strictly() {
        let read = |shares: &str, rest: &str| {
            let body = format!(r#"{{"merchant_split_id":"S-1","shares":{shares}{rest}}}"#);
            match NewSplit::parse(body.as_bytes()) {
                Ok(it) => format!("{} {} {}", it.shares.len(), it.mode.as_str(), it.finish),
                Err(invalid) => format!("{}: {}", invalid.field, invalid.detail),
            }
        };
        const TEA: &str = r#"[{"receiver":"tea","amount":1}]"#;
        let many: Vec<String> =
            (0..17).map(|n| format!(r#"{{"receiver":"r{n}","amount":1}}"#)).collect();
        let list = |count: usize| format!("[{}]", many[..count].join(","));
        for (shares, rest, expected) in [
            (TEA, "", "1 all_or_nothing false"),
            (TEA, r#","mode":"partial","finish":true"#, "1 partial true"),
            (&list(16), "", "16 all_or_nothing false"),
            (&list(17), "", "shares: shares must have at most 16 members"),
            ("[]", "", "shares: shares must have a share at least"),
            (TEA, r#","finish":1"#, "finish: finish must be true or false"),
            (TEA, r#","mode":"some""#, "mode: mode must be one of all_or_nothing, partial"),
            (
                r#"[{"receiver":"tea","amount":1},{"receiver":"tea","amount":2}]"#,
                "",
                "shares[1]: shares[1] names a receiver that has a share already",
            ),
            (
                r#"[{"receiver":"tea","amount":0}]"#,
                "",
                "shares[0].amount: shares[0].amount must be a whole number from 1 to 9007199254740991",
            ),
            (
                r#"[{"receiver":"t a","amount":1}]"#,
                "",
                "shares[0].receiver: shares[0].receiver is not 1 to 64 of A-Z, a-z, 0-9 and _ . : -",
            ),
        ] {
            assert_eq!(read(shares, rest), expected, "{shares} {rest}");
        }
    }

    #[test]
    fn a_return_is_read_strictly() {
        let read = |body: &str| match NewReturn::parse(body.as_bytes()) {
            Ok(it) => format!("{} {} {}", it.merchant_return_id, it.receiver, it.minor),
            Err(invalid) => invalid.detail,
        };
        for (body, expected) in [
            (r#"{"merchant_return_id":"T-1","receiver":"tea","amount":5}"#, "T-1 tea 5"),
            (r#"{"merchant_return_id":"T-1","receiver":"tea"}"#, "amount is required"),
            (r#"{"merchant_return_id":"T-1","amount":5}"#, "receiver is required"),
            (
                r#"{"merchant_return_id":"T-1","receiver":"tea","amount":5,"all":true}"#,
                "there is no field all",
            ),
        ] {
            assert_eq!(read(body), expected, "{body}");
        }
    }
}
