//! Changes by other nodes over the same store, as far as this one keeps them in memory.

use std::sync::Arc;
use std::time::Duration;

use lezai_store as store;
use lezai_store::{News, Scope, StoreError};
use tokio::sync::mpsc;

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
    let (sender, mut heard) = mpsc::unbounded_channel();
    gateway.node.store.listen(Box::new(move |news| {
        let _ = sender.send(news);
    }));
    let gateway = Arc::clone(gateway);
    tokio::spawn(async move {
        // What changed between the first reading and now was told to nobody.
        let mut merchants = Read::Old;
        loop {
            tokio::select! {
                news = heard.recv() => match news {
                    Some(News::Merchants) => merchants = merchants.changed(),
                    // Missed news is looked for again soon, as long as the connection for news is cut.
                    Some(news) => drop(take(&gateway, news).await),
                    None => return,
                },
                () = tokio::time::sleep(merchants.wait()) => {
                    merchants = read_merchants(&gateway, merchants).await;
                }
            }
        }
    });
}

/// Whether this node has the merchants as the store has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    /// It has.
    Now,
    /// They changed.
    Old,
    /// They changed, and could not be read: said once, and tried until they are.
    Failed,
}

impl Read {
    fn changed(self) -> Self {
        if self == Self::Failed { self } else { Self::Old }
    }

    /// How long news is waited for before they are read again.
    fn wait(self) -> Duration {
        match self {
            Self::Now => Duration::MAX,
            Self::Old => Duration::ZERO,
            Self::Failed => RETRY,
        }
    }
}

async fn read_merchants(gateway: &Gateway, before: Read) -> Read {
    let read = async {
        gateway.plugins.fetch_components().await?;
        gateway.merchants.reload().await
    };
    match read.await {
        Ok(()) => Read::Now,
        Err(error) => {
            if before != Read::Failed {
                tracing::error!(%error, "what another node changed is not read: it is tried on");
            }
            Read::Failed
        }
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
        // Read together with others of its kind.
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
