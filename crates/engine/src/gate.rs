//! Bounds how many decisions run at once, so that the pool always has an instance for each.

use std::sync::{Condvar, Mutex, PoisonError};

/// A counter of free slots.
pub(crate) struct Gate {
    free: Mutex<u32>,
    freed: Condvar,
}

/// One slot, given back when dropped.
pub(crate) struct Pass<'a>(&'a Gate);

impl Gate {
    pub(crate) fn new(slots: u32) -> Self {
        Self { free: Mutex::new(slots), freed: Condvar::new() }
    }

    /// Waits for a slot. Others hold theirs for some microseconds.
    pub(crate) fn pass(&self) -> Pass<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.freed.wait_while(free, |free| *free == 0);
        *waited.unwrap_or_else(PoisonError::into_inner) -= 1;
        Pass(self)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}
