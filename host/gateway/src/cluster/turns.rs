//! Whose turn it is: what is read or done for one merchant at once is bounded, so that however much
//! it asks for, the others find readers free. Knows merchants by their proven ids alone, so it has as
//! many entries as there are merchants.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use lezai_core::id::MerchantId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use lezai_wire::problem::{Code, Problem};

/// Lists that are read at once for one merchant: half of the store's readers.
const READS: usize = 2;
/// Lists of one merchant that wait for their turn.
const WAITING_MAX: usize = 256;

/// Every merchant's turns.
#[derive(Default)]
pub struct Turns(Mutex<HashMap<MerchantId, Arc<Merchant>>>);

struct Merchant {
    reads: Arc<Semaphore>,
    waiting: AtomicUsize,
    heavy: Arc<Semaphore>,
}

/// A merchant's turn, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    _permit: OwnedSemaphorePermit,
}

impl Turns {
    /// A turn to read a list: waits until fewer of the merchant's are read.
    ///
    /// # Errors
    ///
    /// `rate_limited` if too many wait already.
    pub async fn read(&self, merchant: &MerchantId) -> Result<Turn, Problem> {
        let merchant = self.of(merchant);
        let waiting = Waiting::begin(&merchant)?;
        let permit =
            Arc::clone(&merchant.reads).acquire_owned().await.map_err(Problem::internal)?;
        drop(waiting);
        Ok(Turn { _permit: permit })
    }

    /// A turn to do what takes long, such as to tell many events again: one at a time.
    ///
    /// # Errors
    ///
    /// `rate_limited` if one is under way.
    pub fn heavy(&self, merchant: &MerchantId) -> Result<Turn, Problem> {
        let permit = Arc::clone(&self.of(merchant).heavy).try_acquire_owned();
        permit.map(|permit| Turn { _permit: permit }).map_err(|_| {
            busy("another call of this kind is under way for the merchant; send this one after it")
        })
    }

    fn of(&self, merchant: &MerchantId) -> Arc<Merchant> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get(merchant) {
            return Arc::clone(known);
        }
        let new = Arc::new(Merchant {
            reads: Arc::new(Semaphore::new(READS)),
            waiting: AtomicUsize::new(0),
            heavy: Arc::new(Semaphore::new(1)),
        });
        all.insert(merchant.clone(), Arc::clone(&new));
        new
    }
}

struct Waiting<'m>(&'m Merchant);

impl<'m> Waiting<'m> {
    fn begin(merchant: &'m Merchant) -> Result<Self, Problem> {
        let waiting = Self(merchant);
        if merchant.waiting.fetch_add(1, Ordering::SeqCst) >= WAITING_MAX {
            return Err(busy("too many lists of the merchant are asked for at once"));
        }
        Ok(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

fn busy(detail: &str) -> Problem {
    Problem::new(Code::RateLimited, detail)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn one_merchant_s_lists_leave_readers_to_the_others() {
        let turns = Turns::default();
        let [one, other] = ["m_one", "m_other"].map(|id| MerchantId::parse(id).unwrap());
        let mut read = Vec::new();
        for _ in 0..READS {
            read.push(turns.read(&one).await.unwrap());
        }
        let mut waiting: Vec<_> = (0..WAITING_MAX).map(|_| Box::pin(turns.read(&one))).collect();
        assert!(waiting.iter_mut().all(|it| it.now_or_never().is_none()));
        let refused = turns.read(&one).await.unwrap_err();
        assert_eq!(refused.code(), Code::RateLimited);
        turns.read(&other).await.unwrap();
        drop(read.pop());
        read.push(waiting.remove(0).await.unwrap());
        drop(waiting);
        assert!(turns.read(&one).now_or_never().is_none());
    }

    #[test]
    fn what_takes_long_is_done_once_at_a_time() {
        let turns = Turns::default();
        let [one, other] = ["m_one", "m_other"].map(|id| MerchantId::parse(id).unwrap());
        let first = turns.heavy(&one).unwrap();
        assert_eq!(turns.heavy(&one).unwrap_err().code(), Code::RateLimited);
        turns.heavy(&other).unwrap();
        drop(first);
        turns.heavy(&one).unwrap();
    }
}
