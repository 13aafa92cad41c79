//! The effect of a runaway plugin on its neighbours, and when it is stopped.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lezai_core::money::Money;
use lezai_core::policy::OrderFacts;
use lezai_engine::{Config, Engine, Hook, Plugin};

use crate::artifact;
use crate::measure::{Goals, Times};
use crate::peers::{orders, risk};

/// How long the other thread does the same.
const SPELL: Duration = Duration::from_millis(20);
const SPELLS: usize = 100;

const REST: u8 = 0;
const BEHAVE: u8 = 1;
const RUN_AWAY: u8 = 2;
const END: u8 = 3;

pub fn measure(goals: &mut Goals, folder: &Path) {
    let engine = Engine::new(Config::new(folder.join("neighbours"))).expect("an engine");
    let demo = engine.load(&artifact("plugins/demo_rules.wasm")).expect("a plugin");
    let hostile = engine.load(&artifact("plugins/hostile.wasm")).expect("a plugin");
    let (_, facts) = orders();
    let usual = neighbours(&engine, &demo, &hostile, &facts);
    let [rest, behave, runaway] = usual;
    println!(
        "\np99 of a neighbour's question on the clock, in ns: the other processor at rest {rest}, with usual \
         questions {behave}, with a runaway {runaway}"
    );
    goals.time("a neighbour's p99 beside a runaway: twice of that without", runaway, 2 * rest);

    goals.time(
        "a runaway is stopped by its fuel, on the clock, at the latest of 200",
        stopped(&engine, &hostile, &facts[0]),
        10_000_000,
    );
}

/// The 99th percentile of a question, in nanoseconds on the clock, beside each of what the other thread does.
fn neighbours(engine: &Engine, demo: &Plugin, hostile: &Plugin, facts: &[OrderFacts]) -> [i64; 3] {
    let what = Arc::new(AtomicU8::new(REST));
    thread::scope(|scope| {
        scope.spawn(|| {
            loop {
                match what.load(Ordering::Relaxed) {
                    REST => thread::sleep(Duration::from_micros(100)),
                    BEHAVE => drop(black_box(risk(engine, demo, b"", &facts[0]))),
                    RUN_AWAY => run_away(engine, hostile, &facts[0]),
                    _ => return,
                }
            }
        });
        let mut found = [const { Vec::new() }; 3];
        for spell in 0..3 * SPELLS {
            let other = [REST, BEHAVE, RUN_AWAY][spell % 3];
            what.store(other, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(2));
            let begun = Instant::now();
            let mut at = 0;
            while begun.elapsed() < SPELL {
                let clock = Instant::now();
                black_box(risk(engine, demo, b"", &facts[at % facts.len()]));
                at += 1;
                found[spell % 3]
                    .push(u64::try_from(clock.elapsed().as_nanos()).unwrap_or(u64::MAX));
            }
        }
        what.store(END, Ordering::Relaxed);
        found.map(|times| i64::try_from(Times::new(times).p99()).unwrap_or(i64::MAX))
    })
}

fn run_away(engine: &Engine, hostile: &Plugin, facts: &OrderFacts) {
    let fee = Money::new(0, facts.amount.currency()).expect("nothing");
    let asked = lezai_engine::ask(engine, hostile, b"risk=loop", facts, Hook::Risk, fee);
    black_box(asked).answer.expect_err("it never answers");
}

fn stopped(engine: &Engine, hostile: &Plugin, facts: &OrderFacts) -> i64 {
    let times = (0..200).map(|_| {
        let begun = Instant::now();
        run_away(engine, hostile, facts);
        u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX)
    });
    i64::try_from(Times::new(times.collect()).most()).unwrap_or(i64::MAX)
}
