//! Rules of every store for statements, their pieces and their plans.

use std::sync::Arc;

use lezai_core::id::{MerchantId, OrderId, StatementId};
use lezai_core::ledger::{Account, Entry, GENESIS, Kind, Posting};
use lezai_core::money::Currency;
use lezai_core::time::Timestamp;
use lezai_store::statements::{
    Chunk, Cursor, LastPeriod, PlanRecord, StatementRecord, StatementState,
};
use lezai_store::{Page, Scope, Store, StoreError, Tx, read_of, write};

use super::{merchant_id, order_id, ours, record, session};

const NOW: Timestamp = Timestamp::from_secs(1_796_000_000);

pub(super) async fn run(store: &Arc<dyn Store>) {
    a_statement_is_found_by_its_merchant_alone(store).await;
    pieces_are_found_by_the_bytes_in_them(store).await;
    a_plan_is_as_it_was_put_last(store).await;
    a_range_of_the_book_has_the_merchant_s_entries(store).await;
    orders_and_refunds_are_found_by_their_entries(store).await;
}

fn id(n: u8) -> StatementId {
    StatementId::new(NOW.plus_secs(n.into()), [n; 10])
}

fn statement(n: u8) -> StatementRecord {
    StatementRecord {
        id: id(n),
        merchant: merchant_id(),
        kind: "orders.1".to_owned(),
        form: "csv".to_owned(),
        zone: "UTC".to_owned(),
        columns: vec!["net".to_owned()],
        from: Some(NOW),
        to: Some(NOW.plus_secs(60)),
        batches: Vec::new(),
        plan: None,
        after: 3,
        until: 9,
        created_at: NOW,
        kept_until: NOW.plus_secs(n.into()),
        state: StatementState::Making { cursor: Cursor { entry: 3, ..Cursor::default() } },
    }
}

async fn a_statement_is_found_by_its_merchant_alone(store: &Arc<dyn Store>) {
    let all = [1, 2, 3].map(statement);
    let insert = all.clone();
    write(store, ours(), move |tx| insert.iter().try_for_each(|it| tx.insert_statement(it)))
        .await
        .unwrap();
    let failed = StatementRecord {
        state: StatementState::Failed { why: "too_large".to_owned() },
        ..statement(2)
    };
    let update = failed.clone();
    write(store, ours(), move |tx| tx.update_statement(&update)).await.unwrap();
    let found = |of: MerchantId, n| {
        let store = Arc::clone(store);
        async move {
            let read = of.clone();
            read_of(&store, &of, move |view| view.statement(&read, &id(n))).await.unwrap()
        }
    };
    assert_eq!(found(merchant_id(), 1).await, Some(statement(1)));
    assert_eq!(found(merchant_id(), 2).await, Some(failed));
    assert_eq!(found(MerchantId::parse("m_other").unwrap(), 1).await, None);
    let own = &merchant_id();
    let list = |limit, after: Option<u8>| {
        let page = Page { limit, after: after.map(id), from: None, to: None };
        read_of(store, own, move |view| {
            let found = view.statements(&merchant_id(), &page)?;
            Ok(found.into_iter().map(|it| it.id).collect::<Vec<_>>())
        })
    };
    assert_eq!(list(9, None).await.unwrap(), [3, 2, 1].map(id));
    assert_eq!(list(1, Some(3)).await.unwrap(), [2, 1].map(id), "and one more");
    let making = read_of(store, own, |view| view.statements_making(&merchant_id()));
    assert_eq!(making.await.unwrap(), 2);
}

async fn pieces_are_found_by_the_bytes_in_them(store: &Arc<dyn Store>) {
    let chunk = |begins: u64| Chunk { begins, gzip: format!("from {begins}").into_bytes() };
    for (n, begins) in [(1, 0), (1, 100), (1, 250), (3, 0)] {
        let piece = chunk(begins);
        write(store, ours(), move |tx| tx.insert_statement_chunk(&statement(n), &piece))
            .await
            .unwrap();
    }
    let own = &merchant_id();
    let at =
        |n, at| read_of(store, own, move |view| view.statement_chunk(&merchant_id(), &id(n), at));
    for (place, begins) in [(0, 0), (99, 0), (100, 100), (249, 100), (250, 250), (1 << 40, 250)] {
        assert_eq!(at(1, place).await.unwrap(), Some(chunk(begins)), "{place}");
    }
    assert_eq!(at(2, 0).await.unwrap(), None);
    let prune = |now| write(store, Scope::Background, move |tx: &dyn Tx| tx.prune_statements(now));
    prune(NOW.plus_secs(1)).await.unwrap();
    assert!(at(1, 0).await.unwrap().is_some(), "kept until then");
    prune(NOW.plus_secs(2)).await.unwrap();
    assert_eq!(at(1, 250).await.unwrap(), None);
    assert!(at(3, 0).await.unwrap().is_some());
}

async fn a_plan_is_as_it_was_put_last(store: &Arc<dyn Store>) {
    let plan = |name: &str, edition| PlanRecord {
        merchant: merchant_id(),
        name: name.to_owned(),
        kind: "account.1".to_owned(),
        form: "jsonl".to_owned(),
        columns: Vec::new(),
        period: "month".to_owned(),
        zone: "Asia/Shanghai".to_owned(),
        is_on: true,
        edition,
        updated_at: NOW,
        next_end: Some(NOW.plus_secs(60)),
        last: Some(LastPeriod { end: NOW, until: 7, statement: id(1) }),
    };
    for put in [plan("b", 1), plan("a", 1), plan("b", 2)] {
        write(store, ours(), move |tx| tx.put_statement_plan(&put)).await.unwrap();
    }
    let own = &merchant_id();
    let read = read_of(store, own, |view| {
        Ok((view.statement_plans(&merchant_id())?, view.statement_plan(&merchant_id(), "b")?))
    });
    let (all, b) = read.await.unwrap();
    assert_eq!(all, [plan("a", 1), plan("b", 2)]);
    assert_eq!(b, Some(plan("b", 2)));
}

/// An entry that moves so much from one account to another.
fn entry(from: Account, to: Account, minor: i64) -> Entry {
    let currency = Currency::from_code("CNY").unwrap();
    let sides = [(from, -minor), (to, minor)];
    let sides = sides.map(|(account, minor)| Posting { account, minor, currency });
    Entry::new(Kind::Settlement, sides.to_vec()).unwrap()
}

async fn a_range_of_the_book_has_the_merchant_s_entries(store: &Arc<dyn Store>) {
    let pending = || Account::MerchantPending(merchant_id());
    let shared = || Account::ReceiverAvailable(merchant_id(), "tea".to_owned());
    let booked = write(store, ours(), move |tx| {
        let first = tx.last_entry_number()?;
        let subject = order_id(1).into();
        let book = |from, to, secs| tx.book(&subject, &entry(from, to, 10), NOW.plus_secs(secs));
        book(pending(), Account::FeeIncome, 0)?;
        book(Account::FeeIncome, Account::RefundsInFlight, 10)?;
        book(Account::FeeIncome, shared(), 20)?;
        book(pending(), Account::FeeIncome, 20)?;
        Ok::<_, StoreError>(first)
    });
    let first = booked.await.unwrap();
    let own = &merchant_id();
    let read = read_of(store, own, move |view| {
        let of = merchant_id();
        let entries = |after, until| {
            let found = view.entries_of(&of, after, until, 9)?;
            Ok::<_, StoreError>(found.into_iter().map(|it| it.number - first).collect::<Vec<_>>())
        };
        let before = |secs| view.entry_before(&of, NOW.plus_secs(secs)).map(|it| it - first);
        assert_eq!(entries(first, first + 9)?, [1, 3, 4], "the second is nobody's");
        assert_eq!(entries(first + 1, first + 3)?, [3]);
        assert_eq!([before(0)?, before(1)?, before(20)?, before(21)?], [0, 1, 2, 4]);
        let found = view.entries_of(&of, first, first + 9, 2)?;
        assert_eq!(found.iter().map(|it| it.number - first).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(view.entry_hash(&of, first + 1)?, Some(found[0].hash.clone()));
        assert_eq!(view.entry_hash(&of, first + 99)?, None);
        assert!(first > 0 || found[0].previous == GENESIS);
        let balances = |number| view.balances_after(&pending(), number);
        let minor = |number| balances(number).map(|it| it.first().map(|(_, minor)| *minor));
        let before = minor(first)?.unwrap_or_default();
        assert_eq!(minor(first + 1)?, Some(before - 10));
        assert_eq!(minor(first + 3)?, Some(before - 10));
        assert_eq!(minor(first + 4)?, Some(before - 20));
        // What it did not know then is not there, and not zero.
        assert_eq!(view.balances_after(&shared(), first + 2)?, []);
        assert_eq!(view.balances_after(&shared(), first + 3)?.len(), 1);
        Ok(())
    });
    read.await.unwrap();
}

async fn orders_and_refunds_are_found_by_their_entries(store: &Arc<dyn Store>) {
    let order = || OrderId::new(super::NOW, [81; 10]);
    let read = write(store, ours(), move |tx| {
        for n in [81, 82] {
            tx.insert_order(&record(n, &format!("S-{n}")), &session(n))?;
        }
        let first = tx.last_entry_number()?;
        let currency = Currency::from_code("CNY").unwrap();
        for kind in [Kind::RefundRequest, Kind::Refund, Kind::RefundRequest] {
            let sides = [(Account::MerchantPending(merchant_id()), 1), (Account::FeeIncome, -1)];
            let sides = sides.map(|(account, minor)| Posting { account, minor, currency });
            tx.book(&order().into(), &Entry::new(kind, sides.to_vec()).unwrap(), NOW)?;
        }
        Ok::<_, StoreError>(first)
    });
    let first = read.await.unwrap();
    let own = &merchant_id();
    let read = read_of(store, own, move |view| {
        let of = merchant_id();
        let ids = [order_id(81), order_id(99), order_id(82)];
        let found = view.orders_named(&of, &ids)?;
        let mut numbers: Vec<_> =
            found.iter().map(|it| it.order.terms.merchant_order_id.as_str()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, ["S-81", "S-82"]);
        let before = |entry| view.refunds_before(&of, &order(), first + entry);
        assert_eq!([before(1)?, before(2)?, before(3)?, before(4)?], [0, 1, 1, 2]);
        Ok(())
    });
    read.await.unwrap();
}
