//! How a channel answers for a method, as far as this node saw: a circuit for each, and the figures of late that channels
//! are compared by. The circuit opens when requests are not answered; then the method is not offered by that channel. After a pause one request is let through: an answer
//! closes the circuit, silence opens it again for longer. It is never a reason to give up a payment that was begun.
//!
//! A refusal is an answer: only silence, errors of the provider and answers that cannot be verified count.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lezai_core::routing::Measured;
use lezai_core::time::Timestamp;

use super::channel_window::Window;

/// So many requests in a row without an answer open a circuit.
const FAILURES_MAX: u32 = 5;
/// So do half of the last so many.
const WINDOW: u32 = 20;
/// For so long it stays open at first; each probe that is not answered doubles it.
const PAUSE_SECS: i64 = 30;
const PAUSE_SECS_MAX: i64 = 480;
/// A probe that says nothing within this time is given up for another one. Channels end a request after ten seconds.
const PROBE_SECS: i64 = 20;

/// The most methods of channels, and of merchants' own accounts there, that are remembered: each takes some two
/// kilobytes. Beyond it the one that was asked longest ago is forgotten, and counts as one that is up.
const METHODS_MAX: usize = 4_096;

/// The circuits and figures: a map of methods for each channel or account.
#[derive(Debug, Default)]
pub struct ChannelHealth(Mutex<HashMap<String, HashMap<String, Health>>>);

#[derive(Debug, Default)]
struct Health {
    circuit: Circuit,
    window: Window,
}

#[derive(Debug, Default)]
struct Circuit {
    /// The last results, the newest in the lowest bit: 1 for no answer.
    results: u32,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Closed,
    /// Since when and until when nothing is let through, and for how long that is.
    Open { since: Timestamp, until: Timestamp, pause_secs: i64 },
    /// One request was let through, then.
    Probing { since: Timestamp, pause_secs: i64 },
}

impl ChannelHealth {
    /// Whether a method can be offered by a channel.
    pub fn is_up(&self, channel: &str, method: &str, now: Timestamp) -> bool {
        let all = self.all();
        let found = all.get(channel).and_then(|it| it.get(method));
        found.is_none_or(|it| it.circuit.lets_through(now))
    }

    /// The figures of late.
    pub fn measured(&self, channel: &str, method: &str, now: Timestamp) -> Measured {
        let all = self.all();
        let found = all.get(channel).and_then(|it| it.get(method));
        found.map(|it| it.window.measured(now)).unwrap_or_default()
    }

    /// A request to collect begins: with a circuit that was open it is the probe. Gives the moment, for
    /// [`Self::record`].
    #[must_use]
    pub fn begin(&self, channel: &str, method: &str, now: Timestamp) -> Timestamp {
        let mut all = self.all();
        if let Some(Health { circuit, .. }) = all.get_mut(channel).and_then(|it| it.get_mut(method))
            && circuit.lets_through(now)
            && let State::Open { pause_secs, .. } | State::Probing { pause_secs, .. } =
                circuit.state
        {
            circuit.state = State::Probing { since: now, pause_secs };
        }
        now
    }

    /// A request that began then ended, with an answer or without.
    pub fn record(
        &self,
        channel: &str,
        method: &str,
        answered: bool,
        begun: Timestamp,
        now: Timestamp,
    ) {
        let mut all = self.all();
        let is_known = all.get(channel).is_some_and(|it| it.contains_key(method));
        if !is_known {
            make_room(&mut all);
        }
        let health = all.entry(channel.to_owned()).or_default().entry(method.to_owned());
        let health = health.or_default();
        health.window.record(answered, begun, now);
        if let Some(said) = health.circuit.record(answered, begun, now) {
            tracing::warn!(channel, method, "{said}");
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, HashMap<String, Health>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets the method that was asked longest ago, if there is no room for another one.
fn make_room(all: &mut HashMap<String, HashMap<String, Health>>) {
    if all.values().map(HashMap::len).sum::<usize>() < METHODS_MAX {
        return;
    }
    let methods = all.iter().flat_map(|(channel, it)| it.iter().map(move |it| (channel, it)));
    let oldest = methods.min_by_key(|(_, (_, health))| health.window.last());
    let oldest = oldest.map(|(channel, (method, _))| (channel.clone(), method.clone()));
    if let Some((channel, method)) = oldest
        && let Some(of_channel) = all.get_mut(&channel)
    {
        of_channel.remove(&method);
        if of_channel.is_empty() {
            all.remove(&channel);
        }
    }
}

impl Circuit {
    fn lets_through(&self, now: Timestamp) -> bool {
        match self.state {
            State::Closed => true,
            State::Open { until, .. } => now >= until,
            State::Probing { since, .. } => now >= since.plus_secs(PROBE_SECS),
        }
    }

    /// Takes a result in. Says what changed by it, if anything.
    fn record(&mut self, answered: bool, begun: Timestamp, now: Timestamp) -> Option<&'static str> {
        // Requests that were under way when it opened, or when its probe began, say nothing new.
        if let State::Open { since, .. } | State::Probing { since, .. } = self.state
            && begun < since
        {
            return None;
        }
        if answered && self.state != State::Closed {
            *self = Self::default();
            return Some("the channel answers again; its method is offered");
        }
        self.results = (self.results << 1 | u32::from(!answered)) & ((1 << WINDOW) - 1);
        if answered {
            return None;
        }
        let pause_secs = match self.state {
            State::Closed if !self.is_failing() => return None,
            State::Closed => PAUSE_SECS,
            // Payments that were begun go on meanwhile: that they are not answered is known.
            State::Open { until, .. } if now < until => return None,
            State::Open { pause_secs, .. } | State::Probing { pause_secs, .. } => {
                (pause_secs * 2).min(PAUSE_SECS_MAX)
            }
        };
        let was = self.state;
        self.state = State::Open { since: now, until: now.plus_secs(pause_secs), pause_secs };
        (was == State::Closed)
            .then_some("the channel does not answer; its method is not offered for now")
    }

    fn is_failing(&self) -> bool {
        let last = (1 << FAILURES_MAX) - 1;
        self.results & last == last || self.results.count_ones() * 2 >= WINDOW
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);
    const QR: (&str, &str) = ("wechat", "wechat_native");

    /// A circuit after requests at a time: `x` was not answered, `.` was.
    fn after(health: &ChannelHealth, results: &str, at: Timestamp) {
        for result in results.chars() {
            let begun = health.begin(QR.0, QR.1, at);
            health.record(QR.0, QR.1, result == '.', begun, at);
        }
    }

    #[test]
    fn a_circuit_opens_when_requests_are_not_answered() {
        for (results, is_up) in [
            ("", true),
            ("xxxx", true),
            ("xxxxx", false),
            ("xxxx.xxxx.", true),
            // Half of the last twenty.
            ("x.x.x.x.x.x.x.x.x.x", false),
            (".x.x.x.x.x.x.x.x.x.", true),
            ("xxxx................xxxx", true),
        ] {
            let health = ChannelHealth::default();
            after(&health, results, NOW);
            assert_eq!(health.is_up(QR.0, QR.1, NOW), is_up, "{results}");
            // Of another method and another channel it says nothing.
            assert!(health.is_up(QR.0, "wechat_h5", NOW) && health.is_up("alipay", QR.1, NOW));
        }
    }

    #[test]
    fn one_request_is_let_through_after_the_pause() {
        let health = ChannelHealth::default();
        let is_up = |at| health.is_up(QR.0, QR.1, at);
        after(&health, "xxxxx", NOW);
        // What was under way when it opened changes nothing.
        health.record(QR.0, QR.1, false, NOW.plus_secs(-1), NOW.plus_secs(3));
        let open = NOW.plus_secs(PAUSE_SECS);
        assert!(!is_up(open.plus_ms(-1)) && is_up(open));
        let mut at = health.begin(QR.0, QR.1, open);
        assert!(!is_up(open), "the probe is under way, and one is enough");
        assert!(!is_up(open.plus_secs(PROBE_SECS).plus_ms(-1)));
        assert!(is_up(open.plus_secs(PROBE_SECS)), "a probe that was lost is followed by another");
        // No answer: it is open for twice as long, and so on up to a bound.
        for pause in [60, 120, 240, 480, 480] {
            health.record(QR.0, QR.1, false, at, at);
            let next = at.plus_secs(pause);
            assert!(!is_up(next.plus_ms(-1)) && is_up(next), "{pause}");
            at = health.begin(QR.0, QR.1, next);
        }
        // An answer closes it, and the count begins anew.
        health.record(QR.0, QR.1, true, at, at);
        after(&health, "xxxx", at);
        assert!(is_up(at));
        after(&health, "x", at);
        assert!(!is_up(at) && is_up(at.plus_secs(PAUSE_SECS)));
    }

    #[test]
    fn requests_that_began_earlier_neither_close_it_nor_end_the_probe() {
        let health = ChannelHealth::default();
        let is_up = |at| health.is_up(QR.0, QR.1, at);
        let old = health.begin(QR.0, QR.1, NOW.plus_secs(-1));
        after(&health, "xxxxx", NOW);
        health.record(QR.0, QR.1, true, old, NOW.plus_secs(1));
        assert!(!is_up(NOW.plus_secs(1)), "it was sent before the channel fell silent");
        let probe = health.begin(QR.0, QR.1, NOW.plus_secs(PAUSE_SECS));
        for answered in [false, true] {
            health.record(QR.0, QR.1, answered, old, probe.plus_secs(1));
            assert!(!is_up(probe.plus_secs(1)), "the probe is under way");
        }
        assert!(is_up(probe.plus_secs(PROBE_SECS)), "and has not failed");
        health.record(QR.0, QR.1, true, probe, probe.plus_secs(2));
        assert!(is_up(probe.plus_secs(2)));
    }

    #[test]
    fn figures_outlive_the_circuit_and_are_of_one_method() {
        let health = ChannelHealth::default();
        after(&health, "xxxxx", NOW);
        let open = NOW.plus_secs(PAUSE_SECS);
        let probe = health.begin(QR.0, QR.1, open);
        health.record(QR.0, QR.1, true, probe, open.plus_ms(70));
        let Measured { requests, answered, latency_ms } = health.measured(QR.0, QR.1, open);
        assert_eq!((requests, answered, latency_ms), (6, 1, Some(70)));
        for (channel, method) in [(QR.0, "wechat_h5"), ("alipay", QR.1)] {
            assert_eq!(health.measured(channel, method, open), Measured::default());
        }
    }

    #[test]
    fn so_many_methods_are_remembered() {
        let health = ChannelHealth::default();
        let at = |n: usize| NOW.plus_secs(i64::try_from(n).unwrap());
        for n in 0..METHODS_MAX + 2 {
            health.record(&format!("account-{n}"), QR.1, true, at(n), at(n));
            // The first is used again and again, and stays.
            health.record("account-0", QR.1, true, at(n), at(n));
        }
        let all = health.all();
        assert_eq!(all.values().map(HashMap::len).sum::<usize>(), METHODS_MAX);
        let known: Vec<_> = (0..4).filter(|n| all.contains_key(&format!("account-{n}"))).collect();
        assert_eq!(known, [0, 3]);
    }
}
