//! `lezai plugin replay`: a decision of the past, made again from what the store kept of it, and
//! compared bit for bit. Reads beside a gateway that may be running.

use std::path::Path;

use lezai_core::digest::sha256_hex;
use lezai_core::id::OrderId;
use lezai_core::policy::Policy;
use lezai_engine::{Plugin, decide};
use rusqlite::Connection;
use serde_json::{Value, json};

use super::Failed;
use super::workbench::{Workbench, component, read};
use crate::decision::{DecisionView, HookView};
use crate::store::sqlite::{details, file, open_to_read, plugins, policy};
use crate::store::{PluginRecord, StoreError};

pub(super) fn run(
    order: &str,
    data: &Path,
    plugin: Option<&Path>,
    settings: Option<&Path>,
) -> Result<String, Failed> {
    let store = file(data);
    let not_done = |error: StoreError| Failed::NotDone(format!("{}: {error}", store.display()));
    let order = OrderId::parse(order).map_err(|error| Failed::NotDone(error.to_string()))?;
    let connection = open_to_read(&store).map_err(not_done)?;
    let kept = details(&connection, &order).map_err(not_done)?;
    let kept = kept.ok_or_else(|| Failed::NotDone(format!("there is no order {order}")))?;
    let then = &kept.decision;
    let rules = policy(&connection, &then.policy).map_err(not_done)?;
    let rules = rules.ok_or_else(|| {
        Failed::NotDone(
            "the policy of that decision was not kept: it is older than that".to_owned(),
        )
    })?;
    let rules =
        Policy::from_json(rules.as_bytes()).map_err(|error| Failed::NotDone(error.to_string()))?;

    let bench = Workbench::open(false)?;
    let own = own(&bench, &connection, then, plugin, settings)?;
    let asked = own.as_ref().map(|(plugin, settings)| (&**plugin, settings.as_slice()));
    let now = decide(&bench.engine, &bench.standard, &rules.to_compact(), asked, &kept.facts);
    let now = now.map_err(|error| Failed::Wanting(error.to_string()))?;
    let now = DecisionView {
        policy: then.policy.clone(),
        settings: then.settings.clone(),
        ..DecisionView::from(&now)
    };
    let different = differences(&json!(then), &json!(now));
    if different.is_empty() {
        let fuel: u64 = hooks(then).map(|hook| hook.fuel).sum();
        return Ok(format!(
            "{order}: the same again, bit for bit\nfuel     {fuel}\n{:#}",
            json!(now)
        ));
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

type Own = Option<(std::sync::Arc<Plugin>, Vec<u8>)>;

/// The merchant's plugin and settings by then, as their digests say.
fn own(
    bench: &Workbench,
    connection: &Connection,
    then: &DecisionView,
    plugin: Option<&Path>,
    settings: Option<&Path>,
) -> Result<Own, Failed> {
    let Some(settings_digest) = &then.settings else { return Ok(None) };
    let kept = plugins(connection).map_err(|error| Failed::NotDone(error.to_string()))?;
    let used = |it: &&PluginRecord| {
        let digest = sha256_hex(&it.component);
        hooks(then).any(|hook| hook.plugin == digest)
    };
    let kept = kept.iter().find(used);
    let missing = |what: &str| {
        Failed::NotDone(format!("the store has the {what} of that decision no more: --{what} FILE"))
    };
    let component = match (plugin, kept) {
        (Some(file), _) => component(file)?,
        (None, Some(kept)) => kept.component.clone(),
        (None, None) => return Err(missing("plugin")),
    };
    let settings = match (settings, kept) {
        (Some(file), _) => read(file)?,
        (None, Some(kept)) => kept.settings.clone(),
        (None, None) => Vec::new(),
    };
    if sha256_hex(&settings) != *settings_digest {
        return Err(missing("settings"));
    }
    Ok(Some((bench.load(&component)?, settings)))
}

fn hooks(decision: &DecisionView) -> impl Iterator<Item = &HookView> {
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
