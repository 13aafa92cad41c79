//! One question about each recorded order, answered by everybody.

use std::hint::black_box;
use std::path::Path;

use demo_rules::DemoRules;
use extism::{CompiledPlugin, Manifest, Plugin, PluginBuilder, Wasm};
use lezai_core::money::Money;
use lezai_core::policy::{OrderFacts, Policy, Risk};
use lezai_engine::{Asked, Config, Engine, Hook, Said};
use lezai_plugin::{Order, Risk as _};

use crate::measure::{Goals, Row, print, take_turns};
use crate::node::Node;
use crate::raw::Raw;
use crate::{artifact, recorded, root};

const ROUNDS: usize = 3_000;
/// Extism gives a plugin so much by default; the limits are the engine's.
const FUEL: u64 = 2_000_000;

/// The recorded orders that are no edge: those with texts as long as can be are measured by nobody's
/// hot path.
pub fn orders() -> (Vec<Order>, Vec<OrderFacts>) {
    let file = root().join("tests/vectors/plugin-orders.json");
    let text = std::fs::read_to_string(&file).expect("recorded orders");
    let mut orders = recorded::read(&text);
    orders.truncate(300);
    let facts = orders.iter().map(|it| lezai_policy::facts(it.clone()).expect("facts")).collect();
    (orders, facts)
}

/// The demo shop's policy.
pub fn policy() -> Policy {
    let json = include_bytes!("../../../../host/demo-shop/policy.json");
    Policy::from_json(json).expect("the demo's policy")
}

/// The answer of a fresh sandbox to a question.
pub fn risk(
    engine: &Engine,
    plugin: &lezai_engine::Plugin,
    settings: &[u8],
    facts: &OrderFacts,
) -> Risk {
    let fee = Money::new(0, facts.amount.currency()).expect("nothing");
    let Asked { answer, .. } = lezai_engine::ask(engine, plugin, settings, facts, Hook::Risk, fee);
    match answer {
        Ok(Said::Risk(risk)) => risk,
        other => panic!("{other:?}"),
    }
}

pub fn measure(goals: &mut Goals, folder: &Path) {
    let (orders, facts) = orders();
    let policy = policy();
    let compact = policy.to_compact();
    let engine = Engine::new(Config::new(folder.join("peers"))).expect("an engine");
    let (demo, standard) = (artifact("plugins/demo_rules.wasm"), artifact("policy.wasm"));
    let [demo_plugin, standard_plugin] =
        [&demo, &standard].map(|it| engine.load(it).expect("a plugin"));
    let [raw_demo, raw_standard] = [&demo, &standard].map(|it| Raw::load(it));
    let guest = artifact("bench/extism_guest.wasm");
    let extism = extism_plugin(&guest, Some(FUEL));
    // Fuel is given when a plugin is made, so one that is kept can have none.
    let mut warm =
        Plugin::new_from_compiled(&extism_plugin(&guest, None)).expect("an Extism plugin");
    let artifacts = root().join("target/artifacts");
    let node_demo =
        std::cell::RefCell::new(Node::start(&artifacts.join("plugins/demo_rules.wasm"), b""));
    let node_standard =
        std::cell::RefCell::new(Node::start(&artifacts.join("policy.wasm"), &compact));
    // Extism's input is encoded by the caller, as the order is lowered by the caller.
    let encode =
        |at: usize| postcard::to_allocvec(&(&facts[at], compact.as_slice())).expect("bytes");
    let decode = |bytes: &[u8]| postcard::from_bytes::<Risk>(bytes).expect("a risk");

    // All say the same, or the comparison is of nothing.
    for (at, order) in facts.iter().enumerate() {
        let expected = policy.risk(order);
        assert_eq!(risk(&engine, &standard_plugin, &compact, order), expected);
        assert_eq!(raw_standard.assess(&compact, order), expected);
        assert_eq!(
            decode(warm.call::<_, &[u8]>("assess", encode(at)).expect("an answer")),
            expected
        );
        assert_eq!(raw_demo.assess(b"", order), risk(&engine, &demo_plugin, b"", order));
    }

    let mut rows = vec![
        Row::here("demo rules, native Rust", 1, |at| {
            black_box(DemoRules::assess(orders[at].clone(), b"")).expect("an answer");
        }),
        Row::here("demo rules, raw wasmtime, fresh", 1, |at| {
            black_box(raw_demo.assess(b"", &facts[at]));
        }),
        Row::here("demo rules, **Lezai**, fresh", 1, |at| {
            black_box(risk(&engine, &demo_plugin, b"", &facts[at]));
        }),
        Row {
            name: "demo rules, jco in Node, fresh",
            every: 30,
            batch: Box::new(|orders| node_demo.borrow_mut().batch(true, orders)),
        },
        Row {
            name: "demo rules, jco in Node, warm",
            every: 30,
            batch: Box::new(|orders| node_demo.borrow_mut().batch(false, orders)),
        },
        Row::here("core's policy, native Rust", 1, |at| {
            let policy = Policy::from_compact(&compact).expect("a policy");
            black_box(policy.risk(&facts[at].clone()));
        }),
        Row::here("core's policy, raw wasmtime, fresh", 1, |at| {
            black_box(raw_standard.assess(&compact, &facts[at]));
        }),
        Row::here("core's policy, **Lezai**, fresh", 1, |at| {
            black_box(risk(&engine, &standard_plugin, &compact, &facts[at]));
        }),
        Row::here("core's policy, Extism 1.30, warm", 1, |at| {
            black_box(decode(warm.call::<_, &[u8]>("assess", encode(at)).expect("an answer")));
        }),
        Row::here("core's policy, Extism 1.30, fresh", 10, |at| {
            let mut fresh = Plugin::new_from_compiled(&extism).expect("an Extism plugin");
            black_box(decode(fresh.call::<_, &[u8]>("assess", encode(at)).expect("an answer")));
        }),
        Row {
            name: "core's policy, jco in Node, fresh",
            every: 30,
            batch: Box::new(|orders| node_standard.borrow_mut().batch(true, orders)),
        },
        Row {
            name: "core's policy, jco in Node, warm",
            every: 30,
            batch: Box::new(|orders| node_standard.borrow_mut().batch(false, orders)),
        },
    ];
    let found = take_turns(&mut rows, orders.len(), ROUNDS);
    print(&rows, &found);
    let at = |name: &str| {
        &found[rows.iter().position(|row| row.name == name).expect("a row of that name")]
    };
    let nanos = |it: u64| i64::try_from(it).unwrap_or(i64::MAX);
    for logic in ["demo rules", "core's policy"] {
        let row = |who: &str| at(&format!("{logic}, {who}, fresh"));
        let (lezai, raw) = (row("**Lezai**"), row("raw wasmtime"));
        let what = format!("{logic}: fresh sandbox and typed call, one hot merchant");
        goals.time(&what, nanos(lezai.median()), 10_000);
        goals.time(&format!("{logic}: over raw wasmtime"), lezai.over(raw), 1_500);
    }
    let (lezai, extism) =
        (at("core's policy, **Lezai**, fresh"), at("core's policy, Extism 1.30, fresh"));
    let times = extism.median() as f64 / lezai.median() as f64;
    goals.any(
        "core's policy: so many times faster than Extism fresh",
        format!("{times:.1}"),
        "at least 20".to_owned(),
        times >= 20.0,
    );
}

/// Compiled once. The timeout, on the clock, is long: it is there for the code that it brings along.
fn extism_plugin(module: &[u8], fuel: Option<u64>) -> CompiledPlugin {
    let timeout = std::time::Duration::from_secs(1);
    let manifest = Manifest::new([Wasm::data(module)]).with_timeout(timeout);
    let plugin = PluginBuilder::new(manifest).with_wasi(false).with_cache_disabled();
    let plugin = match fuel {
        Some(fuel) => plugin.with_fuel_limit(fuel),
        None => plugin,
    };
    plugin.compile().expect("an Extism plugin")
}
