//! Channels' bills, held against the books: bills are fetched or put, each day is reconciled, and what
//! differs waits for a person. The comparison itself is `lezai_reconcile`'s.
//!
//! The books' side of a day is a range of the entries of each of the ledger's chains, which never change; so a run of
//! the same bill finds the same, byte for byte, whenever it is made.

pub mod bills;
mod carried;
mod due;
mod expected;
mod found;
pub mod layouts;
pub mod resolving;
pub mod runs;
pub mod views;
pub mod watch;

use std::sync::Arc;

use lezai_channels::channel::Channel;
use lezai_core::funds::date::Date;
use lezai_core::time::Timestamp;

use crate::gateway::Gateway;
use lezai_wire::problem::{Code, Problem};

/// The most bytes of a bill. `lezai reconcile` takes larger ones from files.
pub use lezai_channels::packed::BILL_BYTES_MAX;
/// How long after a day's end its last entry is booked at the latest.
const GRACE_SECS: i64 = 10;
const DAY_MS: i64 = 86_400_000;
/// A channel that has no bill of a day, and does not tell whether it will have one, is believed so long after the
/// bill was due: then nothing moved there on that day.
const SURE_SECS: i64 = 86_400;

/// The channel with this name.
fn channel(gateway: &Gateway, name: &str) -> Result<Arc<dyn Channel>, Problem> {
    gateway.channels.shared(name).ok_or_else(|| {
        let detail = format!("the gateway has no channel {name}");
        Problem::new(Code::NotFound, detail).with("field", "channel")
    })
}

/// When a day of a channel's bills begins and ends.
fn period(channel: &dyn Channel, day: Date) -> (Timestamp, Timestamp) {
    // 1970-01-01 is day 0 of what dates count.
    let days = Date::parse("1970-01-01").map_or(0, |epoch| day.days_since(epoch));
    let from = i64::from(days) * DAY_MS - i64::from(channel.bill_offset_minutes()) * 60_000;
    (Timestamp::from_ms(from), Timestamp::from_ms(from + DAY_MS))
}

/// As [`period`], of a day that is over.
///
/// # Errors
///
/// `invalid_field`.
fn period_over(
    gateway: &Gateway,
    channel: &dyn Channel,
    day: Date,
) -> Result<(Timestamp, Timestamp), Problem> {
    let (from, to) = period(channel, day);
    if gateway.node.clock.now() < to.plus_secs(GRACE_SECS) {
        let detail = format!("date must be over: {day} is not, where the channel's days end");
        return Err(Problem::new(Code::InvalidField, detail).with("field", "date"));
    }
    Ok((from, to))
}
