//! Problems as the caller reads them: RFC 9457 problem details with a stable code, a word on
//! whether to send again, and the field at fault.

use http::StatusCode;
use lezai_core::funds::contract::NotAgreed;
use lezai_core::funds::difference::NotResolved;
use lezai_core::funds::fx::FxRefusal;
use lezai_core::funds::mandate::MandateRefusal;
use lezai_core::funds::payout::PayoutRefusal;
use lezai_core::funds::payout_batch::BatchRefusal;
use lezai_core::money::Money;
use lezai_core::order::Refusal;
use lezai_core::signature::SignatureError;
use serde_json::{Map, Value, json};

use crate::json::{Invalid, Kind};
use crate::time::rfc3339;

/// Whether sending the request again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The same request will fail again.
    Never,
    /// Send the same request with the same idempotency key.
    SameKey,
    /// Ask how things stand before anything else.
    QueryFirst,
    /// Send it again later; nothing was done.
    Later,
}

impl Retry {
    /// Every word.
    pub const ALL: [Self; 4] = [Self::Never, Self::SameKey, Self::QueryFirst, Self::Later];

    /// The word as it is sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::SameKey => "same_key",
            Self::QueryFirst => "query_first",
            Self::Later => "later",
        }
    }

    /// The instruction to the caller.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Never => "The same request will fail again.",
            Self::SameKey => "Send the same request with the same idempotency key, signed anew.",
            Self::QueryFirst => "Query how things stand before anything else.",
            Self::Later => "Nothing was done. Send it again later: Retry-After says when.",
        }
    }
}

/// Every code, with its status, its word on retries, what it means and what to do: `docs/errors.md`
/// and the document at `/openapi.json` are made from this table.
macro_rules! codes {
    ($($name:ident = $code:literal, $status:expr, $retry:ident, $title:literal, $advice:literal;)*) => {
        /// The stable code of a problem.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {$(
            #[doc = $title]
            $name,
        )*}

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The code as it is sent.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The HTTP status it comes with.
            pub fn status(self) -> StatusCode {
                match self { $(Self::$name => $status,)* }
            }

            /// Whether sending again can help.
            pub fn retry(self) -> Retry {
                match self { $(Self::$name => Retry::$retry,)* }
            }

            /// Its meaning, in a line.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// The next step for the caller.
            pub fn advice(self) -> &'static str {
                match self { $(Self::$name => $advice,)* }
            }
        }
    };
}

codes! {
    SignatureMissing = "signature_missing", StatusCode::UNAUTHORIZED, Never, "The request is not signed",
        "Sign the request as docs/signing.md says.";
    SignatureMalformed = "signature_malformed", StatusCode::UNAUTHORIZED, Never, "The signature cannot be read",
        "Compare Signature and Signature-Input with docs/signing.md; a library for RFC 9421 writes them right.";
    SignatureInvalid = "signature_invalid", StatusCode::UNAUTHORIZED, Never, "The signature does not verify",
        "Compare your signature base with `signature_base` in the answer: the first line that differs is the mistake. If none does, the key is another one.";
    SignatureExpired = "signature_expired", StatusCode::UNAUTHORIZED, Never, "The signature was made too long ago or in the future",
        "Set the machine's clock, then sign again: five minutes of age and thirty seconds ahead are allowed, and an `expires` must not be past.";
    NonceReused = "nonce_reused", StatusCode::UNAUTHORIZED, Never, "The nonce was used before",
        "Sign again with a new nonce, also when you repeat a request.";
    KeyUnknown = "key_unknown", StatusCode::UNAUTHORIZED, Never, "No such key",
        "Compare keyid with what the operator registered; a page uses the thumbprint of its own key.";
    DigestMissing = "digest_missing", StatusCode::UNAUTHORIZED, Never, "The body has no digest that the signature covers",
        "Send Content-Digest with every body, and cover it with the signature.";
    DigestMismatch = "digest_mismatch", StatusCode::UNAUTHORIZED, Never, "The digest is not the body's",
        "Take the digest over exactly the bytes that are sent.";
    ComponentMissing = "component_missing", StatusCode::UNAUTHORIZED, Never, "The signature does not cover what it must",
        "Cover what docs/signing.md lists; the detail names what is missing.";
    TokenInvalid = "token_invalid", StatusCode::UNAUTHORIZED, Never, "The operator's token is missing or wrong",
        "Send the operator's token as Authorization: Bearer.";
    CrossSite = "cross_site", StatusCode::FORBIDDEN, Never, "A page of another website asks for this",
        "Send it from a program, or from the gateway's own pages.";
    BodyTooLarge = "body_too_large", StatusCode::PAYLOAD_TOO_LARGE, Never, "The body is too large",
        "Send less; the detail says how much is taken.";
    BodyTooSlow = "body_too_slow", StatusCode::REQUEST_TIMEOUT, SameKey, "The body did not arrive in time",
        "Send the same request again with the same key, over a better line.";
    BodyBroken = "body_broken", StatusCode::BAD_REQUEST, Never, "The body is not framed as HTTP has it",
        "Send Content-Length, or chunks as RFC 9112, section 7.1 has them.";
    HeaderTooLarge = "header_too_large", StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, Never, "The header is too large",
        "Send fewer or shorter fields.";
    UnsupportedMediaType = "unsupported_media_type", StatusCode::UNSUPPORTED_MEDIA_TYPE, Never, "The body is not of the type that the call takes",
        "Send Content-Type: application/json.";
    UnsupportedContentEncoding = "unsupported_content_encoding", StatusCode::UNSUPPORTED_MEDIA_TYPE, Never, "The body has a Content-Encoding",
        "Send the body as it is, without compression.";
    NotJson = "not_json", StatusCode::BAD_REQUEST, Never, "The body is no JSON object",
        "Send one JSON object in UTF-8, without duplicate members.";
    TooDeep = "too_deep", StatusCode::BAD_REQUEST, Never, "The body nests too deep",
        "Send flatter JSON.";
    UnknownField = "unknown_field", StatusCode::BAD_REQUEST, Never, "The call has no such field",
        "Correct the name, or leave it out; `field` names it.";
    MissingField = "missing_field", StatusCode::BAD_REQUEST, Never, "A field is missing",
        "Add what `field` names.";
    InvalidField = "invalid_field", StatusCode::BAD_REQUEST, Never, "A field is not what it must be",
        "Correct what `field` names; the detail says what would be right.";
    IdempotencyKeyMissing = "idempotency_key_missing", StatusCode::BAD_REQUEST, Never, "The request has no Idempotency-Key",
        "Send an Idempotency-Key of your own with every POST, and keep it until you have the answer.";
    IdempotencyKeyInvalid = "idempotency_key_invalid", StatusCode::BAD_REQUEST, Never, "The Idempotency-Key is none",
        "Send 1 to 255 visible ASCII characters in quotes.";
    IdempotencyKeyReused = "idempotency_key_reused", StatusCode::UNPROCESSABLE_ENTITY, Never, "The Idempotency-Key was used for another request",
        "Use a new key for a new request; the first request's answer stands.";
    RequestInProgress = "request_in_progress", StatusCode::CONFLICT, SameKey, "The same request is being worked on",
        "Wait a moment, then send the same request again with the same key.";
    MerchantOrderIdTaken = "merchant_order_id_taken", StatusCode::CONFLICT, QueryFirst, "The merchant already has an order with this number",
        "Query the order (`order_id` names it). If it is the one you meant, go on with it; otherwise use another number.";
    OrderNotFound = "order_not_found", StatusCode::NOT_FOUND, Never, "There is no such order",
        "Check the id and whose key signs: another merchant's order is not found either.";
    OrderState = "order_state", StatusCode::CONFLICT, QueryFirst, "The order's state does not allow this",
        "Query the order; `order_status` says what it was. Act on what it is now.";
    RefundNotFound = "refund_not_found", StatusCode::NOT_FOUND, Never, "There is no such refund",
        "Check the id and whose key signs: another merchant's refund is not found either.";
    MerchantRefundIdTaken = "merchant_refund_id_taken", StatusCode::CONFLICT, QueryFirst, "The merchant already has a refund with this number",
        "Query the refund (`refund_id` names it). If it is the one you meant, do not refund again.";
    RefundExceedsAvailable = "refund_exceeds_available", StatusCode::CONFLICT, QueryFirst, "More is to be refunded than is left",
        "Query the order and its refunds: somebody else may have refunded. At most `available` is left.";
    CaptureExceedsAuthorized = "capture_exceeds_authorized", StatusCode::CONFLICT, QueryFirst, "More is to be captured than was authorised",
        "Capture at most `available`.";
    TooManyRefunds = "too_many_refunds", StatusCode::CONFLICT, Never, "The order has too many refunds",
        "Pay the rest back by other means; an order takes 50 refunds.";
    TooManyVoids = "too_many_voids", StatusCode::CONFLICT, Never, "The channel refused too many voids of the order",
        "Refund the payment instead.";
    OrderSettled = "order_settled", StatusCode::CONFLICT, Never, "The payment is settled and can only be refunded",
        "Refund instead.";
    OrderRefunded = "order_refunded", StatusCode::CONFLICT, Never, "The payment has refunds and can no longer be voided",
        "Refund the rest instead.";
    OrderNotHeld = "order_not_held", StatusCode::CONFLICT, QueryFirst, "Nothing of the order is held for a review",
        "Query the order: it is held from when it is paid or authorised until its money went back or the review ended.";
    ReviewClosed = "review_closed", StatusCode::CONFLICT, QueryFirst, "The review of the order ended otherwise",
        "Query the order; `verdict` says how its review ended. What was approved can still be refunded by its merchant.";
    DebitReturned = "debit_returned", StatusCode::CONFLICT, Never, "The payer's bank took the debit back",
        "Nothing of it is left to refund or split. Settle with the payer, or debit anew if the mandate allows it.";
    MandateNotFound = "mandate_not_found", StatusCode::NOT_FOUND, Never, "There is no such mandate",
        "Check the id and whose key signs: another merchant's mandate is not found either.";
    MandateState = "mandate_state", StatusCode::CONFLICT, QueryFirst, "The mandate is in a state that does not allow this",
        "Query the mandate; `mandate_status` says where it stood. Only an active one is debited; have the shopper agree to a new one.";
    MerchantMandateIdTaken = "merchant_mandate_id_taken", StatusCode::CONFLICT, QueryFirst, "The number belongs to another mandate of the merchant",
        "Query that mandate (`mandate_id` names it). A new mandate needs a new number.";
    DebitAboveMandate = "debit_above_mandate", StatusCode::CONFLICT, QueryFirst, "The debit is more than the shopper agreed to",
        "Debit at most `available`; if `until` is there, the next period begins then.";
    ReceiverNotFound = "receiver_not_found", StatusCode::NOT_FOUND, Never, "There is no such receiver",
        "Check the id and whose key signs: another merchant's receiver is not found either.";
    ReceiverNameTaken = "receiver_name_taken", StatusCode::CONFLICT, QueryFirst, "The merchant has a receiver of this name",
        "Query the receiver (`receiver_id` names it). To register it anew, with another destination perhaps, remove it first.";
    ReceiverRemoved = "receiver_removed", StatusCode::UNPROCESSABLE_ENTITY, Never, "A receiver that was removed gets no new share",
        "Share with another one, or register `receiver` anew.";
    SplitAmbiguous = "split_ambiguous", StatusCode::UNPROCESSABLE_ENTITY, Never, "Two say who shares the order, and not the same",
        "Leave `shares` and `split` out, or have the plugin's split hook name no shares of this order.";
    SplitNotFound = "split_not_found", StatusCode::NOT_FOUND, Never, "There is no such split",
        "Check the id and whose key signs: another merchant's split is not found either.";
    SplitState = "split_state", StatusCode::CONFLICT, QueryFirst, "The order cannot be split now",
        "Query the order: it must have `split` `later`, be settled, and its splitting must not be finished.";
    SplitExceedsAvailable = "split_exceeds_available", StatusCode::CONFLICT, QueryFirst, "More is to be split than waits for it",
        "Query the order: refunds and other splits take from the same. At most `available` can be split.";
    MerchantSplitIdTaken = "merchant_split_id_taken", StatusCode::CONFLICT, QueryFirst, "The merchant already has a split with this number",
        "Query the order's splits (`split_id` names it). If it is the one you meant, do not split again.";
    TooManySplits = "too_many_splits", StatusCode::CONFLICT, Never, "The order has too many splits",
        "Finish it; an order takes 50 splits of 16 shares.";
    MerchantReturnIdTaken = "merchant_return_id_taken", StatusCode::CONFLICT, QueryFirst, "The merchant already has a return with this number",
        "Query the order's splits (`return_id` names it). If it is the one you meant, do not take back again.";
    ReturnExceedsSplit = "return_exceeds_split", StatusCode::CONFLICT, QueryFirst, "More is to be given back than the receiver has of its share",
        "Query the order's splits and refunds: what they took back before counts. At most `available` can be given back.";
    TooManyReturns = "too_many_returns", StatusCode::CONFLICT, Never, "The order has too many returns of splits",
        "Settle the rest with the receiver by other means; an order takes 50 returns, failed ones included.";
    PayoutNotFound = "payout_not_found", StatusCode::NOT_FOUND, Never, "There is no such payout",
        "Check the id and whose key signs: another merchant's payout is not found either.";
    PayoutState = "payout_state", StatusCode::CONFLICT, QueryFirst, "The payout's state does not allow this",
        "Query the payout; `payout_status` says what it was. One that was sent can no longer be called off.";
    PayoutDecided = "payout_decided", StatusCode::CONFLICT, QueryFirst, "The payout was approved or refused before",
        "Query the payout; `verdict` says how it was decided.";
    MerchantPayoutIdTaken = "merchant_payout_id_taken", StatusCode::CONFLICT, QueryFirst, "The merchant already has a payout with this number",
        "Query the payout (`payout_id` names it). If it is the one you meant, do not pay out again.";
    PayoutBatchNotFound = "payout_batch_not_found", StatusCode::NOT_FOUND, Never, "There is no such batch of payouts",
        "Check the id and whose key signs: another merchant's batch is not found either.";
    MerchantPayoutBatchIdTaken = "merchant_payout_batch_id_taken", StatusCode::CONFLICT, QueryFirst, "The merchant already has a batch of payouts with this number",
        "Query the batch (`payout_batch_id` names it). If it is the one you meant, do not pay out again.";
    PayoutBatchTotals = "payout_batch_totals", StatusCode::UNPROCESSABLE_ENTITY, Never, "The batch's totals are not those of its payouts",
        "Add up the items again: `count` and `sum` say what they come to. Nothing of the batch was accepted.";
    InsufficientFunds = "insufficient_funds", StatusCode::CONFLICT, QueryFirst, "More is to be paid out than is available",
        "Query the balances: refunds and other payouts take from the same. At most `available` can go, fee included.";
    PayoutLimitExceeded = "payout_limit_exceeded", StatusCode::UNPROCESSABLE_ENTITY, Never, "The amount is outside the contract's limits for payouts",
        "Pay out within `limit`, or wait for the next day if it is the day's; the operator can agree on another contract.";
    PayoutNotAgreed = "payout_not_agreed", StatusCode::UNPROCESSABLE_ENTITY, Never, "The contract has no payouts in this currency",
        "Ask the operator for a contract that has them.";
    FxQuoteNotFound = "fx_quote_not_found", StatusCode::NOT_FOUND, Never, "There is no such quote",
        "Check the id and whose key signs: another merchant's quote is not found either, nor one that expired a week ago unused.";
    FxQuoteUsed = "fx_quote_used", StatusCode::CONFLICT, QueryFirst, "The quote was used before",
        "Query the order (`order_id` names it). If it is the one you meant, do not make another; a quote is for one order.";
    FxQuoteExpired = "fx_quote_expired", StatusCode::CONFLICT, Never, "The quote's time is over",
        "Ask for a new quote, and make the order with that one; its rate may be another.";
    FxRateMissing = "fx_rate_missing", StatusCode::UNPROCESSABLE_ENTITY, Never, "There is no rate for these currencies",
        "Check the direction: `from_currency` is what the shopper pays. Else ask the operator to put a rate, or have the order settled in its own currency.";
    FxRateStale = "fx_rate_stale", StatusCode::CONFLICT, Later, "The rate for these currencies is too old",
        "Try again once the operator has put a newer one; `stale_since` is when it ended.";
    FxLockNotOffered = "fx_lock_not_offered", StatusCode::UNPROCESSABLE_ENTITY, Never, "The rate is not fixed for so long",
        "Ask with another `lock_duration`: the operator offers some of them for each pair of currencies.";
    FxAmountOutOfRange = "fx_amount_out_of_range", StatusCode::UNPROCESSABLE_ENTITY, Never, "The amount cannot be settled in the other currency",
        "Sell for more, if it is less than the smallest unit of the settled currency, or for less; or have the order settled in its own currency.";
    SettlementNotFound = "settlement_not_found", StatusCode::NOT_FOUND, Never, "There is no such settlement",
        "Check the id and whose key signs: another merchant's settlement is not found either.";
    BillNotFound = "bill_not_found", StatusCode::NOT_FOUND, QueryFirst, "There is no bill of this day",
        "List the bills; put the one that is missing, or wait until the channel has made it.";
    BillRefused = "bill_refused", StatusCode::UNPROCESSABLE_ENTITY, Never, "The bill is not taken, and nothing of it counts",
        "Download it again; `line` and `column` are where it is wrong. One that was changed on the way never fits its own totals.";
    DifferenceState = "difference_state", StatusCode::CONFLICT, QueryFirst, "The difference's state does not allow this",
        "Query the difference; one that is resolved stays so, and a later run finds what is still different.";
    ApproverIsResolver = "approver_is_resolver", StatusCode::CONFLICT, Never, "Who proposed a resolution may not approve it",
        "Have another person decide.";
    DifferenceWithoutAmount = "difference_without_amount", StatusCode::UNPROCESSABLE_ENTITY, Never, "The difference has no amount to be booked",
        "Explain it; what cannot be told as an amount is not booked.";
    ChannelDisagrees = "channel_disagrees", StatusCode::CONFLICT, QueryFirst, "The channel does not say what its bill says",
        "Ask the channel's support with the bill's line; until it is known, book the amount on suspense.";
    ContractNumber = "contract_number", StatusCode::CONFLICT, QueryFirst, "The number is not the next one",
        "List the contracts, or read the calendar; what is agreed is never edited, and `next` is free.";
    ContractDate = "contract_date", StatusCode::UNPROCESSABLE_ENTITY, Never, "A contract cannot be in force from then on",
        "Name a time from now to two years ahead, and not before the contract that it follows.";
    ContractNotice = "contract_notice", StatusCode::CONFLICT, Never, "A contract that is worse for the merchant needs notice",
        "Let it be in force at `earliest` or later, or leave `in_force_from` out; `field` is where it is worse.";
    CurrencyMismatch = "currency_mismatch", StatusCode::UNPROCESSABLE_ENTITY, Never, "The currency is not the order's",
        "Send the order's currency.";
    OrderExpired = "order_expired", StatusCode::CONFLICT, QueryFirst, "The order's time is over",
        "Query the order; make a new one if it was not paid.";
    TooManyAttempts = "too_many_attempts", StatusCode::CONFLICT, Never, "The order was tried too many times",
        "Make a new order.";
    MethodUnavailable = "method_unavailable", StatusCode::UNPROCESSABLE_ENTITY, Never, "The order cannot be paid by this method",
        "Leave `methods` out, or name one that the merchant's channels offer.";
    PaidDirectly = "paid_directly", StatusCode::CONFLICT, Never, "The order was paid to the merchant's own account",
        "Share and pay out what is the merchant's own by its own means: it has the money already.";
    CredentialsRefused = "credentials_refused", StatusCode::UNPROCESSABLE_ENTITY, Never, "The channel does not take the credentials",
        "Compare the numbers and keys with the provider's platform; `detail` has its word.";
    CodeRefused = "code_refused", StatusCode::UNPROCESSABLE_ENTITY, Never, "The shopper's payment code was refused",
        "Have the shopper show a new code, and send it under a new Idempotency-Key; `reason` has the channel's word.";
    LimitExceeded = "limit_exceeded", StatusCode::UNPROCESSABLE_ENTITY, Never, "The amount is outside the merchant's limits",
        "Ask the operator to change the limits, or sell for less.";
    RiskDenied = "risk_denied", StatusCode::FORBIDDEN, Never, "Risk control denies the order",
        "Do not try again; `decision` has the reasons.";
    SessionNotFound = "session_not_found", StatusCode::NOT_FOUND, Never, "There is no such checkout session",
        "Check the session's id.";
    SessionTaken = "session_taken", StatusCode::CONFLICT, QueryFirst, "Another page pays in the checkout session",
        "Go on in that page. If it is lost and the order is not paid, the merchant can renew the session.";
    SessionReplaced = "session_replaced", StatusCode::GONE, Never, "Another checkout session took the place of this one",
        "Go on in the order's newest session, which the merchant was given.";
    TooManySessions = "too_many_sessions", StatusCode::CONFLICT, Never, "The order had too many checkout sessions",
        "Make a new order; one takes 20 sessions.";
    SessionUnclaimed = "session_unclaimed", StatusCode::CONFLICT, Never, "No page has the checkout session yet",
        "Claim the session first, or choose a method with `claim`. To look without claiming, open it.";
    SessionExpired = "session_expired", StatusCode::GONE, Never, "The checkout session has ended",
        "Query the order; make a new one if it was not paid.";
    ClientSecretInvalid = "client_secret_invalid", StatusCode::FORBIDDEN, Never, "The client secret is not the session's",
        "Use the secret from the answer that created the order or renewed its session.";
    PluginRefused = "plugin_refused", StatusCode::UNPROCESSABLE_ENTITY, Never, "The plugin is refused",
        "Correct the plugin: the detail says what it is refused for; `lezai plugin check` says the same without a gateway.";
    ReleaseMalformed = "release_malformed", StatusCode::BAD_REQUEST, Never, "The release's manifest cannot be read",
        "Let `lezai plugin sign` write the manifest; send its bytes as they are.";
    ReleaseKeyUnknown = "release_key_unknown", StatusCode::FORBIDDEN, Never, "The merchant has no such plugin key",
        "Have the operator register the publisher's key for this merchant, and sign with that one.";
    ReleaseSignatureInvalid = "release_signature_invalid", StatusCode::FORBIDDEN, Never, "The release's signature does not verify",
        "Sign the manifest's very bytes with the key that it names: docs/plugin-rollout.md.";
    ReleaseOfAnother = "release_of_another", StatusCode::FORBIDDEN, Never, "The release is another merchant's",
        "Publish it for the merchant that it names, or sign one for this merchant.";
    ReleaseDigestMismatch = "release_digest_mismatch", StatusCode::UNPROCESSABLE_ENTITY, Never, "What came is not what was signed",
        "Send the very component and settings that the manifest was signed for; `field` names the one that differs.";
    ReleaseReplayed = "release_replayed", StatusCode::CONFLICT, QueryFirst, "The release is older than the merchant's newest",
        "List the releases. To go back, roll back; to publish again, sign with a sequence above `latest`.";
    ReleaseContract = "release_contract", StatusCode::UNPROCESSABLE_ENTITY, Never, "The release is for another contract",
        "Build it for the contract that the detail names.";
    ReleaseLimits = "release_limits", StatusCode::UNPROCESSABLE_ENTITY, Never, "The release wants more than any plugin gets",
        "Sign with limits at or below those of docs/plugins.md; the detail says which is too high.";
    ReleaseHooks = "release_hooks", StatusCode::UNPROCESSABLE_ENTITY, Never, "The component answers other hooks than its manifest says",
        "Sign the component that you mean; `lezai plugin sign` reads its hooks.";
    ReleaseNotFound = "release_not_found", StatusCode::NOT_FOUND, Never, "The merchant has no such release",
        "List the releases; `sequence` is the number of one.";
    ReleaseStage = "release_stage", StatusCode::CONFLICT, QueryFirst, "The release is not where that can be done",
        "List the releases; `stage` says where this one was.";
    EventNotFound = "event_not_found", StatusCode::NOT_FOUND, Never, "There is no such event",
        "Check the id and whose key signs: another merchant's event is not found either.";
    EventNotSent = "event_not_sent", StatusCode::CONFLICT, Never, "The event is not sent",
        "Read it here: what tells of a host that fails is not sent there.";
    TooManyEvents = "too_many_events", StatusCode::UNPROCESSABLE_ENTITY, Never, "Too many events lie in the range",
        "Ask for a shorter range, or for some types only.";
    StatementNotFound = "statement_not_found", StatusCode::NOT_FOUND, Never, "There is no such statement",
        "Check the id and whose key signs: another merchant's statement is not found either.";
    StatementNotReady = "statement_not_ready", StatusCode::CONFLICT, Later, "The statement is being made",
        "Wait for the callback `statement.ready`, or ask for the statement until its `state` is `ready`.";
    StatementFailed = "statement_failed", StatusCode::CONFLICT, Never, "The statement cannot be made",
        "Read `failed_because`: ask for a shorter range if it is `too_large`, and tell the operator otherwise.";
    StatementExpired = "statement_expired", StatusCode::GONE, Never, "The statement's bytes are no longer kept",
        "Ask for the same statement again: it has the same bytes.";
    RangeNotSatisfiable = "range_not_satisfiable", StatusCode::RANGE_NOT_SATISFIABLE, Never, "The statement has no such bytes",
        "Ask for a range within what Content-Range says, or for all of it.";
    TooManyStatements = "too_many_statements", StatusCode::TOO_MANY_REQUESTS, Later, "Too many of the merchant's statements are being made",
        "Wait until one is ready, then send it again.";
    StatementPlanNotFound = "statement_plan_not_found", StatusCode::NOT_FOUND, Never, "There is no such plan of statements",
        "Check the name: PUT makes a plan, and the list has all of them.";
    TooManyPlans = "too_many_plans", StatusCode::UNPROCESSABLE_ENTITY, Never, "The merchant has as many plans as it may",
        "Change one of the plans that are there; one that is `off` counts, too.";
    NotifyUrlRefused = "notify_url_refused", StatusCode::UNPROCESSABLE_ENTITY, Never, "Callbacks cannot go to this address",
        "Name a public https address whose host the operator has allowed; the detail says what is wrong with this one.";
    NotFound = "not_found", StatusCode::NOT_FOUND, Never, "There is nothing here",
        "Check the path against /openapi.json.";
    Misdirected = "misdirected", StatusCode::MISDIRECTED_REQUEST, Never, "The request is for another host",
        "Send it to the gateway's own name; a proxy must keep Host.";
    MethodNotAllowed = "method_not_allowed", StatusCode::METHOD_NOT_ALLOWED, Never, "The path has no such method",
        "Use a method that the field Allow names.";
    ChannelUnavailable = "channel_unavailable", StatusCode::SERVICE_UNAVAILABLE, SameKey, "The payment channel does not answer",
        "Send the same request again with the same key: it is not paid twice.";
    RateLimited = "rate_limited", StatusCode::TOO_MANY_REQUESTS, Later, "Too many requests",
        "Wait as long as Retry-After says; RateLimit tells beforehand how much is left.";
    Overloaded = "overloaded", StatusCode::SERVICE_UNAVAILABLE, Later, "The gateway has too much to do",
        "Wait as long as Retry-After says, then send it again.";
    Internal = "internal", StatusCode::INTERNAL_SERVER_ERROR, SameKey, "The gateway failed",
        "Send the same request again with the same key; if it stays, give support the `request_id`.";
}

impl Code {
    /// The URI that tells this kind of problem apart: its place in the gateway's reference, as a
    /// reference relative to whatever was asked (RFC 9457, section 3.1.1).
    pub fn type_uri(self) -> String {
        format!("/reference#{}", self.as_str())
    }
}

/// `docs/errors.md`: every code for people.
pub fn catalogue() -> String {
    let mut text = CATALOGUE_HEAD.to_owned();
    for retry in Retry::ALL {
        text += &format!("| `{}` | {} |\n", retry.as_str(), retry.meaning());
    }
    text += "\n| status | code | meaning | retry | what to do |\n|---|---|---|---|---|\n";
    let mut codes = Code::ALL.to_vec();
    // By status; within one as in the table above, where what belongs together stands together.
    codes.sort_by_key(|code| code.status().as_u16());
    for code in codes {
        text += &format!(
            "| {} | `{}` | {}. | `{}` | {} |\n",
            code.status().as_u16(),
            code.as_str(),
            code.title(),
            code.retry().as_str(),
            code.advice()
        );
    }
    text
}

const CATALOGUE_HEAD: &str = "# Errors

[中文](errors.zh-CN.md)

<!-- Made from crates/wire/src/problem.rs. `UPDATE_DOCS=1 make test-rust` writes it anew. -->

Every refusal is a problem (RFC 9457, `application/problem+json`), signed like any other answer:

```json
{
  \"type\": \"/reference#refund_exceeds_available\",
  \"title\": \"More is to be refunded than is left\",
  \"status\": 409,
  \"detail\": \"only 2800 CNY can still be refunded\",
  \"code\": \"refund_exceeds_available\",
  \"retry\": \"query_first\",
  \"field\": \"amount\",
  \"available\": 2800,
  \"request_id\": \"req_019a…\"
}
```

Decide by `code` and `retry`, which keep their meaning. `detail` is for people and may change. `field` names what is at
fault, `request_id` is for support. `type` leads to the code in the gateway's own reference, at `/reference`.
What does not reach the gateway has no code: after a broken connection or a time-out, send the same request with the same key.

| `retry` | what it asks |
|---|---|
";

/// An answer that says what went wrong.
#[derive(Clone, Debug)]
pub struct Problem {
    code: Code,
    detail: String,
    extra: Map<String, Value>,
    after_secs: u32,
}

impl Problem {
    /// A problem with a sentence on what would be right.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), extra: Map::new(), after_secs: 1 }
    }

    /// A member beside the standard ones.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(name.to_owned(), value.into());
        self
    }

    /// The same problem, of a part of the request: its field is named within the whole.
    #[must_use]
    pub fn within(mut self, part: &str) -> Self {
        let field = match self.extra.get("field").and_then(Value::as_str) {
            Some(field) => format!("{part}.{field}"),
            None => part.to_owned(),
        };
        self.detail = format!("{part}: {}", self.detail);
        self.with("field", field)
    }

    /// How long to wait, if waiting helps: a second, if nothing is said.
    #[must_use]
    pub fn after(self, after_secs: u32) -> Self {
        Self { after_secs, ..self }
    }

    /// Adds the amount that the caller may still ask for.
    #[must_use]
    fn left(self, available: Money) -> Self {
        self.with("field", "amount").with("available", available.minor())
    }

    /// The code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// How long to wait, if waiting helps.
    pub fn after_secs(&self) -> u32 {
        self.after_secs
    }

    /// The document of RFC 9457, for the request with this id.
    pub fn document(self, request_id: &str) -> Value {
        let mut body = json!({
            "type": self.code.type_uri(),
            "title": self.code.title(),
            "status": self.code.status().as_u16(),
            "detail": self.detail,
            "code": self.code.as_str(),
            "retry": self.code.retry().as_str(),
            "request_id": request_id,
        });
        if let Value::Object(members) = &mut body {
            members.extend(self.extra);
        }
        body
    }

    /// A failure of ours: the caller reads that it failed, the log reads why.
    pub fn internal(error: impl std::fmt::Display) -> Self {
        tracing::error!(%error, "internal failure");
        Self::new(
            Code::Internal,
            "the gateway failed; nothing is lost by sending the request again with the same key",
        )
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        let code = match invalid.kind {
            Kind::NotJson => Code::NotJson,
            Kind::TooDeep => Code::TooDeep,
            Kind::UnknownField => Code::UnknownField,
            Kind::MissingField => Code::MissingField,
            Kind::InvalidField => Code::InvalidField,
        };
        let problem = Self::new(code, invalid.detail);
        if invalid.field.is_empty() { problem } else { problem.with("field", invalid.field) }
    }
}

impl From<SignatureError> for Problem {
    fn from(error: SignatureError) -> Self {
        let code = match &error {
            SignatureError::Missing(_) => Code::SignatureMissing,
            SignatureError::Malformed(_) => Code::SignatureMalformed,
            SignatureError::NotCovered(_) => Code::ComponentMissing,
            SignatureError::DigestMissing => Code::DigestMissing,
            SignatureError::Digest(_) => Code::DigestMismatch,
            SignatureError::Expired | SignatureError::Over => Code::SignatureExpired,
            SignatureError::Der { .. } | SignatureError::Invalid { .. } => Code::SignatureInvalid,
        };
        let problem = Self::new(code, error.to_string());
        match error {
            SignatureError::Der { base } | SignatureError::Invalid { base } => {
                problem.with("signature_base", base)
            }
            _ => problem,
        }
    }
}

impl From<PayoutRefusal> for Problem {
    fn from(refusal: PayoutRefusal) -> Self {
        let detail = refusal.to_string();
        let limit = |left: Money| {
            let problem = Self::new(Code::PayoutLimitExceeded, detail.clone());
            problem.with("field", "amount").with("limit", left.minor())
        };
        match refusal {
            PayoutRefusal::State { status } => {
                Self::new(Code::PayoutState, detail).with("payout_status", status)
            }
            PayoutRefusal::Decided { approved } => {
                let verdict = if approved { "approved" } else { "refused" };
                Self::new(Code::PayoutDecided, detail).with("verdict", verdict)
            }
            PayoutRefusal::Nothing => Self::new(Code::InvalidField, detail).with("field", "amount"),
            PayoutRefusal::BelowMinimum { min } => limit(min),
            PayoutRefusal::AboveMaximum { max } => limit(max),
            PayoutRefusal::DayLimit { left } => limit(left),
            PayoutRefusal::InsufficientFunds { available } => {
                let problem = Self::new(Code::InsufficientFunds, detail).with("field", "amount");
                problem.with("available", available.minor())
            }
            PayoutRefusal::TooEarly | PayoutRefusal::NotAsked => Self::internal(detail),
        }
    }
}

impl From<BatchRefusal> for Problem {
    fn from(refusal: BatchRefusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            BatchRefusal::Size | BatchRefusal::Sum => {
                Self::new(Code::InvalidField, detail).with("field", "items")
            }
            BatchRefusal::Totals { count, minor } => {
                let problem = Self::new(Code::PayoutBatchTotals, detail);
                let sum = i64::try_from(minor).unwrap_or(i64::MAX);
                problem.with("field", "total_amount").with("count", count).with("sum", sum)
            }
            BatchRefusal::NotWaiting => Self::new(Code::PayoutState, detail),
            BatchRefusal::Decided { approved } => {
                let verdict = if approved { "approved" } else { "refused" };
                Self::new(Code::PayoutDecided, detail).with("verdict", verdict)
            }
        }
    }
}

impl From<NotResolved> for Problem {
    fn from(error: NotResolved) -> Self {
        let detail = error.to_string();
        match error {
            NotResolved::State { status } => {
                Self::new(Code::DifferenceState, detail).with("difference_status", status)
            }
            NotResolved::SamePerson => Self::new(Code::ApproverIsResolver, detail),
            NotResolved::NoFee | NotResolved::NoPayment => {
                Self::new(Code::InvalidField, detail).with("field", "act")
            }
            NotResolved::NoAmount => Self::new(Code::DifferenceWithoutAmount, detail),
        }
    }
}

impl From<NotAgreed> for Problem {
    fn from(error: NotAgreed) -> Self {
        let detail = error.to_string();
        match error {
            NotAgreed::Number { next } => {
                Self::new(Code::ContractNumber, detail).with("next", next)
            }
            NotAgreed::Backdated | NotAgreed::BeforeLast { .. } | NotAgreed::TooFar => {
                Self::new(Code::ContractDate, detail).with("field", "in_force_from")
            }
            NotAgreed::Notice { path, earliest } => Self::new(Code::ContractNotice, detail)
                .with("field", path)
                .with("earliest", rfc3339(earliest)),
        }
    }
}

impl From<MandateRefusal> for Problem {
    fn from(refusal: MandateRefusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            MandateRefusal::State { status } => {
                Self::new(Code::MandateState, detail).with("mandate_status", status)
            }
            MandateRefusal::Currency { .. } => {
                Self::new(Code::CurrencyMismatch, detail).with("field", "currency")
            }
            MandateRefusal::Nothing => {
                Self::new(Code::InvalidField, detail).with("field", "amount")
            }
            MandateRefusal::AboveBound { available } => {
                Self::new(Code::DebitAboveMandate, detail).left(available)
            }
            MandateRefusal::AbovePeriod { available, until } => {
                Self::new(Code::DebitAboveMandate, detail)
                    .left(available)
                    .with("until", rfc3339(until))
            }
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::State { status } => {
                Self::new(Code::OrderState, detail).with("order_status", status)
            }
            Refusal::Expired => Self::new(Code::OrderExpired, detail),
            Refusal::TooManyAttempts => Self::new(Code::TooManyAttempts, detail),
            Refusal::MethodNotOffered => Self::new(Code::MethodUnavailable, detail),
            Refusal::PlanNotOffered => {
                Self::new(Code::MethodUnavailable, detail).with("field", "instalments")
            }
            Refusal::RefundTooLarge { available } => {
                Self::new(Code::RefundExceedsAvailable, detail).left(available)
            }
            Refusal::CaptureTooLarge { available } => {
                Self::new(Code::CaptureExceedsAuthorized, detail).left(available)
            }
            Refusal::Currency { .. } => {
                Self::new(Code::CurrencyMismatch, detail).with("field", "currency")
            }
            Refusal::Nothing => Self::new(Code::InvalidField, detail).with("field", "amount"),
            Refusal::Debit => Self::new(Code::OrderState, detail).with("order_status", "paid"),
            Refusal::DebitReturned => Self::new(Code::DebitReturned, detail),
            Refusal::TooManyRefunds => Self::new(Code::TooManyRefunds, detail),
            Refusal::TooManyVoids => Self::new(Code::TooManyVoids, detail),
            Refusal::Settled => Self::new(Code::OrderSettled, detail),
            Refusal::Refunded => Self::new(Code::OrderRefunded, detail),
            Refusal::PaidDirectly => Self::new(Code::PaidDirectly, detail),
            Refusal::NotDirect => {
                Self::new(Code::MethodUnavailable, detail).with("field", "method")
            }
            Refusal::NotSplitLater | Refusal::NotSettled | Refusal::SplitFinished => {
                Self::new(Code::SplitState, detail)
            }
            Refusal::SplitTooLarge { available } => Self::new(Code::SplitExceedsAvailable, detail)
                .with("field", "shares")
                .with("available", available.minor()),
            Refusal::TooManySplits => Self::new(Code::TooManySplits, detail),
            Refusal::ReceiverRemoved { receiver } => {
                Self::new(Code::ReceiverRemoved, detail).with("receiver", receiver)
            }
            Refusal::UnknownSplit => {
                Self::new(Code::InvalidField, detail).with("field", "receiver")
            }
            Refusal::SplitReturnTooLarge { available } => {
                Self::new(Code::ReturnExceedsSplit, detail).left(available)
            }
            Refusal::TooManySplitReturns => Self::new(Code::TooManyReturns, detail),
            Refusal::NotHeld => Self::new(Code::OrderNotHeld, detail),
            Refusal::Reviewed { verdict } => {
                Self::new(Code::ReviewClosed, detail).with("verdict", verdict.as_str())
            }
            Refusal::UnknownAttempt | Refusal::UnknownRefund | Refusal::TooEarly => {
                Self::internal(detail)
            }
        }
    }
}

impl From<FxRefusal> for Problem {
    fn from(refusal: FxRefusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            FxRefusal::NoRate { .. } => Self::new(Code::FxRateMissing, detail),
            FxRefusal::Stale { since } => {
                Self::new(Code::FxRateStale, detail).with("stale_since", rfc3339(since))
            }
            FxRefusal::LockNotOffered => {
                Self::new(Code::FxLockNotOffered, detail).with("field", "lock_duration")
            }
            FxRefusal::Used { order } => {
                Self::new(Code::FxQuoteUsed, detail).with("order_id", order.to_string())
            }
            FxRefusal::Expired => Self::new(Code::FxQuoteExpired, detail),
            FxRefusal::Currency { .. } => {
                Self::new(Code::CurrencyMismatch, detail).with("field", "currency")
            }
            FxRefusal::Amount { .. } => {
                Self::new(Code::FxAmountOutOfRange, detail).with("field", "amount")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_in_the_docs_is_what_the_code_gives() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(file, catalogue()).unwrap();
        }
        let text = std::fs::read_to_string(file).unwrap_or_default();
        assert!(text == catalogue(), "UPDATE_DOCS=1 make test-rust writes docs/errors.md anew");
    }

    /// The words of the Chinese guide.
    fn in_chinese(retry: Retry) -> &'static str {
        match retry {
            Retry::Never => "不重试",
            Retry::SameKey => "原键重试",
            Retry::QueryFirst => "先查询",
            Retry::Later => "稍后重试",
        }
    }

    /// It is written by hand, in rows of code, status, meaning, retry and advice.
    #[test]
    fn the_chinese_guide_has_every_code_and_no_other() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.zh-CN.md");
        let text = std::fs::read_to_string(file).unwrap();
        let row = |line: &str| {
            let cells: Vec<&str> =
                line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
            match cells[..] {
                [code, status, _, retry, _] if code.starts_with('`') => {
                    Some([code, status, retry].map(str::to_owned))
                }
                _ => None,
            }
        };
        let mut rows: Vec<[String; 3]> = text.lines().filter_map(row).collect();
        let mut expected: Vec<[String; 3]> = Code::ALL
            .iter()
            .map(|code| {
                let retry = in_chinese(code.retry()).to_owned();
                [format!("`{}`", code.as_str()), code.status().as_u16().to_string(), retry]
            })
            .collect();
        rows.sort_unstable();
        expected.sort_unstable();
        assert_eq!(rows, expected, "docs/errors.zh-CN.md is written by hand");
        for retry in Retry::ALL {
            let row = format!("| `{}` | {} | ", retry.as_str(), in_chinese(retry));
            assert!(text.contains(&row), "docs/errors.zh-CN.md has no row {row}");
        }
    }

    #[test]
    fn codes_are_told_apart() {
        let mut codes: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Code::ALL.len());
    }
}
