//! Plans: a statement of each day, week or month of a zone, made once after the period ended.
//!
//! A period's statement begins with the entry behind the last of the one before, so nothing lies in two or in none. A
//! plan's next period is in the same commit as its last statement; after an outage the periods that ended meanwhile
//! follow one after another.

use std::collections::VecDeque;

use lezai_core::id::{MerchantId, StatementId};
use lezai_core::time::Timestamp;
use lezai_reconcile::statement::{Form, Kind};
use lezai_store as store;
use lezai_store::statements::{LastPeriod, PlanRecord, StatementRecord};
use lezai_store::{Scope, StoreError, Task, Tx, View};
use lezai_wire::page::List;
use lezai_wire::problem::{Code, Problem};
use sha2::{Digest as _, Sha256};

use super::request::{Covers, GRACE_SECS, Look, NewPlan};
use super::views::{self, StatementPlanView};
use super::zone::{Period, Zone};
use crate::gateway::Gateway;
use crate::idempotency::Signer;

/// Plans of one merchant.
const PLANS_MAX: usize = 16;
/// Periods that are made up for after an outage: two months of days. Earlier ones can be asked for.
const CATCH_UP_MAX: usize = 62;

/// Puts a plan under its name. The same once more changes nothing.
///
/// # Errors
///
/// `too_many_plans`, `nonce_reused`.
pub async fn put(
    gateway: &Gateway,
    merchant: &MerchantId,
    name: String,
    new: NewPlan,
    signer: Signer,
) -> Result<StatementPlanView, Problem> {
    let (now, wall) = (gateway.node.clock.now(), gateway.node.clock.wall());
    let (scope, merchant) = (Scope::Merchant(merchant.clone()), merchant.clone());
    let plan = store::write(&gateway.node.store, scope, move |tx| {
        signer.take_nonce(tx, wall)?;
        let before = tx.statement_plan(&merchant, &name)?;
        if before.is_none() && tx.statement_plans(&merchant)?.len() >= PLANS_MAX {
            let detail = format!("a merchant has at most {PLANS_MAX} plans; change one of them");
            return Err(Problem::new(Code::TooManyPlans, detail));
        }
        let plan = planned(&merchant, name, &new, before.as_ref(), now)?;
        if before.as_ref() != Some(&plan) {
            keep(tx, &plan)?;
        }
        Ok(plan)
    });
    let plan = plan.await?;
    gateway.node.cluster.wake.call();
    Ok(views::plan(&plan))
}

/// A plan as it is from now on.
fn planned(
    merchant: &MerchantId,
    name: String,
    new: &NewPlan,
    before: Option<&PlanRecord>,
    now: Timestamp,
) -> Result<PlanRecord, Problem> {
    let Look { kind, form, columns, zone } = &new.look;
    let zone_of = Zone::named(zone).map_err(Problem::internal)?;
    let mut plan = PlanRecord {
        merchant: merchant.clone(),
        name,
        kind: kind.as_str().to_owned(),
        form: form.as_str().to_owned(),
        columns: columns.clone(),
        period: new.period.as_str().to_owned(),
        zone: zone.clone(),
        is_on: new.is_on,
        edition: 1,
        updated_at: now,
        next_end: new.is_on.then(|| zone_of.next_begin(new.period, now)).flatten(),
        last: None,
    };
    let Some(before) = before else { return Ok(plan) };
    plan.edition = before.edition + 1;
    let joins = before.is_on
        && plan.is_on
        && (&before.kind, &before.period, &before.zone) == (&plan.kind, &plan.period, &plan.zone);
    if joins {
        // Periods that ended and are not made yet are not left out.
        (plan.next_end, plan.last) = (before.next_end, before.last.clone());
    }
    let same = PlanRecord {
        edition: before.edition,
        updated_at: before.updated_at,
        next_end: before.next_end,
        last: before.last.clone(),
        ..plan.clone()
    };
    Ok(if same == *before { same } else { plan })
}

/// Keeps a plan, and has its next period waited for.
fn keep(tx: &dyn Tx, plan: &PlanRecord) -> Result<(), StoreError> {
    tx.put_statement_plan(plan)?;
    let Some(end) = plan.next_end else { return Ok(()) };
    let task = Task::PlanStatement {
        merchant: plan.merchant.clone(),
        plan: key(plan),
        edition: plan.edition,
        end,
    };
    tx.schedule(&task, end.plus_secs(GRACE_SECS))
}

/// A plan's name among those of all merchants.
fn key(plan: &PlanRecord) -> String {
    format!("{}/{}", plan.merchant, plan.name)
}

/// Has the statement made of a period that ended, once, and the next one waited for.
///
/// # Errors
///
/// `internal`.
pub async fn period_ended(
    gateway: &Gateway,
    (merchant, plan): (MerchantId, String),
    edition: u32,
    end: Timestamp,
) -> Result<(), Problem> {
    let now = gateway.node.clock.now();
    let scope = Scope::Merchant(merchant.clone());
    let name = plan.strip_prefix(&format!("{merchant}/")).unwrap_or_default().to_owned();
    let done = store::write(&gateway.node.store, scope, move |tx| {
        let found = tx.statement_plan(&merchant, &name)?;
        let is_it = |it: &PlanRecord| it.edition == edition && it.next_end == Some(end);
        match found.filter(is_it) {
            Some(plan) => end_period(tx, plan, end, now),
            // It was changed, or this was done before.
            None => Ok(()),
        }
    });
    done.await?;
    gateway.node.cluster.wake.call();
    Ok(())
}

fn end_period(
    tx: &dyn Tx,
    mut plan: PlanRecord,
    end: Timestamp,
    now: Timestamp,
) -> Result<(), Problem> {
    let (zone, look, period) = read(&plan)
        .ok_or_else(|| Problem::internal(format!("the plan {} cannot be read", key(&plan))))?;
    let (end, next) = due(&zone, period, end, now)
        .ok_or_else(|| Problem::internal("a zone without a next day"))?;
    let begin = zone.begin_of_period(period, end.plus_ms(-1)).unwrap_or(end);
    let covers = Covers::Range { from: begin, to: end };
    let mut range = super::range(tx, &plan.merchant, &look, &covers)?;
    if look.kind != Kind::Settlement
        && let Some(last) = plan.last.as_ref().filter(|it| it.end == begin)
    {
        range.after = last.until;
        range.until = range.until.max(range.after);
    }
    let digest =
        Sha256::digest(format!("statement {} {} {}", key(&plan), plan.edition, end.as_ms()));
    let id = StatementId::new(now, std::array::from_fn(|index| digest[index]));
    let statement = StatementRecord {
        from: Some(begin),
        to: Some(end),
        plan: Some(plan.name.clone()),
        ..super::record(id.clone(), &plan.merchant, &look, range, now)
    };
    plan.last = Some(LastPeriod { end, until: statement.until, statement: id });
    plan.next_end = Some(next);
    super::accept(tx, &statement, now)?;
    Ok(keep(tx, &plan)?)
}

/// The end of the period whose statement is made, and of the one after: the first that waits, or the first of those
/// that are made up for.
fn due(
    zone: &Zone,
    period: Period,
    end: Timestamp,
    now: Timestamp,
) -> Option<(Timestamp, Timestamp)> {
    let mut ended = VecDeque::from([end]);
    let mut next = zone.next_begin(period, end)?;
    while next.plus_secs(GRACE_SECS) <= now {
        ended.push_back(next);
        if ended.len() > CATCH_UP_MAX {
            ended.pop_front();
        }
        next = zone.next_begin(period, next)?;
    }
    Some((*ended.front()?, *ended.get(1).unwrap_or(&next)))
}

/// How a plan's statements look.
fn read(plan: &PlanRecord) -> Option<(Zone, Look, Period)> {
    let look = Look {
        kind: Kind::ALL.into_iter().find(|it| it.as_str() == plan.kind)?,
        form: Form::ALL.into_iter().find(|it| it.as_str() == plan.form)?,
        columns: plan.columns.clone(),
        zone: plan.zone.clone(),
    };
    let period = Period::ALL.into_iter().find(|it| it.as_str() == plan.period)?;
    Some((Zone::named(&plan.zone).ok()?, look, period))
}

/// The merchant's plan with this name.
///
/// # Errors
///
/// `statement_plan_not_found`.
pub async fn find(
    gateway: &Gateway,
    merchant: &MerchantId,
    name: String,
) -> Result<StatementPlanView, Problem> {
    let of = merchant.clone();
    let read = move |view: &dyn View| view.statement_plan(&of, &name);
    let found = store::read_of(&gateway.node.store, merchant, read).await?;
    found.as_ref().map(views::plan).ok_or_else(|| {
        let detail = "there is no such plan among the merchant's";
        Problem::new(Code::StatementPlanNotFound, detail)
    })
}

/// The merchant's plans, by name.
///
/// # Errors
///
/// `internal`.
pub async fn list(
    gateway: &Gateway,
    merchant: &MerchantId,
) -> Result<List<StatementPlanView>, Problem> {
    let of = merchant.clone();
    let read = move |view: &dyn View| view.statement_plans(&of);
    let found = store::read_of(&gateway.node.store, merchant, read).await?;
    Ok(List::whole(found.iter().map(views::plan).collect()))
}

#[cfg(test)]
mod tests {
    use lezai_wire::time::parse_rfc3339;

    use super::*;

    fn at(text: &str) -> Timestamp {
        parse_rfc3339(text).unwrap()
    }

    #[test]
    fn what_was_missed_is_made_up_for_within_bounds() {
        let zone = Zone::named("America/New_York").unwrap();
        let due = |now| due(&zone, Period::Day, at("2026-03-08T05:00:00Z"), at(now)).unwrap();
        let first = at("2026-03-08T05:00:00Z");
        // A day of 23 hours follows.
        assert_eq!(due("2026-03-08T05:00:10Z"), (first, at("2026-03-09T04:00:00Z")));
        assert_eq!(due("2026-03-20T00:00:00Z"), (first, at("2026-03-09T04:00:00Z")));
        assert_eq!(due("2026-05-08T04:00:10Z").0, first, "the 62nd");
        assert_eq!(due("2026-05-09T04:00:09Z").0, first, "the 63rd is not over");
        assert_eq!(
            due("2026-05-09T04:00:10Z"),
            (at("2026-03-09T04:00:00Z"), at("2026-03-10T04:00:00Z"))
        );
        let years_later = due("2030-05-09T04:00:10Z").0;
        assert!(years_later > at("2030-03-01T00:00:00Z"));
    }

    #[test]
    fn a_plan_that_is_put_again_stays_and_one_that_is_changed_has_a_new_edition() {
        let merchant = MerchantId::parse("m_tea").unwrap();
        let new = |text: &str| NewPlan::parse(text.as_bytes()).unwrap();
        let put = |text: &str, before: Option<&PlanRecord>, now: &str| {
            planned(&merchant, "a".to_owned(), &new(text), before, at(now)).unwrap()
        };
        let day = r#"{"type":"orders.1","format":"csv","period":"day","zone":"Asia/Shanghai"}"#;
        let first = put(day, None, "2026-03-01T12:00:00Z");
        assert_eq!((first.edition, first.next_end), (1, Some(at("2026-03-01T16:00:00Z"))));
        let first = PlanRecord {
            last: Some(LastPeriod {
                end: at("2026-03-01T16:00:00Z"),
                until: 7,
                statement: StatementId::new(at("2026-03-01T16:00:10Z"), [1; 10]),
            }),
            next_end: Some(at("2026-03-02T16:00:00Z")),
            ..first
        };
        assert_eq!(put(day, Some(&first), "2026-03-09T12:00:00Z"), first);
        // Other columns, and the periods go on where they were.
        let columns = r#"{"type":"orders.1","format":"csv","period":"day","zone":"Asia/Shanghai","columns":["net"]}"#;
        let second = put(columns, Some(&first), "2026-03-09T12:00:00Z");
        assert_eq!((second.edition, &second.last), (2, &first.last));
        assert_eq!(second.next_end, first.next_end);
        let off = day.replace("}", r#","status":"off"}"#);
        let third = put(&off, Some(&second), "2026-03-09T12:00:00Z");
        assert_eq!((third.edition, &third.next_end, &third.last), (3, &None, &None));
        let fourth = put(day, Some(&third), "2026-03-09T12:00:00Z");
        assert_eq!((fourth.edition, fourth.next_end), (4, Some(at("2026-03-09T16:00:00Z"))));
    }
}
