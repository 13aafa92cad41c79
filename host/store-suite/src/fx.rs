//! Rates and quotes, as every store must keep them.

use std::sync::Arc;

use lezai_core::funds::fx::{Lock, MarketRate, Quote, Rate, Spreads};
use lezai_core::id::{FxQuoteId, MerchantId};
use lezai_core::money::Currency;
use lezai_store::{Page, Store, StoreError, read, read_of, write};

use super::{NOW, merchant_id, order_id, ours, record, session};

pub(super) async fn run(store: &Arc<dyn Store>) {
    a_rate_takes_the_place_of_the_one_before(store).await;
    quotes_are_found_by_the_page(store).await;
    one_of_a_hundred_uses_a_quote(store).await;
    what_nobody_used_is_forgotten(store).await;
}

fn rate(from: &str, to: &str, text: &str) -> MarketRate {
    MarketRate {
        from: Currency::from_code(from).unwrap(),
        to: Currency::from_code(to).unwrap(),
        rate: Rate::parse(text).unwrap(),
        spreads: Spreads { five_minutes: Some(3_000), ..Spreads::default() },
        source: "desk".to_owned(),
        at: NOW,
        valid_until: NOW.plus_secs(600),
    }
}

fn quote(n: u8) -> Quote {
    let id = FxQuoteId::new(NOW.plus_secs(n.into()), [n; 10]);
    let market = rate("USD", "CNY", "7.1234");
    Quote::offer(id, merchant_id(), &market, Lock::FiveMinutes, NOW).unwrap()
}

async fn a_rate_takes_the_place_of_the_one_before(store: &Arc<dyn Store>) {
    for rate in
        [rate("USD", "CNY", "7.1"), rate("CNY", "USD", "0.14"), rate("USD", "CNY", "7.1234")]
    {
        write(store, lezai_store::Scope::Gateway, move |tx| tx.put_fx_rate(&rate)).await.unwrap();
    }
    let found = read(store, |view| {
        let [usd, cny] = ["USD", "CNY"].map(|code| Currency::from_code(code).unwrap());
        assert_eq!(view.fx_rate(cny, cny)?, None);
        Ok((view.fx_rate(usd, cny)?, view.fx_rates()?))
    });
    let (one, all) = found.await.unwrap();
    assert_eq!(one, Some(rate("USD", "CNY", "7.1234")));
    assert_eq!(all, [rate("CNY", "USD", "0.14"), rate("USD", "CNY", "7.1234")]);
}

async fn quotes_are_found_by_the_page(store: &Arc<dyn Store>) {
    for n in 1..=3 {
        write(store, ours(), move |tx| tx.insert_fx_quote(&quote(n))).await.unwrap();
    }
    let page = |after: Option<u8>| Page {
        limit: 1,
        after: after.map(|n| quote(n).id),
        from: None,
        to: None,
    };
    let of = merchant_id();
    let found = read_of(store, &of, move |view| {
        let (merchant, nobody) = (merchant_id(), MerchantId::parse("m_nobody").unwrap());
        assert_eq!(view.fx_quote(&quote(2).id)?, Some(quote(2)));
        assert_eq!(view.fx_quote(&quote(9).id)?, None);
        assert_eq!(view.fx_quotes(&nobody, &page(None))?, []);
        Ok([view.fx_quotes(&merchant, &page(None))?, view.fx_quotes(&merchant, &page(Some(2)))?])
    });
    assert_eq!(found.await.unwrap(), [vec![quote(3), quote(2)], vec![quote(1)]]);
}

async fn one_of_a_hundred_uses_a_quote(store: &Arc<dyn Store>) {
    let mut tries = tokio::task::JoinSet::new();
    for n in 100..200 {
        let store = Arc::clone(store);
        tries.spawn(async move {
            let done = write(&store, ours(), move |tx| {
                assert!(tx.insert_order(&record(n, &format!("Q-{n}")), &session(n))?);
                // Each has the quote as it was before anybody used it.
                match tx.use_fx_quote(&quote(2).used_by(order_id(n), NOW).unwrap())? {
                    true => Ok(n),
                    false => Err(StoreError::Damaged("used before".to_owned())),
                }
            });
            done.await.ok()
        });
    }
    let took: Vec<u8> = tries.join_all().await.into_iter().flatten().collect();
    let [n] = took[..] else { panic!("{took:?}") };
    let found = read_of(store, &merchant_id(), |view| view.fx_quote(&quote(2).id)).await.unwrap();
    assert_eq!(found.unwrap().used.unwrap().order, order_id(n));
    let unknown = write(store, ours(), move |tx| {
        tx.use_fx_quote(&quote(9).used_by(order_id(n), NOW).unwrap())
    });
    assert!(!unknown.await.unwrap());
}

async fn what_nobody_used_is_forgotten(store: &Arc<dyn Store>) {
    let (ends, of) = (quote(1).expires_at, merchant_id());
    for (before, left) in [(ends, 3), (ends.plus_ms(1), 1)] {
        let scope = lezai_store::Scope::Background;
        write(store, scope, move |tx| tx.prune_fx_quotes(before)).await.unwrap();
        let page = Page { limit: 10, after: None, from: None, to: None };
        let found = read_of(store, &of, move |view| view.fx_quotes(&merchant_id(), &page));
        let found = found.await.unwrap();
        assert_eq!(found.len(), left, "{before:?}");
        assert!(left > 1 || found[0].used.is_some());
    }
}
