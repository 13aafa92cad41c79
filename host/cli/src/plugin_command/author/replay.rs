//! `lezai plugin replay`: a decision of the past, made again from what the store kept of it, and
//! compared bit for bit. Reads beside a gateway that may be running.

use std::path::Path;
use std::sync::Arc;

use lezai_core::digest::sha256_hex;
use lezai_core::id::OrderId;
use lezai_core::policy::Policy;
use lezai_engine::{Failure, Plugin, decide};
use serde_json::{Value, json};

use super::Failed;
use super::workbench::{Workbench, component, read};
use crate::secrets::RootArgs;
use crate::source::SourceArgs;
use lezai_gateway::plugins::blobs::Blobs;
use lezai_gateway::plugins::recording::record;
use lezai_gateway::releases::rollout::{from_hex, limits};
use lezai_seal::Vault;
use lezai_store::decision::{DecisionRecord, HookRecord};
use lezai_store::plugins::Recorded;

pub(super) fn run(
    order: &str,
    (place, root): (&SourceArgs, &RootArgs),
    plugin: Option<&Path>,
    settings: Option<&Path>,
) -> Result<String, Failed> {
    let order = OrderId::parse(order).map_err(|error| Failed::NotDone(error.to_string()))?;
    let vault = match root.roots().map_err(Failed::NotDone)? {
        Some(roots) => Vault::new(roots),
        None => Vault::none(),
    };
    let source = place.source().map_err(Failed::NotDone)?;
    let kept = source.recorded(&vault, &order);
    let kept = kept.map_err(|error| Failed::NotDone(source.unreadable(&error)))?;
    let kept = kept.ok_or_else(|| Failed::NotDone(format!("there is no order {order}")))?;
    let (then, facts) = (&kept.decision, &kept.facts);
    replayable(&order, then, "then")?;
    let rules = kept.policy.as_ref().ok_or_else(|| {
        Failed::NotDone("the store has the policy of that decision no more".to_owned())
    })?;
    let rules =
        Policy::from_json(rules.as_bytes()).map_err(|error| Failed::NotDone(error.to_string()))?;

    let bench = Workbench::open(false)?;
    let folder = place.folder().map_err(Failed::NotDone)?;
    let own = own(&bench, &kept, &folder, [plugin, settings])?;
    let asked = own.as_ref().map(|(plugin, settings)| (&**plugin, settings.as_slice()));
    let now = decide(&bench.engine, &bench.standard, &rules.to_compact(), asked, facts);
    let now = now.map_err(|error| Failed::Wanting(error.to_string()))?;
    let now = DecisionRecord {
        policy: then.policy.clone(),
        settings: then.settings.clone(),
        release: then.release.clone(),
        ordered_by: then.ordered_by,
        drawn: then.drawn.clone(),
        ..record(&now)
    };
    replayable(&order, &now, "now, on this machine,")?;
    let different = differences(&json!(then), &json!(now));
    if different.is_empty() {
        let fuel: u64 = hooks(then).map(|hook| hook.fuel).sum();
        // Output for a program stands alone on standard output.
        eprintln!("{order}: the same again, bit for bit, with {fuel} units of fuel");
        return Ok(format!("{:#}", json!(now)));
    }
    let other = hooks(then).any(|hook| {
        let ours = own.as_ref().map(|(plugin, _)| plugin.digest());
        hook.plugin != bench.standard.digest() && Some(&*hook.plugin) != ours
    });
    let hint = if other {
        "\nA plugin with another digest decided then: this gateway's standard plugin, or the merchant's, \
         was another. --plugin FILE takes the merchant's."
    } else {
        ""
    };
    Err(Failed::Wanting(format!("{order}: not the same\n{}{hint}", different.join("\n"))))
}

/// Refuses to compare a decision in which the clock ended a plugin: that it comes out otherwise is no
/// difference.
fn replayable(order: &OrderId, decision: &DecisionRecord, when: &str) -> Result<(), Failed> {
    let deadline = Failure::Deadline.label();
    let late = hooks(decision).filter(|hook| hook.outcome == deadline).count();
    if late == 0 && decision.replayable {
        return Ok(());
    }
    Err(Failed::NotDone(format!(
        "{order}: not replayable: {when} the clock ended {late} of its hooks before the fuel did \
         (`{deadline}`); where it does depends on the machine, so nothing is compared"
    )))
}

type Own = Option<(Arc<Plugin>, Vec<u8>)>;

/// The merchant's plugin and settings by then, as their digests say: those of the release, unless
/// files are given.
fn own(
    bench: &Workbench,
    kept: &Recorded,
    data: &Path,
    files: [Option<&Path>; 2],
) -> Result<Own, Failed> {
    let (then, release) = (&kept.decision, kept.release.as_ref());
    let Some(settings_digest) = &then.settings else { return Ok(None) };
    let missing = |what: &str| {
        Failed::NotDone(format!("the store has the {what} of that decision no more: --{what} FILE"))
    };
    let [plugin, settings] = files;
    let component = match (plugin, &then.release) {
        (Some(file), _) => component(file)?,
        (None, Some(release)) => {
            let in_store = kept.component.clone().filter(|it| sha256_hex(it) == release.digest);
            let in_folder = || Blobs::open(data).and_then(|blobs| blobs.get(&release.digest)).ok();
            in_store.or_else(in_folder).ok_or_else(|| missing("plugin"))?
        }
        (None, None) => return Err(missing("plugin")),
    };
    let settings = match (settings, release) {
        (Some(file), _) => read(file)?,
        (None, Some(kept)) => kept.settings.clone(),
        (None, None) => Vec::new(),
    };
    if sha256_hex(&settings) != *settings_digest {
        return Err(missing("settings"));
    }
    let plugin = bench.load(&component)?;
    let Some(limits) = release.map(|it| limits(&it.manifest, bench.engine.limits())) else {
        return Ok(Some((plugin, settings)));
    };
    // As the gateway asked it: within the limits of its release.
    let digest = from_hex(plugin.digest()).ok_or_else(|| missing("plugin"))?;
    let opened = bench.engine.open(&digest, limits);
    let opened = opened.map_err(|error| Failed::NotDone(error.to_string()))?;
    Ok(Some((opened.map_or(plugin, |(plugin, _)| plugin), settings)))
}

fn hooks(decision: &DecisionRecord) -> impl Iterator<Item = &HookRecord> {
    let hooks = &decision.hooks;
    let more = hooks.split.iter().chain(&hooks.statement);
    [&hooks.risk, &hooks.pricing, &hooks.routing].into_iter().chain(more)
}

/// The paths at which two values differ, each with both.
fn differences(then: &Value, now: &Value) -> Vec<String> {
    fn walk(path: &str, then: &Value, now: &Value, found: &mut Vec<String>) {
        match (then, now) {
            (Value::Object(one), Value::Object(other)) => {
                let names: std::collections::BTreeSet<_> = one.keys().chain(other.keys()).collect();
                for name in names {
                    let of = |it: &serde_json::Map<String, Value>| {
                        it.get(name).cloned().unwrap_or_default()
                    };
                    walk(&format!("{path}.{name}"), &of(one), &of(other), found);
                }
            }
            _ if then == now => {}
            _ => found.push(format!("{}: {then} then, {now} now", path.trim_start_matches('.'))),
        }
    }
    let mut found = Vec::new();
    walk("", then, now, &mut found);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_name_their_path() {
        let then = json!({"score": 1, "hooks": {"risk": {"fuel": 7}}, "reasons": []});
        let now = json!({"score": 1, "hooks": {"risk": {"fuel": 8}}, "shares": [1], "reasons": []});
        let expected = ["hooks.risk.fuel: 7 then, 8 now", "shares: null then, [1] now"];
        assert_eq!(differences(&then, &now), expected);
        assert!(differences(&then, &then).is_empty());
    }
}
