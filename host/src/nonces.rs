//! Which nonces were used: each is good once for its key.
//!
//! Kept in memory in two generations, the older of which is forgotten once nothing in it could
//! pass the time window any more. What changes money takes its nonce in the store's commit as
//! well, so that a restart forgets nothing that matters.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};

use lezai_core::signature::{MAX_AGE_SECS, MAX_AHEAD_SECS};
use lezai_core::time::Timestamp;

use crate::problem::{Code, Problem};
use crate::store::Tx;

/// A signature is acceptable for this long at most, so a nonce must be remembered that long.
pub const LIFE_SECS: i64 = MAX_AGE_SECS + MAX_AHEAD_SECS;
/// Of all keys together, in each generation: 38 MB, for a nonce is remembered by a hash of 64 bits.
/// The hash has a secret of this process, so nobody can choose two that meet; that two meet by
/// chance happens once in ten million generations, and costs a request that is signed anew.
const CAPACITY: usize = 2_000_000;
/// Of one merchant's key: some 5,500 requests a second.
pub const OF_A_MERCHANT: usize = 1_800_000;
/// Of one page's key, six a second: anybody can be a page, and none may use up what all share.
pub const OF_A_PAGE: usize = 2_000;

/// The nonces used of late.
#[derive(Default)]
pub struct Nonces(Mutex<Generations>);

#[derive(Default)]
struct Generations {
    secret: RandomState,
    young: Generation,
    old: Generation,
    turned: i64,
}

#[derive(Default)]
struct Generation {
    by_key: HashMap<String, HashSet<u64>>,
    size: usize,
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
    /// Takes a key's nonce, if the key did not use up its `most` of late.
    pub fn take(&self, keyid: &str, nonce: &str, most: usize, now: Timestamp) -> Taken {
        let mut it = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.as_secs() - it.turned >= LIFE_SECS {
            // Two periods without a request leave both generations stale.
            let stale = now.as_secs() - it.turned >= 2 * LIFE_SECS;
            let young = std::mem::take(&mut it.young);
            it.old = if stale { Generation::default() } else { young };
            it.turned = now.as_secs();
        }
        let nonce = it.secret.hash_one(nonce);
        if it.old.has(keyid, nonce) || it.young.has(keyid, nonce) {
            return Taken::Reused;
        }
        it.young.add(keyid, nonce, most)
    }
}

impl Generation {
    fn has(&self, keyid: &str, nonce: u64) -> bool {
        self.by_key.get(keyid).is_some_and(|nonces| nonces.contains(&nonce))
    }

    fn add(&mut self, keyid: &str, nonce: u64, most: usize) -> Taken {
        let of_key = self.by_key.get(keyid).map_or(0, HashSet::len);
        if self.size >= CAPACITY || of_key >= most {
            return Taken::Full;
        }
        match self.by_key.get_mut(keyid) {
            Some(nonces) => drop(nonces.insert(nonce)),
            None => drop(self.by_key.insert(keyid.to_owned(), HashSet::from([nonce]))),
        }
        self.size += 1;
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
            assert_eq!(nonces.take(keyid, "nonce-1", OF_A_PAGE, at(secs)), taken, "{keyid} {secs}");
        }
    }

    #[test]
    fn one_key_does_not_use_up_what_all_share() {
        let (nonces, now) = (Nonces::default(), Timestamp::from_secs(1_795_000_000));
        for n in 0..3 {
            let taken = nonces.take("page", &format!("nonce-{n}"), 2, now);
            assert_eq!(taken, if n < 2 { Taken::New } else { Taken::Full });
        }
        assert_eq!(nonces.take("other", "nonce-0", 2, now), Taken::New);
        assert_eq!(nonces.take("page", "nonce-9", 2, now.plus_secs(LIFE_SECS)), Taken::New);
    }
}
