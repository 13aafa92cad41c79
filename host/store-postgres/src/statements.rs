//! Merchants' statements and their plans in PostgreSQL. A statement is a range of its merchant's book.

use lezai_core::id::{MerchantId, OrderId, StatementId};
use lezai_core::ledger::Account;
use lezai_core::money::Currency;
use lezai_core::time::Timestamp;
use lezai_store::statements::{
    Chunk, PlanRecord, StatementReads, StatementRecord, StatementWrites,
};
use lezai_store::{BookedEntry, OrderRecord, Page, StoreError, book_of, id_range};

use super::ledger::{ENTRY, booked};
use super::records::ORDER;
use super::tables::{PRUNED_CHUNKS, Postgres, count, get, json, number, owned, params, to_json};

fn place(statement: &StatementId, begins: u64) -> String {
    format!("statement/{statement}/{begins}")
}

impl StatementReads for Postgres<'_> {
    fn statement(
        &self,
        merchant: &MerchantId,
        id: &StatementId,
    ) -> Result<Option<StatementRecord>, StoreError> {
        let sql = "SELECT data FROM statements WHERE merchant = $1 AND id = $2";
        self.one(sql, params![merchant.as_str(), id.as_str()], |row| json(row, 0))
    }

    fn statements(
        &self,
        merchant: &MerchantId,
        page: &Page<StatementId>,
    ) -> Result<Vec<StatementRecord>, StoreError> {
        let (from, before) = id_range(page, "stm_", StatementId::to_string);
        self.all(
            "SELECT data FROM statements WHERE merchant = $1 AND id >= $2 AND id < $3 ORDER BY id DESC LIMIT $4",
            params![merchant.as_str(), from, before, i64::from(page.limit) + 1],
            |row| json(row, 0),
        )
    }

    fn statements_making(&self, merchant: &MerchantId) -> Result<u32, StoreError> {
        let sql = "SELECT count(*) FROM statements WHERE merchant = $1 AND state = 'making'";
        Ok(self.one(sql, params![merchant.as_str()], |row| count(row, 0))?.unwrap_or_default())
    }

    fn statement_chunk(
        &self,
        merchant: &MerchantId,
        id: &StatementId,
        at: u64,
    ) -> Result<Option<Chunk>, StoreError> {
        let sql = "SELECT begins, bytes FROM statement_chunks WHERE merchant = $1 AND statement = $2 AND begins <= $3
                   ORDER BY begins DESC LIMIT 1";
        self.one(sql, params![merchant.as_str(), id.as_str(), number(at)], |row| {
            let begins = count(row, 0)?;
            Ok(Chunk { begins, gzip: self.open_bytes(&place(id, begins), get(row, 1)?)? })
        })
    }

    fn statement_plan(
        &self,
        merchant: &MerchantId,
        name: &str,
    ) -> Result<Option<PlanRecord>, StoreError> {
        let sql = "SELECT data FROM statement_plans WHERE merchant = $1 AND name = $2";
        self.one(sql, params![merchant.as_str(), name], |row| json(row, 0))
    }

    fn statement_plans(&self, merchant: &MerchantId) -> Result<Vec<PlanRecord>, StoreError> {
        let sql = "SELECT data FROM statement_plans WHERE merchant = $1 ORDER BY name";
        self.all(sql, params![merchant.as_str()], |row| json(row, 0))
    }

    fn entries_of(
        &self,
        merchant: &MerchantId,
        after: u64,
        until: u64,
        limit: u32,
    ) -> Result<Vec<BookedEntry>, StoreError> {
        let sql = format!(
            "{ENTRY} WHERE book = $1 AND owner = $2 AND number > $3 AND number <= $4 ORDER BY number LIMIT $5"
        );
        let (book, limit) = (self.book_of_merchant(merchant), i64::from(limit));
        let params = params![book, merchant.as_str(), number(after), number(until), limit];
        self.all(&sql, params, booked)
    }

    fn entry_before(&self, merchant: &MerchantId, at: Timestamp) -> Result<u64, StoreError> {
        self.last_before(self.book_of_merchant(merchant), at)
    }

    fn entry_hash(&self, merchant: &MerchantId, entry: u64) -> Result<Option<String>, StoreError> {
        self.hash_of(self.book_of_merchant(merchant), entry)
    }

    fn balances_after(
        &self,
        account: &Account,
        entry: u64,
    ) -> Result<Vec<(Currency, i64)>, StoreError> {
        let book = self.book_of_account(account)?;
        let Some(at) = self.booked_at(book, entry)? else { return Ok(Vec::new()) };
        let sql = "SELECT minor FROM balances WHERE account = $1 AND currency = $2 AND book = $3
                   AND (at_ms, number) <= ($4, $5) ORDER BY at_ms DESC, number DESC LIMIT 1";
        let mut balances = Vec::new();
        for (currency, _) in self.balances_at(account, Timestamp::from_ms(i64::MAX))? {
            let params = params![account.to_string(), currency.code(), book, at, number(entry)];
            let minor: Option<i64> = self.one(sql, params, |row| get(row, 0))?;
            balances.extend(minor.map(|minor| (currency, minor)));
        }
        Ok(balances)
    }

    fn orders_named(
        &self,
        merchant: &MerchantId,
        ids: &[OrderId],
    ) -> Result<Vec<OrderRecord>, StoreError> {
        let sql = format!("{ORDER} WHERE merchant = $1 AND id = ANY ($2)");
        let ids: Vec<&str> = ids.iter().map(OrderId::as_str).collect();
        self.all(&sql, params![merchant.as_str(), ids], |row| self.order_record(row))
    }

    fn refunds_before(
        &self,
        merchant: &MerchantId,
        order: &OrderId,
        entry: u64,
    ) -> Result<u32, StoreError> {
        let sql = "SELECT count(*) FROM entries WHERE subject = $1 AND kind = 'refund_request' AND book = $2 AND number < $3";
        let params = params![order.as_str(), self.book_of_merchant(merchant), number(entry)];
        Ok(self.one(sql, params, |row| count(row, 0))?.unwrap_or_default())
    }
}

impl Postgres<'_> {
    fn book_of_merchant(&self, merchant: &MerchantId) -> i64 {
        book_of(merchant, self.books).into()
    }

    /// The number of a book's last entry that was booked before a moment; 0 if there is none.
    pub(super) fn last_before(&self, book: i64, at: Timestamp) -> Result<u64, StoreError> {
        // Times rise with the numbers, so the largest of the earlier ones is found by halving.
        let last = "SELECT coalesce(max(number), 0) FROM entries WHERE book = $1";
        let last = self.one(last, params![book], |row| count(row, 0))?.unwrap_or_default();
        let (mut low, mut high) = (0_u64, last);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            let found = self.booked_at(book, middle)?;
            if found.is_some_and(|it| it < at.as_ms()) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        Ok(low)
    }

    /// The hash of a book's entry.
    pub(super) fn hash_of(&self, book: i64, entry: u64) -> Result<Option<String>, StoreError> {
        let sql = "SELECT hash FROM entries WHERE book = $1 AND number = $2";
        self.one(sql, params![book, number(entry)], |row| get(row, 0))
    }
}

impl StatementWrites for Postgres<'_> {
    fn insert_statement(&self, statement: &StatementRecord) -> Result<(), StoreError> {
        let merchant = self.admit(&statement.merchant)?;
        let sql = "INSERT INTO statements (merchant, id, state, data) VALUES ($1, $2, $3, $4)";
        let StatementRecord { id, state, .. } = statement;
        self.later(sql, owned![merchant, id.to_string(), state.as_str(), to_json(statement)?])
    }

    fn update_statement(&self, statement: &StatementRecord) -> Result<(), StoreError> {
        let merchant = self.admit(&statement.merchant)?;
        let sql = "UPDATE statements SET state = $3, data = $4 WHERE merchant = $1 AND id = $2";
        let StatementRecord { id, state, .. } = statement;
        self.later(sql, owned![merchant, id.to_string(), state.as_str(), to_json(statement)?])
    }

    fn insert_statement_chunk(
        &self,
        statement: &StatementRecord,
        chunk: &Chunk,
    ) -> Result<(), StoreError> {
        let merchant = self.admit(&statement.merchant)?;
        let sql = "INSERT INTO statement_chunks (merchant, statement, begins, kept_until_ms, bytes)
                   VALUES ($1, $2, $3, $4, $5)";
        let bytes = self.seal_bytes(&place(&statement.id, chunk.begins), &chunk.gzip)?;
        let (begins, kept_until) = (number(chunk.begins), statement.kept_until.as_ms());
        self.later(sql, owned![merchant, statement.id.to_string(), begins, kept_until, bytes])
    }

    fn put_statement_plan(&self, plan: &PlanRecord) -> Result<(), StoreError> {
        let merchant = self.admit(&plan.merchant)?;
        let sql = "INSERT INTO statement_plans (merchant, name, data) VALUES ($1, $2, $3)
                   ON CONFLICT (merchant, name) DO UPDATE SET data = $3";
        self.later(sql, owned![merchant, plan.name.clone(), to_json(plan)?])
    }

    fn prune_statements(&self, now: Timestamp) -> Result<(), StoreError> {
        let sql = "DELETE FROM statement_chunks WHERE ctid = ANY (ARRAY(SELECT ctid FROM statement_chunks WHERE kept_until_ms < $1 ORDER BY kept_until_ms LIMIT $2 FOR UPDATE SKIP LOCKED))";
        self.later(sql, owned![now.as_ms(), PRUNED_CHUNKS])
    }
}
