//! Whether the listener is cut off: it asks the gateway whether it lives, and, with a merchant's
//! key, which events the gateway could not deliver.

use lezai_wire::time::rfc3339;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Arrived;
use lezai_base::clock;
use lezai_client as client;
use lezai_client::{Client, Trust};

/// How often the gateway is asked.
const EVERY: Duration = Duration::from_secs(2);
/// A gateway on this machine answers in a millisecond, one across the world in half a second.
const HEALTH_TIME: Duration = Duration::from_secs(2);
/// Events that are followed until they came: beyond them it is told that there are more.
const FOLLOWED: usize = 200;

/// A watch on one gateway.
pub(super) struct Watch {
    gateway: String,
    health: reqwest::RequestBuilder,
    clock: reqwest::RequestBuilder,
    client: Option<Client>,
    arrived: Arc<Arrived>,
    /// When it was cut off, while it is.
    cut_off: Option<Instant>,
    /// Where the list of events is read on.
    cursor: String,
    /// Events that have not come yet, and whether that was told.
    open: BTreeMap<String, bool>,
}

impl Watch {
    pub(super) fn of(
        gateway: &str,
        client: Option<Client>,
        arrived: Arc<Arrived>,
    ) -> Result<Self, String> {
        let said = |error: client::ClientError| error.to_string();
        let origin = client::parse_origin(gateway).map_err(said)?;
        let http = client::http(&origin).map_err(said)?;
        let get =
            |path| Ok::<_, String>(http.get(client::parse_target(&origin, path).map_err(said)?));
        let (health, clock) = (get("/healthz")?.timeout(HEALTH_TIME), get("/sandbox/clock")?);
        Ok(Self {
            gateway: gateway.to_owned(),
            health,
            clock,
            client,
            arrived,
            cut_off: None,
            cursor: String::new(),
            open: BTreeMap::new(),
        })
    }

    /// Watches for as long as the listener lives.
    pub(super) async fn run(mut self) {
        let mut ticks = interval(EVERY);
        // After a machine has slept, one look is enough.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = String::new();
        loop {
            ticks.tick().await;
            if !self.is_there().await {
                continue;
            }
            // An error of the query itself is told once.
            match self.compare().await {
                Ok(()) => told.clear(),
                Err(why) if why != told => {
                    eprintln!("cannot compare with the gateway's events: {why}");
                    told = why;
                }
                Err(_) => {}
            }
        }
    }

    /// Whether the gateway answers; says so when that changes.
    async fn is_there(&mut self) -> bool {
        let Some(request) = self.health.try_clone() else { return false };
        let why = match client::receive(request).await {
            Ok((200..=299, ..)) => None,
            Ok((status, ..)) => Some(format!("it answers {status}")),
            Err(error) => Some(error.to_string()),
        };
        let now = rfc3339(clock::now());
        match (why, self.cut_off) {
            (Some(why), None) => {
                eprintln!("{now} cut off: {} is not there: {why}", self.gateway);
                self.cut_off = Some(Instant::now());
            }
            (None, Some(since)) => {
                let secs = since.elapsed().as_secs();
                eprintln!("{now} back: {} answers again, after {secs} s", self.gateway);
                self.cut_off = None;
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
        self.cut_off.is_none()
    }

    /// Names the events that the gateway told elsewhere or could not tell, each once.
    async fn compare(&mut self) -> Result<(), String> {
        if self.client.is_none() {
            return Ok(());
        }
        if self.cursor.is_empty() {
            self.cursor = format!("created_from={}", self.now().await);
        }
        loop {
            let page = self.ask(&format!("/v1/events?limit=100&{}", self.cursor)).await?;
            let events = page["data"].as_array().cloned().unwrap_or_default();
            for event in &events {
                let id = event["id"].as_str().unwrap_or_default().to_owned();
                if self.open.len() >= FOLLOWED {
                    eprintln!(
                        "more than {FOLLOWED} events were not delivered; the later ones are not named"
                    );
                    self.open.clear();
                }
                self.cursor = format!("after={id}");
                self.open.insert(id, false);
            }
            if page["has_more"] != true {
                break;
            }
        }
        let arrived = Arc::clone(&self.arrived);
        self.open.retain(|id, _| !arrived.has(id));
        for (id, told) in self.open.clone() {
            let event = self.ask(&format!("/v1/events/{id}")).await?;
            let failed =
                event["delivery"]["tries"][0]["status"].as_u64().is_none_or(|it| it >= 300);
            let tried = !event["delivery"]["tries"][0].is_null();
            match event["delivery"]["status"].as_str().unwrap_or_default() {
                // To another address of the merchant's.
                "delivered" => _ = self.open.remove(&id),
                "waiting" if tried && failed && !told => {
                    eprintln!("{}", undelivered(&event));
                    self.open.insert(id, true);
                }
                "waiting" => {}
                _ => {
                    eprintln!("{}", undelivered(&event));
                    self.open.remove(&id);
                }
            }
        }
        Ok(())
    }

    /// The time of the gateway's events: a sandbox may have been moved ahead.
    async fn now(&self) -> String {
        let now = async {
            let (_, _, body) = client::receive(self.clock.try_clone()?).await.ok()?;
            let clock: Value = serde_json::from_slice(&body).ok()?;
            Some(clock["now"].as_str()?.to_owned())
        };
        now.await.unwrap_or_else(|| rfc3339(clock::now()))
    }

    async fn ask(&self, target: &str) -> Result<Value, String> {
        let client = self.client.as_ref().ok_or("there is no key to ask with")?;
        let answer = client.request("GET", target, None, None).await;
        let answer = answer.map_err(|error| error.to_string())?;
        if let Trust::Refused(why) = answer.trust {
            return Err(why.to_string());
        }
        if let Some(problem) = answer.problem() {
            return Err(problem.detail);
        }
        serde_json::from_slice(&answer.body).map_err(|error| error.to_string())
    }
}

/// One line on an event that did not come.
fn undelivered(event: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let delivery = &event["delivery"];
    let last = &delivery["tries"][0];
    let why = match (last["status"].as_u64(), last["error"].as_str()) {
        (Some(status), _) => format!(": {} answered {status}", text(&last["host"])),
        (None, Some(error)) => format!(": {}: {error}", text(&last["host"])),
        (None, None) => String::new(),
    };
    let of = match (event["order_id"].as_str(), event["data"]["endpoint"]["host"].as_str()) {
        (Some(order), _) => format!(" of {order}"),
        (None, Some(host)) => format!(" of {host}"),
        (None, None) => String::new(),
    };
    let (kind, id, status) = (text(&event["type"]), text(&event["id"]), text(&delivery["status"]));
    format!("{} not delivered: {kind}{of} ({id}), {status}{why}", text(&event["created_at"]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_did_not_come_is_named_with_its_reason() {
        let at = "2026-11-18T11:06:40.042Z";
        for (event, expected) in [
            (
                json!({ "id": "evt_1", "type": "order.paid", "created_at": at, "order_id": "ord_1",
                    "delivery": { "status": "waiting", "tries": [{ "host": "127.0.0.1:9", "status": null, "error": "refused" }] } }),
                "not delivered: order.paid of ord_1 (evt_1), waiting: 127.0.0.1:9: refused",
            ),
            (
                json!({ "id": "evt_2", "type": "order.paid", "created_at": at, "order_id": "ord_1",
                    "delivery": { "status": "given_up", "tries": [{ "host": "shop.example", "status": 500 }] } }),
                "not delivered: order.paid of ord_1 (evt_2), given_up: shop.example answered 500",
            ),
            (
                json!({ "id": "evt_3", "type": "endpoint.failing", "created_at": at, "order_id": null,
                    "data": { "endpoint": { "host": "shop.example" } }, "delivery": { "status": "not_sent", "tries": [] } }),
                "not delivered: endpoint.failing of shop.example (evt_3), not_sent",
            ),
        ] {
            assert_eq!(undelivered(&event), format!("{at} {expected}"));
        }
    }
}
