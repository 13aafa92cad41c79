//! Versions side by side on one database under load: tables of the next version below nodes of this one, and a former
//! program beside this one (`make test-upgrade FORMER=path/to/lezai`).

use std::path::{Path, PathBuf};
use std::process::Command;

use lezai_tests::nodes::Setup;
use lezai_tests::{Merchant, TempDir, binary, until};

use super::{Load, all_are_there_once, database, ledger_is_whole, order_until, provider};

/// A migration that adds whatever one may add (docs/upgrade.md), to every table that there is.
const NEXT: &str = "
BEGIN;
DO $$ DECLARE name TEXT; BEGIN
  FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'lezai_schema' LOOP
    EXECUTE format('ALTER TABLE %I ADD COLUMN later_text TEXT, ADD COLUMN later_number BIGINT NOT NULL DEFAULT 7', name);
    EXECUTE format('CREATE INDEX %I ON %I (later_number)', name || '_by_later_number', name);
  END LOOP;
END $$;
CREATE TABLE later (merchant TEXT PRIMARY KEY);
UPDATE lezai_schema SET version = version + 1;
COMMIT;";

#[test]
fn nodes_go_on_while_the_tables_become_those_of_the_next_version() {
    let store = database();
    let folder = TempDir::new();
    let (_simulators, _runtime, section) = provider(folder.path());
    let nodes = Setup::of(&store, 2).start(&section);
    let merchants: Vec<Merchant> = (0..3)
        .map(|n| nodes.merchant(&format!("m_live_next{n}"), &format!("next-{n}"), "wechat"))
        .collect();
    let load = Load::default();
    let made = std::thread::scope(|scope| {
        let orders = scope.spawn(|| order_until(&load, &merchants, 4));
        load.goes_on(20);
        // It locks every table, and may meet a node's transaction that has locked another: then it is undone and repeated.
        until("the tables are those of the next version", || tries(&store, NEXT));
        load.goes_on(40);
        // A node of this version starts on them, too.
        assert!(nodes.node(0).stop(), "{}", nodes.logs());
        nodes.node(0).start();
        load.goes_on(20);
        load.stop();
        orders.join().unwrap()
    });
    all_are_there_once(&merchants, &made);
    ledger_is_whole(&nodes);
}

/// Whether SQL is done.
fn tries(url: &str, sql: &str) -> bool {
    Command::new("psql").args([url, "-q", "-c", sql]).status().unwrap().success()
}

/// The former program, if one is named.
fn former() -> Option<PathBuf> {
    std::env::var_os("LEZAI_FORMER").map(PathBuf::from).filter(|it| !it.as_os_str().is_empty())
}

fn migrate(program: &Path, store: &str) {
    let done = Command::new(program).args(["migrate", "--store", store]).output().unwrap();
    assert!(done.status.success(), "{done:?}");
}

/// A roll from the former program to this one and back, under load. Without a former program it is one to itself, which
/// proves the test alone.
#[test]
fn a_former_program_works_beside_this_one() {
    let this = binary();
    let former = former().unwrap_or_else(|| this.clone());
    let store = super::blank();
    migrate(&former, &store);
    let folder = TempDir::new();
    let (_simulators, _runtime, section) = provider(folder.path());
    let nodes = Setup::of(&store, 2).program(&former).start(&section);
    let merchants: Vec<Merchant> = (0..3)
        .map(|n| nodes.merchant(&format!("m_live_roll{n}"), &format!("roll-{n}"), "wechat"))
        .collect();
    let load = Load::default();
    let made = std::thread::scope(|scope| {
        let orders = scope.spawn(|| order_until(&load, &merchants, 4));
        load.goes_on(20);
        // As docs/upgrade.md says: the tables first, while the former nodes run.
        migrate(&this, &store);
        load.goes_on(20);
        for program in [&this, &former, &this] {
            for n in 0..2 {
                let mut node = nodes.node(n);
                assert!(node.stop(), "node {n}");
                node.program.clone_from(program);
                node.start();
                drop(node);
                // One of each at first, and then two of the same.
                load.goes_on(30);
            }
        }
        load.stop();
        orders.join().unwrap()
    });
    eprintln!("{} orders", made.len());
    all_are_there_once(&merchants, &made);
    ledger_is_whole(&nodes);
}
