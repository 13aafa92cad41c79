//! Where the gateway's state is kept. The unit is a commit: what must be true together is written
//! in one call of [`write`], and its caller hears of success only once it is durable.
//!
//! The traits are narrow so that another database can stand behind them; the one
//! in a file of SQLite's needs no setting up. Decisions are not made here: a job reads what is there, asks the
//! core, and writes what comes out.

#![forbid(unsafe_code)]

pub mod accounts;
pub mod bills;
pub mod brand;
pub mod decision;
mod error;
pub mod events;
pub mod fees;
pub mod funds;
pub mod fx;
mod listing;
pub mod mandates;
mod news;
mod orders;
pub mod payout_batches;
pub mod plugins;
mod scope;
pub mod splits;
pub mod statements;

use std::sync::Arc;

use lezai_core::digest::sha256_hex;
use lezai_core::funds::mandate::MandateEffect;
use lezai_core::funds::payout::PayoutEffect;
use lezai_core::id::{
    AttemptId, DifferenceId, EventId, MandateId, MerchantId, OrderId, PayoutId, RefundId,
    SessionId, StatementId,
};
use lezai_core::key::Jwk;
use lezai_core::ledger::{Account, Entry, Kind, Posting, Subject};
use lezai_core::money::Currency;
use lezai_core::order::{Effect, Order};
use lezai_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

pub use accounts::{AccountReads, AccountRecord, AccountWrites};
pub use bills::{BillReads, BillWrites};
pub use brand::Brand;
pub use error::{DatabaseError, Fault, StoreError};
pub use events::{EventReads, EventRecord, EventWrites};
pub use fees::{FeeReads, FeeWrites};
pub use funds::{FundsReads, FundsWrites};
pub use fx::{FxReads, FxWrites};
pub use lezai_wire::page::Page;
pub use listing::id_range;
pub use mandates::{MandateReads, MandateWrites};
pub use news::{CountedOrder, News};
pub use orders::{Details, OrderSample};
pub use payout_batches::{PayoutBatchReads, PayoutBatchWrites};
pub use plugins::{PluginReads, PluginWrites, ReleaseRecord};
pub use scope::{Scope, book_of};
pub use splits::{SplitReads, SplitWrites};
pub use statements::{StatementReads, StatementWrites};

/// A webhook secret that was replaced signs beside its successor for a day: time to put that one in.
const FORMER_SECRET_SECS: i64 = 86_400;

/// An order with what stands beside it.
#[derive(Clone, Debug)]
pub struct OrderRecord {
    /// The core's order.
    pub order: Order,
    /// The merchant's request and the decision on it; never changed.
    pub details: Details,
    /// The checkout session of the order.
    pub session: SessionId,
}

/// A checkout session.
#[derive(Clone, Debug)]
pub struct SessionRecord {
    /// Its id.
    pub id: SessionId,
    /// The order that it pays.
    pub order: OrderId,
    /// Whose order that is.
    pub merchant: MerchantId,
    /// SHA-256 of the client secret, in hex.
    pub secret_hash: String,
    /// The thumbprint of the gateway key that the client secret pins.
    pub gateway_key: String,
    /// The page that has it.
    pub claim: Option<Claim>,
    /// How many pages claimed it, that one included.
    pub claims: u32,
}

/// A page's claim to a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The page's key.
    pub key: Jwk,
    /// The page's origin, empty if it named none.
    pub origin: String,
    /// When it claimed.
    pub at: Timestamp,
}

/// Something that the worker is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Task {
    /// An effect of the core's on an order.
    Order {
        /// The order.
        order: OrderId,
        /// The effect.
        what: Effect,
    },
    /// An effect of the core's on a payout.
    Payout {
        /// The payout.
        payout: PayoutId,
        /// The effect.
        what: PayoutEffect,
    },
    /// An effect of the core's on a mandate.
    Mandate {
        /// The mandate.
        mandate: MandateId,
        /// The effect.
        what: MandateEffect,
    },
    /// Close a merchant's settlement batches at its next cut-off, and plan the one after.
    CloseBatches {
        /// The merchant.
        merchant: MerchantId,
        /// The contract whose cut-off it is: one that takes its place has its own.
        contract: u32,
        /// The cut-off.
        cut_off: Timestamp,
    },
    /// Plan the close of a merchant's batches after a cut-off, since the calendar did not know the next one.
    PlanBatches {
        /// The merchant.
        merchant: MerchantId,
        /// The contract whose cut-offs they are.
        contract: u32,
        /// The last cut-off that is closed.
        after: Timestamp,
    },
    /// Go on with a statement until it is made.
    MakeStatement {
        /// The merchant.
        merchant: MerchantId,
        /// The statement.
        statement: StatementId,
    },
    /// Have the statement made of a plan's period that ended, and plan the one after.
    PlanStatement {
        /// The merchant.
        merchant: MerchantId,
        /// The plan's name after its merchant's: `m_tea/monthly`.
        plan: String,
        /// The plan as it stood: one that was changed has tasks of its own.
        edition: u32,
        /// The period's end.
        end: Timestamp,
    },
    /// Have a channel give back a payment that belongs to no order.
    ReturnPayment {
        /// The difference that the payment makes.
        difference: DifferenceId,
    },
    /// Tell a merchant of an event.
    Deliver {
        /// The event.
        event: EventId,
        /// Which round of it: one that was begun anew leaves the tasks of the one before behind.
        round: u32,
    },
}

/// Tasks that do not wait for one another: what a merchant's server is slow at holds up no money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Work on orders.
    Orders,
    /// Callbacks to merchants.
    Callbacks,
    /// Payouts: thousands at a bank that does not answer hold up no capture and no refund.
    Payouts,
    /// Statements: a long one holds up neither.
    Statements,
}

impl Lane {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Orders, Self::Callbacks, Self::Statements, Self::Payouts];

    /// Its name in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Callbacks => "callbacks",
            Self::Statements => "statements",
            Self::Payouts => "payouts",
        }
    }
}

impl Task {
    /// The name of a task that waits once, however often it is scheduled: one that plans its successor would
    /// otherwise, done twice, plan two, and these five.
    pub fn once(&self) -> Option<String> {
        match self {
            Self::CloseBatches { merchant, contract, cut_off } => {
                Some(format!("close_batches {merchant} {contract} {}", cut_off.as_ms()))
            }
            Self::PlanBatches { merchant, contract, after } => {
                Some(format!("plan_batches {merchant} {contract} {}", after.as_ms()))
            }
            Self::PlanStatement { plan, edition, end, .. } => {
                Some(format!("plan_statement {plan} {edition} {}", end.as_ms()))
            }
            Self::MakeStatement { statement, .. } => Some(format!("make_statement {statement}")),
            Self::ReturnPayment { difference } => Some(format!("return_payment {difference}")),
            Self::Order { .. }
            | Self::Payout { .. }
            | Self::Mandate { .. }
            | Self::Deliver { .. } => None,
        }
    }

    /// The lane that it waits in.
    pub fn lane(&self) -> Lane {
        match self {
            Self::Order { .. }
            | Self::CloseBatches { .. }
            | Self::PlanBatches { .. }
            | Self::Mandate { .. }
            | Self::ReturnPayment { .. } => Lane::Orders,
            Self::Payout { .. } => Lane::Payouts,
            Self::Deliver { .. } => Lane::Callbacks,
            Self::MakeStatement { .. } | Self::PlanStatement { .. } => Lane::Statements,
        }
    }
}

/// A task with its history.
#[derive(Clone, Debug)]
pub struct DueTask {
    /// The store's number for it.
    pub number: i64,
    /// The work to be done.
    pub task: Task,
    /// How often it was begun before.
    pub tries: u32,
}

/// The first response to a request with an idempotency key.
#[derive(Clone, Debug)]
pub struct StoredResponse {
    /// SHA-256 over what was asked, in hex: a key is good for one request only.
    pub fingerprint: String,
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// Whose idempotency key: two merchants may use the same one, and so may two pages.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    /// The merchant's or the session's id.
    pub scope: String,
    /// The key.
    pub key: String,
}

/// A merchant as configured by the operator. It cannot be printed, for it holds a secret.
#[derive(Clone)]
pub struct MerchantRecord {
    /// Its id.
    pub id: MerchantId,
    /// The name that a shopper reads.
    pub name: String,
    /// Where callbacks go unless an order says otherwise.
    pub notify_url: Option<String>,
    /// The Standard Webhooks secret, `whsec_…`.
    pub webhook_secret: String,
    /// The policy, as JSON.
    pub policy: String,
    /// Hosts that an order's own address for callbacks may name, besides that of `notify_url`.
    pub notify_hosts: Vec<String>,
    /// Websites whose pages may show the hosted page in a frame, such as `https://shop.example`.
    pub frame_origins: Vec<String>,
    /// The merchant's looks at the checkout.
    pub brand: Brand,
    /// The secret before, and until when callbacks are signed with it as well.
    pub former_secret: Option<(String, Timestamp)>,
}

impl MerchantRecord {
    /// The merchant with a new webhook secret, and the former one for as long as it lives on. The
    /// same secret once more changes nothing, so that the request can be repeated.
    #[must_use]
    pub fn with_secret(self, secret: String, now: Timestamp) -> Self {
        if self.webhook_secret == secret {
            return self;
        }
        let former = (self.webhook_secret, now.plus_secs(FORMER_SECRET_SECS));
        Self { webhook_secret: secret, former_secret: Some(former), ..self }
    }
}

/// A merchant's public key.
#[derive(Clone, Debug)]
pub struct MerchantKey {
    /// The key's name in signatures, unique among all merchants.
    pub keyid: String,
    /// Whose it is.
    pub merchant: MerchantId,
    /// SPKI PEM.
    pub pem: String,
}

/// An entry of the ledger as it is kept.
#[derive(Clone, Debug)]
pub struct BookedEntry {
    /// 1 for the first, without gaps.
    pub number: u64,
    /// When it was booked.
    pub at: Timestamp,
    /// The order or payout that it belongs to.
    pub subject: Subject,
    /// The kind of operation that it books.
    pub kind: Kind,
    /// Its sides.
    pub postings: Vec<Posting>,
    /// The hash of the entry before.
    pub previous: String,
    /// Its own hash.
    pub hash: String,
}

/// Which entries of a chain a walk gives.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'w> {
    /// Those after this one.
    pub after: u64,
    /// Of this order or payout alone.
    pub subject: Option<&'w Subject>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
    /// The last one first.
    pub newest_first: bool,
}

/// Reads of the store.
pub trait View:
    AccountReads
    + BillReads
    + EventReads
    + FeeReads
    + FundsReads
    + FxReads
    + MandateReads
    + PayoutBatchReads
    + PluginReads
    + SplitReads
    + StatementReads
{
    /// The order with this id.
    fn order(&self, id: &OrderId) -> Result<Option<OrderRecord>, StoreError>;
    /// The order with a merchant's own number.
    fn order_by_merchant_order_id(
        &self,
        merchant: &MerchantId,
        number: &str,
    ) -> Result<Option<OrderRecord>, StoreError>;
    /// The merchant's orders of a page, newest first, and one more if there are more; of one
    /// status or of all.
    fn orders(
        &self,
        merchant: &MerchantId,
        status: Option<&str>,
        page: &Page<OrderId>,
    ) -> Result<Vec<OrderRecord>, StoreError>;
    /// The samples for velocity of the orders since then, the oldest first; of more than `most` the latest.
    fn marks(&self, since: Timestamp, most: u32) -> Result<Vec<OrderSample>, StoreError>;
    /// The order that an attempt tries to pay.
    fn order_of_attempt(&self, attempt: &AttemptId) -> Result<Option<OrderId>, StoreError>;
    /// The order that a refund belongs to.
    fn order_of_refund(&self, refund: &RefundId) -> Result<Option<OrderId>, StoreError>;
    /// The refund with a merchant's own number.
    fn refund_by_merchant_refund_id(
        &self,
        merchant: &MerchantId,
        number: &str,
    ) -> Result<Option<RefundId>, StoreError>;
    /// A checkout session.
    fn session(&self, id: &SessionId) -> Result<Option<SessionRecord>, StoreError>;
    /// How many sessions of the order ended because another took their place.
    fn former_sessions(&self, order: &OrderId) -> Result<u32, StoreError>;
    /// The first response to a key.
    fn stored_response(&self, key: &IdempotencyKey) -> Result<Option<StoredResponse>, StoreError>;
    /// A merchant.
    fn merchant(&self, id: &MerchantId) -> Result<Option<MerchantRecord>, StoreError>;
    /// Every merchant.
    fn merchants(&self) -> Result<Vec<MerchantRecord>, StoreError>;
    /// Every merchant's keys.
    fn merchant_keys(&self) -> Result<Vec<MerchantKey>, StoreError>;
    /// A setting of the gateway's own.
    fn setting(&self, name: &str) -> Result<Option<String>, StoreError>;
    /// The balances of an account at a moment, debits positive, in each currency that it knows.
    fn balances(
        &self,
        account: &Account,
        at: Timestamp,
    ) -> Result<Vec<(Currency, i64)>, StoreError>;
    /// The balance of an account now, debits positive, with all that this very commit booked.
    fn balance(&self, account: &Account, currency: Currency) -> Result<i64, StoreError>;
    /// The orders of a page that wait for a person's review, newest first, and one more if there are
    /// more.
    fn open_reviews(&self, page: &Page<OrderId>) -> Result<Vec<OrderRecord>, StoreError>;
    /// When the next task of a lane is due.
    fn next_due(&self, lane: Lane) -> Result<Option<Timestamp>, StoreError>;
    /// How many tasks wait.
    fn waiting_tasks(&self) -> Result<u64, StoreError>;
}

/// Writes to the store. All writes of one job are one commit.
pub trait Tx:
    View
    + AccountWrites
    + BillWrites
    + EventWrites
    + FeeWrites
    + FundsWrites
    + FxWrites
    + MandateWrites
    + PayoutBatchWrites
    + PluginWrites
    + SplitWrites
    + StatementWrites
{
    /// A new order with its session. `false`, and nothing written, if the merchant's number is taken.
    fn insert_order(
        &self,
        record: &OrderRecord,
        session: &SessionRecord,
    ) -> Result<bool, StoreError>;
    /// The order as it is now, with attempts, refunds, splits and returns that are new.
    fn update_order(&self, order: &Order) -> Result<(), StoreError>;
    /// An entry at the end of the ledger's chain. The time that it carries: `at`, or that of the entry before if that
    /// is later.
    fn book(
        &self,
        subject: &Subject,
        entry: &Entry,
        at: Timestamp,
    ) -> Result<Timestamp, StoreError>;
    /// A task for the worker. One that waits only once ([`Task::once`]) and is there already stays as it is.
    fn schedule(&self, task: &Task, due: Timestamp) -> Result<(), StoreError>;
    /// Up to `limit` due tasks of a lane, which nobody else gets until `lease_end`.
    fn claim_tasks(
        &self,
        lane: Lane,
        now: Timestamp,
        lease_end: Timestamp,
        limit: u32,
    ) -> Result<Vec<DueTask>, StoreError>;
    /// The task is done.
    fn finish_task(&self, number: i64) -> Result<(), StoreError>;
    /// The task is to be tried again.
    fn postpone_task(&self, number: i64, due: Timestamp, error: &str) -> Result<(), StoreError>;
    /// The task was not begun after all; this was no try.
    fn put_off_task(&self, number: i64, due: Timestamp) -> Result<(), StoreError>;
    /// Gives every claimed task back: for a store's only user, who knows that nobody is at work.
    fn end_leases(&self) -> Result<(), StoreError>;
    /// The first response to a key.
    fn save_response(
        &self,
        key: &IdempotencyKey,
        answer: &StoredResponse,
        at: Timestamp,
    ) -> Result<(), StoreError>;
    /// Takes a nonce. `false` if it was taken before.
    fn take_nonce(&self, keyid: &str, nonce: &str, expires: Timestamp) -> Result<bool, StoreError>;
    /// The page that has a session from now on. The claim before is kept, for whoever looks into what
    /// happened.
    fn claim_session(&self, session: &SessionId, claim: &Claim) -> Result<(), StoreError>;
    /// A new session of an order that has one, which ends.
    fn renew_session(&self, session: &SessionRecord, at: Timestamp) -> Result<(), StoreError>;
    /// A setting of the gateway's own.
    fn put_setting(&self, name: &str, value: &str) -> Result<(), StoreError>;
    /// A new or changed merchant.
    fn put_merchant(&self, merchant: &MerchantRecord) -> Result<(), StoreError>;
    /// A new key. `false` if the name is another merchant's.
    fn put_merchant_key(&self, key: &MerchantKey) -> Result<bool, StoreError>;
    /// No such key any more. `false` if the merchant had none with this name.
    fn remove_merchant_key(&self, merchant: &MerchantId, keyid: &str) -> Result<bool, StoreError>;
    /// Forgets nonces and stored responses whose time is over.
    fn prune(&self, nonces_before: Timestamp, answers_before: Timestamp) -> Result<(), StoreError>;
}

/// The fate of a job's writes, and the function to call once it is settled.
pub enum Outcome {
    /// Commit them; the call hears whether that worked.
    Commit(Box<dyn FnOnce(Result<(), StoreError>) + Send>),
    /// Undo them, and call back once the commit is done: what made the job refuse may have been
    /// another job's write, which counts only then.
    Undo(Box<dyn FnOnce(Result<(), StoreError>) + Send>),
}

/// A job that writes.
pub type WriteJob = Box<dyn FnOnce(&dyn Tx) -> Outcome + Send>;
/// A job that reads.
pub type ReadJob = Box<dyn FnOnce(Result<&dyn View, StoreError>) + Send>;

/// A database.
pub trait Store: Send + Sync {
    /// Runs a job and commits its writes, durably, before it calls back. It writes the rows of its scope alone.
    ///
    /// # Errors
    ///
    /// [`StoreError::Full`], [`StoreError::Abandoned`]; the job was dropped.
    fn submit(&self, scope: Scope, job: WriteJob) -> Result<(), StoreError>;
    /// Runs a job on a consistent state. One that names a merchant finds that merchant's rows alone.
    ///
    /// # Errors
    ///
    /// As of [`Store::submit`].
    fn view(&self, merchant: Option<MerchantId>, job: ReadJob) -> Result<(), StoreError>;
    /// Whether other nodes use it at the same time.
    fn is_shared(&self) -> bool {
        false
    }
    /// Tells the other nodes, if there are any. It may be lost: whoever listens must live without.
    fn announce(&self, news: News) {
        let _ = news;
    }
    /// Hears what other nodes tell.
    fn listen(&self, hear: Box<dyn Fn(News) + Send + Sync>) {
        drop(hear);
    }
    /// Finishes what was submitted, and puts all that is committed where a copy of the store's file
    /// has it. What comes later is refused. It may take as long as the disk needs for that.
    fn close(&self) {}
}

/// Runs `work` as one commit on the rows of `scope`. An error undoes every write of it.
///
/// # Errors
///
/// Those of `work`, and [`StoreError`] if the commit fails.
pub async fn write<T, E>(
    store: &Arc<dyn Store>,
    scope: Scope,
    work: impl FnOnce(&dyn Tx) -> Result<T, E> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let (answer, result) = oneshot::channel();
    let job: WriteJob = Box::new(move |tx| match work(tx) {
        Ok(value) => Outcome::Commit(Box::new(move |committed| {
            // A caller that went away has no use for the answer.
            let _ = answer.send(committed.map(|()| value).map_err(E::from));
        })),
        Err(error) => Outcome::Undo(Box::new(move |committed| {
            let _ = answer.send(Err(committed.map_or_else(E::from, |()| error)));
        })),
    });
    store.submit(scope, job)?;
    result.await.unwrap_or_else(|_| Err(StoreError::Abandoned.into()))
}

/// Runs `work` on a consistent state.
///
/// # Errors
///
/// Those of `work`, and [`StoreError`] if there is no state to be had.
pub async fn read<T: Send + 'static>(
    store: &Arc<dyn Store>,
    work: impl FnOnce(&dyn View) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    view(store, None, work).await
}

/// Runs `work` on a consistent state of one merchant's rows: no other merchant's are looked at.
///
/// # Errors
///
/// As of [`read`].
pub async fn read_of<T: Send + 'static>(
    store: &Arc<dyn Store>,
    merchant: &MerchantId,
    work: impl FnOnce(&dyn View) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    view(store, Some(merchant.clone()), work).await
}

async fn view<T: Send + 'static>(
    store: &Arc<dyn Store>,
    merchant: Option<MerchantId>,
    work: impl FnOnce(&dyn View) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let (answer, result) = oneshot::channel();
    let job: ReadJob = Box::new(move |view| {
        let _ = answer.send(view.and_then(work));
    });
    store.view(merchant, job)?;
    result.await.unwrap_or(Err(StoreError::Abandoned))
}

/// The fingerprint that an idempotency key is compared by: of method, path and body.
pub fn fingerprint(method: &str, path: &str, body: &[u8]) -> String {
    sha256_hex(format!("{method} {path}\n{}", sha256_hex(body)).as_bytes())
}
