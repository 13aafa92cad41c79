//! A plugin's error ends its own answer and nothing else: after each row the next order is
//! decided as if nothing had been.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use lezai_core::policy::{OrderFacts, Verdict};
use lezai_engine::{
    Config, Decision, Engine, Failure, Hook, Limits, Outcome, PLUGIN_FAILED, decide,
};
use support::attacks::Page;
use support::{artifact, clock, order, policy, stage};

/// The hostile plugin's decision on an order, once told how to behave.
fn hostile(behaviour: &str, order: &OrderFacts) -> Decision {
    let stage = stage();
    let own = Some((&*stage.hostile, behaviour.as_bytes()));
    decide(&stage.engine, &stage.standard, &policy().to_compact(), own, order).unwrap()
}

fn standard(order: &OrderFacts) -> Decision {
    let stage = stage();
    decide(&stage.engine, &stage.standard, &policy().to_compact(), None, order).unwrap()
}

#[test]
fn a_failed_hook_falls_back_and_the_next_order_is_decided() {
    let rows = Page::read().rows("A plugin that misbehaves on demand");
    let rows = rows.iter().flat_map(|row| {
        let [behaviour, of, label] = &row[..] else { panic!("{row:?}") };
        let hooks = Hook::ALL.map(Hook::label).into_iter();
        let hooks = hooks.filter(move |hook| of == "every hook" || of == hook);
        hooks.map(move |hook| (hook, &**behaviour, &**label))
    });
    assert_eq!(rows.clone().count(), 5 * 8 + 26);
    let order = order();
    let usual = standard(&order);
    let good = hostile("", &order);
    assert_eq!((usual.shares.len(), usual.columns.len()), (0, 0), "nobody was asked");
    assert_eq!((good.shares.len(), good.columns.len()), (1, 1));
    for (hook, behaviour, label) in rows {
        let row = format!("{hook}={behaviour}");
        let decision = hostile(&row, &order);
        assert!(decision.runs().map(|(hook, _)| hook).eq(Hook::ALL), "{row}");
        for (name, run) in decision.runs().map(|(hook, run)| (hook.label(), run)) {
            let expected = if name == hook { label } else { "ok" };
            assert_eq!(run.outcome.label(), expected, "{row}: {name}: {}", run.outcome);
            assert_eq!(run.digest, stage().hostile.digest(), "{row}");
        }
        if hook == "risk" {
            assert_eq!(decision.risk.verdict, Verdict::Review, "{row}");
            assert_eq!(decision.risk.reasons[0].code, PLUGIN_FAILED, "{row}");
        } else {
            assert_eq!(decision.risk, good.risk, "{row}");
        }
        assert_eq!(decision.fee, if hook == "pricing" { usual.fee } else { good.fee }, "{row}");
        let channels = if hook == "routing" { &usual.channels } else { &good.channels };
        assert_eq!(&decision.channels, channels, "{row}");
        let shares = if hook == "split" { &usual.shares } else { &good.shares };
        assert_eq!(&decision.shares, shares, "{row}");
        let columns = if hook == "statement" { &usual.columns } else { &good.columns };
        assert_eq!(&decision.columns, columns, "{row}");
        // The next orders, by both plugins.
        assert_eq!(hostile("", &order), good, "after {row}");
        assert_eq!(standard(&order), usual, "after {row}");
    }
}

#[test]
fn all_hooks_can_fail_at_once() {
    let order = order();
    let decision = hostile("risk=loop,pricing=trap,routing=grow", &order);
    let labels = decision.hooks.each_ref().map(|run| run.outcome.label());
    assert_eq!(labels, ["fuel", "trap", "memory"]);
    assert_eq!(decision.risk.reasons[0].message, "The merchant's plugin did not answer: fuel");
    assert_eq!(
        (decision.fee, decision.channels),
        (standard(&order).fee, standard(&order).channels)
    );
}

/// Shares are of what the fee leaves: all of it can be given away, whoever said what the fee is.
#[test]
fn shares_are_of_what_the_fee_leaves() {
    for (behaviour, fee) in [("split=all", 1), ("split=all,pricing=trap", 77)] {
        let decision = hostile(behaviour, &order());
        let sum: i64 = decision.shares.iter().map(|it| it.amount.minor()).sum();
        assert_eq!((decision.fee.minor(), sum), (fee, 12_800 - fee), "{behaviour}");
    }
}

#[test]
fn what_a_plugin_says_of_its_failure_is_kept_and_bounded() {
    let decision = hostile("risk=refuse", &order());
    let said = Outcome::Failed(Failure::Refused("I would rather not".to_owned()));
    assert_eq!(decision.hooks[0].outcome, said);
    assert_eq!(said.to_string(), "refused: it answered with an error: I would rather not");
}

#[test]
fn nothing_is_left_for_the_next_order() {
    let first = hostile("risk=memory", &order());
    let second = hostile("risk=memory", &order());
    assert_eq!((first.risk.score, second.risk.score), (0, 0));
    assert_eq!(first, second);
    // Nor for the next question after a failure: pricing was asked by a fresh instance.
    let [_, after_trap, _] = hostile("risk=trap", &order()).hooks;
    let [_, after_loop, _] = hostile("risk=loop", &order()).hooks;
    assert_eq!(after_trap, after_loop);
}

/// An engine whose clock is the test's.
fn by_our_clock(fuel: u64) -> (tempfile::TempDir, Engine) {
    let cache = tempfile::tempdir().unwrap();
    let limits = Limits { fuel, ..Limits::default() };
    let config = Config { limits, clock: clock::asked, ..Config::new(cache.path()) };
    let engine = Engine::new(config).unwrap();
    (cache, engine)
}

/// However slow the machine, short of the last resort: what a plugin does ends as it does everywhere.
#[test]
fn a_slow_clock_changes_nothing() {
    let (_cache, engine) = by_our_clock(Limits::default().fuel);
    let plugin = |name| engine.load(&artifact(name)).unwrap();
    let (standard, hostile) = (plugin("policy.wasm"), plugin("plugins/hostile.wasm"));
    let (compact, order) = (policy().to_compact(), order());
    let rows = Page::read().rows("A plugin that misbehaves on demand");
    for row in &rows {
        let [behaviour, of, label] = &row[..] else { panic!("{row:?}") };
        let hook = if of == "every hook" { "risk" } else { of };
        let settings = format!("{hook}={behaviour}");
        let decided = |run| {
            clock::set(run);
            let own = Some((&*hostile, settings.as_bytes()));
            decide(&engine, &standard, &compact, own, &order).unwrap()
        };
        let usual = decided(clock::STANDS);
        let ended = usual.runs().find(|(it, _)| it.label() == hook).unwrap().1;
        assert_eq!(ended.outcome.label(), label, "{settings}");
        assert!(usual.is_replayable(), "{settings}");
        assert_eq!(decided(clock::ALMOST), usual, "{settings}");
    }
    // A plugin gets no deadline of its own: it would be another one on another machine.
    let hasty = Limits { deadline_ms: 0, ..engine.limits() };
    assert_eq!(
        engine.load_within(&artifact("policy.wasm"), hasty).unwrap().limits().deadline_ms,
        1_000
    );
}

/// The clock ends what fuel cannot, and the decision says that it cannot be made again.
#[test]
fn the_last_resort_is_the_clock() {
    let (_cache, engine) = by_our_clock(u64::MAX);
    let plugin = |name| engine.load(&artifact(name)).unwrap();
    let (standard, hostile) = (plugin("policy.wasm"), plugin("plugins/hostile.wasm"));
    for behaviour in ["risk=loop", "risk=fill"] {
        clock::set(clock::RUNS_AWAY);
        let own = Some((&*hostile, behaviour.as_bytes()));
        let decision = decide(&engine, &standard, &policy().to_compact(), own, &order()).unwrap();
        assert_eq!(decision.hooks[0].outcome.label(), "deadline", "{behaviour}");
        assert_eq!(decision.hooks[1].outcome, Outcome::Answered, "{behaviour}");
        assert!(!decision.is_replayable(), "{behaviour}");
        assert_eq!(decision.risk.reasons[0].code, PLUGIN_FAILED, "{behaviour}");
    }
}

/// A node that is so slow that the clock would come before the fuel knows it.
#[test]
fn a_slow_node_knows_it() {
    let (_cache, engine) = by_our_clock(Limits::default().fuel);
    // Ten rounds would be all of the fuel.
    for (round_ms, likely) in [(0, false), (24, false), (25, true), (5_000, true)] {
        clock::set(clock::each(round_ms));
        let pace = engine.pace().unwrap();
        assert_eq!(pace.full_fuel.as_millis(), 10 * u128::from(round_ms));
        assert_eq!(pace.deadline_is_likely(), likely, "{round_ms} ms a round");
    }
}

/// Threads ask at once, more than there are slots, and each gets what it would get alone.
#[test]
fn many_at_once_do_not_disturb_each_other() {
    let usual = standard(&order());
    let good = hostile("", &order());
    std::thread::scope(|scope| {
        for thread in 0..48 {
            let (usual, good) = (&usual, &good);
            scope.spawn(move || {
                for round in 0..20 {
                    match (thread + round) % 4 {
                        0 => assert_eq!(&standard(&order()), usual),
                        1 => assert_eq!(&hostile("", &order()), good),
                        2 => assert_eq!(
                            hostile("risk=trap", &order()).hooks[0].outcome.label(),
                            "trap"
                        ),
                        _ => assert_eq!(
                            hostile("pricing=grow", &order()).hooks[1].outcome.label(),
                            "memory"
                        ),
                    }
                }
            });
        }
    });
}

#[test]
fn input_is_bounded() {
    let stage = stage();
    let compact = policy().to_compact();
    let mut order = order();
    for (settings, label) in [(30 * 1024, "ok"), (33 * 1024, "too_much_input")] {
        let settings = vec![b' '; settings];
        let own = Some((&*stage.hostile, settings.as_slice()));
        let decision = decide(&stage.engine, &stage.standard, &compact, own, &order).unwrap();
        assert_eq!(decision.hooks[0].outcome.label(), label);
        assert_eq!(decision.hooks.iter().all(|run| run.fuel == 0), label != "ok");
    }
    order.metadata.insert("long".to_owned(), "x".repeat(33 * 1024));
    let error = decide(&stage.engine, &stage.standard, &compact, None, &order).unwrap_err();
    assert_eq!((error.hook, error.cause.label()), (Hook::Risk, "too_much_input"));
}

/// The longest order that the API takes, under the longest policy, is decided within the limits.
#[test]
fn the_longest_order_under_the_longest_policy_is_decided() {
    let stage = stage();
    let mut order = order();
    let wide = |n: usize| "\u{1f375}".repeat(n);
    order.merchant_order_id = "A".repeat(64);
    order.methods = (0..16).map(|n| format!("{n:0>32}").replace('0', "m")).collect();
    order.customer.reference = Some(wide(64));
    order.customer.ip = Some("2001:db8:1111:2222:3333:4444:5555:6666".parse().unwrap());
    order.device.id = Some(wide(64));
    order.device.os = Some(wide(32));
    order.device.user_agent = Some(wide(256));
    order.metadata = (0..20).map(|n| (format!("{n:k>40}"), wide(200))).collect();
    let rule = |n: usize, values: usize| {
        // 96 conditions in all.
        let mut when = vec![
            serde_json::json!({"metadata_in": {"key": format!("{n:k>40}"), "values": vec!["v".repeat(16); values]}}),
        ];
        when.extend((n < 32).then(|| "device_id_missing".into()));
        serde_json::json!({"code": format!("rule_{n}"), "message": "x".repeat(60), "score": 1, "when": when})
    };
    let mut json: serde_json::Value = serde_json::from_str(support::POLICY).unwrap();
    let policy = (0..20).rev().find_map(|values| {
        json["risk"]["rules"] = (0..64).map(|n| rule(n, values)).collect();
        lezai_core::policy::Policy::from_json(json.to_string().as_bytes()).ok()
    });
    let policy = policy.unwrap();
    let compact = policy.to_compact();
    assert!(compact.len() > lezai_core::policy::MAX_COMPACT * 8 / 10, "{}", compact.len());
    let decision = decide(&stage.engine, &stage.standard, &compact, None, &order).unwrap();
    assert_eq!(decision.risk, policy.risk(&order));
    let fuel = decision.hooks.each_ref().map(|run| run.fuel);
    assert!(fuel.iter().all(|fuel| *fuel < 1_500_000), "{fuel:?}: a quarter of the limit is left");
}

#[test]
fn bytes_that_are_no_policy_decide_nothing() {
    let stage = stage();
    for bytes in [&b""[..], b"\x01", b"\x02garbage"] {
        assert!(decide(&stage.engine, &stage.standard, bytes, None, &order()).is_err());
    }
}

/// A merchant's plugin in the standard one's place: whatever it does, there is an error and never
/// an order taken.
#[test]
fn the_standard_plugin_failing_is_an_error() {
    let stage = stage();
    // The hostile plugin reads the policy as its settings, which tell it nothing; the demo plugin
    // cannot read them, and answers no pricing.
    let compact = policy().to_compact();
    let error = decide(&stage.engine, &stage.demo, &compact, None, &order()).unwrap_err();
    assert_eq!((error.hook, error.cause.label()), (Hook::Risk, "refused"));
}

#[test]
fn the_demo_merchants_plugin_judges_and_leaves_the_rest() {
    let stage = stage();
    let compact = policy().to_compact();
    let mut order = order();
    order.amount = support::money(60_000, "CNY");
    order.metadata = [("goods".to_owned(), "gift_card".to_owned())].into();
    let own = Some((&*stage.demo, &b""[..]));
    let decision = decide(&stage.engine, &stage.standard, &compact, own, &order).unwrap();
    assert_eq!(stage.demo.hooks(), [Hook::Risk]);
    assert_eq!(decision.risk.reasons[0].code, "gift_card_new_device");
    assert_eq!((decision.risk.verdict, decision.fee.minor()), (Verdict::Review, 360));
    let digests = decision.hooks.map(|run| run.digest);
    let (demo, standard) = (stage.demo.digest(), stage.standard.digest());
    assert_eq!(digests, [demo, standard, standard]);
}

#[test]
fn artifacts_are_small_and_carry_what_they_say() {
    assert!(artifact("policy.wasm").len() <= 120 * 1024);
    assert_eq!(stage().standard.hooks(), Hook::STANDARD);
    assert_eq!(stage().hostile.hooks(), Hook::ALL);
}
