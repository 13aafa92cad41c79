//! The same plugins say the same of the same orders, whatever runs them: natively where they are Rust, in
//! the gateway's engine, and in V8 by jco, which shares no code with wasmtime.
//!
//! `UPDATE_VECTORS=1` writes the recorded orders anew.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use demo_rules::DemoRules;
use lezai_core::money;
use lezai_core::policy::{OrderFacts, Policy};
use lezai_engine::{Asked, Config, Engine, Failure, Hook, Said};
use lezai_plugin::{
    Assessment, Column, Money, Order, Pricing as _, Risk as _, Routing as _, Share, Split as _,
    Statement as _, Verdict,
};
use lezai_policy::Standard;
use lezai_tests::{TempDir, lezai, recorded};
use marketplace::Marketplace;
use serde_json::{Value, json};

/// Every kind of condition, and a fee and a route of every kind.
const POLICY: &str = r#"{
    "version": 1,
    "limits": [
        {"currency": "CNY", "min": 0, "max": 9007199254740991},
        {"currency": "JPY", "min": 0, "max": 1000000}, {"currency": "USD", "min": 0, "max": 1000000}
    ],
    "risk": {"review_at": 300, "deny_at": 700, "rules": [
        {"code": "large", "message": "A large amount", "score": 300, "when": [{"amount_over": [{"minor": 50000, "currency": "CNY"}]}]},
        {"code": "small", "message": "A small one", "score": 20, "when": [{"amount_under": [{"minor": 2, "currency": "CNY"}, {"minor": 50, "currency": "JPY"}]}]},
        {"code": "abroad", "message": "From abroad, on an unknown device", "score": 250, "when": [{"country_not_in": ["CN", "HK"]}, "device_id_missing"]},
        {"code": "nowhere", "message": "乐在 😀", "score": 30, "when": ["country_missing", "ip_missing"]},
        {"code": "listed", "message": "A listed network", "score": 400, "when": [{"ip_in": ["203.0.113.0/25", "::/1"]}]},
        {"code": "gift_card", "message": "A gift card", "score": 150, "when": [{"metadata_equals": {"key": "goods", "value": "gift_card"}}]},
        {"code": "device", "message": "A device", "score": 40, "when": [{"device_id_in": ["茶", "e\u0301", ""]}, {"device_kind_in": ["phone", "other"]}]},
        {"code": "no_kind", "message": "No kind", "score": 5, "when": ["device_kind_missing", {"metadata_missing": {"key": "茶"}}]},
        {"code": "network", "message": "A network", "score": 60, "when": [{"ip_class_in": ["loopback", "special"]}, {"metadata_present": {"key": "basket"}}]},
        {"code": "often", "message": "Often", "score": 120, "when": [{"count_over": {"of": "customer", "within": "hour", "count": 10}}]},
        {"code": "much", "message": "Much", "score": 90, "when": [{"sum_over": {"of": "ip", "within": "day", "sums": [{"minor": 9000000, "currency": "CNY"}]}}]}
    ]},
    "fees": [
        {"currency": "CNY", "rate_ppm": 6000, "fixed": 1, "min": 1, "cap": 5000, "rounding": "half_even"},
        {"currency": "JPY", "rate_ppm": 36000, "rounding": "down"},
        {"currency": "USD", "rate_ppm": 1000000, "rounding": "up"}
    ],
    "routes": [
        {"channel": "sandbox", "methods": ["wallet_qr", "wallet_redirect"], "currencies": ["CNY", "JPY"]},
        {"channel": "large", "amounts": [{"currency": "CNY", "min": 50001, "max": 9007199254740991}]},
        {"channel": "backup"}
    ]
}"#;

/// The native answer of a hook.
type Native = fn(Hook, Order, &[u8]) -> Value;

/// A plugin with settings, and the hooks that it is asked for each order.
struct Question {
    component: PathBuf,
    hooks: Vec<Hook>,
    settings: Vec<u8>,
    native: Option<Native>,
}

#[test]
fn recorded_orders_are_those_of_their_seed() {
    let orders = recorded::seed::orders();
    let text = recorded::write(&orders);
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        fs::write(file(), &text).unwrap();
    }
    let kept = fs::read_to_string(file()).unwrap();
    assert!(kept == text, "UPDATE_VECTORS=1 writes them anew");
    assert_eq!(recorded::read(&kept), orders);
}

#[test]
fn natively_in_the_engine_and_in_v8_they_say_the_same() {
    let folder = TempDir::new();
    let orders = recorded::read(&fs::read_to_string(file()).unwrap());
    let questions = questions(folder.path());
    let in_v8 = in_v8(&questions);
    let engine = Engine::new(Config::new(folder.path().join("cache"))).unwrap();
    let (mut compared, mut errors) = (0, 0);
    for (question, in_v8) in questions.iter().zip(in_v8.as_array().unwrap()) {
        let plugin = engine.load(&fs::read(&question.component).unwrap()).unwrap();
        let name = question.component.display();
        let in_v8 = in_v8.as_array().unwrap();
        assert_eq!(in_v8.len(), orders.len());
        for (order, in_v8) in orders.iter().zip(in_v8) {
            let facts = lezai_policy::facts(order.clone()).unwrap();
            for (hook, in_v8) in question.hooks.iter().zip(in_v8.as_array().unwrap()) {
                let settings = &question.settings;
                let found = in_engine(&engine, &plugin, settings, &facts, *hook);
                assert_eq!(found, *in_v8, "engine and V8: {name}, {hook}, {}", order.id);
                if let Some(native) = question.native {
                    let native = native(*hook, order.clone(), settings);
                    assert_eq!(found, native, "engine and native: {name}, {hook}, {}", order.id);
                }
                compared += 1;
                errors += usize::from(!found["error"].is_null());
            }
        }
    }
    println!("{compared} answers the same, {errors} of them errors");
    assert!(compared > 5_000 && errors > 500);
}

/// Plugins of Rust, and one of C, with good settings and bad ones.
fn questions(folder: &Path) -> Vec<Question> {
    let artifact = |name: &str| root().join("target/artifacts").join(name);
    let demo: Native = |_, order, settings| told(DemoRules::assess(order, settings), assessment);
    let marketplace: Native = |hook, order, settings| match hook {
        Hook::Risk => told(Marketplace::assess(order, settings), assessment),
        Hook::Split => {
            let fee = Money { minor: 0, currency: order.amount.currency.clone() };
            told(Marketplace::divide(order, fee, settings), shares)
        }
        _ => told(Marketplace::columns(order, settings), columns),
    };
    let standard: Native = |hook, order, settings| match hook {
        Hook::Risk => told(Standard::assess(order, settings), assessment),
        Hook::Pricing => told(Standard::fee(order, settings), fee),
        _ => told(Standard::route(order, settings), |it| json!(it)),
    };
    let policies = [POLICY, include_str!("../../host/demo-shop/policy.json")];
    let mut policies: Vec<_> =
        policies.map(|it| Policy::from_json(it.as_bytes()).unwrap().to_compact()).into();
    policies.push(b"no policy".to_vec());
    let texts = |texts: &[&str]| texts.iter().map(|it| it.as_bytes().to_vec()).collect::<Vec<_>>();
    let mut demo_settings = texts(&["", "CNY 9998\nJPY 0\n\nKWD 18446744073709551615", "CNY"]);
    demo_settings.push(b"\xff".to_vec());
    let rows = [
        (artifact("plugins/demo_rules.wasm"), demo_settings, vec![Hook::Risk], Some(demo)),
        (
            artifact("plugins/marketplace.wasm"),
            texts(&["", "50000", "1000001"]),
            vec![Hook::Risk, Hook::Split, Hook::Statement],
            Some(marketplace),
        ),
        (artifact("policy.wasm"), policies, Hook::STANDARD.to_vec(), Some(standard)),
        (c_rules(folder), texts(&["", "4294967295", "1"]), vec![Hook::Risk], None),
    ];
    let mut questions = Vec::new();
    for (component, all_settings, hooks, native) in rows {
        for settings in all_settings {
            let (component, hooks) = (component.clone(), hooks.clone());
            questions.push(Question { component, hooks, settings, native });
        }
    }
    questions
}

/// The plugin in C, as a component.
fn c_rules(folder: &Path) -> PathBuf {
    let (module, component) = (folder.join("c_rules.wasm"), folder.join("c_rules.component.wasm"));
    let build = root().join("tests/plugins/c_rules/build.sh");
    let built = Command::new(build).arg(&module).output().unwrap();
    let errors = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{errors} (scripts/setup clang installs what it needs)");
    let [from, to] = [&module, &component].map(|it| it.to_str().unwrap());
    let built = lezai(&["plugin", "build", from, "--out", to]);
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stdout));
    component
}

/// V8's answers: of each question, of each order, of each hook.
fn in_v8(questions: &[Question]) -> Value {
    let questions = questions.iter().map(|it| {
        let hooks: Vec<&str> = it.hooks.iter().map(|hook| hook.label()).collect();
        let settings: String = it.settings.iter().map(|byte| format!("{byte:02x}")).collect();
        json!({ "path": it.component, "hooks": hooks, "settings": settings })
    });
    let input = json!({ "orders": file(), "questions": questions.collect::<Vec<_>>() });
    let mut node = Command::new("node")
        .arg(root().join("tests/packages/ask_in_v8.mjs"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    node.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success(), "scripts/setup packages installs what it needs");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn in_engine(
    engine: &Engine,
    plugin: &lezai_engine::Plugin,
    settings: &[u8],
    facts: &OrderFacts,
    hook: Hook,
) -> Value {
    let fee = money::Money::new(0, facts.amount.currency()).unwrap();
    let Asked { answer, .. } = lezai_engine::ask(engine, plugin, settings, facts, hook, fee);
    match answer {
        Ok(Said::Risk(risk)) => {
            let reasons = risk.reasons.iter().map(|it| (&*it.code, &*it.message));
            json!({ "ok": assessed(lezai_gateway::metrics::word(risk.verdict), risk.score, reasons) })
        }
        Ok(Said::Fee { minor, currency }) => json!({ "ok": fee_of(minor, &currency) }),
        Ok(Said::Channels(channels)) => json!({ "ok": channels }),
        Ok(Said::Shares(shares)) => {
            let share = |(receiver, minor): (String, u64)| share(&receiver, minor);
            json!({ "ok": shares.into_iter().map(share).collect::<Vec<_>>() })
        }
        Ok(Said::Columns(columns)) => {
            let column = columns.iter().map(|it| column(&it.name, &it.value));
            json!({ "ok": column.collect::<Vec<_>>() })
        }
        Err(Failure::Refused(text)) => json!({ "error": text }),
        Err(failure) => panic!("{facts:?}: {failure}"),
    }
}

/// A native hook's answer, in the words of JavaScript.
fn told<Answer>(answer: Result<Answer, String>, words: fn(Answer) -> Value) -> Value {
    match answer {
        Ok(answer) => json!({ "ok": words(answer) }),
        Err(text) => json!({ "error": text }),
    }
}

fn assessment(it: Assessment) -> Value {
    let verdict = match it.verdict {
        Verdict::Accept => "accept",
        Verdict::Review => "review",
        Verdict::Deny => "deny",
    };
    assessed(verdict, it.score, it.reasons.iter().map(|it| (&*it.code, &*it.message)))
}

fn assessed<'a>(
    verdict: &str,
    score: u16,
    reasons: impl Iterator<Item = (&'a str, &'a str)>,
) -> Value {
    let reasons = reasons.map(|(code, message)| json!({ "code": code, "message": message }));
    json!({ "verdict": verdict, "score": score, "reasons": reasons.collect::<Vec<_>>() })
}

fn fee(it: Money) -> Value {
    fee_of(it.minor, &it.currency)
}

fn fee_of(minor: u64, currency: &str) -> Value {
    json!({ "minor": minor.to_string(), "currency": currency })
}

fn shares(it: Vec<Share>) -> Value {
    it.into_iter().map(|it| share(&it.receiver, it.minor)).collect()
}

fn share(receiver: &str, minor: u64) -> Value {
    json!({ "receiver": receiver, "minor": minor.to_string() })
}

fn columns(it: Vec<Column>) -> Value {
    it.into_iter().map(|it| column(&it.name, &it.value)).collect()
}

fn column(name: &str, value: &str) -> Value {
    json!({ "name": name, "value": value })
}

/// The recorded orders.
fn file() -> PathBuf {
    root().join("tests/vectors/plugin-orders.json")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}
