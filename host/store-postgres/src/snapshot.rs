//! Everything in a database as of one moment, for whoever checks it or writes it out.

use std::sync::Arc;

use lezai_core::id::MerchantId;
use lezai_seal::Vault;
use lezai_store::{StoreError, book_of};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::address::Address;
use super::schema;
use super::session::{Session, apart};
use super::tables::{damaged, get, id};

/// Rows that are fetched at once.
const FETCHED: u32 = 5_000;

/// A database as of one moment.
pub struct Snapshot<'s> {
    pub(super) session: &'s Session,
    /// Without keys: nobody who looks at it reads what is sealed.
    pub(super) vault: Arc<Vault>,
    /// How many books it has.
    pub books: u32,
    merchants: Vec<MerchantId>,
}

/// Which rows of a table.
#[derive(Clone, Copy, Debug)]
pub enum Rows {
    /// Those of a book; [`GATEWAY_BOOK`](super::GATEWAY_BOOK) is one, too.
    OfBook(i64),
    /// Those of the merchants whose book it is.
    OfMerchantsOf(u32),
    /// All of them.
    All,
    /// Those of nobody that is known.
    OfNobody,
}

/// A value, whatever its type.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// None.
    Null,
    /// A number, or a truth.
    Integer(i64),
    /// A text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// Looks at a database as of one moment, on a thread of its own.
///
/// # Errors
///
/// [`StoreError`], and those of `work`.
pub fn snapshot<T: Send>(
    address: &Arc<Address>,
    work: impl FnOnce(&Snapshot<'_>) -> Result<T, StoreError> + Send,
) -> Result<T, StoreError> {
    apart(address, |session| {
        let books = schema::usable(session)?;
        session.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
        // Reading takes as long as it takes.
        session.batch("SET LOCAL idle_in_transaction_session_timeout = 0")?;
        work(&Snapshot::over(session, books)?)
    })
}

impl<'s> Snapshot<'s> {
    /// The state that a transaction of the session sees.
    pub(super) fn over(session: &'s Session, books: u32) -> Result<Self, StoreError> {
        let rows = session.query("SELECT id FROM merchants ORDER BY id", &[])?;
        let merchants: Result<Vec<MerchantId>, StoreError> =
            rows.iter().map(|row| id(row, 0, MerchantId::parse)).collect();
        Ok(Self { session, vault: Vault::none(), books, merchants: merchants? })
    }

    /// Rows of a table, in the order of their keys, one at a time. `columns` is SQL, and `merchant` the column that
    /// names whose a row is.
    ///
    /// # Errors
    ///
    /// [`StoreError`], or what `each` gives.
    pub fn each(
        &self,
        table: &str,
        columns: &str,
        merchant: &str,
        rows: Rows,
        mut each: impl FnMut(Vec<Value>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        // Ids of merchants are letters, digits and lines, so they stand in SQL as they are.
        let list = |keep: &dyn Fn(&MerchantId) -> bool| {
            let ids = self.merchants.iter().filter(|it| keep(it)).map(MerchantId::as_str);
            format!("'{{{}}}'::TEXT[]", ids.collect::<Vec<_>>().join(","))
        };
        let wanted = match rows {
            Rows::OfBook(book) => format!("WHERE book = {book} ORDER BY number"),
            Rows::OfMerchantsOf(book) => {
                let of = list(&|it| book_of(it, self.books) == book);
                format!("WHERE {merchant} = ANY ({of})")
            }
            Rows::All => String::new(),
            Rows::OfNobody => format!("WHERE {merchant} <> ALL ({})", list(&|_| true)),
        };
        self.session.batch(&format!(
            "DECLARE every NO SCROLL CURSOR FOR SELECT {columns} FROM {table} {wanted}"
        ))?;
        loop {
            let found = self.session.query_once(&format!("FETCH {FETCHED} FROM every"))?;
            if found.is_empty() {
                break;
            }
            for row in &found {
                each(values(row)?)?;
            }
        }
        self.session.batch("CLOSE every")
    }
}

fn values(row: &Row) -> Result<Vec<Value>, StoreError> {
    let columns = row.columns().iter().enumerate();
    columns
        .map(|(n, column)| {
            Ok(match *column.type_() {
                Type::INT8 => get::<Option<i64>>(row, n)?.map_or(Value::Null, Value::Integer),
                Type::INT4 => {
                    let number: Option<i32> = get(row, n)?;
                    number.map_or(Value::Null, |it| Value::Integer(it.into()))
                }
                Type::BOOL => {
                    let truth: Option<bool> = get(row, n)?;
                    truth.map_or(Value::Null, |it| Value::Integer(it.into()))
                }
                Type::TEXT => get::<Option<String>>(row, n)?.map_or(Value::Null, Value::Text),
                Type::BYTEA => get::<Option<Vec<u8>>>(row, n)?.map_or(Value::Null, Value::Blob),
                ref other => return Err(damaged(format!("a column of the type {other}"))),
            })
        })
        .collect()
}
