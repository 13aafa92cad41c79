//! One turn of a lane: its jobs in one transaction, and who hears how that went.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use lezai_seal::Vault;
use lezai_store::{Fault, Outcome, StoreError};
use prometheus_client::metrics::counter::Counter;

use super::head::Head;
use super::lanes::{Job, Lane, Lanes};
use super::session::Session;
use super::tables::Postgres;

pub(super) type Caller = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

pub(super) fn write_all(
    session: &Session,
    lanes: &Lanes,
    vault: &Arc<Vault>,
    books: u32,
    failed: &Counter,
) {
    while let Some((index, mut jobs)) = lanes.take() {
        let lane = lanes.lane(index);
        // This thread outlives a panic, and a job that is dropped tells its caller.
        let turn = AssertUnwindSafe(|| commit(session, lane, vault, books, &mut jobs));
        match catch_unwind(turn) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                failed.inc();
                tracing::error!(%error, "commit failed");
            }
            Err(_) => {
                failed.inc();
                session.hang_up();
            }
        }
        lanes.put_back(index, jobs);
    }
}

/// Runs jobs in one transaction and tells their callers. What is left of the jobs was not begun.
pub(super) fn commit(
    session: &Session,
    lane: Lane,
    vault: &Arc<Vault>,
    books: u32,
    jobs: &mut VecDeque<Job>,
) -> Result<(), StoreError> {
    let Some((tables, callers)) = run_all(session, lane, vault, books, jobs)? else {
        return Ok(());
    };
    let committed = tables.write_head().and_then(|()| end(session));
    if committed.is_err() {
        session.hang_up();
    }
    tell(callers, &committed);
    committed
}

/// Runs jobs in one transaction, which is to be committed, and gives the callers that wait for that; none if the only
/// job was undone.
pub(super) fn run_all<'s>(
    session: &'s Session,
    lane: Lane,
    vault: &'s Arc<Vault>,
    books: u32,
    jobs: &mut VecDeque<Job>,
) -> Result<Option<(Postgres<'s>, Vec<Caller>)>, StoreError> {
    let head = match begin(session, lane) {
        Ok(head) => head,
        Err(error) => {
            refuse(session, vault, books, jobs, &error);
            return Err(error);
        }
    };
    let tables = Postgres::tx(session, vault, books, head);
    let is_alone = jobs.len() == 1;
    let mut callers: Vec<Caller> = Vec::with_capacity(jobs.len());
    while let Some(job) = jobs.pop_front() {
        if let Err(error) = run(session, &tables, job, is_alone, &mut callers) {
            session.hang_up();
            tell(callers, &Err(error.clone()));
            return Err(error);
        }
    }
    Ok((!callers.is_empty() || !is_alone).then_some((tables, callers)))
}

/// Begins a transaction and locks the book. A connection that was cut since it was last used is made anew: nothing
/// was done on it yet.
fn begin(session: &Session, lane: Lane) -> Result<Option<Head>, StoreError> {
    let begin = || {
        session.connect()?;
        session.send("BEGIN ISOLATION LEVEL READ COMMITTED", Vec::new())?;
        match lane {
            Lane::Book(book) => Head::lock(session, book).map(Some),
            Lane::Background => session.flush().map(|()| None),
        }
    };
    begin().or_else(|error| match session.is_connected() {
        // It was not the connection, such as a book that another node holds for too long.
        true => Err(error),
        false => {
            session.hang_up();
            begin()
        }
    })
}

/// Lets jobs hear that there is no database: each question of theirs is answered by the error.
fn refuse(
    session: &Session,
    vault: &Arc<Vault>,
    books: u32,
    jobs: &mut VecDeque<Job>,
    error: &StoreError,
) {
    session.hang_up();
    session.fail(error.clone());
    let tables = Postgres::tx(session, vault, books, None);
    for (scope, job) in jobs.drain(..) {
        tables.enter(scope);
        let caller = match catch_unwind(AssertUnwindSafe(|| job(&tables))) {
            Ok(Outcome::Commit(tell)) => (tell, Err(error.clone())),
            // The job's own error is that same one.
            Ok(Outcome::Undo(tell)) => (tell, Ok(())),
            Err(_) => continue,
        };
        tell(vec![caller.0], &caller.1);
    }
    session.recovered();
}

/// Runs one job of a transaction. An error is the end of the transaction.
fn run(
    session: &Session,
    tables: &Postgres<'_>,
    (scope, job): Job,
    is_alone: bool,
    callers: &mut Vec<Caller>,
) -> Result<(), StoreError> {
    if !is_alone {
        session.send("SAVEPOINT job", Vec::new())?;
    }
    tables.enter(scope);
    let before = tables.head();
    // A job that panics is undone like one that fails; dropping it tells its caller.
    let outcome = catch_unwind(AssertUnwindSafe(|| job(tables)));
    let outcome = outcome.unwrap_or(Outcome::Undo(Box::new(drop)));
    let (caller, undone) = match outcome {
        Outcome::Commit(caller) if is_alone => match session.failure() {
            None => {
                callers.push(caller);
                return Ok(());
            }
            Some(error) => (caller, Some(Err(error))),
        },
        Outcome::Commit(caller) => match session.flush() {
            Ok(()) => {
                session.send("RELEASE job", Vec::new())?;
                callers.push(caller);
                return Ok(());
            }
            Err(error) => (caller, Some(Err(error))),
        },
        Outcome::Undo(caller) => (caller, None),
    };
    tables.set_head(before);
    let lost = session.failure().filter(|_| !session.is_connected());
    if let Some(error) = lost {
        // The transaction is gone, and with it what the jobs before wrote.
        tell(vec![caller], &undone.unwrap_or(Ok(())));
        return Err(error);
    }
    let _ = session.flush();
    session.recovered();
    if is_alone {
        tell(vec![caller], &undone.unwrap_or(Ok(())));
        return session.batch("ROLLBACK");
    }
    session.batch("ROLLBACK TO job; RELEASE job")?;
    match undone {
        Some(failed) => tell(vec![caller], &failed),
        None => callers.push(caller),
    }
    Ok(())
}

/// Commits. Unless the server itself refused, an error leaves open whether it did.
fn end(session: &Session) -> Result<(), StoreError> {
    session.batch("COMMIT").map_err(|error| match &error {
        StoreError::Database(database) if database.fault == Fault::Unavailable => {
            StoreError::database(Fault::Uncertain, database.to_string())
        }
        _ => error,
    })
}

fn tell(callers: Vec<Caller>, committed: &Result<(), StoreError>) {
    for caller in callers {
        // A caller that panics at the news keeps it from nobody else.
        let _ = catch_unwind(AssertUnwindSafe(|| caller(committed.clone())));
    }
}
