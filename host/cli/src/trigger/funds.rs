//! The steps to the events of payouts, settlement batches and contracts. Days pass in them, on the
//! sandbox's clock.

use lezai_core::time::Timestamp;
use lezai_wire::time::{parse_rfc3339, rfc3339};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::Act;
use super::play::{AT_ONCE, DAY_SECS, LATER_SECS, LOOK_EVERY, MOVES, Play, random};
use crate::operator::OperatorCall;
use crate::outcome::Failed;

/// A time is over so long after it, and some.
const STATEMENT_SECS: u32 = 15;
/// A payout that is called off is planned so far ahead.
const PLANNED_SECS: i64 = 30 * 86_400;
/// An order of this amount is paid until enough is available.
const ORDER: i64 = 1_280_000;

impl Play {
    /// A payout of an amount, called off or not.
    pub(super) async fn payout(
        &self,
        event: &str,
        amount: i64,
        cancelled: bool,
    ) -> Result<bool, String> {
        self.make_available(amount).await?;
        let mut body = json!({
            "merchant_payout_id": format!("T-{}", random()), "amount": amount, "currency": "CNY",
            "destination": { "kind": "bank_account", "account": "6222020200112233445", "holder": "lezai trigger" },
        });
        if cancelled {
            body["not_before"] = json!(rfc3339(self.now().await?.plus_secs(PLANNED_SECS)));
        }
        let end = self.end_of(event).await?;
        let created = self.post("/v1/payouts", &body).await?;
        let id = created["id"].as_str().ok_or("the gateway gave the payout no id")?.to_owned();
        say!("payout     {id} of {amount} CNY, {}", created["status"].as_str().unwrap_or("-"));
        if cancelled {
            let path = format!("/v1/payouts/{id}/cancel");
            let payout = self.post(&path, &json!({})).await?;
            say!("cancel     {}", payout["status"].as_str().unwrap_or("-"));
        }
        let is_it = |it: &Value| it["data"]["payout"]["id"] == id.as_str();
        let event = self.comes(event, end, LATER_SECS, is_it).await?;
        self.delivered(&event).await
    }

    /// A batch of two payouts, one of which the bank refuses.
    pub(super) async fn payout_batch(&self, event: &str) -> Result<bool, String> {
        const AMOUNTS: [i64; 2] = [10_000, 10_972];
        let total = AMOUNTS.iter().sum::<i64>();
        self.make_available(total).await?;
        let item = |amount: &i64| {
            json!({
                "merchant_payout_id": format!("T-{}", random()), "amount": amount,
                "destination": { "kind": "bank_account", "account": "6222020200112233445", "holder": "lezai trigger" },
            })
        };
        let body = json!({
            "merchant_payout_batch_id": format!("T-{}", random()), "currency": "CNY", "total_amount": total,
            "total_count": AMOUNTS.len(), "items": AMOUNTS.iter().map(item).collect::<Vec<_>>(),
        });
        let end = self.end_of(event).await?;
        let created = self.post("/v1/payout_batches", &body).await?;
        let id = created["id"].as_str().ok_or("the gateway gave the batch no id")?.to_owned();
        say!("batch      {id} of {total} CNY, {}", created["status"].as_str().unwrap_or("-"));
        let is_it = |it: &Value| it["data"]["payout_batch"]["id"] == id.as_str();
        let event = self.comes(event, end, LATER_SECS, is_it).await?;
        self.delivered(&event).await
    }

    /// A batch that is closed at a cut-off of the merchant's contract, which is agreed on if there is none.
    pub(super) async fn settlement(&self, event: &str) -> Result<bool, String> {
        let end = self.end_of(event).await?;
        let order = self.order(12_800, "automatic", None, None).await?;
        self.act(&order, Act::Pay).await?;
        let contracts = self.get("/v1/contracts").await?;
        if contracts["data"].as_array().is_none_or(Vec::is_empty) {
            self.agree(1, &standard()).await?;
        }
        let event = self.comes(event, end, DAY_SECS, |_| true).await?;
        self.delivered(&event).await
    }

    /// A statement of the last hour, with an order in it.
    pub(super) async fn statement(&self, event: &str) -> Result<bool, String> {
        let order = self.order(12_800, "automatic", None, None).await?;
        self.act(&order, Act::Pay).await?;
        let to = self.now().await?.plus_secs(1);
        // What it covers must be over.
        self.later(STATEMENT_SECS).await?;
        let body = json!({
            "type": "orders.1", "format": "csv", "from": rfc3339(to.plus_secs(-3600)), "to": rfc3339(to),
        });
        let end = self.end_of(event).await?;
        let asked = self.post("/v1/statements", &body).await?;
        let id = asked["id"].as_str().ok_or("the gateway gave the statement no id")?.to_owned();
        say!("statement  {id}");
        let is_it = |it: &Value| it["data"]["statement"]["id"] == id.as_str();
        let event = self.comes(event, end, LATER_SECS, is_it).await?;
        self.delivered(&event).await
    }

    /// The merchant's next contract, with the terms of the last.
    pub(super) async fn contract(&self, event: &str) -> Result<bool, String> {
        let contracts = self.get("/v1/contracts").await?;
        let last = &contracts["data"][0];
        let number = last["number"].as_u64().unwrap_or_default() + 1;
        let terms = if last.is_object() { last["contract"].clone() } else { standard() };
        let end = self.end_of(event).await?;
        self.agree(number, &terms).await?;
        let is_it = |it: &Value| it["data"]["contract"]["number"] == number;
        let event = self.comes(event, end, LATER_SECS, is_it).await?;
        self.delivered(&event).await
    }

    /// The merchant that signs: an event says whose it is.
    async fn merchant(&self) -> Result<String, String> {
        let mut found = self.get("/v1/events?limit=1").await?;
        if found["data"].as_array().is_none_or(Vec::is_empty) {
            let order = self.order(12_800, "automatic", None, None).await?;
            self.act(&order, Act::Close).await?;
            found = self.get("/v1/events?limit=1").await?;
        }
        let merchant = found["data"][0]["merchant"].as_str();
        merchant.map(str::to_owned).ok_or_else(|| "no event says whose it is".to_owned())
    }

    async fn agree(&self, number: u64, contract: &Value) -> Result<(), String> {
        let merchant = self.merchant().await?;
        let call = OperatorCall {
            method: reqwest::Method::PUT,
            target: &format!("/admin/v1/merchants/{merchant}/contracts/{number}"),
            idempotency_key: None,
            body: Some(json!({ "contract": contract }).to_string()),
        };
        let put = self.operator.ask(call).await;
        put.map_err(|(Failed::Refused(why) | Failed::NotDone(why))| why)?;
        say!("contract   {number}");
        Ok(())
    }

    /// Pays an order and lets days pass until an amount is available, with room for a fee.
    async fn make_available(&self, amount: i64) -> Result<(), String> {
        let wanted = amount + amount / 10;
        if self.available().await? >= wanted {
            return Ok(());
        }
        let order = self.order(ORDER, "automatic", None, None).await?;
        self.act(&order, Act::Pay).await?;
        for _ in 0..=MOVES {
            self.later(DAY_SECS).await?;
            let begun = Instant::now();
            while begun.elapsed() < AT_ONCE {
                if self.available().await? >= wanted {
                    return Ok(());
                }
                sleep(LOOK_EVERY).await;
            }
        }
        Err("nothing became available".to_owned())
    }

    async fn available(&self) -> Result<i64, String> {
        let balances = self.get("/v1/balances").await?;
        let mut all = balances["data"].as_array().into_iter().flatten();
        let found = all.find(|it| it["account"] == "available" && it["currency"] == "CNY");
        Ok(found.and_then(|it| it["amount"].as_i64()).unwrap_or_default())
    }

    pub(super) async fn now(&self) -> Result<Timestamp, String> {
        let clock = self.get_unsigned("/sandbox/clock").await?;
        let now = clock["now"].as_str().and_then(parse_rfc3339);
        now.ok_or_else(|| "the sandbox's clock has no time".to_owned())
    }

    /// The last event of a type that there is: what comes, comes after it.
    pub(super) async fn end_of(&self, event: &str) -> Result<Option<String>, String> {
        let mut end: Option<String> = None;
        loop {
            let found = self.events_after(event, end.as_deref()).await?;
            let last = found["data"].as_array().and_then(|it| it.last());
            end = last.and_then(|it| it["id"].as_str().map(str::to_owned)).or(end);
            if found["has_more"] != true {
                return Ok(end);
            }
        }
    }

    async fn events_after(&self, event: &str, after: Option<&str>) -> Result<Value, String> {
        let after = after.map(|it| format!("&after={it}")).unwrap_or_default();
        self.get(&format!("/v1/events?type={event}&limit=100{after}")).await
    }

    /// Waits for an event of a type after another, and moves the sandbox's clock if it needs time.
    pub(super) async fn comes(
        &self,
        event: &str,
        mut after: Option<String>,
        step_secs: u32,
        is_it: impl Fn(&Value) -> bool,
    ) -> Result<Value, String> {
        for moved in 0..=MOVES {
            if moved > 0 {
                self.later(step_secs).await?;
            }
            let begun = Instant::now();
            while begun.elapsed() < AT_ONCE {
                let found = self.events_after(event, after.as_deref()).await?;
                for it in found["data"].as_array().into_iter().flatten() {
                    let id = it["id"].as_str().unwrap_or_default();
                    if is_it(it) {
                        say!("event      {event} {id}");
                        return Ok(it.clone());
                    }
                    after = Some(id.to_owned());
                }
                sleep(LOOK_EVERY).await;
            }
        }
        Err("it did not come about".to_owned())
    }
}

/// The standard terms, as a contract: a cut-off in Shanghai at 16:00.
fn standard() -> Value {
    json!({
        "cycle": { "kind": "after", "seconds": 86_400 },
        "day": { "zone": "Asia/Shanghai", "cut_off": "16:00" },
    })
}

#[cfg(test)]
mod tests {
    use lezai_core::funds::contract::Contract;

    use super::*;

    #[test]
    fn contract_that_is_agreed_on_is_one() {
        Contract::from_json(standard().to_string().as_bytes()).unwrap();
    }
}
