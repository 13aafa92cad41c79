//! Plays out what leads to an event, as a merchant and its shopper, and waits for it.

use std::time::Duration;

use reqwest::{Method, Url};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::refusing::Refusing;
use super::{Act, Kind, Plot};
use crate::caller;
use crate::operator::{Failed, OperatorArgs, OperatorCall};
use lezai_base::entropy;
use lezai_client as client;
use lezai_client::{Client, Trust};

/// An event that needs no time happens within this, on a busy machine too.
pub(super) const AT_ONCE: Duration = Duration::from_secs(2);
/// The wallet's late acts come after half a minute, and its gateway asks within another.
pub(super) const LATER_SECS: u32 = 31;
/// So often the clock is moved before it is given up.
pub(super) const MOVES: u32 = 6;
/// A payment of a merchant without a contract settles a day after its capture.
pub(super) const DAY_SECS: u32 = 86_401;
/// A receiver has five seconds to answer, and is tried twice within these.
const DELIVERY: Duration = Duration::from_secs(15);
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(100);
/// So many tries in a row that fail are told (`endpoint.failing`).
const FAILURES: usize = 5;

/// A merchant and its shopper.
pub(super) struct Play {
    client: Client,
    http: reqwest::Client,
    origin: Url,
    pub(super) operator: OperatorArgs,
    notify_url: Option<String>,
}

impl Play {
    pub(super) fn new(
        client: Client,
        operator: OperatorArgs,
        notify_url: Option<String>,
    ) -> Result<Self, String> {
        let said = |error: client::ClientError| error.to_string();
        let origin = client::parse_origin(&operator.gateway).map_err(said)?;
        let http = client::http(&origin).map_err(said)?;
        Ok(Self { client, http, origin, operator, notify_url })
    }

    /// Makes it happen and prints what came of it; whether a callback that is sent was taken.
    pub(super) async fn of(&self, kind: &Kind) -> Result<bool, String> {
        match kind.plot {
            Plot::Order { amount, capture, held, acts } => {
                let goods = held.then_some("gift_card");
                let notify_url = self.notify_url.as_deref();
                let order = self.order(amount, capture, goods, notify_url).await?;
                for act in acts {
                    self.act(&order, *act).await?;
                }
                let query = format!("order_id={order}&type={}", kind.event);
                let event = self.event(&query).await?;
                self.delivered(&event).await
            }
            Plot::Endpoint { recovers } => self.endpoint(kind.event, recovers).await,
            Plot::Test => self.test().await,
            Plot::Payout { amount, cancelled } => self.payout(kind.event, amount, cancelled).await,
            Plot::PayoutBatch => self.payout_batch(kind.event).await,
            Plot::Split { returned } => self.split(kind.event, returned).await,
            Plot::Mandate(fate) => self.mandate(kind.event, fate).await,
            Plot::Settlement => self.settlement(kind.event).await,
            Plot::Contract => self.contract(kind.event).await,
            Plot::Statement => self.statement(kind.event).await,
        }
    }

    pub(super) fn notify_url(&self) -> Option<&str> {
        self.notify_url.as_deref()
    }

    pub(super) async fn order(
        &self,
        amount: i64,
        capture: &str,
        goods: Option<&str>,
        notify_url: Option<&str>,
    ) -> Result<String, String> {
        self.order_with(amount, capture, goods, notify_url, "agreed").await
    }

    /// As [`Play::order`], split when it is settled, or later.
    async fn order_with(
        &self,
        amount: i64,
        capture: &str,
        goods: Option<&str>,
        notify_url: Option<&str>,
        split: &str,
    ) -> Result<String, String> {
        let mut order = json!({
            "merchant_order_id": format!("T-{}", random()), "amount": amount, "currency": "CNY",
            "description": "lezai trigger", "capture": capture, "split": split,
        });
        if let Some(goods) = goods {
            order["metadata"] = json!({ "goods": goods });
        }
        if let Some(url) = notify_url {
            order["notify_url"] = json!(url);
        }
        let created = self.post("/v1/orders", &order).await?;
        let id = created["id"].as_str().ok_or("the gateway gave the order no id")?.to_owned();
        say!("order      {id} over {amount} CNY, {capture} capture");
        Ok(id)
    }

    pub(super) async fn act(&self, order: &str, act: Act) -> Result<(), String> {
        let call = |name: &str| format!("/v1/orders/{order}/{name}");
        let answer = match act {
            Act::Pay => self.unsigned(&format!("/sandbox/orders/{order}/pay"), &json!({})).await?,
            Act::Close => self.post(&call("close"), &json!({})).await?,
            Act::Capture => self.post(&call("capture"), &json!({})).await?,
            Act::Void => self.post(&call("void"), &json!({})).await?,
            Act::Refund(amount) => {
                let refund = json!({
                    "merchant_refund_id": format!("T-{}", random()), "amount": amount, "currency": "CNY",
                });
                self.post(&call("refunds"), &refund).await?
            }
            Act::Approve => self.approve(order).await?,
        };
        let act = format!("{act:?}").to_lowercase();
        say!("{act:<10} {}", answer["status"].as_str().unwrap_or_default());
        Ok(())
    }

    /// An order that is split once it is settled: finished, or given back of.
    async fn split(&self, event: &str, returned: bool) -> Result<bool, String> {
        let notify_url = self.notify_url.as_deref();
        let order = self.order_with(12_800, "automatic", None, notify_url, "later").await?;
        self.act(&order, Act::Pay).await?;
        let (split, number) = (self.settled_to_split(&order).await?, random());
        let body = json!({
            "merchant_split_id": format!("T-{number}"),
            "shares": [{ "receiver": "courier", "amount": split }],
        });
        let made = self.post(&format!("/v1/orders/{order}/splits"), &body).await?;
        let id = made["id"].as_str().ok_or("the gateway gave the split no id")?;
        say!("split      {id} of {split} CNY to courier");
        if returned {
            let body = json!({
                "merchant_return_id": format!("T-{number}"), "receiver": "courier", "amount": 500,
            });
            let back = self.post(&format!("/v1/splits/{id}/returns"), &body).await?;
            say!("return     {}", back["status"].as_str().unwrap_or("-"));
        } else {
            let done = self.post(&format!("/v1/orders/{order}/splits/finish"), &json!({})).await?;
            say!("finish     {}", done["split_finished_at"].as_str().unwrap_or("-"));
        }
        let event = self.event(&format!("order_id={order}&type={event}")).await?;
        self.delivered(&event).await
    }

    /// Lets days pass until an order is settled, and says how much of it is to be split.
    async fn settled_to_split(&self, order: &str) -> Result<i64, String> {
        for _ in 0..=MOVES {
            self.later(DAY_SECS).await?;
            let begun = Instant::now();
            while begun.elapsed() < AT_ONCE {
                let found = self.get(&format!("/v1/orders/{order}")).await?;
                if found["settled_at"].is_string() {
                    return Ok(found["unsplit_amount"].as_i64().unwrap_or_default().min(3000));
                }
                sleep(LOOK_EVERY).await;
            }
        }
        Err("the order did not settle".to_owned())
    }

    async fn approve(&self, order: &str) -> Result<Value, String> {
        let call = OperatorCall {
            method: Method::POST,
            target: &format!("/admin/v1/orders/{order}/review"),
            idempotency_key: Some(&random()),
            body: Some(json!({ "verdict": "approve", "reason": "lezai trigger" }).to_string()),
        };
        let answer = self.operator.ask(call).await;
        let answer = answer.map_err(|(Failed::Refused(why) | Failed::NotDone(why))| why)?;
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        Ok(answer["order"].clone())
    }

    /// Waits for an event, and moves the sandbox's clock if it needs time.
    pub(super) async fn event(&self, query: &str) -> Result<Value, String> {
        for moved in 0..=MOVES {
            if moved > 0 {
                self.later(LATER_SECS).await?;
            }
            let begun = Instant::now();
            while begun.elapsed() < AT_ONCE {
                let found = self.get(&format!("/v1/events?{query}")).await?;
                if let Some(event) = found["data"].as_array().and_then(|it| it.last()) {
                    let text = |name: &str| event[name].as_str().unwrap_or_default();
                    say!("event      {} {}", text("type"), text("id"));
                    return Ok(event.clone());
                }
                sleep(LOOK_EVERY).await;
            }
        }
        Err("it did not come about".to_owned())
    }

    /// Whether the receiver takes the event's callback in time.
    pub(super) async fn delivered(&self, event: &Value) -> Result<bool, String> {
        let id = event["id"].as_str().ok_or("the event has no id")?;
        let begun = Instant::now();
        loop {
            let event = self.get(&format!("/v1/events/{id}")).await?;
            let delivery = &event["delivery"];
            let (status, last) = (delivery["status"].as_str(), &delivery["tries"][0]);
            if status != Some("waiting") || begun.elapsed() > DELIVERY {
                let (host, error) = (last["host"].as_str(), last["error"].as_str());
                let answer = last["status"].as_u64().map(|it| format!("answered {it}"));
                let what = answer.or(error.map(str::to_owned)).unwrap_or_default();
                let status = status.unwrap_or_default();
                say!("callback   {status}; {} {what}", host.unwrap_or("no host"));
                return Ok(status == "delivered");
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// One host that refuses until it was told, and recovers or not.
    async fn endpoint(&self, event: &str, recovers: bool) -> Result<bool, String> {
        let server = Refusing::start().await?;
        say!("receiver   {} refuses", server.url);
        for _ in 0..FAILURES {
            let order = self.order(12800, "automatic", None, Some(&server.url)).await?;
            self.act(&order, Act::Pay).await?;
        }
        let host = server.url.trim_start_matches("http://").trim_end_matches("/callbacks");
        self.of_host("endpoint.failing", host).await?;
        if recovers {
            server.take();
            say!("receiver   {} takes", server.url);
            // The second try comes after five seconds.
            self.later(6).await?;
            self.of_host(event, host).await?;
        }
        say!("callback   none: such an event is kept for whoever asks");
        Ok(true)
    }

    async fn of_host(&self, event: &str, host: &str) -> Result<(), String> {
        let begun = Instant::now();
        let mut cursor = String::new();
        while begun.elapsed() < DELIVERY {
            let found = self.get(&format!("/v1/events?type={event}&limit=100{cursor}")).await?;
            for it in found["data"].as_array().into_iter().flatten() {
                let id = it["id"].as_str().unwrap_or_default();
                if it["data"]["endpoint"]["host"] == host {
                    say!("event      {event} {id}");
                    return Ok(());
                }
                cursor = format!("&after={id}");
            }
            if found["has_more"] != true {
                sleep(LOOK_EVERY).await;
            }
        }
        Err("it did not come about".to_owned())
    }

    async fn test(&self) -> Result<bool, String> {
        let body = match &self.notify_url {
            Some(url) => json!({ "notify_url": url }),
            None => json!({}),
        };
        let report = self.post("/v1/events/test", &body).await?;
        for it in report["callbacks"].as_array().into_iter().flatten() {
            let text = |name: &str| it[name].as_str().unwrap_or_default();
            let status = it["status"].as_u64().map_or_else(|| "-".to_owned(), |it| it.to_string());
            say!("{:<10} {status:<4} {}", text("kind"), text("note"));
        }
        Ok(report["passed"] == true)
    }

    pub(super) async fn later(&self, secs: u32) -> Result<(), String> {
        say!("clock      {secs} s later");
        self.unsigned("/sandbox/clock", &json!({ "advance_secs": secs })).await.map(drop)
    }

    pub(super) async fn get(&self, target: &str) -> Result<Value, String> {
        self.signed("GET", target, None).await
    }

    pub(super) async fn post(&self, target: &str, body: &Value) -> Result<Value, String> {
        self.signed("POST", target, Some(body.to_string().into_bytes())).await
    }

    async fn signed(
        &self,
        method: &str,
        target: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Value, String> {
        let key = (method == "POST").then(random);
        let answer = self.client.request(method, target, body, key.as_deref()).await;
        let answer = answer.map_err(|error| caller::unanswered(&self.operator.gateway, &error))?;
        if let Trust::Refused(why) = answer.trust {
            return Err(why.to_string());
        }
        read(target, answer.status, &answer.body)
    }

    pub(super) async fn get_unsigned(&self, path: &str) -> Result<Value, String> {
        let target = client::parse_target(&self.origin, path).map_err(|error| error.to_string())?;
        let (status, _, body) = client::receive(self.http.get(target))
            .await
            .map_err(|error| caller::unanswered(&self.operator.gateway, &error))?;
        read(path, status, &body)
    }

    pub(super) async fn unsigned(&self, path: &str, body: &Value) -> Result<Value, String> {
        let target = client::parse_target(&self.origin, path).map_err(|error| error.to_string())?;
        let request = self.http.post(target).header("content-type", "application/json");
        let (status, _, body) = client::receive(request.body(body.to_string()))
            .await
            .map_err(|error| caller::unanswered(&self.operator.gateway, &error))?;
        read(path, status, &body)
    }
}

fn read(target: &str, status: u16, body: &[u8]) -> Result<Value, String> {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    if (200..300).contains(&status) {
        return Ok(value);
    }
    let detail = value["detail"].as_str().unwrap_or_default();
    Err(format!("{target} answered {status}: {detail}"))
}

pub(super) fn random() -> String {
    entropy::bytes::<8>().map(|byte| format!("{byte:02x}")).concat()
}
