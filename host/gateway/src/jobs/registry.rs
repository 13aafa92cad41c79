//! Every kind of task, and the job that it is.

use lezai_core::order::{Effect, Event};
use lezai_store::Task;

use super::cancel::Cancel;
use super::capture::Capture;
use super::debit::{Debit, WatchDebit};
use super::deliver::Deliver;
use super::due::Due;
use super::mandate::Mandate;
use super::payment_return::PaymentReturn;
use super::payout::{CloseBatches, Payout, PlanBatches};
use super::query::Query;
use super::refund::Refund;
use super::reverse::Reverse;
use super::statement::{MakeStatement, PlanStatement};
use super::void::Void;
use super::{Done, Job, Running, Turn};

/// The job of a task.
pub(super) fn job(task: Task) -> Box<dyn Job> {
    let (order, effect) = match task {
        Task::Deliver { event, round } => return Box::new(Deliver { event, round }),
        Task::Payout { payout, what } => return Box::new(Payout { payout, what }),
        Task::Mandate { mandate, what } => return Box::new(Mandate { mandate, what }),
        Task::CloseBatches { merchant, contract, cut_off } => {
            return Box::new(CloseBatches { merchant, contract, cut_off });
        }
        Task::PlanBatches { merchant, contract, after } => {
            return Box::new(PlanBatches { merchant, contract, after });
        }
        Task::ReturnPayment { difference } => return Box::new(PaymentReturn { difference }),
        Task::MakeStatement { merchant, statement } => {
            return Box::new(MakeStatement { merchant, statement });
        }
        Task::PlanStatement { merchant, plan, edition, end } => {
            return Box::new(PlanStatement { merchant, plan, edition, end });
        }
        Task::Order { order, what } => (order, what),
    };
    match effect {
        Effect::Expire => Box::new(Due { order, event: Event::Expired }),
        Effect::Release => Box::new(Due { order, event: Event::ReleaseDue }),
        Effect::Settle => Box::new(Due { order, event: Event::SettlementDue }),
        Effect::FinishSplits => Box::new(Due { order, event: Event::SplitTimeOver }),
        Effect::ReleaseReserve => Box::new(Due { order, event: Event::ReserveDue }),
        Effect::Debit(attempt) => Box::new(Debit { order, attempt }),
        Effect::WatchDebit(attempt) => Box::new(WatchDebit { order, attempt }),
        Effect::Query(attempt) => Box::new(Query { order, attempt }),
        Effect::Cancel(attempt) => Box::new(Cancel { order, attempt }),
        Effect::Capture(attempt) => Box::new(Capture { order, attempt }),
        Effect::Void(attempt) => Box::new(Void { order, attempt }),
        Effect::Return(attempt) => Box::new(Reverse { order, attempt }),
        Effect::Refund(refund) => Box::new(Refund { order, refund }),
        // Put into words when it was committed, and delivered as a task of its own.
        Effect::Notify(_) => Box::new(Nothing),
    }
}

/// Nothing is left to do.
struct Nothing;

impl Job for Nothing {
    fn run<'j>(&'j self, _: &'j Turn<'_>) -> Running<'j> {
        Box::pin(async { Ok(Done::Finished) })
    }
}
