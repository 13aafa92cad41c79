//! The basis of fees, as every store must keep it.

use std::sync::Arc;

use lezai_core::funds::month::Month;
use lezai_core::funds::pricing::{Promoted, Used};
use lezai_core::money::Currency;
use lezai_store::{Store, StoreError, Tx, read_of, write};

use super::{merchant_id, ours};

pub(super) async fn run(store: &Arc<dyn Store>) {
    let merchant = merchant_id();
    let [cny, jpy] = ["CNY", "JPY"].map(|code| Currency::from_code(code).unwrap());
    let [first, second] = ["2026-10", "2026-11"].map(|month| Month::parse(month).unwrap());
    let promoted = |name: &str, minor| Promoted { name: name.to_owned(), minor };
    let work = move |tx: &dyn Tx| {
        let merchant = merchant_id();
        for (currency, month, minor) in
            [(cny, first, 500), (cny, first, -700), (cny, second, 9), (jpy, first, 1)]
        {
            tx.add_volume(&merchant, currency, month, minor)?;
        }
        tx.use_promotion(&merchant, cny, &promoted("p", 40))?;
        // What was written before is seen in the same commit.
        assert_eq!(tx.promotion_used(&merchant, cny, "p")?, Used { payments: 1, minor: 40 });
        tx.use_promotion(&merchant, cny, &promoted("p", 2))?;
        tx.use_promotion(&merchant, cny, &promoted("q", 7))?;
        tx.give_promotion_back(&merchant, cny, &promoted("p", 40))?;
        assert_eq!(tx.volume(&merchant, cny, first)?, -200);
        Ok::<_, StoreError>(())
    };
    write(store, ours(), work).await.unwrap();
    let found = read_of(store, &merchant, move |view| {
        let merchant = merchant_id();
        let volumes = [(cny, first), (cny, second), (jpy, first), (jpy, second)]
            .map(|(currency, month)| view.volume(&merchant, currency, month).unwrap());
        let used = [(cny, "p"), (cny, "q"), (jpy, "p")]
            .map(|(currency, name)| view.promotion_used(&merchant, currency, name).unwrap());
        Ok::<_, StoreError>((volumes, used))
    });
    let used = |payments, minor| Used { payments, minor };
    assert_eq!(found.await.unwrap(), ([-200, 9, 1, 0], [used(1, 2), used(1, 7), used(0, 0)]));
}
