//! The clock that stops a call: moves wasmtime's epoch on once in a millisecond.
//!
//! It ticks while decisions are made and for a tenth of a second after, then sleeps until the next
//! one. An idle gateway is not woken a thousand times a second, and a busy one pays two atomic
//! operations for a decision and no system call.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::thread::{self, Thread};
use std::time::Duration;

const TICK: Duration = Duration::from_millis(1);
const IDLE_TICKS: u32 = 100;

/// Handle of the ticking thread, which ends with it.
pub(crate) struct Ticker {
    state: Arc<State>,
    thread: Thread,
}

#[derive(Default)]
struct State {
    running: AtomicU32,
    asleep: AtomicBool,
    ended: AtomicBool,
}

/// While this lives, the epoch moves on.
pub(crate) struct Ticking<'a>(&'a Ticker);

impl Ticker {
    pub(crate) fn start(engine: &wasmtime::Engine) -> std::io::Result<Self> {
        let state = Arc::new(State::default());
        let (ours, engine) = (Arc::clone(&state), engine.weak());
        let handle = thread::Builder::new().name("lezai-epoch".to_owned()).spawn(move || {
            let mut idle = 0;
            while !ours.ended.load(SeqCst) {
                thread::sleep(TICK);
                let Some(engine) = engine.upgrade() else { return };
                engine.increment_epoch();
                drop(engine);
                idle = if ours.running.load(SeqCst) == 0 { idle + 1 } else { 0 };
                if idle >= IDLE_TICKS {
                    ours.sleep();
                    idle = 0;
                }
            }
        })?;
        Ok(Self { state, thread: handle.thread().clone() })
    }

    pub(crate) fn tick(&self) -> Ticking<'_> {
        self.state.running.fetch_add(1, SeqCst);
        // The thread first says that it sleeps and then looks whether anybody runs, so either it
        // sees us or we see it.
        if self.state.asleep.load(SeqCst) {
            self.thread.unpark();
        }
        Ticking(self)
    }

    #[cfg(test)]
    pub(crate) fn sleeps(&self) -> bool {
        self.state.asleep.load(SeqCst)
    }
}

impl State {
    fn sleep(&self) {
        self.asleep.store(true, SeqCst);
        while self.running.load(SeqCst) == 0 && !self.ended.load(SeqCst) {
            thread::park();
        }
        self.asleep.store(false, SeqCst);
    }
}

impl Drop for Ticking<'_> {
    fn drop(&mut self) {
        self.0.state.running.fetch_sub(1, SeqCst);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.state.ended.store(true, SeqCst);
        self.thread.unpark();
    }
}
