//! Merchants' events: listed, and redelivered.

pub mod record;

use lezai_wire::time::{parse_rfc3339, rfc3339};
use std::collections::BTreeSet;

use lezai_core::id::{EventId, MerchantId, OrderId};
use lezai_core::time::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::idempotency::{ApiResponse, IdempotentRequest, Outcome};
use crate::node::Node;
use lezai_store as store;
use lezai_store::events::{
    DeliveryProgress, DeliveryRecord, DeliveryStatus, EventQuery, EventRecord,
};
use lezai_store::{Scope, StoreError, Task, Tx};
use lezai_wire::json::{Field, Invalid, Kind, Object};
use lezai_wire::page::List;
use lezai_wire::problem::{Code, Problem};

/// Tries are logged for thirty days; events are kept as long as their orders.
pub const LOG_SECS: i64 = 30 * 86_400;
/// So many tries of one event are shown: five rounds of the schedule.
const TRIES_SHOWN: u32 = 50;
/// So many events are told again by one request.
const MAX_AGAIN: u32 = 500;
/// So many of them in one commit, for which all others wait: a millisecond or two.
const SLICE: usize = 25;
/// Types of events that one request may name.
const MAX_TYPES: usize = 16;

/// An event as it is kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct StoredEvent {
    /// `evt_…`
    id: String,
    /// Such as `order.paid`; `docs/callbacks.md` has them all.
    #[serde(rename = "type")]
    event_type: String,
    /// RFC 3339.
    created_at: String,
    /// The merchant that is notified.
    merchant: String,
    /// The order it is about; none if it is about an address of the merchant's.
    order_id: Option<String>,
    /// 1 for the first event of the order, and so on; 0 without an order.
    sequence: u32,
    /// As in the callback.
    #[schema(value_type = Object)]
    data: Value,
    /// How far its delivery has come.
    delivery: DeliveryView,
}

/// How far an event's delivery has come.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryView {
    /// `waiting`, `delivered`, `gone` (the receiver answered 410), `given_up`, `no_address`, or
    /// `kept` for what is not sent.
    status: &'static str,
    /// RFC 3339: when a receiver first took it.
    delivered_at: Option<String>,
    /// The tries of the last thirty days, newest first; in the event alone, not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    tries: Option<Vec<TryView>>,
}

/// A try to deliver.
#[derive(Debug, Serialize, ToSchema)]
pub struct TryView {
    /// 1 for the first, and so on.
    attempt: u32,
    /// RFC 3339.
    at: String,
    /// The host it went to.
    host: String,
    /// The status code of the receiver's response.
    status: Option<u16>,
    /// Why there was no answer, in a word: docs/callbacks.md has them all.
    error: Option<String>,
    /// Until the answer, or until there was none.
    latency_ms: u32,
    /// The first 256 bytes of the answer, with what may tell of a person masked.
    answer: String,
}

/// The events to redeliver.
#[derive(Clone, Debug)]
pub struct Range {
    /// From then.
    from: Timestamp,
    /// Until before then.
    to: Timestamp,
    /// Of these types; all if empty.
    types: Vec<String>,
}

impl Range {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// [`Invalid`], with the field at fault.
    pub fn parse(body: &[u8]) -> Result<Self, Invalid> {
        let mut body = Object::parse(body)?;
        let from = body.required("from", time)?;
        let to = body.required("to", time)?;
        let types = body.optional("types", |field| {
            field.list(MAX_TYPES)?.into_iter().map(|it| it.parsed(1..=64, checked_type)).collect()
        })?;
        body.finish()?;
        if from > to {
            return Err(Invalid {
                kind: Kind::InvalidField,
                field: "to".to_owned(),
                detail: "to must not be before from".to_owned(),
            });
        }
        Ok(Self { from, to, types: types.unwrap_or_default() })
    }
}

/// A type of events. One that there is not yet has no events.
///
/// # Errors
///
/// The rule that the text breaks.
pub fn checked_type(text: &str) -> Result<String, &'static str> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b"_.".contains(&b);
    if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err("no type of events: 1 to 64 of a-z, _ and ., such as order.paid")
    }
}

fn time(field: Field) -> Result<Timestamp, Invalid> {
    field.parsed(1..=40, |text| {
        parse_rfc3339(text).ok_or("no time as RFC 3339 has it, such as 2026-11-18T11:06:40Z")
    })
}

/// A page of a merchant's events, in the order in which they came about.
///
/// # Errors
///
/// `event_not_found` if there is none to come after.
pub async fn list(node: &Node, query: EventQuery) -> Result<List<StoredEvent>, Problem> {
    let _turn = node.cluster.turns.read(&query.merchant).await?;
    let limit = query.limit;
    let found = store::read(&node.store, move |view| {
        if let Some(after) = &query.after
            && view.event(after)?.is_none_or(|(it, _)| it.merchant != query.merchant)
        {
            return Ok(None);
        }
        // One more tells whether there are more.
        view.events(&EventQuery { limit: limit.saturating_add(1), ..query }).map(Some)
    });
    let found = found.await?.ok_or_else(|| not_found().with("field", "after"))?;
    let found = found.iter().map(|(event, progress)| view(event, progress, None)).collect();
    Ok(List::new(found, limit, |it: &StoredEvent| it.id.clone()))
}

/// An event with the tries to deliver it.
///
/// # Errors
///
/// `event_not_found`.
pub async fn find(node: &Node, merchant: &MerchantId, id: &str) -> Result<StoredEvent, Problem> {
    let (id, merchant) = (parse(id)?, merchant.clone());
    let found = store::read(&node.store, move |view| {
        let event = view.event(&id)?.filter(|(it, _)| it.merchant == merchant);
        Ok(event.zip(Some(view.deliveries(&id, TRIES_SHOWN)?)))
    });
    let ((event, progress), tries) = found.await?.ok_or_else(not_found)?;
    Ok(view(&event, &progress, Some(tries)))
}

/// Tells an event again, from the start of the schedule, whatever came of it before.
///
/// # Errors
///
/// `event_not_found`, `event_not_sent`.
pub async fn redeliver(
    node: &Node,
    merchant: &MerchantId,
    id: &str,
    key: IdempotentRequest,
) -> Result<ApiResponse, Problem> {
    let (id, merchant) = (parse(id)?, merchant.clone());
    let now = node.clock.now();
    let done = key.commit(node, move |tx| {
        let event = tx.event(&id)?.filter(|(it, _)| it.merchant == merchant);
        let (event, progress) = event.ok_or_else(not_found)?;
        if progress.status == DeliveryStatus::NotSent {
            return Err(Problem::new(
                Code::EventNotSent,
                "what tells of an address that fails is not sent there; ask for it",
            ));
        }
        let progress = again(tx, &event.id, progress, now)?;
        Ok((ApiResponse::json(202, &view(&event, &progress, None))?, ()))
    });
    let (Outcome::Before(answer) | Outcome::Now((answer, ()))) = done.await?;
    node.cluster.wake.call();
    Ok(answer)
}

/// Tells every event of a range again. Nothing is done if there are too many.
///
/// They are looked up beside the writer, and then told in slices of their own commits, so that
/// nobody waits for more than a slice. Should we be killed between two, the same request begins
/// again: an event that is told once more has the same id.
///
/// # Errors
///
/// `too_many_events`.
pub async fn redeliver_range(
    node: &Node,
    merchant: &MerchantId,
    range: Range,
    key: IdempotentRequest,
) -> Result<ApiResponse, Problem> {
    let _turn = node.cluster.turns.heavy(merchant)?;
    if let Outcome::Before(first) = key.start(node, |_| Ok(())).await? {
        return Ok(first);
    }
    let now = node.clock.now();
    let found = in_range(node, merchant.clone(), range).await?;
    let mut told = 0;
    for slice in found.chunks(SLICE) {
        let slice = slice.to_vec();
        let scope = Scope::Merchant(merchant.clone());
        told += store::write(&node.store, scope, move |tx| tell_again(tx, &slice, now)).await?;
        node.cluster.wake.call();
    }
    let answer = ApiResponse::json(202, &json!({ "object": "redelivery", "events": told }))?;
    key.finish(node, answer).await
}

/// The ids of a range, oldest first. No more rows are read than may be told again, and one.
async fn in_range(
    node: &Node,
    merchant: MerchantId,
    range: Range,
) -> Result<Vec<EventId>, Problem> {
    let Range { from, to, types } = range;
    let types: BTreeSet<String> = types.into_iter().collect();
    let kinds: Vec<_> =
        if types.is_empty() { vec![None] } else { types.into_iter().map(Some).collect() };
    let found = store::read(&node.store, move |view| {
        let mut found = Vec::new();
        for event_type in kinds {
            let room = MAX_AGAIN as usize + 1 - found.len();
            let query = EventQuery {
                merchant: merchant.clone(),
                after: None,
                event_type,
                order: None,
                from: Some(from),
                to: Some(to),
                limit: u32::try_from(room).unwrap_or_default(),
            };
            found.extend(view.events(&query)?.into_iter().map(|(event, _)| event.id));
            if found.len() > MAX_AGAIN as usize {
                break;
            }
        }
        Ok(found)
    });
    let mut found = found.await?;
    if found.len() > MAX_AGAIN as usize {
        let detail = format!("more than {MAX_AGAIN} events lie in the range; ask for less of it");
        return Err(Problem::new(Code::TooManyEvents, detail).with("field", "to"));
    }
    found.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    Ok(found)
}

/// Begins new rounds of events, but of those that are not sent. How many.
fn tell_again(tx: &dyn Tx, events: &[EventId], now: Timestamp) -> Result<usize, StoreError> {
    let mut told = 0;
    for id in events {
        let Some((_, progress)) = tx.event(id)? else { continue };
        if progress.status != DeliveryStatus::NotSent {
            again(tx, id, progress, now)?;
            told += 1;
        }
    }
    Ok(told)
}

/// Begins a new round of an event. A task of the round before that is still there finds itself late.
fn again(
    tx: &dyn Tx,
    event: &EventId,
    before: DeliveryProgress,
    now: Timestamp,
) -> Result<DeliveryProgress, StoreError> {
    let round = before.round.saturating_add(1);
    let progress =
        DeliveryProgress { status: DeliveryStatus::Waiting, round, first_try: None, ..before };
    tx.set_progress(event, &progress)?;
    tx.schedule(&Task::Deliver { event: event.clone(), round }, now)?;
    Ok(progress)
}

fn view(
    event: &EventRecord,
    progress: &DeliveryProgress,
    tries: Option<Vec<DeliveryRecord>>,
) -> StoredEvent {
    // The bytes are ours.
    let mut body: Value = serde_json::from_slice(&event.body).unwrap_or_default();
    StoredEvent {
        id: event.id.to_string(),
        event_type: event.event_type.clone(),
        created_at: rfc3339(event.created_at),
        merchant: event.merchant.to_string(),
        order_id: event.order.as_ref().map(OrderId::to_string),
        sequence: event.sequence,
        data: body["data"].take(),
        delivery: DeliveryView {
            status: progress.status.as_str(),
            delivered_at: progress.delivered_at.map(rfc3339),
            tries: tries.map(|it| it.into_iter().map(try_view).collect()),
        },
    }
}

fn try_view(delivery: DeliveryRecord) -> TryView {
    let DeliveryRecord { attempt, at, host, status, error, latency_ms, answer } = delivery;
    TryView { attempt, at: rfc3339(at), host, status, error, latency_ms, answer }
}

fn parse(id: &str) -> Result<EventId, Problem> {
    EventId::parse(id).map_err(|_| not_found())
}

/// There is no such event, or it is another merchant's.
fn not_found() -> Problem {
    Problem::new(Code::EventNotFound, "there is no such event among the merchant's")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read() {
        let range = Range::parse(
            br#"{"from":"2026-11-18T11:06:40Z","to":"2026-11-18T20:06:40+08:00","types":["order.paid"]}"#,
        )
        .unwrap();
        assert_eq!((range.to.as_secs() - range.from.as_secs(), range.types.len()), (3600, 1));
        for (body, field) in [
            (r#"{"to":"2026-11-18T11:06:40Z"}"#, "from"),
            (r#"{"from":"2026-11-18","to":"2026-11-18T11:06:40Z"}"#, "from"),
            (r#"{"from":"2026-11-18T11:06:40Z","to":1}"#, "to"),
            (r#"{"from":"2026-11-18T11:06:40Z","to":"2026-11-18T11:06:39Z"}"#, "to"),
            (
                r#"{"from":"2026-11-18T11:06:40Z","to":"2026-11-18T11:06:40Z","types":[1]}"#,
                "types[0]",
            ),
        ] {
            assert_eq!(Range::parse(body.as_bytes()).unwrap_err().field, field, "{body}");
        }
    }
}
