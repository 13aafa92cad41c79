//! Statements and rows: what every part of the store reads and writes by.

use lezai_store::StoreError;
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Params, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;

#[cfg(test)]
use super::plans;

/// Rows that are forgotten in one commit: bounds how long others wait for it.
pub(super) const PRUNED: u32 = 5_000;
/// Pieces of statements that are: each has some tens of kilobytes.
pub(super) const PRUNED_CHUNKS: u32 = 50;
/// The tables, over a connection.
pub(super) struct Sqlite<'c> {
    pub(super) connection: &'c Connection,
}

impl Sqlite<'_> {
    pub(super) fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = self.prepare(sql)?;
        let found = statement.query_row(params, |row| Ok(read(row))).optional()?.transpose();
        #[cfg(test)]
        plans::spent(&statement);
        found
    }

    pub(super) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.prepare(sql)?;
        let rows = statement.query_map(params, |row| Ok(read(row)))?;
        let found = rows.map(|row| row?).collect();
        #[cfg(test)]
        plans::spent(&statement);
        found
    }

    /// How many rows the statement changed.
    pub(super) fn change(&self, sql: &str, params: impl Params) -> Result<usize, StoreError> {
        let mut statement = self.prepare(sql)?;
        let changed = statement.execute(params)?;
        #[cfg(test)]
        plans::spent(&statement);
        Ok(changed)
    }

    fn prepare(&self, sql: &str) -> Result<CachedStatement<'_>, StoreError> {
        #[cfg(test)]
        plans::look(self.connection, sql);
        Ok(self.connection.prepare_cached(sql)?)
    }
}

pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T, StoreError> {
    let text =
        row.get_ref(column)?.as_str().map_err(|error| StoreError::Damaged(error.to_string()))?;
    serde_json::from_str(text).map_err(|error| StoreError::Damaged(error.to_string()))
}

pub(super) fn to_json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Damaged(error.to_string()))
}

pub(super) fn id<T, E>(
    row: &Row<'_>,
    column: usize,
    parse: fn(&str) -> Result<T, E>,
) -> Result<T, StoreError> {
    let text =
        row.get_ref(column)?.as_str().map_err(|error| StoreError::Damaged(error.to_string()))?;
    parse(text).map_err(|_| StoreError::Damaged(format!("{text} is no id")))
}
