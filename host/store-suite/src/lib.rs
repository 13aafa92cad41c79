//! The suite that every store must pass. Each store's own tests call [`run`] with a way to open it.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by its place")]

mod accounts;
mod bills;
mod fees;
mod funds;
mod fx;
mod mandates;
mod payout_batches;
mod plugins;
mod splits;
mod statements;

use std::sync::Arc;

pub use funds::PLANTED;
use lezai_core::funds::mandate::{MandateEffect, MandateNotice};
use lezai_core::funds::payout::PayoutEffect;
use lezai_core::id::{
    AttemptId, DifferenceId, EventId, MandateId, MerchantId, OrderId, PayoutId, RefundId,
    SessionId, StatementId,
};
use lezai_core::key::Jwk;
use lezai_core::ledger::{Account, Entry, Kind, Posting};
use lezai_core::money::{Currency, Money};
use lezai_core::order::{
    Attempt, Capture, Charges, Credential, Effect, Event, Offer, Order, RefundBearer,
    ReviewVerdict, SplitTime, Terms, step,
};
use lezai_core::payer::Payer;
use lezai_core::policy::{Customer, Device, OrderFacts, Profile, Scene, Velocity};
use lezai_core::routing::{OrderedBy, Reason, Routed, RoutedBy, RoutedCandidate};
use lezai_core::time::Timestamp;

use lezai_store::Details;
use lezai_store::OrderSample;
use lezai_store::Page;
use lezai_store::brand::{Brand, Rgb};
use lezai_store::decision::{DecisionRecord, HookRecord, HooksRecord, VerdictRecord};
use lezai_store::{
    Claim, DueTask, IdempotencyKey, Lane, MerchantRecord, OrderRecord, Scope, SessionRecord, Store,
    StoreError, StoredResponse, Task, read, read_of, write,
};

const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

/// The place in a trace of the request that made an order.
const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Runs the suite on stores that `open` gives: each time the same one, opened anew.
pub async fn run(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    write(&store, ours(), |tx| tx.put_merchant(&merchant())).await.unwrap();
    a_job_s_writes_are_all_there_or_none_is(&store).await;
    a_panic_undoes_its_own_job_alone(&store).await;
    one_of_many_takes_a_number(&store).await;
    a_session_remembers_who_had_it(&store).await;
    a_nonce_is_taken_once(&store).await;
    a_task_is_leased_finished_and_postponed(&store).await;
    every_task_reads_back(&store).await;
    a_refund_is_found_by_its_numbers(&store).await;
    orders_are_listed_by_the_page(&store).await;
    open_reviews_are_listed_by_the_page(&store).await;
    what_is_counted_of_orders_is_there(&store).await;
    the_first_answer_is_kept(&store).await;
    accounts::run(&store).await;
    bills::run(&store).await;
    funds::run(&store).await;
    payout_batches::run(&store).await;
    mandates::run(&store).await;
    fees::run(&store).await;
    splits::run(&store).await;
    fx::run(&store).await;
    plugins::run(&store, merchant_id(), record(1, "A-1").details).await;
    drop(store);
    what_was_committed_is_there_when_opened_anew(&open).await;
    // Last, for it books later than the others look.
    statements::run(&open()).await;
}

async fn a_job_s_writes_are_all_there_or_none_is(store: &Arc<dyn Store>) {
    let failed = write(store, ours(), |tx| {
        tx.insert_order(&record(1, "A-1"), &session(1))?;
        Err::<(), _>(StoreError::Damaged("on purpose".to_owned()))
    });
    assert!(failed.await.is_err());
    assert!(read(store, |view| view.order(&order_id(1))).await.unwrap().is_none());
    assert!(read(store, |view| view.session(&session_id(1))).await.unwrap().is_none());
}

async fn a_panic_undoes_its_own_job_alone(store: &Arc<dyn Store>) {
    let panics = write(store, ours(), |tx| {
        tx.insert_order(&record(1, "A-1"), &session(1))?;
        panic!("on purpose");
        #[expect(unreachable_code, reason = "names the result's type")]
        Ok::<(), StoreError>(())
    });
    let beside = write(store, ours(), |tx| tx.insert_order(&record(2, "A-2"), &session(2)));
    let (panicked, beside) = tokio::join!(panics, beside);
    assert!(matches!(panicked, Err(StoreError::Abandoned)));
    assert!(beside.unwrap());
    assert!(read(store, |view| view.order(&order_id(1))).await.unwrap().is_none());
    assert!(read(store, |view| view.order(&order_id(2))).await.unwrap().is_some());
}

async fn one_of_many_takes_a_number(store: &Arc<dyn Store>) {
    let mut tries = tokio::task::JoinSet::new();
    for n in 10..60 {
        let store = Arc::clone(store);
        tries.spawn(async move {
            write(&store, ours(), move |tx| tx.insert_order(&record(n, "A-10"), &session(n)))
                .await
                .unwrap()
        });
    }
    assert_eq!(tries.join_all().await.into_iter().filter(|taken| *taken).count(), 1);
    let found =
        read(store, |view| view.order_by_merchant_order_id(&merchant_id(), "A-10")).await.unwrap();
    assert_eq!(found.unwrap().order.terms.merchant_order_id, "A-10");
}

async fn a_session_remembers_who_had_it(store: &Arc<dyn Store>) {
    let jwk = |x: &str| Jwk {
        kty: "EC".to_owned(),
        crv: "P-256".to_owned(),
        x: x.to_owned(),
        y: "y".to_owned(),
    };
    let claim = |x, secs| Claim {
        key: jwk(x),
        origin: "https://shop.example".to_owned(),
        at: NOW.plus_secs(secs),
    };
    write(store, ours(), |tx| tx.insert_order(&record(70, "A-70"), &session(70))).await.unwrap();
    for (n, x) in ["a", "b", "c"].into_iter().enumerate() {
        let made = claim(x, 1);
        write(store, ours(), move |tx| tx.claim_session(&session_id(70), &made)).await.unwrap();
        let found = read(store, |view| view.session(&session_id(70))).await.unwrap().unwrap();
        assert_eq!(found.claim, Some(claim(x, 1)));
        assert_eq!(found.claims, u32::try_from(n).unwrap() + 1);
    }
    // Another takes its place: the order names that one, and both are found.
    let second = SessionRecord { id: session_id(71), ..session(70) };
    write(store, ours(), move |tx| tx.renew_session(&second, NOW)).await.unwrap();
    let order = read(store, |view| view.order(&order_id(70))).await.unwrap().unwrap();
    assert_eq!(order.session, session_id(71));
    let found = read(store, |view| view.session(&session_id(71))).await.unwrap().unwrap();
    assert_eq!((found.order, found.claim, found.claims), (order_id(70), None, 0));
    assert!(read(store, |view| view.session(&session_id(70))).await.unwrap().is_some());
    for (n, former) in [(70, 1), (2, 0)] {
        let counted = read(store, move |view| view.former_sessions(&order_id(n))).await;
        assert_eq!(counted.unwrap(), former);
    }
}

async fn a_nonce_is_taken_once(store: &Arc<dyn Store>) {
    for (keyid, nonce, taken) in [("k1", "n", true), ("k1", "n", false), ("k2", "n", true)] {
        let got = write(store, ours(), move |tx| tx.take_nonce(keyid, nonce, NOW)).await;
        assert_eq!(got.unwrap(), taken, "{keyid}");
    }
    write(store, Scope::Background, |tx| tx.prune(NOW.plus_secs(1), NOW)).await.unwrap();
    assert!(write(store, ours(), |tx| tx.take_nonce("k1", "n", NOW)).await.unwrap());
}

async fn a_task_is_leased_finished_and_postponed(store: &Arc<dyn Store>) {
    let claim = |now: Timestamp| {
        write(store, Scope::Background, move |tx| {
            tx.claim_tasks(Lane::Orders, now, now.plus_secs(60), 10)
        })
    };
    let tries = |tasks: &[DueTask]| tasks.iter().map(|it| it.tries).collect::<Vec<_>>();
    let task = Task::Order { order: order_id(2), what: Effect::Expire };
    write(store, ours(), move |tx| tx.schedule(&task, NOW)).await.unwrap();
    assert_eq!(read(store, |view| view.next_due(Lane::Orders)).await.unwrap(), Some(NOW));
    assert!(claim(NOW.plus_secs(-1)).await.unwrap().is_empty());
    let claimed = claim(NOW).await.unwrap();
    assert_eq!(tries(&claimed), [0]);
    assert!(claim(NOW.plus_secs(59)).await.unwrap().is_empty(), "it is leased");
    assert_eq!(tries(&claim(NOW.plus_secs(60)).await.unwrap()), [1], "the lease is over");
    write(store, Scope::Background, |tx| tx.end_leases()).await.unwrap();
    assert_eq!(tries(&claim(NOW.plus_secs(60)).await.unwrap()), [2], "the lease was ended");
    let number = claimed[0].number;
    write(store, Scope::Background, move |tx| tx.postpone_task(number, NOW.plus_secs(500), "busy"))
        .await
        .unwrap();
    write(store, Scope::Background, |tx| tx.end_leases()).await.unwrap();
    assert!(claim(NOW.plus_secs(499)).await.unwrap().is_empty(), "to wait is no lease");
    assert_eq!(tries(&claim(NOW.plus_secs(500)).await.unwrap()), [3]);
    write(store, Scope::Background, move |tx| tx.put_off_task(number, NOW.plus_secs(600)))
        .await
        .unwrap();
    assert!(claim(NOW.plus_secs(599)).await.unwrap().is_empty());
    assert_eq!(tries(&claim(NOW.plus_secs(600)).await.unwrap()), [3], "to be put off is no try");
    write(store, Scope::Background, move |tx| tx.finish_task(number)).await.unwrap();
    assert_eq!(read(store, |view| view.waiting_tasks()).await.unwrap(), 0);
}

async fn a_refund_is_found_by_its_numbers(store: &Arc<dyn Store>) {
    let refund = RefundId::new(NOW, [9; 10]);
    let mut paid = record(3, "A-3").order;
    let attempt = Attempt {
        id: AttemptId::new(NOW, [3; 10]),
        method: "wallet_qr".to_owned(),
        channel: "sandbox".to_owned(),
        instalments: None,
        account: None,
        begun_at: None,
        by_code: false,
        routed: None,
    };
    let (id, amount) = (attempt.id.clone(), paid.terms.amount);
    for event in [
        Event::MethodChosen(attempt),
        Event::Paid { attempt: id, amount, channel_ref: "c".to_owned() },
        Event::RefundRequested {
            id: refund.clone(),
            merchant_refund_id: "R-1".to_owned(),
            amount,
            reason: None,
        },
    ] {
        paid = step(paid, event, NOW).unwrap().order;
    }
    write(store, ours(), move |tx| {
        tx.insert_order(&record(3, "A-3"), &session(3))?;
        tx.update_order(&paid)
    })
    .await
    .unwrap();
    let of = refund.clone();
    let order = read(store, move |view| view.order_of_refund(&of)).await.unwrap();
    assert_eq!(order, Some(order_id(3)));
    for (number, found) in [("R-1", Some(refund)), ("R-2", None)] {
        let by_number =
            read(store, move |view| view.refund_by_merchant_refund_id(&merchant_id(), number));
        assert_eq!(by_number.await.unwrap(), found, "{number}");
    }
}

async fn orders_are_listed_by_the_page(store: &Arc<dyn Store>) {
    let merchant = MerchantRecord { id: MerchantId::parse("m_lists").unwrap(), ..merchant() };
    let of = merchant.id.clone();
    let at = |n: u8| NOW.plus_secs(i64::from(n));
    write(store, Scope::Merchant(of.clone()), move |tx| {
        tx.put_merchant(&merchant)?;
        for n in 200..205 {
            let mut record = record(n, &format!("L-{n}"));
            record.order.terms.id = OrderId::new(at(n), [n; 10]);
            record.order.terms.merchant = of.clone();
            record.session = session_id(n);
            let session = SessionRecord { order: record.order.terms.id.clone(), ..session(n) };
            assert!(tx.insert_order(&record, &session)?);
            if n == 202 {
                let closed = step(record.order, Event::CloseRequested, at(n)).unwrap().order;
                tx.update_order(&closed)?;
            }
        }
        Ok::<_, StoreError>(())
    })
    .await
    .unwrap();
    let all = Page { limit: 10, after: None, from: None, to: None };
    let after = |n| Some(OrderId::new(at(n), [n; 10]));
    for (status, page, expected) in [
        (None, all.clone(), &[204, 203, 202, 201, 200][..]),
        (None, Page { limit: 2, ..all.clone() }, &[204, 203, 202]),
        (None, Page { after: after(202), ..all.clone() }, &[201, 200]),
        (None, Page { after: after(200), ..all.clone() }, &[]),
        (None, Page { from: Some(at(203)), ..all.clone() }, &[204, 203]),
        (None, Page { to: Some(at(203)), ..all.clone() }, &[202, 201, 200]),
        (None, Page { after: after(203), to: Some(at(204)), ..all.clone() }, &[202, 201, 200]),
        (Some("closed"), all.clone(), &[202]),
        (Some("created"), Page { after: after(203), ..all.clone() }, &[201, 200]),
        (Some("paid"), all.clone(), &[]),
    ] {
        let asked = page.clone();
        let of = MerchantId::parse("m_lists").unwrap();
        let found = read(store, move |view| view.orders(&of, status, &asked)).await.unwrap();
        let found: Vec<_> = found.into_iter().map(|it| it.order.terms.merchant_order_id).collect();
        let expected: Vec<_> = expected.iter().map(|n: &u8| format!("L-{n}")).collect();
        assert_eq!(found, expected, "{status:?} {page:?}");
    }
}

/// Orders 60 to 64 are held and paid, newest last; the third is approved.
async fn open_reviews_are_listed_by_the_page(store: &Arc<dyn Store>) {
    let mut ids = Vec::new();
    for n in 60..65_u8 {
        let mut held = record(n, &format!("H-{n}"));
        held.order.terms.held = true;
        held.order.terms.id = OrderId::new(NOW.plus_secs(i64::from(n)), [n; 10]);
        let id = held.order.terms.id.clone();
        let session = SessionRecord { order: id.clone(), ..session(n) };
        let attempt = AttemptId::new(NOW, [n; 10]);
        let mut events = vec![
            Event::MethodChosen(Attempt {
                id: attempt.clone(),
                method: "wallet_qr".to_owned(),
                channel: "sandbox".to_owned(),
                instalments: None,
                account: None,
                begun_at: None,
                by_code: false,
                routed: None,
            }),
            Event::Paid { attempt, amount: held.order.terms.amount, channel_ref: "c".to_owned() },
        ];
        if n == 62 {
            events.push(Event::Reviewed {
                verdict: ReviewVerdict::Approved,
                reason: "Known".to_owned(),
                by: "operator".to_owned(),
                refund: RefundId::new(NOW, [n; 10]),
            });
        }
        write(store, ours(), move |tx| {
            tx.insert_order(&held, &session)?;
            let mut order = held.order;
            for event in events {
                order = step(order, event, NOW).unwrap().order;
                tx.update_order(&order)?;
            }
            Ok::<_, StoreError>(())
        })
        .await
        .unwrap();
        ids.push(id);
    }
    let open = |limit: u32, after: Option<&OrderId>| {
        let page = Page { limit, after: after.cloned(), from: None, to: None };
        read(store, move |view| view.open_reviews(&page))
    };
    let found = |records: Vec<OrderRecord>| -> Vec<OrderId> {
        records.into_iter().map(|it| it.order.terms.id).collect()
    };
    // One more than was asked for, if there is one more.
    let expected = [4, 3, 1].map(|n: usize| ids[n].clone());
    assert_eq!(found(open(2, None).await.unwrap()), expected);
    assert_eq!(found(open(2, Some(&ids[3])).await.unwrap()), [ids[1].clone(), ids[0].clone()]);
    assert_eq!(found(open(100, None).await.unwrap()).len(), 4);
}

async fn every_task_reads_back(store: &Arc<dyn Store>) {
    let on_order = |what| Task::Order { order: order_id(2), what };
    let tasks = [
        on_order(Effect::Expire),
        on_order(Effect::Query(attempt_id())),
        on_order(Effect::Cancel(attempt_id())),
        on_order(Effect::Return(attempt_id())),
        on_order(Effect::Refund(RefundId::new(NOW, [2; 10]))),
        Task::Deliver { event: EventId::new(NOW, [1; 10]), round: 1 },
        Task::Payout { payout: PayoutId::new(NOW, [1; 10]), what: PayoutEffect::Send },
        Task::MakeStatement { merchant: merchant_id(), statement: StatementId::new(NOW, [1; 10]) },
        on_order(Effect::Debit(attempt_id())),
        on_order(Effect::WatchDebit(attempt_id())),
        Task::Mandate {
            mandate: MandateId::new(NOW, [1; 10]),
            what: MandateEffect::Notify(MandateNotice::Activated),
        },
        Task::ReturnPayment { difference: DifferenceId::new(NOW, [3; 10]) },
        Task::PlanStatement {
            merchant: merchant_id(),
            plan: "m_demo/settle".to_owned(),
            edition: 1,
            end: NOW,
        },
    ];
    for task in tasks {
        let scheduled = task.clone();
        write(store, ours(), move |tx| tx.schedule(&scheduled, NOW)).await.unwrap();
        let lane = task.lane();
        let other = Lane::ALL.into_iter().find(|it| *it != lane).unwrap();
        let claim = |lane| {
            write(store, Scope::Background, move |tx| {
                tx.claim_tasks(lane, NOW, NOW.plus_secs(60), 10)
            })
        };
        assert!(claim(other).await.unwrap().is_empty(), "{task:?}");
        let claimed = claim(lane).await.unwrap();
        let [claimed] = &claimed[..] else { panic!("{task:?}: {claimed:?}") };
        assert_eq!(claimed.task, task);
        let number = claimed.number;
        write(store, Scope::Background, move |tx| tx.finish_task(number)).await.unwrap();
    }
}

async fn what_is_counted_of_orders_is_there(store: &Arc<dyn Store>) {
    let made = |n: u8, at: Timestamp| {
        let mut record = record(n, &format!("V-{n}"));
        let facts = &mut record.details.facts;
        let id = OrderId::new(at, [n; 10]);
        (record.order.terms.id, record.order.terms.created_at) = (id.clone(), at);
        (facts.id, facts.at_ms) = (id, at.as_ms());
        facts.customer.reference = Some(format!("c-{n}"));
        facts.customer.ip = Some("2001:db8::7".parse().unwrap());
        record
    };
    let later = |secs: i64| NOW.plus_secs(86_400 + secs);
    let records: Vec<_> = (0..3).map(|n| made(100 + n, later(i64::from(n)))).collect();
    let expected: Vec<OrderSample> =
        records.iter().map(|it| OrderSample::from(&it.details.facts)).collect();
    write(store, ours(), move |tx| {
        for (record, n) in records.iter().zip(100..) {
            let session = SessionRecord { order: record.order.terms.id.clone(), ..session(n) };
            assert!(tx.insert_order(record, &session)?);
        }
        Ok::<_, StoreError>(())
    })
    .await
    .unwrap();
    let marks = |since, most| read(store, move |view| view.marks(since, most));
    assert_eq!(marks(later(0), 100).await.unwrap(), expected);
    assert_eq!(marks(later(1), 100).await.unwrap(), expected[1..]);
    assert_eq!(marks(later(0), 2).await.unwrap(), expected[1..], "the latest");
    assert_eq!(marks(later(3), 100).await.unwrap(), []);
}

async fn the_first_answer_is_kept(store: &Arc<dyn Store>) {
    let key = IdempotencyKey { scope: "m_demo".to_owned(), key: "k".to_owned() };
    let answer = StoredResponse { fingerprint: "f".to_owned(), status: 201, body: b"{}".to_vec() };
    let other = StoredResponse { body: b"other".to_vec(), ..answer.clone() };
    let keep = |answer: StoredResponse| {
        let key = key.clone();
        write(store, ours(), move |tx| tx.save_response(&key, &answer, NOW))
    };
    keep(answer).await.unwrap();
    assert!(keep(other).await.is_err(), "a second answer to one key is a mistake of ours");
    let kept = read_of(store, &merchant_id(), move |view| view.stored_response(&key)).await;
    let kept = kept.unwrap().unwrap();
    assert_eq!((kept.status, kept.body.as_slice()), (201, b"{}".as_slice()));
}

async fn what_was_committed_is_there_when_opened_anew(open: impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let paid = pay(&store).await;
    drop(store);
    let store = open();
    let found = read(&store, |view| view.order(&order_id(2))).await.unwrap().unwrap();
    assert_eq!(found.details.trace.as_deref(), Some(TRACE));
    assert_eq!(found.details.decision.ordered_by, Some(OrderedBy::Plugin));
    assert_eq!(found.details.decision.drawn.as_deref(), Some("sandbox"));
    assert_eq!(found.order.attempts[0].routed, Some(routed()));
    assert_eq!(found.order, paid.order);
    assert_eq!(found.session, session_id(2));
    assert_eq!(
        read(&store, |view| view.order_of_attempt(&attempt_id())).await.unwrap(),
        Some(order_id(2))
    );
    // An attempt that is known already is another order's.
    let theirs = write(&store, ours(), move |tx| {
        let mut order = tx.order_by_merchant_order_id(&merchant_id(), "A-10")?.unwrap().order;
        order.attempts = vec![Attempt {
            id: attempt_id(),
            method: "wallet_qr".to_owned(),
            channel: "sandbox".to_owned(),
            instalments: None,
            account: None,
            begun_at: None,
            by_code: false,
            routed: None,
        }];
        order.version += 1;
        tx.update_order(&order)
    });
    assert!(theirs.await.is_err());
    let stale = write(&store, ours(), move |tx| tx.update_order(&paid.order)).await;
    assert!(stale.is_err(), "an order is not written twice at one version");
    a_balance_stands_at_every_moment(&store).await;
}

async fn a_balance_stands_at_every_moment(store: &Arc<dyn Store>) {
    let merchant = MerchantId::parse("m_books").unwrap();
    let own = Account::MerchantPending(merchant.clone());
    let posting = |account: &Account, minor, code| Posting {
        account: account.clone(),
        minor,
        currency: Currency::from_code(code).unwrap(),
    };
    let at = |secs| NOW.plus_secs(secs);
    // The third was late: its time is that of the one before it.
    for (secs, minor, code) in
        [(1000, -100, "CNY"), (1010, -7, "JPY"), (1005, 30, "CNY"), (1010, 5, "CNY")]
    {
        let (own, scope) = (own.clone(), Scope::Merchant(merchant.clone()));
        let written = write(store, scope, move |tx| {
            // Two sides on one account are one change of it.
            let sides = vec![
                posting(&own, minor - 1, code),
                posting(&own, 1, code),
                posting(&Account::FeeIncome, -minor, code),
            ];
            tx.book(&order_id(2).into(), &Entry::new(Kind::Payment, sides).unwrap(), at(secs))
                .map(drop)
        });
        written.await.unwrap();
    }
    for (secs, expected) in [
        (999, [("CNY", 0), ("JPY", 0)]),
        (1000, [("CNY", -100), ("JPY", 0)]),
        (1009, [("CNY", -100), ("JPY", 0)]),
        (1010, [("CNY", -65), ("JPY", -7)]),
        (9999, [("CNY", -65), ("JPY", -7)]),
    ] {
        let own = own.clone();
        let of = own.clone();
        let found = read(store, move |view| view.balances(&of, at(secs))).await.unwrap();
        let now = read(store, move |view| view.balance(&own, Currency::from_code("CNY").unwrap()));
        assert_eq!(now.await.unwrap(), -65);
        let found: Vec<_> = found.iter().map(|(it, minor)| (it.code(), *minor)).collect();
        assert_eq!(found, expected, "{secs}");
    }
    let nobody = Account::MerchantPending(MerchantId::parse("m_nobody").unwrap());
    let none = read(store, move |view| view.balances(&nobody, at(9999))).await.unwrap();
    assert!(none.is_empty());
}

/// Takes the order through a payment, each step as one commit, and gives what the last one wrote.
async fn pay(store: &Arc<dyn Store>) -> OrderRecord {
    let attempt = Attempt {
        id: attempt_id(),
        method: "wallet_qr".to_owned(),
        channel: "sandbox".to_owned(),
        instalments: None,
        account: None,
        begun_at: None,
        by_code: false,
        routed: Some(routed()),
    };
    let amount = record(2, "A-2").order.terms.amount;
    let credential = Credential::Qr { qr: "x".to_owned() };
    let offer = Offer { credential, expires_at: Some(NOW.plus_secs(1)) };
    let mut last = None;
    for event in [
        Event::MethodChosen(attempt),
        Event::Prepared(attempt_id(), offer),
        Event::Paid { attempt: attempt_id(), amount, channel_ref: "c-1".to_owned() },
    ] {
        let written = write(store, ours(), move |tx| {
            let record = tx.order(&order_id(2))?.unwrap();
            let step = step(record.order.clone(), event, NOW).unwrap();
            tx.update_order(&step.order)?;
            if let Some(entry) = &step.entry {
                tx.book(&step.order.terms.id.clone().into(), entry, NOW)?;
            }
            Ok::<_, StoreError>(OrderRecord { order: step.order, ..record })
        });
        last = Some(written.await.unwrap());
    }
    last.unwrap()
}

fn ours() -> Scope {
    Scope::Merchant(merchant_id())
}

fn merchant_id() -> MerchantId {
    MerchantId::parse("m_demo").unwrap()
}

fn order_id(n: u8) -> OrderId {
    OrderId::new(NOW, [n; 10])
}

fn session_id(n: u8) -> SessionId {
    SessionId::new(NOW, [n; 10])
}

/// A choice of a channel, as an attempt keeps it.
fn routed() -> Routed {
    let candidate = |channel: &str, reason| RoutedCandidate {
        channel: channel.to_owned(),
        account: None,
        reason,
        cost: Some(38),
        requests: 20,
        answered: 19,
        latency_ms: Some(80),
    };
    let candidates =
        vec![candidate("sandbox", Reason::Cheapest), candidate("other", Reason::CircuitOpen)];
    Routed { by: RoutedBy::Cost, candidates }
}

fn attempt_id() -> AttemptId {
    AttemptId::new(NOW, [2; 10])
}

fn merchant() -> MerchantRecord {
    MerchantRecord {
        id: merchant_id(),
        name: "Demo".to_owned(),
        notify_url: None,
        webhook_secret: "whsec_x".to_owned(),
        policy: "{}".to_owned(),
        notify_hosts: vec!["shop.example".to_owned()],
        frame_origins: vec!["https://shop.example".to_owned()],
        brand: Brand { accent: Some(Rgb([13, 102, 76])), ..Brand::default() },
        former_secret: Some(("whsec_y".to_owned(), NOW)),
    }
}

fn session(n: u8) -> SessionRecord {
    SessionRecord {
        id: session_id(n),
        order: order_id(n),
        merchant: merchant_id(),
        secret_hash: "h".to_owned(),
        gateway_key: "k".to_owned(),
        claim: None,
        claims: 0,
    }
}

fn record(n: u8, number: &str) -> OrderRecord {
    let currency = Currency::from_code("CNY").unwrap();
    let amount = Money::new(12800, currency).unwrap();
    let terms = Terms {
        id: order_id(n),
        merchant: merchant_id(),
        merchant_order_id: number.to_owned(),
        amount,
        fee: Money::new(77, currency).unwrap(),
        fee_basis: lezai_core::funds::pricing::FeeBasis::default(),
        shares: Vec::new(),
        split: SplitTime::Agreed,
        refund_bearer: RefundBearer::Merchant,
        charges: Charges::default(),
        reserve: None,
        fx: None,
        mandate: None,
        held: false,
        capture: Capture::Automatic,
        contract: 0,
        description: "Tea".to_owned(),
        methods: vec!["wallet_qr".to_owned()],
        instalments: Vec::new(),
        created_at: NOW,
        expires_at: NOW.plus_secs(900),
    };
    let facts = OrderFacts {
        id: terms.id.clone(),
        merchant: merchant_id(),
        merchant_order_id: number.to_owned(),
        amount,
        scene: Scene::Ecommerce,
        methods: terms.methods.clone(),
        customer: Customer::default(),
        device: Device::default(),
        metadata: std::collections::BTreeMap::new(),
        profile: Profile::default(),
        velocity: Velocity::default(),
        at_ms: NOW.as_ms(),
    };
    let hook =
        HookRecord { plugin: String::new(), fuel: 0, outcome: "ok".to_owned(), detail: None };
    let decision = DecisionRecord {
        verdict: VerdictRecord::Accept,
        score: 0,
        reasons: Vec::new(),
        channels: vec!["sandbox".to_owned()],
        ordered_by: Some(OrderedBy::Plugin),
        drawn: Some("sandbox".to_owned()),
        shares: Vec::new(),
        columns: Vec::new(),
        policy: String::new(),
        settings: None,
        hooks: HooksRecord {
            risk: hook.clone(),
            pricing: hook.clone(),
            routing: hook,
            split: None,
            statement: None,
        },
        replayable: true,
        release: None,
    };
    OrderRecord {
        order: Order::create(terms).unwrap().order,
        details: Details {
            notify_url: None,
            return_url: None,
            payer: Payer::default(),
            facts,
            decision,
            trace: Some(TRACE.to_owned()),
        },
        session: session_id(n),
    }
}
