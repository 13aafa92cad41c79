//! The suite that every store must pass for money out.

use std::sync::Arc;

use lezai_core::id::OrderId;
use lezai_core::order::Effect;
use lezai_core::time::Timestamp;
use lezai_store::{Lane, Scope, Store, Task, Tx, read_of, write};

use super::{merchant_id, ours};

const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

pub(super) async fn run(store: &Arc<dyn Store>) {
    what_settles_at_a_cut_off_is_waited_for_until_it_is_done(store).await;
    a_close_that_is_planned_twice_waits_once(store).await;
}

/// A close that is done twice, since the gateway died before it was noted as done, plans its successor twice.
async fn a_close_that_is_planned_twice_waits_once(store: &Arc<dyn Store>) {
    let close = |cut_off| Task::CloseBatches { merchant: merchant_id(), contract: 1, cut_off };
    let (first, second) = (NOW.plus_secs(200_000), NOW.plus_secs(300_000));
    for cut_off in [first, first, second, first] {
        write(store, ours(), move |tx| tx.schedule(&close(cut_off), cut_off)).await.unwrap();
    }
    let claim = |tx: &dyn Tx| {
        tx.claim_tasks(Lane::Orders, NOW.plus_secs(400_000), NOW.plus_secs(400_060), 10)
    };
    let claimed = write(store, Scope::Background, claim).await.unwrap();
    assert_eq!(claimed.len(), 2, "{claimed:?}");
    // It is being done: planned again, it is still the one that is there.
    write(store, ours(), move |tx| tx.schedule(&close(first), first)).await.unwrap();
    for task in claimed {
        write(store, Scope::Background, move |tx| tx.finish_task(task.number)).await.unwrap();
    }
    assert!(write(store, Scope::Background, claim).await.unwrap().is_empty());
    // Done, it can be planned anew.
    write(store, ours(), move |tx| tx.schedule(&close(first), first)).await.unwrap();
    let claimed = write(store, Scope::Background, claim).await.unwrap();
    assert_eq!(claimed.len(), 1);
    let number = claimed[0].number;
    write(store, Scope::Background, move |tx| tx.finish_task(number)).await.unwrap();
}

async fn what_settles_at_a_cut_off_is_waited_for_until_it_is_done(store: &Arc<dyn Store>) {
    let merchant = merchant_id();
    let waits = |at: Timestamp| read_of(store, &merchant, move |view| view.settlements_wait(at));
    let task = |what| Task::Order { order: OrderId::new(NOW, [7; 10]), what };
    let (settle, expire) = (task(Effect::Settle), task(Effect::Expire));
    write(store, ours(), move |tx| {
        tx.schedule(&expire, NOW.plus_secs(-5))?;
        tx.schedule(&settle, NOW)
    })
    .await
    .unwrap();
    assert!(!waits(NOW.plus_secs(-1)).await.unwrap(), "it is not due by then");
    assert!(waits(NOW).await.unwrap());
    // The worker takes it late, after an outage over the cut-off.
    let late = NOW.plus_secs(86_400);
    let claimed = write(store, Scope::Background, move |tx| {
        tx.claim_tasks(Lane::Orders, late, late.plus_secs(60), 10)
    })
    .await
    .unwrap();
    assert_eq!(claimed.len(), 2);
    assert!(waits(NOW).await.unwrap(), "it is being done");
    assert!(!waits(NOW.plus_secs(-1)).await.unwrap());
    write(store, Scope::Background, |tx| tx.end_leases()).await.unwrap();
    assert!(waits(NOW).await.unwrap(), "the worker died");
    for task in claimed {
        write(store, Scope::Background, move |tx| tx.finish_task(task.number)).await.unwrap();
    }
    assert!(!waits(late).await.unwrap(), "it is done");
}
