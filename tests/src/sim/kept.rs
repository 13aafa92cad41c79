//! Where a run keeps its state: in memory, or in a database of PostgreSQL's. The tables that the invariants look at are
//! the same: of a database they are what `lezai ledger check` makes of it.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use lezai::ledger::tables_of_book;
use lezai_core::id::MerchantId;
use lezai_core::ledger::GENESIS;
use lezai_store::{Outcome, ReadJob, Scope, StoreError, WriteJob, book_of};
use lezai_store_postgres::{Address, Stepped as OverPostgres, migrate};
use lezai_store_sqlite::{Caller, Stepped as InMemory};
use rusqlite::Connection;

use super::MERCHANT;

/// More than one, so that the gateway's own book and the merchant's are not all there are.
const BOOKS: u32 = 4;

/// The news that a caller is to hear.
pub(super) type Told = (Caller, Result<(), StoreError>);

/// The state of a run.
pub(super) enum Kept {
    Memory(InMemory),
    Database {
        /// None once it is given back.
        store: Option<Box<OverPostgres>>,
        /// The tables as of the last commit; none if they were not looked at since.
        tables: Mutex<Option<InMemory>>,
    },
}

impl Kept {
    /// An empty one.
    pub(super) fn new() -> Self {
        match PLACE.get() {
            None => Self::Memory(InMemory::new().unwrap()),
            Some(place) => {
                Self::Database { store: Some(Box::new(place.take())), tables: Mutex::default() }
            }
        }
    }

    /// Other nodes could use it at the same time.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Self::Database { .. })
    }

    /// Commits the jobs, and gives what their callers are to hear.
    pub(super) fn commit(&self, jobs: Vec<(Scope, WriteJob)>) -> Result<Vec<Told>, StoreError> {
        match self {
            Self::Memory(store) => {
                let callers = store.commit(jobs.into_iter().map(|(_, job)| job).collect())?;
                Ok(callers.into_iter().map(|caller| (caller, Ok(()))).collect())
            }
            Self::Database { store, tables } => {
                let told = Arc::default();
                let jobs = overheard(jobs, &told);
                tables.lock().unwrap().take();
                store.as_ref().unwrap().commit(jobs)?;
                Ok(std::mem::take(&mut *told.lock().unwrap()))
            }
        }
    }

    /// The process dies before it commits the jobs: in memory none of them runs, and in a database all that ran in the
    /// last transaction is gone with the connection.
    pub(super) fn lose(&self, jobs: Vec<(Scope, WriteJob)>) -> Result<(), StoreError> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Database { store, tables } => {
                tables.lock().unwrap().take();
                store.as_ref().unwrap().lose(overheard(jobs, &Arc::default()))
            }
        }
    }

    pub(super) fn view(&self, merchant: Option<MerchantId>, job: ReadJob) {
        match self {
            Self::Memory(store) => store.view(job),
            Self::Database { store, .. } => store.as_ref().unwrap().view(merchant, job),
        }
    }

    /// First answers are gone, as if they had been in memory alone.
    pub(super) fn forget_responses(&self) {
        const FORGET: &str = "DELETE FROM stored_responses";
        match self {
            Self::Memory(store) => store.connection().execute_batch(FORGET).unwrap(),
            Self::Database { store, .. } => store.as_ref().unwrap().statement(FORGET).unwrap(),
        }
    }

    /// Looks at the tables.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Connection) -> T) -> T {
        match self {
            Self::Memory(store) => look(store.connection()),
            Self::Database { store, tables } => {
                let mut tables = tables.lock().unwrap();
                let tables = tables.get_or_insert_with(|| copied(store.as_ref().unwrap()));
                look(tables.connection())
            }
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let (Self::Database { store, .. }, Some(place)) = (self, PLACE.get())
            && let Some(store) = store.take()
        {
            place.free.lock().unwrap().push(*store);
        }
    }
}

/// The tables of the merchant's book.
fn copied(store: &OverPostgres) -> InMemory {
    let merchant = MerchantId::parse(MERCHANT).unwrap();
    let book = book_of(&merchant, store.books()).into();
    store.snapshot(|snapshot| tables_of_book(snapshot, book)).unwrap()
}

/// The jobs, whose callers hear nothing: it is noted what they would.
fn overheard(jobs: Vec<(Scope, WriteJob)>, told: &Arc<Mutex<Vec<Told>>>) -> Vec<(Scope, WriteJob)> {
    let wrapped = jobs.into_iter().map(|(scope, job)| {
        let told = Arc::clone(told);
        let hear = move |caller: Caller| -> Caller {
            Box::new(move |result| told.lock().unwrap().push((caller, result)))
        };
        let job: WriteJob = Box::new(move |tx| match job(tx) {
            Outcome::Commit(caller) => Outcome::Commit(hear(caller)),
            Outcome::Undo(caller) => Outcome::Undo(hear(caller)),
        });
        (scope, job)
    });
    wrapped.collect()
}

static PLACE: OnceLock<Place> = OnceLock::new();

/// A server, with databases of ours that no run uses now.
struct Place {
    server: String,
    free: Mutex<Vec<OverPostgres>>,
    made: AtomicUsize,
}

/// From now on every run of this process is over this server of PostgreSQL's, such as `postgres://postgres@127.0.0.1/postgres`.
///
/// # Panics
///
/// If another was named before.
pub fn over(server: &str) {
    let place =
        Place { server: server.to_owned(), free: Mutex::default(), made: AtomicUsize::new(0) };
    assert!(PLACE.set(place).is_ok(), "a process simulates over one server");
}

/// Whether this process simulates over a database.
pub(super) fn is_database() -> bool {
    PLACE.get().is_some()
}

impl Place {
    /// An empty database: one that was used before, or a new one.
    fn take(&self) -> OverPostgres {
        let free = self.free.lock().unwrap().pop();
        let store = free.unwrap_or_else(|| self.make());
        // A ledger entry is never changed, but for whoever may do everything. Of so few rows DELETE is fifty times as fast as
        // TRUNCATE, which makes files anew.
        store
            .statement(&format!(
                "SET session_replication_role = replica;
                 DO $$ DECLARE name TEXT; BEGIN
                   FOR name IN SELECT tablename FROM pg_tables
                     WHERE schemaname = current_schema() AND tablename NOT IN ('books', 'lezai_schema')
                   LOOP EXECUTE format('DELETE FROM %I', name); END LOOP; END $$;
                 UPDATE books SET entries = 0, at_ms = 0, hash = '{GENESIS}', revision = 0;
                 SET session_replication_role = DEFAULT"
            ))
            .unwrap();
        store
    }

    fn make(&self) -> OverPostgres {
        let number = self.made.fetch_add(1, Ordering::SeqCst);
        let name = format!("sim_{}_{number}", std::process::id());
        let make = format!("CREATE DATABASE {name}");
        let made = Command::new("psql").args([&self.server, "-q", "-c", &make]).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let url = format!("{}/{name}", self.server.rsplit_once('/').unwrap().0);
        let address = Arc::new(Address::parse(&url, None, None).unwrap());
        migrate(&address, BOOKS).unwrap();
        OverPostgres::open(&address).unwrap()
    }
}
