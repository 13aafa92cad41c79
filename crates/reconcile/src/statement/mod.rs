//! Statements 对账单: what a merchant's books say between two entries of the ledger, line by line, in CSV or JSON
//! lines. Pure: the same lines give the same bytes, and a statement whose lines do not lead from its opening to its
//! closing balance is not finished.

pub mod booked;
mod cells;
mod columns;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::BTreeMap;
use std::io;

pub use cells::unguard;
pub use columns::{BadColumn, Columns};
pub use writer::{Progress, Total, Writer};

/// The kind of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `account.1`: opening balances, each movement of the merchant's accounts, closing balances.
    Account,
    /// `orders.1`: each payment, refund and void with gross, fee and net.
    Orders,
    /// `settlement.1`: settlement batches, each with opening, every line, closing, and what is paid of it.
    Settlement,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Account, Self::Orders, Self::Settlement];

    /// Its name with the version of its columns.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account.1",
            Self::Orders => "orders.1",
            Self::Settlement => "settlement.1",
        }
    }

    /// Its columns, in order. Each line has all of them; one that means nothing there is empty.
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Account => &[
                "record",
                "entry",
                "at",
                "kind",
                "reference",
                "order",
                "account",
                "movement_minor",
                "currency",
                "exponent",
                "amount",
                "balance_minor",
                "balance",
                "note",
            ],
            Self::Orders => &[
                "record",
                "entry",
                "at",
                "kind",
                "reference",
                "order",
                "gross_minor",
                "fee_minor",
                "net_minor",
                "currency",
                "exponent",
                "gross",
                "fee",
                "net",
                "note",
            ],
            Self::Settlement => &[
                "record",
                "settlement",
                "entry",
                "at",
                "kind",
                "reference",
                "order",
                "movement_minor",
                "currency",
                "exponent",
                "amount",
                "balance_minor",
                "balance",
                "note",
            ],
        }
    }
}

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// RFC 4180, UTF-8, a header, lines ended by CR LF.
    Csv,
    /// One object of JSON in each line.
    JsonLines,
}

impl Form {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Csv, Self::JsonLines];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
        }
    }
}

/// The scope of a statement.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The kind of statement.
    pub kind: Kind,
    /// Whose.
    pub merchant: &'a str,
    /// Entries after this one …
    pub after: u64,
    /// … up to and with this one.
    pub until: u64,
    /// Minutes east of Greenwich at a moment in milliseconds, for the times in it. It moves no line from one
    /// statement to another.
    pub offset: &'a dyn Fn(i64) -> i32,
}

/// A balance, seen from the merchant: positive is owed to it.
pub type Balances = BTreeMap<(String, String), i128>;

/// One line of [`Kind::Account`].
#[derive(Clone, Copy, Debug)]
pub struct AccountLine<'a> {
    /// The ledger's entry.
    pub entry: u64,
    /// The time of booking.
    pub at_ms: i64,
    /// The kind of entry.
    pub kind: &'a str,
    /// The merchant's own number.
    pub reference: &'a str,
    /// The order.
    pub order: &'a str,
    /// The account.
    pub account: &'a str,
    /// Minor units, positive in the merchant's favour.
    pub minor: i64,
    /// The currency.
    pub currency: &'a str,
}

/// One line of [`Kind::Orders`].
#[derive(Clone, Copy, Debug)]
pub struct OrderLine<'a> {
    /// The ledger's entry.
    pub entry: u64,
    /// The time of booking.
    pub at_ms: i64,
    /// The kind of movement.
    pub kind: &'a str,
    /// The merchant's own number of the order, or of the refund.
    pub reference: &'a str,
    /// The order.
    pub order: &'a str,
    /// The amount that the shopper paid, or its value in the settled currency; negative for one that went back.
    pub gross_minor: i64,
    /// The fee in it, negative for a fee that is given back.
    pub fee_minor: i64,
    /// The currency.
    pub currency: &'a str,
    /// The amount that the shopper paid in another currency, with that, if the order is settled in this one.
    pub paid: Option<(i64, &'a str)>,
    /// The columns of the merchant's plugin: names and values.
    pub own: &'a [(&'a str, &'a str)],
}

/// A batch of [`Kind::Settlement`].
#[derive(Clone, Copy, Debug)]
pub struct BatchLines<'a> {
    /// The batch.
    pub settlement: &'a str,
    /// The currency.
    pub currency: &'a str,
    /// The last entry of the batch before.
    pub after: u64,
    /// Its own last entry.
    pub until: u64,
    /// Its cut-off.
    pub cut_off_ms: i64,
    /// The merchant's balance before it.
    pub opening: i64,
    /// The merchant's balance after it.
    pub closing: i64,
}

/// One line of a batch.
#[derive(Clone, Copy, Debug)]
pub struct BatchLine<'a> {
    /// The ledger's entry.
    pub entry: u64,
    /// The time of booking.
    pub at_ms: i64,
    /// The kind of entry.
    pub kind: &'a str,
    /// The merchant's own number.
    pub reference: &'a str,
    /// The order or payout.
    pub order: &'a str,
    /// Minor units, positive in the merchant's favour.
    pub minor: i64,
}

/// The outcome of a batch.
#[derive(Clone, Copy, Debug)]
pub enum BatchEnd<'a> {
    /// A payout of an amount, with its fee.
    Paid {
        /// The payout.
        payout: &'a str,
        /// Its amount in minor units.
        minor: i64,
        /// Its fee in minor units.
        fee: i64,
    },
    /// All of it is the next batch's opening, and why.
    Carried(&'a str),
}

/// Why a statement was not finished.
#[derive(Debug, thiserror::Error)]
pub enum Unfinished {
    /// It cannot be written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Opening and lines do not give the closing balance: the ledger's tables contradict each other.
    #[error(
        "{account} in {currency}: opening and lines give {found}, the ledger says {said}; run `lezai ledger check`"
    )]
    DoesNotAddUp {
        /// The account.
        account: String,
        /// The currency.
        currency: String,
        /// The balance that the lines lead to.
        found: i128,
        /// The balance that stands in the ledger.
        said: i128,
    },
}
