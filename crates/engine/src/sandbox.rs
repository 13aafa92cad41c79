//! One instance of a plugin, and one question to it, under all limits.
//!
//! A sandbox serves one order. After a failure it is dropped and never asked again: what a stopped
//! guest left half done is nobody's to look at.

use std::time::Duration;

use lezai_core::money;
use wasmtime::component::{ComponentNamedList, Instance, Lift, Lower, TypedFunc};
use wasmtime::{
    FrameInfo, ResourceLimiter, Store, StoreContextMut, Trap, UpdateDeadline, WasmBacktrace,
};

use crate::contract::{Amount, Assessment, Column, Money, OrderRecord, Share};
use crate::hook::Hook;
use crate::limits::Limits;
use crate::plugin::Plugin;
use crate::ticker::Ticking;
use crate::{Engine, ThreadClock};

/// The longest text of a failure that is kept, in characters.
const MAX_TEXT: usize = 200;

/// Why a plugin did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It burnt all of its fuel.
    #[error("it burnt all of its fuel")]
    Fuel,
    /// It used up its time, and had fuel left: the machine is too slow, or fuel does not count what
    /// took so long. On another machine the question may end otherwise.
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

/// The parameters of most functions of the contract.
type Usual<'a> = (&'a OrderRecord<'a>, &'a [u8]);
/// The parameters of `split`.
type Split<'a> = (&'a OrderRecord<'a>, Amount<'a>, &'a [u8]);
/// A function of the contract.
type Function<Params, Answer> = TypedFunc<Params, (Result<Answer, String>,)>;

/// An instance and the store that it lives in.
pub(crate) struct Sandbox<'e> {
    engine: &'e Engine,
    plugin: &'e Plugin,
    store: Store<Guest>,
    instance: Instance,
    /// Less fuel than the limit, for a profile.
    most_fuel: Option<u64>,
    /// Where the last question ran out of fuel, if the engine keeps names.
    stopped_in: Option<Vec<String>>,
    _ticking: Ticking<'e>,
}

/// The host's state beside an instance.
pub(crate) struct Guest {
    max_memory: usize,
    deadline: Duration,
    clock: ThreadClock,
    /// The size of its linear memory, in bytes.
    memory: usize,
    /// The thread's processor time at the first tick of the question.
    first_tick: Option<Duration>,
}

impl<'e> Sandbox<'e> {
    /// A fresh instance.
    pub(crate) fn start(engine: &'e Engine, plugin: &'e Plugin) -> Result<Self, Failure> {
        let Limits { memory, output, deadline_ms, .. } = plugin.limits;
        let ticking = engine.ticker.tick();
        let guest = Guest {
            max_memory: memory,
            deadline: Duration::from_millis(deadline_ms),
            clock: engine.clock,
            memory: 0,
            first_tick: None,
        };
        let mut store = Store::new(&engine.wasmtime, guest);
        store.limiter(|guest| guest);
        store.epoch_deadline_callback(on_tick);
        store.set_epoch_deadline(1);
        store.set_hostcall_fuel(output);
        // To start copies the guest's data into its memory, and runs what it has to be run first.
        // That is the same for each order, was tried when the plugin was admitted, and is not counted;
        // it is bounded by what any question may burn.
        store.set_fuel(engine.limits.fuel).map_err(failure)?;
        let instance = plugin.blueprint.instantiate(&mut store).map_err(failure)?;
        let (most_fuel, stopped_in) = (None, None);
        Ok(Self { engine, plugin, store, instance, most_fuel, stopped_in, _ticking: ticking })
    }

    /// Asks about the risk.
    pub(crate) fn assess(&mut self, order: &OrderRecord<'_>, settings: &[u8]) -> Asked<Assessment> {
        self.ask(Hook::Risk, order.size() + settings.len(), (order, settings))
    }

    /// Asks about the fee.
    pub(crate) fn fee(&mut self, order: &OrderRecord<'_>, settings: &[u8]) -> Asked<Money> {
        self.ask(Hook::Pricing, order.size() + settings.len(), (order, settings))
    }

    /// Asks about the channels.
    pub(crate) fn route(&mut self, order: &OrderRecord<'_>, settings: &[u8]) -> Asked<Vec<String>> {
        self.ask(Hook::Routing, order.size() + settings.len(), (order, settings))
    }

    /// Asks about the shares, once the fee is known.
    pub(crate) fn divide(
        &mut self,
        order: &OrderRecord<'_>,
        fee: money::Money,
        settings: &[u8],
    ) -> Asked<Vec<Share>> {
        let fee = Amount::from(fee);
        self.ask(Hook::Split, order.size() + settings.len(), (order, fee, settings))
    }

    /// Asks about the columns.
    pub(crate) fn columns(
        &mut self,
        order: &OrderRecord<'_>,
        settings: &[u8],
    ) -> Asked<Vec<Column>> {
        self.ask(Hook::Statement, order.size() + settings.len(), (order, settings))
    }

    /// Asks any question with so much fuel, or with all there is, whatever the answer is. Gives what
    /// was burnt, and where it stopped if the fuel was not enough.
    pub(crate) fn stopped(
        &mut self,
        hook: Hook,
        order: &OrderRecord<'_>,
        fee: money::Money,
        settings: &[u8],
        fuel: Option<u64>,
    ) -> Result<(u64, Option<Vec<String>>), Failure> {
        self.most_fuel = fuel;
        let Asked { fuel: burnt, answer, .. } = match hook {
            Hook::Risk => self.assess(order, settings).map(drop),
            Hook::Pricing => self.fee(order, settings).map(drop),
            Hook::Routing => self.route(order, settings).map(drop),
            Hook::Split => self.divide(order, fee, settings).map(drop),
            Hook::Statement => self.columns(order, settings).map(drop),
        };
        match answer {
            Ok(()) => Ok((burnt, None)),
            Err(Failure::Fuel) if fuel.is_some() => Ok((burnt, self.stopped_in.take())),
            Err(failure) => Err(failure),
        }
    }

    /// Whether the export for a hook has the contract's type.
    pub(crate) fn check_type(&mut self, hook: Hook) -> wasmtime::Result<()> {
        match hook {
            Hook::Risk => self.function::<Usual<'_>, Assessment>(hook).map(drop),
            Hook::Pricing => self.function::<Usual<'_>, Money>(hook).map(drop),
            Hook::Routing => self.function::<Usual<'_>, Vec<String>>(hook).map(drop),
            Hook::Split => self.function::<Split<'_>, Vec<Share>>(hook).map(drop),
            Hook::Statement => self.function::<Usual<'_>, Vec<Column>>(hook).map(drop),
        }
    }

    /// `size` is that of all texts and bytes in `params`.
    fn ask<Params, Answer>(&mut self, hook: Hook, size: usize, params: Params) -> Asked<Answer>
    where
        Params: ComponentNamedList + Lower,
        Answer: Lift + Send + Sync + 'static,
        (Result<Answer, String>,): ComponentNamedList + Lift,
    {
        let fuel = self.most_fuel.unwrap_or(self.plugin.limits.fuel);
        if size > self.engine.limits.input {
            return Asked { fuel: 0, memory: 0, answer: Err(Failure::TooMuchInput(size)) };
        }
        self.store.data_mut().first_tick = None;
        self.store.set_epoch_deadline(1);
        let answer = self.store.set_fuel(fuel).and_then(|()| {
            let function = self.function::<Params, Answer>(hook)?;
            function.call(&mut self.store, params)
        });
        let left = self.store.get_fuel().unwrap_or_default();
        let answer = match answer {
            Ok((Ok(answer),)) => Ok(answer),
            Ok((Err(text),)) => Err(Failure::Refused(clean(&text))),
            Err(error) => {
                self.stopped_in = error.downcast_ref().map(functions);
                Err(failure(error))
            }
        };
        let memory = self.store.data().memory;
        Asked { fuel: fuel.saturating_sub(left), memory, answer }
    }

    fn function<Params, Answer>(&mut self, hook: Hook) -> wasmtime::Result<Function<Params, Answer>>
    where
        Params: ComponentNamedList + Lower,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked<Answer> {
    /// The fuel that it burnt, in wasmtime's units.
    pub fuel: u64,
    /// The size that the instance's memory had grown to, in bytes.
    pub memory: usize,
    /// The answer, if there is one.
    pub answer: Result<Answer, Failure>,
}

impl<Answer> Asked<Answer> {
    pub(crate) fn map<Other>(self, change: impl FnOnce(Answer) -> Other) -> Asked<Other> {
        Asked { fuel: self.fuel, memory: self.memory, answer: self.answer.map(change) }
    }
}

/// The functions on the stack, the innermost first, without one that had only just begun: it burnt
/// nothing yet.
fn functions(backtrace: &WasmBacktrace) -> Vec<String> {
    let begun = |it: &&FrameInfo| it.func_offset() != Some(0);
    let frames = backtrace.frames();
    let skipped = usize::from(frames.first().is_some_and(|it| !begun(&it)));
    let name = |it: &FrameInfo| match it.func_name() {
        Some(name) => name.to_owned(),
        None => format!("function {}", it.func_index()),
    };
    frames[skipped..].iter().map(name).collect()
}

/// A tick came while the guest ran. A tick is a millisecond of the clock on the wall, in which the
/// thread may not have run at all; so the thread's own time says whether the guest is late. It is
/// asked for at ticks alone, for it costs a system call, and so a deadline is up to 2 ms late.
fn on_tick(mut store: StoreContextMut<'_, Guest>) -> wasmtime::Result<UpdateDeadline> {
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
enum Stop {
    #[error("out of time")]
    Deadline,
    #[error("out of memory")]
    Memory,
}

/// The plugin's failure that an error of wasmtime stands for.
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

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

    use super::*;
    use crate::support::{artifact, order, policy};
    use crate::{Config, decide};

    /// The ticker sleeps when nobody asks, and has to be back in time.
    #[test]
    fn the_clock_is_awake_when_it_is_wanted() {
        let cache = tempfile::tempdir().unwrap();
        let limits = Limits { fuel: u64::MAX, ..Limits::default() };
        let clock = crate::support::clock::asked;
        let config = Config { slots: 1, limits, clock, ..Config::new(cache.path()) };
        let engine = Engine::new(config).unwrap();
        let [standard, hostile] =
            ["policy.wasm", "plugins/hostile.wasm"].map(|it| engine.load(&artifact(it)).unwrap());
        crate::support::clock::set(crate::support::clock::RUNS_AWAY);
        for _ in 0..2 {
            let begun = std::time::Instant::now();
            while !engine.ticker.sleeps() {
                assert!(begun.elapsed() < Duration::from_secs(60), "it never sleeps");
                std::thread::yield_now();
            }
            let own = Some((&*hostile, &b"risk=loop"[..]));
            let facts = order();
            let decision = decide(&engine, &standard, &policy().to_compact(), own, &facts).unwrap();
            assert_eq!(decision.hooks[0].outcome.label(), "deadline");
        }
    }

    /// A mistake of ours in the middle of a question ends that question: its instance, its place in
    /// the pool, its turn and its ticks are given back, however often it happens.
    #[test]
    fn a_panic_of_the_host_takes_nothing_with_it() {
        let cache = tempfile::tempdir().unwrap();
        let engine = Engine::new(Config { slots: 1, ..Config::new(cache.path()) }).unwrap();
        let [standard, hostile] =
            ["policy.wasm", "plugins/hostile.wasm"].map(|it| engine.load(&artifact(it)).unwrap());
        let (compact, facts) = (policy().to_compact(), order());
        let usual = decide(&engine, &standard, &compact, None, &facts).unwrap();
        let patient = Limits { fuel: u64::MAX, ..engine.limits() };
        // More often than there are slots: each must have been given back.
        for round in 0..20 {
            let panics = catch_unwind(AssertUnwindSafe(|| {
                let _pass = engine.gate.pass();
                let mut sandbox = Sandbox::start(&engine, &hostile).unwrap();
                // The host's part in a call of the guest's: it is asked while the guest is on the stack.
                sandbox.store.epoch_deadline_callback(|_| resume_unwind(Box::new("on purpose")));
                sandbox.most_fuel = Some(patient.fuel);
                sandbox.assess(&OrderRecord::new(&facts), b"risk=loop").answer.map(drop)
            }));
            let payload = panics.unwrap_err();
            assert_eq!(payload.downcast_ref(), Some(&"on purpose"), "round {round}");
            let own = Some((&*hostile, &b""[..]));
            let next = decide(&engine, &standard, &compact, own, &facts).unwrap();
            assert!(next.runs().all(|(_, run)| run.outcome.label() == "ok"), "round {round}");
            assert_eq!(decide(&engine, &standard, &compact, None, &facts).unwrap(), usual);
        }
    }
}
