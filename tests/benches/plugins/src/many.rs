//! Thousands of merchants, each with a plugin of its own: the demo plugin, told apart by a custom section,
//! so that each is mapped for itself.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use cpu_time::ThreadTime;
use lezai_engine::{Compiler, Config, Engine, Found, Limits, Refused, compile, decide};
use sha2::{Digest as _, Sha256};

use crate::artifact;
use crate::measure::{BATCH, Goals, Times};
use crate::peers::{orders, policy, risk};

const DEMO: &str = "plugins/demo_rules.wasm";
/// All that have a plugin, and those that are asked uniformly.
const MERCHANTS: u32 = 10_000;
const UNIFORM: u32 = 4_000;
const GIB: u64 = 1024 * 1024;

/// Compiles the demo plugin once: what is in custom sections is not in its code.
#[derive(Default)]
struct Once(OnceLock<Vec<u8>>);

impl Compiler for Once {
    fn compile(&self, component: &[u8]) -> Result<Vec<u8>, Refused> {
        let demo = artifact(DEMO);
        if !component.starts_with(&demo) {
            return compile(component);
        }
        Ok(self.0.get_or_init(|| compile(&demo).expect("the demo plugin")).clone())
    }
}

fn another(number: u32) -> Vec<u8> {
    let mut component = artifact(DEMO);
    component.extend([0, 5, 0]);
    component.extend(number.to_le_bytes());
    component
}

fn digest(number: u32) -> [u8; 32] {
    Sha256::digest(another(number)).into()
}

fn engine(folder: &Path, loaded: u32) -> Engine {
    let loaded = usize::try_from(loaded).expect("small");
    let compiler = Arc::new(Once::default());
    Engine::new(Config { loaded, compiler, ..Config::new(folder) }).expect("an engine")
}

pub fn measure(goals: &mut Goals, folder: &Path) {
    let cache = folder.join("many");
    fill(&cache);
    let engine = engine(&cache, MERCHANTS);
    let standard = engine.load(&artifact("policy.wasm")).expect("the standard plugin");
    let policy = policy();
    let (compact, (_, mut facts)) = (policy.to_compact(), orders());
    // Those that can be decided in full: the policy has no fee in one of the currencies.
    facts.retain(|it| policy.fee(it).is_ok());
    let digests: Vec<_> = (0..MERCHANTS).map(digest).collect();
    let limits = Limits::default();

    let mut cold = Vec::new();
    for (number, digest) in digests.iter().enumerate() {
        let order = &facts[number % facts.len()];
        let begun = Instant::now();
        let (plugin, found) = engine.open(digest, limits).expect("taken").expect("in the cache");
        let own = Some((&*plugin, &b""[..]));
        let decision = decide(&engine, &standard, &compact, own, order);
        cold.push(nanos(begun.elapsed()));
        assert_eq!(found, Found::InCache);
        black_box(decision).expect("a decision");
    }
    let cold = Times::new(cold);
    goals.time(
        "a cold merchant's first decision, from the cache, on the clock",
        signed(cold.median()),
        1_000_000,
    );
    goals.time("the same, 99 %", signed(cold.p99()), 1_000_000);

    // A hot merchant and 4,000 in turns, found as an order finds them.
    let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
    let mut uniform = Vec::new();
    let mut hot = Vec::new();
    for round in 0..6_000_usize {
        let ask = |merchant: u64, at: usize| {
            let digest = &digests[usize::try_from(merchant).expect("small")];
            let (plugin, _) = engine.open(digest, limits).expect("taken").expect("ready");
            black_box(risk(&engine, &plugin, b"", &facts[at % facts.len()]));
        };
        let begun = ThreadTime::now();
        (0..BATCH).for_each(|at| ask(7, round * BATCH + at));
        let one = begun.elapsed();
        let begun = ThreadTime::now();
        for at in 0..BATCH {
            dice = dice
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            ask((dice >> 33) % u64::from(UNIFORM), round * BATCH + at);
        }
        let many = begun.elapsed();
        if round >= 1_000 {
            hot.push(nanos(one) / BATCH as u64);
            uniform.push(nanos(many) / BATCH as u64);
        }
    }
    let (hot, uniform) = (Times::new(hot), Times::new(uniform));
    goals.time(
        "demo rules: the same hot merchant, with finding its plugin",
        signed(hot.median()),
        10_000,
    );
    goals.time(
        "demo rules: 4,000 merchants uniformly, with finding the plugin",
        signed(uniform.median()),
        15_000,
    );
    drop(engine);

    let output = Command::new(std::env::current_exe().expect("this program"))
        .arg("resident")
        .arg(&cache)
        .output()
        .expect("this program again");
    let text = String::from_utf8(output.stdout).expect("text");
    let mut kib = text.split_whitespace().map(|it| it.parse::<u64>().expect("KiB"));
    let mut next = || kib.next().expect("three numbers");
    let (resident, before, handles) = (next(), next(), next());
    goals.any(
        "10,000 merchants loaded and asked: resident memory of the process",
        format!(
            "{:.2} GiB ({} KiB each, {handles} open files)",
            resident as f64 / GIB as f64,
            (resident - before) / u64::from(MERCHANTS)
        ),
        "at most 1 GiB".to_owned(),
        resident <= GIB,
    );
}

/// Fills the cache: everybody is loaded once.
fn fill(cache: &Path) {
    let engine = engine(cache, 16);
    for number in 0..MERCHANTS {
        engine.load(&another(number)).expect("a plugin");
    }
}

/// In a process of its own: loads and asks all, and prints what it has resident then and had before, in KiB,
/// and its open files.
pub fn resident(cache: &Path) {
    let engine = engine(cache, MERCHANTS);
    let (_, facts) = orders();
    let before = resident_kib();
    for number in 0..MERCHANTS {
        let opened = engine.open(&digest(number), Limits::default());
        let (plugin, _) = opened.expect("taken").expect("in the cache");
        black_box(risk(&engine, &plugin, b"", &facts[0]));
    }
    let handles = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    assert_eq!(engine.ready().0, usize::try_from(MERCHANTS).expect("small"));
    println!("{} {before} {handles}", resident_kib());
}

fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|it| it.parse().ok()).unwrap_or_default()
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn signed(nanos: u64) -> i64 {
    i64::try_from(nanos).unwrap_or(i64::MAX)
}
