//! A request or a task under way, and the parts of it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use opentelemetry::trace::{Link, Span as _, SpanKind, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_sdk::trace::{SdkTracer, Span};

use super::place::Place;

/// More parts are left out: a work that does more is a list of the same.
const PARTS_MAX: usize = 64;
/// Values that are noted on a work.
const NOTES_MAX: usize = 16;

tokio::task_local! {
    static CURRENT: Work;
}

/// On whose behalf something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A request that somebody sent.
    Request,
    /// A task of the worker's.
    Task,
    /// A call to somebody else.
    Call,
    /// Nobody but us.
    Inside,
}

impl From<Kind> for SpanKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Request => Self::Server,
            Kind::Task => Self::Consumer,
            Kind::Call => Self::Client,
            Kind::Inside => Self::Internal,
        }
    }
}

/// A request or a task under way.
#[derive(Clone)]
pub struct Work(Arc<Mutex<State>>);

struct State {
    tracer: SdkTracer,
    name: String,
    kind: Kind,
    begun: SystemTime,
    /// The caller's place; believed once the caller is known.
    caller: Option<Place>,
    is_believed: bool,
    /// The trace that it belongs to, whoever calls.
    joined: Option<Place>,
    span: Option<Span>,
    parts: Vec<Done>,
    notes: Vec<KeyValue>,
    error: Option<String>,
}

/// A part that is over.
struct Done {
    name: &'static str,
    kind: Kind,
    begun: SystemTime,
    ended: SystemTime,
    notes: Vec<KeyValue>,
    error: Option<String>,
}

impl Work {
    pub(crate) fn begin(
        tracer: &SdkTracer,
        name: String,
        kind: Kind,
        caller: Option<Place>,
    ) -> Self {
        Self(Arc::new(Mutex::new(State {
            tracer: tracer.clone(),
            name,
            kind,
            begun: SystemTime::now(),
            caller,
            is_believed: false,
            joined: None,
            span: None,
            parts: Vec::new(),
            notes: Vec::new(),
            error: None,
        })))
    }

    /// Does something as a part of this work, and ends it. `notes` are made of what came of it; an error is its code.
    pub async fn run<T>(
        self,
        work: impl Future<Output = T>,
        outcome: impl FnOnce(&T) -> (Vec<(&'static str, Value)>, Option<String>),
    ) -> T {
        let value = CURRENT.scope(self.clone(), work).await;
        let (notes, error) = outcome(&value);
        self.end(notes, error);
        value
    }

    /// Its trace, if it is over and sent.
    pub fn sent(&self) -> Option<String> {
        let state = self.state();
        let context = state.span.as_ref()?.span_context();
        context.is_sampled().then(|| context.trace_id().to_string())
    }

    fn end(&self, notes: Vec<(&'static str, Value)>, error: Option<String>) {
        let mut state = self.state();
        state.notes.extend(notes.into_iter().map(|(key, value)| KeyValue::new(key, value)));
        state.error = error;
        state.finish();
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The span, begun now if it was not: from here on its trace is fixed.
    fn span(&mut self) -> &mut Span {
        if self.span.is_none() {
            let caller = self.caller.take().filter(|_| self.is_believed);
            let parent = self.joined.as_ref().or(caller.as_ref());
            let context = match parent {
                Some(parent) => Context::new().with_remote_span_context(parent.context().clone()),
                None => Context::new(),
            };
            let links = match (&self.joined, &caller) {
                // Both are told, if the caller has a trace of its own.
                (Some(joined), Some(caller)) if joined.trace() != caller.trace() => {
                    vec![Link::with_context(caller.context().clone())]
                }
                _ => Vec::new(),
            };
            let builder = self.tracer.span_builder(self.name.clone()).with_kind(self.kind.into());
            let builder = builder.with_start_time(self.begun).with_links(links);
            self.span = Some(self.tracer.build_with_context(builder, &context));
        }
        let span = &mut self.span;
        span.get_or_insert_with(|| self.tracer.start(""))
    }

    fn finish(&mut self) {
        let ended = SystemTime::now();
        let (parts, notes, error) =
            (std::mem::take(&mut self.parts), std::mem::take(&mut self.notes), self.error.take());
        let tracer = self.tracer.clone();
        let span = self.span();
        span.set_attributes(notes);
        if let Some(error) = error {
            span.set_status(Status::error(error));
        }
        let inside = Context::new().with_remote_span_context(span.span_context().clone());
        for part in parts {
            let builder = tracer.span_builder(part.name).with_kind(part.kind.into());
            let builder = builder.with_start_time(part.begun).with_attributes(part.notes);
            let mut span = tracer.build_with_context(builder, &inside);
            if let Some(error) = part.error {
                span.set_status(Status::error(error));
            }
            span.end_with_timestamp(part.ended);
        }
        self.span().end_with_timestamp(ended);
    }
}

/// A part of the current work, which ends when this is dropped.
#[must_use = "it ends when it is dropped"]
pub struct Part(Option<(Work, Done)>);

impl Part {
    /// Notes a value on it.
    pub fn note(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some((_, done)) = &mut self.0 {
            done.notes.push(KeyValue::new(key, value));
        }
    }

    /// It failed, and why, as a code.
    pub fn fails(&mut self, code: &str) {
        if let Some((_, done)) = &mut self.0 {
            done.error = Some(code.to_owned());
        }
    }

    /// Its result, with the error of one that failed noted.
    pub fn ended<T, E>(
        mut self,
        result: Result<T, E>,
        code: impl FnOnce(&E) -> String,
    ) -> Result<T, E> {
        if let (Err(error), true) = (&result, self.0.is_some()) {
            self.fails(&code(error));
        }
        result
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Some((work, mut done)) = self.0.take() {
            done.ended = SystemTime::now();
            let mut state = work.state();
            if state.parts.len() < PARTS_MAX {
                state.parts.push(done);
            }
        }
    }
}

/// Begins a part of the current work.
pub fn part(name: &'static str, kind: Kind) -> Part {
    let now = SystemTime::now;
    Part(current().map(|work| {
        let (begun, ended) = (now(), now());
        (work, Done { name, kind, begun, ended, notes: Vec::new(), error: None })
    }))
}

/// The caller of the current work is known, and so is the trace that it named.
pub fn believe() {
    if let Some(work) = current() {
        work.state().is_believed = true;
    }
}

/// The current work belongs to this trace, a `traceparent` that was kept.
pub fn join(kept: &str) {
    if let Some(work) = current()
        && let Some(place) = Place::parse(kept)
    {
        work.state().joined.get_or_insert(place);
    }
}

/// Notes a value on the current work.
pub fn note(key: &'static str, value: impl Into<Value>) {
    if let Some(work) = current() {
        let mut state = work.state();
        if state.notes.len() < NOTES_MAX {
            state.notes.push(KeyValue::new(key, value));
        }
    }
}

/// The place of the current work, to be kept or passed on; its trace does not change any more.
pub fn place() -> Option<Place> {
    let work = current()?;
    let mut state = work.state();
    Place::of(state.span().span_context())
}

fn current() -> Option<Work> {
    CURRENT.try_with(Clone::clone).ok()
}
