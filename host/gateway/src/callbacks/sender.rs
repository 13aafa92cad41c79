//! Delivers callbacks: at least once, the same bytes each time, signed in two ways.
//!
//! Signed by RFC 9421 with the gateway's key, so that a merchant needs no shared secret, and by
//! Standard Webhooks, so that it can verify with a library that its language has today.

use lezai_base::url;
use lezai_wire::time::rfc3339;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use lezai_core::digest::content_digest;
use lezai_core::id::{EventId, MerchantId};
use lezai_core::key::Sign as _;
use lezai_core::mask;
use lezai_core::signature::{Message, Params, Request, Tag, sign_base};
use lezai_core::time::Timestamp;
use reqwest::Url;
use serde_json::json;
use tokio::time::Instant;

use super::Callbacks;
use crate::callbacks::transport::{Post, Reply, Unreached};
use crate::events::{
    self,
    record::{Happened, Subject},
};
use crate::merchants::Merchant;
use crate::metrics::OutcomeLabel;
use lezai_store as store;
use lezai_store::events::{DeliveryProgress, DeliveryRecord, DeliveryStatus, Failing};
use lezai_store::{EventRecord, Scope, StoreError, Tx};
use lezai_traces::Kind;
use lezai_wire::problem::Problem;

/// When a delivery is tried again, in seconds from the first try: the schedule of the Standard
/// Webhooks specification, a day in all.
const SCHEDULE_SECS: [i64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// So many tries in a row that fail at one host of a merchant's are told: by then the first
/// event of an outage has waited two hours, or five have failed at once.
const FAILURES_TOLD: u32 = 5;

/// When those beyond look again.
const PUT_OFF_MS: i64 = 500;

/// A try to deliver.
#[derive(Debug)]
struct DeliveryAttempt {
    host: String,
    at: Timestamp,
    latency_ms: u32,
    outcome: Result<Reply, Unreached>,
}

impl Callbacks {
    /// Delivers an event, or says when to try again.
    ///
    /// # Errors
    ///
    /// `internal`, if the event cannot be read, or what came of it not be noted.
    pub async fn deliver(&self, event: EventId, round: u32) -> Result<Delivery, Problem> {
        let Some((event, progress, url)) = self.load(event).await? else {
            return Ok(Delivery::Finished);
        };
        if progress.round != round || progress.status != DeliveryStatus::Waiting {
            return Ok(Delivery::Finished);
        }
        let Some(url) = url else {
            let progress = DeliveryProgress { status: DeliveryStatus::NoAddress, ..progress };
            let scope = Scope::Merchant(event.merchant);
            let work = move |tx: &dyn Tx| tx.set_progress(&event.id, &progress);
            store::write(&self.node.store, scope, work).await?;
            return Ok(Delivery::Finished);
        };
        let Some(_visit) = self.in_flight.begin(&event.merchant) else {
            return Ok(Delivery::PutOff { due: self.node.clock.now().plus_ms(PUT_OFF_MS) });
        };
        lezai_traces::note("lezai.event", event.id.to_string());
        let tried = self.visit(&event, &url).await;
        let now = self.node.clock.now();
        let [jitter] = self.node.entropy.bytes::<1>();
        let (outcome, why) = match &tried.outcome {
            Ok(reply) if reply.is_success() => ("delivered", None),
            Ok(Reply { status: 410, .. }) => ("gone", None),
            Ok(reply) => ("refused", Some(format!("status_{}", reply.status))),
            Err(why) => ("unreachable", Some(why.to_string())),
        };
        self.node.metrics.callbacks.get_or_create(&OutcomeLabel { outcome }).inc();
        let (id, kind) = (event.id.clone(), event.event_type.clone());
        let scope = Scope::Merchant(event.merchant.clone());
        let due = store::write(&self.node.store, scope, move |tx| {
            record_delivery(tx, &event, round, tried, now, jitter)
        })
        .await?;
        match (due, why) {
            (Some(due), why) => {
                let why = why.unwrap_or_default();
                let again_secs = (due.as_ms() - now.as_ms()) / 1000;
                tracing::warn!(event = %id, why, again_secs, "callback not delivered");
                return Ok(Delivery::Again { due, why });
            }
            (None, Some(why)) => tracing::error!(event = %id, why, "callback given up"),
            (None, None) => tracing::info!(event = %id, kind, outcome, "callback answered"),
        }
        Ok(Delivery::Finished)
    }

    /// One try, as far as the answer.
    async fn visit(&self, event: &EventRecord, url: &str) -> DeliveryAttempt {
        let (at, begun) = (self.node.clock.now(), Instant::now());
        let parsed = Url::parse(url);
        let host = parsed.as_ref().map(url::authority).unwrap_or_default();
        let mut part = lezai_traces::part("callback", Kind::Call);
        part.note("server.address", host.clone());
        let outcome = match parsed {
            Ok(url) => self.send(event, url).await,
            Err(_) => Err(Unreached::Failed),
        };
        match &outcome {
            Ok(reply) => part.note("http.response.status_code", i64::from(reply.status)),
            Err(why) => part.fails(why.as_str()),
        }
        drop(part);
        let latency_ms = u32::try_from(begun.elapsed().as_millis()).unwrap_or(u32::MAX);
        DeliveryAttempt { host, at, latency_ms, outcome }
    }

    async fn send(&self, event: &EventRecord, url: Url) -> Result<Reply, Unreached> {
        let now = self.node.clock.wall();
        let merchant = self.merchants.current().get(&event.merchant).cloned();
        let merchant = merchant.ok_or(Unreached::Failed)?;
        // Looked at when the order was made; the operator may have thought better of it since.
        self.reach.judge(&url, merchant.hosts()).map_err(|_| Unreached::NotAllowed)?;
        let fields = self.signed_fields(&merchant, event.id.as_str(), &event.body, &url, now);
        let mut fields = fields.map_err(|error| {
            tracing::error!(event = %event.id, error, "a callback cannot be signed");
            Unreached::Failed
        })?;
        // The receiver's work is a part of the order's trace, if there is one. No signature covers it.
        fields.extend(lezai_traces::place().map(|it| ("traceparent", it.to_string())));
        self.transport.send(Post { url, fields, body: event.body.clone() }).await
    }
}

/// How a delivery ended.
pub enum Delivery {
    /// For good.
    Finished,
    /// To be tried again then.
    Again {
        /// When.
        due: Timestamp,
        /// Why, for the record.
        why: String,
    },
    /// Not begun: its merchant has enough under way.
    PutOff {
        /// To when.
        due: Timestamp,
    },
}

/// Notes a try: in the log, on the event, and on the host. Gives when the next is due, if there is
/// to be one.
fn record_delivery(
    tx: &dyn Tx,
    event: &EventRecord,
    round: u32,
    tried: DeliveryAttempt,
    now: Timestamp,
    jitter: u8,
) -> Result<Option<Timestamp>, StoreError> {
    let Some((_, before)) = tx.event(&event.id)? else { return Ok(None) };
    let last = tx.deliveries(&event.id, 1)?.pop();
    let (reply, error) = match tried.outcome {
        Ok(reply) => (Some(reply), None),
        Err(why) => (None, Some(why.as_str().to_owned())),
    };
    let status = reply.as_ref().map(|it| it.status);
    let answer = reply.as_ref().map(|it| excerpt(&it.excerpt)).unwrap_or_default();
    let delivery = DeliveryRecord {
        attempt: last.map_or(1, |it| it.attempt.saturating_add(1)),
        at: tried.at,
        host: tried.host,
        status,
        error,
        latency_ms: tried.latency_ms,
        answer,
    };
    tx.log_delivery(&event.id, &delivery)?;
    let first_try = before.first_try.unwrap_or(tried.at);
    let taken = reply.as_ref().is_some_and(Reply::is_success);
    if !taken && (before.status != DeliveryStatus::Waiting || before.round != round) {
        // A second try of the same task, whose lease ended under the first one, or one of a round
        // that was begun anew meanwhile: what ended since stays as it ended.
        return Ok(None);
    }
    let wait = reply.and_then(|it| it.retry_after_secs);
    let (delivery_status, due) = match status {
        _ if taken => (DeliveryStatus::Delivered, None),
        Some(410) => (DeliveryStatus::Gone, None),
        _ => match next_try(first_try, tried.at, now, wait, jitter) {
            Some(due) => (DeliveryStatus::Waiting, Some(due)),
            None => (DeliveryStatus::GivenUp, None),
        },
    };
    let delivered_at = before.delivered_at.or(taken.then_some(now));
    let progress = DeliveryProgress {
        status: delivery_status,
        first_try: Some(first_try),
        delivered_at,
        ..before
    };
    tx.set_progress(&event.id, &progress)?;
    match delivery_status {
        DeliveryStatus::Delivered => answers_again(tx, &event.merchant, &delivery, now)?,
        // An answer of its own, of a host that is well.
        DeliveryStatus::Gone => {}
        _ => fails(tx, &event.merchant, &delivery, now)?,
    }
    Ok(due)
}

/// When the try after the one at `at` is due, up to a tenth of its wait later, so that what failed
/// together is not tried together; `None` after the last. A receiver may ask for more time, but not
/// for more than the schedule has.
///
/// It goes by time and not by count: after an outage of ours, what was missed is one try.
fn next_try(
    first: Timestamp,
    at: Timestamp,
    now: Timestamp,
    retry_after_secs: Option<i64>,
    jitter: u8,
) -> Option<Timestamp> {
    let elapsed_ms = at.as_ms() - first.as_ms();
    let next = SCHEDULE_SECS.iter().position(|secs| secs * 1000 > elapsed_ms)?;
    let before = next.checked_sub(1).map_or(0, |it| SCHEDULE_SECS[it]);
    let spread_ms = (SCHEDULE_SECS[next] - before) * 1000 * i64::from(jitter) / 2550;
    let due = first.plus_ms(SCHEDULE_SECS[next] * 1000 + spread_ms);
    let end = first.plus_secs(SCHEDULE_SECS[SCHEDULE_SECS.len() - 1]).max(due);
    let asked = now.plus_secs(retry_after_secs.unwrap_or_default().min(SCHEDULE_SECS[8]));
    Some(due.max(asked.min(end)))
}

/// A host took none of this one either.
fn fails(
    tx: &dyn Tx,
    merchant: &MerchantId,
    delivery: &DeliveryRecord,
    now: Timestamp,
) -> Result<(), StoreError> {
    let known = tx.failing_host(merchant, &delivery.host)?;
    let before = known.unwrap_or_else(|| Failing {
        host: delivery.host.clone(),
        failures: 0,
        since: delivery.at,
    });
    let failing = Failing { failures: before.failures.saturating_add(1), ..before };
    tx.set_failing(merchant, &failing)?;
    if failing.failures == FAILURES_TOLD {
        tracing::error!(%merchant, host = failing.host, "a host takes no callbacks");
        tell_of_host(tx, merchant, "endpoint.failing", &failing, delivery, now)?;
    }
    Ok(())
}

/// A host took this one.
fn answers_again(
    tx: &dyn Tx,
    merchant: &MerchantId,
    delivery: &DeliveryRecord,
    now: Timestamp,
) -> Result<(), StoreError> {
    let known = tx.failing_host(merchant, &delivery.host)?;
    let Some(failing) = known else { return Ok(()) };
    tx.clear_failing(merchant, &failing.host)?;
    if failing.failures >= FAILURES_TOLD {
        tracing::info!(%merchant, host = failing.host, "a host takes callbacks again");
        tell_of_host(tx, merchant, "endpoint.recovered", &failing, delivery, now)?;
    }
    Ok(())
}

/// An event about a host. It is kept for whoever asks, and not sent: the host is the one that fails.
fn tell_of_host(
    tx: &dyn Tx,
    merchant: &MerchantId,
    event_type: &str,
    failing: &Failing,
    delivery: &DeliveryRecord,
    now: Timestamp,
) -> Result<(), StoreError> {
    let data = json!({ "endpoint": {
        "host": failing.host, "failures": failing.failures, "since": rfc3339(failing.since),
        "last_status": delivery.status, "last_error": delivery.error,
    }});
    let subject = Subject::Named(&failing.host);
    events::record::keep(tx, Happened { merchant, subject, event_type, data }, now)
}

/// The excerpt of an answer that is kept: in one line, and nobody's name or number in it.
fn excerpt(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let line: String = text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
    mask::text(&line)
}

/// How long to wait before the try after `tries` tries, when nothing else says: doubled from five
/// seconds to ten minutes.
pub fn backoff_secs(tries: u32) -> i64 {
    (5_i64 << tries.min(7)).min(600)
}

impl Callbacks {
    async fn load(
        &self,
        event: EventId,
    ) -> Result<Option<(EventRecord, DeliveryProgress, Option<String>)>, Problem> {
        let found = store::read(&self.node.store, move |view| {
            let Some((event, progress)) = view.event(&event)? else { return Ok(None) };
            let order = match &event.order {
                Some(order) => view.order(order)?,
                None => None,
            };
            Ok(Some((event, progress, order.map(|it| it.details))))
        });
        let Some((event, progress, details)) = found.await? else { return Ok(None) };
        if let Some(trace) = details.as_ref().and_then(|it| it.trace.as_ref()) {
            lezai_traces::join(trace);
        }
        let url = details.and_then(|it| it.notify_url);
        let merchants = self.merchants.current();
        let url = url.or_else(|| merchants.get(&event.merchant)?.record.notify_url.clone());
        Ok(Some((event, progress, url)))
    }

    /// The header of a callback: who made it and when, signed in both ways.
    ///
    /// # Errors
    ///
    /// If a part of it cannot be signed.
    pub fn signed_fields(
        &self,
        merchant: &Merchant,
        id: &str,
        body: &[u8],
        url: &Url,
        now: Timestamp,
    ) -> Result<Vec<(&'static str, String)>, String> {
        let digest = content_digest(body);
        let authority = url::authority(url);
        let covered = [("content-type", "application/json"), ("content-digest", digest.as_str())];
        let message = Message::Request(Request {
            method: "POST",
            scheme: url.scheme(),
            authority: &authority,
            path: url.path(),
            query: url.query().unwrap_or_default(),
            fields: &covered,
        });
        let nonce = Base64UrlUnpadded::encode_string(&self.node.entropy.bytes::<16>());
        let key = self.keys.current();
        let params = Params { created: now, keyid: &key.keyid, nonce: &nonce, tag: Tag::Callback };
        let base = sign_base(&message, true, &params).map_err(|error| error.to_string())?;
        let mut fields = vec![
            ("content-type", "application/json".to_owned()),
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", now.as_secs().to_string()),
            ("webhook-signature", merchant.webhook_signature(id, now, body)),
        ];
        fields.extend(base.fields(&key.native.sign(base.text.as_bytes())));
        fields.push(("content-digest", digest));
        Ok(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_tries() {
        let first = Timestamp::from_secs(1_795_000_000);
        // Each try is at its latest.
        let mut tries = vec![0];
        let mut at = first;
        while let Some(due) = next_try(first, at, at, None, u8::MAX) {
            assert!(due > at);
            at = due;
            tries.push((at.as_ms() - first.as_ms()) / 1000);
        }
        assert_eq!(tries, [0, 5, 329, 1_950, 7_740, 19_080, 37_800, 51_840, 74_160, 87_840]);
        assert_eq!(next_try(first, first, first, None, 0), Some(first.plus_secs(5)));
        // An outage of ten hours costs the tries in it, and one is made up for.
        let late = first.plus_secs(40_000);
        assert_eq!(next_try(first, late, late, None, 0), Some(first.plus_secs(50_400)));
        assert_eq!(next_try(first, first.plus_secs(90_000), late, None, 0), None);
    }

    #[test]
    fn a_receiver_may_ask_for_time_within_the_day() {
        let first = Timestamp::from_secs(1_795_000_000);
        let at = first.plus_secs(300);
        for (asked, due) in [
            (None, 1_800),
            (Some(0), 1_800),
            (Some(60), 1_800),
            (Some(3_600), 3_900),
            (Some(86_400), 86_400),
            (Some(i64::MAX), 86_400),
        ] {
            assert_eq!(next_try(first, at, at, asked, 0), Some(first.plus_secs(due)), "{asked:?}");
        }
    }

    #[test]
    fn an_answer_is_kept_in_one_line_and_masked() {
        assert_eq!(
            excerpt("no user\r\nalice@example.com \u{1b}[0m 13800138000\0".as_bytes()),
            "no user  a***@example.com  [0m 138****8000 "
        );
        assert_eq!(excerpt(&[0xff, b'a']), "\u{fffd}a");
    }

    #[test]
    fn waits_grow() {
        assert_eq!([0, 1, 6, 7, 100].map(backoff_secs), [5, 10, 320, 600, 600]);
    }
}
