//! Bounds how many decisions run at once, so that the pool always has an instance for each.

use std::sync::{Condvar, Mutex, PoisonError};

/// A counter of free slots.
pub(crate) struct Slots {
    state: Mutex<State>,
    freed: Condvar,
}

struct State {
    free: u32,
    /// Waking costs a system call whether somebody waits or not, so it is known who does.
    waiting: u32,
}

/// One slot, given back when dropped.
pub(crate) struct Pass<'a>(&'a Slots);

impl Slots {
    pub(crate) fn new(slots: u32) -> Self {
        Self { state: Mutex::new(State { free: slots, waiting: 0 }), freed: Condvar::new() }
    }

    /// Waits for a slot. Others hold theirs for some microseconds.
    pub(crate) fn pass(&self) -> Pass<'_> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.free == 0 {
            state.waiting += 1;
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
        state.free -= 1;
        Pass(self)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.free += 1;
        if state.waiting > 0 {
            self.0.freed.notify_one();
        }
    }
}
