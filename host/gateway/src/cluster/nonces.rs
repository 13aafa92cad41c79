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

use lezai_store::Tx;
use lezai_wire::problem::{Code, Problem};

/// A signature is acceptable for this long at most, so a nonce must be remembered that long.
pub const LIFE_SECS: i64 = MAX_AGE_SECS + MAX_AHEAD_SECS;
/// Of all merchants together, in each generation: 38 MB with those of the pages, for a nonce is
/// remembered by a hash of 64 bits. The hash has a secret of this process, so nobody can choose two
/// that meet; that two meet by chance happens once in ten million generations, and costs a request
/// that is signed anew.
const MERCHANTS: Room = Room { all: 1_500_000, of_a_key: 1_300_000, kept: 200_000, small: 2_000 };
/// Of all pages together. They are counted apart, for anybody can be a page, and of several pages
/// at once: six requests a second of each.
const PAGES: Room = Room { all: 500_000, of_a_key: 2_000, kept: 100_000, small: 50 };

/// How many nonces are remembered in a generation.
#[derive(Clone, Copy, Debug)]
struct Room {
    /// Of all keys together.
    all: usize,
    /// Of one key.
    of_a_key: usize,
    /// The last of the room is kept for keys that use little of it, so that those that use much
    /// cannot keep them out.
    kept: usize,
    /// The number of one key's nonces that counts as few.
    small: usize,
}

/// Whose key a nonce belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signers {
    /// A merchant's.
    Merchants,
    /// A page's.
    Pages,
}

/// The nonces used of late.
#[derive(Default)]
pub struct Nonces {
    merchants: Mutex<Generations>,
    pages: Mutex<Generations>,
}

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

/// The outcome of taking a nonce.
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
    /// Takes a key's nonce, if the key did not use up its room of late.
    pub fn take(&self, of: Signers, keyid: &str, nonce: &str, now: Timestamp) -> Taken {
        match of {
            Signers::Merchants => take(&self.merchants, keyid, nonce, MERCHANTS, now),
            Signers::Pages => take(&self.pages, keyid, nonce, PAGES, now),
        }
    }
}

fn take(
    generations: &Mutex<Generations>,
    keyid: &str,
    nonce: &str,
    room: Room,
    now: Timestamp,
) -> Taken {
    let mut it = generations.lock().unwrap_or_else(PoisonError::into_inner);
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
    it.young.add(keyid, nonce, room)
}

impl Generation {
    fn has(&self, keyid: &str, nonce: u64) -> bool {
        self.by_key.get(keyid).is_some_and(|nonces| nonces.contains(&nonce))
    }

    fn add(&mut self, keyid: &str, nonce: u64, room: Room) -> Taken {
        let of_key = self.by_key.get(keyid).map_or(0, HashSet::len);
        let crowded = self.size >= room.all - room.kept && of_key >= room.small;
        if self.size >= room.all || of_key >= room.of_a_key || crowded {
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
            assert_eq!(
                nonces.take(Signers::Pages, keyid, "nonce-1", at(secs)),
                taken,
                "{keyid} {secs}"
            );
        }
    }

    #[test]
    fn many_keys_do_not_use_up_what_all_share() {
        let (generations, now) = (Mutex::default(), Timestamp::from_secs(1_795_000_000));
        let room = Room { all: 12, of_a_key: 5, kept: 4, small: 2 };
        let takes = |keyid: &str, many: usize, at| {
            let nonces = 0..many;
            let taken = nonces.map(|n| take(&generations, keyid, &format!("nonce-{n}"), room, at));
            taken.filter(|it| *it == Taken::New).count()
        };
        // One has a bound of its own, several leave room for those that use little.
        assert_eq!([takes("a", 9, now), takes("b", 9, now), takes("c", 9, now)], [5, 3, 2]);
        assert_eq!([takes("d", 9, now), takes("e", 9, now)], [2, 0]);
        assert_eq!(generations.lock().unwrap().young.size, 12);
        assert_eq!(takes("e", 9, now.plus_secs(LIFE_SECS)), 5);
    }

    #[test]
    fn pages_do_not_use_up_what_is_the_merchants() {
        let (nonces, now) = (Nonces::default(), Timestamp::from_secs(1_795_000_000));
        for n in 0..=PAGES.of_a_key {
            let taken = nonces.take(Signers::Pages, "key", &format!("nonce-{n}"), now);
            assert_eq!(taken, if n < PAGES.of_a_key { Taken::New } else { Taken::Full });
        }
        assert_eq!(nonces.take(Signers::Merchants, "key", "nonce-0", now), Taken::New);
        assert_eq!(nonces.take(Signers::Pages, "other", "nonce-0", now), Taken::New);
    }
}
