//! Faults that `lezai ledger check` finds in a ledger, and the checks that its parts share.

use lezai_core::funds::payout::Payout;
use lezai_core::ledger::{Entry, without_debts};
use lezai_store::{BookedEntry, StoreError};

/// Why there is no report.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failed {
    /// The ledger does not say what happened.
    #[error("{0}")]
    Broken(Fault),
    /// The file cannot be read.
    #[error(transparent)]
    Unreadable(StoreError),
}

/// The first thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// An entry: the first in the chain that does not hold.
    #[error("entry {number}: {what}")]
    Entry {
        /// Its number, or the one it should have.
        number: u64,
        /// The fault, in words.
        what: String,
    },
    /// The file, or rows in it that belong to nothing.
    #[error("the file: {0}")]
    File(String),
    /// An order whose entry, or another row of it, is missing; all entries that there are hold.
    #[error("order {order}: {what}")]
    Order {
        /// Its id.
        order: String,
        /// The fault, in words.
        what: String,
    },
    /// A payout whose entry, or another row of it, is missing.
    #[error("payout {payout}: {what}")]
    Payout {
        /// Its id.
        payout: String,
        /// The fault, in words.
        what: String,
    },
    /// A batch of payouts that is not its payouts.
    #[error("payout batch {batch}: {what}")]
    PayoutBatch {
        /// Its id.
        batch: String,
        /// The fault, in words.
        what: String,
    },
    /// Something in one book of a database.
    #[error("book {book}: {fault}")]
    Book {
        /// Its number.
        book: i64,
        /// The fault.
        fault: Box<Fault>,
    },
    /// A settlement batch that is not what its entries say.
    #[error("settlement {batch}: {what}")]
    Batch {
        /// Its id.
        batch: String,
        /// The fault, in words.
        what: String,
    },
}

/// Why the walk over the rows ended early: a row that cannot be read back has no place yet.
pub(super) enum Stop {
    Store(StoreError),
    Fault(Fault),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Stop {
    /// A damaged record is a broken ledger; a database that does not answer says nothing of it.
    pub(super) fn at(self, place: impl FnOnce(String) -> Fault) -> Failed {
        match self {
            Self::Fault(fault) => Failed::Broken(fault),
            Self::Store(StoreError::Damaged(what)) => Failed::Broken(place(what)),
            Self::Store(error) => Failed::Unreadable(error),
        }
    }
}

/// Whether an entry is what the order calls for, whoever owes part of it.
pub(super) fn is(wanted: &Entry, booked: &BookedEntry) -> bool {
    wanted.kind() == booked.kind
        && without_debts(wanted.postings()) == without_debts(&booked.postings)
}

/// The entries that a payout calls for.
pub(super) fn called_for_by_payout(payout: &Payout) -> Result<Vec<Entry>, String> {
    payout.entries().map_err(|error| format!("payout {}: {error}", payout.terms.id))
}
