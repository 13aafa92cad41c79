//! Waiting for a condition.

use std::time::{Duration, Instant};

/// Far above what a slow machine with neighbours needs.
const TIMEOUT: Duration = Duration::from_secs(180);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks until what is looked for is there.
///
/// # Panics
///
/// With what was last seen instead, if it does not come.
pub fn eventually<T>(mut look: impl FnMut() -> Result<T, String>) -> T {
    let begun = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) => assert!(begun.elapsed() < TIMEOUT, "{seen}"),
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Waits until it is so.
///
/// # Panics
///
/// If it does not come to be so.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    eventually(|| if is_so() { Ok(()) } else { Err(format!("never: {what}")) });
}
