//! Statements and rows: what every part of the store reads and writes by.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use lezai_core::id::MerchantId;
use lezai_seal::{Vault, is_sealed};
use lezai_store::{Scope, StoreError};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::head::Head;
use super::session::{Owned, Session};

pub(super) use super::rows::{count, damaged, get, id, json, number, owned, params, to_json};

/// Rows that are forgotten in one commit: bounds how long it takes.
pub(super) const PRUNED: i64 = 5_000;
/// Pieces of statements that are: each has some tens of kilobytes.
pub(super) const PRUNED_CHUNKS: i64 = 50;

/// The tables, over a session.
pub(super) struct Postgres<'s> {
    pub(super) session: &'s Session,
    pub(super) vault: &'s Arc<Vault>,
    pub(super) books: u32,
    /// Whose rows the job that runs writes, or reads.
    scope: RefCell<Option<Scope>>,
    /// The head of the book that is locked.
    head: RefCell<Option<Head>>,
    /// How far the book's revision rises.
    pub(super) changes: Cell<i64>,
}

impl<'s> Postgres<'s> {
    pub(super) fn view(
        session: &'s Session,
        vault: &'s Arc<Vault>,
        books: u32,
        merchant: Option<MerchantId>,
    ) -> Self {
        let tables = Self::tx(session, vault, books, None);
        tables.scope.replace(merchant.map(Scope::Merchant));
        tables
    }

    pub(super) fn tx(
        session: &'s Session,
        vault: &'s Arc<Vault>,
        books: u32,
        head: Option<Head>,
    ) -> Self {
        Self {
            session,
            vault,
            books,
            scope: RefCell::default(),
            head: RefCell::new(head),
            changes: Cell::new(0),
        }
    }

    /// The scope of the job that comes next.
    pub(super) fn enter(&self, scope: Scope) {
        self.scope.replace(Some(scope));
    }

    pub(super) fn head(&self) -> Option<Head> {
        self.head.borrow().clone()
    }

    pub(super) fn set_head(&self, head: Option<Head>) {
        self.head.replace(head);
    }

    /// The merchant whose rows alone are looked at, if the job named one.
    pub(super) fn merchant(&self) -> Option<String> {
        match &*self.scope.borrow() {
            Some(Scope::Merchant(merchant)) => Some(merchant.to_string()),
            _ => None,
        }
    }

    /// The same as it is kept in rows that can be the operator's, too.
    pub(super) fn owner(&self) -> String {
        self.merchant().unwrap_or_default()
    }

    /// Checks that the job may write rows of the merchant's, and gives its id.
    pub(super) fn admit(&self, merchant: &MerchantId) -> Result<String, StoreError> {
        match &*self.scope.borrow() {
            Some(scope) => scope.admit(merchant)?,
            None => return Err(StoreError::Damaged("a job that reads writes".to_owned())),
        }
        Ok(merchant.to_string())
    }

    /// The merchant of a job that writes rows which name none.
    pub(super) fn writer(&self) -> Result<String, StoreError> {
        self.merchant().ok_or_else(|| {
            StoreError::Damaged("a job of no merchant writes a merchant's row".to_owned())
        })
    }

    /// `… WHERE column = value`, among the rows of the job's merchant if it named one.
    pub(super) fn by<T>(
        &self,
        select: &str,
        column: &str,
        value: &str,
        read: impl FnOnce(&Row) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        match self.merchant() {
            Some(merchant) => {
                let sql = format!("{select} WHERE merchant = $1 AND {column} = $2");
                self.one(&sql, params![merchant, value], read)
            }
            None => self.one(&format!("{select} WHERE {column} = $1"), params![value], read),
        }
    }

    pub(super) fn one<T>(
        &self,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
        read: impl FnOnce(&Row) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        self.session.query(sql, params)?.first().map(read).transpose()
    }

    pub(super) fn all<T>(
        &self,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
        read: impl FnMut(&Row) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        self.session.query(sql, params)?.iter().map(read).collect()
    }

    /// How many rows the statement changed.
    pub(super) fn change(
        &self,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, StoreError> {
        self.session.execute(sql, params)
    }

    /// A statement whose answer is not waited for before the job's end.
    pub(super) fn later(&self, sql: &str, params: Owned) -> Result<(), StoreError> {
        self.session.send(sql, params)
    }

    /// A merchant's configuration changed: other nodes look at the revision of its book.
    pub(super) fn configured(&self) {
        self.changes.set(self.changes.get() + 1);
    }

    pub(super) fn seal(&self, context: &str, plain: String) -> Result<String, StoreError> {
        Ok(self.vault.seal(context, plain.as_bytes()).map_err(damaged)?.unwrap_or(plain))
    }

    pub(super) fn seal_bytes(&self, context: &str, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        let sealed = self.vault.seal(context, plain).map_err(damaged)?;
        Ok(sealed.map_or_else(|| plain.to_vec(), String::into_bytes))
    }

    pub(super) fn open(&self, context: &str, kept: String) -> Result<String, StoreError> {
        if !is_sealed(&kept) {
            return Ok(kept);
        }
        let plain = self.vault.open(context, &kept);
        let plain = plain.map_err(|error| damaged(format!("{context}: {error}")))?;
        String::from_utf8(plain).map_err(damaged)
    }

    pub(super) fn open_bytes(&self, context: &str, kept: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        match std::str::from_utf8(&kept) {
            Ok(text) if is_sealed(text) => {
                let plain = self.vault.open(context, text);
                plain.map_err(|error| damaged(format!("{context}: {error}")))
            }
            _ => Ok(kept),
        }
    }
}
