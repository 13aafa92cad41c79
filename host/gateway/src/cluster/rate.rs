//! How often one caller may ask: a bucket of tokens for each of them, filled at a steady rate, told
//! in the fields of draft-ietf-httpapi-ratelimit-headers.
//!
//! The time is an argument, here as everywhere, so that a test walks through it: `governor`, the
//! crate for this, reads a clock of its own and tells no caller how much is left after a refusal.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use lezai_core::time::Timestamp;

use lezai_wire::problem::{Code, Problem};

/// Buckets of one generation, at some 30 bytes each; a limiter has two generations.
const BUCKETS_MAX: usize = 50_000;
/// A bucket counts in thousandths, so that a rate per second is a whole number per millisecond.
const TOKEN: u64 = 1000;

/// How many requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Sustained, in a second.
    pub per_second: u32,
    /// At once.
    pub burst: u32,
}

/// Every limit of a gateway. A caller is counted under what it has proven, and under its address
/// as long as it has proven nothing: so nobody uses up what is another's.
pub struct Rates {
    /// A merchant's signed requests, of all its keys together.
    pub merchants: Limiter,
    /// A checkout session's signed requests.
    pub pages: Limiter,
    /// Claims of a checkout session with its client secret.
    pub claims: Limiter,
    /// Claims without the client secret, by the network that they come from.
    pub strangers: Limiter,
}

impl Rates {
    /// So many requests of a merchant and of a page in a second; none is counted for 0.
    pub fn new(merchant: u32, page: u32) -> Self {
        let limit =
            |per_second: u32, burst: u32| (per_second > 0).then_some(Limit { per_second, burst });
        let page = limit(page, page.saturating_mul(10));
        Self {
            merchants: Limiter::new("merchant", limit(merchant, merchant)),
            pages: Limiter::new("page", page),
            claims: Limiter::new("claim", page),
            strangers: Limiter::new("address", page),
        }
    }
}

impl Default for Rates {
    fn default() -> Self {
        Self::new(0, 0)
    }
}

/// A limit and what each caller has left of it.
pub struct Limiter {
    policy: &'static str,
    limit: Option<Limit>,
    /// Callers are kept as hashes with a secret of this process: an entry takes the same room
    /// whatever its caller is called, and nobody can choose two names that share a bucket.
    secret: RandomState,
    buckets: Mutex<Buckets>,
}

/// Two generations: who asks moves to the young one, and once that is full the old one is
/// forgotten. A caller that is forgotten starts with a full bucket, so a flood of callers takes
/// nothing from the others.
#[derive(Default)]
struct Buckets {
    young: HashMap<u64, Bucket>,
    old: HashMap<u64, Bucket>,
}

#[derive(Clone, Copy)]
struct Bucket {
    thousandths: u64,
    at: Timestamp,
}

/// How a caller stands after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateStatus {
    policy: &'static str,
    limit: Limit,
    left: u64,
    /// Seconds until the bucket is full.
    full_in: u64,
    taken: bool,
}

impl Limiter {
    /// No limit at all, if there is none.
    pub fn new(policy: &'static str, limit: Option<Limit>) -> Self {
        Self { policy, limit, secret: RandomState::new(), buckets: Mutex::default() }
    }

    /// Takes a token from the caller's bucket. `None` if nothing is counted.
    pub fn take(&self, caller: impl Hash, now: Timestamp) -> Option<RateStatus> {
        self.ask(caller, now, true)
    }

    /// How the caller would stand if it took a token. `None` if nothing is counted.
    pub fn status(&self, caller: impl Hash, now: Timestamp) -> Option<RateStatus> {
        self.ask(caller, now, false)
    }

    fn ask(&self, caller: impl Hash, now: Timestamp, takes: bool) -> Option<RateStatus> {
        let limit = self.limit?;
        let caller = self.secret.hash_one(caller);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.of(caller, Bucket { thousandths: limit.full(), at: now });
        bucket.fill(limit, now);
        let taken = bucket.thousandths >= TOKEN;
        if taken && takes {
            bucket.thousandths -= TOKEN;
        }
        let lacks = limit.full() - bucket.thousandths;
        Some(RateStatus {
            policy: self.policy,
            limit,
            left: bucket.thousandths / TOKEN,
            full_in: lacks.div_ceil(u64::from(limit.per_second) * 1000),
            taken,
        })
    }
}

impl Buckets {
    fn of(&mut self, caller: u64, new: Bucket) -> &mut Bucket {
        if self.young.len() >= BUCKETS_MAX && !self.young.contains_key(&caller) {
            self.old = std::mem::take(&mut self.young);
        }
        let old = &mut self.old;
        self.young.entry(caller).or_insert_with(|| old.remove(&caller).unwrap_or(new))
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

impl Limit {
    fn full(self) -> u64 {
        u64::from(self.burst) * TOKEN
    }
}

impl Bucket {
    fn fill(&mut self, limit: Limit, now: Timestamp) {
        let ms = u64::try_from(now.as_ms() - self.at.as_ms()).unwrap_or_default();
        let more = ms.saturating_mul(u64::from(limit.per_second));
        self.thousandths = self.thousandths.saturating_add(more).min(limit.full());
        self.at = now;
    }
}

impl RateStatus {
    /// # Errors
    ///
    /// `rate_limited`, if there was no token.
    pub fn allowed(&self) -> Result<(), Problem> {
        if self.taken {
            return Ok(());
        }
        let Limit { per_second, burst } = self.limit;
        let detail = format!(
            "{burst} requests at once and {per_second} in a second are taken; wait a moment"
        );
        // The next token is there within a second, whatever the rate.
        Err(Problem::new(Code::RateLimited, detail).after(1))
    }

    /// The fields `RateLimit-Policy` and `RateLimit`, structured (RFC 9651).
    fn fields(&self) -> [(&'static str, String); 2] {
        let Self { policy, limit: Limit { per_second, burst }, left, full_in, .. } = self;
        let window = burst.div_ceil(*per_second);
        [
            ("ratelimit-policy", format!("\"{policy}\";q={burst};w={window}")),
            ("ratelimit", format!("\"{policy}\";r={left};t={full_in}")),
        ]
    }
}

/// Carries a request's standing from where the caller is known to the answer's header.
#[derive(Clone, Default)]
pub struct Meter(Arc<OnceLock<RateStatus>>);

impl Meter {
    /// Whether the request was counted under somebody.
    pub fn is_counted(&self) -> bool {
        self.0.get().is_some()
    }

    /// Counts a request of a caller.
    ///
    /// # Errors
    ///
    /// `rate_limited`.
    pub fn count(
        &self,
        limiter: &Limiter,
        caller: impl Hash,
        now: Timestamp,
    ) -> Result<(), Problem> {
        match limiter.take(caller, now) {
            Some(standing) => self.0.get_or_init(|| standing).allowed(),
            None => Ok(()),
        }
    }

    /// The fields `RateLimit-Policy` and `RateLimit` for the response, if a caller was counted.
    pub fn fields(&self) -> Option<[(&'static str, String); 2]> {
        self.0.get().map(RateStatus::fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let limiter = Limiter::new("merchant", Some(Limit { per_second: 2, burst: 3 }));
        let now = Timestamp::from_secs(1_795_000_000);
        for (ms, caller, taken, fields) in [
            (0, "a", true, "\"merchant\";r=2;t=1"),
            (0, "a", true, "\"merchant\";r=1;t=1"),
            (0, "a", true, "\"merchant\";r=0;t=2"),
            (0, "a", false, "\"merchant\";r=0;t=2"),
            (0, "b", true, "\"merchant\";r=2;t=1"),
            (499, "a", false, "\"merchant\";r=0;t=2"),
            (500, "a", true, "\"merchant\";r=0;t=2"),
            (500, "a", false, "\"merchant\";r=0;t=2"),
            // A clock that is set back gives nothing and takes nothing.
            (0, "a", false, "\"merchant\";r=0;t=2"),
            (60_000, "a", true, "\"merchant\";r=2;t=1"),
        ] {
            let standing = limiter.take(caller, now.plus_ms(ms)).unwrap();
            let [(_, policy), (_, left)] = standing.fields();
            assert_eq!((standing.taken, left.as_str()), (taken, fields), "{ms} {caller}");
            assert_eq!(policy, "\"merchant\";q=3;w=2");
        }
        assert_eq!(Rates::default().merchants.take("a", now), None);
        let looked = |ms| limiter.status("c", now.plus_ms(ms)).unwrap().taken;
        assert_eq!(
            [looked(0), looked(0), looked(0), looked(0)],
            [true; 4],
            "who looks takes nothing"
        );
        for _ in 0..3 {
            limiter.take("c", now);
        }
        assert_eq!([looked(0), looked(500)], [false, true]);
    }

    #[test]
    fn a_flood_of_callers_is_bounded_and_costs_nobody_else() {
        let limiter = Limiter::new("address", Some(Limit { per_second: 1, burst: 2 }));
        let now = Timestamp::from_secs(1_795_000_000);
        let takes = |caller: &str| limiter.take(caller, now).unwrap().taken;
        assert_eq!([takes("spent"), takes("spent"), takes("spent")], [true, true, false]);
        // However long the names are, an entry is a hash and a bucket.
        let tail = "x".repeat(1_000);
        for n in 0..BUCKETS_MAX * 5 / 2 {
            assert!(takes(&format!("{n} {tail}")), "a newcomer has a bucket of its own: {n}");
            assert!(limiter.buckets.lock().unwrap().len() <= 2 * BUCKETS_MAX);
        }
        let entry = std::mem::size_of::<(u64, Bucket)>();
        assert!(entry <= 24, "{entry} bytes");
        // A caller that was forgotten starts anew; one that asked of late did not.
        assert!(takes("spent"));
        let last = format!("{} {tail}", BUCKETS_MAX * 5 / 2 - 1);
        assert_eq!([takes(&last), takes(&last)], [true, false]);
    }
}
