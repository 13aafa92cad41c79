//! Delivers callbacks: at least once, the same bytes each time, signed in two ways.
//!
//! Signed by RFC 9421 with the gateway's key, so that a merchant needs no shared secret, and by
//! Standard Webhooks, so that she can verify with a library that her language has today.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use lezai_core::digest::content_digest;
use lezai_core::id::{EventId, MerchantId};
use lezai_core::key::Sign as _;
use lezai_core::signature::{Message, Params, Request, Tag, sign_base};
use lezai_core::time::Timestamp;
use reqwest::{Client, Url};

use crate::client;
use crate::entropy::Entropy;
use crate::gateway::Gateway;
use crate::metrics::OutcomeLabel;
use crate::problem::Problem;
use crate::store::{self, EventRecord};
use crate::worker::Done;

/// A receiver has this long to answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// When a delivery is tried again, counted from the try before: the schedule of the Standard
/// Webhooks specification, some three days in all.
const SCHEDULE_SECS: [i64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// Deliveries under way to one merchant: whose server is silent holds up her own callbacks alone.
const VISITS: usize = 8;
/// When those beyond look again.
const PUT_OFF_MS: i64 = 500;

/// Carries callbacks to merchants.
pub struct Courier {
    transport: Box<dyn Transport>,
    visits: Visits,
}

/// A callback on its way.
pub struct Post {
    /// Where to.
    pub url: Url,
    /// Its header.
    pub fields: Vec<(&'static str, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

/// What takes callbacks to their receivers: the network, or a simulation of it.
pub trait Transport: Send + Sync {
    /// The status that the receiver answered with, or why there is none, for people.
    fn send(&self, post: Post) -> Pin<Box<dyn Future<Output = Result<u16, String>> + Send + '_>>;
}

/// The network.
struct Network {
    client: Client,
    /// For receivers on this machine, which no proxy could reach.
    local: Client,
}

impl Courier {
    /// A courier that follows no redirects and waits [`TIMEOUT`].
    ///
    /// # Errors
    ///
    /// If TLS cannot be set up.
    pub fn new() -> Result<Self, reqwest::Error> {
        let builder = || {
            Client::builder()
                .timeout(TIMEOUT)
                .redirect(reqwest::redirect::Policy::none())
                .user_agent(concat!("lezai/", env!("CARGO_PKG_VERSION")))
        };
        let local = builder().no_proxy().build()?;
        Ok(Self::over(Network { client: builder().build()?, local }))
    }

    /// A courier over another transport.
    pub fn over(transport: impl Transport + 'static) -> Self {
        Self { transport: Box::new(transport), visits: Visits::default() }
    }

    /// Delivers an event, or says when to try again.
    ///
    /// # Errors
    ///
    /// `internal`, if the event cannot be read or noted as delivered.
    pub async fn deliver(
        &self,
        gateway: &Gateway,
        event: EventId,
        tries: u32,
    ) -> Result<Done, Problem> {
        let Some((event, url)) = load(gateway, event).await? else { return Ok(Done::Finished) };
        let now = gateway.clock.now();
        let Some(_visit) = self.visits.begin(&event.merchant) else {
            return Ok(Done::PutOff { due: now.plus_ms(PUT_OFF_MS) });
        };
        let outcome = self.post(gateway, &event, &url).await;
        let count =
            |outcome| gateway.metrics.callbacks.get_or_create(&OutcomeLabel { outcome }).inc();
        let why = match outcome {
            Ok(status) if (200..300).contains(&status) => {
                count("delivered");
                tracing::info!(event = %event.id, kind = event.event_type, status, "callback delivered");
                store::write(&gateway.store, move |tx| tx.mark_delivered(&event.id, now)).await?;
                return Ok(Done::Finished);
            }
            Ok(410) => {
                count("gone");
                tracing::warn!(event = %event.id, "callback refused for good: 410");
                return Ok(Done::Finished);
            }
            Ok(status) => {
                count("refused");
                format!("the receiver answered {status}")
            }
            Err(why) => {
                count("unreachable");
                why
            }
        };
        let wait = usize::try_from(tries).ok().and_then(|tries| SCHEDULE_SECS.get(tries));
        match wait {
            Some(secs) => {
                tracing::warn!(event = %event.id, why, again_secs = secs, "callback not delivered");
                Ok(Done::Again {
                    due: gateway.clock.now().plus_ms(jittered_ms(*secs, &gateway.entropy)),
                    why,
                })
            }
            None => {
                tracing::error!(event = %event.id, why, "callback given up");
                Ok(Done::Finished)
            }
        }
    }

    async fn post(&self, gateway: &Gateway, event: &EventRecord, url: &str) -> Result<u16, String> {
        let url = Url::parse(url).map_err(|_| "the address is none".to_owned())?;
        let fields = signed_fields(gateway, event, &url, gateway.clock.wall())?;
        self.transport.send(Post { url, fields, body: event.body.clone() }).await
    }
}

impl Transport for Network {
    fn send(&self, post: Post) -> Pin<Box<dyn Future<Output = Result<u16, String>> + Send + '_>> {
        Box::pin(self.carry(post))
    }
}

impl Network {
    async fn carry(&self, Post { url, fields, body }: Post) -> Result<u16, String> {
        let client = if client::is_loopback(&url) { &self.local } else { &self.client };
        let mut request = client.post(url).body(body);
        for (name, value) in fields {
            request = request.header(name, value);
        }
        // The error's text would repeat the address, which may carry a merchant's token.
        let response = request.send().await.map_err(|error| {
            if error.is_timeout() {
                "the receiver did not answer in time"
            } else {
                "the receiver cannot be reached"
            }
            .to_owned()
        })?;
        Ok(response.status().as_u16())
    }
}

/// How long to wait before the try after `tries` tries, when nothing else says: doubled from five
/// seconds to ten minutes.
pub fn backoff_secs(tries: u32) -> i64 {
    (5_i64 << tries.min(7)).min(600)
}

/// How many deliveries are under way to each merchant.
#[derive(Default)]
struct Visits(Mutex<HashMap<MerchantId, usize>>);

/// A delivery that is under way.
struct Visit<'v> {
    visits: &'v Visits,
    merchant: MerchantId,
}

impl Visits {
    /// `None` if enough are.
    fn begin(&self, merchant: &MerchantId) -> Option<Visit<'_>> {
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = under_way.entry(merchant.clone()).or_default();
        if *count >= VISITS {
            return None;
        }
        *count += 1;
        Some(Visit { visits: self, merchant: merchant.clone() })
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        let mut under_way = self.visits.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = under_way.get_mut(&self.merchant) {
            *count -= 1;
            if *count == 0 {
                under_way.remove(&self.merchant);
            }
        }
    }
}

async fn load(gateway: &Gateway, event: EventId) -> Result<Option<(EventRecord, String)>, Problem> {
    let found = store::read(&gateway.store, move |view| {
        let Some(event) = view.event(&event)? else { return Ok(None) };
        let order = view.order(&event.order)?;
        Ok(Some((event, order.and_then(|it| it.details.notify_url))))
    });
    let Some((event, url)) = found.await? else { return Ok(None) };
    let merchants = gateway.merchants();
    let url = url.or_else(|| merchants.get(&event.merchant)?.record.notify_url.clone());
    Ok(url.map(|url| (event, url)))
}

fn signed_fields(
    gateway: &Gateway,
    event: &EventRecord,
    url: &Url,
    now: Timestamp,
) -> Result<Vec<(&'static str, String)>, String> {
    let merchants = gateway.merchants();
    let merchant = merchants.get(&event.merchant).ok_or("the merchant is gone")?;
    let digest = content_digest(&event.body);
    let authority = client::authority(url);
    let covered = [("content-type", "application/json"), ("content-digest", digest.as_str())];
    let message = Message::Request(Request {
        method: "POST",
        scheme: url.scheme(),
        authority: &authority,
        path: url.path(),
        query: url.query().unwrap_or_default(),
        fields: &covered,
    });
    let nonce = Base64UrlUnpadded::encode_string(&gateway.entropy.bytes::<16>());
    let params =
        Params { created: now, keyid: &gateway.key.keyid, nonce: &nonce, tag: Tag::Callback };
    let base = sign_base(&message, true, &params).map_err(|error| error.to_string())?;
    let mut fields = vec![
        ("content-type", "application/json".to_owned()),
        ("webhook-id", event.id.to_string()),
        ("webhook-timestamp", now.as_secs().to_string()),
        ("webhook-signature", merchant.webhook_secret.sign(event.id.as_str(), now, &event.body)),
    ];
    fields.extend(base.fields(&gateway.key.native.sign(base.text.as_bytes())));
    fields.push(("content-digest", digest));
    Ok(fields)
}

/// A wait of nine to eleven tenths, so that what failed together is not tried together.
fn jittered_ms(secs: i64, entropy: &Entropy) -> i64 {
    let [byte] = entropy.bytes::<1>();
    secs * (900 + i64::from(byte) * 200 / 255)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_merchant_holds_up_her_own_callbacks_alone() {
        let visits = Visits::default();
        let [one, other] = ["m_one", "m_other"].map(|id| MerchantId::parse(id).unwrap());
        let under_way: Vec<_> = (0..VISITS).map(|_| visits.begin(&one).unwrap()).collect();
        assert!(visits.begin(&one).is_none());
        assert!(visits.begin(&other).is_some());
        drop(under_way);
        assert!(visits.begin(&one).is_some());
        assert!(visits.0.lock().unwrap().is_empty());
    }

    #[test]
    fn waits_grow_and_end() {
        assert_eq!(SCHEDULE_SECS.len(), 9);
        assert_eq!([0, 1, 6, 7, 100].map(backoff_secs), [5, 10, 320, 600, 600]);
        assert!((0..50).all(|_| (4_500..=5_500).contains(&jittered_ms(5, &Entropy::Os))));
    }
}
