//! `lezai plugin test`: orders in JSON files, each with what is expected of its decision.
//!
//! An order is what a merchant's server sends to `POST /v1/orders`, read by the gateway's own reader;
//! beside it stand what the gateway would know: the time, velocity, the merchant's profile.

use lezai_wire::time::parse_rfc3339;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cpu_time::ThreadTime;
use lezai_core::id::{MerchantId, OrderId};
use lezai_core::policy::{OrderFacts, Policy, Profile, Velocity};
use lezai_core::time::Timestamp;
use lezai_engine::{Decision, Limits, Outcome, Plugin, decide};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::workbench::{Workbench, component, read};
use super::{Failed, advice, micros};
use crate::dev;
use lezai_gateway::plugins::recording::record;
use lezai_wire::order_request::NewOrder;

/// When an order was made that does not say: the first second of 2026.
const AT_MS: i64 = 1_767_225_600_000;
/// How often an order is decided to see how long it takes.
const ROUNDS: usize = 50;

/// One file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Golden {
    /// As the merchant's server sends it.
    order: Value,
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    profile: Option<Profile>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    velocity: Option<Value>,
    /// The settings that the plugin is given, as text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    settings: String,
    /// The merchant's policy; that of the demo shop if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy: Option<Value>,
    /// The decision expected: all of it, or those parts that matter.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    expect: Map<String, Value>,
}

/// A golden order, ready to be decided.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) facts: OrderFacts,
    pub(super) settings: Vec<u8>,
    pub(super) policy: Vec<u8>,
    golden: Golden,
    file: PathBuf,
}

pub(super) fn run(file: &Path, orders: &Path, update: bool, fuel: u64) -> Result<String, Failed> {
    let bench = Workbench::open(false)?;
    let plugin = bench.load(&component(file)?)?;
    let cases = cases(orders)?;
    let mut text = String::new();
    let mut wrong = 0;
    for case in &cases {
        let (decision, time) = decided(&bench, &plugin, case)?;
        let found = shown(&plugin, &decision);
        let differences = if update {
            keep(case, found)?
        } else {
            differences(&case.golden.expect, &found, fuel)
        };
        wrong += usize::from(!differences.is_empty());
        let word = match (update, differences.is_empty()) {
            (true, _) => "kept",
            (false, true) => "ok",
            (false, false) => "WRONG",
        };
        let _ = writeln!(text, "{word:<6}{}", case.name);
        describe(&mut text, &plugin, &decision, time);
        for difference in differences {
            let _ = writeln!(text, "      {difference}");
        }
    }
    let count = cases.len();
    if wrong == 0 {
        let _ = write!(text, "{count} orders, all as expected");
        return Ok(text);
    }
    let _ = write!(
        text,
        "{wrong} of {count} orders are not as expected; --update takes what was found"
    );
    Err(Failed::Wanting(text))
}

/// Every golden order of a folder, or the one in a file, by name.
pub(super) fn cases(path: &Path) -> Result<Vec<Case>, Failed> {
    let not_done = |error: std::io::Error| Failed::NotDone(format!("{}: {error}", path.display()));
    let mut files = vec![path.to_owned()];
    if path.is_dir() {
        let entries: Result<Vec<PathBuf>, _> =
            fs::read_dir(path).map_err(not_done)?.map(|it| it.map(|it| it.path())).collect();
        files = entries.map_err(not_done)?;
        files.retain(|it| it.extension().is_some_and(|it| it == "json"));
        files.sort();
    }
    if files.is_empty() {
        return Err(Failed::NotDone(format!("{} has no orders in JSON", path.display())));
    }
    files.into_iter().map(case).collect()
}

fn case(file: PathBuf) -> Result<Case, Failed> {
    let wrong = |what: String| Failed::NotDone(format!("{}: {what}", file.display()));
    let bytes = read(&file)?;
    let mut reader = serde_json::Deserializer::from_slice(&bytes);
    let golden: Golden = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| wrong(format!("{}: {}", error.path(), error.inner())))?;
    let new = NewOrder::parse(golden.order.to_string().as_bytes())
        .map_err(|error| wrong(format!("order.{}: {}", error.field, error.detail)))?;
    let at = match &golden.at {
        None => Timestamp::from_ms(AT_MS),
        Some(at) => parse_rfc3339(at)
            .ok_or_else(|| wrong(format!("at: {at} is no time such as 2026-01-01T00:00:00Z")))?,
    };
    let policy = match &golden.policy {
        Some(policy) => policy.to_string(),
        None => dev::POLICY.to_owned(),
    };
    let policy =
        Policy::from_json(policy.as_bytes()).map_err(|error| wrong(format!("policy: {error}")))?;
    let velocity = golden.velocity.clone().map(serde_json::from_value::<Velocity>).transpose();
    let velocity = velocity.map_err(|error| wrong(format!("velocity: {error}")))?;
    let merchant = MerchantId::parse(dev::MERCHANT).map_err(|error| wrong(error.to_string()))?;
    let methods = match &*new.methods {
        [] => vec!["wallet_qr".to_owned()],
        methods => methods.to_vec(),
    };
    let profile = golden.profile.clone().unwrap_or_else(|| policy.profile().clone());
    let mut facts = new.facts(OrderId::new(at, [0; 10]), merchant, profile, methods, at);
    // The gateway counts for whoever the order names.
    let Velocity { merchant, customer, device, ip } = velocity.unwrap_or_default();
    facts.velocity = Velocity {
        merchant,
        customer: facts.customer.reference.as_ref().map(|_| customer.unwrap_or_default()),
        device: facts.device.id.as_ref().map(|_| device.unwrap_or_default()),
        ip: facts.customer.ip.map(|_| ip.unwrap_or_default()),
    };
    let settings = golden.settings.clone().into_bytes();
    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Case { name, facts, settings, policy: policy.to_compact(), golden, file })
}

/// The decision, and the shortest processor time that it took: the rest is other people's.
fn decided(
    bench: &Workbench,
    plugin: &Plugin,
    case: &Case,
) -> Result<(Decision, Duration), Failed> {
    let mut shortest = Duration::MAX;
    let mut last = None;
    for _ in 0..ROUNDS {
        let start = ThreadTime::now();
        let own = Some((plugin, case.settings.as_slice()));
        let decision = decide(&bench.engine, &bench.standard, &case.policy, own, &case.facts);
        shortest = shortest.min(start.elapsed());
        let decision =
            decision.map_err(|error| Failed::NotDone(format!("{}: {error}", case.name)))?;
        if last.as_ref().is_some_and(|last| *last != decision) {
            return Err(Failed::Wanting(format!("{}: decided in two ways", case.name)));
        }
        last = Some(decision);
    }
    let decision = last.ok_or_else(|| Failed::NotDone("nothing was decided".to_owned()))?;
    Ok((decision, shortest))
}

/// A decision as it is written down: without what belongs to the standard plugin's hooks.
fn shown(plugin: &Plugin, decision: &Decision) -> Map<String, Value> {
    let view = record(decision);
    let (mut outcomes, mut fuel) = (Map::new(), Map::new());
    for (hook, run) in decision.runs().filter(|(hook, _)| plugin.answers(*hook)) {
        outcomes.insert(hook.label().to_owned(), run.outcome.label().into());
        fuel.insert(hook.label().to_owned(), run.fuel.into());
    }
    let all = json!({
        "verdict": view.verdict, "score": view.score, "reasons": view.reasons,
        "fee": decision.fee.minor(), "channels": view.channels, "shares": view.shares,
        "columns": view.columns, "outcomes": outcomes, "fuel": fuel,
    });
    match all {
        Value::Object(all) => all,
        _ => Map::new(),
    }
}

fn differences(
    expect: &Map<String, Value>,
    found: &Map<String, Value>,
    percent: u64,
) -> Vec<String> {
    let mut differences = Vec::new();
    for (name, expected) in expect {
        if name == "fuel" {
            let hooks = expected.as_object().into_iter().flatten();
            for (hook, expected) in hooks {
                let [expected, found] = [expected, &found["fuel"][hook]].map(Value::as_u64);
                let near = expected.zip(found).is_some_and(|(expected, found)| {
                    found.abs_diff(expected).saturating_mul(100) <= expected.saturating_mul(percent)
                });
                if !near {
                    let [expected, found] = [expected, found].map(Option::unwrap_or_default);
                    differences.push(format!(
                        "fuel of {hook}: expected {expected}, within {percent} %; found {found}"
                    ));
                }
            }
            continue;
        }
        let found = found.get(name).unwrap_or(&Value::Null);
        if found != expected {
            differences.push(format!("{name}: expected {expected}; found {found}"));
        }
    }
    differences
}

/// Writes what was found into the order's file.
fn keep(case: &Case, found: Map<String, Value>) -> Result<Vec<String>, Failed> {
    let golden = Golden { expect: found, ..case.golden.clone() };
    let not_done = |error: String| Failed::NotDone(format!("{}: {error}", case.file.display()));
    let mut text =
        serde_json::to_string_pretty(&golden).map_err(|error| not_done(error.to_string()))?;
    text.push('\n');
    fs::write(&case.file, text).map_err(|error| not_done(error.to_string()))?;
    Ok(Vec::new())
}

fn describe(text: &mut String, plugin: &Plugin, decision: &Decision, time: Duration) {
    let limits = Limits::default();
    let risk = &decision.risk;
    let verdict = record(decision).verdict;
    let verdict = json!(verdict).as_str().unwrap_or_default().to_owned();
    let fee = decision.fee;
    let _ = writeln!(
        text,
        "      {verdict}, score {}; fee {} {}; channels {}; {} µs",
        risk.score,
        fee.minor(),
        fee.currency(),
        decision.channels.join(", "),
        micros(time),
    );
    for reason in &risk.reasons {
        let _ = writeln!(text, "      because {}: {}", reason.code, reason.message);
    }
    for share in &decision.shares {
        let _ = writeln!(text, "      share {} for {}", share.amount.minor(), share.receiver);
    }
    for column in &decision.columns {
        let _ = writeln!(text, "      column {} = {}", column.name, column.value);
    }
    for (hook, run) in decision.runs().filter(|(hook, _)| plugin.answers(*hook)) {
        let how = match &run.outcome {
            Outcome::Answered => "ok".to_owned(),
            Outcome::Failed(failure) => format!("FAILED: {}", advice::failure(failure, &limits)),
        };
        let _ = writeln!(
            text,
            "      {:<10}{} fuel ({}.{} %), {} KiB of memory: {how}",
            hook.label(),
            run.fuel,
            run.fuel * 100 / limits.fuel,
            run.fuel * 1000 / limits.fuel % 10,
            run.memory / 1024,
        );
    }
}
