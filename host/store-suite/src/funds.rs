//! The suite that every store must pass for money out.

use std::sync::Arc;

use lezai_core::funds::contract::{Agreed, Contract};
use lezai_core::funds::payout::{Destination, Payout, PayoutState, PayoutTerms};
use lezai_core::id::{MerchantId, OrderId, PayoutId};
use lezai_core::ledger::{Account, Entry, Kind, Posting};
use lezai_core::money::{Currency, Money};
use lezai_core::order::Effect;
use lezai_core::time::Timestamp;
use lezai_store::funds::Statement;
use lezai_store::{Lane, Page, Scope, Store, StoreError, Task, Tx, read_of, write};

use super::{merchant_id, ours};

const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

/// Personal data that the suite puts into payouts and contracts: a store with a root key keeps none of it in clear.
pub const PLANTED: [&str; 4] =
    ["6222020200112233445", "Planted Tea House", "Leaves for Planted", "planted-pay-to-77"];

pub(super) async fn run(store: &Arc<dyn Store>) {
    a_payout_is_kept_whole(store).await;
    a_destination_is_known_once_it_was_paid(store).await;
    a_contract_is_kept_whole_and_in_its_order(store).await;
    movements_are_counted_as_they_are_listed(store).await;
    what_settles_at_a_cut_off_is_waited_for_until_it_is_done(store).await;
    a_close_that_is_planned_twice_waits_once(store).await;
}

pub(super) fn payout(n: u8) -> Payout {
    let cny = |minor| Money::new(minor, Currency::from_code("CNY").unwrap()).unwrap();
    let terms = PayoutTerms {
        id: PayoutId::new(NOW.plus_secs(n.into()), [n; 10]),
        merchant: merchant_id(),
        merchant_payout_id: format!("P-{n}"),
        receiver: None,
        amount: cny(1000 + i64::from(n)),
        fee: cny(1),
        fee_returned: false,
        channel: "sandbox".to_owned(),
        destination: Destination {
            kind: "bank_account".to_owned(),
            account: PLANTED[0].to_owned(),
            holder: Some(PLANTED[1].to_owned()),
        },
        description: Some(PLANTED[2].to_owned()),
        contract: 0,
        settlement: None,
        batch: None,
        created_at: NOW.plus_secs(n.into()),
        not_before: NOW,
    };
    let state = PayoutState::Queued;
    Payout { terms, state, approval: None, attention: Vec::new(), version: 1, notices: 0 }
}

async fn a_payout_is_kept_whole(store: &Arc<dyn Store>) {
    let merchant = merchant_id();
    for n in 1..=3 {
        let put = move |tx: &dyn Tx| tx.insert_payout(&payout(n));
        assert!(write(store, ours(), put).await.unwrap());
        let again = move |tx: &dyn Tx| {
            let mut other = payout(n);
            other.terms.id = PayoutId::new(NOW, [9; 10]);
            tx.insert_payout(&other)
        };
        assert!(!write(store, ours(), again).await.unwrap(), "its number is taken");
    }
    let mut changed = payout(2);
    changed.version = 2;
    changed.state = PayoutState::Sent { at: NOW };
    let put = changed.clone();
    write(store, ours(), move |tx| tx.update_payout(&put)).await.unwrap();
    let page = Page { limit: 2, after: None, from: None, to: None };
    let found = read_of(store, &merchant, move |view| {
        let merchant = merchant_id();
        assert_eq!(view.payout(&changed.terms.id)?.as_ref(), Some(&changed));
        let by_number = view.payout_by_merchant_payout_id(&merchant, "P-2")?;
        assert_eq!(by_number.as_ref(), Some(&changed));
        assert_eq!(view.payouts(&merchant, Some("sent"), &page)?, [changed.clone()]);
        assert_eq!(view.payouts_of_status("sent", &page)?, [changed.clone()]);
        view.payouts(&merchant, None, &page)
    });
    let page = found.await.unwrap();
    let numbers: Vec<_> = page.iter().map(|it| it.terms.merchant_payout_id.as_str()).collect();
    assert_eq!(numbers, ["P-3", "P-2", "P-1"]);
}

/// One to which nothing was paid yet is new, whatever was accepted and then refused or called off.
async fn a_destination_is_known_once_it_was_paid(store: &Arc<dyn Store>) {
    let since = async || {
        let merchant = merchant_id();
        let found = read_of(store, &merchant, |view| {
            let (merchant, known) = (merchant_id(), payout(1).terms.destination);
            let other = Destination { account: "6222020200112233446".to_owned(), ..known.clone() };
            assert_eq!(view.destination_since(&merchant, &other)?, None);
            view.destination_since(&merchant, &known)
        });
        found.await.unwrap()
    };
    assert_eq!(since().await, None, "payouts to it were accepted, and one was sent");
    let paid = || PayoutState::Paid { channel_ref: "R-1".to_owned(), at: NOW };
    let refused = PayoutState::Failed { code: "refused".to_owned(), at: NOW };
    let first = Some(NOW.plus_secs(2));
    for (n, version, state, known) in
        [(1, 2, refused, None), (2, 3, paid(), first), (3, 2, paid(), first)]
    {
        let put = Payout { version, state, ..payout(n) };
        write(store, ours(), move |tx| tx.update_payout(&put)).await.unwrap();
        assert_eq!(since().await, known, "P-{n}");
    }
}

async fn a_contract_is_kept_whole_and_in_its_order(store: &Arc<dyn Store>) {
    let agreed = |number: u32| {
        let standard = Agreed::standard();
        let pay_to = (number == 2).then(|| Destination {
            kind: "bank_account".to_owned(),
            account: PLANTED[3].to_owned(),
            holder: Some(PLANTED[1].to_owned()),
        });
        let contract = Contract::standard().with_pay_to(pay_to);
        Agreed { number, contract, ..standard }
    };
    for number in 1..=2 {
        let put = move |tx: &dyn Tx| tx.insert_contract(&merchant_id(), &agreed(number));
        write(store, ours(), put).await.unwrap();
    }
    let merchant = merchant_id();
    let found = read_of(store, &merchant, |view| view.contracts(&merchant_id()));
    assert_eq!(found.await.unwrap(), [agreed(1), agreed(2)]);
}

async fn movements_are_counted_as_they_are_listed(store: &Arc<dyn Store>) {
    let merchant = MerchantId::parse("m_counted").unwrap();
    let (available, owes) =
        (Account::MerchantAvailable(merchant.clone()), Account::MerchantOwes(merchant.clone()));
    let cny = Currency::from_code("CNY").unwrap();
    // On the one, on the other, and twice on both at once.
    for (n, sides) in [(1, [-5, 0]), (2, [0, 3]), (3, [5, 2]), (4, [-1, -5]), (5, [-1, 0])] {
        let accounts = [available.clone(), owes.clone()];
        let moved = sides.iter().sum::<i64>();
        let write = write(store, Scope::Merchant(merchant.clone()), move |tx| {
            let all = accounts.into_iter().zip(sides).chain([(Account::FeeIncome, -moved)]);
            let posting = |(account, minor)| Posting { account, minor, currency: cny };
            let postings = all.map(posting).filter(|it| it.minor != 0).collect();
            let entry = Entry::new(Kind::RefundRequest, postings).unwrap();
            let order = OrderId::new(NOW, [n; 10]);
            tx.book(&order.into(), &entry, NOW).map(drop)
        });
        write.await.unwrap();
    }
    let of = merchant.clone();
    let counted = read_of(store, &merchant, move |view| {
        let to = view.last_entry_number()?;
        let accounts = [available, owes];
        let count = |accounts: &[Account], after, limit| {
            let of = Statement { accounts, currency: cny, after, to, limit };
            let listed = view.movements(&of)?;
            Ok::<_, StoreError>((view.count_movements(&of)?, listed.len()))
        };
        assert_eq!(count(&accounts, 0, u32::MAX)?, (5, 5), "{of}");
        assert_eq!(count(&accounts, 0, 2)?, (5, 2), "whatever the limit");
        assert_eq!(count(&accounts[..1], 0, u32::MAX)?, (4, 4));
        assert_eq!(count(&[], 0, u32::MAX)?, (0, 0));
        count(&accounts, to - 2, u32::MAX)
    });
    assert_eq!(counted.await.unwrap(), (2, 2));
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
