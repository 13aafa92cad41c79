//! Merchants' own accounts at channels, as they are kept: each change of one is a version of its own.

use lezai_core::id::MerchantId;
use lezai_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::StoreError;

/// One version of a merchant's own account at a channel. It cannot be printed, for it holds secrets.
#[derive(Clone)]
pub struct AccountRecord {
    /// Whose it is.
    pub merchant: MerchantId,
    /// The channel.
    pub channel: String,
    /// 1 for the first of the merchant's at the channel, and one more for each that follows.
    pub version: u32,
    /// The part of it that may be shown.
    pub shown: AccountShown,
    /// Settings and files as JSON: sealed where they are kept.
    pub credentials: String,
}

/// The part of an account that may be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountShown {
    /// The account as the channel names it: another version of its keys is the same account.
    pub account: String,
    /// The fingerprint of its key.
    pub fingerprint: String,
    /// Whether it is bound to the platform's own account, as a service provider's merchant.
    #[serde(default)]
    pub bound: bool,
    /// Whether the platform's account takes what this one does not.
    #[serde(default)]
    pub platform_fallback: bool,
    /// When it was put.
    pub put_at: Timestamp,
    /// Since when nothing new is paid to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_at: Option<Timestamp>,
}

/// Reads of accounts.
pub trait AccountReads {
    /// Every version of every merchant's accounts.
    fn accounts(&self) -> Result<Vec<AccountRecord>, StoreError>;
    /// Every version of one merchant's accounts, the oldest first of each channel.
    fn accounts_of(&self, merchant: &MerchantId) -> Result<Vec<AccountRecord>, StoreError>;
}

/// Writes of accounts.
pub trait AccountWrites: AccountReads {
    /// A new version, or one as it is now.
    fn put_account(&self, account: &AccountRecord) -> Result<(), StoreError>;
    /// A version is gone, with its secrets. `false` if there was none.
    fn remove_account(
        &self,
        merchant: &MerchantId,
        channel: &str,
        version: u32,
    ) -> Result<bool, StoreError>;
}
