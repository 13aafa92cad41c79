//! Many plugins on one engine: more than can stand ready, and new ones all the time.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use lezai_engine::{Compiler, Config, Engine, Found, Limits, Outcome, Refused, compile, decide};
use sha2::{Digest as _, Sha256};
use support::{artifact, order, policy};

const DEMO: &str = "plugins/demo_rules.wasm";

/// Compiles the demo plugin once, whatever it was filled up with: what a component says in custom
/// sections is not in its code.
#[derive(Default)]
struct Once {
    code: OnceLock<Vec<u8>>,
    asked: AtomicUsize,
}

impl Compiler for Once {
    fn compile(&self, component: &[u8]) -> Result<Vec<u8>, Refused> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if component.len() < artifact(DEMO).len() || !component.starts_with(&artifact(DEMO)) {
            return compile(component);
        }
        Ok(self.code.get_or_init(|| compile(&artifact(DEMO)).unwrap()).clone())
    }
}

/// The demo plugin once more, told apart by a custom section.
fn another(number: u16) -> Vec<u8> {
    let [high, low] = number.to_le_bytes();
    [artifact(DEMO), vec![0, 3, 0, high, low]].concat()
}

fn digest(component: &[u8]) -> [u8; 32] {
    Sha256::digest(component).into()
}

fn engine(folder: &Path, loaded: usize, compiler: &Arc<Once>) -> Engine {
    let compiler = Arc::clone(compiler) as Arc<dyn Compiler>;
    Engine::new(Config { loaded, compiler, ..Config::new(folder) }).unwrap()
}

fn maps() -> usize {
    std::fs::read_to_string("/proc/self/maps").map_or(0, |text| text.lines().count())
}

/// Resident memory in KiB.
fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|it| it.parse().ok()).unwrap_or_default()
}

/// One at a time, for both tests count what the process has.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn more_merchants_than_stand_ready() {
    let _alone = ALONE.lock().unwrap();
    let (folder, compiler) = (tempfile::tempdir().unwrap(), Arc::new(Once::default()));
    let (many, bound) = (300_u16, 32);
    let digests: Vec<_> = (0..many).map(|it| digest(&another(it))).collect();
    let limits = Limits::default();
    {
        let engine = engine(folder.path(), bound, &compiler);
        for number in 0..many {
            engine.load(&another(number)).unwrap();
        }
        assert_eq!(engine.ready(), (bound, bound));
    }
    assert_eq!(compiler.asked.load(Ordering::SeqCst), usize::from(many));

    // The cost of one, when all stand ready: the wall is `vm.max_map_count`.
    {
        let engine = engine(folder.path(), usize::from(many), &compiler);
        let (maps_before, resident_before) = (maps(), resident_kib());
        for digest in &digests {
            assert_eq!(engine.open(digest, limits).unwrap().unwrap().1, Found::InCache);
        }
        // The system may take memory back meanwhile, for somebody else.
        let maps = maps().saturating_sub(maps_before);
        let resident = resident_kib().saturating_sub(resident_before);
        println!("{many} plugins: {maps} maps, {resident} KiB");
        assert!(maps <= 3 * usize::from(many) + 64, "{maps} maps for {many} plugins");
    }

    // Another gateway on the same folder compiles nothing but what it does not know.
    let engine = engine(folder.path(), bound, &compiler);
    let standard = engine.load(&artifact("policy.wasm")).unwrap();
    let compact = policy().to_compact();
    let facts = order();
    let decide_by = |digest: &[u8; 32]| {
        let (plugin, found) = engine.open(digest, limits).unwrap().unwrap();
        let decision = decide(&engine, &standard, &compact, Some((&plugin, b"")), &facts).unwrap();
        assert_eq!(decision.hooks[0].digest, plugin.digest());
        assert_eq!(decision.hooks[0].outcome, Outcome::Answered);
        found
    };
    let mut maps_at_first = usize::MAX;
    let mut cold = Vec::new();
    for round in 0..3 {
        for digest in &digests {
            let begun = Instant::now();
            let found = decide_by(digest);
            cold.push(begun.elapsed());
            assert_eq!(found, Found::InCache, "round {round}: who was asked last of 300 is gone");
            assert_eq!(decide_by(digest), Found::Ready);
        }
        assert_eq!(engine.ready(), (bound, bound));
        maps_at_first = maps_at_first.min(maps());
        assert!(maps() < maps_at_first + 64, "{} maps, {maps_at_first} at first", maps());
    }
    cold.sort_unstable();
    println!("a cold merchant's first decision: {:?}, the slowest {:?}", cold[450], cold[899]);
    assert_eq!(compiler.asked.load(Ordering::SeqCst), usize::from(many) + 1);

    // The bound's edge: as many as fit stay.
    for _ in 0..2 {
        digests[..bound].iter().for_each(|digest| _ = decide_by(digest));
    }
    assert!(digests[..bound - 1].iter().all(|digest| decide_by(digest) == Found::Ready));

    // A component never compiled here is not compiled on the way of an order.
    assert!(engine.open(&digest(b"unknown"), limits).unwrap().is_none());
    // Other limits make it another plugin, which is held to them.
    let frugal = Limits { fuel: 100, ..limits };
    let (plugin, _) = engine.open(&digests[0], frugal).unwrap().unwrap();
    let decision = decide(&engine, &standard, &compact, Some((&plugin, b"")), &facts).unwrap();
    assert_eq!(decision.hooks[0].outcome.label(), "fuel");
    let (plugin, _) =
        engine.open(&digests[0], Limits { fuel: u64::MAX, ..limits }).unwrap().unwrap();
    assert_eq!(plugin.limits(), limits, "nobody gets more than the engine gives");
}

/// A merchant's plugin changes ten thousand times while its orders are decided: no decision fails,
/// each is by one version from its first question to its last, and nothing piles up.
#[test]
fn ten_thousand_swaps_under_load() {
    let _alone = ALONE.lock().unwrap();
    let (folder, compiler) = (tempfile::tempdir().unwrap(), Arc::new(Once::default()));
    // Fewer than there are versions, so that each swap loads and unloads.
    let engine = engine(folder.path(), 4, &compiler);
    let standard = engine.load(&artifact("policy.wasm")).unwrap();
    let versions: Vec<_> = (0..16).map(another).collect();
    versions.iter().for_each(|it| drop(engine.load(it).unwrap()));
    let digests: Vec<_> = versions.iter().map(|it| digest(it)).collect();
    let open = |swap: usize| {
        let digest = &digests[swap % digests.len()];
        engine.open(digest, Limits::default()).unwrap().unwrap().0
    };
    let live = Mutex::new(open(0));
    let (compact, facts) = (policy().to_compact(), order());
    let (ended, decided) = (AtomicBool::new(false), AtomicU64::new(0));
    let decide_on = || {
        while !ended.load(Ordering::SeqCst) {
            let plugin = Arc::clone(&live.lock().unwrap());
            let own = Some((&*plugin, &b""[..]));
            let decision = decide(&engine, &standard, &compact, own, &facts).unwrap();
            assert!(decision.hooks.iter().all(|hook| hook.outcome == Outcome::Answered));
            assert_eq!(decision.hooks[0].digest, plugin.digest());
            decided.fetch_add(1, Ordering::SeqCst);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(decide_on);
        }
        // However it ends, the others end too.
        let _end = OnDrop(&ended);
        let swap_to = |swap: usize| {
            // Loaded before the lock is taken and dropped after it: orders do not wait for either.
            let next = open(swap);
            drop(std::mem::replace(&mut *live.lock().unwrap(), next));
        };
        (0..1_000).for_each(swap_to);
        let (maps_before, resident_before) = (maps(), resident_kib());
        (1_000..11_000).for_each(swap_to);
        // The deciding thread may have got less of the processor than the swapping one.
        (11_000..1_000_000)
            .take_while(|_| decided.load(Ordering::SeqCst) <= 1_000)
            .for_each(swap_to);
        let (maps_after, resident_after) = (maps(), resident_kib());
        println!(
            "{} decisions; maps {maps_before} then {maps_after}, resident {resident_before} KiB then {resident_after}",
            decided.load(Ordering::SeqCst)
        );
        assert!(maps_after <= maps_before + 64, "{maps_before} maps, then {maps_after}");
        assert!(
            resident_after <= resident_before + 16 * 1024,
            "{resident_before} KiB, then {resident_after}"
        );
    });
    assert!(decided.load(Ordering::SeqCst) > 1_000);
}

struct OnDrop<'a>(&'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
