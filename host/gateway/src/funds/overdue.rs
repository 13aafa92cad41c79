//! Batches that a cut-off has left open: the operator closes them without waiting longer for what was due
//! before it.

use lezai_core::funds::contract::Agreed;
use lezai_core::id::MerchantId;
use lezai_core::time::Timestamp;

use super::batches::{self, Closing, GRACE_SECS};
use super::views::{self, SettlementView};
use crate::gateway::Gateway;
use crate::schedule;
use lezai_store as store;
use lezai_store::{Scope, StoreError, View};
use lezai_wire::page::List;
use lezai_wire::problem::Problem;

/// How far back a cut-off is looked for: beyond the longest run of days off.
const BACK_SECS: i64 = 31 * 86_400;

/// Closes the batches of the last cut-off that has passed. What is closed stays as it is, so that the
/// request can be repeated. Empty if there is no such cut-off, or if nothing happened before it.
///
/// # Errors
///
/// `internal`.
pub async fn close(
    gateway: &Gateway,
    merchant: &MerchantId,
) -> Result<List<SettlementView>, Problem> {
    let (merchant, now) = (merchant.clone(), gateway.node.clock.now());
    let payers: Vec<_> = gateway.channels.payers().collect();
    let scope = Scope::Merchant(merchant.clone());
    let closed = store::write(&gateway.node.store, scope, move |tx| {
        let agreed = schedule::in_force(tx, &merchant, now)?;
        let Some(cut_off) = last_cut_off(tx, &agreed, now)? else { return Ok(Vec::new()) };
        let closing =
            Closing { merchant: &merchant, agreed: &agreed, payers: &payers, cut_off, now };
        batches::close_in(tx, &closing)?;
        let mut closed = Vec::new();
        for currency in batches::currencies(tx, &merchant)? {
            let last = tx.last_batch(&merchant, currency)?;
            closed.extend(last.filter(|it| it.cut_off == cut_off));
        }
        Ok::<_, Problem>(closed)
    })
    .await?;
    gateway.node.cluster.wake.call();
    Ok(List::whole(closed.iter().map(views::settlement).collect()))
}

/// The last cut-off of a contract that has passed since it is in force, with time for what settles at it
/// to be booked.
fn last_cut_off<V: View + ?Sized>(
    view: &V,
    agreed: &Agreed,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    if agreed.number == 0 {
        return Ok(None);
    }
    let mut last = None;
    let mut after = now.plus_secs(-BACK_SECS).max(agreed.in_force_from);
    // At most one a day.
    while let Ok(next) = batches::next_cut_off(view, agreed, after)? {
        if next.at.plus_secs(GRACE_SECS) > now {
            break;
        }
        after = next.at;
        last = Some(next.at);
    }
    Ok(last)
}
