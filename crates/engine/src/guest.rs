//! The host's state beside an instance, and the limits that it holds while the guest runs.

use std::time::Duration;

use wasmtime::{ResourceLimiter, StoreContextMut, UpdateDeadline};

use crate::ThreadClock;

/// The host's state beside an instance.
pub(crate) struct Guest {
    pub(crate) max_memory: usize,
    pub(crate) deadline: Duration,
    pub(crate) clock: ThreadClock,
    /// The size of its linear memory, in bytes.
    pub(crate) memory: usize,
    /// The thread's processor time at the first tick of the question.
    pub(crate) first_tick: Option<Duration>,
}

/// A tick came while the guest ran. A tick is a millisecond of the clock on the wall, in which the
/// thread may not have run at all; so the thread's own time says whether the guest is late. It is
/// asked for at ticks alone, for it costs a system call, and so a deadline is up to 2 ms late.
pub(crate) fn on_tick(mut store: StoreContextMut<'_, Guest>) -> wasmtime::Result<UpdateDeadline> {
    let guest = store.data_mut();
    let now = (guest.clock)();
    let first = *guest.first_tick.get_or_insert(now);
    if now.saturating_sub(first) >= guest.deadline {
        return Err(Stop::Deadline.into());
    }
    Ok(UpdateDeadline::Continue(1))
}

impl ResourceLimiter for Guest {
    /// An error stops the guest here and now; a refusal would let it go on without the memory, and
    /// trap somewhere later with nothing that tells why.
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > self.max_memory {
            return Err(Stop::Memory.into());
        }
        self.memory = desired;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > crate::TABLE_ELEMENTS { Err(Stop::Memory.into()) } else { Ok(true) }
    }
}

/// Why we stopped a guest ourselves.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    #[error("out of time")]
    Deadline,
    #[error("out of memory")]
    Memory,
}
