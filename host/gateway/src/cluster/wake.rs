//! Calls the worker to tasks that were just committed, so that none waits for its next look.

use lezai_store::Lane;
use tokio::sync::Notify;

/// Calls the worker to tasks that were just committed.
#[derive(Debug, Default)]
pub struct Wake([Notify; Lane::ALL.len()]);

impl Wake {
    /// Something is due.
    pub fn call(&self) {
        self.0.iter().for_each(Notify::notify_one);
    }

    /// Waits for the next call to a lane.
    pub async fn called(&self, lane: Lane) {
        match lane {
            Lane::Orders => self.0[0].notified().await,
            Lane::Callbacks => self.0[1].notified().await,
            Lane::Statements => self.0[2].notified().await,
            Lane::Payouts => self.0[3].notified().await,
        }
    }
}
