//! A store over one connection, which a simulator drives by hand: the same tables, the same statements, and a commit
//! when it says so.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use lezai_core::id::MerchantId;
use lezai_seal::Vault;
use lezai_store::{ReadJob, Scope, StoreError, WriteJob};

use super::address::Address;
use super::begin_to_read;
use super::lanes::{BATCH, Job, Lane};
use super::schema;
use super::session::Session;
use super::snapshot::Snapshot;
use super::tables::Postgres;
use super::turn;

/// A store over one connection.
pub struct Stepped {
    session: Session,
    vault: Arc<Vault>,
    books: u32,
}

impl Stepped {
    /// Opens a database whose tables [`migrate`](super::migrate) made.
    ///
    /// # Errors
    ///
    /// As of [`PostgresStore::open`](super::PostgresStore::open).
    pub fn open(address: &Arc<Address>) -> Result<Self, StoreError> {
        let session = Session::new(address)?;
        session.connect()?;
        let books = schema::usable(&session)?;
        Ok(Self { session, vault: Vault::none(), books })
    }

    /// How many books it has.
    pub fn books(&self) -> u32 {
        self.books
    }

    /// Runs the jobs in their order, those of one book that follow each other as one commit, as a node does, and tells
    /// their callers.
    ///
    /// # Errors
    ///
    /// That of the commit that failed; those before it are durable.
    pub fn commit(&self, jobs: Vec<(Scope, WriteJob)>) -> Result<(), StoreError> {
        for (lane, mut jobs) in self.in_turns(jobs) {
            while !jobs.is_empty() {
                turn::commit(&self.session, lane, &self.vault, self.books, &mut jobs)?;
            }
        }
        Ok(())
    }

    /// Runs the jobs as [`Stepped::commit`] does, and loses the connection before the last commit. Nobody is told.
    ///
    /// # Errors
    ///
    /// That of a commit, or of a job that broke the last transaction.
    pub fn lose(&self, jobs: Vec<(Scope, WriteJob)>) -> Result<(), StoreError> {
        let mut turns = self.in_turns(jobs);
        let Some((lane, mut last)) = turns.pop() else { return Ok(()) };
        for (lane, mut jobs) in turns {
            while !jobs.is_empty() {
                turn::commit(&self.session, lane, &self.vault, self.books, &mut jobs)?;
            }
        }
        let begun = turn::run_all(&self.session, lane, &self.vault, self.books, &mut last);
        let begun = begun.map(drop);
        self.session.hang_up();
        begun
    }

    fn in_turns(&self, jobs: Vec<(Scope, WriteJob)>) -> Vec<(Lane, VecDeque<Job>)> {
        let mut turns: Vec<(Lane, VecDeque<Job>)> = Vec::new();
        for job in jobs {
            let lane = Lane::of(&job.0, self.books);
            match turns.last_mut().filter(|(last, jobs)| *last == lane && jobs.len() < BATCH) {
                Some((_, jobs)) => jobs.push_back(job),
                None => turns.push((lane, VecDeque::from([job]))),
            }
        }
        turns
    }

    /// Runs a job on the state as it is.
    pub fn view(&self, merchant: Option<MerchantId>, job: ReadJob) {
        let view = Postgres::view(&self.session, &self.vault, self.books, merchant);
        let begun = begin_to_read(&self.session);
        // A job that panics leaves the connection as any other does.
        let done = catch_unwind(AssertUnwindSafe(|| match begun {
            Ok(()) => job(Ok(&view)),
            Err(error) => job(Err(error)),
        }));
        self.end();
        if let Err(panic) = done {
            std::panic::resume_unwind(panic);
        }
    }

    /// Looks at everything as of one moment.
    ///
    /// # Errors
    ///
    /// [`StoreError`], and those of `work`.
    pub fn snapshot<T>(
        &self,
        work: impl FnOnce(&Snapshot<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        begin_to_read(&self.session)?;
        let done = Snapshot::over(&self.session, self.books).and_then(|it| work(&it));
        self.end();
        done
    }

    /// Runs SQL as it is, as a hand at the database would.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn statement(&self, sql: &str) -> Result<(), StoreError> {
        self.session.connect()?;
        let done = self.session.batch(sql);
        self.session.recovered();
        done
    }

    fn end(&self) {
        // Nobody waits for it any more.
        let _ = self.session.flush();
        self.session.recovered();
        if self.session.is_connected() && self.session.batch("COMMIT").is_err() {
            self.session.hang_up();
        }
    }
}
