//! Requests with an idempotency key that are being worked on.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use lezai_store::IdempotencyKey;
use lezai_wire::problem::{Code, Problem};

/// Keys whose request is being worked on: the draft wants a second one that comes meanwhile told so
/// (section 2.6), and not answered as if it were late. It is kept in memory alone, so that no crash
/// leaves a key behind that nobody works on.
#[derive(Debug, Default)]
pub struct InProgress(Mutex<HashSet<(String, String)>>);

/// A request that is being worked on, for as long as this lives.
#[derive(Debug)]
pub struct UnderWay {
    all: Arc<InProgress>,
    key: (String, String),
}

impl InProgress {
    /// Begins to work on a key's request.
    ///
    /// # Errors
    ///
    /// `request_in_progress`.
    pub fn begin(self: &Arc<Self>, key: &IdempotencyKey) -> Result<UnderWay, Problem> {
        let key = (key.scope.clone(), key.key.clone());
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !keys.insert(key.clone()) {
            return Err(Problem::new(
                Code::RequestInProgress,
                "a request with this key is being worked on; send it again in a moment, with the same key",
            ));
        }
        Ok(UnderWay { all: Arc::clone(self), key })
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.all.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_worked_on_once_at_a_time() {
        let all = Arc::new(InProgress::default());
        let key = |scope: &str, key: &str| IdempotencyKey { scope: scope.into(), key: key.into() };
        let first = all.begin(&key("m_demo", "k")).unwrap();
        let second = all.begin(&key("m_demo", "k")).unwrap_err();
        assert_eq!(second.code(), Code::RequestInProgress);
        let _others = [key("m_demo", "l"), key("m_tea", "k")].map(|it| all.begin(&it).unwrap());
        drop(first);
        all.begin(&key("m_demo", "k")).unwrap();
    }
}
