//! The contract 1.0.0 stays what it is: its text, and that components which were made for it once
//! are taken and say the same.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::PathBuf;

use lezai_core::digest::sha256_hex;
use lezai_core::policy::{Tally, Velocity, Verdict, Windows};
use lezai_engine::{Hook, decide};
use support::{order, policy, stage};

/// SHA-256 of the contract without its comments, spaces and line ends: words may be mended, what a
/// component is made of may not.
const CONTRACT: &str = "19a01ee42babd8a29e77caaf647525fa007cb8d2dbe1a8927336aec127f51e53";

fn kept(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/plugins/kept");
    std::fs::read(folder.join(name)).unwrap()
}

/// A change of 1.0.0 breaks plugins that are out there. Whoever wants one writes another version
/// and lets it stand beside this one.
#[test]
fn the_contract_is_as_it_was_published() {
    let text = include_str!("../../plugin/wit/lezai-plugin.wit");
    let bare: String = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .flat_map(str::chars)
        .filter(|it| !it.is_whitespace())
        .collect();
    assert_eq!(sha256_hex(bare.as_bytes()), CONTRACT);
}

/// `tests/plugins/kept` has components as they were when the contract was published; nobody builds
/// them anew.
#[test]
fn plugins_of_old_are_taken_and_say_what_they_said() {
    let stage = stage();
    let compact = policy().to_compact();
    let mut order = order();
    order.amount = support::money(60_000, "CNY");
    order.metadata = [("goods", "gift_card"), ("seller:tea", "9000")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
    let hour = Tally { count: 5, sum: 1 };
    let customer = Some(Windows { hour, ..Windows::default() });
    order.velocity = Velocity { customer, ..Velocity::default() };
    let judged = |name: &str, settings: &str| {
        let plugin = stage.engine.load(&kept(name)).unwrap();
        let own = Some((&*plugin, settings.as_bytes()));
        let decision = decide(&stage.engine, &stage.standard, &compact, own, &order).unwrap();
        for (hook, run) in decision.runs() {
            assert_eq!(run.outcome.label(), "ok", "{name}: {hook}");
            let asked = if plugin.answers(hook) { &plugin } else { &stage.standard };
            assert_eq!(run.digest, asked.digest(), "{name}: {hook}");
        }
        (plugin.hooks().to_vec(), decision)
    };

    let (hooks, decision) = judged("demo_rules-1.0.0.wasm", "");
    assert_eq!(hooks, [Hook::Risk]);
    assert_eq!((decision.risk.verdict, decision.risk.score), (Verdict::Review, 600));
    assert_eq!(decision.risk.reasons[0].code, "gift_card_new_device");

    let (hooks, decision) = judged("marketplace-1.0.0.wasm", "50000");
    assert_eq!(hooks, [Hook::Risk, Hook::Split, Hook::Statement]);
    assert_eq!(decision.risk.reasons[0].code, "many_orders");
    let shares: Vec<_> =
        decision.shares.iter().map(|it| (&*it.receiver, it.amount.minor())).collect();
    assert_eq!(shares, [("tea", 8_550)]);
    let columns: Vec<_> = decision.columns.iter().map(|it| (&*it.name, &*it.value)).collect();
    assert_eq!(columns, [("sellers", "1")]);
}
