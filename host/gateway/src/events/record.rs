//! The one maker of an event: put into words once, in the commit that it tells of, so that every delivery says
//! the same.

use lezai_core::id::{EventId, MerchantId, OrderId, PayoutId};
use lezai_core::time::Timestamp;
use lezai_store::events::DeliveryStatus;
use lezai_store::{EventRecord, StoreError, Task, Tx};
use lezai_wire::time::rfc3339;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// An event to record for a merchant.
pub struct Happened<'h, D> {
    /// The merchant that is notified.
    pub merchant: &'h MerchantId,
    /// The object that it is about.
    pub subject: Subject<'h>,
    /// Such as `order.paid`.
    pub event_type: &'h str,
    /// The event's member `data`.
    pub data: D,
}

/// The object that an event is about. An event's id follows from it, so that a retry makes no second event.
pub enum Subject<'h> {
    /// An order, and how many events of it came before, and this one.
    Order(&'h OrderId, u32),
    /// A payout, and how many events of it came before, and this one.
    Payout(&'h PayoutId, u32),
    /// Anything else, by its name among the merchant's; two events of one type and name at one moment are one.
    Named(&'h str),
}

/// The body of an event, as it is signed and sent.
#[derive(Serialize)]
struct Body<'b, D> {
    id: &'b EventId,
    #[serde(rename = "type")]
    event_type: &'b str,
    created_at: String,
    merchant: &'b MerchantId,
    sequence: u32,
    data: D,
}

/// Keeps an event, and has it delivered.
///
/// # Errors
///
/// [`StoreError`].
pub fn deliver(
    tx: &dyn Tx,
    happened: Happened<'_, impl Serialize>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let payout = match happened.subject {
        Subject::Payout(payout, sequence) => Some((payout.clone(), sequence)),
        Subject::Order(..) | Subject::Named(_) => None,
    };
    let event = record(tx, happened, now)?;
    tx.insert_event(&event, DeliveryStatus::Waiting)?;
    if let Some((payout, sequence)) = payout {
        tx.note_payout_event(&payout, sequence, &event.id)?;
    }
    tx.schedule(&Task::Deliver { event: event.id, round: 0 }, now)
}

/// Keeps an event for whoever asks, and does not send it.
///
/// # Errors
///
/// [`StoreError`].
pub fn keep(
    tx: &dyn Tx,
    happened: Happened<'_, impl Serialize>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let event = record(tx, happened, now)?;
    tx.insert_event(&event, DeliveryStatus::NotSent)
}

fn record(
    tx: &dyn Tx,
    happened: Happened<'_, impl Serialize>,
    now: Timestamp,
) -> Result<EventRecord, StoreError> {
    let Happened { merchant, subject, event_type, data } = happened;
    let created_at = moment(tx, merchant, now)?;
    let (name, order, sequence) = match subject {
        Subject::Order(order, sequence) => {
            (format!("event {order} {sequence}"), Some(order.clone()), sequence)
        }
        Subject::Payout(payout, sequence) => (format!("event {payout} {sequence}"), None, sequence),
        Subject::Named(name) => {
            (format!("{event_type} {merchant} {name} {}", created_at.as_ms()), None, 0)
        }
    };
    let digest = Sha256::digest(name);
    let id = EventId::new(created_at, std::array::from_fn(|index| digest[index]));
    let body =
        Body { id: &id, event_type, created_at: rfc3339(created_at), merchant, sequence, data };
    let body = serde_json::to_vec(&body).map_err(|error| StoreError::Damaged(error.to_string()))?;
    Ok(EventRecord {
        id,
        order,
        merchant: merchant.clone(),
        sequence,
        event_type: event_type.to_owned(),
        created_at,
        body,
    })
}

/// When an event of a merchant's that comes about now is said to: not before the last one, though
/// its commit may have waited, or the machine's clock been set back. So a range of time is a range
/// of the list.
fn moment(tx: &dyn Tx, merchant: &MerchantId, now: Timestamp) -> Result<Timestamp, StoreError> {
    Ok(tx.latest_event_at(merchant)?.map_or(now, |last| last.max(now)))
}
