//! How far it is, on standard error, for what takes more than a second and somebody watches.

use std::io::{IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// A run that takes less is not reported on.
const SILENT: Duration = Duration::from_secs(1);
/// Then it is said so often.
const OFTEN: Duration = Duration::from_millis(250);

/// How much there is to do.
pub(crate) struct Progress {
    whole: u64,
}

impl Progress {
    pub(crate) fn new(whole: u64) -> Self {
        Self { whole }
    }

    /// Does some work, which counts what it did, and shows how far it is meanwhile.
    pub(crate) fn shown<T>(&self, work: impl FnOnce(&AtomicU64) -> T) -> T {
        let done = AtomicU64::new(0);
        if !std::io::stderr().is_terminal() {
            return work(&done);
        }
        let (finished, waiting) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let (done, whole) = (&done, self.whole);
            scope.spawn(move || {
                let mut wait = SILENT;
                let mut shown = false;
                while let Err(RecvTimeoutError::Timeout) = waiting.recv_timeout(wait) {
                    wait = OFTEN;
                    shown = true;
                    let percent = done.load(Ordering::Relaxed).saturating_mul(100) / whole.max(1);
                    let _ = write!(std::io::stderr(), "\r{:>3} % ", percent.min(100));
                }
                if shown {
                    let _ = write!(std::io::stderr(), "\r      \r");
                }
            });
            let result = work(done);
            // Dropped, it ends the other thread's waiting.
            drop(finished);
            result
        })
    }
}
