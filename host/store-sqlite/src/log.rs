//! The log (WAL) of what was committed, and the copier that brings it to its place, so that commits
//! do not wait for that.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, PoisonError};

use rusqlite::Connection;

use super::lock;

/// The log is copied to its place after so many jobs, some ten pages of 4 KiB each. While a copy is made durable,
/// commits wait for the same disk, so it is small: after 1,024 jobs at once, one order in a hundred took 33 ms at half
/// load, and 6 ms after 16, at the same throughput.
const COPIED_JOBS: usize = 16;
/// From this length on (in pages, 128 MiB) the log is begun anew.
const LONG_LOG: i64 = 32_768;
/// Jobs that the copier may lag behind; then the writer waits for it, and the log stays bounded.
const JOBS_MAX: usize = 32_768;

/// The messages of the writer and the copier about the log.
#[derive(Default)]
pub(super) struct Log {
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

/// The writer's duty for the log before it goes on.
pub(super) enum Checkpoint {
    None,
    /// Copy the rest, which is little: then the next commit begins the log anew.
    Rest,
    /// Wait for the copier: commits are faster than it is.
    Wait,
}

impl Log {
    pub(super) fn grew(&self, jobs: usize) -> Checkpoint {
        let mut state = lock(&self.state);
        state.jobs += jobs;
        if state.jobs >= COPIED_JOBS {
            self.changed.notify_one();
        }
        if state.jobs >= JOBS_MAX {
            Checkpoint::Wait
        } else if std::mem::take(&mut state.long) {
            Checkpoint::Rest
        } else {
            Checkpoint::None
        }
    }

    pub(super) fn end(&self) {
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
/// for [`fold`].
pub(super) fn copy_all(connection: &Connection, log: &Log) {
    while log.wait() {
        // This thread outlives a panic, even in the program's log, as the writer does.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            // While a commit follows another the log has no end. The second time copies what came
            // during the first, so that what is left for the writer is little.
            if copy(connection, "PASSIVE") >= LONG_LOG && copy(connection, "PASSIVE") >= LONG_LOG {
                lock(&log.state).long = true;
            }
        }));
    }
}

/// Brings all of the log to its place at the end, and empties it, so that the store is one file.
pub(super) fn fold(connection: &Connection) {
    // Busy while another program reads: then the log stays, whole, beside the file.
    let busy = connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0))
        .map(|busy| busy != 0);
    match busy {
        Ok(false) => {}
        Ok(true) => tracing::warn!(
            "another program reads the store: lezai.db-wal is part of it until the next start"
        ),
        Err(error) => {
            tracing::error!(%error, "lezai.db-wal is part of the store until the next start");
        }
    }
}

/// Copies what is committed to its place and makes that durable; gives the log's length in pages.
/// If that fails nothing is lost, for the log has it, and later commits ask again.
pub(super) fn copy(connection: &Connection, how: &str) -> i64 {
    let pages = connection
        .query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |row| row.get::<_, i64>(1));
    pages.unwrap_or_else(|error| {
        tracing::error!(%error, "the log cannot be copied");
        0
    })
}
