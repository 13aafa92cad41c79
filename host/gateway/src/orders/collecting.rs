//! How a payment is collected: by which channel, to whose account, why by that one, and what it is asked.

use std::sync::Arc;

use lezai_channels::channel::{Channel, Method, MethodKind, PaymentRequest};
use lezai_core::id::MerchantId;
use lezai_core::order::{Attempt, Capture, DirectAccount};
use lezai_core::routing::{self, Asked, Routed};
use lezai_store::OrderRecord;
use lezai_wire::problem::{Code, Problem};

use crate::gateway::Gateway;
use crate::merchants::accounts::MerchantAccount;
use crate::metrics::RoutedLabel;
use crate::views;

/// A way to collect by a method: a channel, and the merchant's own account there, if it is not ours.
#[derive(Clone)]
pub struct Candidate {
    /// The channel.
    pub channel: Arc<dyn Channel>,
    /// The merchant's own account.
    pub account: Option<Arc<MerchantAccount>>,
    /// The method there.
    pub method: &'static Method,
}

impl Candidate {
    /// The account as an attempt remembers it.
    pub fn direct(&self) -> Option<DirectAccount> {
        self.account.as_ref().map(|it| it.direct())
    }

    /// Its name, for what is remembered of it.
    fn name(&self) -> String {
        let own = self.account.as_ref().map(|it| it.name());
        own.unwrap_or_else(|| self.channel.id().to_owned())
    }

    fn is_up(&self, gateway: &Gateway) -> bool {
        let now = gateway.node.clock.wall();
        gateway.node.cluster.channels.is_up(&self.name(), self.method.id, now)
    }

    /// The facts about it, for an order.
    fn known(&self, gateway: &Gateway, record: &OrderRecord) -> routing::Candidate {
        let (name, now) = (self.name(), gateway.node.clock.wall());
        let (id, method, health) =
            (self.channel.id(), self.method.id, &gateway.node.cluster.channels);
        let amount = record.order.terms.amount;
        let place = record.details.decision.channels.iter().position(|it| it == id);
        routing::Candidate {
            channel: id.to_owned(),
            account: self.direct().map(|it| it.account),
            place: place.unwrap_or(usize::MAX),
            is_up: health.is_up(&name, method, now),
            // The provider takes its part of a payment to the merchant's own account from the merchant.
            cost: match self.account {
                Some(_) => None,
                None => gateway.routing.cost(id, method, amount),
            },
            measured: health.measured(&name, method, now),
        }
    }
}

/// The ways of a merchant to be paid, before an order is looked at.
pub struct Ways<'w> {
    /// The gateway.
    pub gateway: &'w Gateway,
    /// The merchant.
    pub merchant: &'w MerchantId,
    /// Whether the money may go to the merchant's own account.
    pub may_be_direct: bool,
}

impl Ways<'_> {
    /// Those of a channel, its own account first. Where the merchant has an account of its own, ours takes what that one does not
    /// only if the operator said so.
    fn of_channel(&self, id: &str, method: &str) -> Vec<Candidate> {
        let accounts = &self.gateway.merchants.accounts;
        let own = accounts.current(self.merchant, id);
        let ours = accounts.leaves_to_ours(self.merchant, id);
        let direct = own.filter(|_| self.may_be_direct).and_then(|account| {
            let method = account.channel.method(method)?;
            Some(Candidate {
                channel: Arc::clone(&account.channel),
                account: Some(account),
                method,
            })
        });
        let platform = self.gateway.channels.shared(id).filter(|_| ours).and_then(|channel| {
            let method = channel.method(method)?;
            Some(Candidate { channel, account: None, method })
        });
        direct.into_iter().chain(platform).collect()
    }

    /// Those of some channels, in their order, for a method that is open to the merchant.
    pub fn by<'c>(
        &self,
        channels: impl IntoIterator<Item = &'c String>,
        method: &str,
    ) -> Vec<Candidate> {
        let merchants = self.gateway.merchants.current();
        if !merchants.get(self.merchant).is_some_and(|it| it.policy.opens(method)) {
            return Vec::new();
        }
        channels.into_iter().flat_map(|id| self.of_channel(id, method)).collect()
    }
}

/// The ways to collect an order by a method, as they are listed.
fn candidates(gateway: &Gateway, record: &OrderRecord, method: &str) -> Vec<Candidate> {
    let merchant = &record.order.terms.merchant;
    let ways = Ways { gateway, merchant, may_be_direct: record.order.may_be_direct() };
    ways.by(&record.details.decision.channels, method)
}

/// A way that was chosen, and why.
pub struct Chosen {
    /// The way.
    pub candidate: Candidate,
    /// The decision, as the attempt keeps it.
    pub routed: Routed,
}

/// The way to collect an order by a method, as the core routes it: one that answers if there is any, else the first one
/// all the same.
///
/// # Errors
///
/// `method_unavailable`.
pub fn choose(gateway: &Gateway, record: &OrderRecord, method: &str) -> Result<Chosen, Problem> {
    chosen(gateway, record, candidates(gateway, record, method)).ok_or_else(|| {
        Problem::new(Code::MethodUnavailable, "the order cannot be paid by this method")
            .with("field", "method")
    })
}

/// The way to charge a code, by any method of the order that takes it.
pub fn choose_for_code(gateway: &Gateway, record: &OrderRecord, code: &str) -> Option<Chosen> {
    let methods = record.order.terms.methods.iter();
    methods.into_iter().find_map(|method| {
        let mut taking = candidates(gateway, record, method);
        taking.retain(|it| it.channel.method_of_code(code) == Some(it.method.id));
        chosen(gateway, record, taking)
    })
}

/// Whether the channel of a method answers for it, as far as this node saw; `None` if none takes it.
pub fn is_up(gateway: &Gateway, record: &OrderRecord, method: &str) -> Option<bool> {
    let all = candidates(gateway, record, method);
    (!all.is_empty()).then(|| all.iter().any(|it| it.is_up(gateway)))
}

/// The first of these by the core's order.
fn chosen(gateway: &Gateway, record: &OrderRecord, all: Vec<Candidate>) -> Option<Chosen> {
    let decision = &record.details.decision;
    let asked = Asked {
        amount: record.order.terms.amount,
        ordered_by: decision.ordered_by,
        drawn: decision.drawn.as_deref(),
        preference: gateway.routing.preference,
    };
    let known: Vec<_> = all.iter().map(|it| it.known(gateway, record)).collect();
    let ranked = routing::route(&asked, &known);
    let routed = routing::record(&asked, &known, &ranked);
    let candidate = all.into_iter().nth(ranked.first()?.index)?;
    Some(Chosen { candidate, routed })
}

impl Chosen {
    /// Counts the choice.
    pub fn count(&self, gateway: &Gateway) {
        if let Some(first) = self.routed.candidates.first() {
            let (channel, reason) = (self.candidate.channel.id(), first.reason.as_str());
            gateway.node.metrics.routed.get_or_create(&RoutedLabel { channel, reason }).inc();
        }
    }
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
