//! The gateway: what every request and the worker share, and the one way in which an order
//! changes: [`Gateway::apply`] asks the core and commits what it says.

use lezai_base::url;
use lezai_wire::time::rfc3339;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use lezai_core::id::{AttemptId, EventId, OrderId};
use lezai_core::key::{Jwk, SigningKey, VerifyingKey};
use lezai_core::ledger::{Account, Entry};
use lezai_core::order::{self, AUTHORIZATION_SECS, Effect, Event, SETTLEMENT_SECS, State, Step};
use lezai_core::time::Timestamp;
use lezai_engine::{Engine, Plugin};
use reqwest::Url;
use ring::hmac;
use sha2::{Digest as _, Sha256};

use crate::callbacks::egress::Reach;
use crate::cluster::hub::Hub;
use crate::cluster::nonces::Nonces;
use crate::cluster::rate::Rates;
use crate::cluster::turns::Turns;
use crate::cluster::velocity::Counters;
use crate::events;
use crate::jobs::Wake;
use crate::merchants::{Merchant, Merchants};
use crate::metrics::Metrics;
use crate::orders::idempotency::InProgress;
use crate::plugins::beside::Beside;
use crate::plugins::blobs::Blobs;
use crate::plugins::loading;
use crate::readiness::Readiness;
use crate::realm::Realm;
use crate::views;
use lezai_base::clock::Clock;
use lezai_base::entropy::Entropy;
use lezai_base::native_key::NativeSigningKey;
use lezai_channels::channel::{Channel, Method, Standing};
use lezai_channels::sandbox::Sandbox;
use lezai_store as store;
use lezai_store::events::Telling;
use lezai_store::{EventRecord, OrderRecord, Store, StoreError, Task, Tx};
use lezai_wire::problem::{Code, Problem};
use lezai_wire::views::{EventData, EventView};

/// A channel gets this long to speak before it is asked.
const FIRST_QUERY_SECS: i64 = 20;

/// The key that the gateway signs with, and its name.
pub struct GatewayKey {
    /// The private half.
    pub native: NativeSigningKey,
    /// Derived from it, for names that must come out the same again, and that nobody else can make.
    pub names: hmac::Key,
    /// The thumbprint of the public half: its `keyid`.
    pub keyid: String,
    /// The public half.
    pub jwk: Jwk,
}

impl From<SigningKey> for GatewayKey {
    fn from(private: SigningKey) -> Self {
        let public = private.verifying_key();
        let secret = hmac::Key::new(hmac::HMAC_SHA256, &private.to_bytes());
        let derived = hmac::sign(&secret, b"lezai names");
        let names = hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref());
        Self { keyid: public.thumbprint(), jwk: public.to_jwk(), native: private.into(), names }
    }
}

/// What every request and the worker share.
pub struct Gateway {
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
    /// Signs answers, callbacks and grants.
    pub key: GatewayKey,
    /// The key before, which goes on to sign for the pages that pinned it.
    pub former_key: Option<GatewayKey>,
    /// The key that will come next: known to all, and signing nothing yet.
    pub next_key: Option<VerifyingKey>,
    /// The operator's token.
    pub admin_token: String,
    /// Where callbacks may go.
    pub reach: Reach,
    /// The channels.
    pub channels: Vec<Arc<dyn Channel>>,
    /// The simulated wallet, where there is one: it is among the channels too.
    pub sandbox: Option<Arc<Sandbox>>,
    /// The nonces used of late.
    pub nonces: Nonces,
    /// The idempotency keys that are being worked on.
    pub in_progress: Arc<InProgress>,
    /// Pages that watch.
    pub hub: Hub,
    /// Wakes the worker.
    pub wake: Wake,
    /// What is counted.
    pub metrics: Metrics,
    /// How often each caller may ask; as often as she likes, if nobody says otherwise.
    pub rates: Rates,
    /// Whose turn it is to read a list, or to have done what takes long.
    pub turns: Turns,
    /// Components on disk.
    pub blobs: Arc<Blobs>,
    /// What is done for plugins beside orders.
    pub plugins: Beside,
    pub(crate) reloading: tokio::sync::Mutex<()>,
    /// How much was ordered of late.
    pub counters: Counters,
    /// Whether it can commit.
    pub readiness: Readiness,
    /// Whether real money is moved; it is not, unless somebody says so.
    pub realm: Realm,
    merchants: ArcSwap<Merchants>,
}

/// What a [`Gateway`] is made of.
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
    /// Signs answers, callbacks and grants.
    pub key: SigningKey,
    /// The operator's token.
    pub admin_token: String,
    /// Where callbacks may go.
    pub reach: Reach,
    /// The channels.
    pub channels: Vec<Arc<dyn Channel>>,
    /// The simulated wallet, where there is one: it is among the channels too.
    pub sandbox: Option<Arc<Sandbox>>,
}

impl Gateway {
    /// A gateway over its parts. It knows no merchants before [`Gateway::reload_merchants`].
    pub fn new(parts: Parts) -> Self {
        Self {
            public_url: parts.public_url,
            authorities: parts.authorities,
            clock: parts.clock,
            entropy: parts.entropy,
            store: parts.store,
            engine: parts.engine,
            standard: parts.standard,
            key: parts.key.into(),
            former_key: None,
            next_key: None,
            admin_token: parts.admin_token,
            reach: parts.reach,
            channels: parts.channels,
            sandbox: parts.sandbox,
            nonces: Nonces::default(),
            in_progress: Arc::default(),
            hub: Hub::default(),
            wake: Wake::default(),
            metrics: Metrics::default(),
            rates: Rates::default(),
            turns: Turns::default(),
            blobs: parts.blobs,
            plugins: Beside::default(),
            counters: Counters::default(),
            readiness: Readiness::default(),
            realm: Realm::default(),
            reloading: tokio::sync::Mutex::default(),
            merchants: ArcSwap::default(),
        }
    }

    /// The port of the scheme that the gateway is reached by: `Host` may leave it out.
    pub fn default_port(&self) -> u16 {
        if self.public_url.starts_with("https:") { 443 } else { 80 }
    }

    /// The key with this thumbprint, as long as it is kept; else the one that signs now, which a page
    /// that pinned another will not believe.
    pub fn key_named(&self, keyid: &str) -> &GatewayKey {
        self.former_key.as_ref().filter(|it| it.keyid == keyid).unwrap_or(&self.key)
    }

    /// Every public key that something may be signed with, now or next, and its name.
    pub fn public_keys(&self) -> Vec<(String, Jwk)> {
        let signing = std::iter::once(&self.key).chain(&self.former_key);
        let signing = signing.map(|it| (it.keyid.clone(), it.jwk.clone()));
        let next = self.next_key.iter().map(|it| (it.thumbprint(), it.to_jwk()));
        signing.chain(next).collect()
    }

    /// The merchants as of now.
    pub fn merchants(&self) -> Guard<Arc<Merchants>> {
        self.merchants.load()
    }

    /// Reads the merchants, their keys, policies and plugins from the store again.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; the merchants stay as they were.
    pub async fn reload_merchants(&self) -> Result<(), StoreError> {
        // One after the other: who read earlier must not swap in later.
        let _turn = self.reloading.lock().await;
        let (records, keys, releases) = store::read(&self.store, |view| {
            Ok((view.merchants()?, view.merchant_keys()?, view.standing_releases(None)?))
        })
        .await?;
        let rollouts = loading::rollouts(self, releases, &self.merchants());
        // Thousands of policies take a while.
        let load = move || Merchants::load(records, keys, rollouts);
        let merchants =
            tokio::task::spawn_blocking(load).await.map_err(|_| StoreError::Abandoned)?;
        self.use_merchants(Arc::new(merchants));
        Ok(())
    }

    /// Swaps in merchants that were loaded elsewhere.
    pub fn use_merchants(&self, merchants: Arc<Merchants>) {
        self.merchants.store(merchants);
    }

    /// An address for a merchant's callbacks, as it is sent and signed.
    ///
    /// # Errors
    ///
    /// `notify_url_refused`, and why.
    pub fn notify_url(&self, merchant: &Merchant, url: &str) -> Result<Url, Problem> {
        let refused =
            |why: String| Problem::new(Code::NotifyUrlRefused, why).with("field", "notify_url");
        let parsed = Url::parse(url).map_err(|error| refused(error.to_string()))?;
        self.reach.judge(&parsed, merchant.hosts()).map_err(|unfit| refused(unfit.to_string()))?;
        url::as_sent(url, parsed).map_err(|why| refused(format!("notify_url {why}")))
    }

    /// The channel with this name.
    pub fn channel(&self, id: &str) -> Option<&dyn Channel> {
        self.channels.iter().map(|channel| &**channel).find(|channel| channel.id() == id)
    }

    /// A method, and the first channel that offers it.
    pub fn method(&self, id: &str) -> Option<(&dyn Channel, &'static Method)> {
        self.channels.iter().find_map(|channel| Some((&**channel, channel.method(id)?)))
    }

    /// Lets something happen to an order: the core decides, one commit keeps what it decided, and
    /// then the worker and the pages that watch are told.
    ///
    /// # Errors
    ///
    /// The core's refusal as a problem; `order_not_found`; `internal`.
    pub async fn apply(&self, order: OrderId, event: Event) -> Result<OrderRecord, Problem> {
        let now = self.clock.now();
        let record = store::write(&self.store, move |tx| apply(tx, &order, event, now)).await?;
        self.committed(&record);
        Ok(record)
    }

    /// What is to be told after a commit that changed an order.
    pub fn committed(&self, record: &OrderRecord) {
        self.hub.changed(&record.order.terms.id, record.order.version);
        self.wake.call();
    }

    /// A channel's word on an attempt, applied to its order.
    ///
    /// # Errors
    ///
    /// As of [`Gateway::apply`].
    pub async fn heard(
        &self,
        order: OrderId,
        attempt: AttemptId,
        standing: Standing,
    ) -> Result<(), Problem> {
        let event = match standing {
            Standing::Authorized { amount, channel_ref } => {
                Event::Authorized { attempt, amount, channel_ref }
            }
            Standing::Paid { amount, channel_ref } => Event::Paid { attempt, amount, channel_ref },
            Standing::Declined { code } => Event::Declined { attempt, code },
            Standing::Returned => Event::Returned(attempt),
            Standing::Cancelled => Event::Cancelled(attempt),
            Standing::Unknown | Standing::Pending | Standing::Refused { .. } => return Ok(()),
        };
        self.apply(order, event).await.map(drop)
    }

    /// Asks the channel of an attempt how it stands, and applies what it says: what a channel
    /// tells us unasked ends here.
    ///
    /// # Errors
    ///
    /// `order_not_found` for an attempt that is not ours; `channel_unavailable`.
    pub async fn ask(&self, attempt: AttemptId) -> Result<(), Problem> {
        let id = attempt.clone();
        let order = store::read(&self.store, move |view| view.order_of_attempt(&id)).await?;
        let order =
            order.ok_or_else(|| Problem::new(Code::OrderNotFound, "no order has this attempt"))?;
        let record = self.record(order.clone()).await?;
        let channel = self.channel_of(&record, &attempt)?;
        let standing = channel.query(&attempt).await.map_err(unanswered)?;
        self.heard(order, attempt, standing).await
    }

    /// The order, whoever's it is.
    ///
    /// # Errors
    ///
    /// `order_not_found`, `internal`.
    pub async fn record(&self, order: OrderId) -> Result<OrderRecord, Problem> {
        let record = store::read(&self.store, move |view| view.order(&order)).await?;
        record.ok_or_else(not_found)
    }

    /// The channel that an attempt went to.
    ///
    /// # Errors
    ///
    /// `internal`: an attempt without a channel of ours is a damaged record.
    pub fn channel_of(
        &self,
        record: &OrderRecord,
        attempt: &AttemptId,
    ) -> Result<&dyn Channel, Problem> {
        let channel = record.order.attempt(attempt).and_then(|it| self.channel(&it.channel));
        channel.ok_or_else(|| Problem::internal("the attempt has no channel"))
    }
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
    let step = order::step(record.order.clone(), event, now)?;
    if step.order.version == version {
        return Ok(record);
    }
    Ok(commit(tx, record, step, now)?)
}

/// Writes a step: state, postings and effects, all in the commit that `tx` belongs to.
fn commit(
    tx: &dyn Tx,
    record: OrderRecord,
    step: Step,
    now: Timestamp,
) -> Result<OrderRecord, StoreError> {
    let record = OrderRecord { order: step.order, ..record };
    let id = &record.order.terms.id;
    tx.update_order(&record.order)?;
    if let Some(entry) = &step.entry {
        book(tx, id, entry, now)?;
    }
    schedule(tx, &record, step.effects, now)?;
    Ok(record)
}

/// Books an entry as the balances of this very commit have it: what is not available is owed.
fn book(tx: &dyn Tx, order: &OrderId, entry: &Entry, now: Timestamp) -> Result<(), StoreError> {
    let mut standing = Vec::new();
    for (account, currency) in entry.touched_by_debts() {
        let minor = tx.balance(&account, currency)?;
        standing.push((account, currency, minor));
    }
    if standing.is_empty() {
        return tx.book(order, entry, now);
    }
    let stands = |account: &Account, currency| {
        let found = standing.iter().find(|it| it.0 == *account && it.1 == currency);
        found.map_or(0, |it| it.2)
    };
    let entry = entry
        .with_debts(stands)
        .ok_or_else(|| StoreError::Damaged("a balance is more than a number holds".to_owned()))?;
    tx.book(order, &entry, now)
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
                State::Paid { captured, .. } => captured.at.plus_secs(SETTLEMENT_SECS),
                _ => now,
            },
            Effect::Query(_) => now.plus_secs(FIRST_QUERY_SECS),
            Effect::Cancel(_)
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
        let now = events::moment(tx, &terms.merchant, now)?;
        let id = event_id(&terms.id, sequence, now);
        let refund = notice.refund().and_then(|id| order.refund(id));
        let view = EventView {
            id: id.to_string(),
            event_type: notice.event_type(),
            created_at: rfc3339(now),
            merchant: terms.merchant.to_string(),
            sequence,
            data: EventData {
                order: views::order(record),
                refund: refund.map(|it| views::refund(order, it)),
            },
        };
        let event = EventRecord {
            id: id.clone(),
            order: Some(terms.id.clone()),
            merchant: terms.merchant.clone(),
            sequence,
            event_type: notice.event_type().to_owned(),
            created_at: now,
            body: serde_json::to_vec(&view)
                .map_err(|error| StoreError::Damaged(error.to_string()))?,
        };
        tx.insert_event(&event, Telling::Waiting)?;
        tx.schedule(&Task::Deliver { event: id, round: 0 }, due)?;
    }
    Ok(())
}

/// An event's id follows from what it is: the order's so manieth event.
fn event_id(order: &OrderId, sequence: u32, now: Timestamp) -> EventId {
    let digest = Sha256::digest(format!("event {order} {sequence}"));
    EventId::new(now, std::array::from_fn(|index| digest[index]))
}

/// There is no such order, or it is another merchant's, which is nobody's business.
pub fn not_found() -> Problem {
    Problem::new(Code::OrderNotFound, "there is no such order among the merchant's")
}

/// The channel did not answer; what it did is unknown, and the worker will ask.
pub fn unanswered(error: lezai_channels::channel::Unanswered) -> Problem {
    tracing::warn!(%error, "channel unavailable");
    Problem::new(
        Code::ChannelUnavailable,
        "the payment channel does not answer; the same request with the same key may be sent again",
    )
}
