//! The common form of both sides before they are compared: one movement of money, and its compact form on disk.

use serde::{Deserialize, Serialize};

/// The longest reference that is compared. WeChat Pay's and Alipay's have up to 64 characters.
pub const KEY_MAX: usize = 128;

/// The kind of a movement, with the direction of money that belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Kind {
    /// A shopper paid.
    Payment = 0,
    /// A shopper got money back.
    Refund = 1,
    /// A payment was undone as a whole.
    Void = 2,
    /// The channel took its fee.
    Fee = 3,
    /// The channel gave a fee back.
    FeeReturn = 4,
    /// Money left the account for a payee.
    Payout = 5,
    /// A payout came back.
    PayoutReturn = 6,
    /// Shares of a payment went to others, or came back.
    Split = 7,
    /// Anything else that moved money.
    Other = 8,
    /// Money went from the account at the channel to the bank account of the same owner.
    Withdrawal = 9,
    /// A withdrawal came back.
    WithdrawalReturn = 10,
    /// A payer's bank took back what was debited.
    DebitReturn = 11,
}

impl Kind {
    /// Whether it is a channel's fee, taken or given back.
    pub fn is_fee(self) -> bool {
        matches!(self, Self::Fee | Self::FeeReturn)
    }

    /// Whether it goes between the account at the channel and the bank account, either way.
    pub fn is_withdrawal(self) -> bool {
        matches!(self, Self::Withdrawal | Self::WithdrawalReturn)
    }

    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::Payment,
        Self::Refund,
        Self::Void,
        Self::Fee,
        Self::FeeReturn,
        Self::Payout,
        Self::PayoutReturn,
        Self::Split,
        Self::Other,
        Self::Withdrawal,
        Self::WithdrawalReturn,
        Self::DebitReturn,
    ];

    /// The kind's name, as in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Refund => "refund",
            Self::Void => "void",
            Self::Fee => "fee",
            Self::FeeReturn => "fee_return",
            Self::Payout => "payout",
            Self::PayoutReturn => "payout_return",
            Self::Split => "split",
            Self::Other => "other",
            Self::Withdrawal => "withdrawal",
            Self::WithdrawalReturn => "withdrawal_return",
            Self::DebitReturn => "debit_return",
        }
    }

    /// Whether its money leaves; `None` where it may go either way.
    pub fn leaves(self) -> Option<bool> {
        match self {
            Self::Payment | Self::FeeReturn | Self::PayoutReturn => Some(false),
            Self::Refund | Self::Void | Self::Fee | Self::Payout | Self::DebitReturn => Some(true),
            // A withdrawal leaves the channel and arrives at the bank.
            Self::Split | Self::Other | Self::Withdrawal | Self::WithdrawalReturn => None,
        }
    }
}

/// How far a movement has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Status {
    /// Money moved.
    Done = 0,
    /// Asked for, not known to be done.
    Pending = 1,
    /// It will not happen.
    Failed = 2,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Done, Self::Pending, Self::Failed];

    /// The status's name, as in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Pending => "pending",
            Self::Failed => "failed",
        }
    }
}

/// Three capitals of ISO 4217, as bytes.
pub type CurrencyCode = [u8; 3];

/// One movement of money, as a bill or the books tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Movement<'a> {
    /// The reference that both sides know it by: the merchant's number of the order, the refund, the payout.
    pub key: &'a [u8],
    /// The kind of movement.
    pub kind: Kind,
    /// How far it has come.
    pub status: Status,
    /// Minor units; positive is money that came in.
    pub minor: i64,
    /// The currency.
    pub currency: CurrencyCode,
    /// The channel's fee in millionths of a minor unit, positive where it was taken; `None` where nobody says.
    pub fee_micro: Option<i64>,
    /// When, in milliseconds since the epoch.
    pub at_ms: i64,
    /// Which file of its side, counted from 0.
    pub file: u16,
    /// The line it begins on in that file, counted from 1.
    pub line: u64,
}

/// The bytes are not an encoded movement: the file of a partition was changed or cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a partition's file is damaged")]
pub struct Damaged;

/// Bytes of a movement beside its key.
const FIXED: usize = 1 + 1 + 1 + 8 + 3 + 8 + 8 + 2 + 8;
/// In the byte of kind and status: the fee is there.
const FEE: u8 = 0x80;

impl<'a> Movement<'a> {
    /// Appends the compact form.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let key = &self.key[..self.key.len().min(KEY_MAX)];
        // At most KEY_MAX, which fits.
        out.push(u8::try_from(key.len()).unwrap_or(u8::MAX));
        out.push(self.kind as u8);
        out.push(self.status as u8 | if self.fee_micro.is_some() { FEE } else { 0 });
        out.extend_from_slice(&self.minor.to_le_bytes());
        out.extend_from_slice(&self.currency);
        out.extend_from_slice(&self.fee_micro.unwrap_or_default().to_le_bytes());
        out.extend_from_slice(&self.at_ms.to_le_bytes());
        out.extend_from_slice(&self.file.to_le_bytes());
        out.extend_from_slice(&self.line.to_le_bytes());
        out.extend_from_slice(key);
    }

    /// Reads one from the front of some bytes, and says how many it took; `None` at their end.
    ///
    /// # Errors
    ///
    /// [`Damaged`] if they are not a movement.
    pub fn decode(bytes: &'a [u8]) -> Result<Option<(Self, usize)>, Damaged> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let (fixed, rest) = bytes.split_at_checked(FIXED).ok_or(Damaged)?;
        let [length, kind, status, numbers @ ..] = fixed else { return Err(Damaged) };
        let key = rest.get(..usize::from(*length)).ok_or(Damaged)?;
        let mut numbers = numbers;
        let minor = i64::from_le_bytes(take(&mut numbers)?);
        let currency = take(&mut numbers)?;
        let fee = i64::from_le_bytes(take(&mut numbers)?);
        let at_ms = i64::from_le_bytes(take(&mut numbers)?);
        let file = u16::from_le_bytes(take(&mut numbers)?);
        let line = u64::from_le_bytes(take(&mut numbers)?);
        let movement = Self {
            key,
            kind: *Kind::ALL.get(usize::from(*kind)).ok_or(Damaged)?,
            status: *Status::ALL.get(usize::from(status & !FEE)).ok_or(Damaged)?,
            minor,
            currency,
            fee_micro: (status & FEE != 0).then_some(fee),
            at_ms,
            file,
            line,
        };
        Ok(Some((movement, FIXED + key.len())))
    }

    /// A hash of the key that is the same on every machine and in every run: it says in which partition a
    /// movement lies. 64-bit FNV-1a by words, mixed at the end so that each bit depends on all.
    pub fn key_hash(&self) -> u64 {
        const PRIME: u64 = 0x0000_0100_0000_01b3;
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        let mut words = self.key.chunks_exact(8);
        for word in &mut words {
            let word = word.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
            hash = (hash ^ word).wrapping_mul(PRIME);
            hash ^= hash >> 32;
        }
        for byte in words.remainder() {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
        }
        // The finaliser of MurmurHash3.
        hash ^= hash >> 33;
        hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash ^= hash >> 33;
        hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        hash ^ hash >> 33
    }

    /// Where it stands among its side's, for an order that every run agrees on.
    pub fn place(&self) -> (u16, u64) {
        (self.file, self.line)
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], Damaged> {
    let (first, rest) = bytes.split_first_chunk::<N>().ok_or(Damaged)?;
    *bytes = rest;
    Ok(*first)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn movement(key: &[u8], fee_micro: Option<i64>, minor: i64) -> Movement<'_> {
        Movement {
            key,
            kind: Kind::Refund,
            status: Status::Pending,
            minor,
            currency: *b"CNY",
            fee_micro,
            at_ms: -5,
            file: 3,
            line: u64::MAX,
        }
    }

    #[test]
    fn kinds_and_statuses_are_numbered_as_they_are_listed() {
        for (number, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(kind as u8), number);
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        for (number, status) in Status::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(status as u8), number);
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
    }

    #[test]
    fn what_was_cut_is_damaged() {
        let mut bytes = Vec::new();
        movement(b"ord_1", Some(1), 2).encode(&mut bytes);
        for length in 1..bytes.len() {
            assert_eq!(Movement::decode(&bytes[..length]), Err(Damaged), "{length}");
        }
        bytes[1] = u8::try_from(Kind::ALL.len()).unwrap();
        assert_eq!(Movement::decode(&bytes), Err(Damaged));
        assert_eq!(Movement::decode(&[]), Ok(None));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            key in proptest::collection::vec(any::<u8>(), 0..=KEY_MAX),
            fee in any::<Option<i64>>(),
            minor in any::<i64>(),
        ) {
            let movement = movement(&key, fee, minor);
            let mut bytes = Vec::new();
            movement.encode(&mut bytes);
            let length = bytes.len();
            bytes.push(7);
            prop_assert_eq!(Movement::decode(&bytes), Ok(Some((movement, length))));
        }
    }
}
