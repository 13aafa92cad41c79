//! Batches of payouts, as every store must keep them.

use std::sync::Arc;

use lezai_core::funds::payout::{Approval, Payout, PayoutState};
use lezai_core::funds::payout_batch::{PayoutBatch, PayoutBatchTerms};
use lezai_core::id::{PayoutBatchId, PayoutId};
use lezai_core::money::{Currency, Money};
use lezai_store::{Page, Store, StoreError, Tx, read, read_of, write};

use super::funds::payout;
use super::{NOW, merchant_id, ours};

fn cny(minor: i64) -> Money {
    Money::new(minor, Currency::from_code("CNY").unwrap()).unwrap()
}

fn batch(n: u8, needs_approval: bool) -> PayoutBatch {
    PayoutBatch::accept(PayoutBatchTerms {
        id: PayoutBatchId::new(NOW.plus_secs(n.into()), [n; 10]),
        merchant: merchant_id(),
        merchant_payout_batch_id: format!("B-{n}"),
        total: cny(300),
        fee: cny(2),
        count: 2,
        needs_approval,
        contract: 0,
        created_at: NOW,
    })
}

/// A payout of a batch.
fn of(batch: &PayoutBatch, n: u8, minor: i64, state: PayoutState) -> Payout {
    let mut payout = payout(n);
    payout.terms.batch = Some(batch.terms.id.clone());
    payout.terms.amount = cny(minor);
    payout.state = state;
    payout
}

pub(super) async fn run(store: &Arc<dyn Store>) {
    a_batch_is_found_by_its_numbers_and_by_the_page(store).await;
    what_of_a_batch_is_in_which_state_its_payouts_say(store).await;
}

async fn a_batch_is_found_by_its_numbers_and_by_the_page(store: &Arc<dyn Store>) {
    for (n, waits) in [(1, false), (2, true), (3, true)] {
        let put = move |tx: &dyn Tx| tx.insert_payout_batch(&batch(n, waits));
        assert!(write(store, ours(), put).await.unwrap());
        let mut again = batch(n, waits);
        again.terms.id = PayoutBatchId::new(NOW, [9; 10]);
        let put = move |tx: &dyn Tx| tx.insert_payout_batch(&again);
        assert!(!write(store, ours(), put).await.unwrap(), "its number is taken");
    }
    let approval =
        Approval { approved: true, reason: "Known".to_owned(), by: "operator".to_owned(), at: NOW };
    let decided = batch(2, true).decide(approval).unwrap();
    for is_first in [true, false] {
        let decided = decided.clone();
        let put = write(store, ours(), move |tx| tx.update_payout_batch(&decided)).await;
        assert_eq!(put.is_ok(), is_first, "a batch is not written twice at one version");
    }
    let page = move |after: Option<u8>| Page {
        limit: 1,
        after: after.map(|n| batch(n, false).terms.id),
        from: None,
        to: None,
    };
    let ours_alone = merchant_id();
    let found = read_of(store, &ours_alone, move |view| {
        let merchant = merchant_id();
        assert_eq!(view.payout_batch(&decided.terms.id)?.as_ref(), Some(&decided));
        let by_number = view.payout_batch_by_number(&merchant, "B-2")?;
        assert_eq!(by_number, Some(decided));
        assert_eq!(view.payout_batch_by_number(&merchant, "B-9")?, None);
        Ok([
            view.payout_batches(&merchant, &page(None))?,
            view.payout_batches(&merchant, &page(Some(2)))?,
            view.payout_batches_that_wait(&page(None))?,
        ])
    });
    let number = |it: PayoutBatch| it.terms.merchant_payout_batch_id;
    let found = found.await.unwrap().map(|it| it.into_iter().map(number).collect::<Vec<_>>());
    assert_eq!(found, [vec!["B-3", "B-2"], vec!["B-1"], vec!["B-3"]]);
}

async fn what_of_a_batch_is_in_which_state_its_payouts_say(store: &Arc<dyn Store>) {
    let batch = batch(1, false);
    let paid = || PayoutState::Paid { channel_ref: "c".to_owned(), at: NOW };
    let payouts = [
        of(&batch, 11, 100, paid()),
        of(&batch, 12, 150, paid()),
        of(&batch, 13, 50, PayoutState::Sent { at: NOW }),
    ];
    let last = payouts[2].clone();
    for payout in payouts {
        let put = move |tx: &dyn Tx| tx.insert_payout(&payout);
        assert!(write(store, ours(), put).await.unwrap());
    }
    let merchant = merchant_id();
    let look = |batch: PayoutBatch| {
        read_of(store, &merchant, move |view| {
            let tally = view.tally(&batch)?.into_iter();
            let tally: Vec<_> = tally.map(|it| (it.status, it.count, it.amount.minor())).collect();
            Ok((tally, view.is_open(&batch)?))
        })
    };
    let (tally, is_open) = look(batch.clone()).await.unwrap();
    assert_eq!((tally, is_open), (vec![("paid", 2, 250), ("sent", 1, 50)], true));
    let ended = Payout { state: paid(), version: 2, ..last };
    write(store, ours(), move |tx| tx.update_payout(&ended)).await.unwrap();
    assert_eq!(look(batch.clone()).await.unwrap(), (vec![("paid", 3, 300)], false));
    let found = read_of(store, &merchant, move |view| {
        let page = |after: Option<PayoutId>| Page { limit: 2, after, from: None, to: None };
        let first = view.payouts_of_batch(&batch, None, &page(None))?;
        let rest = view.payouts_of_batch(&batch, Some("paid"), &page(Some(payout(12).terms.id)))?;
        let other = view.payouts_of_batch(&batch, Some("sent"), &page(None))?;
        Ok([first, rest, other])
    });
    let number = |it: Payout| it.terms.merchant_payout_id;
    let found = found.await.unwrap().map(|it| it.into_iter().map(number).collect::<Vec<_>>());
    assert_eq!(found, [vec!["P-13", "P-12", "P-11"], vec!["P-11"], vec![]]);
    only_what_is_no_batch_s_waits_to_be_decided_on_alone(store).await;
}

async fn only_what_is_no_batch_s_waits_to_be_decided_on_alone(store: &Arc<dyn Store>) {
    let batch = batch(2, true);
    let alone = |n: u8| Payout { state: PayoutState::NeedsApproval, ..payout(n) };
    let waiting = [
        of(&batch, 21, 100, PayoutState::NeedsApproval),
        alone(22),
        alone(23),
        of(&batch, 24, 100, PayoutState::NeedsApproval),
    ];
    for payout in waiting {
        let put = move |tx: &dyn Tx| tx.insert_payout(&payout);
        assert!(write(store, ours(), put).await.unwrap());
    }
    let found = read(store, move |view| {
        let page = |after: Option<PayoutId>| Page { limit: 1, after, from: None, to: None };
        let first = view.payouts_that_wait(&page(None))?;
        let rest = view.payouts_that_wait(&page(Some(payout(23).terms.id)))?;
        Ok::<_, StoreError>([first, rest])
    });
    let number = |it: Payout| it.terms.merchant_payout_id;
    let found = found.await.unwrap().map(|it| it.into_iter().map(number).collect::<Vec<_>>());
    assert_eq!(found, [vec!["P-23", "P-22"], vec!["P-22"]]);
}
