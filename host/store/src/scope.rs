//! Whose rows a job writes.

use lezai_core::digest::sha256_hex;
use lezai_core::id::MerchantId;

use crate::StoreError;

/// Whose rows a job writes. It says which jobs wait for which, on however many nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One merchant's. Its jobs run one after another, and each sees what those before it committed: what a job read
    /// is still so when it commits.
    Merchant(MerchantId),
    /// The gateway's own settings, and what all merchants share. These jobs run one after another, too.
    Gateway,
    /// Tasks that are claimed and noted, rows that are forgotten with age: these jobs may run beside one another and
    /// beside all others, and decide upon nothing that they read.
    Background,
}

impl Scope {
    /// Checks that a job of this scope may write a row of the merchant's.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`]: a job that writes another's rows does not wait for that one's jobs.
    pub fn admit(&self, merchant: &MerchantId) -> Result<(), StoreError> {
        match self {
            Self::Merchant(own) if own == merchant => Ok(()),
            _ => Err(StoreError::Damaged(format!("a job of {self:?} writes a row of {merchant}"))),
        }
    }
}

/// The book that a merchant's entries are in, of so many: always the same.
pub fn book_of(merchant: &MerchantId, books: u32) -> u32 {
    let digest = sha256_hex(merchant.as_str().as_bytes());
    let number = u32::from_str_radix(digest.get(..8).unwrap_or("0"), 16).unwrap_or_default();
    number % books.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_writes_its_own_rows_alone() {
        let [tea, rice] = ["m_tea", "m_rice"].map(|id| MerchantId::parse(id).unwrap());
        assert!(Scope::Merchant(tea.clone()).admit(&tea).is_ok());
        for scope in [Scope::Merchant(rice), Scope::Gateway, Scope::Background] {
            assert!(scope.admit(&tea).is_err(), "{scope:?}");
        }
    }

    #[test]
    fn merchants_are_spread_over_the_books_for_good() {
        let books: std::collections::BTreeSet<u32> =
            (0..400).map(|n| book_of(&MerchantId::parse(&format!("m_{n}")).unwrap(), 16)).collect();
        assert_eq!(books.len(), 16);
        let demo = MerchantId::parse("m_demo").unwrap();
        // A change of these would put merchants into other books than their entries are in.
        assert_eq!([book_of(&demo, 1), book_of(&demo, 16)], [0, 6]);
    }
}
