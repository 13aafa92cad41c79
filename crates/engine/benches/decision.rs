//! The processor time of a decision: natively in the core, through a fresh sandbox, and
//! with a merchant's plugin. `cargo bench --profile release -p lezai-engine`.
//!
//! Time is the thread's own, so that other work on the machine counts as little as it can. It is
//! taken over batches: asking for it takes longer than some of what is measured.

#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;

use cpu_time::ThreadTime;
use lezai_engine::decide;
use support::{order, policy, stage};

const BATCH: u32 = 20;
const BATCHES: usize = 2000;
const WARM_UP: usize = 100;

fn main() {
    let stage = stage();
    let (policy, order) = (policy(), order());
    let compact = policy.to_compact();
    let own = Some((&*stage.demo, &b""[..]));
    println!("| a decision on one order | CPU median, µs | CPU p99, µs |");
    println!("|---|---:|---:|");
    let native = row("natively, in the core", || {
        let (policy, order) = (black_box(&policy), black_box(&order));
        let decision = (policy.risk(order), policy.fee(order), policy.route(order));
        assert!(black_box(decision).1.is_ok());
    });
    let sandboxed = row("fresh sandbox, standard plugin", || {
        let decision = decide(&stage.engine, &stage.standard, &compact, None, black_box(&order));
        black_box(decision).expect("the standard plugin answers");
    });
    let merchants = row("fresh sandboxes, merchant's risk and the standard plugin", || {
        let decision = decide(&stage.engine, &stage.standard, &compact, own, black_box(&order));
        black_box(decision).expect("the standard plugin answers");
    });
    // Times are this machine's; how they stand to each other travels.
    let times = |nanos: u128| nanos / native.max(1);
    println!(
        "\na decision natively : in a sandbox : with a merchant's plugin = 1 : {} : {}",
        times(sandboxed),
        times(merchants)
    );
}

/// Prints what a decision takes, and gives the median in nanoseconds.
fn row(name: &str, mut decide: impl FnMut()) -> u128 {
    let mut batch = || {
        let start = ThreadTime::now();
        (0..BATCH).for_each(|_| decide());
        start.elapsed().as_nanos() / u128::from(BATCH)
    };
    for _ in 0..WARM_UP {
        batch();
    }
    let mut times: Vec<u128> = (0..BATCHES).map(|_| batch()).collect();
    times.sort_unstable();
    let micros = |nanos: u128| format!("{}.{:02}", nanos / 1000, nanos % 1000 / 10);
    println!("| {name} | {} | {} |", micros(times[BATCHES / 2]), micros(times[BATCHES * 99 / 100]));
    times[BATCHES / 2]
}
