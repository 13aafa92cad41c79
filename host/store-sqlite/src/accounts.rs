//! Merchants' own accounts at channels, in SQLite.

use lezai_core::id::MerchantId;
use lezai_store::StoreError;
use lezai_store::accounts::{AccountReads, AccountRecord, AccountWrites};
use rusqlite::{Row, params};

use super::tables::{Sqlite, id, json, to_json};

pub(super) const TABLES: &str = "
CREATE TABLE merchant_accounts (
  merchant TEXT NOT NULL REFERENCES merchants, channel TEXT NOT NULL, version INTEGER NOT NULL, data TEXT NOT NULL,
  credentials TEXT NOT NULL, PRIMARY KEY (merchant, channel, version)
) STRICT;
";

const ACCOUNT: &str = "SELECT merchant, channel, version, data,
    opened('account/' || merchant || '/' || channel || '/' || version, credentials) FROM merchant_accounts";

fn record(row: &Row<'_>) -> Result<AccountRecord, StoreError> {
    Ok(AccountRecord {
        merchant: id(row, 0, MerchantId::parse)?,
        channel: row.get(1)?,
        version: row.get(2)?,
        shown: json(row, 3)?,
        credentials: row.get(4)?,
    })
}

impl AccountReads for Sqlite<'_> {
    fn accounts(&self) -> Result<Vec<AccountRecord>, StoreError> {
        self.all(&format!("{ACCOUNT} ORDER BY merchant, channel, version"), [], record)
    }

    fn accounts_of(&self, merchant: &MerchantId) -> Result<Vec<AccountRecord>, StoreError> {
        let sql = format!("{ACCOUNT} WHERE merchant = ?1 ORDER BY channel, version");
        self.all(&sql, [merchant.as_str()], record)
    }
}

impl AccountWrites for Sqlite<'_> {
    fn put_account(&self, account: &AccountRecord) -> Result<(), StoreError> {
        let AccountRecord { merchant, channel, version, shown, credentials } = account;
        let sql = "INSERT INTO merchant_accounts (merchant, channel, version, data, credentials)
             VALUES (?1, ?2, ?3, ?4, sealed('account/' || ?1 || '/' || ?2 || '/' || ?3, ?5))
             ON CONFLICT (merchant, channel, version) DO UPDATE SET data = ?4";
        let params = params![merchant.as_str(), channel, version, to_json(shown)?, credentials];
        self.change(sql, params).map(drop)
    }

    fn remove_account(
        &self,
        merchant: &MerchantId,
        channel: &str,
        version: u32,
    ) -> Result<bool, StoreError> {
        let sql =
            "DELETE FROM merchant_accounts WHERE merchant = ?1 AND channel = ?2 AND version = ?3";
        Ok(self.change(sql, params![merchant.as_str(), channel, version])? == 1)
    }
}
