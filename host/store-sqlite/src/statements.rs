//! Statements, and their queries of the ledger's tables: where a time parts the chain, an account's balances after an
//! entry, and the merchant's own numbers.

use lezai_core::id::{MerchantId, OrderId, StatementId};
use lezai_core::ledger::Account;
use lezai_core::money::Currency;
use lezai_core::time::Timestamp;
use lezai_store::statements::{
    Chunk, PlanRecord, StatementReads, StatementRecord, StatementWrites,
};
use lezai_store::{BookedEntry, OrderRecord, Page, StoreError, View as _, id_range};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::ledger::{ENTRY, booked};
use super::tables::{PRUNED_CHUNKS, Sqlite, json, to_json};

pub(super) const TABLES: &str = "
CREATE TABLE statements (
  id TEXT PRIMARY KEY, merchant TEXT NOT NULL REFERENCES merchants, state TEXT NOT NULL, data TEXT NOT NULL
) STRICT;
CREATE INDEX statements_by_merchant ON statements (merchant, id);
CREATE INDEX statements_being_made ON statements (merchant) WHERE state = 'making';
CREATE TABLE statement_chunks (
  statement TEXT NOT NULL REFERENCES statements, begins INTEGER NOT NULL, kept_until_ms INTEGER NOT NULL, bytes BLOB NOT NULL,
  PRIMARY KEY (statement, begins)
) STRICT;
CREATE INDEX statement_chunks_by_age ON statement_chunks (kept_until_ms);
CREATE TABLE statement_plans (
  merchant TEXT NOT NULL REFERENCES merchants, name TEXT NOT NULL, data TEXT NOT NULL, PRIMARY KEY (merchant, name)
) STRICT, WITHOUT ROWID;
";

impl StatementReads for Sqlite<'_> {
    fn statement(
        &self,
        merchant: &MerchantId,
        id: &StatementId,
    ) -> Result<Option<StatementRecord>, StoreError> {
        let sql = "SELECT data FROM statements WHERE id = ?1 AND merchant = ?2";
        self.one(sql, [id.as_str(), merchant.as_str()], |row| json(row, 0))
    }

    fn statements(
        &self,
        merchant: &MerchantId,
        page: &Page<StatementId>,
    ) -> Result<Vec<StatementRecord>, StoreError> {
        let (from, before) = id_range(page, "stm_", StatementId::to_string);
        self.all(
            "SELECT data FROM statements WHERE merchant = ?1 AND id >= ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4",
            params![merchant.as_str(), from, before, page.limit.saturating_add(1)],
            |row| json(row, 0),
        )
    }

    fn statements_making(&self, merchant: &MerchantId) -> Result<u32, StoreError> {
        let sql = "SELECT count(*) FROM statements WHERE merchant = ?1 AND state = 'making'";
        Ok(self.one(sql, [merchant.as_str()], |row| Ok(row.get(0)?))?.unwrap_or_default())
    }

    fn statement_chunk(
        &self,
        _: &MerchantId,
        id: &StatementId,
        at: u64,
    ) -> Result<Option<Chunk>, StoreError> {
        let sql = "SELECT begins, opened('statement/' || statement || '/' || begins, bytes) FROM statement_chunks
                   WHERE statement = ?1 AND begins <= ?2 ORDER BY begins DESC LIMIT 1";
        self.one(sql, params![id.as_str(), at], |row| {
            Ok(Chunk { begins: row.get(0)?, gzip: row.get(1)? })
        })
    }

    fn statement_plan(
        &self,
        merchant: &MerchantId,
        name: &str,
    ) -> Result<Option<PlanRecord>, StoreError> {
        let sql = "SELECT data FROM statement_plans WHERE merchant = ?1 AND name = ?2";
        self.one(sql, [merchant.as_str(), name], |row| json(row, 0))
    }

    fn statement_plans(&self, merchant: &MerchantId) -> Result<Vec<PlanRecord>, StoreError> {
        let sql = "SELECT data FROM statement_plans WHERE merchant = ?1 ORDER BY name";
        self.all(sql, [merchant.as_str()], |row| json(row, 0))
    }

    fn entries_of(
        &self,
        merchant: &MerchantId,
        after: u64,
        until: u64,
        limit: u32,
    ) -> Result<Vec<BookedEntry>, StoreError> {
        let sql = format!(
            "{ENTRY} WHERE owner = ?1 AND number > ?2 AND number <= ?3 ORDER BY number LIMIT ?4"
        );
        self.all(&sql, params![merchant.as_str(), after, until, limit], booked)
    }

    fn entry_before(&self, _: &MerchantId, at: Timestamp) -> Result<u64, StoreError> {
        last_before(self.connection, at)
    }

    fn entry_hash(&self, _: &MerchantId, number: u64) -> Result<Option<String>, StoreError> {
        Ok(entry_head(self.connection, number)?.map(|(_, hash)| hash))
    }

    fn balances_after(
        &self,
        account: &Account,
        number: u64,
    ) -> Result<Vec<(Currency, i64)>, StoreError> {
        let known = balances_after(self.connection, account, number)?.into_iter();
        known
            .map(|(code, minor)| {
                let currency = Currency::from_code(&code);
                let currency = currency.map_err(|error| StoreError::Damaged(error.to_string()))?;
                Ok((currency, minor))
            })
            .collect()
    }

    fn orders_named(
        &self,
        _: &MerchantId,
        ids: &[OrderId],
    ) -> Result<Vec<OrderRecord>, StoreError> {
        let found: Result<Vec<_>, StoreError> = ids.iter().map(|id| self.order(id)).collect();
        Ok(found?.into_iter().flatten().collect())
    }

    fn refunds_before(
        &self,
        _: &MerchantId,
        order: &OrderId,
        number: u64,
    ) -> Result<u32, StoreError> {
        let sql = "SELECT count(*) FROM entries WHERE subject = ?1 AND kind = 'refund_request' AND number < ?2";
        let found = self.one(sql, params![order.as_str(), number], |row| Ok(row.get(0)?))?;
        Ok(found.unwrap_or_default())
    }
}

impl StatementWrites for Sqlite<'_> {
    fn insert_statement(&self, statement: &StatementRecord) -> Result<(), StoreError> {
        let sql = "INSERT INTO statements (id, merchant, state, data) VALUES (?1, ?2, ?3, ?4)";
        let StatementRecord { id, merchant, state, .. } = statement;
        let params = params![id.as_str(), merchant.as_str(), state.as_str(), to_json(statement)?];
        self.change(sql, params).map(drop)
    }

    fn update_statement(&self, statement: &StatementRecord) -> Result<(), StoreError> {
        let sql = "UPDATE statements SET state = ?2, data = ?3 WHERE id = ?1";
        let params = params![statement.id.as_str(), statement.state.as_str(), to_json(statement)?];
        self.change(sql, params).map(drop)
    }

    fn insert_statement_chunk(
        &self,
        statement: &StatementRecord,
        chunk: &Chunk,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO statement_chunks (statement, begins, kept_until_ms, bytes)
                   VALUES (?1, ?2, ?3, sealed('statement/' || ?1 || '/' || ?2, ?4))";
        let kept_until = statement.kept_until.as_ms();
        let params = params![statement.id.as_str(), chunk.begins, kept_until, chunk.gzip];
        self.change(sql, params).map(drop)
    }

    fn put_statement_plan(&self, plan: &PlanRecord) -> Result<(), StoreError> {
        let sql = "INSERT INTO statement_plans (merchant, name, data) VALUES (?1, ?2, ?3)
                   ON CONFLICT (merchant, name) DO UPDATE SET data = ?3";
        self.change(sql, params![plan.merchant.as_str(), plan.name, to_json(plan)?]).map(drop)
    }

    fn prune_statements(&self, now: Timestamp) -> Result<(), StoreError> {
        let sql = "DELETE FROM statement_chunks WHERE rowid IN
                   (SELECT rowid FROM statement_chunks WHERE kept_until_ms < ?1 LIMIT ?2)";
        self.change(sql, params![now.as_ms(), PRUNED_CHUNKS]).map(drop)
    }
}

/// The number of the last entry before a moment; 0 if there is none. Entries are in the order of time.
///
/// # Errors
///
/// [`StoreError`].
pub fn last_before(connection: &Connection, at: Timestamp) -> Result<u64, StoreError> {
    // Times rise with the numbers, so the largest of the earlier ones is found by halving.
    let (mut low, mut high) = (0_u64, last_number(connection)?);
    let mut time_of = connection.prepare_cached("SELECT at_ms FROM entries WHERE number = ?1")?;
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        let found: Option<i64> = time_of.query_row([middle], |row| row.get(0)).optional()?;
        if found.is_some_and(|it| it < at.as_ms()) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    Ok(low)
}

fn last_number(connection: &Connection) -> Result<u64, StoreError> {
    let sql = "SELECT coalesce(max(number), 0) FROM entries";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

/// The time and the hash of an entry; `None` if there is no such.
///
/// # Errors
///
/// [`StoreError`].
pub fn entry_head(
    connection: &Connection,
    number: u64,
) -> Result<Option<(Timestamp, String)>, StoreError> {
    let sql = "SELECT at_ms, hash FROM entries WHERE number = ?1";
    let row = connection
        .query_row(sql, [number], |row| Ok((Timestamp::from_ms(row.get(0)?), row.get(1)?)))
        .optional()?;
    Ok(row)
}

/// The balances of an account after an entry, each currency that ever moved on it, debits positive.
///
/// # Errors
///
/// [`StoreError`].
pub fn balances_after(
    connection: &Connection,
    account: &Account,
    number: u64,
) -> Result<Vec<(String, i64)>, StoreError> {
    // The table is in the order of time, and so are the numbers: the last row that is not later is the balance.
    let account = account.to_string();
    let mut currencies =
        connection.prepare_cached("SELECT DISTINCT currency FROM balances WHERE account = ?1")?;
    let currencies: Vec<String> =
        currencies.query_map([&account], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let at = entry_head(connection, number)?.map_or(i64::MIN, |(at, _)| at.as_ms());
    let mut last = connection.prepare_cached(
        "SELECT minor FROM balances WHERE account = ?1 AND currency = ?2 AND (at_ms, number) <= (?3, ?4)
         ORDER BY at_ms DESC, number DESC LIMIT 1",
    )?;
    let mut balances = Vec::new();
    for currency in currencies {
        let minor =
            last.query_row(params![account, currency, at, number], |row| row.get(0)).optional()?;
        balances.extend(minor.map(|minor| (currency, minor)));
    }
    Ok(balances)
}

/// The merchant's own number of an order, and of the refund that one of its entries asked for.
///
/// # Errors
///
/// [`StoreError`].
pub fn reference(
    connection: &Connection,
    order: &OrderId,
    refund_entry: Option<u64>,
) -> Result<String, StoreError> {
    let found: Option<String> = match refund_entry {
        None => {
            let mut sql =
                connection.prepare_cached("SELECT merchant_order_id FROM orders WHERE id = ?1")?;
            sql.query_row([order.as_str()], |row| row.get(0)).optional()?
        }
        Some(number) => {
            // An order's refunds are kept in the order in which they were asked for, and so are its entries.
            let mut sql = connection.prepare_cached(
                "SELECT json_extract(data, '$.refunds[' || (SELECT count(*) FROM entries
                   WHERE subject = ?1 AND kind = 'refund_request' AND number < ?2) || '].merchant_refund_id')
                 FROM orders WHERE id = ?1",
            )?;
            sql.query_row(params![order.as_str(), number], |row| row.get(0)).optional()?.flatten()
        }
    };
    Ok(found.unwrap_or_default())
}
