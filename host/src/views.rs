//! Orders and sessions as callers read them.

use std::collections::BTreeMap;

use lezai_core::instalments::{Plan, Quote};
use lezai_core::key::Jwk;
use lezai_core::money::Money;
use lezai_core::order::{
    Attention, Capture, CloseReason, Decline, Order, Refund, RefundState, State,
};
use lezai_core::policy::Scene;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::clock::rfc3339;
use crate::decision::{DecisionView, ShareView};
use crate::store::OrderRecord;

/// An order.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OrderView {
    /// `ord_…`
    pub id: String,
    /// Always `order`.
    pub object: &'static str,
    /// The merchant's own number.
    pub merchant_order_id: String,
    /// `created`, `paying`, `authorized`, `capturing`, `paid`, `voiding`, `voided` or `closed`.
    pub status: &'static str,
    /// What the shopper pays, in minor units of `currency`.
    pub amount: i64,
    /// ISO 4217.
    pub currency: &'static str,
    /// `automatic`: the money moves when the shopper agrees; `manual`: when the merchant captures.
    pub capture: &'static str,
    /// What was captured and not voided, in minor units.
    pub captured_amount: i64,
    /// What was refunded, in minor units.
    pub refunded_amount: i64,
    /// What is being refunded, in minor units.
    pub refunding_amount: i64,
    /// What can still be refunded, in minor units.
    pub refundable_amount: i64,
    /// The merchant's fee, in minor units.
    pub fee: i64,
    /// What the shopper reads.
    pub description: String,
    /// The methods she may choose.
    pub methods: Vec<String>,
    /// The kind of trade.
    #[schema(value_type = String)]
    pub scene: Scene,
    /// The merchant's own remarks.
    pub metadata: BTreeMap<String, String>,
    /// Where the shopper goes afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub return_url: Option<String>,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub expires_at: String,
    /// When the shopper agreed, if the capture is manual. RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorized_at: Option<String>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paid_at: Option<String>,
    /// When the payment became the merchant's to take out. RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<String>,
    /// What of it became the merchant's to take out. Minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled_amount: Option<i64>,
    /// What of it became others'. Of `decision.shares` as much as there was left of the whole, rounded
    /// down.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub settled_shares: Vec<ShareView>,
    /// Who bears a refund once the payment is settled: `merchant`, `pro_rata` or `receiver:NAME`.
    /// Absent for an order that is shared with nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund_bearer: Option<String>,
    /// The review of an order that risk control wants looked at, once it is paid or authorised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review: Option<ReviewView>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voided_at: Option<String>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<String>,
    /// `merchant` or `expired`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub close_reason: Option<&'static str>,
    /// The try that is under way, or that paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment: Option<PaymentView>,
    /// Why the last try failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_decline: Option<DeclineView>,
    /// What a person must look at, such as `refund` or `amount`; absent but for rare trouble.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs_attention: Vec<AttentionView>,
    /// What risk control and routing said.
    pub decision: DecisionView,
    /// The shopper's way to pay; absent in callbacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkout: Option<CheckoutView>,
}

/// A review: until it is closed the merchant's share is held.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReviewView {
    /// `open` or `closed`.
    pub status: &'static str,
    /// `approved` or `refused`; absent while it is open, and if the payment went back before anybody
    /// decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<&'static str>,
    /// Why, in the operator's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was decided. RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// What a person must look at.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AttentionView {
    /// What a channel could not say in time: `payment`, `return`, `capture`, `void` or `refund`; or
    /// `amount`: it spoke of another amount; or `contradiction`: a refund that had failed succeeded.
    pub what: &'static str,
    /// The attempt or refund that it is about.
    pub id: String,
}

/// A refund.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RefundView {
    /// `rfd_…`, our id at the channel.
    pub id: String,
    /// Always `refund`.
    pub object: &'static str,
    /// The order it belongs to.
    pub order_id: String,
    /// The merchant's own number.
    pub merchant_refund_id: String,
    /// `pending`, `succeeded` or `failed`.
    pub status: &'static str,
    /// What the shopper gets back, in minor units of `currency`.
    pub amount: i64,
    /// ISO 4217.
    pub currency: &'static str,
    /// What of the fee the merchant gets back, in minor units.
    pub fee: i64,
    /// What others than the merchant bear of it. Minor units.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<ShareView>,
    /// Why, in the merchant's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why it failed, as a stable word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// RFC 3339.
    pub created_at: String,
    /// When the channel said so. RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
}

/// A try to pay.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PaymentView {
    /// `att_…`, our id at the channel.
    pub attempt: String,
    /// The method.
    pub method: String,
    /// The channel.
    pub channel: String,
    /// The channel's own number, once paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel_ref: Option<String>,
    /// The plan by which the shopper pays the channel; the merchant is paid at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instalments: Option<InstalmentsView>,
}

/// Monthly parts: the first, and `count - 1` others. Together they are `total`: the amount and the fee.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct InstalmentsView {
    /// How many parts.
    pub count: u8,
    /// The shopper's fee in parts per million of the amount.
    pub rate_ppm: u32,
    /// The shopper's fee, in minor units of the order's currency; the channel's, and no part of the order.
    pub fee: i64,
    /// All that she pays, in minor units.
    pub total: i64,
    /// The first part, in minor units.
    pub first: i64,
    /// Every other part, in minor units.
    pub each: i64,
}

/// Why a try failed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DeclineView {
    /// A stable word, such as `shopper_declined`.
    pub code: String,
    /// RFC 3339.
    pub at: String,
}

/// The shopper's way to pay.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CheckoutView {
    /// The hosted page. The part after `#` never leaves the browser.
    pub url: String,
    /// `cs_…`, for the element.
    pub session: String,
    /// For the element; only in the answer that created the order or renewed its session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// RFC 3339.
    pub expires_at: String,
}

/// A checkout session as a page reads it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SessionView {
    /// Always `checkout.session`.
    pub object: &'static str,
    /// `cs_…`
    pub session: String,
    /// Rises with each change of the order.
    pub version: u64,
    /// The gateway's wall clock, which signatures and grants go by. RFC 3339.
    pub server_time: String,
    /// What time it is for the order, in a sandbox whose clock was moved too: for countdowns. RFC 3339.
    pub now: String,
    /// Whether this page has the session. One that has not claims it with its first choice of a method.
    pub claimed: bool,
    /// As of the order.
    pub status: &'static str,
    /// In minor units of `currency`.
    pub amount: i64,
    /// ISO 4217.
    pub currency: &'static str,
    /// How many of the amount's digits are decimals, by ISO 4217: 2 for CNY, 0 for JPY.
    pub exponent: u16,
    /// What the shopper reads.
    pub description: String,
    /// Who is paid.
    pub merchant: MerchantView,
    /// The merchant's own number.
    pub merchant_order_id: String,
    /// RFC 3339.
    pub expires_at: String,
    /// Where the shopper goes afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub return_url: Option<String>,
    /// What she may choose.
    pub methods: Vec<MethodView>,
    /// What she needs to pay with the method she chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment: Option<CredentialView>,
    /// Why the last try failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declined: Option<DeclineView>,
    /// `merchant` or `expired`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub close_reason: Option<&'static str>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paid_at: Option<String>,
    /// The gateway's signed word on what this page may pay.
    pub grant: String,
    /// The key that signed the grant and this answer.
    #[schema(value_type = Object)]
    pub gateway_key: Jwk,
}

/// Who is paid.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MerchantView {
    /// `m_…`
    pub id: String,
    /// As the shopper knows it.
    pub name: String,
    /// The picture beside the name, where the merchant has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo: Option<LogoView>,
    /// The merchant's colour, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accent: Option<AccentView>,
    /// Where a shopper is helped: an `https:`, `mailto:` or `tel:` address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub support: Option<String>,
}

/// A merchant's logo: a PNG that this gateway serves.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LogoView {
    /// Its path at this gateway; another one where the picture is another.
    pub path: String,
    /// Its hash, as Subresource Integrity writes it.
    pub integrity: String,
}

/// A merchant's colour, as `#rrggbb`: with a contrast of 4.5 and more with the ground, and with what is on it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AccentView {
    /// On a light ground.
    pub light: String,
    /// On a dark ground.
    pub dark: String,
}

/// A method.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MethodView {
    /// Its name.
    pub id: String,
    /// `qr` or `redirect`; in a mini-program `wechat_jsapi`, `alipay_mini` or `douyin_mini`.
    pub kind: &'static str,
    /// The plans to choose from; absent for a method that is paid at once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub instalments: Vec<InstalmentsView>,
}

/// What the shopper needs to pay.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CredentialView {
    /// The method she chose.
    pub method: String,
    /// As of the method; absent while the channel is being asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// What the QR code says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qr: Option<String>,
    /// Where to go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_url: Option<String>,
    /// What the mini-program's own call to pay takes, in that platform's names.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub parameters: Option<Value>,
    /// The plan that she chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instalments: Option<InstalmentsView>,
    /// Until when a payment can be begun by it: the code's own end, or the order's. RFC 3339.
    pub expires_at: String,
}

/// What a callback says.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EventView {
    /// `evt_…`, the same in every delivery.
    pub id: String,
    /// Such as `order.paid`; `docs/callbacks.md` has them all.
    #[serde(rename = "type")]
    pub event_type: &'static str,
    /// RFC 3339.
    pub created_at: String,
    /// Whose order it is: a receiver of several merchants' callbacks, or of a stranger's, must look.
    pub merchant: String,
    /// 1 for the first event of the order, and so on.
    pub sequence: u32,
    /// What it is about.
    pub data: EventData,
}

/// What an event is about.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EventData {
    /// The order right after the event.
    pub order: OrderView,
    /// The refund, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund: Option<RefundView>,
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
        description: terms.description.clone(),
        methods: terms.methods.clone(),
        scene: details.facts.scene,
        metadata: details.facts.metadata.clone(),
        return_url: details.return_url.clone(),
        created_at: rfc3339(terms.created_at),
        expires_at: rfc3339(terms.expires_at),
        authorized_at: authorized_at(order),
        paid_at: paid_at(&order.state),
        settled_at: settled.map(|it| rfc3339(it.at)),
        settled_amount: settled.map(|it| it.amount.minor()),
        settled_shares: settled
            .map_or_else(Vec::new, |it| it.shares.iter().map(ShareView::from).collect()),
        refund_bearer: (!terms.shares.is_empty()).then(|| terms.refund_bearer.to_string()),
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
            channel_ref,
            instalments: instalments(attempt.instalments, terms.amount),
        }),
        last_decline: decline(&order.state),
        needs_attention: order.attention.iter().map(attention).collect(),
        decision: details.decision.clone().into(),
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
        State::Created { declined: Some(Decline { code, at }) } => {
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

/// The status for a page: the shopper has paid once she agreed, and what the merchant does with it
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
        fee: refund.fee.minor(),
        shares: refund.shares.iter().map(ShareView::from).collect(),
        reason: refund.reason.clone(),
        failure,
        created_at: rfc3339(refund.requested_at),
        ended_at,
    }
}

/// Why the order was closed.
pub fn close_reason(state: &State) -> Option<&'static str> {
    match state {
        State::Closed { reason: CloseReason::Merchant, .. } => Some("merchant"),
        State::Closed { reason: CloseReason::Expired, .. } => Some("expired"),
        _ => None,
    }
}
