//! The store in one SQLite file: WAL with `synchronous=FULL`, so what was committed survives a
//! crash of the process, the system and the power.
//!
//! One thread writes. It takes every job that waits, runs each in a savepoint of one transaction,
//! commits once, and then lets all callers know: many requests share one fsync, and none is
//! answered before it. Another copies what was committed from the log (WAL) to its place, so that
//! commits do not wait for that. Readers have connections of their own and see the last commit.

mod events;
mod ledger;
mod plugins;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use lezai_core::digest::sha256_hex;
use lezai_core::id::{AttemptId, MerchantId, OrderId, RefundId, SessionId};
use lezai_core::ledger::{Account, Entry};
use lezai_core::money::Currency;
use lezai_core::order::{Order, State};
use lezai_core::time::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Params, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::plugins::{PluginReads as _, ReleaseRecord};
use super::{
    Claim, DueTask, FirstAnswer, IdempotencyKey, Lane, MerchantKey, MerchantRecord, OrderRecord,
    Outcome, ReadJob, SessionRecord, Store, StoreError, Task, Tx, View, WriteJob,
};
use crate::order_request::Details;
use crate::page::Page;
use crate::velocity::Mark;

#[cfg(test)]
pub(crate) use ledger::book;
pub use ledger::{
    Wanted, balance_after, balances_kept, for_each_entry, for_each_order, last_entry, moved,
    order_with_entries, walk_entries,
};

/// The most jobs in one commit: bounds how long the first of them waits for the last.
const BATCH: usize = 256;
/// Jobs that wait, of each kind: some seconds' worth. Further ones are refused, for their callers
/// would have given up before their turn.
const QUEUE: usize = 8_192;
/// Rows that are forgotten in one commit: bounds how long others wait for it.
const PRUNED: u32 = 5_000;
/// A task that cannot be read is put off for as long as there are dates.
const NEVER_MS: i64 = 253_402_300_799_000;
/// Readers at once; SQLite's reads take microseconds.
const READERS: usize = 4;
/// The log is copied to its place after so many jobs, some ten pages of 4 KiB each: the more at
/// once, the more pages that change often are copied once for many changes.
const COPIED_JOBS: usize = 1_024;
/// From this length on (in pages, 128 MiB) the log is begun anew.
const LONG_LOG: i64 = 32_768;
/// Jobs that the copier may lag behind; then the writer waits for it, and the log stays bounded.
const MOST_JOBS: usize = 32 * COPIED_JOBS;
/// The writer's cache: the inner pages of every tree of some million orders. In KiB, and so negative.
const WRITER_CACHE: i64 = -32_768;
/// The version of the schema below, kept in `user_version`.
const SCHEMA_VERSION: i64 = 2;

const SCHEMA: &str = "
CREATE TABLE merchants (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, notify_url TEXT, webhook_secret TEXT NOT NULL, policy TEXT NOT NULL,
  notify_hosts TEXT NOT NULL DEFAULT '[]', former_secret TEXT, former_secret_until_ms INTEGER,
  frame_origins TEXT NOT NULL DEFAULT '[]'
) STRICT;
CREATE TABLE policies (digest TEXT PRIMARY KEY, policy TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE merchant_keys (keyid TEXT PRIMARY KEY, merchant TEXT NOT NULL REFERENCES merchants, pem TEXT NOT NULL) STRICT;
CREATE TABLE orders (
  id TEXT PRIMARY KEY, merchant TEXT NOT NULL REFERENCES merchants, merchant_order_id TEXT NOT NULL,
  status TEXT NOT NULL, version INTEGER NOT NULL, created_ms INTEGER NOT NULL,
  data TEXT NOT NULL, details TEXT NOT NULL, session TEXT NOT NULL,
  UNIQUE (merchant, merchant_order_id)
) STRICT;
CREATE TABLE refunds (
  id TEXT PRIMARY KEY, order_id TEXT NOT NULL REFERENCES orders, merchant TEXT NOT NULL, merchant_refund_id TEXT NOT NULL,
  UNIQUE (merchant, merchant_refund_id)
) STRICT;
CREATE TABLE attempts (id TEXT PRIMARY KEY, order_id TEXT NOT NULL REFERENCES orders) STRICT;
CREATE TABLE sessions (
  id TEXT PRIMARY KEY, order_id TEXT NOT NULL REFERENCES orders, secret_hash TEXT NOT NULL, gateway_key TEXT NOT NULL,
  claim_key TEXT, claim_origin TEXT, claim_ms INTEGER
) STRICT;
CREATE TABLE entries (
  number INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, order_id TEXT NOT NULL REFERENCES orders, kind TEXT NOT NULL,
  postings TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL
) STRICT;
CREATE INDEX entries_by_order ON entries (order_id);
CREATE TRIGGER entries_stay BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'a ledger entry is never changed'); END;
CREATE TRIGGER entries_remain BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'a ledger entry is never removed'); END;
CREATE TABLE tasks (
  number INTEGER PRIMARY KEY AUTOINCREMENT, lane TEXT NOT NULL, task TEXT NOT NULL, due_ms INTEGER NOT NULL, leased_from INTEGER, tries INTEGER NOT NULL DEFAULT 0, last_error TEXT
) STRICT;
CREATE INDEX tasks_by_due ON tasks (lane, due_ms);
CREATE TABLE first_answers (
  scope TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, status INTEGER NOT NULL, body BLOB NOT NULL, at_ms INTEGER NOT NULL,
  PRIMARY KEY (scope, key)
) STRICT;
CREATE INDEX first_answers_by_age ON first_answers (at_ms);
CREATE TABLE nonces (keyid TEXT NOT NULL, nonce TEXT NOT NULL, expires_ms INTEGER NOT NULL, PRIMARY KEY (keyid, nonce)) STRICT, WITHOUT ROWID;
CREATE INDEX nonces_by_age ON nonces (expires_ms);
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
";

/// From version 1, which knew no refunds, voids and captures, and settled nothing.
const FROM_1: &str = r#"
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE policies (digest TEXT PRIMARY KEY, policy TEXT NOT NULL) STRICT, WITHOUT ROWID;
ALTER TABLE merchants ADD COLUMN notify_hosts TEXT NOT NULL DEFAULT '[]';
ALTER TABLE merchants ADD COLUMN former_secret TEXT;
ALTER TABLE merchants ADD COLUMN former_secret_until_ms INTEGER;
ALTER TABLE merchants ADD COLUMN frame_origins TEXT NOT NULL DEFAULT '[]';
ALTER TABLE events RENAME TO events_1;
CREATE TABLE refunds (
  id TEXT PRIMARY KEY, order_id TEXT NOT NULL REFERENCES orders, merchant TEXT NOT NULL, merchant_refund_id TEXT NOT NULL,
  UNIQUE (merchant, merchant_refund_id)
) STRICT;
UPDATE orders SET data = json_set(data,
  '$.terms.capture', 'automatic', '$.refunds', json('[]'), '$.attention', json('[]'), '$.failed_voids', 0,
  '$.returns', json((SELECT json_group_array(json_set(value, '$.amount', json(data -> '$.terms.amount'))) FROM json_each(data, '$.returns'))));
UPDATE orders SET data = json_set(data, '$.state', json_object(
  'status', 'paid',
  'payment', json_object('attempt', data ->> '$.state.attempt', 'channel_ref', data ->> '$.state.channel_ref', 'at', data -> '$.state.paid_at'),
  'captured', json_object('amount', data -> '$.terms.amount', 'at', data -> '$.state.paid_at'),
  'settled', NULL)) WHERE status = 'paid';
INSERT INTO tasks (lane, task, due_ms)
  SELECT 'orders', json_object('task', 'order', 'order', id, 'what', 'settle'), (data ->> '$.state.captured.at') + 86400000
  FROM orders WHERE status = 'paid';
"#;

/// What only makes reading faster changes nothing that is kept, so it needs no version: a file that
/// lacks it is given it.
const INDICES: &str =
    "CREATE INDEX IF NOT EXISTS orders_by_status ON orders (merchant, status, id);";

/// A store in one file.
pub struct SqliteStore {
    jobs: Mutex<Option<mpsc::SyncSender<WriteJob>>>,
    reads: Mutex<Option<mpsc::SyncSender<ReadJob>>>,
    threads: Mutex<Vec<thread::JoinHandle<()>>>,
}

impl SqliteStore {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`] if it cannot be opened or was written by a newer version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let writer = Connection::open(path)?;
        prepare(&writer)?;
        let (jobs, queue) = mpsc::sync_channel(QUEUE);
        let log = Arc::new(Log::default());
        let (copier, beside) = (Connection::open(path)?, Arc::clone(&log));
        copier.busy_timeout(Duration::from_secs(5))?;
        let mut threads = vec![
            spawn("store-copier", move || copy_all(&copier, &beside))?,
            spawn("store-writer", move || {
                write_all(&writer, &queue, &log);
                log.end();
            })?,
        ];
        let (reads, queue) = mpsc::sync_channel::<ReadJob>(QUEUE);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..READERS {
            // Opened now: later there may be no file descriptor left.
            let (connection, queue) = (open_to_read(path)?, Arc::clone(&queue));
            threads.push(spawn("store-reader", move || read_all(&connection, &queue))?);
        }
        Ok(Self {
            jobs: Mutex::new(Some(jobs)),
            reads: Mutex::new(Some(reads)),
            threads: Mutex::new(threads),
        })
    }
}

impl Store for SqliteStore {
    fn submit(&self, job: WriteJob) -> Result<(), StoreError> {
        enqueue(&self.jobs, job)
    }

    fn view(&self, job: ReadJob) -> Result<(), StoreError> {
        enqueue(&self.reads, job)
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        lock(&self.jobs).take();
        lock(&self.reads).take();
        for thread in lock(&self.threads).drain(..) {
            let _ = thread.join();
        }
    }
}

/// A store in memory without threads, which a simulator drives by hand: the same tables, the same
/// statements, and a commit when it says so.
pub struct Stepped {
    connection: Connection,
}

impl Stepped {
    /// An empty store.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`].
    pub fn new() -> Result<Self, StoreError> {
        let connection = Connection::open_in_memory()?;
        prepare(&connection)?;
        Ok(Self { connection })
    }

    /// Runs the jobs as one commit, and gives who is to hear of it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`]; nothing is kept.
    pub fn commit(&self, jobs: Vec<WriteJob>) -> Result<Vec<Caller>, StoreError> {
        let mut callers = Vec::with_capacity(jobs.len());
        commit(&self.connection, jobs.into_iter(), &mut callers).inspect_err(|_| {
            let _ = self.connection.execute_batch("ROLLBACK");
        })?;
        Ok(callers)
    }

    /// Runs a job on the state as it is.
    pub fn view(&self, job: ReadJob) {
        job(Ok(&Sqlite { connection: &self.connection }));
    }

    /// The tables, to look at.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// Opens a store's file for reading alone, beside a gateway that may be running.
///
/// # Errors
///
/// [`StoreError::Database`] if there is no such file or it is no store.
pub fn open_to_read(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(Duration::from_secs(5))?;
    Ok(connection)
}

/// What the merchant sent with an order, and what was decided.
///
/// # Errors
///
/// [`StoreError`].
pub fn details(connection: &Connection, order: &OrderId) -> Result<Option<Details>, StoreError> {
    let sql = "SELECT details FROM orders WHERE id = ?1";
    Sqlite { connection }.one(sql, [order.as_str()], |row| json(row, 0))
}

/// A release of a merchant's plugin.
///
/// # Errors
///
/// [`StoreError`].
pub fn release(
    connection: &Connection,
    merchant: &MerchantId,
    sequence: u64,
) -> Result<Option<ReleaseRecord>, StoreError> {
    Sqlite { connection }.release(merchant, sequence)
}

/// The policy with this digest, as JSON: also one that was replaced since.
///
/// # Errors
///
/// [`StoreError`].
pub fn policy(connection: &Connection, digest: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT policy FROM policies WHERE digest = ?1";
    Sqlite { connection }.one(sql, [digest], |row| Ok(row.get(0)?))
}

fn prepare(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;",
    )?;
    connection.pragma_update(None, "cache_size", WRITER_CACHE)?;
    // The thread beside does it.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.set_prepared_statement_cache_capacity(64);
    match connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))? {
        SCHEMA_VERSION => {}
        0 => connection.execute_batch(&format!(
            "BEGIN; {SCHEMA} {} {} {} {} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;",
            events::TABLES,
            ledger::TABLES,
            plugins::TABLES,
            plugins::UNSIGNED,
        ))?,
        1 => connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; {FROM_1} {} {} {} {} {} {} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;",
            events::TABLES,
            events::FROM_1,
            ledger::TABLES,
            ledger::FROM_1,
            plugins::FROM_1,
            plugins::TABLES,
        ))?,
        newer => {
            return Err(StoreError::Database(format!(
                "the file has schema {newer}, this program knows {SCHEMA_VERSION}"
            )));
        }
    }
    Ok(connection.execute_batch(INDICES)?)
}

/// What the writer and the copier tell each other of the log.
#[derive(Default)]
struct Log {
    state: Mutex<LogState>,
    changed: Condvar,
}

#[derive(Default)]
struct LogState {
    /// Committed since the copier last began.
    jobs: usize,
    /// All but the latest is copied, and it is time to begin the log anew.
    long: bool,
    ended: bool,
}

/// What the writer is to do for the log before it goes on.
enum Care {
    None,
    /// Copy the rest, which is little: then the next commit begins the log anew.
    Rest,
    /// Wait for the copier: commits are faster than it is.
    Wait,
}

impl Log {
    fn grew(&self, jobs: usize) -> Care {
        let mut state = lock(&self.state);
        state.jobs += jobs;
        if state.jobs >= COPIED_JOBS {
            self.changed.notify_one();
        }
        if state.jobs >= MOST_JOBS {
            Care::Wait
        } else if std::mem::take(&mut state.long) {
            Care::Rest
        } else {
            Care::None
        }
    }

    fn end(&self) {
        lock(&self.state).ended = true;
        self.changed.notify_one();
    }

    /// Waits until there is something to copy; false at the end.
    fn wait(&self) -> bool {
        let idle = |it: &mut LogState| it.jobs < COPIED_JOBS && !it.ended;
        let state = self.changed.wait_while(lock(&self.state), idle);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.jobs = 0;
        !state.ended
    }
}

/// Copies in the time between commits, for as long as there are any. What is left at the end is
/// copied when the last connection closes.
fn copy_all(connection: &Connection, log: &Log) {
    while log.wait() {
        // While a commit follows another the log has no end. The second time copies what came during
        // the first, so that what is left for the writer is little.
        if copy(connection, "PASSIVE") >= LONG_LOG && copy(connection, "PASSIVE") >= LONG_LOG {
            lock(&log.state).long = true;
        }
    }
}

/// Copies what is committed to its place and makes that durable; gives the log's length in pages.
/// If that fails nothing is lost, for the log has it, and later commits ask again.
fn copy(connection: &Connection, how: &str) -> i64 {
    let pages = connection
        .query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |row| row.get::<_, i64>(1));
    pages.unwrap_or_else(|error| {
        tracing::error!(%error, "the log cannot be copied");
        0
    })
}

fn write_all(connection: &Connection, queue: &mpsc::Receiver<WriteJob>, log: &Log) {
    while let Ok(first) = queue.recv() {
        let batch = std::iter::once(first).chain(queue.try_iter()).take(BATCH);
        let mut callers = Vec::new();
        let committed = commit(connection, batch, &mut callers);
        let jobs = callers.len();
        if let Err(error) = &committed {
            tracing::error!(%error, "commit failed");
            // Ends what is left of the transaction, so that the next batch can begin one.
            let _ = connection.execute_batch("ROLLBACK");
        }
        for tell in callers {
            tell(committed.clone());
        }
        match log.grew(jobs) {
            Care::None => {}
            Care::Rest => _ = copy(connection, "PASSIVE"),
            Care::Wait => _ = copy(connection, "RESTART"),
        }
    }
}

/// Who is to hear how a commit went.
pub type Caller = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

fn commit(
    connection: &Connection,
    batch: impl Iterator<Item = WriteJob>,
    callers: &mut Vec<Caller>,
) -> Result<(), StoreError> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let tx = Sqlite { connection };
    for job in batch {
        connection.prepare_cached("SAVEPOINT job")?.execute([])?;
        // A job that panics is undone like one that fails; dropping it tells its caller.
        let outcome =
            catch_unwind(AssertUnwindSafe(|| job(&tx))).unwrap_or(Outcome::Undo(Box::new(drop)));
        match outcome {
            Outcome::Commit(tell) => callers.push(tell),
            Outcome::Undo(tell) => {
                connection.prepare_cached("ROLLBACK TO job")?.execute([])?;
                callers.push(tell);
            }
        }
        connection.prepare_cached("RELEASE job")?.execute([])?;
    }
    Ok(connection.execute_batch("COMMIT")?)
}

fn read_all(connection: &Connection, queue: &Mutex<mpsc::Receiver<ReadJob>>) {
    loop {
        let job = lock(queue).recv();
        let Ok(job) = job else { return };
        let view = Sqlite { connection };
        // One transaction, so that the job sees one state; it ends with the job, whatever happens.
        let begun = connection.execute_batch("BEGIN");
        let _ = catch_unwind(AssertUnwindSafe(|| match begun {
            Ok(()) => job(Ok(&view)),
            Err(error) => job(Err(error.into())),
        }));
        let _ = connection.execute_batch("COMMIT");
    }
}

struct Sqlite<'c> {
    connection: &'c Connection,
}

impl Sqlite<'_> {
    fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        statement.query_row(params, |row| Ok(read(row))).optional()?.transpose()
    }

    fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map(params, |row| Ok(read(row)))?;
        rows.map(|row| row?).collect()
    }

    /// How many rows the statement changed.
    fn change(&self, sql: &str, params: impl Params) -> Result<usize, StoreError> {
        Ok(self.connection.prepare_cached(sql)?.execute(params)?)
    }
}

const ORDER: &str = "SELECT data, details, session FROM orders";

fn order_record(row: &Row<'_>) -> Result<OrderRecord, StoreError> {
    Ok(OrderRecord {
        order: json(row, 0)?,
        details: json(row, 1)?,
        session: id(row, 2, SessionId::parse)?,
    })
}

impl View for Sqlite<'_> {
    fn order(&self, id: &OrderId) -> Result<Option<OrderRecord>, StoreError> {
        self.one(&format!("{ORDER} WHERE id = ?1"), [id.as_str()], order_record)
    }

    fn order_by_merchant_order_id(
        &self,
        merchant: &MerchantId,
        number: &str,
    ) -> Result<Option<OrderRecord>, StoreError> {
        let sql = format!("{ORDER} WHERE merchant = ?1 AND merchant_order_id = ?2");
        self.one(&sql, [merchant.as_str(), number], order_record)
    }

    fn orders(
        &self,
        merchant: &MerchantId,
        status: Option<&str>,
        page: &Page<OrderId>,
    ) -> Result<Vec<OrderRecord>, StoreError> {
        let made_at = |at: &Timestamp| OrderId::new(*at, [0; 10]).to_string();
        let from = page.from.as_ref().map(made_at).unwrap_or_default();
        // After every id: what sorts behind its prefix.
        let end = || "ord_~".to_owned();
        let before = page.to.as_ref().map_or_else(end, made_at);
        let after = page.after.as_ref().map_or_else(end, ToString::to_string);
        let (before, most) = (before.min(after), page.limit + 1);
        // By status, so that one index serves both questions: a page costs at most eight short walks
        // along it, however many orders there are.
        let sql =
            "SELECT id FROM orders WHERE merchant = ?1 AND status = ?2 AND id >= ?3 AND id < ?4
                   ORDER BY id DESC LIMIT ?5";
        let mut found = Vec::new();
        for each in State::STATUSES.into_iter().filter(|it| status.is_none_or(|asked| asked == *it))
        {
            let params = params![merchant.as_str(), each, from, before, most];
            found.extend(self.all(sql, params, |row| id(row, 0, OrderId::parse))?);
        }
        found.sort_unstable_by(|one, other| other.cmp(one));
        found.truncate(most as usize);
        let mut orders = Vec::with_capacity(found.len());
        for id in &found {
            orders.extend(self.order(id)?);
        }
        Ok(orders)
    }

    fn marks(&self, since: Timestamp, most: u32) -> Result<Vec<Mark>, StoreError> {
        let sql = "SELECT merchant, created_ms, details ->> '$.facts.customer.ref', details ->> '$.facts.device.id',
                     details ->> '$.facts.customer.ip', details -> '$.facts.amount'
                   FROM orders WHERE id >= ?1 ORDER BY id DESC LIMIT ?2";
        let from = OrderId::new(since, [0; 10]);
        let mut marks = self.all(sql, params![from.as_str(), most], |row| {
            let ip = row.get::<_, Option<String>>(4)?;
            Ok(Mark {
                merchant: id(row, 0, MerchantId::parse)?,
                customer: row.get(2)?,
                device: row.get(3)?,
                ip: ip.and_then(|ip| ip.parse().ok()),
                amount: json(row, 5)?,
                at: Timestamp::from_ms(row.get(1)?),
            })
        })?;
        marks.reverse();
        Ok(marks)
    }

    fn order_of_attempt(&self, attempt: &AttemptId) -> Result<Option<OrderId>, StoreError> {
        self.one("SELECT order_id FROM attempts WHERE id = ?1", [attempt.as_str()], |row| {
            id(row, 0, OrderId::parse)
        })
    }

    fn order_of_refund(&self, refund: &RefundId) -> Result<Option<OrderId>, StoreError> {
        self.one("SELECT order_id FROM refunds WHERE id = ?1", [refund.as_str()], |row| {
            id(row, 0, OrderId::parse)
        })
    }

    fn refund_by_merchant_refund_id(
        &self,
        merchant: &MerchantId,
        number: &str,
    ) -> Result<Option<RefundId>, StoreError> {
        let sql = "SELECT id FROM refunds WHERE merchant = ?1 AND merchant_refund_id = ?2";
        self.one(sql, [merchant.as_str(), number], |row| id(row, 0, RefundId::parse))
    }

    fn session(&self, session: &SessionId) -> Result<Option<SessionRecord>, StoreError> {
        let sql = "SELECT order_id, secret_hash, gateway_key, claim_key, claim_origin, claim_ms FROM sessions WHERE id = ?1";
        self.one(sql, [session.as_str()], |row| {
            let claim = match row.get::<_, Option<i64>>(5)? {
                Some(ms) => Some(Claim {
                    key: json(row, 3)?,
                    origin: row.get(4)?,
                    at: Timestamp::from_ms(ms),
                }),
                None => None,
            };
            let order = id(row, 0, OrderId::parse)?;
            Ok(SessionRecord {
                id: session.clone(),
                order,
                secret_hash: row.get(1)?,
                gateway_key: row.get(2)?,
                claim,
            })
        })
    }

    fn first_answer(&self, key: &IdempotencyKey) -> Result<Option<FirstAnswer>, StoreError> {
        let sql =
            "SELECT fingerprint, status, body FROM first_answers WHERE scope = ?1 AND key = ?2";
        self.one(sql, [&key.scope, &key.key], |row| {
            Ok(FirstAnswer { fingerprint: row.get(0)?, status: row.get(1)?, body: row.get(2)? })
        })
    }

    fn merchants(&self) -> Result<Vec<MerchantRecord>, StoreError> {
        let sql = "SELECT id, name, notify_url, webhook_secret, policy, notify_hosts, former_secret, former_secret_until_ms, frame_origins FROM merchants";
        self.all(sql, [], |row| {
            let until = row.get::<_, Option<i64>>(7)?.map(Timestamp::from_ms);
            Ok(MerchantRecord {
                id: id(row, 0, MerchantId::parse)?,
                name: row.get(1)?,
                notify_url: row.get(2)?,
                webhook_secret: row.get(3)?,
                policy: row.get(4)?,
                notify_hosts: json(row, 5)?,
                former_secret: row.get::<_, Option<String>>(6)?.zip(until),
                frame_origins: json(row, 8)?,
            })
        })
    }

    fn merchant_keys(&self) -> Result<Vec<MerchantKey>, StoreError> {
        self.all("SELECT keyid, merchant, pem FROM merchant_keys", [], |row| {
            Ok(MerchantKey {
                keyid: row.get(0)?,
                merchant: id(row, 1, MerchantId::parse)?,
                pem: row.get(2)?,
            })
        })
    }

    fn setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.one("SELECT value FROM settings WHERE name = ?1", [name], |row| Ok(row.get(0)?))
    }

    fn balances(
        &self,
        account: &Account,
        at: Timestamp,
    ) -> Result<Vec<(Currency, i64)>, StoreError> {
        ledger::balances(self, account, at)
    }

    fn next_due(&self, lane: Lane) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT min(due_ms) FROM tasks WHERE lane = ?1";
        let due = self.one(sql, [lane.as_str()], |row| Ok(row.get::<_, Option<i64>>(0)?))?;
        Ok(due.flatten().map(Timestamp::from_ms))
    }

    fn waiting_tasks(&self) -> Result<u64, StoreError> {
        Ok(self.one("SELECT count(*) FROM tasks", [], |row| Ok(row.get(0)?))?.unwrap_or_default())
    }
}

impl Tx for Sqlite<'_> {
    fn insert_order(
        &self,
        record: &OrderRecord,
        session: &SessionRecord,
    ) -> Result<bool, StoreError> {
        let OrderRecord { order, details, .. } = record;
        let inserted = self.change(
            "INSERT INTO orders (id, merchant, merchant_order_id, status, version, created_ms, data, details, session)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (merchant, merchant_order_id) DO NOTHING",
            params![
                order.terms.id.as_str(),
                order.terms.merchant.as_str(),
                order.terms.merchant_order_id,
                order.state.status(),
                order.version,
                order.terms.created_at.as_ms(),
                to_json(order)?,
                to_json(details)?,
                session.id.as_str(),
            ],
        )?;
        if inserted == 0 {
            return Ok(false);
        }
        self.change(
            "INSERT INTO sessions (id, order_id, secret_hash, gateway_key) VALUES (?1, ?2, ?3, ?4)",
            params![
                session.id.as_str(),
                session.order.as_str(),
                session.secret_hash,
                session.gateway_key
            ],
        )?;
        Ok(true)
    }

    fn update_order(&self, order: &Order) -> Result<(), StoreError> {
        let id = order.terms.id.as_str();
        let changed = self.change(
            "UPDATE orders SET status = ?2, version = ?3, data = ?4 WHERE id = ?1 AND version < ?3",
            params![id, order.state.status(), order.version, to_json(order)?],
        )?;
        if changed != 1 {
            return Err(StoreError::Damaged(format!(
                "{id} has no version before {}",
                order.version
            )));
        }
        for attempt in &order.attempts {
            let sql = "INSERT INTO attempts (id, order_id) VALUES (?1, ?2)
                       ON CONFLICT (id) DO UPDATE SET order_id = order_id WHERE order_id = ?2";
            // One attempt pays one order: the channel knows it by this id alone.
            if self.change(sql, [attempt.id.as_str(), id])? != 1 {
                return Err(StoreError::Damaged(format!("{} is another order's", attempt.id)));
            }
        }
        for refund in &order.refunds {
            let sql = "INSERT INTO refunds (id, order_id, merchant, merchant_refund_id) VALUES (?1, ?2, ?3, ?4)
                       ON CONFLICT (id) DO UPDATE SET order_id = order_id WHERE order_id = ?2";
            let merchant = order.terms.merchant.as_str();
            let params = params![refund.id.as_str(), id, merchant, refund.merchant_refund_id];
            if self.change(sql, params)? != 1 {
                return Err(StoreError::Damaged(format!("{} is another order's", refund.id)));
            }
        }
        Ok(())
    }

    fn book(&self, order: &OrderId, entry: &Entry, at: Timestamp) -> Result<(), StoreError> {
        ledger::book(self.connection, order, entry, at)
    }

    fn schedule(&self, task: &Task, due: Timestamp) -> Result<(), StoreError> {
        self.change(
            "INSERT INTO tasks (lane, task, due_ms) VALUES (?1, ?2, ?3)",
            params![task.lane().as_str(), to_json(task)?, due.as_ms()],
        )?;
        Ok(())
    }

    fn claim_tasks(
        &self,
        lane: Lane,
        now: Timestamp,
        lease_end: Timestamp,
        limit: u32,
    ) -> Result<Vec<DueTask>, StoreError> {
        let sql = "UPDATE tasks SET due_ms = ?2, leased_from = ?1, tries = tries + 1
                   WHERE number IN (SELECT number FROM tasks WHERE lane = ?4 AND due_ms <= ?1 ORDER BY due_ms LIMIT ?3)
                   RETURNING number, task, tries - 1";
        let params = params![now.as_ms(), lease_end.as_ms(), limit, lane.as_str()];
        let claimed =
            self.all(sql, params, |row| Ok((row.get(0)?, json::<Task>(row, 1), row.get(2)?)))?;
        let mut tasks = Vec::with_capacity(claimed.len());
        for (number, task, tries) in claimed {
            match task {
                Ok(task) => tasks.push(DueTask { number, task, tries }),
                // One that cannot be read is for a person; the others go on.
                Err(error) => {
                    tracing::error!(number, %error, "task set aside");
                    self.postpone_task(number, Timestamp::from_ms(NEVER_MS), &error.to_string())?;
                }
            }
        }
        Ok(tasks)
    }

    fn finish_task(&self, number: i64) -> Result<(), StoreError> {
        self.change("DELETE FROM tasks WHERE number = ?1", [number]).map(drop)
    }

    fn postpone_task(&self, number: i64, due: Timestamp, error: &str) -> Result<(), StoreError> {
        let sql =
            "UPDATE tasks SET due_ms = ?2, leased_from = NULL, last_error = ?3 WHERE number = ?1";
        self.change(sql, params![number, due.as_ms(), error]).map(drop)
    }

    fn put_off_task(&self, number: i64, due: Timestamp) -> Result<(), StoreError> {
        let sql =
            "UPDATE tasks SET due_ms = ?2, leased_from = NULL, tries = tries - 1 WHERE number = ?1";
        self.change(sql, params![number, due.as_ms()]).map(drop)
    }

    fn end_leases(&self) -> Result<(), StoreError> {
        let sql = "UPDATE tasks SET due_ms = leased_from, leased_from = NULL WHERE leased_from IS NOT NULL";
        self.change(sql, []).map(drop)
    }

    fn save_first_answer(
        &self,
        key: &IdempotencyKey,
        answer: &FirstAnswer,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.change(
            "INSERT INTO first_answers (scope, key, fingerprint, status, body, at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![key.scope, key.key, answer.fingerprint, answer.status, answer.body, at.as_ms()],
        )?;
        Ok(())
    }

    fn take_nonce(&self, keyid: &str, nonce: &str, expires: Timestamp) -> Result<bool, StoreError> {
        let sql = "INSERT INTO nonces (keyid, nonce, expires_ms) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        Ok(self.change(sql, params![keyid, nonce, expires.as_ms()])? == 1)
    }

    fn claim_session(&self, session: &SessionId, claim: &Claim) -> Result<(), StoreError> {
        let sql = "UPDATE sessions SET claim_key = ?2, claim_origin = ?3, claim_ms = ?4 WHERE id = ?1 AND claim_ms IS NULL";
        let params =
            params![session.as_str(), to_json(&claim.key)?, claim.origin, claim.at.as_ms()];
        self.change(sql, params).map(drop)
    }

    fn put_setting(&self, name: &str, value: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO settings (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2";
        self.change(sql, [name, value]).map(drop)
    }

    fn put_merchant(&self, merchant: &MerchantRecord) -> Result<(), StoreError> {
        let MerchantRecord { id, name, notify_url, webhook_secret, policy, .. } = merchant;
        // Every policy that ever decided stays, so that what it decided can be decided again.
        self.change(
            "INSERT INTO policies (digest, policy) VALUES (?1, ?2) ON CONFLICT (digest) DO NOTHING",
            [&sha256_hex(policy.as_bytes()), policy],
        )?;
        let (former, until) =
            merchant.former_secret.as_ref().map(|(secret, until)| (secret, until.as_ms())).unzip();
        self.change(
            "INSERT INTO merchants (id, name, notify_url, webhook_secret, policy, notify_hosts, former_secret, former_secret_until_ms, frame_origins)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (id) DO UPDATE SET name = ?2, notify_url = ?3, webhook_secret = ?4, policy = ?5,
               notify_hosts = ?6, former_secret = ?7, former_secret_until_ms = ?8, frame_origins = ?9",
            params![
                id.as_str(),
                name,
                notify_url,
                webhook_secret,
                policy,
                to_json(&merchant.notify_hosts)?,
                former,
                until,
                to_json(&merchant.frame_origins)?,
            ],
        )?;
        Ok(())
    }

    fn put_merchant_key(&self, key: &MerchantKey) -> Result<bool, StoreError> {
        let changed = self.change(
            "INSERT INTO merchant_keys (keyid, merchant, pem) VALUES (?1, ?2, ?3)
             ON CONFLICT (keyid) DO UPDATE SET pem = ?3 WHERE merchant = ?2",
            params![key.keyid, key.merchant.as_str(), key.pem],
        )?;
        Ok(changed == 1)
    }

    fn remove_merchant_key(&self, merchant: &MerchantId, keyid: &str) -> Result<bool, StoreError> {
        let sql = "DELETE FROM merchant_keys WHERE merchant = ?1 AND keyid = ?2";
        Ok(self.change(sql, [merchant.as_str(), keyid])? == 1)
    }

    fn prune(&self, nonces_before: Timestamp, answers_before: Timestamp) -> Result<(), StoreError> {
        let nonces = "DELETE FROM nonces WHERE (keyid, nonce) IN
                      (SELECT keyid, nonce FROM nonces WHERE expires_ms < ?1 LIMIT ?2)";
        let answers = "DELETE FROM first_answers WHERE (scope, key) IN
                       (SELECT scope, key FROM first_answers WHERE at_ms < ?1 LIMIT ?2)";
        self.change(nonces, params![nonces_before.as_ms(), PRUNED])?;
        self.change(answers, params![answers_before.as_ms(), PRUNED]).map(drop)
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.to_string())
    }
}

fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T, StoreError> {
    let text =
        row.get_ref(column)?.as_str().map_err(|error| StoreError::Damaged(error.to_string()))?;
    serde_json::from_str(text).map_err(|error| StoreError::Damaged(error.to_string()))
}

fn to_json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Damaged(error.to_string()))
}

fn id<T, E>(
    row: &Row<'_>,
    column: usize,
    parse: fn(&str) -> Result<T, E>,
) -> Result<T, StoreError> {
    let text =
        row.get_ref(column)?.as_str().map_err(|error| StoreError::Damaged(error.to_string()))?;
    parse(text).map_err(|_| StoreError::Damaged(format!("{text} is no id")))
}

fn enqueue<J>(queue: &Mutex<Option<mpsc::SyncSender<J>>>, job: J) -> Result<(), StoreError> {
    let queue = lock(queue);
    let queue = queue.as_ref().ok_or(StoreError::Abandoned)?;
    queue.try_send(job).map_err(|refused| match refused {
        mpsc::TrySendError::Full(_) => StoreError::Full,
        mpsc::TrySendError::Disconnected(_) => StoreError::Abandoned,
    })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn spawn(
    name: &str,
    run: impl FnOnce() + Send + 'static,
) -> Result<thread::JoinHandle<()>, StoreError> {
    let builder = thread::Builder::new().name(name.to_owned());
    builder.spawn(run).map_err(|error| StoreError::Database(error.to_string()))
}

/// The store's file in a data folder.
pub fn file(data: &Path) -> PathBuf {
    data.join("lezai.db")
}

#[cfg(test)]
mod tests {
    use lezai_core::ledger::{GENESIS, Kind};
    use lezai_core::order::Effect;

    use super::*;
    use crate::store::suite;

    #[tokio::test]
    async fn it_does_what_every_store_must() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path());
        suite::run(|| Arc::new(SqliteStore::open(&file).unwrap())).await;

        // What lies in the file can be read beside a running gateway, and the ledger not changed.
        let beside = open_to_read(&file).unwrap();
        let mut entries = Vec::new();
        for_each_entry(&beside, |entry| {
            entries.push(entry);
            Ok::<_, StoreError>(())
        })
        .unwrap();
        let first = entries.first().unwrap();
        assert_eq!((first.number, first.previous.as_str()), (1, GENESIS));
        let entry = Entry::new(first.kind, first.postings.clone()).unwrap();
        assert_eq!(entry.hash(GENESIS, 1, first.at, &first.order), first.hash);
        let writer = Connection::open(&file).unwrap();
        for sql in ["UPDATE entries SET at_ms = 0", "DELETE FROM entries"] {
            assert!(writer.execute(sql, []).is_err(), "{sql}");
        }
    }

    #[tokio::test]
    async fn a_file_of_version_1_is_brought_up_to_date() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path());
        let connection = Connection::open(&file).unwrap();
        connection.execute_batch(include_str!("version_1.sql")).unwrap();
        // The second was booked a little before its time.
        for (number, ms, minor) in [(1, 2_000, 100), (2, 1_000, 5)] {
            let postings = format!(
                r#"[{{"account":{{"channel_receivable":"sandbox"}},"minor":{minor},"currency":"CNY"}},
                    {{"account":"fee_income","minor":-1,"currency":"CNY"}},
                    {{"account":"fee_income","minor":{},"currency":"CNY"}}]"#,
                1 - minor
            );
            let sql =
                "INSERT INTO entries SELECT ?1, ?2, min(id), 'payment', ?3, '', '' FROM orders";
            connection.execute(sql, params![number, ms, postings]).unwrap();
        }
        drop(connection);
        drop(SqliteStore::open(&file).unwrap());
        let connection = open_to_read(&file).unwrap();
        let mut entries = Vec::new();
        for_each_order(&connection, |order| {
            entries.extend(order.entries().unwrap().into_iter().map(|it| it.kind()));
            Ok::<_, StoreError>(())
        })
        .unwrap();
        assert_eq!(entries, [Kind::Payment, Kind::UnexpectedPayment, Kind::PaymentReturn]);
        for (account, expected) in [
            (Account::ChannelReceivable("sandbox".to_owned()), [0, 105]),
            (Account::FeeIncome, [0, -105]),
        ] {
            let minor = |ms| {
                let tables = Sqlite { connection: &connection };
                tables.balances(&account, Timestamp::from_ms(ms)).unwrap()[0].1
            };
            assert_eq!([minor(1_999), minor(2_000)], expected, "{account}");
        }
        // The plugin waits for the gateway to make a release of it.
        let unsigned = Sqlite { connection: &connection }.unsigned_plugins().unwrap();
        assert_eq!((unsigned.len(), unsigned[0].merchant.as_str()), (1, "m_demo"));
        assert_eq!(
            (&unsigned[0].component[..], &unsigned[0].settings[..]),
            (&b"\0asm"[..], &[1][..])
        );
        assert!(Sqlite { connection: &connection }.standing_releases(None).unwrap().is_empty());
        // What was paid is still to be settled, a day after.
        let task = connection.query_row("SELECT task, due_ms FROM tasks", [], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
        });
        let (task, due) = task.unwrap();
        let task: Task = serde_json::from_str(&task).unwrap();
        assert!(matches!(&task, Task::Order { what: Effect::Settle, .. }), "{task:?}");
        assert_eq!(due, 1_795_000_060_000 + 86_400_000);
    }

    #[test]
    fn a_file_of_a_later_version_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path());
        let connection = Connection::open(&file).unwrap();
        connection.pragma_update(None, "user_version", SCHEMA_VERSION + 1).unwrap();
        drop(connection);
        assert!(SqliteStore::open(&file).is_err());
    }
}
