//! An order as its operator reads it: with every try to pay it, and why its channel was chosen. A merchant or a shopper
//! is not told what a channel costs.

use lezai_core::id::OrderId;
use lezai_core::order::Attempt;
use lezai_core::routing::{Routed, RoutedCandidate};
use lezai_store::OrderRecord;
use lezai_wire::problem::{Code, Problem};
use lezai_wire::time::rfc3339;
use lezai_wire::views::OrderView;
use serde::Serialize;
use utoipa::ToSchema;

use crate::gateway::Gateway;
use crate::views;

/// An order and its attempts.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OperatedOrder {
    /// Always `operated_order`.
    pub object: &'static str,
    /// Whose order it is.
    pub merchant: String,
    /// The order, as its merchant reads it.
    pub order: OrderView,
    /// Every try to pay it, oldest first.
    pub attempts: Vec<AttemptView>,
}

/// A try to pay.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AttemptView {
    /// `att_…`
    pub id: String,
    /// The method that the shopper chose.
    pub method: String,
    /// The channel that was asked.
    pub channel: String,
    /// The merchant's own account there; absent if it was the platform's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub direct_account: Option<String>,
    /// RFC 3339.
    pub begun_at: String,
    /// Why this channel; absent for attempts of earlier releases.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub routed: Option<RoutedView>,
}

/// Why a channel was chosen.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RoutedView {
    /// The order that held: `plugin`, `policy`, `cost` or `latency`.
    pub by: &'static str,
    /// The channels that could have been asked, the one that was asked first. At most eight.
    pub candidates: Vec<RoutedCandidateView>,
}

/// A channel that could have been asked, as it stood then on the node that chose.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RoutedCandidateView {
    /// The channel.
    pub channel: String,
    /// The merchant's own account there; absent for the platform's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub direct_account: Option<String>,
    /// Why it had this place: `only`, `circuit_open`, `share`, `not_drawn`, `account`, `plugin`, `policy`, `cheapest`,
    /// `costlier`, `most_reliable`, `less_reliable`, `fastest`, `slower` or `unmeasured`.
    pub reason: &'static str,
    /// The channel's cost of the payment, in minor units; absent if the configuration does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub cost: Option<i64>,
    /// Requests to collect of late, at most 64.
    pub requests: u32,
    /// Those that were answered.
    pub answered: u32,
    /// The median time of an answer, in milliseconds; absent if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub latency_ms: Option<u32>,
}

/// The order with this id, whoever's it is.
///
/// # Errors
///
/// `order_not_found`, `internal`.
pub async fn find(gateway: &Gateway, id: &str) -> Result<OperatedOrder, Problem> {
    let unknown = || Problem::new(Code::OrderNotFound, "there is no such order");
    let id = OrderId::parse(id).map_err(|_| unknown())?;
    Ok(view(&gateway.record(id).await?))
}

fn view(record: &OrderRecord) -> OperatedOrder {
    let order = &record.order;
    OperatedOrder {
        object: "operated_order",
        merchant: order.terms.merchant.to_string(),
        order: views::order(record),
        attempts: order.attempts.iter().map(attempt).collect(),
    }
}

fn attempt(it: &Attempt) -> AttemptView {
    AttemptView {
        id: it.id.to_string(),
        method: it.method.clone(),
        channel: it.channel.clone(),
        direct_account: it.account.as_ref().map(|it| it.account.clone()),
        begun_at: rfc3339(it.begun()),
        routed: it.routed.as_ref().map(routed),
    }
}

fn routed(Routed { by, candidates }: &Routed) -> RoutedView {
    RoutedView { by: by.as_str(), candidates: candidates.iter().map(candidate).collect() }
}

fn candidate(it: &RoutedCandidate) -> RoutedCandidateView {
    RoutedCandidateView {
        channel: it.channel.clone(),
        direct_account: it.account.clone(),
        reason: it.reason.as_str(),
        cost: it.cost,
        requests: it.requests,
        answered: it.answered,
        latency_ms: it.latency_ms,
    }
}
