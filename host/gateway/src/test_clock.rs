//! The sandbox's clock: moved forward by whoever tests, and as far ahead after a restart.

use lezai_core::time::Timestamp;
use lezai_wire::time::parse_rfc3339;

use crate::gateway::Gateway;
use lezai_store as store;
use lezai_store::{Scope, StoreError};
use lezai_wire::json::{Invalid, Kind, Object};
use lezai_wire::problem::{Code, Problem};

/// At once: far enough for every schedule there is.
const MAX_ADVANCE_SECS: i64 = 366 * 86_400;
/// In all, so that no time comes near the end of what a date can be.
const MAX_AHEAD_SECS: i64 = 100 * 366 * 86_400;
const SETTING: &str = "clock_ahead_ms";

/// Reads by how many milliseconds the clock is to be moved.
///
/// # Errors
///
/// [`Invalid`], with the field at fault.
pub fn parse(body: &[u8], now: Timestamp) -> Result<i64, Invalid> {
    let mut body = Object::parse(body)?;
    let secs = body.optional("advance_secs", |field| field.integer(0..=MAX_ADVANCE_SECS))?;
    let to = body.optional("now", |field| {
        field.parsed(20..=40, |text| {
            parse_rfc3339(text).ok_or("not a time such as 2026-12-01T00:00:00Z")
        })
    })?;
    body.finish()?;
    let invalid = |field: &str, detail: &str| Invalid {
        kind: Kind::InvalidField,
        field: field.to_owned(),
        detail: detail.to_owned(),
    };
    match (secs, to) {
        (Some(secs), None) => Ok(secs * 1000),
        (None, Some(to)) => {
            let ms = to.as_ms() - now.as_ms();
            if (0..=MAX_ADVANCE_SECS * 1000).contains(&ms) {
                Ok(ms)
            } else {
                Err(invalid("now", "now must be ahead of the clock, by at most 366 days"))
            }
        }
        _ => Err(invalid("advance_secs", "send either advance_secs or now")),
    }
}

/// Moves the clock, for good, and wakes the worker to what is due by then.
///
/// # Errors
///
/// `invalid_field`, if it would be too far; `internal`.
pub async fn advance(gateway: &Gateway, ms: i64) -> Result<(), Problem> {
    let wall = gateway.node.clock.wall();
    let ahead = gateway.node.clock.now().as_ms() - wall.as_ms() + ms;
    if ahead > MAX_AHEAD_SECS * 1000 {
        return Err(Problem::new(Code::InvalidField, "the clock is a hundred years ahead already")
            .with("field", "advance_secs"));
    }
    // Moved first: of two at once both count, and the later write has the sum.
    gateway.node.clock.advance_ms(ms);
    let ahead = gateway.node.clock.now().as_ms() - wall.as_ms();
    store::write(&gateway.node.store, Scope::Gateway, move |tx| {
        let former = tx.setting(SETTING)?.and_then(|it| it.parse::<i64>().ok()).unwrap_or_default();
        tx.put_setting(SETTING, &former.max(ahead).to_string())
    })
    .await?;
    gateway.node.cluster.wake.call();
    Ok(())
}

/// Moves the clock to where it was before the restart.
///
/// # Errors
///
/// [`StoreError`].
pub async fn restore(gateway: &Gateway) -> Result<(), StoreError> {
    let ahead = store::read(&gateway.node.store, |view| view.setting(SETTING)).await?;
    gateway.node.clock.advance_ms(ahead.and_then(|it| it.parse().ok()).unwrap_or_default());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_moved_by_a_span_or_to_a_time() {
        let now = Timestamp::from_secs(1_795_000_000);
        let read = |body: &str| parse(body.as_bytes(), now).map_err(|it| it.field);
        for (body, expected) in [
            (r#"{"advance_secs":90}"#, Ok(90_000)),
            (r#"{"advance_secs":0}"#, Ok(0)),
            (r#"{"now":"2026-11-18T11:06:41Z"}"#, Ok(1_000)),
            (r#"{"now":"2026-11-18T19:06:41+08:00"}"#, Ok(1_000)),
            (r#"{"now":"2026-11-18T11:06:39Z"}"#, Err("now")),
            (r#"{"now":"2036-11-18T11:06:39Z"}"#, Err("now")),
            (r#"{"now":"tomorrow, about noon"}"#, Err("now")),
            (r#"{"advance_secs":-1}"#, Err("advance_secs")),
            (r#"{"advance_secs":31622401}"#, Err("advance_secs")),
            (r#"{"advance_secs":1,"now":"2026-11-18T11:06:41Z"}"#, Err("advance_secs")),
            ("{}", Err("advance_secs")),
            (r#"{"back":1}"#, Err("back")),
        ] {
            assert_eq!(read(body), expected.map_err(str::to_owned), "{body}");
        }
    }
}
