//! How a payment is collected: by which channel, and what it is asked.

use lezai_channels::channel::{Channel, Method, MethodKind, PaymentRequest};
use lezai_core::order::{Attempt, Capture};
use lezai_store::OrderRecord;
use lezai_wire::problem::{Code, Problem};

use crate::gateway::Gateway;
use crate::views;

/// The channel that serves a method of the order: the first that its decision names and that
/// answers.
///
/// # Errors
///
/// `method_unavailable`.
pub fn channel_for<'g>(
    gateway: &'g Gateway,
    record: &OrderRecord,
    method: &str,
) -> Result<(&'g dyn Channel, &'static Method), Problem> {
    let channels =
        record.details.decision.channels.iter().filter_map(|id| gateway.channels.get(id));
    let all: Vec<_> =
        channels.filter_map(|channel| Some((channel, channel.method(method)?))).collect();
    // The first that answers; if none does, the first is tried all the same.
    let now = gateway.node.clock.wall();
    let circuits = &gateway.node.cluster.channels;
    let up = all.iter().find(|(it, _)| circuits.is_up(it.id(), method, now));
    up.or(all.first()).copied().ok_or_else(|| {
        Problem::new(Code::MethodUnavailable, "the order cannot be paid by this method")
            .with("field", "method")
    })
}

/// Whether the channel of a method answers for it, as far as this node saw.
pub fn is_up(gateway: &Gateway, record: &OrderRecord, method: &str) -> bool {
    let now = gateway.node.clock.wall();
    channel_for(gateway, record, method)
        .is_ok_and(|(channel, _)| gateway.node.cluster.channels.is_up(channel.id(), method, now))
}

/// The request to the channel of an attempt.
///
/// # Errors
///
/// `internal`, should the order's merchant be gone.
pub fn payment_request(
    gateway: &Gateway,
    record: &OrderRecord,
    attempt: &Attempt,
    kind: MethodKind,
) -> Result<PaymentRequest, Problem> {
    let merchants = gateway.merchants.current();
    let terms = &record.order.terms;
    let merchant = merchants
        .get(&terms.merchant)
        .ok_or_else(|| Problem::internal("the order's merchant is gone"))?;
    let return_url = record.details.return_url.clone();
    Ok(PaymentRequest {
        attempt: attempt.id.clone(),
        instalments: attempt.instalments,
        kind,
        amount: terms.amount,
        merchant_name: merchant.record.name.clone(),
        description: terms.description.clone(),
        return_url: return_url.unwrap_or_else(|| views::hosted_page(record, &gateway.public_url)),
        capture: terms.capture == Capture::Automatic,
        method: attempt.method.clone(),
        payer: record.details.payer.clone(),
        client_ip: record.details.facts.customer.ip,
        code: None,
        // The order's own record of it: what the caller holds may be from before the commit.
        begun_at: record.order.attempt(&attempt.id).unwrap_or(attempt).begun(),
        expires_at: terms.expires_at,
    })
}
