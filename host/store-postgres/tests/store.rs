//! The store over a real PostgreSQL, whose address `make test-postgres` gives in `LEZAI_TEST_POSTGRES`.

#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

mod plans;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use lezai_core::id::{MerchantId, OrderId};
use lezai_core::ledger::{Account, Entry, Kind, Posting};
use lezai_core::money::Currency;
use lezai_core::time::Timestamp;
use lezai_seal::{Roots, Vault, new_root};
use lezai_store::{
    Brand, Fault, MerchantRecord, News, Scope, Store, StoreError, book_of, read, write,
};
use lezai_store_postgres::{
    Address, BOOKS, Connections, PostgresStore, check, migrate, reseal, sealed_under,
};
use lezai_store_suite as suite;

const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

/// A database of its own, without tables.
fn blank() -> (String, Arc<Address>) {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let base = std::env::var("LEZAI_TEST_POSTGRES").expect("run make test-postgres");
    let name = format!("store_{}", MADE.fetch_add(1, Ordering::SeqCst));
    let made = std::process::Command::new("psql")
        .args([&base, "-q", "-c", &format!("CREATE DATABASE {name}")])
        .status()
        .unwrap();
    assert!(made.success());
    let url = format!("{}/{name}", base.rsplit_once('/').unwrap().0);
    let address = Address::parse(&url, None, None).unwrap();
    (url, Arc::new(address))
}

fn open(address: &Arc<Address>) -> Arc<dyn Store> {
    Arc::new(PostgresStore::open(address, &Vault::none(), Connections::default()).unwrap())
}

#[tokio::test]
#[ignore = "needs PostgreSQL: make test-postgres"]
async fn it_does_what_every_store_must() {
    let (url, address) = blank();
    assert_eq!(check(&address).unwrap().now, 0);
    let refused = PostgresStore::open(&address, &Vault::none(), Connections::default());
    assert!(refused.err().unwrap().to_string().contains("lezai migrate"));
    let made = migrate(&address, BOOKS).unwrap();
    assert_eq!((made.before, made.now, made.books), (0, 1, BOOKS));
    let again = migrate(&address, 3).unwrap();
    assert_eq!((again.before, again.now, again.books), (1, 1, BOOKS), "the books stay");
    let seen = plans::record();
    suite::run(|| open(&address)).await;
    plans::look(&url, &seen);
}

#[tokio::test]
#[ignore = "needs PostgreSQL: make test-postgres"]
async fn with_a_root_key_nothing_personal_of_a_payout_is_in_the_database() {
    let (url, address) = blank();
    migrate(&address, BOOKS).unwrap();
    let vault = Vault::new(Roots::parse(&new_root().unwrap()).unwrap());
    suite::run(|| Arc::new(PostgresStore::open(&address, &vault, Connections::default()).unwrap()))
        .await;
    let kept = psql(&url, "SELECT data, details FROM payouts")
        + &psql(&url, "SELECT data, pay_to FROM contracts")
        + &psql(&url, "SELECT * FROM destinations");
    assert!(kept.contains("****3445") && kept.contains("sealed:v1:"), "{kept}");
    for planted in suite::PLANTED {
        assert!(!kept.contains(planted), "{planted}: {kept}");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: make test-postgres"]
async fn two_nodes_book_in_one_chain() {
    let (_, address) = blank();
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
                // A balance that was read still holds when the entry is written.
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

#[tokio::test]
#[ignore = "needs PostgreSQL: make test-postgres"]
async fn a_node_hears_what_another_changes_and_not_what_it_told_itself() {
    let (_, address) = blank();
    migrate(&address, 2).unwrap();
    let [one, other] = [open(&address), open(&address)];
    let (heard, mut news) = tokio::sync::mpsc::unbounded_channel();
    other.listen(Box::new(move |it| drop(heard.send(it))));
    let order = OrderId::new(NOW, [1; 10]);
    // Told again until it is heard, for a listener may only just have begun.
    let mut version = 0;
    let mut next = async || loop {
        version += 1;
        other.announce(News::Order(order.clone(), 1_000_000));
        one.announce(News::Order(order.clone(), version));
        let wait = tokio::time::Duration::from_millis(300);
        match tokio::time::timeout(wait, news.recv()).await {
            Ok(Some(News::Missed)) | Err(_) => {}
            Ok(news) => break news.unwrap(),
        }
    };
    // A connection that begins does not know what changed before.
    let (of, heard) = loop {
        match next().await {
            News::Order(of, version) => break (of, version),
            news => assert_eq!(news, News::Merchants),
        }
    };
    assert!(of == order && heard < 1_000_000, "what it told itself comes back to nobody");
    // A change that nobody tells is found by the revisions of the books.
    let id = MerchantId::parse("m_tea").unwrap();
    let record = merchant(&id, "whsec_x");
    write(&one, Scope::Merchant(id), move |tx| tx.put_merchant(&record)).await.unwrap();
    while next().await != News::Merchants {}
}

fn psql(url: &str, sql: &str) -> String {
    let output =
        std::process::Command::new("psql").args([url, "-qAt", "-c", sql]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
#[ignore = "needs PostgreSQL: make test-postgres"]
async fn a_node_works_on_its_own_tables_and_on_those_of_the_next_version() {
    let (url, address) = blank();
    migrate(&address, 2).unwrap();
    let opened = || PostgresStore::open(&address, &Vault::none(), Connections::default());
    let set = |version: i64| psql(&url, &format!("UPDATE lezai_schema SET version = {version}"));
    for (version, usable) in [(1, true), (2, true), (3, false)] {
        set(version);
        let result = opened().map(drop);
        assert_eq!(result.is_ok(), usable, "{version}: {result:?}");
        match (version, migrate(&address, 2)) {
            (3, Err(StoreError::Database(error))) => assert_eq!(error.fault, Fault::Newer),
            (_, Ok(found)) => assert_eq!(found.now, version.max(1)),
            (version, other) => panic!("{version}: {other:?}"),
        }
    }
    set(1);
    // Nobody changes what is booked.
    let store = open(&address);
    let merchant = MerchantId::parse("m_tea").unwrap();
    let of = merchant.clone();
    write(&store, Scope::Merchant(merchant), move |tx| {
        let cny = Currency::from_code("CNY").unwrap();
        let sides = [(Account::MerchantPending(of), -7), (Account::FeeIncome, 7)];
        let sides = sides.map(|(account, minor)| Posting { account, minor, currency: cny });
        let entry = Entry::new(Kind::Payment, sides.to_vec()).unwrap();
        tx.book(&OrderId::new(NOW, [1; 10]).into(), &entry, NOW).map(drop)
    })
    .await
    .unwrap();
    for sql in ["UPDATE entries SET at_ms = 0", "DELETE FROM entries", "TRUNCATE entries"] {
        let output = std::process::Command::new("psql").args([&url, "-c", sql]).output().unwrap();
        assert!(String::from_utf8_lossy(&output.stderr).contains("never changed"), "{sql}");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: make test-postgres"]
async fn a_job_of_one_merchant_writes_no_row_of_another() {
    let (_, address) = blank();
    migrate(&address, 2).unwrap();
    let store = open(&address);
    let [tea, rice] = ["m_tea", "m_rice"].map(|id| MerchantId::parse(id).unwrap());
    for scope in [Scope::Merchant(rice.clone()), Scope::Gateway, Scope::Background] {
        let record = merchant(&tea, "whsec_x");
        let put = write(&store, scope.clone(), move |tx| tx.put_merchant(&record)).await;
        assert!(matches!(put, Err(StoreError::Damaged(_))), "{scope:?}");
    }
    let of = tea.clone();
    let booked = write(&store, Scope::Merchant(rice), move |tx| {
        let cny = Currency::from_code("CNY").unwrap();
        let sides = [(Account::MerchantPending(of), -7), (Account::FeeIncome, 7)];
        let sides = sides.map(|(account, minor)| Posting { account, minor, currency: cny });
        let entry = Entry::new(Kind::Payment, sides.to_vec()).unwrap();
        tx.book(&OrderId::new(NOW, [1; 10]).into(), &entry, NOW).map(drop)
    });
    assert!(booked.await.is_err());
}

#[tokio::test]
#[ignore = "needs PostgreSQL: make test-postgres"]
async fn secrets_are_sealed_in_the_database_and_anew_under_another_root_key() {
    let (url, address) = blank();
    migrate(&address, 2).unwrap();
    let id = MerchantId::parse("m_tea").unwrap();
    let dump = |url: &str| psql(url, "SELECT webhook_secret FROM merchants");
    let (old, new) = (new_root().unwrap(), new_root().unwrap());
    // Written in clear, then under one root key, then under the next, while it is open.
    let record = merchant(&id, "whsec_planted");
    let put = move |tx: &dyn lezai_store::Tx| tx.put_merchant(&record);
    write(&open(&address), Scope::Merchant(id.clone()), put).await.unwrap();
    assert!(dump(&url).contains("whsec_planted"));
    // A bill may come compressed: its bytes are no text.
    psql(&url, "INSERT INTO bills VALUES ('c', 'k', 'd', 1, '', '\\x1f8b0800ff')");
    let bill = |url: &str| psql(url, "SELECT encode(bytes, 'escape') FROM bills");
    let vault = Vault::new(Roots::parse(&old).unwrap());
    let store: Arc<dyn Store> =
        Arc::new(PostgresStore::open(&address, &vault, Connections::default()).unwrap());
    for roots in [old.clone(), format!("{new}\n{old}")] {
        vault.replace(Roots::parse(&roots).unwrap());
        assert!(reseal(&address, &vault).unwrap());
        assert!(!reseal(&address, &vault).unwrap(), "that it is done is noted");
        let current = vault.roots().unwrap().current().to_owned();
        assert_eq!(sealed_under(&address).unwrap(), Some(current.clone()));
        let kept = dump(&url);
        assert!(kept.contains(&current) && !kept.contains("planted"), "{kept}");
        let of = id.clone();
        let found = read(&store, move |view| view.merchant(&of)).await.unwrap().unwrap();
        assert_eq!(found.webhook_secret, "whsec_planted");
        assert!(bill(&url).contains(&format!("sealed:v1:{current}:")), "{}", bill(&url));
        // A node that was not reloaded writes in clear, or under a former root key, after all was sealed.
        psql(&url, "UPDATE merchants SET webhook_secret = 'whsec_planted'");
        assert_eq!(sealed_under(&address).unwrap(), None, "the note alone does not say it");
        assert!(reseal(&address, &vault).unwrap());
        assert_eq!(sealed_under(&address).unwrap(), Some(current));
    }
}

fn merchant(id: &MerchantId, secret: &str) -> MerchantRecord {
    MerchantRecord {
        id: id.clone(),
        name: "Tea".to_owned(),
        notify_url: None,
        webhook_secret: secret.to_owned(),
        policy: "{}".to_owned(),
        notify_hosts: Vec::new(),
        frame_origins: Vec::new(),
        brand: Brand::default(),
        former_secret: None,
    }
}
