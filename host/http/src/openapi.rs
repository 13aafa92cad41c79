//! Shapes for the document at `/openapi.json`: what a call takes is read by hand, bounded and strict, so its
//! shape is written down here once more.

use std::collections::BTreeMap;
use utoipa::{IntoParams, IntoResponses, ToSchema};

/// Signed as the gateway's README says: RFC 9421, `ecdsa-p256-sha256`.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct Signed {
    /// `sig1=("@method" "@authority" "@path" "@query" …);created=…;nonce="…";keyid="…";alg="ecdsa-p256-sha256";tag="lezai-merchant"`;
    /// a page's tag is `lezai-checkout`. With a body, `content-digest` and `content-type` are covered too, and on a POST `idempotency-key`.
    #[param(rename = "Signature-Input")]
    signature_input: String,
    /// `sig1=:…:`, r and s of ECDSA, 32 bytes each.
    #[param(rename = "Signature")]
    signature: String,
}

/// The IETF draft's field.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct Idempotency {
    /// 1 to 255 visible ASCII characters in quotes: the same for every repeat of this request.
    #[param(rename = "Idempotency-Key")]
    idempotency_key: String,
    /// RFC 9530: `sha-256=:…:`.
    #[param(rename = "Content-Digest", required = false)]
    content_digest: String,
}

/// The IETF draft's field, of a call that nobody signs.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct OperatorIdempotency {
    /// 1 to 255 visible ASCII characters in quotes: the same for every repeat of this request.
    #[param(rename = "Idempotency-Key")]
    idempotency_key: String,
}

/// Which page of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct PageAsked {
    /// At most so many; 20 if absent. A page ends early, with `has_more`, before it has more than 768 KiB.
    #[param(required = false, minimum = 1, maximum = 100)]
    limit: u32,
    /// The `next` of the page before.
    #[param(required = false)]
    after: String,
    /// Only what was made then or later. RFC 3339.
    #[param(required = false, example = "2026-11-18T00:00:00Z")]
    created_from: String,
    /// Only what was made before then. RFC 3339.
    #[param(required = false, example = "2026-11-19T00:00:00Z")]
    created_to: String,
}

/// Which events.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct EventsAsked {
    /// Such as `order.paid`.
    #[param(required = false)]
    r#type: String,
    /// `ord_…`
    #[param(required = false)]
    order_id: String,
}

/// Which moment.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct BalancesAsked {
    /// RFC 3339, not after now; now if absent.
    #[param(required = false, example = "2026-11-18T00:00:00Z")]
    at: String,
    /// Whom the merchant shares with, by the merchant's name: then the balances are that receiver's.
    #[param(
        required = false,
        min_length = 1,
        max_length = 64,
        pattern = "^[A-Za-z0-9_.:-]+$",
        example = "tea"
    )]
    receiver: String,
}

/// Which orders.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct OrdersAsked {
    /// The merchant's own number. It stands alone.
    #[param(
        required = false,
        min_length = 1,
        max_length = 64,
        pattern = "^[A-Za-z0-9_.:-]+$",
        example = "A-1001"
    )]
    merchant_order_id: String,
    /// `created`, `paying`, `authorized`, `capturing`, `paid`, `voiding`, `voided` or `closed`.
    #[param(required = false, example = "paid")]
    status: String,
}

/// Which refunds.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct RefundsAsked {
    /// The merchant's own number.
    #[param(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.:-]+$", example = "R-1")]
    merchant_refund_id: String,
}

/// A problem (RFC 9457).
#[derive(ToSchema)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct ProblemView {
    /// `/reference#<code>`: the code in the gateway's own reference.
    r#type: String,
    /// The meaning of the code.
    title: String,
    /// The status code.
    status: u16,
    /// The form that would be right.
    detail: String,
    /// A stable word.
    code: String,
    /// `never`, `same_key`, `query_first` or `later`.
    retry: String,
    /// The field at fault.
    #[schema(required = false)]
    field: String,
    /// The request's id, for support.
    request_id: String,
    /// The amount left, in minor units, if more was asked for.
    #[schema(required = false)]
    available: i64,
    /// The order's status, if that is in the way.
    #[schema(required = false)]
    order_status: String,
    /// The order that has the number already.
    #[schema(required = false)]
    order_id: String,
    /// The refund that has the number already.
    #[schema(required = false)]
    refund_id: String,
    /// The payout that has the number already.
    #[schema(required = false)]
    payout_id: String,
    /// The payout's status, if that is in the way.
    #[schema(required = false)]
    payout_status: String,
    /// The batch of payouts that has the number already.
    #[schema(required = false)]
    payout_batch_id: String,
    /// How many items a batch has, if its totals say otherwise.
    #[schema(required = false)]
    count: u32,
    /// The sum of a batch's items, in minor units, if its totals say otherwise.
    #[schema(required = false)]
    sum: i64,
    /// The contract's limit, in minor units.
    #[schema(required = false)]
    limit: i64,
    /// The signature base that should have been signed (RFC 9421, section 2.5).
    #[schema(required = false)]
    signature_base: String,
    /// Why risk control denies.
    #[schema(required = false, value_type = Object)]
    decision: BTreeMap<String, String>,
}

/// The problems that any call may end in.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) enum Problems {
    /// The request is wrong.
    #[response(status = "4XX", content_type = "application/problem+json")]
    Request(#[to_schema] ProblemView),
    /// The gateway failed, or has too much to do.
    #[response(status = "5XX", content_type = "application/problem+json")]
    Gateway(#[to_schema] ProblemView),
}

/// An order to be made.
#[derive(ToSchema)]
#[schema(as = NewOrder)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewOrder {
    /// The merchant's own number, unique among its orders.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.:-]+$", example = "A-1001")]
    merchant_order_id: String,
    /// Minor units of `currency`.
    #[schema(minimum = 1, maximum = 9007199254740991_i64, example = 12800)]
    amount: i64,
    /// ISO 4217.
    #[schema(min_length = 3, max_length = 3, example = "CNY")]
    currency: String,
    /// The text that the shopper reads.
    #[schema(min_length = 1, max_length = 200, example = "Jasmine tea, 100 g")]
    description: String,
    /// Where callbacks go; the merchant's own address if absent.
    #[schema(required = false, max_length = 512, format = "uri")]
    notify_url: String,
    /// Where the shopper goes afterwards.
    #[schema(required = false, max_length = 512, format = "uri")]
    return_url: String,
    /// The methods to choose from. If absent, all that any page can use: a mini-program's own methods (`wechat_jsapi`,
    /// `alipay_mini`, `douyin_mini`) are offered to an order that names them, and to no other.
    #[schema(required = false, max_items = 16)]
    methods: Vec<String>,
    /// Seconds in which the order can be paid; 900 if absent.
    #[schema(required = false, minimum = 60, maximum = 86400)]
    expires_in: i64,
    /// `automatic` (if absent), or `manual`: the amount is authorised only, until it is captured.
    #[schema(required = false)]
    capture: String,
    /// `agreed` (if absent): who shares it is said now, by `shares` or the merchant's plugin, and booked when it is
    /// settled. `later`: what is settled waits for splits.
    #[schema(required = false, example = "agreed")]
    split: String,
    /// The receivers of parts once it is settled. A plugin that names shares too must name the same. Not with
    /// `split` `later`.
    #[schema(required = false, max_items = 16)]
    shares: Vec<NewShare>,
    /// The bearer of a refund once the payment is settled and others have their shares: `merchant` (if absent),
    /// `pro_rata`, or `receiver:` and the name of one that has a share.
    #[schema(required = false, max_length = 80, example = "pro_rata")]
    refund_bearer: String,
    /// `fxq_…`, a quote for orders in `currency`: the order is settled in the quote's other currency, by its rate, and can
    /// be paid as long as that is fixed.
    #[schema(required = false, max_length = 40, example = "fxq_019ab5c0dd000123456789abcdef0123")]
    fx_quote: String,
    /// The kind of trade: `ecommerce` (if absent), `o2o`, `counter`, `mini_program`, `cross_border`.
    #[schema(required = false)]
    scene: String,
    /// The shopper, as the merchant knows them.
    #[schema(required = false)]
    customer: NewCustomer,
    /// The shopper's identity at the platform whose mini-program or page takes the payment.
    #[schema(required = false)]
    payer: NewPayer,
    /// With what.
    #[schema(required = false)]
    device: NewDevice,
    /// The merchant's own remarks: at most 20.
    #[schema(required = false)]
    metadata: BTreeMap<String, String>,
}

/// The shopper's ids at platforms. Each is needed by methods of that platform alone: docs/channels.md.
#[derive(ToSchema)]
#[schema(as = NewPayer)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewPayer {
    /// For `wechat_jsapi`: the `openid` under the application that WeChat Pay has bound to the merchant.
    #[schema(required = false, min_length = 1, max_length = 128, pattern = "^[!-~]+$")]
    wechat_openid: String,
    /// For `alipay_mini`: `buyer_open_id`.
    #[schema(required = false, min_length = 1, max_length = 128, pattern = "^[!-~]+$")]
    alipay_open_id: String,
    /// For `alipay_mini` of older applications: `buyer_id`, 2088….
    #[schema(required = false, min_length = 1, max_length = 128, pattern = "^[!-~]+$")]
    alipay_user_id: String,
}

/// A charge by the code that a till scanned.
#[derive(ToSchema)]
#[schema(as = NewCharge)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewCharge {
    /// The code that the shopper shows: good once, for a minute. It is kept nowhere.
    #[schema(
        min_length = 16,
        max_length = 64,
        pattern = "^[0-9A-Za-z]+$",
        example = "990000000000000001"
    )]
    code: String,
}

/// The events to redeliver.
#[derive(ToSchema)]
#[schema(as = EventRange)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct EventRange {
    /// RFC 3339: events from then.
    #[schema(format = "date-time", example = "2026-11-18T11:06:40Z")]
    from: String,
    /// RFC 3339: events before then.
    #[schema(format = "date-time", example = "2026-11-18T12:06:40Z")]
    to: String,
    /// Of these types; of all if absent.
    #[schema(required = false, max_items = 16)]
    types: Vec<String>,
}

/// The number of events that are redelivered.
#[derive(ToSchema)]
#[schema(as = Redelivery)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct Redelivery {
    /// Always `redelivery`.
    object: String,
    /// How many events.
    events: u32,
}

/// A receiver to try.
#[derive(ToSchema)]
#[schema(as = EchoTest)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct EchoTest {
    /// The merchant's own address if absent.
    #[schema(required = false, format = "uri", max_length = 512)]
    notify_url: String,
}

/// Which payouts.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct PayoutsAsked {
    /// The merchant's own number. It stands alone.
    #[param(
        required = false,
        min_length = 1,
        max_length = 64,
        pattern = "^[A-Za-z0-9_.:-]+$",
        example = "P-1"
    )]
    merchant_payout_id: String,
    /// A status, such as `paid`.
    #[param(required = false, example = "paid")]
    status: String,
}

/// Which payouts.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct OperatorPayoutsAsked {
    /// A status; `needs_approval` if absent.
    #[param(required = false, example = "needs_approval")]
    status: String,
}

/// Which lines.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct LinesAsked {
    /// At most so many; 20 if absent.
    #[param(required = false, minimum = 1, maximum = 100)]
    limit: u32,
    /// The `next` of the page before: the number of an entry.
    #[param(required = false)]
    after: String,
}

/// A payout to be made.
#[derive(ToSchema)]
#[schema(as = NewPayout)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewPayout {
    /// The merchant's own number, unique among its payouts; not one that begins with `settlement:`.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.:-]+$", example = "P-1")]
    merchant_payout_id: String,
    /// The amount that arrives, in minor units of `currency`. The fee is taken beside it.
    #[schema(minimum = 1, maximum = 9007199254740991_i64, example = 10000)]
    amount: i64,
    /// ISO 4217.
    #[schema(min_length = 3, max_length = 3, example = "CNY")]
    currency: String,
    /// Where to; not with `from`. A contract may have a payout wait while its destination is new, which it is
    /// until a payout to it was `paid`.
    #[schema(required = false)]
    destination: NewDestination,
    /// A registered receiver whose available balance it is taken from: it goes to that one's own destination.
    #[schema(required = false)]
    from: PayoutSource,
    /// The receiver whose available balance it is taken from, by the merchant's name; the merchant's own if
    /// absent. Not with `from`.
    #[schema(required = false, min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.:-]+$")]
    receiver: String,
    /// The text that the recipient reads.
    #[schema(required = false, min_length = 1, max_length = 80)]
    description: String,
    /// RFC 3339: it is not sent before; at most 90 days ahead.
    #[schema(required = false, format = "date-time")]
    not_before: String,
}

/// A part of an order that somebody is to have.
#[derive(ToSchema)]
#[schema(as = NewShare)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewShare {
    /// The merchant's name for who gets it, registered or not.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.:-]+$", example = "courier")]
    receiver: String,
    /// In minor units of the order's currency.
    #[schema(minimum = 1, maximum = 9007199254740991_i64, example = 3000)]
    amount: i64,
}

/// The owner of a payout's money.
#[derive(ToSchema)]
#[schema(as = PayoutSource)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct PayoutSource {
    /// `rcv_…`
    receiver: String,
}

/// Which part, and how it is sent.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct PartAsked {
    /// RFC 9110: one range of bytes. Then nothing is compressed, and at most a mebibyte comes at once.
    #[param(rename = "Range", required = false, example = "bytes=0-1048575")]
    range: String,
    /// The `ETag` of the part before: without it, or with another, all of the statement comes.
    #[param(rename = "If-Range", required = false)]
    if_range: String,
}

/// The digest of a body.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct Digest {
    /// RFC 9530: `sha-256=:…:`.
    #[param(rename = "Content-Digest")]
    content_digest: String,
}

/// A statement to be made.
#[derive(ToSchema)]
#[schema(as = NewStatement)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewStatement {
    /// `account.1`: opening, each movement and closing of the merchant's accounts; `orders.1`: payments, refunds and
    /// voids; `settlement.1`: settlement batches, line by line.
    #[schema(example = "orders.1")]
    r#type: String,
    /// `csv` (RFC 4180) or `jsonl`.
    #[schema(example = "csv")]
    format: String,
    /// The first moment in it: RFC 3339, or a day of `zone`. Of `settlement.1`: batches that were closed then or later.
    #[schema(required = false, example = "2026-11-01")]
    from: String,
    /// The first moment behind it, at most 400 days later and at least 10 seconds ago.
    #[schema(required = false, example = "2026-12-01")]
    to: String,
    /// `stl_…`: one settlement batch in place of `from` and `to`, of `settlement.1`.
    #[schema(required = false)]
    settlement: String,
    /// The IANA zone of days and times in it; `UTC` if absent.
    #[schema(required = false, max_length = 64, example = "Asia/Shanghai")]
    zone: String,
    /// Its columns, in this order; all of its type if absent. `orders.1` also has `plugin.<name>`: what the merchant's
    /// plugin wanted beside the order. `record` and `note` come last unless they are named.
    #[schema(required = false, max_items = 32, example = json!(["at", "reference", "net"]))]
    columns: Vec<String>,
}

/// A plan of statements.
#[derive(ToSchema)]
#[schema(as = NewStatementPlan)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewStatementPlan {
    /// `account.1`, `orders.1` or `settlement.1`.
    #[schema(example = "orders.1")]
    r#type: String,
    /// `csv` or `jsonl`.
    #[schema(example = "csv")]
    format: String,
    /// `day`, `week` (from Monday on) or `month`.
    #[schema(example = "month")]
    period: String,
    /// The IANA zone of periods and times; `UTC` if absent.
    #[schema(required = false, max_length = 64, example = "Asia/Shanghai")]
    zone: String,
    /// As of a statement.
    #[schema(required = false, max_items = 32)]
    columns: Vec<String>,
    /// `on` or `off`; `on` if absent.
    #[schema(required = false, example = "on")]
    status: String,
}

/// Where a payout goes to.
#[derive(ToSchema)]
#[schema(as = NewDestination)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewDestination {
    /// `wallet` or `bank_account`, as the channels offer.
    #[schema(example = "bank_account")]
    kind: String,
    /// The account's number or name there.
    #[schema(min_length = 1, max_length = 64)]
    account: String,
    /// Whose it is, for the channel to check.
    #[schema(required = false, min_length = 1, max_length = 70)]
    holder: String,
}

/// A contract to be agreed.
#[derive(ToSchema)]
#[schema(as = NewContract)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewContract {
    /// RFC 3339: from when on; as soon as it may be if absent.
    #[schema(required = false, format = "date-time")]
    in_force_from: String,
    /// The terms agreed: docs/payouts.md has every member.
    #[schema(value_type = Object)]
    contract: BTreeMap<String, String>,
}

/// A day to be reconciled.
#[derive(ToSchema)]
#[schema(as = NewReconciliation)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewReconciliation {
    /// The channel.
    #[schema(min_length = 1, max_length = 32, example = "wechat")]
    channel: String,
    /// The day, which must be over where the channel's days end.
    #[schema(format = "date", example = "2026-11-18")]
    date: String,
}

/// The person who takes care of a difference.
#[derive(ToSchema)]
#[schema(as = NewOwner)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewOwner {
    /// A person's name or number at the operator's.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.@-]+$")]
    owner: String,
}

/// How a difference is resolved.
#[derive(ToSchema)]
#[schema(as = NewResolution)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewResolution {
    /// `explain`, `suspense`, `write_off`, `accept_fee`, `ask_channel`, `book_late` or `return`.
    #[schema(pattern = "^(explain|suspense|write_off|accept_fee|ask_channel|book_late|return)$")]
    act: String,
    /// Why.
    #[schema(min_length = 1, max_length = 200)]
    reason: String,
    /// The person who resolves it: a name or number at the operator's.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.@-]+$")]
    by: String,
}

/// A second person's decision on a resolution.
#[derive(ToSchema)]
#[schema(as = NewApproval)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewApproval {
    /// `approve` or `refuse`.
    #[schema(pattern = "^(approve|refuse)$")]
    verdict: String,
    /// The person who decides: another than who proposed.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.@-]+$")]
    by: String,
}

/// Which differences.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct DifferencesAsked {
    /// Those of one run: `rec_…`. Then of every status, unless one is named.
    #[param(required = false)]
    reconciliation: String,
    /// `open` (if absent), `expected`, `paired`, `cleared`, `superseded`, `proposed`, `returning` or `resolved`.
    #[param(required = false)]
    status: String,
}

/// Fees to be simulated.
#[derive(ToSchema)]
#[schema(as = NewSimulation)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewSimulation {
    /// The contract whose payment fees are tried.
    #[schema(value_type = Object)]
    contract: BTreeMap<String, String>,
    /// Over the paid orders of so many days; 31 if absent.
    #[schema(required = false, minimum = 1, maximum = 92)]
    days: u32,
}

/// An edition of a calendar.
#[derive(ToSchema)]
#[schema(as = NewCalendar)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewCalendar {
    /// The calendar: docs/payouts.md has its form.
    text: String,
}

/// A refund to be made.
#[derive(ToSchema)]
#[schema(as = NewRefund)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewRefund {
    /// The merchant's own number, unique among its refunds.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.:-]+$", example = "R-1")]
    merchant_refund_id: String,
    /// The amount that the shopper gets back, in minor units of `currency`.
    #[schema(minimum = 1, maximum = 9007199254740991_i64, example = 6000)]
    amount: i64,
    /// ISO 4217; the order's.
    #[schema(min_length = 3, max_length = 3, example = "CNY")]
    currency: String,
    /// Why, in the merchant's words.
    #[schema(required = false, min_length = 1, max_length = 200)]
    reason: String,
}

/// How an order that is held is decided.
#[derive(ToSchema)]
#[schema(as = NewReview)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewReview {
    /// `approve` or `refuse`.
    #[schema(example = "approve")]
    verdict: String,
    /// Why; the merchant reads it.
    #[schema(min_length = 1, max_length = 200, example = "The buyer was called back")]
    reason: String,
}

/// The amount to be captured: all of it, if nothing is said.
#[derive(ToSchema)]
#[schema(as = NewCapture)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewCapture {
    /// In minor units of `currency`.
    #[schema(required = false, minimum = 1, maximum = 9007199254740991_i64, example = 6000)]
    amount: i64,
    /// ISO 4217; the order's. Needed beside `amount`.
    #[schema(required = false, min_length = 3, max_length = 3, example = "CNY")]
    currency: String,
}

/// The shopper, as the merchant knows them.
#[derive(ToSchema)]
#[schema(as = NewCustomer)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewCustomer {
    /// The merchant's own name for the receiver.
    #[schema(required = false, max_length = 64)]
    r#ref: String,
    /// IPv4 or IPv6.
    #[schema(required = false)]
    ip: String,
    /// ISO 3166-1 alpha-2.
    #[schema(required = false, min_length = 2, max_length = 2)]
    country: String,
}

/// With what.
#[derive(ToSchema)]
#[schema(as = NewDevice)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewDevice {
    /// The merchant's own name for it.
    #[schema(required = false, max_length = 64)]
    id: String,
    /// `phone`, `tablet`, `desktop`, `pos` or `other`.
    #[schema(required = false)]
    kind: String,
    /// Its system.
    #[schema(required = false, max_length = 32)]
    os: String,
    /// Its browser.
    #[schema(required = false, max_length = 256)]
    user_agent: String,
}

/// A claim.
#[derive(ToSchema)]
#[schema(as = Claim)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct Claim {
    /// As in `checkout.client_secret`; the part before the dot is enough.
    client_secret: String,
    /// The page's public key as JWK (RFC 7517): `kty`, `crv`, `x`, `y`.
    key: BTreeMap<String, String>,
}

/// A choice.
#[derive(ToSchema)]
#[schema(as = Choice)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct Choice {
    /// One of the session's methods.
    #[schema(example = "wallet_qr")]
    method: String,
    /// In how many monthly parts: the `count` of one of the method's `instalments`. Required for a method
    /// that has them, and refused for one that has none.
    #[schema(minimum = 2, maximum = 36, required = false)]
    instalments: Option<u8>,
    /// The claim of a page that has not claimed the session; its key signs the request. It is decided in one
    /// commit with the choice.
    #[schema(required = false, value_type = Option<Claim>)]
    claim: Option<Claim>,
}

/// A merchant.
#[derive(ToSchema)]
#[schema(as = NewMerchant)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewMerchant {
    /// The name that a shopper reads.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// Where callbacks go.
    #[schema(required = false, format = "uri")]
    notify_url: String,
    /// Hosts that an order's own `notify_url` may name besides, such as `shop.example` or `shop.example:8443`; a known merchant's are kept if absent.
    #[schema(required = false, max_items = 16)]
    notify_hosts: Vec<String>,
    /// Websites whose pages may show the hosted page in a frame, such as `https://shop.example`; none if absent, and a known merchant's are kept.
    #[schema(required = false, max_items = 16)]
    frame_origins: Vec<String>,
    /// The merchant's looks at the checkout; a known merchant's are kept if absent, and replaced as a whole if given.
    #[schema(required = false)]
    brand: NewBrand,
    /// `whsec_…` (Standard Webhooks); a new merchant's is made if absent, a known one's is kept.
    #[schema(required = false)]
    webhook_secret: String,
    /// Needed for a new merchant.
    #[schema(required = false, value_type = Object)]
    policy: BTreeMap<String, String>,
}

/// A merchant's looks at the checkout. What is absent is the checkout's own.
#[derive(ToSchema)]
#[schema(as = NewBrand)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewBrand {
    /// A PNG of at most 32 KiB and 512 pixels a side, as `data:image/png;base64,…`; shown 28 pixels high.
    #[schema(required = false)]
    logo: String,
    /// The colour of buttons and links, as `#rrggbb`; where it could not be read, it is shown darker or lighter.
    #[schema(required = false, pattern = "^#[0-9A-Fa-f]{6}$")]
    accent: String,
    /// Where a shopper is helped: an `https:`, `mailto:` or `tel:` address.
    #[schema(required = false, max_length = 512)]
    support: String,
}

/// A key.
#[derive(ToSchema)]
#[schema(as = NewKey)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewKey {
    /// SPKI PEM of a P-256 key, or of an SM2 key by which a merchant signs its requests.
    public_key: String,
}

/// A release of a plugin.
#[derive(ToSchema)]
#[schema(as = NewRelease)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct NewRelease {
    /// The component, in base64.
    component: String,
    /// The settings that it is given with each order, in base64.
    #[schema(required = false)]
    settings: String,
    /// The manifest's bytes, in base64.
    manifest: String,
    /// The publisher's signature over them, r and s, in base64.
    signature: String,
    /// `shadow`, or `live` to decide the next order.
    #[schema(required = false)]
    stage: String,
    /// How many of a hundred orders it may decide otherwise in `canary`; 10 if left out.
    #[schema(required = false)]
    drift_percent: u8,
}

/// Where a release goes.
#[derive(ToSchema)]
#[schema(as = Promotion)]
#[expect(dead_code, reason = "a shape for the document")]
pub(super) struct Promotion {
    /// `shadow`, `canary` or `live`.
    to: String,
    /// In `canary`, how many of a thousand orders it decides: 1, 10, 50, 100, 200 or 500.
    #[schema(required = false)]
    per_mille: u16,
    /// How many of a hundred orders it may decide otherwise in `canary`.
    #[schema(required = false)]
    drift_percent: u8,
}
