//! Changes by other nodes over the same store, as far as this one keeps them in memory.

use std::sync::Arc;
use std::time::Duration;

use lezai_store as store;
use lezai_store::{News, Scope, StoreError};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::gateway::Gateway;

/// Between two tries to read what could not be read.
const RETRY: Duration = Duration::from_millis(500);
/// Orders that are looked at in one read.
const LOOKED_AT: usize = 200;

/// Hears what other nodes do, for as long as the store is open.
pub fn listen(gateway: &Arc<Gateway>) {
    if !gateway.node.store.is_shared() {
        return;
    }
    // It holds what was told of late; it is read at once, but for the while that merchants are loaded.
    let (sender, heard) = mpsc::unbounded_channel();
    gateway.node.store.listen(Box::new(move |news| {
        let _ = sender.send(news);
    }));
    tokio::spawn(keep_up(heard, Arc::clone(gateway), RETRY));
}

/// The memory of a node that follows the store.
trait Memory {
    /// Takes a piece of news.
    fn take(&self, news: News) -> impl Future<Output = ()> + Send;
    /// Reads the merchants again.
    fn read(&self) -> impl Future<Output = Result<(), StoreError>> + Send;
}

impl Memory for Arc<Gateway> {
    async fn take(&self, news: News) {
        // What is missed is looked for again soon, as long as the connection for news is cut.
        drop(take(self, news).await);
    }

    async fn read(&self) -> Result<(), StoreError> {
        self.plugins.fetch_components().await?;
        self.merchants.reload().await
    }
}

/// Takes each piece of news, and reads the merchants when they changed, until that succeeds. The first time is at once:
/// what changed between the first reading and now was told to nobody.
async fn keep_up(mut heard: mpsc::UnboundedReceiver<News>, memory: impl Memory, retry: Duration) {
    // When they are to be read, and whether the last time failed. Other news does not put it off.
    let (mut due, mut failed) = (Some(Instant::now()), false);
    loop {
        tokio::select! {
            news = heard.recv() => match news {
                Some(News::Merchants) => due = Some(due.unwrap_or_else(Instant::now)),
                Some(news) => memory.take(news).await,
                None => return,
            },
            () = until(due) => match memory.read().await {
                Ok(()) => (due, failed) = (None, false),
                Err(error) => {
                    if !failed {
                        tracing::error!(%error, "what another node changed is not read, and tried on");
                    }
                    (due, failed) = (Some(Instant::now() + retry), true);
                }
            },
        }
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Counts orders together with the other nodes. Called before those of the last day are counted.
///
/// # Errors
///
/// [`StoreError`].
pub async fn count_together(gateway: &Gateway) -> Result<(), StoreError> {
    const SETTING: &str = "velocity_secret";
    let store = &gateway.node.store;
    if !store.is_shared() {
        return Ok(());
    }
    let bytes = gateway.node.entropy.bytes::<32>();
    let fresh: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let secret = store::write(store, Scope::Gateway, move |tx| match tx.setting(SETTING)? {
        Some(known) => Ok(known),
        None => tx.put_setting(SETTING, &fresh).map(|()| fresh),
    });
    let (secret, told): (String, _) = (secret.await?, Arc::clone(store));
    let tell = move |order| told.announce(News::Counted(order));
    gateway.node.cluster.velocity.share(secret, Box::new(tell));
    Ok(())
}

async fn take(gateway: &Gateway, news: News) -> Result<(), StoreError> {
    match news {
        News::Order(order, version) => gateway.node.cluster.watchers.stands_at(&order, version),
        News::Counted(order) => gateway.node.cluster.velocity.count_elsewhere(&order),
        // Not here: they are read until that succeeds.
        News::Merchants => {}
        News::Missed => look(gateway).await?,
    }
    Ok(())
}

/// Looks at the orders that pages of this node watch.
async fn look(gateway: &Gateway) -> Result<(), StoreError> {
    for orders in gateway.node.cluster.watchers.watched().chunks(LOOKED_AT) {
        let orders = orders.to_vec();
        let found = store::read(&gateway.node.store, move |view| {
            orders.iter().map(|it| view.order(it)).collect::<Result<Vec<_>, StoreError>>()
        });
        for record in found.await?.into_iter().flatten() {
            let order = &record.order;
            gateway.node.cluster.watchers.stands_at(&order.terms.id, order.version);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    /// Reads that fail as often as that, and then succeed.
    struct Failing {
        failures: usize,
        tries: Arc<AtomicUsize>,
        done: Arc<Notify>,
    }

    impl Memory for Failing {
        async fn take(&self, _: News) {}

        async fn read(&self) -> Result<(), StoreError> {
            if self.tries.fetch_add(1, Ordering::SeqCst) < self.failures {
                return Err(StoreError::Abandoned);
            }
            self.done.notify_one();
            Ok(())
        }
    }

    /// How often there was a reading when the first succeeded, and after one more change.
    async fn reads(failures: usize) -> (usize, usize) {
        let (sender, heard) = mpsc::unbounded_channel();
        let (tries, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let memory = Failing { failures, tries: Arc::clone(&tries), done: Arc::clone(&done) };
        let watch = async {
            // However much else is heard.
            let counted = (0..100).map(|_| News::Missed);
            counted.for_each(|it| sender.send(it).unwrap());
            done.notified().await;
            let first = tries.load(Ordering::SeqCst);
            sender.send(News::Merchants).unwrap();
            done.notified().await;
            drop(sender);
            (first, tries.load(Ordering::SeqCst))
        };
        tokio::join!(keep_up(heard, memory, Duration::ZERO), watch).1
    }

    #[tokio::test]
    async fn merchants_are_read_at_first_and_after_each_change_until_that_succeeds() {
        for failures in [0, 1, 5] {
            assert_eq!(reads(failures).await, (failures + 1, failures + 2));
        }
    }
}
