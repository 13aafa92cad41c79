//! Mandates, as every store must keep them.

use std::sync::Arc;

use lezai_core::funds::mandate::{
    AGREE_SECS, Mandate, MandateEvent, MandateTerms, PeriodBound, step,
};
use lezai_core::id::{MandateId, MerchantId};
use lezai_core::money::{Currency, Money};
use lezai_store::{Page, Store, StoreError, read_of, write};

use super::{NOW, merchant_id, ours};

pub(super) async fn run(store: &Arc<dyn Store>) {
    a_mandate_is_found_by_its_number_and_by_the_page(store).await;
}

fn cny(minor: i64) -> Money {
    Money::new(minor, Currency::from_code("CNY").unwrap()).unwrap()
}

fn mandate(n: u8) -> Mandate {
    let terms = MandateTerms {
        id: MandateId::new(NOW.plus_secs(n.into()), [n; 10]),
        merchant: merchant_id(),
        merchant_mandate_id: format!("M-{n}"),
        channel: "sandbox".to_owned(),
        method: "wallet_debit".to_owned(),
        description: "Tea, each month".to_owned(),
        max_amount: cny(5000),
        period: Some(PeriodBound { days: 30, amount: cny(9000) }),
        return_url: None,
        created_at: NOW,
        agree_by: NOW.plus_secs(AGREE_SECS),
        expires_at: NOW.plus_secs(100 * 86_400),
    };
    Mandate::create(terms).unwrap().mandate
}

async fn a_mandate_is_found_by_its_number_and_by_the_page(store: &Arc<dyn Store>) {
    for n in 1..=3 {
        let made = write(store, ours(), move |tx| tx.insert_mandate(&mandate(n)));
        assert!(made.await.unwrap());
    }
    // A number is given once; what it is tried for again is not written.
    let mut other = mandate(4);
    other.terms.merchant_mandate_id = "M-1".to_owned();
    let again = other.clone();
    assert!(!write(store, ours(), move |tx| tx.insert_mandate(&again)).await.unwrap());
    let activated = MandateEvent::Activated { channel_ref: "w-1".to_owned() };
    let agreed = step(mandate(2), activated, NOW).unwrap().mandate;
    let debited = agreed.debit(cny(4000), NOW).unwrap();
    for it in [agreed.clone(), debited.clone()] {
        write(store, ours(), move |tx| tx.update_mandate(&it)).await.unwrap();
    }
    // One that somebody else changed meanwhile is not written over.
    let stale = write(store, ours(), move |tx| tx.update_mandate(&agreed)).await;
    assert!(matches!(stale, Err(StoreError::Damaged(_))), "{stale:?}");
    let page = move |after: Option<u8>| Page {
        limit: 1,
        after: after.map(|n| mandate(n).terms.id),
        from: None,
        to: None,
    };
    let merchant = merchant_id();
    let found = read_of(store, &merchant, move |view| {
        let merchant = merchant_id();
        assert_eq!(view.mandate(&debited.terms.id)?, Some(debited.clone()));
        assert_eq!(view.mandate(&other.terms.id)?, None);
        let by_number = view.mandate_by_merchant_mandate_id(&merchant, "M-2")?;
        assert_eq!(by_number, Some(debited));
        let nobody = MerchantId::parse("m_nobody").unwrap();
        assert_eq!(view.mandate_by_merchant_mandate_id(&nobody, "M-2")?, None);
        Ok([
            view.mandates(&merchant, None, &page(None))?,
            view.mandates(&merchant, None, &page(Some(2)))?,
            view.mandates(&merchant, Some("active"), &page(None))?,
            view.mandates(&merchant, Some("pending"), &page(None))?,
            view.mandates(&merchant, Some("revoked"), &page(None))?,
        ])
    });
    let numbers = |it: Vec<Mandate>| {
        it.into_iter().map(|it| it.terms.merchant_mandate_id).collect::<Vec<_>>()
    };
    let found = found.await.unwrap().map(numbers);
    assert_eq!(found, [vec!["M-3", "M-2"], vec!["M-1"], vec!["M-2"], vec!["M-3", "M-1"], vec![]]);
}
