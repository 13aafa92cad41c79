//! Checks of mandates by `lezai ledger check`: every debit is under one that the shopper agreed to, within its bounds,
//! and what a mandate says of its debits is what their orders come to.

use std::collections::BTreeMap;

use lezai_core::funds::mandate::{Mandate, MandateEffect, MandateState};
use lezai_core::id::MandateId;
use lezai_core::order::{CloseReason, Order, State};
use rusqlite::Connection;

use super::fault::{Failed, Fault, Stop};
use lezai_store::Task;
use lezai_store_sqlite::{for_each_mandate, for_each_order, tasks};

/// A mandate, and what its orders come to.
struct Found {
    mandate: Mandate,
    debits: u32,
    /// The sum of those that count, of each period.
    counted: BTreeMap<i64, i128>,
}

/// Every debit is under a mandate that allows it, and every mandate counts its debits and is looked after. How many
/// mandates there are.
pub(super) fn hold(connection: &Connection) -> Result<u64, Failed> {
    let tasks = tasks(connection).map_err(|error| Stop::from(error).at(Fault::File))?;
    let mut all: BTreeMap<MandateId, Found> = BTreeMap::new();
    let walked = for_each_mandate(connection, |mandate| {
        let id = mandate.terms.id.clone();
        let ask = Task::Mandate { mandate: id.clone(), what: MandateEffect::Ask };
        if mandate.ends_at().is_some() && !tasks.contains(&ask) {
            return Err(amiss(&id, "nothing waits to ask how it stands"));
        }
        if mandate.agreed.is_none() && (mandate.state == MandateState::Active || mandate.debits > 0)
        {
            return Err(amiss(&id, "nobody agreed to it"));
        }
        all.insert(id, Found { mandate, debits: 0, counted: BTreeMap::new() });
        Ok(())
    });
    walked.map_err(|stop: Stop| stop.at(Fault::File))?;
    let walked = for_each_order(connection, |order| match &order.terms.mandate {
        None => Ok(()),
        Some(id) => count(&mut all, id, &order).map_err(|what| {
            let order = order.terms.id.to_string();
            Stop::Fault(Fault::Order { order, what: what.to_owned() })
        }),
    });
    walked.map_err(|stop: Stop| stop.at(Fault::File))?;
    for (id, Found { mandate, debits, counted }) in &all {
        let is_sum = mandate.debited.is_none_or(|it| {
            counted.get(&it.period).copied().unwrap_or_default() == i128::from(it.amount.minor())
        });
        let bound = mandate.terms.period.map(|it| i128::from(it.amount.minor()));
        let is_above = |sum: &i128| bound.is_some_and(|bound| *sum > bound);
        let what = match () {
            () if mandate.debits != *debits => "it counts other debits than were made under it",
            () if !is_sum => "its period's sum is not that of its debits",
            () if counted.values().any(is_above) => "its debits of a period are above its bound",
            () => continue,
        };
        return Err(amiss(id, what).at(Fault::File));
    }
    Ok(all.len() as u64)
}

fn amiss(id: &MandateId, what: &str) -> Stop {
    Stop::Fault(Fault::File(format!("{id}: {what}")))
}

/// Counts a debit in its mandate.
fn count(
    all: &mut BTreeMap<MandateId, Found>,
    id: &MandateId,
    order: &Order,
) -> Result<(), &'static str> {
    let terms = &order.terms;
    let found = all.get_mut(id).filter(|it| it.mandate.terms.merchant == terms.merchant);
    let found = found.ok_or("its mandate is not there")?;
    let of = &found.mandate.terms;
    let is_within = of.max_amount.checked_sub(terms.amount).is_some();
    if !is_within || terms.created_at >= of.expires_at {
        return Err("its mandate does not allow it");
    }
    let is_other =
        |it: &lezai_core::order::Attempt| it.method != of.method || it.channel != of.channel;
    if order.attempts.iter().any(is_other) {
        return Err("it was debited by another way than its mandate's");
    }
    found.debits += 1;
    let is_declined = matches!(order.state, State::Closed { reason: CloseReason::Declined, .. });
    if let Some(period) = found.mandate.period_at(terms.created_at).filter(|_| !is_declined) {
        *found.counted.entry(period).or_default() += i128::from(terms.amount.minor());
    }
    Ok(())
}
