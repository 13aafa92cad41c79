//! The primary of a Patroni cluster is killed under load: `make test-failover`.

use std::sync::atomic::Ordering;
use std::time::Instant;

use lezai_tests::nodes::Setup;
use lezai_tests::{Merchant, TempDir, until};

use super::patroni::Cluster;
use super::{Load, all_are_there_once, ledger_is_whole, migrate, order_until, provider, psql};

#[test]
#[ignore = "needs Patroni and etcd: make test-failover"]
fn a_primary_that_is_killed_loses_nothing_that_was_acknowledged() {
    let mut cluster = Cluster::start();
    psql(&(cluster.url("postgres") + "?target_session_attrs=read-write"), "CREATE DATABASE lezai");
    let store = cluster.url("lezai");
    migrate(&store);
    let folder = TempDir::new();
    let (_simulators, _runtime, section) = provider(folder.path());
    let nodes = Setup::of(&store, 3).start(&section);
    let merchants: Vec<Merchant> = (0..4)
        .map(|n| nodes.merchant(&format!("m_live_pot{n}"), &format!("pot-{n}"), "wechat"))
        .collect();
    let load = Load::default();
    let made = std::thread::scope(|scope| {
        let orders = scope.spawn(|| order_until(&load, &merchants, 6));
        // Each of the two is the primary once.
        for _ in 0..2 {
            load.goes_on(30);
            let killed = cluster.primary().unwrap();
            let begun = Instant::now();
            cluster.kill(killed);
            until("the standby takes over", || cluster.primary().is_some_and(|n| n != killed));
            let taken_over = begun.elapsed();
            let acknowledged = load.acknowledged.load(Ordering::SeqCst);
            until("orders are taken", || load.acknowledged.load(Ordering::SeqCst) > acknowledged);
            eprintln!(
                "a new primary after {:.1} s, the first order after {:.1} s",
                taken_over.as_secs_f32(),
                begun.elapsed().as_secs_f32()
            );
            load.goes_on(30);
            cluster.begin(killed);
            cluster.wait_until_whole();
        }
        load.stop();
        orders.join().unwrap()
    });
    eprintln!("{} orders", made.len());
    all_are_there_once(&merchants, &made);
    ledger_is_whole(&nodes);
}
