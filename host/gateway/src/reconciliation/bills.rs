//! Bills as they came: read whole before they are kept, as bytes under their digest, and never changed.
//! Another file of the same day is another edition.

use lezai_channels::channel::Channel;
use lezai_core::digest::sha256_hex;
use lezai_core::funds::bill::BillKind;
use lezai_core::funds::date::Date;
use lezai_reconcile::bill::{self, Bill, Contents, Limits, ReadError};
use lezai_reconcile::layout;
use lezai_reconcile::refused::Refused;
use lezai_store as store;
use lezai_store::Scope;
use lezai_store::bills::BillRecord;
use tokio::task::spawn_blocking;

use super::layouts::AtHand;
use super::views::{self, BillView};
use super::{BILL_BYTES_MAX, channel, period, period_over};
use crate::gateway::Gateway;
use lezai_wire::page::List;
use lezai_wire::problem::{Code, Problem};

/// The most bills of a list.
const LISTED_MAX: u32 = 100;
/// The source of a bill that the operator put.
pub const PUT: &str = "put";
/// The source of a bill that the gateway fetched.
pub const FETCHED: &str = "fetched";

/// Keeps a channel's bill of a day. The same bytes once more change nothing, so that the request can be
/// repeated.
///
/// # Errors
///
/// `bill_refused`, with line and column where they are known; `not_found` for a channel that is not there;
/// `invalid_field` for a day that is not over.
pub async fn put(
    gateway: &Gateway,
    name: &str,
    kind: BillKind,
    day: Date,
    bytes: Vec<u8>,
    source: &'static str,
) -> Result<BillView, Problem> {
    let channel = channel(gateway, name)?;
    period_over(gateway, &*channel, day)?;
    if bytes.len() > BILL_BYTES_MAX {
        let detail = format!("a bill has at most {BILL_BYTES_MAX} bytes here");
        return Err(Problem::new(Code::BodyTooLarge, detail));
    }
    let now = gateway.node.clock.now();
    let at_hand = AtHand::of(gateway).await?;
    let checked = spawn_blocking(move || {
        let (read, bytes) = check(&*channel, kind, day, bytes, &at_hand)?;
        let used = at_hand.used(read.layout.clone());
        Ok::<_, Problem>((read, used, bytes))
    });
    let (read, used, bytes) = checked.await.map_err(Problem::internal)??;
    let name = name.to_owned();
    let kept = store::write(&gateway.node.store, Scope::Gateway, move |tx| {
        let digest = sha256_hex(&bytes);
        let last = tx.bill(&name, kind, day)?.map(|(bill, _)| bill);
        // Read by another layout, it says something else.
        if let Some(same) = last.as_ref().filter(|it| it.digest == digest && it.layout == used) {
            return Ok(same.clone());
        }
        let record = BillRecord {
            channel: name,
            kind,
            day,
            edition: last.map_or(1, |it| it.edition + 1),
            digest,
            bytes: bytes.len() as u64,
            source: source.to_owned(),
            layout: used.clone(),
            rows: read.rows,
            at: now,
        };
        tx.insert_bill(&record, &bytes)?;
        Ok::<_, Problem>(record)
    })
    .await?;
    Ok(views::bill(&kept))
}

/// Reads a bill through: of one that is refused nothing counts.
fn check(
    channel: &dyn Channel,
    kind: BillKind,
    day: Date,
    bytes: Vec<u8>,
    at_hand: &AtHand,
) -> Result<(Bill, Vec<u8>), Problem> {
    let limits = Limits { bytes_max: BILL_BYTES_MAX as u64 };
    let read = bill::read(&bytes[..], &at_hand.layouts, 0, limits, |_| Ok(()));
    let read = read.map_err(|error| match error {
        ReadError::Refused(why) => refused(&why),
        ReadError::Io(error) => Problem::internal(error),
    })?;
    if read.contents == Contents::Creating {
        let detail = "the channel is still making this bill; ask for it again later";
        return Err(Problem::new(Code::BillRefused, detail));
    }
    if !layout::may_be(&read.layout, kind) {
        let detail =
            format!("it is of the layout {}, and no bill of {}", read.layout, kind.as_str());
        return Err(Problem::new(Code::BillRefused, detail).with("field", "kind"));
    }
    let (from, to) = period(channel, day);
    // The bill's days begin where its layout says, which may be elsewhere than the channel's.
    let begin = |day: i64| day * super::DAY_MS - i64::from(read.offset_minutes) * 60_000;
    match read.days {
        Some(days) if begin(days.1 + 1) <= from.as_ms() || begin(days.0) >= to.as_ms() => {
            let detail = format!(
                "its rows are of {} to {}, and none is of {day}",
                lezai_reconcile::when::date(days.0),
                lezai_reconcile::when::date(days.1)
            );
            Err(Problem::new(Code::BillRefused, detail).with("field", "date"))
        }
        _ => Ok((read, bytes)),
    }
}

fn refused(why: &Refused) -> Problem {
    let problem = Problem::new(Code::BillRefused, why.to_string()).with("line", why.line);
    match &why.column {
        Some(column) => problem.with("column", column.as_str()),
        None => problem,
    }
}

/// The latest bills of all channels, newest day first.
///
/// # Errors
///
/// `internal`.
pub async fn list(gateway: &Gateway) -> Result<List<BillView>, Problem> {
    let found = store::read(&gateway.node.store, |view| view.bills(LISTED_MAX)).await?;
    Ok(List::whole(found.iter().map(views::bill).collect()))
}
