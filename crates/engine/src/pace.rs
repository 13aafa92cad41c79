//! How fast fuel burns on this machine.
//!
//! Fuel is what ends a plugin, after the same instruction everywhere; the clock is the last resort. On a
//! machine so slow that the clock could come first, the outcome of a decision would be the machine's, so
//! a node measures itself once and says so.

use std::time::Duration;

use wasmtime::{Instance, Module, Store};

use crate::{Engine, StartError};

/// Burns fuel for ever, as slowly as anything does but by half (`fuel.rs`): each turn of the loop is one
/// unit, and wasmtime looks each time whether there is another. The bytes of
/// `(module (func (export "burn") (loop (br 0))))`.
const YARDSTICK: &[u8] =
    b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x08\x01\x04burn\0\0\
    \x0a\x09\x01\x07\0\x03\x40\x0c\0\x0b\x0b";
/// The fuel of one round: short enough to be no burden at a start, long enough to be measured.
const ROUND_FUEL: u64 = 200_000;
/// The fastest round counts: the others had neighbours.
const ROUNDS: usize = 5;
/// How many times slower than its measurement a node may get before the deadline is to be feared: what
/// takes twice as long a unit as the yardstick, while neighbours take half of a core's caches.
const MARGIN: u32 = 4;

/// How fast fuel burns here, held against the last resort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Processor time that all the fuel of one question takes in a plain loop.
    pub full_fuel: Duration,
    /// [`Limits::deadline_ms`](crate::Limits::deadline_ms).
    pub deadline: Duration,
}

impl Pace {
    /// Whether the clock may end a question before its fuel does.
    pub fn deadline_is_likely(&self) -> bool {
        self.full_fuel.saturating_mul(MARGIN) >= self.deadline
    }

    fn of_round(round: Duration, fuel: u64, deadline: Duration) -> Self {
        let nanos = round.as_nanos().saturating_mul(u128::from(fuel)) / u128::from(ROUND_FUEL);
        Self { full_fuel: Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)), deadline }
    }
}

impl Engine {
    /// Measures how fast fuel burns here. It takes some milliseconds, so it is done once, at the start.
    ///
    /// # Errors
    ///
    /// [`StartError::Platform`].
    pub fn pace(&self) -> Result<Pace, StartError> {
        let platform = |error: wasmtime::Error| StartError::Platform(format!("{error:#}"));
        let module = Module::new(&self.wasmtime, YARDSTICK).map_err(platform)?;
        let _pass = self.gate.pass();
        let mut fastest = Duration::MAX;
        for _ in 0..ROUNDS {
            let mut store = Store::new(&self.wasmtime, ());
            store.set_epoch_deadline(u64::MAX / 2);
            store.set_fuel(ROUND_FUEL).map_err(platform)?;
            let instance = Instance::new(&mut store, &module, &[]).map_err(platform)?;
            let burn = instance.get_typed_func::<(), ()>(&mut store, "burn").map_err(platform)?;
            let begun = (self.clock)();
            // It ends for want of fuel, and in no other way.
            let _ = burn.call(&mut store, ());
            fastest = fastest.min((self.clock)().saturating_sub(begun));
        }
        let deadline = Duration::from_millis(self.limits.deadline_ms);
        Ok(Pace::of_round(fastest, self.limits.fuel, deadline))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_yardstick_is_what_it_says() {
        let text = r#"(module (func (export "burn") (loop (br 0))))"#;
        assert_eq!(YARDSTICK, wat::parse_str(text).unwrap());
    }
}
