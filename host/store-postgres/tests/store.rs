//! The store over a real PostgreSQL, whose address `make test-postgres` gives in `LEZAI_TEST_POSTGRES`.

#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use lezai_core::id::{MerchantId, OrderId};
use lezai_core::ledger::{Account, Entry, Kind, Posting};
use lezai_core::money::Currency;
use lezai_core::time::Timestamp;
use lezai_seal::Vault;
use lezai_store::{Scope, Store, StoreError, book_of, read, write};
use lezai_store_postgres::{Address, BOOKS, Connections, PostgresStore, check, migrate};
use lezai_store_suite as suite;

const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

/// A database of its own, without tables.
fn blank() -> Arc<Address> {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let base = std::env::var("LEZAI_TEST_POSTGRES").expect("run make test-postgres");
    let name = format!("store_{}", MADE.fetch_add(1, Ordering::SeqCst));
    let made = std::process::Command::new("psql")
        .args([&base, "-q", "-c", &format!("CREATE DATABASE {name}")])
        .status()
        .unwrap();
    assert!(made.success());
    let url = format!("{}/{name}", base.rsplit_once('/').unwrap().0);
    Arc::new(Address::parse(&url, None, None).unwrap())
}

fn open(address: &Arc<Address>) -> Arc<dyn Store> {
    Arc::new(PostgresStore::open(address, &Vault::none(), Connections::default()).unwrap())
}

#[tokio::test]
#[ignore = "needs PostgreSQL: make test-postgres"]
async fn it_does_what_every_store_must() {
    let address = blank();
    assert_eq!(check(&address).unwrap().now, 0);
    let refused = PostgresStore::open(&address, &Vault::none(), Connections::default());
    assert!(refused.err().unwrap().to_string().contains("lezai migrate"));
    let made = migrate(&address, BOOKS).unwrap();
    assert_eq!((made.before, made.now, made.books), (0, 1, BOOKS));
    let again = migrate(&address, 3).unwrap();
    assert_eq!((again.before, again.now, again.books), (1, 1, BOOKS), "the books stay");
    suite::run(|| open(&address)).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: make test-postgres"]
async fn two_nodes_book_in_one_chain() {
    let address = blank();
    migrate(&address, 4).unwrap();
    let nodes = [open(&address), open(&address)];
    let merchants: Vec<MerchantId> =
        (0..8).map(|n| MerchantId::parse(&format!("m_{n}")).unwrap()).collect();
    let mut jobs = tokio::task::JoinSet::new();
    for n in 0..400_usize {
        let (store, merchant) = (Arc::clone(&nodes[n % 2]), merchants[n % 8].clone());
        jobs.spawn(async move {
            let of = merchant.clone();
            write(&store, Scope::Merchant(merchant), move |tx| {
                let hers = Account::MerchantPending(of);
                let cny = Currency::from_code("CNY").unwrap();
                // What was read is still so when it is written.
                let before = tx.balance(&hers, cny)?;
                let sides = [(hers.clone(), -7), (Account::FeeIncome, 7)];
                let sides = sides.map(|(account, minor)| Posting { account, minor, currency: cny });
                let entry = Entry::new(Kind::Payment, sides.to_vec()).unwrap();
                tx.book(&OrderId::new(NOW, [1; 10]).into(), &entry, NOW)?;
                assert_eq!(tx.balance(&hers, cny)?, before - 7);
                Ok::<_, StoreError>(())
            })
            .await
        });
    }
    for done in jobs.join_all().await {
        done.unwrap();
    }
    let all = merchants.clone();
    let (each, fees) = read(&nodes[0], move |view| {
        let cny = Currency::from_code("CNY").unwrap();
        let each: Result<Vec<i64>, StoreError> =
            all.iter().map(|it| view.balance(&Account::MerchantPending(it.clone()), cny)).collect();
        Ok((each?, view.balance(&Account::FeeIncome, cny)?))
    })
    .await
    .unwrap();
    assert_eq!(each, vec![-350; 8]);
    assert_eq!(fees, 2_800, "the sum over all books");
    let books: std::collections::BTreeSet<u32> =
        merchants.iter().map(|it| book_of(it, 4)).collect();
    assert!(books.len() > 1, "more than one book was used");
}
