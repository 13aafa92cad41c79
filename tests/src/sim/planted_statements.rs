//! Statements through the layer that has the planted bugs.

use lezai_core::id::{MerchantId, OrderId, StatementId};
use lezai_core::ledger::Account;
use lezai_core::money::Currency;
use lezai_core::time::Timestamp;
use lezai_store::statements::{
    Chunk, PlanRecord, StatementReads, StatementRecord, StatementWrites,
};
use lezai_store::{BookedEntry, OrderRecord, Page, StoreError};

use super::planted::Layer;

impl StatementReads for Layer<'_> {
    fn statement(
        &self,
        merchant: &MerchantId,
        id: &StatementId,
    ) -> Result<Option<StatementRecord>, StoreError> {
        self.tx.statement(merchant, id)
    }
    fn statements(
        &self,
        merchant: &MerchantId,
        page: &Page<StatementId>,
    ) -> Result<Vec<StatementRecord>, StoreError> {
        self.tx.statements(merchant, page)
    }
    fn statements_making(&self, merchant: &MerchantId) -> Result<u32, StoreError> {
        self.tx.statements_making(merchant)
    }
    fn statement_chunk(
        &self,
        merchant: &MerchantId,
        id: &StatementId,
        at: u64,
    ) -> Result<Option<Chunk>, StoreError> {
        self.tx.statement_chunk(merchant, id, at)
    }
    fn statement_plan(
        &self,
        merchant: &MerchantId,
        name: &str,
    ) -> Result<Option<PlanRecord>, StoreError> {
        self.tx.statement_plan(merchant, name)
    }
    fn statement_plans(&self, merchant: &MerchantId) -> Result<Vec<PlanRecord>, StoreError> {
        self.tx.statement_plans(merchant)
    }
    fn entries_of(
        &self,
        merchant: &MerchantId,
        after: u64,
        until: u64,
        limit: u32,
    ) -> Result<Vec<BookedEntry>, StoreError> {
        self.tx.entries_of(merchant, after, until, limit)
    }
    fn entry_before(&self, merchant: &MerchantId, at: Timestamp) -> Result<u64, StoreError> {
        self.tx.entry_before(merchant, at)
    }
    fn entry_hash(&self, merchant: &MerchantId, number: u64) -> Result<Option<String>, StoreError> {
        self.tx.entry_hash(merchant, number)
    }
    fn balances_after(
        &self,
        account: &Account,
        number: u64,
    ) -> Result<Vec<(Currency, i64)>, StoreError> {
        self.tx.balances_after(account, number)
    }
    fn orders_named(
        &self,
        merchant: &MerchantId,
        ids: &[OrderId],
    ) -> Result<Vec<OrderRecord>, StoreError> {
        self.tx.orders_named(merchant, ids)
    }
    fn refunds_before(
        &self,
        merchant: &MerchantId,
        order: &OrderId,
        number: u64,
    ) -> Result<u32, StoreError> {
        self.tx.refunds_before(merchant, order, number)
    }
}

impl StatementWrites for Layer<'_> {
    fn insert_statement(&self, statement: &StatementRecord) -> Result<(), StoreError> {
        self.scope.admit(&statement.merchant)?;
        self.tx.insert_statement(statement)
    }
    fn update_statement(&self, statement: &StatementRecord) -> Result<(), StoreError> {
        self.scope.admit(&statement.merchant)?;
        self.tx.update_statement(statement)
    }
    fn insert_statement_chunk(
        &self,
        statement: &StatementRecord,
        chunk: &Chunk,
    ) -> Result<(), StoreError> {
        self.scope.admit(&statement.merchant)?;
        self.tx.insert_statement_chunk(statement, chunk)
    }
    fn put_statement_plan(&self, plan: &PlanRecord) -> Result<(), StoreError> {
        self.scope.admit(&plan.merchant)?;
        self.tx.put_statement_plan(plan)
    }
    fn prune_statements(&self, now: Timestamp) -> Result<(), StoreError> {
        self.tx.prune_statements(now)
    }
}
