//! The gateway: what every request and the worker share, and the one way in which an order
//! changes: [`Gateway::apply`] asks the core and commits what it says.

use std::sync::Arc;

use lezai_base::clock::Clock;
use lezai_base::entropy::Entropy;
use lezai_channels::accounts::OpenAccount;
use lezai_channels::channel::{
    AttemptRef, AttemptStatus, Channel, Method, PaymentRequest, Prepared, Unanswered,
};
use lezai_channels::sandbox::Sandbox;
use lezai_core::funds::difference::DifferenceState;
use lezai_core::id::{AttemptId, MerchantId, OrderId};
use lezai_core::ledger::{Account, Entry, Subject as Booked};
use lezai_core::money::Money;
use lezai_core::order::{
    self, AUTHORIZATION_SECS, Effect, Event, Evidence, Moment, Order, SPLIT_SECS, Settles, State,
    Step, Terms,
};
use lezai_core::time::Timestamp;
use lezai_engine::{Engine, Plugin};
use lezai_store as store;
use lezai_store::{News, OrderRecord, Scope, Store, StoreError, Task, Tx};
use lezai_traces::{Kind, Part, Traces};
use lezai_wire::problem::{Code, Problem};
use lezai_wire::views::EventData;

use crate::callbacks::Callbacks;
use crate::callbacks::egress::EgressPolicy;
use crate::callbacks::transport::Transport;
use crate::channels::{Channels, Routing};
use crate::cluster::Cluster;
use crate::cluster::rate::Rates;
use crate::events::record::{Happened, Subject};
use crate::idempotency::{ApiResponse, Outcome};
use crate::keys::Keys;
use crate::merchants::Registry;
use crate::merchants::accounts::{Accounts, MerchantAccount};
use crate::metrics::{ChannelLabel, Metrics};
use crate::node::Node;
use crate::plugins::Plugins;
use crate::plugins::blobs::Blobs;
use crate::rate_source::RateSource;
use crate::readiness::Readiness;
use crate::realm::Realm;
use crate::{events, fees, mandates, views};

/// A channel gets this long to speak before it is asked.
const FIRST_QUERY_SECS: i64 = 20;

/// How long after a debit is paid the channel is first asked whether it came back.
pub const FIRST_WATCH_SECS: i64 = 60;

/// How often a payment is looked at again that nobody can say of when it settles.
pub const NOT_KNOWN_SECS: i64 = 3600;

/// The gateway, put together: what use cases, routes and the worker share.
pub struct Gateway {
    /// Where shoppers and merchants reach us, without a slash at the end.
    pub public_url: String,
    /// The hosts that requests may name, with the port unless it is the scheme's own.
    pub authorities: Vec<String>,
    /// The services of this process that every use case shares.
    pub node: Arc<Node>,
    /// Signs responses, callbacks and grants.
    pub keys: Arc<Keys>,
    /// The merchants, their keys, policies and plugins.
    pub merchants: Arc<Registry>,
    /// Decides by merchants' plugins, and rolls them out.
    pub plugins: Arc<Plugins>,
    /// Tells merchants what happened.
    pub callbacks: Arc<Callbacks>,
    /// The channels.
    pub channels: Channels,
    /// The simulated wallet, where there is one: it is among the channels too.
    pub sandbox: Option<Arc<Sandbox>>,
    /// The operator's token.
    pub admin_token: String,
    /// Whether it can commit.
    pub readiness: Readiness,
    /// Whether real money is moved; it is not, unless somebody says so.
    pub realm: Realm,
    /// Rates of the market for what the operator put none; none, unless somebody names a source.
    pub rate_source: Option<Arc<dyn RateSource>>,
    /// How channels are chosen among; as policies list them, unless the operator says otherwise.
    pub routing: Routing,
    /// The traces of what it does; none, unless somebody names a collector.
    pub traces: Traces,
}

/// The parts that a [`Gateway`] is made of.
pub struct Parts {
    /// Where shoppers and merchants reach us, without a slash at the end.
    pub public_url: String,
    /// The hosts that requests may name, with the port unless it is the scheme's own.
    pub authorities: Vec<String>,
    /// Business time.
    pub clock: Arc<Clock>,
    /// Randomness.
    pub entropy: Entropy,
    /// The state.
    pub store: Arc<dyn Store>,
    /// Runs plugins.
    pub engine: Arc<Engine>,
    /// The standard plugin.
    pub standard: Arc<Plugin>,
    /// Merchants' components on disk.
    pub blobs: Arc<Blobs>,
    /// Signs responses, callbacks and grants.
    pub keys: Keys,
    /// The operator's token.
    pub admin_token: String,
    /// How often each caller may ask.
    pub rates: Rates,
    /// Where callbacks may go.
    pub reach: EgressPolicy,
    /// The transport that carries callbacks.
    pub transport: Box<dyn Transport>,
    /// The channels.
    pub channels: Vec<Arc<dyn Channel>>,
    /// Opens merchants' own accounts.
    pub accounts: Arc<dyn OpenAccount>,
    /// The simulated wallet, where there is one: it is among the channels too.
    pub sandbox: Option<Arc<Sandbox>>,
}

impl Gateway {
    /// A gateway over its parts. It knows no merchants before they are loaded: [`Registry::reload`].
    pub fn new(parts: Parts) -> Self {
        let node = Arc::new(Node {
            store: parts.store,
            clock: parts.clock,
            entropy: parts.entropy,
            cluster: Cluster { rates: parts.rates, ..Cluster::default() },
            metrics: Metrics::default(),
        });
        let keys = Arc::new(parts.keys);
        let accounts = Accounts::new(parts.accounts, parts.public_url.clone());
        let merchants = Arc::new(Registry::new(&node, accounts));
        let (engine, standard, blobs) = (parts.engine, parts.standard, parts.blobs);
        Self {
            public_url: parts.public_url,
            authorities: parts.authorities,
            plugins: Arc::new(Plugins::new(&node, &merchants, engine, standard, blobs)),
            callbacks: Arc::new(Callbacks::new(
                &node,
                &keys,
                &merchants,
                parts.reach,
                parts.transport,
            )),
            node,
            keys,
            merchants,
            channels: Channels::new(parts.channels),
            sandbox: parts.sandbox,
            admin_token: parts.admin_token,
            readiness: Readiness::default(),
            realm: Realm::default(),
            rate_source: None,
            routing: Routing::default(),
            traces: Traces::off(),
        }
    }

    /// The port of the scheme that the gateway is reached by: `Host` may leave it out.
    pub fn default_port(&self) -> u16 {
        if self.public_url.starts_with("https:") { 443 } else { 80 }
    }

    /// Lets something happen to an order: the core decides, one commit keeps what it decided, and
    /// then the worker and the pages that watch are told.
    ///
    /// # Errors
    ///
    /// The core's refusal as a problem; `order_not_found`; `internal`.
    pub async fn apply(&self, order: OrderId, event: Event) -> Result<OrderRecord, Problem> {
        let merchant = self.record(order.clone()).await?.order.terms.merchant;
        self.apply_of(merchant, order, event).await
    }

    /// As [`Gateway::apply`], where the order's merchant is known already.
    ///
    /// # Errors
    ///
    /// As of [`Gateway::apply`].
    pub async fn apply_of(
        &self,
        merchant: MerchantId,
        order: OrderId,
        event: Event,
    ) -> Result<OrderRecord, Problem> {
        let (now, scope) = (self.node.clock.now(), Scope::Merchant(merchant));
        let work = move |tx: &dyn Tx| apply(tx, &order, event, now);
        let part = lezai_traces::part("commit", Kind::Inside);
        let record = store::write(&self.node.store, scope, work).await;
        let record = part.ended(record, problem_code)?;
        self.committed(&record);
        Ok(record)
    }

    /// Tells watchers and jobs of a commit that changed an order.
    pub fn committed(&self, record: &OrderRecord) {
        self.tell_watchers(&record.order);
        self.node.cluster.wake.call();
    }

    /// Tells the pages that watch an order, here and at the other nodes.
    pub fn tell_watchers(&self, order: &Order) {
        self.node.cluster.watchers.changed(&order.terms.id, order.version);
        if self.node.store.is_shared() {
            self.node.store.announce(News::Order(order.terms.id.clone(), order.version));
        }
    }

    /// The answer of a request that changed an order; what it changed is told, unless it was told before.
    pub fn announce(&self, done: Outcome<(ApiResponse, OrderRecord)>) -> ApiResponse {
        match done {
            Outcome::Before(first) => first,
            Outcome::Now((answer, record)) => {
                self.committed(&record);
                answer
            }
        }
    }

    /// A channel's word on an attempt, applied to its order.
    ///
    /// # Errors
    ///
    /// As of [`Gateway::apply`].
    pub async fn apply_channel_status(
        &self,
        order: OrderId,
        attempt: AttemptId,
        standing: AttemptStatus,
    ) -> Result<(), Problem> {
        let event = match standing {
            AttemptStatus::Authorized { amount, channel_ref } => {
                Event::Authorized { attempt, amount, channel_ref }
            }
            AttemptStatus::Paid { amount, channel_ref } => {
                Event::Paid { attempt, amount, channel_ref }
            }
            AttemptStatus::Declined { code } => Event::Declined { attempt, code },
            AttemptStatus::Returned => Event::Returned(attempt),
            AttemptStatus::DebitReturned { amount, channel_ref, code } => {
                // Nobody may have heard that it came.
                let paid = Event::Paid { attempt: attempt.clone(), amount, channel_ref };
                self.apply(order.clone(), paid).await?;
                Event::DebitReturned { attempt, amount, code }
            }
            AttemptStatus::Cancelled => Event::Cancelled(attempt),
            AttemptStatus::Unknown | AttemptStatus::Pending | AttemptStatus::Refused { .. } => {
                return Ok(());
            }
        };
        self.apply(order, event).await.map(drop)
    }

    /// Has a channel collect a payment, and notes whether it answered.
    ///
    /// # Errors
    ///
    /// [`Unanswered`].
    pub async fn prepare(
        &self,
        channel: &dyn Channel,
        account: Option<&MerchantAccount>,
        request: PaymentRequest,
    ) -> Result<Prepared, Unanswered> {
        let (id, method) = (channel.id(), request.method.clone());
        let name = account.map_or_else(|| id.to_owned(), MerchantAccount::name);
        let circuits = &self.node.cluster.channels;
        let begun = circuits.begin(&name, &method, self.node.clock.wall());
        let part = called(channel, "prepare");
        let prepared = part.ended(channel.prepare(request).await, |_| UNANSWERED.to_owned());
        let ended = self.node.clock.wall();
        circuits.record(&name, &method, prepared.is_ok(), begun, ended);
        self.node.metrics.channel_answered(id, ended.as_ms().saturating_sub(begun.as_ms()));
        let outcome = if prepared.is_ok() { "answered" } else { "unanswered" };
        let label = ChannelLabel { channel: id, outcome };
        self.node.metrics.channel_requests.get_or_create(&label).inc();
        prepared
    }

    /// Asks the channel of an attempt how it stands, and applies what it says: what a channel
    /// tells us unasked ends here.
    ///
    /// # Errors
    ///
    /// `order_not_found` for an attempt that is not ours; `channel_unavailable`.
    pub async fn sync_attempt(&self, attempt: AttemptId) -> Result<(), Problem> {
        self.sync_told(attempt, |_| true).await
    }

    /// As [`Gateway::sync_attempt`], if the attempt is one that `may_tell`: a provider tells of the payments of the
    /// account that its callback came for, and of no other.
    ///
    /// # Errors
    ///
    /// As of [`Gateway::sync_attempt`].
    pub async fn sync_told(
        &self,
        attempt: AttemptId,
        may_tell: impl FnOnce(&OrderRecord) -> bool,
    ) -> Result<(), Problem> {
        let id = attempt.clone();
        let order = store::read(&self.node.store, move |view| view.order_of_attempt(&id)).await?;
        let order =
            order.ok_or_else(|| Problem::new(Code::OrderNotFound, "no order has this attempt"))?;
        let record = self.record(order.clone()).await?;
        if !may_tell(&record) {
            let detail = "the attempt was made with another account";
            return Err(Problem::new(Code::OrderNotFound, detail));
        }
        let channel = self.channel_of(&record, &attempt)?;
        let channel = &*channel;
        let reference = attempt_ref(&record, &attempt)?;
        let standing = asked(channel, "query", channel.query(&reference)).await?;
        self.apply_channel_status(order, attempt, standing).await
    }

    /// Asks the channel of a payment that a line of its bill tells of, and books what it says on the order, with the
    /// line as evidence.
    ///
    /// # Errors
    ///
    /// `order_not_found` for an attempt that is not ours at this channel, or was made to the merchant's own account;
    /// `channel_unavailable`; `channel_disagrees` if the channel does not say that this much was paid;
    /// `difference_state` if the books have the payment by now, or the line's difference stands otherwise than as `seen`.
    pub async fn pay_by_bill(
        &self,
        evidence: Evidence,
        channel: &str,
        paid: Money,
        seen: DifferenceState,
    ) -> Result<(), Problem> {
        let (id, line) = (evidence.attempt.clone(), evidence.line.clone());
        let order = store::read(&self.node.store, move |view| view.order_of_attempt(&id)).await?;
        let unknown = || Problem::new(Code::OrderNotFound, "no order has this payment there");
        let record = self.record(order.ok_or_else(unknown)?).await?;
        let channel_at = self.channel_of(&record, &evidence.attempt)?;
        let at = &*channel_at;
        let attempt = record.order.attempt(&evidence.attempt);
        if at.id() != channel || attempt.is_none_or(|it| it.account.is_some()) {
            return Err(unknown());
        }
        let reference = attempt_ref(&record, &evidence.attempt)?;
        let standing = asked(at, "query", at.query(&reference)).await?;
        let AttemptStatus::Paid { amount, channel_ref } = standing else {
            let detail = "asked about it, the channel does not say that it was paid";
            return Err(Problem::new(Code::ChannelDisagrees, detail));
        };
        if amount != paid {
            let detail = format!("the channel says that {amount} was paid, and its bill {paid}");
            return Err(Problem::new(Code::ChannelDisagrees, detail));
        }
        let difference = evidence.difference.clone();
        let event = Event::PaidByBill { evidence, amount, channel_ref };
        let Terms { id: order, merchant, .. } = record.order.terms;
        let now = self.node.clock.now();
        let record = store::write(&self.node.store, Scope::Merchant(merchant), move |tx| {
            // Whoever resolves it in another way does that before this commit or after it, and one of them is refused.
            let found = tx.difference(&difference)?;
            if found.is_none_or(|it| it.difference.state != seen) {
                let detail = "somebody else acted on the difference meanwhile";
                return Err(Problem::new(Code::DifferenceState, detail));
            }
            apply(tx, &order, event, now)
        })
        .await?;
        self.committed(&record);
        if record.order.evidence.iter().any(|it| it.line == line) {
            return Ok(());
        }
        let detail = "the books have this payment by now: if no run of the next days pairs both halves, explain it by the day on which the books have it";
        Err(Problem::new(Code::DifferenceState, detail).with("difference_status", "open"))
    }

    /// Where the shopper of an attempt goes once back from its channel's page.
    ///
    /// # Errors
    ///
    /// `order_not_found` for an attempt that is not ours.
    pub async fn return_address(&self, attempt: AttemptId) -> Result<String, Problem> {
        let order =
            store::read(&self.node.store, move |view| view.order_of_attempt(&attempt)).await?;
        let record = self.record(order.ok_or_else(not_found)?).await?;
        let own = record.details.return_url.clone();
        Ok(own.unwrap_or_else(|| views::hosted_page(&record, &self.public_url)))
    }

    /// The order, whoever's it is.
    ///
    /// # Errors
    ///
    /// `order_not_found`, `internal`.
    pub async fn record(&self, order: OrderId) -> Result<OrderRecord, Problem> {
        let record = store::read(&self.node.store, move |view| view.order(&order)).await?;
        let record = record.ok_or_else(not_found)?;
        if let Some(trace) = &record.details.trace {
            lezai_traces::join(trace);
        }
        Ok(record)
    }

    /// The channel that an attempt went to: the merchant's own account if it was made with one, whatever was put since.
    ///
    /// # Errors
    ///
    /// `internal`: an attempt without a channel of ours is a damaged record.
    pub fn channel_of(
        &self,
        record: &OrderRecord,
        attempt: &AttemptId,
    ) -> Result<Arc<dyn Channel>, Problem> {
        let found = record.order.attempt(attempt).and_then(|it| match it.account {
            Some(_) => self.account_of(record, attempt).map(|it| Arc::clone(&it.channel)),
            None => self.channels.shared(&it.channel),
        });
        found.ok_or_else(|| Problem::internal("the attempt has no channel"))
    }

    /// The merchant's own account that an attempt was made with.
    pub fn account_of(
        &self,
        record: &OrderRecord,
        attempt: &AttemptId,
    ) -> Option<Arc<MerchantAccount>> {
        let attempt = record.order.attempt(attempt)?;
        let account = &attempt.account.as_ref()?.account;
        self.merchants.accounts.serving(&record.order.terms.merchant, &attempt.channel, account)
    }

    /// A method by its name, at the platform's channels or at the merchant's own.
    pub fn method(&self, merchant: &MerchantId, id: &str) -> Option<&'static Method> {
        let platform = self.channels.method(id).map(|(_, method)| method);
        let own = || {
            let accounts = self.merchants.accounts.current_of(merchant);
            accounts.iter().find_map(|it| it.channel.method(id))
        };
        platform.or_else(own)
    }
}

/// An attempt as its channel is asked about it.
///
/// # Errors
///
/// `internal`: the order has no such attempt.
pub fn attempt_ref(record: &OrderRecord, attempt: &AttemptId) -> Result<AttemptRef, Problem> {
    let known = record.order.attempt(attempt);
    let known = known.ok_or_else(|| Problem::internal("the order has no such attempt"))?;
    Ok(AttemptRef {
        attempt: known.id.clone(),
        method: known.method.clone(),
        amount: record.order.terms.amount,
        begun_at: known.begun(),
        expires_at: record.order.terms.expires_at,
    })
}

/// As [`Gateway::apply`], within a commit that may do more.
///
/// # Errors
///
/// As of [`Gateway::apply`].
pub fn apply(
    tx: &dyn Tx,
    order: &OrderId,
    event: Event,
    now: Timestamp,
) -> Result<OrderRecord, Problem> {
    let record = tx.order(order)?.ok_or_else(not_found)?;
    let version = record.order.version;
    let at = moment(tx, &record.order, &event, now)?;
    let step = order::step(record.order.clone(), event, at)?;
    if step.order.version == version {
        return Ok(record);
    }
    Ok(commit(tx, record, step, now)?)
}

/// When something happens to an order, and when what is captured then settles: a payment that was
/// captured before anybody could say when it settles does so by the contract of its own moment.
fn moment(tx: &dyn Tx, order: &Order, event: &Event, now: Timestamp) -> Result<Moment, StoreError> {
    let captured_at = match (event, &order.state) {
        (Event::Paid { .. } | Event::PaidByBill { .. }, _) => now,
        (Event::SettlementDue, State::Paid { captured, .. })
            if captured.settles == Settles::NotKnown =>
        {
            captured.at
        }
        _ => return Ok(Moment::from(now)),
    };
    let settles = crate::schedule::settles(tx, &order.terms.merchant, captured_at)?;
    Ok(Moment { now, settles })
}

/// Writes a step: state, postings and effects, all in the commit that `tx` belongs to.
fn commit(
    tx: &dyn Tx,
    record: OrderRecord,
    step: Step,
    now: Timestamp,
) -> Result<OrderRecord, StoreError> {
    let before = record.order;
    let record = OrderRecord { order: step.order, ..record };
    let id = &record.order.terms.id;
    tx.update_order(&record.order)?;
    let booked_at = match &step.entry {
        Some(entry) => book(tx, &id.clone().into(), entry, now)?,
        None => now,
    };
    fees::follow(tx, &before, &record.order, booked_at)?;
    mandates::follow(tx, &before, &record.order)?;
    schedule(tx, &record, step.effects, now)?;
    Ok(record)
}

/// Books an entry as the balances of this very commit have it: what is not available is owed. The time that it carries.
///
/// # Errors
///
/// [`StoreError`].
pub(crate) fn book(
    tx: &dyn Tx,
    subject: &Booked,
    entry: &Entry,
    now: Timestamp,
) -> Result<Timestamp, StoreError> {
    let mut standing = Vec::new();
    for (account, currency) in entry.touched_by_debts() {
        let minor = tx.balance(&account, currency)?;
        standing.push((account, currency, minor));
    }
    if standing.is_empty() {
        return tx.book(subject, entry, now);
    }
    let stands = |account: &Account, currency| {
        let found = standing.iter().find(|it| it.0 == *account && it.1 == currency);
        found.map_or(0, |it| it.2)
    };
    let entry = entry
        .with_debts(stands)
        .ok_or_else(|| StoreError::Damaged("a balance is more than a number holds".to_owned()))?;
    tx.book(subject, &entry, now)
}

/// Writes down what is to be done. What a merchant is to be told is put into words here, once, so
/// that every delivery says the same.
///
/// # Errors
///
/// [`StoreError`].
pub fn schedule(
    tx: &dyn Tx,
    record: &OrderRecord,
    effects: Vec<Effect>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let order = &record.order;
    let terms = &order.terms;
    let told = effects.iter().filter(|it| matches!(it, Effect::Notify(_))).count();
    let mut sequence = order.notices - u32::try_from(told).unwrap_or(order.notices);
    for effect in effects {
        let due = match &effect {
            Effect::Expire => terms.expires_at,
            Effect::Release => {
                order.state.payment().map_or(now, |it| it.at.plus_secs(AUTHORIZATION_SECS))
            }
            Effect::Settle => match &order.state {
                State::Paid { captured, .. } => {
                    captured.settles_at().unwrap_or(now.plus_secs(NOT_KNOWN_SECS))
                }
                _ => now,
            },
            Effect::FinishSplits => now.plus_secs(SPLIT_SECS),
            Effect::ReleaseReserve => order.reserved.as_ref().map_or(now, |it| it.until),
            Effect::Query(_) => now.plus_secs(FIRST_QUERY_SECS),
            Effect::WatchDebit(_) => now.plus_secs(FIRST_WATCH_SECS),
            Effect::Debit(_)
            | Effect::Cancel(_)
            | Effect::Return(_)
            | Effect::Capture(_)
            | Effect::Void(_)
            | Effect::Refund(_)
            | Effect::Notify(_) => now,
        };
        let Effect::Notify(notice) = effect else {
            tx.schedule(&Task::Order { order: terms.id.clone(), what: effect }, due)?;
            continue;
        };
        sequence += 1;
        let refund = notice.refund().and_then(|id| order.refund(id));
        let given_back = notice.split_return().and_then(|id| order.split_return(id));
        let data = EventData {
            order: views::order(record),
            refund: refund.map(|it| views::refund(order, it)),
            split_return: given_back.map(|(split, it)| views::split_return(order, split, it)),
        };
        let happened = Happened {
            merchant: &terms.merchant,
            subject: Subject::Order(&terms.id, sequence),
            event_type: notice.event_type(),
            data,
        };
        events::record::deliver(tx, happened, due)?;
    }
    Ok(())
}

/// There is no such order, or it is another merchant's, which is nobody's business.
pub fn not_found() -> Problem {
    Problem::new(Code::OrderNotFound, "there is no such order among the merchant's")
}

/// The code of a call that was not answered.
const UNANSWERED: &str = "unanswered";

/// Waits for a channel's answer, as a part of what is being done.
///
/// # Errors
///
/// `channel_unavailable`.
pub async fn asked<T>(
    channel: &dyn Channel,
    question: &'static str,
    answer: impl Future<Output = Result<T, Unanswered>>,
) -> Result<T, Problem> {
    let part = called(channel, question);
    part.ended(answer.await, |_| UNANSWERED.to_owned()).map_err(unanswered)
}

fn called(channel: &dyn Channel, question: &'static str) -> Part {
    let mut part = lezai_traces::part("channel", Kind::Call);
    part.note("lezai.channel", channel.id().to_owned());
    part.note("lezai.question", question);
    part
}

/// The code of a problem, for a trace.
pub fn problem_code(problem: &Problem) -> String {
    problem.code().as_str().to_owned()
}

/// The channel did not answer; what it did is unknown, and the worker will ask.
pub fn unanswered(error: Unanswered) -> Problem {
    tracing::warn!(%error, "channel unavailable");
    Problem::new(
        Code::ChannelUnavailable,
        "the payment channel does not answer; the same request with the same key may be sent again",
    )
}
