//! Splits and receivers, as every store must keep them.

use std::sync::Arc;

use lezai_core::funds::payout::Destination;
use lezai_core::funds::receiver::{Receiver, ReceiverKind};
use lezai_core::id::{AttemptId, MerchantId, ReceiverId, SplitId, SplitReturnId};
use lezai_core::money::Money;
use lezai_core::order::{
    Attempt, Event, NewSplit, NewSplitReturn, Order, SETTLEMENT_SECS, SplitMode, SplitTime, Terms,
    step,
};
use lezai_core::policy::Share;
use lezai_store::{OrderRecord, Page, Store, read, read_of, write};

use super::{NOW, merchant_id, order_id, ours, record, session};

pub(super) async fn run(store: &Arc<dyn Store>) {
    a_receiver_is_found_by_its_name_and_by_the_page(store).await;
    a_split_and_its_return_are_found_by_their_numbers(store).await;
}

async fn a_receiver_is_found_by_its_name_and_by_the_page(store: &Arc<dyn Store>) {
    let receiver = |n: u8| Receiver {
        id: ReceiverId::new(NOW.plus_secs(n.into()), [n; 10]),
        merchant: merchant_id(),
        name: format!("r{n}"),
        kind: ReceiverKind::Person,
        destination: Some(Destination {
            kind: "bank_account".to_owned(),
            account: format!("6222-{n}"),
            holder: None,
        }),
        created_at: NOW,
        removed_at: None,
    };
    for n in 1..=3 {
        write(store, ours(), move |tx| tx.put_receiver(&receiver(n))).await.unwrap();
    }
    let removed = receiver(2).remove(NOW);
    let put = removed.clone();
    write(store, ours(), move |tx| tx.put_receiver(&put)).await.unwrap();
    let page = move |after: Option<u8>| Page {
        limit: 1,
        after: after.map(|n| receiver(n).id),
        from: None,
        to: None,
    };
    let merchant = merchant_id();
    let found = read_of(store, &merchant, move |view| {
        let merchant = merchant_id();
        assert_eq!(view.receiver(&receiver(2).id)?, Some(removed.clone()));
        assert_eq!(view.receiver_by_name(&merchant, "r2")?, Some(removed));
        assert_eq!(view.receiver_by_name(&merchant, "r9")?, None);
        let nobody = MerchantId::parse("m_nobody").unwrap();
        assert_eq!(view.receiver_by_name(&nobody, "r2")?, None);
        Ok([view.receivers(&merchant, &page(None))?, view.receivers(&merchant, &page(Some(2)))?])
    });
    let names = found.await.unwrap().map(|it| it.into_iter().map(|it| it.name).collect::<Vec<_>>());
    assert_eq!(names, [vec!["r3", "r2"], vec!["r1"]]);
}

async fn a_split_and_its_return_are_found_by_their_numbers(store: &Arc<dyn Store>) {
    let (split, back) = (SplitId::new(NOW, [1; 10]), SplitReturnId::new(NOW, [2; 10]));
    let made = record(90, "A-90");
    let terms = Terms { split: SplitTime::Later, ..made.order.terms.clone() };
    let amount = terms.amount;
    let mut order = Order::create(terms).unwrap().order;
    let record = OrderRecord { order: order.clone(), ..made };
    write(store, ours(), move |tx| tx.insert_order(&record, &session(90))).await.unwrap();
    let attempt = Attempt {
        id: AttemptId::new(NOW, [90; 10]),
        method: "wallet_qr".to_owned(),
        channel: "sandbox".to_owned(),
        instalments: None,
        account: None,
        begun_at: None,
        by_code: false,
        routed: None,
    };
    let paid = Event::Paid { attempt: attempt.id.clone(), amount, channel_ref: "c".to_owned() };
    let share = Share { receiver: "tea".to_owned(), amount };
    let part = Money::new(100, amount.currency()).unwrap();
    let split_by = NewSplit {
        id: split.clone(),
        merchant_split_id: "S-1".to_owned(),
        mode: SplitMode::Partial,
        shares: vec![
            Share { amount: part, ..share.clone() },
            Share { receiver: "cup".to_owned(), ..share },
        ],
        removed: Vec::new(),
    };
    let given_back = NewSplitReturn {
        id: back.clone(),
        split: split.clone(),
        merchant_return_id: "T-1".to_owned(),
        receiver: "tea".to_owned(),
        amount: part,
        available: part,
    };
    let later = NOW.plus_secs(SETTLEMENT_SECS);
    for (event, at) in [
        (Event::MethodChosen(attempt), NOW),
        (paid, NOW),
        (Event::SettlementDue, later),
        (Event::SplitRequested(split_by), later),
        (Event::SplitReturnRequested(given_back), later),
    ] {
        order = step(order, event, at).unwrap().order;
        let now = order.clone();
        write(store, ours(), move |tx| tx.update_order(&now)).await.unwrap();
    }
    let found = read(store, move |view| view.order(&order_id(90))).await.unwrap().unwrap();
    assert_eq!(found.order, order);
    let of = split.clone();
    let order = read(store, move |view| view.order_of_split(&of)).await.unwrap();
    assert_eq!(order, Some(order_id(90)));
    let by_number = read(store, |view| {
        let merchant = merchant_id();
        Ok((
            view.split_by_merchant_split_id(&merchant, "S-1")?,
            view.split_by_merchant_split_id(&merchant, "S-2")?,
            view.return_by_merchant_return_id(&merchant, "T-1")?,
            view.return_by_merchant_return_id(&merchant, "S-1")?,
        ))
    });
    assert_eq!(by_number.await.unwrap(), (Some(split), None, Some(back), None));
}
