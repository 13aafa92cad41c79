//! Jobs that wait to be written, in lanes: one for each book, one for the gateway's own settings, and some for what
//! decides upon nothing. A lane is served by one thread at a time.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};

use lezai_store::{Scope, StoreError, WriteJob, book_of};

use super::lock;

/// The most jobs in one commit: bounds how long the first of them waits for the last, and the savepoints of a
/// transaction stay where PostgreSQL keeps them at hand (64 subtransactions a session).
pub(super) const BATCH: usize = 60;

/// Jobs that wait: some seconds' worth. Further ones are refused, for their callers would have given up.
const JOBS_MAX: usize = 8_192;
/// Lanes for jobs that may run beside one another.
const BACKGROUND: usize = 3;

/// Which rows a lane's transactions lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// A book.
    Book(i64),
    /// None.
    Background,
}

impl Lane {
    /// The lane of a job.
    pub(super) fn of(scope: &Scope, books: u32) -> Self {
        match scope {
            Scope::Merchant(merchant) => Self::Book(book_of(merchant, books).into()),
            Scope::Gateway => Self::Book(super::ledger::GATEWAY_BOOK),
            Scope::Background => Self::Background,
        }
    }
}

pub(super) struct Lanes {
    books: u32,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    lanes: Vec<Waiting>,
    /// Lanes that have jobs and nobody who serves them.
    ready: VecDeque<usize>,
    jobs: usize,
    next_background: usize,
    ended: bool,
}

/// A job, and whose rows it writes.
pub(super) type Job = (Scope, WriteJob);

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    is_served: bool,
}

impl Lanes {
    pub(super) fn new(books: u32) -> Self {
        let count = books as usize + 1 + BACKGROUND;
        let state = State {
            lanes: std::iter::repeat_with(Waiting::default).take(count).collect(),
            ready: VecDeque::new(),
            jobs: 0,
            next_background: 0,
            ended: false,
        };
        Self { books, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Which rows a lane locks.
    pub(super) fn lane(&self, index: usize) -> Lane {
        let books = self.books as usize;
        match index {
            _ if index < books => Lane::Book(i64::try_from(index).unwrap_or_default()),
            _ if index == books => Lane::Book(super::ledger::GATEWAY_BOOK),
            _ => Lane::Background,
        }
    }

    pub(super) fn put(&self, scope: Scope, job: WriteJob) -> Result<(), StoreError> {
        let mut state = lock(&self.state);
        if state.ended {
            return Err(StoreError::Abandoned);
        }
        if state.jobs >= JOBS_MAX {
            return Err(StoreError::Full);
        }
        let books = self.books as usize;
        let index = match Lane::of(&scope, self.books) {
            // The gateway's own book has the lane after those of merchants.
            Lane::Book(book) => usize::try_from(book).unwrap_or(books),
            Lane::Background => {
                state.next_background = (state.next_background + 1) % BACKGROUND;
                books + 1 + state.next_background
            }
        };
        state.jobs += 1;
        state.lanes[index].jobs.push_back((scope, job));
        state.offer(index);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// The next lane that has jobs, with as many as go into one commit. None at the end, when all are done.
    pub(super) fn take(&self) -> Option<(usize, VecDeque<Job>)> {
        let idle = |state: &mut State| state.ready.is_empty() && !state.ended;
        let mut state = self
            .changed
            .wait_while(lock(&self.state), idle)
            .unwrap_or_else(PoisonError::into_inner);
        let index = state.ready.pop_front()?;
        let lane = &mut state.lanes[index];
        lane.is_served = true;
        let many = lane.jobs.len().min(BATCH);
        let jobs: VecDeque<Job> = lane.jobs.drain(..many).collect();
        state.jobs -= jobs.len();
        Some((index, jobs))
    }

    /// A lane was served; what was not begun waits again, before all others.
    pub(super) fn put_back(&self, index: usize, jobs: VecDeque<Job>) {
        let mut state = lock(&self.state);
        state.jobs += jobs.len();
        for job in jobs.into_iter().rev() {
            state.lanes[index].jobs.push_front(job);
        }
        state.lanes[index].is_served = false;
        state.offer(index);
        drop(state);
        self.changed.notify_one();
    }

    /// No more jobs are taken; those that wait are done.
    pub(super) fn end(&self) {
        lock(&self.state).ended = true;
        self.changed.notify_all();
    }
}

impl State {
    fn offer(&mut self, index: usize) {
        let lane = &self.lanes[index];
        if !lane.is_served && !lane.jobs.is_empty() && !self.ready.contains(&index) {
            self.ready.push_back(index);
        }
    }
}
