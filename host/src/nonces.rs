//! Which nonces were used: each is good once for its key.
//!
//! Kept in memory in two generations, the older of which is forgotten once nothing in it could
//! pass the time window any more. What changes money takes its nonce in the store's commit as
//! well, so that a restart forgets nothing that matters.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use lezai_core::signature::{MAX_AGE_SECS, MAX_AHEAD_SECS};
use lezai_core::time::Timestamp;

use crate::problem::{Code, Problem};
use crate::store::Tx;

/// A signature is acceptable for this long at most, so a nonce must be remembered that long.
pub const LIFE_SECS: i64 = MAX_AGE_SECS + MAX_AHEAD_SECS;
/// At about 100 bytes each, 100 MB: some 3,000 requests a second before the gateway refuses more.
const CAPACITY: usize = 1_000_000;

/// The nonces used of late.
#[derive(Default)]
pub struct Nonces(Mutex<Generations>);

#[derive(Default)]
struct Generations {
    young: HashSet<String>,
    old: HashSet<String>,
    turned: i64,
}

/// What became of a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was new.
    New,
    /// It was used before.
    Reused,
    /// Too many to remember: the request must be refused, or a replay could pass.
    Full,
}

impl Nonces {
    /// Takes a key's nonce.
    pub fn take(&self, keyid: &str, nonce: &str, now: Timestamp) -> Taken {
        let mut it = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.as_secs() - it.turned >= LIFE_SECS {
            // Two periods without a request leave both generations stale.
            let stale = now.as_secs() - it.turned >= 2 * LIFE_SECS;
            it.old = if stale { HashSet::new() } else { std::mem::take(&mut it.young) };
            it.young.clear();
            it.turned = now.as_secs();
        }
        // Neither part contains a space, so no two pairs share an entry.
        let entry = format!("{keyid} {nonce}");
        if it.old.contains(&entry) || it.young.contains(&entry) {
            return Taken::Reused;
        }
        if it.young.len() >= CAPACITY {
            return Taken::Full;
        }
        it.young.insert(entry);
        Taken::New
    }
}

/// Takes a key's nonce in the commit that the request leads to.
///
/// # Errors
///
/// `nonce_reused`, though it was before a restart.
pub fn take_for_good(tx: &dyn Tx, keyid: &str, nonce: &str, now: Timestamp) -> Result<(), Problem> {
    if tx.take_nonce(keyid, nonce, now.plus_secs(LIFE_SECS))? { Ok(()) } else { Err(reused()) }
}

/// The problem with a nonce that was used before.
pub fn reused() -> Problem {
    Problem::new(Code::NonceReused, "the nonce was used before; sign again with a new one")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_good_once_while_it_could_pass_and_for_its_key() {
        let (nonces, at) =
            (Nonces::default(), |secs: i64| Timestamp::from_secs(1_795_000_000 + secs));
        for (keyid, secs, taken) in [
            ("a", 0, Taken::New),
            ("a", 0, Taken::Reused),
            ("b", 0, Taken::New),
            ("a", 329, Taken::Reused),
            ("a", 330, Taken::Reused),
            ("a", 659, Taken::Reused),
            ("a", 2000, Taken::New),
            ("a", 2000, Taken::Reused),
        ] {
            assert_eq!(nonces.take(keyid, "nonce-1", at(secs)), taken, "{keyid} {secs}");
        }
    }
}
