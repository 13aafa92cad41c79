//! A decision of the engine's, as the store keeps it.

use lezai_core::policy::{Column, Reason};
use lezai_engine::{Decision, HookRun, Outcome};

use lezai_store::decision::{
    ColumnRecord, DecisionRecord, HookRecord, HooksRecord, ReasonRecord, ShareRecord,
};

/// The record of a decision. By which policy, settings and release it was made, and what these say of the order of
/// channels, is the caller's to say.
pub fn record(decision: &Decision) -> DecisionRecord {
    let Decision { risk, channels, shares, columns, hooks, .. } = decision;
    let [risk_run, pricing, routing] = hooks;
    let reason = |it: &Reason| ReasonRecord { code: it.code.clone(), message: it.message.clone() };
    let column = |it: &Column| ColumnRecord { name: it.name.clone(), value: it.value.clone() };
    DecisionRecord {
        verdict: risk.verdict.into(),
        score: risk.score,
        reasons: risk.reasons.iter().map(reason).collect(),
        channels: channels.clone(),
        ordered_by: None,
        drawn: None,
        shares: shares.iter().map(ShareRecord::from).collect(),
        columns: columns.iter().map(column).collect(),
        policy: String::new(),
        settings: None,
        hooks: HooksRecord {
            risk: hook(risk_run),
            pricing: hook(pricing),
            routing: hook(routing),
            split: decision.split.as_ref().map(hook),
            statement: decision.statement.as_ref().map(hook),
        },
        replayable: decision.is_replayable(),
        release: None,
    }
}

fn hook(run: &HookRun) -> HookRecord {
    HookRecord {
        plugin: run.digest.clone(),
        fuel: run.fuel,
        outcome: run.outcome.label().to_owned(),
        detail: match &run.outcome {
            Outcome::Answered => None,
            Outcome::Failed(failure) => Some(failure.to_string()),
        },
    }
}
