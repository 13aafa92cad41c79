//! The suite that every store must pass for plugins; part of [`suite`](super::suite).

use std::sync::Arc;

use lezai_core::id::{MerchantId, OrderId};
use lezai_core::key::SigningKey;
use lezai_core::policy::OrderFacts;
use lezai_core::release::{CONTRACT, Envelope, Limits, Manifest, Share};
use lezai_core::time::Timestamp;

use lezai_store::Details;
use lezai_store::decision::DecisionRecord;
use lezai_store::plugins::{DENIAL_SECS, Denial, Difference, PluginKey, ReleaseState, Side, Stage};
use lezai_store::{ReleaseRecord, Scope, Store, StoreError, read, write};

/// Runs it; the merchant is known to the store, and decision and facts are any.
pub(super) async fn run(store: &Arc<dyn Store>, merchant: MerchantId, details: Details) {
    a_key_is_one_merchant_s(store, &merchant).await;
    releases_come_back_as_they_were(store, &merchant).await;
    two_are_never_live(store, &merchant).await;
    let Details { facts, decision, .. } = details;
    the_last_differences_and_denials_are_kept(store, &merchant, decision, facts).await;
}

async fn a_key_is_one_merchant_s(store: &Arc<dyn Store>, merchant: &MerchantId) {
    let key = |pem: &str| PluginKey {
        keyid: "p-1".to_owned(),
        merchant: merchant.clone(),
        pem: pem.to_owned(),
    };
    for pem in ["one", "two"] {
        let key = key(pem);
        assert!(
            write(store, Scope::Merchant(merchant.clone()), move |tx| tx.put_plugin_key(&key))
                .await
                .unwrap()
        );
    }
    let found = read(store, |view| view.plugin_key("p-1")).await.unwrap().unwrap();
    assert_eq!((found.pem.as_str(), &found.merchant), ("two", merchant));
    let other = MerchantId::parse("m_nobody").unwrap();
    let stolen = PluginKey { merchant: other.clone(), ..key("three") };
    let theirs = Scope::Merchant(other.clone());
    assert!(!write(store, theirs.clone(), move |tx| tx.put_plugin_key(&stolen)).await.unwrap());
    assert!(!write(store, theirs, move |tx| tx.remove_plugin_key(&other, "p-1")).await.unwrap());
    let (merchant, ours) = (merchant.clone(), Scope::Merchant(merchant.clone()));
    assert!(write(store, ours, move |tx| tx.remove_plugin_key(&merchant, "p-1")).await.unwrap());
    assert!(read(store, |view| view.plugin_key("p-1")).await.unwrap().is_none());
}

async fn releases_come_back_as_they_were(store: &Arc<dyn Store>, merchant: &MerchantId) {
    let (first, second) = (release(merchant, 1, Stage::Live), release(merchant, 2, Stage::Shadow));
    let both = [first.clone(), second.clone()];
    write(store, Scope::Merchant(merchant.clone()), move |tx| {
        both.iter().try_for_each(|it| tx.insert_release(it))
    })
    .await
    .unwrap();
    let id = merchant.clone();
    let (newest, standing) =
        read(store, move |view| Ok((view.releases(&id, 1)?, view.standing_releases(Some(&id))?)))
            .await
            .unwrap();
    assert_eq!((newest.len(), newest[0].envelope == second.envelope), (1, true));
    assert_eq!((newest[0].settings.as_slice(), newest[0].size), (&b"s"[..], 9));
    assert_eq!((&newest[0].standing, standing.len()), (&second.standing, 2));

    let moved = ReleaseState {
        stage: Stage::Canary(Share::STEPS[2]),
        paused: true,
        since: at(7),
        drift_percent: 33,
        note: Some("why".to_owned()),
    };
    let (id, to) = (merchant.clone(), moved.clone());
    write(store, Scope::Merchant(merchant.clone()), move |tx| tx.set_standing(&id, 2, &to))
        .await
        .unwrap();
    let id = merchant.clone();
    let found = read(store, move |view| view.release(&id, 2)).await.unwrap().unwrap();
    assert_eq!(found.standing, moved);
    let id = merchant.clone();
    assert!(
        write(store, Scope::Merchant(merchant.clone()), move |tx| tx.set_standing(&id, 3, &moved))
            .await
            .is_err()
    );
    let id = merchant.clone();
    assert!(read(store, move |view| view.release(&id, 3)).await.unwrap().is_none());
    let all = read(store, |view| view.standing_releases(None)).await.unwrap();
    assert!(all.iter().any(|it| it.manifest == first.manifest));
}

async fn two_are_never_live(store: &Arc<dyn Store>, merchant: &MerchantId) {
    for stage in [Stage::Live, Stage::Shadow, Stage::Canary(Share::STEPS[0])] {
        let third = release(merchant, 3, stage);
        assert!(
            write(store, Scope::Merchant(merchant.clone()), move |tx| tx.insert_release(&third))
                .await
                .is_err(),
            "{stage:?}"
        );
    }
    let again = release(merchant, 1, Stage::Retired);
    assert!(
        write(store, Scope::Merchant(merchant.clone()), move |tx| tx.insert_release(&again))
            .await
            .is_err()
    );
    let third = release(merchant, 3, Stage::RolledBack);
    write(store, Scope::Merchant(merchant.clone()), move |tx| tx.insert_release(&third))
        .await
        .unwrap();
}

async fn the_last_differences_and_denials_are_kept(
    store: &Arc<dyn Store>,
    merchant: &MerchantId,
    decision: DecisionRecord,
    facts: OrderFacts,
) {
    let order = |n: i64| OrderId::new(at(n), [9; 10]);
    for n in 1..=5 {
        let difference = Difference {
            merchant: merchant.clone(),
            sequence: 2,
            order: order(n),
            at: at(n),
            applied: if n == 5 { Side::New } else { Side::Old },
            old: decision.clone(),
            new: decision.clone(),
        };
        let denial = Denial {
            merchant: merchant.clone(),
            order: order(n),
            at: at(n),
            decision: decision.clone(),
            facts: OrderFacts { at_ms: n, ..facts.clone() },
        };
        write(store, Scope::Merchant(merchant.clone()), move |tx| {
            tx.insert_difference(&difference, 3)?;
            tx.insert_denial(&denial, 3)
        })
        .await
        .unwrap();
    }
    let id = merchant.clone();
    let (differences, others, denials) = read(store, move |view| {
        Ok::<_, StoreError>((
            view.differences(&id, 2, 10)?,
            view.differences(&id, 1, 10)?,
            view.denials(&id, 2)?,
        ))
    })
    .await
    .unwrap();
    let found: Vec<_> = differences.iter().map(|it| it.order.clone()).collect();
    assert_eq!(found, [order(5), order(4), order(3)]);
    assert_eq!((differences[0].applied, differences[1].applied), (Side::New, Side::Old));
    assert!(others.is_empty());
    let found: Vec<_> = denials.iter().map(|it| (it.order.clone(), it.at)).collect();
    assert_eq!(found, [(order(5), at(5)), (order(4), at(4))]);
    let found: Vec<_> = denials.into_iter().map(|it| it.facts.at_ms).collect();
    assert_eq!(found, [5, 4], "with what they were decided on");
    // No denial is kept for ever, however much room there is.
    let late = Denial {
        merchant: merchant.clone(),
        order: order(6),
        at: at(4).plus_secs(DENIAL_SECS + 1),
        decision,
        facts,
    };
    write(store, Scope::Merchant(merchant.clone()), move |tx| tx.insert_denial(&late, 9))
        .await
        .unwrap();
    let id = merchant.clone();
    let found = read(store, move |view| view.denials(&id, 9)).await.unwrap();
    let found: Vec<_> = found.into_iter().map(|it| it.order).collect();
    assert_eq!(found, [order(6), order(5)]);
}

fn at(n: i64) -> Timestamp {
    Timestamp::from_secs(1_795_000_000 + n)
}

fn release(merchant: &MerchantId, sequence: u64, stage: Stage) -> ReleaseRecord {
    let manifest = Manifest {
        plugin: "rules".to_owned(),
        version: sequence.to_string(),
        digest: "0a".repeat(32),
        settings_digest: "0b".repeat(32),
        contract: CONTRACT.to_owned(),
        hooks: vec!["risk".to_owned()],
        limits: Limits { memory: 1, fuel: 2, deadline_ms: 3 },
        merchant: merchant.clone(),
        sequence,
        keyid: "p-1".to_owned(),
        created_at: at(0),
    };
    let key = SigningKey::from_entropy(&std::array::from_fn(|i| u8::try_from(i).unwrap() + 1));
    ReleaseRecord {
        envelope: Envelope::seal(&manifest, &key.unwrap()).unwrap(),
        manifest,
        settings: b"s".to_vec(),
        size: 9,
        published_at: at(1),
        standing: ReleaseState {
            stage,
            paused: false,
            since: at(1),
            drift_percent: 10,
            note: None,
        },
    }
}
