//! How often one caller may ask: a bucket of tokens for each of them, filled at a steady rate, told
//! in the fields of draft-ietf-httpapi-ratelimit-headers.
//!
//! The time is an argument, here as everywhere, so that a test walks through it: `governor`, the
//! crate for this, reads a clock of its own and tells no caller how much is left after a refusal.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use lezai_core::time::Timestamp;

use crate::problem::{Code, Problem};

/// Buckets that are kept, at some 150 bytes each. Past this, full ones are forgotten: they stand
/// like new ones. If none is full, newcomers share one bucket.
const MOST_BUCKETS: usize = 100_000;
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

/// Every limit of a gateway.
pub struct Rates {
    /// A merchant's signed requests, of all her keys together.
    pub merchants: Limiter,
    /// A checkout session's signed requests.
    pub pages: Limiter,
    /// Tries to claim a checkout session, by whoever knows its name.
    pub claims: Limiter,
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
    buckets: Mutex<HashMap<String, Bucket>>,
}

struct Bucket {
    thousandths: u64,
    at: Timestamp,
}

/// How a caller stands after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
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
        Self { policy, limit, buckets: Mutex::default() }
    }

    /// Takes a token from the caller's bucket. `None` if nothing is counted.
    pub fn take(&self, caller: &str, now: Timestamp) -> Option<Standing> {
        let limit = self.limit?;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut caller = caller;
        if !buckets.contains_key(caller) {
            if buckets.len() >= MOST_BUCKETS {
                buckets.retain(|_, bucket| !bucket.filled(limit, now));
            }
            if buckets.len() >= MOST_BUCKETS {
                caller = "";
            }
            let full = Bucket { thousandths: limit.full(), at: now };
            buckets.entry(caller.to_owned()).or_insert(full);
        }
        let bucket = buckets.get_mut(caller)?;
        bucket.fill(limit, now);
        let taken = bucket.thousandths >= TOKEN;
        if taken {
            bucket.thousandths -= TOKEN;
        }
        let lacks = limit.full() - bucket.thousandths;
        Some(Standing {
            policy: self.policy,
            limit,
            left: bucket.thousandths / TOKEN,
            full_in: lacks.div_ceil(u64::from(limit.per_second) * 1000),
            taken,
        })
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

    fn filled(&mut self, limit: Limit, now: Timestamp) -> bool {
        self.fill(limit, now);
        self.thousandths == limit.full()
    }
}

impl Standing {
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
pub struct Meter(Arc<OnceLock<Standing>>);

impl Meter {
    /// Counts a request of a caller.
    ///
    /// # Errors
    ///
    /// `rate_limited`.
    pub fn count(&self, limiter: &Limiter, caller: &str, now: Timestamp) -> Result<(), Problem> {
        match limiter.take(caller, now) {
            Some(standing) => self.0.get_or_init(|| standing).allowed(),
            None => Ok(()),
        }
    }
}

/// Tells every caller who was counted how she stands.
pub async fn told(mut request: Request, next: Next) -> Response {
    let meter = Meter::default();
    request.extensions_mut().insert(meter.clone());
    let mut response = next.run(request).await;
    if let Some(standing) = meter.0.get() {
        for (name, value) in standing.fields() {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
    }
    response
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
    }

    #[test]
    fn strangers_are_bounded() {
        let limiter = Limiter::new("claim", Some(Limit { per_second: 1, burst: 2 }));
        let now = Timestamp::from_secs(1_795_000_000);
        for n in 0..MOST_BUCKETS {
            limiter.take(&n.to_string(), now);
        }
        let held = || limiter.buckets.lock().unwrap().len();
        let takes = |caller: &str, at| limiter.take(caller, at).unwrap().taken;
        // Nobody's is full: the newcomers share one.
        assert_eq!([takes("x", now), takes("y", now), takes("z", now)], [true, true, false]);
        assert_eq!(held(), MOST_BUCKETS + 1);
        // Later everybody's is, and forgotten.
        assert!(takes("z", now.plus_secs(2)));
        assert_eq!(held(), 1);
    }
}
