//! The suite that every store must pass for bills, reconciliations and differences.

use std::sync::Arc;

use lezai_core::funds::bill::BillKind;
use lezai_core::funds::date::Date;
use lezai_core::funds::difference::{Act, Difference, DifferenceEvent, DifferenceState, Surplus};
use lezai_core::id::{DifferenceId, ReconciliationId};
use lezai_core::ledger::Account;
use lezai_core::money::Currency;
use lezai_core::time::Timestamp;
use lezai_store::bills::{
    BillRecord, DifferenceQuery, DifferenceRecord, EditionRecord, LayoutRecord, LayoutUsed,
    ReconciliationRecord,
};
use lezai_store::{Page, Scope, Store, StoreError, read, write};
use serde_json::json;

const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

pub(super) async fn run(store: &Arc<dyn Store>) {
    editions_of_a_bill_stay(store).await;
    editions_of_a_layout_stay(store).await;
    runs_and_differences_are_found(store).await;
    what_is_expected_and_the_last_runs_are_found_by_their_days(store).await;
}

fn day(text: &str) -> Date {
    Date::parse(text).unwrap()
}

fn bill(channel: &str, date: &str, edition: u32) -> BillRecord {
    BillRecord {
        channel: channel.to_owned(),
        kind: BillKind::Trades,
        day: day(date),
        edition,
        digest: format!("digest-{edition}"),
        bytes: 3,
        source: "put".to_owned(),
        layout: LayoutUsed { name: "lezai-movements".to_owned(), digest: None },
        rows: 1,
        at: NOW,
    }
}

fn of(kind: BillKind, bill: BillRecord) -> BillRecord {
    BillRecord { kind, ..bill }
}

async fn editions_of_a_bill_stay(store: &Arc<dyn Store>) {
    // Not UTF-8, as a bill in GBK is.
    for (record, bytes) in [
        (bill("b", "2026-11-17", 1), b"\xd5\xca\x00".to_vec()),
        (bill("a", "2026-11-18", 1), b"one".to_vec()),
        (bill("a", "2026-11-18", 2), b"two".to_vec()),
        (of(BillKind::Funds, bill("a", "2026-11-17", 1)), b"funds".to_vec()),
        (of(BillKind::Bank, bill("a", "2026-11-17", 1)), b"bank".to_vec()),
    ] {
        write(store, Scope::Gateway, move |tx| tx.insert_bill(&record, &bytes)).await.unwrap();
    }
    let twice =
        write(store, Scope::Gateway, |tx| tx.insert_bill(&bill("a", "2026-11-18", 2), b"other"));
    assert!(twice.await.is_err(), "an edition is never made anew");
    let of = |channel: &'static str, date: &'static str| {
        read(store, move |view| view.bill(channel, BillKind::Trades, day(date)))
    };
    for (kind, bytes) in [(BillKind::Funds, &b"funds"[..]), (BillKind::Bank, b"bank")] {
        let found = read(store, move |view| view.bill("a", kind, day("2026-11-17")));
        let (record, found) = found.await.unwrap().unwrap();
        assert_eq!((record.kind, &found[..]), (kind, bytes));
    }
    assert_eq!(of("a", "2026-11-17").await.unwrap(), None);
    let last = of("a", "2026-11-18").await.unwrap().unwrap();
    assert_eq!(last, (bill("a", "2026-11-18", 2), b"two".to_vec()));
    let gbk = of("b", "2026-11-17").await.unwrap().unwrap();
    assert_eq!(gbk.1, b"\xd5\xca\x00");
    assert_eq!(of("b", "2026-11-18").await.unwrap(), None);
    let listed = read(store, |view| view.bills(2)).await.unwrap();
    assert_eq!(listed, [bill("a", "2026-11-18", 2), bill("a", "2026-11-18", 1)]);
}

async fn editions_of_a_layout_stay(store: &Arc<dyn Store>) {
    let layout = |name: &str, edition| LayoutRecord {
        name: name.to_owned(),
        edition,
        digest: format!("{name}-{edition}"),
        text: format!("{{\"name\":\"{name}\"}}"),
        at: NOW,
    };
    assert_eq!(read(store, |view| view.bill_layouts()).await.unwrap(), []);
    for record in [layout("b", 1), layout("a", 1), layout("a", 2)] {
        write(store, Scope::Gateway, move |tx| tx.insert_bill_layout(&record)).await.unwrap();
    }
    let twice = layout("a", 2);
    let twice = write(store, Scope::Gateway, move |tx| tx.insert_bill_layout(&twice));
    assert!(twice.await.is_err(), "an edition is never made anew");
    let last = read(store, |view| view.bill_layouts()).await.unwrap();
    assert_eq!(last, [layout("a", 2), layout("b", 1)]);
    // One that a bill was read by stays, whatever took its place.
    let former = read(store, |view| view.bill_layout("a-1")).await.unwrap();
    assert_eq!(former, Some(layout("a", 1)));
    assert_eq!(read(store, |view| view.bill_layout("a-3")).await.unwrap(), None);
}

fn a_run(n: u8, at: Timestamp) -> ReconciliationRecord {
    ReconciliationRecord {
        id: ReconciliationId::new(at, [n; 10]),
        channel: "a".to_owned(),
        day: day("2026-11-18"),
        edition: u32::from(n),
        bill_digest: format!("digest-{n}"),
        layout: LayoutUsed { name: "acme".to_owned(), digest: Some("layout".to_owned()) },
        funds: (n > 1).then(|| EditionRecord {
            edition: 1,
            digest: "funds".to_owned(),
            layout: LayoutUsed::default(),
        }),
        bank: (n > 1).then(|| EditionRecord {
            edition: 3,
            digest: "bank".to_owned(),
            layout: LayoutUsed { name: "icbc".to_owned(), digest: Some("mapping".to_owned()) },
        }),
        carried: vec![DifferenceId::new(at, [9; 10])],
        after_entries: vec![3],
        to_entries: vec![9],
        result_digest: format!("result-{n}"),
        summary: json!({ "open": 2 }),
        at,
    }
}

fn difference(
    run: &ReconciliationRecord,
    n: u8,
    class: &str,
    state: DifferenceState,
) -> DifferenceRecord {
    DifferenceRecord {
        difference: Difference {
            id: DifferenceId::new(run.at, [n; 10]),
            channel: run.channel.clone(),
            surplus: Some(Surplus {
                account: Account::ChannelReceivable(run.channel.clone()),
                minor: -5,
                currency: Currency::from_code("CNY").unwrap(),
            }),
            of_fee: false,
            payment: None,
            return_failed: None,
            state,
            asked: None,
            owner: None,
            opened_at: run.at,
        },
        run: run.id.clone(),
        day: run.day,
        between: "trades_and_books".to_owned(),
        class: class.to_owned(),
        found: json!({ "class": class }),
        evidence: format!("evidence-{n}"),
    }
}

async fn runs_and_differences_are_found(store: &Arc<dyn Store>) {
    let (first, second) = (a_run(1, NOW), a_run(2, NOW.plus_secs(90_000)));
    let cleared = DifferenceState::Cleared { rule: "cut_off".to_owned() };
    let found = vec![
        difference(&first, 1, "amount", DifferenceState::Open),
        difference(&first, 2, "amount", DifferenceState::Open),
        difference(&first, 3, "timing", cleared),
    ];
    let later = vec![difference(&second, 4, "duplicate", DifferenceState::Open)];
    let (runs, all) = ([first.clone(), second.clone()], [found.clone(), later.clone()]);
    write(store, Scope::Gateway, move |tx| {
        for (run, found) in runs.iter().zip(&all) {
            tx.insert_reconciliation(run, found)?;
        }
        Ok::<_, StoreError>(())
    })
    .await
    .unwrap();
    let id = first.id.clone();
    assert_eq!(
        read(store, move |view| view.reconciliation(&id)).await.unwrap(),
        Some(first.clone())
    );
    let last = read(store, |view| view.last_reconciliation("a", day("2026-11-18")));
    assert_eq!(last.await.unwrap(), Some(second.clone()));
    let page = |limit, after| Page { limit, after, from: None, to: None };
    // One more than was asked for, if there is one more.
    let listed = read(store, move |view| view.reconciliations(&page(1, None))).await.unwrap();
    assert_eq!(listed, [second.clone(), first.clone()]);
    let ids = |query: DifferenceQuery| async move {
        let found = read(store, move |view| view.bill_differences(&query)).await.unwrap();
        found.into_iter().map(|it| it.evidence).collect::<Vec<_>>()
    };
    let query = |run: Option<&ReconciliationRecord>, status, limit| DifferenceQuery {
        run: run.map(|it| it.id.clone()),
        status,
        page: Page { limit, after: None, from: None, to: None },
    };
    assert_eq!(ids(query(None, None, 9)).await, ["evidence-4", "evidence-2", "evidence-1"]);
    assert_eq!(ids(query(None, Some("cleared"), 9)).await, ["evidence-3"]);
    assert_eq!(ids(query(Some(&first), None, 9)).await, ["evidence-3", "evidence-2", "evidence-1"]);
    assert_eq!(ids(query(Some(&first), Some("open"), 1)).await, ["evidence-2", "evidence-1"]);
    // Those that wait for a person, of a run and as it is now.
    let waiting = |run: &ReconciliationRecord| {
        let run = run.id.clone();
        async move { read(store, move |view| view.waiting_of_run(&run)).await.unwrap() }
    };
    assert_eq!((waiting(&first).await, waiting(&second).await), (2, 1));
    assert_eq!(waiting(&a_run(3, NOW)).await, 0);
    // Of an age, by channel and class.
    let before = NOW.plus_secs(1);
    let open = read(store, move |view| view.open_differences(before)).await.unwrap();
    let open: Vec<_> =
        open.iter().map(|it| (it.channel.as_str(), it.class.as_str(), it.count, it.old)).collect();
    assert_eq!(open, [("a", "amount", 2, 2), ("a", "duplicate", 1, 0)]);
    // A difference that is superseded waits for nobody.
    write(store, Scope::Gateway, move |tx| {
        let record = tx.difference(&found[0].difference.id)?.expect("it is there");
        let step = record.difference.clone().step(DifferenceEvent::Superseded, NOW);
        let (difference, _) = step.map_err(|error| StoreError::Damaged(error.to_string()))?;
        tx.update_difference(&DifferenceRecord { difference, ..record })
    })
    .await
    .unwrap();
    assert_eq!((waiting(&first).await, waiting(&second).await), (1, 1));
    let of = |from, before| async move {
        let found =
            read(store, move |view| view.unsettled_differences("a", day(from), day(before)));
        found.await.unwrap().into_iter().map(|it| it.evidence).collect::<Vec<_>>()
    };
    assert_eq!(of("2026-11-18", "2026-11-19").await, ["evidence-2", "evidence-4"]);
    assert!(of("2026-11-17", "2026-11-18").await.is_empty());
    assert!(of("2026-11-19", "2026-11-20").await.is_empty());
    // One that is resolved is found by its day, with no other.
    let resolved = later[0].clone();
    write(store, Scope::Gateway, move |tx| {
        let (act, by) = (Act::Explain, "li".to_owned());
        let event = DifferenceEvent::Resolved { act, reason: "known".to_owned(), by };
        let step = resolved.difference.clone().step(event, NOW);
        let (difference, _) = step.map_err(|error| StoreError::Damaged(error.to_string()))?;
        tx.update_difference(&DifferenceRecord { difference, ..resolved })
    })
    .await
    .unwrap();
    let of = |date| read(store, move |view| view.resolved_differences("a", day(date)));
    let found: Vec<_> = of("2026-11-18").await.unwrap().into_iter().map(|it| it.evidence).collect();
    assert_eq!((found, of("2026-11-17").await.unwrap().len()), (vec!["evidence-4".to_owned()], 0));
}

async fn what_is_expected_and_the_last_runs_are_found_by_their_days(store: &Arc<dyn Store>) {
    let run = |n: u8, channel: &str, date: &str| ReconciliationRecord {
        channel: channel.to_owned(),
        day: day(date),
        ..a_run(n, NOW.plus_secs(i64::from(n)))
    };
    let expected = || DifferenceState::Expected { rule: "cut_off".to_owned() };
    let [early, again, late, other] = [
        run(21, "c", "2026-11-17"),
        run(22, "c", "2026-11-17"),
        run(23, "c", "2026-11-19"),
        run(24, "d", "2026-11-17"),
    ];
    let kept = vec![
        (late.clone(), vec![difference(&late, 33, "timing", expected())]),
        (early.clone(), vec![difference(&early, 31, "timing", DifferenceState::Superseded)]),
        (
            again.clone(),
            vec![
                difference(&again, 32, "timing", expected()),
                difference(&again, 34, "amount", DifferenceState::Open),
            ],
        ),
        (other.clone(), vec![difference(&other, 35, "timing", expected())]),
    ];
    write(store, Scope::Gateway, move |tx| {
        for (run, found) in &kept {
            tx.insert_reconciliation(run, found)?;
        }
        Ok::<_, StoreError>(())
    })
    .await
    .unwrap();
    let runs = |from, before| read(store, move |view| view.last_runs("c", day(from), day(before)));
    let both = [(day("2026-11-17"), again.id), (day("2026-11-19"), late.id)];
    assert_eq!(runs("2026-11-17", "2026-11-20").await.unwrap(), both);
    assert_eq!(runs("2026-11-18", "2026-11-20").await.unwrap(), both[1..]);
    assert_eq!(runs("2026-11-17", "2026-11-19").await.unwrap(), both[..1]);
    let waits = |before| async move {
        let found = read(store, move |view| view.expected_differences("c", day(before)));
        found.await.unwrap().into_iter().map(|it| it.evidence).collect::<Vec<_>>()
    };
    assert_eq!(waits("2026-11-20").await, ["evidence-32", "evidence-33"]);
    assert_eq!(waits("2026-11-19").await, ["evidence-32"]);
    assert!(waits("2026-11-17").await.is_empty());
}
