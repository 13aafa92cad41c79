//! The rules' decision on an order, as it is kept with the order. The API shows it by types of its own.

use lezai_core::policy::{Share, Verdict};
use lezai_core::routing::OrderedBy;
use serde::{Deserialize, Serialize};

/// Risk control's answer and how it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionRecord {
    /// `accept`, or `review`: the order can be paid, and the merchant's share is held back.
    pub verdict: VerdictRecord,
    /// How risky the order is, from 0.
    pub score: u16,
    /// Why.
    pub reasons: Vec<ReasonRecord>,
    /// The channels that may serve the order, best first.
    pub channels: Vec<String>,
    /// Whether and by whom that order is fixed; absent where the operator's strategy may arrange the channels anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordered_by: Option<OrderedBy>,
    /// The channel that was drawn by its share; absent if none has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drawn: Option<String>,
    /// The split of the amount, as the merchant's plugin says; with the fee at most all of it.
    /// It is booked when the payment is settled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<ShareRecord>,
    /// The extra columns that the merchant's plugin wants in its books.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ColumnRecord>,
    /// SHA-256 of the merchant's policy, as it was saved, in hex.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub policy: String,
    /// SHA-256 of the settings of the merchant's plugin, in hex; absent if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<String>,
    /// How each question was asked.
    pub hooks: HooksRecord,
    /// Whether any gateway that is asked the same decides the same, bit for bit. `false` if a hook ended
    /// with `deadline`: the clock stopped the plugin, and where it does depends on the machine.
    pub replayable: bool,
    /// The merchant's release whose turn it was; absent if the standard plugin decided alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<DecidingRelease>,
}

/// A release of a merchant's plugin, as it stood when it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecidingRelease {
    /// The plugin's name.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// The number of the release.
    pub sequence: u64,
    /// SHA-256 of the component, in hex.
    pub digest: String,
    /// `live`, `canary` or `shadow`.
    pub stage: String,
}

/// Risk control's verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictRecord {
    /// Go on.
    Accept,
    /// Go on, but hold the money until somebody looked.
    Review,
    /// No order.
    Deny,
}

/// One reason for a score.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonRecord {
    /// A stable word.
    pub code: String,
    /// For people.
    pub message: String,
}

/// A part of the amount that is somebody else's than the merchant's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareRecord {
    /// The merchant's own name for who gets it.
    pub receiver: String,
    /// In minor units of the order's currency.
    pub amount: i64,
}

/// A value beside the order in the merchant's books.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnRecord {
    /// A stable word.
    pub name: String,
    /// Text, and never a formula.
    pub value: String,
}

/// The plugins that answered, by hook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HooksRecord {
    /// Risk.
    pub risk: HookRecord,
    /// The fee.
    pub pricing: HookRecord,
    /// The channels.
    pub routing: HookRecord,
    /// The shares; absent unless the merchant's plugin was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<HookRecord>,
    /// The columns; absent unless the merchant's plugin was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<HookRecord>,
}

/// One hook's run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookRecord {
    /// SHA-256 of the plugin that was asked first: the merchant's if it has the hook.
    pub plugin: String,
    /// The fuel that it burnt, in wasmtime's units.
    pub fuel: u64,
    /// `ok`, or why the merchant's plugin did not answer.
    pub outcome: String,
    /// Its answer, or what stopped it, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl From<&Share> for ShareRecord {
    fn from(share: &Share) -> Self {
        Self { receiver: share.receiver.clone(), amount: share.amount.minor() }
    }
}

impl From<Verdict> for VerdictRecord {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Accept => Self::Accept,
            Verdict::Review => Self::Review,
            Verdict::Deny => Self::Deny,
        }
    }
}
