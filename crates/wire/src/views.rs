//! Orders and sessions as callers read them.

use std::collections::BTreeMap;

use lezai_core::key::Jwk;
use lezai_core::policy::Scene;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::decision::{DecisionView, ShareView};

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
    /// The amount that the shopper pays, in minor units of `currency`.
    pub amount: i64,
    /// ISO 4217.
    pub currency: &'static str,
    /// `automatic`: the money moves when the shopper agrees; `manual`: when the merchant captures.
    pub capture: &'static str,
    /// The amount captured and not voided, in minor units.
    pub captured_amount: i64,
    /// The amount refunded, in minor units.
    pub refunded_amount: i64,
    /// The amount of refunds under way, in minor units.
    pub refunding_amount: i64,
    /// The amount that can still be refunded, in minor units.
    pub refundable_amount: i64,
    /// The merchant's fee, in minor units; in `fx.currency` if the order is settled in another currency.
    pub fee: i64,
    /// How it is settled in another currency than `currency`, if it is. `fee`, `settled_amount`, shares and all else
    /// that its merchant gets or owes for it is in that one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub fx: Option<OrderFxView>,
    /// The text that the shopper reads.
    pub description: String,
    /// The methods they may choose.
    pub methods: Vec<String>,
    /// The kind of trade.
    #[schema(value_type = String)]
    pub scene: Scene,
    /// The mandate that it is a debit under, if it is one: then `scene` is `agreement`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mandate: Option<String>,
    /// The return of the debit by the payer's bank, once there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub debit_return: Option<DebitReturnView>,
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
    /// The basis of the fee, if that is more than the amount and a rate of the contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub fee_basis: Option<FeeBasisView>,
    /// The part of the payment that is kept back for a while, if the contract keeps one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub reserve: Option<ReserveView>,
    /// When the payment became the merchant's to take out. RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<String>,
    /// The merchant's part of it: to take out, or to be split if the order is split later. Minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled_amount: Option<i64>,
    /// The receivers of parts once it is settled: as the merchant said, or `decision.shares`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<ShareView>,
    /// `later` for an order that is split once it is settled; absent for any other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<&'static str>,
    /// The part of an order that is split later which waits to be split now. Minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsplit_amount: Option<i64>,
    /// When its splitting was finished, and what was left became the merchant's to take out. RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split_finished_at: Option<String>,
    /// The others' parts of it. Of `shares` as much as there was left of the whole, rounded
    /// down.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub settled_shares: Vec<ShareView>,
    /// The cost of sharing it at the settlement, to the merchant, if the contract takes something. Minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub split_fee: Option<i64>,
    /// The bearer of a refund once the payment is settled: `merchant`, `pro_rata` or `receiver:NAME`.
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
    /// `merchant`, `expired`, or `declined` for a debit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub close_reason: Option<&'static str>,
    /// The try that is under way, or that paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment: Option<PaymentView>,
    /// Why the last try failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_decline: Option<DeclineView>,
    /// The items that a person must look at, such as `refund` or `amount`; absent but for rare trouble.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs_attention: Vec<AttentionView>,
    /// The decision of risk control and routing.
    pub decision: DecisionView,
    /// The shopper's way to pay; absent in callbacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkout: Option<CheckoutView>,
}

/// How an order is settled in another currency.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OrderFxView {
    /// `fxq_…`, the quote that it used.
    pub quote: String,
    /// The currency that is settled. ISO 4217.
    pub currency: &'static str,
    /// As many of `currency` as the merchant gets for one of the order's: an exact decimal.
    pub exchange_rate: String,
    /// The market's rate: an exact decimal.
    pub base_rate: String,
    /// The gateway's part of that, in parts per million.
    pub spread_ppm: u32,
    /// The value of the amount by `exchange_rate`, rounded down to minor units of `currency`: what is settled of it is
    /// that, less the fee.
    pub value: i64,
    /// The value of what was captured and not voided, in minor units of `currency`.
    pub captured_value: i64,
    /// The part of that which refunds took back, those under way included, in minor units of `currency`.
    pub refunded_value: i64,
}

/// The part of a refund that was taken in another currency.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RefundFxView {
    /// The currency that is settled. ISO 4217.
    pub currency: &'static str,
    /// The value that it takes back, by the rate of the payment, in minor units of `currency`. The fee that comes back
    /// is a part of it.
    pub value: i64,
}

/// The basis of a fee: it follows from this, the amount and the contract, and from nothing else.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FeeBasisView {
    /// The volume of the month before, which reached the tier.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub volume: Option<VolumeView>,
    /// The merchant's industry, by its category code of ISO 18245, where the contract has discounts for some.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub category: Option<u16>,
    /// The promotion that covers the payment, or a part of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub promotion: Option<PromotedView>,
}

/// The captures of a month, less what was refunded and voided in it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct VolumeView {
    /// Such as `2026-10`, in the zone of the contract.
    pub month: String,
    /// In minor units of the order's currency.
    pub amount: i64,
}

/// The part of a payment that a promotion covers.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PromotedView {
    /// The promotion's name in the contract.
    pub name: String,
    /// The part of the amount that has the promotion's rate, in minor units.
    pub amount: i64,
}

/// The reserve of a payment.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReserveView {
    /// Parts per million.
    pub rate_ppm: u32,
    /// For so many days from when the payment is the merchant's.
    pub days: u16,
    /// As much was kept back, in minor units; absent until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub amount: Option<i64>,
    /// As much is kept back now: refunds are taken from it first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub remaining_amount: Option<i64>,
    /// RFC 3339: what is left then is to be taken out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub until: Option<String>,
    /// RFC 3339: when that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub released_at: Option<String>,
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

/// An item that a person must look at.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AttentionView {
    /// The operation with no result in time: `payment`, `return`, `capture`, `void` or `refund`; or
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
    /// The amount that the shopper gets back, in minor units of `currency`.
    pub amount: i64,
    /// ISO 4217.
    pub currency: &'static str,
    /// The part of the payment's fee that the merchant gets back, in minor units; in `fx.currency` if the order is
    /// settled in another currency.
    pub fee: i64,
    /// The part that it takes back in the settled currency, if the order is settled in another than its own. `shares`
    /// and `refund_fee` are in that one, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub fx: Option<RefundFxView>,
    /// The cost of the refund itself, to the merchant, if the contract takes something. Minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub refund_fee: Option<i64>,
    /// The parts of it that others than the merchant bear. Minor units.
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

/// A split of a settled payment.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SplitView {
    /// `spl_…`
    pub id: String,
    /// Always `split`.
    pub object: &'static str,
    /// The order it belongs to.
    pub order_id: String,
    /// The merchant's own number.
    pub merchant_split_id: String,
    /// `all_or_nothing` or `partial`.
    pub mode: &'static str,
    /// ISO 4217.
    pub currency: &'static str,
    /// The cost of the split, to the merchant, if the contract takes something. Minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub fee: Option<i64>,
    /// Its shares, as they were asked for.
    pub items: Vec<SplitItemView>,
    /// Its returns, failed ones included, oldest first.
    pub returns: Vec<SplitReturnView>,
    /// The part of the order that waits to be split now, with all splits and refunds counted. Minor units.
    pub unsplit_amount: i64,
    /// RFC 3339.
    pub created_at: String,
}

/// One share of a split.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SplitItemView {
    /// The merchant's own name for who gets it.
    pub receiver: String,
    /// In minor units of the order's currency.
    pub amount: i64,
    /// `succeeded` or `failed`.
    pub status: &'static str,
    /// Why it failed: `exceeds_unsplit` or `receiver_removed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<&'static str>,
}

/// A share that a receiver gives back, whole or in part.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SplitReturnView {
    /// `spr_…`
    pub id: String,
    /// Always `split_return`.
    pub object: &'static str,
    /// The split.
    pub split_id: String,
    /// The order.
    pub order_id: String,
    /// The merchant's own number.
    pub merchant_return_id: String,
    /// The merchant's own name for who gives it back.
    pub receiver: String,
    /// In minor units of `currency`.
    pub amount: i64,
    /// ISO 4217.
    pub currency: &'static str,
    /// `succeeded` or `failed`.
    pub status: &'static str,
    /// Why it failed: `balance_short`, as the receiver has not as much available.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<&'static str>,
    /// RFC 3339.
    pub created_at: String,
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
    /// The merchant's own account there that the money goes to; absent if it goes to the platform's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub direct_account: Option<String>,
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
    /// All that they pay, in minor units.
    pub total: i64,
    /// The first part, in minor units.
    pub first: i64,
    /// Every other part, in minor units.
    pub each: i64,
}

/// A debit that the payer's bank took back.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DebitReturnView {
    /// How much: all that was debited, whatever was refunded of it.
    pub amount: i64,
    /// Why, as a stable word such as `payer_objected`.
    pub code: String,
    /// RFC 3339.
    pub returned_at: String,
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
    /// The time for the order, also in a sandbox whose clock was moved: for countdowns. RFC 3339.
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
    /// The text that the shopper reads.
    pub description: String,
    /// The merchant that is paid.
    pub merchant: MerchantView,
    /// The merchant's own number.
    pub merchant_order_id: String,
    /// RFC 3339.
    pub expires_at: String,
    /// Where the shopper goes afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub return_url: Option<String>,
    /// The methods that they may choose.
    pub methods: Vec<MethodView>,
    /// The credential for the method that they chose.
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

/// The merchant that is paid.
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

/// The credential that the shopper pays by.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CredentialView {
    /// The method they chose.
    pub method: String,
    /// As of the method; absent while the channel is being asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// The text of the QR code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qr: Option<String>,
    /// Where to go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_url: Option<String>,
    /// The parameters of the mini-program's own call to pay, in that platform's names.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub parameters: Option<Value>,
    /// The plan that they chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instalments: Option<InstalmentsView>,
    /// Until when a payment can be begun by it: the code's own end, or the order's. RFC 3339.
    pub expires_at: String,
}

/// The body of a callback.
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
    /// The objects that it is about.
    pub data: EventData,
}

/// The objects that an event is about.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EventData {
    /// The order right after the event.
    pub order: OrderView,
    /// The refund, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund: Option<RefundView>,
    /// The share that a receiver gave back, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split_return: Option<SplitReturnView>,
}
