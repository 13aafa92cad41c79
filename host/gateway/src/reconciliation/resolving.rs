//! Differences are taken care of, resolved and, above a sum, approved by a second person. The core decides;
//! one commit keeps the difference and books its entry.
//!
//! The operator has one token, so who acts is a name in the request: the caller vouches for it.

use lezai_channels::number;
use lezai_core::funds::difference::{Act, DifferenceEvent, DifferenceState as State};
use lezai_core::id::DifferenceId;
use lezai_core::money::Money;
use lezai_core::order::Evidence;

use super::channel;
use super::views::{self, DifferenceView};
use crate::gateway::{self, Gateway};
use crate::idempotency::{ApiResponse, IdempotentRequest, Outcome};
use lezai_core::time::Timestamp;
use lezai_store::bills::DifferenceRecord;
use lezai_store::{Task, Tx};
use lezai_wire::json::{Field, Invalid, Object};
use lezai_wire::problem::{Code, Problem};

const ACTS: [(&str, Act); 7] = [
    ("explain", Act::Explain),
    ("suspense", Act::Suspense),
    ("write_off", Act::WriteOff),
    ("accept_fee", Act::AcceptFee),
    ("ask_channel", Act::AskChannel),
    ("book_late", Act::BookLate),
    ("return", Act::Return),
];
const VERDICTS: [(&str, bool); 2] = [("approve", true), ("refuse", false)];

/// Reads who takes care of a difference.
///
/// # Errors
///
/// [`Invalid`], with the field at fault.
pub fn parse_owner(body: &[u8]) -> Result<DifferenceEvent, Invalid> {
    let mut body = Object::parse(body)?;
    let owner = body.required("owner", person)?;
    body.finish()?;
    Ok(DifferenceEvent::Assigned(owner))
}

/// Reads how a difference is resolved.
///
/// # Errors
///
/// [`Invalid`], with the field at fault.
pub fn parse_resolution(body: &[u8]) -> Result<DifferenceEvent, Invalid> {
    let mut body = Object::parse(body)?;
    let event = DifferenceEvent::Resolved {
        act: body.required("act", |field| field.one_of(&ACTS))?,
        reason: body.required("reason", |field| field.text(1..=200))?,
        by: body.required("by", person)?,
    };
    body.finish()?;
    Ok(event)
}

/// Reads what a second person decides.
///
/// # Errors
///
/// [`Invalid`], with the field at fault.
pub fn parse_approval(body: &[u8]) -> Result<DifferenceEvent, Invalid> {
    let mut body = Object::parse(body)?;
    let event = DifferenceEvent::Decided {
        approved: body.required("verdict", |field| field.one_of(&VERDICTS))?,
        by: body.required("by", person)?,
    };
    body.finish()?;
    Ok(event)
}

/// A person's name or number at the operator's.
fn person(field: Field) -> Result<String, Invalid> {
    field.parsed(1..=64, |text| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_.@-".contains(&b);
        match text.bytes().all(allowed) {
            true => Ok(text.to_owned()),
            false => Err("must contain only A-Z, a-z, 0-9, _, ., @ and -"),
        }
    })
}

/// Lets something happen to a difference, once for its idempotency key.
///
/// # Errors
///
/// `not_found`, `difference_state`, `approver_is_resolver`, `difference_without_amount`, `invalid_field`; of the acts
/// that ask the channel `order_not_found`, `channel_unavailable` and `channel_disagrees`.
pub async fn apply(
    gateway: &Gateway,
    id: &str,
    event: DifferenceEvent,
    key: IdempotentRequest,
) -> Result<ApiResponse, Problem> {
    let id = DifferenceId::parse(id).map_err(|_| not_found())?;
    let now = gateway.node.clock.now();
    // A key that answered this request, or another one, does nothing more.
    if !key.was_answered(&gateway.node).await? {
        before(gateway, &id, &event, now).await?;
    }
    let done = key.commit(&gateway.node, move |tx| {
        let record = tx.difference(&id)?.ok_or_else(not_found)?;
        let record = happen(tx, record, event, now)?;
        let view = views::difference(&record, now);
        Ok((ApiResponse::json(200, &view)?, (view.id, view.status)))
    });
    Ok(match done.await? {
        Outcome::Before(response) => response,
        Outcome::Now((response, (difference, status))) => {
            match status {
                "resolved" => tracing::info!(difference, "reconciliation.difference.resolved"),
                "returning" => gateway.node.cluster.wake.call(),
                _ => {}
            }
            response
        }
    })
}

/// Does what must be done or known before an act is committed. A repeat does it again, which changes nothing.
async fn before(
    gateway: &Gateway,
    id: &DifferenceId,
    event: &DifferenceEvent,
    now: Timestamp,
) -> Result<(), Problem> {
    let of = id.clone();
    let record = lezai_store::read(&gateway.node.store, move |view| view.difference(&of)).await?;
    let record = record.ok_or_else(not_found)?;
    // What the core refuses, the commit refuses; or it has the first answer to a repeat.
    let Ok((after, _)) = record.difference.clone().step(event.clone(), now) else { return Ok(()) };
    match (&after.state, event) {
        (_, DifferenceEvent::Resolved { act: Act::AskChannel, .. }) => ask(gateway, &record).await,
        (State::Resolved { resolution, .. }, _) if resolution.act == Act::BookLate => {
            book_late(gateway, &record).await
        }
        (State::Proposed { resolution } | State::Returning { resolution, .. }, _)
            if resolution.act == Act::Return =>
        {
            may_return(gateway, &record).await
        }
        _ => Ok(()),
    }
}

/// Asks the channel about the payment that a difference is about, and applies what it says.
async fn ask(gateway: &Gateway, record: &DifferenceRecord) -> Result<(), Problem> {
    let found = &record.found;
    let side = if found["theirs"].is_object() { &found["theirs"] } else { &found["ours"] };
    let attempt = side["reference"].as_str().and_then(number::to_attempt);
    match (side["kind"].as_str(), attempt) {
        (Some("payment" | "void"), Some(attempt)) => gateway.sync_attempt(attempt).await,
        _ => {
            let detail = "the difference is about no payment that was asked of the channel";
            Err(Problem::new(Code::OrderNotFound, detail))
        }
    }
}

/// Books the payment on its order, once the channel confirms it. The difference is resolved by a commit of its own,
/// and until then a repeat finds the payment booked by this very line.
async fn book_late(gateway: &Gateway, record: &DifferenceRecord) -> Result<(), Problem> {
    let difference = &record.difference;
    let attempt = difference.payment.as_deref().and_then(number::to_attempt);
    let attempt = attempt.ok_or_else(|| {
        let detail =
            "the payment is of no order of this gateway: return it, or book it on suspense";
        Problem::new(Code::OrderNotFound, detail)
    })?;
    let (id, line) = (difference.id.clone(), record.evidence.clone());
    let evidence = Evidence { attempt, difference: id, line };
    let seen = difference.state.clone();
    gateway.pay_by_bill(evidence, &difference.channel, amount(record)?, seen).await
}

/// Whether the channel can be asked to give the payment back: it is of no order, and the channel gives back by number.
async fn may_return(gateway: &Gateway, record: &DifferenceRecord) -> Result<(), Problem> {
    let difference = &record.difference;
    let refused =
        |detail: String| Err(Problem::new(Code::InvalidField, detail).with("field", "act"));
    if let Some(attempt) = difference.payment.as_deref().and_then(number::to_attempt) {
        let order =
            lezai_store::read(&gateway.node.store, move |view| view.order_of_attempt(&attempt));
        if let Some(order) = order.await? {
            return refused(format!("the payment is of the order {order}: book it late"));
        }
    }
    match channel(gateway, &difference.channel)?.returns_by_number() {
        true => Ok(()),
        false => refused(format!(
            "{} gives no payment back by the number in its bill",
            difference.channel
        )),
    }
}

/// The amount of the payment that a difference is about.
///
/// # Errors
///
/// `difference_without_amount`.
pub(crate) fn amount(record: &DifferenceRecord) -> Result<Money, Problem> {
    let surplus = record.difference.surplus.as_ref();
    let amount = surplus.and_then(|it| Money::new(it.minor, it.currency).ok());
    amount.ok_or_else(|| {
        Problem::new(Code::DifferenceWithoutAmount, "the difference is of no amount")
    })
}

/// As [`apply`], within a commit that may do more.
pub(crate) fn happen(
    tx: &dyn Tx,
    record: DifferenceRecord,
    event: DifferenceEvent,
    now: Timestamp,
) -> Result<DifferenceRecord, Problem> {
    let (difference, entries) = record.difference.clone().step(event, now)?;
    if is_resolved_otherwise(&difference.state) && is_booked_late(tx, &record)? {
        let detail = "the payment is booked on its order by this line already: book it late";
        return Err(Problem::new(Code::DifferenceState, detail));
    }
    for entry in &entries {
        gateway::book(tx, &difference.id.clone().into(), entry, now)?;
    }
    if matches!(difference.state, State::Returning { .. }) {
        tx.schedule(&Task::ReturnPayment { difference: difference.id.clone() }, now)?;
    }
    let record = DifferenceRecord { difference, ..record };
    tx.update_difference(&record)?;
    Ok(record)
}

/// Whether a person has the difference resolved, or proposes to, by anything but booking it late.
fn is_resolved_otherwise(state: &State) -> bool {
    match state {
        State::Proposed { resolution }
        | State::Returning { resolution, .. }
        | State::Resolved { resolution, .. } => resolution.act != Act::BookLate,
        _ => false,
    }
}

/// Whether an order has the payment by this very line, which its difference does not know yet: the gateway died in
/// between, or another run made the difference anew.
fn is_booked_late(tx: &dyn Tx, record: &DifferenceRecord) -> Result<bool, Problem> {
    let attempt = record.difference.payment.as_deref().and_then(number::to_attempt);
    let Some(attempt) = attempt else { return Ok(false) };
    let Some(order) = tx.order_of_attempt(&attempt)? else { return Ok(false) };
    let order = tx.order(&order)?;
    Ok(order.is_some_and(|it| it.order.evidence.iter().any(|it| it.line == record.evidence)))
}

/// The difference with this id.
///
/// # Errors
///
/// `not_found`.
pub async fn find(gateway: &Gateway, id: &str) -> Result<DifferenceView, Problem> {
    let id = DifferenceId::parse(id).map_err(|_| not_found())?;
    let found = lezai_store::read(&gateway.node.store, move |view| view.difference(&id)).await?;
    Ok(views::difference(&found.ok_or_else(not_found)?, gateway.node.clock.now()))
}

fn not_found() -> Problem {
    Problem::new(Code::NotFound, "there is no such difference")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_strictly() {
        type Parse = fn(&[u8]) -> Result<DifferenceEvent, Invalid>;
        const RESOLUTION: &str = r#"{"act":"suspense","reason":"Asked the channel","by":"li"}"#;
        let rows: [(Parse, &str, &str); 9] = [
            (parse_owner, r#"{"owner":"li"}"#, ""),
            (parse_owner, r#"{"owner":"l i"}"#, "owner"),
            (parse_resolution, RESOLUTION, ""),
            (parse_resolution, r#"{"act":"book_late","reason":"Asked","by":"li"}"#, ""),
            (parse_resolution, r#"{"act":"return","reason":"Nobody's","by":"li"}"#, ""),
            (parse_resolution, r#"{"act":"forget","reason":"x","by":"li"}"#, "act"),
            (parse_resolution, r#"{"act":"explain","reason":"","by":"li"}"#, "reason"),
            (parse_approval, r#"{"verdict":"approve","by":"wang"}"#, ""),
            (parse_approval, r#"{"verdict":"approve","by":"wang","reason":"x"}"#, "reason"),
        ];
        for (parse, body, field) in rows {
            let found = parse(body.as_bytes()).map_or_else(|error| error.field, |_| String::new());
            assert_eq!(found, field, "{body}");
        }
    }
}
