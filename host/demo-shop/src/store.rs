//! The shop's records, in a file of its own.

use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lezai_core::money::{Currency, Money};
use lezai_core::signature::Verified;
use lezai_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use lezai_client::callback::Callback;

use super::order::{Accepted, Mismatch, Order, Status, noted};

/// An error of the shop's file.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or broke.
    #[error("the shop's file: {0}")]
    Database(#[from] rusqlite::Error),
    /// A row does not read back as what was written.
    #[error("the shop's file has a damaged record")]
    Damaged,
    /// The file was closed.
    #[error("the shop's file is closed")]
    Closed,
}

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS orders (
  number TEXT PRIMARY KEY, product TEXT NOT NULL, minor INTEGER NOT NULL, currency TEXT NOT NULL,
  idempotency_key TEXT NOT NULL, request BLOB NOT NULL, created_ms INTEGER NOT NULL,
  status TEXT NOT NULL, gateway_order TEXT, paid_at TEXT, sequence INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS orders_by_age ON orders (created_ms);
CREATE INDEX IF NOT EXISTS orders_unanswered ON orders (created_ms) WHERE gateway_order IS NULL AND status = 'new';
CREATE TABLE IF NOT EXISTS callbacks (id TEXT PRIMARY KEY, order_number TEXT NOT NULL REFERENCES orders) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS callbacks_by_order ON callbacks (order_number);
";

const ORDER: &str =
    "SELECT number, product, minor, currency, status, gateway_order, paid_at, sequence,
  (SELECT count(*) FROM callbacks WHERE order_number = number) FROM orders";

/// An order before the gateway has answered.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    /// The shop's number.
    pub(super) number: String,
    /// The product that is bought.
    pub(super) product: String,
    /// Its price.
    pub(super) amount: Money,
    /// The key that the request is repeated with.
    pub(super) idempotency_key: String,
    /// The request's body: a repeat is the same bytes.
    pub(super) request: Vec<u8>,
    /// When the shopper asked.
    pub(super) created_at: Timestamp,
}

/// The shop's file.
#[derive(Clone)]
pub(super) struct Store(Arc<Mutex<Option<Connection>>>);

impl Store {
    /// Opens the file, or makes it.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;",
        )?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self(Arc::new(Mutex::new(Some(connection)))))
    }

    /// Closes the file, so that a copy of it has all that happened.
    pub(super) fn close(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// A new order.
    pub(super) async fn insert(&self, begun: Begun) -> Result<(), StoreError> {
        self.with(move |file| {
            file.prepare_cached(
                "INSERT INTO orders (number, product, minor, currency, idempotency_key, request, created_ms, status, sequence)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'new', 0)",
            )?
            .execute(params![
                begun.number,
                begun.product,
                begun.amount.minor(),
                begun.amount.currency().code(),
                begun.idempotency_key,
                begun.request,
                begun.created_at.as_ms(),
            ])?;
            Ok(())
        })
        .await
    }

    /// The gateway has the order, under this number of its own.
    pub(super) async fn placed(
        &self,
        number: String,
        gateway_order: String,
    ) -> Result<(), StoreError> {
        self.with(move |file| {
            let sql =
                "UPDATE orders SET gateway_order = ?2 WHERE number = ?1 AND gateway_order IS NULL";
            file.prepare_cached(sql)?.execute([number, gateway_order])?;
            Ok(())
        })
        .await
    }

    /// The gateway will not have the order.
    pub(super) async fn refused(&self, number: String) -> Result<(), StoreError> {
        self.with(move |file| {
            let sql = "UPDATE orders SET status = 'closed' WHERE number = ?1 AND gateway_order IS NULL AND status = 'new'";
            file.prepare_cached(sql)?.execute([number])?;
            Ok(())
        })
        .await
    }

    /// Orders begun within a time that the gateway has not answered, oldest first.
    pub(super) async fn unanswered(
        &self,
        begun: Range<Timestamp>,
        most: u32,
    ) -> Result<Vec<Begun>, StoreError> {
        self.with(move |file| {
            let mut statement = file.prepare_cached(
                "SELECT number, product, minor, currency, idempotency_key, request, created_ms FROM orders
                 WHERE gateway_order IS NULL AND status = 'new' AND created_ms >= ?1 AND created_ms < ?2
                 ORDER BY created_ms LIMIT ?3",
            )?;
            let mut rows = statement.query(params![begun.start.as_ms(), begun.end.as_ms(), most])?;
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                all.push(Begun {
                    number: row.get(0)?,
                    product: row.get(1)?,
                    amount: amount(row, 2)?,
                    idempotency_key: row.get(4)?,
                    request: row.get(5)?,
                    created_at: Timestamp::from_ms(row.get(6)?),
                });
            }
            Ok(all)
        })
        .await
    }

    /// The order with this number.
    pub(super) async fn order(&self, number: String) -> Result<Option<Order>, StoreError> {
        self.with(move |file| find(file, &number)).await
    }

    /// The newest orders, newest first.
    pub(super) async fn newest(&self, most: u32) -> Result<Vec<Order>, StoreError> {
        self.with(move |file| {
            let mut statement =
                file.prepare_cached(&format!("{ORDER} ORDER BY created_ms DESC, number LIMIT ?1"))?;
            let mut rows = statement.query([most])?;
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                all.push(read(row)?);
            }
            Ok(all)
        })
        .await
    }

    /// Notes an event once, with all that follows from it, in one commit. Only what is verified
    /// gets here.
    pub(super) async fn accept(
        &self,
        callback: Verified<Callback>,
    ) -> Result<Result<Accepted, Mismatch>, StoreError> {
        self.with(move |file| {
            let callback = callback.into_content();
            let tx = file.transaction()?;
            // Types that are about no order are taken, and nothing follows from them.
            let Some(told) = &callback.data.order else { return Ok(Ok(Accepted::NotOurs)) };
            let Some(order) = find(&tx, &told.merchant_order_id)? else { return Ok(Ok(Accepted::NotOurs)) };
            let order = match noted(&order, &callback) {
                Ok(order) => order,
                Err(mismatch) => return Ok(Err(mismatch)),
            };
            let sql =
                "INSERT INTO callbacks (id, order_number) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            let new = tx.prepare_cached(sql)?.execute([&callback.id, &order.number])?;
            if new == 0 {
                return Ok(Ok(Accepted::Before));
            }
            let sql = "UPDATE orders SET status = ?2, gateway_order = ?3, paid_at = ?4, sequence = ?5 WHERE number = ?1";
            tx.prepare_cached(sql)?.execute(params![
                order.number,
                order.status.as_str(),
                order.gateway_order,
                order.paid_at,
                order.sequence
            ])?;
            tx.commit()?;
            Ok(Ok(Accepted::Noted(Order { callbacks: order.callbacks + 1, ..order })))
        })
        .await
    }

    async fn with<T: Send + 'static>(
        &self,
        run: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let connection = Arc::clone(&self.0);
        let run = move || {
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            run(connection.as_mut().ok_or(StoreError::Closed)?)
        };
        tokio::task::spawn_blocking(run).await.unwrap_or(Err(StoreError::Closed))
    }
}

fn find(file: &Connection, number: &str) -> Result<Option<Order>, StoreError> {
    let mut statement = file.prepare_cached(&format!("{ORDER} WHERE number = ?1"))?;
    statement.query_row([number], |row| Ok(read(row))).optional()?.transpose()
}

fn read(row: &Row<'_>) -> Result<Order, StoreError> {
    let status: String = row.get(4)?;
    let status = Status::ALL.into_iter().find(|it| it.as_str() == status);
    Ok(Order {
        number: row.get(0)?,
        product: row.get(1)?,
        amount: amount(row, 2)?,
        status: status.ok_or_else(damaged)?,
        gateway_order: row.get(5)?,
        paid_at: row.get(6)?,
        sequence: row.get(7)?,
        callbacks: row.get(8)?,
    })
}

fn amount(row: &Row<'_>, column: usize) -> Result<Money, StoreError> {
    let currency =
        Currency::from_code(&row.get::<_, String>(column + 1)?).map_err(|_| damaged())?;
    Money::new(row.get(column)?, currency).map_err(|_| damaged())
}

fn damaged() -> StoreError {
    StoreError::Damaged
}
