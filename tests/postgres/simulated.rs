//! The simulator over PostgreSQL: seeds that hold, deaths at commits, and bugs on purpose. `make sim STORE=postgres`
//! runs more of it.

use std::sync::Once;

use lezai_tests::sim::{self, Planted};

fn over_postgres() {
    static NAMED: Once = Once::new();
    NAMED.call_once(|| {
        sim::over(&std::env::var("LEZAI_TEST_POSTGRES").expect("run make test-postgres"));
    });
}

#[test]
fn seeds_hold() {
    over_postgres();
    let counts = sim::run(1, 24, Planted::Nothing).unwrap_or_else(|failure| panic!("{failure}"));
    eprint!("{}", counts.text());
    assert!(counts.crashes > 0 && counts.commits > 500, "{} commits", counts.commits);
}

#[test]
fn a_death_at_any_commit_loses_nothing_and_doubles_nothing() {
    over_postgres();
    let runs =
        sim::crash_everywhere(sim::shortest(5)).unwrap_or_else(|failure| panic!("{failure}"));
    eprintln!("{runs} runs");
    assert!(runs > 20, "{runs} runs are too few to tell");
}

#[test]
fn bugs_on_purpose_are_found_here_too() {
    over_postgres();
    for (planted, seen) in [
        (Planted::CheckThenAct, &["refunded or being refunded", "the ledger has"][..]),
        (Planted::LostIdempotency, &["was answered"]),
        (Planted::DoublePosting, &["the ledger has"]),
        (Planted::LeaseNeverGivenBack, &["left undone"]),
    ] {
        let (seed, what) = sim::first_to_see(planted, seen, 200)
            .unwrap_or_else(|| panic!("{planted:?} is not found"));
        eprintln!("{planted:?} is found by seed {seed}: {what}");
    }
}
