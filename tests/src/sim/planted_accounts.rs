//! Merchants' own accounts through the layer that has the planted bugs.

use lezai_core::id::MerchantId;
use lezai_store::{AccountReads, AccountRecord, AccountWrites, StoreError};

use super::planted::Layer;

impl AccountReads for Layer<'_> {
    fn accounts(&self) -> Result<Vec<AccountRecord>, StoreError> {
        self.tx.accounts()
    }
    fn accounts_of(&self, merchant: &MerchantId) -> Result<Vec<AccountRecord>, StoreError> {
        self.tx.accounts_of(merchant)
    }
}

impl AccountWrites for Layer<'_> {
    fn put_account(&self, account: &AccountRecord) -> Result<(), StoreError> {
        self.scope.admit(&account.merchant)?;
        self.tx.put_account(account)
    }
    fn remove_account(
        &self,
        merchant: &MerchantId,
        channel: &str,
        version: u32,
    ) -> Result<bool, StoreError> {
        self.scope.admit(merchant)?;
        self.tx.remove_account(merchant, channel, version)
    }
}
