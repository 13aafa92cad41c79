//! The receiver's side of a callback: both of its signatures are checked over the bytes that
//! arrived, and only then is it read.
//!
//! A delivery is repeated until it is answered with success, so a receiver tells events apart by
//! [`Callback::id`] and orders them by [`Callback::sequence`].

use http::HeaderMap;
use http::request::Parts;
use lezai_core::key::VerifyingKey;
use lezai_core::signature::{Fields, Input, Message, Request, SignatureError, Tag, Verified};
use lezai_core::time::Timestamp;
use lezai_core::webhook::{Secret, WebhookError};
use serde::Deserialize;

use lezai_base::native_key::NativeVerifyingKey;

/// The gateway's callbacks have some 2 KiB; a body beyond this is not one of them.
pub const MAX_BODY: usize = 64 * 1024;

/// The keys that a callback is checked with.
#[derive(Clone)]
pub struct Receiver {
    /// The gateway's public key.
    pub gateway_key: VerifyingKey,
    /// The merchant's Standard Webhooks secret.
    pub secret: Secret,
}

/// A callback: what happened to an order. Members that are not listed here may come.
#[derive(Clone, Debug, Deserialize)]
pub struct Callback {
    /// `evt_…`, the same in every delivery.
    pub id: String,
    /// Such as `order.paid`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// 1 for the first event of the order, and so on: a smaller one that arrives later is older.
    pub sequence: u32,
    /// The objects that it is about.
    pub data: CallbackData,
}

/// The objects that a callback is about.
#[derive(Clone, Debug, Deserialize)]
pub struct CallbackData {
    /// The order right after the event; none if it is not about an order, such as `endpoint.test`.
    pub order: Option<CallbackOrder>,
}

/// The part of an order that a receiver compares with its own.
#[derive(Clone, Debug, Deserialize)]
pub struct CallbackOrder {
    /// `ord_…`
    pub id: String,
    /// The merchant's own number.
    pub merchant_order_id: String,
    /// `created`, `paying`, `paid` or `closed`.
    pub status: String,
    /// In minor units of `currency`.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// RFC 3339.
    pub paid_at: Option<String>,
}

/// Why a callback is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    /// The RFC 9421 signature.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The Standard Webhooks signature.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// A `webhook-` field is missing or there twice.
    #[error("the header needs {0} once")]
    Field(&'static str),
    /// Both signatures verify, and what was signed is no callback.
    #[error("the body is no callback: {0}")]
    Body(String),
    /// The id that is signed in the header is not the body's.
    #[error("webhook-id is not the id of the body")]
    OtherId,
}

impl Receiver {
    /// Checks both signatures, then reads the body.
    ///
    /// `authority` is the receiver's own, as in the address it gave the gateway: what was signed
    /// for another receiver is then refused.
    ///
    /// # Errors
    ///
    /// See [`Forged`].
    pub fn verify(
        &self,
        parts: &Parts,
        authority: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Verified<Callback>, Forged> {
        let fields = fields(&parts.headers);
        let request = Request {
            method: parts.method.as_str(),
            scheme: "https",
            authority,
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            fields: &fields,
        };
        let input = Input::by_tag(&fields, Tag::Callback)?;
        let verified = input.verify(
            &Message::Request(request),
            body,
            Tag::Callback,
            &NativeVerifyingKey::from(&self.gateway_key),
            now,
        )?;
        let (id, timestamp) = (once(&fields, "webhook-id")?, once(&fields, "webhook-timestamp")?);
        self.secret.verify(id, timestamp, once(&fields, "webhook-signature")?, body, now)?;
        let callback = verified.parse(|body| {
            serde_json::from_slice::<Callback>(body)
                .map_err(|error| Forged::Body(error.to_string()))
        })?;
        if callback.content().id != id {
            return Err(Forged::OtherId);
        }
        Ok(callback)
    }
}

/// Header fields as the core takes them. A value that is not ASCII is left out, so a signature
/// that covers it does not verify.
fn fields(headers: &HeaderMap) -> Vec<(&str, &str)> {
    headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect()
}

fn once<'a>(fields: Fields<'a>, name: &'static str) -> Result<&'a str, Forged> {
    let mut lines = fields.iter().filter(|(it, _)| *it == name);
    match (lines.next(), lines.next()) {
        (Some((_, value)), None) => Ok(value),
        _ => Err(Forged::Field(name)),
    }
}

#[cfg(test)]
mod samples;

#[cfg(test)]
mod tests {
    use super::samples::{NOW, delivery, key, receiver};
    use super::*;

    const BODY: &str = r#"{"id":"evt_1","type":"order.paid","created_at":"…","sequence":2,"data":{"order":{"id":"ord_1",
    "merchant_order_id":"S-1","status":"paid","amount":12800,"currency":"CNY","paid_at":"2026-11-18T11:06:40.042Z"}}}"#;

    fn check(
        request: http::Request<Vec<u8>>,
        authority: &str,
        at: Timestamp,
    ) -> Result<String, String> {
        let (parts, body) = request.into_parts();
        let verified = receiver().verify(&parts, authority, &body, at);
        verified
            .map(|it| it.into_content().data.order.unwrap().id)
            .map_err(|error| error.to_string())
    }

    fn good() -> http::Request<Vec<u8>> {
        delivery("evt_1", BODY, &key(1), &receiver().secret, NOW)
    }

    #[test]
    fn a_callback_with_both_signatures_is_read() {
        assert_eq!(check(good(), "shop.example", NOW), Ok("ord_1".to_owned()));
        assert_eq!(check(good(), "shop.example", NOW.plus_secs(299)), Ok("ord_1".to_owned()));
    }

    #[test]
    fn anything_else_is_refused() {
        let refused = |request, authority, at, expected: &str| {
            let error = check(request, authority, at).unwrap_err();
            assert!(error.contains(expected), "{error} / {expected}");
        };
        let changed = |change: fn(&mut http::Request<Vec<u8>>)| {
            let mut request = good();
            change(&mut request);
            request
        };
        let other_secret = Secret::from_bytes((1..33).collect()).unwrap();
        refused(
            delivery("evt_1", BODY, &key(2), &receiver().secret, NOW),
            "shop.example",
            NOW,
            "does not verify",
        );
        refused(
            delivery("evt_1", BODY, &key(1), &other_secret, NOW),
            "shop.example",
            NOW,
            "webhook-signature",
        );
        refused(
            delivery("evt_2", BODY, &key(1), &receiver().secret, NOW),
            "shop.example",
            NOW,
            "webhook-id is not",
        );
        refused(
            delivery("evt_1", "{}", &key(1), &receiver().secret, NOW),
            "shop.example",
            NOW,
            "no callback",
        );
        refused(good(), "other.example", NOW, "does not verify");
        refused(good(), "shop.example", NOW.plus_secs(301), "created must lie");
        refused(
            changed(|it| it.body_mut()[0] = b' '),
            "shop.example",
            NOW,
            "content-digest does not match",
        );
        refused(
            changed(|it| *it.uri_mut() = "/other".parse().unwrap()),
            "shop.example",
            NOW,
            "does not verify",
        );
        refused(
            changed(|it| drop(it.headers_mut().remove("signature"))),
            "shop.example",
            NOW,
            "no Signature",
        );
        refused(
            changed(|it| drop(it.headers_mut().remove("signature-input"))),
            "shop.example",
            NOW,
            "carries no signature",
        );
        refused(
            changed(|it| drop(it.headers_mut().remove("webhook-signature"))),
            "shop.example",
            NOW,
            "webhook-signature once",
        );
        let twice = |it: &mut http::Request<Vec<u8>>| {
            it.headers_mut().append("webhook-id", "evt_2".parse().unwrap());
        };
        refused(changed(twice), "shop.example", NOW, "webhook-id once");
    }
}
