//! The answers of a channel of late, for one method: so many, and not older than so long.

use std::collections::VecDeque;

use lezai_core::routing::Measured;
use lezai_core::time::Timestamp;

/// The most requests that are remembered: a busy channel is judged by its last seconds.
const SAMPLES_MAX: usize = 64;
/// For so long a request counts. After it a channel that is not asked any more is taken for one that nobody measured.
const AGE_MAX_MS: i64 = 15 * 60 * 1_000;
/// Channels end a request after ten seconds; what takes longer by the clock is the clock's.
const LATENCY_MAX_MS: i64 = 60_000;

/// The window, the newest last.
#[derive(Debug, Default)]
pub(super) struct Window(VecDeque<Sample>);

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Timestamp,
    answered: bool,
    latency_ms: u32,
}

impl Window {
    /// A request that began then ended now.
    pub(super) fn record(&mut self, answered: bool, begun: Timestamp, now: Timestamp) {
        if self.0.len() == SAMPLES_MAX {
            self.0.pop_front();
        }
        let taken = now.as_ms().saturating_sub(begun.as_ms()).clamp(0, LATENCY_MAX_MS);
        let latency_ms = u32::try_from(taken).unwrap_or_default();
        self.0.push_back(Sample { at: now, answered, latency_ms });
    }

    /// The figures of the requests that count now. A clock that was set back makes none count for longer.
    pub(super) fn measured(&self, now: Timestamp) -> Measured {
        let age = |it: &Sample| now.as_ms().saturating_sub(it.at.as_ms());
        let recent = self.0.iter().filter(|it| (-AGE_MAX_MS..AGE_MAX_MS).contains(&age(it)));
        let (mut requests, mut latencies) = (0_u32, Vec::new());
        for sample in recent {
            requests += 1;
            if sample.answered {
                latencies.push(sample.latency_ms);
            }
        }
        latencies.sort_unstable();
        Measured {
            requests,
            answered: u32::try_from(latencies.len()).unwrap_or_default(),
            latency_ms: latencies.get(latencies.len() / 2).copied(),
        }
    }

    /// When it was last recorded.
    pub(super) fn last(&self) -> Option<Timestamp> {
        self.0.back().map(|it| it.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

    fn measured(window: &Window, at: Timestamp) -> (u32, u32, Option<u32>) {
        let Measured { requests, answered, latency_ms } = window.measured(at);
        (requests, answered, latency_ms)
    }

    #[test]
    fn it_counts_answers_and_takes_their_median() {
        let mut window = Window::default();
        assert_eq!(measured(&window, NOW), (0, 0, None));
        for (latency, answered, expected) in [
            (9_000, false, (1, 0, None)),
            (100, true, (2, 1, Some(100))),
            (300, true, (3, 2, Some(300))),
            (200, true, (4, 3, Some(200))),
            // A clock that is set back or forward while a request is under way.
            (-5, true, (5, 4, Some(200))),
            (90_000, true, (6, 5, Some(200))),
        ] {
            window.record(answered, NOW.plus_ms(-latency), NOW);
            assert_eq!(measured(&window, NOW), expected, "{latency}");
        }
    }

    #[test]
    fn it_is_bounded_by_number_and_by_age() {
        let mut window = Window::default();
        for n in 0..1_000 {
            window.record(n >= 990, NOW, NOW.plus_ms(n));
        }
        assert_eq!(window.0.len(), SAMPLES_MAX);
        let last = NOW.plus_ms(999);
        assert_eq!(measured(&window, last), (64, 10, Some(995)));
        // The youngest is the last to go.
        assert_eq!(measured(&window, last.plus_ms(AGE_MAX_MS - 1)), (1, 1, Some(999)));
        assert_eq!(measured(&window, last.plus_ms(AGE_MAX_MS)), (0, 0, None));
        // The clock was set back by a day.
        assert_eq!(measured(&window, last.plus_secs(-86_400)), (0, 0, None));
    }
}
