//! Differences are taken care of, resolved and, above a sum, approved by a second person. The core decides;
//! one commit keeps the difference and books its entry.
//!
//! The operator has one token, so who acts is a name in the request: the caller vouches for it.

use lezai_channels::number;
use lezai_core::funds::difference::{Act, DifferenceEvent};
use lezai_core::id::DifferenceId;

use super::views::{self, DifferenceView};
use crate::gateway::{self, Gateway};
use crate::idempotency::{ApiResponse, IdempotentRequest, Outcome};
use lezai_core::time::Timestamp;
use lezai_store::Tx;
use lezai_store::bills::DifferenceRecord;
use lezai_wire::json::{Field, Invalid, Object};
use lezai_wire::problem::{Code, Problem};

const ACTS: [(&str, Act); 5] = [
    ("explain", Act::Explain),
    ("suspense", Act::Suspense),
    ("write_off", Act::WriteOff),
    ("accept_fee", Act::AcceptFee),
    ("ask_channel", Act::AskChannel),
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
/// `not_found`, `difference_state`, `approver_is_resolver`, `difference_without_amount`; of the act
/// `ask_channel`, `order_not_found` and `channel_unavailable`.
pub async fn apply(
    gateway: &Gateway,
    id: &str,
    event: DifferenceEvent,
    key: IdempotentRequest,
) -> Result<ApiResponse, Problem> {
    let id = DifferenceId::parse(id).map_err(|_| not_found())?;
    if matches!(event, DifferenceEvent::Resolved { act: Act::AskChannel, .. }) {
        ask(gateway, &id).await?;
    }
    let now = gateway.node.clock.now();
    let done = key.commit(&gateway.node, move |tx| {
        let record = tx.difference(&id)?.ok_or_else(not_found)?;
        let record = happen(tx, record, event, now)?;
        let view = views::difference(&record, now);
        Ok((ApiResponse::json(200, &view)?, (view.id, view.status)))
    });
    Ok(match done.await? {
        Outcome::Before(response) => response,
        Outcome::Now((response, (difference, status))) => {
            if status == "resolved" {
                tracing::info!(difference, "reconciliation.difference.resolved");
            }
            response
        }
    })
}

/// Asks the channel about the payment that a difference is about, and applies what it says. That is what a repeat
/// does, too.
async fn ask(gateway: &Gateway, id: &DifferenceId) -> Result<(), Problem> {
    let id = id.clone();
    let found = lezai_store::read(&gateway.node.store, move |view| view.difference(&id)).await?;
    let found = found.ok_or_else(not_found)?.found;
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

/// As [`apply`], within a commit that may do more.
pub(super) fn happen(
    tx: &dyn Tx,
    record: DifferenceRecord,
    event: DifferenceEvent,
    now: Timestamp,
) -> Result<DifferenceRecord, Problem> {
    let (difference, entry) = record.difference.clone().step(event, now)?;
    if let Some(entry) = entry {
        gateway::book(tx, &difference.id.clone().into(), &entry, now)?;
    }
    let record = DifferenceRecord { difference, ..record };
    tx.update_difference(&record)?;
    Ok(record)
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
        let rows: [(Parse, &str, &str); 7] = [
            (parse_owner, r#"{"owner":"li"}"#, ""),
            (parse_owner, r#"{"owner":"l i"}"#, "owner"),
            (parse_resolution, RESOLUTION, ""),
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
