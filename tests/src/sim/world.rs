//! One seed: the gateway's own code between a store, a bank, shoppers and a merchant, all in this
//! thread, and a dice that says who is next.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use lezai::address::Reach;
use lezai::callback::{Courier, Post, Reply, Transport};
use lezai::checkout;
use lezai::clock::Clock;
use lezai::entropy::Entropy;
use lezai::gateway::{Gateway, Parts};
use lezai::idempotency::{Answer, Repeatable, Signer};
use lezai::ledger::check_tables;
use lezai::order_request::NewOrder;
use lezai::orders;
use lezai::problem::{Code, Problem};
use lezai::refunds::{self, NewRefund};
use lezai::store::sqlite::{Stepped, order_with_entries};
use lezai::store::{
    Claim, DueTask, IdempotencyKey, Lane, OrderRecord, ReadJob, SessionRecord, Store, StoreError,
    Tx, WriteJob, fingerprint,
};
use lezai::worker;
use lezai_core::id::{MerchantId, OrderId, SessionId};
use lezai_core::ledger::GENESIS;
use lezai_core::money::Money;
use lezai_core::order::{Event, Order, RefundState, State};
use lezai_core::policy::Reason;
use lezai_core::policy::answer::{Risk, Verdict};
use lezai_core::time::Timestamp;
use lezai_engine::{Decision, HookRun, Outcome as Hook};
use rusqlite::OptionalExtension as _;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::bank::{Ask, Bank, CHANNEL, SimChannel, Wire};
use super::planted::{Memory, wrap};
use super::random::Random;
use super::{Counts, Failure, Fault, Planted, Run, Shared};

const START: Timestamp = Timestamp::from_secs(1_795_000_000);
/// A run that does more than this does not come to rest.
const MAX_STEPS: usize = 30_000;
/// Past every schedule of the gateway.
const HORIZON_SECS: i64 = 90 * 86_400;
const DAY_MS: i64 = 86_400_000;

/// What somebody does. The numbers choose among what there is by then.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Create { minor: i64, fee: i64, manual: bool, held: bool, expires: i64 },
    CreateAgain(usize),
    Choose(usize),
    Approve(usize, bool),
    Refuse(usize),
    Hint(usize, usize),
    Close(usize),
    Capture(usize, i64),
    Void(usize),
    Refund(usize, i64, bool),
    OtherBody(usize),
    Advance(i64),
}

/// What is going to happen, by the seed.
pub(super) fn plan(seed: u64) -> Vec<Op> {
    let mut random = Random::new(seed ^ 0x0070_6c61_6e00);
    let create = |random: &mut Random| Op::Create {
        minor: if random.once_in(3) { random.from_to(2, 40) } else { random.from_to(100, 99_999) },
        fee: random.from_to(0, 70_000),
        manual: random.once_in(3),
        held: random.once_in(6),
        expires: random.from_to(60, 3_600),
    };
    let mut ops = vec![create(&mut random)];
    for _ in 0..random.from_to(8, 26) {
        let n = random.below(64);
        ops.push(match random.below(40) {
            0..3 => create(&mut random),
            3 => Op::CreateAgain(n),
            4..11 => Op::Choose(n),
            11..19 => Op::Approve(n, random.once_in(12)),
            19 => Op::Refuse(n),
            20 => Op::Hint(n, random.below(3)),
            21 => Op::Close(n),
            22..25 => Op::Capture(n, random.from_to(0, 120)),
            25 => Op::Void(n),
            26..35 => Op::Refund(n, random.from_to(1, 130), random.once_in(8)),
            35 => Op::OtherBody(n),
            36..38 => Op::Advance(random.from_to(1, 120)),
            38 => Op::Advance(random.from_to(600, 7_200)),
            _ => Op::Advance(random.from_to(43_200, 8 * 86_400)),
        });
    }
    ops
}

/// The store as the gateway has it: jobs wait until the dice lets them be committed.
struct Queue {
    jobs: Mutex<Vec<WriteJob>>,
    store: Arc<Mutex<Stepped>>,
    planted: Planted,
    memory: Arc<Memory>,
    seen: Arc<Mutex<Vec<OrderRecord>>>,
}

impl Store for Queue {
    fn submit(&self, job: WriteJob) -> Result<(), StoreError> {
        let job = match self.planted {
            Planted::Nothing => job,
            planted => wrap(planted, job, &self.memory, self.seen.lock().unwrap().clone()),
        };
        self.jobs.lock().unwrap().push(job);
        Ok(())
    }

    fn view(&self, job: ReadJob) -> Result<(), StoreError> {
        self.store.lock().unwrap().view(job);
        Ok(())
    }
}

/// A callback on its way to the merchant.
struct Parcel {
    body: Vec<u8>,
    reply: oneshot::Sender<Reply>,
}

struct Mail(Arc<Mutex<Vec<Parcel>>>);

impl Transport for Mail {
    fn send(&self, post: Post) -> Pin<Box<dyn Future<Output = Result<Reply, String>> + Send + '_>> {
        let (reply, status) = oneshot::channel();
        self.0.lock().unwrap().push(Parcel { body: post.body, reply });
        Box::pin(async { status.await.map_err(|_| "lost".to_owned()) })
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A request or a task under way.
struct Running {
    name: &'static str,
    future: Pin<Box<dyn Future<Output = Heard> + Send>>,
    flag: Arc<Flag>,
}

/// What a future ends with.
enum Heard {
    Nothing,
    Answer(usize, Result<Answer, Problem>),
    Tasks(Lane, Vec<DueTask>),
}

/// A merchant's request, which she sends again until it is answered.
struct Request {
    what: What,
    key: String,
    body: Vec<u8>,
    under_way: bool,
    answered: Option<(u16, Vec<u8>)>,
    answered_at: Timestamp,
    refused: Option<Code>,
}

#[derive(Clone)]
enum What {
    Create { fee: i64, held: bool },
    Choose(OrderId, SessionId),
    Act(OrderId, Event),
    Refund(OrderId),
}

/// The simulated world.
pub(super) struct World<'r> {
    run: &'r Run,
    shared: &'r Shared,
    random: Random,
    counts: Counts,
    trace: Vec<String>,
    faults: usize,
    gateway: Arc<Gateway>,
    courier: Arc<Courier>,
    queue: Arc<Queue>,
    store: Arc<Mutex<Stepped>>,
    wire: Arc<Wire>,
    bank: Bank,
    post: Arc<Mutex<Vec<Parcel>>>,
    running: Vec<Running>,
    claiming: [bool; 2],
    requests: Vec<Request>,
    orders: Vec<(OrderId, SessionId)>,
    acted: BTreeMap<String, u32>,
    received: BTreeSet<String>,
    shipped: BTreeMap<String, u32>,
    seen: Arc<Mutex<Vec<OrderRecord>>>,
    memory: Arc<Memory>,
    versions: BTreeMap<String, u64>,
    last_entry: u64,
    head: String,
    quiet: bool,
    nonces: u64,
    generation: u64,
}

type Checked = Result<(), Failure>;

fn fail<T>(what: impl Into<String>) -> Result<T, Failure> {
    Err(Failure { what: what.into() })
}

impl<'r> World<'r> {
    pub(super) fn new(run: &'r Run, shared: &'r Shared) -> Self {
        let random = Random::new(run.seed.wrapping_mul(31).wrapping_add(run.salt));
        let stepped = Stepped::new().unwrap();
        let merchant = shared.merchant.clone();
        let seed: WriteJob = Box::new(move |tx: &dyn Tx| {
            tx.put_merchant(&merchant).unwrap();
            lezai::store::Outcome::Commit(Box::new(drop))
        });
        stepped.commit(vec![seed]).unwrap();
        let store = Arc::new(Mutex::new(stepped));
        let (memory, seen) = (Arc::new(Memory::default()), Arc::default());
        let queue = Arc::new(Queue {
            jobs: Mutex::default(),
            store: Arc::clone(&store),
            planted: run.planted,
            memory: Arc::clone(&memory),
            seen: Arc::clone(&seen),
        });
        let wire = Wire::new(run.planted);
        let post = Arc::default();
        let gateway = start(run, shared, &queue, &wire, START, 0);
        Self {
            courier: Arc::new(Courier::over(Mail(Arc::clone(&post)))),
            run,
            shared,
            random,
            counts: Counts::default(),
            trace: Vec::new(),
            faults: 0,
            gateway,
            queue,
            store,
            wire,
            bank: Bank::default(),
            post,
            running: Vec::new(),
            claiming: [false; 2],
            requests: Vec::new(),
            orders: Vec::new(),
            acted: BTreeMap::new(),
            received: BTreeSet::new(),
            shipped: BTreeMap::new(),
            seen,
            memory,
            versions: BTreeMap::new(),
            last_entry: 0,
            head: GENESIS.to_owned(),
            quiet: false,
            nonces: 0,
            generation: 0,
        }
    }

    /// Runs to the end. The trace is empty unless it was asked for.
    pub(super) fn live(mut self) -> (Counts, Vec<String>, Checked) {
        let done = self.to_the_end();
        self.counts.seeds = 1;
        (self.counts, self.trace, done)
    }

    fn to_the_end(&mut self) -> Checked {
        let ops: Vec<Op> = self.run.ops();
        let mut ops = ops.into_iter();
        let mut next = ops.next();
        loop {
            self.counts.steps += 1;
            if self.counts.steps > MAX_STEPS {
                return fail("it does not come to rest");
            }
            let ready: Vec<usize> = (0..self.running.len())
                .filter(|i| self.running[*i].flag.0.load(Ordering::Relaxed))
                .collect();
            let jobs = self.queue.jobs.lock().unwrap().len();
            let calls = self.wire.calls.lock().unwrap().len();
            let parcels = self.post.lock().unwrap().len();
            let resend: Vec<usize> = (0..self.requests.len())
                .filter(|i| {
                    let it = &self.requests[*i];
                    !it.under_way && it.answered.is_none() && it.refused.is_none()
                })
                .collect();
            let due = self.due_lanes();
            let chances = [
                (30, !ready.is_empty()),
                (16, jobs > 0),
                (10, calls > 0),
                (8, parcels > 0),
                (7, next.is_some()),
                (5, !resend.is_empty()),
                (12, !due.is_empty()),
                (1, next.is_some() && self.random.once_in(6)),
            ];
            let all: usize = chances.iter().filter(|it| it.1).map(|it| it.0).sum();
            if all == 0 {
                if next.is_none() && !self.quiet {
                    self.last_requests();
                    self.quiet = true;
                    self.note(|| "from here on nothing fails".to_owned());
                    continue;
                }
                if !self.pass_time()? {
                    return self.settled();
                }
                continue;
            }
            let mut dice = self.random.below(all);
            let mut choice = 0;
            for (index, (weight, possible)) in chances.into_iter().enumerate() {
                if !possible {
                    continue;
                }
                if dice < weight {
                    choice = index;
                    break;
                }
                dice -= weight;
            }
            match choice {
                0 => {
                    let nth = ready[self.random.below(ready.len())];
                    self.poll(nth)?;
                }
                1 => self.commit(jobs)?,
                2 => self.call(calls),
                3 => self.deliver(parcels)?,
                4 => {
                    if let Some(op) = next.take() {
                        self.begin(op);
                    }
                    next = ops.next();
                }
                5 => {
                    let nth = resend[self.random.below(resend.len())];
                    self.counts.repeats += 1;
                    self.send(nth);
                }
                6 => {
                    let lane = due[self.random.below(due.len())];
                    self.claim(lane);
                }
                _ => {
                    if self.fault(Fault::Jump) {
                        let ms = self.random.from_to(1, 3 * DAY_MS);
                        self.advance(ms);
                    }
                }
            }
        }
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        if self.run.trace {
            self.trace.push(line());
        }
    }

    /// Whether this goes wrong now: counted, and never in the quiet at the end.
    fn fault(&mut self, fault: Fault) -> bool {
        if self.quiet || !self.run.allows(fault) || self.faults >= self.run.max_faults {
            return false;
        }
        self.faults += 1;
        *self.counts.faults.entry(fault.name()).or_default() += 1;
        true
    }

    fn advance(&mut self, ms: i64) {
        self.gateway.clock.advance_ms(ms);
        self.note(|| format!("the clock goes {} s on", ms / 1000));
    }

    fn now(&self) -> Timestamp {
        self.gateway.clock.now()
    }

    fn due_lanes(&self) -> Vec<Lane> {
        let now = self.now();
        let lanes = Lane::ALL.into_iter().enumerate();
        let waiting = lanes.filter(|(index, lane)| {
            !self.claiming[*index] && self.next_due(*lane).is_some_and(|due| due <= now)
        });
        waiting.map(|(_, lane)| lane).collect()
    }

    fn next_due(&self, lane: Lane) -> Option<Timestamp> {
        self.look(|connection| {
            let sql = "SELECT min(due_ms) FROM tasks WHERE lane = ?1";
            let mut statement = connection.prepare_cached(sql).unwrap();
            let due = statement.query_row([lane.as_str()], |row| row.get::<_, Option<i64>>(0));
            due.optional().unwrap().flatten().map(Timestamp::from_ms)
        })
    }

    fn look<T>(&self, look: impl FnOnce(&rusqlite::Connection) -> T) -> T {
        look(self.store.lock().unwrap().connection())
    }

    /// Nothing can happen but that time passes. `false` if nothing is waited for any more.
    fn pass_time(&mut self) -> Result<bool, Failure> {
        let due = Lane::ALL.into_iter().filter_map(|lane| self.next_due(lane)).min();
        let Some(due) = due else { return Ok(false) };
        if due > START.plus_secs(HORIZON_SECS * 4) {
            return fail(format!("a task is left undone: {}", self.tasks()));
        }
        let ms = (due.as_ms() - self.now().as_ms()).max(1);
        self.gateway.clock.advance_ms(ms);
        Ok(true)
    }

    fn tasks(&self) -> String {
        self.look(|connection| {
            let mut statement = connection.prepare("SELECT task, last_error FROM tasks").unwrap();
            let rows = statement.query_map([], |row| {
                Ok(format!("{} {:?}", row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?))
            });
            rows.unwrap().map(Result::unwrap).collect::<Vec<_>>().join(", ")
        })
    }

    // The gateway's side.

    fn spawn(&mut self, name: &'static str, future: impl Future<Output = Heard> + Send + 'static) {
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        self.running.push(Running { name, future: Box::pin(future), flag });
    }

    fn poll(&mut self, nth: usize) -> Checked {
        let running = &mut self.running[nth];
        running.flag.0.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&running.flag));
        let Poll::Ready(heard) = running.future.as_mut().poll(&mut Context::from_waker(&waker))
        else {
            return Ok(());
        };
        let name = running.name;
        drop(self.running.swap_remove(nth));
        match heard {
            Heard::Nothing => {}
            Heard::Tasks(lane, tasks) => {
                self.claiming[usize::from(lane != Lane::ALL[0])] = false;
                for task in tasks {
                    self.note(|| {
                        format!("the worker takes {:?}, tried {} times", task.task, task.tries)
                    });
                    let (gateway, courier) = (Arc::clone(&self.gateway), Arc::clone(&self.courier));
                    self.spawn("task", async move {
                        worker::perform(&gateway, &courier, task).await;
                        Heard::Nothing
                    });
                }
            }
            Heard::Answer(index, result) => self.hear(name, index, result)?,
        }
        Ok(())
    }

    fn claim(&mut self, lane: Lane) {
        self.claiming[usize::from(lane != Lane::ALL[0])] = true;
        let gateway = Arc::clone(&self.gateway);
        self.spawn("claim", async move {
            Heard::Tasks(lane, worker::claim(&gateway, lane, 8).await.unwrap_or_default())
        });
    }

    fn commit(&mut self, jobs: usize) -> Checked {
        let taken = if self.random.once_in(2) { jobs } else { 1 + self.random.below(jobs) };
        let batch: Vec<WriteJob> = self.queue.jobs.lock().unwrap().drain(..taken).collect();
        self.counts.commits += 1;
        if self.random.once_in(25) && self.fault(Fault::CrashBefore) {
            self.note(|| format!("the gateway dies before it commits {taken} jobs"));
            if self.run.planted == Planted::EffectBeforeCommit {
                // What leaks does so before the commit, so it must run, and be undone.
                let undone = batch.into_iter().map(|job| -> WriteJob {
                    Box::new(move |tx: &dyn Tx| {
                        drop(job(tx));
                        lezai::store::Outcome::Undo(Box::new(drop))
                    })
                });
                drop(self.store.lock().unwrap().commit(undone.collect()));
                self.leak();
            }
            self.crash();
            return Ok(());
        }
        let callers = match self.store.lock().unwrap().commit(batch) {
            Ok(callers) => callers,
            Err(error) => return fail(format!("the store refuses a commit: {error}")),
        };
        self.leak();
        if self.run.planted == Planted::StaleRead && self.random.once_in(4) {
            self.memory.fresh_keys.lock().unwrap().clear();
        }
        self.check()?;
        if self.random.once_in(25) && self.fault(Fault::CrashAfter) {
            self.note(|| {
                format!("the gateway dies after it committed {taken} jobs, before anybody hears")
            });
            drop(callers);
            self.crash();
            return Ok(());
        }
        callers.into_iter().for_each(|tell| tell(Ok(())));
        Ok(())
    }

    fn leak(&mut self) {
        let leaked = std::mem::take(&mut *self.memory.leaked.lock().unwrap());
        for (refund, attempt, amount) in leaked {
            let request = lezai::channel::RefundRequest { refund, attempt, amount };
            self.bank.hear(Ask::Refund(request), &mut self.random, false);
        }
    }

    fn crash(&mut self) {
        self.counts.crashes += 1;
        // What was in memory is gone; what is on the wire is not.
        self.running.clear();
        self.queue.jobs.lock().unwrap().clear();
        self.claiming = [false; 2];
        self.requests.iter_mut().for_each(|it| it.under_way = false);
        self.generation += 1;
        let now = self.now();
        if self.run.planted == Planted::LostIdempotency {
            self.look(|connection| connection.execute_batch("DELETE FROM first_answers").unwrap());
        }
        if self.run.planted != Planted::LeaseNeverGivenBack {
            let end: WriteJob = Box::new(|tx: &dyn Tx| {
                tx.end_leases().unwrap();
                lezai::store::Outcome::Commit(Box::new(drop))
            });
            drop(self.store.lock().unwrap().commit(vec![end]));
        }
        self.gateway = start(self.run, self.shared, &self.queue, &self.wire, now, self.generation);
        self.courier = Arc::new(Courier::over(Mail(Arc::clone(&self.post))));
    }

    // The wire to the bank.

    fn call(&mut self, calls: usize) {
        let nth = self.random.below(calls);
        let fate = self.random.below(24);
        if fate == 0 && self.fault(Fault::Lost) {
            let call = self.wire.calls.lock().unwrap().swap_remove(nth);
            self.note(|| format!("the question {} is lost", call.ask.name()));
            return;
        }
        if fate == 1 && self.fault(Fault::Late) {
            // Its asker gives up; the question is still on its way.
            self.wire.calls.lock().unwrap()[nth].reply = None;
            self.note(|| "a question is late: its asker gives up".to_owned());
            return;
        }
        let mut call = self.wire.calls.lock().unwrap().swap_remove(nth);
        if fate == 2 && self.fault(Fault::Twice) {
            self.bank.hear(call.ask.clone(), &mut self.random, !self.quiet);
            self.note(|| format!("the question {} comes twice", call.ask.name()));
        }
        let said = self.bank.hear(call.ask.clone(), &mut self.random, !self.quiet);
        self.note(|| format!("the bank hears {:?} and says {said:?}", call.ask));
        *self.counts.calls.entry(call.ask.name()).or_default() += 1;
        if (3..5).contains(&fate) && self.fault(Fault::AnswerLost) {
            self.note(|| "the bank's answer is lost".to_owned());
            return;
        }
        if let Some(reply) = call.reply.take() {
            let _ = reply.send(said);
        }
    }

    // The merchant.

    fn deliver(&mut self, parcels: usize) -> Checked {
        let nth = self.random.below(parcels);
        let fate = self.random.below(12);
        let parcel = self.post.lock().unwrap().swap_remove(nth);
        if fate == 0 && self.fault(Fault::CallbackLost) {
            self.note(|| "a callback is lost".to_owned());
            return Ok(());
        }
        let event: Value = serde_json::from_slice(&parcel.body).unwrap();
        self.receive(&event)?;
        if fate == 1 && self.fault(Fault::CallbackTwice) {
            self.receive(&event)?;
        }
        if fate == 2 && self.fault(Fault::CallbackUnanswered) {
            self.note(|| "the merchant's answer to a callback is lost".to_owned());
            return Ok(());
        }
        let _ = parcel.reply.send(200.into());
        Ok(())
    }

    fn receive(&mut self, event: &Value) -> Checked {
        let id = event["id"].as_str().unwrap_or_default().to_owned();
        let kind = event["type"].as_str().unwrap_or_default().to_owned();
        let order = event["data"]["order"]["id"].as_str().unwrap_or_default().to_owned();
        self.note(|| format!("the merchant hears {kind} ({id})"));
        let new = self.received.insert(id.clone());
        *self.counts.events.entry(kind.clone()).or_default() += 1;
        if !new && self.run.planted != Planted::DuplicateCallback {
            self.counts.duplicates += 1;
            return Ok(());
        }
        let acted = self.acted.entry(id.clone()).or_default();
        *acted += 1;
        if *acted > 1 {
            return fail(format!("the merchant acted {acted} times on {id}"));
        }
        if kind == "order.paid" {
            let shipped = self.shipped.entry(order.clone()).or_default();
            *shipped += 1;
            if *shipped > 1 {
                return fail(format!("{order} was told as paid by {shipped} events"));
            }
        }
        Ok(())
    }

    fn begin(&mut self, op: Op) {
        self.note(|| format!("{op:?}"));
        *self.counts.ops.entry(name_of(op)).or_default() += 1;
        let nth = self.requests.len();
        match op {
            Op::Create { minor, fee, manual, held, expires } => {
                let body = json!({
                    "merchant_order_id": format!("A-{nth}"), "amount": minor, "currency": "CNY", "description": "Tea",
                    "capture": if manual { "manual" } else { "automatic" }, "expires_in": expires,
                });
                self.request(What::Create { fee: minor * fee / 1_000_000, held }, &body);
            }
            Op::CreateAgain(n) => {
                // The same number under another key: a merchant who lost her key.
                let before =
                    self.requests.iter().filter(|it| matches!(it.what, What::Create { .. }));
                let before: Vec<_> = before.map(|it| (it.what.clone(), it.body.clone())).collect();
                if let Some((what, body)) = before.get(n % before.len().max(1)).cloned() {
                    self.request(what, &serde_json::from_slice(&body).unwrap());
                }
            }
            Op::Choose(n) => {
                if let Some((order, session)) = self.order(n) {
                    let method = if n % 2 == 0 { "sim_qr" } else { "sim_redirect" };
                    self.request(What::Choose(order, session), &json!({ "method": method }));
                }
            }
            Op::Approve(n, short) => self.shopper(n, true, short),
            Op::Refuse(n) => self.shopper(n, false, false),
            Op::Hint(n, times) => {
                // What a channel says unasked: nothing, once or twice, and about anything.
                for _ in 0..times {
                    self.hint_about_order(n);
                }
            }
            Op::Close(n) => self.act(n, Event::CloseRequested, "close", 0),
            Op::Void(n) => self.act(n, Event::VoidRequested, "void", 0),
            Op::Capture(n, percent) => {
                let amount = self.part(n, percent);
                let event = Event::CaptureRequested(amount.filter(|_| percent > 0));
                self.act(n, event, "capture", percent);
            }
            Op::Refund(n, percent, same_number) => {
                let (Some((order, _)), Some(amount)) = (self.order(n), self.part(n, percent))
                else {
                    return;
                };
                let number = if same_number { "R-same".to_owned() } else { format!("R-{nth}") };
                let body = json!({ "merchant_refund_id": number, "amount": amount.minor(), "currency": "CNY" });
                self.request(What::Refund(order), &body);
            }
            Op::OtherBody(n) => {
                // One key for two requests is refused.
                let Some((what, key)) = self
                    .requests
                    .get(n % self.requests.len().max(1))
                    .map(|it| (it.what.clone(), it.key.clone()))
                else {
                    return;
                };
                if let What::Refund(_) = what {
                    let body = json!({ "merchant_refund_id": format!("R-{nth}"), "amount": 1, "currency": "CNY" });
                    self.requests.push(Request {
                        what,
                        key,
                        body: serde_json::to_vec(&body).unwrap(),
                        under_way: false,
                        answered: None,
                        answered_at: START,
                        refused: None,
                    });
                    self.send(nth);
                }
            }
            Op::Advance(secs) => self.advance(secs * 1000),
        }
    }

    fn order(&self, n: usize) -> Option<(OrderId, SessionId)> {
        self.orders.get(n % self.orders.len().max(1)).cloned()
    }

    fn part(&self, n: usize, percent: i64) -> Option<Money> {
        let (id, _) = self.order(n)?;
        let amount = self.read_order(&id)?.terms.amount;
        Money::new((amount.minor() * percent / 100).max(1), amount.currency()).ok()
    }

    fn read_order(&self, id: &OrderId) -> Option<Order> {
        self.look(|connection| order_with_entries(connection, id, 0).unwrap().0)
    }

    fn shopper(&mut self, n: usize, approves: bool, short: bool) {
        let Some((attempt, act)) = self.bank.shopper(n, approves, short) else { return };
        self.note(|| format!("the shopper has {act} {attempt}"));
        if self.random.once_in(3) {
            let gateway = Arc::clone(&self.gateway);
            self.spawn("hint", async move {
                let _ = gateway.ask(attempt).await;
                Heard::Nothing
            });
        }
    }

    fn hint_about_order(&mut self, n: usize) {
        let attempt = self
            .order(n)
            .and_then(|(id, _)| self.read_order(&id))
            .and_then(|it| it.attempts.first().map(|it| it.id.clone()));
        let Some(attempt) = attempt else { return };
        let gateway = Arc::clone(&self.gateway);
        self.spawn("hint", async move {
            let _ = gateway.ask(attempt).await;
            Heard::Nothing
        });
    }

    fn act(&mut self, n: usize, event: Event, word: &str, with: i64) {
        if let Some((order, _)) = self.order(n) {
            self.request(What::Act(order, event), &json!({ "act": word, "with": with }));
        }
    }

    fn request(&mut self, what: What, body: &Value) {
        let nth = self.requests.len();
        self.requests.push(Request {
            what,
            key: format!("key-{nth}"),
            body: serde_json::to_vec(body).unwrap(),
            under_way: false,
            answered: None,
            answered_at: START,
            refused: None,
        });
        self.send(nth);
        // An impatient merchant: the same request twice at once.
        if self.random.once_in(8) && self.fault(Fault::SentTwice) {
            self.send(nth);
        }
    }

    fn send(&mut self, nth: usize) {
        self.nonces += 1;
        let request = &mut self.requests[nth];
        request.under_way = true;
        let signer = Signer::simulated("merchant", format!("nonce-{}", self.nonces));
        let merchant_id = self.shared.merchant.id.clone();
        let scope = match &request.what {
            What::Choose(_, session) => session.to_string(),
            _ => merchant_id.to_string(),
        };
        let path = match &request.what {
            What::Create { .. } => "/v1/orders".to_owned(),
            What::Choose(_, session) => format!("/v1/checkout/sessions/{session}/pay"),
            What::Act(order, _) => format!("/v1/orders/{order}/act"),
            What::Refund(order) => format!("/v1/orders/{order}/refunds"),
        };
        let key = Repeatable {
            key: IdempotencyKey { scope, key: request.key.clone() },
            fingerprint: fingerprint("POST", &path, &request.body),
        };
        let (what, body) = (request.what.clone(), request.body.clone());
        let gateway = Arc::clone(&self.gateway);
        self.spawn("request", async move {
            let result = ask(&gateway, merchant_id, what, body, signer, key).await;
            Heard::Answer(nth, result)
        });
    }

    fn hear(&mut self, _name: &str, nth: usize, result: Result<Answer, Problem>) -> Checked {
        let now = self.now();
        self.requests[nth].under_way = false;
        match result {
            Ok(answer) => {
                if self.random.once_in(10) && self.fault(Fault::ReplyLost) {
                    let key = self.requests[nth].key.clone();
                    self.note(|| format!("the answer to {key} is lost on its way to the merchant"));
                    return Ok(());
                }
                let key = self.requests[nth].key.clone();
                self.note(|| format!("{key} is answered {}", answer.status()));
                self.counts.answers += 1;
                let said = (answer.status(), answer.body().to_vec());
                let request = &mut self.requests[nth];
                if let Some(first) = &request.answered {
                    if *first != said && now.as_ms() - request.answered_at.as_ms() < DAY_MS {
                        return fail(format!(
                            "{key} was answered twice, and not with the same bytes"
                        ));
                    }
                    return Ok(());
                }
                let create = matches!(request.what, What::Create { .. });
                (request.answered, request.answered_at) = (Some(said), now);
                let view: Value = serde_json::from_slice(answer.body()).unwrap();
                if create {
                    let id = OrderId::parse(view["id"].as_str().unwrap_or_default()).unwrap();
                    let session = self.look(|connection| {
                        let sql = "SELECT session FROM orders WHERE id = ?1";
                        connection
                            .query_row(sql, [id.as_str()], |row| row.get::<_, String>(0))
                            .optional()
                    });
                    let Some(session) = session.unwrap() else {
                        return fail(format!("{id} was acknowledged and is not there"));
                    };
                    let session = SessionId::parse(&session).unwrap();
                    if self.orders.iter().any(|it| it.0 == id) {
                        return Ok(());
                    }
                    self.orders.push((id, session));
                }
                Ok(())
            }
            Err(problem) => {
                let code = problem.code();
                let key = self.requests[nth].key.clone();
                self.note(|| format!("{key} is refused: {}", code.as_str()));
                *self.counts.refusals.entry(code.as_str()).or_default() += 1;
                if matches!(code, Code::ChannelUnavailable | Code::Overloaded) {
                    // Sent again with the same key.
                    if self.quiet && code != Code::ChannelUnavailable {
                        return fail(format!("{key} cannot be answered: {}", code.as_str()));
                    }
                    return Ok(());
                }
                if code == Code::Internal {
                    return fail(format!("{key}: the gateway failed: {problem:?}"));
                }
                if self.requests[nth].answered.is_some()
                    && now.as_ms() - self.requests[nth].answered_at.as_ms() < DAY_MS
                {
                    return fail(format!(
                        "{key} was answered, and then refused: {}",
                        code.as_str()
                    ));
                }
                self.requests[nth].refused = Some(code);
                Ok(())
            }
        }
    }

    /// At the end the merchant asks for every answer again: none is lost, none is another.
    fn last_requests(&mut self) {
        let now = self.now().as_ms();
        for nth in 0..self.requests.len() {
            let it = &self.requests[nth];
            if it.answered.is_some() && now - it.answered_at.as_ms() < DAY_MS / 2 {
                self.counts.repeats += 1;
                self.send(nth);
            }
        }
    }

    // What must hold.

    /// After every commit: each order that changed, and what was booked.
    fn check(&mut self) -> Checked {
        let changed: Vec<(String, u64)> = self.look(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT id, version FROM orders").unwrap();
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            rows.map(Result::unwrap).collect()
        });
        let mut new = Vec::new();
        for (id, version) in changed {
            if self.versions.get(&id) == Some(&version) {
                continue;
            }
            let order_id = OrderId::parse(&id).unwrap();
            let (order, entries) = self
                .look(|connection| order_with_entries(connection, &order_id, u64::MAX).unwrap());
            let Some(order) = order else { return fail(format!("{id} is gone")) };
            holds(&order)?;
            let sorted = |kind: &str, postings: &[lezai_core::ledger::Posting]| {
                let mut sides: Vec<String> =
                    postings.iter().map(|it| format!("{} {}", it.account, it.minor)).collect();
                sides.sort();
                format!("{kind} {sides:?}")
            };
            let called_for =
                order.entries().map_err(|error| Failure { what: error.to_string() })?;
            let mut wanted: Vec<String> =
                called_for.iter().map(|it| sorted(it.kind().as_str(), it.postings())).collect();
            let mut booked: Vec<String> =
                entries.iter().map(|it| sorted(it.kind.as_str(), &it.postings)).collect();
            wanted.sort();
            booked.sort();
            if wanted != booked {
                return fail(format!(
                    "{id}: the ledger has {booked:?}, the order calls for {wanted:?}"
                ));
            }
            if self.run.planted == Planted::CheckThenAct {
                let seen = Arc::clone(&self.seen);
                let record = self.record(&order_id);
                let mut seen = seen.lock().unwrap();
                seen.retain(|it| it.order.terms.id != order_id);
                seen.extend(record);
            }
            new.extend(entries.into_iter().filter(|it| it.number > self.last_entry));
            self.versions.insert(id, version);
        }
        new.sort_by_key(|it| it.number);
        for entry in new {
            if entry.number != self.last_entry + 1 || entry.previous != self.head {
                return fail(format!("entry {} does not follow {}", entry.number, self.last_entry));
            }
            if entry.postings.iter().map(|it| it.minor).sum::<i64>() != 0 {
                return fail(format!("entry {} does not balance", entry.number));
            }
            (self.last_entry, self.head) = (entry.number, entry.hash);
        }
        Ok(())
    }

    fn record(&self, id: &OrderId) -> Option<OrderRecord> {
        let found = Arc::new(Mutex::new(None));
        let (slot, id) = (Arc::clone(&found), id.clone());
        self.store.lock().unwrap().view(Box::new(move |view| {
            *slot.lock().unwrap() = view.and_then(|it| it.order(&id)).unwrap();
        }));
        let record = found.lock().unwrap().take();
        record
    }

    /// At the end, when nothing is under way: every order settled or explained, the bank's books
    /// are the ledger's, and the merchant knows all.
    fn settled(&mut self) -> Checked {
        let report =
            match self.look(|connection| check_tables(connection).map_err(|it| it.to_string())) {
                Ok(report) => report,
                Err(error) => return fail(format!("the ledger is broken: {error}")),
            };
        if report.balances.values().sum::<i128>() != 0 {
            return fail("the trial balance is not zero");
        }
        if let Some(request) =
            self.requests.iter().find(|it| it.answered.is_none() && it.refused.is_none())
        {
            return fail(format!("{} was never answered", request.key));
        }
        let ids: Vec<String> = self.versions.keys().cloned().collect();
        let mut asks_again = false;
        for id in ids {
            let id = OrderId::parse(&id).unwrap();
            let Some(order) = self.read_order(&id) else { return fail(format!("{id} is gone")) };
            if !order.attention.is_empty() {
                *self.counts.ends.entry("needs_attention").or_default() += 1;
                asks_again = true;
                let gateway = Arc::clone(&self.gateway);
                self.spawn("operator", async move {
                    let _ = gateway.apply(id, Event::Resumed).await;
                    Heard::Nothing
                });
                continue;
            }
            let explained = matches!(
                order.state,
                State::Paid { .. } | State::Voided { .. } | State::Closed { .. }
            );
            if !explained {
                return fail(format!("{id} ends as {}", order.state.status()));
            }
            *self.counts.ends.entry(order.state.status()).or_default() += 1;
            if order.refunds.iter().any(|it| it.state == RefundState::Pending) {
                return fail(format!("{id} ends with a refund under way"));
            }
            if order.returns.iter().any(|it| !it.done) {
                return fail(format!("{id} ends with money that was not given back"));
            }
        }
        if asks_again {
            self.note(|| {
                "a person looks at what needs attention, and has it tried again".to_owned()
            });
            return self.to_the_end_again();
        }
        for (currency, holds) in &self.bank.holds {
            let key = (format!("channel_receivable:{CHANNEL}"), *currency);
            let booked = report.balances.get(&key).copied().unwrap_or_default();
            if booked != i128::from(*holds) {
                return fail(format!("the bank holds {holds} {currency}, the ledger has {booked}"));
            }
        }
        self.all_told()
    }

    fn to_the_end_again(&mut self) -> Checked {
        self.to_the_end_without_ops()
    }

    fn to_the_end_without_ops(&mut self) -> Checked {
        let run = Run { ops: Some(Vec::new()), ..self.run.clone() };
        let run: &'r Run = Box::leak(Box::new(run));
        self.run = run;
        self.to_the_end()
    }

    fn all_told(&self) -> Checked {
        let events: Vec<(String, String, u32)> = self.look(|connection| {
            let sql = "SELECT id, order_id, sequence FROM events ORDER BY order_id, sequence";
            let mut statement = connection.prepare(sql).unwrap();
            let rows =
                statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
            rows.map(Result::unwrap).collect()
        });
        let mut last = (String::new(), 0);
        for (id, order, sequence) in events {
            let expected = if last.0 == order { last.1 + 1 } else { 1 };
            if sequence != expected {
                return fail(format!("{order}: event {sequence} instead of {expected}"));
            }
            if !self.received.contains(&id) {
                return fail(format!("the merchant never heard of {id}"));
            }
            last = (order, sequence);
        }
        Ok(())
    }
}

/// What must hold of an order at all times.
fn holds(order: &Order) -> Checked {
    let id = &order.terms.id;
    let amount = order.terms.amount.minor();
    let captured = order.captured().minor();
    if captured > amount {
        return fail(format!("{id}: {captured} captured of {amount}"));
    }
    let counts = |it: &&lezai_core::order::Refund| !matches!(it.state, RefundState::Failed { .. });
    let back: i64 = order.refunds.iter().filter(counts).map(|it| it.amount.minor()).sum();
    if back > captured {
        return fail(format!("{id}: {back} refunded or being refunded of {captured}"));
    }
    let fee_back: i64 = order.refunds.iter().filter(counts).map(|it| it.fee.minor()).sum();
    let fee =
        order.terms.fee.share(order.captured(), order.terms.amount).map_or(0, |it| it.minor());
    let failed = order.refunds.iter().any(|it| matches!(it.state, RefundState::Failed { .. }));
    if fee_back > fee || (back > 0 && back == captured && fee_back != fee && !failed) {
        return fail(format!(
            "{id}: {fee_back} of the fee of {fee} was given back for {back} of {captured}"
        ));
    }
    Ok(())
}

fn name_of(op: Op) -> &'static str {
    match op {
        Op::Create { .. } => "create",
        Op::CreateAgain(_) => "create_again",
        Op::Choose(_) => "choose",
        Op::Approve(..) => "approve",
        Op::Refuse(_) => "refuse",
        Op::Hint(..) => "hint",
        Op::Close(_) => "close",
        Op::Capture(..) => "capture",
        Op::Void(_) => "void",
        Op::Refund(..) => "refund",
        Op::OtherBody(_) => "other_body",
        Op::Advance(_) => "advance",
    }
}

fn start(
    run: &Run,
    shared: &Shared,
    queue: &Arc<Queue>,
    wire: &Arc<Wire>,
    now: Timestamp,
    generation: u64,
) -> Arc<Gateway> {
    let store: Arc<dyn Store> = Arc::clone(queue) as Arc<dyn Store>;
    let gateway = Gateway::new(Parts {
        public_url: "https://gateway.example".to_owned(),
        authorities: Vec::new(),
        clock: Arc::new(Clock::simulated(now)),
        entropy: Entropy::seeded(run.seed.wrapping_mul(1_000_003).wrapping_add(generation)),
        store,
        engine: Arc::clone(&shared.engine),
        standard: Arc::clone(&shared.standard),
        key: shared.key.clone(),
        admin_token: String::new(),
        reach: Reach::Public,
        channels: vec![Arc::new(SimChannel(Arc::clone(wire)))],
        sandbox: None,
    });
    gateway.use_merchants(Arc::clone(&shared.merchants));
    Arc::new(gateway)
}

/// One request, as the HTTP handlers do it once the signature is verified and the body is read.
async fn ask(
    gateway: &Gateway,
    merchant_id: MerchantId,
    what: What,
    body: Vec<u8>,
    signer: Signer,
    key: Repeatable,
) -> Result<Answer, Problem> {
    match what {
        What::Create { fee, held } => {
            let new = NewOrder::parse(&body)?;
            let merchant = gateway.merchants().get(&merchant_id).cloned().unwrap();
            let decide = |facts: lezai_core::policy::OrderFacts| async move {
                let fee = Money::new(fee, facts.amount.currency()).unwrap();
                let hook = HookRun { digest: String::new(), fuel: 0, outcome: Hook::Answered };
                let reason = Reason { code: "sim".to_owned(), message: "Held".to_owned() };
                let risk = Risk {
                    verdict: if held { Verdict::Review } else { Verdict::Accept },
                    score: 0,
                    reasons: if held { vec![reason] } else { Vec::new() },
                };
                let channels = vec![CHANNEL.to_owned()];
                let hooks = [hook.clone(), hook.clone(), hook];
                Ok((facts, Decision { risk, fee, channels, hooks }))
            };
            orders::create_decided(gateway, &merchant, signer, new, key, decide).await
        }
        What::Choose(order, session) => {
            let method: Value = serde_json::from_slice(&body).unwrap();
            let method = method["method"].as_str().unwrap_or_default().to_owned();
            let session = SessionRecord {
                id: session,
                order,
                secret_hash: String::new(),
                gateway_key: gateway.key.keyid.clone(),
                claim: None,
            };
            let claim = Claim { key: gateway.key.jwk.clone(), origin: String::new(), at: START };
            checkout::pay(gateway, &session, claim, signer, method, key).await
        }
        What::Act(order, event) => {
            orders::act(gateway, &merchant_id, order.as_str(), event, signer, key).await
        }
        What::Refund(order) => {
            let new = NewRefund::parse(&body)?;
            refunds::create(gateway, &merchant_id, order.as_str(), signer, new, key).await
        }
    }
}
