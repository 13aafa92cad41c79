//! One instance of a plugin, and one question to it, under all limits.
//!
//! A sandbox serves one order. After a failure it is dropped and never asked again: what a stopped
//! guest left half done is nobody's to look at.

use std::time::Duration;

use cpu_time::ThreadTime;
use wasmtime::component::{ComponentNamedList, Instance, Lift, TypedFunc};
use wasmtime::{ResourceLimiter, Store, StoreContextMut, Trap, UpdateDeadline};

use crate::Engine;
use crate::contract::{Assessment, Money, OrderRecord};
use crate::limits::Limits;
use crate::plugin::{Hook, Plugin};
use crate::ticker::Ticking;

/// The longest text of a failure that is kept, in characters.
const MAX_TEXT: usize = 200;

/// Why a plugin did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It burnt all of its fuel.
    #[error("it burnt all of its fuel")]
    Fuel,
    /// It used up its time.
    #[error("it used up its time")]
    Deadline,
    /// It wanted more memory than it may have.
    #[error("it wanted more memory than it may have")]
    Memory,
    /// It trapped.
    #[error("it trapped: {0}")]
    Trap(String),
    /// It answered with an error of its own, here in its words: at most 200 characters, control
    /// characters replaced.
    #[error("it answered with an error: {0}")]
    Refused(String),
    /// Its answer is none that an order can have, or cannot be read.
    #[error("its answer makes no sense: {0}")]
    Nonsense(String),
    /// Order and settings, of so many bytes, are longer than it may be given.
    #[error("order and settings have {0} bytes, more than it may be given")]
    TooMuchInput(usize),
    /// Its answer is longer than it may be.
    #[error("its answer is longer than it may be")]
    TooMuchOutput,
}

impl Failure {
    /// One stable word, for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Fuel => "fuel",
            Self::Deadline => "deadline",
            Self::Memory => "memory",
            Self::Trap(_) => "trap",
            Self::Refused(_) => "refused",
            Self::Nonsense(_) => "nonsense",
            Self::TooMuchInput(_) => "too_much_input",
            Self::TooMuchOutput => "too_much_output",
        }
    }
}

/// A function of the contract.
type Function<'a, Answer> = TypedFunc<(&'a OrderRecord<'a>, &'a [u8]), (Result<Answer, String>,)>;

/// An instance and the store that it lives in.
pub(crate) struct Sandbox<'e> {
    engine: &'e Engine,
    plugin: &'e Plugin,
    store: Store<Guest>,
    instance: Instance,
    /// What starting it burnt; told with the first question.
    burnt: u64,
    _ticking: Ticking<'e>,
}

/// What the host keeps beside an instance.
pub(crate) struct Guest {
    max_memory: usize,
    deadline: Duration,
    /// The thread's processor time at the first tick of the question.
    first_tick: Option<Duration>,
}

impl<'e> Sandbox<'e> {
    /// A fresh instance.
    pub(crate) fn start(engine: &'e Engine, plugin: &'e Plugin) -> Result<Self, Failure> {
        let Limits { memory, fuel, output, deadline_ms, .. } = plugin.limits;
        let ticking = engine.ticker.tick();
        let guest = Guest {
            max_memory: memory,
            deadline: Duration::from_millis(deadline_ms),
            first_tick: None,
        };
        let mut store = Store::new(&engine.wasmtime, guest);
        store.limiter(|guest| guest);
        store.epoch_deadline_callback(on_tick);
        store.set_epoch_deadline(1);
        store.set_hostcall_fuel(output);
        store.set_fuel(fuel).map_err(failure)?;
        let instance = plugin.blueprint.instantiate(&mut store).map_err(failure)?;
        let burnt = fuel.saturating_sub(store.get_fuel().unwrap_or_default());
        Ok(Self { engine, plugin, store, instance, burnt, _ticking: ticking })
    }

    /// Asks about the risk.
    pub(crate) fn assess(&mut self, order: &OrderRecord<'_>, settings: &[u8]) -> Asked<Assessment> {
        self.ask(Hook::Risk, order, settings)
    }

    /// Asks about the fee.
    pub(crate) fn fee(&mut self, order: &OrderRecord<'_>, settings: &[u8]) -> Asked<Money> {
        self.ask(Hook::Pricing, order, settings)
    }

    /// Asks about the channels.
    pub(crate) fn route(&mut self, order: &OrderRecord<'_>, settings: &[u8]) -> Asked<Vec<String>> {
        self.ask(Hook::Routing, order, settings)
    }

    /// Whether the export for a hook has the contract's type.
    pub(crate) fn check_type(&mut self, hook: Hook) -> wasmtime::Result<()> {
        match hook {
            Hook::Risk => self.function::<Assessment>(hook).map(drop),
            Hook::Pricing => self.function::<Money>(hook).map(drop),
            Hook::Routing => self.function::<Vec<String>>(hook).map(drop),
        }
    }

    fn ask<Answer>(&mut self, hook: Hook, order: &OrderRecord<'_>, settings: &[u8]) -> Asked<Answer>
    where
        Answer: Lift + Send + Sync + 'static,
        (Result<Answer, String>,): ComponentNamedList + Lift,
    {
        let fuel = self.plugin.limits.fuel;
        let size = order.size().saturating_add(settings.len());
        if size > self.engine.limits.input {
            return Asked { fuel: 0, answer: Err(Failure::TooMuchInput(size)) };
        }
        let given = fuel.saturating_sub(std::mem::take(&mut self.burnt));
        self.store.data_mut().first_tick = None;
        self.store.set_epoch_deadline(1);
        let answer = self.store.set_fuel(given).and_then(|()| {
            let function = self.function::<Answer>(hook)?;
            function.call(&mut self.store, (order, settings))
        });
        let left = self.store.get_fuel().unwrap_or_default();
        let answer = match answer {
            Ok((Ok(answer),)) => Ok(answer),
            Ok((Err(text),)) => Err(Failure::Refused(clean(&text))),
            Err(error) => Err(failure(error)),
        };
        Asked { fuel: fuel.saturating_sub(left), answer }
    }

    fn function<'a, Answer>(&mut self, hook: Hook) -> wasmtime::Result<Function<'a, Answer>>
    where
        (Result<Answer, String>,): ComponentNamedList + Lift,
    {
        let function = self
            .plugin
            .function(hook)
            .ok_or_else(|| wasmtime::Error::msg("asked what it does not answer"))?;
        self.instance.get_typed_func(&mut self.store, function)
    }
}

/// How a question ended.
pub(crate) struct Asked<Answer> {
    /// What it burnt.
    pub(crate) fuel: u64,
    pub(crate) answer: Result<Answer, Failure>,
}

/// A tick came while the guest ran. A tick is a millisecond of the clock on the wall, in which the
/// thread may not have run at all; so the thread's own time says whether the guest is late. It is
/// asked for at ticks alone, for it costs a system call, and so a deadline is up to 2 ms late.
fn on_tick(mut store: StoreContextMut<'_, Guest>) -> wasmtime::Result<UpdateDeadline> {
    let guest = store.data_mut();
    let now = ThreadTime::now().as_duration();
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
        if desired > self.max_memory { Err(Stop::Memory.into()) } else { Ok(true) }
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
enum Stop {
    #[error("out of time")]
    Deadline,
    #[error("out of memory")]
    Memory,
}

/// What wasmtime says, as what it means for a plugin.
fn failure(error: wasmtime::Error) -> Failure {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return match stop {
            Stop::Deadline => Failure::Deadline,
            Stop::Memory => Failure::Memory,
        };
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => return Failure::Fuel,
        Some(Trap::Interrupt) => return Failure::Deadline,
        Some(trap) => return Failure::Trap(trap.to_string()),
        None => {}
    }
    // No trap: the guest returned, and what it returned could not be read. wasmtime gives the
    // bound on what it copies no type of its own.
    let text = format!("{error:#}");
    if text.contains("fuel allocated for hostcalls has been exhausted") {
        return Failure::TooMuchOutput;
    }
    Failure::Nonsense(clean(&text))
}

/// A text that a guest had its hands in, fit for a log.
fn clean(text: &str) -> String {
    let printable = |it: char| if it.is_control() { char::REPLACEMENT_CHARACTER } else { it };
    text.chars().take(MAX_TEXT).map(printable).collect()
}
