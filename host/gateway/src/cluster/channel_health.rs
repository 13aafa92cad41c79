//! Whether a channel answers, as far as this node saw: one that was silent several times in a row is not offered for a
//! while, and then tried again. It is never a reason to give up a payment that was begun.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use lezai_core::time::Timestamp;

/// So many requests in a row without an answer, and the channel counts as down.
const FAILURES_MAX: u32 = 5;
/// For so long it is not offered then. The next request that finds no answer begins the time anew.
const PAUSE_SECS: i64 = 30;

/// The observations of each channel: as many entries as there are channels.
#[derive(Debug, Default)]
pub struct ChannelHealth(Mutex<HashMap<&'static str, Seen>>);

#[derive(Debug, Default)]
struct Seen {
    failures: u32,
    down_until: Option<Timestamp>,
}

impl ChannelHealth {
    /// Notes whether a channel answered a request to collect.
    pub fn record(&self, channel: &'static str, answered: bool, now: Timestamp) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = all.entry(channel).or_default();
        if answered {
            *seen = Seen::default();
            return;
        }
        seen.failures = seen.failures.saturating_add(1);
        if seen.failures >= FAILURES_MAX {
            if seen.failures == FAILURES_MAX {
                tracing::warn!(channel, "the channel does not answer; it is not offered for now");
            }
            seen.down_until = Some(now.plus_secs(PAUSE_SECS));
        }
    }

    /// Whether a channel can be offered.
    pub fn is_up(&self, channel: &str, now: Timestamp) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(channel).and_then(|seen| seen.down_until).is_none_or(|until| now >= until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_that_is_silent_is_paused_and_comes_back() {
        let health = ChannelHealth::default();
        let now = Timestamp::from_secs(1_795_000_000);
        let silent = |times, at| (0..times).for_each(|_| health.record("wechat", false, at));
        silent(FAILURES_MAX - 1, now);
        assert!(health.is_up("wechat", now));
        health.record("wechat", true, now);
        silent(FAILURES_MAX - 1, now);
        assert!(health.is_up("wechat", now), "an answer begins the count anew");
        silent(1, now);
        assert!(!health.is_up("wechat", now) && health.is_up("alipay", now));
        let later = now.plus_secs(PAUSE_SECS);
        assert!(!health.is_up("wechat", later.plus_ms(-1)) && health.is_up("wechat", later));
        // One request is let through; without an answer the pause begins anew, with one it is over.
        silent(1, later);
        assert!(!health.is_up("wechat", later));
        health.record("wechat", true, later);
        assert!(health.is_up("wechat", later));
    }
}
