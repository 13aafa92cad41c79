//! Whether the gateway can commit, found out by committing: a row of some pages is written, and the
//! disk is waited for, as for an order. Nothing less tells: a transaction that changes nothing is not
//! written at all, and a full disk lets reads through.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use lezai_base::clock;
use lezai_store as store;
use lezai_store::{Scope, Store, StoreError};

/// The setting that is written.
const SETTING: &str = "readiness";
/// As many bytes as a commit of a few orders has.
const BYTES: usize = 64 * 1024;
/// However often it is asked, it commits no more often than this.
const EVERY: Duration = Duration::from_secs(1);
/// A disk that takes longer is no disk to serve from.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Why it is not ready.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotReady {
    /// The commit failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The commit did not end.
    #[error("the store did not commit within {} s", TIMEOUT.as_secs())]
    Slow,
    /// It stops soon: a load balancer is to send nothing more.
    #[error("the gateway is about to stop")]
    Draining,
}

/// The last result of the check, and its time.
#[derive(Debug)]
pub struct Readiness {
    every: Duration,
    last: Mutex<Option<(Instant, Result<(), NotReady>)>>,
    draining: AtomicBool,
}

impl Default for Readiness {
    fn default() -> Self {
        Self::at_most_every(EVERY)
    }
}

impl Readiness {
    fn at_most_every(every: Duration) -> Self {
        Self { every, last: Mutex::default(), draining: AtomicBool::new(false) }
    }

    /// From now on it is not ready, although it still answers whoever asks.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether it is about to stop.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Whether a row can be committed, or could a moment ago; and whether it goes on to run.
    ///
    /// # Errors
    ///
    /// [`NotReady`].
    pub async fn check(&self, store: &Arc<dyn Store>) -> Result<(), NotReady> {
        if self.is_draining() {
            return Err(NotReady::Draining);
        }
        // A caller that asks while another finds out hears what that one found.
        let mut last = self.last.lock().await;
        if let Some((at, found)) = &*last
            && at.elapsed() < self.every
        {
            return found.clone();
        }
        // Another one each time.
        let value = clock::now().as_ms().to_string() + &" ".repeat(BYTES);
        let work = move |tx: &dyn store::Tx| tx.put_setting(SETTING, &value);
        let written = store::write(store, Scope::Background, work);
        let found = match tokio::time::timeout(TIMEOUT, written).await {
            Ok(written) => written.map_err(NotReady::Store),
            Err(_) => Err(NotReady::Slow),
        };
        *last = Some((Instant::now(), found.clone()));
        found
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;
    use lezai_core::id::MerchantId;
    use lezai_store::{Fault, Outcome, ReadJob, WriteJob};
    use lezai_store_sqlite::{SqliteStore, file};

    /// A store whose disk can be full: a commit that writes nothing goes through, as on a real one.
    struct Filling {
        store: SqliteStore,
        full: Arc<AtomicBool>,
        commits: AtomicUsize,
    }

    impl Store for Filling {
        fn submit(&self, scope: Scope, job: WriteJob) -> Result<(), StoreError> {
            self.commits.fetch_add(1, Ordering::SeqCst);
            let full = Arc::clone(&self.full);
            self.store.submit(
                scope,
                Box::new(move |tx| {
                    // Emptied first, to see whether the job writes it anew.
                    tx.put_setting(SETTING, "").unwrap();
                    let outcome = job(tx);
                    let wrote = tx.setting(SETTING).unwrap().as_deref() != Some("");
                    match outcome {
                        Outcome::Commit(tell) if wrote && full.load(Ordering::SeqCst) => {
                            Outcome::Undo(Box::new(move |_| {
                                tell(Err(StoreError::database(Fault::NoRoom, "disk is full")));
                            }))
                        }
                        other => other,
                    }
                }),
            )
        }

        fn view(&self, merchant: Option<MerchantId>, job: ReadJob) -> Result<(), StoreError> {
            self.store.view(merchant, job)
        }
    }

    fn filling(folder: &std::path::Path) -> (Arc<Filling>, Arc<dyn Store>) {
        let store = SqliteStore::open(&file(folder)).unwrap();
        let full = Arc::new(AtomicBool::new(false));
        let filling = Arc::new(Filling { store, full, commits: AtomicUsize::new(0) });
        (Arc::clone(&filling), filling)
    }

    #[tokio::test]
    async fn it_is_ready_exactly_while_a_row_can_be_committed() {
        let folder = tempfile::tempdir().unwrap();
        let (filling, store) = filling(folder.path());
        filling.full.store(true, Ordering::SeqCst);
        let readiness = Readiness::at_most_every(Duration::ZERO);
        let nothing = store::write(&store, Scope::Background, |_| Ok::<_, StoreError>(())).await;
        assert!(nothing.is_ok(), "a commit of nothing proves nothing");
        for full in [true, true, false] {
            filling.full.store(full, Ordering::SeqCst);
            let found = readiness.check(&store).await;
            assert_eq!(found.is_err(), full, "{found:?}");
        }
        filling.store.close();
        assert!(readiness.check(&store).await.is_err());
    }

    #[tokio::test]
    async fn however_many_ask_it_commits_once() {
        let folder = tempfile::tempdir().unwrap();
        let (filling, store) = filling(folder.path());
        let readiness = Readiness::at_most_every(Duration::from_secs(3_600));
        let all = (0..100).map(|_| readiness.check(&store));
        assert!(futures_util::future::join_all(all).await.iter().all(Result::is_ok));
        assert_eq!(filling.commits.load(Ordering::SeqCst), 1);
    }
}
