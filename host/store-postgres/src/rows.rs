//! Parameters of statements, and values of rows.

use std::fmt::Display;

use lezai_store::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use super::session::failed;

/// The parameters of a statement, by reference.
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$(&$value as &(dyn tokio_postgres::types::ToSql + Sync)),*] };
}

/// The parameters of a statement that is sent along with the next.
macro_rules! owned {
    ($($value:expr),* $(,)?) => { vec![$(Box::new($value) as Box<dyn tokio_postgres::types::ToSql + Sync + Send>),*] };
}

pub(super) use {owned, params};

pub(super) fn damaged(error: impl Display) -> StoreError {
    StoreError::Damaged(error.to_string())
}

pub(super) fn get<'r, T: FromSql<'r>>(row: &'r Row, column: usize) -> Result<T, StoreError> {
    row.try_get(column).map_err(failed)
}

/// A number that is never negative.
pub(super) fn count<T: TryFrom<i64>>(row: &Row, column: usize) -> Result<T, StoreError> {
    let number: i64 = get(row, column)?;
    T::try_from(number).map_err(|_| StoreError::Damaged(format!("{number} is out of range")))
}

pub(super) fn json<T: DeserializeOwned>(row: &Row, column: usize) -> Result<T, StoreError> {
    serde_json::from_str(get(row, column)?).map_err(damaged)
}

pub(super) fn to_json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(damaged)
}

pub(super) fn id<T, E>(
    row: &Row,
    column: usize,
    parse: fn(&str) -> Result<T, E>,
) -> Result<T, StoreError> {
    let text: &str = get(row, column)?;
    parse(text).map_err(|_| StoreError::Damaged(format!("{text} is no id")))
}

/// Numbers of the store's are at most 2⁵³, so they all fit.
pub(super) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
