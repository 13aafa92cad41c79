//! The store in one SQLite file: WAL with `synchronous=FULL`, so what was committed survives a
//! crash of the process, the system and the power.
//!
//! One thread writes. It takes every job that waits, runs each in a savepoint of one transaction,
//! commits once, and then lets all callers know: many requests share one fsync, and none is
//! answered before it. Another copies what was committed from the log (WAL) to its place, so that
//! commits do not wait for that. Readers have connections of their own and see the last commit.

#![forbid(unsafe_code)]

mod accounts;
mod bills;
mod events;
mod fees;
mod funds;
mod fx;
mod holds;
mod ledger;
mod log;
mod mandates;
mod payout_batches;
#[cfg(test)]
mod plans;
mod plugins;
mod records;
mod schema;
mod sealed;
mod splits;
mod statements;
mod tables;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use lezai_core::id::{MerchantId, OrderId};
use lezai_core::policy::OrderFacts;
use lezai_seal::Vault;
use prometheus_client::metrics::counter::Counter;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use lezai_store::Details;
use lezai_store::decision::DecisionRecord;
use lezai_store::plugins::{PluginReads as _, Recorded};
use lezai_store::{Fault, Outcome, ReadJob, Scope, Store, StoreError, WriteJob};
use log::{Checkpoint, Log, copy, copy_all};
use schema::prepare;
use tables::{Sqlite, json};

pub use bills::for_each_difference;
pub use fees::{promotions, volumes};
pub use funds::{
    batch_sums, contracts, for_each_batch, for_each_payout, payout_events, unplanned_contract,
};

pub use holds::{Rows, Tasks, dangling_row, integrity, missing_row, rows, tasks, untold_event};
pub use ledger::{
    balance_after, balances_kept, book, difference_with_entries, for_each_entry, for_each_order,
    last_entry, moved, order_with_entries, owner_kept, payout_with_entries, walk_entries,
};
pub use mandates::for_each_mandate;
pub use payout_batches::for_each_payout_batch;
pub use statements::{balances_after, entry_head, last_before, reference};

/// The most jobs in one commit: bounds how long the first of them waits for the last.
const BATCH: usize = 256;
/// Jobs that wait, of each kind: some seconds' worth. Further ones are refused, for their callers
/// would have given up before their turn.
const QUEUE: usize = 8_192;
/// Statements that a connection keeps parsed: more than there are.
const STATEMENTS: usize = 256;
/// Rows that are sealed anew in one commit.
const RESEALED: u32 = 200;
/// Readers at once; SQLite's reads take microseconds.
const READERS: usize = 4;

/// A store in one file.
pub struct SqliteStore {
    jobs: Mutex<Option<mpsc::SyncSender<WriteJob>>>,
    reads: Mutex<Option<mpsc::SyncSender<ReadJob>>>,
    /// Ends last, and gives its connection back.
    writer: Mutex<Option<thread::JoinHandle<Connection>>>,
    threads: Mutex<Vec<thread::JoinHandle<()>>>,
    failed: Counter,
}

impl SqliteStore {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`] if it cannot be opened or was written by a newer version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_sealed(path, &Vault::none())
    }

    /// As [`SqliteStore::open`], with root keys to seal secrets and personal data under.
    ///
    /// # Errors
    ///
    /// As of [`SqliteStore::open`].
    pub fn open_sealed(path: &Path, vault: &Arc<Vault>) -> Result<Self, StoreError> {
        let writer = Connection::open(path)?;
        prepare(&writer, vault)?;
        let (jobs, queue) = mpsc::sync_channel(QUEUE);
        let log = Arc::new(Log::default());
        let (copier, beside) = (Connection::open(path)?, Arc::clone(&log));
        copier.busy_timeout(Duration::from_secs(5))?;
        let failed = Counter::default();
        let counted = failed.clone();
        let mut threads = vec![spawn("store-copier", move || copy_all(&copier, &beside))?];
        let writer = spawn("store-writer", move || {
            write_all(&writer, &queue, &log, &counted);
            log.end();
            writer
        })?;
        let (reads, queue) = mpsc::sync_channel::<ReadJob>(QUEUE);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..READERS {
            // Opened now: later there may be no file descriptor left.
            let (connection, queue) = (open_to_read_sealed(path, vault)?, Arc::clone(&queue));
            threads.push(spawn("store-reader", move || read_all(&connection, &queue))?);
        }
        Ok(Self {
            jobs: Mutex::new(Some(jobs)),
            reads: Mutex::new(Some(reads)),
            writer: Mutex::new(Some(writer)),
            threads: Mutex::new(threads),
            failed,
        })
    }

    /// Commits that failed.
    pub fn failed_commits(&self) -> &Counter {
        &self.failed
    }
}

impl Store for SqliteStore {
    fn submit(&self, _: Scope, job: WriteJob) -> Result<(), StoreError> {
        enqueue(&self.jobs, job)
    }

    fn view(&self, _: Option<MerchantId>, job: ReadJob) -> Result<(), StoreError> {
        enqueue(&self.reads, job)
    }

    fn close(&self) {
        lock(&self.jobs).take();
        lock(&self.reads).take();
        let writer = lock(&self.writer).take().map(thread::JoinHandle::join);
        for thread in lock(&self.threads).drain(..) {
            let _ = thread.join();
        }
        // The last connection of ours: closing it removes the log, which is empty by then.
        if let Some(Ok(connection)) = writer {
            log::fold(&connection);
        }
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.close();
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
        prepare(&connection, &Vault::none())?;
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
    open_to_read_sealed(path, &Vault::none())
}

/// As [`open_to_read`], with root keys to open what is sealed.
///
/// # Errors
///
/// As of [`open_to_read`].
pub fn open_to_read_sealed(path: &Path, vault: &Arc<Vault>) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    sealed::teach(&connection, vault)?;
    Ok(connection)
}

/// The root key that everything in a store is sealed under; none if that is not so.
///
/// # Errors
///
/// [`StoreError`].
pub fn sealed_under(connection: &Connection) -> Result<Option<String>, StoreError> {
    let sql = "SELECT value FROM settings WHERE name = ?1";
    Sqlite { connection }.one(sql, [sealed::SETTING], |row| Ok(row.get(0)?))
}

/// Seals everything anew that is plain, or sealed under a former root key, beside a store that is in use: some
/// rows at a time, so that others wait for no more than these. Whether there was anything to do.
///
/// # Errors
///
/// [`StoreError::Database`], also if something is sealed under a root key that is not at hand.
pub fn reseal(path: &Path, vault: &Arc<Vault>) -> Result<bool, StoreError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(60))?;
    sealed::teach(&connection, vault)?;
    // Other root keys that come meanwhile are another call's.
    let Some(roots) = vault.roots() else { return Ok(false) };
    let (mut was_needed, mut progress) = (false, sealed::Progress::default());
    loop {
        let transaction = Transaction::new_unchecked(&connection, TransactionBehavior::Immediate)?;
        let more = sealed::renew(&transaction, &roots, &mut progress, RESEALED)?;
        transaction.commit()?;
        if !more {
            return Ok(was_needed);
        }
        was_needed = true;
        // A writer that waits has its turn.
        thread::sleep(Duration::from_millis(2));
    }
}

/// The decision on an order, made or denied, with all that it was made of.
///
/// # Errors
///
/// [`StoreError`].
pub fn recorded(connection: &Connection, order: &OrderId) -> Result<Option<Recorded>, StoreError> {
    let tables = Sqlite { connection };
    let sql = "SELECT opened('order/' || id || '/details', details) FROM orders WHERE id = ?1";
    let made = tables.one(sql, [order.as_str()], |row| json::<Details>(row, 0))?;
    let made = made.map(|it| (it.facts, it.decision));
    let sql = "SELECT opened('denial/' || order_id || '/facts', facts), decision FROM denials WHERE order_id = ?1";
    let kept = match made {
        Some(made) => Some(made),
        None => tables.one(sql, [order.as_str()], |row| Ok((json(row, 0)?, json(row, 1)?)))?,
    };
    let Some((facts, decision)): Option<(OrderFacts, DecisionRecord)> = kept else {
        return Ok(None);
    };
    let sql = "SELECT policy FROM policies WHERE digest = ?1";
    let policy = tables.one(sql, [&decision.policy], |row| Ok(row.get(0)?))?;
    let release = match &decision.release {
        Some(it) => tables.release(&facts.merchant, it.sequence)?,
        None => None,
    };
    Ok(Some(Recorded { facts, decision, policy, release, component: None }))
}

fn write_all(
    connection: &Connection,
    queue: &mpsc::Receiver<WriteJob>,
    log: &Log,
    failed: &Counter,
) {
    while let Ok(first) = queue.recv() {
        let batch = std::iter::once(first).chain(queue.try_iter()).take(BATCH);
        // This thread outlives a panic, even in the log, and a job that is dropped tells
        // its caller.
        let turn = AssertUnwindSafe(|| commit_batch(connection, batch, log));
        if !catch_unwind(turn).unwrap_or(false) {
            failed.inc();
        }
        end_transaction(connection);
    }
}

/// Commits what there is, and tells everybody before it does anything else. Whether it could.
fn commit_batch(connection: &Connection, batch: impl Iterator<Item = WriteJob>, log: &Log) -> bool {
    let mut callers = Vec::new();
    let committed = commit(connection, batch, &mut callers);
    if committed.is_err() {
        end_transaction(connection);
    }
    let jobs = callers.len();
    for tell in callers {
        // A caller that panics at the news keeps it from nobody else.
        let _ = catch_unwind(AssertUnwindSafe(|| tell(committed.clone())));
    }
    if let Err(error) = &committed {
        tracing::error!(%error, "commit failed");
    }
    match log.grew(jobs) {
        Checkpoint::None => {}
        Checkpoint::Rest => _ = copy(connection, "PASSIVE"),
        Checkpoint::Wait => _ = copy(connection, "RESTART"),
    }
    committed.is_ok()
}

/// Ends what is left of a transaction that failed, so that the next batch can begin one.
fn end_transaction(connection: &Connection) {
    if !connection.is_autocommit() {
        let _ = connection.execute_batch("ROLLBACK");
    }
}

/// The function that hears how a commit went.
pub type Caller = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

fn commit(
    connection: &Connection,
    batch: impl Iterator<Item = WriteJob>,
    callers: &mut Vec<Caller>,
) -> Result<(), StoreError> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
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
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(())
}

fn read_all(connection: &Connection, queue: &Mutex<mpsc::Receiver<ReadJob>>) {
    loop {
        let job = lock(queue).recv();
        let Ok(job) = job else { return };
        let view = Sqlite { connection };
        // One transaction, so that the job sees one state; it ends with the job, whatever happens.
        let begun = connection.prepare_cached("BEGIN").and_then(|mut it| it.execute([]));
        let _ = catch_unwind(AssertUnwindSafe(|| match begun {
            Ok(_) => job(Ok(&view)),
            Err(error) => job(Err(error.into())),
        }));
        if !connection.is_autocommit() {
            let _ = connection.prepare_cached("COMMIT").and_then(|mut it| it.execute([]));
        }
    }
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

fn spawn<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<thread::JoinHandle<T>, StoreError> {
    let builder = thread::Builder::new().name(name.to_owned());
    builder.spawn(run).map_err(|error| StoreError::database(Fault::Other, error))
}

/// Whether a file holds no store yet: it is not there, or nothing was ever written to it.
///
/// # Errors
///
/// [`StoreError::Database`] if it is there and cannot be read.
pub fn is_blank(path: &Path) -> Result<bool, StoreError> {
    // Committed rows may lie in the log alone, so the length of the file says nothing.
    if !path.exists() {
        return Ok(true);
    }
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    Ok(schema::version(&connection)? == 0)
}

/// The store's file in a data folder.
pub fn file(data: &Path) -> PathBuf {
    data.join("lezai.db")
}

#[cfg(test)]
mod tests {
    use lezai_core::ledger::{Entry, GENESIS};
    use lezai_seal::{Roots, new_root};

    use super::schema::SCHEMA_VERSION;
    use super::*;
    use lezai_store::View as _;
    use lezai_store_suite as suite;

    #[tokio::test]
    async fn it_does_what_every_store_must() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path());
        suite::run(|| Arc::new(SqliteStore::open(&file).unwrap())).await;

        // The file can be read beside a running gateway, and the ledger not changed.
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
        assert_eq!(entry.hash(GENESIS, 1, first.at, &first.subject), first.hash);
        let writer = Connection::open(&file).unwrap();
        for sql in ["UPDATE entries SET at_ms = 0", "DELETE FROM entries"] {
            assert!(writer.execute(sql, []).is_err(), "{sql}");
        }
    }

    #[tokio::test]
    async fn with_a_root_key_nothing_personal_of_a_payout_is_in_the_file() {
        let vault = Vault::new(Roots::parse(&new_root().unwrap()).unwrap());
        for (vault, in_clear) in [(&vault, false), (&Vault::none(), true)] {
            let folder = tempfile::tempdir().unwrap();
            let path = file(folder.path());
            suite::run(|| Arc::new(SqliteStore::open_sealed(&path, vault).unwrap())).await;
            let bytes = std::fs::read(&path).unwrap();
            for planted in suite::PLANTED {
                let is_there = bytes.windows(planted.len()).any(|it| it == planted.as_bytes());
                assert_eq!(is_there, in_clear, "{planted}");
            }
            // What the ledger's check reads needs no root key.
            let beside = open_to_read(&path).unwrap();
            let mut ends = Vec::new();
            for_each_payout(&beside, |payout| {
                ends.push(payout.terms.destination.account);
                Ok::<_, StoreError>(())
            })
            .unwrap();
            assert_eq!(ends, ["****3445"; 10]);
        }
    }

    #[tokio::test]
    async fn a_store_that_was_closed_is_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path());
        assert!(is_blank(&path).unwrap());
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path).unwrap());
        for n in 0..50 {
            let value = n.to_string();
            let done =
                lezai_store::write(&store, Scope::Gateway, move |tx| tx.put_setting("n", &value))
                    .await;
            done.unwrap();
        }
        // Others hold the store, as a connection that did not end in time does.
        let held = Arc::clone(&store);
        tokio::task::spawn_blocking(move || held.close()).await.unwrap();
        let files = std::fs::read_dir(folder.path()).unwrap();
        let files: Vec<_> = files.map(|it| it.unwrap().file_name()).collect();
        assert_eq!(files, ["lezai.db"]);
        let late =
            lezai_store::write(&store, Scope::Gateway, |tx| tx.put_setting("n", "late")).await;
        assert!(matches!(late, Err(StoreError::Abandoned)), "{late:?}");
        let copy = folder.path().join("copy.db");
        std::fs::copy(&path, &copy).unwrap();
        assert!(!is_blank(&copy).unwrap());
        let copy = open_to_read(&copy).unwrap();
        assert_eq!(Sqlite { connection: &copy }.setting("n").unwrap().as_deref(), Some("49"));
    }

    #[tokio::test]
    async fn the_writer_outlives_whatever_panics_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let opened = SqliteStore::open(&file(folder.path())).unwrap();
        let failed = opened.failed_commits().clone();
        let store: Arc<dyn Store> = Arc::new(opened);
        // At the news of its commit, and while it is made.
        for outcome in [true, false] {
            let (heard, hears) = tokio::sync::oneshot::channel();
            let job: WriteJob = Box::new(move |_| {
                let tell = move |_| {
                    let _ = heard.send(());
                    panic!("on purpose");
                };
                if outcome {
                    Outcome::Commit(Box::new(tell))
                } else {
                    Outcome::Undo(Box::new(tell))
                }
            });
            store.submit(Scope::Gateway, job).unwrap();
            hears.await.unwrap();
            let after =
                lezai_store::write(&store, Scope::Gateway, |tx| tx.put_setting("n", "1")).await;
            after.unwrap();
        }
        assert_eq!(failed.get(), 0);
    }

    #[tokio::test]
    async fn errors_are_told_by_their_kind() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path());
        let fault = |path: &Path| match SqliteStore::open(path).map(drop) {
            Err(StoreError::Database(error)) => error.fault,
            other => panic!("{other:?}"),
        };
        assert_eq!(fault(&folder.path().join("nowhere/lezai.db")), Fault::CannotOpen);
        std::fs::write(&path, [b'x'; 4096]).unwrap();
        assert_eq!(fault(&path), Fault::Foreign);
        std::fs::remove_file(&path).unwrap();
        drop(SqliteStore::open(&path).unwrap());
        let holder = Connection::open(&path).unwrap();
        holder.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; COMMIT").unwrap();
        let holder_2 = Connection::open(&path).unwrap();
        holder_2.busy_timeout(Duration::ZERO).unwrap();
        let busy = holder_2.execute_batch("BEGIN IMMEDIATE; COMMIT").map_err(StoreError::from);
        let Err(StoreError::Database(busy)) = busy else { panic!("{busy:?}") };
        assert_eq!(busy.fault, Fault::Busy);
        drop((holder, holder_2));

        // No page more: SQLite says what it says of a full disk.
        let full = Connection::open(&path).unwrap();
        full.execute_batch("PRAGMA max_page_count = 1").unwrap();
        let error = full
            .execute("INSERT INTO settings VALUES ('a', hex(zeroblob(100000)))", [])
            .map_err(StoreError::from);
        let Err(StoreError::Database(error)) = error else { panic!("{error:?}") };
        assert_eq!(error.fault, Fault::NoRoom);
        drop(full);

        let mut bytes = std::fs::read(&path).unwrap();
        for byte in &mut bytes[4096..] {
            *byte = 0x5a;
        }
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(fault(&path), Fault::Corrupt);
    }

    #[test]
    fn a_file_of_a_later_version_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path());
        let connection = Connection::open(&file).unwrap();
        connection.pragma_update(None, "user_version", SCHEMA_VERSION + 1).unwrap();
        drop(connection);
        let error = SqliteStore::open(&file).map(drop).unwrap_err();
        assert!(error.explain(&file).contains("a newer lezai"), "{error}");
    }
}
