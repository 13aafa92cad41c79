//! Merchants' own accounts at channels, in PostgreSQL.

use lezai_core::id::MerchantId;
use lezai_store::StoreError;
use lezai_store::accounts::{AccountReads, AccountRecord, AccountWrites};
use tokio_postgres::Row;

use super::tables::{Postgres, damaged, get, id, owned, params, to_json};

const ACCOUNT: &str = "SELECT merchant, channel, version, data, credentials FROM merchant_accounts";

impl Postgres<'_> {
    fn account_record(&self, row: &Row) -> Result<AccountRecord, StoreError> {
        let (merchant, channel) = (id(row, 0, MerchantId::parse)?, get::<String>(row, 1)?);
        let version = u32::try_from(get::<i64>(row, 2)?).map_err(damaged)?;
        let credentials = self.open(&context(&merchant, &channel, version), get(row, 4)?)?;
        let shown = serde_json::from_str(get::<&str>(row, 3)?).map_err(damaged)?;
        Ok(AccountRecord { merchant, channel, version, shown, credentials })
    }
}

fn context(merchant: &MerchantId, channel: &str, version: u32) -> String {
    format!("account/{merchant}/{channel}/{version}")
}

impl AccountReads for Postgres<'_> {
    fn accounts(&self) -> Result<Vec<AccountRecord>, StoreError> {
        let sql = format!("{ACCOUNT} ORDER BY merchant, channel, version");
        self.all(&sql, params![], |row| self.account_record(row))
    }

    fn accounts_of(&self, merchant: &MerchantId) -> Result<Vec<AccountRecord>, StoreError> {
        let sql = format!("{ACCOUNT} WHERE merchant = $1 ORDER BY channel, version");
        self.all(&sql, params![merchant.as_str()], |row| self.account_record(row))
    }
}

impl AccountWrites for Postgres<'_> {
    fn put_account(&self, account: &AccountRecord) -> Result<(), StoreError> {
        let AccountRecord { channel, version, shown, credentials, .. } = account;
        let merchant = self.admit(&account.merchant)?;
        let context = context(&account.merchant, channel, *version);
        let credentials = self.seal(&context, credentials.clone())?;
        self.configured();
        self.later(
            "INSERT INTO merchant_accounts (merchant, channel, version, data, credentials) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (merchant, channel, version) DO UPDATE SET data = $4",
            owned![merchant, channel.clone(), i64::from(*version), to_json(shown)?, credentials],
        )
    }

    fn remove_account(
        &self,
        merchant: &MerchantId,
        channel: &str,
        version: u32,
    ) -> Result<bool, StoreError> {
        let merchant = self.admit(merchant)?;
        let sql =
            "DELETE FROM merchant_accounts WHERE merchant = $1 AND channel = $2 AND version = $3";
        self.configured();
        Ok(self.change(sql, params![merchant, channel, i64::from(version)])? == 1)
    }
}
