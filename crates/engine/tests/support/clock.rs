//! A clock of processor time that a test has in its hand, a thread each: what a plugin's end owes to
//! the clock is seen by this clock alone, on a fast machine and a slow one.

use std::cell::Cell;
use std::time::Duration;

/// The time that each look at a clock adds, and the time that it never passes.
#[derive(Clone, Copy)]
pub struct Run {
    step: Duration,
    end: Duration,
}

/// No time passes: nothing but fuel ends a plugin.
pub const STANDS: Run = Run { step: Duration::ZERO, end: Duration::MAX };
/// From one look to the next all time passes but a nanosecond that a question has: the slowest machine
/// on which the clock ends nobody.
pub const ALMOST: Run =
    Run { step: Duration::from_nanos(999_999_999), end: Duration::from_nanos(999_999_999) };
/// From one look to the next more time passes than any question has.
pub const RUNS_AWAY: Run = Run { step: Duration::from_secs(3_600), end: Duration::MAX };

/// So many milliseconds pass from one look to the next.
pub fn each(ms: u64) -> Run {
    Run { step: Duration::from_millis(ms), end: Duration::MAX }
}

thread_local! {
    static CLOCK: Cell<(Duration, Run)> = const { Cell::new((Duration::ZERO, STANDS)) };
}

/// Sets this thread's clock to zero, and how it runs from now on.
pub fn set(run: Run) {
    CLOCK.set((Duration::ZERO, run));
}

/// The time by this thread's clock.
pub fn asked() -> Duration {
    let (now, run) = CLOCK.get();
    CLOCK.set(((now + run.step).min(run.end), run));
    now
}
