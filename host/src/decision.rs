//! What the rules said of an order, as it is kept and shown.

use lezai_core::policy::Verdict;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Risk control's answer and how it was found.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DecisionView {
    /// `accept`, or `review`: the order can be paid, and the merchant's share is held back.
    pub verdict: VerdictView,
    /// How risky the order is, from 0.
    pub score: u16,
    /// Why.
    pub reasons: Vec<ReasonView>,
    /// The channels that may serve the order, best first.
    pub channels: Vec<String>,
    /// How each question was asked.
    pub hooks: HooksView,
    /// The merchant's release whose turn it was; absent if the standard plugin decided alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub release: Option<ReleaseView>,
}

/// A release of a merchant's plugin, as it stood when it was asked.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReleaseView {
    /// The plugin's name.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// The number of the release.
    pub sequence: u64,
    /// SHA-256 of the component, in hex.
    pub digest: String,
    /// `live`, `gray` or `shadow`.
    pub stage: String,
}

/// Risk control's verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerdictView {
    /// Go on.
    Accept,
    /// Go on, but hold the money until somebody looked.
    Review,
    /// No order.
    Deny,
}

/// One reason for a score.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReasonView {
    /// A stable word.
    pub code: String,
    /// For people.
    pub message: String,
}

/// Who answered.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct HooksView {
    /// Risk.
    pub risk: HookView,
    /// The fee.
    pub pricing: HookView,
    /// The channels.
    pub routing: HookView,
}

/// One hook's run.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct HookView {
    /// SHA-256 of the plugin that was asked first: the merchant's if it has the hook.
    pub plugin: String,
    /// What it cost, in wasmtime's units of fuel.
    pub fuel: u64,
    /// `ok`, or why the merchant's plugin did not answer.
    pub outcome: String,
    /// What it said, or what stopped it, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl From<Verdict> for VerdictView {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Accept => Self::Accept,
            Verdict::Review => Self::Review,
            Verdict::Deny => Self::Deny,
        }
    }
}
