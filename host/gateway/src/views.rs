//! Records as callers read them: from what the store keeps to what the API shows.

use lezai_core::funds::pricing::FeeBasis;
use lezai_core::instalments::{Plan, Quote};
use lezai_core::money::Money;
use lezai_core::order::{
    Attention, Capture, CloseReason, DebitReturn, Decline, Order, Refund, RefundState, Split,
    SplitFailure, SplitReturn, SplitReturnState, SplitTime, State,
};
use lezai_store::OrderRecord;
use lezai_store::decision::{DecisionRecord, HookRecord, VerdictRecord};
use lezai_wire::decision::{
    ColumnView, DecisionView, HookView, HooksView, ReasonView, ReleaseView, ShareView, VerdictView,
};
use lezai_wire::time::rfc3339;
use lezai_wire::views::{
    AttentionView, CheckoutView, DebitReturnView, DeclineView, FeeBasisView, InstalmentsView,
    OrderFxView, OrderView, PaymentView, PromotedView, RefundFxView, RefundView, ReserveView,
    ReviewView, SplitItemView, SplitReturnView, SplitView, VolumeView,
};

/// The view of the rules' decision on an order.
pub fn decision(record: DecisionRecord) -> DecisionView {
    let reasons = record.reasons.into_iter();
    let shares = record.shares.into_iter();
    let columns = record.columns.into_iter();
    DecisionView {
        verdict: match record.verdict {
            VerdictRecord::Accept => VerdictView::Accept,
            VerdictRecord::Review => VerdictView::Review,
            VerdictRecord::Deny => VerdictView::Deny,
        },
        score: record.score,
        reasons: reasons.map(|it| ReasonView { code: it.code, message: it.message }).collect(),
        channels: record.channels,
        shares: shares.map(|it| ShareView { receiver: it.receiver, amount: it.amount }).collect(),
        columns: columns.map(|it| ColumnView { name: it.name, value: it.value }).collect(),
        policy: record.policy,
        settings: record.settings,
        hooks: HooksView {
            risk: hook(record.hooks.risk),
            pricing: hook(record.hooks.pricing),
            routing: hook(record.hooks.routing),
            split: record.hooks.split.map(hook),
            statement: record.hooks.statement.map(hook),
        },
        replayable: record.replayable,
        release: record.release.map(|it| ReleaseView {
            plugin: it.plugin,
            version: it.version,
            sequence: it.sequence,
            digest: it.digest,
            stage: it.stage,
        }),
    }
}

fn hook(record: HookRecord) -> HookView {
    let HookRecord { plugin, fuel, outcome, detail } = record;
    HookView { plugin, fuel, outcome, detail }
}

/// An order without its checkout.
pub fn order(record: &OrderRecord) -> OrderView {
    let OrderRecord { order, details, .. } = record;
    let terms = &order.terms;
    let payment = match &order.state {
        State::Paying { attempt, .. } => order.attempt(attempt).map(|it| (it, None)),
        state => state.payment().and_then(|payment| {
            order.attempt(&payment.attempt).map(|it| (it, Some(payment.channel_ref.clone())))
        }),
    };
    let settled = match &order.state {
        State::Paid { settled, .. } => settled.as_ref(),
        _ => None,
    };
    let is_later = terms.split == SplitTime::Later;
    OrderView {
        id: terms.id.to_string(),
        object: "order",
        merchant_order_id: terms.merchant_order_id.clone(),
        status: order.state.status(),
        amount: terms.amount.minor(),
        currency: terms.amount.currency().code(),
        capture: terms.capture.as_str(),
        captured_amount: order.captured().minor(),
        refunded_amount: order.refunded().minor(),
        refunding_amount: order.refunding().minor(),
        refundable_amount: order.refundable().minor(),
        fee: terms.fee.minor(),
        fx: fx(order),
        fee_basis: fee_basis(order),
        reserve: reserve(order),
        description: terms.description.clone(),
        methods: terms.methods.clone(),
        scene: details.facts.scene,
        mandate: terms.mandate.as_ref().map(ToString::to_string),
        debit_return: order.debit_return.as_ref().map(debit_return),
        metadata: details.facts.metadata.clone(),
        return_url: details.return_url.clone(),
        created_at: rfc3339(terms.created_at),
        expires_at: rfc3339(terms.expires_at),
        authorized_at: authorized_at(order),
        paid_at: paid_at(&order.state),
        settled_at: settled.map(|it| rfc3339(it.at)),
        settled_amount: settled.map(|it| it.amount.minor()),
        shares: terms.shares.iter().map(ShareView::from).collect(),
        split: is_later.then(|| terms.split.as_str()),
        unsplit_amount: is_later.then(|| order.unsplit().minor()),
        split_finished_at: order.split_finish.as_ref().map(|it| rfc3339(it.at)),
        settled_shares: settled
            .map_or_else(Vec::new, |it| it.shares.iter().map(ShareView::from).collect()),
        split_fee: settled.and_then(|it| it.charge).map(Money::minor),
        refund_bearer: (is_later || !terms.shares.is_empty())
            .then(|| terms.refund_bearer.to_string()),
        review: review(order),
        voided_at: match &order.state {
            State::Voided { voided_at, .. } => Some(rfc3339(*voided_at)),
            _ => None,
        },
        closed_at: match &order.state {
            State::Closed { closed_at, .. } => Some(rfc3339(*closed_at)),
            _ => None,
        },
        close_reason: close_reason(&order.state),
        payment: payment.map(|(attempt, channel_ref)| PaymentView {
            attempt: attempt.id.to_string(),
            method: attempt.method.clone(),
            channel: attempt.channel.clone(),
            direct_account: attempt.account.as_ref().map(|it| it.account.clone()),
            channel_ref,
            instalments: instalments(attempt.instalments, terms.amount),
        }),
        last_decline: decline(&order.state),
        needs_attention: order.attention.iter().map(attention).collect(),
        decision: decision(details.decision.clone()),
        checkout: None,
    }
}

/// An order with its checkout.
pub fn order_with_checkout(
    record: &OrderRecord,
    public_url: &str,
    client_secret: Option<String>,
) -> OrderView {
    let url = hosted_page(record, public_url);
    let checkout = CheckoutView {
        url: match &client_secret {
            Some(secret) => format!("{url}#{secret}"),
            None => url,
        },
        session: record.session.to_string(),
        client_secret,
        expires_at: rfc3339(record.order.terms.expires_at),
    };
    OrderView { checkout: Some(checkout), ..order(record) }
}

fn debit_return(back: &DebitReturn) -> DebitReturnView {
    DebitReturnView {
        amount: back.amount.minor(),
        code: back.code.clone(),
        returned_at: rfc3339(back.at),
    }
}

fn fee_basis(order: &Order) -> Option<FeeBasisView> {
    let FeeBasis { volume, category, promotion } = &order.terms.fee_basis;
    let volume = volume.map(|it| VolumeView { month: it.month.to_string(), amount: it.minor });
    let promotion =
        promotion.as_ref().map(|it| PromotedView { name: it.name.clone(), amount: it.minor });
    let is_plain = order.terms.fee_basis.is_plain();
    (!is_plain).then_some(FeeBasisView { volume, category: *category, promotion })
}

fn reserve(order: &Order) -> Option<ReserveView> {
    let terms = order.terms.reserve?;
    let reserved = order.reserved.as_ref();
    let released = reserved.and_then(|it| it.released.as_ref());
    Some(ReserveView {
        rate_ppm: terms.rate_ppm(),
        days: terms.days(),
        amount: reserved.map(|it| it.amount.minor()),
        remaining_amount: reserved.map(|_| order.still_reserved().minor()),
        until: reserved.map(|it| rfc3339(it.until)),
        released_at: released.map(|it| rfc3339(it.at)),
    })
}

/// The address of the order's hosted page.
pub fn hosted_page(record: &OrderRecord, public_url: &str) -> String {
    format!("{public_url}/pay/{}", record.session)
}

/// Each plan, as it would be paid.
pub fn plans(plans: &[Plan], amount: Money) -> Vec<InstalmentsView> {
    plans.iter().filter_map(|plan| instalments(Some(*plan), amount)).collect()
}

/// A plan for an amount.
pub fn instalments(plan: Option<Plan>, amount: Money) -> Option<InstalmentsView> {
    let plan = plan?;
    // An order's plans are those that can be quoted for its amount.
    let Quote { fee, total, first, each } = plan.quote(amount)?;
    Some(InstalmentsView {
        count: plan.count(),
        rate_ppm: plan.rate_ppm(),
        fee: fee.minor(),
        total: total.minor(),
        first: first.minor(),
        each: each.minor(),
    })
}

/// Why the last try failed, while no other was begun.
pub fn decline(state: &State) -> Option<DeclineView> {
    match state {
        State::Created { declined: Some(Decline { code, at }) }
        | State::Closed { declined: Some(Decline { code, at }), .. } => {
            Some(DeclineView { code: code.clone(), at: rfc3339(*at) })
        }
        _ => None,
    }
}

/// When the payment was captured. RFC 3339.
pub fn paid_at(state: &State) -> Option<String> {
    match state {
        State::Paid { captured, .. } => Some(rfc3339(captured.at)),
        State::Voiding { captured, .. } | State::Voided { captured, .. } => {
            captured.map(|it| rfc3339(it.at))
        }
        _ => None,
    }
}

fn authorized_at(order: &Order) -> Option<String> {
    let payment = order.state.payment().filter(|_| order.terms.capture == Capture::Manual)?;
    Some(rfc3339(payment.at))
}

/// The status for a page: the shopper has paid once they agreed, and what the merchant does with it
/// after that is not the page's business.
pub fn page_status(state: &State) -> &'static str {
    match state {
        State::Authorized { .. } | State::Capturing { .. } | State::Voiding { .. } => "paid",
        State::Voided { .. } => "closed",
        state => state.status(),
    }
}

fn review(order: &Order) -> Option<ReviewView> {
    if !order.terms.held || order.state.payment().is_none() && order.reviews.is_empty() {
        return None;
    }
    if order.under_review() {
        return Some(ReviewView { status: "open", verdict: None, reason: None, at: None });
    }
    let last = order.reviews.last();
    Some(ReviewView {
        status: "closed",
        verdict: last.map(|it| it.verdict.as_str()),
        reason: last.map(|it| it.reason.clone()),
        at: last.map(|it| rfc3339(it.at)),
    })
}

fn attention(it: &Attention) -> AttentionView {
    let (what, id) = match it {
        Attention::Payment { attempt } => ("payment", attempt.as_str()),
        Attention::Return { attempt } => ("return", attempt.as_str()),
        Attention::Capture { attempt } => ("capture", attempt.as_str()),
        Attention::Void { attempt } => ("void", attempt.as_str()),
        Attention::Refund { refund } => ("refund", refund.as_str()),
        Attention::Amount { attempt, .. } => ("amount", attempt.as_str()),
        Attention::Contradiction { refund } => ("contradiction", refund.as_str()),
    };
    AttentionView { what, id: id.to_owned() }
}

fn fx(order: &Order) -> Option<OrderFxView> {
    let fx = order.terms.fx.as_ref()?;
    let value = |amount| fx.value(amount).map_or(0, Money::minor);
    let counts = |it: &&Refund| !matches!(it.state, RefundState::Failed { .. });
    let refunded = order.refunds.iter().filter(counts).map(|it| it.value().minor()).sum();
    Some(OrderFxView {
        quote: fx.quote.to_string(),
        currency: fx.currency.code(),
        exchange_rate: fx.rate().to_string(),
        base_rate: fx.base_rate.to_string(),
        spread_ppm: fx.spread_ppm,
        value: value(order.terms.amount),
        captured_value: value(order.captured()),
        refunded_value: refunded,
    })
}

/// A refund of an order.
pub fn refund(order: &Order, refund: &Refund) -> RefundView {
    let (failure, ended_at) = match &refund.state {
        RefundState::Pending => (None, None),
        RefundState::Succeeded { at } => (None, Some(rfc3339(*at))),
        RefundState::Failed { code, at, .. } => (Some(code.clone()), Some(rfc3339(*at))),
    };
    RefundView {
        id: refund.id.to_string(),
        object: "refund",
        order_id: order.terms.id.to_string(),
        merchant_refund_id: refund.merchant_refund_id.clone(),
        status: refund.state.status(),
        amount: refund.amount.minor(),
        currency: refund.amount.currency().code(),
        fee: refund.fee_returned().minor(),
        fx: refund.converted.map(|it| RefundFxView {
            currency: it.value.currency().code(),
            value: it.value.minor(),
        }),
        refund_fee: refund.charge.map(|it| it.charge.minor()).filter(|it| *it > 0),
        shares: refund.shares.iter().map(ShareView::from).collect(),
        reason: refund.reason.clone(),
        failure,
        created_at: rfc3339(refund.requested_at),
        ended_at,
    }
}

/// A split of an order.
pub fn split(order: &Order, split: &Split) -> SplitView {
    let items = split.items.iter().map(|it| SplitItemView {
        receiver: it.share.receiver.clone(),
        amount: it.share.amount.minor(),
        status: if it.failure.is_none() { "succeeded" } else { "failed" },
        failure: it.failure.map(SplitFailure::as_str),
    });
    SplitView {
        id: split.id.to_string(),
        object: "split",
        order_id: order.terms.id.to_string(),
        merchant_split_id: split.merchant_split_id.clone(),
        mode: split.mode.as_str(),
        currency: order.terms.settled_currency().code(),
        fee: split.charge.map(Money::minor),
        items: items.collect(),
        returns: split.returns.iter().map(|it| split_return(order, split, it)).collect(),
        unsplit_amount: order.unsplit().minor(),
        created_at: rfc3339(split.at),
    }
}

/// A return of a split.
pub fn split_return(order: &Order, split: &Split, it: &SplitReturn) -> SplitReturnView {
    let (status, failure) = match it.state {
        SplitReturnState::Succeeded { .. } => ("succeeded", None),
        SplitReturnState::BalanceShort => ("failed", Some("balance_short")),
    };
    SplitReturnView {
        id: it.id.to_string(),
        object: "split_return",
        split_id: split.id.to_string(),
        order_id: order.terms.id.to_string(),
        merchant_return_id: it.merchant_return_id.clone(),
        receiver: it.receiver.clone(),
        amount: it.amount.minor(),
        currency: it.amount.currency().code(),
        status,
        failure,
        created_at: rfc3339(it.at),
    }
}

/// Why the order was closed.
pub fn close_reason(state: &State) -> Option<&'static str> {
    match state {
        State::Closed { reason: CloseReason::Merchant, .. } => Some("merchant"),
        State::Closed { reason: CloseReason::Expired, .. } => Some("expired"),
        State::Closed { reason: CloseReason::Declined, .. } => Some("declined"),
        _ => None,
    }
}
