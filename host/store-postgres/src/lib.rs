//! The store in PostgreSQL, for several gateways at once.
//!
//! The ledger is several chains, the *books*, and a merchant's entries are all in one of them. A job names whose rows
//! it writes ([`Scope`]). Jobs of one book run one after another: their transaction begins by locking the row of the
//! book, so every node waits there, and a job that read something may decide upon it. Different books share no lock.
//! Several waiting jobs of one book are one transaction, each in a savepoint, and none is answered before its commit.
//!
//! Jobs are synchronous, as the traits of [`lezai_store`] have them, and run on threads that have a connection each.

#![forbid(unsafe_code)]

mod accounts;
mod address;
mod bills;
mod chain;
mod events;
mod fees;
mod funds;
mod fx;
mod head;
mod lanes;
mod ledger;
mod mandates;
mod news;
mod payout_batches;
mod plugins;
mod recorded;
mod records;
mod rows;
mod schema;
mod sealed;
mod server;
mod session;
mod snapshot;
mod splits;
mod statements;
mod stepped;
mod tables;
mod tls;
mod turn;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use lezai_core::id::MerchantId;
use lezai_seal::Vault;
use lezai_store::{Fault, News, ReadJob, Scope, Store, StoreError, WriteJob};
use prometheus_client::metrics::counter::Counter;

use lanes::Lanes;
use news::Bulletin;
use session::{Session, apart};
use tables::Postgres;

pub use address::Address;
pub use ledger::GATEWAY_BOOK;
pub use recorded::recorded;
pub use schema::{BOOKS, Found, SCHEMA_VERSION, check, migrate};
pub use sealed::{reseal, sealed_under};
pub use server::{Server, server};
pub use snapshot::{Rows, Snapshot, Value, snapshot};
pub use stepped::Stepped;

/// Reads that wait: some seconds' worth. Further ones are refused, for their callers would have given up.
const READS_MAX: usize = 8_192;

/// How many connections a node has to the database.
#[derive(Clone, Copy, Debug)]
pub struct Connections {
    /// For jobs that write, each of another book.
    pub writers: usize,
    /// For jobs that read.
    pub readers: usize,
}

impl Default for Connections {
    fn default() -> Self {
        Self { writers: 8, readers: 4 }
    }
}

/// A store in a database.
pub struct PostgresStore {
    lanes: Arc<Lanes>,
    reads: Mutex<Option<mpsc::SyncSender<Read>>>,
    threads: Mutex<Vec<thread::JoinHandle<()>>>,
    bulletin: Arc<Bulletin>,
    failed: Counter,
}

struct Read {
    merchant: Option<MerchantId>,
    job: ReadJob,
}

impl PostgresStore {
    /// Opens a database whose tables [`migrate`] made.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`] if it cannot be reached, or its tables are none that this program knows.
    pub fn open(
        address: &Arc<Address>,
        vault: &Arc<Vault>,
        connections: Connections,
    ) -> Result<Self, StoreError> {
        let books = apart(address, schema::usable)?;
        let lanes = Arc::new(Lanes::new(books));
        let failed = Counter::default();
        let mut threads = Vec::new();
        for _ in 0..connections.writers.max(1) {
            let session = Session::new(address)?;
            let (lanes, vault, failed) = (Arc::clone(&lanes), Arc::clone(vault), failed.clone());
            threads.push(spawn("store-writer", move || {
                turn::write_all(&session, &lanes, &vault, books, &failed);
            })?);
        }
        let (reads, queue) = mpsc::sync_channel::<Read>(READS_MAX);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..connections.readers.max(1) {
            let session = Session::new(address)?;
            let (queue, vault) = (Arc::clone(&queue), Arc::clone(vault));
            threads.push(spawn("store-reader", move || {
                read_all(&session, &queue, &vault, books);
            })?);
        }
        let bulletin = Arc::new(Bulletin::default());
        threads.extend(news::run(address, &bulletin)?);
        Ok(Self {
            lanes,
            reads: Mutex::new(Some(reads)),
            threads: Mutex::new(threads),
            bulletin,
            failed,
        })
    }

    /// Commits that failed.
    pub fn failed_commits(&self) -> &Counter {
        &self.failed
    }
}

impl Store for PostgresStore {
    fn submit(&self, scope: Scope, job: WriteJob) -> Result<(), StoreError> {
        self.lanes.put(scope, job)
    }

    fn view(&self, merchant: Option<MerchantId>, job: ReadJob) -> Result<(), StoreError> {
        let reads = lock(&self.reads);
        let reads = reads.as_ref().ok_or(StoreError::Abandoned)?;
        reads.try_send(Read { merchant, job }).map_err(|refused| match refused {
            mpsc::TrySendError::Full(_) => StoreError::Full,
            mpsc::TrySendError::Disconnected(_) => StoreError::Abandoned,
        })
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn announce(&self, news: News) {
        self.bulletin.announce(news);
    }

    fn listen(&self, hear: Box<dyn Fn(News) + Send + Sync>) {
        self.bulletin.listen(hear);
    }

    fn close(&self) {
        self.lanes.end();
        lock(&self.reads).take();
        self.bulletin.end();
        for thread in lock(&self.threads).drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        self.close();
    }
}

fn read_all(
    session: &Session,
    queue: &Mutex<mpsc::Receiver<Read>>,
    vault: &Arc<Vault>,
    books: u32,
) {
    loop {
        let read = lock(queue).recv();
        let Ok(Read { merchant, job }) = read else { return };
        let view = Postgres::view(session, vault, books, merchant);
        // One snapshot, so that the job sees one state; it ends with the job, whatever happens.
        let begun = begin_to_read(session);
        let _ = catch_unwind(AssertUnwindSafe(|| match begun {
            Ok(()) => job(Ok(&view)),
            Err(error) => job(Err(error)),
        }));
        // The caller has its answer already.
        let _ = session.flush();
        session.recovered();
        if session.is_connected() && session.batch("COMMIT").is_err() {
            session.hang_up();
        }
    }
}

/// A connection that was cut since it was last used is made anew: nothing was asked of it yet.
fn begin_to_read(session: &Session) -> Result<(), StoreError> {
    const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    let begin = || {
        session.connect()?;
        session.batch(BEGIN)
    };
    begin().or_else(|error| match session.is_connected() {
        true => Err(error),
        false => {
            session.hang_up();
            begin()
        }
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
