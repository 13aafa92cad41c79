//! Events as they are kept: what merchants are told, how far that has come, and what their servers
//! answered, so that they can ask for it and have it told again.

use lezai_core::id::{EventId, MerchantId, OrderId};
use lezai_core::time::Timestamp;

use super::StoreError;

/// An event for a merchant: the callback's bytes, made once, so that each delivery is the same.
#[derive(Clone, Debug)]
pub struct EventRecord {
    /// Its id, the same in every delivery.
    pub id: EventId,
    /// The order it is about; none if it is about an address of the merchant's.
    pub order: Option<OrderId>,
    /// The merchant that is notified.
    pub merchant: MerchantId,
    /// 1 for the first event of the order, and so on; 0 without an order.
    pub sequence: u32,
    /// Such as `order.paid`.
    pub event_type: String,
    /// When it happened.
    pub created_at: Timestamp,
    /// The body of the callback.
    pub body: Vec<u8>,
}

/// How far an event's delivery has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryProgress {
    /// Where it stands.
    pub status: DeliveryStatus,
    /// 0 for the schedule that began with the event; one more each time it is asked for again, so
    /// that a task of an earlier round knows that it is late.
    pub round: u32,
    /// When the round's first try began: the schedule counts from it.
    pub first_try: Option<Timestamp>,
    /// When a receiver first took it.
    pub delivered_at: Option<Timestamp>,
}

impl DeliveryProgress {
    /// That of an event which nobody has tried to deliver.
    pub fn new(status: DeliveryStatus) -> Self {
        Self { status, round: 0, first_try: None, delivered_at: None }
    }
}

/// Where an event's delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// It is tried, now or later.
    Waiting,
    /// The receiver took it.
    Delivered,
    /// The receiver answered 410: it wants none of it.
    Gone,
    /// The schedule ended.
    GivenUp,
    /// Neither the order nor the merchant has an address for callbacks.
    NoAddress,
    /// It is there to be asked for alone: what tells of an address that fails is not sent there.
    NotSent,
}

impl DeliveryStatus {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Waiting, Self::Delivered, Self::Gone, Self::GivenUp, Self::NoAddress, Self::NotSent];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Gone => "gone",
            Self::GivenUp => "given_up",
            Self::NoAddress => "no_address",
            Self::NotSent => "not_sent",
        }
    }
}

/// One try to deliver an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// 1 for the first try of the event, and so on, over all rounds.
    pub attempt: u32,
    /// When it began.
    pub at: Timestamp,
    /// The host it went to.
    pub host: String,
    /// The status code of the receiver's response.
    pub status: Option<u16>,
    /// Why there was no answer.
    pub error: Option<String>,
    /// Until the answer, or until there was none.
    pub latency_ms: u32,
    /// The beginning of the answer's body, masked.
    pub answer: String,
}

/// A host of a merchant's that takes no callbacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failing {
    /// The host, with its port unless it is the scheme's own.
    pub host: String,
    /// Tries that failed since the last that succeeded.
    pub failures: u32,
    /// When the first of them began.
    pub since: Timestamp,
}

/// Which events of a merchant's are wanted, in the order in which they were committed.
#[derive(Clone, Debug)]
pub struct EventQuery {
    /// Whose.
    pub merchant: MerchantId,
    /// Those after this one.
    pub after: Option<EventId>,
    /// Of this type alone.
    pub event_type: Option<String>,
    /// Of this order alone.
    pub order: Option<OrderId>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
    /// At most so many.
    pub limit: u32,
}

/// Reads of events, their deliveries and failing hosts.
pub trait EventReads {
    /// An event.
    fn event(&self, id: &EventId) -> Result<Option<(EventRecord, DeliveryProgress)>, StoreError>;
    /// Events. It reads no more rows than it gives, and two.
    fn events(
        &self,
        query: &EventQuery,
    ) -> Result<Vec<(EventRecord, DeliveryProgress)>, StoreError>;
    /// When the last of the merchant's events came about.
    fn latest_event_at(&self, merchant: &MerchantId) -> Result<Option<Timestamp>, StoreError>;
    /// The tries to deliver an event, newest first.
    fn deliveries(&self, event: &EventId, limit: u32) -> Result<Vec<DeliveryRecord>, StoreError>;
    /// So many of the merchant's hosts whose last try failed.
    fn failing(&self, merchant: &MerchantId, limit: u32) -> Result<Vec<Failing>, StoreError>;
    /// A host of the merchant's, if its last try failed.
    fn failing_host(
        &self,
        merchant: &MerchantId,
        host: &str,
    ) -> Result<Option<Failing>, StoreError>;
}

/// Writes of events, their deliveries and failing hosts.
pub trait EventWrites: EventReads {
    /// A new event.
    fn insert_event(
        &self,
        event: &EventRecord,
        delivery_status: DeliveryStatus,
    ) -> Result<(), StoreError>;
    /// How far an event's delivery has come.
    fn set_progress(&self, event: &EventId, progress: &DeliveryProgress) -> Result<(), StoreError>;
    /// One more try.
    fn log_delivery(&self, event: &EventId, delivery: &DeliveryRecord) -> Result<(), StoreError>;
    /// A host of a merchant's failed once more.
    fn set_failing(&self, merchant: &MerchantId, failing: &Failing) -> Result<(), StoreError>;
    /// A host of a merchant's answers again. `false` if it had not failed.
    fn clear_failing(&self, merchant: &MerchantId, host: &str) -> Result<bool, StoreError>;
    /// Forgets tries from before then.
    fn prune_deliveries(&self, before: Timestamp) -> Result<(), StoreError>;
}
