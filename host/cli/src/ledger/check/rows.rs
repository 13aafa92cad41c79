//! The rows beside the orders: each is found by them, and what an order waits for is on the worker's list.

use lezai_core::order::{Attention, Effect, Order, RefundState, State};
use lezai_store::Task;
use lezai_store_sqlite::{
    Rows, dangling_row, for_each_order, missing_row, rows, tasks, untold_event,
};
use rusqlite::Connection;

use crate::ledger::fault::{Failed, Fault, Stop};

/// Every order can be found by its session, its attempts and its refunds, its merchant was or will be
/// told of everything that it was to be told, and what it waits for is on the worker's list.
pub(super) fn rows_are_there(connection: &Connection) -> Result<(), Failed> {
    let tasks = tasks(connection).map_err(|error| Stop::from(error).at(Fault::File))?;
    let mut known = Rows::default();
    let walked = for_each_order(connection, |order| {
        let fault =
            |what: String| Stop::Fault(Fault::Order { order: order.terms.id.to_string(), what });
        if let Some(what) = missing_row(connection, &order)? {
            return Err(fault(what));
        }
        known.attempts += order.attempts.len() as u64;
        known.refunds += order.refunds.len() as u64;
        known.splits += order.splits.len() as u64;
        known.returns += order.splits.iter().map(|it| it.returns.len() as u64).sum::<u64>();
        match waits_for(&order).iter().find(|it| !tasks.contains(it)) {
            Some(missing) => Err(fault(format!("nothing waits to {}", words(missing)))),
            None => Ok(()),
        }
    });
    walked.map_err(|stop: Stop| stop.at(Fault::File))?;
    let untold = untold_event(connection, |task| tasks.contains(task));
    if let Some(event) = untold.map_err(|error| Stop::from(error).at(Fault::File))? {
        let what = format!("event {event} waits to be delivered, and no task will do it");
        return Err(Failed::Broken(Fault::File(what)));
    }
    let rows = rows(connection).map_err(Failed::Unreadable)?;
    if rows != known {
        let what =
            format!("{} belong to orders, and the file has {}", counted(known), counted(rows));
        return Err(Failed::Broken(Fault::File(what)));
    }
    let dangling = dangling_row(connection).map_err(Failed::Unreadable)?;
    dangling.map_or(Ok(()), |what| Err(Failed::Broken(Fault::File(what))))
}

fn counted(Rows { attempts, refunds, splits, returns }: Rows) -> String {
    format!("{attempts} attempts, {refunds} refunds, {splits} splits and {returns} returns")
}

/// The tasks that an order cannot go on without, unless a person was called instead.
fn waits_for(order: &Order) -> Vec<Task> {
    let called = |what: Attention| order.attention.contains(&what);
    let mut effects = Vec::new();
    match &order.state {
        State::Created { .. } => effects.push(Effect::Expire),
        State::Paying { attempt, .. } => {
            effects.push(Effect::Expire);
            if !called(Attention::Payment { attempt: attempt.clone() }) {
                effects.push(Effect::Query(attempt.clone()));
            }
        }
        State::Authorized { .. } => effects.push(Effect::Release),
        State::Capturing { payment, .. } => {
            if !called(Attention::Capture { attempt: payment.attempt.clone() }) {
                effects.push(Effect::Capture(payment.attempt.clone()));
            }
        }
        State::Voiding { payment, .. } => {
            if !called(Attention::Void { attempt: payment.attempt.clone() }) {
                effects.push(Effect::Void(payment.attempt.clone()));
            }
        }
        // What was paid to the merchant's own account is never settled.
        State::Paid { .. } if order.direct().is_some() => {}
        // Nothing is left of a debit that came back.
        State::Paid { .. } if order.debit_return.is_some() => {}
        // A held payment waits for a person first.
        State::Paid { settled: None, .. } if !order.terms.held || order.approved().is_some() => {
            effects.push(Effect::Settle);
        }
        State::Paid { .. } if order.waits_for_splits() => effects.push(Effect::FinishSplits),
        State::Paid { .. } | State::Voided { .. } | State::Closed { .. } => {}
    }
    if order.waits_for_reserve() {
        effects.push(Effect::ReleaseReserve);
    }
    for it in order.returns.iter().filter(|it| !it.done) {
        if !called(Attention::Return { attempt: it.attempt.clone() }) {
            effects.push(Effect::Return(it.attempt.clone()));
        }
    }
    for it in order.refunds.iter().filter(|it| it.state == RefundState::Pending) {
        if !called(Attention::Refund { refund: it.id.clone() }) {
            effects.push(Effect::Refund(it.id.clone()));
        }
    }
    let id = &order.terms.id;
    effects.into_iter().map(|what| Task::Order { order: id.clone(), what }).collect()
}

fn words(task: &Task) -> &'static str {
    let Task::Order { what, .. } = task else { return "deliver its event" };
    match what {
        Effect::Expire => "close it when its time is over",
        Effect::Debit(_) => "have its payer debited",
        Effect::WatchDebit(_) => "ask whether its debit came back",
        Effect::Query(_) => "ask the channel of its attempt",
        Effect::Cancel(_) => "call its attempt off",
        Effect::Release => "release what is set aside",
        Effect::Capture(_) => "capture it",
        Effect::Void(_) => "void it",
        Effect::Settle => "settle it",
        Effect::FinishSplits => "finish its splitting",
        Effect::ReleaseReserve => "release its reserve",
        Effect::Return(_) => "return what came too much",
        Effect::Refund(_) => "refund it",
        Effect::Notify(_) => "tell of it",
    }
}
