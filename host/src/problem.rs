//! What goes wrong, as the caller reads it: RFC 9457 problem details with a stable code, a word on
//! whether to send again, and the field at fault.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use lezai_core::money::Money;
use lezai_core::order::Refusal;
use lezai_core::signature::SignatureError;
use serde_json::{Map, Value, json};

use crate::http::request_id;
use crate::json::{Invalid, Kind};
use crate::store::StoreError;

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

/// Every code, with its status, its word on retries, and what it means: the catalogue in the docs
/// is this table.
macro_rules! codes {
    ($($name:ident = $code:literal, $status:expr, $retry:ident, $title:literal;)*) => {
        /// What went wrong, as a stable code.
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

            /// What it means, in a line.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

codes! {
    SignatureMissing = "signature_missing", StatusCode::UNAUTHORIZED, Never, "The request is not signed";
    SignatureMalformed = "signature_malformed", StatusCode::UNAUTHORIZED, Never, "The signature cannot be read";
    SignatureInvalid = "signature_invalid", StatusCode::UNAUTHORIZED, Never, "The signature does not verify";
    SignatureExpired = "signature_expired", StatusCode::UNAUTHORIZED, Never, "The signature was made too long ago or in the future";
    NonceReused = "nonce_reused", StatusCode::UNAUTHORIZED, Never, "The nonce was used before";
    KeyUnknown = "key_unknown", StatusCode::UNAUTHORIZED, Never, "No such key";
    DigestMissing = "digest_missing", StatusCode::UNAUTHORIZED, Never, "The body has no digest that the signature covers";
    DigestMismatch = "digest_mismatch", StatusCode::UNAUTHORIZED, Never, "The digest is not the body's";
    ComponentMissing = "component_missing", StatusCode::UNAUTHORIZED, Never, "The signature does not cover what it must";
    TokenInvalid = "token_invalid", StatusCode::UNAUTHORIZED, Never, "The operator's token is missing or wrong";
    BodyTooLarge = "body_too_large", StatusCode::PAYLOAD_TOO_LARGE, Never, "The body is too large";
    BodyTooSlow = "body_too_slow", StatusCode::REQUEST_TIMEOUT, SameKey, "The body did not arrive in time";
    HeaderTooLarge = "header_too_large", StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, Never, "The header is too large";
    UnsupportedMediaType = "unsupported_media_type", StatusCode::UNSUPPORTED_MEDIA_TYPE, Never, "The body is not of the type that the call takes";
    NotJson = "not_json", StatusCode::BAD_REQUEST, Never, "The body is no JSON object";
    TooDeep = "too_deep", StatusCode::BAD_REQUEST, Never, "The body nests too deep";
    UnknownField = "unknown_field", StatusCode::BAD_REQUEST, Never, "The call has no such field";
    MissingField = "missing_field", StatusCode::BAD_REQUEST, Never, "A field is missing";
    InvalidField = "invalid_field", StatusCode::BAD_REQUEST, Never, "A field is not what it must be";
    IdempotencyKeyMissing = "idempotency_key_missing", StatusCode::BAD_REQUEST, Never, "The request has no Idempotency-Key";
    IdempotencyKeyInvalid = "idempotency_key_invalid", StatusCode::BAD_REQUEST, Never, "The Idempotency-Key is none";
    IdempotencyKeyReused = "idempotency_key_reused", StatusCode::UNPROCESSABLE_ENTITY, Never, "The Idempotency-Key was used for another request";
    RequestInProgress = "request_in_progress", StatusCode::CONFLICT, SameKey, "The same request is being worked on";
    MerchantOrderIdTaken = "merchant_order_id_taken", StatusCode::CONFLICT, QueryFirst, "The merchant already has an order with this number";
    OrderNotFound = "order_not_found", StatusCode::NOT_FOUND, Never, "There is no such order";
    OrderState = "order_state", StatusCode::CONFLICT, QueryFirst, "The order's state does not allow this";
    RefundNotFound = "refund_not_found", StatusCode::NOT_FOUND, Never, "There is no such refund";
    MerchantRefundIdTaken = "merchant_refund_id_taken", StatusCode::CONFLICT, QueryFirst, "The merchant already has a refund with this number";
    RefundExceedsAvailable = "refund_exceeds_available", StatusCode::CONFLICT, QueryFirst, "More is to be refunded than is left";
    CaptureExceedsAuthorized = "capture_exceeds_authorized", StatusCode::CONFLICT, QueryFirst, "More is to be captured than was authorised";
    TooManyRefunds = "too_many_refunds", StatusCode::CONFLICT, Never, "The order has too many refunds";
    TooManyVoids = "too_many_voids", StatusCode::CONFLICT, Never, "The channel refused too many voids of the order";
    OrderSettled = "order_settled", StatusCode::CONFLICT, Never, "The payment is settled and can only be refunded";
    OrderRefunded = "order_refunded", StatusCode::CONFLICT, Never, "The payment has refunds and can no longer be voided";
    CurrencyMismatch = "currency_mismatch", StatusCode::UNPROCESSABLE_ENTITY, Never, "The currency is not the order's";
    OrderExpired = "order_expired", StatusCode::CONFLICT, QueryFirst, "The order's time is over";
    TooManyAttempts = "too_many_attempts", StatusCode::CONFLICT, Never, "The order was tried too many times";
    MethodUnavailable = "method_unavailable", StatusCode::UNPROCESSABLE_ENTITY, Never, "The order cannot be paid by this method";
    LimitExceeded = "limit_exceeded", StatusCode::UNPROCESSABLE_ENTITY, Never, "The amount is outside the merchant's limits";
    RiskDenied = "risk_denied", StatusCode::FORBIDDEN, Never, "Risk control denies the order";
    SessionNotFound = "session_not_found", StatusCode::NOT_FOUND, Never, "There is no such checkout session";
    SessionTaken = "session_taken", StatusCode::CONFLICT, Never, "The checkout session was opened elsewhere";
    SessionUnclaimed = "session_unclaimed", StatusCode::CONFLICT, Never, "The checkout session was not claimed yet";
    SessionExpired = "session_expired", StatusCode::GONE, Never, "The checkout session has ended";
    ClientSecretInvalid = "client_secret_invalid", StatusCode::FORBIDDEN, Never, "The client secret is not the session's";
    PluginRefused = "plugin_refused", StatusCode::UNPROCESSABLE_ENTITY, Never, "The plugin is refused";
    NotFound = "not_found", StatusCode::NOT_FOUND, Never, "There is nothing here";
    Misdirected = "misdirected", StatusCode::MISDIRECTED_REQUEST, Never, "The request is for another host";
    MethodNotAllowed = "method_not_allowed", StatusCode::METHOD_NOT_ALLOWED, Never, "The path has no such method";
    ChannelUnavailable = "channel_unavailable", StatusCode::SERVICE_UNAVAILABLE, SameKey, "The payment channel does not answer";
    Overloaded = "overloaded", StatusCode::SERVICE_UNAVAILABLE, Later, "The gateway has too much to do";
    Internal = "internal", StatusCode::INTERNAL_SERVER_ERROR, SameKey, "The gateway failed";
}

/// An answer that says what went wrong.
#[derive(Clone, Debug)]
pub struct Problem {
    code: Code,
    detail: String,
    extra: Map<String, Value>,
}

impl Problem {
    /// A problem with a sentence on what would be right.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), extra: Map::new() }
    }

    /// A member beside the standard ones.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(name.to_owned(), value.into());
        self
    }

    /// What the caller may still ask for.
    #[must_use]
    fn left(self, available: Money) -> Self {
        self.with("field", "amount").with("available", available.minor())
    }

    /// The code.
    pub fn code(&self) -> Code {
        self.code
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

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.code.status();
        let mut body = json!({
            "type": format!("urn:lezai:problem:{}", self.code.as_str()),
            "title": self.code.title(),
            "status": status.as_u16(),
            "detail": self.detail,
            "code": self.code.as_str(),
            "retry": match self.code.retry() {
                Retry::Never => "never",
                Retry::SameKey => "same_key",
                Retry::QueryFirst => "query_first",
                Retry::Later => "later",
            },
            "request_id": request_id::current(),
        });
        if let Value::Object(members) = &mut body {
            members.extend(self.extra);
        }
        let mut response = (status, body.to_string()).into_response();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        let challenge = match (status, self.code) {
            (StatusCode::UNAUTHORIZED, Code::TokenInvalid) => Some("Bearer"),
            (StatusCode::UNAUTHORIZED, _) => Some("Signature"),
            _ => None,
        };
        if let Some(challenge) = challenge {
            let value = HeaderValue::from_static(challenge);
            response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
        }
        if self.code == Code::Overloaded {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => Self::new(Code::Overloaded, "too many requests wait for the store"),
            error => Self::internal(error),
        }
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
            SignatureError::Expired => Code::SignatureExpired,
            SignatureError::Invalid { .. } => Code::SignatureInvalid,
        };
        let problem = Self::new(code, error.to_string());
        match error {
            SignatureError::Invalid { base } => problem.with("signature_base", base),
            _ => problem,
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
            Refusal::TooManyRefunds => Self::new(Code::TooManyRefunds, detail),
            Refusal::TooManyVoids => Self::new(Code::TooManyVoids, detail),
            Refusal::Settled => Self::new(Code::OrderSettled, detail),
            Refusal::Refunded => Self::new(Code::OrderRefunded, detail),
            Refusal::UnknownAttempt | Refusal::UnknownRefund | Refusal::TooEarly => {
                Self::internal(detail)
            }
        }
    }
}
