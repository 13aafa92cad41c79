//! Tells the pages that watch an order that it changed. A word and no more: a page asks again and
//! gets a signed answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use lezai_core::id::OrderId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Streams at once; each holds a connection.
const MAX_STREAMS: usize = 10_000;

/// Of one order: a page has one, and another while it reloads.
const MAX_OF_AN_ORDER: usize = 8;

/// The watchers of each order.
pub struct OrderWatchers {
    orders: Mutex<HashMap<OrderId, watch::Sender<u64>>>,
    streams: Arc<Semaphore>,
}

/// A view on an order's version, until it is dropped.
pub struct Watch {
    receiver: watch::Receiver<u64>,
    _permit: OwnedSemaphorePermit,
}

impl Default for OrderWatchers {
    fn default() -> Self {
        Self { orders: Mutex::default(), streams: Arc::new(Semaphore::new(MAX_STREAMS)) }
    }
}

impl OrderWatchers {
    /// Watches an order: hears of each change from now on. `None` if too many do.
    pub fn watch(&self, order: &OrderId) -> Option<Watch> {
        let permit = Arc::clone(&self.streams).try_acquire_owned().ok()?;
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = orders.entry(order.clone()).or_insert_with(|| watch::Sender::new(0));
        if sender.receiver_count() >= MAX_OF_AN_ORDER {
            return None;
        }
        Some(Watch { receiver: sender.subscribe(), _permit: permit })
    }

    /// The order stands at `version` now.
    pub fn changed(&self, order: &OrderId, version: u64) {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = orders.get(order)
            && sender.send(version).is_err()
        {
            // Nobody watches any more.
            orders.remove(order);
        }
    }

    /// The orders that are watched.
    pub fn watched(&self) -> Vec<OrderId> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// The order stands at `version`, and may have before.
    pub fn stands_at(&self, order: &OrderId, version: u64) {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = orders.get(order) {
            sender.send_if_modified(|known| {
                let is_new = *known < version;
                *known = version.max(*known);
                is_new
            });
        }
    }

    /// Ends every stream: the gateway stops.
    pub fn close(&self) {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.streams.close();
    }

    /// How many watch.
    pub fn streams(&self) -> usize {
        MAX_STREAMS - self.streams.available_permits()
    }

    /// Forgets orders that nobody watches.
    pub fn sweep(&self) {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.retain(|_, sender| sender.receiver_count() > 0);
    }
}

impl Watch {
    /// The next version, or `None` once nothing more can come.
    pub async fn next(&mut self) -> Option<u64> {
        self.receiver.changed().await.ok()?;
        Some(*self.receiver.borrow_and_update())
    }
}

#[cfg(test)]
mod tests {
    use lezai_core::time::Timestamp;

    use super::*;

    #[tokio::test]
    async fn who_watches_hears_of_changes_until_the_end() {
        let (hub, order) = (OrderWatchers::default(), OrderId::new(Timestamp::from_ms(0), [1; 10]));
        let mut watch = hub.watch(&order).unwrap();
        hub.changed(&order, 2);
        assert_eq!(watch.next().await, Some(2));
        hub.close();
        assert_eq!(watch.next().await, None);
        assert!(hub.watch(&order).is_none());
    }

    #[test]
    fn one_order_does_not_use_up_all_streams() {
        let (hub, order) = (OrderWatchers::default(), OrderId::new(Timestamp::from_ms(0), [1; 10]));
        let watches: Vec<_> = (0..MAX_OF_AN_ORDER).map(|_| hub.watch(&order).unwrap()).collect();
        assert!(hub.watch(&order).is_none());
        assert_eq!(hub.streams(), MAX_OF_AN_ORDER);
        drop(watches);
        assert!(hub.watch(&order).is_some());
    }
}
