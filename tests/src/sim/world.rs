//! One seed: the gateway's own code between a store, a bank, shoppers and a merchant, all in this
//! thread, and a dice that says who is next.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use lezai_base::clock::Clock;
use lezai_base::entropy::Entropy;
use lezai_core::id::{MerchantId, OrderId, SessionId};
use lezai_core::ledger::{Account, GENESIS};
use lezai_core::time::Timestamp;
use lezai_gateway::callbacks::egress::EgressPolicy;
use lezai_gateway::callbacks::transport::{Post, Reply, Transport, Unreached};
use lezai_gateway::cluster::rate::Rates;
use lezai_gateway::gateway::{Gateway, Parts};
use lezai_gateway::idempotency::ApiResponse;
use lezai_gateway::jobs;
use lezai_gateway::keys::Keys;
use lezai_store::{DueTask, Lane, OrderRecord, ReadJob, Scope, Store, StoreError, Tx, WriteJob};
use lezai_wire::problem::Problem;
use rusqlite::OptionalExtension as _;
use tokio::sync::oneshot;

use super::accounts;
use super::bank::{Ask, Bank, SimChannel, Wire};
use super::funds::{CALENDAR, contract};
use super::kept::Kept;
use super::merchant::{Request, Sent};
use super::plan::Op;
use super::planted::{Memory, wrap};
use super::random::Random;
use super::{Counts, Failure, Fault, Planted, Run, Shared};

pub(super) const START: Timestamp = Timestamp::from_secs(1_795_000_000);
/// A run that does more than this does not come to rest.
const MAX_STEPS: usize = 30_000;
/// Past every schedule of the gateway.
const HORIZON_SECS: i64 = 90 * 86_400;
pub(super) const DAY_MS: i64 = 86_400_000;

/// The store as the gateway has it: jobs wait until the dice lets them be committed.
struct Queue {
    jobs: Mutex<Vec<(Scope, WriteJob)>>,
    store: Arc<Mutex<Kept>>,
    is_shared: bool,
    planted: Planted,
    memory: Arc<Memory>,
    seen: Arc<Mutex<Vec<OrderRecord>>>,
}

impl Store for Queue {
    fn submit(&self, scope: Scope, job: WriteJob) -> Result<(), StoreError> {
        let seen = match self.planted {
            Planted::Nothing => Vec::new(),
            _ => self.seen.lock().unwrap().clone(),
        };
        let job = wrap(self.planted, scope.clone(), job, &self.memory, seen);
        self.jobs.lock().unwrap().push((scope, job));
        Ok(())
    }

    fn view(&self, merchant: Option<MerchantId>, job: ReadJob) -> Result<(), StoreError> {
        self.store.lock().unwrap().view(merchant, job);
        Ok(())
    }

    fn is_shared(&self) -> bool {
        self.is_shared
    }
}

/// A callback on its way to the merchant.
pub(super) struct Parcel {
    pub(super) body: Vec<u8>,
    pub(super) reply: oneshot::Sender<Reply>,
}

struct Mail(Arc<Mutex<Vec<Parcel>>>);

impl Transport for Mail {
    fn send(
        &self,
        post: Post,
    ) -> Pin<Box<dyn Future<Output = Result<Reply, Unreached>> + Send + '_>> {
        let (reply, status) = oneshot::channel();
        self.0.lock().unwrap().push(Parcel { body: post.body, reply });
        Box::pin(async { status.await.map_err(|_| Unreached::Closed) })
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
    future: Pin<Box<dyn Future<Output = Heard> + Send>>,
    flag: Arc<Flag>,
}

/// The result of a future.
pub(super) enum Heard {
    Nothing,
    Answer(Sent, Result<ApiResponse, Problem>),
    Tasks(Lane, Vec<DueTask>),
}

/// The simulated world.
pub(super) struct World<'r> {
    pub(super) run: &'r Run,
    pub(super) shared: &'r Shared,
    pub(super) random: Random,
    pub(super) counts: Counts,
    pub(super) trace: Vec<String>,
    pub(super) faults: usize,
    pub(super) gateway: Arc<Gateway>,
    queue: Arc<Queue>,
    pub(super) store: Arc<Mutex<Kept>>,
    pub(super) wire: Arc<Wire>,
    pub(super) bank: Bank,
    pub(super) post: Arc<Mutex<Vec<Parcel>>>,
    running: Vec<Running>,
    pub(super) claiming: [bool; Lane::ALL.len()],
    pub(super) requests: Vec<Request>,
    pub(super) orders: Vec<(OrderId, SessionId)>,
    pub(super) acted: BTreeMap<String, u32>,
    pub(super) received: BTreeSet<String>,
    pub(super) shipped: BTreeMap<String, u32>,
    /// Events that its server wants none of.
    pub(super) gone: BTreeSet<String>,
    pub(super) seen: Arc<Mutex<Vec<OrderRecord>>>,
    pub(super) memory: Arc<Memory>,
    pub(super) versions: BTreeMap<String, u64>,
    pub(super) last_entry: u64,
    /// The balance of each account in each currency by the entries so far.
    pub(super) balances: BTreeMap<(Account, &'static str), i64>,
    pub(super) head: String,
    /// The quotes that the merchant was given, and the currency that each is for.
    pub(super) quotes: Vec<(String, String)>,
    pub(super) quiet: bool,
    pub(super) nonces: u64,
    pub(super) generation: u64,
    /// Batches that were closed once nothing else was under way.
    pub(super) batches_at_rest: u32,
}

pub(super) type Checked = Result<(), Failure>;

pub(super) fn fail<T>(what: impl Into<String>) -> Result<T, Failure> {
    Err(Failure { what: what.into() })
}

impl<'r> World<'r> {
    pub(super) fn new(run: &'r Run, shared: &'r Shared) -> Self {
        let random = Random::new(run.seed.wrapping_mul(31).wrapping_add(run.salt));
        let kept = Kept::new();
        let (merchant, agreed) = (shared.merchant.clone(), contract(run.seed));
        let of = Scope::Merchant(merchant.id.clone());
        let is_agreed = agreed.is_some();
        let calendar: WriteJob = Box::new(move |tx: &dyn Tx| {
            if is_agreed {
                assert!(tx.insert_calendar("open", 1, CALENDAR).unwrap());
            }
            lezai_store::Outcome::Commit(Box::new(drop))
        });
        let seed: WriteJob = Box::new(move |tx: &dyn Tx| {
            tx.put_merchant(&merchant).unwrap();
            if let Some(agreed) = agreed {
                tx.insert_contract(&merchant.id, &agreed).unwrap();
                assert!(
                    lezai_gateway::funds::batches::plan(tx, &merchant.id, &agreed, START).unwrap()
                );
            }
            lezai_store::Outcome::Commit(Box::new(drop))
        });
        kept.commit(vec![(Scope::Gateway, calendar), (of, seed)]).unwrap();
        let is_shared = kept.is_shared();
        let store = Arc::new(Mutex::new(kept));
        let (memory, seen) = (Arc::new(Memory::default()), Arc::default());
        let queue = Arc::new(Queue {
            jobs: Mutex::default(),
            store: Arc::clone(&store),
            is_shared,
            planted: run.planted,
            memory: Arc::clone(&memory),
            seen: Arc::clone(&seen),
        });
        let wire = Wire::new(run.planted);
        let post = Arc::default();
        let mail = Mail(Arc::clone(&post));
        let gateway = start(run, shared, &queue, &wire, mail, (START, 0));
        Self {
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
            claiming: [false; Lane::ALL.len()],
            requests: Vec::new(),
            orders: Vec::new(),
            acted: BTreeMap::new(),
            received: BTreeSet::new(),
            shipped: BTreeMap::new(),
            gone: BTreeSet::new(),
            seen,
            memory,
            versions: BTreeMap::new(),
            last_entry: 0,
            balances: BTreeMap::new(),
            head: GENESIS.to_owned(),
            quotes: Vec::new(),
            quiet: false,
            nonces: 0,
            generation: 0,
            batches_at_rest: 0,
        }
    }

    /// Runs to the end. The trace is empty unless it was asked for.
    pub(super) fn live(mut self) -> (Counts, Vec<String>, Checked) {
        // A panic fails its seed, and is shrunk like any other failure.
        let lived = catch_unwind(AssertUnwindSafe(|| self.go_on_to_the_end(self.run.ops())));
        let done = lived.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned()));
            fail(format!("it panics: {}", text.unwrap_or_default()))
        });
        self.counts.seeds = 1;
        (self.counts, self.trace, done)
    }

    /// Does what is planned, and goes on until nothing is under way any more.
    pub(super) fn go_on_to_the_end(&mut self, ops: Vec<Op>) -> Checked {
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
            let now = self.now();
            let resend: Vec<usize> = (0..self.requests.len())
                .filter(|i| {
                    let it = &self.requests[*i];
                    !it.under_way && it.is_open() && it.not_before <= now
                })
                .collect();
            let due = self.due_lanes();
            let chances = [
                (30, !ready.is_empty()),
                (16, jobs > 0),
                (10, calls > 0),
                (8, parcels > 0),
                (4, next.is_some()),
                (5, !resend.is_empty()),
                (12, !due.is_empty()),
                (1, next.is_some() && self.random.once_in(16)),
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
                        let ms = self.random.between(1, 3 * DAY_MS);
                        self.advance(ms);
                    }
                }
            }
        }
    }

    pub(super) fn note(&mut self, line: impl FnOnce() -> String) {
        if self.run.trace {
            self.trace.push(line());
        }
    }

    /// Whether this goes wrong now: counted, and never in the quiet at the end.
    pub(super) fn fault(&mut self, fault: Fault) -> bool {
        if self.quiet || !self.run.allows(fault) || self.faults >= self.run.max_faults {
            return false;
        }
        self.faults += 1;
        *self.counts.faults.entry(fault.name()).or_default() += 1;
        true
    }

    pub(super) fn advance(&mut self, ms: i64) {
        self.gateway.node.clock.advance_ms(ms);
        self.note(|| format!("the clock goes {} s on", ms / 1000));
    }

    pub(super) fn now(&self) -> Timestamp {
        self.gateway.node.clock.now()
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

    pub(super) fn look<T>(&self, look: impl FnOnce(&rusqlite::Connection) -> T) -> T {
        self.store.lock().unwrap().look(look)
    }

    /// Nothing can happen but that time passes. `false` if nothing is waited for any more.
    fn pass_time(&mut self) -> Result<bool, Failure> {
        let tills = self.requests.iter().filter(|it| it.is_open()).map(|it| it.not_before).min();
        let due = self.next_due_at_rest();
        let Some(due) = due.into_iter().chain(tills).min() else { return Ok(false) };
        if due > START.plus_secs(HORIZON_SECS * 4) {
            return fail(format!("a task is left undone: {}", self.tasks()));
        }
        let ms = (due.as_ms() - self.now().as_ms()).max(1);
        self.gateway.node.clock.advance_ms(ms);
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

    pub(super) fn spawn(&mut self, future: impl Future<Output = Heard> + Send + 'static) {
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        self.running.push(Running { future: Box::pin(future), flag });
    }

    fn poll(&mut self, nth: usize) -> Checked {
        let running = &mut self.running[nth];
        running.flag.0.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&running.flag));
        let Poll::Ready(heard) = running.future.as_mut().poll(&mut Context::from_waker(&waker))
        else {
            return Ok(());
        };
        drop(self.running.swap_remove(nth));
        match heard {
            Heard::Nothing => {}
            Heard::Tasks(lane, tasks) => {
                self.claiming[place(lane)] = false;
                for task in tasks {
                    self.note(|| {
                        format!("the worker takes {:?}, tried {} times", task.task, task.tries)
                    });
                    let gateway = Arc::clone(&self.gateway);
                    self.spawn(async move {
                        jobs::perform(&gateway, task).await;
                        Heard::Nothing
                    });
                }
            }
            Heard::Answer(sent, result) => self.hear(sent, result)?,
        }
        Ok(())
    }

    fn claim(&mut self, lane: Lane) {
        self.claiming[place(lane)] = true;
        let gateway = Arc::clone(&self.gateway);
        self.spawn(async move {
            Heard::Tasks(lane, jobs::claim(&gateway, lane, 8).await.unwrap_or_default())
        });
    }

    fn commit(&mut self, jobs: usize) -> Checked {
        let taken = if self.random.once_in(2) { jobs } else { 1 + self.random.below(jobs) };
        let batch: Vec<(Scope, WriteJob)> =
            self.queue.jobs.lock().unwrap().drain(..taken).collect();
        let (before, after) = self.run.crash.map_or((false, false), |crash| {
            let here = crash.commit == self.counts.commits;
            (here && !crash.after, here && crash.after)
        });
        self.counts.commits += 1;
        if before || self.random.once_in(25) && self.fault(Fault::CrashBefore) {
            self.note(|| format!("the gateway dies before it commits {taken} jobs"));
            let lost = if self.run.planted == Planted::EffectBeforeCommit && !self.queue.is_shared {
                // A leaking effect does so before the commit, so it must run, and be undone.
                let undone = batch.into_iter().map(|(scope, job)| -> (Scope, WriteJob) {
                    let job = Box::new(move |tx: &dyn Tx| {
                        drop(job(tx));
                        lezai_store::Outcome::Undo(Box::new(drop))
                    });
                    (scope, job)
                });
                self.store.lock().unwrap().commit(undone.collect()).map(drop)
            } else {
                self.store.lock().unwrap().lose(batch)
            };
            self.leak();
            if let Err(error) = lost {
                return fail(format!("the store refuses a transaction: {error}"));
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
        if after || self.random.once_in(25) && self.fault(Fault::CrashAfter) {
            self.note(|| {
                format!("the gateway dies after it committed {taken} jobs, before anybody hears")
            });
            drop(callers);
            self.crash();
            return Ok(());
        }
        callers.into_iter().for_each(|(tell, result)| tell(result));
        Ok(())
    }

    fn leak(&mut self) {
        let leaked = std::mem::take(&mut *self.memory.leaked.lock().unwrap());
        for (refund, attempt, amount) in leaked {
            let now = self.gateway.node.clock.now();
            let request = lezai_channels::channel::RefundRequest {
                refund,
                attempt,
                method: String::new(),
                amount,
                payment: amount,
                begun_at: now,
                requested_at: now,
            };
            self.bank.hear(
                ("", Ask::Refund(request)),
                self.gateway.node.clock.now(),
                &mut self.random,
                false,
            );
        }
    }

    fn crash(&mut self) {
        self.counts.crashes += 1;
        // The process's memory is gone; messages on the wire are not.
        self.running.clear();
        self.queue.jobs.lock().unwrap().clear();
        self.claiming = [false; Lane::ALL.len()];
        self.requests.iter_mut().for_each(|it| it.under_way = false);
        self.generation += 1;
        let now = self.now();
        if self.run.planted == Planted::LostIdempotency {
            self.store.lock().unwrap().forget_responses();
        }
        if self.run.planted != Planted::LeaseNeverGivenBack {
            let end: WriteJob = Box::new(|tx: &dyn Tx| {
                tx.end_leases().unwrap();
                lezai_store::Outcome::Commit(Box::new(drop))
            });
            self.store.lock().unwrap().commit(vec![(Scope::Background, end)]).unwrap();
        }
        let (mail, at) = (Mail(Arc::clone(&self.post)), (now, self.generation));
        self.gateway = start(self.run, self.shared, &self.queue, &self.wire, mail, at);
    }

    // The wire to the bank.

    fn call(&mut self, calls: usize) {
        let nth = self.random.below(calls);
        // Captures and voids are few, and what goes wrong with them is the more worth seeing.
        let rare = matches!(
            self.wire.calls.lock().unwrap()[nth].ask,
            Ask::Capture(_) | Ask::Reverse(_) | Ask::Undo(_) | Ask::PayOut(_) | Ask::Debit(_)
        );
        let fate = self.random.below(if rare { 8 } else { 24 });
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
        let now = self.now();
        if fate == 2 && self.fault(Fault::Twice) {
            let ask = (call.account.as_str(), call.ask.clone());
            self.bank.hear(ask, now, &mut self.random, !self.quiet);
            self.note(|| format!("the question {} comes twice", call.ask.name()));
        }
        let ask = (call.account.as_str(), call.ask.clone());
        let said = self.bank.hear(ask, now, &mut self.random, !self.quiet);
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
}

fn start(
    run: &Run,
    shared: &Shared,
    queue: &Arc<Queue>,
    wire: &Arc<Wire>,
    mail: Mail,
    (now, generation): (Timestamp, u64),
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
        blobs: Arc::clone(&shared.blobs),
        keys: Keys::one(shared.key.clone()),
        admin_token: String::new(),
        rates: Rates::default(),
        reach: EgressPolicy::Public,
        transport: Box::new(mail),
        channels: vec![Arc::new(SimChannel::new(Arc::clone(wire)))],
        accounts: Arc::new(accounts::Opener(Arc::clone(wire))),
        sandbox: None,
    });
    gateway.merchants.replace(Arc::clone(&shared.merchants));
    let agreed = contract(run.seed).map(|it| (shared.merchant.id.clone(), vec![it]));
    gateway.merchants.contracts.swap(agreed.into_iter().collect());
    let own = accounts::of_seed(run.seed, &shared.merchant.id, generation);
    gateway.merchants.accounts.load(own);
    Arc::new(gateway)
}

/// The place of a lane among all of them.
fn place(lane: Lane) -> usize {
    Lane::ALL.into_iter().position(|it| it == lane).unwrap()
}
