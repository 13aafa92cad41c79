//! The double-entry ledger: accounts, postings, and a chain of hashes over the entries.
//!
//! An entry's postings sum to zero per currency, it is never changed, and it carries the hash of
//! the one before. Chart of accounts, with the sign of a usual balance (debit is positive):
//!
//! | account | kind | what it is |
//! |---|---|---|
//! | `channel_receivable:CHANNEL` | asset, + | paid by shoppers, still at the channel |
//! | `merchant_pending:MERCHANT` | liability, − | owed to a merchant, not yet settled |
//! | `merchant_held:MERCHANT` | liability, − | the same, held back because risk control wants a review |
//! | `merchant_available:MERCHANT` | liability, − | owed to a merchant and settled: hers to take out |
//! | `receiver_available:MERCHANT:RECEIVER` | liability, − | owed to whom a merchant shares with, and settled |
//! | `fee_income` | income, − | our fees |
//! | `refunds_in_flight` | liability, − | refunds and voids that a channel was asked for and has not confirmed |
//! | `payment_returns` | liability, − | received for orders that could not take it, owed back to shoppers |

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::sha256_hex;
use crate::id::{MerchantId, OrderId};
use crate::money::{Currency, Money};
use crate::time::Timestamp;

/// Where money is or to whom it is owed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// Paid by shoppers, still at the channel.
    ChannelReceivable(String),
    /// Owed to a merchant, not yet settled.
    MerchantPending(MerchantId),
    /// Owed to a merchant, held back for a review.
    MerchantHeld(MerchantId),
    /// Owed to a merchant and settled.
    MerchantAvailable(MerchantId),
    /// Owed to somebody that a merchant shares with, under the merchant's own name for her, and settled.
    ReceiverAvailable(MerchantId, String),
    /// Our fees.
    FeeIncome,
    /// Asked of a channel for shoppers, not yet confirmed.
    RefundsInFlight,
    /// Owed back to shoppers.
    PaymentReturns,
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ChannelReceivable(channel) => write!(f, "channel_receivable:{channel}"),
            Self::MerchantPending(merchant) => write!(f, "merchant_pending:{merchant}"),
            Self::MerchantHeld(merchant) => write!(f, "merchant_held:{merchant}"),
            Self::MerchantAvailable(merchant) => write!(f, "merchant_available:{merchant}"),
            // A merchant's id has no colon; the receiver is the rest, whatever is in it.
            Self::ReceiverAvailable(merchant, receiver) => {
                write!(f, "receiver_available:{merchant}:{receiver}")
            }
            Self::FeeIncome => f.write_str("fee_income"),
            Self::RefundsInFlight => f.write_str("refunds_in_flight"),
            Self::PaymentReturns => f.write_str("payment_returns"),
        }
    }
}

/// One side of an entry: minor units added to an account, debits positive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// The account.
    pub account: Account,
    /// Minor units; negative is a credit.
    pub minor: i64,
    /// The currency.
    pub currency: Currency,
}

/// What an entry books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An order was paid.
    Payment,
    /// A payment became the merchant's to take out.
    Settlement,
    /// A refund was asked of the channel.
    RefundRequest,
    /// The refund went through.
    Refund,
    /// The refund failed.
    RefundFailure,
    /// A void was asked of the channel.
    VoidRequest,
    /// The void went through.
    Void,
    /// The void was refused.
    VoidFailure,
    /// Money came for an order that could not take it.
    UnexpectedPayment,
    /// That money went back.
    PaymentReturn,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Payment,
        Self::Settlement,
        Self::RefundRequest,
        Self::Refund,
        Self::RefundFailure,
        Self::VoidRequest,
        Self::Void,
        Self::VoidFailure,
        Self::UnexpectedPayment,
        Self::PaymentReturn,
    ];

    /// The kind's name, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Settlement => "settlement",
            Self::RefundRequest => "refund_request",
            Self::Refund => "refund",
            Self::RefundFailure => "refund_failure",
            Self::VoidRequest => "void_request",
            Self::Void => "void",
            Self::VoidFailure => "void_failure",
            Self::UnexpectedPayment => "unexpected_payment",
            Self::PaymentReturn => "payment_return",
        }
    }
}

/// Postings that balance. Only the functions here make one, so an entry that does not balance
/// cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    kind: Kind,
    postings: Vec<Posting>,
}

/// A currency's postings do not sum to zero.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the postings in {0} do not sum to zero")]
pub struct Unbalanced(Currency);

impl Entry {
    /// # Errors
    ///
    /// [`Unbalanced`] if a currency's postings do not sum to zero.
    pub fn new(kind: Kind, postings: Vec<Posting>) -> Result<Self, Unbalanced> {
        for posting in &postings {
            let same = postings.iter().filter(|it| it.currency == posting.currency);
            if same.map(|it| i128::from(it.minor)).sum::<i128>() != 0 {
                return Err(Unbalanced(posting.currency));
            }
        }
        Ok(Self { kind, postings })
    }

    /// Amounts moved from the accounts that are credited to those that are debited. Nothing is not moved.
    ///
    /// `None` if it does not balance.
    pub(crate) fn transfer(
        kind: Kind,
        debits: impl IntoIterator<Item = (Account, Money)>,
        credits: impl IntoIterator<Item = (Account, Money)>,
    ) -> Option<Self> {
        let posting = |sign: i64| {
            move |(account, amount): (Account, Money)| Posting {
                account,
                minor: sign * amount.minor(),
                currency: amount.currency(),
            }
        };
        let debits = debits.into_iter().map(posting(1));
        let postings = debits.chain(credits.into_iter().map(posting(-1)));
        Self::new(kind, postings.filter(|it| it.minor != 0).collect()).ok()
    }

    /// What it books.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its sides.
    pub fn postings(&self) -> &[Posting] {
        &self.postings
    }

    /// The entry's hash in the chain: SHA-256 in hex over a text that anyone can write down again,
    /// one line each for version, hash of the entry before (64 zeros for the first), number,
    /// milliseconds, order and kind, then one for each posting.
    pub fn hash(&self, previous: &str, number: u64, at: Timestamp, order: &OrderId) -> String {
        let mut text = format!(
            "lezai-ledger-1\n{previous}\n{number}\n{}\n{order}\n{}\n",
            at.as_ms(),
            self.kind.as_str()
        );
        for Posting { account, minor, currency } in &self.postings {
            text.push_str(&format!("{account} {minor} {currency}\n"));
        }
        sha256_hex(text.as_bytes())
    }
}

/// The hash "before" the first entry.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

#[cfg(test)]
mod tests {
    use super::*;

    fn posting(minor: i64, code: &str) -> Posting {
        Posting { account: Account::FeeIncome, minor, currency: Currency::from_code(code).unwrap() }
    }

    #[test]
    fn only_what_balances_is_an_entry() {
        let rows: [(&[(i64, &str)], bool); 6] = [
            (&[], true),
            (&[(5, "CNY"), (-5, "CNY")], true),
            (&[(5, "CNY"), (-5, "CNY"), (1, "JPY"), (-1, "JPY")], true),
            (&[(5, "CNY"), (-5, "JPY")], false),
            (&[(5, "CNY"), (-4, "CNY")], false),
            (&[(i64::MAX, "CNY"), (i64::MAX, "CNY"), (2, "CNY")], false),
        ];
        for (postings, good) in rows {
            let postings = postings.iter().map(|(minor, code)| posting(*minor, code)).collect();
            assert_eq!(Entry::new(Kind::Payment, postings).is_ok(), good);
        }
    }

    #[test]
    fn the_hash_is_sha_256_of_the_text_in_the_docs() {
        let entry = Entry::new(Kind::Payment, vec![posting(5, "CNY"), posting(-5, "CNY")]).unwrap();
        let order = OrderId::new(Timestamp::from_ms(1), [0; 10]);
        let text = format!(
            "lezai-ledger-1\n{GENESIS}\n1\n1\n{order}\npayment\nfee_income 5 CNY\nfee_income -5 CNY\n"
        );
        assert_eq!(
            entry.hash(GENESIS, 1, Timestamp::from_ms(1), &order),
            sha256_hex(text.as_bytes())
        );
    }
}
